"""Finds a deployed stage by its stacks' outputs, on AWS and on the local stack alike, and says in a sentence why not.

The SDK's own settings decide where to look: `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_PROFILE` and the usual credentials.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import typer
from botocore import exceptions as sdk
from botocore.config import Config
from botocore.session import Session, get_session

from relais.adapters.settings import Environment
from relais.errors import RelaisError
from relais.wiring import WiredPorts

REGION = "eu-west-3"
ALIAS = "live"
FUNCTIONS = (
    "show-page",
    "open-checkout",
    "receive-stripe-event",
    "receive-account-event",
    "onboard",
    "enter-order",
    "open-proposal",
    "open-gate",
    "answer-gate",
    "permit-upload",
    "check-links",
    "show-preview",
    "run-act",
    "close-order",
    "tick-clock",
    "record-execution",
    "record-bounce",
    "reconcile",
)
"""What a stage is made of, as docs/architecture.md names it."""
CONNECT_SECONDS = 10
READ_SECONDS = 90
"""Longer than any function may run: the clock is called and waited for."""
_START_OR_LEAVE = "start the local stack with `make demo PLAY=none`, or unset AWS_ENDPOINT_URL to talk to AWS"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


class Stage(StrEnum):
    """The stages that can be deployed."""

    DEV = "dev"
    PROD = "prod"


class UnreachableError(RelaisError):
    """The command cannot be carried out from here: no stack, no credentials, nothing that answers. Exit code 2."""


class StackMissingError(UnreachableError):
    """No stack of this name stands where it was looked for."""

    def __init__(self, name: str, where: str, remedy: str) -> None:
        """Keep its name."""
        super().__init__(f"There is no stack {name} {where}: {remedy}")
        self.name = name


class StackUnfinishedError(UnreachableError):
    """A stack stands without the outputs that it should have."""

    def __init__(self, name: str, status: str, missing: str) -> None:
        """Keep what is missing."""
        super().__init__(
            f"The stack {name} is in state {status} and has no output {missing}: finish its deployment (`make deploy`)."
        )
        self.name = name
        self.missing = missing


class CloudRefusedError(UnreachableError):
    """The cloud did not do what was asked, or was not reached."""


class ClockFailedError(RelaisError):
    """The function of the clock ended with an error."""

    def __init__(self, function: str, error: str) -> None:
        """Keep the type of the error, never its payload."""
        super().__init__(
            f"The clock failed with {error}: see the log of {function.partition(':')[0]}, then tick again."
        )
        self.error = error


class ReconcilerFailedError(RelaisError):
    """The function that reads Stripe's book ended with an error."""

    def __init__(self, function: str, error: str) -> None:
        """Keep the type of the error, never its payload."""
        super().__init__(
            f"The reconciler failed with {error}: see the log of {function.partition(':')[0]}, and `relais doctor`."
        )
        self.error = error


class OperatorPorts(WiredPorts):
    """The ports of a deployment as its operator has them: the same adapters, with the operator's own credentials."""

    def __init__(self, environment: Environment, cloud: "Cloud") -> None:
        """Make clients through the operator's session."""
        super().__init__(environment)
        self._cloud = cloud

    def _client(self, service: str) -> Any:  # noqa: ANN401 - the SDK makes its clients at run time
        return self._cloud.client(service)

    def note(self, error: Exception) -> None:
        """Say on standard error what was put off, by its type: standard output holds the answer alone."""
        typer.echo(f"relais: a part of what follows is left to the clock ({type(error).__name__})", err=True)


