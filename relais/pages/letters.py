"""Mails: a subject with the facts, one button, what silence means, plain text beside HTML.

Who may know what is decided here once, by the reader's role: a freelancer's mail knows no price, name or address of the
client's, a client's mail nothing of the freelancer but, where the offer says so, the name (design: people 2 and 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, assert_never

from relais.gate import Kind, Role
from relais.money import format_amount
from relais.offer import Disclosure, RefundCause
from relais.pages import words
from relais.pages.letter_views import AnnouncementView, AnyLetter, LetterView, Mail, ReportView
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
    statement,
    why_you,
)
from relais.performer import Performer
from relais.report import Finding

if TYPE_CHECKING:
    from relais.pages.digest import Item

REMINDER = ".reminder"
PREHEADER_LENGTH = 120
ASKING = frozenset(
    {
        "brief",
        "proposal",
        "work",
        "rework",
        "revision",
        "review",
        "second_review",
        "acceptance",
        "revised",
        "reopened",
        "reopened_by_seller",
        "refund_request",
        "settlement",
        "contested",
        "unanswered",
        "parked",
        "pick",
        "stuck",
        "work_late",
        "dispute",
        "inquiry",
        "missed_date",
        "new_date",
        "not_taken",
        "more_time",
        "more_time_given",
        "question",
        "message",
        "counter",
        "rating",
        "appeal",
        "onboarding",
        "agreement",
        "extra",
        "confirm_transfer",
        "confirm_refund",
        "outcome_refund",
        "outcome_transfer",
        "outcome_reversal",
    }
)
"""The mails that put a question: they say until when and what silence means. The others tell."""
MAKING = frozenset({"proposal", "work", "rework", "revision"})
"""Those that a freelancer needs the brief for."""
LEFT = frozenset({"withdrawn", "left", "agreement_grant"})
"""Those of a client's own way out, with what it gives back."""
SETTLING = frozenset({"settlement", "contested", "unanswered", "settled", "pro_rata"})
DELIVERED = frozenset(
    {
        "acceptance",
        "revised",
        "more_time_given",
        "reopened",
        "reopened_by_seller",
        "pay_waits",
        "pay_waits_by_seller",
        "deed_revision",
        "deed_billing",
        "deed_name",
        "accepted_silently",
        "accepted",
        "completed",
        "refunded",
        "taken_back",
        "cancelled",
        "lost",
        "reduced",
        *SETTLING,
        *LEFT,
    }
)
"""Those that come when the promised date no longer matters."""
REFUNDING = frozenset({"refunded", "taken_back", "settled", "settlement", "unanswered", "pro_rata", *LEFT})


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled fact of a mail."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail before it is set as HTML and as plain text: the same words in both."""

    subject: str
    preheader: str
    hello: str
    lead: tuple[str, ...]
    facts: tuple[Fact, ...]
    note: str | None
    brief: tuple[tuple[str, str], ...]
    terms: tuple[str, ...]
    refunds: tuple[Fact, ...]
    button: str
    link: str | None
    contract: str | None
    reminded: str | None
    why: str
    own_page: str | None = None
    cards: tuple[Item, ...] = ()


def write(view: AnyLetter) -> Mail:
    """Write a mail in its reader's language."""
    if isinstance(view, ReportView):
        return _set(view, report(view), "")
    if isinstance(view, AnnouncementView):
        return _set(view, announced(view), view.said.order)
    if isinstance(view, LetterView):
        return _set(view, compose(view), view.order.id)
    from relais.pages.digest import digest  # few shops want it

    return _set(view, digest(view), "")


def _set(view: AnyLetter, letter: Letter, reference: str) -> Mail:
    given = speech(view.frame) | {"letter": letter, "reference": reference}
    return Mail(
        to=view.to,
        subject=letter.subject,
        text=environment().get_template("mail.txt").render(given).strip() + "\n",
        html=environment().get_template("mail.html").render(given),
    )


