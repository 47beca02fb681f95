"""Disputes: what a bank takes back freezes what is left of an order until it is decided (design: money B 12 to 14).

An overlay, at any moment and after the end too: while the order's row says `disputed` no movement of money of it is
planned, by the same kind of condition that an interrupt sets; every other question goes on. The seller is asked in a
side gate, and the evidence is sent by default before the bank's date. A lost dispute is a refund that the bank made:
unearned money is the client's again, what was earned is a loss, and the freelancer is paid by the frozen policy.
Events are hints: what stands at Stripe is read each time, and each step is written once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from relais import ledger
from relais.act import Act, ActKind, ActState, act_from_row
from relais.bank import bank_entry, moves_money
from relais.calendar import Reminder, remind_at, subtract_working_days
from relais.charge import Charge, fundings, given_back_to
from relais.dispute import ENDED, Dispute, DisputeSeen, DisputeState, dispute_from_row, dispute_row
from relais.gate import OWED_AFTER, OWED_TRIES, Choice, Default, Gate, Kind, Role, due_shard
from relais.metrics import Metric
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL, Milestone, MilestoneStage, Order, OrderStage, stamp
from relais.ports import (
    AnswerUnknownError,
    ConditionFailedError,
    MovementRefusedError,
    Ports,
    TryAgainError,
)
from relais.rows import (
    Change,
    Put,
    Row,
    Write,
    absent,
    act_key,
    at_least,
    dispute_key,
    equals,
    merged,
    milestone_key,
    order_key,
)
from relais.steps import letters
from relais.steps.acts import acts_of
from relais.steps.asking import open_side
from relais.steps.charges import charges_of, drawn, own_funding
from relais.steps.contracts import asked
from relais.steps.decisions import bank_puts, entry_put
from relais.steps.interrupt import (
    InterruptMetError,
    NothingToCancelError,
    cancel_milestone,
    cancel_writes,
    cancellable,
    sweep,
)
from relais.steps.late_refund import claim_of, claim_writes, of_bonus, own_left, unchanged
from relais.steps.side import withdraw_moot
from relais.steps.situation import Situation, disputes_on, kept_share, read_milestones, read_order, read_situation

BEFORE_DUE = 2
"""Working days before the bank's date at which the evidence leaves by itself (design: people 5b)."""
REMINDERS = (Reminder.parse("half"), Reminder.parse("-1 d"))
LEAST_TIME = timedelta(hours=1)
CAUSE = RefundCause.CHANGE_OF_MIND
"""Whose terms bind the freelancer: a dispute is the client's act, and the terms they accepted name no other."""


def dispute_told(ports: Ports, dispute_id: str) -> None:
    """Take in what Stripe says of a dispute now. Asked any number of times, by events in any order.

    Raises `AnswerUnknownError`, `TryAgainError` where Stripe did not say.
    """
    seen = ports.payments.dispute(dispute_id)
    if seen.order is None or ports.store.get(order_key(seen.order)) is None:
        return
    _book_lines(ports, seen)
    row = ports.store.get(dispute_key(seen.order, seen.id))
    known = None if row is None else dispute_from_row(row)
    if known is not None and known.state is DisputeState.LOST:
        end_what_is_gone(ports, seen.order)  # a call that booked the loss may have died before it
        return
    if known is not None and (known.state in ENDED or known.state is seen.state):
        return
    match seen.state:
        case DisputeState.INQUIRY | DisputeState.OPEN:
            _opened(ports, seen, known)
        case DisputeState.LOST:
            _lost(ports, seen, known)
        case DisputeState.WON | DisputeState.CLOSED:
            _over(ports, seen, known)


def _book_lines(ports: Ports, seen: DisputeSeen) -> None:
    """The bank entries (rows 12 and 13), each once: the reconciler writes the same under the same reference."""
    for line in seen.lines:
        if not moves_money(line):
            continue
        for put in bank_puts(ports.store, bank_entry(line, ports.now())):
            try:
                ports.store.write(put)
            except ConditionFailedError:
                continue


