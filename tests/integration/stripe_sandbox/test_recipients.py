"""Recipients: onboarding, capabilities that come and go, what can be taken back, and the doors that tell of it."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe

FREELANCER = "acct_1RelaisFreelancer0"
DAY = 86400
BACK, AGAIN = "http://127.0.0.1:9/back", "http://127.0.0.1:9/again"


def opened(world: Any, country: str = "fr") -> stripe.v2.core.Account:
    """A freelancer's account that nobody has onboarded yet."""
    return world.client().v2.core.accounts.create(
        {
            "contact_email": "ines@example.org",
            "dashboard": "express",
            "identity": {"country": country, "entity_type": "individual"},
            "configuration": {
                "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
            },
            "include": ["configuration.recipient", "requirements"],
        }
    )


def link(world: Any, account: str) -> stripe.v2.core.AccountLink:
    options = {"refresh_url": AGAIN, "return_url": BACK}
    use_case: Any = {"type": "account_onboarding", "account_onboarding": options}
    return world.client().v2.core.account_links.create({"account": account, "use_case": use_case})


def fill_in(get: Callable[..., Any], url: str, outcome: str = "complete") -> Any:
    form = get(url).text.split('name="form" value="')[1].split('"')[0]
    return get(url, {"form": form, "outcome": outcome})


def status(world: Any, account: str) -> str:
    found = world.client().v2.core.accounts.retrieve(account, {"include": ["configuration.recipient"]})
    return found.configuration.recipient.capabilities.stripe_balance.stripe_transfers.status


def sent(world: Any, amount: int = 13000, account: str = FREELANCER) -> stripe.Transfer:
    """A transfer that its account has available."""
    world.top_up(amount)
    return world.client().v1.transfers.create({"amount": amount, "currency": "eur", "destination": account})


def test_24_an_account_link_works_once_and_for_minutes(world: Any, get: Callable[..., Any]) -> None:
    """Trap 24. A naive client mails the link: a scanner opens it first, and the freelancer finds it dead."""
    account = opened(world)
    first = link(world, account.id)
    assert get(first.url).status == 200, "the scanner"
    reply = get(first.url)
    assert (reply.status, reply.location) == (303, AGAIN)
    late = link(world, account.id)
    world.later(11 * 60)
    assert get(late.url).location == AGAIN
    assert status(world, account.id) == "restricted"


def test_24_coming_back_is_not_being_ready_and_ready_is_not_for_ever(world: Any, get: Callable[..., Any]) -> None:
    """Trap 24. Paying at the return, or at `details_submitted`, or by yesterday's look: three times refused."""
    account = opened(world).id
    assert fill_in(get, link(world, account).url, "later").location == BACK
    assert status(world, account) == "restricted", "somebody came back and had given nothing"
    assert fill_in(get, link(world, account).url).location == BACK
    assert status(world, account) == "pending"
    assert world.client().v1.accounts.retrieve(account).details_submitted
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sent(world, account=account)
    assert refused.value.code == "insufficient_capabilities_for_transfer"
    world.later(6)
    assert status(world, account) == "active"
    assert sent(world, account=account).amount == 13000
    world.post("/_sandbox/accounts", {"id": account, "stripe_transfers": "restricted"})
    with pytest.raises(stripe.InvalidRequestError):
        sent(world, account=account)


def test_a_restricted_payout_does_not_block_a_transfer(world: Any) -> None:
    """It is told to the freelancer and to the seller, and the transfer goes on (design: money A 8)."""
    world.post("/_sandbox/accounts", {"id": FREELANCER, "payouts": "restricted"})
    assert sent(world).amount == 13000


def test_an_account_out_of_reach_is_never_payable(world: Any) -> None:
    """An EEA platform reaches EEA, UK, CH, US and CA; others get a bank transfer (design: money A 8)."""
    assert status(world, opened(world, "br").id) == "unsupported"
    assert status(world, opened(world, "ca").id) == "restricted"


def test_23_what_happens_at_an_account_comes_through_another_door(world: Any) -> None:
    """Trap 23. With the platform's secret the signature is wrong; without `account` nobody knows whose it is."""
    world.post("/_sandbox/accounts", {"id": FREELANCER, "payouts": "restricted"})
    [told] = world.events("connected")
    assert (told["type"], told["account"]) == ("account.updated", FREELANCER)
    assert told["data"]["object"]["payouts_enabled"] is False
    url, headers, body = next(one for one in world.delivered if one[0].endswith("/connected"))
    assert urlsplit(url).path == "/connected"
    naive = "whsec_test"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], naive)
    assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_connected").account == FREELANCER
    assert world.client().v1.events.list().data == [], "the platform's own list does not have it"


