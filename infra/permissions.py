"""Who may do what: every grant of every function, in one table.

A role gets these grants and nothing else: constructs can't add to it. Beside them each function writes its own log
group and traces (`infra/functions.py`). Actions are named, resources are named; the few wildcards are explained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Resource(Enum):
    """What a grant is about; `infra/functions.py` knows each one's ARN."""

    TABLE = auto()
    DUE_INDEX = auto()
    DESK_INDEX = auto()
    BOOK_INDEX = auto()
    BUCKET = auto()
    FILES = auto()
    MACHINE = auto()
    EXECUTIONS = auto()
    MAIL = auto()
    RUN_ACT = auto()
    TICK_CLOCK = auto()
    ONBOARD = auto()
    DEAD_LETTERS = auto()
    LINK_KEYS = auto()
    STRIPE_WEBHOOK = auto()
    STRIPE_ACCOUNTS_WEBHOOK = auto()
    STRIPE_ONBOARD = auto()
    STRIPE_OPEN_CHECKOUT = auto()
    STRIPE_ENTER_ORDER = auto()
    STRIPE_RUN_ACT = auto()
    STRIPE_RECONCILE = auto()


@dataclass(frozen=True, slots=True)
class Grant:
    """Named actions on one resource."""

    resource: Resource
    actions: tuple[str, ...]


def _secret(resource: Resource) -> Grant:
    return Grant(resource, ("secretsmanager:GetSecretValue",))


LOOK = Grant(Resource.TABLE, ("dynamodb:GetItem",))
LIST = Grant(Resource.TABLE, ("dynamodb:Query",))
READ = Grant(Resource.TABLE, ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"))
# A transaction needs the actions that it is made of.
CHANGE = Grant(Resource.TABLE, ("dynamodb:UpdateItem",))
WRITE = Grant(Resource.TABLE, ("dynamodb:PutItem", "dynamodb:UpdateItem"))
# An acceptance is not written beside an interrupt; a client gives it, or the clock by default. Nor is pay waited for.
ACCEPT = Grant(Resource.TABLE, ("dynamodb:ConditionCheckItem",))
DUE = Grant(Resource.DUE_INDEX, ("dynamodb:Query",))
# The seller's digest lists what waits for them.
DESK = Grant(Resource.DESK_INDEX, ("dynamodb:Query",))
BOOK = Grant(Resource.BOOK_INDEX, ("dynamodb:Query",))

READ_FILES = Grant(Resource.FILES, ("s3:GetObject",))
# What was handed in is read and shown as it was looked at, whatever is sent under its name afterwards. Who signs an
# address needs what it leads to.
READ_UPLOADS = Grant(Resource.FILES, ("s3:GetObjectVersion",))
WRITE_FILES = Grant(Resource.FILES, ("s3:PutObject",))
# Who may not list is told "forbidden" where an object is missing, instead of "not found".
MISS_FILES = Grant(Resource.BUCKET, ("s3:ListBucket",))

MAIL = Grant(Resource.MAIL, ("ses:SendEmail",))
# An interrupted or parked gate fails its state.
RESUME = Grant(Resource.MACHINE, ("states:SendTaskSuccess", "states:SendTaskFailure"))
START = Grant(Resource.MACHINE, ("states:StartExecution",))
WATCH_RUNS = Grant(
    Resource.EXECUTIONS, ("states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution")
)
# What a seller's answer to a stuck order takes: its next run, and the end of the one before.
REPAIR = (START, Grant(Resource.EXECUTIONS, ("states:StopExecution",)))
RUN_ACT = Grant(Resource.RUN_ACT, ("lambda:InvokeFunction",))
LOOK_AT = Grant(Resource.ONBOARD, ("lambda:InvokeFunction",))
TICK_AGAIN = Grant(Resource.TICK_CLOCK, ("lambda:InvokeFunction",))
# What Lambda itself needs of the role to put away an asynchronous call that kept failing.
GIVE_UP = Grant(Resource.DEAD_LETTERS, ("sqs:SendMessage",))

LINKS = _secret(Resource.LINK_KEYS)

# Resources that can only be named in part, and why.
WILDCARDS: Mapping[Resource, str] = {
    Resource.FILES: "Objects are named after orders that don't exist yet.",
    Resource.EXECUTIONS: "Executions are named after orders that don't exist yet.",
}

FILES = (READ_FILES, MISS_FILES)
TELL = (READ, WRITE, *FILES, MAIL, LINKS)
# To open a gate: the row, the token, the mail, and the answer at once where there is one already.
OPEN = (*TELL, RESUME)

GRANTS: Mapping[str, tuple[Grant, ...]] = {
    "show-page": (READ, *FILES, READ_UPLOADS, LINKS),
    "open-checkout": (READ, WRITE, *FILES, READ_UPLOADS, LINKS, _secret(Resource.STRIPE_OPEN_CHECKOUT)),
    # It has a payment given back that is not the order's, and so does the first state.
    "receive-stripe-event": (LOOK, WRITE, START, RUN_ACT, _secret(Resource.STRIPE_WEBHOOK)),
    # Whose account it is stands on the roster; that Stripe is asked is another function's work.
    "receive-account-event": (LIST, LOOK_AT, _secret(Resource.STRIPE_ACCOUNTS_WEBHOOK)),
    # What it announces the clock tells; the pay that waited is woken.
    "onboard": (LOOK, WRITE, RUN_ACT, LINKS, GIVE_UP, _secret(Resource.STRIPE_ONBOARD)),
    "enter-order": (LOOK, LIST, WRITE, RUN_ACT, _secret(Resource.STRIPE_ENTER_ORDER)),
    # The seller who does late work themself takes it there, and never beside an interrupt.
    "open-proposal": (*OPEN, ACCEPT),
    "open-gate": OPEN,
    "answer-gate": (*TELL, RESUME, ACCEPT, READ_UPLOADS, WRITE_FILES, *REPAIR),
    "permit-upload": (LOOK, WRITE_FILES, LINKS),
    # Its gates are the engine's own; of several deliveries, the client is told of each whose money went back.
    # Of files it reads what the evidence of a dispute is made of: the brief, and the seller's words.
    "run-act": (READ, WRITE, ACCEPT, *FILES, RESUME, MAIL, LINKS, GIVE_UP, _secret(Resource.STRIPE_RUN_ACT)),
    "close-order": (READ, WRITE, MAIL, LINKS),
    "tick-clock": (*OPEN, ACCEPT, DUE, DESK, START, WATCH_RUNS, RUN_ACT, TICK_AGAIN, GIVE_UP),
    # On stage dev it reads the virtual date.
    "record-execution": (LOOK, CHANGE, GIVE_UP),
    "record-bounce": (LOOK, WRITE, GIVE_UP),
    # It takes payments in as the webhook does, and writes to the seller what does not agree.
    "reconcile": (READ, WRITE, DUE, BOOK, START, RUN_ACT, MAIL, GIVE_UP, _secret(Resource.STRIPE_RECONCILE)),
}
