"""The work goes to somebody else at any moment: what was done stays, the one who loses it is told why."""

from __future__ import annotations

import pytest

from devstack.simulation.world import World
from relais.order import OrderStage
from relais.rows import Change, milestone_key
from relais.steps.decisions import LostWhy
from relais.steps.reassign import NothingToReassignError, reassign
from tests.support.journey import Journey
from tests.support.people import hire
from tests.workflow.cascades import in_hand
from tests.workflow.scenarios import _raised_before, _say, _superseded, assert_completed, broken, finish, scenario
from tests.workflow.ways_out import assert_given_back, cancel, way_out

MAKER = "ines@moreau-graphisme.example"


def take_away(journey: Journey, why: LostWhy = LostWhy.LATE) -> None:
    """The seller gives the work to somebody else from the command line."""
    reassign(journey.world.ports, journey.id, "01", by="seller", why=why, reason="une bonne raison")
    journey.world.settle()


def told(world: World, since: int) -> list[str]:
    """The mails to the freelancer who lost the work."""
    return [mail.subject for mail in world.mails[since:] if mail.to == MAKER and "quelqu’un d’autre" in mail.subject]


@scenario
def given_up(world: World) -> None:
    """A freelancer gives the work back; they are paid nothing, told so once, and the next is asked."""
    journey = Journey(world).to_work()
    since = len(world.mails)
    journey.answer("work", "give_up", "Je suis malade.")
    assert (journey.stage, journey.open_gate.owner) == ("reassign", "studio-nord")
    assert in_hand(world) == {"studio-nord": 1}
    assert len(told(world, since)) == 1
    finish(journey)
    assert world.transfers()[-1]["amount"] == 16_500


@way_out
def reassigned_at_every_stage(world: World) -> None:
    """In work, in review, before the client and parked; what was handed in is shown to the next."""
    for reach in (Journey.to_work, Journey.to_review, Journey.to_acceptance):
        journey = reach(Journey(world))
        take_away(journey)
        assert (journey.stage, journey.open_gate.owner) == ("reassign", "studio-nord")
        journey.answer("proposal", "accepted")
        version = journey.milestone.version
        assert ("logo.png" in world.get(world.link("work", journey.id)).text) == (version > 0)
        cancel(journey)
        world.pass_time(days=8)
    parked = Journey(world).to_work()
    with broken(world, "open-gate", "review"):
        parked.deliver()
    take_away(parked)
    assert parked.stage == "reassign"


@scenario
def sent_on_by_the_review(world: World) -> None:
    """The seller gives it to somebody else from the review, with words; the next is paid their own rate."""
    journey = Journey(world).to_review()
    assert journey.answer("review", "reassign").status == 422
    since = len(world.mails)
    journey.answer("review", "reassign", "Ce n'est pas le brief.")
    assert journey.stage == "reassign"
    assert len(told(world, since)) == 1
    finish(journey)
    assert world.transfers()[-1]["amount"] == 16_500


@way_out
def the_sellers_wish_is_paid(world: World) -> None:
    """By the frozen policy the seller's own wish costs the whole pay: sent once, booked, borne by the seller."""
    journey = Journey(world).to_work()
    take_away(journey, LostWhy.SELLER)
    world.pass_time(minutes=10)
    assert [transfer["amount"] for transfer in world.transfers()] == [13_000]
    assert (journey.order.borne, journey.order.in_transit, journey.order.sent) == (13_000, 0, 13_000)
    assert {row["kind"] for row in journey.entries()} >= {"kill_fee", "transfer"}
    assert journey.order.stage is OrderStage.MILESTONES
    cancel(journey)
    assert_given_back(journey, freelancer=13_000)


@way_out
def nobody_else_takes_it(world: World) -> None:
    """Everybody has been asked: the seller picks, waits, or gives the milestone's money back."""
    journey = Journey(world).to_work()
    take_away(journey)
    journey.answer("proposal", "again")
    assert journey.stage == "pick"
    journey.answer("pick", "wait", until="2026-12-01")
    assert journey.stage == "reassign"
    world.pass_time(days=9)
    assert journey.stage == "pick"
    journey.answer("pick", "picked", freelancer="ines-moreau")
    journey.answer("proposal", "again")
    assert journey.stage == "pick"
    journey.answer("pick", "refund")
    assert_given_back(journey)