def _opened(ports: Ports, seen: DisputeSeen, known: Dispute | None) -> None:
    """Freeze what is left, and ask the seller, in one transaction."""
    order = seen.order or ""
    if known is None:
        kept: Write = Put(dispute_key(order, seen.id), dispute_row(seen, ports.now()))
    else:
        due = {} if seen.due_by is None else {"due_by": stamp(seen.due_by)}
        kept = Change(
            dispute_key(order, seen.id),
            put={"state": seen.state.value} | due,
            remove=("wants", "sent", "due", "due_shard"),
            guards=(equals("state", known.state.value),),
        )
    opened = open_side(
        ports,
        order,
        ORDER_LEVEL,
        lambda now: question(ports, now, seen),
        lambda _: (kept, _frozen(ports, seen)),
        at_once=False,
    )
    if opened is not None and known is None:
        ports.counter.count(Metric.DISPUTE_OPENED)
    withdraw_moot(ports, order)


def question(ports: Ports, situation: Situation, seen: DisputeSeen) -> Gate:
    """What the seller is asked: the evidence as it is, with words, or to accept the dispute; silence sends it.

    An inquiry is not accepted but refunded (docs.stripe.com/disputes/how-disputes-work, inquiries).
    """
    gate = asked(
        situation,
        Kind.DISPUTE,
        ports.link_keys.current,
        choices=(Choice.SEND,) if seen.state is DisputeState.INQUIRY else (Choice.SEND, Choice.ACCEPT),
        default=Default.SEND,
        about=f"{seen.id} {seen.state.value}",
        shown={"amount": seen.amount, "reason": seen.reason, "stage": seen.state.value}
        | ({} if seen.due_by is None else {"until": stamp(seen.due_by)}),
    )
    if seen.due_by is None:
        return gate
    deadline = _sent_by(seen.due_by, situation)
    ahead = remind_at(REMINDERS, situation.now, deadline, situation.shop.calendar)
    return replace(gate, deadline=deadline, reminders=ahead)


def _sent_by(due_by: datetime, situation: Situation) -> datetime:
    """Two working days before the bank's date, or as soon as may be."""
    early = subtract_working_days(due_by, BEFORE_DUE, situation.shop.calendar)
    return max(early, min(situation.now + LEAST_TIME, due_by - LEAST_TIME))


# The end ----------------------------------------------------------------------------------------------------------


def _ended(seen: DisputeSeen, known: Dispute | None, now: datetime) -> Write:
    """The row of a dispute that is over, with the mail that says so; it was told of before, or never was."""
    owed = {"owes_mail": 0, "due": stamp(now), "due_shard": due_shard(seen.order or "")}
    if known is None:
        return Put(dispute_key(seen.order or "", seen.id), dispute_row(seen, now) | owed)
    return Change(
        dispute_key(known.order, known.id),
        put={"state": seen.state.value, "closed": stamp(now)} | owed,
        remove=("wants",),
        guards=(equals("state", known.state.value),),
    )


def _frozen(ports: Ports, seen: DisputeSeen) -> Change:
    """The order's row says that it is disputed; beside another dispute, of another of its charges, both stand on it."""
    order = read_order(ports.store, seen.order or "")
    return _disputed(order, disputes_on(order) | {seen.id: seen.state.value})


def _thawed(order: Order, dispute: str) -> Change | None:
    """What is taken off the order's row; one that another dispute holds stays frozen."""
    standing = disputes_on(order)
    if dispute not in standing:
        return None
    return _disputed(order, {one: stage for one, stage in standing.items() if one != dispute})


def _disputed(order: Order, standing: dict[str, str]) -> Change:
    """The disputes of an order on its row, as it was read: one whose money the bank holds before one that asks."""
    as_read = (
        absent("disputed") if order.disputed is None else equals("disputed", order.disputed),
        absent("disputed_too") if order.disputed_too is None else equals("disputed_too", order.disputed_too),
    )
    put: dict[str, object] = {}
    if standing:
        first = min(standing, key=lambda one: standing[one] != DisputeState.OPEN.value)
        too = {one: stage for one, stage in standing.items() if one != first}
        put = {"disputed": first, "dispute_stage": standing[first]} | ({"disputed_too": too} if too else {})
    gone = tuple(name for name in ("disputed", "dispute_stage", "disputed_too") if name not in put)
    return Change(order_key(order.id), put=put, remove=gone, guards=as_read)


