"""Functions die on the local stack as they may in production, at any moment, and no order is lost by it."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from devstack.browser import Browser, Page, PageError, read_page
from devstack.cloud import DATA_STACK, STAGE, Cloud
from devstack.drawings import logo_files
from devstack.gateway import LOOPBACK
from devstack.player import CARD, CLIENT_NAME
from devstack.tally import money_of
from relais.adapters.dynamodb import DynamoStore
from relais.gate import Gate, Kind, Role, Status, gate_from_row
from relais.order import Order, OrderStage, order_from_row
from relais.ports import Store
from relais.rows import CLOCK_KEY, Change, Put, freelancer_key, order_key, session_key

ORDERS = 20
AT_ONCE = 4
KILLS = 30
SEED = 20_261_122
DANGER = 0.3
"""In how many of the acts somebody dies."""
LONGEST_ACT = 0.6
"""Seconds within which they do."""
MINUTES_A_STEP = 3
SHORT_STEPS = 16
"""So long the steps stay short while an order is waited for: holds end one after the other, as they began."""
MOST_DOUBLED = 8
"""Then they grow, to half a day: an answer of Stripe's that was lost is looked for after hours, not minutes."""
STEP_SECONDS = 4.0
MOST_SECONDS = 1_200.0
TROUBLE = (PageError, OSError, HTTPException, ClientError, BotoCoreError, ValueError)
"""What people meet while a function dies: they try again."""
CONSENTS = {"client_kind": "consumer", "start_now": "yes", "ends_when_done": "yes"}
ANSWERS = {
    Kind.PROPOSAL: "accepted",
    Kind.WORK: "deliver",
    Kind.REVIEW: "approve",
    Kind.ACCEPTANCE: "accept",
}
"""What is said; to a park, or where the clock asks what is to be done, whatever is offered first."""
PEOPLE = frozenset({Role.CLIENT, Role.SELLER, Role.FREELANCER})


@dataclass
class Fire:
    """Kills workers of one stack's functions, seeded, some thirty of them; others of this machine it does not see.

    A death comes with an act, so that a slow machine is not killed faster than it can come back.
    """

    folder: Path
    dice: random.Random
    killed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def near(self) -> None:
        """Somebody acts now: in every few cases a worker dies meanwhile, whichever it hits."""
        with self.lock:
            if len(self.killed) >= KILLS or self.dice.random() > DANGER:
                return
            self.killed.append("")
            at, number, which = len(self.killed) - 1, self.dice.uniform(0, LONGEST_ACT), self.dice.random()
        fuse = threading.Timer(number, self._kill, (at, which))
        fuse.daemon = True
        fuse.start()

    def _kill(self, at: int, which: float) -> None:
        found = self.workers()
        if found:
            self.killed[at], process = found[int(which * len(found))]
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def workers(self) -> list[tuple[str, int]]:
        """The workers that run code from the stack's own folder: their function and process."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                at = str((entry / "cwd").readlink())
            except OSError:
                continue
            script = next((word.decode() for word in words if word.endswith(b"_worker.py")), "")
            if script and at.startswith(f"{self.folder}/"):
                function = at.partition("ministack-lambda-")[2].partition("/")[0].rpartition("-")[0]
                found.append((function, int(entry.name)))
        return sorted(found)


@dataclass
class Clock:
    """Time passes faster than it does, and the clock looks: what a death left is taken up within seconds."""

    cloud: Cloud
    store: Store
    offset: int = 0

    def run(self, over: threading.Event) -> None:
        """Step after step."""
        while not over.wait(STEP_SECONDS):
            self.step(timedelta(minutes=MINUTES_A_STEP))

    def go_to(self, at: datetime) -> None:
        """Step to a date, unless it is over."""
        now = datetime.now(UTC) + timedelta(seconds=self.offset)
        self.step(max(at - now, timedelta()))

    def step(self, time: timedelta) -> None:
        """Give the stack a later date, and have the clock look at it. One that dies looks at the next step."""
        self.offset += int(time.total_seconds())
        self.store.write(Put(CLOCK_KEY, {"v": 1, "offset": self.offset}, guards=()))
        with suppress(ClientError, BotoCoreError):
            name = f"relais-{STAGE}-tick-clock:live"
            self.cloud.client("lambda").invoke(FunctionName=name, Payload=b"{}")["Payload"].read()


@dataclass
class Town:
    """Everybody who acts on the stack: each tries again as long as the page still asks."""

    gateway: str
    cloud: Cloud
    store: Store
    over: threading.Event
    fire: Fire

    def play(self, number: int) -> str:
        """One order, from the offer's page until nobody is asked any more; gives its id."""
        browser = Browser()
        checkout = self.insist("the offer's button", lambda: self._order(browser))
        row = self.store.get(session_key(checkout.url.rpartition("/")[2]))
        assert row is not None
        client = {"email": f"client-{number:02d}@relais.example", "card": CARD, "name": CLIENT_NAME}
        self.fire.near()
        with suppress(*TROUBLE):  # the page that the payment returns to may not answer: the money moved all the same
            browser.submit(checkout.form("card"), client)
        order = str(row["order"])
        self.insist("its hold", lambda: self.rests(order))
        return order

    def insist(self, what: str, act: Callable[[], Any]) -> Any:
        """Try until something comes of it."""
        said: object = "nothing came of it"
        while not self.over.is_set():
            try:
                done = act()
            except TROUBLE as trouble:
                said, done = trouble, None
            if done:
                return done
            self.over.wait(0.3)
        raise AssertionError(f"gave up waiting for {what}: {said!r}")

    def _order(self, browser: Browser) -> Page:
        self.fire.near()
        page = browser.open(f"{self.gateway}/offer/logo")
        return browser.submit(page.form("client_kind"), CONSENTS)

    def rests(self, order: str) -> bool:
        """Whoever is asked answers; whether nobody is asked any more, and the clock alone has something to do."""
        asked = [gate for gate in self._gates(order) if gate.status is Status.OPEN]
        for gate in asked:
            if gate.role in PEOPLE:
                self.fire.near()
            if gate.id.kind is Kind.BRIEF:
                self._hand_in(order)
            elif gate.role in PEOPLE:
                self._choose(gate)
        return [gate.id.kind for gate in asked] == [Kind.HOLD]

    def hold_ends(self, order: str) -> datetime:
        """When its pay may leave."""
        return next(gate.deadline for gate in self._gates(order) if gate.id.kind is Kind.HOLD and gate.deadline)

    def _gates(self, order: str) -> list[Gate]:
        return [gate_from_row(row) for row in self.store.query(f"O#{order}", "G#")]

    def _link(self, part: str) -> str:
        """The newest link of the mails that leads there."""
        mails = [mail for mail in self.cloud.mails() if part in mail.html]
        links = [link for mail in mails for link in read_page("", 200, mail.html).links if part in link]
        if not links:
            raise ValueError(f"no mail leads to {part} yet")
        return links[-1]

    def _hand_in(self, order: str) -> None:
        browser = Browser()
        form = browser.open(self._link(f"/o/{order}/")).form("q_name")
        answers = {name: "oui" for name in form.names if name.startswith("q_")}
        browser.submit(form, answers | {"ready": "yes"}, press="hand_in")

    def _choose(self, gate: Gate) -> None:
        browser = Browser()
        page = browser.open(self._link(f"/g/{gate.order}/{gate.id}/"))
        form = next((one for one in page.forms if one.choices), None)
        if form is not None:
            choice = ANSWERS.get(gate.id.kind, form.choices[0])
            files = browser.upload(form, logo_files(1)) if choice == "deliver" else ()
            browser.submit(form, {"choice": choice}, files=files)


