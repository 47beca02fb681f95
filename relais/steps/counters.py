"""Counter-proposals: "yes, but" for another pay or another date. Design: people 5 and 6 C, workflow section 1.

Within the band of the offer's policy, frozen with the order, one is taken by rule: the proposal is accepted on its
terms, all in one transaction. Beyond it the seller is asked, once about each proposal; meanwhile its clock stands still
and it may be answered as it stands. The date promised to the client moves by none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from relais.calendar import LEAST_RESERVE, Duration, due_after, working_time
from relais.errors import RelaisError
from relais.gate import OWED_AFTER, Choice, Decision, Default, Gate, Kind, Owed, Role, Status, Via, gate_row
from relais.margin import CardRegion, bear_refunds, card_fee
from relais.order import stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Put, absent, equals, gate_key, merged
from relais.steps import gates
from relais.steps.asking import TRIES, numbered, open_side
from relais.steps.asks import counters_of, spent
from relais.steps.contracts import asked
from relais.steps.decisions import Answer, ChoiceNotRoutedError, Effects, decision_writes, withdraw
from relais.steps.door import tell_answer
from relais.steps.gates import resume, rivals_of, tell_taken
from relais.steps.side import Caused, withdraw_moot
from relais.steps.situation import Situation, read_freelancer, read_gate, read_situation, sides_of, sides_opened
from relais.steps.talking import shifted

FAIR = Duration.parse("2 wh")
"""At least so long a proposal can still be taken as it stands once its counter-proposal was refused."""
WHOLE = 100


@dataclass(frozen=True, slots=True, repr=False)
class Terms:
    """What a freelancer would do the work for (minor units), and until when; of several deliveries the first."""

    pay: int
    deadline: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Counter:
    """A counter-proposal on its way: what is asked, and the key of the words that say why."""

    terms: Terms
    text: str


def proposed(gate: Gate) -> Terms:
    """What a proposal offers."""
    return Terms(int(gate.shown["pay"]), datetime.fromisoformat(gate.shown["deadline"]))


def promised(situation: Situation) -> datetime | None:
    """The client's date for what the terms speak of: of several deliveries the first."""
    first = situation.milestones[0].promised if situation.milestone is None and situation.milestones else None
    return first or situation.promised


# The band -----------------------------------------------------------------------------------------------------------


def by_rule(ports: Ports, situation: Situation, gate: Gate, terms: Terms) -> bool:
    """Whether terms lie within the band of the frozen policy: what is no worse for the shop than proposed always does.

    More pay must leave what `relais catalog check` asks of a price, a later date the least reserve before the client's.
    """
    return _pay_by_rule(situation, gate, terms.pay) and _date_by_rule(ports, situation, gate, terms.deadline)


def _pay_by_rule(situation: Situation, gate: Gate, pay: int) -> bool:
    offered, policy = proposed(gate).pay, situation.offer.policy
    if pay <= offered:
        return True
    above_trial = bool(gate.shown.get("trial")) and policy.trial is not None and pay > policy.trial
    within = pay * WHOLE <= offered * (WHOLE + policy.counter_pay)
    return within and not above_trial and _borne(situation, pay)


def _date_by_rule(ports: Ports, situation: Situation, gate: Gate, until: datetime) -> bool:
    offered, later, client = proposed(gate).deadline, situation.offer.policy.counter_later, promised(situation)
    if until <= offered:
        return True
    if later is None or client is None or until >= client:
        return False
    latest = due_after(later, offered, read_freelancer(ports.store, gate.owner).calendar)
    return until <= latest and working_time(until, client, situation.shop.calendar) >= LEAST_RESERVE


def _borne(situation: Situation, pay: int) -> bool:
    """Whether the price bears this pay, its speed bonuses and the refunds that are to be expected."""
    order, milestone, speed = situation.order, situation.milestone, situation.offer.policy.speed_bonus
    price = order.price if milestone is None else milestone.price
    deliveries = len(situation.milestones) or 1 if milestone is None else 1
    cost = pay + _lost(situation) + (0 if speed is None else speed.amount * deliveries)
    try:
        bear_refunds(price, cost, order.currency, situation.shop.regime, situation.now.date())
    except RelaisError:
        return False
    return margin_after(situation, pay) >= 0


