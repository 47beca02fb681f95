"""SEPA debits end to end: ordered today, answered by the bank days later, taken back for weeks (design: money A 10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.simulation.world import PUBLIC_URL, World, world_in_memory
from devstack.stripe_sandbox.disputes import open_dispute
from devstack.stripe_sandbox.payments import top_up
from relais import ledger
from relais.ledger import BankTransaction, Entry
from relais.offer import RefundCause
from relais.rows import REPORT_KEY, debit_key, session_key
from relais.steps import late_refund
from relais.steps.compare import waits_for_bank
from relais.steps.debits import out
from tests.support.journey import ANSWERS, CONSENT, Journey, path
from tests.workflow.test_failures import told
from tests.workflow.ways_out import cancel

PAYS, REFUSES, TAKES_BACK = "FR1420041010050500013M02606", "FR8420041010050500013M02607", "FR5720041010050500013M02608"
MARIE = "marie@gmail.com"
PRICE, PAY = 29_000, 13_000


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world without any cloud; the seller keeps a reserve at Stripe."""
    with world_in_memory() as made:
        top_up(made.sandbox.platform, 200_000)
        made.engine.call("reconcile", {})
        yield made


def drafted(world: World, lang: str = "fr", address: str = MARIE) -> Journey:
    """The offer's button, by a client who wishes to pay by debit."""
    journey = Journey(world)
    form = world.get(f"{PUBLIC_URL}/offer/logo?lang={lang}").form("client_kind")
    sent = world.send(form, **CONSENT, payment="sepa_debit", address=address)
    assert sent.status == 303, sent.text
    journey.pay_url = sent.location
    journey.id = world.row(session_key(path(sent.location).rpartition("/")[2]))["order"]
    return journey


def debited(world: World, iban: str = PAYS, lang: str = "fr", address: str = MARIE) -> Journey:
    """A debit is ordered; its bank has not answered."""
    journey = drafted(world, lang, address)
    assert world.pay_page(journey.pay_url, email=address, iban=iban).status == 303
    world.settle()
    return journey


def answered(journey: Journey) -> Journey:
    """The days pass that the bank takes."""
    journey.world.pass_time(days=5, hours=1)
    journey.world.pass_time(minutes=5)
    return journey


def sessions(world: World) -> list[dict[str, Any]]:
    """The checkout sessions at Stripe."""
    return list(world.sandbox.state()["objects"].get("checkout.session", []))


def reconciled(world: World) -> list[Entry]:
    """Every entry, once Stripe's book was read."""
    world.engine.call("reconcile", {})
    world.settle()
    return [Entry.from_row(row) for row in world.rows() if row["sk"].startswith("L#")]


def clean(journey: Journey) -> dict[str, int]:
    """The accounts that are not empty, once the ledger agrees with Stripe line by line and every pot is empty."""
    world = journey.world
    world.pass_time(hours=3)
    entries = reconciled(world)
    lines = world.sandbox.state()["objects"]["balance_transaction"]
    bank = [BankTransaction(one["id"], one["net"], one["currency"]) for one in lines]
    ended = frozenset({journey.id}) if journey.order.stage.value == "completed" else frozenset()
    found = ledger.check(entries, now=world.now(), ended=ended, transactions=bank)
    assert [one.sentence for one in found] == []
    order = journey.order
    assert order.left + order.in_transit + order.sent + order.refunded == order.paid + order.borne
    return {str(account): amount for (account, _), amount in ledger.trial_balance(entries).items() if amount}


@pytest.mark.parametrize(("lang", "says"), [("fr", "prélèvement est en cours"), ("en", "direct debit is under way")])
def test_a_debit_under_way_is_said_and_starts_nothing(world: World, lang: str, says: str) -> None:
    """Row 2a: complete and unpaid is no payment; one mail and the page say so, and that nothing is to be paid again."""
    journey = debited(world, lang=lang)
    page = world.get(journey.page)
    assert says in page.text
    assert "/checkout" not in page.body
    (mail,) = world.mails
    assert (mail.to, says in mail.subject, journey.page in mail.links) == (MARIE, True, True)
    world.pass_time(days=4)
    assert (journey.order.stage.value, journey.order.run, len(world.mails)) == ("draft", 0, 1)
    assert [row["sk"] for row in world.rows(f"O#{journey.id}")] == ["ORDER"]


