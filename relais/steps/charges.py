"""The charges of an order beside its own: read, booked, drawn on. Only what moves money loads it.

Design: money A 1, A 4; money B rows 1 and 17. Which charge bears what is decided in `relais.charge`.
"""

from __future__ import annotations

from dataclasses import replace

from relais import ledger
from relais.charge import OWN, Charge, Funding, Part, charge_from_row, charge_key, charge_row, fundings, given_back_to
from relais.order import ORDER_LEVEL, Engagement, Milestone, Order, engagement_row
from relais.ports import Store
from relais.rows import Change, Put, Write, absent, at_least, equals, milestone_key, order_key
from relais.steps.decisions import entry_put


def charges_of(store: Store, order: str, milestone: str = ORDER_LEVEL) -> tuple[Charge, ...]:
    """The later charges of a milestone (of the whole order: of all), in the order of their names."""
    prefix = "C#" if milestone == ORDER_LEVEL else f"C#{milestone}#"
    return tuple(map(charge_from_row, store.query(f"O#{order}", prefix)))


def own_funding(order: Order) -> Funding:
    """The order's own charge."""
    return Funding(OWN, order.payment_intent or "", order.charge or "", 0)


def funding_of(store: Store, order: Order, milestone: Milestone | None) -> tuple[Funding, ...]:
    """What pays for a milestone, or for all that the order holds, oldest first."""
    number, held = (ORDER_LEVEL, order.left) if milestone is None else (milestone.number, milestone.held)
    later = sorted(charges_of(store, order.id, number), key=lambda one: one.paid)
    return fundings(held, own_funding(order), later)


def parts_back(store: Store, order: Order, milestone: Milestone | None, amount: int) -> tuple[Part, ...]:
    """To which charges an amount goes back (minor units). Raises `NotChargedError`."""
    return given_back_to(amount, funding_of(store, order, milestone))


def drawn(order: str, parts: tuple[Part, ...]) -> tuple[Change, ...]:
    """What goes back of later charges is theirs no more: of each never more than was charged (design: promise 1)."""
    return tuple(
        Change(
            charge_key(order, part.funding.name),
            add={"left": -part.amount},
            guards=(at_least("left", part.amount),),
        )
        for part in parts
        if part.funding is not None and part.funding.name != OWN
    )


def charged_writes(charge: Charge, milestone: Milestone, *, price: int, cost: int) -> tuple[Write, ...]:
    """A later charge is booked (row 1), its sum is the order's, and what it pays for is its milestone's.

    `price` and `cost` (minor units) are added to the milestone's; who works on it is paid the cost. Of its money
    nothing else may have moved since it was read.
    """
    entry = ledger.payment(
        order=charge.order,
        pi=charge.payment_intent,
        amount=charge.amount,
        currency=charge.currency,
        at=charge.paid,
    )
    engagement = milestone.engagement
    rises = engagement is not None and not engagement.by_hand
    agreed = {} if engagement is None else {"engagement": engagement_row(_raised(engagement, cost if rises else 0))}
    return (
        Put(charge_key(charge.order, charge.name), charge_row(charge)),
        entry_put(entry),
        Change(order_key(charge.order), add={"price": price, "paid": charge.amount, "left": charge.amount}),
        Change(
            milestone_key(charge.order, charge.milestone),
            put=agreed,
            add={"price": price, "cost": cost, "left_to_send": cost if rises else 0},
            guards=(
                equals("stage", milestone.stage.value),
                equals("ordinal", milestone.ordinal),
                equals("left_to_send", milestone.left_to_send),
                absent("interrupt"),
            ),
        ),
    )


def _raised(engagement: Engagement, cost: int) -> Engagement:
    return replace(engagement, agreed=engagement.agreed + cost)
