"""The local cloud as the player and the tests look at it: clients, outputs, mails, the functions' own log lines."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from devstack.gateway import fetch_mails
from devstack.mailbox import Mail

REGION = "eu-west-3"
ACCOUNT = "000000000000"
STAGE = "dev"
SERVICE_STACK = f"relais-{STAGE}"
DATA_STACK = f"relais-{STAGE}-data"
TABLE = f"relais-{STAGE}"
LOGS = f"/aws/lambda/relais-{STAGE}-"
# What the local cloud takes for credentials; it checks none.
KEY = "test"


@dataclass(frozen=True, slots=True)
class Invocation:
    """The line that a function writes at the end of each invocation."""

    function: str
    order: str | None
    outcome: str
    write_units: float


@dataclass(frozen=True, slots=True)
class Cloud:
    """The local cloud at an address."""

    url: str

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
        """A client of one service."""
        return _client(service, self.url)

    def outputs(self, stack: str) -> dict[str, str]:
        """What a deployed stack says of itself."""
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def mails(self) -> tuple[Mail, ...]:
        """Every mail that was sent, oldest first."""
        return fetch_mails(self.url)

    def invocations(self, since: int) -> tuple[Invocation, ...]:
        """Every invocation that ended since an instant (milliseconds since 1970), as the functions logged it."""
        return tuple(read_invocations(message for message in self._messages(since)))

    def _messages(self, since: int) -> Iterator[str]:
        logs = self.client("logs")
        groups = [
            group["logGroupName"]
            for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=LOGS)
            for group in page["logGroups"]
        ]
        for group in groups:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
            for page in pages:
                for event in page["events"]:
                    yield from event["message"].splitlines()


def read_invocations(lines: Iterator[str]) -> Iterator[Invocation]:
    """The invocations among log lines; lines of other things and of other shapes are none."""
    for line in lines:
        if '"invocation"' not in line:
            continue
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("message") == "invocation":
            yield Invocation(told["service"], told.get("order"), told["outcome"], float(told["write_units"]))


@cache
def _client(service: str, url: str) -> Any:  # noqa: ANN401 - likewise
    config = Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}, proxies={})
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        config=config,
    )
