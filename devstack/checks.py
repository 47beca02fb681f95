"""What the local cloud noted of the permissions that it checked (`make demo AUTH=true`)."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from devstack.cloud import STAGE

OF_A_FUNCTION = re.compile(rf"arn:aws:sts::\d+:assumed-role/[^/]+/relais-{STAGE}-([a-z-]+)")


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: which function asked (None: somebody else), for what, about what, and whether it was allowed."""

    function: str | None
    action: str
    resource: str
    allowed: bool


def read_checks(notes: Path) -> tuple[Checked, ...]:
    """All checks so far, oldest first; none where none were noted."""
    if not notes.exists():
        return ()
    told = map(json.loads, notes.read_text("utf-8").splitlines())
    return tuple(Checked(_function(one["who"]), one["action"], one["resource"], one["allowed"]) for one in told)


def _function(who: str) -> str | None:
    found = OF_A_FUNCTION.fullmatch(who)
    return None if found is None else found[1]
