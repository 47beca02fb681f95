"""The shop: brand, hours and legal identity of the seller, printed on every page and mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relais.calendar import Away, Calendar, Hours
from relais.lift import Lift, Row, lift
from relais.offer import Text
from relais.roster import RateRise
from relais.score import HALF_LIFE_DAYS

ROW_VERSION = 1
_LIFTS: Mapping[int, Lift] = {}


class Regime(StrEnum):
    """How the seller's turnover is charged (micro-entrepreneur)."""

    BNC = "bnc"
    BIC_SERVICES = "bic services"


@dataclass(frozen=True, slots=True, repr=False)
class Shop:
    """Who sells. `sender` is the verified address of all mails, `vat` the mention beside every price.

    `second_reviewer` (`name`, `email`, `lang`) is asked to review where the seller is slow or away.
    `digest`: decisions that have time reach the seller in a mail at 8:30 and 16:30 of working days, else each at once.
    After `half_life` days what happened to a freelancer's score weighs half; `rate_rise`: when a rate rises by itself.
    """

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
    regime: Regime = Regime.BNC
    away: tuple[Away, ...] = ()
    half_life: int = HALF_LIFE_DAYS
    rate_rise: RateRise | None = None
    digest: bool = False
    second_reviewer: Mapping[str, str] | None = None

    @property
    def zone(self) -> str:
        """The zone in which dates are printed."""
        return self.hours.zone

    @property
    def calendar(self) -> Calendar:
        """When the seller works; clients are given the same hours."""
        return Calendar(self.hours, self.away)

    def to_row(self) -> Row:
        """Return the shop as plain strings, lists and dicts, with the row version `v`."""
        return {
            "v": ROW_VERSION,
            "brand": self.brand,
            "seller": self.seller,
            "email": self.email,
            "phone": self.phone,
            "sender": self.sender,
            "lang": self.lang,
            "currency": self.currency,
            "hours": self.hours.to_row(),
            "legal": self.legal.to_row(),
            "vat": self.vat.to_row(),
            "address": self.address,
            "mediator": None if self.mediator is None else self.mediator.to_row(),
            "regime": str(self.regime),
            "away": [away.to_row() for away in self.away],
            "half_life": self.half_life,
            **({} if self.rate_rise is None else {"rate_rise": self.rate_rise.to_row()}),
            **({"digest": True} if self.digest else {}),
            **({} if self.second_reviewer is None else {"second_reviewer": dict(self.second_reviewer)}),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Shop":
        """Rebuild the shop from its row, whatever version wrote it; raises RowVersionError."""
        now = lift(row, "shop", ROW_VERSION, _LIFTS)
        return cls(
            brand=now["brand"],
            seller=now["seller"],
            email=now["email"],
            phone=now["phone"],
            sender=now["sender"],
            lang=now["lang"],
            currency=now["currency"],
            hours=Hours.from_row(now["hours"]),
            legal=Text.from_row(now["legal"]),
            vat=Text.from_row(now["vat"]),
            address=now["address"],
            mediator=None if now["mediator"] is None else Text.from_row(now["mediator"]),
            regime=Regime(now["regime"]),
            away=tuple(Away.from_row(away) for away in now["away"]),
            half_life=int(now.get("half_life", HALF_LIFE_DAYS)),
            rate_rise=None if now.get("rate_rise") is None else RateRise.from_row(now["rate_rise"]),
            digest=bool(now.get("digest", False)),
            second_reviewer=now.get("second_reviewer"),
        )
