"""Dead letters as their senders write them: what was called is told, what it was given is kept and never shown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.cli.dead import matching, read

ARN = "arn:aws:lambda:eu-west-3:123456789012:function:relais-dev-{name}:live"
SECRET = "link-secret-0123456789"


def message(body: object, attributes: dict[str, str] | None = None, **more: str) -> dict[str, Any]:
    return {
        "MessageId": more.get("id", "5c1f0f3a-0000-4000-8000-000000000000"),
        "ReceiptHandle": "receipt-0123456789",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": "1795942800000"},
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()
        },
    }


def of_lambda(name: str, payload: object) -> dict[str, Any]:
    """What an asynchronous call leaves that kept failing (Lambda guide, "Retaining records")."""
    return message(
        {
            "version": "1.0",
            "requestContext": {
                "functionArn": ARN.format(name=name),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": payload,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorType": "TableBusyError", "errorMessage": f"text with {SECRET}"},
        }
    )


def test_a_call_that_kept_failing_tells_function_order_and_error() -> None:
    """By the type of the error alone: its message may quote anything."""
    letter = read(of_lambda("run-act", {"order": "4f7k2m9q0abc", "owed": "fee"}), "dev")
    assert (letter.function, letter.order, letter.error, letter.attempts) == (
        "run-act",
        "4f7k2m9q0abc",
        "TableBusyError",
        3,
    )
    assert letter.payload == {"order": "4f7k2m9q0abc", "owed": "fee"}
    assert letter.replayable
    assert SECRET not in repr(letter)
    assert "owed" not in repr(letter)


def test_a_tick_that_the_scheduler_could_not_deliver_is_one() -> None:
    """Its input is the body, its error stands in attributes."""
    attributes = {"TARGET_ARN": ARN.format(name="tick-clock"), "ERROR_CODE": "429", "RETRY_ATTEMPTS": "1"}
    letter = read(message("{}", attributes), "dev")
    assert (letter.function, letter.order, letter.error, letter.attempts) == ("tick-clock", None, "429", 1)
    assert letter.payload == {}
    assert letter.replayable


def test_an_event_that_the_rule_could_not_deliver_names_its_order() -> None:
    """By the execution that died."""
    event = {"detail": {"name": "4f7k2m9q0abc-2", "status": "FAILED"}}
    attributes = {"TARGET_ARN": ARN.format(name="record-execution"), "ERROR_CODE": "NO_PERMISSIONS"}
    letter = read(message(event, attributes), "dev")
    assert (letter.function, letter.order, letter.payload) == ("record-execution", "4f7k2m9q0abc", event)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:eu-west-3:123456789012:function:relais-prod-run-act:live",
        "arn:aws:lambda:eu-west-3:123456789012:function:relais-dev-delete-everything:live",
        "arn:aws:lambda:eu-west-3:123456789012:function:run-act:live",
        "run-act",
        "",
    ],
)
def test_only_functions_of_this_stage_are_ever_called_again(arn: str) -> None:
    """Whoever may write to the queue must not choose what is called."""
    letter = read(message({"order": "4f7k2m9q0abc"}, {"TARGET_ARN": arn}), "dev")
    assert letter.function is None
    assert not letter.replayable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["requestContext", "requestPayload", "responsePayload", "order", "detail", "functionArn"])


@given(st.text() | JSON.map(json.dumps) | st.dictionaries(NAMES, JSON, max_size=4).map(json.dumps))
def test_whatever_stands_in_the_queue_it_is_listed(body: str) -> None:
    """One strange message must not hide the others."""
    letter = read(message(body), "dev")
    assert letter.id
    assert letter.function is None


def test_an_id_is_found_by_how_it_begins() -> None:
    """Nobody types thirty-six characters at night."""
    letters = [read(message("{}", id=name), "dev") for name in ("5c1f", "5c20", "77aa")]
    assert [letter.id for letter in matching(letters, "5c")] == ["5c1f", "5c20"]
    assert [letter.id for letter in matching(letters, "77")] == ["77aa"]
