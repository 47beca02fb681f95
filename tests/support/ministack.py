"""The shipped definition on the local cloud: it routes, and our functions answer in this process.

The definition's functions are deployed as a few lines each that hand their event to a server of this process: the steps
run on the store in memory, on its virtual date, and no worker loads Relais. Nothing else of the cloud is used.
"""

from __future__ import annotations

import io
import json
import os
import socket
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from devstack.cloud import ACCOUNT, REGION, Cloud
from devstack.processes import Process
from devstack.simulation.calls import Calls
from devstack.simulation.world import ROOT, World, replace_ports
from devstack.stack import MINISTACK, await_answer
from relais.adapters.stepfunctions import StepFunctionsMachine

LOOPBACK = "127.0.0.1"
PATIENCE = 30.0
"""Seconds after which a call that never comes is reported: a bug, never a wait."""
TASKS = ("enter-order", "open-proposal", "open-gate", "run-act", "close-order")
"""The functions that the definition names."""
LIGHT = """
import http.client, json, os
def handler(event, context):
    line = http.client.HTTPConnection("127.0.0.1", int(os.environ["ANSWERED_AT"]), timeout=50)
    line.request("POST", "/" + os.environ["ANSWERED_AS"], json.dumps(event))
    told = json.load(line.getresponse())
    line.close()
    if "error" in told:
        raise type(told["error"], (Exception,), {})(told["error"])
    return told["result"]
"""
"""A function of the definition, as the local cloud runs it."""
Call = tuple[str, ...]


@dataclass
class Followed:
    """What an engine asked of the functions and what it was answered, by milestone: each has an order of its own."""

    lines: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    rests: list[int] = field(default_factory=list)
    """How many calls there had been each time that everything had come to rest."""
    calls: int = 0
    _asked: dict[str, tuple[str, str]] = field(default_factory=dict)

    def called(self, name: str, event: Mapping[str, Any]) -> None:
        """A call; those of the engine name a run, those of people, clock and webhook don't."""
        if "run" not in event:
            return
        self.calls += 1
        place = str(event.get("milestone", "00"))
        payload = {key: one for key, one in event.items() if key not in {"token", "attempt"}}
        run, _, again = str(event.get("attempt", "##")).split("#")
        if "token" in event:
            self._asked[event["token"]] = place, str(event["stage"])
        self.lines[place].append((name, json.dumps(payload, sort_keys=True), run, again))

    def answered(self, token: str, word: str) -> None:
        """An answer on its way to the engine."""
        place, stage = self._asked[token]
        self.lines[place].append(("answer", stage, word))


class Told:
    """The port of a machine, whose answers are followed."""

    def __init__(self, machine: Any, followed: Followed) -> None:
        self._machine, self._followed = machine, followed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)

    def succeed(self, token: str, outcome: str) -> None:
        """Answer a token."""
        self._followed.answered(token, outcome)
        self._machine.succeed(token, outcome)

    def fail(self, token: str, error: str, cause: str) -> None:
        """Answer a token with an error."""
        self._followed.answered(token, error)
        self._machine.fail(token, error, cause)


def follow(world: World) -> Followed:
    """Write down from now on what the machine of a world does."""
    followed, rest = Followed(), world.engine.rest

    def rests() -> None:
        rest()
        followed.rests.append(followed.calls)

    world.engine.breakers.append(followed.called)  # type: ignore[attr-defined]
    world.engine.rest = rests  # type: ignore[method-assign]
    replace_ports(world.ports, machine=Told(world.ports.machine, followed))
    return followed


