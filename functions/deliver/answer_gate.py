"""POST of a gate's or an order's page: the one door."""

from typing import Any

from relais.steps.deliver import guarded
from relais.wiring_pages import serve


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take an answer."""
    return serve(event, guarded)
