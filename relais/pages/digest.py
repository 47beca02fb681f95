"""The mail that lists the seller's open decisions, most urgent first: what, for whom, until when, or else what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relais.pages import words
from relais.pages.phrases import first_name, part_label

if TYPE_CHECKING:
    from relais.pages.digest_views import Card, DigestView
    from relais.pages.letters import Letter


@dataclass(frozen=True, slots=True, repr=False)
class Item:
    """A card as it is set: its title, what it is about, until when, what happens otherwise, its button."""

    title: str
    about: str
    until: str
    otherwise: str
    link: str


def digest(view: DigestView) -> Letter:
    """What the digest says."""
    from relais.pages.letters import Letter  # it writes this one too

    lang, zone, count = words.language(view.frame.lang), view.frame.zone, len(view.cards) + view.more
    late = sum(card.late for card in view.cards)
    first = next((card.gate.deadline for card in view.cards if card.gate.deadline is not None and not card.late), None)
    when = "" if first is None else words.when(first, lang, zone, "short")
    key = "late" if late else "first" if when else "any"
    items = tuple(_item(card, lang, zone) for card in view.cards)
    more = (words.say(lang, "mail.digest.more", count=view.more),) if view.more else ()
    return Letter(
        subject=words.say(lang, f"mail.digest.subject.{key}", count=count, late=late, until=when),
        preheader=f"{items[0].title} · {items[0].about}" if items else "",
        hello=words.say(lang, "mail.hello", name=first_name(view.frame.shop.seller)),
        lead=(words.say(lang, "mail.digest.lead", count=count), *more),
        facts=(),
        note=None,
        brief=(),
        terms=(),
        refunds=(),
        button=words.say(lang, "mail.digest.button"),
        link=None,
        contract=None,
        reminded=None,
        why="",
        cards=items,
    )


def _item(card: Card, lang: str, zone: str) -> Item:
    gate = card.gate
    part = part_label(card.offer, None if gate.id.of_order else gate.id.milestone, lang)
    title = words.typeset(card.offer.title.in_(lang), lang)
    name = first_name(card.maker) or words.say(lang, "fact.unknown")
    about = " · ".join(one for one in (title, part, card.client) if one)
    at = None if gate.deadline is None else words.when(gate.deadline, lang, zone)
    until = "" if at is None else words.say(lang, "mail.digest.late" if card.late else "mail.digest.until", at=at)
    otherwise = "" if card.late else words.contract(gate, lang, zone)
    return Item(words.say(lang, f"gate.{gate.id.kind.value}.title", name=name), about, until, otherwise, card.link)
