"""Early fraud warnings: the seller refunds before the dispute, or leaves it; silence leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.disputes import warn
from devstack.stripe_sandbox.payments import top_up
from relais.gate import Choice, Default, Gate, Kind, Status
from tests.support.journey import Journey
from tests.workflow.test_disputes import clean, disputed, verdict

PRICE, PAY = 29_000, 13_000


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud; the seller keeps a reserve at Stripe."""
    with world_in_memory() as made:
        top_up(made.sandbox.platform, 200_000)
        yield made


def suspected(journey: Journey) -> Any:
    """The bank of the client's card warns Stripe, and Stripe us."""
    platform = journey.world.sandbox.platform
    made = warn(platform, platform.get("charge", journey.order.charge or ""))
    journey.world.settle()
    journey.world.pass_time(minutes=3)
    return made


def asked(journey: Journey) -> list[Gate]:
    """What the seller was asked about warnings."""
    return [gate for gate in journey.gates if gate.id.kind is Kind.FRAUD_WARNING]


def refunds(world: World) -> list[int]:
    """What was given back."""
    return [one["amount"] for one in world.sandbox.state()["objects"].get("refund", [])]


@pytest.mark.parametrize("stage", ["brief", "work", "hold", "paid"])
def test_a_refund_before_the_dispute_ends_the_order_wherever_it_is(world: World, stage: str) -> None:
    """Everything goes back once, freelancers keep what the terms say, and the question is told what it comes to."""
    journey = Journey(world)
    getattr(journey, "to_hold" if stage == "paid" else f"to_{stage}")()
    if stage == "paid":
        world.pass_time(days=9)
    suspected(journey)
    (gate,) = asked(journey)
    assert (gate.default, gate.choices) == (Default.GO_ON, (Choice.REFUND, Choice.GO_ON))
    assert (gate.shown["amount"], gate.shown["pay"]) == (PRICE, 0 if stage == "brief" else PAY)
    page = world.get(world.link("fraud_warning", journey.id)).text
    assert "290" in page
    journey.answer("fraud_warning", "refund")
    world.pass_time(days=9)
    assert (refunds(world), journey.order.refunded, journey.order.stage.value) == ([PRICE], PRICE, "completed")
    assert journey.order.sent == (0 if stage == "brief" else PAY)
    clean(journey)


def test_silence_refunds_nothing_and_the_order_goes_on(world: World) -> None:
    """A warning is no proof: who did not read the mail loses no good client by it."""
    journey = Journey(world).to_work()
    suspected(journey)
    world.pass_time(days=9)
    (gate,) = asked(journey)
    assert (gate.status, gate.decision and gate.decision.choice) == (Status.ANSWERED, Choice.GO_ON)
    assert (refunds(world), journey.stage) == ([], "work")


@pytest.mark.parametrize("end", ["disputed", "refunded at Stripe"])
def test_what_is_disputed_or_refunded_meanwhile_is_asked_no_more(world: World, end: str) -> None:
    """The dispute asks its own question; two answers about one payment would be one too many."""
    journey = Journey(world).to_work()
    made = suspected(journey)
    if end == "disputed":
        with patch("relais.steps.fraud._call_off"):  # Stripe's own word of it came too late, or never
            verdict(journey, disputed(journey), "won")
    else:
        journey.world.sandbox.platform.get("radar.early_fraud_warning", made["id"])["actionable"] = False
        world.engine.call("run-act", {"order": made["id"], "owed": "warning"})
        world.settle()
    assert [gate.status for gate in asked(journey)] == [Status.WITHDRAWN]
    assert refunds(world) == []


def test_a_warning_told_twice_asks_once_and_one_of_what_is_gone_asks_nothing(world: World) -> None:
    """Events are hints: what stands at Stripe is read, and what nothing can be done about is nobody's question."""
    journey = Journey(world).to_work()
    made = suspected(journey)
    for _ in range(2):
        world.engine.call("run-act", {"order": made["id"], "owed": "warning"})
        world.settle()
    assert len(asked(journey)) == 1
    other = Journey(world).to_work()
    disputed(other)
    suspected(other)
    assert asked(other) == []


def test_the_reconciler_makes_up_for_a_lost_warning(world: World) -> None:
    """The webhook never came: the hour's events are fed to the same door."""
    journey = Journey(world).to_work()
    world.engine.call("reconcile", {})
    world.sandbox.platform.outbox.switches.drop = True
    suspected(journey)
    assert asked(journey) == []
    world.pass_time(hours=2)
    world.engine.call("reconcile", {})
    world.settle()
    assert len(asked(journey)) == 1
