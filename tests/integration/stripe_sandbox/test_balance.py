"""The seller's balance: payouts nobody asked for, what stays, other currencies, and what a list shows too late."""

from typing import Any

import pytest
import stripe

FREELANCER = "acct_1RelaisFreelancer0"
DAY = 86400


def settle(world: Any, **payouts: Any) -> stripe.BalanceSettings:
    return world.client().v1.balance_settings.update({"payments": {"payouts": payouts}})


def abroad(world: Any, currency: str, amount: int) -> stripe.Charge:
    item = {
        "price_data": {"currency": currency, "unit_amount": amount, "product_data": {"name": "A logo"}},
        "quantity": 1,
    }
    return world.paid_charge("4242 4242 4242 4242", line_items=[item])


def test_25_the_automatic_payout_empties_the_balance_before_the_freelancer_is_paid(world: Any) -> None:
    """Trap 25. A naive client counts on what was there yesterday; and its ledger knows no `payout`."""
    settle(world, schedule={"interval": "daily"})
    world.paid_charge()
    world.later(5 * DAY)
    assert world.available() == 0
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.client().v1.transfers.create({"amount": 13000, "currency": "eur", "destination": FREELANCER})
    assert refused.value.code == "balance_insufficient"
    [payout] = world.client().v1.payouts.list().data
    assert (payout.automatic, payout.amount) == (True, 28540)
    world.later(3 * DAY)
    assert world.client().v1.payouts.retrieve(payout.id).status == "paid"
    assert world.about("payout") == ["payout.created", "payout.paid"]


def test_25_the_minimum_balance_stays_and_shows_as_hold_and_release(world: Any) -> None:
    """Trap 25. Two more transactions nobody asked for, which come to nothing."""
    made = settle(world, schedule={"interval": "daily"}, minimum_balance_by_currency={"eur": 13000})
    assert made.payments.payouts.minimum_balance_by_currency.to_dict() == {"eur": 13000}  # type: ignore[union-attr]
    world.paid_charge()
    world.later(5 * DAY)
    assert world.available() == 13000
    kinds = {booked.type: booked.net for booked in world.booked()}
    assert (kinds["payout_minimum_balance_hold"], kinds["payout_minimum_balance_release"]) == (-13000, 13000)
    assert kinds["payout"] == -15540
    assert settle(world, minimum_balance_by_currency="").payments.payouts.minimum_balance_by_currency is None  # type: ignore[union-attr]


def test_25_stripe_books_fees_by_itself(world: Any) -> None:
    """Trap 25. "Ledger wrong" from day two, for who books only what they did."""
    world.post("/_sandbox/transactions", {"type": "stripe_fee", "amount": -200, "description": "Connect"})
    [booked] = world.booked()
    assert (booked.type, booked.reporting_category, booked.net, booked.source) == ("stripe_fee", "fee", -200, None)
    assert world.available() == -200


def test_a_payout_by_hand_may_fail_after_it_was_paid(world: Any) -> None:
    """The money is back in the balance; a second payout would be a second try."""
    world.top_up(50000)
    payouts = world.client().v1.payouts
    with pytest.raises(stripe.InvalidRequestError) as refused:
        payouts.create({"amount": 50001, "currency": "eur"})
    assert refused.value.code == "balance_insufficient"
    payout = payouts.create({"amount": 50000, "currency": "eur"})
    world.later(3 * DAY)
    world.post(f"/_sandbox/payouts/{payout.id}", {"fail": "account_closed"})
    failed = payouts.retrieve(payout.id)
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert [booked.type for booked in world.booked()][:2] == ["payout_failure", "payout"]
    assert world.available() == 50000
    called_back = payouts.cancel(payouts.create({"amount": 100, "currency": "eur"}).id)
    assert called_back.status == "canceled"


def test_22_a_dollar_charge_settles_in_euro_with_its_fee_on_what_was_settled(world: Any) -> None:
    """Trap 22. A naive fee is 3.25 % + 25 of the dollars; and the rate is not the market's."""
    charge = abroad(world, "usd", 10000)
    world.later(3)
    [booked] = world.booked()
    naive_fee = 10000 * 325 // 10000 + 25
    assert (booked.currency, booked.exchange_rate) == ("eur", 0.9016)
    assert (booked.amount, booked.fee, booked.net) == (9016, 318, 8698)
    assert booked.fee != naive_fee
    assert charge.currency == "usd"


