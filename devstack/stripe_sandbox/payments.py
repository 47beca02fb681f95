"""Payment intents, charges by card, and the balance transactions that book money.

The fee of a card is unknown at first: `charge.balance_transaction` is null in every event and answer until
`charge.updated` brings it (trap 1 of money E). An intent exists from the first attempt at the hosted page on, not from
the session's creation (trap 2); it has its own metadata, nothing is inherited (trap 5; Stripe is said to copy the
intent's to its charge: a client must not need that).
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from devstack.stripe_sandbox.cards import Aftermath, Card, Decline
from devstack.stripe_sandbox.errors import RefusedError
from devstack.stripe_sandbox.exchange import converted, rate
from devstack.stripe_sandbox.fees import card_fee
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.platform import Platform, Resource, Settlement
from devstack.stripe_sandbox.routes import LIST_PARAMS, RANGE_PARAMS, VIEWS, Call, Route, having, listing

# Who waits for the available balance to grow; told when it has.
ARRIVALS: list[Callable[[Platform], None]] = []
# What follows a payment with some of the test cards, once its fee is known.
AFTERMATHS: dict[Aftermath, Callable[[Platform, Resource], None]] = {}
# How a type of balance transaction is reported where the names differ.
# Source: docs.stripe.com/reports/reporting-categories.
CATEGORIES = {
    "payment": "charge",
    "payment_failure_refund": "charge_failure",
    "payment_refund": "refund",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "stripe_fee": "fee",
    "stripe_fx_fee": "fee",
    "tax_fee": "tax",
    "transfer_refund": "transfer_reversal",
}
DAY = 24 * 60 * 60
NOWHERE = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who pays, as typed on the hosted page."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Means:
    """With what somebody pays: `kind` is Stripe's type of payment method, `details` what a charge tells of it."""

    kind: str
    country: str
    details: Resource
    status: str
    decline: Decline | None = None

    @property
    def prefix(self) -> str:
        """Charges by card and others have ids of their own."""
        return "ch_3" if self.kind == "card" else "py_3"


def customer_details(email: str, name: str | None, country: str | None) -> Resource:
    """What a session tells of its buyer; the address is known from the card on."""
    return {
        "address": NOWHERE | {"country": country} if country else None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [] if country else None,
    }


def intent_for(platform: Platform, session: Resource, data: Resource) -> Resource:
    """The intent of a session, made at the first attempt to pay."""
    if session["payment_intent"]:
        return platform.get("payment_intent", session["payment_intent"])
    return new_intent(platform, session["amount_total"], session["currency"], session["payment_method_types"], data)


def new_intent(platform: Platform, amount: int, currency: str, methods: list[str], data: Resource) -> Resource:
    """An intent that nobody has tried to pay yet, in minor units; `data` is what its maker says of it."""
    identifier = platform.new_id("pi_3")
    intent = platform.add(
        {
            "id": identifier,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": platform.new_id(f"{identifier}_secret_", 25),
            "confirmation_method": "automatic",
            "created": platform.now(),
            "currency": currency,
            "customer": data.get("customer"),
            "customer_account": None,
            "description": data.get("description"),
            "excluded_payment_method_types": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "managed_payments": {"enabled": False},
            "metadata": data.get("metadata", {}),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": {
                "card": {
                    "installments": None,
                    "mandate_options": None,
                    "network": None,
                    "request_three_d_secure": "automatic",
                }
            },
            "payment_method_types": methods,
            "processing": None,
            "receipt_email": data.get("receipt_email"),
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "source": None,
            "statement_descriptor": data.get("statement_descriptor"),
            "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": data.get("transfer_group"),
        }
    )
    platform.emit("payment_intent.created", intent)
    return intent


def cancel_intent(platform: Platform, intent: Resource) -> None:
    """End an unpaid intent together with its session."""
    intent |= {"status": "canceled", "canceled_at": platform.now(), "cancellation_reason": "expired"}
    platform.emit("payment_intent.canceled", intent)


