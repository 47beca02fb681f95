"""Promise 1 for whatever happens in whatever order: orders, refunds, outages, lost webhooks, payouts, people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.disputes import decide, open_dispute
from devstack.stripe_sandbox.errors import RefusedError
from devstack.stripe_sandbox.faults import Fault, FaultKind
from devstack.stripe_sandbox.payments import top_up
from devstack.stripe_sandbox.refunds import fail
from relais.ledger import STRIPE, Entry, trial_balance
from relais.offer import RefundCause
from relais.order import Milestone, milestone_from_row
from relais.ports import ConditionFailedError
from relais.rows import Change, Key, milestone_key
from relais.steps import interrupt, late_refund
from relais.steps.by_hand import NothingToPayError, WhichActError, paid_by_bank
from relais.steps.charges import charges_of
from tests.support.charged import charge_more
from tests.support.journey import Journey

Life = list[Journey]
Act = Callable[[World, Life], object]


def new_order(world: World, life: Life) -> None:
    """Somebody pays."""
    journey = Journey(world)
    journey.draft()
    journey.pay()
    life.append(journey)


def carry_on(world: World, life: Life) -> None:
    """Each order gets the next answer that it waits for."""
    answers = {"proposal": "accepted", "review": "approve", "acceptance": "accept", "park": None}
    for journey in life:
        if journey.order.stage.value == "draft":
            continue
        kinds = [gate.id.kind.value for gate in journey.gates if gate.status.value == "open"]
        if kinds == ["brief"]:
            journey.hand_in_brief()
        elif kinds == ["work"]:
            journey.deliver()
        elif len(kinds) == 1 and answers.get(kinds[0]):
            journey.answer(kinds[0], str(answers[kinds[0]]))


def charge_again(_world: World, life: Life) -> None:
    """The client of the newest order pays more for its work, while somebody does it."""
    for journey in life[-1:]:
        if journey.order.stage.value == "milestones" and journey.stage in {"work", "review", "acceptance"}:
            with suppress(ConditionFailedError):
                charge_more(journey, 20_000, 17_000)


def cancel(world: World, life: Life) -> None:
    """The seller calls the newest order off."""
    if life:
        with suppress(interrupt.NothingToCancelError, interrupt.InterruptMetError):
            interrupt.cancel(
                world.ports, life[-1].id, by="seller", cause=RefundCause.CHANGE_OF_MIND, reason="une bonne raison"
            )
        world.settle()


def refund_by_hand(_world: World, life: Life) -> None:
    """Somebody presses a button in Stripe's Dashboard."""
    client = stripe.StripeClient("sk_test_relais_local", http_client=stripe.RequestsClient())
    for journey in life[:1]:
        with suppress(stripe.StripeError):
            client.v1.refunds.create({"payment_intent": journey.order.payment_intent or "", "amount": 1_000})


def refunds_fail(world: World, _life: Life) -> None:
    """Every refund that Stripe has made comes back."""
    for one in world.sandbox.state()["objects"].get("refund", []):
        with suppress(RefusedError):
            fail(world.sandbox.platform, world.sandbox.platform.get("refund", one["id"]), "expired_or_canceled_card")


def bank_pays(world: World, life: Life) -> None:
    """The seller's bank makes what Stripe refused."""
    for journey in life:
        with suppress(NothingToPayError, WhichActError):
            paid_by_bank(world.ports, journey.id, reference="SEPA")
    world.settle()


def dispute(world: World, life: Life) -> None:
    """A bank takes the oldest payment that it can back."""
    for journey in life:
        with suppress(RefusedError, KeyError):
            open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", journey.order.charge or ""))
            break
    world.settle()


def dispute_the_second(world: World, life: Life) -> None:
    """A bank takes back what was paid later."""
    for journey in life:
        for one in charges_of(world.ports.store, journey.id):
            with suppress(RefusedError, KeyError):
                open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", one.charge))
    world.settle()


def verdict(world: World, word: str) -> None:
    """Every bank decides."""
    for one in world.sandbox.platform.newest_first("dispute"):
        with suppress(RefusedError):
            decide(world.sandbox.platform, one, word)
    world.settle()


def refund_late(world: World, life: Life) -> None:
    """The seller gives back what was paid out already."""
    for journey in life:
        with suppress(late_refund.NothingToRefundError):
            late_refund.refund_late(
                world.ports, journey.id, "01", amount=None, cause=RefundCause.BRIEF_NOT_MET, reason="une bonne raison"
            )
    world.settle()


def _cut(world: World, what: str, times: int) -> None:
    """Stripe makes it, and the answer is lost."""
    world.sandbox.faults.add(Fault(FaultKind.LOSE_ANSWER, "POST", f"/v1/{what}", times=times))


