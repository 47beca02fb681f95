"""Many at once, one effect: the conditions that make it so, on DynamoDB Local (design: promise 2, workflow 5).

Each race is a function that takes an order brought somewhere by the real steps, lets threads loose at the same instant
and then looks at what the table, the machine, Stripe and the post were left with. Every tenth write, drawn from a
seeded generator, is told that it met another transaction. The same function must fail where the table forgets its
guards, nobody looks at a row twice and Stripe forgets its keys: else it would prove nothing.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from typing import cast

import pytest

from relais.act import LEASE_SECONDS
from relais.gate import AlreadyAnsweredError, Choice, Gate, GateId, Kind, Status, Via, due_shard
from relais.order import MilestoneStage, Order, OrderStage
from relais.ports import ConditionFailedError, Store
from relais.rows import Change, order_key
from relais.steps import intake, interrupt
from relais.steps.assign import open_proposal
from relais.steps.clock import tick
from relais.steps.decisions import Answer
from relais.steps.deliver import guarded
from relais.steps.gates import SupersededError, answer, open_gate
from relais.steps.intake import checkout
from relais.steps.interrupt import InterruptMetError, NothingToCancelError
from relais.steps.links import gate_nonce, gate_path
from relais.steps.payout import book_fee, open_payout, run_acts, run_owed
from relais.steps.refund import open_refund, refund_gates
from relais.steps.runs import next_run
from relais.steps.situation import read_order
from relais.steps.webhook import receive_signed
from relais.web import Request, Response
from tests.java.late_money import LATE_MONEY
from tests.java.sides import SIDES
from tests.java.taken_back import DISPUTES
from tests.support.orders import Play, in_hand
from tests.support.racing import Overtaken, Prepare, Track, assert_nothing_stuck, on_track
from tests.support.tables import THREADS
from tests.support.wire import WireClient

ROUNDS = 200
"""How often the races are run that a production meets."""
FEWER = 20
"""How often the others are."""


@cache
def until(kind: Kind) -> Prepare:
    """An open gate."""
    return partial(Play.until, kind=kind)


def handed_in(play: Play) -> None:
    """A brief is there; nobody was asked yet."""
    play.until(Kind.BRIEF)
    play.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])


def approved(play: Play) -> None:
    """A version goes to the client; the question is not put yet."""
    play.until(Kind.REVIEW)
    play.answer(Kind.REVIEW, Choice.APPROVE)


def two_sessions(play: Play) -> None:
    """A client has two payable sessions and pays both."""
    play.draft()
    first = play.order.session or ""
    play.ports.store.write(Change(order_key(play.id), put={"checkout": 2}))
    intake._open(play.ports, read_order(play.ports.store, play.id))
    for session in (first, play.order.session or ""):
        play.ports.payments.settle(session)


# --- the races ------------------------------------------------------------------------------------------------------


def sixteen_answers(track: Track) -> None:
    """Sixteen people at one gate with different answers: one decision, fifteen are told what it was."""
    (play,) = track.at(until(Kind.ACCEPTANCE))
    gate = play.gate(Kind.ACCEPTANCE)
    situation = play.situation(Kind.ACCEPTANCE)
    token = track.ports.machine
    given = [
        Answer(Choice.ACCEPT if number % 2 else Choice.REVISE, f"person {number}", Via.LINK)
        for number in range(THREADS)
    ]
    results = track.at_once([partial(answer, track.ports, situation, gate, one) for one in given])

    decided = [one for one in results if isinstance(one, Gate)]
    refused = [one for one in results if isinstance(one, AlreadyAnsweredError)]
    assert (len(decided), len(refused)) == (1, THREADS - 1)
    decision = decided[0].decision
    assert decision is not None
    assert {one.gate.decision for one in refused} == {decision}
    assert decision.by == f"person {results.index(decided[0])}"
    accepted = decision.choice is Choice.ACCEPT
    assert play.milestone.ordinal == gate.id.ordinal + 1
    assert play.milestone.stage is (MilestoneStage.HOLD if accepted else MilestoneStage.WORK)
    assert play.milestone.revisions_left == situation.offer.policy.revisions - (0 if accepted else 1)
    assert len([one for one in play.entries() if one.reference.startswith("accept:")]) == int(accepted)
    assert token.outcomes(f"token-{play.id}-{play.attempts}") == [decision.choice.value]


def sixteen_webhooks(track: Track) -> None:
    """The same event sixteen times: one start, one state, sixteen times 200."""
    (play,) = track.at(Play.draft)
    event = play.event()
    results = track.at_once([partial(receive_signed, track.ports, event)] * THREADS)

    assert {one.status for one in results} == {200}
    assert Counter(one.body for one in results) == {'{"received": "paid"}': 1, '{"received": "seen"}': THREADS - 1}
    assert track.ports.machine.started.count((play.id, 1)) == 1
    assert (play.order.stage, play.order.run, play.order.owes_start) == (OrderStage.PAID, 1, 0)


def a_double_click(track: Track) -> None:
    """The same form twice: one goes through, the other shows what was decided."""
    (play,) = track.at(until(Kind.ACCEPTANCE))
    gate = play.gate(Kind.ACCEPTANCE)
    form = {"nonce": (gate_nonce(track.ports, play.order, gate),), "choice": (Choice.ACCEPT.value,)}
    request = Request(
        "POST", gate_path(track.ports, play.order, gate), headers={"sec-fetch-site": "same-origin"}, form=form
    )
    results = track.at_once([partial(guarded, track.ports, request)] * 2)

    assert sorted(one.status for one in results) == [200, 303]
    assert [type(one) for one in results].count(Response) == 1
    assert track.ports.machine.outcomes(f"token-{play.id}-{play.attempts}") == ["accept"]
    assert play.milestone.ordinal == gate.id.ordinal + 1


def two_openings(track: Track) -> None:
    """Lambda calls a state's function twice: one proposal, one place taken, the newest token kept."""
    (play,) = track.at(handed_in)
    before = in_hand(track.ports)
    calls = [play.call(Kind.PROPOSAL) for _ in range(2)]
    results = track.at_once([partial(open_proposal, track.ports, call) for call in calls])

    assert results == [None, None]
    assert [one.id.kind for one in play.gates()].count(Kind.PROPOSAL) == 1
    assert in_hand(track.ports) == before + 1
    play.answer(Kind.PROPOSAL, Choice.ACCEPTED)
    assert track.ports.machine.outcomes(calls[-1].token) == ["accepted"]
    assert track.ports.machine.outcomes(calls[0].token) == []


