"""HTTP on the loopback interface, and nothing else of the network."""

import contextlib
import socket
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from devstack.stripe_sandbox.wire import Answer, Lost, Request, as_json

HOST = "127.0.0.1"
LARGEST = 1_000_000
PATIENCE = 5.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, respond: Callable[[Request], Answer | Lost]) -> None:
        self.respond = respond
        self.lines: set[socket.socket] = set()
        self.lines_lock = threading.Condition()
        super().__init__((HOST, port), _Handler)

    def hang_up(self) -> None:
        """Cut every line that is still open, and wait until its thread has let go of it."""
        with self.lines_lock:
            for line in self.lines:
                _cut(line)
            self.lines_lock.wait_for(lambda: not self.lines, PATIENCE)


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side may have been faster
        line.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "StripeSandbox"
    sys_version = ""
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        with self.server.lines_lock:
            self.server.lines.add(self.connection)

    def finish(self) -> None:
        with contextlib.suppress(OSError):  # the line may be cut
            super().finish()
        with self.server.lines_lock:
            self.server.lines.discard(self.connection)
            self.server.lines_lock.notify_all()

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self._send(Answer(413, b"Too large"))
            return
        parts = urlsplit(self.path)
        method = "GET" if self.command == "HEAD" else self.command
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method, parts.path, parts.query, headers, self.rfile.read(length))
        try:
            answer = self.server.respond(request)
        except Exception:  # noqa: BLE001 - a bug of ours must not pass for a lost answer
            traceback.print_exc()
            answer = as_json(500, {"error": {"type": "api_error", "message": "The sandbox has a bug: see its output."}})
        if isinstance(answer, Lost):
            self.close_connection = True
            _cut(self.connection)
            return
        self._send(answer)

    do_GET = do_HEAD = do_POST = do_DELETE = _any  # noqa: N815

    def _send(self, answer: Answer) -> None:
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
        except OSError:
            self.close_connection = True  # nobody listens any more

    def log_message(self, *_: object) -> None:
        """Say nothing: requests carry keys and people's data."""


class Server:
    """A small HTTP server on 127.0.0.1; port 0 picks a free one. Raises OSError when the port is taken."""

    def __init__(self, port: int, respond: Callable[[Request], Answer | Lost]) -> None:
        self._server = _Server(port, respond)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="stripe-sandbox", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more, cut every line, end every thread."""
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
