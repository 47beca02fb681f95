"""Priced extras: asked for by the client from the order's page, read, paid or not, and booked once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from devstack.simulation.pages import Form, Page
from devstack.simulation.world import GOOD_CARD, World, world_in_memory
from devstack.stripe_sandbox.payments import top_up
from relais.gate import Choice, Gate, Kind, Status
from relais.ledger import Entry, trial_balance
from relais.offer import RefundCause
from relais.rows import gate_key
from relais.steps import interrupt
from relais.steps.charges import charges_of
from relais.steps.links import gate_link
from tests.support.journey import Journey
from tests.workflow.test_charges import books, finish, refunded

PRICE, PAY = 29_000, 13_000
CARD, CARD_PAY = 6_000, 2_800


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud; the seller keeps a reserve at Stripe."""
    with world_in_memory() as made:
        top_up(made.sandbox.platform, 100_000)
        yield made


def form(page: Page) -> Form:
    """The form of the order's page that lists what may be added."""
    return next(one for one in page.forms if "extra" in one.choices)


def ask(journey: Journey, extra: str = "01 card") -> Page:
    """The client picks one from the order's page."""
    world = journey.world
    return world.send(form(world.get(journey.page)), extra=extra, action="extra")


def asked(journey: Journey) -> Gate:
    """The newest question about an extra."""
    return [gate for gate in journey.gates if gate.id.kind is Kind.EXTRA][-1]


def page_of(journey: Journey) -> Page:
    """Its page."""
    return journey.world.get(gate_link(journey.world.ports, journey.order, asked(journey)))


def pay(journey: Journey) -> Page:
    """Press the button of its page and pay at Stripe."""
    world = journey.world
    pressed = world.send(next(one for one in page_of(journey).forms if one.action.endswith("/checkout")))
    assert pressed.status == 303
    assert world.pay_page(pressed.location, GOOD_CARD).status == 303
    world.settle()
    return pressed


def stray(world: World) -> list[int]:
    """What was given back of payments that nothing took."""
    return sorted(one["amount"] for one in world.sandbox.state()["objects"].get("refund", []))


def test_an_extra_is_read_then_paid_and_moves_price_pay_and_both_dates_at_once(world: World) -> None:
    """The price is on the page before anything is paid; paid, all that it causes stands, and the maker is told."""
    journey = Journey(world).to_work()
    before, deadline = journey.order, journey.milestone.engagement.deadline
    opened = ask(journey)
    assert opened.status == 303
    page = page_of(journey)
    assert "60 €" in page.text.replace("\u202f", " ").replace("\u00a0", " ")
    assert (journey.order.paid, journey.order.promised) == (PRICE, before.promised)
    since = len(world.mails)
    pay(journey)
    world.pass_time(minutes=20)
    order, milestone = journey.order, journey.milestone
    assert (order.paid, order.price, order.left) == (PRICE + CARD, PRICE + CARD, PRICE + CARD)
    assert (milestone.price, milestone.cost, milestone.engagement.agreed) == (35_000, 15_800, PAY + CARD_PAY)
    assert before.promised is not None
    assert (order.promised, milestone.engagement.deadline) > (before.promised, deadline)
    assert order.promised == datetime.fromisoformat(asked(journey).shown["until"])
    work = next(gate for gate in journey.gates if gate.id.kind is Kind.WORK)
    assert work.deadline == milestone.engagement.deadline > deadline
    assert milestone.revisions_left == 2
    told = [(mail.to, mail.subject) for mail in world.mails[since:]]
    assert sorted(to for to, _ in told) == ["ines@moreau-graphisme.example", "marie@gmail.com"], told
    decision = asked(journey).decision
    assert decision is not None
    assert (decision.choice, decision.by) == (Choice.PAID, "client")
    finish(journey)
    assert (journey.order.stage.value, journey.order.sent) == ("completed", PAY + CARD_PAY)
    books(world)


