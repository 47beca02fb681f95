"""Requests and responses as the HTTP API (payload format 2.0) carries them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from relais.web import Request, Response

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 500


def request(event: Mapping[str, Any]) -> Request:
    """Read an event. Text that is not valid UTF-8 is replaced, never refused.

    A form with absurdly many fields is empty.
    """
    http = event["requestContext"]["http"]
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode("utf-8", "surrogatepass")
    form: dict[str, tuple[str, ...]] = {}
    if headers.get("content-type", "").startswith(FORM):
        form = _form(body.decode("utf-8", "replace"))
    return Request(
        method=http["method"].upper(),
        path=unquote(event.get("rawPath") or "/"),
        query={name: value for name, value in (event.get("queryStringParameters") or {}).items() if value is not None},
        headers=headers,
        body=body,
        form=form,
    )


def _form(text: str) -> dict[str, tuple[str, ...]]:
    try:
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    return {name: tuple(_clean(value) for value in values) for name, values in fields.items()}


def _clean(value: str) -> str:
    """Line ends as they are kept, and nothing that no store takes."""
    return value.replace("\r\n", "\n").replace("\x00", "")


def response(answer: Response) -> dict[str, Any]:
    """Write a response."""
    return {
        "statusCode": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body,
        "isBase64Encoded": False,
    }
