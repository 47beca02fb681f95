"""What every room of the tests shares: the marker of its folder, and no sockets where none belong."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder; races need Java, unit tests get no socket at all."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(folder)
        if folder in {"infra", "e2e"}:  # one synthesis, one stack: not one per worker
            item.add_marker(pytest.mark.xdist_group(folder))
        if folder == "races":
            item.add_marker("java")
        if folder == "unit":
            item.add_marker("disable_socket")
