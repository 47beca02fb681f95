"""Whoever is concerned by a way out is told once, with what they are owed; and the pages say the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from relais.gate import Choice, Gate, GateId, Kind, due_shard
from relais.offer import RefundCause
from relais.pages.letter_views import LetterView
from relais.pages.views import AnsweredView, GateView, OrderView
from relais.ports import MailRefusedError
from relais.roster import Freelancer
from relais.rows import Put, freelancer_key
from relais.score import Score
from relais.steps import interrupt
from relais.steps.clock import tick
from relais.steps.contracts import contract
from relais.steps.gates import after_opening, create
from relais.steps.links import OpenedGate, order_path
from relais.steps.payout import close
from relais.steps.show import gate_page, order_page
from relais.web import Request
from tests.support.doubles import FakePorts
from tests.support.orders import Play, catalogue, open_shop


@pytest.fixture
def play() -> Play:
    ports = FakePorts()
    open_shop(ports)
    return Play(ports)


def cancelled(play: Play) -> list[LetterView]:
    return [letter for letter in play.ports.mailer.letters if letter.key == "cancelled"]


def asked(play: Play) -> Gate:
    """The proposal is out, and its mail was sent."""
    gate = play.until(Kind.PROPOSAL)
    if gate.send_after is not None:
        play.ports.at = gate.send_after
        tick(play.ports, (due_shard(play.id),))
    assert play.read(gate.id).mailed
    return gate


@contextmanager
def post_closed(play: Play) -> Iterator[None]:
    """The post takes no mail."""
    taking = play.ports.mailer

    class Closed:
        def send(self, _letter: LetterView) -> None:
            raise MailRefusedError("Throttling")

    play.ports.mailer = Closed()  # type: ignore[assignment]
    yield
    play.ports.mailer = taking


def later(play: Play, times: int = 1) -> None:
    """The clock looks when the order is due again."""
    for _ in range(times):
        assert play.order.due is not None
        play.ports.at = play.order.due
        tick(play.ports, (due_shard(play.id),))


def test_whoever_was_asked_hears_once_that_nobody_waits_any_more(play: Play) -> None:
    """However often the clock sweeps: one mail, without pay, for nobody was engaged."""
    gate = asked(play)
    play.cancel()
    interrupt.sweep(play.ports, play.id)
    later(play, times=2)
    asked_one = Freelancer.from_row(play.ports.store.get(freelancer_key(gate.owner)) or {})
    assert [(letter.to, letter.pay) for letter in cancelled(play)] == [(asked_one.email, None)]


def test_a_proposal_that_nobody_has_read_is_called_back_in_silence(play: Play) -> None:
    """A mail about a question that was never put would only puzzle."""
    with post_closed(play):
        gate = play.until(Kind.PROPOSAL)
    assert not play.read(gate.id).mailed
    play.cancel()
    later(play)
    assert cancelled(play) == []


def test_a_mail_that_the_post_refuses_is_sent_by_the_clock(play: Play) -> None:
    """The operator's own machine may not send mails: the deployment does, within minutes."""
    asked(play)
    with post_closed(play):
        play.cancel()
        assert play.order.owes_sweep is not None
    later(play)
    assert len(cancelled(play)) == 1
    later(play, times=2)
    assert len(cancelled(play)) == 1
    assert play.order.owes_sweep is None


@pytest.mark.parametrize(
    ("cause", "share"), [(RefundCause.SELLER_FAULT, 1), (RefundCause.BRIEF_NOT_MET, 0), (RefundCause.LATE, 0)]
)
def test_who_was_at_work_hears_once_what_is_paid_all_the_same_and_why(
    play: Play, cause: RefundCause, share: int
) -> None:
    """Nothing is an answer too: zero is said, silence would be read as a mistake (people 5)."""
    play.until(Kind.WORK)
    agreed = play.milestone.engagement.agreed  # type: ignore[union-attr]
    play.cancel(cause)
    play.walk(Kind.REFUND)
    if share:
        play.open(Kind.HOLD)
        play.answer(Kind.HOLD, Choice.RELEASE)
        play.walk(Kind.PAYOUT)
    close(play.ports, play.id, play.order.run)
    (told,) = cancelled(play)
    assert (told.pay, told.facts.get("cause")) == (agreed * share, cause.value)
    assert [letter.key for letter in play.ports.mailer.letters].count("refunded") == 1


