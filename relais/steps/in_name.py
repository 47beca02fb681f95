"""What the seller answers or hands in for somebody else, after a phone call: through the one door, as the seller's.

The gate keeps who gave the answer and how; whoever it was given for is told by mail. Design: people 3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from relais.deed import CLIENT, What
from relais.errors import RelaisError
from relais.gate import (
    AlreadyAnsweredError,
    Choice,
    ChoiceNotOfferedError,
    Gate,
    Kind,
    Role,
    Status,
    Via,
    gate_from_row,
)
from relais.order import ORDER_LEVEL, MilestoneStage
from relais.ports import ConditionFailedError, Ports
from relais.problem import Problem
from relais.rows import Change, brief_key, equals, merged
from relais.steps.decisions import Answer
from relais.steps.deeds import ForbiddenByHandError, checked, deed, maker_of, owner_of
from relais.steps.deliver import (
    NOTE_NEEDED,
    NOTELESS,
    answer_text,
    besides,
    brief_problems,
    handed_in,
    measured,
    words_with,
)
from relais.steps.door import answer
from relais.steps.forms import note_problems
from relais.steps.lists import keep_lists
from relais.steps.settlement import read_amount
from relais.steps.situation import (
    Situation,
    brief_gate,
    find_gate,
    read_gate,
    read_milestones,
    read_order,
    read_situation,
)
from relais.steps.texts import keep_text, saved_brief


class TypedWrongError(RelaisError):
    """An answer that lacks something, or with something that cannot be taken."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Keep what is wrong with which field."""
        named = "; ".join(f"{one.field or 'answer'}: {one.key.replace('_', ' ')}" for one in problems)
        super().__init__(f"this cannot be taken: {named}")
        self.problems = problems


class QuestionUnknownError(RelaisError):
    """An answer to a question that the order's brief does not ask."""

    def __init__(self, key: str, known: tuple[str, ...]) -> None:
        """Keep which; the known ones are named."""
        super().__init__(f"the brief asks nothing called {key}: it asks {', '.join(known)}")
        self.key = key


