"""Nothing happens twice: clicks, answers, webhooks, tokens and ticks, delivered again or too late (promise 2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from devstack.simulation.world import GOOD_CARD, PUBLIC_URL, WEBHOOK_SECRET, World, catalogue, world_in_memory
from devstack.stripe_sandbox.webhooks import signature
from relais.act import ActKind
from relais.gate import Status
from relais.rows import Change
from relais.steps import refund
from relais.steps.acts import acts_of
from relais.steps.catalog import apply
from tests.support.journey import ANSWERS, CONSENT, Journey
from tests.workflow.ways_out import _other_session


@pytest.fixture
def fast() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def test_a_token_that_timed_out_is_replaced_and_the_link_stays_good(world: World) -> None:
    """Thirty days end a token, not a question: same gate, same link, and the answer finds the new token."""
    journey = Journey(world).to_review()
    gate, link, old = journey.open_gate, world.link("review", journey.id), journey.token()
    mails = len(world.mails)
    world.engine.time_out(old)
    world.settle()
    assert journey.open_gate.id == gate.id
    assert journey.token() != old
    assert len(world.mails) == mails
    world.send(world.get(link).form("choice"), choice="approve")
    assert journey.stage == "acceptance"


def test_a_gate_answered_while_its_token_was_lost_answers_the_fresh_one_at_once(world: World) -> None:
    """The decision stands when the token is lost: the state opens again and is answered with it, without anybody."""
    journey = Journey(world).to_review()
    token, gate = journey.token(), journey.open_gate
    send = world.ports.machine.succeed
    world.ports.machine.succeed = lambda *_: None  # type: ignore[method-assign]
    journey.answer("review", "approve")
    world.ports.machine.succeed = send  # type: ignore[method-assign]
    assert journey.stage == "acceptance"
    assert [one.id for one in journey.gates if one.status is Status.OPEN] == []
    world.engine.time_out(token)
    world.settle()
    assert journey.open_gate.id.kind.value == "acceptance"
    assert [one.decision.choice.value for one in journey.gates if one.id == gate.id and one.decision] == ["approve"]


def test_a_decision_that_was_not_taken_up_is_sent_again_by_the_clock(world: World) -> None:
    """The commit comes first; the resume that failed is repeated until the next gate exists."""
    journey = Journey(world).to_review()
    send = world.ports.machine.succeed
    world.ports.machine.succeed = lambda *_: None  # type: ignore[method-assign]
    journey.answer("review", "approve")
    world.ports.machine.succeed = send  # type: ignore[method-assign]
    world.pass_time(minutes=3)
    assert journey.open_gate.id.kind.value == "acceptance"
    assert journey.order.run == 1


def test_a_decision_that_nobody_can_take_up_starts_the_next_run(world: World) -> None:
    """An execution that is gone takes no answer: after a few tries the next run enters where the table is."""
    journey = Journey(world).to_review()
    send = world.ports.machine.succeed
    world.ports.machine.succeed = lambda *_: None  # type: ignore[method-assign]
    journey.answer("review", "approve")
    world.pass_time(minutes=40)
    world.ports.machine.succeed = send  # type: ignore[method-assign]
    world.settle()
    assert journey.order.run == 2
    assert journey.open_gate.id.kind.value == "acceptance"
    assert world.engine.status_of(f"{journey.id}-1") == "ABORTED"


def test_an_execution_that_was_stopped_is_followed_by_the_next_run(world: World) -> None:
    """An execution ended by hand, or dead of a bug, costs minutes: the rule marks it, the clock starts the next."""
    journey = Journey(world).to_work()
    world.ports.machine.stop(journey.id, 1, "by hand")
    world.settle()
    world.pass_time(minutes=3)
    assert journey.order.run == 2
    journey.deliver()
    assert journey.stage == "review"


def test_a_second_answer_is_told_what_was_decided(fast: World) -> None:
    """Two tabs, two answers: the first counts, the second reads what it was, by whom and when."""
    journey = Journey(fast).to_acceptance()
    tabs = [fast.get(fast.link("acceptance", journey.id)).form("choice") for _ in range(2)]
    assert fast.send(tabs[0], choice="accept").status == 303
    told = fast.send(tabs[1], choice="revise", note="Plus rond.")
    assert told.status == 200
    assert "accept" in told.text.lower()
    assert journey.stage == "hold"
    assert journey.milestone.revisions_left == 2


def test_a_click_twice_is_one_answer(fast: World) -> None:
    """The same form sent twice: one decision, one entry in the ledger, the same page."""
    journey = Journey(fast).to_acceptance()
    form = fast.get(fast.link("acceptance", journey.id)).form("choice")
    first, second = fast.send(form, choice="accept"), fast.send(form, choice="accept")
    assert fast.get(PUBLIC_URL + first.location).status == second.status == 200
    assert len([entry for entry in journey.entries() if entry["kind"] == "acceptance"]) == 1


def test_the_order_button_twice_is_one_session(fast: World) -> None:
    """Coming back from the checkout page and pressing again leads to the same payable session."""
    journey = Journey(fast)
    journey.draft()
    again = fast.send(fast.get(journey.page).form("nonce"))
    assert again.location == journey.pay_url
    assert fast.sandbox.state()["counts"]["checkout.session"] == 1


def test_a_declined_card_and_an_abandoned_checkout_go_on_from_the_same_link(fast: World) -> None:
    """A refused card leaves the session open; an expired one is replaced; the order's link stays the same."""
    journey = Journey(fast)
    journey.draft()
    link = journey.page
    assert fast.pay_page(journey.pay_url, "4000 0000 0000 0002").status == 402
    assert fast.get(f"{link}?cancelled=1").status == 200
    fast.pass_time(hours=25)
    fresh = fast.send(fast.get(link).form("nonce"))
    assert fresh.location != journey.pay_url
    journey.pay_url = fresh.location
    journey.pay()
    assert (journey.page, journey.stage) == (link, "brief")


