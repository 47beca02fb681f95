"""People of every temper: when they open a mail, and what they answer. Everything is drawn from one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import assert_never


class Temper(StrEnum):
    """How somebody deals with what is asked of them."""

    PROMPT = "prompt"
    SLOW = "slow"
    SILENT = "silent"
    CONTRADICTORY = "contradictory"
    DOUBLE_CLICKING = "double-clicking"
    AWAY = "away"
    VANISHING = "vanishing"
    MISTYPED = "mistyped address"


MAKERS = (Temper.PROMPT, Temper.PROMPT, Temper.SLOW, Temper.SILENT, Temper.DOUBLE_CLICKING, Temper.VANISHING)
SELLERS = (Temper.PROMPT, Temper.PROMPT, Temper.PROMPT, Temper.SLOW, Temper.DOUBLE_CLICKING)
CLIENTS = (*Temper, Temper.PROMPT, Temper.PROMPT, Temper.PROMPT, Temper.SLOW)
BARGAINING: Mapping[Temper, float] = {Temper.PROMPT: 0.3, Temper.SLOW: 0.5, Temper.DOUBLE_CLICKING: 0.5}
"""How often somebody of a temper answers a proposal with "yes, but"."""
ANSWERS_BEFORE_VANISHING = 2
ANSWERED_WHILE_SILENT = 0.3
LONGEST_AWAY_DAYS = 12
WEIGHTS: Mapping[str, float] = {
    # Proposals are mostly taken, work is mostly good: what remains is what an order engine is for.
    "accepted": 7,
    "again": 3,
    "deliver": 19,
    "give_up": 1,
    "approve": 7,
    "rework": 2,
    "reassign": 0.5,
    "accept": 6,
    "revise": 3,
    "refund": 1,
    "closed": 0.3,
}
"""How often an answer is given beside the others of its gate; one that is not named counts once."""


@dataclass
class Person:
    """Somebody with a mailbox."""

    address: str
    temper: Temper
    dice: Random
    gone: bool = False
    answers: int = 0
    away_for: timedelta = field(init=False)

    def __post_init__(self) -> None:
        """Draw how long they are away, if they are."""
        self.away_for = timedelta(days=self.dice.uniform(2, LONGEST_AWAY_DAYS))

    def opens_after(self) -> timedelta | None:
        """How long a mail lies before they act on it; None if they never do."""
        if self.gone:
            return None
        soon = timedelta(minutes=self.dice.uniform(3, 240))
        match self.temper:
            case Temper.PROMPT | Temper.CONTRADICTORY | Temper.DOUBLE_CLICKING | Temper.MISTYPED:
                return soon
            case Temper.SLOW:
                return timedelta(hours=self.dice.uniform(8, 110))
            case Temper.SILENT:
                return soon if self.dice.random() < ANSWERED_WHILE_SILENT else None
            case Temper.AWAY:
                away, self.away_for = self.away_for, timedelta(0)
                return away + soon
            case Temper.VANISHING:
                return soon if self.answers < ANSWERS_BEFORE_VANISHING else None
            case _:
                assert_never(self.temper)

    def chooses(self, choices: list[str]) -> str:
        """One of the answers that a page offers."""
        return self.dice.choices(choices, [WEIGHTS.get(one, 1) for one in choices])[0]

    def sends(self, choice: str, choices: list[str]) -> list[str]:
        """What reaches us of one answer: a double click twice, of somebody contradictory two different ones."""
        self.answers += 1
        match self.temper:
            case Temper.DOUBLE_CLICKING:
                return [choice, choice]
            case Temper.CONTRADICTORY:
                return [choice, self.chooses(choices)]
            case _:
                return [choice]
