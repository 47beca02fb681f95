"""Orders that end early.

Cancelled, refunded by right or by hand, given back because nobody took them or nobody answered.

Each asserts what client, freelancer and seller are left with, and that the ledger says the same as Stripe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import Any
from unittest.mock import Mock, patch

import pytest

from devstack.simulation.world import World
from devstack.stripe_sandbox.payments import top_up
from relais import ledger
from relais.offer import RefundCause
from relais.order import OrderStage, order_from_row, stamp
from relais.ports import MovementRefusedError
from relais.rows import Change, order_key
from relais.steps import interrupt, runs
from tests.support.journey import Journey
from tests.workflow.scenarios import (
    A_SECOND,
    RETRIES,
    _ended_quietly,
    _raised_before,
    _say,
    _superseded,
    assert_completed,
    broken,
    finish,
    scenario,
)

PRICE = 29000


RESERVE = 200_000
"""The seller's own money at Stripe: a refund draws on what is available, and the fee of the payment is gone."""


def way_out(play: Callable[[World], object]) -> Callable[[World], object]:
    """A scenario in which money goes back: the seller keeps a reserve at Stripe."""

    @wraps(play)
    def with_reserve(world: World) -> object:
        top_up(world.sandbox.platform, RESERVE)
        return play(world)

    return scenario(with_reserve)


def cancel(journey: Journey, cause: RefundCause = RefundCause.SELLER_FAULT) -> None:
    """The seller cancels from the command line."""
    interrupt.cancel(journey.world.ports, journey.id, by="seller", cause=cause, reason="une bonne raison")
    journey.world.settle()


def assert_given_back(journey: Journey, amount: int = PRICE, freelancer: int = 0, *, from_share: int = 0) -> None:
    """The client has it back, the freelancer what policy says, nothing is owed any more, and every pot is empty.

    `from_share` is what of the freelancer's pay came from what was not given back.
    """
    world = journey.world
    world.pass_time(days=4)
    world.pass_time(days=4)
    order = journey.order
    assert order.stage is OrderStage.COMPLETED
    assert (order.left, order.in_transit, order.refunded) == (PRICE - amount - from_share, 0, amount)
    assert sum(transfer["amount"] for transfer in world.transfers()) == freelancer
    entries, broken_rows = ledger.read(journey.entries())
    differences = ledger.check(entries, now=world.now(), ended=frozenset({journey.id}))
    waiting = [one for one in differences if one.kind is not ledger.DifferenceKind.CLEARING]
    assert (broken_rows, waiting) == ((), [])
    assert [row["sk"] for row in world.rows(f"O#{journey.id}") if "owes" in row] == []
    assert {row["sk"]: row["in_hand"] for row in world.rows("ROSTER") if row.get("in_hand")} == {}


def refunds(world: World) -> list[dict[str, Any]]:
    """The refunds that Stripe knows."""
    return [dict(one) for one in world.sandbox.platform.newest_first("refund")]


@way_out
def brief_unanswered(world: World) -> None:
    """After fourteen days without a brief the order is cancelled and refunded whole, once, and the client is told."""
    journey = Journey(world).to_brief()
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline - A_SECOND)
    assert len([mail for mail in world.mails if mail.to == "marie@gmail.com"]) == 5
    world.pass_time(minutes=11)
    assert_given_back(journey)
    assert len(refunds(world)) == 1
    assert len([mail for mail in world.mails if mail.to == "marie@gmail.com"]) == 6


@way_out
def everybody_declines_and_the_seller_picks(world: World) -> None:
    """When nobody is left the seller picks somebody, who is then asked alone."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    assert journey.stage == "pick"
    assert [row["in_hand"] for row in world.rows("ROSTER")] == [0] * len(world.rows("ROSTER"))
    refused = journey.answer("pick", "picked")
    assert (refused.status, journey.stage) == (422, "pick")
    journey.answer("pick", "picked", freelancer="studio-nord")
    assert journey.open_gate.owner == "studio-nord"
    finish(journey)


@way_out
def everybody_declines_and_the_seller_refunds(world: World) -> None:
    """The seller gives the money back instead of picking."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    journey.answer("pick", "refund")
    assert_given_back(journey)


