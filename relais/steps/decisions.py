"""Where each answer leads, and what else it writes. Pure: a situation comes in, writes go out.

The stage that follows an answer is the same fact that the definition's Choice states route on; a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from relais import ledger, score
from relais.announcement import Announcement, Topic
from relais.calendar import Duration, Unit, working_deadline, working_time
from relais.errors import RelaisError
from relais.gate import (
    OWED_AFTER,
    Choice,
    ChoiceNotOfferedError,
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
from relais.performer import Performer
from relais.ports import Store
from relais.roster import Freelancer, tally_names, works_name
from relais.rows import (
    LISTS,
    Change,
    Check,
    Guard,
    Put,
    Write,
    absent,
    asked_name,
    at_least,
    below,
    below_attribute,
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
    score_key,
)
from relais.schedule import Dates, schedule
from relais.score import Axis, Cause
from relais.steps.situation import Situation, client_reopens, kept_share, unhandled

REASSIGNABLE = frozenset({Kind.WORK, Kind.REVIEW, Kind.ACCEPTANCE, Kind.PARK})
"""The gates at which the work can go to somebody else: before its acceptance."""


class LostWhy(StrEnum):
    """Why work went to somebody else."""

    GAVE_UP = "gave_up"
    LATE = "late"
    REWORK_FAILED = "rework_failed"
    SUSPENDED = "suspended"
    SELLER = "seller"


class ChoiceNotRoutedError(RelaisError):
    """An answer that leads nowhere from this kind of gate."""

    def __init__(self, kind: Kind, choice: Choice) -> None:
        """Keep both."""
        super().__init__(f"{choice.value} does not answer a gate of kind {kind.value}")
        self.kind = kind
        self.choice = choice


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """An answer on its way through the door. `note` is the key of the words that came with it.

    `facts` what the kind needs besides.
    """

    choice: Choice
    by: str
    via: Via
    note: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
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
    given_up = (gate.id.kind, choice) == (Kind.WORK, Choice.GIVE_UP)
    taken_away = choice is Choice.REASSIGNED and gate.id.kind in REASSIGNABLE
    if (given_up or taken_away) and not gate.id.of_order:
        return MilestoneStage.REASSIGN.value
    if not gate.id.of_order and gate.id.kind in {Kind.PROPOSAL, Kind.PICK}:
        return _stage_after_asking_again(gate.id.kind, choice)
    match gate.id.kind, choice:
        case Kind.BRIEF, Choice.HAND_IN:
            return OrderStage.ASSIGN.value
        case Kind.PROPOSAL, Choice.ACCEPTED:
            return OrderStage.MILESTONES.value
        case Kind.PROPOSAL, Choice.AGAIN:
            return OrderStage.ASSIGN.value
        case Kind.PROPOSAL, Choice.EXHAUSTED:
            return OrderStage.PICK.value
        case Kind.PICK, (Choice.PICKED | Choice.WAIT):
            return OrderStage.ASSIGN.value
        case Kind.PICK, (Choice.SELF | Choice.OUTSIDE):
            return OrderStage.MILESTONES.value
        case Kind.PICK, Choice.REFUND:
            return OrderStage.UNWIND.value
        case Kind.START, Choice.BEGIN:
            return MilestoneStage.WORK.value
        case Kind.WORK, Choice.DELIVER:
            return MilestoneStage.REVIEW.value
        case Kind.REVIEW, Choice.APPROVE:
            return MilestoneStage.ACCEPTANCE.value
        case Kind.REVIEW, Choice.REASSIGN:
            return MilestoneStage.REASSIGN.value
        case (Kind.REVIEW, Choice.REWORK) | (Kind.ACCEPTANCE, Choice.REVISE):
            return MilestoneStage.WORK.value
        case Kind.ACCEPTANCE, Choice.ACCEPT:
            return MilestoneStage.HOLD.value
        case Kind.HOLD, Choice.RELEASE:
            return MilestoneStage.PAYOUT.value
        case Kind.HOLD, Choice.REOPEN:
            return MilestoneStage.ACCEPTANCE.value
        case Kind.PAYOUT, (Choice.PAID | Choice.NOTHING_DUE):
            return MilestoneStage.CLOSED.value
        case Kind.ACCEPTANCE, Choice.REFUND:
            return MilestoneStage.REFUND.value
        case Kind.ACCEPTANCE, Choice.REQUEST:
            return MilestoneStage.REFUND_REQUEST.value
        case (Kind.REFUND_REQUEST, Choice.FULL) | (Kind.SETTLEMENT, Choice.TAKE):
            return MilestoneStage.REFUND.value
        case Kind.REFUND_REQUEST, (Choice.PART | Choice.CONTEST | Choice.LAPSED):
            return MilestoneStage.SETTLEMENT.value
        case Kind.SETTLEMENT, Choice.ACCEPT:
            return MilestoneStage.HOLD.value
        case Kind.SETTLEMENT, Choice.REVISE:
            return MilestoneStage.WORK.value
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
            | Choice.REFUND_REQUEST
            | Choice.SETTLEMENT
            | Choice.HOLD
            | Choice.PAYOUT
            | Choice.REFUND
            | Choice.REASSIGN
            | Choice.PICK
            | Choice.CLOSED
        ):
            return choice.value
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, choice)


def _stage_after_asking_again(kind: Kind, choice: Choice) -> str:
    """The same questions, asked for one milestone whose work goes to somebody else."""
    match kind, choice:
        case (Kind.PROPOSAL, Choice.ACCEPTED) | (Kind.PICK, (Choice.SELF | Choice.OUTSIDE)):
            return MilestoneStage.WORK.value
        case (Kind.PROPOSAL, Choice.AGAIN) | (Kind.PICK, (Choice.PICKED | Choice.WAIT)):
            return MilestoneStage.REASSIGN.value
        case Kind.PROPOSAL, Choice.EXHAUSTED:
            return MilestoneStage.PICK.value
        case Kind.PICK, Choice.REFUND:
            return MilestoneStage.REFUND.value
        case _:
            raise ChoiceNotRoutedError(kind, choice)


def steps_back(gate: Gate, choice: Choice, rivals: tuple[Gate, ...]) -> bool:
    """Whether an answer concerns one of several who were asked at once alone: the others may still say yes."""
    return gate.id.kind is Kind.PROPOSAL and choice is Choice.AGAIN and bool(rivals)


def effects(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """What an answer does besides being recorded. Raises `ChoiceNotRoutedError`."""
    if answer.choice is Choice.PARK:
        return _parked(situation, str(answer.facts["why"]))
    if answer.choice is Choice.CANCELLED:
        return _cancelled(situation, gate, answer)
    if answer.choice in {Choice.REASSIGNED, Choice.REASSIGN, Choice.GIVE_UP}:
        return _reassigned(situation, gate, answer)
    match gate.id.kind:
        case Kind.BRIEF:
            return _brief_handed_in(situation, answer)
        case Kind.PROPOSAL:
            return _proposal_answered(situation, gate, answer)
        case Kind.START:
            return Effects(put={"began": stamp(situation.now)}, guards=(absent("interrupt"),))
        case Kind.WORK:
            return _delivered(situation, gate, answer)
        case Kind.REVIEW:
            return Effects(add={"rounds": 1}) if answer.choice is Choice.REWORK else _reviewed(situation, gate, answer)
        case Kind.ACCEPTANCE:
            return _acceptance_answered(situation, answer)
        case Kind.REFUND_REQUEST:
            return _request_answered(situation, answer)
        case Kind.SETTLEMENT:
            return _settled(situation, answer)
        case Kind.PAYOUT:
            return _closed(situation, well=True)
        case Kind.PICK:
            return _picked(situation, gate, answer)
        case Kind.REFUND:
            return _closed(situation) if answer.choice is Choice.REFUNDED else Effects(put={"spoken": True})
        case Kind.PARK:
            return _unparked(situation, answer)
        case Kind.HOLD:
            return _reopened(situation, gate, answer) if answer.choice is Choice.REOPEN else Effects()
        case (
            Kind.STUCK
            | Kind.LATE
            | Kind.CANCEL_LATE
            | Kind.MORE_TIME
            | Kind.QUESTION
            | Kind.MESSAGE
            | Kind.COUNTER
            | Kind.DISPUTE
            | Kind.AGREEMENT
            | Kind.EXTRA
            | Kind.RATING
            | Kind.APPEAL
            | Kind.ONBOARDING
            | Kind.CONFIRM
            | Kind.OUTCOME
        ):
            raise ChoiceNotRoutedError(gate.id.kind, answer.choice)
        case _:
            assert_never(gate.id.kind)


def decision_writes(
    situation: Situation, gate: Gate, answer: Answer, extra: Effects | None = None, rivals: tuple[Gate, ...] = ()
) -> tuple[Write, ...]:
    """The one transaction that an answer is: the gate closed, its milestone or order advanced, everything caused.

    A default is further bound to the due it was read with, so that a deadline moved a second ago is safe. `rivals` are
    the open gates of the others who were asked at the same time: the first yes closes them, a no leaves them open.
    """
    if steps_back(gate, answer.choice, rivals):
        return _stepped_back(situation, gate, answer, rivals)
    caused = effects(situation, gate, answer)
    more = extra or Effects()
    stage = stage_after(gate, answer.choice, situation.parked_from)
    decision = _decided(situation, gate, answer)
    close = Change(
        key=gate_key(gate.order, str(gate.id)),
        put={
            "status": "answered",
            "decision": decision_row(decision),
            "owes": {Owed.RESUME.value: 0},
            "due": stamp(situation.now + OWED_AFTER),
            "due_shard": due_shard(gate.order),
        }
        | _agreed_shown(gate, answer),
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
    return (close, advance, *caused.writes, *more.writes, *_rivals_closed(situation, answer, rivals))


def _agreed_shown(gate: Gate, answer: Answer) -> dict[str, Any]:
    """Other terms than those proposed, where a counter-proposal was taken: the proposal keeps what was agreed."""
    return {"shown": {**gate.shown, "agreed": answer.facts["agreed"]}} if "agreed" in answer.facts else {}


def _decided(situation: Situation, gate: Gate, answer: Answer) -> Decision:
    return Decision(answer.choice, answer.by, situation.now, answer.via, answer.note, _declined_why(gate, answer))


def _declined_why(gate: Gate, answer: Answer) -> str | None:
    said = gate.id.kind is Kind.PROPOSAL and answer.choice is Choice.AGAIN and answer.via is Via.LINK
    return str(answer.facts["why"]) if said and "why" in answer.facts else None


def _stepped_back(situation: Situation, gate: Gate, answer: Answer, rivals: tuple[Gate, ...]) -> tuple[Write, ...]:
    """A no of one of several: only theirs is closed, as long as another is still open when it is written."""
    decision = _decided(situation, gate, answer)
    close = Change(
        key=gate_key(gate.order, str(gate.id)),
        put={"status": "answered", "decision": decision_row(decision)},
        remove=("owes", "due", "due_shard", "send_after"),
        guards=(equals("status", "open"), *_offered(gate, answer)),
    )
    still = Check(gate_key(gate.order, str(rivals[0].id)), (equals("status", "open"),))
    return (close, still, *_said_no(situation, gate, answer))


def _rivals_closed(situation: Situation, answer: Answer, rivals: tuple[Gate, ...]) -> tuple[Write, ...]:
    """The others are told that somebody was faster, or what ended the order; their places are given back."""
    taken = answer.choice is Choice.ACCEPTED
    choice, by = (Choice.TAKEN, "engine") if taken else (answer.choice, answer.by)
    decision = decision_row(Decision(choice, by, situation.now, Via.ENGINE if taken else answer.via))
    told = {"owes": {Owed.MAIL.value: 0}, "due": stamp(situation.now + OWED_AFTER)}
    closed: list[Write] = []
    for rival in rivals:
        tells = taken and rival.mailed
        closed.append(
            Change(
                key=gate_key(rival.order, str(rival.id)),
                put={"status": "withdrawn" if taken else "answered", "decision": decision}
                | (told | {"due_shard": due_shard(rival.order)} if tells else {}),
                remove=("send_after", *(() if tells else ("owes", "due", "due_shard"))),
                guards=(equals("status", "open"),),
            )
        )
        closed.append(not_asked(rival))
    return tuple(closed)


def not_interrupted(situation: Situation) -> Guard:
    """On the order's head: no interrupt that this milestone has not handled (design: workflow section 2)."""
    return equals("interrupt_seq", (situation.milestone or situation.order).handled)


