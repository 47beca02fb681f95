"""Words and authors of the texts and documents that are handed in. Pure: bytes in, numbers and names out."""

from __future__ import annotations

import io
import re
from typing import Any

from relais.checks import ending

MOST_TEXT = 4 * 1024 * 1024
"""Files up to this size are read for their words (bytes); what is inside an archive may be no larger."""
PLAIN = frozenset({"txt", "md", "html", "htm", "csv"})
PACKED = {"docx": "word/document.xml", "odt": "content.xml"}
AUTHORED = {"docx": "docProps/core.xml", "odt": "meta.xml"}
AUTHOR_TAGS = frozenset({"creator", "lastModifiedBy", "initial-creator"})


def read_words(name: str, body: bytes) -> int | None:
    """How many words a text file has; None where it is of a kind that is not read, or cannot be."""
    kind = ending(name)
    if kind in PLAIN:
        text = body.decode("utf-8", errors="replace")
        return _words(re.sub(r"<[^>]*>", " ", text) if kind in {"html", "htm"} else text)
    if kind not in PACKED:
        return None
    inside = _member(body, PACKED[kind])
    return None if inside is None else _words(" ".join(_texts(inside)))


def read_authors(name: str, body: bytes) -> tuple[str, ...]:
    """Who a document says made it: the author and whoever saved it last."""
    inside = _member(body, AUTHORED[ending(name)]) if ending(name) in AUTHORED else None
    if inside is None:
        return ()
    found = [one.text or "" for one in _tree(inside) if one.tag.rpartition("}")[2] in AUTHOR_TAGS]
    return tuple(dict.fromkeys(text.strip() for text in found if text.strip()))


def _words(text: str) -> int:
    return len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text))


def _member(body: bytes, member: str) -> bytes | None:
    """One file of an archive, if it is there and not larger than what is read."""
    import zipfile  # no other answer needs it, and every cold start would load it

    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            if archive.getinfo(member).file_size > MOST_TEXT:
                return None
            with archive.open(member) as opened:
                return opened.read(MOST_TEXT + 1)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError):
        return None


def _tree(inside: bytes) -> list[Any]:
    """The elements of a document; none where it declares entities of its own, which may grow without end."""
    if b"<!DOCTYPE" in inside or b"<!ENTITY" in inside:
        return []
    from xml.etree.ElementTree import ParseError, XMLParser, fromstring  # likewise

    try:
        return list(fromstring(inside, parser=XMLParser()).iter())  # noqa: S314 (no entities, bounded in size)
    except ParseError:
        return []


def _texts(inside: bytes) -> list[str]:
    """The words of a document by its paragraphs: the runs of one are one text."""
    paragraphs = [one for one in _tree(inside) if one.tag.rpartition("}")[2] in {"p", "h"}]
    return ["".join(part for part in one.itertext()) for one in paragraphs]
