"""What reaches the seller, and when: at once, in a digest twice a day, or not at all. Design: people 4 and 5b."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest

from devstack.simulation.world import World, world_in_memory
from relais.gate import Gate, Kind, Status
from relais.ports import MailRefusedError
from relais.rows import DIGEST_KEY, SHOP_KEY, Change
from relais.shop import Shop
from tests.support.journey import Journey
from tests.workflow.scenarios import SELLER, broken
from tests.workflow.test_messages import message_of, write

WEEK = timedelta(days=7)
MOST_A_WEEK = 15


def digesting(world: World, *, digest: bool = True) -> None:
    """The shop wants digests."""
    row = world.row(SHOP_KEY)
    shop = replace(Shop.from_row(row["shop"]), digest=digest)
    world.ports.store.write(Change(SHOP_KEY, put={"shop": shop.to_row()}))


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        digesting(made)
        yield made


def to_seller(world: World, since: int = 0) -> list[str]:
    """The subjects of the mails that reached the seller."""
    return [mail.subject.replace("\u00a0", " ") for mail in world.mails[since:] if mail.to == SELLER]


def digests(world: World, since: int = 0) -> list[str]:
    """Those of them that are digests."""
    return [subject for subject in to_seller(world, since) if "décision" in subject]


def review_of(journey: Journey) -> Gate:
    """The gate of the review."""
    return next(gate for gate in reversed(journey.gates) if gate.id.kind is Kind.REVIEW)


def local(at: datetime, text: str) -> datetime:
    """That hour of the day of Paris in winter, in UTC."""
    hour, minute = text.split(":")
    return at.replace(hour=int(hour) - 1, minute=int(minute), second=0, microsecond=0)


def test_what_has_time_waits_for_the_next_digest_and_is_decided_from_it(world: World) -> None:
    """One mail lists it with until when, what happens otherwise, and the link behind which it is decided."""
    journey = Journey(world).to_review()
    assert to_seller(world) == []
    world.go_to(local(world.now(), "16:31"))
    (mail,) = [mail for mail in world.mails if mail.to == SELLER]
    assert mail.subject.startswith("1 décision, avant")
    gate = review_of(journey)
    assert str(gate.id) in mail.body
    assert (gate.mailed, gate.digested) == (True, True)
    journey.answer("review", "approve")
    assert journey.stage == "acceptance"


def test_twice_on_working_days_all_that_waits_and_none_when_nothing_does(world: World) -> None:
    """Most urgent first; what was decided is on none."""
    first = Journey(world).to_review()
    world.pass_time(days=1)
    count = len(digests(world))
    second = Journey(world).to_review()
    world.go_to(world.now() + timedelta(days=1))
    found = [mail for mail in world.mails if mail.to == SELLER][count:]
    assert any(first.id in mail.body and second.id in mail.body for mail in found)
    both = next(mail.body for mail in found if second.id in mail.body)
    assert both.index(first.id) < both.index(second.id)
    first.answer("review", "approve")
    second.answer("review", "approve")
    since = len(world.mails)
    world.pass_time(days=2)
    assert digests(world, since) == []
    assert "due" not in world.row(DIGEST_KEY)


def test_no_digest_on_a_day_off(world: World) -> None:
    """Saturday and Sunday nobody works; Monday at 8:30 lists what waited."""
    Journey(world).to_review()
    while world.now().weekday() != 4:
        world.pass_time(days=1)
    world.go_to(local(world.now(), "17:00"))
    since = len(world.mails)
    world.go_to(local(world.now() + timedelta(days=2), "23:00"))
    assert digests(world, since) == []
    world.go_to(local(world.now() + timedelta(days=1), "08:31"))
    assert len(digests(world, since)) == 1


def test_what_is_urgent_is_mailed_at_once(world: World) -> None:
    """Somebody is late, or it is due within four working hours: its own mail, as without digests."""
    journey = Journey(world).to_work()
    deadline = next(gate for gate in reversed(journey.gates) if gate.id.kind is Kind.WORK).deadline
    assert deadline is not None
    world.go_to(deadline + timedelta(hours=30))
    late = [gate for gate in journey.gates if gate.id.kind is Kind.LATE]
    assert [gate.digested for gate in late] == [False]
    assert [subject for subject in to_seller(world) if "décision" not in subject] != []
    parked = Journey(world).to_work()
    since = len(world.mails)
    with broken(world, "open-gate", "review"):
        parked.deliver()
    assert len(to_seller(world, since)) == 1
    assert digests(world, since) == []


def test_side_gates_wait_for_it_too(world: World) -> None:
    """A client's message has two working days."""
    journey = Journey(world).to_work()
    since = len(world.mails)
    write(journey)
    assert to_seller(world, since) == []
    world.pass_time(days=1)
    assert len(digests(world, since)) >= 1
    assert message_of(journey).mailed


