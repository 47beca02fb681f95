"""The payment code: what a European banking app reads (EPC069-12)."""

import pytest

from relais.epc import IbanRefusedError, NotPayableError, payment_code, tidy_iban

IBAN = "FR14 2004 1010 0505 0001 3M02 606"


def test_the_code_is_what_the_guideline_says() -> None:
    """Eleven lines: who, where, how much, what for; the bank's own code may be left out since version 002."""
    code = payment_code(name="Inès Moreau", iban=IBAN, amount=13_000, currency="eur", remittance="Relais 4f7k2m9q0abc")
    assert code.split("\n") == [
        *("BCD", "002", "1", "SCT", "", "Inès Moreau", "FR1420041010050500013M02606", "EUR130.00"),
        *("", "", "Relais 4f7k2m9q0abc"),
    ]
    assert len(code.encode()) <= 331


def test_an_iban_with_a_slip_of_the_finger_is_refused_and_not_repeated() -> None:
    """Money sent to a wrong account is gone; what was typed is nobody's business but the bank's."""
    assert tidy_iban("de89 3704 0044 0532 0130 00") == "DE89370400440532013000"
    for wrong in ("FR14 2004 1010 0505 0001 3M02 607", "FR1", "", "hello"):
        with pytest.raises(IbanRefusedError) as refused:
            tidy_iban(wrong)
        assert not wrong or wrong not in str(refused.value)


@pytest.mark.parametrize(("amount", "currency"), [(13_000, "usd"), (0, "eur"), (-5, "eur"), (100_000_000_000, "eur")])
def test_what_sepa_cannot_carry_is_refused(amount: int, currency: str) -> None:
    """A SEPA transfer moves euros, and not any sum of them."""
    with pytest.raises(NotPayableError):
        payment_code(name="Inès", iban=IBAN, amount=amount, currency=currency, remittance="x")


def test_a_long_name_or_text_cannot_break_the_code() -> None:
    """Lines of the code are fields: a name with a line break would move every field after it."""
    code = payment_code(name="I\nnès " * 40, iban=IBAN, amount=1, currency="eur", remittance="a\nb" * 100)
    assert len(code.split("\n")) == 11
    assert len(code.encode()) <= 331
