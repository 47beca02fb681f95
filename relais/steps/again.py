"""The page of a form that could not be taken, shown once more.

Most answers are taken and lead on: what shows a page is loaded with the first that has to be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from relais.gate import Gate, Kind
from relais.order import Order
from relais.ports import Ports
from relais.problem import Problem, Typed
from relais.roster import Freelancer
from relais.steps.links import OpenedGate
from relais.steps.situation import Situation
from relais.web import Request

if TYPE_CHECKING:
    from relais.steps.show import Shown


def notice(ports: Ports, lang: str, key: str, status: int, **facts: str | int) -> Shown:
    """A friendly page of its own."""
    from relais.steps import show

    return show.notice(ports, lang, key, status, **facts)


def offer_page(ports: Ports, slug: str, lang: str, problems: tuple[Problem, ...], typed: Mapping[str, str]) -> Shown:
    """The offer's page again."""
    from relais.steps import show

    return show.offer_page(ports, slug, lang, problems, typed)


def order_page(ports: Ports, order: Order, request: Request, typed: Typed) -> Shown:
    """The order's page again."""
    from relais.steps import show

    return show.order_page(ports, order, request, typed)


def gate_page(ports: Ports, opened: OpenedGate, *, typed: Typed | None = None) -> Shown:
    """A gate's page again, or what was decided at it meanwhile."""
    from relais.steps import show

    return show.gate_page(ports, opened, typed=typed)


def freelancer_page(
    ports: Ports, freelancer: Freelancer, problems: tuple[Problem, ...], typed: Mapping[str, str]
) -> Shown:
    """A freelancer's page again."""
    from relais.steps import show

    return show.freelancer_page(ports, freelancer, problems, typed)


def recipient_page(ports: Ports, freelancer: Freelancer, request: Request, problems: tuple[Problem, ...]) -> Shown:
    """The page of a freelancer's account again."""
    from relais.steps import show

    return show.recipient_page(ports, freelancer, request, problems)


def may_be_asked(ports: Ports, situation: Situation, gate: Gate) -> frozenset[Kind]:
    """What the forms beside a gate's own may ask now."""
    from relais.steps.show import asking_of

    return frozenset(one.kind for one in asking_of(ports, situation, gate) if one.waiting is None)