def two_presses_on_checkout(track: Track) -> None:
    """The button twice on a draft whose session is over: one new number, one new session, both are led to it."""
    (play,) = track.at(Play.draft)
    order = play.order
    track.ports.payments.expire(order.session or "")
    results = track.at_once([partial(checkout, track.ports, order)] * 4)

    assert len(set(results)) == 1
    assert play.order.checkout == order.checkout + 1
    sessions = [one for one in track.ports.payments.sessions.values() if one.order == play.id]
    assert [one.status for one in sessions] == ["expired", "open"]
    assert results[0] == sessions[-1].url
    assert play.order.session == sessions[-1].id


def four_proposals_for_two_places(track: Track) -> None:
    """Four orders want the one freelancer with two free places: two are proposed, two find nobody."""
    plays = track.at(handed_in, orders=4, capacity=2)
    calls = [play.call(Kind.PROPOSAL) for play in plays]
    results = track.at_once([partial(open_proposal, track.ports, call) for call in calls])

    assert results == [None] * 4
    stages = Counter(play.order.stage for play in plays)
    assert stages == {OrderStage.ASSIGN: 2, OrderStage.PICK: 2}
    assert in_hand(track.ports) == 2


def two_clocks_at_a_deadline(track: Track) -> None:
    """Two ticks find the same deadline passed: one default."""
    (play,) = track.at(until(Kind.ACCEPTANCE))
    gate = play.gate(Kind.ACCEPTANCE)
    play.late(gate)
    results = track.at_once([partial(tick, track.ports, (due_shard(play.id),))] * 2)

    assert [one.failed for one in results] == [0, 0]
    decided = play.read(gate.id)
    assert decided.decision is not None
    assert (decided.decision.choice, decided.decision.via) == (Choice.ACCEPT, Via.CLOCK)
    assert track.ports.machine.outcomes(f"token-{play.id}-{play.attempts}") == ["accept"]


