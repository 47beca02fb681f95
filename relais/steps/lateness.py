"""What is late: the seller decides, then the client may. Design: people sections 1 and 5b.

The freelancer's working deadline missed by two working hours asks the seller; the seller's silence asks the client. The
client's promised date missed by one working day gives the client the right to cancel alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from relais.calendar import (
    LEAST_RESERVE,
    Duration,
    add_working_days,
    due_after,
    previous_working_instant,
    promised_date,
    remind_at,
    working_time,
)
from relais.gate import Choice, Default, Gate, Kind, Role, Status, due_shard, next_due
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL, Milestone, Order, OrderStage, engagement_row, stamp
from relais.ports import Ports
from relais.problem import Problem
from relais.rows import Change, Write, differs, equals, gate_key, order_key
from relais.steps.asking import open_side
from relais.steps.contracts import HALF_WAY, asked
from relais.steps.decisions import Answer, ChoiceNotRoutedError, LostWhy, decision_writes, withdraw
from relais.steps.gates import resume
from relais.steps.interrupt import cancel_milestone_writes, cancel_writes, sweep
from relais.steps.picks import LONGEST_WAIT_DAYS, own
from relais.steps.side import Caused
from relais.steps.situation import (
    BEFORE_THE_CLIENT,
    Situation,
    find_gate,
    read_gate,
    read_milestones,
    read_shop,
    read_situation,
    sides_of,
    waiting_for_time,
)

AFTER_DEADLINE = Duration.parse("2 wh")
"""How long after the working deadline the seller is asked (design: people 5b, work)."""
ASKED_AGAIN = Duration.parse("2 wd")
"""How long after the last decision about the same missed deadline the seller is asked anew, and how long they have.

Nothing waits for ever; the four hours of the first asking have done what they are for: the client knows.
"""
AFTER_PROMISE = 1
"""Working days after the promised date from which the client may cancel alone (design: people 1)."""
EVENING = time(18)


# The seller's gate --------------------------------------------------------------------------------------------------


def seller_asked_at(work: Gate, situation: Situation) -> datetime | None:
    """When the seller is asked about work that does not come, in the seller's hours; never about their own."""
    if work.id.kind is not Kind.WORK or work.role is not Role.FREELANCER:
        return None
    return None if work.deadline is None else due_after(AFTER_DEADLINE, work.deadline, situation.shop.calendar)


def ask_seller_of_late(ports: Ports, work: Gate) -> Gate | None:
    """Open the gate of late work for a deadline that was missed; anew two working days after the last decision."""
    return open_side(
        ports, work.order, work.id.milestone, lambda seen: late(seen, read_gate(ports, work.order, str(work.id)), ports)
    )


def late(situation: Situation, work: Gate, ports: Ports) -> Gate | None:
    """The gate of late work; nothing where it came meanwhile, or its date was moved."""
    at = seller_asked_at(work, situation)
    if at is None or work.deadline is None or work.status is not Status.OPEN or at > situation.now:
        return None
    anew = _round(ports, situation, work, work.deadline)
    gate = asked(
        situation,
        Kind.LATE,
        ports.link_keys.current,
        choices=(Choice.WAIT, Choice.REASSIGN, Choice.SELF, Choice.REFUND),
        default=Default.ASK_CLIENT,
        shown={"missed": stamp(work.deadline)},
        about=f"{work.id} {stamp(work.deadline)}{anew}",
        beside=str(work.id),
    )
    if not anew:
        return gate
    until = due_after(ASKED_AGAIN, situation.now, situation.shop.calendar)
    return replace(
        gate, deadline=until, reminders=remind_at((HALF_WAY,), situation.now, until, situation.shop.calendar)
    )


def _round(ports: Ports, situation: Situation, work: Gate, deadline: datetime) -> str:
    """Which asking about the same deadline stands now: the first has no number, one that was withdrawn is none."""
    about = f"{work.id} {stamp(deadline)}"
    asked_so = [gate for gate in sides_of(ports, situation) if gate.id.kind is Kind.LATE]
    before = [gate for gate in asked_so if gate.about.startswith(about) and gate.status is not Status.WITHDRAWN]
    decided = [gate.decision.at for gate in before if gate.decision is not None]
    settled = len(decided) == len(before) > 0
    anew = settled and due_after(ASKED_AGAIN, max(decided), situation.shop.calendar) <= situation.now
    number = len(before) + 1 if anew else max(len(before), 1)
    return "" if number == 1 else f" {number}"


