"""Stripe's webhook: the signature is checked on the raw body, the event is a hint."""

from typing import Any

from relais.adapters import http
from relais.steps.webhook import receive_signed
from relais.wiring import invocation


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Receive an event."""
    with invocation() as ports:
        return http.response(receive_signed(ports, http.request(event)))
