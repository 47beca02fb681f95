"""The order, its milestones and the engagement that binds a freelancer to one. Pure: rows in, rows out.

Design: workflow sections 2, 3 and 5. Amounts are minor units of the order's currency; times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from relais.errors import RelaisError
from relais.lift import Lift, lift
from relais.performer import Performer
from relais.rows import Row

ORDER_ROW_VERSION = 1
_ORDER_LIFTS: Mapping[int, Lift] = {}
MILESTONE_ROW_VERSION = 1
_MILESTONE_LIFTS: Mapping[int, Lift] = {}

ORDER_LEVEL = "00"
"""The milestone number that stands for the order itself."""
ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Of order ids: Crockford's base 32, without letters that are mistaken for others."""
ID_LENGTH = 12


class OrderStage(StrEnum):
    """Where an order is. `draft` and `paid` come before its workflow, `completed` after it."""

    DRAFT = "draft"
    PAID = "paid"
    BRIEF = "brief"
    ASSIGN = "assign"
    PICK = "pick"
    MILESTONES = "milestones"
    UNWIND = "unwind"
    PARK = "park"
    CLOSE = "close"
    COMPLETED = "completed"


class MilestoneStage(StrEnum):
    """Where one milestone is; the definition routes each of them."""

    PENDING = "pending"
    START = "start"
    WORK = "work"
    REVIEW = "review"
    ACCEPTANCE = "acceptance"
    REFUND_REQUEST = "refund_request"
    SETTLEMENT = "settlement"
    HOLD = "hold"
    PAYOUT = "payout"
    REFUND = "refund"
    REASSIGN = "reassign"
    PICK = "pick"
    PARK = "park"
    CLOSED = "closed"


class Debit(StrEnum):
    """How an order stands whose client wished to pay by SEPA debit (design: money B 2a to 2c).

    `offered` and `not_offered`: whether the checkout that is open now takes one; `pending`: the bank is asked, nothing
    is paid; `failed`: it refused, the order may be paid anew; `paid`: its payment was one, and the bank may undo it.
    """

    WANTED = "wanted"
    OFFERED = "offered"
    NOT_OFFERED = "not_offered"
    PENDING = "pending"
    FAILED = "failed"
    PAID = "paid"


class OrderNotFoundError(RelaisError):
    """No order has this id."""

    def __init__(self, order: str) -> None:
        """Keep the id that was asked for."""
        super().__init__(f"no order {order}: check the id (12 characters, in the link and in the mails)")
        self.order = order


