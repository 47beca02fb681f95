"""Clients who ask for money back before they have a right to it: what the seller answers, and what becomes of it."""

from __future__ import annotations

from devstack.simulation.world import World
from relais.order import MilestoneStage
from relais.rows import Change, milestone_key
from tests.support.journey import Journey
from tests.workflow.scenarios import (
    A_SECOND,
    RETRIES,
    _say,
    _superseded,
    broken,
    finish,
)
from tests.workflow.ways_out import PRICE, assert_given_back, cancel, refunds, way_out

WHY = "Le nom est mal écrit."
PART = 6_000


def to_request(world: World) -> Journey:
    """The client asks; the seller is asked."""
    journey = Journey(world).to_acceptance()
    journey.answer("acceptance", "request", WHY)
    assert journey.stage == "refund_request"
    return journey


def propose(journey: Journey, amount: str = "60", cause: str = "brief_not_met") -> None:
    """The seller offers a part: shown what it comes to first, sent the second time."""
    given = {"amount": amount, "cause": cause}
    shown = journey.answer("refund_request", "part", "Gardez le reste.", **given)
    assert (shown.status, journey.stage) == (422, "refund_request")
    journey.world.send(shown.form("choice"), choice="part", note="Gardez le reste.", sure=f"{PART}-{cause}", **given)
    assert journey.stage == "settlement"


@way_out
def request_granted(world: World) -> None:
    """The seller gives everything back; the freelancer is paid as the reason that was given says."""
    journey = to_request(world)
    asked = journey.answer("refund_request", "full")
    assert (asked.status, journey.stage) == (422, "refund_request")
    journey.answer("refund_request", "full", cause="brief_not_met")
    assert_given_back(journey)


@way_out
def part_taken(world: World) -> None:
    """A part goes back, the rest is earned, and who did not meet the brief bears their share of it."""
    journey = to_request(world)
    propose(journey)
    journey.answer("settlement", "take")
    agreed = journey.milestone.engagement.agreed
    paid = agreed - agreed * PART // PRICE
    assert (journey.stage, journey.milestone.refunded) == ("hold", PART)
    subjects = {mail.to: mail.subject for mail in world.mails}
    assert "60\u00a0€" in subjects["marie@gmail.com"]
    assert_given_back(journey, PART, freelancer=paid, from_share=paid)
    assert [one["amount"] for one in refunds(world)] == [PART]
    assert "logo.png" in world.get(journey.page).text


@way_out
def part_taken_by_silence_then_cancelled(world: World) -> None:
    """Seven days of silence carry the proposal out; what is left may still be given back, once each."""
    journey = to_request(world)
    propose(journey, cause="seller_fault")
    world.go_to(journey.due())
    world.pass_time(days=8)
    assert journey.milestone.refunded == PART
    world.pass_time(days=8)
    assert journey.order.stage.value == "completed"
    other = to_request(world)
    propose(other, cause="seller_fault")
    other.answer("settlement", "take")
    cancel(other)
    before = sum(transfer["amount"] for transfer in world.transfers())
    assert_given_back(other, freelancer=before + other.milestone.engagement.agreed)


@way_out
def request_contested(world: World) -> None:
    """The seller says no: the client keeps the work, or has one more change that uses up none of theirs."""
    journey = to_request(world)
    refused = journey.answer("refund_request", "contest")
    assert (refused.status, journey.stage) == (422, "refund_request")
    journey.answer("refund_request", "contest", "Le brief demandait cela.")
    left = journey.milestone.revisions_left
    journey.answer("settlement", "revise", "Alors plus foncé.")
    assert (journey.stage, journey.milestone.revisions_left) == ("work", left)
    journey.deliver(b"\x89PNG 2")
    journey.answer("review", "approve")
    journey.answer("acceptance", "request", WHY)
    journey.answer("refund_request", "contest", "Le brief demandait cela.")
    journey.answer("settlement", "accept")
    finish(journey)


@way_out
def request_unanswered(world: World) -> None:
    """A seller's silence refuses nothing.

    After three working days the client chooses, five more later all goes back, and the freelancer is paid in full.
    """
    journey = to_request(world)
    deadline = journey.open_gate.deadline
    assert deadline is not None
    since = len(world.mails)
    world.go_to(deadline - A_SECOND)
    assert [mail.to for mail in world.mails[since:]] == ["claire@atelier-mistral.example"] * 2
    world.pass_time(minutes=11)
    assert journey.stage == "settlement"
    assert {choice.value for choice in journey.open_gate.choices} == {"take", "revise"}
    world.go_to(journey.open_gate.deadline or deadline)
    assert journey.stage == "settlement"
    world.pass_time(minutes=11)
    assert_given_back(journey, freelancer=journey.milestone.engagement.agreed)


@way_out
def no_answer_of_the_clock_is_taken_from_a_form(world: World) -> None:
    """What silence means is nobody's answer: a changed form is told to choose."""
    journey = to_request(world)
    page = journey.answer("refund_request", "lapsed")
    assert (page.status, journey.stage) == (422, "refund_request")


@way_out
def requests_have_an_end(world: World) -> None:
    """After three requests about one delivery the answer is not offered any more: no order goes on for ever."""
    journey = to_request(world)
    world.ports.store.write(Change(milestone_key(journey.id, "01"), put={"requests": 3}))
    journey.answer("refund_request", "contest", "Le brief demandait cela.")
    journey.answer("settlement", "revise", "Alors plus foncé.")
    journey.deliver(b"\x89PNG 2")
    journey.answer("review", "approve")
    assert {choice.value for choice in journey.open_gate.choices} == {"accept", "revise"}


@way_out
def settlements_cancelled(world: World) -> None:
    """A cancellation meets a request and a proposal as any other question, and gives everything back."""
    for stage in (MilestoneStage.REFUND_REQUEST, MilestoneStage.SETTLEMENT):
        journey = to_request(world)
        if stage is MilestoneStage.SETTLEMENT:
            propose(journey)
        before = sum(transfer["amount"] for transfer in world.transfers())
        cancel(journey)
        assert_given_back(journey, freelancer=before + journey.milestone.engagement.agreed)


@way_out
def settlements_parked_and_entered_anew(world: World) -> None:
    """Both can fail to open, be left to a newer run, and be answered with what nobody routes."""
    journey = Journey(world).to_acceptance()
    with broken(world, "open-gate", "refund_request"):
        journey.answer("acceptance", "request", WHY)
    assert (journey.stage, journey.milestone.parked_from) == ("park", "refund_request")
    journey.answer("park", "refund_request")
    _superseded(journey)
    _say(journey, "something_new")
    journey.answer("park", "refund_request")
    with broken(world, "open-gate", "settlement", RETRIES + 1):
        journey.answer("refund_request", "contest", "Le brief demandait cela.")
    assert (journey.stage, journey.milestone.parked_from) == ("park", "settlement")
    journey.answer("park", "settlement")
    _superseded(journey)
    _say(journey, "something_new")
    journey.answer("park", "settlement")
    journey.answer("settlement", "accept")
    finish(journey)