def two_clocks_at_a_reminder(track: Track) -> None:
    """Two ticks find the same reminder due: one mail."""
    (play,) = track.at(until(Kind.ACCEPTANCE))
    gate = play.gate(Kind.ACCEPTANCE)
    track.ports.at = gate.reminders[0]
    results = track.at_once([partial(tick, track.ports, (due_shard(play.id),))] * 2)

    assert [one.failed for one in results] == [0, 0]
    assert track.ports.mailer.keys(play.id)["acceptance.reminder"] == 1
    assert play.read(gate.id).due == gate.reminders[1]


def a_person_against_the_clock(track: Track) -> None:
    """The client answers in the second the default is due: one of the two, and the other is told."""
    (play,) = track.at(until(Kind.ACCEPTANCE))
    gate = play.gate(Kind.ACCEPTANCE)
    play.late(gate)
    given, ticked = track.at_once(
        [partial(_presses_revise, play), partial(tick, track.ports, (due_shard(play.id),))],
    )

    decision = play.read(gate.id).decision
    assert decision is not None
    assert ticked.failed == 0
    by_person = decision.via is Via.LINK
    assert isinstance(given, Gate if by_person else AlreadyAnsweredError)
    assert play.milestone.revisions_used == int(by_person)
    assert len([one for one in play.entries() if one.reference.startswith("accept:")]) == int(not by_person)
    assert track.ports.machine.outcomes(f"token-{play.id}-{play.attempts}") == [decision.choice.value]


def _presses_revise(play: Play) -> Gate:
    situation = play.situation(Kind.ACCEPTANCE)
    gate = play.read(GateId("01", Kind.ACCEPTANCE, 3))
    return answer(play.ports, situation, gate, Answer(Choice.REVISE, "client", Via.LINK))


def two_runs_of_a_payout(track: Track) -> None:
    """The payout's function twice and the clock's call besides: one key, one transfer, one entry, one answer."""
    (play,) = track.at(Play.until_payout)
    calls = [play.call(Kind.PAYOUT) for _ in range(2)]
    results = track.at_once(
        [
            *(partial(open_payout, track.ports, call) for call in calls),
            *[partial(run_acts, track.ports, play.id)] * 2,
        ]
    )
    run_acts(track.ports, play.id)

    assert results == [None] * 4
    keys = {key for kind, key in track.ports.payments.calls if kind == "transfer" and play.id in key}
    assert keys == {f"{play.id}:transfer:01:5:0"}
    assert [one.reference for one in play.entries()].count(f"op:{play.id}:transfer:01:5") == 1
    agreed = play.situation(Kind.PAYOUT).milestone
    assert agreed is not None
    assert agreed.engagement is not None
    assert (agreed.left_to_send, agreed.in_transit, agreed.sent) == (0, 0, agreed.engagement.agreed)
    assert (play.order.left, play.order.in_transit) == (play.order.paid - agreed.sent, 0)
    assert play.milestone.stage is MilestoneStage.CLOSED
    assert in_hand(track.ports) == 0


def a_fee_from_both_sides(track: Track) -> None:
    """The webhook's call and the clock's book the same card fee: one entry."""
    (play,) = track.at(until(Kind.BRIEF))
    results = track.at_once([partial(book_fee, track.ports, play.id)] * 4)

    assert results == [None] * 4
    assert play.order.fee == 460
    assert [one.reference for one in play.entries()].count(f"txn_ch_{play.id}") == 1
    assert track.ports.counter.counts["FeeBooked"] == 1


def a_next_run_from_many(track: Track) -> None:
    """Clock and command line repair the same order: one new run, the old one stopped."""
    (play,) = track.at(until(Kind.BRIEF))
    order = play.order
    results = track.at_once([partial(next_run, track.ports, order, "test")] * 8)

    assert sorted(results) == [False] * 7 + [True]
    assert play.order.run == order.run + 1
    assert track.ports.machine.started.count((play.id, 2)) == 1
    assert track.ports.machine.stopped == [(play.id, 1)]


