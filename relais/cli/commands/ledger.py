"""`relais ledger`: what was booked, and whether it is as it must be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from relais import ledger
from relais.cli.bank import Bank, Line, bank_of
from relais.cli.output import (
    WRONG,
    AsJson,
    OfOrder,
    OfStage,
    Times,
    UsageRefusedError,
    money,
    say,
    sentences,
    table,
    tell_json,
)
from relais.cli.reading import entry_rows, heads, months_back, open_dossiers, tidy
from relais.cli.stack import Stack, Stage, in_sentences
from relais.ledger import CLEARING_GRACE, STRIPE, Difference, Entry, cover, trial_balance
from relais.money import decimal_text
from relais.order import Order, OrderStage
from relais.pages.letters import finding_in_words
from relais.ports import Ports, Store
from relais.rows import Row
from relais.steps.book import booked, latest
from relais.steps.compare import Report, read_report, waits_for_bank, waits_for_money
from relais.steps.situation import read_order

app = typer.Typer(no_args_is_help=True, help="Show and check what was booked.")

_CHECKED_MONTHS = 3
_TRIAL_MONTHS = 120
_BOOKED_LATE = timedelta(days=7)
"""How much older than its entry a balance transaction may be."""


@app.command(epilog="Example: relais ledger show 4f7k2m9q0abc")
@sentences
def show(order: OfOrder, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Show the entries of an order with their postings, and the balance of every account. A debit is positive."""
    ports = Stack(stage).ports
    times = Times.of_shop(ports.store)
    head = read_order(ports.store, tidy(order))
    entries, unreadable = ledger.read(entry_rows(ports.store, head.id))
    if as_json:
        tell_json(
            {
                "order": head.id,
                "entries": [_entry_document(one, times) for one in entries],
                "trial_balance": _balance_document(entries),
                "unreadable": [_difference_document(one) for one in unreadable],
            }
        )
    else:
        table(
            f"Entries of {head.id} (times: {times.zone})",
            ("When", "Reference", "Kind", "Account", "Debit", "Credit"),
            [line for one in entries for line in _entry_lines(one, times)],
            right=("Debit", "Credit"),
        )
        _print_balance(entries)
        _print_differences(unreadable)
    if unreadable:
        raise typer.Exit(WRONG)


def _entry_document(one: Entry, times: Times) -> dict[str, Any]:
    return {
        "reference": one.reference,
        "kind": one.kind.value,
        "at": times.iso(one.at),
        "item": one.item,
        "postings": [
            {"account": str(posting.account), "amount": posting.amount, "currency": posting.currency}
            for posting in one.postings
        ],
    }


def _entry_lines(one: Entry, times: Times) -> Iterable[tuple[str | None, ...]]:
    for number, posting in enumerate(one.postings):
        head = (times.words(one.at), one.reference, one.kind.value) if number == 0 else (None, None, None)
        shown = money(abs(posting.amount), posting.currency)
        yield (
            *head,
            str(posting.account),
            shown if posting.amount > 0 else None,
            shown if posting.amount < 0 else None,
        )


def _balance_document(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [
        {"account": str(account), "currency": currency, "balance": amount}
        for (account, currency), amount in trial_balance(entries).items()
    ]


def _print_balance(entries: Sequence[Entry]) -> None:
    balances = trial_balance(entries)
    table(
        "Trial balance",
        ("Account", "Balance"),
        [(str(account), money(amount, currency)) for (account, currency), amount in balances.items()],
        right=("Balance",),
    )


def _difference_document(one: Difference) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "reference": one.reference,
        "amount": one.amount,
        "currency": one.currency,
        "sentence": one.sentence,
    }


def _print_differences(differences: Sequence[Difference]) -> None:
    for number, one in enumerate(differences, start=1):
        say(f"{number}. {one.sentence}")


