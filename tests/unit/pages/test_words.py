"""What pages and mails say: the same in both languages, dates and contracts as people read them."""

from __future__ import annotations

import json
import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.calendar import Duration, Hours, Span
from relais.gate import Default, Kind
from relais.pages import words
from relais.pages.words import WordsMissingError
from tests.unit.pages import samples

WORDS = Path(words.__file__).parent
NBSP = "\u00a0"
EVENING = datetime(2026, 12, 3, 17, 0, tzinfo=UTC)


def placeholders(entry: object) -> set[str]:
    forms = [entry] if isinstance(entry, str) else list(entry.values())  # type: ignore[attr-defined]
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name is not None}


def read(lang: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((WORDS / f"{lang}.json").read_text(encoding="utf-8"))
    return found


def test_every_sentence_exists_in_both_languages_in_the_same_order() -> None:
    """A sentence that lacks is an error page for its readers; the same order keeps the files comparable."""
    assert list(read("fr")) == list(read("en"))


def test_both_languages_of_a_sentence_take_the_same_facts_and_forms() -> None:
    """A fact that only one language names would be lost in the other."""
    others = read("en")
    for key, french in read("fr").items():
        english = others[key]
        assert placeholders(french) == placeholders(english), key
        assert isinstance(french, str) == isinstance(english, str), key
        assert {"one", "other"} <= set(french) if isinstance(french, dict) else True, key


def test_no_key_is_written_twice() -> None:
    """JSON keeps the last of two silently."""
    for lang in words.LANGUAGES:
        pairs = json.loads((WORDS / f"{lang}.json").read_text(encoding="utf-8"), object_pairs_hook=list)
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names))


def test_every_key_that_code_or_templates_name_exists() -> None:
    """A key with a typing error would fail only when its page is shown."""
    pages = WORDS.parent
    sources = [*pages.glob("*.py"), *pages.glob("words/*.py"), *pages.glob("templates/**/*.*")]
    named = re.compile(r"""\b(?:t|say)\((?:lang, |view\.frame\.lang, )?"([a-z0-9_.]+)"[,)]""")
    keys = {key for source in sources for key in named.findall(source.read_text(encoding="utf-8"))}
    assert len(keys) > 100
    assert {key for key in keys if not words.has(key)} == set()


def test_a_missing_sentence_or_fact_is_named() -> None:
    """What lacks is found at once, not as an empty place on somebody's page."""
    with pytest.raises(WordsMissingError, match="never_written"):
        words.say("fr", "never_written")
    with pytest.raises(WordsMissingError, match="price"):
        words.say("fr", "offer.order")


@pytest.mark.parametrize(
    ("style", "french", "english"),
    [
        ("day", "jeudi 3 décembre", "Thursday 3 December"),
        ("moment", f"jeudi 3 décembre à 18{NBSP}h", "Thu 3 December, 18:00"),
        ("full", f"jeudi 3 décembre 2026 à 18{NBSP}h", "Thu 3 December 2026, 18:00"),
        ("short", f"jeudi 3 déc. 18{NBSP}h", "Thu 3 Dec 18:00"),
        ("soon", f"jeudi 18{NBSP}h", "Thu 18:00"),
        ("time", "18:00", "18:00"),
        ("hour", f"18{NBSP}h", "18:00"),
    ],
)
def test_dates_are_printed_as_people_write_them(style: words.Style, french: str, english: str) -> None:
    """The screens of the design say them so (people 6)."""
    assert words.when(EVENING, "fr", "Europe/Paris", style) == french
    assert words.when(EVENING, "en", "Europe/Paris", style) == english


def test_a_date_is_that_of_the_readers_zone() -> None:
    """Half past eleven at night in Paris is another day than in UTC."""
    late = datetime(2026, 7, 31, 22, 30, tzinfo=UTC)
    assert words.when(late, "fr", "Europe/Paris", "moment") == f"samedi 1er août à 0{NBSP}h{NBSP}30"
    assert words.when(late, "en", "Europe/Paris", "moment") == "Sat 1 August, 00:30"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), st.sampled_from(["Europe/Paris", "Asia/Tokyo"]))  # noqa: DTZ001
def test_every_instant_can_be_printed_in_every_style(at: datetime, zone: str) -> None:
    """No month, weekday or hour lacks its words."""
    for lang in words.LANGUAGES:
        for style in ("day", "moment", "full", "short", "soon", "time", "hour"):
            assert "{" not in words.when(at.replace(tzinfo=UTC), lang, zone, style)


