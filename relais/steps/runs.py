"""Runs: one execution at a time acts for an order; starting the next is the one repair. Design: workflow section 3."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from relais.errors import RelaisError
from relais.gate import OWED_AFTER, Choice, Gate, Kind, Owed, Status, Via, due_shard, gate_from_row
from relais.metrics import Metric
from relais.order import ORDER_LEVEL, Milestone, MilestoneStage, Order, OrderStage, milestone_from_row, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Write, equals, merged, order_key
from relais.steps.asking import open_side
from relais.steps.contracts import stuck
from relais.steps.decisions import Answer
from relais.steps.side import Caused, closing_writes
from relais.steps.situation import Situation, read_order, read_situation, sides_of

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
    mark = run_mark(ports, order)
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
    situation = read_situation(ports, order_id, ORDER_LEVEL)
    given = Answer(Choice.RESUME, "operator", Via.COMMAND)
    asked = [gate for gate in sides_of(ports, situation) if gate.id.kind is Kind.STUCK and gate.status is Status.OPEN]
    settled = tuple(write for gate in asked for write in closing_writes(situation, gate, given, Caused()))
    _start(ports, order, why, stalled=0, mark=run_mark(ports, order), more=settled)
    return read_order(ports.store, order_id)


def _start(ports: Ports, order: Order, why: str, *, stalled: int, mark: str, more: tuple[Write, ...] = ()) -> bool:
    change = Change(order_key(order.id), put=begun(ports, order, stalled, mark), guards=(equals("run", order.run),))
    try:
        ports.store.write(*merged(change, *more))
    except ConditionFailedError:
        return False
    _take_over(ports, order, why)
    return True


def begun(ports: Ports, order: Order, stalled: int, mark: str) -> dict[str, Any]:
    """What the order's row says of a run that begins: the next, its start owed, and where the order stood."""
    return {
        "run": order.run + 1,
        "stalled": stalled,
        "run_mark": mark,
        "began": stamp(ports.now()),
        "owes_start": 0,
        "due": stamp(ports.now() + OWED_AFTER),
        "due_shard": due_shard(order.id),
    }


def _take_over(ports: Ports, order: Order, why: str) -> None:
    """Start the run that was committed, then stop the one that acted before."""
    ports.machine.start(order.id, order.run + 1)
    ports.machine.stop(order.id, order.run, why)
    ports.counter.count(Metric.RUN_STARTED)


def run_mark(ports: Ports, order: Order) -> str:
    """Where an order stands: only a decision changes it."""
    rows = ports.store.query(f"O#{order.id}", "M#")
    ordinals = [f"{one.number}.{one.ordinal}" for one in map(milestone_from_row, rows)]
    return " ".join([f"{order.stage.value}.{order.ordinal}", *ordinals])


def ask_seller(ports: Ports, order: Order) -> Gate | None:
    """Open the side gate of a stuck order, once a run; its answer starts the next."""
    gate = open_side(ports, order.id, ORDER_LEVEL, lambda seen: stuck(seen, ports.link_keys.current))
    if gate is not None and gate.status is Status.OPEN and not gate.mailed:
        ports.counter.count(Metric.ORDER_STUCK)
    return gate


def resumed(ports: Ports, situation: Situation) -> Caused:
    """The seller starts the next run: it begins with the answer, in one transaction."""
    order = situation.order
    return Caused(
        put=begun(ports, order, 0, run_mark(ports, order)),
        guards=(equals("run", order.run),),
        then=partial(_take_over, ports, order, "the seller resumed it"),
    )


def roll_over(ports: Ports, order: Order) -> None:
    """Start the next run of an order whose execution has lived long; that is no lack of progress."""
    _start(ports, order, "the execution has lived long", stalled=0, mark=run_mark(ports, order))


def waits_for_nobody(order: Order, milestones: Iterable[Milestone], gates: Iterable[Gate]) -> tuple[str, ...]:
    """Where an open order has neither an open gate nor a decision to be taken up, by milestone: nothing would happen.

    Its execution may run all the same: a state waits for an answer that nobody was asked for.
    """
    waiting = {
        gate.id.milestone
        for gate in gates
        if not gate.id.kind.side and (gate.status is Status.OPEN or Owed.RESUME.value in gate.owes)
    }
    if order.stage is not OrderStage.MILESTONES:
        return () if ORDER_LEVEL in waiting else (ORDER_LEVEL,)
    running = [one.number for one in milestones if one.stage is not MilestoneStage.CLOSED]
    if not running:
        return () if waiting else (ORDER_LEVEL,)
    return tuple(number for number in running if number not in waiting)


def forgotten(ports: Ports, order: Order) -> bool:
    """Whether something of an order waits for nobody, as its rows stand now."""
    rows = [ports.store.query(f"O#{order.id}", prefix) for prefix in ("M#", "G#")]
    return bool(waits_for_nobody(order, map(milestone_from_row, rows[0]), map(gate_from_row, rows[1])))


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
