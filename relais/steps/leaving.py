"""The client's own ways out: withdrawal, cancellation before the work starts, cancellation by agreement.

Each is decided in one transaction with all it causes; the gates are answered after it (`interrupt.sweep`), and the
receipt is owed until it is sent. Every milestone settles on its own: what has been accepted stays paid. Design: people
sections 3 to 5, workflow section 2; `relais.withdrawal` for the law.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from relais.errors import RelaisError
from relais.gate import Choice, Default, Gate, Kind, Role
from relais.metrics import Metric
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL, Milestone, Order, stamp, unstarted
from relais.ports import ConditionFailedError, MailRefusedError, Ports
from relais.rows import Change, Write, absent, equals, merged, order_key, present
from relais.steps import letters
from relais.steps.asking import TRIES, open_side
from relais.steps.contracts import asked
from relais.steps.decisions import Answer, ChoiceNotRoutedError
from relais.steps.gates import CANCELLED
from relais.steps.interrupt import (
    WITHDRAWN,
    InterruptMetError,
    call_back,
    cancel_milestone_writes,
    cancel_writes,
    sweep,
    sweep_write,
)
from relais.steps.side import Caused
from relais.steps.situation import (
    BEFORE_THE_CLIENT,
    Situation,
    interrupted,
    kept_of_part,
    read_milestones,
    read_offer,
    read_order,
    read_situation,
)
from relais.steps.texts import keep_text
from relais.withdrawal import all_given_back, begun, concluded, given_back, right_until, supplied

WITHDRAWAL, CANCELLATION = "withdrawal", "cancellation"


class RightOverError(RelaisError):
    """A withdrawal of somebody who has no such right: a business, too late, or all of the work is accepted."""

    def __init__(self, order: str) -> None:
        """Keep the order."""
        super().__init__(f"order {order} can't be withdrawn from: see its right of withdrawal in `relais order show`")
        self.order = order


class WorkBegunError(RelaisError):
    """An order that its client may no longer cancel alone: somebody has taken the work, or it has ended."""

    def __init__(self, order: str) -> None:
        """Keep the order."""
        super().__init__(f"order {order} has begun: from now on it is cancelled by agreement")
        self.order = order


def withdraw(
    ports: Ports,
    order_id: str,
    *,
    name: str,
    email: str,
    by: Role = Role.CLIENT,
    sent: datetime | None = None,
    reason: str = "",
) -> Order:
    """Take a consumer's withdrawal, which needs no reason, and give back what it gives back.

    The receipt goes to the address that was declared. A statement that came by another way is recorded by the seller:
    `sent` is when it left, by which the right is judged (L221-22), `reason` how it came. Raises `OrderNotFoundError`,
    `RightOverError`, `InterruptMetError`.
    """
    said = {"name": name, "email": email} | ({"reason": reason} if reason else {})
    return _leave(ports, order_id, WITHDRAWAL, partial(_withdrawn, ports, sent=sent), said=said, by=by)


def cancel_unstarted(ports: Ports, order_id: str) -> Order:
    """The client cancels before anybody has taken the work: everything goes back.

    Raises `OrderNotFoundError`, `WorkBegunError`, `InterruptMetError`.
    """
    order = read_order(ports.store, order_id)
    said = {"name": order.client_name or "", "email": order.client_email or ""}
    return _leave(ports, order_id, CANCELLATION, partial(_cancelled, ports), said=said, by=Role.CLIENT)


Decided = Callable[[Order, Role, Callable[[], str]], tuple[tuple[Write, ...], int, int]]
"""What a way out writes, what it gives back, and what freelancers are paid all the same (minor units).

