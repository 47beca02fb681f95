"""The rest of the API over HTTP: accounts, permissions, errors, events, the sandbox's own doors."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox import shapes

FREELANCER = "acct_1RelaisFreelancer0"


def transfers_status(account: stripe.v2.core.Account) -> str:
    return account.configuration.recipient.capabilities.stripe_balance.stripe_transfers.status


def test_a_v2_account_shows_only_what_is_included(world: Any) -> None:
    """Trap 4 again: without `include` the configuration is null, not empty."""
    accounts = world.client().v2.core.accounts
    assert accounts.retrieve(FREELANCER).configuration is None
    include: Any = {"include": ["configuration.recipient", "identity", "requirements"]}
    account = accounts.retrieve(FREELANCER, include)
    assert transfers_status(account) == "active"
    assert account.identity.country == "fr"
    assert account.requirements.entries == []
    assert account.configuration.merchant is None


def test_a_new_account_may_not_be_paid_before_its_onboarding(world: Any) -> None:
    """Creating an account is not the same as being able to pay it."""
    accounts = world.client().v2.core.accounts
    balance = {"stripe_transfers": {"requested": True}}
    account = accounts.create(
        {
            "contact_email": "ines@example.org",
            "dashboard": "express",
            "identity": {"country": "fr", "entity_type": "individual"},
            "configuration": {"recipient": {"capabilities": {"stripe_balance": balance}}},
            "include": ["configuration.recipient", "requirements"],
        }
    )
    assert transfers_status(account) == "restricted"
    assert account.requirements.entries[0].awaiting_action_from == "user"
    charge = world.paid_charge()
    params: Any = {"amount": 1, "currency": "eur", "destination": account.id, "source_transaction": charge.id}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.client().v1.transfers.create(params)
    assert refused.value.code == "insufficient_capabilities_for_transfer"
    world.post("/_sandbox/accounts", {"id": account.id, "stripe_transfers": "active"})
    assert world.client().v1.transfers.create(params).amount == 1


def test_an_account_can_be_set_up_with_an_id_of_one_s_own(world: Any) -> None:
    """The local stack's roster needs accounts that survive a restart; doing it twice changes nothing."""
    wanted = {"id": "acct_1Ines", "country": "FR", "stripe_transfers": "active", "display_name": "Inès Moreau"}
    assert world.post("/_sandbox/accounts", wanted) == world.post("/_sandbox/accounts", wanted)
    include: Any = {"include": ["configuration.recipient"]}
    assert transfers_status(world.client().v2.core.accounts.retrieve("acct_1Ines", include)) == "active"
    world.post("/_sandbox/accounts", {**wanted, "stripe_transfers": "restricted"})
    account = world.client().v2.core.accounts.retrieve("acct_1Ines", include)
    assert transfers_status(account) == "restricted"


