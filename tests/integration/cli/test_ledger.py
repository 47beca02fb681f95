"""`relais ledger`: what was booked, and every difference in a sentence."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from relais.gate import Choice
from relais.rows import Change, entry_key


def transaction(name: str, net: int, source: str, at: float) -> dict[str, Any]:
    return {
        "id": name,
        "object": "balance_transaction",
        "net": net,
        "amount": net,
        "currency": "eur",
        "source": source,
        "created": int(at),
    }


class Stripe:
    """Serves balance transactions two to a page, newest first, as Stripe pages them; refuses other keys."""

    def __init__(self) -> None:
        self.transactions: list[dict[str, Any]] = []
        self.key = ""
        self.pages = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                known = self.headers["Authorization"] == f"Bearer {outer.key}"
                self._send(200 if known else 401, outer.page(query) if known else {"error": {"message": "no"}})

            def _send(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        self.pages += 1
        since = int(query["created[gte]"][0])
        found = sorted((one for one in self.transactions if one["created"] >= since), key=lambda one: -one["created"])
        after = query.get("starting_after")
        start = 0 if after is None else [one["id"] for one in found].index(after[0]) + 1
        return {
            "object": "list",
            "url": "/v1/balance_transactions",
            "data": found[start : start + 2],
            "has_more": len(found) > start + 2,
        }


@pytest.fixture
def stripe(world: Any) -> Iterator[Stripe]:
    """A Stripe that agrees with a completed order, and the key that may read it."""
    made = Stripe()
    made.key = "rk_test_never_printed_0123456789"
    now = world.at.timestamp()
    made.transactions = [
        transaction("txn_charge", 28_540, "ch_1", now - 9_000),
        transaction("txn_transfer", -13_000, "tr_1", now - 8_000),
    ]
    secret = json.dumps({"key": made.key})
    boto3.client("secretsmanager", region_name="eu-west-3").put_secret_value(
        SecretId="relais/dev/stripe-run-act", SecretString=secret
    )
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_an_orders_entries_are_shown_with_their_postings_and_balances(world: Any, relais: Any) -> None:
    """The sample logo: 290 paid, 4.60 to Stripe, 130 to the freelancer, pots empty (docs/ledger.md)."""
    world.complete()
    shown = relais("ledger", "show", world.order, "--json").json
    assert {one["kind"] for one in shown["entries"]} == {
        "payment",
        "charge_settled",
        "acceptance",
        "transfer",
        "transfer_settled",
    }
    assert all(sum(posting["amount"] for posting in one["postings"]) == 0 for one in shown["entries"])
    balances = {one["account"]: one["balance"] for one in shown["trial_balance"]}
    assert balances == {
        "stripe": 15_540,
        "stripe_clearing": 0,
        f"client_funds.{world.order}": 0,
        "payable.ines-moreau": 0,
        "revenue": -29_000,
        "cost.work": 13_000,
        "fee.card": 460,
    }
    said = relais("ledger", "show", world.order).out
    assert all(word in said for word in ("pay:pi_1", "txn_charge", "€285.40", "fee.card", "€4.60"))


def test_a_book_that_agrees_with_stripe_is_ok(world: Any, relais: Any, stripe: Stripe) -> None:
    """Every balance transaction has its entry and the sums are the same; all pages are read."""
    world.complete()
    stripe.transactions.append(transaction("txn_just_now", 700, "ch_9", world.at.timestamp() - 60))
    said = relais("ledger", "check", "--months", "1", "--stripe", stripe.url, "--json")
    checked = said.json
    assert (said.code, checked["ok"], checked["balanced"], checked["differences"]) == (0, True, True, [])
    assert checked["stripe"]["totals"] == [{"currency": "eur", "booked": 15_540, "stripe": 15_540}]
    assert (checked["stripe"]["compared"], checked["stripe"]["equal"], checked["stripe"]["transactions"]) == (
        True,
        True,
        2,
    )
    assert [one["transaction"] for one in checked["stripe"]["waiting"]] == ["txn_just_now"]
    assert stripe.pages == 2
    table = relais("ledger", "check", "--months", "1", "--stripe", stripe.url)
    assert (table.code, "as it must be" in table.out) == (0, True)


def test_what_stripe_moved_and_nobody_booked_is_a_difference(world: Any, relais: Any, stripe: Stripe) -> None:
    """Money that moved without an entry is the first thing that must be seen."""
    world.complete()
    stripe.transactions.append(transaction("txn_stranger", -500, "po_1", world.at.timestamp() - 10_000))
    said = relais("ledger", "check", "--months", "1", "--stripe", stripe.url, "--json")
    assert said.code == 1
    (difference,) = said.json["differences"]
    assert (difference["kind"], difference["reference"], difference["amount"]) == ("bank_missing", "txn_stranger", -500)
    assert "not booked" in difference["sentence"]
    assert said.json["stripe"]["equal"] is False


def test_one_order_is_compared_with_its_own_movements_only(world: Any, relais: Any, stripe: Stripe) -> None:
    """Other orders' money is no difference of this one; its own unbooked transfer is."""
    world.complete()
    stripe.transactions += [
        transaction("txn_other", 900, "ch_2", world.at.timestamp() - 10_000),
        transaction("txn_twice", -13_000, "tr_1", world.at.timestamp() - 10_000),
    ]
    said = relais("ledger", "check", world.order, "--stripe", stripe.url, "--json")
    assert said.code == 1
    assert [one["reference"] for one in said.json["differences"]] == ["txn_twice"]


