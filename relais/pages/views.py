"""What pages and mails are given to show. Steps fill these; templates read them and nothing else.

Amounts are minor units with their currency; times are UTC and printed in `Frame.zone`. Links are whole addresses made
by the steps. They hold what people typed and who they are: none has a `repr` that could be printed, and each cold start
is spared making one.

Forms post these fields; `typed` everywhere holds them by the same names, as they were posted or saved: offer
`client_kind` (consumer|business), `start_now`, `ends_when_done` ("yes"), `lang`; checkout `nonce`; address `nonce`,
`action` (address), `address`; brief `nonce`, `q_<key>`, `skip_<key>` ("yes"), `file` (an upload's key, repeated),
`action` (save|hand_in), `ready` ("yes": needed to hand in, and never ticked by us); gate `nonce`, `choice`, `note`,
`file` (repeated); of a pick also `freelancer` (the key of who is picked), `spent`, `bought_at`, `receipt` (what was
bought outside) and `until` (a date); of a refund request `amount`, `cause` and `sure` (the part that was shown).
Uploads are asked for as form fields `nonce` and `name`, `size`, `type`, each repeated in the same order; the answer is
JSON, `{"files": [{"at", "name", "key", "url", "fields"}], "problems": [{"at", "name", "message"}]}`, either list may be
missing; `at` is which of the files asked for, from 0, and missing or null where a problem is of none in particular. A
`Problem.field` is one of those names (`file` for the uploads).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from relais.checks import Found
from relais.gate import Choice, Decision, Gate, Kind, Role
from relais.offer import Extra, Offer, RefundCause
from relais.order import Milestone, MilestoneStage, Order
from relais.pages.frame import Frame
from relais.problem import Problem
from relais.roster import Freelancer, Reason

if TYPE_CHECKING:
    from relais.recipient import Recipient


@dataclass(frozen=True, slots=True, repr=False)
class FileView:
    """A file. `url` is absent where it is not released yet, `preview` where no image can be shown."""

    name: str
    size: int
    key: str
    url: str | None = None
    preview: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class IndexView:
    """The shop's front page: its open offers."""

    frame: Frame
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True, repr=False)
class OfferView:
    """Screen A: the offer. `delivered_by`: if the brief is answered today; `typed`: what a refused form held."""

    frame: Frame
    offer: Offer
    delivered_by: datetime
    action: str
    last_by: datetime | None = None
    problems: tuple[Problem, ...] = ()
    typed: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class BriefView:
    """Screen B, inside the order's page: the brief to fill in, what was saved, until when, what it starts.

    Without a gate the order is not paid yet, a debit is under way: answers are kept, nothing is handed in.
    """

    gate: Gate | None
    action: str
    nonce: str
    files_action: str
    typed: Mapping[str, str]
    files: tuple[FileView, ...]
    saved_at: datetime | None
    promised_if_today: datetime
    last_if_today: datetime | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class PartView:
    """One of several milestones on the order's page: where it is, its dates, what waits there for the client.

    `waiting` is the link to the client's open question; `drop` leads to where it may be given up, `dropping` shows what
    that means and asks once more; `refund` is what it gives back, in minor units.
    """

    number: str
    stage: MilestoneStage
    starts: datetime | None
    promised: datetime | None
    refund: int
    refunded: bool = False
    leaving: bool = False
    waiting: str | None = None
    drop: str | None = None
    dropping: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Said:
    """Words of the order's thread: by whom, whether they are the reader's own, on the client's side or the maker's."""

    by: Role
    own: bool
    at: datetime
    text: str
    answer: bool
    to_client: bool
    files: tuple[FileView, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Asking:
    """A form beside a gate's own: to ask somebody, or for another date. `waiting` until when one sent before waits.

    `until` is the date that one press gives. Of a counter-proposal that waits it is the one that was asked, as `pay` is
    (minor units); `refused` says that one was, `over` that none can be made any more.
    """

    kind: Kind
    to: Role
    stops: bool = False
    waiting: datetime | None = None
    until: datetime | None = None
    pay: int | None = None
    refused: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class LeavingView:
    """The client's own ways out, on the order's page: which there are, and the one whose `step` is shown.

    `until`: a consumer's right of withdrawal, with what it gives `back` (minor units) and how much is `kept` for what
    was handed over; `cancels`: nobody has taken the work yet; `asks`: the milestones whose end may be asked for,
    `asked` until when the seller has to answer it. Steps: `withdraw` (the statement), `confirm`, `cancel`, `agree` (of
    one milestone, `number`). Forms: `nonce`, `action` (withdraw|confirm|cancel|agree), `name`, `address`, `declare`,
    `sure` ("yes"), `milestone`, `note`.
    """

    path: str
    until: datetime | None = None
    back: int = 0
    kept: int = 0
    cancels: bool = False
    asks: tuple[str, ...] = ()
    asked: tuple[tuple[str, datetime], ...] = ()
    step: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class OrderView:
    """The order's own page for its client: to pay, being confirmed, brief, under way, to answer, completed, refunded.

    `checkout_action` is set while it can be paid; `brief` while the brief is open; `waiting` is the client's open
    gate elsewhere (its link); `address_action` lets the address be corrected, `address_hint` is the domain that was
    probably meant ("gmail.com"), `address_bounced` says that mails to it come back, `typed` what a refused
    correction held. `refunded_at` is when Stripe took the refund; `files` holds none of a refunded milestone.
    `parts` are the milestones of an order that has several; `reopens` those that silence accepted, each with its number
    and until when its client may still reopen it; `ratable` those that they may rate. `extras` may be added to a
    milestone (its number, what may), `extras_asked` wait for their payment (title, link). `stands_in`: the reader is
    the seller, who fills the brief in for the client. `messages` is where the files of a message to the seller are
    permitted, none where the client cannot write any; `messages_wait` until when one is answered that waits, `attached`
    the files of one that comes back. Its form: `nonce`, `action` (message), `note`, `file` (repeated), `anyway`.
    """

    frame: Frame
    order: Order
    offer: Offer
    milestones: tuple[Milestone, ...]
    nonce: str
    confirming: bool = False
    cancelled: bool = False
    checkout_action: str | None = None
    brief: BriefView | None = None
    waiting: str | None = None
    waiting_kind: Kind | None = None
    address_action: str | None = None
    address_hint: str | None = None
    address_bounced: bool = False
    answers: tuple[tuple[str, str], ...] = ()
    files: tuple[FileView, ...] = ()
    links: tuple[str, ...] = ()
    refunded_at: datetime | None = None
    parts: tuple[PartView, ...] = ()
    reopens: tuple[tuple[str, datetime], ...] = ()
    stands_in: bool = False
    ratable: tuple[str, ...] = ()
    thread: tuple[Said, ...] = ()
    leaving: LeavingView | None = None
    extras: tuple[tuple[str, tuple[Extra, ...]], ...] = ()
    extras_asked: tuple[tuple[str, str], ...] = ()
    messages: str | None = None
    messages_wait: datetime | None = None
    attached: tuple[FileView, ...] = ()
    problems: tuple[Problem, ...] = ()
    typed: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class OpenProposal:
    """A proposal among those that are open to a freelancer, with the address and nonce of its own form.

    `pay` in minor units of the order's currency, `due` the working deadline.
    """

    gate: Gate
    order: Order
    offer: Offer
    link: str
    action: str
    nonce: str
    pay: int
    due: datetime | None


@dataclass(frozen=True, slots=True, repr=False)
class FreelancerView:
    """A freelancer's own page: what is open to them, how much they can still take, when they are away.

    It leads to each proposal and takes its answer; `paused` says that a pause was just kept, `away` whether they are
    away today. Forms: each proposal's own, and `nonce`, `choice` (pause|resume), `until` (a date).
    """

    frame: Frame
    freelancer: Freelancer
    action: str
    nonce: str
    proposals: tuple[OpenProposal, ...]
    room: int
    away: bool
    saved: bool = False
    problems: tuple[Problem, ...] = ()
    typed: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class RecipientView:
    """The page of the account that a freelancer is paid to: how it stands, what is missing, whose pay waits.

    `came` says that they have just left Stripe's form, `expired` that its address worked no more. Form: `nonce`,
    `choice` (open|look), by its buttons.
    """

    frame: Frame
    freelancer: Freelancer
    recipient: Recipient
    action: str
    nonce: str
    came: bool = False
    expired: bool = False
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class AskedBefore:
    """Somebody who was asked and did not take it: how that ended, why, and the words that came with it."""

    name: str
    outcome: str
    why: str
    note: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Chosen:
    """Somebody of the ranking that a proposal was made from, with the numbers behind it; the first was asked."""

    name: str
    points: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Bearing:
    """Who bears a refund of a cause: what the freelancer is `paid` all the same, and what is `left` to the seller."""

    cause: RefundCause
    paid: int
    left: int


@dataclass(frozen=True, slots=True, repr=False)
class GateView:
    """One gate's page, one template for all of them: facts, what to look at, the choices, what silence means.

    Who sees what follows the gate's owner: a freelancer never sees the client's price, a client never the freelancer's.
    `brief` is the answered brief as (question, answer) pairs; `note` the last words that came with being sent back or
    revised; `margin` is for the seller only; `files` are to look at, `uploaded` those already sent with this form;
    `picked` what a form that comes back had chosen: an open question is never shown with an answer chosen. `candidates`
    may be picked by the seller, best first, `asked` says who was asked before and what they said, `own` is the seller
    where they can do it themself; `chosen` says to the seller why this freelancer was asked, and who came next. A
    freelancer is told how many `others` are open to them and the `room` they have left, on their `own_page`; `refund`
    is what a choice of that name gives back, in minor units. `links` came with the files, `withheld` is how many of
    them are shown once the work is accepted, `found` what was looked at by itself when it was handed in, `ticked` the
    points of the checklist, from 0, that the seller ticked (none were, where it is empty). `passed` are the files
    of the form beside the gate's own: those that came with what the seller passes on. Of a refund request
    `bearings` say what giving back all of it comes to, for each cause, and `part` what the part that was typed does, to
    be confirmed.
    """

    frame: Frame
    gate: Gate
    order: Order
    offer: Offer
    action: str
    nonce: str
    files_action: str | None = None
    milestone: Milestone | None = None
    freelancer: Freelancer | None = None
    pay: int | None = None
    pay_by: datetime | None = None
    pay_from: datetime | None = None
    deadline: datetime | None = None
    brief: tuple[tuple[str, str], ...] = ()
    brief_files: tuple[FileView, ...] = ()
    files: tuple[FileView, ...] = ()
    uploaded: tuple[FileView, ...] = ()
    delivery_note: str | None = None
    links: tuple[str, ...] = ()
    withheld: int = 0
    found: tuple[Found, ...] = ()
    ticked: tuple[int, ...] = ()
    note: str | None = None
    reasons: tuple[Reason, ...] = ()
    margin: int | None = None
    candidates: tuple[Freelancer, ...] = ()
    own: Freelancer | None = None
    chosen: tuple[Chosen, ...] = ()
    asked: tuple[AskedBefore, ...] = ()
    others: int = 0
    room: int = 0
    own_page: str | None = None
    refund: int | None = None
    bearings: tuple[Bearing, ...] = ()
    part: tuple[int, Bearing] | None = None
    picked: Choice | None = None
    thread: tuple[Said, ...] = ()
    rating: str | None = None
    passed: tuple[FileView, ...] = ()
    asking: tuple[Asking, ...] = ()
    typed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    next_link: str | None = None
    order_link: str | None = None
    order_nonce: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class AnsweredView:
    """A gate that was answered (or withdrawn): what was decided, by whom, when, and where to go on.

    `pay` is what a freelancer is paid all the same for cancelled work, in minor units of the offer's currency: 0 where
    nothing is due, None where nobody was engaged or it is not known yet. `coming`: the reader's next page is not open
    yet, this one looks again by itself. `stands_in`: the reader is the seller, who may answer it for its owner.
    """

    frame: Frame
    gate: Gate
    offer: Offer
    decision: Decision | None
    yours: bool
    just_now: bool
    next_link: str | None = None
    pay: int | None = None
    coming: bool = False
    stands_in: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class NoticeView:
    """A friendly page of its own: dead link, not found, refused form, too large, trouble. `key` names the words."""

    frame: Frame
    key: str
    status: int
    facts: Mapping[str, str | int] = dataclasses.field(default_factory=dict)
    back: str | None = None