class Routes(Calls):
    """The definition on the local cloud. At rest is what has made as many calls as the stepper had made there."""

    def __init__(self, cloud: Cloud, arn: str, rests: list[int]) -> None:
        super().__init__()
        self._machine = StepFunctionsMachine(cloud.client("stepfunctions"), arn)
        self._rests = iter(rests)
        self._done = 0
        self._changed = threading.Condition()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)

    def call(self, name: str, event: Mapping[str, Any]) -> Any:
        """Call a function by its short name."""
        try:
            return super().call(name, event)
        finally:
            with self._changed:
                self._done += "run" in event
                self._changed.notify_all()

    def rest(self) -> None:
        """Wait for the next calls that the stepper had."""
        wanted = next(self._rests, 0)  # one rest more is told by the calls that follow it
        with self._changed:
            if not self._changed.wait_for(lambda: self._done >= wanted, PATIENCE):
                raise AssertionError(f"{self._done} calls instead of {wanted}; last {self.calls[-5:]}")

    def finish(self) -> None:
        """The cloud ends with the tests."""


@dataclass
class Deployed:
    """The definition on the local cloud."""

    cloud: Cloud
    arn: str
    routes: Routes | None = None
    """Who answers the functions' calls now."""

    def route(self, rests: list[int]) -> Routes:
        """An engine for the next world."""
        self.routes = Routes(self.cloud, self.arn, rests)
        return self.routes

    def ended(self, name: str) -> str:
        """How an execution ends, which nothing but itself tells: asked until it has."""
        client = self.cloud.client("stepfunctions")
        for _ in range(1_000):
            status = str(client.describe_execution(executionArn=self._execution(name))["status"])
            if status != "RUNNING":
                return status
        return "RUNNING"

    def entered(self, name: str) -> list[str]:
        """The states entered outside of the map."""
        pages = self.cloud.client("stepfunctions").get_paginator("get_execution_history")
        events = [one for page in pages.paginate(executionArn=self._execution(name)) for one in page["events"]]
        return [one["stateEnteredEventDetails"]["name"] for one in events if one["type"].endswith("StateEntered")]

    def _execution(self, name: str) -> str:
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"


@contextmanager
def deployed(folder: Path, definition: str) -> Iterator[Deployed]:
    """Start the local cloud, with the definition and its light functions on it."""
    address = f"http://{LOOPBACK}:{(port := _free_port())}"
    settings = {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "PERSIST_STATE": "0",
        "TMPDIR": str(folder),
    }
    process = Process.start(
        "cloud", [MINISTACK], log=folder / "cloud.log", environment={**os.environ, **settings}, cwd=ROOT
    )
    try:
        await_answer("The local cloud", process, f"{address}/_ministack/ready")
        found = Deployed(Cloud(address), "")
        with _answering(found) as answers:
            _deploy_functions(found.cloud, answers)
            made = found.cloud.client("stepfunctions").create_state_machine(
                name="relais-dev", definition=definition, roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine"
            )
            found.arn = made["stateMachineArn"]
            yield found
    finally:
        process.stop()


def _free_port() -> int:
    with closing(socket.create_server((LOOPBACK, 0))) as one:
        return int(one.getsockname()[1])


def _deploy_functions(cloud: Cloud, answers: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("light.py", LIGHT)
    functions = cloud.client("lambda")
    for task in TASKS:
        functions.create_function(
            FunctionName=f"relais-dev-{task}",
            Runtime="python3.13",
            Handler="light.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/task",
            Code={"ZipFile": packed.getvalue()},
            Timeout=60,
            Environment={"Variables": {"ANSWERED_AT": str(answers), "ANSWERED_AS": task}},
        )
        version = functions.publish_version(FunctionName=f"relais-dev-{task}")["Version"]
        functions.create_alias(FunctionName=f"relais-dev-{task}", Name="live", FunctionVersion=version)


@contextmanager
def _answering(found: Deployed) -> Iterator[int]:
    """A server of this process at which the light functions get their answers; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told: dict[str, Any]
            try:
                told = {"result": found.routes.call(self.path.strip("/"), event)}  # type: ignore[union-attr]
            except Exception as error:  # noqa: BLE001 - what Lambda does with it
                told = {"error": type(error).__name__}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quietly."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
