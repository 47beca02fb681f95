"""The store on DynamoDB Local, which is Amazon's own: what it answers decides what the doubles must answer."""

import pytest

from relais.adapters.dynamodb import DynamoStore
from tests.support.store_contract import StoreContract
from tests.support.wire import WireClient


class TestDynamoStoreOnDynamoDBLocal(StoreContract):
    """The shipped adapter."""


class TestDynamoStoreWithoutAnSdk(StoreContract):
    """The client that races are run with: the store must not know the difference."""

    @pytest.fixture
    def store(self, wire: WireClient, table: str) -> DynamoStore:
        """The shipped adapter on it."""
        return DynamoStore(wire, table)  # type: ignore[arg-type]
