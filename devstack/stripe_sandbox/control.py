"""The sandbox's own doors, under /_sandbox: state, clock, faults, accounts. Stripe has none of them."""

import json
import threading
from collections.abc import Callable
from typing import Any

from devstack.stripe_sandbox.accounts import Seed, seed
from devstack.stripe_sandbox.api import Api
from devstack.stripe_sandbox.clock import Clock, SetOffset
from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.faults import Fault, FaultKind, Faults
from devstack.stripe_sandbox.payments import balances, top_up
from devstack.stripe_sandbox.platform import Platform
from devstack.stripe_sandbox.refunds import FAILURES, dispute, fail, fail_later, refunded
from devstack.stripe_sandbox.routes import shown
from devstack.stripe_sandbox.transfers import sent
from devstack.stripe_sandbox.wire import Answer, Request, as_json

CHARGES = "/_sandbox/charges/"
REFUNDS = "/_sandbox/refunds/"
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
            ("POST", "/_sandbox/accounts"): lambda: self._seed(_object(request)),
            ("POST", "/_sandbox/top-ups"): lambda: self._top_up(_object(request)),
        }
        if request.method == "POST" and request.path.startswith(REFUNDS):
            return self._fail_refund(request.path.removeprefix(REFUNDS), _object(request))
        if request.method == "POST" and request.path.startswith(CHARGES):
            return self._dispute(request.path.removeprefix(CHARGES), _object(request))
        door = doors.get((request.method, request.path))
        if door is None:
            raise RefusedError(404, f"The sandbox has no door {request.method} {request.path}; see its README.")
        return door()

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
        _only(given, {"offset", "wall"})
        if "offset" in given:
            if self._offset is None:
                raise RefusedError(409, "The offset comes from the CLOCK row: set it with `relais clock --to`.")
            self._offset.seconds = _number(given, "offset")
        with self._lock:
            if "wall" in given:
                self._clock.move_wall(_number(given, "wall"))
            self._platform.advance()
        return self._times()

    def _add_fault(self, given: dict[str, Any]) -> dict[str, Any]:
        if SWITCHES & given.keys():
            return self._switch(given)
        _only(given, {"match", "times", "kind", "seconds"})
        match = given.get("match", {})
        _only(match, {"method", "path"})
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
        _only(given, SWITCHES)
        with self._lock:
            switches = self._platform.outbox.switches
            switches.duplicate = bool(given.get("duplicate", switches.duplicate))
            switches.drop = bool(given.get("drop", switches.drop))
            switches.shuffle = given.get("shuffle", switches.shuffle)
            return {"duplicate": switches.duplicate, "shuffle": switches.shuffle, "drop": switches.drop}

    def _seed(self, given: dict[str, Any]) -> dict[str, Any]:
        _only(given, set(Seed.__dataclass_fields__))
        if "id" not in given:
            raise invalid("Missing required param: id.", param="id", code="parameter_missing")
        with self._lock:
            return shown(self._platform, seed(self._platform, Seed(**given)))

    def _fail_refund(self, identifier: str, given: dict[str, Any]) -> dict[str, Any]:
        _only(given, {"fail", "after"})
        if given.get("fail") not in FAILURES:
            raise invalid(f"Invalid fail: must be one of {', '.join(sorted(FAILURES))}", param="fail")
        with self._lock:
            self._platform.advance()
            refund = self._platform.get("refund", identifier)
            if "after" in given:
                due = self._platform.now() + _number(given, "after")
                self._platform.schedule(due, lambda: fail_later(self._platform, refund, given["fail"]))
            else:
                fail(self._platform, refund, given["fail"])
            return shown(self._platform, refund)

    def _dispute(self, identifier: str, given: dict[str, Any]) -> dict[str, Any]:
        _only(given, {"disputed"})
        if given.get("disputed") is not True:
            raise invalid("Invalid disputed: must be true", param="disputed")
        with self._lock:
            self._platform.advance()
            charge = self._platform.get("charge", identifier)
            dispute(self._platform, charge)
            return shown(self._platform, charge)

    def _top_up(self, given: dict[str, Any]) -> dict[str, Any]:
        _only(given, {"amount"})
        amount = int(_number(given, "amount")) if "amount" in given else 0
        if amount < 1:
            raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
        with self._lock:
            self._platform.advance()
            booked = top_up(self._platform, amount)
            self._platform.advance()
            return shown(self._platform, booked)


def _object(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(request.body or b"{}")
    except ValueError as error:
        raise invalid("The body must be a JSON object.") from error
    if not isinstance(given, dict):
        raise invalid("The body must be a JSON object.")
    return given


def _only(given: dict[str, Any], known: set[str] | frozenset[str]) -> None:
    for name in given:
        if name not in known:
            raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")


def _number(given: dict[str, Any], name: str) -> float:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"Invalid number: {name}", param=name)
    return float(value)
