"""SEPA direct debits on the hosted page: submitted today, answered by the bank days later (design: money B 2a to 2c).

The session is complete and unpaid at once; the charge is pending. A balance transaction may exist before the bank has
answered and comes back as `payment_failure_refund` (trap 19 of money E): nobody has the money yet. After a success the
account holder may take it back for eight weeks, and always wins (see `disputes`).
Source: docs.stripe.com/payments/sepa-debit and, for the IBANs, docs.stripe.com/payments/sepa-debit/accept-a-payment.
"""

from dataclasses import dataclass
from enum import Enum

from devstack.stripe_sandbox.cards import Decline, digits
from devstack.stripe_sandbox.disputes import open_dispute
from devstack.stripe_sandbox.errors import UnsupportedError
from devstack.stripe_sandbox.fees import DEBIT, DEBIT_FAILURE
from devstack.stripe_sandbox.payments import (
    DAY,
    Buyer,
    Means,
    book,
    book_charge,
    book_fee_later,
    error_of,
    new_charge,
    settles,
)
from devstack.stripe_sandbox.platform import Platform, Resource, Settlement
from devstack.stripe_sandbox.refunds import go_on

METHOD = "sepa_debit"
CHECK_MODULUS = 97


class Course(Enum):
    """What the bank of a test account answers."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Account:
    """A test account at a bank."""

    iban: str
    course: Course

    @property
    def country(self) -> str:
        """Where the bank is, by its ISO code."""
        return self.iban[:2]


ACCOUNTS = {
    account.iban: account
    for account in (
        Account("FR1420041010050500013M02606", Course.SUCCEEDS),
        Account("FR8420041010050500013M02607", Course.FAILS),
        Account("FR5720041010050500013M02608", Course.DISPUTED),
        Account("AT611904300234573201", Course.SUCCEEDS),
        Account("AT861904300235473202", Course.FAILS),
        Account("AT591904300235473203", Course.DISPUTED),
        Account("DE89370400440532013000", Course.SUCCEEDS),
    )
}
NO_MONEY = Decline(
    "insufficient_funds",
    "insufficient_funds",
    {
        "fr": "Le compte bancaire ne porte pas la somme.",
        "en": "The customer's account has insufficient funds to cover this payment.",
    },
)


def typed_iban(text: str) -> str:
    """An IBAN as typed, in one piece and in capitals."""
    return digits(text).upper()


def is_iban(text: str) -> bool:
    """Tell whether a text could be an IBAN (check digits, ISO 7064)."""
    if not (text.isascii() and text.isalnum() and text[:2].isalpha() and text[2:4].isdigit()):
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % CHECK_MODULUS == 1


def submit(platform: Platform, session: Resource, intent: Resource, buyer: Buyer, account: Account) -> Resource:
    """Hand a debit in: the session completes, the money is not there. Raises UnsupportedError unless it is in euro."""
    if intent["currency"] != "eur":
        raise UnsupportedError(f"a SEPA debit in {intent['currency']}", "currency")
    means = Means(METHOD, account.country, _details(platform, account), "pending")
    charge = platform.add(new_charge(platform, intent, buyer, means))
    intent |= {
        "status": "processing",
        "latest_charge": charge["id"],
        "payment_method": charge["payment_method"],
        "last_payment_error": None,
    }
    answered = int(platform.now() + platform.terms.debit_days * DAY)
    platform.settlements[charge["id"]] = Settlement(
        charge["amount"], charge["currency"], DEBIT, settles(platform, answered), kind="payment"
    )
    platform.emit("checkout.session.completed", session)
    platform.emit("payment_intent.processing", intent)
    platform.emit("charge.pending", charge)
    book_fee_later(platform, charge)
    platform.schedule(answered, lambda: _answer(platform, session, intent, charge, account.course))
    return charge


def _details(platform: Platform, account: Account) -> Resource:
    return {
        "bank_code": account.iban[4:12],
        "branch_code": None,
        "country": account.country,
        "expected_debit_date": None,
        "fingerprint": "Sandbox" + account.iban[-9:],
        "last4": account.iban[-4:],
        "mandate": platform.new_id("mandate_1"),
    }


def _answer(platform: Platform, session: Resource, intent: Resource, charge: Resource, course: Course) -> None:
    if charge["status"] != "pending":
        return
    if course is Course.FAILS:
        fail(platform, session, intent, charge)
        return
    charge |= {"status": "succeeded", "paid": True}
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    session["payment_status"] = "paid"
    book_charge(platform, charge)
    platform.emit("charge.succeeded", charge)
    platform.emit("payment_intent.succeeded", intent)
    platform.emit("checkout.session.async_payment_succeeded", session)
    go_on(platform, charge)
    if course is Course.DISPUTED:
        soon = platform.now() + platform.terms.fee_delay
        platform.schedule(soon, lambda: _take_back(platform, charge))


def _take_back(platform: Platform, charge: Resource) -> None:
    open_dispute(platform, charge, "debit_not_authorized")


def fail(platform: Platform, session: Resource, intent: Resource, charge: Resource) -> None:
    """Let the bank refuse: what was booked comes back, with a fee for the failure; the session stays complete."""
    book_charge(platform, charge)
    transaction = book(
        platform,
        kind="payment_failure_refund",
        source=charge,
        amount=-charge["amount"],
        available_on=platform.settlements[charge["id"]].available_on,
        fee=DEBIT_FAILURE,
    )
    charge |= {
        "status": "failed",
        "failure_code": NO_MONEY.code,
        "failure_message": NO_MONEY.message["en"],
        "failure_balance_transaction": transaction["id"],
    }
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error_of(charge, NO_MONEY),
    }
    platform.emit("charge.failed", charge)
    platform.emit("payment_intent.payment_failed", intent)
    platform.emit("checkout.session.async_payment_failed", session)
    go_on(platform, charge)
