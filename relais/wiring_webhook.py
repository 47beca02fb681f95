"""How the webhook's function answers. It loads nothing that the check of a signature does not need."""

from __future__ import annotations

from typing import Any

from relais.adapters import http
from relais.steps.webhook import receive_signed
from relais.wiring import invocation


def serve_event(event: dict[str, Any]) -> dict[str, Any]:
    """Check and take in one event."""
    with invocation() as ports:
        return http.response(receive_signed(ports, http.request(event)))
