"""The protocol by which money is moved: intent, lease, one call under one key, result.

Transfers and refunds share it.

Design: money section C. An act is committed before it is sent; its result is one transaction with the ledger, the
money rows and the answer of the gate that wanted it. A refusal ends a generation; an unknown answer may only be asked
again under the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, assert_never

from relais.act import KEY_GOOD_HOURS, LEASE_SECONDS, Act, ActKind, ActState, act_from_row, act_row
from relais.gate import due_shard
from relais.metrics import act_metric
from relais.order import stamp
from relais.ports import (
    AnswerUnknownError,
    ConditionFailedError,
    MovementRefusedError,
    Ports,
    Sent,
    Settlement,
    TryAgainError,
)
from relais.rows import Change, Put, Write, absent, act_key, differs, equals

SETTLES_WITHIN = timedelta(hours=12)
"""How often a movement that Stripe took is looked at until its balance transaction is known."""
OPEN_STATES = frozenset({ActState.PLANNED, ActState.SENDING})


@dataclass(frozen=True, slots=True)
class Done:
    """Stripe took it. The balance transaction may not be known yet."""

    sent: Sent
    settlement: Settlement | None


@dataclass(frozen=True, slots=True)
class Ended:
    """Stripe refused it for good under this key, or nobody knows: the act says which."""

    act: Act


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing happened: somebody else sends, or Stripe did not begin. The clock comes back."""


Outcome = Done | Ended | Later


def acts_of(ports: Ports, order: str, kind: ActKind, milestone: str) -> list[Act]:
    """The acts of one kind for a milestone, in the order of their planning."""
    rows = ports.store.query(f"O#{order}", f"A#{kind.value}#{milestone}#")
    return [act_from_row(row) for row in rows]


def intent(ports: Ports, act: Act) -> Put:
    """The row of a planned act; the clock looks at it after a lease's time."""
    return Put(act_key(act.order, act.id), act_row(act) | looked_at(ports, act.order))


def plan(ports: Ports, act: Act, *reserves: Write) -> Act:
    """Write the intent with what it reserves and books; of two at once one plans, the other finds it."""
    planned = intent(ports, act)
    try:
        ports.store.write(planned, *reserves)
    except ConditionFailedError as failed:
        row = ports.store.get(planned.key)
        if failed.key != planned.key or row is None:
            raise
        return act_from_row(row)
    return act


def looked_at(ports: Ports, order: str) -> dict[str, str]:
    """When the clock looks at an act again."""
    return {"due": stamp(ports.now() + timedelta(seconds=LEASE_SECONDS)), "due_shard": due_shard(order)}


def again(ports: Ports, act: Act, body: Mapping[str, Any]) -> Act:
    """Go on with an act that parked.

    A definitive refusal closed its key, so the same operation follows under the next generation, with what is true
    now. After an unknown answer only the very same call may follow, under the very same key (design: money A 6, C 4).
    """
    match act.state:
        case ActState.REFUSED:
            fresh = replace(act, generation=act.generation + 1, body=body, first_sent=None)
        case ActState.UNKNOWN:
            fresh = act
        case ActState.PLANNED | ActState.SENDING | ActState.DONE:
            return act
        case _:
            assert_never(act.state)
    planned = replace(fresh, state=ActState.PLANNED, last_sent=None, why=None)
    guards = (equals("state", act.state.value), equals("generation", act.generation))
    ports.store.write(Put(act_key(act.order, act.id), act_row(planned) | looked_at(ports, act.order), guards))
    return planned


def send(ports: Ports, act: Act) -> Outcome:
    """Send a planned act once and say what came of it. What ended badly is written down before this returns."""
    leased = _lease(ports, act)
    if not isinstance(leased, Act):
        return leased
    try:
        call = _call(ports, leased.kind)
        sent = call(dict(leased.body), leased.idempotency_key)
        _believe(leased, sent)
        settlement = None if sent.settlement is None else ports.payments.settlement(sent.settlement)
    except MovementRefusedError as refused:
        return _end(ports, leased, ActState.REFUSED, refused.code)
    except AnswerUnknownError as unknown:
        return _end(ports, leased, ActState.UNKNOWN, unknown.cause)
    except TryAgainError:
        ports.store.write(_release(leased))
        return Later()
    return Done(sent, settlement)


