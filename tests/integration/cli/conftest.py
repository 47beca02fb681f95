"""A table on moto, with the keys and indexes that the templates use."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from relais.adapters.dynamodb import DynamoStore
from relais.adapters.keys import INDEXES, PK, SK

REGION = "eu-west-3"
TABLE = "relais-dev"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cloud of this test's own."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "STRIPE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


@pytest.fixture
def store(aws: None) -> DynamoStore:
    """The store on a fresh table."""
    client = boto3.client("dynamodb", region_name=REGION)
    text: Any = [
        {"AttributeName": name, "AttributeType": "S"}
        for name in dict.fromkeys([PK, SK, *(part for one in INDEXES for part in (one.partition, one.sort))])
    ]
    indexes: Any = [
        {
            "IndexName": one.name,
            "KeySchema": _schema(one.partition, one.sort),
            "Projection": {"ProjectionType": "ALL" if one.whole else "KEYS_ONLY"},
        }
        for one in INDEXES
    ]
    schema: Any = _schema(PK, SK)
    client.create_table(
        TableName=TABLE,
        KeySchema=schema,
        AttributeDefinitions=text,
        GlobalSecondaryIndexes=indexes,
        BillingMode="PAY_PER_REQUEST",
    )
    return DynamoStore(client, TABLE, pause=lambda _: None)


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
