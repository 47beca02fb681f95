"""A request and a response, free of who carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relais.order import is_order_id


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What a browser or Stripe asks. Header names are lower case; a form field may stand several times."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    form: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def order(self) -> str | None:
        """The order that the path names, for the log; whatever else stands there is nobody's to read."""
        named = self.parts[1] if len(self.parts) > 1 and self.parts[0] in {"o", "g"} else ""
        return named if is_order_id(named) else None

    @property
    def parts(self) -> tuple[str, ...]:
        """The segments of the path."""
        return tuple(part for part in self.path.split("/") if part)

    def first(self, name: str) -> str:
        """The first value of a form field, stripped; empty where it is missing."""
        return self.form.get(name, ("",))[0].strip()

    def typed(self) -> dict[str, str]:
        """What was typed, to be shown again: the first value of each field, but for the nonce."""
        return {name: values[0] for name, values in self.form.items() if values and name != "nonce"}


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """What goes back. Pages and texts; no binary ever."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def redirect(location: str) -> Response:
    """See another page with GET."""
    return Response(303, "", {"location": location, "cache-control": "no-store", "referrer-policy": "no-referrer"})


def language(request: Request, otherwise: str = "fr") -> str:
    """The reader's language: asked for in the address, else the browser's, else the shop's."""
    asked = request.query.get("lang") or request.first("lang")
    if asked in {"fr", "en"}:
        return asked
    for part in request.headers.get("accept-language", "").lower().split(","):
        tag = part.split(";")[0].strip()[:2]
        if tag in {"fr", "en"}:
            return tag
    return otherwise
