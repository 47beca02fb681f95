"""Working hours, holidays and due instants, on the dates of the real calendar."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relais.calendar import (
    Away,
    Calendar,
    Duration,
    DurationFormatError,
    Hours,
    HoursFormatError,
    NaiveInstantError,
    NoWorkingHoursError,
    Reminder,
    ReminderFormatError,
    Rule,
    Span,
    Unit,
    ZoneUnknownError,
    add_working_days,
    add_working_hours,
    due_after,
    easter_sunday,
    french_holidays,
    next_working_instant,
    previous_working_instant,
    promised_date,
    remind_at,
    subtract_working_days,
    week_in,
    within_working_hours,
    working_deadline,
    working_time,
)

PARIS = ZoneInfo("Europe/Paris")
OFFICE = Calendar()
FRIDAY_NIGHT = datetime(2026, 11, 27, 20, 0, tzinfo=PARIS)
MONDAY_MORNING = datetime(2026, 11, 30, 9, 0, tzinfo=PARIS)

instants = st.integers(1_704_067_200, 1_924_905_600).map(lambda second: datetime.fromtimestamp(second, UTC))
minutes = st.integers(0, 48).map(lambda half_hours: half_hours * 30)


@st.composite
def days(draw: st.DrawFn) -> tuple[Span, ...]:
    edges = sorted(draw(st.sets(minutes, max_size=6)))
    return tuple(Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    week = tuple(draw(days()) for _ in range(7))
    assume(any(week))
    zone = draw(st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]))
    first = draw(st.dates(date(2024, 1, 1), date(2030, 12, 31)))
    away = (Away(first, first + timedelta(days=draw(st.integers(0, 40)))),)
    return Calendar(Hours(week, zone, draw(st.booleans())), draw(st.sampled_from([(), away])))


durations = st.one_of(
    st.builds(Duration, st.integers(0, 40), st.just(Unit.WORKING_HOURS)),
    st.builds(Duration, st.integers(0, 12), st.just(Unit.WORKING_DAYS)),
    st.builds(Duration, st.integers(0, 20), st.just(Unit.DAYS)),
    st.builds(Duration, st.integers(0, 200), st.just(Unit.HOURS)),
)


def paris(instant: datetime) -> str:
    return instant.astimezone(PARIS).strftime("%a %d %b %H:%M")


# --- clocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["8 wh", "1 wd", "2 wd", "3 wd", "5 wd", "1 d", "2 d", "24 h", "48 h"])
def test_an_order_placed_on_friday_night_has_lost_nothing_on_monday_morning(rule: str) -> None:
    """The person gets the same working time as somebody who is asked when the week opens (design: people 1)."""
    due = due_after(Duration.parse(rule), FRIDAY_NIGHT, OFFICE)
    assert working_time(FRIDAY_NIGHT, due, OFFICE) == working_time(MONDAY_MORNING, due, OFFICE)
    assert working_time(MONDAY_MORNING, due, OFFICE) >= min(
        timedelta(hours=8),
        working_time(MONDAY_MORNING, due_after(Duration.parse(rule), MONDAY_MORNING, OFFICE), OFFICE),
    )


@pytest.mark.parametrize(
    ("rule", "start", "due"),
    [
        ("8 wh", FRIDAY_NIGHT, "Mon 30 Nov 17:00"),
        ("3 wh", datetime(2026, 11, 27, 17, 0, tzinfo=PARIS), "Mon 30 Nov 11:00"),
        ("1 wd", datetime(2026, 12, 1, 14, 0, tzinfo=PARIS), "Wed 02 Dec 14:00"),
        ("1 wd", FRIDAY_NIGHT, "Mon 30 Nov 18:00"),
        ("24 h", datetime(2026, 12, 1, 14, 0, tzinfo=PARIS), "Wed 02 Dec 14:00"),
        ("3 d", datetime(2026, 12, 1, 14, 0, tzinfo=PARIS), "Fri 04 Dec 18:00"),
        ("7 d", datetime(2026, 12, 4, 10, 0, tzinfo=PARIS), "Fri 11 Dec 18:00"),
        ("14 d", FRIDAY_NIGHT, "Fri 11 Dec 18:00"),
        ("5 wd", datetime(2026, 11, 27, 11, 0, tzinfo=PARIS), "Fri 04 Dec 18:00"),
        ("7 d", datetime(2026, 12, 18, 10, 0, tzinfo=PARIS), "Mon 28 Dec 18:00"),
        ("8 wh", datetime(2027, 4, 30, 14, 0, tzinfo=PARIS), "Mon 03 May 13:00"),
    ],
)
def test_a_clock_ends_where_the_design_says(rule: str, start: datetime, due: str) -> None:
    """Short clocks count the person's hours, long ones end at 18:00 of a working day; Christmas and 1 May are kept."""
    assert paris(due_after(Duration.parse(rule), start, OFFICE)) == due


