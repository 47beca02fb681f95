"""Pages from what they are given to show. No decision is taken here, and nothing is written.

All text of people is escaped by the templates' engine; style and script stand inside the page and are allowed by their
hash alone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from relais.gate import GOES_ON, Choice, DeclineWhy, Gate, GateId, Kind, Role, Via
from relais.offer import Disclosure, Offer, OfferStatus, RefundCause, Review
from relais.order import Milestone, MilestoneStage, Order, OrderStage
from relais.pages import words
from relais.pages.frame import Frame
from relais.pages.phrases import (
    bears_in_words,
    dispute_reason,
    environment,
    first_name,
    minutes_for,
    paid_all_the_same,
    park_reason,
    part_label,
    refund_reason,
    several_in_words,
    speech,
    stars,
    statement,
    why_you,
)
from relais.pages.views import (
    AnsweredView,
    BriefView,
    Chosen,
    FreelancerView,
    GateView,
    IndexView,
    NoticeView,
    OfferView,
    OrderView,
    PartView,
    RecipientView,
)
from relais.performer import Performer
from relais.problem import Problem
from relais.roster import Freelancer, Standing

HERE = Path(__file__).parent
Page = IndexView | OfferView | OrderView | GateView | FreelancerView | RecipientView | AnsweredView | NoticeView

REFRESH_SECONDS = 5
REFRESH_MINUTES = 60
_STEPS = ("paid", "brief", "work", "answer", "done")

GIVEN: Mapping[Kind, tuple[Choice, ...]] = {
    Kind.BRIEF: (Choice.HAND_IN,),
    Kind.PROPOSAL: (Choice.ACCEPTED, Choice.AGAIN),
    Kind.WORK: (Choice.DELIVER, Choice.GIVE_UP),
    Kind.REVIEW: (Choice.APPROVE, Choice.REWORK, Choice.REASSIGN),
    Kind.ACCEPTANCE: (Choice.ACCEPT, Choice.REVISE, Choice.REFUND, Choice.REQUEST),
    Kind.REFUND_REQUEST: (Choice.FULL, Choice.PART, Choice.CONTEST),
    Kind.SETTLEMENT: (Choice.TAKE, Choice.ACCEPT, Choice.REVISE),
    Kind.HOLD: (),
    Kind.START: (),
    Kind.PAYOUT: (),
    Kind.PICK: (Choice.PICKED, Choice.SELF, Choice.OUTSIDE, Choice.WAIT, Choice.REFUND),
    Kind.REFUND: (),
    Kind.PARK: (
        Choice.RETRY,
        Choice.START,
        Choice.WORK,
        Choice.REVIEW,
        Choice.ACCEPTANCE,
        Choice.REFUND_REQUEST,
        Choice.SETTLEMENT,
        Choice.HOLD,
        Choice.PAYOUT,
        Choice.REASSIGN,
        Choice.PICK,
        Choice.REFUND,
        Choice.CLOSED,
    ),
    Kind.STUCK: (Choice.RESUME,),
    Kind.ONBOARDING: (),
    Kind.LATE: (Choice.WAIT, Choice.REASSIGN, Choice.SELF, Choice.REFUND),
    Kind.CANCEL_LATE: (Choice.WAIT, Choice.CANCEL),
    Kind.MORE_TIME: (Choice.GRANT, Choice.REFUSE),
    Kind.QUESTION: (Choice.ANSWER,),
    Kind.MESSAGE: (Choice.ANSWER, Choice.GO_ON),
    Kind.COUNTER: (Choice.ACCEPT, Choice.REFUSE),
    Kind.DISPUTE: (Choice.SEND, Choice.ACCEPT),
    Kind.RATING: (Choice.APPEAL,),
    Kind.APPEAL: (Choice.KEEP, Choice.STRIKE),
    Kind.AGREEMENT: (Choice.GRANT, Choice.REFUSE),
    Kind.EXTRA: (Choice.GO_ON,),
    Kind.CONFIRM: (Choice.SEND, Choice.KEEP),
    Kind.OUTCOME: (Choice.MADE, Choice.NEVER_MADE),
}
"""The answers that a person gives, in the order in which they are shown; a gate offers those of them that it routes."""

LACKING = frozenset({"check_count", "check_types", "anyway_why"})
"""What a version lacks that its maker may send all the same, with a reason."""

NOTED = frozenset(
    {
        Choice.AGAIN,
        Choice.DELIVER,
        Choice.GIVE_UP,
        Choice.REWORK,
        Choice.REASSIGN,
        Choice.REVISE,
        Choice.REQUEST,
        Choice.FULL,
        Choice.PART,
        Choice.CONTEST,
        Choice.ANSWER,
        Choice.SEND,
        Choice.APPEAL,
        Choice.GRANT,
        Choice.REFUSE,
    }
)
"""The answers that words may come with."""


def page(view: Page) -> str:
    """Return the whole HTML document of a view, in the language of its frame."""
    match view:
        case IndexView():
            return _document("index.html", view, view.frame)
        case OfferView():
            return _document("offer.html", view, view.frame, **_offer_facts(view))
        case OrderView():
            return _document("order.html", view, view.frame, **_order_facts(view))
        case GateView():
            return _document("gate.html", view, view.frame, **_gate_facts(view))
        case FreelancerView():
            return _document("freelancer.html", view, view.frame, **_freelancer_facts(view))
        case RecipientView():
            return _document("recipient.html", view, view.frame, **_recipient_facts(view))
        case AnsweredView():
            return _document("answered.html", view, view.frame, **_answered_facts(view))
        case NoticeView():
            return _document("notice.html", view, view.frame, **_notice_facts(view))
        case _:
            assert_never(view)


def bare_page(lang: str, key: str) -> str:
    """A notice in no shop's dress, for when the shop itself cannot be read."""
    from markupsafe import Markup

    facts = {"lang": words.language(lang), "t": partial(words.say, lang), "key": f"notice.{key}"}
    style = Markup(_source("style.css"))  # noqa: S704 (our own file)
    return environment().get_template("bare.html").render(facts | {"style": style})


