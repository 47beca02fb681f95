"""What a request may say, checked against the official library's own parameter types.

Each of Stripe's parameter TypedDicts is mirrored once, with unknown keys forbidden and form-encoded leaves parsed as
Stripe parses them, and handed to pydantic. Two differences from the library's types are deliberate: the request
options it mixes in (`api_key` …) are no parameters, and an enumeration it leaves open for later versions (`…|str`) is
closed, as the API itself closes it.
"""

import functools
import importlib
import re
import sys
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ForwardRef, Literal, NotRequired, Required, Union, get_args, get_origin

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from stripe._request_options import RequestOptions
from typing_extensions import TypedDict, is_typeddict

from devstack.stripe_sandbox.errors import RefusedError, UnsupportedError, invalid
from devstack.stripe_sandbox.forms import display

OPTIONS = frozenset(RequestOptions.__annotations__)
INTEGER = re.compile(r"^-?[0-9]+$")
Path = tuple[str | int, ...]


class Wire(Enum):
    """How the body travels: v1 sends forms, where every leaf is text; v2 sends JSON."""

    FORM = "form"
    JSON = "json"


class _Untyped:
    """Stands in for the library's `UntypedStripeObject`, which is a hash at run time."""

    def __class_getitem__(cls, item: object) -> object:
        return dict[str, item]  # type: ignore[valid-type]


def _integer(value: object) -> object:
    if isinstance(value, str) and INTEGER.match(value):
        return int(value)
    raise ValueError("integer")


def _boolean(value: object) -> object:
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("boolean")


def _text(value: object) -> object:
    if value == "":
        raise ValueError("empty")
    return value


FORM_LEAVES: dict[type, Any] = {
    int: Annotated[int, BeforeValidator(_integer)],
    bool: Annotated[bool, BeforeValidator(_boolean)],
    str: Annotated[str, BeforeValidator(_text)],
}


def _type(name: str) -> Any:  # noqa: ANN401
    """The library's type for `stripe.params.checkout:SessionCreateParams`."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


@functools.cache
def adapter(name: str, wire: Wire) -> TypeAdapter[dict[str, Any]]:
    """The check for one of the library's parameter types, named `module:Class`."""
    mirrored: Any = _mirror_dict(_type(name), wire)
    return TypeAdapter(mirrored)


@functools.cache
def _mirror_dict(source: Any, wire: Wire) -> Any:  # noqa: ANN401
    module = sys.modules[source.__module__]
    mixes_options = set(source.__annotations__) >= OPTIONS
    fields = {
        name: _field(annotation, module, wire)
        for name, annotation in source.__annotations__.items()
        if name not in OPTIONS or not mixes_options
    }
    make: Any = TypedDict
    mirrored = make(source.__name__, fields)
    mirrored.__pydantic_config__ = ConfigDict(extra="forbid", strict=wire is Wire.JSON)
    return mirrored


def _field(annotation: Any, module: types.ModuleType, wire: Wire) -> Any:  # noqa: ANN401
    resolved = _resolve(annotation, module)
    if get_origin(resolved) in {NotRequired, Required}:
        return get_origin(resolved)[_mirror(get_args(resolved)[0], module, wire)]
    return Required[_mirror(resolved, module, wire)]


def _resolve(annotation: Any, module: types.ModuleType) -> Any:  # noqa: ANN401
    while isinstance(annotation, str | ForwardRef):
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        annotation = eval(text, {**vars(module), "UntypedStripeObject": _Untyped})  # noqa: S307 - the library's own text
    return annotation


def _mirror(annotation: Any, module: types.ModuleType, wire: Wire) -> Any:  # noqa: ANN401
    annotation = _resolve(annotation, module)
    if is_typeddict(annotation):
        return _mirror_dict(annotation, wire)
    if annotation in FORM_LEAVES:
        return FORM_LEAVES[annotation] if wire is Wire.FORM else annotation
    if annotation is Decimal:
        return Annotated[str, BeforeValidator(_decimal)]
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType}:
        return Union[tuple(_mirror(part, module, wire) for part in _closed(annotation, module))]  # noqa: UP007
    if origin is dict:
        return annotation  # the caller's own keys; an empty value unsets one
    if origin is list:
        return list[_mirror(get_args(annotation)[0], module, wire)]  # type: ignore[misc]
    return annotation


