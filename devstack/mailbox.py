"""The mailbox of the local stack: every mail that was sent, newest first, to click through a whole journey."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"
# Links open in a page of their own, outside the frame that a mail is shown in.
NEW_PAGE = '<base target="_blank">'


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as the local cloud kept it; `number` counts from 1, the oldest."""

    number: int
    at: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str


def read_mails(kept: dict[str, Any]) -> tuple[Mail, ...]:
    """Read what the local cloud tells of its mails, oldest first."""
    messages = [message for account in kept.get("messages", {}).values() for message in account]
    return tuple(
        Mail(
            number=number,
            at=datetime.fromtimestamp(float(message["Timestamp"]), UTC).isoformat(timespec="seconds"),
            sender=_decoded(message["Source"]),
            to=tuple(message["To"]),
            subject=message["Subject"],
            text=message["BodyText"] or "",
            html=message["BodyHtml"] or "",
        )
        for number, message in enumerate(messages, start=1)
    )


def _decoded(text: str) -> str:
    return str(make_header(decode_header(text)))


def as_json(mails: Sequence[Mail]) -> str:
    """All mails, newest first."""
    return json.dumps([asdict(mail) for mail in reversed(mails)], ensure_ascii=False, indent=2)


def list_page(mails: Sequence[Mail]) -> str:
    """The page with all mails, newest first."""
    return _template("mailbox.html").render(mails=list(reversed(mails)))


def mail_page(mail: Mail) -> str:
    """One mail: as people see it, in a frame that may do nothing but open links, and as text."""
    return _template("mail.html").render(mail=mail, shown=NEW_PAGE + mail.html)


def starting_page(what: str) -> str:
    """Shown while the stack is not ready yet; loads itself again."""
    return _template("starting.html").render(what=what)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)
