"""Priced extras: something more for work under way, with a price that is read before it is paid.

Design: workflow section 1 (side gate `extra`), people 5b, money A 7. The client asks for it, reads price and date, and
pays by a hosted checkout of its own or goes without. Paid, it is booked in one transaction: the second charge, the
milestone's price and cost, what its maker is paid, both dates. Paid too late or twice it goes back whole.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from relais.announcement import Announcement, Topic
from relais.calendar import due_after
from relais.charge import Charge
from relais.gate import (
    OWED_AFTER,
    Choice,
    Decision,
    Default,
    Gate,
    Kind,
    Owed,
    Role,
    Status,
    Via,
    decision_row,
    due_shard,
)
from relais.offer import Extra
from relais.order import Engagement, Milestone, Order, stamp
from relais.ports import ConditionFailedError, PaidSession, Ports, SessionRequest
from relais.rows import Change, Put, Row, Write, absent, equals, gate_key, merged, paid_key, present, session_key
from relais.steps.asking import TRIES, open_side
from relais.steps.charges import charged_writes
from relais.steps.contracts import asked
from relais.steps.door import tell_answer
from relais.steps.extra_list import extras_asked, extras_offered
from relais.steps.lateness import promise_moved, working_deadline_moved
from relais.steps.links import gate_link, gate_path
from relais.steps.side import standing
from relais.steps.situation import Situation, find_gate, over, read_gate, read_situation
from relais.steps.strays import stray_act

SESSION_LIVES = timedelta(hours=2)
"""Short: who goes without, or whose work comes meanwhile, shall not pay for it the next day."""
STILL_PAYABLE = timedelta(minutes=31)
"""Stripe takes no session that ends sooner than in half an hour (docs.stripe.com/api/checkout/sessions)."""


# The question -----------------------------------------------------------------------------------------------------


def ask_extra(ports: Ports, order: str, milestone: str, key: str) -> Gate | None:
    """Ask the client to pay for one of the offer's extras; nothing where it may not be asked for now."""
    return open_side(ports, order, milestone, lambda situation: _question(ports, situation, key))


def _question(ports: Ports, situation: Situation, key: str) -> Gate | None:
    known = extras_asked(ports, situation)
    here = [gate for gate in known if gate.shown["extra"] == key]
    waiting = next((gate for gate in here if gate.status is Status.OPEN), None)
    extra = next((one for one in extras_offered(situation, known) if one.key == key), None)
    work = find_gate(ports, situation, Kind.WORK)
    if waiting is not None:
        return waiting
    if extra is None or work is None or work.status is not Status.OPEN:
        return None
    later = _promised(situation, extra)
    return asked(
        situation,
        Kind.EXTRA,
        ports.link_keys.current,
        role=Role.CLIENT,
        choices=(Choice.GO_ON,),
        default=Default.GO_ON,
        shown={"extra": key, "amount": extra.price, "title": extra.title.in_(situation.order.lang)}
        | ({} if later is None else {"until": stamp(later)}),
        about=f"{key} {len(here)}",
        beside=str(work.id),
    )


def _promised(situation: Situation, extra: Extra) -> datetime | None:
    """The client's date with it; nothing where it adds no time."""
    if extra.adds is None or situation.promised is None:
        return None
    return due_after(extra.adds, situation.promised, situation.shop.calendar)


# The checkout -----------------------------------------------------------------------------------------------------


def checkout_extra(ports: Ports, order: Order, name: str) -> str:
    """Where the button of an extra leads: its one payable session, or its own page where it is paid or over.

    Two presses at once meet in one session, as at the order's own checkout. Raises `GateNotFoundError`,
    `MalformedGateIdError`.
    """
    for _ in range(TRIES):
        gate = read_gate(ports, order.id, name)
        page = gate_path(ports, order, gate)
        situation = read_situation(ports, order.id, gate.id.milestone)
        if gate.id.kind is not Kind.EXTRA or gate.status is not Status.OPEN or over(ports, situation, gate):
            return page
        row = ports.store.get(gate_key(order.id, name)) or {}
        if "session" in row:
            known = ports.payments.session(row["session"])
            if known.status == "complete":
                return page
            if known.status == "open" and known.url:
                return known.url
        url = _opened(ports, situation, gate, row)
        if url is not None:
            return url
    return page


def _opened(ports: Ports, situation: Situation, gate: Gate, row: Row) -> str | None:
    """A session for it, reserved before: of two presses at once both ask Stripe for the same."""
    key, order, number = gate_key(gate.order, str(gate.id)), situation.order, int(row.get("checkout", 0))
    expires = datetime.fromisoformat(row["checkout_expires"]) if number else situation.now
    if "session" in row or expires < situation.now + STILL_PAYABLE:
        number, expires = number + 1, situation.now + SESSION_LIVES
        as_read = equals("checkout", number - 1) if number > 1 else absent("checkout")
        reserved = {"checkout": number, "checkout_expires": stamp(expires)}
        open_still = equals("status", Status.OPEN.value)
        try:
            ports.store.write(Change(key, put=reserved, remove=("session",), guards=(as_read, open_still)))
        except ConditionFailedError:
            return None
    link = gate_link(ports, order, gate)
    session = ports.payments.open_session(
        SessionRequest(
            order=order.id,
            number=number,
            amount=gate.shown["amount"],
            currency=order.currency,
            title=gate.shown["title"],
            lang=order.lang,
            email=order.client_email,
            success_url=link,
            cancel_url=link,
            expires_at=datetime.fromisoformat(stamp(expires)),
            what=str(gate.id),
        )
    )
    try:
        ports.store.write(
            Put(session_key(session.id), {"v": 1, "order": order.id, "extra": str(gate.id)}, guards=()),
            Change(key, put={"session": session.id}, guards=(equals("checkout", number),)),
        )
    except ConditionFailedError:
        return None
    return session.url


