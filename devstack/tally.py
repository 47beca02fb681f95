"""What one played order came to: read from the ledger, the table, the sandbox and the functions' own log lines."""

import json
import math
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from devstack.cloud import Cloud, Invocation
from relais import ledger
from relais.adapters.time import VirtualClock
from relais.cli.reading import entry_rows
from relais.ledger import CARD_FEE, STRIPE, BankTransaction, Difference, DifferenceKind, Entry, EntryKind
from relais.order import Order
from relais.ports import Store
from relais.rows import Row

SCHEDULED = ("tick-clock", "reconcile")
LAST = "close-order"
LOG_SECONDS = 20
PAUSE_SECONDS = 0.1
TOKEN_LENGTH = 1_000
"""What a task token of Step Functions may come to; the local cloud's are short (source: its API, at most 1,024)."""
UNIT_BYTES = 1_024
_BANK = frozenset({DifferenceKind.BANK_MISSING, DifferenceKind.BANK_UNKNOWN, DifferenceKind.BANK_AMOUNT})


@dataclass(frozen=True, slots=True)
class Money:
    """An order's money as the ledger has it, in minor units, and whether everybody else says the same."""

    client_paid: int
    card_fee: int
    freelancer_received: int
    margin: int
    ledger_balanced: bool
    ledger_equals_sandbox: bool
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """The last line of `make demo PLAY=once`. Amounts in minor units of `currency`, `seconds` since the start."""

    order: str
    status: str
    currency: str
    client_paid: int
    card_fee: int
    freelancer_received: int
    margin: int
    ledger_balanced: bool
    ledger_equals_sandbox: bool
    lambda_calls: int
    write_units: int
    seconds: float

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def money_of(store: Store, order: Order, stripe: str) -> Money:
    """Read an order's money from its ledger entries and compare with the table's pots and the sandbox's books."""
    entries, unreadable = ledger.read(entry_rows(store, order.id))
    state = sandbox_state(stripe)
    transactions = transactions_of(order.id, state)
    now = VirtualClock(store).now()
    found = ledger.check(entries, now=now, ended=frozenset({order.id}), transactions=transactions)
    return weigh(order, entries, (*unreadable, *found), transactions, state)


def weigh(
    order: Order,
    entries: Sequence[Entry],
    differences: Sequence[Difference],
    transactions: Sequence[BankTransaction],
    state: Mapping[str, Any],
) -> Money:
    """The sums of the ledger, and whether they are the table's and the sandbox's, in total and one by one."""
    balances = {account: amount for (account, _), amount in ledger.trial_balance(entries).items()}
    paid = _moved(entries, EntryKind.PAYMENT)
    received = _moved(entries, EntryKind.TRANSFER)
    fee = balances.get(CARD_FEE, 0)
    told = [str(one.sentence) for one in differences]
    charged, sent = _sandbox_sums(order.id, state)
    same_table = (paid, fee, received) == (order.paid, order.fee, order.sent)
    if not same_table:
        told.append(f"The table says paid {order.paid}, fee {order.fee}, sent {order.sent}; the ledger says otherwise.")
    if (paid, received) != (charged, sent):
        told.append(f"The sandbox says charged {charged}, sent {sent}; the ledger says {paid} and {received}.")
    same_total = balances.get(STRIPE, 0) == sum(one.net for one in transactions)
    return Money(
        client_paid=paid,
        card_fee=fee,
        freelancer_received=received,
        margin=paid - fee - received,
        ledger_balanced=same_table and not any(one.kind not in _BANK for one in differences),
        ledger_equals_sandbox=same_total
        and (paid, received) == (charged, sent)
        and not any(one.kind in _BANK for one in differences),
        differences=tuple(told),
    )


def _moved(entries: Iterable[Entry], kind: EntryKind) -> int:
    """What entries of a kind moved: the sum of their debits."""
    return sum(posting.amount for one in entries if one.kind is kind for posting in one.postings if posting.amount > 0)


def sandbox_state(stripe: str) -> dict[str, Any]:
    """Everything that the sandbox knows."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{stripe}/_sandbox/state", timeout=30) as answer:
        state: dict[str, Any] = json.load(answer)
    return state


def transactions_of(order: str, state: Mapping[str, Any]) -> tuple[BankTransaction, ...]:
    """The sandbox's balance transactions, but for those that are known to be of another order."""
    objects = state["objects"]
    groups = {one["id"]: one.get("transfer_group") for kind in ("charge", "transfer") for one in objects.get(kind, [])}
    return tuple(
        BankTransaction(one["id"], one["net"], one["currency"])
        for one in objects.get("balance_transaction", [])
        if groups.get(one["source"]) in (None, order)
    )


def _sandbox_sums(order: str, state: Mapping[str, Any]) -> tuple[int, int]:
    objects = state["objects"]
    charged = sum(one["amount"] for one in _grouped(objects.get("charge", []), order) if one["paid"])
    return charged, sum(one["amount"] for one in _grouped(objects.get("transfer", []), order))


def _grouped(objects: Iterable[Mapping[str, Any]], order: str) -> list[Mapping[str, Any]]:
    return [one for one in objects if one.get("transfer_group") == order]


# --- calls and write units ----------------------------------------------------------------------------------------


def calls(invocations: Iterable[Invocation]) -> int:
    """How often a function ran, what the schedules call apart."""
    return sum(one.function not in SCHEDULED for one in invocations)


def units(invocations: Iterable[Invocation], tokens: Iterable[Row]) -> int:
    """Write units as the functions counted them, ticks included, with every task token at its length in AWS."""
    return math.ceil(sum(one.write_units for one in invocations) + sum(padding(row) for row in tokens))


def padding(row: Row) -> int:
    """The write units by which a token's row would cost more if its token were as long as in AWS.

    One write per row is counted: an attempt that is repeated writes its row again, and is not in the table any more.
    """
    size = sum(len(name) + len(str(value).encode()) for name, value in row.items())
    longer = max(0, TOKEN_LENGTH - len(row["token"]))
    return math.ceil((size + longer) / UNIT_BYTES) - math.ceil(size / UNIT_BYTES)


def invocations_of(cloud: Cloud, order: str, since: int) -> tuple[Invocation, ...]:
    """Every invocation for an order since an instant (milliseconds), and those that name none (webhook, offer, clock).

    Waits for the last one's line: logs arrive a moment after the function has ended.
    """
    until = time.monotonic() + LOG_SECONDS
    while True:
        found = tuple(one for one in cloud.invocations(since) if one.order in (None, order))
        if any(one.function == LAST for one in found) or time.monotonic() > until:
            return found
        time.sleep(PAUSE_SECONDS)
