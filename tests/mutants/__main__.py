"""`python -m tests.mutants`: the code is broken on purpose, one line at a time, and the tests have to notice.

Each mutant swaps an addressee, drops a reminder or skips a condition. It lives in a copy of `relais/` alone, and the
tests that are named for it run against that copy. One that survives is a rule that nothing guards.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.mutants.listed import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 300
OURS = frozenset(path.name for path in ROOT.iterdir() if path.is_dir())
"""The packages of this repository: what is forked must not hold them."""
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["moto", "moto.stepfunctions.parser.models", "boto3", "stripe", "jsonata", "jinja2"])
"""Imported once: what the tests need of others takes longer than the tests."""
OPTIONS = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
FAILED, PASSED, CRASHED = 1, 0, 70
"""What pytest ends with (docs.pytest.org, exit codes): anything else is no verdict."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: `killed`, `SURVIVED` or why nobody can say; by which test; how long it took."""

    word: str
    by: str
    seconds: float


def verdict(mutant: Mutant) -> Verdict:
    """Break a copy, run the tests that have to notice."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as place:
        folder = Path(place)
        try:
            _copy(folder)
            _break(folder, mutant)
        except MutantMisplacedError as error:
            return Verdict(str(error), "", time.monotonic() - began)
        code, by = _run(folder, mutant.tests)
    word = {FAILED: "killed", PASSED: "SURVIVED"}.get(code, f"NO VERDICT (pytest ended with {code})")
    return Verdict(word, by, time.monotonic() - began)


class MutantMisplacedError(ValueError):
    """The line that a mutant breaks is not there, or there more than once."""

    def __init__(self, mutant: Mutant, count: int) -> None:
        """Say where to look."""
        super().__init__(f"NO VERDICT ({mutant.file} has its line {count} times: list it anew)")


def _copy(folder: Path) -> None:
    for part in ROOT.iterdir():
        if part.name == "relais":
            shutil.copytree(part, folder / part.name)
        elif not part.name.startswith("."):
            (folder / part.name).symlink_to(part)


def _break(folder: Path, mutant: Mutant) -> None:
    path = folder / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.was) != 1:
        raise MutantMisplacedError(mutant, text.count(mutant.was))
    path.write_text(text.replace(mutant.was, mutant.now), encoding="utf-8")


def _run(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    said = folder / ".said"
    process = FORKS.Process(target=_pytest, args=(folder, tests, said))
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"the tests of a mutant took more than {SECONDS} seconds: {tests}")
    noticed = re.search(r"^(?:FAILED|ERROR) \S+::(\S+)", said.read_text(encoding="utf-8"), re.MULTILINE)
    return process.exitcode, "" if noticed is None else noticed[1]


def _pytest(folder: Path, tests: Sequence[str], said: Path) -> None:
    """In a process of its own, which has everybody else's modules already: ours are read from the copy."""
    with said.open("wb") as written:
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
    os.chdir(folder)
    sys.path[:] = [str(folder), *(one for one in sys.path if one and Path(one).resolve() != ROOT)]
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    os.environ["PYTEST_ADDOPTS"] = ""
    code = CRASHED
    try:
        code = int(pytest.main([*OPTIONS, *tests]))
    finally:
        sys.stdout.flush()
        os._exit(code)


def main() -> int:
    """Break and test them all, one for each core at a time; gives 1 where one was not killed."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as side_by_side:
        found = list(zip(MUTANTS, side_by_side.map(verdict, MUTANTS), strict=True))
    for mutant, one in found:
        sys.stdout.write(f"{one.word:<9} {one.seconds:5.1f} s  {mutant.name}  {one.by and f'({one.by})'}\n")
    killed = sum(one.word == "killed" for _, one in found)
    sys.stdout.write(f"{killed} of {len(found)} mutants killed\n")
    return 0 if killed == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
