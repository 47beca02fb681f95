"""Orders as life plays them, one per way through the definition. Each asserts what a person would see.

Every scenario is played on moto and, by `test_every_way.py`, once more without it: the states entered must be the same,
and together they must leave no state and no transition of the definition unvisited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import Mock, patch

from devstack.simulation.pages import Mail
from devstack.simulation.world import INES, PUBLIC_URL, World
from devstack.stripe_sandbox.accounts import Seed
from devstack.stripe_sandbox.faults import Fault, FaultKind
from relais.gate import Status
from relais.ports import MailRefusedError, MovementRefusedError
from relais.rows import Change, gate_key, milestone_key, order_key, present, session_key
from tests.support.journey import CONSENT, Journey, path

Scenario = Callable[[World], object]
SCENARIOS: dict[str, Scenario] = {}
SELLER = "claire@atelier-mistral.example"
RETRIES = 6
A_SECOND = timedelta(seconds=1)
"""Before a deadline: some defaults run at it, others up to ten minutes late, as the order's id will have it."""


def scenario(play: Scenario) -> Scenario:
    """Add a way through."""
    SCENARIOS[play.__name__] = play
    return play


class BrokenError(RuntimeError):
    """A function that fails for a reason of its own."""


@contextmanager
def broken(
    world: World, name: str, stage: str | None = None, times: int = RETRIES + 1, milestone: str | None = None
) -> Iterator[None]:
    """Let a function fail so many times (by default for good, as far as the definition tries) for one stage.

    Of one milestone only, where it is named.
    """
    left = times

    def breaker(called: str, event: Mapping[str, Any]) -> None:
        nonlocal left
        meant = milestone in {None, event.get("milestone")}
        if called == name and event.get("stage") == stage and meant and left:
            left -= 1
            raise BrokenError

    world.engine.breakers.append(breaker)
    yield
    world.engine.breakers.remove(breaker)


def told_seller(world: World, since: int) -> list[str]:
    """The subjects of the mails to the seller since a number of mails."""
    return [mail.subject for mail in world.mails[since:] if mail.to == SELLER]


def assert_completed(journey: Journey, fee: int = 460) -> None:
    """Paid out once, closed, and nothing owed any more."""
    world = journey.world
    world.pass_time(hours=30)
    assert journey.order.stage.value == "completed"
    assert journey.order.fee == fee
    assert sum(transfer["amount"] for transfer in world.transfers()) == journey.milestone.engagement.agreed
    assert journey.milestone.in_transit == 0
    assert [row["sk"] for row in world.rows(f"O#{journey.id}") if "due" in row or "owes" in row] == []
    in_hand = {row["sk"]: row["in_hand"] for row in world.rows("ROSTER") if row.get("in_hand")}
    assert in_hand == {}


def finish(journey: Journey) -> None:
    """From wherever it is, the short way to the end."""
    answers = {"proposal": "accepted", "review": "approve", "acceptance": "accept"}
    for _ in range(12):
        match journey.stage:
            case "brief":
                journey.hand_in_brief()
            case "assign" | "reassign":
                journey.answer("proposal", "accepted")
            case "work":
                journey.deliver()
            case "review" | "acceptance":
                journey.answer(journey.stage, answers[journey.stage])
            case "hold" | "payout":
                journey.world.pass_time(days=4)
            case _:
                break
    assert_completed(journey)


@scenario
def demo(world: World) -> Journey:
    """Sent back once, revised once, accepted, paid out."""
    journey = Journey(world).to_work()
    journey.deliver()
    journey.answer("review", "rework", "Plus de contraste, s'il vous plaît.")
    journey.deliver(b"\x89PNG logo 2")
    journey.answer("review", "approve")
    journey.answer("acceptance", "revise", "Un vert plus clair.")
    journey.deliver(b"\x89PNG logo 3")
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    world.pass_time(days=4)
    assert journey.order.stage.value == "completed"
    return journey