def _over(ports: Ports, seen: DisputeSeen, known: Dispute | None) -> None:
    """Won, or an inquiry that became nothing: what was frozen goes on."""
    order = read_order(ports.store, seen.order or "")
    thawed = _thawed(order, seen.id)
    try:
        ports.store.write(_ended(seen, known, ports.now()), *(() if thawed is None else (thawed,)))
    except ConditionFailedError:
        return
    _go_on(ports, order.id)


def _go_on(ports: Ports, order: str) -> None:
    withdraw_moot(ports, order)
    ports.background.run_act(order, "acts")


@dataclass(slots=True)
class _Loss:
    """What a lost dispute comes to, as it is added up over what of the order is left. Minor units."""

    rest: int
    postings: list[ledger.Posting] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    left: int = 0
    in_transit: int = 0
    freed: int = 0
    """What of the pay waited unsent and is given up; `unborne` is what of it the seller would have borne."""
    unborne: int = 0
    refunded: int = 0
    unearned: int = 0
    owed: int = 0

    @property
    def back(self) -> int:
        """What of the pay that is given up the order holds again."""
        return self.freed - self.unborne


def _lost(ports: Ports, seen: DisputeSeen, known: Dispute | None) -> None:
    """Row 14, once the money is gone: the bank has given the client back what we would have refunded.

    Written again from the start where anything of the order's money moved meanwhile. A refund whose answer was lost
    comes to its end before: who knows whether the client has it already.
    """
    if seen.held <= 0:
        return  # the withdrawal is told of by an event of its own
    order_id = seen.order or ""
    if any(act.state in {ActState.SENDING, ActState.UNKNOWN} for act in _refunds(ports, order_id)):
        _look_again(ports, seen, known)
        return
    for _ in range(3):
        order = read_order(ports.store, order_id)
        loss = _loss(ports, order, seen)
        thawed = _thawed(order, seen.id)
        head = Change(
            order_key(order_id),
            put={"cause": CAUSE.value, "lost": order.lost + loss.refunded},
            add={
                "left": loss.back - loss.left,
                "in_transit": -loss.in_transit - loss.freed,
                "refunded": loss.refunded,
                "borne": loss.refunded - loss.left - loss.in_transit - loss.unborne,
            },
            guards=(
                at_least("left", max(0, loss.left - loss.back)),
                at_least("in_transit", loss.in_transit + loss.freed),
                *((at_least("borne", loss.unborne),) if loss.unborne else ()),
            ),
        )
        entry = ledger.dispute_lost(
            order=order_id,
            dispute=seen.id,
            held=seen.held,
            unearned=loss.unearned,
            owed=loss.owed,
            besides=tuple(loss.postings),
            currency=_settled_in(seen),
            at=ports.now(),
        )
        try:
            ended = _ended(seen, known, ports.now())
            freed = () if thawed is None else (thawed,)
            ports.store.write(*merged(ended, entry_put(entry), head, *freed, *loss.writes))
        except ConditionFailedError:
            row = ports.store.get(dispute_key(order_id, seen.id))
            known = known if row is None else dispute_from_row(row)
            if known is not None and known.state in ENDED:
                return
            continue
        ports.counter.count(Metric.DISPUTE_LOST)
        end_what_is_gone(ports, order_id)
        _go_on(ports, order_id)
        return
    raise ConditionFailedError(0, order_key(order_id))


def _look_again(ports: Ports, seen: DisputeSeen, known: Dispute | None) -> None:
    """The clock comes back to a dispute whose end cannot be booked yet."""
    key = dispute_key(seen.order or "", seen.id)
    due = {"due": stamp(ports.now() + OWED_AFTER), "due_shard": due_shard(key.pk.removeprefix("O#"))}
    if known is None:
        ports.store.write(Put(key, dispute_row(replace(seen, status="under_review"), ports.now()) | due))
        return
    ports.store.write(Change(key, put=due, guards=(equals("state", known.state.value),)))


