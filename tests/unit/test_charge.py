"""Which charge bears what, for every number of charges."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.charge import (
    OWN,
    Charge,
    Funding,
    NotChargedError,
    Part,
    charge_from_row,
    charge_key,
    charge_row,
    fundings,
    given_back_to,
    paid_from,
)

FUNDINGS = st.lists(st.integers(1, 50_000), max_size=6).map(
    lambda sums: tuple(Funding(f"01-{at:04d}", f"pi_{at}", f"ch_{at}", left) for at, left in enumerate(sums))
)


def charge(number: int, amount: int, left: int) -> Charge:
    """A later charge of the first milestone."""
    at = datetime(2026, 11, 23, 9, number, tzinfo=UTC)
    return Charge("o", f"01-{number:04d}", "g", amount, left, "eur", f"pi_{number}", f"ch_{number}", "cs", at)


@given(FUNDINGS, st.integers(0, 400_000))
def test_a_freelancers_pay_is_split_whole_and_no_charge_bears_more_than_it_holds(
    given_: tuple[Funding, ...], due: int
) -> None:
    """What no charge holds is the seller's, in one part without a charge; each charge bears at most one part."""
    parts = paid_from(due, given_)
    assert sum(part.amount for part in parts) == due
    assert all(part.amount > 0 for part in parts)
    assert all(part.amount <= part.funding.left for part in parts if part.funding)
    borne = [part for part in parts if part.funding is None]
    assert sum(part.amount for part in borne) == max(0, due - sum(one.left for one in given_))
    assert len({part.funding.name for part in parts if part.funding}) == len(parts) - len(borne)


@given(FUNDINGS, st.integers(0, 200_000), st.integers(0, 200_000))
def test_what_is_paid_in_two_goes_takes_no_more_of_a_charge_than_in_one(
    given_: tuple[Funding, ...], sent: int, due: int
) -> None:
    """What was sent before has used the oldest: nothing of a charge is drawn on twice."""

    def drawn(*parts: Part) -> dict[str, int]:
        found: dict[str, int] = {}
        for part in parts:
            name = "" if part.funding is None else part.funding.name
            found[name] = found.get(name, 0) + part.amount
        return found

    at_once = drawn(*paid_from(sent + due, given_))
    held = sum(one.left for one in given_)
    if sent <= held:
        assert drawn(*paid_from(sent, given_), *paid_from(due, given_, sent)) == at_once


@given(FUNDINGS, st.integers(1, 400_000))
def test_the_oldest_charge_pays_first_and_the_newest_is_given_back_first(
    given_: tuple[Funding, ...], amount: int
) -> None:
    """A charge is drawn on only where all before it (for what goes back: all after it) are used up."""
    held = sum(one.left for one in given_)
    taken = [part for part in paid_from(amount, given_) if part.funding is not None]
    names = [one.name for one in given_]
    assert [part.funding.name for part in taken if part.funding] == names[: len(taken)]
    assert all(part.amount == one.left for part, one in zip(taken[:-1], given_, strict=False))
    if amount <= held:
        back = given_back_to(amount, given_)
        assert [part.funding.name for part in back if part.funding] == names[::-1][: len(back)]
        assert all(part.amount == one.left for part, one in zip(back[:-1], given_[::-1], strict=False))


@given(st.lists(st.tuples(st.integers(1, 9_000), st.booleans()), min_size=1, max_size=12))
def test_what_goes_back_to_a_charge_never_exceeds_what_was_charged(moves: list[tuple[int, bool]]) -> None:
    """Whatever is charged and given back in whatever order; what is left is what no refund has taken."""
    own, later, held, back = Funding(OWN, "pi_0", "ch_0", 0), {}, 29_000, {OWN: 0}
    for number, (amount, charges) in enumerate(moves, start=1):
        if charges:
            one = charge(number, amount, amount)
            later[one.name], back[one.name], held = one, 0, held + amount
            continue
        for part in given_back_to(min(amount, held), fundings(held, own, later.values())):
            assert part.funding is not None
            name = part.funding.name
            back[name] += part.amount
            held -= part.amount
            if name in later:
                now = later[name]
                later[name] = charge(int(name[3:]), now.amount, now.left - part.amount)
    assert back[OWN] <= 29_000
    assert all(back[name] <= one.amount and one.left == one.amount - back[name] for name, one in later.items())
    assert held == 29_000 - back[OWN] + sum(one.left for one in later.values())


def test_more_than_was_charged_never_goes_back() -> None:
    """A mistake of the caller is refused before anything is planned."""
    with pytest.raises(NotChargedError):
        given_back_to(101, (Funding("01-0001", "pi", "ch", 100),))


def test_the_orders_own_charge_bears_what_no_later_one_has_paid() -> None:
    """A milestone of 290, of which 60 were an extra: 230 are the first charge's, and it comes first."""
    own = Funding(OWN, "pi_0", "ch_0", 0)
    found = fundings(29_000, own, (charge(1, 6_000, 6_000), charge(2, 4_000, 0)))
    assert [(one.name, one.left) for one in found] == [(OWN, 23_000), ("01-0001", 6_000)]
    assert [one.name for one in fundings(6_000, own, (charge(1, 6_000, 6_000),))] == ["01-0001"]


def test_a_charge_is_read_as_it_was_written() -> None:
    """Its row keeps everything but the fee, which comes later."""
    one = charge(3, 6_000, 6_000)
    key = charge_key("o", one.name)
    assert key == ("O#o", "C#01#0003")
    read = charge_from_row(charge_row(one) | {"pk": key.pk, "sk": key.sk})
    assert read == one
