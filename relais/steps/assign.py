"""Who is asked, and why: the proposal goes to the best of the roster with room for it, then to the next.

From the second round on several are asked at once, each with a gate of their own, and the first yes wins. Design:
people sections 1, 5 and 5b; rules 5 (5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relais.cascade import next_asked
from relais.gate import Choice, Gate, Kind, Role, Status, Via, gate_from_row, gate_row
from relais.margin import ceiling
from relais.order import ORDER_LEVEL
from relais.performer import Performer
from relais.ports import ConditionFailedError, Ports
from relais.roster import Freelancer, Ranked, Reason, Standing, Trial, rank
from relais.rows import Change, Put, Write, asked_name, below_attribute, differs, equals, freelancer_key, gate_key
from relais.steps.contracts import by_seller, exhausted, proposal, waiting
from relais.steps.decisions import Answer
from relais.steps.gates import (
    GateCall,
    answer,
    answer_token,
    create,
    fence,
    keep_token,
    owing,
    resume_decided,
    rivals_of,
    send_first,
)
from relais.steps.readiness import needs_account
from relais.steps.situation import Situation, find_gate, interrupted, read_gate, read_situation


def open_proposal(ports: Ports, call: GateCall) -> None:
    """Open the proposal to the next of the roster; when nobody is left the engine answers `exhausted`."""
    situation = read_situation(ports, call.order, call.milestone)
    fence(situation, call.run)
    if resume_decided(ports, situation, call):
        return
    if situation.milestone is not None and situation.milestone.lost is not None:
        from relais.steps.reassign import settle_lost  # most proposals are an order's first

        settle_lost(ports, situation)
    first = find_gate(ports, situation, Kind.PROPOSAL) or _propose(ports, situation)
    gates = (first, *rivals_of(ports, first))
    for gate in gates:
        keep_token(ports, gate, call)
    _after_asking(ports, gates, call)


def _after_asking(ports: Ports, gates: tuple[Gate, ...], call: GateCall) -> None:
    """Look once more whether the question was decided or the order interrupted meanwhile, then send what is owed.

    One of several who said no decides nothing: the token waits for the others.
    """
    situation = read_situation(ports, call.order, call.milestone)
    if situation.last in {str(gate.id) for gate in gates}:
        answer_token(ports, read_gate(ports, call.order, situation.last or ""), call.token)
        return
    waiting = [now for gate in gates if (now := read_gate(ports, gate.order, str(gate.id))).status is Status.OPEN]
    for gate in waiting:
        if gate.choices == (Choice.EXHAUSTED,):
            answer(ports, situation, gate, Answer(Choice.EXHAUSTED, "engine", Via.ENGINE))
            return
        if interrupted(situation):
            answer(ports, situation, gate, Answer(Choice.CANCELLED, "engine", Via.ENGINE))
            return
        if gate.role is Role.ENGINE:
            answer(ports, situation, gate, Answer(Choice.ACCEPTED, "engine", Via.ENGINE))
            return
        if gate.owes:
            send_first(ports, situation, gate)


def _propose(ports: Ports, situation: Situation) -> Gate:
    """Open the next asking in one transaction: each gate, and the place that it reserves in somebody's hands.

    Who has become full meanwhile is passed over.
    """
    if situation.wait_until is not None and situation.wait_until > situation.now:
        return create(ports, situation, waiting(situation, ports.link_keys.current))
    people = {one.key: one for one in map(Freelancer.from_row, ports.store.query("ROSTER", "R#"))}
    picked = people.get(situation.picked or "")
    if picked is not None and picked.kind is Performer.SELF:
        return create(ports, situation, by_seller(situation, picked, ports.link_keys.current))
    asked = _History.read(ports, situation)
    ranked = ranking(situation, people, asked)
    while chosen := _next(situation, ranked, people, asked):
        gates = tuple(
            owing(
                _asking(ports, situation, ranked, one, people[one.freelancer], seat),
                situation,
            )
            for seat, one in enumerate(chosen, start=1)
        )
        others = [Put(gate_key(one.order, str(one.id)), gate_row(owing(one, situation))) for one in gates[1:]]
        try:
            return create(ports, situation, gates[0], (*others, *map(_room, gates)))
        except ConditionFailedError as failed:
            full = [one for one in chosen if failed.key == freelancer_key(one.freelancer)]
            if not full:
                raise
            ranked = tuple(one for one in ranked if one != full[0])
    return create(ports, situation, exhausted(situation, ports.link_keys.current))


def _asking(  # noqa: PLR0917 - a proposal is what all of these make
    ports: Ports, situation: Situation, ranked: tuple[Ranked, ...], one: Ranked, asked: Freelancer, seat: int
) -> Gate:
    """The proposal to somebody; who has no account yet is asked to open one on accepting: they may say no."""
    gate = proposal(situation, ranked, one, asked, ports.link_keys.current, seat)
    if not needs_account(ports.store, asked):
        return gate
    return replace(gate, shown={**gate.shown, "onboard": True})


def _room(gate: Gate) -> Write:
    """A place in somebody's hands, who has one and was not suspended this very moment; one trial at a time."""
    alone = (equals("in_hand", 0),) if gate.shown.get("trial") else ()
    return Change(
        freelancer_key(gate.owner),
        put={asked_name(gate.order, str(gate.id)): True},
        add={"in_hand": 1},
        guards=(below_attribute("in_hand", "capacity"), differs("standing", Standing.SUSPENDED.value), *alone),
    )


