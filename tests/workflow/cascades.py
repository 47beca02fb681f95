"""Who is asked, one after the other or at once, until somebody says yes or the seller decides."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from devstack.simulation.world import World
from relais.calendar import Away
from relais.gate import Choice, Gate, Kind, Status
from relais.roster import Freelancer
from relais.rows import Change, freelancer_key
from relais.score import Axis, Score
from tests.support.journey import Journey
from tests.support.people import hire
from tests.workflow.scenarios import assert_completed, finish, scenario
from tests.workflow.ways_out import assert_given_back, cancel, way_out


def in_hand(world: World) -> dict[str, int]:
    """Whose hands are not empty."""
    return {row["key"]: row["in_hand"] for row in world.rows("ROSTER") if row["in_hand"]}


def proposals(journey: Journey) -> list[Gate]:
    """The open proposals."""
    return [gate for gate in journey.gates if gate.id.kind is Kind.PROPOSAL and gate.status is Status.OPEN]


def to_two_at_once(world: World) -> Journey:
    """Two have declined one after the other: the next two are asked together."""
    for key in ("anna", "bruno", "chloe"):
        hire(world, key)
    journey = Journey(world).to_assign()
    journey.answer_as(proposals(journey)[0].owner, "again")
    journey.answer_as(proposals(journey)[0].owner, "again")
    assert len(proposals(journey)) == 2
    return journey


@scenario
def two_at_once_and_the_first_yes_wins(world: World) -> None:
    """The other is told so by mail and page, their place is free again, and the second yes changes nothing."""
    journey = to_two_at_once(world)
    first, second = (gate.owner for gate in proposals(journey))
    form = journey.form_as(first)
    since = len(world.mails)
    journey.answer_as(second, "accepted")
    assert journey.stage == "work"
    assert journey.milestone.engagement.freelancer == second
    assert in_hand(world) == {second: 1}
    told = [mail for mail in world.mails[since:] if mail.to == f"{first}@roster.example"]
    assert len(told) == 1
    assert "quelqu’un a répondu avant vous" in told[0].subject
    assert "aucun effet sur votre note" in told[0].body
    late = world.send(form, choice="accepted", note="")
    assert "quelqu’un a répondu avant vous" in late.text
    assert in_hand(world) == {second: 1}


@scenario
def two_at_once_and_one_declines(world: World) -> None:
    """A no of one leaves the question with the other; the order advances only with the last."""
    journey = to_two_at_once(world)
    first, second = (gate.owner for gate in proposals(journey))
    ordinal = journey.order.ordinal
    journey.answer_as(first, "again")
    assert (journey.order.ordinal, in_hand(world)) == (ordinal, {second: 1})
    journey.answer_as(second, "again")
    assert journey.order.ordinal == ordinal + 1
    assert [gate.owner for gate in proposals(journey)] == ["studio-nord"]
    finish(journey)


@scenario
def two_at_once_and_both_lapse(world: World) -> None:
    """Each lapses by their own clock; nobody's place stays taken."""
    journey = to_two_at_once(world)
    world.go_to(max(gate.deadline for gate in proposals(journey) if gate.deadline))
    world.pass_time(minutes=11)
    assert [gate.owner for gate in proposals(journey)] == ["studio-nord"]
    assert in_hand(world) == {"studio-nord": 1}


@way_out
def two_at_once_and_cancelled(world: World) -> None:
    """A cancellation closes both questions, tells both and gives both places back."""
    journey = to_two_at_once(world)
    asked = {gate.owner for gate in proposals(journey)}
    since = len(world.mails)
    cancel(journey)
    assert proposals(journey) == []
    assert {mail.to for mail in world.mails[since:]} >= {f"{owner}@roster.example" for owner in asked}
    assert_given_back(journey)


