"""Races about money after it was accepted: refunds after the pay, what is netted, and a yes that is taken back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from relais.act import LEASE_SECONDS
from relais.gate import AlreadyAnsweredError, Choice, ChoiceNotOfferedError, Gate, Kind, Via
from relais.offer import RefundCause
from relais.order import MilestoneStage
from relais.ports import ConditionFailedError
from relais.roster import Freelancer, owes_name
from relais.rows import Change, freelancer_key
from relais.steps import dates
from relais.steps.decisions import Answer
from relais.steps.deeds import ForbiddenByHandError
from relais.steps.disputes import dispute_told
from relais.steps.gates import answer
from relais.steps.late_refund import Foreseen, NothingToRefundError, RefundTooHighError, refund_late
from relais.steps.payout import open_payout, run_owed
from tests.java.taken_back import taken_back, won
from tests.support.orders import Play
from tests.support.racing import Track

SECOND = (AlreadyAnsweredError, ChoiceNotOfferedError, ConditionFailedError, ForbiddenByHandError)
TOO_LATE = (NothingToRefundError, RefundTooHighError)
LEASE = timedelta(seconds=LEASE_SECONDS)
PART, DEBT = 20_000, 5_000


def paid_out(play: Play) -> None:
    """Accepted, its pay has left, and the milestone is closed."""
    play.until_payout()
    play.walk_on()


def _give_back(play: Play) -> partial[Foreseen]:
    """Two of them are more than was paid; the seller bears it, so that nothing is claimed."""
    cause = RefundCause.CHANGE_OF_MIND
    return partial(refund_late, play.ports, play.id, "01", amount=PART, cause=cause, reason="deux fois")


def _carry_out(play: Play) -> None:
    for _ in range(2):
        run_owed(play.ports, play.id, "acts")
        play.ports.at += 2 * LEASE


def _refunds(play: Play) -> set[str]:
    return {key for kind, key in play.ports.payments.calls if kind == "refund" and play.id in key}


def _balanced(play: Play) -> bool:
    order = play.order
    return order.left + order.in_transit + order.sent + order.refunded == order.paid + order.borne


def late_refunds_at_once(track: Track) -> None:
    """Several presses, of which two would give back more than was paid: one is written, and one refund is sent."""
    (play,) = track.at(paid_out)
    results = track.at_once([_give_back(play)] * 6)
    assert [one for one in results if isinstance(one, Exception) and not isinstance(one, TOO_LATE)] == []
    assert len([one for one in results if isinstance(one, Foreseen)]) == 1
    assert len(track.at_once([partial(run_owed, track.ports, play.id, "acts")] * 2)) == 2
    _carry_out(play)
    assert (play.order.refunded, play.milestone.refunded, len(_refunds(play))) == (PART, PART, 1)
    assert (_balanced(play), play.order.in_transit) == (True, 0)


def a_late_refund_against_a_dispute(track: Track) -> None:
    """The bank takes the payment back while the seller gives a part of it back: decided before it, or not at all."""
    (play,) = track.at(paid_out)
    dispute = taken_back(play)
    results = track.at_once([*[_give_back(play)] * 4, *[partial(dispute_told, track.ports, dispute)] * 2])
    wrong = (*TOO_LATE, ConditionFailedError)
    assert [one for one in results if isinstance(one, Exception) and not isinstance(one, wrong)] == []
    dispute_told(track.ports, dispute)
    decided = len([one for one in results if isinstance(one, Foreseen)])
    assert decided <= 1
    assert (play.order.disputed, play.order.in_transit) == (dispute, PART * decided)
    won(play, dispute)
    _carry_out(play)
    assert (play.order.refunded, len(_refunds(play))) == (PART * decided, decided)
    assert (_balanced(play), play.order.in_transit) == (True, 0)


def one_debt_against_two_pays(track: Track) -> None:
    """What a freelancer owes is kept of their pay once, though two pays of theirs are planned at the same instant."""
    plays = track.at(Play.until_payout, orders=2)
    maker = plays[0].milestone.engagement
    assert maker is not None
    key = freelancer_key(maker.freelancer)
    track.ports.store.write(Change(key, add={owes_name("eur"): DEBT}))
    calls = [play.call(Kind.PAYOUT) for play in plays]
    results = track.at_once([partial(open_payout, track.ports, call) for call in calls * 2])
    assert [one for one in results if isinstance(one, Exception) and not isinstance(one, SECOND)] == []
    for call in calls:
        open_payout(track.ports, call)
    for play in plays:
        _carry_out(play)
    row = track.ports.store.get(key)
    assert row is not None
    assert (Freelancer.from_row(row).owing("eur"), sum(play.milestone.netted for play in plays)) == (0, DEBT)
    agreed = sum(play.milestone.engagement.agreed for play in plays if play.milestone.engagement is not None)
    assert sum(play.order.sent for play in plays) == agreed - DEBT
    assert all(map(_balanced, plays))


def a_reopening_against_the_transfer(track: Track) -> None:
    """The seller takes a yes back while the hold ends, and presses twice: one decision, booked once, paid once."""
    (play,) = track.at(lambda play: play.until(Kind.HOLD))
    gate, situation = play.gate(Kind.HOLD), play.situation(Kind.HOLD)
    release = partial(answer, track.ports, situation, gate, Answer(Choice.RELEASE, "clock", Via.CLOCK))
    results = track.at_once(
        [*[release] * 4, *[partial(dates.reopen, track.ports, play.id, "01", reason="par téléphone")] * 4]
    )
    assert [one for one in results if isinstance(one, Exception) and not isinstance(one, SECOND)] == []
    assert len([one for one in results if isinstance(one, Gate)]) == 1
    decision = play.read(gate.id).decision
    assert decision is not None
    reopened = decision.choice is Choice.REOPEN
    kinds = [one.kind.value for one in play.entries()]
    assert (kinds.count("reopened"), kinds.count("acceptance")) == (int(reopened), 1)
    assert play.milestone.accepted is not reopened
    play.walk_on()
    stage, sent = (MilestoneStage.ACCEPTANCE, 0) if reopened else (MilestoneStage.CLOSED, None)
    assert play.milestone.stage is stage
    assert sent is None or play.order.sent == sent
    transfers = {key for kind, key in track.ports.payments.calls if kind == "transfer" and play.id in key}
    assert (len(transfers), _balanced(play)) == (int(not reopened), True)


LATE_MONEY = [
    late_refunds_at_once,
    a_late_refund_against_a_dispute,
    one_debt_against_two_pays,
    a_reopening_against_the_transfer,
]
