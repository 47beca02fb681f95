"""The ledger: accounts, balanced entries, a builder for each row of the chart, and the check (design: money A 2, B).

Postings are signed minor units: a debit is positive, a credit negative. Two kinds of entry meet in `stripe_clearing`:
a business entry (we know that it happened) and a bank entry (one per Stripe balance transaction, the only ones that
touch `stripe`). Both carry the same `item`, so that what stands in clearing can be told apart.

To add a row of the chart, add one builder at the end of "the rows" and its kind to `EntryKind`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from relais.errors import RelaisError
from relais.lift import Lift, Row, RowVersionError, lift
from relais.money import decimal_text

_K = TypeVar("_K")

ROW_VERSION = 1
_LIFTS: Mapping[int, Lift] = {}

CLEARING_GRACE = timedelta(hours=2)
"""How old an item may grow in clearing: Stripe names a charge's fee within the hour (design: money D)."""


class UnbalancedEntryError(RelaisError):
    """The postings of an entry do not add up to zero in one currency."""

    def __init__(self, reference: str, currency: str, off: int) -> None:
        self.reference = reference
        self.currency = currency
        self.off = off
        super().__init__(
            f"The entry {reference} is off by {decimal_text(off, currency)} {currency}: correct its amounts, "
            "nothing was booked."
        )


class EmptyEntryError(RelaisError):
    """An entry moves nothing."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(f"The entry {reference} has no posting: book only what moves money.")


class AccountUnknownError(RelaisError):
    """A name is not in the chart of accounts, or misses its subject, or has one too many."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f'"{text}" is not an account of the chart: see money B for the names and their subjects.')


class AccountKind(StrEnum):
    """What an account is; a debit raises assets and costs, a credit the rest."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    COST = "cost"
    BRIDGE = "bridge"


_PLAIN: Mapping[str, AccountKind] = {
    "stripe": AccountKind.ASSET,
    "stripe_clearing": AccountKind.ASSET,
    "bank": AccountKind.ASSET,
    "suspense": AccountKind.ASSET,
    "revenue": AccountKind.INCOME,
    "refunds": AccountKind.INCOME,
    "indirect_revenue": AccountKind.INCOME,
    "cost.work": AccountKind.COST,
    "cost.bonus": AccountKind.COST,
    "cost.kill_fee": AccountKind.COST,
    "cost.commission": AccountKind.COST,
    "fee.card": AccountKind.COST,
    "fee.debit": AccountKind.COST,
    "fee.dispute": AccountKind.COST,
    "fee.connect": AccountKind.COST,
    "fee.billing": AccountKind.COST,
    "fee.invoice": AccountKind.COST,
    "fee.other": AccountKind.COST,
    "loss.dispute": AccountKind.COST,
    "loss.goodwill": AccountKind.COST,
    "loss.unrecovered": AccountKind.COST,
    "fx_result": AccountKind.COST,
    "opening": AccountKind.BRIDGE,
}
_WITH_SUBJECT: Mapping[str, AccountKind] = {
    "dispute_held": AccountKind.ASSET,
    "receivable": AccountKind.ASSET,
    "client_funds": AccountKind.LIABILITY,
    "client_credit": AccountKind.LIABILITY,
    "refund_payable": AccountKind.LIABILITY,
    "payable": AccountKind.LIABILITY,
    "commission_payable": AccountKind.LIABILITY,
    "fx_position": AccountKind.BRIDGE,
}
_POTS = frozenset({"client_funds", "client_credit", "refund_payable", "dispute_held", "payable"})
"""What must stand at zero for an order that has ended."""


_THERE = frozenset({"stripe", "stripe_clearing", "dispute_held"})
_OWED = frozenset({"client_funds", "client_credit", "refund_payable", "payable", "commission_payable"})
RESERVE_PERCENT = 10
"""Beside what is owed: for disputes, and for what is owed since the last comparison."""
FEES_TAKE_PERCENT = 5
"""Of a client's money no fee of Stripe's takes more: 3.25 % and 0.25 € at most (design: money A 9)."""


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """A named pot of the chart; `subject` is the order, freelancer or affiliate it belongs to.

    Raises AccountUnknownError for a name that is not in the chart.
    """

    name: str
    subject: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is not in the chart."""
        chart = _PLAIN if self.subject is None else _WITH_SUBJECT
        if self.name not in chart or self.subject == "":
            raise AccountUnknownError(str(self))

    def __str__(self) -> str:
        return self.name if self.subject is None else f"{self.name}.{self.subject}"

    @property
    def kind(self) -> AccountKind:
        """What the account is."""
        return _PLAIN[self.name] if self.subject is None else _WITH_SUBJECT[self.name]

    @classmethod
    def parse(cls, text: str) -> "Account":
        """Read an account from its text, such as "client_funds.4F7K…"; raises AccountUnknownError."""
        name, dot, subject = text.partition(".")
        if dot and name in _WITH_SUBJECT:
            return cls(name, subject)
        return cls(text)


