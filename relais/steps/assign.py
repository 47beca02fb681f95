"""Who is asked, and why: the proposal goes to the best of the roster with room for it, then to the next.

Design: people sections 1 and 5.
"""

from __future__ import annotations

from relais.gate import Choice, Gate, Kind, Status, Via, gate_from_row
from relais.margin import ceiling
from relais.ports import ConditionFailedError, Ports
from relais.roster import Freelancer, Ranked, Reason, rank
from relais.rows import Change, below_attribute, freelancer_key
from relais.steps.contracts import exhausted, proposal
from relais.steps.decisions import Answer
from relais.steps.gates import GateCall, after_opening, answer, create, fence, find_gate, keep_token, resume_decided
from relais.steps.situation import Situation, read_situation


def open_proposal(ports: Ports, call: GateCall) -> None:
    """Open the proposal to the next of the roster; when nobody is left the engine answers `exhausted`."""
    situation = read_situation(ports, call.order, call.milestone)
    fence(situation, call.run)
    if resume_decided(ports, situation, call):
        return
    gate = find_gate(ports, situation, Kind.PROPOSAL)
    if gate is None:
        gate = _propose(ports, situation)
    if gate.choices == (Choice.EXHAUSTED,) and gate.status is Status.OPEN:
        keep_token(ports, gate, call)
        answer(ports, situation, gate, Answer(Choice.EXHAUSTED, "engine", Via.ENGINE))
        return
    after_opening(ports, situation, gate, call)


def ranking(ports: Ports, situation: Situation) -> tuple[tuple[Ranked, ...], dict[str, Freelancer]]:
    """Who may be asked now, best first: nobody twice since the order was last parked, nobody full."""
    people = [Freelancer.from_row(row) for row in ports.store.query("ROSTER", "R#")]
    if situation.order.picked is not None:
        return _picked(situation, people, situation.order.picked), {one.key: one for one in people}
    ranked = rank(
        situation.offer.skill,
        situation.order.lang,
        people,
        situation.now,
        most=ceiling(situation.offer, situation.now.date()) // situation.offer.units,
        already=_asked_already(ports, situation),
    )
    return ranked, {one.key: one for one in people}


def _picked(situation: Situation, people: list[Freelancer], key: str) -> tuple[Ranked, ...]:
    """Whom the seller picked is asked alone, whatever the ranking says, while there is room."""
    return tuple(
        Ranked(
            one.key,
            one.rate_for(situation.offer.skill) or situation.offer.cost // situation.offer.units,
            0,
            (Reason("picked", 1),),
        )
        for one in people
        if one.key == key
    )


def _asked_already(ports: Ports, situation: Situation) -> frozenset[str]:
    rows = ports.store.query(f"O#{situation.order.id}", "G#00#")
    gates = [gate_from_row(row) for row in rows]
    parked = max((gate.id.ordinal for gate in gates if gate.id.kind in {Kind.PARK, Kind.PICK}), default=0)
    return frozenset(gate.owner for gate in gates if gate.id.kind is Kind.PROPOSAL and gate.id.ordinal > parked)


def _propose(ports: Ports, situation: Situation) -> Gate:
    ranked, people = ranking(ports, situation)
    while ranked:
        asked = people[ranked[0].freelancer]
        gate = proposal(situation, ranked, asked, ports.link_keys.current)
        room = Change(freelancer_key(asked.key), add={"in_hand": 1}, guards=(below_attribute("in_hand", "capacity"),))
        try:
            return create(ports, situation, gate, (room,))
        except ConditionFailedError as failed:
            if failed.key != room.key:
                raise
            ranked = ranked[1:]
    return create(ports, situation, exhausted(situation, ports.link_keys.current))
