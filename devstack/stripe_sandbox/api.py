"""The API's door: key, route, idempotency, parameters, the work itself, and what is saved of it.

The order matters and is Stripe's: who asks (401, 403), faults of the line (429), then the idempotency key (replay, 400,
409), then the parameters (400, not saved), and only then the execution, of which every answer is saved, a refusal and a
500 included (design: money A 6, traps 7 to 9 of money E).
"""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstack.stripe_sandbox import (
    accounts,
    billing,
    checkout,
    disputes,
    event_log,
    onboarding,
    params,
    payments,
    payouts,
    prices,
    refunds,
    searching,
    thin_events,
    transfers,
)
from devstack.stripe_sandbox.errors import RefusedError, UnsupportedError, invalid
from devstack.stripe_sandbox.faults import AT_THE_DOOR, AT_WORK, Fault, FaultKind, Faults
from devstack.stripe_sandbox.forms import decode
from devstack.stripe_sandbox.idempotency import Asked, IdempotencyKeys, Saved
from devstack.stripe_sandbox.keys import Key, Keyring
from devstack.stripe_sandbox.params import Wire
from devstack.stripe_sandbox.platform import API_VERSION, Cause, Platform
from devstack.stripe_sandbox.routes import Call, Route, check_expand, expand, shown
from devstack.stripe_sandbox.wire import Answer, Lost, Request

ROUTES: tuple[Route, ...] = (
    *searching.ROUTES,
    *checkout.ROUTES,
    *prices.ROUTES,
    *payments.ROUTES,
    *transfers.ROUTES,
    *refunds.ROUTES,
    *disputes.ROUTES,
    *payouts.ROUTES,
    *billing.ROUTES,
    *accounts.ROUTES,
    *onboarding.ROUTES,
    *event_log.ROUTES,
    *thin_events.ROUTES,
)
OK = 200

