"""Step Functions and Lambda in this process: moto runs the shipped definition, our handlers answer it.

moto's shortcomings are mended where they would hide what AWS does: a retried token task gets a fresh token, a token is
good for one answer, a stopped execution ends at once, an iteration of a map that fails ends the others, an error is
told by its class. Pauses before a retry are noted,
never waited for. `settle` tells when every execution waits in a gate or has ended, so no test ever sleeps.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import jsonata
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.responses import ActionResult
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import Job, JobPool
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackConsumerTimeout,
    CallbackEndpoint,
    CallbackNotifyConsumerError,
    CallbackOutcome,
    CallbackPoolManager,
)
from moto.stepfunctions.parser.asl.jsonata import jsonata as evaluator
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from devstack.simulation.calls import ENDED_BADLY, Calls, short_name

PATIENCE = 30.0
"""Seconds after which an engine that never comes to rest is reported: a bug, never a wait."""


class RestlessEngineError(AssertionError):
    """An execution neither waits nor ends."""


class Engine(Calls):
    """One world's executions on moto."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self.executions: list[Execution] = []
        self._changed = threading.Condition()
        self._live = 0
        self._waiting: dict[str, CallbackEndpoint] = {}
        self._spent: set[str] = set()
        self._stopped: set[str] = set()
        self._mapping = threading.local()

    def invoke(self, function: str, _qualifier: str | None, body: Any, headers: Any, answer: dict[str, str]) -> bytes:
        """Lambda's Invoke: errors are told as Lambda tells them; an asynchronous call waits for `settle`."""
        name, event = short_name(function), json.loads(body)
        if headers.get("X-Amz-Invocation-Type") == "Event":
            self.queue(name, event)
            return b""
        try:
            return json.dumps(self.call(name, event)).encode()
        except BaseException as error:  # noqa: BLE001 - a crash of the process is an answer of Lambda's as well
            answer["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()

    def finish(self) -> None:
        """Let no execution outlive its world."""
        for execution in self.executions:
            if execution.exec_status == "RUNNING":
                execution.stop(stop_date=datetime.now(UTC), error=None, cause=None)
        self.rest()

    # Coming to rest -------------------------------------------------------------------------------------------------

    def rest(self) -> None:
        """Return when every execution, in each iteration of its map, waits for an answer or has ended."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._live == len(self._waiting), PATIENCE):
                raise RestlessEngineError(
                    f"{self._live} lines of states live, {len(self._waiting)} wait; last {self.calls[-5:]}"
                )

    def time_out(self, token: str) -> None:
        """Let a token's thirty days be over."""
        with self._changed:
            endpoint = self._waiting.pop(token)
            self._spent.add(token)
            endpoint.interrupt_all()

    @property
    def tokens(self) -> list[str]:
        """The tokens that wait for an answer, oldest first."""
        return list(self._waiting)

    def events(self) -> Iterator[tuple[Execution, list[dict[str, Any]]]]:
        """Every execution with its history."""
        for execution in self.executions:
            env = execution.exec_worker and execution.exec_worker.env
            if env is not None:
                yield execution, env.event_manager.get_event_history()

    def entered(self, name: str | None = None) -> list[str]:
        """The states entered, in order, of one execution (`<order>-<run>`) or of all."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for execution, history in self.events()
            if name in {None, execution.name}
            for event in history
            if event["type"].endswith("StateEntered")
        ]

    def status_of(self, name: str) -> str:
        """The status of an execution by its name."""
        return next(str(one.status) for one in self.executions if one.name == name)

    # moto, mended ---------------------------------------------------------------------------------------------------

    def _notify(self, pool: CallbackPoolManager, callback_id: str, outcome: CallbackOutcome) -> bool:
        endpoint = pool.get(callback_id)
        if endpoint is None:
            return False
        with self._changed:
            if callback_id in self._spent:
                raise CallbackNotifyConsumerError(CallbackConsumerTimeout())
            self._spent.add(callback_id)
            self._waiting.pop(callback_id, None)
            endpoint.notify(outcome)
        return True

    def _wait(self, timeout_seconds: int, callback_endpoint: CallbackEndpoint) -> CallbackOutcome | None:
        with self._changed:
            if callback_endpoint.callback_id not in self._spent:
                self._waiting[callback_endpoint.callback_id] = callback_endpoint
                self._changed.notify_all()
        return callback_endpoint.wait(timeout_seconds)

    def _start(self, execution: Execution, start: Callable[[Execution], None]) -> None:
        with self._changed:
            self._live += 1
        self.executions.append(execution)
        start(execution)

    def _stop(self, execution: Execution, stop: Callable[..., None], **given: Any) -> None:
        with self._changed:
            self._stopped.add(execution.name)
            stop(execution, **given)
            pool = execution.exec_worker.env.callback_pool_manager if execution.exec_worker else None
            for token in [token for token in self._waiting if pool is not None and pool.get(token) is not None]:
                self._spent.add(token)
                self._waiting.pop(token).interrupt_all()

    def _map(self, component: InlineIterationComponent, env: Any, evaluate: Callable[..., None]) -> None:
        self._mapping.env = env
        evaluate(component, env)

    def _side_by_side(self, pool: JobPool, count: int) -> None:
        """A map begins: its iterations live, the line that waits for them does not."""
        pool.tokens = self._mapping.env.callback_pool_manager  # type: ignore[attr-defined]
        with self._changed:
            self._live += count - 1

    def _iteration_over(self, pool: JobPool, job: Job, close: Callable[..., None]) -> None:
        """An iteration ends; one that fails ends its map, and no answer reaches the others any more."""
        with self._changed:
            if not pool._is_terminated():
                others = pool._jobs_number - len(pool._closed_jobs) - 1
                if isinstance(job.job_output, Exception):
                    self._live -= others
                    for token in [one for one in self._waiting if pool.tokens.get(one) is not None]:  # type: ignore[attr-defined]
                        self._spent.add(token)
                        self._waiting.pop(token)
                elif others:
                    self._live -= 1
                self._changed.notify_all()
        close(pool, job)

    def _terminated(self, execution: Execution) -> None:
        if execution.name in self._stopped:
            execution.exec_status = ExecutionStatus.ABORTED
        if execution.exec_status in ENDED_BADLY:
            detail = {"name": execution.name, "status": execution.status}
            self.queue("record-execution", {"detail": detail})
        with self._changed:
            self._live -= 1
            self._changed.notify_all()


DECLARED = re.compile("\x1e\\$(\\w+):=(.*?)\x1f")


def _declare(bindings: Mapping[str, Any]) -> str:
    return "".join(f"\x1e{name}:={json.dumps(value, default=str)}\x1f" for name, value in bindings.items())


def _evaluate(expression: str) -> Any:
    """The engine writes the values of the variables into the text; bound instead, each text is parsed once."""
    variables = {name: json.loads(value) for name, value in DECLARED.findall(expression)}
    return json.loads(json.dumps(_expression(DECLARED.sub("", expression)).evaluate(None, variables)))


@cache
def _expression(text: str) -> jsonata.Jsonata:
    return jsonata.Jsonata(text)


@contextmanager
def mended_moto(engine: Engine) -> Iterator[None]:
    """How AWS behaves where it matters here, with its answers from our handlers."""
    start, stop = Execution.start, Execution.stop
    reflect = BaseExecutionWorkerCommunication.terminated
    attempt = StateTaskServiceCallback._evaluate_with_timeout
    running = StepFunctionsParserBackend._get_executions
    begin, close, evaluate = JobPool.__init__, JobPool.close_job, InlineIterationComponent._eval_body

    def side_by_side(pool: Any, job_program: Any, job_inputs: list[Any]) -> None:
        begin(pool, job_program, job_inputs)
        engine._side_by_side(pool, len(job_inputs))

    def terminated(communication: Any) -> None:
        reflect(communication)
        engine._terminated(communication.execution)

    def fresh_token(task: Any, env: Any) -> None:
        data = env.states.context_object.context_object_data
        if "Task" in data and data["State"]["RetryCount"]:
            env.callback_pool_manager.add(env.states.context_object.update_task_token())
        attempt(task, env)

    def ready(backend: Any, status: Any = None) -> list[Any]:
        found = running(backend, status)
        return [one for one in found if one.exec_worker is not None and one.exec_worker.env is not None]

    with ExitStack() as stack:
        for target, name, value in (
            (evaluator, "_eval_jsonata", _evaluate),
            (states, "encode_jsonata_variable_declarations", _declare),
            (variable_store, "encode_jsonata_variable_declarations", _declare),
            (retrier_decl, "time", SimpleNamespace(sleep=engine.pauses.append)),
            (lambda_eval_utils, "boto_client_for", _client),
            (AmazonStateLanguageParser, "parse", staticmethod(_parse)),
            (BaseJSONSerializer, "_serialize_type_structure", _serialize_structure),
            (LambdaSimpleBackend, "invoke", engine.invoke),
            (StepFunctionResponse, "get_execution_history", _history),
            (
                CallbackPoolManager,
                "notify",
                lambda pool, callback_id, outcome: engine._notify(pool, callback_id, outcome),  # noqa: PLW0108 - binds the pool
            ),
            (StateTaskServiceCallback, "_wait_for_task_token_timeout", engine._wait),
            (StateTaskServiceCallback, "_evaluate_with_timeout", fresh_token),
            (StepFunctionsParserBackend, "_get_executions", ready),
            *((models, name, _worded(name)) for name in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")),
            (Execution, "start", lambda execution: engine._start(execution, start)),
            (Execution, "stop", lambda execution, **given: engine._stop(execution, stop, **given)),
            (BaseExecutionWorkerCommunication, "terminated", terminated),
            (InlineIterationComponent, "_eval_body", lambda one, env: engine._map(one, env, evaluate)),
            (JobPool, "__init__", side_by_side),
            (JobPool, "close_job", lambda pool, job: engine._iteration_over(pool, job, close)),
        ):
            stack.enter_context(patch.object(target, name, value))
        yield


def _worded(name: str) -> Callable[[], Exception]:
    """These are raised without the message that they need."""
    error: Callable[..., Exception] = getattr(models, name)
    return lambda: error(message=name)


_PARSE = AmazonStateLanguageParser.parse


@cache
def _parse(definition: str) -> Any:
    """A parsed definition holds nothing of an execution: it is parsed once per process."""
    return _PARSE(definition)


def _client(region: str, service: str, state_credentials: object = None) -> Any:
    """Each call makes a client for every call; one is enough."""
    return _client_of(region, service)


@cache
def _client_of(region: str, service: str) -> Any:
    return boto3.client(service, region_name=region)  # type: ignore[call-overload]


_HISTORY = StepFunctionResponse.get_execution_history


def _history(response: StepFunctionResponse) -> ActionResult:
    """Moto answers with the whole history, whatever was asked for; a page of it in the order that was asked for."""
    answer = _HISTORY(response)
    events = answer.result["events"]
    if response._get_param("reverseOrder"):
        events = events[::-1]
    return ActionResult({"events": events[: response._get_param("maxResults")]})


_SERIALIZE = BaseJSONSerializer._serialize_type_structure


def _serialize_structure(serializer: Any, serialized: dict[str, Any], value: Any, shape: Any, key: str) -> None:
    """An attribute value is on the wire what it is in moto's tables; shape by shape takes twenty times as long."""
    if shape.name == "AttributeValue" and key:
        serialized[key] = on_the_wire(value)
        return
    _SERIALIZE(serializer, serialized, value, shape, key)


def on_the_wire(value: Any) -> Any:
    """An attribute of moto's tables as DynamoDB sends it."""
    match value:
        case DynamoType():
            return {value.type: on_the_wire(value.value)}
        case dict():
            return {name: on_the_wire(one) for name, one in value.items()}
        case list():
            return [on_the_wire(one) for one in value]
        case _:
            return value
