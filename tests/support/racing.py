"""Where races are run: worlds prepared once and copied for each round, threads let loose at one instant.

A world is brought to its start by the real steps in memory; a round copies it under new order ids to DynamoDB Local.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, cast

from devstack.simulation.memory import MemoryStore
from relais.adapters.dynamodb import DynamoStore, _put
from relais.gate import Gate, Owed, Status, due_shard
from relais.ports import Store
from relais.rows import Change, Check, Key, Put, Row, Write, present, token_key
from tests.support.doubles import FakePorts
from tests.support.meeting import AtRandom, Meeting
from tests.support.orders import Play, open_shop

PATIENCE = 60.0
"""Seconds after which threads that hang are a failure, never a wait."""
MET = 0.1
"""The share of all writes that are told to have met another transaction."""
BATCH = 25
"""Rows that one BatchWriteItem takes."""
STANDS_STILL = ("SHOP", "H#")
"""Partitions that no race writes to."""
PAID_STATE = ("sessions", "transfers", "refunds", "calls", "_by_key")

Prepare = Callable[[Play], object]


class RacingStore:
    """A table in memory while a round is prepared, DynamoDB Local from the start of its race on.

    It can be naive, to see whether the tests notice: guards are forgotten, and nobody looks at a row a second time.
    """

    def __init__(self, client: Any, table: str, met: AtRandom) -> None:
        """Race on this table."""
        self._client, self._table = client, table
        self.met = met
        self._real = DynamoStore(Meeting(client, met), table, pause=_at_once_again)  # type: ignore[arg-type]
        self._now: Store = MemoryStore()
        self._still: set[Key] = set()
        self.forgetful = False
        self._seen = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now, name)

    def prepare(self, rows: dict[Key, dict[str, Any]] | None = None) -> None:
        """Start again with these rows in memory."""
        self._now = MemoryStore()
        for key, row in (rows or {}).items():
            self._now.write(Put(key, row, guards=()))

    def lay_out(self) -> None:
        """Put what is in memory on the real table, and stay there."""
        if not isinstance(self._now, MemoryStore):
            return
        rows = [Put(key, row, guards=()) for key, row in self._now.rows.items() if key not in self._still]
        for first in range(0, len(rows), BATCH):
            asked = [{"PutRequest": {"Item": _put(self._table, one)["Item"]}} for one in rows[first : first + BATCH]]
            self._client.batch_write_item(RequestItems={self._table: asked})
        self._still |= {one.key for one in rows if one.key.pk.startswith(STANDS_STILL)}
        self._now = self._real

    def begins(self) -> None:
        """A process begins: it has seen nothing yet."""
        self._seen.rows = {}

    def get(self, key: Key) -> Row | None:
        """Read one row."""
        return self.get_many([key]).get(key) if self.forgetful else self._now.get(key)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Read several rows at once."""
        if not self.forgetful:
            return self._now.get_many(keys)
        new = [key for key in keys if key not in self._seen.rows]
        self._seen.rows |= self._now.get_many(new) if new else {}
        return {key: self._seen.rows[key] for key in keys if key in self._seen.rows}

    def write(self, *writes: Write) -> None:
        """Write, with or without guards."""
        if not self.forgetful:
            self._now.write(*writes)
            return
        self._now.write(*(_without_guards(one) for one in writes if not isinstance(one, Check)))


class Overtaken:
    """The table of a process that has looked, and before its first write somebody else does everything."""

    def __init__(self, store: RacingStore) -> None:
        """Stand before a table."""
        self._store = store
        self._looked, self._done = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, *writes: Write) -> None:
        """Write, later."""
        self._looked.set()
        assert self._done.wait(PATIENCE)
        self._store.write(*writes)

    def by(self, call: Callable[[], Any]) -> Any:
        """Overtake it."""
        assert self._looked.wait(PATIENCE)
        try:
            return call()
        finally:
            self._done.set()


def _at_once_again(_seconds: float) -> None:
    """No sleep in tests: the number of tries is what counts."""


def _without_guards(one: Put | Change) -> Write:
    return replace(one, guards=() if isinstance(one, Put) else (present("pk"),))


