"""One stack and one browser for all journeys of a run."""

import random
import shutil
import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from devstack.player import Play
from devstack.stack import Addresses, Started, stack
from tests.browser.people import PATIENCE, Street, Watch

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A mail stands in a sandboxed frame: in a process of its own it may miss a click that comes before its layout.
    "--disable-features=IsolateSandboxedIframes",
    # Whatever a page might ask for, nothing leaves this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def _port() -> int:
    """The first of three free ports in a row, below those that the system gives out by itself."""
    while True:
        first = random.randrange(20_000, 32_000)
        if all(_free(first + more) for more in range(3)):
            return first


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="session")
def started() -> Iterator[Started]:
    """The whole stack, on ports of its own."""
    with stack(Addresses.of(str(_port())), lambda _what, _seconds: None) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("these tests click in Chromium: install it (apt-get install chromium)", pytrace=False)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def street(chromium: Browser, started: Started) -> Iterator[Street]:
    """Windows onto the running stack; whatever happens in a test, no page may have done anything wrong."""
    watch = Watch()
    yield Street(chromium, started.addresses.gateway, started.addresses.cloud, watch)
    for context in chromium.contexts:
        context.close()
    assert watch.wrong == []


@pytest.fixture
def play(started: Started) -> Play:
    """What people do over HTTP, where a test is about something else."""
    return Play(
        gateway=started.addresses.gateway,
        cloud=started.cloud,
        store=started.store,
        tell=lambda _step: None,
        move_clock=lambda _gate: None,
        seller=started.catalog.shop.email,
        names={},
        seen=len(started.cloud.mails()),
    )
