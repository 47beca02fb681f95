"""What steps ask of the outside, without knowing who answers. Adapters and doubles fulfil these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from relais.errors import RelaisError
from relais.metrics import Metric

if TYPE_CHECKING:
    from relais.bank import Movement
    from relais.dispute import DisputeSeen
    from relais.link import LinkKeys
    from relais.pages.letter_views import AnyLetter
    from relais.recipient import Recipient
    from relais.rows import Key, Row, Write


class ConditionFailedError(RelaisError):
    """A guard did not hold, so nothing was written: read again and decide again. `index` is the first failing write."""

    def __init__(self, index: int, key: Key) -> None:
        """Keep which write failed."""
        super().__init__(f"write {index} on {key.sk} met another state: read again and decide again")
        self.index = index
        self.key = key


class Store(Protocol):
    """The table. Every read of a row is consistent; only indexes are not."""

    def get(self, key: Key) -> Row | None:
        """Read one row."""

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Read several rows at once; absent ones are left out."""

    def query(self, pk: str, prefix: str = "") -> list[Row]:
        """Read the rows of a partition whose sort key starts with `prefix`, in order, all pages."""

    def write(self, *writes: Write) -> None:
        """Write all or nothing. Raises `ConditionFailedError`."""

    def due(self, shard: str, until: datetime, limit: int) -> list[Key]:
        """Nominate rows of a shard due at `until`, oldest first, from an index that may be stale."""

    def open_orders(self, shard: str) -> list[str]:
        """Nominate the orders of a shard that are open, from an index that may be stale."""

    def desk(self, owner: str) -> list[Key]:
        """Nominate the open gates of an owner, most urgent first, from an index that may be stale."""

    def book(self, month: str, shard: str) -> list[Row]:
        """Read the ledger entries of a month and shard (an index: bookings of the last instants may be missing)."""


class Machine(Protocol):
    """Step Functions."""

    def start(self, order: str, run: int) -> None:
        """Start the execution `<order>-<run>`; one that exists already is success."""

    def succeed(self, token: str, outcome: str) -> None:
        """Resume a waiting state with an outcome; a token that no longer waits is not an error (design.

        Workflow section 1).
        """

    def fail(self, token: str, error: str, cause: str) -> None:
        """Resume a waiting state with an error."""

    def status(self, order: str, run: int) -> str:
        """The status of an execution, or `ABSENT`."""

    def events(self, order: str, run: int) -> int:
        """How many events the history of an execution has; none where there is no such execution."""

    def stop(self, order: str, run: int, cause: str) -> None:
        """Stop an execution if it still runs."""


class Files(Protocol):
    """The bucket: texts, briefs and deliverables."""

    def put_text(self, key: str, body: str) -> None:
        """Keep a text."""

    def get_text(self, key: str) -> str | None:
        """Read a text."""

    def put_file(self, key: str, body: BinaryIO, content_type: str) -> None:
        """Keep a file that an operator hands in: nobody else sends bytes through us."""

    def permit(self, key: str, size: int, content_type: str) -> dict[str, Any]:
        """A form that uploads exactly this object of at most `size` bytes: `{"url", "fields"}`."""

    def measure(self, key: str) -> tuple[int, str] | None:
        """The size in bytes and the upload of what stands under a key now, or nothing where nothing does.

        An upload is one sending of bytes: a permit lets its holder send again under the same key, so whoever looks at
        a file and shows it later names the upload each time.
        """

    def link(self, key: str, name: str, upload: str, *, inline: bool = False) -> str:
        """A short-lived address to fetch one upload under a name. Signs; asks nothing."""

    def read(self, key: str, upload: str) -> bytes:
        """The content of an upload that is known to be small."""

    def digest(self, key: str, upload: str) -> str:
        """The SHA-256 of an upload's content, in hexadecimal."""

    @property
    def origin(self) -> str:
        """Where browsers fetch objects from and send them to."""


class MailRefusedError(RelaisError):
    """The post did not take a mail: it stays owed, and the clock sends it again."""

    def __init__(self, code: str) -> None:
        """Keep the code; never the address."""
        super().__init__(
            f"the mail was refused ({code}): check the identity and the sending limits with `relais doctor`"
        )
        self.code = code


class Mailer(Protocol):
    """The post."""

    def send(self, letter: AnyLetter) -> None:
        """Write and send one mail. Raises `MailRefusedError`."""


@dataclass(frozen=True, slots=True, repr=False)
class PaidSession:
    """A checkout session as Stripe says it is now, with what its payment is known by. Amounts in minor units."""

    id: str
    status: str
    payment_status: str
    url: str | None
    amount: int
    currency: str
    order: str | None
    email: str | None
    name: str | None
    payment_intent: str | None
    charge: str | None
    processing: bool = False
    """Whether its payment is under way: a debit that the bank has not answered."""

    @property
    def paid(self) -> bool:
        """Whether nothing is left to pay."""
        return self.payment_status in {"paid", "no_payment_required"}


