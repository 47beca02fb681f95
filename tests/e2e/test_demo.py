import json
import shutil
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from devstack.checks import read_checks
from devstack.cloud import DATA_STACK, SERVICE_STACK
from devstack.stack import CHECKS
from tests.support.permits import Deployed, Use
from tests.support.unplayed import ANY_TIME, BY_THE_RUNTIME, UNPLAYED

KEYS = [
    "order",
    "status",
    "currency",
    "client_paid",
    "card_fee",
    "freelancer_received",
    "margin",
    "ledger_balanced",
    "ledger_equals_sandbox",
    "lambda_calls",
    "write_units",
    "seconds",
]
STACKS = (SERVICE_STACK, DATA_STACK)
MOST_CALLS = 60
MOST_UNITS = 320
JOURNEY = (
    "presses the order button",
    "pays by card",
    "answers the brief",
    "reads the brief and accepts",
    "uploads version 1",
    "sends it back",
    "uploads version 2",
    "approves it",
    "asks for a change",
    "uploads version 3",
    "approves it",
    "accepts the logo",
    "saves the final files",
    "the hold has passed",
    "completes the order",
)
Start = Callable[..., Any]
NothingLeft = Callable[[Sequence[int]], None]


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.dear
def test_an_order_plays_itself_from_the_offer_to_the_freelancers_money(demo: Start, nothing_left: NothingLeft) -> None:
    """The main job on the deployed app, over HTTP alone, with every role's permissions enforced.

    Meanwhile a second stack is refused in a sentence.
    """
    playing = demo("once", AUTH="true")
    playing.wait_for("the local cloud listens")
    status, page = fetch(f"http://127.0.0.1:{playing.port + 1}/offer/logo")
    assert (status, "The stack is starting" in page) == (503, True)
    playing.wait_for("pays by card")
    second = demo("none", at=playing.port)
    assert "The stack is already running" in second.wait_for("already running")
    assert second.process.wait(60) == 1
    playing.wait_for("completes the order")
    status, mails = fetch(f"http://127.0.0.1:{playing.port + 1}/_mail.json")
    assert "en route" in json.loads(mails)[0]["subject"]
    groups = playing.groups()
    playing.wait_for("(the end)")
    assert playing.process.wait(60) == 0, playing.lines
    nothing_left(groups)
    told = [line for line in playing.lines if "(the end)" not in line]
    places = [next((i for i, line in enumerate(told) if words in line), -1) for words in JOURNEY]
    assert -1 not in places, told
    tally = json.loads(told[-1])
    assert list(tally) == KEYS
    assert (tally["status"], tally["currency"]) == ("completed", "eur")
    assert tally["client_paid"] - tally["card_fee"] - tally["freelancer_received"] == tally["margin"]
    assert (tally["client_paid"], tally["freelancer_received"]) == (29_000, 13_000)
    assert (tally["ledger_balanced"], tally["ledger_equals_sandbox"]) == (True, True)
    assert 0 < tally["lambda_calls"] <= MOST_CALLS
    assert 0 < tally["write_units"] <= MOST_UNITS
    assert any("Permissions were enforced" in line and " 0 refused" in line for line in told), told
    compare_permissions(playing.folder)


@pytest.mark.dear
def test_a_lost_table_is_restored_and_orders_go_on(demo: Start, nothing_left: NothingLeft) -> None:
    """The runbook's page on the deployed app: nobody is paid twice, and a payment of the lost minutes is found."""
    drill = demo("restore")
    drill.wait_for("transfers the money")
    drill.wait_for("starts the next run of every open order")
    groups = drill.groups()
    drill.wait_for("(the end)")
    assert drill.process.wait(60) == 0, drill.lines
    nothing_left(groups)
    told = json.loads(drill.lines[-2])
    assert (told["table"], told["status"], told["runs"]) == ("relais-dev-restored", "completed", [2, 2])
    assert (told["transfers"], told["freelancer_received"]) == (1, 13_000)
    assert (told["ledger_balanced"], told["ledger_equals_sandbox"]) == (True, True)


def compare_permissions(folder: Path) -> None:
    """What the functions asked for against the templates that were deployed.

    It is granted, and what is granted besides stands on the list of `tests/support/unplayed.py`, for its reason.
    """
    checks = [one for one in read_checks(folder / CHECKS) if one.function]
    stacks = [json.loads((folder / "cdk.out" / f"{name}.template.json").read_text("utf-8")) for name in STACKS]
    granted = Deployed(*stacks).grants
    uses = {Use(str(one.function), one.action, one.resource) for one in checks}
    assert [use for use in uses if not any(grant.covers(use) for grant in granted)] == []
    unused = {one for one in granted if not any(one.covers(use) for use in uses)}
    told = {one[:2] for one in unused if not one.action.startswith(BY_THE_RUNTIME)}
    listed = {(one.function, action) for one in UNPLAYED for action in one.actions}
    assert told - listed == set(), "granted and not used: take it away, or list it with its reason"
    assert {one for one in listed - told if one[0] not in ANY_TIME} == set(), "listed, but used or not granted"


@pytest.mark.parametrize(
    ("moment", "number", "code"),
    [
        ("the local cloud listens", signal.SIGTERM, 143),
        pytest.param("pays by card", signal.SIGINT, 130, marks=pytest.mark.dear),
    ],
)
def test_it_can_be_ended_in_the_middle_and_leaves_nothing_running(
    demo: Start, nothing_left: NothingLeft, moment: str, number: signal.Signals, code: int
) -> None:
    """While the app is being deployed, and while an order plays and workers live."""
    playing = demo("once")
    playing.wait_for(moment)
    groups = playing.groups()
    assert groups
    assert playing.end(number) == code
    assert "Ended. Everything is stopped." in playing.wait_for("Ended")
    nothing_left(groups)
    assert not (playing.folder / "running.json").exists()
    assert not (playing.folder / "tmp").exists()


def test_a_taken_port_is_named_with_what_to_do(demo: Start, port: int) -> None:
    """Before anything is started: nothing has to be tidied up."""
    with socket.create_server(("127.0.0.1", port + 2)):
        refused = demo("once")
        assert refused.wait_for("taken") == (
            f"relais: Port {port + 2} on 127.0.0.1 is taken by another program: stop it, or choose other ports "
            "(make demo PORT=5000 takes 5000, 5001 and 5002)."
        )
        assert refused.process.wait(60) == 1


def test_an_unknown_word_for_permissions_is_told(demo: Start) -> None:
    """Rather than a stack that enforces nothing while somebody believes it does."""
    refused = demo("once", AUTH="yes")
    assert "AUTH=yes is not known: use AUTH=true" in refused.wait_for("AUTH=")
    assert refused.process.wait(60) == 1


def test_a_missing_node_is_told_with_what_to_do(demo: Start, tmp_path: Path) -> None:
    """A machine where make has set everything up and Node was removed since."""
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    refused = demo("once", PATH=str(tmp_path))
    assert "Node.js 20 or newer is needed" in refused.wait_for("Node.js")
    assert refused.process.wait(60) == 1