def test_no_second_checkout_opens_while_a_debit_is_under_way(world: World) -> None:
    """Design money A 7: complete but unpaid opens nothing, from the form of an older page neither."""
    journey = drafted(world)
    form = world.get(journey.page).form("nonce")
    world.pay_page(journey.pay_url, iban=PAYS)
    unheard = world.send(form)
    assert (unheard.status, path(unheard.location) in journey.page, len(sessions(world))) == (303, True, 1)
    world.settle()
    again = world.send(form)
    assert (again.status, path(again.location) in journey.page, len(sessions(world))) == (303, True, 1)


def test_the_client_may_answer_while_the_debit_is_under_way_and_hands_in_once_it_is_paid(world: World) -> None:
    """Design people 6 B 10: answers are kept; the order, its clocks and its promise begin with the payment."""
    journey = debited(world)
    form = world.get(journey.page).form("q_name")
    assert "action" not in form.fields
    kept = world.send(form, **{name: text for name, text in ANSWERS.items() if name != "ready"}, action="save")
    assert kept.status == 303
    assert journey.order.stage.value == "draft"
    answered(journey)
    assert journey.order.stage.value == "brief"
    (mail,) = [mail for mail in world.mails if "prélèvement a abouti" in mail.body]
    assert mail.to == MARIE
    form = world.get(journey.page).form("q_name")
    assert "Boulangerie Aubépine" in world.get(journey.page).body
    world.send(form, **ANSWERS, action="hand_in")
    assert journey.order.stage.value == "assign"


def test_a_paid_debit_is_booked_as_a_card_is_and_its_fee_apart(world: World) -> None:
    """Row 2b: `pay:{pi}` once, the bank's line under fee.debit, each whoever came first; the ledger agrees."""
    journey = debited(world)
    world.pass_time(hours=5)
    assert [entry.reference[:4] for entry in reconciled(world) if entry.order == journey.id] == ["txn_"]
    answered(journey)
    left = clean(journey)
    assert (left[f"client_funds.{journey.id}"], left["fee.debit"]) == (-PRICE, 35)
    assert "fee.card" not in left
    assert (journey.order.paid, journey.order.fee) == (PRICE, 35)


def test_a_line_of_stripes_book_starts_nothing_before_the_bank_has_answered(world: World) -> None:
    """Trap 19: the reconciler reads `payment` days before; it is no payment, no difference, and no fee to ask for."""
    journey = debited(world)
    world.pass_time(hours=5)
    reconciled(world)
    world.pass_time(hours=3)
    entries = reconciled(world)
    order = journey.order
    assert (order.stage.value, order.owes_fee, order.run) == ("draft", None, 0)
    assert waits_for_bank(world.ports.store, journey.id)
    assert [one.off for one in ledger.uncleared(entries, world.now())] == [-PRICE]
    assert world.row(REPORT_KEY)["findings"] == []


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_refused_debit_is_told_and_its_link_opens_a_checkout_again(world: World, lang: str) -> None:
    """Row 2c: client and seller are told, what Stripe booked comes back, the order is paid by the same link."""
    journey = answered(debited(world, REFUSES, lang))
    assert (journey.order.stage.value, journey.order.debit, journey.order.session) == ("draft", "failed", None)
    assert [mail.to for mail in world.mails] == [MARIE, MARIE, "claire@atelier-mistral.example"]
    assert journey.page in world.mails[1].links
    page = world.get(journey.page)
    assert ("refusé" if lang == "fr" else "refused") in page.text
    sent = world.send(page.form("nonce"))
    assert (sent.status, len(sessions(world))) == (303, 2)
    journey.pay_url = sent.location
    journey.pay()
    assert journey.order.stage.value == "brief"
    left = clean(journey)
    assert left[f"client_funds.{journey.id}"] == -PRICE
    assert left["fee.debit"] == 35 + 350
    assert out(world.ports, MARIE) == 0


