"""Dates that the seller moves by hand, pay that leaves early or later, and orders that stand still for a while.

A date promised to a client moves later with that client's yes only: given by phone (`agreed`), or asked for at the
client's own gate, where they may cancel instead. Design: people 1, 3 and 5b.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from relais.calendar import Calendar, Reminder, days_stood, later_by, promised_date, remind_at
from relais.deed import CLIENT, Deed, What
from relais.gate import GOES_ON, Choice, Gate, Kind, Role, Status, Via, due_shard, gate_from_row, next_due
from relais.order import ORDER_LEVEL, MilestoneStage, OrderStage, engagement_row, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Check, Write, absent, equals, gate_key, merged, milestone_key, order_key
from relais.steps.asking import TRIES, numbered
from relais.steps.decisions import Answer, not_interrupted
from relais.steps.deeds import ForbiddenByHandError, checked, deed, maker_of, owner_of
from relais.steps.door import answer
from relais.steps.gates import person_owned, send_first
from relais.steps.lateness import missed_date, promise_moved, superseded, working_deadline_moved
from relais.steps.onboarding import LEGAL_DAYS
from relais.steps.side import Caused, opening_writes
from relais.steps.situation import (
    BEFORE_THE_CLIENT,
    UNWOUND,
    Situation,
    client_reopens,
    find_gate,
    interrupted,
    read_freelancer,
    read_gate,
    read_order,
    read_situation,
    sides_of,
)
from relais.withdrawal import right_until

HALF = Reminder.parse("half")
LONGEST_PAUSE_DAYS = 60
FIXED = frozenset({Kind.HOLD, Kind.PAYOUT, Kind.REFUND, Kind.DISPUTE, Kind.ONBOARDING})
"""Gates whose dates nobody moves: pay has commands of its own, and a bank's date is the bank's."""


# One deadline -------------------------------------------------------------------------------------------------------


def move_deadline(
    ports: Ports, order_id: str, gate_id: str, until: datetime, *, reason: str, agreed: bool = False
) -> Gate:
    """Another deadline for an open gate; earlier for somebody else only where they agreed to it.

    The work's is the working deadline: one beyond the promised date asks the client too. Raises `GateNotFoundError`,
    `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    head = read_gate(ports, read_order(ports.store, order_id).id, gate_id)
    if head.id.kind is Kind.WORK:
        return _move_work(ports, head, until, said, agreed=agreed)

    def caused(situation: Situation) -> tuple[Caused, Deed]:
        gate = read_gate(ports, order_id, gate_id)
        _movable(gate, until, situation.now, agreed=agreed)
        later = _with_deadline(gate, until, situation.now, _owner_calendar(ports, situation, gate))
        starts = {"starts": stamp(until)} if gate.id.kind is Kind.START else {}
        tells = (CLIENT, maker_of(situation)) if gate.id.kind is Kind.START else (owner_of(gate),)
        facts = {"until": stamp(until), "kind": gate.id.kind.value}
        told = deed(ports, situation, What.DEADLINE, said, gate=gate, tells=tells, facts=facts)
        return Caused(put=starts, writes=(dated(gate, later, situation.now),)), told

    _commit(ports, order_id, head.id.milestone, caused)
    return read_gate(ports, order_id, gate_id)


def _movable(gate: Gate, until: datetime, now: datetime, *, agreed: bool) -> None:
    """Raises `ForbiddenByHandError` where a date stays what it is."""
    if gate.status is not Status.OPEN:
        raise ForbiddenByHandError(gate.order, f"gate {gate.id} is {gate.status.value}: it waits for nobody any more")
    if gate.id.kind in FIXED or not (person_owned(gate) or gate.id.kind is Kind.START):
        raise ForbiddenByHandError(
            gate.order,
            f"the date of gate {gate.id} is not yours to move: pay has `release-pay` and `hold-pay`, a bank its own",
        )
    if gate.deadline is None:
        raise ForbiddenByHandError(gate.order, f"gate {gate.id} is a right without a deadline: there is none to move")
    if until <= now:
        raise ForbiddenByHandError(gate.order, f"{stamp(until)} is over: give a date that lies ahead")
    if until < gate.deadline and gate.role is not Role.SELLER and not agreed:
        raise ForbiddenByHandError(
            gate.order,
            f"gate {gate.id} promised its owner until {stamp(gate.deadline)}: earlier only with their yes (--agreed)",
        )


def _with_deadline(gate: Gate, until: datetime, now: datetime, calendar: Calendar) -> Gate:
    """The gate with another deadline and the reminders that still make sense, one at least."""
    past = tuple(at for at in gate.reminders if at <= now)
    ahead = tuple(at for at in gate.reminders if now < at < until) or remind_at((HALF,), now, until, calendar)
    return replace(gate, deadline=until, reminders=(*past, *ahead))


def dated(gate: Gate, later: Gate, now: datetime) -> Change:
    """The write that gives an open gate its new dates, as long as the old ones stand."""
    put = {
        "deadline": stamp(later.deadline or now),
        "reminders": [stamp(at) for at in later.reminders],
    }
    if gate.role is Role.SELLER:
        put |= {"desk_due": stamp(later.deadline or now)}
    if gate.mailed or not person_owned(gate):
        put |= {"due": stamp(next_due(replace(later, mailed=True), now) or now), "due_shard": due_shard(gate.order)}
    as_read = absent("deadline") if gate.deadline is None else equals("deadline", stamp(gate.deadline))
    return Change(gate_key(gate.order, str(gate.id)), put=put, guards=(equals("status", Status.OPEN.value), as_read))


def _owner_calendar(ports: Ports, situation: Situation, gate: Gate) -> Calendar:
    if gate.role is Role.FREELANCER:
        return read_freelancer(ports.store, gate.owner).calendar
    return situation.client_calendar if gate.role is Role.CLIENT else situation.shop.calendar


def _move_work(ports: Ports, work: Gate, until: datetime, reason: str, *, agreed: bool) -> Gate:
    def caused(situation: Situation) -> tuple[Caused, Deed]:
        gate = read_gate(ports, work.order, str(work.id))
        _movable(gate, until, situation.now, agreed=agreed)
        told = deed(
            ports,
            situation,
            What.DEADLINE,
            reason,
            gate=gate,
            tells=(maker_of(situation),),
            facts={"until": stamp(until), "kind": Kind.WORK.value},
        )
        return work_moved(ports, situation, until), told

    _commit(ports, work.order, work.id.milestone, caused)
    return read_gate(ports, work.order, str(work.id))


def work_moved(ports: Ports, situation: Situation, until: datetime) -> Caused:
    """Another working deadline; where it passes the promised date, the client is asked: wait, or cancel free."""
    moved, promised = working_deadline_moved(ports, situation, until), situation.promised
    if promised is None or until <= promised:
        return moved
    return _asking(ports, situation, promised_date(until, 1, situation.shop.calendar), moved)


def _asking(ports: Ports, situation: Situation, later: datetime, moved: Caused) -> Caused:
    """The client's own gate about a later date: one about the same date waits already, or it replaces the older."""
    asked = missed_date(situation, ports.link_keys.current, later)
    known = [one for one in sides_of(ports, situation) if one.id.kind is Kind.CANCEL_LATE]
    if any(one.about == asked.about and one.status is Status.OPEN for one in known):
        return moved
    return replace(moved, opens=(asked,), writes=(*moved.writes, *superseded(ports, situation)))


# The promise --------------------------------------------------------------------------------------------------------


def move_promise(
    ports: Ports, order_id: str, number: str, until: datetime, *, reason: str, agreed: bool = False
) -> bool:
    """Another promised date, for an order (`00`) or one of several milestones; whether it has moved already.

    Later without the client's yes it is asked for at their own gate, and moves with it. Raises `OrderNotFoundError`,
    `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    moved: list[bool] = []

    def caused(situation: Situation) -> tuple[Caused, Deed]:
        order, now = situation.order.id, situation.now
        promised = situation.promised
        if promised is None or not _before_the_client(situation):
            raise ForbiddenByHandError(order, f"no date is promised at {situation.stage} that could still move")
        if until <= now:
            raise ForbiddenByHandError(order, f"{stamp(until)} is over: give a date that lies ahead")
        engagement = None if situation.milestone is None else situation.milestone.engagement
        if engagement is not None and until < engagement.deadline:
            raise ForbiddenByHandError(
                order, f"the work is due on {stamp(engagement.deadline)}: move that first (`relais order move`)"
            )
        at_once = agreed or until <= promised
        moved[:] = [at_once]
        facts = {"until": stamp(until)}
        told = deed(ports, situation, What.PROMISED, said, tells=(CLIENT,) if at_once else (), facts=facts)
        if not at_once:
            return _asking(ports, situation, until, Caused()), told
        settled = promise_moved(situation, until)
        return replace(settled, writes=(*settled.writes, *superseded(ports, situation))), told

    _commit(ports, order_id, number, caused)
    return moved[0]


