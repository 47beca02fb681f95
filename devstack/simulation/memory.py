"""Doubles of the outside, in memory: as strict as the real ones where a step could lean on it, and fast.

The store is held to the same contract as the one on DynamoDB (`tests/integration/test_store_contract.py`).
"""

from __future__ import annotations

import hashlib
import marshal
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from devstack.simulation.pages import Mail
from relais.adapters.keys import BOOK, DESK, DUE, INDEXES, PK, SK, Index
from relais.link_state import LinkState
from relais.order import stamp
from relais.pages.letter_views import AnyLetter
from relais.pages.letters import write
from relais.ports import ConditionFailedError
from relais.rows import Change, Check, Guard, Key, Put, Row, Test, Write

NOWHERE = ("", "")
MOST_ACTIONS = 100
"""Actions that DynamoDB takes in one transaction (docs.aws.amazon.com, TransactWriteItems)."""


class WriteRefusedError(Exception):
    """DynamoDB would refuse this write as malformed, whatever the table holds."""


def copied(value: Any) -> Any:
    """A copy that shares nothing that could be changed. Rows hold plain values only, so the fastest way will do."""
    return marshal.loads(marshal.dumps(value))  # noqa: S302 - written on this line


def plain(value: Any) -> Any:
    """A value as the table gives it back, sharing nothing. Raises `WriteRefusedError` for what no row holds."""
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case int():
            return int(value)
        case list() | tuple():
            return [plain(one) for one in value]
        case Mapping():
            return {str(name): plain(one) for name, one in value.items()}
        case _:
            raise WriteRefusedError(f"a row holds a {type(value).__name__}")


