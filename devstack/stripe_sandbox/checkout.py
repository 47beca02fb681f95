"""Checkout Sessions: opened by the API, paid or left on the hosted page, ended by payment, request or time.

Built: modes `payment` and `subscription` (see `billing`), cards and SEPA debits, prices given in place or made before.
A session is `open` until it is paid, expired by request or 24 hours old; a declined card leaves it open; a complete one
cannot be expired (traps 2 and 20 of money E). A total of zero completes without any intent (trap 21).
Source: docs.stripe.com/api/checkout/sessions.
"""

from typing import Any
from urllib.parse import urlsplit

from devstack.stripe_sandbox import billing, debits, payments, prices
from devstack.stripe_sandbox.cards import Card, Decline
from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.exchange import rate
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.routes import INCLUDABLE, LIST_PARAMS, RANGE_PARAMS, Call, Route, having, listing

KIND = "checkout.session"
HALF_HOUR = 30 * 60
DAY = 24 * 60 * 60
# The least that can be charged, in the minor unit.
# Source: docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
LEAST = {"eur": 50, "usd": 50, "chf": 50, "gbp": 30, "jpy": 50}
MOST_ITEMS = 100
MOST_OF_A_KIND = 20
LONGEST_REFERENCE = 200


def create(platform: Platform, call: Call) -> Resource:
    """Open a session. Amounts in minor units. Raises RefusedError for what Stripe refuses."""
    given = call.params
    items = _items(platform, given.get("line_items", []))
    currency = items[0]["currency"]
    total = sum(item["amount_total"] for item in items)
    _check(platform, given, items, total)
    now = platform.now()
    session = platform.add(_session(platform, given, currency, total, now))
    platform.line_items[session["id"]] = items
    platform.intent_data[session["id"]] = given.get("payment_intent_data", given.get("subscription_data", {}))
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
    for name in ("quantity",) if "price" in given else ("price_data", "quantity"):
        if name not in given:
            raise invalid(
                f"Missing required param: {where}[{name}].", param=f"{where}[{name}]", code="parameter_missing"
            )
    if "price" in given:
        price = platform.get("price", given["price"], param=f"{where}[price]", status=400)
        name = platform.products[price["product"]]
    else:
        price = prices.in_place(platform, given["price_data"], f"{where}[price_data]")
        name = given["price_data"]["product_data"]["name"]
    if given["quantity"] < 1:
        raise invalid("Amounts and quantities must be positive.", param=where)
    chosen = price["custom_unit_amount"] or {}
    total = (price["unit_amount"] if price["unit_amount"] is not None else chosen["preset"] or 0) * given["quantity"]
    return {
        "id": platform.new_id("li_"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": name,
        "metadata": None,
        "price": price,
        "quantity": given["quantity"],
    }


def _check(platform: Platform, given: Resource, items: list[Resource], total: int) -> None:
    if "mode" not in given:
        raise invalid("Missing required param: mode.", param="mode", code="parameter_missing")
    if "success_url" not in given:
        raise invalid("Missing required param: success_url.", param="success_url", code="parameter_missing")
    for name in ("success_url", "cancel_url"):
        parts = urlsplit(given.get(name, "https://stripe.example"))
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise invalid("Not a valid URL", param=name, code="url_invalid")
    currency = items[0]["currency"]
    rate(platform, currency)
    if "sepa_debit" in given.get("allowed_payment_method_types", ()):
        _check_debits(platform, currency)
    _check_mode(given, items)
    if 0 < total < LEAST.get(currency, 50):
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


def _check_debits(platform: Platform, currency: str) -> None:
    """A means of payment has to be switched on, and to move the session's currency."""
    if platform.capabilities.get("sepa_debit_payments") != "active":
        raise invalid(
            "The payment method type provided: sepa_debit is invalid. Please ensure the provided type is activated in "
            "your dashboard (https://dashboard.stripe.com/account/payments/settings) and your account is enabled for "
            "any preview features that you are trying to use.",
            param="allowed_payment_method_types",
        )
    if currency != "eur":
        raise invalid(
            "The payment method `sepa_debit` cannot be used with currency `" + currency + "`.",
            param="allowed_payment_method_types",
        )


def _check_mode(given: Resource, items: list[Resource]) -> None:
    """What each mode takes (design: money A 13, trap 21 of money E)."""
    recurring = [item for item in items if item["price"]["recurring"]]
    custom = [item for item in items if item["price"]["custom_unit_amount"]]
    if given["mode"] == "payment":
        if recurring:
            raise invalid("You specified `payment` mode but passed a recurring price.", param="line_items")
        if "subscription_data" in given:
            raise invalid("You can not pass `subscription_data` in `payment` mode.", param="subscription_data")
        if custom and len(items) > 1:
            raise invalid("A price with custom_unit_amount must be the only line item.", param="line_items")
        return
    if not recurring:
        raise invalid("You must provide at least one recurring price in `subscription` mode.", param="line_items")
    if custom:
        raise invalid("Prices with custom_unit_amount can't be used in `subscription` mode.", param="line_items")
    for name in ("payment_intent_data", "invoice_creation", "submit_type"):
        if name in given:
            raise invalid(f"You can not pass `{name}` in `subscription` mode.", param=name)
    if max(len(recurring), len(items) - len(recurring)) > MOST_OF_A_KIND:
        raise invalid(f"You may only specify up to {MOST_OF_A_KIND} line items of a kind.", param="line_items")


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
        "customer_creation": "if_required" if given["mode"] == "payment" else None,
        "customer_details": details,
        "customer_email": email,
        "discounts": [],
        "expires_at": given.get("expires_at", now + DAY),
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": ({"enabled": False, "invoice_data": _no_invoice()} if given["mode"] == "payment" else None),
        "livemode": False,
        "locale": given.get("locale"),
        "managed_payments": {"enabled": False},
        "metadata": given.get("metadata", {}),
        "mode": given["mode"],
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": list(dict.fromkeys(given.get("allowed_payment_method_types", ["card"]))),
        "payment_status": "unpaid" if total else "no_payment_required",
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
    found = having(platform.newest_first(KIND), call, "payment_intent", "status", "subscription", "customer")
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
    """Pay an open session by card on its page; a declined card leaves it open and gives the reason."""
    if session["mode"] == "subscription":
        decline = billing.subscribe(platform, session, buyer, card)
        if decline is not None:
            return decline
        _complete(session, buyer, card.country, "paid")
        platform.emit("checkout.session.completed", session)
        return None
    intent = _intent(platform, session)
    charge = payments.charge_card(platform, intent, buyer, card)
    if card.decline is not None:
        return card.decline
    _complete(session, buyer, card.country, "paid")
    platform.emit("checkout.session.completed", session)
    payments.book_fee_later(platform, charge)
    payments.follow_up(platform, charge, card)
    return None


def debit(platform: Platform, session: Resource, buyer: payments.Buyer, account: debits.Account) -> None:
    """Pay an open session by SEPA debit on its page: it is complete, and unpaid for days."""
    intent = _intent(platform, session)
    _complete(session, buyer, account.country, "unpaid")
    debits.submit(platform, session, intent, buyer, account)


def finish_free(platform: Platform, session: Resource, buyer: payments.Buyer) -> None:
    """Complete a session of which the total is zero: no intent, no charge, ever (trap 21 of money E)."""
    _complete(session, buyer, None, "no_payment_required")
    platform.emit("checkout.session.completed", session)


def choose(platform: Platform, session: Resource, amount: int) -> None:
    """Let the client say how much, in minor units. Raises RefusedError outside of the price's bounds."""
    [item] = platform.line_items[session["id"]]
    bounds = item["price"]["custom_unit_amount"]
    if not bounds["minimum"] <= amount <= bounds["maximum"]:
        raise RefusedError(400, f"The amount must be between {bounds['minimum']} and {bounds['maximum']}.")
    item |= {"amount_subtotal": amount, "amount_total": amount}
    session |= {"amount_subtotal": amount, "amount_total": amount}


def _intent(platform: Platform, session: Resource) -> Resource:
    intent = payments.intent_for(platform, session, platform.intent_data[session["id"]])
    session["payment_intent"] = intent["id"]
    return intent


def _complete(session: Resource, buyer: payments.Buyer, country: str | None, paid: str) -> None:
    session |= {
        "status": "complete",
        "payment_status": paid,
        "url": None,
        "customer_details": payments.customer_details(buyer.email, buyer.name, country),
    }


INCLUDABLE[KIND, "line_items"] = _included_items

TAKES = frozenset(
    """
    cancel_url client_reference_id customer_email expires_at line_items[].price_data.currency
    line_items[].price_data.product_data.description line_items[].price_data.product_data.images[]
    line_items[].price_data.product_data.name line_items[].price_data.unit_amount line_items[].quantity locale
    line_items[].price line_items[].price_data.recurring.interval line_items[].price_data.recurring.interval_count
    subscription_data.description subscription_data.metadata.*
    metadata.* payment_intent_data.description payment_intent_data.metadata.* payment_intent_data.receipt_email
    payment_intent_data.statement_descriptor payment_intent_data.statement_descriptor_suffix
    payment_intent_data.transfer_group success_url custom_text.submit.message excluded_payment_method_types[]
    """.split()  # noqa: SIM905
)
# What the design keeps off may be said to be off (design: money A 7).
ONLY: dict[str, tuple[Any, ...]] = {
    "mode": ("payment", "subscription"),
    "ui_mode": ("hosted_page",),
    "submit_type": ("auto", "pay"),
    "customer_creation": ("if_required",),
    "billing_address_collection": ("auto",),
    "allowed_payment_method_types[]": ("card", "sepa_debit"),
    "subscription_data.billing_mode.type": ("flexible", "classic"),
    "payment_method_collection": ("always", "if_required"),
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
        LIST_PARAMS | RANGE_PARAMS | {"payment_intent", "status", "subscription", "customer"},
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
