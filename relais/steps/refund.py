"""Giving money back: a milestone's share, a whole order, a payment that nobody asked for.

Design: money section B rows 7, 8, 8', 9 and 20; people section 5 (who bears what, frozen with the order). What the
client is owed is decided and booked before anything is sent; what the freelancer is paid all the same depends on the
cause, never on Stripe.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from relais import ledger
from relais.act import ENDED, Act, ActKind, ActState, act_from_row, is_much, nth
from relais.charge import Part
from relais.dispute import DisputeState
from relais.gate import Choice, Gate, GateId, Kind, Status, Via
from relais.metrics import Metric
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL, Milestone, MilestoneStage, Order, OrderStage, milestone_from_row
from relais.ports import ConditionFailedError, Ports, Settlement
from relais.rows import Change, Write, act_key, at_least, below, differs, equals, milestone_key, order_key
from relais.steps.acts import (
    OPEN_STATES,
    Done,
    Ended,
    Later,
    acts_of,
    again,
    done,
    intent,
    looked_at,
    plan,
    send,
    settled,
    unsettled,
)
from relais.steps.charges import drawn, parts_back
from relais.steps.contracts import contract
from relais.steps.decisions import Answer, Effects, bank_puts, entry_put
from relais.steps.gates import GateCall, answer, answer_token, create, fence, keep_token, park_act, resume_decided
from relais.steps.situation import Situation, find_gate, kept_of_part, read_gate, read_order, read_situation


def open_refund(ports: Ports, call: GateCall) -> None:
    """Open the gate that gives back and answers itself: a milestone's share, or what an order holds before its work."""
    situation = read_situation(ports, call.order, call.milestone)
    fence(situation, call.run)
    if resume_decided(ports, situation, call):
        return
    gate = find_gate(ports, situation, Kind.REFUND) or create(
        ports, situation, contract(situation, Kind.REFUND, ports.link_keys.current)
    )
    keep_token(ports, gate, call)
    gate = read_gate(ports, gate.order, str(gate.id))
    if gate.status is not Status.OPEN:
        answer_token(ports, gate, call.token)
        return
    give_back(ports, situation, gate)


def give_back(ports: Ports, situation: Situation, gate: Gate) -> None:
    """Bring the refund of an open gate forward as far as it goes now.

    A charge that its bank has taken back is not refunded: the dispute decides, and takes this up again. What was sent
    before is asked about again all the same.
    """
    if frozen(situation.order) and _would_begin(ports, situation, gate):
        return
    acts = _acts_of(ports, situation, gate)
    if not acts:
        answer(ports, situation, gate, Answer(_outcome(situation), "engine", Via.ENGINE), _unwound(ports, situation))
        return
    left = len(acts)
    for act in acts:
        if _part_given_back(ports, situation, gate, act, last=left == 1):
            left -= 1
        elif not act.unconfirmed:  # the seller is asked about each part, and may say yes to the later one first
            return


def _part_given_back(ports: Ports, situation: Situation, gate: Gate, act: Act, *, last: bool) -> bool:
    """Send what goes back to one charge; whether the next may follow. The gate is answered with the last one."""
    if act.state not in OPEN_STATES:
        if act.state is not ActState.DONE:
            park_act(ports, situation, gate, act)
        return False
    outcome = send(ports, act)
    match outcome:
        case Done() if last:
            # Planning changed what the freelancer is still due.
            situation = read_situation(ports, gate.order, gate.id.milestone)
            extra = _settled_with(ports, situation, act, outcome)
            answer(ports, situation, gate, Answer(_outcome(situation), "engine", Via.ENGINE), extra)
            ports.counter.count(Metric.REFUND_DONE)
        case Done():
            ports.store.write(*booked(ports, act, outcome), _pots_change(act), *_milestone_pots(act))
            ports.counter.count(Metric.REFUND_DONE)
        case Ended():
            park_act(ports, situation, gate, outcome.act)
        case Later():
            pass
    return isinstance(outcome, Done)


def _would_begin(ports: Ports, situation: Situation, gate: Gate) -> bool:
    """Whether a refund would be planned now, or sent for the first time."""
    return owed_back(situation) > 0 or any(
        act.state is ActState.PLANNED and not act.tries for act in _pending(ports, gate)
    )


