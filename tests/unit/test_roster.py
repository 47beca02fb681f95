"""Who is asked first, why, and who is never asked."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.calendar import Away, Hours
from relais.performer import Performer
from relais.roster import COMMAND, FILE, Freelancer, Rate, Standing, Terms, merged, rank, smoothed
from relais.score import Score

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
INES = Freelancer(
    key="ines",
    name="Inès Moreau",
    email="ines@moreau-graphisme.example",
    lang="fr",
    languages=("fr", "en"),
    kind=Performer.FREELANCER,
    rates=(Rate("card", 2_800), Rate("logo", 13_000)),
    capacity=2,
    hours=Hours.parse("lun-jeu 9-18"),
    quality=Score(480, 23),
    punctuality=Score(96, 23),
    responsiveness=Score(94, 26),
    stripe_account="acct_1",
)
NORD = replace(
    INES, key="nord", kind=Performer.AGENCY, rates=(Rate("logo", 16_500),), capacity=3, quality=Score(450, 12)
)
MOST = 28_540

scores = st.builds(Score, st.integers(0, 500), st.integers(0, 50))
shares = st.builds(Score, st.integers(0, 100), st.integers(0, 50))
skills = st.sets(st.sampled_from(["logo", "card", "site"])).map(sorted)
freelancers = st.builds(
    Freelancer,
    key=st.text("abcdef", min_size=1, max_size=3),
    name=st.text(max_size=10),
    email=st.just("a@b.example"),
    lang=st.sampled_from(["fr", "en"]),
    languages=st.lists(st.sampled_from(["fr", "en", "pt"]), max_size=2).map(tuple),
    kind=st.sampled_from(Performer),
    rates=skills.map(lambda names: tuple(Rate(name, 1_000 * (at + 1)) for at, name in enumerate(names))),
    capacity=st.integers(1, 3),
    in_hand=st.integers(0, 4),
    away=st.sampled_from([(), (Away(date(2026, 11, 20), date(2026, 11, 30)),)]),
    quality=scores,
    punctuality=shares,
    responsiveness=shares,
    standing=st.sampled_from(Standing),
    trusted=st.booleans(),
    stripe_account=st.sampled_from([None, "acct_1"]),
)
rosters = st.lists(freelancers, max_size=8, unique_by=lambda freelancer: freelancer.key)


def keys(*roster: Freelancer, **asked: object) -> list[str]:
    already = frozenset(asked.get("already", ()))  # type: ignore[call-overload]
    return [one.freelancer for one in rank("logo", "fr", roster, NOW, most=MOST, already=already)]


@given(freelancers)
def test_a_freelancer_survives_the_row(freelancer: Freelancer) -> None:
    """Scores and away dates among it."""
    assert Freelancer.from_row(json.loads(json.dumps(freelancer.to_row()))) == freelancer


@given(rosters, st.sets(st.text("abcdef", min_size=1, max_size=3)))
def test_nobody_is_asked_who_cannot_or_must_not(roster: list[Freelancer], asked: set[str]) -> None:
    """Never above capacity, never twice, never without the skill or the seller's approval."""
    by_key = {freelancer.key: freelancer for freelancer in roster}
    for one in rank("logo", "fr", roster, NOW, most=2_000, already=frozenset(asked)):
        freelancer = by_key[one.freelancer]
        assert freelancer.in_hand < freelancer.capacity
        assert one.freelancer not in asked
        assert freelancer.rate_for("logo") == one.rate <= 2_000
        assert freelancer.standing is Standing.APPROVED
        assert not freelancer.away