@scenario
def paid_by_debit(world: World) -> None:
    """A bank refuses a first debit, pays a second: the order begins with that, and its pay waits until it is safe."""
    journey = Journey(world)
    form = world.get(f"{PUBLIC_URL}/offer/logo?lang=fr").form("client_kind")
    sent = world.send(form, **CONSENT, payment="sepa_debit", address="marie@gmail.com")
    journey.id = world.row(session_key(path(sent.location).rpartition("/")[2]))["order"]
    world.pay_page(sent.location, iban="FR8420041010050500013M02607")
    world.settle()
    assert journey.order.settling
    world.pass_time(days=6)
    assert (journey.order.debit, journey.order.run) == ("failed", 0)
    again = world.send(world.get(journey.page).form("nonce"))
    world.pay_page(again.location, iban="FR1420041010050500013M02606")
    world.settle()
    world.pass_time(days=6)
    journey.hand_in_brief()
    journey.answer("proposal", "accepted")
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    world.pass_time(days=5)
    assert (journey.stage, journey.order.by_debit) == ("hold", True)
    world.pass_time(days=14)
    assert_completed(journey, fee=35)


@scenario
def proposal_unanswered(world: World) -> None:
    """Eight working hours of silence pass the proposal on, and hand the place in hand back."""
    journey = Journey(world).to_assign()
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline - A_SECOND)
    assert journey.open_gate.owner == "ines-moreau"
    world.pass_time(minutes=11)
    assert journey.open_gate.owner == "studio-nord"
    assert {row["sk"]: row["in_hand"] for row in world.rows("ROSTER") if row["in_hand"]} == {"R#studio-nord": 1}
    finish(journey)


@scenario
def work_and_review_late(world: World) -> None:
    """Nothing is decided by a late maker or a late seller.

    Both are reminded, the seller is told, the gate stays open.
    """
    journey = Journey(world).to_work()
    waits = {"work": {"hours": 17, "minutes": 30}, "review": {"minutes": 11}}  # two working hours; the jitter
    for kind, act in (("work", journey.deliver), ("review", lambda: journey.answer("review", "approve"))):
        gate = journey.open_gate
        assert gate.id.kind.value == kind
        assert gate.deadline is not None
        world.go_to(gate.deadline)
        since = len(world.mails)
        world.pass_time(**waits[kind])
        assert journey.stage == kind
        assert len(told_seller(world, since)) == 1
        act()
    assert journey.stage == "acceptance"


@scenario
def accepted_by_silence(world: World) -> None:
    """Seven days of a reached client's silence accept; the freelancer is then paid after seven days, not three."""
    journey = Journey(world).to_acceptance()
    gate = journey.open_gate
    assert gate.deadline is not None
    world.go_to(gate.deadline - A_SECOND)
    assert journey.stage == "acceptance"
    world.pass_time(minutes=11)
    assert journey.stage == "hold"
    assert not journey.milestone.spoken
    wait = journey.open_gate.deadline
    assert wait is not None
    assert (wait.date() - gate.deadline.date()).days >= 7
    world.go_to(wait - A_SECOND)
    assert world.transfers() == []
    world.pass_time(minutes=11)
    assert_completed(journey)


@scenario
def silence_reopened(world: World) -> None:
    """What silence accepted is before the client again while nobody is paid; a yes then ends as every yes."""
    journey = Journey(world).to_acceptance()
    world.go_to((journey.open_gate.deadline or world.now()) + timedelta(minutes=11))
    assert journey.stage == "hold"
    form = world.get(journey.page).form("reopen")
    assert world.send(form, reopen="yes", action="reopen").status == 303
    assert journey.stage == "acceptance"
    finish(journey)


@scenario
def spoken_yes_is_paid_after_three_days(world: World) -> None:
    """A spoken yes holds the money for three days, no less."""
    journey = Journey(world).to_hold()
    assert journey.milestone.spoken
    wait = journey.open_gate.deadline
    assert wait is not None
    assert 2 <= (wait - world.now()).days <= 4
    world.go_to(wait - A_SECOND)
    assert world.transfers() == []
    world.pass_time(minutes=11)
    assert_completed(journey)


@contextmanager
def post_closed(world: World) -> Iterator[None]:
    """SES takes no mail."""
    before = world.ports.mailer
    world.ports.__dict__["mailer"] = Mock(send=Mock(side_effect=MailRefusedError("Throttling")))
    yield
    world.ports.__dict__["mailer"] = before


@scenario
def mail_that_is_not_taken(world: World) -> None:
    """A gate whose mail is refused is open all the same.

    The mail is owed, and the clock sends it, for nobody's harm.
    """
    journey = Journey(world).to_assign()
    with post_closed(world):
        journey.answer("proposal", "accepted")
        world.pass_time(minutes=10)
    assert journey.stage == "work"
    assert not world.engine.pauses
    assert not journey.open_gate.mailed
    world.pass_time(minutes=30)
    assert journey.open_gate.mailed
    finish(journey)


