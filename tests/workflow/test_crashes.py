"""A process may die between any two calls to the outside: what follows repeats, and ends as if nothing had happened.

Orders are played over and over, by each way that they may end; each time the process dies at another place. Reads
leave no trace, so places between which only reads lie are one place: a death is tried before every call that leaves a
trace, and at the end of every function, when only its answer is lost. Then whoever called tries again, as they would:
Step Functions by its retriers, Stripe by delivering again, a person by pressing again where the page still asks; the
clock does the rest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from devstack.stripe_sandbox.payments import top_up
from relais.offer import RefundCause
from relais.steps import interrupt
from tests.support.journey import Journey
from tests.support.world import World, world_in_memory

READS = (
    ".get",
    ".get_many",
    ".query",
    ".due",
    ".open_orders",
    ".desk",
    ".book",
    ".get_text",
    ".size",
    ".digest",
    ".status",
)
PARTS = 12
RESERVE = 200_000
"""The seller's own money at Stripe: a refund draws on what is available."""


class CrashError(BaseException):
    """The process is gone: no handler of ours sees this."""


@dataclass
class Fuse:
    """Blows at the n-th place (0: never) and tells how many there are."""

    blows_at: int = 0
    places: list[str] = field(default_factory=list)
    inside: int = 0
    """How many of our processes run now: nobody else's call is a place."""

    def __call__(self, place: str) -> None:
        if place.endswith(READS) or ".GET " in place:
            return
        self.places.append(place)
        if len(self.places) == self.blows_at:
            raise CrashError

    def before(self, place: str) -> None:
        """A call to the outside is about to be made."""
        if self.inside:
            self(place)

    @contextmanager
    def burning(self) -> Iterator[None]:
        """One of our processes runs."""
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


@dataclass
class Doomed(Journey):
    """An order in whose life one process dies."""

    fuse: Fuse = field(default_factory=Fuse)


def insist(journey: Journey, act: Callable[[], object], done: Callable[[], bool]) -> None:
    """Somebody tries until it is done, as long as the page still asks; in between time passes."""
    for _ in range(3):
        with suppress(CrashError):
            act()
        recover(journey.world)
        if done():
            return
    raise AssertionError(f"not done after three tries; last {journey.world.engine.calls[-6:]}")


def recover(world: World) -> None:
    """A few minutes, of every kind: leases end, deliveries are repeated, the clock looks."""
    world.wall_shift += 240
    world.settle()
    with suppress(CrashError):
        world.pass_time(minutes=5)
        return
    world.pass_time(minutes=5)


def play(blows_at: int, ends: Callable[[Doomed], None]) -> tuple[dict[str, Any], Counter[str], Fuse]:
    """An order with one death; what it came to."""
    fuse = Fuse(blows_at)
    with world_in_memory(before=fuse.before) as world:
        call = world.engine.call

        def watched(name: str, event: Any) -> Any:
            with fuse.burning():
                return call(name, event)

        world.engine.call = watched  # type: ignore[method-assign]
        world.engine.after = lambda name: fuse(f"end of {name}")
        top_up(world.sandbox.platform, RESERVE)
        journey = Doomed(world, fuse=fuse)
        insist(journey, journey.draft, lambda: bool(journey.id))
        insist(journey, journey.pay, lambda: journey.stage == "brief")
        ends(journey)
        insist(journey, lambda: world.pass_time(days=4), lambda: journey.stage == "completed")
        insist(journey, lambda: world.pass_time(hours=30), lambda: world.next_due() is None)
        return *result(journey), fuse


def demo(journey: Doomed) -> None:
    """Sent back once, revised once, accepted and paid out."""
    take(journey, *STEPS)


def refund_as_a_right(journey: Doomed) -> None:
    """Every included change is made, the client has everything back, the freelancer is paid half."""
    take(journey, *WORK, deliver, approve)
    while journey.milestone.revisions_left:
        take(journey, revise, deliver, approve)
    take(journey, lambda one: one.answer("acceptance", "refund"))


def cancelled_in_work(journey: Doomed) -> None:
    """The seller cancels; the freelancer is paid in full."""
    take(journey, *WORK)
    cancelled(journey)


def cancelled_while_somebody_is_asked(journey: Doomed) -> None:
    """The freelancer who was asked hears that nobody waits any more."""
    insist(journey, journey.hand_in_brief, lambda: journey.stage == "assign")
    cancelled(journey)


def brief_unanswered(journey: Doomed) -> None:
    """After fourteen days of silence the order is cancelled and refunded whole."""
    deadline = journey.open_gate.deadline
    assert deadline is not None
    insist(journey, lambda: journey.world.go_to(deadline), lambda: journey.world.now() >= deadline)
    insist(journey, lambda: journey.world.pass_time(minutes=11), lambda: journey.stage != "brief")


ENDS = (demo, refund_as_a_right, cancelled_in_work, cancelled_while_somebody_is_asked, brief_unanswered)
"""The orders that are played, each by how it ends once it is paid."""


