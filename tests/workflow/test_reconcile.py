"""The reconciler: what webhooks lose it makes up, once, and it says what does not agree (design: money D)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from devstack.simulation.calls import Context
from devstack.simulation.world import MONDAY, World, world_in_memory
from devstack.stripe_sandbox.wire import Request as StripeRequest
from relais.ledger import Entry, trial_balance
from relais.metrics import Metric
from relais.offer import RefundCause
from relais.report import FindingKind, booked_in_stripe
from relais.rows import REPORT_KEY, Change, Key
from relais.steps import interrupt
from relais.steps import reconcile as step
from relais.steps.compare import Report, report_from_row
from tests.support.journey import Journey

ORDERS = 20


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud, with room for many orders."""
    with world_in_memory() as made:
        _with_room(made)
        yield made


def _with_room(world: World) -> None:
    for row in world.rows("ROSTER"):
        world.ports.store.write(Change(Key(row["pk"], row["sk"]), put={"capacity": 99}))


def look(world: World) -> dict[str, Any]:
    """The schedule calls the reconciler, and what it started happens."""
    found: dict[str, Any] = world.engine.call("reconcile", {})
    world.settle()
    return found


def drop(world: World) -> None:
    """From now on no webhook arrives."""
    world.sandbox.platform.outbox.switches.drop = True


def entries(world: World) -> list[Entry]:
    """Everything booked, whatever order it is about."""
    return [Entry.from_row(row) for row in world.rows() if row["sk"].startswith("L#")]


def transactions(world: World) -> list[dict[str, Any]]:
    """Stripe's balance transactions."""
    return list(world.sandbox.state()["objects"].get("balance_transaction", []))


def report(world: World) -> Report:
    """The last comparison."""
    return report_from_row(world.row(REPORT_KEY))


def lever(world: World, path: str, body: bytes) -> None:
    """Something that banks and people do at Stripe."""
    world.sandbox.respond(StripeRequest("POST", f"/_sandbox/{path}", "", {}, body))
    world.sandbox.run_due()


def play(world: World, *, deaf: bool) -> list[Journey]:
    """Orders of every fate; deaf: no webhook ever arrives and the reconciler is all there is."""
    journeys = []
    for number in range(ORDERS):
        journey = Journey(world)
        journey.draft()
        journey.pay()
        if deaf:
            world.move_to(world.now() + timedelta(minutes=15))
            look(world)
        journeys.append(journey)
        if number % 5 == 4:
            continue  # its brief never comes: refunded by default
        journey.hand_in_brief()
        journey.answer("proposal", "accepted")
        journey.deliver()
        journey.answer("review", "approve")
        journey.answer("acceptance", "accept")
    # Refunds leave the balance as well, and nobody gets fees back: the seller's own money fills it up.
    lever(world, "top-ups", b'{"amount": 500000}')
    for _ in range(5):
        world.pass_time(days=4)
        if deaf:
            look(world)
    return journeys


def shape(world: World) -> Counter[Any]:
    """What is booked, by what kind of reference and by amount: ids are another world's."""
    orders = {row["pk"].removeprefix("O#") for row in world.rows() if row["sk"] == "ORDER"}
    return Counter(
        (
            one.kind,
            one.reference.split(":")[0].split("_")[0],
            one.order in orders,
            tuple(sorted((posting.account.name, posting.amount, posting.currency) for posting in one.postings)),
        )
        for one in entries(world)
        if one.order is not None
    )


def test_without_a_single_webhook_the_books_end_the_same_and_no_order_is_behind() -> None:
    """A webhook is a hint: all of them may be lost, and the same is booked, by reference and amount."""
    with world_in_memory() as heard:
        _with_room(heard)
        told = play(heard, deaf=False)
        expected = shape(heard)
        stages = [one.order.stage for one in told]
    with world_in_memory() as deaf:
        _with_room(deaf)
        drop(deaf)
        journeys = play(deaf, deaf=True)
        assert [one.order.stage for one in journeys] == stages
        assert {one.order.stage.value for one in journeys} == {"completed"}
        assert shape(deaf) == expected
        references = Counter(one.reference for one in entries(deaf))
        assert max(references.values()) == 1
        assert {one["id"] for one in transactions(deaf)} <= references.keys()
        deaf.move_to(deaf.now() + timedelta(hours=3))
        look(deaf)
        assert report(deaf).findings == ()
        assert report(deaf).booked == report(deaf).held == {"eur": sum(one["net"] for one in transactions(deaf))}


