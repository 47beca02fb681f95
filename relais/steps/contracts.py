"""What each gate says when it opens: whose it is, what may be answered, until when, reminded when, what silence means.

Design: people sections 1 and 5b. Due instants go through the calendar of the person who must act.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from relais.calendar import Calendar, Duration, Rule, due_after, remind_at
from relais.gate import OWED_AFTER, Choice, Default, Gate, GateId, Kind, Role
from relais.money import shares
from relais.offer import Clocks, Release
from relais.order import Engagement, Milestone, stamp
from relais.roster import Freelancer, Ranked, Standing
from relais.rows import address_hash
from relais.steps.decisions import working_dates
from relais.steps.situation import Situation, safe_from
from relais.withdrawal import right_until

PARK_RULE = Rule.parse("1 wd; half")
PICK_RULE = Rule.parse("5 wd; 1 wd, 2 wd")
"""Asked at once, reminded, refunded by itself after five working days: a weekend must not refund (people 5b)."""
RATING_RULE = Rule.parse("14 d")
"""So long the maker may appeal, unreminded: a rating asks nothing of them."""
APPEAL_RULE = Rule.parse("3 wd; 1 wd, 2 wd")
RANKING_SHOWN = 5
MOST_ORDINAL_TO_ASK = 100
"""Beyond it nobody is asked any more, so that no order goes on for ever (design: failures 32)."""
MOST_REQUESTS = 3
"""So often one delivery may be asked back before the right to it; then the seller and the mediator are spoken to."""
ONBOARDING_RULE = Rule.parse("7 d; 1 d, 3 d, 6 d")
"""Until when whoever is owed something should be payable; then the seller is told, who may pay by bank (people 5b)."""
CONFIRM_RULE = Rule.parse("3 wd; 1 wd, 2 wd")
"""A second yes to money that leaves: well within what the law leaves for pay and for refunds (decision 0026)."""
UNANSWERED_RULE = Rule.parse("5 wd; 2 wd")
"""What a client has to choose in whose request the seller left unanswered; then all goes back (people 5b)."""
(HALF_WAY,) = Rule.parse("1 wd; half").reminders
AFTER_SENT_BACK = Duration.parse("1 wd")
TAKEN_OVER = Duration.parse("2 wd")
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
        case Kind.REFUND_REQUEST:
            return _refund_request(situation, link_key)
        case Kind.SETTLEMENT:
            return _settlement(situation, link_key)
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
        case Kind.PROPOSAL:
            raise ProposalNeedsRankingError(situation.order.id)
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
            raise NoStateWaitsError(kind)
        case _:
            assert_never(kind)


class NoStateWaitsError(TypeError):
    """A side gate was asked for as if a state waited for it: a mistake in the code that calls."""


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
    clocks = situation.offer.clocks
    deadline, reminders = _dated(clocks.brief, situation, situation.client_calendar)
    told = remind_at((clocks.brief_seller,), situation.now, deadline, situation.shop.calendar)
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
        tells_seller=next(iter(told), None),
        link_version=situation.order.link_version,
    )


def proposal(  # noqa: PLR0917 - a proposal is what all of these make
    situation: Situation, ranked: tuple[Ranked, ...], one: Ranked, asked: Freelancer, link_key: str, seat: int = 1
) -> Gate:
    """The proposal to `one` of the `ranked`, who is `asked`; each of several asked at once has a `seat`.

    The ranking with its numbers is kept on it ("why her?").
    """
    clocks = situation.offer.clocks
    handed_in = situation.order.handed_in or situation.now
    send_after = max(due_after(clocks.proposal_after, handed_in, situation.shop.calendar), situation.now)
    deadline = due_after(clocks.proposal.deadline, send_after, asked.calendar)
    gate = _gate(
        situation,
        Kind.PROPOSAL,
        link_key,
        role=Role.FREELANCER,
        owner=one.freelancer,
        lang=asked.lang,
        choices=(Choice.ACCEPTED, Choice.AGAIN),
        default=Default.AGAIN,
        deadline=deadline,
        reminders=remind_at(clocks.proposal.reminders, send_after, deadline, asked.calendar),
        send_after=send_after if send_after > situation.now else None,
        shown={
            "pay": _pay(situation, one.rate),
            "kind": asked.kind.value,
            **({"trial": True} if asked.standing is Standing.CANDIDATE else {}),
            **_dates_shown(situation, asked, send_after),
            "ranking": [
                {"who": best.freelancer, "points": best.points, "why": {r.key: r.value for r in best.reasons}}
                for best in ranked[:RANKING_SHOWN]
            ],
        },
    )
    return replace(gate, id=replace(gate.id, seat=seat))


def _pay(situation: Situation, rate: int) -> int:
    """What a proposal offers, in minor units: the rate of every unit, or the milestone's share of it."""
    whole = rate * situation.offer.units
    if situation.milestone is None:
        return whole
    _, weights = situation.offer.weights()
    return shares(whole, weights)[int(situation.milestone.number) - 1]


