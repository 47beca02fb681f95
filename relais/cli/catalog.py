"""The catalogue: YAML files read into the domain's dataclasses, or every mistake at once with its file and line.

A catalogue is a folder with `shop.yaml`, `roster.yaml` and one file per offer in `offers/`. Nothing here writes: a
catalogue with a single mistake yields no catalogue at all.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from relais.calendar import DEFAULT_ZONE, Away, Calendar, Duration, Hours, Reminder, Rule, Unit, due_after
from relais.cascade import Cascade
from relais.checks import Automatic
from relais.errors import RelaisError
from relais.margin import PriceTooLowError, bear_refunds, cover
from relais.money import EXPONENTS, decimal_text, parse_amount
from relais.offer import (
    Bears,
    Clocks,
    Disclosure,
    Extra,
    FreelancerPaid,
    Offer,
    OfferStatus,
    PlannedMilestone,
    Policy,
    Portfolio,
    Question,
    Release,
    Review,
    SpeedBonus,
    Text,
)
from relais.performer import Performer
from relais.roster import Freelancer, Rate, RateRise, Standing
from relais.schedule import Start, schedule
from relais.score import HALF_LIFE_DAYS, Score
from relais.shop import Regime, Shop

_MOST_PROPOSAL_AFTER = 8
_MOST_MILESTONES = 25
_MOST_DAYS = 300
"""An order's last milestone ends within it (design: workflow 6)."""
_LEAST_STARS = 100
_MOST_STARS = 500
_CHANGE = Duration(2, Unit.WORKING_DAYS)
"""What a freelancer has for a change that the client asks for."""
_SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_NAME = r"^[a-z0-9]+([-_][a-z0-9]+)*$"
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_STARS = re.compile(r"([1-5])(?:\.([0-9]{1,2}))?")

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class CatalogError:
    """One mistake: in which file, on which line (from 1), at which place, and what to do about it."""

    file: str
    line: int
    place: str
    message: str

    def __str__(self) -> str:
        place = f" {self.place}:" if self.place else ""
        return f"{self.file}:{self.line}:{place} {self.message}"


