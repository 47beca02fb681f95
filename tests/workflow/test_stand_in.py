"""A brief that nobody fills in: on the fifth day the seller may do it for the client, by a link of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest

from devstack.simulation.pages import Mail
from devstack.simulation.world import PUBLIC_URL, World, world_in_memory
from relais.deed import Deed, What
from relais.gate import Gate, Via
from relais.rows import Change, gate_key
from relais.steps.deeds import deeds_of
from relais.steps.links import gate_link, stand_in_link
from tests.support.journey import ANSWERS, Journey
from tests.workflow.scenarios import SELLER, finish

MARIE = "marie@gmail.com"


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def told(world: World, to: str = SELLER, about: str = "au téléphone") -> list[Mail]:
    """The mails to somebody with these words in their subject."""
    return [mail for mail in world.mails if mail.to == to and about in mail.subject]


def brief_of(journey: Journey) -> Gate:
    return next(gate for gate in journey.gates if gate.id.kind.value == "brief")


def mailed_link(mail: Mail) -> str:
    """The one link of a gate in a mail."""
    (found,) = set(re.findall(rf"{re.escape(PUBLIC_URL)}/g/[^\"\s<]+", unescape(mail.body)))
    return found


def to_fifth_day(world: World) -> tuple[Journey, str]:
    """Paid on a Monday: the fifth day is a Saturday, the seller hears of it on the Monday after."""
    journey = Journey(world).to_brief()
    world.pass_time(days=7)
    (mail,) = told(world)
    return journey, mailed_link(mail)


def deeds(journey: Journey) -> tuple[Deed, ...]:
    return deeds_of(journey.world.ports, journey.id)


def test_the_seller_hears_on_the_fifth_day_of_a_brief_that_nobody_fills_in(world: World) -> None:
    """Five silent days lose a sale; once, within the seller's hours, while the client is reminded as ever."""
    journey = Journey(world).to_brief()
    at = brief_of(journey).tells_seller
    assert at is not None
    assert at.isoformat() == "2026-11-30T08:00:00+00:00"  # the fifth day is a Saturday: Monday at nine in Paris
    world.go_to(at - timedelta(minutes=1))
    assert told(world) == []
    world.go_to(at + timedelta(minutes=1))
    world.go_to(at + timedelta(days=4))
    (mail,) = told(world)
    assert mailed_link(mail) == stand_in_link(world.ports, brief_of(journey))
    assert brief_of(journey).tells_seller is None
    reminded = [one for one in world.mails if one.to == MARIE and one.subject.startswith("Rappel")]
    assert len(reminded) == 3  # after one, three and seven days


def test_a_brief_that_came_is_told_to_nobody(world: World) -> None:
    """The seller has nothing to do."""
    journey = Journey(world).to_brief()
    world.pass_time(days=2)
    journey.hand_in_brief()
    world.pass_time(days=6)
    assert told(world) == []


def test_a_tick_that_comes_at_night_waits_for_the_sellers_hours(world: World) -> None:
    """Design: people 1: no reminder leaves outside of the hours of whom it reminds."""
    journey = Journey(world).to_brief()
    at = brief_of(journey).tells_seller
    assert at is not None
    world.jump_to(at + timedelta(hours=13))
    world.tick()
    assert told(world) == []
    world.go_to(at + timedelta(days=1, minutes=5))
    assert len(told(world)) == 1


def test_the_seller_hands_it_in_for_the_client_who_is_told(world: World) -> None:
    """Through the one door, as the seller's: kept with who and how, and the client reads what stands in their name."""
    journey, link = to_fifth_day(world)
    form = world.get(link).form("q_name")
    sent = world.send(form, **ANSWERS, action="hand_in")
    assert (sent.status, sent.location) == (303, link.removeprefix(PUBLIC_URL))
    world.pass_time(minutes=3)
    decision = brief_of(journey).decision
    assert decision is not None
    assert (decision.choice.value, decision.by, decision.via) == ("hand_in", "seller", Via.LINK)
    (done,) = deeds(journey)
    assert (done.what, done.by, done.via, done.tells, done.tries) == (What.BRIEF, "seller", Via.LINK, ("client",), None)
    (mail,) = told(world, MARIE, "rempli votre brief")
    assert journey.page in unescape(mail.body)
    assert "Boulangerie Aubépine" in world.get(journey.page).text
    assert journey.stage == "assign"
    finish_from_assign(journey)


def finish_from_assign(journey: Journey) -> None:
    journey.answer("proposal", "accepted")
    finish(journey)


