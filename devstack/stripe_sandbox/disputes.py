"""Disputes and early fraud warnings (design: money B 12 to 14, traps 17 and 18 of money E).

An inquiry moves no money and may be refunded; a full refund closes it. A dispute withdraws its amount at once, with the
fee in the same `adjustment`; the amount may be a part of the charge. Evidence goes to the issuer once, before `due_by`,
and costs a second fee that comes back with the money when the dispute is won. Without evidence it is lost when that
instant has passed. A debit's dispute is born lost: nothing can be said against it, `due_by` is 0.
Source: docs.stripe.com/disputes/how-disputes-work, docs.stripe.com/api/disputes and, for the magic words of evidence,
docs.stripe.com/testing#disputes.
"""

from typing import Any

from devstack.stripe_sandbox.cards import Aftermath
from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.exchange import converted, rate
from devstack.stripe_sandbox.fees import CARD_DISPUTE, COUNTER, DEBIT_DISPUTE
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import AFTERMATHS, DAY, book, every, merged, retrieve
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.refunds import ON_REFUND, fail_waiting
from devstack.stripe_sandbox.routes import VIEWS, Call, Route

KIND = "dispute"
WARNING = "radar.early_fraud_warning"
# Docs.stripe.com/api/disputes/object#dispute_object-reason, and Visa's codes for the two that test cards stand for.
REASONS = frozenset(
    """
    bank_cannot_process check_returned credit_not_processed customer_initiated debit_not_authorized duplicate fraudulent
    general incorrect_account_details insufficient_funds noncompliant product_not_received product_unacceptable
    subscription_canceled unrecognized
    """.split()  # noqa: SIM905
)
NETWORK_CODES = {"fraudulent": "10.4", "product_not_received": "13.1"}
FRAUD_TYPES = frozenset(
    """
    card_never_received fraudulent_card_application made_with_counterfeit_card made_with_lost_card
    made_with_stolen_card misc unauthorized_use_of_card
    """.split()  # noqa: SIM905
)
# What a fee inside an adjustment is for, by the adjustment's reporting category.
FEES = {"dispute": "Dispute fee", "dispute_reversal": "Dispute countered fee"}
OPEN = frozenset({"warning_needs_response", "needs_response"})
UNDER_REVIEW = frozenset({"warning_under_review", "under_review"})
TEXTS = """
    access_activity_log billing_address cancellation_policy_disclosure cancellation_rebuttal customer_email_address
    customer_name customer_purchase_ip duplicate_charge_explanation duplicate_charge_id product_description
    refund_policy_disclosure refund_refusal_explanation service_date shipping_address shipping_carrier shipping_date
    shipping_tracking_number uncategorized_text
    """.split()  # noqa: SIM905
FILES = """
    cancellation_policy customer_communication customer_signature duplicate_charge_documentation receipt refund_policy
    service_documentation shipping_documentation uncategorized_file
    """.split()  # noqa: SIM905
MAGIC = {"winning_evidence": "won", "losing_evidence": "lost", "escalate_inquiry_evidence": "escalated"}
# An inquiry that nobody turns into a dispute is closed after 120 days.
INQUIRY_DAYS = 120


def open_dispute(
    platform: Platform, charge: Resource, reason: str = "general", *, amount: int | None = None, inquiry: bool = False
) -> Resource:
    """Let the payer's bank dispute a charge or a part of it, in minor units of the charge.

    Raises RefusedError when there is nothing left to dispute.
    """
    debit = charge["payment_method_details"]["type"] != "card"
    # Nobody asks the seller: a debit may be taken back although it was refunded, which is then paid twice.
    left = charge["amount"] - (0 if debit else charge["amount_refunded"])
    wanted = left if amount is None else amount
    if charge["status"] != "succeeded" or not 0 < wanted <= charge["amount"] or left == 0:
        raise RefusedError(400, f"Charge {charge['id']} cannot be disputed for {wanted}.", param="amount")
    if charge["disputed"]:
        raise RefusedError(400, f"Charge {charge['id']} is disputed already.")
    status = "lost" if debit else "warning_needs_response" if inquiry else "needs_response"
    made = platform.add(_dispute(platform, charge, wanted, reason, status))
    charge["disputed"] = True
    platform.emit("charge.dispute.created", _shown(platform, made))
    _call_off_warning(platform, charge)
    if inquiry:
        platform.schedule(platform.now() + INQUIRY_DAYS * DAY, lambda: _close_quietly(platform, made))
        return made
    _withdraw(platform, made)
    if debit:
        platform.emit("charge.dispute.closed", _shown(platform, made))
    else:
        _wait_for_evidence(platform, made)
    return made


