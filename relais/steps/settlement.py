"""What the seller types who answers a client's refund request, and what it comes to before it is sent.

Design: people 5 (who bears what) and 5b (refund request, settlement).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relais.gate import Choice
from relais.money import AmountFormatError, parse_amount
from relais.offer import RefundCause
from relais.problem import Problem
from relais.steps.situation import Situation, kept_of_part

SETTLEMENT_FIELDS = frozenset({"amount", "cause", "sure"})
CAUSES = (RefundCause.BRIEF_NOT_MET, RefundCause.SELLER_FAULT, RefundCause.CHANGE_OF_MIND)
"""What a seller may give as the reason: who bears the refund follows from it."""


def left_after(situation: Situation, cause: RefundCause, amount: int) -> int:
    """What the seller keeps of the milestone, less the freelancer and the card fee; minor units, may be negative."""
    order, milestone = situation.order, situation.milestone
    if milestone is None:
        return 0
    fee = (order.fee or 0) * milestone.price // (order.price or 1)
    spent = 0 if milestone.engagement is None else milestone.engagement.spent
    return milestone.held - amount - kept_of_part(situation, cause, amount) - fee - spent


def read_settlement(
    situation: Situation, choice: Choice, typed: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The sum and the reason of the seller's answer, and what is wrong with them.

    A part is sent the second time only: the first brings the form back with what it comes to.
    """
    if choice not in {Choice.FULL, Choice.PART}:
        return {}, ()
    held = 0 if situation.milestone is None else situation.milestone.held
    cause = typed.get("cause", "")
    problems = [] if cause in set(CAUSES) else [Problem("cause_missing", "cause")]
    if choice is Choice.FULL:
        return {"cause": cause}, tuple(problems)
    amount = read_amount(situation, typed)
    if amount is None or not 0 < amount < held:
        problems.append(Problem("amount_invalid", "amount"))
    elif not problems and typed.get("sure") != f"{amount}-{cause}":
        problems.append(Problem("part_check", "sure"))
    return {"amount": amount, "cause": cause}, tuple(problems)


def read_amount(situation: Situation, typed: Mapping[str, str]) -> int | None:
    """What was typed as an amount (minor units); None where it can't be read."""
    try:
        return parse_amount(typed.get("amount", "").strip().replace(",", "."), situation.order.currency)
    except AmountFormatError:
        return None