@scenario
def two_at_once_opened_by_a_new_run(world: World) -> None:
    """A newer run finds both questions open, asks nobody again, and goes on with whichever says yes."""
    journey = to_two_at_once(world)
    asked = [gate.id for gate in proposals(journey)]
    world.ports.store.write(Change(journey.head, put={"run": 2}))
    world.ports.machine.stop(journey.id, 1, "test")
    world.ports.machine.start(journey.id, 2)
    world.settle()
    assert [gate.id for gate in proposals(journey)] == asked
    world.ports.machine.succeed(journey.token_of(proposals(journey)[1]), "something_new")
    world.settle()
    assert (journey.stage, proposals(journey), in_hand(world)) == ("park", [], {})
    journey.answer("park", "retry")
    assert len(proposals(journey)) == 2
    journey.answer_as(proposals(journey)[1].owner, "accepted")
    assert journey.stage == "work"


@way_out
def everybody_declines_however_many_there_are(world: World) -> None:
    """A large roster is asked in bounded rounds, nobody twice, then the seller (design: failures 32)."""
    for number in range(30):
        hire(world, f"maker-{number:02d}")
    journey = Journey(world).to_assign()
    asked: Counter[str] = Counter()
    for _ in range(60):
        if journey.stage != "assign":
            break
        owner = proposals(journey)[0].owner
        asked[owner] += 1
        assert max(in_hand(world).values()) <= 1
        journey.answer_as(owner, "again")
    assert journey.stage == "pick"
    assert (max(asked.values()), len(asked)) == (1, 2 + 4 * 2 + 1)
    assert len(world.engine.entered(f"{journey.id}-1")) * 8 < 2_000
    assert in_hand(world) == {}
    journey.answer("pick", "refund")
    assert_given_back(journey)


@scenario
def picked_who_declines(world: World) -> None:
    """Whom the seller picks is asked once; a no comes back to the seller."""
    journey = to_pick(world)
    journey.answer("pick", "picked", freelancer="studio-nord")
    assert journey.open_gate.owner == "studio-nord"
    journey.answer("proposal", "again")
    assert journey.stage == "pick"
    journey.answer("pick", "picked", freelancer="ines-moreau")
    finish(journey)


def to_pick(world: World) -> Journey:
    """Nobody of the roster takes it."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    assert journey.stage == "pick"
    return journey


@scenario
def done_by_the_seller(world: World) -> None:
    """The seller does it: no proposal, no review of their own work, no hold, no transfer; a change comes to them."""
    journey = to_pick(world)
    journey.answer("pick", "self")
    assert (journey.stage, in_hand(world)) == ("work", {"claire-fontaine": 1})
    assert journey.open_gate.owner == "seller"
    journey.deliver()
    assert journey.stage == "acceptance"
    journey.answer("acceptance", "revise", "Plus grand.")
    journey.deliver(b"\x89PNG 2")
    journey.answer("acceptance", "accept")
    world.pass_time(minutes=11)
    world.pass_time(hours=30)
    assert (journey.order.stage.value, world.transfers(), in_hand(world)) == ("completed", [], {})
    engaged = journey.milestone.engagement
    assert (engaged.kind.value, engaged.agreed) == ("self", 0)


@scenario
def bought_outside(world: World) -> None:
    """What was bought elsewhere is told with cost and receipt; a form that lacks one comes back with the rest."""
    journey = to_pick(world)
    refused = journey.answer("pick", "outside", spent="95", bought_at="Plateforme", receipt="")
    assert (refused.status, journey.stage) == (422, "pick")
    assert refused.form("spent").fields["bought_at"] == "Plateforme"
    journey.answer("pick", "outside", spent="95,50", bought_at="Plateforme", receipt="R-17")
    assert journey.open_gate.owner == "seller"
    assert in_hand(world) == {}
    journey.deliver()
    journey.answer("acceptance", "accept")
    world.pass_time(minutes=11)
    world.pass_time(hours=30)
    assert (journey.order.stage.value, world.transfers()) == ("completed", [])
    engaged = journey.milestone.engagement
    assert (engaged.kind.value, engaged.spent, engaged.receipt) == ("outside", 9_550, "R-17")
    booked = [row for row in journey.entries() if row["kind"] == "bought_outside"]
    assert [row["postings"] for row in booked] == [[["cost.work", 9_550, "eur"], ["bank", -9_550, "eur"]]]


@way_out
def bought_outside_and_cancelled(world: World) -> None:
    """The client has it back, nobody is paid a kill fee, and what was spent stays the seller's cost."""
    journey = to_pick(world)
    journey.answer("pick", "outside", spent="95", bought_at="Plateforme", receipt="R-17")
    cancel(journey)
    assert_given_back(journey)


