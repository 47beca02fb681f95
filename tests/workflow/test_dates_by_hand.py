"""Dates that the seller moves, pay that leaves early or late, orders that stand still: what law forbids is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.disputes import open_dispute
from relais.deed import What
from relais.gate import GOES_ON, Choice, Gate, Kind, Role, Status
from relais.ledger import Entry, check
from relais.offer import RefundCause
from relais.order import Milestone, MilestoneStage
from relais.ports import ConditionFailedError
from relais.rows import Change, gate_key
from relais.steps import corrections, dates
from relais.steps.deeds import ForbiddenByHandError
from relais.steps.interrupt import cancel
from tests.support.gates import Waiting, at_every_gate
from tests.support.journey import Journey
from tests.workflow.scenarios import finish
from tests.workflow.several import Articles
from tests.workflow.test_acceptance import to_silence
from tests.workflow.test_in_name import MAKER, MARIE, PHONE, deeds, of_kind, since
from tests.workflow.ways_out import assert_given_back, to_refund_right

LATER = datetime(2026, 12, 10, 17, 0, tzinfo=UTC)
SOON = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def move(journey: Journey, kind: Kind, until: datetime, *, agreed: bool = False) -> Gate:
    gate = of_kind(journey, kind)
    return dates.move_deadline(journey.world.ports, journey.id, str(gate.id), until, reason=PHONE, agreed=agreed)


def balanced(journey: Journey) -> bool:
    """Whether an order that has ended left nothing in its pots."""
    entries = [Entry.from_row(row) for row in journey.entries()]
    return check(entries, now=journey.world.now(), ended=frozenset({journey.id})) == ()


# One date -----------------------------------------------------------------------------------------------------------


def test_a_clients_deadline_moves_later_with_its_reminders(world: World) -> None:
    """Silence accepts at the later date, and they are told of it."""
    journey = Journey(world).to_acceptance()
    before, count = journey.open_gate, len(world.mails)
    moved = move(journey, Kind.ACCEPTANCE, LATER)
    assert (moved.deadline, moved.status) == (LATER, Status.OPEN)
    assert before.deadline is not None
    assert "nouvelle échéance" in since(world, count, MARIE)[0].subject
    world.go_to(before.deadline + timedelta(hours=2))
    assert journey.stage == "acceptance"
    world.go_to(LATER + timedelta(hours=2))
    assert journey.stage == "hold"


def test_a_date_that_was_promised_to_somebody_comes_earlier_only_with_their_yes(world: World) -> None:
    """The contract was printed in their mail (promise 3)."""
    journey = Journey(world).to_acceptance()
    with pytest.raises(ForbiddenByHandError, match="agreed"):
        move(journey, Kind.ACCEPTANCE, SOON)
    assert move(journey, Kind.ACCEPTANCE, SOON, agreed=True).deadline == SOON
    review = Journey(world).to_review()
    assert move(review, Kind.REVIEW, SOON - timedelta(hours=5)).deadline == SOON - timedelta(hours=5)  # one's own


def test_a_working_deadline_beyond_the_promise_asks_the_client(world: World) -> None:
    """It moves with their yes; the freelancer has the time at once, and it is not counted against them."""
    journey = Journey(world).to_work()
    promised, count = journey.order.promised, len(world.mails)
    move(journey, Kind.WORK, LATER)
    assert (journey.milestone.engagement.deadline, journey.order.promised) == (LATER, promised)
    asked = of_kind(journey, Kind.CANCEL_LATE)
    assert (asked.role, asked.status) == (Role.CLIENT, Status.OPEN)
    assert len([one for one in since(world, count, MAKER) if "nouvelle échéance" in one.subject]) == 1
    journey.answer("cancel_late", "wait")
    assert journey.order.promised is not None
    assert journey.order.promised > LATER
    finish(journey)


def test_a_promise_moves_later_with_the_clients_yes_only(world: World) -> None:
    """Asked by mail, or given by phone; earlier it moves at once, but not before the work is due."""
    journey = Journey(world).to_work()
    promised, count = journey.order.promised, len(world.mails)
    assert not dates.move_promise(world.ports, journey.id, "01", LATER, reason=PHONE)
    assert journey.order.promised == promised
    journey.answer("cancel_late", "wait")
    assert journey.order.promised == LATER
    assert [one.what for one in deeds(journey)] == [What.PROMISED]
    assert dates.move_promise(world.ports, journey.id, "01", LATER + timedelta(days=4), reason=PHONE, agreed=True)
    assert journey.order.promised == LATER + timedelta(days=4)
    assert len([one for one in since(world, count, MARIE) if "Votre nouvelle date" in one.subject]) == 1
    with pytest.raises(ForbiddenByHandError, match="the work is due"):
        dates.move_promise(world.ports, journey.id, "01", SOON, reason=PHONE)


def test_a_later_yes_replaces_the_question_that_waits(world: World) -> None:
    """A client is never asked about two dates at once."""
    journey = Journey(world).to_work()
    dates.move_promise(world.ports, journey.id, "01", LATER, reason=PHONE)
    dates.move_promise(world.ports, journey.id, "01", LATER + timedelta(days=1), reason=PHONE)
    asked = [gate for gate in journey.gates if gate.id.kind is Kind.CANCEL_LATE]
    assert [gate.status for gate in asked] == [Status.WITHDRAWN, Status.OPEN]
    dates.move_promise(world.ports, journey.id, "01", LATER + timedelta(days=2), reason=PHONE, agreed=True)
    assert [gate for gate in journey.gates if gate.id.kind is Kind.CANCEL_LATE and gate.status is Status.OPEN] == []


# Pay ----------------------------------------------------------------------------------------------------------------


def business(world: World) -> Journey:
    """Accepted by a word, by a client whose right of withdrawal has ended with the last acceptance."""
    return Journey(world).to_hold()


def test_pay_leaves_early_and_its_maker_is_told(world: World) -> None:
    """After a spoken yes nothing holds it but the seller."""
    journey = business(world)
    count = len(world.mails)
    dates.release_pay(world.ports, journey.id, "01", reason=PHONE)
    world.settle()
    assert [one["amount"] for one in world.transfers()] == [13_000]
    assert len([one for one in since(world, count, MAKER) if "plus tôt" in one.subject]) == 1
    world.pass_time(days=1)
    assert balanced(journey)


def test_pay_does_not_leave_while_a_promise_or_a_bank_holds_it(world: World) -> None:
    """What silence accepted may be reopened until a date that was mailed; a disputed payment is the bank's to judge."""
    silent = to_silence(world)
    with pytest.raises(ForbiddenByHandError, match="reopen"):
        dates.release_pay(world.ports, silent.id, "01", reason=PHONE)
    disputed = business(world)
    open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", disputed.order.charge or ""))
    world.settle()
    for act in (dates.release_pay, dates.reopen):
        with pytest.raises(ForbiddenByHandError):
            act(world.ports, disputed.id, "01", reason=PHONE)
    assert world.transfers() == []


