"""Giving money back after the freelancer was paid: the refund, what is taken back, and what stays owed.

Design: money section B rows 10 and 11, C 7. The client's right does not depend on the freelancer's balance: what the
frozen policy lets the freelancer bear is asked back by reversing their transfer as far as their account holds it; the
rest is a receivable on them, netted from what they are paid later and told each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from relais import ledger
from relais.act import Act, ActKind, ActState, act_from_row, is_much
from relais.announcement import Announcement, Topic
from relais.charge import Part
from relais.errors import RelaisError
from relais.gate import OWED_AFTER, OWED_TRIES, Role, Via, due_shard
from relais.metrics import Metric
from relais.money import format_amount
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL, Milestone, MilestoneStage, Order, OrderStage, stamp
from relais.ports import (
    AnswerUnknownError,
    ConditionFailedError,
    MovementRefusedError,
    Ports,
    TryAgainError,
)
from relais.roster import owes_name
from relais.rows import (
    Change,
    Guard,
    Row,
    Write,
    absent,
    act_key,
    at_least,
    below,
    equals,
    freelancer_key,
    milestone_key,
    order_key,
    present,
)
from relais.steps import letters
from relais.steps.acts import OPEN_STATES, Done, again, done, intent, looked_at, send
from relais.steps.charges import drawn, parts_back
from relais.steps.decisions import bank_puts, entry_put
from relais.steps.refund import NOT_TAKEN_BACK, booked, frozen, refund_body
from relais.steps.situation import Situation, kept_share, read_milestones, read_order, read_situation
from relais.steps.texts import keep_text

LATE = "late"
"""Stands before the milestone in the id of a refund after the pay."""


class NothingToRefundError(RelaisError):
    """A milestone of which nothing can be given back now."""

    def __init__(self, order: str, milestone: str, why: str) -> None:
        """Keep which."""
        super().__init__(f"milestone {milestone} of order {order}: {why}; see `relais order show {order}`")
        self.order = order
        self.milestone = milestone


class RefundTooHighError(RelaisError):
    """More than the client paid for it and still has with us."""

    def __init__(self, most: int, currency: str) -> None:
        """Keep the most that is possible, in minor units."""
        super().__init__(f"give back more than nothing and at most {format_amount(most, currency, 'en')}")
        self.most = most


@dataclass(frozen=True, slots=True, repr=False)
class Foreseen:
    """What a refund comes to, in minor units: what the client gets, and what of the pay the freelancer owes."""

    milestone: str
    amount: int
    claimed: int
    currency: str
    freelancer: str = ""


def refundable(ports: Ports, order_id: str) -> tuple[str, ...]:
    """The milestones of an order that were accepted and paid, and are not given back whole."""
    found = read_milestones(ports.store, order_id)
    return tuple(one.number for one in found if _paid_out(one) and one.held > 0)


def only_late(ports: Ports, order_id: str) -> bool:
    """Whether nothing of an order is left to be called off, but something of it was paid that can be given back."""
    order = read_order(ports.store, order_id)
    over = order.stage is OrderStage.COMPLETED or all(
        one.stage is MilestoneStage.CLOSED for one in read_milestones(ports.store, order_id)
    )
    return over and bool(refundable(ports, order_id))


def foresee(ports: Ports, order_id: str, number: str, *, amount: int | None, cause: RefundCause) -> Foreseen:
    """What giving back `amount` (all of it where none is named) comes to. Raises what `refund_late` raises."""
    return _foreseen(_read(ports, order_id, number), amount, cause)


def refund_late(
    ports: Ports, order_id: str, number: str, *, amount: int | None, cause: RefundCause, reason: str
) -> Foreseen:
    """Give back of a milestone whose pay has left: decided, booked and reserved in one transaction.

    A refund of it that Stripe refused is asked again instead. Raises `OrderNotFoundError`, `NothingToRefundError`,
    `RefundTooHighError`.
    """
    situation = _read(ports, order_id, number)
    prefix = f"A#{ActKind.REFUND.value}#{LATE}#{number}#"
    before = [act_from_row(row) for row in ports.store.query(f"O#{order_id}", prefix)]
    if any(one.state is ActState.UNKNOWN for one in before):
        why = "nobody knows whether a refund of it was made: answer what was asked of you about it first"
        raise NothingToRefundError(order_id, number, why)
    refused = [one for one in before if one.state is ActState.REFUSED]
    if refused:
        for one in refused:
            again(ports, one, one.body)
        return Foreseen(number, sum(one.amount for one in refused), 0, refused[0].currency)
    foreseen = _foreseen(situation, amount, cause)
    this = len(before) + 1
    note = keep_text(ports, order_id, f"refund-{LATE}-{number}-{this}", reason) if reason else ""
    said = {"note": note, "cause": cause.value}
    try:
        ports.store.write(*_decided(ports, situation, foreseen, said, this))
    except ConditionFailedError:
        raise NothingToRefundError(order_id, number, "it moved on a moment ago, so nothing was written") from None
    return foreseen


def _read(ports: Ports, order_id: str, number: str) -> Situation:
    """What a milestone stands at; an order that was never paid has none."""
    if ports.store.get(milestone_key(order_id, number)) is None:
        raise NothingToRefundError(order_id, number, "there is no such milestone, or its order was never paid")
    return read_situation(ports, order_id, number)


def _paid_out(milestone: Milestone) -> bool:
    return milestone.stage is MilestoneStage.CLOSED and milestone.accepted and milestone.in_transit == 0


def _foreseen(situation: Situation, amount: int | None, cause: RefundCause) -> Foreseen:
    order, milestone = situation.order, situation.milestone
    if milestone is None or not _paid_out(milestone) or milestone.left_to_send:
        raise NothingToRefundError(order.id, situation.number, "its work is not accepted and paid")
    if frozen(order):
        raise NothingToRefundError(order.id, situation.number, "its payment is disputed, and the bank holds it")
    if milestone.held <= 0:
        raise NothingToRefundError(order.id, situation.number, "all of it was given back")
    asked = milestone.held if amount is None else amount
    if not 0 < asked <= milestone.held:
        raise RefundTooHighError(milestone.held, order.currency)
    maker = "" if milestone.engagement is None else milestone.engagement.freelancer
    return Foreseen(milestone.number, asked, claim_of(situation, milestone, asked, cause), order.currency, maker)


def claim_of(situation: Situation, milestone: Milestone, amount: int, cause: RefundCause) -> int:
    """What of the pay that has left its freelancer owes when `amount` goes back, by the frozen policy (minor units).

    Who bears a part bears it in proportion (design: people 5).
    """
    received = milestone.received
    lost = received - kept_share(situation.offer.policy.bears.on(cause), received)
    return lost * amount // milestone.held if milestone.held else 0


def _decided(
    ports: Ports, situation: Situation, foreseen: Foreseen, said: Mapping[str, str], number: int
) -> tuple[Write, ...]:
    order, milestone = situation.order, situation.milestone
    if milestone is None:
        raise NothingToRefundError(order.id, situation.number, "its work is not accepted and paid")
    amount = foreseen.amount
    parts = parts_back(ports.store, order, milestone, amount)
    much = is_much(amount, order.currency, situation.offer.policy.confirm)
    acts = [
        replace(_act(order, milestone.number, part, said["note"], this), unconfirmed=much)
        for this, part in enumerate(parts, start=number)
    ]
    entry = ledger.refund_after_transfer(
        order=order.id,
        milestone=f"{milestone.number}-{LATE}-{number}",
        amount=amount,
        borne=foreseen.claimed - of_bonus(milestone, foreseen.claimed),
        bonus=of_bonus(milestone, foreseen.claimed),
        freelancer=foreseen.freelancer,
        currency=order.currency,
        at=situation.now,
    )
    from_share = min(amount, own_left(milestone), order.left)
    pots = Change(
        order_key(order.id),
        add={"left": -from_share, "in_transit": amount, "borne": amount - from_share},
        guards=(at_least("left", from_share), NOT_TAKEN_BACK),
    )
    as_read = Change(
        milestone_key(order.id, milestone.number),
        put={"cause": said["cause"]},
        add={"refund_in_transit": amount, "claimed": foreseen.claimed},
        guards=unchanged(milestone),
    )
    return (
        *(intent(ports, act) for act in acts),
        *drawn(order.id, parts),
        entry_put(entry),
        pots,
        as_read,
        *claim_writes(ports, situation, milestone, foreseen.claimed),
    )


def _act(order: Order, milestone: str, part: Part, note: str, number: int) -> Act:
    """What goes back to one charge: each has a number of its own."""
    operation = f"{order.id}:{ActKind.REFUND.value}:{LATE}-{milestone}:{number}"
    intent_of = "" if part.funding is None else part.funding.payment_intent
    return Act(
        order=order.id,
        id=f"{ActKind.REFUND.value}-{LATE}-{milestone}-{number:04d}",
        kind=ActKind.REFUND,
        milestone=milestone,
        operation=operation,
        amount=part.amount,
        currency=order.currency,
        body=refund_body(intent_of, part.amount, operation, order.id) | {"note": note},
    )


def unchanged(milestone: Milestone) -> tuple[Guard, ...]:
    """Of its money nothing moved since the milestone was read."""
    return (
        equals("stage", milestone.stage.value),
        equals("price", milestone.price),
        equals("left_to_send", milestone.left_to_send),
        equals("in_transit", milestone.in_transit),
        below("refunded", milestone.refunded + 1),
        below("refund_in_transit", milestone.refund_in_transit + 1),
        below("claimed", milestone.claimed + 1),
    )


def own_left(milestone: Milestone) -> int:
    """What of a paid milestone's own share no transfer has used: it never draws on another's (minor units)."""
    return max(0, milestone.held - milestone.sent)


def of_bonus(milestone: Milestone, part: int) -> int:
    """What of a part of the pay is the bonus: agreed cost and bonus are shared alike (minor units)."""
    return part * milestone.bonus // milestone.due if milestone.due else 0


def claim_writes(ports: Ports, situation: Situation, milestone: Milestone, claimed: int) -> tuple[Write, ...]:
    """Ask the freelancer's share back: a reversal of each transfer it left by, else a debt; and they are told."""
    if not claimed or milestone.engagement is None:
        return ()
    order, maker = situation.order, milestone.engagement.freelancer
    said = Announcement(
        freelancer=maker,
        topic=Topic.CLAIMED,
        at=situation.now,
        by="seller",
        via=Via.ENGINE,
        order=order.id,
        facts={"amount": claimed, "currency": order.currency, "milestone": milestone.number, "now": milestone.received},
    )
    reversals = _reversals(ports, situation, milestone, claimed)
    rest = claimed - sum(int(act.body["wanted"]) for act in reversals)
    owed = (_owes(maker, order.currency, rest),) if rest else ()
    return (said.write, *(intent(ports, act) for act in reversals), *owed)


