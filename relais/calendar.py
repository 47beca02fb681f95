"""Working hours, French public holidays and every due instant (design: people 1).

Every instant that comes in or goes out is a timezone-aware datetime; what goes out is UTC. Working time is measured on
the wall clock of the person's zone, so a day begins at 9:00 in summer and in winter.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Any, assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from relais.errors import RelaisError

DEFAULT_ZONE = "Europe/Paris"
EVENING = time(18)
"""Where clocks of three days or more end (design: people 1)."""

LEAST_RESERVE = timedelta(hours=4)
MOST_RESERVE_DAYS = 2
"""Bounds of what is kept back from a promised date for review: working time and working days (design: people 1)."""

_SHORT_DAYS = 3
_MIDNIGHT = 24 * 60
_NOTHING = timedelta(0)
_TICK = timedelta(microseconds=1)
_HORIZON_DAYS = 1_100
_DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAMES_FR = ("lun", "mar", "mer", "jeu", "ven", "sam", "dim")
_TIME = re.compile(r"([0-9]{1,2})(?:[:h]([0-5][0-9]))?")
_DURATION = re.compile(r"([0-9]{1,4}) +(wh|wd|h|d)")


class DurationFormatError(RelaisError):
    """A text is not a duration."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f'"{text}" is not a duration: write a number and wh, wd, h or d, such as "8 wh" or "5 wd".')


class ReminderFormatError(RelaisError):
    """A text is not a reminder."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f'"{text}" is not a reminder: write "2 d" (after opening), "-24 h" (before the end), "half" or "last day".'
        )


class HoursFormatError(RelaisError):
    """A text or a set of spans is not a week of working hours."""

    def __init__(self, text: str, cause: str) -> None:
        self.text = text
        self.cause = cause
        super().__init__(f'"{text}" is not a week of working hours: {cause}. Write for example "mon-fri 9-18".')


class ZoneUnknownError(RelaisError):
    """A time zone is not in the database of this machine."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        super().__init__(f'The time zone "{zone}" is unknown: write a name such as "{DEFAULT_ZONE}".')


class NoWorkingHoursError(RelaisError):
    """Nobody works for so long that no due instant can be computed."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        super().__init__(f"No working hour within three years of {start.isoformat()}: shorten the away dates.")


class NaiveInstantError(RelaisError):
    """An instant has no time zone."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant
        super().__init__(f"The instant {instant.isoformat()} has no time zone: pass an aware datetime.")


class Unit(StrEnum):
    """What a duration counts."""

    WORKING_HOURS = "wh"
    WORKING_DAYS = "wd"
    HOURS = "h"
    DAYS = "d"


@dataclass(frozen=True, slots=True, repr=False)
class Duration:
    """A number of working hours, working days, hours or days. Written "8 wh", "5 wd", "24 h", "7 d"."""

    count: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.count < 0:
            raise DurationFormatError(f"{self.count} {self.unit}")

    def __str__(self) -> str:
        return f"{self.count} {self.unit}"

    @classmethod
    @lru_cache(maxsize=256)
    def parse(cls, text: str) -> "Duration":
        """Read a duration from its text; raises DurationFormatError."""
        found = _DURATION.fullmatch(text.strip())
        if found is None:
            raise DurationFormatError(text)
        return cls(int(found[1]), Unit(found[2]))


class Anchor(StrEnum):
    """What a reminder is counted from."""

    OPENING = "opening"
    DEADLINE = "deadline"
    HALF_WAY = "half"
    LAST_DAY = "last day"


