"""The hint beside an address that was probably mistyped (design: people 6, screen B)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.steps.show import COMMON_DOMAINS, address_hint

LETTERS = "abcdefghijklmnopqrstuvwxyz."
DOMAINS = st.sampled_from(COMMON_DOMAINS)
NAMES = st.text("abcdefghij.+-_", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("marie@gmial.com", "gmail.com"),
        ("marie@gmail.con", "gmail.com"),
        ("marie@gmai.com", "gmail.com"),
        ("marie@gmaill.com", "gmail.com"),
        ("marie@GMIAL.COM", "gmail.com"),
        ("marie@ornage.fr", "orange.fr"),
        ("marie@laposte.ner", "laposte.net"),
        ("marie@outlok.com", "outlook.com"),
        ("marie@outlook.fe", "outlook.fr"),
        ("marie@hotmail.cm", "hotmail.com"),
    ],
)
def test_the_domain_that_was_meant_is_offered(address: str, hint: str) -> None:
    """Every mail of the order goes to this address."""
    assert address_hint(address) == hint


@given(name=NAMES, domain=DOMAINS, upper=st.booleans())
def test_a_right_address_gets_no_hint(name: str, domain: str, upper: bool) -> None:  # noqa: FBT001 - drawn
    """However it is capitalised: a question about nothing makes people doubt what is right."""
    assert address_hint(f"{name}@{domain.upper() if upper else domain}") is None


@given(name=NAMES, domain=DOMAINS, data=st.data())
def test_one_slip_is_noticed(name: str, domain: str, data: st.DataObject) -> None:
    """A letter lost, doubled, replaced, or two swapped: the nearest common domain is offered."""
    at = data.draw(st.integers(0, len(domain) - 2))
    letter = data.draw(st.sampled_from(LETTERS))
    typed = data.draw(
        st.sampled_from(
            [
                domain[:at] + domain[at + 1 :],
                domain[:at] + letter + domain[at:],
                domain[:at] + letter + domain[at + 1 :],
                domain[:at] + domain[at + 1] + domain[at] + domain[at + 2 :],
            ]
        )
    )
    hint = address_hint(f"{name}@{typed}")
    assert hint is None if typed in COMMON_DOMAINS else hint == domain


@pytest.mark.parametrize(
    "address", ["", "marie", "marie@", "@", "marie@atelier-mistral.example", "m@proton.me", "a@b@c"]
)
def test_an_address_like_no_common_one_is_left_alone(address: str) -> None:
    """Most shops and agencies have a domain of their own."""
    assert address_hint(address) is None


@given(address=st.text(st.characters(exclude_categories=["Cs"]), max_size=254))
def test_whatever_is_typed_gets_a_common_domain_or_nothing(address: str) -> None:
    """It is shown before anybody has checked it."""
    assert address_hint(address) in {None, *COMMON_DOMAINS}