@dataclass(frozen=True, slots=True, repr=False)
class Settlement:
    """A balance transaction. `amount`, `fee` and `net` in minor units of `currency`."""

    id: str
    type: str
    amount: int
    fee: int
    net: int
    currency: str
    source: str | None
    created: datetime
    available_on: datetime


@dataclass(frozen=True, slots=True, repr=False)
class ChargeSeen:
    """A charge as Stripe says it is now."""

    id: str
    payment_intent: str | None
    settlement: Settlement | None
    method: str = "card"
    """How it was paid, as Stripe names it."""


@dataclass(frozen=True, slots=True, repr=False)
class Sent:
    """A transfer or refund that Stripe accepted; a refund has no destination. `settlement` may not be known yet."""

    id: str
    amount: int
    currency: str
    destination: str
    operation: str | None
    settlement: str | None


class MovementRefusedError(RelaisError):
    """Stripe refused a transfer or a refund for good under this key: nothing moved."""

    def __init__(self, code: str) -> None:
        """Keep Stripe's code."""
        super().__init__(f"Stripe refused to move money ({code}): mend the cause, then send again")
        self.code = code


class AnswerUnknownError(RelaisError):
    """Nobody knows whether Stripe acted: the answer was lost, or was an error of Stripe's own."""

    def __init__(self, cause: str) -> None:
        """Keep what was seen."""
        super().__init__(f"no usable answer from Stripe ({cause}): look it up before sending anything again")
        self.cause = cause


class TryAgainError(RelaisError):
    """Stripe did not begin (busy, rate limit): the same call under the same key may follow."""

    def __init__(self, cause: str) -> None:
        """Keep what was seen."""
        super().__init__(f"Stripe did not take the call ({cause}): the same call follows later")
        self.cause = cause


@dataclass(frozen=True, slots=True, repr=False)
class SessionRequest:
    """What a checkout session is asked for. Everything in it is frozen with its key."""

    order: str
    number: int
    amount: int
    currency: str
    title: str
    lang: str
    email: str | None
    success_url: str
    cancel_url: str
    expires_at: datetime
    what: str = "00"
    """What is paid: the order itself, or the gate of an extra; with `number` it names the request for ever."""
    debit: bool = False
    """Whether a SEPA debit may be used beside a card."""
    note: str = ""
    """A sentence beside Stripe's button."""


class Payments(Protocol):
    """Stripe."""

    def open_session(self, request: SessionRequest) -> PaidSession:
        """Open a hosted checkout; the same request gives the same session."""

    def session(self, session: str) -> PaidSession:
        """Re-read a session and its payment."""

    def checkout(self, session: str) -> PaidSession:
        """Re-read a session alone, as whoever opens one may: of its payment it tells what the session itself says."""

    def charge(self, charge: str) -> ChargeSeen:
        """Re-read a charge, with its balance transaction once there is one (design: money A 3)."""

    def settlement(self, transaction: str) -> Settlement:
        """A balance transaction by its id."""

    def refund_settlement(self, refund: str) -> Settlement | None:
        """The balance transaction of a refund, once Stripe has taken the money (design: money B, row 8')."""

    def transfer(self, body: dict[str, Any], key: str) -> Sent:
        """Send a transfer once. Raises `MovementRefusedError`, `AnswerUnknownError`, `TryAgainError`."""

    def refund(self, body: dict[str, Any], key: str) -> Sent:
        """Send a refund once. Raises what a transfer raises."""

    def reverse(self, body: dict[str, Any], key: str) -> Sent:
        """Take a transfer back, or a part of it, once. All or nothing. Raises what a transfer raises."""

    def spendable(self, account: str, currency: str) -> int:
        """What a freelancer's account has available, in minor units: no reversal takes more (design: money B 11).

        Raises `AnswerUnknownError`, `TryAgainError`, `MovementRefusedError`.
        """

    def dispute(self, dispute: str) -> DisputeSeen:
        """A dispute as it stands. Raises `AnswerUnknownError`, `TryAgainError`, `MovementRefusedError`."""

    def submit_evidence(self, dispute: str, evidence: dict[str, str], key: str) -> None:
        """Hand evidence in, which is possible once. Raises what a transfer raises."""

    def accept_dispute(self, dispute: str, key: str) -> None:
        """Accept a dispute: it is lost for good. Raises what a transfer raises."""

    def listed(self, kind: str, body: dict[str, Any], since: datetime) -> list[Sent]:
        """What Stripe's lists show beside an act of this kind, whoever made it, oldest first. Raises what `made` does.

        Every refund of its payment, every reversal of its transfer, every transfer to its account since an instant.
        """

    def made(self, kind: str, body: dict[str, Any], since: datetime) -> list[Sent]:
        """What Stripe's lists show that this operation (`metadata.op`) has made since an instant, oldest first.

        `kind` is an act's. Raises `AnswerUnknownError`, `TryAgainError`.
        """