def report(view: ReportView) -> Letter:
    """What the seller is told of what does not agree: each finding in one sentence, with what to do."""
    lang = words.language(view.frame.lang)
    told = [finding_in_words(one, lang, view.frame.zone) for one in view.findings]
    lead = [words.say(lang, "mail.report.lead"), *told]
    if view.more:
        lead.append(words.say(lang, "mail.report.more", count=view.more))
    return Letter(
        subject=words.say(lang, "mail.report.subject", count=len(view.findings) + view.more),
        preheader=told[0] if told else "",
        hello=words.say(lang, "mail.hello", name=first_name(view.frame.shop.seller)),
        lead=(*lead, words.say(lang, "mail.report.do")),
        facts=tuple(_holdings(view, lang)),
        note=None,
        brief=(),
        terms=(),
        refunds=(),
        button="",
        link=None,
        contract=None,
        reminded=None,
        why="",
    )


def finding_in_words(one: Finding, lang: str, zone: str) -> str:
    """A finding as its reader is told it: what does not agree, since when, and what to do."""
    return words.say(
        lang,
        f"finding.{one.kind}",
        amount=format_amount(one.amount, one.currency, lang),
        reference=one.reference,
        order=one.order or words.say(lang, "finding.no_order"),
        since="" if one.since is None else words.when(one.since, lang, zone, "day"),
    )


def _holdings(view: ReportView, lang: str) -> Iterator[Fact]:
    for currency in sorted(view.booked.keys() | (view.held or {}).keys()):
        yield Fact(words.say(lang, "mail.report.booked"), format_amount(view.booked.get(currency, 0), currency, lang))
        if view.held is not None:
            held = format_amount(view.held.get(currency, 0), currency, lang)
            yield Fact(words.say(lang, "mail.report.held"), held)


def compose(view: LetterView) -> Letter:
    """What a mail says, free of its setting."""
    lang = words.language(view.frame.lang)
    named, reminded = view.key.removesuffix(REMINDER), view.key.endswith(REMINDER)
    key = _words_of(named, view)
    given = _sayable(view)
    proposal = named == "proposal" and view.role is Role.FREELANCER
    subject = words.say(lang, f"{key}.subject", **given)
    lead = words.say(lang, f"{key}.lead", **given)
    first = _first_sentence(view) if proposal else ""
    letter = Letter(
        subject=_one_line(subject),
        preheader=_one_line(first or words.say(lang, f"{key}.preheader", **given)),
        hello=_hello(view, lang),
        lead=(lead, *_after_lead(view, named)),
        facts=_facts(view, named),
        note=_note(view, named, lang),
        brief=view.brief if view.role is Role.FREELANCER and named in MAKING else (),
        terms=_terms(view, lang) if proposal else (),
        refunds=_refunds(view, lang) if proposal else (),
        button=words.say(lang, f"{key}.button"),
        link=view.link,
        contract=_contract(view) if named in ASKING else None,
        reminded=_reminders(view) if named in ASKING else None,
        why=why_you(view.reasons, view.offer.skill, lang) if proposal else "",
        own_page=view.own_page if view.role is Role.FREELANCER else None,
    )
    if not reminded:
        return letter
    return replace(
        letter,
        subject=words.say(lang, "mail.reminder.subject", subject=letter.subject),
        lead=(words.say(lang, "mail.reminder.lead"), *letter.lead),
    )


def _note(view: LetterView, named: str, lang: str) -> str | None:
    """The words that a mail quotes: of a withdrawal's receipt what was declared, word for word."""
    if named == "withdrawn" and view.role is Role.CLIENT:
        return statement(view.order, view.offer, view.facts, lang, view.frame.zone)
    quoted = named in {"question", "answer"} or named.startswith("agreement")
    return view.note if view.role is not Role.CLIENT or quoted else None


def announced(view: AnnouncementView) -> Letter:
    """What the mail of a change between the shop and a freelancer says."""
    lang, said = words.language(view.frame.lang), view.said
    reader = _reader(said.role)
    key = f"announced.{said.topic.value}.{reader}"
    given = _announced_facts(view, lang)
    name = view.freelancer.name if reader == Role.FREELANCER.value else view.frame.shop.seller
    return Letter(
        subject=_one_line(words.say(lang, f"{key}.subject", **given)),
        preheader=_one_line(words.say(lang, f"{key}.preheader", **given)),
        hello=words.say(lang, "mail.hello", name=first_name(name)),
        lead=(words.say(lang, f"{key}.lead", **given),),
        facts=(),
        note=said.reason or None,
        brief=(),
        terms=(),
        refunds=(),
        button="" if view.link is None else words.say(lang, f"{key}.button"),
        link=view.link,
        contract=None,
        reminded=None,
        why="",
        own_page=view.own_page,
    )