@dataclass(frozen=True, slots=True, repr=False)
class Engagement:
    """One freelancer bound to one milestone at an agreed cost; the only truth about who does it.

    The seller who does it themself agrees on nothing; what is bought outside was paid there: `spent`, with where and
    the receipt's name (design: people 3).
    """

    freelancer: str
    agreed: int
    accepted_at: datetime
    deadline: datetime
    kind: Performer = Performer.FREELANCER
    spent: int = 0
    bought_at: str = ""
    receipt: str = ""
    trial: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether the seller hands the work in: no proposal, no transfer, no hold."""
        return self.kind in {Performer.SELF, Performer.OUTSIDE}


@dataclass(frozen=True, slots=True, repr=False)
class Lost:
    """Who had the work before it went to somebody else, why, and what they are paid all the same (minor units)."""

    freelancer: str
    why: str
    pay: int
    told: bool = False
    trial: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Interrupt:
    """A decision on an order that every open gate is answered with, or on one milestone (design: workflow section 2).

    `seq` counts those on the order; one on a milestone has none (0): it stands on its row until it is handled. Of a
    withdrawal `back` is what it gives back (minor units) and `supplied` how much of the work was, in percent.
    """

    seq: int
    kind: str
    cause: str
    by: str
    at: datetime
    note: str | None = None
    back: int | None = None
    supplied: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Milestone:
    """One deliverable's life inside an order. `left_to_send` is what of the agreed cost no act has reserved yet.

    `bonus` is what is added to the agreed cost; `early`: the first version came so early that it may earn one.
    `promised` is the client's own date for it and `starts` when it begins, where it doesn't begin with the order;
    `began` is when it did. `interrupt` is a decision on this milestone alone that no gate has been answered with yet.
    `requests` counts how often its client asked for money back, `proposed` is what the seller proposes to give of it,
    `give_back` what was agreed on and no act has reserved yet (minor units; nothing: the whole). `supplied` is how much
    of it was handed over when its client withdrew, in percent.
    """

    order: str
    number: str
    stage: MilestoneStage
    ordinal: int
    price: int
    cost: int
    revisions_left: int
    revisions_used: int = 0
    rounds: int = 0
    version: int = 0
    handled: int = 0
    engagement: Engagement | None = None
    left_to_send: int = 0
    in_transit: int = 0
    sent: int = 0
    last: str | None = None
    parked_from: str | None = None
    parked_why: str | None = None
    spoken: bool = False
    pay_by: datetime | None = None
    accepted: bool = False
    refunded: int = 0
    refund_in_transit: int = 0
    cause: str | None = None
    requests: int = 0
    proposed: int | None = None
    give_back: int | None = None
    supplied: int = 0
    picked: str | None = None
    wait_until: datetime | None = None
    lost: Lost | None = None
    bonus: int = 0
    early: bool = False
    promised: datetime | None = None
    starts: datetime | None = None
    began: datetime | None = None
    interrupt: Interrupt | None = None
    sides: int = 0
    """How many side gates were opened on it: they count apart from its ordinal."""
    rated: int = 0
    """The stars (1 to 5) that its client gave for it; none yet: 0."""
    gifts: int = 0
    """How many revisions the seller gave beyond the included ones: they take no right to a refund away."""
    reopened: int = 0
    """The version whose silent acceptance its client reopened; it can be done once."""
    claimed: int = 0
    """What of its freelancer's pay was asked back after it had left (minor units)."""
    recovered: int = 0
    """What of that came back by reversals."""
    netted: int = 0
    """What of its pay was kept for what its freelancer owed."""
    stood: datetime | None = None
    """Up to when the time that its promised date stood still is counted."""

    @property
    def due(self) -> int:
        """What its freelancer is owed for it when it is accepted, in minor units: what was agreed, and a bonus."""
        return 0 if self.engagement is None else self.engagement.agreed + self.bonus

    @property
    def received(self) -> int:
        """What its freelancer has had of it and was not asked back for, in minor units; a debt netted counts as had."""
        return self.sent + self.recovered + self.netted - self.claimed

    @property
    def held(self) -> int:
        """What of its price the client has not been given back or promised back (minor units)."""
        return self.price - self.refunded - self.refund_in_transit

    @property
    def had(self) -> bool:
        """Whether its client has the final files of the version before them already: they reopened its acceptance."""
        return 0 < self.reopened == self.version

    @property
    def undone(self) -> bool:
        """Whether all of it was given back: nothing of the work stays with the client."""
        return 0 < self.price <= self.refunded

    @property
    def unbegun(self) -> bool:
        """Whether it has a date of its own to start on, and has not."""
        return self.starts is not None and self.began is None


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """One purchase. The money pots are remainders under conditions, never counters under a version.

    `express` and `acknowledged` are a consumer's two statements at the checkout: to start at once, and that the right
    of withdrawal ends when all is done (Code de la consommation, L221-25, L221-28). `leaving` is its client's own way
    out: `what` (withdrawal, cancellation), `at`, and the key of the `note` that says the rest.
    """

    id: str
    stage: OrderStage
    run: int
    ordinal: int
    offer: str
    offer_version: int
    lang: str
    currency: str
    price: int
    consumer: bool
    key_id: str
    link_version: int
    created: datetime
    client_email: str | None = None
    client_name: str | None = None
    checkout: int = 0
    checkout_expires: datetime | None = None
    checkout_ends_from: datetime | None = None
    session: str | None = None
    payment_intent: str | None = None
    charge: str | None = None
    paid: int = 0
    fee: int | None = None
    left: int = 0
    in_transit: int = 0
    sent: int = 0
    refunded: int = 0
    borne: int = 0
    interrupt_seq: int = 0
    handled: int = 0
    interrupt: Interrupt | None = None
    picked: str | None = None
    wait_until: datetime | None = None
    cause: str | None = None
    stalled: int = 0
    run_mark: str | None = None
    handed_in: datetime | None = None
    promised: datetime | None = None
    completed: datetime | None = None
    last: str | None = None
    parked_from: str | None = None
    parked_why: str | None = None
    owes_start: int | None = None
    owes_fee: str | None = None
    owes_mail: int | None = None
    owes_address: int | None = None
    owes_sweep: int | None = None
    owes_receipt: int | None = None
    due: datetime | None = None
    dead_run: int = 0
    dead_why: str | None = None
    started: datetime | None = None
    began: datetime | None = None
    sides: int = 0
    disputed: str | None = None
    """The dispute that freezes its money; `dispute_stage`: the bank has taken it (open), or asks about it (inquiry)."""
    dispute_stage: str | None = None
    disputed_too: Mapping[str, str] | None = None
    """Further disputes of other charges of it, each with its stage."""
    paused: Mapping[str, str] | None = None
    """Since when it stands still (`at`), until when (`until`), and whether its client wants it so (`client`)."""
    billing: str | None = None
    """Where the words are kept to whom the client wants it billed."""
    lost: int = 0
    """What a bank has given its client back, by a dispute that was lost (minor units); it is in `refunded` too."""
    express: bool = False
    acknowledged: bool = False
    leaving: Mapping[str, str] | None = None
    debit: Debit | None = None
    debit_at: datetime | None = None
    """Since when its debit is pending, has failed, or is paid."""
    debit_checkout: int = 0
    """The number of the checkout that it was decided for whether a debit is offered."""

    @property
    def by_debit(self) -> bool:
        """Whether it was paid by a debit."""
        return self.debit is Debit.PAID

    @property
    def settling(self) -> bool:
        """Whether its client has ordered a debit that no bank has answered yet: it is not paid, and not to pay."""
        return self.stage is OrderStage.DRAFT and self.debit is Debit.PENDING

    @property
    def is_open(self) -> bool:
        """Whether money or work can still be owed on it: paid and not yet completed."""
        return self.stage not in {OrderStage.DRAFT, OrderStage.COMPLETED}


