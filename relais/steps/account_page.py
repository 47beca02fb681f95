"""The page of one's own account: each press mints a fresh link of Stripe's, which dies in minutes; ours never does.

Design: money A 8, people 5b.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relais.order import stamp
from relais.ports import AccountUnreadError, ConditionFailedError, Ports
from relais.problem import Problem
from relais.recipient import ROW_VERSION, Readiness, Recipient
from relais.roster import Freelancer
from relais.rows import Change, absent, recipient_key
from relais.steps.again import notice, recipient_page
from relais.steps.forms import check_fields
from relais.steps.guard import guarded
from relais.steps.links import (
    NonceRefusedError,
    check_freelancer_nonce,
    open_freelancer,
    recipient_path,
)
from relais.steps.readiness import read_recipient
from relais.steps.recipients import look_again
from relais.web import Request, Response, language, redirect

if TYPE_CHECKING:
    from relais.steps.show import Shown

RECIPIENT_FIELDS = frozenset({"nonce", "choice"})
FORMLESS = frozenset({Readiness.CLOSED, Readiness.OUT_OF_REACH})
"""Where no form of Stripe's would help."""


def guarded_recipient(ports: Ports, request: Request) -> Shown | Response:
    """The buttons of the page of one's own account, with a page for each way in which a form can be refused."""
    return guarded(ports, request, _presses)


def _presses(ports: Ports, request: Request) -> Shown | Response:
    match request.parts:
        case ("f", key, secret, "pay"):
            return post_recipient(ports, request, open_freelancer(ports, key, secret))
        case _:
            return notice(ports, language(request), "not_found", 404)


def post_recipient(ports: Ports, request: Request, freelancer: Freelancer) -> Shown | Response:
    """A press: a fresh link of Stripe's, or a look at what has become of the account."""
    check_fields(request, RECIPIENT_FIELDS)
    try:
        check_freelancer_nonce(ports, freelancer, request.first("nonce"))
        match request.first("choice"):
            case "open" if read_recipient(ports.store, freelancer).readiness not in FORMLESS:
                return redirect(stripes_form(ports, freelancer))
            case "look":
                look_again(ports, freelancer)
                return redirect(f"{recipient_path(ports, freelancer)}?looked=1")
            case _:
                return recipient_page(ports, freelancer, request, (Problem("choice_missing", "choice"),))
    except NonceRefusedError:
        return recipient_page(ports, freelancer, request, (Problem("nonce_expired"),))
    except AccountUnreadError as unread:
        ports.note(unread)
        return recipient_page(ports, freelancer, request, (Problem("stripe_silent"),))


def stripes_form(ports: Ports, freelancer: Freelancer) -> str:
    """A fresh address of Stripe's form for somebody's account, which is opened where there is none.

    Raises `AccountUnreadError`.
    """
    account = read_recipient(ports.store, freelancer).account or _open(ports, freelancer)
    page = ports.settings.public_url + recipient_path(ports, freelancer)
    return ports.recipients.link(account, back=f"{page}?back=1", again=f"{page}?again=1")


def _open(ports: Ports, freelancer: Freelancer) -> str:
    """Of two presses at once both find the same account: its key is the person, and one row keeps it."""
    opened = ports.recipients.open(
        freelancer.key, country=freelancer.country, email=freelancer.email, name=freelancer.name
    )
    kept = Recipient(freelancer.key, opened, Readiness.STARTED, payouts=False)
    change = Change(
        recipient_key(freelancer.key),
        put=kept.terms | {"v": ROW_VERSION, "seen": stamp(ports.now())},
        guards=(absent("account"),),
    )
    try:
        ports.store.write(change)
    except ConditionFailedError:
        return read_recipient(ports.store, freelancer).account
    return opened