def _announced_facts(view: AnnouncementView, lang: str) -> Mapping[str, object]:
    """What sentences may name: amounts and days in words, the freelancer, what the seller may do next."""
    facts, currency = view.said.facts, str(view.said.facts.get("currency", view.freelancer.currency))
    sums = {name: words.money(int(facts[name]), currency, lang) for name in ("was", "now", "amount") if name in facts}
    days = {name: words.day(date.fromisoformat(str(facts[name])), lang) for name in ("first", "last") if name in facts}
    return {
        "name": view.freelancer.name,
        "freelancer": view.freelancer.key,
        "brand": view.frame.shop.brand,
        "order": view.said.order,
        "skill": facts.get("skill", ""),
        "was": words.say(lang, "announced.rate.none"),
        "count": facts.get("count", 0),
        "extra": facts.get("extra", ""),
        "why": words.say(
            lang, f"trial.why.{facts.get('why')}" if words.has(f"trial.why.{facts.get('why')}") else "trial.why.any"
        ),
        **sums,
        **days,
        **_account_facts(view, lang),
    }


def _account_facts(view: AnnouncementView, lang: str) -> Mapping[str, str]:
    """What Stripe wants of somebody and until when; to the seller, what has stopped."""
    facts = view.said.facts
    needs = [words.say(lang, f"need.{one}") for one in str(facts.get("needs", "")).split(",") if one]
    by, what = facts.get("by"), facts.get("what")
    at = None if by is None else words.when(datetime.fromisoformat(str(by)), lang, view.frame.zone, "day")
    return {
        "needs": words.join(needs or [words.say(lang, "need.other")], lang),
        "until": words.say(lang, "account.now") if at is None else words.say(lang, "account.until", date=at),
        "what": "" if what is None else words.say(lang, f"account.lost.{what}"),
    }


def _trial_why(why: str, lang: str) -> str:
    key = f"trial.why.{why}"
    return words.say(lang, key if words.has(key) else "trial.why.any")


def _after_lead(view: LetterView, named: str) -> tuple[str, ...]:
    """What follows the end of an order: when the money arrives, and what ends with it; what is paid all the same."""
    lang = view.frame.lang
    match named, view.role:
        case "refunded", Role.CLIENT:
            seen = view.milestone is not None and view.milestone.version > 0
            said = ("order.refund.arrives", *(("order.refund.licence",) if seen else ()), "order.refund.nothing")
            return tuple(words.say(lang, key) for key in said)
        case "brief", Role.CLIENT if view.order.by_debit:
            return (words.say(lang, "debit.paid", price=words.money(view.order.price, view.order.currency, lang)),)
        case "proposal", Role.FREELANCER if view.others:
            others = words.say(lang, "own.others", count=view.others)
            return (f"{others} {words.say(lang, 'own.room', count=view.room)}",)
        case (("cancelled" | "lost"), Role.FREELANCER):
            kept = paid_all_the_same(view.pay, view.order.currency, lang)
            return (kept,) if kept else ()
        case _:
            return ()


def _words_of(named: str, view: LetterView) -> str:
    """Where a mail is about one of several milestones, words that don't speak of the whole order, if there are any."""
    reader = _reader(view.role)
    part = (f"mail.{named}.part.{reader}",) if _part(view) else ()
    keys = [*part, f"mail.{named}.{reader}", f"mail.any.{reader}"]
    found: str = next(key for key in keys if words.has(f"{key}.subject"))
    return found


def _reader(role: Role) -> str:
    """Who reads: what is addressed to nobody goes to the seller."""
    match role:
        case Role.CLIENT | Role.FREELANCER | Role.SELLER:
            return role.value
        case Role.CLOCK | Role.ENGINE:
            return Role.SELLER.value
        case _:
            assert_never(role)


