"""The alarms whose metric AWS itself writes. A function's error shows in one of them, whoever called it."""

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.names import Names

FIVE_MINUTES = Duration.minutes(5)


class Alarms(Construct):
    """Dead letters (asynchronous calls), 5xx (requests), executions that failed (states)."""

    def __init__(
        self,
        scope: Construct,
        *,
        names: Names,
        dead_letters: sqs.IQueue,
        api: apigateway.HttpApi,
        machine: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, "Alarms")
        self._names = names
        self._alarm(
            "dead-letters",
            dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="max"),
            "Calls that kept failing wait to be looked at and sent again",
        )
        self._alarm(
            "5xx",
            api.metric_server_error(period=FIVE_MINUTES, statistic="sum"),
            "People or Stripe saw an error of ours",
        )
        self._alarm(
            "executions-failed",
            machine.metric_failed(period=FIVE_MINUTES, statistic="sum"),
            "An execution died; the clock starts the next run",
        )

    def _alarm(self, name: str, metric: cloudwatch.IMetric, description: str) -> None:
        cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in name.split("-")),
            alarm_name=self._names.deployment.name(name),
            alarm_description=description,
            metric=metric,
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
