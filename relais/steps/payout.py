"""Paying the freelancer: the transfer as an act, the card fee when it is known, the order's end.

Design: money sections A 3, A 4, A 8 and C. An act is committed before it is sent, sent under its own key, and its
result is one transaction with the ledger, the money rows and the gate. A refusal or an unknown answer parks, and the
seller decides.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from relais import ledger
from relais.act import ENDED, Act, ActKind, ActState, is_much, nth
from relais.announcement import Announcement, Topic
from relais.charge import Part, charge_key, paid_from
from relais.errors import RelaisError
from relais.gate import HEARTBEAT, OWED_AFTER, Choice, Gate, GateId, Kind, Owed, Role, Status, Via, due_shard
from relais.metrics import Metric
from relais.order import ORDER_LEVEL, Milestone, MilestoneStage, Order, OrderStage, milestone_from_row, stamp
from relais.pages.letter_views import LetterView
from relais.ports import ConditionFailedError, Ports
from relais.recipient import Recipient
from relais.roster import Freelancer, owes_name
from relais.rows import (
    Change,
    Guard,
    Write,
    absent,
    at_least,
    below,
    entry_key,
    equals,
    freelancer_key,
    gate_key,
    milestone_key,
    order_key,
    present,
)
from relais.steps import letters
from relais.steps.acts import (
    OPEN_STATES,
    Done,
    Ended,
    Later,
    Outcome,
    acts_of,
    again,
    done,
    intent,
    plan,
    refuse,
    send,
)
from relais.steps.charges import charges_of, funding_of
from relais.steps.contracts import contract
from relais.steps.decisions import Answer, Effects, bank_puts, entry_put, not_interrupted
from relais.steps.disputes import answer_disputes, dispute_told
from relais.steps.extras import book_extras
from relais.steps.gates import (
    GateCall,
    StageMismatchError,
    SupersededError,
    answer,
    answer_token,
    create,
    fence,
    interruptible,
    keep_token,
    park_act,
    resume_decided,
    told_of_end,
)
from relais.steps.inviting import no_more_waiting
from relais.steps.late_refund import late_acts
from relais.steps.onboarding import ACCOUNT_NOT_READY, UNPAYABLE, wait_for_account
from relais.steps.outcomes import settle_unknown
from relais.steps.readiness import read_recipient
from relais.steps.reassign import pay_former
from relais.steps.recipients import look
from relais.steps.refund import give_back_strays, open_refund, refund_gates, settle_refunds
from relais.steps.roster import rise
from relais.steps.side import withdraw_moot
from relais.steps.situation import Situation, find_gate, interrupted, read_gate, read_order, read_situation
from relais.steps.trials import trials_ended


class MilestonesOpenError(RelaisError):
    """An order cannot end while one of its milestones has not."""

    def __init__(self, order: str, numbers: tuple[str, ...]) -> None:
        """Keep which are open."""
        super().__init__(
            f"order {order}: milestones {', '.join(numbers)} have not ended: see `relais order show {order}`"
        )
        self.numbers = numbers


def open_money_gate(ports: Ports, call: GateCall) -> None:
    """Open the gate of a state that moves money: a payout, or a refund of a milestone or of the order."""
    if call.stage == MilestoneStage.PAYOUT.value:
        open_payout(ports, call)
        return
    open_refund(ports, call)


def open_payout(ports: Ports, call: GateCall) -> None:
    """Open the gate that answers itself: plan what is due, send it, and answer `paid`.

    With nothing due, `nothing_due`.
    """
    situation = read_situation(ports, call.order, call.milestone)
    fence(situation, call.run)
    if resume_decided(ports, situation, call):
        return
    gate = find_gate(ports, situation, Kind.PAYOUT) or create(
        ports, situation, contract(situation, Kind.PAYOUT, ports.link_keys.current)
    )
    keep_token(ports, gate, call)
    gate = read_gate(ports, gate.order, str(gate.id))
    if gate.status is not Status.OPEN:
        answer_token(ports, gate, call.token)
        return
    if interrupted(situation) and interruptible(situation, gate):
        answer(ports, situation, gate, Answer(Choice.CANCELLED, "engine", Via.ENGINE))
        return
    pay(ports, situation, gate)


def pay(ports: Ports, situation: Situation, gate: Gate) -> None:
    """Bring the act of an open payout gate forward as far as it goes now.

    Where the account is not ready the gate stays open: it is asked for, and the pay follows by itself (money A 8).
    """
    if situation.order.disputed is not None and not _under_way(ports, gate):
        return  # frozen until the dispute is decided, which takes it up again; so does the clock
    acts = _acts_of(ports, situation, gate)
    if not acts:
        answer(ports, situation, gate, Answer(Choice.NOTHING_DUE, "engine", Via.ENGINE))
        return
    left = len(acts)
    for act in acts:
        if _part_paid(ports, situation, gate, act, last=left == 1):
            left -= 1
        elif not act.unconfirmed:  # the seller is asked about each part, and may say yes to the later one first
            return


def _part_paid(ports: Ports, situation: Situation, gate: Gate, act: Act, *, last: bool) -> bool:
    """Send the part that one charge bears; whether the next may follow. The gate is answered with the last one."""
    if act.state not in OPEN_STATES and not _waits(act):
        if act.state is not ActState.DONE:
            park_act(ports, situation, gate, act)
        return False
    recipient = None if act.first_sent and not _waits(act) else _recipient(ports, situation)
    outcome = _send(ports, situation, act, recipient)
    match outcome:
        case Done():
            _done(ports, situation, gate, act, outcome, last=last)
        case Ended() if _waits(outcome.act):
            wait_for_account(ports, gate)
        case Ended():
            park_act(ports, situation, gate, outcome.act)
        case Later():
            pass
    return isinstance(outcome, Done)


def _under_way(ports: Ports, gate: Gate) -> bool:
    """Whether its transfer was sent before: it arrives, and a loss is settled as after a transfer.

    One that was only planned waits with everything else: where the dispute is lost, it is planned anew.
    """
    acts = acts_of(ports, gate.order, ActKind.TRANSFER, gate.id.milestone)
    return any(act.state in OPEN_STATES and act.first_sent is not None for act in acts)


def _waits(act: Act) -> bool:
    """Whether an act was refused because of an account that may become ready."""
    return act.state is ActState.REFUSED and act.why in UNPAYABLE


def _recipient(ports: Ports, situation: Situation) -> Recipient:
    """To whom the pay goes, re-read at the moment of paying (design: money A 8). Raises `AccountUnreadError`."""
    return Recipient("") if situation.freelancer is None else look(ports, situation.freelancer)


def _acts_of(ports: Ports, situation: Situation, gate: Gate) -> list[Act]:
    """The acts of this gate: those under way, else those that parked and go on, else new ones for what is due."""
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        return []
    known = acts_of(ports, gate.order, ActKind.TRANSFER, milestone.number)
    pending = _pending(known)
    if pending:
        return [_taken_up(ports, situation, milestone, act) for act in pending]
    if milestone.left_to_send == 0:
        return []
    before = sum(act.id.partition(".")[0] == _id(gate) for act in known)  # given up: each name is used once
    return _plan(ports, situation, milestone, gate, before + 1)


def _id(gate: Gate) -> str:
    return f"{ActKind.TRANSFER.value}-{gate.id.milestone}-{gate.id.ordinal:04d}"


def _pending(acts: list[Act]) -> list[Act]:
    return [act for act in acts if act.state not in ENDED]


def _taken_up(ports: Ports, situation: Situation, milestone: Milestone, act: Act) -> Act:
    """An act that ended badly goes on only after its milestone was parked.

    A gate that parks it does not send it again. What waits for an account is no bad end: it is looked at each time.
    """
    if _waits(act):
        return act
    parked_since = situation.last is not None and GateId.parse(situation.last).kind is Kind.PARK
    if act.state in OPEN_STATES or not parked_since or act.tried_at == situation.ordinal:
        return act
    return again(ports, replace(act, tried_at=situation.ordinal), _body_again(ports, situation, milestone, act))


def _plan(ports: Ports, situation: Situation, milestone: Milestone, gate: Gate, first: int) -> list[Act]:
    """Reserve and write the intents; nothing is left to send where its freelancer owes all of it.

    Each charge of the milestone bears a part, the oldest first, by an act of its own (design: money A 4). What its own
    share no longer holds is the seller's to bear, by the frozen policy. A milestone never draws on another's share:
    what a client may get back is there whatever else was paid.
    """
    due = milestone.left_to_send
    maker = situation.freelancer
    netted = 0 if maker is None else min(due, maker.owing(situation.order.currency))
    amount = due - netted
    parts = paid_from(amount, funding_of(ports.store, situation.order, milestone), milestone.sent)
    held = min(sum(part.amount for part in parts if part.funding is not None), situation.order.left)
    much = is_much(amount, situation.order.currency, situation.offer.policy.confirm)
    acts = [
        replace(_act(ports, situation, gate, part, number), unconfirmed=much)
        for number, part in enumerate(parts, start=first)
    ]
    reserves: tuple[Write, ...] = (
        Change(
            order_key(gate.order),
            add={"left": -held, "in_transit": amount, "borne": amount - held},
            guards=(at_least("left", held), not_interrupted(situation), absent("disputed")),
        ),
        Change(
            milestone_key(gate.order, milestone.number),
            add={"left_to_send": -due, "in_transit": amount} | ({"netted": netted} if netted else {}),
            guards=(
                at_least("left_to_send", due),
                below("refunded", milestone.refunded + 1),
                equals("stage", MilestoneStage.PAYOUT.value),
                absent("interrupt"),
            ),
        ),
        *(intent(ports, act) for act in acts[1:]),
    )
    kept = _netted(situation, maker, gate, netted, first) if maker is not None and netted else ()
    if not acts:
        ports.store.write(*reserves, *kept)
        return []
    planned = plan(ports, acts[0], *reserves, *kept)
    if len(acts) == 1:
        return [planned]
    return _pending(acts_of(ports, gate.order, ActKind.TRANSFER, milestone.number))


def _operation(gate: Gate, number: int) -> str:
    return nth(f"{gate.order}:{ActKind.TRANSFER.value}:{gate.id.milestone}:{gate.id.ordinal}", number)


def _act(ports: Ports, situation: Situation, gate: Gate, part: Part, number: int) -> Act:
    operation = _operation(gate, number)
    charge = "" if part.funding is None else part.funding.charge
    return Act(
        order=gate.order,
        id=nth(_id(gate), number),
        kind=ActKind.TRANSFER,
        milestone=gate.id.milestone,
        operation=operation,
        amount=part.amount,
        currency=situation.order.currency,
        body=_body(ports, situation, operation, part.amount, charge) | {"borne": part.funding is None},
        tried_at=gate.id.ordinal,
    )


def _netted(situation: Situation, maker: Freelancer, gate: Gate, amount: int, number: int) -> tuple[Write, ...]:
    """What a freelancer owes is kept of their pay, booked, and told to them (row 11; minor units)."""
    currency = situation.order.currency
    entry = ledger.netted(
        order=gate.order,
        op=_operation(gate, number),
        amount=amount,
        currency=currency,
        freelancer=maker.key,
        at=situation.now,
    )
    rest = maker.owing(currency) - amount
    said = Announcement(
        freelancer=maker.key,
        topic=Topic.NETTED,
        at=situation.now,
        by="engine",
        via=Via.ENGINE,
        order=gate.order,
        facts={"amount": amount, "now": rest, "currency": currency, "milestone": gate.id.milestone},
    )
    owed = Change(
        freelancer_key(maker.key), add={owes_name(currency): -amount}, guards=(at_least(owes_name(currency), amount),)
    )
    return (entry_put(entry), owed, said.write)


def _body(ports: Ports, situation: Situation, operation: str, amount: int, charge: str) -> dict[str, Any]:
    """What the transfer asks of Stripe, frozen with its generation; `charged` is the charge that bears it, ours alone.

    What no charge bears comes from the balance.
    """
    return {
        "amount": amount,
        "currency": situation.order.currency,
        "destination": _account(ports, situation),
        "source_transaction": _source(ports, charge),
        "charged": charge,
        "transfer_group": situation.order.id,
        "description": f"Relais {situation.order.id} {situation.number}",
        "metadata": {"op": operation, "order": situation.order.id},
    }


def _body_again(ports: Ports, situation: Situation, milestone: Milestone, act: Act) -> dict[str, Any]:
    """The same for another generation; one planned by an older release was borne by the order's own charge."""
    former = situation.order.charge or "" if act.amount <= milestone.held else ""
    charge = str(act.body.get("charged", former))
    borne = {name: act.body[name] for name in ("borne",) if name in act.body}
    return _body(ports, situation, act.operation, act.amount, charge) | borne


