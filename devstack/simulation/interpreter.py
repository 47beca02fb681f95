"""The shipped definition, walked state by state in this thread: for tests that need thousands of orders.

It reads the definition itself, so it routes where that routes, and knows only what the definition uses: tasks with and
without a token, choices on one variable, one map whose iterations run side by side, pass, succeed and fail; retriers
and catchers by error name.
`tests/workflow` runs the same definition on moto; one test shows that both walk the same way.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.simulation.calls import ENDED_BADLY, Calls, short_name
from relais.errors import RelaisError

CONDITION = re.compile(r"\{% \$(states\.input\.)?(\w+) = '(\w+)' %\}")
VARIABLE = re.compile(r"\{% \$(states\.input\.|states\.result\.Payload\.)?(\w+) %\}")
TIMEOUT = "States.Timeout"


class DefinitionNotUnderstoodError(RelaisError):
    """The definition uses what this interpreter does not know."""

    def __init__(self, expression: object) -> None:
        """Keep what."""
        super().__init__(f"{expression!r} is not understood: teach it to devstack/simulation/interpreter.py")


class StateFailedError(Exception):
    """A state's error on its way to the catchers."""

    def __init__(self, error: str) -> None:
        """Keep its name."""
        super().__init__(error)
        self.error = error


@dataclass
class Walk:
    """One execution."""

    name: str
    status: str = "RUNNING"
    entered: list[str] = field(default_factory=list)
    transitions: list[tuple[str, str]] = field(default_factory=list)
    route: list[tuple[str, Any]] = field(default_factory=list)
    """Each task with what it got: its result, or the error that it failed with."""
    threads: list[Thread] = field(default_factory=list)


Answer = tuple[str, str]
"""An error, or nothing, and an outcome."""


@dataclass
class Thread:
    """One line of states of an execution: the main one, or one iteration of its map."""

    walk: Walk
    parent: Thread | None = None
    steps: Steps | None = None
    got: Any = None
    waits_for: str | None = None
    over: bool = False
    children: list[Thread] = field(default_factory=list)


Steps = Generator[str | list[Thread], Answer, None]
"""A walk through states: it asks for the answer to a token, or for the end of a map's iterations."""


