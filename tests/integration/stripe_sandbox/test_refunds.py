"""Refunds as Stripe does them: against the available balance, sometimes late, sometimes undone weeks later."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import stripe

FREELANCER = "acct_1RelaisFreelancer0"
DAY = 86400
OP = "o1:refund:01"


def refund(world: Any, key: str = "k:0", retries: int = 0, **more: Any) -> stripe.Refund:
    params: Any = {"metadata": {"op": OP}, "reason": "requested_by_customer", **more}
    options: Any = {"idempotency_key": key}
    return world.client(retries=retries).v1.refunds.create(params, options)


def available(world: Any, amount: int = 100_000) -> None:
    """Put enough into the available balance."""
    world.post("/_sandbox/top-ups", {"amount": amount})


def settled_charge(world: Any) -> stripe.Charge:
    """A charge of which the fee is known."""
    charge = world.paid_charge()
    world.later(3)
    return world.client().v1.charges.retrieve(charge.id)


def balance(world: Any) -> int:
    """What is available, in cents."""
    return world.client().v1.balance.retrieve().available[0].amount


def about_refunds(world: Any) -> list[str]:
    """The types of the events that tell of refunds, in the order of their happening."""
    return [kind for kind in world.types() if "refund" in kind]


def test_a_refund_is_drawn_on_the_available_balance_and_leaves_the_fee_with_stripe(world: Any) -> None:
    """Trap 16. The client gets 290 €; the shop, which had received 285.40 €, is short of the fee."""
    charge = settled_charge(world)
    available(world)
    before = world.sandbox.state()["money"]["net_transactions"]["eur"]
    made = refund(world, payment_intent=charge.payment_intent, expand=["balance_transaction"])
    assert (made.status, made.amount, made.currency) == ("succeeded", 29000, "eur")
    assert (made.charge, made.payment_intent) == (charge.id, charge.payment_intent)
    booked: Any = made.balance_transaction
    assert (booked.amount, booked.fee, booked.net, booked.fee_details) == (-29000, 0, -29000, [])
    assert (booked.type, booked.reporting_category, booked.source) == ("refund", "refund", made.id)
    assert booked.status == "available"
    money = world.sandbox.state()["money"]
    assert money["net_transactions"]["eur"] == before - 29000
    assert money["refunds"] == {"eur": {"succeeded": 29000}}
    again = world.client().v1.charges.retrieve(charge.id)
    assert (again.amount_refunded, again.refunded, again.status) == (29000, True, "succeeded")


def test_parts_add_up_to_the_charge_and_never_beyond(world: Any) -> None:
    """More than is left is refused by a message with no code; nothing left has a code of its own."""
    charge = settled_charge(world)
    available(world)
    refund(world, "k:0", charge=charge.id, amount=12000)
    partly = world.client().v1.charges.retrieve(charge.id)
    assert (partly.amount_refunded, partly.refunded) == (12000, False)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(world, "k:1", charge=charge.id, amount=17001)
    assert (refused.value.code, refused.value.param) == (None, "amount")
    assert "(€170.01) is greater than unrefunded amount on charge (€170.00)" in str(refused.value)
    assert refund(world, "k:2", charge=charge.id).amount == 17000, "without an amount: what is left"
    for more in ({}, {"amount": 1}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            refund(world, f"k:3:{len(more)}", payment_intent=charge.payment_intent, **more)
        assert refused.value.code == "charge_already_refunded"
    assert world.sandbox.state()["money"]["refunds"] == {"eur": {"succeeded": 29000}}


def test_a_pending_refund_counts_against_its_charge(world: Any) -> None:
    """Otherwise a client who waits for one refund could be promised another."""
    charge = settled_charge(world)
    assert refund(world, charge=charge.id).status == "pending"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(world, "k:1", charge=charge.id)
    assert refused.value.code == "charge_already_refunded"


def test_16_without_available_money_a_refund_waits_and_has_no_transaction(world: Any) -> None:
    """A client told "refunded" now would see nothing arrive; a KeyError waits in the fields that are absent."""
    charge = settled_charge(world)
    made = refund(world, charge=charge.id)
    assert (made.status, made.pending_reason, made.balance_transaction) == ("pending", "charge_pending", None)
    assert "failure_reason" not in made
    assert "failure_balance_transaction" not in made
    world.later(4 * DAY)
    assert balance(world) == 28540
    made = world.client().v1.refunds.retrieve(made.id)
    assert (made.status, made.pending_reason) == ("pending", "insufficient_funds"), "the fee is missing"
    available(world, 459)
    assert world.client().v1.refunds.retrieve(made.id).status == "pending"
    available(world, 1)
    made = world.client().v1.refunds.retrieve(made.id, {"expand": ["balance_transaction"]})
    assert (made.status, made.balance_transaction.net) == ("succeeded", -29000)
    assert "pending_reason" not in made
    assert balance(world) == 0


def test_16_a_waiting_refund_is_taken_when_another_payment_becomes_available(world: Any) -> None:
    """Nobody has to ask again: time passes, money arrives, the oldest refund is taken first."""
    first, second = settled_charge(world), settled_charge(world)
    early = refund(world, "k:0", charge=first.id)
    late = refund(world, "k:1", charge=second.id)
    world.later(4 * DAY)
    refunds = world.client().v1.refunds
    assert (refunds.retrieve(early.id).status, refunds.retrieve(late.id).status) == ("succeeded", "pending")
    assert refunds.retrieve(late.id).pending_reason == "insufficient_funds"
    assert balance(world) == 2 * 28540 - 29000
    midnight = world.client().v1.balance_transactions.list({"type": "charge"}).data[0].available_on
    booked = world.client().v1.balance_transactions.list({"type": "refund"}).data
    assert [transaction.created for transaction in booked] == [midnight], "taken then, not when somebody looked"


def test_the_events_of_a_refund_come_in_stripe_s_order(world: Any) -> None:
    """And the number for the client's bank comes later: an update is no change of status."""
    charge = settled_charge(world)
    available(world)
    made = refund(world, charge=charge.id, amount=9000)
    assert about_refunds(world) == ["refund.created", "charge.refunded"]
    told = {event["type"]: event for event in world.events()}
    assert told["refund.created"]["data"]["object"]["metadata"] == {"op": OP}
    assert told["refund.created"]["request"]["idempotency_key"] == "k:0"
    assert told["charge.refunded"]["data"]["object"]["amount_refunded"] == 9000
    assert told["charge.refunded"]["data"]["previous_attributes"] == {"amount_refunded": 0}
    assert "refunds" not in told["charge.refunded"]["data"]["object"], "trap 4: not in events either"
    world.later(3)
    assert about_refunds(world)[2:] == ["refund.updated", "charge.refund.updated"]
    [updated] = [event for event in world.events() if event["type"] == "refund.updated"]
    assert list(updated["data"]["previous_attributes"]) == ["destination_details"]
    assert updated["data"]["object"]["id"] == made.id


