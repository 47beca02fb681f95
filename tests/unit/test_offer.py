"""The offer and its frozen policy, and the rows they are kept in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.calendar import Away, Duration, Hours, Reminder, Rule
from relais.checks import Automatic
from relais.lift import RowVersionError, lift
from relais.offer import (
    Bears,
    Clocks,
    Disclosure,
    Extra,
    FreelancerPaid,
    Offer,
    OfferStatus,
    PlannedMilestone,
    Policy,
    Portfolio,
    Question,
    RefundCause,
    Release,
    Review,
    Text,
)
from relais.schedule import Start
from relais.shop import Regime, Shop

words = st.text(max_size=40)
texts = st.builds(Text, words, words)
amounts = st.integers(0, 10**9)
durations = st.builds(Duration.parse, st.sampled_from(["0 wh", "8 wh", "5 wd", "7 d", "24 h"]))
reminders = st.builds(Reminder.parse, st.sampled_from(["1 d", "-24 h", "half", "last day"]))
rules = st.builds(Rule, durations, st.lists(reminders, max_size=4).map(tuple))
paid = st.sampled_from(FreelancerPaid)
questions = st.builds(Question, words, texts, texts, st.booleans(), st.booleans(), st.booleans())
starts = st.builds(Start.parse, st.sampled_from(["at once", "+7 d", "order +6 wd", "+7 d, monday"]))
few = st.none() | st.integers(0, 9)
planned = st.builds(
    PlannedMilestone, texts, st.integers(1, 100), few, starts, few, few, st.lists(questions, max_size=2).map(tuple)
)
offers = st.builds(
    Offer,
    slug=words,
    version=st.integers(1, 9999),
    title=texts,
    summary=texts,
    price=amounts,
    currency=st.sampled_from(["eur", "jpy"]),
    cost=amounts,
    skill=words,
    policy=st.builds(
        Policy,
        promise=st.integers(1, 60),
        revisions=st.integers(0, 9),
        refund_right=st.booleans(),
        reserve=st.none() | durations,
        review=st.sampled_from(Review),
        release=st.sampled_from(Release),
        disclosure=st.sampled_from(Disclosure),
        portfolio=st.sampled_from(Portfolio),
        bears=st.builds(Bears, paid, paid, paid, paid, paid, paid),
    ),
    guarantee=texts,
    what_you_get=st.lists(texts, max_size=3).map(tuple),
    brief=st.lists(questions, max_size=3).map(tuple),
    checks=st.lists(texts, max_size=3).map(tuple),
    automatic=st.builds(Automatic, st.integers(0, 9), st.lists(words, max_size=2).map(tuple), st.integers(0, 9)),
    milestones=st.lists(st.tuples(planned, st.integers(1, 3)), max_size=3).map(
        lambda kinds: tuple(one for one, times in kinds for _ in range(times))
    ),
    clocks=st.builds(
        Clocks, rules, rules, rules, durations, st.lists(reminders, max_size=2).map(tuple), rules, rules, durations,
        rules, rules, durations, durations,
    ),
    extras=st.lists(
        st.builds(Extra, words, texts, amounts, amounts, st.none() | durations, st.none() | durations), max_size=2
    ).map(tuple),
    rights=st.none() | texts,
    status=st.sampled_from(OfferStatus),
    max_files=st.integers(1, 100),
    image=st.none() | words,
    units=st.integers(1, 100),
)  # fmt: skip


def plain(value: Any) -> bool:
    """Whether a value is made of exactly what the table keeps without loss."""
    if isinstance(value, dict):
        return all(type(key) is str and plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(plain(inner) for inner in value)
    return value is None or type(value) in {str, int, bool}


@given(offers)
def test_an_offer_survives_its_row(offer: Offer) -> None:
    """The policy of the day of purchase is read back years later, to the letter (promise 5)."""
    row = offer.to_row()
    assert Offer.from_row(row) == offer
    assert Offer.from_row(json.loads(json.dumps(row))) == offer
    assert plain(row)


def test_a_row_names_every_clock_even_if_it_is_the_usual_one() -> None:
    """A clock left out would follow the code's default of the day it is read, not that of the day of purchase."""
    nothing = Text("", "")
    row = Offer("logo", 1, nothing, nothing, 1, "eur", 1, "logo", Policy(5, debits=True), nothing, (), ()).to_row()
    assert set(row["clocks"]) == set(Clocks.__dataclass_fields__)
    assert set(row["policy"]) == set(Policy.__dataclass_fields__) - {"debit_hold", "debit_cap"}
    assert row["policy"]["debits"] == ["14 d", 100_000]
    assert set(row["policy"]["bears"]) == {cause.value for cause in RefundCause}