def security_headers(files_origin: str, checkout_origins: tuple[str, ...]) -> dict[str, str]:
    """Headers of every page: nothing of third parties, no framing, no referrer, nothing kept by caches.

    `files_origin` is where files are sent and shown from, `checkout_origins` where the payment button leads: browsers
    hold the redirect after a form to `form-action` too (w3c.github.io/webappsec-csp, form-action).
    """
    policy = {
        "default-src": "'none'",
        "style-src": _source_hash("style.css"),
        "script-src": _source_hash("upload.js"),
        "img-src": f"'self' data: {files_origin}".strip(),
        "connect-src": f"'self' {files_origin}".strip(),
        "form-action": " ".join(("'self'", *checkout_origins)),
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "cross-origin-opener-policy": "same-origin",
    }


def say_problem(problem: Problem, lang: str) -> str:
    """What is wrong, as a sentence; a problem without words of its own is named in general."""
    key = f"problem.{problem.key}"
    return words.say(lang, key, **problem.facts) if words.has(key) else words.say(lang, "problem.any")


def _document(template: str, view: Page, frame: Frame, **facts: object) -> str:
    from markupsafe import Markup

    lang = words.language(frame.lang)
    order = _order_of(view)
    given = speech(frame) | {
        "view": view,
        "style": Markup(_source("style.css")),  # noqa: S704 (our own file)
        "script": Markup(_source("upload.js")),  # noqa: S704 (our own file)
        "anchor": _anchor,
        "say_problem": lambda problem: say_problem(_questioned(problem, view), lang),
        "reference": order,
        "about": words.say(lang, "base.reference", order=order) if order else "",
    }
    return environment().get_template(template).render(given | facts)


def _order_of(view: Page) -> str:
    match view:
        case OrderView() | GateView():
            return view.order.id
        case AnsweredView():
            return view.gate.order
        case IndexView() | OfferView() | FreelancerView() | RecipientView() | NoticeView():
            return ""
        case _:
            assert_never(view)


