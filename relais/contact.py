"""What in a message lets people who are hidden from each other reach each other: addresses, numbers, names.

Pure. A finding is told before anything is sent; whoever writes may leave it out, or send it all the same (design:
people 2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

_ADDRESS = re.compile(r"[\w.+-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?\d(?:[\s.()/-]{0,2}\d){8,14}(?!\w)")
_HANDLE = re.compile(r"(?:https?://|www\.|wa\.me/|t\.me/|instagram\.com/|linkedin\.com/)\S+", re.IGNORECASE)
_SHORTEST_NAME = 3


class Contact(StrEnum):
    """What was found."""

    ADDRESS = "address"
    PHONE = "phone"
    LINK = "link"
    NAME = "name"


def contacts_in(text: str, names: Iterable[str] = ()) -> tuple[Contact, ...]:
    """Return what of a message names somebody or leads to them; `names` are those that its reader may not know."""
    found = [
        contact
        for contact, pattern in ((Contact.ADDRESS, _ADDRESS), (Contact.PHONE, _PHONE), (Contact.LINK, _HANDLE))
        if pattern.search(text)
    ]
    words = set(re.findall(r"\w+", _plain(text)))
    named = any(part in words for name in names for part in _parts(name))
    return (*found, *((Contact.NAME,) if named else ()))


def _parts(name: str) -> list[str]:
    return [part for part in re.findall(r"\w+", _plain(name)) if len(part) >= _SHORTEST_NAME]


def _plain(text: str) -> str:
    """Without accents and capitals."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter))
