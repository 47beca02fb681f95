"""Subscriptions: where the payment stands since the API's 2025 versions, renewals, refused cards, the end."""

from typing import Any

import pytest
import stripe

DAY = 86400
MONTHLY = {
    "price_data": {
        "currency": "eur",
        "unit_amount": 4900,
        "product_data": {"name": "Care"},
        "recurring": {"interval": "month"},
    },
    "quantity": 1,
}


def subscribed(world: Any) -> tuple[stripe.checkout.Session, stripe.Subscription]:
    """A session paid by card, and its subscription."""
    params: Any = {
        "mode": "subscription",
        "success_url": "http://127.0.0.1:9/o/1",
        "line_items": [MONTHLY],
        "metadata": {"order": "o1"},
        "subscription_data": {"metadata": {"order": "o1"}},
    }
    session = world.client().v1.checkout.sessions.create(params)
    assert world.pay(session).status == 303
    session = world.client().v1.checkout.sessions.retrieve(session.id)
    return session, world.client().v1.subscriptions.retrieve(session.subscription)


def test_02_a_subscription_s_session_never_has_a_payment_intent(world: Any) -> None:
    """Trap 2. Looking for "the" intent of the session finds nothing, ever; its metadata is nowhere else either."""
    session, subscription = subscribed(world)
    assert (session.payment_status, session.payment_intent) == ("paid", None)
    assert session.invoice == subscription.latest_invoice
    charge = world.client().v1.charges.list().data[0]
    assert (charge.metadata.to_dict(), charge.transfer_group) == ({}, None)
    assert world.types() == [
        "customer.created",
        "customer.subscription.created",
        "invoice.created",
        "payment_intent.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice_payment.paid",
        "checkout.session.completed",
    ]


def test_03_an_invoice_has_no_charge_and_a_subscription_no_period(world: Any) -> None:
    """Trap 3. The tutorials of 2024 read `invoice.charge` and `subscription.current_period_end`."""
    _, subscription = subscribed(world)
    invoice = world.client().v1.invoices.retrieve(subscription.latest_invoice, {"expand": ["payments"]})
    for naive in ("charge", "payment_intent", "subscription", "paid"):
        assert naive not in invoice
    assert "current_period_end" not in subscription
    assert "invoice" not in world.client().v1.charges.list().data[0]
    assert invoice.parent.subscription_details.subscription == subscription.id
    [payment] = invoice.payments.data
    intent = world.client().v1.payment_intents.retrieve(payment.payment.payment_intent)
    assert (intent.status, intent.amount_received) == ("succeeded", 4900)
    item = subscription["items"].data[0]
    assert item.current_period_end > item.current_period_start


def test_04_an_invoice_s_payments_are_absent_unless_expanded(world: Any) -> None:
    """Trap 4. An empty list would read as "unpaid"."""
    _, subscription = subscribed(world)
    assert "payments" not in world.client().v1.invoices.retrieve(subscription.latest_invoice)
    found = world.client().v1.invoice_payments.list({"invoice": subscription.latest_invoice}).data
    assert [one.status for one in found] == ["paid"]


def test_a_renewal_is_announced_drafted_and_charged_an_hour_later(world: Any) -> None:
    """What comes in between may still be added to the draft."""
    _, subscription = subscribed(world)
    end = subscription["items"].data[0].current_period_end
    world.later(end - subscription.created + 60)
    [draft, _] = world.client().v1.invoices.list().data
    assert (draft.status, draft.billing_reason, draft.amount_due) == ("draft", "subscription_cycle", 4900)
    world.later(3600)
    assert world.client().v1.invoices.retrieve(draft.id).status == "paid"
    renewed = world.client().v1.subscriptions.retrieve(subscription.id)
    assert renewed["items"].data[0].current_period_start == end
    told = world.about("invoice.", "customer.subscription")
    assert told[-5:] == [
        "invoice.upcoming",
        "invoice.created",
        "customer.subscription.updated",
        "invoice.finalized",
        "invoice.paid",
    ]


def test_a_refused_card_is_tried_again_and_then_the_subscription_ends(world: Any) -> None:
    """`past_due` first; nobody should work for a month that is not paid."""
    _, subscription = subscribed(world)
    world.post(f"/_sandbox/subscriptions/{subscription.id}", {"refused": True})
    world.later(32 * DAY)
    subscriptions = world.client().v1.subscriptions
    assert subscriptions.retrieve(subscription.id).status == "past_due"
    world.later(12 * DAY)
    assert subscriptions.retrieve(subscription.id).status == "canceled"
    assert world.types().count("invoice.payment_failed") == 4


def test_a_subscription_may_end_with_its_period_or_at_once(world: Any) -> None:
    """Both end by `customer.subscription.deleted`."""
    subscriptions = world.client().v1.subscriptions
    _, first = subscribed(world)
    _, second = subscribed(world)
    assert subscriptions.update(first.id, {"cancel_at_period_end": True}).status == "active"
    assert subscriptions.cancel(second.id).status == "canceled"
    world.later(32 * DAY)
    assert subscriptions.retrieve(first.id).status == "canceled"
    assert len(world.client().v1.invoices.list().data) == 2


def test_21_a_recurring_price_needs_its_mode_and_the_mode_such_a_price(world: Any) -> None:
    """Trap 21 and money A 13: no intent's data, no invoice's creation, at most twenty prices of a kind."""
    sessions = world.client().v1.checkout.sessions
    once = {"price_data": {"currency": "eur", "unit_amount": 100, "product_data": {"name": "x"}}, "quantity": 1}
    base: Any = {"success_url": "http://127.0.0.1:9/"}
    wrong: list[Any] = [
        {"mode": "payment", "line_items": [MONTHLY]},
        {"mode": "subscription", "line_items": [once]},
        {"mode": "subscription", "line_items": [MONTHLY], "payment_intent_data": {"description": "x"}},
        {"mode": "subscription", "line_items": [MONTHLY, *([once] * 21)]},
    ]
    for params in wrong:
        with pytest.raises(stripe.InvalidRequestError):
            sessions.create({**base, **params})
