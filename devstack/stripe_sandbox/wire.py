"""A request and its answer, free of sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived: header names are in lower case, the path has no query."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing goes back: the line is cut."""


def as_json(status: int, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON answer, indented as Stripe's are."""
    text = json.dumps(body, indent=2, ensure_ascii=False).encode()
    return Answer(status, text, {"Content-Type": "application/json", **(headers or {})})


def as_html(status: int, text: str) -> Answer:
    """A page; never cached, and it tells nobody where it was."""
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Answer(status, text.encode(), headers)