@dataclass(frozen=True, slots=True)
class CatalogErrors:
    """Every mistake of a catalogue, by file and line; nothing of it may be applied."""

    errors: tuple[CatalogError, ...]

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A catalogue without mistakes. Offers are version 1 until whoever applies them numbers them."""

    shop: Shop
    offers: tuple[Offer, ...]
    roster: tuple[Freelancer, ...]


def load(folder: Path, *, today: date | None = None) -> Catalog | CatalogErrors:
    """Read the catalogue in a folder; return it, or all of its mistakes.

    `today` (default: the day it is) decides which card fees the prices must cover. Raises nothing for bad content.
    """
    day = datetime.now(UTC).date() if today is None else today
    shop_file = _read(folder, Path("shop.yaml"), day)
    roster_file = _read(folder, Path("roster.yaml"), day)
    offer_files = [_read(folder, path.relative_to(folder), day) for path in sorted((folder / "offers").glob("*.yaml"))]
    shop = _one(shop_file, _ShopSheet)
    roster = _many(roster_file, _FreelancerSheet)
    offers = [_one(file, _OfferSheet) for file in offer_files]
    if not offer_files:
        shop_file.blame((), 'no offer found: put one file per offer into "offers/"', file="offers")
    _check_roster(roster_file, roster)
    for file, offer in zip(offer_files, offers, strict=True):
        _check_offer(file, offer, roster, shop)
    errors = [error for file in (shop_file, roster_file, *offer_files) for error in file.errors]
    if errors or shop is None:
        return CatalogErrors(tuple(sorted(errors, key=lambda error: (error.file, error.line, error.place))))
    return Catalog(
        shop.build(),
        tuple(offer.build(shop.payment) for offer in offers if offer is not None),
        tuple(freelancer.build() for freelancer in roster if freelancer is not None),
    )


# --- files with their lines ---------------------------------------------------------------------------------------


class _File:
    """One YAML file as plain data, the line of each place in it, and the mistakes found so far."""

    def __init__(self, name: str, day: date) -> None:
        self.name = name
        self.day = day
        self.data: Any = None
        self.lines: dict[_Path, int] = {(): 1}
        self.errors: list[CatalogError] = []
        self.readable = False

    def blame(self, path: _Path, message: str, *, line: int | None = None, file: str | None = None) -> None:
        """Note a mistake at a place, on the line of that place or of the nearest thing around it."""
        known = next(path[:end] for end in range(len(path), -1, -1) if path[:end] in self.lines)
        at = self.lines[known] if line is None else line
        self.errors.append(CatalogError(file or self.name, at, _place(path), message))


def _read(folder: Path, name: Path, day: date) -> _File:
    file = _File(name.as_posix(), day)
    try:
        node = YAML().compose((folder / name).read_text(encoding="utf-8"))
    except OSError:
        file.blame((), "the file cannot be read: create it, or give the folder that holds the catalogue")
    except UnicodeDecodeError:
        file.blame((), "the file is not UTF-8: save it as UTF-8")
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        file.blame((), f"this is not YAML: {error.problem or error.context}", line=line)
    except YAMLError as error:
        file.blame((), f"this is not YAML: {error}")
    else:
        file.readable = node is not None
        file.data = None if node is None else _plain(node, (), file, ())
        if node is None:
            file.blame((), "the file is empty")
    return file


def _plain(node: Node, path: _Path, file: _File, within: tuple[int, ...]) -> Any:  # noqa: ANN401  YAML holds anything
    if id(node) in within:
        file.blame(path, "this refers to itself: write it out")
        return None
    match node:
        case MappingNode():
            return _plain_mapping(node, path, file, (*within, id(node)))
        case SequenceNode():
            for index, item in enumerate(node.value):
                file.lines.setdefault((*path, index), item.start_mark.line + 1)
            return [_plain(item, (*path, at), file, (*within, id(node))) for at, item in enumerate(node.value)]
        case ScalarNode():
            return _scalar(node)
        case _:
            file.blame(path, "this kind of YAML is not read here")
            return None


def _plain_mapping(node: MappingNode, path: _Path, file: _File, within: tuple[int, ...]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key_node, value in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1
        if key in plain:
            first = file.lines[(*path, key)]
            file.blame((*path, key), f"this key stands here twice (first on line {first}): remove one", line=line)
            continue
        file.lines[(*path, key)] = line
        plain[key] = _plain(value, (*path, key), file, within)
    return plain


def _scalar(node: ScalarNode) -> str | int | bool | None:
    """A scalar as Python has it, but for numbers with a point: these stay text, for amounts are never floats."""
    match str(node.tag).rpartition(":")[2]:
        case "null":
            return None
        case "bool":
            return str(node.value).lower() == "true"
        case "int" if re.fullmatch(r"-?(0|[1-9][0-9]*)", node.value):
            return int(node.value)
        case _:
            return str(node.value)


def _place(path: _Path) -> str:
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


# --- what a file may hold -----------------------------------------------------------------------------------------


def _by(read: Callable[[str], Any]) -> BeforeValidator:
    """A validator that reads a text by a function of the domain and keeps its message."""

    def validate(value: object) -> Any:  # noqa: ANN401  whatever the domain's reader returns
        try:
            return read(str(value))
        except RelaisError as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(validate)


@dataclass(frozen=True, slots=True)
class _Context:
    """What reading one sheet takes from outside it: the currency it names, and the day."""

    currency: str
    day: date


def _context(info: ValidationInfo) -> _Context:
    context: _Context = info.context  # type: ignore[assignment]  # `_validate` gives no other
    return context


def _read_amount(value: object, info: ValidationInfo) -> int:
    try:
        return parse_amount(str(value), _context(info).currency)
    except RelaisError as error:
        raise ValueError(str(error)) from error


def _read_stars(text: str) -> int:
    found = _STARS.fullmatch(text)
    stars = 0 if found is None else int(found[1] + (found[2] or "").ljust(2, "0"))
    if not _LEAST_STARS <= stars <= _MOST_STARS:
        raise _StarsError(text)
    return stars


class _StarsError(RelaisError):
    def __init__(self, text: str) -> None:
        super().__init__(f'"{text}" is not a number of stars: write 1 to 5, such as "4.8".')


def _read_away(text: str) -> Away:
    first, _, last = text.partition("..")
    try:
        away = Away(date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip()))
    except ValueError as error:
        raise _AwayError(text) from error
    if away.last < away.first:
        raise _AwayError(text)
    return away


class _AwayError(RelaisError):
    def __init__(self, text: str) -> None:
        super().__init__(f'"{text}" are not away dates: write the first and the last, such as 2026-12-21..2027-01-03.')


def _read_wait(text: str) -> Duration:
    wait = Duration.parse(f"{text} wh" if text.isdigit() else text)
    if wait.unit is not Unit.WORKING_HOURS or wait.count > _MOST_PROPOSAL_AFTER:
        raise _WaitError(text)
    return wait


class _WaitError(RelaisError):
    def __init__(self, text: str) -> None:
        super().__init__(f'"{text}" is too long or no wait: write 0 to {_MOST_PROPOSAL_AFTER} working hours ("2 wh").')


def _read_promise(text: str) -> int:
    promise = Duration.parse(text)
    if promise.unit is not Unit.WORKING_DAYS or promise.count < 1:
        raise _PromiseError(text)
    return promise.count


class _PromiseError(RelaisError):
    def __init__(self, text: str) -> None:
        super().__init__(f'"{text}" is not a promise: write at least one working day, such as "5 wd".')


_Amount = Annotated[int, BeforeValidator(_read_amount)]
_WeightNumber = Annotated[int, Field(ge=1, le=1000)]
_Filled = Annotated[str, Field(min_length=1, max_length=2000)]
_DurationText = Annotated[Duration, _by(Duration.parse)]
_ReminderText = Annotated[Reminder, _by(Reminder.parse)]
_RuleText = Annotated[Rule, _by(Rule.parse)]
_AwayText = Annotated[Away, _by(_read_away)]
_Currency = Annotated[str, Field(pattern=f"^({'|'.join(EXPONENTS)})$")]
_Email = Annotated[str, Field(pattern=_EMAIL, max_length=254)]
_KeyText = Annotated[str, Field(pattern=_NAME, max_length=40)]
_Lang = Annotated[str, Field(pattern="^(fr|en)$")]


class _Sheet(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, arbitrary_types_allowed=True)


class _TextSheet(_Sheet):
    fr: _Filled
    en: _Filled

    def build(self) -> Text:
        return Text(self.fr, self.en)


class _QuestionSheet(_Sheet):
    key: _KeyText
    text: _TextSheet
    example: _TextSheet
    required: bool = True
    multiline: bool = False
    files: bool = False

    def build(self) -> Question:
        return Question(self.key, self.text.build(), self.example.build(), self.required, self.multiline, self.files)


class _ExtraSheet(_Sheet):
    key: _KeyText
    title: _TextSheet
    price: _Amount
    cost: _Amount
    adds: _DurationText | None = None
    promise: _DurationText | None = None

    def build(self) -> Extra:
        return Extra(self.key, self.title.build(), self.price, self.cost, self.adds, self.promise)


class _MilestoneSheet(_Sheet):
    """One milestone, or `times` that many of the same kind."""

    title: _TextSheet
    times: Annotated[int, Field(ge=1, le=_MOST_MILESTONES)] = 1
    weight: _WeightNumber = 1
    cost_weight: _WeightNumber | None = None
    start: Annotated[Start, _by(Start.parse)] | None = None
    promise: Annotated[int, _by(_read_promise)] | None = None
    revisions: Annotated[int, Field(ge=0, le=10)] | None = None
    brief: Annotated[tuple[_QuestionSheet, ...], Field(max_length=10)] = ()

    def build(self) -> tuple[PlannedMilestone, ...]:
        one = PlannedMilestone(
            title=self.title.build(),
            weight=self.weight,
            cost_weight=self.cost_weight,
            start=self.start or Start(),
            promise=self.promise,
            revisions=self.revisions,
            brief=tuple(question.build() for question in self.brief),
        )
        return (one,) * self.times


_CASCADE = Cascade()
_USUAL = Clocks()
_USUAL_BEARS = Bears()
_USUAL_DEBITS = Policy(promise=1)
_DEBIT, _DEBIT_CURRENCY = "sepa_debit", "eur"
_Payment = Literal["card", "sepa_debit"]
_CARD_ALONE: tuple[_Payment, ...] = ("card",)


def _with_card(means: tuple[_Payment, ...]) -> tuple[_Payment, ...]:
    if "card" not in means:
        raise ValueError("card is always among them: a client whose debit is refused pays by it")
    return means


_Payments = Annotated[tuple[_Payment, ...], AfterValidator(_with_card)]


class _AutomaticSheet(_Sheet):
    files: Annotated[int, Field(ge=0, le=100)] = 0
    types: Annotated[tuple[Annotated[str, Field(pattern="^[a-z0-9]{1,8}$")], ...], Field(max_length=20)] = ()
    least_words: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    most_words: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    def build(self) -> Automatic:
        return Automatic(**{name: getattr(self, name) for name in type(self).model_fields})


class _ClocksSheet(_Sheet):
    brief: _RuleText = _USUAL.brief
    brief_seller: _ReminderText = _USUAL.brief_seller
    proposal: _RuleText = _USUAL.proposal
    proposal_urgent: _RuleText = _USUAL.proposal_urgent
    proposal_after: Annotated[Duration, _by(_read_wait)] = _USUAL.proposal_after
    work: tuple[_ReminderText, ...] = _USUAL.work
    review: _RuleText = _USUAL.review
    acceptance: _RuleText = _USUAL.acceptance
    acceptance_more: _DurationText = _USUAL.acceptance_more
    refund_request: _RuleText = _USUAL.refund_request
    settlement: _RuleText = _USUAL.settlement
    late: _RuleText = _USUAL.late
    more_time: _RuleText = _USUAL.more_time
    question: _RuleText = _USUAL.question
    counter: _RuleText = _USUAL.counter
    agreement: _RuleText = _USUAL.agreement
    extra: _RuleText = _USUAL.extra
    hold_spoken: _DurationText = _USUAL.hold_spoken
    hold_silent: _DurationText = _USUAL.hold_silent

    def build(self) -> Clocks:
        return Clocks(**{name: getattr(self, name) for name in type(self).model_fields})


class _BearsSheet(_Sheet):
    change_of_mind: FreelancerPaid = _USUAL_BEARS.change_of_mind
    seller_fault: FreelancerPaid = _USUAL_BEARS.seller_fault
    brief_not_met: FreelancerPaid = _USUAL_BEARS.brief_not_met
    refund_right: FreelancerPaid = _USUAL_BEARS.refund_right
    late: FreelancerPaid = _USUAL_BEARS.late
    withdrawal: FreelancerPaid = _USUAL_BEARS.withdrawal

    def build(self) -> Bears:
        return Bears(**{name: getattr(self, name) for name in type(self).model_fields})


class _CascadeSheet(_Sheet):
    first: Annotated[int, Field(ge=1, le=10)] = _CASCADE.first
    at_once: Annotated[int, Field(ge=1, le=5)] = _CASCADE.at_once
    rounds: Annotated[int, Field(ge=1, le=20)] = _CASCADE.rounds
    agencies: Annotated[int, Field(ge=0, le=10)] = _CASCADE.agencies

    def build(self) -> Cascade:
        return Cascade(**{name: getattr(self, name) for name in type(self).model_fields})


class _SpeedBonusSheet(_Sheet):
    hours: Annotated[int, Field(ge=1, le=100)]
    amount: _Amount

    def build(self) -> SpeedBonus:
        return SpeedBonus(self.hours, self.amount)


class _CounterSheet(_Sheet):
    """The band within which a counter-proposal is taken by rule."""

    pay: Annotated[int, Field(ge=0, le=50)] = 0
    later: _DurationText | None = None


class _DebitsSheet(_Sheet):
    """How long a debit has to be paid before its order's maker is, and what a client may have out in them."""

    hold: _DurationText = _USUAL_DEBITS.debit_hold
    cap: _Amount = _USUAL_DEBITS.debit_cap