def answer_for(
    ports: Ports, order_id: str, gate_id: str, choice: str, typed: Mapping[str, str], *, reason: str
) -> Gate:
    """Answer an open gate of a person's in their name, with what its page would ask besides (`typed`).

    Raises `GateNotFoundError`, `AlreadyAnsweredError`, `ChoiceNotOfferedError`, `TypedWrongError`,
    `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    order = read_order(ports.store, order_id)
    gate = read_gate(ports, order.id, gate_id)
    situation = read_situation(ports, order.id, gate.id.milestone)
    chosen = _chosen(gate, choice)
    fields = _completed(situation, gate, chosen, typed)
    note, problems = words_with(ports, gate, chosen, fields)
    problems += note_problems(note, required=chosen in NOTE_NEEDED and gate.id.kind not in NOTELESS)
    facts, wrong = besides(ports, order, gate, chosen, fields)
    if problems or wrong:
        raise TypedWrongError((*problems, *wrong))
    kept = keep_text(ports, order.id, f"note-{gate.id}", note) if note else None
    given = Answer(chosen, Role.SELLER.value, Via.COMMAND, kept, facts)
    told = deed(
        ports,
        situation,
        What.ANSWERED,
        said,
        gate=gate,
        tells=(owner_of(gate),),
        facts={"kind": gate.id.kind.value, "choice": chosen.value},
    )
    return answer(ports, situation, gate, given, (told.write,))


def _chosen(gate: Gate, choice: str) -> Choice:
    """The answer that is meant. Raises what `answer_for` raises."""
    if gate.status is not Status.OPEN:
        raise AlreadyAnsweredError(gate)
    if gate.role in {Role.CLOCK, Role.ENGINE}:
        raise ForbiddenByHandError(
            gate.order,
            f"gate {gate.id} waits for nobody's word: see `relais order release-pay`, `reopen` and `move --what start`",
        )
    if choice not in {one.value for one in gate.choices if one is not Choice.LAPSED}:
        raise ChoiceNotOfferedError(gate, choice)
    if choice in {Choice.HAND_IN.value, Choice.DELIVER.value}:
        command = "brief" if gate.id.kind is Kind.BRIEF else "hand-in"
        raise ForbiddenByHandError(gate.order, f"`relais order {command} {gate.order}` takes what belongs to it")
    return Choice(choice)


def _completed(situation: Situation, gate: Gate, choice: Choice, typed: Mapping[str, str]) -> Mapping[str, str]:
    """A part is confirmed by the command that names it: there is no second page to look at."""
    if (gate.id.kind, choice) != (Kind.REFUND_REQUEST, Choice.PART):
        return typed
    return {**typed, "sure": f"{read_amount(situation, typed)}-{typed.get('cause', '')}"}


# The brief ----------------------------------------------------------------------------------------------------------


def fill_in_brief(ports: Ports, order_id: str, answers: Mapping[str, str], *, reason: str) -> Gate:
    """Hand a brief in for its client, on top of what they had saved; a question may be left to our advice.

    Raises `OrderNotFoundError`, `QuestionUnknownError`, `TypedWrongError`, `ForbiddenByHandError`,
    `ReasonMissingError`.
    """
    said = checked(reason)
    situation = read_situation(ports, order_id, ORDER_LEVEL)
    gate = brief_gate(ports, situation.order)
    if gate is None:
        raise ForbiddenByHandError(order_id, "no brief is waited for; `relais order brief` corrects one handed in")
    saved = saved_brief(ports, order_id)
    fields = {**saved.answers, **{f"q_{key}": text for key, text in _known(situation, answers).items()}}
    uploads, missing = measured(ports, saved.files)
    problems = brief_problems(situation.offer, fields, saved.files) + missing
    if problems:
        raise TypedWrongError(problems)
    found = {one.key: answer_text(one, fields, situation.order.lang) for one in situation.offer.questions}
    key = keep_text(ports, order_id, "brief", json.dumps(found, ensure_ascii=False))
    facts = {"text": key, **keep_lists(ports, order_id, "brief", {"files": uploads})}
    given = Answer(Choice.HAND_IN, Role.SELLER.value, Via.COMMAND, facts=facts)
    told = deed(ports, situation, What.BRIEF, said, gate=gate, tells=(CLIENT,))
    return answer(ports, situation, gate, given, (told.write,))


def correct_brief(ports: Ports, order_id: str, answers: Mapping[str, str], *, reason: str) -> None:
    """Correct answers of a brief that was handed in; client and whoever works by it are told. What it said is kept.

    Raises `OrderNotFoundError`, `QuestionUnknownError`, `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    situation = read_situation(ports, order_id, ORDER_LEVEL)
    row = ports.store.get(brief_key(order_id))
    if row is None or not situation.order.is_open:
        raise ForbiddenByHandError(order_id, "there is no brief to correct: none is handed in, or the order has ended")
    text = ports.files.get_text(row["text"])
    known: dict[str, str] = {} if text is None else json.loads(text)
    key = keep_text(ports, order_id, "brief", json.dumps({**known, **_known(situation, answers)}, ensure_ascii=False))
    told = deed(
        ports,
        situation,
        What.BRIEF_CORRECTED,
        said,
        tells=(CLIENT, *_readers(ports, order_id)),
        facts={"was": str(row["text"])},
    )
    corrected = Change(brief_key(order_id), put={"text": key}, guards=(equals("text", row["text"]),))
    try:
        ports.store.write(*merged(corrected, told.write))
    except ConditionFailedError:
        raise ForbiddenByHandError(order_id, "the brief was changed a moment ago: look, then do it again") from None


def _known(situation: Situation, answers: Mapping[str, str]) -> dict[str, str]:
    """The answers by question. Raises `QuestionUnknownError`."""
    asked = tuple(question.key for question in situation.offer.questions if not question.files)
    for key in answers:
        if key not in asked:
            raise QuestionUnknownError(key, asked)
    return {key: text.strip() for key, text in answers.items()}


def _readers(ports: Ports, order: str) -> tuple[str, ...]:
    """Whoever works by the brief now, or is asked to."""
    gates = map(gate_from_row, ports.store.query(f"O#{order}", "G#"))
    asked = [one.owner for one in gates if one.status is Status.OPEN and one.role is Role.FREELANCER]
    working = [
        one.engagement.freelancer
        for one in read_milestones(ports.store, order)
        if one.engagement is not None and not one.engagement.by_hand and one.stage is not MilestoneStage.CLOSED
    ]
    return (*asked, *working)


# Files --------------------------------------------------------------------------------------------------------------


def hand_in_for(
    ports: Ports, order_id: str, number: str, keys: tuple[str, ...], typed: Mapping[str, str], *, reason: str
) -> Gate:
    """Hand in uploaded files (by their `keys`) and links of somebody else's work; the same checks look at them.

    Raises `OrderNotFoundError`, `TypedWrongError`, `ForbiddenByHandError`, `AlreadyAnsweredError`,
    `ReasonMissingError`.
    """
    said = checked(reason)
    situation = read_situation(ports, order_id, number)
    gate = work_gate(ports, situation)
    facts, problems = handed_in(ports, gate, keys, typed)
    note = typed.get("note", "").strip()
    problems += note_problems(note, required=False)
    if problems:
        raise TypedWrongError(problems)
    kept = keep_text(ports, order_id, f"note-{gate.id}", note) if note else None
    told = deed(ports, situation, What.DELIVERED, said, gate=gate, tells=(maker_of(situation),))
    given = Answer(Choice.DELIVER, Role.SELLER.value, Via.COMMAND, kept, facts)
    return answer(ports, situation, gate, given, (told.write,))


def work_gate(ports: Ports, situation: Situation) -> Gate:
    """The open gate of the work. Raises `ForbiddenByHandError` where none is waited for."""
    gate = find_gate(ports, situation, Kind.WORK)
    if gate is None or gate.status is not Status.OPEN:
        order = situation.order.id
        raise ForbiddenByHandError(
            order, f"milestone {situation.number} is at {situation.stage}: no work is waited for there"
        )
    return gate
