"""Orders under the shipped roles: nothing that they need is refused, and nothing is granted that nobody needs.

The functions run with the grants read from the synthesized templates (`tests/support/permits.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from devstack.simulation.calls import Context
from devstack.simulation.world import PUBLIC_URL, World
from devstack.stripe_sandbox.disputes import open_dispute
from devstack.stripe_sandbox.wire import Request as StripeRequest
from relais.gate import Kind, Status
from relais.metrics import Metric
from relais.offer import RefundCause
from relais.rows import bounce_key
from relais.steps import interrupt
from relais.steps.clock import RESERVE_MS
from tests.infra.reading import Stack
from tests.support.journey import CONSENT, Journey
from tests.support.permits import Deployed, Grant, Guard, Use, guarded_world
from tests.support.unplayed import BY_THE_RUNTIME, UNPLAYED
from tests.workflow import cascades, late, leaving, onboardings, raises, reassignments, settlements, several, ways_out  # noqa: F401 - add theirs to the scenarios
from tests.workflow.scenarios import A_SECOND, SCENARIOS, finish, told_seller
from tests.workflow.test_digest import digesting, review_of
from tests.workflow.test_messages import message_of, pass_on, write

Play = Callable[[World], object]


@pytest.fixture(scope="session")
def deployed(service: Stack, data: Stack) -> Deployed:
    """The roles as they ship."""
    return Deployed(service.template, data.template)


# Ways that no scenario goes, each for one grant -----------------------------------------------------------------------


def unsaved_brief(world: World) -> None:
    """A brief of which nothing was saved is shown empty."""
    journey = Journey(world).to_brief()
    assert world.get(journey.page).status == 200


def checkout_of_an_old_page(world: World) -> None:
    """The order button of a page that stood open for a day, of orders wherever they are."""
    for reach in (Journey.to_brief, Journey.to_review, Journey.to_hold):
        journey = reach(Journey(world))
        page = world.post(f"{journey.page}/checkout", {"nonce": "old"})
        assert page.status == 422


def _disputed(world: World) -> Journey:
    journey = Journey(world).to_acceptance()
    open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", journey.order.charge or ""))
    world.settle()
    world.pass_time(minutes=3)
    return journey


def dispute_answered(world: World) -> None:
    """A bank takes a payment back, and is sent the evidence with the seller's words."""
    journey = _disputed(world)
    journey.answer("dispute", "send", "Delivered, see below.")
    world.pass_time(minutes=5)
    (found,) = world.sandbox.platform.newest_first("dispute")
    assert found["status"] == "under_review"


def dispute_without_texts(world: World) -> None:
    """Evidence is sent of what is left, where a text was removed."""
    journey = _disputed(world)
    world.clouds.files.objects.clear()
    journey.answer("dispute", "send")
    world.pass_time(minutes=5)
    (found,) = world.sandbox.platform.newest_first("dispute")
    assert found["status"] == "under_review"


def called_back_at_openings(world: World) -> None:
    """An order is cancelled in the instant in which its gate opens."""
    for name, reach, act in (
        ("open-proposal", Journey.to_brief, Journey.hand_in_brief),
        ("open-gate", Journey.to_work, Journey.deliver),
    ):
        journey = reach(Journey(world))

        def cancel(called: str, _event: Any, name: str = name, journey: Journey = journey) -> None:
            if called == name and not journey.order.interrupt_seq:
                ports, why = world.ports, RefundCause.BRIEF_NOT_MET
                with patch.object(interrupt, "sweep"):
                    interrupt.cancel(ports, journey.id, by="seller", cause=why, reason="une bonne raison")

        world.engine.breakers.append(cancel)
        act(journey)
        world.engine.breakers.remove(cancel)
        assert any(gate.decision and gate.decision.choice.value == "cancelled" for gate in journey.gates)


def texts_removed(world: World) -> None:
    """What people wrote was removed by hand: mails and pages do without."""
    journey = Journey(world).to_brief()
    world.engine.breakers.append(lambda _name, _event: _forget(world))
    journey.hand_in_brief()
    gate = journey.open_gate
    assert gate.deadline is not None
    world.go_to(gate.deadline - timedelta(hours=1))
    journey.answer("proposal", "accepted")
    assert journey.open_gate.mailed
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline - A_SECOND)
    assert journey.stage == "work"


def _forget(world: World) -> None:
    objects = world.ports.files.objects  # type: ignore[attr-defined]
    for key in [key for key in objects if key.startswith("texts/")]:
        del objects[key]


