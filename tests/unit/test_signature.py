"""The webhook's signature: what Stripe signed passes, all else is refused with one error (design: money A 12)."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relais.signature import TOLERANCE_SECONDS, SignatureRefusedError, verify

SECRET, OTHER = "whsec_one", "whsec_two"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BODIES = st.binary(max_size=300)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def signature(body: bytes, secret: str, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def header(body: bytes, secret: str = SECRET, at: datetime = NOW) -> str:
    seconds = int(at.timestamp())
    return f"t={seconds},v1={signature(body, secret, seconds)}"


def cause(body: bytes, given_header: str, *secrets: str, wall: datetime = NOW) -> str | None:
    """Why it is refused, or nothing."""
    try:
        verify(body, given_header, secrets or (SECRET,), wall)
    except SignatureRefusedError as refused:
        return refused.cause
    return None


@given(body=BODIES, late=st.integers(-TOLERANCE_SECONDS, TOLERANCE_SECONDS))
def test_what_stripe_signed_passes_within_five_minutes(body: bytes, late: int) -> None:
    """Clocks differ in both directions."""
    assert cause(body, header(body), wall=NOW + timedelta(seconds=late)) is None


@given(body=BODIES, off=st.integers(TOLERANCE_SECONDS + 1, 10**7), sign=st.sampled_from([-1, 1]))
def test_stale_and_future_signatures_are_refused(body: bytes, off: int, sign: int) -> None:
    """A recorded event cannot be played again next week, nor one be made ahead."""
    assert cause(body, header(body), wall=NOW + timedelta(seconds=sign * off)) == "stale"


@given(body=BODIES, other=BODIES)
def test_a_signature_is_good_for_its_body_alone(body: bytes, other: bytes) -> None:
    """One byte more or less is another event."""
    assume(body != other)
    assert cause(other, header(body)) == "forged"


@given(body=st.binary(min_size=1, max_size=300), cut=st.data())
def test_a_truncated_body_is_refused(body: bytes, cut: st.DataObject) -> None:
    """A connection that broke delivers the first half."""
    assert cause(body[: cut.draw(st.integers(0, len(body) - 1))], header(body)) == "forged"


@given(body=BODIES, cut=st.integers(0, 63))
def test_a_truncated_signature_is_refused(body: bytes, cut: int) -> None:
    """A prefix that passed would let it be guessed digit by digit."""
    made = header(body)
    assert cause(body, made[: len(made) - 64 + cut]) == "forged"


@given(body=BODIES)
def test_another_secret_forges(body: bytes) -> None:
    """Also a secret that only looks right: empty, or with a blank."""
    assert cause(body, header(body, OTHER)) == "forged"
    assert cause(body, header(body), "") == "forged"
    assert cause(body, header(body), f"{SECRET} ") == "forged"


@given(body=BODIES)
def test_both_secrets_are_good_while_they_are_rotated(body: bytes) -> None:
    """Stripe signs with the old and the new one for a day; we may know either first."""
    at = int(NOW.timestamp())
    both = f"t={at},v1={signature(body, OTHER, at)},v1={signature(body, SECRET, at)}"
    assert cause(body, both, SECRET) is None
    assert cause(body, header(body, SECRET), OTHER, SECRET) is None
    assert cause(body, header(body, SECRET), SECRET, OTHER) is None
    assert cause(body, both, "whsec_third") == "forged"


@given(body=BODIES)
def test_no_secret_at_all_lets_nothing_through(body: bytes) -> None:
    """An empty secret in the store must close the door, not open it."""
    with pytest.raises(SignatureRefusedError):
        verify(body, header(body), (), NOW)


@given(body=BODIES, shift=st.integers(-TOLERANCE_SECONDS, TOLERANCE_SECONDS))
def test_the_time_is_signed_too(body: bytes, shift: int) -> None:
    """Otherwise an old event could be given a new date."""
    assume(shift != 0)
    at = int(NOW.timestamp())
    assert cause(body, f"t={at + shift},v1={signature(body, SECRET, at)}") == "forged"


@given(body=BODIES)
def test_only_the_scheme_that_is_live_counts(body: bytes) -> None:
    """`v0` is Stripe's test scheme and proves nothing (docs.stripe.com/webhooks)."""
    at = int(NOW.timestamp())
    assert cause(body, f"t={at},v0={signature(body, SECRET, at)}") == "malformed"


@given(body=BODIES, garbage=TEXTS)
def test_whatever_the_header_holds_the_refusal_is_the_only_error(body: bytes, garbage: str) -> None:
    """The door is open to the whole internet."""
    assert cause(body, garbage) in {"missing", "malformed", "stale", "forged"}


@given(body=BODIES, stamp=TEXTS, signed=TEXTS)
def test_a_header_of_the_right_shape_with_anything_in_it_is_refused(body: bytes, stamp: str, signed: str) -> None:
    """Digits of other scripts, signs, blanks, very long numbers."""
    assert cause(body, f"t={stamp},v1={signed}") is not None


@pytest.mark.parametrize(
    ("given_header", "expected"),
    [
        ("", "missing"),
        ("t=", "malformed"),
        ("v1=abc", "malformed"),
        ("t=1,t=2,v1=abc", "malformed"),
        ("t=-5,v1=abc", "malformed"),
        ("t=1e9,v1=abc", "malformed"),
        ("t=٣,v1=abc", "malformed"),
        ("t=²,v1=abc", "malformed"),
        ("t=999999999999,v1=abc", "stale"),
        (f"t={'9' * 400},v1=abc", "malformed"),
        (f"t={'9' * 5000},v1=abc", "malformed"),
    ],
)
def test_the_cause_is_told(given_header: str, expected: str) -> None:
    """Whoever set up the endpoint sees at once what is wrong with it."""
    assert cause(b"{}", given_header) == expected


def test_a_refusal_never_shows_the_secret() -> None:
    """Its text goes to the log."""
    with pytest.raises(SignatureRefusedError) as refused:
        verify(b"{}", header(b"other"), (SECRET,), NOW)
    assert SECRET not in str(refused.value)