def test_a_look_that_finds_nothing_new_writes_no_entry_and_starts_nothing(world: World) -> None:
    """Run twice, or beside itself: the same end. The overlap is read again, never booked again."""
    journey = Journey(world).to_hold()
    world.pass_time(hours=3)
    look(world)
    before, calls = entries(world), len(world.engine.calls)
    again = look(world)
    assert again["booked"] == 0
    assert again["read"] > 0
    assert entries(world) == before
    assert [call for call in world.engine.calls[calls:] if not call.startswith("reconcile")] == []
    assert journey.stage == "hold"


def test_two_looks_beside_each_other_end_as_one(world: World) -> None:
    """The second begins while the first reads: whoever is fenced off leaves the rest to the other."""
    drop(world)
    journey = Journey(world)
    journey.draft()
    journey.pay()
    world.move_to(world.now() + timedelta(minutes=5))
    book = step.book

    def interrupted(ports: Any, lines: Any) -> int:
        with patch.object(step, "book", book):
            world.engine.call("reconcile", {})
        return book(ports, lines)

    with patch.object(step, "book", interrupted):
        fenced_off = look(world)
    assert fenced_off["through"] is False
    assert journey.stage == "brief"
    assert max(Counter(one.reference for one in entries(world)).values()) == 1
    look(world)
    assert report(world).findings == ()


def test_a_look_that_runs_out_of_time_goes_on_where_it_ended(world: World) -> None:
    """Sixty seconds may not do after an outage: the mark is kept page by page (design: money D)."""
    drop(world)
    for _ in range(5):
        journey = Journey(world)
        journey.draft()
        journey.pay()
    world.move_to(world.now() + timedelta(minutes=5))
    world.sandbox.run_due()
    with patch("relais.adapters.stripe_bank.PAGE", 2):
        booked = 0
        for _ in range(10):
            # Enough for the orders of sixteen shards and for one page, then the time is up.
            times = [60_000] * 17 + [0] * 40
            with patch.object(Context, "get_remaining_time_in_millis", side_effect=times):
                done = look(world)
            booked += done["booked"]
            if done["through"]:
                break
    assert done["through"]
    assert booked == len(transactions(world)) == 5


def test_the_first_look_books_what_was_there_before_as_the_opening(world: World) -> None:
    """An account has a past: it is one line in the ledger, and from then on every cent is accounted for."""
    lever(world, "top-ups", b'{"amount": 12345}')
    world.move_to(MONDAY + timedelta(days=40))
    lever(world, "top-ups", b'{"amount": 500}')
    look(world)
    balances = {str(account): amount for (account, _), amount in trial_balance(entries(world)).items()}
    assert balances == {"stripe": 12845, "opening": -12345, "bank": -500}
    assert report(world).findings == ()


@pytest.mark.parametrize(
    ("kind", "amount", "account"),
    [
        ("stripe_fee", -200, "fee.other"),
        ("tax_fee", -40, "fee.other"),
        ("reserve_hold", -1000, "stripe_clearing"),
        ("contribution", -77, "suspense"),
        ("topup_reversal", -50, "bank"),
    ],
)
def test_no_line_of_stripes_book_is_skipped(world: World, kind: str, amount: int, account: str) -> None:
    """Whatever its type: a known one has its account, an unknown one stands in suspense and is told."""
    lever(world, "transactions", f'{{"type": "{kind}", "amount": {amount}}}'.encode())
    look(world)
    balances = {str(one): sum_ for (one, _), sum_ in trial_balance(entries(world)).items()}
    assert balances == {"stripe": amount, account: -amount}
    unknown = [one.kind for one in report(world).findings if one.kind is FindingKind.UNKNOWN]
    assert bool(unknown) is (account == "suspense")


def test_a_payout_and_what_surrounds_it_leave_the_books_even(world: World) -> None:
    """Stripe pays out by itself and holds back the minimum: nobody asked for three lines (trap 25)."""
    world.sandbox.platform.interval = "daily"
    world.sandbox.platform.minimum = {"eur": 10_000}
    Journey(world).to_hold()
    world.pass_time(days=5)
    look(world)
    kinds = Counter(one["type"] for one in transactions(world))
    assert kinds["payout"] == kinds["payout_minimum_balance_hold"] == kinds["payout_minimum_balance_release"] == 1
    assert booked_in_stripe(entries(world)) == report(world).held
    assert not [one for one in report(world).findings if one.is_difference]


