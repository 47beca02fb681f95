"""How a client leaves an order by themself: what they are shown, what is given back, who is told.

Design: people sections 3 to 5; Code de la consommation L221-18 to L221-28 and D221-5; decision 0015.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from devstack.simulation.pages import FormNotFoundError
from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.payments import top_up
from relais.gate import Gate, Kind, Status
from relais.order import OrderStage
from relais.ports import MailRefusedError
from relais.rows import Change, order_key
from relais.steps import leaving
from relais.withdrawal import concluded, ends
from tests.support.journey import Journey
from tests.workflow.leaving import AGREED, ask_to_end, cancel, withdraw
from tests.workflow.scenarios import SELLER, finish
from tests.workflow.several import SHARE, Articles, assert_settled
from tests.workflow.ways_out import PRICE, RESERVE, assert_given_back

MARIE, MAKER = "marie@gmail.com", "ines@moreau-graphisme.example"
HERE = "Renoncer au contrat ici"
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        top_up(made.sandbox.platform, RESERVE)
        yield made


def page(journey: Journey, step: str = "") -> str:
    return journey.world.get(f"{journey.page}{step}").text


def since(world: World, count: int, to: str) -> list[str]:
    return [mail.subject for mail in world.mails[count:] if mail.to == to]


def kept(world: World) -> list[Any]:
    """Everything that is stored, and what was sent."""
    return [*world.rows(), dict(world.clouds.files.objects), len(world.mails)]  # type: ignore[attr-defined]


def last_second(journey: Journey) -> datetime:
    return ends(concluded(journey.order))


def agreements(journey: Journey) -> list[Gate]:
    return [gate for gate in journey.gates if gate.id.kind is Kind.AGREEMENT]


# Withdrawal ---------------------------------------------------------------------------------------------------------


def test_the_function_is_found_as_long_as_the_right_lasts(world: World) -> None:
    """From the payment to the yes, on the order's own page, under the words of the law (D221-5)."""
    journey = Journey(world)
    journey.draft()
    assert HERE not in page(journey)
    journey.pay()
    for go_on in (
        lambda: None,
        journey.hand_in_brief,
        lambda: journey.answer("proposal", "accepted"),
        journey.deliver,
        lambda: journey.answer("review", "approve"),
    ):
        go_on()
        assert HERE in page(journey), journey.stage
    journey.answer("acceptance", "accept")
    assert HERE not in page(journey)


def test_a_business_has_no_such_right(world: World) -> None:
    """It is the consumers' (L221-18): no link, no step behind its address, nothing behind its form."""
    journey = Journey(world).to_work()
    form = world.get(f"{journey.page}?withdraw=1").form("declare")
    world.ports.store.write(Change(order_key(journey.id), put={"consumer": False}))
    assert HERE not in page(journey)
    before = kept(world)
    refused = world.send(form, name="Marie", address=MARIE, declare="yes", action="confirm")
    assert (refused.status, kept(world) == before) == (422, True)


def test_the_first_step_writes_nothing_and_the_second_says_what_comes_back(world: World) -> None:
    """What was handed over stays paid: 232 of 290 euros, known before anything is confirmed."""
    journey = Journey(world).to_acceptance()
    before = kept(world)
    shown = world.get(f"{journey.page}?withdraw=1")
    stated = world.send(shown.form("declare"), name="Marie Aubin", address=MARIE, declare="yes", action="withdraw")
    for text in (shown.text, stated.text):
        assert ("58\u00a0€" in text or "58 €" in text, "232" in text) == (True, True)
    assert "Marie Aubin" in stated.text
    assert "Confirmer la rétractation" in stated.text
    assert kept(world) == before


@pytest.mark.parametrize("missing", ["name", "address", "declare"])
def test_what_is_missing_is_told_and_everything_typed_stays(world: World, missing: str) -> None:
    """And a scanner that presses the button of the page has declared nothing: nothing is ticked by us (promise 4)."""
    journey = Journey(world).to_work()
    before = kept(world)
    form = world.get(f"{journey.page}?withdraw=1").form("declare")
    typed = {"name": "Marie Aubin", "address": MARIE, "declare": "yes"} | {missing: ""}
    for action in ("withdraw", "confirm"):
        again = world.send(form, **typed, action=action)
        assert again.status == 422
        back = again.form("declare").fields
        assert all(back[name] == typed[name] for name in ("name", "address") if name != missing)
    assert kept(world) == before


def test_the_receipt_says_what_was_declared_and_when(world: World) -> None:
    """To the address that was typed, in the client's language, with date and time in Paris (L221-21)."""
    journey = Journey(world).to_work()
    world.go_to(datetime(2026, 11, 25, 8, 5, tzinfo=PARIS))
    before = len(world.mails)
    withdraw(journey, "Marie Aubin", "marie.aubin@orange.fr")
    (receipt,) = [mail for mail in world.mails[before:] if mail.to == "marie.aubin@orange.fr"]
    assert "rétractation" in receipt.subject
    for said in ("Marie Aubin", "marie.aubin@orange.fr", journey.id, "25 novembre 2026", "8 h 05", "rétractation"):
        assert said in receipt.body.replace("\u00a0", " "), said
    assert len([one for one in since(world, before, SELLER) if "se rétracte" in one]) == 1
    assert len([one for one in since(world, before, MAKER) if "annulée" in one]) == 1
    assert HERE not in page(journey)
    assert "25 novembre 2026" in page(journey)
    assert_given_back(journey)