class Cloud:
    """Where the SDK's settings lead. Nothing is asked before it is needed."""

    @cached_property
    def _session(self) -> Session:
        session = get_session()
        if session.get_config_variable("region") is None:
            session.set_config_variable("region", REGION)
        return session

    @property
    def region(self) -> str:
        """The region that is looked at."""
        return str(self._session.get_config_variable("region"))

    def client(self, service: str) -> Any:  # noqa: ANN401 - the SDK makes its clients at run time
        """A client with one try; a local stack needs no credentials, so some are made up for it."""
        config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
        client = self._session.create_client(service, config=config)
        if not is_local(client.meta.endpoint_url) or self._session.get_credentials() is not None:
            return client
        self._session.set_credentials("test", "test")  # what local clouds take for their owner
        return self._session.create_client(service, config=config)

    def where(self) -> str:
        """Where it was looked, in words."""
        endpoint = self.client("cloudformation").meta.endpoint_url
        return f"at {endpoint}" if is_local(endpoint) else f"in region {self.region}"

    def remedy(self, stage: str) -> str:
        """What to do where a stage is not found."""
        if is_local(self.client("cloudformation").meta.endpoint_url):
            return f"{_START_OR_LEAVE}."
        return (
            f"deploy it with `make deploy STAGE={stage}`, or name another region (AWS_REGION) or stage (--stage); "
            "for the local stack set AWS_ENDPOINT_URL=http://127.0.0.1:4566."
        )


def is_local(endpoint: str) -> bool:
    """Whether an address leads to this machine."""
    host = urlsplit(endpoint).hostname or ""
    return host in _LOOPBACK or host.endswith(".localhost")


class Stack:
    """One deployed stage, as its stacks' outputs describe it."""

    def __init__(self, stage: Stage, cloud: Cloud | None = None) -> None:
        """Look it up when it is first needed."""
        self.stage = stage
        self.cloud = cloud or Cloud()

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of both stacks. Raises `UnreachableError`."""
        with in_sentences():
            client = self.cloud.client("cloudformation")
            data = self._outputs(client, f"relais-{self.stage}-data", ("TableName", "BucketName"))
            return data | self._outputs(client, f"relais-{self.stage}", ("ApiUrl", "PublicUrl", "MachineArn"))

    def _outputs(self, client: Any, name: str, needed: tuple[str, ...]) -> dict[str, str]:  # noqa: ANN401 - a client
        try:
            found = client.describe_stacks(StackName=name)["Stacks"]
        except sdk.ClientError as error:
            if "does not exist" not in str(error):
                raise
            found = []
        if not found:
            raise StackMissingError(name, self.cloud.where(), self.cloud.remedy(self.stage))
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found[0].get("Outputs", [])}
        for output in needed:
            if output not in outputs:
                raise StackUnfinishedError(name, found[0]["StackStatus"], output)
        return outputs

    @cached_property
    def ports(self) -> OperatorPorts:
        """The ports of this deployment. Raises `UnreachableError`."""
        outputs = self.outputs
        endpoint = self.cloud.client("cloudformation").meta.endpoint_url
        environment = Environment(
            stage=self.stage.value,
            table=outputs["TableName"],
            bucket=outputs["BucketName"],
            machine=outputs["MachineArn"],
            public_url=outputs["PublicUrl"],
            sender="",
            act_function=self.function("run-act"),
            clock_function=self.function("tick-clock"),
            account_function=self.function("onboard"),
            secret_link=self.secret("link-keys"),
            secret_webhook=self.secret("stripe-webhook"),
            secret_stripe=self.secret("stripe-run-act"),
            stripe_url=None,
            configuration_set=f"relais-{self.stage}",
            endpoint_url=endpoint if is_local(endpoint) else None,
        )
        return OperatorPorts(environment, self.cloud)

    def function(self, name: str) -> str:
        """A function's name with the alias that everybody calls."""
        return f"relais-{self.stage}-{name}:{ALIAS}"

    def secret(self, name: str) -> str:
        """A secret's full name."""
        return f"relais/{self.stage}/{name}"

    def tick(self) -> dict[str, int]:
        """Call the clock and wait for what it did: `settled`, `failed`, `remaining`. Raises `ClockFailedError`."""
        told, error = self._wait_for("tick-clock", {})
        if error is not None:
            raise ClockFailedError(self.function("tick-clock"), error)
        return {name: int(told.get(name, 0)) for name in ("settled", "failed", "remaining")}

    def reconcile(self, since: str | None = None) -> dict[str, int]:
        """Have Stripe's book read, from an instant (ISO 8601) on or from where it was left, and wait for what was done.

        Raises `ReconcilerFailedError`.
        """
        told, error = self._wait_for("reconcile", {} if since is None else {"from": since})
        if error is not None:
            raise ReconcilerFailedError(self.function("reconcile"), error)
        return {name: int(told.get(name, 0)) for name in ("read", "booked", "fed", "through")}

    def _wait_for(self, name: str, payload: dict[str, str]) -> tuple[dict[str, Any], str | None]:
        """Call a function and wait: what it told, and the type of the error that it ended with."""
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.function(name), InvocationType="RequestResponse", Payload=json.dumps(payload).encode()
        )
        told = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" not in answer and isinstance(told, dict):
            return told, None
        error = told.get("errorType") if isinstance(told, dict) else None
        return {}, str(error or answer.get("FunctionError") or "no answer")

    def call_later(self, name: str, payload: dict[str, Any]) -> None:
        """Have a function called without waiting for it: it was accepted when this returns."""
        self.cloud.client("lambda").invoke(
            FunctionName=self.function(name), InvocationType="Event", Payload=json.dumps(payload).encode()
        )

    def settings_of(self, name: str) -> dict[str, str] | None:
        """The environment that a function runs with, or nothing where there is no such function or alias."""
        function, _, alias = self.function(name).partition(":")
        try:
            found = self.cloud.client("lambda").get_function_configuration(FunctionName=function, Qualifier=alias)
        except sdk.ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        return dict(found.get("Environment", {}).get("Variables", {}))

    @property
    def is_local(self) -> bool:
        """Whether it stands on this machine."""
        return is_local(self.cloud.client("cloudformation").meta.endpoint_url)

    def stripe_address(self) -> str | None:
        """Which Stripe the function that pays talks to: a stand-in's address, empty for Stripe itself, None if unknown.

        Read from the function's own configuration, so that the ledger is never compared with somebody else's books.
        """
        settings = self.settings_of("run-act")
        return None if settings is None else settings.get("RELAIS_STRIPE_URL", "")


