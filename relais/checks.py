"""What is looked at by itself when a version is handed in (design: people 4 and 5b, the offer's checks).

Pure: names, texts and numbers in, findings out. A finding never stops a hand-in; what the offer requires is told to the
freelancer first, and everything to the seller, who decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SHORTEST_NAME = 4
"""A shorter part of a name says nothing: "Max" is also a word."""


class Check(StrEnum):
    """What can be looked at."""

    COUNT = "count"
    TYPES = "types"
    WORDS = "words"
    NAMES = "names"
    AUTHORS = "authors"


REQUIRED = frozenset({Check.COUNT, Check.TYPES})
"""What the freelancer is told before sending: anything else the seller sees."""


@dataclass(frozen=True, slots=True, repr=False)
class Automatic:
    """What an offer asks of every version: how many files at least, of which types (lower case), how many words."""

    files: int = 0
    types: tuple[str, ...] = ()
    least_words: int = 0
    most_words: int = 0

    def to_row(self) -> dict[str, Any]:
        """Return it as plain values; nothing where nothing is asked."""
        row = {
            "files": self.files,
            "types": list(self.types),
            "least_words": self.least_words,
            "most_words": self.most_words,
        }
        return {name: value for name, value in row.items() if value}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Automatic:
        """Rebuild it from `to_row`."""
        return cls(
            files=int(row.get("files", 0)),
            types=tuple(row.get("types", ())),
            least_words=int(row.get("least_words", 0)),
            most_words=int(row.get("most_words", 0)),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """One check: whether it is as it should be, what was asked and what was found, as numbers or short lists."""

    check: Check
    ok: bool
    asked: str
    found: str

    def to_row(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"check": self.check.value, "ok": self.ok, "asked": self.asked, "found": self.found}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Found:
        """Rebuild it from `to_row`."""
        return cls(Check(row["check"]), row["ok"], row["asked"], row["found"])


def ending(name: str) -> str:
    """The type of a file by its name, lower case; empty where it has none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def names_in(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Which people are named in a text: any part of their name that is long enough to mean them."""
    said = set(_parts(text))
    return tuple(name for name in names if said.intersection(_telling(name)))


def look(  # noqa: PLR0917 - what was handed in, and who may not be named in it
    asked: Automatic,
    files: tuple[str, ...],
    links: tuple[str, ...],
    words: int | None,
    hidden: tuple[str, ...],
    authors: tuple[str, ...],
) -> tuple[Found, ...]:
    """Every check that applies. `hidden` are the people whom the other side may not know, `authors` what files say.

    `words` is the sum over the files that could be read, None where there was none. What is not as it should be comes
    first.
    """
    found = [*_counted(asked, files), *_worded(asked, words), *_named((*files, *links), hidden, authors)]
    return tuple(sorted(found, key=lambda one: one.ok))


def _counted(asked: Automatic, files: tuple[str, ...]) -> list[Found]:
    kinds = {ending(name) for name in files}
    found = []
    if asked.files:
        found.append(Found(Check.COUNT, len(files) >= asked.files, str(asked.files), str(len(files))))
    if asked.types:
        missing = [kind for kind in asked.types if kind not in kinds]
        found.append(Found(Check.TYPES, not missing, ", ".join(asked.types), ", ".join(missing)))
    return found


def _worded(asked: Automatic, words: int | None) -> list[Found]:
    if not asked.least_words and not asked.most_words:
        return []
    within = words is not None and words >= asked.least_words and (not asked.most_words or words <= asked.most_words)
    wish = f"{asked.least_words}–{asked.most_words}" if asked.most_words else f"≥ {asked.least_words}"
    return [Found(Check.WORDS, within, wish, "" if words is None else str(words))]


def _named(files: tuple[str, ...], hidden: tuple[str, ...], authors: tuple[str, ...]) -> list[Found]:
    if not hidden:
        return []
    in_names = [file for file in files if names_in(file, hidden)]
    signed = [author for author in authors if names_in(author, hidden)]
    return [
        Found(Check.NAMES, not in_names, "", ", ".join(in_names)),
        Found(Check.AUTHORS, not signed, "", ", ".join(signed)),
    ]


def _parts(text: str) -> list[str]:
    return [part.lower() for part in re.findall(r"[^\W\d_]+", text)]


def _telling(name: str) -> set[str]:
    return {part for part in _parts(name) if len(part) >= SHORTEST_NAME}
