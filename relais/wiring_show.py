"""How the function that shows pages answers: what draws them is loaded before the first is asked for."""

from __future__ import annotations

from typing import Any

import relais.pages.render  # noqa: F401 - every answer of this function is a page
from relais.steps.show import show
from relais.wiring_pages import serve


def serve_pages(event: dict[str, Any]) -> dict[str, Any]:
    """Show the page at a path."""
    return serve(event, show)