def margin_after(situation: Situation, pay: int) -> int:
    """What is left of what was paid, less the card fee (estimated until it is known) and this pay; minor units.

    Of one milestone its share, less what was paid to whoever had the work before.
    """
    order, milestone = situation.order, situation.milestone
    fee = order.fee
    if fee is None:
        fee = card_fee(order.price, order.currency, CardRegion.EEA, situation.now.date())
    if milestone is None:
        return order.paid - fee - pay
    return milestone.price - fee * milestone.price // (order.price or 1) - pay - _lost(situation)


def _lost(situation: Situation) -> int:
    lost = None if situation.milestone is None else situation.milestone.lost
    return 0 if lost is None else lost.pay


# Taken by rule ------------------------------------------------------------------------------------------------------


def take(ports: Ports, proposal: Gate, counter: Counter) -> Gate:
    """Accept a proposal on terms within the band; the counter-proposal is kept beside it, answered. One transaction.

    Raises `AlreadyAnsweredError`.
    """
    for last in reversed(range(TRIES)):
        situation = read_situation(ports, proposal.order, proposal.id.milestone)
        gate = read_gate(ports, proposal.order, str(proposal.id))
        kept = _kept(ports, situation, gate, counter)
        given = Answer(Choice.ACCEPTED, gate.owner, Via.LINK, facts={"agreed": agreed(gate, counter.terms)})
        before = sides_opened(situation)
        extra = Effects(
            put={"sides": kept.id.ordinal},
            guards=(equals("sides", before) if before else absent("sides"),),
            writes=(Put(gate_key(kept.order, str(kept.id)), gate_row(kept)),),
        )
        try:
            decided = gates.answer(ports, situation, gate, given, extra)
        except ConditionFailedError:
            if not last:
                raise
            continue
        _tell(ports, kept)
        return decided
    return proposal


def _kept(ports: Ports, situation: Situation, gate: Gate, counter: Counter) -> Gate:
    """The side gate of what a rule has taken: its mail is owed, nobody is asked."""
    made = _gate(ports, situation, gate, counter)
    (one,) = numbered(situation, sides_of(ports, situation), (made,))
    return replace(
        one,
        deadline=None,
        reminders=(),
        status=Status.ANSWERED,
        decision=Decision(Choice.ACCEPT, Role.ENGINE.value, situation.now, Via.ENGINE),
        owes={Owed.MAIL.value: 0},
        due=situation.now + OWED_AFTER,
    )


def _tell(ports: Ports, kept: Gate) -> None:
    try:
        tell_answer(ports, read_gate(ports, kept.order, str(kept.id)))
    except Exception as error:  # noqa: BLE001 - the acceptance stands and whoever gave it is told so; the clock mails
        ports.note(error)


def agreed(gate: Gate, terms: Terms) -> dict[str, Any]:
    """What is agreed on these terms; of several deliveries the dates after the first stay what they were."""
    later = gate.shown.get("deadlines")
    dates = {} if later is None else {"deadlines": [stamp(terms.deadline), *later[1:]]}
    return {"pay": terms.pay, "deadline": stamp(terms.deadline)} | dates


# Asked of the seller ------------------------------------------------------------------------------------------------


def ask_seller(ports: Ports, proposal: Gate, counter: Counter) -> Gate | None:
    """Put a counter-proposal to the seller; nothing where one waits, or they have answered one about this proposal."""
    return open_side(
        ports,
        proposal.order,
        proposal.id.milestone,
        lambda seen: _to_ask(ports, seen, read_gate(ports, proposal.order, str(proposal.id)), counter),
    )


def _to_ask(ports: Ports, situation: Situation, proposal: Gate, counter: Counter) -> Gate | None:
    made = _gate(ports, situation, proposal, counter)
    known = counters_of(ports, situation, proposal)
    waits = any(one.status is Status.OPEN and one.about != made.about for one in known)
    again = any(one.status is Status.OPEN and one.about == made.about for one in known)
    if proposal.status is not Status.OPEN or waits or (spent(known) and not again):
        return None
    return made


