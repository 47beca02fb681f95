"""The same calls on a real test key and on the sandbox, and what differs.

    STRIPE_TEST_KEY=sk_test_… python -m devstack.stripe_sandbox.record          # record, then compare
    python -m devstack.stripe_sandbox.record --compare path/to/cassette.json     # compare what was recorded before

A cassette holds for each call what was asked (method, path, names of parameters) and what came: the status and the
body, redacted. Of texts only those survive that a program may branch on (types, statuses, codes, currencies); every
other text becomes `*`, ids keep their prefix: no key, no address, no name, no URL is ever written. Live keys are
refused before anything is sent. One step asks a person to pay a session of 2 € with a test card; `--unattended` leaves
it out, with the calls that need the payment.
"""

import argparse
import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import stripe

from devstack.stripe_sandbox.clock import SetOffset
from devstack.stripe_sandbox.platform import API_VERSION, KINDS
from devstack.stripe_sandbox.sandbox import Sandbox

KEY, RESTRICTED = "STRIPE_TEST_KEY", "STRIPE_TEST_RESTRICTED_KEY"
LOCAL_KEY, LOCAL_RESTRICTED = "sk_test_relais_local", "rk_test_open_checkout"
CASSETTE = Path(".run") / "cassettes" / f"stripe-{API_VERSION}.json"
TIMEOUT = 30
ID = re.compile(r"^([a-z]+_(?:test_)?)[A-Za-z0-9]{8,}$")
ID_IN_PATH = re.compile(rf"/(?:{'|'.join(prefix.rstrip('_') for prefix in KINDS)})_[A-Za-z0-9_]+")
# Texts that a program may branch on; whatever else is text may be somebody's.
TELLING = frozenset(
    """
    applied_configurations awaiting_action_from balance_type billing_reason brand capability case_type code currency
    dashboard entity_type fraud_type funding interval mode network object payment_method_types payment_status
    pending_reason reason reporting_category status submission_method type
    """.split()  # noqa: SIM905
)

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """One call as a cassette keeps it."""

    step: str
    method: str
    path: str
    asked: list[str]
    status: int
    replayed: bool
    body: Any

    def as_json(self) -> Body:
        """The entry of the cassette."""
        return {name: getattr(self, name) for name in self.__slots__}


def redacted(value: Any, name: str = "") -> Any:  # noqa: ANN401
    """A body without anything that could be somebody's: texts only where a program may branch on them."""
    if isinstance(value, dict):
        hidden = name == "metadata"  # its names are somebody's too
        return {key if not hidden else "*": redacted(inner, "" if hidden else key) for key, inner in value.items()}
    if isinstance(value, list):
        return [redacted(inner, name) for inner in value]
    if isinstance(value, str):
        match = ID.match(value)
        return value if name in TELLING and match is None else f"{match[1]}*" if match else "*"
    return value