class _PolicySheet(_Sheet):
    promise: Annotated[int, _by(_read_promise)]
    reserve: _DurationText | None = None
    revisions: Annotated[int, Field(ge=0, le=10)] = 2
    refund_right: bool = True
    review: Review = Review.EVERY_VERSION
    release: Release = Release.FILES
    disclosure: Disclosure = Disclosure.VETTED_FREELANCERS
    portfolio: Portfolio = Portfolio.NEVER
    bears: _BearsSheet = _BearsSheet()
    cascade: _CascadeSheet = _CascadeSheet()
    speed_bonus: _SpeedBonusSheet | None = None
    trial: _Amount | None = None
    handed_over: Annotated[int, Field(ge=0, le=100)] = 80
    counter: _CounterSheet = _CounterSheet()
    debits: _DebitsSheet = _DebitsSheet()
    confirm: _Amount | None = None

    def build(self, payment: Sequence[_Payment]) -> Policy:
        return Policy(
            promise=self.promise,
            revisions=self.revisions,
            refund_right=self.refund_right,
            reserve=self.reserve,
            review=self.review,
            release=self.release,
            disclosure=self.disclosure,
            portfolio=self.portfolio,
            bears=self.bears.build(),
            cascade=self.cascade.build(),
            speed_bonus=None if self.speed_bonus is None else self.speed_bonus.build(),
            trial=self.trial,
            handed_over=self.handed_over,
            counter_pay=self.counter.pay,
            counter_later=self.counter.later,
            debits=_DEBIT in payment,
            debit_hold=self.debits.hold,
            debit_cap=self.debits.cap,
            confirm=self.confirm,
        )


