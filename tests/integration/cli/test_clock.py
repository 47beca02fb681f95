"""`relais clock`: time is moved, and what has become due by then is settled by the clock itself."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from relais.adapters.time import VirtualClock
from relais.cli.stack import Stack
from relais.rows import CLOCK_KEY
from relais.steps.clock import tick_within

PLENTY = 60_000


@pytest.fixture
def ticks(world: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """The deployed clock: the real step at the virtual time that its function would read."""
    told: list[dict[str, int]] = []

    def tick(_: Stack) -> dict[str, int]:
        wall = world.at
        world.at = VirtualClock(world.store).now()
        told.append(tick_within(world.ports, None, lambda: PLENTY))
        world.at = wall
        return told[-1]

    monkeypatch.setattr(Stack, "tick", tick)
    return told


def test_moving_past_a_deadline_carries_out_what_silence_means(world: Any, relais: Any, ticks: list[Any]) -> None:
    """A test plays six months by calling the clock with the dates it likes (design: time is an input)."""
    world.deliver()
    said = relais("clock", "--to", "2026-12-04T18:15", "--json")
    moved = said.json
    assert said.code == 0
    assert moved["before"] == "2026-11-27T10:00:00+01:00"
    assert moved["now"] == "2026-12-04T18:15:00+01:00"
    assert moved["offset_seconds"] == 7 * 86_400 + 8 * 3_600 + 900
    outcomes = {(one["order"], one["what"]): one["outcome"] for one in moved["rows"]}
    assert outcomes[(world.order, "01-acceptance-0003")] == "accept by clock"
    assert outcomes[(world.order, "order")] == "looked at: milestones"
    assert (moved["failed"], moved["more"]) == (0, False)
    shown = relais("order", "show", world.order, "--json").json
    assert shown["gates"][-1]["decision"]["at"].startswith("2026-12-04T18:15")


def test_the_clock_ticks_until_nothing_more_is_due(world: Any, relais: Any, ticks: list[Any]) -> None:
    """The last tick settles nothing: that is how it is known."""
    world.deliver()
    moved = relais("clock", "--to", "2026-12-04T18:15", "--json").json
    assert len(ticks) == moved["rounds"] >= 2
    assert ticks[-1]["settled"] == 0
    assert moved["settled"] == sum(one["settled"] for one in ticks)


def test_a_clock_that_always_finds_something_is_stopped(
    world: Any, relais: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command ends, whatever the table holds, and says that it is not done."""
    world.open_shop()
    monkeypatch.setattr(Stack, "tick", lambda _: {"settled": 1, "failed": 0, "remaining": 0})
    said = relais("clock", "--to", "2026-12-04")
    assert said.code == 0
    assert "run the same command again" in said.out


def test_a_clock_that_is_not_deployed_leaves_the_time_alone(world: Any, relais: Any) -> None:
    """Time that moved without anybody looking would settle things later, unseen."""
    world.open_shop()
    said = relais("clock", "--to", "2026-12-04")
    assert (said.code, "deploy the stack again" in said.err) == (2, True)
    assert relais("clock", "--json").json["offset_seconds"] == 0


def test_a_reminder_on_the_way_is_sent_not_skipped(world: Any, relais: Any, ticks: list[Any]) -> None:
    """Two days after the delivery the client is reminded, and nothing is decided."""
    world.deliver()
    sent = len(world.mailer.sent)
    moved = relais("clock", "--to", "2026-11-30T12:00:00+01:00", "--json").json
    outcomes = {one["what"]: one["outcome"] for one in moved["rows"]}
    assert outcomes["01-acceptance-0003"] == "reminded"
    assert len(world.mailer.sent) == sent + 1


def test_the_clock_does_not_go_back_unless_forced(world: Any, relais: Any, ticks: list[Any]) -> None:
    """What is settled stays settled; dates written since would lie in the future."""
    world.open_shop()
    relais("clock", "--to", "2026-12-10")
    refused = relais("clock", "--to", "2026-12-01")
    assert refused.code == 1
    assert "--force" in refused.err
    assert relais("clock", "--now", "--json").json["now"] == "2026-12-10T00:00:00+01:00"
    forced = relais("clock", "--to", "2026-12-01", "--force", "--json")
    assert (forced.code, forced.json["now"]) == (0, "2026-12-01T00:00:00+01:00")


def test_a_reset_goes_back_to_the_wall_and_remembers_how_far_it_was(world: Any, relais: Any, ticks: list[Any]) -> None:
    """Entries booked in days to come must still be found by the list and the check."""
    world.deliver()
    relais("clock", "--to", "2027-03-01")
    reset = relais("clock", "--reset", "--json").json
    assert (reset["offset_seconds"], reset["now"]) == (0, "2026-11-27T10:00:00+01:00")
    relais("clock", "--reset")
    assert (world.store.get(CLOCK_KEY) or {})["furthest"] == "2027-02-28T23:00:00+00:00"
    checked = relais("ledger", "check", "--no-stripe", "--months", "5", "--json").json
    assert (checked["months"], checked["entries"]) == (["2026-10", "2027-02"], 2)


def test_the_offset_is_what_the_engine_and_the_sandbox_read(world: Any, relais: Any, ticks: list[Any]) -> None:
    """One CLOCK row, whole seconds, never a moment too early."""
    world.open_shop()
    world.at += timedelta(milliseconds=400)
    relais("clock", "--to", "2026-12-04T12:00:00Z")
    row = world.store.get(CLOCK_KEY) or {}
    assert isinstance(row["offset"], int)
    assert VirtualClock(world.store).now() >= datetime.fromisoformat("2026-12-04T12:00:00+00:00")


def test_without_a_wish_the_time_is_shown_and_nothing_moves(world: Any, relais: Any) -> None:
    """Looking is free."""
    shown = relais("clock", "--json").json
    assert (shown["now"], shown["wall"], shown["offset_seconds"]) == (*["2026-11-27T10:00:00+01:00"] * 2, 0)
    assert world.store.get(CLOCK_KEY) is None
    assert "Fri 27 Nov 2026 10:00" in relais("clock").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--to", "next week"), "no date"),
        (("--to", "2026-12-04", "--reset"), "exclude each other"),
        (("--to", "2026-12-04", "--stage", "prod"), "only stage dev"),
        (("--reset", "--stage", "prod"), "only stage dev"),
    ],
)
def test_what_the_clock_cannot_do_is_said(world: Any, relais: Any, arguments: tuple[str, ...], sentence: str) -> None:
    """Time in production is nobody's to move; a date is read, never guessed."""
    said = relais("clock", *arguments)
    assert said.code == 2
    assert sentence in said.err
    assert world.store.get(CLOCK_KEY) is None
