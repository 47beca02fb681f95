"""The shape of the shipped definition: what holds for a gate holds for each, and it agrees with the code."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relais.gate import Choice, Default, Gate, GateId, Kind, Role
from relais.order import MilestoneStage, OrderStage
from relais.steps.decisions import REASSIGNABLE, ChoiceNotRoutedError, stage_after
from relais.steps.gates import CANCELLED, PARKED, REASSIGNED, interruptible, stage_of
from relais.steps.situation import Situation

DEFINITION: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent.parent / "statemachines" / "order.asl.json").read_text(encoding="utf-8")
)
INNER: dict[str, Any] = DEFINITION["States"]["Milestones"]["ItemProcessor"]["States"]
STATES: dict[str, Any] = DEFINITION["States"] | INNER
INTERRUPTIONS = {CANCELLED}
"""The errors by which a decision on the whole order reaches a gate (design: workflow section 2)."""
UNDISTURBED = cast("Situation", SimpleNamespace(milestone=None))
"""An order of which no money is under way."""
UNROUTED = {Choice.PARK, Choice.CANCELLED, Choice.REASSIGNED, Choice.GIVE_UP}
"""Answers that fail the state: its catchers route them."""
THIRTY_DAYS = 30 * 24 * 3600


def payload(state: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = state["Arguments"]["Payload"]
    return found


GATES = {name: state for name, state in STATES.items() if state.get("Resource", "").endswith(".waitForTaskToken")}
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
CHOICES = {name: state for name, state in STATES.items() if state["Type"] == "Choice"}


def routed(choice: dict[str, Any]) -> dict[str, str]:
    """The outcomes that a Choice knows, and where each leads."""
    return {re.findall(r"'(\w+)'", rule["Condition"])[0]: rule["Next"] for rule in choice["Choices"]}


def leads_to(name: str, outcome: str) -> str | None:
    """The state that an outcome of a gate leads to, or nothing at the map's end."""
    following = GATES[name].get("Next")
    return routed(CHOICES[following])[outcome] if following in CHOICES else following


def stage_at(name: str | None) -> str:
    """The stage that the table holds while a state waits."""
    match name:
        case None | "Closed":
            return MilestoneStage.CLOSED.value
        case "Milestones":
            return OrderStage.MILESTONES.value
        case "Close":
            return OrderStage.CLOSE.value
        case _:
            return str(payload(STATES[name])["stage"])


def gate_of(name: str) -> Gate:
    """The gate that a state opens."""
    return gate_at(payload(GATES[name])["stage"], "00" if name in DEFINITION["States"] else "01")


def gate_at(stage: str, number: str) -> Gate:
    """A gate that stands at a stage of an order (`00`) or of a milestone."""
    kind = next(kind for kind in Kind if stage_of(kind, of_order=number == "00") == stage)
    return Gate(
        order="o",
        id=GateId(number, kind, 1),
        role=Role.SELLER,
        owner="seller",
        lang="fr",
        choices=(),
        default=Default.STAY,
        opened=datetime(2026, 1, 1, tzinfo=UTC),
        deadline=None,
    )


def caught_by(name: str) -> dict[str, str]:
    """The errors that a state catches, and where each leads."""
    return {error: catcher["Next"] for catcher in TASKS[name]["Catch"] for error in catcher["ErrorEquals"]}


EVERY_OUTCOME = [(name, outcome) for name, gate in GATES.items() for outcome in payload(gate)["choices"]]


@pytest.mark.parametrize("name", GATES)
def test_a_gate_offers_what_the_choice_behind_it_routes(name: str) -> None:
    """An answer without a way would park an order for nothing; a way without an answer is never walked."""
    following, choices = GATES[name].get("Next"), payload(GATES[name])["choices"]
    if following in CHOICES:
        assert set(routed(CHOICES[following])) == set(choices)
    elif following is not None:
        assert len(choices) == 1


def test_entrance_way_back_and_stages_agree() -> None:
    """A new run can enter every stage that a milestone can be at, and a park can lead back to each."""
    stages = {stage.value for stage in MilestoneStage} - {MilestoneStage.PENDING.value}
    assert set(routed(INNER["At"])) == stages
    assert set(routed(INNER["Back"])) == stages - {MilestoneStage.PARK.value}
    assert routed(INNER["Back"]).items() <= routed(INNER["At"]).items()
    for stage, target in routed(INNER["At"]).items():
        assert stage_at(target) == stage


def test_a_run_enters_every_stage_of_an_order() -> None:
    """A stage of its workflow that no run could enter would end in a park."""
    living = set(OrderStage) - {OrderStage.DRAFT, OrderStage.PAID, OrderStage.PARK, OrderStage.COMPLETED}
    assert set(routed(STATES["Where"])) == {stage.value for stage in living} | {"close"}
    for stage, target in routed(STATES["Where"]).items():
        assert stage == "close" or stage_at(target) == stage


@pytest.mark.parametrize(("name", "outcome"), EVERY_OUTCOME)
def test_the_table_moves_where_the_definition_goes(name: str, outcome: str) -> None:
    """The decision writes the next stage, the Choice enters the next state: one fact, in two places."""
    gate = gate_of(name)
    if leads_to(name, outcome) == "Reenter":
        assert stage_after(gate, Choice(outcome), "brief") == "brief"
        return
    assert stage_after(gate, Choice(outcome), None) == stage_at(leads_to(name, outcome))


@pytest.mark.parametrize("number", ["00", "01"])
@pytest.mark.parametrize("kind", Kind)
def test_an_answer_that_no_gate_of_its_kind_has_is_refused(kind: Kind, number: str) -> None:
    """What the definition would not route must not be committed either."""
    known = {(payload(GATES[name])["stage"], outcome) for name, outcome in EVERY_OUTCOME}
    gate = gate_at(stage_of(kind, of_order=number == "00"), number)
    for choice in set(Choice) - UNROUTED:
        if (stage_of(kind, of_order=number == "00"), choice.value) in known:
            continue
        with pytest.raises(ChoiceNotRoutedError):
            stage_after(gate, choice, "brief")