def later_versions_unreviewed(world: World) -> None:
    """An offer that reviews the first version only."""
    journey = Journey(world).to_acceptance()
    journey.answer("acceptance", "revise", "Un vert plus clair.")
    with patch("relais.steps.gates._answers_itself", lambda _, gate: gate.id.kind is Kind.REVIEW):
        journey.deliver(b"\x89PNG logo 2")
    assert journey.stage == "acceptance"


def address_corrected(world: World) -> None:
    """The client's mail went to a wrong address."""
    journey = Journey(world).to_brief()
    since = len(world.mails)
    form = world.get(journey.page).form("address")
    assert world.send(form, address="marie@new.example", action="address").status == 303
    assert [mail.to for mail in world.mails[since:]] == ["marie@new.example"]


def mail_bounced(world: World) -> None:
    """The client's mailbox is gone."""
    journey = Journey(world).to_brief()
    world.engine.call("record-bounce", came_back(journey))
    assert world.ports.store.get(bounce_key(str(journey.order.client_email))) is not None


def came_back(journey: Journey) -> dict[str, Any]:
    """What the rule on SES' events delivers for the mail of an order's open gate."""
    to = str(journey.order.client_email)
    return {
        "detail": {
            "eventType": "Bounce",
            "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": to}]},
            "mail": {"destination": [to], "tags": {"order": [journey.id], "gate": [str(journey.open_gate.id)]}},
        }
    }


def files_never_sent(world: World) -> None:
    """A form names a file whose upload never arrived: the page says so."""
    journey = Journey(world).to_work()
    form = journey.form("work")
    key = f"files/{journey.id}/{journey.open_gate.id}/000000000000-logo.png"
    assert world.send(form, choice="deliver", note="", file=[key]).status == 422
    assert journey.stage == "work"


def handed_over(world: World) -> None:
    """A tick that runs out of time has itself called again with what remains."""
    journey = Journey(world).to_acceptance()
    gate = journey.open_gate
    assert gate.deadline is not None
    world.go_to(gate.deadline)
    world.move_to(world.now() + timedelta(minutes=11))
    with patch.object(Context, "get_remaining_time_in_millis", side_effect=[RESERVE_MS + 1, 0] + 40 * [60_000]):
        world.tick()
    assert journey.stage == "hold"


def webhooks_lost(world: World) -> None:
    """No webhook arrives: Stripe's book is read instead, and the seller hears of what nobody here asked for."""
    world.sandbox.platform.outbox.switches.drop = True
    journey = Journey(world)
    journey.draft()
    journey.pay()
    world.engine.call("reconcile", {})
    world.settle()
    assert journey.stage == "brief"
    oddity = b'{"type": "contribution", "amount": -500}'
    world.sandbox.respond(StripeRequest("POST", "/_sandbox/transactions", "", {}, oddity))
    world.pass_time(hours=3)
    since = len(world.mails)
    world.engine.call("reconcile", {})
    assert told_seller(world, since)


def digest_of_decisions(world: World) -> None:
    """The seller hears of what has time in a mail that lists all of it."""
    digesting(world)
    journey = Journey(world).to_review()
    world.pass_time(days=1)
    assert review_of(journey).mailed
    finish(journey)


def messages_written(world: World) -> None:
    """The client writes with a file, the seller passes it on."""
    journey = Journey(world).to_work()
    write(journey, files={"camion.png": b"\x89PNG"})
    pass_on(journey, message_of(journey), sure="yes")
    finish(journey)


PLAYS: dict[str, Play] = SCENARIOS | {
    play.__name__: play
    for play in (
        dispute_answered,
        dispute_without_texts,
        unsaved_brief,
        checkout_of_an_old_page,
        called_back_at_openings,
        texts_removed,
        later_versions_unreviewed,
        address_corrected,
        files_never_sent,
        handed_over,
        mail_bounced,
        webhooks_lost,
        digest_of_decisions,
        messages_written,
    )
}


@cache
def played(deployed: Deployed, name: str) -> frozenset[Use]:
    """What the functions did in a play; fails where they were refused anything."""
    with guarded_world(deployed) as (world, guard):
        PLAYS[name](world)
    assert guard.refused == set()
    return frozenset(guard.used)


@pytest.mark.parametrize("name", PLAYS)
def test_no_way_that_an_order_goes_needs_more_than_is_granted(deployed: Deployed, name: str) -> None:
    """A step that begins to ask for more fails here, not in production."""
    assert played(deployed, name)


