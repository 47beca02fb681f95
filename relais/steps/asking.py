"""Opening a side gate: once for each thing that it may be about, however many people or ticks ask for it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from relais.gate import Gate, GateId, Kind, Owed
from relais.ports import ConditionFailedError, Ports
from relais.rows import Write, merged
from relais.steps.gates import owing, send_first
from relais.steps.side import opening_writes
from relais.steps.situation import Situation, moot, read_situation, sides_of, sides_opened

TRIES = 5
"""How often an opening or an answer is decided again when it meets another write; each is another one's success."""


def open_side(
    ports: Ports,
    order: str,
    number: str,
    make: Callable[[Situation], Gate | None],
    more: Callable[[Gate], tuple[Write, ...]] = lambda _: (),
    *,
    at_once: bool = True,
) -> Gate | None:
    """Open the side gate that `make` says for what stands there now; nothing where it says so, or it matters no more.

    One about the same thing that was opened before is returned as it is. `more` is written with it. Its mail is sent
    `at_once`, or owed: always so where the caller may not write to anybody.
    """
    for last in reversed(range(TRIES)):
        situation = read_situation(ports, order, number)
        gate = make(situation)
        if gate is None or (gate.id.kind is not Kind.DISPUTE and moot(situation, gate)):
            return None
        known = sides_of(ports, situation)
        same = next((one for one in known if one.id.kind is gate.id.kind and one.about == gate.about), None)
        if same is not None:
            return same
        (opened,) = numbered(situation, known, (gate,))
        try:
            ports.store.write(*merged(*opening_writes(situation, (opened,)), *more(opened)))
        except ConditionFailedError:
            if not last:
                raise
            continue
        if opened.digested or (at_once and Owed.MAIL.value in opened.owes):
            send_first(ports, situation, opened)
        return opened
    return None


def numbered(situation: Situation, known: Iterable[Gate], gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """New gates with the next numbers and the mail that they owe; `known` are those that were opened before."""
    used = max((gate.id.ordinal for gate in known), default=0)
    first = max(used, sides_opened(situation)) + 1
    return tuple(
        owing(replace(gate, id=GateId(situation.number, gate.id.kind, number)), situation)
        for number, gate in enumerate(gates, start=first)
    )