def _reversals(ports: Ports, situation: Situation, milestone: Milestone, claimed: int) -> tuple[Act, ...]:
    """The intents: how much can be had is read at Stripe when they are sent; until then their amount is nothing."""
    order = situation.order
    acts = [act_from_row(row) for row in ports.store.query(f"O#{order.id}", "A#")]
    before = [act for act in acts if act.kind is ActKind.REVERSAL and act.milestone == milestone.number]
    paid = [
        act
        for act in acts
        if act.kind is ActKind.TRANSFER
        and act.state is ActState.DONE
        and act.stripe_id
        and act.id.startswith(f"{ActKind.TRANSFER.value}-{milestone.number}-")
    ]
    found: list[Act] = []
    for transfer in paid:
        left = transfer.amount - sum(
            int(act.body["wanted"]) for act in before if act.body["transfer"] == transfer.stripe_id
        )
        part = min(left, claimed - sum(int(act.body["wanted"]) for act in found))
        if part > 0:
            found.append(_reversal(order.id, milestone, transfer, part, len(before) + len(found) + 1))
    return tuple(found)


def _reversal(order: str, milestone: Milestone, transfer: Act, wanted: int, number: int) -> Act:
    operation = f"{order}:{ActKind.REVERSAL.value}:{milestone.number}:{number}"
    maker = "" if milestone.engagement is None else milestone.engagement.freelancer
    return Act(
        order=order,
        id=f"{ActKind.REVERSAL.value}-{milestone.number}-{number:04d}",
        kind=ActKind.REVERSAL,
        milestone=milestone.number,
        operation=operation,
        amount=0,
        currency=transfer.currency,
        body={
            "transfer": transfer.stripe_id,
            "account": transfer.body["destination"],
            "wanted": wanted,
            "metadata": {"op": operation, "order": order, "freelancer": maker},
        },
    )


