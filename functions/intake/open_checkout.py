"""POST of the order button: opens or reuses the one payable checkout session."""

from typing import Any

from relais.steps.deliver import guarded_checkout
from relais.wiring_pages import serve


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lead to the hosted checkout."""
    return serve(event, guarded_checkout)
