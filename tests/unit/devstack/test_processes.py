import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.processes import Process, ProcessDiedError, Processes, group_lives, uninterrupted

SHELL = {"PATH": os.environ.get("PATH", os.defpath)}
DAY = "86400"


@pytest.fixture
def notes() -> list[list[int]]:
    return []


@pytest.fixture
def processes(tmp_path: Path, notes: list[list[int]]) -> Iterator[Processes]:
    with Processes(tmp_path, SHELL, tmp_path, lambda groups: notes.append(list(groups))) as started:
        yield started


def test_nothing_that_a_process_started_outlives_the_stack(tmp_path: Path) -> None:
    """The local cloud's workers are processes of its own: they must go with it."""
    with Processes(tmp_path, SHELL, tmp_path, lambda _: None) as started:
        process = started.start("parent", ["sh", "-c", f"sleep {DAY} & sleep {DAY}"])
        assert group_lives(process.running.pid)
    assert not group_lives(process.running.pid)


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """It is asked twice, as the local cloud needs, and then not asked any more."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    with Processes(tmp_path, SHELL, tmp_path, lambda _: None) as started:
        deaf = started.start("deaf", ["sh", "-c", f"trap '' TERM; echo > {ready}; while :; do sleep {DAY}; done"])
        ready.read_text()
    assert deaf.running.returncode == -signal.SIGKILL


def test_a_command_that_fails_tells_its_last_words(processes: Processes) -> None:
    """Nobody should have to look for a log to learn why a deployment failed."""
    with pytest.raises(ProcessDiedError, match=r"(?s)deploy ended with exit code 3.*no such bucket"):
        processes.run("deploy", ["sh", "-c", "echo no such bucket; exit 3"], 60)


def test_what_a_finished_command_left_behind_is_ended_too(processes: Processes) -> None:
    """A tool may fork helpers and forget them."""
    process = processes.start("tool", ["sh", "-c", f"sleep {DAY} & exit 0"])
    process.finish(60)
    assert process.over
    assert not group_lives(process.running.pid)


def test_a_process_that_died_is_noticed(processes: Processes) -> None:
    """A stack without its cloud would wait for ever."""
    process = processes.start("cloud", ["sh", "-c", "exit 7"])
    process.running.wait()
    with pytest.raises(ProcessDiedError) as died:
        process.check()
    assert (died.value.name, died.value.code) == ("cloud", 7)


def test_a_process_that_is_over_is_never_signalled(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may belong to somebody else by then."""
    process: Process = processes.start("short", ["true"])
    process.finish(60)
    signalled: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _: signalled.append(group))
    process.stop()
    assert signalled == []


def test_groups_that_may_live_are_noted(processes: Processes, notes: list[list[int]]) -> None:
    """Whoever comes next must be able to say what a killed stack left running."""
    first = processes.start("first", ["sleep", DAY])
    processes.run("over", ["true"], 60)
    second = processes.start("second", ["sleep", DAY])
    assert notes[-1] == [first.running.pid, second.running.pid]


def test_a_signal_waits_until_a_started_process_is_known() -> None:
    """A Ctrl-C between starting a process and noting it would leave it running."""
    seen: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("signal"))
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            seen.append("known")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == ["known", "signal"]


def test_only_the_main_thread_puts_signals_off() -> None:
    """No other thread may set handlers: it just goes on."""
    done = threading.Event()

    def start() -> None:
        with uninterrupted():
            done.set()

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert done.is_set()
