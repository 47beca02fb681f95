"""The environment, read here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from relais.errors import RelaisError


class SettingMissingError(RelaisError):
    """The environment lacks something that this function needs."""

    def __init__(self, name: str) -> None:
        """Keep the variable's name."""
        super().__init__(f"{name} is not set: deploy the stack again, its template sets it")
        self.name = name


@dataclass(frozen=True, slots=True)
class Environment:
    """What a deployment tells its functions. Secrets are named here, never held."""

    stage: str
    table: str
    bucket: str
    machine: str
    public_url: str
    sender: str
    act_function: str
    clock_function: str
    account_function: str
    secret_link: str
    secret_webhook: str
    secret_stripe: str
    stripe_url: str | None
    configuration_set: str
    endpoint_url: str | None
    stopped: bool = False
    """Whether the stage stands still: a page says so, and nothing of it is reached (design: workflow section 7)."""

    @property
    def virtual_time(self) -> bool:
        """Whether the time can be moved: on stage dev only."""
        return self.stage == "dev"


def from_environment(environ: Mapping[str, str] | None = None) -> Environment:
    """Read the environment. Raises `SettingMissingError` for what every function needs.

    The rest may be absent where unused.
    """
    source = os.environ if environ is None else environ
    stage = _needed(source, "RELAIS_STAGE")
    return Environment(
        stage=stage,
        table=_needed(source, "RELAIS_TABLE"),
        bucket=source.get("RELAIS_BUCKET", ""),
        machine=source.get("RELAIS_MACHINE", ""),
        public_url=source.get("RELAIS_PUBLIC_URL", "").rstrip("/"),
        sender=source.get("RELAIS_SENDER", ""),
        act_function=source.get("RELAIS_ACT_FUNCTION", ""),
        clock_function=source.get("RELAIS_CLOCK_FUNCTION", ""),
        account_function=source.get("RELAIS_ACCOUNT_FUNCTION", ""),
        secret_link=source.get("RELAIS_SECRET_LINK", ""),
        secret_webhook=source.get("RELAIS_SECRET_WEBHOOK", ""),
        secret_stripe=source.get("RELAIS_SECRET_STRIPE", ""),
        stripe_url=source.get("RELAIS_STRIPE_URL") if stage == "dev" else None,
        configuration_set=source.get("RELAIS_CONFIGURATION_SET", ""),
        endpoint_url=source.get("AWS_ENDPOINT_URL"),
        stopped=source.get("RELAIS_STOPPED") == "true",
    )


def _needed(source: Mapping[str, str], name: str) -> str:
    value = source.get(name)
    if not value:
        raise SettingMissingError(name)
    return value
