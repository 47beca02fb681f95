"""Scores: what happened counts, the past fades, and every change has its cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from relais.score import Axis, Cause, Event, Score, Tally, quality_after, seen, weight

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
NOBODY = Score(0, 0)
values = st.integers(0, 100)
ages = st.integers(0, 2_000)


def tally(*events: tuple[int, int], half_life: int = 180) -> Tally:
    """Values seen so many days ago."""
    weights = [(value, weight(NOW - timedelta(days=age), half_life)) for value, age in events]
    return Tally(sum(value * one for value, one in weights), sum(one for _, one in weights))


def test_an_event_of_one_half_life_ago_weighs_half() -> None:
    """A bad day in spring does not follow somebody for ever (design: rules 5)."""
    assert seen(NOBODY, tally((100, 0), (0, 180)), NOW, 180).mean in {66, 67}
    assert seen(NOBODY, tally((100, 0), (0, 0)), NOW, 180).mean == 50


def test_what_nobody_has_seen_is_unknown() -> None:
    """Unknown is not bad: the ranking's prior speaks then."""
    assert seen(NOBODY, Tally(), NOW, 180) == NOBODY


def test_the_past_observations_of_the_catalogue_count_as_many() -> None:
    """Twenty-three ratings are not outweighed by one silence."""
    assert seen(Score(94, 23), tally((0, 0)), NOW, 180).mean == 90


@settings(max_examples=60)
@given(st.lists(st.tuples(values, ages), min_size=1, max_size=12), st.integers(60, 400))
def test_a_mean_lies_between_what_was_seen(events: list[tuple[int, int]], half_life: int) -> None:
    """Whatever fades: never better than the best, never worse than the worst."""
    found = seen(NOBODY, tally(*events, half_life=half_life), NOW, half_life)
    assert min(value for value, _ in events) - 1 <= found.mean <= max(value for value, _ in events)


@settings(max_examples=30)
@given(st.lists(st.tuples(values, ages), max_size=12), st.integers(0, 1_000))
def test_time_alone_changes_no_mean_by_more_than_rounding(events: list[tuple[int, int]], later: int) -> None:
    """Fading is the same for all: only what happens changes what is thought, time makes it matter less."""
    recent = [(value, age % 100) for value, age in events]
    found = tally(*recent)
    now, then = seen(NOBODY, found, NOW, 180), seen(NOBODY, found, NOW + timedelta(days=later), 180)
    if then.count > 1:
        assert abs(now.mean - then.mean) <= 1
    assert then.count <= now.count


def test_each_send_back_costs_and_there_is_a_floor() -> None:
    """An approved version is never worth nothing."""
    assert [quality_after(number) for number in (0, 1, 9)] == [500, 400, 100]


def test_an_event_survives_its_row() -> None:
    """It is shown with its cause for as long as it counts."""
    event = Event(Axis.PUNCTUALITY, 0, Cause.LATE, NOW, "0rder0000001", "01-work-0001")
    assert Event.from_row(event.to_row()) == event
