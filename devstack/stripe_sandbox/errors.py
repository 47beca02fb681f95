"""Refusals in the shape Stripe gives them, so that the official library raises the class it would raise."""

from collections.abc import Mapping
from typing import Any

from relais.errors import RelaisError

DOCS = "https://docs.stripe.com/error-codes/"


class RefusedError(RelaisError):
    """The sandbox answers with an error of Stripe's shape (source: docs.stripe.com/api/errors).

    `status` is the HTTP status; `code`, `param` and `more` are what a client may branch on.
    `saved` tells whether the answer belongs under the idempotency key: yes once execution began (design: money A 6).
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        saved: bool = True,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.saved = saved
        self.more = dict(more or {})

    def body(self, request_id: str, account: str) -> dict[str, Any]:
        """The JSON body; fields that are absent at Stripe are absent here."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error |= {"code": self.code, "doc_url": DOCS + self.code.replace("_", "-")}
        if self.param is not None:
            error["param"] = self.param
        log = f"https://dashboard.stripe.com/{account}/test/workbench/logs?object={request_id}"
        return {"error": {**error, "request_log_url": log, **self.more}}


class UnsupportedError(RefusedError):
    """Stripe knows it, the sandbox not yet: 501, naming the route or the parameter. Never saved under a key."""

    def __init__(self, what: str, param: str | None = None) -> None:
        super().__init__(
            501,
            f"The Stripe sandbox does not implement {what} yet. Add it to devstack/stripe_sandbox or do without it.",
            kind="api_error",
            code="sandbox_not_implemented",
            param=param,
            saved=False,
        )


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> RefusedError:
    """A parameter that failed validation: 400, and nothing is saved under the idempotency key."""
    return RefusedError(400, message, code=code, param=param, saved=False)


def missing(noun: str, identifier: str, *, param: str = "id", status: int = 404) -> RefusedError:
    """The 'No such …' of Stripe: 404 for the object of the route, 400 for one that a parameter names."""
    return RefusedError(status, f"No such {noun}: '{identifier}'", code="resource_missing", param=param)