def test_a_receipt_that_the_post_refuses_is_sent_by_the_clock(world: World) -> None:
    """It is owed from the commit on: the withdrawal stands, and its proof follows within minutes."""
    journey = Journey(world).to_work()
    before = len(world.mails)
    with patch.object(world.clouds.mailer, "send", side_effect=MailRefusedError("Throttling")):
        withdraw(journey)
    assert since(world, before, MARIE) == []
    assert journey.order.owes_receipt is not None
    world.pass_time(minutes=30)
    assert len([one for one in since(world, before, MARIE) if "Accusé" in one]) == 1
    world.pass_time(days=2)
    assert len([one for one in since(world, before, MARIE) if "Accusé" in one]) == 1
    assert journey.order.owes_receipt is None


def test_confirming_twice_is_one_withdrawal(world: World) -> None:
    """The second press finds the page that says so; there is one receipt and one refund."""
    journey = Journey(world).to_work()
    shown = world.get(f"{journey.page}?withdraw=1")
    stated = world.send(shown.form("declare"), name="Marie", address=MARIE, declare="yes", action="withdraw")
    before = len(world.mails)
    answers = [world.send(stated.form("declare"), action="confirm").status for _ in range(2)]
    assert answers == [303, 303]
    assert len([one for one in since(world, before, MARIE) if "Accusé" in one]) == 1
    assert_given_back(journey)


def test_the_last_second_counts_and_the_next_does_not(world: World) -> None:
    """The POST's arrival counts, by the clocks of Paris (workflow 4)."""
    journey, late = Journey(world).to_work(), Journey(world).to_assign()
    assert last_second(journey).astimezone(PARIS).strftime("%H:%M:%S") == "23:59:59"
    form = world.get(f"{late.page}?withdraw=1").form("declare")
    world.move_to(last_second(journey) - timedelta(minutes=1))
    assert HERE in page(journey)
    nonce = world.get(f"{late.page}?withdraw=1").form("declare").fields["nonce"]
    assert withdraw(journey).status == 303
    world.move_to(last_second(late) + timedelta(seconds=1))
    assert HERE not in page(late)
    refused = world.send(form, nonce=nonce, name="Marie", address=MARIE, declare="yes", action="confirm")
    assert (refused.status, late.order.leaving) == (422, None)


def test_without_an_express_request_everything_goes_back_and_the_pay_waits_for_the_end_of_the_right(
    world: World,
) -> None:
    """L221-25: nothing is owed for what nobody asked to begin; the freelancer has done the work all the same."""
    journey = Journey(world).to_acceptance()
    world.ports.store.write(Change(order_key(journey.id), remove=("express", "acknowledged")))
    journey.answer("acceptance", "accept")
    assert journey.open_gate.deadline == last_second(journey)
    assert HERE in page(journey)
    withdraw(journey)
    assert_given_back(journey, freelancer=AGREED)


def test_the_pay_does_not_wait_where_the_right_has_ended_with_the_yes(world: World) -> None:
    """The acknowledgement on record: what is accepted is fully performed (L221-28), and three days are three days."""
    journey = Journey(world).to_hold()
    assert journey.open_gate.deadline is not None
    assert journey.open_gate.deadline < last_second(journey)


def test_work_that_comes_in_after_the_statement_changes_nothing(world: World) -> None:
    """What had been handed over when it was declared counts, however late the gates are answered."""
    journey = Journey(world).to_work()
    with patch.object(leaving, "sweep"):
        withdraw(journey)
    assert journey.open_gate.id.kind is Kind.WORK
    journey.deliver()
    assert_given_back(journey)


def test_of_several_milestones_each_settles_on_its_own(world: World) -> None:
    """What has been accepted stays paid, the rest goes back; nobody is paid for what never began."""
    journey = Articles(world).to_work()
    journey.finish(1)
    assert HERE in page(journey)
    withdraw(journey)
    assert journey.part(1).stage.value in {"hold", "payout", "closed"}
    assert_settled(journey)
    assert journey.money() == (SHARE - 8_000, 0, 8_000, 9 * SHARE)


def test_of_several_milestones_the_one_before_its_client_is_owed_in_proportion(world: World) -> None:
    """Four fifths of one article, and its maker four fifths of the pay."""
    journey = Articles(world).to_work()
    journey.hand_in(1)
    journey.give(1, "review", "approve")
    withdraw(journey)
    assert_settled(journey)
    assert journey.money() == (12_000 - 6_400, 0, 6_400, 9 * SHARE + 3_000)


