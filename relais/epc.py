"""The text of a payment QR code, as European banking apps read it: a SEPA transfer that only has to be confirmed.

Source: European Payments Council, EPC069-12, "Quick Response Code: Guidelines to Enable Data Capture for the Initiation
of a SEPA Credit Transfer", version 3.0.
"""

from __future__ import annotations

import re

from relais.errors import RelaisError
from relais.money import decimal_text

IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
MOST_CENTS = 99_999_999_999
NAME_LENGTH = 70
REMITTANCE_LENGTH = 140
_MODULUS = 97


class IbanRefusedError(RelaisError):
    """What was given is no IBAN. The message never shows it."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("this is no IBAN: copy it again, its letters and digits don't add up")


class NotPayableError(RelaisError):
    """An amount or currency that no SEPA transfer can carry."""

    def __init__(self, currency: str) -> None:
        """Keep the currency."""
        super().__init__(f"a SEPA transfer moves euros, from 0.01 to 999,999,999.99: pay {currency} in another way")
        self.currency = currency


def tidy_iban(text: str) -> str:
    """An IBAN as banks write it, without spaces. Raises `IbanRefusedError` where its check digits are wrong."""
    iban = "".join(text.split()).upper()
    if not IBAN.fullmatch(iban):
        raise IbanRefusedError
    digits = "".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])
    if int(digits) % _MODULUS != 1:
        raise IbanRefusedError
    return iban


def payment_code(*, name: str, iban: str, amount: int, currency: str, remittance: str) -> str:
    """The text of the code: who is paid, where, how much (minor units of euro), and what stands on the statement.

    Raises `IbanRefusedError`, `NotPayableError`.
    """
    if currency != "eur" or not 0 < amount <= MOST_CENTS:
        raise NotPayableError(currency)
    lines = (
        *("BCD", "002", "1", "SCT", ""),
        " ".join(name.split())[:NAME_LENGTH],
        tidy_iban(iban),
        f"EUR{decimal_text(amount, currency)}",
        *("", ""),
        " ".join(remittance.split())[:REMITTANCE_LENGTH],
    )
    return "\n".join(lines)
