"""From the offer's button to the brief handed in: drafts, checkout, the entrance of the workflow.

Design: money A 3, A 7; workflow sections 3 and 5. A GET opens nothing; the webhook (`steps.webhook`) commits "session
says paid" and the start, and the run's first step re-reads Stripe and books.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from relais import ledger
from relais.errors import RelaisError
from relais.gate import HEARTBEAT, OWED_AFTER, Gate, Owed, Role, Status, due_shard, gate_from_row
from relais.metrics import Metric
from relais.money import shares
from relais.offer import Offer, OfferStatus
from relais.order import (
    ORDER_LEVEL,
    Debit,
    Milestone,
    MilestoneStage,
    Order,
    OrderStage,
    draft_row,
    milestone_from_row,
    milestone_row,
    order_from_row,
    stamp,
)
from relais.ports import ConditionFailedError, MailRefusedError, PaidSession, Ports, SessionRequest
from relais.rows import (
    Change,
    Put,
    Write,
    equals,
    gate_key,
    milestone_key,
    order_key,
    present,
    session_key,
)
from relais.steps import letters
from relais.steps.contracts import counted_anew, terms_put
from relais.steps.decisions import entry_put
from relais.steps.gates import SupersededError, send_opening
from relais.steps.links import order_link, order_path
from relais.steps.reach import Reach, reach
from relais.steps.situation import current_offer, read_offer, read_order, read_situation
from relais.steps.texts import keep_text

SESSION_LIVES = timedelta(hours=23)
"""Less than the 24 hours that Stripe allows (docs.stripe.com/api/checkout/sessions)."""


class OfferClosedError(RelaisError):
    """An offer that cannot be bought at present."""

    def __init__(self, slug: str) -> None:
        """Keep the slug."""
        super().__init__(f"offer {slug} cannot be bought at present")
        self.slug = slug


class PaymentMismatchError(RelaisError):
    """Stripe's session is not what the order asked for. The name is known to the definition.

    It parks without trying again.
    """

    def __init__(self, order: str, what: str) -> None:
        """Keep what differs."""
        super().__init__(
            f"order {order}: the payment differs in {what}: compare the session in Stripe with `relais order show`"
        )
        self.order = order
        self.what = what


def draft(
    ports: Ports, slug: str, lang: str, *, consumer: bool, express: bool = False, debit_of: str | None = None
) -> Order:
    """Begin an order on the current version of an offer.

    `express`: a consumer asks to start at once and acknowledges that the right of withdrawal ends when all is done.
    `debit_of`: the address of a client who wishes to pay by SEPA debit, by which their debits are counted.
    Raises `OfferNotFoundError`, `OfferClosedError`.
    """
    offer = current_offer(ports, slug)
    if offer.status is not OfferStatus.OPEN:
        raise OfferClosedError(slug)
    order = Order(
        id=ports.order_id(),
        stage=OrderStage.DRAFT,
        run=0,
        ordinal=1,
        offer=offer.slug,
        offer_version=offer.version,
        lang=lang,
        currency=offer.currency,
        price=offer.price,
        consumer=consumer,
        express=express,
        acknowledged=express,
        key_id=ports.link_keys.current,
        link_version=1,
        created=ports.now(),
        client_email=debit_of,
        debit=None if debit_of is None else Debit.WANTED,
    )
    # Reserving the first checkout with the draft saves a write: nobody can pay an order that nobody has seen.
    expires = ports.now() + SESSION_LIVES
    row = draft_row(order) | {"checkout": 1, "checkout_expires": stamp(expires)}
    ports.store.write(Put(order_key(order.id), row))
    return order_from_row(row | {"pk": f"O#{order.id}", "sk": "ORDER"})


def checkout(ports: Ports, order: Order) -> str:
    """Where this order's button leads: its one payable session, or its own page if it is paid or being paid.

    Two presses at once meet in one session: the reservation is conditional and the request's key is the reservation's
    number.
    """
    if order.stage is not OrderStage.DRAFT or order.settling:
        return order_path(ports, order)
    if order.session is not None:
        known = ports.payments.checkout(order.session)
        if known.status == "open" and known.url:
            return known.url
        if known.status == "complete":
            return f"{order_path(ports, order)}?paid=1"  # nobody has told us yet: nothing is to be paid again
    expired = order.checkout_expires is None or order.checkout_expires <= ports.now() + timedelta(minutes=31)
    reserved = _reserve(ports, order) if order.session is not None or expired else order
    if reserved.session is not None:
        return checkout(ports, reserved)
    return _open(ports, reserved)


def _reserve(ports: Ports, order: Order) -> Order:
    change = Change(
        order_key(order.id),
        put={"checkout": order.checkout + 1, "checkout_expires": stamp(ports.now() + SESSION_LIVES)},
        remove=("session",),
        guards=(equals("checkout", order.checkout), equals("stage", OrderStage.DRAFT.value)),
    )
    try:
        ports.store.write(change)
    except ConditionFailedError:
        return read_order(ports.store, order.id)
    return read_order(ports.store, order.id)


def _open(ports: Ports, order: Order) -> str:
    offer = read_offer(ports.store, order.offer, order.offer_version)
    note = ""
    if order.debit is not None:
        from relais.steps.debits import decide_offer, said_at_checkout  # no other order loads it

        order = decide_offer(ports, order, offer)
        note = said_at_checkout(order)
    link = order_link(ports, order)
    session = ports.payments.open_session(
        SessionRequest(
            order=order.id,
            number=order.checkout,
            amount=order.price,
            currency=order.currency,
            title=offer.title.in_(order.lang),
            lang=order.lang,
            email=order.client_email,
            success_url=f"{link}?paid=1",
            cancel_url=f"{link}?cancelled=1",
            expires_at=order.checkout_expires or ports.now() + SESSION_LIVES,
            debit=order.debit is Debit.OFFERED,
            note=note,
        )
    )
    try:
        ports.store.write(
            Put(session_key(session.id), {"v": 1, "order": order.id}, guards=()),
            Change(order_key(order.id), put={"session": session.id}, guards=(equals("checkout", order.checkout),)),
        )
    except ConditionFailedError:
        return checkout(ports, read_order(ports.store, order.id))
    return session.url or order_path(ports, order)


def enter(ports: Ports, order_id: str, run: int) -> dict[str, Any]:
    """The first state of every run: where the order is. A paid order is booked first, from Stripe's own word.

    Returns `{"at", "milestones"}` for the definition. Raises `SupersededError`, `PaymentMismatchError`.
    """
    order = read_order(ports.store, order_id)
    if run < order.run:
        raise SupersededError(order_id, run, order.run)
    if order.stage is OrderStage.PAID:
        order = _book_payment(ports, order)
    else:
        _entered(ports, order)
    milestones = [milestone_from_row(row) for row in ports.store.query(f"O#{order_id}", "M#")]
    offer = read_offer(ports.store, order.offer, order.offer_version) if len(milestones) > 1 else None
    stages = {one.number: _entered_at(one, offer) for one in milestones}
    at = order.stage.value
    if order.stage is OrderStage.MILESTONES and all(stage is MilestoneStage.CLOSED for stage in stages.values()):
        at = "close"
    return {
        "at": at,
        "milestones": [{"id": number, "at": stage.value} for number, stage in stages.items()],
    }


def _entered_at(milestone: Milestone, offer: Offer | None) -> MilestoneStage:
    """Where a run enters a milestone: one that nobody has taken yet is entered at its first stage, once it is taken."""
    if milestone.stage is not MilestoneStage.PENDING:
        return milestone.stage
    waits = offer is not None and offer.waits(int(milestone.number))
    return MilestoneStage.START if waits else MilestoneStage.WORK


def _entered(ports: Ports, order: Order) -> None:
    """A later run has begun, or a parked order goes on: neither its start nor its resume is owed any more."""
    writes: list[Write] = []
    if order.owes_start is not None:
        writes.append(Change(order_key(order.id), remove=("owes_start",), guards=(equals("run", order.run),)))
    if order.last is not None:
        writes.append(
            Change(gate_key(order.id, order.last), remove=("owes", "due", "due_shard"), guards=(present("pk"),))
        )
    if writes:
        ports.store.write(*writes)


def _book_payment(ports: Ports, order: Order) -> Order:
    session = ports.payments.session(order.session or "")
    _check_payment(order, session)
    if (session.amount, session.currency) != (order.price, order.currency):
        return _refuse_payment(ports, order, session)
    offer = read_offer(ports.store, order.offer, order.offer_version)
    now = ports.now()
    debited: tuple[dict[str, Any], tuple[Write, ...]] = ({}, ())
    if order.debit is not None:
        from relais.steps.debits import booked_with  # no other order loads it

        debited = booked_with(ports, order, offer, session)
    entry = ledger.payment(
        order=order.id,
        pi=session.payment_intent or session.id,
        amount=session.amount,
        currency=session.currency,
        at=now,
    )
    head = Change(
        order_key(order.id),
        put={
            "stage": OrderStage.BRIEF.value,
            "paid": session.amount,
            "left": session.amount,
            "in_transit": 0,
            "sent": 0,
            "client_email": order.client_email or session.email or "",
            "client_name": session.name or "",
            "payment_intent": session.payment_intent or "",
            "charge": session.charge or "",
            "started": stamp(now),
            "due": stamp(now + (OWED_AFTER if order.owes_fee else HEARTBEAT)),
            "due_shard": due_shard(order.id),
        }
        | debited[0],
        remove=("owes_start",),
        guards=(equals("stage", OrderStage.PAID.value),),
    )
    try:
        ports.store.write(head, entry_put(entry), *_milestones(order, offer), *debited[1])
    except ConditionFailedError:
        now_at = read_order(ports.store, order.id)
        if now_at.stage is OrderStage.PAID:
            raise
        return now_at
    return read_order(ports.store, order.id)


def _refuse_payment(ports: Ports, order: Order, session: PaidSession) -> Order:
    """Another amount or currency than asked: nothing of it is the order's, all of it goes back (ledger row 20)."""
    from relais.steps.strays import stray_act  # rare: no other payment waits for what it loads

    now = ports.now()
    head = Change(
        order_key(order.id),
        put={
            "stage": OrderStage.UNWIND.value,
            "cause": "amount",
            "left": 0,
            "in_transit": 0,
            "client_email": order.client_email or session.email or "",
            "client_name": session.name or "",
            "started": stamp(now),
            "due": stamp(now + HEARTBEAT),
            "due_shard": due_shard(order.id),
        },
        remove=("owes_start",),
        guards=(equals("stage", OrderStage.PAID.value),),
    )
    try:
        ports.store.write(head, *stray_act(ports, order.id, session.id))
    except ConditionFailedError:
        return read_order(ports.store, order.id)
    ports.background.run_act(order.id, "acts")
    return read_order(ports.store, order.id)