def test_what_somebody_did_by_hand_at_stripe_is_told_once_and_again_after_a_week(world: World) -> None:
    """A refund pressed in the Dashboard explains itself to nobody: booked, in clearing, and told in plain words."""
    journey = Journey(world).to_acceptance()
    world.pass_time(days=4)
    lever(world, "top-ups", b'{"amount": 50000}')
    _refund_by_hand(world, journey)
    since = len(world.mails)
    look(world)
    world.move_to(world.now() + timedelta(hours=3))
    look(world)
    (found,) = [one for one in report(world).findings if one.is_difference]
    assert (found.kind, found.amount, found.order) == (FindingKind.UNEXPLAINED, 2_000, journey.id)
    (mail,) = [one for one in world.mails[since:] if "Stripe" in one.subject and "comptes" in one.subject]
    assert "20\u00a0€" in mail.body
    assert journey.id in mail.body
    world.move_to(world.now() + timedelta(hours=3))
    look(world)
    assert len([one for one in world.mails[since:] if "comptes" in one.subject]) == 1
    world.move_to(world.now() + timedelta(days=8))
    look(world)
    assert len([one for one in world.mails[since:] if "comptes" in one.subject]) == 2


def _refund_by_hand(world: World, journey: Journey) -> None:
    import stripe

    client = stripe.StripeClient("sk_test_relais_local", http_client=stripe.RequestsClient())
    client.v1.refunds.create({"payment_intent": journey.order.payment_intent or "", "amount": 2_000})


def test_the_freelancers_transfer_is_booked_once_whoever_is_faster(world: World) -> None:
    """The reconciler may see a transfer before the act that made it has written its result."""
    journey = Journey(world).to_hold()
    store = world.ports.store
    write = store.write
    seen = []

    def raced(*writes: Any) -> None:
        if any(one.key.sk.startswith("L#op:") for one in writes) and not seen:
            seen.append(True)
            step.reconcile(world.ports)
        write(*writes)

    with patch.object(type(store), "write", lambda _self, *writes: raced(*writes), create=True):
        world.pass_time(days=5)
    assert seen
    world.pass_time(hours=2)
    assert journey.order.stage.value == "completed"
    assert len(world.transfers()) == 1
    assert max(Counter(one.reference for one in entries(world)).values()) == 1


def test_a_stripe_that_does_not_answer_leaves_everything_as_it_was(world: World) -> None:
    """An outage is no difference: the look fails, its alarm is the missing heartbeat, the next one goes on."""
    Journey(world).to_brief()
    look(world)
    before = entries(world)
    lever(
        world,
        "faults",
        b'{"kind": "refuse_500", "match": {"method": "GET", "path": "/v1/balance_transactions*"}, "times": 9}',
    )
    with pytest.raises(Exception, match="could not be read"):
        world.engine.call("reconcile", {})
    assert entries(world) == before
    assert Metric.RECONCILED not in world.ports.counts


def test_automatic_payouts_leave_what_is_owed_and_a_reserve(world: World) -> None:
    """Stripe pays out by itself: clients' and freelancers' money stays in the account (design: money A 5)."""
    platform = world.sandbox.platform
    platform.interval = "daily"
    journey = Journey(world).to_acceptance()
    look(world)
    assert platform.minimum == {"eur": 31_900}
    world.pass_time(days=5)
    look(world)
    assert platform.minimum == {"eur": 31_900}
    assert report(world).held == {"eur": 28_540}, "nothing left the account: all of it is owed"
    journey.answer("acceptance", "accept")
    world.pass_time(hours=2)
    look(world)
    # The price is earned; what the freelancer is owed stays.
    assert platform.minimum == {"eur": 14_300}


def test_a_minimum_that_somebody_set_by_hand_is_raised_and_never_lowered(world: World) -> None:
    """Who keeps more in the account has reasons."""
    world.sandbox.platform.minimum = {"eur": 90_000}
    Journey(world).to_brief()
    look(world)
    world.pass_time(days=2)
    look(world)
    assert world.sandbox.platform.minimum == {"eur": 90_000}


def test_a_refund_that_waits_for_money_is_no_difference_until_it_has_waited_too_long(world: World) -> None:
    """The fee stays with Stripe, so a young shop lacks 4.60 euros for its first refund: it waits, and is told."""
    journey = Journey(world).to_work()
    world.pass_time(hours=1)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="test")
    world.settle()
    world.pass_time(days=4)
    since = len(world.mails)
    look(world)
    (refund,) = world.sandbox.state()["objects"]["refund"]
    assert (refund["status"], report(world).findings) == ("pending", ())
    world.pass_time(days=8)
    look(world)
    (found,) = report(world).findings
    assert (found.kind, found.amount, found.order) == (FindingKind.REFUND_PENDING, 29_000, journey.id)
    assert len([one for one in world.mails[since:] if "comptes" in one.subject]) == 1
    lever(world, "top-ups", b'{"amount": 1000}')
    world.pass_time(days=1)
    look(world)
    assert report(world).findings == ()
