"""Random orders with people of every temper: what `relais simulate` plays, in small."""

from __future__ import annotations

import pytest

from devstack.simulation import judging
from devstack.simulation.season import play

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