def _source(ports: Ports, charge: str) -> str:
    """The charge, named only while it is not yet available: afterwards the balance pays (design: money A 4)."""
    if not charge:
        return ""
    settled = ports.payments.charge(charge).settlement
    return charge if settled is None or settled.available_on > ports.now() else ""


def _account(ports: Ports, situation: Situation) -> str:
    return "" if situation.freelancer is None else read_recipient(ports.store, situation.freelancer).account


def _send(ports: Ports, situation: Situation, act: Act, recipient: Recipient | None) -> Outcome:
    """Transfers are gated on the capability (design: money A 8).

    What was sent before is only asked about again under its key, however its account stands by now: it may have
    arrived. `recipient` is then nobody.
    """
    if recipient is None:
        return send(ports, act)
    if not recipient.ready:
        return Ended(act) if _waits(act) else refuse(ports, act, ACCOUNT_NOT_READY)
    if not _waits(act) and act.body["destination"] != recipient.account:  # planned before there was an account
        act = refuse(ports, act, ACCOUNT_NOT_READY).act
    if not _waits(act) or situation.milestone is None:
        return send(ports, act)
    body = _body_again(ports, situation, situation.milestone, act)
    return send(ports, again(ports, replace(act, tried_at=situation.ordinal), body))


def _done(ports: Ports, situation: Situation, gate: Gate, act: Act, outcome: Done, *, last: bool) -> None:
    """The result: act, both ledger entries, both money rows, and with the last the gate's answer; one transaction."""
    freelancer = situation.freelancer
    now = ports.now()
    business = ledger.transferred(
        order=act.order,
        op=act.operation,
        amount=act.amount,
        currency=act.currency,
        freelancer=freelancer.key if freelancer else "",
        at=now,
    )
    writes: list[Write] = [
        done(ports, act, outcome),
        entry_put(business),
        Change(
            order_key(act.order),
            add={"in_transit": -act.amount, "sent": act.amount},
            guards=(at_least("in_transit", act.amount),),
        ),
    ]
    if (act.generation or _waits(act)) and freelancer is not None:
        writes += no_more_waiting(read_recipient(ports.store, freelancer), act.order, act.milestone)
    if outcome.settlement is not None:
        bank = ledger.transfer_settled(
            order=act.order,
            txn=outcome.settlement.id,
            op=act.operation,
            amount=-outcome.settlement.net,
            currency=outcome.settlement.currency,
            at=now,
        )
        writes += bank_puts(ports.store, bank)
    pots = {"in_transit": -act.amount, "sent": act.amount}
    if last:
        extra = Effects(add=pots, writes=tuple(writes))
        answer(ports, situation, gate, Answer(Choice.PAID, "engine", Via.ENGINE), extra)
    else:
        sent = Change(situation.key, add=pots, guards=(at_least("in_transit", act.amount),))
        ports.store.write(*writes, sent)
    ports.counter.count(Metric.TRANSFER_DONE)


