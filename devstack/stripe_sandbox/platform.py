"""The platform's account at the pretended Stripe: objects, what is scheduled, and the events that tell of it."""

import copy
import heapq
import itertools
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from devstack.stripe_sandbox.cards import RefundCourse
from devstack.stripe_sandbox.clock import Clock
from devstack.stripe_sandbox.errors import UnsupportedError, missing
from devstack.stripe_sandbox.webhooks import Door, Outbox

# A Stripe object as its JSON.
Resource = dict[str, Any]

API_VERSION = "2026-10-28.endive"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# Kind of object by the prefix of its ids; the nouns are those of Stripe's messages.
KINDS = {
    "cs_": "checkout.session",
    "pi_": "payment_intent",
    "ch_": "charge",
    "py_": "charge",
    "txn_": "balance_transaction",
    "re_": "refund",
    "pyr_": "refund",
    "tr_": "transfer",
    "trr_": "transfer_reversal",
    "dp_": "dispute",
    "issfr_": "radar.early_fraud_warning",
    "po_": "payout",
    "tu_": "topup",
    "cus_": "customer",
    "sub_": "subscription",
    "in_": "invoice",
    "inpay_": "invoice_payment",
    "price_": "price",
    "evt_": "event",
    "acct_": "v2.core.account",
}
# Events that the platform's own list does not show: those of connected accounts, and thin ones.
CONNECTED_EVENT = "connected_event"
THIN_EVENT = "v2.core.event"
NOUNS = {
    "checkout.session": "checkout.session",
    "balance_transaction": "balance transaction",
    "v2.core.account": "account",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What this sandbox's Stripe charges and waits: delays in seconds and days of virtual time."""

    account: str = "acct_1RelaisSandbox00"
    country: str = "FR"
    currency: str = "eur"
    fee_delay: float = 2.0
    settle_days: int = 3
    # A debit is answered by the bank some days later, and disputed within eight weeks (design: money A 10).
    debit_days: float = 5.0
    # Account links live some minutes; an onboarding is verified a little after it was filled in.
    link_minutes: float = 10.0
    verify_seconds: float = 5.0
    # Evidence is due, an issuer decides, a payout arrives.
    evidence_days: float = 9.0
    decision_days: float = 60.0
    payout_days: float = 2.0
    # Stripe pays out daily by default; here nothing leaves unless somebody wants it to.
    payouts: str = "manual"
    recipient_payouts: str = "manual"
    # Search answers of what is a minute old, a list of what is (source: docs.stripe.com/search, "Data freshness").
    search_lag: float = 60.0
    # What one unit of a currency is worth in the account's own, before Stripe's conversion fee.
    rates: Mapping[str, Decimal] = field(
        default_factory=lambda: MappingProxyType(
            {"usd": Decimal("0.92"), "gbp": Decimal("1.16"), "chf": Decimal("1.05"), "jpy": Decimal("0.0061")}
        )
    )


@dataclass(frozen=True, slots=True)
class Cause:
    """The request that an event is due to; nothing when a person at the hosted page or time itself caused it."""

    request: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a charge will bring once booked: its fee in the minor unit, when the money is available, how refunds go."""

    amount: int
    currency: str
    fee: int
    available_on: int
    refunds: RefundCourse = RefundCourse.USUAL
    kind: str = "charge"
    rate: Decimal | None = None


@dataclass(slots=True)
class Platform:
    """Everything the sandbox knows. Not thread-safe: one lock guards it (see `sandbox`)."""

    clock: Clock
    terms: Terms
    outbox: Outbox
    public_url: str = ""
    draw: Callable[[str], str] = secrets.choice
    """Each letter of an id is drawn by it."""
    cause: Cause = Cause()
    settlements: dict[str, Settlement] = field(default_factory=dict)
    line_items: dict[str, list[Resource]] = field(default_factory=dict)
    intent_data: dict[str, Resource] = field(default_factory=dict)
    # What connected accounts hold, and what the seller set about payouts.
    pots: dict[str, list["Share"]] = field(default_factory=dict)
    links: dict[str, "Link"] = field(default_factory=dict)
    rates: dict[str, Decimal] = field(default_factory=dict)
    # How each subscription goes on (`billing.Plan`), by its id.
    plans: dict[str, Any] = field(default_factory=dict)
    # The name of each product, by its id.
    products: dict[str, str] = field(default_factory=dict)
    minimum: dict[str, int] = field(default_factory=dict)
    # What the platform's own account may do.
    capabilities: dict[str, str] = field(
        default_factory=lambda: dict.fromkeys(("card_payments", "sepa_debit_payments", "transfers"), "active")
    )
    interval: str = ""
    _objects: dict[str, dict[str, Resource]] = field(default_factory=dict)
    _schedule: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)
    _at: int | None = None

    def __post_init__(self) -> None:
        """Start from the terms; what can change since changes here."""
        self.rates.update(self.terms.rates)
        self.interval = self.terms.payouts

    # Time ---------------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """The virtual instant in seconds: while a scheduled job runs, the one it was due at."""
        return self.clock.now() if self._at is None else self._at

    def schedule(self, due: float, job: Callable[[], None]) -> None:
        """Run a job at a virtual instant, or at the first look after it."""
        heapq.heappush(self._schedule, (int(due), next(self._order), job))

    def advance(self) -> None:
        """Do everything that has become due, in order, each job at its own instant."""
        now = self.clock.now()
        while self._schedule and self._schedule[0][0] <= now:
            due, _, job = heapq.heappop(self._schedule)
            with self._during(due):
                job()

    @contextmanager
    def _during(self, due: int) -> Iterator[None]:
        self._at, before = due, self._at
        cause, self.cause = self.cause, Cause()
        try:
            yield
        finally:
            self._at, self.cause = before, cause

    def waits(self) -> bool:
        """Tell whether anything is scheduled."""
        return bool(self._schedule)

    # Objects ------------------------------------------------------------------------------------------------------

    def new_id(self, prefix: str, length: int = 24) -> str:
        """An id as Stripe's look."""
        return prefix + "".join(self.draw(LETTERS) for _ in range(length))

    def add(self, resource: Resource, kind: str | None = None) -> Resource:
        """Keep a new object, under its own kind unless another is named."""
        self._objects.setdefault(kind or resource["object"], {})[resource["id"]] = resource
        return resource

    def get(self, kind: str, identifier: str, *, param: str = "id", status: int = 404) -> Resource:
        """One object. Raises RefusedError: 404, or 400 when a parameter named it."""
        found = self._objects.get(kind, {}).get(identifier)
        if found is None:
            raise missing(NOUNS.get(kind, kind), identifier, param=param, status=status)
        return found

    def find(self, identifier: str) -> Resource:
        """The object behind an id, whatever its kind. Raises UnsupportedError for kinds that are not built."""
        kind = next((kind for prefix, kind in KINDS.items() if identifier.startswith(prefix)), None)
        found = self._objects.get(kind or "", {}).get(identifier)
        if found is None:
            raise UnsupportedError(f"the object {identifier}")
        return found

    def has(self, kind: str, identifier: str) -> bool:
        """Tell whether an object exists."""
        return identifier in self._objects.get(kind, {})

    def newest_first(self, kind: str) -> list[Resource]:
        """All objects of a kind in the order of Stripe's lists."""
        return list(reversed(self._objects.get(kind, {}).values()))

    def kinds(self) -> list[str]:
        """The kinds of which there is at least one object."""
        return sorted(self._objects)

    # Events -------------------------------------------------------------------------------------------------------

    def emit(
        self, kind: str, resource: Resource, previous: Resource | None = None, *, account: str | None = None
    ) -> Resource:
        """Tell what happened: an event with the object of now, whatever becomes of it later (trap 6 of money E).

        With `account` it happened at a connected account: it goes through another door (trap 23 of money E).
        """
        door = Door.CONNECTED if account else Door.ACCOUNT
        data: Resource = {"object": copy.deepcopy(resource)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": self.new_id("evt_"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": sum(endpoint.wants(kind, door) for endpoint in self.outbox.endpoints),
            "request": {"id": self.cause.request, "idempotency_key": self.cause.idempotency_key},
            "type": kind,
        }
        if account:
            event["account"] = account
        self.add(event, CONNECTED_EVENT if account else None)
        self.outbox.put(event, self.clock.wall(), door)
        return event

    def notify(self, kind: str, related: Resource | None, data: Resource | None = None) -> Resource:
        """Tell of a v2 object by a thin event: a reference to what changed, and nothing of it.

        Who wants to know fetches the object, or the event for its `data`
        (source: docs.stripe.com/event-destinations, "Thin events").
        """
        request = {"id": self.cause.request, "idempotency_key": self.cause.idempotency_key or ""}
        event: Resource = {
            "id": self.new_id("evt_test_65"),
            "object": THIN_EVENT,
            "context": None,
            "created": timestamp(self.now()),
            "livemode": False,
            "reason": {"type": "request", "request": request} if self.cause.request else None,
            "type": kind,
        } | ({"related_object": related} if related else {})
        self.add(event | {"changes": None, "data": data or {}})
        self.outbox.put(event, self.clock.wall(), Door.THIN)
        return event


@dataclass(frozen=True, slots=True)
class Share:
    """Money that came to a connected account or left it: signed, in minor units, available from an instant on."""

    amount: int
    currency: str
    available_on: int
    source: str


@dataclass(slots=True)
class Link:
    """An account link: until when it works, what it is for, and the token of the form once somebody has opened it."""

    account: str
    until: float
    use_case: Resource
    form: str | None = None


def timestamp(seconds: float) -> str:
    """An instant as v2 writes it (RFC 3339)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