def _settled_with(ports: Ports, situation: Situation, act: Act, outcome: Done) -> Effects:
    """What a taken refund writes beside the gate's answer. The row that the answer advances gets its pots with it."""
    if situation.milestone is None:
        writes = (*booked(ports, act, outcome), *_unwound(ports, situation).writes)
        return Effects(add=_order_pots(act), guards=(at_least("in_transit", act.amount),), writes=writes)
    pots = {"refunded": act.amount, "refund_in_transit": -act.amount}
    return Effects(add=pots, writes=(*booked(ports, act, outcome), _pots_change(act)))


def _order_pots(act: Act) -> dict[str, int]:
    return {"in_transit": -act.amount, "refunded": act.amount}


def _pots_change(act: Act) -> Change:
    return Change(order_key(act.order), add=_order_pots(act), guards=(at_least("in_transit", act.amount),))


def _milestone_pots(act: Act) -> tuple[Change, ...]:
    """What a part of a milestone's refund moves on its row, where no answer advances that."""
    if act.milestone == ORDER_LEVEL:
        return ()
    pots = {"refunded": act.amount, "refund_in_transit": -act.amount}
    guards = (at_least("refund_in_transit", act.amount),)
    return (Change(milestone_key(act.order, act.milestone), add=pots, guards=guards),)


def _outcome(situation: Situation) -> Choice:
    milestone = situation.milestone
    if milestone is not None and milestone.left_to_send > 0:
        return Choice.REFUNDED_AND_PAY
    return Choice.REFUNDED


def _acts_of(ports: Ports, situation: Situation, gate: Gate) -> list[Act]:
    """The acts of this gate: those under way, else those that parked and go on, else new ones for what is held."""
    pending = _pending(ports, gate)
    if pending:
        return [_taken_up(ports, situation, act) for act in pending]
    amount = owed_back(situation)
    return _plan(ports, situation, gate, amount) if amount else []


def _taken_up(ports: Ports, situation: Situation, act: Act) -> Act:
    """An act that ended badly goes on only after its milestone or order was parked."""
    parked_since = situation.last is not None and GateId.parse(situation.last).kind is Kind.PARK
    if act.state in OPEN_STATES or not parked_since or act.tried_at == situation.ordinal:
        return act
    return again(ports, replace(act, tried_at=situation.ordinal), act.body)


def _pending(ports: Ports, gate: Gate) -> list[Act]:
    """Its refunds that are not made; what a stray payment gives back is no part of them."""
    return [
        act
        for act in acts_of(ports, gate.order, ActKind.REFUND, gate.id.milestone)
        if act.state not in ENDED and not act.body.get("session")
    ]


NOT_TAKEN_BACK = differs("dispute_stage", DisputeState.OPEN.value)
"""On the order's head: no bank holds its payment; an inquiry may be refunded (design: money B 12)."""


def frozen(order: Order) -> bool:
    """Whether a bank holds the order's payment while a dispute is decided."""
    return order.dispute_stage == DisputeState.OPEN.value


def owed_back(situation: Situation) -> int:
    """What is given back now, in minor units: what was agreed on, else the milestone's share or all the order holds."""
    milestone = situation.milestone
    if milestone is None:
        return situation.order.left
    return milestone.held if milestone.give_back is None else min(milestone.give_back, milestone.held)


def paid_all_the_same(situation: Situation, amount: int) -> int:
    """What the freelancer is due when `amount` goes back to the client, by the frozen policy (minor units).

    For a milestone that never began nobody is paid, whatever the cause: nothing of it was done.
    """
    if situation.milestone is not None and situation.milestone.unbegun:
        return 0
    return kept_of_part(situation, RefundCause(_cause(situation)), amount)


def _cause(situation: Situation) -> str:
    kept = (situation.milestone or situation.order).cause
    return kept if kept in set(RefundCause) else RefundCause.SELLER_FAULT.value


def _plan(ports: Ports, situation: Situation, gate: Gate, amount: int) -> list[Act]:
    """Decide, book and reserve in one transaction: rows 8 and 7 before acceptance, row 9 after it.

    One act for each charge that something goes back to, the newest first (design: money A 4).
    """
    order, milestone = situation.order, situation.milestone
    parts = parts_back(ports.store, order, milestone, amount)
    much = is_much(amount, order.currency, situation.offer.policy.confirm)
    acts = [replace(_act(order, gate, part, number), unconfirmed=much) for number, part in enumerate(parts, start=1)]
    writes: list[Write] = [
        Change(
            order_key(order.id),
            add={"left": -amount, "in_transit": amount},
            guards=(at_least("left", amount), NOT_TAKEN_BACK),
        ),
        *(intent(ports, act) for act in acts[1:]),
        *drawn(order.id, parts),
    ]
    if milestone is None:
        entry = ledger.refund_decided(
            order=order.id, milestone=ORDER_LEVEL, amount=amount, currency=order.currency, at=situation.now
        )
        writes.append(entry_put(entry))
    else:
        writes += _milestone_share(situation, milestone, amount)
    planned = plan(ports, acts[0], *writes)
    return [planned] if len(acts) == 1 else _pending(ports, gate)


