"""Rule *Step Functions Execution Status Change*: notes that an execution died."""

from typing import Any

from relais.steps.runs import mark_dead
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> None:
    """Mark a run dead. Its cause stays in Step Functions: only the error's name is kept."""
    detail = event["detail"]
    order, _, run = detail["name"].rpartition("-")
    why = ": ".join(str(one) for one in (detail["status"], detail.get("error")) if one)
    with invocation(order) as ports:
        mark_dead(ports, order, int(run), why)