def test_the_usual_clocks_are_those_of_the_design() -> None:
    """People 5b, the numbers of this release."""
    clocks = Clocks()
    assert [str(rule) for rule in (clocks.brief, clocks.proposal, clocks.proposal_urgent, clocks.review)] == [
        "14 d; 1 d, 3 d, 7 d, 12 d", "8 wh", "3 wh", "1 wd; half",
    ]  # fmt: skip
    assert str(clocks.acceptance) == "7 d; 2 d, 5 d, last day"
    assert [str(duration) for duration in (clocks.hold_spoken, clocks.hold_silent)] == ["3 d", "7 d"]


def test_who_bears_a_refund_is_what_was_shown_before_accepting() -> None:
    """People 5: mind changed or seller's fault full, right used up half, brief not met or late nothing."""
    bears = Bears()
    assert {cause: bears.on(cause) for cause in RefundCause} == {
        RefundCause.CHANGE_OF_MIND: FreelancerPaid.FULL,
        RefundCause.SELLER_FAULT: FreelancerPaid.FULL,
        RefundCause.BRIEF_NOT_MET: FreelancerPaid.NOTHING,
        RefundCause.REFUND_RIGHT: FreelancerPaid.HALF,
        RefundCause.LATE: FreelancerPaid.NOTHING,
        RefundCause.WITHDRAWAL: FreelancerPaid.PRO_RATA,
    }


@pytest.mark.parametrize(("lang", "word"), [("fr", "oui"), ("en", "yes"), ("pt", "yes")])
def test_who_does_not_read_french_gets_english(lang: str, word: str) -> None:
    """Two languages are kept; the rest of the world reads the second."""
    assert Text("oui", "yes").in_(lang) == word


def test_the_shop_survives_its_row() -> None:
    """Hours and away dates among it: every due instant hangs on them."""
    shop = Shop(
        brand="Atelier Mistral",
        seller="Claire",
        email="claire@atelier-mistral.example",
        phone="1",
        sender="bonjour@atelier-mistral.example",
        lang="fr",
        currency="eur",
        hours=Hours.parse("lun-jeu 9-12 14-18"),
        legal=Text("a", "b"),
        vat=Text("c", "d"),
        mediator=Text("e", "f"),
        regime=Regime.BIC_SERVICES,
        away=(Away.from_row(["2026-12-21", "2027-01-03"]),),
    )
    assert Shop.from_row(json.loads(json.dumps(shop.to_row()))) == shop


def test_an_older_row_is_lifted_one_version_at_a_time() -> None:
    """Rows outlive releases: version 1 is read by version 3 through version 2 (design: workflow 3)."""
    lifts = {1: lambda row: {**row, "b": row["a"] + 1}, 2: lambda row: {**row, "c": row["b"] + 1}}
    assert lift({"v": 1, "a": 1}, "offer", 3, lifts) == {"v": 3, "a": 1, "b": 2, "c": 3}
    assert lift({"v": 3, "a": 1}, "offer", 3, lifts) == {"v": 3, "a": 1}


@pytest.mark.parametrize("version", [0, 4])
def test_a_row_that_no_lift_reaches_is_refused(version: int) -> None:
    """After a rollback, a newer row must not be half understood."""
    with pytest.raises(RowVersionError) as refused:
        lift({"v": version}, "offer", 3, {2: dict})
    assert refused.value.version == version


def test_lifting_leaves_the_row_as_it_was() -> None:
    """The row that was read is the one the condition of the next write names."""
    row = {"v": 1}

    def in_place(older: dict[str, Any]) -> dict[str, Any]:
        older["new"] = True
        return older

    assert lift(row, "offer", 2, {1: in_place}) == {"v": 2, "new": True}
    assert row == {"v": 1}
