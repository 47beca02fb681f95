"""Whom one may ask from which page, and what was asked from it and waits for its answer. Reads only."""

from __future__ import annotations

from relais.gate import Gate, Kind, Role, Status
from relais.ports import Ports
from relais.steps.situation import ENDED, Situation, sides_of, sides_opened

MOST_COUNTERS = 3
"""So often the seller may be asked about one proposal, counting those that were taken back; answered is once."""
ASKS_SELLER = frozenset({Kind.PROPOSAL, Kind.WORK})
"""From these pages the freelancer may ask the seller."""
ASKS_CLIENT = frozenset({Kind.REVIEW, Kind.PICK, Kind.LATE, Kind.QUESTION})
"""From these the seller may ask the client; from a freelancer's question it is passed on."""
WRITES = frozenset({Kind.ACCEPTANCE, Kind.SETTLEMENT, Kind.CANCEL_LATE})
"""From these the client may write to the seller, as from the order's page."""
PASSED_ON = frozenset({Kind.QUESTION, Kind.MESSAGE})
"""What somebody wrote to the seller: they may pass it on, and the answer back."""
MOST_MESSAGES = 3
"""So many messages of a client may wait at once for their answers."""
MOST_FILES_SAID = 5
"""So many files come with a question, a message or an answer."""
QUESTION, ANSWER = "1", "2"
"""The parts of a question's rows."""


def may_ask(situation: Situation, gate: Gate) -> Role | None:
    """Whom the owner of an open gate may ask from its page."""
    if gate.status is not Status.OPEN:
        return None
    if gate.id.kind is Kind.MESSAGE:
        return Role.FREELANCER if _made_by_somebody(situation) else None
    if gate.role is Role.FREELANCER and gate.id.kind in ASKS_SELLER:
        return Role.SELLER
    return Role.CLIENT if gate.role is Role.SELLER and gate.id.kind in ASKS_CLIENT else None


def _made_by_somebody(situation: Situation) -> bool:
    """Whether there is a freelancer to pass a message on to: who does the work, or did it."""
    milestone, maker = situation.milestone, situation.freelancer
    return (
        maker is not None
        and milestone is not None
        and milestone.engagement is not None
        and not (milestone.engagement.by_hand or milestone.stage in ENDED)
    )


def messages_of(ports: Ports, situation: Situation) -> list[Gate]:
    """The messages of its client that wait for an answer, first to be answered first."""
    sides = sides_of(ports, situation) if sides_opened(situation) else ()
    found = [gate for gate in sides if gate.id.kind is Kind.MESSAGE and gate.status is Status.OPEN]
    return sorted(found, key=lambda gate: gate.deadline or gate.opened)


def waiting_of(ports: Ports, situation: Situation, page: Gate) -> list[Gate]:
    """The questions asked from a gate's page that are not answered yet."""
    if not sides_opened(situation):
        return []
    found = [gate for gate in sides_of(ports, situation) if gate.id.kind is Kind.QUESTION]
    return [gate for gate in found if gate.status is Status.OPEN and gate.shown.get("from") == str(page.id)]


def counters_of(ports: Ports, situation: Situation, page: Gate) -> list[Gate]:
    """The counter-proposals made to a proposal, whatever became of them."""
    sides = sides_of(ports, situation) if sides_opened(situation) else ()
    return [gate for gate in sides if gate.id.kind is Kind.COUNTER and gate.beside == str(page.id)]


def refused(counters: list[Gate]) -> bool:
    """Whether the seller answered one, or was silent: they are asked once about a proposal."""
    return any(gate.status is Status.ANSWERED for gate in counters)


def spent(counters: list[Gate]) -> bool:
    """Whether the seller is asked about this proposal no more."""
    return refused(counters) or len(counters) >= MOST_COUNTERS
