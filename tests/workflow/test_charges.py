"""An order with several charges: who is paid from which, what goes back to which, and what a bank takes of which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from devstack.simulation.pages import Form
from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.disputes import decide, open_dispute
from devstack.stripe_sandbox.faults import Fault, FaultKind
from devstack.stripe_sandbox.payments import top_up
from relais.charge import Charge
from relais.gate import Kind, Status
from relais.ledger import BankTransaction, Entry, check, trial_balance
from relais.offer import RefundCause
from relais.steps import interrupt, late_refund
from relais.steps.charges import charges_of
from relais.steps.evidence import pack
from relais.steps.links import gate_link
from relais.steps.situation import read_situation
from tests.support.charged import charge_more
from tests.support.journey import Journey

PRICE, PAY = 29_000, 13_000
MORE, MORE_PAY = 6_000, 2_800


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud; the seller keeps a reserve at Stripe."""
    with world_in_memory() as made:
        top_up(made.sandbox.platform, 200_000)
        yield made


def two_charges(world: World, price: int = MORE, cost: int = MORE_PAY) -> tuple[Journey, Charge]:
    """Work under way, for which the client has paid more."""
    journey = Journey(world).to_work()
    return journey, charge_more(journey, price, cost)


def finish(journey: Journey) -> None:
    """Hand in, approve, accept; the hold and the payout pass."""
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    journey.world.pass_time(days=9)


def refunded(world: World) -> dict[str, int]:
    """What went back, by payment."""
    found: Counter[str] = Counter()
    for one in world.sandbox.state()["objects"].get("refund", []):
        found[one["payment_intent"]] += one["amount"]
    return dict(found)


def books(world: World) -> dict[str, int]:
    """Every account that is not empty, once ledger and Stripe agree line by line and no pot of an end is full."""
    entries = [Entry.from_row(row) for row in world.rows() if row["sk"].startswith("L#")]
    lines = world.sandbox.state()["objects"]["balance_transaction"]
    booked = {entry.reference for entry in entries}
    told = [one for one in lines if one["type"] != "topup" or one["id"] in booked]
    bank = [BankTransaction(one["id"], one["net"], one["currency"]) for one in told]
    ended = frozenset(entry.order for entry in entries if entry.order is not None)
    assert [one.sentence for one in check(entries, now=world.now(), ended=ended, transactions=bank)] == []
    return {str(account): amount for (account, _), amount in trial_balance(entries).items() if amount}


def test_a_second_charge_is_the_orders_and_its_fee_is_kept(world: World) -> None:
    """Row 1 for each; price, cost and pay rise by what it paid for, and its maker gets it all in one transfer."""
    journey, more = two_charges(world)
    finish(journey)
    order, milestone = journey.order, journey.milestone
    assert (order.stage.value, order.price, order.paid, order.sent) == ("completed", 35_000, 35_000, PAY + MORE_PAY)
    assert (milestone.price, milestone.cost, milestone.sent) == (35_000, PAY + MORE_PAY, PAY + MORE_PAY)
    assert [one["amount"] for one in world.transfers()] == [PAY + MORE_PAY]
    (kept,) = charges_of(world.ports.store, order.id)
    assert (kept.left, kept.fee, kept.charge != order.charge) == (MORE, 115, True)
    assert order.fee != kept.fee
    books(world)
    assert "Paid €60 more" in pack(world.ports, read_situation(world.ports, order.id, "00"))["The order"]
    assert more.payment_intent != order.payment_intent


def test_each_charge_bears_its_part_of_the_pay_by_an_act_of_its_own(world: World) -> None:
    """The oldest first; a charge is named as the source only while it is not available (design: money A 4)."""
    journey, more = two_charges(world, price=40_000, cost=28_000)
    finish(journey)
    assert [(one["amount"], one["source_transaction"]) for one in world.transfers()[::-1]] == [
        (PRICE, None),
        (PAY + 28_000 - PRICE, None),
    ]
    acts = [row for row in world.rows(f"O#{journey.id}") if row["sk"].startswith("A#transfer")]
    assert [row["body"]["charged"] for row in acts] == [journey.order.charge, more.charge]
    operations = [row["operation"] for row in acts]
    assert operations[1] == f"{operations[0]}.2"
    assert (journey.order.sent, journey.order.in_transit, journey.milestone.sent) == (41_000, 0, 41_000)
    books(world)


