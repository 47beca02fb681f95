"""Whoever is to be paid opens an account when first needed; pay waits for it, visibly, and never for ever unseen.

Design: money A 8, people 5b (onboarding), decision 0018.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from devstack.simulation.world import INES, PUBLIC_URL, WEBHOOK_SECRET, World, catalogue, world_in_memory
from devstack.stripe_sandbox.accounts import Seed, seed
from devstack.stripe_sandbox.faults import Fault, FaultKind
from devstack.stripe_sandbox.webhooks import signature
from devstack.stripe_sandbox.wire import Request as StripeRequest
from relais.act import ActState
from relais.gate import Gate, Kind, Status, Via
from relais.metrics import Metric
from relais.recipient import Need, Readiness
from relais.roster import Standing
from relais.steps.by_hand import paid_by_bank
from relais.steps.catalog import apply
from relais.steps.roster import By, set_standing
from tests.support.journey import Journey
from tests.workflow.onboardings import KEY, fill_in, maker, onboard, page_of, press, recipient, without_account
from tests.workflow.scenarios import SELLER, assert_completed

MAKER = "ines@moreau-graphisme.example"
HOOK = f"{PUBLIC_URL}/hooks/stripe/accounts"


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def capability(world: World, status: str, **more: Any) -> None:
    """Stripe changes its mind about Inès."""
    seed(world.sandbox.platform, Seed(INES, stripe_transfers=status, payouts=more.pop("payouts", status), **more))
    world.settle()


def subjects(world: World, to: str, since: int = 0) -> list[str]:
    return [mail.subject for mail in world.mails[since:] if mail.to == to]


def onboarding(journey: Journey) -> list[Gate]:
    return [gate for gate in journey.gates if gate.id.kind is Kind.ONBOARDING]


def to_waiting(world: World) -> Journey:
    """Accepted, held, and not payable."""
    without_account(world)
    journey = Journey(world).to_hold()
    world.pass_time(days=4)
    assert journey.stage == "payout"
    return journey


# When first needed --------------------------------------------------------------------------------------------------


def test_who_accepts_without_an_account_is_asked_to_open_one_and_who_has_one_is_not(world: World) -> None:
    """Asked before a yes it would be an imposition, asked at the payout it is too late."""
    Journey(world).to_work()
    assert [one for one in subjects(world, MAKER) if "compte" in one] == []
    without_account(world)
    Journey(world).to_work()
    world.pass_time(minutes=3)
    (asked,) = [mail for mail in world.mails if mail.to == MAKER and "ouvrez votre compte" in mail.subject]
    assert asked.links[0] == page_of(world)
    before = len(world.mails)
    Journey(world).to_assign()
    assert [one for one in subjects(world, MAKER, before) if "ouvrez votre compte" in one] == []


def test_who_is_approved_without_an_account_is_asked_too(world: World) -> None:
    """An approval says that work will come; the seller's own hands and those out of reach are asked for nothing."""
    by = By("seller", Via.COMMAND, "welcome")
    set_standing(world.ports, "leo-garnier", Standing.APPROVED, by)
    world.pass_time(minutes=3)
    assert any("ouvrez votre compte" in one for one in subjects(world, "leo@garnier-social.example"))
    without_account(world, standing=Standing.CANDIDATE, country="BR")
    before = len(world.mails)
    set_standing(world.ports, KEY, Standing.APPROVED, by)
    world.pass_time(minutes=3)
    assert [one for one in subjects(world, MAKER, before) if "compte" in one] == []
    assert recipient(world).readiness is Readiness.OUT_OF_REACH
    assert "virement" in world.get(page_of(world)).text


# The page -----------------------------------------------------------------------------------------------------------


def test_a_look_at_the_page_asks_nobody_and_changes_nothing(world: World) -> None:
    """Promise 4: scanners open the link of every mail; only a press mints an address at Stripe."""
    without_account(world)
    rows, calls = world.rows(), len(world.stripe_calls)
    for path in ("", "?back=1", "?again=1", "?lang=en"):
        assert world.get(page_of(world) + path).status == 200
        assert world.http("HEAD", page_of(world) + path).status == 200
    assert (world.rows(), len(world.stripe_calls)) == (rows, calls)


