"""What differs between deployments, read from the CDK's context and from nothing else."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, assert_never

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays
from constructs import Node

REGION = "eu-west-3"
SAMPLE_SENDER = "bonjour@atelier-mistral.example"


Choice = TypeVar("Choice", bound=StrEnum)


class Stage(StrEnum):
    """`dev` may be thrown away and has a virtual clock; `prod` holds money."""

    DEV = "dev"
    PROD = "prod"


class Layer(StrEnum):
    """Which build of the layer is deployed: what ships, or what this machine's local cloud can run."""

    ARM64 = "arm64"
    LOCAL = "local"


class ContextError(ValueError):
    """A context value that can't be used; the message names it and what it may be."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One stage as it is deployed. Design: design section 7."""

    stage: Stage
    layer: Layer
    public_url: str | None
    """Where links lead, without a trailing slash; None means the HTTP API's own address."""
    stripe_url: str | None
    """Stage dev only: the Stripe sandbox; None means Stripe itself."""
    sender: str
    """The address that mails come from; its domain is the verified identity."""
    alarm_email: str | None
    """Who is told of alarms; None means that whoever wants to know subscribes to the topic by hand."""
    retention: RetentionDays
    """How long logs are kept."""
    build: Path
    """Where the bundle was built."""
    table: str | None
    """The table to work on, where that is not the stage's own: one that was restored beside it."""
    stopped: bool
    """Whether the stage stands still, as it must while its table is restored: no clock, no door, one page."""

    def asset(self, name: str) -> str:
        """An archive of the bundle. Raises `ContextError` where it wasn't built."""
        archive = self.build / name
        if not archive.is_file():
            raise ContextError(f"{archive} is missing: run `make bundle` first.")
        return str(archive)

    @property
    def keeps_data(self) -> bool:
        """Whether table, bucket and secrets outlive their stack."""
        match self.stage:
            case Stage.PROD:
                return True
            case Stage.DEV:
                return False
            case _:
                assert_never(self.stage)

    @property
    def removal(self) -> RemovalPolicy:
        """What happens to things that hold data when their stack goes."""
        return RemovalPolicy.RETAIN if self.keeps_data else RemovalPolicy.DESTROY

    @property
    def sender_domain(self) -> str:
        """The domain of the sender's address."""
        return self.sender.partition("@")[2]

    def name(self, what: str = "") -> str:
        """A name fixed per stage: ``relais-dev-show-page``, or ``relais-dev`` alone."""
        return f"relais-{self.stage}-{what}" if what else f"relais-{self.stage}"


def deployment_of(node: Node) -> Deployment:
    """Read a deployment from the context (``-c name=value``). Raises `ContextError`."""
    stage = _one_of(Stage, node, "stage", Stage.DEV)
    stripe_url = _text(node, "stripe_url")
    if stripe_url and stage is not Stage.DEV:
        raise ContextError(f"stripe_url={stripe_url} leads to a sandbox: leave it out for stage {stage}.")
    sender = _address(node, "sender") or _sample_sender(stage)
    return Deployment(
        stage=stage,
        layer=_one_of(Layer, node, "layer", Layer.ARM64),
        public_url=_url(node, "public_url"),
        stripe_url=_url(node, "stripe_url"),
        sender=sender,
        alarm_email=_address(node, "alarm_email"),
        retention=RetentionDays.THREE_MONTHS if stage is Stage.PROD else RetentionDays.ONE_WEEK,
        build=Path(_text(node, "build") or "build"),
        table=_text(node, "table"),
        stopped=_yes_or_no(node, "stopped"),
    )


def _yes_or_no(node: Node, name: str) -> bool:
    value = (_text(node, name) or "false").lower()
    if value not in {"true", "false"}:
        raise ContextError(f"{name}={value} is not known: use true or false.")
    return value == "true"


def _address(node: Node, name: str) -> str | None:
    value = _text(node, name)
    if value is not None and "@" not in value:
        raise ContextError(f"{name}={value} is no e-mail address: give one like bonjour@your-shop.fr.")
    return value


def _sample_sender(stage: Stage) -> str:
    if stage is Stage.PROD:
        raise ContextError("sender is missing: stage prod mails from an address of yours (-c sender=you@your-shop.fr).")
    return SAMPLE_SENDER


def _one_of(kind: type[Choice], node: Node, name: str, default: Choice) -> Choice:
    value = _text(node, name) or default
    try:
        return kind(value)
    except ValueError:
        raise ContextError(f"{name}={value} is not known: use one of {', '.join(kind)}.") from None


def _url(node: Node, name: str) -> str | None:
    value = _text(node, name)
    if value is None:
        return None
    if not value.startswith(("http://", "https://")):
        raise ContextError(f"{name}={value} is no address: start it with https:// (or http:// on one machine).")
    return value.rstrip("/")


def _text(node: Node, name: str) -> str | None:
    value = node.try_get_context(name)
    return str(value) if value else None
