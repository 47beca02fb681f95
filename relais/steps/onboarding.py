"""Pay that waits for an account: its freelancer is asked and reminded, the seller told, the legal clock watched.

Nobody answers this gate: it is withdrawn when the money has left, by Stripe or by the seller's bank (design: people 5b,
money A 8).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from relais.gate import Default, Gate, Kind, Role, gate_from_row
from relais.order import stamp
from relais.ports import Ports
from relais.steps.asking import open_side
from relais.steps.contracts import asked
from relais.steps.inviting import waiting
from relais.steps.situation import Situation

ACCOUNT_NOT_READY = "account_not_ready"
UNPAYABLE = frozenset({ACCOUNT_NOT_READY, "insufficient_capabilities_for_transfer"})
"""Refusals that end by themselves when the account is ready; the second is Stripe's own, of an instant later."""
LEGAL_DAYS = 30
"""Within so many days of the acceptance a supplier is paid (Code de commerce, L441-10)."""
ALARM_DAYS = 20
TOLD_AGAIN = timedelta(days=7)


def wait_for_account(ports: Ports, gate: Gate) -> None:
    """Ask the freelancer of an open payout for their account, once; the mail is owed, and the clock sends it."""
    open_side(
        ports,
        gate.order,
        gate.id.milestone,
        partial(_onboarding, ports, gate),
        lambda opened: (waiting(opened.owner, gate.order, gate.id.milestone),),
        at_once=False,
    )


def _onboarding(ports: Ports, payout: Gate, situation: Situation) -> Gate | None:
    milestone, maker = situation.milestone, situation.freelancer
    if milestone is None or maker is None or not maker.kind.paid:
        return None
    since = accepted_at(ports, payout.order, payout.id.milestone) or payout.opened
    return asked(
        situation,
        Kind.ONBOARDING,
        ports.link_keys.current,
        role=Role.FREELANCER,
        choices=(),
        default=Default.STAY,
        shown={
            "pay": milestone.in_transit + milestone.left_to_send,
            "alarm": stamp(since + timedelta(days=ALARM_DAYS)),
            "legal": stamp(since + timedelta(days=LEGAL_DAYS)),
        },
        about=str(payout.id),
        beside=str(payout.id),
    )


def accepted_at(ports: Ports, order: str, number: str) -> datetime | None:
    """From when the legal clock counts: the hold opened with the acceptance; nothing where there was none."""
    rows = ports.store.query(f"O#{order}", f"G#{number}#{Kind.HOLD.value}#")
    return max((gate.opened for gate in map(gate_from_row, rows)), default=None)


def overdue(gate: Gate, now: datetime) -> bool:
    """Whether pay has waited so long that an alarm says so."""
    return now >= datetime.fromisoformat(gate.shown["alarm"])


def told_again(gate: Gate, now: datetime) -> datetime:
    """When seller and freelancer hear of it next: in a week, and not later than the day of the alarm."""
    alarm = datetime.fromisoformat(gate.shown["alarm"])
    return min(now + TOLD_AGAIN, alarm) if alarm > now else now + TOLD_AGAIN
