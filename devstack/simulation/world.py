"""A whole deployment in one process: table, bucket, mails, the shipped machine, a Stripe sandbox, a virtual date.

People act as they do: they open the links of their mails and send the forms of the pages they get.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Protocol
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import stripe

from devstack.simulation.interpreter import Interpreter
from devstack.simulation.memory import Counted, MemoryBackground, MemoryFiles, MemoryMailer, MemoryStore
from devstack.simulation.pages import Form, Mail, Page
from devstack.simulation.stripe_line import Line
from devstack.stripe_sandbox.accounts import Seed
from devstack.stripe_sandbox.debits import METHOD
from devstack.stripe_sandbox.sandbox import Sandbox
from devstack.stripe_sandbox.webhooks import Door, Endpoint
from devstack.stripe_sandbox.wire import Answer
from devstack.stripe_sandbox.wire import Request as StripeRequest
from relais import ports as asked
from relais import wiring
from relais.adapters import time as adapters_time
from relais.adapters.keys import PK, SK
from relais.adapters.settings import from_environment
from relais.adapters.time import VirtualClock
from relais.cli.catalog import Catalog, load
from relais.errors import RelaisError
from relais.order import ID_LENGTH, ID_LETTERS, instant
from relais.rows import CLOCK_KEY, Key, Put, Row, order_key
from relais.steps.catalog import apply

ROOT = Path(__file__).parent.parent.parent
REGION = "eu-west-3"
ACCOUNT = "123456789012"
PUBLIC_URL = "https://relais.example"
WEBHOOK_SECRET = "whsec_in_process"
GOOD_CARD = "4000 0025 0000 0003"
INES, NORD, CAMILLE = "acct_1InesMoreau0001", "acct_1StudioNord0001", "acct_1CamilleRoux0001"
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""A Monday morning at ten in Paris: the usual start of a test."""
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "relais",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "RELAIS_STAGE": "dev",
    "RELAIS_TABLE": "relais-dev",
    "RELAIS_BUCKET": "relais-dev-files",
    "RELAIS_MACHINE": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:relais-dev",
    "RELAIS_PUBLIC_URL": PUBLIC_URL,
    "RELAIS_SENDER": "bonjour@atelier-mistral.example",
    "RELAIS_ACT_FUNCTION": "relais-dev-run-act:live",
    "RELAIS_CLOCK_FUNCTION": "relais-dev-tick-clock:live",
    "RELAIS_ACCOUNT_FUNCTION": "relais-dev-onboard:live",
    "RELAIS_SECRET_LINK": "relais/dev/link-keys",
    "RELAIS_SECRET_WEBHOOK": "relais/dev/stripe-webhook",
    "RELAIS_SECRET_STRIPE": "relais/dev/stripe",
    "RELAIS_STRIPE_URL": "http://127.0.0.1:8011",
}
SECRETS = {
    "relais/dev/link-keys": {"current": "k1", "keys": {"k1": base64.b64encode(b"k" * 32).decode()}},
    "relais/dev/stripe-webhook": {"secrets": [WEBHOOK_SECRET]},
    "relais/dev/stripe": {"key": "sk_test_relais_local"},
}


class WorldError(RelaisError):
    """Something that people or tests rely on is not there."""


@cache
def catalogue() -> Catalog:
    """The sample shop."""
    found = load(ROOT / "catalog")
    if not isinstance(found, Catalog):
        raise WorldError(f"the sample shop has errors: {found}")
    return found


class Machine(Protocol):
    """What executes the definition, and calls our functions."""

    calls: list[str]

    def call(self, name: str, event: Mapping[str, Any]) -> Any:
        """Call a function by its short name."""

    def queue(self, name: str, event: dict[str, Any]) -> None:
        """Call a function without waiting for it."""

    def rest(self) -> None:
        """Go on until every execution waits or has ended."""

    def next_queued(self) -> tuple[str, dict[str, Any]] | None:
        """The oldest asynchronous call that nobody has made yet."""

    def finish(self) -> None:
        """Nothing outlives the world."""


class Engine(Machine, asked.Machine, Protocol):
    """Both: what steps ask to start and resume executions, and what executes them."""


class Clouds(Protocol):
    """Where a world's rows, files and mails are kept."""

    def rows(self) -> list[Row]:
        """Every row of the table."""

    def due_rows(self) -> list[Row]:
        """Every row that the clock will look at."""

    def mails(self) -> list[Mail]:
        """Every mail sent, oldest first."""

    def put_object(self, key: str, body: bytes) -> None:
        """Upload."""


