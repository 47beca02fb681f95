"""Asking others' sites: whoever hands in a link must not be able to have us ask for what is ours."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

import pytest

from relais.adapters import sites
from relais.adapters.sites import NotAskedError, WebSites, find, find_here
from relais.link_state import LinkState

OURS = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.9",
    "192.168.1.1",
    "169.254.169.254",  # the cloud's metadata
    "169.254.170.2",  # a container's credentials
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address like another
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",  # the same metadata
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:0:a00:1::",
    "ff02::1",
)


@pytest.mark.parametrize("address", OURS)
def test_no_address_within_is_asked(address: str) -> None:
    """Private, of this machine, of the link, the cloud's own, and those of IPv6 that stand for one of these."""
    assert not sites.public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_addresses_of_the_public_internet_are(address: str) -> None:
    """Else nothing would be looked at."""
    assert sites.public(ipaddress.ip_address(address))


def resolved(*addresses: str) -> Any:
    """What names lead to, one answer after the other."""
    found = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in each.split()] for each in addresses]
    return patch.object(socket, "getaddrinfo", side_effect=found)


@pytest.mark.parametrize("addresses", ["10.0.0.1", "8.8.8.8 169.254.169.254"])
def test_a_name_that_leads_within_is_not_asked(addresses: str) -> None:
    """One address of several is enough: which of them a connection takes is not ours to say."""
    with resolved(addresses), pytest.raises(NotAskedError):
        find("https://exemple.fr/")


@pytest.mark.parametrize(
    "link",
    [
        "http://exemple.fr:8080/",
        "https://exemple.fr:22/",
        "http://exemple.fr:443/",
        "ftp://exemple.fr/",
        "file:///etc/passwd",
        "http://me@exemple.fr/",
        "http:///x",
        "http://exemple.fr:abc/",
    ],
)
def test_nothing_but_the_web_is_asked(link: str) -> None:
    """Fixed ports, no name before the host: not even resolved."""
    with resolved() as asked, pytest.raises(NotAskedError):
        find(link)
    asked.assert_not_called()


def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to() -> None:
    """A name that leads elsewhere a moment later (DNS rebinding) leads nowhere here."""
    with resolved("8.8.8.8", "127.0.0.1"), patch.object(socket, "create_connection", side_effect=OSError) as line:
        assert WebSites().look(["http://exemple.fr/"]) == (LinkState.SILENT,)
    assert [call.args[0] for call in line.call_args_list] == [("8.8.8.8", 80)]


class Site(BaseHTTPRequestHandler):
    """A site with a page for every way in which a link can be."""

    asked: list[str]

    def do_HEAD(self) -> None:
        """Answer as the path says."""
        self.asked.append(f"{self.command} {self.path}")
        status, _, onward = self.path.strip("/").partition("/")
        refuses = status == "get" and self.command == "HEAD"
        self.send_response(405 if refuses else 200 if status == "get" else int(status))
        if onward:
            self.send_header("location", onward if "//" in onward else f"/{onward}")
        self.end_headers()

    def do_GET(self) -> None:
        """The same."""
        self.do_HEAD()

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, list[str]]]:
    Site.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Site.asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("200", LinkState.ALIVE),
        ("204", LinkState.ALIVE),
        ("get", LinkState.ALIVE),
        ("301/302/200", LinkState.ALIVE),
        ("404", LinkState.GONE),
        ("410", LinkState.GONE),
        ("401", LinkState.CLOSED),
        ("403", LinkState.CLOSED),
        ("500", LinkState.TROUBLE),
        ("429", LinkState.TROUBLE),
        ("302/http://10.0.0.1/", LinkState.NOT_ASKED),
        ("302/http://169.254.169.254/latest/meta-data", LinkState.NOT_ASKED),
        ("302/file:///etc/passwd", LinkState.NOT_ASKED),
        ("301/301/301/301/301/301/200", LinkState.TROUBLE),
    ],
)
def test_what_a_site_says_is_told_in_six_words(site: tuple[str, list[str]], path: str, found: LinkState) -> None:
    """Each redirection is held to what the link itself was; and they end."""
    assert WebSites(find_here).look([f"{site[0]}/{path}"]) == (found,)


def test_several_are_asked_at_once_and_told_in_their_order(site: tuple[str, list[str]]) -> None:
    """Ten that are slow are as slow as one; those beyond are not asked."""
    server = socket.create_server(("127.0.0.1", 0))
    closed = server.getsockname()[1]
    server.close()
    links = [f"{site[0]}/404", f"http://127.0.0.1:{closed}/", *[f"{site[0]}/200"] * 9]
    found = WebSites(find_here).look(links)
    assert found[:3] == (LinkState.GONE, LinkState.SILENT, LinkState.ALIVE)
    assert (len(found), found[10]) == (11, LinkState.NOT_ASKED)


def test_beside_the_local_cloud_nothing_but_this_machine_is_asked() -> None:
    """The local stack and its tests ask nobody else, not even for a name."""
    with resolved() as asked:
        assert WebSites(find_here).look(["https://exemple.fr/", "http://8.8.8.8/"]) == (LinkState.NOT_ASKED,) * 2
    asked.assert_not_called()
