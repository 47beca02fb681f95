"""What every form is held to before its content is looked at.

Design: promise 4, workflow section 1 (links), failures section 10.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from relais.errors import RelaisError
from relais.offer import Offer
from relais.ports import Ports
from relais.problem import Problem
from relais.web import Request

NOTE_LIMIT = 2_000
BRIEF_LIMIT = 20_000
FILE_LIMIT = 500 * 1024 * 1024
FILE_LIMIT_MB = 500
SIZE_DIGITS = 18
NAME_LIMIT = 150
NAME_SHOWN = 60
JOINER = "\u200d"
"""Joins emoji into one. Unseen and harmless, so it is left out of a file's name instead of the file being refused."""
DEVICES = frozenset({"con", "prn", "aux", "nul", *(port + number for port in ("com", "lpt") for number in "123456789")})
"""Names that Windows keeps for itself, whatever their ending (learn.microsoft.com, Naming Files)."""
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")
OTHER_MEDIA = "application/octet-stream"


class ForeignFormError(RelaisError):
    """A form sent from another site."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("this form came from another site: open the link of the mail and answer there")


class FieldUnknownError(RelaisError):
    """A form with a field that we never show: somebody changed it on the way."""

    def __init__(self, field: str) -> None:
        """Keep the field's name."""
        super().__init__(f"the form has a field {field} that is not ours: open the page again")
        self.field = field


class FieldRepeatedError(RelaisError):
    """A form in which a field stands twice that our pages show once: nobody knows which was meant."""

    def __init__(self, field: str) -> None:
        """Keep the field's name."""
        super().__init__(f"the form holds the field {field} more than once: open the page again")
        self.field = field


def check_origin(ports: Ports, request: Request) -> None:
    """Refuse a form of another site. Raises `ForeignFormError`.

    Browsers send `Sec-Fetch-Site`; where it is missing, `Origin` has to be ours (a page with `no-referrer` posts
    `Origin: null`).
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForeignFormError
        return
    ours = urlsplit(ports.settings.public_url)
    if request.headers.get("origin") != f"{ours.scheme}://{ours.netloc}":
        raise ForeignFormError


def check_fields(request: Request, allowed: frozenset[str], many: frozenset[str] = frozenset()) -> None:
    """Refuse a form with a field that we never show (an amount, a currency), or that we show once.

    `many` are the allowed fields that may stand several times. Raises `FieldUnknownError`, `FieldRepeatedError`.
    """
    for name, values in request.form.items():
        if name not in allowed:
            raise FieldUnknownError(name[:40])
        if len(values) > 1 and name not in many:
            raise FieldRepeatedError(name)


def note_problems(note: str, *, required: bool) -> tuple[Problem, ...]:
    """What is wrong with the words that come with an answer."""
    if required and not note:
        return (Problem("note_missing", "note"),)
    if len(note) > NOTE_LIMIT:
        return (Problem("too_long", "note", {"limit": NOTE_LIMIT}),)
    return ()


def clean_name(name: str) -> str:
    """A file's name as it is kept: its blanks are plain ones (systems put narrow ones around hours), emoji unjoined."""
    spaced = "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in name.strip())
    return spaced.replace(JOINER, "").strip()


def shown_name(name: str) -> str:
    """What can be shown of a file's name."""
    return "".join(letter for letter in name if letter.isprintable())[:NAME_SHOWN]


def file_name_problem(name: str) -> Problem | None:
    """Names keep their letters, but no path, nothing invisible, and nothing that some computer could not keep."""
    unsafe = any(letter in '/\\:*?"<>|' or not letter.isprintable() for letter in name)
    device = name.partition(".")[0].strip().lower() in DEVICES
    if not name or unsafe or device or name.endswith(".") or len(name) > NAME_LIMIT:
        return Problem("file_name", "file", {"name": shown_name(name), "limit": NAME_LIMIT})
    return None


def media_type(announced: str) -> str:
    """The type of a file as its browser announced it, where it is one; it is noted with the file, never believed."""
    lower = announced.strip().lower()
    return lower if MEDIA_TYPE.fullmatch(lower) else OTHER_MEDIA


def file_size(announced: str) -> int | None:
    """How many bytes a file has by its own account, or nothing where that is no number of bytes."""
    return int(announced) if announced.isascii() and announced.isdigit() and len(announced) <= SIZE_DIGITS else None


def too_many(offer: Offer) -> Problem:
    """More files than an offer takes."""
    return Problem("file_count", "file", {"limit": offer.max_files})


def file_name(key: str) -> str:
    """The name that its owner gave a file: the last part of its key, after the digest."""
    return key.rsplit("/", 1)[-1].partition("-")[2]
