"""Golden files: what one release's functions were called with, and what the table held just before.

A file is one call: the function, its event, how it answered, the rows and texts of its order. Beside them stand the
definition, and the executions with the states that they entered and the answers that they got. `make golden` records
them from the demo shop; `tests/workflow/test_golden.py` replays them with the code of today. Nothing in them is real:
the shop is the sample, links are signed with the tests' key, and the date is the tests'.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs

from devstack.simulation.world import MONDAY, ROOT, World, world_in_memory
from relais import wiring
from relais.ports import PaidSession
from relais.rows import CLOCK_KEY, Key, Put, Row
from tests.support.doubles import MemoryPayments

GOLDEN = ROOT / "tests" / "golden"
DEFINITION = ROOT / "statemachines" / "order.asl.json"
MOST_BYTES = 300_000
TEXTS = "texts/"
SHOP, SHOPS = "shop.json", ("SHOP", "ROSTER", "H#")


@dataclass
class Recorder:
    """Notes each kind of call once, with what stood in the table."""

    world: World
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    shop: list[Row] = field(default_factory=list)
    _now: list[str | None] = field(default_factory=list)

    def listen(self) -> None:
        """From now on."""
        self.shop = [row for row in self.world.rows() if row["pk"].startswith(SHOPS)]
        call = self.world.engine.call

        def noted(name: str, event: Mapping[str, Any]) -> Any:
            kept = self._before(name, event)
            answer = call(name, event)
            if kept is not None:
                kept["answer"] = answer if not isinstance(answer, dict) else _short(answer)
                self.calls[kept["kind"]] = kept
            return answer

        self.world.engine.call = noted  # type: ignore[method-assign]

    def _before(self, name: str, event: Mapping[str, Any]) -> dict[str, Any] | None:
        rows = [row for row in self.world.rows() if not row["pk"].startswith((*SHOPS, CLOCK_KEY.pk))]
        orders = [row for row in rows if row["sk"] == "ORDER"]
        kind = kind_of(name, event, rows)
        if kind in self.calls or len(orders) > 1:
            return None
        known = {(row["pk"], row["sk"]): row for row in self.shop}
        busy = [row for row in self.world.rows("ROSTER") if row != known[row["pk"], row["sk"]]]
        files = self.world.clouds.files.objects  # type: ignore[attr-defined]
        return {
            "kind": kind,
            "function": name,
            "event": json.loads(json.dumps(event)),
            "at": self.world.now().isoformat(timespec="seconds"),
            "rows": [*rows, *busy],
            "texts": {key: body.decode() for key, body in files.items() if key.startswith(TEXTS)},
            "files": sorted(key for key in files if not key.startswith(TEXTS)),
        }


def kind_of(name: str, event: Mapping[str, Any], rows: list[Row]) -> str:
    """What makes a call worth keeping: the function, and what of its event it looks at; the stage for the clock."""
    stages = [row["stage"] for row in rows if row["sk"] == "ORDER" or row["sk"].startswith("M#")]
    here = ".".join(dict.fromkeys(stages[::-1])) or "nothing"
    if "requestContext" not in event:
        more = event.get("stage") or event.get("owed") or event.get("detail", {}).get("status") or here
        return f"{name}-{more}"
    path = event["rawPath"].strip("/").split("/")
    if path[0] == "hooks":
        return f"{name}-{json.loads(event['body'])['type']}"
    body = base64.b64decode(event["body"]).decode() if event.get("isBase64Encoded") else event["body"]
    form = parse_qs(body)
    asked = (form.get("choice") or form.get("action") or [event["requestContext"]["http"]["method"].lower()])[0]
    gate = path[2].split("-")[1] if path[0] == "g" else path[0] or "index"
    return f"{name}-{gate}-{asked}"


def _short(answer: dict[str, Any]) -> dict[str, Any]:
    """A page is told by its status: what it says may change with every release."""
    return {"statusCode": answer["statusCode"]} if "statusCode" in answer else answer


@dataclass(frozen=True)
class Golden:
    """One recorded call."""

    version: str
    name: str
    call: dict[str, Any]

    @property
    def order(self) -> str:
        """The order that it was about; empty where there was none."""
        return next((row["pk"].removeprefix("O#") for row in self.call["rows"] if row["sk"] == "ORDER"), "")

    @property
    def stage(self) -> str:
        """Where that order was."""
        heads = {row["sk"]: row["stage"] for row in self.call["rows"] if row["sk"] == "ORDER" or row["sk"][:2] == "M#"}
        order = heads.get("ORDER", "nothing")
        return heads.get("M#01", order) if order == "milestones" else order


def versions() -> list[str]:
    """The releases that are kept."""
    return sorted(one.name for one in GOLDEN.iterdir() if one.is_dir())


def read(version: str) -> list[Golden]:
    """The calls of a release."""
    found = sorted((GOLDEN / version / "calls").glob("*.json"))
    return [Golden(version, one.stem, json.loads(one.read_text("utf-8"))) for one in found]


def read_json(version: str, name: str) -> Any:
    """Another file of a release."""
    return json.loads((GOLDEN / version / name).read_text("utf-8"))


@contextmanager
def world_of(golden: Golden, definition: dict[str, Any] | None = None) -> Iterator[World]:
    """A world as it stood before a recorded call; Stripe knows what the rows say was paid."""
    with world_in_memory(MONDAY) as world:
        if definition is not None:
            world.engine.definition = definition  # type: ignore[union-attr]
        world.engine._counter = 1_000_000  # type: ignore[union-attr] # every entry is later than the recorded ones
        rows = [*read_json(golden.version, SHOP), *golden.call["rows"]]
        for row in rows:
            world.clouds.store.write(Put(Key(row["pk"], row["sk"]), row, guards=()))  # type: ignore[attr-defined]
        files = dict.fromkeys(golden.call["files"], b"\x89PNG") | {
            key: body.encode() for key, body in golden.call["texts"].items()
        }
        for key, body in files.items():
            world.clouds.put_object(key, body)
        world.wall_shift += (datetime.fromisoformat(golden.call["at"]) - world.now()).total_seconds()
        stripe = _stripe(rows)
        with patch.object(wiring, "_payments", lambda _key, _url: stripe):
            yield world


def _stripe(rows: list[Row]) -> MemoryPayments:
    heads = {row["pk"].removeprefix("O#"): row for row in rows if row["sk"] == "ORDER"}
    known = MemoryPayments()
    for row in rows:
        if not row["pk"].startswith("S#"):
            continue
        head, session = heads[row["order"]], row["pk"].removeprefix("S#")
        paid, own = head["stage"] != "draft", session == head.get("session")
        known.sessions[session] = PaidSession(
            id=session,
            status="complete" if paid else "open",
            payment_status="paid" if paid else "unpaid",
            url=None if paid else f"https://checkout.example/{session}",
            amount=head["price"],
            currency=head["currency"],
            order=row["order"],
            email="marie@gmail.com" if paid else None,
            name="Marie" if paid else None,
            payment_intent=((own and head.get("payment_intent")) or f"pi_{session}") if paid else None,
            charge=((own and head.get("charge")) or f"ch_{session}") if paid else None,
        )
    return known


def write(version: str, calls: Mapping[str, Any], shop: list[Row], executions: list[Any]) -> Path:
    """Keep a release. Raises `FileExistsError`: what was released is never written anew."""
    folder = GOLDEN / version
    (folder / "calls").mkdir(parents=True)
    for kind, call in calls.items():
        _write(folder / "calls" / f"{kind}.json", call)
    _write(folder / SHOP, shop)
    _write(folder / "executions.json", executions)
    (folder / "definition.json").write_text(
        json.dumps(json.loads(DEFINITION.read_text("utf-8")), separators=(",", ":")) + "\n", "utf-8"
    )
    return folder


def _write(path: Path, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=0, sort_keys=True) + "\n"
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"{path.name} has more than {MOST_BYTES} bytes: record less")
    path.write_text(text, "utf-8")


@contextmanager
def dated_world() -> Iterator[World]:
    """A world whose wall shows the tests' date: no time of the recording machine gets into a file."""
    with world_in_memory(MONDAY) as world:
        world.wall_shift = (MONDAY - datetime.now(UTC)).total_seconds()
        world._shift -= world._shift
        world._set_clock()
        yield world
