"""What a form is told that could not be taken."""

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
