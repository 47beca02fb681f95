"""Ports of one process with nobody behind them: what steps asked for is kept, to be looked at.

`FakePorts` takes any store; the tests of races give it the real one on DynamoDB Local and ask from many threads at
once, so everything here may be called from all of them.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from devstack.simulation.memory import MemoryFiles, MemoryStore
from relais.dispute import DisputeSeen
from relais.link import LinkKeys
from relais.pages.letter_views import AnnouncementView, LetterView
from relais.ports import ChargeSeen, PaidSession, Sent, SessionRequest, Settings, Settlement, Store
from relais.recipient import Readiness, Recipient

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""A Monday morning at ten in Paris: the usual start of a test."""
PUBLIC_URL = "https://relais.example"
WEBHOOK_SECRET = "whsec_nobody"
KEYS = LinkKeys("k1", {"k1": b"k" * 32, "k0": b"o" * 32})
CARD_FEE = 460


@dataclass
class RecordingMachine:
    """Step Functions, answered by nobody: starts are idempotent by name, a token is good for one answer."""

    started: list[tuple[str, int]] = field(default_factory=list)
    stopped: list[tuple[str, int]] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    running: str = "RUNNING"
    history: int = 0

    def start(self, order: str, run: int) -> None:
        """Start `<order>-<run>`; every call is kept, `executions` tells them apart."""
        self.started.append((order, run))

    @property
    def executions(self) -> set[tuple[str, int]]:
        """The executions that exist."""
        return set(self.started)

    def succeed(self, token: str, outcome: str) -> None:
        """Keep an outcome."""
        self.sent.append((token, outcome))

    def fail(self, token: str, error: str, _cause: str) -> None:
        """Keep an error."""
        self.sent.append((token, error))

    def status(self, order: str, run: int) -> str:
        """Every execution that was started runs."""
        return self.running if (order, run) in self.executions else "ABSENT"

    def events(self, _order: str, _run: int) -> int:
        """As many as a test says."""
        return self.history

    def stop(self, order: str, run: int, _cause: str) -> None:
        """Keep a stop."""
        self.stopped.append((order, run))

    def outcomes(self, token: str) -> list[str]:
        """What was sent to a token, in order."""
        return [outcome for one, outcome in self.sent if one == token]


@dataclass
class RecordingMailer:
    """The post: letters as they were handed over, not written."""

    letters: list[LetterView] = field(default_factory=list)
    announcements: list[AnnouncementView] = field(default_factory=list)

    def send(self, letter: LetterView | AnnouncementView) -> None:
        """Keep a letter."""
        if isinstance(letter, AnnouncementView):
            self.announcements.append(letter)
        else:
            self.letters.append(letter)

    def keys(self, order: str) -> Counter[str]:
        """How often each letter of an order was sent."""
        return Counter(letter.key for letter in list(self.letters) if letter.order.id == order)


