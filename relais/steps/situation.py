"""What a step looks at: the rows it needs, read consistently, and the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relais.calendar import Calendar, due_after
from relais.errors import RelaisError
from relais.gate import AFTERWARDS, GOES_ON, OF_MOVEMENTS, Choice, Gate, GateId, Kind, Role, Status, gate_from_row
from relais.offer import FreelancerPaid, Offer, OfferStatus, RefundCause
from relais.order import (
    ORDER_LEVEL,
    Engagement,
    Interrupt,
    Milestone,
    MilestoneStage,
    Order,
    OrderNotFoundError,
    OrderStage,
    milestone_from_row,
    order_from_row,
)
from relais.performer import Performer
from relais.ports import Ports, Store
from relais.roster import Freelancer
from relais.rows import (
    SHOP_KEY,
    Key,
    act_key,
    bounce_key,
    freelancer_key,
    gate_key,
    milestone_key,
    offer_key,
    order_key,
)
from relais.shop import Shop
from relais.withdrawal import WHOLE

ENDED = frozenset({MilestoneStage.REFUND, MilestoneStage.CLOSED})
SEEN = ENDED | {
    MilestoneStage.ACCEPTANCE,
    MilestoneStage.REFUND_REQUEST,
    MilestoneStage.SETTLEMENT,
    MilestoneStage.HOLD,
    MilestoneStage.PAYOUT,
}
BEFORE_THE_CLIENT = frozenset(
    {
        MilestoneStage.WORK,
        MilestoneStage.REVIEW,
        MilestoneStage.REASSIGN,
        MilestoneStage.PICK,
        MilestoneStage.PARK,
    }
)
UNWOUND = frozenset({OrderStage.UNWIND, OrderStage.CLOSE, OrderStage.COMPLETED})


class ShopEmptyError(RelaisError):
    """The table holds no shop yet."""

    def __init__(self) -> None:
        """Say how to fill it."""
        super().__init__("the shop is empty: run `relais catalog apply`")


class OfferNotFoundError(RelaisError):
    """No offer is sold under this address."""

    def __init__(self, slug: str) -> None:
        """Keep the slug."""
        super().__init__(f"no offer {slug}: see `relais catalog apply`")
        self.slug = slug


@dataclass(frozen=True, slots=True, repr=False)
class OnSale:
    """An offer in the shop's window: which version is current, and whether it can be bought."""

    slug: str
    version: int
    status: str


@dataclass(frozen=True, slots=True, repr=False)
class Situation:
    """An order as one of its gates sees it."""

    order: Order
    milestone: Milestone | None
    offer: Offer
    shop: Shop
    freelancer: Freelancer | None
    now: datetime
    milestones: tuple[Milestone, ...] = ()
    """All of the order's, where it has several; each goes its own way."""

    @property
    def stage(self) -> str:
        """The stage of the milestone, or of the order where the gate stands on the order itself."""
        return (self.milestone or self.order).stage.value

    @property
    def ordinal(self) -> int:
        """The ordinal that the next gate gets."""
        return (self.milestone or self.order).ordinal

    @property
    def last(self) -> str | None:
        """The gate whose decision advanced the ordinal last."""
        return (self.milestone or self.order).last

    @property
    def number(self) -> str:
        """The milestone's number, `00` for the order itself."""
        return ORDER_LEVEL if self.milestone is None else self.milestone.number

    @property
    def key(self) -> Key:
        """The row that a decision advances."""
        if self.milestone is None:
            return order_key(self.order.id)
        return milestone_key(self.order.id, self.milestone.number)

    @property
    def picked(self) -> str | None:
        """Whom the seller picked to be asked."""
        return (self.milestone or self.order).picked

    @property
    def wait_until(self) -> datetime | None:
        """Until when the seller lets the asking rest."""
        return (self.milestone or self.order).wait_until

    @property
    def parked_from(self) -> str | None:
        """The stage to go back to."""
        return (self.milestone or self.order).parked_from

    @property
    def promised(self) -> datetime | None:
        """The client's date: the milestone's own, else the order's."""
        own = None if self.milestone is None else self.milestone.promised
        return own or self.order.promised

    @property
    def siblings(self) -> tuple[Milestone, ...]:
        """The other milestones of the order that have not ended."""
        return tuple(
            one for one in self.milestones if one.number != self.number and one.stage is not MilestoneStage.CLOSED
        )

    @property
    def client_calendar(self) -> Calendar:
        """The hours that bind the client's clocks: the shop's."""
        return self.shop.calendar


