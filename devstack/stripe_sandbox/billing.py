"""Subscriptions, their invoices and the payments of these (design: money A 13, traps 2 and 3 of money E).

An invoice has neither charge nor payment intent nor subscription: its payments are objects of their own, and the
subscription stands in `parent.subscription_details`; the charge knows no invoice; periods are on the items. A renewal
is announced, drafted at the end of the period and charged an hour later; a refused card is tried again some days on,
then the subscription ends. Source: docs.stripe.com/billing/subscriptions/overview, docs.stripe.com/changelog/basil.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from devstack.stripe_sandbox.cards import REFUSED, Card, Decline
from devstack.stripe_sandbox.errors import RefusedError
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import (
    DAY,
    Buyer,
    book_fee_later,
    charge_card,
    every,
    merged,
    new_intent,
    retrieve,
)
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.routes import INCLUDABLE, LIST_PARAMS, Call, Route, listing

SUBSCRIPTION, INVOICE, PAYMENT, CUSTOMER = "subscription", "invoice", "invoice_payment", "customer"
ANNOUNCED_DAYS = 7
DRAFT_SECONDS = 3600
RETRY_DAYS = 3
ATTEMPTS = 4
OVER = frozenset({"canceled", "incomplete_expired"})


@dataclass(slots=True)
class Plan:
    """How a subscription goes on: who pays with what, and whether the card is refused from now on."""

    buyer: Buyer
    card: Card
    refused: bool = False


def subscribe(platform: Platform, session: Resource, buyer: Buyer, card: Card) -> Decline | None:
    """Start a subscription from a session and charge its first invoice; a refused card starts nothing."""
    items = platform.line_items[session["id"]]
    if card.decline is not None:
        return card.decline
    customer = platform.add(_customer(platform, buyer))
    subscription = platform.add(_subscription(platform, session, items, customer["id"]))
    platform.plans[subscription["id"]] = Plan(buyer, card)
    platform.emit("customer.created", customer)
    platform.emit("customer.subscription.created", subscription)
    invoice = _draft(platform, subscription, items, "subscription_create")
    _pay(platform, subscription, invoice)
    session |= {"customer": customer["id"], "subscription": subscription["id"], "invoice": invoice["id"]}
    _expect(platform, subscription)
    return None


def _customer(platform: Platform, buyer: Buyer) -> Resource:
    return {
        "id": platform.new_id("cus_", 14),
        "object": CUSTOMER,
        "address": None,
        "balance": 0,
        "created": platform.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": buyer.email,
        "invoice_prefix": "RELAIS",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": buyer.name,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _subscription(platform: Platform, session: Resource, items: list[Resource], customer: str) -> Resource:
    now = platform.now()
    identifier = platform.new_id("sub_1")
    data = platform.intent_data[session["id"]]
    mode = data.get("billing_mode", {}).get("type", "flexible")
    return {
        "id": identifier,
        "object": SUBSCRIPTION,
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": now,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"} if mode == "flexible" else None, "type": mode},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": session["currency"],
        "customer": customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": data.get("description"),
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "items": {
            "object": "list",
            "url": f"/v1/subscription_items?subscription={identifier}",
            "has_more": False,
            "data": [_item(platform, identifier, item) for item in items if item["price"]["recurring"]],
        },
        "latest_invoice": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": data.get("metadata", {}),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }


def _item(platform: Platform, subscription: str, line: Resource) -> Resource:
    price, now = line["price"], platform.now()
    return {
        "id": platform.new_id("si_", 14),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": now,
        "current_period_end": period_end(now, price["recurring"]),
        "current_period_start": now,
        "discounts": [],
        "metadata": {},
        "plan": {
            "id": price["id"],
            "object": "plan",
            "active": True,
            "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"],
            "billing_scheme": "per_unit",
            "created": price["created"],
            "currency": price["currency"],
            "interval": price["recurring"]["interval"],
            "interval_count": price["recurring"]["interval_count"],
            "livemode": False,
            "metadata": {},
            "meter": None,
            "nickname": None,
            "product": price["product"],
            "tiers_mode": None,
            "transform_usage": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "price": price,
        "quantity": line["quantity"],
        "subscription": subscription,
        "tax_rates": [],
    }


def period_end(start: int, recurring: Resource) -> int:
    """When a period ends that starts then: the same day of a later month, or that month's last."""
    count = recurring["interval_count"]
    match recurring["interval"]:
        case "day" | "week" as unit:
            return start + int(timedelta(**{f"{unit}s": count}).total_seconds())
        case unit:
            began = datetime.fromtimestamp(start, UTC)
            months = began.month - 1 + count * (12 if unit == "year" else 1)
            year, month = began.year + months // 12, months % 12 + 1
            day = min(began.day, calendar.monthrange(year, month)[1])
            return int(began.replace(year=year, month=month, day=day).timestamp())


