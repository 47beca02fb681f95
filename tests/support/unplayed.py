"""What the roles allow and the demo's order does not take: why it is granted, and who is seen to use it.

`tests/e2e/test_demo.py` holds the list against what the local cloud checked while the order played,
`tests/infra/test_least_privilege.py` against the other ways that orders go.
"""

from dataclasses import dataclass

SHOWN_AGAIN = "the form was refused: the whole page is shown again, with everything that was typed"
ONBOARDS = "a freelancer opens the account that they are paid to"
OBJECT_GONE = "S3 asks for it where an object is missing: else a text that was removed would stop an order"
CALLED_BACK = "the order is cancelled in the instant in which the gate opens"
NEW_ADDRESS = "the client's address is corrected: the open question is mailed anew"
AT_A_DEFAULT = "silence is answered by the clock, or what somebody owes is done by it"
STUCK = "an order that several runs brought no further: its next run"
GIVEN_AWAY = "the work is given back, or given to somebody else: its state fails"
NO_REVIEW = "the offer reviews first versions only: later ones are approved as they are opened"
NOBODY_LEFT = "there is nobody left to propose to: the gate answers itself"
RIGHTED = "a payment that is not the order's is given back"
DIED = "an execution dies"
BOUNCED = "a mail comes back"
PUT_AWAY = "Lambda itself puts away a call that kept failing"
UNHEARD = "Stripe's book is read every quarter of an hour, and the demo's order is over by then"
HANDED_OVER = "more is due than one tick has time for"


@dataclass(frozen=True, slots=True)
class Unplayed:
    """Actions of one function, why they are granted, and the play that uses them; none where AWS itself does."""

    function: str
    why: str
    play: str | None
    actions: frozenset[str]


def _of(function: str, why: str, play: str | None, *actions: str) -> Unplayed:
    return Unplayed(function, why, play, frozenset(actions))


UNPLAYED = (
    _of("show-page", OBJECT_GONE, "unsaved_brief", "s3:ListBucket"),
    _of(
        "open-checkout",
        SHOWN_AGAIN,
        "checkout_of_an_old_page",
        *("dynamodb:BatchGetItem", "dynamodb:Query", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"),
    ),
    _of("receive-stripe-event", RIGHTED, "second_payment", "dynamodb:PutItem"),
    _of(
        "receive-account-event",
        ONBOARDS,
        "onboarded_late",
        *("dynamodb:Query", "lambda:InvokeFunction", "secretsmanager:GetSecretValue"),
    ),
    _of(
        "onboard",
        ONBOARDS,
        "onboarded_late",
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "lambda:InvokeFunction"),
        "secretsmanager:GetSecretValue",
    ),
    _of("onboard", PUT_AWAY, None, "sqs:SendMessage"),
    _of("enter-order", RIGHTED, "payment_of_another_amount", "lambda:InvokeFunction"),
    _of(
        "open-proposal",
        "nobody is left to be asked",
        "everybody_declines_and_the_seller_picks",
        "states:SendTaskSuccess",
    ),
    _of(
        "open-proposal",
        "the seller does late work themself",
        "late_work_goes_to_the_seller",
        "dynamodb:ConditionCheckItem",
    ),
    _of("open-proposal", CALLED_BACK, "called_back_at_openings", "states:SendTaskFailure"),
    _of("open-proposal", OBJECT_GONE, "texts_removed", "s3:ListBucket"),
    _of("open-gate", "a whole order parks", "openings_that_fail_for_good", "dynamodb:Query"),
    _of("open-gate", NO_REVIEW, "later_versions_unreviewed", "states:SendTaskSuccess"),
    _of("open-gate", CALLED_BACK, "called_back_at_openings", "states:SendTaskFailure"),
    _of("open-gate", OBJECT_GONE, "texts_removed", "s3:ListBucket"),
    _of("answer-gate", NEW_ADDRESS, "address_corrected", "ses:SendEmail"),
    _of("answer-gate", OBJECT_GONE, "files_never_sent", "s3:ListBucket"),
    _of("answer-gate", GIVEN_AWAY, "given_up", "states:SendTaskFailure"),
    _of("answer-gate", STUCK, "stuck_order", "states:StartExecution", "states:StopExecution"),
    _of(
        "show-preview",
        "the client's browser shows pictures of what is not accepted yet; the demo's reads pages alone",
        "previews_shown",
        *("dynamodb:GetItem", "s3:GetObject", "s3:GetObjectVersion", "secretsmanager:GetSecretValue"),
    ),
    _of(
        "check-links",
        "the seller has the links of a version looked at",
        "links_looked_at",
        *("dynamodb:GetItem", "dynamodb:UpdateItem", "s3:GetObject", "secretsmanager:GetSecretValue"),
    ),
    _of("run-act", "a movement of money ends badly: its gate parks", "transfer_refused", "states:SendTaskFailure"),
    _of(
        "run-act",
        "the client is told of each of several deliveries whose money went back",
        "cancelled_one_by_the_seller",
        *("dynamodb:ConditionCheckItem", "ses:SendEmail"),
    ),
    _of("run-act", "the evidence of a dispute is read and sent", "dispute_answered", "s3:GetObject"),
    _of("run-act", OBJECT_GONE, "dispute_without_texts", "s3:ListBucket"),
    _of("run-act", PUT_AWAY, None, "sqs:SendMessage"),
    _of(
        "tick-clock",
        AT_A_DEFAULT,
        "accepted_by_silence",
        *("dynamodb:ConditionCheckItem", "dynamodb:PutItem", "secretsmanager:GetSecretValue", "ses:SendEmail"),
    ),
    _of("tick-clock", AT_A_DEFAULT, "work_and_review_late", "s3:GetObject"),
    _of("tick-clock", AT_A_DEFAULT, "brief_unanswered", "states:SendTaskFailure"),
    _of("close-order", "a rate rises by the shop's rule", "a_rate_rises_by_the_rule", "dynamodb:PutItem"),
    _of("tick-clock", OBJECT_GONE, "texts_removed", "s3:ListBucket"),
    _of("tick-clock", STUCK, "stuck_order", "dynamodb:Query", "states:StartExecution", "states:StopExecution"),
    _of("tick-clock", HANDED_OVER, "handed_over", "lambda:InvokeFunction"),
    _of("tick-clock", PUT_AWAY, None, "sqs:SendMessage"),
    _of("record-execution", DIED, "park_that_fails", "dynamodb:GetItem", "dynamodb:UpdateItem"),
    _of("record-execution", PUT_AWAY, None, "sqs:SendMessage"),
    _of(
        "record-bounce",
        BOUNCED,
        "mail_bounced",
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
    ),
    _of("record-bounce", PUT_AWAY, None, "sqs:SendMessage"),
    _of(
        "reconcile",
        UNHEARD,
        "webhooks_lost",
        *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        *("states:StartExecution", "lambda:InvokeFunction", "secretsmanager:GetSecretValue", "ses:SendEmail"),
    ),
    _of("reconcile", PUT_AWAY, None, "sqs:SendMessage"),
)
BY_THE_RUNTIME = ("logs:", "xray:")
"""Lambda writes every function's log and traces with its role; the local cloud does so without asking."""
ANY_TIME = ("tick-clock", "reconcile")
"""Schedules call them, so in a long play they may come upon anything."""