def charge_card(platform: Platform, intent: Resource, buyer: Buyer, card: Card) -> Resource:
    """Try a card on an intent; the charge says whether it went through."""
    charge = platform.add(new_charge(platform, intent, buyer, _by_card(intent["amount"], card)))
    intent |= {"latest_charge": charge["id"], "payment_method": charge["payment_method"]}
    if card.decline is not None:
        intent |= {"payment_method": None, "last_payment_error": error_of(charge, card.decline)}
        platform.emit("charge.failed", charge)
        platform.emit("payment_intent.payment_failed", intent)
        return charge
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
    platform.settlements[charge["id"]] = _settlement(platform, charge, card)
    platform.emit("charge.succeeded", charge)
    platform.emit("payment_intent.succeeded", intent)
    return charge


def error_of(charge: Resource, decline: Decline) -> Resource:
    """What an intent tells of the charge that failed."""
    return {
        "charge": charge["id"],
        "code": decline.code,
        "decline_code": decline.reason,
        "doc_url": "https://docs.stripe.com/error-codes/" + decline.code.replace("_", "-"),
        "message": decline.message["en"],
        "type": "card_error",
    }


def _settlement(platform: Platform, charge: Resource, card: Card) -> Settlement:
    # Money becomes available at midnight UTC of its day, and that of the "available" test card at once.
    applied = rate(platform, charge["currency"])
    amount = converted(platform, charge["amount"], charge["currency"], applied)
    return Settlement(
        amount,
        platform.terms.currency,
        card_fee(amount, platform.terms.currency, card.country),
        charge["created"] if card.at_once else settles(platform, charge["created"]),
        card.refunds,
        rate=applied,
    )


