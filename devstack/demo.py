"""`make demo`: starts the one-machine stack, plays an order by itself, and stays up for people to play the next.

`PLAY=once` ends after the order, and its last line is one JSON object; `PLAY=none` only starts the stack;
`PLAY=restore` loses its table and restores it; `PORT=` shifts it; with `AUTH=true` the local cloud enforces every
role's permissions.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import ceil
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from devstack.checks import read_checks
from devstack.drill import Drilled, drill
from devstack.player import CLIENT_EMAIL, CLIENT_NAME, OFFER, Play, Step, later_than
from devstack.processes import ENDINGS
from devstack.stack import Addresses, Started, stack
from devstack.tally import Money, Tally, calls, invocations_of, money_of, units
from relais.cli.catalog import Catalog
from relais.errors import RelaisError
from relais.gate import Gate
from relais.money import format_amount
from relais.order import Order

INTERRUPTED = 128
WRONG = 1
WATCH_SECONDS = 1.0
WHO_WIDTH = 28


class Playing(StrEnum):
    """What is done once the stack stands."""

    STAY = ""
    ONCE = "once"
    NONE = "none"
    RESTORE = "restore"


class PlayUnknownError(RelaisError):
    """PLAY= says nothing that we know."""

    def __init__(self, text: str) -> None:
        """Keep what was given."""
        super().__init__(f"PLAY={text} is not known: use PLAY=once, PLAY=none, PLAY=restore, or leave it out.")


class AuthUnknownError(RelaisError):
    """AUTH= says nothing that we know."""

    def __init__(self, text: str) -> None:
        """Keep what was given."""
        super().__init__(f"AUTH={text} is not known: use AUTH=true to enforce permissions, or leave it out.")


class _EndedError(BaseException):
    """Somebody wants it to end: Ctrl-C, or a signal. No error of ours may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _end(number: int, _frame: FrameType | None) -> None:
    for one in ENDINGS:
        signal.signal(one, signal.SIG_IGN)  # what is left to do is tidying up: it must not be interrupted again
    raise _EndedError(number)


