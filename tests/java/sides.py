"""Races at side gates, which no state waits for: against their main gate, each other, the clock and a way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from relais.gate import AlreadyAnsweredError, Choice, Gate, Kind, Role, Status, Via, due_shard
from relais.offer import RefundCause
from relais.order import MilestoneStage, Order
from relais.ports import ConditionFailedError
from relais.steps import door, interrupt
from relais.steps.clock import tick
from relais.steps.decisions import Answer
from relais.steps.interrupt import InterruptMetError
from relais.steps.lateness import ask_more_time, ask_seller_of_late, seller_asked_at, watch_promises
from relais.steps.situation import read_situation
from relais.steps.talking import Question, ask
from relais.steps.thread import ANSWER
from tests.support.doubles import FakePorts
from tests.support.orders import Play
from tests.support.racing import Overtaken, Track

if TYPE_CHECKING:
    from relais.ports import Store

LATER = (AlreadyAnsweredError, ConditionFailedError, InterruptMetError)
"""What whoever comes second is told."""


def late_soon(play: Play) -> None:
    """The second comes in which the seller is asked about work that is not there."""
    work = play.until(Kind.WORK)
    asks = seller_asked_at(work, play.situation(Kind.WORK))
    assert asks is not None
    play.ports.at = asks + timedelta(minutes=10)


def late(play: Play) -> None:
    """The seller is asked."""
    late_soon(play)
    ask_seller_of_late(play.ports, play.gate(Kind.WORK))


def missed(play: Play) -> None:
    """A version is before the seller, and the promised date is over: the client may cancel alone."""
    play.until(Kind.REVIEW)
    assert play.order.promised is not None
    play.ports.at = play.order.promised + timedelta(days=5)
    watch_promises(play.ports, play.order, lambda _: False)


def doubtful(play: Play) -> None:
    """The freelancer has asked the seller something."""
    ask(play.ports, Question(play.until(Kind.WORK), "texts/question", "0123456789abcdef", stops=True))


def wishing(play: Play) -> None:
    """The freelancer wants another date, beyond what the rule gives."""
    work = play.until(Kind.WORK)
    assert play.order.promised is not None
    ask_more_time(play.ports, work, play.order.promised + timedelta(days=4), "texts/why")


def side(play: Play, kind: Kind) -> Gate:
    """The side gate of this kind, of which there is one."""
    (gate,) = (one for one in play.gates() if one.id.kind is kind)
    return gate


def says(play: Play, gate: Gate, choice: Choice, **facts: Any) -> partial[Gate]:
    """Somebody's answer, decided on what stands now."""
    situation = read_situation(play.ports, play.id, gate.id.milestone)
    by = gate.owner if gate.role is Role.FREELANCER else gate.role.value
    given = Answer(choice, by, Via.LINK, "texts/note", facts)
    return partial(door.answer, play.ports, situation, gate, given)


def _ticks(play: Play, ports: FakePorts) -> partial[Any]:
    return partial(tick, ports, (due_shard(play.id),))


def two_clocks_at_late_work(track: Track) -> None:
    """Two ticks find the same work late: the seller is asked once, by one mail."""
    (play,) = track.at(late_soon)
    results = track.at_once([_ticks(play, track.ports)] * 2)

    assert [one.failed for one in results] == [0, 0]
    assert side(play, Kind.LATE).status is Status.OPEN
    assert track.ports.mailer.keys(play.id)["work_late"] == 1
    assert play.milestone.sides == 1


def late_work_taken_away_against_its_delivery(track: Track) -> None:
    """The seller gives it to somebody else in the second in which it comes: one of the two, and the other is told."""
    (play,) = track.at(late)
    work, asked = play.gate(Kind.WORK), side(play, Kind.LATE)
    taken, came = track.at_once([says(play, asked, Choice.REASSIGN), says(play, work, Choice.DELIVER, files=[])])

    decision, answered = play.read(work.id).decision, play.read(asked.id)
    assert decision is not None
    away = decision.choice is Choice.REASSIGNED
    assert isinstance(came if away else taken, LATER)
    assert isinstance(taken if away else came, Gate)
    assert answered.status is (Status.ANSWERED if away else Status.WITHDRAWN)
    assert play.milestone.stage is (MilestoneStage.REASSIGN if away else MilestoneStage.REVIEW)
    assert play.milestone.ordinal == work.id.ordinal + 1
    assert play.milestone.version == int(not away)
    assert len(set(track.ports.machine.outcomes(f"token-{play.id}-{play.attempts}"))) == 1


