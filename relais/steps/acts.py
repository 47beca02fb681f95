"""The protocol by which money is moved: intent, lease, one call under one key, result.

Transfers and refunds share it.

Design: money section C. An act is committed before it is sent; its result is one transaction with the ledger, the
money rows and the answer of the gate that wanted it. A refusal ends a generation; an unknown answer may only be asked
again under the same key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from relais.act import (
    KEY_GOOD_HOURS,
    LEASE_SECONDS,
    LOOK_AFTER,
    NEVER_MADE_AFTER,
    PAUSES,
    Act,
    ActKind,
    ActState,
    act_from_row,
    act_row,
    is_large,
)
from relais.gate import due_shard
from relais.metrics import Metric, act_metric
from relais.order import instant, stamp
from relais.ports import (
    AnswerUnknownError,
    ConditionFailedError,
    MovementRefusedError,
    Ports,
    Sent,
    Settlement,
    TryAgainError,
)
from relais.rows import Change, Put, Write, absent, act_key, differs, equals, order_key

SETTLES_WITHIN = timedelta(hours=12)
"""How often a movement that Stripe took is looked at until its balance transaction is known."""
BEFORE_FIRST = timedelta(seconds=300)
"""How much earlier than our own clock Stripe's may stand."""
OPEN_STATES = frozenset({ActState.PLANNED, ActState.SENDING})
NEVER_AGAIN = frozenset({"idempotency_error", "answer_differs"})
"""Answers of which only a person can say what they mean: a bug of ours, or somebody else's hand."""
OF_THE_WAY = re.compile(r"(transfer|refund)-[0-9]{2}-[0-9]{4,6}([.][0-9]+)?")
"""The ids of acts that a gate of the workflow plans and waits for."""
NOT_FOUND = "not_found"
"""Why a large act is a person's to decide: no list shows it a day after it was sent."""


@dataclass(frozen=True, slots=True, repr=False)
class Done:
    """Stripe took it. The balance transaction may not be known yet."""

    sent: Sent
    settlement: Settlement | None


@dataclass(frozen=True, slots=True, repr=False)
class Ended:
    """Stripe refused it for good under this key, or nobody knows: the act says which."""

    act: Act


@dataclass(frozen=True, slots=True, repr=False)
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
        case ActState.UNKNOWN if act.why == NOT_FOUND:
            # A person has looked, and says that it was never made.
            fresh = replace(act, generation=act.generation + 1, first_sent=None, tries=0, looked=None)
        case ActState.UNKNOWN:
            fresh = act
        case ActState.PLANNED | ActState.SENDING | ActState.DONE | ActState.VOID:
            return act
        case _:
            assert_never(act.state)
    planned = replace(fresh, state=ActState.PLANNED, last_sent=None, why=None)
    guards = (equals("state", act.state.value), equals("generation", act.generation))
    ports.store.write(Put(act_key(act.order, act.id), act_row(planned) | looked_at(ports, act.order), guards))
    return planned


def send(ports: Ports, act: Act) -> Outcome:
    """Send a planned act once and say what came of it. What ended badly is written down before this returns.

    An answer that was lost is no end: the same call follows under the same key, and when that has grown too old to be
    used Stripe is looked through (design: money section C 4, C 5).
    """
    if act.unconfirmed and act.first_sent is None:
        from relais.steps.confirming import ask_twice  # few acts move so much

        ask_twice(ports, act)
        return Later()
    if _key_too_old(ports, act):
        return _look_up(ports, act)
    if act.first_sent is None and (since := _restored(ports, act)) is not None:
        known = _made_before(ports, act, since)
        if known is not None:
            return known
    leased = _lease(ports, act)
    if not isinstance(leased, Act):
        return leased
    try:
        call = _call(ports, leased.kind)
        sent = call(dict(leased.body), leased.idempotency_key)
        _believe(leased, sent)
        settlement = _settlement(ports, sent)
    except MovementRefusedError as refused:
        return _end(ports, leased, ActState.REFUSED, refused.code)
    except AnswerUnknownError as unknown:
        if unknown.cause in NEVER_AGAIN:
            return _end(ports, leased, ActState.UNKNOWN, unknown.cause)
        return _later(ports, leased, {"tries": leased.tries + 1, "why": unknown.cause}, _pause(leased.tries))
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
        case ActKind.REVERSAL:
            return ports.payments.reverse
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


def _key_too_old(ports: Ports, act: Act) -> bool:
    """Whether Stripe may have forgotten the key: what was sent under it must never be sent under it again."""
    return act.first_sent is not None and ports.wall() - act.first_sent >= timedelta(hours=KEY_GOOD_HOURS)