def test_a_waiting_refund_tells_of_each_change(world: Any) -> None:
    """The first event says pending; only `refund.updated` says that it was taken, and when money came."""
    charge = settled_charge(world)
    refund(world, charge=charge.id)
    world.later(4 * DAY)
    available(world)
    told = [event["data"] for event in world.events() if event["type"] in {"refund.created", "refund.updated"}]
    states = [(data["object"]["status"], data["object"].get("pending_reason")) for data in told]
    assert states == [("pending", "charge_pending"), ("pending", "insufficient_funds"), ("succeeded", None)]
    assert told[2]["previous_attributes"]["status"] == "pending"
    assert told[2]["previous_attributes"]["balance_transaction"] is None


def test_16_a_refund_may_fail_after_it_succeeded_and_a_second_transaction_brings_the_money_back(world: Any) -> None:
    """The debt to the client is open again, and may be refunded anew."""
    charge = settled_charge(world)
    available(world)
    before = balance(world)
    made = refund(world, charge=charge.id)
    world.later(10 * DAY)
    world.post(f"/_sandbox/refunds/{made.id}", {"fail": "lost_or_stolen_card"})
    failed: Any = world.client().v1.refunds.retrieve(made.id, {"expand": ["failure_balance_transaction"]})
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    assert failed.balance_transaction == made.balance_transaction
    back = failed.failure_balance_transaction
    assert (back.type, back.reporting_category, back.net) == ("refund_failure", "refund_failure", 29000)
    assert back.source == made.id
    assert balance(world) == before + 28540, "the charge itself has settled since"
    assert about_refunds(world)[-2:] == ["refund.failed", "charge.refund.updated"]
    charge = world.client().v1.charges.retrieve(charge.id)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert refund(world, "k:1", charge=charge.id).status == "succeeded"


def test_a_refund_that_never_was_taken_fails_without_any_transaction(world: Any) -> None:
    """Booking a return of money that never left would invent money."""
    charge = settled_charge(world)
    made = refund(world, charge=charge.id)
    world.post(f"/_sandbox/refunds/{made.id}", {"fail": "charge_for_pending_refund_disputed"})
    failed = world.client().v1.refunds.retrieve(made.id)
    assert (failed.status, failed.balance_transaction) == ("failed", None)
    assert "failure_balance_transaction" not in failed
    assert "pending_reason" not in failed
    available(world)
    world.later(10 * DAY)
    assert world.client().v1.refunds.retrieve(made.id).status == "failed", "it is not taken later"


