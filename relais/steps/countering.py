"""The form of a counter-proposal on the page of a proposal: what was typed, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from relais.gate import AlreadyAnsweredError, Gate
from relais.money import AmountFormatError, parse_amount
from relais.ports import Ports
from relais.problem import Problem
from relais.steps.counters import Counter, Terms, ask_seller, by_rule, promised, proposed, take, take_back
from relais.steps.forms import note_problems
from relais.steps.links import OpenedGate, gate_path
from relais.steps.reach import mark_posted
from relais.steps.situation import Situation, read_gate, read_situation
from relais.steps.texts import keep_text
from relais.web import Request, Response, redirect

if TYPE_CHECKING:
    from relais.steps.show import Shown

DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d)?", re.ASCII)
EVENING = time(18)
MOST_TIMES = 3
"""More than so many times what is proposed is taken for a mistake of the finger."""


def post_counter(ports: Ports, request: Request, opened: OpenedGate, again: Callable[..., Shown]) -> Shown | Response:
    """Take what was typed: accepted by rule, put to the seller, or shown `again` with what is wrong with it."""
    gate, note = opened.gate, request.first("note").strip()
    here = gate_path(ports, opened.order, gate)
    situation = read_situation(ports, gate.order, gate.id.milestone)
    terms, problems = read_counter(situation, gate, request.typed())
    problems += tuple(replace(one, key="counter_why") if one.key == "note_missing" else one for one in _words(note))
    if terms is None or problems:
        if note:
            # A scanner that presses the button of an empty form is not the owner (decision 0005).
            mark_posted(ports, gate)
        return again(*(replace(one, field="counter_note") if one.field == "note" else one for one in problems))
    counter = Counter(terms, keep_text(ports, gate.order, f"counter-{gate.id}", note))
    try:
        if by_rule(ports, situation, gate, terms):
            take(ports, gate, counter)
            return redirect(here)
        asked = ask_seller(ports, gate, counter)
    except AlreadyAnsweredError:
        return redirect(here)
    if asked is None and read_gate(ports, gate.order, str(gate.id)).status is gate.status:
        return again(Problem("counter_spent", "counter"))
    return redirect(f"{here}#counter")


def _words(note: str) -> tuple[Problem, ...]:
    return note_problems(note, required=True)


def post_back(ports: Ports, opened: OpenedGate) -> Response:
    """Take a counter-proposal back."""
    take_back(ports, opened.gate)
    return redirect(f"{gate_path(ports, opened.order, opened.gate)}#counter")


def read_counter(
    situation: Situation, gate: Gate, typed: Mapping[str, str]
) -> tuple[Terms | None, tuple[Problem, ...]]:
    """The terms that were typed: what is left out is as proposed. Or what is wrong with them."""
    offered = proposed(gate)
    pay, of_pay = _pay(situation, offered, typed.get("amount", "").strip())
    until, of_date = _until(situation, offered, typed.get("until", "").strip())
    problems = (*of_pay, *of_date)
    if not problems and (pay, until) == (offered.pay, offered.deadline):
        problems = (Problem("counter_same", "amount"),)
    return (None, problems) if problems else (Terms(pay, until), ())


def _pay(situation: Situation, offered: Terms, typed: str) -> tuple[int, tuple[Problem, ...]]:
    if not typed:
        return offered.pay, ()
    try:
        pay = parse_amount(typed.replace(",", "."), situation.order.currency)
    except AmountFormatError:
        pay = 0
    wrong = not 0 < pay <= MOST_TIMES * offered.pay
    return pay, (Problem("counter_amount", "amount"),) if wrong else ()


def _until(situation: Situation, offered: Terms, typed: str) -> tuple[datetime, tuple[Problem, ...]]:
    """A date ends in the evening, unless its hour was typed; never after the client's own, which no counter moves."""
    zone = ZoneInfo(situation.shop.zone)
    if not typed:
        return offered.deadline, ()
    try:
        read = datetime.fromisoformat(typed) if DATE.fullmatch(typed) else None
    except ValueError:
        read = None
    if read is None:
        return offered.deadline, (Problem("counter_date", "until"),)
    at = (read if "T" in typed else datetime.combine(read.date(), EVENING)).replace(tzinfo=zone)
    if at <= situation.now:
        return offered.deadline, (Problem("counter_date", "until"),)
    if at > max(promised(situation) or offered.deadline, offered.deadline):
        return offered.deadline, (Problem("counter_late", "until"),)
    return at.astimezone(UTC), ()