def test_23_a_thin_event_carries_no_object(world: Any) -> None:
    """Trap 23. `data.object` of a thin event is a KeyError; what changed is fetched."""
    world.post("/_sandbox/accounts", {"id": FREELANCER, "stripe_transfers": "restricted"})
    assert len(world.types("thin")) == 2
    _, headers, body = next(one for one in world.delivered if one[0].endswith("/thin"))
    thin = json.loads(body)
    assert "data" not in thin
    note: Any = world.client().parse_event_notification(body, headers["Stripe-Signature"], "whsec_thin")
    assert note.type == "v2.core.account[configuration.recipient].capability_status_updated"
    assert note.related_object.id == FREELANCER
    fetched = note.fetch_event()
    assert fetched.data.updated_capability == "stripe_balance.stripe_transfers"
    assert note.fetch_related_object().id == FREELANCER
    assert world.client().v2.core.events.list({"object_id": FREELANCER}).data[0].id


def test_15_a_reversal_above_what_the_account_has_is_refused_whole(world: Any) -> None:
    """Trap 15. A naive client takes the refusal for "already done", or the transfer for being back with the refund."""
    transfer = sent(world)
    world.post(f"/_sandbox/accounts/{FREELANCER}/payouts", {})
    reverse = world.client().v1.transfers.reversals.create
    with pytest.raises(stripe.InvalidRequestError) as refused:
        reverse(transfer.id, {"amount": 1})
    assert refused.value.code == "balance_insufficient"
    sent(world, 5000)
    balance = world.client().v1.balance.retrieve({}, {"stripe_account": FREELANCER})
    assert balance.available[0].amount == 5000
    with pytest.raises(stripe.InvalidRequestError):
        reverse(transfer.id, {"amount": 5001})
    assert world.client().v1.transfers.retrieve(transfer.id).amount_reversed == 0
    assert reverse(transfer.id, {"amount": 5000}).amount == 5000


def test_14_a_partial_reversal_is_told_as_transfer_reversed_with_reversed_false(world: Any) -> None:
    """Trap 14. Who reads the type alone books the whole transfer back."""
    transfer = sent(world)
    before = world.sandbox.state()["money"]["net_transactions"]["eur"]
    made = world.client().v1.transfers.reversals.create(
        transfer.id, {"amount": 4000, "metadata": {"op": "o1:reverse:01:1"}, "expand": ["balance_transaction"]}
    )
    booked: Any = made.balance_transaction
    assert (booked.type, booked.reporting_category, booked.net) == ("transfer_refund", "transfer_reversal", 4000)
    [told] = [event["data"] for event in world.events() if event["type"] == "transfer.reversed"]
    assert (told["object"]["reversed"], told["object"]["amount_reversed"]) == (False, 4000)
    assert world.sandbox.state()["money"]["net_transactions"]["eur"] == before + 4000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.client().v1.transfers.reversals.create(transfer.id, {"amount": 9001})
    assert refused.value.param == "amount"
    world.client().v1.transfers.reversals.create(transfer.id)
    assert world.client().v1.transfers.retrieve(transfer.id).reversed
    with pytest.raises(stripe.InvalidRequestError, match="already fully reversed"):
        world.client().v1.transfers.reversals.create(transfer.id)
    found = world.client().v1.transfers.reversals.list(transfer.id).data
    assert [one.amount for one in found] == [9000, 4000]


def test_a_freelancer_s_payout_that_fails_puts_the_money_back(world: Any) -> None:
    """Told through the connected door, to the freelancer and to the seller."""
    sent(world)
    world.post(f"/_sandbox/accounts/{FREELANCER}/payouts", {"fail": "account_closed"})
    assert world.sandbox.state()["money"]["recipients"][FREELANCER]["eur"]["available"] == 0
    world.later(3 * DAY)
    assert world.types("connected") == ["payout.created", "payout.failed"]
    assert world.sandbox.state()["money"]["recipients"][FREELANCER]["eur"]["available"] == 13000


def test_13_a_transfer_group_is_set_once(world: Any) -> None:
    """Trap 13. In subscription mode the order is written on the charge afterwards: a second try is refused."""
    charge = world.paid_charge(payment_intent_data={})
    charges = world.client().v1.charges
    assert charges.update(charge.id, {"transfer_group": "o1"}).transfer_group == "o1"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        charges.update(charge.id, {"transfer_group": "o2"})
    assert refused.value.param == "transfer_group"