# Cancellation -------------------------------------------------------------------------------------------------------


def test_the_client_cancels_until_somebody_has_taken_the_work(world: World) -> None:
    """Everything goes back, which was shown before; whoever was asked is told, and so is the seller."""
    journey = Journey(world).to_assign()
    world.pass_time(hours=3)
    assert "290" in page(journey, "?cancel=1")
    before = len(world.mails)
    cancel(journey)
    assert len(since(world, before, SELLER)) == 1
    assert len(since(world, before, MAKER)) == 1
    assert [one for one in since(world, before, MARIE) if "annulée" in one]
    assert_given_back(journey)


def test_pressing_the_button_of_a_cancellation_without_its_tick_cancels_nothing(world: World) -> None:
    """A scanner presses, a person ticks."""
    journey = Journey(world).to_assign()
    before = kept(world)
    form = world.get(f"{journey.page}?cancel=1").form("sure")
    assert world.send(form, action="cancel").status == 422
    assert kept(world) == before


def test_a_freelancers_yes_a_moment_before_wins(world: World) -> None:
    """The client is told, nothing has changed, and the page offers to ask instead."""
    journey = Journey(world).to_assign()
    form = world.get(f"{journey.page}?cancel=1").form("sure")
    journey.answer("proposal", "accepted")
    refused = world.send(form, sure="yes", action="cancel")
    assert (refused.status, journey.stage, journey.order.leaving) == (422, "work", None)
    assert "?agree=01" in refused.body
    finish(journey)


def test_who_withdraws_from_what_is_being_cancelled_is_told(world: World) -> None:
    """One way out at a time: the money is on its way back already."""
    journey = Journey(world).to_assign()
    form = world.get(f"{journey.page}?withdraw=1").form("declare")
    cancel(journey)
    answer = world.send(form, name="Marie", address=MARIE, declare="yes", action="confirm")
    assert answer.status == 303
    assert journey.order.leaving is not None
    assert journey.order.leaving["what"] == "cancellation"
    assert_given_back(journey)


# Agreement ----------------------------------------------------------------------------------------------------------


def test_the_seller_sees_the_words_and_what_agreeing_costs(world: World) -> None:
    """The freelancer is paid in full for a change of mind (the frozen table), and that is said before the yes."""
    journey = Journey(world).to_work()
    assert "290" in page(journey, "?agree=01")
    ask_to_end(journey, "Nous fermons la boutique.")
    asked = world.get(world.link("agreement", journey.id)).text
    assert "Nous fermons la boutique." in asked
    assert "130" in asked
    assert "répondons" in page(journey)
    with pytest.raises(FormNotFoundError):
        ask_to_end(journey)
    before = len(world.mails)
    journey.answer("agreement", "grant")
    assert len([one for one in since(world, before, MARIE) if "Annulée à votre demande" in one]) == 1
    assert_given_back(journey, freelancer=AGREED)


@pytest.mark.parametrize("silent", [False, True])
def test_a_refusal_or_silence_leaves_the_order_as_it_is_and_is_told(world: World, *, silent: bool) -> None:
    """The client reads the answer, or that there was none; it is not asked twice about the same."""
    journey = Journey(world).to_work()
    work = journey.open_gate
    ask_to_end(journey)
    (gate,) = agreements(journey)
    before = len(world.mails)
    if silent:
        assert gate.deadline is not None
        world.go_to(gate.deadline + timedelta(minutes=11))
    else:
        journey.answer("agreement", "refuse", "Le logo est presque prêt.")
        (mail,) = [mail for mail in world.mails[before:] if mail.to == MARIE]
        assert "Le logo est presque prêt." in mail.body
    assert len([one for one in since(world, before, MARIE) if "continue" in one]) == 1
    assert journey.open_gate.id == work.id
    asked_again = world.send(world.get(f"{journey.page}?agree=01").form("note"), note="Encore.", action="agree")
    assert asked_again.status == 422
    finish(journey)


def test_the_question_ends_when_the_work_is_before_the_client(world: World) -> None:
    """From then on the acceptance is the place to say no: a late yes of the seller's changes nothing."""
    journey = Journey(world).to_work()
    ask_to_end(journey)
    form = journey.form("agreement")
    journey.deliver()
    journey.answer("review", "approve")
    world.pass_time(hours=26)
    assert [gate.status for gate in agreements(journey)] == [Status.WITHDRAWN]
    world.send(form, choice="grant")
    assert journey.stage == "acceptance"
    assert journey.order.refunded == 0
    assert "?agree=" not in world.get(journey.page).body


def test_a_withdrawal_ends_the_question(world: World) -> None:
    """The right needs nobody's agreement; the seller's link says that it is no longer asked."""
    journey = Journey(world).to_work()
    ask_to_end(journey)
    withdraw(journey)
    assert [gate.status for gate in agreements(journey)] == [Status.WITHDRAWN]
    assert_given_back(journey, PRICE)
    assert journey.order.stage is OrderStage.COMPLETED
