"""What the tests of the local stack share: free ports, and the demo as a process of its own."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_SECONDS = 300


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def port() -> int:
    """The first of three free ports in a row, below those that the system gives out by itself."""
    while True:
        first = random.randrange(20_000, 32_000)
        if all(_free(first + more) for more in range(3)):
            return first


@dataclass(slots=True)
class Demo:
    """`make demo` as somebody started it: its lines as they come, and how it ended."""

    process: subprocess.Popen[str]
    port: int
    lines: list[str] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def listen(self) -> None:
        """Note every line until the last."""
        assert self.process.stdout is not None
        with self.process.stdout as told:
            for line in told:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self.lines.append("(the end)")
            self._changed.notify_all()

    def wait_for(self, words: str) -> str:
        """The first line with these words; fails when the demo ends or takes too long without it."""

        def found() -> str | None:
            return next((line for line in self.lines if words in line or line == "(the end)"), None)

        with self._changed:
            line = self._changed.wait_for(found, MOST_SECONDS)
        assert line is not None, f"no line with {words!r} in time: {self.lines}"
        assert words in line, f"ended without a line with {words!r}: {self.lines}"
        return line

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def folder(self) -> Path:
        """Where its logs stand."""
        return ROOT / ".run" / str(self.port + 1)

    def groups(self) -> list[int]:
        """The process groups that it noted."""
        noted: list[int] = json.loads((self.folder / "running.json").read_text("utf-8"))["groups"]
        return noted


@pytest.fixture
def demo(port: int) -> Iterator[Callable[..., Demo]]:
    """Start demos; whatever a test leaves running is ended."""
    started: list[tuple[Demo, threading.Thread]] = []

    def start(play: str, *, at: int = port, **environment: str) -> Demo:
        given = os.environ | {"PLAY": play, "PORT": str(at)} | environment
        process = subprocess.Popen(
            [sys.executable, "-m", "devstack.demo"],
            cwd=ROOT,
            env=given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        one = Demo(process, at)
        listener = threading.Thread(target=one.listen)
        listener.start()
        started.append((one, listener))
        return one

    yield start
    for one, listener in started:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)
        listener.join()
        if one.process.returncode != 1:  # the logs of one that failed are worth reading
            shutil.rmtree(one.folder, ignore_errors=True)


@pytest.fixture
def nothing_left(port: int) -> Callable[[Sequence[int]], None]:
    """Fails when a port of the stack still answers, or a process of its groups still lives."""

    def check(groups: Sequence[int]) -> None:
        assert [one for one in range(port, port + 3) if not _free(one)] == []
        for group in groups:
            with pytest.raises(ProcessLookupError):
                os.killpg(group, 0)

    return check
