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
    """After so many works it rises, capped; what was proposed before keeps its pay; each raise is told once."""
    let_rates_rise(world)
    seen = []
    for _ in range(2):
        first, second = Journey(world).to_hold(), Journey(world).to_hold()
        proposed = Journey(world).to_assign()
        since = len(world.mails)
        world.pass_time(days=4)
        told = [mail.subject for mail in world.mails[since:] if "tarif augmente" in mail.subject]
        seen.append((rate(world), len(told), proposed.open_gate.shown["pay"]))
        proposed.answer("proposal", "again")
        assert {first.order.stage.value, second.order.stage.value} == {"completed"}
    assert seen == [(14_300, 1, 13_000), (14_950, 1, 14_300)]