def counted_anew(situation: Situation, gate: Gate, owner: Calendar) -> Gate:
    """An open gate whose owner's time begins now: the mail left late, or to an address that reached nobody.

    `owner` is the calendar of whoever must act. A date that was agreed (the work's) stays what it was.
    """
    if gate.id.kind is Kind.PROPOSAL:
        clocks = situation.offer.clocks.proposal
        deadline = due_after(clocks.deadline, situation.now, owner)
        reminders = remind_at(clocks.reminders, situation.now, deadline, owner)
        return replace(gate, deadline=deadline, reminders=reminders, asked=situation.now, reminded=None)
    if gate.id.kind.side:
        rule = side_rule(situation.offer.clocks, gate.id.kind)
        if rule is None:
            return replace(gate, asked=situation.now, reminded=None)
        deadline = due_after(rule.deadline, situation.now, owner)
        reminders = remind_at(rule.reminders, situation.now, deadline, owner)
        return replace(gate, deadline=deadline, reminders=reminders, asked=situation.now, reminded=None)
    fresh = contract(situation, gate.id.kind, gate.key_id)
    if gate.shown.get("more_time") and gate.deadline and fresh.deadline and fresh.deadline < gate.deadline:
        return replace(gate, asked=situation.now, reminded=None)  # what was given is not taken back
    return replace(
        gate,
        deadline=fresh.deadline,
        reminders=fresh.reminders,
        asked=situation.now,
        reminded=None,
        tells_seller=fresh.tells_seller if gate.tells_seller else None,
    )


def terms_put(gate: Gate) -> dict[str, Any]:
    """What of a gate's row is written when its time was counted anew."""
    if gate.asked is None:
        return {}
    dated = {} if gate.deadline is None else {"deadline": stamp(gate.deadline)}
    desk = {"desk_due": stamp(gate.deadline)} if gate.role is Role.SELLER and gate.deadline is not None else {}
    told = {} if gate.tells_seller is None else {"tells_seller": stamp(gate.tells_seller)}
    return {"asked": stamp(gate.asked), "reminders": [stamp(at) for at in gate.reminders]} | dated | desk | told


def waiting(situation: Situation, link_key: str) -> Gate:
    """The proposal that nobody gets before the date until which the seller lets the asking rest."""
    return _gate(
        situation,
        Kind.PROPOSAL,
        link_key,
        role=Role.CLOCK,
        owner="clock",
        lang=situation.shop.lang,
        choices=(Choice.AGAIN,),
        default=Default.AGAIN,
        deadline=situation.wait_until,
    )


def _dates_shown(situation: Situation, asked: Freelancer, send_after: datetime) -> dict[str, Any]:
    """The freelancer's first date; of several milestones each, in their order.

    Who takes one over gets two working days at least.
    """
    dates = working_dates(situation, asked)
    if situation.milestone is not None:
        own = dates[int(situation.milestone.number) - 1]
        return {"deadline": stamp(max(own, due_after(TAKEN_OVER, send_after, asked.calendar)))}
    return {"deadline": stamp(dates[0])} | ({"deadlines": [stamp(at) for at in dates]} if len(dates) > 1 else {})


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


