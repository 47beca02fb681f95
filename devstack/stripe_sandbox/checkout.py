"""Checkout Sessions: opened by the API, paid or left on the hosted page, ended by payment, request or time.

Built: mode `payment`, cards, prices given in place, one currency. A session is `open` until it is paid, expired by
request or 24 hours old; a declined card leaves it open; a complete one cannot be expired (traps 2 and 20 of money E).
Source: docs.stripe.com/api/checkout/sessions.
"""

from typing import Any
from urllib.parse import urlsplit

from devstack.stripe_sandbox import payments
from devstack.stripe_sandbox.cards import Card, Decline
from devstack.stripe_sandbox.errors import RefusedError, UnsupportedError, invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.routes import INCLUDABLE, LIST_PARAMS, RANGE_PARAMS, Call, Route, having, listing

KIND = "checkout.session"
HALF_HOUR = 30 * 60
DAY = 24 * 60 * 60
LEAST_CENTS = 50
MOST_ITEMS = 100
LONGEST_REFERENCE = 200


def create(platform: Platform, call: Call) -> Resource:
    """Open a session. Amounts in minor units. Raises RefusedError for what Stripe refuses."""
    given = call.params
    items = _items(platform, given.get("line_items", []))
    currency = items[0]["currency"]
    total = sum(item["amount_total"] for item in items)
    _check(platform, given, currency, total)
    now = platform.now()
    session = platform.add(_session(platform, given, currency, total, now))
    platform.line_items[session["id"]] = items
    platform.intent_data[session["id"]] = given.get("payment_intent_data", {})
    platform.schedule(session["expires_at"], lambda: _lapse(platform, session))
    return session


def _items(platform: Platform, given: list[Resource]) -> list[Resource]:
    if not given:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    if len(given) > MOST_ITEMS:
        raise invalid(f"You may only specify up to {MOST_ITEMS} line items.", param="line_items")
    items = [_item(platform, index, item) for index, item in enumerate(given)]
    if len({item["currency"] for item in items}) > 1:
        raise invalid("All line items must have the same currency.", param="line_items")
    return items


def _item(platform: Platform, index: int, given: Resource) -> Resource:
    where = f"line_items[{index}]"
    for name in ("price_data", "quantity"):
        if name not in given:
            raise invalid(
                f"Missing required param: {where}[{name}].", param=f"{where}[{name}]", code="parameter_missing"
            )
    price = given["price_data"]
    for name in ("product_data", "unit_amount"):
        if name not in price:
            param = f"{where}[price_data][{name}]"
            raise invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")
    if price["unit_amount"] < 0 or given["quantity"] < 1:
        raise invalid("Amounts and quantities must be positive.", param=where)
    total = price["unit_amount"] * given["quantity"]
    return {
        "id": platform.new_id("li_"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": price["product_data"]["name"],
        "metadata": None,
        "price": _price(platform, price),
        "quantity": given["quantity"],
    }


def _price(platform: Platform, given: Resource) -> Resource:
    return {
        "id": platform.new_id("price_"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": platform.now(),
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": platform.new_id("prod_", 14),
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": given["unit_amount"],
        "unit_amount_decimal": str(given["unit_amount"]),
    }


def _check(platform: Platform, given: Resource, currency: str, total: int) -> None:
    if "success_url" not in given:
        raise invalid("Missing required param: success_url.", param="success_url", code="parameter_missing")
    for name in ("success_url", "cancel_url"):
        parts = urlsplit(given.get(name, "https://stripe.example"))
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise invalid("Not a valid URL", param=name, code="url_invalid")
    if currency != platform.terms.currency:
        raise UnsupportedError(f"a session in {currency}: settling it in {platform.terms.currency}", "line_items")
    if total == 0:
        raise UnsupportedError("a session of which the total is zero", "line_items")
    if total < LEAST_CENTS:
        raise invalid("The Checkout Session's total amount must convert to at least 50 cents.", code="amount_too_small")
    if len(given.get("client_reference_id", "")) > LONGEST_REFERENCE:
        raise invalid("client_reference_id must be at most 200 characters.", param="client_reference_id")
    now = platform.now()
    expires = given.get("expires_at", now + DAY)
    if expires < now + HALF_HOUR:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", param="expires_at"
        )
    if expires > now + DAY:
        raise invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", param="expires_at"
        )


