"""A sum given back of what is still held while the work goes on: everything later counts with what is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.payments import top_up
from relais.deed import What
from relais.gate import Choice, Via
from relais.offer import RefundCause
from relais.ports import ConditionFailedError
from relais.steps import gates, interrupt
from relais.steps.decisions import Answer
from relais.steps.deeds import deeds_of
from relais.steps.late_refund import NothingToRefundError, RefundTooHighError
from relais.steps.part_back import PartForeseen, give_part_back, held_parts
from relais.steps.situation import read_situation
from tests.support.journey import Journey
from tests.workflow.test_disputes import clean, disputed, verdict

PRICE, PAY = 29_000, 13_000


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud; the seller keeps a reserve at Stripe."""
    with world_in_memory() as made:
        top_up(made.sandbox.platform, 200_000)
        yield made


def part(journey: Journey, amount: int, cause: RefundCause = RefundCause.SELLER_FAULT) -> PartForeseen:
    """The seller gives a part back from the command line; ten minutes later it has left."""
    done = give_part_back(journey.world.ports, journey.id, "01", amount=amount, cause=cause, reason="un geste")
    journey.world.pass_time(minutes=10)
    return done


def finish(journey: Journey) -> None:
    """The work is handed in, approved, accepted and paid."""
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    journey.world.pass_time(days=9)
    assert journey.order.stage.value == "completed"


def refunds(world: World) -> list[int]:
    """What was given back."""
    return [one["amount"] for one in world.sandbox.state()["objects"].get("refund", [])]


def test_a_part_goes_back_and_the_work_goes_on_for_what_is_left(world: World) -> None:
    """Promise 1: funds become a refund at once; what is accepted later is the rest, and the pay is whole."""
    journey = Journey(world).to_work()
    since = len(world.mails)
    done = part(journey, 4_000)
    assert (done.left, done.gap, refunds(world), journey.stage) == (PRICE - 4_000, 0, [4_000], "work")
    (mail,) = [one for one in world.mails[since:] if one.to == "marie@gmail.com"]
    assert "40" in mail.subject
    assert "geste" not in mail.body
    finish(journey)
    order = journey.order
    assert (order.refunded, order.sent, order.left, order.borne) == (4_000, PAY, PRICE - 4_000 - PAY, 0)
    assert clean(journey)["revenue"] == -(PRICE - 4_000)
    (told,) = [one for one in deeds_of(world.ports, journey.id) if one.what is What.PART_BACK]
    assert (told.by, dict(told.facts)["amount"]) == ("seller", 4_000)


def test_what_the_rest_does_not_cover_of_the_pay_is_the_sellers(world: World) -> None:
    """Who works is paid what they agreed to; the gap stands on the order as borne, with the person that allowed it."""
    journey = Journey(world).to_work()
    assert part(journey, 20_000).gap == PAY - 9_000
    finish(journey)
    order = journey.order
    assert (order.sent, order.borne, order.left) == (PAY, PAY - 9_000, 0)
    (told,) = [one for one in deeds_of(world.ports, journey.id) if one.what is What.PART_BACK]
    assert dict(told.facts)["gap"] == PAY - 9_000
    assert not [one for one in world.mails if one.to == "marie@gmail.com" and "gap" in one.body]
    clean(journey)


@pytest.mark.parametrize("reach", ["to_brief", "to_assign", "to_review", "to_acceptance"])
def test_a_cancellation_later_gives_back_what_is_left(world: World, reach: str) -> None:
    """Never more than was paid: the rest, and no cent twice."""
    journey = getattr(Journey(world), reach)()
    part(journey, 4_000)
    part(journey, 1_000)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="fermé")
    world.pass_time(days=9)
    order = journey.order
    assert (order.stage.value, order.refunded, order.left) == ("completed", PRICE, 0)
    assert sorted(refunds(world)) == [1_000, 4_000, PRICE - 5_000]
    clean(journey)


def test_a_dispute_that_is_lost_later_takes_what_is_left(world: World) -> None:
    """The bank takes back what the charge still holds; the part is gone by our own refund."""
    journey = Journey(world).to_work()
    part(journey, 4_000)
    verdict(journey, disputed(journey, PRICE - 4_000), "lost")
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.refunded, journey.order.sent) == ("completed", PRICE, PAY)
    clean(journey)


def test_it_is_bounded_and_has_its_time(world: World) -> None:
    """All of it is a cancellation; what is accepted, ended or disputed has other ways."""
    journey = Journey(world).to_work()
    assert held_parts(world.ports, journey.id) == ("01",)
    for amount in (0, -1, PRICE):
        with pytest.raises(RefundTooHighError):
            part(journey, amount)
    frozen = Journey(world).to_work()
    disputed(frozen)
    with pytest.raises(NothingToRefundError, match="disputed"):
        part(frozen, 1_000)
    accepted = Journey(world).to_hold()
    assert held_parts(world.ports, accepted.id) == ()
    with pytest.raises(NothingToRefundError):
        part(accepted, 1_000)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="fermé")
    with pytest.raises(NothingToRefundError):
        part(journey, 1_000)
    assert refunds(world) == []


def test_who_accepts_at_the_same_moment_books_what_is_left(world: World) -> None:
    """The share that was read is not booked once a part of it went back: what was earned would not be there."""
    journey = Journey(world).to_acceptance()
    before, gate = read_situation(world.ports, journey.id, "01"), journey.open_gate
    part(journey, 4_000)
    with pytest.raises(ConditionFailedError):
        gates.answer(world.ports, before, gate, Answer(Choice.ACCEPT, "client", Via.LINK))
    journey.answer("acceptance", "accept")
    world.pass_time(days=9)
    assert clean(journey)["revenue"] == -(PRICE - 4_000)