def entry_put(entry: ledger.Entry) -> Put:
    """A ledger entry as a write: its reference makes it unique, the index `book` lists it by month."""
    order = entry.order or "shop"
    book = {"book": f"{entry.at:%Y-%m}#{due_shard(order)[2:]}", "book_ref": f"{stamp(entry.at)}#{entry.reference}"}
    row = {name: value for name, value in entry.to_row().items() if value is not None}
    return Put(entry_key(order, entry.reference), row | book)


def bank_puts(store: Store, entry: ledger.Entry) -> tuple[Put, ...]:
    """A bank entry as a write, or nothing where the reconciler was faster: both write the same under one reference."""
    put = entry_put(entry)
    return () if store.get(put.key) is not None else (put,)


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
        put=handled | {"cause": cause} | _withdrawn(situation, interrupt),
        remove=("parked_from", "parked_why", *(() if situation.milestone is None else ("interrupt", "proposed"))),
        # Money under way is not called back: it arrives first.
        guards=() if situation.milestone is None else (equals("in_transit", 0),),
        writes=(not_asked(gate),) if proposed else (),
    )


def _withdrawn(situation: Situation, interrupt: Interrupt | None) -> dict[str, int]:
    """What a withdrawal gives back of a milestone, as it was when it was declared: what came since changes nothing."""
    milestone = situation.milestone
    if milestone is None or interrupt is None or interrupt.back is None:
        return {}
    part = {"give_back": interrupt.back} if interrupt.back < milestone.held else {}
    return part | {"supplied": interrupt.supplied}


