"""Movements beside the way of an order of which nobody knows whether they were made: a person says what is true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.faults import Fault, FaultKind
from devstack.stripe_sandbox.payments import top_up
from relais.gate import Choice, Default, Gate, Kind, Role, Status
from relais.offer import RefundCause
from relais.steps import late_refund
from relais.steps.late_refund import NothingToRefundError
from tests.support.journey import Journey
from tests.workflow.test_late_refunds import PAY, PRICE, balances, give_back, owed, paid


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud, in which every sum is large: only people say that it was never moved."""
    with world_in_memory() as made, patch("relais.steps.acts.is_large", return_value=True):
        top_up(made.sandbox.platform, 200_000)
        yield made


def lost(world: World, what: FaultKind, path: str) -> None:
    """Calls to a list of Stripe's are lost, before it begins or after it has done what it was asked."""
    world.sandbox.faults.add(Fault(what, "POST", path, times=1_000))


def asked(journey: Journey) -> list[Gate]:
    """What the seller was asked about movements."""
    return sorted((one for one in journey.gates if one.id.kind is Kind.OUTCOME), key=lambda one: one.id.ordinal)


def made(world: World, kind: str) -> list[dict[str, Any]]:
    """What stands at Stripe."""
    return list(world.sandbox.state()["objects"].get(kind, []))


def unknown(world: World, what: FaultKind, path: str, cause: RefundCause = RefundCause.CHANGE_OF_MIND) -> Journey:
    """A refund after the pay, one of whose movements was sent and never answered; two days later."""
    journey = paid(world)
    lost(world, what, path)
    with patch("relais.adapters.stripe.StripePayments.made", return_value=[]):
        give_back(journey, cause=cause)
        world.pass_time(days=2)
    world.sandbox.faults.clear()
    return journey


def test_a_late_refund_that_nobody_knows_of_is_asked_about_with_what_stripe_shows(world: World) -> None:
    """The seller pastes the id that the page shows: it is compared with Stripe, booked once, and nothing is sent."""
    journey = unknown(world, FaultKind.LOSE_ANSWER, "/v1/refunds")
    (gate,) = asked(journey)
    assert (gate.role, gate.default, gate.choices) == (Role.SELLER, Default.STAY, (Choice.MADE, Choice.NEVER_MADE))
    (refund,) = made(world, "refund")
    page = world.get(world.link("outcome", journey.id))
    assert refund["id"] in page.text, page.text
    assert journey.order.refunded == 0
    with pytest.raises(NothingToRefundError, match="answer what was asked"):
        late_refund.refund_late(
            world.ports, journey.id, "01", amount=None, cause=RefundCause.CHANGE_OF_MIND, reason="encore"
        )
    journey.answer("outcome", "made", stripe_id=refund["id"])
    world.pass_time(hours=4)
    assert (journey.order.refunded, journey.order.in_transit, len(made(world, "refund"))) == (PRICE, 0, 1)
    balances(world)


def test_one_that_never_happened_is_sent_again_under_a_fresh_key(world: World) -> None:
    """A person's word ends the generation: once, and only once, it follows."""
    journey = unknown(world, FaultKind.LOSE_REQUEST, "/v1/refunds")
    assert "rien" in world.get(world.link("outcome", journey.id)).text.lower()
    assert made(world, "refund") == []
    journey.answer("outcome", "never_made")
    world.pass_time(hours=4)
    assert ([one["amount"] for one in made(world, "refund")], journey.order.refunded) == ([PRICE], PRICE)
    assert [gate.status for gate in asked(journey)] == [Status.ANSWERED]
    balances(world)


def test_what_stripe_does_not_show_is_not_believed(world: World) -> None:
    """A slip of the hand books nothing: the seller is asked again, and reads why."""
    journey = unknown(world, FaultKind.LOSE_ANSWER, "/v1/refunds")
    wrong = journey.answer("outcome", "made", stripe_id="pi_123")
    assert "re_" in wrong.text
    journey.answer("outcome", "made", stripe_id="re_somebody_elses")
    assert "re_" in wrong.text
    journey.answer("outcome", "made", stripe_id="re_another")
    world.pass_time(hours=1)
    assert (journey.order.refunded, len(asked(journey))) == (0, 2)
    assert "re_another" in world.get(world.link("outcome", journey.id)).text
    journey.answer("outcome", "made", stripe_id=made(world, "refund")[0]["id"])
    world.pass_time(hours=4)
    assert (journey.order.refunded, len(made(world, "refund"))) == (PRICE, 1)
    balances(world)


@pytest.mark.parametrize("was_made", [True, False], ids=["made", "never made"])
def test_a_reversal_is_asked_about_too(world: World, was_made: bool) -> None:  # noqa: FBT001 - a case of the table
    """What was asked back of a freelancer is theirs or ours: never twice, never forgotten."""
    what = FaultKind.LOSE_ANSWER if was_made else FaultKind.LOSE_REQUEST
    journey = unknown(world, what, "/v1/transfers/*", RefundCause.BRIEF_NOT_MET)
    (gate,) = asked(journey)
    assert (gate.shown["stage"], gate.shown["maker"], gate.shown["amount"]) == ("reversal", "ines-moreau", PAY)
    assert journey.order.refunded == PRICE
    if was_made:
        journey.answer("outcome", "made", stripe_id=made(world, "transfer_reversal")[0]["id"])
    else:
        journey.answer("outcome", "never_made")
    world.pass_time(hours=4)
    assert [one["amount"] for one in made(world, "transfer_reversal")] == [PAY]
    assert (journey.milestone.recovered, journey.order.sent, owed(world)) == (PAY, 0, 0)
    balances(world)


def test_silence_moves_nothing_and_is_reminded(world: World) -> None:
    """Nobody but the seller can know: the question stays, and the mails go on."""
    journey = unknown(world, FaultKind.LOSE_ANSWER, "/v1/refunds")
    since = len(world.mails)
    world.pass_time(days=14)
    assert (len(made(world, "refund")), asked(journey)[0].status, journey.order.refunded) == (1, Status.OPEN, 0)
    assert len([one for one in world.mails[since:] if any("-outcome-" in link for link in one.links)]) > 5
