"""Side gates: questions that no state of the workflow waits for.

The same row, clock, contract, page and mail as any gate, without a token. They count apart: by the number of those that
were opened on the order or milestone, which the opening advances in the same transaction. Two openings about the same
thing are one. Answering is one transaction with everything the answer causes (`door.py`); one that matters no more is
withdrawn. Design: workflow section 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from relais.gate import (
    AFTERWARDS,
    OF_MOVEMENTS,
    OWED_AFTER,
    Decision,
    Gate,
    Kind,
    Owed,
    Status,
    Via,
    decision_row,
    due_shard,
    gate_row,
)
from relais.order import ORDER_LEVEL, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import (
    Change,
    Check,
    Guard,
    Put,
    Write,
    absent,
    contains,
    differs,
    equals,
    gate_key,
    order_key,
)
from relais.steps.decisions import Answer, not_interrupted, withdraw
from relais.steps.situation import Situation, over, read_situation, sides_of, sides_opened, stages_past


@dataclass(frozen=True, slots=True, repr=False)
class Caused:
    """What an answer to a side gate does: in its own transaction, and after it.

    `put` to `guards` concern the row of the order or milestone that it stands on; `shows` is added to what the gate
    shows; `opens` are further side gates of the same; `tells`: mails about the answer are owed (`letters.told`); `then`
    goes on with what the commit owes: the rows say so as well, and the clock does it where this one failed.
    """

    put: Mapping[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    writes: tuple[Write, ...] = ()
    shows: Mapping[str, Any] = field(default_factory=dict)
    opens: tuple[Gate, ...] = ()
    tells: bool = False
    then: Callable[[], object] | None = None


def opening_writes(situation: Situation, gates: tuple[Gate, ...]) -> tuple[Write, ...]:
    """The rows of new gates, and the counter that makes of two openings at once one after the other."""
    if not gates:
        return ()
    opened = sides_opened(situation)
    as_read = equals("sides", opened) if opened else absent("sides")
    counted = Change(situation.key, put={"sides": gates[-1].id.ordinal}, guards=(as_read,))
    rows = tuple(Put(gate_key(gate.order, str(gate.id)), gate_row(gate)) for gate in gates)
    return (*rows, counted, *(write for gate in gates for write in standing(situation, gate)))


def closing_writes(situation: Situation, gate: Gate, answer: Answer, caused: Caused) -> tuple[Write, ...]:
    """The one transaction of an answer, all but what it opens: as long as the gate is open and still matters.

    A default is further bound to the due it was read with, so that a deadline moved a second ago is safe.
    """
    decision = Decision(answer.choice, answer.by, situation.now, answer.via, answer.note)
    told = {"owes": {Owed.MAIL.value: 0}, "due": stamp(situation.now + OWED_AFTER), "due_shard": due_shard(gate.order)}
    silence = answer.via is Via.CLOCK and gate.due is not None
    offered = equals("due", stamp(gate.due)) if silence and gate.due else contains("choices", answer.choice.value)
    close = Change(
        gate_key(gate.order, str(gate.id)),
        put={"status": Status.ANSWERED.value, "decision": decision_row(decision)}
        | (told if caused.tells else {})
        | ({"shown": {**gate.shown, **caused.shows}} if caused.shows else {}),
        remove=("desk", "desk_due", *(() if caused.tells else ("owes", "due", "due_shard"))),
        guards=(equals("status", Status.OPEN.value), offered),
    )
    touched = caused.put or caused.remove
    here = Change(situation.key, put=caused.put, remove=caused.remove, guards=caused.guards)
    return (close, *((here,) if touched else ()), *standing(situation, gate), *caused.writes)


def standing(situation: Situation, gate: Gate) -> tuple[Write, ...]:
    """As a condition of a transaction: that the gate matters still (`moot` says it of what was read)."""
    if gate.id.kind in AFTERWARDS | OF_MOVEMENTS:
        return ()  # of a movement, its own row says so in the same transaction
    if gate.id.kind is Kind.STUCK:
        return (Check(situation.key, (equals("run", int(gate.about)),)),)
    if gate.id.kind is Kind.FRAUD_WARNING:
        return (Check(situation.key, (absent("disputed"),)),)
    if gate.id.kind is Kind.DISPUTE:
        return _dispute_stands(situation)
    beside = () if gate.beside is None else (equals("ordinal", situation.ordinal),)
    if situation.milestone is None:
        stage = equals("stage", situation.order.stage.value)
        return (Check(situation.key, (not_interrupted(situation), stage, *beside)),)
    ended = tuple(differs("stage", stage.value) for stage in sorted(stages_past(gate)))
    return (
        Check(situation.key, (absent("interrupt"), *ended, *beside)),
        Check(order_key(situation.order.id), (not_interrupted(situation),)),
    )


def _dispute_stands(situation: Situation) -> tuple[Write, ...]:
    """Nothing of the order's way ends it: it is about a payment that was made."""
    order = situation.order
    as_read = absent("disputed") if order.disputed is None else equals("disputed", order.disputed)
    too = absent("disputed_too") if order.disputed_too is None else equals("disputed_too", order.disputed_too)
    return (Check(situation.key, (as_read, too)),)


def withdraw_moot(ports: Ports, order: str, number: str = ORDER_LEVEL) -> int:
    """Close the open side gates of an order (or milestone) that matter no more; returns how many there were."""
    situation = read_situation(ports, order, number)
    if not sides_opened(situation):
        return 0
    waiting = [gate for gate in sides_of(ports, situation) if gate.status is Status.OPEN]
    found = [gate for gate in waiting if over(ports, situation, gate)]
    return sum(withdraw_side(ports, gate) for gate in found)


def withdraw_side(ports: Ports, gate: Gate) -> bool:
    """Close one without an answer: its link tells so. False where it was answered meanwhile: it stays as it is."""
    try:
        ports.store.write(withdraw(gate))
    except ConditionFailedError:
        return False
    return True