def test_the_page_of_cancelled_work_says_what_is_paid_once_it_is_known(play: Play) -> None:
    """Before the refund is planned nobody knows; afterwards the page says what the mail says."""
    gate = play.until(Kind.WORK)
    play.cancel(RefundCause.SELLER_FAULT)
    assert answered(play, gate).pay is None
    agreed = play.milestone.left_to_send
    play.walk(Kind.REFUND)
    assert answered(play, gate).pay == agreed
    assert answered(play, play.read(GateId("00", Kind.PROPOSAL, 2))).pay is None


def answered(play: Play, gate: Gate) -> AnsweredView:
    view = gate_page(play.ports, OpenedGate(play.order, play.read(gate.id))).view
    assert isinstance(view, AnsweredView)
    return view


def test_a_refunded_order_says_since_when(play: Play) -> None:
    """The instant at which Stripe took it: from then on the bank's days count."""
    play.until(Kind.WORK)
    assert order_view(play).refunded_at is None
    play.cancel()
    play.walk(Kind.REFUND)
    at = play.ports.at
    play.ports.at = at.replace(day=at.day + 2)
    assert order_view(play).refunded_at == at


def order_view(play: Play) -> OrderView:
    view = order_page(play.ports, play.order, Request("GET", order_path(play.ports, play.order))).view
    assert isinstance(view, OrderView)
    return view


def test_the_best_known_stand_first_among_those_to_pick(play: Play) -> None:
    """Whoever has delivered most and best is seen first; who has no room is not offered."""
    known = next(one for one in catalogue().roster if one.rate_for("logo") is not None)
    people: dict[str, dict[str, Any]] = {
        "new": {},
        "good": {"quality": Score(450, 20)},
        "known": {"quality": Score(430, 40)},
        "trusted": {"trusted": True},
        "full": {"quality": Score(500, 99), "in_hand": 1, "capacity": 1},
    }
    for row in play.ports.store.query("ROSTER", "R#"):
        one = Freelancer.from_row(row)
        play.ports.store.write(Put(freelancer_key(one.key), replace(one, capacity=0).to_row(), guards=()))
    play.until_exhausted()
    for key, facts in people.items():
        plain = {"trusted": False, "quality": Score(0, 0), "capacity": 5, "in_hand": 0}
        one = replace(known, key=key, **(plain | facts))
        play.ports.store.write(Put(freelancer_key(key), one.to_row(), guards=()))
    gate = play.open(Kind.PICK)
    view = gate_page(play.ports, OpenedGate(play.order, gate)).view
    assert isinstance(view, GateView)
    assert [one.key for one in view.candidates] == ["trusted", "known", "good", "new"]


def test_an_orders_refund_never_owes_pay(play: Play) -> None:
    """Nobody was engaged on an order that is unwound: its gate offers no such outcome."""
    play.until(Kind.BRIEF)
    play.cancel()
    assert contract(play.situation(Kind.BRIEF), Kind.REFUND, "k1").choices == (Choice.REFUNDED,)


def test_a_gate_that_opens_while_the_order_is_cancelled_answers_itself(play: Play) -> None:
    """The sweep saw no gate, the opening saw no interrupt: it looks once more, after its row is there (workflow 1)."""
    play.until(Kind.REVIEW)
    play.answer(Kind.REVIEW, Choice.APPROVE)
    before = play.situation(Kind.ACCEPTANCE)
    play.cancel()
    call = play.call(Kind.ACCEPTANCE)
    gate = create(play.ports, before, contract(before, Kind.ACCEPTANCE, "k1"))
    after_opening(play.ports, before, gate, call)
    decision = play.read(gate.id).decision
    assert decision is not None
    assert decision.choice is Choice.CANCELLED
    assert play.ports.machine.outcomes(call.token) == ["Cancelled"]
