"""The line between the official Stripe library and the sandbox, without a socket: every call is seen and may be cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe

from devstack.stripe_sandbox.sandbox import Sandbox
from devstack.stripe_sandbox.wire import Lost, Request


class Line(stripe.HTTPClient):
    """An HTTP client of the library that asks the sandbox directly."""

    name = "in-process"

    def __init__(self, sandbox: Sandbox, seen: Callable[[str, str], None], **_: Any) -> None:
        """`seen` is told method and path before a call is made; what it raises cuts the call off."""
        super().__init__()
        self._sandbox = sandbox
        self._seen = seen

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Make one call."""
        parts = urlsplit(url)
        self._seen(method.upper(), parts.path)
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        asked = {name.lower(): value for name, value in (headers or {}).items()}
        answer = self._sandbox.respond(Request(method.upper(), parts.path, parts.query, asked, body))
        if isinstance(answer, Lost):
            raise stripe.APIConnectionError("the line was cut", should_retry=False)  # type: ignore[no-untyped-call]
        return answer.body.decode(), answer.status, {name.lower(): value for name, value in answer.headers.items()}

    def close(self) -> None:
        """Nothing to close."""