def test_the_sellers_page_shows_the_form_alone(world: World) -> None:
    """Neither the client's address, nor their ways out, nor a link of theirs: before as after it is handed in."""
    journey, link = to_fifth_day(world)
    page = world.get(link)
    secret = journey.page.rpartition("/")[2]
    assert [sorted(form.fields)[:1] for form in page.forms if "address" in form.fields] == []
    assert (secret in page.body, "withdraw" in page.body) == (False, False)
    world.send(page.form("q_name"), **ANSWERS, action="hand_in")
    after = world.get(link)
    assert (after.status, secret in after.body) == (200, False)
    assert "Le brief est remis" in after.text


def test_what_the_client_saved_is_there_and_what_is_missing_is_told(world: World) -> None:
    """One brief, two who may type: nothing typed is lost, and the seller's typing is no sign of the client."""
    journey = Journey(world).to_brief()
    world.send(world.get(journey.page).form("q_name"), q_name="Boulangerie Aubépine", action="save")
    posted = brief_of(journey).posted
    world.pass_time(days=7)
    link = mailed_link(told(world)[0])
    form = world.get(link).form("q_name")
    assert form.fields["q_name"] == "Boulangerie Aubépine"
    refused = world.send(form, q_activity="Du pain", action="hand_in")
    assert refused.status == 422
    assert refused.form("q_name").fields["q_activity"] == "Du pain"
    assert (posted, brief_of(journey).decision) == (True, None)
    assert world.send(refused.form("q_name"), action="save").status == 303
    assert world.get(journey.page).form("q_name").fields["q_activity"] == "Du pain"


def test_the_sellers_typing_does_not_reach_a_client_whom_no_mail_reached(world: World) -> None:
    """Promise 3: only what its owner sends counts as a sign of them."""
    journey, link = to_fifth_day(world)
    world.send(world.get(link).form("q_name"), q_name="Boulangerie", action="save")
    assert not brief_of(journey).posted


def test_the_sellers_link_and_the_clients_open_nothing_of_each_other(world: World) -> None:
    """Two secrets, two nonces: a form of the one is refused at the other's address."""
    journey, link = to_fifth_day(world)
    own = gate_link(world.ports, journey.order, brief_of(journey))
    assert own != link
    sellers, clients = world.get(link).form("q_name"), world.get(journey.page).form("q_name")
    assert sellers.fields["nonce"] != clients.fields["nonce"]
    crossed = world.post(link, {**sellers.fields, **ANSWERS, "nonce": clients.fields["nonce"], "action": "hand_in"})
    assert (crossed.status, brief_of(journey).decision) == (422, None)
    crossed = world.post(
        journey.page, {**clients.fields, **ANSWERS, "nonce": sellers.fields["nonce"], "action": "hand_in"}
    )
    assert (crossed.status, brief_of(journey).decision) == (422, None)
    secret = link.rpartition("/")[2]
    assert world.get(f"{PUBLIC_URL}/o/{journey.id}/{secret}").status == 404


def test_the_sellers_link_is_revoked_by_its_own_version(world: World) -> None:
    """Like any other; a client whose address is corrected does not take it from the seller."""
    journey, link = to_fifth_day(world)
    shown = world.get(journey.page).form("address")
    assert world.send(shown, address="marie@orange.fr", action="address").status == 303
    assert world.get(link).status == 200
    key = gate_key(journey.id, str(brief_of(journey).id))
    world.ports.store.write(Change(key, put={"link_version": brief_of(journey).link_version + 1}))
    assert world.get(link).status == 404


def test_files_are_uploaded_from_the_sellers_page(world: World) -> None:
    """They stand beside what the client sent."""
    journey, link = to_fifth_day(world)
    form = world.get(link).form("q_name")
    keys = world.upload(f"{form.action}/files", form.fields["nonce"], {"devanture.png": b"\x89PNG"})
    assert world.send(form, **ANSWERS, file=keys, action="hand_in").status == 303
    assert "devanture.png" in world.get(link_of_work(journey)).text


def link_of_work(journey: Journey) -> str:
    journey.answer("proposal", "accepted")
    return journey.world.link("work", journey.id)


def test_of_client_and_seller_at_once_one_hands_in(world: World) -> None:
    """The second is told that it is done; nobody is told that it was done for them who did it themself."""
    journey, link = to_fifth_day(world)
    form = world.get(link).form("q_name")
    journey.hand_in_brief()
    late = world.send(form, **ANSWERS, action="hand_in")
    assert (late.status, deeds(journey)) == (200, ())
    decision = brief_of(journey).decision
    assert decision is not None
    assert decision.by == "client"


def test_a_press_of_every_button_decides_nothing(world: World) -> None:
    """Promise 4: without the tick nothing is handed in."""
    journey, link = to_fifth_day(world)
    answers = {name: text for name, text in ANSWERS.items() if name != "ready"}
    assert world.send(world.get(link).form("q_name"), **answers, action="hand_in").status == 422
    assert brief_of(journey).decision is None
