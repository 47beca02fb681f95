"""What a cold start costs: importing a function's module and making the clients of its first invocation.

Each function is measured in a fresh interpreter right after a bare `boto3.client("dynamodb")`, nine times, in seconds
of the processor: what slows the machine for a while slows both alike, and the median of the nine ratios counts. Who is
over the limit is measured a second time, and that one counts.
Bytecode is warm in all of them, as it is in the layer. Ends with 1 where a limit is broken.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
RUNS = 9
BARE_LINES = 'import boto3\nboto3.client("dynamodb")'

WEBHOOK_LIMIT = 1.25
STRIPE_LIMIT = 2.2
OTHER_LIMIT = 1.5

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-west-3",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "RELAIS_STAGE": "dev",
    "RELAIS_TABLE": "relais-dev",
    "RELAIS_BUCKET": "relais-dev",
    "RELAIS_MACHINE": "arn:aws:states:eu-west-3:123456789012:stateMachine:relais-dev",
    "POWERTOOLS_SERVICE_NAME": "benchmark",
}
"""Enough for clients to be made; nobody is called."""


class Client(StrEnum):
    """What a function makes before its first call: each value is the line that makes it."""

    STORE = "ports().store"
    MACHINE = "ports().machine"
    FILES = "ports().files"
    MAILER = "ports().mailer"
    SECRETS = "ports()._secrets_client; import relais.adapters.secrets"
    BOOK = 'from relais.adapters.stripe_bank import StripeBank; StripeBank("sk_test_nothing")'
    ACCOUNTS = 'from relais.adapters.stripe_recipients import StripeRecipients; StripeRecipients("sk_test_nothing")'
    STRIPE = 'from relais.adapters.stripe import StripePayments; StripePayments("sk_test_nothing")'


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its module, the clients of its first invocation, and how often a bare client it may cost."""

    module: str
    clients: tuple[Client, ...]
    limit: float = OTHER_LIMIT

    @property
    def script(self) -> str:
        """What a cold start does before the answer of anybody is awaited."""
        return "\n".join([f"import {self.module}", "from relais.wiring import ports", *self.clients])


_READS = (Client.STORE, Client.SECRETS)
_PAYS = (*_READS, Client.STRIPE)

FUNCTIONS: Mapping[str, Function] = {
    "receive-stripe-event": Function("functions.intake.receive_stripe_event", (*_READS, Client.MACHINE), WEBHOOK_LIMIT),
    "receive-account-event": Function("functions.payout.receive_account_event", _READS, WEBHOOK_LIMIT),
    "show-page": Function("functions.intake.show_page", (*_READS, Client.FILES)),
    "open-checkout": Function("functions.intake.open_checkout", _PAYS, STRIPE_LIMIT),
    "enter-order": Function("functions.intake.enter_order", _PAYS, STRIPE_LIMIT),
    "open-proposal": Function("functions.assign.open_proposal", (*_READS, Client.FILES, Client.MAILER)),
    "open-gate": Function("functions.deliver.open_gate", (*_READS, Client.MAILER)),
    "answer-gate": Function("functions.deliver.answer_gate", (*_READS, Client.FILES, Client.MACHINE)),
    "permit-upload": Function("functions.deliver.permit_upload", (*_READS, Client.FILES)),
    "check-links": Function("functions.deliver.check_links", (*_READS, Client.FILES)),
    "show-preview": Function("functions.deliver.show_preview", (*_READS, Client.FILES)),
    "run-act": Function("functions.payout.run_act", (*_PAYS, Client.ACCOUNTS, Client.MACHINE), STRIPE_LIMIT),
    "onboard": Function("functions.payout.onboard", (*_READS, Client.ACCOUNTS), STRIPE_LIMIT),
    "close-order": Function("functions.payout.close_order", (*_READS, Client.MAILER)),
    "tick-clock": Function("functions.payout.tick_clock", (Client.STORE,)),
    "record-execution": Function("functions.payout.record_execution", (Client.STORE,)),
    "record-bounce": Function("functions.deliver.record_bounce", (Client.STORE,)),
    "reconcile": Function("functions.payout.reconcile", (*_READS, Client.BOOK), STRIPE_LIMIT),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one function took beside a bare client, each time: seconds of both."""

    pairs: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        """Its own median."""
        return statistics.median(own for own, _ in self.pairs)

    @property
    def bare(self) -> float:
        """The bare client's median in the same minutes."""
        return statistics.median(bare for _, bare in self.pairs)

    @property
    def ratio(self) -> float:
        """How often a bare client it costs."""
        return statistics.median(own / bare for own, bare in self.pairs)


def main() -> int:
    """Measure everything and compare; whoever is over a limit is measured once more. Returns the exit code.

    A machine that stumbles during one measurement says nothing of the code: it does not do so twice at one place.
    """
    measured = measure({name: function.script for name, function in FUNCTIONS.items()})
    slow = {name: FUNCTIONS[name].script for name, one in measured.items() if one.ratio > FUNCTIONS[name].limit}
    if slow:
        print(f"Measured again: {', '.join(f'{name} ({measured[name].ratio:.2f})' for name in slow)}")
    return report(measured | measure(slow))


def measure(scripts: Mapping[str, str]) -> dict[str, Measured]:
    """Each script beside a bare client, all of them by turns; the first round warms and isn't counted."""
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in scripts}
    for turn in range(RUNS + 1):
        for name, script in scripts.items():
            bare, own = in_fresh_interpreter(BARE_LINES), in_fresh_interpreter(script)
            if turn:
                pairs[name].append((own, bare))
    return {name: Measured(tuple(taken)) for name, taken in pairs.items()}


def in_fresh_interpreter(script: str) -> float:
    """The processor seconds that a script takes in an interpreter which has imported nothing yet."""
    timed = f"import time\nbegin = time.process_time()\n{script}\nprint(time.process_time() - begin)"
    return float(run_fresh(timed))


def run_fresh(script: str) -> str:
    """Run a script in an interpreter of its own, in the functions' environment. Returns what it prints."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=inherited | ENVIRONMENT,
        check=True,
        capture_output=True,
        text=True,
    )
    return answer.stdout


def report(measured: Mapping[str, Measured]) -> int:
    """Print the table and name the limits that are broken. Returns the exit code."""
    bare = statistics.median(one.bare for one in measured.values())
    table = Table("function", "ms", "ratio", "limit", title=f'boto3.client("dynamodb") alone: {bare * 1000:.0f} ms')
    slow = []
    for name, function in FUNCTIONS.items():
        one = measured[name]
        table.add_row(name, f"{one.seconds * 1000:.0f}", f"{one.ratio:.2f}", f"{function.limit:.2f}")
        if one.ratio > function.limit:
            slow.append(name)
    Console().print(table)
    if slow:
        print(f"Too slow: {', '.join(slow)}. What each import costs: python -X importtime -c 'import functions...'")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