def test_the_second_part_of_a_pay_follows_a_crash_after_the_first(world: World) -> None:
    """An answer that is lost lets the rest wait: the same key is sent again, and each part leaves once."""
    journey, _ = two_charges(world, price=40_000, cost=28_000)
    world.sandbox.faults.add(Fault(FaultKind.LOSE_ANSWER, "POST", "/v1/transfers", times=1))
    finish(journey)
    world.pass_time(days=2)
    assert sorted(one["amount"] for one in world.transfers()) == [12_000, PRICE]
    assert (journey.order.stage.value, journey.milestone.sent) == ("completed", 41_000)
    books(world)


def test_a_refund_gives_back_to_each_charge_what_it_paid(world: World) -> None:
    """All of it: the extra to its own charge, the rest to the first, by an act each; no charge holds anything more."""
    journey, more = two_charges(world)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="une bonne raison")
    world.settle()
    world.pass_time(hours=3)
    order = journey.order
    assert refunded(world) == {order.payment_intent: PRICE, more.payment_intent: MORE}
    assert (order.refunded, order.left, order.in_transit) == (35_000, 0, 0)
    assert [one.left for one in charges_of(world.ports.store, order.id)] == [0]
    books(world)


def test_a_part_goes_back_to_what_was_paid_last(world: World) -> None:
    """After the pay as well: first the extra's charge, then the oldest; each has a number of its own."""
    journey, more = two_charges(world)
    finish(journey)
    for amount in (4_000, 5_000):
        late_refund.refund_late(
            world.ports, journey.id, "01", amount=amount, cause=RefundCause.SELLER_FAULT, reason="convenu"
        )
        world.settle()
        world.pass_time(hours=3)
    assert refunded(world) == {more.payment_intent: MORE, journey.order.payment_intent: 3_000}
    assert [one.left for one in charges_of(world.ports.store, journey.id)] == [0]
    books(world)


def test_a_refund_that_stripe_refuses_parks_and_the_other_charge_is_not_forgotten(world: World) -> None:
    """The gate is answered with the last of its refunds: one that parks keeps the others, and all follow."""
    journey, more = two_charges(world)
    world.sandbox.platform.outbox.switches.drop = True  # nobody hears of the dispute before Stripe refuses
    found = open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", more.charge))
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="une bonne raison")
    world.settle()
    assert (journey.stage, refunded(world)) == ("park", {})
    decide(world.sandbox.platform, found, "won")
    journey.answer("park", "refund")
    world.pass_time(hours=3)
    assert refunded(world) == {journey.order.payment_intent: PRICE, more.payment_intent: MORE}
    assert journey.order.stage.value == "completed"
    world.engine.call("reconcile", {})
    books(world)


def test_a_lost_dispute_takes_of_its_own_charge_alone(world: World) -> None:
    """The bank took the extra's payment: what the first charge paid for stands, and may go back later in full."""
    journey, more = two_charges(world)
    found = open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", more.charge))
    world.settle()
    decide(world.sandbox.platform, found, "lost")
    world.settle()
    order, milestone = journey.order, journey.milestone
    assert (order.disputed, order.refunded, order.left) == (None, MORE, PRICE)
    assert (milestone.held, [one.left for one in charges_of(world.ports.store, order.id)]) == (PRICE, [0])
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="une bonne raison")
    world.settle()
    world.pass_time(hours=3)
    assert refunded(world) == {order.payment_intent: PRICE}
    books(world)


