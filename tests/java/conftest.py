"""DynamoDB Local for the tests of this folder: one process for all of them, one table for each."""

from collections.abc import Iterator
from typing import Any

import pytest

from relais.adapters.dynamodb import DynamoStore
from tests.support.tables import REGION, THREADS, dynamodb_local, fresh_table
from tests.support.wire import WireClient


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[Any]:
    """A client of DynamoDB Local."""
    with dynamodb_local() as client:
        yield client


@pytest.fixture(scope="session")
def wire(dynamodb: Any) -> Iterator[WireClient]:
    """The same without an SDK, for tests that make very many calls."""
    client = WireClient(dynamodb.meta.endpoint_url, REGION, THREADS * 2)
    yield client
    client.close()


@pytest.fixture
def table(dynamodb: Any) -> str:
    """A table of this test's own."""
    return fresh_table(dynamodb)


@pytest.fixture
def store(dynamodb: Any, table: str) -> DynamoStore:
    """The store on it. It must not pause: DynamoDB Local never lets two transactions meet."""
    return DynamoStore(dynamodb, table, pause=_never)


def _never(seconds: float) -> None:
    raise AssertionError(f"the store paused for {seconds} s")