def is_order_id(text: str) -> bool:
    """Whether a text may name an order: what cannot is never looked up, and never logged."""
    return len(text) == ID_LENGTH and set(text) <= set(ID_LETTERS)


def instant(text: str | None) -> datetime | None:
    """Read a stored time (ISO 8601, UTC)."""
    return None if text is None else datetime.fromisoformat(text)


def stamp(at: datetime) -> str:
    """Write a time as it is stored: ISO 8601 in UTC to the second, which sorts as text."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def order_from_row(stored: Row) -> Order:
    """Read an order's head, lifting older versions of the row."""
    row = lift(stored, "order", ORDER_ROW_VERSION, _ORDER_LIFTS)
    return Order(
        id=row["pk"].removeprefix("O#"),
        stage=OrderStage(row["stage"]),
        run=row["run"],
        ordinal=row["ordinal"],
        offer=row["offer"],
        offer_version=row["offer_version"],
        lang=row["lang"],
        currency=row["currency"],
        price=row["price"],
        consumer=row["consumer"],
        key_id=row["key_id"],
        link_version=row["link_version"],
        created=datetime.fromisoformat(row["created"]),
        client_email=row.get("client_email"),
        client_name=row.get("client_name"),
        checkout=row.get("checkout", 0),
        checkout_expires=instant(row.get("checkout_expires")),
        checkout_ends_from=instant(row.get("checkout_ends_from")),
        session=row.get("session"),
        payment_intent=row.get("payment_intent"),
        charge=row.get("charge"),
        paid=row.get("paid", 0),
        fee=row.get("fee"),
        left=row.get("left", 0),
        in_transit=row.get("in_transit", 0),
        sent=row.get("sent", 0),
        refunded=row.get("refunded", 0),
        borne=row.get("borne", 0),
        interrupt_seq=row.get("interrupt_seq", 0),
        handled=row.get("handled", 0),
        interrupt=_interrupt(row.get("interrupt"), row.get("interrupt_seq", 0)),
        picked=row.get("picked"),
        wait_until=instant(row.get("wait_until")),
        cause=row.get("cause"),
        stalled=row.get("stalled", 0),
        run_mark=row.get("run_mark"),
        handed_in=instant(row.get("handed_in")),
        promised=instant(row.get("promised")),
        completed=instant(row.get("completed")),
        last=row.get("last"),
        parked_from=row.get("parked_from"),
        parked_why=row.get("parked_why"),
        owes_start=row.get("owes_start"),
        owes_fee=row.get("owes_fee"),
        owes_mail=row.get("owes_mail"),
        owes_address=row.get("owes_address"),
        owes_sweep=row.get("owes_sweep"),
        owes_receipt=row.get("owes_receipt"),
        due=instant(row.get("due")),
        dead_run=row.get("dead_run", 0),
        dead_why=row.get("dead_why"),
        started=instant(row.get("started")),
        began=instant(row.get("began")),
        sides=row.get("sides", 0),
        disputed=row.get("disputed"),
        dispute_stage=row.get("dispute_stage"),
        disputed_too=row.get("disputed_too"),
        paused=row.get("paused"),
        billing=row.get("billing"),
        lost=row.get("lost", 0),
        express=row.get("express", False),
        acknowledged=row.get("acknowledged", False),
        leaving=row.get("leaving"),
        debit=Debit(row["debit"]) if "debit" in row else None,
        debit_at=instant(row.get("debit_at")),
        debit_checkout=row.get("debit_checkout", 0),
    )