def _look_up(ports: Ports, act: Act) -> Outcome:
    """Look through Stripe's lists for what an act made. One found: done.

    None, in two looks and a day after the last sending: it was never made, and follows under the next generation,
    unless it is so large that a person decides.
    """
    wall = ports.wall()
    sent_at = act.last_sent or act.first_sent or wall
    if wall - sent_at < LOOK_AFTER:
        return Later()
    try:
        found = _found(ports, act, act.first_sent or wall)
        if found is not None:
            return found
    except AnswerUnknownError as unknown:
        if unknown.cause in NEVER_AGAIN:
            return _end(ports, act, ActState.UNKNOWN, unknown.cause)
        return _later(ports, act, {}, LOOK_AFTER)
    except TryAgainError:
        return _later(ports, act, {}, LOOK_AFTER)
    if act.looked is None:
        return _later(ports, act, {"looked": stamp(wall)}, LOOK_AFTER)
    if wall - sent_at < NEVER_MADE_AFTER or wall - act.looked < LOOK_AFTER:
        return _later(ports, act, {}, LOOK_AFTER)
    if _in_the_book(ports, act):
        return _end(ports, act, ActState.UNKNOWN, "answer_differs")
    if is_large(act):
        return _end(ports, act, ActState.UNKNOWN, NOT_FOUND)
    return send(ports, _next_generation(ports, act))


def _found(ports: Ports, act: Act, since: datetime) -> Done | None:
    """What Stripe's lists show of an act from `since` on, and a while before.

    Raises `AnswerUnknownError`, `TryAgainError`.
    """
    made = ports.payments.made(act.kind.value, dict(act.body), since - BEFORE_FIRST)
    if not made:
        return None
    ports.counter.count(Metric.MOVED_TWICE, len(made) - 1)
    _believe(act, made[0])
    return Done(made[0], _settlement(ports, made[0]))


def _restored(ports: Ports, act: Act) -> datetime | None:
    """As of when the order's rows were restored: what was sent later they have forgotten."""
    row = ports.store.get(order_key(act.order))
    return None if row is None else instant(row.get("restored"))


def _made_before(ports: Ports, act: Act, since: datetime) -> Outcome | None:
    """What was sent in the minutes that the table lost is found, never sent again (design: workflow section 7)."""
    try:
        return _found(ports, act, since)
    except AnswerUnknownError as unknown:
        if unknown.cause in NEVER_AGAIN:
            return _end(ports, act, ActState.UNKNOWN, unknown.cause)
        return _later(ports, act, {}, LOOK_AFTER)
    except TryAgainError:
        return _later(ports, act, {}, LOOK_AFTER)


def _in_the_book(ports: Ports, act: Act) -> bool:
    """Whether Stripe's own book, as the reconciler has read it, tells of a movement of this operation."""
    rows = ports.store.query(f"O#{act.order}", "L#txn_")
    return any(row.get("item") == act.operation for row in rows)


def _next_generation(ports: Ports, act: Act) -> Act:
    """The same operation under a fresh key: what was sent before is known never to have been made."""
    fresh = replace(
        act,
        state=ActState.PLANNED,
        generation=act.generation + 1,
        first_sent=None,
        last_sent=None,
        why=None,
        tries=0,
        looked=None,
    )
    guards = (equals("state", act.state.value), equals("generation", act.generation))
    ports.store.write(Put(act_key(act.order, act.id), act_row(fresh) | looked_at(ports, act.order), guards))
    return fresh


def _later(ports: Ports, act: Act, put: Mapping[str, Any], pause: timedelta) -> Later:
    """Nobody knows yet: the act stays as it is, and the clock comes back to it."""
    due = {"due": stamp(ports.now() + pause), "due_shard": due_shard(act.order)}
    guards = (equals("state", act.state.value), equals("generation", act.generation))
    with suppress(ConditionFailedError):  # somebody else has brought it to its end
        ports.store.write(Change(act_key(act.order, act.id), put={**put, **due}, guards=guards))
    return Later()


def _pause(tries: int) -> timedelta:
    return PAUSES[min(tries, len(PAUSES) - 1)]


def _settlement(ports: Ports, sent: Sent) -> Settlement | None:
    return None if sent.settlement is None else ports.payments.settlement(sent.settlement)


def _lease(ports: Ports, act: Act) -> Act | Outcome:
    """Take the act for one sending.

    Nobody else sends while a lease lives, and no key is used when it may have been pruned. A crash after this leaves
    `sending`: the same key is sent again, which Stripe answers with the same object.
    """
    wall = ports.wall()
    if act.last_sent is not None and wall - act.last_sent < timedelta(seconds=LEASE_SECONDS):
        return Later()
    first = act.first_sent or wall
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


def beside_the_way(act: Act) -> bool:
    """Whether no gate of the workflow waits for it, which would park: its name says so."""
    return OF_THE_WAY.fullmatch(act.id) is None


def _looked_after(act: Act, state: ActState) -> bool:
    if state is ActState.UNKNOWN:
        return beside_the_way(act)
    return act.kind is ActKind.REVERSAL and state is ActState.REFUSED


def _end(ports: Ports, act: Act, state: ActState, why: str) -> Ended:
    ports.store.write(
        Change(
            act_key(act.order, act.id),
            put={"state": state.value, "why": why},
            # What could not be taken back stays owed, and of what nobody knows somebody has to be asked: until that is
            # written down the clock keeps looking.
            remove=() if _looked_after(act, state) else ("due", "due_shard"),
            guards=(differs("state", ActState.DONE.value), equals("generation", act.generation)),
        )
    )
    ports.counter.count(act_metric(act.kind, state))
    return Ended(replace(act, state=state, why=why))
