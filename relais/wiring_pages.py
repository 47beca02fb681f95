"""How functions that show pages answer.

Rendered, with headers that keep the page safe, and a friendly page even when all else fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from relais.adapters import http
from relais.pages.render import page, security_headers
from relais.pages.words import say
from relais.steps.show import Shown, language, notice
from relais.web import Request, Response
from relais.wiring import WiredPorts, invocation

STRIPE_CHECKOUT = "https://checkout.stripe.com"


def serve(event: dict[str, Any], step: Callable[[WiredPorts, Request], Shown | Response]) -> dict[str, Any]:
    """Run a step for a request.

    What nobody foresaw is logged, counted and answered with a page that says what to do.
    """
    request = http.request(event)
    with invocation(_order(request)) as ports:
        try:
            response = _response(ports, step(ports, request), request)
        except Exception as error:  # noqa: BLE001 - the last resort of a page: a person must never see a stack trace
            ports.trouble(error)
            response = _trouble(ports, request)
        return http.response(response)


def _trouble(ports: WiredPorts, request: Request) -> Response:
    lang = language(request)
    try:
        return _response(ports, notice(ports, lang, "trouble", 503), request)
    except Exception as error:  # noqa: BLE001 - not even the shop's name can be read: bare words are better than none
        ports.note(error)
        headers = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
        words = f"{say(lang, 'notice.trouble')}\n\n{say(lang, 'notice.trouble.lead')}\n"
        return Response(503, "" if request.method == "HEAD" else words, headers)


def _order(request: Request) -> str | None:
    parts = request.parts
    return parts[1] if len(parts) > 1 and parts[0] in {"o", "g"} else None


def _response(ports: WiredPorts, answer: Shown | Response, request: Request) -> Response:
    if isinstance(answer, Response):
        return answer
    headers = {"content-type": "text/html; charset=utf-8"} | security_headers(ports.files.origin, _checkouts(ports))
    return Response(answer.status, "" if request.method == "HEAD" else page(answer.view), headers)


def _checkouts(ports: WiredPorts) -> tuple[str, ...]:
    """Where the order button may lead: Stripe, and the stand-in of the local stack."""
    local = ports.environment.stripe_url
    if local is None:
        return (STRIPE_CHECKOUT,)
    address = urlsplit(local)
    return (STRIPE_CHECKOUT, f"{address.scheme}://{address.netloc}")
