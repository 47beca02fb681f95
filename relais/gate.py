"""Gates: a question put to one owner, with choices, a deadline, reminders and a default.

A gate's contract (who acts, for whom, until when, reminded when, what happens otherwise) is data: it is printed in
the mail and on the page, and listed by `relais order contract`. Design: promise 3, workflow section 1, people
sections 1 and 5b.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from relais.errors import RelaisError
from relais.lift import Lift, lift
from relais.order import ORDER_LEVEL, instant, stamp
from relais.rows import Row

GATE_ROW_VERSION = 2
DUE_SHARDS = 16
DIGEST_SHARD = "D#00"
"""Where the clock finds the row of the seller's digest."""
OWED_AFTER = timedelta(minutes=2)
"""What a commit owes becomes due after this: longer than any function's timeout (design: workflow section 4)."""
HEARTBEAT = timedelta(hours=25)
"""Every open order is looked at by the clock at least this often (design: workflow section 4)."""
JITTER_SECONDS = 600
OWED_TRIES = 10
MOST_ORDINAL_DIGITS = 6


class Kind(StrEnum):
    """The kinds of gate, one word each, everywhere. Those of later work arrive with it."""

    BRIEF = "brief"
    PROPOSAL = "proposal"
    START = "start"
    WORK = "work"
    REVIEW = "review"
    ACCEPTANCE = "acceptance"
    REFUND_REQUEST = "refund_request"
    SETTLEMENT = "settlement"
    HOLD = "hold"
    PAYOUT = "payout"
    PICK = "pick"
    REFUND = "refund"
    PARK = "park"
    STUCK = "stuck"
    """No execution lives any more: the seller starts the next run."""
    LATE = "late"
    """The freelancer missed the working deadline: the seller decides."""
    CANCEL_LATE = "cancel_late"
    """The promised date is missed, or would be: the client waits or cancels alone."""

    MORE_TIME = "more_time"
    """The maker asks for another date: the seller answers. A client who asks for more time to accept has it by rule."""
    DISPUTE = "dispute"
    """The client's bank takes the payment back, or asks about it: the seller answers, or the evidence is sent."""
    QUESTION = "question"
    """Somebody asks, somebody else answers."""
    MESSAGE = "message"
    """A client writes to the seller, at any stage and after the end: answered, passed on, or read."""
    COUNTER = "counter"
    """A freelancer would take what is proposed for another pay or date, beyond the offer's band: the seller answers."""
    RATING = "rating"
    """What a client says of accepted work, before its maker: they may appeal. It comes after the end as well."""
    APPEAL = "appeal"
    """The maker's appeal against a rating: the seller keeps or strikes it."""
    ONBOARDING = "onboarding"
    """Pay waits for an account: its freelancer opens it, or gives Stripe what is missing. Nobody answers it here."""
    AGREEMENT = "agreement"
    """The client asks to end what has begun: the seller agrees, or doesn't."""
    CONFIRM = "confirm"
    """So much money is about to leave that the seller is asked a second time: send it, or keep it."""
    OUTCOME = "outcome"
    """Nobody knows whether a movement was made that no state waits for: the seller looks at Stripe, and says."""

    EXTRA = "extra"
    """Something more for the work under way, with a price: the client pays for it, or goes without."""

    @property
    def side(self) -> bool:
        """Whether no state waits for it: its answer is one transaction, and nothing is resumed."""
        return self in SIDE


AFTERWARDS = frozenset({Kind.RATING, Kind.APPEAL, Kind.MESSAGE})
"""Side gates that nothing ends which happens to their order: about work that is done, or what its client wrote."""
SIDE = AFTERWARDS | {
    Kind.STUCK,
    Kind.LATE,
    Kind.CANCEL_LATE,
    Kind.MORE_TIME,
    Kind.QUESTION,
    Kind.COUNTER,
    Kind.DISPUTE,
    Kind.AGREEMENT,
    Kind.EXTRA,
    Kind.ONBOARDING,
    Kind.CONFIRM,
    Kind.OUTCOME,
}
"""Side gates: a question beside the way, without a token and without a step of the definition (design: workflow 1)."""


OF_MOVEMENTS = frozenset({Kind.CONFIRM, Kind.OUTCOME})
"""Side gates about one movement of money: they matter as long as it waits for them, wherever its order has gone."""
GOES_ON = OF_MOVEMENTS | {
    Kind.HOLD,
    Kind.PAYOUT,
    Kind.REFUND,
    Kind.PARK,
    Kind.STUCK,
    Kind.DISPUTE,
    Kind.ONBOARDING,
    Kind.RATING,
    Kind.MESSAGE,
}
"""Gates whose clocks run on while an order stands still: money, a bank's own date, trouble of the engine, messages."""


