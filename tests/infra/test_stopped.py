"""A stage that stands still while its table is restored, pointed at another table (design: workflow section 7)."""

from tests.infra.reading import Stack, Synthesized, functions, role_of, statements, text


def stacks(synthesized: Synthesized) -> tuple[Stack, Stack]:
    """Data and service stack of a stopped stage dev with a table of another name."""
    return synthesized.stack("stopped", "relais-dev-data"), synthesized.stack("stopped", "relais-dev")


def test_nothing_is_called_by_the_time_and_no_door_is_open(synthesized: Synthesized, service: Stack) -> None:
    """Whatever is asked leads to the page that says so; Stripe is told to come back."""
    _, stopped = stacks(synthesized)
    assert {one["State"] for one in stopped.properties("Scheduler::Schedule")} == {"DISABLED"}
    assert [one["RouteKey"] for one in stopped.properties("ApiGatewayV2::Route")] == ["$default"]
    assert len(service.properties("ApiGatewayV2::Route")) > 1
    shown = functions(stopped)["show-page"]
    assert shown["Properties"]["Environment"]["Variables"]["RELAIS_STOPPED"] == "true"


def test_everything_leads_to_the_other_table_and_the_own_one_stays(synthesized: Synthesized, data: Stack) -> None:
    """Functions, their permissions and commands; what CloudFormation made it still keeps under its own name."""
    kept, stopped = stacks(synthesized)
    assert kept.only("DynamoDB::Table")["Properties"]["TableName"] == "relais-dev"
    assert kept.template["Outputs"]["TableName"]["Value"] == "relais-dev-2"
    assert data.template["Outputs"]["TableName"]["Value"] == "relais-dev"
    held = functions(stopped)
    assert {one["Properties"]["Environment"]["Variables"]["RELAIS_TABLE"] for one in held.values()} == {"relais-dev-2"}
    named = {
        text(resource).rpartition("table/")[2].partition("/")[0]
        for one in held.values()
        for statement in statements(role_of(stopped, one))
        for resource in statement["Resource"]
        if ":dynamodb:" in text(resource)
    }
    assert named == {"relais-dev-2"}
