"""Working hours, French public holidays and every due instant (design: people 1).

Every instant that comes in or goes out is a timezone-aware datetime; what goes out is UTC. Working time is measured on
the wall clock of the person's zone, so a day begins at 9:00 in summer and in winter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import takewhile
from typing import assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from relais.errors import RelaisError

DEFAULT_ZONE = "Europe/Paris"
EVENING = time(18)
"""Where clocks of three days or more end (design: people 1)."""

_DAY = timedelta(days=1)
_NOTHING = timedelta(0)
_HORIZON_DAYS = 1_100


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
            f'"{text}" is not a reminder: write "2 d" (after opening), "-24 h" (before the deadline), "half" or "last day".'
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


@dataclass(frozen=True, slots=True)
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
    def parse(cls, text: str) -> "Duration":
        """Read a duration from its text; raises DurationFormatError."""
        count, _, unit = text.strip().partition(" ")
        if not (count.isascii() and count.isdigit() and len(count) <= 4 and unit.strip() in tuple(Unit)):
            raise DurationFormatError(text)
        return cls(int(count), Unit(unit.strip()))


class Anchor(StrEnum):
    """What a reminder is counted from."""

    OPENING = "opening"
    DEADLINE = "deadline"
    HALF_WAY = "half"
    LAST_DAY = "last day"


@dataclass(frozen=True, slots=True)
class Reminder:
    """When somebody is reminded: after the opening, before the deadline, half-way, or on the morning of the last day."""

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


@dataclass(frozen=True, slots=True)
class Rule:
    """A gate's clock: how long it stays open and when its owner is reminded. Written "7 d; 2 d, 5 d, last day"."""

    deadline: Duration
    reminders: tuple[Reminder, ...] = ()

    def __str__(self) -> str:
        if not self.reminders:
            return str(self.deadline)
        return f"{self.deadline}; {', '.join(str(reminder) for reminder in self.reminders)}"

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Read a rule from its text; raises DurationFormatError or ReminderFormatError."""
        deadline, _, reminders = text.partition(";")
        words = [word for word in reminders.split(",") if word.strip()]
        return cls(Duration.parse(deadline), tuple(Reminder.parse(word) for word in words))


@dataclass(frozen=True, slots=True)
class Span:
    """Working time within a day, in minutes since midnight on the person's wall clock; `end` may be 1440."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Away:
    """Whole days on which a person does not work, both ends included, in the person's zone."""

    first: date
    last: date

    def covers(self, day: date) -> bool:
        """Whether the person is away on that day."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Hours:
    """A week of working hours: seven tuples of spans, Monday first; `holidays` says that French ones are kept free."""

    week: tuple[tuple[Span, ...], ...] = ((Span(540, 1080),),) * 5 + ((),) * 2
    zone: str = DEFAULT_ZONE
    holidays: bool = True


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a person works: the hours of the week less the away dates."""

    hours: Hours = Hours()
    away: tuple[Away, ...] = ()
