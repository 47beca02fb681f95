"""Days away that are set while something waits: dates move, a promise with its client's yes only.

Design: people section 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from devstack.simulation.world import World, world_in_memory
from relais.calendar import Away, within_working_hours, working_time
from relais.gate import Kind, Role, Status
from relais.roster import Freelancer
from relais.rows import SHOP_KEY, Change, freelancer_key
from relais.shop import Shop
from relais.steps import roster
from relais.steps.away import freelancer_away, seller_away
from tests.support.journey import Journey
from tests.workflow.cascades import in_hand
from tests.workflow.scenarios import finish
from tests.workflow.test_in_name import MAKER, of_kind, since
from tests.workflow.test_lateness import sides
from tests.workflow.test_roster import SELLER

FIRST, LAST = date(2026, 11, 25), date(2026, 11, 30)
AWAY = Away(FIRST, LAST)


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def ines(world: World) -> Freelancer:
    return Freelancer.from_row(world.row(freelancer_key("ines-moreau")))


def shop(world: World) -> Shop:
    return Shop.from_row(world.row(SHOP_KEY)["shop"])


def pause(world: World, first: date = FIRST, last: date = LAST) -> None:
    """By the seller's command; the clock does what it owes."""
    roster.pause(world.ports, "ines-moreau", first, last, SELLER)
    world.pass_time(minutes=3)


def test_a_freelancers_days_away_move_the_work_by_the_working_time_that_they_take(world: World) -> None:
    """What was left of it is left still, reminders follow, and the engagement says the same date."""
    journey = Journey(world).to_work()
    before, calendar = journey.open_gate, ines(world).calendar
    assert before.deadline is not None
    left = working_time(world.now(), before.deadline, calendar)
    pause(world)
    after = journey.open_gate
    assert after.deadline is not None
    assert after.deadline > before.deadline
    assert working_time(world.now(), after.deadline, ines(world).calendar) == pytest.approx(
        left, abs=timedelta(hours=1)
    )
    assert journey.milestone.engagement.deadline == after.deadline
    assert all(within_working_hours(at, ines(world).calendar) for at in after.reminders)


def test_a_date_promised_to_a_client_moves_with_their_yes_only(world: World) -> None:
    """The work would come too late: the client waits for a new date, or cancels free."""
    journey = Journey(world).to_work()
    promised, count = journey.order.promised, len(world.mails)
    pause(world, last=date(2026, 12, 8))
    asked = of_kind(journey, Kind.CANCEL_LATE)
    assert (asked.role, asked.status, journey.order.promised) == (Role.CLIENT, Status.OPEN, promised)
    assert len([one for one in since(world, count, MAKER) if one.subject]) == 1  # the pause itself is told as ever
    journey.answer("cancel_late", "wait")
    assert journey.order.promised is not None
    assert journey.order.promised > journey.milestone.engagement.deadline
    finish(journey)


def test_a_pause_by_the_freelancers_own_page_moves_the_same(world: World) -> None:
    """Their button, the same rule: the clock moves what they owe."""
    journey = Journey(world).to_work()
    before = journey.open_gate.deadline
    assert before is not None
    page = roster.letters.freelancer_link(world.ports, ines(world))
    sent = world.send(world.get(page).form("until"), choice="pause", until="2026-12-01")
    assert sent.status == 303
    world.pass_time(minutes=3)
    after = journey.open_gate.deadline
    assert after is not None
    assert after > before


def test_dates_move_once_however_often_the_clock_comes(world: World) -> None:
    """A tick that died after the first of them is caught up by the next."""
    journey, other = Journey(world).to_work(), Journey(world).to_work()
    pause(world)
    before = [one.open_gate.deadline for one in (journey, other)]
    assert freelancer_away(world.ports, "ines-moreau", AWAY) == 0
    assert [one.open_gate.deadline for one in (journey, other)] == before


def test_days_that_take_nothing_move_nothing(world: World) -> None:
    """Away after the deadline, or on days on which they don't work anyway."""
    journey = Journey(world).to_work()
    before = journey.open_gate
    pause(world, date(2026, 12, 21), date(2027, 1, 3))
    pause(world, date(2026, 11, 28), date(2026, 11, 29))
    assert journey.open_gate.deadline == before.deadline


def test_an_open_proposal_does_not_wait_for_somebody_who_is_away(world: World) -> None:
    """It goes to the next without any effect on a score; days away later than its deadline leave it."""
    journey = Journey(world).to_assign()
    pause(world, date(2026, 12, 21), date(2027, 1, 3))
    assert journey.open_gate.owner == "ines-moreau"
    pause(world, date(2026, 11, 23), LAST)
    assert journey.open_gate.owner == "studio-nord"
    assert in_hand(world) == {"studio-nord": 1}
    assert [row for row in world.rows("F#ines-moreau") if row["sk"].startswith("S#")] == []
    finish(journey)


def test_the_sellers_days_away_move_what_waits_for_the_seller_alone(world: World) -> None:
    """A review has its whole time after they are back; the client's and the maker's dates stay."""
    review, work, acceptance = Journey(world).to_review(), Journey(world).to_work(), Journey(world).to_acceptance()
    before = [one.open_gate.deadline for one in (review, work, acceptance)]
    known = shop(world)
    away = Away(date(2026, 11, 24), date(2026, 12, 4))
    assert seller_away(world.ports, known, replace(known, away=(*known.away, away))) == 1
    after = [one.open_gate.deadline for one in (review, work, acceptance)]
    assert before[0] is not None
    assert after[0] is not None
    assert after[0].date() == date(2026, 12, 7)
    assert after[1:] == before[1:]
    assert seller_away(world.ports, known, replace(known, away=(*known.away, away))) == 0


def test_the_shops_absence_takes_no_right_to_cancel_away(world: World) -> None:
    """The promise stands: missed by a working day it gives the right, whoever is away."""
    journey = Journey(world).to_work()
    promised = journey.order.promised
    assert promised is not None
    row, since_when = world.row(SHOP_KEY), world.now().date() + timedelta(days=1)
    away = replace(shop(world), away=(Away(since_when, since_when + timedelta(days=30)),))
    world.ports.store.write(Change(SHOP_KEY, put={"shop": {**row["shop"], "away": away.to_row()["away"]}}))
    world.go_to(promised + timedelta(days=4))
    assert sides(journey, Kind.LATE) == []  # nobody is there to be asked
    assert of_kind(journey, Kind.CANCEL_LATE).role is Role.CLIENT