@dataclass
class MemoryStore:
    """The table. `stale` freezes what the indexes serve: they may be behind, and no rule may rest on them.

    Partitions and indexes are kept with every write: a table of thousands of orders is asked as fast as one of ten.
    """

    rows: dict[Key, dict[str, Any]] = field(default_factory=dict, init=False)
    frozen: dict[Key, dict[str, Any]] | None = None
    _partitions: dict[str, list[Key]] = field(default_factory=lambda: defaultdict(list), init=False)
    _indexed: dict[tuple[str, str], set[Key]] = field(default_factory=lambda: defaultdict(set), init=False)

    def waiting(self) -> list[Row]:
        """Every row in the index of what becomes due."""
        return [self.rows[key] for place, keys in self._indexed.items() if place[0] == DUE.name for key in keys]

    def get(self, key: Key) -> Row | None:
        """Read one row."""
        found: Row | None = copied(self.rows.get(key))
        return found

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Read several rows at once."""
        if len(set(keys)) != len(keys):
            raise WriteRefusedError("a key is asked for twice")
        return {key: copied(self.rows[key]) for key in keys if key in self.rows}

    def query(self, pk: str, prefix: str = "") -> list[Row]:
        """Read the rows of a partition whose sort key starts with `prefix`, in order."""
        return [copied(self.rows[key]) for key in self._partitions.get(pk, ()) if key.sk.startswith(prefix)]

    def due(self, shard: str, until: datetime, limit: int) -> list[Key]:
        """Nominate rows of a shard due at `until`, oldest first."""
        return [key for key, row in self._index(DUE, shard) if row[DUE.sort] <= stamp(until)][:limit]

    def open_orders(self, shard: str) -> list[str]:
        """Nominate the orders of a shard that are open."""
        return [key.pk.removeprefix("O#") for key, _ in self._index(DUE, shard) if key.sk == "ORDER"]

    def desk(self, owner: str) -> list[Key]:
        """Nominate the open gates of an owner, most urgent first."""
        return [key for key, _ in self._index(DESK, owner)]

    def book(self, month: str, shard: str) -> list[Row]:
        """Read the ledger entries of a month and shard."""
        return [copied(row) for _, row in self._index(BOOK, f"{month}#{shard}")]

    def _index(self, index: Index, partition: str) -> list[tuple[Key, dict[str, Any]]]:
        if self.frozen is None:
            found = [(key, self.rows[key]) for key in self._indexed.get((index.name, partition), ())]
        else:
            found = [(key, row) for key, row in self.frozen.items() if _place(index, row) == (index.name, partition)]
        return sorted(found, key=lambda one: (one[1][index.sort], one[0]))

    def freeze_indexes(self) -> None:
        """Let the indexes serve what they serve now, whatever is written afterwards."""
        self.frozen = {key: copied(row) for key, row in self.rows.items()}

    def thaw_indexes(self) -> None:
        """Let the indexes catch up."""
        self.frozen = None

    def write(self, *writes: Write) -> None:
        """Write all or nothing. Raises `ConditionFailedError`; `WriteRefusedError` for what DynamoDB never takes."""
        keys = [one.key for one in writes]
        if not writes or len(writes) > MOST_ACTIONS or len(set(keys)) != len(keys):
            raise WriteRefusedError("a transaction has 1 to 100 actions, each on a row of its own")
        for number, one in enumerate(writes):
            if not all(_holds(guard, self.rows.get(one.key)) for guard in _guards(one)):
                raise ConditionFailedError(number, one.key)
        after = {one.key: _after(one, self.rows.get(one.key)) for one in writes if not isinstance(one, Check)}
        for key, row in after.items():
            _check_row(key, row)
        for key, row in after.items():
            self._keep(key, row)

    def _keep(self, key: Key, row: dict[str, Any]) -> None:
        before = self.rows.get(key)
        if before is None:
            insort(self._partitions[key.pk], key)
        for index in INDEXES:
            was, now = _place(index, before or {}), _place(index, row)
            if was != now:
                self._indexed[was].discard(key)
                self._indexed[now].add(key)
        self.rows[key] = row


def _place(index: Index, row: Mapping[str, Any]) -> tuple[str, str]:
    """Where a row stands in an index; all that stand in none stand together."""
    return (index.name, row[index.partition]) if index.partition in row and index.sort in row else NOWHERE


def _guards(one: Write) -> tuple[Guard, ...]:
    if isinstance(one, Change) and not one.guards:
        return (Guard(PK, Test.PRESENT),)
    return one.guards


def _holds(guard: Guard, row: Mapping[str, Any] | None) -> bool:
    found: Any = (row or {}).get(guard.attribute)
    wanted = plain(guard.value)
    there = row is not None and guard.attribute in row
    match guard.test:
        case Test.ABSENT:
            return not there
        case Test.PRESENT:
            return there
        case Test.EQUALS:
            return there and _same(found, wanted)
        case Test.DIFFERS:
            return not there or not _same(found, wanted)
        case Test.AT_LEAST:
            return there and type(found) is type(wanted) and found >= wanted
        case Test.BELOW:
            return not there or (type(found) is type(wanted) and found < wanted)
        case Test.BELOW_ATTRIBUTE:
            other: Any = (row or {}).get(wanted)
            return there and type(found) is type(other) and found < other
        case Test.CONTAINS:
            return there and isinstance(found, list | str) and wanted in found


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _after(one: Put | Change, row: Mapping[str, Any] | None) -> dict[str, Any]:
    if isinstance(one, Put):
        return {**plain(one.row), PK: one.key.pk, SK: one.key.sk}
    after = {**(copied(row) if row else {}), PK: one.key.pk, SK: one.key.sk}
    touched = [*one.put, *one.add, *(name for name in dict.fromkeys(one.remove) if name not in one.put)]
    if len(set(touched)) != len(touched):
        raise WriteRefusedError("two paths of one update overlap")
    if not touched:
        raise WriteRefusedError("an update that changes nothing has no expression")
    after |= plain(one.put)
    for name, value in one.add.items():
        after[name] = after.get(name, 0) + plain(value)
    for name in one.remove:
        if name not in one.put:
            after.pop(name, None)
    return after


def _check_row(key: Key, row: Mapping[str, Any]) -> None:
    for index in INDEXES:
        for name in (index.partition, index.sort):
            if name in row and (not isinstance(row[name], str) or not row[name]):
                raise WriteRefusedError(f"{name} of {key.sk} is part of an index: text that is not empty")


class Uploads(dict[str, bytes]):
    """The last upload under each key; those before it are kept too, as a versioned bucket keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.all: dict[str, list[bytes]] = {}

    def __setitem__(self, key: str, body: bytes) -> None:
        super().__setitem__(key, body)
        self.all.setdefault(key, []).append(body)


