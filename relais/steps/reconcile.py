"""The reconciler: reads Stripe's own book and feeds the ledger and the doors what they have missed (design: money D).

Webhooks are hints that may all be lost: what Stripe's book says is complete. Each look reads forward from a mark,
page by page, and once more what the last 48 hours brought, for lines may surface late. Everything it writes is put
where nothing stands yet, so two at once are harmless; repairs go through the doors that webhooks and the clock use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from relais.act import ActState, act_from_row
from relais.bank import Movement, bank_entry, moves_money
from relais.gate import DUE_SHARDS, Owed
from relais.metrics import Metric
from relais.order import instant, is_order_id, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import RECONCILER_KEY, Put, Row, absent, entry_key, equals, order_key
from relais.steps.by_hand import refund_came_back
from relais.steps.compare import compare
from relais.steps.decisions import entry_put
from relais.steps.webhook import EVENTS, FEE_EVENT, StripeEvent, receive

MARK_ROW_VERSION = 1
OVERLAP = timedelta(hours=48)
FIRST_LOOK = timedelta(days=30)
"""How far back the very first look goes: as far as Stripe keeps its events. What was before is the opening."""
REPLAY_EVERY = timedelta(hours=1)
COMPARE_EVERY = timedelta(hours=1)
REPAIR_AFTER = timedelta(minutes=15)
"""What the clock and the webhook have not brought to its end by then is looked at here."""
RESERVE_MS = 20_000
"""Time that a look keeps to finish what it is at: longer than a call to Stripe may take."""
SHOP = "shop"


@dataclass(frozen=True, slots=True, repr=False)
class Mark:
    """How far the book was read. `base` is where the next look begins, `cursor` where an unfinished one goes on.

    `began` is the instant from which the book is ours to keep; `replayed` and `compared` are when events were fed to
    the door and when the ledger was last compared. `revision` fences two that run at once.
    """

    began: datetime
    base: str | None = None
    cursor: str | None = None
    replayed: datetime | None = None
    compared: datetime | None = None
    looked: datetime | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """What one look did: lines read, entries that had been missing, events fed, whether the end was reached."""

    read: int
    booked: int
    fed: int
    through: bool


def reconcile_within(
    ports: Ports, remaining_ms: Callable[[], int], *, since: str | None = None
) -> dict[str, int | bool]:
    """Look while there is time; what is left over, the next look goes on with. `since` begins anew at an instant."""
    if since is not None:
        begin_at(ports, datetime.fromisoformat(since))
    look = reconcile(ports, enough=lambda: remaining_ms() < RESERVE_MS)
    return {"read": look.read, "booked": look.booked, "fed": look.fed, "through": look.through}


def reconcile(ports: Ports, *, enough: Callable[[], bool] = lambda: False) -> Look:
    """Repair what is not final, read Stripe's book on, feed missed events to the door, then compare.

    Raises `BankSilentError` where Stripe cannot be read: what was read until then stays booked.
    """
    mark = read_mark(ports)
    wake_orders(ports, enough)
    look = Look(0, 0, 0, through=False)
    try:
        mark, look = _read_on(ports, mark, enough)
        if not enough() and _over(mark.replayed, REPLAY_EVERY, ports.now()):
            fed, replayed = _feed_events(ports, mark, enough)
            mark, look = _keep(ports, replace(mark, replayed=replayed)), replace(look, fed=fed)
        if look.through and not enough() and _over(mark.compared, COMPARE_EVERY, ports.now()):
            compare(ports, since=mark.began, first=mark.compared is None)
            _keep(ports, replace(mark, compared=ports.now()))
    except ConditionFailedError as failed:
        if failed.key != RECONCILER_KEY:
            raise
        return look  # another look is under way, and goes on with what is left
    ports.counter.count(Metric.RECONCILED)
    return look


def _over(at: datetime | None, pause: timedelta, now: datetime) -> bool:
    """Whether a pause is over; a date that lies ahead (a clock that was moved back) holds nothing up."""
    return at is None or not at <= now < at + pause


# The mark ---------------------------------------------------------------------------------------------------------


def read_mark(ports: Ports) -> Mark:
    """How far the book was read; a first look begins thirty days back."""
    row = ports.store.get(RECONCILER_KEY)
    if row is None:
        began = ports.now() - FIRST_LOOK
        return Mark(began, base=ports.bank.newest(began))
    return mark_from_row(row)


def mark_from_row(row: Row) -> Mark:
    """Read the mark."""
    return Mark(
        began=datetime.fromisoformat(row["began"]),
        base=row.get("base"),
        cursor=row.get("cursor"),
        replayed=instant(row.get("replayed")),
        compared=instant(row.get("compared")),
        looked=instant(row.get("looked")),
        revision=row["revision"],
    )


def _keep(ports: Ports, mark: Mark) -> Mark:
    """Write the mark on. Raises `ConditionFailedError` where another look is under way: this one leaves it to that."""
    kept = replace(mark, revision=mark.revision + 1, looked=ports.now())
    row = {
        "v": MARK_ROW_VERSION,
        "began": stamp(kept.began),
        "base": kept.base,
        "cursor": kept.cursor,
        "replayed": kept.replayed and stamp(kept.replayed),
        "compared": kept.compared and stamp(kept.compared),
        "looked": kept.looked and stamp(kept.looked),
        "revision": kept.revision,
    }
    as_read = equals("revision", mark.revision) if mark.revision else absent("pk")
    ports.store.write(Put(RECONCILER_KEY, {name: one for name, one in row.items() if one is not None}, (as_read,)))
    return kept


# Our own rows -----------------------------------------------------------------------------------------------------


def wake_orders(ports: Ports, enough: Callable[[], bool] = lambda: False) -> int:
    """Have each order looked at whose movement of money has no end long after it was sent."""
    woken = 0
    for shard in range(DUE_SHARDS):
        if enough():
            break
        for order in ports.store.open_orders(f"D#{shard:02d}"):
            woken += _wake(ports, order)
    return woken


def _wake(ports: Ports, order_id: str) -> bool:
    acts = [act_from_row(one) for one in ports.store.query(f"O#{order_id}", "A#")]
    late = ports.wall() - REPAIR_AFTER
    hangs = [
        act
        for act in acts
        if (act.state is ActState.SENDING and act.last_sent is not None and act.last_sent < late)
        or (act.state is ActState.DONE and not act.settled)
    ]
    if hangs:
        ports.background.run_act(order_id, "acts")
    return bool(hangs)


# Stripe's book ----------------------------------------------------------------------------------------------------


def _read_on(ports: Ports, mark: Mark, enough: Callable[[], bool]) -> tuple[Mark, Look]:
    """Read forward page by page, and keep the mark with each, so that the next look goes on wherever this one ends."""
    read = booked = 0
    at = mark.cursor or mark.base
    while not enough():
        page = ports.bank.movements(at)
        booked += book(ports, page.lines)
        read += len(page.lines)
        old = [line.id for line in page.lines if line.created <= ports.now() - OVERLAP]
        at = page.lines[-1].id if page.lines else at
        mark = _keep(ports, replace(mark, base=old[-1] if old else mark.base, cursor=at if page.more else None))
        if not page.more:
            return mark, Look(read, booked, 0, through=True)
    return mark, Look(read, booked, 0, through=False)


def book(ports: Ports, lines: Iterable[Movement]) -> int:
    """Put the bank entry of each line that has none yet, and feed what it tells to the doors. Says how many."""
    known = _attributed(ports, [line for line in lines if moves_money(line)])
    keys = {line.id: entry_key(line.order or SHOP, line.id) for line in known}
    there = ports.store.get_many(list(keys.values())) if keys else {}
    missing = [line for line in known if keys[line.id] not in there]
    return sum(_book(ports, line) for line in missing)


def _book(ports: Ports, line: Movement) -> bool:
    try:
        ports.store.write(entry_put(bank_entry(line, ports.now())))
    except ConditionFailedError:
        return False
    ports.counter.count(Metric.MOVEMENT_BOOKED)
    if not line.is_known:
        ports.counter.count(Metric.MOVEMENT_UNKNOWN)
    elif line.kind == "refund_failure":
        refund_came_back(ports, line)
    elif line.is_payment:
        _feed_payment(ports, line)
    elif line.is_act:
        _feed_act(ports, line)
    elif line.about == "dispute" and line.source is not None:
        ports.background.run_act(line.source, Owed.DISPUTE.value)
    return True


def _attributed(ports: Ports, lines: list[Movement]) -> list[Movement]:
    """Each line with the order that it belongs to, if any of ours: what Stripe's object says, else its charge."""
    named = [_named(ports, line) for line in lines]
    wanted = {line.order for line in named if line.order is not None}
    found = ports.store.get_many([order_key(one) for one in sorted(wanted)]) if wanted else {}
    return [line if line.order and order_key(line.order) in found else replace(line, order=None) for line in named]