def by_seller(situation: Situation, seller: Freelancer, link_key: str) -> Gate:
    """The proposal that the seller made to themself: the engine answers it."""
    return _gate(
        situation,
        Kind.PROPOSAL,
        link_key,
        role=Role.ENGINE,
        owner=seller.key,
        lang=situation.shop.lang,
        choices=(Choice.ACCEPTED,),
        default=Default.STAY,
        deadline=None,
    )


@dataclass(frozen=True, slots=True, repr=False)
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
    by_hand = engaged.engagement.by_hand
    if engaged.milestone.version or _last_kind(situation) is Kind.PARK:  # what stood still with us is not their delay
        by_client = _last_kind(situation) in {Kind.ACCEPTANCE, Kind.SETTLEMENT}
        grace = AFTER_REVISION if by_client else AFTER_SENT_BACK
        deadline = max(deadline, due_after(grace, situation.now, freelancer.calendar))
    return _gate(
        situation,
        Kind.WORK,
        link_key,
        role=Role.SELLER if by_hand else Role.FREELANCER,
        owner="seller" if by_hand else freelancer.key,
        lang=situation.shop.lang if by_hand else freelancer.lang,
        choices=(Choice.DELIVER,) if by_hand else (Choice.DELIVER, Choice.GIVE_UP),
        default=Default.STAY,
        deadline=deadline,
        reminders=remind_at(situation.offer.clocks.work, situation.now, deadline, freelancer.calendar),
        shown={} if by_hand else {"pay": engaged.engagement.agreed},
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
        choices=(Choice.APPROVE, Choice.REWORK, Choice.REASSIGN),
        default=Default.STAY,
        deadline=deadline,
        reminders=reminders,
        tells_seller=_second_told(situation, deadline),
        shown=_version_shown(situation) | _second_shown(situation),
    )


def _second_told(situation: Situation, deadline: datetime) -> datetime | None:
    """When the second reviewer is asked as well: half-way to the deadline, at once while the seller is away (5b)."""
    shop, now = situation.shop, situation.now
    if shop.second_reviewer is None:
        return None
    today = now.astimezone(ZoneInfo(shop.zone)).date()
    if any(away.covers(today) for away in shop.away):
        return now + OWED_AFTER
    (half,) = remind_at((HALF_WAY,), now, deadline, shop.calendar) or (now + OWED_AFTER,)
    return half


def _second_shown(situation: Situation) -> dict[str, Any]:
    """To whom the link of the second reviewer is bound: a changed address gets another one at the next review."""
    second = situation.shop.second_reviewer
    return {} if second is None else {"second": address_hash(second["email"]), "second_lang": second["lang"]}


def _acceptance(situation: Situation, link_key: str) -> Gate:
    milestone = _engaged(situation).milestone
    deadline, reminders = _dated(situation.offer.clocks.acceptance, situation, situation.client_calendar)
    revise = (Choice.REVISE,) if milestone.revisions_left > 0 else ()
    used_up = milestone.revisions_left <= milestone.gifts  # what was given by hand takes no right away
    refund = (Choice.REFUND,) if used_up and situation.offer.policy.refund_right else ()
    request = (Choice.REQUEST,) if not refund and milestone.requests < MOST_REQUESTS else ()
    return _gate(
        situation,
        Kind.ACCEPTANCE,
        link_key,
        role=Role.CLIENT,
        owner="client",
        lang=situation.order.lang,
        choices=(Choice.ACCEPT, *revise, *refund, *request),
        default=Default.ACCEPT,
        deadline=deadline,
        reminders=reminders,
        shown=_version_shown(situation) | {"preview": situation.offer.policy.release is Release.PREVIEW_FIRST},
    )


