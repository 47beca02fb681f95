"""The functions: what each is, what it runs with, what it may do."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.names import ALIAS, Names
from infra.permissions import GRANTS, WILDCARDS, Resource
from infra.stages import Deployment
from relais.adapters.keys import BOOK, DESK, DUE

PAGE_TIMEOUT = Duration.seconds(20)
TIMEOUT = Duration.seconds(60)


@dataclass(frozen=True, slots=True)
class Handler:
    """One function: where its code stands and what sets it apart from the others."""

    module: str
    description: str
    timeout: Duration = TIMEOUT
    memory: int = 512
    pays: str | None = None
    """The short name of the secret with its own restricted Stripe key."""
    calls_itself: bool = False
    hears: str = "stripe-webhook"
    """The short name of the secret that signs what it is told, where it is a webhook's function."""


HANDLERS: Mapping[str, Handler] = {
    "show-page": Handler("functions.intake.show_page", "Pages: reads only", PAGE_TIMEOUT, memory=1024),
    "open-checkout": Handler(
        "functions.intake.open_checkout",
        "Order button: opens or reuses a checkout session",
        pays="stripe-open-checkout",
    ),
    "receive-stripe-event": Handler("functions.intake.receive_stripe_event", "Stripe's webhook"),
    "receive-account-event": Handler(
        "functions.payout.receive_account_event",
        "Stripe's thin events about freelancers' accounts",
        hears="stripe-accounts-webhook",
    ),
    "onboard": Handler(
        "functions.payout.onboard",
        "Freelancers' accounts: leads to Stripe's form, asks how they stand",
        memory=1024,
        pays="stripe-onboard",
    ),
    "enter-order": Handler(
        "functions.intake.enter_order",
        "State Enter: books the payment, says where an order is",
        pays="stripe-enter-order",
    ),
    "open-proposal": Handler("functions.assign.open_proposal", "State Assign: proposes an order to freelancers"),
    "open-gate": Handler("functions.deliver.open_gate", "Opens every other gate"),
    "answer-gate": Handler("functions.deliver.answer_gate", "The door: takes decisions", memory=1024),
    "permit-upload": Handler("functions.deliver.permit_upload", "Signs an upload"),
    "run-act": Handler("functions.payout.run_act", "Moves money, and does what an order owes", pays="stripe-run-act"),
    "close-order": Handler("functions.payout.close_order", "State Close"),
    "tick-clock": Handler(
        "functions.payout.tick_clock", "The clock: settles what is due", memory=1024, calls_itself=True
    ),
    "record-execution": Handler("functions.payout.record_execution", "Notes that an execution died"),
    "record-bounce": Handler("functions.deliver.record_bounce", "Notes that mails to an address come back"),
    "reconcile": Handler(
        "functions.payout.reconcile",
        "Reads Stripe's book, feeds what was missed to the doors, compares",
        memory=1024,
        pays="stripe-reconcile",
    ),
}

SECRET_OF: Mapping[Resource, str] = {
    Resource.LINK_KEYS: "link-keys",
    Resource.STRIPE_WEBHOOK: "stripe-webhook",
    Resource.STRIPE_ACCOUNTS_WEBHOOK: "stripe-accounts-webhook",
    Resource.STRIPE_ONBOARD: "stripe-onboard",
    Resource.STRIPE_OPEN_CHECKOUT: "stripe-open-checkout",
    Resource.STRIPE_ENTER_ORDER: "stripe-enter-order",
    Resource.STRIPE_RUN_ACT: "stripe-run-act",
    Resource.STRIPE_RECONCILE: "stripe-reconcile",
}