def _questioned(problem: Problem, view: Page) -> Problem:
    """A problem of the brief names its question in the reader's words."""
    if not isinstance(view, OrderView) or "question" not in problem.facts:
        return problem
    lang = view.frame.lang
    asked = {f"q_{question.key}": question.text.in_(lang) for question in view.offer.questions}
    named = asked.get(problem.field or "", str(problem.facts["question"]))
    return replace(problem, facts={**problem.facts, "question": named})


@cache
def _source(name: str) -> str:
    return (HERE / "static" / name).read_text(encoding="utf-8")


@cache
def _source_hash(name: str) -> str:
    digest = hashlib.sha256(_source(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _anchor(field: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in field)


def _offer_facts(view: OfferView) -> dict[str, Any]:
    return {"open": view.offer.status is OfferStatus.OPEN, "minutes": minutes_for(view.offer)}


def _order_facts(view: OrderView) -> dict[str, Any]:
    state = order_state(view)
    now = progress(view)
    back = money_back(view)
    return {
        "state": state,
        "paused": _paused(view.order, None if view.brief is None else view.brief.gate),
        "now": now,
        "steps": _steps(now),
        "name": first_name(view.order.client_name),
        "minutes": minutes_for(view.offer),
        "left": questions_left(view.offer, view.brief) if view.brief else 0,
        "problems": _once((*view.problems, *(view.brief.problems if view.brief else ()))),
        "upload_at": next((question.key for question in view.offer.brief if question.files), None),
        "refresh": _refresh(view, state),
        "suggested": _suggested(view),
        "typed_address": _typed_address(view),
        "back": back,
        "back_amount": words.money(back.amount, view.order.currency, view.frame.lang),
        "back_why": refund_reason(back.cause, view.order, view.frame.lang),
        "part_label": lambda number: part_label(view.offer, number, words.language(view.frame.lang)),
        "part_state": part_state,
        "rated": any(one.rated for one in view.milestones),
        "left_how": "" if view.order.leaving is None else f"left.{view.order.leaving['what']}",
        "left_at": None if view.order.leaving is None else datetime.fromisoformat(view.order.leaving["at"]),
        "statement": statement(view.order, view.offer, view.typed, words.language(view.frame.lang), view.frame.zone),
    }


def _once(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Each problem once: the order's page and the brief inside it may be told the same ones."""
    return tuple(problem for at, problem in enumerate(problems) if problem not in problems[:at])


BY_BANK = "bank"
"""Why money is back that a bank has given, by a dispute that was lost: nothing is on its way from us."""


@dataclass(frozen=True, slots=True, repr=False)
class MoneyBack:
    """What a client gets back, in minor units of the order's currency: of the `whole` order, or of a part of it.

    `coming` while Stripe has not taken all of it; `licence` where files were seen, whose licence ends.
    """

    amount: int = 0
    whole: bool = False
    coming: bool = False
    licence: bool = False
    at: datetime | None = None
    cause: str | None = None


def money_back(view: OrderView) -> MoneyBack:
    """What of an order was given back, or is on its way.

    The order's own pots also hold payments that nobody asked for: they count only where the whole order ends so.
    """
    order, milestones = view.order, view.milestones
    if _unwound(order):
        return MoneyBack(
            amount=order.left + order.in_transit + order.refunded,
            whole=True,
            coming=order.stage is OrderStage.UNWIND,
            at=view.refunded_at or order.completed,
            cause=BY_BANK if order.lost else order.cause,
        )
    back = [one for one in milestones if one.refunded or one.stage is MilestoneStage.REFUND]
    if not back:
        return MoneyBack()
    return MoneyBack(
        amount=sum(_back_of(one) for one in back),
        whole=len(back) == len(milestones) and all(_back_of(one) >= one.price for one in back),
        coming=any(one.stage is MilestoneStage.REFUND for one in back),
        licence=any(one.version for one in back if _back_of(one) >= one.price),
        at=view.refunded_at,
        cause=BY_BANK if order.lost else back[0].cause,
    )


def _unwound(order: Order) -> bool:
    """Whether an order ends, or ended, without its work: its last gate was the refund of all it held."""
    if order.stage in {OrderStage.UNWIND, OrderStage.CLOSE}:
        return True
    ended = order.stage is OrderStage.COMPLETED and order.last is not None
    return ended and GateId.parse(order.last or "").kind is Kind.REFUND


def _back_of(milestone: Milestone) -> int:
    """What of a milestone was given back or is on its way, in minor units."""
    if milestone.stage is not MilestoneStage.REFUND:
        return milestone.refunded
    coming = milestone.held if milestone.give_back is None else milestone.give_back
    return milestone.refunded + (milestone.refund_in_transit or coming)


def part_state(part: PartView) -> str:
    """Where one of several milestones is, for its client: the name of a sentence."""
    if part.refunded:
        return "refunded"
    if part.stage is MilestoneStage.CLOSED:
        return "done"
    if part.leaving or part.stage is MilestoneStage.REFUND:
        return "refund"
    reached = _reached(part.stage)
    return "done" if reached == "hold" else reached


def order_state(view: OrderView) -> str:
    """Which of its faces the order's page shows: the template of that name."""
    back = money_back(view)
    match view.order.stage:
        case OrderStage.DRAFT:
            if view.brief is not None:  # a debit is under way, and may be answered meanwhile
                return "brief"
            to_pay = "to_pay" if view.checkout_action else "unpayable"
            return "confirming" if view.confirming else to_pay
        case OrderStage.PAID:
            return "preparing"
        case OrderStage.BRIEF:
            waits = "under_way" if view.order.handed_in else "preparing"
            return "brief" if view.brief else waits
        case OrderStage.UNWIND:
            return "refunding"
        case OrderStage.CLOSE:
            return "refunded"
        case OrderStage.MILESTONES | OrderStage.COMPLETED if back.whole:
            return "refunding" if back.coming else "refunded"
        case OrderStage.ASSIGN | OrderStage.PICK | OrderStage.MILESTONES | OrderStage.PARK:
            return "under_way"
        case OrderStage.COMPLETED:
            return "completed"
        case _:
            assert_never(view.order.stage)


def progress(view: OrderView) -> str:
    """How far an order is for its client: that of the milestone which is furthest behind."""
    order = view.order
    if order.stage is OrderStage.PARK:
        return "park"
    if order.stage is not OrderStage.MILESTONES or not view.milestones:
        return "hold" if order.stage is OrderStage.COMPLETED else "assign"
    reached = [_reached(milestone.stage) for milestone in view.milestones]
    behind = ("park", "work", "review", "answer", "request", "refund", "start", "hold")
    return next(name for name in behind if name in reached)


def questions_left(offer: Offer, brief: BriefView) -> int:
    """How many questions of the brief have neither an answer nor an "advise me"."""
    return sum(not _answered(question.key, brief, files=question.files) for question in offer.brief)


def _answered(key: str, brief: BriefView, *, files: bool) -> bool:
    said = bool(brief.files) if files else bool(brief.typed.get(f"q_{key}", "").strip())
    return said or bool(brief.typed.get(f"skip_{key}"))


def _reached(stage: MilestoneStage) -> str:
    match stage:
        case MilestoneStage.START:
            return "start"
        case MilestoneStage.PENDING | MilestoneStage.WORK | MilestoneStage.REASSIGN | MilestoneStage.PICK:
            return "work"
        case MilestoneStage.REVIEW:
            return "review"
        case MilestoneStage.ACCEPTANCE | MilestoneStage.SETTLEMENT:
            return "answer"
        case MilestoneStage.REFUND_REQUEST:
            return "request"
        case MilestoneStage.HOLD | MilestoneStage.PAYOUT | MilestoneStage.CLOSED:
            return "hold"
        case MilestoneStage.REFUND:
            return "refund"
        case MilestoneStage.PARK:
            return "park"
        case _:
            assert_never(stage)


def _steps(now: str) -> list[tuple[str, str]]:
    reached = {"answer": 3, "request": 3, "refund": 4, "hold": len(_STEPS)}
    at = reached.get(now, 2)
    return [(step, "done" if i < at else "now" if i == at else "todo") for i, step in enumerate(_STEPS)]


def _refresh(view: OrderView, state: str) -> int | None:
    """Look again by itself while something is about to come, more slowly where it takes long."""
    if state not in {"confirming", "preparing"}:
        return None
    waited = (view.frame.now - view.order.created).total_seconds() / 60
    return REFRESH_SECONDS if waited < REFRESH_MINUTES else REFRESH_SECONDS * 4


def _suggested(view: OrderView) -> str:
    """The address that was probably meant, to be read and chosen; empty where there is none."""
    address = view.order.client_email or ""
    return f"{address.rpartition('@')[0]}@{view.address_hint}" if view.address_hint else ""


def _typed_address(view: OrderView) -> str:
    """What the form holds: what was typed, else the present address, so that sending it untouched changes nothing."""
    return view.typed.get("address", view.order.client_email or "")


def _paused(order: Order, gate: Gate | None) -> datetime | None:
    """Until when its reader's time stands still because the order does."""
    if order.paused is None or not order.is_open or (gate is not None and gate.id.kind in GOES_ON):
        return None
    return datetime.fromisoformat(order.paused["until"])


def _gate_facts(view: GateView) -> dict[str, Any]:
    lang = words.language(view.frame.lang)
    kind = view.gate.id.kind
    choices = tuple(choice for choice in GIVEN[kind] if choice in view.gate.choices and _can_be_given(view, choice))
    pay = None if view.pay is None else words.money(view.pay, view.order.currency, lang)
    return {
        "subject": _subject(view.offer, view.gate, lang),
        "paused": _paused(view.order, view.gate),
        "choices": choices,
        "noted": NOTED.intersection(choices) if words.has(f"note.{kind.value}") else frozenset(),
        "picked": _picked(view),
        "choice_facts": _choice_facts(view, lang),
        "said_of": partial(_said_of, view),
        "stated": lambda name, style="day": _stated(view, name, lang, style),
        "freelancer_name": view.freelancer.name if view.freelancer else words.say(lang, "fact.unknown"),
        "why": why_you(view.reasons, view.offer.skill, lang),
        "causes": tuple(RefundCause),
        "bears": lambda cause: bears_in_words(view.offer.policy.bears, cause, pay, lang),
        "we_checked": _we_checked(view),
        "chosen": tuple(_chosen(one, view, lang) for one in view.chosen),
        "soonest": f"{view.frame.now + timedelta(days=1):%Y-%m-%d}",
        "several": several_in_words(view.offer, view.gate, view.order.currency, lang, view.frame.zone),
        "checked": tuple(one for at, one in enumerate(view.offer.checks) if not view.ticked or at in view.ticked),
        "lacking": any(one.key in LACKING for one in view.problems),
        "park_why": park_reason(view.gate.shown.get("why"), lang),
        "park_by_bank": str(view.gate.shown.get("why")).endswith("_refused"),
        "confirm_from": _confirm_from(view, lang) if kind is Kind.CONFIRM else "",
        "dispute_why": dispute_reason(view.gate.shown.get("reason"), lang),
        "candidates": tuple(_candidate(one, view, lang) for one in view.candidates),
        "declines": tuple(DeclineWhy),
        "other_side": _other_side(view),
        "counter": next((one for one in view.asking if one.kind is Kind.COUNTER and one.waiting), None),
    }


def _confirm_from(view: GateView, lang: str) -> str:
    """From which sum on the seller is asked a second time."""
    from relais.act import usual_least  # no other gate's page is about so much money

    least, currency = view.offer.policy.confirm, view.order.currency
    return words.money(usual_least(currency) if least is None else least, currency, lang)


def _other_side(view: GateView) -> str:
    """The name of who is on the other side, where the offer introduces them: the maker's to a client, or the reverse.

    Never of what was bought elsewhere.
    """
    if view.offer.policy.disclosure is not Disclosure.BY_NAME:
        return ""
    match view.gate.role:
        case Role.CLIENT:
            known = view.freelancer is not None and view.freelancer.kind is not Performer.OUTSIDE
            return view.freelancer.name if known and view.freelancer else ""
        case Role.FREELANCER:
            return view.order.client_name or ""
        case Role.SELLER | Role.CLOCK | Role.ENGINE:
            return ""
        case _:
            assert_never(view.gate.role)


def _recipient_facts(view: RecipientView) -> dict[str, Any]:
    """How the account stands in words, what is missing and until when, and what a press would do."""
    lang, recipient = words.language(view.frame.lang), view.recipient
    state = recipient.readiness.value
    by = recipient.needed_by
    wants = recipient.readiness.value not in {"closed", "out_of_reach", "checking"}
    return {
        "state": state,
        "steps": words.has(f"recipient.{state}.open"),
        "needs": [words.say(lang, f"need.{one.value}") for one in recipient.needs] if wants else [],
        "by": None if by is None else words.when(by, lang, view.freelancer.hours.zone, "day"),
        "waits": len(recipient.waits),
        "banked": recipient.payouts or not recipient.ready,
    }


def _freelancer_facts(view: FreelancerView) -> dict[str, Any]:
    lang = words.language(view.frame.lang)
    today = view.frame.now.astimezone(ZoneInfo(view.freelancer.hours.zone)).date()
    days = [
        (words.day(one.first, lang), words.day(one.last, lang)) for one in view.freelancer.away if one.last >= today
    ]
    return {
        "subject_of": lambda one: _subject(one.offer, one.gate, lang),
        "aways": [words.say(lang, "own.away.days", first=first, last=last) for first, last in days],
        "owed": [words.money(amount, currency, lang) for currency, amount in view.freelancer.owes if amount],
        "soonest": today.isoformat(),
    }


@dataclass(frozen=True, slots=True, repr=False)
class Weighed:
    """One line of a ranking: what is looked at, what was seen, the points it gave."""

    label: str
    value: str
    points: int


@dataclass(frozen=True, slots=True, repr=False)
class ChosenLines:
    """Somebody of a ranking, with the lines that add up to their points."""

    name: str
    points: int
    lines: tuple[Weighed, ...]


def _chosen(one: Chosen, view: GateView, lang: str) -> ChosenLines:
    seen = {reason.key: reason.value for reason in one.reasons}
    lines = tuple(
        Weighed(words.say(lang, f"why.{key}"), _weighed(key, seen, view, lang), points)
        for key in ("quality", "punctuality", "responsiveness", "rate", "load", "language")
        if (points := seen.get(f"points_{key}")) is not None
    )
    return ChosenLines(one.name, one.points, lines)


def _weighed(key: str, seen: Mapping[str, int], view: GateView, lang: str) -> str:
    """What was seen of one number of a ranking, as the seller reads it."""
    match key:
        case "quality":
            count = seen.get("quality_count", 0)
            return words.say(lang, "candidate.rated", count=count, value=stars(seen.get(key, 0), lang))
        case "rate":
            return words.money(seen.get(key, 0), view.order.currency, lang)
        case "load":
            return words.say(lang, "why.free", count=seen.get("free", 0))
        case "language":
            return words.say(lang, "why.yes" if seen.get(key) else "why.no")
        case _:
            return words.say(lang, "why.percent", value=seen.get(key, 0))


def _can_be_given(view: GateView, choice: Choice) -> bool:
    """Whether a choice could be carried out now: there is somebody to pick, or the seller has a place of their own."""
    if choice is Choice.PICKED:
        return bool(view.candidates)
    return choice is not Choice.SELF or view.own is not None


@dataclass(frozen=True, slots=True, repr=False)
class Candidate:
    """A freelancer as the seller picks one: the facts in a line, what speaks against it in another."""

    key: str
    name: str
    facts: str
    against: str
    full: bool
    picked: bool


def _candidate(freelancer: Freelancer, view: GateView, lang: str) -> Candidate:
    rate, quality = freelancer.rate_for(view.offer.skill), freelancer.quality
    room = max(0, freelancer.capacity - freelancer.in_hand)
    spoken = [words.say(lang, f"language.{one}") for one in freelancer.languages if words.has(f"language.{one}")]
    mean = stars(quality.mean, lang)
    facts = (
        words.say(lang, "fact.unknown") if rate is None else words.money(rate, freelancer.currency, lang),
        words.say(lang, "candidate.room", count=room, capacity=freelancer.capacity),
        ", ".join(spoken or freelancer.languages),
        words.say(lang, "candidate.rated", count=quality.count, value=mean),
    )
    return Candidate(
        key=freelancer.key,
        name=freelancer.name,
        facts=" · ".join(facts),
        against=" · ".join(_against(freelancer, view, lang, paid=bool(rate))),
        full=not room,
        picked=bool(view.problems) and view.typed.get("freelancer") == freelancer.key,
    )


def _against(freelancer: Freelancer, view: GateView, lang: str, *, paid: bool) -> list[str]:
    """What the seller should know before picking somebody whom the ranking would not choose."""
    zone = ZoneInfo(freelancer.hours.zone)
    today = view.frame.now.astimezone(zone).date()
    until = [datetime.combine(away.last, time(12), zone) for away in freelancer.away if away.covers(today)]
    back = [words.when(at, lang, freelancer.hours.zone, "day") for at in until]
    trial = [words.say(lang, "candidate.trial")] if freelancer.standing is Standing.CANDIDATE else []
    unpayable = [words.say(lang, "candidate.unpayable")] if paid and not freelancer.stripe_account else []
    return [*(words.say(lang, "candidate.away", date=day) for day in back), *trial, *unpayable]


def _subject(offer: Offer, gate: Gate, lang: str) -> str:
    """What a gate is about: a freelancer is told the skill, since the offer's title leads to its price and date."""
    part = part_label(offer, None if gate.id.of_order else gate.id.milestone, lang)
    if gate.role is Role.FREELANCER:
        return part or offer.skill.capitalize()
    title = words.typeset(offer.title.in_(lang), lang)
    return f"{title} · {part}" if part else title


def _picked(view: GateView) -> str:
    """What a form that comes back had chosen; an open question has nothing chosen, whatever its address says."""
    if not view.problems:
        return ""
    return view.picked.value if view.picked else view.typed.get("choice", "")


def _we_checked(view: GateView) -> bool:
    """Whether the seller has seen the version that the client is shown."""
    first = view.milestone is not None and view.milestone.version <= 1
    return first or view.offer.policy.review is Review.EVERY_VERSION


def _choice_facts(view: GateView, lang: str) -> Mapping[str, str]:
    used = view.milestone.revisions_used if view.milestone else 0
    included = used + view.milestone.revisions_left if view.milestone else view.offer.policy.revisions
    return {
        "name": first_name(view.freelancer.name) if view.freelancer else words.say(lang, "fact.unknown"),
        "included": words.say(lang, "acceptance.included", count=included),
        "used": words.say(lang, "acceptance.used", count=used),
        "taking": _taking(view, lang),
        "accepting": words.say(lang, f"acceptance.accepting.{view.offer.policy.release.name.lower()}"),
        "refund": words.money(_refund(view), view.order.currency, lang),
        "until": _stated(view, "until", lang),
        "pay": words.money(int(view.gate.shown.get("pay", 0)), view.order.currency, lang),
        "due": _stated(view, "deadline", lang, "moment"),
    }


def _taking(view: GateView, lang: str) -> str:
    """What becomes of the work when the client takes the sum that is proposed."""
    key = f"settlement.taking.{view.gate.shown.get('proposal', '')}"
    return words.say(lang, key) if words.has(key) else ""


def _said_of(view: GateView, choice: Choice) -> str:
    """The key of a choice's words: a wait whose end is known says it, and a bank's question is no dispute yet."""
    key = f"choice.{view.gate.id.kind.value}.{choice.value}"
    dated, staged = f"{key}.dated", f"{key}.{view.gate.shown.get('stage', '')}"
    if "until" in view.gate.shown and words.has(dated):
        return dated
    return staged if words.has(staged) else key


def _stated(view: GateView, name: str, lang: str, style: words.Style = "day") -> str:
    """A date that the gate shows."""
    at = view.gate.shown.get(name)
    return "" if at is None else words.when(datetime.fromisoformat(at), lang, view.frame.zone, style)


def _refund(view: GateView) -> int:
    if view.refund is not None:
        return view.refund
    return view.milestone.price if view.milestone else view.order.price


def _answered_facts(view: AnsweredView) -> dict[str, Any]:
    lang = words.language(view.frame.lang)
    key = f"answered.{_answered_key(view)}"
    return {
        "subject": _subject(view.offer, view.gate, lang),
        "title": words.say(lang, key),
        "lead": words.say(lang, f"{key}.lead", **_agreed(view, lang)),
        "pay": _pay_kept(view, lang),
        "decided": _decided(view, lang),
        "next_label": words.say(lang, "next.coming" if view.coming else f"next.{_reader(view.gate)}"),
        "refresh": REFRESH_SECONDS if view.coming else None,
    }


def _agreed(view: AnsweredView, lang: str) -> Mapping[str, str]:
    """The terms of a counter-proposal that was taken, on the page of its proposal."""
    terms = view.gate.shown.get("agreed")
    if terms is None:
        return {}
    due = words.when(datetime.fromisoformat(terms["deadline"]), lang, view.frame.zone)
    return {"pay": words.money(int(terms["pay"]), view.offer.currency, lang), "due": due}


def _answered_key(view: AnsweredView) -> str:
    if view.decision is None:
        return "withdrawn"
    kind, choice = view.gate.id.kind, view.decision.choice
    if choice is Choice.CANCELLED:
        return f"cancelled.{_reader(view.gate)}"
    if choice is Choice.TAKEN:
        return "taken"
    if choice is Choice.REASSIGNED:
        return f"reassigned.{_reader(view.gate)}"
    if view.stands_in and choice is Choice.HAND_IN:
        return "brief.for_client"
    if not view.yours:
        return _answered_by_others(kind, view.decision.via, countered=bool(view.gate.shown.get("countered")))
    if choice is Choice.ACCEPTED and "agreed" in view.gate.shown:
        return "proposal.countered"
    if words.has(f"answered.{kind.value}.{choice.value}"):
        return f"{kind.value}.{choice.value}"
    return "park.any" if kind is Kind.PARK else "any"


def _pay_kept(view: AnsweredView, lang: str) -> str:
    cancelled = view.decision is not None and view.decision.choice is Choice.CANCELLED
    told = cancelled and view.gate.role is Role.FREELANCER
    return paid_all_the_same(view.pay, view.offer.currency, lang) if told else ""


def _answered_by_others(kind: Kind, via: Via, *, countered: bool) -> str:
    if kind is not Kind.PROPOSAL:
        return "already"
    if via is not Via.CLOCK:
        return "closed"
    return "countered" if countered else "lapsed"


def _decided(view: AnsweredView, lang: str) -> str:
    if view.decision is None or view.just_now:
        return ""
    kind, choice = view.gate.id.kind.value, view.decision.choice.value
    names = (f"decided.{kind}.{choice}", f"decided.any.{choice}", "decided.any.any")
    named = words.say(lang, next(name for name in names if words.has(name)))
    at = words.when(view.decision.at, lang, view.frame.zone, "full")
    how = "yours" if view.yours and view.decision.via is Via.LINK else _how(view.decision.via)
    who = _decided_by(view)
    return words.say(lang, f"decided.{'by' if who else how}", choice=named, at=at, seller=who or view.frame.shop.seller)


def _decided_by(view: AnsweredView) -> str:
    """Who of the seller and the second reviewer decided a review, for the other of them; nobody else is named."""
    second = view.frame.shop.second_reviewer
    if view.gate.id.kind is not Kind.REVIEW or view.yours or second is None or view.decision is None:
        return ""
    if view.decision.via is not Via.LINK:
        return ""
    return view.frame.shop.seller if view.decision.by == Role.SELLER.value else second["name"]


def _how(via: Via) -> str:
    match via:
        case Via.LINK:
            return "other"
        case Via.CLOCK:
            return "clock"
        case Via.ENGINE:
            return "engine"
        case Via.COMMAND:
            return "command"
        case _:
            assert_never(via)


def _reader(gate: Gate) -> str:
    role = gate.role.value
    return role if words.has(f"next.{role}") else "seller"


def _notice_facts(view: NoticeView) -> dict[str, Any]:
    key = f"notice.{view.key}"
    if not words.has(f"{key}.lead"):
        key = "notice.trouble"
    return {
        "title": words.say(view.frame.lang, key, **view.facts),
        "lead": words.say(view.frame.lang, f"{key}.lead", **view.facts),
    }