def _due(ports: Ports, order: str, after: timedelta) -> dict[str, str]:
    return {"due": stamp(ports.now() + after), "due_shard": due_shard(order)}


def run_owed(ports: Ports, order_id: str, owed: str) -> None:
    """Do what an order owes that needs Stripe: book its card fee, or go on with its acts.

    Of a dispute its own id is given: which order it is about only Stripe knows; of a debit its checkout session's.
    """
    if owed == Owed.FEE.value:
        book_fee(ports, order_id)
        return
    if owed == Owed.DISPUTE.value:
        dispute_told(ports, order_id)
        return
    if owed == Owed.DEBIT.value:
        from relais.steps.debits import look_at_debit  # only a debit takes it

        look_at_debit(ports, order_id)
        return
    book_extras(ports, order_id)
    run_acts(ports, order_id)
    refund_gates(ports, order_id)
    pay_former(ports, order_id)
    give_back_strays(ports, order_id)
    late_acts(ports, order_id)
    settle_refunds(ports, order_id)
    answer_disputes(ports, order_id)
    settle_unknown(ports, order_id)


def run_acts(ports: Ports, order_id: str) -> None:
    """Go on with the acts of an order that are under way (called by the clock)."""
    order = read_order(ports.store, order_id)
    for row in ports.store.query(f"O#{order_id}", "M#"):
        milestone = milestone_from_row(row)
        if milestone.stage is not MilestoneStage.PAYOUT:
            continue
        situation = read_situation(ports, order.id, milestone.number)
        gate = find_gate(ports, situation, Kind.PAYOUT)
        if gate is not None and gate.status is Status.OPEN:
            pay(ports, situation, gate)


