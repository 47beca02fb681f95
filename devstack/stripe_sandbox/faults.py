"""Failures on request: what a client must survive, made to happen.

`refuse_500` and `429` answer before anything runs and save nothing. `stored_500_before` saves a 500 without having
run, `stored_500_after` runs and saves a 500 all the same (design: traps 7 and 9 of money E). `lose_request` hangs up
before, `lose_answer` after the request has run. `delay` waits `seconds`, `hold` waits until released: both with the
idempotency key in use.
"""

import fnmatch
import threading
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """Each way a request can go wrong."""

    REFUSE_500 = "refuse_500"
    STORED_500_BEFORE = "stored_500_before"
    STORED_500_AFTER = "stored_500_after"
    LOSE_REQUEST = "lose_request"
    LOSE_ANSWER = "lose_answer"
    DELAY = "delay"
    HOLD = "hold"
    TOO_MANY = "429"


# Those that touch the line and not the work: they strike a replay as well.
AT_THE_DOOR = frozenset({FaultKind.REFUSE_500, FaultKind.TOO_MANY, FaultKind.LOSE_REQUEST, FaultKind.LOSE_ANSWER})
AT_WORK = frozenset(FaultKind) - AT_THE_DOOR


@dataclass(slots=True)
class Fault:
    """A failure that waits for its request: method and path (`*` matches anything), and how many times it strikes."""

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    times: int = 1
    seconds: float = 0.0

    def strikes(self, method: str, path: str) -> bool:
        """Tell whether this failure meets that request."""
        return self.times > 0 and fnmatch.fnmatch(method, self.method) and fnmatch.fnmatch(path, self.path)


class Faults:
    """The failures asked for, first come first served."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._faults: list[Fault] = []
        self._held = 0
        self._released = 0
        self._stopped = threading.Event()

    def add(self, fault: Fault) -> None:
        """Ask for a failure."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget every failure that has not struck yet."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str, kinds: frozenset[FaultKind]) -> Fault | None:
        """Use up one strike of the first failure of these kinds that meets the request."""
        with self._lock:
            for fault in self._faults:
                if fault.kind in kinds and fault.strikes(method, path):
                    fault.times -= 1
                    return fault
        return None

    def pause(self, seconds: float) -> None:
        """Let a request wait, or until the sandbox stops."""
        self._stopped.wait(seconds)

    def hold(self) -> None:
        """Keep a request until somebody releases it, or until the sandbox stops."""
        with self._lock:
            ticket = self._released
            self._held += 1
            self._lock.notify_all()
            self._lock.wait_for(lambda: self._released > ticket or self._stopped.is_set())
            self._held -= 1

    def wait_held(self, count: int, seconds: float) -> bool:
        """Wait until so many requests are held; tell whether they were in time."""
        with self._lock:
            return self._lock.wait_for(lambda: self._held >= count, seconds)

    def release(self) -> None:
        """Let every held request go on."""
        with self._lock:
            self._released += 1
            self._lock.notify_all()

    def stop(self) -> None:
        """End every wait for good."""
        self._stopped.set()
        self.release()
