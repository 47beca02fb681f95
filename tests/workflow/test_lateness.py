"""What is late, as its people live it: the seller decides, else the client may; nobody is asked what matters no more.

Design: people sections 1 and 5b.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from devstack.simulation.world import World, world_in_memory
from relais.gate import AlreadyAnsweredError, Choice, Gate, Kind, Status, Via
from relais.offer import RefundCause
from relais.order import OrderStage
from relais.rows import Change, gate_key
from relais.steps.asking import open_side
from relais.steps.decisions import Answer
from relais.steps.door import answer
from relais.steps.interrupt import cancel
from relais.steps.lateness import ask_seller_of_late, late
from relais.steps.situation import read_situation
from tests.support.journey import Journey
from tests.workflow.late import to_late
from tests.workflow.scenarios import SELLER, finish
from tests.workflow.ways_out import assert_given_back

MARIE, MAKER = "marie@gmail.com", "ines@moreau-graphisme.example"


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def sides(journey: Journey, kind: Kind) -> list[Gate]:
    """The side gates of a kind, oldest first."""
    return sorted((gate for gate in journey.gates if gate.id.kind is kind), key=lambda gate: gate.id.ordinal)


def to_missed(world: World) -> Journey:
    """The promised date has passed by a working day, and the seller let everything be."""
    journey = to_late(world)
    promised = journey.order.promised
    assert promised is not None
    world.go_to(promised + timedelta(days=4))
    return journey


def since(world: World, count: int, to: str) -> list[str]:
    """The mails to somebody after the first so many."""
    return [mail.subject for mail in world.mails[count:] if mail.to == to]


def test_two_working_hours_after_the_working_deadline_the_seller_is_asked(world: World) -> None:
    """The reserve is only useful if the seller knows at once; the maker is reminded at the deadline itself."""
    journey = Journey(world).to_work()
    work = journey.open_gate
    before = len(world.mails)
    assert work.deadline is not None
    world.go_to(work.deadline + timedelta(minutes=30))
    assert len(since(world, before, MAKER)) == 2  # a day before, and at the deadline
    assert since(world, before, SELLER) == []
    world.go_to(work.deadline + timedelta(hours=17, minutes=30))
    (late,) = sides(journey, Kind.LATE)
    assert (str(late.id), late.role.value, late.beside) == ("01-late-0001", "seller", str(work.id))
    assert late.deadline is not None
    assert late.deadline - late.opened == timedelta(hours=4)
    assert [one for one in since(world, before, SELLER) if "En retard" in one]


def test_a_seller_who_is_asked_anew_has_as_long_as_the_pause_before(world: World) -> None:
    """Four hours come before the client is asked; afterwards they would only shut out whoever reads mails at night."""
    journey = to_late(world)
    world.pass_time(days=6)
    (first, second) = sides(journey, Kind.LATE)
    assert first.decision is not None
    assert first.decision.choice is Choice.ASK_CLIENT
    assert second.deadline is not None
    assert second.deadline - second.opened == timedelta(days=2)
    world.pass_time(hours=20)
    journey.answer("late", "self")
    assert journey.stage == "work"
    assert [gate.role.value for gate in journey.gates if gate.id.kind is Kind.WORK][-1] == "seller"


def test_the_seller_waits_within_the_promise_and_nobody_else_is_asked(world: World) -> None:
    """Another date for the maker moves the deadline, the reminders and the clock; the client's stays."""
    journey = to_late(world)
    before, promised = len(world.mails), journey.order.promised
    assert promised is not None
    journey.answer("late", "wait", until=f"{promised:%Y-%m-%d}")
    (work,) = [gate for gate in journey.gates if gate.status is Status.OPEN]
    assert (work.id.kind, work.deadline) == (Kind.WORK, promised)
    assert journey.milestone.engagement.deadline == promised
    assert since(world, before, MARIE) == []
    world.go_to(promised + timedelta(days=3))
    assert [str(gate.id) for gate in sides(journey, Kind.LATE)] == ["01-late-0001", "01-late-0002"]


def test_a_date_beyond_the_promise_needs_the_clients_yes(world: World) -> None:
    """A date already promised to a client moves only with that client's yes (design: people 1)."""
    journey = to_late(world)
    promised = journey.order.promised
    journey.answer("late", "wait", until="2026-12-10")
    (asked,) = sides(journey, Kind.CANCEL_LATE)
    assert asked.status is Status.OPEN
    assert journey.order.promised == promised
    assert "vendredi 11 décembre" in world.get(world.link("cancel_late", journey.id)).text
    journey.answer("cancel_late", "wait")
    later = journey.order.promised
    assert later is not None
    assert f"{later:%Y-%m-%d}" == "2026-12-11"
    finish(journey)


