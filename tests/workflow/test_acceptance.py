"""What a client may do at acceptance besides answering, as its people live it. Design: people 5b and 6 D."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from devstack.simulation.pages import Page
from devstack.simulation.world import World, world_in_memory
from relais import ledger
from relais.calendar import due_after
from relais.gate import Choice, ChoiceNotOfferedError, Gate, GateId, Kind, Status, Via
from relais.order import stamp
from relais.ports import MailRefusedError
from relais.steps.acceptance import give_more_time
from relais.steps.decisions import Answer
from relais.steps.door import answer
from relais.steps.situation import read_gate, read_situation
from tests.support.journey import Journey
from tests.workflow.scenarios import finish
from tests.workflow.ways_out import assert_given_back

MARIE = "marie@gmail.com"


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def of_kind(journey: Journey, kind: Kind) -> list[Gate]:
    return sorted((gate for gate in journey.gates if gate.id.kind is kind), key=lambda gate: gate.id.ordinal)


def more_time(journey: Journey) -> Page:
    """Tick and send the form for more time on the page of the acceptance."""
    forms = journey.world.get(journey.world.link("acceptance", journey.id)).forms
    return journey.world.send(next(form for form in forms if form.fields.get("ask") == "more_time"), sure="yes")


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
    assert world.send(form, sure="yes").status == 303
    assert world.send(form, sure="yes").status == 422
    assert give_more_time(world.ports, journey.open_gate) is not None
    assert journey.open_gate.deadline == until
    assert len(world.mails) == mails + 1
    assert len(of_kind(journey, Kind.MORE_TIME)) == 1


def test_the_button_alone_moves_nothing(world: World) -> None:
    """A scanner presses what it finds (promise 4): what nobody ticked comes back with a word, and no date has moved."""
    journey = Journey(world).to_acceptance()
    page = world.get(world.link("acceptance", journey.id))
    form = next(form for form in page.forms if form.fields.get("ask") == "more_time")
    before = world.rows()
    back = world.send(form)
    assert back.status == 422
    assert "Cochez la case si vous avez besoin de plus de temps" in back.text
    assert world.rows() == before


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
    assert world.send(form, sure="yes").status == 200
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


def test_who_ticked_for_more_time_has_the_page(world: World) -> None:
    """What was ticked is a person's sign, as a choice is (decision 0005); the date is kept beside its gate."""
    journey = Journey(world).to_acceptance()
    more_time(journey)
    assert journey.open_gate.posted
    assert stamp(journey.open_gate.deadline or journey.open_gate.opened) == journey.open_gate.shown["more_time"]
    assert GateId.parse(str(of_kind(journey, Kind.MORE_TIME)[0].beside)).kind is Kind.ACCEPTANCE


# Reopening ----------------------------------------------------------------------------------------------------------


def to_silence(world: World) -> Journey:
    """Accepted by silence: the hold stands."""
    journey = Journey(world).to_acceptance()
    world.go_to((journey.open_gate.deadline or world.now()) + timedelta(minutes=11))
    assert journey.stage == "hold"
    return journey


def reopen(journey: Journey, **fields: str) -> Page:
    """Press on the order's page, the box ticked unless said otherwise."""
    form = journey.world.get(journey.page).form("reopen")
    return journey.world.send(form, action="reopen", **({"reopen": "yes"} | fields))


def test_what_silence_accepted_is_reopened_and_revised(world: World) -> None:
    """The page and the mail say until when; client, seller and freelancer are told; the pay waits."""
    journey = to_silence(world)
    mail = next(mail for mail in reversed(world.mails) if mail.to == MARIE)
    assert "rouvrir" in mail.body
    mails = len(world.mails)
    assert reopen(journey).status == 303
    assert journey.stage == "acceptance"
    told = {mail.to: mail.subject for mail in world.mails[mails:]}
    assert [("ouvert" in subject) for subject in told.values()] == [True] * 3
    assert journey.milestone.had
    page = world.get(world.link("acceptance", journey.id))
    assert "Vous avez rouvert cette livraison" in page.text
    journey.answer("acceptance", "revise", "Plus vert.")
    assert journey.stage == "work"
    finish(journey)


def test_a_reopening_takes_the_booking_back_and_the_next_yes_books_anew(world: World) -> None:
    """Balanced at every step: what was earned is the client's again, nothing is owed (promise 1)."""
    journey = to_silence(world)
    reopen(journey)
    entries, _ = ledger.read(journey.entries())
    balance = ledger.trial_balance(entries)
    owed = {str(account): sum_ for (account, _), sum_ in balance.items() if sum_}
    assert not [name for name in owed if name.startswith(("revenue", "payable", "cost.work"))]
    assert owed[f"client_funds.{journey.id}"] == -29_000
    journey.answer("acceptance", "accept")
    finish(journey)
    booked = [entry.reference for entry in ledger.read(journey.entries())[0]]
    assert [one for one in booked if one.startswith(("accept:", "reopen:"))] == [
        f"accept:{journey.id}:01",
        f"accept:{journey.id}:01:2",
        f"reopen:{journey.id}:01",
    ]


