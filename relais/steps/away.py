"""Days away that are set while gates are open: the dates of whoever is away move by the working time that they take.

A date promised to a client moves with that client's yes only: where the work would come later, they are asked, and may
cancel free. A proposal does not wait for somebody who is away: it is taken back without any effect, and the next is
asked. Design: people 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from relais.calendar import Away, Calendar, kept_working_time
from relais.gate import (
    DUE_SHARDS,
    GOES_ON,
    AlreadyAnsweredError,
    Choice,
    Gate,
    Kind,
    Role,
    Status,
    Via,
    gate_from_row,
)
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Check, Write, differs, equals, gate_key, merged, order_key
from relais.shop import Shop
from relais.steps.asking import TRIES, numbered
from relais.steps.dates import dated, work_moved
from relais.steps.decisions import Answer, not_interrupted
from relais.steps.door import answer
from relais.steps.gates import send_first
from relais.steps.side import Caused, opening_writes
from relais.steps.situation import Situation, interrupted, read_freelancer, read_situation, sides_of

MOVED = "moved_for"
"""On a gate: for which days away its dates moved already, so that nobody is given them twice."""


def freelancer_away(ports: Ports, key: str, away: Away) -> int:
    """Move the open dates of a freelancer whose days away now count; returns how many. Asked any number of times."""
    after = read_freelancer(ports.store, key).calendar
    before = replace(after, away=tuple(one for one in after.away if one != away))
    return _moved(ports, lambda gate: (gate.role, gate.owner) == (Role.FREELANCER, key), before, after, away)


def seller_away(ports: Ports, before: Shop, after: Shop) -> int:
    """Move the seller's open dates for the days away that are new; returns how many moved."""
    today = ports.now().astimezone(ZoneInfo(after.zone)).date()
    found = 0
    calendar = before.calendar
    for away in sorted(set(after.away) - set(before.away), key=Away.to_row):
        if away.last < today:
            continue
        later = replace(calendar, away=(*calendar.away, away))
        found += _moved(ports, lambda gate: gate.role is Role.SELLER, calendar, later, away)
        calendar = later
    return found


def _moved(ports: Ports, mine: Callable[[Gate], bool], before: Calendar, after: Calendar, away: Away) -> int:
    gates = [gate for gate in _open(ports) if mine(gate) and _moves(gate) and gate.deadline is not None]
    return sum(_move(ports, gate, before, after, away) for gate in gates)


def _moves(gate: Gate) -> bool:
    """Whether days away move its dates: a message goes on while its order stands still, but nobody away answers it."""
    return gate.id.kind not in GOES_ON or gate.id.kind is Kind.MESSAGE


def _open(ports: Ports) -> Iterator[Gate]:
    """The open gates of every open order; an order of the last instants may be missing, its dates are new."""
    orders = {order for shard in range(DUE_SHARDS) for order in ports.store.open_orders(f"D#{shard:02d}")}
    for order in sorted(orders):
        for gate in map(gate_from_row, ports.store.query(f"O#{order}", "G#")):
            if gate.status is Status.OPEN:
                yield gate


def _move(ports: Ports, gate: Gate, before: Calendar, after: Calendar, away: Away) -> bool:
    """Whether a gate's dates moved, or its proposal was taken back."""
    for last in reversed(range(TRIES)):
        situation = read_situation(ports, gate.order, gate.id.milestone)
        row = ports.store.get(gate_key(gate.order, str(gate.id)))
        if row is None or row.get(MOVED) == str(away) or interrupted(situation):
            return False
        gate = gate_from_row(row)
        later = _later(gate, situation.now, before, after)
        if later is None:
            return False
        if gate.id.kind is Kind.PROPOSAL:
            return _taken_back(ports, situation, gate)
        try:
            _write(ports, situation, gate, later, away)
        except ConditionFailedError:
            if last:
                continue
            raise
        return True
    return False


def _later(gate: Gate, now: datetime, before: Calendar, after: Calendar) -> Gate | None:
    """The gate with its dates moved by what the days away take of them; nothing where they take nothing."""
    if gate.status is not Status.OPEN or gate.deadline is None or gate.deadline <= now:
        return None
    since = max(now, gate.counted_from)
    until = kept_working_time(gate.deadline, since, before, after)
    if until <= gate.deadline:
        return None
    ahead = [at if at <= since else kept_working_time(at, since, before, after) for at in gate.reminders]
    return replace(gate, deadline=until, reminders=tuple(at for at in ahead if at < until))


def _write(ports: Ports, situation: Situation, gate: Gate, later: Gate, away: Away) -> None:
    """The new dates with their mark; of the work the working deadline too, and what its client is asked."""
    mark = Change(gate_key(gate.order, str(gate.id)), put={MOVED: str(away)}, guards=(differs(MOVED, str(away)),))
    moves = gate.id.kind is Kind.WORK and later.deadline is not None
    caused = work_moved(ports, situation, later.deadline) if moves and later.deadline else Caused()
    writes: tuple[Write, ...] = caused.writes if moves else (dated(gate, later, situation.now),)
    opened = numbered(situation, sides_of(ports, situation), caused.opens) if caused.opens else ()
    here = (equals("stage", situation.stage), equals("ordinal", situation.ordinal))
    stands = Change(situation.key, put=caused.put, guards=here) if caused.put else Check(situation.key, here)
    calm = Check(order_key(gate.order), (not_interrupted(situation),))
    ports.store.write(*merged(stands, calm, mark, *writes, *opening_writes(situation, opened)))
    for one in opened:
        send_first(ports, read_situation(ports, gate.order, gate.id.milestone), one)


def _taken_back(ports: Ports, situation: Situation, gate: Gate) -> bool:
    """Nobody is waited for who said that they are away: no score changes, the next of the roster is asked."""
    try:
        answer(ports, situation, gate, Answer(Choice.AGAIN, Role.ENGINE.value, Via.ENGINE))
    except AlreadyAnsweredError:
        return False
    return True
