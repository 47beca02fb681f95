"""SEPA debits: whether one is offered, and what the bank has answered (design: money A 3, A 7, A 10, rows 2a to 2c).

A debit is ordered today and answered by the bank days later: until then the checkout is complete, the order unpaid, and
nothing starts. What an event says of it is a hint: Stripe is asked each time, so events may come in any order.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from relais.calendar import due_after
from relais.gate import HEARTBEAT, OWED_AFTER, due_shard
from relais.metrics import Metric
from relais.offer import Offer, Text
from relais.order import ORDER_LEVEL, Debit, Order, OrderStage, stamp
from relais.ports import ConditionFailedError, MailRefusedError, PaidSession, Ports
from relais.rows import SHOP_KEY, Change, Guard, Put, Write, debit_key, differs, equals, order_key, session_key
from relais.steps import letters
from relais.steps.situation import read_order, read_situation, shop_from

DEBIT_ROW_VERSION = 1
CURRENCY = "eur"
"""A SEPA debit moves nothing else (docs.stripe.com/payments/sepa-debit)."""
METHOD = "sepa_debit"
CARD_ALONE = Text(
    fr="Cette commande se paie par carte\u00a0: un prélèvement n’est pas possible pour cette somme en ce moment.",
    en="This order is paid by card: a direct debit is not possible for this sum at the moment.",
)
"""It tells nothing of other orders: whoever types somebody's address could read it."""


def takes_debits(offer: Offer) -> bool:
    """Whether an offer may be paid by debit at all."""
    return offer.policy.debits and offer.currency == CURRENCY


def decide_offer(ports: Ports, order: Order, offer: Offer) -> Order:
    """Decide once for each checkout of an order whether it takes a debit, where its client wished for one.

    What a client has out is counted by their address, this order's sum with it. It is written down before the others
    are read: of two orders at once each sees the other, so both may be refused, and never both be let through.
    """
    if order.debit is None or order.client_email is None or order.debit_checkout == order.checkout:
        return order
    ports.store.write(counted(order, order.client_email, order.checkout_expires or ports.now()))
    offered = takes_debits(offer) and out(ports, order.client_email) <= offer.policy.debit_cap
    decided = Change(
        order_key(order.id),
        put={
            "debit": (Debit.OFFERED if offered else Debit.NOT_OFFERED).value,
            "debit_checkout": order.checkout,
        },
        guards=(equals("checkout", order.checkout), differs("debit_checkout", order.checkout)),
    )
    free = () if offered else (counted(order, order.client_email, ports.now()),)
    with suppress(ConditionFailedError):  # another press has decided, for both
        ports.store.write(decided, *free)
    return read_order(ports.store, order.id)


def out(ports: Ports, address: str) -> int:
    """What a client has out in debits: pending, young, or on offer in a checkout that is open (cents)."""
    rows, now = ports.store.query(debit_key(address, "").pk, "O#"), ports.now()
    return sum(int(row["amount"]) for row in rows if "until" not in row or datetime.fromisoformat(row["until"]) > now)


def counted(order: Order, address: str, until: datetime | None) -> Put:
    """How long an order counts among what its client has out; without an end while the bank has not answered."""
    row = {"v": DEBIT_ROW_VERSION, "amount": order.price} | ({} if until is None else {"until": stamp(until)})
    return Put(debit_key(address, order.id), row, guards=())


def said_at_checkout(order: Order) -> str:
    """What stands beside Stripe's button where a debit was wished for and a card alone is taken."""
    return CARD_ALONE.in_(order.lang) if order.debit is Debit.NOT_OFFERED else ""


def booked_with(
    ports: Ports, order: Order, offer: Offer, session: PaidSession
) -> tuple[dict[str, Any], tuple[Write, ...]]:
    """What is written with the payment of an order whose client wished for a debit: whether it was one.

    Until `debit_hold` has passed it counts among what they have out, and the bank may take it back. Its fee is on
    Stripe's book already, and nobody tells of it again: it is asked for at once.
    """
    now = ports.now()
    by_debit = session.charge is not None and ports.payments.charge(session.charge).method == METHOD
    address = order.client_email or session.email
    calendar = shop_from(ports.store.get(SHOP_KEY)).calendar
    until = due_after(offer.policy.debit_hold, now, calendar) if by_debit else now
    more = (counted(order, address, until),) if address else ()
    if not by_debit:
        return {"debit": Debit.NOT_OFFERED.value}, more
    said = {"debit": Debit.PAID.value, "debit_at": stamp(now), "owes_fee": session.charge}
    return said | {"due": stamp(now + OWED_AFTER)}, more


