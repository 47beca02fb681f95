"""The behaviours that naive fakes get wrong (money E): each test is one that a naive client would fail."""

import json
import threading
from typing import Any

import pytest
import stripe

FREELANCER = "acct_1RelaisFreelancer0"
DAY = 86400
HOUR = 3600


def transfer(world: Any, key: str, retries: int = 0, **more: Any) -> stripe.Transfer:
    params = {"amount": 13000, "currency": "eur", "destination": FREELANCER, "metadata": {"op": "o1:transfer:01:1"}}
    options: Any = {"idempotency_key": key}
    return world.client(retries=retries).v1.transfers.create({**params, **more}, options)


def test_01_the_fee_is_unknown_at_the_payment_and_comes_with_charge_updated(world: Any) -> None:
    """Trap 1. A naive client reads the fee in `charge.succeeded`: there is none, and 0 would be a lie."""
    charge = world.paid_charge()
    assert charge.balance_transaction is None
    expanded = world.client().v1.charges.retrieve(charge.id, {"expand": ["balance_transaction"]})
    assert expanded.balance_transaction is None
    told = {event["type"]: event["data"] for event in world.events()}
    assert told["charge.succeeded"]["object"]["balance_transaction"] is None
    assert "charge.updated" not in told
    assert world.client().v1.balance_transactions.list().data == []

    world.later(3)
    told = {event["type"]: event["data"] for event in world.events()}
    booked = told["charge.updated"]
    assert booked["previous_attributes"] == {"balance_transaction": None}
    transaction = world.client().v1.balance_transactions.retrieve(booked["object"]["balance_transaction"])
    assert (transaction.amount, transaction.fee, transaction.net) == (29000, 460, 28540)
    assert (transaction.status, transaction.type, transaction.source) == ("pending", "charge", charge.id)
    assert world.types().count("charge.updated") == 1


def test_01_the_money_is_pending_first_and_available_some_days_later(world: Any) -> None:
    """The balance a client may spend is not the sum of what was paid."""
    world.paid_charge()
    world.later(3)
    balance = world.client().v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 28540)
    world.later(4 * DAY)
    balance = world.client().v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (28540, 0)
    assert world.client().v1.balance_transactions.list().data[0].status == "available"


def test_02_a_session_has_no_payment_intent_before_somebody_tries_to_pay(world: Any) -> None:
    """Trap 2. Writing metadata on "the" intent right after creation has nothing to write on."""
    session = world.session()
    assert session.payment_intent is None
    assert world.client().v1.payment_intents.list().data == []
    world.pay(session)
    assert world.client().v1.checkout.sessions.retrieve(session.id).payment_intent is not None


def test_04_line_items_and_refunds_are_absent_unless_expanded(world: Any) -> None:
    """Trap 4. An empty list would read as "nothing bought" and "nothing refunded"."""
    session = world.session()
    assert "line_items" not in world.client().v1.checkout.sessions.retrieve(session.id)
    expanded = world.client().v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert [item.amount_total for item in expanded.line_items.data] == [29000]
    charge = world.paid_charge()
    assert "refunds" not in charge


def test_05_metadata_is_not_inherited(world: Any) -> None:
    """Trap 5. Who writes it on the session alone finds nothing on the payment."""
    session = world.session(payment_intent_data={})
    world.pay(session)
    paid = world.client().v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert paid.metadata.to_dict() == {"order": "o1"}
    assert paid.payment_intent.metadata.to_dict() == {}
    assert paid.payment_intent.latest_charge.metadata.to_dict() == {}


def test_06_an_event_tells_of_then_not_of_now(world: Any) -> None:
    """Trap 6. A late event taken for the present state sends an order backwards."""
    world.paid_charge()
    succeeded = next(event for event in world.events() if event["type"] == "charge.succeeded")
    world.later(3)
    again = world.client().v1.events.retrieve(succeeded["id"])
    assert again.data.object["balance_transaction"] is None
    assert world.client().v1.charges.retrieve(succeeded["data"]["object"]["id"]).balance_transaction is not None