class _OfferSheet(_Sheet):
    slug: Annotated[str, Field(pattern=_SLUG, max_length=60)]
    title: _TextSheet
    summary: _TextSheet
    currency: _Currency
    cost: _Amount
    price: _Amount
    skill: _KeyText
    policy: _PolicySheet
    guarantee: _TextSheet
    what_you_get: Annotated[tuple[_TextSheet, ...], Field(min_length=1, max_length=10)]
    brief: Annotated[tuple[_QuestionSheet, ...], Field(min_length=1, max_length=30)]
    checks: Annotated[tuple[_TextSheet, ...], Field(max_length=30)] = ()
    automatic: _AutomaticSheet = Field(default_factory=_AutomaticSheet)
    milestones: Annotated[tuple[_MilestoneSheet, ...], Field(max_length=_MOST_MILESTONES)] = ()
    units: Annotated[int, Field(ge=1, le=100)] = 1
    clocks: _ClocksSheet = _ClocksSheet()
    extras: tuple[_ExtraSheet, ...] = ()
    rights: _TextSheet | None = None
    status: OfferStatus = OfferStatus.DRAFT
    max_files: Annotated[int, Field(ge=1, le=100)] = 20
    image: str | None = None
    payment: _Payments | None = None

    @field_validator("price")
    @classmethod
    def _covers(cls, price: int, info: ValidationInfo) -> int:
        if "cost" not in info.data or "currency" not in info.data:
            return price
        try:
            cover(price, info.data["cost"], info.data["currency"], _context(info).day)
        except RelaisError as error:
            raise ValueError(str(error)) from error
        return price

    def build(self, payment: Sequence[_Payment] = _CARD_ALONE) -> Offer:
        """The offer; `payment` is how the shop is paid, where the offer does not say."""
        own = self.payment if self.payment is not None else payment if self.currency == _DEBIT_CURRENCY else _CARD_ALONE
        return Offer(
            slug=self.slug,
            version=1,
            title=self.title.build(),
            summary=self.summary.build(),
            price=self.price,
            currency=self.currency,
            cost=self.cost,
            skill=self.skill,
            policy=self.policy.build(own),
            guarantee=self.guarantee.build(),
            what_you_get=tuple(text.build() for text in self.what_you_get),
            brief=tuple(question.build() for question in self.brief),
            checks=tuple(text.build() for text in self.checks),
            automatic=self.automatic.build(),
            milestones=tuple(planned for milestone in self.milestones for planned in milestone.build())
            or (PlannedMilestone(self.title.build()),),
            clocks=self.clocks.build(),
            extras=tuple(extra.build() for extra in self.extras),
            rights=None if self.rights is None else self.rights.build(),
            status=self.status,
            max_files=self.max_files,
            image=self.image,
            units=self.units,
        )