def _sayable(view: LetterView) -> Mapping[str, object]:
    """The facts that the reader may be told, as sentences name them; one that asks for more fails."""
    lang = words.language(view.frame.lang)
    price = words.money(view.order.price, view.order.currency, lang)
    pay = "" if view.pay is None else words.money(view.pay, view.order.currency, lang)
    part = _part(view)
    shared: dict[str, object] = {
        "offer": _about(view),
        "skill": part or _whole(view),
        "count": len(view.offer.brief),
        "minutes": minutes_for(view.offer),
        "until": _short(view, view.gate.deadline if view.gate else None, "soon"),
        "until_date": _short(view, view.gate.deadline if view.gate else None, "short"),
        "due": _short(view, view.deadline, "short"),
        "brand": view.frame.shop.brand,
        "order": view.order.id,
        "version": view.milestone.version if view.milestone else 1,
        "first": "",
        "missed": _stated(view, "missed"),
        "later": _stated(view, "until"),
        "decided": _decided(view),
        "stars": view.facts.get("stars", ""),
    }
    match _reader(view.role):
        case "client":
            return shared | {
                "price": price,
                "refund": _refund(view),
                "extra": str(view.facts.get("title", "")),
                "at": _moment(view, "at"),
                "refund_why": refund_reason(view.facts.get("cause"), view.order, lang, part=bool(part)),
            }
        case "freelancer":
            lost = f"lost.why.{view.facts.get('why', '')}"
            why = words.say(lang, lost) if words.has(lost) else ""
            return shared | {"offer": part or _whole(view), "pay": pay, "lost_why": why}
        case _:
            return shared | {
                "price": price,
                "refund": _refund(view),
                "reason": dispute_reason(view.facts.get("reason"), lang),
                "pay": pay,
                "asked": _pay_and_date(view, "pay", "deadline"),
                "at": _moment(view, "at"),
                "name": view.freelancer.name if view.freelancer else words.say(lang, "fact.unknown"),
                "why": park_reason(view.facts.get("why"), lang),
                "awaited": words.say(lang, _awaited(view)),
                "legal": _stated(view, "legal", "day"),
                "address": str(view.facts.get("address", "")),
                "correct": words.say(lang, _correct(view), order=view.order.id),
            }


def _decided(view: LetterView) -> str:
    """The answer that was given in somebody's name, as pages say it."""
    kind, choice = view.facts.get("kind"), view.facts.get("choice")
    names = (f"decided.{kind}.{choice}", f"decided.any.{choice}", "decided.any.any")
    return words.say(view.frame.lang, next(name for name in names if words.has(name)))


def _part(view: LetterView) -> str:
    """Which of several milestones a mail is about."""
    number = None if view.milestone is None else view.milestone.number
    return part_label(view.offer, number, words.language(view.frame.lang))


def _whole(view: LetterView) -> str:
    """What a freelancer is asked for: the skill, so many times where the order has several milestones."""
    offer, lang = view.offer, words.language(view.frame.lang)
    if not offer.several:
        return offer.skill
    return words.say(lang, "part.all", count=len(offer.milestones), skill=offer.skill)


def _about(view: LetterView) -> str:
    """What was ordered, and which part of it the mail is about."""
    title, part = view.offer.title.in_(view.frame.lang), _part(view)
    return f"{title} · {part}" if part else title


def _refund(view: LetterView) -> str:
    amount = int(view.facts.get("amount", view.order.refunded))
    return words.money(amount, str(view.facts.get("currency", view.order.currency)), view.frame.lang)


def _awaited(view: LetterView) -> str:
    key = f"late.{view.facts.get('kind', 'any')}"
    return key if words.has(key) else "late.any"


def _correct(view: LetterView) -> str:
    """How an address is corrected: a client's on the order, a freelancer's in the catalogue."""
    return "unreached.correct." + ("freelancer" if view.facts.get("role") == Role.FREELANCER.value else "client")


def _stated(view: LetterView, name: str, style: words.Style = "moment") -> str:
    """A date that the gate shows."""
    at = view.facts.get(name)
    return _short(view, datetime.fromisoformat(str(at)) if at else None, style)


def _moment(view: LetterView, name: str) -> str:
    """An instant that a mail states, with its year: a receipt is read years later."""
    at = view.facts.get(name)
    return _short(view, datetime.fromisoformat(str(at)) if at else None, "full")


def _short(view: LetterView, at: datetime | None, style: words.Style) -> str:
    return "" if at is None else words.when(at, view.frame.lang, view.frame.zone, style)


def _hello(view: LetterView, lang: str) -> str:
    match view.role:
        case Role.CLIENT:
            name = first_name(view.order.client_name)
        case Role.FREELANCER:
            name = first_name(view.freelancer.name) if view.freelancer else ""
        case Role.SELLER | Role.CLOCK | Role.ENGINE:
            name = first_name(str(view.facts.get("second") or view.frame.shop.seller))
        case _:
            assert_never(view.role)
    return words.say(lang, "mail.hello", name=name) if name else words.say(lang, "mail.hello.nobody")


