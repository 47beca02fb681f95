"""The ways in which a form is refused as a whole, with a page for each: one place for all functions that take forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from relais.gate import MalformedGateIdError
from relais.order import OrderNotFoundError
from relais.ports import Ports
from relais.steps.again import notice
from relais.steps.forms import FieldRepeatedError, FieldUnknownError, ForeignFormError, check_origin
from relais.steps.links import LinkRefusedError
from relais.steps.situation import GateNotFoundError
from relais.web import Request, Response, language

if TYPE_CHECKING:
    from relais.steps.show import Shown

    Route = Callable[[Ports, Request], Shown | Response]


def guarded(ports: Ports, request: Request, route: Route) -> Shown | Response:
    """What the route answers, or why the form is refused: a foreign one, a dead link, fields that no page of ours has.

    What only a route of its own raises is told by that route.
    """
    lang = language(request)
    try:
        check_origin(ports, request)
        return route(ports, request)
    except (LinkRefusedError, OrderNotFoundError, GateNotFoundError, MalformedGateIdError):
        return notice(ports, lang, "dead_link", 404)
    except ForeignFormError:
        return notice(ports, lang, "form_refused", 403)
    except (FieldUnknownError, FieldRepeatedError) as wrong:
        return notice(ports, lang, "form_refused", 400, field=wrong.field)
