"""The freelancers' accounts: POST of the page of one's own, and a look because an event told that something changed."""

from typing import Any

from relais.steps.account_page import guarded_recipient
from relais.steps.recipients import look_at
from relais.wiring import invocation
from relais.wiring_pages import serve


def handler(event: dict[str, Any], _context: object) -> dict[str, Any] | None:
    """Lead to Stripe's form, or ask Stripe how an account stands."""
    if "freelancer" not in event:
        return serve(event, guarded_recipient)
    with invocation() as ports:
        look_at(ports, event["freelancer"])
        return None
