"""GET: every page. Reads only."""

from typing import Any

from relais.wiring_show import serve_pages


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Show the page at a path."""
    return serve_pages(event)