class Role(StrEnum):
    """Who owns a gate."""

    CLIENT = "client"
    SELLER = "seller"
    FREELANCER = "freelancer"
    CLOCK = "clock"
    ENGINE = "engine"


class Choice(StrEnum):
    """The answers that the definition routes. The list only grows: old definitions name them."""

    HAND_IN = "hand_in"
    ACCEPTED = "accepted"
    AGAIN = "again"
    EXHAUSTED = "exhausted"
    BEGIN = "begin"
    DELIVER = "deliver"
    APPROVE = "approve"
    REWORK = "rework"
    ACCEPT = "accept"
    REVISE = "revise"
    RELEASE = "release"
    REOPEN = "reopen"
    """What silence accepted is asked anew: once, while nobody is paid."""
    PAID = "paid"
    NOTHING_DUE = "nothing_due"
    RETRY = "retry"
    START = "start"
    WORK = "work"
    REVIEW = "review"
    ACCEPTANCE = "acceptance"
    HOLD = "hold"
    PAYOUT = "payout"
    CLOSED = "closed"
    REFUND = "refund"
    PICKED = "picked"
    SELF = "self"
    OUTSIDE = "outside"
    WAIT = "wait"
    REFUNDED = "refunded"
    REFUNDED_AND_PAY = "refunded_and_pay"
    RESUME = "resume"
    REQUEST = "request"
    """The client asks for money back before they have a right to it; the seller answers."""
    FULL = "full"
    PART = "part"
    CONTEST = "contest"
    LAPSED = "lapsed"
    """Not an answer that a person gives: the seller left a request unanswered."""
    TAKE = "take"
    REFUND_REQUEST = "refund_request"
    SETTLEMENT = "settlement"
    ASK_CLIENT = "ask_client"
    """Silence at a late gate: the client is asked instead."""
    CANCEL = "cancel"
    """The client's own word at a date that was missed; the gates are then answered with `CANCELLED`."""
    GO_ON = "go_on"
    """Silence at a side gate: all goes on as it is."""
    GRANT = "grant"
    REFUSE = "refuse"
    ANSWER = "answer"
    SEND = "send"
    """The evidence of a dispute goes to the bank; money that was kept for a second yes leaves."""
    MADE = "made"
    """A movement that nobody knew of was made: Stripe shows it."""
    NEVER_MADE = "never_made"
    APPEAL = "appeal"
    KEEP = "keep"
    STRIKE = "strike"
    """A rating does not count any more."""
    REASSIGN = "reassign"
    PICK = "pick"
    GIVE_UP = "give_up"
    """The freelancer gives the work back: the gate fails as by a reassignment."""
    REASSIGNED = "reassigned"
    """Not an answer: the work goes to somebody else; the gate fails with it and the next is asked."""
    TAKEN = "taken"
    """Not an answer that a person gives: of several who were asked at once, another said yes first."""
    PARK = "park"
    """Not an answer that a person gives: the gate fails and the definition parks."""
    CANCELLED = "cancelled"
    """Not an answer either: an interrupt, or a silence that cancels; the gate fails with it and the way out follows."""


class DeclineWhy(StrEnum):
    """Why a freelancer declines, if they say so: for the seller to see, never for the score."""

    TOO_BUSY = "too_busy"
    TOO_LOW = "too_low"
    NOT_MY_SKILL = "not_my_skill"
    OTHER = "other"


class Default(StrEnum):
    """What happens when the deadline passes unanswered."""

    STAY = "stay"
    """Nothing is decided: the owner is reminded and the seller told, every working day."""
    AGAIN = "again"
    BEGIN = "begin"
    ACCEPT = "accept"
    RELEASE = "release"
    REFUND = "refund"
    CANCEL = "cancel"
    LAPSE = "lapse"
    TAKE = "take"
    ASK_CLIENT = "ask_client"
    GO_ON = "go_on"
    REFUSE = "refuse"
    GRANT = "grant"
    SEND = "send"


class Status(StrEnum):
    """Whether a gate can still be answered."""

    OPEN = "open"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"


class Via(StrEnum):
    """How an answer came in."""

    LINK = "link"
    CLOCK = "clock"
    ENGINE = "engine"
    COMMAND = "command"


class Owed(StrEnum):
    """What can be owed on a row after a commit."""

    MAIL = "mail"
    RESUME = "resume"
    START = "start"
    FEE = "fee"
    DISPUTE = "dispute"
    DEBIT = "debit"


class MalformedGateIdError(RelaisError):
    """A text does not name a gate."""

    def __init__(self, text: str) -> None:
        """Keep the text."""
        super().__init__("a gate is named milestone-kind-ordinal, for example 01-acceptance-0003")
        self.text = text


