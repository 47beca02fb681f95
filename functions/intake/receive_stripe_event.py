"""Stripe's webhook: the signature is checked on the raw body, the event is a hint."""

from typing import Any

from relais.steps.webhook import receive_signed
from relais.wiring_webhook import serve_event


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Receive an event."""
    return serve_event(event, receive_signed)