def _named(ports: Ports, line: Movement) -> Movement:
    order = line.order
    if order is None and line.operation is not None:
        order = line.operation.partition(":")[0]
    if order is None and line.charge is not None:
        order = ports.bank.order_of(line.charge)
    return replace(line, order=order if order is not None and is_order_id(order) else None)


def _feed_payment(ports: Ports, line: Movement) -> None:
    """A payment that nobody told us of, or whose fee nobody did: the doors of the webhook take it from here."""
    session = None if line.payment_intent is None else ports.bank.session_of(line.payment_intent)
    if session is not None:
        _receive(ports, "checkout.session.completed", {"id": session[0], "payment_status": session[1]})
        if session[1] == "unpaid":
            return  # a debit that no bank has answered: its line starts nothing, and may come back (design: money A 3)
    told = {"id": line.source, "transfer_group": line.order, "balance_transaction": line.id}
    _receive(ports, FEE_EVENT, told)


def _feed_act(ports: Ports, line: Movement) -> None:
    """A movement of an act: one that is not done yet goes on; one that no act of ours asked for is told of."""
    rows: Mapping[str, Row] = {}
    if line.order is not None:
        rows = {row["operation"]: row for row in ports.store.query(f"O#{line.order}", "A#")}
    row = rows.get(line.operation or "")
    if row is None:
        ports.counter.count(Metric.MOVEMENT_UNEXPLAINED)
    elif line.order is not None and (row["state"] != ActState.DONE.value or not row.get("settled", True)):
        ports.background.run_act(line.order, "acts")


