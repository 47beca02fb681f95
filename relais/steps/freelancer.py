"""What a freelancer sends from their own page: a pause until a date, or its end.

The page itself is shown by `show`; a proposal on it is answered at its own gate (design: people 5).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from relais.gate import Via
from relais.ports import Ports
from relais.problem import Problem
from relais.roster import Freelancer
from relais.steps.again import freelancer_page
from relais.steps.forms import check_fields
from relais.steps.links import NonceRefusedError, check_freelancer_nonce, freelancer_path
from relais.steps.roster import (
    LONGEST_PAUSE_DAYS,
    By,
    NotPausedError,
    PauseImpossibleError,
    RosterContestedError,
    pause,
    resume,
)
from relais.web import Request, Response, redirect

if TYPE_CHECKING:
    from relais.steps.show import Shown


FREELANCER_FIELDS = frozenset({"nonce", "choice", "until"})


def post_freelancer(ports: Ports, request: Request, freelancer: Freelancer) -> Shown | Response:
    """A pause until a date, or its end; what is wrong brings the page back with what was typed."""
    check_fields(request, FREELANCER_FIELDS)
    typed = request.typed()
    try:
        check_freelancer_nonce(ports, freelancer, request.first("nonce"))
        _decide(ports, freelancer, request.first("choice"), request.first("until"))
    except NonceRefusedError:
        return freelancer_page(ports, freelancer, (Problem("nonce_expired"),), typed)
    except _NothingChosenError:
        return freelancer_page(ports, freelancer, (Problem("choice_missing", "choice"),), typed)
    except (PauseImpossibleError, ValueError):
        problem = Problem("pause_invalid", "until", {"limit": LONGEST_PAUSE_DAYS})
        return freelancer_page(ports, freelancer, (problem,), typed)
    except NotPausedError:
        pass  # somebody pressed twice, or it ended meanwhile: they are available, as they said
    except RosterContestedError:
        return freelancer_page(ports, freelancer, (Problem("contested"),), typed)
    return redirect(f"{freelancer_path(ports, freelancer)}?saved=1")


class _NothingChosenError(ValueError):
    pass


def _decide(ports: Ports, freelancer: Freelancer, choice: str, until: str) -> None:
    by = By(freelancer.key, Via.LINK)
    match choice:
        case "pause":
            pause(ports, freelancer.key, None, date.fromisoformat(until), by)
        case "resume":
            resume(ports, freelancer.key, by)
        case _:
            raise _NothingChosenError
