"""The door of thin events: what an account is about is not in them, so Stripe is asked (design: money A 8, A 12).

Forged, stale, unreadable: 400. Signed but of the other mode, another type or an unknown account: 200, nothing happens.
"""

from __future__ import annotations

import json
from typing import Any

from relais.metrics import Metric, webhook_metric
from relais.ports import Ports
from relais.signature import SignatureRefusedError, verify
from relais.web import Request, Response

OF_ACCOUNTS = "v2.core.account"
"""What the types of these events begin with: `v2.core.account[requirements].updated` and their like."""


def receive_signed(ports: Ports, request: Request) -> Response:
    """Check the signature on the raw body, then have the account looked at. Times are wall time."""
    try:
        verify(request.body, request.headers.get("stripe-signature", ""), ports.webhook_secrets, ports.wall())
    except SignatureRefusedError as refused:
        return _refuse(ports, refused.cause)
    event = _event(request.body)
    if event is None:
        return _refuse(ports, "malformed")
    outcome = receive(ports, event)
    ports.counter.count(webhook_metric(outcome))
    return Response(200, json.dumps({"received": outcome}), {"content-type": "application/json"})


def receive(ports: Ports, event: dict[str, Any]) -> str:
    """Take an event in; returns what became of it."""
    if event.get("livemode") is not (ports.settings.stage == "prod"):
        return "wrong_mode"
    related = event.get("related_object")
    account = related.get("id") if isinstance(related, dict) else None
    if not str(event.get("type", "")).startswith(OF_ACCOUNTS) or not isinstance(account, str):
        return "unknown"
    freelancer = _whose(ports, account)
    if freelancer is None:
        return "unknown_account"
    ports.background.look_at(freelancer)
    return "looked_at"


def _whose(ports: Ports, account: str) -> str | None:
    """Whose account it is: one that was opened by us, else one that the roster's file names."""
    rows = ports.store.query("ROSTER")
    opened = {row.get("account"): row["sk"] for row in rows if row["sk"].startswith("P#")}
    filed = {row.get("stripe_account"): row["sk"] for row in rows if row["sk"].startswith("R#")}
    found = opened.get(account) or filed.get(account)
    return None if found is None else str(found)[2:]


def _refuse(ports: Ports, cause: str) -> Response:
    ports.counter.count(Metric.WEBHOOK_REFUSED)
    return Response(400, json.dumps({"refused": cause}), {"content-type": "application/json"})


def _event(body: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None
