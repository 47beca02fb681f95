"""A review by the offer's checklist: what was ticked, and what has to change, point by point (design: people 6 E)."""

from __future__ import annotations

from collections.abc import Mapping

from relais.offer import Offer
from relais.problem import Problem

POINT_LIMIT = 300


def review_fields(offer: Offer) -> frozenset[str]:
    """The fields of its points: whether one holds, and what is wrong with it."""
    return frozenset(f"{what}_{at}" for what in ("tick", "why") for at in range(len(offer.checks)))


def ticked(offer: Offer, typed: Mapping[str, str]) -> list[int]:
    """The points, from 0, that the seller found to hold."""
    return [at for at in range(len(offer.checks)) if typed.get(f"tick_{at}") == "yes"]


def reasons(offer: Offer, typed: Mapping[str, str], lang: str) -> tuple[str, tuple[Problem, ...]]:
    """What has to change as one text for its reader: each point with its reason, then the free words."""
    written = [(check.in_(lang), " ".join(typed.get(f"why_{at}", "").split())) for at, check in enumerate(offer.checks)]
    problems = tuple(
        Problem("too_long", f"why_{at}", {"limit": POINT_LIMIT})
        for at, (_, why) in enumerate(written)
        if len(why) > POINT_LIMIT
    )
    lines = [f"• {check} – {why}" for check, why in written if why]
    words = typed.get("note", "").strip()
    return "\n".join([*lines, *([words] if words else [])]), problems
