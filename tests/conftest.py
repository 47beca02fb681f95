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
# What takes longest comes first, so that no worker is left with it while the others have nothing to do any more.
FIRST = ("browser", "e2e", "infra", "java", "workflow", "integration", "unit")
ONE_BY_ONE = "workflow"
# The descriptions of the services are 10 MB of JSON: read once in a process, not once for every session of the SDK.
botocore.session.create_loader = cache(botocore.session.create_loader)


class _ByRoom(LoadGroupScheduling):  # type: ignore[misc] # xdist ships no types
    """All tests of a group in one worker; files where there is room, those of the workflow test by test.

    Told from the path: pytest 9.2 keeps the id of a test elsewhere than pytest-xdist 3.8 writes its groups to, so that
    the mark `xdist_group` does nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        room = _room(nodeid)
        return GROUPS.get(room, nodeid if room == ONE_BY_ONE else nodeid.partition("::")[0])


def _room(nodeid: str) -> str:
    return nodeid.removeprefix(f"{TESTS.name}/").partition("/")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadGroupScheduling | None:
    """Only where groups were asked for (`--dist loadgroup`); taken in the order of the collection."""
    config.option.loadscopereorder = False
    return _ByRoom(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder, the longest first; races need Java, unit tests get no socket at all."""
    items.sort(key=lambda item: FIRST.index(_room(item.nodeid)))
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(folder)
        if folder == "races":
            item.add_marker("java")
        if folder == "unit":
            item.add_marker("disable_socket")
