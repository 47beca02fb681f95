"""What a release left behind is understood by the code of today: rows, payloads, orders in flight, executions.

In-flight orders meet new code with every deployment, and their definition stays the one that they began with (design:
workflow section 3). The files are described in `tests/support/golden.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Generator
from typing import Any

import pytest

from devstack.simulation.interpreter import Interpreter, StateFailedError, Walk
from devstack.simulation.pages import Form
from devstack.simulation.world import WEBHOOK_SECRET, World
from relais import ledger
from relais.act import act_from_row
from relais.gate import Status, gate_from_row
from relais.ledger import Entry
from relais.offer import Offer
from relais.order import milestone_from_row, order_from_row
from relais.roster import Freelancer
from relais.rows import Row
from relais.shop import Shop
from relais.steps.links import gate_link
from tests.support.golden import DEFINITION, GOLDEN, MOST_BYTES, Golden, read, read_json, versions, world_of
from tests.support.journey import Journey

VERSIONS = versions()
READERS: dict[str, Callable[[Row], object]] = {
    "ORDER": order_from_row,
    "M#": milestone_from_row,
    "G#": gate_from_row,
    "A#": act_from_row,
    "L#": Entry.from_row,
    "R#": Freelancer.from_row,
    "SETTINGS": lambda row: Shop.from_row(row["shop"]),
    "V#": lambda row: Offer.from_row(row) if row["pk"].startswith("H#") else row["files"],
    "T#": lambda row: (row["token"], row["attempt"]),
    "B#": lambda row: row["at"],
    "S#": lambda row: row["order"],
}
IN_FLIGHT = {
    "0.1.0": (
        "paid",
        "brief",
        "assign",
        "pick",
        "work",
        "review",
        "acceptance",
        "hold",
        "payout",
        "refund",
        "unwind",
        "park",
    ),
    "0.2.0": ("reassign", "refund_request", "settlement"),
}
"""The stages at which an order can be met by a deployment, by the release that brought them."""


def of_version(version: str) -> dict[str, Golden]:
    """The calls of a release by their name."""
    return {one.name: one for one in read(version)}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_row_of_a_release_is_read(version: str) -> None:
    """A table outlives every release: what was written then is lifted and understood now."""
    rows = [*read_json(version, "shop.json"), *(row for one in read(version) for row in one.call["rows"])]
    kinds = set()
    for row in rows:
        kind = next(prefix for prefix in READERS if row["sk"].startswith(prefix))
        assert READERS[kind](row) is not None
        kinds.add(kind)
    assert kinds == set(READERS)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_payload_of_a_release_is_answered(version: str) -> None:
    """Gateway, Stripe, Step Functions and EventBridge deliver late and twice: the same answer as then."""
    wrong = []
    for one in read(version):
        with world_of(one) as world:
            answer = world.engine.call(one.call["function"], signed_anew(world, one.call["event"]))
        expected = one.call["answer"]
        found = {"statusCode": answer["statusCode"]} if "statusCode" in (expected or {}) else answer
        if found != expected:
            wrong.append((one.name, expected, found))
    assert wrong == []


def signed_anew(world: World, event: dict[str, Any]) -> dict[str, Any]:
    """A delivery that is repeated has the same body and a signature of its own time."""
    name = next((name for name in event.get("headers", {}) if name.lower() == "stripe-signature"), None)
    if name is None:
        return event
    at = int(world.wall().timestamp())
    made = hmac.new(WEBHOOK_SECRET.encode(), f"{at}.{event['body']}".encode(), hashlib.sha256).hexdigest()
    return event | {"headers": event["headers"] | {name: f"t={at},v1={made}"}}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def flights() -> list[tuple[str, str]]:
    return [
        (version, stage)
        for version in VERSIONS
        for since, stages in IN_FLIGHT.items()
        if numbers(since) <= numbers(version)
        for stage in stages
    ]


@pytest.mark.parametrize("definition", ["then", "now"])
@pytest.mark.parametrize(("version", "stage"), flights())
def test_an_order_in_flight_is_carried_to_its_end(version: str, stage: str, definition: str) -> None:
    """By the definition it began with, and by today's when its next run begins: people answer, the clock does the rest.

    Ended, with nothing owed, every pot of the ledger empty and its money where it belongs, once.
    """
    one = next(one for one in read(version) if one.stage == stage)
    old = read_json(version, "definition.json") if definition == "then" else json.loads(DEFINITION.read_text("utf-8"))
    with world_of(one, old) as world:
        journey = Linked(world, one.order)
        world.ports.machine.start(one.order, journey.order.run)
        world.settle()
        carry(journey)
        order = journey.order
        assert order.stage.value == "completed"
        assert order.left + order.sent + order.refunded - order.borne == order.paid
        entries, broken = ledger.read(journey.entries())
        found = ledger.check(entries, now=world.now(), ended=frozenset({one.order}))
        assert (broken, [one for one in found if one.kind is not ledger.DifferenceKind.CLEARING]) == ((), [])
        assert [row["sk"] for row in world.rows(f"O#{one.order}") if "owes" in row] == []
        keys = [key for kind, key in world.ports.payments.calls if kind in {"transfer", "refund"}]
        assert len(keys) == len(set(keys))


class Linked(Journey):
    """An order whose people kept the mails that were sent before: their links are made again."""

    def form(self, kind: str) -> Form:
        """The form behind the link of the open gate."""
        (asked,) = [gate for gate in self.gates if gate.status is Status.OPEN and gate.id.kind.value == kind]
        return self.world.get(gate_link(self.world.ports, self.order, asked)).form("choice")


ANSWERS = {
    "proposal": "accepted",
    "review": "approve",
    "acceptance": "accept",
    "pick": "refund",
    "settlement": "accept",
}


def carry(journey: Journey) -> None:
    """People answer whatever they are asked, until it is over."""
    for _ in range(24):
        open_gates = [gate for gate in journey.gates if gate.status.value == "open"]
        kinds = [gate.id.kind.value for gate in open_gates]
        match kinds[0] if kinds else journey.order.stage.value:
            case "brief":
                journey.hand_in_brief()
            case "work":
                journey.deliver()
            case "park":
                journey.answer("park", open_gates[0].choices[0].value)
            case "refund_request":
                journey.answer("refund_request", "contest", "Le brief demandait cela.")
            case "stuck":
                journey.answer("stuck", "resume")
            case "completed":
                journey.world.pass_time(days=2)
                return
            case kind if kind in ANSWERS:
                journey.answer(kind, ANSWERS[kind])
            case _:
                journey.world.pass_time(days=4)


class Replayed(Interpreter):
    """A definition whose tasks get what those of a recorded execution got."""

    def __init__(self, definition: dict[str, Any], route: list[Any]) -> None:
        super().__init__(definition)
        self.left = list(route)
        inner = definition["States"]["Milestones"]["ItemProcessor"]["States"]
        self._names = {id(state): name for states in (definition["States"], inner) for name, state in states.items()}

    def _task(self, _walk: Walk, state: Any, _given: Any, _variables: Any) -> Generator[str, tuple[str, str], Any]:
        if not self.left:
            yield "in flight"
        name, got = self.left.pop(0)
        assert name == self._names[id(state)]
        if "error" in got:
            raise StateFailedError(got["error"])
        return got


@pytest.mark.parametrize("version", VERSIONS)
def test_the_routes_of_a_release_are_walked_by_todays_definition(version: str) -> None:
    """Where a newer run takes over it must find the same way: every recorded answer and error is still routed."""
    definition = json.loads(DEFINITION.read_text("utf-8"))
    for recorded in read_json(version, "executions.json"):
        engine = Replayed(definition, recorded["route"])
        order, _, run = recorded["execution"].rpartition("-")
        engine.start(order, int(run))
        engine.rest()
        assert engine.left == [], recorded["execution"]
        if recorded["status"] in {"SUCCEEDED", "FAILED"}:
            assert engine.status_of(recorded["execution"]) == recorded["status"]


def test_golden_files_are_small_and_hold_no_secret_of_anybody() -> None:
    """They come from the sample shop: no key of Stripe, no token of a cloud, no address of a machine."""
    assert VERSIONS
    for path in GOLDEN.rglob("*.json"):
        text = path.read_text("utf-8")
        assert len(text.encode()) <= MOST_BYTES, path.name
        for word in ("sk_live", "rk_live", "whsec_", "AKIA", "arn:aws:lambda", "/home/", "/root/"):
            assert word not in text, (path.name, word)