@dataclass(frozen=True, slots=True, repr=False)
class _History:
    """Who was asked about this work so far: everybody ever, and each asking since the seller was last asked.

    A question that was called back, or that somebody else was faster to answer, does not count.
    """

    ever: frozenset[str]
    since: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, ports: Ports, situation: Situation) -> _History:
        """Read the proposals of the order, and of the milestone where it is about one."""
        numbers = dict.fromkeys((ORDER_LEVEL, situation.number))
        rows = [row for number in numbers for row in ports.store.query(f"O#{situation.order.id}", f"G#{number}#")]
        gates = [gate_from_row(row) for row in rows]
        own = [gate for gate in gates if gate.id.milestone == situation.number]
        last = max((gate.id.ordinal for gate in own if gate.id.kind is Kind.PICK), default=0)
        asked = [gate for gate in gates if gate.role is Role.FREELANCER and gate.id.kind is Kind.PROPOSAL]
        decided = [gate for gate in asked if gate.status is Status.ANSWERED]
        since = [gate for gate in decided if gate.id.milestone == situation.number and gate.id.ordinal > last]
        together = {ordinal: [g.owner for g in since if g.id.ordinal == ordinal] for ordinal in _ordinals(since)}
        return cls(frozenset(gate.owner for gate in decided), tuple(map(tuple, together.values())))


def _ordinals(gates: list[Gate]) -> list[int]:
    return sorted({gate.id.ordinal for gate in gates})


def ranking(situation: Situation, people: Mapping[str, Freelancer], asked: _History) -> tuple[Ranked, ...]:
    """Who may be asked now, best first: nobody twice for the same work, nobody full, nobody away.

    Whom the seller picked is asked alone, whatever the ranking says, once.
    """
    if situation.picked is not None:
        return _picked(situation, people.get(situation.picked), asked)
    return rank(
        situation.offer.skill,
        situation.order.lang,
        people.values(),
        situation.now,
        most=ceiling(situation.offer, situation.now.date()) // situation.offer.units,
        already=asked.ever,
        until=situation.promised,
        half_life=situation.shop.half_life,
        trial=_trial(situation),
    )


def _trial(situation: Situation) -> Trial | None:
    """Whether a candidate may be asked: for the seller's own order first of all, else last and up to the offer's cap.

    Never for a part of an order, nor for work that was taken from somebody: these are not low-risk.
    """
    offer, order = situation.offer, situation.order
    if situation.milestone is not None or offer.several:
        return None
    if (order.client_email or "").casefold() == situation.shop.email.casefold():
        return Trial(ceiling(offer, situation.now.date()) // offer.units, first=True)
    return None if offer.policy.trial is None else Trial(offer.policy.trial // offer.units)


def _picked(situation: Situation, one: Freelancer | None, asked: _History) -> tuple[Ranked, ...]:
    if one is None or any(one.key in together for together in asked.since):
        return ()
    rate = one.rate_for(situation.offer.skill)
    usual = situation.offer.cost // situation.offer.units
    return (Ranked(one.key, usual if rate is None else rate, 0, (Reason("picked", 1),)),)


def _next(
    situation: Situation, ranked: tuple[Ranked, ...], people: Mapping[str, Freelancer], asked: _History
) -> tuple[Ranked, ...]:
    if situation.picked is not None:
        return ranked
    kinds = {key: one.kind for key, one in people.items()}
    so_far = [kinds[together[0]] for together in asked.since if together[0] in kinds]
    return next_asked(ranked, kinds, situation.offer.policy.cascade, so_far)
