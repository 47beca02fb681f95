"""`relais order …` by hand: each command does what it says, answers in one document, and refuses in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from devstack.simulation.world import World, world_in_memory
from relais.cli import app
from relais.gate import Kind
from tests.support.journey import ANSWERS, Journey
from tests.workflow.scenarios import finish
from tests.workflow.test_in_name import PHONE, deeds, of_kind

Run = Callable[..., Any]


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on this world; its document, or the sentence with which it refuses."""
    for module in ("by_hand", "order"):
        stack = SimpleNamespace(ports=world.ports)
        monkeypatch.setattr(f"relais.cli.commands.{module}.Stack", lambda _, found=stack: found)

    def typed(command: str, journey: Journey, *words: str, refused: int = 0) -> Any:
        reason = () if command == "show" else ("--reason", PHONE)
        done = CliRunner().invoke(app, ["order", command, journey.id, *words, *reason, "--json"])
        assert (done.exit_code, done.exception is None or isinstance(done.exception, SystemExit)) == (refused, True), (
            done.output
        )
        assert PHONE not in done.output
        assert "texts/" not in done.output
        world.pass_time(minutes=1)
        return json.loads(done.stdout)

    return typed


def test_an_order_is_played_by_hand_from_its_brief_to_its_pay(world: World, run: Run, tmp_path: Path) -> None:
    """Promise 7: nobody but the seller does anything, and every step says so."""
    journey = Journey(world).to_brief()
    answers = [word for key, text in ANSWERS.items() if key != "ready" for word in ("--answer", f"{key[2:]}={text}")]
    assert run("brief", journey, *answers)["decision"]["choice"] == "hand_in"
    assert run("brief", journey, "--answer", "name=Boulangerie Aubier") == {
        "order": journey.id,
        "corrected": ["name"],
    }
    assert run("answer", journey, str(journey.open_gate.id), "accepted")["decision"]["by"] == "seller"
    made = tmp_path / "logo.png"
    made.write_bytes(b"\x89PNG logo")
    assert run("hand-in", journey, str(made), "--note", "Reçu par mail.")["status"] == "answered"
    for choice in ("approve", "accept"):
        assert run("answer", journey, str(journey.open_gate.id), choice)["decision"]["choice"] == choice
    assert run("release-pay", journey)["decision"]["choice"] == "release"
    world.pass_time(minutes=5)
    assert len(world.transfers()) == 1
    shown = run("show", journey)["by_hand"]
    assert [one["what"] for one in shown] == [
        "brief",
        "brief_corrected",
        "answered",
        "delivered",
        "answered",
        "answered",
        "released",
    ]
    assert all(one["mailed"] for one in shown)
    finish(journey)


def test_dates_pauses_and_corrections_speak_json(world: World, run: Run) -> None:
    """Days are meant to their last working hour in the shop."""
    journey = Journey(world).to_work()
    work = str(of_kind(journey, Kind.WORK).id)
    assert run("move", journey, work, "--to", "2026-12-01")["deadline"] == "2026-12-01T18:00:00+01:00"
    asked = run("promise", journey, "--to", "2026-12-07")
    assert (asked["milestone"], asked["moved"]) == ("01", False)
    assert run("promise", journey, "--to", "2026-12-08", "--agreed")["moved"] is True
    assert run("pause", journey, "--until", "2026-12-14", "--for-client")["order"] == journey.id
    assert run("show", journey)["paused"]["for_client"] is True
    assert run("go-on", journey)["ended"] is True
    assert run("name", journey, "Marie Quatremer")["corrected"] == "name"
    assert run("billing", journey, "Aubépine SARL")["corrected"] == "billing"
    assert run("show", journey)["billing"] is True
    assert run("revision", journey)["revisions_left"] == 3


def test_pay_is_held_and_a_yes_taken_back_by_command(world: World, run: Run) -> None:
    """Until the transfer; the gate's new date is told."""
    journey = Journey(world).to_hold()
    assert run("hold-pay", journey, "--until", "2026-12-09")["deadline"] == "2026-12-09T18:00:00+01:00"
    assert run("reopen", journey)["decision"]["choice"] == "reopen"
    assert journey.stage == "acceptance"


def test_what_is_refused_is_said_in_one_sentence_and_changes_nothing(world: World, run: Run) -> None:
    """Exit code 1 where the order forbids it, 2 where the command lacks something; the page's own words say what."""
    journey = Journey(world).to_acceptance()
    gate = str(journey.open_gate.id)
    assert "no pay of it is held" in run("release-pay", journey, refused=1)["error"]["message"]
    assert run("close", journey, refused=1)["error"]["name"] == "ForbiddenByHandError"
    assert run("answer", journey, gate, "refund", refused=1)["error"]["name"] == "ChoiceNotOfferedError"
    assert "note" in run("answer", journey, gate, "revise", refused=2)["error"]["message"]
    assert "NAME=VALUE" in run("answer", journey, gate, "accept", "--set", "nothing", refused=2)["error"]["message"]
    assert run("answer", journey, "01-acceptance-0099", "accept", refused=1)["error"]["name"] == "GateNotFoundError"
    assert (journey.stage, deeds(journey)) == ("acceptance", ())