@given(rosters, st.randoms(use_true_random=False))
def test_the_same_input_gives_the_same_choice(roster: list[Freelancer], random: object) -> None:
    """Whatever order the rows come in: a retry must not ask somebody else."""
    turned = sorted(roster, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert rank("logo", "fr", roster, NOW, most=MOST) == rank("logo", "fr", turned, NOW, most=MOST)


@given(rosters)
def test_the_reasons_add_up_to_the_points(roster: list[Freelancer]) -> None:
    """The question "why her?" is answered by the numbers that decided, not by a story about them."""
    for one in rank("logo", "fr", roster, NOW, most=MOST):
        assert sum(reason.value for reason in one.reasons if reason.key.startswith("points_")) == one.points
        assert 0 <= one.points <= 1_000
        assert dict(one.to_row()["reasons"])["rate"] == one.rate


def test_freelancers_come_before_agencies() -> None:
    """An agency helps out when people lapse (design: people 7)."""
    poor = replace(INES, quality=Score(100, 50), punctuality=Score(0, 50))
    assert keys(NORD, poor) == ["ines", "nord"]


@pytest.mark.parametrize(
    "worse",
    [
        {"quality": Score(400, 23)},
        {"punctuality": Score(60, 23)},
        {"responsiveness": Score(50, 26)},
        {"rates": (Rate("logo", 20_000),)},
        {"in_hand": 1},
        {"languages": ("en",)},
    ],
)
def test_each_number_counts(worse: dict[str, object]) -> None:
    """Quality, punctuality, answers, price, load and language: the worse one comes second, though first by name."""
    other = replace(INES, key="aaa", **worse)  # type: ignore[arg-type]
    assert keys(other, INES) == ["ines", "aaa"]


@pytest.mark.parametrize(
    "change",
    [
        {"in_hand": 2},
        {"standing": Standing.CANDIDATE},
        {"standing": Standing.SUSPENDED},
        {"kind": Performer.SELF},
        {"kind": Performer.OUTSIDE},
        {"rates": (Rate("card", 2_800),)},
        {"rates": (Rate("logo", MOST + 1),)},
        {"away": (Away(date(2026, 11, 27), date(2026, 11, 27)),)},
    ],
)
def test_each_reason_not_to_ask_is_enough(change: dict[str, object]) -> None:
    """Full, on trial, suspended, by hand only, without the skill, too dear, away today."""
    assert keys(INES) == ["ines"]
    assert keys(replace(INES, **change)) == []  # type: ignore[arg-type]


def test_who_has_no_account_yet_is_asked_all_the_same() -> None:
    """They open one meanwhile: a newcomer who could never be asked would never need one (design: people 5b)."""
    assert keys(replace(INES, stripe_account=None)) == ["ines"]


def test_equals_are_asked_by_key() -> None:
    """Not by the order in which the table happened to give the rows."""
    twin = replace(INES, key="aaa")
    assert keys(INES, twin) == keys(twin, INES) == ["aaa", "ines"]


def test_who_was_asked_already_is_not_asked_again() -> None:
    """Nobody twice for one milestone."""
    assert keys(INES, NORD, already=["ines"]) == ["nord"]


def test_away_is_counted_in_the_freelancers_own_zone() -> None:
    """Late on Thursday in Paris is Friday already in Auckland, where somebody is away."""
    thursday_night = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
    kiwi = replace(
        INES,
        hours=Hours.parse("mon-fri 9-18", "Pacific/Auckland"),
        away=(Away(date(2026, 11, 27), date(2026, 11, 27)),),
    )
    assert rank("logo", "fr", [kiwi], thursday_night, most=MOST) == ()


def test_one_perfect_order_weighs_less_than_twenty_good_ones() -> None:
    """Small samples are smoothed (design: people 5)."""
    prior = Score(400, 5)
    assert smoothed(Score(500, 1), prior) < smoothed(Score(480, 23), prior)
    assert smoothed(Score(0, 0), prior) == 400


# --- what the catalogue's file says, and what was changed by command ----------------------------------------------

_HOLIDAY, _PAUSE = Away(date(2026, 12, 21), date(2027, 1, 3)), Away(date(2026, 11, 23), date(2026, 11, 27))


def _terms(standing: Standing = Standing.APPROVED, logo: int | None = 13_000, *away: Away) -> Terms:
    return Terms(standing, () if logo is None else (Rate("logo", logo),), away)


@pytest.mark.parametrize(
    ("base", "now", "file", "holds", "told"),
    [
        (_terms(), _terms(), _terms(), _terms(), []),
        (_terms(), _terms(logo=14_500), _terms(), _terms(logo=14_500), [("rates.logo", COMMAND)]),
        (_terms(), _terms(logo=14_500), _terms(logo=14_500), _terms(logo=14_500), []),
        (_terms(), _terms(logo=14_500), _terms(logo=15_000), _terms(logo=15_000), [("rates.logo", FILE)]),
        (_terms(), _terms(), _terms(logo=15_000), _terms(logo=15_000), []),
        (_terms(), _terms(), _terms(logo=None), _terms(logo=None), []),
        (_terms(logo=None), _terms(), _terms(logo=None), _terms(), [("rates.logo", COMMAND)]),
        (_terms(), _terms(Standing.SUSPENDED), _terms(), _terms(Standing.SUSPENDED), [("standing", COMMAND)]),
        (_terms(Standing.CANDIDATE), _terms(Standing.SUSPENDED), _terms(), _terms(), [("standing", FILE)]),
    ],
)
def test_what_a_command_changed_stays_unless_the_file_changes_it(
    base: Terms, now: Terms, file: Terms, holds: Terms, told: list[tuple[str, str]]
) -> None:
    """The file is the beginning: applied again it undoes nothing, and where the two differ both are told."""
    found, differences = merged(base, now, file)
    assert found == holds
    assert [(one.what, one.holds) for one in differences] == told


def test_away_dates_add_up() -> None:
    """A holiday of the file and a pause of theirs are both kept; each goes with whoever put it there."""
    both = _terms(Standing.APPROVED, 13_000, _PAUSE, _HOLIDAY)
    of_file = _terms(Standing.APPROVED, 13_000, _HOLIDAY)
    paused = _terms(Standing.APPROVED, 13_000, _PAUSE)
    assert merged(of_file, both, of_file)[0] == both
    assert merged(of_file, both, _terms())[0] == paused
    assert merged(_terms(), paused, of_file)[0] == both
    cut, told = merged(of_file, _terms(), of_file)
    assert (cut, [(one.file, one.command) for one in told]) == (_terms(), [("2026-12-21..2027-01-03", "")])
