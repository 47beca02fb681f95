"""Money that takes another way than Stripe: the seller's bank pays, refunds come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.accounts import Seed, seed
from devstack.stripe_sandbox.refunds import fail
from relais.ledger import Entry, check, trial_balance
from relais.offer import RefundCause
from relais.order import milestone_from_row
from relais.report import FindingKind
from relais.rows import REPORT_KEY, milestone_key
from relais.steps import interrupt
from relais.steps.by_hand import NothingToPayError, paid_by_bank, payable_by_bank
from relais.steps.compare import report_from_row
from tests.support.journey import Journey
from tests.workflow.scenarios import INES


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud."""
    with world_in_memory() as made:
        yield made


def balances(journey: Journey) -> dict[str, int]:
    """What the order's entries leave, without what is nothing."""
    entries = [Entry.from_row(row) for row in journey.entries()]
    return {str(account): amount for (account, _), amount in trial_balance(entries).items() if amount}


def blocked(world: World) -> Journey:
    """Everything is accepted, and the freelancer's account may not be paid."""
    journey = Journey(world).to_hold()
    seed(world.sandbox.platform, Seed(INES, stripe_transfers="restricted"))
    world.pass_time(days=4)
    assert (journey.stage, world.transfers()) == ("payout", [])
    return journey


def test_a_blocked_freelancer_is_paid_by_the_sellers_bank_and_the_order_ends(world: World) -> None:
    """The way out of an account that never gets ready (money A 8): recorded once, and Stripe is never asked again."""
    journey = blocked(world)
    paid = paid_by_bank(world.ports, journey.id, reference="SEPA 0042")
    world.settle()
    seed(world.sandbox.platform, Seed(INES, stripe_transfers="active"))
    world.pass_time(days=3)
    assert (paid.amount, world.transfers()) == (13_000, [])
    assert journey.order.stage.value == "completed"
    assert (journey.order.in_transit, journey.order.sent, journey.milestone.sent) == (0, 13_000, 13_000)
    left = balances(journey)
    assert (left["bank"], left.get(f"payable.{journey.milestone.engagement.freelancer}")) == (-13_000, None)
    entries = [Entry.from_row(row) for row in journey.entries()]
    assert check(entries, now=world.now(), ended=frozenset({journey.id})) == ()
    with pytest.raises(NothingToPayError):
        paid_by_bank(world.ports, journey.id, reference="again")


def test_only_what_stripe_refused_for_good_can_be_recorded(world: World) -> None:
    """What was made, or may have been, is not paid a second time."""
    journey = Journey(world).to_hold()
    with pytest.raises(NothingToPayError):
        payable_by_bank(world.ports, journey.id)
    world.pass_time(days=6)
    assert journey.order.stage.value == "completed"
    with pytest.raises(NothingToPayError):
        payable_by_bank(world.ports, journey.id)


def test_a_refund_that_comes_back_weeks_later_is_owed_again_until_it_is_paid_by_bank(world: World) -> None:
    """Row 8'': "refunded" was true and is not any more; the seller is told, and pays the client in another way."""
    journey = Journey(world).to_work()
    world.pass_time(days=4)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="test")
    world.settle()
    from devstack.stripe_sandbox.payments import top_up

    top_up(world.sandbox.platform, 100_000)
    world.pass_time(days=6)
    assert journey.order.refunded == 29_000
    (refund,) = world.sandbox.state()["objects"]["refund"]
    fail(world.sandbox.platform, world.sandbox.platform.get("refund", refund["id"]), "expired_or_canceled_card")
    since = len(world.mails)
    world.engine.call("reconcile", {})
    world.settle()
    assert balances(journey)[f"refund_payable.{journey.id}"] == -29_000
    assert (journey.order.refunded, journey.order.in_transit) == (0, 29_000)
    (found,) = [one for one in report_from_row(world.row(REPORT_KEY)).findings if one.kind is FindingKind.REFUND_FAILED]
    assert (found.amount, found.order) == (29_000, journey.id)
    assert any(journey.id in mail.body and "paid-by-bank" in mail.body for mail in world.mails[since:])
    world.engine.call("reconcile", {})
    assert journey.order.in_transit == 29_000
    paid_by_bank(world.ports, journey.id, reference="SEPA 0043")
    world.pass_time(hours=2)
    world.engine.call("reconcile", {})
    milestone = milestone_from_row(world.row(milestone_key(journey.id, "01")))
    assert (journey.order.refunded, milestone.refunded, journey.order.in_transit) == (29_000, 29_000, 0)
    assert f"refund_payable.{journey.id}" not in balances(journey)
    assert report_from_row(world.row(REPORT_KEY)).findings == ()
