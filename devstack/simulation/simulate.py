"""Many worlds side by side, and what they came to together: `relais simulate`."""

from __future__ import annotations

import contextlib
import io
import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import Any

from devstack.simulation.judging import Verdict
from devstack.simulation.season import play

DEAF = 3
"""Which of every four worlds hears of nothing: the reconciler alone has to do (design: money D)."""
IN_ONE_WORLD = 10
"""Orders that share a roster and a seller: as many as the sample roster can carry."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played: so many orders that come in over so many days, drawn from a seed."""

    orders: int
    seed: int
    days: int
    processes: int
    deaf: bool = False
    """No webhook ever arrives in any of its worlds; else in the last of every four."""

    def worlds(self) -> list[tuple[str, int, int, bool]]:
        """The seed, the orders and the days of each world, and whether it hears of nothing."""
        sizes = [min(IN_ONE_WORLD, self.orders - begun) for begun in range(0, self.orders, IN_ONE_WORLD)]
        return [
            (f"{self.seed}.{number}", size, self.days, self.deaf or number % 4 == DEAF)
            for number, size in enumerate(sizes)
        ]


@dataclass
class Report:
    """What all worlds came to; amounts in minor units of the shop's currency."""

    plan: Plan
    played: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    money: Counter[str] = field(default_factory=Counter)
    mails: Counter[str] = field(default_factory=Counter)
    weeks: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, orders: int, verdict: Verdict) -> None:
        """Take in one world."""
        self.played += orders
        self.ended += verdict.ended
        self.money.update(verdict.money)
        self.mails += verdict.mails
        self.weeks += verdict.weeks
        self.violations += verdict.violations

    def document(self) -> dict[str, Any]:
        """The same seed gives the same document, however many processes played it."""
        return {
            "orders": self.played,
            "seed": self.plan.seed,
            "days": self.plan.days,
            "ended": dict(sorted(self.ended.items())),
            "money": {name: self.money[name] for name in ("in", "back", "out", "fees", "kept")},
            "mails_per_person_and_week": {
                who: round(self.mails[who] / weeks, 2) for who, weeks in sorted(self.weeks.items())
            },
            "violations": len(self.violations),
        }


def simulate(plan: Plan) -> Iterator[Report]:
    """Play every world, each in some process; gives the report as it grows."""
    report = Report(plan)
    with ProcessPoolExecutor(plan.processes, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_world, *one): one for one in plan.worlds()}
        for done in as_completed(running):
            report.add(running[done][1], done.result())
            yield report
    report.violations.sort()


def _world(seed: str, orders: int, days: int, deaf: bool) -> Verdict:  # noqa: FBT001 - as a plan names its worlds
    """One world in a process of its own; what the functions log is theirs, not the simulation's to tell."""
    logging.disable()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        verdict = play(seed, orders, days, deaf=deaf)
    return replace(verdict, violations=tuple(f"{one} (world {seed})" for one in verdict.violations))
