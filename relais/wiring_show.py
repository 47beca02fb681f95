"""How the function that shows pages answers: what draws them is loaded before the first is asked for."""

from __future__ import annotations

from typing import Any

import relais.pages.render  # noqa: F401 - every answer of this function is a page
from relais.steps.show import Shown, show
from relais.web import Request, Response
from relais.wiring import WiredPorts
from relais.wiring_pages import bare, serve


def serve_pages(event: dict[str, Any]) -> dict[str, Any]:
    """Show the page at a path; of a stage that stands still whatever is asked is told to come back."""
    return serve(event, _shown)


def _shown(ports: WiredPorts, request: Request) -> Shown | Response:
    return bare(request, "stopped") if ports.environment.stopped else show(ports, request)
