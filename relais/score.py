"""How freelancers are judged: by what happened, each event with its cause, older ones weighing less.

An event weighs `2^(t / half-life)`: sums of such weights need no re-reading to let the past fade, and additions made at
the same time commute. Values are integers: hundredths of a star for quality, percent for the rest. Design: people 5,
rules 5 (5).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

HALF_LIFE_DAYS = 180
"""After so many days an event weighs half, where the shop says nothing else."""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_ONE = 1000
"""The weight of an event at the epoch; weights are integers, for rows hold no fractions."""
EVENT_ROW_VERSION = 1

ON_TIME, LATE = 100, 0
ANSWERED, SILENT = 100, 0
BEST_QUALITY = 500
PER_SEND_BACK = 100
LEAST_QUALITY = 100
STAR = 100


class Axis(StrEnum):
    """What is judged."""

    QUALITY = "quality"
    PUNCTUALITY = "punctuality"
    RESPONSIVENESS = "responsiveness"


class Cause(StrEnum):
    """Why a score changed."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    ON_TIME = "on_time"
    LATE = "late"
    APPROVED = "approved"
    RATED = "rated"
    STRUCK = "struck"
    """A rating that was appealed against does not count any more: its value is taken away."""


@dataclass(frozen=True, slots=True, repr=False)
class Score:
    """A mean and how many observations it rests on. The mean is an integer: hundredths of a star, or percent."""

    mean: int
    count: int


@dataclass(frozen=True, slots=True, repr=False)
class Tally:
    """The weighted sum of the values seen on one axis, and the sum of their weights."""

    total: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Event:
    """One change of a score: what was seen (`value`), why, about which gate of which order."""

    axis: Axis
    value: int
    cause: Cause
    at: datetime
    order: str
    gate: str
    why: str = ""
    """The reason that somebody gave for declining."""

    def to_row(self) -> dict[str, Any]:
        """Return the event as plain strings and integers."""
        said = {"why": self.why} if self.why else {}
        return said | {
            "v": EVENT_ROW_VERSION,
            "axis": self.axis.value,
            "value": self.value,
            "cause": self.cause.value,
            "at": self.at.astimezone(UTC).isoformat(),
            "order": self.order,
            "gate": self.gate,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Event":
        """Rebuild an event from its row."""
        return cls(
            axis=Axis(row["axis"]),
            value=int(row["value"]),
            cause=Cause(row["cause"]),
            at=datetime.fromisoformat(row["at"]),
            order=row["order"],
            gate=row["gate"],
            why=row.get("why", ""),
        )


def weight(at: datetime, half_life: int) -> int:
    """What an event of that instant weighs, in thousandths of one of the epoch; `half_life` in days."""
    days = (at - EPOCH).days
    return max(1, round(_ONE * math.pow(2, days / half_life)))


def seen(known: Score, tally: Tally, now: datetime, half_life: int) -> Score:
    """Return what is known of somebody now: past observations of the catalogue, and what happened since, faded."""
    one = weight(now, half_life)
    weights = known.count * one + tally.weight
    if weights == 0:
        return Score(0, 0)
    return Score((known.mean * known.count * one + tally.total) // weights, -(-weights // one))


def quality_after(send_backs: int) -> int:
    """What an approved version is worth after so many send-backs, in hundredths of a star."""
    return max(LEAST_QUALITY, BEST_QUALITY - PER_SEND_BACK * send_backs)
