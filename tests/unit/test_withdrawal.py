"""Until when a consumer may withdraw, and what that gives back. Cases by the calendar of Paris."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.calendar import french_holidays
from relais.order import Interrupt, Milestone, MilestoneStage, Order, OrderStage
from relais.withdrawal import all_given_back, ends, given_back, in_time, last_day, right_until, supplied

PARIS = ZoneInfo("Europe/Paris")
HANDED_OVER = 80


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


TERMS = [
    ("2026-11-23 09:00", "2026-12-07", "a Monday: the fourteenth day after it"),
    ("2026-11-23 00:00", "2026-12-07", "the first instant of the day: the day of the conclusion does not count"),
    ("2026-11-23 23:59:59", "2026-12-07", "nor does it at its last second"),
    ("2026-11-24 00:00", "2026-12-08", "a second later it is another day"),
    ("2026-11-21 12:00", "2026-12-07", "would end on a Saturday: goes on to Monday"),
    ("2026-11-22 12:00", "2026-12-07", "would end on a Sunday: goes on to Monday"),
    ("2026-12-11 10:00", "2026-12-28", "would end on Christmas Day, a Friday: past the weekend too"),
    ("2026-12-18 10:00", "2027-01-04", "would end on New Year's Day, a Friday: into the next year's first Monday"),
    ("2026-10-18 10:00", "2026-11-02", "would end on All Saints' Day, a Sunday: Monday"),
    ("2026-10-28 10:00", "2026-11-12", "would end on Armistice Day, a Wednesday: Thursday"),
    ("2026-04-17 10:00", "2026-05-04", "would end on Labour Day, a Friday: Monday"),
    ("2026-04-24 10:00", "2026-05-11", "would end on Victory Day, a Friday: Monday"),
    ("2026-04-30 10:00", "2026-05-15", "would end on Ascension Day, a Thursday: Friday"),
    ("2026-05-10 10:00", "2026-05-26", "would end on the Sunday before Whit Monday: past both"),
    ("2026-03-22 10:00", "2026-04-07", "would end on Easter Sunday: past Easter Monday"),
    ("2026-06-30 10:00", "2026-07-15", "would end on Bastille Day, a Tuesday: Wednesday"),
    ("2026-08-01 10:00", "2026-08-17", "would end on Assumption Day, a Saturday: Monday"),
    ("2026-03-16 10:00", "2026-03-30", "across the night in which clocks go forward"),
    ("2026-10-12 10:00", "2026-10-26", "across the night in which clocks go back"),
    ("2026-03-15 10:00", "2026-03-30", "would end on the Sunday on which clocks go forward: Monday"),
    ("2026-10-11 10:00", "2026-10-26", "would end on the Sunday on which clocks go back: Monday"),
    ("2028-02-15 10:00", "2028-02-29", "on a leap day"),
    ("2026-12-17 10:00", "2026-12-31", "on the last day of a year"),
]


@pytest.mark.parametrize(("concluded", "until", "why"), TERMS, ids=[why for _, _, why in TERMS])
def test_fourteen_days_end_at_the_end_of_the_last_day_in_paris(concluded: str, until: str, why: str) -> None:
    """L221-18 and L221-19: a statement of that day at 23:59 is in time, one of midnight is not."""
    began, last = paris(concluded).astimezone(UTC), date.fromisoformat(until)
    assert last_day(began) == last, why
    assert ends(began).astimezone(PARIS) == paris(f"{until} 23:59:59"), why
    assert in_time(began, paris(f"{until} 23:59").astimezone(UTC)), why
    assert in_time(began, ends(began) + timedelta(microseconds=999_999)), why
    assert not in_time(began, ends(began) + timedelta(seconds=1)), why


INSTANTS = [
    ("2026-11-23T22:59:59+00:00", "2026-12-07", "23:59:59 in Paris, winter"),
    ("2026-11-23T23:00:00+00:00", "2026-12-08", "midnight in Paris is the next day, though not in UTC"),
    ("2026-07-06T21:59:59+00:00", "2026-07-20", "23:59:59 in Paris, summer"),
    ("2026-07-06T22:00:00+00:00", "2026-07-21", "midnight in Paris, summer"),
]


@pytest.mark.parametrize(("at", "until", "why"), INSTANTS, ids=[why for _, _, why in INSTANTS])
def test_the_day_of_the_conclusion_is_a_day_in_paris(at: str, until: str, why: str) -> None:
    """Two hours of every summer's day are another day in UTC."""
    assert last_day(datetime.fromisoformat(at)) == date.fromisoformat(until), why