def _dispute(platform: Platform, charge: Resource, amount: int, reason: str, status: str) -> Resource:
    debit, inquiry = status == "lost", status == "warning_needs_response"
    card = charge["payment_method_details"].get("card", {})
    about_card = {
        "brand": card.get("brand"),
        "case_type": "inquiry" if inquiry else "chargeback",
        "network": card.get("brand"),
        "network_reason_code": NETWORK_CODES.get(reason),
    }
    return {
        "id": platform.new_id("dp_1"),
        "object": KIND,
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": platform.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys((*TEXTS, *FILES)) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": 0 if debit else int(platform.now() + platform.terms.evidence_days * DAY) // DAY * DAY + DAY - 1,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": None if debit else {"card": about_card, "type": "card"},
        "reason": reason,
        "status": status,
    }


def _withdraw(platform: Platform, dispute: Resource) -> None:
    """Take the money, and the fee with it: the balance may fall below zero."""
    charge = platform.get("charge", dispute["charge"])
    debit = charge["payment_method_details"]["type"] != "card"
    _move(platform, dispute, -1, DEBIT_DISPUTE if debit else CARD_DISPUTE, "dispute")
    fail_waiting(platform, charge)
    platform.emit("charge.dispute.funds_withdrawn", _shown(platform, dispute))


def _move(platform: Platform, dispute: Resource, sign: int, fee: int, category: str) -> None:
    applied = rate(platform, dispute["currency"])
    amount = converted(platform, dispute["amount"], dispute["currency"], applied)
    transaction = book(
        platform,
        kind="adjustment",
        source=dispute | {"description": f"Chargeback of {dispute['charge']}"},
        amount=sign * amount,
        available_on=platform.now(),
        fee=fee,
        applied=applied,
        category=category,
        reason=FEES[category],
    )
    dispute["balance_transactions"] = [*dispute["balance_transactions"], transaction["id"]]


def _shown(platform: Platform, dispute: Resource) -> Resource:
    """A dispute with its balance transactions in full, as the API shows them without being asked."""
    booked = [platform.get("balance_transaction", name) for name in dispute["balance_transactions"]]
    return dispute | {"balance_transactions": [VIEWS["balance_transaction"](platform, one) for one in booked]}


def _wait_for_evidence(platform: Platform, dispute: Resource) -> None:
    platform.schedule(dispute["evidence_details"]["due_by"] + 1, lambda: _overdue(platform, dispute))


def _overdue(platform: Platform, dispute: Resource) -> None:
    dispute["evidence_details"] |= {"past_due": True}
    if dispute["status"] == "needs_response":
        decide(platform, dispute, "lost")


def _close_quietly(platform: Platform, dispute: Resource) -> None:
    if dispute["status"].startswith("warning_") and dispute["status"] != "warning_closed":
        decide(platform, dispute, "closed")


