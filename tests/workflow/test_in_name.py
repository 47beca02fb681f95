"""What the seller answers and hands in for others: kept as the seller's, told to whom it concerns."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from devstack.simulation.pages import Mail
from devstack.simulation.world import World, world_in_memory
from relais.deed import Deed, What
from relais.gate import AlreadyAnsweredError, ChoiceNotOfferedError, Gate, Kind, Status, Via
from relais.steps import in_name
from relais.steps.deeds import ForbiddenByHandError, ReasonMissingError, deeds_of
from relais.steps.in_name import QuestionUnknownError, TypedWrongError
from tests.support.gates import Waiting, at_every_gate
from tests.support.journey import ANSWERS, Journey
from tests.workflow.late import to_late
from tests.workflow.scenarios import finish

MARIE = "marie@gmail.com"
MAKER = "ines@moreau-graphisme.example"
PHONE = "au téléphone, mardi 14 h 10"
UNTIL = "2026-12-10"


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def deeds(journey: Journey) -> tuple[Deed, ...]:
    return deeds_of(journey.world.ports, journey.id)


def since(world: World, count: int, to: str) -> list[Mail]:
    world.pass_time(minutes=3)
    return [mail for mail in world.mails[count:] if mail.to == to]


def of_kind(journey: Journey, kind: Kind) -> Gate:
    """The newest gate of a kind."""
    return [gate for gate in journey.gates if gate.id.kind is kind][-1]


def answer(journey: Journey, kind: Kind, choice: str, **typed: str) -> Gate:
    gate = of_kind(journey, kind)
    decided = in_name.answer_for(journey.world.ports, journey.id, str(gate.id), choice, typed, reason=PHONE)
    journey.world.settle()
    return decided


# Answers ------------------------------------------------------------------------------------------------------------


def test_a_clients_yes_by_phone_is_kept_as_the_sellers_and_told(world: World) -> None:
    """It releases money: the row says who gave it and how, and the client may object at once."""
    journey = Journey(world).to_acceptance()
    count = len(world.mails)
    decided = answer(journey, Kind.ACCEPTANCE, "accept")
    assert decided.decision is not None
    assert (decided.decision.by, decided.decision.via) == ("seller", Via.COMMAND)
    (done,) = deeds(journey)
    assert (done.what, done.gate, done.tells) == (What.ANSWERED, str(decided.id), ("client",))
    assert world.ports.files.get_text(done.reason) == PHONE
    assert PHONE not in str(world.rows(f"O#{journey.id}"))
    noted = [mail for mail in since(world, count, MARIE) if "notée pour vous" in mail.subject]
    assert ["accepté" in mail.body for mail in noted] == [True]
    assert journey.milestone.spoken
    finish(journey)


def test_a_freelancers_yes_by_phone_binds_them_and_leads_to_their_page(world: World) -> None:
    """The work's own mail follows as ever."""
    journey = Journey(world).to_assign()
    count = len(world.mails)
    answer(journey, Kind.PROPOSAL, "accepted")
    assert (journey.stage, journey.milestone.engagement.freelancer) == ("work", "ines-moreau")
    subjects = [mail.subject for mail in since(world, count, MAKER)]
    assert len([one for one in subjects if "notée pour vous" in one]) == 1
    assert len(subjects) == 2
    finish(journey)


def test_what_a_page_would_ask_the_command_asks_too(world: World) -> None:
    """Words, dates, sums: nothing is taken that the form would send back."""
    journey = Journey(world).to_acceptance()
    with pytest.raises(TypedWrongError, match="note"):
        answer(journey, Kind.ACCEPTANCE, "revise")
    with pytest.raises(ChoiceNotOfferedError):
        answer(journey, Kind.ACCEPTANCE, "refund")
    with pytest.raises(ReasonMissingError):
        in_name.answer_for(world.ports, journey.id, str(journey.open_gate.id), "accept", {}, reason=" ")
    assert deeds(journey) == ()
    answer(journey, Kind.ACCEPTANCE, "revise", note="Le bleu, plus clair.")
    assert "Le bleu, plus clair." in world.get(world.link("work", journey.id)).text
    late = to_late(world)
    with pytest.raises(TypedWrongError, match="until"):
        answer(late, Kind.LATE, "wait")
    answer(late, Kind.LATE, "wait", until="2026-12-01")
    assert of_kind(late, Kind.LATE).status is Status.ANSWERED


