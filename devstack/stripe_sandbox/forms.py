"""Form-encoded bodies and queries with nested brackets, as Stripe's v1 reads them."""

import re
from typing import Any
from urllib.parse import parse_qsl

from devstack.stripe_sandbox.errors import invalid

NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
# Their keys are the caller's own: `metadata[0]` is a key named 0, not the first of a list.
FREE_FORM = frozenset({"metadata"})


def decode(text: str) -> dict[str, Any]:
    """Turn `line_items[0][quantity]=1` into nested dicts and lists; every leaf stays a string.

    Raises RefusedError (400) for brackets that do not close and for a name used both as a value and as a hash.
    """
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = NAME.match(name)
        if match is None:
            raise invalid(f"Invalid parameter name: {name}", param=name)
        _put(root, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value, name)
    return {key: _lists(value, key) for key, value in root.items()}


def _put(root: dict[str, Any], path: list[str], value: str, name: str) -> None:
    node = root
    for step in path[:-1]:
        inner = node.setdefault(step or str(len(node)), {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid hash: {name} is given both as a value and as a hash", param=name)
        node = inner
    last = path[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise invalid(f"Invalid hash: {name} is given both as a value and as a hash", param=name)
    node[last] = value


def _lists(value: Any, key: str) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        return value
    if key in FREE_FORM:
        return value
    if value and all(step.isdigit() for step in value):
        return [_lists(value[step], "") for step in sorted(value, key=int)]
    return {step: _lists(inner, step) for step, inner in value.items()}


def display(path: tuple[str | int, ...]) -> str:
    """The way Stripe names a nested parameter: `line_items[0][price_data][currency]`."""
    first, *rest = path
    return str(first) + "".join(f"[{step}]" for step in rest)
