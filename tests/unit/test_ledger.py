"""The ledger: balanced entries, the rows of this shop's life so far, and the check."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.ledger import (
    CARD_FEE,
    CLEARING,
    REVENUE,
    STRIPE,
    WORK,
    Account,
    AccountKind,
    AccountUnknownError,
    BankTransaction,
    DifferenceKind,
    EmptyEntryError,
    Entry,
    EntryKind,
    Posting,
    UnbalancedEntryError,
    accepted,
    charge_settled,
    check,
    client_funds,
    payable,
    payment,
    read,
    transfer_settled,
    transferred,
    trial_balance,
)

AT = datetime(2026, 11, 27, 19, 0, tzinfo=UTC)
LATER = AT + timedelta(days=30)


@dataclass(frozen=True)
class Life:
    """One order's amounts and how far it got: paid, fee known, accepted, sent, settled."""

    order: str
    price: int
    fee: int
    cost: int
    currency: str
    steps: int

    def entries(self) -> list[Entry]:
        order, pi, op, currency = self.order, f"pi_{self.order}", f"{self.order}:transfer:01:1", self.currency
        every = [
            payment(order=order, pi=pi, amount=self.price, currency=currency, at=AT),
            charge_settled(
                order=order, txn=f"txn_c{order}", pi=pi, gross=self.price, fee=self.fee, net=self.price - self.fee,
                currency=currency, at=AT,
            ),
            accepted(
                order=order, milestone="01", share=self.price, cost=self.cost, freelancer="ines", currency=currency,
                at=AT,
            ),
            transferred(order=order, op=op, amount=self.cost, currency=currency, freelancer="ines", at=AT),
            transfer_settled(order=order, txn=f"txn_t{order}", op=op, amount=self.cost, currency=currency, at=AT),
        ]  # fmt: skip
        return every[: self.steps]

    def bank(self) -> list[BankTransaction]:
        charge = BankTransaction(f"txn_c{self.order}", self.price - self.fee, self.currency)
        transfer = BankTransaction(f"txn_t{self.order}", -self.cost, self.currency)
        return ([charge] if self.steps >= 2 else []) + ([transfer] if self.steps >= 5 else [])


LOGO = Life("4F7K", 29_000, 460, 13_000, "eur", 5)


@st.composite
def lives(draw: st.DrawFn) -> list[Life]:
    count = draw(st.integers(1, 6))
    found = []
    for number in range(count):
        price = draw(st.integers(50, 10**7))
        found.append(
            Life(
                order=f"ORDER{number}",
                price=price,
                fee=draw(st.integers(0, price)),
                cost=draw(st.integers(1, price)),
                currency=draw(st.sampled_from(["eur", "usd", "jpy"])),
                steps=draw(st.integers(0, 5)),
            )
        )
    return found


@dataclass
class Books:
    """All entries of some lives in any order."""

    entries: list[Entry] = field(default_factory=list)
    bank: list[BankTransaction] = field(default_factory=list)


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Life], Books]:
    found = draw(lives())
    entries = [entry for life in found for entry in life.entries()]
    return found, Books(draw(st.permutations(entries)), [transaction for life in found for transaction in life.bank()])


# --- entries ------------------------------------------------------------------------------------------------------


def test_an_entry_that_makes_money_is_refused() -> None:
    """Every cent that moves is balanced, or it is not booked (promise 1)."""
    with pytest.raises(UnbalancedEntryError) as refused:
        Entry("x", EntryKind.PAYMENT, AT, "4F7K", (Posting(CLEARING, 100, "eur"), Posting(REVENUE, -99, "eur")))
    assert (refused.value.currency, refused.value.off) == ("eur", 1)


def test_currencies_balance_each_for_itself() -> None:
    """A hundred yen do not pay for a hundred cents."""
    with pytest.raises(UnbalancedEntryError):
        Entry("x", EntryKind.PAYMENT, AT, None, (Posting(CLEARING, 100, "eur"), Posting(REVENUE, -100, "jpy")))


def test_an_entry_that_moves_nothing_is_refused() -> None:
    """It would take a reference for ever and mean nothing."""
    with pytest.raises(EmptyEntryError):
        payment(order="4F7K", pi="pi_1", amount=0, currency="eur", at=AT)


def test_a_bank_line_whose_fee_does_not_add_up_is_refused() -> None:
    """Gross less fee is net, or Stripe's line was read wrongly."""
    with pytest.raises(UnbalancedEntryError):
        charge_settled(order="4F7K", txn="txn_1", pi="pi_1", gross=29_000, fee=460, net=28_000, currency="eur", at=AT)