def _owes(freelancer: str, currency: str, amount: int) -> Change:
    return Change(freelancer_key(freelancer), add={owes_name(currency): amount}, guards=(present("pk"),))


# What follows -----------------------------------------------------------------------------------------------------


def late_acts(ports: Ports, order_id: str) -> None:
    """Go on with what is asked back of an order, then with its late refunds. Asked any number of times."""
    refunds = [act_from_row(row) for row in ports.store.query(f"O#{order_id}", f"A#{ActKind.REFUND.value}#{LATE}#")]
    waits = {act.milestone for act in refunds if act.unconfirmed and act.state is not ActState.DONE}
    for row in ports.store.query(f"O#{order_id}", f"A#{ActKind.REVERSAL.value}#"):
        claim = act_from_row(row)
        if claim.milestone not in waits or claim.state is not ActState.PLANNED or claim.amount:
            _take_back(ports, claim, row)
    for act in refunds:
        _give_back(ports, act)


def _take_back(ports: Ports, act: Act, row: Row) -> None:
    if act.state is ActState.REFUSED and "receivable" not in row:
        _stays_owed(ports, act, act.amount)
    if act.state not in OPEN_STATES:
        return
    known = act if act.amount else _amount_read(ports, act)
    if known is None:
        return
    outcome = send(ports, known)
    if isinstance(outcome, Done):
        taken_back(ports, known, outcome)
        return
    ended = ports.store.get(act_key(act.order, act.id)) or {}
    if ended.get("state") == ActState.REFUSED.value:
        _stays_owed(ports, known, known.amount)