def test_an_amount_that_differs_is_named_with_both_sums(world: Any, relais: Any, stripe: Stripe) -> None:
    """The sentence is what the operator takes to Stripe."""
    world.complete()
    stripe.transactions[1]["net"] = -12_900
    said = relais("ledger", "check", world.order, "--stripe", stripe.url)
    assert said.code == 1
    assert "txn_transfer is booked with -130.00 eur, Stripe says -129.00" in said.out


def test_a_spoilt_entry_is_told_not_tripped_over(world: Any, relais: Any) -> None:
    """A row that does not balance is a finding; everything else is still checked."""
    world.pay()
    key = entry_key(world.order, "pay:pi_1")
    spoilt = [["stripe_clearing", 29_000, "eur"], [f"client_funds.{world.order}", -28_900, "eur"]]
    world.store.write(Change(key, put={"postings": spoilt}))
    for command in (("check", world.order, "--no-stripe"), ("check", "--months", "1", "--no-stripe")):
        said = relais("ledger", *command, "--json")
        assert (said.code, said.json["balanced"]) == (1, False)
        assert [one["kind"] for one in said.json["differences"]] == ["unreadable"]
    assert relais("ledger", "show", world.order).code == 1


def test_what_lingers_in_clearing_is_told_with_its_age(world: Any, relais: Any) -> None:
    """Stripe names the fee within the hour; after two somebody has to look."""
    world.pay()
    assert relais("ledger", "check", world.order, "--no-stripe").code == 0
    world.at = world.at.replace(hour=12)
    said = relais("ledger", "check", world.order, "--no-stripe", "--json")
    assert said.code == 1
    assert [(one["kind"], one["amount"]) for one in said.json["differences"]] == [("clearing", 29_000)]


def test_an_order_that_began_before_the_months_read_is_still_whole(world: Any, relais: Any) -> None:
    """Half an order must not look like a hole: a finding in the index is looked at again in the order's own rows."""
    world.deliver()
    world.at = world.at.replace(month=12)
    world.decide("01", Choice.ACCEPT, "client")
    world.open("01", "hold")
    world.decide("01", Choice.RELEASE, "clock")
    world.open("01", "payout")
    from relais.steps.payout import book_fee, close

    close(world.ports, world.order, 1)
    book_fee(world.ports, world.order)
    said = relais("ledger", "check", "--months", "1", "--no-stripe", "--json")
    assert (said.code, said.json["entries"], said.json["differences"]) == (0, 5, [])


def test_a_check_without_stripe_says_why_it_was_left_out(world: Any, relais: Any) -> None:
    """Not compared is not the same as equal."""
    world.pay()
    checked = relais("ledger", "check", world.order, "--json").json
    assert (checked["ok"], checked["stripe"]["compared"], checked["stripe"]["equal"]) == (True, False, None)
    assert "--stripe" in checked["stripe"]["why"]
    empty = relais("ledger", "check", world.order, "--stripe", "http://127.0.0.1:9", "--json").json
    assert "relais secrets set stripe-run-act" in empty["stripe"]["why"]


def test_a_stripe_that_is_not_there_or_refuses_is_a_sentence(world: Any, relais: Any, stripe: Stripe) -> None:
    """Exit 2: nothing was found wrong, the comparison could not be made."""
    world.pay()
    stripe.key = "rk_test_other"
    refused = relais("ledger", "check", world.order, "--stripe", stripe.url)
    assert (refused.code, refused.out) == (2, "")
    assert "balance transactions" in refused.err
    gone = relais("ledger", "check", world.order, "--stripe", "http://127.0.0.1:9")
    assert gone.code == 2
    assert "does not answer" in gone.err


def test_a_sandbox_is_never_compared_with_real_money(world: Any, relais: Any) -> None:
    """--stripe goes with stage dev alone."""
    said = relais("ledger", "check", "--stage", "prod", "--stripe", "http://127.0.0.1:9")
    assert said.code == 2
    assert "stage dev only" in said.err
