"""How the function that shows previews answers: with a picture, whatever happens; a page holds it."""

from __future__ import annotations

import base64
import html
from typing import Any

from relais.adapters import http
from relais.adapters.pictures import PictureUnreadableError, reduced
from relais.errors import RelaisError
from relais.pages.words import say
from relais.steps.preview import Original, read_original
from relais.web import Request, Response
from relais.wiring import WiredPorts, invocation

SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
KEPT = "private, max-age=3600"
"""The picture of one version at one gate never changes."""


def serve_preview(event: dict[str, Any]) -> dict[str, Any]:
    """The reduced picture of a file, or a drawing that says that there is none."""
    request = http.request(event)
    with invocation(request.order) as ports:
        try:
            return _picture(ports, request, read_original(ports, request))
        except RelaisError:
            return http.response(Response(404, "", SAFE | {"cache-control": "no-store"}))
        except Exception as error:  # noqa: BLE001 - the page stands without its picture
            ports.trouble(error)
            return http.response(Response(503, "", SAFE | {"cache-control": "no-store"}))


def _picture(ports: WiredPorts, request: Request, original: Original) -> dict[str, Any]:
    file, lang = original
    try:
        body, kind = reduced(file), "image/jpeg"
    except PictureUnreadableError as unreadable:
        ports.note(unreadable)
        body, kind = _drawing(say(lang, "file.no_preview")).encode(), "image/svg+xml"
    headers = SAFE | {"content-type": kind, "cache-control": KEPT}
    told = "" if request.method == "HEAD" else base64.b64encode(body).decode()
    return http.response(Response(200, told, headers)) | {"isBase64Encoded": True}


def _drawing(words: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 120" width="600" height="120">'
        '<rect width="600" height="120" fill="#eeeeea"/><text x="300" y="66" font-family="sans-serif" font-size="18" '
        f'text-anchor="middle" fill="#444444">{html.escape(words)}</text></svg>'
    )