def test_no_wait_means_at_once_at_any_hour() -> None:
    """An offer with `proposal_after: 0` asks its first freelancer without waiting for the morning."""
    assert due_after(Duration.parse("0 wh"), FRIDAY_NIGHT, OFFICE) == FRIDAY_NIGHT


@given(durations, instants, calendars())
def test_nothing_lapses_outside_the_hours_of_whoever_must_act(rule: Duration, start: datetime, them: Calendar) -> None:
    """A deadline at night or on a holiday is a deadline that nobody can meet (design: people 1)."""
    assume(rule.count > 0)
    due = due_after(rule, start, them)
    assert within_working_hours(due, them)
    assert due > start


@given(durations, instants, st.timedeltas(timedelta(0), timedelta(days=9)), calendars())
def test_whoever_is_asked_later_is_never_due_earlier(
    rule: Duration, start: datetime, later: timedelta, them: Calendar
) -> None:
    """Otherwise waiting would be a way to hurry somebody."""
    assert due_after(rule, start, them) <= due_after(rule, start + later, them)


@given(st.integers(0, 30), st.integers(0, 30), instants, calendars())
def test_hours_add_up(first: int, second: int, start: datetime, them: Calendar) -> None:
    """Stopping a clock and going on later must neither give nor take time."""
    at_once = add_working_hours(start, first + second, them)
    assert add_working_hours(add_working_hours(start, first, them), second, them) == at_once


@given(st.integers(1, 30), instants, calendars())
def test_working_hours_are_exactly_what_was_worked(hours: int, start: datetime, them: Calendar) -> None:
    """Measured in real time, on both sides of a change of clocks."""
    assert working_time(start, add_working_hours(start, hours, them), them) == timedelta(hours=hours)


@given(st.integers(1, 10), instants)
def test_days_there_and_back_lead_to_the_same_point(count: int, start: datetime) -> None:
    """The working deadline is counted back from a date that was counted forward."""
    end = add_working_days(start, count, OFFICE)
    again = add_working_days(subtract_working_days(end, count, OFFICE), count, OFFICE)
    assert again == end


def test_a_change_of_clocks_does_not_move_the_working_day() -> None:
    """On 29 March 2026 Paris springs forward: the Monday after still opens at 9:00 on the wall."""
    friday = datetime(2026, 3, 27, 17, 0, tzinfo=PARIS)
    assert paris(add_working_hours(friday, 2, OFFICE)) == "Mon 30 Mar 10:00"
    sunday = Calendar(Hours(((),) * 6 + ((Span(0, 360),),)))
    midnight = datetime(2026, 3, 29, 0, 0, tzinfo=PARIS)
    assert working_time(midnight, midnight + timedelta(days=1), sunday) == timedelta(hours=5)


def test_away_dates_move_what_is_due() -> None:
    """Somebody on holiday owes nothing until they are back (design: people 1)."""
    away = Calendar(away=(Away(date(2026, 11, 30), date(2026, 12, 4)),))
    assert paris(due_after(Duration.parse("8 wh"), FRIDAY_NIGHT, away)) == "Mon 07 Dec 17:00"


