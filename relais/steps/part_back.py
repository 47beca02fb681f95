"""A sum given back by hand of what is still held, while the work goes on (design: people 3).

The milestone's price is less by it from then on: what is accepted, earned, withdrawn, disputed or given back later
counts with what is left. Whoever works on it is paid what they agreed to: what the rest does not cover is the seller's.
"""

from __future__ import annotations

from dataclasses import dataclass

from relais import ledger
from relais.act import Act, ActKind, ActState, act_from_row, is_much
from relais.charge import Part
from relais.deed import CLIENT, What
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL, Milestone, MilestoneStage, Order, OrderStage
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Write, absent, at_least, milestone_key, order_key
from relais.steps.acts import again, intent
from relais.steps.charges import drawn, parts_back
from relais.steps.decisions import entry_put, not_interrupted
from relais.steps.deeds import checked, deed
from relais.steps.late_refund import LATE, NothingToRefundError, RefundTooHighError, unchanged
from relais.steps.refund import NOT_TAKEN_BACK, frozen, refund_body
from relais.steps.situation import Situation, interrupted, read_milestones, read_order, read_situation
from relais.steps.texts import keep_text

GOES_ON = frozenset({OrderStage.BRIEF, OrderStage.ASSIGN, OrderStage.PICK, OrderStage.MILESTONES, OrderStage.PARK})
UNEARNED = frozenset(
    {
        MilestoneStage.PENDING,
        MilestoneStage.START,
        MilestoneStage.WORK,
        MilestoneStage.REVIEW,
        MilestoneStage.ACCEPTANCE,
        MilestoneStage.REASSIGN,
        MilestoneStage.PICK,
        MilestoneStage.PARK,
    }
)
"""Where nothing of it is accepted, nor asked back or proposed in a way of its own."""


@dataclass(frozen=True, slots=True, repr=False)
class PartForeseen:
    """What a part comes to, in minor units: what goes back, what stays, and what of the pay the rest does not cover."""

    milestone: str
    amount: int
    left: int
    gap: int
    currency: str


def held_parts(ports: Ports, order_id: str) -> tuple[str, ...]:
    """The milestones of an order whose work goes on, and of whose price something can be given back."""
    order = read_order(ports.store, order_id)
    if order.stage not in GOES_ON:
        return ()
    return tuple(one.number for one in read_milestones(ports.store, order_id) if _holds(one))


def _holds(milestone: Milestone) -> bool:
    unearned = milestone.stage in UNEARNED and not milestone.accepted and milestone.in_transit == 0
    return unearned and milestone.refund_in_transit == 0 and milestone.held > 0


def foresee_part(ports: Ports, order_id: str, number: str, amount: int) -> PartForeseen:
    """What giving back `amount` (minor units) comes to. Raises what `give_part_back` raises."""
    return _foreseen(read_situation(ports, order_id, number), number, amount)


def _foreseen(situation: Situation, number: str, amount: int) -> PartForeseen:
    order, milestone = situation.order, situation.milestone
    if milestone is None or order.stage not in GOES_ON or not _holds(milestone):
        raise NothingToRefundError(order.id, number, "nothing of it is held that waits for work or a yes")
    if interrupted(situation):
        raise NothingToRefundError(order.id, number, "it is being ended, and its money goes back with that")
    if frozen(order):
        raise NothingToRefundError(order.id, number, "its payment is disputed, and the bank holds it")
    most = min(milestone.held, order.left) - 1
    if not 0 < amount <= most:
        raise RefundTooHighError(most, order.currency)
    left = milestone.held - amount
    return PartForeseen(number, amount, left, max(0, milestone.due - left), order.currency)


def give_part_back(
    ports: Ports, order_id: str, number: str, *, amount: int, cause: RefundCause, reason: str
) -> PartForeseen:
    """Give back a part of what a milestone holds while its work goes on: decided, booked and reserved at once.

    The client is told. One that Stripe refused is asked again instead. All of it is a cancellation. Raises
    `OrderNotFoundError`, `NothingToRefundError`, `RefundTooHighError`, `ReasonMissingError`.
    """
    said = checked(reason)
    situation = read_situation(ports, order_id, number)
    prefix = f"A#{ActKind.REFUND.value}#{LATE}#{ORDER_LEVEL}#"
    before = [act_from_row(row) for row in ports.store.query(f"O#{order_id}", prefix)]
    refused = next((one for one in before if one.state is ActState.REFUSED), None)
    if refused is not None:
        again(ports, refused, refused.body)
        return PartForeseen(number, refused.amount, 0, 0, refused.currency)
    foreseen = _foreseen(situation, number, amount)
    this = len(before) + 1
    note = keep_text(ports, order_id, f"refund-{LATE}-{ORDER_LEVEL}-{this}", said)
    try:
        ports.store.write(*_decided(ports, situation, foreseen, {"note": note, "cause": cause.value}, this, said))
    except ConditionFailedError:
        raise NothingToRefundError(order_id, number, "it moved on a moment ago, so nothing was written") from None
    return foreseen


def _decided(  # noqa: PLR0917 - one transaction takes all of these
    ports: Ports, situation: Situation, foreseen: PartForeseen, kept: dict[str, str], this: int, said: str
) -> tuple[Write, ...]:
    order, milestone, amount = situation.order, situation.milestone, foreseen.amount
    if milestone is None:
        raise NothingToRefundError(order.id, foreseen.milestone, "it is no milestone")
    parts = parts_back(ports.store, order, milestone, amount)
    much = is_much(amount, order.currency, situation.offer.policy.confirm)
    acts = [_act(order, part, kept, number, much=much) for number, part in enumerate(parts, start=this)]
    entry = ledger.refund_decided(
        order=order.id,
        milestone=f"{milestone.number}-part-{this}",
        amount=amount,
        currency=order.currency,
        at=situation.now,
    )
    head = Change(
        order_key(order.id),
        add={"left": -amount, "in_transit": amount},
        guards=(at_least("left", amount), NOT_TAKEN_BACK, not_interrupted(situation)),
    )
    cheaper = Change(
        milestone_key(order.id, milestone.number),
        add={"price": -amount},
        guards=(*unchanged(milestone), absent("interrupt")),
    )
    facts: dict[str, str | int] = {"amount": amount, "gap": foreseen.gap, "currency": order.currency}
    told = deed(ports, situation, What.PART_BACK, said, tells=(CLIENT,), facts=facts)
    intents = (intent(ports, act) for act in acts)
    return (*intents, *drawn(order.id, parts), entry_put(entry), head, cheaper, told.write)


def _act(order: Order, part: Part, kept: dict[str, str], number: int, *, much: bool) -> Act:
    """What goes back to one charge. Its milestone's price is less already: no pot of that is in transit."""
    operation = f"{order.id}:{ActKind.REFUND.value}:{LATE}-{ORDER_LEVEL}:{number}"
    charged = "" if part.funding is None else part.funding.payment_intent
    return Act(
        order=order.id,
        id=f"{ActKind.REFUND.value}-{LATE}-{ORDER_LEVEL}-{number:04d}",
        kind=ActKind.REFUND,
        milestone=ORDER_LEVEL,
        operation=operation,
        amount=part.amount,
        currency=order.currency,
        body=refund_body(charged, part.amount, operation, order.id) | kept,
        unconfirmed=much,
    )
