"""What clients say of accepted work, as its people live it. Design: people 5."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from devstack.simulation.pages import Page
from devstack.simulation.world import World, world_in_memory
from relais import score
from relais.gate import Gate, Kind, Status
from relais.roster import tally_names
from relais.rows import freelancer_key
from relais.score import Axis, Cause, Event
from relais.steps import rating
from tests.support.journey import Journey
from tests.workflow.scenarios import SELLER

INES, MAKER = "ines-moreau", "ines@moreau-graphisme.example"


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def done(world: World) -> Journey:
    journey = Journey(world).to_hold()
    world.pass_time(days=5)
    return journey


def rate(journey: Journey, stars: str = "2", note: str = "Trop simple pour nous.") -> Page:
    return journey.world.send(
        journey.world.get(journey.page).form("stars"), stars=stars, note=note, milestone="01", action="rate"
    )


def only(journey: Journey, kind: Kind) -> Gate:
    (gate,) = [gate for gate in journey.gates if gate.id.kind is kind]
    return gate


def quality(world: World) -> tuple[int, int]:
    total, weights = tally_names(Axis.QUALITY)
    row = world.row(freelancer_key(INES))
    return row.get(total, 0), row.get(weights, 0)


def causes(world: World) -> list[Cause]:
    rows = [row for row in world.rows(f"F#{INES}") if row["sk"].startswith("S#")]
    return [Event.from_row(row).cause for row in sorted(rows, key=lambda row: row["sk"])]


def test_a_rating_counts_for_the_quality_of_whoever_made_it(world: World) -> None:
    """After the end as well; with its cause, and its maker reads stars and words (people 5)."""
    journey = done(world)
    (total, weights), mails = quality(world), len(world.mails)
    assert rate(journey).status == 303
    weight = score.weight(world.now(), 180)
    assert quality(world) == (total + 200 * weight, weights + weight)
    assert causes(world)[-1] is Cause.RATED
    (mail, told) = world.mails[mails:]
    assert (mail.to, "2 sur 5" in mail.subject, "Trop simple" in mail.body) == (MAKER, True, True)
    assert (told.to, "2 sur 5" in told.subject, "Trop simple" in told.body) == (SELLER, True, True)
    assert [link for link in told.links if "/g/" in link] == []  # the maker's own: the seller's comes with an appeal
    assert "Merci pour votre avis" in world.get(journey.page).text


def test_a_good_rating_is_no_mail_to_the_seller(world: World) -> None:
    """They read it on the desk: only an unhappy client is to be called (people 4)."""
    journey, count = done(world), len(world.mails)
    rate(journey, "3")
    assert [mail.to for mail in world.mails[count:]] == [MAKER]


def test_it_is_given_once_and_only_to_what_was_accepted(world: World) -> None:
    """Two presses are one rating; before the yes there is nothing to rate, and one without stars comes back."""
    early = Journey(world).to_acceptance()
    assert not [form for form in world.get(early.page).forms if "stars" in form.names]
    journey = done(world)
    form = world.get(journey.page).form("stars")
    back = world.send(form, note="Bien.", milestone="01", action="rate")
    assert (back.status, back.form("stars").fields["note"].strip()) == (422, "Bien.")
    assert rate(journey).status == 303
    counted = quality(world)
    assert world.send(form, stars="1", note="", milestone="01", action="rate").status == 422
    assert quality(world) == counted
    assert early.milestone.rated == 0


def test_a_rating_that_is_struck_does_not_count_whenever_that_is(world: World) -> None:
    """Taken out at the weight it was put in with, as if it had never been; the maker appeals once and is told."""
    journey = done(world)
    before = quality(world)
    rate(journey)
    world.pass_time(days=5)
    journey.answer("rating", "appeal", "Le brief demandait cela.")
    page = world.get(world.link("appeal", journey.id))
    assert "Trop simple pour nous." in page.text
    assert "Le brief demandait cela." in page.text
    world.pass_time(days=6)
    mails = len(world.mails)
    journey.answer("appeal", "strike")
    assert quality(world) == before
    assert causes(world)[-2:] == [Cause.RATED, Cause.STRUCK]
    assert [mail.to for mail in world.mails[mails:]] == [MAKER]


def test_the_seller_keeps_a_rating(world: World) -> None:
    """It counts as before; the maker is told."""
    journey = done(world)
    rate(journey)
    counted = quality(world)
    journey.answer("rating", "appeal", "Le brief demandait cela.")
    journey.answer("appeal", "keep")
    assert quality(world) == counted
    assert only(journey, Kind.APPEAL).status is Status.ANSWERED


def test_an_appeal_waits_for_the_seller_and_a_rating_for_nobody(world: World) -> None:
    """A seller's silence decides nothing; a maker who does not appeal is not reminded, and the rating stands."""
    quiet, loud = done(world), done(world)
    rate(quiet)
    rate(loud)
    loud.answer("rating", "appeal", "Non.")
    mails = len(world.mails)
    world.pass_time(days=16)
    assert only(quiet, Kind.RATING).status is Status.ANSWERED
    assert only(loud, Kind.APPEAL).status is Status.OPEN
    told = [mail.to for mail in world.mails[mails:]]
    assert MAKER not in told
    assert SELLER in told


def test_words_that_name_somebody_are_read_by_the_seller_alone(world: World) -> None:
    """Where people are hidden from each other, a review is no way around it (promise of the offer's disclosure)."""
    journey = done(world)
    mails = len(world.mails)
    rate(journey, note="Appelez-moi au 06 12 34 56 78.")
    (mail, told) = world.mails[mails:]
    assert "06 12 34 56 78" in told.body.replace("\u00a0", " ")
    assert "06 12 34 56 78" not in mail.body
    assert "06 12 34 56 78" not in world.get(world.link("rating", journey.id)).text
    journey.answer("rating", "appeal", "Injuste.")
    assert "06 12 34 56 78" in world.get(world.link("appeal", journey.id)).text


class Midnights:
    """A clock that strikes midnight at every look."""

    def __init__(self, start: datetime) -> None:
        self.at = start

    def now(self) -> datetime:
        self.at += timedelta(days=1)
        return self.at


def test_a_rating_counts_with_the_weight_that_is_kept_for_striking_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One weight for both, whatever day it becomes while the rating is written: else a struck one leaves a rest."""
    journey = done(world)
    total, weights = quality(world)
    monkeypatch.setitem(world.ports.__dict__, "_clock", Midnights(world.now()))
    gate = rating.rate(world.ports, journey.id, "01", 2, text=None, words="")
    assert gate is not None
    kept = gate.shown["weight"]
    assert quality(world) == (total + 200 * kept, weights + kept)