def test_an_early_closing_ends_a_long_clock_before_18() -> None:
    """18:00 is outside the hours of whoever stops at 16:30; the evening worker gets their own closing."""
    early, late = Calendar(Hours.parse("mon-fri 8-16:30")), Calendar(Hours.parse("mon-fri 19-22"))
    assert paris(due_after(Duration.parse("7 d"), FRIDAY_NIGHT, early)) == "Fri 04 Dec 16:30"
    assert paris(due_after(Duration.parse("7 d"), FRIDAY_NIGHT, late)) == "Fri 04 Dec 22:00"


def test_a_long_clock_ends_at_18_for_whoever_works_on() -> None:
    """The page prints 18:00 to everybody whose day lasts that long."""
    long = Calendar(Hours.parse("mon-fri 9-12 13-20"))
    assert paris(due_after(Duration.parse("7 d"), FRIDAY_NIGHT, long)) == "Fri 04 Dec 18:00"


def test_the_hour_that_a_change_of_clocks_skips_is_worked_once() -> None:
    """On 29 March 2026 there is no 2:30 in Paris: a night worker's two spans must not count the same minutes twice."""
    night = Calendar(Hours.parse("sun 2-2:30 3-4"))
    midnight = datetime(2026, 3, 29, 0, 0, tzinfo=PARIS)
    assert working_time(midnight, midnight + timedelta(days=1), night) == timedelta(hours=1)


def test_a_person_who_never_works_gets_a_clear_refusal() -> None:
    """Looking for the next opening must end."""
    with pytest.raises(NoWorkingHoursError):
        next_working_instant(FRIDAY_NIGHT, Calendar(away=(Away(date(2026, 1, 1), date(2040, 1, 1)),)))


def test_an_instant_without_a_zone_is_refused() -> None:
    """It would silently be read as the machine's zone."""
    with pytest.raises(NaiveInstantError):
        add_working_hours(datetime(2026, 11, 27, 20), 1, OFFICE)  # noqa: DTZ001  the point of the test


@given(instants, calendars())
def test_the_next_and_the_last_working_instant_enclose_the_moment(instant: datetime, them: Calendar) -> None:
    """Reminders move forward to an opening or back to a closing, never past the moment itself."""
    before, after = previous_working_instant(instant, them), next_working_instant(instant, them)
    assert before <= instant <= after
    assert within_working_hours(before, them)
    assert within_working_hours(after, them)
    assert working_time(before, after, them) == timedelta(0)


# --- the two dates ------------------------------------------------------------------------------------------------


def test_a_promise_is_the_same_all_day_long() -> None:
    """The page says "if you answer today": answering at 8:00 or at 23:00 gives the date that was printed."""
    morning = datetime(2026, 11, 27, 8, 0, tzinfo=PARIS)
    night = datetime(2026, 11, 27, 23, 30, tzinfo=PARIS)
    assert promised_date(morning, 5, OFFICE) == promised_date(night, 5, OFFICE)
    assert paris(promised_date(night, 5, OFFICE)) == "Fri 04 Dec 18:00"


def test_the_freelancers_date_is_the_promised_one_less_the_offers_reserve() -> None:
    """The proposal of the design reads "due Thu 3 Dec 18:00" for a promise of Friday 4 December."""
    promised = promised_date(FRIDAY_NIGHT, 5, OFFICE)
    deadline = working_deadline(promised, Duration.parse("5 wd"), OFFICE, reserve=Duration.parse("1 wd"))
    assert paris(deadline) == "Thu 03 Dec 18:00"


def test_a_date_counted_back_to_an_opening_is_the_closing_before() -> None:
    """The text "Thursday 18:00" says what "Friday 9:00" would hide: there is no work left to do in between."""
    promised = datetime(2026, 12, 4, 18, 0, tzinfo=PARIS)
    deadline = working_deadline(promised, Duration.parse("5 wd"), OFFICE, reserve=Duration.parse("9 wh"))
    assert paris(deadline) == "Thu 03 Dec 18:00"