@scenario
def unreached_client_accepts_nothing(world: World) -> None:
    """No default runs against somebody whom no mail has reached (promise 3)."""
    journey = Journey(world).to_review()
    with post_closed(world):
        journey.answer("review", "approve")
        gate = journey.open_gate
        assert gate.deadline is not None
        world.go_to(gate.deadline)
        world.pass_time(days=3)
    assert (journey.stage, journey.open_gate.mailed) == ("acceptance", False)
    world.pass_time(days=3)
    assert journey.stage == "acceptance"
    waiting = next(link for link in Mail("", "", world.get(journey.page).body).links if "-acceptance-" in link)
    world.send(world.get(waiting).form("choice"), choice="accept")
    assert journey.stage == "hold"
    finish(journey)


@scenario
def account_not_ready(world: World) -> None:
    """Pay waits for its account in the gate of the payout, and leaves as the next generation of one act."""
    journey = Journey(world).to_hold()
    _onboard(world, "restricted")
    world.pass_time(days=4)
    assert (journey.stage, world.transfers()) == ("payout", [])
    _onboard(world, "active")
    world.settle()
    act = _act(journey)
    assert (act["state"], act["generation"]) == ("done", 1)
    assert_completed(journey)


@contextmanager
def refusing(world: World) -> Iterator[None]:
    """Stripe refuses every transfer for good."""

    def refused(*_: object) -> None:
        raise MovementRefusedError("resource_missing")

    with patch.object(type(world.ports.payments), "transfer", refused):
        yield


@scenario
def transfer_refused(world: World) -> None:
    """A refused payout parks; the seller sends it again, as the next generation of one act."""
    journey = Journey(world).to_hold()
    with refusing(world):
        world.pass_time(days=4)
        assert (journey.stage, journey.milestone.parked_why) == ("park", "transfer_refused")
        journey.answer("park", "payout")
        assert journey.stage == "park"
    journey.answer("park", "payout")
    act = _act(journey)
    assert (act["state"], act["generation"]) == ("done", 2)
    assert_completed(journey)


def _onboard(world: World, status: str) -> None:
    from devstack.stripe_sandbox.accounts import seed

    seed(world.sandbox.platform, Seed(INES, stripe_transfers=status))


def _act(journey: Journey) -> Mapping[str, Any]:
    found = [row for row in journey.world.rows(f"O#{journey.id}") if row["sk"].startswith("A#")]
    assert len(found) == 1
    return found[0]


@scenario
def transfer_answer_lost(world: World) -> None:
    """An answer that was lost is asked for again under the same key: Stripe tells of the one transfer that it made."""
    journey = Journey(world).to_hold()
    world.sandbox.faults.add(Fault(FaultKind.LOSE_ANSWER, "POST", "/v1/transfers"))
    world.pass_time(days=4)
    assert (_act(journey)["state"], _act(journey)["generation"]) == ("done", 0)
    assert len(world.transfers()) == 1
    assert_completed(journey)


@scenario
def transfer_answer_differs(world: World) -> None:
    """An answer that is not what was asked is believed by nobody: the payout parks until somebody has looked."""
    journey = Journey(world).to_hold()
    payments = type(world.ports.payments)
    transfer = payments.transfer

    def halved(self: Any, body: dict[str, Any], key: str) -> Any:
        return replace(transfer(self, body, key), amount=1)

    with patch.object(payments, "transfer", halved):
        world.pass_time(days=4)
    assert (journey.stage, journey.milestone.parked_why) == ("park", "transfer_unknown")
    assert journey.milestone.in_transit == 13000
    journey.answer("park", "payout")
    assert (_act(journey)["state"], _act(journey)["generation"]) == ("done", 0)
    assert_completed(journey)


@scenario
def stripe_too_busy(world: World) -> None:
    """A call that Stripe did not begin is made again by the clock, under the same key."""
    journey = Journey(world).to_hold()
    world.sandbox.faults.add(Fault(FaultKind.TOO_MANY, "POST", "/v1/transfers", times=2))
    world.pass_time(days=4)
    assert _act(journey)["generation"] == 0
    assert_completed(journey)


@scenario
def nothing_due(world: World) -> None:
    """A milestone that owes nobody anything ends without a transfer."""
    journey = Journey(world).to_hold()
    world.ports.store.write(Change(milestone_key(journey.id, "01"), put={"left_to_send": 0}))
    world.pass_time(days=4)
    world.pass_time(hours=30)
    assert journey.order.stage.value == "completed"
    assert world.transfers() == []


