"""State Close: the order's end."""

from typing import Any

from relais.steps.payout import close
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> None:
    """Close an order."""
    with invocation(event["order"]) as ports:
        close(ports, event["order"], event["run"])
