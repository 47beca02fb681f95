"""Amounts: reading, printing, sharing out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.money import (
    EXPONENTS,
    AmountFormatError,
    CurrencyUnknownError,
    WeightsError,
    decimal_text,
    format_amount,
    parse_amount,
    shares,
)

currencies = st.sampled_from(sorted(EXPONENTS))
weights = st.lists(st.integers(0, 1000), min_size=1, max_size=25).filter(any)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("290.00", "eur", 29_000), ("290", "eur", 29_000), ("0.5", "usd", 50), ("5000", "jpy", 5_000), ("0", "chf", 0)],
)
def test_an_amount_is_read_in_the_minor_units_of_its_currency(text: str, currency: str, amount: int) -> None:
    """Yen have no cents: multiplying by 100 by habit would charge a hundredfold."""
    assert parse_amount(text, currency) == amount


@pytest.mark.parametrize(
    "text", ["", "290,00", "-1", "+1", "1 000", "1e3", "0.001", ".5", "5.", "٣", "1_0", " 1", "1\n"]
)
def test_an_amount_that_could_be_misread_is_refused(text: str) -> None:
    """A comma, a sign or a third decimal means that somebody meant something else."""
    with pytest.raises(AmountFormatError) as refused:
        parse_amount(text, "eur")
    assert refused.value.text == text


def test_yen_with_cents_are_refused() -> None:
    """There is no such coin; rounding would hide the mistake."""
    with pytest.raises(AmountFormatError):
        parse_amount("5000.00", "jpy")


def test_an_unknown_currency_is_refused_with_the_known_ones() -> None:
    """An exponent must never be guessed."""
    with pytest.raises(CurrencyUnknownError, match="eur, usd"):
        parse_amount("1", "btc")


@given(st.integers(1 - 10**9, 10**9 - 1), currencies)
def test_what_is_written_is_read_back(amount: int, currency: str) -> None:
    """Exports and the catalogue use the same decimal text."""
    text = decimal_text(amount, currency)
    assert parse_amount(text.removeprefix("-"), currency) == abs(amount)
    assert text.startswith("-") == (amount < 0)


@pytest.mark.parametrize(
    ("amount", "currency", "lang", "printed"),
    [
        (29_000, "eur", "fr", "290\u00a0€"),
        (29_000, "eur", "en", "€290"),
        (8_058, "eur", "fr", "80,58\u00a0€"),
        (8_005, "eur", "en", "€80.05"),
        (123_456_700, "eur", "fr", "1\u202f234\u202f567\u00a0€"),
        (123_456_789, "eur", "en", "€1,234,567.89"),
        (-2_105, "eur", "fr", "\u221221,05\u00a0€"),
        (-2_105, "gbp", "en", "\u2212£21.05"),
        (5_000, "jpy", "fr", "5\u202f000\u00a0¥"),
        (5_000, "jpy", "en", "¥5,000"),
        (1_250, "chf", "en", "CHF\u00a012.50"),
    ],
)
def test_an_amount_is_printed_as_its_reader_writes_it(amount: int, currency: str, lang: str, printed: str) -> None:
    """A wrong space or sign makes a price look foreign; no-break spaces keep it on one line."""
    assert format_amount(amount, currency, lang) == printed


@given(st.integers(0, 10**9), weights)
def test_shares_sum_to_the_total(total: int, parts: list[int]) -> None:
    """No rounding account exists: every cent of the price belongs to a milestone."""
    assert sum(shares(total, parts)) == total
    assert all(share >= 0 for share in shares(total, parts))


@given(st.integers(0, 10**9), weights)
def test_a_share_is_within_a_cent_of_its_part(total: int, parts: list[int]) -> None:
    """Nobody pays another's milestone by way of rounding."""
    for share, weight in zip(shares(total, parts), parts, strict=True):
        assert abs(share * sum(parts) - total * weight) < sum(parts)


@given(st.integers(0, 10**9), weights)
def test_a_share_depends_on_what_comes_before_it_alone(total: int, parts: list[int]) -> None:
    """Reordering later milestones must not change what an earlier one costs."""
    half = len(parts) // 2
    turned = parts[:half] + parts[half:][::-1]
    assert shares(total, parts)[:half] == shares(total, turned)[:half]


def test_shares_follow_the_formula_of_the_design() -> None:
    """100 in three: the floors of the running sums are 33, 66 and 100."""
    assert shares(100, [1, 1, 1]) == (33, 33, 34)
    assert shares(145_000, [30, 50, 20]) == (43_500, 72_500, 29_000)


@pytest.mark.parametrize("parts", [[], [0], [0, 0], [2, -1]])
def test_nothing_is_shared_by_weights_that_mean_nothing(parts: list[int]) -> None:
    """A division by zero would surface far from its cause."""
    with pytest.raises(WeightsError):
        shares(100, parts)
