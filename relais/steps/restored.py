"""The table was restored: it stands where it stood some minutes ago, Stripe and Step Functions do not.

Design: workflow sections 3 and 7. Stripe's book is read first, from before the restored point; then each open order has
its next run, which enters where the table says and asks its people anew. What Stripe moved meanwhile is found before it
would be moved again: the order's row says from when on to look (`restored`, read by `acts`).
"""

from __future__ import annotations

from datetime import datetime

from relais.metrics import Metric
from relais.order import Order, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, equals, order_key
from relais.steps.runs import begun, run_mark
from relais.steps.situation import read_order

ABSENT = "ABSENT"
LIVING = frozenset({"RUNNING", "PENDING_REDRIVE"})
WHY = "the table was restored"


def restart(ports: Ports, order_id: str, since: datetime) -> Order | None:
    """Start the run after the newest that ever acted for an order, and stop all before it; `since` was restored.

    The newest is asked of Step Functions: the table has forgotten the runs of its lost minutes, and a name that was
    used is never started again. None where the order is not open, or somebody else started a run meanwhile. Asked any
    number of times: each starts one more run, and the last one acts.
    """
    order = read_order(ports.store, order_id)
    if not order.is_open:
        return None
    newest = newest_run(ports, order)
    put = begun(ports, order, 0, run_mark(ports, order)) | {"run": newest + 1, "restored": stamp(since)}
    try:
        ports.store.write(Change(order_key(order.id), put=put, guards=(equals("run", order.run),)))
    except ConditionFailedError:
        return None
    ports.machine.start(order.id, newest + 1)
    for run in range(1, newest + 1):
        if ports.machine.status(order.id, run) in LIVING:
            ports.machine.stop(order.id, run, WHY)
    ports.counter.count(Metric.RUN_STARTED)
    return read_order(ports.store, order.id)


def newest_run(ports: Ports, order: Order) -> int:
    """The highest run that Step Functions knows of an order; runs are counted without a gap."""
    newest = order.run
    while ports.machine.status(order.id, newest + 1) != ABSENT:
        newest += 1
    return newest