def _facts(view: LetterView, named: str) -> tuple[Fact, ...]:
    match view.role:
        case Role.CLIENT:
            found = _client_facts(view, named)
        case Role.FREELANCER:
            found = _freelancer_facts(view, named)
        case Role.SELLER | Role.CLOCK | Role.ENGINE:
            found = _seller_facts(view, named)
        case _:
            assert_never(view.role)
    lang = view.frame.lang
    return tuple(Fact(words.say(lang, f"fact.{label}"), value) for label, value in found if value)


def _client_facts(view: LetterView, named: str) -> list[tuple[str, str]]:
    lang = view.frame.lang
    price = words.money(view.order.price, view.order.currency, lang) if named in {"to_pay", "paid", "brief"} else ""
    asked = named in ASKING and named != "parked" and view.gate is not None
    return [
        ("offer", _about(view)),
        ("maker", _maker(view)),
        ("price", price),
        ("refund", _refund(view) if named in REFUNDING else ""),
        ("until", _short(view, view.gate.deadline if view.gate and asked else None, "moment")),
        ("promised_client", _short(view, None if named in DELIVERED else view.deadline, "day")),
        ("revisions", _revisions(view) if named in {"acceptance", "revised"} else ""),
    ]


def _revisions(view: LetterView) -> str:
    """How many changes the price includes, and how many were asked for."""
    lang, milestone = view.frame.lang, view.milestone
    used = milestone.revisions_used if milestone else 0
    included = used + milestone.revisions_left if milestone else view.offer.policy.revisions
    said = [words.say(lang, "acceptance.included", count=included), words.say(lang, "acceptance.used", count=used)]
    return ", ".join(said)


def _maker(view: LetterView) -> str:
    """The freelancer's name, where the offer lets the client know it; never where something was bought."""
    by_name = view.offer.policy.disclosure is Disclosure.BY_NAME
    known = view.freelancer is not None and view.freelancer.kind is not Performer.OUTSIDE
    return view.freelancer.name if by_name and known and view.freelancer else ""


def _freelancer_facts(view: LetterView, named: str) -> list[tuple[str, str]]:
    lang = view.frame.lang
    still, cancelled = named in {"proposal", "counter_refused"}, named in {"cancelled", "lost", "reduced"}
    due = named in MAKING or named in {"late", "counter_taken", "counter_refused"}
    unpaid = view.pay is None or (cancelled and not view.pay)
    by_name = view.offer.policy.disclosure is Disclosure.BY_NAME
    cause = view.facts.get("cause") if cancelled and view.pay is not None else None
    return [
        ("offer", _part(view) or _whole(view).capitalize()),
        ("client", (view.order.client_name or "") if by_name and named in MAKING else ""),
        ("why", words.say(lang, f"cause.{cause}") if cause in set(RefundCause) else ""),
        ("pay", "" if unpaid else words.money(view.pay or 0, view.order.currency, lang)),
        ("due", _short(view, view.deadline if due else None, "moment")),
        ("answer_by", _short(view, view.gate.deadline if view.gate and still else None, "moment")),
        ("paid_by", _short(view, view.pay_by if named == "to_pay" else None, "day")),
    ]


def _seller_facts(view: LetterView, named: str) -> list[tuple[str, str]]:
    lang, late, unreached = view.frame.lang, named == "late", named == "unreached"
    awaited = view.facts.get("kind") == Kind.WORK.value
    phone = view.freelancer.phone if view.freelancer and (late or unreached) and awaited else ""
    return [
        ("offer", _about(view)),
        ("client", view.order.client_name or view.order.client_email or ""),
        ("by", view.freelancer.name if view.freelancer else ""),
        *_countered(view, named),
        *_confirming(view, named),
        ("address", str(view.facts.get("address", "")) if unreached else ""),
        ("phone", phone),
        ("price", words.money(view.order.price, view.order.currency, lang) if named == "paid" else ""),
        ("refund", _refund(view) if named in LEFT else ""),
        (
            "before" if late else "until",
            _short(view, view.gate.deadline if view.gate and not unreached else None, "moment"),
        ),
        ("promised", _short(view, None if named in LEFT else view.deadline, "day")),
    ]