def look_at_debit(ports: Ports, session: str) -> None:
    """Ask Stripe how a checkout stands whose payment is a debit, and write down what is new. Asked any number of times.

    Of an order that has gone on, or that another checkout may pay, nothing is changed.
    """
    row = ports.store.get(session_key(session))
    order = None if row is None else read_order(ports.store, str(row["order"]))
    if order is None or order.stage is not OrderStage.DRAFT or order.session != session:
        return
    seen = ports.payments.session(session)
    if seen.status != "complete":
        return
    with suppress(ConditionFailedError):  # it has gone on meanwhile
        if seen.paid:
            _paid(ports, order)
        elif not seen.processing:
            _failed(ports, order, seen)
        elif order.debit is not Debit.PENDING:
            _pending(ports, order, seen)


def _paid(ports: Ports, order: Order) -> None:
    """What the webhook commits of a paid session; the clock starts the run."""
    put = {"stage": OrderStage.PAID.value, "run": 1, "owes_start": 0} | _soon(ports, order)
    ports.store.write(Change(order_key(order.id), put=put, remove=("owes_mail",), guards=_unchanged(order)))


def _pending(ports: Ports, order: Order, seen: PaidSession) -> None:
    """It is ordered: its client is told that it takes days, and that nothing is to be paid again."""
    _tell_of(ports, order, seen, Debit.PENDING, until=None)


def _failed(ports: Ports, order: Order, seen: PaidSession) -> None:
    """The bank refused: nothing is paid, and the order's own link opens a checkout again.

    The number of the one that failed is used up: the next press takes another.
    """
    now = ports.now()
    _tell_of(ports, order, seen, Debit.FAILED, until=now, put={"checkout_expires": stamp(now)}, remove=("session",))


def _tell_of(
    ports: Ports,
    order: Order,
    seen: PaidSession,
    became: Debit,
    *,
    until: datetime | None,
    put: dict[str, Any] | None = None,
    remove: tuple[str, ...] = (),
) -> None:
    address = order.client_email or seen.email
    known = {"client_email": address, "client_name": order.client_name or seen.name}
    head = Change(
        order_key(order.id),
        put={name: value for name, value in known.items() if value}
        | (put or {})
        | {"debit": became.value, "debit_at": stamp(ports.now()), "owes_mail": 0}
        | _soon(ports, order),
        remove=remove,
        guards=_unchanged(order),
    )
    ports.store.write(head, *((counted(order, address, until),) if address else ()))
    try:
        tell_debit(ports, read_order(ports.store, order.id))
    except MailRefusedError as refused:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        ports.note(refused)


def tell_debit(ports: Ports, order: Order) -> None:
    """Send what the last word of the bank owes, then mark it sent; a debit that is pending is asked about each day."""
    for letter in letters.debit(ports, read_situation(ports, order.id, ORDER_LEVEL)):
        ports.mailer.send(letter)
    later = {"due": stamp(ports.now() + HEARTBEAT)} if order.settling else {}
    done = Change(
        order_key(order.id),
        put=later,
        remove=("owes_mail",) if later else ("owes_mail", "due", "due_shard"),
        guards=(equals("stage", OrderStage.DRAFT.value), equals("debit", order.debit and order.debit.value)),
    )
    try:
        ports.store.write(done)
    except ConditionFailedError:
        return  # it has gone on meanwhile


def _unchanged(order: Order) -> tuple[Guard, ...]:
    return (equals("stage", OrderStage.DRAFT.value), equals("session", order.session))


def _soon(ports: Ports, order: Order) -> dict[str, str]:
    return {"due": stamp(ports.now() + OWED_AFTER), "due_shard": due_shard(order.id)}
