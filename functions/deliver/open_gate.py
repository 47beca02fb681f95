"""A gate's state: opens it, stores its token, sends its mail."""

from typing import Any

from relais.steps.gates import GateCall, open_gate
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> None:
    """Open a gate."""
    with invocation(event["order"]) as ports:
        open_gate(ports, GateCall.from_payload(event))