def a_missed_date_against_the_approval(track: Track) -> None:
    """The client cancels in one window and waits in another while the seller lets the work through: one of the three.

    An approval that comes after the cancellation and before the sweep finds the way out at the next gate.
    """
    (play,) = track.at(missed)
    review, right = play.gate(Kind.REVIEW), side(play, Kind.CANCEL_LATE)
    said = (says(play, right, Choice.CANCEL), says(play, right, Choice.WAIT))
    cancelled, waited, approved = track.at_once([*said, says(play, review, Choice.APPROVE)])
    interrupt.sweep(track.ports, play.id)

    assert isinstance(approved, (Gate, *LATER))
    won = [one for one in (cancelled, waited) if isinstance(one, Gate)]
    assert len(won) <= 1
    assert all(isinstance(one, LATER) for one in (cancelled, waited) if one not in won)
    assert play.read(right.id).status is (Status.ANSWERED if won else Status.WITHDRAWN)
    if cancelled not in won:
        assert play.milestone.stage is MilestoneStage.ACCEPTANCE
        return
    if play.milestone.stage is MilestoneStage.ACCEPTANCE:
        play.walk(Kind.ACCEPTANCE)
    play.walk_on()
    assert (play.milestone.stage, play.order.refunded) == (MilestoneStage.CLOSED, play.order.paid)


def a_question_against_a_cancellation(track: Track) -> None:
    """The seller answers and, in another window, cancels: the answer is kept or not, the way out is one.

    Every other time the answer comes after the sweep has looked, and before it writes.
    """
    (play,) = track.at(doubtful)
    asked, work = side(play, Kind.QUESTION), play.gate(Kind.WORK)
    answer = says(play, asked, Choice.ANSWER)
    if track.round % 2:
        cause = RefundCause.BRIEF_NOT_MET
        written = interrupt.cancel_writes(track.ports, play.order, by="seller", cause=cause, note="texts/why")
        track.ports.store.write(written)
        cancelled: Any = play.order
        overtaken = Overtaken(track.store)
        ports = replace(track.ports, store=cast("Store", overtaken))
        said, _ = track.at_once([partial(overtaken.by, answer), partial(interrupt.sweep, ports, play.id)])
    else:
        said, cancelled, _ = track.at_once([answer, play.cancel, partial(interrupt.sweep, track.ports, play.id)])
    interrupt.sweep(track.ports, play.id)

    assert isinstance(cancelled, Order)
    answered = play.read(asked.id).status
    assert answered is (Status.ANSWERED if isinstance(said, Gate) else Status.WITHDRAWN)
    assert isinstance(said, (Gate, *LATER))
    rows = [row for row in track.ports.store.query(f"O#{play.id}", "Q#") if row["sk"].endswith(f"#{ANSWER}")]
    assert len(rows) == int(answered is Status.ANSWERED)
    decision = play.read(work.id).decision
    assert decision is not None
    assert decision.choice is Choice.CANCELLED
    assert play.milestone.stage is MilestoneStage.REFUND


def another_date_granted_against_the_clock(track: Track) -> None:
    """The seller says yes in the second in which silence says no: the date is what the one answer says."""
    (play,) = track.at(wishing)
    asked, agreed = side(play, Kind.MORE_TIME), play.milestone.engagement
    assert agreed is not None
    play.late(asked)
    granted, ticked = track.at_once([says(play, asked, Choice.GRANT), _ticks(play, track.ports)])

    decision, now = play.read(asked.id).decision, play.milestone.engagement
    assert ticked.failed == 0
    assert decision is not None
    assert now is not None
    by_seller = decision.via is Via.LINK
    assert decision.choice is (Choice.GRANT if by_seller else Choice.REFUSE)
    assert isinstance(granted, Gate if by_seller else LATER)
    assert (now.deadline != agreed.deadline) is by_seller
    assert (play.gate(Kind.WORK).deadline != agreed.deadline) is by_seller


SIDES = [
    two_clocks_at_late_work,
    late_work_taken_away_against_its_delivery,
    a_missed_date_against_the_approval,
    a_question_against_a_cancellation,
    another_date_granted_against_the_clock,
]
