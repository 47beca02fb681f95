"""What freelancers hand in, what is looked at by itself, and what the client sees before the yes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import pytest

from devstack.simulation.pages import Page
from devstack.simulation.world import World, world_in_memory
from relais.checks import Automatic
from relais.offer import Offer, Release, Review
from relais.rows import Change, Key, Put, deliverable_key, freelancer_key, offer_key
from tests.support.journey import Journey

LINK = "https://exemple.fr/maquette"


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def changed(journey: Journey, **terms: object) -> None:
    """The offer of an order has other terms."""
    key = offer_key(journey.order.offer, journey.order.offer_version)
    row = journey.world.row(key)
    offer = replace(Offer.from_row(row), **terms)  # type: ignore[arg-type]
    journey.world.ports.store.write(Put(key, {**row, **offer.to_row()}, guards=()))


def hand_in(journey: Journey, *names: str, **typed: str) -> Page:
    """Upload these files and send the form."""
    form = journey.form("work")
    bodies = {name: b"\x89PNG %d" % at for at, name in enumerate(names)}
    keys = journey.world.upload(f"{form.action}/files", form.fields["nonce"], bodies) if names else []
    return journey.world.send(form, **({"choice": "deliver", "note": "", "file": keys} | typed))


def version(journey: Journey) -> dict[str, object]:
    key: Key = deliverable_key(journey.id, "01", 1)
    return dict(journey.world.row(key))


def test_a_version_may_be_links_alone(world: World) -> None:
    """One on each line, whole addresses of the web; what is none is told by name, and nothing typed is lost."""
    journey = Journey(world).to_work()
    wrong = hand_in(journey, links=f"{LINK}\njavascript:alert(1)\nhttps://me@evil.example/")
    assert (wrong.status, journey.stage) == (422, "work")
    assert "javascript:alert(1)" in wrong.text
    assert hand_in(journey).status == 422
    hand_in(journey, links=f"{LINK}\n\n{LINK}\n")
    assert (journey.stage, version(journey)["links"]) == ("review", [LINK])
    assert LINK in world.get(world.link("review", journey.id)).text


def test_what_was_looked_at_is_what_everybody_gets(world: World) -> None:
    """A permit is good for an hour: what is sent with it after handing in, or in between, is nobody's version."""
    journey = Journey(world).to_work()
    looked, put, digest = b"\x89PNG looked at", world.clouds.put_object, world.ports.files.digest
    form = journey.form("work")
    (key,) = world.upload(f"{form.action}/files", form.fields["nonce"], {"logo.png": looked})

    def meanwhile(*given: str) -> str:
        put(key, b"\x89PNG replaced!")
        return digest(*given)

    with patch.object(world.ports.files, "digest", meanwhile):
        world.send(form, choice="deliver", note="", file=[key])
    (file,) = version(journey)["files"]  # type: ignore[misc, attr-defined]
    assert (file["size"], file["sha256"]) == (len(looked), hashlib.sha256(looked).hexdigest())
    put(key, b"\x89PNG replaced again")
    assert downloads(world, world.get(world.link("review", journey.id)), key) == {looked}
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    assert downloads(world, world.get(journey.page), key) == {looked}


def downloads(world: World, page: Page, key: str) -> set[bytes]:
    """What the page's addresses of a file lead to."""
    files = world.clouds.files  # type: ignore[attr-defined]
    found = re.findall(rf"{re.escape(key)}\?[^\"]*upload=([0-9]*)", page.body)
    return {files.read(key, upload) for upload in found}


def test_what_the_offer_requires_is_told_before_it_is_sent_and_may_be_sent_all_the_same(world: World) -> None:
    """Nobody is stopped: with a reason it goes, and the seller reads what is missing first."""
    journey = Journey(world).to_work()
    changed(journey, automatic=Automatic(files=2, types=("svg", "png")))
    told = hand_in(journey, "logo.png")
    assert (told.status, journey.stage) == (422, "work")
    assert "svg" in told.text
    again = hand_in(journey, "logo.png", anyway="yes")
    assert (again.status, journey.stage) == (422, "work")
    hand_in(journey, "logo.png", anyway="yes", note="Le SVG suit demain.")
    assert journey.stage == "review"
    page = world.get(world.link("review", journey.id)).text
    assert page.index("svg") < page.index("Le SVG suit demain.") or "Types manquants" in page


def test_a_name_that_the_client_may_not_know_is_told_to_the_seller_alone(world: World) -> None:
    """In the name of a file: neither the freelancer nor the client hears of it."""
    journey = Journey(world).to_work()
    hand_in(journey, "logo-moreau.png")
    said = "Un nom que le client ne doit pas voir"
    assert said in world.get(world.link("review", journey.id)).text
    journey.answer("review", "approve")
    assert said not in world.get(world.link("acceptance", journey.id)).text


def test_the_originals_are_released_with_the_yes(world: World) -> None:
    """Before it: smaller pictures, the list of files and the number of links; no drawing, no download, no address."""
    journey = Journey(world).to_work()
    changed(journey, policy=replace(_offer(journey).policy, release=Release.PREVIEW_FIRST))
    hand_in(journey, "logo.png", "logo.svg", links=LINK)
    journey.answer("review", "approve")
    page = world.get(world.link("acceptance", journey.id))
    assert "logo.svg" in page.text
    assert LINK not in page.body
    assert "logo.svg?name" not in page.body
    assert "/preview/0" in page.body
    journey.answer("acceptance", "accept")
    after = world.get(journey.page).body
    assert LINK in after
    assert "logo.svg?name" in after


def _offer(journey: Journey) -> Offer:
    return Offer.from_row(journey.world.row(offer_key(journey.order.offer, journey.order.offer_version)))


def test_a_version_is_sent_back_point_by_point(world: World) -> None:
    """Each point with its reason, in the freelancer's language, then the free words; a reason alone is enough."""
    journey = Journey(world).to_review()
    journey.answer("review", "rework", "", why_0="Le PDF manque.", tick_1="yes")
    assert journey.stage == "work"
    checks = _offer(journey).checks
    page = world.get(world.link("work", journey.id)).text
    assert f"• {checks[0].fr} – Le PDF manque." in page
    assert f"• {checks[1].fr}" not in page


def test_the_client_reads_what_was_ticked_and_no_more(world: World) -> None:
    """No text claims a check that nobody ticked; a point that the offer does not have is refused."""
    journey = Journey(world).to_review()
    checks = _offer(journey).checks
    foreign = journey.answer("review", "approve", tick_9="yes")
    assert (foreign.status, journey.stage) == (400, "review")
    journey.answer("review", "approve", tick_1="yes")
    page = world.get(world.link("acceptance", journey.id)).text
    assert checks[1].fr in page
    assert checks[0].fr not in page


def test_later_versions_of_a_trusted_freelancer_alone_go_straight_to_the_client(world: World) -> None:
    """Where the offer reviews the first version only; of anybody else the seller sees every one."""
    for trusted, stage in ((True, "acceptance"), (False, "review")):
        journey = Journey(world).to_acceptance()
        changed(journey, policy=replace(_offer(journey).policy, review=Review.FIRST_VERSION))
        key = freelancer_key(journey.milestone.engagement.freelancer)
        world.ports.store.write(Change(key, put={"trusted": trusted}))
        journey.answer("acceptance", "revise", "Plus foncé.")
        journey.deliver(b"\x89PNG 2")
        assert journey.stage == stage
        world.ports.store.write(Change(key, put={"in_hand": 0}))