def test_22_a_refund_takes_the_rate_of_its_own_day(world: Any) -> None:
    """Trap 22. One-cent differences for ever, or more: what comes is not what goes."""
    charge = abroad(world, "usd", 10000)
    world.later(3)
    world.top_up()
    world.post("/_sandbox/rates", {"usd": "0.95"})
    made = world.client().v1.refunds.create({"charge": charge.id, "expand": ["balance_transaction"]})
    booked: Any = made.balance_transaction
    assert (made.amount, made.currency) == (10000, "usd")
    assert (booked.amount, booked.currency) == (-9310, "eur")


def test_22_a_yen_has_no_cents(world: Any) -> None:
    """Multiplying by 100 by habit sells a logo for a hundredth, or for a hundred times as much."""
    abroad(world, "jpy", 40000)
    world.later(3)
    [booked] = world.booked()
    assert (booked.amount, booked.currency) == (23912, "eur")


def test_12_a_dollar_charge_sends_euro(world: Any) -> None:
    """Trap 12. The currency of a sourced transfer is that of the charge's balance transaction."""
    charge = abroad(world, "usd", 10000)
    params: Any = {"amount": 5000, "destination": FREELANCER, "source_transaction": charge.id}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.client().v1.transfers.create({**params, "currency": "usd"})
    assert refused.value.param == "currency"
    assert world.client().v1.transfers.create({**params, "currency": "eur"}).amount == 5000


def test_21_a_total_of_zero_has_no_payment_intent(world: Any, get: Any) -> None:
    """Trap 21. `paid` never comes, and what looks for the intent crashes; yet it is one order."""
    item = {"price_data": {"currency": "eur", "unit_amount": 0, "product_data": {"name": "Gift"}}, "quantity": 1}
    session = world.session(line_items=[item])
    assert get(session.url, {"email": "marie@example.org", "name": "Marie"}).status == 303
    now = world.client().v1.checkout.sessions.retrieve(session.id)
    assert (now.status, now.payment_status, now.payment_intent) == ("complete", "no_payment_required", None)
    assert world.types() == ["checkout.session.completed"]
    assert world.client().v1.charges.list().data == []


def test_21_what_the_client_wishes_has_bounds_and_needs_the_payment_mode(world: Any, get: Any) -> None:
    """Trap 21. Below fifty cents nothing can be charged, and a subscription takes no wished price."""
    prices = world.client().v1.prices
    wished: Any = {"currency": "eur", "product_data": {"name": "Logo"}, "custom_unit_amount": {"enabled": True}}
    with pytest.raises(stripe.InvalidRequestError):
        prices.create({**wished, "custom_unit_amount": {"enabled": True, "minimum": 0}})
    price = prices.create({**wished, "custom_unit_amount": {"enabled": True, "minimum": 5000}})
    items = [{"price": price.id, "quantity": 1}]
    session = world.session(line_items=items)
    typed = {"email": "marie@example.org", "name": "Marie", "card": "4000 0025 0000 0003"}
    assert get(session.url, typed | {"amount": "49,99"}).status == 422
    assert get(session.url, typed | {"amount": "80"}).status == 303
    assert world.client().v1.charges.list().data[0].amount == 8000
    with pytest.raises(stripe.InvalidRequestError):
        world.session(mode="subscription", line_items=items, payment_intent_data={})


def test_search_finds_late_what_a_list_finds_at_once(world: Any) -> None:
    """A look-up by search says "no such payment" right after it, and pays or refunds again (design: money C 5)."""
    charge = world.paid_charge()
    world.client().v1.charges.update(charge.id, {"metadata": {"order": "o1"}})
    query: Any = {"query": "metadata['order']:'o1' AND status:'succeeded'"}
    assert world.client().v1.charges.search(query).data == []
    assert [found.id for found in world.client().v1.charges.list().data] == [charge.id]
    world.later(61)
    assert [found.id for found in world.client().v1.charges.search(query).data] == [charge.id]


def test_the_balance_says_when_money_has_become_available(world: Any) -> None:
    """`balance.available` is all that Stripe tells; the transactions change without an event."""
    world.paid_charge()
    world.later(4 * DAY)
    [told] = [event["data"]["object"] for event in world.events() if event["type"] == "balance.available"]
    assert told["available"][0]["amount"] == 28540
