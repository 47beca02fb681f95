"""Interrupts: a decision on the whole order that every open gate is answered with. Design: workflow section 2.

Two steps. The decision itself is one small transaction on the order's head. Then each open gate is answered with it,
one transaction each, inline and by the clock until none is left; a gate that opens later finds the interrupt and
answers itself.
"""

from __future__ import annotations

from relais.errors import RelaisError
from relais.gate import OWED_AFTER, Choice, Gate, Kind, Role, Status, Via, due_shard, gate_from_row
from relais.metrics import Metric
from relais.offer import RefundCause
from relais.order import Milestone, MilestoneStage, Order, OrderStage, milestone_from_row, stamp
from relais.ports import ConditionFailedError, MailRefusedError, Ports
from relais.rows import Change, equals, gate_key, order_key, present
from relais.steps import letters
from relais.steps.decisions import Answer, interrupted
from relais.steps.gates import CANCELLED, AlreadyAnsweredError, answer, interruptible
from relais.steps.intake import keep_text
from relais.steps.situation import read_order, read_situation


class NothingToCancelError(RelaisError):
    """An order of which nothing can be called back any more."""

    def __init__(self, order: str, stage: str) -> None:
        """Keep where it is."""
        super().__init__(f"order {order} is {stage}: nothing of it can be cancelled; see `relais order show {order}`")
        self.order = order
        self.stage = stage


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
    note = keep_text(ports, order_id, "interrupt", reason)
    decided = Change(
        order_key(order_id),
        put={
            "interrupt_seq": order.interrupt_seq + 1,
            "interrupt": {
                "kind": CANCELLED,
                "cause": cause.value,
                "by": by,
                "at": stamp(ports.now()),
                "note": note,
            },
            "owes_sweep": 0,
            "due": stamp(ports.now() + OWED_AFTER),
            "due_shard": due_shard(order_id),
        },
        guards=(equals("interrupt_seq", order.interrupt_seq), equals("stage", order.stage.value)),
    )
    try:
        ports.store.write(decided)
    except ConditionFailedError:
        raise InterruptMetError(order_id) from None
    sweep(ports, order_id)
    return read_order(ports.store, order_id)


def _over(milestone: Milestone) -> bool:
    """Whether a milestone is beyond calling back: its money is on its way, or the way out has begun already."""
    way_out = milestone.stage in {MilestoneStage.REFUND, MilestoneStage.CLOSED}
    return way_out or milestone.in_transit > 0 or milestone.sent > 0


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
    interrupt = situation.order.interrupt
    if interrupt is None or not interrupted(situation) or not interruptible(situation, gate):
        return False
    try:
        answer(ports, situation, gate, Answer(Choice.CANCELLED, interrupt.by, Via.COMMAND))
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
    except MailRefusedError:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        return
    ports.store.write(Change(gate_key(gate.order, str(gate.id)), put={"told": True}, guards=(present("pk"),)))
