"""The sites of others, asked whether an address still leads somewhere. Nothing that is ours may be asked through it.

Whoever hands in a link chooses an address that this machine asks for: the name is resolved once, every address it has
must be one of the public internet, and that very address is connected to, so that a second answer of the name's cannot
lead inwards (OWASP, Server Side Request Forgery Prevention). Each redirection is held to the same.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from relais.link_state import LinkState

PORTS = {"http": 80, "https": 443}
SECONDS_A_STEP = 4
SECONDS_IN_ALL = 15
"""The page waits: whatever has not answered by then is told to be silent."""
MOST_REDIRECTIONS = 4
MOST_LINKS = 10
SAYS_NO_TO_HEAD = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
CLOSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
MOVED = frozenset({301, 302, 303, 307, 308})
WITHIN_OTHERS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))
"""Addresses of IPv6 that lead on to one of IPv4, whichever (RFC 6052, 8215, 3056, 4380, 4291)."""
HEADERS = {"User-Agent": "Relais (looks whether a link works)", "Accept": "*/*", "Connection": "close"}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAskedError(Exception):
    """An address that is not asked for: another port, or not one of the public internet."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a link leads: which host at which of its addresses."""

    secure: bool
    host: str
    address: str
    port: int
    path: str


def public(address: Address) -> bool:
    """Whether an address is one that anybody may ask."""
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if inner is not None:
        return public(inner)
    if isinstance(address, ipaddress.IPv6Address) and any(address in one for one in WITHIN_OTHERS):
        return False
    return address.is_global and not address.is_multicast


def find(link: str) -> Place:
    """The place of a link on the public internet. Raises `NotAskedError`, `OSError` where its name leads nowhere."""
    scheme, host, port, path = _read(link)
    if port != PORTS[scheme]:
        raise NotAskedError
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if not addresses or not all(map(public, addresses)):
        raise NotAskedError
    return Place(scheme == "https", host, str(addresses[0]), port, path)


def find_here(link: str) -> Place:
    """The place of a link on this machine: all that the local stack and the tests ask. Raises `NotAskedError`."""
    scheme, host, port, path = _read(link)
    if host not in {"localhost", "127.0.0.1"}:
        raise NotAskedError
    return Place(scheme == "https", host, "127.0.0.1", port, path)


def _read(link: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(link)
        host, port = parts.hostname, parts.port
        host = host.encode("idna").decode() if host and not host.isascii() else host
    except ValueError:
        raise NotAskedError from None
    if parts.scheme not in PORTS or not host or "@" in parts.netloc:
        raise NotAskedError
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or PORTS[parts.scheme], path


class WebSites:
    """Sites, found by `find`: of the public internet, or on this machine."""

    def __init__(self, find: Callable[[str], Place] = find) -> None:
        """`find` says which links are asked for, and where they stand."""
        self._find = find

    def look(self, links: Sequence[str]) -> tuple[LinkState, ...]:
        """What each of these links leads to, all of them asked at once."""
        asked = links[:MOST_LINKS]
        pool = ThreadPoolExecutor(MOST_LINKS)
        tries = [pool.submit(self._look, link) for link in asked]
        wait(tries, timeout=SECONDS_IN_ALL)
        pool.shutdown(wait=False, cancel_futures=True)
        found = [one.result() if one.done() and not one.cancelled() else LinkState.SILENT for one in tries]
        return (*found, *[LinkState.NOT_ASKED] * (len(links) - len(asked)))

    def _look(self, link: str) -> LinkState:
        try:
            for _ in range(MOST_REDIRECTIONS + 1):
                place = self._find(link)
                status, onward = _ask(place, "HEAD")
                if status in SAYS_NO_TO_HEAD:
                    status, onward = _ask(place, "GET")
                if status not in MOVED or not onward:
                    return _meaning(status)
                link = urljoin(link, onward)
        except NotAskedError:
            return LinkState.NOT_ASKED
        except (OSError, http.client.HTTPException, UnicodeError, ValueError):
            return LinkState.SILENT
        return LinkState.TROUBLE


def _ask(place: Place, method: str) -> tuple[int, str]:
    """Ask for a link's head; whatever body follows is never read. Gives the status, and where it leads on to."""
    line: http.client.HTTPConnection = _Line(place)
    try:
        host = f"[{place.host}]" if ":" in place.host else place.host
        shown = host if place.port in PORTS.values() else f"{host}:{place.port}"
        line.putrequest(method, place.path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": shown, **HEADERS}.items():
            line.putheader(name, value)
        line.endheaders()
        answer = line.getresponse()
        return answer.status, answer.headers.get("location", "")
    finally:
        line.close()


class _Line(http.client.HTTPConnection):
    """A connection to the address that was looked at, under the name that was asked for."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.host, place.port, timeout=SECONDS_A_STEP)
        self._place = place

    def connect(self) -> None:
        """Connect to that address, whatever the name says by now."""
        self.sock = socket.create_connection((self._place.address, self._place.port), SECONDS_A_STEP)
        if self._place.secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._place.host)


def _meaning(status: int) -> LinkState:
    if status in GONE:
        return LinkState.GONE
    if status in CLOSED:
        return LinkState.CLOSED
    return LinkState.ALIVE if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES else LinkState.TROUBLE
