"""Questions and more time, as their people live them. Design: people sections 1, 2 and 5b."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from devstack.simulation.pages import Page
from devstack.simulation.world import World, world_in_memory
from relais.gate import Gate, Kind, Status
from relais.offer import RefundCause
from relais.order import stamp
from relais.rows import Change, order_key
from relais.steps.interrupt import cancel
from relais.steps.links import gate_link
from tests.support.journey import Journey
from tests.workflow.late import to_late
from tests.workflow.scenarios import SELLER, finish
from tests.workflow.test_lateness import MAKER, MARIE, sides, since

ASKED = "Le mot « pain » doit-il rester sur l'enseigne ?"
SAID = "Oui, gardez-le."


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def page_of(journey: Journey, gate: Gate) -> Page:
    """The page of a gate."""
    return journey.world.get(gate_link(journey.world.ports, journey.order, gate))


def work_of(journey: Journey) -> Gate:
    """The gate of the work as it stands."""
    return next(gate for gate in reversed(journey.gates) if gate.id.kind is Kind.WORK)


def put(journey: Journey, page: Gate, text: str = ASKED, asked: str = "question", **fields: str) -> Page:
    """Send the form beside a gate's own."""
    shown = page_of(journey, page)
    form = next(form for form in shown.forms if form.fields.get("ask") == asked)
    return journey.world.send(form, note=text, **fields)


def asked_of_seller(world: World, **fields: str) -> Journey:
    """The maker has asked the seller from the page of the work."""
    journey = Journey(world).to_work()
    assert put(journey, work_of(journey), **fields).status == 303
    return journey


# Questions ----------------------------------------------------------------------------------------------------------


def test_the_maker_asks_the_seller_who_answers(world: World) -> None:
    """Words in the mail and on the page of both; rows and subjects hold none."""
    journey = Journey(world).to_work()
    before = len(world.mails)
    put(journey, work_of(journey))
    (asked,) = sides(journey, Kind.QUESTION)
    assert (str(asked.id), asked.role.value, asked.reminders != ()) == ("01-question-0001", "seller", True)
    (mail,) = [mail for mail in world.mails[before:] if mail.to == SELLER]
    assert "« pain »" in mail.body.replace("\u00a0", " ")
    assert "réponse attendue" in page_of(journey, work_of(journey)).text
    journey.answer("question", "answer", SAID)
    assert len([mail for mail in world.mails if mail.to == MAKER and SAID in mail.body]) == 1
    shown = page_of(journey, work_of(journey)).text
    assert ASKED.replace(" ?", "\u00a0?") in shown or ASKED in shown
    assert SAID in shown
    assert "doit-il rester" not in str(world.rows(f"O#{journey.id}"))
    assert "doit-il rester" not in world.get(journey.page).text  # the client's side is another
    finish(journey)


def test_a_question_that_stops_the_work_stops_both_dates(world: World) -> None:
    """While it waits no reminder leaves and nobody is late; then both dates move by the time that it took."""
    journey = Journey(world).to_work()
    before, promised = work_of(journey), journey.order.promised
    assert before.deadline is not None
    assert promised is not None
    world.go_to(before.deadline - timedelta(hours=2))
    count = len(world.mails)
    put(journey, before, stops="yes")
    world.go_to(before.deadline + timedelta(hours=20))
    assert (sides(journey, Kind.LATE), since(world, count, MAKER)) == ([], [])
    journey.answer("question", "answer", SAID)
    after = work_of(journey)
    assert after.deadline is not None
    assert after.deadline > before.deadline
    assert journey.milestone.engagement.deadline == after.deadline
    assert journey.order.promised is not None
    assert journey.order.promised > promised
    assert len([one for one in since(world, count, MARIE) if "nouvelle date" in one]) == 1
    world.go_to(after.deadline + timedelta(days=4))
    assert sides(journey, Kind.LATE) != []


def test_a_question_that_stops_nothing_moves_nothing(world: World) -> None:
    """It is asked in passing: the dates are what they were."""
    journey = asked_of_seller(world)
    before, promised = work_of(journey).deadline, journey.order.promised
    world.pass_time(hours=8)
    journey.answer("question", "answer", SAID)
    assert (work_of(journey).deadline, journey.order.promised) == (before, promised)


def test_silence_lets_the_work_go_on_with_its_dates_moved(world: World) -> None:
    """Reminded after a working day, over after two; whoever asked is told."""
    journey = asked_of_seller(world, stops="yes")
    before = work_of(journey).deadline
    assert before is not None
    count = len(world.mails)
    world.pass_time(days=3)
    (asked,) = sides(journey, Kind.QUESTION)
    assert asked.decision is not None
    assert (asked.decision.choice.value, asked.decision.by) == ("go_on", "clock")
    assert len(since(world, count, SELLER)) == 1
    assert len([one for one in since(world, count, MAKER) if "Pas de réponse" in one]) == 1
    after = work_of(journey).deadline
    assert after is not None
    assert after > before


