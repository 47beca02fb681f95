"""Imports point inward, the domain is pure, handlers only translate (design: design 4, docs/architecture.md)."""

import ast
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import pytest

ROOT = Path(__file__).parents[2]
MOST_HANDLER_LINES = 25
FORBIDDEN_TO_THE_DOMAIN = {"os", "uuid", "random", "secrets", "socket", "subprocess", "time", "threading", "http"}
READS_THE_CLOCK = {"now", "utcnow", "today"}


class Layer(StrEnum):
    """Where a module stands; the order of the members is from the inside out."""

    DOMAIN = "domain"
    STEPS = "steps"
    PAGES = "pages"
    ADAPTERS = "adapters"
    WIRING = "wiring"
    CLI = "cli"
    FUNCTIONS = "functions"
    OUTSIDE = "outside"


ALLOWED = {
    Layer.DOMAIN: {Layer.DOMAIN},
    Layer.STEPS: {Layer.DOMAIN, Layer.STEPS},
    Layer.PAGES: {Layer.DOMAIN, Layer.PAGES},
    Layer.ADAPTERS: {Layer.DOMAIN, Layer.ADAPTERS},
    Layer.WIRING: {Layer.DOMAIN, Layer.STEPS, Layer.PAGES, Layer.ADAPTERS, Layer.WIRING},
    Layer.CLI: {Layer.DOMAIN, Layer.STEPS, Layer.PAGES, Layer.ADAPTERS, Layer.WIRING, Layer.CLI},
    Layer.FUNCTIONS: {Layer.DOMAIN, Layer.STEPS, Layer.WIRING, Layer.FUNCTIONS},
}
LIBRARIES = {
    Layer.DOMAIN: frozenset[str](),
    Layer.STEPS: frozenset[str](),
    Layer.PAGES: frozenset({"jinja2", "markupsafe"}),
    Layer.FUNCTIONS: frozenset({"aws_lambda_powertools"}),
}
"""Libraries beside the standard one; a layer that is not named may import any."""


def layer_of(module: str) -> Layer:
    """The layer of a module by its name; what pages and mails are given is plain data and belongs to the domain."""
    parts = module.split(".")
    if parts[0] == "functions":
        return Layer.FUNCTIONS
    if parts[0] != "relais":
        return Layer.OUTSIDE
    if (
        module in {"relais.pages.digest_views", "relais.pages.frame", "relais.pages.letter_views", "relais.pages.views"}
        or len(parts) == 1
    ):
        return Layer.DOMAIN
    if parts[1].startswith("wiring"):  # one for each group of functions, so that none imports what it does not need
        return Layer.WIRING
    return Layer(parts[1]) if parts[1] in {"steps", "pages", "adapters", "cli"} else Layer.DOMAIN


def imports_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every import, inside functions too; `from relais import x` counts as relais.x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            packages = {"relais", "relais.pages", "functions"}
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module in packages else [node.module]
            )
            yield from ((node.lineno, str(name)) for name in names)


def violations(module: str, source: str) -> list[str]:
    """What a module does that its layer forbids, one sentence each."""
    layer, tree = layer_of(module), ast.parse(source)
    found = [wrong for line, name in imports_of(tree) for wrong in _import_violation(layer, module, line, name)]
    match layer:
        case Layer.DOMAIN:
            found += _impurities(module, tree)
        case Layer.FUNCTIONS:
            found += _handler_violations(module, tree)
        case Layer.STEPS | Layer.PAGES | Layer.ADAPTERS | Layer.WIRING | Layer.CLI | Layer.OUTSIDE:
            pass
        case _:
            assert_never(layer)
    return found


def _import_violation(layer: Layer, module: str, line: int, name: str) -> Iterator[str]:
    top = name.partition(".")[0]
    other = layer_of(name)
    if other is not Layer.OUTSIDE:
        if other not in ALLOWED[layer]:
            yield f"{module}:{line}: {layer} must not import {name} ({other})"
    elif top not in sys.stdlib_module_names and top not in LIBRARIES.get(layer, {top}):
        yield f"{module}:{line}: {layer} must not import the library {name}"
    elif layer is Layer.DOMAIN and top in FORBIDDEN_TO_THE_DOMAIN:
        yield f"{module}:{line}: the domain is pure and must not import {name}"


