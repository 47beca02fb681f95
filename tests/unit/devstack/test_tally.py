import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from devstack.cloud import Invocation, read_invocations
from devstack.tally import Money, calls, padding, transactions_of, units, weigh
from relais import ledger
from relais.ledger import Entry
from relais.order import Order, OrderStage

AT = datetime(2026, 11, 25, 18, tzinfo=UTC)
ORDER = Order(
    id="o1",
    stage=OrderStage.COMPLETED,
    run=1,
    ordinal=3,
    offer="logo",
    offer_version=1,
    lang="fr",
    currency="eur",
    price=29_000,
    consumer=True,
    key_id="k",
    link_version=1,
    created=AT,
    paid=29_000,
    fee=968,
    sent=13_000,
)
STATE: dict[str, Any] = {
    "objects": {
        "charge": [
            {"id": "ch_1", "amount": 29_000, "paid": True, "transfer_group": "o1"},
            {"id": "ch_2", "amount": 9_000, "paid": True, "transfer_group": "o2"},
        ],
        "transfer": [{"id": "tr_1", "amount": 13_000, "transfer_group": "o1"}],
        "balance_transaction": [
            {"id": "txn_1", "net": 28_032, "currency": "eur", "source": "ch_1"},
            {"id": "txn_2", "net": -13_000, "currency": "eur", "source": "tr_1"},
            {"id": "txn_3", "net": 8_700, "currency": "eur", "source": "ch_2"},
        ],
    }
}


def entries() -> tuple[Entry, ...]:
    of: dict[str, Any] = {"order": "o1", "currency": "eur", "at": AT}
    return (
        ledger.payment(pi="pi_1", amount=29_000, **of),
        ledger.charge_settled(txn="txn_1", pi="pi_1", gross=29_000, fee=968, net=28_032, **of),
        ledger.accepted(milestone="01", share=29_000, cost=13_000, freelancer="ines", **of),
        ledger.transferred(op="op1", amount=13_000, freelancer="ines", **of),
        ledger.transfer_settled(txn="txn_2", op="op1", amount=13_000, **of),
    )


def weighed(order: Order, booked: tuple[Entry, ...], state: dict[str, Any]) -> Money:
    transactions = transactions_of(order.id, state)
    found = ledger.check(booked, now=AT, ended=frozenset({order.id}), transactions=transactions)
    return weigh(order, booked, found, transactions, state)


def test_an_orders_money_is_the_ledgers() -> None:
    """Each sum comes from the postings; the margin is what is left of the payment."""
    money = weighed(ORDER, entries(), STATE)
    assert (money.client_paid, money.card_fee, money.freelancer_received, money.margin) == (29_000, 968, 13_000, 15_032)
    assert (money.ledger_balanced, money.ledger_equals_sandbox, money.differences) == (True, True, ())


def test_another_orders_transactions_are_not_missed_in_this_ones_ledger() -> None:
    """A person may be ordering in the browser while the player plays."""
    assert [one.id for one in transactions_of("o1", STATE)] == ["txn_1", "txn_2"]


def test_a_movement_that_nobody_can_name_counts_against_the_order() -> None:
    """Money that moved at Stripe without a source of ours is exactly what must be noticed."""
    lost = {"id": "txn_9", "net": -5, "currency": "eur", "source": None}
    state = {"objects": STATE["objects"] | {"balance_transaction": [*STATE["objects"]["balance_transaction"], lost]}}
    assert not weighed(ORDER, entries(), state).ledger_equals_sandbox


def test_a_transfer_of_another_amount_is_noticed() -> None:
    """The ledger may be in balance with itself and yet say something else than Stripe."""
    objects = STATE["objects"] | {"transfer": [{"id": "tr_1", "amount": 12_999, "transfer_group": "o1"}]}
    money = weighed(ORDER, entries(), {"objects": objects})
    assert (money.ledger_balanced, money.ledger_equals_sandbox) == (True, False)


def test_a_pot_that_differs_from_the_ledger_is_noticed() -> None:
    """The order's row is written in the same transaction as the entry: they can't differ."""
    money = weighed(replace(ORDER, sent=0), entries(), STATE)
    assert not money.ledger_balanced
    assert "sent 0" in money.differences[0]


def test_money_left_in_a_pot_is_noticed() -> None:
    """An order that has ended owes nobody anything."""
    assert not weighed(ORDER, entries()[:3], STATE).ledger_balanced


def test_invocations_are_read_from_the_functions_own_lines() -> None:
    """Other lines, broken ones and metrics are no invocations; an order that is None is left out of the line."""
    line = {"message": "invocation", "service": "open-gate", "order": "o1", "outcome": "done", "write_units": 6.0}
    lines = [
        "START RequestId: 1",
        json.dumps(line),
        '{"message": "invocation"',
        json.dumps({"message": "trouble", "text": "invocation"}),
        json.dumps(line | {"service": "tick-clock", "order": None}),
    ]
    assert list(read_invocations(iter(lines))) == [
        Invocation("open-gate", "o1", "done", 6.0),
        Invocation("tick-clock", None, "done", 6.0),
    ]


def test_ticks_are_no_calls_for_an_order_but_their_writes_are_counted() -> None:
    """The clock ticks every minute, whatever there is to do; what it writes it writes for somebody."""
    told = [Invocation("open-gate", "o1", "done", 6.0), Invocation("tick-clock", None, "done", 2.5)]
    assert (calls(told), units(told, [])) == (1, 9)


def test_a_short_token_counts_as_long_as_in_aws() -> None:
    """The local cloud's tokens have 36 characters: a row with a real one takes two units, not one."""
    row = {"pk": "O#o1", "sk": "T#01#work#0001", "v": 1, "attempt": "2026-11-21T22:00:00Z#0", "token": "t" * 36}
    assert padding(row) == 1
    assert padding(row | {"token": "t" * 1_000}) == 0
    assert units([], [row, row]) == 2
