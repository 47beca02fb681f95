"""Rule *SES Email Bounced, Email Complaint Received*: notes that mails to an address come back."""

from typing import Any

from relais.steps.reach import record
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> None:
    """Record a bounce."""
    with invocation() as ports:
        record(ports, event["detail"])