def _impurities(module: str, tree: ast.AST) -> list[str]:
    return [
        f"{module}:{node.lineno}: the domain must be given the time, not ask for it ({node.func.attr})"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS_THE_CLOCK
    ]


def _handler_violations(module: str, tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in {"environ", "getenv"}:
            found.append(f"{module}: a handler must not read the environment")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_HANDLER_LINES:
                found.append(f"{module}:{node.lineno}: {node.name} has {lines} lines, a handler at most 25")
    return found


def modules() -> list[Path]:
    """Every module of relais and functions that exists."""
    return sorted(path for folder in ("relais", "functions") for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_inward(path: Path) -> None:
    """A domain that knows the database cannot be tested without it, nor moved (design: design 4)."""
    assert violations(name_of(path), path.read_text(encoding="utf-8")) == []


def test_every_layer_is_really_looked_at() -> None:
    """A renamed folder must not turn the rule above into nothing."""
    seen = [layer_of(name_of(path)) for path in modules()]
    assert seen.count(Layer.DOMAIN) >= 10
    for layer, folder in (
        (Layer.STEPS, "relais/steps"),
        (Layer.ADAPTERS, "relais/adapters"),
        (Layer.FUNCTIONS, "functions"),
    ):
        if any((ROOT / folder).rglob("*.py")):
            assert seen.count(layer) >= 1
    handlers = [path for path in (ROOT / "functions").glob("*/*.py") if path.stem != "__init__"]
    assert not handlers or len(handlers) >= 10, "about ten functions, each in the folder of its step"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("relais.order", "import boto3"),
        ("relais.order", "from relais.steps import intake"),
        ("relais.order", "def f():\n    from relais.adapters.keys import TABLE"),
        ("relais.order", "import uuid"),
        ("relais.order", "from datetime import datetime\nx = datetime.now()"),
        ("relais.pages.views", "import jinja2"),
        ("relais.steps.intake", "import stripe"),
        ("relais.steps.intake", "from relais.adapters import dynamodb"),
        ("relais.steps.intake", "from relais import wiring"),
        ("relais.pages.render", "from relais.steps import show"),
        ("relais.adapters.ses", "from relais.steps.intake import pay"),
        ("relais.wiring", "import functions.intake.show_page"),
        ("functions.intake.show_page", "import boto3"),
        ("functions.intake.show_page", "import stripe"),
        ("functions.intake.show_page", "import os\nx = os.environ['A']"),
        ("functions.intake.show_page", "from os import environ\nx = environ"),
        ("functions.intake.show_page", "from relais.adapters import dynamodb"),
        ("functions.intake.show_page", "def handler(event, context):\n" + "    x = 1\n" * 25),
    ],
)
def test_a_module_that_reaches_outward_is_found(module: str, source: str) -> None:
    """Each rule is broken here once, so that none of them can silently stop working."""
    assert violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("relais.order", "from relais.money import shares\nimport decimal"),
        ("relais.steps.intake", "from relais.pages.views import OfferView\nfrom relais import order"),
        ("relais.pages.render", "import jinja2\nfrom relais.pages import views"),
        ("relais.adapters.stripe", "import stripe\nimport os\nfrom relais.ports import Store"),
        ("relais.wiring", "from relais.adapters import dynamodb\nfrom relais.steps import intake"),
        ("functions.intake.show_page", "from relais import wiring\nfrom aws_lambda_powertools import Logger"),
        ("functions.intake.show_page", "def handler(event, context):\n" + "    x = 1\n" * 24),
    ],
)
def test_a_module_that_keeps_to_its_layer_passes(module: str, source: str) -> None:
    """A rule that refuses what is meant gets switched off."""
    assert violations(module, source) == []