def _before_the_client(situation: Situation) -> bool:
    if situation.order.stage is not OrderStage.MILESTONES:
        return situation.order.stage in {OrderStage.ASSIGN, OrderStage.PICK} and situation.milestone is None
    milestone = situation.milestone
    early = BEFORE_THE_CLIENT | {MilestoneStage.START}
    return milestone is not None and milestone.stage in early and not milestone.accepted


def _commit(ports: Ports, order_id: str, number: str, make: Callable[[Situation], tuple[Caused, Deed]]) -> None:
    """Write what a deed does with its audit; one that meets another write is decided again on what stands there then.

    Never beside an interrupt: what ends has no dates.
    """
    for last in reversed(range(TRIES)):
        situation = read_situation(ports, order_id, number)
        if interrupted(situation) or situation.order.stage in {*UNWOUND, OrderStage.DRAFT}:
            raise ForbiddenByHandError(order_id, f"it is at {situation.order.stage.value}, or is being ended")
        caused, told = make(situation)
        opened = numbered(situation, sides_of(ports, situation), caused.opens) if caused.opens else ()
        still = (equals("stage", situation.stage), equals("ordinal", situation.ordinal), *caused.guards)
        touched = caused.put or caused.remove
        here = Change(situation.key, caused.put, remove=caused.remove, guards=still)
        stands = (
            here if touched else Check(situation.key, still),
            Check(order_key(order_id), (not_interrupted(situation),)),
        )
        try:
            ports.store.write(*merged(*stands, *caused.writes, *opening_writes(situation, opened), told.write))
        except ConditionFailedError:
            if last:
                continue
            raise ForbiddenByHandError(order_id, "it moved on meanwhile: look, then do it again") from None
        for one in opened:
            send_first(ports, read_situation(ports, order_id, number), one)
        return


