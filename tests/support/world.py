"""The world of the simulation with its cloud on moto, behind the real adapters."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.ses.models import ses_backends

from devstack.simulation.calls import HANDLERS
from devstack.simulation.memory import MemoryStore
from devstack.simulation.pages import Mail
from devstack.simulation.world import (
    ACCOUNT,
    ENVIRONMENT,
    MONDAY,
    REGION,
    ROOT,
    SECRETS,
    World,
    played,
    replace_ports,
    wired,
)
from relais import wiring
from relais.adapters.dynamodb import _row
from relais.adapters.keys import INDEXES, PK, SK
from relais.adapters.sites import WebSites, find_here
from relais.rows import Row
from tests.support.engine import Engine, mended_moto, on_the_wire


@cache
def definition() -> str:
    """The shipped definition, its placeholders bound as the template binds them."""
    text = (ROOT / "statemachines" / "order.asl.json").read_text(encoding="utf-8")
    for name in HANDLERS:
        placeholder = "".join(word.capitalize() for word in name.split("-"))
        text = text.replace(f"${{{placeholder}}}", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:relais-dev-{name}:live")
    assert "${" not in text
    return text


class Moto:
    """Table, bucket, mails, secrets and machine on moto, behind the real adapters."""

    def __init__(self) -> None:
        clients = _clients()
        attributes = {PK, SK} | {name for index in INDEXES for name in (index.partition, index.sort)}
        clients["dynamodb"].create_table(
            TableName="relais-dev",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)],
            KeySchema=[{"AttributeName": PK, "KeyType": "HASH"}, {"AttributeName": SK, "KeyType": "RANGE"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index.name,
                    "KeySchema": [
                        {"AttributeName": index.partition, "KeyType": "HASH"},
                        {"AttributeName": index.sort, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL" if index.whole else "KEYS_ONLY"},
                }
                for index in INDEXES
            ],
        )
        clients["s3"].create_bucket(Bucket="relais-dev-files", CreateBucketConfiguration={"LocationConstraint": REGION})
        clients["s3"].put_bucket_versioning(Bucket="relais-dev-files", VersioningConfiguration={"Status": "Enabled"})
        clients["sesv2"].create_email_identity(EmailIdentity="bonjour@atelier-mistral.example")
        for name, value in SECRETS.items():
            clients["secretsmanager"].create_secret(Name=name, SecretString=json.dumps(value))
        clients["stepfunctions"].create_state_machine(
            name="relais-dev", definition=definition(), roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine"
        )

    def rows(self) -> list[Row]:
        """Every row of the table, past its interface: what no shipped code may do."""
        table = dynamodb_backends[ACCOUNT][REGION].get_table("relais-dev")
        return [_row({name: on_the_wire(value) for name, value in item.attrs.items()}) for item in table.all_items()]

    def due_rows(self) -> list[Row]:
        """Every row that the clock will look at."""
        return [row for row in self.rows() if "due" in row]

    def mails(self) -> list[Mail]:
        """Every mail that SES took."""
        return [
            Mail(message.destinations["ToAddresses"][0], message.subject, message.body)
            for message in ses_backends[ACCOUNT][REGION].sent_messages
        ]

    def put_object(self, key: str, body: bytes) -> None:
        """Upload."""
        _clients()["s3"].put_object(Bucket="relais-dev-files", Key=key, Body=body)


class MotoWithFastTable(Moto):
    """The same with a table in memory, under the same contract: moto copies its tables with every transaction."""

    def __init__(self, ports: wiring.WiredPorts) -> None:
        super().__init__()
        self.store = MemoryStore()
        replace_ports(ports, store=self.store)

    def rows(self) -> list[Row]:
        """Every row of the table."""
        return list(self.store.rows.values())

    def due_rows(self) -> list[Row]:
        """Every row that the clock will look at."""
        return self.store.waiting()


@cache
def _clients() -> dict[str, Any]:
    services = ("dynamodb", "s3", "sesv2", "secretsmanager", "stepfunctions")
    return {service: boto3.client(service, region_name=REGION) for service in services}


@contextmanager
def world(start: datetime = MONDAY, *, fast_table: bool = True) -> Iterator[World]:
    """A fresh world whose machine runs on moto; the table does too, unless it may be a fast one."""
    engine = Engine()
    config: Any = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    with patch.dict(os.environ, ENVIRONMENT), mock_aws(config=config), mended_moto(engine), wired() as ports:
        ports.__dict__["sites"] = WebSites(find_here)  # nobody beyond this machine is asked
        clouds = MotoWithFastTable(ports) if fast_table else Moto()
        with played(World(engine, clouds, start)) as made:
            yield made
