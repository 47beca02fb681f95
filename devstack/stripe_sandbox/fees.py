"""What Stripe takes: for a card by where it was issued, for a debit, for disputes (design: money A 9, trap 22 of E)."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from devstack.stripe_sandbox.errors import UnsupportedError

EEA = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK ES".split()  # noqa: SIM905
)


class Region(Enum):
    """Where a card was issued, as far as the fee depends on it."""

    EEA = "eea"
    UK = "uk"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Rate:
    """A fee: a share of the amount in percent plus a fixed part in the minor unit."""

    percent: Decimal
    fixed: int


# Accounts in the EEA, from 10 April 2023, in euro. Source: support.stripe.com, "Pricing updates for businesses based
# in the European Economic Area (EEA)". Premium EEA cards (1.9 %) have no test card and are left out.
SINCE = "2023-04-10"
RATES = {
    Region.EEA: Rate(Decimal("1.5"), 25),
    Region.UK: Rate(Decimal("2.5"), 25),
    Region.ELSEWHERE: Rate(Decimal("3.25"), 25),
}

# Fixed fees in cents. Sources: docs.stripe.com/disputes/how-disputes-work#dispute-fees (received and countered, EEA);
# stripe.com/fr/pricing/local-payment-methods and support.stripe.com, "June 2024 pricing update for SEPA Direct Debit".
CARD_DISPUTE = 2000
COUNTER = 2000
DEBIT = 35
DEBIT_FAILURE = 350
DEBIT_DISPUTE = 1500


def region(country: str) -> Region:
    """The region of a card, by the ISO code of the country that issued it."""
    if country in EEA:
        return Region.EEA
    return Region.UK if country == "GB" else Region.ELSEWHERE


def card_fee(amount: int, currency: str, country: str) -> int:
    """The fee in cents of a settled amount in cents, rounded once, half up.

    Raises UnsupportedError for a currency other than the euro: conversion is not built.
    """
    if currency != "eur":
        raise UnsupportedError(f"settling {currency} (only eur)", "currency")
    rate = RATES[region(country)]
    exact = Decimal(amount) * rate.percent / 100 + rate.fixed
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
