"""The stepper, with which thousands of orders are played, goes the way that the local cloud goes, call for call.

`test_every_way.py` holds it against moto on every journey; the local cloud executes the definition by another engine,
which is too slow for all of them: five, of each kind one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

import pytest

from devstack.cloud import ACCOUNT
from devstack.simulation.world import ACCOUNT as OURS
from devstack.simulation.world import ROOT, world_in_memory
from tests.support.ministack import Deployed, deployed, follow
from tests.support.world import definition
from tests.workflow import reassignments, several, ways_out  # noqa: F401 - add theirs to the scenarios
from tests.workflow.scenarios import SCENARIOS

DEFINITION = json.loads((ROOT / "statemachines" / "order.asl.json").read_text(encoding="utf-8"))
FIVE = (
    "demo",
    "cancelled_by_the_seller_in_work",
    "refund_as_a_right",
    "given_up",
    "side_by_side",
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with deployed(tmp_path_factory.mktemp("cloud"), definition().replace(OURS, ACCOUNT)) as made:
        yield made


@pytest.mark.dear
@pytest.mark.parametrize("name", FIVE)
def test_the_local_cloud_goes_the_way_of_the_stepper(cloud: Deployed, name: str) -> None:
    """The same calls with the same payloads, the same answers, the same states outside of the map, the same end."""
    with world_in_memory(dice=Random(name)) as world:
        expected = follow(world)
        SCENARIOS[name](world)
        walks = {one.name: one for one in world.engine.walks.values()}
    with world_in_memory(dice=Random(name), engine=cloud.route(expected.rests)) as world:
        found = follow(world)
        SCENARIOS[name](world)
    assert found.lines == expected.lines
    assert walks
    outer = DEFINITION["States"]
    for walk in walks.values():
        assert cloud.ended(walk.name) == walk.status
        assert cloud.entered(walk.name) == [state for state in walk.entered if state in outer]