@contextmanager
def in_sentences() -> Iterator[None]:
    """Turn what the SDK raises into a sentence that says what to do. Raises `CloudRefusedError`."""
    try:
        yield
    except (sdk.BotoCoreError, sdk.ClientError) as error:
        raise CloudRefusedError(_sentence(error)) from error


def _sentence(error: sdk.BotoCoreError | sdk.ClientError) -> str:
    match error:
        case sdk.ClientError():
            return _refusal(error)
        case sdk.NoCredentialsError() | sdk.PartialCredentialsError():
            return "No AWS credentials were found: log in (`aws sso login`, `aws configure`) or set AWS_PROFILE."
        case sdk.ProfileNotFound():
            return f"{error}: name one of `aws configure list-profiles` in AWS_PROFILE."
        case sdk.TokenRetrievalError() | sdk.SSOError():
            return "The AWS session has expired: log in again (`aws sso login`)."
        case sdk.EndpointConnectionError() | sdk.ConnectTimeoutError() | sdk.ConnectionClosedError():
            return _silence(str(error.kwargs.get("endpoint_url", "the address")))
        case _:
            return f"{error}: check AWS_REGION, AWS_PROFILE and AWS_ENDPOINT_URL."


def _silence(endpoint: str) -> str:
    if is_local(endpoint):
        return f"Nothing answers at {endpoint}: {_START_OR_LEAVE}."
    return f"Nothing answers at {endpoint}: check the network and the region (AWS_REGION)."


def _refusal(error: sdk.ClientError) -> str:
    code, operation = error.response["Error"]["Code"], error.operation_name
    if code in _BAD_CREDENTIALS:
        return f"AWS did not accept the credentials ({code}): log in again, or set AWS_PROFILE."
    if code in _DENIED:
        return f"These credentials may not do {operation}: use a role that may operate this stage."
    if code == "ResourceNotFoundException":
        return f"{operation} found nothing ({error.response['Error'].get('Message', '')}): deploy the stack again."
    return f"AWS refused {operation} ({code}): {error.response['Error'].get('Message', '')}"
