"""The freelancers' accounts at Stripe: v2 accounts with the `recipient` configuration (design: money A 8).

Answers hold what `include` names and nothing else (docs.stripe.com/api-includable-response-values).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import stripe

from relais.ports import AccountUnreadError
from relais.recipient import Need, Readiness, Recipient, need_of

_Answer = TypeVar("_Answer")
TIMEOUT_SECONDS = 20
_TRANSFERS = {"stripe_balance": {"stripe_transfers": {"requested": True}}}
_READINESS = {
    "active": Readiness.READY,
    "pending": Readiness.CHECKING,
    "restricted": Readiness.STARTED,
    "unsupported": Readiness.OUT_OF_REACH,
}


class StripeRecipients:
    """Accounts connected to one Stripe account."""

    def __init__(self, key: str, url: str | None = None) -> None:
        """Talk to Stripe, or to a stand-in at `url`."""
        addresses: Any = {"api": url} if url else {}
        self._stripe = stripe.StripeClient(
            key,
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
            base_addresses=addresses,
        )

    def seen(self, freelancer: str, account: str) -> Recipient:
        """An account as Stripe says it is at this moment. Raises `AccountUnreadError`."""
        asked: Any = {"include": ["configuration.recipient", "requirements"]}
        found = _said(lambda: self._stripe.v2.core.accounts.retrieve(account, asked))
        return _recipient(freelancer, found)

    def open(self, freelancer: str, *, country: str, email: str, name: str) -> str:
        """Open an account, or find the one that was opened under the same key. Raises `AccountUnreadError`.

        The platform bears fees and losses, as separate charges and transfers ask (docs.stripe.com/connect).
        """
        params: Any = {
            "contact_email": email,
            "display_name": name,
            "dashboard": "express",
            "identity": {"country": country.lower()},
            "configuration": {"recipient": {"capabilities": _TRANSFERS}},
            "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
            "metadata": {"freelancer": freelancer},
        }
        key = f"recipient:{freelancer}:{country}"
        return str(_said(lambda: self._stripe.v2.core.accounts.create(params, {"idempotency_key": key})).id)

    def link(self, account: str, *, back: str, again: str) -> str:
        """A fresh address of Stripe's form. Raises `AccountUnreadError`."""
        leads = {"return_url": back, "refresh_url": again}
        params: Any = {
            "account": account,
            "use_case": {"type": "account_onboarding", "account_onboarding": leads},
        }
        return str(_said(lambda: self._stripe.v2.core.account_links.create(params)).url)


def _said(call: Callable[[], _Answer]) -> _Answer:
    try:
        return call()
    except stripe.StripeError as error:
        raise AccountUnreadError(error.code or str(error.http_status or "connection")) from error


def _recipient(freelancer: str, found: Any) -> Recipient:
    """What of an account concerns whoever pays to it."""
    recipient = found.configuration and found.configuration.recipient
    balance = recipient and recipient.capabilities and recipient.capabilities.stripe_balance
    transfers, payouts = balance and balance.stripe_transfers, balance and balance.payouts
    needs, needed_by = _needs(found.requirements)
    status = "" if not transfers else transfers.status
    return Recipient(
        freelancer=freelancer,
        account=found.id,
        readiness=Readiness.CLOSED if found.closed else _READINESS.get(status, Readiness.CLOSED),
        payouts=not payouts or payouts.status in {"active", "pending"},
        needs=needs,
        needed_by=needed_by,
    )


def _needs(requirements: Any) -> tuple[tuple[Need, ...], datetime | None]:
    """What is theirs to give, and until when; what Stripe has to look at itself is not."""
    entries = [one for one in (requirements and requirements.entries) or () if one.awaiting_action_from == "user"]
    deadline = requirements and requirements.summary and requirements.summary.minimum_deadline
    time = (deadline and deadline.to_dict().get("time")) if entries else None
    needs = tuple(sorted({need_of(one.description) for one in entries}))
    return needs, None if not time else datetime.fromisoformat(str(time)).astimezone(UTC)
