"""Movements of money of which nobody knows whether they were made, and that no state of the workflow waits for.

A late refund, a reversal, what is paid to somebody who lost the work, a payment that nobody asked for: where no list of
Stripe's shows it, or what it shows is not what was asked, the seller says what is true, as they do at the park for pay
and refunds of the way (design: money C 4 to 6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from relais.act import Act, ActKind, ActState, act_from_row, act_row
from relais.gate import Choice, Default, Gate, Kind, Status, due_shard
from relais.order import stamp
from relais.ports import AnswerUnknownError, ConditionFailedError, Ports, Sent, TryAgainError
from relais.problem import Problem
from relais.rows import Change, Guard, Put, act_key, equals
from relais.steps.acts import BEFORE_FIRST, Done, beside_the_way
from relais.steps.asking import open_side
from relais.steps.confirming import FORMER, LATE_REFUND
from relais.steps.contracts import asked
from relais.steps.decisions import Answer, ChoiceNotRoutedError
from relais.steps.side import Caused
from relais.steps.situation import Situation, sides_of

STRIPE_ID = re.compile(r"(re|pyr|tr|trr)_[A-Za-z0-9]{3,100}")
"""Of refunds, transfers and reversals (docs.stripe.com/api)."""
MOST_SHOWN = 5


def settle_unknown(ports: Ports, order: str) -> None:
    """Go on with the movements of an order that somebody has to speak for. Asked any number of times."""
    rows = ports.store.query(f"O#{order}", "A#")
    for row in rows:
        act = act_from_row(row)
        if act.state is not ActState.UNKNOWN or not beside_the_way(act):
            continue
        named = row.get("named")
        if named is None or not _taken(ports, act, str(named)):
            _ask(ports, act)


def _ask(ports: Ports, act: Act) -> None:
    shown = _shown(ports, act)
    asleep = Change(act_key(act.order, act.id), remove=("due", "due_shard"), guards=_as_it_is(act))
    open_side(
        ports, act.order, act.milestone, partial(_question, ports, act, shown), lambda _: (asleep,), at_once=False
    )


def _as_it_is(act: Act) -> tuple[Guard, ...]:
    return (equals("state", ActState.UNKNOWN.value), equals("generation", act.generation))


def _listed(ports: Ports, act: Act) -> list[Sent]:
    """What Stripe shows beside it: every refund of the payment, every reversal of the transfer, every transfer."""
    return ports.payments.listed(act.kind.value, dict(act.body), (act.first_sent or ports.wall()) - BEFORE_FIRST)


def _shown(ports: Ports, act: Act) -> list[dict[str, Any]]:
    """The newest few, as the question shows them; nothing where Stripe does not answer now."""
    try:
        found = _listed(ports, act)
    except (AnswerUnknownError, TryAgainError) as silent:
        ports.note(silent)
        return []
    return [{"id": one.id, "amount": one.amount} for one in found[-MOST_SHOWN:]]


def _question(ports: Ports, act: Act, seen: list[dict[str, Any]], situation: Situation) -> Gate | None:
    row = ports.store.get(act_key(act.order, act.id))
    if row is None or row["state"] != ActState.UNKNOWN.value or row["generation"] != act.generation:
        return None
    known = [one for one in sides_of(ports, situation) if one.id.kind is Kind.OUTCOME and _about(one) == act.id]
    over = sum(one.status is not Status.OPEN for one in known)
    return asked(
        situation,
        Kind.OUTCOME,
        ports.link_keys.current,
        choices=(Choice.MADE, Choice.NEVER_MADE),
        default=Default.STAY,
        shown={
            "stage": act.kind.value,
            "amount": act.amount,
            "maker": str(act.body.get("metadata", {}).get("freelancer", "")),
            "operation": act.operation,
            "seen": seen,
        }
        | ({"wrong": row["named"]} if "named" in row else {}),
        about=f"{act.id} {over}",
    )


def _about(gate: Gate) -> str:
    return gate.about.partition(" ")[0]


def read_outcome(choice: Choice, typed: Mapping[str, str]) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The id of what was made, as Stripe shows it."""
    if choice is not Choice.MADE:
        return {}, ()
    named = typed.get("stripe_id", "").strip()
    if STRIPE_ID.fullmatch(named) is None:
        return {}, (Problem("stripe_id", "stripe_id"),)
    return {"stripe_id": named}, ()


def outcome_answered(ports: Ports, gate: Gate, given: Answer) -> Caused:
    """What the seller saw at Stripe: it was made, as this; or it never was, and follows under a fresh key."""
    key = act_key(gate.order, _about(gate))
    row = ports.store.get(key)
    if row is None:
        raise ChoiceNotRoutedError(gate.id.kind, given.choice)
    act = act_from_row(row)
    looked = {"due": stamp(ports.now()), "due_shard": due_shard(gate.order)}
    match given.choice:
        case Choice.MADE:
            named = Change(key, put={"named": given.facts["stripe_id"]} | looked, guards=_as_it_is(act))
            return Caused(writes=(named,), shows={"named": given.facts["stripe_id"]})
        case Choice.NEVER_MADE:
            fresh = replace(
                act,
                state=ActState.PLANNED,
                generation=act.generation + 1,
                first_sent=None,
                last_sent=None,
                why=None,
                tries=0,
                looked=None,
            )
            return Caused(writes=(Put(key, act_row(fresh) | looked, _as_it_is(act)),))
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)


def _taken(ports: Ports, act: Act, named: str) -> bool:
    """Book what the seller named, if Stripe shows it with this amount; else they are asked again, with what it shows.

    Where Stripe does not answer now, the clock comes back.
    """
    try:
        found = next((one for one in _listed(ports, act) if one.id == named), None)
        if found is None or (found.amount, found.currency) != (act.amount, act.currency):
            return False
        settlement = None if found.settlement is None else ports.payments.settlement(found.settlement)
    except (AnswerUnknownError, TryAgainError) as silent:
        ports.note(silent)
        return True
    with suppress(ConditionFailedError):
        _book(ports, act, Done(found, settlement))
    return True


def _book(ports: Ports, act: Act, outcome: Done) -> None:
    from relais.steps import late_refund, reassign, refund  # each of them plans acts, and none asks about them

    if act.kind is ActKind.REVERSAL:
        late_refund.taken_back(ports, act, outcome)
    elif act.id.startswith(LATE_REFUND):
        late_refund.given_back(ports, act, outcome)
    elif act.id.startswith(FORMER):
        reassign.paid_former(ports, act, outcome)
    else:
        refund.stray_given_back(ports, act, outcome)