def cancelled(journey: Doomed) -> None:
    """The seller's command may die as well: whoever sees nothing done gives it again."""
    world = journey.world

    def command() -> None:
        with journey.fuse.burning(), suppress(interrupt.NothingToCancelError, interrupt.InterruptMetError):
            interrupt.cancel(
                world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="une bonne raison"
            )
        world.settle()

    insist(journey, command, lambda: journey.order.interrupt_seq == 1)


def take(journey: Journey, *steps: Callable[[Journey], object]) -> None:
    """One step after the other, each until the order has moved."""
    if journey.stage == "brief":
        insist(journey, journey.hand_in_brief, lambda: journey.stage == "assign")
    for step in steps:
        before_it = (journey.stage, journey.order.ordinal, journey.milestone.ordinal)
        insist(
            journey,
            lambda step=step: step(journey),
            lambda was=before_it: (journey.stage, journey.order.ordinal, journey.milestone.ordinal) != was,
        )


def deliver(journey: Journey) -> object:
    """A version is handed in."""
    return journey.deliver()


WORK: tuple[Callable[[Journey], object], ...] = (lambda journey: journey.answer("proposal", "accepted"),)
REWORK: tuple[Callable[[Journey], object], ...] = (
    deliver,
    lambda journey: journey.answer("review", "rework", "Plus de contraste."),
    deliver,
)


def approve(journey: Journey) -> object:
    """The seller lets it through."""
    return journey.answer("review", "approve")


def revise(journey: Journey) -> object:
    """The client wants a change."""
    return journey.answer("acceptance", "revise", "Un vert plus clair.")


def accept(journey: Journey) -> object:
    """The client is happy."""
    return journey.answer("acceptance", "accept")


STEPS: tuple[Callable[[Journey], object], ...] = (*WORK, *REWORK, approve, revise, deliver, approve, accept)
"""The demo's order, from the proposal to the client's yes."""
MOVING = re.compile(r"(cs_test|pi|ch|txn|tr|re)_\w+|[0-9a-f]{12,}(?=-)|\d{4}-\d\d-\d\dT[\d:.+]+")


REMINDED = "Rappel"
"""How the subject of a reminder begins: claimed, then sent, so a death loses it (design: workflow section 4)."""


def result(journey: Journey) -> tuple[dict[str, Any], Counter[str]]:
    """All that an order came to, without what may differ: ids that are drawn, the minutes of a day, tokens."""
    world = journey.world

    def plain(value: Any) -> Any:
        match value:
            case str():
                return MOVING.sub("…", value.replace(journey.id, "<order>"))
            case dict():
                return {plain(name): plain(one) for name, one in value.items() if name not in {"due", "book"}}
            case list():
                return [plain(one) for one in value]
            case _:
                return value

    rows = [plain(row) for row in world.rows(f"O#{journey.id}") if not row["sk"].startswith("T#")]
    reminders = Counter(mail.subject for mail in world.mails if mail.subject.startswith(REMINDED))
    letters: dict[tuple[str, ...], set[str]] = {}
    for mail in world.mails:
        if mail.subject.startswith(REMINDED):
            continue
        letters.setdefault((mail.to, *(link for link in mail.links if "/g/" in link), mail.subject), set()).add(
            mail.body
        )
    return {
        "rows": sorted(rows, key=str),
        "hands": {row["sk"]: row["in_hand"] for row in world.rows("ROSTER")},
        "sessions": len([row for row in world.rows() if row["pk"].startswith("S#") and row["order"] == journey.id]),
        "transfers": [(one["amount"], plain(one["metadata"])) for one in world.transfers()],
        "refunds": [
            (one["amount"], plain(dict(one["metadata"]))) for one in world.sandbox.platform.newest_first("refund")
        ],
        "letters": sorted((plain(key[0]), len(key), len(bodies)) for key, bodies in letters.items()),
        "runs": journey.order.run,
    }, reminders


@cache
def undisturbed(ends: Callable[[Doomed], None]) -> tuple[dict[str, Any], Counter[str], int]:
    """What the order comes to when nothing dies, its reminders, and how many places there are."""
    came_to, reminders, fuse = play(0, ends)
    return came_to, reminders, len(fuse.places)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("ends", ENDS, ids=lambda ends: ends.__name__)
def test_a_death_between_any_two_calls_ends_as_if_nothing_had_happened(
    ends: Callable[[Doomed], None], part: int
) -> None:
    """Promise 2, place by place: same rows, entries, places in hand, money moved; mails repeated, if so identical.

    A reminder may be lost, but is never sent twice.
    """
    expected, most, places = undisturbed(ends)
    wrong = []
    for number in range(1 + part, places + 1, PARTS):
        came_to, reminders, fuse = play(number, ends)
        if came_to != expected or not reminders <= most:
            wrong.append((fuse.places[number - 1], number, {k for k in expected if came_to[k] != expected[k]}))
    assert wrong == []
