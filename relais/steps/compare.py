"""Compares the ledger with what Stripe holds, and tells the seller in plain words what does not agree.

Design: money D. The report stands on one row: the last comparison, its findings, and which of them were told when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from relais import ledger
from relais.act import ActKind, ActState, act_from_row
from relais.metrics import Metric
from relais.order import Debit, OrderStage, instant, is_order_id, stamp
from relais.pages.frame import Frame
from relais.pages.letter_views import ReportView
from relais.ports import BankSilentError, ConditionFailedError, MailRefusedError, Ports, Store
from relais.report import MOST_KEPT, Finding, FindingKind, booked_in_stripe, findings
from relais.rows import REPORT_KEY, SHOP_KEY, Put, Row, order_key
from relais.steps.book import booked, latest, months_between
from relais.steps.decisions import entry_put
from relais.steps.situation import shop_from

REPORT_ROW_VERSION = 1
LOWERED_AFTER = timedelta(days=1)
PENDING_TOO_LONG = timedelta(days=10)
TOLD_AGAIN = timedelta(days=7)
"""A finding that stays is told again so often; a new one at once."""


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The last comparison: when, what is booked and what Stripe holds by currency, and what does not agree."""

    at: datetime
    booked: dict[str, int]
    held: dict[str, int] | None
    findings: tuple[Finding, ...]
    more: int = 0
    told: tuple[str, ...] = ()
    told_at: datetime | None = None
    kept: dict[str, int] | None = None
    kept_at: datetime | None = None


def compare(ports: Ports, *, since: datetime, first: bool) -> Report:
    """Compare everything booked since an instant with Stripe's balance, keep the report, tell the seller what is new.

    The first comparison books what the account held before as the opening.
    """
    now = ports.now()
    before = read_report(ports)
    rows = booked(ports.store, months_between(since, latest(ports.store, now)))
    entries, unreadable = ledger.read(rows)
    held = _held(ports, entries)
    if first and held is not None:
        entries = (*entries, *_open_book(ports, entries, held))
    found = tuple(_told_apart(ports, findings(entries, unreadable, now=now, balance=held)))
    _count(ports, found)
    kept, kept_at = _keep_balance(ports, entries, before)
    report = Report(now, booked_in_stripe(entries), held, found, kept=kept, kept_at=kept_at)
    told, told_at = _tell(ports, report, before)
    report = replace(report, told=told, told_at=told_at)
    ports.store.write(Put(REPORT_KEY, report_row(report), guards=()))
    return report


def _told_apart(ports: Ports, found: Iterable[Finding]) -> Iterator[Finding]:
    """A refund that waits for money in the balance is no difference; after ten days somebody should bring some."""
    for one in found:
        if one.kind is FindingKind.UNEXPLAINED and one.order is not None and waits_for_bank(ports.store, one.order):
            continue  # a debit's line comes before its bank's answer: clearing ages from that on (design: money B 2a)
        if one.kind is not FindingKind.MISSING or not waits_for_money(ports.store, one.reference):
            yield one
        elif one.since is not None and ports.now() - one.since > PENDING_TOO_LONG:
            yield replace(one, kind=FindingKind.REFUND_PENDING)


def waits_for_bank(store: Store, order: str) -> bool:
    """Whether an order's debit has no answer yet: what Stripe has booked of it is not final, and may come back."""
    row = store.get(order_key(order))
    return row is not None and row["stage"] == OrderStage.DRAFT.value and row.get("debit") == Debit.PENDING.value


def waits_for_money(store: Store, operation: str) -> bool:
    """Whether an operation is a refund that Stripe has taken and not made yet: it is not final (design: money D)."""
    order = operation.partition(":")[0]
    if not is_order_id(order):
        return False
    acts = map(act_from_row, store.query(f"O#{order}", f"A#{ActKind.REFUND.value}#"))
    return any(act.operation == operation and act.state is ActState.DONE and not act.settled for act in acts)


