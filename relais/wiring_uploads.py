"""How the function that permits uploads answers: JSON for the page's script, with the words of each problem."""

from __future__ import annotations

import json
from typing import Any

from relais.adapters import http
from relais.adapters.secrets import SecretEmptyError
from relais.errors import RelaisError
from relais.pages.words import say
from relais.steps.links import NonceRefusedError
from relais.steps.uploads import permit_uploads
from relais.web import Request, Response, language
from relais.wiring import WiredPorts, invocation


def serve_permits(event: dict[str, Any]) -> dict[str, Any]:
    """Permit the uploads that may be, and say of the others why not, in the person's language."""
    request = http.request(event)
    with invocation(request.order) as ports:
        try:
            return _permits(ports, request)
        except NonceRefusedError:
            return _refused(409, request, "problem.nonce_expired")
        except SecretEmptyError as error:
            ports.trouble(error)
            return _refused(503, request, "notice.trouble.lead")
        except RelaisError:
            return _refused(404, request, "problem.upload_refused")
        except Exception as error:  # noqa: BLE001 - the last resort: the page's script has to be told something
            ports.trouble(error)
            return _refused(503, request, "notice.trouble.lead")


def _permits(ports: WiredPorts, request: Request) -> dict[str, Any]:
    permits = permit_uploads(ports, request)
    problems = [
        {
            "at": at,
            "name": str(one.facts.get("name", "")),
            "message": say(permits.lang, f"problem.{one.key}", **one.facts),
        }
        for at, one in permits.problems
    ]
    return _json(200, {"files": list(permits.files), "problems": problems})


def _refused(status: int, request: Request, words: str) -> dict[str, Any]:
    return _json(status, {"problems": [{"name": "", "message": say(language(request), words)}]})


def _json(status: int, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return http.response(Response(status, json.dumps(body), headers))