def test_a_form_that_is_sent_without_pressing_anything_opens_nothing(world: World) -> None:
    """A scanner that submits forms has pressed no button."""
    without_account(world)
    form = world.get(page_of(world)).form("choice")
    calls = len(world.stripe_calls)
    fields = {name: value for name, value in form.fields.items() if name != "choice"}
    assert world.post(form.action, fields).status == 422
    assert world.post(form.action, fields | {"choice": "open", "nonce": "x"}).status == 422
    assert world.post(form.action, fields | {"choice": "open", "amount": "1"}).status == 400
    assert world.post(form.action, fields | {"choice": "open"}, sec_fetch_site="cross-site").status == 403
    assert world.post(form.action.replace("/pay", "x/pay"), fields | {"choice": "open"}).status == 404
    assert len(world.stripe_calls) == calls


def test_each_press_mints_a_fresh_link_of_one_account(world: World) -> None:
    """Stripe's links die in minutes and at first use; ours does not, and never makes a second account."""
    without_account(world)
    first, second = press(world), press(world)
    assert (first.status, second.status) == (303, 303)
    assert first.location != second.location
    accounts = {account["id"] for account in world.sandbox.state()["objects"]["v2.core.account"]}
    assert len(accounts) == 4  # those of the sample shop, and hers
    assert recipient(world).account in accounts


def test_an_expired_form_leads_back_to_our_page_which_opens_another(world: World) -> None:
    """The mail may lie for weeks: whoever opens Stripe's address too late is told so, and goes on from there."""
    without_account(world)
    stale = press(world).location
    world.move_to(world.now() + timedelta(hours=2))
    answer = world.sandbox.respond(StripeRequest("GET", urlsplit(stale).path, "", {}, b""))
    again = dict(answer.headers)["Location"]  # type: ignore[union-attr]
    assert again == page_of(world) + "?again=1"
    page = world.get(again)
    assert "ne marchait plus" in page.text
    assert world.send(page.form("choice"), choice="open").status == 303


def test_coming_back_says_what_is_known_and_a_press_asks_stripe(world: World) -> None:
    """Return says that somebody left the form, not that it is complete: the page shows the state, in both languages."""
    without_account(world)
    back = fill_in(world, press(world).location, "later")
    assert back == page_of(world) + "?back=1"
    assert "Il manque encore quelque chose" in world.get(back).text
    assert "Something is still missing" in world.get(back + "&lang=en").text
    fill_in(world, press(world).location)
    assert "Stripe vérifie" in world.get(page_of(world)).text
    world.sandbox.platform.outbox.switches.drop = True
    world.move_to(world.now() + timedelta(minutes=1))
    world.settle()
    assert recipient(world).readiness is Readiness.CHECKING
    assert press(world, "look").status == 303
    assert "Tout est prêt" in world.get(page_of(world)).text


def test_what_is_missing_and_until_when_is_said_in_plain_words(world: World) -> None:
    """“individual.verification.document” helps nobody."""
    Journey(world).to_work()
    by = world.now() + timedelta(days=20)
    capability(world, "active", needs=("identity.individual.documents.primary_verification",), deadline=by.timestamp())
    assert (recipient(world).needs, recipient(world).readiness) == ((Need.DOCUMENT,), Readiness.READY)
    page = world.get(page_of(world))
    assert "pièce d’identité" in page.text
    assert "dimanche 13 décembre" in page.text
    world.pass_time(minutes=3)
    (told,) = [mail for mail in world.mails if "Stripe vous demande" in mail.subject]
    assert "dimanche 13 décembre" in told.subject
    assert "pièce d’identité" in told.body


def test_a_silent_stripe_is_said_so_and_nothing_is_lost(world: World) -> None:
    """An outage at Stripe is no error page."""
    without_account(world)
    world.sandbox.faults.add(Fault(FaultKind.REFUSE_500, "POST", "/v2/core/accounts"))
    page = press(world)
    assert page.status == 422
    assert "Stripe ne répond pas" in page.text
    assert press(world).status == 303


# Pay waits ----------------------------------------------------------------------------------------------------------


def test_pay_waits_for_an_account_and_leaves_by_itself(world: World) -> None:
    """Onboarded late: the maker is told with the link, the seller too, and nobody has to press anything afterwards."""
    before = len(world.mails)
    journey = to_waiting(world)
    assert world.transfers() == []
    (asked,) = onboarding(journey)
    assert (asked.role.value, asked.owner, asked.status) == ("freelancer", KEY, Status.OPEN)
    assert [one for one in subjects(world, MAKER, before) if "130\u00a0€ vous attendent" in one]
    assert [one for one in subjects(world, SELLER, before) if "ne peut pas encore être payé" in one]
    letter = next(mail for mail in world.mails if "vous attendent" in mail.subject)
    assert letter.links[0] == page_of(world)
    onboard(world)
    assert_completed(journey)
    (gone,) = onboarding(journey)
    assert gone.status is Status.WITHDRAWN
    assert recipient(world).waits == ()
    assert [one["destination"] for one in world.transfers()] == [recipient(world).account]


