"""A restored table: what is open goes on from where the table stands, and nothing moves twice (design: workflow 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from devstack.simulation.memory import MemoryStore
from devstack.simulation.world import PUBLIC_URL, World, replace_ports, world_in_memory
from devstack.stripe_sandbox.wire import Request as StripeRequest
from relais.ledger import STRIPE, Entry, trial_balance
from relais.offer import RefundCause
from relais.rows import REPORT_KEY, Change, Key, Put
from relais.steps import interrupt, restored, runs
from relais.steps.clock import all_shards
from relais.steps.compare import report_from_row
from tests.support.journey import Journey

LONG = timedelta(hours=30)
"""Longer than Stripe keeps a key: from then on the same call would move money again."""


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud, with room for several orders."""
    with world_in_memory() as made:
        for row in made.rows("ROSTER"):
            made.ports.store.write(Change(Key(row["pk"], row["sk"]), put={"capacity": 99}))
        yield made


def kept(world: World) -> list[Put]:
    """A copy of the table, as a backup holds it."""
    return [
        Put(Key(row["pk"], row["sk"]), {name: value for name, value in row.items() if name not in {"pk", "sk"}}, ())
        for row in world.rows()
    ]


def restore(world: World, rows: list[Put]) -> None:
    """The stage is pointed at a new table, which holds what was kept; clocks go on."""
    store = MemoryStore()
    for row in rows:
        store.write(row)
    replace_ports(world.ports, store=store)
    world.clouds.store = store  # type: ignore[attr-defined] - in memory it has one
    world._set_clock()  # the virtual date is a row of the table


def go_on(world: World, since: datetime) -> set[str]:
    """What the runbook says: read Stripe's book from before, then the next run for every open order."""
    world.engine.call("reconcile", {"from": (since - timedelta(days=1)).isoformat()})
    world.settle()
    found = {order for shard in all_shards() for order in world.ports.store.open_orders(shard)}
    begun = {order for order in sorted(found) if restored.restart(world.ports, order, since) is not None}
    world.settle()
    return begun


def moved(world: World, kind: str, order: str) -> list[int]:
    """What Stripe moved for an order, each time it did (minor units)."""
    objects = world.sandbox.state()["objects"].get(kind, [])
    return [one["amount"] for one in objects if one["metadata"].get("order") == order]


def assert_whole(world: World, *orders: Journey) -> None:
    """They have ended, with books that balance and agree with Stripe."""
    assert [one.stage for one in orders] == ["completed"] * len(orders)
    world.engine.call("reconcile", {})
    world.settle()
    assert [one.kind for one in report_from_row(world.row(REPORT_KEY)).findings] == []
    entries = [Entry.from_row(row) for row in world.rows() if row["sk"].startswith("L#")]
    lines = world.sandbox.state()["objects"].get("balance_transaction", [])
    assert trial_balance(entries).get((STRIPE, "eur"), 0) == sum(one["net"] for one in lines)


def paid_out(world: World) -> None:
    """Hold and payout pass."""
    world.pass_time(days=9)


@pytest.mark.parametrize("later", [timedelta(minutes=20), LONG], ids=["keys alive", "keys pruned"])
def test_a_freelancer_who_was_paid_in_the_lost_minutes_is_not_paid_again(world: World, later: timedelta) -> None:
    """The table has forgotten the transfer, and perhaps Stripe its key; Stripe's lists have not."""
    journey = Journey(world).to_hold()
    at, rows = world.now(), kept(world)
    paid_out(world)
    assert journey.stage == "completed"
    world.wall_shift += later.total_seconds()
    restore(world, rows)
    assert journey.stage == "hold"
    assert go_on(world, at) == {journey.id}
    paid_out(world)
    assert moved(world, "transfer", journey.id) == [13_000]
    assert_whole(world, journey)


