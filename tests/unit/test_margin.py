"""What an order earns, to the cent."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais import ledger
from relais.margin import (
    CARD_RATES,
    CHARGE_RATES,
    CardRegion,
    Margin,
    PriceTooLowError,
    RateUnknownError,
    card_fee,
    ceiling,
    cover,
    covers,
    earned,
    net_margin,
    social_charges,
)
from relais.offer import Offer, Policy, Text
from relais.shop import Regime

DAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("price", "cost", "net"),
    [
        (29_000, 13_000, 8_058),
        (150_000, 80_000, 29_025),
        (150_000, 100_000, 9_025),
        (39_000, 19_000, 9_328),
        (8_000, 4_500, 1_291),
        (145_000, 75_000, 30_390),
    ],
)
def test_the_sample_offers_earn_what_the_design_computed(price: int, cost: int, net: int) -> None:
    """Logo 80.58, articles 290.25 or 90.25, social 93.28, coaching 12.91, site 303.90 (design: people 7)."""
    margin = Margin(price, card_fee(price, "eur", CardRegion.EEA, DAY), cost)
    assert net_margin(margin, Regime.BNC, DAY) == net


def test_the_logo_leaves_155_40_before_charges() -> None:
    """Paid less card fee less freelancer: what the demo prints."""
    margin = cover(29_000, 13_000, "eur", DAY)
    assert (margin.paid, margin.card_fee, margin.freelancer, margin.margin) == (29_000, 460, 13_000, 15_540)


@pytest.mark.parametrize(
    ("region", "fee"), [(CardRegion.EEA, 460), (CardRegion.UK, 750), (CardRegion.INTERNATIONAL, 968)]
)
def test_the_fee_depends_on_where_the_card_is_from(region: CardRegion, fee: int) -> None:
    """3.25 % of 290.00 is 9.425: rounded once, halves up."""
    assert card_fee(29_000, "eur", region, DAY) == fee


def test_a_price_that_loses_money_is_refused_with_the_sum() -> None:
    """The seller sees what to change."""
    with pytest.raises(
        PriceTooLowError, match=r"290\.00 .* 286\.00 .* 4\.60 .* 290\.60: short by 0\.60 eur"
    ) as refused:
        cover(29_000, 28_600, "eur", DAY)
    assert (refused.value.fee, refused.value.short) == (460, 60)


def test_a_price_that_just_covers_passes() -> None:
    """Zero margin is the seller's choice, a loss is not."""
    assert cover(29_000, 28_540, "eur", DAY).margin == 0
    with pytest.raises(PriceTooLowError):
        cover(29_000, 28_541, "eur", DAY)


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_no_price_passes_that_its_costs_exceed(price: int, cost: int) -> None:
    """Whatever the amounts: passing means a margin of at least zero."""
    needed = cost + card_fee(price, "eur", CardRegion.EEA, DAY)
    if price >= needed:
        assert cover(price, cost, "eur", DAY).margin == price - needed
        return
    with pytest.raises(PriceTooLowError) as refused:
        cover(price, cost, "eur", DAY)
    assert refused.value.short == needed - price


def test_a_day_before_the_first_rate_has_none() -> None:
    """A rate of today applied to the past would be a lie with decimals."""
    with pytest.raises(RateUnknownError):
        card_fee(29_000, "eur", CardRegion.EEA, date(2023, 4, 9))
    with pytest.raises(RateUnknownError):
        social_charges(29_000, Regime.BNC, date(2025, 12, 31))
    with pytest.raises(RateUnknownError):
        card_fee(29_000, "usd", CardRegion.EEA, DAY)


def test_every_rate_names_its_source() -> None:
    """A number without a source cannot be checked when it changes."""
    assert all(rate.source for rate in (*CARD_RATES, *CHARGE_RATES))


def test_the_most_that_work_may_cost_leaves_nothing_and_loses_nothing() -> None:
    """The ranking asks nobody who is dearer: at the ceiling the offer still covers, one cent above it doesn't."""
    nothing = Text("", "")
    offer = Offer("logo", 1, nothing, nothing, 29_000, "eur", 13_000, "logo", Policy(5), nothing, (), ())
    assert ceiling(offer, DAY) == 28_540
    assert covers(offer, DAY).margin == 15_540
    assert cover(offer.price, ceiling(offer, DAY), "eur", DAY).margin == 0


def test_what_was_earned_is_read_from_the_ledger() -> None:
    """The fee that Stripe really took counts, not the rate that was expected; another currency counts apart."""
    order, pi, at = "4F7K", "pi_1", datetime(2026, 11, 27, tzinfo=UTC)
    entries = [
        ledger.payment(order=order, pi=pi, amount=29_000, currency="eur", at=at),
        ledger.charge_settled(
            order=order, txn="txn_1", pi=pi, gross=29_000, fee=750, net=28_250, currency="eur", at=at
        ),
        ledger.accepted(
            order=order, milestone="01", share=29_000, cost=13_000, freelancer="ines", currency="eur", at=at
        ),
    ]
    assert earned(entries, "eur") == Margin(29_000, 750, 13_000)
    assert earned(entries, "usd") == Margin(0, 0, 0)