# Pay ----------------------------------------------------------------------------------------------------------------


def release_pay(ports: Ports, order_id: str, number: str, *, reason: str) -> Gate:
    """Let the pay of accepted work leave before its hold ends, and tell its maker.

    Never while the client may still withdraw, or was promised that they may reopen what their silence accepted, or a
    bank has the payment. Raises `OrderNotFoundError`, `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    situation, hold = _held(ports, order_id, number)
    milestone, now = situation.milestone, situation.now
    until = None if milestone is None else right_until(situation.order, (milestone,), now)
    if until is not None and milestone is not None and not milestone.refunded:
        raise ForbiddenByHandError(order_id, f"the client may withdraw until {stamp(until)}: the pay waits for that")
    if client_reopens(hold) and hold.deadline is not None:
        raise ForbiddenByHandError(
            order_id,
            f"the client was told that they may reopen it until {stamp(hold.deadline)}: the pay waits for that",
        )
    if situation.order.disputed is not None:
        raise ForbiddenByHandError(order_id, "a bank has the payment in dispute: nothing is paid out before it decides")
    told = deed(ports, situation, What.RELEASED, said, gate=hold, tells=(maker_of(situation),))
    given = Answer(Choice.RELEASE, Role.SELLER.value, Via.COMMAND)
    return answer(ports, situation, hold, given, (told.write,))


def hold_pay(ports: Ports, order_id: str, number: str, until: datetime, *, reason: str) -> Gate:
    """Keep the pay of accepted work until a later date, and tell its maker, within what the law leaves.

    Raises `OrderNotFoundError`, `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    _, hold = _held(ports, order_id, number)
    latest = hold.opened + timedelta(days=LEGAL_DAYS)
    if hold.deadline is not None and until <= hold.deadline:
        raise ForbiddenByHandError(
            order_id, f"the pay leaves on {stamp(hold.deadline)} at the earliest: `release-pay` lets it leave now"
        )
    if until > latest:
        raise ForbiddenByHandError(
            order_id,
            f"within {LEGAL_DAYS} days of the acceptance a supplier is paid (Code de commerce, L441-10): until "
            f"{stamp(latest)} at the latest; to give the money back, refund it",
        )
    later = replace(hold, deadline=until, reminders=())

    def caused(seen: Situation) -> tuple[Caused, Deed]:
        facts = {"until": stamp(until)}
        told = deed(ports, seen, What.BLOCKED, said, gate=hold, tells=(maker_of(seen),), facts=facts)
        return Caused(writes=(dated(hold, later, seen.now),)), told

    _commit(ports, order_id, number, caused)
    return read_gate(ports, order_id, str(hold.id))


def _held(ports: Ports, order_id: str, number: str) -> tuple[Situation, Gate]:
    """Accepted work whose pay is held now. Raises `ForbiddenByHandError`."""
    situation = read_situation(ports, order_id, number)
    hold = find_gate(ports, situation, Kind.HOLD)
    if hold is None or hold.status is not Status.OPEN or interrupted(situation):
        raise ForbiddenByHandError(
            order_id, f"milestone {number} is at {situation.stage}: no pay of it is held that could leave or wait"
        )
    return situation, hold


def reopen(ports: Ports, order_id: str, number: str, *, reason: str) -> Gate:
    """Put accepted work before its client again, until its pay leaves; also what they accepted by a word.

    Once for each milestone. Whom it concerns is told by the mails of the acceptance that opens. Raises
    `OrderNotFoundError`, `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    situation, hold = _held(ports, order_id, number)
    if Choice.REOPEN not in hold.choices:
        raise ForbiddenByHandError(
            order_id,
            f"milestone {number} cannot be reopened: it was once already, you made or bought it yourself, or its way "
            "began before this was possible; what is held can be given back (`relais order refund`)",
        )
    if situation.order.disputed is not None:
        raise ForbiddenByHandError(order_id, "a bank has the payment in dispute: it decides first")
    told = deed(ports, situation, What.REOPENED, said, gate=hold)
    given = Answer(Choice.REOPEN, Role.SELLER.value, Via.COMMAND)
    return answer(ports, situation, hold, given, (told.write,))


