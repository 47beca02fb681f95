"""Payouts to the seller's bank, and the settings that say what stays (design: money A 5, trap 25 of money E).

Stripe pays the available balance out by itself, every day unless told otherwise, down to the minimum that the settings
name: a hold and a release of the same amount surround such a payout, and nobody asked for either. A payout may fail
after it left: a second balance transaction brings the money back. Source: docs.stripe.com/payouts,
docs.stripe.com/payouts/minimum-balances-for-automatic-payouts, docs.stripe.com/api/balance-settings.
"""

from typing import Any

from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import ARRIVALS, DAY, available, book, every, merged, retrieve
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.recipients import FAILURES, failed, new_payout
from devstack.stripe_sandbox.routes import Call, Route

KIND = "payout"
DAILY = "daily"


def create(platform: Platform, call: Call) -> Resource:
    """Pay out by hand, in minor units. Raises RefusedError for more than is available."""
    given = call.params
    if given["amount"] < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if given["currency"] != platform.terms.currency:
        raise RefusedError(400, f"Sorry, you don't have any external accounts in that currency ({given['currency']}).")
    if given["amount"] > available(platform, given["currency"]):
        raise RefusedError(
            400,
            "You have insufficient funds in your Stripe account for this payout.",
            code="balance_insufficient",
            param="amount",
        )
    more = {
        "description": given.get("description"),
        "metadata": merged({}, given.get("metadata") or {}),
        "statement_descriptor": given.get("statement_descriptor"),
    }
    return _send(platform, given["amount"], automatic=False, more=more)


def _send(platform: Platform, amount: int, *, automatic: bool, more: dict[str, Any] | None = None) -> Resource:
    payout = platform.add(new_payout(platform, amount, automatic=automatic, **(more or {})))
    transaction = book(platform, kind=KIND, source=payout, amount=-amount, available_on=platform.now())
    payout["balance_transaction"] = transaction["id"]
    platform.emit("payout.created", payout)
    platform.schedule(payout["arrival_date"], lambda: _arrive(platform, payout))
    return payout


def _arrive(platform: Platform, payout: Resource) -> None:
    if payout["status"] == "in_transit":
        payout["status"] = "paid"
        if payout["automatic"]:
            payout["reconciliation_status"] = "completed"
        platform.emit("payout.paid", payout, {"status": "in_transit"})


def fail(platform: Platform, payout: Resource, failure: str) -> None:
    """Let the bank send a payout back, even one that arrived. Raises RefusedError when it has ended otherwise."""
    if failure not in FAILURES:
        raise invalid(f"Invalid fail: must be one of {', '.join(sorted(FAILURES))}", param="fail")
    _bring_back(platform, payout, "payout_failure", failed(failure), frozenset({"in_transit", "paid"}))
    platform.emit("payout.failed", payout)


def cancel(platform: Platform, call: Call) -> Resource:
    """Call a payout back that has not left yet. Raises RefusedError for one that has arrived or ended."""
    payout = platform.get(KIND, call.ids[0])
    _bring_back(platform, payout, "payout_cancel", {"status": "canceled"}, frozenset({"in_transit"}))
    platform.emit("payout.canceled", payout)
    return payout


def _bring_back(platform: Platform, payout: Resource, kind: str, after: Resource, before: frozenset[str]) -> None:
    if payout["status"] not in before:
        raise RefusedError(400, f"Payout {payout['id']} has a status of {payout['status']}.")
    back = book(platform, kind=kind, source=payout, amount=payout["amount"], available_on=platform.now())
    payout |= after | {"failure_balance_transaction": back["id"]}


# By itself ---------------------------------------------------------------------------------------------------------


def _tomorrow(platform: Platform) -> None:
    """Money has become available: pay it out with the next day, if payouts are automatic."""
    if platform.interval == DAILY:
        due = (platform.now() // DAY + 1) * DAY
        platform.schedule(due, lambda: _pay_out(platform))


def _pay_out(platform: Platform) -> None:
    currency = platform.terms.currency
    kept = platform.minimum.get(currency, 0)
    amount = available(platform, currency) - kept
    if platform.interval != DAILY or amount < 1:
        return
    payout = _send(platform, amount, automatic=True)
    if kept:
        now = platform.now()
        book(platform, kind="payout_minimum_balance_hold", source=payout, amount=-kept, available_on=now)
        book(platform, kind="payout_minimum_balance_release", source=payout, amount=kept, available_on=now)


def settings(platform: Platform, _call: Call) -> Resource:
    """How often is paid out, and what stays."""
    return {
        "object": "balance_settings",
        "payments": {
            "debit_negative_balances": True,
            "payouts": {
                "minimum_balance_by_currency": dict(platform.minimum) or None,
                "schedule": {"interval": platform.interval},
                "statement_descriptor": None,
                "status": "enabled",
            },
            "settlement_timing": {"delay_days": platform.terms.settle_days},
        },
    }


def set_settings(platform: Platform, call: Call) -> Resource:
    """Say what stays, by currency in minor units (an empty value takes a minimum away), and how often is paid out."""
    given = call.params.get("payments", {}).get("payouts", {})
    minimum = given.get("minimum_balance_by_currency", {})
    amounts = {currency: _amount(currency, value) for currency, value in (minimum or {}).items()}
    if minimum == "":
        platform.minimum.clear()
    platform.minimum.update({currency: amount for currency, amount in amounts.items() if amount is not None})
    for currency, amount in amounts.items():
        if amount is None:
            platform.minimum.pop(currency, None)
    platform.interval = given.get("schedule", {}).get("interval", platform.interval)
    _tomorrow(platform)
    made = settings(platform, call)
    platform.emit("balance_settings.updated", made)
    return made


def _amount(currency: str, value: object) -> int | None:
    param = f"payments[payouts][minimum_balance_by_currency][{currency}]"
    if value == "":
        return None
    text = str(value)
    if not text.isdigit():
        raise invalid(f"Invalid integer: {text}", param=param, code="parameter_invalid_integer")
    return int(text)


ARRIVALS.append(_tomorrow)

P = "stripe.params:"
MINIMUM = "payments.payouts.minimum_balance_by_currency"
ROUTES = (
    Route(
        "POST",
        "/v1/payouts",
        KIND,
        Access.WRITE,
        P + "PayoutCreateParams",
        create,
        frozenset({"amount", "currency", "description", "metadata", "metadata.*", "statement_descriptor"}),
        {"method": ("standard",), "source_type": ("card",)},
    ),
    retrieve(KIND, KIND, "/v1/payouts", P + "PayoutRetrieveParams"),
    every(KIND, KIND, "/v1/payouts", P + "PayoutListParams", ("status",)),
    Route("POST", "/v1/payouts/{id}/cancel", KIND, Access.WRITE, P + "PayoutCancelParams", cancel),
    Route(
        "GET",
        "/v1/balance_settings",
        "balance_settings",
        Access.READ,
        P + "BalanceSettingsRetrieveParams",
        settings,
    ),
    Route(
        "POST",
        "/v1/balance_settings",
        "balance_settings",
        Access.WRITE,
        P + "BalanceSettingsModifyParams",
        set_settings,
        frozenset({MINIMUM, *(f"{MINIMUM}.{currency}" for currency in ("eur", "usd", "gbp", "chf", "jpy"))}),
        {"payments.payouts.schedule.interval": ("daily", "manual")},
    ),
)
