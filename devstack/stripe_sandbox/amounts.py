"""Amounts as people read them: minor units of ISO 4217, French or English."""

# ISO 4217 exponents that differ from 2, of the currencies that the sandbox may print.
EXPONENTS = {"jpy": 0}
SYMBOLS = {"eur": "€", "usd": "$", "gbp": "£", "jpy": "¥"}


def printed(amount: int, currency: str, lang: str) -> str:
    """An amount in minor units as a person of that language reads it."""
    exponent = EXPONENTS.get(currency, 2)
    whole, cents = divmod(abs(amount), 10**exponent)
    sign = "-" if amount < 0 else ""
    mark = SYMBOLS.get(currency, currency.upper() + "\N{NO-BREAK SPACE}")
    tail = f"{cents:0{exponent}d}" if exponent else ""
    if lang == "fr":
        text = f"{whole:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") + (f",{tail}" if tail else "")
        return f"{sign}{text}\N{NO-BREAK SPACE}{mark.strip()}"
    return f"{sign}{mark}{whole:,}" + (f".{tail}" if tail else "")