def book_fee(ports: Ports, order_id: str) -> None:
    """Book the balance transactions of an order's charges, once they exist (ledger row 1, bank entry).

    Asked any number of times. The fee of the order is that of its own charge, each later one keeps its own; a stray
    payment's only stands in the ledger (row 20: the lost fee stays in fee.card).
    """
    order = read_order(ports.store, order_id)
    if order.stage in {OrderStage.DRAFT, OrderStage.PAID}:
        return
    later = [one.charge for one in charges_of(ports.store, order_id) if one.fee is None]
    owed = (order.owes_fee, order.charge if order.fee is None else None, *later)
    for charge in dict.fromkeys(one for one in owed if one):
        _book_charge(ports, order, charge)


def _book_charge(ports: Ports, order: Order, charge: str) -> None:
    seen = ports.payments.charge(charge)
    settled = seen.settlement
    if settled is None:
        return
    from relais.bank import Movement, bank_entry  # whoever does not pay books no line of Stripe's

    line = Movement(
        id=settled.id,
        kind=settled.type,
        amount=settled.amount,
        fee=settled.fee,
        net=settled.net,
        currency=settled.currency,
        created=settled.created,
        order=order.id,
        payment_intent=seen.payment_intent or order.session or "",
    )
    entry = bank_entry(line, ports.now())
    own = seen.payment_intent == order.payment_intent
    later = [] if own else [one for one in charges_of(ports.store, order.id) if one.charge == charge]
    known = [Change(charge_key(order.id, one.name), put={"fee": settled.fee}) for one in later]
    due, done, as_read = _due_after_fee(ports, order)
    change = Change(
        order_key(order.id),
        put=({"fee": settled.fee, "charge": charge, "charge_booked": charge} if own else {}) | due,
        remove=(*(("owes_fee",) if charge == order.owes_fee else ()), *done),
        guards=(*((absent("fee"),) if own else ()), present("pk"), as_read),
    )
    try:
        ports.store.write(change, *known, *bank_puts(ports.store, entry))
    except ConditionFailedError:
        _settle_fee(ports, order, charge, settled.id)
        return
    ports.counter.count(Metric.FEE_BOOKED)


