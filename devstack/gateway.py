"""The stable address of the local stack: everything people and Stripe send goes through it to the HTTP API, unchanged.

The local cloud's HTTP API answers by Host header (`<api>.execute-api.localhost`), which browsers and Python don't
resolve, and its name changes with every deployment. The gateway keeps method, path, query, headers (repeated ones as
well) and body as they are: the webhook's signature is over the raw bytes. `/_mail` is the mailbox.
"""

import http.client
import json
import re
import threading
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

from devstack import mailbox

LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 90
BODY_LIMIT = 10 * 1024 * 1024
"""What an HTTP API takes at most (docs.aws.amazon.com/apigateway, HTTP API quotas)."""
TOO_LARGE = b'{"message": "Request Entity Too Large"}'
"""What it answers then."""
MAIL = re.compile(r"/_mail/([0-9]+)")
# Between two neighbours only (RFC 9110, 7.6.1); the gateway writes its own.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    headers: Headers


def _page(status: int, html: str) -> Answer:
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")]
    return Answer(status, html.encode(), headers)


def passed_on(headers: Iterable[tuple[str, str]], *more: str) -> Headers:
    """The headers that are not only between two neighbours, nor named by `Connection`, nor among `more`."""
    given = list(headers)
    named = {name.strip().lower() for key, value in given if key.lower() == "connection" for name in value.split(",")}
    dropped = HOP_BY_HOP | named | set(more)
    return [(name, value) for name, value in given if name.lower() not in dropped]


class Gateway:
    """Listens from the first moment of a start; leads to the HTTP API as soon as `lead_to` names it."""

    def __init__(self, port: int, cloud: str) -> None:
        """Listen on `port` of this machine only, in front of the cloud at `cloud`. Raises OSError where it is taken."""
        self._cloud = urlsplit(cloud).netloc
        self._api: str | None = None
        self._doing = "The local cloud is being started."
        self._server = _Server((LOOPBACK, port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="gateway", args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        """Where people and Stripe reach the stack."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def tell(self, doing: str) -> None:
        """What the page says while the stack is starting."""
        self._doing = doing

    def lead_to(self, api: str) -> None:
        """The address of the HTTP API as the deployment named it: its host is what the cloud knows it by."""
        self._api = urlsplit(api).netloc

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answer one request."""
        path = urlsplit(target).path
        if path == "/_mail" or path.startswith(("/_mail/", "/_mail.")):
            return self._mail(path)
        if self._api is None:
            return self._starting()
        try:
            return self._forward(self._api, method, target, headers, body)
        except (OSError, http.client.HTTPException):
            return _page(502, mailbox.starting_page("The local cloud does not answer."))

    def _starting(self) -> Answer:
        page = _page(503, mailbox.starting_page(self._doing))
        return Answer(page.status, page.body, [*page.headers, ("Retry-After", "2")])

    def _forward(self, api: str, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        line = http.client.HTTPConnection(self._cloud, timeout=TIMEOUT_SECONDS)
        try:
            line.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            line.putheader("Host", api)
            for name, value in passed_on(headers, "host", "content-length"):
                line.putheader(name, value)
            if body or method == "POST":
                line.putheader("Content-Length", str(len(body)))
            line.endheaders(body or None)
            answer = line.getresponse()
            return Answer(answer.status, answer.read(), passed_on(answer.getheaders(), "content-length"))
        finally:
            line.close()

    def _mail(self, path: str) -> Answer:
        try:
            mails = fetch_mails(f"http://{self._cloud}")
        except (OSError, ValueError):
            return self._starting()
        if path == "/_mail.json":
            return Answer(200, mailbox.as_json(mails).encode(), [("Content-Type", "application/json; charset=utf-8")])
        if path == "/_mail":
            return _page(200, mailbox.list_page(mails))
        named = MAIL.fullmatch(path)
        found = [mail for mail in mails if named and mail.number == int(named[1])]
        return _page(200, mailbox.mail_page(found[0])) if found else _page(404, mailbox.list_page(mails))


def fetch_mails(cloud: str) -> tuple[mailbox.Mail, ...]:
    """Every mail that the local cloud took, oldest first. Raises OSError while it does not answer."""
    with _direct().open(f"{cloud}/_ministack/ses/messages", timeout=10) as answer:
        return mailbox.read_mails(json.load(answer))


def _direct() -> urllib.request.OpenerDirector:
    """Without the proxy that this machine may be configured for."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor who hung up is no news."""


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "relais-gateway"
        sys_version = ""
        timeout: ClassVar[float] = TIMEOUT_SECONDS

        def _serve(self) -> None:
            body = self._body()
            if body is None:
                return
            answer = gateway.answer(self.command, self.path, list(self.headers.items()), body)
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def _body(self) -> bytes | None:
            length = self.headers.get("Content-Length", "0")
            if "Transfer-Encoding" in self.headers or not length.isdigit():
                self._refuse(411)
                return None
            if int(length) > BODY_LIMIT:
                self._refuse(413, TOO_LARGE)
                return None
            return self.rfile.read(int(length))

        def _refuse(self, status: int, told: bytes = b"") -> None:
            self.close_connection = True
            self.send_response_only(status)
            if told:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - the library's

        def log_message(self, *_: object) -> None:
            """Paths hold secrets: nothing is logged."""

    return Handler
