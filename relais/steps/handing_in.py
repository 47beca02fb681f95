"""What a freelancer hands in besides the files, and what is looked at by itself. Design: people 2, 4 and 5b.

Nothing is stopped silently: a number or type that the offer requires is told before sending, and may be sent all the
same with a reason; all else is told to the seller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from relais.checks import REQUIRED, Found, ending, look
from relais.documents import AUTHORED, MOST_TEXT, PACKED, PLAIN, read_authors, read_words
from relais.offer import Disclosure
from relais.ports import Ports
from relais.problem import Problem
from relais.steps.situation import Situation

LINK_LIMIT = 500
MOST_LINKS = 10
HANDING_IN_FIELDS = frozenset({"links", "anyway"})


def read_links(typed: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The links of a form, one on each line, and what is wrong with them."""
    lines = [line.strip() for line in typed.get("links", "").splitlines()]
    links = tuple(dict.fromkeys(line for line in lines if line))
    if len(links) > MOST_LINKS:
        return (), (Problem("link_count", "links", {"limit": MOST_LINKS}),)
    wrong = [link for link in links if not _is_link(link)]
    return links, tuple(Problem("link_invalid", "links", {"link": link[:60]}) for link in wrong)


def _is_link(link: str) -> bool:
    """An address of the web, with nothing in it that hides where it leads."""
    if len(link) > LINK_LIMIT or not link.isprintable() or " " in link:
        return False
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host) and "@" not in parts.netloc


def looked_at(
    ports: Ports, situation: Situation, files: list[dict[str, Any]], links: tuple[str, ...]
) -> tuple[Found, ...]:
    """The offer's checks of a version, what is wrong first. Only texts and documents are opened."""
    asked, hidden = situation.offer.automatic, _hidden(situation)
    wants_words = bool(asked.least_words or asked.most_words)
    counts: list[int] = []
    authors: list[str] = []
    for file in files:
        kind = ending(file["name"])
        opened = (wants_words and kind in PLAIN | PACKED.keys()) or (hidden and kind in AUTHORED)
        if not opened or file["size"] > MOST_TEXT:
            continue
        body = ports.files.read(file["key"], file["upload"])
        count = read_words(file["name"], body) if wants_words else None
        counts += [] if count is None else [count]
        authors += read_authors(file["name"], body) if hidden else ()
    names = tuple(file["name"] for file in files)
    return look(asked, names, links, sum(counts) if counts else None, hidden, tuple(authors))


def _hidden(situation: Situation) -> tuple[str, ...]:
    """Whom the client may not know: the freelancer, unless the offer names them or the seller did the work."""
    engagement = None if situation.milestone is None else situation.milestone.engagement
    if engagement is None or engagement.by_hand or situation.freelancer is None:
        return ()
    named = situation.offer.policy.disclosure is Disclosure.BY_NAME
    return () if named else (situation.freelancer.name,)


def required(found: tuple[Found, ...], typed: Mapping[str, str]) -> tuple[Problem, ...]:
    """What the freelancer is told before sending, once: whoever sends it all the same says why."""
    missing = [one for one in found if one.check in REQUIRED and not one.ok]
    if not missing:
        return ()
    if typed.get("anyway") == "yes":
        return () if typed.get("note", "").strip() else (Problem("anyway_why", "note"),)
    return tuple(
        Problem(f"check_{one.check.value}", "file", {"asked": one.asked, "found": one.found}) for one in missing
    )
