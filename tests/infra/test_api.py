"""The HTTP API."""

import json
from pathlib import Path

from ruamel.yaml import YAML

from tests.infra.reading import Stack, called

# docs/architecture.md, "Functions".
ROUTES = {
    "GET /": "show-page",
    "HEAD /": "show-page",
    "GET /{proxy+}": "show-page",
    "HEAD /{proxy+}": "show-page",
    "POST /offer/{slug}": "open-checkout",
    "POST /o/{order}/{secret}/checkout": "open-checkout",
    "POST /o/{order}/{secret}": "answer-gate",
    "POST /g/{order}/{gate}/{secret}": "answer-gate",
    "POST /f/{freelancer}/{secret}": "answer-gate",
    "POST /g/{order}/{gate}/{secret}/files": "permit-upload",
    "POST /o/{order}/{secret}/files": "permit-upload",
    "POST /f/{freelancer}/{secret}/pay": "onboard",
    "POST /hooks/stripe": "receive-stripe-event",
    "POST /hooks/stripe/accounts": "receive-account-event",
    "$default": "show-page",
}


def test_every_route_leads_to_its_function_and_reading_leads_to_the_one_that_only_reads(service: Stack) -> None:
    """Promise 4 in the template: no GET or HEAD reaches a function that could write."""
    integrations = service.of_type("ApiGatewayV2::Integration")
    found = {}
    for route in service.properties("ApiGatewayV2::Route"):
        integration = integrations[route["Target"]["Fn::Join"][1][1]["Ref"]]["Properties"]
        assert integration["PayloadFormatVersion"] == "2.0"
        found[route["RouteKey"]] = called(service, integration["IntegrationUri"])
    assert found == ROUTES


def test_the_api_is_throttled(both_stages: tuple[Stack, Stack]) -> None:
    """A thousand requests for one link must not become a thousand functions."""
    settings = both_stages[1].only("ApiGatewayV2::Stage")["Properties"]["DefaultRouteSettings"]
    assert 0 < settings["ThrottlingRateLimit"] <= settings["ThrottlingBurstLimit"] <= 1000


def test_the_access_log_holds_no_path(both_stages: tuple[Stack, Stack]) -> None:
    """A path holds a link's secret; the route's pattern says enough."""
    wanted = json.loads(both_stages[1].only("ApiGatewayV2::Stage")["Properties"]["AccessLogSettings"]["Format"])
    assert wanted["route"] == "$context.routeKey"
    assert not {"$context.path", "$context.requestPath", "$context.identity.sourceIp"} & set(wanted.values())


def test_the_description_names_every_route(service: Stack) -> None:
    """docs/openapi.yaml, both ways: what is posted to has a route of its own, all reading goes through two."""
    described = YAML(typ="safe").load(Path(__file__).parent.parent.parent / "docs" / "openapi.yaml")["paths"]
    posts = {f"POST {path}" for path, item in described.items() if "post" in item}
    reads = {f"{method} {'/' if path == '/' else '/{proxy+}'}" for path in described for method in ("GET", "HEAD")}
    found = {route["RouteKey"] for route in service.properties("ApiGatewayV2::Route")}
    assert found == posts | reads | {"$default"}
    assert {method for item in described.values() for method in item} <= {"get", "head", "post", "parameters"}