def test_a_reopened_delivery_can_be_given_back_whole(world: World) -> None:
    """From then on every way out is one before acceptance: the whole price goes back, no pot is left."""
    journey = to_silence(world)
    reopen(journey)
    journey.answer("acceptance", "request", "Ce n'est pas ce que je voulais.")
    journey.answer("refund_request", "full", cause="brief_not_met")
    assert_given_back(journey)


def test_a_reopening_needs_a_tick(world: World) -> None:
    """Somebody who presses every button of a page has chosen nothing (promise 4)."""
    journey = to_silence(world)
    back = reopen(journey, reopen="")
    assert back.status == 422
    assert "Cochez la case" in back.text
    assert journey.stage == "hold"


def test_a_spoken_yes_is_not_reopened(world: World) -> None:
    """Whoever said yes has said it: no form, and the door refuses."""
    journey = Journey(world).to_hold()
    assert not [form for form in world.get(journey.page).forms if "reopen" in form.names]
    with pytest.raises(ChoiceNotOfferedError):
        press(journey)


def press(journey: Journey) -> Gate:
    """The reopening as the door gets it."""
    situation = read_situation(journey.world.ports, journey.id, "01")
    return answer(journey.world.ports, situation, journey.open_gate, Answer(Choice.REOPEN, "client", Via.LINK))


def test_it_is_reopened_once(world: World) -> None:
    """The second silence is final, and so says the page."""
    journey = to_silence(world)
    reopen(journey)
    world.go_to((journey.open_gate.deadline or world.now()) + timedelta(minutes=11))
    assert journey.stage == "hold"
    assert journey.open_gate.choices == (Choice.RELEASE,)
    assert not [form for form in world.get(journey.page).forms if "reopen" in form.names]
    assert "rouvrir" not in next(mail for mail in reversed(world.mails) if mail.to == MARIE).body
    finish(journey)


def test_once_the_pay_is_released_it_is_too_late(world: World) -> None:
    """The page of before says so, and nothing is written."""
    journey = to_silence(world)
    until = journey.open_gate.deadline or world.now()
    world.go_to(until - timedelta(minutes=5))
    form = world.get(journey.page).form("reopen")
    world.go_to(until + timedelta(minutes=11))
    back = world.send(form, reopen="yes", action="reopen")
    assert back.status == 422
    assert "ne peut plus être rouverte" in back.text
    finish(journey)


def test_two_presses_reopen_once(world: World) -> None:
    """A double click is told that it is too late; there is one entry and one acceptance."""
    journey = to_silence(world)
    form = world.get(journey.page).form("reopen")
    assert world.send(form, reopen="yes", action="reopen").status == 303
    assert world.send(form, reopen="yes", action="reopen").status == 422
    assert journey.stage == "acceptance"
    finish(journey)


def test_a_definition_of_before_lets_nobody_reopen(world: World) -> None:
    """Its hold routes the release alone: neither mail nor page offers what would park (design: workflow 3)."""
    journey = Journey(world).to_acceptance()

    def only_release(called: str, event: Mapping[str, Any]) -> None:
        if called == "open-gate" and event.get("stage") == "hold":
            event["choices"].remove("reopen")

    world.engine.breakers.append(only_release)
    world.go_to((journey.open_gate.deadline or world.now()) + timedelta(minutes=11))
    assert journey.open_gate.choices == (Choice.RELEASE,)
    assert not [form for form in world.get(journey.page).forms if "reopen" in form.names]
    finish(journey)


def test_what_the_seller_made_is_not_reopened(world: World) -> None:
    """It is held for no time: a mail that says until when would say now."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    journey.answer("pick", "self")
    journey.deliver()
    world.go_to((journey.open_gate.deadline or world.now()) + timedelta(minutes=11))
    hold = next(gate for gate in journey.gates if gate.id.kind is Kind.HOLD)
    assert hold.choices == (Choice.RELEASE,)


def test_files_given_with_the_silent_yes_stay_and_a_new_version_is_previewed(world: World) -> None:
    """They cannot be taken back; what comes after waits for a yes as ever."""
    journey = to_silence(world)
    before = world.get(journey.page).text
    reopen(journey)
    assert "logo.png" in before
    assert "logo.png" in world.get(journey.page).text
    journey.answer("acceptance", "revise", "Plus vert.")
    journey.deliver(b"\x89PNG logo 2")
    journey.answer("review", "approve")
    assert not journey.milestone.had
