"""Paying the freelancer: the transfer as an act, the card fee when it is known, the order's end.

Design: money sections A 3, A 4, A 8 and C. An act is committed before it is sent, sent under its own key, and its
result is one transaction with the ledger, the money rows and the gate. A refusal or an unknown answer parks, and the
seller decides.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from relais import ledger
from relais.act import KEY_GOOD_HOURS, LEASE_SECONDS, Act, ActKind, ActState, act_from_row, act_row
from relais.errors import RelaisError
from relais.gate import HEARTBEAT, OWED_AFTER, Choice, Gate, Kind, Owed, Role, Status, Via, due_shard
from relais.metrics import Metric, act_metric
from relais.order import Milestone, MilestoneStage, Order, OrderStage, milestone_from_row, stamp
from relais.pages.views import LetterView
from relais.ports import (
    AnswerUnknownError,
    ConditionFailedError,
    Ports,
    Sent,
    Settlement,
    TransferRefusedError,
    TryAgainError,
)
from relais.rows import (
    Change,
    Guard,
    Put,
    Write,
    absent,
    act_key,
    at_least,
    differs,
    equals,
    gate_key,
    milestone_key,
    order_key,
    present,
)
from relais.steps import letters
from relais.steps.contracts import contract
from relais.steps.decisions import Answer, Effects, entry_put, not_interrupted
from relais.steps.gates import (
    GateCall,
    SupersededError,
    answer,
    answer_token,
    create,
    fence,
    find_gate,
    keep_token,
    read_gate,
    resume_decided,
)
from relais.steps.situation import Situation, read_order, read_situation


class MilestonesOpenError(RelaisError):
    """An order cannot end while one of its milestones has not."""

    def __init__(self, order: str, numbers: tuple[str, ...]) -> None:
        """Keep which are open."""
        super().__init__(
            f"order {order}: milestones {', '.join(numbers)} have not ended: see `relais order show {order}`"
        )
        self.numbers = numbers


def open_payout(ports: Ports, call: GateCall) -> None:
    """Open the gate that answers itself: plan what is due, send it, and answer `paid`.

    With nothing due, `nothing_due`.
    """
    situation = read_situation(ports, call.order, call.milestone)
    fence(situation, call.run)
    if resume_decided(ports, situation, call):
        return
    gate = find_gate(ports, situation, Kind.PAYOUT) or create(
        ports, situation, contract(situation, Kind.PAYOUT, ports.link_keys.current)
    )
    keep_token(ports, gate, call)
    gate = read_gate(ports, gate.order, str(gate.id))
    if gate.status is not Status.OPEN:
        answer_token(ports, gate, call.token)
        return
    pay(ports, situation, gate)


def pay(ports: Ports, situation: Situation, gate: Gate) -> None:
    """Bring the act of an open payout gate forward as far as it goes now."""
    act = _act_of(ports, situation, gate)
    if act is None:
        answer(ports, situation, gate, Answer(Choice.NOTHING_DUE, "engine", Via.ENGINE))
        return
    match act.state:
        case ActState.DONE:
            return
        case ActState.REFUSED | ActState.UNKNOWN:
            _park(ports, situation, gate, act)
        case ActState.PLANNED | ActState.SENDING:
            _send(ports, situation, gate, act)


def _act_of(ports: Ports, situation: Situation, gate: Gate) -> Act | None:
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        return None
    acts = [
        act_from_row(row)
        for row in ports.store.query(f"O#{gate.order}", f"A#{ActKind.TRANSFER.value}#{milestone.number}#")
    ]
    current = [act for act in acts if act.id.endswith(f"-{gate.id.ordinal:04d}")]
    if current:
        return current[0]
    for act in acts:
        if act.state is ActState.REFUSED:
            return _plan_again(ports, gate, act)
        if act.state is ActState.UNKNOWN:
            return _ask_again(ports, gate, act)
        if act.state is not ActState.DONE:
            return act
    if milestone.left_to_send == 0:
        return None
    return _plan(ports, situation, milestone, gate)


def _plan(ports: Ports, situation: Situation, milestone: Milestone, gate: Gate) -> Act:
    """Reserve what is due and write down what will be asked of Stripe; of two at once one plans, the other finds it."""
    amount = milestone.left_to_send
    freelancer = situation.freelancer
    operation = f"{gate.order}:{ActKind.TRANSFER.value}:{milestone.number}:{gate.id.ordinal}"
    act = Act(
        order=gate.order,
        id=f"{ActKind.TRANSFER.value}-{milestone.number}-{gate.id.ordinal:04d}",
        kind=ActKind.TRANSFER,
        milestone=milestone.number,
        operation=operation,
        state=ActState.PLANNED,
        generation=0,
        amount=amount,
        currency=situation.order.currency,
        body={
            "amount": amount,
            "currency": situation.order.currency,
            "destination": (freelancer.stripe_account if freelancer else None) or "",
            "source_transaction": _source(ports, situation.order),
            "transfer_group": gate.order,
            "description": f"Relais {gate.order} {milestone.number}",
            "metadata": {"op": operation, "order": gate.order},
        },
    )
    key = act_key(act.order, act.id)
    writes = (
        Put(key, act_row(act) | _due(ports, act.order, timedelta(seconds=LEASE_SECONDS))),
        Change(
            order_key(act.order),
            add={"left": -amount, "in_transit": amount},
            guards=(at_least("left", amount), not_interrupted(situation)),
        ),
        Change(
            milestone_key(act.order, milestone.number),
            add={"left_to_send": -amount, "in_transit": amount},
            guards=(at_least("left_to_send", amount), equals("stage", MilestoneStage.PAYOUT.value)),
        ),
    )
    try:
        ports.store.write(*writes)
    except ConditionFailedError as failed:
        planned = ports.store.get(key)
        if failed.key != key or planned is None:
            raise
        return act_from_row(planned)
    return act


def _source(ports: Ports, order: Order) -> str:
    """The charge, named only while it is not yet available: afterwards the balance pays (design: money A 4)."""
    if not order.charge:
        return ""
    settled = ports.payments.settlement_of(order.charge)
    return order.charge if settled is None or settled.available_on > ports.now() else ""


def _plan_again(ports: Ports, gate: Gate, act: Act) -> Act:
    """A definitive refusal closed its key: the same operation goes on under the next generation (design: money A 6)."""
    again = replace(
        act, state=ActState.PLANNED, generation=act.generation + 1, first_sent=None, last_sent=None, why=None
    )
    ports.store.write(
        Put(
            act_key(act.order, act.id),
            act_row(again) | _due(ports, gate.order, timedelta(seconds=LEASE_SECONDS)),
            (equals("state", ActState.REFUSED.value), equals("generation", act.generation)),
        )
    )
    return again


def _ask_again(ports: Ports, gate: Gate, act: Act) -> Act:
    """An unknown answer is asked for again under its own key: Stripe tells what it did (design: money C 4)."""
    again = replace(act, state=ActState.PLANNED, last_sent=None, why=None)
    ports.store.write(
        Put(
            act_key(act.order, act.id),
            act_row(again) | _due(ports, gate.order, timedelta(seconds=LEASE_SECONDS)),
            (equals("state", ActState.UNKNOWN.value), equals("generation", act.generation)),
        )
    )
    return again


def _due(ports: Ports, order: str, after: timedelta) -> dict[str, str]:
    return {"due": stamp(ports.now() + after), "due_shard": due_shard(order)}


def _send(ports: Ports, situation: Situation, gate: Gate, act: Act) -> None:
    if act.first_sent is not None and ports.wall() - act.first_sent >= timedelta(hours=KEY_GOOD_HOURS):
        # Stripe may have forgotten the key: sent again it could pay twice.
        _unknown(ports, act, "key_too_old")
        _park(ports, situation, gate, replace(act, state=ActState.UNKNOWN, why="key_too_old"))
        return
    leased = _lease(ports, act)
    if leased is None:
        return
    if not leased.body["destination"] or not ports.payments.ready(leased.body["destination"]):
        _refused(ports, leased, "account_not_ready")
        _park(ports, situation, gate, replace(leased, state=ActState.REFUSED, why="account_not_ready"))
        return
    try:
        sent = ports.payments.transfer(dict(leased.body), leased.idempotency_key)
        _check_sent(leased, sent)
        settlement = None if sent.settlement is None else ports.payments.settlement(sent.settlement)
    except TransferRefusedError as refused:
        _refused(ports, leased, refused.code)
        _park(ports, situation, gate, replace(leased, state=ActState.REFUSED, why=refused.code))
    except AnswerUnknownError as unknown:
        _unknown(ports, leased, unknown.cause)
        _park(ports, situation, gate, replace(leased, state=ActState.UNKNOWN, why=unknown.cause))
    except TryAgainError:
        ports.store.write(_release(leased))
    else:
        _done(ports, situation, gate, leased, sent=sent, settlement=settlement)


def _lease(ports: Ports, act: Act) -> Act | None:
    """Take the act for one sending: nobody else sends while a lease lives.

    A crash after this leaves `sending`: the same key is sent again, which Stripe answers with the same transfer.
    """
    wall = ports.wall()
    if act.last_sent is not None and wall - act.last_sent < timedelta(seconds=LEASE_SECONDS):
        return None
    first = act.first_sent or wall
    leased = replace(act, state=ActState.SENDING, first_sent=first, last_sent=wall)
    before = absent("last_sent") if act.last_sent is None else equals("last_sent", stamp(act.last_sent))
    change = Change(
        act_key(act.order, act.id),
        put={"state": ActState.SENDING.value, "first_sent": stamp(first), "last_sent": stamp(wall)},
        guards=(equals("state", act.state.value), equals("generation", act.generation), before),
    )
    try:
        ports.store.write(change)
    except ConditionFailedError:
        return None
    return leased


def _release(act: Act) -> Change:
    """Stripe did not begin: the act may be sent again by the clock, under the same key."""
    return Change(
        act_key(act.order, act.id),
        put={"state": ActState.PLANNED.value},
        remove=("last_sent",),
        guards=(equals("state", ActState.SENDING.value), equals("generation", act.generation)),
    )


def _check_sent(act: Act, sent: Sent) -> None:
    """An answer that is not what was asked is not believed: a person looks."""
    asked = (act.amount, act.currency, act.body["destination"], act.operation)
    if (sent.amount, sent.currency, sent.destination, sent.operation) != asked:
        raise AnswerUnknownError("answer_differs")


def _refused(ports: Ports, act: Act, code: str) -> None:
    ports.store.write(_ended(act, ActState.REFUSED, code))
    ports.counter.count(act_metric(act.kind, ActState.REFUSED))


def _unknown(ports: Ports, act: Act, cause: str) -> None:
    ports.store.write(_ended(act, ActState.UNKNOWN, cause))
    ports.counter.count(act_metric(act.kind, ActState.UNKNOWN))


def _ended(act: Act, state: ActState, why: str) -> Change:
    return Change(
        act_key(act.order, act.id),
        put={"state": state.value, "why": why},
        remove=("due", "due_shard"),
        guards=(differs("state", ActState.DONE.value), equals("generation", act.generation)),
    )


def _park(ports: Ports, situation: Situation, gate: Gate, act: Act) -> None:
    why = "transfer_refused" if act.state is ActState.REFUSED else "transfer_unknown"
    answer(ports, situation, gate, Answer(Choice.PARK, "engine", Via.ENGINE, facts={"why": why}))


def _done(
    ports: Ports, situation: Situation, gate: Gate, act: Act, *, sent: Sent, settlement: Settlement | None
) -> None:
    """The result: act, both ledger entries, both money rows and the gate's answer in one transaction."""
    freelancer = situation.freelancer
    now = ports.now()
    business = ledger.transferred(
        order=act.order,
        op=act.operation,
        amount=act.amount,
        currency=act.currency,
        freelancer=freelancer.key if freelancer else "",
        at=now,
    )
    writes: list[Write] = [
        Change(
            act_key(act.order, act.id),
            put={"state": ActState.DONE.value, "stripe_id": sent.id},
            remove=("due", "due_shard"),
            guards=(differs("state", ActState.DONE.value),),
        ),
        entry_put(business),
        Change(
            order_key(act.order),
            add={"in_transit": -act.amount, "sent": act.amount},
            guards=(at_least("in_transit", act.amount),),
        ),
    ]
    if settlement is not None:
        writes.append(
            entry_put(
                ledger.transfer_settled(
                    order=act.order,
                    txn=settlement.id,
                    op=act.operation,
                    amount=-settlement.net,
                    currency=settlement.currency,
                    at=now,
                )
            )
        )
    extra = Effects(add={"in_transit": -act.amount, "sent": act.amount}, writes=tuple(writes))
    answer(ports, situation, gate, Answer(Choice.PAID, "engine", Via.ENGINE), extra)
    ports.counter.count(Metric.TRANSFER_DONE)