def _settled_in(seen: DisputeSeen) -> str:
    return seen.lines[0].currency if seen.lines else seen.currency


def _loss(ports: Ports, order: Order, seen: DisputeSeen) -> _Loss:
    """Refunds that Stripe would not make are made now; then what nobody has accepted, then what was earned."""
    loss = _Loss(seen.held)
    later = charges_of(ports.store, order.id)
    if seen.payment_intent not in {order.payment_intent, *(one.payment_intent for one in later)}:
        return loss  # a payment that no order asked for: its order keeps what it has
    for act in _unmade_refunds(ports, order.id):
        if act.body.get("payment_intent") == seen.payment_intent:  # a dispute is about one charge
            _made_by_the_bank(loss, act, seen.id)
    if order.refunded >= order.paid:
        return loss  # a debit that was refunded and is taken back besides: all of it is lost (design: money A 1)
    milestones = read_milestones(ports.store, order.id)
    for milestone in sorted(milestones, key=_falls_on):
        _share_of(ports, loss, read_situation(ports, order.id, milestone.number), later, seen)
    loss.left = min(loss.left, order.left + loss.back)
    return loss


def _falls_on(milestone: Milestone) -> tuple[bool, bool, bool, int]:
    """What has not begun first, from the last; then work under way; then what was accepted, and what was paid out."""
    number = int(milestone.number)
    return milestone.accepted, milestone.sent > 0, not milestone.unbegun, -number if milestone.unbegun else number


def _refunds(ports: Ports, order: str) -> list[Act]:
    """Its refunds; what a stray payment gives back is of another charge."""
    acts = [act_from_row(row) for row in ports.store.query(f"O#{order}", f"A#{ActKind.REFUND.value}#")]
    return [act for act in acts if act.amount and not act.body.get("session")]


def _unmade_refunds(ports: Ports, order: str) -> list[Act]:
    return [act for act in _refunds(ports, order) if act.state in {ActState.PLANNED, ActState.REFUSED}]


def _made_by_the_bank(loss: _Loss, act: Act, dispute: str) -> None:
    """A refund that was decided and not made: the client has it now, by another way."""
    if act.amount > loss.rest:
        return
    loss.rest -= act.amount
    loss.in_transit += act.amount
    loss.refunded += act.amount
    loss.owed += act.amount
    loss.writes.append(
        Change(
            act_key(act.order, act.id),
            put={"state": ActState.DONE.value, "settled": True, "by_hand": dispute},
            remove=("due", "due_shard"),
            guards=(equals("state", act.state.value), equals("generation", act.generation)),
        )
    )
    if act.milestone != ORDER_LEVEL:
        loss.writes.append(
            Change(
                milestone_key(act.order, act.milestone),
                add={"refund_in_transit": -act.amount, "refunded": act.amount},
                guards=(at_least("refund_in_transit", act.amount),),
            )
        )


def _share_of(ports: Ports, loss: _Loss, situation: Situation, paid: tuple[Charge, ...], seen: DisputeSeen) -> None:
    """What of the loss falls on one milestone: who bears it is the frozen policy's, as in a refund."""
    milestone = situation.milestone
    if milestone is None:
        return
    its = tuple(one for one in paid if one.milestone == milestone.number)
    found = fundings(milestone.held, own_funding(situation.order), its)
    taken = [one for one in found if one.payment_intent == seen.payment_intent]
    part = min(loss.rest, milestone.held, sum(one.left for one in taken))
    if part <= 0:
        return
    loss.writes += drawn(milestone.order, given_back_to(part, taken))
    loss.rest -= part
    loss.refunded += part
    if not milestone.accepted:
        loss.left += part
        loss.unearned += part
        _add(loss, _unaccepted(loss, situation, milestone, part))
        return
    if milestone.left_to_send or milestone.stage is not MilestoneStage.CLOSED:
        loss.left += part
        _add(loss, _unpaid(loss, situation, milestone, part, _given_up(ports, loss, milestone)))
        return
    loss.left += min(part, own_left(milestone))
    claimed = claim_of(situation, milestone, part, CAUSE)
    bonus = of_bonus(milestone, claimed)
    maker = milestone.engagement.freelancer if milestone.engagement is not None else ""
    if claimed:
        loss.postings += ledger.claimed(maker, claimed - bonus, bonus, situation.order.currency)
    change = Change(
        milestone_key(milestone.order, milestone.number),
        put={"cause": CAUSE.value},
        add={"refunded": part, "claimed": claimed},
        guards=unchanged(milestone),
    )
    _add(loss, change)
    loss.writes += claim_writes(ports, situation, milestone, claimed)


