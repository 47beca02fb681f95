"""The metrics that the engine counts, by name: what a step counts here is what an alarm or the dashboard reads.

All stand in one namespace under one dimension, the deployment: stages of one account never mix, and a metric costs the
same however many functions count it. Design: workflow section 7.
"""

from enum import StrEnum

from relais.act import ActKind, ActState

NAMESPACE = "Relais"
DIMENSION = "service"
"""Its value is the deployment: `relais-<stage>`."""


class Unit(StrEnum):
    """What a metric counts, in CloudWatch's words."""

    COUNT = "Count"
    SECONDS = "Seconds"


class Metric(StrEnum):
    """Every metric. What is not counted in a period is missing there, but for the clock's own, sent with each tick."""

    CLOCK_TICK = "ClockTick"
    """A tick that came to its end: the heartbeat."""
    CLOCK_FAILED = "ClockFailed"
    """Rows that a tick failed at; they stay due."""
    OLDEST_DUE_SECONDS = "OldestDueSeconds"
    """How late the row was that had waited longest when a tick came to it; 0 where nothing was due."""
    RESUME_REPEATED = "ResumeRepeated"
    """A decision that no state had taken up after two minutes, sent again."""
    RESUME_OVERDUE = "ResumeOverdue"
    """A decision that no state has taken up after more than five minutes."""
    RUN_STARTED = "RunStarted"
    RUN_DEAD = "RunDead"
    OWED_PARKED = "OwedParked"
    """Something owed that was given up after ten tries."""
    MAIL_PUT_OFF = "MailPutOff"
    """A mail that the post did not take at once: it stays owed."""
    MAIL_BOUNCED = "MailBounced"
    """A mail that came back for good, or that its reader called spam."""
    UNREACHED = "Unreached"
    """A question that no mail brings to its owner: silence decides nothing, the seller is told."""
    PARKED = "Parked"
    """An order or milestone that waits for the seller to decide how it goes on."""
    ORDER_STUCK = "OrderStuck"
    """An order that several runs brought no further: the seller is asked."""
    GATE_ANSWERED = "GateAnswered"
    NOT_ALLOWED = "NotAllowed"
    """A call that AWS refused for want of a permission."""
    PAGE_TROUBLE = "PageTrouble"
    """A request that ended in an error page nobody foresaw."""
    WEBHOOK_PAID = "WebhookPaid"
    WEBHOOK_RECEIVED = "WebhookReceived"
    """A signed event that told nothing new, or nothing that is ours."""
    WEBHOOK_WRONG_MODE = "WebhookWrongMode"
    """A signed event of the other mode: test events in production, or the reverse."""
    WEBHOOK_REFUSED = "WebhookRefused"
    """A request to the webhook that nobody we trust had signed, or an event in a shape that we do not know."""
    ACT_LATE = "ActLate"
    """A movement of money sent over an hour ago whose end is still not known."""
    PAY_OVERDUE = "PayOverdue"
    """Pay that has waited for its freelancer's account until the day of the alarm, ten days before the legal end."""
    TRANSFER_DONE = "TransferDone"
    TRANSFER_REFUSED = "TransferRefused"
    TRANSFER_UNKNOWN = "TransferUnknown"
    REFUND_DONE = "RefundDone"
    REFUND_REFUSED = "RefundRefused"
    REFUND_UNKNOWN = "RefundUnknown"
    REVERSAL_DONE = "ReversalDone"
    REVERSAL_REFUSED = "ReversalRefused"
    """Stripe took nothing back from a freelancer's account: what they owe is deducted from their next pay."""
    REVERSAL_UNKNOWN = "ReversalUnknown"
    DISPUTE_OPENED = "DisputeOpened"
    DISPUTE_ANSWERED = "DisputeAnswered"
    DISPUTE_LOST = "DisputeLost"
    MOVED_TWICE = "MovedTwice"
    """Movements of one operation beyond the first, found at Stripe: money that has to come back."""
    STRAY_REFUNDED = "StrayPaymentRefunded"
    """A second payment, or one of another amount, that was given back whole."""
    FEE_BOOKED = "FeeBooked"
    ORDER_COMPLETED = "OrderCompleted"
    RECONCILED = "Reconciled"
    """A look at Stripe's book that came to its end: its heartbeat."""
    MOVEMENT_BOOKED = "MovementBooked"
    """A line of Stripe's book that no webhook had brought, booked by the reconciler."""
    MOVEMENT_UNKNOWN = "MovementUnknown"
    """A line of a type that the chart does not know: it stands in suspense."""
    MOVEMENT_UNEXPLAINED = "MovementUnexplained"
    """A refund, transfer or reversal that nobody here asked for."""
    EVENT_MISSED = "EventMissed"
    """An event whose delivery had no effect here, fed to the door again by the reconciler."""
    MONEY_DIFFERS = "MoneyDiffers"
    """Findings of a comparison of the ledger with Stripe, those of cover apart."""
    COVER_SHORT = "CoverShort"
    """By how much Stripe's balance falls short of what is owed, in minor units, where that is more than fees take."""

    @property
    def unit(self) -> Unit:
        """What it counts."""
        return Unit.SECONDS if self is Metric.OLDEST_DUE_SECONDS else Unit.COUNT


ENDED_BADLY = (ActState.REFUSED, ActState.UNKNOWN)


def act_metric(kind: ActKind, state: ActState) -> Metric:
    """The metric of an act that ended in a state: `TransferRefused`. Raises `ValueError` where none is counted."""
    return Metric(f"{kind.value.title()}{state.value.title()}")


def webhook_metric(outcome: str) -> Metric:
    """The metric of an event that was taken in, by what became of it."""
    match outcome:
        case "paid":
            return Metric.WEBHOOK_PAID
        case "wrong_mode":
            return Metric.WEBHOOK_WRONG_MODE
        case _:
            return Metric.WEBHOOK_RECEIVED
