"""In which order the roster is asked: one by one first, then several at once, then agencies; always bounded.

Design: rules 5 (5), people 5b (proposal), failures 32.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relais.performer import Performer
from relais.roster import Ranked


@dataclass(frozen=True, slots=True, repr=False)
class Cascade:
    """The rounds of asking, frozen with the order's policy.

    The first round asks `first` freelancers one after the other, best first; each later round asks `at_once` of them
    together, and the first yes wins; after `rounds` rounds at most `agencies` agencies are asked, one after the other.
    Then the seller picks.
    """

    first: int = 2
    at_once: int = 2
    rounds: int = 5
    agencies: int = 2

    @property
    def most(self) -> int:
        """How many times somebody is asked before the seller is."""
        return self.first + self.rounds - 1 + self.agencies


def round_of(askings: int, plan: Cascade) -> int:
    """Which round an asking of freelancers belongs to that comes after so many others; counted from 1."""
    return 1 if askings < plan.first else askings - plan.first + 2


def next_asked(
    ranked: Sequence[Ranked], kinds: Mapping[str, Performer], plan: Cascade, asked: Sequence[Performer]
) -> tuple[Ranked, ...]:
    """Return who is asked now, best first: one, several at once, or nobody any more.

    `ranked` holds who may still be asked, best first, with their `kinds`; `asked` has the kind of each asking so far.
    """
    freelancers = [one for one in ranked if kinds[one.freelancer] is Performer.FREELANCER]
    number = round_of(sum(kind is Performer.FREELANCER for kind in asked), plan)
    if freelancers and number <= plan.rounds:
        return tuple(freelancers[: 1 if number == 1 else plan.at_once])
    agencies = [one for one in ranked if kinds[one.freelancer] is Performer.AGENCY]
    if agencies and sum(kind is Performer.AGENCY for kind in asked) < plan.agencies:
        return (agencies[0],)
    return ()
