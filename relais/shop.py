"""The shop: brand, hours and legal identity of the seller, printed on every page and mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relais.calendar import Away, Calendar, Hours
from relais.lift import Lift, Row, lift
from relais.offer import Text

ROW_VERSION = 1
_LIFTS: Mapping[int, Lift] = {}


@dataclass(frozen=True, slots=True)
class Shop:
    """Who sells. `sender` is the verified address of all mails; `social_charges` the key of a dated rate (margin)."""

    brand: str
    seller: str
    email: str
    phone: str
    sender: str
    lang: str
    currency: str
    hours: Hours
    legal: Text
    vat: Text
    address: str = ""
    mediator: Text | None = None
    social_charges: str = "bnc"
    away: tuple[Away, ...] = ()

    @property
    def zone(self) -> str:
        """The zone in which dates are printed."""
        return self.hours.zone

    @property
    def calendar(self) -> Calendar:
        """When the seller works; clients are given the same hours."""
        return Calendar(self.hours, self.away)
