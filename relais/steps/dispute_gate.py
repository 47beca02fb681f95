"""The seller's answer to a dispute: light, for the door loads it. What follows stands in `disputes`."""

from __future__ import annotations

from relais.gate import Choice, Gate, due_shard
from relais.order import stamp
from relais.rows import Change, dispute_key, equals
from relais.steps.decisions import Answer, ChoiceNotRoutedError
from relais.steps.side import Caused
from relais.steps.situation import Situation


def dispute_answered(situation: Situation, gate: Gate, given: Answer) -> Caused:
    """The seller's decision, or their silence; Stripe is told by the function that holds its key."""
    if given.choice not in {Choice.SEND, Choice.ACCEPT}:
        raise ChoiceNotRoutedError(gate.id.kind, given.choice)
    dispute = gate.about.partition(" ")[0]
    decided = Change(
        dispute_key(gate.order, dispute),
        put={"wants": given.choice.value, "due": stamp(situation.now), "due_shard": due_shard(gate.order)}
        | ({} if given.note is None else {"note": given.note}),
        guards=(equals("state", gate.shown["stage"]),),
    )
    return Caused(writes=(decided,))