def draft_row(order: Order) -> dict[str, Any]:
    """The row that a new order begins with."""
    return {
        "v": ORDER_ROW_VERSION,
        "stage": order.stage.value,
        "run": order.run,
        "ordinal": order.ordinal,
        "offer": order.offer,
        "offer_version": order.offer_version,
        "lang": order.lang,
        "currency": order.currency,
        "price": order.price,
        "consumer": order.consumer,
        **({"express": True} if order.express else {}),
        **({"acknowledged": True} if order.acknowledged else {}),
        **({"debit": order.debit.value, "client_email": order.client_email} if order.debit is not None else {}),
        "key_id": order.key_id,
        "link_version": order.link_version,
        "created": stamp(order.created),
        "checkout": order.checkout,
        "interrupt_seq": 0,
    }


def milestone_from_row(stored: Row) -> Milestone:
    """Read a milestone, lifting older versions of the row."""
    row = lift(stored, "milestone", MILESTONE_ROW_VERSION, _MILESTONE_LIFTS)
    engaged = row.get("engagement")
    return Milestone(
        order=row["pk"].removeprefix("O#"),
        number=row["sk"].removeprefix("M#"),
        stage=MilestoneStage(row["stage"]),
        ordinal=row["ordinal"],
        price=row["price"],
        cost=row["cost"],
        revisions_left=row["revisions_left"],
        revisions_used=row.get("revisions_used", 0),
        rounds=row.get("rounds", 0),
        version=row.get("version", 0),
        handled=row.get("handled", 0),
        engagement=None
        if engaged is None
        else Engagement(
            freelancer=engaged["freelancer"],
            agreed=engaged["agreed"],
            accepted_at=datetime.fromisoformat(engaged["accepted_at"]),
            deadline=datetime.fromisoformat(engaged["deadline"]),
            kind=Performer(engaged.get("kind", Performer.FREELANCER)),
            spent=engaged.get("spent", 0),
            bought_at=engaged.get("bought_at", ""),
            receipt=engaged.get("receipt", ""),
            trial=engaged.get("trial", False),
        ),
        left_to_send=row.get("left_to_send", 0),
        in_transit=row.get("in_transit", 0),
        sent=row.get("sent", 0),
        last=row.get("last"),
        parked_from=row.get("parked_from"),
        parked_why=row.get("parked_why"),
        spoken=row.get("spoken", False),
        pay_by=instant(row.get("pay_by")),
        accepted=row.get("accepted", False),
        refunded=row.get("refunded", 0),
        refund_in_transit=row.get("refund_in_transit", 0),
        cause=row.get("cause"),
        requests=row.get("requests", 0),
        proposed=row.get("proposed"),
        give_back=row.get("give_back"),
        supplied=row.get("supplied", 0),
        picked=row.get("picked"),
        wait_until=instant(row.get("wait_until")),
        lost=None if row.get("lost") is None else Lost(**row["lost"]),
        bonus=row.get("bonus", 0),
        early=row.get("early", False),
        promised=instant(row.get("promised")),
        starts=instant(row.get("starts")),
        began=instant(row.get("began")),
        interrupt=_interrupt(row.get("interrupt"), 0),
        sides=row.get("sides", 0),
        rated=row.get("rated", 0),
        gifts=row.get("gifts", 0),
        reopened=row.get("reopened", 0),
        claimed=row.get("claimed", 0),
        recovered=row.get("recovered", 0),
        netted=row.get("netted", 0),
        stood=instant(row.get("stood")),
    )


