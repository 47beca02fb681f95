"""The alarms, who is told of them, and the dashboard. What each means and what to do stands in `docs/runbook.md`.

Plain metrics alone, no expressions: every metric of ours stands under the one dimension of its deployment
(`relais/metrics.py`), so nothing has to be added up. Design: workflow section 7.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aws_cdk import Aws, Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.names import Names
from infra.stages import REGION
from relais.act import ActKind
from relais.metrics import DIMENSION, ENDED_BADLY, NAMESPACE, Metric, act_metric

MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)
HOUR = Duration.hours(1)
SILENT_MINUTES = 5
LATE_SECONDS = 600
SOME = 3
"""Of what may happen once (a busy service, a stranger at the webhook), this many in an hour is no accident."""
BOUNCED = 0.05
COMPLAINED = 0.001
"""Where Amazon begins to review an account (docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """An alarm on a metric of ours: at least this much of it in one period."""

    name: str
    metric: Metric
    description: str
    at_least: int = 1
    period: Duration = FIVE_MINUTES
    statistic: str = "Sum"


def watched() -> Iterator[Watched]:
    """The alarms on what the engine counts, but for its heartbeat: that one alarms when it is missing."""
    yield Watched(
        "clock-late",
        Metric.OLDEST_DUE_SECONDS,
        "Something has been due for ten minutes",
        LATE_SECONDS,
        statistic="Maximum",
    )
    yield Watched("clock-failed", Metric.CLOCK_FAILED, "The clock keeps failing at a row", SOME, HOUR)
    yield Watched("resume-overdue", Metric.RESUME_OVERDUE, "A decision was not taken up for over five minutes")
    yield Watched("run-dead", Metric.RUN_DEAD, "An execution died before its order; the clock starts the next run")
    yield Watched("parked", Metric.PARKED, "An order waits for the seller to decide how it goes on")
    yield Watched("stuck", Metric.ORDER_STUCK, "Several runs brought an order no further: the seller is asked")
    yield Watched("owed-parked", Metric.OWED_PARKED, "A mail or a start was given up after ten tries")
    for kind in ActKind:
        for state in ENDED_BADLY:
            metric = act_metric(kind, state)
            yield Watched(f"{kind}-{state}", metric, f"A {kind} ended as {state}: the seller decides")
    yield Watched("act-late", Metric.ACT_LATE, "A movement of money was sent an hour ago, its end is not known")
    yield Watched("pay-overdue", Metric.PAY_OVERDUE, "Pay waits for a freelancer's account: the legal end is near")
    yield Watched("money-differs", Metric.MONEY_DIFFERS, "The ledger and Stripe do not agree", period=HOUR)
    yield Watched("movement-unknown", Metric.MOVEMENT_UNKNOWN, "Stripe booked something of a kind new to us")
    yield Watched("movement-unexplained", Metric.MOVEMENT_UNEXPLAINED, "Stripe moved money nobody here asked for")
    yield Watched("cover-short", Metric.COVER_SHORT, "Stripe's balance is smaller than what is owed", period=HOUR)
    yield Watched("moved-twice", Metric.MOVED_TWICE, "Stripe shows two movements of one operation")
    yield Watched("mail-put-off", Metric.MAIL_PUT_OFF, "The post keeps refusing mails; they stay owed", SOME, HOUR)
    yield Watched("unreached", Metric.UNREACHED, "No mail reaches somebody who is asked: silence decides nothing")
    yield Watched("webhook-refused", Metric.WEBHOOK_REFUSED, "Events not signed by Stripe, or unreadable", SOME, HOUR)
    yield Watched("webhook-wrong-mode", Metric.WEBHOOK_WRONG_MODE, "Events of Stripe's other mode", SOME, HOUR)
    yield Watched("not-allowed", Metric.NOT_ALLOWED, "AWS refused a function something: a permission is missing")
    yield Watched("page-trouble", Metric.PAGE_TROUBLE, "Somebody saw an error page that nobody foresaw")


def counted(names: Names, metric: Metric, statistic: str = "Sum", period: Duration = FIVE_MINUTES) -> cloudwatch.Metric:
    """A metric of ours in this deployment."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=metric.value,
        dimensions_map={DIMENSION: names.deployment.name()},
        statistic=statistic,
        period=period,
    )


class Alarms(Construct):
    """Every alarm, the one topic that they tell, and a dashboard of what they watch."""

    def __init__(
        self,
        scope: Construct,
        *,
        names: Names,
        live: Mapping[str, lambda_.Alias],
        dead_letters: sqs.IQueue,
        api: apigateway.HttpApi,
        machine: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, "Alarms")
        self._names = names
        self._told = actions.SnsAction(_topic(self, names))
        self._alarms: list[cloudwatch.IAlarm] = []
        self._silent(
            "clock-silent",
            counted(names, Metric.CLOCK_TICK, period=MINUTE),
            "The clock does not tick: nothing that is due happens",
            SILENT_MINUTES,
        )
        self._silent(
            "reconcile-silent",
            counted(names, Metric.RECONCILED, period=HOUR),
            "Stripe's book has not been read for an hour: what webhooks miss stays missed",
            1,
        )
        for one in watched():
            metric = counted(names, one.metric, one.statistic, one.period)
            self._alarm(one.name, metric, one.description, one.at_least)
        self._services(live, dead_letters, api)
        Dashboard(self, names=names, alarms=self._alarms, dead_letters=dead_letters, api=api, machine=machine)

    def _silent(self, name: str, metric: cloudwatch.IMetric, description: str, periods: int) -> None:
        """An alarm on a heartbeat: it rings when it is missing."""
        self._alarm(
            name,
            metric,
            description,
            1,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            missing=cloudwatch.TreatMissingData.BREACHING,
            periods=periods,
        )

    def _services(self, live: Mapping[str, lambda_.Alias], dead_letters: sqs.IQueue, api: apigateway.HttpApi) -> None:
        """What AWS itself counts."""
        for name, alias in live.items():
            self._alarm(
                f"error-{name}",
                alias.metric_errors(period=FIVE_MINUTES, statistic="Sum"),
                f"{name} ended with an error",
            )
        self._alarm(
            "dead-letters",
            dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="Maximum"),
            "Calls that kept failing wait to be looked at and sent again",
        )
        self._alarm(
            "5xx",
            api.metric_server_error(period=FIVE_MINUTES, statistic="Sum"),
            "People or Stripe saw an error of ours",
        )
        self._alarm("bounces", _reputation("BounceRate"), "Too many mails reach nobody", BOUNCED)
        self._alarm("complaints", _reputation("ComplaintRate"), "Too many mails are called spam", COMPLAINED)

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        description: str,
        threshold: float = 1,
        *,
        comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
        periods: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in name.split("-")),
            alarm_name=self._names.deployment.name(name),
            alarm_description=f"{description}. What to do: docs/runbook.md, {name}",
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._told)
        alarm.add_ok_action(self._told)
        self._alarms.append(alarm)


def _reputation(rate: str) -> cloudwatch.Metric:
    """A rate of the whole account: Amazon judges the account, not the stage."""
    return cloudwatch.Metric(namespace="AWS/SES", metric_name=f"Reputation.{rate}", statistic="Maximum", period=HOUR)


def _topic(scope: Construct, names: Names) -> sns.Topic:
    """Whom the alarms tell: the address of the context `alarm_email`, which has to confirm; more are added by hand."""
    deployment = names.deployment
    topic = sns.Topic(scope, "Topic", topic_name=deployment.name("alarms"), enforce_ssl=True)
    # A policy of its own replaces the one that lets everything of the account publish.
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnLike": {
                    "aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{Aws.ACCOUNT_ID}:alarm:{deployment.name()}-*"
                },
            },
        )
    )
    if deployment.alarm_email:
        topic.add_subscription(subscriptions.EmailSubscription(deployment.alarm_email))
    return topic


class Dashboard(Construct):
    """One page: the alarms, then health, money, people and the books, a row each."""

    def __init__(
        self,
        scope: Construct,
        *,
        names: Names,
        alarms: list[cloudwatch.IAlarm],
        dead_letters: sqs.IQueue,
        api: apigateway.HttpApi,
        machine: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, "Dashboard")
        self._names = names
        board = cloudwatch.Dashboard(self, "Board", dashboard_name=names.deployment.name())
        board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=24, height=4))
        board.add_widgets(
            self._graph("Clock: ticks, failures", Metric.CLOCK_TICK, Metric.CLOCK_FAILED),
            cloudwatch.GraphWidget(
                title="Clock: seconds late", left=[counted(names, Metric.OLDEST_DUE_SECONDS, "Maximum")]
            ),
            self._graph(
                "Runs and resumes", Metric.RUN_STARTED, Metric.RUN_DEAD, Metric.RESUME_REPEATED, Metric.RESUME_OVERDUE
            ),
            cloudwatch.GraphWidget(
                title="Errors",
                left=[
                    api.metric_server_error(period=FIVE_MINUTES, statistic="Sum"),
                    machine.metric_failed(period=FIVE_MINUTES, statistic="Sum"),
                    dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES),
                ],
            ),
        )
        board.add_widgets(
            self._graph("Orders: paid, completed", Metric.WEBHOOK_PAID, Metric.ORDER_COMPLETED),
            self._graph(
                "Money moved, fees booked",
                Metric.TRANSFER_DONE,
                Metric.REFUND_DONE,
                Metric.REVERSAL_DONE,
                Metric.STRAY_REFUNDED,
                Metric.FEE_BOOKED,
            ),
            self._graph(
                "Money that did not move",
                *(act_metric(kind, state) for kind in ActKind for state in ENDED_BADLY),
                Metric.ACT_LATE,
                Metric.PAY_OVERDUE,
                Metric.MOVED_TWICE,
            ),
            self._graph("Webhook", Metric.WEBHOOK_RECEIVED, Metric.WEBHOOK_REFUSED, Metric.WEBHOOK_WRONG_MODE),
        )
        board.add_widgets(
            self._graph("Decisions", Metric.GATE_ANSWERED),
            self._graph(
                "Waiting for the seller, disputes",
                Metric.PARKED,
                Metric.ORDER_STUCK,
                Metric.OWED_PARKED,
                Metric.DISPUTE_OPENED,
                Metric.DISPUTE_ANSWERED,
                Metric.DISPUTE_LOST,
            ),
            self._graph(
                "Mails put off or back, pages in trouble, refusals",
                Metric.MAIL_PUT_OFF,
                Metric.MAIL_BOUNCED,
                Metric.UNREACHED,
                Metric.PAGE_TROUBLE,
                Metric.NOT_ALLOWED,
            ),
            cloudwatch.GraphWidget(
                title="Bounces, complaints", left=[_reputation("BounceRate"), _reputation("ComplaintRate")]
            ),
        )

        board.add_widgets(
            self._graph("Stripe's book: looks", Metric.RECONCILED),
            self._graph("Stripe's book: made up", Metric.MOVEMENT_BOOKED, Metric.EVENT_MISSED),
            self._graph(
                "Stripe's book: differs", Metric.MOVEMENT_UNKNOWN, Metric.MOVEMENT_UNEXPLAINED, Metric.MONEY_DIFFERS
            ),
            self._graph("Short of cover, in minor units", Metric.COVER_SHORT),
        )

    def _graph(self, title: str, *metrics: Metric) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(title=title, left=[counted(self._names, metric) for metric in metrics])