def _session(platform: Platform, given: Resource, currency: str, total: int, now: int) -> Resource:
    identifier = platform.new_id("cs_test_a1", 56)
    email = given.get("customer_email")
    details = payments.customer_details(email, None, None) if email else None
    return {
        "id": identifier,
        "object": KIND,
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": given.get("allow_promotion_codes"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": given.get("billing_address_collection"),
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": now,
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": _custom_text(given),
        "customer": None,
        "customer_account": None,
        "customer_creation": "if_required",
        "customer_details": details,
        "customer_email": email,
        "discounts": [],
        "expires_at": given.get("expires_at", now + DAY),
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": {"enabled": False, "invoice_data": _no_invoice()},
        "livemode": False,
        "locale": given.get("locale"),
        "managed_payments": {"enabled": False},
        "metadata": given.get("metadata", {}),
        "mode": "payment",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": given.get("submit_type"),
        "subscription": None,
        "success_url": given["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{platform.public_url}/c/pay/{identifier}",
        "wallet_options": None,
    }


def _custom_text(given: Resource) -> Resource:
    said = given.get("custom_text", {})
    return {
        "after_submit": None,
        "shipping_address": None,
        "submit": said.get("submit"),
        "terms_of_service_acceptance": None,
    }


def _no_invoice() -> Resource:
    return {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": None,
        "metadata": {},
        "rendering_options": None,
    }


def retrieve(platform: Platform, call: Call) -> Resource:
    """One session, without its line items unless they are expanded."""
    return platform.get(KIND, call.ids[0])


def every(platform: Platform, call: Call) -> Resource:
    """The sessions, newest first."""
    found = having(platform.newest_first(KIND), call, "payment_intent", "status")
    return listing(call, "/v1/checkout/sessions", found)


def line_items(platform: Platform, call: Call) -> Resource:
    """The line items of a session."""
    session = platform.get(KIND, call.ids[0])
    return listing(call, f"/v1/checkout/sessions/{session['id']}/line_items", platform.line_items[session["id"]])


def _included_items(platform: Platform, session: Resource) -> Resource:
    items = platform.line_items[session["id"]]
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "url": url, "has_more": False, "data": list(items)}


def expire(platform: Platform, call: Call) -> Resource:
    """End an open session at once. Raises RefusedError for one that is complete or expired."""
    session = platform.get(KIND, call.ids[0])
    if session["status"] != "open":
        raise RefusedError(
            400,
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`.",
        )
    _expire(platform, session)
    return session


def _lapse(platform: Platform, session: Resource) -> None:
    if session["status"] == "open":
        _expire(platform, session)


def _expire(platform: Platform, session: Resource) -> None:
    session |= {"status": "expired", "url": None}
    if session["payment_intent"]:
        payments.cancel_intent(platform, platform.get("payment_intent", session["payment_intent"]))
    platform.emit("checkout.session.expired", session)


def pay(platform: Platform, session: Resource, buyer: payments.Buyer, card: Card) -> Decline | None:
    """Pay an open session on its page; a declined card leaves it open and gives the reason."""
    intent = payments.intent_for(platform, session, platform.intent_data[session["id"]])
    session["payment_intent"] = intent["id"]
    charge = payments.charge_card(platform, intent, buyer, card)
    if card.decline is not None:
        return card.decline
    session |= {
        "status": "complete",
        "payment_status": "paid",
        "url": None,
        "customer_details": payments.customer_details(buyer.email, buyer.name, card.country),
    }
    platform.emit("checkout.session.completed", session)
    payments.book_fee_later(platform, charge)
    return None


INCLUDABLE[KIND, "line_items"] = _included_items

TAKES = frozenset(
    """
    cancel_url client_reference_id customer_email expires_at line_items[].price_data.currency
    line_items[].price_data.product_data.description line_items[].price_data.product_data.images[]
    line_items[].price_data.product_data.name line_items[].price_data.unit_amount line_items[].quantity locale
    metadata.* payment_intent_data.description payment_intent_data.metadata.* payment_intent_data.receipt_email
    payment_intent_data.statement_descriptor payment_intent_data.statement_descriptor_suffix
    payment_intent_data.transfer_group success_url custom_text.submit.message excluded_payment_method_types[]
    """.split()  # noqa: SIM905
)
# What the design keeps off may be said to be off (design: money A 7).
ONLY: dict[str, tuple[Any, ...]] = {
    "mode": ("payment",),
    "ui_mode": ("hosted_page",),
    "submit_type": ("auto", "pay"),
    "customer_creation": ("if_required",),
    "billing_address_collection": ("auto",),
    "allowed_payment_method_types[]": ("card",),
    "adaptive_pricing.enabled": (False,),
    "allow_promotion_codes": (False,),
    "after_expiration.recovery.enabled": (False,),
    "automatic_tax.enabled": (False,),
    "invoice_creation.enabled": (False,),
    "phone_number_collection.enabled": (False,),
    "tax_id_collection.enabled": (False,),
    "managed_payments.enabled": (False,),
}
PARAMS = "stripe.params.checkout:"
ROUTES = (
    Route(
        "POST",
        "/v1/checkout/sessions",
        "checkout_session",
        Access.WRITE,
        PARAMS + "SessionCreateParams",
        create,
        TAKES,
        ONLY,
    ),
    Route(
        "GET",
        "/v1/checkout/sessions",
        "checkout_session",
        Access.READ,
        PARAMS + "SessionListParams",
        every,
        LIST_PARAMS | RANGE_PARAMS | {"payment_intent", "status"},
    ),
    Route(
        "GET",
        "/v1/checkout/sessions/{id}",
        "checkout_session",
        Access.READ,
        PARAMS + "SessionRetrieveParams",
        retrieve,
    ),
    Route(
        "GET",
        "/v1/checkout/sessions/{id}/line_items",
        "checkout_session",
        Access.READ,
        PARAMS + "SessionListLineItemsParams",
        line_items,
        LIST_PARAMS,
    ),
    Route(
        "POST",
        "/v1/checkout/sessions/{id}/expire",
        "checkout_session",
        Access.WRITE,
        PARAMS + "SessionExpireParams",
        expire,
    ),
)