def test_every_grant_is_used_by_some_order_or_by_aws_itself(deployed: Deployed) -> None:
    """What nobody uses is not granted: a leaked role can do no more than orders need."""
    uses = frozenset[Use]().union(*(played(deployed, name) for name in PLAYS))
    left = {one for one in deployed.grants if not any(one.covers(use) for use in uses)}
    by_aws = {(one.function, action) for one in UNPLAYED if one.play is None for action in one.actions}
    unexplained = {one for one in left if not one.action.startswith(BY_THE_RUNTIME)}
    assert {one[:2] for one in unexplained} == by_aws


@pytest.mark.parametrize("one", [one for one in UNPLAYED if one.play], ids=lambda one: f"{one.function}-{one.play}")
def test_what_the_demo_does_not_use_is_used_as_the_list_says(deployed: Deployed, one: Any) -> None:
    """Each reason on the list names the way of an order that needs the grant: it is seen to."""
    found = {use.action for use in played(deployed, one.play) if use.function == one.function}
    assert one.actions <= found
    assert one.actions <= {grant.action for grant in deployed.grants if grant.function == one.function}


# One grant less -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loss:
    """The grant whose loss hurts a function most, until when it is there, and what is seen once it is gone."""

    function: str
    action: str
    seen: Callable[[Lost], None]
    about: str = ""
    """A part of the resource, where the function is allowed the action on several."""

    def takes(self, grant: Grant) -> bool:
        """Whether this is the grant that is lost."""
        return grant[:2] == (self.function, self.action) and self.about in grant.resource


@dataclass
class Lost:
    """A world in which a grant can be lost, and given back."""

    world: World
    guard: Guard
    gone: bool = False

    def lose(self) -> None:
        """From now on it is refused."""
        self.gone = True

    def mend(self) -> None:
        """Somebody has granted it and deployed."""
        self.gone = False

    def alarms(self, metric: Metric) -> bool:
        """Whether the functions counted what an alarm watches."""
        return self.guard.counts[metric] > 0


def goes_on_when_pressed_again(lost: Lost) -> None:
    """Pages: the visitor is told, the order is untouched, and the same link works once it is mended."""
    journey = Journey(lost.world).to_brief()
    lost.lose()
    assert lost.world.get(journey.page).status == 503
    assert journey.stage == "brief"
    assert lost.alarms(Metric.PAGE_TROUBLE)
    lost.mend()
    journey.hand_in_brief()
    assert journey.stage == "assign"


def nobody_pays_for_nothing(lost: Lost) -> None:
    """The order button: told before any money moves; pressing again leads to the checkout."""
    lost.lose()
    page = lost.world.get(f"{PUBLIC_URL}/offer/logo?lang=fr")
    assert lost.world.send(page.form("client_kind"), **CONSENT).status == 503
    assert lost.alarms(Metric.PAGE_TROUBLE)
    lost.mend()
    assert Journey(lost.world).to_brief().stage == "brief"


def delivered_again(lost: Lost) -> None:
    """The webhook: Stripe hears an error, and delivers the payment until it is taken."""
    journey = Journey(lost.world)
    journey.draft()
    lost.lose()
    assert lost.world.pay_page(journey.pay_url).status == 303
    lost.world.settle()
    assert journey.stage == "draft"
    assert any(call.startswith("receive-stripe-event") for call in lost.world.engine.calls)
    lost.mend()
    lost.world.pass_time(hours=4)
    assert journey.stage == "brief"


def asked_again_each_working_day(lost: Lost) -> None:
    """The door of accounts: nobody hears that one is ready; the payout that waits asks each working day."""
    onboardings.without_account(lost.world)
    journey = Journey(lost.world).to_hold()
    lost.world.pass_time(days=4)
    lost.lose()
    onboardings.onboard(lost.world)
    assert journey.stage == "payout"
    lost.world.pass_time(days=4)
    assert journey.order.stage.value == "completed"


def pressed_again(lost: Lost) -> None:
    """The page of one's account: a page says that it did not work, and the button works when it is mended."""
    onboardings.without_account(lost.world)
    form = lost.world.get(onboardings.page_of(lost.world)).form("choice")
    lost.lose()
    assert lost.world.send(form, choice="open").status == 503
    lost.mend()
    assert lost.world.send(form, choice="open").status == 303