@app.command(epilog="Examples: relais ledger trial; relais ledger trial --at 2026-11-30 --json")
@sentences
def trial(
    at: Annotated[
        str | None, typer.Option("--at", metavar="DATE", help="As it stood at the end of this day, or at this instant.")
    ] = None,
    months: Annotated[int, typer.Option(min=1, max=240, help="How many months of the book to add up.")] = _TRIAL_MONTHS,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Show the balance of every account at any date, from the book by month; debits are positive and add up to zero."""
    ports = Stack(stage).ports
    times = Times.of_shop(ports.store)
    until = latest(ports.store, ports.now()) if at is None else _end_of(times, at)
    rows = booked(ports.store, months_back(until, months))
    entries, unreadable = ledger.read(row for row in rows if datetime.fromisoformat(row["at"]) <= until)
    sums: dict[str, int] = {}
    for (_, currency), amount in trial_balance(entries).items():
        sums[currency] = sums.get(currency, 0) + amount
    if as_json:
        covers = {
            name: {"there": one.there, "owed": one.owed, "short": one.short} for name, one in cover(entries).items()
        }
        tell_json(
            {
                "at": times.iso(until),
                "entries": len(entries),
                "balanced": not any(sums.values()) and not unreadable,
                "trial_balance": _balance_document(entries),
                "cover": covers,
                "unreadable": [_difference_document(one) for one in unreadable],
            }
        )
    else:
        say(f"{len(entries)} entries up to {times.words(until)} ({times.zone}).")
        _print_balance(entries)
        for currency, one in cover(entries).items():
            say(f"Owed to others {money(one.owed, currency)}, there for it {money(one.there, currency)}.")
        _print_differences(unreadable)
    if unreadable or any(sums.values()):
        raise typer.Exit(WRONG)


def _end_of(times: Times, text: str) -> datetime:
    """An instant, or the last of a day."""
    try:
        at = times.read(text)
    except ValueError:
        raise UsageRefusedError(f"{text} is no date: write it like 2026-11-30 or 2026-11-30T18:00.") from None
    return at if "T" in text else at + timedelta(days=1) - timedelta(seconds=1)


@app.command(epilog="Examples: relais ledger report; relais ledger report --json --stage prod")
@sentences
def report(stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Show what the last comparison with Stripe found, in plain words, with what to do. Exit code 1 where it did."""
    ports = Stack(stage).ports
    times = Times.of_shop(ports.store)
    found = read_report(ports)
    if found is None:
        say("Nothing has been compared yet: `relais ledger reconcile` does so now.")
        raise typer.Exit(WRONG)
    if as_json:
        tell_json(_report_document(found, times))
    else:
        _print_report(found, times)
    if found.findings:
        raise typer.Exit(WRONG)


def _report_document(found: Report, times: Times) -> dict[str, Any]:
    return {
        "at": times.iso(found.at),
        "booked": found.booked,
        "held": found.held,
        "findings": [one.to_row() | {"sentence": finding_in_words(one, "en", times.zone)} for one in found.findings],
        "more": found.more,
        "kept": found.kept,
    }


def _print_report(found: Report, times: Times) -> None:
    say(f"Compared on {times.words(found.at)} ({times.zone}).")
    for currency in sorted(found.booked.keys() | (found.held or {}).keys()):
        theirs = "not read" if found.held is None else money(found.held.get(currency, 0), currency)
        say(f"In our books at Stripe: {money(found.booked.get(currency, 0), currency)}. Stripe says: {theirs}.")
    for currency, amount in sorted((found.kept or {}).items()):
        say(f"Stripe's automatic payouts leave {money(amount, currency)} in the account: what is owed, and a reserve.")
    for number, one in enumerate(found.findings, start=1):
        say(f"{number}. {finding_in_words(one, 'en', times.zone)}")
    if found.more:
        say(f"And {found.more} more: `relais ledger check` lists them.")
    if not found.findings:
        say("Everything agrees.")


@app.command(epilog="Examples: relais ledger reconcile; relais ledger reconcile --from 2026-11-20")
@sentences
def reconcile(
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="Read Stripe's book from this date on: after a restore, say."),
    ] = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Have Stripe's book read now, as the schedule does every quarter of an hour."""
    stack = Stack(stage)
    with in_sentences():
        done = stack.reconcile(None if since is None else _date(stack, since))
    if as_json:
        tell_json(done | {"through": bool(done["through"])})
        return
    say(f"Read {done['read']} lines of Stripe's book: {done['booked']} had been missing, {done['fed']} events too.")
    say("All of it is read." if done["through"] else "There is more: call it again, or leave it to the schedule.")


def _date(stack: Stack, text: str) -> str:
    try:
        return Times.of_shop(stack.ports.store).read(text).isoformat()
    except ValueError:
        raise UsageRefusedError(f"{text} is no date: write it like 2026-11-20 or 2026-11-20T09:00.") from None


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is checked: one order, or the months since."""

    orders: tuple[Order, ...]
    rows: tuple[Row, ...]
    since: datetime
    order: Order | None = None
    months: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What Stripe says; `waiting` are its movements too young to be missed, `why` says that it was not asked."""

    lines: tuple[Line, ...] = ()
    waiting: tuple[Line, ...] = ()
    why: str | None = None

    @property
    def transactions(self) -> tuple[ledger.BankTransaction, ...] | None:
        """What the ledger must agree with, or None where it was not asked."""
        return None if self.why is not None else tuple(line.transaction for line in self.lines)