def one_gate_from_two_states(track: Track) -> None:
    """A retry overtakes its first try: one row, one mail is owed, the newest token is answered."""
    (play,) = track.at(approved)
    calls = [play.call(Kind.ACCEPTANCE) for _ in range(2)]
    results = track.at_once([partial(open_gate, track.ports, call) for call in calls])

    assert results == [None, None]
    assert [one.id.kind for one in play.gates()].count(Kind.ACCEPTANCE) == 1
    assert play.gate(Kind.ACCEPTANCE).status is Status.OPEN
    play.answer(Kind.ACCEPTANCE, Choice.ACCEPT)
    assert track.ports.machine.outcomes(calls[-1].token) == ["accept"]


def a_cancellation_against_an_opening(track: Track) -> None:
    """The seller cancels while the client's question is put: it is answered by the interrupt, once, never left open."""
    (play,) = track.at(approved)
    calls = [play.call(Kind.ACCEPTANCE) for _ in range(2)]
    answered = track.ports.counter.counts["GateAnswered"]
    cancelled, *opened = track.at_once(
        [
            play.cancel,
            *(partial(open_gate, track.ports, call) for call in calls),
            *[partial(interrupt.sweep, track.ports, play.id)] * 2,
        ]
    )

    assert isinstance(cancelled, Order)
    # Who opens while the way out begins is told so, and tries again.
    assert [one for one in opened if isinstance(one, Exception) and not isinstance(one, LATE)] == []
    for call, came in zip(calls, opened[:2], strict=True):
        if came is not None:
            open_gate(track.ports, call)
    assert set(track.ports.machine.outcomes(calls[-1].token)) == {"Cancelled"}
    gate = play.read(GateId("01", Kind.ACCEPTANCE, 3))
    assert gate.decision is not None
    assert gate.decision.choice is Choice.CANCELLED
    assert track.ports.counter.counts["GateAnswered"] == answered + 1
    assert (play.milestone.stage, play.milestone.ordinal) == (MilestoneStage.REFUND, 4)
    assert (play.milestone.handled, play.order.interrupt_seq) == (1, 1)


LATE = (ConditionFailedError, AlreadyAnsweredError)
"""What a state's function fails with where somebody was faster: the definition tries again and finds the decision."""


def a_cancellation_against_a_transfer(track: Track) -> None:
    """Either the transfer was planned before and arrives, or the cancellation was first and nothing is sent."""
    (play,) = track.at(Play.until_payout)
    calls = [play.call(Kind.PAYOUT) for _ in range(2)]
    cancelled, *opened = track.at_once(
        [
            play.cancel,
            *(partial(open_payout, track.ports, call) for call in calls),
            partial(interrupt.sweep, track.ports, play.id),
        ]
    )
    interrupt.sweep(track.ports, play.id)

    assert [one for one in opened if isinstance(one, Exception) and not isinstance(one, LATE)] == []
    open_payout(track.ports, calls[-1])
    play.walk_on()
    moved = {(kind, key) for kind, key in track.ports.payments.calls if play.id in key and kind != "open_session"}
    assert len(moved) == 1
    sent = {kind for kind, _ in moved} == {"transfer"}
    agreed = play.milestone.engagement
    assert agreed is not None
    order = play.order
    assert (order.sent, order.refunded) == ((agreed.agreed, 0) if sent else (0, order.paid))
    assert (order.left, order.in_transit) == (order.paid - order.sent - order.refunded, 0)
    assert isinstance(cancelled, NothingToCancelError if order.interrupt_seq == 0 else Order)
    assert sent or order.interrupt_seq == 1
    assert play.milestone.stage is MilestoneStage.CLOSED
    assert in_hand(track.ports) == 0