@way_out
def nobody_picks(world: World) -> None:
    """Five working days of the seller's silence refund, not a weekend."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    deadline = journey.open_gate.deadline
    assert deadline is not None
    assert deadline - world.now() > timedelta(days=5)
    world.go_to(deadline - A_SECOND)
    assert journey.stage == "pick"
    world.pass_time(minutes=11)
    assert_given_back(journey)


def to_refund_right(world: World) -> Journey:
    """Every included revision used, the last version before the client."""
    journey = Journey(world).to_acceptance()
    while journey.milestone.revisions_left:
        journey.answer("acceptance", "revise", "Encore un changement.")
        journey.deliver(b"\x89PNG %d" % journey.milestone.revisions_left)
        journey.answer("review", "approve")
    return journey


@way_out
def refund_as_a_right(world: World) -> None:
    """Once the included revisions are used the client may have everything back; the freelancer keeps half."""
    journey = to_refund_right(world)
    agreed = journey.milestone.engagement.agreed
    assert {choice.value for choice in journey.open_gate.choices} == {"accept", "refund"}
    journey.answer("acceptance", "refund")
    assert journey.stage == "hold"
    assert_given_back(journey, freelancer=agreed - agreed // 2)
    assert journey.order.borne == agreed - agreed // 2


@way_out
def refund_is_no_right_before(world: World) -> None:
    """While revisions are left, a refund is not among the answers: a changed form is told to choose again."""
    journey = Journey(world).to_acceptance()
    page = journey.answer("acceptance", "refund")
    assert (page.status, journey.stage) == (422, "acceptance")
    finish(journey)


@way_out
def cancelled_at_every_stage(world: World) -> None:
    """A cancellation meets every open gate; who is owed what follows from where it was and who caused it."""
    for reach in (Journey.to_brief, Journey.to_assign):
        journey = reach(Journey(world))
        cancel(journey)
        assert_given_back(journey)
    stages = (Journey.to_work, Journey.to_review, Journey.to_acceptance)
    for reach in stages:
        journey = reach(Journey(world))
        before = sum(transfer["amount"] for transfer in world.transfers())
        cancel(journey, RefundCause.BRIEF_NOT_MET)
        assert journey.stage == "completed"
        assert_given_back(journey, freelancer=before)


@way_out
def cancelled_by_the_seller_in_work(world: World) -> None:
    """The seller's own fault: the client has everything back, the freelancer is paid in full, the seller bears it."""
    journey = Journey(world).to_work()
    agreed = journey.milestone.engagement.agreed
    cancel(journey)
    assert journey.stage == "hold"
    assert_given_back(journey, freelancer=agreed)
    kinds = {row["kind"] for row in journey.entries()}
    assert {"kill_fee", "refund_decided"} <= kinds


@way_out
def cancelled_in_the_hold(world: World) -> None:
    """After acceptance and before the transfer.

    Row 9, and nothing for the freelancer whose work did not meet the brief.
    """
    journey = Journey(world).to_hold()
    cancel(journey, RefundCause.BRIEF_NOT_MET)
    assert_given_back(journey)


@way_out
def cancelled_in_the_pick_and_parks(world: World) -> None:
    """A pick, a parked order and a parked milestone can be cancelled as well."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    cancel(journey)
    assert_given_back(journey)
    parked = Journey(world)
    with broken(world, "open-gate", "brief"):
        parked.to_brief()
    cancel(parked)
    assert_given_back(parked)
    milestone = Journey(world).to_work()
    with broken(world, "open-gate", "review"):
        milestone.deliver()
    cancel(milestone, RefundCause.LATE)
    assert_given_back(milestone)


@way_out
def cancelled_an_instant_before_the_payout(world: World) -> None:
    """A cancellation committed before the transfer's intent wins: nothing is sent."""
    journey = Journey(world).to_hold()
    with _cancelled_before(journey, "run-act", "payout"):
        world.pass_time(days=4)
    assert_given_back(journey)


@contextmanager
def _cancelled_before(journey: Journey, name: str, stage: str) -> Iterator[None]:
    done: list[str] = []

    def breaker(called: str, event: Any) -> None:
        if called == name and event.get("stage") == stage and not done:
            done.append(called)
            interrupt.cancel(
                journey.world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="trop tard"
            )

    journey.world.engine.breakers.append(breaker)
    yield
    journey.world.engine.breakers.remove(breaker)
    assert done