@dataclass(frozen=True, slots=True, repr=False)
class Movements:
    """A page of Stripe's balance transactions, oldest first; `more` newer ones follow."""

    lines: tuple[Movement, ...]
    more: bool


@dataclass(frozen=True, slots=True, repr=False)
class PastEvent:
    """An event that Stripe keeps: what it told then, whether or not it ever reached us."""

    id: str
    type: str
    livemode: bool
    subject: dict[str, Any]
    created: datetime


class BankSilentError(RelaisError):
    """Stripe could not be read: nothing is booked, and nothing lost; the next look begins where this one ended."""

    def __init__(self, cause: str) -> None:
        """Keep what was seen."""
        super().__init__(f"Stripe's book could not be read ({cause}): the next look goes on from here")
        self.cause = cause


class Bank(Protocol):
    """Stripe's own book: read, and never written but for the balance to keep. Every call raises `BankSilentError`."""

    def newest(self, before: datetime | None = None) -> str | None:
        """The newest balance transaction of all, or of those made before an instant."""

    def movements(self, after: str | None) -> Movements:
        """The balance transactions made right after one, or the first of all (design: money D)."""

    def session_of(self, payment_intent: str) -> tuple[str, str] | None:
        """The checkout session that a payment was made in, and how it stands there: paid, or unpaid still."""

    def order_of(self, charge: str) -> str | None:
        """The order that a charge says it belongs to."""

    def balance(self) -> dict[str, int]:
        """What Stripe holds for us, available and pending together, by currency in minor units."""

    def minimum(self) -> dict[str, int]:
        """What Stripe's automatic payouts leave in the account, by currency in minor units (design: money A 5)."""

    def keep(self, minimum: dict[str, int]) -> None:
        """Have automatic payouts leave this much, by currency in minor units; others stay as they are."""

    def events(self, types: Sequence[str], since: datetime) -> list[PastEvent]:
        """The events of these types since an instant, oldest first, all pages."""


class AccountUnreadError(RelaisError):
    """Stripe did not say how an account stands, or did not take what was asked of it: nothing has changed."""

    def __init__(self, cause: str) -> None:
        """Keep what was seen."""
        super().__init__(f"Stripe did not answer about an account ({cause}): ask again in a moment")
        self.cause = cause


class Recipients(Protocol):
    """The accounts that freelancers are paid to. Every call raises `AccountUnreadError`."""

    def seen(self, freelancer: str, account: str) -> Recipient:
        """An account as Stripe says it is at this moment (design: money A 8)."""

    def open(self, freelancer: str, *, country: str, email: str, name: str) -> str:
        """Open an account that may receive transfers once its owner has onboarded; the same person, the same account.

        Returns its id. `country` by its two letters.
        """

    def link(self, account: str, *, back: str, again: str) -> str:
        """A fresh address of Stripe's form: it works once, for minutes.

        It leads `back` when somebody leaves it, and to `again` where it works no more.
        """


class Background(Protocol):
    """Functions called without waiting for them."""

    def run_act(self, order: str, owed: str) -> None:
        """Have the function that pays look at what an order owes."""

    def look_at(self, freelancer: str) -> None:
        """Have the function that keeps accounts ask Stripe about somebody's."""

    def tick_again(self, remaining: dict[str, Any]) -> None:
        """Have the clock go on with what remains."""


class Counter(Protocol):
    """Numbers for the watchers."""

    def count(self, name: Metric, value: int = 1) -> None:
        """Add to a metric."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What a deployment says of itself."""

    stage: str
    public_url: str


class Ports(Protocol):
    """All of it. Each is made when it is first asked for."""

    @property
    def settings(self) -> Settings:
        """What the deployment says of itself."""

    @property
    def store(self) -> Store:
        """The table."""

    @property
    def machine(self) -> Machine:
        """Step Functions."""

    @property
    def files(self) -> Files:
        """The bucket."""

    @property
    def mailer(self) -> Mailer:
        """The post."""

    @property
    def payments(self) -> Payments:
        """Stripe, with this function's own key."""

    @property
    def bank(self) -> Bank:
        """Stripe's book, with this function's own key."""

    @property
    def recipients(self) -> Recipients:
        """The freelancers' accounts, with this function's own key."""

    @property
    def background(self) -> Background:
        """Functions called without waiting."""

    @property
    def counter(self) -> Counter:
        """The metrics of this invocation."""

    @property
    def link_keys(self) -> LinkKeys:
        """The keys that links are made with."""

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The webhook's signing secrets: two while they are rotated."""

    def now(self) -> datetime:
        """The time of the business: virtual in stage dev."""

    def wall(self) -> datetime:
        """The time of the wall: signatures, leases and ages of keys."""

    def note(self, error: Exception) -> None:
        """Write an error down that was dealt with: what it was about stays owed, and somebody may want to know why."""

    def order_id(self) -> str:
        """A fresh order id: 12 random Crockford base32 characters."""
