"""Stripe, through its official library: one try per call, so that our own loop sees every answer (design.

Money section C 2).

API version 2026-10-28.endive, the one this library pins. Keys are restricted per function and come from their own
secret.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import stripe

from relais.bank import Movement
from relais.dispute import DisputeSeen
from relais.ports import (
    AnswerUnknownError,
    ChargeSeen,
    MovementRefusedError,
    PaidSession,
    Sent,
    SessionRequest,
    Settlement,
    TryAgainError,
)

_Made = TypeVar("_Made")
TIMEOUT_SECONDS = 20
_NOT_BEGUN = frozenset({409, 429})
_NOT_ALLOWED = frozenset({401, 403})
_OUR_MISTAKE = "idempotency_error"
_OURS = frozenset({"session", "transfer", "account", "wanted", "note", "charged", "borne"})
"""What a body keeps for us: named elsewhere in the call, or not at all."""


class StripePayments:
    """Payments on one Stripe account."""

    def __init__(self, key: str, url: str | None = None) -> None:
        """Talk to Stripe, or to a stand-in at `url`."""
        addresses: Any = {"api": url} if url else {}
        self._stripe = stripe.StripeClient(
            key,
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
            base_addresses=addresses,
        )

    def open_session(self, request: SessionRequest) -> PaidSession:
        """Open a hosted checkout; the same request gives the same session (its number is the key)."""
        metadata = {"order": request.order}
        params: Any = {
            "mode": "payment",
            "client_reference_id": request.order,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": request.currency,
                        "unit_amount": request.amount,
                        "product_data": {"name": request.title},
                    },
                }
            ],
            "allowed_payment_method_types": ["card", "sepa_debit"] if request.debit else ["card"],
            "locale": request.lang,
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "expires_at": int(request.expires_at.timestamp()),
            "metadata": metadata,
            # The intent inherits no metadata, the charge no group but the intent's (design: money A 4, A 7)
            "payment_intent_data": {"metadata": metadata, "transfer_group": request.order},
        }
        if request.email:
            params["customer_email"] = request.email
        if request.note:
            params["custom_text"] = {"submit": {"message": request.note}}
        key = f"{request.order}:checkout:{request.what}:{request.number}:0"
        session = self._stripe.v1.checkout.sessions.create(params, {"idempotency_key": key})
        return _paid_session(session, None)

    def session(self, session: str) -> PaidSession:
        """Re-read a session, with its payment's charge."""
        found = self._stripe.v1.checkout.sessions.retrieve(session)
        named = _id(found.payment_intent)
        if named is None:
            return _paid_session(found, None)
        intent = self._stripe.v1.payment_intents.retrieve(named)
        return _paid_session(found, _id(intent.latest_charge), processing=intent.status == "processing")

    def checkout(self, session: str) -> PaidSession:
        """Re-read a session alone."""
        return _paid_session(self._stripe.v1.checkout.sessions.retrieve(session), None)

    def charge(self, charge: str) -> ChargeSeen:
        """Re-read a charge; its balance transaction is null at first (design: money A 3)."""
        found = self._stripe.v1.charges.retrieve(charge)
        transaction = _id(found.balance_transaction)
        settlement = None if transaction is None else self.settlement(transaction)
        details = found.payment_method_details
        method = "card" if details is None else details.type
        return ChargeSeen(found.id, _id(found.payment_intent), settlement, method)

    def settlement(self, transaction: str) -> Settlement:
        """A balance transaction by its id."""
        found = self._stripe.v1.balance_transactions.retrieve(transaction)
        return Settlement(
            id=found.id,
            type=found.type,
            amount=found.amount,
            fee=found.fee,
            net=found.net,
            currency=found.currency,
            source=_id(found.source),
            created=datetime.fromtimestamp(found.created, UTC),
            available_on=datetime.fromtimestamp(found.available_on, UTC),
        )

    def refund_settlement(self, refund: str) -> Settlement | None:
        """The balance transaction of a refund; null while it waits for money."""
        transaction = _id(self._stripe.v1.refunds.retrieve(refund).balance_transaction)
        return None if transaction is None else self.settlement(transaction)

    def transfer(self, body: dict[str, Any], key: str) -> Sent:
        """Send a transfer once, and say which of three things happened besides success.

        Raises `MovementRefusedError` (Stripe's final no under this key), `TryAgainError` (it did not begin),
        `AnswerUnknownError`.
        """
        made = _once(lambda: self._stripe.v1.transfers.create(_asked(body), {"idempotency_key": key}))
        return _sent(made)

    def refund(self, body: dict[str, Any], key: str) -> Sent:
        """Send a refund once; one that Stripe holds as pending was taken all the same.

        Raises what a transfer raises.
        """
        made = _once(lambda: self._stripe.v1.refunds.create(_asked(body), {"idempotency_key": key}))
        if made.status in {"failed", "canceled"}:
            raise MovementRefusedError(made.failure_reason or made.status)
        return _sent(made)

    def reverse(self, body: dict[str, Any], key: str) -> Sent:
        """Take back of a transfer what its account has available, once. Raises what a transfer raises."""
        transfer = str(body["transfer"])
        return _sent(
            _once(lambda: self._stripe.v1.transfers.reversals.create(transfer, _asked(body), {"idempotency_key": key}))
        )

    def spendable(self, account: str, currency: str) -> int:
        """What a connected account has available in a currency."""
        found = _once(lambda: self._stripe.v1.balance.retrieve({}, {"stripe_account": account}))
        return sum(pot.amount for pot in found.available if pot.currency == currency)

    def dispute(self, dispute: str) -> DisputeSeen:
        """A dispute as it stands, with the order that its charge belongs to."""
        found = _once(lambda: self._stripe.v1.disputes.retrieve(dispute))
        charge = _id(found.charge) or ""
        order = _once(lambda: self._stripe.v1.charges.retrieve(charge)).transfer_group
        due = found.evidence_details.due_by
        return DisputeSeen(
            id=found.id,
            status=found.status,
            reason=found.reason,
            amount=found.amount,
            currency=found.currency,
            payment_intent=_id(found.payment_intent),
            order=order,
            due_by=datetime.fromtimestamp(due, UTC) if due else None,
            submitted=found.evidence_details.submission_count > 0,
            lines=tuple(_line(one, found.id, order) for one in found.balance_transactions),
        )

    def submit_evidence(self, dispute: str, evidence: dict[str, str], key: str) -> None:
        """Hand evidence in."""
        given: Any = {"evidence": evidence, "submit": True}
        _once(lambda: self._stripe.v1.disputes.update(dispute, given, {"idempotency_key": key}))

    def accept_dispute(self, dispute: str, key: str) -> None:
        """Accept a dispute: it is lost for good."""
        _once(lambda: self._stripe.v1.disputes.close(dispute, {}, {"idempotency_key": key}))

    def made(self, kind: str, body: dict[str, Any], since: datetime) -> list[Sent]:
        """Look an operation up: every page of the lists that must show it, never the search (design: money C 5)."""
        return [one for one in self.listed(kind, body, since) if one.operation == body["metadata"]["op"]]

    def listed(self, kind: str, body: dict[str, Any], since: datetime) -> list[Sent]:
        """Every page of the lists that must show an operation, with whatever they show besides."""
        created: Any = {"gte": int(since.timestamp())}
        v1 = self._stripe.v1

        def listed() -> list[Any]:
            if kind == "refund":
                asked: Any = {"payment_intent": body["payment_intent"], "limit": 100}
                return list(v1.refunds.list(asked).auto_paging_iter())
            if kind == "reversal":
                return list(v1.transfers.reversals.list(body["transfer"], {"limit": 100}).auto_paging_iter())
            asked = {"limit": 100, "created": created}
            by_account = v1.transfers.list(asked | {"destination": body["destination"]}).auto_paging_iter()
            by_group = v1.transfers.list(asked | {"transfer_group": body["transfer_group"]}).auto_paging_iter()
            return [*by_account, *by_group]

        found = {one.id: one for one in _once(listed)}
        return [_sent(one) for one in sorted(found.values(), key=lambda one: int(one.created))]


