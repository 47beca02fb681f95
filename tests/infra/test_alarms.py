"""Alarms and dashboard: each on something that is really sent, each told to somebody, each with its page to read."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.functions import HANDLERS
from relais.act import ActKind
from relais.metrics import DIMENSION, ENDED_BADLY, NAMESPACE, Metric, act_metric, webhook_metric
from relais.wiring import _emit
from tests.infra.reading import Stack, text

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"


def alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    """Alarms by what their name says after the stage."""
    return {one["AlarmName"].split("-", 2)[2]: one for one in stack.properties("CloudWatch::Alarm")}


def counted(source: str) -> set[Metric]:
    """The metrics that a source counts: `counter.count(Metric.X)` or `self.count(…)`, on either branch of an if."""
    found = set()
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "count":
            for node in ast.walk(call):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Metric":
                    found.add(Metric[node.attr])
    return found


def test_every_metric_is_counted_somewhere() -> None:
    """An alarm on a name that nobody sends never rings, and nobody sees why."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "relais").rglob("*.py")]
    found = {metric for source in sources for metric in counted(source)}
    ended = {act_metric(kind, state) for kind in ActKind for state in ENDED_BADLY}
    taken_in = {webhook_metric(outcome) for outcome in ("paid", "wrong_mode", "seen")}
    assert any("act_metric(" in source and "counter" in source for source in sources)
    assert found | ended | taken_in == set(Metric)


def test_alarms_on_our_metrics_watch_what_the_functions_print(
    both_stages: tuple[Stack, Stack], capsys: pytest.CaptureFixture[str]
) -> None:
    """Namespace, name, dimension and unit as they stand on the line that a function writes: another one is silence."""
    _, service = both_stages
    ours = [one for one in alarms(service).values() if one["Namespace"] == NAMESPACE]
    assert len(ours) >= 12
    stage = next(iter(ours))["AlarmName"].split("-")[1]
    _emit(stage, dict.fromkeys(Metric, 1))
    line = json.loads(capsys.readouterr().out)
    (sent,) = line["_aws"]["CloudWatchMetrics"]
    for alarm in ours:
        assert alarm["Namespace"] == sent["Namespace"]
        assert alarm["MetricName"] in {one["Name"] for one in sent["Metrics"]}
        (dimension,) = alarm["Dimensions"]
        assert [[dimension["Name"]]] == sent["Dimensions"] == [[DIMENSION]]
        assert dimension["Value"] == line[DIMENSION] == f"relais-{stage}"


def test_the_heartbeat_alarms_when_it_is_missing_and_nothing_else_does(service: Stack) -> None:
    """What does not run sends no number; a metric that counts trouble is missing on good days."""
    breaching = {name for name, one in alarms(service).items() if one["TreatMissingData"] == "breaching"}
    assert breaching == {"clock-silent", "reconcile-silent"}
    assert {one["TreatMissingData"] for one in alarms(service).values()} == {"breaching", "notBreaching"}
    silent = alarms(service)["clock-silent"]
    assert (silent["MetricName"], silent["Statistic"]) == (Metric.CLOCK_TICK, "Sum")
    assert silent["ComparisonOperator"] == "LessThanThreshold"
    assert silent["Threshold"] == 1


def test_what_workflow_section_7_names_has_its_alarm(service: Stack) -> None:
    """The list of the design, by the names that the runbook uses; the ledger has its command, `relais ledger check`."""
    wanted = {"clock-silent", "clock-late", "resume-overdue", "act-late", "run-dead", "parked", "owed-parked"}
    wanted |= {"webhook-refused", "5xx", "dead-letters", "bounces", "complaints", "mail-put-off", "unreached"}
    wanted |= {f"{kind}-{state}" for kind in ActKind for state in ENDED_BADLY}
    assert wanted <= alarms(service).keys()


def test_an_error_of_any_function_raises_its_alarm(service: Stack) -> None:
    """By the alias, through which all calls go."""
    found = {name.removeprefix("error-") for name in alarms(service) if name.startswith("error-")}
    assert found == HANDLERS.keys()
    for name in found:
        alarm = alarms(service)[f"error-{name}"]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
        dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
        assert dimensions.keys() == {"FunctionName", "Resource"}
        assert text(dimensions["Resource"]).endswith(":live")


def test_every_alarm_and_its_end_are_told_to_the_one_topic(both_stages: tuple[Stack, Stack]) -> None:
    """An alarm without an action is a light in an empty room."""
    _, service = both_stages
    (topic,) = service.of_type("SNS::Topic")
    assert re.fullmatch(r"relais-(dev|prod)-alarms", service.only("SNS::Topic")["Properties"]["TopicName"])
    for alarm in service.properties("CloudWatch::Alarm"):
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


def test_alarms_of_this_stage_alone_may_be_published_and_only_encrypted(both_stages: tuple[Stack, Stack]) -> None:
    """A policy of one's own takes away what the account may do by itself: without its line no alarm would arrive."""
    _, service = both_stages
    stage = service.only("SNS::Topic")["Properties"]["TopicName"].removesuffix("-alarms")
    statements = service.only("SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [one for one in statements if one["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert text(allowed["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(f":alarm:{stage}-*")
    (denied,) = [one for one in statements if one["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_an_address_is_subscribed_where_the_context_names_one(both_stages: tuple[Stack, Stack]) -> None:
    """Stage dev of these tests names none: its topic stands there for whoever wants to know."""
    _, service = both_stages
    found = service.properties("SNS::Subscription")
    stage = service.only("SNS::Topic")["Properties"]["TopicName"].removeprefix("relais-").removesuffix("-alarms")
    expected = [("email", "ops@shop.example")] if stage == "prod" else []
    assert [(one["Protocol"], one["Endpoint"]) for one in found] == expected


def test_every_alarm_has_its_paragraph_in_the_runbook_and_no_paragraph_is_left_over(service: Stack) -> None:
    """Whoever is woken reads what it means, what to look at and what to press."""
    headings = set(re.findall(r"^### `([a-z0-9<>-]+)`", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE))
    errors = {name for name in alarms(service) if name.startswith("error-")}
    assert headings == (alarms(service).keys() - errors) | {"error-<function>"}
    for name, alarm in alarms(service).items():
        assert alarm["AlarmDescription"].endswith(f"docs/runbook.md, {name}")


def test_the_dashboard_has_a_row_for_alarms_health_money_people_and_the_books(both_stages: tuple[Stack, Stack]) -> None:
    """One page to look at; every metric of ours stands on it."""
    _, service = both_stages
    board = service.only("CloudWatch::Dashboard")["Properties"]
    table = service.only("SNS::Topic")["Properties"]["TopicName"].removesuffix("-alarms")
    assert board["DashboardName"] == table
    body = text(board["DashboardBody"])
    drawn = json.loads(re.sub(r"\{[A-Za-z0-9:.]+\}", "x", body))
    assert sorted({widget["y"] for widget in drawn["widgets"]}) == [0, 4, 10, 16, 22]
    shown = {metric for metric in Metric if f'"{metric.value}"' in body}
    assert shown == set(Metric)
