"""Help that helps: every command says what it does and shows how it is called."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from relais.cli import app
from relais.cli.commands.secrets import Name
from relais.cli.stack import FUNCTIONS

ROOT = Path(__file__).parents[3]
EXTRAS = {"typer", "rich", "pydantic", "pydantic_core", "ruamel"}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


ALL = dict(commands(get_command(app)))


def test_the_commands_are_those_that_are_documented() -> None:
    """docs/cli.md is the reference; a command that it lacks does not exist for anybody."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert set(ALL) == {
        "catalog check",
        "catalog apply",
        "roster list",
        "roster show",
        "roster approve",
        "roster suspend",
        "roster trial",
        "roster pause",
        "roster resume",
        "roster rate",
        "roster forgive",
        "order list",
        "order show",
        "order withdraw",
        "order contract",
        "order cancel",
        "order refund",
        "order evidence",
        "order resume",
        "order address",
        "order reassign",
        "order bonus",
        "order answer",
        "order brief",
        "order hand-in",
        "order name",
        "order billing",
        "order move",
        "order promise",
        "order pause",
        "order go-on",
        "order revision",
        "order reopen",
        "order release-pay",
        "order hold-pay",
        "order close",
        "ledger show",
        "ledger check",
        "ledger report",
        "ledger trial",
        "order pay-by-bank",
        "order paid-by-bank",
        "ledger reconcile",
        "secrets set",
        "secrets list",
        "clock",
        "doctor",
        "simulate",
        "ops dead",
        "ops replay",
        "ops restart",
    }
    assert [name for name in ALL if f"`relais {name}" not in text] == []


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_help_and_an_example(name: str) -> None:
    """Somebody in trouble at night reads the help, not the source."""
    command = ALL[name]
    assert command.help
    assert f"relais {name}" in command.epilog
    assert all(option.help for option in command.params if option.name != "help")


@pytest.mark.parametrize("name", ALL)
def test_every_command_speaks_json(name: str) -> None:
    """Scripts never parse tables."""
    assert "--json" in [word for option in ALL[name].params for word in option.opts]


@pytest.mark.parametrize("name", [name for name in ALL if name not in {"catalog check", "simulate"}])
def test_every_command_that_needs_a_stack_takes_its_stage(name: str) -> None:
    """Checking files needs none, and a simulation brings its own."""
    assert "--stage" in [word for option in ALL[name].params for word in option.opts]


def test_the_secrets_are_those_that_the_templates_make() -> None:
    """A secret that the command does not know stays empty for ever."""
    tree = ast.parse((ROOT / "infra" / "names.py").read_text(encoding="utf-8"))
    (value,) = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SECRETS"
    ]
    assert set(ast.literal_eval(value)) == {name.value for name in Name}


def test_the_extras_libraries_are_imported_by_the_command_line_alone() -> None:
    """They are not in the layer: any function that imported one would not start."""
    outside = [
        (path.name, name)
        for path in (ROOT / "relais").rglob("*.py")
        if "cli" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in imported(node)
        if name.partition(".")[0] in EXTRAS
    ]
    assert outside == []


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_the_functions_are_those_that_the_templates_make() -> None:
    """One that the command does not know is neither looked at nor called again."""
    tree = ast.parse((ROOT / "infra" / "functions.py").read_text(encoding="utf-8"))
    (value,) = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "HANDLERS"
    ]
    assert isinstance(value, ast.Dict)
    assert [getattr(key, "value", None) for key in value.keys] == list(FUNCTIONS)
