"""A review that the seller does not get to: somebody else is asked, and the first to answer decides (people 4, 5b)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from devstack.simulation.pages import Mail
from devstack.simulation.world import World, world_in_memory
from relais.calendar import Away
from relais.rows import SHOP_KEY, Change
from relais.shop import Shop
from relais.steps.links import gate_link
from tests.support.journey import Journey
from tests.workflow.scenarios import SELLER, finish
from tests.workflow.test_digest import digesting, review_of

PAUL = "paul@atelier-mistral.example"


def told(world: World, *, lang: str = "fr", **terms: object) -> None:
    """The shop has a second reviewer."""
    row = world.row(SHOP_KEY)
    second = {"name": "Paul Martin", "email": PAUL, "lang": lang}
    shop = replace(Shop.from_row(row["shop"]), second_reviewer=second, **terms)  # type: ignore[arg-type]
    world.ports.store.write(Change(SHOP_KEY, put={"shop": shop.to_row()}))


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        told(made)
        yield made


def to_paul(world: World) -> list[Mail]:
    """The mails that reached the second reviewer."""
    return [mail for mail in world.mails if mail.to == PAUL]


def link_of(mail: Mail) -> str:
    """The link of a mail's button."""
    return next(link for link in mail.links if "/g/" in link)


def seller_link(journey: Journey) -> str:
    """The seller's own."""
    return gate_link(journey.world.ports, journey.order, review_of(journey))


def half_way(journey: Journey) -> None:
    """Half of the seller's time has passed."""
    gate = review_of(journey)
    assert gate.tells_seller is not None
    journey.world.go_to(gate.tells_seller + timedelta(minutes=1))


def test_half_way_the_second_reviewer_is_asked_once_with_a_link_of_their_own(world: World) -> None:
    """Another secret than the seller's; what the order earns is not theirs to see."""
    journey = Journey(world).to_review()
    assert to_paul(world) == []
    half_way(journey)
    (mail,) = to_paul(world)
    assert "Bonjour Paul" in mail.body
    assert link_of(mail) != seller_link(journey)
    own, seller = world.get(link_of(mail)), world.get(seller_link(journey))
    assert [form.names >= {"choice", "nonce"} for form in own.forms] == [True]
    assert "Marge" in seller.text
    assert "Marge" not in own.text
    world.pass_time(days=2)
    assert len(to_paul(world)) == 1


def test_whoever_answers_first_decides_and_the_other_reads_who(world: World) -> None:
    """Through the one door; the audit names the second reviewer."""
    journey = Journey(world).to_review()
    half_way(journey)
    form = world.get(link_of(to_paul(world)[0])).form("choice")
    link = seller_link(journey)
    assert world.send(form, choice="approve").status == 303
    decision = review_of(journey).decision
    assert decision is not None
    assert decision.by == "second reviewer"
    assert journey.stage == "acceptance"
    assert "Décision de Paul Martin" in world.get(link).text
    finish(journey)


def test_where_the_seller_was_faster_the_second_reviewer_reads_so(world: World) -> None:
    """Their form comes too late, and says who decided."""
    journey = Journey(world).to_review()
    half_way(journey)
    link = link_of(to_paul(world)[0])
    form = world.get(link).form("choice")
    own = world.get(seller_link(journey)).form("choice")
    world.send(own, choice="rework", why_0="La police n'est pas libre.", note="La police n'est pas libre.")
    late = world.send(form, choice="approve")
    assert "Décision de Claire Fontaine" in late.text
    assert "Décision de Claire Fontaine" in world.get(link).text
    assert journey.stage == "work"


def test_a_review_that_is_decided_in_time_asks_nobody_else(world: World) -> None:
    """Nobody is written to for nothing."""
    journey = Journey(world).to_review()
    journey.answer("review", "approve")
    world.pass_time(days=2)
    assert to_paul(world) == []


def test_while_the_seller_is_away_the_second_reviewer_is_asked_at_once(world: World) -> None:
    """In the shop's hours; the seller's own time counts when they are back."""
    journey = Journey(world).to_work()
    today = world.now().date()
    told(world, away=(Away(today, today + timedelta(days=9)),), lang="en")
    journey.deliver()
    world.pass_time(minutes=5)
    (mail,) = to_paul(world)
    assert "Hello Paul" in mail.body
    assert world.send(world.get(link_of(mail)).form("choice"), choice="approve").status == 303
    assert journey.stage == "acceptance"


def test_with_digests_too(world: World) -> None:
    """The seller hears of it in the digest, the second reviewer by a mail of their own, after it."""
    digesting(world)
    journey = Journey(world).to_review()
    world.pass_time(days=1)
    assert len(to_paul(world)) == 1
    assert review_of(journey).mailed


def test_a_forged_or_tampered_link_opens_nothing(world: World) -> None:
    """The seller's secret answers as the seller, never the other way round; a review without a second has one link."""
    journey = Journey(world).to_review()
    half_way(journey)
    link = link_of(to_paul(world)[0])
    assert world.get(f"{link[:-1]}{'A' if link[-1] != 'A' else 'B'}").status == 404
    form = world.get(link).form("choice")
    seller = world.get(seller_link(journey)).form("choice")
    assert form.fields["nonce"] != seller.fields["nonce"]
    assert world.send(form, nonce=seller.fields["nonce"], choice="approve").status == 422
    assert len([mail for mail in world.mails if mail.to == SELLER]) >= 1
