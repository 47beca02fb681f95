"""POST beside the links of a version under review: whether each leads anywhere."""

from typing import Any

from relais.steps.looking import guarded_look
from relais.wiring_pages import serve


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Ask for each link, keep what was found, lead back to the page."""
    return serve(event, guarded_look)