def _interrupt(row: Row | None, seq: int) -> Interrupt | None:
    if row is None:
        return None
    at = datetime.fromisoformat(row["at"])
    back, supplied = row.get("back"), row.get("supplied", 0)
    return Interrupt(seq, row["kind"], row["cause"], row["by"], at, row.get("note"), back, supplied)


def milestone_row(price: int, cost: int, revisions: int) -> dict[str, Any]:
    """The row that a milestone begins with, when its order is paid."""
    return {
        "v": MILESTONE_ROW_VERSION,
        "stage": MilestoneStage.PENDING.value,
        "ordinal": 1,
        "price": price,
        "cost": cost,
        "left_to_send": 0,
        "in_transit": 0,
        "revisions_left": revisions,
        "handled": 0,
    }


def engagement_row(engagement: Engagement) -> dict[str, Any]:
    """The engagement as it stands on its milestone."""
    bought = {"spent": engagement.spent, "bought_at": engagement.bought_at, "receipt": engagement.receipt}
    return {
        "freelancer": engagement.freelancer,
        "agreed": engagement.agreed,
        "accepted_at": stamp(engagement.accepted_at),
        "deadline": stamp(engagement.deadline),
        "kind": engagement.kind.value,
        **({"trial": True} if engagement.trial else {}),
    } | (bought if engagement.kind is Performer.OUTSIDE else {})


def unstarted(order: Order) -> bool:
    """Whether an order is paid and nobody has taken its work yet: until then its client may cancel alone."""
    parked = order.stage is OrderStage.PARK and order.parked_from != OrderStage.MILESTONES.value
    early = order.stage in {OrderStage.PAID, OrderStage.BRIEF, OrderStage.ASSIGN, OrderStage.PICK}
    return (early or parked) and order.parked_from != OrderStage.UNWIND.value and order.leaving is None


def droppable(order: Order, milestone: Milestone) -> bool:
    """Whether a client may still drop a milestone: it waits for its date and nobody has called it back."""
    waits = order.stage is OrderStage.MILESTONES and milestone.stage is MilestoneStage.START
    return waits and milestone.interrupt is None and order.interrupt_seq <= milestone.handled
