"""Disputes at any moment: what a bank takes back freezes what is left, and every cent has its entry at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.disputes import decide, open_dispute
from devstack.stripe_sandbox.faults import Fault, FaultKind
from devstack.stripe_sandbox.payments import top_up
from relais import ledger
from relais.adapters.stripe import StripePayments
from relais.dispute import Dispute, DisputeState, dispute_from_row
from relais.gate import Choice, Gate, Kind, Status, Via
from relais.ledger import BankTransaction, Entry
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL
from relais.ports import ConditionFailedError, MovementRefusedError
from relais.rows import SHOP_KEY, Change, offer_key
from relais.steps import by_hand, disputes, evidence, gates, late_refund, payout
from relais.steps.by_hand import DisputeOpenError
from relais.steps.decisions import Answer
from relais.steps.late_refund import NothingToRefundError
from relais.steps.links import order_link
from relais.steps.situation import read_situation
from tests.support.journey import Journey
from tests.workflow.onboardings import onboard, without_account
from tests.workflow.several import Articles, assert_settled
from tests.workflow.ways_out import cancel

PRICE, PAY = 29_000, 13_000
READS = frozenset({"get", "get_many", "query", "due", "open_orders", "desk", "book", "get_text", "status"})


class CrashError(BaseException):
    """The process is gone: no handler of ours sees this."""


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud; the seller keeps a reserve at Stripe."""
    with world_in_memory() as made:
        top_up(made.sandbox.platform, 200_000)
        yield made


def disputed(journey: Journey, amount: int | None = None, *, inquiry: bool = False, reason: str = "general") -> Any:
    """The client's bank takes the payment back, or asks about it."""
    platform = journey.world.sandbox.platform
    charge = platform.get("charge", journey.order.charge or "")
    made = open_dispute(platform, charge, reason, amount=amount, inquiry=inquiry)
    journey.world.settle()
    journey.world.pass_time(minutes=3)
    return made


def verdict(journey: Journey, dispute: Any, word: str) -> None:
    """What the bank decides."""
    decide(journey.world.sandbox.platform, journey.world.sandbox.platform.get("dispute", dispute["id"]), word)
    journey.world.settle()
    journey.world.pass_time(minutes=3)


def row_of(journey: Journey) -> Dispute:
    """The order's dispute as the table keeps it."""
    (row,) = [row for row in journey.world.rows(f"O#{journey.id}") if row["sk"].startswith("D#")]
    return dispute_from_row(row)


def asked(journey: Journey) -> list[Gate]:
    """The gates about disputes."""
    return [gate for gate in journey.gates if gate.id.kind is Kind.DISPUTE]


def clean(journey: Journey) -> dict[str, int]:
    """The accounts that are not empty, once the ledger agrees with Stripe line by line and every pot is empty."""
    world = journey.world
    world.pass_time(hours=3)
    world.engine.call("reconcile", {})
    world.settle()
    entries = [Entry.from_row(row) for row in world.rows() if row["sk"].startswith("L#")]
    lines = world.sandbox.state()["objects"]["balance_transaction"]
    bank = [BankTransaction(one["id"], one["net"], one["currency"]) for one in lines]
    ended = frozenset({journey.id}) if journey.order.stage.value == "completed" else frozenset()
    differs = ledger.check(entries, now=world.now(), ended=ended, transactions=bank)
    assert [one.sentence for one in differs] == []
    order = journey.order
    assert order.left + order.in_transit + order.sent + order.refunded == order.paid + order.borne
    assert min(order.left, order.in_transit, order.sent, order.refunded, order.borne) >= 0
    return {str(account): amount for (account, _), amount in ledger.trial_balance(entries).items() if amount}


