"""Money of another currency: converted when it is settled, at the rate of that day, Stripe's fee within the rate.

Source: docs.stripe.com/currencies/conversion; two percent for accounts in the EEA (stripe.com/fr/pricing). A refund
and a dispute are converted at the rate of their own day (trap 22 of money E).
"""

from decimal import ROUND_HALF_UP, Decimal

from devstack.stripe_sandbox.amounts import EXPONENTS
from devstack.stripe_sandbox.errors import UnsupportedError, invalid
from devstack.stripe_sandbox.platform import Platform

CONVERSION_PERCENT = Decimal(2)
DIGITS = Decimal("0.000001")


def rate(platform: Platform, currency: str) -> Decimal | None:
    """What one unit of a currency brings in the account's own, after Stripe's fee; None when nothing is converted.

    Raises UnsupportedError for a currency of which the sandbox knows no rate.
    """
    if currency == platform.terms.currency:
        return None
    if currency not in platform.rates:
        raise UnsupportedError(f"the currency {currency} (only {_known(platform)})", "currency")
    return (platform.rates[currency] * (100 - CONVERSION_PERCENT) / 100).quantize(DIGITS)


def converted(platform: Platform, amount: int, currency: str, applied: Decimal | None) -> int:
    """An amount in minor units in the account's own currency, rounded once, half up.

    A yen has no cents: the exponents of both currencies count.
    """
    if applied is None:
        return amount
    shift = EXPONENTS.get(platform.terms.currency, 2) - EXPONENTS.get(currency, 2)
    exact = Decimal(amount) * applied * Decimal(10) ** shift
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def set_rate(platform: Platform, currency: str, value: object) -> None:
    """Let a currency be worth so much from now on. Raises RefusedError (400) for what is no positive number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise invalid(f"Invalid rate: {currency}", param=currency)
    try:
        number = Decimal(str(value))
    except ArithmeticError as error:
        raise invalid(f"Invalid rate: {currency}", param=currency) from error
    if not number.is_finite() or number <= 0:
        raise invalid(f"Invalid rate: {currency}", param=currency)
    platform.rates[currency.lower()] = number


def _known(platform: Platform) -> str:
    return ", ".join([platform.terms.currency, *sorted(platform.rates)])
