"""The table of failures names tests that exist: whoever renames one renames it there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TABLE = (ROOT / "docs" / "failures.md").read_text("utf-8")
IN_SCOPE = {*range(1, 12), *range(20, 29), 32, *range(35, 41)}
NOT_YET: set[int] = set()
"""What the table says is not built yet."""
PLAYED = frozenset({"scenario", "way_out"})


def rows() -> dict[int, list[str]]:
    """Each failure with the tests that it names."""
    found = re.findall(r"^\| (\d+) \|(.*)$", TABLE, re.MULTILINE)
    return {int(number): re.findall(r"`(tests/[^`]+)`", row) for number, row in found}


@cache
def functions(path: str) -> dict[str, frozenset[str]]:
    """The functions of a file, each with the names of its decorators; nothing is imported."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {
        node.name: frozenset(one.id for one in node.decorator_list if isinstance(one, ast.Name))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def used(path: str, name: str) -> bool:
    """Whether something runs it: a test, a scenario, or what a list of the same file names."""
    decorators = functions(path)[name]
    if name.startswith("test_") or decorators & PLAYED:
        return True
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    lists = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    return any(isinstance(one, ast.Name) and one.id == name for value in lists for one in ast.walk(value))


def test_every_failure_of_the_scope_has_its_line() -> None:
    """One that is left out would be one that nobody has thought of."""
    assert set(rows()) == IN_SCOPE
    assert {number for number, tests in rows().items() if not tests} == NOT_YET
    assert all("**Not yet**" in line for line in TABLE.splitlines() if line.endswith("none yet |"))


@pytest.mark.parametrize("name", sorted({one for tests in rows().values() for one in tests}))
def test_every_test_that_the_table_names_exists_and_is_run(name: str) -> None:
    """A proof that was renamed away, or that nothing runs any more, proves nothing."""
    path, _, function = name.partition("::")
    assert function in functions(path)
    assert used(path, function)