class _QualitySheet(_Sheet):
    stars: Annotated[int, _by(_read_stars)]
    count: Annotated[int, Field(ge=1)]

    def build(self) -> Score:
        return Score(self.stars, self.count)


class _ShareSheet(_Sheet):
    percent: Annotated[int, Field(ge=0, le=100)]
    count: Annotated[int, Field(ge=1)]

    def build(self) -> Score:
        return Score(self.percent, self.count)


class _WorkerSheet(_Sheet):
    """The week of whoever works, with its zone."""

    zone: str = DEFAULT_ZONE
    holidays: bool = True
    hours: Hours = Field(default_factory=Hours, validate_default=True)
    away: tuple[_AwayText, ...] = ()

    @field_validator("hours", mode="before")
    @classmethod
    def _read_hours(cls, value: object, info: ValidationInfo) -> Hours:
        zone, holidays = info.data.get("zone", DEFAULT_ZONE), info.data.get("holidays", True)
        try:
            return Hours.parse(str(value), zone, holidays=holidays)
        except RelaisError as error:
            raise ValueError(str(error)) from error


class _FreelancerSheet(_WorkerSheet):
    key: _KeyText
    name: _Filled
    email: _Email
    lang: _Lang
    languages: Annotated[tuple[Annotated[str, Field(pattern="^[a-z]{2}$")], ...], Field(min_length=1)]
    kind: Performer
    rates: Annotated[dict[_KeyText, _Amount], Field(min_length=1)]
    currency: _Currency = "eur"
    capacity: Annotated[int, Field(ge=1, le=100)]
    quality: _QualitySheet | None = None
    punctuality: _ShareSheet | None = None
    responsiveness: _ShareSheet | None = None
    standing: Standing = Standing.APPROVED
    trusted: bool = False
    trials: Annotated[int, Field(ge=0, le=5)] = 1
    stripe_account: Annotated[str, Field(pattern="^acct_[A-Za-z0-9]+$")] | None = None
    city: str = ""
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "FR"
    phone: str = ""

    def build(self) -> Freelancer:
        return Freelancer(
            key=self.key,
            name=self.name,
            email=self.email,
            lang=self.lang,
            languages=self.languages,
            kind=self.kind,
            rates=tuple(Rate(skill, amount) for skill, amount in sorted(self.rates.items())),
            capacity=self.capacity,
            currency=self.currency,
            hours=self.hours,
            away=self.away,
            quality=_UNKNOWN if self.quality is None else self.quality.build(),
            punctuality=_UNKNOWN if self.punctuality is None else self.punctuality.build(),
            responsiveness=_UNKNOWN if self.responsiveness is None else self.responsiveness.build(),
            standing=self.standing,
            trusted=self.trusted,
            trials=self.trials,
            stripe_account=self.stripe_account,
            city=self.city,
            country=self.country,
            phone=self.phone,
        )


