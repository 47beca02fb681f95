"""The same contract for the tables that fast tests stand on: moto's behind the shipped adapter, the one in memory."""

import os
from collections.abc import Iterator

import botocore.session
import pytest
from moto import mock_aws

from devstack.simulation.memory import MemoryStore
from relais.adapters.dynamodb import DynamoStore
from tests.support.clients import clients_made_once
from tests.support.store_contract import StoreContract
from tests.support.tables import REGION, fresh_table


class TestDynamoStoreOnMoto(StoreContract):
    """The shipped adapter on moto's table."""

    test_true_is_not_one = None  # moto finds them equal: no guard of ours compares a number with a boolean

    @pytest.fixture
    def store(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoStore]:
        """A table of this test's own."""
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setitem(os.environ, name, "testing")
        with mock_aws(), clients_made_once():
            client = botocore.session.Session().create_client("dynamodb", region_name=REGION)
            yield DynamoStore(client, fresh_table(client))


class TestMemoryStore(StoreContract):
    """The table of the workflow's tests."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        """An empty one."""
        return MemoryStore()