def test_a_refused_debit_leaves_nothing_that_the_clock_looks_at(world: World) -> None:
    """An order that nobody pays any more rests: no look, no mail, no question to Stripe."""
    journey = answered(debited(world, REFUSES))
    asked, mails = len(world.stripe_calls), len(world.mails)
    world.pass_time(days=40)
    assert (world.stripe_calls[asked:], len(world.mails)) == ([], mails)
    assert [row for row in world.rows(f"O#{journey.id}") if "due" in row] == []


@pytest.mark.parametrize("iban", [PAYS, REFUSES])
def test_a_debits_answer_is_found_without_any_event(world: World, iban: str) -> None:
    """Events may be lost, all of them: the clock asks each day, and the reconciler reads Stripe's book."""
    journey = drafted(world)
    world.sandbox.platform.outbox.switches.drop = True
    world.pay_page(journey.pay_url, iban=iban)
    world.settle()
    world.pass_time(hours=2)
    reconciled(world)
    assert journey.order.settling
    for _ in range(7):
        world.pass_time(days=1)
    reconciled(world)
    world.pass_time(minutes=10)
    assert journey.order.stage.value == ("brief" if iban == PAYS else "draft")
    assert journey.order.debit == ("paid" if iban == PAYS else "failed")
    clean(journey)


def accepted(journey: Journey) -> None:
    """The whole way to the client's yes, within a day."""
    journey.hand_in_brief()
    journey.answer("proposal", "accepted")
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")


def test_the_pay_of_a_debit_waits_until_it_is_safe_and_the_proposal_says_so(world: World) -> None:
    """Design money A 10: the later of acceptance + hold and debit + 14 days; the promise to the freelancer holds."""
    journey = answered(debited(world))
    paid_at = journey.order.debit_at
    assert paid_at is not None
    journey.hand_in_brief()
    (proposal,) = [mail for mail in world.mails if "ines" in mail.to]
    assert "Pas avant le" in proposal.body
    assert "Pas avant le" in world.get(world.link("proposal", journey.id)).text
    journey.answer("proposal", "accepted")
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    hold = journey.open_gate
    assert hold.deadline is not None
    assert paid_at + timedelta(days=14) <= hold.deadline <= paid_at + timedelta(days=18)
    assert world.transfers() == []
    world.go_to(hold.deadline + timedelta(days=1))
    assert (journey.order.stage.value, journey.order.sent) == ("completed", PAY)
    left = clean(journey)
    assert (left["revenue"], left["cost.work"]) == (-PRICE, PAY)


def test_a_card_is_held_no_longer_because_its_offer_takes_debits(world: World) -> None:
    """The client wished for a debit and paid by card after all: nothing of a debit's caution is theirs."""
    journey = drafted(world)
    journey.pay()
    assert (journey.order.debit, journey.order.stage.value, out(world.ports, MARIE)) == ("not_offered", "brief", 0)
    accepted(journey)
    hold = journey.open_gate
    assert hold.deadline is not None
    assert hold.deadline <= world.now() + timedelta(days=5)


def test_a_client_with_too_much_out_is_offered_a_card_alone_with_a_sentence(world: World) -> None:
    """Design money A 10, the cap: 290 three times fits in 1,000, a fourth does not, whoever else may; weeks free it."""
    methods = [debited(world, address=f"{'Marie' if n else 'marie'}@gmail.com") for n in range(3)]
    fourth = drafted(world)
    other = drafted(world, address="paul@client.example")
    shown = {one["id"]: one for one in sessions(world)}
    types = [shown[one.order.session or ""]["payment_method_types"] for one in (*methods, fourth, other)]
    assert types == [["card", "sepa_debit"]] * 3 + [["card"], ["card", "sepa_debit"]]
    assert "carte" in shown[fourth.order.session or ""]["custom_text"]["submit"]["message"]
    assert out(world.ports, MARIE) == 3 * PRICE
    fourth.pay()
    assert fourth.order.stage.value == "brief"
    world.pass_time(days=30)
    assert out(world.ports, MARIE) == 0
    assert world.ports.store.get(debit_key(MARIE, fourth.id)) is not None


