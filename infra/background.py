"""What runs without anybody asking: the clock's schedule, the watch on executions, and where failures end up."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.names import Names

DEAD = ["FAILED", "TIMED_OUT", "ABORTED"]
CALLED_ASYNCHRONOUSLY = ("run-act", "tick-clock", "record-execution", "record-bounce", "reconcile", "onboard")


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """A schedule: its names, how often it calls, and how long a call that is late is still worth making."""

    id: str
    name: str
    description: str
    every: str
    good_for_seconds: int


def dead_letters(scope: Construct, names: Names) -> sqs.Queue:
    """Where every asynchronous call ends that kept failing: two weeks to look at it."""
    queue = sqs.Queue(
        scope,
        "DeadLetters",
        queue_name=names.deployment.name("dead-letters"),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
    )
    acknowledge(queue, "SQS3", "It is the dead-letter queue.")
    return queue


class Background(Construct):
    """The clock's schedule, the rules on executions and bounces, the destinations of failed asynchronous calls."""

    def __init__(
        self, scope: Construct, *, names: Names, live: Mapping[str, lambda_.Alias], dead_letters: sqs.Queue
    ) -> None:
        super().__init__(scope, "Background")
        for name in CALLED_ASYNCHRONOUSLY:
            live[name].configure_async_invoke(
                retry_attempts=2, max_event_age=Duration.hours(1), on_failure=destinations.SqsDestination(dead_letters)
            )
        clock, book = live["tick-clock"], live["reconcile"]
        self._schedule(names, clock, dead_letters, _Rhythm("EveryMinute", "clock", "The clock", "1 minute", 60))
        self._schedule(
            names, book, dead_letters, _Rhythm("EveryQuarter", "reconcile", "The reconciler", "15 minutes", 600)
        )
        self._watch(names, live["record-execution"], dead_letters)
        self._bounces(names, live["record-bounce"], dead_letters)

    def _role(self, name: str, called: lambda_.Alias, dead_letters: sqs.Queue) -> iam.Role:
        return iam.Role(
            self,
            name,
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"),
            description="Calls one function",
            inline_policies={
                "grants": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[called.function_arn]),
                        iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letters.queue_arn]),
                    ]
                )
            },
        )

    def _schedule(self, names: Names, called: lambda_.Alias, dead_letters: sqs.Queue, rhythm: _Rhythm) -> None:
        role = self._role(f"{rhythm.id}Role", called, dead_letters)
        scheduler.CfnSchedule(
            self,
            rhythm.id,
            name=names.deployment.name(rhythm.name),
            description=rhythm.description,
            schedule_expression=f"rate({rhythm.every})",
            state="DISABLED" if names.deployment.stopped else None,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=called.function_arn,
                role_arn=role.role_arn,
                input="{}",
                # A tick that is late is made up by the next one: nothing is gained by trying longer.
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=rhythm.good_for_seconds, maximum_retry_attempts=1
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
            ),
        )

    def _watch(self, names: Names, record: lambda_.Alias, dead_letters: sqs.Queue) -> None:
        events.Rule(
            self,
            "ExecutionDied",
            rule_name=names.deployment.name("execution-died"),
            description="An order's execution ended without its order",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"status": DEAD, "stateMachineArn": [names.machine_arn]},
            ),
            targets=[targets.LambdaFunction(record, dead_letter_queue=dead_letters, retry_attempts=3)],
        )

    def _bounces(self, names: Names, record: lambda_.Alias, dead_letters: sqs.Queue) -> None:
        """SES tells of bounces on the account's default bus: other stages' are left to them."""
        events.Rule(
            self,
            "MailCameBack",
            rule_name=names.deployment.name("mail-came-back"),
            description="A mail came back, or was called spam",
            event_pattern=events.EventPattern(
                source=["aws.ses"],
                detail_type=["Email Bounced", "Email Complaint Received"],
                detail={"mail": {"tags": {"ses:configuration-set": [names.configuration_set]}}},
            ),
            targets=[targets.LambdaFunction(record, dead_letter_queue=dead_letters, retry_attempts=3)],
        )