def test_an_unknown_account_or_object_is_told_apart_from_a_refusal(world: Any) -> None:
    """404 for the object of the route, 400 for one that a parameter names."""
    for ask in (
        lambda: world.client().v2.core.accounts.retrieve("acct_none"),
        lambda: world.client().v1.charges.retrieve("ch_none"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as unknown:
            ask()
        assert unknown.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError) as named:
        world.client().v1.transfers.create({"amount": 1, "currency": "eur", "destination": "acct_none"})
    assert (named.value.http_status, named.value.code, named.value.param) == (400, "resource_missing", "destination")


def test_a_restricted_key_is_refused_what_it_may_not(world: Any) -> None:
    """The function that opens checkouts must not be able to move money."""
    opening = world.client("rk_test_open_checkout")
    session = opening.v1.checkout.sessions.retrieve(world.session().id)
    with pytest.raises(stripe.PermissionError, match="rak_transfer_write"):
        opening.v1.transfers.create({"amount": 1, "currency": "eur", "destination": FREELANCER})
    with pytest.raises(stripe.PermissionError, match="rak_payment_intent_read"):
        opening.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    with pytest.raises(stripe.PermissionError):
        world.client("rk_test_enter_order").v1.checkout.sessions.expire(session.id)


def test_a_refused_key_leaves_no_trace_under_the_idempotency_key(world: Any) -> None:
    """401 and 403 ran nothing: once the key is right, the same request works."""
    charge = world.paid_charge()
    params: Any = {"amount": 1, "currency": "eur", "destination": FREELANCER, "source_transaction": charge.id}
    options: Any = {"idempotency_key": "k:0"}
    with pytest.raises(stripe.AuthenticationError):
        world.client("sk_test_nobody").v1.transfers.create(params, options)
    with pytest.raises(stripe.PermissionError):
        world.client("rk_test_enter_order").v1.transfers.create(params, options)
    assert world.client("rk_test_run_act").v1.transfers.create(params, options).amount == 1


def test_the_keys_of_the_shop_suffice_for_its_work(world: Any) -> None:
    """Each function has what it needs: a session, a look at the payment with its fee, a transfer."""
    session = world.client("rk_test_open_checkout").v1.checkout.sessions.retrieve(world.session().id)
    world.pay(session)
    world.later(3)
    expand = {"expand": ["payment_intent.latest_charge.balance_transaction"]}
    paid = world.client("rk_test_enter_order").v1.checkout.sessions.retrieve(session.id, expand)
    assert paid.payment_intent.latest_charge.balance_transaction.fee == 460
    acting = world.client("rk_test_run_act")
    include: Any = {"include": ["configuration.recipient"]}
    assert transfers_status(acting.v2.core.accounts.retrieve(FREELANCER, include)) == "active"
    params: Any = {
        "amount": 13000,
        "currency": "eur",
        "destination": FREELANCER,
        "source_transaction": paid.payment_intent.latest_charge.id,
        "expand": ["balance_transaction"],
    }
    assert acting.v1.transfers.create(params).balance_transaction.net == -13000


def test_a_route_or_an_expansion_that_is_not_built_is_named(world: Any) -> None:
    """501 tells the developer what to add, and the library does not retry it."""
    charge = world.paid_charge()
    with pytest.raises(stripe.APIError, match=r"POST /v1/customers"):
        world.client(retries=2).v1.customers.create({"name": "Marie"})
    assert world.sandbox.state()["calls"]["by_route"]["POST /v1/customers"] == 1
    with pytest.raises(stripe.APIError, match="expanding payment_method"):
        world.client().v1.charges.retrieve(charge.id, {"expand": ["payment_method"]})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        world.client().v1.charges.retrieve(charge.id, {"expand": ["colour"]})


def test_a_wrong_expansion_of_a_new_object_makes_no_object(world: Any) -> None:
    """An error after the work would leave a transfer that its caller does not know."""
    charge = world.paid_charge()
    params: Any = {"amount": 1, "currency": "eur", "destination": FREELANCER, "source_transaction": charge.id}
    with pytest.raises(stripe.InvalidRequestError):
        world.client().v1.transfers.create({**params, "expand": ["colour"]})
    assert world.client().v1.transfers.list().data == []


def test_events_name_the_request_that_caused_them(world: Any) -> None:
    """A movement that no request of ours explains goes to the seller."""
    charge = world.paid_charge()
    options: Any = {"idempotency_key": "o1:transfer:01:1:0"}
    params: Any = {"amount": 1, "currency": "eur", "destination": FREELANCER, "source_transaction": charge.id}
    world.client().v1.transfers.create(params, options)
    told = {event["type"]: event["request"] for event in world.events()}
    assert told["transfer.created"]["idempotency_key"] == "o1:transfer:01:1:0"
    assert told["transfer.created"]["id"].startswith("req_")
    assert told["checkout.session.completed"] == {"id": None, "idempotency_key": None}


def test_events_are_listed_by_type_and_by_delivery(world: Any) -> None:
    """Recovery reads what no endpoint has acknowledged."""
    world.status[0] = 500
    world.paid_charge()
    world.sandbox.run_due()
    world.status[0] = 200
    world.later(3)
    events = world.client().v1.events
    types: Any = {"types": ["charge.succeeded", "charge.updated"]}
    assert [event.type for event in events.list(types).data] == ["charge.updated", "charge.succeeded"]
    assert [event.type for event in events.list({"delivery_success": True}).data] == ["charge.updated"]
    assert len(events.list({"delivery_success": False}).data) == 4
    assert events.list({"type": "transfer.created"}).data == []


def test_lists_are_cut_by_time_of_creation(world: Any) -> None:
    """The look-up of a lost transfer begins a little before it was first sent."""
    first = world.paid_charge()
    world.later(600)
    second = world.paid_charge()
    found = world.client().v1.charges.list({"created": {"gte": second.created - 300}}).data
    assert [charge.id for charge in found] == [second.id]
    found = world.client().v1.charges.list({"created": {"lt": second.created}}).data
    assert [charge.id for charge in found] == [first.id]


def test_the_card_s_region_decides_the_fee(world: Any) -> None:
    """Stripe's first test card is American: its fee is not the European one."""
    for card, fee in (("4242 4242 4242 4242", 968), ("4000 0025 0000 0003", 460), ("4000 0082 6000 0000", 750)):
        charge = world.paid_charge(card)
        world.later(3)
        expanded = world.client().v1.charges.retrieve(charge.id, {"expand": ["balance_transaction"]})
        assert expanded.balance_transaction.fee == fee


def test_the_card_for_the_available_balance_is_available_at_once(world: Any) -> None:
    """The only card whose money can be transferred without a source right away."""
    world.paid_charge("4000 0000 0000 0077")
    world.later(3)
    params: Any = {"amount": 13000, "currency": "eur", "destination": FREELANCER}
    assert world.client().v1.transfers.create(params).source_transaction is None


def test_the_state_tells_calls_objects_and_money(world: Any) -> None:
    """Proofs count on it: pages that call nothing, a ledger equal to the sandbox."""
    before = world.sandbox.state()["calls"]["total"]
    charge = world.paid_charge()
    params: Any = {"amount": 13000, "currency": "eur", "destination": FREELANCER, "source_transaction": charge.id}
    world.client().v1.transfers.create(params)
    world.later(3)
    state = world.sandbox.state()
    assert state["calls"]["by_route"]["POST /v1/transfers"] == 1
    assert state["calls"]["total"] == before + 3
    assert state["money"] == {
        "balance": {"eur": {"available": 0, "pending": 15540}},
        "net_transactions": {"eur": 15540},
        "transfers": {FREELANCER: {"eur": 13000}},
        "recipients": {FREELANCER: {"eur": {"available": 0, "pending": 13000}}},
        "refunds": {},
    }
    assert state["counts"]["charge"] == 1
    net = sum(transaction["net"] for transaction in state["objects"]["balance_transaction"])
    assert net == 15540


def test_the_overview_is_readable_by_a_person(world: Any, get: Callable[..., Any]) -> None:
    """Whoever clicks through an order wants to see where the money is."""
    assert "Nobody has paid yet." in get(world.sandbox.url + "/").text
    world.paid_charge()
    world.later(3)
    page = get(world.sandbox.url + "/").text
    for word in ("€290.00", "€4.60", "Ready to be paid", "charge.updated"):
        assert word in page


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_sandbox/faults", {"kind": "flood"}),
        ("/_sandbox/faults", {"kind": "429", "math": {}}),
        ("/_sandbox/accounts", {"id": "acct_1", "stripe_transfers": "maybe"}),
        ("/_sandbox/accounts", {}),
        ("/_sandbox/clock", {"offset": "tomorrow"}),
        ("/_sandbox/none", {}),
    ],
)
def test_the_sandbox_s_own_doors_refuse_what_they_do_not_know(
    world: Any, get: Callable[..., Any], path: str, body: dict[str, Any]
) -> None:
    """A mistyped fault that never strikes makes a test pass for nothing."""
    with pytest.raises(OSError, match=r"HTTP Error 40\d") as refused:
        world.post(path, body)
    with refused.value:  # type: ignore[attr-defined]
        assert json.loads(refused.value.read())["error"]["message"]  # type: ignore[attr-defined]