STRIPE = Account("stripe")
CLEARING = Account("stripe_clearing")
REVENUE = Account("revenue")
WORK = Account("cost.work")
CARD_FEE = Account("fee.card")
BONUS = Account("cost.bonus")
KILL_FEE = Account("cost.kill_fee")
BANK = Account("bank")
REFUNDS = Account("refunds")
DISPUTE_LOSS = Account("loss.dispute")
UNRECOVERED = Account("loss.unrecovered")
OPENING = Account("opening")


def client_funds(order: str) -> Account:
    """What a client has paid for an order and not yet accepted."""
    return Account("client_funds", order)


def client_credit(order: str) -> Account:
    """What a client paid that no order asked for: it goes back whole."""
    return Account("client_credit", order)


def refund_payable(order: str) -> Account:
    """What was promised back to a client and has not left yet."""
    return Account("refund_payable", order)


def payable(freelancer: str) -> Account:
    """What is owed to a freelancer."""
    return Account("payable", freelancer)


def receivable(freelancer: str) -> Account:
    """What a freelancer was paid and has to give back."""
    return Account("receivable", freelancer)


def dispute_held(order: str) -> Account:
    """What a bank has taken back while a dispute is decided."""
    return Account("dispute_held", order)


@dataclass(frozen=True, slots=True, repr=False)
class Posting:
    """One movement of one account, in minor units: a debit is positive, a credit negative."""

    account: Account
    amount: int
    currency: str


