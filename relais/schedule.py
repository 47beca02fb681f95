"""When the milestones of an order start and are promised: at once, some days later, on a day of the week.

The order's own start is the instant at which its brief is complete. Days are counted on the shop's calendar; a start
that would fall on a day on which nobody works moves to the next working day; those counted from it keep their own day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from relais.calendar import (
    Calendar,
    Duration,
    DurationFormatError,
    Unit,
    day_after,
    day_of,
    opening_on,
    promised_date,
    weekday_of,
)
from relais.errors import RelaisError

AT_ONCE = "at once"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEK = 7
_NO_WAIT = Duration(0, Unit.DAYS)


class StartFormatError(RelaisError):
    """A text does not say when a milestone starts."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f'"{text}" is not a start: write "at once", "+7 d" (after the milestone before), "order +6 wd" (after the '
            'order\'s start), each with a day of the week if you like: "+7 d, monday".'
        )


class After(StrEnum):
    """What a start is counted from."""

    ORDER = "order"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True, repr=False)
class Start:
    """When a milestone starts: a wait in days or working days, then the next such day of the week (Monday is 0)."""

    after: After = After.ORDER
    wait: Duration = _NO_WAIT
    weekday: int | None = None

    def __str__(self) -> str:
        if self == Start():
            return AT_ONCE
        counted = f"order +{self.wait}" if self.after is After.ORDER else f"+{self.wait}"
        return counted if self.weekday is None else f"{counted}, {_WEEKDAYS[self.weekday]}"

    def at_once(self, *, first: bool) -> bool:
        """Whether it begins with the order whatever the date: nothing to wait for, nor anything before it."""
        return self.weekday is None and (
            (first and self.after is After.PREVIOUS) or (self.after is After.ORDER and not self.wait.count)
        )

    @classmethod
    def parse(cls, text: str) -> Start:
        """Read "at once", "+7 d", "order +6 wd" or "+7 d, monday"; raises StartFormatError."""
        counted, comma, name = text.strip().partition(",")
        if counted.strip() == AT_ONCE and not comma:
            return cls()
        before, plus, wait = counted.partition("+")
        anchors = {"": After.PREVIOUS, After.ORDER.value: After.ORDER}
        weekday = weekday_of(name) if comma else None
        if not plus or before.strip() not in anchors or (comma and weekday is None):
            raise StartFormatError(text)
        try:
            length = Duration.parse(wait)
        except DurationFormatError as error:
            raise StartFormatError(text) from error
        if length.unit not in {Unit.DAYS, Unit.WORKING_DAYS}:
            raise StartFormatError(text)
        return cls(anchors[before.strip()], length, weekday)


@dataclass(frozen=True, slots=True, repr=False)
class Dates:
    """One milestone's dates: `starts` is None where it begins with the order; `promised` is the client's date."""

    starts: datetime | None
    promised: datetime


def schedule(plan: Sequence[tuple[Start, int]], began: datetime, calendar: Calendar) -> tuple[Dates, ...]:
    """Return the dates of an order's milestones, each given by its start and its promise in working days.

    `began` is the instant of the complete brief. Raises NoWorkingHoursError. Design: people 1 (two dates), issue of
    milestones: dated or relative starts.
    """
    today = day_of(began, calendar)
    before: date | None = None
    dates: list[Dates] = []
    for start, promise in plan:
        day = _day(start, today, before, calendar)
        if start.weekday is not None:
            day += timedelta(days=(start.weekday - day.weekday()) % _WEEK)
        starts = None if start.at_once(first=before is None) else max(opening_on(day, calendar), began)
        dates.append(Dates(starts, promised_date(starts or began, promise, calendar)))
        before = day
    return tuple(dates)


def _day(start: Start, today: date, before: date | None, calendar: Calendar) -> date:
    """The first of a series has none before it: it begins with the order."""
    match start.after:
        case After.ORDER:
            return day_after(today, start.wait, calendar)
        case After.PREVIOUS:
            return today if before is None else day_after(before, start.wait, calendar)
        case _:
            assert_never(start.after)
