"""Disputes: a client's bank takes a payment back, or asks about it (design: money B 12 to 14).

Source of the states: docs.stripe.com/disputes/how-disputes-work, docs.stripe.com/api/disputes/object (`status`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from relais.order import instant, stamp

if TYPE_CHECKING:
    from relais.bank import Movement
    from relais.rows import Row

DISPUTE_ROW_VERSION = 1


class DisputeState(StrEnum):
    """How far a dispute has come. An inquiry moves no money; a debit's dispute is born lost."""

    INQUIRY = "inquiry"
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"
    """An inquiry that became no dispute."""


_STATES: Mapping[str, DisputeState] = {
    "warning_needs_response": DisputeState.INQUIRY,
    "warning_under_review": DisputeState.INQUIRY,
    "warning_closed": DisputeState.CLOSED,
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "prevented": DisputeState.CLOSED,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
}
ENDED = frozenset({DisputeState.WON, DisputeState.LOST, DisputeState.CLOSED})


@dataclass(frozen=True, slots=True, repr=False)
class DisputeSeen:
    """A dispute as Stripe shows it now; amounts in minor units. `lines` are its balance transactions."""

    id: str
    status: str
    reason: str
    amount: int
    currency: str
    payment_intent: str | None
    order: str | None
    due_by: datetime | None
    submitted: bool
    lines: tuple[Movement, ...] = ()

    @property
    def state(self) -> DisputeState:
        """What it means for the order; a status that is new to us freezes, for money may be gone."""
        return _STATES.get(self.status, DisputeState.OPEN)

    @property
    def held(self) -> int:
        """What the bank holds now, in minor units of what it settled in, its fee apart."""
        return -sum(line.amount for line in self.lines)


@dataclass(frozen=True, slots=True, repr=False)
class WarningSeen:
    """An early fraud warning as Stripe shows it now; `actionable` until the payment is refunded or disputed."""

    id: str
    actionable: bool
    fraud_type: str
    payment_intent: str | None
    order: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Dispute:
    """A dispute as the table keeps it. `wants` is what the seller decided and Stripe was not told yet."""

    order: str
    id: str
    state: DisputeState
    reason: str
    amount: int
    currency: str
    opened: datetime
    due_by: datetime | None = None
    wants: str | None = None
    note: str | None = None
    sent: datetime | None = None
    closed: datetime | None = None


def dispute_row(seen: DisputeSeen, now: datetime) -> dict[str, Any]:
    """The row that a dispute begins with."""
    row = {
        "v": DISPUTE_ROW_VERSION,
        "state": seen.state.value,
        "reason": seen.reason,
        "amount": seen.amount,
        "currency": seen.currency,
        "opened": stamp(now),
        "due_by": seen.due_by and stamp(seen.due_by),
        "closed": stamp(now) if seen.state in ENDED else None,
    }
    return {name: value for name, value in row.items() if value is not None}


def dispute_from_row(row: Row) -> Dispute:
    """Read a dispute."""
    return Dispute(
        order=row["pk"].removeprefix("O#"),
        id=row["sk"].removeprefix("D#"),
        state=DisputeState(row["state"]),
        reason=row["reason"],
        amount=row["amount"],
        currency=row["currency"],
        opened=datetime.fromisoformat(row["opened"]),
        due_by=instant(row.get("due_by")),
        wants=row.get("wants"),
        note=row.get("note"),
        sent=instant(row.get("sent")),
        closed=instant(row.get("closed")),
    )
