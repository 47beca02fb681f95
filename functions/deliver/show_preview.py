"""GET of the picture of a file before it is released: smaller, and marked."""

from typing import Any

from relais.wiring_preview import serve_preview


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Show a preview."""
    return serve_preview(event)
