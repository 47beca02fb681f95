"""What surrounds pages and mails alike.

Links are whole addresses made by the steps; times are UTC and printed in the zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from relais.shop import Shop


@dataclass(frozen=True, slots=True, repr=False)
class Frame:
    """What surrounds every page and mail: shop, language, zone, public address, the page's own path.

    `other_lang` is the address of the same page in the other language, where there is one.
    """

    shop: Shop
    lang: str
    zone: str
    home: str
    path: str
    now: datetime
    other_lang: str | None = None
