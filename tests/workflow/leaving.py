"""Orders that their clients leave: withdrawn from, cancelled before the work starts, cancelled by agreement."""

from __future__ import annotations

from devstack.simulation.pages import Page
from devstack.simulation.world import World
from relais.order import OrderStage
from tests.support.journey import Journey
from tests.workflow.ways_out import PRICE, assert_given_back, way_out

AGREED = 13000


def withdraw(journey: Journey, name: str = "Marie Aubin", address: str = "marie@gmail.com") -> Page:
    """Declare it, then confirm it, as the law has it: two steps on the order's own page."""
    world = journey.world
    shown = world.get(f"{journey.page}?withdraw=1")
    stated = world.send(shown.form("declare"), name=name, address=address, declare="yes", action="withdraw")
    assert stated.status == 200, stated.text
    done = world.send(stated.form("declare"), action="confirm")
    world.settle()
    return done


def cancel(journey: Journey) -> Page:
    """Cancel from the order's page, before anybody has taken the work."""
    shown = journey.world.get(f"{journey.page}?cancel=1")
    done = journey.world.send(shown.form("sure"), sure="yes", action="cancel")
    journey.world.settle()
    return done


def ask_to_end(journey: Journey, note: str = "Le projet s'arrête.", number: str = "01") -> Page:
    """Ask the seller to cancel what has begun."""
    shown = journey.world.get(f"{journey.page}?agree={number}")
    return journey.world.send(shown.form("milestone"), note=note, action="agree")


@way_out
def withdrawn_at_work(world: World) -> None:
    """Nothing was handed over: the client has everything back, the freelancer is told and paid nothing."""
    journey = Journey(world).to_work()
    withdraw(journey)
    assert_given_back(journey)


@way_out
def withdrawn_before_the_brief(world: World) -> None:
    """Before anybody has taken it the whole order ends."""
    journey = Journey(world).to_brief()
    withdraw(journey)
    assert journey.order.cause == "withdrawal"
    assert_given_back(journey)


@way_out
def withdrawn_before_the_yes(world: World) -> None:
    """What was handed over is owed in proportion, and its freelancer has the same share of the pay."""
    journey = Journey(world).to_acceptance()
    withdraw(journey)
    assert_given_back(journey, PRICE * 20 // 100, AGREED * 80 // 100, from_share=AGREED * 80 // 100)


@way_out
def cancelled_by_the_client_before_the_work(world: World) -> None:
    """Until somebody has taken the work the client cancels alone, and has everything back."""
    journey = Journey(world).to_assign()
    cancel(journey)
    assert (journey.order.cause, journey.order.stage) == ("change_of_mind", OrderStage.COMPLETED)
    assert_given_back(journey)


@way_out
def cancelled_by_agreement(world: World) -> None:
    """The client asks, the seller agrees: everything goes back, and the freelancer is paid as for a change of mind."""
    journey = Journey(world).to_work()
    ask_to_end(journey)
    journey.answer("agreement", "grant")
    assert_given_back(journey, freelancer=AGREED)
