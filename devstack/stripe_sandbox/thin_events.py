"""v2 events as the API lists them, for who got the thin notification (source: docs.stripe.com/api/v2/core/events)."""

from devstack.stripe_sandbox.errors import RefusedError
from devstack.stripe_sandbox.event_log import KEPT
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.platform import THIN_EVENT, Platform, Resource, timestamp
from devstack.stripe_sandbox.routes import Call, Route

MOST = 100
DEFAULT = 20


def retrieve(platform: Platform, call: Call) -> Resource:
    """One event with what its notification left out."""
    if not platform.has(THIN_EVENT, call.ids[0]):
        raise RefusedError(404, f"Event {call.ids[0]} not found.", code="not_found")
    return platform.get(THIN_EVENT, call.ids[0])


def every(platform: Platform, call: Call) -> Resource:
    """The events of thirty days, newest first, of one object or of some types; one page of at most a hundred."""
    since = timestamp(platform.now() - KEPT)
    types = set(call.params.get("types", []))
    wanted = call.params.get("object_id")
    found = [
        event
        for event in platform.newest_first(THIN_EVENT)
        if event["created"] >= since
        and (not types or event["type"] in types)
        and (wanted is None or event.get("related_object", {}).get("id") == wanted)
    ]
    limit = min(call.params.get("limit", DEFAULT), MOST)
    return {"data": found[:limit], "next_page_url": None, "previous_page_url": None}


P = "stripe.params.v2.core:"
ROUTES = (
    Route("GET", "/v2/core/events/{id}", "event", Access.READ, P + "EventRetrieveParams", retrieve),
    Route(
        "GET",
        "/v2/core/events",
        "event",
        Access.READ,
        P + "EventListParams",
        every,
        frozenset({"limit", "object_id", "types[]"}),
    ),
)