def test_a_lost_dispute_of_the_first_charge_leaves_the_second(world: World) -> None:
    """What was paid for the extra is still the order's, and goes back to its own charge."""
    journey, more = two_charges(world)
    found = open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", journey.order.charge or ""))
    world.settle()
    decide(world.sandbox.platform, found, "lost")
    world.settle()
    assert (journey.order.refunded, journey.milestone.held) == (PRICE, MORE)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="une bonne raison")
    world.settle()
    world.pass_time(hours=3)
    assert refunded(world) == {more.payment_intent: MORE}
    books(world)


def test_two_disputes_of_one_order_are_both_asked_about_and_thaw_one_after_the_other(world: World) -> None:
    """Each charge may be disputed: the second is not lost behind the first, and money rests until both are over."""
    journey, more = two_charges(world)
    platform = world.sandbox.platform
    first = open_dispute(platform, platform.get("charge", journey.order.charge or ""))
    second = open_dispute(platform, platform.get("charge", more.charge))
    world.settle()
    asked = [gate for gate in journey.gates if gate.id.kind is Kind.DISPUTE]
    assert [gate.status for gate in asked] == [Status.OPEN, Status.OPEN]
    assert (journey.order.disputed, dict(journey.order.disputed_too or {})) == (first["id"], {second["id"]: "open"})
    decide(platform, first, "won")
    world.settle()
    assert (journey.order.disputed, journey.order.disputed_too) == (second["id"], None)
    asked = [gate for gate in journey.gates if gate.id.kind is Kind.DISPUTE]
    assert [gate.status for gate in asked] == [Status.WITHDRAWN, Status.OPEN]
    decide(platform, second, "won")
    world.settle()
    assert journey.order.disputed is None
    finish(journey)
    assert journey.order.stage.value == "completed"
    books(world)


def confirm(journey: Journey, which: int) -> Form:
    """The form of a question whether so much money shall leave: the first, or the newest."""
    asked = [gate for gate in journey.gates if gate.id.kind is Kind.CONFIRM]
    gate = asked[0 if which == 1 else -1]
    return journey.world.get(gate_link(journey.world.ports, journey.order, gate)).form("choice")


def test_a_yes_to_the_later_part_alone_does_not_end_the_payout(world: World) -> None:
    """Both parts are asked about at once; the gate is answered when none is left, in whatever order they leave."""
    top_up(world.sandbox.platform, 400_000)
    journey, _ = two_charges(world, price=400_000, cost=280_000)
    finish(journey)
    world.send(confirm(journey, -1), choice="send")
    world.pass_time(minutes=2)
    assert ([one["amount"] for one in world.transfers()], journey.stage) == ([PAY + 280_000 - PRICE], "payout")
    world.send(confirm(journey, 1), choice="send")
    world.pass_time(days=2)
    assert (journey.order.stage.value, journey.milestone.sent) == ("completed", PAY + 280_000)
    books(world)


def test_pay_that_is_planned_anew_draws_on_no_charge_twice(world: World) -> None:
    """One part had left when a bank took the second charge: what is still due is the seller's, and nothing sticks."""
    top_up(world.sandbox.platform, 400_000)
    journey, more = two_charges(world, price=400_000, cost=280_000)
    finish(journey)
    world.send(confirm(journey, 1), choice="send")  # so much is asked about twice, each part by itself
    world.pass_time(minutes=2)
    assert [one["amount"] for one in world.transfers()] == [PRICE]
    found = open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", more.charge))
    world.settle()
    decide(world.sandbox.platform, found, "lost")
    world.settle()
    world.pass_time(hours=3)
    world.send(confirm(journey, -1), choice="send")
    world.pass_time(days=2)
    order, milestone = journey.order, journey.milestone
    assert (order.stage.value, order.left, order.in_transit, order.refunded) == ("completed", 0, 0, 400_000)
    assert milestone.sent == order.sent == sum(one["amount"] for one in world.transfers()) == PAY + 280_000
    assert order.paid + order.borne == order.sent + order.refunded
    books(world)
