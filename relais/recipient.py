"""Who can be paid through Stripe: a freelancer's account, what Stripe still wants of them, which pay waits for it.

The account stands in a row of its own, beside the roster's, since applying the catalogue writes the roster anew
(design: money A 8, decision 0018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from relais.order import instant, stamp

ROW_VERSION = 1
_EEA = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
REACHED = frozenset([*_EEA.split(" "), "GB", "CH", "US", "CA"])
"""Where a platform of the EEA can pay people (docs.stripe.com/connect/cross-border-payouts); others: by bank."""
WAITS = "waits_"


class Readiness(StrEnum):
    """How far somebody has come with their account."""

    NONE = "none"
    """No account yet."""
    STARTED = "started"
    """Stripe waits for something of theirs."""
    CHECKING = "checking"
    """Stripe looks at what was given."""
    READY = "ready"
    """Transfers reach them."""
    CLOSED = "closed"
    """Stripe will not pay them: only Stripe can say why."""
    OUT_OF_REACH = "out_of_reach"
    """They live where no transfer leads: the seller's bank pays them."""


class Need(StrEnum):
    """What Stripe may still want, in words that people know."""

    BANK = "bank"
    DOCUMENT = "document"
    ADDRESS = "address"
    PERSON = "person"
    CONTACT = "contact"
    BUSINESS = "business"
    TERMS = "terms"
    OTHER = "other"


_NEEDS: tuple[tuple[Need, tuple[str, ...]], ...] = (
    (Need.BANK, ("external_account", "payout_method", "bank_account", "outbound")),
    (Need.DOCUMENT, ("document", "verification", "proof")),
    (Need.TERMS, ("tos", "terms", "attestation")),
    (Need.ADDRESS, ("address",)),
    (Need.CONTACT, ("email", "phone")),
    (Need.BUSINESS, ("business", "company", "registered_name", "id_number", "tax_id", "vat", "mcc", "url")),
    (Need.PERSON, ("given_name", "surname", "first_name", "last_name", "dob", "date_of_birth", "nationalit", "person")),
)
"""Which words of Stripe's names of requirements mean what; the first that is met counts."""


def need_of(description: str) -> Need:
    """What a requirement is about, by Stripe's machine-readable name for it."""
    lowered = description.lower()
    return next((need for need, marks in _NEEDS if any(mark in lowered for mark in marks)), Need.OTHER)


@dataclass(frozen=True, slots=True, repr=False)
class Recipient:
    """Somebody who is to be paid. `waits` names order and milestone of each pay that waits for their account.

    `needs` is what Stripe wants of them, `needed_by` until when; `payouts` whether Stripe pays out to their bank.
    `invited` is when they were first asked to open an account, `seen` when Stripe was last asked about it.
    """

    freelancer: str
    account: str = ""
    readiness: Readiness = Readiness.NONE
    payouts: bool = True
    needs: tuple[Need, ...] = ()
    needed_by: datetime | None = None
    invited: datetime | None = None
    seen: datetime | None = None
    waits: tuple[tuple[str, str], ...] = ()
    kept: bool = False
    """Whether it stands in a row: else it is what the roster's file says of an account that nobody has asked about."""

    @property
    def ready(self) -> bool:
        """Whether a transfer would reach them, as far as was last seen."""
        return self.readiness is Readiness.READY

    @property
    def terms(self) -> dict[str, Any]:
        """What Stripe has said of the account, as it stands in the row."""
        return {
            "account": self.account,
            "readiness": self.readiness.value,
            "payouts": self.payouts,
            "needs": [need.value for need in self.needs],
            "needed_by": "" if self.needed_by is None else stamp(self.needed_by),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Recipient:
        """Rebuild a recipient from its row."""
        return cls(
            freelancer=row["sk"].removeprefix("P#"),
            account=row.get("account", ""),
            readiness=Readiness(row.get("readiness", Readiness.NONE.value)),
            payouts=row.get("payouts", True),
            needs=tuple(Need(one) for one in row.get("needs", ())),
            needed_by=instant(row.get("needed_by") or None),
            invited=instant(row.get("invited")),
            seen=instant(row.get("seen")),
            waits=tuple(_waiting(name) for name in sorted(row) if name.startswith(WAITS)),
            kept=True,
        )


def waits_name(order: str, milestone: str) -> str:
    """The attribute of a recipient's row that says that pay waits for their account."""
    return f"{WAITS}{order}_{milestone}"


def _waiting(name: str) -> tuple[str, str]:
    order, _, milestone = name.removeprefix(WAITS).partition("_")
    return order, milestone