@way_out
def cancelled_after_the_transfer(world: World) -> None:
    """What has been paid out cannot be cancelled: the refusal says so and changes nothing."""
    journey = Journey(world).to_hold()
    world.pass_time(days=4)
    with pytest.raises(interrupt.NothingToCancelError):
        cancel(journey)
    assert_completed(journey)


@way_out
def second_payment(world: World) -> None:
    """A session of another kind than the order's own, paid: booked as the client's credit and given back whole."""
    journey = Journey(world).to_brief()
    first = journey.order.session
    journey.pay_url = _other_session(journey)
    world.ports.store.write(Change(order_key(journey.id), put={"session": first}))
    journey.pay()
    world.pass_time(hours=2)
    assert journey.stage == "brief"
    assert {row["kind"] for row in journey.entries()} >= {"payment", "stray_payment", "stray_decided", "refund"}
    finish(journey)


def _other_session(journey: Journey) -> str:
    from relais.steps import intake

    world = journey.world
    order = order_from_row(dict(world.order_row(journey.id)) | {"checkout": 7})
    world.ports.store.write(Change(order_key(journey.id), put={"checkout": 7}))
    return intake._open(world.ports, order)


@way_out
def payment_of_another_amount(world: World) -> None:
    """A payment of another amount than asked is not the order's: it goes back whole and the order ends."""
    journey = Journey(world)
    journey.draft()
    world.ports.store.write(Change(order_key(journey.id), put={"price": 30000}))
    journey.pay()
    world.pass_time(days=4)
    world.pass_time(days=4)
    order = journey.order
    assert (order.stage, order.paid, order.left, order.in_transit, order.refunded) == (
        OrderStage.COMPLETED,
        0,
        0,
        0,
        PRICE,
    )
    entries, _ = ledger.read(journey.entries())
    assert ledger.check(entries, now=world.now(), ended=frozenset({journey.id})) == ()


@way_out
def refund_refused(world: World) -> None:
    """A refund that Stripe refuses parks; the seller sends it again as the next generation of one act."""
    journey = Journey(world).to_work()
    with patch.object(type(world.ports.payments), "refund", side_effect=MovementRefusedError("charge_disputed")):
        cancel(journey, RefundCause.BRIEF_NOT_MET)
    assert (journey.stage, journey.milestone.parked_why) == ("park", "refund_refused")
    assert {choice.value for choice in journey.open_gate.choices} == {"refund"}
    with broken(world, "run-act", "refund", RETRIES + 1):
        journey.answer("park", "refund")
    assert journey.stage == "park"


@way_out
def unwinding_that_fails(world: World) -> None:
    """A way out of the whole order that cannot be opened parks the order, and goes on when the seller says so."""
    journey = Journey(world).to_brief()
    with broken(world, "run-act", "unwind"):
        cancel(journey)
    assert (journey.order.stage.value, journey.order.parked_from) == ("park", "unwind")
    journey.answer("park", "retry")
    assert_given_back(journey)
    picked = Journey(world).to_assign()
    picked.answer("proposal", "again")
    with broken(world, "open-gate", "pick"):
        picked.answer("proposal", "again")
    assert (picked.order.stage.value, picked.order.parked_from) == ("park", "pick")
    picked.answer("park", "retry")
    _say(picked, "something_new")
    assert picked.stage == "park"
    picked.answer("park", "retry")
    picked.answer("pick", "refund")
    assert_given_back(picked)