def test_a_dispute_freezes_the_pay_and_a_won_one_lets_it_go(world: World) -> None:
    """Rows 12 and 13: questions go on, nothing is paid out, and a verdict for the seller resumes by itself."""
    journey = Journey(world).to_acceptance()
    found = disputed(journey)
    assert (journey.order.disputed, journey.order.dispute_stage) == (found["id"], "open")
    journey.answer("acceptance", "accept")
    world.pass_time(days=6)
    assert (journey.stage, world.transfers(), journey.order.sent) == ("payout", [], 0)
    verdict(journey, found, "won")
    world.pass_time(days=1)
    assert (journey.order.disputed, journey.order.stage.value, journey.order.sent) == (None, "completed", PAY)
    left = clean(journey)
    assert (left["fee.dispute"], f"dispute_held.{journey.id}" in left) == (2_000, False)


def test_the_seller_is_told_with_the_date_and_a_silence_sends_the_evidence(world: World) -> None:
    """Silence would lose the money: two working days before the bank's date the pack is sent as it is."""
    journey = Journey(world).to_acceptance()
    since = len(world.mails)
    found = disputed(journey, reason="product_not_received")
    (mail,) = [mail for mail in world.mails[since:] if mail.to == "claire@atelier-mistral.example"]
    assert ("290" in mail.subject, journey.id in mail.body) == (True, True)
    (gate,) = asked(journey)
    assert gate.deadline is not None
    assert "290" in world.get(world.link("dispute", journey.id)).text
    world.go_to(gate.deadline)
    assert world.sandbox.platform.get("dispute", found["id"])["status"] == "needs_response"
    world.pass_time(minutes=15)
    sent = world.sandbox.platform.get("dispute", found["id"])
    assert (sent["status"], sent["evidence_details"]["submission_count"]) == ("under_review", 1)
    text = sent["evidence"]["uncategorized_text"]
    for kept in ("Boulangerie Aubépine", "logo.png", "SHA-256", "ticked", "acceptance", journey.id):
        assert kept in text, kept
    assert sent["evidence_details"]["due_by"] > world.now().timestamp()


def test_the_sellers_own_words_come_first_and_evidence_is_sent_once(world: World) -> None:
    """Evidence can be handed in once: a second press changes nothing."""
    journey = Journey(world).to_acceptance()
    found = disputed(journey)
    journey.answer("dispute", "send", "Delivered on 26 November, see below.")
    world.pass_time(minutes=5)
    sent = world.sandbox.platform.get("dispute", found["id"])
    assert sent["evidence"]["uncategorized_text"].startswith("Delivered on 26 November")
    world.pass_time(days=3)
    assert world.sandbox.platform.get("dispute", found["id"])["evidence_details"]["submission_count"] == 1


@pytest.mark.parametrize("stage", ["brief", "work", "acceptance", "hold", "paid"])
def test_a_lost_dispute_ends_with_every_pot_empty(world: World, stage: str) -> None:
    """Row 14, wherever the order is: what was unearned is the client's, the rest a loss, the freelancer by policy."""
    journey = Journey(world)
    if stage == "paid":
        journey.to_hold()
        world.pass_time(days=9)
    else:
        getattr(journey, f"to_{stage}")()
    found = disputed(journey)
    verdict(journey, found, "lost")
    assert row_of(journey).state is DisputeState.LOST
    world.pass_time(days=9)
    order = journey.order
    assert (order.stage.value, order.disputed, order.refunded, order.left) == ("completed", None, PRICE, 0)
    assert order.sent == (0 if stage == "brief" else PAY)
    left = clean(journey)
    assert left.get("loss.dispute", 0) == (PRICE if stage in {"hold", "paid"} else 0)
    assert [gate for gate in journey.gates if gate.status is Status.OPEN] == []


def test_a_part_that_is_lost_leaves_the_work_going_on(world: World) -> None:
    """A bank may take less than was paid: what is left of the order is worth so much less, and ends as any other."""
    journey = Journey(world).to_work()
    found = disputed(journey, 9_000)
    verdict(journey, found, "lost")
    assert (journey.stage, journey.order.refunded, journey.order.left) == ("work", 9_000, PRICE - 9_000)
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.sent) == ("completed", PAY)
    assert clean(journey)["revenue"] == -(PRICE - 9_000)