def test_the_last_second_is_an_hour_apart_in_utc_before_and_after_a_change_of_clocks() -> None:
    """The end is wall-clock time: 21:59:59 UTC in summer, 22:59:59 UTC in winter."""
    assert ends(paris("2026-03-13 10:00")) == datetime(2026, 3, 27, 22, 59, 59, tzinfo=UTC)
    assert ends(paris("2026-03-16 10:00")) == datetime(2026, 3, 30, 21, 59, 59, tzinfo=UTC)
    assert ends(paris("2026-10-09 10:00")) == datetime(2026, 10, 23, 21, 59, 59, tzinfo=UTC)
    assert ends(paris("2026-10-12 10:00")) == datetime(2026, 10, 26, 22, 59, 59, tzinfo=UTC)


@given(st.integers(1_577_836_800, 2_366_841_600))
def test_no_term_is_short_or_ends_on_a_day_off(second: int) -> None:
    """Fourteen whole days at least, and never more than the longest run of days off in France after them."""
    at = datetime.fromtimestamp(second, UTC)
    last = last_day(at)
    longer = (last - at.astimezone(PARIS).date()).days
    assert 14 <= longer <= 18
    assert last.weekday() < 5
    assert last not in french_holidays(last.year)


CONCLUDED = paris("2026-11-23 10:00").astimezone(UTC)
NOW = CONCLUDED + timedelta(days=3)


