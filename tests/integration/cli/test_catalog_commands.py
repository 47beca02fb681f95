"""`relais catalog`: every mistake at once, or everything applied."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from relais.rows import SHOP_KEY
from relais.steps.situation import read_shop

SAMPLE = Path(__file__).parents[3] / "catalog"


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """The sample shop with two offers that are refused."""
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "catalog"))
    for name in ("logo-too-dear.yaml", "logo-with-mistakes.yaml"):
        shutil.copy(folder / "refused" / name, folder / "offers" / name)
    return folder


def test_check_prints_what_each_offer_earns_and_needs_no_stack(relais: Any) -> None:
    """290 less 130 less 4.60: the sum that decides whether an offer is worth selling."""
    checked = relais("catalog", "check", str(SAMPLE), "--json").json
    assert checked["valid"] is True
    (logo,) = [one for one in checked["offers"] if one["slug"] == "logo"]
    assert (logo["price"], logo["cost"], logo["card_fee"], logo["margin"]) == (29_000, 13_000, 460, 15_540)
    assert logo["currency"] == "eur"
    table = relais("catalog", "check", str(SAMPLE))
    assert (table.code, all(word in table.out for word in ("€290", "€4.60", "€155.40"))) == (0, True)


@pytest.mark.parametrize("command", ["check", "apply"])
def test_every_mistake_is_told_with_file_and_line_and_nothing_is_applied(
    world: Any, relais: Any, spoilt: Path, command: str
) -> None:
    """A half-applied shop is worse than an old one."""
    said = relais("catalog", command, str(spoilt))
    assert (said.code, said.out) == (1, "")
    assert f"{spoilt}/offers/logo-too-dear.yaml:" in said.err
    assert "short by" in said.err
    document = relais("catalog", command, str(spoilt), "--json").json
    assert document["valid"] is False
    assert len(document["errors"]) > 5
    assert all(one["line"] >= 1 and one["message"] and Path(one["file"]).is_file() for one in document["errors"])
    assert world.store.get(SHOP_KEY) is None


def test_apply_says_what_became_of_each_offer(world: Any, relais: Any) -> None:
    """New, then unchanged: applying twice is safe."""
    first = relais("catalog", "apply", str(SAMPLE), "--json").json
    assert (first["wrote"], first["shop"]) == (True, "new")
    assert [(one["slug"], one["version"], one["step"]) for one in first["offers"]] == [
        ("articles", 1, "new"),
        ("logo", 1, "new"),
    ]
    assert {one["step"] for one in first["roster"]} == {"new"}
    assert read_shop(world.store)[0].brand == "Atelier Mistral"
    again = relais("catalog", "apply", str(SAMPLE))
    assert "nothing was written" in again.out


def test_the_folder_is_catalog_unless_another_is_named(relais: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`relais catalog check` beside the shop's files is all there is to type."""
    monkeypatch.chdir(SAMPLE.parent)
    assert relais("catalog", "check", "--json").json["path"] == "catalog"


def test_a_folder_without_a_catalogue_is_told_as_mistakes(relais: Any, tmp_path: Path) -> None:
    """No traceback for a mistyped path."""
    said = relais("catalog", "check", str(tmp_path / "nowhere"))
    assert said.code == 1
    assert "shop.yaml:1" in said.err
