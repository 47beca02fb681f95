"""More people on the roster of a world."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from devstack.simulation.world import INES, World
from relais.performer import Performer
from relais.roster import Freelancer
from relais.rows import Put, freelancer_key
from relais.score import Score


def hire(world: World, key: str, **changed: Any) -> Freelancer:
    """Somebody who draws logos as Inès does, less well known, paid by the same account."""
    ines = Freelancer.from_row(world.row(freelancer_key("ines-moreau")))
    somebody = replace(
        ines,
        key=key,
        name=key.capitalize(),
        email=f"{key}@roster.example",
        kind=Performer.FREELANCER,
        quality=Score(450, 3),
        capacity=1,
        in_hand=0,
        stripe_account=INES,
    )
    made = replace(somebody, **changed)
    world.ports.store.write(Put(freelancer_key(key), made.to_row()))
    return made