def test_a_digest_that_was_lost_leaves_each_gate_its_own_mail(world: World) -> None:
    """Claimed and then sent, at most once; nobody is left without a mail by a death between."""
    journey = Journey(world).to_review()
    send = world.ports.mailer.send

    def refused(letter: object) -> None:
        if type(letter).__name__ == "DigestView":
            raise MailRefusedError("Throttling")
        send(letter)  # type: ignore[arg-type]

    with patch.object(world.ports.mailer, "send", refused):
        world.go_to(local(world.now(), "16:31"))
        assert to_seller(world) == []
        assert not review_of(journey).mailed
        world.go_to(local(world.now(), "17:00"))
    assert review_of(journey).mailed
    assert len(to_seller(world)) == 1
    assert digests(world) == []


def test_two_ticks_at_once_send_one_digest(world: World) -> None:
    """Whoever claims it sends it; the row moves to the next half day in the same write."""
    Journey(world).to_review()
    at = local(world.now(), "16:31")
    world.move_to(at)
    world.tick()
    row = world.row(DIGEST_KEY)
    world.tick()
    assert len(digests(world)) == 1
    assert row["due"] > at.isoformat()


def test_reminders_of_what_the_digest_lists_leave_only_when_it_is_due_soon(world: World) -> None:
    """Half-way the digest has said it; past its deadline the digest goes on saying it, not a mail a day."""
    journey = Journey(world).to_review()
    gate = review_of(journey)
    assert gate.deadline is not None
    world.go_to(gate.deadline + timedelta(days=2))
    assert review_of(journey).status is Status.OPEN
    others = [subject for subject in to_seller(world) if "décision" not in subject]
    assert others == []
    assert any("en retard" in subject for subject in digests(world))


def test_five_orders_with_one_revision_each_cost_at_most_fifteen_mails_a_week(world: World) -> None:
    """A seller who decides what the digests list, and no more often: people 4, in numbers."""
    journeys = [Journey(world).to_work() for _ in range(2)]
    begins, revised = world.now(), set()
    rounds = 0
    while rounds < 60 and any(one.stage not in {"hold", "payout", "closed"} for one in journeys):
        rounds += 1
        for one in journeys:
            if one.stage == "work":
                one.deliver()
            elif one.stage == "acceptance":
                again = one.id not in revised
                revised.add(one.id)
                one.answer("acceptance", "revise" if again else "accept", "Plus vert." if again else "")
        since = len(world.mails)
        world.pass_time(hours=3)
        if digests(world, since):
            for one in journeys:
                if one.stage == "review":
                    one.answer("review", "approve")
        if len(journeys) < 5:
            journeys.append(Journey(world).to_work())
    assert len(revised) == 5
    weeks = max(1.0, (world.now() - begins) / WEEK)
    assert 0 < len(to_seller(world)) <= MOST_A_WEEK * weeks
    assert len(to_seller(world)) < len(revised) * 2  # without digests each version of each order is a mail


def test_without_the_wish_every_decision_is_mailed_at_once(world: World) -> None:
    """The shop decides."""
    digesting(world, digest=False)
    journey = Journey(world).to_review()
    assert len(to_seller(world)) == 1
    assert not review_of(journey).digested
    world.pass_time(days=1)
    assert digests(world) == []
