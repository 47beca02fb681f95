"""The HTTP API: pages, the door, uploads, the webhook."""

import json
from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.names import Names
from infra.stages import Deployment

READING = [apigateway.HttpMethod.GET, apigateway.HttpMethod.HEAD]
POSTING = [apigateway.HttpMethod.POST]

# Every route: methods, path, function. Design: architecture "Functions".
ROUTES = (
    (READING, "/", "show-page"),
    (READING, "/{proxy+}", "show-page"),
    (POSTING, "/offer/{slug}", "open-checkout"),
    (POSTING, "/o/{order}/{secret}/checkout", "open-checkout"),
    (POSTING, "/o/{order}/{secret}", "answer-gate"),
    (POSTING, "/o/{order}/{secret}/files", "permit-upload"),
    (POSTING, "/g/{order}/{gate}/{secret}", "answer-gate"),
    (POSTING, "/f/{freelancer}/{secret}", "answer-gate"),
    (POSTING, "/f/{freelancer}/{secret}/pay", "onboard"),
    (POSTING, "/g/{order}/{gate}/{secret}/files", "permit-upload"),
    (POSTING, "/hooks/stripe", "receive-stripe-event"),
    (POSTING, "/hooks/stripe/accounts", "receive-account-event"),
)
ALL_ELSE = "show-page"
"""What answers everything else: a page that says what may be asked, instead of the API's `{"message":"Not Found"}`.

Of a stopped stage it is all there is: no door stands open, and a webhook that is told to come back does.
"""

# Requests a second, and at once, for the whole API: far above a shop's day, far below what would hurt.
RATE = 100
BURST = 200

# No path: it holds link secrets.
ACCESS_LOG = {
    "at": "$context.requestTime",
    "request": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "error": "$context.integrationErrorMessage",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
}


class Api(Construct):
    """An HTTP API with one throttled stage. It is made before its routes: functions are told its address."""

    def __init__(self, scope: Construct, *, deployment: Deployment, names: Names) -> None:
        super().__init__(scope, "Api")
        self.api = apigateway.HttpApi(
            self, "Http", api_name=names.machine, description="Relais", create_default_stage=False
        )
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/vendedlogs/apis/{names.machine}",
            retention=deployment.retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        apigateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=RATE, throttling_burst_limit=BURST
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log_group.log_group_arn, format=json.dumps(ACCESS_LOG)
            ),
        )
        acknowledge(
            self.api,
            "APIG4",
            "No authorizer: every link carries a secret of its own, every webhook a signature; functions check them.",
        )

    @property
    def url(self) -> str:
        """The API's own address, without a trailing slash."""
        return self.api.api_endpoint

    def route(self, live: Mapping[str, lambda_.Alias], *, stopped: bool) -> None:
        """Lead every route to its function; of a stopped stage all to the one that says so."""
        routes = () if stopped else ROUTES
        integrations = {
            name: HttpLambdaIntegration(name, live[name])
            for name in dict.fromkeys([*(name for _, _, name in routes), ALL_ELSE])
        }
        for methods, path, name in routes:
            self.api.add_routes(path=path, methods=methods, integration=integrations[name])
        apigateway.HttpRoute(
            self.api,
            "AllElse",
            http_api=self.api,
            route_key=apigateway.HttpRouteKey.DEFAULT,
            integration=integrations[ALL_ELSE],
        )