# Invoices --------------------------------------------------------------------------------------------------------


def _draft(platform: Platform, subscription: Resource, items: list[Resource], reason: str) -> Resource:
    invoice = platform.add(_invoice(platform, subscription, items, reason))
    subscription["latest_invoice"] = invoice["id"]
    platform.emit("invoice.created", invoice)
    return invoice


def _invoice(platform: Platform, subscription: Resource, items: list[Resource], reason: str) -> Resource:
    now = platform.now()
    identifier = platform.new_id("in_1")
    first = reason == "subscription_create"
    lines = [_line(platform, subscription, identifier, item) for item in items if first or item["price"]["recurring"]]
    total = sum(line["amount"] for line in lines)
    customer = platform.get(CUSTOMER, subscription["customer"])
    return {
        "id": identifier,
        "object": INVOICE,
        "account_country": platform.terms.country,
        "account_name": "Relais",
        "account_tax_ids": None,
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None if first else now + DRAFT_SECONDS,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": now,
        "currency": subscription["currency"],
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": None,
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "url": f"/v1/invoices/{identifier}/lines",
            "has_more": False,
            "data": lines,
        },
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": now,
        "period_start": now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": None,
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }


def _line(platform: Platform, subscription: Resource, invoice: str, item: Resource) -> Resource:
    price = item["price"]
    mine = next((found for found in subscription["items"]["data"] if found["price"]["id"] == price["id"]), None)
    now = platform.now()
    period = {"start": mine["current_period_start"], "end": mine["current_period_end"]} if mine else None
    parent: dict[str, Any]
    if mine:
        about: Resource = {"invoice_item": None, "proration": False, "proration_details": {"credited_items": None}}
        about |= {"subscription": subscription["id"], "subscription_item": mine["id"]}
        parent = {"invoice_item_details": None, "subscription_item_details": about}
    else:
        about = {"invoice_item": platform.new_id("ii_1"), "proration": False, "proration_details": None}
        parent = {"invoice_item_details": about | {"subscription": subscription["id"]}}
        parent |= {"subscription_item_details": None}
    parent["type"] = "subscription_item_details" if mine else "invoice_item_details"
    return {
        "id": platform.new_id("il_1"),
        "object": "line_item",
        "amount": item["amount_total"],
        "currency": price["currency"],
        "description": item["description"],
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "metadata": subscription["metadata"] if mine else {},
        "parent": parent,
        "period": period or {"start": now, "end": now},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "subscription": None,
        "subtotal": item["amount_total"],
        "taxes": [],
    }


def _pay(platform: Platform, subscription: Resource, invoice: Resource) -> bool:
    """Finalize a draft if it is one and charge it; tell whether it was paid."""
    if invoice["status"] == "draft":
        _finalize(platform, invoice)
    plan = platform.plans[subscription["id"]]
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    [payment] = [found for found in platform.newest_first(PAYMENT) if found["invoice"] == invoice["id"]]
    intent = platform.get("payment_intent", payment["payment"]["payment_intent"])
    card = Card(plan.card.number, plan.card.brand, plan.card.country, decline=REFUSED) if plan.refused else plan.card
    charge = charge_card(platform, intent, plan.buyer, card)
    if card.decline is not None:
        return False
    now = platform.now()
    payment |= {"amount_paid": invoice["total"], "status": "paid"}
    payment["status_transitions"] = {"canceled_at": None, "paid_at": now}
    invoice |= {"status": "paid", "amount_paid": invoice["total"], "amount_remaining": 0, "next_payment_attempt": None}
    invoice["status_transitions"] |= {"paid_at": now}
    platform.emit("invoice.paid", invoice)
    platform.emit("invoice_payment.paid", payment)
    book_fee_later(platform, charge)
    return True