@dataclass(frozen=True, slots=True, repr=False)
class GateId:
    """Milestone (`00` for the order itself), kind and ordinal.

    Never the attempt, so that links survive retries and repairs. Where several people are asked the same at once, each
    has a gate of their own: the first has seat 1, which its name does not say.
    """

    milestone: str
    kind: Kind
    ordinal: int
    seat: int = 1

    def __str__(self) -> str:
        """As it stands in links and commands."""
        seat = f"-{self.seat}" if self.seat > 1 else ""
        return f"{self.milestone}-{self.kind.value}-{self.ordinal:04d}{seat}"

    @classmethod
    def parse(cls, text: str) -> GateId:
        """Read a gate's name: each gate has one only, for it is the subject of links. Raises `MalformedGateIdError`."""
        parts = text.split("-")
        try:
            milestone, kind, ordinal, *seat = parts
            found = cls(milestone, Kind(kind), int(ordinal), *(int(number) for number in seat))
        except (ValueError, TypeError):
            raise MalformedGateIdError(text) from None
        numbered = len(milestone) == len(ORDER_LEVEL) and milestone.isascii() and milestone.isdigit()
        if not numbered or len(ordinal) > MOST_ORDINAL_DIGITS or str(found) != text:
            raise MalformedGateIdError(text)
        return found

    @property
    def of_order(self) -> bool:
        """Whether it stands on the order itself."""
        return self.milestone == ORDER_LEVEL


@dataclass(frozen=True, slots=True, repr=False)
class Decision:
    """A gate's answer: what, by whom, when, how; the audit of it.

    `note` is where the words that came with it are kept; `why` is the reason that somebody gave for declining.
    """

    choice: Choice
    by: str
    at: datetime
    via: Via
    note: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Gate:
    """A gate as it stands in the table."""

    order: str
    id: GateId
    role: Role
    owner: str
    lang: str
    choices: tuple[Choice, ...]
    default: Default
    opened: datetime
    deadline: datetime | None
    reminders: tuple[datetime, ...] = ()
    send_after: datetime | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
    key_id: str = ""
    link_version: int = 1
    status: Status = Status.OPEN
    decision: Decision | None = None
    mailed: bool = False
    mailed_to: str | None = None
    """The hash of the address that the post took its opening mail for."""
    unreached: str | None = None
    """The hash of the address that mails come back from, once the seller was told so."""
    posted: bool = False
    """Whether its owner sent a form of it since it opened, whatever became of that."""
    asked: datetime | None = None
    """From when its deadline counts, where its mail left long after it opened."""
    reminded: datetime | None = None
    """When the last reminder was claimed."""
    tells_seller: datetime | None = None
    """When somebody else is told that nobody has answered, and may answer for its owner; nothing once they were told.

    Of a brief the seller, of a review the second reviewer.
    """
    owes: Mapping[str, int] = field(default_factory=dict)
    due: datetime | None = None
    digested: bool = False
    """How its owner hears of it: in the seller's digest, its first mail and its reminders; else by mails of its own."""
    about: str = ""
    """Of a side gate: what it is about. Two openings about the same thing are one."""
    beside: str | None = None
    """Of a side gate: the gate beside which it stands, where it matters only while that one is open."""

    @property
    def counted_from(self) -> datetime:
        """From when its owner's time counts."""
        return self.asked or self.send_after or self.opened

    @property
    def subject(self) -> str:
        """What its link's secret is bound to."""
        return f"{self.order}/{self.id}"

    @property
    def audience(self) -> str:
        """Whom its link is for."""
        return f"{self.role.value}:{self.owner}"


def jitter(order: str, gate: GateId) -> timedelta:
    """Up to ten minutes by which a default runs late, so that a thousand deadlines at 18:00 are not one instant."""
    return timedelta(seconds=zlib.crc32(f"{order}/{gate}".encode()) % JITTER_SECONDS)


def due_shard(order: str) -> str:
    """Which shard of the `due` index an order's rows stand in."""
    return f"D#{zlib.crc32(order.encode()) % DUE_SHARDS:02d}"


def next_due(gate: Gate, after: datetime) -> datetime | None:
    """The next instant at which the clock has to look at an open gate that owes nothing.

    A mail held back, a reminder, the default.
    """
    if gate.send_after is not None and not gate.mailed:
        return gate.send_after
    ahead = [at for at in (*gate.reminders, gate.tells_seller) if at is not None and at > after]
    if ahead:
        return min(ahead)
    if gate.deadline is not None:
        return gate.deadline + jitter(gate.order, gate.id)
    return after + HEARTBEAT if gate.id.kind.side else None


def reminder_due(gate: Gate, now: datetime) -> bool:
    """Whether a reminder's instant has come that was not claimed yet."""
    since = gate.reminded or gate.counted_from
    return any(since < at <= now for at in gate.reminders)