@scenario
def openings_that_fail_for_good(world: World) -> None:
    """A gate that cannot be opened parks its milestone or order; the seller sends it back to where it was."""
    journey = Journey(world)
    with broken(world, "open-gate", "brief"):
        journey.to_brief()
    assert (journey.stage, journey.order.parked_from) == ("park", "brief")
    journey.answer("park", "retry")
    with broken(world, "open-proposal", "assign"):
        journey.hand_in_brief()
    assert (journey.stage, journey.order.parked_from) == ("park", "assign")
    journey.answer("park", "retry")
    with broken(world, "open-gate", "work"):
        journey.answer("proposal", "accepted")
    journey.answer("park", "work")
    with broken(world, "open-gate", "review"):
        journey.deliver()
    journey.answer("park", "review")
    with broken(world, "open-gate", "acceptance"):
        journey.answer("review", "approve")
    journey.answer("park", "acceptance")
    with broken(world, "open-gate", "hold"):
        journey.answer("acceptance", "accept")
    journey.answer("park", "hold")
    with broken(world, "run-act", "payout"):
        world.pass_time(days=4)
    journey.answer("park", "payout")
    assert_completed(journey)
    assert world.engine.pauses.count(2) in {0, 7 * RETRIES}


@scenario
def settled_by_hand(world: World) -> None:
    """A parked milestone whose freelancer has been paid can be closed."""
    journey = Journey(world).to_hold()
    with refusing(world):
        world.pass_time(days=4)
    agreed = journey.milestone.engagement.agreed
    journey_park = journey.open_gate
    world.ports.store.write(
        Change(milestone_key(journey.id, "01"), put={"left_to_send": 0, "in_transit": 0, "sent": agreed}),
        Change(gate_key(journey.id, str(journey_park.id)), put={"choices": ["payout", "closed"]}),
    )
    journey.answer("park", "closed")
    assert journey.order.stage.value == "completed"


@scenario
def park_that_fails(world: World) -> None:
    """A milestone that cannot be parked parks the order.

    An order that cannot be parked dies, and the next run enters it.
    """
    journey = Journey(world).to_work()
    with broken(world, "open-gate", "review"), broken(world, "open-gate", "park"):
        journey.deliver()
    assert (journey.order.stage.value, journey.order.parked_from) == ("park", "milestones")
    journey.answer("park", "retry")
    assert journey.stage == "review"
    with broken(world, "open-gate", "acceptance"), broken(world, "open-gate", "park", 2 * (RETRIES + 1)):
        journey.answer("review", "approve")
    assert world.engine.status_of(f"{journey.id}-1") == "FAILED"
    world.move_to(world.now() + timedelta(seconds=5))
    world.settle()
    assert journey.order.fee == 460, "a fee that is booked meanwhile must not put the next run off"
    world.pass_time(minutes=3)
    assert journey.order.run == 2
    finish(journey)


@scenario
def close_that_fails(world: World) -> None:
    """An end that cannot be booked parks the order, once; retried, it closes, and nothing is paid twice."""
    journey = Journey(world).to_hold()
    with broken(world, "close-order"):
        world.pass_time(days=4)
    assert journey.order.run == 1
    assert (journey.order.stage.value, journey.order.parked_from) == ("park", "milestones")
    journey.answer("park", "retry")
    assert_completed(journey)


@scenario
def entrance_that_fails(world: World) -> None:
    """An entrance that fails for good parks the order."""
    journey = Journey(world)
    with broken(world, "enter-order"):
        journey.to_brief()
    assert (journey.order.stage.value, journey.order.parked_from) == ("park", "paid")
    journey.answer("park", "retry")
    finish(journey)


@scenario
def every_stage_entered_by_a_new_run(world: World) -> None:
    """A newer run takes over at whatever stage the table holds, and the older one ends quietly wherever it was."""
    journey = Journey(world).to_brief()
    acts: list[Callable[[], object]] = [
        journey.hand_in_brief,
        lambda: journey.answer("proposal", "accepted"),
        journey.deliver,
        lambda: journey.answer("review", "approve"),
        lambda: journey.answer("acceptance", "accept"),
    ]
    for act in acts:
        _superseded(journey)
        act()
    _superseded(journey)
    with broken(world, "run-act", "payout"):
        world.pass_time(days=4)
    _superseded(journey)
    journey.answer("park", "payout")
    assert_completed(journey)