@pytest.mark.parametrize("dies", ["never", "after the loss"])
def test_a_lost_part_ends_the_milestones_that_nobody_pays_for_any_more(world: World, dies: str) -> None:
    """Of ten articles what has not begun is given up first, from the last: nobody writes what is not paid."""
    world.engine.call("reconcile", {})  # a first look reads thirty days back, and this takes ten weeks
    journey = Articles(world).to_work()
    found = disputed(journey, 40_000)
    with pytest.MonkeyPatch.context() as patch:
        if dies != "never":
            patch.setattr(disputes, "end_what_is_gone", _dies)
        verdict(journey, found, "lost")
    if dies != "never":
        disputes.dispute_told(world.ports, found["id"])  # the call that died is made again
        world.settle()
    world.pass_time(minutes=30)
    assert journey.stages[7:] == ["start", "closed", "closed"]
    assert (journey.part(8).held, journey.part(1).held) == (5_000, 15_000)
    for number in range(1, 9):
        if number > 1:
            journey.begin(number)
        journey.finish(number)
    assert_settled(journey)
    assert journey.order.sent == 8 * 8_000
    clean(journey)


def _dies(_ports: object, _order: str) -> None:
    """The process is gone right after the commit."""
    raise CrashError


def test_a_client_whose_bank_gave_the_money_back_is_promised_no_other(world: World) -> None:
    """Neither mail nor page says that a refund is on its way, or that it was agreed: it would be asked for."""
    journey = Journey(world).to_acceptance()
    since = len(world.mails)
    verdict(journey, disputed(journey), "lost")
    world.pass_time(days=1)
    (mail,) = [mail for mail in world.mails[since:] if mail.to == journey.order.client_email]
    page = world.get(order_link(world.ports, journey.order)).text
    for text in (mail.body, page):
        assert "banque vous a rendu" in text
        assert "jours ouvrés avant" not in text
        assert "Comme convenu" not in text


def test_an_inquiry_freezes_the_pay_and_moves_no_money(world: World) -> None:
    """Row 12: nothing is booked; closed without a dispute, all goes on."""
    journey = Journey(world).to_hold()
    found = disputed(journey, inquiry=True)
    assert journey.order.dispute_stage == "inquiry"
    world.pass_time(days=6)
    assert journey.stage == "payout"
    verdict(journey, found, "closed")
    world.pass_time(days=1)
    assert (journey.order.stage.value, journey.order.sent) == ("completed", PAY)
    assert "fee.dispute" not in clean(journey)


def test_an_inquiry_that_grows_is_asked_anew(world: World) -> None:
    """What was answered to the bank's question is no evidence in the dispute that follows: it is sent again."""
    journey = Journey(world).to_hold()
    found = disputed(journey, inquiry=True)
    journey.answer("dispute", "send", "It was delivered.")
    world.pass_time(minutes=5)
    verdict(journey, found, "escalated")
    assert (journey.order.dispute_stage, len(asked(journey))) == ("open", 2)
    journey.answer("dispute", "send", "It was delivered, again.")
    world.pass_time(minutes=5)
    assert world.sandbox.platform.get("dispute", found["id"])["status"] == "under_review"
    verdict(journey, found, "won")
    world.pass_time(days=6)
    assert journey.order.stage.value == "completed"
    clean(journey)


def test_an_accepted_dispute_is_lost_at_once(world: World) -> None:
    """The seller's own decision: Stripe is told, and what is left is settled."""
    journey = Journey(world).to_acceptance()
    disputed(journey)
    journey.answer("dispute", "accept")
    world.pass_time(minutes=5)
    assert row_of(journey).state is DisputeState.LOST
    world.pass_time(days=9)
    assert journey.order.stage.value == "completed"
    clean(journey)


def test_a_disputed_charge_is_not_refunded_too(world: World) -> None:
    """Trap 17: what the bank holds is never given back a second time, before or after the end."""
    journey = Journey(world).to_hold()
    world.pass_time(days=9)
    found = disputed(journey)
    with pytest.raises(NothingToRefundError):
        late_refund.refund_late(
            world.ports, journey.id, "01", amount=None, cause=RefundCause.SELLER_FAULT, reason="goodwill"
        )
    verdict(journey, found, "lost")
    world.pass_time(days=1)
    assert world.sandbox.state()["objects"].get("refund", []) == []
    clean(journey)


