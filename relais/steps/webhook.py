"""The webhook's door. Forged, stale, truncated, unreadable: 400. Signed but not for us: 200, nothing stored.

It commits "session says paid" and the start, no more (design: money A 12). It imports what that takes and nothing else:
Stripe waits for it, and every import is paid on a cold start (`make benchmark`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from relais.gate import OWED_AFTER, Owed, due_shard
from relais.metrics import Metric, webhook_metric
from relais.order import OrderStage, is_order_id, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Put, absent, differs, equals, order_key, paid_key, present, session_key
from relais.signature import SignatureRefusedError, verify
from relais.steps.strays import stray_act
from relais.web import Request, Response


@dataclass(frozen=True, slots=True, repr=False)
class StripeEvent:
    """An event as its signature vouches for it: a hint to look, never a fact to book."""

    id: str
    type: str
    livemode: bool
    subject: dict[str, Any]


STRIPE_ID = re.compile(r"[a-z]{2,10}_[A-Za-z0-9_]{1,240}")
PAID = frozenset({"paid", "no_payment_required"})
STATUSES = PAID | {"unpaid"}
"""What a session's payment may be (docs.stripe.com/api/checkout/sessions/object, `payment_status`)."""
UNREADABLE = "unreadable"
"""Signed and of a session of ours, but not in the shape that we know: a 200 would lose a payment for good."""
PAID_EVENTS = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
REFUSED_EVENT = "checkout.session.async_payment_failed"
"""A debit that its bank refused."""
FEE_EVENT = "charge.updated"
UNANSWERED = frozenset({"pending", "failed"})
DISPUTE_EVENTS = frozenset(
    f"charge.dispute.{what}" for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
)
EVENTS = PAID_EVENTS | DISPUTE_EVENTS | {FEE_EVENT, REFUSED_EVENT}
"""What the door acts on, and so what the reconciler feeds to it again."""


def receive_signed(ports: Ports, request: Request) -> Response:
    """Check the signature on the raw body, then take the event in. Times are wall time."""
    try:
        verify(request.body, request.headers.get("stripe-signature", ""), ports.webhook_secrets, ports.wall())
        event = _event(request.body)
    except SignatureRefusedError as refused:
        return _refuse(ports, refused.cause)
    if event is None:
        return _refuse(ports, "malformed")
    outcome = receive(ports, event)
    if outcome == UNREADABLE:
        return _refuse(ports, outcome)
    ports.counter.count(webhook_metric(outcome))
    return Response(200, json.dumps({"received": outcome}), {"content-type": "application/json"})


def _refuse(ports: Ports, cause: str) -> Response:
    ports.counter.count(Metric.WEBHOOK_REFUSED)
    return Response(400, json.dumps({"refused": cause}), {"content-type": "application/json"})


def _event(body: bytes) -> StripeEvent | None:
    try:
        event = json.loads(body)
        subject = event["data"]["object"]
        return StripeEvent(str(event["id"]), str(event["type"]), event["livemode"] is True, dict(subject))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _name(value: object) -> str:
    """An id as Stripe writes them, or nothing: what is none is never looked up, nor kept."""
    return value if isinstance(value, str) and STRIPE_ID.fullmatch(value) else ""


def receive(ports: Ports, event: StripeEvent) -> str:
    """Take an event in. Returns what became of it, for the count; each but `UNREADABLE` is a 200 to Stripe."""
    if event.livemode is not (ports.settings.stage == "prod"):
        return "wrong_mode"
    if event.type in PAID_EVENTS or event.type == REFUSED_EVENT:
        return _session_paid(ports, event.subject)
    if event.type in DISPUTE_EVENTS:
        return _dispute(ports, event.subject)
    if event.type == FEE_EVENT:
        return _fee_known(ports, event.subject)
    return "unknown"


def _dispute(ports: Ports, dispute: dict[str, Any]) -> str:
    """What stands at Stripe is read by the function that may; events of a dispute overtake each other."""
    known = _name(dispute.get("id"))
    if not known:
        return UNREADABLE
    ports.background.run_act(known, Owed.DISPUTE.value)
    return "dispute"


def _session_paid(ports: Ports, session: dict[str, Any]) -> str:
    known = _name(session.get("id"))
    row = ports.store.get(session_key(known)) if known else None
    if row is None:
        return "unknown_session"
    status = session.get("payment_status")
    if not isinstance(status, str) or status not in STATUSES:
        return UNREADABLE
    if status not in PAID:
        # A debit that is under way, or was refused: which of both stands at Stripe is read by the function that may.
        ports.background.run_act(known, Owed.DEBIT.value)
        return "unpaid"
    order = str(row["order"])
    if "extra" in row:
        return _extra_paid(ports, order, str(row["extra"]), known)
    paid = Change(
        order_key(order),
        put={
            "stage": OrderStage.PAID.value,
            "run": 1,
            "session": known,
            "owes_start": 0,
            "due": stamp(ports.now() + OWED_AFTER),
            "due_shard": due_shard(order),
        },
        remove=("owes_mail",),
        guards=(equals("stage", OrderStage.DRAFT.value),),
    )
    try:
        ports.store.write(paid)
    except ConditionFailedError:
        return _paid_again(ports, order, known)
    ports.machine.start(order, 1)
    return "paid"


def _extra_paid(ports: Ports, order: str, gate: str, session: str) -> str:
    """Something that was added to an order: booked, or given back, by the function that may read it at Stripe."""
    told = {"v": 1, "gate": gate, "session": session, "due": stamp(ports.now() + OWED_AFTER)}
    try:
        ports.store.write(Put(paid_key(order, session), told | {"due_shard": due_shard(order)}))
    except ConditionFailedError:
        return "seen"
    ports.background.run_act(order, "acts")
    return "extra"


def _paid_again(ports: Ports, order: str, session: str) -> str:
    """A session of an order that is paid already.

    The same one is known, another one goes back whole (ledger row 20).
    """
    row = ports.store.get(order_key(order))
    if row is None or row.get("session") == session:
        return "seen"
    try:
        ports.store.write(*stray_act(ports, order, session))
    except ConditionFailedError:
        return "seen"
    ports.background.run_act(order, "acts")
    return "second_payment"


def _fee_known(ports: Ports, charge: dict[str, Any]) -> str:
    order, known = charge.get("transfer_group"), _name(charge.get("id"))
    if not charge.get("balance_transaction") or not isinstance(order, str) or not is_order_id(order) or not known:
        return "no_fee_yet"
    if charge.get("status") in UNANSWERED:
        return "no_fee_yet"  # a debit: the line of Stripe's book comes before the bank's answer, which it may undo
    owed = Change(
        order_key(order),
        put={"owes_fee": known, "due": stamp(ports.now() + OWED_AFTER), "due_shard": due_shard(order)},
        guards=(present("pk"), differs("charge_booked", known), absent("owes_fee")),
    )
    try:
        ports.store.write(owed)
    except ConditionFailedError:
        row = ports.store.get(order_key(order))
        if row is None or row.get("owes_fee") in {None, known}:
            return "seen"
        # That of another charge is owed at this moment: whoever books it looks at all of the order's.
    ports.background.run_act(order, Owed.FEE.value)
    return "fee"