def a_cancellation_pressed_twice(track: Track) -> None:
    """Eight commands at once: one interrupt, one mail, seven are told that somebody was faster."""
    (play,) = track.at(until(Kind.PROPOSAL))
    gate = play.gate(Kind.PROPOSAL)
    assert play.read(gate.id).mailed
    results = track.at_once([play.cancel] * 8)

    orders = [one for one in results if isinstance(one, Order)]
    told = [one for one in results if isinstance(one, (InterruptMetError, NothingToCancelError))]
    assert (len(orders), len(told)) == (1, 7)
    assert (play.order.interrupt_seq, play.order.stage) == (1, OrderStage.UNWIND)
    assert track.ports.machine.outcomes(f"token-{play.id}-{play.attempts}") == ["Cancelled"]
    assert track.ports.mailer.keys(play.id)["cancelled"] == 1
    assert in_hand(track.ports) == 0


def two_runs_of_a_refund(track: Track) -> None:
    """The refund's function twice and the clock's call besides: one key, one refund, one entry, one answer."""
    (play,) = track.at(until(Kind.WORK))
    play.cancel()
    calls = [play.call(Kind.REFUND) for _ in range(2)]
    results = track.at_once(
        [
            *(partial(open_refund, track.ports, call) for call in calls),
            *[partial(refund_gates, track.ports, play.id)] * 2,
        ]
    )
    refund_gates(track.ports, play.id)

    assert [one for one in results if one is not None and not isinstance(one, ConditionFailedError)] == []
    keys = {key for kind, key in track.ports.payments.calls if kind == "refund" and play.id in key}
    assert keys == {f"{play.id}:refund:01:2:0"}
    booked = [one.reference for one in play.entries() if "refund" in one.reference]
    assert len(booked) == len(set(booked)) == 3
    order = play.order
    assert (order.refunded, order.left, order.in_transit) == (order.paid, 0, 0)
    assert (play.milestone.refunded, play.milestone.refund_in_transit) == (order.paid, 0)
    assert play.milestone.stage is MilestoneStage.CLOSED
    assert in_hand(track.ports) == 0


def two_runs(track: Track) -> None:
    """An old and a new execution at the same state while clock and command line start the next: the newest is answered.

    The older is told that it is over, or its token is never answered.
    """
    (play,) = track.at(approved)
    order, old = play.order, play.call(Kind.ACCEPTANCE)
    new = replace(old, run=2, attempt=old.attempt.replace("000001#", "000002#"), token=f"{old.token}-2")
    repaired, opened, *started = track.at_once(
        [
            partial(open_gate, track.ports, new),
            partial(open_gate, track.ports, old),
            *[partial(next_run, track.ports, order, "test")] * 2,
        ]
    )

    assert repaired is None
    assert opened is None or isinstance(opened, SupersededError)
    assert sorted(started) == [False, True]
    assert (play.order.run, track.ports.machine.stopped) == (2, [(play.id, 1)])
    with pytest.raises(SupersededError):
        open_gate(track.ports, old)
    play.answer(Kind.ACCEPTANCE, Choice.ACCEPT)
    assert track.ports.machine.outcomes(new.token) == ["accept"]
    assert track.ports.machine.outcomes(old.token) == []
    assert [one.id.kind for one in play.gates()].count(Kind.ACCEPTANCE) == 1
    assert play.milestone.stage is MilestoneStage.HOLD


def a_retried_opening_against_an_answer(track: Track) -> None:
    """A state is entered again with a fresh token while its gate is being answered: that token hears it, once or twice.

    Whoever comes second of the two, the newest token is answered: by the door that reads it, or by the opening that
    finds the gate decided. Every other round the door overtakes an opening that has looked and not yet kept its token.
    """
    (play,) = track.at(until(Kind.ACCEPTANCE))
    gate, situation = play.gate(Kind.ACCEPTANCE), play.situation(Kind.ACCEPTANCE)
    first = f"token-{play.id}-{play.attempts}"
    calls = [play.call(Kind.ACCEPTANCE) for _ in range(2)]
    door = partial(answer, track.ports, situation, gate, Answer(Choice.ACCEPT, "client", Via.LINK))
    late = track.ports
    if track.round % 2:
        overtaken = Overtaken(track.store)
        door, late = partial(overtaken.by, door), replace(late, store=cast("Store", overtaken))
    decided, *opened = track.at_once(
        [door, partial(open_gate, track.ports, calls[0]), partial(open_gate, late, calls[1])]
    )

    assert isinstance(decided, Gate)
    assert opened == [None, None]
    assert set(track.ports.machine.outcomes(calls[-1].token)) == {"accept"}
    for token in (first, calls[0].token):
        assert set(track.ports.machine.outcomes(token)) <= {"accept"}
    assert play.milestone.ordinal == gate.id.ordinal + 1
    assert [one.reference for one in play.entries()].count(f"accept:{play.id}:01") == 1