def late_answered(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """What the seller's answer does, or their silence. Raises what an interrupt or a reassignment raises."""
    match given.choice:
        case Choice.WAIT:
            return _waits(ports, situation, datetime.fromisoformat(str(given.facts["until"])))
        case Choice.REASSIGN:
            return _taken_away(ports, situation, given)
        case Choice.SELF:
            return _taken_away(ports, situation, given, str(given.facts["freelancer"]))
        case Choice.REFUND:
            return _given_back(ports, situation, given, RefundCause.LATE)
        case Choice.ASK_CLIENT:
            return _client_asked(ports, situation)
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)


def _client_asked(ports: Ports, situation: Situation) -> Caused:
    """The client's question, unless the very same waits for them already."""
    if any("until" not in gate.shown for gate in _asked_now(ports, situation)):
        return Caused()
    return Caused(opens=(missed_date(situation, ports.link_keys.current, None),), writes=superseded(ports, situation))


def _waits(ports: Ports, situation: Situation, until: datetime) -> Caused:
    """The freelancer's date moves; a date already promised to the client moves with that client's yes only."""
    moved = working_deadline_moved(ports, situation, until)
    promised = situation.promised
    if promised is None or until <= promised:
        return moved
    later = promised_date(until, 1, situation.shop.calendar)
    return replace(
        moved,
        opens=(missed_date(situation, ports.link_keys.current, later),),
        writes=(*moved.writes, *superseded(ports, situation)),
    )


def working_deadline_moved(ports: Ports, situation: Situation, until: datetime) -> Caused:
    """Another working deadline: on the engagement, and on the open gate of the work with its reminders."""
    milestone, freelancer = situation.milestone, situation.freelancer
    if milestone is None or milestone.engagement is None or freelancer is None:
        return Caused()
    writes: tuple[Write, ...] = ()
    work = find_gate(ports, situation, Kind.WORK)
    if work is not None and work.status is Status.OPEN:
        ahead = remind_at(situation.offer.clocks.work, situation.now, until, freelancer.calendar)
        due = next_due(replace(work, deadline=until, reminders=ahead, mailed=True), situation.now) or until
        dated = {"deadline": stamp(until), "reminders": [stamp(at) for at in ahead]}
        looked = {"due": stamp(due), "due_shard": due_shard(work.order)} if work.mailed else {}
        writes = (Change(gate_key(work.order, str(work.id)), put=dated | looked, guards=(equals("status", "open"),)),)
    return Caused(put={"engagement": engagement_row(replace(milestone.engagement, deadline=until))}, writes=writes)


def _taken_away(ports: Ports, situation: Situation, given: Answer, picked: str | None = None) -> Caused:
    """The work goes to somebody else, or to the seller: its own gate is answered in the same transaction."""
    work = find_gate(ports, situation, Kind.WORK)
    if work is None:
        raise ChoiceNotRoutedError(Kind.LATE, given.choice)
    through = replace(given, choice=Choice.REASSIGNED, facts={"why": LostWhy.LATE.value})
    writes = decision_writes(situation, work, through)
    if picked is not None:
        writes = tuple(_picking(one, picked) if one.key == situation.key else one for one in writes)
    return Caused(writes=writes, then=lambda: resume(ports, read_gate(ports, work.order, str(work.id))))


def _picking(advance: Write, picked: str) -> Write:
    """The next asking is of one person alone."""
    if not isinstance(advance, Change):
        return advance
    kept = tuple(name for name in advance.remove if name != "picked")
    return replace(advance, put={**advance.put, "picked": picked}, remove=kept)


def _given_back(ports: Ports, situation: Situation, given: Answer, cause: RefundCause) -> Caused:
    order, by = situation.order, Role(given.by)
    if situation.milestone is None:
        writes: tuple[Write, ...] = (cancel_writes(ports, order, by=by.value, cause=cause, note=given.note),)
    else:
        writes = cancel_milestone_writes(ports, order, situation.milestone, by=by, cause=cause, note=given.note)
    return Caused(writes=writes, then=partial(sweep, ports, order.id))