def _line(found: Any, dispute: str, order: str | None) -> Movement:
    """A balance transaction of a dispute, as the reconciler would read it."""
    return Movement(
        id=found.id,
        kind=found.type,
        amount=found.amount,
        fee=found.fee,
        net=found.net,
        currency=found.currency,
        created=datetime.fromtimestamp(found.created, UTC),
        source=dispute,
        about="dispute",
        order=order,
    )


def _sent(made: Any) -> Sent:
    """A transfer, a refund or a reversal as Stripe shows it; only a transfer has a destination."""
    return Sent(
        id=made.id,
        amount=made.amount,
        currency=made.currency,
        destination=_id(made.to_dict().get("destination")) or "",
        operation=_operation(made),
        settlement=_id(made.balance_transaction),
    )


def _asked(body: dict[str, Any]) -> Any:
    """What Stripe is asked: nothing that is empty, nothing that is only ours."""
    return {name: value for name, value in body.items() if value != "" and name not in _OURS}


def _once(call: Callable[[], _Made]) -> _Made:
    """One call and its meaning."""
    try:
        return call()
    except stripe.APIConnectionError as error:
        raise AnswerUnknownError("connection") from error
    except stripe.StripeError as error:
        raise _meaning(error) from error


def _operation(made: Any) -> str | None:
    """The operation that a movement was made for, from its metadata."""
    metadata = made.to_dict().get("metadata") or {}
    operation = metadata.get("op")
    return None if operation is None else str(operation)


def _meaning(error: stripe.StripeError) -> Exception:
    """What an error answer says of the movement (design: money section C 4)."""
    status = error.http_status or 0
    if status in _NOT_BEGUN:
        return TryAgainError(str(status))
    if isinstance(error, stripe.IdempotencyError):
        return AnswerUnknownError(_OUR_MISTAKE)
    if status in _NOT_ALLOWED:
        return MovementRefusedError(f"not_allowed_{status}")
    if 400 <= status < 500:  # noqa: PLR2004 - the class of a client's error
        return MovementRefusedError(error.code or str(status))
    return AnswerUnknownError(str(status or "none"))


def _paid_session(session: Any, charge: str | None, *, processing: bool = False) -> PaidSession:
    details = session.customer_details
    return PaidSession(
        id=session.id,
        status=session.status or "",
        payment_status=session.payment_status,
        url=session.url,
        amount=session.amount_total or 0,
        currency=session.currency or "",
        order=session.client_reference_id,
        email=None if details is None else details.email,
        name=None if details is None else details.name,
        payment_intent=_id(session.payment_intent),
        charge=charge,
        processing=processing,
    )


def _id(value: Any) -> str | None:
    """The id of something that Stripe gives as an id, an object or nothing."""
    if value is None or isinstance(value, str):
        return value
    return str(value.id)
