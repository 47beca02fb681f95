"""How functions that show pages answer.

Rendered, with headers that keep the page safe, and a friendly page even when all else fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from relais.adapters import http
from relais.adapters.secrets import SecretEmptyError
from relais.steps.again import notice
from relais.steps.situation import ShopEmptyError
from relais.web import Request, Response, language
from relais.wiring import WiredPorts, invocation

if TYPE_CHECKING:
    from relais.steps.show import Shown

STRIPES_PAGES = ("https://checkout.stripe.com", "https://connect.stripe.com")
"""Where forms lead to: the checkout, and the form of a freelancer's account."""
HTML = {"content-type": "text/html; charset=utf-8"}
MOST_BYTES = 5_900_000
"""Of what a function answers, as JSON: Lambda takes 6 MB at most (docs.aws.amazon.com/lambda, quotas)."""
MOST_LETTERS = MOST_BYTES // 6
"""No letter takes more than six bytes: a shorter page need not be measured."""


def serve(event: dict[str, Any], step: Callable[[WiredPorts, Request], Shown | Response]) -> dict[str, Any]:
    """Run a step for a request.

    What nobody foresaw is logged, counted and answered with a page that says what to do.
    """
    request = http.request(event)
    with invocation(request.order) as ports:
        try:
            response = _response(ports, step(ports, request), request)
        except ShopEmptyError:
            response = bare(request, "not_open")
        except Exception as error:  # noqa: BLE001 - the last resort of a page: a person must never see a stack trace
            ports.trouble(error)
            response = _trouble(ports, request, "not_ready" if isinstance(error, SecretEmptyError) else "trouble")
        return http.response(response)


def _trouble(ports: WiredPorts, request: Request, key: str) -> Response:
    """The page of trouble in the shop's own dress; without, where even that cannot be had."""
    try:
        return _response(ports, notice(ports, language(request), key, 503), request)
    except Exception as error:  # noqa: BLE001 - not even the shop's name can be read: bare words are better than none
        ports.note(error)
        return bare(request, key)


def bare(request: Request, key: str) -> Response:
    """A page that needs nothing: no shop, no table. What asked is told to come back in two minutes."""
    from relais.pages.render import bare_page, security_headers

    body = "" if request.method == "HEAD" else bare_page(language(request), key)
    return Response(503, body, HTML | security_headers("", ()) | {"retry-after": "120"})


def _response(ports: WiredPorts, answer: Shown | Response, request: Request) -> Response:
    if isinstance(answer, Response):
        return answer
    # An answer that was taken leads on to a page of another function: its own need not wait for what draws pages.
    from relais.pages.render import page, security_headers

    headers = HTML | dict(answer.headers) | security_headers(ports.files.origin, _checkouts(ports))
    if request.method == "HEAD":
        return Response(answer.status, "", headers)
    body = page(answer.view)
    if len(body) > MOST_LETTERS and len(json.dumps(body, ensure_ascii=False).encode()) > MOST_BYTES:
        too_large = notice(ports, language(request), "too_large", 413)
        return Response(too_large.status, page(too_large.view), headers)
    return Response(answer.status, body, headers)


def _checkouts(ports: WiredPorts) -> tuple[str, ...]:
    """Where our forms may lead: Stripe, and the stand-in of the local stack."""
    local = ports.environment.stripe_url
    if local is None:
        return STRIPES_PAGES
    address = urlsplit(local)
    return (*STRIPES_PAGES, f"{address.scheme}://{address.netloc}")
