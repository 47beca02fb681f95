"""Whether a mail has reached somebody: what the post took, what came back, and what people sent since.

No default runs against somebody whom no mail has reached (promise 3; workflow section 1, people section 4). Addresses
are told apart by their hash: the row of a bounce holds none, nothing here is logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from enum import StrEnum
from typing import Any

from relais.errors import RelaisError
from relais.gate import Gate, GateId, MalformedGateIdError, Role, Status, due_shard
from relais.metrics import Metric
from relais.order import order_from_row, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Put, address_hash, bounce_key, equals, gate_key, order_key
from relais.steps.situation import Situation, bounced, read_freelancer

PERMANENT = "Permanent"
ORDER_TAG, GATE_TAG = "order", "gate"
"""What each mail carries for the post's events to name."""


class BounceUnreadableError(RelaisError):
    """An event of the post tells of a bounce, but of nobody: its shape is not the one that SES documents."""

    def __init__(self) -> None:
        """Say what to do; the event itself may hold addresses."""
        super().__init__("a bounce names no address: compare the dead letter with SES' documentation of its events")


class Reach(StrEnum):
    """What is known of the way to a gate's owner."""

    UNSENT = "unsent"
    """The post has not taken its opening mail yet."""
    MOVED = "moved"
    """Its mail went to an address that was corrected since."""
    BOUNCED = "bounced"
    REACHED = "reached"


def address_of(ports: Ports, situation: Situation, gate: Gate) -> str:
    """Where mails to a gate's owner go now; empty where nobody reads any."""
    match gate.role:
        case Role.CLIENT:
            return situation.order.client_email or ""
        case Role.FREELANCER:
            return read_freelancer(ports.store, gate.owner).email
        case Role.SELLER:
            return situation.shop.email
        case Role.CLOCK | Role.ENGINE:
            return ""


def reach(ports: Ports, situation: Situation, gate: Gate) -> Reach:
    """Whether a gate's owner was reached: by a mail that did not come back, or seen by what they sent since it opened.

    Only what was sent since then counts: the brief may be filled in on the page that the payment returned to, by
    somebody whose mails all come back.
    """
    if gate.posted:
        return Reach.REACHED
    if not gate.mailed:
        return Reach.UNSENT
    address = address_of(ports, situation, gate)
    if gate.mailed_to not in {None, address_hash(address)}:
        return Reach.MOVED
    return Reach.BOUNCED if bounced(ports, address) else Reach.REACHED


def mark_posted(ports: Ports, gate: Gate) -> None:
    """Note that the owner of an open gate has its page before them, though the form could not be taken yet."""
    if gate.posted:
        return
    try:
        ports.store.write(
            Change(
                gate_key(gate.order, str(gate.id)),
                put={"posted": True},
                guards=(equals("status", Status.OPEN.value),),
            )
        )
    except ConditionFailedError:
        return


def look_again(ports: Ports, gate: Gate, address: str) -> None:
    """After a mail was marked sent: if it came back meanwhile, or its address was corrected, the clock looks now.

    The bounce's row is written before its gate is made due: whichever of the two writes on the gate is the last, one
    of the sides sees the other.
    """
    head = order_key(gate.order)
    rows = ports.store.get_many([bounce_key(address), head])
    moved = gate.role is Role.CLIENT and order_from_row(rows[head]).client_email != address
    if bounce_key(address) in rows or moved:
        _due_now(ports, gate.order, str(gate.id))


def record(ports: Ports, told: Mapping[str, Any]) -> None:
    """Take in an event of the post: a hard bounce or a complaint is kept for good, by address; all else is no news.

    Told again, late or before the mail was marked as sent, it changes nothing more. Raises `BounceUnreadableError`.
    """
    if not _lasting(told):
        return
    found = sorted({address for address in _addresses(told) if "@" in address})
    if not found:
        raise BounceUnreadableError
    for address in found:
        row = {"v": 1, "kind": str(told["eventType"]).lower(), "at": stamp(ports.now())}
        try:
            ports.store.write(Put(bounce_key(address), row))
        except ConditionFailedError:
            continue
        ports.counter.count(Metric.MAIL_BOUNCED)
    tags = _section(_section(told, "mail"), "tags")
    order, gate = _tag(tags, ORDER_TAG), _tag(tags, GATE_TAG)
    if order and gate:
        _due_now(ports, order, gate)


def _lasting(told: Mapping[str, Any]) -> bool:
    """Docs: docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html, bounce types."""
    match told.get("eventType"):
        case "Bounce":
            return _section(told, "bounce").get("bounceType") == PERMANENT
        case "Complaint":
            return True
        case _:
            return False


def _addresses(told: Mapping[str, Any]) -> Iterator[str]:
    """Whom the mail was for, and who is named as not reached: where it is forwarded, they are not the same."""
    to = _section(told, "mail").get("destination")
    yield from (parseaddr(one)[1] for one in (to if isinstance(to, list) else ()) if isinstance(one, str))
    for section, name in (("bounce", "bouncedRecipients"), ("complaint", "complainedRecipients")):
        named = _section(told, section).get(name)
        for one in named if isinstance(named, list) else ():
            if isinstance(one, Mapping) and isinstance(one.get("emailAddress"), str):
                yield parseaddr(one["emailAddress"])[1]


def _section(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}


def _tag(tags: Mapping[str, Any], name: str) -> str:
    found = tags.get(name)
    return found[0] if isinstance(found, list) and found and isinstance(found[0], str) else ""


def _due_now(ports: Ports, order: str, gate: str) -> None:
    try:
        key = gate_key(order, str(GateId.parse(gate)))
        due = {"due": stamp(ports.now()), "due_shard": due_shard(order)}
        asked = (equals("status", Status.OPEN.value), equals("mailed", value=True))
        ports.store.write(Change(key, put=due, guards=asked))
    except (MalformedGateIdError, ConditionFailedError):
        return
