"""What may be added to work under way, and what was asked for already. Reads only: the order's page shows it."""

from __future__ import annotations

from relais.gate import Choice, Gate, Kind, Status
from relais.offer import Extra
from relais.order import MilestoneStage
from relais.ports import Ports
from relais.steps.situation import Situation, interrupted, sides_of, sides_opened


def extras_asked(ports: Ports, situation: Situation) -> tuple[Gate, ...]:
    """The questions about extras of a milestone, whatever became of them."""
    if not sides_opened(situation):
        return ()
    return tuple(gate for gate in sides_of(ports, situation) if gate.id.kind is Kind.EXTRA)


def extras_offered(situation: Situation, asked: tuple[Gate, ...]) -> tuple[Extra, ...]:
    """The offer's extras that may be asked for now: while somebody works on it, each paid once.

    One that changes the promise of the whole (within 48 hours) comes too late by then.
    """
    milestone, order = situation.milestone, situation.order
    if milestone is None or milestone.engagement is None or milestone.stage is not MilestoneStage.WORK:
        return ()
    if interrupted(situation) or order.disputed is not None or order.paused is not None:
        return ()
    taken = {gate.shown["extra"] for gate in asked if gate.status is Status.OPEN or was_paid(gate)}
    return tuple(one for one in situation.offer.extras if one.promise is None and one.key not in taken)


def was_paid(gate: Gate) -> bool:
    """Whether an extra was paid for."""
    return gate.decision is not None and gate.decision.choice is Choice.PAID