@dataclass
class MemoryPayments:
    """Stripe, as far as it goes: the same key gives the same object, a charge's fee may be late.

    A `forgetful` one makes a new object for every call, whatever its key.
    """

    sessions: dict[str, PaidSession] = field(default_factory=dict)
    transfers: dict[str, Sent] = field(default_factory=dict)
    refunds: dict[str, Sent] = field(default_factory=dict)
    disputes: dict[str, DisputeSeen] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    fee_known: bool = True
    forgetful: bool = False
    now: datetime = MONDAY
    _by_key: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open_session(self, request: SessionRequest) -> PaidSession:
        """The session of an order and number."""
        key = f"{request.order}:{request.number}"
        with self._lock:
            self.calls.append(("open_session", key))
            if key not in self._by_key or self.forgetful:
                made = f"cs_{request.order}_{len(self.sessions)}"
                self._by_key[key] = made
                self.sessions[made] = PaidSession(
                    id=made,
                    status="open",
                    payment_status="unpaid",
                    url=f"https://checkout.example/{made}",
                    amount=request.amount,
                    currency=request.currency,
                    order=request.order,
                    email=None,
                    name=None,
                    payment_intent=None,
                    charge=None,
                )
            return self.sessions[self._by_key[key]]

    def session(self, session: str) -> PaidSession:
        """A session as it is now."""
        return self.sessions[session]

    def checkout(self, session: str) -> PaidSession:
        """A session as it is now, without its payment."""
        return self.sessions[session]

    def settle(self, session: str, email: str = "marie@gmail.com") -> None:
        """Its client pays."""
        order = self.sessions[session].order
        earlier = [one for one in self.sessions.values() if one.order == order and one.payment_intent]
        name = f"{order}_{len(earlier)}" if earlier else order
        self.sessions[session] = replace(
            self.sessions[session],
            status="complete",
            payment_status="paid",
            url=None,
            email=email,
            name="Marie",
            payment_intent=f"pi_{name}",
            charge=f"ch_{name}",
        )

    def expire(self, session: str) -> None:
        """Its time is over."""
        self.sessions[session] = replace(self.sessions[session], status="expired", url=None)

    def dispute(self, dispute: str) -> DisputeSeen:
        """A dispute as its bank has it now."""
        return self.disputes[dispute]

    def charge(self, charge: str) -> ChargeSeen:
        """The charge, with its balance transaction once it is known."""
        session = next(one for one in self.sessions.values() if one.charge == charge)
        known = self._settlement(f"txn_{charge}", "charge", session.amount, CARD_FEE) if self.fee_known else None
        return ChargeSeen(charge, session.payment_intent, known)

    def settlement(self, transaction: str) -> Settlement:
        """The balance transaction of a transfer or a refund."""
        made = [("transfer", one) for one in self.transfers.values()]
        made += [("refund", one) for one in self.refunds.values()]
        kind, sent = next((kind, one) for kind, one in made if one.settlement == transaction)
        return self._settlement(transaction, kind, -sent.amount, 0)

    def refund_settlement(self, refund: str) -> Settlement | None:
        """A refund's balance transaction: there is always money."""
        sent = next(one for one in self.refunds.values() if one.id == refund)
        return None if sent.settlement is None else self.settlement(sent.settlement)

    def _settlement(self, name: str, kind: str, amount: int, fee: int) -> Settlement:
        available = self.now + timedelta(days=7)
        return Settlement(name, kind, amount, fee, amount - fee, "eur", None, self.now, available)

    def transfer(self, body: Mapping[str, Any], key: str) -> Sent:
        """The transfer of a key."""
        return self._move("transfer", self.transfers, body, key)

    def refund(self, body: Mapping[str, Any], key: str) -> Sent:
        """The refund of a key."""
        charged = next(one for one in self.sessions.values() if one.payment_intent == body["payment_intent"])
        return self._move("refund", self.refunds, body | {"currency": charged.currency}, key)

    def _move(self, kind: str, made: dict[str, Sent], body: Mapping[str, Any], key: str) -> Sent:
        with self._lock:
            self.calls.append((kind, key))
            name = f"{key}~{len(made)}" if self.forgetful else key
            if name not in made:
                made[name] = Sent(
                    id=f"{kind[:2]}_{name}",
                    amount=body["amount"],
                    currency=body["currency"],
                    destination=body.get("destination", ""),
                    operation=body["metadata"]["op"],
                    settlement=f"txn_{kind[:2]}_{name}",
                )
            return made[name]


class ReadyRecipients:
    """The accounts of freelancers: every one is ready."""

    def seen(self, freelancer: str, account: str) -> Recipient:
        """The account as it always is."""
        return Recipient(freelancer, account, Readiness.READY)

    def open(self, freelancer: str, *, country: str, email: str, name: str) -> str:  # noqa: ARG002 - the port's own
        """One account for each person."""
        return f"acct_{freelancer}"

    def link(self, account: str, *, back: str, again: str) -> str:  # noqa: ARG002 - the port's own
        """Stripe's form."""
        return f"https://connect.stripe.com/setup/e/{account}"


@dataclass
class RecordingBackground:
    """Functions that are called without waiting: kept, never run by themselves."""

    acts: list[tuple[str, str]] = field(default_factory=list)
    ticks: list[dict[str, Any]] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)

    def run_act(self, order: str, owed: str) -> None:
        """Keep a call of the function that pays."""
        self.acts.append((order, owed))

    def look_at(self, freelancer: str) -> None:
        """Keep a call of the function that keeps accounts."""
        self.looks.append(freelancer)

    def tick_again(self, remaining: dict[str, Any]) -> None:
        """Keep a call of the clock."""
        self.ticks.append(remaining)


@dataclass
class CountingCounter:
    """Metrics, added up."""

    counts: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, value: int = 1) -> None:
        """Add to a metric."""
        self.counts[name] += value


@dataclass
class FakePorts:
    """All ports, on a date that moves only by hand. `at` is both the business's time and the wall's."""

    store: Store = field(default_factory=MemoryStore)
    machine: RecordingMachine = field(default_factory=RecordingMachine)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    mailer: RecordingMailer = field(default_factory=RecordingMailer)
    payments: MemoryPayments = field(default_factory=MemoryPayments)
    recipients: ReadyRecipients = field(default_factory=ReadyRecipients)
    background: RecordingBackground = field(default_factory=RecordingBackground)
    counter: CountingCounter = field(default_factory=CountingCounter)
    settings: Settings = Settings("dev", PUBLIC_URL)  # noqa: RUF009 - frozen
    link_keys: LinkKeys = KEYS
    webhook_secrets: tuple[str, ...] = (WEBHOOK_SECRET,)
    at: datetime = MONDAY
    noted: list[Exception] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def now(self) -> datetime:
        """The time of the business."""
        return self.at

    def wall(self) -> datetime:
        """The time of the wall."""
        return self.at

    def note(self, error: Exception) -> None:
        """Keep what was dealt with."""
        self.noted.append(error)

    def order_id(self) -> str:
        """Order ids in their order."""
        return f"{next(self._ids):012d}"