@dataclass(slots=True)
class _Screen:
    """Lines as they happen, with the time since the start."""

    console: Console
    began: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def part(self, what: str, took: float) -> None:
        """A part of the stack is ready."""
        self._line("", what, took)

    def step(self, step: Step) -> None:
        """Somebody did something."""
        self._line(step.who, step.what, step.seconds)

    def _line(self, who: str, what: str, took: float) -> None:
        named = f"{who:<{WHO_WIDTH}} " if who else ""
        self.say(f"{self.seconds:6.1f} s  {named}{what}  ({took:.1f} s)")

    def say(self, text: str = "") -> None:
        """Something else, on a line of its own."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def main() -> int:
    """Run it; gives the exit code."""
    for one in ENDINGS:
        signal.signal(one, _end)
    screen = _Screen(Console(), time.monotonic())
    try:
        playing = _playing(os.environ.get("PLAY", ""))
        strict = _strict(os.environ.get("AUTH", ""))
        tally, right = _run(screen, playing, Addresses.of(os.environ.get("PORT")), strict=strict)
    except _EndedError as ended:
        print("\nEnded. Everything is stopped.", file=sys.stderr)
        return INTERRUPTED + ended.number
    except RelaisError as error:
        print(f"relais: {error}", file=sys.stderr)
        return WRONG
    if tally is not None:
        print(tally.as_json(), flush=True)
    return 0 if right else WRONG


def _playing(text: str) -> Playing:
    try:
        return Playing(text)
    except ValueError:
        raise PlayUnknownError(text) from None


def _strict(text: str) -> bool:
    if text not in {"", "false", "true"}:
        raise AuthUnknownError(text)
    return text == "true"


def _run(
    screen: _Screen, playing: Playing, addresses: Addresses, *, strict: bool
) -> tuple[Tally | Drilled | None, bool]:
    """The stack, and what is played on it; gives the tally and whether all is as it must be."""
    screen.say("Starting the stack on this machine ...")
    with stack(addresses, screen.part, strict=strict) as started:
        if playing is Playing.NONE:
            _stay(screen, started)
        if playing is Playing.RESTORE:
            return _drill(screen, started)
        try:
            tally, money = _play(screen, started)
        finally:
            refused = _tell_checks(screen, started)
        screen.say()
        screen.console.print(_table(started.catalog, tally))
        for difference in money.differences:
            screen.say(f"Not as it must be: {difference}")
        if playing is Playing.STAY:
            _stay(screen, started)
    return tally, money.ledger_balanced and money.ledger_equals_sandbox and not refused


def _drill(screen: _Screen, started: Started) -> tuple[Drilled, bool]:
    screen.say()
    screen.say("A restore drill: the table is lost, restored as it was some minutes ago, and orders go on:")
    found, money = drill(started, _player(screen, started))
    for difference in money.differences:
        screen.say(f"Not as it must be: {difference}")
    return found, found.transfers == 1 and found.ledger_balanced and found.ledger_equals_sandbox


def _tell_checks(screen: _Screen, started: Started) -> int:
    """Say what was checked of permissions, if anything was; gives how often somebody was refused."""
    checks = read_checks(started.checks)
    if not checks:
        return 0
    screen.say()
    refused = [one for one in checks if not one.allowed]
    for one in refused:
        screen.say(f"Refused: {one.function or 'somebody'} is not allowed {one.action} on {one.resource}")
    roles = len({one.function for one in checks if one.function})
    screen.say(f"Permissions were enforced: {len(checks)} checks, {roles} functions, {len(refused)} refused.")
    return len(refused)


def _play(screen: _Screen, started: Started) -> tuple[Tally, Money]:
    screen.say()
    screen.say("One order, from the offer to the freelancer's money:")
    since = int(time.time() * 1000)
    order = _player(screen, started).run()
    seconds = round(screen.seconds, 1)
    money = money_of(started.store, order, started.addresses.stripe)
    return _tally(started, order, money, since, seconds), money


def _player(screen: _Screen, started: Started) -> Play:
    return Play(
        gateway=started.addresses.gateway,
        cloud=started.cloud,
        store=started.store,
        tell=screen.step,
        move_clock=_mover(started),
        seller=started.catalog.shop.email,
        names=_names(started.catalog),
    )


def _tally(started: Started, order: Order, money: Money, since: int, seconds: float) -> Tally:
    invocations = invocations_of(started.cloud, order.id, since)
    tokens = started.store.query(f"O#{order.id}", "T#")
    return Tally(
        order=order.id,
        status=order.stage.value,
        currency=order.currency,
        client_paid=money.client_paid,
        card_fee=money.card_fee,
        freelancer_received=money.freelancer_received,
        margin=money.margin,
        ledger_balanced=money.ledger_balanced,
        ledger_equals_sandbox=money.ledger_equals_sandbox,
        lambda_calls=calls(invocations),
        write_units=units(invocations, tokens),
        seconds=seconds,
    )


def _mover(started: Started) -> Callable[[Gate], None]:
    def move(gate: Gate) -> None:
        to = datetime.fromtimestamp(ceil(later_than(gate) / 60) * 60, UTC)
        started.command("clock", "--to", to.isoformat())

    return move


def _names(catalog: Catalog) -> dict[str, str]:
    names = {one.email: f"{one.name} ({one.kind})" for one in catalog.roster}
    return names | {
        catalog.shop.email: f"{catalog.shop.seller} (seller)",
        CLIENT_EMAIL: f"{CLIENT_NAME} (client)",
    }


def _table(catalog: Catalog, tally: Tally) -> Table:
    def amount(value: int) -> str:
        return format_amount(value, tally.currency, "fr")

    table = Table(title=f"Order {tally.order}: {tally.status}", title_justify="left")
    table.add_column("Money")
    table.add_column("Amount", justify="right")
    table.add_row("The client paid", amount(tally.client_paid))
    table.add_row("Stripe's card fee", amount(-tally.card_fee))
    table.add_row("The freelancer received", amount(-tally.freelancer_received))
    table.add_row(f"Margin of {catalog.shop.seller}", amount(tally.margin), style="bold")
    table.add_section()
    table.add_row("Every entry balances, every pot is empty", _yes(right=tally.ledger_balanced))
    table.add_row("The ledger equals the sandbox", _yes(right=tally.ledger_equals_sandbox))
    table.add_row("Calls of functions (ticks apart)", str(tally.lambda_calls))
    table.add_row("Write units of the table", str(tally.write_units))
    table.add_row("Seconds since the start", f"{tally.seconds:.1f}")
    return table


def _yes(*, right: bool) -> str:
    return "yes" if right else "NO"


def _stay(screen: _Screen, started: Started) -> NoReturn:
    """Stay up until somebody ends it, or a part of it dies. Raises `ProcessDiedError`."""
    addresses = started.addresses
    screen.say()
    screen.say(f"Offer page      {addresses.gateway}/offer/{OFFER}")
    screen.say(f"Mailbox         {addresses.gateway}/_mail")
    screen.say(f"Stripe sandbox  {addresses.stripe}/")
    screen.say(f"Command line    AWS_ENDPOINT_URL={addresses.cloud} .venv/bin/relais order list")
    screen.say()
    screen.say("Now it is your turn: order something, and answer everybody's mails. Ctrl-C ends it all.")
    while True:
        started.check()
        time.sleep(WATCH_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