def test_a_part_is_proposed_without_a_second_page(world: World) -> None:
    """The command names the sum and the reason: there is nothing to look at again."""
    journey = Journey(world).to_acceptance()
    answer(journey, Kind.ACCEPTANCE, "request", note="Le nom est mal écrit.")
    answer(journey, Kind.REFUND_REQUEST, "part", amount="60.00", cause="brief_not_met", note="Pour l'erreur.")
    assert (journey.stage, journey.milestone.proposed) == ("settlement", 6_000)
    answer(journey, Kind.SETTLEMENT, "take")
    world.pass_time(days=1)
    assert journey.milestone.refunded == 6_000


def test_the_clock_and_stripe_are_not_answered_for(world: World) -> None:
    """Pay has commands of its own, which know what the law forbids."""
    journey = Journey(world).to_hold()
    with pytest.raises(ForbiddenByHandError, match="release-pay"):
        answer(journey, Kind.HOLD, "release")
    assert journey.stage == "hold"


def test_of_two_who_answer_the_second_is_told(world: World) -> None:
    """The client pressed while the seller typed: one decision, no deed beside it."""
    journey = Journey(world).to_acceptance()
    gate = journey.open_gate
    journey.answer("acceptance", "accept")
    with pytest.raises(AlreadyAnsweredError):
        in_name.answer_for(world.ports, journey.id, str(gate.id), "accept", {}, reason=PHONE)
    assert deeds(journey) == ()


FIELDS = {
    "until": UNTIL,
    "amount": "60.00",
    "cause": "brief_not_met",
    "note": "Comme convenu.",
    "stripe_id": "re_3VmmNa4GuiWdqxJQvaE7Gk7ud",
}
FIRST = {Kind.WORK: "give_up", Kind.PICK: "wait", Kind.LATE: "wait", Kind.REFUND_REQUEST: "part"}


def test_every_open_gate_of_a_person_is_answered_in_their_name(world: World) -> None:
    """Promise 7; the owner of each that is not the seller's is told."""
    found = gates_of(at_every_gate(world))
    answered = {Kind.BRIEF}  # by a command of its own
    for waiting in found:
        gate = open_gate(waiting)
        if gate is None or gate.id.kind is Kind.BRIEF:
            continue  # what waited beside it was answered, and ended it
        answered.add(gate.id.kind)
        choice = FIRST.get(gate.id.kind, gate.choices[0].value)
        typed = dict(FIELDS)
        decided = in_name.answer_for(world.ports, gate.order, str(gate.id), choice, typed, reason=PHONE)
        assert decided.decision is not None, waiting.kind
        assert (decided.decision.by, decided.decision.via) == ("seller", Via.COMMAND), waiting.kind
        (done,) = [one for one in deeds(waiting.journey) if one.gate == str(gate.id)]
        owner = {"client": ("client",), "freelancer": (gate.owner,)}.get(gate.role.value, ())
        assert done.tells == owner, waiting.kind
    assert answered == {Kind(waiting.kind) for waiting in found}
    world.settle()
    world.pass_time(minutes=5)


def gates_of(found: list[Waiting]) -> list[Waiting]:
    """Those that wait at a gate, each once."""
    return [one for one in found if one.kind in set(Kind)]


def open_gate(waiting: Waiting) -> Gate | None:
    found = [gate for gate in waiting.journey.gates if gate.id.kind == waiting.kind and gate.status is Status.OPEN]
    return found[-1] if found else None