def run_owed(ports: Ports, order_id: str, owed: str) -> None:
    """Do what an order owes that needs Stripe: book its card fee, or go on with its acts."""
    if owed == Owed.FEE.value:
        book_fee(ports, order_id)
        return
    run_acts(ports, order_id)


def run_acts(ports: Ports, order_id: str) -> None:
    """Go on with the acts of an order that are under way (called by the clock)."""
    order = read_order(ports.store, order_id)
    for row in ports.store.query(f"O#{order_id}", "M#"):
        milestone = milestone_from_row(row)
        if milestone.stage is not MilestoneStage.PAYOUT:
            continue
        situation = read_situation(ports, order.id, milestone.number)
        gate = find_gate(ports, situation, Kind.PAYOUT)
        if gate is not None and gate.status is Status.OPEN:
            pay(ports, situation, gate)


def book_fee(ports: Ports, order_id: str) -> None:
    """Book the balance transaction of an order's charge, once there is one (ledger row 1, bank entry).

    Asked any number of times.
    """
    order = read_order(ports.store, order_id)
    charge = order.owes_fee or order.charge
    if order.fee is not None or not charge or not order.payment_intent:
        return
    settled = ports.payments.settlement_of(charge)
    if settled is None:
        return
    entry = ledger.charge_settled(
        order=order.id,
        txn=settled.id,
        pi=order.payment_intent,
        gross=settled.amount,
        fee=settled.fee,
        net=settled.net,
        currency=settled.currency,
        at=ports.now(),
    )
    due, done, as_read = _due_after_fee(ports, order)
    fee = Change(
        order_key(order.id),
        put={"fee": settled.fee, "charge": charge} | due,
        remove=("owes_fee", *done),
        guards=(absent("fee"), present("pk"), as_read),
    )
    try:
        ports.store.write(fee, entry_put(entry))
    except ConditionFailedError:
        return
    ports.counter.count(Metric.FEE_BOOKED)