def decide(platform: Platform, dispute: Resource, verdict: str) -> None:
    """What the issuer says in the end: `won`, `lost`, an inquiry `closed`, or `escalated` to a dispute.

    Raises RefusedError for a verdict that this dispute cannot have any more.
    """
    inquiry = dispute["status"] in {"warning_needs_response", "warning_under_review"}
    pending = dispute["status"] in {"needs_response", "under_review"}
    match verdict:
        case "won" | "lost" if pending:
            _end(platform, dispute, verdict)
            if verdict == "won":
                paid_twice = COUNTER if dispute["evidence_details"]["submission_count"] else 0
                _move(platform, dispute, 1, -paid_twice, "dispute_reversal")
                platform.emit("charge.dispute.funds_reinstated", _shown(platform, dispute))
        case "closed" if inquiry:
            _end(platform, dispute, "warning_closed")
        case "escalated" if inquiry:
            _escalate(platform, dispute)
        case _:
            raise RefusedError(400, f"Dispute {dispute['id']} with status {dispute['status']} cannot be {verdict}.")


def _end(platform: Platform, dispute: Resource, status: str) -> None:
    before = {"status": dispute["status"]}
    dispute |= {"status": status, "is_charge_refundable": status != "lost"}
    platform.emit("charge.dispute.closed", _shown(platform, dispute), before)


def _escalate(platform: Platform, dispute: Resource) -> None:
    before = {"status": dispute["status"], "is_charge_refundable": True}
    due = int(platform.now() + platform.terms.evidence_days * DAY) // DAY * DAY + DAY - 1
    dispute |= {"status": "needs_response", "is_charge_refundable": False}
    dispute["evidence_details"] |= {"due_by": due, "past_due": False, "submission_count": 0}
    dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    platform.emit("charge.dispute.updated", _shown(platform, dispute), before)
    _withdraw(platform, dispute)
    _wait_for_evidence(platform, dispute)


# What the seller can do -------------------------------------------------------------------------------------------


def update(platform: Platform, call: Call) -> Resource:
    """Put evidence together, and hand it in unless told not to: once, while somebody waits for it.

    Raises RefusedError when it was handed in, when the time is over and for a dispute that cannot be answered.
    """
    dispute = platform.get(KIND, call.ids[0])
    given = call.params
    evidence = given.get("evidence", {})
    submit = given.get("submit", bool(evidence))
    if (evidence or submit) and dispute["status"] not in OPEN:
        raise RefusedError(400, f"This dispute is already closed or under review: {dispute['status']}.")
    if submit and dispute["evidence_details"]["past_due"]:
        raise RefusedError(400, "The deadline to submit evidence for this dispute has passed.")
    dispute["metadata"] = merged(dispute["metadata"], given.get("metadata", {}))
    dispute["evidence"] |= {name: value or None for name, value in evidence.items()}
    details = dispute["evidence_details"]
    details["has_evidence"] = any(dispute["evidence"][name] for name in (*TEXTS, *FILES))
    if submit:
        _hand_in(platform, dispute)
    platform.emit("charge.dispute.updated", _shown(platform, dispute))
    return dispute


def _hand_in(platform: Platform, dispute: Resource) -> None:
    inquiry = dispute["status"] == "warning_needs_response"
    dispute["evidence_details"] |= {"submission_count": 1, "submission_method": "manual"}
    dispute["status"] = "warning_under_review" if inquiry else "under_review"
    if not inquiry:
        source = {"id": dispute["id"], "currency": platform.terms.currency, "description": "Dispute countered fee"}
        book(platform, kind="stripe_fee", source=source, amount=-COUNTER, available_on=platform.now())
    word = MAGIC.get(str(dispute["evidence"]["uncategorized_text"]).strip())
    if word is not None:
        verdict = "closed" if inquiry and word != "escalated" else word
        platform.schedule(platform.now() + platform.terms.fee_delay, lambda: _decide_later(platform, dispute, verdict))


def _decide_later(platform: Platform, dispute: Resource, verdict: str) -> None:
    if dispute["status"] in UNDER_REVIEW:
        decide(platform, dispute, verdict)


