"""Signed deliveries of events: when, to whom, again after a failure, twice or out of order when asked.

Stripe promises no order, repeats deliveries, and signs each attempt anew over the same body (design: trap 6 of
money E). A failed delivery is tried again a few times with growing pauses of wall time, then given up.
"""

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

PAUSES = (5.0, 30.0, 120.0)
TIMEOUT = 20.0


class Door(StrEnum):
    """What an endpoint hears of: the platform's own account, its connected accounts, or v2 objects as thin events."""

    ACCOUNT = "account"
    CONNECTED = "connected"
    THIN = "thin"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events go: the address, the secret that signs, the types it wants (`None` means all), and whose they are.

    Each door has its own secret (design: money A 12, trap 23 of money E).
    """

    url: str
    secret: str
    types: frozenset[str] | None = None
    door: Door = Door.ACCOUNT

    def wants(self, kind: str, door: Door = Door.ACCOUNT) -> bool:
        """Tell whether this endpoint is subscribed to a type of event of that door."""
        return self.door is door and (self.types is None or kind in self.types)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to hand an event to an endpoint: the body of then, a signature of now."""

    event: str
    kind: str
    endpoint: Endpoint
    body: bytes
    due: float
    attempt: int = 1

    def headers(self, timestamp: int) -> dict[str, str]:
        """The headers of this attempt, signed with the endpoint's secret at a true time in seconds."""
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(self.body, self.endpoint.secret, timestamp),
        }


# Hands over one delivery: address, headers, body; returns the HTTP status, or 0 when nobody answered.
Deliver = Callable[[str, Mapping[str, str], bytes], int]


def signature(body: bytes, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header (source: docs.stripe.com/webhooks, "Verify manually")."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={signed}"


class _Stay(HTTPRedirectHandler):
    """Stripe follows no redirect: one counts as a failure."""

    def redirect_request(self, *_: object) -> None:
        """Refuse, so that the redirect surfaces as its status."""


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Deliver over HTTP, past any proxy."""
    opener = build_opener(_Stay, ProxyHandler({}))
    request = Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - the endpoint we were given
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
    except (URLError, OSError):
        return 0


@dataclass(slots=True)
class Switches:
    """How deliveries misbehave: everything twice, in an order drawn from a seed, or not at all."""

    duplicate: bool = False
    shuffle: int | None = None
    drop: bool = False


class Outbox:
    """Deliveries that wait. Not thread-safe: the sandbox's lock guards it."""

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints
        self.switches = Switches()
        self._waiting: list[Delivery] = []
        self._open: dict[str, int] = {}

    def put(self, event: Mapping[str, Any], wall: float, door: Door = Door.ACCOUNT) -> int:
        """Queue an event for every endpoint of a door that wants it; give how many those are."""
        body = json.dumps(event, indent=2, ensure_ascii=False).encode()
        deliveries = [
            Delivery(event["id"], event["type"], endpoint, body, wall)
            for endpoint in self.endpoints
            if endpoint.wants(event["type"], door)
        ]
        self._open[event["id"]] = len(deliveries)
        if not self.switches.drop:
            self._waiting += deliveries * (2 if self.switches.duplicate else 1)
        return len(deliveries)

    def due(self, wall: float) -> list[Delivery]:
        """Take what is due by now, oldest first, or shuffled when asked."""
        ready = [delivery for delivery in self._waiting if delivery.due <= wall]
        self._waiting = [delivery for delivery in self._waiting if delivery.due > wall]
        if self.switches.shuffle is not None:
            random.Random(self.switches.shuffle).shuffle(ready)  # noqa: S311 - a repeatable disorder
        return ready

    def settle(self, delivery: Delivery, status: int, wall: float) -> None:
        """Book the answer of an endpoint: done on any 2xx, else once more after a pause, three times at most."""
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            self._open[delivery.event] = max(0, self._open[delivery.event] - 1)
        elif delivery.attempt <= len(PAUSES):
            pause = PAUSES[delivery.attempt - 1]
            self._waiting.append(replace(delivery, attempt=delivery.attempt + 1, due=wall + pause))

    def undelivered(self, event: str) -> int:
        """How many endpoints have not acknowledged an event (`pending_webhooks`)."""
        return self._open.get(event, 0)

    def next_due(self) -> float | None:
        """The wall time of the next delivery, if any waits."""
        return min((delivery.due for delivery in self._waiting), default=None)