def _add(loss: _Loss, change: Change) -> None:
    """A row is written once: where a refund of the same milestone is settled too, both are one change."""
    for at, one in enumerate(loss.writes):
        if not isinstance(one, Change) or one.key != change.key:
            continue
        sums = {name: one.add.get(name, 0) + change.add.get(name, 0) for name in (*one.add, *change.add)}
        put, guards = {**one.put, **change.put}, (*one.guards, *change.guards)
        loss.writes[at] = replace(one, put=put, add=sums, guards=guards)
        return
    loss.writes.append(change)


def _unaccepted(loss: _Loss, situation: Situation, milestone: Milestone, part: int) -> Change:
    """Nothing of it was earned. Where all of it is gone its freelancer is paid what the policy says, and it ends."""
    whole = part == milestone.held
    due = milestone.left_to_send
    keeps = kept_share(situation.offer.policy.bears.on(CAUSE), due) if whole and not milestone.unbegun else due
    if whole and milestone.unbegun:
        keeps = 0
    if whole and keeps and milestone.engagement is not None:
        loss.postings += ledger.kept(milestone.engagement.freelancer, keeps, situation.order.currency)
    return Change(
        milestone_key(milestone.order, milestone.number),
        put={"left_to_send": keeps, "cause": CAUSE.value} if whole else {},
        add={"refunded": part},
        guards=unchanged(milestone),
    )


def _given_up(ports: Ports, loss: _Loss, milestone: Milestone) -> int:
    """Pay that was planned and never sent, or refused for good: it is given up, and planned anew with what is due then.

    It waited for an account, for a second yes, or for the seller; its amount would else leave as if nothing had
    happened (design: money C 1). Who is asked for an account reads the new amount.
    """
    freed = 0
    for act in acts_of(ports, milestone.order, ActKind.TRANSFER, milestone.number):
        refused = act.state is ActState.REFUSED
        if not refused and (act.state is not ActState.PLANNED or act.first_sent is not None):
            continue
        freed += act.amount
        loss.unborne += _borne(act, milestone)
        as_read = (equals("state", act.state.value), equals("generation", act.generation))
        unsent = () if refused else (absent("first_sent"),)
        loss.writes.append(
            Change(
                act_key(act.order, act.id),
                put={"state": ActState.VOID.value},
                remove=("due", "due_shard"),
                guards=(*as_read, *unsent),
            )
        )
    loss.freed += freed
    return freed


def _borne(act: Act, milestone: Milestone) -> int:
    """What of a planned pay the seller would have borne; one of an older release says so by its amount alone."""
    if "borne" in act.body:
        return act.amount if act.body["borne"] else 0
    return max(0, act.amount - milestone.held)


def _unpaid(loss: _Loss, situation: Situation, milestone: Milestone, part: int, freed: int) -> Change:
    """Accepted, its pay not sent: who bears a part bears it in proportion; what is under way already leaves."""
    due = milestone.left_to_send + freed
    lost = (due - kept_share(situation.offer.policy.bears.on(CAUSE), due)) * part // milestone.held
    bonus = of_bonus(milestone, lost)
    if lost and milestone.engagement is not None:
        maker = milestone.engagement.freelancer
        loss.postings += ledger.not_owed(maker, lost - bonus, bonus, situation.order.currency)
    return Change(
        milestone_key(milestone.order, milestone.number),
        put={"left_to_send": due - lost, "cause": CAUSE.value},
        add={"refunded": part} | ({"in_transit": -freed} if freed else {}),
        guards=unchanged(milestone),
    )


