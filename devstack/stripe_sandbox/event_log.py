"""Events as the API lists them: the object of then, of the last thirty days, and how many endpoints still miss it."""

from devstack.stripe_sandbox.errors import invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import retrieve
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.routes import LIST_PARAMS, RANGE_PARAMS, VIEWS, Call, Route, having, listing

KEPT = 30 * 24 * 60 * 60
MOST_TYPES = 20


def every(platform: Platform, call: Call) -> Resource:
    """The events, newest first (source: docs.stripe.com/api/events/list)."""
    types = set(call.params.get("types", []))
    if len(types) > MOST_TYPES:
        raise invalid(f"You may only specify up to {MOST_TYPES} types.", param="types")
    since = platform.now() - KEPT
    found = [
        event
        for event in having(platform.newest_first("event"), call, "type")
        if event["created"] >= since
        and (not types or event["type"] in types)
        and call.params.get("delivery_success", _delivered(platform, event)) == _delivered(platform, event)
    ]
    return listing(call, "/v1/events", found)


def _delivered(platform: Platform, event: Resource) -> bool:
    return platform.outbox.undelivered(event["id"]) == 0


def _event_now(platform: Platform, event: Resource) -> Resource:
    return event | {"pending_webhooks": platform.outbox.undelivered(event["id"])}


VIEWS["event"] = _event_now

P = "stripe.params:"
ROUTES = (
    retrieve("event", "event", "/v1/events", P + "EventRetrieveParams"),
    Route(
        "GET",
        "/v1/events",
        "event",
        Access.READ,
        P + "EventListParams",
        every,
        LIST_PARAMS | RANGE_PARAMS | {"type", "types[]", "delivery_success"},
    ),
)
