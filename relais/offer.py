"""What is sold: the offer, its clocks and its frozen policy (design: people 5, 5b and 7).

An order keeps the version of the offer it was bought under: the policy of the day of purchase wins (promise 5).
Amounts are in minor units of the offer's currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from itertools import groupby
from typing import Any

from relais.calendar import Duration, Reminder, Rule
from relais.cascade import Cascade
from relais.checks import Automatic
from relais.lift import Lift, Row, lift
from relais.schedule import Start

ROW_VERSION = 1
_LIFTS: Mapping[int, Lift] = {}

# The clocks of people 5b that an offer has when it says nothing.
_BRIEF = Rule.parse("14 d; 1 d, 3 d, 7 d, 12 d")
_BRIEF_SELLER = Reminder.parse("5 d")
_PROPOSAL = Rule.parse("8 wh")
_PROPOSAL_URGENT = Rule.parse("3 wh")
_PROPOSAL_AFTER = Duration.parse("2 wh")
_WORK = (Reminder.parse("-24 h"),)
_REVIEW = Rule.parse("1 wd; half")
_ACCEPTANCE = Rule.parse("7 d; 2 d, 5 d, last day")
_ACCEPTANCE_MORE = Duration.parse("3 d")
_REFUND_REQUEST = Rule.parse("3 wd; 1 wd, 2 wd")
_SETTLEMENT = Rule.parse("7 d; 3 d, 6 d")
_LATE = Rule.parse("4 wh")
_MORE_TIME = Rule.parse("4 wh; half")
_QUESTION = Rule.parse("2 wd; 1 wd")
_COUNTER = Rule.parse("4 wh; half")
_AGREEMENT = Rule.parse("2 wd; 1 wd")
_EXTRA = Rule.parse("3 wd; 2 wd")
_HOLD_SPOKEN = Duration.parse("3 d")
_CASCADE = Cascade()
_HOLD_SILENT = Duration.parse("7 d")
_AT_ONCE = Start()
_NO_WISHES = Automatic()
_DEBIT_HOLD = Duration.parse("14 d")
DEBIT_CAP = 100_000
"""What a client may have out in debits that are not safe yet, where an offer does not say (cents)."""


@dataclass(frozen=True, slots=True, repr=False)
class Text:
    """The same words in French and in English."""

    fr: str
    en: str

    def in_(self, lang: str) -> str:
        """Return the French words for "fr", the English ones for every other language."""
        return self.fr if lang == "fr" else self.en

    def to_row(self) -> list[str]:
        """Return the French text and the English one."""
        return [self.fr, self.en]

    @classmethod
    def from_row(cls, row: Sequence[str]) -> "Text":
        """Rebuild a text from `to_row`."""
        return cls(*row)


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """One question of the brief; `example` is the answer shown below it. `files` asks for files instead of words."""

    key: str
    text: Text
    example: Text
    required: bool = True
    multiline: bool = False
    files: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Extra:
    """Something that may be added to an offer, for work under way. Price and cost in minor units.

    `adds` is what it adds to the dates. One that changes the promise itself (`promise`) is kept as data only.
    """

    key: str
    title: Text
    price: int
    cost: int
    adds: Duration | None = None
    promise: Duration | None = None


@dataclass(frozen=True, slots=True, repr=False)
class PlannedMilestone:
    """One deliverable that the offer promises; `weight` is its share of the price (design: money B, shares).

    `cost_weight` is its share of the cost, `promise` its working days, `revisions` what it includes: each as the price
    and the policy say where it is None. `brief` is asked for this milestone alone.
    """

    title: Text
    weight: int = 1
    cost_weight: int | None = None
    start: Start = _AT_ONCE
    promise: int | None = None
    revisions: int | None = None
    brief: tuple[Question, ...] = ()

    @property
    def of_cost(self) -> int:
        """Its weight in what the freelancer is paid."""
        return self.weight if self.cost_weight is None else self.cost_weight


class Review(StrEnum):
    """Which versions the seller reviews before the client sees them (design: people 4)."""

    EVERY_VERSION = "every version"
    FIRST_VERSION = "first version"


class Release(StrEnum):
    """What the client sees before accepting (design: people 7)."""

    FILES = "files"
    PREVIEW_FIRST = "preview first"


class Disclosure(StrEnum):
    """What the client is told of who does the work."""

    BRAND_ONLY = "brand only"
    VETTED_FREELANCERS = "vetted freelancers"
    BY_NAME = "by name"


class Portfolio(StrEnum):
    """Whether the freelancer may show the work (design: people 5)."""

    NEVER = "never"
    AFTER_30_DAYS = "after 30 days"
    WITH_CREDIT = "after 30 days with credit"


class RefundCause(StrEnum):
    """Why a client gets money back."""

    CHANGE_OF_MIND = "change_of_mind"
    SELLER_FAULT = "seller_fault"
    BRIEF_NOT_MET = "brief_not_met"
    REFUND_RIGHT = "refund_right"
    LATE = "late"
    WITHDRAWAL = "withdrawal"


class FreelancerPaid(StrEnum):
    """What the freelancer keeps of the agreed cost when the client is refunded."""

    FULL = "full"
    HALF = "half"
    NOTHING = "nothing"
    PRO_RATA = "pro rata"


@dataclass(frozen=True, slots=True, repr=False)
class Bears:
    """Who bears a refund, by cause: what the freelancer is paid all the same (design: people 5)."""

    change_of_mind: FreelancerPaid = FreelancerPaid.FULL
    seller_fault: FreelancerPaid = FreelancerPaid.FULL
    brief_not_met: FreelancerPaid = FreelancerPaid.NOTHING
    refund_right: FreelancerPaid = FreelancerPaid.HALF
    late: FreelancerPaid = FreelancerPaid.NOTHING
    withdrawal: FreelancerPaid = FreelancerPaid.PRO_RATA

    def on(self, cause: RefundCause) -> FreelancerPaid:
        """Return what the freelancer is paid when the client is refunded for that cause."""
        paid: FreelancerPaid = getattr(self, cause.value)
        return paid


@dataclass(frozen=True, slots=True, repr=False)
class Clocks:
    """The deadlines and reminders of the gates; an offer may change any number (design: people 5b).

    `proposal_after` is how long the brief rests before a proposal leaves (0 to 8 working hours); `work` holds reminders
    only, for its deadline is the working deadline; `acceptance_more` is what one press adds, once. `brief_seller` is
    when the seller is told that nobody has filled in the brief, and may do so for the client.
    """

    brief: Rule = _BRIEF
    proposal: Rule = _PROPOSAL
    proposal_urgent: Rule = _PROPOSAL_URGENT
    proposal_after: Duration = _PROPOSAL_AFTER
    work: tuple[Reminder, ...] = _WORK
    review: Rule = _REVIEW
    acceptance: Rule = _ACCEPTANCE
    acceptance_more: Duration = _ACCEPTANCE_MORE
    refund_request: Rule = _REFUND_REQUEST
    settlement: Rule = _SETTLEMENT
    hold_spoken: Duration = _HOLD_SPOKEN
    hold_silent: Duration = _HOLD_SILENT
    late: Rule = _LATE
    more_time: Rule = _MORE_TIME
    question: Rule = _QUESTION
    counter: Rule = _COUNTER
    agreement: Rule = _AGREEMENT
    extra: Rule = _EXTRA
    brief_seller: Reminder = _BRIEF_SELLER


@dataclass(frozen=True, slots=True, repr=False)
class SpeedBonus:
    """What is added to the pay, in minor units, for a first version that needs no rework and came early.

    Early: at least so many working hours before the working deadline. Of several milestones each may earn it.
    """

    hours: int
    amount: int


@dataclass(frozen=True, slots=True, repr=False)
class Policy:
    """What binds seller, client and freelancer from the day of purchase.

    `promise` counts working days from the complete brief; `reserve` is kept back from it for review (None: a quarter of
    the turnaround, at least 4 working hours, at most 2 days; design: people 1). `refund_right`: once the included
    revisions are used, the client may have everything back. `trial`: what a candidate may be paid at most for the whole
    of it as a trial order, in minor units; None where no order is one. `handed_over`: how much of a milestone counts as
    supplied once it stands before the client for their yes, in percent: what is still owed of it are its changes.
    `counter_pay` (percent) and `counter_later` are the band within which a freelancer's counter-proposal is taken by
    rule: at most so much more pay, at most so much later; nothing where the offer does not say (design: people 5).
    `debits`: it may be paid by SEPA debit as well as by card, which a bank can take back for eight weeks: so its maker
    is paid `debit_hold` after the debit was paid at the earliest, and who has more out than `debit_cap` (cents) pays by
    card (design: money A 10).
    `confirm`: from which sum on (minor units) the seller says yes twice before money leaves; None: the usual sum.
    """

    promise: int
    revisions: int = 2
    refund_right: bool = True
    reserve: Duration | None = None
    review: Review = Review.EVERY_VERSION
    release: Release = Release.FILES
    disclosure: Disclosure = Disclosure.VETTED_FREELANCERS
    portfolio: Portfolio = Portfolio.NEVER
    bears: Bears = Bears()
    cascade: Cascade = _CASCADE
    speed_bonus: SpeedBonus | None = None
    trial: int | None = None
    handed_over: int = 80
    counter_pay: int = 0
    counter_later: Duration | None = None
    debits: bool = False
    debit_hold: Duration = _DEBIT_HOLD
    debit_cap: int = DEBIT_CAP
    confirm: int | None = None


class OfferStatus(StrEnum):
    """Whether an offer can be bought: `draft` is seen by the seller alone, `paused` can be read but not bought."""

    OPEN = "open"
    PAUSED = "paused"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True, repr=False)
class Offer:
    """One version of what is sold. `price` and the expected `cost` are minor units of `currency` (lower case).

    `checks` are what the seller looks at, `automatic` what is looked at by itself when a version is handed in.
    `units` is how many times a freelancer's rate for the skill the whole work is: ten articles at a rate per article.
    """

    slug: str
    version: int
    title: Text
    summary: Text
    price: int
    currency: str
    cost: int
    skill: str
    policy: Policy
    guarantee: Text
    what_you_get: tuple[Text, ...]
    brief: tuple[Question, ...]
    checks: tuple[Text, ...] = ()
    automatic: Automatic = _NO_WISHES
    milestones: tuple[PlannedMilestone, ...] = ()
    clocks: Clocks = Clocks()
    extras: tuple[Extra, ...] = ()
    rights: Text | None = None
    status: OfferStatus = OfferStatus.DRAFT
    max_files: int = 20
    image: str | None = None
    units: int = 1

    @property
    def several(self) -> bool:
        """Whether it is delivered in several milestones, each with a life of its own."""
        return len(self.milestones) > 1

    @property
    def questions(self) -> tuple[Question, ...]:
        """Every question of the brief: the offer's own, then those of each milestone under its number."""
        return (*self.brief, *(one for number in range(len(self.milestones)) for one in self.questions_of(number + 1)))

    def questions_of(self, number: int) -> tuple[Question, ...]:
        """What is asked for one milestone (from 1) alone; keys begin with its number, as `03.topic` does."""
        if not 1 <= number <= len(self.milestones):
            return ()
        return tuple(replace(one, key=f"{number:02d}.{one.key}") for one in self.milestones[number - 1].brief)

    @property
    def plan(self) -> tuple[tuple[Start, int], ...]:
        """Each milestone's start and its promise in working days."""
        planned = tuple((one.start, one.promise or self.policy.promise) for one in self.milestones)
        return planned or ((_AT_ONCE, self.policy.promise),)

    def waits(self, number: int) -> bool:
        """Whether a milestone (from 1) waits for a date of its own instead of beginning with the order."""
        if not 1 <= number <= len(self.milestones):
            return False
        return not self.milestones[number - 1].start.at_once(first=number == 1)

    def revisions_of(self, number: int) -> int:
        """How many changes one milestone (from 1) includes."""
        own = self.milestones[number - 1].revisions if number <= len(self.milestones) else None
        return self.policy.revisions if own is None else own

    def weights(self) -> tuple[list[int], list[int]]:
        """How price and cost are shared among the milestones; one that is not named has all."""
        if not self.milestones:
            return [1], [1]
        return [one.weight for one in self.milestones], [one.of_cost for one in self.milestones]

    def to_row(self) -> Row:
        """Return the offer as plain strings, integers, lists and dicts, with the row version `v`."""
        return {
            "v": ROW_VERSION,
            "slug": self.slug,
            "version": self.version,
            "title": self.title.to_row(),
            "summary": self.summary.to_row(),
            "price": self.price,
            "currency": self.currency,
            "cost": self.cost,
            "skill": self.skill,
            "policy": _policy_row(self.policy),
            "guarantee": self.guarantee.to_row(),
            "what_you_get": [text.to_row() for text in self.what_you_get],
            "brief": [_question_row(question) for question in self.brief],
            "checks": [text.to_row() for text in self.checks],
            "automatic": self.automatic.to_row(),
            "milestones": [_planned_row(plan, len(list(same))) for plan, same in groupby(self.milestones)],
            "clocks": _clocks_row(self.clocks),
            "extras": [_extra_row(extra) for extra in self.extras],
            "rights": None if self.rights is None else self.rights.to_row(),
            "status": str(self.status),
            "max_files": self.max_files,
            "image": self.image,
            "units": self.units,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Offer":
        """Rebuild an offer from its row, whatever version wrote it; raises RowVersionError."""
        now = lift(row, "offer", ROW_VERSION, _LIFTS)
        return cls(
            slug=now["slug"],
            version=int(now["version"]),
            title=Text.from_row(now["title"]),
            summary=Text.from_row(now["summary"]),
            price=int(now["price"]),
            currency=now["currency"],
            cost=int(now["cost"]),
            skill=now["skill"],
            policy=_policy(now["policy"]),
            guarantee=Text.from_row(now["guarantee"]),
            what_you_get=tuple(Text.from_row(text) for text in now["what_you_get"]),
            brief=tuple(_question(question) for question in now["brief"]),
            checks=tuple(Text.from_row(text) for text in now["checks"]),
            automatic=Automatic.from_row(now.get("automatic") or {}),
            milestones=tuple(
                one for plan in now["milestones"] for one in (_planned(plan),) * int(plan.get("times", 1))
            ),
            clocks=_clocks(now["clocks"]),
            extras=tuple(_extra(extra) for extra in now["extras"]),
            rights=None if now["rights"] is None else Text.from_row(now["rights"]),
            status=OfferStatus(now["status"]),
            max_files=int(now["max_files"]),
            image=now["image"],
            units=int(now.get("units", 1)),
        )


def _question_row(question: Question) -> Row:
    """What a question has of its own: what most are (required, of one line, in words) isn't said of each."""
    row: Row = {"key": question.key, "text": question.text.to_row(), "example": question.example.to_row()}
    if not question.required:
        row["required"] = False
    if question.multiline:
        row["multiline"] = True
    if question.files:
        row["files"] = True
    return row


def _question(row: Mapping[str, Any]) -> Question:
    return Question(
        row["key"],
        Text.from_row(row["text"]),
        Text.from_row(row["example"]),
        row.get("required", True),
        row.get("multiline", False),
        row.get("files", False),
    )


def _planned_row(plan: PlannedMilestone, times: int) -> Row:
    """What so many milestones of a kind have of their own: ten of them stand in one row, which stays small."""
    row: Row = {
        "title": plan.title.to_row(),
        "weight": plan.weight,
        "times": None if times == 1 else times,
        "cost_weight": plan.cost_weight,
        "start": None if plan.start == _AT_ONCE else str(plan.start),
        "promise": plan.promise,
        "revisions": plan.revisions,
        "brief": [_question_row(question) for question in plan.brief],
    }
    return {name: value for name, value in row.items() if value not in (None, [])}


def _planned(row: Mapping[str, Any]) -> PlannedMilestone:
    return PlannedMilestone(
        title=Text.from_row(row["title"]),
        weight=int(row["weight"]),
        cost_weight=_count(row.get("cost_weight")),
        start=_AT_ONCE if "start" not in row else Start.parse(row["start"]),
        promise=_count(row.get("promise")),
        revisions=_count(row.get("revisions")),
        brief=tuple(_question(question) for question in row.get("brief", [])),
    )


def _count(value: Any) -> int | None:  # noqa: ANN401 - a number as the table returns it
    return None if value is None else int(value)


def _extra_row(extra: Extra) -> Row:
    return {
        "key": extra.key,
        "title": extra.title.to_row(),
        "price": extra.price,
        "cost": extra.cost,
        "adds": _duration_row(extra.adds),
        "promise": _duration_row(extra.promise),
    }


def _extra(row: Mapping[str, Any]) -> Extra:
    return Extra(
        row["key"],
        Text.from_row(row["title"]),
        int(row["price"]),
        int(row["cost"]),
        _duration(row["adds"]),
        _duration(row["promise"]),
    )


def _duration_row(duration: Duration | None) -> str | None:
    return None if duration is None else str(duration)


def _duration(text: str | None) -> Duration | None:
    return None if text is None else Duration.parse(text)


def _policy_row(policy: Policy) -> Row:
    return {
        "promise": policy.promise,
        "revisions": policy.revisions,
        "refund_right": policy.refund_right,
        "reserve": _duration_row(policy.reserve),
        "review": str(policy.review),
        "release": str(policy.release),
        "disclosure": str(policy.disclosure),
        "portfolio": str(policy.portfolio),
        "bears": {name.name: str(getattr(policy.bears, name.name)) for name in fields(Bears)},
        "cascade": {name.name: getattr(policy.cascade, name.name) for name in fields(Cascade)},
        "trial": policy.trial,
        "handed_over": policy.handed_over,
        "speed_bonus": policy.speed_bonus and {"hours": policy.speed_bonus.hours, "amount": policy.speed_bonus.amount},
        "counter_pay": policy.counter_pay,
        "counter_later": _duration_row(policy.counter_later),
        **({"debits": [str(policy.debit_hold), policy.debit_cap]} if policy.debits else {}),
        "confirm": policy.confirm,
    }


def _policy(row: Mapping[str, Any]) -> Policy:
    debits = row.get("debits")
    return Policy(
        promise=int(row["promise"]),
        revisions=int(row["revisions"]),
        refund_right=row["refund_right"],
        reserve=_duration(row["reserve"]),
        review=Review(row["review"]),
        release=Release(row["release"]),
        disclosure=Disclosure(row["disclosure"]),
        portfolio=Portfolio(row["portfolio"]),
        bears=Bears(**{cause: FreelancerPaid(paid) for cause, paid in row["bears"].items()}),
        cascade=Cascade(**{name: int(number) for name, number in row.get("cascade", {}).items()}),
        speed_bonus=_speed_bonus(row.get("speed_bonus")),
        trial=_count(row.get("trial")),
        handed_over=int(row.get("handed_over", 80)),
        counter_pay=int(row.get("counter_pay", 0)),
        counter_later=_duration(row.get("counter_later")),
        debits=debits is not None,
        debit_hold=_DEBIT_HOLD if debits is None else Duration.parse(debits[0]),
        debit_cap=DEBIT_CAP if debits is None else int(debits[1]),
        confirm=_count(row.get("confirm")),
    )


def _speed_bonus(row: Mapping[str, Any] | None) -> SpeedBonus | None:
    return None if row is None else SpeedBonus(int(row["hours"]), int(row["amount"]))


def _clocks_row(clocks: Clocks) -> Row:
    return {
        "brief": str(clocks.brief),
        "brief_seller": str(clocks.brief_seller),
        "proposal": str(clocks.proposal),
        "proposal_urgent": str(clocks.proposal_urgent),
        "proposal_after": str(clocks.proposal_after),
        "work": [str(reminder) for reminder in clocks.work],
        "review": str(clocks.review),
        "acceptance": str(clocks.acceptance),
        "acceptance_more": str(clocks.acceptance_more),
        "refund_request": str(clocks.refund_request),
        "settlement": str(clocks.settlement),
        "late": str(clocks.late),
        "more_time": str(clocks.more_time),
        "question": str(clocks.question),
        "counter": str(clocks.counter),
        "agreement": str(clocks.agreement),
        "extra": str(clocks.extra),
        "hold_spoken": str(clocks.hold_spoken),
        "hold_silent": str(clocks.hold_silent),
    }


def _clocks(row: Mapping[str, Any]) -> Clocks:
    return Clocks(
        brief=Rule.parse(row["brief"]),
        brief_seller=Reminder.parse(row.get("brief_seller", str(_BRIEF_SELLER))),
        proposal=Rule.parse(row["proposal"]),
        proposal_urgent=Rule.parse(row["proposal_urgent"]),
        proposal_after=Duration.parse(row["proposal_after"]),
        work=tuple(Reminder.parse(word) for word in row["work"]),
        review=Rule.parse(row["review"]),
        acceptance=Rule.parse(row["acceptance"]),
        acceptance_more=Duration.parse(row.get("acceptance_more", str(_ACCEPTANCE_MORE))),
        refund_request=Rule.parse(row.get("refund_request", str(_REFUND_REQUEST))),
        settlement=Rule.parse(row.get("settlement", str(_SETTLEMENT))),
        late=Rule.parse(row.get("late", str(_LATE))),
        more_time=Rule.parse(row.get("more_time", str(_MORE_TIME))),
        question=Rule.parse(row.get("question", str(_QUESTION))),
        counter=Rule.parse(row.get("counter", str(_COUNTER))),
        agreement=Rule.parse(row.get("agreement", str(_AGREEMENT))),
        extra=Rule.parse(row.get("extra", str(_EXTRA))),
        hold_spoken=Duration.parse(row["hold_spoken"]),
        hold_silent=Duration.parse(row["hold_silent"]),
    )
