"""What every room of the tests shares: the marker of its folder, and no sockets where none belong."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# One synthesis, and one stack at a time: two would take each other's time. Groups run in one worker each.
GROUPS = {"infra": "infra", "e2e": "stack", "browser": "stack"}


@pytest.hookimpl(tryfirst=True)  # the distribution over workers reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder; races need Java, unit tests get no socket at all."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(folder)
        if folder in GROUPS:
            item.add_marker(pytest.mark.xdist_group(GROUPS[folder]))
        if folder == "races":
            item.add_marker("java")
        if folder == "unit":
            item.add_marker("disable_socket")