@pytest.mark.parametrize(
    ("turnaround", "reserve"), [("5 wd", 11.25), ("1 wd", 4), ("8 wh", 4), ("20 wd", 18), ("24 wh", 6), ("48 h", 4.5)]
)
def test_the_usual_reserve_is_a_quarter_within_its_bounds(turnaround: str, reserve: float) -> None:
    """At least four working hours, at most two working days (design: people 1)."""
    promised = datetime(2026, 12, 18, 18, 0, tzinfo=PARIS)
    deadline = working_deadline(promised, Duration.parse(turnaround), OFFICE)
    assert working_time(deadline, promised, OFFICE) == timedelta(hours=reserve)


def test_the_freelancers_date_falls_into_the_freelancers_hours() -> None:
    """Who works Monday to Thursday is due on Thursday evening, not on a Friday."""
    promised = datetime(2026, 12, 7, 12, 0, tzinfo=PARIS)
    worker = Calendar(Hours.parse("lun-jeu 9-18"))
    deadline = working_deadline(promised, Duration.parse("1 wd"), OFFICE, worker=worker)
    assert paris(deadline) == "Thu 03 Dec 18:00"


@given(instants, st.integers(1, 20), calendars(), calendars())
def test_the_freelancer_is_always_due_before_the_client(
    start: datetime, promise: int, shop: Calendar, worker: Calendar
) -> None:
    """The reserve is what review and one send-back live on."""
    promised = promised_date(start, promise, shop)
    deadline = working_deadline(promised, Duration(promise, Unit.WORKING_DAYS), shop, worker=worker)
    assert deadline < promised
    assert within_working_hours(deadline, worker)


# --- reminders ----------------------------------------------------------------------------------------------------


def test_reminders_fall_on_the_days_that_the_design_names() -> None:
    """The brief after 1, 3, 7 and 12 days, each at the next opening."""
    rule = Rule.parse("14 d; 1 d, 3 d, 7 d, 12 d")
    due = due_after(rule.deadline, FRIDAY_NIGHT, OFFICE)
    assert [paris(at) for at in remind_at(rule.reminders, FRIDAY_NIGHT, due, OFFICE)] == [
        "Mon 30 Nov 09:00",
        "Tue 01 Dec 09:00",
        "Mon 07 Dec 09:00",
        "Thu 10 Dec 09:00",
    ]


def test_half_way_is_half_of_the_working_time() -> None:
    """A review of one day is remembered after half a working day, not at midnight."""
    due = due_after(Duration.parse("1 wd"), FRIDAY_NIGHT, OFFICE)
    assert [paris(at) for at in remind_at([Reminder.parse("half")], FRIDAY_NIGHT, due, OFFICE)] == ["Mon 30 Nov 13:30"]


def test_a_day_before_a_monday_is_the_friday() -> None:
    """A reminder counted back never lands on a Sunday, nor after the deadline."""
    opened, due = datetime(2026, 12, 1, 9, tzinfo=PARIS), datetime(2026, 12, 7, 10, tzinfo=PARIS)
    assert [paris(at) for at in remind_at([Reminder.parse("-24 h")], opened, due, OFFICE)] == ["Fri 04 Dec 18:00"]


def test_the_last_day_reminds_when_it_opens() -> None:
    """Early enough to act on it."""
    opened, due = datetime(2026, 12, 4, 10, tzinfo=PARIS), datetime(2026, 12, 11, 18, tzinfo=PARIS)
    assert [paris(at) for at in remind_at([Reminder.parse("last day")], opened, due, OFFICE)] == ["Fri 11 Dec 09:00"]


