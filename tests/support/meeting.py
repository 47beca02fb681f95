"""Two transactions that meet on a row: DynamoDB refuses one of them, though its guards would hold.

DynamoDB Local never does, so that answer (docs.aws.amazon.com, TransactionConflict) is put in place of its own here.
Design: workflow 5.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from relais.adapters.dynamodb import CONFLICT_TRIES

WRITES = frozenset({"transact_write_items", "put_item", "update_item"})
CANCELLED = "TransactionCanceledException"


def refusal(operation: str, *reasons: str) -> ClientError:
    """What the client raises: a cancelled transaction with a reason for each write, or a single write's own error."""
    if operation == "transact_write_items":
        answered: Any = {"Error": {"Code": CANCELLED}, "CancellationReasons": [{"Code": one} for one in reasons]}
        return ClientError(answered, operation)
    return ClientError({"Error": {"Code": f"{reasons[0]}Exception"}}, operation)


class Meeting:
    """A client whose n-th write (from 1) meets another transaction: not done, and told so."""

    def __init__(self, client: Any, meets: Callable[[int], bool]) -> None:
        """Stand before a client."""
        self._client = client
        self._meets = meets
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        return self._counted(name, real) if name in WRITES else real

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(**request: Any) -> Any:
            self.writes += 1
            if self._meets(self.writes):
                actions = len(request.get("TransactItems", [1]))
                raise refusal(name, "TransactionConflict", *["None"] * (actions - 1))
            return real(**request)

        return write


class AtRandom:
    """Which writes meet another, drawn from a seeded generator; never so many in a row that a thread gives up."""

    def __init__(self, seed: int, share: float) -> None:
        """`share` of all writes meet."""
        self._drawn = random.Random(seed)
        self._share = share
        self._row = threading.local()
        self.met = 0

    def __call__(self, _number: int) -> bool:
        """Whether this one does."""
        before = getattr(self._row, "met", 0)
        meets = before < CONFLICT_TRIES - 2 and self._drawn.random() < self._share
        self._row.met = before + 1 if meets else 0
        self.met += meets
        return meets
