"""Refunds of cards and debits: drawn on the available balance, waiting for it, failing weeks later.

A refund counts against its charge from the moment it is accepted. While the available balance is too small it is
`pending`, without a balance transaction, and says why; it is taken once money has become available, oldest first as far
as the money goes. A refund of a debit that is still under way waits for it, and is canceled with it. It may fail after
it has succeeded: a second balance transaction brings the money back, and the charge can be refunded again. Some refunds
wait for their receiver (`requires_action`), and can be canceled until they have acted. The card fee stays with Stripe,
and no transfer is ever touched (traps 15 to 17 of money E). Fields that do not apply are absent, as at Stripe:
`pending_reason`, `failure_reason`, `failure_balance_transaction`. Source: docs.stripe.com/refunds and
docs.stripe.com/api/refunds/object.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import assert_never

from devstack.stripe_sandbox.amounts import printed
from devstack.stripe_sandbox.cards import RefundCourse
from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.exchange import converted, rate
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import ARRIVALS, available, book, every, merged, retrieve, settled
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.routes import INCLUDABLE, Call, Route

KIND = "refund"
# Docs.stripe.com/refunds#failed-refunds, those that a card's refund can have.
FAILURES = frozenset(
    {
        "charge_for_pending_refund_disputed",
        "declined",
        "expired_or_canceled_card",
        "insufficient_funds",
        "lost_or_stolen_card",
        "merchant_request",
        "unknown",
    }
)
PROCESSING = "processing"
UPDATED = ("refund.updated", "charge.refund.updated")
FAILED = ("refund.failed", "charge.refund.updated")
SHOWN_IN_CHARGE = 10
# Nobody took the money that waits for its receiver (source: docs.stripe.com/refunds#requires-action, 45 days).
UNCLAIMED = 45 * 24 * 60 * 60
ENDED = frozenset({"failed", "canceled"})
# Who must know that a charge was refunded.
ON_REFUND: list[Callable[[Platform, Resource], None]] = []


def create(platform: Platform, call: Call) -> Resource:
    """Refund a charge or a part of it, in minor units. Raises RefusedError for what Stripe refuses."""
    given = call.params
    charge = _charge(platform, given)
    amount = _amount(given, charge)
    refund = platform.add(_refund(platform, given, charge, amount))
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    _count(charge, amount)
    _begin(platform, refund)
    platform.emit("refund.created", refund)
    previous = {name: value for name, value in before.items() if charge[name] != value}
    platform.emit("charge.refunded", charge, previous)
    for tell in ON_REFUND:
        tell(platform, charge)
    return refund


def _begin(platform: Platform, refund: Resource) -> None:
    soon = platform.now() + platform.terms.fee_delay
    if _under_way(platform, refund):
        refund["pending_reason"] = "charge_pending"
        return
    match platform.settlements[refund["charge"]].refunds:
        case RefundCourse.USUAL:
            _take(platform, refund)
        case RefundCourse.PENDING_FIRST:
            refund["pending_reason"] = PROCESSING
            platform.schedule(soon, lambda: _process(platform, refund))
        case RefundCourse.FAILS_LATER:
            _take(platform, refund)
            platform.schedule(soon, lambda: fail_later(platform, refund, "expired_or_canceled_card"))
        case RefundCourse.REQUIRES_ACTION:
            _ask_receiver(platform, refund)
        case course:
            assert_never(course)


def _under_way(platform: Platform, refund: Resource) -> bool:
    return bool(platform.get("charge", refund["charge"])["status"] == "pending")


def _ask_receiver(platform: Platform, refund: Resource) -> None:
    """Take the money and let the receiver say where it goes; unclaimed it comes back."""
    _take(platform, refund)
    if refund["status"] != "succeeded":
        return
    until = platform.now() + UNCLAIMED
    details = {"email_sent": {"email_sent_at": platform.now(), "email_sent_to": "client@example.org"}}
    refund |= {
        "status": "requires_action",
        "next_action": {"type": "display_details", "display_details": details | {"expires_at": until}},
    }
    platform.schedule(until, lambda: _expire(platform, refund))


def _expire(platform: Platform, refund: Resource) -> None:
    if refund["status"] == "requires_action":
        fail(platform, refund, "unknown")


def claim(platform: Platform, refund: Resource) -> None:
    """The receiver has said where the money goes. Raises RefusedError when nobody waits for that."""
    if refund["status"] != "requires_action":
        raise RefusedError(400, f"{refund['id']} does not require an action: {refund['status']}.")
    with _updating(platform, refund, UPDATED):
        refund.pop("next_action", None)
        refund["status"] = "succeeded"


def _process(platform: Platform, refund: Resource) -> None:
    if refund["status"] == "pending":
        with _updating(platform, refund, UPDATED):
            _take(platform, refund)


def _charge(platform: Platform, given: Resource) -> Resource:
    if "payment_intent" not in given and "charge" not in given:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    named = platform.get("charge", given["charge"], param="charge", status=400) if "charge" in given else None
    intent_id: str = given.get("payment_intent") or (named or {})["payment_intent"]
    intent = platform.get("payment_intent", intent_id, param="payment_intent", status=400)
    if named is not None and named["payment_intent"] != intent_id:
        raise RefusedError(400, f"Charge {named['id']} does not belong to PaymentIntent {intent_id}.", param="charge")
    latest = platform.get("charge", intent["latest_charge"]) if intent["latest_charge"] else None
    charge = named or latest
    if charge is None or charge["status"] == "failed":
        raise RefusedError(400, f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
    if any(
        dispute["charge"] == charge["id"] and not dispute["is_charge_refundable"]
        for dispute in platform.newest_first("dispute")
    ):
        raise RefusedError(
            400, f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    return charge


def _amount(given: Resource, charge: Resource) -> int:
    left: int = charge["amount"] - charge["amount_refunded"]
    amount: int = given.get("amount", left)
    if "amount" in given and amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if left == 0:
        raise RefusedError(400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount > left:
        asked, rest = (printed(value, charge["currency"], "en") for value in (amount, left))
        raise RefusedError(
            400, f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})", param="amount"
        )
    return amount


def _refund(platform: Platform, given: Resource, charge: Resource, amount: int) -> Resource:
    card = _is_card(charge)
    return {
        "id": platform.new_id("re_3" if card else "pyr_1"),
        "object": KIND,
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": platform.now(),
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": ({"card": {"type": "pending"}, "type": "card"} if card else {"type": "sepa_debit"}),
        "metadata": merged({}, given.get("metadata") or {}),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


def _is_card(charge: Resource) -> bool:
    return bool(charge["payment_method_details"]["type"] == "card")


def _count(charge: Resource, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]


# The money -------------------------------------------------------------------------------------------------------


def _take(platform: Platform, refund: Resource) -> None:
    """Draw a refund on the available balance, or say why it waits."""
    applied = rate(platform, refund["currency"])
    amount = converted(platform, refund["amount"], refund["currency"], applied)
    if amount > available(platform, platform.terms.currency):
        refund["pending_reason"] = _reason(platform, refund)
        return
    card = _is_card(platform.get("charge", refund["charge"]))
    transaction = book(
        platform,
        kind=KIND if card else "payment_refund",
        source=refund,
        amount=-amount,
        available_on=platform.now(),
        applied=applied,
    )
    refund.pop("pending_reason", None)
    refund |= {"status": "succeeded", "balance_transaction": transaction["id"]}
    if card:
        refund["destination_details"] = _destination({"reference_status": "pending"})
        platform.schedule(platform.now() + platform.terms.fee_delay, lambda: _refer(platform, refund))


def _destination(reference: Resource) -> Resource:
    return {"card": {"reference_type": "acquirer_reference_number", "type": "refund"} | reference, "type": "card"}


def _refer(platform: Platform, refund: Resource) -> None:
    """Give the number by which the cardholder's bank finds the refund: an update that changes no status."""
    if refund["status"] != "succeeded":
        return
    with _updating(platform, refund, UPDATED):
        number = refund["balance_transaction"].removeprefix("txn_")
        refund["destination_details"] = _destination({"reference": number, "reference_status": "available"})