class Interpreter(Calls):
    """A machine and its engine in one. Answers are taken in at once and acted upon when `rest` is called."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        super().__init__()
        self.definition = definition
        self.walks: dict[str, Walk] = {}
        self.pauses: list[float] = []
        self._answers: deque[tuple[Thread, str, Answer]] = deque()
        self._new: deque[Thread] = deque()
        self._counter = 0

    # The port -------------------------------------------------------------------------------------------------------

    def start(self, order: str, run: int) -> None:
        """Start an execution; one that exists already is success."""
        name = f"{order}-{run}"
        if name in self.walks:
            return
        walk = self.walks[name] = Walk(name)
        self._new.append(self._thread(walk, None, self.definition, {"order": order, "run": run}, {}))

    def succeed(self, token: str, outcome: str) -> None:
        """Answer a token; one that waits no longer is no error."""
        self._answer(token, ("", outcome))

    def fail(self, token: str, error: str, _cause: str) -> None:
        """Answer a token with an error."""
        self._answer(token, (error, ""))

    def status(self, order: str, run: int) -> str:
        """The status of an execution."""
        walk = self.walks.get(f"{order}-{run}")
        return "ABSENT" if walk is None else walk.status

    def events(self, order: str, run: int) -> int:
        """Events of its history, so many a state."""
        walk = self.walks.get(f"{order}-{run}")
        return 0 if walk is None else EVENTS_A_STATE * len(walk.entered)

    def stop(self, order: str, run: int, _cause: str) -> None:
        """Stop an execution if it runs."""
        walk = self.walks.get(f"{order}-{run}")
        if walk is not None and walk.status == "RUNNING":
            self._end(walk, "ABORTED")

    def _answer(self, token: str, answer: Answer) -> None:
        for thread in self._threads():
            if thread.waits_for == token:
                thread.waits_for = None
                self._answers.append((thread, token, answer))

    def _threads(self) -> list[Thread]:
        return [thread for walk in self.walks.values() for thread in walk.threads]

    def _thread(
        self, walk: Walk, parent: Thread | None, program: Mapping[str, Any], given: Any, variables: dict[str, Any]
    ) -> Thread:
        thread = Thread(walk, parent)
        thread.steps = self._walk(thread, program, given, variables)
        walk.threads.append(thread)
        return thread

    # The engine -----------------------------------------------------------------------------------------------------

    def rest(self) -> None:
        """Go on until every execution waits or has ended."""
        while self._new or self._answers:
            if self._new:
                thread, answer = self._new.popleft(), None
            else:
                thread, _, answer = self._answers.popleft()
            if thread.walk.status == "RUNNING" and not thread.over:
                self._go_on(thread, answer)

    def _go_on(self, thread: Thread, answer: Answer | None) -> None:
        steps = thread.steps
        if steps is None:
            return
        try:
            asked = next(steps) if answer is None else steps.send(answer)
        except StopIteration:
            self._over(thread, "")
        except StateFailedError as failed:
            self._over(thread, failed.error)
        else:
            if isinstance(asked, list):
                thread.children = asked
                self._new.extend(asked)

    def _over(self, thread: Thread, error: str) -> None:
        """A line ends. One iteration that fails ends its map, and with it the others."""
        thread.over, parent = True, thread.parent
        if parent is None:
            self._end(thread.walk, "FAILED" if error else "SUCCEEDED")
            return
        if error:
            for one in parent.children:
                one.over, one.waits_for = True, None
        if all(one.over for one in parent.children):
            self._go_on(parent, (error, ""))

    def _end(self, walk: Walk, status: str) -> None:
        walk.status = status
        for thread in walk.threads:
            thread.over, thread.waits_for = True, None
        if status in ENDED_BADLY:
            self.queue("record-execution", {"detail": {"name": walk.name, "status": status}})

    def time_out(self, token: str) -> None:
        """Let a token's thirty days be over."""
        self._answer(token, (TIMEOUT, ""))

    @property
    def tokens(self) -> list[str]:
        """The tokens that wait for an answer."""
        return [thread.waits_for for thread in self._threads() if thread.waits_for]

    def entered(self, name: str | None = None) -> list[str]:
        """The states entered, of one execution or of all."""
        return [state for walk in self.walks.values() if name in {None, walk.name} for state in walk.entered]

    def status_of(self, name: str) -> str:
        """The status of an execution by its name."""
        return self.walks[name].status

    def finish(self) -> None:
        """Nothing outlives the world."""

    # The definition -------------------------------------------------------------------------------------------------

    def _walk(self, thread: Thread, program: Mapping[str, Any], given: Any, variables: dict[str, Any]) -> Steps:
        name = program["StartAt"]
        while True:
            state = program["States"][name]
            thread.walk.entered.append(name)
            try:
                following, given = yield from self._state(thread, state, given, variables)
                if "Resource" in state:
                    thread.walk.route.append((name, thread.got))
            except StateFailedError as failed:
                if "Resource" in state:
                    thread.walk.route.append((name, {"error": failed.error}))
                catcher = _catcher(state, failed.error)
                if catcher is None:
                    raise
                variables |= _assigned(catcher, given, {}, variables)
                following, given = catcher["Next"], {"Error": failed.error}
            if following is None:
                return
            thread.walk.transitions.append((name, following))
            name = following

    def _state(
        self, thread: Thread, state: Mapping[str, Any], given: Any, variables: dict[str, Any]
    ) -> Generator[str | list[Thread], Answer, tuple[str | None, Any]]:
        match state["Type"]:
            case "Choice":
                rule = next((rule for rule in state["Choices"] if _true(rule, given, variables)), state)
                variables |= _assigned(rule, given, {}, variables)
                return rule.get("Next") or state["Default"], given
            case "Pass":
                return state["Next"], {
                    key: _value(value, given, {}, variables) for key, value in state["Output"].items()
                }
            case "Succeed":
                return None, given
            case "Fail":
                raise StateFailedError(state["Error"])
            case "Map":
                items = _value(state["Items"].replace("[", "").replace("]", ""), given, {}, variables)
                program = state["ItemProcessor"]
                error, _ = yield [self._thread(thread.walk, thread, program, item, dict(variables)) for item in items]
                if error:
                    raise StateFailedError(error)
                return state["Next"], {}
            case _:
                result = thread.got = yield from self._task(thread, state, given, variables)
                variables |= _assigned(state, given, result, variables)
                return state.get("Next"), {}

    def _task(
        self, thread: Thread, state: Mapping[str, Any], given: Any, variables: dict[str, Any]
    ) -> Generator[str | list[Thread], Answer, Any]:
        self._counter += 1
        entered, tries, used = self._counter, 0, [0] * len(state["Retry"])
        while True:
            try:
                return (yield from self._attempt(thread, state, given, variables, (entered, tries)))
            except StateFailedError as failed:
                number = next(i for i, one in enumerate(state["Retry"]) if _meets(one["ErrorEquals"], failed.error))
                if used[number] >= state["Retry"][number]["MaxAttempts"]:
                    raise
                used[number] += 1
                tries += 1
                self.pauses.append(state["Retry"][number].get("IntervalSeconds", 1))

    def _attempt(
        self, thread: Thread, state: Mapping[str, Any], given: Any, variables: dict[str, Any], attempt: tuple[int, int]
    ) -> Generator[str | list[Thread], Answer, Any]:
        waits = state["Resource"].endswith(".waitForTaskToken")
        token = f"token-{thread.walk.name}-{attempt[0]}-{attempt[1]}"
        payload = {
            key: token
            if key == "token"
            else f"{variables['run']:06d}#{attempt[0]:06d}#{attempt[1]:02d}"
            if key == "attempt"
            else _value(value, given, {}, variables)
            for key, value in state["Arguments"]["Payload"].items()
        }
        if waits:
            thread.waits_for = token
        name = _kebab(state["Arguments"]["FunctionName"])
        try:
            answer = json.loads(json.dumps(self.call(name, payload)))
        except BaseException as error:  # noqa: BLE001 - a crash of the process is an answer of Lambda's as well
            thread.waits_for = None
            self._answers = deque(one for one in self._answers if one[1] != token)
            raise StateFailedError(type(error).__name__) from None
        if not waits:
            return {"Payload": answer}
        failure, outcome = yield token
        if failure:
            raise StateFailedError(failure)
        return {"outcome": outcome}


