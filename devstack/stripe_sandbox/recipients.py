"""What connected accounts hold: what came by transfers, less what was reversed and paid out to their banks.

Such a payout, and whatever else happens there, is told through the door of connected accounts (trap 23 of money E).
A payout that fails puts the money back and stops further ones until the bank account was replaced
(source: docs.stripe.com/connect/payouts-connected-accounts).
"""

from devstack.stripe_sandbox.errors import RefusedError
from devstack.stripe_sandbox.payments import DAY, held
from devstack.stripe_sandbox.platform import Platform, Resource, Share

PAYOUT = "recipient_payout"


def put(platform: Platform, account: str, share: Share) -> None:
    """Add to what an account holds, or take from it; what has come is paid out the day after when the terms say so."""
    platform.pots.setdefault(account, []).append(share)
    if share.amount > 0 and platform.terms.recipient_payouts == "daily":
        due = (max(share.available_on, platform.now()) // DAY + 1) * DAY
        platform.schedule(due, lambda: _pay_out_later(platform, account))


def _pay_out_later(platform: Platform, account: str) -> None:
    if _spendable(platform, account) > 0:
        pay_out(platform, account)


def _spendable(platform: Platform, account: str) -> int:
    return held(platform, account)[platform.terms.currency]["available"]


def pay_out(platform: Platform, account: str, failure: str | None = None) -> Resource:
    """Pay everything that is available out to the account's bank; with a failure it comes back some days later.

    Raises RefusedError when there is nothing to pay out.
    """
    amount = _spendable(platform, account)
    if amount < 1:
        raise RefusedError(400, f"{account} has nothing available to pay out.", code="balance_insufficient")
    now = platform.now()
    payout = platform.add(new_payout(platform, amount, automatic=True), PAYOUT)
    payout["balance_transaction"] = platform.new_id("txn_1")
    put(platform, account, Share(-amount, platform.terms.currency, now, payout["id"]))
    platform.emit("payout.created", payout, account=account)
    platform.schedule(payout["arrival_date"], lambda: _arrive(platform, account, payout, failure))
    return payout


def _arrive(platform: Platform, account: str, payout: Resource, failure: str | None) -> None:
    if failure is None:
        payout["status"] = "paid"
        platform.emit("payout.paid", payout, {"status": "in_transit"}, account=account)
        return
    payout |= failed(failure)
    payout["failure_balance_transaction"] = platform.new_id("txn_1")
    platform.pots[account].append(Share(payout["amount"], payout["currency"], platform.now(), payout["id"]))
    platform.emit("payout.failed", payout, {"status": "in_transit"}, account=account)


# What a payout of anybody is ----------------------------------------------------------------------------------------

# The bank's reasons, as far as they can be asked for (source: docs.stripe.com/api/payouts/failures).
FAILURES = {
    "account_closed": "The bank account has been closed.",
    "account_frozen": "The bank account has been frozen.",
    "could_not_process": "The bank could not process this payout.",
    "declined": "The bank has declined this payout.",
    "incorrect_account_holder_name": "The account holder name on file appears to be incorrect.",
    "invalid_account_number": "The routing number seems correct, but the account number is invalid.",
    "no_account": "The bank account could not be located.",
}


def failed(failure: str) -> Resource:
    """What a payout says once its bank has refused it."""
    return {"status": "failed", "failure_code": failure, "failure_message": FAILURES[failure]}


def new_payout(platform: Platform, amount: int, *, automatic: bool, **more: object) -> Resource:
    """A payout that is on its way, in minor units of the account's currency."""
    now = platform.now()
    return {
        "id": platform.new_id("po_1"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": max(int(now + platform.terms.payout_days * DAY) // DAY * DAY, now),
        "automatic": automatic,
        "balance_transaction": None,
        "created": now,
        "currency": platform.terms.currency,
        "description": "STRIPE PAYOUT" if automatic else None,
        "destination": platform.new_id("ba_1"),
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "in_transit",
        "trace_id": None,
        "type": "bank_account",
        **more,
    }
