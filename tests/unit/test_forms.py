"""What every form is held to before anybody reads its content (design: promise 4, failures 10)."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relais.steps.forms import (
    NAME_LIMIT,
    NOTE_LIMIT,
    FieldRepeatedError,
    FieldUnknownError,
    ForeignFormError,
    check_fields,
    check_origin,
    file_name_problem,
    note_problems,
)
from relais.web import Request
from tests.support.doubles import PUBLIC_URL, FakePorts

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PORTS = FakePorts()


def sent(**headers: str) -> Request:
    return Request("POST", "/", headers={name.replace("_", "-"): value for name, value in headers.items()})


def comes_from_us(request: Request) -> bool:
    try:
        check_origin(PORTS, request)
    except ForeignFormError:
        return False
    return True


def test_a_form_of_our_own_page_passes() -> None:
    """Browsers say so by `Sec-Fetch-Site`; old ones by `Origin`."""
    assert comes_from_us(sent(sec_fetch_site="same-origin"))
    assert comes_from_us(sent(sec_fetch_site="same-origin", origin="null"))
    assert comes_from_us(sent(origin=PUBLIC_URL))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "Same-Origin", "same-origin, cross-site"])
def test_a_form_of_another_site_is_refused_whatever_its_origin_says(site: str) -> None:
    """A page anywhere may post to us with a link that it was sent."""
    assert not comes_from_us(sent(sec_fetch_site=site, origin=PUBLIC_URL))


@given(origin=TEXTS)
def test_without_the_browsers_word_the_origin_has_to_be_ours(origin: str) -> None:
    """Also `null`, a prefix of our name, our name as a part of another."""
    assume(origin != PUBLIC_URL)
    assert not comes_from_us(sent(origin=origin))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://relais.example.evil.example",
        "http://relais.example",
        "https://relais.example:444",
        PUBLIC_URL + "/",
    ],
)
def test_an_origin_that_looks_like_ours_is_not(origin: str) -> None:
    """The whole of it counts: scheme, name and port."""
    assert not comes_from_us(sent(origin=origin))


def test_a_form_from_nowhere_is_refused() -> None:
    """No header at all is a script."""
    assert not comes_from_us(sent())


@given(fields=st.dictionaries(TEXTS, st.lists(TEXTS, min_size=1, max_size=2).map(tuple), max_size=5))
def test_a_field_that_no_page_shows_is_refused(fields: dict[str, tuple[str, ...]]) -> None:
    """An amount, a currency, an address for the money: we never ask for them, so we never read them; none twice."""
    allowed, many = frozenset({"nonce", "choice", "file"}), frozenset({"file"})
    wrong = [name for name, values in fields.items() if name not in allowed or (len(values) > 1 and name not in many)]
    request = Request("POST", "/", form=fields)
    if not wrong:
        check_fields(request, allowed, many)
        return
    with pytest.raises((FieldUnknownError, FieldRepeatedError)) as refused:
        check_fields(request, allowed, many)
    assert refused.value.field == wrong[0][:40]


def test_a_field_that_stands_twice_is_named() -> None:
    """Of two choices nobody knows which was meant; of files there may be many."""
    twice = {"file": ("a", "b"), "choice": ("accept", "refund")}
    with pytest.raises(FieldRepeatedError, match="choice"):
        check_fields(Request("POST", "/", form=twice), frozenset({"file", "choice"}), frozenset({"file"}))


@pytest.mark.parametrize("name", ["amount", "currency", "price", "email", "order", "", "q", "Nonce", "nonce "])
def test_tampered_fields_are_named(name: str) -> None:
    """Without prefixes, no field passes by the way it begins."""
    with pytest.raises(FieldUnknownError):
        check_fields(Request("POST", "/", form={name: ("1",)}), frozenset({"nonce"}))


@given(note=st.text(st.characters(exclude_categories=["Cs"]), max_size=NOTE_LIMIT), required=st.booleans())
def test_words_up_to_the_limit_are_taken_as_they_are(note: str, required: bool) -> None:  # noqa: FBT001 - drawn
    """Scripts and emoji as well: they are kept as text and shown as text."""
    problems = note_problems(note, required=required)
    assert bool(problems) == (required and not note)


@given(more=st.integers(1, 500), required=st.booleans())
def test_words_beyond_the_limit_come_back(more: int, required: bool) -> None:  # noqa: FBT001 - drawn
    """With the limit in the sentence."""
    (problem,) = note_problems("x" * (NOTE_LIMIT + more), required=required)
    assert (problem.key, problem.field, problem.facts) == ("too_long", "note", {"limit": NOTE_LIMIT})


@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=NAME_LIMIT + 20))
def test_a_file_name_that_is_taken_names_one_file_and_nothing_invisible(name: str) -> None:
    """It becomes a part of a key, a header and a page."""
    if file_name_problem(name) is not None:
        return
    assert 0 < len(name) <= NAME_LIMIT
    assert not set(name) & set('/\\:*?"<>|')
    assert name not in {".", ".."}
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp", "Co", "Cn"} for letter in name)


@pytest.mark.parametrize(
    "name", ["logo.svg", "Brief Aubépine (v2).pdf", "été.png", "徽标.png", "logo-😀.png", "a", "x" * NAME_LIMIT, ".env"]
)
def test_ordinary_names_are_taken(name: str) -> None:
    """People name files in their own letters."""
    assert file_name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "..\\b",
        "../../etc",
        "a\x00b",
        "a\nb",
        "gpj.\u202etxt",
        "a\u200bb",
        "x" * (NAME_LIMIT + 1),
        "a:b",
        'a"b',
        "<b>",
    ],
)
def test_paths_and_invisible_letters_are_refused_with_what_can_be_shown_of_the_name(name: str) -> None:
    """A name that reads backwards or climbs out of its folder is nobody's mistake."""
    problem = file_name_problem(name)
    assert problem is not None
    assert problem.key == "file_name"
    shown = str(problem.facts["name"])
    assert len(shown) <= 60
    assert shown.isprintable()
