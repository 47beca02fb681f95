"""Acts: movements of money asked of Stripe. A row with its state, amount and key, written before anything is sent.

Design: money section C. States: `planned → sending → done | refused | unknown`. While nobody knows what became of a
sending it stays `sending`: the same key is used again with growing pauses, then Stripe is looked through. `unknown` is
what a person has to decide; a retry after a definitive refusal is a new generation of the same operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from relais.lift import Lift, lift
from relais.order import instant, stamp
from relais.rows import Row

ACT_ROW_VERSION = 1
_ACT_LIFTS: Mapping[int, Lift] = {}
LEASE_SECONDS = 180
"""Longer than the function's timeout, itself longer than the SDK's (design: money section C 2)."""
KEY_GOOD_HOURS = 23
"""Stripe may prune a key after 24 hours (docs.stripe.com/api/idempotent_requests); wall time."""
PAUSES = (timedelta(minutes=3), timedelta(minutes=10), timedelta(hours=1))
"""Between sendings whose answer was lost; the first is a lease's time, the last holds on."""
LOOK_AFTER = timedelta(minutes=15)
"""How long after a sending, and after a look that found nothing, Stripe's lists are believed to be complete."""
NEVER_MADE_AFTER = timedelta(hours=24)
"""What no list shows so long after its last sending was never made (design: money section C 5)."""
A_PERSON_DECIDES = 1_000
"""From this many euros (dollars, hundreds of yen) on no machine says that a movement was never made, and the seller
says yes twice where the offer names no other sum (`policy.confirm`)."""
NOT_CONFIRMED = "not_confirmed"
"""Why an act is refused to which the seller said no when they were asked a second time."""


class ActKind(StrEnum):
    """What moves."""

    TRANSFER = "transfer"
    REFUND = "refund"
    REVERSAL = "reversal"


class ActState(StrEnum):
    """How far a movement has come."""

    PLANNED = "planned"
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    VOID = "void"
    """Given up before anything was sent, or after a definitive refusal: what is due by now is planned anew."""


ENDED = frozenset({ActState.DONE, ActState.VOID})
"""Nothing of it is under way or waits any more."""


@dataclass(frozen=True, slots=True, repr=False)
class Act:
    """One movement of money. `operation` is its name for ever; the idempotency key adds the generation."""

    order: str
    id: str
    kind: ActKind
    milestone: str
    operation: str
    amount: int
    currency: str
    body: Mapping[str, Any]
    state: ActState = ActState.PLANNED
    generation: int = 0
    first_sent: datetime | None = None
    last_sent: datetime | None = None
    stripe_id: str | None = None
    why: str | None = None
    settled: bool = True
    tries: int = 0
    """Sendings whose answer was lost."""
    looked: datetime | None = None
    """The first look through Stripe's lists that did not find it (wall)."""
    by_hand: str | None = None
    """The reference of the bank transfer by which somebody made it outside Stripe."""
    tried_at: int = 0
    """The ordinal of the gate that sent it last: what ended badly is sent again only if a park lies between."""
    unconfirmed: bool = False
    """Whether it moves so much that the seller has to say yes a second time before it is sent."""

    @property
    def idempotency_key(self) -> str:
        """The key that this generation is sent under."""
        return f"{self.operation}:{self.generation}"


def is_large(act: Act) -> bool:
    """Whether it moves so much that only a person may say it was never made."""
    return is_much(act.amount, act.currency)


def is_much(amount: int, currency: str, least: int | None = None) -> bool:
    """Whether a sum is at least what an offer's policy names, else `A_PERSON_DECIDES`; both in minor units."""
    return amount >= (usual_least(currency) if least is None else least)


def nth(name: str, number: int) -> str:
    """The name of one of several acts of one gate: the first is named as if it were alone, so names never change."""
    return name if number == 1 else f"{name}.{number}"


def usual_least(currency: str) -> int:
    """`A_PERSON_DECIDES` in minor units of a currency."""
    from relais.money import exponent  # the webhook plans acts, and never asks this

    digits = exponent(currency)
    return A_PERSON_DECIDES * (10**digits if digits else 100)


def act_row(act: Act) -> dict[str, Any]:
    """An act as a row."""
    row = {
        "v": ACT_ROW_VERSION,
        "kind": act.kind.value,
        "milestone": act.milestone,
        "operation": act.operation,
        "state": act.state.value,
        "generation": act.generation,
        "amount": act.amount,
        "currency": act.currency,
        "body": dict(act.body),
        "first_sent": act.first_sent and stamp(act.first_sent),
        "last_sent": act.last_sent and stamp(act.last_sent),
        "stripe_id": act.stripe_id,
        "why": act.why,
        "settled": act.settled,
        "by_hand": act.by_hand,
        "tries": act.tries or None,
        "looked": act.looked and stamp(act.looked),
        "tried_at": act.tried_at,
        "unconfirmed": act.unconfirmed or None,
    }
    return {name: value for name, value in row.items() if value is not None}


def act_from_row(stored: Row) -> Act:
    """Read an act, lifting older versions of the row."""
    row = lift(stored, "act", ACT_ROW_VERSION, _ACT_LIFTS)
    return Act(
        order=row["pk"].removeprefix("O#"),
        id=row["sk"].removeprefix("A#").replace("#", "-"),
        kind=ActKind(row["kind"]),
        milestone=row["milestone"],
        operation=row["operation"],
        state=ActState(row["state"]),
        generation=row["generation"],
        amount=row["amount"],
        currency=row["currency"],
        body=row["body"],
        first_sent=instant(row.get("first_sent")),
        last_sent=instant(row.get("last_sent")),
        stripe_id=row.get("stripe_id"),
        why=row.get("why"),
        settled=row.get("settled", True),
        tries=row.get("tries", 0),
        by_hand=row.get("by_hand"),
        looked=instant(row.get("looked")),
        tried_at=row.get("tried_at", 0),
        unconfirmed=row.get("unconfirmed", False),
    )
