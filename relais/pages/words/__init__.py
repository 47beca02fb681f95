"""What pages and mails say, in French and in English: sentences by key, dates, amounts, durations, contracts.

The sentences stand in `fr.json` and `en.json` under the same keys with the same placeholders. An entry is a sentence,
or `{"one": …, "other": …}` (and "zero") chosen by the fact `count`. Every language that is not "fr" reads English, as
`Text.in_` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from relais.calendar import Duration, Hours, Span
from relais.errors import RelaisError
from relais.gate import Gate
from relais.money import format_amount

Entry = str | Mapping[str, str]
Style = Literal["day", "moment", "full", "short", "soon", "time", "hour"]

LANGUAGES = ("fr", "en")
_NBSP = "\u00a0"
_FRENCH_SPACES = ((" ?", "?"), (" !", "!"), (" :", ":"), (" ;", ";"), (" »", "»"), (" %", "%"))
_KILO = 1000


class WordsMissingError(RelaisError):
    """No sentence has this key, or a fact that it needs was not given."""

    def __init__(self, lang: str, key: str, lacking: str | None = None) -> None:
        """Keep the language, the key and the fact that is lacking."""
        what = f'the sentence "{key}" needs {lacking}' if lacking else f'there is no sentence "{key}"'
        super().__init__(f"{what} ({lang}): see relais/pages/words")
        self.lang = lang
        self.key = key
        self.lacking = lacking


def language(lang: str) -> str:
    """The language that is spoken to a reader of `lang`: "fr" or "en"."""
    return "fr" if lang == "fr" else "en"


def has(key: str) -> bool:
    """Whether there is a sentence under this key."""
    return key in entries("fr")


def say(lang: str, key: str, **facts: object) -> str:
    """Say a sentence in a language, filled with facts. Raises `WordsMissingError`."""
    entry = entries(language(lang)).get(key)
    if entry is None:
        raise WordsMissingError(lang, key)
    try:
        return _form(entry, language(lang), facts.get("count")).format_map(facts)
    except KeyError as lacking:
        raise WordsMissingError(lang, key, str(lacking)) from None


def when(at: datetime, lang: str, zone: str, style: Style = "moment") -> str:
    """Print an instant on the wall clock of `zone`.

    `day`: "jeudi 3 décembre", "Thursday 3 December"; `moment`: "jeudi 3 décembre à 18 h", "Thu 3 December, 18:00";
    `full`: `moment` with the year; `short`: "jeudi 3 déc. 18 h", "Thu 3 Dec 18:00"; `soon`: "mardi 17 h", "Tue 17:00";
    `time`: "14:02"; `hour`: "18 h", "18:00".
    """
    lang = language(lang)
    local = at.astimezone(ZoneInfo(zone))
    weekday = say(lang, f"weekday.{local.weekday()}")
    month = say(lang, f"month.{local.month}")
    day = say(lang, "date.first") if local.day == 1 else str(local.day)
    hour = _hour(local, lang)
    facts = {"day": day, "month": month, "year": local.year, "hour": hour}
    match style:
        case "day":
            return say(lang, "date.day", weekday=weekday, **facts)
        case "moment":
            return say(lang, "date.moment", weekday=_brief_day(lang, local), **facts)
        case "full":
            return say(lang, "date.full", weekday=_brief_day(lang, local), **facts)
        case "short":
            facts["month"] = say(lang, f"month.short.{local.month}")
            return say(lang, "date.short", weekday=_brief_day(lang, local), **facts)
        case "soon":
            return say(lang, "date.soon", weekday=_brief_day(lang, local), hour=hour)
        case "time":
            return f"{local:%H:%M}"
        case "hour":
            return hour
        case _:
            assert_never(style)


def day(date: date, lang: str) -> str:
    """Print a day: "jeudi 3 décembre", "Thursday 3 December"."""
    return when(datetime(date.year, date.month, date.day, 12, tzinfo=UTC), lang, "UTC", "day")


def typeset(text: str, lang: str) -> str:
    """Set a sentence as its language is printed: French keeps tall punctuation on the line with a no-break space."""
    if language(lang) != "fr":
        return text
    for plain, mark in _FRENCH_SPACES:
        text = text.replace(plain, _NBSP + mark)
    return text.replace("« ", "«" + _NBSP)


def money(amount: int, currency: str, lang: str) -> str:
    """Print an amount of minor units: "290 €", "€290"."""
    return format_amount(amount, currency, language(lang))


def size(count: int, lang: str) -> str:
    """Print a file's size in bytes: "820 ko", "1,2 Mo"."""
    unit, scaled = "kilo", max(count / _KILO, 0.1)
    for larger in ("mega", "giga"):
        if scaled < _KILO:
            break
        unit, scaled = larger, scaled / _KILO
    digits = f"{scaled:.1f}".removesuffix(".0") if scaled < 10 else f"{scaled:.0f}"  # noqa: PLR2004 (one decimal below ten)
    return say(lang, f"size.{unit}", number=digits.replace(".", say(lang, "number.point")))


