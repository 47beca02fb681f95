"""Reads the book: ledger entries by month, through the index `book`, which may lag by an instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from relais.gate import DUE_SHARDS
from relais.ports import Store
from relais.rows import CLOCK_KEY, Row


def latest(store: Store, now: datetime) -> datetime:
    """The latest instant at which anything may be booked: a clock that was moved back has seen later days."""
    row = store.get(CLOCK_KEY) or {}
    furthest = row.get("furthest")
    return now if furthest is None else max(now, datetime.fromisoformat(furthest))


def months_between(since: datetime, until: datetime) -> tuple[str, ...]:
    """The months of a time as the `book` index names them, latest first."""
    last, first = (at.year * 12 + at.month - 1 for at in (until, since))
    return tuple(f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(last, first - 1, -1))


def booked(store: Store, months: Sequence[str]) -> list[Row]:
    """The ledger entries of these months."""
    return [
        entry_row(row) for month in months for shard in range(DUE_SHARDS) for row in store.book(month, f"{shard:02d}")
    ]


def entry_row(row: Row) -> dict[str, Any]:
    """An entry's row with what the table leaves out because it is None."""
    return {"order": None, "item": None} | dict(row)