def test_money_that_a_failed_refund_brings_back_serves_the_next_in_line(world: Any) -> None:
    """It is available money like any other."""
    charge, other = settled_charge(world), settled_charge(world)
    available(world, 29000)
    made, waiting = refund(world, "k:0", charge=charge.id), refund(world, "k:1", charge=other.id)
    assert waiting.status == "pending"
    world.post(f"/_sandbox/refunds/{made.id}", {"fail": "declined"})
    assert world.client().v1.refunds.retrieve(waiting.id).status == "succeeded"


def test_a_refund_fails_at_the_virtual_instant_asked(world: Any) -> None:
    """Weeks later, in a test that does not wait weeks."""
    charge = settled_charge(world)
    available(world)
    made = refund(world, charge=charge.id)
    world.post(f"/_sandbox/refunds/{made.id}", {"fail": "unknown", "after": 20 * DAY})
    world.later(20 * DAY - 10)
    assert world.client().v1.refunds.retrieve(made.id).status == "succeeded"
    world.later(10)
    assert world.client().v1.refunds.retrieve(made.id).status == "failed"


def test_a_refund_that_failed_tells_of_nothing_more(world: Any) -> None:
    """Neither the bank's reference nor a second failure follows: whoever retries must not be confused by an echo."""
    charge = settled_charge(world)
    available(world)
    made = refund(world, charge=charge.id)
    world.post(f"/_sandbox/refunds/{made.id}", {"fail": "unknown", "after": DAY})
    world.post(f"/_sandbox/refunds/{made.id}", {"fail": "declined"})
    world.later(2 * DAY)
    assert about_refunds(world)[2:] == ["refund.failed", "charge.refund.updated"]
    assert world.client().v1.refunds.retrieve(made.id).failure_reason == "declined"
    with pytest.raises(OSError, match="HTTP Error 400"):
        world.post(f"/_sandbox/refunds/{made.id}", {"fail": "declined"})


@pytest.mark.parametrize("body", [{"fail": "bad_weather"}, {}, {"fail": "unknown", "when": 1}])
def test_a_failure_that_stripe_does_not_know_is_refused(world: Any, body: dict[str, Any]) -> None:
    """A mistyped switch that does nothing makes a test pass for nothing."""
    charge = settled_charge(world)
    made = refund(world, charge=charge.id)
    with pytest.raises(OSError, match="HTTP Error 400") as refused:
        world.post(f"/_sandbox/refunds/{made.id}", body)
    with refused.value:  # type: ignore[attr-defined]
        assert json.loads(refused.value.read())["error"]["message"]  # type: ignore[attr-defined]
    assert world.client().v1.refunds.retrieve(made.id).status == "pending"


def test_15_a_refund_never_touches_transfers(world: Any) -> None:
    """Trap 15. What the freelancer received stays there until somebody asks for it back."""
    charge = settled_charge(world)
    params: Any = {"amount": 13000, "currency": "eur", "destination": FREELANCER, "source_transaction": charge.id}
    sent = world.client().v1.transfers.create(params)
    available(world)
    refund(world, charge=charge.id)
    again = world.client().v1.transfers.retrieve(sent.id)
    assert (again.amount, again.amount_reversed, again.reversed) == (13000, 0, False)
    assert not [kind for kind in world.types() if kind == "transfer.reversed"]


def test_04_a_charge_tells_of_its_refunds_only_when_expanded(world: Any) -> None:
    """Trap 4. An absent list read as "no refund" refunds again."""
    charge = settled_charge(world)
    available(world)
    made = [refund(world, f"k:{number}", charge=charge.id, amount=100).id for number in range(11)]
    assert "refunds" not in world.client().v1.charges.retrieve(charge.id)
    expanded: Any = world.client().v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert [found.id for found in expanded.refunds.data] == made[:0:-1]
    assert expanded.refunds.has_more


