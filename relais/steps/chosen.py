"""Who was asked for a piece of work, by which ranking, and what they said: shown to the seller.

Design: people 5 (why them) and 5b (pick).
"""

from __future__ import annotations

from relais.gate import Choice, Gate, Role, Via, gate_from_row
from relais.order import ORDER_LEVEL
from relais.pages.views import AskedBefore, Chosen
from relais.ports import Ports
from relais.roster import Reason
from relais.steps.situation import Situation


def ranking_of(ports: Ports, situation: Situation) -> tuple[Chosen, ...]:
    """The ranking that the engaged freelancer was asked by: theirs first, then who came next. Empty where none was."""
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        return ()
    who = milestone.engagement.freelancer
    numbers = dict.fromkeys((situation.number, ORDER_LEVEL))
    rows = [row for number in numbers for row in ports.store.query(f"O#{situation.order.id}", f"G#{number}#proposal#")]
    accepted = [gate for gate in map(gate_from_row, rows) if gate.owner == who and _said_yes(gate)]
    if not accepted:
        return ()
    ranked = accepted[-1].shown.get("ranking", [])
    names = {row["key"]: row["name"] for row in ports.store.query("ROSTER", "R#")}
    found = sorted(ranked, key=lambda one: one["who"] != who)
    return tuple(
        Chosen(names.get(one["who"], one["who"]), one["points"], tuple(Reason(*pair) for pair in one["why"].items()))
        for one in found
        if who in {other["who"] for other in ranked}
    )


def asked_before(ports: Ports, situation: Situation) -> tuple[AskedBefore, ...]:
    """Who was asked for this work and did not take it: what they said, or that they said nothing."""
    rows = ports.store.query(f"O#{situation.order.id}", f"G#{situation.number}#proposal#")
    gates = [gate for gate in map(gate_from_row, rows) if gate.role is Role.FREELANCER and gate.decision is not None]
    names = {row["key"]: row["name"] for row in ports.store.query("ROSTER", "R#")} if gates else {}
    return tuple(_asked_before(ports, gate, names.get(gate.owner, gate.owner)) for gate in gates)


def _asked_before(ports: Ports, gate: Gate, name: str) -> AskedBefore:
    decision = gate.decision
    if decision is None or decision.choice is not Choice.AGAIN:
        return AskedBefore(name, "withdrawn", "", None)
    if decision.by != gate.owner:
        silent = "countered" if gate.shown.get("countered") else "lapsed"
        return AskedBefore(name, silent if decision.via is Via.CLOCK else "withdrawn", "", None)
    note = None if decision.note is None else ports.files.get_text(decision.note)
    return AskedBefore(name, "declined", decision.why or "", note)


def _said_yes(gate: Gate) -> bool:
    return gate.decision is not None and gate.decision.choice is Choice.ACCEPTED