It keeps the statement only where there is such a way out: what was refused is nobody's to keep.
"""


def _leave(ports: Ports, order_id: str, what: str, decide: Decided, *, said: Mapping[str, str], by: Role) -> Order:
    """Commit a way out as it stands at this moment; one that meets another write is decided again."""
    for last in reversed(range(TRIES)):
        order = read_order(ports.store, order_id)
        now = ports.now()
        statement = {"what": what, "order": order.id, "at": stamp(now), **said}
        keep = partial(keep_text, ports, order.id, what, json.dumps(statement, ensure_ascii=False))
        writes, back, pay = decide(order, by, keep)
        whole = statement | {"by": by.value, "back": back, "pay": pay, "concluded": stamp(concluded(order))}
        note = keep_text(ports, order.id, "left", json.dumps(whole, ensure_ascii=False))
        kept = {"what": what, "at": stamp(now), "note": note}
        head = Change(
            order_key(order.id),
            put={"leaving": kept, "owes_receipt": 0},
            guards=(absent("leaving"), equals("stage", order.stage.value)),
        )
        try:
            ports.store.write(*merged(head, *writes))
            break
        except ConditionFailedError:
            if last:
                raise InterruptMetError(order_id) from None
    try:
        sweep(ports, order_id)
        tell_receipt(ports, read_order(ports.store, order_id))
    except Exception as error:  # noqa: BLE001 - the decision stands and whoever gave it is told so; the clock goes on
        ports.note(error)
    return read_order(ports.store, order_id)


def _withdrawn(
    ports: Ports, order: Order, by: Role, keep: Callable[[], str], *, sent: datetime | None
) -> tuple[tuple[Write, ...], int, int]:
    milestones = read_milestones(ports.store, order.id)
    handed_over = read_offer(ports.store, order.offer, order.offer_version).policy.handed_over
    back = all_given_back(order, milestones, handed_over)
    if right_until(order, milestones, sent or ports.now()) is None or not back:
        raise RightOverError(order.id)
    if not begun(order):
        return (_whole(ports, order, by, RefundCause.WITHDRAWAL, keep),), back, 0
    _check_calm(order, milestones)
    note = keep()
    writes: list[Write] = [sweep_write(ports, order)]
    pay = 0
    for one in milestones:
        part = given_back(order, one, handed_over)
        if not part:
            continue
        share = {"back": part, "supplied": supplied(one, handed_over)}
        pay += _kept(ports, one, share)
        writes.append(call_back(ports, one, by=by, cause=RefundCause.WITHDRAWAL, note=note, withdrawn=share))
    return tuple(writes), back, pay


def _kept(ports: Ports, milestone: Milestone, share: Mapping[str, int]) -> int:
    """What the freelancer of a milestone is paid all the same."""
    if milestone.unbegun or milestone.engagement is None:
        return 0
    situation = read_situation(ports, milestone.order, milestone.number)
    seen = replace(situation, milestone=replace(milestone, supplied=share["supplied"]))
    return kept_of_part(seen, RefundCause.WITHDRAWAL, share["back"])


def _cancelled(ports: Ports, order: Order, by: Role, keep: Callable[[], str]) -> tuple[tuple[Write, ...], int, int]:
    if not unstarted(order):
        raise WorkBegunError(order.id)
    return (_whole(ports, order, by, RefundCause.CHANGE_OF_MIND, keep),), order.left or order.price, 0


def _whole(ports: Ports, order: Order, by: Role, cause: RefundCause, keep: Callable[[], str]) -> Change:
    """An order that nobody has taken yet ends as a whole."""
    if order.interrupt_seq > order.handled:
        raise InterruptMetError(order.id)
    kind = WITHDRAWN if cause is RefundCause.WITHDRAWAL else CANCELLED
    return cancel_writes(ports, order, by=by.value, cause=cause, note=keep(), kind=kind)


def _check_calm(order: Order, milestones: tuple[Milestone, ...]) -> None:
    """Raises `InterruptMetError` where the order is being ended already."""
    if any(order.interrupt_seq > one.handled for one in milestones):
        raise InterruptMetError(order.id)


def tell_receipt(ports: Ports, order: Order) -> None:
    """Send the client's dated receipt and tell the seller, then mark it sent; until then the clock repeats it."""
    if order.leaving is None or order.owes_receipt is None:
        return
    try:
        for letter in letters.left(ports, read_situation(ports, order.id, ORDER_LEVEL), declared(ports, order)):
            ports.mailer.send(letter)
    except MailRefusedError as refused:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        ports.note(refused)
        return
    done = Change(order_key(order.id), remove=("owes_receipt",), guards=(present("owes_receipt"),))
    try:
        ports.store.write(done)
    except ConditionFailedError:
        return


def declared(ports: Ports, order: Order) -> Mapping[str, Any]:
    """What a client who leaves declared, and what came of it: `back` and `pay` in minor units. Empty for others."""
    kept = None if order.leaving is None else ports.files.get_text(order.leaving["note"])
    found: Mapping[str, Any] = {} if kept is None else json.loads(kept)
    return found


# By agreement -------------------------------------------------------------------------------------------------------


def ask_to_end(ports: Ports, order_id: str, number: str, text: str) -> Gate | None:
    """The client asks to end what has begun, with words; nothing where it has gone on to them meanwhile.

    Once for each stage that the work is at: a seller who refused is not asked the same again.
    """
    return open_side(ports, order_id, number, lambda seen: agreement(seen, ports.link_keys.current, text))


def agreement(situation: Situation, link_key: str, text: str) -> Gate | None:
    """The seller's gate: to agree, with everything given back, or not."""
    milestone = situation.milestone
    if milestone is None or milestone.stage not in BEFORE_THE_CLIENT or interrupted(situation):
        return None
    return asked(
        situation,
        Kind.AGREEMENT,
        link_key,
        choices=(Choice.GRANT, Choice.REFUSE),
        default=Default.REFUSE,
        shown={"text": text},
        about=f"{milestone.number} {milestone.last or situation.order.last}",
    )


def agreement_answered(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """A yes gives everything back that is held of it; the freelancer is paid as the policy says of a change of mind."""
    match given.choice:
        case Choice.GRANT if situation.milestone is not None:
            order, by = situation.order, Role(given.by)
            writes = cancel_milestone_writes(
                ports, order, situation.milestone, by=by, cause=RefundCause.CHANGE_OF_MIND, note=given.note
            )
            return Caused(writes=writes, tells=True, then=partial(sweep, ports, order.id))
        case Choice.REFUSE:
            return Caused(tells=True)
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)
