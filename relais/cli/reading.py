"""What commands read of orders and of the book: by key and by index, never by a scan."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from relais.act import Act, act_from_row
from relais.gate import DUE_SHARDS, Gate, gate_from_row
from relais.order import Milestone, Order, OrderStage, milestone_from_row, order_from_row
from relais.ports import Ports, Store
from relais.rows import Key, Row, order_key
from relais.steps.book import entry_row
from relais.steps.lists import with_lists
from relais.steps.situation import read_order

SHARDS = range(DUE_SHARDS)
_MOST_KEYS = 100
"""What one BatchGetItem takes."""
_NO_ORDER = "shop"
"""The partition of entries that belong to no order."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """An order with what stands in its partition, but for texts and tokens."""

    order: Order
    milestones: tuple[Milestone, ...]
    gates: tuple[Gate, ...]
    acts: tuple[Act, ...]


def read_dossier(store: Store, order: str) -> Dossier:
    """Read an order's rows consistently. Raises `OrderNotFoundError`."""
    return _dossier(store, read_order(store, tidy(order)))


def tidy(order: str) -> str:
    """An order's id as people type it."""
    return order.strip().lower()


def _dossier(store: Store, order: Order) -> Dossier:
    pk = order_key(order.id).pk
    gates = (gate_from_row(row) for row in store.query(pk, "G#"))
    return Dossier(
        order=order,
        milestones=tuple(milestone_from_row(row) for row in store.query(pk, "M#")),
        gates=tuple(sorted(gates, key=lambda gate: (gate.opened, gate.id.milestone, gate.id.ordinal))),
        acts=tuple(act_from_row(row) for row in store.query(pk, "A#")),
    )


def deliverables(ports: Ports, order: str) -> list[Row]:
    """The versions handed in, first to last."""
    rows = [with_lists(ports, row) for row in ports.store.query(order_key(order).pk, "V#")]
    return sorted(rows, key=lambda row: (row["at"], row["sk"]))


def open_dossiers(store: Store) -> Iterator[Dossier]:
    """The orders that are open, nominated by the `due` index and read consistently."""
    nominated = {order for shard in SHARDS for order in store.open_orders(f"D#{shard:02d}")}
    for order in heads(store, nominated):
        if order.is_open:
            yield _dossier(store, order)


def nominated_dossiers(store: Store) -> Iterator[Dossier]:
    """The orders that the clock still looks at, ended ones that owe something among them; no drafts."""
    nominated = {order for shard in SHARDS for order in store.open_orders(f"D#{shard:02d}")}
    for order in heads(store, nominated):
        if order.stage is not OrderStage.DRAFT:
            yield _dossier(store, order)


def heads(store: Store, orders: Iterable[str]) -> list[Order]:
    """The heads of these orders, oldest first."""
    keys = [order_key(order) for order in sorted(set(orders))]
    found: list[Order] = []
    for start in range(0, len(keys), _MOST_KEYS):
        rows = store.get_many(keys[start : start + _MOST_KEYS])
        found += [order_from_row(row) for row in rows.values()]
    return sorted(found, key=lambda order: (order.created, order.id))


def months_back(until: datetime, count: int) -> tuple[str, ...]:
    """The last months as the `book` index names them, latest first."""
    last = until.year * 12 + until.month - 1
    return tuple(f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(last, last - count, -1))


def entry_rows(store: Store, order: str | None) -> list[Row]:
    """The ledger entries of one order (None: those that belong to no order), read consistently, in order of time."""
    rows = store.query(Key(f"O#{order or _NO_ORDER}", "").pk, "L#")
    return sorted((entry_row(row) for row in rows), key=lambda row: (row["at"], row["reference"]))
