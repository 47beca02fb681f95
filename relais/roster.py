"""The approved freelancers, what is known of them, and who is asked first (design: people 5, rules 5).

Amounts are in minor units of the freelancer's currency; scores are integers: stars in hundredths, shares in percent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from relais.calendar import Away, Calendar, Hours, Span
from relais.lift import Lift, Row, lift

ROW_VERSION = 1
_LIFTS: Mapping[int, Lift] = {}


class Kind(StrEnum):
    """Who performs: a person, an agency, the seller, or somebody bought outside (design: people 3)."""

    FREELANCER = "freelancer"
    AGENCY = "agency"
    SELF = "self"
    OUTSIDE = "outside"


class Standing(StrEnum):
    """Where a freelancer stands: on trial, approved, or not asked for now."""

    CANDIDATE = "candidate"
    APPROVED = "approved"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Score:
    """A mean and how many observations it rests on. The mean is an integer: hundredths of a star, or percent."""

    mean: int
    count: int


@dataclass(frozen=True, slots=True)
class Rate:
    """What a freelancer asks for one piece of work of a skill, in minor units."""

    skill: str
    amount: int


@dataclass(frozen=True, slots=True)
class Freelancer:
    """One row of the roster. `in_hand` counts the engagements under way: nobody goes above `capacity`."""

    key: str
    name: str
    email: str
    lang: str
    languages: tuple[str, ...]
    kind: Kind
    rates: tuple[Rate, ...]
    capacity: int
    currency: str = "eur"
    in_hand: int = 0
    hours: Hours = field(default_factory=Hours)
    away: tuple[Away, ...] = ()
    quality: Score = Score(0, 0)
    punctuality: Score = Score(0, 0)
    responsiveness: Score = Score(0, 0)
    standing: Standing = Standing.APPROVED
    trusted: bool = False
    stripe_account: str | None = None
    city: str = ""
    phone: str = ""

    @property
    def calendar(self) -> Calendar:
        """When this person works."""
        return Calendar(self.hours, self.away)

    def rate_for(self, skill: str) -> int | None:
        """Return the rate for a skill in minor units, or None where the freelancer does not offer it."""
        return next((rate.amount for rate in self.rates if rate.skill == skill), None)

    def to_row(self) -> Row:
        """Return the freelancer as plain strings, integers, lists and dicts, with the row version `v`."""
        return {
            "v": ROW_VERSION,
            "key": self.key,
            "name": self.name,
            "email": self.email,
            "lang": self.lang,
            "languages": list(self.languages),
            "kind": str(self.kind),
            "rates": {rate.skill: rate.amount for rate in self.rates},
            "capacity": self.capacity,
            "currency": self.currency,
            "in_hand": self.in_hand,
            "hours": hours_to_row(self.hours),
            "away": [[away.first.isoformat(), away.last.isoformat()] for away in self.away],
            "quality": [self.quality.mean, self.quality.count],
            "punctuality": [self.punctuality.mean, self.punctuality.count],
            "responsiveness": [self.responsiveness.mean, self.responsiveness.count],
            "standing": str(self.standing),
            "trusted": self.trusted,
            "stripe_account": self.stripe_account,
            "city": self.city,
            "phone": self.phone,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Freelancer":
        """Rebuild a freelancer from a row, whatever version wrote it; raises RowVersionError."""
        now = lift(row, "freelancer", ROW_VERSION, _LIFTS)
        return cls(
            key=now["key"],
            name=now["name"],
            email=now["email"],
            lang=now["lang"],
            languages=tuple(now["languages"]),
            kind=Kind(now["kind"]),
            rates=tuple(Rate(skill, int(amount)) for skill, amount in sorted(now["rates"].items())),
            capacity=int(now["capacity"]),
            currency=now["currency"],
            in_hand=int(now["in_hand"]),
            hours=hours_from_row(now["hours"]),
            away=tuple(Away(date.fromisoformat(first), date.fromisoformat(last)) for first, last in now["away"]),
            quality=_score(now["quality"]),
            punctuality=_score(now["punctuality"]),
            responsiveness=_score(now["responsiveness"]),
            standing=Standing(now["standing"]),
            trusted=now["trusted"],
            stripe_account=now["stripe_account"],
            city=now["city"],
            phone=now["phone"],
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """One number behind a ranking, such as Reason("quality", 474): stored with the choice and shown as "why her?"."""

    key: str
    value: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """One freelancer who may be asked, with the pay that would be proposed (minor units) and the reasons."""

    freelancer: str
    rate: int
    points: int
    reasons: tuple[Reason, ...]


def rank(
    skill: str,
    language: str,
    roster: Iterable[Freelancer],
    now: datetime,
    *,
    most: int,
    already: frozenset[str] = frozenset(),
) -> tuple[Ranked, ...]:
    """Return who may be asked, best first; nobody in `already`, nobody full, nobody dearer than `most` (minor units)."""
    raise NotImplementedError


def hours_to_row(hours: Hours) -> Row:
    """Return working hours as plain lists, strings and a boolean."""
    return {
        "week": [[[span.start, span.end] for span in day] for day in hours.week],
        "zone": hours.zone,
        "holidays": hours.holidays,
    }


def hours_from_row(row: Mapping[str, Any]) -> Hours:
    """Rebuild working hours from `hours_to_row`."""
    week = tuple(tuple(Span(int(start), int(end)) for start, end in day) for day in row["week"])
    return Hours(week, row["zone"], row["holidays"])


def _score(pair: list[Any]) -> Score:
    return Score(int(pair[0]), int(pair[1]))