def _refund_request(situation: Situation, link_key: str) -> Gate:
    """The client wants money back that they have no right to yet; a seller's silence is no answer (people 5b)."""
    deadline, reminders = _dated(situation.offer.clocks.refund_request, situation, situation.shop.calendar)
    return _gate(
        situation,
        Kind.REFUND_REQUEST,
        link_key,
        role=Role.SELLER,
        owner="seller",
        lang=situation.shop.lang,
        choices=(Choice.FULL, Choice.PART, Choice.CONTEST, Choice.LAPSED),
        default=Default.LAPSE,
        deadline=deadline,
        reminders=reminders,
        shown=_version_shown(situation),
    )


def _settlement(situation: Situation, link_key: str) -> Gate:
    """The seller's proposal before the client: a sum, the work as it is, or all where the seller never answered.

    One more revision is always among the answers; silence carries the proposal out (people 5b).
    """
    milestone = _engaged(situation).milestone
    amount = milestone.proposed or 0
    unanswered = 0 < milestone.held <= amount
    rule = UNANSWERED_RULE if unanswered else situation.offer.clocks.settlement
    deadline, reminders = _dated(rule, situation, situation.client_calendar)
    kept, default = (Choice.TAKE, Default.TAKE) if amount else (Choice.ACCEPT, Default.ACCEPT)
    return _gate(
        situation,
        Kind.SETTLEMENT,
        link_key,
        role=Role.CLIENT,
        owner="client",
        lang=situation.order.lang,
        choices=(kept, Choice.REVISE),
        default=default,
        deadline=deadline,
        reminders=reminders,
        shown=_version_shown(situation)
        | {"amount": amount, "proposal": "unanswered" if unanswered else "part" if amount else "contest"},
    )


def _version_shown(situation: Situation) -> dict[str, Any]:
    milestone = _engaged(situation).milestone
    return {
        "version": milestone.version,
        "revisions_left": milestone.revisions_left,
        "revisions_used": milestone.revisions_used,
    }


def _hold(situation: Situation, link_key: str) -> Gate:
    engaged = _engaged(situation)
    clocks = situation.offer.clocks
    wait = clocks.hold_spoken if engaged.milestone.spoken else clocks.hold_silent
    again = engaged.milestone.reopened > 0
    if engaged.engagement.by_hand:
        wait = Duration.parse("0 wh")  # nobody is to be paid (design: people 5b, hold)
    until = due_after(wait, situation.now, situation.shop.calendar)
    safe = None if engaged.engagement.by_hand else safe_from(situation)
    if safe is not None:
        until = max(until, safe)  # a debit's bank may take it back: not before some days by policy (money A 10)
    withdraws = right_until(situation.order, (engaged.milestone,), situation.now)
    if withdraws is not None and not engaged.milestone.refunded:
        until = max(until, withdraws)  # never before an open right of withdrawal ends (design: people 5b)
    return _gate(
        situation,
        Kind.HOLD,
        link_key,
        role=Role.CLOCK,
        owner="clock",
        lang=situation.shop.lang,
        choices=(Choice.RELEASE,) if engaged.engagement.by_hand or again else (Choice.RELEASE, Choice.REOPEN),
        default=Default.RELEASE,
        deadline=until,
        shown={} if _reopens(situation) else {"reopens": Role.SELLER.value},
    )


