"""What the functions run is built once, whoever asks for it at the same time."""

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import bundle

WHILE = 30
"""Seconds after which a thread is given up."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Told each time that somebody asks for the lock."""
    told, lock = threading.Semaphore(0), fcntl.flock

    def flock(file: int, operation: int) -> None:
        told.release()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    return told


def test_of_two_at_once_one_builds_and_the_other_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: threading.Semaphore
) -> None:
    """`make test` and `make demo` side by side: two would move two folders to one place, and the second fails."""
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    where = tmp_path / "build" / "functions"
    found: list[tuple[Path | None, str]] = []

    def second() -> None:
        with bundle.Rebuilt(where, "the same") as place:
            found.append((place, (where / "made").read_text()))

    other = threading.Thread(target=second)
    with bundle.Rebuilt(where, "the same") as place:
        assert place is not None
        assert asked.acquire(timeout=WHILE)
        other.start()
        assert asked.acquire(timeout=WHILE)
        (place / "made").write_text("by the first")
    other.join(WHILE)
    assert found == [(None, "by the first")]


def test_a_build_that_fails_leaves_the_place_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half made is ever used, and nobody waits for somebody who is gone."""
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    where = tmp_path / "build" / "functions"
    with pytest.raises(OSError, match="full"), bundle.Rebuilt(where, "the same"):
        raise OSError("the disk is full")
    assert not where.exists()
    with bundle.Rebuilt(where, "the same") as place:
        assert place is not None
