"""Stripe's side of the ledger: the bank entry of each balance transaction, whatever its type (design: money A 2, B).

Every balance transaction moves its net in `stripe`, its fee in the account of what it is a fee of, and its amount in
the one account that its type names. So one rule books all of them, and Σ `stripe` is Σ net by construction. A type that
is not in the table goes to `suspense`: it is reported, never skipped.
Source of the types: docs.stripe.com/reports/balance-transaction-types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from relais.ledger import BANK, CARD_FEE, CLEARING, STRIPE, Account, Entry, EntryKind, Posting, dispute_held

DEBIT_FEE = Account("fee.debit")
DISPUTE_FEE = Account("fee.dispute")
CONNECT_FEE = Account("fee.connect")
OTHER_FEE = Account("fee.other")
SUSPENSE = Account("suspense")

_FEES_BY_WORD: Mapping[str, Account] = {
    "billing": Account("fee.billing"),
    "invoic": Account("fee.invoice"),
    "dispute": DISPUTE_FEE,
    "chargeback": DISPUTE_FEE,
    "connect": CONNECT_FEE,
    "payout": CONNECT_FEE,
    "account": CONNECT_FEE,
}
"""What Stripe calls its lines in their descriptions; words are all that tells them apart (design: money A 9)."""
_PAYMENTS = frozenset({"charge", "payment"})
_PAYMENTS_RETURNED = frozenset({"payment_failure_refund", "payment_reversal"})
_REFUNDS = frozenset({"refund", "payment_refund"})
_TAKEN_BACK = frozenset({"transfer_refund", "transfer_cancel", "transfer_failure"})
_PAYOUTS = frozenset({"payout", "payout_cancel", "payout_failure"})
_TOP_UPS = frozenset({"topup", "topup_reversal"})
_BILLED = frozenset({"stripe_fee", "stripe_fx_fee", "tax_fee", "network_cost"})
_HELD = frozenset(
    {
        "payout_minimum_balance_hold",
        "payout_minimum_balance_release",
        "reserve_hold",
        "reserve_release",
        "reserve_transaction",
        "reserved_funds",
    }
)
"""What Stripe keeps back and releases: both halves carry one item, so that they meet in clearing."""


@dataclass(frozen=True, slots=True, repr=False)
class Movement:
    """A balance transaction, with what its source says it was for. Minor units of `currency`, signed as Stripe signs.

    `source` is the object that moved the money and `about` what kind of object that is; `order`, `operation` and
    `payment_intent` are what we wrote on it, or what it belongs to, and stand for nothing where they are None.
    `origin` is the source's own amount and currency, where it was converted.
    """

    id: str
    kind: str
    amount: int
    fee: int
    net: int
    currency: str
    created: datetime
    source: str | None = None
    about: str = ""
    order: str | None = None
    operation: str | None = None
    payment_intent: str | None = None
    charge: str | None = None
    description: str = ""
    origin: tuple[int, str] | None = None

    @property
    def is_payment(self) -> bool:
        """Whether a client paid."""
        return self.kind in _PAYMENTS

    @property
    def is_act(self) -> bool:
        """Whether it is a movement that only an act of ours asks for: a refund, a transfer, a reversal."""
        return self.kind in _REFUNDS | _TAKEN_BACK or self.kind == "transfer"

    @property
    def is_known(self) -> bool:
        """Whether its type has a row in the chart."""
        return _row(self).kind is not EntryKind.UNKNOWN


@dataclass(frozen=True, slots=True, repr=False)
class _Row:
    """What an entry of a type is, where its amount goes, where its fee goes, and what it is about in clearing."""

    kind: EntryKind
    counter: Account
    fee: Account = OTHER_FEE
    item: str | None = None


def bank_entry(movement: Movement, at: datetime) -> Entry:
    """The bank entry of a balance transaction, under its id. A type unknown to the chart is booked to `suspense`.

    A payment in another currency than it settles in passes through `fx_position` (row 22): what the client paid leaves
    clearing in their currency, what Stripe made of it arrives in ours.
    """
    row = _row(movement)
    postings = [
        Posting(STRIPE, movement.net, movement.currency),
        Posting(row.fee, movement.fee, movement.currency),
        *_against(movement, row.counter),
    ]
    moved = tuple(one for one in postings if one.amount != 0)
    return Entry(movement.id, row.kind, at, movement.order, moved, item=row.item)


def moves_money(movement: Movement) -> bool:
    """Whether there is anything to book: Stripe writes a few lines of nothing."""
    return bool(movement.amount or movement.fee)


def _against(movement: Movement, counter: Account) -> tuple[Posting, ...]:
    origin = movement.origin
    if origin is None or origin[1] == movement.currency or not movement.is_payment:
        return (Posting(counter, -movement.amount, movement.currency),)
    amount, currency = origin
    return (
        Posting(Account("fx_position", currency), amount, currency),
        Posting(counter, -amount, currency),
        Posting(Account("fx_position", movement.currency), -movement.amount, movement.currency),
    )


def _row(movement: Movement) -> _Row:
    kind, item = movement.kind, movement.operation or movement.payment_intent or movement.source or movement.id
    if kind in _PAYMENTS:
        fee = CARD_FEE if kind == "charge" else DEBIT_FEE
        return _Row(EntryKind.CHARGE_SETTLED, CLEARING, fee, movement.payment_intent or item)
    if kind in _PAYMENTS_RETURNED:
        return _Row(EntryKind.PAYMENT_RETURNED, CLEARING, DEBIT_FEE, movement.payment_intent or item)
    if kind in _REFUNDS:
        return _Row(EntryKind.REFUND_SETTLED, CLEARING, CARD_FEE, movement.operation or movement.source)
    if kind == "refund_failure":
        return _Row(EntryKind.REFUND_RETURNED, CLEARING, CARD_FEE, movement.operation or movement.source)
    if kind == "transfer":
        return _Row(EntryKind.TRANSFER_SETTLED, CLEARING, CONNECT_FEE, movement.operation or movement.source)
    if kind in _TAKEN_BACK:
        return _Row(EntryKind.REVERSAL_SETTLED, CLEARING, CONNECT_FEE, movement.operation or movement.source)
    if kind == "adjustment" and movement.about == "dispute":
        held = dispute_held(movement.order or movement.source or movement.id)
        return _Row(EntryKind.DISPUTE_SETTLED, held, DISPUTE_FEE)
    if kind in _PAYOUTS:
        return _Row(EntryKind.PAYOUT_SETTLED, BANK, CONNECT_FEE)
    if kind in _TOP_UPS:
        return _Row(EntryKind.TOP_UP_SETTLED, BANK)
    if kind in _BILLED:
        billed = _fee_of(movement.description)
        return _Row(EntryKind.FEE_BILLED, billed, billed)
    if kind in _HELD:
        return _Row(EntryKind.HELD_BACK, CLEARING, OTHER_FEE, movement.source or "reserve")
    return _Row(EntryKind.UNKNOWN, SUSPENSE)


def _fee_of(description: str) -> Account:
    said = description.casefold()
    return next((account for word, account in _FEES_BY_WORD.items() if word in said), OTHER_FEE)
