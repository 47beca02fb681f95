"""Disputes, inquiries and early fraud warnings: what leaves the balance, until when one may answer, what comes back."""

from typing import Any

import pytest
import stripe

DAY = 86400


def settled(world: Any, card: str = "4000 0025 0000 0003") -> stripe.Charge:
    """A charge of which the fee is known."""
    charge = world.paid_charge(card)
    world.later(3)
    return world.client().v1.charges.retrieve(charge.id)


def disputed(world: Any, charge: stripe.Charge, **more: Any) -> stripe.Dispute:
    """The dispute that the payer's bank has just opened."""
    world.post(f"/_sandbox/charges/{charge.id}", {"dispute": more})
    return world.client().v1.disputes.list({"charge": charge.id}).data[0]


def net(world: Any) -> int:
    """What all balance transactions come to, in cents."""
    return world.sandbox.state()["money"]["net_transactions"]["eur"]


def answer(world: Any, dispute: stripe.Dispute, text: str, **more: Any) -> stripe.Dispute:
    return world.client().v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}, **more})


def test_18_the_dispute_fee_is_inside_the_adjustment_and_the_amount_may_be_a_part(world: Any) -> None:
    """Trap 18. A naive client books the charge's amount as lost: here less is disputed, and a fee goes with it."""
    charge = settled(world)
    before = net(world)
    dispute = disputed(world, charge, reason="product_not_received", amount=10000)
    naive = before - charge.amount
    assert (dispute.status, dispute.amount, dispute.is_charge_refundable) == ("needs_response", 10000, False)
    [withdrawn] = dispute.balance_transactions
    assert (withdrawn.type, withdrawn.reporting_category) == ("adjustment", "dispute")
    assert (withdrawn.amount, withdrawn.fee, withdrawn.net) == (-10000, 2000, -12000)
    assert net(world) == before - 12000 != naive
    assert world.about("charge.dispute") == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert world.available() < 0, "nothing had settled: the balance is below zero"


def test_18_an_inquiry_moves_no_money_and_a_full_refund_closes_it(world: Any) -> None:
    """Trap 18. Who freezes and books on `charge.dispute.created` books money that never left."""
    charge = settled(world)
    world.top_up()
    before = net(world)
    inquiry = disputed(world, charge, inquiry=True)
    assert (inquiry.status, inquiry.balance_transactions, inquiry.is_charge_refundable) == (
        "warning_needs_response",
        [],
        True,
    )
    assert net(world) == before
    assert world.client().v1.refunds.create({"charge": charge.id}).status == "succeeded"
    assert world.client().v1.disputes.retrieve(inquiry.id).status == "warning_closed"
    assert world.about("charge.dispute") == ["charge.dispute.created", "charge.dispute.closed"]


def test_18_an_inquiry_may_become_a_dispute_with_its_own_deadline(world: Any) -> None:
    """The money leaves then, and what was answered before does not count as the answer."""
    charge = settled(world)
    inquiry = disputed(world, charge, inquiry=True)
    assert answer(world, inquiry, "Delivered.").status == "warning_under_review"
    world.post(f"/_sandbox/disputes/{inquiry.id}", {"decide": "escalated"})
    now = world.client().v1.disputes.retrieve(inquiry.id)
    assert (now.status, len(now.balance_transactions)) == ("needs_response", 1)
    assert now.evidence_details.submission_count == 0
    assert answer(world, now, "Delivered.").status == "under_review"


def test_18_evidence_counts_once_and_costs_a_fee_that_comes_back_when_won(world: Any) -> None:
    """The received fee stays with the network; the countered one returns inside the reinstating adjustment."""
    charge = settled(world)
    before = net(world)
    dispute = disputed(world, charge)
    staged = answer(world, dispute, "winning_evidence", submit=False)
    assert (staged.status, staged.evidence_details.has_evidence) == ("needs_response", True)
    sent = world.client().v1.disputes.update(dispute.id, {"submit": True})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert world.booked("stripe_fee")[0].net == -2000
    with pytest.raises(stripe.InvalidRequestError, match="under review"):
        answer(world, dispute, "more")
    world.later(3)
    won = world.client().v1.disputes.retrieve(dispute.id)
    assert won.status == "won"
    _, back = won.balance_transactions
    assert (back.amount, back.fee, back.net, back.reporting_category) == (29000, -2000, 31000, "dispute_reversal")
    assert net(world) == before - 2000
    assert world.about("charge.dispute")[-2:] == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]


def test_a_dispute_is_lost_by_acceptance_by_silence_and_by_verdict(world: Any) -> None:
    """Three ways, one end: no money comes back, and the charge takes no refund."""
    charges = [settled(world) for _ in range(3)]
    accepted, silent, judged = (disputed(world, charge) for charge in charges)
    world.client().v1.disputes.close(accepted.id)
    answer(world, judged, "losing_evidence")
    world.later(11 * DAY)
    disputes = world.client().v1.disputes
    assert [disputes.retrieve(one.id).status for one in (accepted, silent, judged)] == ["lost"] * 3
    assert disputes.retrieve(silent.id).evidence_details.past_due
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.client().v1.refunds.create({"charge": charges[0].id})
    assert refused.value.code == "charge_disputed"


def test_17_a_dispute_kills_the_refund_that_waits_and_stops_the_next(world: Any) -> None:
    """Trap 17. A naive client sees the refusal, and refunds by hand what the bank has taken already."""
    charge = settled(world)
    waiting = world.client().v1.refunds.create({"charge": charge.id})
    assert waiting.status == "pending"
    disputed(world, charge, amount=29000) if charge.amount_refunded else None
    with pytest.raises(OSError, match="400"):
        disputed(world, charge)
    partly = settled(world)
    pending = world.client().v1.refunds.create({"charge": partly.id, "amount": 100})
    disputed(world, partly)
    assert world.client().v1.refunds.retrieve(pending.id).failure_reason == "charge_for_pending_refund_disputed"


def test_an_early_fraud_warning_asks_for_a_refund_while_it_still_helps(world: Any) -> None:
    """A full refund avoids the dispute and its fee: there is nothing to act on afterwards."""
    world.top_up()
    charge = settled(world, "4000 0000 0000 5423")
    warnings = world.client().v1.radar.early_fraud_warnings
    [warning] = warnings.list({"charge": charge.id}).data
    assert (warning.actionable, warning.fraud_type) == (True, "misc")
    world.client().v1.refunds.create({"charge": charge.id})
    assert not warnings.retrieve(warning.id).actionable
    told = [kind for kind in world.types() if kind.startswith("radar.")]
    assert told == ["radar.early_fraud_warning.created", "radar.early_fraud_warning.updated"]


@pytest.mark.parametrize(
    ("card", "reason", "status"),
    [
        ("4000 0000 0000 0259", "fraudulent", "needs_response"),
        ("4000 0000 0000 2685", "product_not_received", "needs_response"),
        ("4000 0000 0000 1976", "fraudulent", "warning_needs_response"),
    ],
)
def test_stripe_s_cards_that_are_disputed_by_themselves(world: Any, card: str, reason: str, status: str) -> None:
    """What the documentation promises of its test cards."""
    charge = settled(world, card)
    [dispute] = world.client().v1.disputes.list({"charge": charge.id}).data
    assert (dispute.reason, dispute.status) == (reason, status)
    assert dispute.evidence_details.due_by > dispute.created
