"""What a freelancer has to give back and the seller no longer asks for (design: money B row 11, given up)."""

from __future__ import annotations

from relais import ledger
from relais.announcement import Announcement, Topic
from relais.errors import RelaisError
from relais.order import stamp
from relais.ports import ConditionFailedError, Ports
from relais.roster import owes_name
from relais.rows import Change, at_least, freelancer_key
from relais.steps.decisions import entry_put
from relais.steps.roster import By, ReasonUnusableError, RosterContestedError, usable
from relais.steps.situation import read_freelancer


class NothingOwedError(RelaisError):
    """Somebody who owes nothing, or less than was to be given up."""

    def __init__(self, key: str, owed: int) -> None:
        """Keep whom, and what they owe (minor units)."""
        what = "owes nothing" if not owed else "does not owe so much (and nothing is no sum to give up)"
        super().__init__(f"{key} {what}: see `relais roster show {key}`")
        self.key = key
        self.owed = owed


def forgive(ports: Ports, key: str, amount: int | None, by: By) -> int:
    """Give up what somebody has to give back, or `amount` of it (minor units of their currency); they are told.

    It is the seller's loss from then on, and deducted from no pay any more. Returns what was given up. Raises
    `FreelancerNotFoundError`, `NothingOwedError`, `RosterContestedError`, `ReasonUnusableError`.
    """
    if not usable(by):
        raise ReasonUnusableError
    maker = read_freelancer(ports.store, key)
    currency = maker.currency
    owed, now = maker.owing(currency), ports.now()
    given = owed if amount is None else amount
    if not 0 < given <= owed:
        raise NothingOwedError(key, owed)
    entry = ledger.given_up(
        reference=f"giveup:{key}:{stamp(now)}", freelancer=key, amount=given, currency=currency, at=now
    )
    said = Announcement(
        freelancer=key,
        topic=Topic.FORGIVEN,
        at=now,
        by=by.who,
        via=by.via,
        reason=by.reason.strip(),
        facts={"amount": given, "now": owed - given, "currency": currency},
    )
    less = Change(
        freelancer_key(key), add={owes_name(currency): -given}, guards=(at_least(owes_name(currency), given),)
    )
    try:
        ports.store.write(entry_put(entry), less, said.write)
    except ConditionFailedError:
        raise RosterContestedError(key) from None
    return given
