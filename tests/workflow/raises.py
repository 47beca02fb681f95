"""Pay that rises: a rate by the shop's rule, told and never retroactive."""

from __future__ import annotations

from devstack.simulation.world import World
from relais.roster import Freelancer, RateRise
from relais.rows import SHOP_KEY, Change, freelancer_key
from tests.support.journey import Journey
from tests.workflow.scenarios import scenario


def let_rates_rise(world: World, after: int = 2, above: int = 470, by: int = 10, most: int = 15) -> None:
    """The shop's policy says when a rate rises by itself."""
    shop = world.row(SHOP_KEY)["shop"]
    rule = RateRise(after, above, by, most).to_row()
    world.ports.store.write(Change(SHOP_KEY, put={"shop": {**shop, "rate_rise": rule}}))


def rate(world: World) -> int | None:
    """What Inès asks for a logo now."""
    return Freelancer.from_row(world.row(freelancer_key("ines-moreau"))).rate_for("logo")


@scenario
def a_rate_rises_by_the_rule(world: World) -> None:
    """After so many works it rises, capped; the next proposal has it; each raise is told once."""
    let_rates_rise(world)
    world.ports.store.write(Change(freelancer_key("ines-moreau"), put={"capacity": 9}))
    seen = []
    for _ in range(3):
        first, second = Journey(world).to_hold(), Journey(world).to_hold()
        since = len(world.mails)
        world.pass_time(days=4)
        told = [mail.subject for mail in world.mails[since:] if "tarif augmente" in mail.subject]
        seen.append((rate(world), len(told)))
        assert {first.order.stage.value, second.order.stage.value} == {"completed"}
    assert seen == [(14_300, 1), (14_950, 1), (14_950, 0)]
    assert Journey(world).to_assign().open_gate.shown["pay"] == 14_950
