"""Early fraud warnings: a card's issuer says that a payment may be fraud, most often some days before it is disputed.

A full refund now avoids the dispute and its fee (docs.stripe.com/disputes/measuring, early fraud warnings); nobody but
the seller can tell a good client from a stolen card. They are asked beside the order, and silence leaves it as it is.
"""

from __future__ import annotations

from functools import partial

from relais.dispute import WarningSeen
from relais.gate import Choice, Default, Gate, Kind, Status, due_shard
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL, Milestone, MilestoneStage, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Put, order_key, warning_key
from relais.steps import late_refund
from relais.steps.asking import open_side
from relais.steps.contracts import asked
from relais.steps.decisions import Answer, ChoiceNotRoutedError
from relais.steps.disputes import end_paid_work
from relais.steps.side import Caused, withdraw_side
from relais.steps.situation import Situation, kept_share, read_milestones, read_situation, sides_of

CAUSE = RefundCause.CHANGE_OF_MIND
"""Whose terms bind the freelancer: it is nobody's fault among us, and the terms they accepted name no other."""


def warned(ports: Ports, warning: str) -> None:
    """Take in what Stripe says of a warning now. Asked any number of times, by events in any order.

    Raises `AnswerUnknownError`, `TryAgainError` where Stripe did not say.
    """
    seen = ports.payments.fraud_warning(warning)
    if seen.order is None or ports.store.get(order_key(seen.order)) is None:
        return
    if not seen.actionable:
        _call_off(ports, seen.order, seen.id)
        return
    open_side(ports, seen.order, ORDER_LEVEL, partial(_question, ports, seen), at_once=False)


def _call_off(ports: Ports, order: str, warning: str) -> None:
    """It was refunded or disputed, by whoever: there is nothing left to decide."""
    for gate in sides_of(ports, read_situation(ports, order, ORDER_LEVEL)):
        if gate.id.kind is Kind.FRAUD_WARNING and gate.about == warning and gate.status is Status.OPEN:
            withdraw_side(ports, gate)


def _question(ports: Ports, seen: WarningSeen, situation: Situation) -> Gate | None:
    order = situation.order
    if seen.payment_intent != order.payment_intent:
        return None  # a payment that no order asked for goes back by itself
    milestones = read_milestones(ports.store, order.id)
    return asked(
        situation,
        Kind.FRAUD_WARNING,
        ports.link_keys.current,
        choices=(Choice.REFUND, Choice.GO_ON),
        default=Default.GO_ON,
        shown={
            "amount": order.paid - order.refunded,
            "pay": sum(_keeps(situation, one) for one in milestones),
            "reason": seen.fraud_type,
        },
        about=seen.id,
    )


def _keeps(situation: Situation, milestone: Milestone) -> int:
    """What its freelancer has or is paid all the same, where all of it is given back (minor units)."""
    bears = situation.offer.policy.bears.on(CAUSE)
    if milestone.stage is MilestoneStage.CLOSED:
        return kept_share(bears, milestone.received)
    return 0 if milestone.unbegun else kept_share(bears, milestone.left_to_send)


def fraud_answered(situation: Situation, gate: Gate, given: Answer) -> Caused:
    """To refund is a decision that the function with Stripe's key carries out; to leave it is none."""
    match given.choice:
        case Choice.REFUND:
            row = {"v": 1, "at": stamp(situation.now), "due": stamp(situation.now), "due_shard": due_shard(gate.order)}
            return Caused(writes=(Put(warning_key(gate.order, gate.about), row),))
        case Choice.GO_ON:
            return Caused()
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)


def give_back_warned(ports: Ports, order: str) -> None:
    """Give back what the seller decided to: what is under way is called off, what was paid out is refunded.

    Asked any number of times: what was given back already is not given back again. A dispute that came first decides.
    """
    for row in ports.store.query(f"O#{order}", "F#"):
        if "due" not in row:
            continue
        end_paid_work(ports, order, by="seller", cause=CAUSE)
        for number in late_refund.refundable(ports, order):
            try:
                late_refund.refund_late(ports, order, number, amount=None, cause=CAUSE, reason="")
            except late_refund.NothingToRefundError as over:
                ports.note(over)
        done = Change(warning_key(order, row["sk"].removeprefix("F#")), remove=("due", "due_shard"))
        try:
            ports.store.write(done)
        except ConditionFailedError:
            continue