def two_sessions_paid(track: Track) -> None:
    """Both checkouts of one order are paid and told twice: one starts the order, the other goes back whole, once."""
    (play,) = track.at(two_sessions)
    sessions = sorted(one.id for one in track.ports.payments.sessions.values())
    told = [play.event(one) for one in sessions]
    results = track.at_once([partial(receive_signed, track.ports, one) for one in told * 2])

    assert Counter(one.body for one in results) == {
        '{"received": "paid"}': 1,
        '{"received": "second_payment"}': 1,
        '{"received": "seen"}': 2,
    }
    own = play.order.session
    (stray,) = set(sessions) - {own}
    intake.enter(track.ports, play.id, 1)
    results = track.at_once([partial(run_owed, track.ports, play.id, "acts")] * 2)
    assert [one for one in results if one is not None and not isinstance(one, ConditionFailedError)] == []
    track.ports.at += 2 * LEASE
    run_owed(track.ports, play.id, "acts")
    given_back = [key for kind, key in track.ports.payments.calls if kind == "refund"]
    assert set(given_back) == {f"{play.id}:stray:00:{stray}:0"}
    order = play.order
    assert (order.stage, order.paid, order.left, order.in_transit) == (OrderStage.BRIEF, 29000, 29000, 0)
    kinds = Counter(one.kind.value for one in play.entries())
    assert (kinds["payment"], kinds["stray_payment"], kinds["stray_decided"], kinds["refund"]) == (1, 1, 1, 1)
    assert track.ports.counter.counts["StrayPaymentRefunded"] == 1


LEASE = timedelta(seconds=LEASE_SECONDS)

OFTEN = [
    a_person_against_the_clock,
    two_clocks_at_a_deadline,
    a_cancellation_against_an_opening,
    a_cancellation_against_a_transfer,
    two_runs,
    a_retried_opening_against_an_answer,
    four_proposals_for_two_places,
    two_sessions_paid,
]
"""What a production meets: two hundred rounds each."""
RACES = [
    *OFTEN,
    sixteen_answers,
    sixteen_webhooks,
    a_double_click,
    two_openings,
    two_presses_on_checkout,
    two_clocks_at_a_reminder,
    two_runs_of_a_payout,
    a_fee_from_both_sides,
    a_next_run_from_many,
    one_gate_from_two_states,
    a_cancellation_pressed_twice,
    two_runs_of_a_refund,
    *SIDES,
    *DISPUTES,
    *LATE_MONEY,
]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for the next start."""
    with ThreadPoolExecutor(THREADS) as made:
        yield made


@pytest.fixture
def track(wire: WireClient, table: str, pool: ThreadPoolExecutor, request: pytest.FixtureRequest) -> Track:
    """A track on a table of its own; which writes meet others follows from the test's name."""
    return on_track(wire, table, pool, zlib.crc32(request.node.name.encode()))


def rounds(track: Track, race: Callable[[Track], None]) -> None:
    """Run a race again and again, each time on a new day; afterwards nothing is stuck."""
    for _ in range(ROUNDS if race in OFTEN else FEWER):
        track.new_round()
        race(track)
        for play in track.plays:
            assert_nothing_stuck(play)


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_many_at_once_have_one_effect(track: Track, race: Callable[[Track], None]) -> None:
    """Whoever is faster, and whichever writes meet: the rows' conditions decide, and everybody is told the same."""
    rounds(track, race)
    assert track.store.met.met > 0


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_the_same_race_without_guards_is_lost(track: Track, race: Callable[[Track], None]) -> None:
    """A race that is won without conditions as well would prove nothing."""
    track.naive = True
    with pytest.raises((AssertionError, ConditionFailedError)):
        rounds(track, race)
