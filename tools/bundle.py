"""Build what the functions run: two layers (arm64 to ship, this machine's for the local stack) and the handlers' code.

Both layers come from the same recipe and the same lock, ``requirements/runtime.txt``: wheels only, checked by hash, no
Docker. An input that didn't change isn't built again: each result stands beside the digest of what it was made of.
Each is a folder to look at and to measure, and the same as an archive, byte for byte the same for the same inputs.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOCK = ROOT / "requirements" / "runtime.txt"
PICTURES = ROOT / "requirements" / "pictures.txt"
"""What one function draws with, in a layer of its own."""
LOCAL_PYTHON = ROOT / ".venv-ministack" / "bin" / "python"

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that the format knows
SHIPPED_PYTHON = "3.13"
# What an installed distribution leaves behind that differs from machine to machine; licences and metadata stay.
INSTALLER_NOTES = {"RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json", "uv_cache.json"}
NOT_SHIPPED = {"__pycache__", "tests", "bin"}
# Folders that are imported for type checking only: a third of all files of the layer, unpacked at every cold start.
ONLY_TYPES = ("stripe/params",)
LEFT_OUT_OF_RELAIS = {"__pycache__", "cli"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a layer runs: how uv chooses its wheels, and an interpreter that compiles for it, if one is here."""

    name: str
    choose: tuple[str, ...]
    compiler: str | None
    version: str
    whole: bool
    """Whether the layer holds the dependencies; else it says where on this machine they are."""


def main() -> None:
    """Build the functions' code and both layers under ``build/``, or only the layers named (``arm64``, ``local``)."""
    build_functions()
    for target in (shipped(), local()):
        if target.name in (sys.argv[1:] or [target.name]):
            build_layer(target)
            build_pictures(target)


def shipped() -> Target:
    """AWS Lambda's Python on arm64."""
    # Lambda's Python 3.13 runs on Amazon Linux 2023 (glibc 2.34): what was built for 2.28 or older runs there.
    choose = ("--python-platform", "aarch64-manylinux_2_28", "--python-version", SHIPPED_PYTHON)
    return Target("arm64", choose, find_python(SHIPPED_PYTHON), SHIPPED_PYTHON, whole=True)


def local() -> Target:
    """The interpreter that the local cloud runs its functions with.

    It unpacks a layer for every worker that it starts, in one process for all: two thousand files each would take
    longer than the functions themselves.
    """
    version = minor_version(str(LOCAL_PYTHON))
    if version is None:
        sys.exit("The local cloud's environment is missing: run `make setup`.")
    return Target("local", ("--python", str(LOCAL_PYTHON)), str(LOCAL_PYTHON), version, whole=False)


def find_python(version: str) -> str | None:
    """An interpreter of this minor version that runs here, or None: the layer then ships without bytecode."""
    candidates = (sys.executable, f"python{version}", str(ROOT / ".tools" / "uv" / "bin" / "python"))
    return next((candidate for candidate in candidates if minor_version(candidate) == version), None)