def duration(length: Duration, lang: str) -> str:
    """Print a duration: "3 jours", "8 working hours"."""
    return say(lang, f"duration.{length.unit.value}", count=length.count)


def opening_hours(hours: Hours, lang: str) -> str:
    """Print a week of working hours: "lundi – vendredi 9 h – 18 h"."""
    parts = []
    for spans, days in groupby(enumerate(hours.week), key=lambda day: day[1]):
        if not spans:
            continue
        numbers = [number for number, _ in days]
        names = [say(lang, f"weekday.{number}") for number in (numbers[0], numbers[-1])]
        name = names[0] if len(numbers) == 1 else say(lang, "hours.days", first=names[0], last=names[1])
        parts.append(f"{name} {', '.join(_span(span, lang) for span in spans)}")
    return " · ".join(parts)


def city(zone: str) -> str:
    """The place whose clock is meant: "Europe/Paris" is "Paris"."""
    return zone.rpartition("/")[2].replace("_", " ")


def contract(gate: Gate, lang: str, zone: str) -> str:
    """What silence means at this gate, said to its owner; without deadline, that it waits (design: promise 3)."""
    kind = gate.id.kind.value
    if gate.deadline is None:
        key = f"contract.{kind}.waits"
        return say(lang, key if has(key) else "contract.any.waits")
    key = f"contract.{kind}.{gate.default.value}"
    if has(f"{key}.{gate.role.value}"):
        key = f"{key}.{gate.role.value}"
    return say(lang, key if has(key) else f"contract.any.{gate.default.value}", at=when(gate.deadline, lang, zone))


def reminders(gate: Gate, lang: str, zone: str, now: datetime) -> str | None:
    """When the owner will still be reminded, or None."""
    ahead = [when(at, lang, zone, "short") for at in gate.reminders if at > now]
    return say(lang, "contract.reminders", list=join(ahead, lang), count=len(ahead)) if ahead else None


def join(parts: list[str], lang: str) -> str:
    """Join words as a list is spoken: "a, b et c"."""
    if len(parts) <= 1:
        return "".join(parts)
    return say(lang, "list.and", first=", ".join(parts[:-1]), last=parts[-1])


@cache
def entries(lang: str) -> Mapping[str, Entry]:
    """All sentences of a language, by key."""
    read: dict[str, Entry] = json.loads((Path(__file__).parent / f"{lang}.json").read_text(encoding="utf-8"))
    if lang != "fr":
        return read
    return {key: _spaced(entry) for key, entry in read.items()}


def _spaced(entry: Entry) -> Entry:
    if isinstance(entry, str):
        return typeset(entry, "fr")
    return {form: typeset(sentence, "fr") for form, sentence in entry.items()}


def _form(entry: Entry, lang: str, count: object) -> str:
    if isinstance(entry, str):
        return entry
    if count == 0 and "zero" in entry:
        return entry["zero"]
    singular = count in (0, 1) if lang == "fr" else count == 1
    return entry["one"] if singular else entry["other"]


def _brief_day(lang: str, local: datetime) -> str:
    return say(lang, f"weekday.brief.{local.weekday()}")


def _hour(local: datetime, lang: str) -> str:
    if lang != "fr":
        return f"{local:%H:%M}"
    minutes = f"{_NBSP}{local:%M}" if local.minute else ""
    return f"{local.hour}{_NBSP}h{minutes}"


def _clock(minutes: int, lang: str) -> str:
    hour, rest = divmod(minutes, 60)
    if language(lang) != "fr":
        return f"{hour:02d}:{rest:02d}"
    return f"{hour}{_NBSP}h" + (f"{_NBSP}{rest:02d}" if rest else "")


def _span(span: Span, lang: str) -> str:
    return f"{_clock(span.start, lang)}–{_clock(span.end, lang)}"