def parks_and_goes_on(
    reach: Callable[[Journey], object], act: Callable[[Journey], object], goes_to: str, says: str
) -> Any:
    """A state: it parks, the seller has a mail, the alarm rings; mended, the answer to the park leads on."""

    def seen(lost: Lost) -> None:
        journey = Journey(lost.world)
        reach(journey)
        since = len(lost.world.mails)
        lost.lose()
        act(journey)
        assert journey.stage == "park"
        assert told_seller(lost.world, since)
        assert lost.alarms(Metric.PARKED)
        lost.mend()
        journey.answer("park", says)
        assert journey.stage == goes_to

    return seen


def asks_the_seller_in_the_end(lost: Lost) -> None:
    """Gates, parks among them: runs die, the clock starts the next, and asks the seller after three."""
    journey = Journey(lost.world).to_assign()
    lost.lose()
    journey.answer("proposal", "accepted")
    since = len(lost.world.mails)
    lost.world.pass_time(hours=1)
    assert [gate.id.kind.value for gate in journey.gates if gate.status is Status.OPEN] == ["stuck"]
    assert told_seller(lost.world, since)
    assert lost.alarms(Metric.RUN_DEAD)
    assert lost.alarms(Metric.ORDER_STUCK)
    lost.mend()
    journey.answer("stuck", "resume")
    assert journey.stage == "work"


def mail_is_owed(lost: Lost) -> None:
    """A mail: the gate is open all the same, and the clock sends it."""
    journey = Journey(lost.world).to_assign()
    lost.lose()
    journey.answer("proposal", "accepted")
    assert (journey.stage, journey.open_gate.mailed) == ("work", False)
    assert lost.alarms(Metric.MAIL_PUT_OFF)
    lost.world.pass_time(minutes=5)
    assert journey.open_gate.mailed


def the_clock_resumes(lost: Lost) -> None:
    """The door: the answer stands and whoever gave it is told so; the clock resumes with rights of its own."""
    journey = Journey(lost.world).to_assign()
    lost.lose()
    page = journey.answer("proposal", "accepted")
    assert page.status in {200, 303}
    lost.world.pass_time(minutes=5)
    assert journey.stage == "work"


def file_is_not_taken(lost: Lost) -> None:
    """Uploads: storage refuses the file, the gate stays open and late, and the seller is told of that."""
    journey = Journey(lost.world).to_work()
    lost.lose()
    with pytest.raises(ClientError):
        journey.deliver()
    gate = journey.open_gate
    assert (journey.stage, gate.deadline is not None) == ("work", True)
    since = len(lost.world.mails)
    lost.world.pass_time(days=8)
    assert journey.open_gate.id == gate.id
    assert told_seller(lost.world, since)
    lost.mend()
    journey.deliver()
    assert journey.stage == "review"


def nothing_is_due_for_ever(lost: Lost) -> None:
    """The clock: what it can't read it makes up, and until then its heartbeat is missing."""
    journey = Journey(lost.world).to_hold()
    gate = journey.open_gate
    assert gate.deadline is not None
    lost.lose()
    lost.world.move_to(gate.deadline + timedelta(minutes=11))
    before = lost.guard.counts[Metric.CLOCK_TICK]
    with pytest.raises(ClientError):
        lost.world.tick()
    assert lost.guard.counts[Metric.CLOCK_TICK] == before
    assert journey.stage == "hold"
    lost.mend()
    lost.world.tick()
    assert journey.order.stage.value == "completed"


def the_clock_says_why_it_fails(lost: Lost) -> None:
    """The clock: a row that it fails at holds up no other, is counted, and comes again."""
    journey = Journey(lost.world).to_work()
    gate = journey.open_gate
    assert gate.deadline is not None
    lost.lose()
    lost.world.go_to(gate.deadline + timedelta(minutes=11))
    assert journey.open_gate.id == gate.id
    assert lost.alarms(Metric.CLOCK_FAILED)
    lost.mend()
    journey.deliver()
    assert journey.stage == "review"


def the_clock_finds_it_dead(lost: Lost) -> None:
    """The rule on executions: a note that can't be taken is found by the clock, which looks whether runs live."""
    journey = Journey(lost.world).to_work()
    lost.lose()
    lost.world.ports.machine.stop(journey.id, 1, "test")
    lost.world.settle()
    assert "record-execution failed: ClientError" in lost.world.engine.calls
    lost.world.pass_time(hours=26)
    assert (journey.order.run, journey.stage) == (2, "work")


def a_bounce_is_told_again(lost: Lost) -> None:
    """The rule on SES' events: it fails, so that it is repeated, and put away as a dead letter to be replayed."""
    journey = Journey(lost.world).to_brief()
    told = came_back(journey)
    lost.lose()
    with pytest.raises(ClientError):
        lost.world.engine.call("record-bounce", told)
    lost.mend()
    lost.world.engine.call("record-bounce", told)
    assert lost.world.ports.store.get(bounce_key(str(journey.order.client_email))) is not None


