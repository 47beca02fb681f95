"""What an order earns: dated rates with their sources, the margin, and the price that must cover its cost.

Rates are integers: percentages in hundredths of a percent (150 is 1.5 %), fixed parts in minor units. They are
estimates for a decision beforehand; what was really taken is in the ledger (design: money A 3, A 9).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from relais.errors import RelaisError
from relais.ledger import BONUS, CARD_FEE, WORK, Entry, trial_balance
from relais.money import decimal_text
from relais.offer import Offer
from relais.shop import Regime

_PERCENT = 10_000
REFUNDS_EXPECTED = 1_000
"""What of its turnover a shop gives back, in hundredths of a percent: a price must bear a tenth (design: people 7)."""
_STRIPE_2023 = "support.stripe.com: pricing updates for businesses based in the EEA, 10 April 2023"


class RateUnknownError(RelaisError):
    """No rate of the table is valid for what is asked."""

    def __init__(self, what: str, at: date) -> None:
        self.what = what
        self.at = at
        super().__init__(
            f"No rate is known for {what} on {at.isoformat()}: add it to relais/margin.py with its source."
        )


class PriceTooLowError(RelaisError):
    """The price of an offer doesn't cover its cost and the card fee. Amounts in minor units of `currency`."""

    def __init__(self, price: int, cost: int, fee: int, currency: str) -> None:
        self.price = price
        self.cost = cost
        self.fee = fee
        self.currency = currency
        self.short = cost + fee - price
        sums = [decimal_text(amount, currency) for amount in (price, cost, fee, cost + fee, self.short)]
        super().__init__(
            "the price of {} doesn't cover {} (cost) + {} (card fee) = {}: short by {} {}".format(*sums, currency)
        )


class RefundsNotBorneError(RelaisError):
    """The price of an offer doesn't bear the refunds that are to be expected. Amounts in minor units of `currency`."""

    def __init__(self, margin: "Margin", charges: int, refunds: int, currency: str) -> None:
        self.net = margin.margin - charges
        self.refunds = refunds
        self.short = refunds - self.net
        sums = [
            decimal_text(amount, currency)
            for amount in (margin.paid, self.net, margin.freelancer, margin.card_fee, charges, refunds, self.short)
        ]
        super().__init__(
            "the price of {} leaves {} after {} (cost), {} (card fee) and {} (charges on receipts); refunds of "
            "{percent} % cost another {}: short by {} {currency}".format(
                *sums, percent=REFUNDS_EXPECTED // 100, currency=currency
            )
        )


class CardRegion(StrEnum):
    """Where a card was issued, as the fee sees it."""

    EEA = "eea"
    UK = "uk"
    INTERNATIONAL = "international"


@dataclass(frozen=True, slots=True, repr=False)
class CardRate:
    """What Stripe takes of a card payment from a day on: hundredths of a percent, and minor units of the currency."""

    region: CardRegion
    currency: str
    since: date
    percent: int
    fixed: int
    source: str


@dataclass(frozen=True, slots=True, repr=False)
class ChargeRate:
    """A social charge on receipts from a day on, in hundredths of a percent."""

    regime: Regime
    line: str
    since: date
    percent: int
    source: str


CARD_RATES = (
    CardRate(CardRegion.EEA, "eur", date(2023, 4, 10), 150, 25, _STRIPE_2023),
    CardRate(CardRegion.UK, "eur", date(2023, 4, 10), 250, 25, _STRIPE_2023),
    CardRate(CardRegion.INTERNATIONAL, "eur", date(2023, 4, 10), 325, 25, _STRIPE_2023),
)

CHARGE_RATES = (
    ChargeRate(Regime.BNC, "social", date(2026, 1, 1), 2560, "décret 2025-943 du 8 septembre 2025"),
    ChargeRate(Regime.BNC, "training", date(2026, 1, 1), 20, "contribution à la formation, professions libérales"),
    ChargeRate(Regime.BIC_SERVICES, "social", date(2026, 1, 1), 2120, "autoentrepreneur.urssaf.fr, taux 2026"),
    ChargeRate(Regime.BIC_SERVICES, "training", date(2026, 1, 1), 10, "contribution à la formation, commerçants"),
)


