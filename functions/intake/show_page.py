"""GET: every page. Reads only."""

from typing import Any

from relais.steps.show import show
from relais.wiring_pages import serve


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Show the page at a path."""
    return serve(event, show)
