"""In which order the roster is asked, and that asking ends."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.cascade import Cascade, next_asked, round_of
from relais.performer import Performer
from relais.roster import Ranked

PEOPLE = ("a", "b", "c", "d", "e", "f", "g")
KINDS = {**dict.fromkeys(PEOPLE, Performer.FREELANCER), "studio": Performer.AGENCY, "house": Performer.AGENCY}
rosters = st.lists(st.sampled_from([Performer.FREELANCER, Performer.AGENCY]), max_size=40)
plans = st.builds(Cascade, st.integers(1, 4), st.integers(1, 3), st.integers(1, 6), st.integers(0, 3))


def play(keys: tuple[str, ...], kinds: dict[str, Performer], plan: Cascade) -> list[tuple[str, ...]]:
    """Everybody declines."""
    asked: list[tuple[str, ...]] = []
    for turn in count():
        gone = {one for together in asked for one in together}
        left = tuple(Ranked(key, 100, 0, ()) for key in keys if key not in gone)
        found = next_asked(left, kinds, plan, [kinds[together[0]] for together in asked])
        if not found:
            return asked
        assert turn <= plan.most
        asked.append(tuple(one.freelancer for one in found))
    raise AssertionError


def test_one_by_one_first_then_two_at_once_then_agencies() -> None:
    """Five people one after the other are sixty hours eaten before any work (design: people 5b)."""
    keys = ("studio", *PEOPLE, "house")
    assert play(keys, KINDS, Cascade()) == [("a",), ("b",), ("c", "d"), ("e", "f"), ("g",), ("studio",), ("house",)]


@pytest.mark.parametrize(("askings", "number"), [(0, 1), (1, 1), (2, 2), (3, 3)])
def test_the_first_round_lasts_while_people_are_asked_one_by_one(askings: int, number: int) -> None:
    """What a round is, is data."""
    assert round_of(askings, Cascade(first=2)) == number


def test_an_agency_is_asked_at_once_where_no_freelancer_is_left() -> None:
    """Nobody waits for rounds that have nobody to ask."""
    assert play(("studio",), KINDS, Cascade()) == [("studio",)]


@given(rosters, plans)
def test_asking_is_bounded_and_asks_nobody_twice(kinds: list[Performer], plan: Cascade) -> None:
    """However large the roster (design: failures 32)."""
    known = {f"p{number:02d}": kind for number, kind in enumerate(kinds)}
    asked = play(tuple(known), known, plan)
    everybody = [one for together in asked for one in together]
    assert len(asked) <= plan.most
    assert len(everybody) == len(set(everybody))
    assert all(len(together) <= plan.at_once for together in asked)
