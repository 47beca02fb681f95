"""What the seller's digest is given to show; apart from the views of other mails: few shops want it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relais.gate import Gate
    from relais.offer import Offer
    from relais.pages.frame import Frame


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """One open decision: its gate, with the link behind which it is decided; `late` if its deadline has passed."""

    gate: Gate
    offer: Offer
    client: str
    maker: str
    link: str
    late: bool


@dataclass(frozen=True, slots=True, repr=False)
class DigestView:
    """The seller's digest: its cards, most urgent first, and how many `more` decisions wait."""

    frame: Frame
    to: str
    cards: tuple[Card, ...]
    more: int