def gate_row(gate: Gate) -> dict[str, Any]:
    """A gate as a row; empty attributes are left out to keep it small."""
    row: dict[str, Any] = {
        "v": GATE_ROW_VERSION,
        "role": gate.role.value,
        "owner": gate.owner,
        "lang": gate.lang,
        "choices": [choice.value for choice in gate.choices],
        "default": gate.default.value,
        "opened": stamp(gate.opened),
        "deadline": gate.deadline and stamp(gate.deadline),
        "reminders": [stamp(at) for at in gate.reminders],
        "send_after": gate.send_after and stamp(gate.send_after),
        "shown": dict(gate.shown),
        "key_id": gate.key_id,
        "link_version": gate.link_version,
        "status": gate.status.value,
        "decision": gate.decision and decision_row(gate.decision),
        "mailed": gate.mailed,
        "mailed_to": gate.mailed_to,
        "unreached": gate.unreached,
        "posted": gate.posted or None,
        "asked": gate.asked and stamp(gate.asked),
        "reminded": gate.reminded and stamp(gate.reminded),
        "tells_seller": gate.tells_seller and stamp(gate.tells_seller),
        "owes": dict(gate.owes),
        "due": gate.due and stamp(gate.due),
        "due_shard": gate.due and due_shard(gate.order),
        "digested": gate.digested or None,
        "about": gate.about,
        "beside": gate.beside,
    }
    if gate.role is Role.SELLER and gate.status is Status.OPEN:
        row |= {"desk": f"seller#{gate.status.value}", "desk_due": stamp(gate.deadline or gate.opened)}
    return {name: value for name, value in row.items() if value not in (None, {}, [], "")}


def _named(row: Row) -> GateId:
    return GateId.parse(row["sk"].removeprefix("G#").replace("#", "-"))


def _from_1(row: dict[str, Any]) -> dict[str, Any]:
    """A stuck order's gate had its run for its ordinal; since then it says which run it is about."""
    gate = _named(row)
    return row | ({"about": str(gate.ordinal)} if gate.kind is Kind.STUCK else {})


_GATE_LIFTS: Mapping[int, Lift] = {1: _from_1}


def gate_from_row(stored: Row) -> Gate:
    """Read a gate, lifting older versions of the row."""
    row = lift(stored, "gate", GATE_ROW_VERSION, _GATE_LIFTS)
    decided = row.get("decision")
    return Gate(
        order=row["pk"].removeprefix("O#"),
        id=_named(row),
        role=Role(row["role"]),
        owner=row["owner"],
        lang=row["lang"],
        choices=tuple(Choice(value) for value in row.get("choices", [])),
        default=Default(row["default"]),
        opened=datetime.fromisoformat(row["opened"]),
        deadline=instant(row.get("deadline")),
        reminders=tuple(datetime.fromisoformat(at) for at in row.get("reminders", [])),
        send_after=instant(row.get("send_after")),
        shown=row.get("shown", {}),
        key_id=row.get("key_id", ""),
        link_version=row.get("link_version", 1),
        status=Status(row["status"]),
        decision=None
        if decided is None
        else Decision(
            choice=Choice(decided["choice"]),
            by=decided["by"],
            at=datetime.fromisoformat(decided["at"]),
            via=Via(decided["via"]),
            note=decided.get("note"),
            why=decided.get("why"),
        ),
        mailed=row.get("mailed", False),
        mailed_to=row.get("mailed_to"),
        unreached=row.get("unreached"),
        posted=row.get("posted", False),
        asked=instant(row.get("asked")),
        reminded=instant(row.get("reminded")),
        tells_seller=instant(row.get("tells_seller")),
        owes=row.get("owes", {}),
        due=instant(row.get("due")),
        digested=row.get("digested", False),
        about=row.get("about", ""),
        beside=row.get("beside"),
    )


def decision_row(decision: Decision) -> dict[str, Any]:
    """A decision as it stands on its gate."""
    row = {
        "choice": decision.choice.value,
        "by": decision.by,
        "at": stamp(decision.at),
        "via": decision.via.value,
        "note": decision.note,
        "why": decision.why,
    }
    return {name: value for name, value in row.items() if value is not None}


class AlreadyAnsweredError(RelaisError):
    """Somebody was faster, or pressed twice: the gate tells what was decided, by whom, when."""

    def __init__(self, gate: Gate) -> None:
        """Keep the gate as it was decided."""
        super().__init__(f"gate {gate.id} of order {gate.order} is {gate.status.value} already")
        self.gate = gate


class ChoiceNotOfferedError(RelaisError):
    """An answer that this gate does not offer."""

    def __init__(self, gate: Gate, choice: str) -> None:
        """Keep both."""
        offered = ", ".join(one.value for one in gate.choices)
        super().__init__(f"gate {gate.id} offers {offered}: not {choice}")
        self.gate = gate
        self.choice = choice