@dataclass(frozen=True, slots=True, repr=False)
class Reminder:
    """When somebody is reminded: after the opening, before the deadline, half-way, or when the last day opens."""

    anchor: Anchor
    offset: Duration

    def __str__(self) -> str:
        match self.anchor:
            case Anchor.OPENING:
                return str(self.offset)
            case Anchor.DEADLINE:
                return f"-{self.offset}"
            case Anchor.HALF_WAY | Anchor.LAST_DAY:
                return str(self.anchor)
            case _:
                assert_never(self.anchor)

    @classmethod
    @lru_cache(maxsize=256)
    def parse(cls, text: str) -> "Reminder":
        """Read "2 d", "-24 h", "half" or "last day"; raises ReminderFormatError."""
        word = text.strip()
        if word in (Anchor.HALF_WAY, Anchor.LAST_DAY):
            return cls(Anchor(word), Duration(0, Unit.DAYS))
        anchor = Anchor.DEADLINE if word.startswith("-") else Anchor.OPENING
        try:
            return cls(anchor, Duration.parse(word.removeprefix("-")))
        except DurationFormatError as error:
            raise ReminderFormatError(text) from error


@dataclass(frozen=True, slots=True, repr=False)
class Rule:
    """A gate's clock: how long it stays open and when its owner is reminded. Written "7 d; 2 d, 5 d, last day"."""

    deadline: Duration
    reminders: tuple[Reminder, ...] = ()

    def __str__(self) -> str:
        if not self.reminders:
            return str(self.deadline)
        return f"{self.deadline}; {', '.join(str(reminder) for reminder in self.reminders)}"

    @classmethod
    @lru_cache(maxsize=256)
    def parse(cls, text: str) -> "Rule":
        """Read a rule from its text; raises DurationFormatError or ReminderFormatError."""
        deadline, _, reminders = text.partition(";")
        words = [word for word in reminders.split(",") if word.strip()]
        return cls(Duration.parse(deadline), tuple(Reminder.parse(word) for word in words))


@dataclass(frozen=True, slots=True, repr=False)
class Span:
    """Working time within a day, in minutes since midnight on the person's wall clock; `end` may be 1440."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, repr=False)
class Away:
    """Whole days on which a person does not work, both ends included, in the person's zone."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first.isoformat()}..{self.last.isoformat()}"

    def covers(self, day: date) -> bool:
        """Whether the person is away on that day."""
        return self.first <= day <= self.last

    def to_row(self) -> list[str]:
        """Return both days as ISO dates."""
        return [self.first.isoformat(), self.last.isoformat()]

    @classmethod
    def from_row(cls, row: list[str]) -> "Away":
        """Rebuild away dates from `to_row`."""
        first, last = row
        return cls(date.fromisoformat(first), date.fromisoformat(last))


Week = tuple[tuple[Span, ...], ...]
_OFFICE_WEEK: Week = ((Span(9 * 60, 18 * 60),),) * 5 + ((),) * 2


@dataclass(frozen=True, slots=True, repr=False)
class Hours:
    """A week of working hours: seven tuples of spans, Monday first; `holidays` says that French ones are kept free.

    Raises HoursFormatError for a week that nobody could work, ZoneUnknownError for a zone this machine doesn't know.
    """

    week: Week = _OFFICE_WEEK
    zone: str = DEFAULT_ZONE
    holidays: bool = True

    def __post_init__(self) -> None:
        """Refuse a week of the wrong shape."""
        _check_week(self.week)
        _zone(self.zone)

    def __str__(self) -> str:
        return week_in(self.week, "")

    @classmethod
    def parse(cls, text: str, zone: str = DEFAULT_ZONE, *, holidays: bool = True) -> "Hours":
        """Read "mon-fri 9-18" or "lun-jeu 9-12 14-18:30; ven 9-12"; raises HoursFormatError or ZoneUnknownError."""
        week: list[tuple[Span, ...]] = [()] * 7
        for part in text.lower().split(";"):
            days, *times = part.split() or [""]
            spans = tuple(_parse_span(span, text) for span in times)
            for day in _parse_days(days, text):
                week[day] = spans
        return cls(tuple(week), zone, holidays)

    def to_row(self) -> dict[str, Any]:
        """Return the hours as two texts and a boolean."""
        return {"week": str(self), "zone": self.zone, "holidays": self.holidays}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Hours":
        """Rebuild hours from `to_row`."""
        return cls.parse(row["week"], row["zone"], holidays=row["holidays"])

    @property
    def working_day(self) -> timedelta:
        """The mean length of a working day of this week."""
        lengths = [sum(span.end - span.start for span in day) for day in self.week if day]
        return timedelta(minutes=sum(lengths)) / len(lengths)