def test_an_account_that_lost_its_capability_is_found_at_the_moment_of_paying(world: World) -> None:
    """Trap 24: what was active at acceptance may be restricted at the payout, and the event may have been lost."""
    journey = Journey(world).to_hold()
    world.sandbox.platform.outbox.switches.drop = True
    capability(world, "restricted")
    world.pass_time(days=4)
    assert (journey.stage, world.transfers()) == ("payout", [])
    assert recipient(world).readiness is Readiness.STARTED
    world.sandbox.platform.outbox.switches.drop = False
    capability(world, "active")
    assert_completed(journey)


def test_a_lost_event_delays_pay_by_a_working_day_at_most(world: World) -> None:
    """Nothing depends on a webhook alone: the payout asks again each working day."""
    journey = Journey(world).to_hold()
    capability(world, "restricted")
    world.pass_time(days=4)
    world.sandbox.platform.outbox.switches.drop = True
    capability(world, "active")
    assert journey.stage == "payout"
    world.pass_time(days=3)
    assert_completed(journey)


def test_an_answer_that_was_lost_is_asked_for_again_however_the_account_stands_by_now(world: World) -> None:
    """The transfer may have arrived: refusing it because the account was restricted since would pay twice."""
    journey = Journey(world).to_hold()
    world.sandbox.faults.add(Fault(FaultKind.LOSE_ANSWER, "POST", "/v1/transfers"))
    while not (acts := [row for row in world.rows(f"O#{journey.id}") if row["sk"].startswith("A#")]):
        world.go_to(world.next_due() or world.now())
    assert [act["state"] for act in acts] == ["sending"]
    capability(world, "restricted")
    world.pass_time(hours=1)
    (act,) = [row for row in world.rows(f"O#{journey.id}") if row["sk"].startswith("A#")]
    assert (act["state"], act["generation"]) == (ActState.DONE.value, 0)
    assert len(world.transfers()) == 1
    assert_completed(journey)


def test_reminders_then_the_seller_then_the_alarm_and_never_more_than_one_a_week(world: World) -> None:
    """People 5b: d1, d3, d6, then the seller, who may pay by bank; an alarm ten days before the legal end."""
    journey = to_waiting(world)
    (asked,) = onboarding(journey)
    start, before = asked.opened, len(world.mails)
    world.go_to(start + timedelta(days=6, hours=20))
    reminded = [one for one in subjects(world, MAKER) if "Rappel" in one and "compte" in one]
    assert len(reminded) == len(set(asked.reminders)) >= 2  # her days off let two of the three meet
    world.go_to(start + timedelta(days=9))
    assert len([one for one in subjects(world, SELLER, before) if "ne peut pas encore" in one]) == 1
    assert "relais order pay-by-bank" in next(m.body for m in world.mails[before:] if m.to == SELLER)
    counted = count_of(world, Metric.PAY_OVERDUE)
    assert counted() == 0
    world.go_to(start + timedelta(days=21))
    assert counted() >= 1
    told = len(subjects(world, SELLER, before))
    world.go_to(start + timedelta(days=49))
    assert told + 3 <= len(subjects(world, SELLER, before)) <= told + 5
    assert journey.stage == "payout"


def count_of(world: World, metric: Metric) -> Any:
    """How often a metric is counted from now on."""
    seen: list[int] = []
    usual = world.ports.count

    def count(name: Metric, value: int = 1) -> None:
        seen.append(value if name is metric else 0)
        usual(name, value)

    world.ports.count = count  # type: ignore[method-assign]
    return lambda: sum(seen)


def test_the_sellers_bank_transfer_ends_the_wait(world: World) -> None:
    """The way out where nobody onboards: recorded, and the order goes on as if Stripe had paid."""
    journey = to_waiting(world)
    paid_by_bank(world.ports, journey.id, reference="SEPA 4711")
    world.settle()
    world.pass_time(minutes=3)
    assert journey.order.stage.value == "completed"
    assert [gate.status for gate in onboarding(journey)] == [Status.WITHDRAWN]
    assert world.transfers() == []
    assert recipient(world).waits == ()
    onboard(world)
    world.pass_time(days=2)
    assert world.transfers() == []