def _due_after_fee(ports: Ports, order: Order) -> tuple[dict[str, str], tuple[str, ...], Guard]:
    """When the clock looks again once the fee is booked: what else is owed keeps its date."""
    as_read = absent("due") if order.due is None else equals("due", stamp(order.due))
    if order.owes_start is not None or order.owes_mail is not None or order.dead_run == order.run:
        return {}, (), as_read
    if order.is_open:
        return _due(ports, order.id, HEARTBEAT), (), as_read
    return {}, ("due", "due_shard"), as_read


def close(ports: Ports, order_id: str, run: int) -> None:
    """The end: every milestone has ended, nothing is owed any more. Raises `MilestonesOpenError`, `SupersededError`."""
    order = read_order(ports.store, order_id)
    if run < order.run:
        raise SupersededError(order_id, run, order.run)
    if order.stage is OrderStage.COMPLETED:
        return
    milestones = [milestone_from_row(row) for row in ports.store.query(f"O#{order_id}", "M#")]
    still = tuple(one.number for one in milestones if one.stage is not MilestoneStage.CLOSED)
    if still:
        raise MilestonesOpenError(order_id, still)
    settled = [
        Change(gate_key(order_id, one.last), remove=("owes", "due", "due_shard"), guards=(present("pk"),))
        for one in milestones
        if one.last is not None
    ]
    end = Change(
        order_key(order_id),
        put={"stage": OrderStage.COMPLETED.value, "completed": stamp(ports.now()), "owes_mail": 0}
        | _due(ports, order_id, OWED_AFTER),
        guards=(equals("stage", OrderStage.MILESTONES.value),),
    )
    ports.store.write(end, *settled)
    ports.counter.count(Metric.ORDER_COMPLETED)
    tell_completed(ports, read_order(ports.store, order_id))


def tell_completed(ports: Ports, order: Order) -> None:
    """Send what the end of an order owes, then mark it sent; a fee that is not known yet keeps the clock looking."""
    milestones = [milestone_from_row(row) for row in ports.store.query(f"O#{order.id}", "M#")]
    for letter in _last_letters(ports, order, milestones):
        ports.mailer.send(letter)
    quiet = order.fee is not None or order.paid == 0
    ports.store.write(
        Change(
            order_key(order.id),
            put={} if quiet else _due(ports, order.id, HEARTBEAT),
            remove=("owes_mail", "due", "due_shard") if quiet else ("owes_mail",),
            guards=(equals("stage", OrderStage.COMPLETED.value),),
        )
    )


def _last_letters(ports: Ports, order: Order, milestones: list[Milestone]) -> list[LetterView]:
    written: list[LetterView] = []
    for milestone in milestones:
        situation = read_situation(ports, order.id, milestone.number)
        mails = letters.completed(ports, situation)
        written += [letter for letter in mails if letter.role is not Role.CLIENT or not written]
    return written