def test_every_object_has_the_fields_that_stripe_says_it_has(world: Any) -> None:
    """No field that Stripe always sends is missing here, and none is invented.

    What Stripe says is kept with the sandbox; `make stripe-shapes` compares that with the examples that it publishes.
    """
    known = shapes.load()
    client = world.client()
    world.session()
    charge = world.paid_charge()
    source: Any = {"amount": 1, "currency": "eur", "destination": FREELANCER, "source_transaction": charge.id}
    client.v1.transfers.create(source)
    world.post("/_sandbox/top-ups", {"amount": 100_000})
    client.v1.refunds.create({"charge": charge.id, "amount": 100})
    given = client.v1.transfers.create({"amount": 100, "currency": "eur", "destination": FREELANCER})
    client.v1.transfers.reversals.create(given.id, {"amount": 40})
    client.v1.payouts.create({"amount": 100, "currency": "eur"})
    world.post(f"/_sandbox/charges/{charge.id}", {"warning": "misc"})
    world.post(f"/_sandbox/charges/{charge.id}", {"dispute": {}})
    price = {"currency": "eur", "unit_amount": 4900, "product_data": {"name": "Care"}}
    item = {"price_data": price | {"recurring": {"interval": "month"}}, "quantity": 1}
    params: Any = {"mode": "subscription", "success_url": "http://127.0.0.1:9/", "line_items": [item]}
    assert world.pay(client.v1.checkout.sessions.create(params)).status == 303
    world.later(3)
    objects = world.sandbox.state()["objects"]
    settings = json.loads(json.dumps(client.v1.balance_settings.retrieve().to_dict()))
    shown_as_kept = {kind for kind in shapes.CLASSES.keys() & objects.keys() if not kind.startswith("v2.")}
    kept = {kind: objects[kind] for kind in shown_as_kept} | {"balance_settings": [settings]}
    wrong = {line for kind, all_of in kept.items() for one in all_of for line in shapes.problems(one, kind, known)}
    assert wrong == set()
    assert {"dispute", "invoice", "payout", "subscription", "transfer_reversal"} <= objects.keys()
