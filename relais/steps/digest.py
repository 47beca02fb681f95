"""The seller's digest: twice on working days every open decision in one mail, where the shop wants it so.

A gate of the seller's that has time waits for it with its first mail and its reminders; what is urgent is mailed at
once. A row of the shop says when the next one is due, as long as something waits; it is claimed, then sent, at most
once, and only then are the gates marked as mailed: a gate that no digest listed mails its own letter. Loaded by shops
that want it alone. Design: people 4 and 5b.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from relais.calendar import Calendar, Duration, due_after, slot_after
from relais.gate import DIGEST_SHARD, OF_MOVEMENTS, OWED_AFTER, Gate, Kind, Role, Status, gate_from_row, next_due
from relais.order import stamp
from relais.pages.digest_views import Card, DigestView
from relais.ports import ConditionFailedError, Ports
from relais.rows import DIGEST_KEY, Change, Row, absent, address_hash, equals, gate_key
from relais.shop import Shop
from relais.steps import letters, shown
from relais.steps.links import gate_link
from relais.steps.situation import Situation, over, read_shop, read_situation

SLOTS = (8 * 60 + 30, 16 * 60 + 30)
"""At these minutes of working days (design: people 4)."""
SOON = Duration.parse("4 wh")
"""What is due within this is mailed at once."""
BEFOREHAND = Duration.parse("1 wh")
"""A digest that comes later than this before the deadline comes too late for it."""
FALLBACK = timedelta(minutes=15)
"""So long after the digest that should have listed it a gate mails its own letter."""
MOST_CARDS = 20
AT_ONCE = OF_MOVEMENTS | {Kind.LATE, Kind.DISPUTE, Kind.PARK, Kind.STUCK}
"""Somebody is late, a bank takes money back, money waits or is refused, the engine is stuck: never put off."""


@dataclass(frozen=True, slots=True, repr=False)
class _Listed:
    situation: Situation
    gate: Gate


def next_slot(after: datetime, calendar: Calendar) -> datetime:
    """When the next digest leaves."""
    return slot_after(after, SLOTS, calendar)


def put_off(situation: Situation, gate: Gate) -> Gate:
    """A gate that opens now, as the seller's digest lists it; as it was where they are to hear of it at once."""
    if gate.role is not Role.SELLER or gate.id.kind in AT_ONCE:
        return gate
    calendar, now = situation.shop.calendar, situation.now
    if gate.tells_seller is not None and gate.tells_seller <= now + OWED_AFTER:
        return gate  # the seller is away: somebody else is asked at once, who may meet the seller's own mail
    slot = next_slot(now, calendar)
    if gate.deadline is not None:
        soon = gate.deadline <= due_after(SOON, now, calendar)
        if soon or gate.deadline <= due_after(BEFOREHAND, slot, calendar):
            return gate
    later = None if gate.tells_seller is None else max(gate.tells_seller, slot + FALLBACK + OWED_AFTER)
    return replace(gate, digested=True, owes={}, due=slot + FALLBACK, tells_seller=later)


def reminds(situation: Situation, gate: Gate) -> bool:
    """Whether a reminder of a gate leaves by itself: of what the digest lists only what is due soon."""
    if not gate.digested or gate.deadline is None:
        return not gate.digested
    return situation.now < gate.deadline <= due_after(SOON, situation.now, situation.shop.calendar)


def wake(ports: Ports, shop: Shop) -> None:
    """Say when the next digest is due, unless that is said already: something waits for it."""
    due = {"due": stamp(next_slot(ports.now(), shop.calendar)), "due_shard": DIGEST_SHARD}
    try:
        ports.store.write(Change(DIGEST_KEY, put=due, guards=(absent("due"),)))
    except ConditionFailedError:
        return


def send(ports: Ports, row: Row) -> None:
    """The digest that is due: claimed first, so that it leaves once; none where nothing waits, and none is due then."""
    shop, _ = read_shop(ports.store)
    now = ports.now()
    following = stamp(next_slot(now, shop.calendar))
    claim = Change(DIGEST_KEY, put={"due": following}, guards=(equals("due", row["due"]),))
    ports.store.write(claim)
    listed = _waiting(ports)
    if not listed or not shop.digest:
        rest = Change(DIGEST_KEY, remove=("due", "due_shard"), guards=(equals("due", following),))
        ports.store.write(rest)
        return
    ports.mailer.send(_letter(ports, shop, listed, now))
    for one in listed:
        _mark(ports, one)


def _waiting(ports: Ports) -> list[_Listed]:
    """Every decision of the seller's, most urgent first: the index nominates, each row is read consistently."""
    found = []
    for key in ports.store.desk(f"{Role.SELLER.value}#{Status.OPEN.value}"):
        row = ports.store.get(key)
        gate = None if row is None else gate_from_row(row)
        if gate is None or gate.status is not Status.OPEN or gate.role is not Role.SELLER:
            continue
        situation = read_situation(ports, gate.order, gate.id.milestone)
        if not (gate.id.kind.side and over(ports, situation, gate)):
            found.append(_Listed(situation, gate))
    return sorted(found, key=lambda one: (one.gate.deadline is None, one.gate.deadline or one.gate.opened))


def _letter(ports: Ports, shop: Shop, listed: list[_Listed], now: datetime) -> DigestView:
    cards = tuple(
        Card(
            gate=one.gate,
            offer=one.situation.offer,
            client=one.situation.order.client_name or one.situation.order.client_email or "",
            maker="" if (who := shown.maker(ports, one.situation, one.gate)) is None else who.name,
            link=gate_link(ports, one.situation.order, one.gate),
            late=one.gate.deadline is not None and one.gate.deadline <= now,
        )
        for one in listed[:MOST_CARDS]
    )
    frame = letters.frame(ports, listed[0].situation, shop.lang)
    return DigestView(frame=frame, to=shop.email, cards=cards, more=max(0, len(listed) - MOST_CARDS))


def _mark(ports: Ports, one: _Listed) -> None:
    """A gate whose first mail was the digest has been mailed: it goes on as any other."""
    gate, situation = one.gate, one.situation
    if gate.mailed or not gate.digested:
        return
    due = next_due(replace(gate, mailed=True), situation.now)
    mark = Change(
        gate_key(gate.order, str(gate.id)),
        put={"mailed": True, "mailed_to": address_hash(situation.shop.email)} | ({"due": stamp(due)} if due else {}),
        guards=(equals("status", Status.OPEN.value),),
    )
    try:
        ports.store.write(mark)
    except ConditionFailedError:
        return
