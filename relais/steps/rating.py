"""What a client says of accepted work: it counts for its maker's quality, who reads it and may appeal, once.

Design: people 5 (one appeal per rating, each change of a score with its cause).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from relais import score
from relais.calendar import due_after
from relais.contact import contacts_in
from relais.gate import Choice, Default, Gate, Kind, Role
from relais.offer import Disclosure
from relais.order import stamp
from relais.ports import Ports
from relais.roster import tally_names
from relais.rows import Change, Put, Write, absent, equals, freelancer_key, milestone_key, present, score_key
from relais.score import Axis, Cause
from relais.steps.asking import open_side
from relais.steps.contracts import RATING_RULE, asked
from relais.steps.decisions import Answer, ChoiceNotRoutedError
from relais.steps.side import Caused
from relais.steps.situation import Situation, ratable


def rate(ports: Ports, order: str, number: str, stars: int, *, text: str | None, words: str) -> Gate | None:
    """Rate a milestone with 1 to 5 stars and, if they like, words (kept as `text`); nothing where it was rated before.

    The mark on the milestone, the change of the score and the gate at which the maker may appeal are one transaction.
    """
    return open_side(ports, order, number, lambda seen: rating(ports, seen, stars, text=text, words=words), _rated)


def rating(ports: Ports, situation: Situation, stars: int, *, text: str | None, words: str) -> Gate | None:
    """The gate of a rating before its maker. Words that would let hidden people meet are read by the seller alone."""
    milestone, maker = situation.milestone, situation.freelancer
    if milestone is None or maker is None or not ratable(milestone):
        return None
    named = contacts_in(words, (situation.order.client_name or "", maker.name))
    hidden = situation.offer.policy.disclosure is not Disclosure.BY_NAME and bool(named)
    gate = asked(
        situation,
        Kind.RATING,
        ports.link_keys.current,
        choices=(Choice.APPEAL,),
        default=Default.GO_ON,
        about="rating",
        shown={
            "stars": stars,
            "weight": score.weight(situation.now, situation.shop.half_life),
            **({} if text is None else {"rating_text": text}),
            **({} if text is None or hidden else {"text": text}),
        },
    )
    deadline = due_after(RATING_RULE.deadline, situation.now, maker.calendar)
    return replace(
        gate, role=Role.FREELANCER, owner=maker.key, lang=maker.lang, link_version=1, deadline=deadline, reminders=()
    )


def _rated(opened: Gate) -> tuple[Write, ...]:
    """The milestone's mark, once, and what the stars do to its maker's score."""
    mark = Change(
        milestone_key(opened.order, opened.id.milestone),
        put={"rated": int(opened.shown["stars"])},
        guards=(absent("rated"), equals("accepted", value=True)),
    )
    return (mark, *_counted(opened, opened.owner, Cause.RATED, opened.opened))


def rating_answered(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """The maker appeals, and the seller is asked; silence lets the rating stand."""
    match given.choice:
        case Choice.APPEAL:
            shown = {name: gate.shown[name] for name in ("stars", "weight", "rating_text") if name in gate.shown}
            appeal = asked(
                situation,
                Kind.APPEAL,
                ports.link_keys.current,
                choices=(Choice.KEEP, Choice.STRIKE),
                default=Default.STAY,
                about=str(gate.id),
                shown=shown | {"maker": gate.owner, **({"text": given.note} if given.note else {})},
            )
            return Caused(opens=(appeal,))
        case Choice.GO_ON:
            return Caused()
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)


def appeal_answered(situation: Situation, gate: Gate, given: Answer) -> Caused:
    """The seller's word: a rating that is struck is taken out of the score as it was put in; the maker is told."""
    match given.choice:
        case Choice.KEEP:
            return Caused(tells=True)
        case Choice.STRIKE:
            struck = _counted(gate, gate.shown["maker"], Cause.STRUCK, situation.now)
            return Caused(writes=struck, tells=True)
        case _:
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)


def _counted(gate: Gate, maker: str, cause: Cause, at: datetime) -> tuple[Write, ...]:
    """The stars in a maker's quality, or out of it again, always at the weight that their gate keeps.

    So nothing of what is struck is left, whenever that is.
    """
    value, weight = score.STAR * int(gate.shown["stars"]), int(gate.shown["weight"])
    total, weights = tally_names(Axis.QUALITY)
    moved = -weight if cause is Cause.STRUCK else weight
    event = score.Event(Axis.QUALITY, value, cause, at, gate.order, str(gate.id))
    return (
        Change(freelancer_key(maker), add={total: value * moved, weights: moved}, guards=(present("pk"),)),
        Put(score_key(maker, stamp(at), gate.order, str(gate.id)), event.to_row()),
    )