class Tape(stripe.HTTPClient):
    """A client of the official library that keeps what it saw."""

    name = "tape"

    def __init__(self, inner: stripe.HTTPClient) -> None:
        """Let `inner` make the calls."""
        super().__init__()
        self.step = ""
        self.seen: list[Seen] = []
        self._inner = inner

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # noqa: ANN401
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Make one call and keep it, redacted."""
        answer, status, returned = self._inner.request(method, url, headers, post_data)
        parts = urlsplit(url)
        given = _names(parts.query if method.lower() == "get" else post_data)
        body = json.loads(answer)
        lower = {key.lower(): value for key, value in returned.items()}
        path = ID_IN_PATH.sub("/{id}", parts.path)
        replayed = lower.get("idempotent-replayed") == "true"
        self.seen.append(Seen(self.step, method.upper(), path, given, status, replayed, redacted(body)))
        return answer, status, returned

    def close(self) -> None:
        """End the calls of `inner`."""
        self._inner.close()  # type: ignore[no-untyped-call]


def _names(given: Any) -> list[str]:  # noqa: ANN401
    text = given.decode() if isinstance(given, bytes) else str(given or "")
    if text.startswith("{"):
        return sorted(json.loads(text))
    return sorted({name for name, _ in parse_qsl(text, keep_blank_values=True)})


# The calls -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Stage:
    """Where the calls are made: the client, another one with fewer rights, and how a session gets paid, if it can."""

    client: stripe.StripeClient
    tape: Tape
    pay: Callable[[str], None] | None
    restricted: stripe.StripeClient | None = None
    keep: dict[str, str] = field(default_factory=dict)
    run: str = field(default_factory=lambda: f"{time.time_ns():x}")

    def refused(self, call: Callable[[], object]) -> None:
        """Make a call of which the refusal is what is to be seen."""
        try:
            call()
        except stripe.StripeError:
            return

    def under(self, name: str) -> Any:  # noqa: ANN401
        """An idempotency key that no other run has used."""
        return {"idempotency_key": f"record:{self.run}:{name}"}


def _params(**more: Any) -> Any:  # noqa: ANN401
    item = {"price_data": {"currency": "eur", "unit_amount": 200, "product_data": {"name": "A test"}}, "quantity": 1}
    return {
        "mode": "payment",
        "success_url": "https://example.com/done",
        "cancel_url": "https://example.com/back",
        "line_items": [item],
        "allowed_payment_method_types": ["card"],
        "metadata": {"order": "record"},
        "payment_intent_data": {"metadata": {"order": "record"}},
        **more,
    }


def sessions(stage: Stage) -> None:
    """A session opened, looked at, expired, and what is refused."""
    every = stage.client.v1.checkout.sessions
    session = every.create(_params(), stage.under("session"))
    every.create(_params(), stage.under("session"))
    stage.refused(lambda: every.create(_params(cancel_url="https://example.com/b"), stage.under("session")))
    every.retrieve(session.id)
    every.retrieve(session.id, {"expand": ["line_items"]})
    every.list({"limit": 1})
    every.expire(session.id)
    stage.refused(lambda: every.expire(session.id))
    cheap = {"price_data": {"currency": "eur", "unit_amount": 10, "product_data": {"name": "x"}}, "quantity": 1}
    stage.refused(lambda: every.create(_params(line_items=[cheap])))
    stage.refused(lambda: every.create(_params(colour="red")))
    stage.refused(lambda: every.retrieve("cs_test_none"))


def balance(stage: Stage) -> None:
    """What there is, what stays, what was booked."""
    stage.client.v1.balance.retrieve()
    stage.client.v1.balance_settings.retrieve()
    stage.client.v1.balance_transactions.list({"limit": 1})
    stage.client.v1.payouts.list({"limit": 1})
    stage.client.v1.disputes.list({"limit": 1})
    stage.client.v1.events.list({"limit": 1})


def recipients(stage: Stage) -> None:
    """A freelancer's account, with and without `include`, its link, and the transfer that it may not have yet."""
    accounts = stage.client.v2.core.accounts
    wanted: Any = {
        "contact_email": "freelancer@example.com",
        "display_name": "A test",
        "dashboard": "express",
        "identity": {"country": "fr", "entity_type": "individual"},
        "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
        "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}},
        "include": ["configuration.recipient", "requirements"],
    }
    account = accounts.create(wanted)
    stage.keep["account"] = account.id
    accounts.retrieve(account.id)
    accounts.retrieve(account.id, {"include": ["configuration.recipient", "identity", "requirements"]})
    options = {"refresh_url": "https://example.com/again", "return_url": "https://example.com/back"}
    use_case: Any = {"type": "account_onboarding", "account_onboarding": options}
    stage.client.v2.core.account_links.create({"account": account.id, "use_case": use_case})
    transfer: Any = {"amount": 100, "currency": "eur", "destination": account.id}
    for _ in range(2):
        stage.refused(lambda: stage.client.v1.transfers.create(transfer, stage.under("transfer")))
    other: Any = {**transfer, "amount": 101}
    nowhere: Any = {**transfer, "destination": "acct_none"}
    stage.refused(lambda: stage.client.v1.transfers.create(other, stage.under("transfer")))
    stage.refused(lambda: stage.client.v1.transfers.create(nowhere))
    stage.client.v1.transfers.list({"limit": 1, "destination": account.id})