def _brief_handed_in(situation: Situation, answer: Answer) -> Effects:
    """Every date is counted from the complete brief: the order is promised when its last milestone is."""
    dates = schedule(situation.offer.plan, situation.now, situation.shop.calendar)
    kept = Put(brief_key(situation.order.id), {"v": LISTS, "at": stamp(situation.now), **answer.facts}, guards=())
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
            by_seller = gate.role is Role.ENGINE
            return _done_by_seller(situation, gate.owner) if by_seller else _engaged(situation, gate, answer)
        case Choice.EXHAUSTED:
            return Effects()
        case _:
            return Effects(writes=_said_no(situation, gate, answer) if gate.role is Role.FREELANCER else ())


def _said_no(situation: Situation, gate: Gate, answer: Answer) -> tuple[Write, ...]:
    """A no gives the place back and costs nothing; silence counts, but of whoever had said "yes, but" (people 5)."""
    if answer.via is Via.CLOCK and not gate.shown.get("countered"):
        return _scored(situation, gate, gate.owner, _Seen(Axis.RESPONSIVENESS, score.SILENT, Cause.LAPSED), back=True)
    if answer.by != gate.owner and answer.via is not Via.CLOCK:
        return (not_asked(gate),)
    declined = _Seen(Axis.RESPONSIVENESS, score.ANSWERED, Cause.DECLINED, _declined_why(gate, answer) or "")
    return _scored(situation, gate, gate.owner, declined, back=True)