def _countered(view: LetterView, named: str) -> list[tuple[str, str]]:
    """Of a counter-proposal: what was proposed, what is asked, and what would be left."""
    if named != "counter":
        return []
    margin = words.money(int(view.facts["margin"]), view.order.currency, view.frame.lang)
    return [
        ("offered", _pay_and_date(view, "was_pay", "was")),
        ("countered", _pay_and_date(view, "pay", "deadline")),
        ("margin", margin),
    ]


def _confirming(view: LetterView, named: str) -> list[tuple[str, str]]:
    """Of a sum that waits for a second yes: what was paid in, out and back so far, and until when the law wants it."""
    if named not in {"confirm_transfer", "confirm_refund"}:
        return []
    currency, lang = view.order.currency, view.frame.lang
    why = str(view.facts.get("why", ""))
    reason = f"confirm.why.{why}" if words.has(f"confirm.why.{why}") else f"cause.{why}"
    return [
        ("why", words.say(lang, reason) if words.has(reason) else ""),
        ("confirm_paid", words.money(view.order.paid, currency, lang)),
        ("confirm_sent", words.money(int(view.facts.get("sent", 0)), currency, lang)),
        ("confirm_back", words.money(int(view.facts.get("refunded", 0)), currency, lang)),
        ("confirm_legal", _stated(view, "legal", "day")),
    ]


def _pay_and_date(view: LetterView, pay: str, date: str) -> str:
    """Terms that a gate shows, in a line; empty where it shows none."""
    if pay not in view.facts:
        return ""
    return f"{words.money(int(view.facts[pay]), view.order.currency, view.frame.lang)} · {_stated(view, date, 'short')}"


def _terms(view: LetterView, lang: str) -> tuple[str, ...]:
    policy, offer = view.offer.policy, view.offer
    paid = words.say(lang, "bind.paid", hold=words.duration(offer.clocks.hold_spoken, lang))
    if view.pay_from is not None:
        paid += " " + words.say(lang, "bind.paid_from", date=_short(view, view.pay_from, "day"))
    if view.pay_by is not None:
        paid += " " + words.say(lang, "bind.paid_by", date=_short(view, view.pay_by, "day"))
    rights = (words.say(lang, "bind.rights", rights=offer.rights.in_(lang)),) if offer.rights else ()
    several = several_in_words(offer, view.gate, view.order.currency, lang, view.frame.zone)
    return (
        *((several,) if several else ()),
        *((words.say(lang, "bind.trial"),) if view.gate is not None and view.gate.shown.get("trial") else ()),
        words.say(lang, "bind.revisions", count=policy.revisions),
        *_speed(view, lang),
        paid,
        words.say(lang, f"bind.portfolio.{policy.portfolio.name.lower()}"),
        *rights,
        words.say(lang, "bind.back"),
    )


def _speed(view: LetterView, lang: str) -> tuple[str, ...]:
    speed = view.offer.policy.speed_bonus
    if speed is None:
        return ()
    amount = words.money(speed.amount, view.order.currency, lang)
    return (words.say(lang, "bind.speed", count=speed.hours, amount=amount),)


def _refunds(view: LetterView, lang: str) -> tuple[Fact, ...]:
    pay = None if view.pay is None else words.money(view.pay, view.order.currency, lang)
    bears = view.offer.policy.bears
    return tuple(
        Fact(words.say(lang, f"cause.{cause.value}"), bears_in_words(bears, cause, pay, lang)) for cause in RefundCause
    )


def _contract(view: LetterView) -> str | None:
    """What silence means, said to the one who must act; the others have nothing to answer."""
    if view.gate is None or view.gate.role is not view.role:
        return None
    return words.contract(view.gate, view.frame.lang, view.frame.zone)


def _reminders(view: LetterView) -> str | None:
    if view.gate is None or view.gate.role is not view.role:
        return None
    return words.reminders(view.gate, view.frame.lang, view.frame.zone, view.frame.now)


def _first_sentence(view: LetterView) -> str:
    answer = next((answer for _, answer in view.brief if answer.strip()), "")
    text = _one_line(answer) or view.offer.skill.capitalize()
    return text if len(text) <= PREHEADER_LENGTH else text[: PREHEADER_LENGTH - 1].rstrip() + "…"


def _one_line(text: str) -> str:
    """Without breaks and control characters: fit for a header."""
    plain = "".join(letter if letter.isprintable() or letter == "\u00a0" else " " for letter in text)
    return " ".join(part for part in plain.split(" ") if part)