@dataclass(frozen=True, slots=True, repr=False)
class Margin:
    """What the client paid, what Stripe took, what the freelancer gets, in minor units; `margin` is what is left."""

    paid: int
    card_fee: int
    freelancer: int

    @property
    def margin(self) -> int:
        """Paid less card fee and freelancer, in minor units; before social charges and VAT."""
        return self.paid - self.card_fee - self.freelancer


def card_fee(amount: int, currency: str, region: CardRegion, at: date) -> int:
    """Return what Stripe will take of a card payment, in minor units, rounded once; raises RateUnknownError."""
    rates = [rate for rate in CARD_RATES if (rate.region, rate.currency) == (region, currency) and rate.since <= at]
    if not rates:
        raise RateUnknownError(f"cards ({region}) in {currency}", at)
    rate = max(rates, key=lambda candidate: candidate.since)
    return _part(amount, rate.percent) + rate.fixed


def social_charges(receipts: int, regime: Regime, at: date) -> int:
    """Return the charges on receipts (gross of fees and of what the freelancer costs), in minor units.

    Source: rates in CHARGE_RATES; the base is turnover received, subcontracting is not deductible (design: rules 4).
    Raises RateUnknownError.
    """
    dated = [rate for rate in CHARGE_RATES if rate.regime == regime and rate.since <= at]
    lines = {rate.line: rate for rate in sorted(dated, key=lambda rate: rate.since)}
    if not lines:
        raise RateUnknownError(f"social charges ({regime})", at)
    return _part(receipts, sum(rate.percent for rate in lines.values()))


def net_margin(margin: Margin, regime: Regime, at: date) -> int:
    """Return the margin after social charges, in minor units; raises RateUnknownError."""
    return margin.margin - social_charges(margin.paid, regime, at)


def expected(offer: Offer, at: date, region: CardRegion = CardRegion.EEA) -> Margin:
    """Return what an offer should earn when paid by a card of that region; raises RateUnknownError."""
    return Margin(offer.price, card_fee(offer.price, offer.currency, region, at), offer.cost)


def cover(price: int, cost: int, currency: str, at: date, region: CardRegion = CardRegion.EEA) -> Margin:
    """Return the margin of a price that covers cost and card fee (minor units).

    Raises PriceTooLowError with the sum, and RateUnknownError.
    """
    margin = Margin(price, card_fee(price, currency, region, at), cost)
    if margin.margin < 0:
        raise PriceTooLowError(price, cost, margin.card_fee, currency)
    return margin


def covers(offer: Offer, at: date) -> Margin:
    """Return the expected margin of an offer whose price covers cost and card fee, else raise PriceTooLowError."""
    return cover(offer.price, offer.cost, offer.currency, at)


def bear_refunds(price: int, cost: int, currency: str, regime: Regime, at: date) -> int:
    """Return what a price leaves after cost, card fee, social charges and the refunds to be expected (minor units).

    Of what is given back the charges are not owed; the freelancer is paid and the card fee gone all the same. Raises
    RefundsNotBorneError with the sum, and RateUnknownError.
    """
    margin = cover(price, cost, currency, at)
    charges, back = social_charges(price, regime, at), _part(price, REFUNDS_EXPECTED)
    refunds = back - social_charges(back, regime, at)
    if margin.margin - charges < refunds:
        raise RefundsNotBorneError(margin, charges, refunds, currency)
    return margin.margin - charges - refunds


def ceiling(offer: Offer, at: date) -> int:
    """Return the most that the work may cost before the order loses money, in minor units; raises RateUnknownError."""
    return offer.price - expected(offer, at).card_fee


def earned(entries: Iterable[Entry], currency: str) -> Margin:
    """Return what the entries say was paid in, taken by Stripe for cards and owed for work, in one currency."""
    entries = tuple(entries)
    balances = trial_balance(entries)
    paid = -sum(
        posting.amount
        for entry in entries
        for posting in entry.postings
        if posting.currency == currency and posting.account.name == "client_funds" and posting.amount < 0
    )
    paid_for_work = sum(balances.get((account, currency), 0) for account in (WORK, BONUS))
    return Margin(paid, balances.get((CARD_FEE, currency), 0), paid_for_work)


def _part(amount: int, percent: int) -> int:
    """Hundredths of a percent of an amount, halves up."""
    return (2 * amount * percent + _PERCENT) // (2 * _PERCENT)
