"""Several charges of one order: what each was paid for, and which of them bears what. Pure.

Design: money A 1, A 4. An order's own charge stands on its head and pays for the shares of its milestones; each later
one (a priced extra, a milestone that is funded before it starts) belongs to one milestone and stands on a row of its
own. So every charge is cut into parts that belong to one milestone each, and nothing that goes back of one milestone
can touch what was paid for another. Amounts are minor units of the order's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from relais.errors import RelaisError
from relais.lift import Lift, lift
from relais.order import stamp
from relais.rows import Key, Row

CHARGE_ROW_VERSION = 1
_CHARGE_LIFTS: Mapping[int, Lift] = {}
OWN = ""
"""The name of the order's own charge, which has no row: its part of a milestone is what no other has paid."""


class NotChargedError(RelaisError):
    """More is to go back than the charges of a milestone hold: a mistake in the code that calls."""

    def __init__(self, missing: int) -> None:
        """Keep by how much (minor units)."""
        super().__init__(f"{missing} more than was charged was to go back: nothing was planned")
        self.missing = missing


@dataclass(frozen=True, slots=True, repr=False)
class Charge:
    """A charge that succeeded beside the order's own. `left` is what of it no refund and no bank has taken back.

    `about` says what it was paid for: the id of the gate that asked for it.
    """

    order: str
    name: str
    about: str
    amount: int
    left: int
    currency: str
    payment_intent: str
    charge: str
    session: str
    paid: datetime
    fee: int | None = None

    @property
    def milestone(self) -> str:
        """What it belongs to."""
        return self.name.partition("-")[0]


@dataclass(frozen=True, slots=True, repr=False)
class Funding:
    """A part of a charge: what of it belongs to a milestone (or to the whole order) and was not given back."""

    name: str
    payment_intent: str
    charge: str
    left: int


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """A part of a movement of money, with the charge that bears it; none where the seller does."""

    funding: Funding | None
    amount: int


def charge_key(order: str, name: str) -> Key:
    """A charge beside the order's own, by its milestone and its number (`01-0002`)."""
    return Key(f"O#{order}", f"C#{name.replace('-', '#')}")


def charge_row(charge: Charge) -> dict[str, Any]:
    """A charge as a row."""
    return {
        "v": CHARGE_ROW_VERSION,
        "about": charge.about,
        "amount": charge.amount,
        "left": charge.left,
        "currency": charge.currency,
        "payment_intent": charge.payment_intent,
        "charge": charge.charge,
        "session": charge.session,
        "paid": stamp(charge.paid),
    }


def charge_from_row(stored: Row) -> Charge:
    """Read a charge, lifting older versions of the row."""
    row = lift(stored, "charge", CHARGE_ROW_VERSION, _CHARGE_LIFTS)
    return Charge(
        order=row["pk"].removeprefix("O#"),
        name=row["sk"].removeprefix("C#").replace("#", "-"),
        about=row["about"],
        amount=row["amount"],
        left=row["left"],
        currency=row["currency"],
        payment_intent=row["payment_intent"],
        charge=row["charge"],
        session=row["session"],
        paid=datetime.fromisoformat(row["paid"]),
        fee=row.get("fee"),
    )


def fundings(held: int, own: Funding, charges: Iterable[Charge]) -> tuple[Funding, ...]:
    """What pays for `held`, oldest first: the order's own charge for what no later one does, then those."""
    later = [Funding(one.name, one.payment_intent, one.charge, one.left) for one in charges if one.left > 0]
    first = Funding(own.name, own.payment_intent, own.charge, held - sum(one.left for one in later))
    return (*((first,) if first.left > 0 else ()), *later)


def paid_from(due: int, fundings: Sequence[Funding], sent: int = 0) -> tuple[Part, ...]:
    """Split what a freelancer is due over the charges, oldest first; what they do not hold the seller bears.

    What was `sent` before has used them in the same order.
    """
    parts = _spread(due, _unused(sent, fundings))
    rest = due - sum(part.amount for part in parts)
    return (*parts, *((Part(None, rest),) if rest > 0 else ()))


def _unused(sent: int, fundings: Iterable[Funding]) -> tuple[Funding, ...]:
    found, rest = [], sent
    for one in fundings:
        used = min(rest, one.left)
        rest -= used
        found.append(replace(one, left=one.left - used))
    return tuple(found)


def given_back_to(amount: int, fundings: Sequence[Funding]) -> tuple[Part, ...]:
    """Split what goes back to the client over the charges, newest first.

    What was paid last goes back first: to the charge of an extra before the charge of what it was added to, so that the
    oldest, whose card may have expired, is asked for last. Raises `NotChargedError`.
    """
    parts = _spread(amount, tuple(reversed(fundings)))
    rest = amount - sum(part.amount for part in parts)
    if rest > 0:
        raise NotChargedError(rest)
    return parts


def _spread(amount: int, fundings: Iterable[Funding]) -> tuple[Part, ...]:
    parts, rest = [], amount
    for one in fundings:
        taken = min(rest, one.left)
        if taken > 0:
            parts.append(Part(one, taken))
            rest -= taken
    return tuple(parts)
