"""The sandbox as a process: its port, its webhooks over HTTP, its end."""

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
import stripe

SECRET = "whsec_process"


@pytest.fixture
def inbox() -> Iterator[tuple[str, Queue[tuple[dict[str, str], bytes]]]]:
    """An endpoint that keeps what it is sent; the first delivery is answered with 500."""
    received: Queue[tuple[dict[str, str], bytes]] = Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.put((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hooks/stripe", received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def process(inbox: tuple[str, Any]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The sandbox as a process of its own, and its address."""
    command = [
        sys.executable,
        "-m",
        "devstack.stripe_sandbox",
        "--port",
        "0",
        "--webhook-url",
        inbox[0],
        "--fee-delay",
        "0",
    ]
    environment = {**os.environ, "STRIPE_SANDBOX_WEBHOOK_SECRET": SECRET}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as started:
        assert started.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", started.stdout.readline())
        assert found
        yield started, found[0]
        if started.poll() is None:
            started.kill()


def test_a_payment_arrives_at_the_endpoint_signed_and_the_process_ends_cleanly(
    process: tuple[subprocess.Popen[str], str],
    inbox: tuple[str, Queue[tuple[dict[str, str], bytes]]],
    get: Callable[..., Any],
) -> None:
    """What the local stack does: events come by themselves, and SIGTERM leaves nothing behind."""
    started, url = process
    client = stripe.StripeClient("sk_test_relais_local", base_addresses={"api": url})
    item: Any = {
        "price_data": {"currency": "eur", "unit_amount": 29000, "product_data": {"name": "Un logo"}},
        "quantity": 1,
    }
    session = client.v1.checkout.sessions.create(
        {"mode": "payment", "success_url": "http://127.0.0.1:9/", "line_items": [item]}
    )
    assert session.url is not None
    assert session.url.startswith(url)
    form = {"email": "marie@example.org", "name": "Marie Durand", "card": "4000002500000003"}
    assert get(session.url, form).status == 303
    types = []
    while "charge.updated" not in types:
        headers, body = inbox[1].get(timeout=20)
        types.append(stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET).type)
    assert types[-2:] == ["checkout.session.completed", "charge.updated"]
    with build_opener(ProxyHandler({})).open(url + "/_sandbox/state") as answer:
        assert json.loads(answer.read())["counts"]["checkout.session"] == 1
    started.send_signal(signal.SIGTERM)
    out, err = started.communicate(timeout=20)
    assert (started.returncode, out, err) == (0, "", "")


def test_a_taken_port_gets_a_clear_sentence(process: tuple[subprocess.Popen[str], str]) -> None:
    """Nobody should have to read a traceback for that."""
    port = urlsplit(process[1]).port
    command = [sys.executable, "-m", "devstack.stripe_sandbox", "--port", str(port)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert second.stderr == f"Port {port} is taken: stop what listens there, or choose another with --port.\n"