@pytest.mark.parametrize("name", ["client_funds", "client_funds.", "stripe.4F7K", "fee", "fee.cards", "", "revenu"])
def test_a_name_outside_the_chart_is_refused(name: str) -> None:
    """A typing error would open a pot that no check looks at."""
    with pytest.raises(AccountUnknownError):
        Account.parse(name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stripe", AccountKind.ASSET),
        ("client_funds.4F7K", AccountKind.LIABILITY),
        ("payable.ines-moreau", AccountKind.LIABILITY),
        ("revenue", AccountKind.INCOME),
        ("cost.work", AccountKind.COST),
        ("fee.card", AccountKind.COST),
        ("fx_position.usd", AccountKind.BRIDGE),
    ],
)
def test_an_account_is_read_and_written_alike(name: str, kind: AccountKind) -> None:
    """Rows keep accounts as text (design: money B)."""
    assert str(Account.parse(name)) == name
    assert Account.parse(name).kind is kind


def test_each_row_posts_what_the_chart_says() -> None:
    """Rows 1, 3 and 5 of money B, to the account and the sign; client 290, fee 4.60, freelancer 130."""
    funds, owed = client_funds("4F7K"), payable("ines")
    assert [{(posting.account, posting.amount) for posting in entry.postings} for entry in LOGO.entries()] == [
        {(CLEARING, 29_000), (funds, -29_000)},
        {(STRIPE, 28_540), (CARD_FEE, 460), (CLEARING, -29_000)},
        {(funds, 29_000), (REVENUE, -29_000), (WORK, 13_000), (owed, -13_000)},
        {(owed, 13_000), (CLEARING, -13_000)},
        {(CLEARING, 13_000), (STRIPE, -13_000)},
    ]
    assert [entry.reference for entry in LOGO.entries()] == [
        "pay:pi_4F7K", "txn_c4F7K", "accept:4F7K:01", "op:4F7K:transfer:01:1", "txn_t4F7K",
    ]  # fmt: skip


def test_only_bank_entries_touch_stripe() -> None:
    """That is why the sum of `stripe` is always what Stripe says (design: money A 2)."""
    touching = {entry.kind for entry in LOGO.entries() for posting in entry.postings if posting.account == STRIPE}
    assert touching == {EntryKind.CHARGE_SETTLED, EntryKind.TRANSFER_SETTLED}


@given(books())
def test_entries_survive_their_rows(found: tuple[list[Life], Books]) -> None:
    """What is read back years later is what was booked."""
    entries, differences = read([entry.to_row() for entry in found[1].entries])
    assert list(entries) == found[1].entries
    assert differences == ()


# --- properties of the books --------------------------------------------------------------------------------------


@given(books())
def test_money_is_conserved_whatever_happened_in_whatever_order(found: tuple[list[Life], Books]) -> None:
    """The trial balance is zero in each currency (promise 1)."""
    totals: dict[str, int] = {}
    for (_, currency), amount in trial_balance(found[1].entries).items():
        totals[currency] = totals.get(currency, 0) + amount
    assert set(totals.values()) <= {0}


@given(books())
def test_stripe_holds_what_clients_paid_less_fees_and_transfers(found: tuple[list[Life], Books]) -> None:
    """The account `stripe` is the sum of the net balance transactions."""
    balances = trial_balance(found[1].entries)
    for currency in ("eur", "usd", "jpy"):
        net = sum(line.net for line in found[1].bank if line.currency == currency)
        assert balances.get((STRIPE, currency), 0) == net


@given(books())
def test_the_check_finds_what_is_missing_and_nothing_else(found: tuple[list[Life], Books]) -> None:
    """Two hours on, an order leaves something in clearing only between a movement and the bank's line for it."""
    every, ledger = found
    ended = frozenset(life.order for life in every if life.steps == 5)
    differences = check(ledger.entries, now=LATER, ended=ended, transactions=ledger.bank)
    waiting = {f"pi_{life.order}" for life in every if life.steps == 1}
    waiting |= {f"{life.order}:transfer:01:1" for life in every if life.steps == 4}
    assert {difference.reference for difference in differences} == waiting
    assert {difference.kind for difference in differences} <= {DifferenceKind.CLEARING}


# --- each rule of the check can fail ------------------------------------------------------------------------------


