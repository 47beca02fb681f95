"""Who bears what of a refund, before anybody commits to it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping

from relais.pages.views import Bearing
from relais.steps.settlement import CAUSES, left_after, read_amount
from relais.steps.situation import Situation, kept_of_part


def bearings(situation: Situation, amount: int) -> tuple[Bearing, ...]:
    """For each cause, what the freelancer is paid and what is left to the seller when `amount` is given back."""
    return tuple(
        Bearing(cause, kept_of_part(situation, cause, amount), left_after(situation, cause, amount)) for cause in CAUSES
    )


def typed_part(situation: Situation, typed: Mapping[str, str]) -> tuple[int, Bearing] | None:
    """The part that a form which comes back proposes, with what it comes to; nothing where it can't be read."""
    amount, cause = read_amount(situation, typed), typed.get("cause", "")
    if amount is None or cause not in set(CAUSES):
        return None
    return amount, next(one for one in bearings(situation, amount) if one.cause.value == cause)