def test_a_question_is_passed_on_and_its_answer_passed_back(world: World) -> None:
    """The client answers the seller, who sends it on in one press; meanwhile both dates stand still."""
    journey = asked_of_seller(world, stops="yes")
    (first,) = sides(journey, Kind.QUESTION)
    put(journey, first, sure="yes")
    second = sides(journey, Kind.QUESTION)[-1]
    assert (second.role.value, second.status) == ("client", Status.OPEN)
    link = world.link("question", journey.id)
    assert link.rpartition("/")[0] in world.get(journey.page).body
    answered = world.send(world.get(link).form("choice"), choice="answer", note=SAID)
    assert answered.status == 303
    assert len([mail for mail in world.mails if mail.to == SELLER and SAID in mail.body]) == 1
    form = page_of(journey, first).form("choice")
    assert form.fields["note"] == SAID
    world.send(form, choice="answer")
    assert [gate.status.value for gate in sides(journey, Kind.QUESTION)] == ["answered", "answered"]
    assert SAID in page_of(journey, work_of(journey)).text
    assert SAID in world.get(journey.page).text
    finish(journey)


def test_the_clients_date_stands_still_while_they_are_asked(world: World) -> None:
    """From the review, three working days: the promise moves by them and is not missed meanwhile."""
    journey = Journey(world).to_review()
    promised = journey.order.promised
    assert promised is not None
    put(journey, journey.open_gate)
    world.pass_time(days=1, hours=23)
    form = world.get(world.link("question", journey.id)).form("choice")
    world.send(form, choice="answer", note=SAID)
    assert journey.order.promised is not None
    assert journey.order.promised - promised >= timedelta(days=1)


def test_a_question_before_accepting_stops_the_proposals_clock(world: World) -> None:
    """Time spent waiting for others never counts against them (design: people 5)."""
    journey = Journey(world).to_assign()
    (proposal,) = [gate for gate in journey.gates if gate.id.kind is Kind.PROPOSAL]
    put(journey, proposal)
    assert proposal.deadline is not None
    world.go_to(proposal.deadline + timedelta(hours=1))
    (still,) = [gate for gate in journey.gates if gate.id.kind is Kind.PROPOSAL]
    assert still.status is Status.OPEN
    journey.answer("question", "answer", SAID)
    (later,) = [gate for gate in journey.gates if gate.id.kind is Kind.PROPOSAL]
    assert later.deadline is not None
    assert later.deadline > world.now()
    assert SAID in page_of(journey, later).text
    journey.answer("proposal", "accepted")
    finish(journey)


def test_sent_twice_is_asked_once_and_one_waits_at_a_time(world: World) -> None:
    """A double click, and a second question while the first waits."""
    journey = Journey(world).to_work()
    form = next(one for one in page_of(journey, work_of(journey)).forms if one.fields.get("ask") == "question")
    assert [world.send(form, note=ASKED).status for _ in range(2)] == [303, 422]
    assert world.send(form, note="Autre chose ?").status == 422
    assert len(sides(journey, Kind.QUESTION)) == 1


@pytest.mark.parametrize(
    "text",
    ["Écrivez-moi à ines@moreau.example", "Appelez-moi au 06 12 34 56 78", "C'est Inès Moreau", "www.moreau.example"],
)
def test_what_would_let_people_meet_is_said_before_it_is_sent(world: World, text: str) -> None:
    """Nothing is lost of what was typed, and a second press sends it all the same."""
    journey = Journey(world).to_work()
    back = put(journey, work_of(journey), text)
    assert back.status == 422
    assert sides(journey, Kind.QUESTION) == []
    form = next(form for form in back.forms if form.fields.get("ask") == "question")
    assert form.fields["note"] == text
    assert "anyway" in form.names
    world.send(form, anyway="yes")
    assert len(sides(journey, Kind.QUESTION)) == 1


def test_a_question_without_words_is_refused(world: World) -> None:
    """A robot that presses every button has asked nothing."""
    journey = Journey(world).to_work()
    assert put(journey, work_of(journey), "").status == 422
    assert sides(journey, Kind.QUESTION) == []


def test_work_that_comes_or_an_order_that_ends_withdraws_the_question(world: World) -> None:
    """Nobody answers what matters no more."""
    journey = asked_of_seller(world, stops="yes")
    journey.deliver()
    assert [gate.status.value for gate in sides(journey, Kind.QUESTION)] == ["withdrawn"]
    other = asked_of_seller(world)
    cancel(world.ports, other.id, by="seller", cause=RefundCause.LATE, reason="une bonne raison")
    world.settle()
    assert [gate.status.value for gate in sides(other, Kind.QUESTION)] == ["withdrawn"]