def test_a_refund_of_the_lost_minutes_is_found_when_it_is_decided_again(world: World) -> None:
    """The client has their money: the second decision books what the first one moved."""
    journey = Journey(world).to_work()
    # The freelancer is paid all the same: that is the seller's own money.
    world.sandbox.respond(StripeRequest("POST", "/_sandbox/top-ups", "", {}, b'{"amount": 50000}'))
    at, rows = world.now(), kept(world)

    def refund() -> None:
        interrupt.cancel(world.ports, journey.id, by="operator", cause=RefundCause.SELLER_FAULT, reason="ill")
        world.settle()
        world.pass_time(hours=2)

    refund()
    assert moved(world, "refund", journey.id) == [29_000]
    world.wall_shift += LONG.total_seconds()
    restore(world, rows)
    go_on(world, at)
    refund()
    paid_out(world)
    assert moved(world, "refund", journey.id) == [29_000]
    assert_whole(world, journey)


def test_a_payment_of_the_lost_minutes_is_read_from_stripe_and_its_order_has_a_run_that_asks(world: World) -> None:
    """Its first run has used up its name: the next one is counted after it, and asks for the brief anew."""
    journey = Journey(world)
    journey.draft()
    at, rows = world.now(), kept(world)
    journey.pay()
    journey.hand_in_brief()
    assert journey.stage == "assign"
    restore(world, rows)
    assert go_on(world, at) == {journey.id}
    assert (journey.stage, journey.order.run, journey.open_gate.id.kind) == ("brief", 2, "brief")
    journey.hand_in_brief()
    journey.answer("proposal", "accepted")
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    paid_out(world)
    assert_whole(world, journey)


def test_the_next_run_is_counted_after_those_that_the_table_has_forgotten(world: World) -> None:
    """A name that was used is never started again, so run 2 would be an execution that has ended long ago."""
    journey = Journey(world).to_review()
    at, rows = world.now(), kept(world)
    for _ in range(2):
        runs.resume(world.ports, journey.id, "test")
        world.settle()
    assert journey.order.run == 3
    restore(world, rows)
    assert journey.order.run == 1
    go_on(world, at)
    assert journey.order.run == 4
    running = [run for run in range(1, 6) if world.ports.machine.status(journey.id, run) == "RUNNING"]
    assert running == [4]
    assert journey.open_gate.id.kind == "review"
    journey.answer("review", "approve")
    assert journey.stage == "acceptance"


def test_whoever_answered_in_the_lost_minutes_is_asked_again(world: World) -> None:
    """The answer is gone with its minutes, its mail's link leads to the open question, and mails say the same."""
    journey = Journey(world).to_acceptance()
    link = world.link("acceptance", journey.id)
    at, rows = world.now(), kept(world)
    journey.answer("acceptance", "accept")
    restore(world, rows)
    go_on(world, at)
    assert (journey.stage, journey.open_gate.id.kind) == ("acceptance", "acceptance")
    world.send(world.get(link).form("choice"), choice="accept", note="")
    assert journey.stage == "hold"


def test_a_stopped_stage_says_so_and_reads_nothing(world: World) -> None:
    """Its table may not even be there; whoever asks is told when to come back."""
    world.ports.environment = replace(world.ports.environment, stopped=True)
    replace_ports(world.ports, store=None)
    page = world.get(f"{PUBLIC_URL}/offer/logo?lang=fr")
    assert (page.status, page.headers["retry-after"]) == (503, "120")
    assert "De retour dans quelques minutes" in page.text


def test_what_has_ended_is_left_alone(world: World) -> None:
    """An order that is over has nothing to go on with; restarting it again only counts one run more."""
    over, going = Journey(world).to_hold(), Journey(world)
    paid_out(world)
    going.to_work()
    at = world.now()
    restore(world, kept(world))
    assert go_on(world, at) == {going.id}
    assert restored.restart(world.ports, over.id, at) is None
    first = going.order.run
    assert go_on(world, at) == {going.id}
    assert (going.order.run, going.open_gate.id.kind) == (first + 1, "work")
    going.deliver()
    assert going.stage == "review"
