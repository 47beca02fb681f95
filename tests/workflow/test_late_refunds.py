"""Money that goes back after the freelancer was paid: what is taken back, what stays owed, what is netted later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.simulation.world import INES, World, world_in_memory
from devstack.stripe_sandbox.faults import Fault, FaultKind
from devstack.stripe_sandbox.payments import top_up
from devstack.stripe_sandbox.platform import Share
from devstack.stripe_sandbox.recipients import pay_out, put
from relais.gate import Via
from relais.ledger import BankTransaction, DifferenceKind, Entry, check, trial_balance
from relais.offer import RefundCause
from relais.roster import Freelancer
from relais.rows import freelancer_key
from relais.steps import debts, late_refund
from relais.steps.late_refund import NothingToRefundError, RefundTooHighError
from relais.steps.roster import By, ReasonUnusableError
from tests.support.journey import Journey

PRICE, PAY = 29_000, 13_000


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud; the seller keeps a reserve at Stripe."""
    with world_in_memory() as made:
        top_up(made.sandbox.platform, 200_000)
        yield made


def paid(world: World) -> Journey:
    """An order that has ended, its freelancer paid, and the money at their account available."""
    journey = Journey(world).to_hold()
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.sent) == ("completed", PAY)
    return journey


def give_back(journey: Journey, amount: int | None = None, cause: RefundCause = RefundCause.BRIEF_NOT_MET) -> int:
    """The seller refunds from the command line; what it claims from the freelancer."""
    ports = journey.world.ports
    done = late_refund.refund_late(ports, journey.id, "01", amount=amount, cause=cause, reason="convenu au téléphone")
    journey.world.settle()
    return done.claimed


def owed(world: World) -> int:
    """What Inès has to give back."""
    return Freelancer.from_row(world.row(freelancer_key("ines-moreau"))).owing("eur")


def empty_account(world: World) -> None:
    """Stripe has paid the freelancer's balance out to their bank."""
    pay_out(world.sandbox.platform, INES, None)


def balances(world: World) -> dict[str, int]:
    """Every account that is not empty, of all orders, once the books agree with Stripe line by line."""
    entries = [Entry.from_row(row) for row in world.rows() if row["sk"].startswith("L#")]
    lines = world.sandbox.state()["objects"]["balance_transaction"]
    bank = [BankTransaction(one["id"], one["net"], one["currency"]) for one in lines if one["type"] != "topup"]
    ended = frozenset(entry.order for entry in entries if entry.order is not None)
    found = check(entries, now=world.now(), ended=ended, transactions=bank)
    assert [one for one in found if one.kind is not DifferenceKind.POT or "payable" not in one.reference] == []
    return {str(account): amount for (account, _), amount in trial_balance(entries).items() if amount}


def test_the_refund_of_paid_work_takes_back_what_the_freelancer_bears(world: World) -> None:
    """Row 10: the client gets all, the pay comes back by a reversal, and no pot keeps anything."""
    journey = paid(world)
    since = len(world.mails)
    assert give_back(journey) == PAY
    world.pass_time(hours=4)
    order, milestone = journey.order, journey.milestone
    assert (order.refunded, order.sent, order.left, order.borne, order.in_transit) == (PRICE, 0, 0, 0, 0)
    assert (milestone.recovered, milestone.sent, owed(world)) == (PAY, 0, 0)
    left = balances(world)
    assert not {name for name in left if name.startswith(("receivable", "payable", "refund_payable", "client_funds"))}
    assert sum(one["amount_reversed"] for one in world.transfers()) == PAY
    told = [mail.to for mail in world.mails[since:]]
    assert sorted(told) == ["ines@moreau-graphisme.example", "marie@gmail.com"], told


def test_of_an_order_that_nobody_paid_nothing_goes_back(world: World) -> None:
    """It has no milestone yet: whoever asks is told so."""
    journey = Journey(world)
    journey.draft()
    with pytest.raises(NothingToRefundError):
        give_back(journey)


def test_a_part_is_borne_in_proportion_and_each_only_once(world: World) -> None:
    """A third of the price takes a third of the pay; a second refund goes on from what is left."""
    journey = paid(world)
    assert give_back(journey, 9_000) == PAY * 9_000 // PRICE
    world.pass_time(hours=4)
    assert give_back(journey) == PAY - PAY * 9_000 // PRICE
    world.pass_time(hours=4)
    order = journey.order
    assert (order.refunded, order.sent, order.left, order.borne) == (PRICE, 0, 0, 0)
    with pytest.raises(NothingToRefundError):
        give_back(journey)
    balances(world)


def test_who_bears_nothing_gives_nothing_back(world: World) -> None:
    """The seller's own goodwill is the seller's: nothing is taken back, what the order lacks stands in `borne`."""
    journey = paid(world)
    assert give_back(journey, cause=RefundCause.CHANGE_OF_MIND) == 0
    world.pass_time(hours=4)
    order = journey.order
    assert (order.refunded, order.sent, order.borne, order.left) == (PRICE, PAY, PAY, 0)
    balances(world)


