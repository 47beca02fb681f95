"""Our functions, called in this process as Lambda calls them."""

from __future__ import annotations

import importlib
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

HANDLERS = {
    "show-page": "functions.intake.show_page",
    "open-checkout": "functions.intake.open_checkout",
    "receive-stripe-event": "functions.intake.receive_stripe_event",
    "enter-order": "functions.intake.enter_order",
    "open-proposal": "functions.assign.open_proposal",
    "open-gate": "functions.deliver.open_gate",
    "answer-gate": "functions.deliver.answer_gate",
    "permit-upload": "functions.deliver.permit_upload",
    "check-links": "functions.deliver.check_links",
    "show-preview": "functions.deliver.show_preview",
    "run-act": "functions.payout.run_act",
    "close-order": "functions.payout.close_order",
    "tick-clock": "functions.payout.tick_clock",
    "record-execution": "functions.payout.record_execution",
    "record-bounce": "functions.deliver.record_bounce",
    "reconcile": "functions.payout.reconcile",
    "onboard": "functions.payout.onboard",
    "receive-account-event": "functions.payout.receive_account_event",
}
ENDED_BADLY = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


def short_name(function: str) -> str:
    """`show-page` of `relais-dev-show-page:live` or of its ARN."""
    named = function.rsplit("function:", 1)[-1].partition(":")[0]
    return next(short for short in HANDLERS if named.endswith(f"-{short}"))


class Context:
    """What Lambda gives a handler besides the event."""

    function_name = "relais"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-3:123456789012:function:relais"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Always plenty."""
        return 60_000


class Calls:
    """Calls of our functions in this process, one at a time, whoever calls."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.calls: list[str] = []
        self.breakers: list[Callable[[str, Mapping[str, Any]], None]] = []
        self.after: Callable[[str], None] = lambda _name: None
        self._queue: deque[tuple[str, dict[str, Any]]] = deque()

    def call(self, name: str, event: Mapping[str, Any]) -> Any:
        """Call a function by its short name; what it raises is raised. Breakers see each call first and may raise."""
        with self.lock:
            self.calls.append(name)
            for breaker in list(self.breakers):
                breaker(name, event)
            answer = importlib.import_module(HANDLERS[name]).handler(json.loads(json.dumps(event)), Context())
            self.after(name)
            return answer

    def queue(self, name: str, event: dict[str, Any]) -> None:
        """An asynchronous call: made when everything else has come to rest."""
        self._queue.append((name, event))

    def next_queued(self) -> tuple[str, dict[str, Any]] | None:
        """The oldest asynchronous call that nobody has made yet."""
        return self._queue.popleft() if self._queue else None
