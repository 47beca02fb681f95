"""What every room of the tests shares: the marker of its folder, who runs beside whom, no sockets where none belong."""

from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from hypothesis import settings
from xdist.scheduler import LoadGroupScheduling

TESTS = Path(__file__).parent

settings.register_profile("relais", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("relais")
# One synthesis, and one stack at a time: two would take each other's time.
GROUPS = {"infra": "infra", "e2e": "stack", "browser": "stack"}

# The descriptions of the services are 10 MB of JSON: read once in a process, not once for every session of the SDK.
botocore.session.create_loader = cache(botocore.session.create_loader)


class _ByRoom(LoadGroupScheduling):  # type: ignore[misc] # xdist ships no types
    """All tests of a group in one worker, every other test wherever there is room.

    Told from the path: pytest 9.2 keeps the id of a test elsewhere than pytest-xdist 3.8 writes its groups to, so that
    the mark `xdist_group` does nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        room = nodeid.removeprefix(f"{TESTS.name}/").split("/")[0]
        return GROUPS.get(room, nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadGroupScheduling | None:
    """Only where groups were asked for (`--dist loadgroup`)."""
    return _ByRoom(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder; races need Java, unit tests get no socket at all."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(folder)
        if folder == "races":
            item.add_marker("java")
        if folder == "unit":
            item.add_marker("disable_socket")
