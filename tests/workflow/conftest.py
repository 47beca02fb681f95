"""A fresh world for each test."""

from collections.abc import Iterator

import pytest

from devstack.simulation.world import World
from tests.support.world import world as fresh


@pytest.fixture
def world() -> Iterator[World]:
    with fresh() as made:
        yield made