def _finalize(platform: Platform, invoice: Resource) -> None:
    now = platform.now()
    customer = platform.get(CUSTOMER, invoice["customer"])
    invoice |= {
        "status": "open",
        "automatically_finalizes_at": None,
        "effective_at": now,
        "number": f"{customer['invoice_prefix']}-{customer['id'][-4:].upper()}-{customer['next_invoice_sequence']:04d}",
        "hosted_invoice_url": f"{platform.public_url}/i/{invoice['id']}",
        "ending_balance": 0,
    }
    invoice["status_transitions"] |= {"finalized_at": now}
    customer["next_invoice_sequence"] += 1
    about = {"description": "Subscription update", "customer": invoice["customer"]}
    intent = new_intent(platform, invoice["total"], invoice["currency"], ["card"], about)
    platform.add(
        {
            "id": platform.new_id("inpay_1"),
            "object": PAYMENT,
            "amount_paid": None,
            "amount_requested": invoice["total"],
            "created": now,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    platform.emit("invoice.finalized", invoice)


# Renewals --------------------------------------------------------------------------------------------------------


def _end_of(subscription: Resource) -> int:
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def _expect(platform: Platform, subscription: Resource) -> None:
    end = _end_of(subscription)
    platform.schedule(max(end - ANNOUNCED_DAYS * DAY, platform.now()), lambda: _announce(platform, subscription))
    platform.schedule(end, lambda: _renew(platform, subscription))


def _lines_of(subscription: Resource) -> list[Resource]:
    return [
        {
            "price": item["price"],
            "quantity": item["quantity"],
            "amount_total": item["price"]["unit_amount"] * item["quantity"],
            "description": f"{item['quantity']} × {item['price']['product']}",
        }
        for item in subscription["items"]["data"]
    ]


def _announce(platform: Platform, subscription: Resource) -> None:
    if subscription["status"] in OVER or subscription["cancel_at_period_end"]:
        return
    preview = _invoice(platform, subscription, _lines_of(subscription), "upcoming")
    platform.emit("invoice.upcoming", preview | {"id": "upcoming_" + preview["id"]})


def _renew(platform: Platform, subscription: Resource) -> None:
    if subscription["status"] in OVER:
        return
    if subscription["cancel_at_period_end"]:
        _end(platform, subscription)
        return
    before = {"items": {"data": [dict(item) for item in subscription["items"]["data"]]}}
    for item in subscription["items"]["data"]:
        start = item["current_period_end"]
        item |= {
            "current_period_start": start,
            "current_period_end": period_end(start, item["price"]["recurring"]),
        }
    invoice = _draft(platform, subscription, _lines_of(subscription), "subscription_cycle")
    platform.emit("customer.subscription.updated", subscription, before | {"latest_invoice": None})
    platform.schedule(platform.now() + DRAFT_SECONDS, lambda: _collect(platform, subscription, invoice))
    _expect(platform, subscription)


def _collect(platform: Platform, subscription: Resource, invoice: Resource) -> None:
    if subscription["status"] in OVER:
        return
    before = subscription["status"]
    paid = _pay(platform, subscription, invoice)
    if not paid and invoice["attempt_count"] >= ATTEMPTS:
        platform.emit("invoice.payment_failed", invoice)
        _end(platform, subscription)
        return
    if not paid:
        again = platform.now() + RETRY_DAYS * DAY
        invoice["next_payment_attempt"] = again
        platform.emit("invoice.payment_failed", invoice)
        platform.schedule(again, lambda: _collect(platform, subscription, invoice))
    subscription["status"] = "active" if paid else "past_due"
    if subscription["status"] != before:
        platform.emit("customer.subscription.updated", subscription, {"status": before})


def _end(platform: Platform, subscription: Resource) -> None:
    now = platform.now()
    subscription |= {"status": "canceled", "ended_at": now, "canceled_at": subscription["canceled_at"] or now}
    platform.emit("customer.subscription.deleted", subscription)


# The routes ------------------------------------------------------------------------------------------------------


def update(platform: Platform, call: Call) -> Resource:
    """Let a subscription end with its period, or not; change its metadata."""
    subscription = platform.get(SUBSCRIPTION, call.ids[0])
    if subscription["status"] in OVER:
        raise RefusedError(400, "A canceled subscription can only update its cancellation_details and metadata.")
    before = {name: subscription[name] for name in ("cancel_at_period_end", "cancel_at", "canceled_at", "metadata")}
    subscription["metadata"] = merged(subscription["metadata"], call.params.get("metadata", {}))
    if "cancel_at_period_end" in call.params:
        ends = call.params["cancel_at_period_end"]
        subscription |= {
            "cancel_at_period_end": ends,
            "cancel_at": _end_of(subscription) if ends else None,
            "canceled_at": platform.now() if ends else None,
        }
    previous = {name: value for name, value in before.items() if subscription[name] != value}
    if previous:
        platform.emit("customer.subscription.updated", subscription, previous)
    return subscription


def cancel(platform: Platform, call: Call) -> Resource:
    """End a subscription at once, without any refund."""
    subscription = platform.get(SUBSCRIPTION, call.ids[0])
    if subscription["status"] in OVER:
        raise RefusedError(404, f"No such subscription: '{subscription['id']}'", code="resource_missing", param="id")
    _end(platform, subscription)
    return subscription


def lines(platform: Platform, call: Call) -> Resource:
    """The lines of an invoice."""
    invoice = platform.get(INVOICE, call.ids[0])
    return listing(call, f"/v1/invoices/{invoice['id']}/lines", invoice["lines"]["data"])


def _payments_of(platform: Platform, invoice: Resource) -> Resource:
    found = [payment for payment in platform.newest_first(PAYMENT) if payment["invoice"] == invoice["id"]]
    url = f"/v1/invoice_payments?invoice={invoice['id']}"
    return {"object": "list", "url": url, "has_more": False, "data": [dict(payment) for payment in found]}


INCLUDABLE[INVOICE, "payments"] = _payments_of

P = "stripe.params:"
ROUTES = (
    retrieve(CUSTOMER, CUSTOMER, "/v1/customers", P + "CustomerRetrieveParams"),
    retrieve(SUBSCRIPTION, SUBSCRIPTION, "/v1/subscriptions", P + "SubscriptionRetrieveParams"),
    every(SUBSCRIPTION, SUBSCRIPTION, "/v1/subscriptions", P + "SubscriptionListParams", ("customer", "status")),
    Route(
        "POST",
        "/v1/subscriptions/{id}",
        SUBSCRIPTION,
        Access.WRITE,
        P + "SubscriptionModifyParams",
        update,
        frozenset({"cancel_at_period_end", "metadata", "metadata.*"}),
    ),
    Route(
        "DELETE",
        "/v1/subscriptions/{id}",
        SUBSCRIPTION,
        Access.WRITE,
        P + "SubscriptionCancelParams",
        cancel,
    ),
    retrieve(INVOICE, INVOICE, "/v1/invoices", P + "InvoiceRetrieveParams"),
    every(INVOICE, INVOICE, "/v1/invoices", P + "InvoiceListParams", ("customer", "status")),
    Route("GET", "/v1/invoices/{id}/lines", INVOICE, Access.READ, P + "InvoiceListLinesParams", lines, LIST_PARAMS),
    retrieve(PAYMENT, INVOICE, "/v1/invoice_payments", P + "InvoicePaymentRetrieveParams"),
    every(PAYMENT, INVOICE, "/v1/invoice_payments", P + "InvoicePaymentListParams", ("invoice", "status")),
)
