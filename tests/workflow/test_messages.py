"""What a client writes, with files, at any stage: answered, passed on and back, kept. Design: people 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from devstack.simulation.pages import Form, Page
from devstack.simulation.world import World, world_in_memory
from relais.gate import Gate, Kind, Status
from relais.offer import Disclosure, Offer
from relais.order import ORDER_LEVEL
from relais.rows import Put, offer_key
from relais.steps.evidence import pack
from relais.steps.links import gate_link
from relais.steps.situation import read_situation
from tests.support.journey import Journey
from tests.workflow.scenarios import SELLER, finish
from tests.workflow.test_lateness import MAKER, MARIE, sides, since
from tests.workflow.test_talking import page_of, put, work_of

WROTE = "Le logo peut-il aussi servir sur un camion ?"
SAID = "Oui, le fichier SVG est fait pour cela."
PHOTO = {"camion.png": b"\x89PNG truck"}


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def form_of(page: Page) -> Form:
    """The form of a message on the order's page."""
    return next(form for form in page.forms if form.fields.get("action") == "message")


def write(journey: Journey, text: str = WROTE, files: dict[str, bytes] | None = None, **fields: str) -> Page:
    """The client writes from the order's page."""
    form = form_of(journey.world.get(journey.page))
    place = f"{urlsplit(form.action).path}/files"
    keys = journey.world.upload(place, form.fields["nonce"], files) if files else []
    return journey.world.send(form, note=text, file=keys, **fields)


def message_of(journey: Journey) -> Gate:
    """The newest message."""
    rows = [gate for gate in journey.gates if gate.id.kind is Kind.MESSAGE]
    return max(rows, key=lambda gate: (gate.opened, gate.id.ordinal))


def pass_on(journey: Journey, gate: Gate, **fields: str) -> Page:
    """The seller passes on what stands in the form, as it is."""
    form = next(form for form in page_of(journey, gate).forms if form.fields.get("ask") == "question")
    return journey.world.send(form, **fields)


def by_name(journey: Journey) -> None:
    """The offer tells client and freelancer of each other."""
    key = offer_key(journey.order.offer, journey.order.offer_version)
    row = journey.world.row(key)
    offer = Offer.from_row(row)
    named = replace(offer, policy=replace(offer.policy, disclosure=Disclosure.BY_NAME))
    journey.world.ports.store.write(Put(key, {**row, **named.to_row()}, guards=()))


def test_the_client_writes_and_the_seller_answers_from_the_mails_link(world: World) -> None:
    """Words in the mail and the thread of both, none in rows; no date moves, and the maker hears nothing."""
    journey = Journey(world).to_work()
    before, promised, deadline = len(world.mails), journey.order.promised, work_of(journey).deadline
    sent = write(journey)
    assert (sent.status, sent.location.endswith("#thread")) == (303, True)
    gate = message_of(journey)
    assert (gate.role.value, [choice.value for choice in gate.choices]) == ("seller", ["answer", "go_on"])
    (mail,) = world.mails[before:]
    assert (mail.to, "camion" in mail.body) == (SELLER, True)
    journey.answer("message", "answer", SAID)
    (mail,) = world.mails[before + 1 :]
    assert (mail.to, SAID in mail.body) == (MARIE, True)
    shown = world.get(journey.page).text
    assert "camion" in shown
    assert SAID in shown
    assert "camion" not in str(world.rows(f"O#{journey.id}"))
    assert "camion" not in page_of(journey, work_of(journey)).text
    assert since(world, before, MAKER) == []
    assert (journey.order.promised, work_of(journey).deadline) == (promised, deadline)
    finish(journey)


@pytest.mark.parametrize("stage", ["brief", "assign", "review", "acceptance", "hold", "completed"])
def test_at_any_stage_and_after_the_end(world: World, stage: str) -> None:
    """Before anybody works, while they do, and when it is over: somebody reads it."""
    journey = Journey(world)
    if stage == "brief":
        journey.draft()
        journey.pay()
    elif stage == "completed":
        journey.to_hold()
        finish(journey)
    else:
        getattr(journey, f"to_{stage}")()
    assert write(journey).status == 303
    journey.answer("message", "answer", SAID)
    assert SAID in world.get(journey.page).text


