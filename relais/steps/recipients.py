"""The accounts that freelancers are paid to: what Stripe says of them, and what follows from it.

What it says is kept in the recipient's row, told to whom it concerns, and wakes the pay that waited for it (design:
money A 8, people 5b).
"""

from __future__ import annotations

from datetime import datetime

from relais.announcement import Announcement, Topic
from relais.gate import Role, Via
from relais.order import stamp
from relais.ports import ConditionFailedError, Ports
from relais.recipient import ROW_VERSION, Readiness, Recipient
from relais.roster import Freelancer
from relais.rows import Change, Guard, Write, absent, equals, recipient_key
from relais.steps.readiness import read_recipient
from relais.steps.situation import read_freelancer

TRIES = 5
"""How often an answer of Stripe's is kept anew where another one was kept in the same instant."""


def look(ports: Ports, freelancer: Freelancer) -> Recipient:
    """Ask Stripe how somebody's account stands, keep what has changed and tell whom it concerns.

    Nothing is written where all is as it was, or as the roster's file lets hope. Raises `AccountUnreadError`.
    """
    for last in reversed(range(TRIES)):
        known = read_recipient(ports.store, freelancer)
        if not known.account:
            return known
        seen = ports.recipients.seen(freelancer.key, known.account)
        if seen.terms == known.terms:
            return known
        try:
            ports.store.write(*_kept(ports.now(), known, seen))
        except ConditionFailedError:
            if not last:
                raise
            continue
        return read_recipient(ports.store, freelancer)
    return known


def look_again(ports: Ports, freelancer: Freelancer) -> Recipient:
    """Look, and have the pay go on that waited for what is seen. Raises `AccountUnreadError`."""
    found = look(ports, freelancer)
    if found.ready:
        for order in dict.fromkeys(order for order, _ in found.waits):
            ports.background.run_act(order, "acts")
    return found


def look_at(ports: Ports, key: str) -> None:
    """Look because an event says that something has changed; whatever it says, Stripe is asked."""
    look_again(ports, read_freelancer(ports.store, key))


def _kept(now: datetime, known: Recipient, seen: Recipient) -> tuple[Write, ...]:
    as_read: tuple[Guard, ...] = (absent("account"),)
    if known.kept and known.seen is not None:
        as_read = tuple(equals(name, value) for name, value in known.terms.items())
    change = Change(
        recipient_key(known.freelancer), put=seen.terms | {"v": ROW_VERSION, "seen": stamp(now)}, guards=as_read
    )
    return (change, *(one.write for one in _announced(now, known, seen)))


def _announced(now: datetime, known: Recipient, seen: Recipient) -> tuple[Announcement, ...]:
    """Whom a change concerns: who can be paid from now on, who has to give something, by when, and who loses money."""
    facts: dict[str, str | int] = {"needs": ",".join(seen.needs)}
    if seen.needed_by is not None:
        facts["by"] = stamp(seen.needed_by)

    def said(topic: Topic, role: Role = Role.FREELANCER, **more: str) -> Announcement:
        return Announcement(known.freelancer, topic, now, "engine", Via.ENGINE, role, facts=facts | more)

    if seen.ready and not known.ready:
        return (said(Topic.ACCOUNT_READY),)
    if seen.readiness is Readiness.CLOSED:
        return (said(Topic.ACCOUNT_CLOSED), said(Topic.ACCOUNT_LOST, Role.SELLER, what="closed"))
    if known.ready and not seen.ready:
        return (said(Topic.ACCOUNT_DUE), said(Topic.ACCOUNT_LOST, Role.SELLER, what="transfers"))
    if known.ready and known.payouts and not seen.payouts:
        return (said(Topic.PAYOUTS_STOPPED), said(Topic.ACCOUNT_LOST, Role.SELLER, what="payouts"))
    asked_more = bool(seen.needs) and (seen.needs, seen.needed_by) != (known.needs, known.needed_by)
    refused = known.readiness is Readiness.CHECKING and seen.readiness is Readiness.STARTED
    return (said(Topic.ACCOUNT_DUE),) if refused or (known.ready and asked_more) else ()