class InMemory:
    """No cloud at all: doubles behind every port but Stripe's, each call of which is announced to `before`."""

    def __init__(self, ports: wiring.WiredPorts, engine: Engine, before: Callable[[str], None]) -> None:
        self.store, self.files, self.mailer = MemoryStore(), MemoryFiles(), MemoryMailer()
        replace_ports(
            ports,
            store=Counted(self.store, before),
            files=Counted(self.files, before, frozenset({"link", "permit"})),
            mailer=Counted(self.mailer, before),
            machine=Counted(engine, before),
            background=Counted(MemoryBackground(engine.queue), before),
        )

    def rows(self) -> list[Row]:
        """Every row of the table."""
        return list(self.store.rows.values())

    def due_rows(self) -> list[Row]:
        """Every row that the clock will look at."""
        return self.store.waiting()

    def mails(self) -> list[Mail]:
        """Every mail written."""
        return list(self.mailer.sent)

    def put_object(self, key: str, body: bytes) -> None:
        """Upload."""
        self.files.objects[key] = body


def replace_ports(ports: wiring.WiredPorts, **doubles: object) -> None:
    """Put doubles behind ports: each is a cached property, so a value of its name stands before it."""
    ports.__dict__.update(doubles)
    ports.__dict__["_clock"] = VirtualClock(ports.store)


