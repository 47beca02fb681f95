"""Stripe's side of the ledger: every balance transaction, whatever its type, has one balanced entry."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relais.bank import Movement, bank_entry, moves_money
from relais.ledger import CLEARING, Account, Entry, EntryKind, check, trial_balance
from relais.report import FindingKind, booked_in_stripe, findings

AT = datetime(2026, 11, 27, 19, 0, tzinfo=UTC)
KINDS = [
    "charge",
    "payment",
    "payment_failure_refund",
    "refund",
    "payment_refund",
    "refund_failure",
    "transfer",
    "transfer_refund",
    "adjustment",
    "payout",
    "payout_failure",
    "topup",
    "stripe_fee",
    "tax_fee",
    "reserve_hold",
    "payout_minimum_balance_hold",
    "climate_order_purchase",
    "anything_new",
]
"""Every row of the chart, and two that nobody has heard of."""


def moved(kind: str, amount: int, fee: int = 0, currency: str = "eur", number: int = 1, **more: object) -> Movement:
    """A balance transaction."""
    line = {"id": f"txn_{number}", "kind": kind, "amount": amount, "fee": fee, "net": amount - fee}
    return Movement(**line, currency=currency, created=AT, **more)  # type: ignore[arg-type]


@st.composite
def lines(draw: st.DrawFn) -> Movement:
    """Any line of Stripe's book: any type, sign, fee and currency, attributed or not."""
    currency = draw(st.sampled_from(["eur", "usd", "jpy"]))
    origin = draw(st.sampled_from([None, (draw(st.integers(1, 10**7)), "usd")]))
    return moved(
        draw(st.sampled_from(KINDS)),
        draw(st.integers(-(10**7), 10**7)),
        draw(st.integers(-500, 5_000)),
        currency,
        draw(st.integers(0, 10**9)),
        source=draw(st.sampled_from([None, "ch_1", "re_1"])),
        order=draw(st.sampled_from([None, "4f7k2m9q0abc"])),
        operation=draw(st.sampled_from([None, "4f7k2m9q0abc:transfer:01:7"])),
        about=draw(st.sampled_from(["", "dispute", "charge"])),
        origin=origin,
    )


@settings(max_examples=150)
@given(st.lists(lines(), max_size=8, unique_by=lambda line: line.id))
def test_the_sum_of_stripe_is_the_sum_of_net_whatever_stripe_writes(found: list[Movement]) -> None:
    """Promise 1: only bank entries touch `stripe`, one for each line, so a difference can only stand in clearing."""
    entries = [bank_entry(line, AT) for line in found if moves_money(line)]
    nets: dict[str, int] = {}
    for line in found:
        nets[line.currency] = nets.get(line.currency, 0) + line.net
    held = booked_in_stripe(entries)
    assert {currency: held.get(currency, 0) for currency in nets} == nets
    for currency in {one for _, one in trial_balance(entries)}:
        assert sum(amount for (_, other), amount in trial_balance(entries).items() if other == currency) == 0
    assert [Entry.from_row(entry.to_row()) for entry in entries] == entries
    kinds = {one.kind for one in findings(entries, (), now=AT, balance=nets)}
    assert FindingKind.BALANCE not in kinds


@settings(max_examples=60)
@given(st.lists(lines(), max_size=8, unique_by=lambda line: line.id))
def test_no_line_is_skipped_and_what_is_new_stands_in_suspense(found: list[Movement]) -> None:
    """An unknown type is told of until somebody says what it was; a month is not closed with it (design: money B)."""
    entries = [bank_entry(line, AT) for line in found if moves_money(line)]
    assert {entry.reference for entry in entries} == {line.id for line in found if line.amount or line.fee}
    unknown = {entry.reference for entry in entries if entry.kind is EntryKind.UNKNOWN}
    assert unknown == {line.id for line in found if moves_money(line) and not line.is_known}


@pytest.mark.parametrize(
    ("description", "account"),
    [
        ("Billing - Usage Fee (2026-11-01)", "fee.billing"),
        ("Connect (2026-11-01 - 2026-11-30): Active Account Fee", "fee.connect"),
        ("Invoicing Starter", "fee.invoice"),
        ("Dispute countered fee", "fee.dispute"),
        ("Radar", "fee.other"),
    ],
)
def test_stripes_bill_is_booked_by_what_it_is_for(description: str, account: str) -> None:
    """Stripe tells its lines apart by their description alone (design: money A 9)."""
    entry = bank_entry(moved("stripe_fee", -200, description=description), AT)
    assert {str(one.account): one.amount for one in entry.postings} == {"stripe": -200, account: 200}


def test_a_dispute_holds_the_money_apart_from_its_fee() -> None:
    """The fee stands inside the adjustment (trap 18): won, the money comes back, the fee does not."""
    line = moved("adjustment", -29_000, 2_000, source="dp_1", order="4f7k2m9q0abc", about="dispute")
    balances = {str(account): amount for (account, _), amount in trial_balance([bank_entry(line, AT)]).items()}
    assert balances == {"stripe": -31_000, "dispute_held.4f7k2m9q0abc": 29_000, "fee.dispute": 2_000}


def test_a_payment_in_another_currency_leaves_clearing_in_its_own() -> None:
    """Row 22: what the client paid and what Stripe made of it meet in the position of each currency."""
    line = moved("charge", 26_500, 1_100, payment_intent="pi_1", origin=(30_000, "usd"))
    balances = {
        (str(account), currency): amount
        for (account, currency), amount in trial_balance([bank_entry(line, AT)]).items()
    }
    assert balances == {
        ("stripe", "eur"): 25_400,
        ("fee.card", "eur"): 1_100,
        ("fx_position.eur", "eur"): -26_500,
        ("fx_position.usd", "usd"): 30_000,
        ("stripe_clearing", "usd"): -30_000,
    }


def test_a_hold_and_its_release_meet_in_clearing() -> None:
    """Nobody asked for either (trap 25): both carry the payout's id, so that they leave nothing behind."""
    pair = [
        bank_entry(moved("payout_minimum_balance_hold", -10_000, number=1, source="po_1"), AT),
        bank_entry(moved("payout_minimum_balance_release", 10_000, number=2, source="po_1"), AT),
    ]
    assert trial_balance(pair)[(CLEARING, "eur")] == trial_balance(pair)[(Account("stripe"), "eur")] == 0
    assert check(pair, now=datetime(2026, 12, 27, tzinfo=UTC)) == ()
