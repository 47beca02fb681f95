"""What runs without anybody asking, and where failures end up."""

from typing import Any

from tests.infra.reading import Stack, called, text


def test_the_clock_is_called_every_minute(both_stages: tuple[Stack, Stack]) -> None:
    """Without it nothing that is due happens."""
    _, service = both_stages
    schedule = schedule_of(service, "tick-clock")
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule.get("State", "ENABLED") == "ENABLED"


def test_stripes_book_is_read_every_quarter_of_an_hour(both_stages: tuple[Stack, Stack]) -> None:
    """Whatever webhooks lose is made up by then (design: money D)."""
    _, service = both_stages
    schedule = schedule_of(service, "reconcile")
    assert schedule["ScheduleExpression"] == "rate(15 minutes)"
    assert schedule.get("State", "ENABLED") == "ENABLED"


def schedule_of(service: Stack, function: str) -> dict[str, Any]:
    """The schedule that calls a function."""
    (found,) = [
        one for one in service.properties("Scheduler::Schedule") if called(service, one["Target"]["Arn"]) == function
    ]
    return found


def rule_of(service: Stack, source: str) -> dict[str, Any]:
    """The one rule on events of a service."""
    (rule,) = [one for one in service.properties("Events::Rule") if one["EventPattern"]["source"] == [source]]
    return rule


def test_a_mail_that_came_back_is_recorded(both_stages: tuple[Stack, Stack]) -> None:
    """SES tells the account's default bus, the only one it knows; each stage takes its own mails' events alone."""
    data, service = both_stages
    destination = data.only("SES::ConfigurationSetEventDestination")["Properties"]
    settings = data.only("SES::ConfigurationSet")["Properties"]["Name"]
    assert destination["ConfigurationSetName"] == settings
    told = destination["EventDestination"]
    assert (told["Enabled"], sorted(told["MatchingEventTypes"])) == (True, ["bounce", "complaint"])
    assert text(told["EventBridgeDestination"]["EventBusArn"]).endswith(":event-bus/default")
    rule = rule_of(service, "aws.ses")
    assert "EventBusName" not in rule
    pattern = rule["EventPattern"]
    assert sorted(pattern["detail-type"]) == ["Email Bounced", "Email Complaint Received"]
    assert pattern["detail"] == {"mail": {"tags": {"ses:configuration-set": [settings]}}}
    (target,) = rule["Targets"]
    assert called(service, target["Arn"]) == "record-bounce"


def test_an_execution_that_died_is_noted(both_stages: tuple[Stack, Stack]) -> None:
    """Of this stage's machine alone; one that succeeded is no news."""
    data, service = both_stages
    rule = rule_of(service, "aws.states")
    pattern = rule["EventPattern"]
    assert pattern["detail-type"] == ["Step Functions Execution Status Change"]
    assert sorted(pattern["detail"]["status"]) == ["ABORTED", "FAILED", "TIMED_OUT"]
    (machine,) = pattern["detail"]["stateMachineArn"]
    name = data.only("DynamoDB::Table")["Properties"]["TableName"]
    assert machine["Fn::Join"][1][-1].endswith(f":stateMachine:{name}")
    (target,) = rule["Targets"]
    assert called(service, target["Arn"]) == "record-execution"


def test_every_call_that_nobody_waits_for_ends_in_the_queue_of_dead_letters(both_stages: tuple[Stack, Stack]) -> None:
    """Nothing is lost silently: schedule, rule and asynchronous invocations alike."""
    _, service = both_stages
    (queue,) = service.of_type("SQS::Queue")
    arn = {"Fn::GetAtt": [queue, "Arn"]}
    configured = set()
    for config in service.properties("Lambda::EventInvokeConfig"):
        assert config["DestinationConfig"]["OnFailure"]["Destination"] == arn
        # The alias's name, which the template cuts out of its ARN.
        configured.add(called(service, config["Qualifier"]["Fn::Select"][1]["Fn::Split"][1]))
    assert configured == {"run-act", "tick-clock", "record-execution", "record-bounce", "reconcile", "onboard"}
    for schedule in service.properties("Scheduler::Schedule"):
        assert schedule["Target"]["DeadLetterConfig"]["Arn"] == arn
    for rule in service.properties("Events::Rule"):
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"]["Arn"] == arn


def test_dead_letters_are_encrypted_and_kept_two_weeks(both_stages: tuple[Stack, Stack]) -> None:
    """They hold what a call was given; a holiday must not cost one."""
    _, service = both_stages
    queue = service.only("SQS::Queue")["Properties"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    statements = service.only("SQS::QueuePolicy")["Properties"]["PolicyDocument"]["Statement"]
    assert any(
        one["Effect"] == "Deny" and one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for one in statements
    )
