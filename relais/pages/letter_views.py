"""What mails are given to show.

Apart from the views of pages: who writes mails and shows nothing is spared their cost at every cold start.

Amounts are minor units with their currency; times are UTC and printed in `Frame.zone`. Links are whole addresses made
by the steps. Like the views of pages they have no `repr`: nobody prints what people typed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from relais.announcement import Announcement
    from relais.gate import Gate, Role
    from relais.offer import Offer
    from relais.order import Milestone, Order
    from relais.pages.digest_views import DigestView
    from relais.pages.frame import Frame
    from relais.report import Finding
    from relais.roster import Freelancer, Reason


@dataclass(frozen=True, slots=True, repr=False)
class LetterView:
    """A mail. `key` names its words; `link` is the one button's address; `deadline` the reader's own date.

    Keys: `brief`, `proposal`, `work`, `rework`, `revision`, `review`, `acceptance`, `accepted`, `to_pay` (to the
    freelancer: accepted, will be paid), `reduced` (to the freelancer: a part was given back, `pay` is what is left),
    `settled` (to the client: a part was given back, the rest is accepted), `settlement`, `contested`, `unanswered` (to
    the client: what the seller proposes on a refund request, `facts` hold its `amount`), `paid`, `completed`,
    `debit_pending`, `debit_failed` (what the bank said of a debit, `at` in `facts`),
    `onboarding` (to the freelancer: `pay` waits for their account), `unpaid` (to the seller, of the same),
    `parked`, `late`, `pick`, `stuck`, `taken` (to the
    freelancer: another was faster), `lost` (to the freelancer whose work goes on without them: `facts` hold `why`),
    `revised` (a version after a change that the client asked for), `address`, `unreached` (to the seller: `facts` hold
    the `kind` and `role` of the gate and the `address` that no mail reaches), `refunded` (to the client: `facts` hold
    the `amount` in minor units, its `currency` where it is not the order's, the `cause`),
    `cancelled` (to the freelancer: `pay` is what is paid all the same, 0 if nothing is due, None if nobody was engaged;
    `facts` may hold the `cause`), and `<key>.reminder` for a reminder. The client's date is the promised one, the
    freelancer's the working one. What may be shown depends on the reader (`role`), as on `GateView`.
    """

    frame: Frame
    key: str
    role: Role
    to: str
    link: str | None
    order: Order
    offer: Offer
    gate: Gate | None = None
    milestone: Milestone | None = None
    freelancer: Freelancer | None = None
    pay: int | None = None
    pay_by: datetime | None = None
    pay_from: datetime | None = None
    deadline: datetime | None = None
    brief: tuple[tuple[str, str], ...] = ()
    note: str | None = None
    reasons: tuple[Reason, ...] = ()
    facts: Mapping[str, str | int] = dataclasses.field(default_factory=dict)
    own_page: str | None = None
    others: int = 0
    room: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class AnnouncementView:
    """A mail of a change between the shop and a freelancer, to whom it concerns; `link` is its button's, if any."""

    frame: Frame
    said: Announcement
    to: str
    freelancer: Freelancer
    own_page: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Mail:
    """A mail ready to be sent: plain text beside HTML, in the reader's language."""

    to: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, repr=False)
class ReportView:
    """The mail that tells the seller where the ledger and Stripe do not agree: about no order, to nobody else.

    `findings` are those that are told one by one, `more` how many others there are. `booked` and `held` are what we and
    Stripe say is in the account, by currency in minor units; `held` is None where it could not be read for sure.
    """

    frame: Frame
    to: str
    findings: tuple[Finding, ...]
    more: int
    booked: Mapping[str, int]
    held: Mapping[str, int] | None


AnyLetter: TypeAlias = "LetterView | AnnouncementView | ReportView | DigestView"
"""Whatever can be sent."""