class Functions(Construct):
    """All functions, each with a role, a log group and the alias `live` that everybody calls."""

    def __init__(
        self,
        scope: Construct,
        *,
        deployment: Deployment,
        names: Names,
        secrets: Mapping[str, secretsmanager.CfnSecret],
        dead_letters: sqs.IQueue,
        public_url: str,
    ) -> None:
        super().__init__(scope, "Functions")
        self._deployment = deployment
        self._names = names
        self._arns = _arns(names, secrets, dead_letters)
        self._environment = _environment(deployment, names, public_url)
        self._code = lambda_.Code.from_asset(deployment.asset("functions.zip"))
        self._layer = self._make_layer()
        self.live = {name: self._function(name, handler) for name, handler in HANDLERS.items()}

    def _make_layer(self) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            "Layer",
            code=lambda_.Code.from_asset(self._deployment.asset(f"layer-{self._deployment.layer}.zip")),
            description="relais and what it depends on",
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )

    def _function(self, name: str, handler: Handler) -> lambda_.Alias:
        place = Construct(self, _logical(name))
        log_group = logs.LogGroup(
            place,
            "Logs",
            log_group_name=f"/aws/lambda/{self._names.function(name)}",
            retention=self._deployment.retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        function = lambda_.Function(
            place,
            "Function",
            function_name=self._names.function(name),
            description=handler.description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"{handler.module}.handler",
            code=self._code,
            layers=[self._layer],
            memory_size=handler.memory,
            timeout=handler.timeout,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            # The table of permissions is all there is: constructs that wire things up can't add to this role.
            role=self._role(place, name, log_group).without_policy_updates(),
            environment=self._environment_of(name, handler),
            # The clock hands itself what remains; Lambda would stop it after sixteen hand-overs.
            recursive_loop=lambda_.RecursiveLoop.ALLOW if handler.calls_itself else None,
        )
        acknowledge(function, "L1", "Python 3.13 is the version that the layer is built and tested for.")
        return lambda_.Alias(place, "Live", alias_name=ALIAS, version=function.current_version)

    def _role(self, place: Construct, name: str, log_group: logs.LogGroup) -> iam.Role:
        statements = [
            iam.PolicyStatement(actions=list(grant.actions), resources=self._arns[grant.resource])
            for grant in GRANTS[name]
        ]
        statements += [
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
            ),
            iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]),
        ]
        role = iam.Role(
            place,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {self._names.function(name)} may do",
            inline_policies={"grants": iam.PolicyDocument(statements=statements)},
        )
        acknowledge(role, "IAM5[Resource::*]", "X-Ray knows no resources for sending traces.")
        for resource in {grant.resource for grant in GRANTS[name]} & WILDCARDS.keys():
            for arn in self._arns[resource]:
                acknowledge(role, f"IAM5[Resource::{_shown(arn)}]", WILDCARDS[resource])
        return role

    def _environment_of(self, name: str, handler: Handler) -> dict[str, str]:
        environment = {**self._environment, "POWERTOOLS_SERVICE_NAME": name}
        environment["RELAIS_SECRET_WEBHOOK"] = self._names.secret(handler.hears)
        if handler.pays:
            environment["RELAIS_SECRET_STRIPE"] = self._names.secret(handler.pays)
        return environment


def _environment(deployment: Deployment, names: Names, public_url: str) -> dict[str, str]:
    environment = {
        "RELAIS_STAGE": deployment.stage,
        "RELAIS_TABLE": names.table,
        "RELAIS_BUCKET": names.bucket,
        "RELAIS_MACHINE": names.machine_arn,
        "RELAIS_PUBLIC_URL": public_url,
        "RELAIS_SENDER": deployment.sender,
        "RELAIS_CONFIGURATION_SET": names.configuration_set,
        "RELAIS_ACT_FUNCTION": names.live("run-act"),
        "RELAIS_CLOCK_FUNCTION": names.live("tick-clock"),
        "RELAIS_ACCOUNT_FUNCTION": names.live("onboard"),
        "RELAIS_SECRET_LINK": names.secret("link-keys"),
    }
    if deployment.stopped:
        environment["RELAIS_STOPPED"] = "true"
    # Functions that don't call Stripe know its address too: pages may lead the order button there.
    return environment | ({"RELAIS_STRIPE_URL": deployment.stripe_url} if deployment.stripe_url else {})


def _arns(
    names: Names, secrets: Mapping[str, secretsmanager.CfnSecret], dead_letters: sqs.IQueue
) -> dict[Resource, list[str]]:
    return {
        Resource.TABLE: [names.table_arn],
        Resource.DUE_INDEX: [f"{names.table_arn}/index/{DUE.name}"],
        Resource.DESK_INDEX: [f"{names.table_arn}/index/{DESK.name}"],
        Resource.BOOK_INDEX: [f"{names.table_arn}/index/{BOOK.name}"],
        Resource.BUCKET: [names.bucket_arn],
        Resource.FILES: [f"{names.bucket_arn}/*"],
        Resource.MACHINE: [names.machine_arn],
        Resource.EXECUTIONS: [names.executions_arn],
        Resource.MAIL: [names.identity_arn, names.configuration_set_arn],
        Resource.RUN_ACT: [names.live_arn("run-act")],
        Resource.TICK_CLOCK: [names.live_arn("tick-clock")],
        Resource.ONBOARD: [names.live_arn("onboard")],
        Resource.DEAD_LETTERS: [dead_letters.queue_arn],
        # The ARN of a secret ends in six characters that AWS invents: hence the reference, not the name.
        **{resource: [secrets[name].attr_id] for resource, name in SECRET_OF.items()},
    }


def _shown(arn: str) -> str:
    """An ARN as the security rules print it."""
    return arn.replace(Aws.ACCOUNT_ID, "<AWS::AccountId>")


def _logical(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