def test_a_cancellation_waits_for_the_dispute_and_is_settled_by_it(world: World) -> None:
    """The way out goes as far as money lets it; a lost dispute has given back what it would have."""
    journey = Journey(world).to_work()
    found = disputed(journey)
    cancel(journey)
    world.pass_time(days=2)
    assert (journey.stage, journey.order.refunded) == ("refund", 0)
    verdict(journey, found, "lost")
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.refunded) == ("completed", PRICE)
    assert world.sandbox.state()["objects"].get("refund", []) == []
    clean(journey)


def test_a_cancellation_goes_on_when_the_dispute_is_won(world: World) -> None:
    """The client still gets the money that was promised: by a refund, once."""
    journey = Journey(world).to_work()
    found = disputed(journey)
    cancel(journey)
    verdict(journey, found, "won")
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.refunded) == ("completed", PRICE)
    clean(journey)


def test_events_that_overtake_each_other_end_the_same(world: World) -> None:
    """Each event is only a hint to look: the last one alone, or all of them twice, book the same."""
    journey = Journey(world).to_hold()
    world.pass_time(days=9)
    world.sandbox.platform.outbox.switches.drop = True
    found = disputed(journey)
    verdict(journey, found, "lost")
    assert journey.order.refunded == 0
    world.sandbox.platform.outbox.switches.drop = False
    for _ in range(2):
        world.engine.call("run-act", {"order": found["id"], "owed": "dispute"})
        world.settle()
    assert journey.order.refunded == PRICE
    clean(journey)


def test_of_a_transfer_and_a_dispute_at_once_one_happens(world: World) -> None:
    """Who planned on what stood before the dispute plans nothing: the same row's condition decides."""
    journey = Journey(world).to_hold()
    disputed(journey)
    world.pass_time(days=6)
    situation = read_situation(world.ports, journey.id, "01")
    before = replace(situation, order=replace(situation.order, disputed=None, dispute_stage=None))
    with pytest.raises(ConditionFailedError):
        payout.pay(world.ports, before, journey.open_gate)
    assert (world.transfers(), journey.order.in_transit) == ([], 0)


def test_a_transfer_that_was_committed_before_is_settled_as_after_it(world: World) -> None:
    """Its answer was lost when the dispute came: it arrives once, and the loss is booked."""
    journey = Journey(world).to_hold()
    world.sandbox.faults.add(Fault(FaultKind.LOSE_REQUEST, "POST", "/v1/transfers", times=50))
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline)
    world.pass_time(minutes=12)
    assert (journey.order.in_transit, world.transfers()) == (PAY, [])
    found = disputed(journey)
    world.sandbox.faults.clear()
    verdict(journey, found, "lost")
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.sent, len(world.transfers())) == ("completed", PAY, 1)
    clean(journey)


def test_who_accepts_what_a_bank_took_back_meanwhile_books_what_is_left(world: World) -> None:
    """A lost dispute between reading and writing: the share that was read is not booked, for its money is gone."""
    journey = Journey(world).to_acceptance()
    before, gate = read_situation(world.ports, journey.id, "01"), journey.open_gate
    verdict(journey, disputed(journey, 9_000), "lost")
    with pytest.raises(ConditionFailedError):
        gates.answer(world.ports, before, gate, Answer(Choice.ACCEPT, "client", Via.LINK))
    journey.answer("acceptance", "accept")
    world.pass_time(days=9)
    assert journey.order.stage.value == "completed"
    assert clean(journey)["revenue"] == -(PRICE - 9_000)