def _call(ports: Ports, kind: ActKind) -> Callable[[dict[str, Any], str], Sent]:
    match kind:
        case ActKind.TRANSFER:
            return ports.payments.transfer
        case ActKind.REFUND:
            return ports.payments.refund
        case _:
            assert_never(kind)


def refuse(ports: Ports, act: Act, code: str) -> Ended:
    """Refuse an act ourselves before anything is sent: what it needs is not there."""
    return _end(ports, act, ActState.REFUSED, code)


def done(ports: Ports, act: Act, outcome: Done) -> Change:
    """The act's part of the transaction that books its result.

    While the balance transaction is not known (a refund that waits for money) the clock keeps looking.
    """
    known = outcome.settlement is not None
    later = {"due": stamp(ports.now() + SETTLES_WITHIN), "due_shard": due_shard(act.order)}
    return Change(
        act_key(act.order, act.id),
        put={"state": ActState.DONE.value, "stripe_id": outcome.sent.id, "settled": known} | ({} if known else later),
        remove=("due", "due_shard") if known else (),
        guards=(differs("state", ActState.DONE.value),),
    )


def unsettled(act: Act) -> bool:
    """Whether Stripe took it and its balance transaction has not been booked yet."""
    return act.state is ActState.DONE and not act.settled


def settled(act: Act) -> Change:
    """The act's part of the transaction that books a balance transaction which came later."""
    return Change(
        act_key(act.order, act.id),
        put={"settled": True},
        remove=("due", "due_shard"),
        guards=(equals("state", ActState.DONE.value), equals("settled", value=False)),
    )


def _lease(ports: Ports, act: Act) -> Act | Outcome:
    """Take the act for one sending.

    Nobody else sends while a lease lives, and no key is used when it may have been pruned. A crash after this leaves
    `sending`: the same key is sent again, which Stripe answers with the same object.
    """
    wall = ports.wall()
    if act.last_sent is not None and wall - act.last_sent < timedelta(seconds=LEASE_SECONDS):
        return Later()
    first = act.first_sent or wall
    if wall - first >= timedelta(hours=KEY_GOOD_HOURS):
        return _end(ports, act, ActState.UNKNOWN, "key_too_old")
    before = absent("last_sent") if act.last_sent is None else equals("last_sent", stamp(act.last_sent))
    change = Change(
        act_key(act.order, act.id),
        put={"state": ActState.SENDING.value, "first_sent": stamp(first), "last_sent": stamp(wall)},
        guards=(equals("state", act.state.value), equals("generation", act.generation), before),
    )
    try:
        ports.store.write(change)
    except ConditionFailedError:
        return Later()
    return replace(act, state=ActState.SENDING, first_sent=first, last_sent=wall)


def _release(act: Act) -> Change:
    """Stripe did not begin: the act may be sent again by the clock, under the same key."""
    return Change(
        act_key(act.order, act.id),
        put={"state": ActState.PLANNED.value},
        remove=("last_sent",),
        guards=(equals("state", ActState.SENDING.value), equals("generation", act.generation)),
    )


def _believe(act: Act, sent: Sent) -> None:
    """An answer that is not what was asked is not believed: a person looks."""
    asked = (act.amount, act.currency, act.body.get("destination", ""), act.operation)
    if (sent.amount, sent.currency, sent.destination, sent.operation) != asked:
        raise AnswerUnknownError("answer_differs")


def _end(ports: Ports, act: Act, state: ActState, why: str) -> Ended:
    ports.store.write(
        Change(
            act_key(act.order, act.id),
            put={"state": state.value, "why": why},
            remove=("due", "due_shard"),
            guards=(differs("state", ActState.DONE.value), equals("generation", act.generation)),
        )
    )
    ports.counter.count(act_metric(act.kind, state))
    return Ended(replace(act, state=state, why=why))