def _check_payment(order: Order, session: PaidSession) -> None:
    if session.payment_status not in {"paid", "no_payment_required"}:
        raise PaymentMismatchError(order.id, "status")
    if session.order != order.id:
        raise PaymentMismatchError(order.id, "order")


def _milestones(order: Order, offer: Offer) -> tuple[Put, ...]:
    of_price, of_cost = offer.weights()
    prices, costs = shares(order.price, of_price), shares(offer.cost, of_cost)
    return tuple(
        Put(milestone_key(order.id, f"{number:02d}"), milestone_row(price, cost, offer.revisions_of(number)))
        for number, (price, cost) in enumerate(zip(prices, costs, strict=True), start=1)
    )


def correct_address(ports: Ports, order: Order, address: str, *, by: str = "client", reason: str = "") -> Order:
    """Write to another address from now on; the links mailed before stop working (design: people section 4).

    The client's open question is owed to the new address, else the link of the order's page is: until its mail is
    sent, silence decides nothing (promise 3). Whom no mail had reached has the whole time again.
    """
    asked = _asked(ports, order)
    owed = {"owes_address": 0, "due": stamp(ports.now() + OWED_AFTER), "due_shard": due_shard(order.id)}
    audit = {"by": by, "at": stamp(ports.now())}
    if reason:
        audit["note"] = keep_text(ports, order.id, "address", reason)
    head = Change(
        order_key(order.id),
        put={"client_email": address, "link_version": order.link_version + 1, "address_corrected": audit}
        | ({} if asked else owed),
        guards=(equals("link_version", order.link_version),),
    )
    try:
        ports.store.write(head, *(_owe_mail(ports, gate) for gate in asked))
    except ConditionFailedError:
        # Either another correction came first, or the question was answered this instant.
        now = read_order(ports.store, order.id)
        if now.link_version != order.link_version:
            return now
        return correct_address(ports, now, address, by=by, reason=reason)
    corrected = read_order(ports.store, order.id)
    try:
        _send_new_link(ports, corrected, asked)
    except MailRefusedError as refused:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        ports.note(refused)
    return corrected


