"""The Search API, which a reconciler must not trust: what it finds is a minute old, and transfers are not in it.

Built: charges and payment intents, by equal fields and metadata joined with AND.
Source: docs.stripe.com/search ("Data freshness": under a minute as a rule, more during outages).
"""

import re
from typing import Any

from devstack.stripe_sandbox.errors import invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.routes import DEFAULT_LIMIT, Call, Route

CLAUSE = re.compile(r"""^(?:metadata\[["'](?P<key>[^"']+)["']\]|(?P<field>[a-z_]+))\s*:\s*["'](?P<value>[^"']*)["']$""")
FIELDS = frozenset({"currency", "customer", "status"})


def _clauses(query: str) -> list[tuple[str | None, str, str]]:
    found = []
    for part in re.split(r"\s+AND\s+", query.strip()):
        match = CLAUSE.match(part)
        if match is None or (match["field"] and match["field"] not in FIELDS):
            raise invalid(f"We were unable to parse your search query: {part}", param="query")
        found.append((match["key"], match["field"] or "", match["value"]))
    return found


def _fits(resource: Resource, clause: tuple[str | None, str, str]) -> bool:
    key, name, value = clause
    kept: Any = resource["metadata"].get(key) if key else resource[name]
    return bool(kept == value)


def _search(kind: str, path: str, params: str) -> Route:
    def search(platform: Platform, call: Call) -> Resource:
        clauses = _clauses(call.params["query"])
        known = platform.now() - platform.terms.search_lag
        found = [
            resource
            for resource in platform.newest_first(kind)
            if resource["created"] <= known and all(_fits(resource, clause) for clause in clauses)
        ]
        limit = call.params.get("limit", DEFAULT_LIMIT)
        more = len(found) > limit
        return {"object": "search_result", "url": path, "has_more": more, "data": found[:limit], "next_page": None}

    return Route("GET", path, kind, Access.READ, params, search, frozenset({"query", "limit"}))


P = "stripe.params:"
ROUTES = (
    _search("charge", "/v1/charges/search", P + "ChargeSearchParams"),
    _search("payment_intent", "/v1/payment_intents/search", P + "PaymentIntentSearchParams"),
)