def ended(store: Store, order: str) -> Order | None:
    """An order that owes nothing to anybody any more."""
    row = store.get(order_key(order))
    head = None if row is None else order_from_row(row)
    at_rest = head is not None and head.stage is OrderStage.COMPLETED and head.owes_mail is None
    return head if head is not None and at_rest and head.fee is not None else None


@pytest.mark.dear
def test_workers_killed_at_random_lose_no_order_and_no_cent(demo: Callable[..., Any]) -> None:
    """Twenty orders, four at a time, thirty deaths: after the clock all have ended, and all have what is theirs."""
    stack = demo("none")
    stack.wait_for("Now it is your turn")
    killed = play(stack.port, stack.folder / "tmp")
    assert len(killed) >= KILLS // 2, killed


def play(port: int, folder: Path) -> list[str]:
    """The orders and the deaths on a stack that stands; gives the functions that were killed."""
    cloud = Cloud(f"http://{LOOPBACK}:{port}")
    store = DynamoStore(cloud.client("dynamodb"), cloud.outputs(DATA_STACK)["TableName"])
    store.write(Change(freelancer_key("ines-moreau"), put={"capacity": ORDERS}))
    over, out = threading.Event(), threading.Event()
    fire, clock = Fire(folder, random.Random(SEED)), Clock(cloud, store)
    town = Town(f"http://{LOOPBACK}:{port + 1}", cloud, store, over, fire)
    limit = threading.Timer(MOST_SECONDS, over.set)
    limit.start()
    with ThreadPoolExecutor(AT_ONCE) as people, ThreadPoolExecutor(1) as beside:
        try:
            beside.submit(clock.run, out)
            orders = list(people.map(town.play, range(ORDERS)))
            out.set()
            clock.go_to(min(town.hold_ends(order) for order in orders))
            heads = [
                town.insist(f"the end of {order}", partial(_end, town, clock, order, count(1))) for order in orders
            ]
        finally:
            over.set()
            out.set()
            limit.cancel()
    assert len(set(orders)) == ORDERS
    for head in heads:
        money = money_of(store, head, f"http://{LOOPBACK}:{port + 2}")
        assert money.differences == ()
        assert (money.ledger_balanced, money.ledger_equals_sandbox) == (True, True)
        assert (money.client_paid, money.freelancer_received) == (29_000, 13_000)
    return [one for one in fire.killed if one]


def _end(town: Town, clock: Clock, order: str, tries: Iterator[int]) -> Order | None:
    """The order at its end, or one step nearer: who is asked meanwhile answers, and steps grow as pauses do."""
    found = ended(clock.store, order)
    if found is None:
        town.rests(order)
        doubled = min(max(next(tries) - SHORT_STEPS, 0), MOST_DOUBLED)
        clock.step(timedelta(minutes=MINUTES_A_STEP * 2**doubled))
    return found