@dataclass(frozen=True, slots=True, repr=False)
class Calendar:
    """When a person works: the hours of the week less the away dates."""

    hours: Hours = field(default_factory=Hours)
    away: tuple[Away, ...] = ()


# --- instants -----------------------------------------------------------------------------------------------------


def within_working_hours(instant: datetime, calendar: Calendar) -> bool:
    """Whether the person works at that instant; the minute of opening and that of closing both count."""
    utc = _utc(instant)
    days = {
        _local_day(utc, calendar),
        _local_day(utc - _TICK, calendar),
    }  # a closing at midnight belongs to the day before
    return any(opening <= utc <= closing for day in days for opening, closing in _spans(day, calendar))


def next_working_instant(instant: datetime, calendar: Calendar) -> datetime:
    """Return the instant itself while the person works, else the next opening; raises NoWorkingHoursError."""
    utc = _utc(instant)
    return next(max(opening, utc) for opening, closing in _spans_from(utc, calendar) if closing > utc)


def previous_working_instant(instant: datetime, calendar: Calendar) -> datetime:
    """Return the instant itself while the person works, else the last closing; raises NoWorkingHoursError."""
    utc = _utc(instant)
    return next(min(closing, utc) for opening, closing in _spans_before(utc, calendar) if opening < utc)


