"""Processes of the local stack: each in a group of its own, with a log, and ended with everything that it started."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from relais.errors import RelaisError

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PAUSE_SECONDS = 0.05
LAST_LINES = 8


class ProcessDiedError(RelaisError):
    """A process of the stack ended that should have gone on, or that should have ended well."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        """Keep what it was, its exit code and its last words."""
        last = "\n".join(f"    {line}" for line in last_lines(log))
        super().__init__(f"{name} ended with exit code {code}; its log {log} says last:\n{last}")
        self.name = name
        self.code = code


@dataclass(slots=True)
class Process:
    """One started process and whatever it started itself: they share a process group."""

    name: str
    running: subprocess.Popen[bytes]
    log: Path
    over: bool = False
    """Nothing of it is left, so its number may be somebody else's by now: never signal it again."""

    @classmethod
    def start(
        cls, name: str, command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str], cwd: Path
    ) -> "Process":
        """Start a command; what it writes goes to its log. Raises OSError where there is no such command."""
        with log.open("wb") as written:
            running = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                # A group of its own: a Ctrl-C in the terminal reaches us alone, and we end the group.
                start_new_session=True,
            )
        return cls(name, running, log)

    def check(self) -> None:
        """Raise `ProcessDiedError` where it has ended."""
        code = self.running.poll()
        if code is not None:
            raise ProcessDiedError(self.name, code, self.log)

    def finish(self, seconds: float) -> None:
        """Wait for its good end. Raises `ProcessDiedError` for a bad one or none in time."""
        with suppress(subprocess.TimeoutExpired):
            self.running.wait(seconds)
        self.stop()
        if self.running.returncode != 0:
            raise ProcessDiedError(self.name, self.running.returncode, self.log)

    def look(self) -> bool:
        """Whether it is over: it has ended, and so has everything it started."""
        if not self.over:
            # Collected first: a group of which only its ended leader is left still counts as one.
            self.over = self.running.poll() is not None and not group_lives(self.running.pid)
        return self.over

    def stop(self) -> None:
        """End it and everything it started."""
        end([self])


def end(processes: Sequence[Process]) -> None:
    """End processes and everything they started: asked twice (the local cloud needs a second signal), then killed."""
    for number, patience in ((signal.SIGTERM, 1.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        left = [process for process in processes if not process.look()]
        for process in left:
            # macOS answers EPERM for a group of which only zombies are left.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.running.pid, number)
        if _over_within(left, patience):
            return


def _over_within(processes: Sequence[Process], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not all(process.look() for process in processes):
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def group_lives(group: int) -> bool:
    """Whether any process is left in a group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    return True


def last_lines(log: Path) -> list[str]:
    """The end of a log."""
    try:
        return [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()][-LAST_LINES:]
    except OSError:
        return []


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off what Ctrl-C and signals do until the block has ended: a process that was started must be known."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    put_off: list[int] = []
    usual = {number: signal.signal(number, lambda one, _: put_off.append(one)) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    for one in put_off:
        signal.raise_signal(one)


class Processes:
    """All of them, ended together. `note` is told the groups of those that may live."""

    def __init__(
        self, logs: Path, environment: Mapping[str, str], cwd: Path, note: Callable[[Sequence[int]], None]
    ) -> None:
        """Keep logs in a folder; give every process this environment."""
        self._logs = logs
        self._environment = environment
        self._cwd = cwd
        self._note = note
        self._started: list[Process] = []

    def start(self, name: str, command: Sequence[str | Path], more: Mapping[str, str] | None = None) -> Process:
        """Start one; its log is named after it."""
        log = self._logs / f"{name.replace(' ', '-')}.log"
        environment = {**self._environment, **(more or {})}
        with uninterrupted():
            process = Process.start(name, command, log=log, environment=environment, cwd=self._cwd)
            self._started.append(process)
        self._note([one.running.pid for one in self._started if not one.over])
        return process

    def run(self, name: str, command: Sequence[str | Path], seconds: float) -> None:
        """Start one and wait for its good end. Raises `ProcessDiedError`."""
        self.start(name, command).finish(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self._started)
        self._started.clear()
