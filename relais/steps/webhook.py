"""The webhook's door. Forged, stale, truncated: 400. Signed but not for us: 200, counted, nothing stored. Design: money A 12."""

from __future__ import annotations

import json

from relais.ports import Ports
from relais.signature import SignatureRefusedError, verify
from relais.steps.intake import StripeEvent, receive
from relais.web import Request, Response


def receive_signed(ports: Ports, request: Request) -> Response:
    """Check the signature on the raw body, then take the event in. Times are wall time."""
    try:
        verify(request.body, request.headers.get("stripe-signature", ""), ports.webhook_secrets, ports.wall())
        event = _event(request.body)
    except SignatureRefusedError as refused:
        ports.counter.count("WebhookRefused")
        return Response(400, json.dumps({"refused": refused.cause}), {"content-type": "application/json"})
    if event is None:
        ports.counter.count("WebhookRefused")
        return Response(400, json.dumps({"refused": "malformed"}), {"content-type": "application/json"})
    outcome = receive(ports, event)
    ports.counter.count(f"Webhook{outcome.title().replace('_', '')}")
    return Response(200, json.dumps({"received": outcome}), {"content-type": "application/json"})


def _event(body: bytes) -> StripeEvent | None:
    try:
        event = json.loads(body)
        subject = event["data"]["object"]
        return StripeEvent(str(event["id"]), str(event["type"]), bool(event["livemode"]), dict(subject))
    except (ValueError, KeyError, TypeError):
        return None
