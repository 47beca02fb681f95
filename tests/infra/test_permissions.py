"""Least privilege: read from the templates, not from the table that made them."""

from typing import Any

import pytest

from infra.permissions import GRANTS
from relais.adapters.keys import BOOK, DESK, DUE
from tests.infra.reading import Stack, aliases, called, functions, listed, role_of, statements, text

# Resources that are named in part, or not at all, and why.
WILDCARDS = {
    ("xray:PutTraceSegments", "*"): "X-Ray knows no resources for sending traces",
    ("xray:PutTelemetryRecords", "*"): "likewise",
    ("xray:GetSamplingRules", "*"): "likewise",
    ("xray:GetSamplingTargets", "*"): "likewise",
    ("logs:CreateLogDelivery", "*"): "log deliveries have no ARN",
    ("logs:GetLogDelivery", "*"): "likewise",
    ("logs:UpdateLogDelivery", "*"): "likewise",
    ("logs:DeleteLogDelivery", "*"): "likewise",
    ("logs:ListLogDeliveries", "*"): "likewise",
    ("logs:PutResourcePolicy", "*"): "likewise",
    ("logs:DescribeResourcePolicies", "*"): "likewise",
    ("logs:DescribeLogGroups", "*"): "likewise",
    ("s3:GetObject", "arn:aws:s3:::relais-{stage}-files-{AWS::AccountId}/*"): "orders that don't exist yet",
    ("s3:GetObjectVersion", "arn:aws:s3:::relais-{stage}-files-{AWS::AccountId}/*"): "orders that don't exist yet",
    ("s3:PutObject", "arn:aws:s3:::relais-{stage}-files-{AWS::AccountId}/*"): "likewise",
    ("states:DescribeExecution", "arn:aws:states:eu-west-3:{AWS::AccountId}:execution:relais-{stage}:*"): "likewise",
    ("states:GetExecutionHistory", "arn:aws:states:eu-west-3:{AWS::AccountId}:execution:relais-{stage}:*"): "likewise",
    ("states:StopExecution", "arn:aws:states:eu-west-3:{AWS::AccountId}:execution:relais-{stage}:*"): "likewise",
}

READING = {
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "secretsmanager:GetSecretValue",
}
OWN_LOGS_AND_TRACES = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}