def read_order(store: Store, order: str) -> Order:
    """Read an order's head. Raises `OrderNotFoundError`."""
    row = store.get(order_key(order))
    if row is None:
        raise OrderNotFoundError(order)
    return order_from_row(row)


def read_situation(ports: Ports, order: str, milestone: str) -> Situation:
    """Read what a gate of this milestone (or of the order, `00`) sees. Raises `OrderNotFoundError`."""
    keys = [order_key(order), SHOP_KEY]
    if milestone != ORDER_LEVEL:
        keys.append(milestone_key(order, milestone))
    rows = ports.store.get_many(keys)
    if order_key(order) not in rows:
        raise OrderNotFoundError(order)
    head = order_from_row(rows[order_key(order)])
    part = None if milestone == ORDER_LEVEL else milestone_from_row(rows[milestone_key(order, milestone)])
    offer = read_offer(ports.store, head.offer, head.offer_version)
    return Situation(
        order=head,
        milestone=part,
        offer=offer,
        shop=shop_from(rows.get(SHOP_KEY)),
        freelancer=None
        if part is None or part.engagement is None
        else _performer(ports.store, shop_from(rows.get(SHOP_KEY)), part.engagement),
        now=ports.now(),
        milestones=read_milestones(ports.store, order) if offer.several else (),
    )


def read_milestones(store: Store, order: str) -> tuple[Milestone, ...]:
    """The milestones of an order, first to last; a draft has none yet."""
    return tuple(milestone_from_row(row) for row in store.query(f"O#{order}", "M#"))


def _performer(store: Store, shop: Shop, engagement: Engagement) -> Freelancer:
    """Who does the work; what was bought outside is nobody of the roster: the seller answers for it."""
    if engagement.kind is not Performer.OUTSIDE:
        return read_freelancer(store, engagement.freelancer)
    return Freelancer(
        key=engagement.freelancer,
        name=engagement.bought_at,
        email=shop.email,
        lang=shop.lang,
        languages=(shop.lang,),
        kind=Performer.OUTSIDE,
        rates=(),
        capacity=1,
        hours=shop.hours,
        away=shop.away,
    )


def read_freelancer(store: Store, key: str) -> Freelancer:
    """Read a freelancer of the roster."""
    row = store.get(freelancer_key(key))
    if row is None:
        raise FreelancerNotFoundError(key)
    return Freelancer.from_row(row)


class FreelancerNotFoundError(RelaisError):
    """Nobody on the roster has this key."""

    def __init__(self, key: str) -> None:
        """Keep the key."""
        super().__init__(f"nobody on the roster is called {key}: see `relais roster list`")
        self.key = key


def shop_from(row: Mapping[str, Any] | None) -> Shop:
    """The shop from its row. Raises `ShopEmptyError`."""
    if row is None:
        raise ShopEmptyError
    return Shop.from_row(row["shop"])


def read_shop(store: Store) -> tuple[Shop, tuple[OnSale, ...]]:
    """The shop and the offers in its window. Raises `ShopEmptyError`."""
    row = store.get(SHOP_KEY)
    shop = shop_from(row)
    on_sale = tuple(OnSale(o["slug"], o["version"], o["status"]) for o in (row or {}).get("offers", []))
    return shop, on_sale


def read_offer(store: Store, slug: str, version: int) -> Offer:
    """Read one version of an offer. Raises `OfferNotFoundError`."""
    row = store.get(offer_key(slug, version))
    if row is None:
        raise OfferNotFoundError(slug)
    return Offer.from_row(row)


class GateNotFoundError(RelaisError):
    """There is no such gate."""

    def __init__(self, order: str, gate: str) -> None:
        """Keep which."""
        super().__init__(f"order {order} has no gate {gate}: see `relais order contract {order}`")


def read_gate(ports: Ports, order: str, gate: str) -> Gate:
    """Read a gate. Raises `GateNotFoundError`."""
    row = ports.store.get(gate_key(order, gate))
    if row is None:
        raise GateNotFoundError(order, gate)
    return gate_from_row(row)