class World:
    """One deployment, its people's mailboxes and its clocks."""

    def __init__(
        self,
        engine: Machine,
        clouds: Clouds,
        start: datetime,
        *,
        real: Callable[[], datetime] = lambda: datetime.now(UTC),
        draw: Callable[[str], str] = secrets.choice,
    ) -> None:
        """Fill the shop on a given date. `real` is what the wall's clock shows; `draw` picks the letters of ids."""
        self.engine = engine
        self.clouds = clouds
        self._real = real
        self._shift = start - real()
        self.stripe_calls: list[str] = []
        self.cut: Callable[[str, str], None] = lambda _method, _path: None
        self.wall_shift = 0.0
        self.ports = wiring.ports()
        self.sandbox = Sandbox(
            endpoints=(
                Endpoint(f"{PUBLIC_URL}/hooks/stripe", WEBHOOK_SECRET),
                Endpoint(f"{PUBLIC_URL}/hooks/stripe/accounts", WEBHOOK_SECRET, door=Door.THIN),
            ),
            public_url="https://stripe.example",
            seeds=(Seed(INES), Seed(NORD), Seed(CAMILLE)),
            offset=lambda: self._shift.total_seconds(),  # noqa: PLW0108 - the shift of then
            wall=lambda: self.wall().timestamp(),
            deliver=self._deliver,
            draw=draw,
        )
        self.ports.__dict__["order_id"] = lambda: "".join(draw(ID_LETTERS) for _ in range(ID_LENGTH))
        self._set_clock()
        apply(self.ports.store, catalogue(), start)

    # Time -----------------------------------------------------------------------------------------------------------

    def wall(self) -> datetime:
        """The time of the wall: the real one, and what a test let pass."""
        return self._real() + timedelta(seconds=self.wall_shift)

    def now(self) -> datetime:
        """The virtual now."""
        return self.wall() + self._shift

    def _set_clock(self) -> None:
        self._shift = timedelta(seconds=round(self._shift.total_seconds()))
        self.ports.store.write(Put(CLOCK_KEY, {"v": 1, "offset": int(self._shift.total_seconds())}, guards=()))

    def jump_to(self, at: datetime) -> None:
        """Move the virtual date, as `relais clock --to` does: the wall stays where it is, and nobody looks yet."""
        self._shift += at - self.now()
        self._set_clock()

    def move_to(self, at: datetime) -> None:
        """Let time pass up to a date, for everybody; nobody looks yet."""
        self.wall_shift += max(0.0, (at - self.now()).total_seconds() + 0.001)

    def tick(self) -> dict[str, int]:
        """The clock looks once."""
        found: dict[str, int] = self.engine.call("tick-clock", {})
        self.settle()
        return found

    def go_to(self, at: datetime) -> None:
        """Let time pass up to a date: the clock looks at each instant at which something is due."""
        for _ in range(400):
            due = self.next_due()
            if due is None or due > at:
                break
            self.move_to(max(due, self.now()))
            self.tick()
        else:
            raise WorldError(f"something is due for ever: {self.clouds.due_rows()}")
        self.move_to(max(at, self.now()))
        self.tick()

    def pass_time(self, **time: float) -> None:
        """Let some time pass."""
        self.go_to(self.now() + timedelta(**time))

    def next_due(self) -> datetime | None:
        """The earliest instant at which the clock has something to look at."""
        return min((at for row in self.clouds.due_rows() if (at := instant(row["due"]))), default=None)

    # Coming to rest -------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that follows by itself: executions, asynchronous calls, deliveries of events."""
        while True:
            self.engine.rest()
            queued = self.engine.next_queued()
            if queued is not None:
                self._quietly(*queued)
            elif not self.sandbox.run_due():
                return

    def _quietly(self, name: str, event: dict[str, Any]) -> None:
        """An asynchronous call whose error nobody waits for."""
        try:
            self.engine.call(name, event)
        except BaseException as error:  # noqa: BLE001 - Lambda keeps it in a dead letter
            self.engine.calls.append(f"{name} failed: {type(error).__name__}")

    # HTTP -----------------------------------------------------------------------------------------------------------

    def http(self, method: str, link: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None) -> Page:
        """One request, as the HTTP API hands it to the function of its route.

        The path arrives decoded but for `%25`, and only texts and JSON arrive as text: forms do not.
        """
        parts = urlsplit(link)
        raw = body.encode() if isinstance(body, str) else body
        plain = (headers or {}).get("content-type", "").startswith(("text/", "application/json"))
        path = unquote(parts.path.replace("%25", "%2525"))
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": parts.query,
            "queryStringParameters": dict(parse_qsl(parts.query, keep_blank_values=True)),
            "headers": {"host": "relais.example", **(headers or {})},
            "requestContext": {"http": {"method": method, "path": path}},
            "body": raw.decode("utf-8", "replace") if plain else base64.b64encode(raw).decode(),
            "isBase64Encoded": not plain,
        }
        answer = self.engine.call(_route(method, parts.path), event)
        return Page(answer["statusCode"], answer["body"], answer["headers"])

    def get(self, link: str) -> Page:
        """Open a link."""
        return self.http("GET", link)

    def post(self, link: str, fields: Mapping[str, str | list[str]], **headers: str) -> Page:
        """Send a form from our own page, and let what follows happen."""
        sent = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        page = self.http("POST", link, urlencode(fields, doseq=True), sent | given)
        self.settle()
        return page

    def send(self, form: Form, **fields: str | list[str]) -> Page:
        """Fill in a form and send it."""
        return self.post(form.action, form.fields | fields)

    def webhook(self, body: bytes, headers: Mapping[str, str], url: str = f"{PUBLIC_URL}/hooks/stripe") -> int:
        """Hand an event to one of our doors."""
        sent = {"content-type": "application/json; charset=utf-8", **headers}
        return self.http("POST", url, body, sent).status

    def _deliver(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            return self.webhook(body, headers, url)
        except BaseException:  # noqa: BLE001 - what the HTTP API answers when a function dies
            return 500

    # Stripe ---------------------------------------------------------------------------------------------------------

    def seen(self, method: str, path: str) -> None:
        """Told of every call to Stripe."""
        self.stripe_calls.append(f"{method} {path}")
        self.cut(method, path)

    def pay_page(
        self, url: str, card: str = GOOD_CARD, email: str = "marie@gmail.com", iban: str | None = None
    ) -> Answer:
        """Pay on the hosted page: by card, or by a debit of an account."""
        means = {"card": card} if iban is None else {"method": METHOD, "iban": iban}
        body = urlencode({"email": email, "name": "Marie Dupont", **means}).encode()
        answer = self.sandbox.respond(StripeRequest("POST", urlsplit(url).path, "", {}, body))
        if not isinstance(answer, Answer):
            raise WorldError("the hosted page did not answer")
        return answer

    def transfers(self) -> list[dict[str, Any]]:
        """The transfers at Stripe."""
        return list(self.sandbox.state()["objects"].get("transfer", []))

    # Looking --------------------------------------------------------------------------------------------------------

    def rows(self, pk: str | None = None) -> list[Row]:
        """Every row of the table, or of a partition; sorted, to look at only."""
        found = [row for row in self.clouds.rows() if pk in {None, row[PK]}]
        return sorted(found, key=lambda row: (row[PK], row[SK]))

    def row(self, key: Key) -> dict[str, Any]:
        """One row, which must exist."""
        found = self.ports.store.get(key)
        if found is None:
            raise WorldError(f"no row {key}")
        return dict(found)

    def order_row(self, order: str) -> dict[str, Any]:
        """An order's head."""
        return self.row(order_key(order))

    @property
    def mails(self) -> list[Mail]:
        """Every mail sent so far, oldest first."""
        return self.clouds.mails()

    def link(self, kind: str, order: str) -> str:
        """The newest link to a gate of this kind in any mail."""
        wanted = re.compile(rf"/g/{order}/\d\d-{kind}-\d{{4}}(-\d)?/")
        found = [link for mail in self.mails for link in mail.links if wanted.search(link)]
        if not found:
            raise WorldError(f"no link to {kind} in {[mail.subject for mail in self.mails]}")
        return found[-1]

    def upload(self, path: str, nonce: str, names: Mapping[str, bytes]) -> list[str]:
        """Ask for permission and upload; the keys for the form."""
        asked: dict[str, str | list[str]] = {
            "nonce": nonce,
            "name": list(names),
            "size": [str(len(body)) for body in names.values()],
            "type": ["image/png"] * len(names),
        }
        answer = json.loads(self.post(path, asked).body)
        if answer["problems"]:
            raise WorldError(f"not permitted: {answer['problems']}")
        for one in answer["files"]:
            self.clouds.put_object(one["fields"]["key"], names[one["name"]])
        return [one["key"] for one in answer["files"]]


def _route(method: str, path: str) -> str:
    parts = path.strip("/").split("/")
    if method != "POST":
        return "show-page"
    match parts:
        case ["hooks", "stripe"]:
            return "receive-stripe-event"
        case ["hooks", "stripe", "accounts"]:
            return "receive-account-event"
        case ["f", _, _, "pay"]:
            return "onboard"
        case ["offer", _] | ["o", _, _, "checkout"]:
            return "open-checkout"
        case ["g", _, _, _, "files"] | ["o", _, _, "files"]:
            return "permit-upload"
        case ["o", _, _] | ["g", _, _, _] | ["f", _, _]:
            return "answer-gate"
        case _:
            return "show-page"


@contextmanager
def world_in_memory(
    start: datetime = MONDAY,
    before: Callable[[str], None] = lambda _: None,
    dice: Random | None = None,
    engine: Engine | None = None,
) -> Iterator[World]:
    """A fresh world without any cloud; `before` is told of every call to the outside and may raise.

    `engine` executes the definition in place of the interpreter.

    With `dice` its ids are drawn from them, and the wall's clock shows how much was asked of it: the same dice, the
    same world.
    """
    executes = engine or Interpreter(
        json.loads((ROOT / "statemachines" / "order.asl.json").read_text(encoding="utf-8"))
    )
    with patch.dict(os.environ, ENVIRONMENT), wired() as ports:
        clouds = InMemory(ports, executes, before)
        still: dict[str, Any] = {} if dice is None else {"real": _asked_of(start), "draw": dice.choice}
        made = World(executes, clouds, start, **still)
        made.cut = lambda method, path: before(f"Stripe.{method} {path}")
        with played(made):
            yield made


def _asked_of(start: datetime) -> Callable[[], datetime]:
    """A clock that moves on by a tenth of a millisecond each time that somebody looks at it."""
    looks = count()
    return lambda: start + timedelta(microseconds=100 * next(looks))


@contextmanager
def wired() -> Iterator[wiring.WiredPorts]:
    """Ports of a new process, but for the clients: they are made once."""
    made = wiring.WiredPorts(from_environment())
    made._client = _client_once  # type: ignore[method-assign]
    made._secrets = {name: (float("inf"), value) for name, value in SECRETS.items()}
    wiring._payments.cache_clear()
    wiring._bank.cache_clear()
    wiring._recipients.cache_clear()
    with patch.object(wiring, "ports", lambda: made):
        yield made


@contextmanager
def played(made: World) -> Iterator[World]:
    """Bind its Stripe and its clock to the process while it is played."""
    line = partial(Line, made.sandbox, made.seen)
    with patch.object(stripe, "RequestsClient", line), patch.object(adapters_time, "wall", made.wall):
        yield made
        made.engine.finish()


@cache
def _client_once(service: str) -> Any:
    return wiring.WiredPorts(from_environment())._client(service)