def test_10_refunds_are_listed_newest_first_by_payment_charge_and_time(world: Any) -> None:
    """The look-up of a lost refund goes by payment intent and finds the operation in the metadata."""
    available(world)
    first, second = settled_charge(world), settled_charge(world)
    refunds = world.client().v1.refunds
    for number in range(3):
        refund(world, f"a:{number}", payment_intent=first.payment_intent, amount=100, metadata={"op": f"o1:{number}"})
    world.later(600)
    other = refund(world, "b", payment_intent=second.payment_intent)
    found = refunds.list({"payment_intent": first.payment_intent}).data
    assert [one.metadata["op"] for one in found] == ["o1:2", "o1:1", "o1:0"]
    assert [one.id for one in refunds.list({"charge": second.id}).data] == [other.id]
    assert [one.id for one in refunds.list({"created": {"gte": other.created - 300}}).data] == [other.id]
    page = refunds.list({"limit": 2})
    assert page.has_more
    assert [one.id for one in page.auto_paging_iter()] == [other.id, *(one.id for one in found)]
    assert [one.id for one in refunds.list({"ending_before": found[1].id, "limit": 1}).data] == [found[0].id]


def test_07_a_refusal_is_replayed_and_a_validation_error_is_not(world: Any) -> None:
    """Asked again under the same key, "already refunded" stays so even after the refund has failed."""
    charge = settled_charge(world)
    available(world)
    with pytest.raises(stripe.InvalidRequestError) as invalid:
        refund(world, "k:0", charge=charge.id, amount=0)
    assert invalid.value.code == "parameter_invalid_integer"
    made = refund(world, "k:0", charge=charge.id)
    assert refund(world, "k:0", charge=charge.id).id == made.id
    with pytest.raises(stripe.InvalidRequestError):
        refund(world, "k:1", charge=charge.id)
    world.post(f"/_sandbox/refunds/{made.id}", {"fail": "declined"})
    with pytest.raises(stripe.InvalidRequestError) as replayed:
        refund(world, "k:1", charge=charge.id)
    assert replayed.value.headers["idempotent-replayed"] == "true"
    assert refund(world, "k:2", charge=charge.id).status == "succeeded"


def test_08_the_same_key_with_another_amount_is_an_error_of_its_own(world: Any) -> None:
    """Trap 8. Another amount is another refund, never this one again."""
    charge = settled_charge(world)
    refund(world, charge=charge.id, amount=100)
    with pytest.raises(stripe.IdempotencyError):
        refund(world, charge=charge.id, amount=200)


@pytest.mark.parametrize(("kind", "made"), [("lose_answer", 1), ("stored_500_after", 1), ("stored_500_before", 0)])
def test_09_a_lost_answer_says_nothing_about_the_refund(world: Any, kind: str, made: int) -> None:
    """Trap 9. Only the list tells whether the client was refunded."""
    charge = settled_charge(world)
    world.fault(kind, "/v1/refunds")
    with pytest.raises((stripe.APIError, stripe.APIConnectionError)):
        refund(world, charge=charge.id)
    found = world.client().v1.refunds.list({"payment_intent": charge.payment_intent}).data
    assert [one.metadata["op"] for one in found] == [OP] * made


def test_05_metadata_stays_on_the_refund_and_can_be_changed(world: Any) -> None:
    """Trap 5. Nothing comes from the charge and nothing goes there."""
    charge = settled_charge(world)
    made = refund(world, charge=charge.id)
    changed = world.client().v1.refunds.update(made.id, {"metadata": {"op": "", "note": "n"}})
    assert changed.metadata.to_dict() == {"note": "n"}
    assert about_refunds(world)[-2:] == ["refund.updated", "charge.refund.updated"]
    assert world.client().v1.refunds.update(made.id, {"metadata": ""}).metadata.to_dict() == {}
    assert world.client().v1.charges.retrieve(charge.id).metadata.to_dict() == {}


def test_a_card_s_refund_cannot_be_canceled(world: Any) -> None:
    """Only refunds that wait for an action of their receiver can; a person who presses too soon cannot take it back."""
    charge = settled_charge(world)
    made = refund(world, charge=charge.id)
    with pytest.raises(stripe.InvalidRequestError, match="requires_action"):
        world.client().v1.refunds.cancel(made.id)
    assert world.client().v1.refunds.retrieve(made.id).status == "pending"


