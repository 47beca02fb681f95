"""Interrupts: a decision on an order, or on one milestone, that its open gates are answered with.

Design: workflow section 2.

Two steps. The decision itself is one small transaction on the order's head. Then each open gate is answered with it,
one transaction each, inline and by the clock until none is left; a gate that opens later finds the interrupt and
answers itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relais.errors import RelaisError
from relais.gate import (
    OWED_AFTER,
    AlreadyAnsweredError,
    Choice,
    Gate,
    Kind,
    Role,
    Status,
    Via,
    due_shard,
    gate_from_row,
)
from relais.metrics import Metric
from relais.offer import RefundCause
from relais.order import Milestone, MilestoneStage, Order, OrderStage, droppable, milestone_from_row, stamp
from relais.ports import ConditionFailedError, MailRefusedError, Ports
from relais.rows import Change, Write, absent, equals, gate_key, milestone_key, order_key, present
from relais.steps import letters
from relais.steps.decisions import Answer
from relais.steps.gates import CANCELLED, answer, interruptible
from relais.steps.side import withdraw_side
from relais.steps.situation import MilestoneNotFoundError, moot, read_order, read_situation, unhandled
from relais.steps.texts import keep_text

WITHDRAWN = "Withdrawn"
"""What a withdrawal is called on its row; to the workflow it is the way out of a cancellation, which it ends in too."""


class NothingToCancelError(RelaisError):
    """An order of which nothing can be called back any more."""

    def __init__(self, order: str, stage: str) -> None:
        """Keep where it is."""
        super().__init__(f"order {order} is {stage}: nothing of it can be cancelled; see `relais order show {order}`")
        self.order = order
        self.stage = stage


class MilestoneBegunError(RelaisError):
    """A milestone that its client may no longer drop: its work has begun, or has ended."""

    def __init__(self, order: str, number: str) -> None:
        """Keep which."""
        super().__init__(f"milestone {number} of order {order} has begun: only what has not may be dropped")
        self.order = order
        self.number = number


class InterruptMetError(RelaisError):
    """Somebody else interrupted the order at the same moment."""

    def __init__(self, order: str) -> None:
        """Keep the order."""
        super().__init__(f"order {order} was interrupted a moment ago: see `relais order show {order}`")
        self.order = order


def cancel(ports: Ports, order_id: str, *, by: str, cause: RefundCause, reason: str) -> Order:
    """Cancel what of an order has not been paid out, and give the client's money back.

    Raises `OrderNotFoundError`, `NothingToCancelError`, `InterruptMetError`.
    """
    order = cancellable(ports, order_id)
    note = keep_text(ports, order_id, "interrupt", reason)
    try:
        ports.store.write(cancel_writes(ports, order, by=by, cause=cause, note=note))
    except ConditionFailedError:
        raise InterruptMetError(order_id) from None
    sweep(ports, order_id)
    return read_order(ports.store, order_id)


def cancellable(ports: Ports, order_id: str) -> Order:
    """An order of which something can be cancelled now. Raises what `cancel` raises."""
    order = read_order(ports.store, order_id)
    if order.stage is OrderStage.MILESTONES:
        milestones = [milestone_from_row(row) for row in ports.store.query(f"O#{order_id}", "M#")]
        if all(map(_over, milestones)):
            raise NothingToCancelError(order_id, milestones[0].stage.value)
        handled = min(one.handled for one in milestones if not _over(one))
    elif order.stage in {OrderStage.DRAFT, OrderStage.UNWIND, OrderStage.CLOSE, OrderStage.COMPLETED}:
        raise NothingToCancelError(order_id, order.stage.value)
    else:
        handled = order.handled
    if order.interrupt_seq > handled:
        raise InterruptMetError(order_id)
    return order


def cancel_writes(
    ports: Ports, order: Order, *, by: str, cause: RefundCause, note: str | None, kind: str = CANCELLED
) -> Change:
    """The decision to cancel an order, as a write: its gates are answered with it after the commit (`sweep`)."""
    return Change(
        order_key(order.id),
        put={
            "interrupt_seq": order.interrupt_seq + 1,
            "interrupt": {
                "kind": kind,
                "cause": cause.value,
                "by": by,
                "at": stamp(ports.now()),
                "note": note,
            },
        }
        | _sweep_owed(ports, order.id),
        guards=(equals("interrupt_seq", order.interrupt_seq), equals("stage", order.stage.value)),
    )


def _sweep_owed(ports: Ports, order: str) -> dict[str, Any]:
    return {"owes_sweep": 0, "due": stamp(ports.now() + OWED_AFTER), "due_shard": due_shard(order)}


def cancel_milestone(
    ports: Ports, order_id: str, number: str, *, by: Role, cause: RefundCause, reason: str = ""
) -> Milestone:
    """Cancel one milestone and give its share back; the others go on.

    The client may do so until it begins, the seller until its pay is on its way. Raises `OrderNotFoundError`,
    `MilestoneNotFoundError`, `MilestoneBegunError`, `NothingToCancelError`, `InterruptMetError`.
    """
    order, milestone = cancellable_milestone(ports, order_id, number, by=by)
    note = keep_text(ports, order_id, f"interrupt-{number}", reason) if reason else None
    try:
        ports.store.write(*cancel_milestone_writes(ports, order, milestone, by=by, cause=cause, note=note))
    except ConditionFailedError:
        raise InterruptMetError(order_id) from None
    sweep(ports, order_id)
    row = ports.store.get(milestone_key(order_id, number))
    return milestone if row is None else milestone_from_row(row)


def cancellable_milestone(ports: Ports, order_id: str, number: str, *, by: Role) -> tuple[Order, Milestone]:
    """A milestone that can be cancelled now, with its order. Raises what `cancel_milestone` raises."""
    order = read_order(ports.store, order_id)
    row = ports.store.get(milestone_key(order_id, number))
    if row is None:
        raise MilestoneNotFoundError(order_id, number)
    milestone = milestone_from_row(row)
    if order.stage is not OrderStage.MILESTONES or _over(milestone):
        raise NothingToCancelError(order_id, f"{order.stage.value}, milestone {number} {milestone.stage.value}")
    if by is Role.CLIENT and not droppable(order, milestone):
        raise MilestoneBegunError(order_id, number)
    if milestone.interrupt is not None or order.interrupt_seq > milestone.handled:
        raise InterruptMetError(order_id)
    return order, milestone


def cancel_milestone_writes(
    ports: Ports, order: Order, milestone: Milestone, *, by: Role, cause: RefundCause, note: str | None
) -> tuple[Write, ...]:
    """The decision to cancel one milestone, as writes: its gate is answered with it after the commit (`sweep`)."""
    decided = call_back(ports, milestone, by=by, cause=cause, note=note)
    return (decided, sweep_write(ports, order))


def call_back(
    ports: Ports,
    milestone: Milestone,
    *,
    by: Role,
    cause: RefundCause,
    note: str | None,
    withdrawn: Mapping[str, int] | None = None,
) -> Change:
    """The interrupt of one milestone on its row, as long as it stands where it was read and no money is under way.

    Of a withdrawal, `withdrawn` says what it gives back and how much was supplied at this moment.
    """
    kind = CANCELLED if withdrawn is None else WITHDRAWN
    interrupt = {"kind": kind, "cause": cause.value, "by": by.value, "at": stamp(ports.now())} | dict(withdrawn or {})
    return Change(
        milestone_key(milestone.order, milestone.number),
        put={"interrupt": interrupt | ({} if note is None else {"note": note})},
        guards=(
            equals("stage", milestone.stage.value),
            equals("ordinal", milestone.ordinal),
            equals("in_transit", 0),
            absent("interrupt"),
        ),
    )


def sweep_write(ports: Ports, order: Order) -> Change:
    """On an order's head, once milestones of it are called back: their gates are to be answered."""
    return Change(
        order_key(order.id),
        put=_sweep_owed(ports, order.id),
        guards=(equals("stage", order.stage.value), equals("interrupt_seq", order.interrupt_seq)),
    )