def working_time(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """Return how long the person works between two instants; zero if the second comes first."""
    since, until = _utc(start), _utc(end)
    total, day = _NOTHING, _local_day(since, calendar)
    while day <= _local_day(until, calendar):
        total += sum((_overlap(span, since, until) for span in _spans(day, calendar)), _NOTHING)
        day += timedelta(days=1)
    return total


def add_working_hours(start: datetime, hours: int, calendar: Calendar) -> datetime:
    """Return when that many hours have been worked since `start`; zero hours end at once, whatever the time.

    Raises NoWorkingHoursError. Design: people 1 (clocks of less than three days).
    """
    return _forward(_utc(start), timedelta(hours=hours), calendar)


def add_working_days(start: datetime, days: int, calendar: Calendar) -> datetime:
    """Return the same point of the working day, that many working days later.

    A start outside the hours counts from the next opening, and whole days from an opening end at a closing: Friday
    20:00 and one day is Monday 18:00, Tuesday 14:00 and one day is Wednesday 14:00. Raises NoWorkingHoursError.
    """
    if days == 0:
        return _utc(start)
    begin = next_working_instant(start, calendar)
    today = _local_day(begin, calendar)
    opening = _spans(today, calendar)[0][0]
    gone = working_time(opening, begin, calendar)
    if gone == _NOTHING:
        return _spans(_working_day(today, days - 1, calendar), calendar)[-1][1]
    return _at_share(_working_day(today, days, calendar), gone, _day_length(today, calendar), calendar)


def subtract_working_days(end: datetime, days: int, calendar: Calendar) -> datetime:
    """Return the same point of the working day, that many working days earlier; raises NoWorkingHoursError."""
    until = previous_working_instant(end, calendar)
    today = _local_day(until - _TICK, calendar)
    gone = working_time(_spans(today, calendar)[0][0], until, calendar)
    return _at_share(_working_day(today, -days, calendar), gone, _day_length(today, calendar), calendar)


def day_of(instant: datetime, calendar: Calendar) -> date:
    """Return the day that an instant falls on, on the wall clock of the person."""
    return _local_day(_utc(instant), calendar)


def day_after(day: date, wait: Duration, calendar: Calendar) -> date:
    """Return the day that lies so many days, or working days, later; raises NoWorkingHoursError.

    No wait is the day itself. What is counted in hours ends the same day.
    """
    match wait.unit:
        case Unit.DAYS:
            return day + timedelta(days=wait.count)
        case Unit.WORKING_DAYS if wait.count:
            return _working_day(_first_working_day(day + timedelta(days=1), calendar), wait.count - 1, calendar)
        case Unit.WORKING_DAYS | Unit.WORKING_HOURS | Unit.HOURS:
            return day
        case _:
            assert_never(wait.unit)


def opening_on(day: date, calendar: Calendar) -> datetime:
    """Return when the first working day from `day` on begins; raises NoWorkingHoursError."""
    return _spans(_first_working_day(day, calendar), calendar)[0][0]


def slot_after(instant: datetime, minutes: tuple[int, ...], calendar: Calendar) -> datetime:
    """The first of these minutes of a day (local time) that comes after an instant, on a day somebody works (UTC)."""
    utc = _utc(instant)
    found = (
        at
        for day in _days(_local_day(utc, calendar), 1, calendar)
        for minute in minutes
        if (at := _wall(day, minute, calendar.hours.zone)) > utc
    )
    return next(found)


def weekday_of(name: str) -> int | None:
    """Return the number of a day of the week (Monday is 0) by its name in English or French, or None."""
    word = name.strip().lower()
    found = [names.index(word[:3]) for names in (_DAY_NAMES, _DAY_NAMES_FR) if word[:3] in names]
    return found[0] if found else None


# --- due instants -------------------------------------------------------------------------------------------------


def due_after(rule: Duration, start: datetime, calendar: Calendar) -> datetime:
    """Return when a clock that starts at `start` ends, for the person whose calendar it is (design: people 1).

    Under three days it counts this person's working hours (one day, or 24 h, is one working day); from three days on it
    ends at 18:00 of a working day, or at the last closing before. Zero ends at once. Raises NoWorkingHoursError.
    """
    match rule.unit:
        case Unit.WORKING_HOURS:
            return add_working_hours(start, rule.count, calendar)
        case Unit.WORKING_DAYS:
            long = rule.count >= _SHORT_DAYS
            return promised_date(start, rule.count, calendar) if long else add_working_days(start, rule.count, calendar)
        case Unit.DAYS:
            if rule.count < _SHORT_DAYS:
                return add_working_days(start, rule.count, calendar)
            return _evening_from(_local_day(_utc(start), calendar) + timedelta(days=rule.count), calendar)
        case Unit.HOURS:
            if rule.count < 24 * _SHORT_DAYS:
                return _forward(_utc(start), calendar.hours.working_day * rule.count / 24, calendar)
            return _evening_from(_local_day(_utc(start) + timedelta(hours=rule.count), calendar), calendar)
        case _:
            assert_never(rule.unit)


def later_by(instant: datetime, since: datetime, until: datetime, calendar: Calendar) -> datetime:
    """Return an instant moved by the working time between two others: a date that stood still in between.

    Raises NoWorkingHoursError.
    """
    waited = working_time(since, until, calendar)
    return _forward(_utc(instant), waited, calendar) if waited else _utc(instant)


def kept_working_time(instant: datetime, since: datetime, before: Calendar, after: Calendar) -> datetime:
    """Return when somebody has had the working time that `before` left them from `since` to `instant`, in `after`.

    Days away that `after` adds move the instant, others leave it. Raises NoWorkingHoursError.
    """
    left = working_time(since, instant, before)
    return _utc(instant) if working_time(since, instant, after) >= left else _forward(_utc(since), left, after)


def days_stood(since: datetime, until: datetime, calendar: Calendar) -> int:
    """Return how many working days a promise that stood still moves by: less than half a day moves nothing."""
    return int(working_time(since, until, calendar) / calendar.hours.working_day + 1 / 2)


def promised_date(start: datetime, working_days: int, calendar: Calendar) -> datetime:
    """Return the evening of the n-th working day after the day of `start`, in the seller's calendar.

    The day itself doesn't count, so a promise printed in the morning still holds when the client answers at night.
    Raises NoWorkingHoursError. Design: people 1 (two dates).
    """
    tomorrow = _local_day(_utc(start), calendar) + timedelta(days=1)
    return _evening(_working_day(_first_working_day(tomorrow, calendar), working_days - 1, calendar), calendar)


def working_deadline(
    promised: datetime,
    turnaround: Duration,
    calendar: Calendar,
    *,
    reserve: Duration | None = None,
    worker: Calendar | None = None,
) -> datetime:
    """Return the freelancer's date: the promised date less a reserve for one review and one send-back.

    The reserve is the offer's own, else a quarter of the turnaround, at least 4 working hours and at most 2 working
    days of the seller's calendar. Where the worker does not work then, the date is the end of the work before it.
    Raises NoWorkingHoursError. Design: people 1 (two dates).
    """
    if reserve is None:
        deadline = _backward(_utc(promised), _reserve(turnaround, calendar.hours), calendar)
    else:
        deadline = _before(promised, reserve, calendar)
    return deadline if worker is None else previous_working_instant(deadline, worker)


def remind_at(
    reminders: Iterable[Reminder], opened: datetime, due: datetime, calendar: Calendar
) -> tuple[datetime, ...]:
    """Return when the owner of a gate is reminded: in order, each once, within working hours and before the deadline.

    What is counted from the opening moves to the next opening hour, what is counted from the deadline to the last
    closing. Design: people 1 and 5b. Raises NoWorkingHoursError.
    """
    since, until = _utc(opened), _utc(due)
    instants = {_reminder_instant(reminder, since, until, calendar) for reminder in reminders}
    return tuple(sorted(instant for instant in instants if since < instant < until))


# --- holidays and words -------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def french_holidays(year: int) -> frozenset[date]:
    """Return the eleven public holidays of metropolitan France (source: Code du travail, art. L3133-1)."""
    easter = easter_sunday(year)
    fixed = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
    moving = (easter + timedelta(days=days) for days in (1, 39, 50))
    return frozenset(moving) | {date(year, month, day) for month, day in fixed}


def easter_sunday(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (the anonymous algorithm published in Nature, 1876)."""
    golden = year % 19
    century, of_century = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - moon + 15) % 30
    leap, leap_rest = divmod(of_century, 4)
    weekday = (32 + 2 * century_rest + 2 * leap - epact - leap_rest) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def week_in(week: Week, lang: str) -> str:
    """Return the week in words: "lun-ven 9 h-18 h" for "fr", "Mon-Fri 9:00-18:00" for "en", else what `parse` reads."""
    groups: list[tuple[int, int, tuple[Span, ...]]] = []
    for day, spans in enumerate(week):
        if groups and groups[-1][1] == day - 1 and groups[-1][2] == spans:
            groups[-1] = (groups[-1][0], day, spans)
        elif spans:
            groups.append((day, day, spans))
    return "; ".join(_group_in(first, last, spans, lang) for first, last, spans in groups)


def _group_in(first: int, last: int, spans: tuple[Span, ...], lang: str) -> str:
    names = _DAY_NAMES_FR if lang == "fr" else _DAY_NAMES
    days = names[first] if first == last else f"{names[first]}-{names[last]}"
    times = " ".join(f"{_time_in(span.start, lang)}-{_time_in(span.end, lang)}" for span in spans)
    return f"{days.title() if lang == 'en' else days} {times}"


def _time_in(minute: int, lang: str) -> str:
    hour, rest = divmod(minute, 60)
    match lang:
        case "fr":
            return f"{hour}\u00a0h\u00a0{rest:02}" if rest else f"{hour}\u00a0h"
        case "en":
            return f"{hour}:{rest:02}"
        case _:
            return f"{hour}:{rest:02}" if rest else str(hour)


# --- below: the arithmetic ----------------------------------------------------------------------------------------


def _utc(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise NaiveInstantError(instant)
    return instant.astimezone(UTC)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ZoneUnknownError(name) from error


def _check_week(week: Week) -> None:
    minutes = [(span.start, span.end) for day in week for span in day]
    if len(week) != len(_DAY_NAMES) or not minutes:
        raise HoursFormatError(str(minutes), "it needs seven days and at least one working hour")
    for day in week:
        edges = [edge for span in day for edge in (span.start, span.end)]
        rising = all(earlier < later for earlier, later in pairwise(edges))
        if not rising or (edges and not 0 <= edges[0] < edges[-1] <= _MIDNIGHT):
            raise HoursFormatError(str(edges), "each day's times must rise, without overlaps")


def _parse_days(text: str, whole: str) -> Iterator[int]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _parse_day(first, whole)
        end = _parse_day(last, whole) if dash else start
        if end < start:
            raise HoursFormatError(whole, f'"{part}" ends before it starts')
        yield from range(start, end + 1)


def _parse_day(name: str, whole: str) -> int:
    for names in (_DAY_NAMES, _DAY_NAMES_FR):
        if name in names:
            return names.index(name)
    raise HoursFormatError(whole, f'"{name}" is not a day ({", ".join(_DAY_NAMES)})')


def _parse_span(text: str, whole: str) -> Span:
    start, _, end = text.partition("-")
    return Span(_parse_time(start, whole), _parse_time(end, whole))


def _parse_time(text: str, whole: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise HoursFormatError(whole, f'"{text}" is not a time of day (9, 9:30, 18)')
    return int(found[1]) * 60 + int(found[2] or 0)


def _local_day(utc: datetime, calendar: Calendar) -> date:
    return utc.astimezone(_zone(calendar.hours.zone)).date()


@lru_cache(maxsize=4096)
def _spans(day: date, calendar: Calendar) -> tuple[tuple[datetime, datetime], ...]:
    """The working spans of one local day as UTC instants, in order and without overlap."""
    hours = calendar.hours
    if hours.holidays and day in french_holidays(day.year):
        return ()
    if any(away.covers(day) for away in calendar.away):
        return ()
    spans: list[tuple[datetime, datetime]] = []
    for span in hours.week[day.weekday()]:
        opening, closing = _wall(day, span.start, hours.zone), _wall(day, span.end, hours.zone)
        # A span that touches the hour which a change of clocks skips may shrink to nothing or overlap the next.
        opening = max(opening, spans[-1][1]) if spans else opening
        if opening < closing:
            spans.append((opening, closing))
    return tuple(spans)


def _wall(day: date, minute: int, zone: str) -> datetime:
    days, rest = divmod(minute, _MIDNIGHT)
    wall = time(rest // 60, rest % 60, tzinfo=_zone(zone))
    return datetime.combine(day + timedelta(days=days), wall).astimezone(UTC)


def _days(first: date, step: int, calendar: Calendar) -> Iterator[date]:
    """Working days from `first` on, or backwards; gives up where nobody works for three years."""
    day, barren = first, 0
    while barren < _HORIZON_DAYS:
        barren += 1
        if _spans(day, calendar):
            barren = 0
            yield day
        day += timedelta(days=step)
    raise NoWorkingHoursError(datetime.combine(first, time(), tzinfo=UTC))


def _spans_from(utc: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    for day in _days(_local_day(utc, calendar), 1, calendar):
        yield from _spans(day, calendar)


def _spans_before(utc: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    for day in _days(_local_day(utc, calendar), -1, calendar):
        yield from reversed(_spans(day, calendar))


def _overlap(span: tuple[datetime, datetime], since: datetime, until: datetime) -> timedelta:
    return max(min(span[1], until) - max(span[0], since), _NOTHING)


def _forward(utc: datetime, work: timedelta, calendar: Calendar) -> datetime:
    """The earliest instant by which `work` has been done since `utc`."""
    if work == _NOTHING:
        return utc
    left = work
    for opening, closing in _spans_from(utc, calendar):
        begin = max(opening, utc)
        if closing - begin >= left:
            return begin + left
        left -= max(closing - begin, _NOTHING)
    raise AssertionError("the days of a calendar do not end")


def _backward(utc: datetime, work: timedelta, calendar: Calendar) -> datetime:
    """The earliest instant from which `work` can still be done before `utc`: a closing rather than an opening."""
    left = work
    for opening, closing in _spans_before(utc, calendar):
        end = min(closing, utc)
        if end - opening > left:
            return end - left
        left -= max(end - opening, _NOTHING)
    raise AssertionError("the days of a calendar do not end")


def _first_working_day(day: date, calendar: Calendar) -> date:
    return next(_days(day, 1, calendar))


def _working_day(day: date, count: int, calendar: Calendar) -> date:
    """The working day that many working days after (or before) the working day `day`."""
    days = _days(day, 1 if count >= 0 else -1, calendar)
    for _ in range(abs(count)):
        next(days)
    return next(days)


def _day_length(day: date, calendar: Calendar) -> timedelta:
    return sum((closing - opening for opening, closing in _spans(day, calendar)), _NOTHING)


def _at_share(day: date, gone: timedelta, of: timedelta, calendar: Calendar) -> datetime:
    """The instant of `day` at which the share gone/of of its working time is over."""
    ticks = (gone // _TICK) * (_day_length(day, calendar) // _TICK)
    return _forward(_spans(day, calendar)[0][0], ticks // (of // _TICK) * _TICK, calendar)


def _evening(day: date, calendar: Calendar) -> datetime:
    """18:00 of a working day where the person works then, else the last closing before it, else that day's last."""
    spans = _spans(day, calendar)
    evening = datetime.combine(day, EVENING, tzinfo=_zone(calendar.hours.zone)).astimezone(UTC)
    before = [min(closing, evening) for opening, closing in spans if opening < evening]
    return before[-1] if before else spans[-1][1]


def _evening_from(day: date, calendar: Calendar) -> datetime:
    return _evening(_first_working_day(day, calendar), calendar)


def _reserve(turnaround: Duration, hours: Hours) -> timedelta:
    match turnaround.unit:
        case Unit.WORKING_HOURS:
            whole = timedelta(hours=turnaround.count)
        case Unit.WORKING_DAYS | Unit.DAYS:
            whole = hours.working_day * turnaround.count
        case Unit.HOURS:
            whole = hours.working_day * turnaround.count / 24
        case _:
            assert_never(turnaround.unit)
    return min(max(whole / 4, LEAST_RESERVE), hours.working_day * MOST_RESERVE_DAYS)


def _before(instant: datetime, offset: Duration, calendar: Calendar) -> datetime:
    """The instant that lies `offset` earlier, moved back into working hours."""
    match offset.unit:
        case Unit.WORKING_HOURS:
            return _backward(_utc(instant), timedelta(hours=offset.count), calendar)
        case Unit.WORKING_DAYS:
            return subtract_working_days(instant, offset.count, calendar)
        case Unit.DAYS:
            return previous_working_instant(_shift_days(_utc(instant), -offset.count, calendar), calendar)
        case Unit.HOURS:
            return previous_working_instant(_utc(instant) - timedelta(hours=offset.count), calendar)
        case _:
            assert_never(offset.unit)


def _after(instant: datetime, offset: Duration, calendar: Calendar) -> datetime:
    """The instant that lies `offset` later, moved on into working hours: "the next day" is a day, not nine hours."""
    match offset.unit:
        case Unit.WORKING_HOURS:
            return add_working_hours(instant, offset.count, calendar)
        case Unit.WORKING_DAYS:
            return add_working_days(instant, offset.count, calendar)
        case Unit.DAYS:
            return next_working_instant(_shift_days(_utc(instant), offset.count, calendar), calendar)
        case Unit.HOURS:
            return next_working_instant(_utc(instant) + timedelta(hours=offset.count), calendar)
        case _:
            assert_never(offset.unit)


def _shift_days(utc: datetime, days: int, calendar: Calendar) -> datetime:
    """The same time on the wall, days later or earlier, across a change of clocks too."""
    return (utc.astimezone(_zone(calendar.hours.zone)) + timedelta(days=days)).astimezone(UTC)


def _reminder_instant(reminder: Reminder, since: datetime, until: datetime, calendar: Calendar) -> datetime:
    match reminder.anchor:
        case Anchor.OPENING:
            return _after(since, reminder.offset, calendar)
        case Anchor.DEADLINE:
            return _before(until, reminder.offset, calendar)
        case Anchor.HALF_WAY:
            return _forward(since, working_time(since, until, calendar) / 2, calendar)
        case Anchor.LAST_DAY:
            last = _local_day(previous_working_instant(until, calendar) - _TICK, calendar)
            return _spans(last, calendar)[0][0]
        case _:
            assert_never(reminder.anchor)