def _superseded(journey: Journey) -> None:
    """Another run begins while this one waits; then this one's token times out, and its opening is refused."""
    world, run, gate, token = journey.world, journey.order.run, journey.open_gate, journey.token()
    world.ports.store.write(Change(order_key(journey.id), put={"run": run + 1}))
    world.engine.time_out(token)
    world.settle()
    assert world.engine.status_of(f"{journey.id}-{run}") == "SUCCEEDED"
    world.ports.machine.start(journey.id, run + 1)
    world.settle()
    assert (journey.open_gate.id, journey.open_gate.status) == (gate.id, Status.OPEN)
    assert journey.token() != token


@scenario
def order_level_runs_superseded(world: World) -> None:
    """Entrance, payout, park and end of an order refuse an older run as well, which ends quietly."""
    journey = Journey(world)
    with _raised_before(world, "enter-order"):
        journey.to_brief()
    _ended_quietly(journey)
    with broken(world, "open-proposal", "assign"), _raised_before(world, "open-gate", "park"):
        journey.hand_in_brief()
    _ended_quietly(journey)
    journey.answer("proposal", "accepted")
    journey.deliver()
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    with _raised_before(world, "run-act", "payout"):
        world.go_to(journey.due())
    assert world.engine.status_of(f"{journey.id}-{journey.order.run - 1}") == "SUCCEEDED"
    with _raised_before(world, "close-order"):
        world.ports.machine.start(journey.id, journey.order.run)
        world.settle()
    _ended_quietly(journey)
    assert_completed(journey)


@contextmanager
def _raised_before(world: World, name: str, stage: str | None = None) -> Iterator[None]:
    """Another run begins an instant before a function is called."""
    done: list[str] = []

    def breaker(called: str, event: Mapping[str, Any]) -> None:
        if called == name and event.get("stage") == stage and not done:
            done.append(called)
            key = order_key(event["order"])
            world.ports.store.write(Change(key, add={"run": 1}, guards=(present("pk"),)))

    world.engine.breakers.append(breaker)
    yield
    world.engine.breakers.remove(breaker)
    assert done


def _ended_quietly(journey: Journey) -> None:
    world, run = journey.world, journey.order.run
    assert world.engine.status_of(f"{journey.id}-{run - 1}") == "SUCCEEDED"
    world.ports.machine.start(journey.id, run)
    world.settle()


@scenario
def answers_that_nobody_routes(world: World) -> None:
    """An answer that a running definition does not know parks instead of being lost: old definitions meet new code."""
    journey = Journey(world).to_assign()
    _say(journey, "something_new")
    assert journey.stage == "park"
    journey.answer("park", "retry")
    journey.answer("proposal", "accepted")
    journey.deliver()
    _say(journey, "something_new")
    assert journey.stage == "park"
    _say(journey, "something_new")
    assert journey.stage == "park"
    journey.answer("park", "review")
    journey.answer("review", "approve")
    _say(journey, "something_new")
    journey.answer("park", "acceptance")
    answer = {"at": "milestones", "milestones": [{"id": "01", "at": "something_new"}]}
    with patch("functions.intake.enter_order.enter", return_value=answer):
        world.ports.store.write(Change(order_key(journey.id), put={"run": 2}))
        world.ports.machine.stop(journey.id, 1, "test")
        world.ports.machine.start(journey.id, 2)
        world.settle()
    journey.answer("park", "acceptance")
    journey.answer("acceptance", "accept")
    _say(journey, "something_new")
    assert journey.stage == "park"
    journey.answer("park", "hold")
    finish(journey)


def _say(journey: Journey, outcome: str) -> None:
    journey.world.ports.machine.succeed(journey.token(), outcome)
    journey.world.settle()


@scenario
def milestones_entered_parked_and_closed(world: World) -> None:
    """A new run enters a parked milestone in its park, and an order whose milestones have ended at its end."""
    journey = Journey(world).to_work()
    with broken(world, "open-gate", "review"):
        journey.deliver()
    _superseded(journey)
    journey.answer("park", "review")
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    with broken(world, "close-order"), broken(world, "open-gate", "park"):
        world.pass_time(days=4)
    world.pass_time(minutes=3)
    assert_completed(journey)
    closed = {"at": "milestones", "milestones": [{"id": "01", "at": "closed"}]}
    with patch("functions.intake.enter_order.enter", return_value=closed):
        world.ports.machine.start(journey.id, 9)
        world.settle()
    assert world.engine.status_of(f"{journey.id}-9") == "SUCCEEDED"
