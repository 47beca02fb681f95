"""SEPA debits: complete and unpaid for days, then paid or not, then taken back by who was debited."""

from typing import Any

import pytest
import stripe

DAY = 86400
FAILS, DISPUTED = "FR8420041010050500013M02607", "FR5720041010050500013M02608"


def submitted(world: Any, iban: str = "FR1420041010050500013M02606") -> stripe.checkout.Session:
    """A session of which the debit is under way."""
    session = world.session(allowed_payment_method_types=["card", "sepa_debit"])
    assert world.debit(session, iban).status == 303
    return world.client().v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})


def net(world: Any) -> int:
    return world.sandbox.state()["money"]["net_transactions"]["eur"]


def test_19_a_debit_has_a_balance_transaction_before_anybody_has_the_money(world: Any) -> None:
    """Trap 19. A naive client starts the work at the first balance transaction, or at `complete`."""
    session = submitted(world, FAILS)
    charge: Any = session.payment_intent.latest_charge  # type: ignore[union-attr]
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert (session.payment_intent.status, charge.status, charge.paid) == ("processing", "pending", False)  # type: ignore[union-attr]
    naive_starts_at_complete = session.status == "complete"
    world.later(3)
    [booked] = world.booked()
    naive_starts_at_booking = booked.type == "payment" and booked.net == 29000 - 35
    assert naive_starts_at_complete
    assert naive_starts_at_booking
    world.later(5 * DAY)
    back, _ = world.booked()
    assert (back.type, back.reporting_category, back.net) == ("payment_failure_refund", "charge_failure", -29350)
    charge = world.client().v1.charges.retrieve(charge.id)
    assert (charge.status, charge.failure_balance_transaction) == ("failed", back.id)
    assert net(world) == -35 - 350, "the work would have been for nothing, and the fees are paid"


def test_20_a_failed_debit_leaves_its_session_complete_and_unpaid(world: Any) -> None:
    """Trap 20. Whoever waits for `expired` waits for ever, and it cannot be expired either."""
    session = submitted(world, FAILS)
    world.later(5 * DAY)
    now = world.client().v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (now.status, now.payment_status) == ("complete", "unpaid")
    assert now.payment_intent.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError, match="complete"):
        world.client().v1.checkout.sessions.expire(session.id)
    assert [kind for kind in world.types() if kind != "balance.available"] == [
        "payment_intent.created",
        "checkout.session.completed",
        "payment_intent.processing",
        "charge.pending",
        "charge.updated",
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]


def test_a_debit_succeeds_days_later_and_the_session_says_paid(world: Any) -> None:
    """`checkout.session.completed` came unpaid; only the second event pays the order."""
    session = submitted(world)
    world.later(5 * DAY)
    now = world.client().v1.checkout.sessions.retrieve(session.id)
    assert (now.status, now.payment_status) == ("complete", "paid")
    assert world.types()[-1] in {"checkout.session.async_payment_succeeded", "balance.available"}
    told = {event["type"]: event["data"]["object"] for event in world.events()}
    assert told["checkout.session.completed"]["payment_status"] == "unpaid"
    assert told["checkout.session.async_payment_succeeded"]["payment_status"] == "paid"
    assert "charge.succeeded" in told


def test_18_a_debit_s_dispute_is_born_lost_and_its_evidence_is_due_at_no_time(world: Any) -> None:
    """Trap 18. A naive client opens a gate for evidence until `due_by`: 1970, for a dispute that is over."""
    submitted(world, DISPUTED)
    world.later(5 * DAY + 3)
    [dispute] = world.client().v1.disputes.list().data
    assert (dispute.status, dispute.evidence_details.due_by) == ("lost", 0)
    assert (dispute.balance_transactions[0].fee, dispute.is_charge_refundable) == (1500, False)
    assert world.about("charge.dispute") == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    with pytest.raises(stripe.InvalidRequestError):
        world.client().v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})


@pytest.mark.parametrize(("iban", "status"), [("FR1420041010050500013M02606", "succeeded"), (FAILS, "canceled")])
def test_a_refund_of_a_debit_under_way_waits_for_it(world: Any, iban: str, status: str) -> None:
    """It is taken when the money has come, and canceled with it: the client of a failed debit was never debited."""
    session = submitted(world, iban)
    world.top_up()
    charge: Any = session.payment_intent.latest_charge  # type: ignore[union-attr]
    made = world.client().v1.refunds.create({"charge": charge.id})
    assert (made.status, made.pending_reason) == ("pending", "charge_pending")
    world.later(5 * DAY)
    assert world.client().v1.refunds.retrieve(made.id).status == status
    kinds = [booked.type for booked in world.booked()]
    assert ("payment_refund" in kinds) == (status == "succeeded")


def test_a_refund_may_wait_for_its_receiver_and_be_canceled_or_come_back(world: Any) -> None:
    """`requires_action`: nobody may tell the client "refunded" before they have said where it goes."""
    world.top_up()
    refunds = world.client().v1.refunds
    made = []
    for _ in range(3):
        charge = world.paid_charge()
        world.later(3)
        world.post(f"/_sandbox/charges/{charge.id}", {"refunds": "requires_action"})
        made.append(refunds.create({"charge": charge.id}))
    assert {one.status for one in made} == {"requires_action"}
    claimed, called_off, forgotten = (one.id for one in made)
    world.post(f"/_sandbox/refunds/{claimed}", {"claim": True})
    refunds.cancel(called_off)
    world.later(45 * DAY)
    states = [refunds.retrieve(name).status for name in (claimed, called_off, forgotten)]
    assert states == ["succeeded", "canceled", "failed"]
    assert len(world.booked("refund_failure")) == 2


def test_the_page_takes_test_accounts_only_where_a_debit_is_allowed(world: Any) -> None:
    """A mistyped IBAN is said; a shop that takes cards only has no form for one."""
    session = world.session(allowed_payment_method_types=["card", "sepa_debit"], locale="fr")
    assert "IBAN est incorrect" in world.debit(session, "FR00").text
    assert "comptes d’essai" in world.debit(session, "DE75512108001245126199").text
    assert world.debit(world.session()).status == 422