def close(platform: Platform, call: Call) -> Resource:
    """Accept a dispute: it is lost, for good. Raises RefusedError for one that has ended or is being decided."""
    dispute = platform.get(KIND, call.ids[0])
    if dispute["status"] not in OPEN:
        raise RefusedError(400, f"This dispute cannot be closed: {dispute['status']}.")
    decide(platform, dispute, "closed" if dispute["status"].startswith("warning_") else "lost")
    return dispute


def _refunded(platform: Platform, charge: Resource) -> None:
    """A full refund ends an inquiry, and leaves nothing to warn of."""
    if not charge["refunded"]:
        return
    for dispute in platform.newest_first(KIND):
        if dispute["charge"] == charge["id"]:
            _close_quietly(platform, dispute)
    _call_off_warning(platform, charge)


# Early fraud warnings -----------------------------------------------------------------------------------------------


def warn(platform: Platform, charge: Resource, fraud_type: str = "misc") -> Resource:
    """Let the issuer warn of fraud before any dispute: a full refund now avoids the dispute and its fee."""
    made = platform.add(
        {
            "id": platform.new_id("issfr_1"),
            "object": WARNING,
            "actionable": not charge["disputed"] and not charge["refunded"],
            "charge": charge["id"],
            "created": platform.now(),
            "fraud_type": fraud_type,
            "livemode": False,
            "payment_intent": charge["payment_intent"],
        }
    )
    platform.emit("radar.early_fraud_warning.created", made)
    return made


def _call_off_warning(platform: Platform, charge: Resource) -> None:
    for warning in platform.newest_first(WARNING):
        if warning["charge"] == charge["id"] and warning["actionable"]:
            warning["actionable"] = False
            platform.emit("radar.early_fraud_warning.updated", warning, {"actionable": True})


def on_request(platform: Platform, charge: Resource, given: dict[str, Any]) -> Resource:
    """What the sandbox's own door asks for: `inquiry`, `amount`, `reason`. Raises RefusedError for what is none."""
    reason = given.get("reason", "general")
    if reason not in REASONS:
        raise invalid(f"Invalid reason: must be one of {', '.join(sorted(REASONS))}", param="reason")
    return open_dispute(platform, charge, reason, amount=given.get("amount"), inquiry=bool(given.get("inquiry")))


ON_REFUND.append(_refunded)
VIEWS[KIND] = _shown


def _fraudulent(platform: Platform, charge: Resource) -> None:
    open_dispute(platform, charge, "fraudulent")


def _not_received(platform: Platform, charge: Resource) -> None:
    open_dispute(platform, charge, "product_not_received")


def _inquiry(platform: Platform, charge: Resource) -> None:
    open_dispute(platform, charge, "fraudulent", inquiry=True)


def _warning(platform: Platform, charge: Resource) -> None:
    warn(platform, charge)


AFTERMATHS |= {
    Aftermath.FRAUDULENT: _fraudulent,
    Aftermath.NOT_RECEIVED: _not_received,
    Aftermath.INQUIRY: _inquiry,
    Aftermath.WARNING: _warning,
}

P = "stripe.params:"
ROUTES = (
    retrieve(KIND, KIND, "/v1/disputes", P + "DisputeRetrieveParams"),
    every(KIND, KIND, "/v1/disputes", P + "DisputeListParams", ("charge", "payment_intent")),
    Route(
        "POST",
        "/v1/disputes/{id}",
        KIND,
        Access.WRITE,
        P + "DisputeModifyParams",
        update,
        frozenset({"metadata", "metadata.*", "submit", *(f"evidence.{name}" for name in (*TEXTS, *FILES))}),
    ),
    Route("POST", "/v1/disputes/{id}/close", KIND, Access.WRITE, P + "DisputeCloseParams", close),
    retrieve(
        WARNING, "charge", "/v1/radar/early_fraud_warnings", "stripe.params.radar:EarlyFraudWarningRetrieveParams"
    ),
    every(
        WARNING,
        "charge",
        "/v1/radar/early_fraud_warnings",
        "stripe.params.radar:EarlyFraudWarningListParams",
        ("charge", "payment_intent"),
    ),
)