def _decimal(value: object) -> object:
    if isinstance(value, str) and re.match(r"^-?[0-9]+(\.[0-9]+)?$", value):
        return value
    raise ValueError("decimal")


def _closed(union: Any, module: types.ModuleType) -> Iterator[Any]:  # noqa: ANN401
    """Close the members of a union: no bare string beside an enumeration that has more to say than 'empty'."""
    parts = [_resolve(part, module) for part in get_args(union)]
    closed = any(get_origin(part) is Literal and any(get_args(part)) for part in parts)
    for part in parts:
        if part is str and closed:
            continue
        yield part


def check(name: str, wire: Wire, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, parsed. Raises RefusedError (400) as Stripe words it for the first one that is wrong."""
    try:
        return adapter(name, wire).validate_python(dict(given))
    except ValidationError as error:
        problems = [(_path(given, problem["loc"], problem["type"]), problem) for problem in error.errors()]
    # Of a union every branch complains: the one that went deepest into the value knows most.
    path, problem = max(problems, key=lambda found: len(found[0]))
    raise _refusal(path, dict(problem), given)


def _path(given: object, location: tuple[str | int, ...], kind: str) -> Path:
    """The parameter's own path: pydantic's location without the names of union branches."""
    path: list[str | int] = []
    node = given
    for index, step in enumerate(location):
        inside = (isinstance(node, Mapping) and step in node) or (
            isinstance(node, list) and isinstance(step, int) and step < len(node)
        )
        if inside:
            node = node[step]  # type: ignore[index]
            path.append(step)
        elif kind == "missing" and index == len(location) - 1:
            path.append(step)
    return tuple(path)


def _value(given: object, path: Path) -> object:
    for step in path:
        given = given[step]  # type: ignore[index]
    return given


def _refusal(path: Path, problem: dict[str, Any], given: Mapping[str, Any]) -> RefusedError:
    param = display(path) if path else ""
    match problem["type"]:
        case "extra_forbidden":
            return invalid(f"Received unknown parameter: {param}", param=param, code="parameter_unknown")
        case "missing":
            return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")
        case _ if _value(given, path) == "":
            text = (
                f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a field; "
                f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a "
                "non-empty value."
            )
            return invalid(text, param=param, code="parameter_invalid_empty")
        case "literal_error":
            allowed = str(problem["ctx"]["expected"]).replace("'", "")
            return invalid(f"Invalid {param}: must be one of {allowed}", param=param)
        case "value_error":
            noun = str(problem["ctx"]["error"])
            code = "parameter_invalid_integer" if noun == "integer" else None
            return invalid(f"Invalid {noun}: {_value(given, path)}", param=param, code=code)
        case "int_type" | "int_from_float":
            return invalid(f"Invalid integer: {_value(given, path)}", param=param, code="parameter_invalid_integer")
        case "list_type":
            return invalid("Invalid array", param=param)
        case "string_type":
            return invalid(f"Invalid string: {_value(given, path)}", param=param)
        case _:
            return invalid("Invalid object", param=param)


def leaves(given: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every leaf with its path; an empty list or hash is a leaf of its own."""
    if isinstance(given, Mapping) and given:
        for key, value in given.items():
            yield from leaves(value, (*path, key))
    elif isinstance(given, list) and given:
        for index, value in enumerate(given):
            yield from leaves(value, (*path, index))
    else:
        yield path, given


def _pattern(path: Path) -> str:
    """`line_items[].price_data.currency`: how a route lists what it implements; keys of metadata are all one."""
    words: list[str] = []
    for step in path:
        if isinstance(step, int):
            words[-1] += "[]"
        elif words and words[-1] == "metadata":
            words.append("*")
        else:
            words.append(step)
    return ".".join(words)


def supported(
    route: str,
    given: Mapping[str, Any],
    patterns: frozenset[str],
    only: Mapping[str, tuple[object, ...]],
) -> None:
    """Raise UnsupportedError (501) for the first parameter or value that is right at Stripe and not built here yet."""
    for path, value in leaves(given):
        if value in ({}, []):
            continue
        pattern = _pattern(path)
        if pattern in only and value in only[pattern]:
            continue
        param = display(path)
        if pattern in only:
            raise UnsupportedError(f"{param}={value} of {route}", param)
        if pattern not in patterns and pattern not in {"expand[]", "expand"}:
            raise UnsupportedError(f"the parameter {param} of {route}", param)