def test_sixteen_equal_webhooks_have_one_effect(fast: World) -> None:
    """Stripe delivers at least once: each is answered 200, one starts the order."""
    journey = Journey(fast)
    journey.draft()
    fast.pay_page(journey.pay_url, GOOD_CARD)
    session = next(
        one for one in fast.sandbox.state()["objects"]["event"] if one["type"] == "checkout.session.completed"
    )
    body = json.dumps(session).encode()
    header = {"stripe-signature": signature(body, WEBHOOK_SECRET, int(fast.wall().timestamp()))}
    assert [fast.webhook(body, header) for _ in range(16)] == [200] * 16
    fast.settle()
    assert (journey.stage, journey.order.run) == ("brief", 1)
    assert [entry["kind"] for entry in journey.entries()] == ["payment"]
    assert fast.engine.entered() == ["Enter", "Where", "Brief"]


def test_events_out_of_order_and_twice_end_the_same(fast: World) -> None:
    """The fee may be known before the payment is told, and everything may come twice."""
    fast.sandbox.platform.outbox.switches.shuffle = 7
    fast.sandbox.platform.outbox.switches.duplicate = True
    journey = Journey(fast)
    journey.draft()
    fast.pay_page(journey.pay_url)
    fast.move_to(fast.now().replace(microsecond=0))
    fast.wall_shift += 10
    fast.settle()
    fast.pass_time(hours=30)
    assert journey.stage == "brief"
    assert sorted(entry["kind"] for entry in journey.entries()) == ["charge_settled", "payment"]


def test_two_who_find_a_payment_that_nobody_asked_for_give_it_back_once(fast: World) -> None:
    """Webhook and clock may both find it unbooked: who comes second leaves it to the first."""
    journey = Journey(fast).to_brief()
    first = journey.order.session
    journey.pay_url = _other_session(journey)
    fast.ports.store.write(Change(journey.head, put={"session": first}))
    fast.engine.breakers.append(_nobody_pays)
    journey.pay()
    (act,) = acts_of(fast.ports, journey.id, ActKind.REFUND, "00")
    fast.engine.breakers.remove(_nobody_pays)
    for _ in range(2):
        refund._give_back_stray(fast.ports, journey.order, act)
    assert len(fast.sandbox.platform.newest_first("refund")) == 1
    assert sorted(entry["kind"] for entry in journey.entries()).count("stray_payment") == 1


def _nobody_pays(name: str, _event: object) -> None:
    if name == "run-act":
        raise OSError


def test_two_ticks_at_once_default_once(fast: World) -> None:
    """The clock may be called twice for the same minute: the second finds nothing to do."""
    journey = Journey(fast).to_acceptance()
    fast.go_to(journey.open_gate.deadline or fast.now())
    fast.move_to(journey.due())
    first = fast.tick()
    stage, rows = journey.stage, len(fast.rows())
    assert first["settled"] >= 1
    fast.tick()
    assert (journey.stage, len(fast.rows())) == (stage, rows)
    assert stage == "hold"


def test_an_index_that_is_behind_decides_nothing(fast: World) -> None:
    """The index only nominates: what was answered a second ago is safe from a default (design: workflow 4)."""
    journey = Journey(fast).to_acceptance()
    due = journey.due()
    fast.clouds.store.freeze_indexes()  # type: ignore[attr-defined]
    journey.answer("acceptance", "revise", "Plus rond.")
    fast.move_to(due)
    for _ in range(3):
        fast.tick()
    assert journey.milestone.spoken is False
    assert journey.stage == "work"
    assert all(one.decision is None or one.decision.via.value == "link" for one in journey.gates)


def test_the_policy_of_the_day_of_purchase_wins(fast: World) -> None:
    """An order keeps the offer's version it was bought under, whatever the shop sells meanwhile (promise 5)."""
    journey = Journey(fast).to_brief()
    shop = catalogue()
    offer = next(one for one in shop.offers if one.slug == "logo")
    dearer = replace(offer, price=39000, policy=replace(offer.policy, revisions=0))
    apply(fast.ports.store, replace(shop, offers=(dearer,)), fast.now())
    later = Journey(fast)
    later.draft()
    assert (journey.order.price, later.order.price) == (29000, 39000)
    journey.hand_in_brief()
    journey.answer("proposal", "accepted")
    assert journey.milestone.revisions_left == 2


def test_every_visitor_of_an_offer_gets_an_order_of_their_own(fast: World) -> None:
    """The offer's link is public: two visitors have two orders, two links, two sessions."""
    form = fast.get(f"{PUBLIC_URL}/offer/logo").form("client_kind")
    sent = [fast.send(form, **CONSENT).location for _ in range(2)]
    assert len(set(sent)) == 2
    assert len([row for row in fast.rows() if row["sk"] == "ORDER"]) == 2


def test_a_saved_brief_is_there_again(fast: World) -> None:
    """Saved at each step: what was typed is on the page again, and nothing is handed in."""
    journey = Journey(fast).to_brief()
    form = fast.get(journey.page).form("q_name")
    fast.send(form, q_name=ANSWERS["q_name"], action="save")
    assert fast.get(journey.page).form("q_name").fields["q_name"] == ANSWERS["q_name"]
    assert journey.stage == "brief"
