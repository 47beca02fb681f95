"""Whom one may ask from which page, and what was asked from it and waits for its answer. Reads only."""

from __future__ import annotations

from relais.gate import Gate, Kind, Role, Status
from relais.ports import Ports
from relais.steps.situation import Situation, sides_of, sides_opened

ASKS_SELLER = frozenset({Kind.PROPOSAL, Kind.WORK})
"""From these pages the freelancer may ask the seller."""
ASKS_CLIENT = frozenset({Kind.REVIEW, Kind.PICK, Kind.LATE, Kind.QUESTION})
"""From these the seller may ask the client; from a freelancer's question it is passed on."""
QUESTION, ANSWER = "1", "2"
"""The parts of a question's rows."""


def may_ask(gate: Gate) -> Role | None:
    """Whom the owner of an open gate may ask from its page."""
    if gate.status is not Status.OPEN:
        return None
    if gate.role is Role.FREELANCER and gate.id.kind in ASKS_SELLER:
        return Role.SELLER
    return Role.CLIENT if gate.role is Role.SELLER and gate.id.kind in ASKS_CLIENT else None


def waiting_of(ports: Ports, situation: Situation, page: Gate) -> list[Gate]:
    """The questions asked from a gate's page that are not answered yet."""
    if not sides_opened(situation):
        return []
    found = [gate for gate in sides_of(ports, situation) if gate.id.kind is Kind.QUESTION]
    return [gate for gate in found if gate.status is Status.OPEN and gate.shown.get("from") == str(page.id)]
