"""Who is asked to open an account, and whose pay waits for one: the writes of it."""

from __future__ import annotations

from datetime import datetime

from relais.announcement import Announcement, Topic
from relais.gate import Via
from relais.order import stamp
from relais.recipient import Recipient, waits_name
from relais.rows import Change, Write, present, recipient_key


def invitation(freelancer: str, now: datetime, order: str = "") -> tuple[Write, ...]:
    """Somebody without an account may soon be owed something: they are asked to open one, at leisure (people 5b)."""
    said = Announcement(freelancer, Topic.ONBOARD, now, "engine", Via.ENGINE, order=order)
    return (Change(recipient_key(freelancer), put={"v": 1, "invited": stamp(now)}), said.write)


def waiting(freelancer: str, order: str, milestone: str) -> Change:
    """Pay waits for an account: whoever learns that it is ready has it go on."""
    return Change(recipient_key(freelancer), put={"v": 1, waits_name(order, milestone): True})


def no_more_waiting(recipient: Recipient, order: str, milestone: str) -> tuple[Write, ...]:
    """Pay that waited has left: nothing is woken for it any more."""
    if (order, milestone) not in recipient.waits:
        return ()
    waited = (waits_name(order, milestone),)
    return (Change(recipient_key(recipient.freelancer), remove=waited, guards=(present("pk"),)),)