def end_what_is_gone(ports: Ports, order_id: str) -> None:
    """Work that nobody pays for any more is called off: its questions are closed, its people told."""
    order = read_order(ports.store, order_id)
    if order.paid == 0 or order.stage is OrderStage.COMPLETED:
        return
    if order.refunded < order.paid:
        _end_milestones(ports, order_id)
        return
    try:
        ports.store.write(cancel_writes(ports, cancellable(ports, order_id), by="engine", cause=CAUSE, note=None))
    except (NothingToCancelError, InterruptMetError, ConditionFailedError) as over:
        ports.note(over)
        return
    sweep(ports, order_id)


def _end_milestones(ports: Ports, order_id: str) -> None:
    """Of an order that goes on: milestones whose whole share is gone before anybody accepted them."""
    for milestone in read_milestones(ports.store, order_id):
        if milestone.accepted or milestone.held > 0 or milestone.refund_in_transit:
            continue
        try:
            cancel_milestone(ports, order_id, milestone.number, by=Role.ENGINE, cause=CAUSE)
        except (NothingToCancelError, InterruptMetError) as over:
            ports.note(over)


# What the seller decided ------------------------------------------------------------------------------------------


def answer_disputes(ports: Ports, order_id: str) -> None:
    """Tell Stripe what was decided of an order's disputes, and look at those that wait. Asked any number of times."""
    for row in ports.store.query(f"O#{order_id}", "D#"):
        dispute = dispute_from_row(row)
        if dispute.state in ENDED:
            continue
        if dispute.wants is not None and dispute.sent is None:
            _answer(ports, dispute)
        elif "due" in row:
            dispute_told(ports, dispute.id)


def _answer(ports: Ports, dispute: Dispute) -> None:
    key = f"{dispute.order}:{dispute.wants}:{dispute.id}:{dispute.state.value}"
    try:
        if dispute.wants == Choice.ACCEPT.value:
            ports.payments.accept_dispute(dispute.id, key)
        else:
            _submit(ports, dispute, key)
    except (AnswerUnknownError, TryAgainError) as unknown:
        ports.note(unknown)
        return  # the clock comes back
    except MovementRefusedError as refused:
        seen = ports.payments.dispute(dispute.id)
        if seen.state is dispute.state and not seen.submitted:
            raise  # nothing has reached the bank: it fails loudly, and the clock comes back
        ports.note(refused)  # answered already, or over: what stands at Stripe is read below
    sent = Change(
        dispute_key(dispute.order, dispute.id),
        put={"sent": stamp(ports.now())},
        remove=("due", "due_shard"),
        guards=(equals("state", dispute.state.value), equals("wants", dispute.wants)),
    )
    try:
        ports.store.write(sent)
    except ConditionFailedError:
        pass
    else:
        ports.counter.count(Metric.DISPUTE_ANSWERED)
    dispute_told(ports, dispute.id)


def _submit(ports: Ports, dispute: Dispute, key: str) -> None:
    """Hand the pack in. It may have grown since a try whose answer was lost, and a key belongs to one body."""
    from relais.steps.evidence import evidence, sum_of  # only a dispute takes it

    given = evidence(ports, dispute)
    ports.payments.submit_evidence(dispute.id, given, f"{key}:{sum_of(given)}")


def tell_dispute_over(ports: Ports, row: Row) -> None:
    """Tell the seller how a dispute ended, then mark it; called by the clock, which comes back if it fails."""
    dispute, tries = dispute_from_row(row), int(row["owes_mail"]) + 1
    key, later = dispute_key(dispute.order, dispute.id), stamp(ports.now() + OWED_AFTER * 2 ** min(tries, 5))
    ports.store.write(Change(key, put={"owes_mail": tries, "due": later}, guards=(equals("due", row["due"]),)))
    if tries >= OWED_TRIES:
        ports.counter.count(Metric.OWED_PARKED)
    ports.mailer.send(letters.dispute_over(ports, read_situation(ports, dispute.order, ORDER_LEVEL), dispute))
    ports.store.write(Change(key, remove=("owes_mail", "due", "due_shard"), guards=(equals("owes_mail", tries),)))
