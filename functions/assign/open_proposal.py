"""State Assign: proposes the order to the next of the roster."""

from typing import Any

from relais.steps.assign import open_proposal
from relais.steps.gates import GateCall
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> None:
    """Open a proposal."""
    with invocation(event["order"]) as ports:
        open_proposal(ports, GateCall.from_payload(event))