def minor_version(python: str) -> str | None:
    """What ``major.minor`` the command answers, None if it doesn't run."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def build_functions() -> None:
    """All handlers in one small asset: ``build/functions/functions/...``."""
    sources = list(files_of(ROOT / "functions", {"__pycache__"}))
    with Rebuilt(BUILD / "functions", digest([Path(__file__), *sources])) as place:
        if place:
            copy(sources, ROOT, place)
            archive(place, BUILD / "functions.zip")


def build_layer(target: Target) -> None:
    """``build/layer-<target>/python``: relais without its command line and the locked dependencies, compiled."""
    sources = list(files_of(ROOT / "relais", LEFT_OUT_OF_RELAIS))
    installed = dependencies(target, LOCK, BUILD / f"dependencies-{target.name}")
    words = (target.name, target.version, str(target.compiler is not None), "" if target.whole else str(installed))
    inputs = digest([Path(__file__), LOCK, *sources], *words)
    with Rebuilt(BUILD / f"layer-{target.name}", inputs) as place:
        if not place:
            return
        if target.whole:
            shutil.copytree(installed, place / "python")
        else:
            lead_to(installed, "relais", place / "python" / "lib" / f"python{target.version}" / "site-packages")
        copy(sources, ROOT, place / "python")
        if target.compiler:
            compile_all(place / "python" / "relais", place / "python", target.compiler)
        archive(place, BUILD / f"layer-{target.name}.zip")


def build_pictures(target: Target) -> None:
    """``build/layer-pictures-<target>/python``: what reads and draws pictures, by the same recipe."""
    installed = dependencies(target, PICTURES, BUILD / f"dependencies-pictures-{target.name}")
    words = (target.name, target.version, "" if target.whole else str(installed))
    with Rebuilt(BUILD / f"layer-pictures-{target.name}", digest([Path(__file__), PICTURES], *words)) as place:
        if not place:
            return
        if target.whole:
            shutil.copytree(installed, place / "python")
        else:
            lead_to(installed, "pictures", place / "python" / "lib" / f"python{target.version}" / "site-packages")
        archive(place, BUILD / f"layer-pictures-{target.name}.zip")


def lead_to(installed: Path, name: str, site_packages: Path) -> None:
    """Have the interpreter look there first, as it does in a layer that holds everything."""
    site_packages.mkdir(parents=True)
    (site_packages / f"{name}.pth").write_text(f"import sys; sys.path.insert(0, {str(installed)!r})\n")


def dependencies(target: Target, lock: Path, where: Path) -> Path:
    """An installed lock, pruned and compiled; a place of its own, so that a change in relais doesn't install again."""
    inputs = digest([Path(__file__), lock], target.name, target.version, str(target.compiler is not None))
    with Rebuilt(where, inputs) as place:
        if not place:
            return where
        command = [str(ROOT / "tools" / "uv"), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        wheels = ["--only-binary", ":all:", "--link-mode", "copy", "--target", str(place), *target.choose]
        subprocess.run([*command, *wheels, "--requirement", str(lock)], check=True)
        prune(place)
        if target.compiler:
            compile_all(place, place, target.compiler)
    return where


def prune(place: Path) -> None:
    """Leave out tests, scripts, what only type checkers read, and the installer's notes."""
    for folder in ONLY_TYPES:
        shutil.rmtree(place / folder, ignore_errors=True)
    for found in sorted(place.rglob("*"), reverse=True):
        if found.is_dir() and found.name in NOT_SHIPPED:
            shutil.rmtree(found)
        elif found.parent.suffix == ".dist-info" and found.name in INSTALLER_NOTES:
            found.unlink()
    (place / ".lock").unlink(missing_ok=True)


def compile_all(place: Path, root: Path, python: str) -> None:
    """Write bytecode that is never checked against its source: Lambda can't write it, and files' dates are not ours."""
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/opt/python", "-q"]
    # A fixed seed: sets in constants would otherwise be stored in another order each time.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run([python, "-m", "compileall", *options, str(place)], check=True, env=environment)


class Rebuilt:
    """A folder with the digest of its inputs beside it: gives a new place to fill if they differ, else None.

    The new folder takes the old one's place only when it is complete. Of several at once one builds, and the others
    wait for what it made; the lock ends with its process.
    """

    def __init__(self, where: Path, inputs: str) -> None:
        self.where = where
        self.inputs = inputs
        self.mark = where.with_name(where.name + ".inputs")
        self.place = where.with_name(f"{where.name}.{os.getpid()}")

    def __enter__(self) -> Path | None:
        self.where.parent.mkdir(parents=True, exist_ok=True)
        self.lock = self.where.with_name(self.where.name + ".lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        if self.where.is_dir() and self.mark.is_file() and self.mark.read_text() == self.inputs:
            return None
        print(f"Building {self.where.relative_to(ROOT)} ...")
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        return self.place

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        with self.lock:
            self._take_its_place(failure)

    def _take_its_place(self, failure: type[BaseException] | None) -> None:
        if not self.place.is_dir():
            return
        if failure:
            shutil.rmtree(self.place)
            return
        self.mark.unlink(missing_ok=True)
        shutil.rmtree(self.where, ignore_errors=True)
        self.place.rename(self.where)
        self.mark.write_text(self.inputs)


def files_of(folder: Path, without: set[str]) -> Iterator[Path]:
    """Every file under a folder, in a fixed order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not without.intersection(path.relative_to(folder).parts):
            yield path


def copy(sources: Iterable[Path], root: Path, place: Path) -> None:
    """Copy files to the same relative path under ``place``."""
    for source in sources:
        goal = place / source.relative_to(root)
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, goal)


def archive(place: Path, goal: Path) -> None:
    """Pack a folder so that the same content gives the same bytes: fixed order, dates and modes."""
    new = goal.with_name(f"{goal.name}.{os.getpid()}")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for path in files_of(place, set()):
            entry = zipfile.ZipInfo(path.relative_to(place).as_posix(), EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())
    new.rename(goal)


def digest(files: Iterable[Path], *words: str) -> str:
    """One digest of names, contents and words."""
    total = hashlib.sha256("\0".join(words).encode())
    for path in files:
        total.update(f"\0{path.relative_to(ROOT)}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


if __name__ == "__main__":
    main()
