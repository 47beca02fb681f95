"""Rule *Step Functions Execution Status Change*: notes that an execution died."""

from typing import Any

from relais.steps.runs import mark_dead
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> None:
    """Mark a run dead."""
    order, _, run = event["detail"]["name"].rpartition("-")
    with invocation(order) as ports:
        mark_dead(ports, order, int(run))
