"""What pages and mails both tell of an order: whose work it is, until when, for what pay, what the brief says.

Reads only: who shows a page is spared the writing of mails.
"""

from __future__ import annotations

import json
from datetime import datetime

from relais.calendar import due_after
from relais.gate import Gate, Kind, gate_from_row
from relais.offer import Question
from relais.order import Milestone
from relais.ports import Ports
from relais.roster import Freelancer, Reason
from relais.rows import brief_key, gate_key
from relais.steps.situation import Situation, read_freelancer, safe_from


def maker(ports: Ports, situation: Situation, gate: Gate) -> Freelancer | None:
    """Whom the seller reads about: who does the work, or would do it on other terms."""
    if gate.id.kind not in {Kind.COUNTER, Kind.CONFIRM, Kind.OUTCOME} or not gate.shown.get("maker"):
        return situation.freelancer
    return read_freelancer(ports.store, gate.shown["maker"])


def work_deadline(gate: Gate | None) -> datetime | None:
    """The freelancer's date that a gate speaks of."""
    if gate is None:
        return None
    if gate.id.kind is Kind.PROPOSAL:
        return datetime.fromisoformat(gate.shown["deadline"])
    return gate.deadline


def reasons(gate: Gate | None) -> tuple[Reason, ...]:
    """Why this freelancer was asked: the numbers that the ranking was made of."""
    if gate is None:
        return ()
    mine = [one for one in gate.shown.get("ranking", []) if one["who"] == gate.owner]
    return tuple(Reason(key, value) for one in mine for key, value in one["why"].items())


def other_proposals(freelancer: Freelancer, gate: Gate | None) -> int:
    """How many proposals are open to a freelancer beside this one."""
    if gate is None or gate.id.kind is not Kind.PROPOSAL:
        return 0
    return sum(asked != (gate.order, str(gate.id)) for asked in freelancer.asked)


def pay_by(situation: Situation) -> datetime:
    """The latest day a freelancer is paid if the client stays silent to the end.

    Acceptance by silence, then the longer hold; of what was paid by debit not before it is safe.
    """
    clocks = situation.offer.clocks
    start = situation.promised or situation.now
    silent = due_after(clocks.acceptance.deadline, start, situation.client_calendar)
    held = due_after(clocks.hold_silent, silent, situation.shop.calendar)
    return max(held, safe_from(situation) or held)


def kept(milestone: Milestone) -> int:
    """What a freelancer is paid for a milestone once its refund is planned, in minor units: zero is an answer."""
    return milestone.left_to_send + milestone.in_transit + milestone.sent


def read_brief(ports: Ports, situation: Situation, lang: str) -> tuple[tuple[str, str], ...]:
    """The brief: questions in the reader's language, answers as they were written."""
    row = ports.store.get(brief_key(situation.order.id))
    if row is None:
        return ()
    text = ports.files.get_text(row["text"])
    answers: dict[str, str] = {} if text is None else json.loads(text)
    return tuple(
        (question.text.in_(lang), answers.get(question.key, ""))
        for question in _asked_of(situation)
        if not question.files
    )


def _asked_of(situation: Situation) -> tuple[Question, ...]:
    """A milestone's people read the order's questions and its own; on the order itself all are read."""
    if situation.milestone is None:
        return situation.offer.questions
    return (*situation.offer.brief, *situation.offer.questions_of(int(situation.milestone.number)))


def last_note(ports: Ports, situation: Situation) -> str | None:
    """The words that came with the last decision: what has to change."""
    if situation.last is None:
        return None
    row = ports.store.get(gate_key(situation.order.id, situation.last))
    decision = None if row is None else gate_from_row(row).decision
    if decision is None or decision.note is None:
        return None
    return ports.files.get_text(decision.note)
