"""Amounts: currencies and their exponents, reading, printing, sharing out.

An amount is an integer of minor units and travels with its currency, a lower-case ISO 4217 code.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from relais.errors import RelaisError

EXPONENTS: Mapping[str, int] = {"eur": 2, "usd": 2, "gbp": 2, "chf": 2, "jpy": 0}
"""Digits after the decimal point (source: ISO 4217, as Stripe counts them: docs.stripe.com/currencies)."""

_SYMBOLS: Mapping[str, str] = {"eur": "€", "usd": "$", "gbp": "£", "chf": "CHF", "jpy": "¥"}
_AMOUNT = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
_NO_BREAK = "\u00a0"
_NARROW_NO_BREAK = "\u202f"
_MINUS = "\u2212"


class CurrencyUnknownError(RelaisError):
    """A currency is not in the table of exponents."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        super().__init__(f'The currency "{currency}" is not known: use one of {", ".join(EXPONENTS)}.')


class AmountFormatError(RelaisError):
    """A text is not an amount of its currency."""

    def __init__(self, text: str, currency: str) -> None:
        self.text = text
        self.currency = currency
        example = "290.00" if EXPONENTS[currency] else "290"
        super().__init__(f'"{text}" is not an amount in {currency}: write it like "{example}", with a point, unsigned.')


class WeightsError(RelaisError):
    """Weights among which nothing can be shared."""

    def __init__(self, weights: Sequence[int]) -> None:
        self.weights = tuple(weights)
        super().__init__(
            f"Nothing can be shared by the weights {self.weights}: they must not be negative, nor all zero."
        )


def exponent(currency: str) -> int:
    """Return how many digits the currency has after the point; raises CurrencyUnknownError."""
    if currency not in EXPONENTS:
        raise CurrencyUnknownError(currency)
    return EXPONENTS[currency]


def parse_amount(text: str, currency: str) -> int:
    """Read a decimal text such as "290.00" into minor units (29000 in eur, "290" is 290 in jpy).

    Raises AmountFormatError for a sign, a comma, spaces or more digits than the currency has; CurrencyUnknownError.
    """
    digits = exponent(currency)
    found = _AMOUNT.fullmatch(text)
    if found is None or len(found[2] or "") > digits:
        raise AmountFormatError(text, currency)
    return int(found[1] + (found[2] or "").ljust(digits, "0"))


def format_amount(amount: int, currency: str, lang: str) -> str:
    """Print minor units as people write them: "290 €" and "1 234,50 €" for "fr", "€290" and "€1,234.50" for all others.

    Cents appear only where there are some. French thousands are set apart by a narrow no-break space and the symbol by
    a no-break space (source: Lexique des règles typographiques en usage à l'Imprimerie nationale).
    Raises CurrencyUnknownError.
    """
    digits = exponent(currency)
    whole, cents = divmod(abs(amount), 10**digits)
    sign = _MINUS if amount < 0 else ""
    symbol = _SYMBOLS[currency]
    if lang == "fr":
        fraction = f",{cents:0{digits}}" if cents else ""
        return f"{sign}{whole:,}".replace(",", _NARROW_NO_BREAK) + f"{fraction}{_NO_BREAK}{symbol}"
    fraction = f".{cents:0{digits}}" if cents else ""
    space = _NO_BREAK if symbol.isalpha() else ""
    return f"{sign}{symbol}{space}{whole:,}{fraction}"


def decimal_text(amount: int, currency: str) -> str:
    """Return minor units as the decimal text that `parse_amount` reads, "-" first if negative; CurrencyUnknownError."""
    digits = exponent(currency)
    whole, cents = divmod(abs(amount), 10**digits)
    return f"{'-' if amount < 0 else ''}{whole}" + (f".{cents:0{digits}}" if digits else "")


def shares(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Share minor units out: share i = floor(P·Σw₁..i) − floor(P·Σw₁..i−1), with weights as parts of their sum.

    The shares add up to the total, so no rounding account is needed, and a share depends on the weights before it and
    their sum alone. Raises WeightsError. Design: money B.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise WeightsError(weights)
    bounds = [total * part // whole for part in accumulate(weights, initial=0)]
    return tuple(after - before for before, after in pairwise(bounds))
