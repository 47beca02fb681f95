"""Late work as it is answered by links and by the clock: every way that such an order goes through the definition."""

from __future__ import annotations

from datetime import timedelta

from devstack.simulation.world import World
from tests.support.journey import Journey
from tests.workflow.scenarios import finish
from tests.workflow.ways_out import assert_given_back, way_out


def to_late(world: World) -> Journey:
    """The working deadline has passed by two working hours: the seller is asked."""
    journey = Journey(world).to_work()
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline + timedelta(hours=17, minutes=30))  # two working hours: the next morning
    return journey


@way_out
def late_work_goes_to_the_seller(world: World) -> None:
    """The seller does it themself: nobody is asked, and the files are handed in on a page of their own."""
    journey = to_late(world)
    journey.answer("late", "self")
    assert (journey.stage, journey.open_gate.owner) == ("work", "seller")


@way_out
def late_work_is_awaited(world: World) -> None:
    """Another date for the maker, which the client agrees to."""
    journey = to_late(world)
    journey.answer("late", "wait", until="2026-12-10")
    journey.answer("cancel_late", "wait")
    finish(journey)


@way_out
def late_order_is_cancelled_by_its_client(world: World) -> None:
    """The seller says nothing, the client is asked, and cancels."""
    journey = to_late(world)
    world.pass_time(hours=5)
    journey.answer("cancel_late", "cancel")
    assert_given_back(journey)
