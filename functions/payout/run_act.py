"""States Payout, Refund and Unwind, and what an order owes that needs Stripe.

Called by the webhook and the clock as well.
"""

from typing import Any

from relais.steps.gates import GateCall
from relais.steps.payout import open_money_gate, run_owed
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> None:
    """Move money, or book what became known of it."""
    with invocation(event["order"]) as ports:
        if "token" in event:
            open_money_gate(ports, GateCall.from_payload(event))
            return
        run_owed(ports, event["order"], event["owed"])