def test_what_was_never_paid_cannot_be_refunded(world: Any) -> None:
    """A declined card has a charge and an intent, and no money."""
    session = world.session()
    world.pay(session, "4000 0000 0000 0002")
    charge = world.client().v1.charges.list().data[0]
    for more in ({"charge": charge.id}, {"payment_intent": charge.payment_intent}):
        with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge to refund"):
            refund(world, f"k:{list(more)}", **more)


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({}, None, None),
        ({"charge": "ch_none"}, "resource_missing", "charge"),
        ({"payment_intent": "pi_none"}, "resource_missing", "payment_intent"),
        ({"charge": "ch_none", "reason": "regret"}, None, "reason"),
        ({"charge": "ch_none", "colour": "red"}, "parameter_unknown", "colour"),
        ({"charge": "ch_none", "amount": "1.5"}, "parameter_invalid_integer", "amount"),
    ],
)
def test_a_wrong_parameter_of_a_refund_is_named(
    world: Any, params: dict[str, Any], code: str | None, param: str | None
) -> None:
    """A client that invents or mistypes a parameter fails here as it would at Stripe."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.client().v1.refunds.create(params)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)


def test_a_charge_of_another_payment_is_refused(world: Any) -> None:
    """Naming both is allowed when they belong together; else one of the two is a mistake."""
    first, second = settled_charge(world), settled_charge(world)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(world, charge=first.id, payment_intent=second.payment_intent)
    assert refused.value.param == "charge"
    assert refund(world, "k:1", charge=first.id, payment_intent=first.payment_intent).charge == first.id


def test_reversing_a_transfer_along_with_a_refund_is_not_built(world: Any) -> None:
    """501: refund and reversal are two operations here (money C 7)."""
    charge = settled_charge(world)
    with pytest.raises(stripe.APIError, match="reverse_transfer=True"):
        refund(world, charge=charge.id, reverse_transfer=True)
    assert refund(world, charge=charge.id, reverse_transfer=False).amount == 29000


def test_the_key_of_the_act_may_refund_and_the_others_may_only_look(world: Any) -> None:
    """Stripe has one permission for charges and refunds."""
    charge = settled_charge(world)
    params: Any = {"charge": charge.id}
    for key in ("rk_test_open_checkout", "rk_test_enter_order"):
        with pytest.raises(stripe.PermissionError, match="rak_charge_write"):
            world.client(key).v1.refunds.create(params)
    made = world.client("rk_test_run_act").v1.refunds.create(params)
    assert world.client("rk_test_enter_order").v1.refunds.retrieve(made.id).id == made.id
    with pytest.raises(stripe.PermissionError, match="rak_charge_read"):
        world.client("rk_test_open_checkout").v1.refunds.list()


def test_the_overview_tells_of_refunds(world: Any, get: Callable[..., Any]) -> None:
    """Whoever clicks through a cancelled order sees why its money has not moved yet."""
    assert "Nothing was refunded yet." in get(world.sandbox.url + "/").text
    charge = settled_charge(world)
    made = refund(world, charge=charge.id, amount=12345)
    page = get(world.sandbox.url + "/").text
    for word in (made.id, "€123.45", "pending: charge_pending", "requested_by_customer"):
        assert word in page


def test_17_a_disputed_charge_takes_no_refund_and_kills_the_one_that_waits(world: Any) -> None:
    """Trap 17. Refunding beside a dispute would pay the client twice."""
    charge, other = settled_charge(world), settled_charge(world)
    waiting = refund(world, "k:0", charge=charge.id, amount=100)
    spared = refund(world, "k:1", charge=other.id)
    world.post(f"/_sandbox/charges/{charge.id}", {"dispute": {}})
    refunds = world.client().v1.refunds
    assert refunds.retrieve(waiting.id).failure_reason == "charge_for_pending_refund_disputed"
    assert refunds.retrieve(spared.id).status == "pending"
    assert world.client().v1.charges.retrieve(charge.id).disputed
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(world, "k:2", charge=charge.id)
    assert refused.value.code == "charge_disputed"


def test_stripe_s_card_of_which_a_refund_fails_later(world: Any) -> None:
    """It succeeds first: who stops looking then never learns of it."""
    available(world)
    charge = world.paid_charge("4000 0000 0000 5126")
    made = refund(world, charge=charge.id)
    assert made.status == "succeeded"
    world.later(3)
    assert world.client().v1.refunds.retrieve(made.id).status == "failed"
    assert world.sandbox.state()["money"]["refunds"] == {"eur": {"failed": 29000}}
    assert about_refunds(world)[-2:] == ["refund.failed", "charge.refund.updated"]


def test_stripe_s_card_of_which_a_refund_is_pending_first(world: Any) -> None:
    """Pending although there is money enough; money that arrives meanwhile does not hurry it."""
    available(world)
    charge = world.paid_charge("4000 0000 0000 7726")
    made = refund(world, charge=charge.id)
    available(world)
    made = world.client().v1.refunds.retrieve(made.id)
    assert (made.status, made.pending_reason, made.balance_transaction) == ("pending", "processing", None)
    world.later(3)
    assert world.client().v1.refunds.retrieve(made.id).status == "succeeded"
