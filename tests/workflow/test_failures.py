"""Failures that every such system meets, by their number in `docs/failures.md`, which names the tests of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.simulation.world import WEBHOOK_SECRET, World, world_in_memory
from devstack.stripe_sandbox.webhooks import signature
from relais.gate import Status
from tests.support.journey import Journey


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def to_checkout(world: World) -> Journey:
    """A draft whose checkout page is open."""
    journey = Journey(world)
    journey.draft()
    return journey


def paid_event(world: World) -> dict[str, Any]:
    """What Stripe tells of the payment."""
    events = world.sandbox.state()["objects"]["event"]
    return dict(next(one for one in events if one["type"] == "checkout.session.completed"))


def told(world: World, event: dict[str, Any]) -> int:
    """Stripe delivers an event; the status that it is answered with."""
    body = json.dumps(event).encode()
    header = {"stripe-signature": signature(body, WEBHOOK_SECRET, int(world.wall().timestamp()))}
    return world.webhook(body, header)


def with_session(event: dict[str, Any], kind: str = "checkout.session.completed", **changed: Any) -> dict[str, Any]:
    """The same event of another type, or with another session in it."""
    return event | {"type": kind, "data": {"object": event["data"]["object"] | changed}}


def effects(world: World, journey: Journey) -> tuple[Any, ...]:
    """What a payment may cause once."""
    kinds = sorted(entry["kind"] for entry in journey.entries())
    return journey.order.run, kinds, world.engine.entered(), len(world.mails), len(world.sandbox.state()["objects"])


def test_failure_02_a_payment_that_is_told_again_three_days_later_changes_nothing(world: World) -> None:
    """Stripe delivers for three days, a record of keys expires before: the order's own state is what remembers."""
    journey = to_checkout(world)
    world.pay_page(journey.pay_url)
    event = paid_event(world)
    world.settle()
    world.pass_time(hours=70)
    before = effects(world, journey)
    assert told(world, event) == 200
    world.settle()
    assert effects(world, journey) == before
    assert journey.stage == "brief"


@settings(max_examples=12)
@given(st.permutations(["completed unpaid", "paid later", "completed paid", "fee"]))
def test_failure_03_the_events_of_a_payment_may_come_in_any_order(order: list[str]) -> None:
    """An event is a hint; what counts is what Stripe says when it is asked. Afterwards all of them come once more."""
    with world_in_memory() as world:
        journey = to_checkout(world)
        world.pay_page(journey.pay_url)
        world.wall_shift += 10
        event = paid_event(world)
        charge = world.sandbox.state()["objects"]["charge"][0]
        bodies = {
            "completed unpaid": with_session(event, payment_status="unpaid"),
            "paid later": with_session(event, "checkout.session.async_payment_succeeded"),
            "completed paid": event,
            "fee": event | {"type": "charge.updated", "data": {"object": charge | {"balance_transaction": "txn_1"}}},
        }
        assert [told(world, bodies[name]) for name in order] == [200] * 4
        world.settle()
        world.pass_time(hours=30)
        assert (journey.stage, journey.order.run) == ("brief", 1)
        assert sorted(entry["kind"] for entry in journey.entries()) == ["charge_settled", "payment"]
        assert world.engine.entered() == ["Enter", "Where", "Brief"]


def test_failure_04_nobody_works_for_a_payment_that_is_still_under_way(world: World) -> None:
    """A checkout that is complete may be unpaid: the order stays a draft until the money is there."""
    journey = to_checkout(world)
    world.pay_page(journey.pay_url)
    event = paid_event(world)
    assert told(world, with_session(event, payment_status="unpaid")) == 200
    assert told(world, with_session(event, "checkout.session.async_payment_failed", payment_status="unpaid")) == 200
    assert (journey.order.stage.value, world.engine.entered(), world.mails) == ("draft", [], [])
    assert told(world, with_session(event, "checkout.session.async_payment_succeeded")) == 200
    world.settle()
    assert journey.stage == "brief"