def _amount_read(ports: Ports, act: Act) -> Act | None:
    """Fix how much is asked: all or nothing is taken per call, so never more than the account has (design: money B 11).

    What it does not have stays owed; nothing is sent where that is all.
    """
    wanted = int(act.body["wanted"])
    try:
        there = ports.payments.spendable(str(act.body["account"]), act.currency)
    except (AnswerUnknownError, TryAgainError, MovementRefusedError) as error:
        ports.note(error)
        fresh = Change(act_key(act.order, act.id), put=looked_at(ports, act.order), guards=(equals("amount", 0),))
        with suppress(ConditionFailedError):
            ports.store.write(fresh)
        return None
    part = max(0, min(wanted, there))
    if not part:
        _stays_owed(ports, act, wanted)
        return None
    known = replace(act, amount=part, body={**act.body, "amount": part})
    fixed = Change(
        act_key(act.order, act.id),
        put={"amount": part, "body": dict(known.body)} | looked_at(ports, act.order),
        guards=(equals("amount", 0), equals("state", act.state.value)),
    )
    rest = _owed_writes(ports, act, wanted - part) if wanted > part else ()
    try:
        ports.store.write(fixed, *rest)
    except ConditionFailedError:
        return None
    return known


def _owed_writes(ports: Ports, act: Act, amount: int) -> tuple[Write, ...]:
    """A debt that stays with a freelancer, and the mail that says how it is settled."""
    maker = str(act.body["metadata"]["freelancer"])
    said = Announcement(
        freelancer=maker,
        topic=Topic.OWING,
        at=ports.now(),
        by="engine",
        via=Via.ENGINE,
        order=act.order,
        facts={"amount": amount, "currency": act.currency, "milestone": act.milestone},
    )
    return (_owes(maker, act.currency, amount), said.write)