def _gate(ports: Ports, situation: Situation, proposal: Gate, counter: Counter) -> Gate:
    offered, terms, client = proposed(proposal), counter.terms, promised(situation)
    calendar = situation.shop.calendar
    tight = client is not None and working_time(terms.deadline, client, calendar) < LEAST_RESERVE
    taken_back = sum(one.status is Status.WITHDRAWN for one in counters_of(ports, situation, proposal))
    return asked(
        situation,
        Kind.COUNTER,
        ports.link_keys.current,
        choices=(Choice.ACCEPT, Choice.REFUSE),
        default=Default.REFUSE,
        shown={
            "maker": proposal.owner,
            "was_pay": offered.pay,
            "pay": terms.pay,
            "was": stamp(offered.deadline),
            "deadline": stamp(terms.deadline),
            "margin": margin_after(situation, terms.pay),
            "text": counter.text,
        }
        | ({"tight": True} if tight else {}),
        about=f"{proposal.id} {terms.pay} {stamp(terms.deadline)}" + (f" {taken_back}" if taken_back else ""),
        beside=str(proposal.id),
    )


def counter_answered(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """A yes accepts the proposal on the terms that were asked; a no, or silence, leaves it open as it stands."""
    proposal = read_gate(ports, gate.order, gate.beside or "")
    match given.choice:
        case Choice.ACCEPT:
            return _accepted(ports, situation, gate, proposal)
        case Choice.REFUSE:
            return Caused(writes=_stands(ports, situation, gate, proposal, {"countered": True}), tells=True)
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)


def _accepted(ports: Ports, situation: Situation, gate: Gate, proposal: Gate) -> Caused:
    terms = Terms(int(gate.shown["pay"]), datetime.fromisoformat(gate.shown["deadline"]))
    through = Answer(Choice.ACCEPTED, proposal.owner, Via.LINK, facts={"agreed": agreed(proposal, terms)})
    rivals = tuple(one for one in rivals_of(ports, proposal) if one.status is Status.OPEN)
    return Caused(
        writes=decision_writes(situation, proposal, through, rivals=rivals),
        tells=True,
        then=partial(_go_on, ports, proposal, rivals),
    )


def _go_on(ports: Ports, proposal: Gate, rivals: tuple[Gate, ...]) -> None:
    resume(ports, read_gate(ports, proposal.order, str(proposal.id)))
    situation = read_situation(ports, proposal.order, proposal.id.milestone)
    for rival in rivals:
        tell_taken(ports, situation, read_gate(ports, rival.order, str(rival.id)))
    withdraw_moot(ports, proposal.order, proposal.id.milestone)


def take_back(ports: Ports, proposal: Gate) -> None:
    """The freelancer takes back what the seller was asked; the proposal stands, later by the time that it waited."""
    for last in reversed(range(TRIES)):
        situation = read_situation(ports, proposal.order, proposal.id.milestone)
        found = counters_of(ports, situation, proposal)
        waiting = next((one for one in found if one.status is Status.OPEN), None)
        now = read_gate(ports, proposal.order, str(proposal.id))
        if waiting is None or now.status is not Status.OPEN:
            return
        try:
            ports.store.write(*merged(withdraw(waiting), *_stands(ports, situation, waiting, now, {})))
        except ConditionFailedError:
            if not last:
                raise
            continue
        return


def _stands(
    ports: Ports, situation: Situation, gate: Gate, proposal: Gate, shows: Mapping[str, Any]
) -> tuple[Change, ...]:
    """The proposal goes on as it stands: its clock stood still meanwhile, and a fair time is left to take it."""
    owner = read_freelancer(ports.store, proposal.owner)
    least = due_after(FAIR, situation.now, owner.calendar)
    later = shifted(situation, proposal, gate.opened, owner, least)
    return (replace(later, put={**later.put, "shown": {**proposal.shown, **shows}}) if shows else later,)
