"""What changed between the shop and a freelancer: the audit of it, and the mail that tells whom it concerns.

Each change is one row, written in the transaction that makes it; its mail is owed and sent by the clock (design: people
3, workflow section 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from relais.gate import Role, Via, due_shard
from relais.order import stamp
from relais.rows import Key, Put

ROW_VERSION = 1


class Topic(StrEnum):
    """What an announcement is about; one word each, as its mail's words are named."""

    APPROVED = "approved"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    RESUMED = "resumed"
    RATE = "rate"
    BONUS = "bonus"
    SPEED_BONUS = "speed_bonus"
    RISE = "rise"
    TRIAL = "trial"
    TRIAL_PASSED = "trial_passed"
    TRIAL_FAILED = "trial_failed"
    ONBOARD = "onboard"
    """Somebody without an account may soon be owed something."""
    ACCOUNT_READY = "account_ready"
    ACCOUNT_DUE = "account_due"
    """Stripe wants something of them: `facts` hold what (`needs`) and until when (`by`)."""
    PAYOUTS_STOPPED = "payouts_stopped"
    """Transfers reach them, their bank does not get them."""
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_LOST = "account_lost"
    """To the seller: of whose account what stopped (`what`: transfers, payouts, closed)."""
    CLAIMED = "claimed"
    """A refund after their pay: what of it they owe, by the terms that they accepted."""
    OWING = "owing"
    """What their account did not hold: it is deducted from their next pay."""
    EXTRA = "extra"
    """The client has paid for something more: what it pays (`amount`), what it is (`extra`), until when (`last`)."""
    NETTED = "netted"
    """What was deducted from a pay."""
    FORGIVEN = "forgiven"
    """What they owed and nobody asks for any more."""


@dataclass(frozen=True, slots=True, repr=False)
class Announcement:
    """One change: of whom, what, by whom, how, when and why; `role` is told by mail.

    `facts` hold what the mail prints: of a rate its `skill`, `was` and `now` in minor units of `currency`; of a pause
    its `first` and `last` day; of a bonus its `amount` and `milestone`. `tries` is how often the mail was tried, None
    once it was sent.
    """

    freelancer: str
    topic: Topic
    at: datetime
    by: str
    via: Via
    role: Role = Role.FREELANCER
    reason: str = ""
    order: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)
    tries: int | None = 0

    @property
    def key(self) -> Key:
        """Where it stands: beside the changes of the score."""
        about = [
            self.order,
            *(str(self.facts[name]) for name in ("milestone", "skill", "now", "first") if name in self.facts),
        ]
        return Key(f"F#{self.freelancer}", f"N#{stamp(self.at)}#{self.topic.value}#{'-'.join(filter(None, about))}")

    def to_row(self) -> dict[str, Any]:
        """Return the announcement as plain strings, integers and a dict."""
        row = {
            "v": ROW_VERSION,
            "topic": self.topic.value,
            "at": stamp(self.at),
            "by": self.by,
            "via": self.via.value,
            "role": self.role.value,
            "reason": self.reason,
            "order": self.order,
            "facts": dict(self.facts),
            "owes_mail": self.tries,
        }
        return {name: value for name, value in row.items() if value not in ("", {}, None)}

    @property
    def write(self) -> Put:
        """Its row with the mail that it owes at once; the clock sends it."""
        return Put(self.key, self.to_row() | {"due": stamp(self.at), "due_shard": due_shard(self.freelancer)})

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Announcement":
        """Rebuild an announcement from its row."""
        return cls(
            freelancer=row["pk"].removeprefix("F#"),
            topic=Topic(row["topic"]),
            at=datetime.fromisoformat(row["at"]),
            by=row["by"],
            via=Via(row["via"]),
            role=Role(row["role"]),
            reason=row.get("reason", ""),
            order=row.get("order", ""),
            facts={
                name: value if isinstance(value, str) else int(value) for name, value in row.get("facts", {}).items()
            },
            tries=row.get("owes_mail"),
        )
