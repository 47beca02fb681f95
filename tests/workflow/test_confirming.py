"""A second yes: so large a sum that the seller is asked again before it leaves, and what silence does then."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.payments import top_up
from relais.gate import Choice, Default, Gate, Kind, Role, Status
from relais.offer import RefundCause
from relais.order import stamp
from relais.rows import Put, bounce_key
from relais.steps import by_hand, interrupt, late_refund
from relais.steps.confirming import UnconfirmedError
from relais.steps.situation import over, read_situation
from tests.support.gates import asking_from
from tests.support.journey import Journey
from tests.workflow.onboardings import without_account
from tests.workflow.test_disputes import disputed, verdict
from tests.workflow.test_late_refunds import balances

PRICE, PAY = 29_000, 13_000


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud, whose logo asks twice from a hundred euros on."""
    with world_in_memory() as made:
        top_up(made.sandbox.platform, 200_000)
        asking_from(made, 10_000)
        yield made


def asked(journey: Journey) -> Gate:
    """The newest second question of an order."""
    found = [gate for gate in journey.gates if gate.id.kind is Kind.CONFIRM]
    return max(found, key=lambda gate: gate.id.ordinal)


def to_payout(world: World) -> Journey:
    """Accepted, and the hold is over: the pay is due."""
    journey = Journey(world).to_hold()
    world.pass_time(days=9)
    return journey


def paid(world: World) -> Journey:
    """An order that has ended, its freelancer paid after a second yes."""
    journey = to_payout(world)
    journey.answer("confirm", "send")
    world.pass_time(hours=2)
    assert (journey.stage, journey.order.sent) == ("completed", PAY)
    return journey


def refunds(world: World) -> list[int]:
    """What Stripe was asked to give back."""
    return [one["amount"] for one in world.sandbox.state()["objects"].get("refund", [])]


def give_back(journey: Journey, cause: RefundCause, amount: int | None = None) -> None:
    """The seller refunds what was paid out, from the command line."""
    late_refund.refund_late(journey.world.ports, journey.id, "01", amount=amount, cause=cause, reason="convenu")
    journey.world.pass_time(minutes=10)


def test_a_large_pay_waits_for_a_second_yes_and_says_what_it_is(world: World) -> None:
    """Amount, to whom, why, what was paid already and the law's date stand in the question; a yes sends it once."""
    journey = to_payout(world)
    gate = asked(journey)
    assert (gate.role, gate.default, gate.choices) == (Role.SELLER, Default.STAY, (Choice.SEND, Choice.KEEP))
    assert (gate.shown["amount"], gate.shown["maker"], gate.shown["why"]) == (PAY, "ines-moreau", "accepted")
    mail = next(mail for mail in world.mails if "/01-confirm-" in " ".join(mail.links))
    assert re.match("À confirmer.: 130.€ pour Inès Moreau", mail.subject), mail.subject
    assert world.transfers() == []
    page = world.get(world.link("confirm", journey.id))
    assert re.search("130.€.*290.€", page.text), page.text
    journey.answer("confirm", "send")
    world.pass_time(minutes=5)
    assert [one["amount"] for one in world.transfers()] == [PAY]
    assert journey.stage == "completed"
    assert "payable" not in " ".join(balances(world))


def test_silence_pays_nobody_and_is_told_until_the_law_s_day(world: World) -> None:
    """Pay never leaves by silence: reminders each working day, and the alarm of pay that is late."""
    journey = to_payout(world)
    since = len(world.mails)
    world.pass_time(days=30)
    assert (world.transfers(), asked(journey).status) == ([], Status.OPEN)
    seller = [mail for mail in world.mails[since:] if "/01-confirm-" in " ".join(mail.links)]
    assert len(seller) > 10
    journey.answer("confirm", "send")
    world.pass_time(hours=1)
    assert len(world.transfers()) == 1


def test_a_pay_that_is_kept_parks_and_is_asked_about_again(world: World) -> None:
    """A no refuses the movement under its key and parks; going on from there is a decision, and is asked about too."""
    journey = to_payout(world)
    journey.answer("confirm", "keep")
    world.pass_time(minutes=5)
    assert (journey.stage, world.transfers()) == ("park", [])
    assert "retenu" in world.get(world.link("park", journey.id)).text
    journey.answer("park", "payout")
    world.pass_time(minutes=10)
    assert (world.transfers(), asked(journey).about.endswith(" 1")) == ([], True)
    journey.answer("confirm", "send")
    world.pass_time(minutes=10)
    assert [one["amount"] for one in world.transfers()] == [PAY]
    assert journey.stage == "completed"


