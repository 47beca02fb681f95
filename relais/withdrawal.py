"""The right of withdrawal of consumers: until when it lasts, and what using it gives back. Pure.

Code de la consommation: L221-18 (fourteen days from the conclusion of a contract for services), L221-19 (how they are
counted), L221-25 (what was supplied at the consumer's express request is owed in proportion, nothing without one) and
L221-28 1° (no right left once the service is fully performed, where the consumer acknowledged that). Amounts are minor
units of the order's currency.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from relais.calendar import french_holidays
from relais.order import Milestone, MilestoneStage, Order, OrderStage

DAYS = 14
PARIS = ZoneInfo("Europe/Paris")
WHOLE = 100
"""Percent."""
_SATURDAY = 5
_LAST_SECOND = time(23, 59, 59)
_BEFORE_CLIENT = frozenset({MilestoneStage.ACCEPTANCE, MilestoneStage.REFUND_REQUEST, MilestoneStage.SETTLEMENT})
_UNPAID_OR_OVER = frozenset({OrderStage.DRAFT, OrderStage.UNWIND, OrderStage.CLOSE, OrderStage.COMPLETED})


def last_day(concluded: datetime) -> date:
    """Return the last day of the term, as a day in Paris.

    The day of the conclusion does not count; a term that would end on a Saturday, a Sunday or a public holiday goes on
    to the next day that is none of these (L221-19).
    """
    day = concluded.astimezone(PARIS).date() + timedelta(days=DAYS)
    while day.weekday() >= _SATURDAY or day in french_holidays(day.year):
        day += timedelta(days=1)
    return day


def ends(concluded: datetime) -> datetime:
    """Return the last second of the term, 23:59:59 in Paris, in UTC."""
    return datetime.combine(last_day(concluded), _LAST_SECOND, PARIS).astimezone(UTC)


def in_time(concluded: datetime, at: datetime) -> bool:
    """Whether a statement sent at this instant was sent before the term ended: on its last day, down to midnight."""
    return at.astimezone(PARIS).date() <= last_day(concluded)


def concluded(order: Order) -> datetime:
    """When the contract was concluded: when the payment was booked, seconds after it; until then, when it was begun."""
    return order.started or order.created


def right_until(order: Order, milestones: Iterable[Milestone], at: datetime) -> datetime | None:
    """Until when the consumer may withdraw from what is left of an order; None where there is no such right.

    There is none for a business, for what is not paid or has ended, after the term, after a withdrawal, nor, with the
    acknowledgement on record, for an order whose work is all accepted (L221-28 1°).
    """
    if not order.consumer or order.stage in _UNPAID_OR_OVER or order.leaving is not None:
        return None
    if not in_time(concluded(order), at):
        return None
    left = [one for one in milestones if not on_its_way(one)]
    performed = all(one.accepted for one in left)
    if begun(order) and (not left or (order.acknowledged and performed)):
        return None
    return ends(concluded(order))


def begun(order: Order) -> bool:
    """Whether somebody has taken the work: each milestone goes its own way from then on."""
    parked = order.stage is OrderStage.PARK and order.parked_from == OrderStage.MILESTONES.value
    return order.stage is OrderStage.MILESTONES or parked


def on_its_way(milestone: Milestone) -> bool:
    """Whether a milestone is beyond calling back: its money is on its way, or the way out has begun already."""
    way_out = milestone.stage in {MilestoneStage.REFUND, MilestoneStage.CLOSED} or milestone.interrupt is not None
    return way_out or milestone.in_transit > 0 or milestone.sent > 0 or milestone.refund_in_transit > 0


def supplied(milestone: Milestone, handed_over: int) -> int:
    """How much of a milestone was supplied, in percent: what was handed over counts, what is being worked on does not.

    `handed_over` is what the order's policy says of work that stands before its client for their yes: what is still
    owed of it are its changes. All of it once it is accepted.
    """
    if milestone.accepted:
        return WHOLE
    seen = milestone.stage in _BEFORE_CLIENT or milestone.parked_from in {stage.value for stage in _BEFORE_CLIENT}
    return handed_over if seen or milestone.revisions_used else 0


def given_back(order: Order, milestone: Milestone, handed_over: int) -> int:
    """What a withdrawal gives back of a milestone: all that is held, less what was supplied at the express request."""
    if on_its_way(milestone):
        return 0
    owed = milestone.price * supplied(milestone, handed_over) // WHOLE if order.express else 0
    return max(0, milestone.held - owed)


def all_given_back(order: Order, milestones: Iterable[Milestone], handed_over: int) -> int:
    """What a withdrawal gives back of an order: before anybody has taken the work, everything that it holds."""
    if not begun(order):
        return order.left or order.price
    return sum(given_back(order, one, handed_over) for one in milestones)
