"""Secrets of links and nonces of forms: they open what they were made for, and nothing else (design: workflow 1)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relais.link import NONCE_HOURS, LinkKeys, UnknownLinkKeyError, fresh, nonce, opens, secret

KEYS = LinkKeys("new", {"new": b"n" * 32, "old": b"o" * 32})
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-:/", min_size=1, max_size=40)
TIMES = st.integers(1_767_225_600, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@dataclass(frozen=True)
class Link:
    """What a secret is bound to."""

    key_id: str
    subject: str
    audience: str
    version: int

    @property
    def secret(self) -> str:
        return secret(KEYS, self.key_id, self.subject, self.audience, self.version)

    def opens(self, presented: str) -> bool:
        return opens(KEYS, self.key_id, self.subject, self.audience, self.version, presented=presented)


LINKS = st.builds(Link, st.sampled_from(["new", "old"]), NAMES, NAMES, st.integers(1, 10**6))


@given(link=LINKS)
def test_a_link_opens_what_it_was_made_for(link: Link) -> None:
    """Nothing is stored: the same inputs give the same secret, today and in a year."""
    assert link.opens(link.secret)


@given(one=LINKS, other=LINKS)
def test_a_link_opens_nothing_else(one: Link, other: Link) -> None:
    """Another gate, another reader, a version since raised, another key: each is another lock."""
    assume(one != other)
    assert not other.opens(one.secret)


@given(text=st.text("abc", min_size=2, max_size=6), at=st.data())
def test_the_parts_of_a_link_cannot_be_shifted_into_each_other(text: str, at: st.DataObject) -> None:
    """`o1` for `2client` must not be `o12` for `client`: what is signed keeps its seams."""
    first, second = at.draw(st.integers(1, len(text) - 1)), at.draw(st.integers(1, len(text) - 1))
    assume(first != second)
    one = Link("new", text[:first], text[first:], 1)
    other = Link("new", text[:second], text[second:], 1)
    assert one.secret != other.secret


@given(link=LINKS, presented=TEXTS)
def test_whatever_is_presented_is_answered_without_an_error(link: Link, presented: str) -> None:
    """Scanners and mail programs cut, translate and decorate addresses."""
    assert link.opens(presented) is (presented == link.secret)


@given(link=LINKS, cut=st.integers(1, 42))
def test_a_part_of_a_secret_opens_nothing(link: Link, cut: int) -> None:
    """A prefix that opened would let it be guessed letter by letter."""
    assert not link.opens(link.secret[:cut])
    assert not link.opens(link.secret + link.secret[:cut])


@given(link=LINKS)
def test_a_secret_stands_in_an_address_as_it_is(link: Link) -> None:
    """No letter that a mail program would encode, and 256 bits of it."""
    assert len(link.secret) == 43
    assert link.secret.isascii()
    assert set(link.secret) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(subject=NAMES, version=st.integers(1, 99), shown=TIMES, minutes=st.integers(0, 60 * NONCE_HOURS))
def test_a_nonce_is_good_for_twelve_hours(subject: str, version: int, shown: datetime, minutes: int) -> None:
    """A form may be filled in over an afternoon."""
    made = nonce(KEYS, "new", subject, version, shown)
    assert fresh(KEYS, "new", subject, version, presented=made, now=shown + timedelta(minutes=minutes))


@given(subject=NAMES, version=st.integers(1, 99), shown=TIMES, hours=st.integers(NONCE_HOURS + 1, 10_000))
def test_a_nonce_grows_old(subject: str, version: int, shown: datetime, hours: int) -> None:
    """One found in a browser's history next week is worth nothing."""
    made = nonce(KEYS, "new", subject, version, shown)
    assert not fresh(KEYS, "new", subject, version, presented=made, now=shown + timedelta(hours=hours))


@given(subject=NAMES, version=st.integers(1, 99), shown=TIMES, hours=st.integers(1, 10_000))
def test_a_nonce_of_the_future_is_none(subject: str, version: int, shown: datetime, hours: int) -> None:
    """Nobody has been shown a form that is not there yet."""
    made = nonce(KEYS, "new", subject, version, shown)
    assert not fresh(KEYS, "new", subject, version, presented=made, now=shown - timedelta(hours=hours))


@given(one=NAMES, other=NAMES, version=st.integers(1, 99), more=st.integers(1, 9), shown=TIMES)
def test_a_nonce_is_good_for_one_form_and_version(
    one: str, other: str, version: int, more: int, shown: datetime
) -> None:
    """A form of another gate, or of before the address was corrected, is not this one."""
    assume(one != other)
    made = nonce(KEYS, "new", one, version, shown)
    assert not fresh(KEYS, "new", other, version, presented=made, now=shown)
    assert not fresh(KEYS, "new", one, version + more, presented=made, now=shown)
    assert not fresh(KEYS, "old", one, version, presented=made, now=shown)


@given(presented=TEXTS)
def test_any_nonce_is_looked_at_without_an_error(presented: str) -> None:
    """A form's field may hold anything."""
    assert fresh(KEYS, "new", "o/1", 1, presented=presented, now=datetime(2026, 11, 23, tzinfo=UTC)) is False


@given(link=LINKS, shown=TIMES)
def test_a_links_secret_is_no_nonce_and_a_nonce_no_secret(link: Link, shown: datetime) -> None:
    """What stands in an address must not let a form through that was never shown."""
    assert not fresh(KEYS, link.key_id, link.subject, link.version, presented=link.secret, now=shown)
    assert not link.opens(nonce(KEYS, link.key_id, link.subject, link.version, shown))


def test_a_rotated_key_still_opens_its_links() -> None:
    """A mail of last week was made with the old key, and its row says so."""
    assert Link("old", "o", "client", 1).secret != Link("new", "o", "client", 1).secret
    assert Link("old", "o", "client", 1).opens(Link("old", "o", "client", 1).secret)


def test_a_key_that_is_gone_is_named() -> None:
    """Whoever removed it is told which one to put back."""
    with pytest.raises(UnknownLinkKeyError) as missing:
        secret(KEYS, "lost", "o", "client", 1)
    assert missing.value.key_id == "lost"


def test_keys_never_show_themselves() -> None:
    """A log line of them would open every link."""
    assert "nnnn" not in f"{KEYS!r} {KEYS}"
    assert "new" in repr(KEYS)
