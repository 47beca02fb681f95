"""What pages and mails say alike: phrases for what an order holds, and the engine that both are written with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relais.gate import Gate
from relais.money import shares
from relais.offer import Bears, FreelancerPaid, Offer, RefundCause
from relais.order import Order
from relais.pages import words
from relais.pages.frame import Frame
from relais.roster import Reason
from relais.withdrawal import concluded

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
SECONDS_PER_QUESTION = 40
_BEST_FIRST = ("quality", "punctuality", "free")


def minutes_for(offer: Offer) -> int:
    """How long its brief takes, in minutes."""
    return max(1, round(len(offer.brief) * SECONDS_PER_QUESTION / 60))


def first_name(name: str | None) -> str:
    """The first of somebody's names; empty where none is known."""
    return (name or "").split(" ")[0]


def park_reason(why: object, lang: str) -> str:
    """Why an order or milestone stopped, in words."""
    known = str(why or "")
    key = "park.why.unanswered" if known.endswith("_unanswered") else f"park.why.{known}"
    return words.say(lang, key if words.has(key) else "park.why.any")


def refund_reason(cause: object, order: Order, lang: str, *, part: bool = False) -> str:
    """Why a client is refunded, in words for the client: a cause of the policy, "amount", or none; for a part of it.

    Without cause either the brief was never handed in, or nobody took the order, which is ours to answer for.
    """
    known = str(cause or (RefundCause.SELLER_FAULT.value if order.handed_in else "unanswered"))
    key = f"refunded.why.{known}"
    key = f"{key}.part" if part and words.has(f"{key}.part") else key
    return words.say(lang, key if words.has(key) else "refunded.why.any")


def part_label(offer: Offer, number: str | None, lang: str) -> str:
    """One of several milestones in words: "Article 3 sur 10", "Maquette (1 sur 3)"; empty where there is but one."""
    if number is None or not offer.several or not 1 <= int(number) <= len(offer.milestones):
        return ""
    titles = [one.title for one in offer.milestones]
    title = titles[int(number) - 1]
    key = "part.repeated" if titles.count(title) > 1 else "part.named"
    return words.say(lang, key, title=title.in_(lang), number=int(number), count=len(titles))


def statement(order: Order, offer: Offer, declared: Mapping[str, object], lang: str, zone: str) -> str:
    """What a consumer declares who withdraws, after the model form of the Code de la consommation (R221-1, annex)."""
    return words.say(
        lang,
        "withdrawal.statement",
        offer=offer.title.in_(lang),
        order=order.id,
        date=words.when(concluded(order), lang, zone, "full"),
        name=declared.get("name") or order.client_name or "",
        address=declared.get("address") or declared.get("email") or order.client_email or "",
    )


def paid_all_the_same(pay: int | None, currency: str, lang: str) -> str:
    """What a freelancer receives for cancelled work, as a sentence; empty where nothing was agreed."""
    if pay is None:
        return ""
    return words.say(lang, "cancelled.paid" if pay else "cancelled.unpaid", pay=words.money(pay, currency, lang))


def several_in_words(offer: Offer, gate: Gate | None, currency: str, lang: str, zone: str) -> str:
    """What a proposal of several milestones comes to: how many, what each pays, when each is due; empty for one."""
    due = [] if gate is None else [datetime.fromisoformat(at) for at in gate.shown.get("deadlines", [])]
    if not due:
        return ""
    pays = sorted(set(shares(gate.shown["pay"], offer.weights()[1]))) if gate is not None else []
    each = words.join([words.money(pay, currency, lang) for pay in pays], lang)
    dates = words.join([words.when(at, lang, zone, "short") for at in due], lang)
    return words.say(lang, "bind.several", count=len(due), pay=each, dates=dates)


def why_you(reasons: tuple[Reason, ...], skill: str, lang: str) -> str:
    """Why a freelancer is asked: the skill, what speaks for them as they know it, nothing that nobody observed."""
    seen = {reason.key: reason.value for reason in reasons}
    if not seen:
        return ""
    rated = seen.get("quality_count", 0)
    shown = {
        key: seen.get(f"{key}_seen", seen[key])
        for key in _BEST_FIRST
        if key in seen and (key == "free" or seen.get(f"{key}_count", rated))
    }
    return ", ".join(
        [skill, *(words.say(lang, f"reason.{key}", **_reason_facts(key, value, lang)) for key, value in shown.items())]
    )


def bears_in_words(bears: Bears, cause: RefundCause, pay: str | None, lang: str) -> str:
    """What a freelancer receives when the client is refunded for that cause."""
    kept = bears.on(cause)
    if kept is FreelancerPaid.FULL and pay is not None:
        return words.say(lang, "bears.full.amount", amount=pay)
    return words.say(lang, f"bears.{kept.name.lower()}")


@cache
def environment() -> Environment:
    """The template engine: everything escaped, a missing name is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def speech(frame: Frame) -> dict[str, Any]:
    """What every template may call: sentences, amounts, dates and sizes in the reader's language and zone."""
    lang = words.language(frame.lang)
    zone = frame.zone
    return {
        "frame": frame,
        "shop": frame.shop,
        "lang": lang,
        "t": partial(words.say, lang),
        "text": lambda text: words.typeset(text.in_(lang), lang),
        "together": lambda question: words.typeset(question, "fr"),
        "money": lambda amount, currency: words.money(amount, currency, lang),
        "when": lambda at, style="moment": words.when(at, lang, zone, style),
        "duration": lambda length: words.duration(length, lang),
        "size": lambda count: words.size(count, lang),
        "contract": lambda gate: words.contract(gate, lang, zone),
        "reminders": lambda gate: words.reminders(gate, lang, zone, frame.now),
        "opening_hours": words.opening_hours(frame.shop.hours, lang),
        "city": words.city(zone),
    }


def _reason_facts(key: str, value: int, lang: str) -> Mapping[str, object]:
    if key == "quality":
        return {"value": stars(value, lang)}
    return {"value": value, "count": value}


def stars(hundredths: int, lang: str) -> str:
    """A score of 0 to 500, as people read it: 4.7."""
    return f"{hundredths / 100:.1f}".replace(".", words.say(lang, "number.point"))


def dispute_reason(reason: object, lang: str) -> str:
    """Why the bank says it takes the payment back, in words (docs.stripe.com/disputes/categories)."""
    key = f"dispute.reason.{reason}"
    return words.say(lang, key if words.has(key) else "dispute.reason.general")
