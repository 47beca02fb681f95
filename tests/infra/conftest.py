"""The synthesized templates: what runs here is what ships, so the tests read nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.infra.reading import Stack, Synthesized

ROOT = Path(__file__).parent.parent.parent

# Node must not reach anything either; what it tries is written down.
NO_NETWORK = """
const net = require("net"), fs = require("fs");
fs.appendFileSync(process.env.WATCHED, "watching\\n");
net.Socket.prototype.connect = function (...args) {
  fs.appendFileSync(process.env.WATCHED, JSON.stringify(args[0]) + "\\n");
  throw new Error("no network in a synthesis");
};
"""


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """Synthesize once, with an environment that knows no account and a bundle of three tiny archives."""
    place = tmp_path_factory.mktemp("synthesized")
    (place / "build").mkdir()
    for name in ("functions", "layer-arm64", "layer-local", "layer-pictures-arm64", "layer-pictures-local"):
        with zipfile.ZipFile(place / "build" / f"{name}.zip", "w") as archive:
            archive.writestr("README", name)
    watch = place / "no-network.js"
    watch.write_text(NO_NETWORK, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    environment |= {"HOME": str(place), "NODE_OPTIONS": f"--require={watch}", "WATCHED": str(place / "watched.txt")}
    # A new home would have 60 MB of the CDK unpacked again.
    environment |= {"JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(ROOT / ".tools" / "jsii")}
    command = [sys.executable, "-O", "-m", "tests.infra.synthesize", str(place)]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-4000:]
    return Synthesized(place)


@pytest.fixture(scope="session")
def service(synthesized: Synthesized) -> Stack:
    """What runs an order, stage dev with every address given."""
    return synthesized.stack("arm64", "relais-dev")


@pytest.fixture(scope="session")
def data(synthesized: Synthesized) -> Stack:
    """What must survive, stage dev."""
    return synthesized.stack("arm64", "relais-dev-data")


@pytest.fixture(params=["dev", "prod"])
def both_stages(request: pytest.FixtureRequest, synthesized: Synthesized) -> tuple[Stack, Stack]:
    """Data and service stack of each stage in turn."""
    variant = "arm64" if request.param == "dev" else "prod"
    name = f"relais-{request.param}"
    return synthesized.stack(variant, f"{name}-data"), synthesized.stack(variant, name)