def test_french_never_breaks_a_line_before_a_tall_mark() -> None:
    """French typography: a no-break space before ? ! : ; and inside the guillemets."""
    for entry in words.entries("fr").values():
        for form in [entry] if isinstance(entry, str) else entry.values():
            assert not re.search(r" [?!:;»%]|« ", form), form


def test_plurals_follow_the_language() -> None:
    """French counts zero as one thing, English does not."""
    none = Duration.parse("0 d")
    assert words.duration(none, "fr") == "0 jour"
    assert words.duration(none, "en") == "0 days"
    assert words.duration(Duration.parse("5 wd"), "fr") == "5 jours ouvrés"
    assert words.duration(Duration.parse("1 wh"), "en") == "1 working hour"


def test_opening_hours_are_grouped_by_days_that_are_alike() -> None:
    """Lunch breaks and short Fridays are said once each."""
    day, short = (Span(540, 750), Span(840, 1080)), (Span(540, 720),)
    hours = Hours((day, day, day, day, short, (), ()))
    assert words.opening_hours(hours, "en") == "Monday to Thursday 09:00–12:30, 14:00–18:00 · Friday 09:00–12:00"
    assert words.opening_hours(Hours(), "fr") == f"lundi – vendredi 9{NBSP}h–18{NBSP}h"


@pytest.mark.parametrize(
    ("count", "french", "english"),
    [
        (40, "0,1 ko", "0.1 kB"),
        (24_300, "24 ko", "24 kB"),
        (2_400_000, "2,4 Mo", "2.4 MB"),
        (3_000_000_000, "3 Go", "3 GB"),
    ],
)
def test_sizes_are_printed_in_the_unit_that_fits(count: int, french: str, english: str) -> None:
    """Nobody reads bytes."""
    assert words.size(count, "fr") == french
    assert words.size(count, "en") == english


def test_acceptance_says_when_silence_is_a_yes() -> None:
    """Silence as acceptance must stand in the mail and on the page (design: people 5b)."""
    said = words.contract(samples.gate(Kind.ACCEPTANCE), "fr", samples.ZONE)
    assert said.startswith(
        f"Sans réponse de votre part le mardi 1er décembre à 17{NBSP}h, nous considérons que tout va bien"
    )


@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize("kind", Kind)
def test_every_gate_says_what_silence_means_and_promises_nothing_that_is_not_there(lang: str, kind: Kind) -> None:
    """Promise 3: every wait is a contract. Reopening does not exist yet; refunds are named only where they come."""
    of_its_kind = {(Kind.REFUND, Default.STAY), (Kind.REFUND_REQUEST, Default.LAPSE), (Kind.SETTLEMENT, Default.TAKE)}
    of_its_kind.add((Kind.CONFIRM, Default.SEND))
    for default, dated in product(Default, (True, False)):
        gate = replace(samples.gate(kind, lang), default=default)
        said = words.contract(gate if dated else replace(gate, deadline=None), lang, samples.ZONE)
        assert said, default
        assert (words.when(gate.deadline or samples.NOW, lang, samples.ZONE) in said) is dated, default
        assert not re.search("rouvrir|reopen", said), default
        gives_back = default in {Default.REFUND, Default.CANCEL} or (kind, default) in of_its_kind
        assert bool(re.search("rembours|refund", said)) is (gives_back and dated), default


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("fr", "la commande est annulée et nous vous remboursons intégralement"),
        ("en", "the order is cancelled and you are refunded in full"),
    ],
)
def test_a_brief_that_stays_unanswered_is_cancelled_and_refunded_in_full(lang: str, said: str) -> None:
    """The client's money is never kept for nothing (design: people 5b)."""
    assert said in words.contract(samples.gate(Kind.BRIEF, lang), lang, samples.ZONE)


@pytest.mark.parametrize(("lang", "said"), [("fr", "le client remboursé"), ("en", "the client refunded")])
def test_silence_at_a_pick_refunds_by_itself(lang: str, said: str) -> None:
    """Said to the seller, who may still pick until then (design: people 5b)."""
    assert said in words.contract(samples.gate(Kind.PICK, lang), lang, samples.ZONE)


def test_reminders_that_are_past_are_not_announced() -> None:
    """What is printed is what will still come."""
    gate = samples.gate(Kind.ACCEPTANCE)
    assert words.reminders(gate, "en", samples.ZONE, samples.NOW) == "Reminder planned: Mon 30 Nov 09:00."
    assert words.reminders(gate, "en", samples.ZONE, samples.NOW + timedelta(days=5)) is None


def test_lists_are_spoken() -> None:
    """The last of a list is joined by a word."""
    assert words.join(["a", "b", "c"], "fr") == "a, b et c"
    assert words.join(["a"], "en") == "a"
