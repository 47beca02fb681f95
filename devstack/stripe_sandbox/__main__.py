"""`python -m devstack.stripe_sandbox`: the sandbox as a process of its own."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from devstack.stripe_sandbox.clock import table_offset
from devstack.stripe_sandbox.keys import LOCAL_KEYS, Key, parse_key
from devstack.stripe_sandbox.platform import Terms
from devstack.stripe_sandbox.sandbox import LOCAL_SECRET, Sandbox
from devstack.stripe_sandbox.webhooks import Door, Endpoint

# The doors besides the platform's own, with the secrets that sign unless others are given.
OTHER_DOORS = {Door.CONNECTED: "whsec_relais_connected", Door.THIN: "whsec_relais_thin"}
SECRET = "STRIPE_SANDBOX_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable


def _key(text: str) -> Key:
    try:
        return parse_key(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parser() -> argparse.ArgumentParser:
    """What the process can be told."""
    terms = Terms()
    arguments = argparse.ArgumentParser(
        prog="python -m devstack.stripe_sandbox", description="A Stripe for one machine."
    )
    arguments.add_argument(
        "--port", type=int, default=8011, help="on 127.0.0.1 only (default 8011; 0 picks a free one)"
    )
    arguments.add_argument("--public-url", help="where people reach it (default: where it listens)")
    arguments.add_argument("--webhook-url", help="where events go (default: nowhere)")
    arguments.add_argument("--webhook-secret", help=f"signs them (default: ${SECRET}, else {LOCAL_SECRET})")
    arguments.add_argument("--webhook-events", help="types to send, with commas (default: all)")
    for door, secret in OTHER_DOORS.items():
        arguments.add_argument(f"--{door}-url", help=f"where events of the door `{door}` go (default: nowhere)")
        arguments.add_argument(f"--{door}-secret", default=secret, help=f"signs them (default {secret})")
    arguments.add_argument(
        "--clock-table", help="table with the CLOCK row (default: POST /_sandbox/clock sets the clock)"
    )
    arguments.add_argument("--clock-endpoint", default="http://127.0.0.1:4566", help="where that table is")
    arguments.add_argument("--clock-region", default="eu-west-3", help="region of that table")
    arguments.add_argument("--fee-delay", type=float, default=terms.fee_delay, help="seconds until charge.updated")
    arguments.add_argument("--settle-days", type=int, default=terms.settle_days, help="days until money is available")
    arguments.add_argument(
        "--payouts",
        choices=("manual", "daily"),
        default=terms.payouts,
        help="to the seller's bank (default manual; at Stripe daily)",
    )
    arguments.add_argument(
        "--recipient-payouts",
        choices=("manual", "daily"),
        default=terms.recipient_payouts,
        help="to the freelancers' banks (default manual; at Stripe daily)",
    )
    arguments.add_argument(
        "--key",
        type=_key,
        action="append",
        metavar="NAME=OBJECT:ACCESS,…",
        help="a key and what it may do, besides the local ones; no permissions means all",
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; exit 1 with a sentence when the port is taken."""
    given = parser().parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sandbox = Sandbox(
        port=given.port,
        public_url=given.public_url.rstrip("/") if given.public_url else None,
        endpoints=_endpoints(given),
        keys=(*LOCAL_KEYS, *(given.key or ())),
        terms=Terms(
            fee_delay=given.fee_delay,
            settle_days=given.settle_days,
            payouts=given.payouts,
            recipient_payouts=given.recipient_payouts,
        ),
        offset=_offset(given),
        pump=True,
    )
    try:
        sandbox.start()
    except OSError:
        print(f"Port {given.port} is taken: stop what listens there, or choose another with --port.", file=sys.stderr)
        return 1
    print(f"Stripe sandbox: {sandbox.url}", flush=True)
    stop.wait()
    sandbox.stop()
    return 0


def _endpoints(given: argparse.Namespace) -> tuple[Endpoint, ...]:
    secret = given.webhook_secret or os.environ.get(SECRET) or LOCAL_SECRET
    types = frozenset(given.webhook_events.split(",")) if given.webhook_events else None
    own = (Endpoint(given.webhook_url, secret, types),) if given.webhook_url else ()
    others = (
        Endpoint(getattr(given, f"{door}_url"), getattr(given, f"{door}_secret"), door=door)
        for door in OTHER_DOORS
        if getattr(given, f"{door}_url")
    )
    return (*own, *others)


def _offset(given: argparse.Namespace) -> Callable[[], float] | None:
    if not given.clock_table:
        return None
    return table_offset(given.clock_table, given.clock_endpoint, given.clock_region)


if __name__ == "__main__":
    raise SystemExit(main())