def test_pay_is_kept_back_within_what_the_law_leaves(world: World) -> None:
    """Thirty days from the acceptance (L441-10); its maker is told until when."""
    journey, count = business(world), len(world.mails)
    hold = journey.open_gate
    with pytest.raises(ForbiddenByHandError, match="30 days"):
        dates.hold_pay(world.ports, journey.id, "01", hold.opened + timedelta(days=31), reason=PHONE)
    with pytest.raises(ForbiddenByHandError, match="release-pay"):
        dates.hold_pay(world.ports, journey.id, "01", hold.opened + timedelta(hours=1), reason=PHONE)
    until = hold.opened + timedelta(days=14)
    dates.hold_pay(world.ports, journey.id, "01", until, reason=PHONE)
    assert len([one for one in since(world, count, MAKER) if "Votre paiement part le" in one.subject]) == 1
    world.go_to(until - timedelta(hours=1))
    assert world.transfers() == []
    world.go_to(until + timedelta(hours=2))
    assert len(world.transfers()) == 1


# A second chance ----------------------------------------------------------------------------------------------------


def test_what_a_word_accepted_is_reopened_by_hand_until_its_transfer(world: World) -> None:
    """Its booking is taken back and the next yes books anew; client and maker are told who did it; once."""
    journey = Journey(world).to_hold()
    count = len(world.mails)
    dates.reopen(world.ports, journey.id, "01", reason=PHONE)
    world.settle()
    assert (journey.stage, journey.milestone.accepted) == ("acceptance", False)
    assert since(world, count, MARIE)[0].subject.startswith("Nous avons rouvert")
    assert since(world, count, MAKER)[0].subject.startswith("Rouverte")
    journey.answer("acceptance", "revise", "Le vert, plus foncé.")
    for kind, choice in (("review", "approve"), ("acceptance", "accept")):
        if journey.stage == "work":
            journey.deliver()
        journey.answer(kind, choice)
    with pytest.raises(ForbiddenByHandError, match="once"):
        dates.reopen(world.ports, journey.id, "01", reason=PHONE)
    world.pass_time(days=6)
    assert (len(world.transfers()), balanced(journey)) == (1, True)
    with pytest.raises(ForbiddenByHandError, match="closed"):
        dates.reopen(world.ports, journey.id, "01", reason=PHONE)