@given(
    st.lists(st.sampled_from(["1 d", "2 d", "3 wh", "1 wd", "-24 h", "-1 wd", "half", "last day", "30 d"])), instants
)
def test_a_reminder_leaves_once_in_time_and_in_working_hours(words: list[str], start: datetime) -> None:
    """Nobody is reminded twice at once, at night, or of what has lapsed."""
    due = due_after(Duration.parse("7 d"), start, OFFICE)
    times = remind_at([Reminder.parse(word) for word in words], start, due, OFFICE)
    assert list(times) == sorted(set(times))
    assert all(start < at < due and within_working_hours(at, OFFICE) for at in times)


# --- holidays and words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "month", "day"), [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2038, 4, 25), (2285, 3, 22)]
)
def test_easter_falls_when_the_church_says(year: int, month: int, day: int) -> None:
    """Four public holidays hang on it; 25 April and 22 March are its extremes."""
    assert easter_sunday(year) == date(year, month, day)


def test_france_has_eleven_public_holidays() -> None:
    """Source: Code du travail, art. L3133-1."""
    assert {day.strftime("%d %b") for day in french_holidays(2026)} == {
        "01 Jan", "06 Apr", "01 May", "08 May", "14 May", "25 May", "14 Jul", "15 Aug", "01 Nov", "11 Nov", "25 Dec",
    }  # fmt: skip


def test_who_works_on_holidays_may_say_so() -> None:
    """An agency abroad does not keep 14 July."""
    bastille = datetime(2026, 7, 14, 10, 0, tzinfo=PARIS)
    assert not within_working_hours(bastille, OFFICE)
    assert within_working_hours(bastille, Calendar(Hours(holidays=False)))


@pytest.mark.parametrize("text", ["8 wh", "5 wd", "24 h", "7 d"])
def test_a_duration_is_read_and_written_alike(text: str) -> None:
    """Frozen policies keep their clocks as these texts."""
    assert str(Duration.parse(text)) == text


@pytest.mark.parametrize("text", ["", "5", "wd", "5wd", "-1 d", "1.5 d", "5 days", "٥ d", "99999 d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A missing unit is a guess between hours and days."""
    with pytest.raises(DurationFormatError):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["2 d", "-24 h", "half", "last day"])
def test_a_rule_is_read_and_written_alike(text: str) -> None:
    """As for durations, with their reminders."""
    assert str(Rule.parse(f"7 d; 1 d, {text}")) == f"7 d; 1 d, {text}"
    assert Rule.parse("3 d").reminders == ()


def test_what_is_no_reminder_is_refused() -> None:
    """A reminder that is silently dropped is a broken contract."""
    with pytest.raises(ReminderFormatError):
        Rule.parse("7 d; tomorrow")


@given(calendars())
def test_a_week_is_read_and_written_alike(them: Calendar) -> None:
    """Rows keep the week as this text."""
    hours = them.hours
    assert Hours.from_row(hours.to_row()) == hours
    assert all(Away.from_row(away.to_row()) == away for away in them.away)


def test_a_week_is_printed_in_both_languages() -> None:
    """Every client page shows the seller's hours (design: people 2)."""
    week = Hours.parse("lun-jeu 9-12 14-18:30; ven 9-12").week
    assert week_in(week, "fr") == "lun-jeu 9\u00a0h-12\u00a0h 14\u00a0h-18\u00a0h\u00a030; ven 9\u00a0h-12\u00a0h"
    assert week_in(week, "en") == "Mon-Thu 9:00-12:00 14:00-18:30; Fri 9:00-12:00"


@pytest.mark.parametrize(
    "text", ["", "mon-fri", "mon-fri 18-9", "fri-mon 9-18", "mon 9-25", "lundi 9-18", "mon 9-12 11-14"]
)
def test_a_week_that_nobody_could_work_is_refused(text: str) -> None:
    """Each would make a due instant wrong without a word."""
    with pytest.raises(HoursFormatError):
        Hours.parse(text)


def test_an_unknown_zone_is_refused() -> None:
    """A typing error must not mean UTC."""
    with pytest.raises(ZoneUnknownError):
        Hours.parse("mon 9-18", "Europe/Lyon")