def _act(order: Order, gate: Gate, part: Part, number: int) -> Act:
    operation = nth(f"{order.id}:{ActKind.REFUND.value}:{gate.id.milestone}:{gate.id.ordinal}", number)
    intent_of = "" if part.funding is None else part.funding.payment_intent
    return Act(
        order=order.id,
        id=nth(f"{ActKind.REFUND.value}-{gate.id.milestone}-{gate.id.ordinal:04d}", number),
        kind=ActKind.REFUND,
        milestone=gate.id.milestone,
        operation=operation,
        amount=part.amount,
        currency=order.currency,
        body=refund_body(intent_of, part.amount, operation, order.id),
        tried_at=gate.id.ordinal,
    )


def _milestone_share(situation: Situation, milestone: Milestone, amount: int) -> list[Write]:
    order, engagement = situation.order, milestone.engagement
    left = 0 if engagement is None else milestone.left_to_send
    keeps = 0 if engagement is None else paid_all_the_same(situation, amount)
    rest = milestone.held - amount
    name = f"{milestone.number}-{milestone.ordinal}" if milestone.refunded else milestone.number
    freelancer = "" if engagement is None else engagement.freelancer
    writes: list[Write] = [
        Change(
            milestone_key(order.id, milestone.number),
            put={"left_to_send": keeps} | ({"accepted": True} if rest else {}),
            add={"refund_in_transit": amount},
            remove=("give_back",),
            guards=(
                equals("stage", MilestoneStage.REFUND.value),
                equals("ordinal", milestone.ordinal),
                equals("left_to_send", milestone.left_to_send),
                equals("price", milestone.price),
                below("refunded", milestone.refunded + 1),
            ),
        )
    ]
    if milestone.accepted:
        after = ledger.refund_after_acceptance(
            order=order.id,
            milestone=name,
            amount=amount,
            borne=left - keeps - _of_bonus(milestone, left - keeps),
            bonus=_of_bonus(milestone, left - keeps),
            freelancer=freelancer,
            currency=order.currency,
            at=situation.now,
        )
        return [*writes, entry_put(after)]
    before = ledger.refund_decided(
        order=order.id, milestone=milestone.number, amount=amount, currency=order.currency, at=situation.now
    )
    writes.append(entry_put(before))
    if rest:
        # What is not given back is accepted with it, at what its freelancer is still due (row 3).
        earned = ledger.accepted(
            order=order.id,
            milestone=milestone.number,
            share=rest,
            cost=keeps - _of_bonus(milestone, keeps),
            bonus=_of_bonus(milestone, keeps),
            freelancer=freelancer,
            currency=order.currency,
            at=situation.now,
            again=milestone.reopened > 0,
        )
        writes.append(entry_put(earned))
    elif keeps:
        kill = ledger.kill_fee(
            order=order.id,
            milestone=milestone.number,
            amount=keeps,
            freelancer=freelancer,
            currency=order.currency,
            at=situation.now,
        )
        writes.append(entry_put(kill))
    return writes


def _of_bonus(milestone: Milestone, part: int) -> int:
    """What of a part of the freelancer's due is the bonus (minor units): agreed cost and bonus are shared alike."""
    return part * milestone.bonus // milestone.due if milestone.due else 0


def refund_body(payment_intent: str, amount: int, operation: str, order: str) -> dict[str, Any]:
    """What the refund asks of Stripe, frozen with its generation."""
    return {
        "payment_intent": payment_intent,
        "amount": amount,
        "metadata": {"op": operation, "order": order},
    }


def booked(ports: Ports, act: Act, outcome: Done) -> tuple[Write, ...]:
    """Stripe took a refund, pending or succeeded: row 8', with its bank entry if the balance transaction is known."""
    now = ports.now()
    business = ledger.refunded(order=act.order, op=act.operation, amount=act.amount, currency=act.currency, at=now)
    writes: list[Write] = [
        done(ports, act, outcome),
        entry_put(business),
    ]
    if outcome.settlement is not None:
        writes += _bank_entry(ports, act, outcome.settlement)
    return tuple(writes)


