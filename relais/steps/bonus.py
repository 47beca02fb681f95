"""A bonus by one press: money that is added to what a freelancer is owed for work under way.

It stands in the milestone's own pots and leaves with the transfer (design: money B row 6, people 5).
"""

from __future__ import annotations

from relais import ledger
from relais.announcement import Announcement, Topic
from relais.errors import RelaisError
from relais.money import format_amount
from relais.order import Milestone, MilestoneStage
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Check, Write, absent, equals, order_key
from relais.steps.decisions import entry_put, not_interrupted
from relais.steps.roster import By, ReasonUnusableError, usable
from relais.steps.situation import Situation, interrupted, read_situation

BEFORE_PAYOUT = frozenset({MilestoneStage.WORK, MilestoneStage.REVIEW, MilestoneStage.ACCEPTANCE, MilestoneStage.HOLD})


class BonusImpossibleError(RelaisError):
    """A milestone whose freelancer cannot be given a bonus now."""

    def __init__(self, order: str, milestone: str, why: str) -> None:
        """Keep which."""
        super().__init__(f"milestone {milestone} of order {order}: {why}; see `relais order show {order}`")
        self.order = order
        self.milestone = milestone


class BonusTooHighError(RelaisError):
    """More than the client's payment leaves: an order may not promise what it does not hold."""

    def __init__(self, most: int, currency: str) -> None:
        """Keep the most that is possible, in minor units."""
        shown = format_amount(most, currency, "en")
        super().__init__(f"give more than nothing and at most {shown}: that is what the client's payment leaves")
        self.most = most


def give_bonus(ports: Ports, order_id: str, number: str, amount: int, by: By) -> Milestone:
    """Add to what the freelancer of a milestone is owed, in minor units of the order's currency.

    Told by mail, booked at acceptance (at once where it was accepted already), paid with the transfer. Returns the
    milestone as it was before. Raises `OrderNotFoundError`, `BonusImpossibleError`, `BonusTooHighError`,
    `ReasonUnusableError`.
    """
    if not usable(by):
        raise ReasonUnusableError
    situation = read_situation(ports, order_id, number)
    milestone = _to_be_paid(situation)
    most = milestone.held - milestone.due
    if not 0 < amount <= most:
        raise BonusTooHighError(max(most, 0), situation.order.currency)
    try:
        ports.store.write(*_writes(situation, milestone, amount, by))
    except ConditionFailedError:
        raise BonusImpossibleError(order_id, number, "it moved on a moment ago, so nothing was written") from None
    return milestone


def _to_be_paid(situation: Situation) -> Milestone:
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None or milestone.stage not in BEFORE_PAYOUT:
        raise BonusImpossibleError(situation.order.id, situation.number, "nobody works on it, or it is being paid")
    if milestone.engagement.by_hand:
        raise BonusImpossibleError(situation.order.id, situation.number, "the seller does it, nobody is to be paid")
    if interrupted(situation):
        raise BonusImpossibleError(situation.order.id, situation.number, "it is being cancelled")
    return milestone


def _writes(situation: Situation, milestone: Milestone, amount: int, by: By) -> tuple[Write, ...]:
    order, total = situation.order, milestone.bonus + amount
    maker = "" if milestone.engagement is None else milestone.engagement.freelancer
    said = Announcement(
        freelancer=maker,
        topic=Topic.BONUS,
        at=situation.now,
        by=by.who,
        via=by.via,
        reason=by.reason,
        order=order.id,
        facts={"amount": amount, "currency": order.currency, "milestone": milestone.number, "now": total},
    )
    booked = ledger.bonus_given(
        order=order.id,
        milestone=milestone.number,
        amount=amount,
        total=total,
        freelancer=maker,
        currency=order.currency,
        at=situation.now,
    )
    as_read = Change(
        situation.key,
        add={"left_to_send": amount, "bonus": amount},
        guards=(
            equals("stage", milestone.stage.value),
            equals("ordinal", milestone.ordinal),
            equals("left_to_send", milestone.left_to_send),
            equals("in_transit", 0),
            absent("interrupt"),
        ),
    )
    held = Check(order_key(order.id), (not_interrupted(situation),))
    return (as_read, held, said.write, *((entry_put(booked),) if milestone.accepted else ()))
