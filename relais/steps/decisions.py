"""Where each answer leads, and what else it writes. Pure: a situation comes in, writes go out.

The stage that follows an answer is the same fact that the definition's Choice states route on; a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from relais import ledger
from relais.calendar import Duration, Unit, working_deadline
from relais.errors import RelaisError
from relais.gate import (
    OWED_AFTER,
    Choice,
    Decision,
    Gate,
    Kind,
    Owed,
    Role,
    Via,
    decision_row,
    due_shard,
)
from relais.money import shares
from relais.offer import RefundCause
from relais.order import Engagement, Interrupt, Milestone, MilestoneStage, OrderStage, engagement_row, stamp
from relais.roster import Freelancer
from relais.rows import (
    Change,
    Check,
    Guard,
    Put,
    Write,
    absent,
    at_least,
    brief_key,
    contains,
    deliverable_key,
    differs,
    entry_key,
    equals,
    freelancer_key,
    gate_key,
    milestone_key,
    order_key,
    present,
)
from relais.schedule import Dates, schedule
from relais.steps.situation import Situation


class ChoiceNotRoutedError(RelaisError):
    """An answer that leads nowhere from this kind of gate."""

    def __init__(self, kind: Kind, choice: Choice) -> None:
        """Keep both."""
        super().__init__(f"{choice.value} does not answer a gate of kind {kind.value}")
        self.kind = kind
        self.choice = choice


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer on its way through the door. `note` is the key of the words that came with it.

    `facts` what the kind needs besides.
    """

    choice: Choice
    by: str
    via: Via
    note: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effects:
    """What an answer does besides being recorded: to the row it advances, and to others."""

    put: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    writes: tuple[Write, ...] = ()


def stage_after(gate: Gate, choice: Choice, parked_from: str | None) -> str:
    """The stage that an answer leads to. Raises `ChoiceNotRoutedError`."""
    if choice is Choice.PARK:
        return MilestoneStage.PARK.value
    if choice is Choice.CANCELLED:
        return OrderStage.UNWIND.value if gate.id.of_order else MilestoneStage.REFUND.value
    match gate.id.kind, choice:
        case Kind.BRIEF, Choice.HAND_IN:
            return OrderStage.ASSIGN.value
        case Kind.PROPOSAL, Choice.ACCEPTED:
            return OrderStage.MILESTONES.value
        case Kind.PROPOSAL, Choice.AGAIN:
            return OrderStage.ASSIGN.value
        case Kind.PROPOSAL, Choice.EXHAUSTED:
            return OrderStage.PICK.value
        case Kind.PICK, Choice.PICKED:
            return OrderStage.ASSIGN.value
        case Kind.PICK, Choice.REFUND:
            return OrderStage.UNWIND.value
        case Kind.START, Choice.BEGIN:
            return MilestoneStage.WORK.value
        case Kind.WORK, Choice.DELIVER:
            return MilestoneStage.REVIEW.value
        case Kind.REVIEW, Choice.APPROVE:
            return MilestoneStage.ACCEPTANCE.value
        case (Kind.REVIEW, Choice.REWORK) | (Kind.ACCEPTANCE, Choice.REVISE):
            return MilestoneStage.WORK.value
        case Kind.ACCEPTANCE, Choice.ACCEPT:
            return MilestoneStage.HOLD.value
        case Kind.HOLD, Choice.RELEASE:
            return MilestoneStage.PAYOUT.value
        case Kind.PAYOUT, (Choice.PAID | Choice.NOTHING_DUE):
            return MilestoneStage.CLOSED.value
        case Kind.ACCEPTANCE, Choice.REFUND:
            return MilestoneStage.REFUND.value
        case Kind.REFUND, Choice.REFUNDED:
            return OrderStage.CLOSE.value if gate.id.of_order else MilestoneStage.CLOSED.value
        case Kind.REFUND, Choice.REFUNDED_AND_PAY if not gate.id.of_order:
            return MilestoneStage.HOLD.value
        case Kind.PARK, Choice.RETRY if parked_from is not None:
            return parked_from
        case Kind.PARK, (
            Choice.START
            | Choice.WORK
            | Choice.REVIEW
            | Choice.ACCEPTANCE
            | Choice.HOLD
            | Choice.PAYOUT
            | Choice.REFUND
            | Choice.CLOSED
        ):
            return choice.value
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, choice)


