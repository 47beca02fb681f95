"""Dead letters: calls that kept failing, put away with what they were given, to be looked at and sent again.

Three senders share one queue, each with a shape of its own: Lambda (an asynchronous call; a record around the payload),
the scheduler and the event rule (the payload itself, attributes around it). What a call was given is sent again as it
stands and never shown; every function that is called this way is idempotent by its design, so twice is harmless.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from relais.cli.stack import FUNCTIONS, Stack

HOLD_SECONDS = 120
"""How long what was read is kept from other readers: it is put back at once, or deleted after it was sent again."""
WAIT_SECONDS = 1
"""With a wait SQS asks all of its servers; without one it may overlook messages."""
MOST = 1_000
_BATCH = 10
_ARN_NAME = 6
"""Where a function's name stands in its ARN, counted between colons."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One call that kept failing. `function` is None where it cannot be told, or is none of this stage's."""

    id: str
    function: str | None
    order: str | None
    error: str
    attempts: int | None
    at: datetime
    payload: dict[str, Any] | None = field(repr=False)
    receipt: str = field(repr=False)

    @property
    def replayable(self) -> bool:
        """Whether it is known what was called, with what."""
        return self.function is not None and self.payload is not None


class DeadLetters:
    """The queue of a stage."""

    def __init__(self, stack: Stack) -> None:
        """Find it. Raises the SDK's errors."""
        self._stack = stack
        self._client = stack.cloud.client("sqs")
        self._url = self._client.get_queue_url(QueueName=f"relais-{stack.stage}-dead-letters")["QueueUrl"]

    def count(self) -> int:
        """How many there are, about: seen and unseen ones."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    def take(self) -> list[DeadLetter]:
        """All of them, oldest first, kept from others for two minutes: `put_back` what was not sent again."""
        found: dict[str, DeadLetter] = {}
        while len(found) < MOST:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_BATCH,
                VisibilityTimeout=HOLD_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
                AttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            fresh = [read(message, self._stack.stage.value) for message in answer.get("Messages", [])]
            if not fresh:
                break
            found |= {letter.id: letter for letter in fresh}
        return sorted(found.values(), key=lambda letter: (letter.at, letter.id))

    def put_back(self, letters: Sequence[DeadLetter]) -> None:
        """Let others see them again."""
        for batch in _batches(letters):
            self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                    for number, letter in enumerate(batch)
                ],
            )

    def send_again(self, letter: DeadLetter) -> None:
        """Have the function called anew; once that is accepted the letter is deleted.

        A crash between the two leaves it, and it may be sent again: the functions do nothing twice.
        """
        if letter.function is None or letter.payload is None:
            return
        self._stack.call_later(letter.function, letter.payload)
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)


def _batches(letters: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
    return (letters[start : start + _BATCH] for start in range(0, len(letters), _BATCH))


def read(message: dict[str, Any], stage: str) -> DeadLetter:
    """A message of the queue as what it tells; one of an unknown shape is kept and shown as such."""
    attributes = {name: one.get("StringValue", "") for name, one in message.get("MessageAttributes", {}).items()}
    body = _json(message.get("Body", ""))
    if "TARGET_ARN" in attributes:
        arn, payload = attributes["TARGET_ARN"], body
        error = attributes.get("ERROR_CODE", "")
        attempts = _number(attributes.get("RETRY_ATTEMPTS"))
    else:
        context = _dict(body.get("requestContext")) if body else {}
        arn, payload = str(context.get("functionArn", "")), _dict_or_none(body, "requestPayload")
        error = str(_dict((body or {}).get("responsePayload")).get("errorType") or context.get("condition") or "")
        attempts = _number(context.get("approximateInvokeCount"))
    return DeadLetter(
        id=message["MessageId"],
        function=_function(arn, stage),
        order=_order(payload or {}),
        error=error or "unknown",
        attempts=attempts,
        at=datetime.fromtimestamp(int(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000, UTC),
        payload=payload,
        receipt=message["ReceiptHandle"],
    )


def _function(arn: str, stage: str) -> str | None:
    """The short name of one of this stage's functions; nobody else's is ever called."""
    parts = arn.split(":")
    name = parts[_ARN_NAME] if len(parts) > _ARN_NAME else ""
    short = name.removeprefix(f"relais-{stage}-")
    return short if short in FUNCTIONS and short != name else None


def _order(payload: dict[str, Any]) -> str | None:
    """The order that a call was about: named by it, or in the name of the execution that died."""
    if "order" in payload:
        return str(payload["order"])
    name = str(_dict(payload.get("detail")).get("name", ""))
    return name.rpartition("-")[0] or None


def _json(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dict_or_none(body: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    found = (body or {}).get(name)
    return found if isinstance(found, dict) else None


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() else None


def matching(letters: Iterable[DeadLetter], start: str) -> list[DeadLetter]:
    """The letters whose id begins so."""
    return [letter for letter in letters if letter.id.startswith(start)]
