"""Stripe's book: balance transactions, events, the balance. Reads, with a key that may read everything.

All that it writes is how much automatic payouts leave in the account.

Lists come newest first and ten at a time: what follows a mark is asked for with `ending_before`, which gives the page
next to it (design: money D, trap 10 of money E).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import stripe

from relais.bank import Movement
from relais.ports import BankSilentError, Movements, PastEvent

TIMEOUT_SECONDS = 20
PAGE = 100
TRIES = 2
"""Reading twice harms nobody, so the library may repeat what a lost line swallowed."""
_MINIMUM = "minimum_balance_by_currency"
_Read = TypeVar("_Read")


class StripeBank:
    """The book of one Stripe account."""

    def __init__(self, key: str, url: str | None = None) -> None:
        """Read at Stripe, or at a stand-in at `url`."""
        addresses: Any = {"api": url} if url else {}
        self._stripe = stripe.StripeClient(
            key,
            max_network_retries=TRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
            base_addresses=addresses,
        )

    def newest(self, before: datetime | None = None) -> str | None:
        """The newest balance transaction of all, or of those made before an instant."""
        within = {} if before is None else {"created": {"lt": int(before.timestamp())}}
        found = self._lines({"limit": 1} | within)
        return found.data[0].id if found.data else None

    def movements(self, after: str | None) -> Movements:
        """The balance transactions made right after one, or the first of all, oldest first."""
        page = self._lines({"limit": PAGE, "expand": ["data.source"], **({"ending_before": after} if after else {})})
        # Without a mark the list begins at the newest: the first of all stand on its last page.
        while after is None and page.has_more:
            page = self._lines({"limit": PAGE, "expand": ["data.source"], "starting_after": page.data[-1].id})
            if not page.has_more:
                return Movements(tuple(_movement(one) for one in reversed(page.data)), more=True)
        return Movements(tuple(_movement(one) for one in reversed(page.data)), more=page.has_more and after is not None)

    def session_of(self, payment_intent: str) -> tuple[str, str] | None:
        """The checkout session that a payment was made in, and how it stands there: paid, or unpaid still."""
        found = _read(
            lambda: self._stripe.v1.checkout.sessions.list({"payment_intent": payment_intent, "limit": 1}).data
        )
        return (found[0].id, found[0].payment_status) if found else None

    def order_of(self, charge: str) -> str | None:
        """The order that a charge says it belongs to: its transfer group (design: money A 4)."""
        return _read(lambda: self._stripe.v1.charges.retrieve(charge)).transfer_group

    def balance(self) -> dict[str, int]:
        """What Stripe holds for us, available and pending together, by currency in minor units."""
        found = _read(self._stripe.v1.balance.retrieve)
        totals: dict[str, int] = {}
        pots: list[Any] = [*found.available, *found.pending]
        for pot in pots:
            totals[pot.currency] = totals.get(pot.currency, 0) + pot.amount
        return totals

    def minimum(self) -> dict[str, int]:
        """What Stripe's automatic payouts leave in the account, by currency in minor units."""
        found = _read(self._stripe.v1.balance_settings.retrieve).to_dict()
        payouts = (found.get("payments") or {}).get("payouts") or {}
        return {currency: int(amount) for currency, amount in (payouts.get(_MINIMUM) or {}).items()}

    def keep(self, minimum: dict[str, int]) -> None:
        """Have automatic payouts leave this much, by currency in minor units; others stay as they are."""
        asked: Any = {"payments": {"payouts": {_MINIMUM: dict(minimum)}}}
        _read(lambda: self._stripe.v1.balance_settings.update(asked))

    def events(self, types: Sequence[str], since: datetime) -> list[PastEvent]:
        """The events of these types since an instant, oldest first, all pages."""
        asked: Any = {"types": list(types), "created": {"gte": int(since.timestamp())}, "limit": PAGE}
        found = _read(lambda: list(self._stripe.v1.events.list(asked).auto_paging_iter()))
        return [
            PastEvent(
                id=one.id,
                type=one.type,
                livemode=one.livemode,
                subject=one.to_dict()["data"]["object"],
                created=datetime.fromtimestamp(one.created, UTC),
            )
            for one in reversed(found)
        ]

    def _lines(self, asked: Any) -> Any:
        return _read(lambda: self._stripe.v1.balance_transactions.list(asked))


def _read(call: Callable[[], _Read]) -> _Read:
    try:
        return call()
    except stripe.APIConnectionError as error:
        raise BankSilentError("connection") from error
    except stripe.StripeError as error:
        raise BankSilentError(str(error.code or error.http_status or "none")) from error


def _movement(line: Any) -> Movement:
    source = line.source
    about = {} if source is None or isinstance(source, str) else source.to_dict()
    metadata = about.get("metadata") or {}
    moved = about.get("amount"), about.get("currency")
    return Movement(
        id=line.id,
        kind=line.type,
        amount=line.amount,
        fee=line.fee,
        net=line.net,
        currency=line.currency,
        created=datetime.fromtimestamp(line.created, UTC),
        source=source if source is None or isinstance(source, str) else str(source.id),
        about=str(about.get("object", "")),
        order=about.get("transfer_group") or metadata.get("order"),
        operation=metadata.get("op"),
        payment_intent=_id(about.get("payment_intent")),
        charge=_id(about.get("charge")),
        description=line.description or "",
        origin=None if None in moved else (int(moved[0] or 0), str(moved[1])),
    )


def _id(value: Any) -> str | None:
    return str(value["id"]) if isinstance(value, dict) else value