def settles(platform: Platform, since: int) -> int:
    """When money of an instant becomes available: at midnight UTC, some days later."""
    return max((since + platform.terms.settle_days * DAY) // DAY * DAY, since)


def _by_card(amount: int, card: Card) -> Means:
    status = "succeeded" if card.decline is None else "failed"
    return Means("card", card.country, _card_details(amount, card), status, card.decline)


def new_charge(platform: Platform, intent: Resource, buyer: Buyer, means: Means) -> Resource:
    """A charge of an intent; metadata stays where it is (trap 5)."""
    paid, failed = means.status == "succeeded", means.status == "failed"
    return {
        "id": platform.new_id(means.prefix),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0 if failed else intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {
            "address": NOWHERE | {"country": means.country},
            "email": buyer.email,
            "name": buyer.name,
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": "RELAIS",
        "captured": not failed,
        "created": platform.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if means.decline is None else means.decline.code,
        "failure_message": None if means.decline is None else means.decline.message["en"],
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": _outcome(means.decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": platform.new_id("pm_1"),
        "payment_method_details": {means.kind: means.details, "type": means.kind},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": means.status,
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def _outcome(decline: Decline | None) -> Resource:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network" if decline is None else "declined_by_network",
        "reason": None if decline is None else decline.reason,
        "seller_message": "Payment complete." if decline is None else "The bank declined the payment.",
        "type": "authorized" if decline is None else "issuer_declined",
    }


def _card_details(amount: int, card: Card) -> Resource:
    return {
        "amount_authorized": amount if card.decline is None else None,
        "authorization_code": None,
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "exp_month": 12,
        "exp_year": 2034,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": "Sandbox" + card.number[-9:],
        "funding": card.funding,
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card.number[-4:],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }


# The fee, when it is known -------------------------------------------------------------------------------------------


def book_fee_later(platform: Platform, charge: Resource) -> None:
    """Book a charge after the delay that Stripe takes; at Stripe itself up to an hour (design: money A 3)."""
    platform.schedule(platform.now() + platform.terms.fee_delay, lambda: book_charge(platform, charge))


def follow_up(platform: Platform, charge: Resource, card: Card) -> None:
    """Let happen what Stripe's test card stands for, once the fee is known."""
    aftermath = card.aftermath
    if aftermath is not None:
        platform.schedule(platform.now() + platform.terms.fee_delay, lambda: AFTERMATHS[aftermath](platform, charge))


def book_charge(platform: Platform, charge: Resource) -> None:
    """Book what a charge brings, less the fee; nothing when it is booked already."""
    if charge["balance_transaction"] is not None:
        return
    settlement = platform.settlements[charge["id"]]
    transaction = book(
        platform,
        kind=settlement.kind,
        source=charge,
        amount=settlement.amount,
        available_on=settlement.available_on,
        fee=settlement.fee,
        applied=settlement.rate,
    )
    charge["balance_transaction"] = transaction["id"]
    platform.emit("charge.updated", charge, {"balance_transaction": None})


def book(
    platform: Platform,
    *,
    kind: str,
    source: Resource,
    amount: int,
    available_on: int,
    fee: int = 0,
    applied: Decimal | None = None,
    category: str | None = None,
    reason: str = "Stripe processing fees",
) -> Resource:
    """Write a balance transaction in the account's currency: minor units, signed as they change the balance.

    `fee` is taken off beside the amount, or given back when it is negative; `applied` is the rate of exchange.
    """
    currency = source["currency"] if applied is None else platform.terms.currency
    details = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": reason,
        "type": "stripe_fee",
    }
    if amount > fee:
        platform.schedule(max(available_on, platform.now()), lambda: _arrived(platform))
    return platform.add(
        {
            "id": platform.new_id("txn_3"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": available_on,
            "balance_type": "payments",
            "created": platform.now(),
            "currency": currency,
            "description": source.get("description"),
            "exchange_rate": None if applied is None else float(applied),
            "fee": fee,
            "fee_details": [details] if fee else [],
            "net": amount - fee,
            "reporting_category": category or CATEGORIES.get(kind, kind),
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )


def _arrived(platform: Platform) -> None:
    for tell in ARRIVALS:
        tell(platform)
    platform.emit("balance.available", balance_of(platform))


def top_up(platform: Platform, amount: int) -> Resource:
    """Put money of the seller's own bank into the available balance, in minor units (design: money B 21)."""
    made = platform.add(
        {
            "id": platform.new_id("tu_1"),
            "object": "topup",
            "amount": amount,
            "balance_transaction": None,
            "created": platform.now(),
            "currency": platform.terms.currency,
            "description": "Top-up",
            "expected_availability_date": None,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": {},
            "source": None,
            "statement_descriptor": None,
            "status": "succeeded",
            "transfer_group": None,
        }
    )
    booked = book(platform, kind="topup", source=made, amount=amount, available_on=platform.now())
    made["balance_transaction"] = booked["id"]
    return booked


def settled(platform: Platform, transaction: Resource) -> bool:
    """Tell whether a balance transaction's money is available at the virtual now."""
    return bool(transaction["available_on"] <= platform.now())


def _transaction_now(platform: Platform, transaction: Resource) -> Resource:
    return transaction | {"status": "available" if settled(platform, transaction) else "pending"}


def available(platform: Platform, currency: str) -> int:
    """What can be spent now, in minor units; below zero when disputes and fees took more than was there."""
    return balances(platform).get(currency, {"available": 0})["available"]


def balances(platform: Platform) -> dict[str, dict[str, int]]:
    """Available and pending money by currency, in minor units: the sums of net balance transactions."""
    totals: dict[str, dict[str, int]] = {platform.terms.currency: {"available": 0, "pending": 0}}
    for transaction in platform.newest_first("balance_transaction"):
        pot = totals.setdefault(transaction["currency"], {"available": 0, "pending": 0})
        pot["available" if settled(platform, transaction) else "pending"] += transaction["net"]
    return totals


def held(platform: Platform, account: str) -> dict[str, dict[str, int]]:
    """What a connected account holds, by currency, in minor units."""
    totals: dict[str, dict[str, int]] = {platform.terms.currency: {"available": 0, "pending": 0}}
    for share in platform.pots.get(account, []):
        pot = totals.setdefault(share.currency, {"available": 0, "pending": 0})
        pot["available" if share.available_on <= platform.now() else "pending"] += share.amount
    return totals


def balance(platform: Platform, call: Call) -> Resource:
    """The platform's balance, or that of the connected account in whose name the call is made."""
    if call.account is not None and not platform.has("v2.core.account", call.account):
        raise RefusedError(
            403,
            f"The provided key does not have access to account '{call.account}' (or that account does not exist). "
            "Application access may have been revoked.",
            code="account_invalid",
            saved=False,
        )
    return balance_of(platform, call.account)


def balance_of(platform: Platform, account: str | None = None) -> Resource:
    """What there is, by currency: available, pending, and of a platform what is reserved for its accounts' debts."""
    totals = sorted((balances(platform) if account is None else held(platform, account)).items())

    def pot(name: str) -> list[Resource]:
        return [
            {"amount": amounts[name], "currency": currency, "source_types": {"card": amounts[name]}}
            for currency, amounts in totals
        ]

    reserved = [{"amount": _reserved(platform, currency), "currency": currency} for currency, _ in totals]
    return {
        "object": "balance",
        "available": pot("available"),
        "connect_reserved": reserved,
        "livemode": False,
        "pending": pot("pending"),
    }


def _reserved(platform: Platform, currency: str) -> int:
    """What Stripe keeps back for connected accounts below zero (source: docs.stripe.com/connect/account-balances)."""
    debts = (held(platform, account).get(currency, {"available": 0})["available"] for account in platform.pots)
    return -sum(min(debt, 0) for debt in debts)


# Reading ---------------------------------------------------------------------------------------------------------


def retrieve(kind: str, noun: str, path: str, params: str) -> Route:
    """The route that reads one object by its id."""

    def one(platform: Platform, call: Call) -> Resource:
        return platform.get(kind, call.ids[0])

    return Route("GET", path + "/{id}", noun, Access.READ, params, one)


def every(kind: str, noun: str, path: str, params: str, filters: tuple[str, ...]) -> Route:
    """The route that lists objects, newest first."""

    def many(platform: Platform, call: Call) -> Resource:
        return listing(call, path, having(platform.newest_first(kind), call, *filters))

    return Route("GET", path, noun, Access.READ, params, many, LIST_PARAMS | RANGE_PARAMS | set(filters))


def modify(platform: Platform, call: Call) -> Resource:
    """Change a charge's metadata or description; its transfer group only while it has none (trap 13 of money E)."""
    charge = platform.get("charge", call.ids[0])
    given = call.params
    if "transfer_group" in given and charge["transfer_group"] is not None:
        raise RefusedError(
            400,
            f"The transfer_group of a charge can be set once: {charge['id']} has {charge['transfer_group']}.",
            param="transfer_group",
        )
    before = {name: charge[name] for name in ("metadata", "transfer_group", "description")}
    charge["metadata"] = merged(charge["metadata"], given.get("metadata", {}))
    charge |= {name: given[name] for name in ("transfer_group", "description") if name in given}
    previous = {name: value for name, value in before.items() if charge[name] != value}
    if previous:
        platform.emit("charge.updated", charge, previous)
    return charge


def merged(metadata: dict[str, str], given: dict[str, str] | str) -> dict[str, str]:
    """Metadata after a change: what is named is set, an empty value unsets it, empty metadata unsets all."""
    if not isinstance(given, dict):
        return {}
    return {name: value for name, value in (metadata | given).items() if value != ""}


VIEWS["balance_transaction"] = _transaction_now

P = "stripe.params:"
ROUTES = (
    retrieve("payment_intent", "payment_intent", "/v1/payment_intents", P + "PaymentIntentRetrieveParams"),
    every("payment_intent", "payment_intent", "/v1/payment_intents", P + "PaymentIntentListParams", ()),
    retrieve("charge", "charge", "/v1/charges", P + "ChargeRetrieveParams"),
    every("charge", "charge", "/v1/charges", P + "ChargeListParams", ("payment_intent", "transfer_group")),
    retrieve(
        "balance_transaction", "balance_transaction", "/v1/balance_transactions", P + "BalanceTransactionRetrieveParams"
    ),
    every(
        "balance_transaction",
        "balance_transaction",
        "/v1/balance_transactions",
        P + "BalanceTransactionListParams",
        ("currency", "source", "type"),
    ),
    Route("GET", "/v1/balance", "balance", Access.READ, P + "BalanceRetrieveParams", balance, behalf=True),
    Route(
        "POST",
        "/v1/charges/{id}",
        "charge",
        Access.WRITE,
        P + "ChargeModifyParams",
        modify,
        frozenset({"metadata", "metadata.*", "transfer_group", "description"}),
    ),
)
