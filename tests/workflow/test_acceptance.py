"""What a client may do at acceptance besides answering, as its people live it. Design: people 5b and 6 D."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from devstack.simulation.pages import Page
from devstack.simulation.world import World, world_in_memory
from relais.calendar import due_after
from relais.gate import Gate, GateId, Kind, Status
from relais.order import stamp
from relais.ports import MailRefusedError
from relais.steps.acceptance import give_more_time
from relais.steps.situation import read_gate, read_situation
from tests.support.journey import Journey
from tests.workflow.scenarios import finish

MARIE = "marie@gmail.com"


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def of_kind(journey: Journey, kind: Kind) -> list[Gate]:
    return sorted((gate for gate in journey.gates if gate.id.kind is kind), key=lambda gate: gate.id.ordinal)


def more_time(journey: Journey) -> Page:
    """Press the button for more time on the page of the acceptance."""
    forms = journey.world.get(journey.world.link("acceptance", journey.id)).forms
    return journey.world.send(next(form for form in forms if form.fields.get("ask") == "more_time"))


def later(journey: Journey, gate: Gate) -> datetime:
    situation = read_situation(journey.world.ports, journey.id, "01")
    assert gate.deadline is not None
    return due_after(situation.offer.clocks.acceptance_more, gate.deadline, situation.client_calendar)


def test_one_press_gives_the_client_three_days_more(world: World) -> None:
    """No reason is asked for: the deadline moves, the mail confirms it, the page says so (people 6 D 6)."""
    journey = Journey(world).to_acceptance()
    before = journey.open_gate
    until, mails = later(journey, before), len(world.mails)
    assert before.deadline is not None
    assert until - before.deadline >= timedelta(days=3)
    assert more_time(journey).status == 303
    gate = journey.open_gate
    assert (gate.id, gate.deadline, gate.status) == (before.id, until, Status.OPEN)
    (mail,) = world.mails[mails:]
    assert mail.to == MARIE
    assert "Plus de temps" in mail.subject
    page = world.get(world.link("acceptance", journey.id))
    assert "Vous avez demandé plus de temps" in page.text
    finish(journey)


def test_silence_accepts_at_the_later_date_and_its_reminders_follow(world: World) -> None:
    """The last reminder comes on the last day of what was given, and nothing is decided before it ends."""
    journey = Journey(world).to_acceptance()
    first = journey.open_gate
    more_time(journey)
    gate, mails = journey.open_gate, len(world.mails)
    assert first.deadline is not None
    assert gate.deadline is not None
    world.go_to(first.deadline + timedelta(hours=2))
    assert journey.stage == "acceptance"
    world.go_to(gate.deadline - timedelta(minutes=1))
    reminded = [mail for mail in world.mails[mails:] if mail.to == MARIE]
    assert len(reminded) == len(gate.reminders) == 3
    assert gate.reminders[-1].date() == gate.deadline.date()
    world.go_to(gate.deadline + timedelta(minutes=11))
    assert journey.stage == "hold"


def test_more_time_is_given_once(world: World) -> None:
    """A double click, an old page, a second wish: the date moves once, and one mail says so."""
    journey = Journey(world).to_acceptance()
    page = world.get(world.link("acceptance", journey.id))
    form = next(form for form in page.forms if form.fields.get("ask") == "more_time")
    until, mails = later(journey, journey.open_gate), len(world.mails)
    assert world.send(form).status == 303
    assert world.send(form).status == 422
    assert give_more_time(world.ports, journey.open_gate) is not None
    assert journey.open_gate.deadline == until
    assert len(world.mails) == mails + 1
    assert len(of_kind(journey, Kind.MORE_TIME)) == 1


def test_a_revised_version_may_be_looked_at_longer_too(world: World) -> None:
    """Each version is a question of its own."""
    journey = Journey(world).to_acceptance()
    more_time(journey)
    journey.answer("acceptance", "revise", "Plus vert.")
    journey.deliver()
    journey.answer("review", "approve")
    before = journey.open_gate
    until = later(journey, before)
    assert more_time(journey).status == 303
    assert journey.open_gate.deadline == until


def test_a_press_that_died_before_its_mail_is_confirmed_by_the_clock(world: World) -> None:
    """The date moves in the transaction that opens the side gate: the rest is owed, and the clock does it."""
    journey = Journey(world).to_acceptance()
    until, mails = later(journey, journey.open_gate), len(world.mails)
    opened = give_more_time(world.ports, journey.open_gate)  # and nobody answers it
    assert opened is not None
    assert journey.open_gate.deadline == until
    assert len(world.mails) == mails
    world.pass_time(minutes=15)
    (mail,) = world.mails[mails:]
    assert "Plus de temps" in mail.subject
    assert read_gate(world.ports, journey.id, str(opened.id)).status is Status.ANSWERED


def test_an_answer_that_comes_first_leaves_nothing_to_prolong(world: World) -> None:
    """The page that was open meanwhile says what was decided; nothing is written."""
    journey = Journey(world).to_acceptance()
    page = world.get(world.link("acceptance", journey.id))
    form = next(form for form in page.forms if form.fields.get("ask") == "more_time")
    journey.answer("acceptance", "accept")
    assert world.send(form).status == 200
    assert of_kind(journey, Kind.MORE_TIME) == []


def test_a_confirmation_that_the_post_refuses_is_sent_later(world: World) -> None:
    """What is owed follows the commit (promise 2)."""
    journey = Journey(world).to_acceptance()
    mails = len(world.mails)

    def refuse(_: object) -> None:
        raise MailRefusedError("out of order")

    posted, world.ports.mailer.send = world.ports.mailer.send, refuse  # type: ignore[method-assign]
    assert more_time(journey).status == 303
    world.ports.mailer.send = posted  # type: ignore[method-assign]
    assert len(world.mails) == mails
    world.pass_time(minutes=10)
    (mail,) = world.mails[mails:]
    assert "Plus de temps" in mail.subject


def test_one_press_is_no_sign_that_a_mail_was_read(world: World) -> None:
    """A scanner presses buttons: more time harms nobody, but it makes nobody reached (promise 3)."""
    journey = Journey(world).to_acceptance()
    more_time(journey)
    assert not journey.open_gate.posted
    assert stamp(journey.open_gate.deadline or journey.open_gate.opened) == journey.open_gate.shown["more_time"]
    assert GateId.parse(str(of_kind(journey, Kind.MORE_TIME)[0].beside)).kind is Kind.ACCEPTANCE
