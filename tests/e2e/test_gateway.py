import http.client
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from devstack.gateway import BODY_LIMIT, Gateway

API = "http://abcdef01.execute-api.localhost:4566"


@dataclass(slots=True)
class Cloud:
    """A local cloud that notes what it is asked and answers with every awkward thing there is."""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    noted = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            noted.asked.append(
                {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": body}
            )
            answer = b'{"messages": {}}' if self.path.startswith("/_ministack/") else "grüß\u00a0dich".encode()
            self.send_response(207)
            self.send_header("X-Twice", "1")
            self.send_header("X-Twice", "2")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_GET = do_HEAD = do_POST  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        noted.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield noted
        server.shutdown()
        thread.join()


@pytest.fixture
def gateway(cloud: Cloud) -> Iterator[Gateway]:
    made = Gateway(0, f"http://127.0.0.1:{cloud.port}")
    made.start()
    yield made
    made.stop()


def ask(gateway: Gateway, method: str, path: str, body: bytes = b"", headers: Any = ()) -> tuple[int, Any, bytes]:
    line = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=30)
    line.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers:
        line.putheader(name, value)
    if body:
        line.putheader("Content-Length", str(len(body)))
    line.endheaders(body or None)
    answer = line.getresponse()
    told = answer.status, answer.getheaders(), answer.read()
    line.close()
    return told


def test_a_webhook_arrives_byte_for_byte(gateway: Gateway, cloud: Cloud) -> None:
    """The signature is over the raw body: not a blank may change on the way."""
    gateway.lead_to(API)
    body = b'{ "id" :\t"evt_1",\r\n "t":"\xc3\xa9\x00\xff" }\n'
    status, _, _ = ask(gateway, "POST", "/hooks/stripe?a=1&a=%2F", body, [("Stripe-Signature", "t=1,v1=ab")])
    asked = cloud.asked[-1]
    assert (status, asked["body"], asked["path"]) == (207, body, "/hooks/stripe?a=1&a=%2F")
    assert ("Stripe-Signature", "t=1,v1=ab") in asked["headers"]


def test_the_api_is_addressed_by_its_own_name_and_headers_go_both_ways(gateway: Gateway, cloud: Cloud) -> None:
    """The local cloud knows an API by the Host header; a header that stands twice stays twice."""
    gateway.lead_to(API)
    sent = [("Sec-Fetch-Site", "same-origin"), ("Origin", "null"), ("X-Twice", "a"), ("X-Twice", "b")]
    _, headers, body = ask(gateway, "GET", "/", headers=sent)
    asked = cloud.asked[-1]["headers"]
    assert [value for name, value in asked if name == "Host"] == ["abcdef01.execute-api.localhost:4566"]
    assert all(pair in asked for pair in sent)
    assert [value for name, value in headers if name == "X-Twice"] == ["1", "2"]
    assert body.decode() == "grüß\u00a0dich"


def test_head_gets_no_body(gateway: Gateway) -> None:
    """Mail scanners ask like this; a body would be read as the next answer on the same connection."""
    asked = "HEAD /_mail.json HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as line, line.makefile("rb") as answer:
        line.sendall(asked.encode())
        told = answer.read()
    assert told.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Length: 2\r\n" in told
    assert told.endswith(b"\r\n\r\n")


def test_while_the_stack_is_starting_a_page_says_so(gateway: Gateway) -> None:
    """Whoever opens the shop too early sees what is going on, and the page loads itself again."""
    gateway.tell("So far: the local cloud listens.")
    status, headers, body = ask(gateway, "GET", "/offer/logo")
    assert (status, dict(headers)["Retry-After"]) == (503, "2")
    assert b"So far: the local cloud listens." in body
    assert b'http-equiv="refresh"' in body


def test_a_body_that_is_too_large_or_of_unknown_length_is_refused(gateway: Gateway, cloud: Cloud) -> None:
    """An HTTP API takes ten megabytes; nothing is kept in memory beyond that."""
    gateway.lead_to(API)
    large = ask(gateway, "POST", "/", headers=[("Content-Length", str(BODY_LIMIT + 1))])
    unknown = ask(gateway, "POST", "/", headers=[("Transfer-Encoding", "chunked")])
    assert (large[0], unknown[0], cloud.asked) == (413, 411, [])
    assert json.loads(large[2]) == {"message": "Request Entity Too Large"}


def test_the_mailbox_is_answered_here(gateway: Gateway) -> None:
    """It works before the app is deployed, and it is never forwarded to it."""
    with urllib.request.urlopen(f"{gateway.url}/_mail.json", timeout=30) as answer:  # noqa: S310 - loopback
        assert json.load(answer) == []
    status, _, body = ask(gateway, "GET", "/_mail/7")
    assert (status, b"Nobody has been written to yet" in body) == (404, True)


def test_a_cloud_that_is_gone_is_told(cloud: Cloud) -> None:
    """Instead of a connection that is cut."""
    gone = Gateway(0, "http://127.0.0.1:9")
    gone.start()
    gone.lead_to(API)
    status, _, body = ask(gone, "GET", "/")
    gone.stop()
    assert (status, b"does not answer" in body) == (502, True)
