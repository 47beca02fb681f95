"""The sandbox as one object: started beside a test on a port of its own, or run as a process."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from devstack.stripe_sandbox.accounts import READY, Seed, seed
from devstack.stripe_sandbox.api import Api
from devstack.stripe_sandbox.clock import Clock, SetOffset
from devstack.stripe_sandbox.control import Control
from devstack.stripe_sandbox.faults import Faults
from devstack.stripe_sandbox.keys import LOCAL_KEYS, Key, Keyring
from devstack.stripe_sandbox.page import Pages
from devstack.stripe_sandbox.platform import Platform, Terms
from devstack.stripe_sandbox.server import Server
from devstack.stripe_sandbox.webhooks import Deliver, Endpoint, Outbox, post
from devstack.stripe_sandbox.wire import Answer, Lost, Request, as_html

LOCAL_SECRET = "whsec_relais_local"  # noqa: S105 - no secret: the sandbox's own default
LONGEST_SLEEP = 0.5


def _unobserved(_method: str, _path: str, _status: int, _body: Any) -> None:  # noqa: ANN401
    """Look away."""


class Sandbox:
    """A pretended Stripe, in memory.

    `start` binds 127.0.0.1 (port 0 picks a free one), `url` tells where, `stop` ends it. Without `start` it answers
    through `respond`, with no socket at all. Deliveries leave by `run_due`, at once and in this thread, unless `pump`
    lets a thread of its own send them. `deliver` replaces HTTP. `offset` gives the virtual clock's seconds; without
    one the offset can be set through `/_sandbox/clock`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        public_url: str | None = None,
        endpoints: tuple[Endpoint, ...] = (),
        keys: tuple[Key, ...] = LOCAL_KEYS,
        terms: Terms | None = None,
        seeds: tuple[Seed, ...] = (READY,),
        offset: Callable[[], float] | None = None,
        wall: Callable[[], float] = time.time,
        deliver: Deliver = post,
        observe: Callable[[str, str, int, Any], None] = _unobserved,
        pump: bool = False,
        draw: Callable[[str], str] = secrets.choice,
    ) -> None:
        settable = SetOffset() if offset is None else None
        self.clock = Clock(offset or settable or SetOffset(), wall)
        self.faults = Faults()
        self.platform = Platform(self.clock, terms or Terms(), Outbox(endpoints), public_url or "", draw)
        self._deliver = deliver
        self._lock = threading.RLock()
        self._api = Api(self.platform, Keyring(keys), self.faults, self._lock, observe)
        self._pages = Pages(self.platform, self._lock)
        self._control = Control(
            self.platform,
            self._api,
            self.faults,
            offset=settable,
            lock=self._lock,
            run_due=self.run_due,
        )
        self._server: Server | None = None
        self._port = port
        self._pump = (
            threading.Thread(target=self._pump_forever, name="stripe-sandbox-pump", daemon=True) if pump else None
        )
        self._wake = threading.Event()
        self._stopping = threading.Event()
        for account in seeds:
            seed(self.platform, account)

    @property
    def url(self) -> str:
        """Where the sandbox listens. Raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("The sandbox is not listening: call start() first.")
        return f"http://127.0.0.1:{self._server.port}"

    def start(self) -> Self:
        """Listen on 127.0.0.1. Raises OSError when the port is taken."""
        self._server = Server(self._port, self.respond)
        if not self.platform.public_url:
            self.platform.public_url = self.url
        self._server.start()
        if self._pump is not None:
            self._pump.start()
        return self

    def stop(self) -> None:
        """Stop listening, let held requests go, end every thread."""
        self._stopping.set()
        self._wake.set()
        self.faults.stop()
        if self._pump is not None and self._pump.is_alive():
            self._pump.join()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def respond(self, request: Request) -> Answer | Lost:
        """Answer one request; works without a socket too."""
        try:
            return self._route(request)
        finally:
            self._wake.set()

    def _route(self, request: Request) -> Answer | Lost:
        if request.path.startswith(("/v1/", "/v2/")):
            return self._api.answer(request)
        if request.path.startswith("/c/pay/"):
            return self._pages.checkout(request)
        if request.path.startswith("/setup/e/"):
            return self._pages.setup(request)
        if request.path.startswith("/_sandbox/"):
            return self._control.answer(request)
        if request.path == "/":
            return self._pages.overview()
        return as_html(404, "Not found")

    def state(self) -> dict[str, Any]:
        """What `GET /_sandbox/state` tells."""
        return self._control.state()

    # Time and deliveries --------------------------------------------------------------------------------------------

    def run_due(self) -> int:
        """Do what is due at the virtual now and attempt every delivery that waits; give how many were attempted."""
        with self._lock:
            self.platform.advance()
            deliveries = self.platform.outbox.due(self.clock.wall())
        for delivery in deliveries:
            status = self._deliver(delivery.endpoint.url, delivery.headers(self.clock.true()), delivery.body)
            with self._lock:
                self.platform.outbox.settle(delivery, status, self.clock.wall())
        return len(deliveries)

    def _pump_forever(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self._pause())
            self._wake.clear()
            if not self._stopping.is_set():
                self.run_due()

    def _pause(self) -> float | None:
        """How long nothing can happen, in seconds; for ever (None) when nothing is scheduled and nothing waits."""
        with self._lock:
            if self.platform.waits():
                return LONGEST_SLEEP  # the virtual clock may be moved from outside at any time
            due = self.platform.outbox.next_due()
            return None if due is None else max(0.0, min(due - self.clock.wall(), LONGEST_SLEEP))