def test_failure_06_who_pays_in_the_last_minute_has_an_order_whatever_is_pressed_next(world: World) -> None:
    """The session's end and its payment meet: Stripe is asked before another session is opened, and it was paid."""
    journey = to_checkout(world)
    world.jump_to(world.now() + timedelta(hours=22, minutes=59))
    world.pay_page(journey.pay_url)
    world.jump_to(world.now() + timedelta(hours=2))
    pressed = world.http(
        "POST",
        f"{journey.page}/checkout",
        f"nonce={world.get(journey.page).form('nonce').fields['nonce']}",
        {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"},
    )
    assert (pressed.status, pressed.location) == (303, journey.page.removeprefix("https://relais.example") + "?paid=1")
    assert world.sandbox.state()["counts"]["checkout.session"] == 1
    world.settle()
    assert journey.stage == "brief"


def test_failure_09_the_webhook_asks_nobody_whom_it_would_have_to_wait_for() -> None:
    """Stripe gives up on a slow answer and delivers again: it commits and starts, the run asks Stripe."""
    made: list[str] = []
    with world_in_memory(before=made.append) as world:
        journey = to_checkout(world)
        world.pay_page(journey.pay_url)
        event = paid_event(world)
        made.clear()
        assert told(world, event) == 200
        assert {call.partition(".")[0] for call in made} <= {"Store", "Interpreter"}
        assert (made.count("Store.write"), made.count("Interpreter.start")) == (1, 1)
        assert journey.order.stage.value == "paid"


@pytest.mark.parametrize("status", [None, "settled", 1])
def test_failure_10_an_event_whose_fields_were_renamed_is_refused_and_told(world: World, status: object) -> None:
    """A 200 would lose the payment for good: refused, it is delivered for three days, and the alarm rings."""
    journey = to_checkout(world)
    world.pay_page(journey.pay_url)
    event = paid_event(world)
    held = [dict(row) for row in world.rows()]
    assert told(world, with_session(event, payment_status=status)) == 400
    assert [dict(row) for row in world.rows()] == held
    assert told(world, event) == 200
    world.settle()
    assert journey.stage == "brief"


def test_failure_24_an_answer_after_its_time_is_told_that_and_changes_nothing(world: World) -> None:
    """The proposal lapsed: its page says so, nobody is bound, and the token that is gone is no error."""
    journey = Journey(world).to_assign()
    gate = journey.open_gate
    assert gate.deadline is not None
    token = journey.token()
    world.go_to(gate.deadline - timedelta(hours=1))
    form = world.get(world.link("proposal", journey.id)).form("choice")
    world.go_to(gate.deadline + timedelta(minutes=11))
    rows = [dict(row) for row in world.rows(f"O#{journey.id}")]
    late = world.send(form, choice="accepted", note="")
    assert late.status == 200
    assert "Le délai de réponse est passé" in late.text
    assert [dict(row) for row in world.rows(f"O#{journey.id}")] == rows
    world.ports.machine.succeed(token, "accepted")
    world.settle()
    assert [one.status for one in journey.gates if one.id == gate.id] == [Status.ANSWERED]
    assert journey.stage == "assign"


def test_failure_40_a_start_that_is_throttled_is_owed_by_the_order(world: World) -> None:
    """A new account starts few executions a second: the payment stands, and the clock starts what is owed."""
    journey = to_checkout(world)
    start = world.ports.machine.start
    tries: list[str] = []

    def throttled(order: str, _run: int) -> None:
        tries.append(order)
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "StartExecution")

    world.ports.machine.start = throttled  # type: ignore[method-assign]
    world.pay_page(journey.pay_url)
    world.settle()
    world.pass_time(minutes=12)
    assert (journey.order.stage.value, journey.order.owes_start is None) == ("paid", False)
    assert len(tries) >= 3
    world.ports.machine.start = start  # type: ignore[method-assign]
    world.pass_time(minutes=20)
    assert (journey.stage, journey.order.run) == ("brief", 1)
    assert world.engine.entered() == ["Enter", "Where", "Brief"]