def _settle_fee(ports: Ports, order: Order, charge: str, transaction: str) -> None:
    """Where it is booked already, only what is owed of it is left to be cleared; else the clock comes back."""
    if charge != order.owes_fee or ports.store.get(entry_key(order.id, transaction)) is None:
        return
    try:
        ports.store.write(Change(order_key(order.id), remove=("owes_fee",), guards=(equals("owes_fee", charge),)))
    except ConditionFailedError:
        return


def _due_after_fee(ports: Ports, order: Order) -> tuple[dict[str, str], tuple[str, ...], Guard]:
    """When the clock looks again once the fee is booked: what else is owed keeps its date."""
    as_read = absent("due") if order.due is None else equals("due", stamp(order.due))
    owed = (order.owes_start, order.owes_mail, order.owes_address, order.owes_sweep, order.owes_receipt)
    if any(one is not None for one in owed) or order.dead_run == order.run:
        return {}, (), as_read
    if order.is_open:
        return _due(ports, order.id, HEARTBEAT), (), as_read
    return {}, ("due", "due_shard"), as_read


def close(ports: Ports, order_id: str, run: int) -> None:
    """The end: every milestone has ended, nothing is owed any more. Raises `MilestonesOpenError`, `SupersededError`."""
    order = read_order(ports.store, order_id)
    if run < order.run:
        raise SupersededError(order_id, run, order.run)
    if order.stage is OrderStage.COMPLETED:
        return
    milestones = [milestone_from_row(row) for row in ports.store.query(f"O#{order_id}", "M#")]
    still = tuple(one.number for one in milestones if one.stage is not MilestoneStage.CLOSED)
    if still:
        raise MilestonesOpenError(order_id, still)
    if order.stage not in {OrderStage.MILESTONES, OrderStage.CLOSE}:
        raise StageMismatchError(order_id, OrderStage.CLOSE.value, order.stage.value)
    lasts = [one.last for one in milestones] + ([order.last] if order.stage is OrderStage.CLOSE else [])
    settled = [
        Change(gate_key(order_id, last), remove=("owes", "due", "due_shard"), guards=(present("pk"),))
        for last in lasts
        if last is not None
    ]
    end = Change(
        order_key(order_id),
        put={"stage": OrderStage.COMPLETED.value, "completed": stamp(ports.now()), "owes_mail": 0}
        | _due(ports, order_id, OWED_AFTER),
        guards=(equals("stage", order.stage.value),),
    )
    ports.store.write(end, *settled)
    ports.counter.count(Metric.ORDER_COMPLETED)
    withdraw_moot(ports, order_id)
    tell_completed(ports, read_order(ports.store, order_id))