def test_a_refund_whose_answer_was_lost_is_not_made_twice_by_the_bank(world: World) -> None:
    """Who knows whether the client has it: the loss is booked once that is known, and nothing is paid by hand."""
    journey = Journey(world).to_work()
    world.sandbox.faults.add(Fault(FaultKind.LOSE_REQUEST, "POST", "/v1/refunds", times=50))
    cancel(journey)
    world.pass_time(minutes=5)
    found = disputed(journey)
    verdict(journey, found, "lost")
    assert (row_of(journey).state, journey.order.refunded, journey.order.in_transit) == (DisputeState.OPEN, 0, PRICE)
    with pytest.raises(DisputeOpenError):
        by_hand.to_pay_by_bank(world.ports, journey.id)
    world.sandbox.faults.clear()
    world.pass_time(hours=3)
    assert (row_of(journey).state, journey.order.refunded) == (DisputeState.LOST, PRICE)
    if journey.stage == "park":
        journey.answer("park", "refund")
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.disputed) == ("completed", None)
    assert world.sandbox.state()["objects"].get("refund", []) == []
    clean(journey)


def test_a_refund_that_a_dispute_overtakes_waits_for_it(world: World) -> None:
    """Planned and not sent: Stripe would refuse it, and the order would stop for nothing; a win lets it go."""
    journey = Journey(world).to_work()
    world.sandbox.faults.add(Fault(FaultKind.TOO_MANY, "POST", "/v1/refunds", times=50))
    cancel(journey)
    disputed_now = disputed(journey)
    world.sandbox.faults.clear()
    world.pass_time(days=1)
    assert (journey.stage, journey.order.in_transit) == ("refund", PRICE)
    verdict(journey, disputed_now, "won")
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.refunded) == ("completed", PRICE)
    clean(journey)


def test_an_inquiry_is_answered_or_refunded_never_accepted(world: World) -> None:
    """No money has moved: there is nothing to accept, and the page says how to give it back."""
    journey = Journey(world).to_acceptance()
    disputed(journey, inquiry=True)
    (gate,) = asked(journey)
    assert gate.choices == (Choice.SEND,)
    page = world.get(world.link("dispute", journey.id)).text
    assert ("relais order cancel" in page, "second" in page) == (True, False)
    cancel(journey)
    world.pass_time(days=2)
    assert (journey.order.refunded, journey.order.disputed, asked(journey)[0].status) == (
        PRICE,
        None,
        Status.WITHDRAWN,
    )
    world.pass_time(days=7)
    clean(journey)


def test_the_evidence_names_only_what_the_client_was_shown(world: World) -> None:
    """A version that the seller sent back, and a silence: the bank is told nothing that is not so."""
    journey = Journey(world).to_work()
    journey.deliver()
    journey.answer("review", "rework", "Le mot manque.")
    journey.deliver()
    journey.answer("review", "approve")
    world.pass_time(days=12)
    parts = evidence.pack(world.ports, read_situation(world.ports, journey.id, ORDER_LEVEL))
    assert ("version 2 of part 01" in parts["What was handed in"], "version 1" in parts["What was handed in"]) == (
        True,
        False,
    )
    assert "“acceptance” was mailed to the client without an answer" in parts["Mails"]


def test_what_the_bank_did_not_get_is_not_called_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that left nothing with the bank fails loudly and is tried again, until the date."""
    journey = Journey(world).to_acceptance()
    found = disputed(journey)

    def refused(_: object, dispute: str, evidence: object, key: str) -> None:
        raise MovementRefusedError("parameter_too_long")

    with monkeypatch.context() as broken:
        broken.setattr(StripePayments, "submit_evidence", refused)
        with suppress(MovementRefusedError):
            journey.answer("dispute", "send")
            world.pass_time(minutes=15)
    assert row_of(journey).sent is None
    world.pass_time(hours=1)
    assert row_of(journey).sent is not None
    assert world.sandbox.platform.get("dispute", found["id"])["status"] == "under_review"


def test_the_reconciler_makes_up_for_lost_events(world: World) -> None:
    """Row 12 to 14 with no webhook at all: Stripe's book and its events tell of the dispute and of its end."""
    journey = Journey(world).to_hold()
    world.sandbox.platform.outbox.switches.drop = True
    found = disputed(journey)
    world.engine.call("reconcile", {})
    world.settle()
    assert journey.order.disputed == found["id"]
    verdict(journey, found, "lost")
    world.pass_time(hours=2)
    world.engine.call("reconcile", {})
    world.settle()
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.refunded) == ("completed", PRICE)
    clean(journey)


