"""A look at the links of a version, when the seller asks for it: do they lead anywhere? Design: people 2 and 4.

What was found stands with its time on the version's row, and beside each link on the page of the review.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from relais.gate import Gate, Kind, Status
from relais.order import stamp
from relais.ports import Ports
from relais.rows import Change, deliverable_key, present
from relais.steps.again import notice
from relais.steps.forms import check_fields
from relais.steps.guard import guarded
from relais.steps.links import (
    LinkRefusedError,
    NonceRefusedError,
    check_gate_nonce,
    check_stand_in_nonce,
    gate_path,
    open_gate_link,
    stand_in_path,
)
from relais.steps.lists import with_lists
from relais.web import Request, Response, language, redirect

if TYPE_CHECKING:
    from relais.steps.show import Shown

LOOK_FIELDS = frozenset({"nonce"})
REST = timedelta(minutes=1)
"""How soon the same links may be looked at again: whoever presses every second asks others' servers for nothing."""


def guarded_look(ports: Ports, request: Request) -> Shown | Response:
    """The button beside the links of a version."""
    return guarded(ports, request, _looks)


def _looks(ports: Ports, request: Request) -> Shown | Response:
    match request.parts:
        case ("g", order, gate, secret, "links"):
            return _post_look(ports, request, order, gate, secret)
        case _:
            return notice(ports, language(request), "not_found", 404)


def _post_look(ports: Ports, request: Request, order: str, gate: str, secret: str) -> Response:
    """Leads back to the page of whoever pressed: an old or answered one shows itself as it is now."""
    check_fields(request, LOOK_FIELDS)
    opened = open_gate_link(ports, order, gate, secret)
    if opened.gate.id.kind is not Kind.REVIEW:
        raise LinkRefusedError
    second = opened.stands_in
    path = stand_in_path(ports, opened.gate) if second else gate_path(ports, opened.order, opened.gate)
    back = redirect(f"{path}#looked")
    if opened.gate.status is not Status.OPEN:
        return back
    try:
        if second:
            check_stand_in_nonce(ports, opened.gate, request.first("nonce"))
        else:
            check_gate_nonce(ports, opened.order, opened.gate, request.first("nonce"))
    except NonceRefusedError:
        return back
    look_at_links(ports, opened.gate)
    return back


def look_at_links(ports: Ports, gate: Gate) -> None:
    """Ask for each link of the version under review, and keep what was found; not twice within a minute."""
    key = deliverable_key(gate.order, gate.id.milestone, int(gate.shown["version"]))
    row = ports.store.get(key)
    if row is None or _just_looked(ports, row.get("looked")):
        return
    links = with_lists(ports, row).get("links", ())
    if links:
        found = [one.value for one in ports.sites.look(tuple(links))]
        looked = {"at": stamp(ports.now()), "found": found}
        ports.store.write(Change(key, put={"looked": looked}, guards=(present("pk"),)))


def _just_looked(ports: Ports, looked: dict[str, str] | None) -> bool:
    return looked is not None and ports.now() - datetime.fromisoformat(looked["at"]) < REST