ACTS: dict[str, Act] = {
    "order": new_order,
    "carry on": carry_on,
    "charged again": charge_again,
    "cancel": cancel,
    "days pass": lambda world, _: world.pass_time(days=4),
    "hours pass": lambda world, _: world.pass_time(hours=5),
    "reconcile": lambda world, _: world.engine.call("reconcile", {}),
    "top up": lambda world, _: top_up(world.sandbox.platform, 40_000),
    "deaf": lambda world, _: setattr(world.sandbox.platform.outbox.switches, "drop", True),
    "refunds cut": lambda world, _: _cut(world, "refunds", 3),
    "transfers cut": lambda world, _: _cut(world, "transfers", 1),
    "pay out daily": lambda world, _: setattr(world.sandbox.platform, "interval", "daily"),
    "refund by hand": refund_by_hand,
    "refunds fail": refunds_fail,
    "bank pays": bank_pays,
    "dispute": dispute,
    "dispute the second": dispute_the_second,
    "won": lambda world, _: verdict(world, "won"),
    "lost": lambda world, _: verdict(world, "lost"),
    "refund late": refund_late,
}


MOSTLY = ("order", "carry on", "carry on", "carry on", "carry on", "days pass")
"""What happens more often than the rest: else no order comes far."""


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.sampled_from([*ACTS, *MOSTLY]), min_size=6, max_size=16))
def test_money_is_conserved_whatever_happens(names: list[str]) -> None:
    """Every line of Stripe's book has one entry, and no order gives back or pays out more than it may."""
    with world_in_memory() as world:
        for row in world.rows("ROSTER"):
            world.ports.store.write(Change(Key(row["pk"], row["sk"]), put={"capacity": 99}))
        life: Life = []
        _lived(world, life, names)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.sampled_from([*ACTS, *(4 * ("carry on", "days pass"))]), min_size=4, max_size=10))
def test_of_several_charges_each_gives_back_no_more_than_was_charged(names: list[str]) -> None:
    """The same for orders whose client has paid twice before anything else happens."""
    with world_in_memory() as world:
        life = [Journey(world).to_review()]
        charge_again(world, life)
        _lived(world, life, names)


def _lived(world: World, life: Life, names: list[str]) -> None:
    for name in names:
        with suppress(stripe.StripeError):
            ACTS[name](world, life)
    world.sandbox.faults.clear()
    for _ in range(2):
        world.pass_time(days=2)
        world.engine.call("reconcile", {})
        world.settle()
    _conserved(world, life)


def _conserved(world: World, life: Life) -> None:
    entries = [Entry.from_row(row) for row in world.rows() if row["sk"].startswith("L#")]
    booked = Counter(one.reference for one in entries)
    lines = _lines(world)
    assert max(booked.values(), default=1) == 1
    assert {one["id"] for one in lines} <= booked.keys()
    assert trial_balance(entries).get((STRIPE, "eur"), 0) == sum(one["net"] for one in lines)
    for journey in life:
        _bounded(journey)


def _lines(world: World) -> list[dict[str, Any]]:
    return list(world.sandbox.state()["objects"].get("balance_transaction", []))


def _each_charge_bounded(journey: Journey, milestone: Milestone) -> None:
    """Per charge, what we gave back and a bank took is never more than was charged, and what is left is known."""
    later = charges_of(journey.world.ports.store, journey.id)
    assert all(0 <= one.left <= one.amount for one in later)
    assert sum(one.left for one in later) <= milestone.held
    back: Counter[str] = Counter()
    for row in journey.world.rows(f"O#{journey.id}"):
        if row["sk"].startswith("A#refund") and not row["body"].get("session"):
            back[row["body"]["payment_intent"]] += row["amount"]
    for one in later:
        assert back[one.payment_intent] <= one.amount - one.left
    own = back[journey.order.payment_intent or ""]
    assert own <= journey.order.paid - sum(one.amount for one in later)


def _bounded(journey: Journey) -> None:
    order = journey.order
    if order.stage.value == "draft":
        return
    assert order.refunded + order.left <= order.paid
    assert min(order.left, order.in_transit, order.sent, order.refunded) >= 0
    milestone = milestone_from_row(journey.world.row(milestone_key(journey.id, "01")))
    agreed = 0 if milestone.engagement is None else milestone.engagement.agreed
    assert milestone.sent + milestone.in_transit + milestone.left_to_send <= agreed
    assert milestone.refunded + milestone.refund_in_transit <= milestone.price
    _each_charge_bounded(journey, milestone)
    funds = {
        account.name: amount
        for (account, _), amount in trial_balance([Entry.from_row(row) for row in journey.entries()]).items()
        if account.name in {"client_funds", "client_credit", "payable"}
    }
    assert all(amount <= 0 for amount in funds.values()), "nobody has been paid more than was owed"
