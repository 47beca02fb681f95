"""What a comparison of the ledger with Stripe found, in terms that a seller can act on (design: money D)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from relais.ledger import STRIPE, Difference, Entry, EntryKind, cover, trial_balance, uncleared
from relais.order import instant, stamp

MOST_KEPT = 12
"""Findings that a report keeps one by one: its row stays small. The rest are counted."""


class FindingKind(StrEnum):
    """What can be found; the words of each stand under `finding.<kind>`."""

    MISSING = "missing"
    """We booked it, Stripe's line has not come."""
    UNEXPLAINED = "unexplained"
    """Stripe moved money that nobody here asked for."""
    AMOUNTS = "amounts"
    """Both know of it, with different amounts."""
    UNKNOWN = "unknown"
    """A line of a type that the ledger does not know."""
    BALANCE = "balance"
    """The sum of what is booked is not what Stripe holds."""
    COVER = "cover"
    """Stripe's balance is smaller than what clients and freelancers are owed."""
    REFUND_PENDING = "refund_pending"
    """A refund has waited for money in the balance for longer than ten days."""
    REFUND_FAILED = "refund_failed"
    """A refund came back weeks later: the client is still owed it."""
    UNREADABLE = "unreadable"
    """An entry of ours that is none."""


@dataclass(frozen=True, slots=True, repr=False)
class Finding:
    """One thing that somebody should look at: how much, of what, since when. Minor units, never negative."""

    kind: FindingKind
    reference: str
    amount: int
    currency: str
    since: datetime | None = None
    order: str | None = None

    @property
    def is_difference(self) -> bool:
        """Whether the books are wrong; short cover, and a debt that waits or is open again, are states of the shop."""
        return self.kind not in {FindingKind.COVER, FindingKind.REFUND_FAILED, FindingKind.REFUND_PENDING}

    def to_row(self) -> dict[str, Any]:
        """The finding as a row keeps it."""
        row = {
            "kind": self.kind.value,
            "reference": self.reference,
            "amount": self.amount,
            "currency": self.currency,
            "since": self.since and stamp(self.since),
            "order": self.order,
        }
        return {name: value for name, value in row.items() if value is not None}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Finding:
        """Read a finding."""
        return cls(
            FindingKind(row["kind"]),
            row["reference"],
            row["amount"],
            row["currency"],
            instant(row.get("since")),
            row.get("order"),
        )


def findings(
    entries: Sequence[Entry],
    unreadable: Iterable[Difference],
    *,
    now: datetime,
    balance: Mapping[str, int] | None,
) -> tuple[Finding, ...]:
    """Everything in which the ledger and Stripe disagree, then what is owed and not covered.

    `balance` is what Stripe holds by currency, or None where it could not be read without a movement in between.
    """
    found = [
        Finding(FindingKind.UNREADABLE, one.reference, abs(one.amount), one.currency or "eur") for one in unreadable
    ]
    found += _uncleared(entries, now)
    found += _unknown(entries)
    found += _open_again(entries)
    if balance is not None:
        found += _of_balance(entries, balance)
    found += [
        Finding(FindingKind.COVER, currency, one.short, currency)
        for currency, one in cover(entries).items()
        if one.pressing
    ]
    return tuple(found)


def _uncleared(entries: Iterable[Entry], now: datetime) -> Iterable[Finding]:
    for one in uncleared(entries, now):
        kind = FindingKind.AMOUNTS
        if one.ours_alone:
            kind = FindingKind.MISSING
        elif one.theirs_alone:
            kind = FindingKind.UNEXPLAINED
        order = next((entry.order for entry in one.entries if entry.order), None)
        yield Finding(kind, one.item, abs(one.off), one.currency, one.since, order)


def _unknown(entries: Iterable[Entry]) -> Iterable[Finding]:
    for entry in entries:
        if entry.kind is EntryKind.UNKNOWN:
            moved = next(one for one in entry.postings if one.account != STRIPE)
            yield Finding(
                FindingKind.UNKNOWN, entry.reference, abs(moved.amount), moved.currency, entry.at, entry.order
            )


def _open_again(entries: Sequence[Entry]) -> Iterable[Finding]:
    balances = trial_balance(entries)
    for entry in entries:
        if entry.kind is not EntryKind.REFUND_FAILED or entry.order is None:
            continue
        (owed,) = (one for one in entry.postings if one.amount < 0)
        if balances[(owed.account, owed.currency)] < 0:
            yield Finding(
                FindingKind.REFUND_FAILED, entry.reference, -owed.amount, owed.currency, entry.at, entry.order
            )


def booked_in_stripe(entries: Iterable[Entry]) -> dict[str, int]:
    """What the ledger says that Stripe holds, by currency in minor units."""
    return {currency: amount for (account, currency), amount in trial_balance(entries).items() if account == STRIPE}


def _of_balance(entries: Iterable[Entry], balance: Mapping[str, int]) -> Iterable[Finding]:
    ours = booked_in_stripe(entries)
    for currency in sorted(ours.keys() | balance.keys()):
        off = ours.get(currency, 0) - balance.get(currency, 0)
        if off:
            yield Finding(FindingKind.BALANCE, currency, abs(off), currency)