def keys(stage: Stage) -> None:
    """What a key may not, and what no key may."""
    if stage.restricted is not None:
        low = stage.restricted
        stage.refused(lambda: low.v1.transfers.create({"amount": 1, "currency": "eur", "destination": "acct_none"}))
        stage.refused(lambda: low.v1.refunds.create({"charge": "ch_none"}))


def payment(stage: Stage) -> None:
    """A payment with its charge, and refunds of it: a part, too much, what is not there."""
    if stage.pay is None:
        return
    session = stage.client.v1.checkout.sessions.create(_params())
    stage.pay(str(session.url))
    expand: Any = {"expand": ["payment_intent.latest_charge"]}
    paid: Any = stage.client.v1.checkout.sessions.retrieve(session.id, expand)
    charge = paid.payment_intent.latest_charge.id
    stage.client.v1.charges.retrieve(charge)
    stage.client.v1.refunds.create({"charge": charge, "amount": 50, "metadata": {"op": "record"}})
    stage.refused(lambda: stage.client.v1.refunds.create({"charge": charge, "amount": 500}))
    stage.client.v1.refunds.list({"payment_intent": paid.payment_intent.id})
    stage.client.v1.charges.update(charge, {"transfer_group": "record"})
    stage.refused(lambda: stage.client.v1.charges.update(charge, {"transfer_group": "again"}))
    stage.refused(
        lambda: stage.client.v1.transfers.create(
            {"amount": 100, "currency": "usd", "destination": stage.keep["account"], "source_transaction": charge}
        )
    )


STEPS: tuple[Callable[[Stage], None], ...] = (sessions, balance, recipients, keys, payment)


def play(stage: Stage) -> list[Seen]:
    """Make every call, and give what was seen of it."""
    for step in STEPS:
        stage.tape.step = step.__name__
        step(stage)
    return stage.tape.seen


def stage_at(key: str, restricted: str | None, address: str | None, pay: Callable[[str], None] | None) -> Stage:
    """A stage at Stripe, or at `address`. Raises ValueError for a live key, before anything is sent."""
    for name in (key,) if restricted is None else (key, restricted):
        if not name.startswith(("sk_test_", "rk_test_")):
            raise ValueError("Only test keys (sk_test_… or rk_test_…): nothing here may touch real money.")
    tape = Tape(stripe.RequestsClient(timeout=TIMEOUT))
    where: Any = {"base_addresses": {"api": address}} if address else {}
    options: Any = {"max_network_retries": 0, "http_client": tape, **where}
    low = stripe.StripeClient(restricted, **options) if restricted else None
    return Stage(stripe.StripeClient(key, **options), tape, pay, low)


def play_sandbox(*, paying: bool = True, restricted: bool = True) -> list[Seen]:
    """The calls at a sandbox of its own, where the session pays itself."""
    with Sandbox(offset=SetOffset()) as sandbox:
        low = LOCAL_RESTRICTED if restricted else None
        return play(stage_at(LOCAL_KEY, low, sandbox.url, _fill_in if paying else None))


def _fill_in(url: str) -> None:
    typed = {"email": "a@example.com", "name": "A test", "card": "4242424242424242"}
    request = Request(url, data=urlencode(typed).encode())  # noqa: S310 - our own sandbox
    with contextlib.suppress(HTTPError):  # where the shop would be there is nobody
        build_opener(_Stay, ProxyHandler({})).open(request, timeout=TIMEOUT).close()