def test_a_refund_of_the_work_includes_its_extra(world: World) -> None:
    """To the card of each."""
    journey = Journey(world).to_work()
    ask(journey)
    pay(journey)
    (more,) = charges_of(world.ports.store, journey.id)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="une bonne raison")
    world.settle()
    world.pass_time(hours=3)
    assert refunded(world) == {journey.order.payment_intent: PRICE, more.payment_intent: CARD}
    books(world)


def test_without_it_nothing_changes_whether_said_or_silent(world: World) -> None:
    """The client goes without, or is silent for three working days; what lapsed may be asked for again."""
    journey = Journey(world).to_work()
    before = (journey.order.promised, journey.order.paid, journey.milestone.engagement.deadline)
    ask(journey)
    world.send(page_of(journey).form("choice"), choice="go_on")
    assert asked(journey).status is Status.ANSWERED
    ask(journey)
    again = asked(journey)
    assert (again.status, again.id.ordinal) == (Status.OPEN, 2)
    assert again.deadline is not None
    assert again.deadline - world.now() > timedelta(days=2)
    assert (journey.order.promised, journey.order.paid, journey.milestone.engagement.deadline) == before


def test_what_is_asked_for_twice_is_asked_once_and_what_was_paid_is_not_offered_again(world: World) -> None:
    """One open question for each extra, one session for each; a paid one is had."""
    journey = Journey(world).to_work()
    form_seen = form(world.get(journey.page))
    first = world.send(form_seen, extra="01 card", action="extra")
    second = world.send(form_seen, extra="01 card", action="extra")
    assert first.location == second.location
    button = next(one for one in page_of(journey).forms if one.action.endswith("/checkout"))
    assert world.send(button).location == world.send(button).location
    assert len(world.sandbox.state()["objects"]["checkout.session"]) == 2
    pay(journey)
    assert "01 card" not in str(form(world.get(journey.page)).choices["extra"])
    assert world.send(button).location.endswith(
        gate_link(world.ports, journey.order, asked(journey)).rpartition("/g/")[2]
    )


def test_an_extra_paid_after_its_work_came_goes_back_whole(world: World) -> None:
    """The page was left open: the work is handed in, the question ends, and what is paid then is nobody's."""
    journey = Journey(world).to_work()
    ask(journey)
    button = next(one for one in page_of(journey).forms if one.action.endswith("/checkout"))
    pressed = world.send(button)
    journey.deliver()
    assert asked(journey).status is Status.WITHDRAWN
    assert world.pay_page(pressed.location, GOOD_CARD).status == 303
    world.settle()
    world.pass_time(hours=3)
    assert (journey.order.paid, journey.milestone.price, stray(world)) == (PRICE, PRICE, [CARD])
    assert charges_of(world.ports.store, journey.id) == ()
    entries = [Entry.from_row(row) for row in journey.entries()]
    assert trial_balance(entries).get(("client_credit", "eur"), 0) == 0
    assert world.send(button).status == 303


def test_the_webhook_of_an_extra_may_come_any_number_of_times_and_be_lost(world: World) -> None:
    """Told twice it is booked once; where nobody is told, the clock's next look at what Stripe knows finds it."""
    journey = Journey(world).to_work()
    world.sandbox.platform.outbox.switches.duplicate = True
    ask(journey)
    pay(journey)
    world.pass_time(hours=1)
    assert (journey.order.paid, len(charges_of(world.ports.store, journey.id))) == (PRICE + CARD, 1)
    assert stray(world) == []


def test_nobody_may_ask_for_more_once_the_work_is_handed_in(world: World) -> None:
    """The page does not offer it, and a form that was open says so."""
    journey = Journey(world).to_work()
    old = form(world.get(journey.page))
    journey.deliver()
    assert not [one for one in world.get(journey.page).forms if "extra" in one.choices]
    assert world.send(old, extra="01 card", action="extra").status == 422
    assert not [gate for gate in journey.gates if gate.id.kind is Kind.EXTRA]
    assert world.send(old, extra="01 nothing", action="extra").status == 422
    assert world.ports.store.get(gate_key(journey.id, "01-extra-0001")) is None
