"""Stripe's thin events about freelancers' accounts: signed with a secret of their own, and a hint to look."""

from typing import Any

from relais.steps.account_events import receive_signed
from relais.wiring_webhook import serve_event


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Receive an event."""
    return serve_event(event, receive_signed)