class EntryKind(StrEnum):
    """What an entry records: a row of the chart, or the bank's side of it."""

    PAYMENT = "payment"
    ACCEPTANCE = "acceptance"
    TRANSFER = "transfer"
    REOPENED = "reopened"
    BONUS = "bonus"
    KILL_FEE = "kill_fee"
    REFUND_DECIDED = "refund_decided"
    REFUND = "refund"
    STRAY_PAYMENT = "stray_payment"
    STRAY_DECIDED = "stray_decided"
    BOUGHT_OUTSIDE = "bought_outside"
    CHARGE_SETTLED = "charge_settled"
    TRANSFER_SETTLED = "transfer_settled"
    REFUND_SETTLED = "refund_settled"
    REFUND_FAILED = "refund_failed"
    BANK_TRANSFER = "bank_transfer"
    REVERSAL = "reversal"
    NETTED = "netted"
    GIVEN_UP = "given_up"
    PAYMENT_RETURNED = "payment_returned"
    REFUND_RETURNED = "refund_returned"
    REVERSAL_SETTLED = "reversal_settled"
    DISPUTE_SETTLED = "dispute_settled"
    DISPUTE_LOST = "dispute_lost"
    PAYOUT_SETTLED = "payout_settled"
    TOP_UP_SETTLED = "top_up_settled"
    FEE_BILLED = "fee_billed"
    HELD_BACK = "held_back"
    UNKNOWN = "unknown"
    """A balance transaction of a type that has no row: it stands in `suspense` until somebody says what it was."""
    OPENING = "opening"


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """A balanced set of postings with a reference that is unique for ever; never changed once written.

    `item` names what the entry's posting to clearing is about (a payment intent, an operation). Raises
    EmptyEntryError, and UnbalancedEntryError unless debits equal credits in each currency.
    """

    reference: str
    kind: EntryKind
    at: datetime
    order: str | None
    postings: tuple[Posting, ...]
    item: str | None = None

    def __post_init__(self) -> None:
        """Refuse an entry that makes or loses money."""
        if not self.postings:
            raise EmptyEntryError(self.reference)
        for currency, off in sorted(_sums((posting.currency, posting.amount) for posting in self.postings).items()):
            if off != 0:
                raise UnbalancedEntryError(self.reference, currency, off)

    def to_row(self) -> Row:
        """Return the entry as plain strings, integers and lists, with the row version `v`."""
        return {
            "v": ROW_VERSION,
            "reference": self.reference,
            "kind": str(self.kind),
            "at": self.at.astimezone(UTC).isoformat(),
            "order": self.order,
            "item": self.item,
            "postings": [[str(posting.account), posting.amount, posting.currency] for posting in self.postings],
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Entry":
        """Rebuild an entry from its row; raises what a new entry raises, AccountUnknownError and RowVersionError."""
        now = lift(row, "entry", ROW_VERSION, _LIFTS)
        return cls(
            reference=now["reference"],
            kind=EntryKind(now["kind"]),
            at=datetime.fromisoformat(now["at"]),
            order=now.get("order"),  # rows leave out what is nothing
            postings=tuple(
                Posting(Account.parse(account), int(amount), currency) for account, amount, currency in now["postings"]
            ),
            item=now.get("item"),
        )


# --- the rows -----------------------------------------------------------------------------------------------------


def payment(*, order: str, pi: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 1, business: a card payment whose session was re-read as paid. `amount` in minor units of `currency`."""
    postings = _move(CLEARING, client_funds(order), amount, currency)
    return Entry(f"pay:{pi}", EntryKind.PAYMENT, at, order, postings, item=pi)


def charge_settled(
    *, order: str, txn: str, pi: str, gross: int, fee: int, net: int, currency: str, at: datetime
) -> Entry:
    """Row 1, bank: the charge's balance transaction, which names the fee. Minor units of its own currency.

    Raises UnbalancedEntryError if gross − fee is not net.
    """
    postings = _nonzero(
        Posting(STRIPE, net, currency), Posting(CARD_FEE, fee, currency), Posting(CLEARING, -gross, currency)
    )
    return Entry(txn, EntryKind.CHARGE_SETTLED, at, order, postings, item=pi)


def accepted(
    *,
    order: str,
    milestone: str,
    share: int,
    cost: int,
    freelancer: str,
    currency: str,
    at: datetime,
    bonus: int = 0,
    again: bool = False,
) -> Entry:
    """Rows 3 and 6: a milestone is accepted; its share of the price is earned, its agreed cost and bonus are owed.

    Amounts in minor units. `again`: after it was reopened, which happens once.
    """
    owed = _move(WORK, payable(freelancer), cost, currency) + _move(BONUS, payable(freelancer), bonus, currency)
    postings = _move(client_funds(order), REVENUE, share, currency) + owed
    reference = f"accept:{order}:{milestone}" + (":2" if again else "")
    return Entry(reference, EntryKind.ACCEPTANCE, at, order, postings)


def reopened(
    *, order: str, milestone: str, share: int, cost: int, bonus: int, freelancer: str, currency: str, at: datetime
) -> Entry:
    """Rows 3 and 6 taken back: a silent acceptance is reopened; its price is the client's again, nothing is owed.

    Amounts in minor units.
    """
    owed = _move(payable(freelancer), WORK, cost, currency) + _move(payable(freelancer), BONUS, bonus, currency)
    postings = _move(REVENUE, client_funds(order), share, currency) + owed
    return Entry(f"reopen:{order}:{milestone}", EntryKind.REOPENED, at, order, postings)


def bonus_given(
    *, order: str, milestone: str, amount: int, total: int, freelancer: str, currency: str, at: datetime
) -> Entry:
    """Row 6 for work that is accepted already: what is added to its pay, `total` with this one (minor units)."""
    postings = _move(BONUS, payable(freelancer), amount, currency)
    return Entry(f"bonus:{order}:{milestone}:{total}", EntryKind.BONUS, at, order, postings)


def transferred(*, order: str, op: str, amount: int, currency: str, freelancer: str, at: datetime) -> Entry:
    """Row 5, business: Stripe took the transfer of operation `op` (minor units)."""
    postings = _move(payable(freelancer), CLEARING, amount, currency)
    return Entry(f"op:{op}", EntryKind.TRANSFER, at, order, postings, item=op)


def transfer_settled(*, order: str, txn: str, op: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 5, bank: the transfer's balance transaction; `amount` is what left, positive, in minor units."""
    return Entry(txn, EntryKind.TRANSFER_SETTLED, at, order, _move(CLEARING, STRIPE, amount, currency), item=op)


def kill_fee(*, order: str, milestone: str, amount: int, freelancer: str, currency: str, at: datetime) -> Entry:
    """Row 7.

    What a freelancer keeps of the agreed cost although the client is refunded, borne by the seller (minor units).
    """
    postings = _move(KILL_FEE, payable(freelancer), amount, currency)
    return Entry(f"kill:{order}:{milestone}", EntryKind.KILL_FEE, at, order, postings)


def kill_fee_of(*, order: str, gate: str, amount: int, freelancer: str, currency: str, at: datetime) -> Entry:
    """Row 7 where the work went to somebody else: what the one who lost it is paid all the same (minor units)."""
    postings = _move(KILL_FEE, payable(freelancer), amount, currency)
    return Entry(f"kill:{order}:{gate}", EntryKind.KILL_FEE, at, order, postings)


def refund_decided(*, order: str, milestone: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 8, decided: what a client paid and has not accepted is promised back (minor units)."""
    postings = _move(client_funds(order), refund_payable(order), amount, currency)
    return Entry(f"refund:{order}:{milestone}", EntryKind.REFUND_DECIDED, at, order, postings)


def refund_after_acceptance(
    *, order: str, milestone: str, amount: int, borne: int, freelancer: str, currency: str, at: datetime, bonus: int = 0
) -> Entry:
    """Row 9: an accepted milestone is given back before its transfer.

    The freelancer bears `borne` of the agreed cost and `bonus` of what was added to it (minor units).
    """
    client_side = _move(REFUNDS, refund_payable(order), amount, currency)
    freelancers = _move(payable(freelancer), WORK, borne, currency) + _move(payable(freelancer), BONUS, bonus, currency)
    postings = client_side + freelancers
    return Entry(f"refund:{order}:{milestone}", EntryKind.REFUND_DECIDED, at, order, postings)


def refund_after_transfer(
    *, order: str, milestone: str, amount: int, borne: int, freelancer: str, currency: str, at: datetime, bonus: int = 0
) -> Entry:
    """Row 10, decided: a milestone is given back whose freelancer has been paid.

    They owe `borne` of the agreed cost and `bonus` of what was added to it (minor units); `milestone` is its name with
    the number of the refund.
    """
    client_side = _move(REFUNDS, refund_payable(order), amount, currency)
    postings = client_side + claimed(freelancer, borne, bonus, currency)
    return Entry(f"refund:{order}:{milestone}", EntryKind.REFUND_DECIDED, at, order, postings)


def claimed(freelancer: str, borne: int, bonus: int, currency: str) -> tuple[Posting, ...]:
    """Of a pay that has left its freelancer owes this much of agreed cost and bonus (minor units)."""
    if not borne and not bonus:
        return ()
    owed = receivable(freelancer)
    return _move(owed, WORK, borne, currency) + _move(owed, BONUS, bonus, currency)


def reversed_transfer(*, order: str, op: str, amount: int, currency: str, freelancer: str, at: datetime) -> Entry:
    """Row 10, taken back: Stripe accepted the reversal of operation `op` (minor units)."""
    postings = _move(CLEARING, receivable(freelancer), amount, currency)
    return Entry(f"op:{op}", EntryKind.REVERSAL, at, order, postings, item=op)


def reversal_settled(*, order: str, txn: str, op: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 10, bank: the reversal's balance transaction; `amount` is what came back, positive, in minor units."""
    return Entry(txn, EntryKind.REVERSAL_SETTLED, at, order, _move(STRIPE, CLEARING, amount, currency), item=op)


def netted(*, order: str, op: str, amount: int, currency: str, freelancer: str, at: datetime) -> Entry:
    """Row 11: what a freelancer owes is taken from what they are due for the operation `op` (minor units)."""
    postings = _move(payable(freelancer), receivable(freelancer), amount, currency)
    return Entry(f"net:{op}", EntryKind.NETTED, at, order, postings)


def given_up(*, reference: str, freelancer: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 11, given up: what a freelancer owed is the seller's loss (minor units). It belongs to no order."""
    postings = _move(UNRECOVERED, receivable(freelancer), amount, currency)
    return Entry(reference, EntryKind.GIVEN_UP, at, None, postings)


def not_owed(freelancer: str, borne: int, bonus: int, currency: str) -> tuple[Posting, ...]:
    """Of a pay that has not left its freelancer bears this much of agreed cost and bonus (minor units)."""
    return _move(payable(freelancer), WORK, borne, currency) + _move(payable(freelancer), BONUS, bonus, currency)


def kept(freelancer: str, amount: int, currency: str) -> tuple[Posting, ...]:
    """What a freelancer is paid all the same for work that nobody pays for (minor units)."""
    return _move(KILL_FEE, payable(freelancer), amount, currency)


def dispute_lost(
    *,
    order: str,
    dispute: str,
    held: int,
    unearned: int,
    owed: int,
    besides: tuple[Posting, ...],
    currency: str,
    at: datetime,
) -> Entry:
    """Row 14: what the bank `held` is the client's; of it some was `unearned`, some was `owed` to them already.

    The rest is a loss; `besides` says what of it freelancers bear, by the frozen policy. Minor units.
    """
    postings = _nonzero(
        Posting(client_funds(order), unearned, currency),
        Posting(refund_payable(order), owed, currency),
        Posting(DISPUTE_LOSS, held - unearned - owed, currency),
        Posting(dispute_held(order), -held, currency),
    )
    return Entry(f"lost:{dispute}", EntryKind.DISPUTE_LOST, at, order, postings + besides)


def refunded(*, order: str, op: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 8': Stripe took the refund of operation `op`, pending or succeeded (minor units)."""
    postings = _move(refund_payable(order), CLEARING, amount, currency)
    return Entry(f"op:{op}", EntryKind.REFUND, at, order, postings, item=op)


def refund_settled(*, order: str, txn: str, op: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 8', bank: the refund's balance transaction; `amount` is what left, positive, in minor units.

    The fee stays.
    """
    return Entry(txn, EntryKind.REFUND_SETTLED, at, order, _move(CLEARING, STRIPE, amount, currency), item=op)


def refund_failed(*, order: str, refund: str, op: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 8'': a refund that Stripe had taken did not reach the client; the debt is open again (minor units)."""
    postings = _move(CLEARING, refund_payable(order), amount, currency)
    return Entry(f"refundfail:{refund}", EntryKind.REFUND_FAILED, at, order, postings, item=op)


def paid_by_bank(*, order: str, op: str, amount: int, freelancer: str, currency: str, at: datetime) -> Entry:
    """Row 5': the seller paid a freelancer from their own bank and says so (minor units)."""
    return Entry(f"op:{op}", EntryKind.BANK_TRANSFER, at, order, _move(payable(freelancer), BANK, amount, currency))


def refunded_by_bank(*, order: str, op: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 5' for a client: a refund that Stripe could not make, paid from the seller's own bank (minor units).

    Its reference is its own: one that Stripe took, and that came back, has booked `op:` already.
    """
    postings = _move(refund_payable(order), BANK, amount, currency)
    return Entry(f"bank:{op}", EntryKind.BANK_TRANSFER, at, order, postings)


def stray_payment(*, order: str, pi: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 20: a second payment, one after the end, or of another amount than asked (minor units)."""
    postings = _move(CLEARING, client_credit(order), amount, currency)
    return Entry(f"pay:{pi}", EntryKind.STRAY_PAYMENT, at, order, postings, item=pi)


def stray_decided(*, order: str, pi: str, amount: int, currency: str, at: datetime) -> Entry:
    """Row 20: it is promised back whole (minor units)."""
    postings = _move(client_credit(order), refund_payable(order), amount, currency)
    return Entry(f"refund:{pi}", EntryKind.STRAY_DECIDED, at, order, postings)


def bought_outside(*, order: str, gate: str, amount: int, currency: str, at: datetime) -> Entry:
    """Work that the seller bought elsewhere and paid from their own bank, by the gate it was told at (minor units).

    Design: people 3 (kind `outside`). Nothing of it passes through Stripe.
    """
    return Entry(f"outside:{order}:{gate}", EntryKind.BOUGHT_OUTSIDE, at, order, _move(WORK, BANK, amount, currency))


def opening(*, currency: str, amount: int, at: datetime) -> Entry:
    """What stood in the Stripe account before the first line that was read (minor units, negative if it was short)."""
    return Entry(f"opening:{currency}", EntryKind.OPENING, at, None, _move(STRIPE, OPENING, amount, currency))


# --- reading and checking -----------------------------------------------------------------------------------------


def trial_balance(entries: Iterable[Entry]) -> dict[tuple[Account, str], int]:
    """Return the balance of every account and currency that was ever posted to, debits positive, in order of name."""
    sums = _sums(
        ((posting.account, posting.currency), posting.amount) for entry in entries for posting in entry.postings
    )
    return dict(sorted(sums.items(), key=lambda balance: (str(balance[0][0]), balance[0][1])))


class DifferenceKind(StrEnum):
    """What the check can find."""

    UNREADABLE = "unreadable"
    REPEATED = "repeated"
    CLEARING = "clearing"
    POT = "pot"
    BANK_MISSING = "bank_missing"
    BANK_UNKNOWN = "bank_unknown"
    BANK_AMOUNT = "bank_amount"


@dataclass(frozen=True, slots=True, repr=False)
class Difference:
    """One thing that is not as it must be, with the sum it is about (minor units) and a sentence that explains it."""

    kind: DifferenceKind
    reference: str
    amount: int
    currency: str
    sentence: str


@dataclass(frozen=True, slots=True, repr=False)
class BankTransaction:
    """What Stripe says of one balance transaction: its net in minor units, signed as Stripe signs it."""

    id: str
    net: int
    currency: str


def read(rows: Iterable[Mapping[str, Any]]) -> tuple[tuple[Entry, ...], tuple[Difference, ...]]:
    """Rebuild entries from their rows; a row that is no balanced entry of the chart becomes a difference."""
    entries: list[Entry] = []
    differences: list[Difference] = []
    for row in rows:
        try:
            entries.append(Entry.from_row(row))
        except UnbalancedEntryError as error:
            differences.append(
                Difference(DifferenceKind.UNREADABLE, error.reference, error.off, error.currency, str(error))
            )
        except (EmptyEntryError, AccountUnknownError, RowVersionError) as error:
            differences.append(Difference(DifferenceKind.UNREADABLE, str(row.get("reference", "?")), 0, "", str(error)))
    return tuple(entries), tuple(differences)


def check(
    entries: Sequence[Entry],
    *,
    now: datetime,
    ended: frozenset[str] = frozenset(),
    transactions: Sequence[BankTransaction] | None = None,
) -> tuple[Difference, ...]:
    """Return everything in which the ledger is not as promise 1 wants it; nothing, if all is well.

    No reference twice; clearing at zero for each item older than two hours; pots and pay at zero for each order in
    `ended`; with `transactions` (all of Stripe's, up to `now`), one bank entry for each and the same net, so that the
    sum of `stripe` is the sum of net balance transactions. Entries balance by construction; see `read`.
    """
    found = [*_repeated(entries), *_stale_clearing(entries, now), *_full_pots(entries, ended)]
    if transactions is not None:
        found += _against_bank(entries, transactions)
    return tuple(found)


def _repeated(entries: Iterable[Entry]) -> Iterable[Difference]:
    for reference, count in Counter(entry.reference for entry in entries).items():
        if count > 1:
            sentence = f"{reference} is booked {count} times: an entry stands once, remove the copies."
            yield Difference(DifferenceKind.REPEATED, reference, 0, "", sentence)


@dataclass(frozen=True, slots=True, repr=False)
class Uncleared:
    """What one item has left in clearing: an amount that one side moved and the other did not (minor units)."""

    item: str
    currency: str
    off: int
    since: datetime
    entries: tuple[Entry, ...]

    @property
    def ours_alone(self) -> bool:
        """Whether Stripe's line is missing."""
        return not {entry.kind for entry in self.entries} & _BANK_KINDS

    @property
    def theirs_alone(self) -> bool:
        """Whether no entry of ours explains what Stripe moved."""
        return {entry.kind for entry in self.entries} <= _BANK_KINDS


def uncleared(entries: Iterable[Entry], now: datetime) -> tuple[Uncleared, ...]:
    """What has stood in clearing for longer than two hours, item by item (design: promise 1)."""
    items: defaultdict[tuple[str, str], list[tuple[Entry, int]]] = defaultdict(list)
    for entry in entries:
        for posting in entry.postings:
            if posting.account == CLEARING:
                items[(entry.item or entry.reference, posting.currency)].append((entry, posting.amount))
    found = (
        Uncleared(
            item,
            currency,
            sum(amount for _, amount in moves),
            min(entry.at for entry, _ in moves),
            tuple(entry for entry, _ in moves),
        )
        for (item, currency), moves in sorted(items.items())
    )
    return tuple(one for one in found if one.off != 0 and now - one.since > CLEARING_GRACE)


def _stale_clearing(entries: Iterable[Entry], now: datetime) -> Iterable[Difference]:
    for one in uncleared(entries, now):
        sentence = (
            f"{one.item} has left {decimal_text(one.off, one.currency)} {one.currency} in clearing since "
            f"{one.since.isoformat()} ({', '.join(entry.reference for entry in one.entries)}): {_other_half(one)}."
        )
        yield Difference(DifferenceKind.CLEARING, one.item, one.off, one.currency, sentence)


def _other_half(one: Uncleared) -> str:
    if one.ours_alone:
        return "Stripe's balance transaction has not been booked"
    if one.theirs_alone:
        return "Stripe moved money that no entry of ours explains"
    return "our amount and Stripe's are not the same"


@dataclass(frozen=True, slots=True, repr=False)
class Cover:
    """What is there for others, and what they are owed, in minor units of one currency (design: money A 1).

    There: the balance, what is on its way to or from it, what banks hold in disputes. Owed: client funds and credit,
    refunds, pay, commissions. `under_way` is what only one side has told of yet: it may be owed.
    """

    there: int
    owed: int
    under_way: int = 0

    @property
    def short(self) -> int:
        """By how much less is there than is owed; nothing where all is covered."""
        return max(0, self.owed - self.there)

    @property
    def to_keep(self) -> int:
        """What automatic payouts have to leave in the account: all that is owed, and a reserve (design: money A 5)."""
        return self.owed + self.owed * RESERVE_PERCENT // 100

    @property
    def pressing(self) -> bool:
        """Whether more is missing than Stripe's fees take of clients' money (docs/decisions/0008)."""
        return self.short * 100 > (self.owed + self.under_way) * FEES_TAKE_PERCENT


def cover(entries: Iterable[Entry]) -> dict[str, Cover]:
    """What covers what is owed, by currency."""
    there: dict[str, int] = {}
    owed: dict[str, int] = {}
    balances = trial_balance(entries)
    for (account, currency), amount in balances.items():
        if account.name in _THERE:
            there[currency] = there.get(currency, 0) + amount
        elif account.name in _OWED:
            owed[currency] = owed.get(currency, 0) - amount
    return {
        one: Cover(there.get(one, 0), owed.get(one, 0), abs(balances.get((CLEARING, one), 0)))
        for one in sorted(there.keys() | owed.keys())
    }


def _full_pots(entries: Iterable[Entry], ended: frozenset[str]) -> Iterable[Difference]:
    sums = _sums(
        ((entry.order, posting.account, posting.currency), posting.amount)
        for entry in entries
        if entry.order in ended
        for posting in entry.postings
        if posting.account.name in _POTS
    )
    for (order, account, currency), amount in sums.items():
        if amount != 0:
            sentence = (
                f"The order {order} has ended with {decimal_text(-amount, currency)} {currency} in {account}: "
                "earn it, pay it or give it back."
            )
            yield Difference(DifferenceKind.POT, str(account), amount, currency, sentence)


def _against_bank(entries: Iterable[Entry], transactions: Iterable[BankTransaction]) -> Iterable[Difference]:
    booked = _sums(
        ((entry.reference, posting.currency), posting.amount)
        for entry in entries
        for posting in entry.postings
        if posting.account == STRIPE
    )
    told = _sums(((transaction.id, transaction.currency), transaction.net) for transaction in transactions)
    for (reference, currency), net in told.items():
        if (reference, currency) not in booked and net != 0:
            sentence = f"Stripe's {reference} moved {decimal_text(net, currency)} {currency} and is not booked yet."
            yield Difference(DifferenceKind.BANK_MISSING, reference, net, currency, sentence)
    for (reference, currency), amount in booked.items():
        if (reference, currency) not in told:
            sentence = (
                f"{reference} is booked with {decimal_text(amount, currency)} {currency}, but Stripe has no such."
            )
            yield Difference(DifferenceKind.BANK_UNKNOWN, reference, amount, currency, sentence)
        elif amount != told[(reference, currency)]:
            net = told[(reference, currency)]
            sentence = (
                f"{reference} is booked with {decimal_text(amount, currency)} {currency}, "
                f"Stripe says {decimal_text(net, currency)}."
            )
            yield Difference(DifferenceKind.BANK_AMOUNT, reference, amount - net, currency, sentence)


_BANK_KINDS = frozenset(
    {
        EntryKind.CHARGE_SETTLED,
        EntryKind.TRANSFER_SETTLED,
        EntryKind.REFUND_SETTLED,
        EntryKind.PAYMENT_RETURNED,
        EntryKind.REFUND_RETURNED,
        EntryKind.REVERSAL_SETTLED,
        EntryKind.DISPUTE_SETTLED,
        EntryKind.PAYOUT_SETTLED,
        EntryKind.TOP_UP_SETTLED,
        EntryKind.FEE_BILLED,
        EntryKind.HELD_BACK,
        EntryKind.UNKNOWN,
        EntryKind.OPENING,
    }
)
"""Entries that mirror a line of Stripe's own book (the opening: all lines before the first that was read)."""


def _move(debit: Account, credit: Account, amount: int, currency: str) -> tuple[Posting, ...]:
    return _nonzero(Posting(debit, amount, currency), Posting(credit, -amount, currency))


def _nonzero(*postings: Posting) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount != 0)


def _sums(pairs: Iterable[tuple[_K, int]]) -> dict[_K, int]:
    totals: dict[_K, int] = {}
    for key, amount in pairs:
        totals[key] = totals.get(key, 0) + amount
    return totals