def test_a_whole_order_leaves_nothing_to_explain() -> None:
    """The baseline of the tests below."""
    assert check(LOGO.entries(), now=LATER, ended=frozenset({"4F7K"}), transactions=LOGO.bank()) == ()


def test_what_is_young_in_clearing_is_not_a_difference_yet() -> None:
    """The fee is known within the hour; an alarm each time would soon be ignored (design: money A 3)."""
    entries = LOGO.entries()[:1]
    assert check(entries, now=AT + timedelta(hours=2)) == ()
    (found,) = check(entries, now=AT + timedelta(hours=2, seconds=1))
    assert (found.kind, found.reference, found.amount) == (DifferenceKind.CLEARING, "pi_4F7K", 29_000)
    assert "290.00 eur" in found.sentence
    assert "has not been booked" in found.sentence


def test_two_items_in_clearing_do_not_hide_each_other() -> None:
    """A sum of zero over all of clearing proves nothing: items are matched by reference."""
    entries = [LOGO.entries()[0], replace(LOGO.entries()[1], item="pi_other")]
    assert {found.reference for found in check(entries, now=LATER)} == {"pi_4F7K", "pi_other"}


def test_money_that_only_stripe_knows_is_named() -> None:
    """Somebody moved it in the Dashboard, or we have not caught up."""
    (found,) = check(LOGO.entries(), now=LATER, transactions=[*LOGO.bank(), BankTransaction("txn_x", -500, "eur")])
    assert (found.kind, found.reference, found.amount) == (DifferenceKind.BANK_MISSING, "txn_x", -500)


def test_money_that_only_we_know_is_named() -> None:
    """A booked line that Stripe does not have."""
    (found,) = check(LOGO.entries(), now=LATER, transactions=LOGO.bank()[:1])
    assert (found.kind, found.reference, found.amount) == (DifferenceKind.BANK_UNKNOWN, "txn_t4F7K", -13_000)


def test_another_amount_at_stripe_is_named_with_both() -> None:
    """One cent is a difference."""
    bank = [replace(LOGO.bank()[0], net=28_541), LOGO.bank()[1]]
    (found,) = check(LOGO.entries(), now=LATER, transactions=bank)
    assert (found.kind, found.amount) == (DifferenceKind.BANK_AMOUNT, -1)
    assert "285.40" in found.sentence
    assert "285.41" in found.sentence


def test_an_order_that_ended_with_money_in_a_pot_is_named() -> None:
    """The client's money was neither earned nor given back, or the freelancer not paid."""
    entries = LOGO.entries()[:3]
    (found,) = check(entries, now=LATER, ended=frozenset({"4F7K"}))
    assert (found.kind, found.reference, found.amount) == (DifferenceKind.POT, "payable.ines", -13_000)
    assert check(entries, now=LATER) == ()


def test_a_pot_is_empty_for_each_order_not_on_the_whole() -> None:
    """A freelancer overpaid for one order and unpaid for another is two mistakes."""
    first, second = replace(LOGO, order="A"), replace(LOGO, order="B")
    paid_twice = transferred(order="A", op="A:transfer:01:2", amount=13_000, currency="eur", freelancer="ines", at=AT)
    entries = [*first.entries(), paid_twice, *second.entries()[:3]]
    pots = [found for found in check(entries, now=AT, ended=frozenset({"A", "B"})) if found.kind is DifferenceKind.POT]
    assert sorted(found.amount for found in pots) == [-13_000, 13_000]


def test_a_reference_that_stands_twice_is_named() -> None:
    """Nothing happens twice (promise 2)."""
    entries = LOGO.entries()
    found = check([*entries, entries[2]], now=AT)
    assert [(one.kind, one.reference) for one in found] == [(DifferenceKind.REPEATED, "accept:4F7K:01")]


@pytest.mark.parametrize(
    "damage",
    [
        {"postings": [["stripe_clearing", 100, "eur"], ["revenue", -99, "eur"]]},
        {"postings": []},
        {"postings": [["stripe_clearing", 100, "eur"], ["revenu", -100, "eur"]]},
        {"v": 99},
    ],
)
def test_a_damaged_row_is_a_difference_and_hides_no_other(damage: dict[str, object]) -> None:
    """The check must go on over a row that somebody changed by hand."""
    good, bad = LOGO.entries()[2], {**LOGO.entries()[0].to_row(), **damage}
    entries, differences = read([bad, good.to_row()])
    assert entries == (good,)
    assert [(one.kind, one.reference) for one in differences] == [(DifferenceKind.UNREADABLE, "pay:pi_4F7K")]
