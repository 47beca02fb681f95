"""What every form is held to before its content is looked at.

Design: promise 4, workflow section 1 (links), failures section 10.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from relais.errors import RelaisError
from relais.pages.views import Problem
from relais.ports import Ports
from relais.web import Request

NOTE_LIMIT = 2_000
BRIEF_LIMIT = 20_000
FILE_LIMIT = 500 * 1024 * 1024
FILE_LIMIT_MB = 500
NAME_LIMIT = 150


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


def check_fields(request: Request, allowed: frozenset[str], prefixes: tuple[str, ...] = ()) -> None:
    """Refuse a form with a field that we never show (an amount, a currency). Raises `FieldUnknownError`."""
    for name in request.form:
        if name not in allowed and not name.startswith(prefixes or ("\x00",)):
            raise FieldUnknownError(name[:40])


def note_problems(note: str, *, required: bool) -> tuple[Problem, ...]:
    """What is wrong with the words that come with an answer."""
    if required and not note:
        return (Problem("note_missing", "note"),)
    if len(note) > NOTE_LIMIT:
        return (Problem("too_long", "note", {"limit": NOTE_LIMIT}),)
    return ()


def file_name_problem(name: str) -> Problem | None:
    """Names keep their letters, but no path and nothing invisible."""
    shown = "".join(letter for letter in name if letter.isprintable())[:60]
    unsafe = any(letter in '/\\:*?"<>|' or not letter.isprintable() for letter in name)
    if not name or name in {".", ".."} or unsafe or len(name) > NAME_LIMIT:
        return Problem("file_name", "file", {"name": shown})
    return None