@dataclass
class Track:
    """Where races are run: ports on a store, which may be made forgetful while the threads run."""

    ports: FakePorts
    store: RacingStore
    pool: ThreadPoolExecutor
    naive: bool = False
    round: int = 0
    plays: list[Play] = field(default_factory=list)
    _prepared: dict[object, bytes] = field(default_factory=dict)

    def new_round(self) -> None:
        """A new day: another date, machine, post and shop; the table keeps the orders of the rounds before."""
        self.round += 1
        self.plays = []
        fresh = FakePorts()
        for name in ("machine", "mailer", "payments", "background", "counter", "at"):
            setattr(self.ports, name, getattr(fresh, name))
        self.store.prepare()

    def at(self, start: Prepare, *, orders: int = 1, **shop: int) -> list[Play]:
        """So many orders, each brought to the start of the race: prepared once, copied under new ids every round."""
        key = (start, orders, *shop.items())
        if key not in self._prepared:
            self._prepared[key] = _prepare(start, orders, shop)
        ids = {f"{number:012d}": f"{self.round:06d}{number:06d}" for number in range(1, orders + 1)}
        kept = self._prepared[key]
        for old, new in ids.items():
            kept = kept.replace(old.encode(), new.encode())
        copy = pickle.loads(kept)  # noqa: S301 - our own
        self.store.prepare({key: _of_its_shard(key, row) for key, row in copy["rows"].items()})
        for name in ("machine", "mailer", "counter", "at"):
            setattr(self.ports, name, copy[name])
        for name in PAID_STATE:
            setattr(self.ports.payments, name, copy["payments"][name])
        self.plays = [Play(self.ports, new, copy["attempts"][new]) for new in ids.values()]
        return self.plays

    def at_once(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Call all of these at the same instant. Returns what each gave or raised, in their order."""
        self.store.lay_out()
        start = threading.Barrier(len(calls))
        self.store.forgetful = self.ports.payments.forgetful = self.naive
        running = [self.pool.submit(self._after, start, call) for call in calls]
        results = [one.result(PATIENCE) for one in running]
        self.store.forgetful = self.ports.payments.forgetful = False
        return results

    def _after(self, start: threading.Barrier, call: Callable[[], Any]) -> Any:
        self.store.begins()
        start.wait(PATIENCE)
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - what a loser is told is looked at by its race
            return error


def _prepare(start: Prepare, orders: int, shop: dict[str, int]) -> bytes:
    ports = FakePorts()
    open_shop(ports, **shop)
    plays = [Play(ports) for _ in range(orders)]
    for play in plays:
        start(play)
    assert isinstance(ports.store, MemoryStore)
    return pickle.dumps(
        {
            "rows": ports.store.rows,
            "machine": ports.machine,
            "mailer": ports.mailer,
            "counter": ports.counter,
            "at": ports.at,
            "payments": {name: getattr(ports.payments, name) for name in PAID_STATE},
            "attempts": {play.id: play.attempts for play in plays},
        }
    )


def _of_its_shard(key: Key, row: dict[str, Any]) -> dict[str, Any]:
    """The shard of the clock's index follows from the id."""
    return row | {"due_shard": due_shard(key.pk.removeprefix("O#"))} if "due_shard" in row else row


def on_track(client: Any, table: str, pool: ThreadPoolExecutor, seed: int) -> Track:
    """A track on a table of its own, on which writes meet at random."""
    racing = RacingStore(client, table, AtRandom(seed, MET))
    return Track(FakePorts(store=cast("Store", racing)), racing, pool)


def assert_nothing_stuck(play: Play) -> None:
    """Promise 3: what is decided was told to the newest token or is owed; what is open is looked at by the clock."""
    rows = {row["sk"]: row for row in play.ports.store.query(f"O#{play.id}", "")}
    order = play.order
    assert "due" in rows["ORDER"] or not order.is_open
    open_gates = []
    for gate in play.gates():
        row = rows["G#" + str(gate.id).replace("-", "#")]
        if gate.status is Status.OPEN:
            open_gates.append(gate.id)
            assert "due" in row or gate.deadline is None, f"nobody looks at {gate.id}"
        elif gate.status is Status.ANSWERED and not gate.id.kind.side:
            _assert_told(play, gate, row, rows)
    levels = [one.milestone for one in open_gates if not one.kind.side]
    assert len(levels) == len(set(levels)), f"two questions at once: {open_gates}"


def _assert_told(play: Play, gate: Gate, row: Row, rows: dict[str, Row]) -> None:
    kept = rows.get(token_key(play.id, str(gate.id)).sk)
    if kept is None:
        assert Owed.RESUME.value in row.get("owes", {}), f"{gate.id} is decided, and nobody will hear"
        return
    told = play.ports.machine.outcomes(kept["token"])
    assert len(set(told)) <= 1, f"{gate.id} was answered twice: {told}"
    assert told or Owed.RESUME.value in row.get("owes", {}), f"{gate.id} is decided, and nobody will hear"