def _receive(ports: Ports, kind: str, subject: Mapping[str, object]) -> str:
    livemode = ports.settings.stage == "prod"
    return receive(ports, StripeEvent("evt_reconciled", kind, livemode, dict(subject)))


# Events -----------------------------------------------------------------------------------------------------------


def _feed_events(ports: Ports, mark: Mark, enough: Callable[[], bool]) -> tuple[int, datetime]:
    """Feed what Stripe has told since the last time to the webhook's door: what it took then, it has seen."""
    now = ports.now()
    since = mark.began if mark.replayed is None else min(mark.replayed, now) - REPLAY_EVERY
    fed = 0
    for event in ports.bank.events(sorted(EVENTS), since):
        if enough():
            return fed, event.created
        outcome = receive(ports, StripeEvent(event.id, event.type, event.livemode, event.subject))
        fed += outcome in {"paid", "second_payment", "fee"}
    ports.counter.count(Metric.EVENT_MISSED, fed)
    return fed, now


def begin_at(ports: Ports, at: datetime) -> Mark:
    """Have the next look begin at a date: after a restore, a day before the point that was restored to."""
    mark = read_mark(ports)
    base = ports.bank.newest(at)
    return _keep(ports, replace(mark, began=min(mark.began, at), base=base, cursor=None, replayed=at, compared=at))