def _reason(platform: Platform, refund: Resource) -> str:
    booked = platform.get("charge", refund["charge"])["balance_transaction"]
    if booked is None or not settled(platform, platform.get("balance_transaction", booked)):
        return "charge_pending"
    return "insufficient_funds"


def _take_waiting(platform: Platform) -> None:
    """Take the refunds that wait and that the available balance allows, oldest first."""
    for refund in reversed(platform.newest_first(KIND)):
        if (
            refund["status"] == "pending"
            and refund["pending_reason"] != PROCESSING
            and not _under_way(platform, refund)
        ):
            with _updating(platform, refund, UPDATED):
                _take(platform, refund)


@contextmanager
def _updating(platform: Platform, refund: Resource, kinds: tuple[str, ...]) -> Iterator[None]:
    """Tell of what changes meanwhile, if anything does."""
    before = copy.deepcopy(refund)
    yield
    names = before | refund
    previous = {name: before.get(name) for name in names if before.get(name) != refund.get(name)}
    if previous:
        for kind in kinds:
            platform.emit(kind, refund, previous)


def fail(platform: Platform, refund: Resource, reason: str) -> None:
    """Let a refund fail, as the cardholder's bank does: the money returns and the charge can be refunded again.

    Raises RefusedError when it has failed already.
    """
    if refund["status"] in ENDED:
        raise RefusedError(400, f"{refund['id']} has ended already: {refund['status']}.")
    with _updating(platform, refund, FAILED):
        refund["failure_reason"] = reason
        _undo(platform, refund, "failed")