def find_gate(ports: Ports, situation: Situation, kind: Kind) -> Gate | None:
    """The gate of this kind at the present ordinal, if it exists."""
    row = ports.store.get(gate_key(situation.order.id, str(GateId(situation.number, kind, situation.ordinal))))
    return None if row is None else gate_from_row(row)


def current_offer(ports: Ports, slug: str) -> Offer:
    """The version on sale. Raises `OfferNotFoundError`."""
    _, window = read_shop(ports.store)
    for one in window:
        if one.slug == slug and one.status != OfferStatus.DRAFT.value:
            return read_offer(ports.store, slug, one.version)
    raise OfferNotFoundError(slug)


def brief_gate(ports: Ports, order: Order) -> Gate | None:
    """The open brief of an order, where there is one."""
    if order.stage is not OrderStage.BRIEF:
        return None
    row = ports.store.get(gate_key(order.id, str(GateId("00", Kind.BRIEF, order.ordinal))))
    gate = None if row is None else gate_from_row(row)
    return gate if gate is not None and gate.status is Status.OPEN else None


def bounced(ports: Ports, address: str) -> bool:
    """Whether mails to an address are known to come back."""
    return bool(address) and ports.store.get(bounce_key(address)) is not None


def unhandled(situation: Situation) -> Interrupt | None:
    """The interrupt that has not been handled yet: the order's before the milestone's own."""
    order, milestone = situation.order, situation.milestone
    if order.interrupt_seq > (milestone or order).handled:
        return order.interrupt
    return None if milestone is None else milestone.interrupt


def interrupted(situation: Situation) -> bool:
    """Whether there is an interrupt that this milestone, or the order itself, has not handled."""
    return unhandled(situation) is not None


def sides_of(ports: Ports, situation: Situation) -> tuple[Gate, ...]:
    """Every side gate of the order (`00`) or milestone, whatever became of it."""
    rows = ports.store.query(f"O#{situation.order.id}", f"G#{situation.number}#")
    return tuple(gate for gate in map(gate_from_row, rows) if gate.id.kind.side)


def sides_opened(situation: Situation) -> int:
    """How many side gates were opened on the order or milestone."""
    return (situation.milestone or situation.order).sides


def moot(situation: Situation, gate: Gate) -> bool:
    """Whether an open side gate matters no more: what it belongs to ended, was interrupted, or has gone on."""
    if gate.id.kind in AFTERWARDS | OF_MOVEMENTS:
        return False
    if gate.id.kind is Kind.STUCK:
        return not situation.order.is_open or gate.about != str(situation.order.run)
    if gate.id.kind is Kind.DISPUTE:
        return _decided_already(situation.order, gate)
    if interrupted(situation) or situation.order.stage in UNWOUND:
        return True
    if gate.beside is not None and GateId.parse(gate.beside).ordinal != situation.ordinal:
        return True
    return situation.milestone is not None and situation.milestone.stage in stages_past(gate)


def over(ports: Ports, situation: Situation, gate: Gate) -> bool:
    """The same, as rows say it: of several who were asked at once one may be out while the others are waited for."""
    if moot(situation, gate):
        return True
    if gate.id.kind is Kind.QUESTION and gate.role is Role.FREELANCER:
        return situation.freelancer is None or situation.freelancer.key != gate.owner  # it is somebody else's work now
    if gate.id.kind in OF_MOVEMENTS:
        act = ports.store.get(act_key(gate.order, gate.about.partition(" ")[0]))
        if act is None or gate.id.kind is Kind.OUTCOME:
            return act is None or act["state"] != "unknown"
        return not act.get("unconfirmed") or act["state"] not in {"planned", "refused"}
    beside = None if gate.beside is None else GateId.parse(gate.beside)
    if beside is None or beside.kind is not Kind.PROPOSAL:
        return False
    return read_gate(ports, gate.order, str(beside)).status is not Status.OPEN


def _decided_already(order: Order, gate: Gate) -> bool:
    """Whether a dispute is over, or stands at another stage, than the one that its gate asks about."""
    return gate.about not in {f"{dispute} {stage}" for dispute, stage in disputes_on(order).items()}


def disputes_on(order: Order) -> dict[str, str]:
    """The disputes that stand on an order with their stages: of several charges each may have one."""
    first = {} if order.disputed is None else {order.disputed: order.dispute_stage or ""}
    return first | dict(order.disputed_too or {})