class _RateRiseSheet(_Sheet):
    after: Annotated[int, Field(ge=1, le=1000)]
    above: Annotated[int, _by(_read_stars)]
    by: Annotated[int, Field(ge=1, le=50)]
    most: Annotated[int, Field(ge=1, le=200)]

    def build(self) -> RateRise:
        return RateRise(self.after, self.above, self.by, self.most)


class _ReviewerSheet(_Sheet):
    name: _Filled
    email: _Email
    lang: _Lang


class _ShopSheet(_WorkerSheet):
    brand: _Filled
    seller: _Filled
    email: _Email
    phone: _Filled
    sender: _Email
    lang: _Lang
    currency: _Currency
    legal: _TextSheet
    vat: _TextSheet
    address: str = ""
    mediator: _TextSheet | None = None
    regime: Regime = Regime.BNC
    score_half_life: Annotated[int, Field(ge=60, le=3650)] = HALF_LIFE_DAYS
    rate_rise: _RateRiseSheet | None = None
    digest: bool = False
    second_reviewer: _ReviewerSheet | None = None
    payment: _Payments = _CARD_ALONE

    def build(self) -> Shop:
        return Shop(
            brand=self.brand,
            seller=self.seller,
            email=self.email,
            phone=self.phone,
            sender=self.sender,
            lang=self.lang,
            currency=self.currency,
            hours=self.hours,
            legal=self.legal.build(),
            vat=self.vat.build(),
            address=self.address,
            mediator=None if self.mediator is None else self.mediator.build(),
            regime=self.regime,
            away=self.away,
            half_life=self.score_half_life,
            rate_rise=None if self.rate_rise is None else self.rate_rise.build(),
            digest=self.digest,
            second_reviewer=None if self.second_reviewer is None else self.second_reviewer.model_dump(),
        )


_UNKNOWN = Score(0, 0)


# --- reading sheets and telling mistakes --------------------------------------------------------------------------

_S = TypeVar("_S", bound=_Sheet)


def _one(file: _File, sheet: type[_S]) -> _S | None:
    return _validate(file, sheet, file.data, ()) if file.readable else None


def _many(file: _File, sheet: type[_S]) -> list[_S | None]:
    if not file.readable:
        return []
    if not isinstance(file.data, list):
        file.blame((), "a list is expected here: begin each entry with a dash")
        return []
    return [_validate(file, sheet, item, (index,)) for index, item in enumerate(file.data)]


def _validate(file: _File, sheet: type[_S], data: object, path: _Path) -> _S | None:
    named = data.get("currency", "eur") if isinstance(data, dict) else "eur"
    context = _Context(named if named in EXPONENTS else "eur", file.day)
    try:
        return sheet.model_validate(data, context=context)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            place = (*path, *(part for part in details["loc"] if part != "[key]"))
            file.blame(place, _message(details, sheet))
        return None


def _message(details: ErrorDetails, sheet: type[BaseModel]) -> str:
    """Put pydantic's finding into words that say what to do."""
    kind, last = details["type"], str(details["loc"][-1]) if details["loc"] else ""
    if kind == "extra_forbidden":
        return f"this key is not known{_hint(last, _keys_at(sheet, details['loc'][:-1]))}"
    if last in _TRANSLATIONS and kind in _TRANSLATION_WORDS:
        return f"the {_TRANSLATIONS[last]} text is {_TRANSLATION_WORDS[kind]}"
    if kind in _WORDS:
        return _WORDS[kind].format(found=details["input"], **details.get("ctx", {}))
    match kind:
        case "enum":
            return _choice(str(details["input"]), details["ctx"]["expected"])
        case "string_pattern_mismatch":
            return f'"{details["input"]}" is not possible here: {_PATTERNS[details["ctx"]["pattern"]]}'
        case _:
            return details["msg"][:1].lower() + details["msg"][1:]