def test_nothing_ends_a_message_that_ends_its_order(world: World) -> None:
    """Accepted, paid and over: the client still has an answer to get."""
    journey = Journey(world).to_acceptance()
    write(journey)
    finish(journey)
    assert message_of(journey).status is Status.OPEN or message_of(journey).decision is not None
    other = Journey(world).to_hold()
    write(other)
    other.world.pass_time(days=1)
    assert message_of(other).status is Status.OPEN


def test_from_the_page_of_the_choice_as_well(world: World) -> None:
    """At the acceptance one may write instead of choosing: nothing is decided by it."""
    journey = Journey(world).to_acceptance()
    gate = journey.open_gate
    assert put(journey, gate, WROTE, "message").status == 303
    assert message_of(journey).id.milestone == "01"
    assert journey.stage == "acceptance"
    assert "camion" in page_of(journey, gate).text
    journey.answer("message", "answer", SAID)
    assert SAID in page_of(journey, gate).text
    finish(journey)


def test_what_needs_no_answer_is_filed_without_a_mail(world: World) -> None:
    """A thank-you is read, and that is all."""
    journey = Journey(world).to_work()
    write(journey, "Merci !")
    before = len(world.mails)
    journey.answer("message", "go_on")
    assert world.mails[before:] == []
    assert message_of(journey).status is Status.ANSWERED


def test_silence_is_told_to_the_client_with_the_phone(world: World) -> None:
    """Reminded after a working day; after two the client is told how else the seller is reached."""
    journey = Journey(world).to_work()
    write(journey)
    before = len(world.mails)
    world.pass_time(days=2, hours=1)
    assert len([one for one in since(world, before, SELLER) if "message" in one]) == 1
    (told,) = [mail for mail in world.mails[before:] if mail.to == MARIE]
    assert "+33 6 39 98 10 20" in told.body.replace("\u00a0", " ")


def test_files_come_with_messages_and_stay_as_evidence(world: World) -> None:
    """With their digests, on both sides' pages; the pack for a bank lists them with the client's own words."""
    journey = Journey(world).to_work()
    write(journey, files=PHOTO)
    assert "camion.png" in page_of(journey, message_of(journey)).text
    form = journey.form("message")
    (plan,) = world.upload(f"{form.action}/files", form.fields["nonce"], {"plan.png": b"\x89PNG plan"})
    world.send(form, choice="answer", note=SAID, file=[plan])
    shown = world.get(journey.page).text
    assert "camion.png" in shown
    assert "plan.png" in shown
    parts = pack(world.ports, read_situation(world.ports, journey.id, ORDER_LEVEL))
    assert WROTE in parts["Messages"]
    assert parts["Messages"].count("SHA-256") == 2


def test_more_files_than_a_message_takes_are_refused(world: World) -> None:
    """At the permit, and again when the form comes."""
    journey = Journey(world).to_work()
    form = form_of(world.get(journey.page))
    names = {f"{at}.png": b"\x89PNG" for at in range(5)}
    keys = world.upload(f"{form.action}/files", form.fields["nonce"], names)
    more = world.upload(f"{form.action}/files", form.fields["nonce"], {"5.png": b"\x89PNG"})
    back = world.send(form, note=WROTE, file=[*keys, *more])
    assert back.status == 422
    assert WROTE.removesuffix(" ?") in form_of(back).fields["note"]
    assert sides(journey, Kind.MESSAGE) == []


def test_a_message_is_passed_on_with_its_files_and_the_answer_back(world: World) -> None:
    """One press each; in between the message waits for the answer, and nobody's date moves."""
    journey = Journey(world).to_work()
    promised, deadline = journey.order.promised, work_of(journey).deadline
    write(journey, files=PHOTO)
    gate = message_of(journey)
    assert pass_on(journey, gate).status == 422  # a scanner that presses the button of a form that is filled already
    assert sides(journey, Kind.QUESTION) == []
    assert pass_on(journey, gate, sure="yes").status == 303
    (question,) = sides(journey, Kind.QUESTION)
    assert (question.role.value, question.shown["with"]) == ("freelancer", question.owner)
    world.pass_time(hours=30)
    page = page_of(journey, question)
    assert "camion.png" in page.text
    before = len(world.mails)
    world.send(page.form("choice"), choice="answer", note=SAID)
    assert [mail.to for mail in world.mails[before:]] == [SELLER]
    assert message_of(journey).status is Status.OPEN
    back = page_of(journey, gate).form("choice")
    assert back.fields["note"] == SAID
    world.send(back, choice="answer")
    assert SAID in world.get(journey.page).text
    assert (journey.order.promised, work_of(journey).deadline) == (promised, deadline)
    finish(journey)


