"""The state machine: the committed definition, with the functions' aliases in place of its placeholders."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.names import Names
from infra.stages import Deployment

DEFINITION = Path(__file__).parent.parent / "statemachines" / "order.asl.json"

# What the definition calls, by its placeholder.
PLACEHOLDERS = {
    "EnterOrder": "enter-order",
    "OpenProposal": "open-proposal",
    "OpenGate": "open-gate",
    "RunAct": "run-act",
    "CloseOrder": "close-order",
}


class Machine(Construct):
    """One standard state machine; it may invoke what its definition names and nothing else."""

    def __init__(
        self, scope: Construct, *, deployment: Deployment, names: Names, live: Mapping[str, lambda_.Alias]
    ) -> None:
        super().__init__(scope, "Machine")
        called = {placeholder: live[name].function_arn for placeholder, name in PLACEHOLDERS.items()}
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description="What the order's state machine may do",
            inline_policies={
                "grants": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=list(called.values())),
                        iam.PolicyStatement(actions=list(WATCHED), resources=["*"]),
                    ]
                )
            },
        )
        acknowledge(
            role, "IAM5[Resource::*]", "Delivery of logs and traces: AWS defines no resources for these actions."
        )
        self.machine = sfn.StateMachine(
            self,
            "Order",
            state_machine_name=names.machine,
            state_machine_type=sfn.StateMachineType.STANDARD,
            # Minified: what is deployed is the file's content, its layout is for people.
            definition_body=sfn.DefinitionBody.from_string(
                json.dumps(
                    json.loads(DEFINITION.read_text(encoding="utf-8")), separators=(",", ":"), ensure_ascii=False
                )
            ),
            definition_substitutions=called,
            role=role.without_policy_updates(),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self,
                    "Logs",
                    log_group_name=f"/aws/vendedlogs/states/{names.machine}",
                    retention=deployment.retention,
                    removal_policy=RemovalPolicy.DESTROY,
                ),
                level=sfn.LogLevel.ERROR,
                include_execution_data=False,
            ),
        )
        # The role must be complete before Step Functions checks that it can deliver logs.
        self.machine.node.add_dependency(role)
        acknowledge(
            self.machine,
            "SF1",
            "Errors only: every state entered stands in the execution's history and in the order's audit.",
        )


WATCHED = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
)
