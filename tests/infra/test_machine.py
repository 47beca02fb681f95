"""The state machine as it is deployed. The definition's own shape is checked in a file of its own."""

import json
import re
from pathlib import Path

from tests.infra.reading import Stack, called

DEFINITION = Path(__file__).parent.parent.parent / "statemachines" / "order.asl.json"


def test_every_placeholder_of_the_definition_is_bound_and_every_binding_used(both_stages: tuple[Stack, Stack]) -> None:
    """A placeholder that nobody binds fails the first order; one that nobody uses grants a right for nothing."""
    machine = both_stages[1].only("StepFunctions::StateMachine")["Properties"]
    placeholders = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text(encoding="utf-8")))
    assert placeholders
    assert machine["DefinitionSubstitutions"].keys() == placeholders
    expected = {"EnterOrder", "OpenProposal", "OpenGate", "RunAct", "CloseOrder"}
    assert placeholders <= expected


def test_each_placeholder_leads_to_the_function_of_its_name(service: Stack) -> None:
    """`${OpenGate}` is `open-gate`, by its alias."""
    bound = service.only("StepFunctions::StateMachine")["Properties"]["DefinitionSubstitutions"]
    for placeholder, arn in bound.items():
        words = re.findall(r"[A-Z][a-z]+", placeholder)
        assert called(service, arn) == "-".join(words).lower()


def test_what_is_deployed_is_the_committed_definition(both_stages: tuple[Stack, Stack]) -> None:
    """Promise 6: not a copy, not a variant."""
    machine = both_stages[1].only("StepFunctions::StateMachine")["Properties"]
    assert json.loads(machine["DefinitionString"]) == json.loads(DEFINITION.read_text(encoding="utf-8"))


def test_the_machine_is_standard_traced_and_logs_errors_without_what_people_wrote(
    both_stages: tuple[Stack, Stack],
) -> None:
    """Task tokens travel in the input of a gate's state: they belong in no log."""
    machine = both_stages[1].only("StepFunctions::StateMachine")["Properties"]
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    assert machine["LoggingConfiguration"].get("IncludeExecutionData", False) is False