@scenario
def waiting_until_a_date(world: World) -> None:
    """Nobody is asked before the date; then those who were not free before, and the seller again."""
    hire(world, "dora", in_hand=1)
    journey = to_pick(world)
    for until in ("", "2026-11-23", "2027-06-01"):
        assert journey.answer("pick", "wait", until=until).status == 422
    journey.answer("pick", "wait", until="2026-12-01")
    assert (journey.stage, journey.open_gate.owner) == ("assign", "clock")
    world.ports.store.write(Change(freelancer_key("dora"), put={"in_hand": 0}))
    since = len(world.mails)
    world.pass_time(days=3)
    assert world.mails[since:] == []
    deadline = journey.open_gate.deadline
    assert deadline is not None
    assert deadline.isoformat() == "2026-12-01T08:00:00+00:00"
    world.go_to(deadline + timedelta(minutes=11))
    assert journey.open_gate.owner == "dora"
    journey.answer("proposal", "again")
    assert journey.stage == "pick"
    world.go_to(world.now() + timedelta(days=1))
    journey.answer("pick", "self")
    assert journey.stage == "work"
    assert Choice.WAIT in {choice for gate in journey.gates for choice in gate.choices}


@scenario
def away_for_most_of_the_work(world: World) -> None:
    """Somebody who leaves tomorrow for the whole time is not asked; the next is."""
    row = world.row(freelancer_key("ines-moreau"))
    ines = replace(Freelancer.from_row(row), away=(Away(date(2026, 11, 24), date(2026, 12, 4)),))
    world.ports.store.write(Change(freelancer_key("ines-moreau"), put={"away": ines.to_row()["away"]}))
    journey = Journey(world).to_assign()
    assert journey.open_gate.owner == "studio-nord"
    finish(journey)
    assert_completed(journey)


def score_events(world: World, key: str) -> list[tuple[str, int, str]]:
    """What changed somebody's scores, oldest first."""
    return [(row["axis"], row["value"], row["cause"]) for row in world.rows(f"F#{key}")]


@scenario
def scores_follow_what_happens(world: World) -> None:
    """Silence costs, a no does not; a date that was kept and a version that had to be sent back once count."""
    hire(world, "anna", quality=Score(500, 40))
    hire(world, "bruno", quality=Score(490, 40))
    journey = Journey(world).to_assign()
    deadline = journey.open_gate.deadline
    assert (journey.open_gate.owner, deadline is not None) == ("anna", True)
    world.go_to(deadline + timedelta(minutes=11))
    journey.answer("proposal", "again")
    assert score_events(world, "anna") == [("responsiveness", 0, "lapsed")]
    assert score_events(world, "bruno") == [("responsiveness", 100, "declined")]
    journey.answer_as(proposals(journey)[0].owner, "accepted")
    maker = journey.milestone.engagement.freelancer
    journey.deliver()
    journey.answer("review", "rework", "Plus grand.")
    due = journey.open_gate.deadline
    assert due is not None
    world.go_to(due + timedelta(minutes=11))
    journey.deliver(b"\x89PNG 2")
    journey.answer("review", "approve")
    assert set(score_events(world, maker)) == {
        ("responsiveness", 100, "accepted"),
        ("punctuality", 100, "on_time"),
        ("punctuality", 0, "late"),
        ("quality", 400, "approved"),
    }
    silent = Freelancer.from_row(world.row(freelancer_key("anna")))
    assert silent.seen(Axis.RESPONSIVENESS, world.now()).mean < Score(94, 26).mean


@scenario
def the_seller_is_shown_why(world: World) -> None:
    """The ranking that the proposal was made from stands on the review page with its numbers."""
    journey = Journey(world).to_review()
    page = world.get(world.link("review", journey.id))
    assert "Pourquoi Inès Moreau" in page.text
    assert "Ensuite venaient" in page.text
    assert "Studio Nord" in page.text
    finish(journey)
