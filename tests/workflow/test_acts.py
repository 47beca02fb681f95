"""Movements of money whose answer was lost: the same key while it is good, then Stripe's lists, never twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from devstack.simulation.world import World, replace_ports, world_in_memory
from devstack.stripe_sandbox.faults import Fault, FaultKind
from relais.ledger import Entry, check
from relais.offer import RefundCause
from relais.ports import Store
from relais.rows import Write
from relais.steps import interrupt
from tests.support.journey import Journey

DAY = timedelta(days=1)


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud."""
    with world_in_memory() as made:
        yield made


def acts(journey: Journey) -> list[Mapping[str, Any]]:
    """The movements of an order."""
    return [row for row in journey.world.rows(f"O#{journey.id}") if row["sk"].startswith("A#")]


def act(journey: Journey) -> Mapping[str, Any]:
    """The one movement of an order."""
    (found,) = acts(journey)
    return found


def fault(world: World, kind: FaultKind, times: int = 1) -> None:
    """Transfers meet this so many times."""
    world.sandbox.faults.add(Fault(kind, "POST", "/v1/transfers", times=times))


def paid_once(journey: Journey, generation: int) -> None:
    """The freelancer has the money, once, and the books agree."""
    world = journey.world
    world.pass_time(hours=30)
    assert (act(journey)["state"], act(journey)["generation"]) == ("done", generation)
    assert journey.order.stage.value == "completed"
    assert [one["amount"] for one in world.transfers()] == [13_000]
    entries = [Entry.from_row(row) for row in journey.entries()]
    assert check(entries, now=world.now(), ended=frozenset({journey.id})) == ()


class Overtaken:
    """A table at which, just before a transfer is planned, somebody else decides something."""

    def __init__(self, store: Store, decide: Callable[[], object]) -> None:
        """Decide it once."""
        self._store = store
        self._decide: Callable[[], object] | None = decide

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, *writes: Write) -> None:
        """Write, after the decision."""
        decide = self._decide
        if decide is not None and any(one.key.sk.startswith("A#transfer") for one in writes):
            self._decide = None
            decide()
        self._store.write(*writes)


def test_a_transfer_is_not_planned_once_its_order_is_cancelled(world: World) -> None:
    """The decision alone binds, before any question was closed with it: the client has everything back."""
    journey, store = Journey(world).to_hold(), world.ports.store

    def cancels() -> None:
        order = interrupt.cancellable(world.ports, journey.id)
        cause = RefundCause.BRIEF_NOT_MET
        store.write(interrupt.cancel_writes(world.ports, order, by="seller", cause=cause, note=None))

    replace_ports(world.ports, store=Overtaken(store, cancels))
    world.pass_time(days=6)
    order = journey.order
    assert (world.transfers(), order.sent, order.refunded) == ([], 0, order.paid)
    assert (order.interrupt_seq, order.stage.value) == (1, "completed")


@pytest.mark.parametrize(
    "kind", [FaultKind.LOSE_ANSWER, FaultKind.LOSE_REQUEST, FaultKind.STORED_500_AFTER, FaultKind.REFUSE_500]
)
def test_the_same_key_finds_out_what_became_of_a_lost_answer(world: World, kind: FaultKind) -> None:
    """Whether Stripe made it or not: nobody is asked, nothing is sent twice (design: money C 4)."""
    journey = Journey(world).to_hold()
    fault(world, kind)
    world.pass_time(days=5)
    if kind is FaultKind.STORED_500_AFTER:
        # Stripe repeats the stored 500 for as long as it keeps the key; then its lists are looked through.
        assert act(journey)["state"] in {"sending", "done"}
    paid_once(journey, 0)


def test_an_answer_that_was_lost_is_asked_for_again_however_the_account_stands_by_now(world: World) -> None:
    """The transfer may have arrived: to refuse it for an account that was restricted since would pay twice."""
    journey = Journey(world).to_hold()
    fault(world, FaultKind.LOSE_ANSWER)
    while not acts(journey):
        world.go_to(world.next_due() or world.now())
    assert act(journey)["state"] == "sending"
    world.ports.payments.ready = lambda _account: False  # type: ignore[method-assign]
    paid_once(journey, 0)


def test_a_transfer_that_was_made_is_found_after_its_key_has_been_forgotten(world: World) -> None:
    """The line is down for a day after Stripe took it: its lists tell, nothing is sent again."""
    journey = Journey(world).to_hold()
    fault(world, FaultKind.LOSE_ANSWER)
    fault(world, FaultKind.LOSE_REQUEST, times=1_000)
    world.pass_time(days=7)
    paid_once(journey, 0)


def test_a_transfer_that_was_never_made_follows_under_a_fresh_key_a_day_later(world: World) -> None:
    """Two looks find nothing, 24 hours after the last sending: it cannot have been made (design: money C 5)."""
    journey = Journey(world).to_hold()
    hold = journey.open_gate.deadline
    assert hold is not None
    fault(world, FaultKind.LOSE_REQUEST, times=1_000)
    world.go_to(hold + timedelta(hours=40))
    assert (act(journey)["state"], world.transfers()) == ("sending", [])
    world.sandbox.faults.clear()
    world.pass_time(days=2)
    paid_once(journey, 1)


def test_of_a_large_one_only_a_person_says_that_it_was_never_made(world: World) -> None:
    """Stripe does not promise that its lists are complete: a mistake of this size is not a machine's to make."""
    with patch("relais.steps.acts.is_large", return_value=True):
        journey = Journey(world).to_hold()
        fault(world, FaultKind.LOSE_REQUEST, times=1_000)
        world.pass_time(days=7)
        assert (journey.stage, act(journey)["why"]) == ("park", "not_found")
        world.sandbox.faults.clear()
        world.pass_time(days=2)
        assert world.transfers() == []
        journey.answer("park", "payout")
    paid_once(journey, 1)
