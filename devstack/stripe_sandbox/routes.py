"""What a route is: who may call it, which parameters it takes, which of them are built, and what answers."""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.stripe_sandbox.errors import RefusedError, UnsupportedError, invalid
from devstack.stripe_sandbox.keys import Access, Key
from devstack.stripe_sandbox.params import Wire
from devstack.stripe_sandbox.platform import Platform, Resource

DEFAULT_LIMIT = 10
MOST = 100
DEEPEST = 4
LIST_PARAMS = frozenset({"limit", "starting_after", "ending_before"})
RANGE_PARAMS = frozenset({"created", "created.gt", "created.gte", "created.lt", "created.lte"})


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request: the key that makes it, the ids of its path, its parameters, the account it speaks for."""

    key: Key
    ids: tuple[str, ...]
    params: dict[str, Any]
    account: str | None = None


Handler = Callable[[Platform, Call], Resource]


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `takes` lists the parameters that are built, `only` those of which some values are.

    `behalf` says that it may be called in the name of a connected account.
    """

    method: str
    path: str
    noun: str
    access: Access
    params: str
    handler: Handler
    takes: frozenset[str] = frozenset()
    only: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    behalf: bool = False

    @property
    def wire(self) -> Wire:
        """Forms for v1 and for every query, JSON for the bodies of v2."""
        return Wire.JSON if self.path.startswith("/v2/") and self.method == "POST" else Wire.FORM

    @property
    def name(self) -> str:
        """The route as a person reads it."""
        return f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """The ids of a path that this route serves, or None."""
        if method != self.method:
            return None
        found = re.fullmatch(re.sub(r"\{[a-z]+\}", r"([^/]+)", self.path), path)
        return found.groups() if found else None


# Lists ------------------------------------------------------------------------------------------------------------


def listing(call: Call, url: str, newest_first: list[Resource]) -> Resource:
    """One page of a list: newest first, ten by default; `ending_before` gives the page next to its cursor.

    Source: docs.stripe.com/api/pagination (design: trap 10 of money E).
    """
    limit = call.params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MOST:
        edge = "greater than or equal to 1" if limit < 1 else f"less than or equal to {MOST}"
        raise invalid(f"This value must be {edge}.", param="limit")
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    if before:
        newer = newest_first[: _position(newest_first, before, "ending_before")]
        data, more = newer[-limit:], len(newer) > limit
    else:
        older = newest_first[_position(newest_first, after, "starting_after") + 1 :] if after else newest_first
        data, more = older[:limit], len(older) > limit
    return {"object": "list", "url": url, "has_more": more, "data": data}


def _position(resources: list[Resource], cursor: str, param: str) -> int:
    for index, resource in enumerate(resources):
        if resource["id"] == cursor:
            return index
    raise RefusedError(400, f"No such object: '{cursor}'", code="resource_missing", param=param, saved=False)


def having(resources: list[Resource], call: Call, *names: str) -> list[Resource]:
    """Keep what equals the parameters of the same name, and was created in the range asked."""
    wanted = {name: call.params[name] for name in names if name in call.params}
    return [
        resource
        for resource in resources
        if all(resource[name] == value for name, value in wanted.items()) and _in_range(resource, call.params)
    ]


def _in_range(resource: Resource, params: Mapping[str, Any]) -> bool:
    asked = params.get("created", {})
    if isinstance(asked, int):
        return bool(resource["created"] == asked)
    created = resource["created"]
    return bool(
        asked.get("gt", created - 1) < created < asked.get("lt", created + 1)
        and asked.get("gte", created) <= created <= asked.get("lte", created)
    )


# What an answer shows -----------------------------------------------------------------------------------------------

# How an object looks at the moment of reading, where that is not how it is kept.
VIEWS: dict[str, Callable[[Platform, Resource], Resource]] = {}
# What is there only when it is expanded (trap 4 of money E).
INCLUDABLE: dict[tuple[str, str], Callable[[Platform, Resource], Resource]] = {}
# The properties that can be expanded here, and what a key must be allowed to read for it.
EXPANDABLE = {
    "payment_intent": "payment_intent",
    "latest_charge": "charge",
    "charge": "charge",
    "source_transaction": "charge",
    "balance_transaction": "balance_transaction",
    "failure_balance_transaction": "balance_transaction",
    "balance_transactions": "balance_transaction",
    "invoice": "invoice",
    "latest_invoice": "invoice",
    "subscription": "subscription",
    "customer": "customer",
    "transfer": "transfer",
    "source": None,
    "line_items": None,
    "refunds": None,
    "reversals": None,
    "payments": None,
    "data": None,
}
# Those of Stripe that are not built.
UNBUILT = frozenset(
    {
        "application",
        "destination",
        "destination_payment",
        "discounts",
        "on_behalf_of",
        "payment_method",
        "price",
        "product",
        "review",
        "setup_intent",
        "source_transfer",
        "source_transfer_reversal",
        "transfer_reversal",
    }
)


def check_expand(key: Key, paths: list[str], account: str) -> None:
    """Refuse what cannot be expanded before anything runs: 400, 403 for the key, or 501 for what is not built."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST:
            raise invalid(
                f"You cannot expand more than {DEEPEST} levels of a property (Property: {path}).", param="expand"
            )
        for step in steps:
            if step in UNBUILT:
                raise UnsupportedError(f"expanding {path}", "expand")
            if step not in EXPANDABLE:
                raise _not_expandable(path)
            noun = EXPANDABLE[step]
            if noun is not None:
                key.demand(noun, Access.READ, account)


def _not_expandable(path: str) -> RefusedError:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")


def shown(platform: Platform, resource: Resource) -> Resource:
    """A copy of an object, or of a list of them, as an answer shows it now."""
    if isinstance(resource.get("data"), list) and resource.get("object") in {"list", "search_result", None}:
        return resource | {"data": [shown(platform, member) for member in resource["data"]]}
    view = VIEWS.get(resource.get("object", ""))
    return copy.deepcopy(view(platform, resource) if view else resource)


def expand(platform: Platform, resource: Resource, paths: list[str]) -> Resource:
    """Replace ids by objects along dotted paths that `check_expand` has let through."""
    for path in paths:
        _expand(platform, resource, path.split("."), path)
    return resource


def _expand(platform: Platform, node: Resource, steps: list[str], path: str) -> None:
    step, *rest = steps
    if node.get("object") == "list" and step == "data":
        for member in node["data"] if rest else ():
            _expand(platform, member, rest, path)
        return
    include = INCLUDABLE.get((node.get("object", ""), step))
    if include is not None and step not in node:
        node[step] = include(platform, node)
    elif step not in node:
        raise _not_expandable(path)
    value = node[step]
    if isinstance(value, str):
        value = node[step] = shown(platform, platform.find(value))
    if rest and isinstance(value, dict):
        _expand(platform, value, rest, path)