# Sees every answer of the API: method, path, status, body.
Observe = Callable[[str, str, int, Any], None]


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may run: its route, the key it came with, the ids of its path."""

    request: Request
    request_id: str
    route: Route
    key: Key
    ids: tuple[str, ...]

    @property
    def account(self) -> str | None:
        """The connected account in whose name it is made, if any."""
        return self.request.headers.get("stripe-account")


def _outage(*, saved: bool) -> RefusedError:
    return RefusedError(
        500, "An unknown error occurred. (The sandbox was asked to fail.)", kind="api_error", saved=saved
    )


class Api:
    """Answers the routes of /v1 and /v2. Thread-safe: one request works at a time, waiting ones hold no lock."""

    def __init__(
        self,
        platform: Platform,
        keyring: Keyring,
        faults: Faults,
        lock: threading.RLock,
        observe: Observe,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self._platform = platform
        self._keyring = keyring
        self._faults = faults
        self._lock = lock
        self._observe = observe
        self._idempotency = IdempotencyKeys()

    def answer(self, request: Request) -> Answer | Lost:
        """Answer one request, or lose it when a fault says so."""
        request_id = self._platform.new_id("req_", 14)
        door = self._faults.take(request.method, request.path, AT_THE_DOOR)
        if door is not None and door.kind is FaultKind.LOSE_REQUEST:
            self._count(request, None)
            return Lost()
        status, body, headers = self._attempt(request, request_id, door)
        self._observe(request.method, request.path, status, json.loads(body))
        if door is not None and door.kind is FaultKind.LOSE_ANSWER:
            return Lost()
        common = {
            "Content-Type": "application/json",
            "Request-Id": request_id,
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
            **headers,
        }
        key = request.headers.get("idempotency-key")
        if key:
            common["Idempotency-Key"] = key
        return Answer(status, body, common)

    def _attempt(self, request: Request, request_id: str, door: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        try:
            return self._once(self._admit(request, request_id, door))
        except RefusedError as refusal:
            headers = {"Stripe-Should-Retry": "false"} if isinstance(refusal, UnsupportedError) else {}
            return refusal.status, self._refused(refusal, request_id), headers

    def _refused(self, refusal: RefusedError, request_id: str) -> bytes:
        return _dump(refusal.body(request_id, self._platform.terms.account))

    def _admit(self, request: Request, request_id: str, door: Fault | None) -> Admitted:
        found = next(
            ((route, ids) for route in ROUTES if (ids := route.match(request.method, request.path)) is not None), None
        )
        self._count(request, found[0] if found else None)
        key = self._keyring.recognise(request.headers.get("authorization", ""))
        if found is None:
            raise UnsupportedError(f"{request.method} {request.path}")
        route, ids = found
        if request.headers.get("stripe-context") or (request.headers.get("stripe-account") and not route.behalf):
            raise UnsupportedError(f"{route.name} on behalf of a connected account (Stripe-Account, Stripe-Context)")
        key.demand(route.noun, route.access, self._platform.terms.account)
        if door is not None and door.kind is FaultKind.REFUSE_500:
            raise _outage(saved=False)
        if door is not None and door.kind is FaultKind.TOO_MANY:
            raise RefusedError(
                429,
                "Request rate limit exceeded. Learn more about rate limits at https://docs.stripe.com/rate-limits.",
                code="rate_limit",
                saved=False,
            )
        return Admitted(request, request_id, route, key, ids)

    def _count(self, request: Request, route: Route | None) -> None:
        with self._lock:
            self.calls[route.name if route else f"{request.method} {request.path}"] += 1

    # Idempotency --------------------------------------------------------------------------------------------------

    def _once(self, admitted: Admitted) -> tuple[int, bytes, dict[str, str]]:
        request, route = admitted.request, admitted.route
        name = request.headers.get("idempotency-key") if request.method == "POST" else None
        if not name:
            status, body, _ = self._execute(admitted, self._strike(request))
            return status, body, {}
        version = request.headers.get("stripe-version", API_VERSION)
        asked = Asked(request.method, request.path, _canonical(request, route), version)
        with self._lock:
            saved = self._idempotency.begin(name, asked, self._platform.clock.wall())
        if saved is not None:
            return saved.status, saved.body, {"Idempotent-Replayed": "true", "Original-Request": saved.request_id}
        keep: Saved | None = None
        try:
            status, body, began = self._execute(admitted, self._strike(request))
            if began and (status == OK or not route.path.startswith("/v2/")):
                keep = Saved(status, body, admitted.request_id)
            return status, body, {}
        finally:
            with self._lock:
                if keep is None:
                    self._idempotency.forget(name)
                else:
                    self._idempotency.save(name, keep)

    def _strike(self, request: Request) -> Fault | None:
        """Let a fault of the work strike; waits happen here, with the idempotency key in use and no lock held."""
        fault = self._faults.take(request.method, request.path, AT_WORK)
        if fault is not None and fault.kind is FaultKind.DELAY:
            self._faults.pause(fault.seconds)
        elif fault is not None and fault.kind is FaultKind.HOLD:
            self._faults.hold()
        return fault

    # Execution ----------------------------------------------------------------------------------------------------

    def _execute(self, admitted: Admitted, fault: Fault | None) -> tuple[int, bytes, bool]:
        """Do the work; give status, body and whether the execution began (else nothing is saved)."""
        route, key = admitted.route, admitted.key
        checked = params.check(route.params, route.wire, _given(admitted.request, route))
        params.supported(route.name, checked, route.takes, route.only)
        check_expand(key, checked.get("expand", []), self._platform.terms.account)
        _check_metadata(checked)
        try:
            if fault is not None and fault.kind is FaultKind.STORED_500_BEFORE:
                raise _outage(saved=True)
            with self._lock:
                body = self._work(admitted, Call(key, admitted.ids, checked, admitted.account))
            if fault is not None and fault.kind is FaultKind.STORED_500_AFTER:
                raise _outage(saved=True)
        except RefusedError as refusal:
            if not refusal.saved:
                raise
            return refusal.status, self._refused(refusal, admitted.request_id), True
        return OK, body, True

    def _work(self, admitted: Admitted, call: Call) -> bytes:
        self._platform.advance()
        self._platform.cause = Cause(admitted.request_id, admitted.request.headers.get("idempotency-key"))
        try:
            resource = shown(self._platform, admitted.route.handler(self._platform, call))
        finally:
            self._platform.cause = Cause()
        return _dump(expand(self._platform, resource, call.params.get("expand", [])))


def _dump(body: object) -> bytes:
    return json.dumps(body, indent=2, ensure_ascii=False).encode()


def _given(request: Request, route: Route) -> dict[str, Any]:
    if request.method in {"GET", "DELETE"}:
        return decode(request.query)
    if route.wire is Wire.FORM:
        return decode(request.body.decode(errors="replace"))
    try:
        given = json.loads(request.body or b"{}")
    except ValueError as error:
        raise invalid("The request body is not valid JSON.") from error
    if not isinstance(given, dict):
        raise invalid("The request body must be a JSON object.")
    return given


def _canonical(request: Request, route: Route) -> bytes:
    return json.dumps(_given(request, route), sort_keys=True).encode()


KEYS_AT_MOST, KEY_LENGTH, VALUE_LENGTH = 50, 40, 500


def _check_metadata(given: dict[str, Any]) -> None:
    """Hold metadata to Stripe's limits (source: docs.stripe.com/metadata)."""
    for name in ("metadata", "payment_intent_data", "subscription_data"):
        metadata = given.get(name, {})
        metadata = metadata.get("metadata", {}) if name != "metadata" else metadata
        if not isinstance(metadata, dict):
            continue
        if len(metadata) > KEYS_AT_MOST:
            raise invalid(f"You can only specify up to {KEYS_AT_MOST} metadata keys.", param=name)
        for key, value in metadata.items():
            if len(key) > KEY_LENGTH:
                raise invalid(
                    f"Metadata keys can have up to {KEY_LENGTH} characters, but '{key}' has more.", param=name
                )
            if len(value) > VALUE_LENGTH:
                raise invalid(
                    f"Metadata values can have up to {VALUE_LENGTH} characters, but that of '{key}' has {len(value)}.",
                    param=f"{name}[{key}]",
                )
