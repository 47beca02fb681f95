"""What others do to an account and a test must be able to ask for: banks, issuers, recipients, Stripe itself.

Each lever works on one object, named by its id, or on none; the request says how. Stripe has none of these doors.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from devstack.stripe_sandbox import accounts, debits, disputes, payouts, recipients, refunds
from devstack.stripe_sandbox.cards import RefundCourse
from devstack.stripe_sandbox.checkout import KIND as SESSION
from devstack.stripe_sandbox.errors import invalid
from devstack.stripe_sandbox.exchange import set_rate
from devstack.stripe_sandbox.payments import book, top_up
from devstack.stripe_sandbox.platform import Platform, Resource

Given = Mapping[str, Any]


def only(given: Given, known: set[str] | frozenset[str]) -> None:
    """Refuse what a door does not know: a mistyped switch that does nothing makes a test pass for nothing."""
    for name in given:
        if name not in known:
            raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")


def number(given: Given, name: str) -> float:
    """A number by its name. Raises RefusedError (400) for anything else."""
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"Invalid number: {name}", param=name)
    return float(value)


def _word(given: Given, name: str, words: frozenset[str] | Mapping[str, object]) -> str:
    if given.get(name) not in words:
        raise invalid(f"Invalid {name}: must be one of {', '.join(sorted(words))}", param=name)
    return str(given[name])


def account(platform: Platform, _identifier: str, given: Given) -> Resource:
    """Make an account, or set its capabilities: onboarding done, or undone."""
    only(given, set(accounts.Seed.__dataclass_fields__))
    if "id" not in given:
        raise invalid("Missing required param: id.", param="id", code="parameter_missing")
    return accounts.seed(platform, accounts.Seed(**given))


def recipient_payout(platform: Platform, identifier: str, given: Given) -> Resource:
    """Pay out what a connected account has available, to its bank; `fail` brings it back some days later."""
    only(given, {"fail"})
    platform.get(accounts.KIND, identifier)
    failure = _word(given, "fail", recipients.FAILURES) if "fail" in given else None
    return recipients.pay_out(platform, identifier, failure)


def refund(platform: Platform, identifier: str, given: Given) -> Resource:
    """Let a refund fail, now or later, or let its receiver say where the money goes."""
    only(given, {"fail", "after", "claim"})
    found = platform.get(refunds.KIND, identifier)
    if given.get("claim") is True:
        refunds.claim(platform, found)
        return found
    reason = _word(given, "fail", refunds.FAILURES)
    if "after" in given:
        due = platform.now() + number(given, "after")
        platform.schedule(due, lambda: refunds.fail_later(platform, found, reason))
    else:
        refunds.fail(platform, found, reason)
    return found


def charge(platform: Platform, identifier: str, given: Given) -> Resource:
    """Dispute a charge, warn of it, refuse its debit, or say how its refunds will go."""
    only(given, {"dispute", "warning", "fail", "refunds"})
    found = platform.get("charge", identifier)
    if "refunds" in given:
        course = RefundCourse(_word(given, "refunds", frozenset(kind.value for kind in RefundCourse)))
        return _set_course(platform, found, course)
    if "warning" in given:
        return disputes.warn(platform, found, _word(given, "warning", disputes.FRAUD_TYPES))
    if given.get("fail") is True:
        return _refuse_debit(platform, found)
    if not isinstance(given.get("dispute"), dict):
        raise invalid("Invalid object: dispute", param="dispute")
    only(given["dispute"], {"reason", "amount", "inquiry"})
    return disputes.on_request(platform, found, given["dispute"])


def _set_course(platform: Platform, found: Resource, course: RefundCourse) -> Resource:
    platform.settlements[found["id"]] = replace(platform.settlements[found["id"]], refunds=course)
    return found


def _refuse_debit(platform: Platform, found: Resource) -> Resource:
    if found["status"] != "pending":
        raise invalid(f"Charge {found['id']} is not pending.", param="fail")
    intent = platform.get("payment_intent", found["payment_intent"])
    [session] = [one for one in platform.newest_first(SESSION) if one["payment_intent"] == intent["id"]]
    debits.fail(platform, session, intent, found)
    return found


def dispute(platform: Platform, identifier: str, given: Given) -> Resource:
    """Let the issuer decide: `won`, `lost`, an inquiry `closed` or `escalated`."""
    only(given, {"decide"})
    found = platform.get(disputes.KIND, identifier)
    disputes.decide(platform, found, _word(given, "decide", frozenset({"won", "lost", "closed", "escalated"})))
    return found


def payout(platform: Platform, identifier: str, given: Given) -> Resource:
    """Let the seller's bank send a payout back."""
    only(given, {"fail"})
    found = platform.get(payouts.KIND, identifier)
    payouts.fail(platform, found, _word(given, "fail", recipients.FAILURES))
    return found


def subscription(platform: Platform, identifier: str, given: Given) -> Resource:
    """Let the card of a subscription be refused from now on, or accepted again."""
    only(given, {"refused"})
    found = platform.get("subscription", identifier)
    platform.plans[identifier].refused = bool(given.get("refused"))
    return found


def money(platform: Platform, _identifier: str, given: Given) -> Resource:
    """Put the seller's own money into the available balance."""
    only(given, {"amount"})
    amount = int(number(given, "amount")) if "amount" in given else 0
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    return top_up(platform, amount)


# What Stripe books by itself: its bill, taxes, debts collected, and whatever the ledger has never heard of.
BY_ITSELF = frozenset(
    """
    advance connect_collection_transfer contribution payment_reversal payment_unreconciled reserve_hold reserve_release
    reserve_transaction reserved_funds stripe_fee stripe_fx_fee tax_fee topup_reversal transfer_cancel transfer_failure
    """.split()  # noqa: SIM905
)


def transaction(platform: Platform, _identifier: str, given: Given) -> Resource:
    """Book what nobody asked for: a type of balance transaction and its signed amount in minor units."""
    only(given, {"type", "amount", "description"})
    kind = _word(given, "type", BY_ITSELF)
    amount = int(number(given, "amount")) if "amount" in given else 0
    source = {"id": None, "currency": platform.terms.currency, "description": given.get("description")}
    return book(platform, kind=kind, source=source, amount=amount, available_on=platform.now())


def rates(platform: Platform, _identifier: str, given: Given) -> Resource:
    """Let one unit of a currency be worth so much of the account's own from now on."""
    for currency, value in given.items():
        set_rate(platform, currency, value)
    return {currency: str(value) for currency, value in platform.rates.items()}


Lever = Callable[[Platform, str, Given], Resource]
# By the path under /_sandbox; `{id}` names the object.
LEVERS: dict[str, Lever] = {
    "accounts": account,
    "accounts/{id}/payouts": recipient_payout,
    "charges/{id}": charge,
    "disputes/{id}": dispute,
    "payouts/{id}": payout,
    "rates": rates,
    "refunds/{id}": refund,
    "subscriptions/{id}": subscription,
    "top-ups": money,
    "transactions": transaction,
}


def lever_for(path: str) -> tuple[Lever, str] | None:
    """The lever of a path under /_sandbox/, and the id in it."""
    parts = path.split("/")
    for pattern, lever in LEVERS.items():
        wanted = pattern.split("/")
        if len(wanted) == len(parts) and all(a in (b, "{id}") for a, b in zip(wanted, parts, strict=True)):
            found = [part for name, part in zip(wanted, parts, strict=True) if name == "{id}"]
            return lever, found[0] if found else ""
    return None
