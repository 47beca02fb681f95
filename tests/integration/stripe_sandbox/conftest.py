"""A sandbox on the loopback interface, the official library as its client, and every answer held to the shapes."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import pytest
import stripe

from devstack.simulation.stripe_line import Line
from devstack.stripe_sandbox import Door, Endpoint, Sandbox, shapes

SECRET, CONNECTED_SECRET, THIN_SECRET = "whsec_test", "whsec_connected", "whsec_thin"
DOORS = (
    Endpoint("http://shop.example/hooks", SECRET),
    Endpoint("http://shop.example/connected", CONNECTED_SECRET, door=Door.CONNECTED),
    Endpoint("http://shop.example/thin", THIN_SECRET, door=Door.THIN),
)
THIN = {"id", "object", "context", "created", "livemode", "reason", "type"}
FREELANCER = "acct_1RelaisFreelancer0"
FRENCH = "4000 0025 0000 0003"
DAY = 86400


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Reply:
    """What the browser got: status, body, and where a redirect leads."""

    status: int
    text: str
    location: str | None


def browse(url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    """One request of a browser that does not follow redirects."""
    body = urlencode(form).encode() if form is not None else None
    request = Request(url, data=body, headers=dict(headers or {}))  # noqa: S310 - our own sandbox
    try:
        with build_opener(_Stay, ProxyHandler({})).open(request) as answer:
            return Reply(answer.status, answer.read().decode(), answer.headers.get("Location"))
    except HTTPError as error:
        with error:
            return Reply(error.code, error.read().decode(), error.headers.get("Location"))


@dataclass
class World:
    """The sandbox with what a test wants of it close at hand."""

    sandbox: Sandbox
    delivered: list[tuple[str, Mapping[str, str], bytes]]
    wrong: list[str]
    status: list[int] = field(default_factory=lambda: [200])

    def client(self, key: str = "sk_test_relais_local", retries: int = 0) -> stripe.StripeClient:
        """The official library, unchanged, pointed at the sandbox: over HTTP when it is to repeat by itself."""
        if retries:
            return stripe.StripeClient(key, base_addresses={"api": self.sandbox.url}, max_network_retries=retries)
        line = Line(self.sandbox, lambda _method, _path: None)
        return stripe.StripeClient(key, max_network_retries=0, http_client=line)

    def session(self, **more: Any) -> stripe.checkout.Session:
        """A session of 290 €, as the shop opens them."""
        params: dict[str, Any] = {
            "mode": "payment",
            "success_url": "http://127.0.0.1:9/o/1?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:9/o/1",
            "client_reference_id": "o1",
            "line_items": [
                {
                    "price_data": {"currency": "eur", "unit_amount": 29000, "product_data": {"name": "Un logo"}},
                    "quantity": 1,
                }
            ],
            "metadata": {"order": "o1"},
            "payment_intent_data": {"transfer_group": "o1", "metadata": {"order": "o1"}},
        }
        return self.client().v1.checkout.sessions.create({**params, **more})  # type: ignore[typeddict-item]

    def pay(self, session: stripe.checkout.Session, card: str = FRENCH) -> Reply:
        """Fill in the hosted page."""
        assert session.url is not None
        return browse(session.url, {"email": "marie@example.org", "name": "Marie Durand", "card": card})

    def paid_charge(self, card: str = FRENCH, **more: Any) -> stripe.Charge:
        """The charge of a payment that has just gone through."""
        session = self.session(**more)
        assert self.pay(session, card).status == 303
        return self.client().v1.charges.list({"limit": 1}).data[0]

    def later(self, seconds: float) -> None:
        """Let virtual time pass, and do what it makes due."""
        moved = self.post("/_sandbox/clock", {"offset": self.offset() + seconds})
        assert moved["settable"]
        self.sandbox.run_due()

    def offset(self) -> float:
        """The virtual clock's seconds."""
        return float(self.sandbox.clock.now() - int(self.sandbox.clock.wall()))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One of the sandbox's own doors."""
        request = Request(self.sandbox.url + path, data=json.dumps(body).encode(), method="POST")  # noqa: S310
        with build_opener(ProxyHandler({})).open(request) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def fault(self, kind: str, path: str, times: int = 1) -> None:
        """Ask for a failure."""
        self.post("/_sandbox/faults", {"kind": kind, "match": {"method": "POST", "path": path}, "times": times})

    def events(self, door: str = "hooks") -> list[dict[str, Any]]:
        """The deliveries to a door so far (`hooks`, `connected`, `thin`), oldest first."""
        self.sandbox.run_due()
        return [json.loads(body) for url, _, body in self.delivered if url.endswith("/" + door)]

    def types(self, door: str = "hooks") -> list[str]:
        """Their types."""
        return [event["type"] for event in self.events(door)]

    def about(self, *words: str) -> list[str]:
        """The types so far that begin with one of these words."""
        return [kind for kind in self.types() if kind.startswith(words)]

    def top_up(self, amount: int = 100_000) -> None:
        """Put enough into the available balance, in cents."""
        self.post("/_sandbox/top-ups", {"amount": amount})

    def available(self) -> int:
        """What is available, in cents."""
        amount: int = self.client().v1.balance.retrieve().available[0].amount
        return amount

    def debit(self, session: stripe.checkout.Session, iban: str = "FR1420041010050500013M02606") -> Reply:
        """Fill in the hosted page with a bank account."""
        assert session.url is not None
        typed = {"email": "marie@example.org", "name": "Marie Durand", "method": "sepa_debit", "iban": iban}
        return browse(session.url, typed)

    def booked(self, kind: str | None = None) -> list[stripe.BalanceTransaction]:
        """The balance transactions, newest first."""
        params: dict[str, Any] = {"limit": 100} | ({"type": kind} if kind else {})
        return self.client().v1.balance_transactions.list(params).data  # type: ignore[arg-type]


@pytest.fixture
def world() -> Iterator[World]:
    """A sandbox of its own for each test; at the end every answer and event must have had Stripe's shape."""
    known = shapes.load()
    wrong: list[str] = []
    delivered: list[tuple[str, Mapping[str, str], bytes]] = []

    def observe(method: str, path: str, status: int, body: dict[str, Any]) -> None:
        if status == 200:
            members = body["data"] if isinstance(body.get("data"), list) else [body]
            for member in members:
                wrong.extend(f"{method} {path}: {line}" for line in shapes.problems(member, member["object"], known))

    def deliver(url: str, headers: Mapping[str, str], body: bytes) -> int:
        delivered.append((url, headers, body))
        event = json.loads(body)
        if event["object"] == "v2.core.event":
            wrong.extend(
                f"thin event: {name}" for name in event.keys() - {"related_object"} ^ THIN - {"related_object"}
            )
            return made.status[0]
        told = event["data"]["object"]
        wrong.extend(f"event: {line}" for line in shapes.problems(told, told["object"], known))
        return made.status[0]

    start = time.time()  # and time stands still unless a test moves it: a slow machine makes nothing due
    sandbox = Sandbox(
        endpoints=DOORS,
        wall=lambda: start,
        deliver=deliver,
        observe=observe,
    )
    made = World(sandbox, delivered, wrong)
    with sandbox:
        yield made
        sandbox.run_due()
    assert wrong == []


@pytest.fixture
def get() -> Callable[..., Reply]:
    """A browser."""
    return browse