class _Stay(HTTPRedirectHandler):
    """The redirect back to the shop is not followed."""

    def redirect_request(self, *_: object) -> None:
        """Refuse, so that the redirect surfaces as its status."""


# Comparing ---------------------------------------------------------------------------------------------------------


def differences(recorded: list[Body], played: list[Body]) -> Iterator[str]:
    """Where the sandbox answers otherwise than Stripe did, call by call, in the order of the calls."""
    for step in dict.fromkeys(entry["step"] for entry in recorded):
        theirs = [entry for entry in recorded if entry["step"] == step]
        ours = [entry for entry in played if entry["step"] == step]
        if len(theirs) != len(ours):
            yield f"{step}: {len(theirs)} calls recorded, {len(ours)} played"
        for number, (one, other) in enumerate(zip(theirs, ours, strict=False), 1):
            where = f"{step} {number} {one['method']} {one['path']}"
            for name in ("method", "path", "asked", "status", "replayed"):
                if one[name] != other[name]:
                    yield f"{where}: {name} {one[name]} at Stripe, {other[name]} here"
            yield from _unlike(one["body"], other["body"], where)


def _unlike(theirs: Any, ours: Any, where: str) -> Iterator[str]:  # noqa: ANN401
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(theirs.keys() | ours.keys()):
            if name not in ours:
                yield f"{where}.{name}: missing here"
            elif name not in theirs:
                yield f"{where}.{name}: Stripe has no such field"
            else:
                yield from _unlike(theirs[name], ours[name], f"{where}.{name}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        for one, other in zip(theirs, ours, strict=False):  # how many there are depends on the account's past
            yield from _unlike(one, other, f"{where}[]")
    elif isinstance(theirs, str) and isinstance(ours, str):
        if theirs != ours:
            yield f"{where}: {theirs} at Stripe, {ours} here"
    elif type(theirs) is not type(ours):
        yield f"{where}: {_kind(theirs)} at Stripe, {_kind(ours)} here"


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


# The command -------------------------------------------------------------------------------------------------------


def _wait_for_payment(url: str) -> None:
    print(f"Pay this session with the test card 4242 4242 4242 4242, then press Enter:\n{url}", flush=True)
    sys.stdin.readline()


def main(argv: list[str] | None = None) -> int:
    """Record, compare, say what differs; 0 when nothing does, 1 when something does, 2 without a test key."""
    arguments = argparse.ArgumentParser(prog="python -m devstack.stripe_sandbox.record", description=__doc__)
    arguments.add_argument("--to", type=Path, default=CASSETTE, help=f"the cassette to write (default {CASSETTE})")
    arguments.add_argument("--compare", type=Path, help="a cassette recorded before; nothing is sent to Stripe")
    arguments.add_argument("--unattended", action="store_true", help="leave out what needs a person's payment")
    given = arguments.parse_args(argv)
    if given.compare is None:
        key = os.environ.get(KEY, "")
        try:
            stage = stage_at(key, os.environ.get(RESTRICTED), None, None if given.unattended else _wait_for_payment)
        except ValueError as error:
            print(f"Set {KEY} to a secret test key of Stripe. {error}", file=sys.stderr)
            return 2
        seen = [entry.as_json() for entry in play(stage)]
        given.to.parent.mkdir(parents=True, exist_ok=True)
        given.to.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")
        print(f"{len(seen)} calls recorded in {given.to}.")
    recorded = json.loads((given.compare or given.to).read_text(encoding="utf-8"))
    steps = {entry["step"] for entry in recorded}
    played = play_sandbox(paying="payment" in steps, restricted="keys" in steps)
    found = list(differences(recorded, [entry.as_json() for entry in played]))
    for line in found:
        print(line)
    print(
        f"{len(found)} differences between Stripe and the sandbox." if found else "The sandbox answers as Stripe did."
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