@pytest.mark.parametrize(("choice", "stage"), [("reassign", "reassign"), ("self", "work")])
def test_the_work_goes_to_somebody_else(world: World, choice: str, stage: str) -> None:
    """In one transaction with the answer: the maker is told why, the next is asked, or the seller does it."""
    journey = to_late(world)
    before = len(world.mails)
    journey.answer("late", choice)
    assert journey.stage == stage
    assert journey.milestone.lost is None if choice == "self" else journey.milestone.lost.why == "late"
    assert len(since(world, before, MAKER)) == 1
    assert journey.open_gate.owner == {"reassign": "studio-nord", "self": "seller"}[choice]


def test_the_seller_refunds(world: World) -> None:
    """The client has everything back; the maker is paid what the policy says of lateness: nothing."""
    journey = to_late(world)
    journey.answer("late", "refund")
    assert_given_back(journey)


def test_the_sellers_silence_asks_the_client_who_cancels_alone(world: World) -> None:
    """Nobody has to be convinced: the client's word is enough, and the seller is told."""
    journey = to_late(world)
    (late,) = sides(journey, Kind.LATE)
    assert late.deadline is not None
    world.go_to(late.deadline + timedelta(minutes=11))
    (late,), (asked,) = sides(journey, Kind.LATE), sides(journey, Kind.CANCEL_LATE)
    assert late.decision is not None
    assert (late.decision.choice.value, late.decision.by) == ("ask_client", "clock")
    before = len(world.mails)
    journey.answer("cancel_late", "cancel")
    assert len([one for one in since(world, before, SELLER) if "Annulée par le client" in one]) == 1
    assert_given_back(journey)
    assert [gate for gate in journey.gates if gate.status is Status.OPEN] == []
    assert str(asked.id) == "01-cancel_late-0002"


def test_the_client_waits_and_keeps_the_right(world: World) -> None:
    """A yes without a date is patience, no waiver: a promise missed by a working day opens the right again."""
    journey = to_late(world)
    world.pass_time(hours=5)
    journey.answer("cancel_late", "wait")
    promised = journey.order.promised
    assert promised is not None
    world.go_to(promised + timedelta(hours=20))
    assert [gate.status.value for gate in sides(journey, Kind.CANCEL_LATE)] == ["answered"]
    world.go_to(promised + timedelta(days=4))
    assert [gate.status.value for gate in sides(journey, Kind.CANCEL_LATE)] == ["answered", "open"]


def test_a_promise_missed_by_a_working_day_gives_the_right_to_cancel(world: World) -> None:
    """Also where nobody was late but us: in review; the maker is then paid in full."""
    journey = Journey(world).to_review()
    promised = journey.order.promised
    assert promised is not None
    world.go_to(promised + timedelta(days=4))
    (asked,) = sides(journey, Kind.CANCEL_LATE)
    assert asked.reminders == ()
    journey.answer("cancel_late", "cancel")
    world.pass_time(days=8)
    assert journey.milestone.cause == RefundCause.SELLER_FAULT.value
    assert_given_back(journey, freelancer=13_000)