@app.command(
    epilog="Examples: relais ledger check; relais ledger check 4f7k2m9q0abc --json; relais ledger check --no-stripe"
)
@sentences
def check(
    *,
    order: Annotated[str | None, typer.Argument(help="One order only.", metavar="[ORDER]")] = None,
    stage: OfStage = Stage.DEV,
    months: Annotated[int, typer.Option(min=1, max=120, help="How many months of the book to read.")] = _CHECKED_MONTHS,
    stripe: Annotated[
        str | None,
        typer.Option("--stripe", metavar="URL", help="Stage dev only: the Stripe sandbox; else what the stack uses."),
    ] = None,
    no_stripe: Annotated[bool, typer.Option("--no-stripe", help="Do not compare with Stripe.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check that every entry balances, nothing lingers in clearing, ended orders are empty, and Stripe says the same.

    Each difference is a sentence. Exit code 1 where there is one.
    """
    if stripe is not None and (stage is not Stage.DEV or no_stripe):
        raise UsageRefusedError("--stripe names a sandbox: it goes with stage dev only, and not with --no-stripe.")
    stack = Stack(stage)
    ports = stack.ports
    scope = _one(ports, order) if order is not None else _book(ports, months)
    bank = "it was left out (--no-stripe)" if no_stripe else bank_of(stack, stripe)
    comparison = _compare(ports, scope, bank)
    entries, differences = _check(ports, scope, comparison)
    if differences and scope.order is None:
        # The index may lag, and an order may be older than the months read: look again where nothing is left out.
        scope = _whole(ports.store, scope)
        comparison = _compare(ports, scope, bank)
        entries, differences = _check(ports, scope, comparison)
    document = _check_document(scope, entries, comparison, differences, Times.of_shop(ports.store))
    if as_json:
        tell_json(document)
    else:
        _print_check(document, entries, differences)
    if differences:
        raise typer.Exit(WRONG)


def _one(ports: Ports, order: str) -> _Scope:
    head = read_order(ports.store, tidy(order))
    return _Scope((head,), tuple(entry_rows(ports.store, head.id)), head.created, order=head)


def _book(ports: Ports, count: int) -> _Scope:
    until = latest(ports.store, ports.now())
    months = months_back(until, count)
    rows = booked(ports.store, months)
    ids = {row["order"] for row in rows if row["order"]}
    opened = [dossier.order for dossier in open_dossiers(ports.store) if dossier.order.id not in ids]
    since = datetime.fromisoformat(f"{months[-1]}-01T00:00:00+00:00")
    return _Scope((*heads(ports.store, ids), *opened), tuple(rows), since, months=months)


def _whole(store: Store, scope: _Scope) -> _Scope:
    rows = [row for one in scope.orders for row in entry_rows(store, one.id)] + entry_rows(store, None)
    return _Scope(
        tuple(read_order(store, one.id) for one in scope.orders), tuple(rows), scope.since, months=scope.months
    )


def _compare(ports: Ports, scope: _Scope, bank: Bank | str) -> _Comparison:
    """Stripe's movements that concern the scope; the youngest may still be on their way into the book."""
    if isinstance(bank, str):
        return _Comparison(why=bank)
    now = ports.now() if bank.address else ports.wall()
    booked_ids = {row["reference"] for row in scope.rows}
    earliest = min([scope.since, *(datetime.fromisoformat(row["at"]) for row in scope.rows)])
    concerned, waiting = [], []
    for line in bank.lines(earliest - _BOOKED_LATE):
        if line.transaction.id in booked_ids:
            concerned.append(line)
        elif not _concerns(ports.store, scope, line):
            continue
        elif line.created > now - CLEARING_GRACE:
            waiting.append(line)
        else:
            concerned.append(line)
    return _Comparison(tuple(concerned), tuple(waiting))


def _concerns(store: Store, scope: _Scope, line: Line) -> bool:
    if scope.order is None:
        return line.created >= scope.since
    return line.source is not None and line.source in _sources(store, scope.order)


def _sources(store: Store, order: Order) -> set[str | None]:
    """What Stripe knows an order's movements by."""
    acts = store.query(f"O#{order.id}", "A#")
    later = store.query(f"O#{order.id}", "C#")
    charges = (order.charge, order.owes_fee, *(row.get("charge") for row in later))
    return {*charges, *(act.get("stripe_id") for act in acts)}


def _check(ports: Ports, scope: _Scope, comparison: _Comparison) -> tuple[tuple[Entry, ...], tuple[Difference, ...]]:
    entries, unreadable = ledger.read(scope.rows)
    over = [one for one in scope.orders if one.stage is OrderStage.COMPLETED and one.disputed is None]
    ended = frozenset(one.id for one in over)
    found = ledger.check(entries, now=ports.now(), ended=ended, transactions=comparison.transactions)
    wrong = [one for one in found if not _waits(ports.store, one, entries)]
    return entries, (*unreadable, *wrong)


def _waits(store: Store, one: Difference, entries: Sequence[Entry]) -> bool:
    """Whether an item in clearing is a refund that waits for money in the balance, or a debit that waits for a bank."""
    if one.kind is not ledger.DifferenceKind.CLEARING:
        return False
    order = next((entry.order for entry in entries if entry.item == one.reference and entry.order), None)
    return waits_for_money(store, one.reference) or (order is not None and waits_for_bank(store, order))


def _check_document(
    scope: _Scope,
    entries: Sequence[Entry],
    comparison: _Comparison,
    differences: Sequence[Difference],
    times: Times,
) -> dict[str, Any]:
    balances = trial_balance(entries)
    sums: dict[str, int] = {}
    for (_, currency), amount in balances.items():
        sums[currency] = sums.get(currency, 0) + amount
    return {
        "ok": not differences,
        "order": None if scope.order is None else scope.order.id,
        "months": [scope.months[-1], scope.months[0]] if scope.months else None,
        "orders": len(scope.orders),
        "entries": len(entries),
        "balanced": not any(sums.values())
        and not any(one.kind is ledger.DifferenceKind.UNREADABLE for one in differences),
        "trial_balance": _balance_document(entries),
        "stripe": _stripe_document(entries, comparison, differences, times),
        "differences": [_difference_document(one) for one in differences],
    }


_BANK_KINDS = frozenset(
    {
        ledger.DifferenceKind.BANK_MISSING,
        ledger.DifferenceKind.BANK_UNKNOWN,
        ledger.DifferenceKind.BANK_AMOUNT,
    }
)


def _stripe_document(
    entries: Sequence[Entry], comparison: _Comparison, differences: Sequence[Difference], times: Times
) -> dict[str, Any]:
    if comparison.why is not None:
        return {"compared": False, "why": comparison.why, "equal": None, "transactions": 0, "totals": [], "waiting": []}
    told: dict[str, int] = {}
    for line in comparison.lines:
        told[line.transaction.currency] = told.get(line.transaction.currency, 0) + line.transaction.net
    ours = {currency: amount for (account, currency), amount in trial_balance(entries).items() if account == STRIPE}
    return {
        "compared": True,
        "why": None,
        "equal": not any(one.kind in _BANK_KINDS for one in differences),
        "transactions": len(comparison.lines),
        "totals": [
            {"currency": currency, "booked": ours.get(currency, 0), "stripe": told.get(currency, 0)}
            for currency in sorted(ours.keys() | told.keys())
        ],
        "waiting": [
            {
                "transaction": line.transaction.id,
                "net": line.transaction.net,
                "currency": line.transaction.currency,
                "created": times.iso(line.created.astimezone(UTC)),
            }
            for line in comparison.waiting
        ],
    }


def _print_check(document: dict[str, Any], entries: Sequence[Entry], differences: Sequence[Difference]) -> None:
    what = document["order"] or f"the book from {document['months'][0]} to {document['months'][1]}"
    _print_balance(entries)
    say(f"Checked {what}: {document['entries']} entries of {document['orders']} orders.")
    stripe = document["stripe"]
    if not stripe["compared"]:
        say(f"Not compared with Stripe: {stripe['why']}.")
    for total in stripe["totals"]:
        ours, theirs = (decimal_text(total[name], total["currency"]) for name in ("booked", "stripe"))
        say(f"Booked on stripe {ours} {total['currency']}, Stripe's {stripe['transactions']} movements {theirs}.")
    if stripe["waiting"]:
        say(f"{len(stripe['waiting'])} movements of the last two hours are on their way into the book.")
    if not differences:
        say("Everything is as it must be.")
        return
    say(f"{len(differences)} difference{'s' if len(differences) > 1 else ''}:")
    _print_differences(differences)