def test_a_second_reopening_is_refused_by_the_row_that_knows_of_the_first(world: World) -> None:
    """Also where the hold lists it, as one that opened under another release may: its booking exists once."""
    journey = Journey(world).to_hold()
    dates.reopen(world.ports, journey.id, "01", reason=PHONE)
    world.settle()
    journey.answer("acceptance", "accept")
    hold = journey.open_gate
    assert (hold.id.kind, Choice.REOPEN in hold.choices) == (Kind.HOLD, False)
    listed = Change(gate_key(hold.order, str(hold.id)), put={"choices": ["release", "reopen"]})
    world.ports.store.write(listed)
    with pytest.raises(ConditionFailedError):
        dates.reopen(world.ports, journey.id, "01", reason=PHONE)
    assert (journey.stage, journey.milestone.accepted) == ("hold", True)


def test_the_clients_own_page_offers_no_reopening_of_their_word(world: World) -> None:
    """The way is there for the seller alone; what silence accepted both may reopen."""
    silent, spoken = to_silence(world), Journey(world).to_hold()
    assert Choice.REOPEN in spoken.open_gate.choices
    assert "reopen-01" not in world.get(spoken.page).body
    assert "reopen-01" in world.get(silent.page).body
    dates.reopen(world.ports, silent.id, "01", reason=PHONE)
    assert silent.stage == "acceptance"


def test_a_free_revision_takes_no_right_away(world: World) -> None:
    """At the client's last choice it stands beside the refund, and using it leaves the refund there."""
    journey = to_refund_right(world)
    count = len(world.mails)
    assert journey.open_gate.choices == (Choice.ACCEPT, Choice.REFUND)
    corrections.give_revision(world.ports, journey.id, "01", reason=PHONE)
    assert journey.open_gate.choices == (Choice.ACCEPT, Choice.REVISE, Choice.REFUND)
    assert len([one for one in since(world, count, MARIE) if "retouche offerte" in one.subject]) == 1
    journey.answer("acceptance", "revise", "Encore le vert.")
    journey.deliver()
    journey.answer("review", "approve")
    assert journey.open_gate.choices == (Choice.ACCEPT, Choice.REFUND)
    journey.answer("acceptance", "refund")
    assert_given_back(journey, freelancer=6_500)


def test_the_right_can_be_used_while_a_free_revision_is_open(world: World) -> None:
    """The gift is an offer, no condition."""
    journey = to_refund_right(world)
    corrections.give_revision(world.ports, journey.id, "01", reason=PHONE)
    journey.answer("acceptance", "refund")
    world.pass_time(days=1)
    assert journey.order.refunded == 29_000


def test_revisions_are_given_before_the_acceptance_and_not_without_end(world: World) -> None:
    """What is accepted is reopened first."""
    accepted, working = Journey(world).to_hold(), Journey(world).to_work()
    with pytest.raises(ForbiddenByHandError, match="reopen"):
        corrections.give_revision(world.ports, accepted.id, "01", reason=PHONE)
    for _ in range(corrections.MOST_GIFTS):
        world.pass_time(minutes=1)
        corrections.give_revision(world.ports, working.id, "01", reason=PHONE)
    assert working.milestone.revisions_left == 2 + corrections.MOST_GIFTS
    with pytest.raises(ForbiddenByHandError, match="given"):
        corrections.give_revision(world.ports, working.id, "01", reason=PHONE)


def test_what_holds_money_is_not_closed(world: World) -> None:
    """It is paid, or given back: the sentence says which command does it."""
    working, ended = Journey(world).to_work(), Journey(world).to_hold()
    with pytest.raises(ForbiddenByHandError, match="cancel"):
        corrections.close(world.ports, working.id, "01", reason=PHONE)
    world.pass_time(days=6)
    with pytest.raises(ForbiddenByHandError, match="ended already"):
        corrections.close(world.ports, ended.id, "01", reason=PHONE)