def test_a_debit_that_the_bank_takes_back_is_lost_and_its_freelancer_was_not_paid_yet(world: World) -> None:
    """Born lost (row 14): what was unearned is the client's, the rest a loss; the hold kept the pay where it was."""
    journey = answered(debited(world))
    accepted(journey)
    charge = world.sandbox.platform.get("charge", journey.order.charge or "")
    open_dispute(world.sandbox.platform, charge, "debit_not_authorized")
    world.settle()
    world.pass_time(minutes=5)
    assert (journey.order.disputed, journey.order.lost, world.transfers()) == (None, PRICE, [])
    world.pass_time(days=30)
    assert journey.order.stage.value == "completed"
    left = clean(journey)
    assert left["loss.dispute"] == PRICE


def test_an_account_whose_holder_takes_it_back_at_once_ends_the_order(world: World) -> None:
    """The bank takes it back seconds after it paid, before anybody works: the order ends, nothing is owed."""
    journey = answered(debited(world, TAKES_BACK))
    world.pass_time(days=2)
    assert journey.order.lost == PRICE
    assert journey.order.stage.value == "completed"
    clean(journey)


@pytest.mark.parametrize(("payment", "address"), [("sepa_debit", ""), ("sepa_debit", "marie"), ("cheque", MARIE)])
def test_a_debit_needs_an_address_and_nothing_typed_is_lost(world: World, payment: str, address: str) -> None:
    """Debits are counted by their client's address: without one the page comes back, as it was filled in."""
    form = world.get(f"{PUBLIC_URL}/offer/logo?lang=fr").form("client_kind")
    sent = world.send(form, **CONSENT, payment=payment, address=address)
    assert sent.status == 422
    assert (f'value="{address}"' in sent.body, sessions(world)) == (True, [])


@pytest.mark.parametrize("stage", ["brief", "work", "paid"])
def test_a_debit_that_is_refunded_and_taken_back_besides_is_booked_as_a_loss(world: World, stage: str) -> None:
    """The one exception of design money A 1: the bank asks nobody, what it takes of what is back already is lost."""
    journey = answered(debited(world))
    if stage == "work":
        journey.hand_in_brief()
        journey.answer("proposal", "accepted")
    if stage == "paid":
        accepted(journey)
        world.pass_time(days=20)
        assert journey.order.sent == PAY
        cause = RefundCause.BRIEF_NOT_MET
        late_refund.refund_late(world.ports, journey.id, "01", amount=None, cause=cause, reason="a reason")
        world.settle()
    else:
        cancel(journey, RefundCause.SELLER_FAULT)
    world.pass_time(days=25)
    assert (journey.order.refunded, journey.order.stage.value) == (PRICE, "completed")
    charge = world.sandbox.platform.get("charge", journey.order.charge or "")
    open_dispute(world.sandbox.platform, charge, "debit_not_authorized")
    world.settle()
    world.pass_time(minutes=5)
    left = clean(journey)
    assert left["loss.dispute"] == PRICE
    assert journey.order.disputed is None


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(["completed", "async_payment_failed"] * 2), refused=st.booleans())
def test_the_events_of_a_debit_may_come_in_any_order_and_twice(order: list[str], *, refused: bool) -> None:
    """Each is a hint to ask Stripe: a late "unpaid" makes nothing pending that has failed, nor undoes what is paid."""
    with world_in_memory() as world:
        journey = drafted(world)
        session = journey.order.session or ""
        world.sandbox.platform.outbox.switches.drop = True
        world.pay_page(journey.pay_url, iban=REFUSES if refused else PAYS)
        world.wall_shift += timedelta(days=5, hours=1).total_seconds()
        world.settle()
        for kind in order:
            named = f"checkout.session.{kind if refused else kind.replace('failed', 'succeeded')}"
            status = "paid" if named.endswith("succeeded") else "unpaid"
            event = {"id": "evt_1", "type": named, "livemode": False}
            told(world, event | {"data": {"object": {"id": session, "payment_status": status}}})
            world.settle()
        world.pass_time(minutes=10)
        assert journey.order.debit == ("failed" if refused else "paid")
        assert journey.order.stage.value == ("draft" if refused else "brief")
        assert len([mail for mail in world.mails if mail.to == MARIE]) == 1
