"""Who is asked to open an account, and whose pay waits for one: the writes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from relais.announcement import Announcement, Topic
from relais.gate import Via
from relais.order import stamp
from relais.recipient import ROW_VERSION, Recipient, waits_name
from relais.rows import Change, Write, differs, present, recipient_key


def invitation(freelancer: str, now: datetime, order: str = "") -> tuple[Write, ...]:
    """Somebody without an account may soon be owed something: they are asked to open one, at leisure (people 5b)."""
    said = Announcement(freelancer, Topic.ONBOARD, now, "engine", Via.ENGINE, order=order)
    return (_kept(freelancer, {"invited": stamp(now)}), said.write)


def waiting(freelancer: str, order: str, milestone: str) -> Change:
    """Pay waits for an account: whoever learns that it is ready has it go on."""
    return _kept(freelancer, {waits_name(order, milestone): True})


def _kept(freelancer: str, put: Mapping[str, Any]) -> Change:
    """On the recipient's row, which this may be the first to write: its condition always holds."""
    return Change(recipient_key(freelancer), put={"v": ROW_VERSION, **put}, guards=(differs("v", 0),))


def no_more_waiting(recipient: Recipient, order: str, milestone: str) -> tuple[Write, ...]:
    """Pay that waited has left: nothing is woken for it any more."""
    if (order, milestone) not in recipient.waits:
        return ()
    waited = (waits_name(order, milestone),)
    return (Change(recipient_key(recipient.freelancer), remove=waited, guards=(present("pk"),)),)
