"""How the webhooks' functions answer. It loads nothing that the check of a signature does not need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relais.adapters import http
from relais.ports import Ports
from relais.web import Request, Response
from relais.wiring import invocation


def serve_event(event: dict[str, Any], receive: Callable[[Ports, Request], Response]) -> dict[str, Any]:
    """Check and take in one event. What fails on our side is told as such: Stripe sends the event again."""
    with invocation() as ports:
        try:
            return http.response(receive(ports, http.request(event)))
        except Exception as error:  # noqa: BLE001 - the last resort: Stripe gets an answer of ours, and comes back
            ports.trouble(error)
            return http.response(Response(503, '{"refused": "trouble"}', {"content-type": "application/json"}))
