"""`relais roster`: what is agreed with somebody is changed with a reason, and what that touches is shown."""

from datetime import timedelta
from typing import Any

import pytest

WHY = ("--reason", "told by phone")


def test_a_rate_is_changed_and_told_where_no_offer_can_pay_it(world: Any, relais: Any) -> None:
    """A raise that prices somebody out of every offer is no present: it is said at once."""
    world.open_shop()
    changed = relais("roster", "rate", "ines-moreau", "logo", "145.00", *WHY, "--json").json
    assert (changed["rates"]["logo"], changed["out_of_reach"]) == (14_500, [])
    assert "Too dear for logo" in relais("roster", "rate", "ines-moreau", "logo", "290", *WHY).out
    (newest, oldest) = relais("roster", "show", "ines-moreau", "--json").json["changes"]
    assert (newest["facts"]["was"], oldest["facts"]["was"], oldest["reason"]) == (14_500, 13_000, "told by phone")
    assert (oldest["mailed"], oldest["told"]) == (False, "freelancer")


def test_whoever_is_suspended_is_offered_to_lose_their_work(world: Any, relais: Any) -> None:
    """What they have in hand is named; it goes to somebody else where the seller says so."""
    world.engage()
    kept = relais("roster", "suspend", "ines-moreau", *WHY, "--keep")
    assert (kept.code, f"Order {world.order}, milestone 01: goes on" in kept.out) == (0, True)
    assert relais("roster", "suspend", "ines-moreau", *WHY).code == 1
    assert relais("roster", "approve", "ines-moreau", *WHY, "--json").json["standing"] == "approved"
    world.at += timedelta(minutes=1)
    moved = relais("roster", "suspend", "ines-moreau", *WHY, "--reassign", "--json").json
    assert moved["reassigned"] == [{"order": world.order, "milestone": "01"}]


def test_a_pause_is_a_day_of_the_calendar(world: Any, relais: Any) -> None:
    """Until a date, ended early; what is no date, or in the past, is refused in a sentence."""
    world.open_shop()
    paused = relais("roster", "pause", "ines-moreau", "--until", "2026-12-04", *WHY, "--json").json
    assert paused["away"] == [["2026-11-27", "2026-12-04"]]
    assert relais("roster", "resume", "ines-moreau", *WHY, "--json").json["away"] == []
    assert relais("roster", "resume", "ines-moreau", *WHY).code == 1
    assert relais("roster", "pause", "ines-moreau", "--until", "2026-11-01", *WHY).code == 1


@pytest.mark.parametrize("command", ["approve", "suspend", "resume"])
def test_a_change_needs_its_reason(world: Any, relais: Any, command: str) -> None:
    """It is kept in the audit and told: an empty one explains nothing to anybody."""
    world.open_shop()
    assert relais("roster", command, "ines-moreau", "--reason", " ").code == 1