def the_next_look_makes_it_up(lost: Lost) -> None:
    """The reconciler: what it can't read now, the next look reads; its alarm is the heartbeat that is missing."""
    lost.world.sandbox.platform.outbox.switches.drop = True
    journey = Journey(lost.world)
    journey.draft()
    journey.pay()
    lost.lose()
    before = lost.guard.counts[Metric.RECONCILED]
    with pytest.raises(ClientError):
        lost.world.engine.call("reconcile", {})
    assert lost.guard.counts[Metric.RECONCILED] == before
    assert journey.stage == "draft"
    lost.mend()
    lost.world.engine.call("reconcile", {})
    lost.world.settle()
    assert journey.stage == "brief"


def to_hold_with_its_fee(journey: Journey) -> None:
    """Stripe's fee is booked, so that only the transfer is left to be made."""
    journey.to_hold()
    journey.world.pass_time(hours=30)
    assert journey.order.fee is not None


LOSSES = (
    Loss("show-page", "dynamodb:GetItem", goes_on_when_pressed_again),
    Loss("open-checkout", "secretsmanager:GetSecretValue", nobody_pays_for_nothing, "stripe-open-checkout"),
    Loss("receive-stripe-event", "dynamodb:UpdateItem", delivered_again),
    Loss(
        "enter-order",
        "secretsmanager:GetSecretValue",
        parks_and_goes_on(Journey.draft, Journey.pay, "brief", "retry"),
        "stripe-enter-order",
    ),
    Loss(
        "open-proposal",
        "dynamodb:PutItem",
        parks_and_goes_on(Journey.to_brief, Journey.hand_in_brief, "assign", "retry"),
    ),
    Loss("open-gate", "dynamodb:PutItem", asks_the_seller_in_the_end),
    Loss("open-gate", "ses:SendEmail", mail_is_owed, "identity"),
    Loss("answer-gate", "states:SendTaskSuccess", the_clock_resumes),
    Loss("permit-upload", "s3:PutObject", file_is_not_taken),
    Loss(
        "run-act",
        "secretsmanager:GetSecretValue",
        parks_and_goes_on(to_hold_with_its_fee, lambda one: one.world.pass_time(days=4), "completed", "payout"),
        "stripe-run-act",
    ),
    Loss(
        "close-order",
        "dynamodb:UpdateItem",
        parks_and_goes_on(Journey.to_hold, lambda one: one.world.pass_time(days=4), "completed", "retry"),
    ),
    Loss("receive-account-event", "lambda:InvokeFunction", asked_again_each_working_day),
    Loss("onboard", "dynamodb:UpdateItem", pressed_again),
    Loss("tick-clock", "dynamodb:Query", nothing_is_due_for_ever, "/index/"),
    Loss("tick-clock", "ses:SendEmail", the_clock_says_why_it_fails, "identity"),
    Loss("record-execution", "dynamodb:UpdateItem", the_clock_finds_it_dead),
    Loss("record-bounce", "dynamodb:PutItem", a_bounce_is_told_again),
    Loss("reconcile", "secretsmanager:GetSecretValue", the_next_look_makes_it_up, "stripe-reconcile"),
)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.function}-{loss.action.partition(':')[2]}")
def test_an_order_is_never_lost_with_a_grant(deployed: Deployed, loss: Loss) -> None:
    """It parks, or goes on in another way, or says to whoever asks that it does not; and the log names the grant."""
    lost: Lost
    with guarded_world(deployed, taken=lambda grant: lost.gone and loss.takes(grant)) as (world, guard):
        lost = Lost(world, guard)
        loss.seen(lost)
    assert {one[:2] for one in guard.refused} == {(loss.function, loss.action)}
    if loss.function == "permit-upload":
        return  # storage refuses a browser, not us: what is seen is that the work is late
    assert guard.counts[Metric.NOT_ALLOWED]
    assert {one.partition(" on ")[0] for one in guard.named} == {loss.action}


def test_every_function_loses_a_grant(deployed: Deployed) -> None:
    """A new function needs a line above; a line whose grant is not granted shows nothing."""
    assert {loss.function for loss in LOSSES} == {grant.function for grant in deployed.grants}
    for loss in LOSSES:
        assert len({grant[:2] for grant in deployed.grants if loss.takes(grant)}) == 1, loss