def _choice(found: str, expected: str) -> str:
    words = [word.strip("'") for word in re.split(r", | or ", expected)]
    return f'"{found}" is not possible here{_hint(found, words)} (one of: {", ".join(words)})'


_WORDS = {
    "missing": "this key is missing",
    "string_too_short": "this is empty",
    "string_too_long": "this is too long: at most {max_length} characters",
    "value_error": "{error}",
    "too_short": "at least {min_length} expected here",
    "too_long": "at most {max_length} expected here",
    "greater_than_equal": "{found} is too small: at least {ge}",
    "less_than_equal": "{found} is too large: at most {le}",
    "model_type": "keys with values are expected here",
    "dict_type": "keys with values are expected here",
    "tuple_type": "a list is expected here",
    "string_type": "a text is expected here",
    "int_type": "a whole number is expected here",
    "int_parsing": '"{found}" is not a whole number',
    "bool_type": "true or false is expected here",
    "bool_parsing": '"{found}" is neither true nor false',
}
_TRANSLATION_WORDS = {"missing": "missing", "string_too_short": "empty"}
_TRANSLATIONS = {"fr": "French", "en": "English"}
_PATTERNS = {
    _SLUG: 'write lower-case letters, digits and hyphens, such as "logo"',
    _NAME: 'write lower-case letters, digits and hyphens, such as "business-card"',
    _EMAIL: "write an e-mail address",
    "^(fr|en)$": "write fr or en",
    "^[a-z]{2}$": 'write two letters, such as "fr"',
    "^acct_[A-Za-z0-9]+$": 'write the id of a Stripe account, "acct_…"',
    f"^({'|'.join(EXPONENTS)})$": f"write one of {', '.join(EXPONENTS)}",
}