def test_a_small_sum_asks_nobody(world: World) -> None:
    """Below the policy's sum nothing is opened, nothing written, nothing waits."""
    asking_from(world, 13_001)
    journey = to_payout(world)
    assert (journey.stage, [gate for gate in journey.gates if gate.id.kind is Kind.CONFIRM]) == ("completed", [])
    (act,) = [row for row in world.rows(f"O#{journey.id}") if row["sk"].startswith("A#transfer")]
    assert "unconfirmed" not in act


def test_a_refund_that_is_owed_leaves_at_its_deadline_whatever_the_seller_does(world: World) -> None:
    """Who cancels before the work has a right to the money: silence blocks no right (L221-24: fourteen days)."""
    journey = Journey(world).to_assign()
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="fermé")
    world.pass_time(minutes=10)
    gate = asked(journey)
    assert (gate.default, gate.shown["stage"], refunds(world)) == (Default.SEND, "refund", [])
    world.pass_time(days=7)
    assert (refunds(world), journey.stage) == ([PRICE], "completed")
    assert asked(journey).decision is not None
    balances(world)


def test_nor_does_a_seller_whom_no_mail_reaches(world: World) -> None:
    """What is owed to a client is nobody's to block by a dead mailbox."""
    journey = Journey(world).to_assign()
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="fermé")
    world.pass_time(minutes=10)
    seller = bounce_key("claire@atelier-mistral.example")
    world.ports.store.write(Put(seller, {"kind": "bounce", "at": stamp(world.now())}))
    world.pass_time(days=7)
    assert (refunds(world), journey.stage) == ([PRICE], "completed")


def test_goodwill_after_the_pay_waits_for_the_yes(world: World) -> None:
    """A gift of the seller's is owed by no law: without the yes it does not leave, and reminders go on."""
    journey = paid(world)
    give_back(journey, RefundCause.CHANGE_OF_MIND, 20_000)
    world.pass_time(days=14)
    assert (refunds(world), asked(journey).default) == ([], Default.STAY)
    journey.answer("confirm", "send")
    world.pass_time(hours=1)
    assert refunds(world) == [20_000]
    balances(world)


def test_what_is_claimed_of_a_freelancer_waits_with_the_refund(world: World) -> None:
    """As long as the refund is not confirmed nothing is taken from whoever was paid; then both go."""
    journey = paid(world)
    give_back(journey, RefundCause.BRIEF_NOT_MET)
    assert (refunds(world), journey.milestone.recovered) == ([], 0)
    world.pass_time(days=1)
    assert (refunds(world), journey.milestone.recovered) == ([], 0)
    journey.answer("confirm", "keep")
    world.pass_time(days=1)
    assert (refunds(world), journey.milestone.recovered) == ([], 0)
    give_back(journey, RefundCause.BRIEF_NOT_MET)
    journey.answer("confirm", "send")
    world.pass_time(hours=1)
    assert (refunds(world), journey.milestone.recovered) == ([PRICE], PAY)
    balances(world)


def test_a_dispute_that_is_lost_meanwhile_leaves_nothing_to_ask(world: World) -> None:
    """The bank has given back what waited: the question is withdrawn, and its answer does nothing."""
    journey = paid(world)
    give_back(journey, RefundCause.BRIEF_NOT_MET)
    gate = asked(journey)
    verdict(journey, disputed(journey), "lost")
    assert over(world.ports, read_situation(world.ports, journey.id, "01"), gate)
    world.pass_time(days=3)
    assert asked(journey).status is Status.WITHDRAWN
    assert (refunds(world), journey.order.refunded) == ([], PRICE)
    balances(world)


def test_the_bank_s_code_is_shown_after_the_second_yes_alone(world: World) -> None:
    """Pay that waits for an account was never confirmed: before the seller's own bank pays it, they are asked too."""
    without_account(world)
    journey = to_payout(world)
    assert journey.stage == "payout"
    with pytest.raises(UnconfirmedError, match="second yes"):
        by_hand.to_pay_by_bank(world.ports, journey.id)
    world.pass_time(minutes=5)
    journey.answer("confirm", "send")
    assert by_hand.to_pay_by_bank(world.ports, journey.id).amount == PAY
    by_hand.paid_by_bank(world.ports, journey.id, reference="SEPA 0042")
    world.pass_time(minutes=5)
    assert (journey.stage, world.transfers()) == ("completed", [])