def test_what_the_account_does_not_hold_is_netted_from_the_next_pay(world: World) -> None:
    """Row 11: the client is refunded all the same, the debt is told, kept of the next pay, and told again."""
    journey = paid(world)
    empty_account(world)
    give_back(journey)
    world.pass_time(hours=4)
    assert (journey.order.refunded, owed(world)) == (PRICE, PAY)
    assert balances(world)["receivable.ines-moreau"] == PAY
    page = world.get(next(link for mail in world.mails[::-1] for link in mail.links if "/f/ines-moreau/" in link))
    assert "130" in page.text, page.text
    since = len(world.mails)
    other = Journey(world).to_hold()
    world.pass_time(days=9)
    assert (other.order.stage.value, other.order.sent, other.milestone.netted) == ("completed", 0, PAY)
    assert (owed(world), len(world.transfers())) == (0, 1)
    assert "receivable.ines-moreau" not in balances(world)
    subjects = [mail.subject for mail in world.mails[since:] if mail.to == "ines@moreau-graphisme.example"]
    assert [one for one in subjects if "déduits de votre paiement" in one], subjects


def test_what_nobody_asks_for_any_more_is_a_loss_and_reduces_no_pay(world: World) -> None:
    """Row 11, given up: in part, then the rest; told each time, and the next pay is whole."""
    journey = paid(world)
    empty_account(world)
    give_back(journey)
    world.pass_time(hours=4)
    since, by = len(world.mails), By("seller", Via.COMMAND, "not worth a letter")
    assert debts.forgive(world.ports, "ines-moreau", 3_000, by) == 3_000
    assert (owed(world), balances(world)["loss.unrecovered"]) == (PAY - 3_000, 3_000)
    with pytest.raises(debts.NothingOwedError):
        debts.forgive(world.ports, "ines-moreau", PAY, by)
    world.pass_time(minutes=1)
    assert debts.forgive(world.ports, "ines-moreau", None, by) == PAY - 3_000
    assert "receivable.ines-moreau" not in balances(world)
    with pytest.raises(debts.NothingOwedError):
        debts.forgive(world.ports, "ines-moreau", None, by)
    with pytest.raises(ReasonUnusableError):
        debts.forgive(world.ports, "ines-moreau", 1, By("seller", Via.COMMAND, " "))
    world.pass_time(hours=1)
    told = [mail.subject for mail in world.mails[since:] if mail.to == "ines@moreau-graphisme.example"]
    assert len([one for one in told if one.startswith("Vous ne devez plus")]) == 2, told
    other = Journey(world).to_hold()
    world.pass_time(days=9)
    assert (other.order.sent, other.milestone.netted) == (PAY, 0)


def test_an_account_that_holds_a_part_gives_that_part(world: World) -> None:
    """All or nothing per call, so what is asked is what is there; the rest is owed (row 11)."""
    journey = paid(world)
    put(world.sandbox.platform, INES, Share(-8_000, "eur", 0, "spent"))
    give_back(journey)
    world.pass_time(hours=4)
    order = journey.order
    assert (order.refunded, order.sent, order.borne, owed(world)) == (PRICE, 8_000, 8_000, 8_000)
    assert balances(world)["receivable.ines-moreau"] == 8_000


def test_a_smaller_debt_leaves_the_rest_of_the_pay(world: World) -> None:
    """What is kept is what is owed, and the transfer is the rest."""
    journey = paid(world)
    empty_account(world)
    claimed = give_back(journey, 9_000)
    world.pass_time(hours=4)
    other = Journey(world).to_hold()
    world.pass_time(days=9)
    assert (other.order.sent, other.milestone.netted, owed(world)) == (PAY - claimed, claimed, 0)
    order = other.order
    assert order.left + order.sent + order.refunded + order.in_transit == order.paid + order.borne
    balances(world)


def test_a_balance_that_goes_between_the_look_and_the_reversal_leaves_a_debt(world: World) -> None:
    """All or nothing per call: a reversal that is refused whole becomes a receivable, once."""
    journey = paid(world)

    def meanwhile(method: str, path: str) -> None:
        if (method, path.rpartition("/")[2]) == ("POST", "reversals"):
            empty_account(world)

    world.cut = meanwhile
    give_back(journey)
    world.pass_time(hours=4)
    assert (journey.order.refunded, owed(world)) == (PRICE, PAY)
    world.pass_time(days=2)
    assert (owed(world), balances(world)["receivable.ines-moreau"]) == (PAY, PAY)


def test_lost_answers_take_nothing_back_twice(world: World) -> None:
    """The same key, then the look-up: one reversal and one refund, whatever was heard of them."""
    journey = paid(world)
    world.sandbox.faults.add(Fault(FaultKind.LOSE_ANSWER, "POST", "/v1/", times=3))
    give_back(journey)
    world.pass_time(days=2)
    reversals = world.sandbox.state()["objects"]["transfer_reversal"]
    refunds = world.sandbox.state()["objects"]["refund"]
    assert ([one["amount"] for one in reversals], [one["amount"] for one in refunds]) == ([PAY], [PRICE])
    assert (journey.order.refunded, journey.order.sent, owed(world)) == (PRICE, 0, 0)
    balances(world)


def test_never_more_than_was_paid_for_it(world: World) -> None:
    """The bound is the milestone's own: what of its price the client has not had back."""
    journey = paid(world)
    with pytest.raises(RefundTooHighError):
        give_back(journey, PRICE + 1)
    give_back(journey, 20_000)
    with pytest.raises(RefundTooHighError):
        give_back(journey, 9_001)


def test_work_that_is_not_paid_yet_takes_the_other_way(world: World) -> None:
    """Before its end an order is cancelled: nothing was paid that could be taken back."""
    journey = Journey(world).to_hold()
    with pytest.raises(NothingToRefundError):
        give_back(journey)