@dataclass(frozen=True, slots=True, repr=False)
class _Seen:
    axis: Axis
    value: int
    cause: Cause
    why: str = ""


def _scored(
    situation: Situation, gate: Gate, freelancer: str, what: _Seen, *, back: bool = False
) -> tuple[Change, Put]:
    """One change of a score with its cause, in the transaction that causes it; `back`: a place is given back too."""
    weight = score.weight(situation.now, situation.shop.half_life)
    total, weights = tally_names(what.axis)
    event = score.Event(what.axis, what.value, what.cause, situation.now, gate.order, str(gate.id), what.why)
    added = {total: what.value * weight, weights: weight} | ({"in_hand": -1} if back else {})
    asked = (asked_name(gate.order, str(gate.id)),) if gate.id.kind is Kind.PROPOSAL else ()
    return (
        Change(freelancer_key(freelancer), add=added, remove=asked, guards=(present("pk"),)),
        Put(score_key(freelancer, stamp(situation.now), gate.order, str(gate.id)), event.to_row()),
    )


def _engaged(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """The whole order is taken at once, or one milestone of it that somebody takes over.

    At what was proposed, or at what was `agreed` on a counter-proposal. Each milestone's engagement is from now on the
    only truth about who does it.
    """
    terms = {**gate.shown, **answer.facts.get("agreed", {})}
    kind = Performer(terms.get("kind", Performer.FREELANCER))
    deadlines = [datetime.fromisoformat(at) for at in terms.get("deadlines", [terms["deadline"]])]
    trial = bool(terms.get("trial"))
    whole = Engagement(gate.owner, terms["pay"], situation.now, deadlines[0], kind, trial=trial)
    bound = _bound(situation, whole, deadlines)
    answered = _Seen(Axis.RESPONSIVENESS, score.ANSWERED, Cause.ACCEPTED)
    beside = _held_beside(situation, gate.owner)
    counted, event = _scored(situation, gate, gate.owner, answered, back=bool(beside))
    counted = replace(counted, add={**counted.add, "trials": -1}) if trial else counted
    invited = _invited(situation, gate) if terms.get("onboard") else ()
    return replace(bound, writes=(*bound.writes, *beside, counted, event, *invited))


def _invited(situation: Situation, gate: Gate) -> tuple[Write, ...]:
    from relais.steps.inviting import invitation  # once for each newcomer: no other answer loads it

    return invitation(gate.owner, situation.now, gate.order)


def _held_beside(situation: Situation, freelancer: str) -> tuple[Write, ...]:
    """Whether somebody who takes a milestone over has a place for another of the order already: one is enough.

    Written as the condition that the other is still open.
    """
    beside = [one for one in situation.siblings if one.engagement and one.engagement.freelancer == freelancer]
    if situation.milestone is None or not beside:
        return ()
    return (
        Check(milestone_key(situation.order.id, beside[-1].number), (differs("stage", MilestoneStage.CLOSED.value),)),
    )


def _picked(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """The seller's own decision: whom to ask, to do it themself, to have bought it, or to ask again later."""
    match answer.choice:
        case Choice.PICKED:
            return Effects(put={"picked": answer.facts["freelancer"]}, remove=("wait_until",))
        case Choice.WAIT:
            return Effects(put={"wait_until": answer.facts["until"]}, remove=("picked",))
        case Choice.SELF:
            return _done_by_seller(situation, str(answer.facts["freelancer"]))
        case Choice.OUTSIDE:
            return _bought(situation, gate, answer)
        case _:
            return Effects()


def _done_by_seller(situation: Situation, maker: str) -> Effects:
    """The seller's own hands, if there is room in them: nothing is agreed, the date is the client's."""
    room = Change(freelancer_key(maker), add={"in_hand": 1}, guards=(below_attribute("in_hand", "capacity"),))
    dates = _own_dates(situation)
    bound = _bound(situation, Engagement(maker, 0, situation.now, dates[0], Performer.SELF), dates)
    return replace(bound, writes=(*bound.writes, *(_held_beside(situation, maker) or (room,))))


def _bought(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    facts, dates = answer.facts, _own_dates(situation)
    engagement = Engagement(
        freelancer=Performer.OUTSIDE.value,
        agreed=0,
        accepted_at=situation.now,
        deadline=dates[0],
        kind=Performer.OUTSIDE,
        spent=int(facts["spent"]),
        bought_at=str(facts["bought_at"]),
        receipt=str(facts["receipt"]),
    )
    bound = _bound(situation, engagement, dates)
    if not engagement.spent:
        return bound
    entry = ledger.bought_outside(
        order=situation.order.id,
        gate=str(gate.id),
        amount=engagement.spent,
        currency=situation.order.currency,
        at=situation.now,
    )
    return replace(bound, writes=(*bound.writes, entry_put(entry)))


def _own_dates(situation: Situation) -> list[datetime]:
    """The seller's own dates are the client's: nobody else has to look before."""
    if situation.milestone is not None or not situation.milestones:
        return [situation.promised or situation.now]
    return [one.promised or situation.promised or situation.now for one in situation.milestones]


def _bound(situation: Situation, whole: Engagement, deadlines: list[datetime]) -> Effects:
    """Somebody is bound to every milestone of the order, each at its share of what was agreed for the whole.

    Where one milestone is asked for alone, to that one.
    """
    if situation.milestone is not None:
        return Effects(
            put={"engagement": engagement_row(whole), "left_to_send": whole.agreed},
            remove=("picked", "wait_until", "lost"),
            writes=(Check(order_key(situation.order.id), (not_interrupted(situation),)),),
        )
    _, weights = situation.offer.weights()
    agreed, spent = shares(whole.agreed, weights), shares(whole.spent, weights)
    engaged = [
        replace(whole, agreed=part, spent=cost, deadline=deadline)
        for part, cost, deadline in zip(agreed, spent, deadlines, strict=True)
    ]
    return Effects(
        remove=("picked", "wait_until"),
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


def _reassigned(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """The work is taken from whoever has it; what was handed in stays.

    What they are paid all the same follows from the cause by the frozen policy (design: people 5), and is booked here.
    """
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        return Effects(remove=("parked_from", "parked_why"))
    engagement = milestone.engagement
    why = (
        LostWhy.GAVE_UP if answer.choice is Choice.GIVE_UP else LostWhy(answer.facts.get("why", LostWhy.REWORK_FAILED))
    )
    keeps = min(milestone.left_to_send, kept_when_lost(situation, why))
    trial = {"trial": True} if engagement.trial else {}
    lost = {"freelancer": engagement.freelancer, "why": why.value, "pay": keeps, **trial}
    writes = _closed(situation).writes
    if keeps:
        entry = ledger.kill_fee_of(
            order=gate.order,
            gate=str(gate.id),
            amount=keeps,
            freelancer=engagement.freelancer,
            currency=situation.order.currency,
            at=situation.now,
        )
        writes = (*writes, entry_put(entry))
    else:
        writes = (*writes, Check(order_key(gate.order), (not_interrupted(situation),)))
    return Effects(
        put={"left_to_send": 0, "rounds": 0} | ({} if engagement.by_hand else {"lost": lost}),
        remove=("engagement", "bonus", "early", "parked_from", "parked_why", "picked", "wait_until"),
        guards=(equals("left_to_send", milestone.left_to_send), equals("in_transit", 0)),
        writes=writes,
    )


def kept_when_lost(situation: Situation, why: LostWhy) -> int:
    """What somebody who loses the work is paid all the same, in minor units, by the frozen policy."""
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        return 0
    agreed, bears = milestone.due, situation.offer.policy.bears
    match why:
        case LostWhy.GAVE_UP:
            return 0
        case LostWhy.LATE:
            kept = bears.on(RefundCause.LATE)
        case LostWhy.REWORK_FAILED | LostWhy.SUSPENDED:
            kept = bears.on(RefundCause.BRIEF_NOT_MET)
        case LostWhy.SELLER:
            kept = bears.on(RefundCause.SELLER_FAULT)
        case _:
            assert_never(why)
    return kept_share(kept, agreed)


def _reviewed(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """The seller's yes, with the points that were ticked: they stand on the version, for its client to read."""
    approved, points = _approved(situation, gate, answer), answer.facts.get("ticked")
    if situation.milestone is None or not points:
        return approved
    version = deliverable_key(gate.order, situation.milestone.number, situation.milestone.version)
    return replace(
        approved, writes=(*approved.writes, Change(version, put={"ticked": points}, guards=(present("pk"),)))
    )


def _approved(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """The seller's yes judges the work by how often it was sent back; an engine's yes judges nothing."""
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None or milestone.engagement.by_hand or answer.via is Via.ENGINE:
        return Effects()
    judged = _Seen(Axis.QUALITY, score.quality_after(milestone.rounds), Cause.APPROVED)
    scored = _scored(situation, gate, milestone.engagement.freelancer, judged)
    speed = situation.offer.policy.speed_bonus
    if speed is None or not milestone.early or milestone.rounds:
        return Effects(put={"rounds": 0}, writes=scored)
    earned = Announcement(
        freelancer=milestone.engagement.freelancer,
        topic=Topic.SPEED_BONUS,
        at=situation.now,
        by="engine",
        via=Via.ENGINE,
        order=gate.order,
        facts={"amount": speed.amount, "currency": situation.order.currency, "milestone": milestone.number},
    )
    return Effects(
        put={"rounds": 0},
        add={"left_to_send": speed.amount, "bonus": speed.amount},
        remove=("early",),
        guards=(absent("interrupt"),),
        writes=(*scored, Check(order_key(gate.order), (not_interrupted(situation),)), earned.write),
    )


def _punctual(situation: Situation, gate: Gate) -> tuple[Write, ...]:
    """Whether a version came by the working deadline that its gate names; the seller's own date judges nobody."""
    if gate.role is not Role.FREELANCER or gate.deadline is None:
        return ()
    late = _late(situation, gate, gate.deadline)
    what = (score.LATE, Cause.LATE) if late else (score.ON_TIME, Cause.ON_TIME)
    return _scored(situation, gate, gate.owner, _Seen(Axis.PUNCTUALITY, *what))


def _late(situation: Situation, gate: Gate, deadline: datetime) -> bool:
    """Time that a freelancer spent waiting for us is not theirs: the mail that told of the work may have left late."""
    maker = situation.freelancer
    if situation.now <= deadline or maker is None or gate.asked is None:
        return situation.now > deadline
    waited = working_time(gate.opened, gate.asked, maker.calendar)
    return working_time(deadline, situation.now, maker.calendar) > waited


def _delivered(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    milestone = situation.milestone
    if milestone is None:
        raise ChoiceNotRoutedError(Kind.WORK, answer.choice)
    version = milestone.version + 1
    handed = {"note": answer.note, **answer.facts}
    row = {"v": LISTS, "at": stamp(situation.now), "by": answer.by} | {
        name: value for name, value in handed.items() if value or name == "files"
    }
    return Effects(
        put={"version": version} | ({"early": True} if _early(situation, gate, version) else {}),
        writes=(
            Put(deliverable_key(situation.order.id, milestone.number, version), row),
            *_punctual(situation, gate),
        ),
    )


def _early(situation: Situation, gate: Gate, version: int) -> bool:
    """Whether a first version came so early before the working deadline that it earns the speed bonus if it is good."""
    speed, maker = situation.offer.policy.speed_bonus, situation.freelancer
    if speed is None or maker is None or version > 1 or gate.role is not Role.FREELANCER or gate.deadline is None:
        return False
    return working_time(situation.now, gate.deadline, maker.calendar) >= timedelta(hours=speed.hours)


def _acceptance_answered(situation: Situation, answer: Answer) -> Effects:
    match answer.choice:
        case Choice.ACCEPT:
            return _accepted(situation, answer)
        case Choice.REFUND:
            return _refund_right_used(situation)
        case Choice.REQUEST:
            return Effects(add={"requests": 1})
        case _:
            return _revised()


def _refund_right_used(situation: Situation) -> Effects:
    """Once the included revisions are used the client may have everything back (promise 5: by the frozen policy)."""
    promised = _promised(situation, put={"cause": RefundCause.REFUND_RIGHT.value})
    gifts = 0 if situation.milestone is None else situation.milestone.gifts
    return replace(promised, guards=(below("revisions_left", gifts + 1), *promised.guards))


def _request_answered(situation: Situation, answer: Answer) -> Effects:
    """The seller's answer to a client who asks for money back; a silence leaves the whole to the client's choice."""
    match answer.choice:
        case Choice.FULL:
            return _promised(situation, put={"cause": answer.facts["cause"]})
        case Choice.PART:
            return Effects(put={"proposed": int(answer.facts["amount"]), "cause": answer.facts["cause"]})
        case Choice.CONTEST:
            return Effects(put={"proposed": 0})
        case _:
            held = 0 if situation.milestone is None else situation.milestone.held
            return Effects(put={"proposed": held, "cause": RefundCause.SELLER_FAULT.value})


def _settled(situation: Situation, answer: Answer) -> Effects:
    """What the client makes of the seller's proposal; only the sum that they were shown can be taken."""
    proposed = None if situation.milestone is None else situation.milestone.proposed
    match answer.choice:
        case Choice.TAKE:
            taken = _promised(situation, put={"give_back": proposed})
            return replace(taken, remove=("proposed",), guards=(*taken.guards, equals("proposed", proposed)))
        case Choice.ACCEPT:
            return replace(_accepted(situation, answer), remove=("proposed", "cause"))
        case _:
            return Effects(add={"revisions_used": 1}, remove=("proposed", "cause"))


def _promised(situation: Situation, put: Mapping[str, Any], *writes: Write, guards: tuple[Guard, ...] = ()) -> Effects:
    """A decision that promises money: never under an interrupt that was not handled (design: workflow section 2)."""
    return Effects(
        put=put,
        guards=(*guards, absent("interrupt")),
        writes=(Check(order_key(situation.order.id), (not_interrupted(situation),)), *writes),
    )


def _accepted(situation: Situation, answer: Answer) -> Effects:
    milestone, share = _share(situation, Kind.ACCEPTANCE, answer.choice)
    entry = ledger.accepted(**share, again=milestone.reopened > 0)
    spoken = answer.via is not Via.CLOCK
    put = {"spoken": spoken, "accepted": True}
    return _promised(situation, put, entry_put(entry), guards=(_nothing_given_back(milestone),))


def _reopened(situation: Situation, gate: Gate, answer: Answer) -> Effects:
    """What was accepted is before the client again, once, while nobody is paid: its booking is taken back.

    Their own word they don't take back; the seller may for them. Raises `ChoiceNotOfferedError`.
    """
    if answer.by == Role.CLIENT.value and not client_reopens(gate):
        raise ChoiceNotOfferedError(gate, answer.choice.value)
    milestone, share = _share(situation, Kind.HOLD, Choice.REOPEN)
    guards = (
        equals("accepted", value=True),
        equals("bonus", milestone.bonus) if milestone.bonus else absent("bonus"),
        equals("in_transit", 0),
        absent("reopened"),
        _nothing_given_back(milestone),
    )
    put = {"accepted": False, "reopened": milestone.version}
    return _promised(situation, put, entry_put(ledger.reopened(**share)), guards=guards)


def _nothing_given_back(milestone: Milestone) -> Guard:
    """What is booked is what was read: a bank may take a part of it back at any instant (a lost dispute)."""
    return below("refunded", milestone.refunded + 1)


def _share(situation: Situation, kind: Kind, choice: Choice) -> tuple[Milestone, dict[str, Any]]:
    """The milestone, and what the ledger books at its acceptance: what is left of its price, pay and bonus."""
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        raise ChoiceNotRoutedError(kind, choice)
    return milestone, {
        "order": situation.order.id,
        "milestone": milestone.number,
        "share": milestone.held,
        "cost": milestone.engagement.agreed,
        "bonus": milestone.bonus,
        "freelancer": milestone.engagement.freelancer,
        "currency": situation.order.currency,
        "at": situation.now,
    }


def _revised() -> Effects:
    return Effects(add={"revisions_left": -1, "revisions_used": 1}, guards=(at_least("revisions_left", 1),))


def _closed(situation: Situation, *, well: bool = False) -> Effects:
    """A milestone has ended, `well` if it was accepted and paid."""
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None or milestone.engagement.kind is Performer.OUTSIDE:
        return Effects()
    maker = milestone.engagement.freelancer
    before = sum(_ended_well(one, maker) for one in situation.milestones if one.number != milestone.number)
    return Effects(
        writes=(
            place_given_back(
                situation, maker, works=before + int(well and milestone.accepted and not milestone.refunded)
            ),
        )
    )


def _ended_well(milestone: Milestone, maker: str) -> bool:
    theirs = milestone.engagement is not None and milestone.engagement.freelancer == maker
    return theirs and milestone.stage is MilestoneStage.CLOSED and milestone.accepted and not milestone.refunded


def place_given_back(situation: Situation, freelancer: str, works: int = 0) -> Write:
    """An order takes one place in a freelancer's hands, however many of its milestones are theirs.

    The last one gives it back, and counts the `works` of the order that were accepted and paid; while another is open
    the place stays, on the condition that it still is.
    """
    open_still = [
        one for one in situation.siblings if one.engagement is not None and one.engagement.freelancer == freelancer
    ]
    if not open_still:
        back = hand_back(freelancer)
        return replace(back, add={**back.add, works_name(situation.offer.skill): works}) if works else back
    return Check(
        milestone_key(situation.order.id, open_still[-1].number), (differs("stage", MilestoneStage.CLOSED.value),)
    )


def _unparked(situation: Situation, answer: Answer) -> Effects:
    ended_before = situation.parked_from == MilestoneStage.CLOSED.value
    handed_back = _closed(situation) if answer.choice is Choice.CLOSED and not ended_before else Effects()
    settled = (equals("left_to_send", 0), equals("in_transit", 0)) if answer.choice is Choice.CLOSED else ()
    return Effects(remove=("parked_from", "parked_why"), writes=handed_back.writes, guards=settled)


def withdraw(gate: Gate) -> Change:
    """Close an open gate without an answer: its link tells so."""
    return Change(
        gate_key(gate.order, str(gate.id)),
        put={"status": "withdrawn"},
        remove=("owes", "due", "due_shard", "desk", "desk_due", "send_after"),
        guards=(equals("status", "open"),),
    )


def not_asked(gate: Gate) -> Change:
    """A proposal is not open any more: the place that it reserved is free again."""
    asked = (asked_name(gate.order, str(gate.id)),)
    return Change(freelancer_key(gate.owner), add={"in_hand": -1}, remove=asked, guards=(present("pk"),))


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