def _undo(platform: Platform, refund: Resource, status: str) -> None:
    """End a refund that did not reach its receiver: what had left comes back, at the amount it left with."""
    refund.pop("pending_reason", None)
    refund.pop("next_action", None)
    refund["status"] = status
    if refund["balance_transaction"]:
        gone = platform.get("balance_transaction", refund["balance_transaction"])
        back = book(
            platform,
            kind="refund_failure",
            source=refund | {"currency": gone["currency"]},
            amount=-gone["amount"],
            available_on=platform.now(),
        )
        refund["failure_balance_transaction"] = back["id"]
    _count(platform.get("charge", refund["charge"]), -refund["amount"])


def go_on(platform: Platform, charge: Resource) -> None:
    """A debit that was under way has succeeded or failed: the refunds that waited for it are taken, or canceled."""
    for refund in reversed(platform.newest_first(KIND)):
        if refund["charge"] != charge["id"] or refund["status"] != "pending":
            continue
        with _updating(platform, refund, UPDATED):
            if charge["status"] == "failed":
                _undo(platform, refund, "canceled")
            else:
                _begin(platform, refund)


def fail_later(platform: Platform, refund: Resource, reason: str) -> None:
    """Let a refund fail when its time has come, unless it has failed by then."""
    if refund["status"] not in ENDED:
        fail(platform, refund, reason)


def fail_waiting(platform: Platform, charge: Resource) -> None:
    """Fail what waits: its charge was disputed (trap 17 of money E)."""
    for refund in reversed(platform.newest_first(KIND)):
        if refund["charge"] == charge["id"] and refund["status"] == "pending":
            fail(platform, refund, "charge_for_pending_refund_disputed")


# The other routes --------------------------------------------------------------------------------------------------


def update(platform: Platform, call: Call) -> Resource:
    """Change metadata: what is named is set, an empty value unsets it, empty metadata unsets all."""
    refund = platform.get(KIND, call.ids[0])
    given = call.params.get("metadata", {})
    with _updating(platform, refund, UPDATED):
        refund["metadata"] = merged(refund["metadata"], given)
    return refund


def cancel(platform: Platform, call: Call) -> Resource:
    """Cancel a refund that waits for its receiver (`requires_action`): no card's does. Raises RefusedError else."""
    refund = platform.get(KIND, call.ids[0])
    if refund["status"] != "requires_action":
        raise RefusedError(
            400,
            f"Refund {refund['id']} has a status of {refund['status']}. Only refunds with a status of requires_action "
            "can be canceled.",
        )
    with _updating(platform, refund, UPDATED):
        _undo(platform, refund, "canceled")
    return refund


def _of_charge(platform: Platform, charge: Resource) -> Resource:
    found = [refund for refund in platform.newest_first(KIND) if refund["charge"] == charge["id"]]
    return {
        "object": "list",
        "url": f"/v1/charges/{charge['id']}/refunds",
        "has_more": len(found) > SHOWN_IN_CHARGE,
        "data": copy.deepcopy(found[:SHOWN_IN_CHARGE]),
    }


def refunded(platform: Platform) -> dict[str, dict[str, int]]:
    """Refunds in minor units, by currency and status."""
    totals: dict[str, dict[str, int]] = {}
    for refund in platform.newest_first(KIND):
        pot = totals.setdefault(refund["currency"], {})
        pot[refund["status"]] = pot.get(refund["status"], 0) + refund["amount"]
    return totals


ARRIVALS.append(_take_waiting)
INCLUDABLE["charge", "refunds"] = _of_charge

P = "stripe.params:"
# Stripe has one permission for charges and refunds.
NOUN = "charge"
TAKES = frozenset({"amount", "charge", "metadata", "metadata.*", "payment_intent", "reason"})
ONLY: dict[str, tuple[object, ...]] = {"refund_application_fee": (False,), "reverse_transfer": (False,)}
ROUTES = (
    Route("POST", "/v1/refunds", NOUN, Access.WRITE, P + "RefundCreateParams", create, TAKES, ONLY),
    retrieve(KIND, NOUN, "/v1/refunds", P + "RefundRetrieveParams"),
    every(KIND, NOUN, "/v1/refunds", P + "RefundListParams", ("charge", "payment_intent")),
    Route(
        "POST",
        "/v1/refunds/{id}",
        NOUN,
        Access.WRITE,
        P + "RefundModifyParams",
        update,
        frozenset({"metadata", "metadata.*"}),
    ),
    Route("POST", "/v1/refunds/{id}/cancel", NOUN, Access.WRITE, P + "RefundCancelParams", cancel),
)
