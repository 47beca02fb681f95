"""Races with a bank: a dispute on top of all that decides about an order's money (design: money B 12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from relais.act import LEASE_SECONDS
from relais.dispute import DisputeSeen
from relais.gate import AlreadyAnsweredError, Choice, Gate, Kind, Status, Via
from relais.order import MilestoneStage, Order
from relais.ports import ConditionFailedError
from relais.steps.decisions import Answer
from relais.steps.disputes import dispute_told
from relais.steps.gates import answer
from relais.steps.interrupt import InterruptMetError, NothingToCancelError, sweep
from relais.steps.payout import open_payout, run_acts, run_owed
from tests.support.orders import Play, in_hand
from tests.support.racing import Track

LATER = (AlreadyAnsweredError, ConditionFailedError, InterruptMetError, NothingToCancelError)
"""What whoever comes second is told, or tries again after."""
LEASE = timedelta(seconds=LEASE_SECONDS)


def last_word(play: Play) -> None:
    """The last version is before the client, every change used up: accept it, or the money back as a right."""
    play.until(Kind.ACCEPTANCE)
    play.use_up_revisions()


def taken_back(play: Play) -> str:
    """The client's bank has taken the payment back; nobody here was told yet."""
    order, dispute = play.order, f"du_{play.id}"
    play.ports.payments.disputes[dispute] = DisputeSeen(
        id=dispute,
        status="needs_response",
        reason="general",
        amount=order.paid,
        currency=order.currency,
        payment_intent=order.payment_intent,
        order=play.id,
        due_by=play.ports.at + timedelta(days=9),
        submitted=False,
    )
    return dispute


def won(play: Play, dispute: str) -> None:
    """The bank decides for the seller, and what was frozen goes on."""
    known = play.ports.payments.disputes
    known[dispute] = replace(known[dispute], status="won")
    dispute_told(play.ports, dispute)
    for _ in range(2):
        run_owed(play.ports, play.id, "acts")
        play.ports.at += 2 * LEASE


def moved(track: Track, play: Play) -> set[str]:
    """The movements of money that Stripe was asked for, by their keys."""
    return {key for kind, key in track.ports.payments.calls if kind in {"transfer", "refund"} and play.id in key}


def _assert_frozen(play: Play, dispute: str) -> None:
    assert play.order.disputed == dispute
    (asked,) = [gate for gate in play.gates() if gate.id.kind is Kind.DISPUTE]
    assert asked.status is Status.OPEN


def a_dispute_against_a_transfer(track: Track) -> None:
    """The bank takes the money back while the pay is sent: committed before it arrives, later it waits; never twice."""
    (play,) = track.at(Play.until_payout)
    dispute = taken_back(play)
    calls = [play.call(Kind.PAYOUT) for _ in range(2)]
    results = track.at_once(
        [
            *[partial(dispute_told, track.ports, dispute)] * 2,
            *(partial(open_payout, track.ports, call) for call in calls),
            partial(run_acts, track.ports, play.id),
        ]
    )
    assert [one for one in results if isinstance(one, Exception) and not isinstance(one, LATER)] == []
    dispute_told(track.ports, dispute)
    open_payout(track.ports, calls[-1])
    track.ports.at += 2 * LEASE
    run_acts(track.ports, play.id)

    _assert_frozen(play, dispute)
    key, order = f"{play.id}:transfer:01:5:0", play.order
    arrived = order.sent > 0
    assert moved(track, play) == ({key} if arrived else set())
    assert order.in_transit == 0
    won(play, dispute)
    assert (moved(track, play), play.order.disputed) == ({key}, None)
    agreed = play.milestone.engagement
    assert agreed is not None
    assert (play.order.sent, play.milestone.stage) == (agreed.agreed, MilestoneStage.CLOSED)
    assert in_hand(track.ports) == 0


def everything_at_once_and_a_dispute_on_top(track: Track) -> None:
    """Fifteen accept, take their money back and cancel, and the bank takes it too: one decision, and nothing moves."""
    (play,) = track.at(last_word)
    gate, situation = play.gate(Kind.ACCEPTANCE), play.situation(Kind.ACCEPTANCE)
    dispute = taken_back(play)

    def says(choice: Choice) -> partial[Gate]:
        return partial(answer, track.ports, situation, gate, Answer(choice, "client", Via.LINK))

    results = track.at_once(
        [
            *[says(Choice.ACCEPT)] * 5,
            *[says(Choice.REFUND)] * 5,
            *[play.cancel] * 5,
            partial(dispute_told, track.ports, dispute),
        ]
    )
    assert [one for one in results if isinstance(one, Exception) and not isinstance(one, LATER)] == []
    sweep(track.ports, play.id)
    dispute_told(track.ports, dispute)

    decision = play.read(gate.id).decision
    assert decision is not None
    assert decision.choice in {Choice.ACCEPT, Choice.REFUND, Choice.CANCELLED}
    assert len([one for one in results if isinstance(one, Gate)]) == int(decision.choice is not Choice.CANCELLED)
    assert len([one for one in results if isinstance(one, Order)]) == play.order.interrupt_seq
    assert play.milestone.ordinal == gate.id.ordinal + 1
    play.walk_on()
    _assert_frozen(play, dispute)
    order = play.order
    assert (moved(track, play), order.sent, order.refunded, order.in_transit) == (set(), 0, 0, 0)
    won(play, dispute)
    play.walk_on()
    kinds = sorted(key.split(":")[1] for key in moved(track, play))
    assert len(kinds) == len(set(kinds)), f"twice: {kinds}"
    order = play.order
    assert order.left + order.sent + order.refunded == order.paid + order.borne
    assert ("refund" in kinds, "transfer" in kinds) == (order.refunded == order.paid, order.sent > 0)
    assert order.sent or order.refunded
    assert play.milestone.stage is MilestoneStage.CLOSED


DISPUTES = [a_dispute_against_a_transfer, everything_at_once_and_a_dispute_on_top]