def test_an_order_that_nobody_took_is_cancelled_by_its_client_too(world: World) -> None:
    """The promise binds before the work as well."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    journey.answer("pick", "wait", until="2026-12-20")
    world.go_to(datetime.fromisoformat("2026-12-08T12:00:00+00:00"))
    (asked,) = sides(journey, Kind.CANCEL_LATE)
    assert str(asked.id) == "00-cancel_late-0001"
    journey.answer("cancel_late", "cancel")
    world.pass_time(days=1)
    assert journey.order.stage is OrderStage.COMPLETED
    assert journey.order.refunded == journey.order.paid


def test_work_that_comes_withdraws_the_question_about_it(world: World) -> None:
    """Nobody decides about what is there: the link says so, and an answer sent from an old page changes nothing."""
    journey = to_late(world)
    form = journey.form("late")
    journey.deliver()
    assert journey.stage == "review"
    assert [gate.status.value for gate in sides(journey, Kind.LATE)] == ["withdrawn"]
    assert "n’est plus posée" in world.send(form, choice="refund", note="").text
    assert journey.stage == "review"
    finish(journey)


def test_a_version_before_the_client_ends_the_right_to_cancel_for_lateness(world: World) -> None:
    """From then on the client accepts, or asks for a change."""
    journey = to_missed(world)
    assert [gate.status.value for gate in sides(journey, Kind.CANCEL_LATE)] == ["open"]
    journey.deliver()
    assert [gate.status.value for gate in sides(journey, Kind.CANCEL_LATE)] == ["open"]
    journey.answer("review", "approve")
    assert [gate.status.value for gate in sides(journey, Kind.CANCEL_LATE)] == ["withdrawn"]
    journey.answer("acceptance", "accept")
    finish(journey)


def test_an_interrupt_withdraws_what_stands_beside(world: World) -> None:
    """Cancelled from the command line while both are asked: nothing is left to be answered."""
    journey = to_late(world)
    world.pass_time(hours=5)
    cancel(world.ports, journey.id, by="seller", cause=RefundCause.LATE, reason="une bonne raison")
    world.settle()
    assert [gate.status.value for gate in sides(journey, Kind.CANCEL_LATE)] == ["withdrawn"]
    assert_given_back(journey)


def test_two_openings_of_the_same_are_one(world: World) -> None:
    """Two ticks at once, or one that is repeated: one question, one number, one mail."""
    journey = to_late(world)
    (work,) = [gate for gate in journey.gates if gate.id.kind is Kind.WORK]
    before = len(world.mails)
    again = ask_seller_of_late(world.ports, work)
    assert again is not None
    assert str(again.id) == "01-late-0001"
    assert len(world.mails) == before


def test_an_answer_given_twice_is_told_what_was_decided(world: World) -> None:
    """The second press of the same button, from the same page."""
    journey = to_late(world)
    form = journey.form("late")
    world.send(form, choice="reassign", note="")
    second = world.send(form, choice="refund", note="")
    assert "confié à quelqu’un d’autre" in second.text
    assert journey.stage == "reassign"


def test_a_date_that_cannot_be_is_refused_and_kept(world: World) -> None:
    """Yesterday, or a word: the page comes back with what was typed."""
    journey = to_late(world)
    for typed in ("2026-11-20", "demain", ""):
        back = journey.answer("late", "wait", until=typed)
        assert back.status == 422
        assert back.form("until").fields["until"] == typed
    assert sides(journey, Kind.LATE)[0].status is Status.OPEN


def test_work_that_never_comes_is_asked_about_until_somebody_decides(world: World) -> None:
    """The client waits, the maker has vanished: without a new question the order would wait for ever, and silently."""
    journey = to_missed(world)
    journey.answer("cancel_late", "wait")
    asked = len(sides(journey, Kind.LATE))
    world.pass_time(days=8)
    again = sides(journey, Kind.LATE)
    assert len(again) > asked
    assert len({gate.about for gate in again}) == len(again)
    assert len([gate for gate in again if gate.status is Status.OPEN]) <= 1


def test_two_openings_at_once_are_one_after_the_other(world: World) -> None:
    """The second meets the counter of the first, looks again, and finds the question asked."""
    journey = to_late(world)
    (asked,) = sides(journey, Kind.LATE)
    world.ports.store.write(*_never_asked(journey, asked))
    work = next(gate for gate in journey.gates if gate.id.kind is Kind.WORK)
    before, meeting = len(world.mails), [True]

    def meets(_: Gate) -> tuple[Change, ...]:
        if meeting:
            meeting.clear()
            ask_seller_of_late(world.ports, work)
        return ()

    opened = open_side(world.ports, journey.id, "01", lambda seen: late(seen, work, world.ports), meets)
    assert opened is not None
    assert [(str(gate.id), gate.status) for gate in sides(journey, Kind.LATE)] == [
        (str(asked.id), Status.WITHDRAWN),
        (str(opened.id), Status.OPEN),
    ]
    assert len(world.mails) == before + 1


def _never_asked(journey: Journey, asked: Gate) -> tuple[Change, ...]:
    """The question is gone, as if it had been about something else."""
    return (Change(gate_key(journey.id, str(asked.id)), put={"status": "withdrawn", "about": "something else"}),)


@pytest.mark.parametrize("first", ["clock", "seller"])
def test_of_a_person_and_the_clock_at_once_one_decides(world: World, first: str) -> None:
    """Both read the gate open; the second to write is told what was decided, and changes nothing."""
    journey = to_late(world)
    (gate,) = sides(journey, Kind.LATE)
    read = read_situation(world.ports, journey.id, "01")
    answers = {
        "clock": Answer(Choice.ASK_CLIENT, "clock", Via.CLOCK),
        "seller": Answer(Choice.REASSIGN, "seller", Via.LINK),
    }
    second = next(one for one in answers if one != first)
    answer(world.ports, read, gate, answers[first])
    with pytest.raises(AlreadyAnsweredError) as told:
        answer(world.ports, read, gate, answers[second])
    assert told.value.gate.decision is not None
    assert told.value.gate.decision.by == first
    assert len(sides(journey, Kind.CANCEL_LATE)) == (first == "clock")
