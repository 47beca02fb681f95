"""What was handed in, file by file: in its own row while it is short, else in the bucket, which the row names.

No row grows with what people send (design: workflow 6): a hundred files with long names would make 50 kB. A long list
stands in the bucket under its own digest; the row keeps how many files it names and its whole SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from relais.errors import RelaisError
from relais.lift import lift
from relais.ports import Ports
from relais.rows import LISTS, Row
from relais.steps.texts import keep_text

MOST_IN_ROW = 2_048
"""Bytes: about six files, so that few orders ever need the bucket for it."""


class ListLostError(RelaisError):
    """The list that a row names is missing in the bucket, or is not the one that was written."""

    def __init__(self, key: str) -> None:
        """Keep which."""
        super().__init__(f"the list {key} is missing or was changed: restore the object's version of before")
        self.key = key


def keep_lists(ports: Ports, order: str, name: str, lists: Mapping[str, list[Any]]) -> dict[str, Any]:
    """What a row holds of these lists, `files` among them: themselves, or where they are kept from now on."""
    body = json.dumps(lists, ensure_ascii=False)
    if len(body.encode()) <= MOST_IN_ROW:
        return dict(lists)
    return {
        "listed": keep_text(ports, order, f"list-{name}", body),
        "sha256": hashlib.sha256(body.encode()).hexdigest(),
        "count": len(lists["files"]),
    }


def with_lists(ports: Ports, row: Row) -> Row:
    """The row of a version or a brief with its lists, wherever they stand. Raises `ListLostError`."""
    found = lift(row, "list", LISTS, {1: dict})
    if "listed" not in found:
        return found
    body = ports.files.get_text(found["listed"])
    if body is None or hashlib.sha256(body.encode()).hexdigest() != found["sha256"]:
        raise ListLostError(found["listed"])
    return {**found, **json.loads(body)}
