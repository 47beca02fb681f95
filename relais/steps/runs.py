"""Runs: one execution at a time acts for an order; starting the next is the one repair. Design: workflow section 3."""

from __future__ import annotations

from datetime import timedelta

from relais.gate import OWED_AFTER, due_shard
from relais.metrics import Metric
from relais.order import Order, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, equals, order_key


def start_owed(ports: Ports, order: Order) -> None:
    """Start the execution of the present run (again): one that exists already is success."""
    ports.machine.start(order.id, order.run)


def next_run(ports: Ports, order: Order, why: str) -> bool:
    """Start run n + 1 from what the table holds, then stop the old execution. False where somebody else did already."""
    change = Change(
        order_key(order.id),
        put={
            "run": order.run + 1,
            "owes_start": 0,
            "due": stamp(ports.now() + OWED_AFTER),
            "due_shard": due_shard(order.id),
        },
        guards=(equals("run", order.run),),
    )
    try:
        ports.store.write(change)
    except ConditionFailedError:
        return False
    ports.machine.start(order.id, order.run + 1)
    ports.machine.stop(order.id, order.run, why)
    ports.counter.count(Metric.RUN_STARTED)
    return True


def mark_dead(ports: Ports, order_id: str, run: int) -> None:
    """Note that an execution ended badly, unless a later run acts already; the clock starts the next one."""
    change = Change(
        order_key(order_id),
        put={"dead_run": run, "due": stamp(ports.now() + timedelta(0)), "due_shard": due_shard(order_id)},
        guards=(equals("run", run),),
    )
    try:
        ports.store.write(change)
    except ConditionFailedError:
        return
    ports.counter.count(Metric.RUN_DEAD)
