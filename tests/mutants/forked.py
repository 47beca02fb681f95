"""Tests in a process that is forked with everybody else's modules: ours are read from a copy.

In a module of its own, for what is forked finds its function by the name of its module.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = frozenset(path.name for path in ROOT.iterdir() if path.is_dir())
"""The packages of this repository: what is forked must not hold them."""
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["moto", "moto.stepfunctions.parser.models", "boto3", "stripe", "jsonata", "jinja2"])
"""Imported once: what the tests need of others takes longer than the tests."""
OPTIONS = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
CRASHED = 70


def run_tests(folder: Path, tests: Sequence[str], said: Path) -> None:
    """Run tests on the copy in `folder`, write what pytest says, end with its code."""
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
