"""What an order may grow to: its execution's history, its rows (design: workflow section 6)."""

from __future__ import annotations

import json
from collections import Counter

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.payments import top_up
from tests.workflow.several import PRICE, Articles

MOST_EVENTS_OF_A_MILESTONE, MOST_EVENTS = 300, 10_000
MOST_ROW, MOST_HEAD = 4_096, 1_024
EVENTS = {"Task": 6, "Choice": 2, "Pass": 2, "Succeed": 2, "Map": 3}
"""Events that Step Functions writes for a state: a task with a token is entered, scheduled, started, submitted,
succeeded and left."""
SENT_BACK = 2


def worst(world: World) -> Articles:
    """Every article sent back twice by the seller before and after its one change, then refunded as a right."""
    top_up(world.sandbox.platform, 2 * PRICE)
    journey = Articles(world)
    journey.to_work()
    for number in range(1, 11):
        if number > 1:
            journey.begin(number)
        for answer in ("revise", "refund"):
            for _ in range(SENT_BACK):
                journey.hand_in(number)
                journey.give(number, "review", "rework", "Plus court, s'il vous plaît.")
            journey.hand_in(number)
            journey.give(number, "review", "approve")
            journey.give(number, "acceptance", answer, "Un autre angle." if answer == "revise" else "")
    world.pass_time(days=8)
    return journey


def test_the_worst_order_stays_far_below_what_an_execution_and_a_row_may_hold() -> None:
    """Ten articles with all that can be asked for: no milestone near 300 events, no row over 4 kB, a head below 1."""
    with world_in_memory() as world:
        journey = worst(world)
        assert journey.stages == ["closed"] * 10
        kinds = {
            name: state["Type"]
            for program in (world.engine.definition, world.engine.definition["States"]["Milestones"]["ItemProcessor"])  # type: ignore[union-attr]
            for name, state in program["States"].items()
        }
        entered = Counter(world.engine.entered())
        events = sum(EVENTS[kinds[name]] * count for name, count in entered.items())
        inside = world.engine.definition["States"]["Milestones"]["ItemProcessor"]["States"]  # type: ignore[union-attr]
        of_milestones = sum(EVENTS[kinds[name]] * count for name, count in entered.items() if name in inside)
        assert of_milestones / 10 < MOST_EVENTS_OF_A_MILESTONE / 2
        assert events < MOST_EVENTS / 5
        sizes = {row["sk"]: len(json.dumps(dict(row), ensure_ascii=False)) for row in world.rows(f"O#{journey.id}")}
        assert max(sizes.values()) < MOST_ROW
        assert sizes["ORDER"] < MOST_HEAD
