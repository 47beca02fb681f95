"""A form that could not be taken: what is wrong with it, and what was typed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Problem:
    """What is wrong with what was typed: words by `key` filled with `facts`, beside the input `field`."""

    key: str
    field: str | None = None
    facts: Mapping[str, str | int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class Typed:
    """A form that comes back: what is wrong, and everything that was typed.

    `of_brief`: whether it was the brief's own; `step`: which step of a way out it shows.
    """

    problems: tuple[Problem, ...] = ()
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: tuple[str, ...] = ()
    status: int = 422
    of_brief: bool = True
    step: str = ""