# Paid -------------------------------------------------------------------------------------------------------------


def book_extras(ports: Ports, order: str) -> None:
    """Book what was paid for extras, from Stripe's own word. Asked any number of times."""
    for row in ports.store.query(f"O#{order}", "P#"):
        if "due" in row:
            _settle(ports, order, row)


def _settle(ports: Ports, order: str, row: Row) -> None:
    session = ports.payments.session(row["session"])
    if session.payment_status != "paid" or session.order != order:
        return
    for _ in range(TRIES):
        gate = read_gate(ports, order, row["gate"])
        situation = read_situation(ports, order, gate.id.milestone)
        taken = _takes(ports, situation, gate, session)
        done = Change(
            paid_key(order, session.id),
            put={"taken": taken},
            remove=("due", "due_shard"),
            guards=(present("due"),),
        )
        what = _bought(ports, situation, gate, session) if taken else stray_act(ports, order, session.id)
        try:
            ports.store.write(*merged(done, *what))
        except ConditionFailedError:
            continue
        if taken:
            tell_answer(ports, read_gate(ports, order, row["gate"]))
        return


def _takes(ports: Ports, situation: Situation, gate: Gate, session: PaidSession) -> bool:
    """Whether it is still asked, by the same price: else what was paid goes back whole (ledger row 20)."""
    same = (session.amount, session.currency) == (gate.shown["amount"], situation.order.currency)
    frozen = situation.order.disputed is not None
    return same and not frozen and gate.status is Status.OPEN and not over(ports, situation, gate)


def _bought(ports: Ports, situation: Situation, gate: Gate, session: PaidSession) -> tuple[Write, ...]:
    """One transaction: the charge, price and cost, the pay, both dates, the answer, and the mails that are owed."""
    extra = next(one for one in situation.offer.extras if one.key == gate.shown["extra"])
    milestone, order = situation.milestone, situation.order
    if milestone is None or milestone.engagement is None:
        return ()
    charge = Charge(
        order=order.id,
        name=f"{milestone.number}-{gate.id.ordinal:04d}",
        about=str(gate.id),
        amount=session.amount,
        left=session.amount,
        currency=session.currency,
        payment_intent=session.payment_intent or "",
        charge=session.charge or "",
        session=session.id,
        paid=situation.now,
    )
    dated = _dated(situation, milestone.engagement, extra)
    later = replace(milestone, engagement=dated)
    return (
        *charged_writes(charge, later, price=session.amount, cost=extra.cost),
        *_answered(situation, gate),
        *standing(situation, gate),
        *working_deadline_moved(ports, situation, dated.deadline).writes,
        *_promise(situation, extra),
        *_told(situation, milestone, dated, extra),
    )


def _dated(situation: Situation, engagement: Engagement, extra: Extra) -> Engagement:
    if extra.adds is None or situation.freelancer is None:
        return engagement
    return replace(engagement, deadline=due_after(extra.adds, engagement.deadline, situation.freelancer.calendar))


def _answered(situation: Situation, gate: Gate) -> tuple[Write, ...]:
    decision = Decision(Choice.PAID, Role.CLIENT.value, situation.now, Via.LINK)
    put: dict[str, Any] = {
        "status": Status.ANSWERED.value,
        "decision": decision_row(decision),
        "owes": {Owed.MAIL.value: 0},
        "due": stamp(situation.now + OWED_AFTER),
        "due_shard": due_shard(gate.order),
    }
    return (Change(gate_key(gate.order, str(gate.id)), put=put, guards=(equals("status", Status.OPEN.value),)),)


def _promise(situation: Situation, extra: Extra) -> tuple[Write, ...]:
    later = _promised(situation, extra)
    if later is None:
        return ()
    moved = promise_moved(situation, later)
    own = (Change(situation.key, put=moved.put),) if moved.put else ()
    return (*own, *moved.writes)


def _told(situation: Situation, milestone: Milestone, engagement: Engagement, extra: Extra) -> tuple[Write, ...]:
    """Who works on it reads what is added, what it pays, and their new date; the seller's own work needs no mail."""
    maker = situation.freelancer
    if maker is None or engagement.by_hand:
        return ()
    said = Announcement(
        freelancer=maker.key,
        topic=Topic.EXTRA,
        at=situation.now,
        by=Role.CLIENT.value,
        via=Via.LINK,
        order=situation.order.id,
        facts={
            "amount": extra.cost,
            "now": milestone.due + extra.cost,
            "currency": situation.order.currency,
            "milestone": milestone.number,
            "extra": extra.title.in_(maker.lang),
            "last": engagement.deadline.date().isoformat(),
        },
    )
    return (said.write,)
