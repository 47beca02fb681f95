"""Rows carry a version and are lifted on reading, one version at a time (design: workflow 3)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from relais.errors import RelaisError

Row: TypeAlias = dict[str, Any]
"""What is stored: strings, integers, booleans, None, lists and dicts of these. Never a float."""

Lift: TypeAlias = Callable[[Row], Row]
"""A pure function from the row of one version to the row of the next."""


class RowVersionError(RelaisError):
    """A row has a version that this code cannot read."""

    def __init__(self, kind: str, version: int, current: int) -> None:
        self.kind = kind
        self.version = version
        self.current = current
        super().__init__(
            f"A row of kind {kind} has version {version}, this code reads {current}: deploy the release that wrote it."
        )


def lift(row: Mapping[str, Any], kind: str, current: int, lifts: Mapping[int, Lift]) -> Row:
    """Return the row as version `current` writes it; `lifts[n]` leads from version n to n + 1.

    Raises RowVersionError for a row of the future or one from which no lift leads up.
    """
    lifted = dict(row)
    version = int(lifted["v"])
    if version > current:
        raise RowVersionError(kind, version, current)
    while version < current:
        if version not in lifts:
            raise RowVersionError(kind, version, current)
        lifted = lifts[version](lifted)
        version += 1
    lifted["v"] = current
    return lifted