def stages_past(gate: Gate) -> frozenset[MilestoneStage]:
    """The stages of a milestone at which its side gate matters no more: a date that was missed, once there is work."""
    if gate.id.kind is Kind.QUESTION and gate.role is Role.FREELANCER:
        return ENDED  # it is the client who wants to know
    return SEEN if gate.id.kind in {Kind.CANCEL_LATE, Kind.QUESTION, Kind.AGREEMENT} else ENDED


def waiting_for_time(ports: Ports, situation: Situation) -> list[Gate]:
    """The maker's open wish for another date."""
    sides = sides_of(ports, situation) if sides_opened(situation) else ()
    return [gate for gate in sides if gate.id.kind is Kind.MORE_TIME and gate.status is Status.OPEN]


def later_acceptance(situation: Situation, gate: Gate) -> datetime | None:
    """Until when a client may have to accept who asks for more time; nothing where they had it: once (people 5b)."""
    if gate.id.kind is not Kind.ACCEPTANCE or gate.status is not Status.OPEN or gate.deadline is None:
        return None
    more, since = situation.offer.clocks.acceptance_more, max(gate.deadline, situation.now)
    return None if gate.shown.get("more_time") or not more.count else due_after(more, since, situation.client_calendar)


def safe_from(situation: Situation) -> datetime | None:
    """From when on a payment by debit is paid out: its bank may take it back for weeks (design: money A 10).

    Nothing of a card's, nor of a debit that was never paid.
    """
    order = situation.order
    if not order.by_debit or order.debit_at is None:
        return None
    return due_after(situation.offer.policy.debit_hold, order.debit_at, situation.shop.calendar)


def reopenable(ports: Ports, milestone: Milestone) -> Gate | None:
    """The open hold of what its client's silence accepted, as long as they may still reopen it."""
    if milestone.stage is not MilestoneStage.HOLD or milestone.spoken or milestone.reopened:
        return None
    row = ports.store.get(gate_key(milestone.order, str(GateId(milestone.number, Kind.HOLD, milestone.ordinal))))
    gate = None if row is None else gate_from_row(row)
    return gate if gate and gate.status is Status.OPEN and client_reopens(gate) else None


def stands_paused(situation: Situation, gate: Gate) -> datetime | None:
    """Until when the clock of a gate stands still because its order does; nothing where it runs."""
    paused = situation.order.paused
    return None if paused is None or gate.id.kind in GOES_ON else datetime.fromisoformat(paused["until"])


def client_reopens(hold: Gate) -> bool:
    """Whether a hold is of what its client's silence accepted, which they may reopen; else the seller alone may."""
    return Choice.REOPEN in hold.choices and hold.shown.get("reopens") is None


def ratable(milestone: Milestone) -> bool:
    """Whether its client may rate it: accepted for good, kept, and made by somebody whom it is about; once."""
    over = milestone.stage is MilestoneStage.CLOSED
    said = milestone.spoken and milestone.stage in {MilestoneStage.HOLD, MilestoneStage.PAYOUT}
    made = milestone.engagement is not None and not milestone.engagement.by_hand
    return milestone.accepted and (over or said) and made and not milestone.undone and not milestone.rated


def kept_share(kept: FreelancerPaid, agreed: int) -> int:
    """The part of the agreed cost that is kept (minor units); in a pro-rata nothing, where nothing was handed over."""
    match kept:
        case FreelancerPaid.FULL:
            return agreed
        case FreelancerPaid.HALF:
            return agreed - agreed // 2
        case FreelancerPaid.NOTHING | FreelancerPaid.PRO_RATA:
            return 0


def kept_of_part(situation: Situation, cause: RefundCause, amount: int) -> int:
    """What stays due to the freelancer when `amount` of what a milestone holds is given back (minor units).

    Who bears a part bears it in proportion: of a third, a third of what the whole would take (design: people 5).
    """
    milestone = situation.milestone
    if milestone is None or milestone.held <= 0:
        return 0
    due, bears = milestone.left_to_send, situation.offer.policy.bears.on(cause)
    if cause is RefundCause.WITHDRAWAL and bears is FreelancerPaid.PRO_RATA:
        # By what was handed over, even where the client gets all of it back for want of an express request (L221-25).
        return due - due * (WHOLE - milestone.supplied) // WHOLE
    lost = due - kept_share(bears, due)
    return due - lost * amount // milestone.held
