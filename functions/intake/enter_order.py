"""State Enter: where an order is; a paid one is booked first."""

from typing import Any

from relais.steps.intake import enter
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Enter an order."""
    with invocation(event["order"]) as ports:
        return enter(ports, event["order"], event["run"])