def test_name_and_billing_are_corrected_and_told(world: World) -> None:
    """The words of it are kept in the bucket; a consumer stays one."""
    journey, count = Journey(world).to_work(), len(world.mails)
    corrections.correct_name(world.ports, journey.id, "  Marie   Quatremer ", reason=PHONE)
    corrections.correct_billing(world.ports, journey.id, "Aubépine SARL, Brest", reason=PHONE)
    assert (journey.order.client_name, journey.order.consumer) == ("Marie Quatremer", True)
    assert world.ports.files.get_text(journey.order.billing or "") == "Aubépine SARL, Brest"
    assert "Brest" not in str(world.rows(f"O#{journey.id}"))
    assert len(since(world, count, MARIE)) == 2
    with pytest.raises(ForbiddenByHandError):
        corrections.correct_name(world.ports, journey.id, " ", reason=PHONE)


# Standing still -----------------------------------------------------------------------------------------------------


def test_an_order_that_stands_still_decides_nothing_and_goes_on_by_itself(world: World) -> None:
    """Nobody's time counts; on the day every date has moved by as much, and all are told twice."""
    journey = Journey(world).to_work()
    before, promised, count = journey.open_gate.deadline, journey.order.promised, len(world.mails)
    assert before is not None
    dates.pause(world.ports, journey.id, LATER, reason=PHONE, by_client=True)
    world.go_to(LATER - timedelta(hours=1))
    assert [gate.id.kind for gate in journey.gates if gate.status is Status.OPEN] == [Kind.WORK]
    assert len(since(world, count, MAKER)) == 1
    world.go_to(LATER + timedelta(hours=30))
    assert journey.order.paused is None
    after = journey.open_gate.deadline
    assert after is not None
    assert after - before >= timedelta(days=16)
    assert journey.milestone.engagement.deadline == after
    assert journey.order.promised is not None
    assert promised is not None
    assert journey.order.promised > promised + timedelta(days=15)
    assert [one.what for one in deeds(journey)] == [What.PAUSED, What.RESUMED]
    assert [one.subject.split()[2] for one in world.mails[count:] if one.to == MARIE] == ["est", "reprend"]
    finish(journey)


def test_a_pause_of_the_sellers_leaves_the_promise_where_it_is(world: World) -> None:
    """A date promised to a client moves with their yes only: missed, it gives them the right to cancel."""
    journey = Journey(world).to_work()
    promised = journey.order.promised
    assert promised is not None
    dates.pause(world.ports, journey.id, LATER, reason=PHONE, by_client=False)
    world.go_to(promised + timedelta(days=3))
    assert of_kind(journey, Kind.CANCEL_LATE).role is Role.CLIENT
    dates.go_on(world.ports, journey.id, reason=PHONE)
    assert journey.order.promised == promised


def test_a_person_may_answer_while_the_order_stands_still(world: World) -> None:
    """A pause gives time; it takes nothing away."""
    journey = Journey(world).to_acceptance()
    dates.pause(world.ports, journey.id, LATER, reason=PHONE, by_client=True)
    journey.answer("acceptance", "accept")
    world.pass_time(days=5)
    assert len(world.transfers()) == 1  # pay that is owed does not stand still
    with pytest.raises(ForbiddenByHandError):
        dates.pause(world.ports, journey.id, LATER, reason=PHONE, by_client=True)


def test_a_pause_that_outlasts_its_order_tells_nobody_that_it_goes_on(world: World) -> None:
    """What was cancelled meanwhile was told as that."""
    journey = Journey(world).to_work()
    dates.pause(world.ports, journey.id, LATER, reason=PHONE, by_client=True)
    cancel(world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="test")
    world.settle()
    count = len(world.mails)
    world.go_to(LATER + timedelta(days=2))
    assert [one.subject for one in world.mails[count:] if "reprend" in one.subject or "reparti" in one.subject] == []


def test_a_pause_is_printed_where_its_deadlines_are(world: World) -> None:
    """Promise 3: every wait is a visible contract, on the client's page as on the maker's."""
    journey = Journey(world).to_work()
    dates.pause(world.ports, journey.id, LATER, reason=PHONE, by_client=True)
    for link in (journey.page, world.link("work", journey.id)):
        assert "en pause jusqu" in world.get(link).text
    dates.go_on(world.ports, journey.id, reason=PHONE)
    assert "en pause jusqu" not in world.get(journey.page).text