def _kebab(placeholder: str) -> str:
    words = re.findall(r"[A-Z][a-z]+", placeholder)
    return short_name("relais-" + "-".join(word.lower() for word in words))


def _true(rule: Mapping[str, Any], given: Any, variables: Mapping[str, Any]) -> bool:
    found = CONDITION.fullmatch(rule["Condition"])
    if found is None:
        raise DefinitionNotUnderstoodError(rule["Condition"])
    source = given if found[1] else variables
    return bool(source.get(found[2]) == found[3])


def _value(expression: Any, given: Any, result: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    found = VARIABLE.fullmatch(expression) if isinstance(expression, str) else None
    if found is None:
        if str(expression).startswith("{%"):
            raise DefinitionNotUnderstoodError(expression)
        return expression
    match found[1]:
        case None:
            return variables[found[2]]
        case "states.input.":
            return given[found[2]]
        case _:
            return result["Payload"][found[2]]


def _assigned(
    part: Mapping[str, Any], given: Any, result: Mapping[str, Any], variables: Mapping[str, Any]
) -> dict[str, Any]:
    outcome = "{% $states.result.outcome %}"
    return {
        name: result["outcome"] if value == outcome else _value(value, given, result, variables)
        for name, value in part.get("Assign", {}).items()
    }


def _meets(names: list[str], error: str) -> bool:
    return error in names or "States.ALL" in names


def _catcher(state: Mapping[str, Any], error: str) -> Mapping[str, Any] | None:
    return next((one for one in state.get("Catch", []) if _meets(one["ErrorEquals"], error)), None)


EVENTS_A_STATE = 5
"""Entered, scheduled, started, succeeded, exited."""

Breaker = Callable[[str, Mapping[str, Any]], None]
