"""POST of a page that takes files: forms that upload exactly what was named."""

from typing import Any

from relais.wiring_uploads import serve_permits


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Permit uploads."""
    return serve_permits(event)