def read_late(
    ports: Ports, gate: Gate, choice: Choice, typed: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """What the seller's choice needs besides, or what is wrong with what was typed."""
    match choice:
        case Choice.SELF:
            seller = own(ports)
            return ({}, (Problem("self_missing", "choice"),)) if seller is None else ({"freelancer": seller.key}, ())
        case Choice.WAIT:
            return read_deadline(read_situation(ports, gate.order, gate.id.milestone), typed.get("until", ""))
        case _:
            return {}, ()


def read_deadline(situation: Situation, typed: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Another working deadline as a date was typed: its last working instant."""
    problem = Problem("until_invalid", "until", {"limit": LONGEST_WAIT_DAYS})
    zone = ZoneInfo(situation.shop.zone)
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return {}, (problem,)
    if day > situation.now.astimezone(zone).date() + timedelta(days=LONGEST_WAIT_DAYS):
        return {}, (problem,)
    calendar = situation.shop.calendar if situation.freelancer is None else situation.freelancer.calendar
    until = previous_working_instant(datetime.combine(day, EVENING, zone), calendar)
    return ({}, (problem,)) if until <= situation.now else ({"until": stamp(until)}, ())


# More time ----------------------------------------------------------------------------------------------------------


def ask_more_time(ports: Ports, work: Gate, until: datetime, text: str) -> Gate | None:
    """The maker asks for another date; nothing where they wait for an answer already, or the work is over.

    Within the reserve it is theirs by rule, once for each version: the promised date does not move (design: people 1).
    """
    return open_side(
        ports,
        work.order,
        work.id.milestone,
        lambda seen: more_time(ports, seen, read_gate(ports, work.order, str(work.id)), until, text),
    )


def more_time(ports: Ports, situation: Situation, work: Gate, until: datetime, text: str) -> Gate | None:
    """The gate of another date that the maker asks for."""
    about = f"{work.id} {stamp(until)}"
    if work.status is not Status.OPEN or any(one.about != about for one in waiting_for_time(ports, situation)):
        return None
    by_rule = {"by_rule": True} if _within_reserve(ports, situation, work, until) else {}
    return asked(
        situation,
        Kind.MORE_TIME,
        ports.link_keys.current,
        choices=(Choice.GRANT, Choice.REFUSE),
        default=Default.REFUSE,
        shown={"until": stamp(until), "text": text} | by_rule,
        about=about,
        beside=str(work.id),
    )


def _within_reserve(ports: Ports, situation: Situation, work: Gate, until: datetime) -> bool:
    """Whether enough is left before the promised date to look at the work; the rule gives so once for each version."""
    if situation.promised is None or work.deadline is None or until <= work.deadline:
        return False
    given = any(one.beside == str(work.id) and one.shown.get("by_rule") for one in sides_of(ports, situation))
    left = working_time(until, situation.promised, situation.shop.calendar) if until < situation.promised else None
    return not given and left is not None and left >= LEAST_RESERVE


def more_time_answered(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """A yes moves the maker's date as the seller's own wait does; whoever asked is told.

    A client's own was moved when they asked (`acceptance.py`): only the mail is left.
    """
    if gate.role is Role.ENGINE:
        return Caused(tells=True)
    match given.choice:
        case Choice.GRANT:
            moved = _waits(ports, situation, datetime.fromisoformat(gate.shown["until"]))
            late = [one for one in sides_of(ports, situation) if one.id.kind is Kind.LATE and one.status is Status.OPEN]
            return replace(moved, writes=(*moved.writes, *map(withdraw, late)), tells=True)
        case Choice.REFUSE:
            return Caused(tells=True)
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)


# The client's gate --------------------------------------------------------------------------------------------------


def ask_client_to_wait(ports: Ports, pick: Gate) -> Gate | None:
    """Nobody has taken an order and the seller has not decided for two working days: the client need not wait in vain.

    They wait until a new date, or cancel free, as long as the seller has not picked (design: people 5b, pick).
    """
    return open_side(ports, pick.order, pick.id.milestone, partial(_not_taken, ports, str(pick.id)))


def _not_taken(ports: Ports, pick_id: str, situation: Situation) -> Gate | None:
    pick = read_gate(ports, situation.order.id, pick_id)
    if pick.status is not Status.OPEN or _asked_now(ports, situation):
        return None
    later = promised_date(situation.now, situation.offer.policy.promise, situation.shop.calendar)
    until = later if situation.promised is None else max(later, situation.promised)
    gate = missed_date(situation, ports.link_keys.current, until, "pick")
    return replace(gate, shown={**gate.shown, "why": "pick"}, about=f"pick {pick_id}", beside=pick_id)


def missed_date(situation: Situation, link_key: str, until: datetime | None, why: str = "asked") -> Gate:
    """The client's gate: to wait, until a date where there is one, or to cancel alone. Open as long as it matters."""
    promised = situation.promised or situation.now
    later = {} if until is None else {"until": stamp(until)}
    return asked(
        situation,
        Kind.CANCEL_LATE,
        link_key,
        role=Role.CLIENT,
        choices=(Choice.WAIT, Choice.CANCEL),
        default=Default.GO_ON,
        shown={"promised": stamp(promised)} | later,
        about=f"{why} {stamp(promised)}" + (f" {stamp(until)}" if until else ""),
    )


def superseded(ports: Ports, situation: Situation) -> tuple[Write, ...]:
    """One question about the date at a time: the newer says more."""
    return tuple(withdraw(gate) for gate in _asked_now(ports, situation))


def _asked_now(ports: Ports, situation: Situation) -> list[Gate]:
    sides = sides_of(ports, situation)
    return [gate for gate in sides if gate.id.kind is Kind.CANCEL_LATE and gate.status is Status.OPEN]


def missed_date_answered(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """The client's word: a yes moves the promised date, a cancellation gives everything back."""
    match given.choice:
        case Choice.WAIT:
            until = gate.shown.get("until")
            return Caused() if until is None else promise_moved(situation, datetime.fromisoformat(until))
        case Choice.CANCEL:
            back = _given_back(ports, situation, given, _cause(ports, situation))
            return replace(back, guards=(differs("accepted", value=True),), tells=True)
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)


def _cause(ports: Ports, situation: Situation) -> RefundCause:
    """Who missed the date: the freelancer whose work is not there, else the shop."""
    work = None if situation.milestone is None else find_gate(ports, situation, Kind.WORK)
    if work is None or work.role is not Role.FREELANCER or work.deadline is None:
        return RefundCause.SELLER_FAULT
    return RefundCause.LATE if work.deadline < situation.now else RefundCause.SELLER_FAULT


def promise_moved(situation: Situation, until: datetime) -> Caused:
    """Another promised date; the order's is that of its last milestone."""
    milestone = situation.milestone
    if milestone is None or milestone.promised is None:
        dated = {"promised": stamp(until)}
        if milestone is None:
            return Caused(put=dated)
        return Caused(writes=(Change(order_key(milestone.order), put=dated),))
    others = [one.promised for one in situation.milestones if one.number != milestone.number and one.promised]
    last = {"promised": stamp(max(until, *others))}
    return Caused(put={"promised": stamp(until)}, writes=(Change(order_key(milestone.order), put=last),))


def watch_promises(ports: Ports, order: Order, still: Callable[[Situation], bool]) -> datetime | None:
    """Give the client the right to cancel alone where a promised date is missed; returns when to look again.

    `still` says where a date stands still.
    """
    if order.stage not in {OrderStage.ASSIGN, OrderStage.PICK, OrderStage.MILESTONES}:
        return None
    calendar = replace(read_shop(ports.store)[0].calendar, away=())  # the shop's own absence takes no right away
    ahead: list[datetime] = []
    for number, promised in _promises(order, read_milestones(ports.store, order.id)):
        missed = add_working_days(promised, AFTER_PROMISE, calendar)
        if missed > ports.now():
            ahead.append(missed)
        elif not still(read_situation(ports, order.id, number)):
            open_side(ports, order.id, number, partial(_right, ports))
    return min(ahead, default=None)


def _promises(order: Order, milestones: tuple[Milestone, ...]) -> list[tuple[str, datetime]]:
    if order.stage is not OrderStage.MILESTONES:
        return [] if order.promised is None else [(ORDER_LEVEL, order.promised)]
    waiting = [one for one in milestones if one.stage in BEFORE_THE_CLIENT and not one.accepted]
    return [(one.number, date) for one in waiting if (date := one.promised or order.promised) is not None]


def _right(ports: Ports, situation: Situation) -> Gate | None:
    """The right itself, unless the client is asked already."""
    return None if _asked_now(ports, situation) else missed_date(situation, ports.link_keys.current, None, "right")