def order(**changed: object) -> Order:
    plain = Order(
        id="4f7k2m9q0abc",
        stage=OrderStage.MILESTONES,
        run=1,
        ordinal=3,
        offer="logo",
        offer_version=1,
        lang="fr",
        currency="eur",
        price=29000,
        consumer=True,
        key_id="k1",
        link_version=1,
        created=CONCLUDED,
        left=29000,
        started=CONCLUDED,
        express=True,
        acknowledged=True,
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def milestone(stage: MilestoneStage = MilestoneStage.WORK, number: str = "01", **changed: object) -> Milestone:
    plain = Milestone("4f7k2m9q0abc", number, stage, 4, 29000, 13000, 2)
    return replace(plain, **changed)  # type: ignore[arg-type]


ACCEPTED = milestone(MilestoneStage.HOLD, accepted=True)
NO_REQUEST = {"express": False, "acknowledged": False}


@pytest.mark.parametrize(
    ("one", "part", "changed", "there"),
    [
        ("a consumer whose order is being worked on", milestone(), {}, True),
        ("a business", milestone(), {"consumer": False}, False),
        ("not paid", milestone(), {"stage": OrderStage.DRAFT}, False),
        ("withdrawn from already", milestone(), {"leaving": {"what": "withdrawal"}}, False),
        ("given back already", milestone(), {"stage": OrderStage.UNWIND}, False),
        ("ended", ACCEPTED, {"stage": OrderStage.COMPLETED}, False),
        ("before the client", milestone(MilestoneStage.ACCEPTANCE), {}, True),
        ("accepted, which was acknowledged to end it", ACCEPTED, {}, False),
        ("accepted, without an acknowledgement", ACCEPTED, {"acknowledged": False}, True),
        ("accepted, without a request to start", ACCEPTED, NO_REQUEST, True),
        ("paid out", replace(ACCEPTED, sent=13000), NO_REQUEST, False),
        ("the pay on its way", replace(ACCEPTED, in_transit=13000), NO_REQUEST, False),
        ("parked", milestone(MilestoneStage.PARK, parked_from="work"), {}, True),
        ("being cancelled", milestone(interrupt=Interrupt(0, "Cancelled", "late", "seller", NOW)), {}, False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_has_the_right(one: str, part: Milestone, changed: dict[str, object], there: bool) -> None:  # noqa: FBT001
    """Consumers, within the term, as long as something is left that was not fully performed (L221-28 1°)."""
    found = right_until(order(**changed), (part,), NOW)
    assert (found == ends(CONCLUDED)) is there, one


def test_one_milestone_that_is_not_accepted_keeps_the_right_open() -> None:
    """Ten articles are fully performed when the tenth is."""
    parts = (ACCEPTED, milestone(MilestoneStage.START, "02"))
    assert right_until(order(), parts, NOW) is not None
    assert right_until(order(), parts, ends(CONCLUDED) + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("one", "part", "changed", "back"),
    [
        ("nothing handed over", milestone(), {}, 29000),
        ("a version at the seller's", milestone(MilestoneStage.REVIEW, version=1), {}, 29000),
        ("before its client", milestone(MilestoneStage.ACCEPTANCE, version=1), {}, 5800),
        ("asked back before", milestone(MilestoneStage.SETTLEMENT, version=1), {}, 5800),
        ("sent back for a change", milestone(MilestoneStage.WORK, version=1, revisions_used=1), {}, 5800),
        ("parked before its client", milestone(MilestoneStage.PARK, parked_from="acceptance"), {}, 5800),
        ("accepted", ACCEPTED, {}, 0),
        ("before its client, without a request", milestone(MilestoneStage.ACCEPTANCE), NO_REQUEST, 29000),
        ("accepted, without a request", ACCEPTED, NO_REQUEST, 29000),
        ("a part given back before", milestone(MilestoneStage.ACCEPTANCE, refunded=4000), {}, 1800),
        ("given back already", milestone(MilestoneStage.CLOSED, refunded=29000), {}, 0),
        ("paid out, without a request", replace(ACCEPTED, sent=13000), NO_REQUEST, 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_handed_over_at_the_express_request_is_owed(
    one: str, part: Milestone, changed: dict[str, object], back: int
) -> None:
    """L221-25: in proportion to what was supplied; nothing at all where no request was recorded."""
    assert given_back(order(**changed), part, HANDED_OVER) == back, one


def test_several_milestones_give_back_each_its_own() -> None:
    """What has been accepted stays paid, what is before its client in proportion, the rest goes back whole."""
    parts = (
        milestone(MilestoneStage.CLOSED, "01", accepted=True, sent=8000, price=15000),
        milestone(MilestoneStage.ACCEPTANCE, "02", price=15000),
        milestone(MilestoneStage.WORK, "03", price=15000),
        milestone(MilestoneStage.START, "04", price=15000),
    )
    assert all_given_back(order(price=60000), parts, HANDED_OVER) == 3000 + 15000 + 15000
    assert all_given_back(order(price=60000, **NO_REQUEST), parts, HANDED_OVER) == 45000


def test_before_anybody_has_taken_it_everything_goes_back() -> None:
    """Also in the instant between the payment and its booking, when the order holds nothing yet."""
    assert all_given_back(order(stage=OrderStage.BRIEF), (), HANDED_OVER) == 29000
    assert all_given_back(order(stage=OrderStage.PAID, left=0), (), HANDED_OVER) == 29000


@given(st.sampled_from(MilestoneStage), st.integers(0, 100), st.integers(1, 10_000_000), st.booleans())
def test_a_withdrawal_never_gives_back_more_than_is_held(
    stage: MilestoneStage,
    handed_over: int,
    price: int,
    accepted: bool,  # noqa: FBT001
) -> None:
    """Promise 1, and the client never pays for more than what was supplied."""
    part = milestone(stage, price=price, accepted=accepted)
    back = given_back(order(), part, handed_over)
    assert 0 <= back <= part.held
    assert 0 <= supplied(part, handed_over) <= 100