def _keep_balance(
    ports: Ports, entries: tuple[ledger.Entry, ...], before: Report | None
) -> tuple[dict[str, int], datetime | None]:
    """Have Stripe's automatic payouts leave in the account what is owed, and a reserve (design: money A 5).

    Raised as soon as more is owed, lowered once a day at most, and never below what somebody set by hand.
    """
    ours = {} if before is None or before.kept is None else before.kept
    kept_at = None if before is None else before.kept_at
    try:
        present = ports.bank.minimum()
        wanted = {}
        for currency, one in ledger.cover(entries).items():
            set_now = present.get(currency, 0)
            lower = set_now == ours.get(currency) and (kept_at is None or ports.now() - kept_at >= LOWERED_AFTER)
            if one.to_keep > set_now or (lower and one.to_keep < set_now):
                wanted[currency] = one.to_keep
        if wanted:
            ports.bank.keep(wanted)
    except BankSilentError as silent:
        ports.note(silent)
        return ours, kept_at
    return {**ours, **wanted}, ports.now() if wanted else kept_at


def _held(ports: Ports, entries: tuple[ledger.Entry, ...]) -> dict[str, int] | None:
    """Stripe's balance, if nothing moved while it was read and all that moved is booked."""
    newest = ports.bank.newest()
    held = ports.bank.balance()
    if newest != ports.bank.newest():
        return None
    if newest is not None and newest not in {entry.reference for entry in entries}:
        return None
    return held


def _open_book(ports: Ports, entries: tuple[ledger.Entry, ...], held: dict[str, int]) -> tuple[ledger.Entry, ...]:
    ours = booked_in_stripe(entries)
    gaps = {currency: amount - ours.get(currency, 0) for currency, amount in held.items()}
    made = []
    for currency, gap in gaps.items():
        if not gap or any(entry.reference == f"opening:{currency}" for entry in entries):
            continue
        entry = ledger.opening(currency=currency, amount=gap, at=ports.now())
        try:
            ports.store.write(entry_put(entry))
        except ConditionFailedError:
            continue
        made.append(entry)
    return tuple(made)


def _count(ports: Ports, found: tuple[Finding, ...]) -> None:
    ports.counter.count(Metric.MONEY_DIFFERS, sum(one.is_difference for one in found))
    ports.counter.count(Metric.COVER_SHORT, sum(one.amount for one in found if one.kind is FindingKind.COVER))


def _tell(ports: Ports, report: Report, before: Report | None) -> tuple[tuple[str, ...], datetime | None]:
    """Write to the seller where something is new, and every week while it lasts. A refused mail is tried again."""
    now = report.at
    told = () if before is None else before.told
    told_at = None if before is None else before.told_at
    names = tuple(sorted({_name(one) for one in report.findings}))
    news = set(names) - set(told)
    again = bool(names) and told_at is not None and now - told_at >= TOLD_AGAIN
    if not news and not again:
        return tuple(one for one in told if one in names), told_at
    try:
        ports.mailer.send(_letter(ports, report))
    except MailRefusedError as refused:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        ports.note(refused)
        return told, told_at
    return names, now


def _name(one: Finding) -> str:
    return f"{one.kind}:{one.reference}"[:80]


def _letter(ports: Ports, report: Report) -> ReportView:
    shop = shop_from(ports.store.get(SHOP_KEY))
    home = ports.settings.public_url
    return ReportView(
        frame=Frame(shop, shop.lang, shop.zone, home, "/", report.at),
        to=shop.email,
        findings=report.findings[:MOST_KEPT],
        more=max(0, len(report.findings) - MOST_KEPT),
        booked=report.booked,
        held=report.held,
    )


def report_row(report: Report) -> dict[str, Any]:
    """A report as its row keeps it."""
    row = {
        "v": REPORT_ROW_VERSION,
        "at": stamp(report.at),
        "booked": report.booked,
        "held": report.held,
        "findings": [one.to_row() for one in report.findings[:MOST_KEPT]],
        "more": max(0, len(report.findings) - MOST_KEPT),
        "told": list(report.told[: MOST_KEPT * 2]),
        "told_at": report.told_at and stamp(report.told_at),
        "kept": report.kept,
        "kept_at": report.kept_at and stamp(report.kept_at),
    }
    return {name: value for name, value in row.items() if value is not None}


def read_report(ports: Ports) -> Report | None:
    """The last comparison, if there was one."""
    row = ports.store.get(REPORT_KEY)
    return None if row is None else report_from_row(row)


def report_from_row(row: Row) -> Report:
    """Read a report."""
    return Report(
        at=datetime.fromisoformat(row["at"]),
        booked=dict(row["booked"]),
        held=row.get("held"),
        findings=tuple(Finding.from_row(one) for one in row["findings"]),
        more=row["more"],
        told=tuple(row["told"]),
        told_at=instant(row.get("told_at")),
        kept=row.get("kept"),
        kept_at=instant(row.get("kept_at")),
    )