def settle_refunds(ports: Ports, order_id: str) -> None:
    """Book the balance transactions of refunds that had to wait for money. Asked any number of times."""
    for row in ports.store.query(f"O#{order_id}", f"A#{ActKind.REFUND.value}#"):
        act = act_from_row(row)
        if not unsettled(act):
            continue
        found = ports.payments.refund_settlement(act.stripe_id or "")
        if found is None:
            continue
        try:
            ports.store.write(settled(act), *_bank_entry(ports, act, found))
        except ConditionFailedError:
            continue


def _bank_entry(ports: Ports, act: Act, settlement: Settlement) -> tuple[Write, ...]:
    entry = ledger.refund_settled(
        order=act.order,
        txn=settlement.id,
        op=act.operation,
        amount=-settlement.net,
        currency=settlement.currency,
        at=ports.now(),
    )
    return bank_puts(ports.store, entry)


def _unwound(ports: Ports, situation: Situation) -> Effects:
    """The end of a whole order's way out: its milestones, which never began, are closed with it."""
    if situation.milestone is not None:
        return Effects()
    rows = ports.store.query(f"O#{situation.order.id}", "M#")
    return Effects(
        writes=tuple(
            Change(
                milestone_key(situation.order.id, one.number),
                put={"stage": MilestoneStage.CLOSED.value},
                guards=(equals("stage", MilestoneStage.PENDING.value),),
            )
            for one in map(milestone_from_row, rows)
            if one.stage is MilestoneStage.PENDING
        )
    )


def give_back_strays(ports: Ports, order_id: str) -> None:
    """Book and give back every payment that no order asked for (ledger row 20). Asked any number of times."""
    order = read_order(ports.store, order_id)
    for act in acts_of(ports, order_id, ActKind.REFUND, ORDER_LEVEL):
        if act.body.get("session") and act.state in OPEN_STATES:
            _give_back_stray(ports, order, act)


def _give_back_stray(ports: Ports, order: Order, act: Act) -> None:
    known = act if act.amount else _book_stray(ports, order, act)
    if known is None:
        return
    outcome = send(ports, known)
    if isinstance(outcome, Done):
        stray_given_back(ports, known, outcome)


def stray_given_back(ports: Ports, act: Act, outcome: Done) -> None:
    """Stripe took the refund of a payment that no order asked for: the act, both entries and the order's pots."""
    try:
        ports.store.write(*booked(ports, act, outcome), _pots_change(act))
    except ConditionFailedError:
        return
    ports.counter.count(Metric.STRAY_REFUNDED)


def _book_stray(ports: Ports, order: Order, act: Act) -> Act | None:
    """The payment as it is booked here; nothing where it was none, or where somebody else books it at this moment."""
    session = ports.payments.session(str(act.body["session"]))
    if session.payment_status != "paid" or not session.amount or session.payment_intent is None:
        return None
    now = ports.now()
    known = replace(
        act,
        amount=session.amount,
        currency=session.currency,
        body={"session": session.id} | refund_body(session.payment_intent, session.amount, act.operation, order.id),
    )
    booking: tuple[Write, ...] = (
        Change(
            act_key(order.id, act.id),
            put={"amount": known.amount, "currency": known.currency, "body": dict(known.body)}
            | {"charge": session.charge or ""}
            | looked_at(ports, order.id),
            guards=(equals("amount", 0),),
        ),
        *(
            entry_put(
                row(
                    order=order.id,
                    pi=session.payment_intent,
                    amount=session.amount,
                    currency=session.currency,
                    at=now,
                )
            )
            for row in (ledger.stray_payment, ledger.stray_decided)
        ),
        Change(order_key(order.id), add={"in_transit": session.amount}),
    )
    try:
        ports.store.write(*booking)
    except ConditionFailedError:
        return None
    return known


def refund_gates(ports: Ports, order_id: str) -> None:
    """Go on with the open refunds of an order (called by the clock)."""
    order = read_order(ports.store, order_id)
    numbers = [
        one.number
        for one in map(milestone_from_row, ports.store.query(f"O#{order_id}", "M#"))
        if one.stage is MilestoneStage.REFUND
    ]
    if order.stage is OrderStage.UNWIND:
        numbers.append(ORDER_LEVEL)
    for number in numbers:
        situation = read_situation(ports, order_id, number)
        gate = find_gate(ports, situation, Kind.REFUND)
        if gate is not None and gate.status is Status.OPEN:
            give_back(ports, situation, gate)