def test_whoever_lost_the_work_is_asked_no_more(world: World) -> None:
    """The question was for whoever makes it."""
    journey = Journey(world).to_work()
    write(journey)
    pass_on(journey, message_of(journey), sure="yes")
    (question,) = sides(journey, Kind.QUESTION)
    link = gate_link(world.ports, journey.order, question)
    journey.answer("work", "give_up", "Je suis malade.")
    assert "choice" not in {name for form in world.get(link).forms for name in form.names}


@pytest.mark.parametrize(
    ("text", "name"),
    [("Dites à Inès de m'appeler", "a.png"), ("au 06 12 34 56 78", "a.png"), ("Voici", "logo_ines_moreau.png")],
)
def test_what_would_let_people_meet_is_pointed_out_before_it_is_sent(world: World, text: str, name: str) -> None:
    """In words and in the names of files; a second press sends it all the same."""
    journey = Journey(world).to_work()
    back = write(journey, text, {name: b"\x89PNG"})
    assert back.status == 422
    assert sides(journey, Kind.MESSAGE) == []
    form = form_of(back)
    assert (form.fields["note"], "anyway" in form.names) == (text, True)
    world.send(form, anyway="yes")
    assert len(sides(journey, Kind.MESSAGE)) == 1


def test_the_clients_own_name_is_pointed_out_when_it_is_passed_on(world: World) -> None:
    """The seller knows it; the maker may not."""
    journey = Journey(world).to_work()
    name = journey.order.client_name or ""
    assert write(journey, f"{WROTE} {name}").status == 303
    assert pass_on(journey, message_of(journey), sure="yes").status == 422
    assert pass_on(journey, message_of(journey), sure="yes", anyway="yes").status == 303


def test_sent_twice_is_one_and_the_same_words_may_come_again(world: World) -> None:
    """A double click, and another day; three may wait at once."""
    journey = Journey(world).to_work()
    form = form_of(world.get(journey.page))
    assert [world.send(form, note=WROTE).status for _ in range(2)] == [303, 303]
    assert len(sides(journey, Kind.MESSAGE)) == 1
    journey.answer("message", "answer", SAID)
    world.pass_time(hours=2)
    write(journey)
    assert len(sides(journey, Kind.MESSAGE)) == 2
    assert [write(journey, text).status for text in ("Deux", "Trois", "Quatre")] == [303, 303, 422]


def test_an_empty_form_and_an_unpaid_order_send_nothing(world: World) -> None:
    """A robot that presses what it finds has written nothing; a draft has no seller waiting."""
    journey = Journey(world).to_work()
    assert write(journey, "").status == 422
    assert sides(journey, Kind.MESSAGE) == []
    draft = Journey(world)
    draft.draft()
    assert not [form for form in world.get(draft.page).forms if form.fields.get("action") == "message"]


def test_where_names_are_told_all_three_read_the_thread(world: World) -> None:
    """Client and maker read what either says to the seller; nobody who only was asked does."""
    journey = Journey(world).to_work()
    by_name(journey)
    write(journey, "Bonjour Inès, au 06 12 34 56 78")
    put(journey, work_of(journey), "Faut-il une version sombre ?")
    assert "06 12 34 56 78" in page_of(journey, work_of(journey)).text.replace("\u00a0", " ")
    assert "version sombre" in world.get(journey.page).text


def test_a_question_of_the_makers_has_files_too(world: World) -> None:
    """And they go on to the client with it."""
    journey = Journey(world).to_work()
    form = next(one for one in page_of(journey, work_of(journey)).forms if one.fields.get("ask") == "question")
    (key,) = world.upload(f"{form.action}/files", form.fields["nonce"], {"essai.png": b"\x89PNG essai"})
    world.send(form, note="Lequel des deux ?", file=[key])
    (question,) = sides(journey, Kind.QUESTION)
    assert pass_on(journey, question, sure="yes").status == 303
    assert "essai.png" in world.get(world.link("question", journey.id)).text
