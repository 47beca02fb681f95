"""The seller has the links of a version looked at: what was found stands beside each, with its time."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from devstack.simulation.memory import MemorySites
from devstack.simulation.pages import Form, Page
from devstack.simulation.world import World, world_in_memory
from relais.link_state import LinkState
from relais.rows import deliverable_key
from tests.support.journey import Journey
from tests.workflow.test_second_reviewer import half_way, link_of, seller_link, to_paul, told

LINKS = ("https://exemple.fr/maquette", "https://exemple.fr/partie", "https://exemple.fr/privé")


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def to_review(world: World) -> Journey:
    """A version of three links."""
    journey = Journey(world).to_work()
    journey.world.send(journey.form("work"), choice="deliver", note="", links="\n".join(LINKS))
    return journey


def sites(world: World) -> MemorySites:
    return world.clouds.sites  # type: ignore[attr-defined, no-any-return]


def review(journey: Journey) -> Page:
    return journey.world.get(journey.world.link("review", journey.id))


def button(journey: Journey) -> Form:
    return next(form for form in review(journey).forms if form.action.endswith("/links"))


def test_each_link_is_shown_with_what_was_found_and_when(world: World) -> None:
    """A dead link is the seller's to notice before the client does; the client's page says nothing of it."""
    journey = to_review(world)
    sites(world).found = {LINKS[1]: LinkState.GONE, LINKS[2]: LinkState.NOT_ASKED}
    assert "Vérifiés le" not in review(journey).text
    assert sites(world).asked == []
    sent = world.send(button(journey))
    assert (sent.status, sent.location.partition("#")[2]) == (303, "looked")
    shown = review(journey).text.replace("\u00a0", " ")
    assert shown.index("répond") < shown.index("n’existe pas ou plus") < shown.index("non vérifié")
    assert "Vérifiés le" in shown
    journey.answer("review", "approve")
    assert "Vérifiés" not in world.get(world.link("acceptance", journey.id)).text


def test_links_are_looked_at_once_a_minute(world: World) -> None:
    """Whoever presses without end sends nobody's server a flood."""
    journey = to_review(world)
    form = button(journey)
    for _ in range(3):
        world.send(form)
    assert sites(world).asked == list(LINKS)
    world.pass_time(minutes=2)
    world.send(form)
    assert sites(world).asked == [*LINKS, *LINKS]


def test_only_the_page_of_an_open_review_has_them_looked_at(world: World) -> None:
    """Another gate's link, an old page, a changed form: nobody is asked, and nothing is written."""
    journey = to_review(world)
    form, work = button(journey), world.link("work", journey.id)
    before = world.row(deliverable_key(journey.id, "01", 1))
    assert world.post(f"{work}/links", {"nonce": form.fields["nonce"]}).status == 404
    world.post(form.action, {"nonce": "old"})
    assert world.post(form.action, {"nonce": form.fields["nonce"], "links": "http://10.0.0.1/"}).status == 400
    assert world.post(form.action, form.fields, sec_fetch_site="cross-site").status == 403
    assert world.post(f"{form.action[:-10]}x/links", form.fields).status == 404
    journey.answer("review", "approve")
    assert world.send(form).status == 303
    assert (sites(world).asked, world.row(deliverable_key(journey.id, "01", 1))) == ([], before)


def test_the_second_reviewer_has_them_looked_at_by_their_own_link(world: World) -> None:
    """Nothing on their page leads to the seller's."""
    told(world)
    journey = to_review(world)
    half_way(journey)
    shown = world.get(link_of(to_paul(world)[-1]))
    own, sellers = urlsplit(shown.form("choice").action).path, urlsplit(seller_link(journey)).path
    form = next(one for one in shown.forms if one.action.endswith("/links"))
    assert (form.action, sellers in shown.body) == (f"{own}/links", False)
    sent = world.send(form)
    assert (sent.status, sent.location) == (303, f"{own}#looked")
    assert sites(world).asked == list(LINKS)


def test_a_new_version_has_not_been_looked_at(world: World) -> None:
    """What was found belongs to the version that it was found of."""
    journey = to_review(world)
    world.send(button(journey))
    journey.answer("review", "rework", "Le lien est mort.")
    journey.world.send(journey.form("work"), choice="deliver", note="", links=LINKS[0])
    assert "Vérifiés le" not in review(journey).text
