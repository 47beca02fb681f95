"""Stripe's test cards and what each does (source: docs.stripe.com/testing, read November 2026)."""

from dataclasses import dataclass
from enum import Enum

CARD_LENGTHS = range(12, 20)


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a card is refused: Stripe's code, the issuer's reason, and what the cardholder reads."""

    code: str
    reason: str
    message: dict[str, str]


class RefundCourse(Enum):
    """How a refund goes on after it was asked for."""

    USUAL = "usual"
    PENDING_FIRST = "pending_first"
    FAILS_LATER = "fails_later"
    REQUIRES_ACTION = "requires_action"


class Aftermath(Enum):
    """What follows a payment by itself."""

    FRAUDULENT = "fraudulent"
    NOT_RECEIVED = "product_not_received"
    INQUIRY = "inquiry"
    WARNING = "early_fraud_warning"


@dataclass(frozen=True, slots=True)
class Card:
    """A test card: who issued it, and whether it pays. `at_once` puts the money into the available balance."""

    number: str
    brand: str
    country: str
    funding: str = "credit"
    at_once: bool = False
    decline: Decline | None = None
    refunds: RefundCourse = RefundCourse.USUAL
    aftermath: Aftermath | None = None


REFUSED = Decline(
    "card_declined",
    "generic_decline",
    {
        "fr": "Votre carte a été refusée. Rien n’a été débité : essayez-en une autre.",
        "en": "Your card was declined. Nothing was charged: try another one.",
    },
)
NO_FUNDS = Decline(
    "card_declined",
    "insufficient_funds",
    {
        "fr": "Provision insuffisante sur cette carte. Rien n’a été débité : essayez-en une autre.",
        "en": "Your card has insufficient funds. Nothing was charged: try another one.",
    },
)
LOST = Decline("card_declined", "lost_card", REFUSED.message)
STOLEN = Decline("card_declined", "stolen_card", REFUSED.message)
EXPIRED = Decline(
    "expired_card",
    "expired_card",
    {"fr": "Cette carte a expiré : essayez-en une autre.", "en": "Your card has expired: try another one."},
)
WRONG_CVC = Decline(
    "incorrect_cvc",
    "incorrect_cvc",
    {"fr": "Le cryptogramme est incorrect.", "en": "Your card's security code is incorrect."},
)
PROCESSING = Decline(
    "processing_error",
    "processing_error",
    {
        "fr": "Un incident a empêché le paiement. Réessayez dans un instant.",
        "en": "An error occurred while processing your card. Try again in a moment.",
    },
)

CARDS = {
    card.number: card
    for card in (
        Card("4000002500000003", "visa", "FR"),
        Card("4242424242424242", "visa", "US"),
        Card("4000000000000077", "visa", "US", at_once=True),
        Card("4000056655665556", "visa", "US", funding="debit"),
        Card("5555555555554444", "mastercard", "US"),
        Card("4000000560000004", "visa", "BE"),
        Card("4000002760000016", "visa", "DE"),
        Card("4000007240000007", "visa", "ES"),
        Card("4000006200000007", "visa", "PT"),
        Card("4000008260000000", "visa", "GB"),
        Card("4000007560000009", "visa", "CH"),
        Card("4000001240000000", "visa", "CA"),
        Card("4000000000007726", "visa", "US", refunds=RefundCourse.PENDING_FIRST),
        Card("4000000000005126", "visa", "US", refunds=RefundCourse.FAILS_LATER),
        Card("4000000000000259", "visa", "US", aftermath=Aftermath.FRAUDULENT),
        Card("4000000000002685", "visa", "US", aftermath=Aftermath.NOT_RECEIVED),
        Card("4000000000001976", "visa", "US", aftermath=Aftermath.INQUIRY),
        Card("4000000000005423", "visa", "US", aftermath=Aftermath.WARNING),
        Card("4000000000000002", "visa", "US", decline=REFUSED),
        Card("4000000000009995", "visa", "US", decline=NO_FUNDS),
        Card("4000000000009987", "visa", "US", decline=LOST),
        Card("4000000000009979", "visa", "US", decline=STOLEN),
        Card("4000000000000069", "visa", "US", decline=EXPIRED),
        Card("4000000000000127", "visa", "US", decline=WRONG_CVC),
        Card("4000000000000119", "visa", "US", decline=PROCESSING),
    )
}


def digits(typed: str) -> str:
    """A card number as typed, without the blanks people put between groups."""
    return "".join(typed.split()).replace("-", "")


def luhn(number: str) -> bool:
    """Tell whether a number could be a card's (Luhn's check digit, ISO/IEC 7812-1)."""
    if not number.isascii() or not number.isdigit() or len(number) not in CARD_LENGTHS:
        return False
    total = 0
    for index, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - two digits are added up
    return total % 10 == 0
