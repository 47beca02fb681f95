"""A second yes: money of which so much leaves that the seller is asked again before it is sent.

The movement is decided, booked and reserved as any other; only its sending waits, in a side gate that shows the amount,
to whom it goes, why, and what was paid already. Silence never pays a freelancer, and never blocks what is owed back to
a client: that leaves at the deadline (design: workflow section 1; docs/decisions/0026).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from relais.act import NOT_CONFIRMED, Act, ActKind, ActState, act_from_row
from relais.errors import RelaisError
from relais.gate import Choice, Default, Gate, Kind, Status, due_shard
from relais.offer import RefundCause
from relais.order import stamp
from relais.ports import Ports
from relais.rows import Change, Guard, act_key, equals
from relais.steps.asking import open_side
from relais.steps.contracts import asked
from relais.steps.decisions import Answer, ChoiceNotRoutedError
from relais.steps.onboarding import ALARM_DAYS, LEGAL_DAYS, accepted_at
from relais.steps.side import Caused
from relais.steps.situation import Situation, sides_of

LATE_REFUND = f"{ActKind.REFUND.value}-late-"
"""How the ids of refunds after the pay begin."""
FORMER = f"{ActKind.TRANSFER.value}-former-"
"""How the ids of transfers begin to somebody who lost the work."""


class UnconfirmedError(RelaisError):
    """A movement that waits for the seller's second yes."""

    def __init__(self, order: str, gate: Gate | None) -> None:
        """Keep the order, and name the gate."""
        where = "" if gate is None else f" `relais order answer {order} {gate.id} send`, or"
        super().__init__(
            f"so much money asks for a second yes:{where} answer the mail that was sent; then do this again"
        )
        self.order = order


def ask_twice(ports: Ports, act: Act) -> Gate | None:
    """Ask the seller about a movement that waits for it, once; meanwhile the clock leaves the movement alone."""
    make = partial(_question, ports, act)
    return open_side(ports, act.order, act.milestone, make, lambda _: _asleep(ports, act), at_once=False)


def _asleep(ports: Ports, act: Act) -> tuple[Change, ...]:
    guards = _as_asked(act.state, act.generation)
    own = Change(act_key(act.order, act.id), remove=("due", "due_shard"), guards=guards)
    others = tuple(
        Change(act_key(one.order, one.id), remove=("due", "due_shard"), guards=_begins(one))
        for one in _claims_with(ports, act)
    )
    return (own, *others)


def _claims_with(ports: Ports, act: Act) -> list[Act]:
    """What is asked back of the freelancer because of a refund: as long as that waits nothing is taken from them."""
    if not act.id.startswith(LATE_REFUND):
        return []
    found = [act_from_row(row) for row in ports.store.query(f"O#{act.order}", f"A#{ActKind.REVERSAL.value}#")]
    return [one for one in found if one.milestone == act.milestone and one.state is ActState.PLANNED and not one.amount]


def _begins(act: Act) -> tuple[Guard, ...]:
    return (equals("state", ActState.PLANNED.value), equals("amount", act.amount))


def _as_asked(state: ActState, generation: int) -> tuple[Guard, ...]:
    return (equals("unconfirmed", value=True), equals("state", state.value), equals("generation", generation))


def _question(ports: Ports, asked_for: Act, situation: Situation) -> Gate | None:
    row = ports.store.get(act_key(asked_for.order, asked_for.id))
    act = None if row is None else act_from_row(row)
    if act is None or not act.unconfirmed or (act.state, act.generation) != (asked_for.state, asked_for.generation):
        return None
    known = [one for one in sides_of(ports, situation) if one.id.kind is Kind.CONFIRM and _about(one) == act.id]
    over = sum(one.status is not Status.OPEN for one in known)
    to_client = act.kind is ActKind.REFUND
    gate = asked(
        situation,
        Kind.CONFIRM,
        ports.link_keys.current,
        choices=(Choice.SEND, Choice.KEEP),
        default=Default.SEND if to_client and owed_to_client(situation, act) else Default.STAY,
        shown={
            "stage": act.kind.value,
            "amount": act.amount,
            "maker": _maker(situation, act),
            "why": _why(situation, act),
            "sent": situation.order.sent,
            "refunded": situation.order.refunded,
        },
        about=f"{act.id} {over}",
    )
    return gate if to_client else _within_the_law(ports, situation, gate)


def _about(gate: Gate) -> str:
    return gate.about.partition(" ")[0]


def _maker(situation: Situation, act: Act) -> str:
    """Whom it is for, or whose work it was."""
    engagement = None if situation.milestone is None else situation.milestone.engagement
    named = act.body.get("metadata", {}).get("freelancer")
    if named:
        return str(named)
    return "" if engagement is None or engagement.by_hand else engagement.freelancer


def _why(situation: Situation, act: Act) -> str:
    """Why it leaves, as a key of words."""
    if act.kind is ActKind.TRANSFER:
        milestone = situation.milestone
        if act.id.startswith(FORMER):
            return "former"
        return "accepted" if milestone is None or milestone.accepted else "kept"
    return _cause(situation, act).value


def _cause(situation: Situation, act: Act) -> RefundCause:
    kept = act.body.get("cause") or (situation.milestone or situation.order).cause
    return RefundCause(kept) if kept in set(RefundCause) else RefundCause.SELLER_FAULT


def owed_to_client(situation: Situation, act: Act) -> bool:
    """Whether a refund is owed by law, by a right or by a word that was given, so that no silence may block it.

    What ends work is; of what is given back after the pay, all but goodwill: the client's own change of mind.
    """
    return not act.id.startswith(LATE_REFUND) or _cause(situation, act) is not RefundCause.CHANGE_OF_MIND


def _within_the_law(ports: Ports, situation: Situation, gate: Gate) -> Gate:
    """Pay: asked in time for the thirty days after the acceptance, with the day of the alarm."""
    since = accepted_at(ports, gate.order, situation.number) or situation.now
    legal = since + timedelta(days=LEGAL_DAYS)
    deadline = gate.deadline if gate.deadline is None else min(gate.deadline, max(legal, situation.now))
    alarm = stamp(since + timedelta(days=ALARM_DAYS))
    return replace(gate, deadline=deadline, shown={**gate.shown, "alarm": alarm, "legal": stamp(legal)})


def confirm_answered(ports: Ports, gate: Gate, given: Answer) -> Caused:
    """A yes has the movement sent; a no refuses it for good under its key: who wants it after all decides again.

    What Stripe would refuse anyway (an account that is not ready) only loses the mark, for the seller's bank.
    """
    key = act_key(gate.order, _about(gate))
    row = ports.store.get(key)
    if row is None:
        raise ChoiceNotRoutedError(gate.id.kind, given.choice)
    act = act_from_row(row)
    looked = {"due": stamp(ports.now()), "due_shard": due_shard(gate.order)}
    planned, guards = act.state is ActState.PLANNED, _as_asked(act.state, act.generation)
    match given.choice:
        case Choice.SEND:
            confirmed = Change(key, put=looked if planned else {}, remove=("unconfirmed",), guards=guards)
            claims = (
                Change(act_key(one.order, one.id), put=looked, guards=_begins(one)) for one in _claims_with(ports, act)
            )
            return Caused(writes=(confirmed, *claims))
        case Choice.KEEP if planned:
            kept = {"state": ActState.REFUSED.value, "why": NOT_CONFIRMED} | looked
            return Caused(writes=(Change(key, put=kept, guards=guards),))
        case Choice.KEEP:
            return Caused()
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)
