"""How the function that permits uploads answers: JSON for the page's script, with the words of each problem."""

from __future__ import annotations

import json
from typing import Any

from relais.adapters import http
from relais.errors import RelaisError
from relais.pages.words import say
from relais.steps.deliver import permit_uploads
from relais.steps.links import NonceRefusedError
from relais.steps.show import language
from relais.web import Response
from relais.wiring import invocation


def serve_permits(event: dict[str, Any]) -> dict[str, Any]:
    """Permit the uploads that may be, and say of the others why not, in the person's language."""
    request = http.request(event)
    order = request.parts[1] if len(request.parts) > 1 else None
    with invocation(order) as ports:
        try:
            permits = permit_uploads(ports, request)
        except NonceRefusedError:
            return _json(409, {"problems": [{"name": "", "message": say(language(request), "problem.nonce_expired")}]})
        except RelaisError:
            return _json(404, {"problems": [{"name": "", "message": say(language(request), "problem.upload_refused")}]})
        problems = [
            {"name": str(one.facts.get("name", "")), "message": say(permits.lang, f"problem.{one.key}", **one.facts)}
            for one in permits.problems
        ]
        return _json(200, {"files": list(permits.files), "problems": problems})


def _json(status: int, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return http.response(Response(status, json.dumps(body), headers))
