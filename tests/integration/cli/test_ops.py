"""`relais ops`: calls that kept failing are listed without what they were given, and sent again once."""

import json
from typing import Any

import boto3
import pytest

from relais.cli import dead
from relais.cli.stack import CloudRefusedError, Stack

REGION = "eu-west-3"
ARN = "arn:aws:lambda:eu-west-3:123456789012:function:relais-dev-{name}:live"
SECRET = "link-secret-0123456789"


class Queue:
    """The queue of dead letters, and what was called again."""

    def __init__(self) -> None:
        self.client = boto3.client("sqs", region_name=REGION)
        self.url = self.client.create_queue(QueueName="relais-dev-dead-letters")["QueueUrl"]
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refuses: set[str] = set()

    def put(self, name: str, payload: dict[str, Any]) -> str:
        body = {
            "requestContext": {"functionArn": ARN.format(name=name), "approximateInvokeCount": 3},
            "requestPayload": payload,
            "responsePayload": {"errorType": "TableBusyError", "errorMessage": SECRET},
        }
        return self.raw(json.dumps(body))

    def raw(self, body: str) -> str:
        return str(self.client.send_message(QueueUrl=self.url, MessageBody=body)["MessageId"])

    def call(self, name: str, payload: dict[str, Any]) -> None:
        if name in self.refuses:
            raise CloudRefusedError("AWS refused Invoke (TooManyRequestsException)")
        self.calls.append((name, payload))


@pytest.fixture
def queue(world: Any, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """A stage with an empty queue."""
    made = Queue()
    monkeypatch.setattr(dead, "WAIT_SECONDS", 0)
    monkeypatch.setattr(Stack, "call_later", made.call)
    return made


FEE = {"order": "4f7k2m9q0abc", "owed": "fee", "note": SECRET}


def test_dead_letters_are_listed_without_what_they_were_given(queue: Queue, relais: Any) -> None:
    """Function, order, error, age: enough to see the cause, nothing that is anybody's."""
    first = queue.put("run-act", FEE)
    queue.put("tick-clock", {"shards": ["D#01"]})
    said = relais("ops", "dead", "--json")
    assert {(one["function"], one["order"]) for one in said.json} == {("run-act", "4f7k2m9q0abc"), ("tick-clock", None)}
    (fee,) = [one for one in said.json if one["id"] == first]
    assert (fee["error"], fee["attempts"], fee["replayable"]) == ("TableBusyError", 3, True)
    table = relais("ops", "dead")
    assert first in table.out
    assert SECRET not in said.out + said.err + table.out + table.err


def test_looking_takes_nothing_away(queue: Queue, relais: Any) -> None:
    """Whoever looks next sees them too, at once."""
    queue.put("run-act", FEE)
    assert len(relais("ops", "dead", "--json").json) == 1
    assert len(relais("ops", "dead", "--json").json) == 1
    assert relais("ops", "replay", "--all", "--dry-run", "--json").json["replayed"][0]["function"] == "run-act"
    assert len(relais("ops", "dead", "--json").json) == 1
    assert queue.calls == []


def test_more_than_one_answer_of_the_queue_is_read(queue: Queue, relais: Any) -> None:
    """SQS gives ten at a time."""
    for number in range(23):
        queue.put("run-act", {"order": f"{number:012d}", "owed": "acts"})
    assert len({one["order"] for one in relais("ops", "dead", "--json").json}) == 23
    assert len(relais("ops", "replay", "--all", "--yes", "--json").json["replayed"]) == 23
    assert relais("ops", "dead", "--json").json == []


def test_one_is_sent_again_with_what_it_was_given_and_then_gone(queue: Queue, relais: Any) -> None:
    """By how its id begins; the other stays."""
    first = queue.put("run-act", FEE)
    second = queue.put("tick-clock", {"shards": ["D#01"]})
    said = relais("ops", "replay", first[:13], "--yes")
    assert said.code == 0
    assert queue.calls == [("run-act", FEE)]
    assert [one["id"] for one in relais("ops", "dead", "--json").json] == [second]
    assert SECRET not in said.out + said.err


def test_it_asks_first_and_a_no_leaves_everything(queue: Queue, relais: Any) -> None:
    """A slip of the finger sends nothing."""
    queue.put("run-act", FEE)
    assert relais("ops", "replay", "--all", given="n\n").code == 1
    assert queue.calls == []
    assert len(relais("ops", "dead", "--json").json) == 1
    assert relais("ops", "replay", "--all", given="y\n").code == 0
    assert len(queue.calls) == 1


def test_one_that_is_not_accepted_stays_and_keeps_none_of_the_others(queue: Queue, relais: Any) -> None:
    """A letter is deleted after its call was accepted, never before."""
    queue.put("run-act", FEE)
    queue.put("tick-clock", {})
    queue.refuses = {"run-act"}
    said = relais("ops", "replay", "--all", "--yes", "--json")
    assert said.code == 1
    assert [one["function"] for one in said.json["replayed"]] == ["tick-clock"]
    assert [(one["function"], "TooManyRequests" in one["why"]) for one in said.json["failed"]] == [("run-act", True)]
    assert [one["function"] for one in relais("ops", "dead", "--json").json] == ["run-act"]


def test_one_that_tells_nothing_stays_and_is_told(queue: Queue, relais: Any) -> None:
    """Nobody knows what to call: it is shown, and kept."""
    strange = queue.raw("not ours")
    (listed,) = relais("ops", "dead", "--json").json
    assert (listed["id"], listed["function"], listed["replayable"]) == (strange, None, False)
    said = relais("ops", "replay", "--all", "--yes")
    assert (said.code, strange in said.out) == (1, True)
    assert len(relais("ops", "dead", "--json").json) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "or give --all"),
        (("5c1f", "--all"), 2, "or give --all"),
        (("--all", "--json"), 2, "add --yes"),
        (("ffff-none", "--yes"), 1, "no dead letter has"),
        (("", "--yes"), 1, "2 dead letters have"),
    ],
)
def test_what_is_not_meant_clearly_is_not_done(
    queue: Queue, relais: Any, arguments: tuple[str, ...], code: int, told: str
) -> None:
    """Two that begin alike, none at all, both ways of choosing."""
    queue.put("run-act", FEE)
    queue.put("run-act", FEE)
    said = relais("ops", "replay", *arguments)
    assert (said.code, told in said.err) == (code, True)
    assert queue.calls == []
    assert len(relais("ops", "dead", "--json").json) == 2


def test_a_stage_without_its_queue_says_so(world: Any, relais: Any) -> None:
    """A stack that was half removed is a sentence, not a traceback."""
    said = relais("ops", "dead")
    assert said.code == 2
    assert "GetQueueUrl" in said.err