def _asked(ports: Ports, order: Order) -> tuple[Gate, ...]:
    """The open gates that wait for the client: of several milestones each may have one.

    The time of those that no mail reached is counted anew.
    """
    gates = map(gate_from_row, ports.store.query(f"O#{order.id}", "G#"))
    return tuple(
        _counted(ports, order, gate) for gate in gates if gate.status is Status.OPEN and gate.role is Role.CLIENT
    )


def _counted(ports: Ports, order: Order, gate: Gate) -> Gate:
    situation = read_situation(ports, order.id, gate.id.milestone)
    if reach(ports, situation, gate) is Reach.REACHED:
        return gate
    return counted_anew(situation, gate, situation.client_calendar)


def _owe_mail(ports: Ports, gate: Gate) -> Change:
    return Change(
        gate_key(gate.order, str(gate.id)),
        put={
            "mailed": False,
            "owes": {Owed.MAIL.value: 0},
            "due": stamp(ports.now() + OWED_AFTER),
            "due_shard": due_shard(gate.order),
        }
        | terms_put(gate),
        remove=("mailed_to", "unreached", "posted"),
        guards=(equals("status", Status.OPEN.value),),
    )


def _send_new_link(ports: Ports, order: Order, asked: tuple[Gate, ...]) -> None:
    """The open questions again, or the link to the order's page alone."""
    if not asked:
        tell_address(ports, order)
    for gate in asked:
        send_opening(ports, read_situation(ports, order.id, gate.id.milestone), gate)


def tell_address(ports: Ports, order: Order) -> None:
    """Send the link of the order's page to the corrected address, then mark it sent."""
    ports.mailer.send(letters.new_link(ports, read_situation(ports, order.id, ORDER_LEVEL)))
    done = Change(
        order_key(order.id),
        remove=("owes_address",),
        guards=(equals("link_version", order.link_version), present("owes_address")),
    )
    try:
        ports.store.write(done)
    except ConditionFailedError:
        return
