"""Step Functions: starting, resuming and stopping executions. Tokens pass through here and are never logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

NO_LONGER_WAITING = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
"""A token that was answered, timed out or belongs to an ended execution: the next gate decides, not this call."""
CAUSE_LIMIT = 1_000


class StepFunctionsMachine:
    """The machine of this stage, by its ARN."""

    def __init__(self, client: SFNClient, machine: str) -> None:
        """Talk to one machine."""
        self._client = client
        self._machine = machine

    def start(self, order: str, run: int) -> None:
        """Start `<order>-<run>` with its frozen input; one that exists already is success."""
        try:
            self._client.start_execution(
                stateMachineArn=self._machine,
                name=f"{order}-{run}",
                input=json.dumps({"order": order, "run": run}),
            )
        except ClientError as error:
            if _code(error) != "ExecutionAlreadyExists":
                raise

    def succeed(self, token: str, outcome: str) -> None:
        """Resume a waiting state with an outcome."""
        try:
            self._client.send_task_success(taskToken=token, output=json.dumps({"outcome": outcome}))
        except ClientError as error:
            if _code(error) not in NO_LONGER_WAITING:
                raise

    def fail(self, token: str, error: str, cause: str) -> None:
        """Resume a waiting state with an error."""
        try:
            self._client.send_task_failure(taskToken=token, error=error, cause=cause[:CAUSE_LIMIT])
        except ClientError as failed:
            if _code(failed) not in NO_LONGER_WAITING:
                raise

    def status(self, order: str, run: int) -> str:
        """The status of an execution, or `ABSENT`."""
        try:
            return self._client.describe_execution(executionArn=self._execution(order, run))["status"]
        except ClientError as error:
            if _code(error) == "ExecutionDoesNotExist":
                return "ABSENT"
            raise

    def events(self, order: str, run: int) -> int:
        """How many events its history has: they are numbered from 1 (docs.aws.amazon.com, GetExecutionHistory)."""
        try:
            answer = self._client.get_execution_history(
                executionArn=self._execution(order, run), reverseOrder=True, maxResults=1, includeExecutionData=False
            )
        except ClientError as error:
            if _code(error) == "ExecutionDoesNotExist":
                return 0
            raise
        return max((event["id"] for event in answer["events"]), default=0)

    def stop(self, order: str, run: int, cause: str) -> None:
        """Stop an execution if it still runs."""
        try:
            self._client.stop_execution(
                executionArn=self._execution(order, run), error="SupersededError", cause=cause[:CAUSE_LIMIT]
            )
        except ClientError as error:
            if _code(error) != "ExecutionDoesNotExist":
                raise

    def _execution(self, order: str, run: int) -> str:
        return f"{self._machine.replace(':stateMachine:', ':execution:')}:{order}-{run}"


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