def test_a_pause_moves_the_starts_of_what_has_not_begun(world: World) -> None:
    """Ten articles: each later start moves, with its working deadline; where the client wants it, its promise too."""
    journey = Articles(world)
    journey.to_work()
    before = {number: journey.part(number) for number in range(1, 11)}
    dates.pause(world.ports, journey.id, world.now() + timedelta(days=20), reason=PHONE, by_client=True)
    world.pass_time(days=9)
    dates.go_on(world.ports, journey.id, reason=PHONE)
    waiting = [number for number in before if journey.part(number).stage is MilestoneStage.START]
    assert len(waiting) == 9
    for number in waiting:
        was, now = dates_of(before[number]), dates_of(journey.part(number))
        assert [later > known for known, later in zip(was, now, strict=True)] == [True, True, True]


def dates_of(milestone: Milestone) -> list[datetime]:
    """When a milestone starts, is promised, and is due from its maker."""
    assert milestone.engagement is not None
    found = [milestone.starts, milestone.promised, milestone.engagement.deadline]
    return [at for at in found if at is not None]


def test_a_pause_ends_early_by_hand_and_only_once(world: World) -> None:
    """A second end changes nothing; a second pause is refused while one lasts."""
    journey = Journey(world).to_acceptance()
    before = journey.open_gate.deadline
    dates.pause(world.ports, journey.id, LATER, reason=PHONE, by_client=False)
    with pytest.raises(ForbiddenByHandError, match="go-on"):
        dates.pause(world.ports, journey.id, LATER, reason=PHONE, by_client=False)
    with pytest.raises(ForbiddenByHandError, match="60 days"):
        dates.pause(world.ports, Journey(world).to_work().id, LATER + timedelta(days=90), reason=PHONE, by_client=False)
    world.pass_time(days=2)
    assert dates.go_on(world.ports, journey.id, reason=PHONE)
    after = journey.open_gate.deadline
    assert (after is not None, before is not None) == (True, True)
    assert after is not None
    assert before is not None
    assert timedelta(days=1) < after - before < timedelta(days=5)
    assert not dates.go_on(world.ports, journey.id, reason=PHONE)


# Every act at every gate --------------------------------------------------------------------------------------------


def held_still(waiting: Waiting) -> None:
    """Pause, then go on: whatever waits has its whole time."""
    journey, world = waiting.journey, waiting.journey.world
    dates.pause(world.ports, journey.id, world.now() + timedelta(days=20), reason=PHONE, by_client=True)
    before = {str(gate.id): gate for gate in journey.gates if gate.status is Status.OPEN}
    world.pass_time(days=5)
    dates.go_on(world.ports, journey.id, reason=PHONE)
    for gate in journey.gates:
        known = before.get(str(gate.id))
        if known is None or known.deadline is None or gate.status is not Status.OPEN:
            continue
        assert gate.deadline is not None
        assert (gate.deadline > known.deadline) is (gate.id.kind not in GOES_ON), gate.id


def moved(waiting: Waiting) -> None:
    """A later date for whatever has one."""
    journey, world = waiting.journey, waiting.journey.world
    (gate, *_) = [one for one in journey.gates if one.status is Status.OPEN and one.id.kind == waiting.kind] or [None]
    if gate is None:
        raise ForbiddenByHandError(journey.id, "nothing waits")
    until = max(gate.deadline or world.now(), world.now()) + timedelta(days=2)
    assert dates.move_deadline(world.ports, journey.id, str(gate.id), until, reason=PHONE).deadline == until


def on(act: Callable[..., object]) -> Callable[[Waiting], None]:
    """An act on a milestone."""

    def done(waiting: Waiting) -> None:
        act(waiting.journey.world.ports, waiting.journey.id, "01", reason=PHONE)

    return done


@pytest.mark.dear
@pytest.mark.parametrize(
    "act",
    [held_still, moved, *map(on, (dates.release_pay, dates.reopen, corrections.give_revision, corrections.close))],
    ids=["pause", "move", "release", "reopen", "revision", "close"],
)
def test_each_act_at_each_open_gate_is_done_or_refused_with_its_reason(
    world: World, act: Callable[[Waiting], None]
) -> None:
    """Promise 7: whatever waits; and what was refused has changed nothing, so that it can go on."""
    found = [one for one in at_every_gate(world) if one.kind != "checkout"]
    done = 0
    for waiting in found:
        before = len(deeds(waiting.journey))
        try:
            act(waiting)
            done += 1
            assert len(deeds(waiting.journey)) > before
        except ForbiddenByHandError:
            assert len(deeds(waiting.journey)) == before
    world.settle()
    world.pass_time(hours=30)
    assert done or act.__name__ == "done"