# The brief and the files --------------------------------------------------------------------------------------------


BY_PHONE = {name.removeprefix("q_"): text for name, text in ANSWERS.items() if name != "ready"}


def test_a_brief_is_handed_in_for_its_client_on_top_of_what_they_saved(world: World) -> None:
    """Nothing typed is lost; what is missing is named; the client is told what stands in their name."""
    journey = Journey(world).to_brief()
    world.send(world.get(journey.page).form("q_name"), q_name="Boulangerie Aubépine", action="save")
    count = len(world.mails)
    with pytest.raises(TypedWrongError, match="answer missing"):
        in_name.fill_in_brief(world.ports, journey.id, {"activity": "Du pain"}, reason=PHONE)
    with pytest.raises(QuestionUnknownError, match="activity"):
        in_name.fill_in_brief(world.ports, journey.id, {"colour": "Vert"}, reason=PHONE)
    rest = {key: text for key, text in BY_PHONE.items() if key != "name"}
    in_name.fill_in_brief(world.ports, journey.id, rest, reason=PHONE)
    world.settle()
    assert journey.stage == "assign"
    assert "Boulangerie Aubépine" in world.get(journey.page).text
    assert len([mail for mail in since(world, count, MARIE) if "rempli votre brief" in mail.subject]) == 1
    with pytest.raises(ForbiddenByHandError):
        in_name.fill_in_brief(world.ports, journey.id, rest, reason=PHONE)


def test_a_brief_is_corrected_and_whoever_works_by_it_is_told(world: World) -> None:
    """The freelancer reads the corrected one; what it said before is kept with the deed."""
    journey = Journey(world).to_work()
    count = len(world.mails)
    in_name.correct_brief(world.ports, journey.id, {"name": "Boulangerie Aubier"}, reason=PHONE)
    world.settle()
    assert "Boulangerie Aubier" in world.get(world.link("work", journey.id)).text
    assert ANSWERS["q_activity"] in world.get(world.link("work", journey.id)).text
    (done,) = deeds(journey)
    assert done.tells == ("client", "ines-moreau")
    assert "Aubépine" in (world.ports.files.get_text(str(done.facts["was"])) or "")
    assert len([mail for mail in since(world, count, MAKER) if "brief a changé" in mail.subject]) == 1
    assert len([mail for mail in since(world, count, MARIE) if "corrigé" in mail.subject]) == 1
    ended = Journey(world).to_brief()
    with pytest.raises(ForbiddenByHandError, match="no brief"):
        in_name.correct_brief(world.ports, ended.id, {"name": "X"}, reason=PHONE)


def test_files_are_handed_in_for_whoever_made_them(world: World) -> None:
    """The same checks look at them, the review follows, the freelancer is told and keeps what they are owed."""
    journey = Journey(world).to_work()
    count, work = len(world.mails), of_kind(journey, Kind.WORK)
    key = f"files/{journey.id}/{work.id}/0123456789ab-logo.png"
    world.ports.files.put_file(key, io.BytesIO(b"\x89PNG logo"), "image/png")
    with pytest.raises(TypedWrongError, match="file"):
        in_name.hand_in_for(world.ports, journey.id, "01", (), {}, reason=PHONE)
    in_name.hand_in_for(world.ports, journey.id, "01", (key,), {"note": "Reçu par mail."}, reason=PHONE)
    world.settle()
    assert (journey.stage, journey.milestone.version) == ("review", 1)
    assert "logo.png" in world.get(world.link("review", journey.id)).text
    assert len([mail for mail in since(world, count, MAKER) if "remis" in mail.subject]) == 1
    with pytest.raises(ForbiddenByHandError, match="review"):
        in_name.hand_in_for(world.ports, journey.id, "01", (key,), {}, reason=PHONE)
    finish(journey)
