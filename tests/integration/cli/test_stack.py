"""Finding the stack: where it is not, a sentence says what to do, and no traceback."""

from typing import Any

import boto3
import pytest

COMMANDS = (("order", "list"), ("roster", "list"), ("ledger", "check"), ("clock",), ("secrets", "list"))


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_stack_every_command_says_how_to_deploy_one(aws: None, relais: Any, command: tuple[str, ...]) -> None:
    """Exit 2: it cannot be done from here."""
    said = relais(*command)
    assert (said.code, said.out) == (2, "")
    assert "no stack relais-dev-data in region eu-west-3" in said.err
    assert "make deploy STAGE=dev" in said.err
    assert relais(*command, "--json").json["error"]["name"] == "StackMissingError"


def test_another_region_is_named_where_the_stack_is_not(
    world: Any, relais: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong region is the commonest reason for an empty account."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    said = relais("order", "list")
    assert (said.code, "in region eu-central-1" in said.err, "AWS_REGION" in said.err) == (2, True, True)


def test_another_stage_is_another_stack(world: Any, relais: Any) -> None:
    """Nothing of dev is ever shown as prod."""
    said = relais("order", "list", "--stage", "prod")
    assert (said.code, "relais-prod-data" in said.err) == (2, True)


def test_a_region_that_nobody_set_is_the_products_own(world: Any, relais: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Design 7: everything stands in eu-west-3."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")
    assert relais("order", "list", "--json").json == []


def test_a_stack_that_was_never_finished_is_told_with_its_state(aws: None, relais: Any) -> None:
    """Half a deployment has no outputs; going on would read the wrong table."""
    formation = boto3.client("cloudformation", region_name="eu-west-3")
    body = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'
    formation.create_stack(StackName="relais-dev-data", TemplateBody=body)
    said = relais("roster", "list")
    assert said.code == 2
    assert "CREATE_COMPLETE" in said.err
    assert "TableName" in said.err


def test_a_table_that_is_gone_is_a_sentence(world: Any, relais: Any) -> None:
    """The outputs outlived what they name."""
    boto3.client("dynamodb", region_name="eu-west-3").delete_table(TableName="relais-dev")
    said = relais("roster", "list")
    assert (said.code, "deploy the stack again" in said.err) == (2, True)