@scenario
def taken_over_by_the_seller(world: World) -> None:
    """The seller finishes it themself, or buys it elsewhere."""
    journey = to_pick_another(world)
    journey.answer("pick", "self")
    assert (journey.stage, journey.open_gate.owner) == ("work", "seller")
    other = to_pick_another(world)
    other.answer("pick", "outside", spent="50", bought_at="Plateforme", receipt="R-2")
    assert (other.stage, other.milestone.engagement.spent) == ("work", 5_000)


def to_pick_another(world: World) -> Journey:
    """Nobody takes the work over."""
    journey = Journey(world).to_work()
    take_away(journey)
    journey.answer("proposal", "again")
    assert journey.stage == "pick"
    return journey


@scenario
def what_is_accepted_is_not_reassigned(world: World) -> None:
    """After the client's yes the work is the freelancer's; before it anybody has it, it is nobody's to lose."""
    journey = Journey(world).to_assign()
    with pytest.raises(NothingToReassignError):
        take_away(journey)
    journey.answer("proposal", "accepted")
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    with pytest.raises(NothingToReassignError):
        take_away(journey)
    finish(journey)
    assert_completed(journey)


@way_out
def reassignments_cancelled(world: World) -> None:
    """A cancellation meets the questions of a reassignment as any other."""
    asking = Journey(world).to_work()
    take_away(asking)
    cancel(asking)
    assert_given_back(asking)
    picking = to_pick_another(world)
    cancel(picking)
    assert_given_back(picking)


@scenario
def reassignments_that_fail(world: World) -> None:
    """Openings that fail park, a newer run enters them, an answer nobody knows parks: the way back is offered."""
    journey = Journey(world).to_work()
    with broken(world, "open-proposal", "reassign"):
        take_away(journey)
    assert (journey.stage, journey.milestone.parked_from) == ("park", "reassign")
    journey.answer("park", "reassign")
    _superseded(journey)
    _say(journey, "something_new")
    assert journey.stage == "park"
    journey.answer("park", "reassign")
    with broken(world, "open-gate", "pick"):
        journey.answer("proposal", "again")
    journey.answer("park", "pick")
    _superseded(journey)
    _say(journey, "something_new")
    journey.answer("park", "pick")
    journey.answer("pick", "self")
    assert journey.stage == "work"
    for step in ("open-proposal", "open-gate"):
        other = Journey(world).to_work()
        if step == "open-gate":
            take_away(other)
        with _raised_before(world, step, "reassign" if step == "open-proposal" else "pick"):
            take_away(other) if step == "open-proposal" else other.answer("proposal", "again")
        run = other.order.run
        assert world.engine.status_of(f"{other.id}-{run - 1}") == "SUCCEEDED"
        world.ports.machine.start(other.id, run)
        world.settle()
        assert other.stage in {"reassign", "pick"}


@scenario
def two_take_over_at_once(world: World) -> None:
    """The rounds begin anew for work that is taken over; nobody who had it or declined it is asked again."""
    for key in ("anna", "bruno", "chloe", "dora"):
        hire(world, key)
    journey = Journey(world).to_work()
    world.ports.store.write(Change(milestone_key(journey.id, "01"), put={"rounds": 2}))
    take_away(journey)
    asked: list[str] = []
    while len(owners := [gate.owner for gate in journey.gates if gate.status.value == "open"]) == 1:
        asked += owners
        journey.answer_as(owners[0], "again")
    assert len(owners) == 2
    assert not {"ines-moreau", *asked} & set(owners)
    journey.answer_as(owners[1], "accepted")
    assert (journey.stage, journey.milestone.rounds) == ("work", 0)
    assert in_hand(world) == {owners[1]: 1}
