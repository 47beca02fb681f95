"""What freelancer and client learn of each other: what the offer's setting says, and no text claims what it denies.

Every page in every state and every mail, in both languages, under each setting (design: people 2, 5 and 6 A).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from relais.gate import Role
from relais.offer import Disclosure
from relais.pages import words
from relais.pages.letters import write
from relais.pages.render import page
from relais.pages.views import (
    AnsweredView,
    FreelancerView,
    GateView,
    IndexView,
    NoticeView,
    OfferView,
    OrderView,
    RecipientView,
)
from tests.unit.pages import samples
from tests.unit.pages.test_letters import KEYS, whole

SOMEBODY_ELSE = re.compile(
    r"professionnel indépendant|prestataire|freelance|sous-trait|graphiste|introduced|présentons|independent"
    r"|subcontract|freelancer|professional we|we chose|avons choisi|maker|réalisé par|made by",
    re.IGNORECASE,
)
"""What says that the work is somebody else's: nothing of it where the client knows only the brand."""
OURSELVES = re.compile(
    r"notre équipe|nos équipes|nos graphistes|nos salariés|nous-mêmes|fait maison|en interne|our team|our staff"
    r"|our designers|our own hands|in-house|ourselves|employees",
    re.IGNORECASE,
)
"""What claims that the shop does it itself: untrue under every setting."""
OF_THE_MAKER = ("Inès", "Moreau", samples.FREELANCER.email, samples.FREELANCER.phone, "acct_")
OF_THE_CLIENT = ("Marie", "Quatremer", samples.CLIENT_EMAIL)
CASES = tuple(product(words.LANGUAGES, Disclosure))


def disclosing(view: Any, disclosure: Disclosure) -> Any:
    """The same page or mail of an offer with this setting; a recipient's own page is of none."""
    if isinstance(view, RecipientView):
        return view
    if isinstance(view, IndexView):
        return replace(view, offers=tuple(_with(offer, disclosure) for offer in view.offers))
    return view if isinstance(view, NoticeView) else replace(view, offer=_with(view.offer, disclosure))


def _with(offer: Any, disclosure: Disclosure) -> Any:
    return replace(offer, policy=replace(offer.policy, disclosure=disclosure))


def reader(view: Any) -> Role | None:
    """Who reads a page; nobody knows who reads a public one: it must do for a client."""
    match view:
        case GateView() | AnsweredView():
            return view.gate.role
        case FreelancerView() | RecipientView():
            return Role.FREELANCER
        case IndexView() | OfferView() | OrderView() | NoticeView():
            return Role.CLIENT
        case _:
            raise AssertionError(view)


def texts(lang: str, disclosure: Disclosure, role: Role) -> Iterator[tuple[str, str]]:
    """Every page and mail of a reader, with a name; what the reader is shown, addresses of links left out."""
    for name, view in samples.pages(lang):
        if reader(view) is role:
            yield name, _shown(page(disclosing(view, disclosure)))
    for key in KEYS:
        yield f"mail-{key}", _shown(whole(write(disclosing(samples.letter_view(lang, key, role), disclosure))))


def _shown(html: str) -> str:
    """Without styles, scripts and addresses."""
    bare = re.sub(r"<(style|script)[ >].*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"https?://\S+", " ", bare)


@pytest.mark.parametrize(("lang", "disclosure"), CASES)
def test_a_client_learns_of_the_maker_what_the_offer_says(lang: str, disclosure: Disclosure) -> None:
    """Nothing but the brand; that somebody chosen does it; or their name. Never an address, nor "we do it"."""
    named = set()
    for name, text in texts(lang, disclosure, Role.CLIENT):
        assert OURSELVES.search(text) is None, (name, OURSELVES.search(text))
        if disclosure is Disclosure.BRAND_ONLY:
            assert SOMEBODY_ELSE.search(text) is None, (name, SOMEBODY_ELSE.search(text))
        if samples.FREELANCER.name in text:
            named.add(name)
        rest = text.replace(samples.FREELANCER.name, "") if disclosure is Disclosure.BY_NAME else text
        for secret in OF_THE_MAKER:
            assert secret not in rest, (name, secret)
    introduced = {"mail-acceptance", "gate-acceptance"} <= named
    assert introduced is (disclosure is Disclosure.BY_NAME)


@pytest.mark.parametrize(("lang", "disclosure"), CASES)
def test_a_freelancer_learns_of_the_client_what_the_offer_says(lang: str, disclosure: Disclosure) -> None:
    """The name where both are introduced to each other, nothing otherwise; never an address, never the price."""
    by_name, named = disclosure is Disclosure.BY_NAME, set()
    client = samples.ORDER.client_name or ""
    for name, text in texts(lang, disclosure, Role.FREELANCER):
        if client in text:
            named.add(name)
        rest = text.replace(client, "") if by_name else text
        for secret in (*OF_THE_CLIENT, "290\u00a0€", "€290"):
            assert secret not in rest, (name, secret)
    assert ({"mail-proposal", "mail-work", "gate-proposal", "gate-work"} <= named) is by_name


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_no_sentence_for_a_client_speaks_of_who_does_it_but_the_offers_own(lang: str) -> None:
    """Sentences that no sample says too: what is addressed to a client by its key claims nothing of the maker."""
    said = {key: entry for key, entry in words.entries(lang).items() if ".client" in key or key.startswith("order.")}
    for key, entry in said.items():
        for form in [entry] if isinstance(entry, str) else entry.values():
            assert SOMEBODY_ELSE.search(form) is None, key
            assert OURSELVES.search(form) is None, key