def allowed(stack: Stack, name: str) -> set[tuple[str, str]]:
    """Every pair of action and resource that a function is allowed."""
    role = role_of(stack, functions(stack)[name])
    return {
        (action, text(resource))
        for statement in statements(role)
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def identities(stack: Stack) -> list[dict[str, Any]]:
    """Everything that grants something to a principal of ours."""
    return [*stack.of_type("IAM::Role").values(), *stack.of_type("IAM::Policy").values()]


def test_no_action_is_a_wildcard_and_no_resource_outside_the_list(both_stages: tuple[Stack, Stack]) -> None:
    """A new wildcard needs a line and a reason here, as well as an acknowledgement beside the resource."""
    stage = text(both_stages[0].only("DynamoDB::Table")["Properties"]["TableName"]).removeprefix("relais-")
    used = set()
    for stack in both_stages:
        for identity in identities(stack):
            for statement in statements(identity):
                assert statement["Effect"] == "Allow"
                for action in statement["Action"]:
                    assert "*" not in action
                    used |= {(action, text(one)) for one in statement["Resource"] if "*" in text(one)}
    assert used == {(action, resource.replace("{stage}", stage)) for action, resource in WILDCARDS}


def test_every_function_has_a_role_of_its_own(service: Stack) -> None:
    """What one function may do, no other may by accident."""
    roles = [function["Properties"]["Role"]["Fn::GetAtt"][0] for function in functions(service).values()]
    assert len(set(roles)) == len(roles) == len(GRANTS)
    for role in service.of_type("IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


def test_roles_hold_what_the_table_of_permissions_says_and_nothing_else(both_stages: tuple[Stack, Stack]) -> None:
    """The table is the one place to read; a construct that grants something by itself would show here."""
    _, service = both_stages
    for name, grants in GRANTS.items():
        wanted = {action for grant in grants for action in grant.actions}
        assert {action for action, _ in allowed(service, name)} == wanted | OWN_LOGS_AND_TRACES, name
    policies = service.of_type("IAM::Policy")
    assert not policies, "a policy beside the roles"


def test_pages_may_only_read(service: Stack) -> None:
    """Promise 4: GET never writes, because it can't."""
    assert {action for action, _ in allowed(service, "show-page")} <= READING | OWN_LOGS_AND_TRACES


def test_only_the_functions_that_pay_read_a_stripe_key_and_each_its_own(service: Stack) -> None:
    """One restricted key per function: what leaks from one can't do what another does."""
    keys = {
        name: {resource for action, resource in allowed(service, name) if "SecretStripe" in resource}
        for name in functions(service)
    }
    holders = {name: found for name, found in keys.items() if found}
    doors = {"receive-stripe-event": "Webhook", "receive-account-event": "AccountsWebhook"}
    assert holders.keys() == {"open-checkout", "enter-order", "run-act", "reconcile", "onboard", *doors}
    for name, found in holders.items():
        (secret,) = found
        own = doors[name] if name in doors else "".join(word.capitalize() for word in name.split("-"))
        assert f"SecretStripe{own}Id" in secret


def test_only_who_answers_a_gate_may_resume_an_execution(service: Stack) -> None:
    """A task token in the wrong hands is worth nothing without this right."""
    may = {
        name
        for name in functions(service)
        if {"states:SendTaskSuccess", "states:SendTaskFailure"} & {action for action, _ in allowed(service, name)}
    }
    assert may == {"open-proposal", "open-gate", "answer-gate", "run-act", "tick-clock"}


def holders(stack: Stack, action: str) -> set[str]:
    """The functions that are allowed an action."""
    return {name for name in functions(stack) if action in {one for one, _ in allowed(stack, name)}}


def test_only_who_begins_or_repairs_an_order_may_start_and_stop_its_executions(service: Stack) -> None:
    """The webhook begins, and who makes its losses up; the clock and a seller's answer repair (workflow 3)."""
    begins = {"receive-stripe-event", "reconcile"}
    assert holders(service, "states:StartExecution") == begins | {"answer-gate", "tick-clock"}
    assert holders(service, "states:StopExecution") == {"answer-gate", "tick-clock"}


def test_only_who_finds_money_to_be_moved_may_call_the_function_that_moves_it(service: Stack) -> None:
    """The webhook or the first state see a stray payment, who keeps accounts one that is ready; the clock the rest."""
    calls = {
        name
        for name in functions(service)
        for statement in statements(role_of(service, functions(service)[name]))
        if "lambda:InvokeFunction" in statement["Action"]
        for resource in statement["Resource"]
        if text(resource).endswith(":live") and "run-act" in text(resource)
    }
    assert calls == {"receive-stripe-event", "reconcile", "enter-order", "tick-clock", "onboard"}


@pytest.mark.parametrize(
    ("index", "readers"),
    [(DUE, {"tick-clock", "reconcile"}), (DESK, {"tick-clock"}), (BOOK, {"reconcile"})],
    ids=["due", "desk", "book"],
)
def test_an_index_is_granted_by_name_and_for_queries_alone(service: Stack, index: Any, readers: set[str]) -> None:
    """Nothing scans, and an index that no function reads is granted to none."""
    granted = {
        (name, action)
        for name in functions(service)
        for action, resource in allowed(service, name)
        if resource.endswith(f"/index/{index.name}")
    }
    assert granted == {(name, "dynamodb:Query") for name in readers}


def test_nobody_may_scan_or_delete(both_stages: tuple[Stack, Stack]) -> None:
    """Rows are the record: there is no scan to be slow and no deletion to regret."""
    for stack in both_stages:
        for identity in identities(stack):
            for statement in statements(identity):
                assert not {"dynamodb:Scan", "dynamodb:DeleteItem", "s3:DeleteObject"} & set(statement["Action"])


def test_the_state_machine_may_invoke_what_its_definition_calls_and_nothing_else(service: Stack) -> None:
    """By the alias `live`, never by the bare function."""
    machine = service.only("StepFunctions::StateMachine")
    resources = [
        resource
        for statement in statements(role_of(service, machine, "RoleArn"))
        if "lambda:InvokeFunction" in statement["Action"]
        for resource in statement["Resource"]
    ]
    bound = machine["Properties"]["DefinitionSubstitutions"].values()
    assert sorted(called(service, one) for one in resources) == sorted(called(service, one) for one in bound)


def test_a_schedule_may_call_its_own_function_and_nothing_else(service: Stack) -> None:
    """A scheduler's role is one function wide."""
    found = []
    for schedule in service.properties("Scheduler::Schedule"):
        role = service.template["Resources"][schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]]
        granted = {action: statement["Resource"] for statement in statements(role) for action in statement["Action"]}
        assert granted.keys() == {"lambda:InvokeFunction", "sqs:SendMessage"}
        found += [called(service, one) for one in granted["lambda:InvokeFunction"]]
        assert found[-1] == called(service, schedule["Target"]["Arn"])
    assert sorted(found) == ["reconcile", "tick-clock"]


def test_every_permission_to_be_invoked_is_for_an_alias_and_from_a_named_source(service: Stack) -> None:
    """No function can be called from another account's API or rule."""
    permissions = service.properties("Lambda::Permission")
    assert permissions
    for permission in permissions:
        assert permission["FunctionName"]["Ref"] in aliases(service)
        assert "SourceArn" in permission
        assert listed(permission["Action"]) == ["lambda:InvokeFunction"]
