"""The seller fills in a brief for a client who does not, after a phone call: from a link of their own (people 5b).

The answer goes through the one door as the seller's, and the client is told by mail what stands in their name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relais.deed import CLIENT, What
from relais.gate import Role, Status, Via
from relais.order import ORDER_LEVEL
from relais.ports import Ports
from relais.problem import Problem, Typed
from relais.steps.again import gate_page
from relais.steps.deeds import deed
from relais.steps.deliver import brief_fields, own_files, take_brief, with_problems
from relais.steps.forms import check_fields
from relais.steps.links import NonceRefusedError, OpenedGate, check_stand_in_nonce, stand_in_path
from relais.steps.situation import read_offer, read_situation
from relais.web import Request, Response

if TYPE_CHECKING:
    from relais.steps.show import Shown

STAND_IN_FIELDS = frozenset({"nonce", "action", "file", "ready"})


def post_stand_in(ports: Ports, request: Request, opened: OpenedGate) -> Shown | Response:
    """The form behind the seller's link: the brief saved, or handed in for the client."""
    order, gate = opened.order, opened.gate
    offer = read_offer(ports.store, order.offer, order.offer_version)
    check_fields(request, STAND_IN_FIELDS | brief_fields(offer), frozenset({"file"}))
    if gate.status is not Status.OPEN:
        return gate_page(ports, opened)
    typed = Typed((), request.typed(), own_files(request, f"files/{order.id}/{gate.id}/"))
    try:
        check_stand_in_nonce(ports, gate, request.first("nonce"))
    except NonceRefusedError:
        return gate_page(ports, opened, typed=with_problems(typed, Problem("nonce_expired")))
    action = request.first("action")
    if action not in {"save", "hand_in"}:
        return gate_page(ports, opened, typed=with_problems(typed, Problem("choice_missing", "action")))
    situation = read_situation(ports, order.id, ORDER_LEVEL)
    told = deed(ports, situation, What.BRIEF, "", gate=gate, tells=(CLIENT,), via=Via.LINK)
    return take_brief(
        ports,
        request,
        gate,
        offer,
        typed,
        by=Role.SELLER,
        path=stand_in_path(ports, gate),
        again=lambda wrong: gate_page(ports, opened, typed=wrong),
        hand_in=action == "hand_in",
        more=(told.write,),
    )
