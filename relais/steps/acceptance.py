"""What a client may do at acceptance besides answering: have more time, once. Design: people 5b and 6 D."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from relais.calendar import remind_at
from relais.gate import Choice, Default, Gate, Kind, Role, due_shard, next_due
from relais.order import stamp
from relais.ports import Ports
from relais.rows import Change, Write, equals, gate_key
from relais.steps.asking import open_side
from relais.steps.contracts import asked
from relais.steps.situation import Situation, later_acceptance, read_gate, read_situation


def give_more_time(ports: Ports, gate: Gate) -> Gate | None:
    """The client has more time to accept: one press, no reason, once for each version.

    The date moves in the transaction that opens this side gate; whoever answers it next, or the clock, has the mail
    sent that confirms it. Nothing where the acceptance was answered meanwhile.
    """
    read = (gate.order, str(gate.id))
    return open_side(
        ports,
        gate.order,
        gate.id.milestone,
        lambda seen: _more_time(ports, seen, read_gate(ports, *read)),
        lambda opened: _moved(read_situation(ports, gate.order, gate.id.milestone), read_gate(ports, *read), opened),
    )


def _more_time(ports: Ports, situation: Situation, gate: Gate) -> Gate | None:
    had = gate.shown.get("more_time")
    until = datetime.fromisoformat(had) if had else later_acceptance(situation, gate)
    if until is None:
        return None
    opened = asked(
        situation,
        Kind.MORE_TIME,
        ports.link_keys.current,
        role=Role.ENGINE,
        choices=(Choice.GRANT,),
        default=Default.GRANT,
        about=str(gate.id),
        beside=str(gate.id),
        shown={"until": stamp(until)},
    )
    return replace(opened, deadline=situation.now, reminders=())


def _moved(situation: Situation, gate: Gate, opened: Gate) -> tuple[Write, ...]:
    """Another deadline on the acceptance, with what is left of its reminders counted towards it."""
    until, rule = datetime.fromisoformat(opened.shown["until"]), situation.offer.clocks.acceptance
    ahead = remind_at(rule.reminders, gate.counted_from, until, situation.client_calendar)
    later = replace(gate, deadline=until, reminders=ahead, mailed=True)
    put = {
        "deadline": stamp(until),
        "reminders": [stamp(at) for at in ahead],
        "shown": {**gate.shown, "more_time": stamp(until)},
    }
    looked = {"due": stamp(next_due(later, situation.now) or until), "due_shard": due_shard(gate.order)}
    as_read = stamp(gate.deadline or situation.now)
    return (
        Change(
            gate_key(gate.order, str(gate.id)),
            put=put | (looked if gate.mailed else {}),
            guards=(equals("status", "open"), equals("deadline", as_read)),
        ),
    )