# Standing still -----------------------------------------------------------------------------------------------------


def pause(ports: Ports, order_id: str, until: datetime, *, reason: str, by_client: bool) -> None:
    """Let an order stand still until a date: nobody's time counts, nothing is decided by silence; all are told.

    The promised date stands still only where its client wants the pause (`by_client`). Money that is owed, a bank's
    date and what parked go on. Raises `OrderNotFoundError`, `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    situation = read_situation(ports, order_id, ORDER_LEVEL)
    order, now = situation.order, situation.now
    if not order.is_open or order.stage in UNWOUND or interrupted(situation):
        raise ForbiddenByHandError(order_id, f"it is at {order.stage.value}, or is being ended: nothing stands still")
    if order.paused is not None:
        raise ForbiddenByHandError(order_id, f"it stands still until {order.paused['until']}: `relais order go-on`")
    if not now < until <= now + timedelta(days=LONGEST_PAUSE_DAYS):
        raise ForbiddenByHandError(order_id, f"a pause ends within {LONGEST_PAUSE_DAYS} days, and not before it begins")
    paused = {"at": stamp(now), "until": stamp(until), **({"client": "yes"} if by_client else {})}
    facts = {"until": stamp(until)}
    told = deed(ports, situation, What.PAUSED, said, tells=(CLIENT, *_concerned(ports, order_id)), facts=facts)
    looked = stamp(min(order.due or until, until))
    change = Change(
        order_key(order_id),
        put={"paused": paused, "due": looked, "due_shard": due_shard(order_id)},
        guards=(absent("paused"), equals("stage", order.stage.value), not_interrupted(situation)),
    )
    try:
        ports.store.write(change, told.write)
    except ConditionFailedError:
        raise ForbiddenByHandError(order_id, "it moved on meanwhile: look, then do it again") from None


def go_on(ports: Ports, order_id: str, *, reason: str = "") -> bool:
    """End a pause: every date moves by the time that its owner's clock stood still; all are told.

    The clock does it by itself on the day. False where the order does not stand still. Raises `OrderNotFoundError`,
    `ForbiddenByHandError`.
    """
    for last in reversed(range(TRIES)):
        situation = read_situation(ports, order_id, ORDER_LEVEL)
        paused = situation.order.paused
        if paused is None:
            return False
        since = datetime.fromisoformat(paused["at"])
        by_hand = bool(reason)
        over = not situation.order.is_open or situation.order.stage in UNWOUND or interrupted(situation)
        concerned = () if over else (CLIENT, *_concerned(ports, order_id))  # what ended meanwhile was told as that
        told = deed(ports, situation, What.RESUMED, reason, tells=concerned)
        audit = told if by_hand else replace(told, by="clock", via=Via.CLOCK)
        change = Change(order_key(order_id), remove=("paused",), guards=(equals("paused", dict(paused)),))
        try:
            ports.store.write(
                *merged(change, *_shifted(ports, order_id, since, promise="client" in paused), audit.write)
            )
        except ConditionFailedError:
            if last:
                continue
            raise ForbiddenByHandError(order_id, "it moved on meanwhile: do it again") from None
        return True
    return False


def _shifted(ports: Ports, order_id: str, since: datetime, *, promise: bool) -> tuple[Write, ...]:
    """Every open gate's dates, each by its owner's working time since the pause began; with them the work's."""
    writes: list[Write] = []
    for gate in _waiting(ports, order_id):
        situation = read_situation(ports, order_id, gate.id.milestone)
        calendar, now = _owner_calendar(ports, situation, gate), situation.now
        began = max(since, gate.opened)
        if gate.deadline is None:
            continue
        ahead = [at if at <= began else later_by(at, began, now, calendar) for at in gate.reminders]
        until = later_by(gate.deadline, began, now, calendar)
        writes.append(dated(gate, replace(gate, deadline=until, reminders=tuple(ahead)), now))
        writes += _bound_later(situation, gate, until, began)
    if promise:
        writes += _promises_shifted(ports, order_id, since)
    return tuple(writes)