def _hint(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f': did you mean "{near[0]}"?' if near else ""


def _keys_at(sheet: type[BaseModel], path: Sequence[str | int]) -> Iterable[str]:
    """The keys that the sheet found at a place knows."""
    found: type[BaseModel] | None = sheet
    for part in path:
        if found is not None and isinstance(part, str):
            annotation = found.model_fields[part].annotation if part in found.model_fields else None
            found = next(_sheets_in(annotation), None)
    return found.model_fields if found is not None else ()


def _sheets_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _sheets_in(inner)


# --- what no sheet can know alone ---------------------------------------------------------------------------------


def _check_roster(file: _File, roster: Sequence[_FreelancerSheet | None]) -> None:
    for field in ("key", "email"):
        known: dict[str, int] = {}
        for index, freelancer in enumerate(roster):
            value = None if freelancer is None else getattr(freelancer, field)
            if value in known and value is not None:
                first = file.lines[(known[value], field)]
                file.blame((index, field), f'"{value}" is taken already (line {first})')
            elif value is not None:
                known[value] = index


def _check_offer(
    file: _File, offer: _OfferSheet | None, roster: Sequence[_FreelancerSheet | None], shop: _ShopSheet | None
) -> None:
    if not isinstance(file.data, dict):
        return
    _check_name(file)
    _check_unique(file, ("brief",))
    _check_unique(file, ("extras",))
    for index, _ in enumerate(offer.milestones if offer is not None else ()):
        _check_unique(file, ("milestones", index, "brief"))
    if offer is not None and shop is not None:
        _check_refunds(file, offer, shop)
        _check_length(file, offer, shop)
        _check_debits(file, offer, shop)
    if offer is None or offer.status is not OfferStatus.OPEN or None in roster:
        return
    skills = {skill for freelancer in roster if freelancer is not None for skill in freelancer.rates}
    if offer.skill not in skills:
        file.blame(("skill",), f'nobody in the roster has a rate for "{offer.skill}"{_hint(offer.skill, skills)}')


def _check_debits(file: _File, offer: _OfferSheet, shop: _ShopSheet) -> None:
    """A SEPA debit moves euros; with a cap below the price none would ever be offered."""
    if _DEBIT not in (offer.payment or ()) and (_DEBIT not in shop.payment or offer.currency != _DEBIT_CURRENCY):
        return
    if offer.currency != _DEBIT_CURRENCY:
        file.blame(("payment",), f"a SEPA debit moves euros, this offer is in {offer.currency}: leave sepa_debit out")
    elif offer.policy.debits.cap < offer.price:
        cap = decimal_text(offer.policy.debits.cap, offer.currency)
        price = decimal_text(offer.price, offer.currency)
        file.blame(
            ("policy", "debits", "cap"),
            f"the cap of {cap} is below the price of {price}: no debit would ever be offered; raise it, or leave "
            "sepa_debit out of payment",
        )


def _check_name(file: _File) -> None:
    slug, stem = file.data.get("slug"), Path(file.name).stem
    if isinstance(slug, str) and slug != stem:
        file.blame(("slug",), f'the file is named "{stem}.yaml": write slug: {stem}, or rename the file')


def _check_refunds(file: _File, offer: _OfferSheet, shop: _ShopSheet) -> None:
    """A price that loses money as soon as one client in ten is refunded is refused with the sum."""
    try:
        bear_refunds(offer.price, offer.cost, offer.currency, shop.regime, file.day)
    except PriceTooLowError:
        return  # said already, where the price was read
    except RelaisError as error:
        file.blame(("price",), str(error))
    else:
        _check_bonus(file, offer, shop)
        _check_band(file, offer, shop)


def _check_bonus(file: _File, offer: _OfferSheet, shop: _ShopSheet) -> None:
    """A price bears its speed bonus too, earned for every delivery."""
    most = _most_bonus(offer)
    if not most:
        return
    try:
        bear_refunds(offer.price, offer.cost + most, offer.currency, shop.regime, file.day)
    except RelaisError as error:
        file.blame(("policy", "speed_bonus"), f"with a bonus for every delivery {error}")


def _most_bonus(offer: _OfferSheet) -> int:
    speed = offer.policy.speed_bonus
    return 0 if speed is None else speed.amount * len(offer.build().milestones)


def _check_band(file: _File, offer: _OfferSheet, shop: _ShopSheet) -> None:
    """A price bears what a counter-proposal may be taken at by rule, with its bonuses: a band is no empty promise."""
    percent = offer.policy.counter.pay
    if not percent:
        return
    cost = offer.cost * (100 + percent) // 100 + _most_bonus(offer)
    try:
        bear_refunds(offer.price, cost, offer.currency, shop.regime, file.day)
    except RelaisError as error:
        file.blame(("policy", "counter", "pay"), f"with {percent} % more for a counter-proposal {error}")


def _check_length(file: _File, offer: _OfferSheet, shop: _ShopSheet) -> None:
    """The worst order: every milestone late in nothing, each change asked for, each answer at its last instant."""
    built = offer.build()
    if len(built.milestones) > _MOST_MILESTONES:
        file.blame(("milestones",), f"{len(built.milestones)} milestones: at most {_MOST_MILESTONES} in one order")
        return
    calendar = Calendar(shop.hours, shop.away)
    began = datetime.combine(file.day, time(12), UTC)
    for number, (dates, planned) in enumerate(
        zip(schedule(built.plan, began, calendar), built.milestones, strict=True), start=1
    ):
        days = (_last_end(built, planned, dates.promised, calendar) - began).days
        if days > _MOST_DAYS:
            message = f"milestone {number} may end {days} days after the order's start: at most {_MOST_DAYS}"
            file.blame(("milestones",), f"{message}; start it earlier, or sell it as an order of its own")
            return


def _last_end(offer: Offer, planned: PlannedMilestone, promised: datetime, calendar: Calendar) -> datetime:
    """When a milestone's pay leaves at the latest: each included change asked for on the last day, then silence."""
    clocks, at = offer.clocks, promised
    changes = offer.policy.revisions if planned.revisions is None else planned.revisions
    for _ in range(changes):
        for wait in (clocks.acceptance.deadline, _CHANGE, clocks.review.deadline):
            at = due_after(wait, at, calendar)
    for wait in (clocks.acceptance.deadline, clocks.hold_silent):
        at = due_after(wait, at, calendar)
    return at


def _check_unique(file: _File, place: _Path) -> None:
    items: Any = file.data
    for part in place:
        items = items.get(part) if isinstance(items, dict) else items[int(part)] if isinstance(items, list) else None
    known: dict[object, int] = {}
    for index, item in enumerate(items if isinstance(items, list) else ()):
        key = item.get("key") if isinstance(item, dict) else None
        if key is not None and key in known:
            first = file.lines[(*place, known[key], "key")]
            file.blame((*place, index, "key"), f'"{key}" is taken already (line {first})')
        elif isinstance(key, str | int):
            known[key] = index