@way_out
def ways_out_superseded(world: World) -> None:
    """A newer run takes over in the ways out as anywhere else."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    _superseded(journey)
    with _raised_before(world, "run-act", "unwind"):
        journey.answer("pick", "refund")
    _ended_quietly(journey)
    assert_given_back(journey)
    working = Journey(world).to_work()
    with _raised_before(world, "run-act", "refund"):
        cancel(working, RefundCause.LATE)
    _ended_quietly(working)
    assert_given_back(working)
    unrouted = Journey(world).to_work()
    with broken(world, "run-act", "refund", RETRIES):
        cancel(unrouted, RefundCause.LATE)
    assert_given_back(unrouted)


@way_out
def stuck_order(world: World) -> None:
    """Three runs without progress ask the seller; the answer starts the next, and the order goes on."""
    journey = Journey(world).to_work()
    for _ in range(4):
        world.ports.machine.stop(journey.id, journey.order.run, "test")
        runs.mark_dead(world.ports, journey.id, journey.order.run, "ABORTED")
        world.pass_time(minutes=5)
    stuck = [gate for gate in journey.gates if gate.id.kind.value == "stuck"]
    assert len(stuck) == 1
    run = journey.order.run
    world.pass_time(days=3)
    assert journey.order.run == run
    journey.answer("stuck", "resume")
    assert journey.order.run == run + 1
    finish(journey)


@way_out
def opening_that_is_swallowed(world: World) -> None:
    """A state waits for an answer that nobody was asked for: within a day the clock has the next run ask."""
    journey, call = Journey(world), world.engine.call
    with patch.object(world.engine, "call", lambda name, event: None if name == "open-gate" else call(name, event)):
        journey.draft()
        journey.pay()
    assert (journey.stage, journey.order.run, journey.gates) == ("brief", 1, [])
    world.pass_time(hours=26)
    assert (journey.order.run, journey.open_gate.mailed) == (2, True)
    finish(journey)


@way_out
def rolled_over(world: World) -> None:
    """An execution that has lived three hundred days is followed by the next, and nobody notices."""
    journey = Journey(world).to_work()
    gate = journey.open_gate
    longer_ago = journey.world.now() - timedelta(days=301)
    world.ports.store.write(Change(order_key(journey.id), put={"started": stamp(longer_ago)}))
    world.pass_time(hours=26)
    assert journey.order.run == 2
    assert journey.open_gate.id == gate.id
    journey.deliver()
    assert journey.stage == "review"


@way_out
def rolled_over_by_its_history(world: World) -> None:
    """A history of ten thousand events is followed by a fresh one, at a gate as anywhere; one event less is not."""
    journey = Journey(world).to_work()
    gate, machine = journey.open_gate, world.ports.machine
    for events, run in ((runs.MOST_EVENTS - 1, 1), (runs.MOST_EVENTS, 2)):
        world.ports.__dict__["machine"] = Mock(
            wraps=machine, events=lambda _order, run, first=events: first if run == 1 else 5
        )
        world.pass_time(hours=26)
        assert (journey.order.run, journey.order.stalled, journey.open_gate.id) == (run, 0, gate.id)
    world.ports.__dict__["machine"] = machine
    assert 0 < machine.events(journey.id, 1) < runs.MOST_EVENTS
    journey.deliver()
    assert journey.stage == "review"


@way_out
def stuck_order_resumed_by_the_operator(world: World) -> None:
    """`relais order resume` answers the stuck order's question: its link tells so, and starts nothing a second time."""
    journey = Journey(world).to_work()
    for _ in range(4):
        world.ports.machine.stop(journey.id, journey.order.run, "test")
        world.settle()
        world.pass_time(minutes=5)
    (stuck,) = [gate for gate in journey.gates if gate.id.kind.value == "stuck"]
    link, run = world.link("stuck", journey.id), journey.order.run
    form = world.get(link).form("choice")
    assert (journey.order.dead_run, journey.order.dead_why) == (run, "ABORTED")
    assert runs.resume(world.ports, journey.id, "test").run == run + 1
    world.settle()
    assert world.send(form, choice="resume").status in {200, 303}
    assert journey.order.run == run + 1
    (told,) = [gate.decision for gate in journey.gates if gate.id == stuck.id]
    assert told is not None
    assert (told.choice.value, told.by) == ("resume", "operator")
    finish(journey)


@way_out
def refund_that_nobody_routes(world: World) -> None:
    """An outcome of a refund that an old definition does not know parks; nothing is given back twice."""
    journey = Journey(world).to_work()
    machine = world.ports.machine

    def unknown(token: str, outcome: str) -> None:
        machine.succeed(token, "something_new" if outcome == "refunded" else outcome)

    world.ports.__dict__["machine"] = Mock(wraps=machine, succeed=unknown)
    cancel(journey, RefundCause.LATE)
    world.ports.__dict__["machine"] = machine
    assert (journey.stage, journey.milestone.parked_from) == ("park", "closed")
    journey.answer("park", "closed")
    assert_given_back(journey)
    assert len(refunds(world)) == 1


@way_out
def parked_order_entered_by_a_new_run(world: World) -> None:
    """A new run of a parked order is parked again: the question stays the same, and is answered once."""
    journey = Journey(world)
    with broken(world, "open-gate", "brief"):
        journey.to_brief()
    _superseded(journey)
    journey.answer("park", "retry")
    assert journey.stage == "brief"
