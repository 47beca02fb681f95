"""What every command shares: exit codes, errors as sentences, times with their offset, months of the book."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from botocore import exceptions as sdk
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from relais.cli.output import AsJson, Times, sentences
from relais.cli.reading import months_back
from relais.cli.stack import CloudRefusedError, UnreachableError, in_sentences, is_local
from relais.errors import RelaisError


def failing(error: Exception) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @sentences
    def command(*, as_json: AsJson = False) -> None:
        raise error

    return app


def client_error(code: str) -> sdk.ClientError:
    return sdk.ClientError({"Error": {"Code": code, "Message": "no"}}, "GetItem")


@pytest.mark.parametrize(("error", "code"), [(RelaisError("wrong"), 1), (UnreachableError("cannot"), 2)])
def test_what_is_wrong_exits_1_and_what_cannot_be_done_exits_2(error: Exception, code: int) -> None:
    """A script tells a finding from a missing login."""
    plain = CliRunner().invoke(failing(error), [])
    assert (plain.exit_code, plain.stdout, plain.stderr) == (code, "", f"relais: {error}\n")
    as_json = CliRunner().invoke(failing(error), ["--json"])
    assert json.loads(as_json.stdout) == {"error": {"name": type(error).__name__, "message": str(error)}}


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (sdk.NoCredentialsError(), "log in"),
        (sdk.PartialCredentialsError(provider="env", cred_var="x"), "log in"),
        (sdk.ProfileNotFound(profile="shop"), "AWS_PROFILE"),
        (sdk.TokenRetrievalError(provider="sso", error_msg="x"), "aws sso login"),
        (sdk.SSOTokenLoadError(error_msg="x"), "aws sso login"),
        (sdk.EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"), "make demo PLAY=none"),
        (sdk.EndpointConnectionError(endpoint_url="https://dynamodb.eu-west-3.amazonaws.com"), "AWS_REGION"),
        (sdk.ConnectTimeoutError(endpoint_url="http://localhost:4566"), "make demo PLAY=none"),
        (sdk.InvalidRegionError(region_name="paris"), "AWS_REGION"),
        (client_error("ExpiredToken"), "log in"),
        (client_error("UnrecognizedClientException"), "log in"),
        (client_error("AccessDeniedException"), "may not do GetItem"),
        (client_error("ResourceNotFoundException"), "deploy the stack again"),
        (client_error("Throttling"), "Throttling"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_whatever_the_sdk_raises_is_a_sentence_that_says_what_to_do(error: Any, advice: str) -> None:
    """No traceback for a login that has expired."""
    with pytest.raises(CloudRefusedError) as told, in_sentences():
        raise error
    assert advice in str(told.value)


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost:4566", True),
        ("http://[::1]:4566", True),
        ("http://api.execute-api.localhost:4566", True),
        ("https://dynamodb.eu-west-3.amazonaws.com", False),
        ("https://localhost.example.com", False),
    ],
)
def test_only_this_machine_is_local(endpoint: str, *, local: bool) -> None:
    """Credentials are made up for a local stack alone."""
    assert is_local(endpoint) is local


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_survives_being_printed_as_json(at: datetime) -> None:
    """The offset is printed, so nothing is lost but what is below a second, twice a year too."""
    printed = Times("Europe/Paris").iso(at)
    assert printed is not None
    assert datetime.fromisoformat(printed) == at.replace(microsecond=0)


def test_a_date_without_an_offset_is_meant_in_the_shops_zone() -> None:
    """Nobody types UTC."""
    times = Times("Europe/Paris")
    assert times.read("2026-12-04") == datetime(2026, 12, 3, 23, 0, tzinfo=UTC)
    assert times.read("2026-07-04T18:00") == datetime(2026, 7, 4, 16, 0, tzinfo=UTC)
    assert times.read("2026-12-04T18:00+00:00") == datetime(2026, 12, 4, 18, 0, tzinfo=UTC)


def test_months_go_back_over_the_turn_of_the_year() -> None:
    """The book's partitions are months."""
    assert months_back(datetime(2027, 2, 28, tzinfo=UTC), 4) == ("2027-02", "2027-01", "2026-12", "2026-11")