def _bound_later(situation: Situation, gate: Gate, until: datetime, began: datetime) -> tuple[Write, ...]:
    """What stands on a milestone of its gate's new date: the working deadline, and when it starts."""
    milestone, maker = situation.milestone, situation.freelancer
    if gate.id.kind not in {Kind.WORK, Kind.START} or milestone is None or milestone.engagement is None:
        return ()
    start = gate.id.kind is Kind.START
    due = milestone.engagement.deadline
    if start and maker is not None:
        due = later_by(due, began, situation.now, maker.calendar)
    bound = engagement_row(replace(milestone.engagement, deadline=due if start else until))
    put = {"engagement": bound} | ({"starts": stamp(until)} if start else {})
    return (Change(situation.key, put=put, guards=(equals("stage", milestone.stage.value),)),)


def _promises_shifted(ports: Ports, order_id: str, since: datetime) -> list[Write]:
    """The promised dates of what is not before its client yet, by whole working days."""
    situation = read_situation(ports, order_id, ORDER_LEVEL)
    calendar = situation.shop.calendar
    days = days_stood(since, situation.now, calendar)
    if not days or situation.order.promised is None:
        return []
    writes: list[Write] = [
        Change(
            milestone_key(order_id, one.number),
            put={"promised": stamp(promised_date(one.promised, days, calendar))},
            guards=(equals("stage", one.stage.value),),
        )
        for one in situation.milestones
        if one.promised is not None and one.stage in BEFORE_THE_CLIENT | {MilestoneStage.START, MilestoneStage.PENDING}
    ]
    later = stamp(promised_date(situation.order.promised, days, calendar))
    return [*writes, Change(order_key(order_id), put={"promised": later})]


def _waiting(ports: Ports, order_id: str) -> list[Gate]:
    gates = map(gate_from_row, ports.store.query(f"O#{order_id}", "G#"))
    return [gate for gate in gates if gate.status is Status.OPEN and gate.id.kind not in GOES_ON]


def _concerned(ports: Ports, order_id: str) -> tuple[str, ...]:
    """The freelancers who have something of it open, or work on it."""
    return tuple(gate.owner for gate in _waiting(ports, order_id) if gate.role is Role.FREELANCER)
