"""The approved freelancers, what is known of them, and who is asked first (design: people 5, rules 5).

Amounts are in minor units of the freelancer's currency; scores are integers: stars in hundredths, shares in percent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from relais.calendar import Away, Calendar, Hours, working_time
from relais.lift import Lift, Row, lift
from relais.performer import Performer
from relais.rows import ASKED, asked_name
from relais.score import HALF_LIFE_DAYS, Axis, Score, Tally, seen

ROW_VERSION = 1
_LIFTS: Mapping[int, Lift] = {}

_BEST_QUALITY = 500
_BEST_SHARE = 100
_POINTS_QUALITY = 400
_POINTS_PUNCTUALITY = 150
_POINTS_RESPONSIVENESS = 100
_POINTS_RATE = 150
_POINTS_LOAD = 50
_POINTS_LANGUAGE = 150


class Standing(StrEnum):
    """Where a freelancer stands: on trial, approved, or not asked for now."""

    CANDIDATE = "candidate"
    APPROVED = "approved"
    SUSPENDED = "suspended"


_UNSEEN = Score(0, 0)
_WORKS = "works_"
_OWES = "owes_"
# What is believed of somebody of whom nothing is known, worth five observations.
_PRIOR_QUALITY = Score(400, 5)
_PRIOR_PUNCTUALITY = Score(85, 5)
_PRIOR_RESPONSIVENESS = Score(80, 5)

_TIERS: Mapping[Performer, int] = {Performer.FREELANCER: 0, Performer.AGENCY: 1}
"""Whom the ranking may choose, and in which order."""


@dataclass(frozen=True, slots=True, repr=False)
class Rate:
    """What a freelancer asks for one piece of work of a skill, in minor units."""

    skill: str
    amount: int


@dataclass(frozen=True, slots=True, repr=False)
class Terms:
    """What is agreed with somebody, which the catalogue's file and commands may both change."""

    standing: Standing
    rates: tuple[Rate, ...]
    away: tuple[Away, ...]

    def to_row(self) -> Row:
        """Return the terms as plain strings, integers, lists and dicts."""
        return {
            "standing": str(self.standing),
            "rates": {rate.skill: rate.amount for rate in self.rates},
            "away": [away.to_row() for away in self.away],
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Terms":
        """Rebuild the terms from `to_row`."""
        return cls(
            Standing(row["standing"]),
            tuple(Rate(skill, int(amount)) for skill, amount in sorted(row["rates"].items())),
            tuple(Away.from_row(away) for away in row["away"]),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Difference:
    """Where the file says something else than a command did: `what` it is about, what each says, which one `holds`."""

    what: str
    file: str
    command: str
    holds: str


FILE, COMMAND = "file", "command"


@dataclass(frozen=True, slots=True, repr=False)
class RateRise:
    """When a rate rises by itself, and by how much.

    `after` so many accepted works of a skill, with a quality `above` so many hundredths of a star, it rises `by`
    percent, never beyond `most` percent above what the catalogue's file says.
    """

    after: int
    above: int
    by: int
    most: int

    def to_row(self) -> Row:
        """Return the rule as integers."""
        return {"after": self.after, "above": self.above, "by": self.by, "most": self.most}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "RateRise":
        """Rebuild the rule from `to_row`."""
        return cls(int(row["after"]), int(row["above"]), int(row["by"]), int(row["most"]))


@dataclass(frozen=True, slots=True, repr=False)
class Freelancer:
    """One row of the roster. `in_hand` counts the engagements under way: nobody goes above `capacity`.

    `filed` is what the catalogue's file said last; `trials` is how many trial orders a candidate may still be asked
    for; `works` counts, by skill, what was accepted and paid since the rate last rose; `asked` names order and gate of
    each proposal that is open to them; `owes` is what they have to give back, by currency in minor units, and is netted
    from their next pay (design: money B 11).
    """

    key: str
    name: str
    email: str
    lang: str
    languages: tuple[str, ...]
    kind: Performer
    rates: tuple[Rate, ...]
    capacity: int
    currency: str = "eur"
    in_hand: int = 0
    hours: Hours = field(default_factory=Hours)
    away: tuple[Away, ...] = ()
    quality: Score = _UNSEEN
    punctuality: Score = _UNSEEN
    responsiveness: Score = _UNSEEN
    tallies: tuple[tuple[Axis, Tally], ...] = ()
    standing: Standing = Standing.APPROVED
    trusted: bool = False
    stripe_account: str | None = None
    city: str = ""
    country: str = "FR"
    phone: str = ""
    filed: Terms | None = None
    trials: int = 1
    works: tuple[tuple[str, int], ...] = ()
    asked: tuple[tuple[str, str], ...] = ()
    owes: tuple[tuple[str, int], ...] = ()

    @property
    def terms(self) -> Terms:
        """What is agreed now."""
        return Terms(self.standing, self.rates, self.away)

    @property
    def calendar(self) -> Calendar:
        """When this person works."""
        return Calendar(self.hours, self.away)

    def seen(self, axis: Axis, now: datetime, half_life: int = HALF_LIFE_DAYS) -> Score:
        """What is known on one axis now: the catalogue's past observations and what happened since, faded."""
        known = {Axis.QUALITY: self.quality, Axis.PUNCTUALITY: self.punctuality}.get(axis, self.responsiveness)
        return seen(known, dict(self.tallies).get(axis, Tally()), now, half_life)

    def owing(self, currency: str) -> int:
        """What they have to give back, in minor units of a currency."""
        return dict(self.owes).get(currency, 0)

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
            "hours": self.hours.to_row(),
            "away": [away.to_row() for away in self.away],
            "quality": [self.quality.mean, self.quality.count],
            "punctuality": [self.punctuality.mean, self.punctuality.count],
            "responsiveness": [self.responsiveness.mean, self.responsiveness.count],
            "standing": str(self.standing),
            "trusted": self.trusted,
            "stripe_account": self.stripe_account,
            "city": self.city,
            "country": self.country,
            "phone": self.phone,
            "trials": self.trials,
            **({} if self.filed is None else {"filed": self.filed.to_row()}),
            **{works_name(skill): count for skill, count in self.works},
            **{asked_name(*proposal): True for proposal in self.asked},
            **{owes_name(currency): amount for currency, amount in self.owes},
        } | {
            name: value
            for axis, tally in self.tallies
            for name, value in zip(tally_names(axis), (tally.total, tally.weight), strict=True)
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
            kind=Performer(now["kind"]),
            rates=tuple(Rate(skill, int(amount)) for skill, amount in sorted(now["rates"].items())),
            capacity=int(now["capacity"]),
            currency=now["currency"],
            in_hand=int(now["in_hand"]),
            hours=Hours.from_row(now["hours"]),
            away=tuple(Away.from_row(away) for away in now["away"]),
            quality=_score(now["quality"]),
            punctuality=_score(now["punctuality"]),
            responsiveness=_score(now["responsiveness"]),
            standing=Standing(now["standing"]),
            trusted=now["trusted"],
            stripe_account=now["stripe_account"],
            city=now["city"],
            country=now.get("country", "FR"),
            phone=now["phone"],
            tallies=tuple(
                (axis, Tally(*(int(now[name]) for name in tally_names(axis))))
                for axis in Axis
                if tally_names(axis)[1] in now
            ),
            trials=int(now.get("trials", 1)),
            filed=None if "filed" not in now else Terms.from_row(now["filed"]),
            works=tuple(
                (name.removeprefix(_WORKS), int(count))
                for name, count in sorted(now.items())
                if name.startswith(_WORKS)
            ),
            asked=tuple(_asked(name) for name in sorted(now) if name.startswith(ASKED)),
            owes=tuple(
                (name.removeprefix(_OWES), int(amount))
                for name, amount in sorted(now.items())
                if name.startswith(_OWES)
            ),
        )


def tally_names(axis: Axis) -> tuple[str, str]:
    """The attributes of a roster row that hold an axis' weighted sum and its weight; decisions add to them."""
    return f"{axis.value}_sum", f"{axis.value}_weight"


def risen(
    freelancer: Freelancer, skill: str, rule: RateRise, now: datetime, *, payable: int, half_life: int
) -> int | None:
    """Return the rate that somebody has earned for a skill by the rule, in minor units, or None.

    It never rises beyond the rule's cap, nor beyond what the work's offer can pay (`payable`, minor units): a raise
    that prices somebody out is none.
    """
    rate, filed = freelancer.rate_for(skill), freelancer.filed
    began = None if filed is None else next((one.amount for one in filed.rates if one.skill == skill), None)
    quality = freelancer.seen(Axis.QUALITY, now, half_life)
    if rate is None or began is None or dict(freelancer.works).get(skill, 0) < rule.after:
        return None
    if quality.count == 0 or quality.mean <= rule.above:
        return None
    higher = min(rate * (100 + rule.by) // 100, began * (100 + rule.most) // 100, payable)
    return higher if higher > rate else None


def _asked(name: str) -> tuple[str, str]:
    order, _, gate = name.removeprefix(ASKED).partition("_")
    return order, gate


def owes_name(currency: str) -> str:
    """The attribute of a roster row that holds what its freelancer owes in a currency."""
    return f"{_OWES}{currency}"


def works_name(skill: str) -> str:
    """The attribute of a roster row that counts the works of a skill."""
    return f"{_WORKS}{skill}"


def merged(base: Terms, now: Terms, file: Terms) -> tuple[Terms, tuple[Difference, ...]]:
    """What holds when a catalogue is applied, and where it is not what its file says, or not what a command said.

    `base` is what the file said last, `now` what is agreed, `file` what it says today. The file is the beginning: what
    a command changed since stays, unless the file changes it too; then the file holds.
    """
    standing, differs = _one_holds("standing", base.standing.value, now.standing.value, file.standing.value)
    differences = [differs]
    rates: list[Rate] = []
    before, agreed, filed = ({rate.skill: rate.amount for rate in one.rates} for one in (base, now, file))
    for skill in sorted({*before, *agreed, *filed}):
        values = [None if skill not in one else str(one[skill]) for one in (before, agreed, filed)]
        amount, differs = _one_holds(f"rates.{skill}", *values)
        differences.append(differs)
        rates += [Rate(skill, int(amount))] if amount is not None else []
    away, days_differ = _days_hold(set(base.away), set(now.away), set(file.away))
    found = tuple(one for one in (*differences, *days_differ) if one is not None)
    return Terms(Standing(standing or file.standing), tuple(rates), away), found


def _one_holds(what: str, base: str | None, now: str | None, file: str | None) -> tuple[str | None, Difference | None]:
    if now == file:
        return file, None
    if file == base:
        return now, Difference(what, file or "", now or "", COMMAND)
    return file, None if now == base else Difference(what, file or "", now or "", FILE)


def _days_hold(base: set[Away], now: set[Away], file: set[Away]) -> tuple[tuple[Away, ...], tuple[Difference, ...]]:
    """Dates add up: each was put there by the file or by somebody, and only who put it there takes it away."""
    kept = (now - (base - file)) | (file - base)
    differences = [Difference("away", "", str(one), COMMAND) for one in kept - file]
    differences += [Difference("away", str(one), "", COMMAND) for one in file - kept]
    return tuple(sorted(kept, key=Away.to_row)), tuple(sorted(differences, key=lambda one: (one.file, one.command)))


@dataclass(frozen=True, slots=True, repr=False)
class Trial:
    """Work that a candidate may be asked for: up to `most` (minor units, as a rate), `first` of all or last."""

    most: int
    first: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Reason:
    """One number behind a ranking, such as Reason("quality", 474): stored with the choice and shown as "why her?"."""

    key: str
    value: int


@dataclass(frozen=True, slots=True, repr=False)
class Ranked:
    """One freelancer who may be asked, with the pay that would be proposed (minor units) and the reasons.

    The reasons are what counted (`rate`, `free` places, `quality` in hundredths of a star and `punctuality` and
    `responsiveness` in percent after smoothing, `language` 1 if spoken), what people themselves know of it (`…_seen`,
    not smoothed, with its `…_count`) and the points each gave (`points_…`), which add up to `points`, at most 1000.
    """

    freelancer: str
    rate: int
    points: int
    reasons: tuple[Reason, ...]

    def to_row(self) -> Row:
        """Return the choice as plain strings, integers and a dict."""
        return {
            "freelancer": self.freelancer,
            "rate": self.rate,
            "points": self.points,
            "reasons": {reason.key: reason.value for reason in self.reasons},
        }


def rank(
    skill: str,
    language: str,
    roster: Iterable[Freelancer],
    now: datetime,
    *,
    most: int,
    already: frozenset[str] = frozenset(),
    until: datetime | None = None,
    half_life: int = HALF_LIFE_DAYS,
    trial: Trial | None = None,
) -> tuple[Ranked, ...]:
    """Return who may be asked to do the work, best first; the same input gives the same order.

    Freelancers come before agencies, then points decide, then the key. Nobody who is in `already`, full, away on the
    day of `now` or for most of the time `until` the work is due, dearer than `most` (minor units), suspended, or who
    lacks the skill; the seller and outsiders are picked by hand. Candidates are kept out unless the work may be a
    `trial`. Who has no account yet is asked all the same, and opens one meanwhile. Design: rules 5 (5), people 5.
    """
    asked = [
        (freelancer, rate)
        for freelancer in roster
        if (rate := freelancer.rate_for(skill)) is not None
        and rate <= most
        and freelancer.key not in already
        and (freelancer.standing is Standing.APPROVED or _may_try(freelancer, rate, trial))
        and _may_be_asked(freelancer, now)
        and _is_there(freelancer, now, until)
    ]
    tiers = {freelancer.key: _tier(freelancer, trial) for freelancer, _ in asked}
    ranked = [_weigh(_as_seen(one, now, half_life), rate, language, most) for one, rate in asked]
    return tuple(sorted(ranked, key=lambda one: (tiers[one.freelancer], -one.points, one.freelancer)))


def smoothed(score: Score, prior: Score) -> int:
    """Return a mean that leans on the prior while observations are few: one five-star order proves little."""
    return (score.mean * score.count + prior.mean * prior.count) // (score.count + prior.count)


def _may_be_asked(freelancer: Freelancer, now: datetime) -> bool:
    today = now.astimezone(ZoneInfo(freelancer.hours.zone)).date()
    return (
        freelancer.kind in _TIERS
        and freelancer.in_hand < freelancer.capacity
        and not any(away.covers(today) for away in freelancer.away)
    )


def _may_try(freelancer: Freelancer, rate: int, trial: Trial | None) -> bool:
    """Whether a candidate may be asked for this work: one trial at a time, as long as some are left."""
    candidate = freelancer.standing is Standing.CANDIDATE and freelancer.trials > 0 and freelancer.in_hand == 0
    return candidate and trial is not None and rate <= trial.most


def _tier(freelancer: Freelancer, trial: Trial | None) -> int:
    """Candidates come after the freelancers and before the agencies; before everybody where the order is for them."""
    if freelancer.standing is not Standing.CANDIDATE:
        return 2 * _TIERS[freelancer.kind]
    return -1 if trial is not None and trial.first else 2 * _TIERS[freelancer.kind] + 1


def _is_there(freelancer: Freelancer, now: datetime, until: datetime | None) -> bool:
    """Whether at least half of the working time that the work has is left beside the away dates."""
    if until is None or not freelancer.away:
        return True
    usual = working_time(now, until, Calendar(freelancer.hours))
    return usual <= timedelta(0) or 2 * working_time(now, until, freelancer.calendar) >= usual


def _as_seen(freelancer: Freelancer, now: datetime, half_life: int) -> Freelancer:
    """The freelancer with the scores that hold now."""
    return replace(
        freelancer,
        quality=freelancer.seen(Axis.QUALITY, now, half_life),
        punctuality=freelancer.seen(Axis.PUNCTUALITY, now, half_life),
        responsiveness=freelancer.seen(Axis.RESPONSIVENESS, now, half_life),
    )


def _weigh(freelancer: Freelancer, rate: int, language: str, most: int) -> Ranked:
    quality = smoothed(freelancer.quality, _PRIOR_QUALITY)
    punctuality = smoothed(freelancer.punctuality, _PRIOR_PUNCTUALITY)
    responsiveness = smoothed(freelancer.responsiveness, _PRIOR_RESPONSIVENESS)
    free = freelancer.capacity - freelancer.in_hand
    speaks = language in freelancer.languages
    points = {
        "points_quality": _POINTS_QUALITY * quality // _BEST_QUALITY,
        "points_punctuality": _POINTS_PUNCTUALITY * punctuality // _BEST_SHARE,
        "points_responsiveness": _POINTS_RESPONSIVENESS * responsiveness // _BEST_SHARE,
        "points_rate": _POINTS_RATE * (most - rate) // most if most else 0,
        "points_load": _POINTS_LOAD * free // freelancer.capacity,
        "points_language": _POINTS_LANGUAGE if speaks else 0,
    }
    seen = {
        "rate": rate,
        "free": free,
        "quality": quality,
        "quality_seen": freelancer.quality.mean,
        "quality_count": freelancer.quality.count,
        "punctuality": punctuality,
        "punctuality_seen": freelancer.punctuality.mean,
        "punctuality_count": freelancer.punctuality.count,
        "responsiveness": responsiveness,
        "language": int(speaks),
    }
    reasons = tuple(Reason(key, value) for key, value in (seen | points).items())
    return Ranked(freelancer.key, rate, sum(points.values()), reasons)


def _score(pair: list[Any]) -> Score:
    return Score(int(pair[0]), int(pair[1]))
