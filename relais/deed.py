"""What the seller does by hand on an order: the audit of it, and the mails that tell whom it concerns.

Each deed is one row, written in the transaction that does it; its mails are owed and sent by the clock, because an
operator's machine has no sender (design: promise 7, people 3, workflow sections 4 and 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from relais.gate import Via, due_shard
from relais.order import ORDER_LEVEL, stamp
from relais.rows import Key, Put

ROW_VERSION = 1
CLIENT = "client"
"""Whom a deed tells: the client by this word, freelancers by their key."""


class What(StrEnum):
    """What was done; one word each, as its mails' words are named."""

    ANSWERED = "answered"
    """A gate, in its owner's name."""
    BRIEF = "brief"
    """Filled in and handed in for the client."""
    BRIEF_CORRECTED = "brief_corrected"
    NAME = "name"
    BILLING = "billing"
    DELIVERED = "delivered"
    """Files handed in for the freelancer."""
    DEADLINE = "deadline"
    """Somebody's own: `facts` hold until when (`until`), and which `kind` of gate."""
    PROMISED = "promised"
    PAUSED = "paused"
    RESUMED = "resumed"
    REVISION = "revision"
    """One more change, free."""
    REOPENED = "reopened"
    RELEASED = "released"
    """Pay that leaves early."""
    BLOCKED = "blocked"
    """Pay that leaves later, on a date."""
    CLOSED = "closed"
    PART_BACK = "part_back"
    """A sum given back while the work goes on; `gap` is what the rest does not cover of the agreed pay."""


@dataclass(frozen=True, slots=True, repr=False)
class Deed:
    """One thing done by hand: where, by whom, how, when and why; `tells` names who is told by mail.

    `reason` is where the words are kept. `facts` hold what the mails print. `tries` is how often the mails were tried,
    None once they were sent, or where nobody is told.
    """

    order: str
    what: What
    at: datetime
    by: str
    via: Via
    milestone: str = ORDER_LEVEL
    gate: str = ""
    reason: str = ""
    tells: tuple[str, ...] = ()
    facts: Mapping[str, str | int] = field(default_factory=dict)
    tries: int | None = 0

    @property
    def key(self) -> Key:
        """Where it stands: in the order's own partition; the same done twice in one second is one."""
        said = sha256(f"{self.gate or self.milestone} {self.reason} {sorted(self.facts.items())}".encode()).hexdigest()
        return Key(f"O#{self.order}", f"E#{stamp(self.at)}#{self.what.value}-{said[:12]}")

    def to_row(self) -> dict[str, Any]:
        """Return the deed as plain strings, integers and lists."""
        row = {
            "v": ROW_VERSION,
            "what": self.what.value,
            "at": stamp(self.at),
            "by": self.by,
            "via": self.via.value,
            "milestone": self.milestone,
            "gate": self.gate,
            "reason": self.reason,
            "tells": list(self.tells),
            "facts": dict(self.facts),
            "owes_mail": self.tries if self.tells else None,
        }
        return {name: value for name, value in row.items() if value not in ("", {}, [], None)}

    @property
    def write(self) -> Put:
        """Its row with the mails that it owes at once."""
        owed = {"due": stamp(self.at), "due_shard": due_shard(self.order)} if self.tells else {}
        return Put(self.key, self.to_row() | owed)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Deed:
        """Rebuild a deed from its row."""
        return cls(
            order=row["pk"].removeprefix("O#"),
            what=What(row["what"]),
            at=datetime.fromisoformat(row["at"]),
            by=row["by"],
            via=Via(row["via"]),
            milestone=row.get("milestone", ORDER_LEVEL),
            gate=row.get("gate", ""),
            reason=row.get("reason", ""),
            tells=tuple(row.get("tells", ())),
            facts={
                name: value if isinstance(value, str) else int(value) for name, value in row.get("facts", {}).items()
            },
            tries=row.get("owes_mail"),
        )