@pytest.mark.dear
def test_a_death_at_any_call_about_a_dispute_ends_the_same() -> None:
    """Opened, answered, lost: whoever calls is called again, and every entry stands once."""
    places = _plays(None)
    assert places > 40
    for nth in range(places):
        _plays(nth)


def _plays(dies_at: int | None) -> int:
    """A lost dispute from its first event to its end; the process dies before the n-th call that leaves a trace."""
    count, armed = 0, False

    def before(place: str) -> None:
        nonlocal count
        if not armed or place.rpartition(".")[2] in READS or " GET " in f" {place} ":
            return
        count += 1
        if count - 1 == dies_at:
            raise CrashError

    with world_in_memory(before=before) as world:
        top_up(world.sandbox.platform, 200_000)
        journey = Journey(world).to_hold()
        armed = True
        with suppress(CrashError):
            found = disputed(journey)
        with suppress(CrashError):
            world.pass_time(hours=1)
        with suppress(CrashError):
            journey.answer("dispute", "send")
        with suppress(CrashError):
            world.pass_time(hours=1)
        found = world.sandbox.platform.newest_first("dispute")[0]
        with suppress(CrashError):
            verdict(journey, found, "lost")
        with suppress(CrashError):
            world.pass_time(hours=1)
        armed = False
        world.pass_time(days=3)
        world.engine.call("reconcile", {})
        world.settle()
        world.pass_time(days=12)
        assert (journey.order.stage.value, journey.order.refunded) == ("completed", PRICE), dies_at
        assert journey.order.disputed is None, dies_at
        clean(journey)
    return count


def bearing(world: World, keeps: str) -> None:
    """What a freelancer keeps of their pay by the offer's policy when a client changes their mind."""
    version = next(one["version"] for one in world.row(SHOP_KEY)["offers"] if one["slug"] == "logo")
    key = offer_key("logo", version)
    policy = world.row(key)["policy"]
    bears = {**policy["bears"], "change_of_mind": keeps}
    world.ports.store.write(Change(key, put={"policy": {**policy, "bears": bears}}))


@pytest.mark.parametrize(("lost", "pay"), [(None, PAY // 2), (14_500, PAY - PAY // 4)], ids=["all of it", "a half"])
def test_pay_that_waits_for_an_account_is_less_where_a_dispute_is_lost_meanwhile(
    world: World, lost: int | None, pay: int
) -> None:
    """What waits unsent is given up and planned anew with what is due by then: the policy binds as in any refund."""
    bearing(world, "half")
    without_account(world)
    journey = Journey(world).to_hold()
    world.pass_time(days=9)
    assert (journey.stage, journey.order.in_transit) == ("payout", PAY)
    verdict(journey, disputed(journey, lost), "lost")
    assert journey.milestone.left_to_send + journey.milestone.in_transit == pay
    onboard(world)
    world.pass_time(days=9)
    assert (journey.order.stage.value, journey.order.sent) == ("completed", pay)
    assert [one["amount"] for one in world.transfers()] == [pay]
    order = journey.order
    assert (order.left, order.borne) == ((0, pay) if lost is None else (PRICE - lost - pay, 0))
    clean(journey)


def test_pay_that_waits_and_keeps_all_of_it_by_the_terms_is_paid_whole(world: World) -> None:
    """The sample shop's terms name no share for a change of mind: they are paid in full, by the seller."""
    without_account(world)
    journey = Journey(world).to_hold()
    world.pass_time(days=9)
    verdict(journey, disputed(journey), "lost")
    onboard(world)
    world.pass_time(days=9)
    assert (journey.order.sent, journey.order.borne, len(world.transfers())) == (PAY, PAY, 1)
    clean(journey)
