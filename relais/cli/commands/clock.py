"""`relais clock`: the virtual time of stage dev. Moving it settles what has become due, as waiting would."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from relais.act import act_from_row
from relais.cli.output import AsJson, OfStage, Times, UsageRefusedError, say, sentences, table, tell_json
from relais.cli.reading import SHARDS
from relais.cli.stack import Stack, Stage
from relais.errors import RelaisError
from relais.gate import Gate, Status, gate_from_row
from relais.order import order_from_row, stamp
from relais.ports import Store
from relais.rows import CLOCK_KEY, Key, Put, Row
from relais.steps.book import latest

ROUNDS = 25
PAGE = 50
CLOCK_ROW_VERSION = 1


class BackwardsError(RelaisError):
    """The clock was asked to go back."""

    def __init__(self, now: str, asked: str) -> None:
        """Keep both."""
        super().__init__(
            f"{asked} is before the present {now}: what is settled stays settled, and dates written since would lie in "
            "the future, so orders under way would wait longer than they should. Use --force if that is meant."
        )


class DateUnreadableError(UsageRefusedError):
    """A text is no date."""

    def __init__(self, text: str) -> None:
        """Keep the text."""
        super().__init__(f'"{text}" is no date: write 2026-12-04, or 2026-12-04T18:00, or with an offset …+01:00.')


@dataclass(frozen=True, slots=True)
class _Settled:
    """A row that was due, and what the clock made of it."""

    order: str
    what: str
    due: datetime
    outcome: str


@sentences
def clock(
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DATE", help="Move the time to an ISO date (its midnight) or datetime, then settle."
        ),
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Show the time; the default.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the time of the wall.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Let --to go back.")] = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Show or move the virtual time of stage dev, and settle what has become due by then.

    Defaults run up to ten minutes after the printed deadline, so move a little further than that. Dates count from
    when a gate opens: what a settled default opens waits anew. Undo with --reset; what was settled stays settled.
    """
    if sum((to is not None, now, reset)) > 1:
        raise UsageRefusedError("--to, --now and --reset exclude each other: give one of them.")
    if (to is not None or reset) and stage is not Stage.DEV:
        raise UsageRefusedError(f"Stage {stage} lives in the time of the wall: only stage dev has a clock that moves.")
    stack = Stack(stage)
    times = Times.of_shop(stack.ports.store)
    if to is not None:
        _move(stack, times, _read(times, to), force=force, as_json=as_json)
    elif reset:
        _reset(stack, times, as_json=as_json)
    else:
        _tell(stack, times, {}, as_json=as_json)


def _read(times: Times, text: str) -> datetime:
    try:
        return times.read(text)
    except ValueError:
        raise DateUnreadableError(text) from None


def _move(stack: Stack, times: Times, to: datetime, *, force: bool, as_json: bool) -> None:
    ports = stack.ports
    before = ports.now()
    if to < before and not force:
        raise BackwardsError(str(times.words(before)), str(times.words(to)))
    offset = round((before - ports.wall()).total_seconds())
    _set_offset(stack, math.ceil((to - ports.wall()).total_seconds()), before)
    ports.begin()
    settled: list[_Settled] = []
    total = {"settled": 0, "failed": 0}
    rounds, more = 0, True
    while more and rounds < ROUNDS:
        nominated = _due(ports.store, ports.now())
        told = _tick(stack, None if rounds else offset)
        settled += [_outcome(ports.store, key, row) for key, row in nominated]
        total = {name: count + told[name] for name, count in total.items()}
        more = bool(told["settled"] or told["remaining"])
        rounds += 1
    outcome = {
        "before": times.iso(before),
        "rounds": rounds,
        "settled": total["settled"],
        "failed": total["failed"],
        "more": more,
        "rows": [
            {"order": one.order, "what": one.what, "due": times.iso(one.due), "outcome": one.outcome} for one in settled
        ],
    }
    _tell(stack, times, outcome, as_json=as_json)


def _tick(stack: Stack, offset_before: int | None) -> dict[str, int]:
    """Tick; where the very first call is not even taken, put the time back: nothing has happened in it."""
    try:
        return stack.tick()
    except ClientError:
        if offset_before is not None:
            _set_offset(stack, offset_before, stack.ports.wall())
        raise


def _set_offset(stack: Stack, offset: int, before: datetime) -> None:
    store, wall = stack.ports.store, stack.ports.wall()
    furthest = max(latest(store, before), wall + timedelta(seconds=offset))
    row = {"v": CLOCK_ROW_VERSION, "offset": offset, "furthest": stamp(furthest)}
    store.write(Put(CLOCK_KEY, row, guards=()))


def _due(store: Store, now: datetime) -> list[tuple[Key, Row]]:
    """What the clock will look at, read before it does; each row once."""
    keys = [key for shard in SHARDS for key in store.due(f"D#{shard:02d}", now, PAGE)]
    rows = {key: store.get(key) for key in keys}
    found = [(key, row) for key, row in rows.items() if row is not None and "due" in row]
    return sorted(found, key=lambda one: (one[1]["due"], one[0]))


def _outcome(store: Store, key: Key, before: Row) -> _Settled:
    order = key.pk.removeprefix("O#")
    due = datetime.fromisoformat(before["due"])
    after = store.get(key) or before
    if key.sk.startswith("G#"):
        gate = gate_from_row(after)
        return _Settled(order, str(gate.id), due, _gate_outcome(gate_from_row(before), gate))
    if key.sk.startswith("A#"):
        act = act_from_row(after)
        return _Settled(order, act.id, due, f"looked at: {act.state.value}")
    return _Settled(order, "order", due, f"looked at: {order_from_row(after).stage.value}")


def _gate_outcome(before: Gate, after: Gate) -> str:
    if before.status is Status.OPEN and after.decision is not None:
        return f"{after.decision.choice.value} by {after.decision.by}"
    if before.status is not Status.OPEN:
        return "resumed again" if after.owes else "taken up"
    if before.due == after.due:
        return "still due"
    return "mailed" if after.mailed and not before.mailed else "reminded"


def _reset(stack: Stack, times: Times, *, as_json: bool) -> None:
    ports = stack.ports
    before = ports.now()
    _set_offset(stack, 0, before)
    ports.begin()
    _tell(stack, times, {"before": times.iso(before)}, as_json=as_json)


def _tell(stack: Stack, times: Times, outcome: dict[str, Any], *, as_json: bool) -> None:
    ports = stack.ports
    now, wall = ports.now(), ports.wall()
    document = {
        "stage": stack.stage.value,
        "now": times.iso(now),
        "wall": times.iso(wall),
        "offset_seconds": round((now - wall).total_seconds()),
    } | outcome
    if as_json:
        tell_json(document)
        return
    if "rows" in document:
        table(
            "Settled",
            ("Due", "Order", "What", "Outcome"),
            [(times.shown(one["due"]), one["order"], one["what"], one["outcome"]) for one in document["rows"]],
        )
    if document.get("failed"):
        say(f"{document['failed']} rows failed and stay due: see the log of relais-{stack.stage}-tick-clock.")
    if document.get("more"):
        say(f"After {ROUNDS} rounds something is still due: run the same command again.")
    moved = document["offset_seconds"]
    say(f"It is {times.words(now)} ({times.zone}){f', moved by {timedelta(seconds=moved)}' if moved else ''}.")