def effects(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """What an answer does besides being recorded. Raises `ChoiceNotRoutedError`."""
    if answer.choice is Choice.PARK:
        return _parked(situation, str(answer.facts["why"]))
    if answer.choice is Choice.CANCELLED:
        return _cancelled(situation, gate, answer)
    match gate.id.kind:
        case Kind.BRIEF:
            return _brief_handed_in(situation, answer)
        case Kind.PROPOSAL:
            return _proposal_answered(situation, gate, answer)
        case Kind.START:
            return Effects(put={"began": stamp(situation.now)}, guards=(absent("interrupt"),))
        case Kind.WORK:
            return _delivered(situation, answer)
        case Kind.REVIEW:
            return Effects(add={"rounds": 1}) if answer.choice is Choice.REWORK else Effects()
        case Kind.ACCEPTANCE:
            return _acceptance_answered(situation, answer)
        case Kind.PAYOUT:
            return _closed(situation)
        case Kind.PICK:
            return Effects(put={"picked": answer.facts["freelancer"]}) if answer.choice is Choice.PICKED else Effects()
        case Kind.REFUND:
            return _closed(situation) if answer.choice is Choice.REFUNDED else Effects(put={"spoken": True})
        case Kind.PARK:
            return _unparked(situation, answer)
        case Kind.HOLD | Kind.STUCK:
            return Effects()
        case _:
            assert_never(gate.id.kind)


def decision_writes(
    situation: Situation, gate: Gate, answer: Answer, extra: Effects | None = None
) -> tuple[Write, ...]:
    """The one transaction that an answer is: the gate closed, its milestone or order advanced, everything caused.

    A default is further bound to the due it was read with, so that a deadline moved a second ago is safe.
    """
    caused = effects(situation, gate, answer)
    more = extra or Effects()
    stage = stage_after(gate, answer.choice, situation.parked_from)
    decision = Decision(answer.choice, answer.by, situation.now, answer.via, answer.note)
    close = Change(
        key=gate_key(gate.order, str(gate.id)),
        put={
            "status": "answered",
            "decision": decision_row(decision),
            "owes": {Owed.RESUME.value: 0},
            "due": stamp(situation.now + OWED_AFTER),
            "due_shard": due_shard(gate.order),
        },
        remove=("desk", "desk_due", "send_after"),
        guards=(equals("status", "open"), *_offered(gate, answer)),
    )
    advance = Change(
        key=situation.key,
        put={"stage": stage, "ordinal": gate.id.ordinal + 1, "last": str(gate.id)} | dict(caused.put) | dict(more.put),
        add=dict(caused.add) | dict(more.add),
        remove=(*caused.remove, *more.remove),
        guards=(
            equals("stage", situation.stage),
            equals("ordinal", gate.id.ordinal),
            *caused.guards,
            *more.guards,
        ),
    )
    return (close, advance, *caused.writes, *more.writes)


def not_interrupted(situation: Situation) -> Guard:
    """On the order's head: no interrupt that this milestone has not handled (design: workflow section 2)."""
    return equals("interrupt_seq", (situation.milestone or situation.order).handled)


def interrupted(situation: Situation) -> bool:
    """Whether there is an interrupt that this milestone, or the order itself, has not handled."""
    return unhandled(situation) is not None


def unhandled(situation: Situation) -> Interrupt | None:
    """The interrupt that has not been handled yet: the order's before the milestone's own."""
    order, milestone = situation.order, situation.milestone
    if order.interrupt_seq > (milestone or order).handled:
        return order.interrupt
    return None if milestone is None else milestone.interrupt


def entry_put(entry: ledger.Entry) -> Put:
    """A ledger entry as a write: its reference makes it unique, the index `book` lists it by month."""
    order = entry.order or "shop"
    book = {"book": f"{entry.at:%Y-%m}#{due_shard(order)[2:]}", "book_ref": f"{stamp(entry.at)}#{entry.reference}"}
    row = {name: value for name, value in entry.to_row().items() if value is not None}
    return Put(entry_key(order, entry.reference), row | book)


def _offered(gate: Gate, answer: Answer) -> tuple[Guard, ...]:
    if answer.via is Via.CLOCK and gate.due is not None:
        return (equals("due", stamp(gate.due)),)
    if answer.choice in gate.choices:
        return (contains("choices", answer.choice.value),)
    return ()


def _parked(situation: Situation, why: str) -> Effects:
    return Effects(put={"parked_from": situation.stage, "parked_why": why})


def _cancelled(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """The way out begins: what it is for is kept, and an open proposal gives its place back."""
    interrupt = unhandled(situation)
    handled = {"handled": interrupt.seq} if interrupt is not None and interrupt.seq else {}
    cause = interrupt.cause if interrupt is not None else str(answer.facts.get("cause", ""))
    proposed = gate.id.kind is Kind.PROPOSAL and gate.role is Role.FREELANCER
    return Effects(
        put=handled | {"cause": cause},
        remove=("parked_from", "parked_why", *(() if situation.milestone is None else ("interrupt",))),
        # Money under way is not called back: it arrives first.
        guards=() if situation.milestone is None else (equals("in_transit", 0),),
        writes=(hand_back(gate.owner),) if proposed else (),
    )


def _brief_handed_in(situation: Situation, answer: Answer) -> Effects:
    """Every date is counted from the complete brief: the order is promised when its last milestone is."""
    dates = schedule(situation.offer.plan, situation.now, situation.shop.calendar)
    kept = Put(brief_key(situation.order.id), {"v": 1, "at": stamp(situation.now), **answer.facts}, guards=())
    return Effects(
        put={"handed_in": stamp(situation.now), "promised": stamp(max(one.promised for one in dates))},
        writes=(kept, *(_dated(situation, one, own) for one, own in zip(situation.milestones, dates, strict=False))),
    )


def _dated(situation: Situation, milestone: Milestone, dates: Dates) -> Change:
    starts = {} if dates.starts is None else {"starts": stamp(dates.starts)}
    return Change(
        milestone_key(situation.order.id, milestone.number),
        put={"promised": stamp(dates.promised)} | starts,
        guards=(equals("stage", MilestoneStage.PENDING.value),),
    )


def _proposal_answered(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    match answer.choice:
        case Choice.ACCEPTED:
            return _engaged(situation, gate)
        case Choice.EXHAUSTED:
            return Effects()
        case _:
            return Effects(writes=(hand_back(gate.owner),))


def _engaged(situation: Situation, gate: Gate) -> Effects:
    """The whole order is taken at once; each milestone's engagement is from now on the only truth about who does it."""
    terms = gate.shown
    _, weights = situation.offer.weights()
    deadlines = terms.get("deadlines", [terms["deadline"]])
    engaged = [
        Engagement(gate.owner, agreed, situation.now, datetime.fromisoformat(deadline))
        for agreed, deadline in zip(shares(terms["pay"], weights), deadlines, strict=True)
    ]
    return Effects(
        remove=("picked",),
        guards=(not_interrupted(situation),),
        writes=tuple(
            Change(
                key=milestone_key(situation.order.id, f"{number:02d}"),
                put=_first_stage(situation, number)
                | {
                    "engagement": engagement_row(engagement),
                    "left_to_send": engagement.agreed,
                    "handled": situation.order.handled,
                },
                guards=(equals("stage", MilestoneStage.PENDING.value),),
            )
            for number, engagement in enumerate(engaged, start=1)
        ),
    )


def _first_stage(situation: Situation, number: int) -> dict[str, str]:
    """A milestone with a date of its own waits for it; the run was told so when it entered, before dates were known."""
    waits = situation.offer.waits(number)
    return {"stage": (MilestoneStage.START if waits else MilestoneStage.WORK).value}


def _delivered(situation: Situation, answer: Answer) -> Effects:
    milestone = situation.milestone
    if milestone is None:
        raise ChoiceNotRoutedError(Kind.WORK, answer.choice)
    version = milestone.version + 1
    row = {
        "v": 1,
        "at": stamp(situation.now),
        "by": answer.by,
        "files": list(answer.facts["files"]),
    } | ({"note": answer.note} if answer.note else {})
    return Effects(
        put={"version": version},
        writes=(Put(deliverable_key(situation.order.id, milestone.number, version), row),),
    )


def _acceptance_answered(situation: Situation, answer: Answer) -> Effects:
    match answer.choice:
        case Choice.ACCEPT:
            return _accepted(situation, answer)
        case Choice.REFUND:
            return _refund_right_used(situation)
        case _:
            return _revised()


def _refund_right_used(situation: Situation) -> Effects:
    """Once the included revisions are used the client may have everything back (promise 5: by the frozen policy)."""
    return Effects(
        put={"cause": RefundCause.REFUND_RIGHT.value},
        guards=(equals("revisions_left", 0), absent("interrupt")),
        writes=(Check(order_key(situation.order.id), (not_interrupted(situation),)),),
    )


def _accepted(situation: Situation, answer: Answer) -> Effects:
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        raise ChoiceNotRoutedError(Kind.ACCEPTANCE, answer.choice)
    entry = ledger.accepted(
        order=situation.order.id,
        milestone=milestone.number,
        share=milestone.price,
        cost=milestone.engagement.agreed,
        freelancer=milestone.engagement.freelancer,
        currency=situation.order.currency,
        at=situation.now,
    )
    return Effects(
        put={"spoken": answer.via is not Via.CLOCK, "accepted": True},
        guards=(absent("interrupt"),),
        writes=(Check(order_key(situation.order.id), (not_interrupted(situation),)), entry_put(entry)),
    )


def _revised() -> Effects:
    return Effects(add={"revisions_left": -1, "revisions_used": 1}, guards=(at_least("revisions_left", 1),))


def _closed(situation: Situation) -> Effects:
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        return Effects()
    return Effects(writes=(place_given_back(situation, milestone.engagement.freelancer),))


def place_given_back(situation: Situation, freelancer: str) -> Write:
    """An order takes one place in a freelancer's hands, however many of its milestones are theirs.

    The last one gives it back; while another is open the place stays, on the condition that it still is.
    """
    open_still = [
        one for one in situation.siblings if one.engagement is not None and one.engagement.freelancer == freelancer
    ]
    if not open_still:
        return hand_back(freelancer)
    return Check(
        milestone_key(situation.order.id, open_still[-1].number), (differs("stage", MilestoneStage.CLOSED.value),)
    )


def _unparked(situation: Situation, answer: Answer) -> Effects:
    ended_before = situation.parked_from == MilestoneStage.CLOSED.value
    handed_back = _closed(situation) if answer.choice is Choice.CLOSED and not ended_before else Effects()
    settled = (equals("left_to_send", 0), equals("in_transit", 0)) if answer.choice is Choice.CLOSED else ()
    return Effects(remove=("parked_from", "parked_why"), writes=handed_back.writes, guards=settled)


def hand_back(freelancer: str) -> Change:
    """One order less in a freelancer's hands."""
    return Change(freelancer_key(freelancer), add={"in_hand": -1}, guards=(present("pk"),))


def working_dates(situation: Situation, freelancer: Freelancer) -> tuple[datetime, ...]:
    """The freelancer's date for each milestone: its promised date less the reserve (design: people section 1)."""
    offer, calendar = situation.offer, situation.shop.calendar
    began = situation.order.handed_in or situation.now
    planned = [one.promised for one in schedule(offer.plan, began, calendar)]
    stored = [(one.starts, one.promised) for one in situation.milestones] or [(None, situation.order.promised)]
    return tuple(
        _working_date(situation, freelancer, starts, own or computed, promise)
        for (starts, own), computed, (_, promise) in zip(stored, planned, offer.plan, strict=False)
    )


def _working_date(
    situation: Situation, freelancer: Freelancer, starts: datetime | None, promised: datetime, promise: int
) -> datetime:
    """Whoever is away for the whole of it is told the date all the same: it can't be due before it starts."""
    reserve, calendar = situation.offer.policy.reserve, situation.shop.calendar
    turnaround = Duration(promise, Unit.WORKING_DAYS)
    own = working_deadline(promised, turnaround, calendar, reserve=reserve, worker=freelancer.calendar)
    if starts is None or own > starts:
        return own
    return working_deadline(promised, turnaround, calendar, reserve=reserve)