@dataclass
class MemoryFiles:
    """The bucket. An upload is told by its number under its key, from 1."""

    objects: Uploads = field(default_factory=Uploads)
    origin: str = "https://files.example"

    def put_text(self, key: str, body: str) -> None:
        """Keep a text."""
        self.objects[key] = body.encode()

    def get_text(self, key: str) -> str | None:
        """Read a text."""
        return self.objects[key].decode() if key in self.objects else None

    def put_file(self, key: str, body: BinaryIO, _content_type: str) -> None:
        """Keep a file."""
        self.objects[key] = body.read()

    def permit(self, key: str, _size: int, content_type: str) -> dict[str, Any]:
        """A form that uploads this object."""
        return {"url": self.origin, "fields": {"key": key, "Content-Type": content_type}}

    def measure(self, key: str) -> tuple[int, str] | None:
        """The size in bytes and the last upload."""
        return (len(self.objects[key]), str(len(self.objects.all[key]))) if key in self.objects else None

    def link(self, key: str, name: str, upload: str, *, inline: bool = False) -> str:
        """An address."""
        return f"{self.origin}/{key}?name={name}&upload={upload}&inline={inline}"

    def read(self, key: str, upload: str) -> bytes:
        """The content."""
        return self.objects.all[key][int(upload) - 1] if upload else self.objects[key]

    def digest(self, key: str, upload: str) -> str:
        """The SHA-256 of the content."""
        return hashlib.sha256(self.read(key, upload)).hexdigest()


@dataclass
class MemorySites:
    """The sites of others: each link leads somewhere unless told otherwise."""

    found: dict[str, LinkState] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def look(self, links: Sequence[str]) -> tuple[LinkState, ...]:
        """What each of these links leads to."""
        self.asked += links
        return tuple(self.found.get(link, LinkState.ALIVE) for link in links)


@dataclass
class MemoryMailer:
    """The post: letters are written for real, and kept."""

    sent: list[Mail] = field(default_factory=list)

    def send(self, letter: AnyLetter) -> None:
        """Write and keep one mail."""
        mail = write(letter)
        self.sent.append(Mail(mail.to, mail.subject, mail.html))


@dataclass
class MemoryBackground:
    """Functions called without waiting for them: the engine calls them when everything else has come to rest."""

    queue: Callable[[str, dict[str, Any]], None]

    def run_act(self, order: str, owed: str) -> None:
        """Have the function that pays look at what an order owes."""
        self.queue("run-act", {"order": order, "owed": owed})

    def look_at(self, freelancer: str) -> None:
        """Have the function that keeps accounts ask Stripe about somebody's."""
        self.queue("onboard", {"freelancer": freelancer})

    def tick_again(self, remaining: dict[str, Any]) -> None:
        """Have the clock go on with what remains."""
        self.queue("tick-clock", remaining)


class Counted:
    """A port whose every call is announced first; what is raised then keeps the call from happening."""

    def __init__(self, port: Any, before: Callable[[str], None], silent: frozenset[str] = frozenset()) -> None:
        """`before` is told the call's name; `silent` are methods that ask nobody."""
        self._port = port
        self._before = before
        self._silent = silent
        self._name = type(port).__name__.removeprefix("Memory")

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name in self._silent or not callable(found):
            return found

        def announced(*given: Any, **named: Any) -> Any:
            self._before(f"{self._name}.{name}")
            return found(*given, **named)

        return announced