def _reopens(situation: Situation) -> bool:
    """Whether silence at an acceptance led here, for the first time: a word of the client's is final (people 5b).

    The seller may reopen what a word accepted as well, by hand (people 3).
    What the seller made or bought is held for no time: nobody is to be paid.
    """
    engaged = _engaged(situation)
    milestone, by_hand = engaged.milestone, engaged.engagement.by_hand
    silent = not milestone.spoken and _last_kind(situation) is Kind.ACCEPTANCE
    return silent and not milestone.reopened and not by_hand


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
    """Nobody of the roster took it, and the seller decides; silence refunds (design: people 3 and 5b).

    Asking goes on for so long only: an order that has asked very often is done by hand, bought or given back.
    """
    deadline, reminders = _dated(PICK_RULE, situation, situation.shop.calendar)
    asks = (Choice.PICKED, Choice.WAIT) if situation.ordinal < MOST_ORDINAL_TO_ASK else ()
    return _gate(
        situation,
        Kind.PICK,
        link_key,
        role=Role.SELLER,
        owner="seller",
        lang=situation.shop.lang,
        choices=(*asks, Choice.SELF, Choice.OUTSIDE, Choice.REFUND),
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


def side_rule(clocks: Clocks, kind: Kind) -> Rule | None:
    """Until when a side gate waits and when its owner is reminded; none where it waits as long as it matters."""
    match kind:
        case Kind.STUCK:
            return PARK_RULE
        case Kind.LATE:
            return clocks.late
        case Kind.MORE_TIME:
            return clocks.more_time
        case Kind.QUESTION | Kind.MESSAGE:
            return clocks.question
        case Kind.COUNTER:
            return clocks.counter
        case Kind.RATING:
            return RATING_RULE
        case Kind.APPEAL:
            return APPEAL_RULE
        case Kind.ONBOARDING:
            return ONBOARDING_RULE
        case Kind.AGREEMENT:
            return clocks.agreement
        case Kind.EXTRA:
            return clocks.extra
        case Kind.CONFIRM:
            return CONFIRM_RULE
        case Kind.OUTCOME:
            return PARK_RULE
        case _:
            return None


def asked(situation: Situation, kind: Kind, link_key: str, **terms: Any) -> Gate:  # noqa: ANN401 - Gate's own fields
    """A side gate of anybody's, which opens now; its number is given when it is written.

    `terms` are the gate's own: choices and default, what it is about, what is shown.
    """
    role = terms.pop("role", Role.SELLER)
    owner, lang, calendar = _asked_of(situation, role)
    rule = side_rule(situation.offer.clocks, kind)
    deadline, reminders = (None, ()) if rule is None else _dated(rule, situation, calendar)
    return Gate(
        order=situation.order.id,
        id=GateId(situation.number, kind, 0),
        role=role,
        owner=owner,
        lang=lang,
        opened=situation.now,
        key_id=link_key,
        link_version=situation.order.link_version if role is Role.CLIENT else 1,
        deadline=deadline,
        reminders=reminders,
        **terms,
    )


def _asked_of(situation: Situation, role: Role) -> tuple[str, str, Calendar]:
    """Who is asked: their name on the gate, their language, their hours."""
    match role:
        case Role.CLIENT:
            return role.value, situation.order.lang, situation.client_calendar
        case Role.FREELANCER:
            maker = _engaged(situation).freelancer
            return maker.key, maker.lang, maker.calendar
        case Role.SELLER | Role.CLOCK | Role.ENGINE:
            return role.value, situation.shop.lang, situation.shop.calendar
        case _:
            assert_never(role)


def stuck(situation: Situation, link_key: str) -> Gate:
    """An order whose runs make no progress: the answer starts the next."""
    return asked(
        situation,
        Kind.STUCK,
        link_key,
        choices=(Choice.RESUME,),
        default=Default.STAY,
        shown={"why": "stuck"},
        about=str(situation.order.run),
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
        case "refund_request":
            return (Choice.REFUND_REQUEST, Choice.ACCEPTANCE, Choice.REFUND)
        case "settlement":
            return (Choice.SETTLEMENT, Choice.REFUND_REQUEST, Choice.REFUND)
        case "closed":
            return (Choice.CLOSED,)
        case "reassign" | "pick":
            return (Choice.REASSIGN, Choice.PICK, Choice.REFUND)
        case "start":
            return (Choice.START, Choice.REFUND)
        case _:
            seen = (Choice.REVIEW, Choice.ACCEPTANCE) if milestone.version else ()
            return (Choice.WORK, *seen, Choice.REASSIGN, Choice.REFUND)