def test_06_a_retry_carries_the_same_body_and_is_signed_anew(world: Any) -> None:
    """A client that remembers signatures, or bodies by hash of the header, processes twice."""
    world.status[0] = 500
    world.session()
    world.client().v1.checkout.sessions.expire(world.client().v1.checkout.sessions.list().data[0].id)
    world.sandbox.run_due()
    world.status[0] = 200
    world.post("/_sandbox/clock", {"wall": 6})
    world.sandbox.run_due()
    (_, first, body), (_, second, again) = world.delivered
    assert body == again
    for headers in (first, second):
        event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_test")
        assert event.type == "checkout.session.expired"
    event_id = json.loads(body)["id"]
    assert world.client().v1.events.retrieve(event_id).pending_webhooks == 0


def test_06_events_come_twice_and_overtake_each_other_when_asked(world: Any) -> None:
    """Whoever needs `charge.succeeded` before `checkout.session.completed` waits for ever now and then."""
    world.post("/_sandbox/faults", {"duplicate": True, "shuffle": 3})
    world.paid_charge()
    types = world.types()
    assert sorted(set(types)) == [
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.created",
        "payment_intent.succeeded",
    ]
    assert len(types) == 8
    assert types.index("checkout.session.completed") < types.index("charge.succeeded")


def test_07_a_refusal_is_replayed_even_when_its_cause_is_gone(world: Any) -> None:
    """Trap 7. Retrying under the same key would be refused for ever; a new key goes through."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        transfer(world, "k:0")
    assert refused.value.code == "balance_insufficient"
    world.paid_charge("4000 0000 0000 0077")
    world.later(3)
    with pytest.raises(stripe.InvalidRequestError) as again:
        transfer(world, "k:0")
    assert again.value.code == "balance_insufficient"
    assert again.value.headers["idempotent-replayed"] == "true"
    assert again.value.headers["original-request"] == refused.value.request_id
    assert transfer(world, "k:1").amount == 13000


def test_07_a_validation_error_is_not_stored(world: Any) -> None:
    """The same key works once the parameter is right."""
    charge = world.paid_charge()
    with pytest.raises(stripe.InvalidRequestError) as invalid:
        transfer(world, "k:0", colour="red")
    assert invalid.value.code == "parameter_unknown"
    assert transfer(world, "k:0", source_transaction=charge.id).amount == 13000


def test_07_a_value_that_fails_validation_late_is_not_stored_either(world: Any) -> None:
    """Whether a type or a rule finds the mistake, execution has not begun: the key stays free."""
    sessions = world.client().v1.checkout.sessions
    item = {"price_data": {"currency": "eur", "unit_amount": 29000, "product_data": {"name": "x"}}, "quantity": 1}
    options: Any = {"idempotency_key": "k:0"}
    for wrong in ({"success_url": "/o/1"}, {"success_url": "http://127.0.0.1:9/", "expires_at": 1}):
        params: Any = {"mode": "payment", "line_items": [item], **wrong}
        with pytest.raises(stripe.InvalidRequestError):
            sessions.create(params, options)
    params = {"mode": "payment", "line_items": [item], "success_url": "http://127.0.0.1:9/"}
    assert sessions.create(params, options).status == "open"


def test_07_a_429_is_not_stored_and_the_library_does_not_retry_it(world: Any) -> None:
    """A client must wait and ask again by itself, under the same key."""
    charge = world.paid_charge()
    world.fault("429", "/v1/transfers")
    with pytest.raises(stripe.RateLimitError):
        transfer(world, "k:0", retries=2, source_transaction=charge.id)
    assert transfer(world, "k:0", source_transaction=charge.id).amount == 13000


def test_08_the_same_key_with_other_parameters_is_an_error_of_its_own(world: Any) -> None:
    """Trap 8. A deploy that changes a description must be parked, never answered with a new key."""
    charge = world.paid_charge()
    transfer(world, "k:0", source_transaction=charge.id)
    with pytest.raises(stripe.IdempotencyError):
        transfer(world, "k:0", source_transaction=charge.id, description="Logo")
    assert len(world.client().v1.transfers.list().data) == 1


def test_08_a_key_is_forgotten_after_a_day_of_wall_time_whatever_the_virtual_clock_says(world: Any) -> None:
    """A late retry pays twice; and a virtual month must not make it so."""
    charge = world.paid_charge()
    first = transfer(world, "k:0", source_transaction=charge.id)
    world.later(40 * DAY)
    assert transfer(world, "k:0", source_transaction=charge.id).id == first.id
    world.post("/_sandbox/clock", {"wall": 24 * HOUR})
    assert transfer(world, "k:0", source_transaction=charge.id).id != first.id


def test_08_a_key_in_use_is_a_conflict(world: Any) -> None:
    """Two leases at once: the second must neither run nor be stored."""
    charge = world.paid_charge()
    world.fault("hold", "/v1/transfers")
    made: list[stripe.Transfer] = []
    first = threading.Thread(target=lambda: made.append(transfer(world, "k:0", source_transaction=charge.id)))
    first.start()
    assert world.sandbox.faults.wait_held(1, 10)
    with pytest.raises(stripe.APIError) as conflict:
        transfer(world, "k:0", source_transaction=charge.id)
    assert conflict.value.http_status == 409
    assert conflict.value.error.code == "idempotency_key_in_use"
    world.post("/_sandbox/release", {})
    first.join(10)
    assert transfer(world, "k:0", source_transaction=charge.id).id == made[0].id


def test_09_the_answer_is_lost_after_the_transfer_exists(world: Any) -> None:
    """Trap 9. A naive client takes a broken line for "nothing happened" and pays again under a new key."""
    charge = world.paid_charge()
    world.fault("lose_answer", "/v1/transfers")
    with pytest.raises(stripe.APIConnectionError):
        transfer(world, "k:0", source_transaction=charge.id)
    [existing] = world.client().v1.transfers.list({"destination": FREELANCER}).data
    assert existing.metadata["op"] == "o1:transfer:01:1"
    assert transfer(world, "k:0", source_transaction=charge.id).id == existing.id
    assert len(world.client().v1.transfers.list().data) == 1


def test_09_the_library_s_own_retry_finds_the_lost_answer(world: Any) -> None:
    """The official library repeats with the same key: one transfer."""
    charge = world.paid_charge()
    world.fault("lose_answer", "/v1/transfers")
    made = transfer(world, "k:0", retries=1, source_transaction=charge.id)
    assert [found.id for found in world.client().v1.transfers.list().data] == [made.id]


@pytest.mark.parametrize(("kind", "made"), [("stored_500_after", 1), ("stored_500_before", 0)])
def test_09_a_stored_500_says_nothing_about_what_exists(world: Any, kind: str, made: int) -> None:
    """The same 500 for ever, with the object and without: only a look-up tells."""
    charge = world.paid_charge()
    world.fault(kind, "/v1/transfers")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as outage:
            transfer(world, "k:0", source_transaction=charge.id)
        assert outage.value.http_status == 500
    assert len(world.client().v1.transfers.list().data) == made


@pytest.mark.parametrize("kind", ["refuse_500", "lose_request"])
def test_09_a_request_that_never_ran_leaves_its_key_free(world: Any, kind: str) -> None:
    """Not every 500 is stored and not every broken line has worked."""
    charge = world.paid_charge()
    world.fault(kind, "/v1/transfers")
    with pytest.raises(stripe.StripeError):
        transfer(world, "k:0", source_transaction=charge.id)
    assert world.client().v1.transfers.list().data == []
    assert transfer(world, "k:0", source_transaction=charge.id).amount == 13000


def test_10_a_list_shows_the_ten_newest_and_says_that_there_are_more(world: Any) -> None:
    """Trap 10. Who reads one page reads ten."""
    made = [world.session().id for _ in range(12)]
    page = world.client().v1.checkout.sessions.list()
    assert [session.id for session in page.data] == made[:1:-1]
    assert page.has_more
    assert [session.id for session in page.auto_paging_iter()] == made[::-1]


def test_10_ending_before_gives_the_page_next_to_its_cursor(world: Any) -> None:
    """A reconciler that goes forward from its mark must not jump to the newest."""
    made = [world.session().id for _ in range(5)]
    page = world.client().v1.checkout.sessions.list({"ending_before": made[0], "limit": 2})
    assert [session.id for session in page.data] == [made[2], made[1]]
    assert page.has_more
    page = world.client().v1.checkout.sessions.list({"ending_before": made[2], "limit": 2})
    assert [session.id for session in page.data] == [made[4], made[3]]
    assert not page.has_more


def test_11_a_sourced_transfer_is_accepted_before_settlement_and_pending(world: Any) -> None:
    """Trap 11. Without the source the same transfer is refused: nothing is available yet."""
    charge = world.paid_charge()
    with pytest.raises(stripe.InvalidRequestError):
        transfer(world, "k:0")
    made = transfer(world, "k:1", source_transaction=charge.id)
    world.later(3)
    client = world.client()
    sent = client.v1.balance_transactions.retrieve(made.balance_transaction)
    booked = client.v1.balance_transactions.retrieve(client.v1.charges.retrieve(charge.id).balance_transaction)
    assert (sent.amount, sent.status, sent.available_on) == (-13000, "pending", booked.available_on)


def test_11_after_settlement_a_source_does_not_help_an_empty_balance(world: Any) -> None:
    """In production that payout fails weeks later: another transfer has taken the money."""
    charge = world.paid_charge()
    world.later(4 * DAY)
    transfer(world, "k:0", amount=28000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        transfer(world, "k:1", source_transaction=charge.id)
    assert refused.value.code == "balance_insufficient"


def test_12_the_sum_of_a_charge_s_transfers_never_exceeds_it_in_its_settled_currency(world: Any) -> None:
    """Trap 12. A bonus on top of a full transfer is refused."""
    charge = world.paid_charge()
    transfer(world, "k:0", source_transaction=charge.id, amount=20000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        transfer(world, "k:1", source_transaction=charge.id, amount=9001)
    assert refused.value.param == "amount"
    assert transfer(world, "k:2", source_transaction=charge.id, amount=9000).amount == 9000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        transfer(world, "k:3", source_transaction=charge.id, amount=1, currency="usd")
    assert refused.value.param == "currency"


def test_13_the_transfer_group_is_the_charge_s(world: Any) -> None:
    """Trap 13. Looking for the order's transfers by a group of one's own finds nothing."""
    grouped = world.paid_charge()
    assert transfer(world, "k:0", source_transaction=grouped.id).transfer_group == "o1"
    alone = world.paid_charge(payment_intent_data={})
    made = transfer(world, "k:1", source_transaction=alone.id)
    assert made.transfer_group == f"group_{alone.payment_intent}"
    assert world.client().v1.charges.retrieve(alone.id).transfer_group == made.transfer_group
    found = world.client().v1.transfers.list({"transfer_group": "o1"}).data
    assert [found_one.amount for found_one in found] == [13000]


def test_14_no_event_ever_says_that_a_transfer_was_paid(world: Any) -> None:
    """Trap 14. Who waits for `transfer.paid` waits for ever: the answer to the call is all there is."""
    charge = world.paid_charge()
    transfer(world, "k:0", source_transaction=charge.id)
    world.later(60 * DAY)
    assert [kind for kind in world.types() if kind.startswith("transfer.")] == ["transfer.created"]


def test_20_a_complete_session_cannot_be_expired_and_a_declined_card_leaves_it_open(world: Any) -> None:
    """Trap 20. Cancelling first and looking later cancels a paid order."""
    session = world.session()
    assert world.pay(session, "4000 0000 0000 0002").status == 402
    assert world.client().v1.checkout.sessions.retrieve(session.id).status == "open"
    world.pay(session)
    with pytest.raises(stripe.InvalidRequestError, match="complete"):
        world.client().v1.checkout.sessions.expire(session.id)