def tell_completed(ports: Ports, order: Order) -> None:
    """Do and send what the end of an order owes, then mark it sent; a fee that is not known keeps the clock looking.

    What its makers have earned by it comes first: whoever is changed at the same moment makes the clock come back.
    """
    rise(ports, order)
    trials_ended(ports, order)
    milestones = [milestone_from_row(row) for row in ports.store.query(f"O#{order.id}", "M#")]
    lasts = [one.last for one in milestones if one.last is not None] if len(milestones) > 1 else []
    if not all(told_of_end(ports, order.id, last) for last in lasts):
        return
    for letter in _last_letters(ports, order, milestones):
        ports.mailer.send(letter)
    quiet = at_rest(order)
    owed = any(one is not None for one in (order.owes_sweep, order.owes_address, order.owes_receipt))
    later = OWED_AFTER if owed else HEARTBEAT
    ports.store.write(
        Change(
            order_key(order.id),
            put={} if quiet else _due(ports, order.id, later),
            remove=("owes_mail", "due", "due_shard") if quiet else ("owes_mail",),
            guards=(equals("stage", OrderStage.COMPLETED.value),),
        )
    )


def at_rest(order: Order) -> bool:
    """Whether the clock has nothing more to look for on an order that has ended."""
    known = order.fee is not None or order.paid == 0
    return known and order.owes_sweep is None and order.owes_address is None and order.owes_receipt is None


def _last_letters(ports: Ports, order: Order, milestones: list[Milestone]) -> list[LetterView]:
    if len(milestones) > 1 and milestones[0].engagement is not None:
        return _last_of_several(ports, order, milestones)
    began = [one for one in milestones if one.engagement is not None]
    if not began:
        return list(letters.refunded(ports, read_situation(ports, order.id, ORDER_LEVEL)))
    written: list[LetterView] = []
    for milestone in began:
        mails = letters.completed(ports, read_situation(ports, order.id, milestone.number))
        written += [letter for letter in mails if letter.role is not Role.CLIENT or not written]
    return written


def _last_of_several(ports: Ports, order: Order, milestones: list[Milestone]) -> list[LetterView]:
    """Each milestone's people were told at its own end; the order's end is one mail to the client, if any was kept."""
    kept = [one for one in milestones if not one.undone]
    if not kept:
        return []
    situation = read_situation(ports, order.id, kept[-1].number)
    return [
        replace(letter, milestone=None) for letter in letters.completed(ports, situation) if letter.role is Role.CLIENT
    ]
