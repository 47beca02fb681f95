"""Random orders with people of every temper: what `relais simulate` plays, in small."""

from __future__ import annotations

import pytest

from devstack.simulation import judging
from devstack.simulation.pages import Mail
from devstack.simulation.season import play
from devstack.simulation.world import catalogue, world_in_memory
from relais.steps.links import gate_link, stand_in_link
from tests.support.journey import Journey

ORDERS, DAYS = 5, 40


def test_the_same_seed_plays_the_same_season() -> None:
    """Else nobody could look at what a run found."""
    assert play("one", ORDERS, DAYS) == play("one", ORDERS, DAYS)
    assert play("one", ORDERS, DAYS) != play("two", ORDERS, DAYS)


@pytest.mark.parametrize("seed", ["one", "three"])
def test_no_promise_is_broken(seed: str) -> None:
    """Whoever answers late, twice, or never; whatever breaks meanwhile."""
    verdict = play(seed, ORDERS, DAYS)
    assert verdict.violations == ()
    assert verdict.ended.total() == ORDERS
    assert verdict.money["in"] == sum(verdict.money[name] for name in ("back", "out", "fees", "kept"))


def test_a_broken_promise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge who finds nothing wrong with anything would prove nothing: one that misses a refund is noticed."""
    monkeypatch.setattr(judging, "_bank", lambda world: judging._objects(world, "balance_transaction")[1:-1])
    assert play("one", ORDERS, DAYS).violations


def test_the_sellers_own_link_to_a_brief_concerns_the_seller_alone() -> None:
    """The client's in the seller's mail would be a leak, and so would the seller's in the client's."""
    with world_in_memory() as world:
        journey, shop = Journey(world).to_brief(), catalogue().shop
        theirs = gate_link(world.ports, journey.order, journey.open_gate)
        sellers = stand_in_link(world.ports, journey.open_gate)

        def told(to: str, link: str) -> int:
            mail = Mail(to, "Le brief", f'<a href="{link}">Ouvrir</a>')
            return len(list(judging.wrong_addressee(world, shop, mail)))

        assert (told(shop.email, sellers), told("marie@gmail.com", theirs)) == (0, 0)
        assert (told(shop.email, theirs), told("marie@gmail.com", sellers)) == (1, 1)
