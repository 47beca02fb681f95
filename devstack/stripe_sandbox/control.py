"""The sandbox's own doors, under /_sandbox: state, clock, faults, levers. Stripe has none of them."""

import json
import threading
from collections.abc import Callable
from typing import Any

from devstack.stripe_sandbox.api import Api
from devstack.stripe_sandbox.clock import Clock, SetOffset
from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.faults import Fault, FaultKind, Faults
from devstack.stripe_sandbox.levers import lever_for, number, only
from devstack.stripe_sandbox.payments import balances, held
from devstack.stripe_sandbox.platform import Platform
from devstack.stripe_sandbox.refunds import refunded
from devstack.stripe_sandbox.routes import shown
from devstack.stripe_sandbox.transfers import sent
from devstack.stripe_sandbox.wire import Answer, Request, as_json

PREFIX = "/_sandbox/"
SWITCHES = frozenset({"duplicate", "shuffle", "drop"})


class Control:
    """Answers what tests, the local stack and a curious person ask of the sandbox itself."""

    def __init__(
        self,
        platform: Platform,
        api: Api,
        faults: Faults,
        *,
        offset: SetOffset | None,
        lock: threading.RLock,
        run_due: Callable[[], int],
    ) -> None:
        self._platform = platform
        self._api = api
        self._faults = faults
        self._offset = offset
        self._lock = lock
        self._run_due = run_due

    @property
    def _clock(self) -> Clock:
        return self._platform.clock

    def answer(self, request: Request) -> Answer:
        """Answer one request; errors have Stripe's shape here too."""
        try:
            return as_json(200, self._route(request))
        except RefusedError as refusal:
            return as_json(refusal.status, refusal.body("", self._platform.terms.account))

    def _route(self, request: Request) -> dict[str, Any]:
        doors: dict[tuple[str, str], Callable[[], dict[str, Any]]] = {
            ("GET", "/_sandbox/state"): self.state,
            ("GET", "/_sandbox/clock"): self._times,
            ("POST", "/_sandbox/clock"): lambda: self._set_clock(_object(request)),
            ("POST", "/_sandbox/faults"): lambda: self._add_fault(_object(request)),
            ("DELETE", "/_sandbox/faults"): self._forget_faults,
            ("POST", "/_sandbox/release"): self._release,
            ("POST", "/_sandbox/run"): lambda: {"delivered": self._run_due()},
        }
        door = doors.get((request.method, request.path))
        if door is not None:
            return door()
        lever = lever_for(request.path.removeprefix(PREFIX)) if request.method == "POST" else None
        if lever is None:
            raise RefusedError(404, f"The sandbox has no door {request.method} {request.path}; see its README.")
        pull, identifier = lever
        given = _object(request)
        with self._lock:
            self._platform.advance()
            made = pull(self._platform, identifier, given)
            self._platform.advance()
            return shown(self._platform, made)

    def _forget_faults(self) -> dict[str, Any]:
        self._faults.clear()
        return self._switch({"duplicate": False, "shuffle": None, "drop": False})

    def _release(self) -> dict[str, Any]:
        self._faults.release()
        return {}

    def state(self) -> dict[str, Any]:
        """Calls by route, objects, and totals of money in minor units."""
        with self._lock:
            self._platform.advance()
            pots = balances(self._platform)
            calls = dict(sorted(self._api.calls.items()))
            return {
                "calls": {"total": sum(calls.values()), "by_route": calls},
                "clock": self._times(),
                "money": {
                    "balance": pots,
                    "net_transactions": {currency: sum(pot.values()) for currency, pot in pots.items()},
                    "transfers": sent(self._platform),
                    "recipients": {account: held(self._platform, account) for account in self._platform.pots},
                    "refunds": refunded(self._platform),
                },
                "counts": {kind: len(self._platform.newest_first(kind)) for kind in self._platform.kinds()},
                "objects": {
                    kind: [shown(self._platform, resource) for resource in self._platform.newest_first(kind)]
                    for kind in self._platform.kinds()
                },
            }

    def _times(self) -> dict[str, Any]:
        return {"now": self._clock.now(), "wall": int(self._clock.wall()), "settable": self._offset is not None}

    def _set_clock(self, given: dict[str, Any]) -> dict[str, Any]:
        only(given, {"offset", "wall"})
        if "offset" in given:
            if self._offset is None:
                raise RefusedError(409, "The offset comes from the CLOCK row: set it with `relais clock --to`.")
            self._offset.seconds = number(given, "offset")
        with self._lock:
            if "wall" in given:
                self._clock.move_wall(number(given, "wall"))
            self._platform.advance()
        return self._times()

    def _add_fault(self, given: dict[str, Any]) -> dict[str, Any]:
        if SWITCHES & given.keys():
            return self._switch(given)
        only(given, {"match", "times", "kind", "seconds"})
        match = given.get("match", {})
        only(match, {"method", "path"})
        kinds = [kind.value for kind in FaultKind]
        if given.get("kind") not in kinds:
            raise invalid(f"Invalid kind: must be one of {', '.join(kinds)}", param="kind")
        fault = Fault(
            FaultKind(given["kind"]),
            match.get("method", "*"),
            match.get("path", "*"),
            int(given.get("times", 1)),
            float(given.get("seconds", 0)),
        )
        self._faults.add(fault)
        return {"kind": fault.kind, "times": fault.times}

    def _switch(self, given: dict[str, Any]) -> dict[str, Any]:
        only(given, SWITCHES)
        with self._lock:
            switches = self._platform.outbox.switches
            switches.duplicate = bool(given.get("duplicate", switches.duplicate))
            switches.drop = bool(given.get("drop", switches.drop))
            switches.shuffle = given.get("shuffle", switches.shuffle)
            return {"duplicate": switches.duplicate, "shuffle": switches.shuffle, "drop": switches.drop}


def _object(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(request.body or b"{}")
    except ValueError as error:
        raise invalid("The body must be a JSON object.") from error
    if not isinstance(given, dict):
        raise invalid("The body must be a JSON object.")
    return given
