"""When milestones start and are promised: dates that people can read off a calendar."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.calendar import Away, Calendar, Duration, Unit
from relais.schedule import After, Start, StartFormatError, schedule

SHOP = Calendar()
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
STARTS = st.builds(
    Start,
    st.sampled_from(After),
    st.builds(Duration, st.integers(0, 90), st.sampled_from([Unit.DAYS, Unit.WORKING_DAYS])),
    st.none() | st.integers(0, 6),
)


def starts(*words: str, began: datetime = MONDAY, calendar: Calendar = SHOP) -> list[str | None]:
    """The days on which milestones of five working days start."""
    plan = [(Start.parse(word), 5) for word in words]
    return [one.starts and f"{one.starts:%a %d %b %H:%M}" for one in schedule(plan, began, calendar)]


@given(STARTS)
def test_a_start_is_read_as_it_is_written(start: Start) -> None:
    """It is kept as text with the offer's version."""
    assert Start.parse(str(start)) == start


@pytest.mark.parametrize(
    "text", ["", "soon", "7 d", "order", "order 7 d", "+7", "+8 wh", "+7 d, someday", "at once, monday"]
)
def test_what_is_no_start_is_refused(text: str) -> None:
    """With the words that would do."""
    with pytest.raises(StartFormatError, match="at once"):
        Start.parse(text)


def test_a_series_begins_with_the_order_and_goes_on_week_by_week() -> None:
    """The first of a series has nothing before it; the others open on the morning of their day."""
    assert starts("+7 d", "+7 d", "+7 d") == [None, "Mon 30 Nov 08:00", "Mon 07 Dec 08:00"]


def test_a_start_is_counted_from_the_order_or_put_on_a_day_of_the_week() -> None:
    """Working days as the offer promises them; a day of the week on or after the day counted."""
    assert starts("at once", "order +6 wd", "order +16 wd") == [None, "Tue 01 Dec 08:00", "Tue 15 Dec 08:00"]
    assert starts("order +1 d, monday", "+7 d, lundi") == ["Mon 30 Nov 08:00", "Mon 07 Dec 08:00"]
    assert starts("order +0 d, monday") == ["Mon 23 Nov 09:00"]


def test_a_day_off_moves_its_own_start_and_no_later_one() -> None:
    """Christmas Friday gives way to Monday; the week after is counted from the Friday all the same."""
    friday = datetime(2026, 12, 18, 10, 0, tzinfo=UTC)
    assert starts("+7 d", "+7 d", "+7 d", "+7 d", began=friday) == [
        None,
        "Mon 28 Dec 08:00",
        "Mon 04 Jan 08:00",
        "Fri 08 Jan 08:00",
    ]
    away = Calendar(away=(Away(date(2026, 11, 30), date(2026, 12, 4)),))
    assert starts("+7 d", "+7 d", calendar=away) == [None, "Mon 07 Dec 08:00"]


def test_each_is_promised_from_its_own_start() -> None:
    """Five working days after the day it starts on, in the evening; summer time or not."""
    found = schedule([(Start(), 5), (Start.parse("+7 d"), 2)], MONDAY, SHOP)
    assert [f"{one.promised:%a %d %b %H:%M}" for one in found] == ["Mon 30 Nov 17:00", "Wed 02 Dec 17:00"]


@given(st.lists(st.tuples(STARTS, st.integers(1, 20)), min_size=1, max_size=5))
def test_nothing_is_promised_before_it_starts_nor_starts_before_the_order(plan: list[tuple[Start, int]]) -> None:
    """Whatever an offer says."""
    for one in schedule(plan, MONDAY, SHOP):
        assert one.starts is None or one.starts >= MONDAY
        assert one.promised > (one.starts or MONDAY)