def test_money_nobody_claims_stays_owed(world: World) -> None:
    """It is never income by itself: after months the payable, the wait and the cover still say so."""
    journey = to_waiting(world)
    world.pass_time(days=200)
    assert (journey.stage, journey.milestone.in_transit) == ("payout", 130_00)
    assert journey.order.is_open
    (asked,) = onboarding(journey)
    assert asked.status is Status.OPEN


def test_applying_the_catalogue_leaves_an_account_that_was_opened_here(world: World) -> None:
    """The file knows nothing of it, and may not take it away."""
    without_account(world)
    onboard(world)
    account = recipient(world).account
    apply(world.ports.store, catalogue(), world.now())
    assert maker(world).stripe_account == INES
    assert (recipient(world).account, recipient(world).ready) == (account, True)


# Events -------------------------------------------------------------------------------------------------------------


def told(world: World, **changed: Any) -> bytes:
    event = {
        "id": "evt_1",
        "type": "v2.core.account[requirements].updated",
        "livemode": False,
        "related_object": {"id": INES, "type": "v2.core.account"},
    }
    return json.dumps(event | changed).encode()


def test_the_door_of_accounts_takes_only_what_stripe_signed(world: World) -> None:
    """Design: money A 12. What is not signed is refused, what is not ours has no effect, a 400 only to the forged."""
    wall = int(world.wall().timestamp())

    def sent(body: bytes, secret: str = WEBHOOK_SECRET, at: int = wall) -> tuple[int, str]:
        signed = {"content-type": "application/json", "stripe-signature": signature(body, secret, at)}
        page = world.http("POST", HOOK, body, signed)
        return page.status, page.body

    assert sent(told(world))[1] == '{"received": "looked_at"}'
    assert sent(told(world), "whsec_other")[0] == 400
    assert sent(told(world), at=wall - 301)[0] == 400
    assert sent(b"[]")[0] == 400
    assert sent(told(world)[:-5])[0] == 400
    for changed, outcome in (
        ({"livemode": True}, "wrong_mode"),
        ({"related_object": {"id": "acct_stranger"}}, "unknown_account"),
        ({"related_object": None}, "unknown"),
        ({"type": "v2.core.health.api_error.firing"}, "unknown"),
    ):
        assert sent(told(world, **changed)) == (200, f'{{"received": "{outcome}"}}')


def test_the_same_event_sixteen_times_tells_once(world: World) -> None:
    """An event is a hint to look; what is told follows from what has changed."""
    capability(world, "restricted")
    world.pass_time(minutes=3)
    before = len(world.mails)
    for _ in range(16):
        world.ports.background.look_at(KEY)
    world.settle()
    world.pass_time(minutes=3)
    assert world.mails[before:] == []


def test_who_is_no_longer_payable_and_the_seller_are_told_at_once(world: World) -> None:
    """Requirements are told early, not when money already waits."""
    before = len(world.mails)
    capability(world, "restricted")
    world.pass_time(minutes=3)
    assert any("Stripe vous demande" in one for one in subjects(world, MAKER, before))
    assert any("Inès Moreau" in one for one in subjects(world, SELLER, before))
    before = len(world.mails)
    capability(world, "active")
    world.pass_time(minutes=3)
    assert subjects(world, MAKER, before) == ["C’est prêt\u00a0: Atelier Mistral peut vous payer"]


def test_a_bank_that_is_not_paid_out_to_blocks_no_transfer_and_is_told(world: World) -> None:
    """Money A 8: a restricted payout doesn't block the transfer, but freelancer and seller are told."""
    journey = Journey(world).to_hold()
    before = len(world.mails)
    capability(world, "active", payouts="restricted")
    world.pass_time(minutes=3)
    assert any("banque" in one for one in subjects(world, MAKER, before))
    assert any("banque" in one for one in subjects(world, SELLER, before))
    world.pass_time(days=4)
    assert_completed(journey)


def test_an_account_that_stripe_closed_is_told_with_the_way_out(world: World) -> None:
    """Only Stripe can say why; the pay is made by bank."""
    capability(world, "rejected")
    world.pass_time(minutes=3)
    assert recipient(world).readiness is Readiness.CLOSED
    assert "IBAN" in next(mail.body for mail in world.mails if mail.subject == "Stripe ne peut pas vous payer")
    assert "form" not in world.get(page_of(world)).text.lower() or world.get(page_of(world)).forms == []