def _over(milestone: Milestone) -> bool:
    """Whether a milestone is beyond calling back: its money is on its way, or the way out has begun already."""
    way_out = milestone.stage in {MilestoneStage.REFUND, MilestoneStage.CLOSED}
    return way_out or milestone.in_transit > 0 or milestone.sent > 0 or milestone.refund_in_transit > 0


def sweep(ports: Ports, order_id: str) -> int:
    """Answer every open gate with the order's interrupt, and tell whoever was asked in vain.

    Returns how much there was to do. What fails is left to the clock, which sweeps until nothing was.
    """
    swept = 0
    for row in ports.store.query(f"O#{order_id}", "G#"):
        gate = gate_from_row(row)
        if gate.status is Status.OPEN and _answer(ports, gate):
            swept += 1
    for row in ports.store.query(f"O#{order_id}", "G#"):
        gate = gate_from_row(row)
        if gate.id.kind is Kind.PROPOSAL and _asked_in_vain(gate) and "told" not in row:
            swept += 1
            _tell(ports, gate)
    return swept


def _answer(ports: Ports, gate: Gate) -> bool:
    situation = read_situation(ports, gate.order, gate.id.milestone)
    if gate.id.kind.side:
        return moot(situation, gate) and withdraw_side(ports, gate)
    interrupt = unhandled(situation)
    if interrupt is None or not interruptible(situation, gate):
        return False
    via = Via.LINK if interrupt.by == Role.CLIENT.value else Via.COMMAND
    try:
        answer(ports, situation, gate, Answer(Choice.CANCELLED, interrupt.by, via))
    except (AlreadyAnsweredError, ConditionFailedError):
        return False
    return True


def _asked_in_vain(gate: Gate) -> bool:
    """Whether a freelancer has a mail with a question that was called back."""
    called_back = gate.decision is not None and gate.decision.choice is Choice.CANCELLED
    return called_back and gate.mailed and gate.role is Role.FREELANCER


def _tell(ports: Ports, gate: Gate) -> None:
    """Send the mail, then mark it sent; one that the post refuses stays to be sent by the clock.

    An operator's machine has no sender of its own: there the clock's sweep is the one that tells.
    """
    situation = read_situation(ports, gate.order, gate.id.milestone)
    try:
        ports.mailer.send(letters.withdrawn(ports, situation, gate))
    except MailRefusedError as refused:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        ports.note(refused)
        return
    ports.store.write(Change(gate_key(gate.order, str(gate.id)), put={"told": True}, guards=(present("pk"),)))