def _stays_owed(ports: Ports, act: Act, amount: int) -> None:
    """Nothing could be had: all of it is a debt now, once."""
    ended = Change(
        act_key(act.order, act.id),
        put={"state": ActState.REFUSED.value, "receivable": amount} | ({} if act.why else {"why": "nothing_available"}),
        remove=("due", "due_shard"),
        guards=(absent("receivable"), equals("generation", act.generation), equals("amount", act.amount)),
    )
    try:
        ports.store.write(ended, *_owed_writes(ports, act, amount))
    except ConditionFailedError:
        return


def taken_back(ports: Ports, act: Act, outcome: Done) -> None:
    """Stripe took a reversal: the act, both entries, and the pots of order and milestone in one transaction."""
    now, maker = ports.now(), str(act.body["metadata"]["freelancer"])
    entry = ledger.reversed_transfer(
        order=act.order, op=act.operation, amount=act.amount, currency=act.currency, freelancer=maker, at=now
    )
    order = read_situation(ports, act.order, act.milestone).order
    borne = min(act.amount, order.borne)
    writes: list[Write] = [
        done(ports, act, outcome),
        entry_put(entry),
        Change(
            order_key(act.order),
            add={"sent": -act.amount, "borne": -borne, "left": act.amount - borne},
            guards=(at_least("sent", act.amount), equals("borne", order.borne) if borne else below("borne", 1)),
        ),
        Change(
            milestone_key(act.order, act.milestone),
            add={"sent": -act.amount, "recovered": act.amount},
            guards=(at_least("sent", act.amount),),
        ),
    ]
    if outcome.settlement is not None:
        settled = outcome.settlement
        bank = ledger.reversal_settled(
            order=act.order,
            txn=settled.id,
            op=act.operation,
            amount=settled.net,
            currency=settled.currency,
            at=now,
        )
        writes += bank_puts(ports.store, bank)
    try:
        ports.store.write(*writes)
    except ConditionFailedError:
        return
    ports.counter.count(Metric.REVERSAL_DONE)


def _give_back(ports: Ports, act: Act) -> None:
    if act.state not in OPEN_STATES:
        return
    outcome = send(ports, act)
    if isinstance(outcome, Done):
        given_back(ports, act, outcome)


def given_back(ports: Ports, act: Act, outcome: Done) -> None:
    """Stripe took a refund after the pay: the act with the mail that it owes, both entries, and the pots."""
    of_order = act.milestone == ORDER_LEVEL  # a part of what is held: its client was told with the decision
    mail = {"owes_mail": 0, "due": stamp(ports.now()), "due_shard": due_shard(act.order)}
    ended, *others = booked(ports, act, outcome)
    if not isinstance(ended, Change):
        return
    head = Change(
        order_key(act.order),
        add={"in_transit": -act.amount, "refunded": act.amount},
        guards=(at_least("in_transit", act.amount),),
    )
    own = Change(
        milestone_key(act.order, act.milestone),
        add={"refund_in_transit": -act.amount, "refunded": act.amount},
        guards=(at_least("refund_in_transit", act.amount),),
    )
    ended = ended if of_order else replace(ended, put={**ended.put, **mail}, remove=())
    try:
        ports.store.write(ended, *others, head, *(() if of_order else (own,)))
    except ConditionFailedError:
        return
    ports.counter.count(Metric.REFUND_DONE)


def tell_client(ports: Ports, act: Act, row: Row) -> None:
    """Send the mail that says what goes back, then mark it sent; called by the clock, which comes back if it fails.

    What a refund after the pay means for its freelancer was announced with the decision.
    """
    tries = int(row["owes_mail"]) + 1
    key, later = act_key(act.order, act.id), stamp(ports.now() + OWED_AFTER * 2 ** min(tries, 5))
    ports.store.write(Change(key, put={"owes_mail": tries, "due": later}, guards=(equals("due", row["due"]),)))
    if tries >= OWED_TRIES:
        ports.counter.count(Metric.OWED_PARKED)
    situation = read_situation(ports, act.order, act.milestone)
    for letter in letters.refunded(ports, situation):
        if letter.role is Role.CLIENT:
            ports.mailer.send(letter)
    rest = ("due", "due_shard") if act.settled else ()
    ports.store.write(Change(key, remove=("owes_mail", *rest), guards=(equals("owes_mail", tries),)))
