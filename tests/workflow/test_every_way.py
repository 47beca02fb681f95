"""Every way through the shipped definition, on moto with the real handlers; and that none is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devstack.simulation.world import ROOT, World, world_in_memory
from tests.workflow import cascades, leaving, onboardings, raises, reassignments, settlements, several, ways_out  # noqa: F401 - add theirs to the scenarios
from tests.workflow.scenarios import SCENARIOS

DEFINITION: dict[str, Any] = json.loads((ROOT / "statemachines" / "order.asl.json").read_text(encoding="utf-8"))


@pytest.mark.dear
@pytest.mark.parametrize("name", SCENARIOS)
def test_an_order_goes_this_way(world: World, name: str) -> None:
    """The scenario holds on moto; walked without it, the same definition enters the same states in the same order.

    What runs side by side has no order of its own.
    """
    SCENARIOS[name](world)
    with world_in_memory() as other:
        SCENARIOS[name](other)
        found, expected = other.engine.entered(), world.engine.entered()
        if name in several.SIDE_BY_SIDE:
            found, expected = sorted(found), sorted(expected)
        assert found == expected


def edges(program: dict[str, Any]) -> set[tuple[str, str]]:
    """Every transition that a definition has, the map's inner ones too."""
    found: set[tuple[str, str]] = set()
    for name, state in program["States"].items():
        targets = [state.get("Next"), state.get("Default")]
        targets += [rule["Next"] for part in ("Choices", "Catch") for rule in state.get(part, [])]
        found |= {(name, target) for target in targets if target}
        if "ItemProcessor" in state:
            found |= edges(state["ItemProcessor"])
    return found


def test_no_state_or_transition_is_left_unvisited() -> None:
    """The scenarios together take every transition of the definition; what this prints has no test yet."""
    taken: set[tuple[str, str]] = set()
    entered: set[str] = set()
    for play in SCENARIOS.values():
        with world_in_memory() as world:
            play(world)
            entered |= set(world.engine.entered())
            taken |= {step for walk in world.engine.walks.values() for step in walk.transitions}
    inner = DEFINITION["States"]["Milestones"]["ItemProcessor"]["States"]
    assert {*DEFINITION["States"], *inner} - entered == set()
    assert edges(DEFINITION) - taken == set()