@pytest.mark.parametrize("name", TASKS)
def test_every_task_lets_an_older_run_end_quietly_and_parks_the_rest(name: str) -> None:
    """No error ends an order unseen: an older run leaves, everything else is parked; parks themselves end in a Fail."""
    inside, caught = name in INNER, caught_by(name)
    parks = {True: {"Park": "Unparked"}.get(name, "Park"), False: {"ParkOrder": "Parked"}.get(name, "ParkOrder")}
    assert set(caught) - INTERRUPTIONS - {REASSIGNED} == {"SupersededError", "States.ALL"}
    assert caught["SupersededError"] == ("Closed" if inside else "Left")
    assert caught["States.ALL"] == parks[inside]
    assert [catcher["ErrorEquals"] for catcher in TASKS[name]["Catch"]][-1] == ["States.ALL"]


@pytest.mark.parametrize("name", GATES)
def test_no_gate_lacks_an_interruption_but_the_one_it_leads_to_itself(name: str) -> None:
    """A cancellation that met a gate without a way out would park the order that it was to end."""
    inside, caught = name in INNER, caught_by(name)
    leads = "Refund" if inside else "Unwind"
    if name == leads:
        assert not INTERRUPTIONS & set(caught)
        return
    assert {error: caught[error] for error in INTERRUPTIONS} == dict.fromkeys(INTERRUPTIONS, leads)
    assert stage_after(gate_of(name), Choice.CANCELLED, None) == stage_at(leads)


def test_work_goes_to_somebody_else_from_every_gate_before_its_acceptance() -> None:
    """Where a reassignment leads is the same fact in the table and in the definition."""
    caught = {name: caught_by(name)[REASSIGNED] for name in GATES if REASSIGNED in caught_by(name)}
    assert caught == {name: "Reassign" for name in INNER if name in GATES and gate_of(name).id.kind in REASSIGNABLE}
    for name in caught:
        assert stage_after(gate_of(name), Choice.REASSIGNED, None) == stage_at("Reassign")


def test_only_gates_are_interrupted() -> None:
    """A task without a token cannot be answered: what it catches by that name would never come."""
    assert [name for name in set(TASKS) - set(GATES) if INTERRUPTIONS & set(caught_by(name))] == []


def test_the_table_interrupts_the_gates_that_the_definition_can_route() -> None:
    """The sweep passes over the ways out, for their states would retry what fails them."""
    closed = {name for name in GATES if not interruptible(UNDISTURBED, gate_of(name))}
    assert closed == {name for name in GATES if not INTERRUPTIONS & set(caught_by(name))}


@pytest.mark.parametrize("name", GATES)
def test_every_gate_waits_thirty_days_and_opens_again(name: str) -> None:
    """Thirty days end a token, not a question: the gate opens again. Errors are retried, interruptions never."""
    gate = GATES[name]
    retries = {
        error: (one.get("MaxAttempts"), one.get("JitterStrategy"))
        for one in gate["Retry"]
        for error in one["ErrorEquals"]
    }
    assert gate["TimeoutSeconds"] == THIRTY_DAYS
    assert retries == {
        **dict.fromkeys(("SupersededError", PARKED, REASSIGNED, *INTERRUPTIONS), (0, None)),
        "States.Timeout": (12, None),
        "States.ALL": (6, "FULL"),
    }


@pytest.mark.parametrize("name", GATES)
def test_every_gate_passes_the_same_things(name: str) -> None:
    """What ties old definitions to new code: ids, run, attempt, token, stage and outcomes; no durations, no data."""
    given = payload(GATES[name])
    assert set(given) == {"order", "run", "milestone", "stage", "choices", "attempt", "token"}
    assert given["attempt"] == payload(GATES["Brief"])["attempt"]
    assert given["milestone"] == ("{% $m %}" if name in INNER else "00")


def test_no_choice_lacks_a_default() -> None:
    """An outcome of tomorrow's code must not fail a definition of today."""
    assert [name for name, choice in CHOICES.items() if not choice.get("Default")] == []


def test_the_map_assigns_no_variable_of_the_order() -> None:
    """An inner variable of an outer name would shadow it; Step Functions refuses that at deployment."""

    def assigned(states: dict[str, Any]) -> set[str]:
        parts = [
            part for state in states.values() for part in (state, *state.get("Choices", []), *state.get("Catch", []))
        ]
        return {name for part in parts for name in part.get("Assign", {})}

    assert assigned(INNER) & assigned(DEFINITION["States"]) == set()


def test_nothing_waits_but_gates() -> None:
    """Time is an input: the definition holds no durations, so that a test can play six months."""
    assert {state["Type"] for state in STATES.values()} <= {"Task", "Choice", "Map", "Pass", "Succeed", "Fail"}


def test_no_state_catches_into_itself() -> None:
    """A state that leads its errors to itself would run for ever, invisibly."""
    assert [name for name, state in STATES.items() for one in state.get("Catch", []) if one["Next"] == name] == []


def test_every_state_is_reached_by_another() -> None:
    """A state ships with the work that needs it."""
    reached = {DEFINITION["StartAt"], DEFINITION["States"]["Milestones"]["ItemProcessor"]["StartAt"]}
    for state in STATES.values():
        reached |= {state.get("Next"), state.get("Default")}
        reached |= {rule["Next"] for part in ("Choices", "Catch") for rule in state.get(part, [])}
    assert set(STATES) - reached == set()
