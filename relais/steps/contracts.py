"""What each gate says when it opens: whose it is, what may be answered, until when, reminded when, what silence means.

Design: people sections 1 and 5b. Due instants go through the calendar of the person who must act.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from relais.calendar import Calendar, Duration, Rule, due_after, remind_at
from relais.gate import Choice, Default, Gate, GateId, Kind, Role
from relais.offer import Release
from relais.order import ORDER_LEVEL, Engagement, Milestone, stamp
from relais.roster import Freelancer, Ranked
from relais.steps.decisions import working_dates
from relais.steps.situation import Situation

PARK_RULE = Rule.parse("1 wd; half")
PICK_RULE = Rule.parse("5 wd; 1 wd, 2 wd")
"""Asked at once, reminded, refunded by itself after five working days: a weekend must not refund (people 5b)."""
AFTER_SENT_BACK = Duration.parse("1 wd")
AFTER_REVISION = Duration.parse("2 wd")


def contract(situation: Situation, kind: Kind, link_key: str) -> Gate:
    """The gate of this kind that opens now. `link_key` is the id of the key that its link is made with."""
    match kind:
        case Kind.BRIEF:
            return _brief(situation, link_key)
        case Kind.START:
            return _start(situation, link_key)
        case Kind.WORK:
            return _work(situation, link_key)
        case Kind.REVIEW:
            return _review(situation, link_key)
        case Kind.ACCEPTANCE:
            return _acceptance(situation, link_key)
        case Kind.HOLD:
            return _hold(situation, link_key)
        case Kind.PAYOUT:
            return _payout(situation, link_key)
        case Kind.PARK:
            return _park(situation, link_key)
        case Kind.PICK:
            return _pick(situation, link_key)
        case Kind.REFUND:
            return _refund(situation, link_key)
        case Kind.STUCK:
            return stuck(situation, link_key)
        case Kind.PROPOSAL:
            raise ProposalNeedsRankingError(situation.order.id)
        case _:
            assert_never(kind)


class ProposalNeedsRankingError(TypeError):
    """A proposal was asked for without saying to whom: a mistake in the code that calls."""


def _dated(rule: Rule, situation: Situation, calendar: Calendar) -> tuple[datetime, tuple[datetime, ...]]:
    deadline = due_after(rule.deadline, situation.now, calendar)
    return deadline, remind_at(rule.reminders, situation.now, deadline, calendar)


def _gate(situation: Situation, kind: Kind, link_key: str, **terms: Any) -> Gate:  # noqa: ANN401 - Gate's own fields
    return Gate(
        order=situation.order.id,
        id=GateId(situation.number, kind, situation.ordinal),
        opened=situation.now,
        key_id=link_key,
        **terms,
    )


def _brief(situation: Situation, link_key: str) -> Gate:
    deadline, reminders = _dated(situation.offer.clocks.brief, situation, situation.client_calendar)
    return _gate(
        situation,
        Kind.BRIEF,
        link_key,
        role=Role.CLIENT,
        owner="client",
        lang=situation.order.lang,
        choices=(Choice.HAND_IN,),
        default=Default.CANCEL,
        deadline=deadline,
        reminders=reminders,
        link_version=situation.order.link_version,
    )


def proposal(situation: Situation, ranked: tuple[Ranked, ...], asked: Freelancer, link_key: str) -> Gate:
    """The proposal to the first of `ranked`, who is `asked`.

    The ranking with its numbers is kept on it ("why her?").
    """
    first = ranked[0]
    clocks = situation.offer.clocks
    handed_in = situation.order.handed_in or situation.now
    send_after = max(due_after(clocks.proposal_after, handed_in, situation.shop.calendar), situation.now)
    deadline = due_after(clocks.proposal.deadline, send_after, asked.calendar)
    return _gate(
        situation,
        Kind.PROPOSAL,
        link_key,
        role=Role.FREELANCER,
        owner=first.freelancer,
        lang=asked.lang,
        choices=(Choice.ACCEPTED, Choice.AGAIN),
        default=Default.AGAIN,
        deadline=deadline,
        reminders=remind_at(clocks.proposal.reminders, send_after, deadline, asked.calendar),
        send_after=send_after if send_after > situation.now else None,
        shown={
            "pay": first.rate * situation.offer.units,
            **_dates_shown(situation, asked),
            "ranking": [
                {"who": one.freelancer, "points": one.points, "why": {r.key: r.value for r in one.reasons}}
                for one in ranked[:5]
            ],
        },
    )


def counted_anew(situation: Situation, gate: Gate, owner: Calendar) -> Gate:
    """An open gate whose owner's time begins now: the mail left late, or to an address that reached nobody.

    `owner` is the calendar of whoever must act. A date that was agreed (the work's) stays what it was.
    """
    if gate.id.kind is Kind.PROPOSAL:
        clocks = situation.offer.clocks.proposal
        deadline = due_after(clocks.deadline, situation.now, owner)
        reminders = remind_at(clocks.reminders, situation.now, deadline, owner)
        return replace(gate, deadline=deadline, reminders=reminders, asked=situation.now, reminded=None)
    fresh = contract(situation, gate.id.kind, gate.key_id)
    return replace(gate, deadline=fresh.deadline, reminders=fresh.reminders, asked=situation.now, reminded=None)


def terms_put(gate: Gate) -> dict[str, Any]:
    """What of a gate's row is written when its time was counted anew."""
    if gate.asked is None:
        return {}
    dated = {} if gate.deadline is None else {"deadline": stamp(gate.deadline)}
    desk = {"desk_due": stamp(gate.deadline)} if gate.role is Role.SELLER and gate.deadline is not None else {}
    return {"asked": stamp(gate.asked), "reminders": [stamp(at) for at in gate.reminders]} | dated | desk


def _dates_shown(situation: Situation, asked: Freelancer) -> dict[str, Any]:
    """The freelancer's first date; of several milestones each, in their order."""
    dates = [stamp(at) for at in working_dates(situation, asked)]
    return {"deadline": dates[0]} | ({"deadlines": dates} if situation.offer.several else {})


def exhausted(situation: Situation, link_key: str) -> Gate:
    """The proposal that nobody is left to be asked for: the engine answers it itself."""
    return _gate(
        situation,
        Kind.PROPOSAL,
        link_key,
        role=Role.ENGINE,
        owner="engine",
        lang=situation.shop.lang,
        choices=(Choice.EXHAUSTED,),
        default=Default.STAY,
        deadline=None,
    )


@dataclass(frozen=True, slots=True)
class _Engaged:
    milestone: Milestone
    engagement: Engagement
    freelancer: Freelancer


def _engaged(situation: Situation) -> _Engaged:
    milestone, freelancer = situation.milestone, situation.freelancer
    if milestone is None or milestone.engagement is None or freelancer is None:
        raise NobodyEngagedError(situation.order.id)
    return _Engaged(milestone, milestone.engagement, freelancer)


class NobodyEngagedError(TypeError):
    """A gate of the work opened on a milestone that nobody accepted: a mistake in the table or the definition."""


def _start(situation: Situation, link_key: str) -> Gate:
    """Nobody is asked: the milestone begins by itself on its date."""
    starts = None if situation.milestone is None else situation.milestone.starts
    return _gate(
        situation,
        Kind.START,
        link_key,
        role=Role.CLOCK,
        owner="clock",
        lang=situation.shop.lang,
        choices=(Choice.BEGIN,),
        default=Default.BEGIN,
        deadline=max(starts or situation.now, situation.now),
    )


def _work(situation: Situation, link_key: str) -> Gate:
    engaged = _engaged(situation)
    freelancer, deadline = engaged.freelancer, engaged.engagement.deadline
    if engaged.milestone.version:
        grace = AFTER_REVISION if _last_kind(situation) is Kind.ACCEPTANCE else AFTER_SENT_BACK
        deadline = max(deadline, due_after(grace, situation.now, freelancer.calendar))
    return _gate(
        situation,
        Kind.WORK,
        link_key,
        role=Role.FREELANCER,
        owner=freelancer.key,
        lang=freelancer.lang,
        choices=(Choice.DELIVER,),
        default=Default.STAY,
        deadline=deadline,
        reminders=remind_at(situation.offer.clocks.work, situation.now, deadline, freelancer.calendar),
        shown={"pay": engaged.engagement.agreed},
    )


def _last_kind(situation: Situation) -> Kind | None:
    return None if situation.last is None else GateId.parse(situation.last).kind


def _review(situation: Situation, link_key: str) -> Gate:
    deadline, reminders = _dated(situation.offer.clocks.review, situation, situation.shop.calendar)
    return _gate(
        situation,
        Kind.REVIEW,
        link_key,
        role=Role.SELLER,
        owner="seller",
        lang=situation.shop.lang,
        choices=(Choice.APPROVE, Choice.REWORK),
        default=Default.STAY,
        deadline=deadline,
        reminders=reminders,
        shown=_version_shown(situation),
    )


def _acceptance(situation: Situation, link_key: str) -> Gate:
    milestone = _engaged(situation).milestone
    deadline, reminders = _dated(situation.offer.clocks.acceptance, situation, situation.client_calendar)
    revise = (Choice.REVISE,) if milestone.revisions_left > 0 else ()
    refund = (Choice.REFUND,) if not revise and situation.offer.policy.refund_right else ()
    return _gate(
        situation,
        Kind.ACCEPTANCE,
        link_key,
        role=Role.CLIENT,
        owner="client",
        lang=situation.order.lang,
        choices=(Choice.ACCEPT, *revise, *refund),
        default=Default.ACCEPT,
        deadline=deadline,
        reminders=reminders,
        shown=_version_shown(situation) | {"preview": situation.offer.policy.release is Release.PREVIEW_FIRST},
    )


def _version_shown(situation: Situation) -> dict[str, Any]:
    milestone = _engaged(situation).milestone
    return {
        "version": milestone.version,
        "revisions_left": milestone.revisions_left,
        "revisions_used": milestone.revisions_used,
    }


def _hold(situation: Situation, link_key: str) -> Gate:
    milestone = _engaged(situation).milestone
    clocks = situation.offer.clocks
    wait = clocks.hold_spoken if milestone.spoken else clocks.hold_silent
    return _gate(
        situation,
        Kind.HOLD,
        link_key,
        role=Role.CLOCK,
        owner="clock",
        lang=situation.shop.lang,
        choices=(Choice.RELEASE,),
        default=Default.RELEASE,
        deadline=due_after(wait, situation.now, situation.shop.calendar),
    )


def _payout(situation: Situation, link_key: str) -> Gate:
    return _gate(
        situation,
        Kind.PAYOUT,
        link_key,
        role=Role.ENGINE,
        owner="engine",
        lang=situation.shop.lang,
        choices=(Choice.PAID, Choice.NOTHING_DUE),
        default=Default.STAY,
        deadline=due_after(Duration.parse("1 wd"), situation.now, situation.shop.calendar),
    )


def _pick(situation: Situation, link_key: str) -> Gate:
    """Nobody of the roster took it: the seller picks somebody or gives the money back; silence refunds (people 5b)."""
    deadline, reminders = _dated(PICK_RULE, situation, situation.shop.calendar)
    return _gate(
        situation,
        Kind.PICK,
        link_key,
        role=Role.SELLER,
        owner="seller",
        lang=situation.shop.lang,
        choices=(Choice.PICKED, Choice.REFUND),
        default=Default.REFUND,
        deadline=deadline,
        reminders=reminders,
    )


def _refund(situation: Situation, link_key: str) -> Gate:
    """A milestone may owe its freelancer something all the same; an order before its work owes nobody."""
    pays = () if situation.milestone is None else (Choice.REFUNDED_AND_PAY,)
    return _gate(
        situation,
        Kind.REFUND,
        link_key,
        role=Role.ENGINE,
        owner="engine",
        lang=situation.shop.lang,
        choices=(Choice.REFUNDED, *pays),
        default=Default.STAY,
        deadline=due_after(Duration.parse("1 wd"), situation.now, situation.shop.calendar),
    )


def stuck(situation: Situation, link_key: str) -> Gate:
    """The side gate of an order whose runs make no progress: its ordinal is the run, its answer starts the next."""
    deadline, reminders = _dated(PARK_RULE, situation, situation.shop.calendar)
    return replace(
        _gate(
            situation,
            Kind.STUCK,
            link_key,
            role=Role.SELLER,
            owner="seller",
            lang=situation.shop.lang,
            choices=(Choice.RESUME,),
            default=Default.STAY,
            deadline=deadline,
            reminders=reminders,
            shown={"why": "stuck"},
        ),
        id=GateId(ORDER_LEVEL, Kind.STUCK, situation.order.run),
    )


def _park(situation: Situation, link_key: str) -> Gate:
    deadline, reminders = _dated(PARK_RULE, situation, situation.shop.calendar)
    return _gate(
        situation,
        Kind.PARK,
        link_key,
        role=Role.SELLER,
        owner="seller",
        lang=situation.shop.lang,
        choices=_ways_back(situation),
        default=Default.STAY,
        deadline=deadline,
        reminders=reminders,
        shown={"why": _why(situation), "from": _parked_from(situation)},
    )


def _parked_from(situation: Situation) -> str:
    return situation.parked_from if situation.stage == "park" and situation.parked_from else situation.stage


def _why(situation: Situation) -> str:
    known = situation.order.parked_why if situation.milestone is None else situation.milestone.parked_why
    return known if situation.stage == "park" and known else "engine"


def _ways_back(situation: Situation) -> tuple[Choice, ...]:
    """Where a parked milestone can go on: never before what is booked, never closed while money is held for it."""
    milestone = situation.milestone
    if milestone is None:
        return (Choice.RETRY,)
    settled = milestone.left_to_send == 0 and milestone.in_transit == 0 and (milestone.sent or milestone.refunded)
    closed = (Choice.CLOSED,) if settled else ()
    match _parked_from(situation):
        case "hold" | "payout":
            return (Choice.HOLD, Choice.PAYOUT, *closed)
        case "refund":
            return (Choice.REFUND, *closed)
        case "closed":
            return (Choice.CLOSED,)
        case "start":
            return (Choice.START, Choice.REFUND)
        case _:
            seen = (Choice.REVIEW, Choice.ACCEPTANCE) if milestone.version else ()
            return (Choice.WORK, *seen, Choice.REFUND)