# More time ----------------------------------------------------------------------------------------------------------


def wished(world: World, until: str) -> Journey:
    """The maker has asked for another date."""
    journey = Journey(world).to_work()
    assert put(journey, work_of(journey), "Un client m'a retardée.", "more_time", until=until).status == 303
    return journey


def test_within_the_reserve_more_time_is_given_by_rule_once(world: World) -> None:
    """The promised date does not move, and enough is left to look at the work."""
    journey = Journey(world).to_work()
    world.ports.store.write(slower(journey))
    promised, before = journey.order.promised, work_of(journey).deadline
    put(journey, work_of(journey), "Un client m'a retardée.", "more_time", until="2026-12-03")
    (asked,) = sides(journey, Kind.MORE_TIME)
    assert asked.decision is not None
    assert (asked.decision.choice.value, asked.decision.by) == ("grant", "engine")
    after = work_of(journey).deadline
    assert after is not None
    assert before is not None
    assert after > before
    assert (journey.order.promised, sides(journey, Kind.CANCEL_LATE)) == (promised, [])
    put(journey, work_of(journey), "Encore un peu.", "more_time", until="2026-12-07")
    assert sides(journey, Kind.MORE_TIME)[-1].status is Status.OPEN


def slower(journey: Journey) -> Change:
    """The client was promised a week more."""
    promised = journey.order.promised
    assert promised is not None
    return Change(order_key(journey.id), put={"promised": stamp(promised + timedelta(days=7))})


def test_beyond_the_reserve_the_seller_answers(world: World) -> None:
    """A yes beyond the promise asks the client; a no leaves the date, and the maker is told."""
    journey = wished(world, "2026-12-03")
    assert sides(journey, Kind.MORE_TIME)[0].status is Status.OPEN
    before = len(world.mails)
    journey.answer("more_time", "grant")
    assert f"{work_of(journey).deadline:%Y-%m-%d}" == "2026-12-03"
    assert [gate.status for gate in sides(journey, Kind.CANCEL_LATE)] == [Status.OPEN]
    assert len([one for one in since(world, before, MAKER) if "accordée" in one]) == 1
    other = wished(world, "2026-12-03")
    deadline = work_of(other).deadline
    other.answer("more_time", "refuse")
    assert work_of(other).deadline == deadline


def test_silence_about_more_time_leaves_the_date(world: World) -> None:
    """Four working hours, reminded half-way."""
    journey = wished(world, "2026-12-03")
    deadline, before = work_of(journey).deadline, len(world.mails)
    world.pass_time(hours=5)
    (asked,) = sides(journey, Kind.MORE_TIME)
    assert asked.decision is not None
    assert asked.decision.choice.value == "refuse"
    assert work_of(journey).deadline == deadline
    assert len(since(world, before, SELLER)) == 1
    assert len([one for one in since(world, before, MAKER) if "reste la même" in one]) == 1


def test_more_time_answers_for_late_work_too(world: World) -> None:
    """Whoever grants it need not decide about the delay as well."""
    journey = to_late(world)
    put(journey, work_of(journey), "Demain midi.", "more_time", until="2026-12-01")
    journey.answer("more_time", "grant")
    assert [gate.status.value for gate in sides(journey, Kind.LATE)] == ["withdrawn"]


def test_a_date_before_the_own_is_refused(world: World) -> None:
    """The form comes back with what was typed."""
    journey = Journey(world).to_work()
    back = put(journey, work_of(journey), "Trop tôt.", "more_time", until="2026-11-25")
    assert back.status == 422
    assert "Choisissez une date après la vôtre" in back.text


def test_a_button_pressed_under_an_empty_form_proves_nobody_there(world: World) -> None:
    """A scanner presses what it finds: only what was typed shows that the owner has the page (decision 0005)."""
    journey = Journey(world).to_work()
    gate = work_of(journey)
    assert put(journey, gate, "").status == 422
    assert not work_of(journey).posted
    assert put(journey, gate, "Trop tôt.", "more_time", until="2026-11-25").status == 422
    assert work_of(journey).posted


def test_nobody_asks_from_a_page_that_is_not_theirs(world: World) -> None:
    """A form tampered with: the client's page asks nobody, the maker never the client."""
    journey = Journey(world).to_acceptance()
    form = world.get(world.link("acceptance", journey.id)).form("choice")
    assert world.send(form, ask="question", note=ASKED).status == 422
    assert sides(journey, Kind.QUESTION) == []
