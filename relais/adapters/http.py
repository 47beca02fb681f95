"""Requests and responses as the HTTP API (payload format 2.0) carries them."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from relais.web import Request, Response

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 500
_WINDOWS = "relais.windows"


def request(event: Mapping[str, Any]) -> Request:
    """Read an event; the API has decoded the path. Bytes that are not UTF-8 are read as an old Windows wrote them.

    A form with absurdly many fields is empty.
    """
    http = event["requestContext"]["http"]
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode("utf-8", "surrogatepass")
    form: dict[str, tuple[str, ...]] = {}
    if headers.get("content-type", "").startswith(FORM):
        form = _form(body.decode("utf-8", _WINDOWS))
    return Request(
        method=http["method"].upper(),
        path=event.get("rawPath") or "/",
        query={name: value for name, value in (event.get("queryStringParameters") or {}).items() if value is not None},
        headers=headers,
        body=body,
        form=form,
    )


def _form(text: str) -> dict[str, tuple[str, ...]]:
    try:
        fields = parse_qs(text, keep_blank_values=True, errors=_WINDOWS, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    return {name: tuple(_clean(value) for value in values) for name, values in fields.items()}


def _clean(value: str) -> str:
    """Line ends as they are kept, and nothing that no store takes."""
    return value.replace("\r\n", "\n").replace("\x00", "")


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that broke off UTF-8 letter by letter, so that an accent typed on an old machine is kept."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_WINDOWS, _as_windows)


def response(answer: Response) -> dict[str, Any]:
    """Write a response."""
    return {
        "statusCode": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body,
        "isBase64Encoded": False,
    }
