"""Runs: one execution at a time acts for an order; starting the next is the one repair. Design: workflow section 3."""

from __future__ import annotations

from datetime import timedelta

from relais.errors import RelaisError
from relais.gate import OWED_AFTER, Choice, Gate, GateId, Kind, Status, Via, decision_row, due_shard, gate_from_row
from relais.gate import Decision as Decided
from relais.metrics import Metric
from relais.order import ORDER_LEVEL, Order, OrderStage, milestone_from_row, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Write, equals, gate_key, order_key
from relais.steps.contracts import stuck
from relais.steps.gates import create, send_opening
from relais.steps.situation import read_order, read_situation

RUNS_WITHOUT_PROGRESS = 3
OLDEST = timedelta(days=300)
"""An execution lives a year at most; the clock rolls it over well before (design: workflow section 3)."""
MOST_EVENTS = 10_000
"""A history holds 25,000 events, then the execution fails (docs.aws.amazon.com, Step Functions quotas)."""


class OrderNotRunningError(RelaisError):
    """An order for which no execution is needed."""

    def __init__(self, order: str, stage: str) -> None:
        """Keep where it is."""
        super().__init__(f"order {order} is {stage}: there is nothing to resume")
        self.order = order
        self.stage = stage


def start_owed(ports: Ports, order: Order) -> None:
    """Start the execution of the present run (again): one that exists already is success."""
    ports.machine.start(order.id, order.run)


def next_run(ports: Ports, order: Order, why: str) -> bool:
    """Start run n + 1 from what the table holds, then stop the old execution.

    The third without progress is not started: no execution lives to hold a token, so a side gate asks the seller.
    False where somebody else started it, or the order is stuck.
    """
    mark = _mark(ports, order)
    stalled = order.stalled + 1 if mark == order.run_mark else 0
    if stalled >= RUNS_WITHOUT_PROGRESS:
        ask_seller(ports, order)
        return False
    return _start(ports, order, why, stalled=stalled, mark=mark)


def resume(ports: Ports, order_id: str, why: str) -> Order:
    """Start the next run because a person says so. Raises `OrderNotFoundError`, `OrderNotRunningError`."""
    order = read_order(ports.store, order_id)
    if not order.is_open:
        raise OrderNotRunningError(order_id, order.stage.value)
    _start(ports, order, why, stalled=0, mark=_mark(ports, order), more=_question_settled(ports, order))
    return read_order(ports.store, order_id)


def _question_settled(ports: Ports, order: Order) -> tuple[Write, ...]:
    """Whoever resumes a stuck order answers its question: nobody is asked any more."""
    row = ports.store.get(gate_key(order.id, str(GateId(ORDER_LEVEL, Kind.STUCK, order.run))))
    if row is None or row["status"] != Status.OPEN.value:
        return ()
    return (_closed(gate_from_row(row), Decided(Choice.RESUME, "operator", ports.now(), Via.COMMAND)),)


def _start(ports: Ports, order: Order, why: str, *, stalled: int, mark: str, more: tuple[Write, ...] = ()) -> bool:
    run = order.run + 1
    change = Change(
        order_key(order.id),
        put={
            "run": run,
            "stalled": stalled,
            "run_mark": mark,
            "began": stamp(ports.now()),
            "owes_start": 0,
            "due": stamp(ports.now() + OWED_AFTER),
            "due_shard": due_shard(order.id),
        },
        guards=(equals("run", order.run),),
    )
    try:
        ports.store.write(change, *more)
    except ConditionFailedError:
        return False
    ports.machine.start(order.id, run)
    ports.machine.stop(order.id, order.run, why)
    ports.counter.count(Metric.RUN_STARTED)
    return True


def _mark(ports: Ports, order: Order) -> str:
    """Where an order stands: only a decision changes it."""
    rows = ports.store.query(f"O#{order.id}", "M#")
    ordinals = [f"{one.number}.{one.ordinal}" for one in map(milestone_from_row, rows)]
    return " ".join([f"{order.stage.value}.{order.ordinal}", *ordinals])


def ask_seller(ports: Ports, order: Order) -> Gate:
    """Open the side gate of a stuck order, once a run; its answer starts the next."""
    situation = read_situation(ports, order.id, ORDER_LEVEL)
    row = ports.store.get(gate_key(order.id, str(GateId(ORDER_LEVEL, Kind.STUCK, order.run))))
    gate = (
        gate_from_row(row) if row is not None else create(ports, situation, stuck(situation, ports.link_keys.current))
    )
    if not gate.mailed and gate.status is Status.OPEN:
        send_opening(ports, situation, gate)
        ports.counter.count(Metric.ORDER_STUCK)
    return gate


def answer_stuck(ports: Ports, gate: Gate, by: str, via: Via) -> Gate:
    """The seller starts the next run: one transaction closes the gate, then the run begins.

    A second answer changes nothing.
    """
    decision = Decided(Choice.RESUME, by, ports.now(), via)
    try:
        ports.store.write(_closed(gate, decision))
    except ConditionFailedError:
        return _again(ports, gate)
    resume(ports, gate.order, "the seller resumed it")
    return _again(ports, gate)


def _closed(gate: Gate, decision: Decided) -> Change:
    return Change(
        gate_key(gate.order, str(gate.id)),
        put={"status": Status.ANSWERED.value, "decision": decision_row(decision)},
        remove=("owes", "due", "due_shard", "desk", "desk_due"),
        guards=(equals("status", Status.OPEN.value),),
    )


def _again(ports: Ports, gate: Gate) -> Gate:
    row = ports.store.get(gate_key(gate.order, str(gate.id)))
    return gate if row is None else gate_from_row(row)


def roll_over(ports: Ports, order: Order) -> None:
    """Start the next run of an order whose execution has lived long; that is no lack of progress."""
    _start(ports, order, "the execution has lived long", stalled=0, mark=_mark(ports, order))


def lived_long(ports: Ports, order: Order) -> bool:
    """Whether the present execution comes near to its limit of a year, or of events in its history."""
    began = order.began or order.started
    if order.stage is OrderStage.COMPLETED or began is None:
        return False
    return ports.now() - began >= OLDEST or ports.machine.events(order.id, order.run) >= MOST_EVENTS


def mark_dead(ports: Ports, order_id: str, run: int, why: str) -> None:
    """Note that an execution ended badly and how, unless a later run acts already; the clock starts the next one."""
    change = Change(
        order_key(order_id),
        put={"dead_run": run, "dead_why": why, "due": stamp(ports.now()), "due_shard": due_shard(order_id)},
        guards=(equals("run", run),),
    )
    try:
        ports.store.write(change)
    except ConditionFailedError:
        return
    ports.counter.count(Metric.RUN_DEAD)
