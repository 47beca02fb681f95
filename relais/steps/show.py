"""What a GET shows. Reads only.

No decision, no write, no call to Stripe, however often a link is opened (promise 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from relais.checks import Found
from relais.gate import Choice, Gate, GateId, Kind, MalformedGateIdError, Role, Status, gate_from_row
from relais.offer import Disclosure, Offer, OfferStatus, RefundCause, Release
from relais.order import (
    ORDER_LEVEL,
    Debit,
    Milestone,
    MilestoneStage,
    Order,
    OrderNotFoundError,
    OrderStage,
    droppable,
    milestone_from_row,
    unstarted,
)
from relais.pages.frame import Frame
from relais.pages.views import (
    AnsweredView,
    Asking,
    Bearing,
    BriefView,
    FileView,
    FreelancerView,
    GateView,
    IndexView,
    LeavingView,
    NoticeView,
    OfferView,
    OpenProposal,
    OrderView,
    PartView,
    RecipientView,
    Said,
)
from relais.ports import Ports
from relais.problem import Problem, Typed
from relais.roster import Freelancer
from relais.rows import brief_key, deliverable_key, gate_key
from relais.schedule import schedule
from relais.shop import Shop
from relais.steps import shown
from relais.steps.asks import (
    MOST_MESSAGES,
    PASSED_ON,
    WRITES,
    counters_of,
    may_ask,
    messages_of,
    refused,
    spent,
    waiting_of,
)
from relais.steps.bearings import bearings, typed_part
from relais.steps.chosen import asked_before, ranking_of
from relais.steps.forms import file_name
from relais.steps.links import (
    SECOND,
    LinkRefusedError,
    OpenedGate,
    freelancer_link,
    freelancer_nonce,
    freelancer_path,
    gate_link,
    gate_nonce,
    gate_path,
    open_freelancer,
    open_gate_link,
    open_order,
    order_link,
    order_nonce,
    order_path,
    recipient_path,
    stand_in_nonce,
    stand_in_path,
)
from relais.steps.lists import with_lists
from relais.steps.picks import candidates, own
from relais.steps.situation import (
    BEFORE_THE_CLIENT,
    GateNotFoundError,
    OfferNotFoundError,
    Situation,
    bounced,
    brief_gate,
    current_offer,
    later_acceptance,
    moot,
    over,
    ratable,
    read_freelancer,
    read_gate,
    read_offer,
    read_order,
    read_shop,
    read_situation,
    reopenable,
    safe_from,
    sides_of,
    waiting_for_time,
)
from relais.steps.texts import saved_brief
from relais.steps.thread import fetched, files_asked, files_passed_back, passed_back, thread
from relais.web import Request, language
from relais.withdrawal import all_given_back, begun, on_its_way, right_until

View = IndexView | OfferView | OrderView | GateView | FreelancerView | RecipientView | AnsweredView | NoticeView
PREVIEWED = (".png", ".jpg", ".jpeg", ".gif", ".webp")
IMAGES = (*PREVIEWED, ".svg")
COMMON_DOMAINS = (
    "gmail.com",
    "orange.fr",
    "free.fr",
    "hotmail.fr",
    "hotmail.com",
    "outlook.fr",
    "outlook.com",
    "yahoo.fr",
    "laposte.net",
    "icloud.com",
)
SETTLED = frozenset({Kind.REFUND_REQUEST, Kind.SETTLEMENT})
"""Where client and seller read what the other wrote."""
LEAVING = ("withdraw", "cancel", "agree")
"""The client's own ways out, as their links name them."""
READING = ("GET", "HEAD")
MOST_SLIPS = 2
"""Of the finger, in the domain of an address."""


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """A page to be rendered, with its status."""

    view: View
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def frame(ports: Ports, shop: Shop, lang: str, path: str, *, switch: bool = False) -> Frame:
    """What surrounds a page; where the language is the visitor's to choose, the way to the other one."""
    other = "en" if lang == "fr" else "fr"
    return Frame(
        shop=shop,
        lang=lang,
        zone=shop.zone,
        home=ports.settings.public_url,
        path=path,
        now=ports.now(),
        other_lang=f"{path}?lang={other}" if switch else None,
    )


def notice(ports: Ports, lang: str, key: str, status: int, **facts: str | int) -> Shown:
    """A friendly page of its own."""
    shop, _ = read_shop(ports.store)
    return Shown(NoticeView(frame(ports, shop, lang, "/"), key, status, facts), status)


def show(ports: Ports, request: Request) -> Shown:
    """The page at a path; whatever else is asked of it is told what may be."""
    lang = language(request)
    if request.method not in READING:
        return _not_so(ports, lang, ", ".join(READING))
    try:
        match request.parts:
            case ():
                return index(ports, lang)
            case ("hooks", "stripe") | ("hooks", "stripe", "accounts") | ("g", _, _, _, "files") | ("o", _, _, "files"):
                return _not_so(ports, lang, "POST")
            case ("offer", slug):
                return offer_page(ports, slug, lang)
            case ("o", order, secret) | ("o", order, secret, "checkout"):
                return order_page(ports, open_order(ports, order, secret), request)
            case ("g", order, gate, secret):
                opened = open_gate_link(ports, order, gate, secret)
                return gate_page(ports, opened)
            case ("f", freelancer, secret):
                own_page = open_freelancer(ports, freelancer, secret)
                return freelancer_page(ports, own_page, saved="saved" in request.query)
            case ("f", freelancer, secret, "pay"):
                return recipient_page(ports, open_freelancer(ports, freelancer, secret), request)
            case _:
                return notice(ports, lang, "not_found", 404)
    except (LinkRefusedError, OrderNotFoundError, GateNotFoundError, MalformedGateIdError):
        return notice(ports, lang, "dead_link", 404)
    except OfferNotFoundError:
        return notice(ports, lang, "not_found", 404)


def _not_so(ports: Ports, lang: str, allowed: str) -> Shown:
    """A method that nothing answers here (RFC 9110, 15.5.6)."""
    return replace(notice(ports, lang, "method", 405), headers={"allow": allowed})


def index(ports: Ports, lang: str) -> Shown:
    """The shop's front page."""
    shop, window = read_shop(ports.store)
    offers = [read_offer(ports.store, one.slug, one.version) for one in window if one.status == OfferStatus.OPEN.value]
    return Shown(IndexView(frame(ports, shop, lang, "/", switch=True), tuple(offers)))


def offer_page(
    ports: Ports, slug: str, lang: str, problems: tuple[Problem, ...] = (), typed: Mapping[str, str] | None = None
) -> Shown:
    """Screen A."""
    offer = current_offer(ports, slug)
    shop, _ = read_shop(ports.store)
    path = f"/offer/{offer.slug}"
    dates = schedule(offer.plan, ports.now(), shop.calendar)
    view = OfferView(
        frame=frame(ports, shop, lang, path, switch=True),
        offer=offer,
        delivered_by=dates[0].promised,
        action=path,
        last_by=max(one.promised for one in dates) if offer.several else None,
        problems=problems,
        typed=typed or {},
    )
    return Shown(view, 422 if problems else 200)


def order_page(ports: Ports, order: Order, request: Request, typed: Typed | None = None) -> Shown:
    """Screen B: the order's own page, in whatever state it is."""
    shop, _ = read_shop(ports.store)
    offer = read_offer(ports.store, order.offer, order.offer_version)
    path = order_path(ports, order)
    draft = order.stage is OrderStage.DRAFT
    milestones = () if draft else _milestones(ports, order)
    brief = brief_gate(ports, order)
    shows_brief = brief is not None or order.settling
    waiting = None if draft or brief else client_gate(ports, order, milestones)
    released = [_handed_in(ports, order.id, one) for one in milestones if _is_released(one)]
    view = OrderView(
        frame=frame(ports, shop, order.lang, path),
        order=order,
        offer=offer,
        milestones=milestones,
        nonce=order_nonce(ports, order),
        confirming=order.stage is OrderStage.PAID
        or (draft and "paid" in request.query and not order.settling and order.debit is not Debit.FAILED)
        or (order.stage is OrderStage.BRIEF and brief is None),
        cancelled=draft and "cancelled" in request.query,
        checkout_action=f"{path}/checkout" if draft and not order.settling else None,
        brief=None if not shows_brief else _brief_view(ports, order, brief, shop=shop, offer=offer, typed=typed),
        waiting=None if waiting is None else gate_link(ports, order, waiting),
        waiting_kind=None if waiting is None else waiting.id.kind,
        address_action=path if order.is_open else None,
        address_hint=address_hint(order.client_email or ""),
        address_bounced=order.is_open and bounced(ports, order.client_email or ""),
        answers=() if draft or brief else _answers(ports, order),
        files=tuple(view for row in released for view in delivered(ports, row, released=True)),
        links=tuple(link for row in released for link in row.get("links", ())),
        refunded_at=_refunded_at(ports, order, milestones),
        ratable=tuple(one.number for one in milestones if ratable(one)),
        reopens=tuple(
            (one.number, gate.deadline) for one in milestones if (gate := reopenable(ports, one)) and gate.deadline
        ),
        parts=_parts(ports, order, milestones, path, request) if offer.several else (),
        thread=() if draft else _thread(ports, offer, order, milestones, (Role.CLIENT, Role.CLIENT.value)),
        messages=None if draft else f"{path}/files",
        messages_wait=_message_waits(ports, order, milestones),
        attached=tuple(_uploaded(ports, key) for key in typed.files) if typed and _of_message(typed) else (),
        leaving=leaving(ports, order, offer, milestones, _step(request, typed)),
        **_extras(ports, order, offer, milestones),
        problems=() if typed is None else typed.problems,
        typed={} if typed is None else typed.fields,
    )
    return Shown(view, 200 if typed is None else typed.status)


def _extras(ports: Ports, order: Order, offer: Offer, milestones: tuple[Milestone, ...]) -> dict[str, Any]:
    """What may be added to the work under way, and what waits for its payment."""
    under_way = [one for one in milestones if one.stage is MilestoneStage.WORK] if offer.extras else []
    if not under_way:
        return {}
    from relais.steps.extra_list import extras_asked, extras_offered  # only work under way shows them

    offered, waiting = [], []
    for one in under_way:
        situation = read_situation(ports, order.id, one.number)
        known = extras_asked(ports, situation)
        offered.append((one.number, extras_offered(situation, known)))
        open_now = [gate for gate in known if gate.status is Status.OPEN and not moot(situation, gate)]
        waiting += [(gate.shown["title"], gate_link(ports, order, gate)) for gate in open_now]
    return {"extras": tuple(one for one in offered if one[1]), "extras_asked": tuple(waiting)}


def _of_message(typed: Typed) -> bool:
    return typed.fields.get("action") == Kind.MESSAGE.value


def _message_waits(ports: Ports, order: Order, milestones: tuple[Milestone, ...]) -> datetime | None:
    """Until when the client's message that waits is answered; nothing where none does."""
    numbers = [one.number for one in milestones if one.sides] + ([ORDER_LEVEL] if order.sides else [])
    found = [gate for number in numbers for gate in messages_of(ports, read_situation(ports, order.id, number))]
    return min((gate.deadline for gate in found if gate.deadline is not None), default=None)


def leaving(
    ports: Ports, order: Order, offer: Offer, milestones: tuple[Milestone, ...], asked_for: tuple[str, str]
) -> LeavingView | None:
    """The client's own ways out of an order, with what each gives back; nothing where there is none.

    `asked_for` is the step that is to be shown, and of which milestone; one that is not there is not shown.
    """
    over = offer.policy.handed_over
    until = right_until(order, milestones, ports.now())
    back = all_given_back(order, milestones, over) if until else 0
    held = sum(one.held for one in milestones if begun(order) and not on_its_way(one) and not one.accepted)
    asked = _asked_to_end(ports, order, milestones)
    waiting = {number for number, _ in asked}
    asks = tuple(one.number for one in milestones if _ends_by_agreement(order, one) and one.number not in waiting)
    view = LeavingView(
        path=order_path(ports, order),
        until=until if back else None,
        back=back,
        kept=max(0, held - back),
        cancels=unstarted(order) and order.interrupt_seq <= order.handled,
        asks=asks,
        asked=asked,
    )
    step, number = asked_for
    offered = {"withdraw": view.until, "confirm": view.until, "cancel": view.cancels, "agree": number in asks}
    if offered.get(step):
        view = replace(view, step=step, number=number if step == "agree" else "")
    return view if view.until or view.cancels or asks or asked else None


def _step(request: Request, typed: Typed | None) -> tuple[str, str]:
    """Which step of which way out is shown: the one that its link names, also where its form comes back."""
    named = next((one for one in LEAVING if one in request.query), "")
    return (typed.step if typed is not None and typed.step else named), request.query.get("agree", "")


def _ends_by_agreement(order: Order, milestone: Milestone) -> bool:
    """Whether its client may ask to end what has begun and is not before them yet."""
    calm = milestone.interrupt is None and order.interrupt_seq <= milestone.handled
    return begun(order) and calm and milestone.stage in BEFORE_THE_CLIENT


def _asked_to_end(ports: Ports, order: Order, milestones: tuple[Milestone, ...]) -> tuple[tuple[str, datetime], ...]:
    """The milestones whose end was asked for and not answered yet, with until when it is."""
    found = []
    for one in milestones if begun(order) else ():
        if not one.sides:
            continue
        situation = read_situation(ports, order.id, one.number)
        for gate in sides_of(ports, situation):
            waits = gate.id.kind is Kind.AGREEMENT and gate.status is Status.OPEN and not moot(situation, gate)
            if waits and gate.deadline is not None:
                found.append((one.number, gate.deadline))
    return tuple(found)


def _milestones(ports: Ports, order: Order) -> tuple[Milestone, ...]:
    return tuple(milestone_from_row(row) for row in ports.store.query(f"O#{order.id}", "M#"))


def _brief_view(
    ports: Ports, order: Order, gate: Gate | None, *, shop: Shop, offer: Offer, typed: Typed | None
) -> BriefView:
    dates = schedule(offer.plan, ports.now(), shop.calendar)
    saved = saved_brief(ports, order.id)
    typed = typed if typed is not None and typed.of_brief else None
    files = saved.files if typed is None else typed.files
    return BriefView(
        gate=gate,
        action=order_path(ports, order),
        nonce=order_nonce(ports, order),
        files_action="" if gate is None else f"{gate_path(ports, order, gate)}/files",
        typed=saved.answers if typed is None else typed.fields,
        files=tuple(_uploaded(ports, key) for key in files),
        saved_at=None if saved.saved_at is None else datetime.fromisoformat(saved.saved_at),
        promised_if_today=dates[0].promised,
        last_if_today=max(one.promised for one in dates) if offer.several else None,
        problems=() if typed is None else typed.problems,
    )


def _uploaded(ports: Ports, key: str) -> FileView:
    size, _ = ports.files.measure(key) or (0, "")
    return FileView(name=file_name(key), size=size, key=key)


def _answers(ports: Ports, order: Order) -> tuple[tuple[str, str], ...]:
    if order.handed_in is None:
        return ()
    return shown.read_brief(ports, read_situation(ports, order.id, "00"), order.lang)


def client_gate(ports: Ports, order: Order, milestones: tuple[Milestone, ...]) -> Gate | None:
    """The open gate that waits for the client, first milestone first."""
    gates = (_asked_gate(ports, order, milestone) for milestone in milestones)
    found = next((gate for gate in gates if gate is not None), None)
    return found or _side_gate(ports, order, milestones)


def _side_gate(ports: Ports, order: Order, milestones: tuple[Milestone, ...]) -> Gate | None:
    """What is asked of the client beside the way: a question before the choice about a date that was missed."""
    numbers = [one.number for one in milestones if one.sides] + ([ORDER_LEVEL] if order.sides else [])
    situations = [read_situation(ports, order.id, number) for number in numbers]
    waiting = [
        gate
        for situation in situations
        for gate in sides_of(ports, situation)
        if gate.role is Role.CLIENT and gate.status is Status.OPEN and not moot(situation, gate)
    ]
    return min(waiting, key=lambda gate: (gate.id.kind is not Kind.QUESTION, gate.opened), default=None)


def _asked_gate(ports: Ports, order: Order, milestone: Milestone) -> Gate | None:
    if milestone.stage not in {MilestoneStage.ACCEPTANCE, MilestoneStage.SETTLEMENT}:
        return None
    kind = Kind(milestone.stage.value)
    row = ports.store.get(gate_key(order.id, str(GateId(milestone.number, kind, milestone.ordinal))))
    return None if row is None else gate_from_row(row)


def _parts(
    ports: Ports, order: Order, milestones: tuple[Milestone, ...], path: str, request: Request
) -> tuple[PartView, ...]:
    """The milestones of an order that has several, each with its own dates and with what the client may do there."""
    asked = request.query.get("drop")
    parts = []
    for one in milestones:
        gate = _asked_gate(ports, order, one)
        part = PartView(
            number=one.number,
            stage=one.stage,
            starts=one.starts,
            promised=one.promised,
            refund=one.price,
            refunded=one.undone,
            leaving=one.interrupt is not None,
            waiting=None if gate is None else gate_link(ports, order, gate),
            drop=f"{path}?drop={one.number}#part-{one.number}" if droppable(order, one) else None,
            dropping=droppable(order, one) and asked == one.number,
        )
        parts.append(part)
    return tuple(parts)


def _is_released(milestone: Milestone) -> bool:
    accepted = {MilestoneStage.HOLD, MilestoneStage.PAYOUT, MilestoneStage.CLOSED}
    held = milestone.stage in accepted or milestone.parked_from in {"hold", "payout"}
    return not milestone.undone and (held or milestone.had)


def _refunded_at(ports: Ports, order: Order, milestones: tuple[Milestone, ...]) -> datetime | None:
    """When Stripe took the last of what was given back: its act and the gate's answer are one transaction."""
    numbers = [one.number for one in milestones if one.refunded] + ([ORDER_LEVEL] if order.refunded else [])
    given = {Choice.REFUNDED, Choice.REFUNDED_AND_PAY}
    rows = [row for number in numbers for row in ports.store.query(f"O#{order.id}", f"G#{number}#{Kind.REFUND.value}#")]
    decisions = [gate.decision for gate in map(gate_from_row, rows) if gate.decision is not None]
    return max((one.at for one in decisions if one.choice in given), default=None)


def address_hint(address: str) -> str | None:
    """The domain that was probably meant, where the one typed is a letter or two away from a common one."""
    domain = address.rpartition("@")[2].lower()
    if "@" not in address or domain in COMMON_DOMAINS:
        return None
    slips, nearest = min((_distance(domain, one), one) for one in COMMON_DOMAINS)
    return nearest if slips <= MOST_SLIPS else None


def _distance(one: str, other: str) -> int:
    """Edit distance (insert, drop, replace, swap neighbours)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, last, row = row, before, [i, *([0] * len(other))]
        for j, b in enumerate(other, start=1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]


def delivered(ports: Ports, handed: Mapping[str, Any], *, released: bool) -> tuple[FileView, ...]:
    """The files of a version; images can be previewed, the rest is fetched only where it is released."""
    return tuple(_file_view(ports, one, released=released) for one in handed.get("files", ()))


def _handed_in(ports: Ports, order: str, milestone: Milestone | None) -> Mapping[str, Any]:
    """The last version, or nothing."""
    if milestone is None or not milestone.version:
        return {}
    row = ports.store.get(deliverable_key(order, milestone.number, milestone.version))
    return {} if row is None else with_lists(ports, row)


def _file_view(ports: Ports, file: Mapping[str, Any], *, released: bool) -> FileView:
    # A drawing is its own original: shown in full it would be given away before the yes.
    image = file["name"].lower().endswith(IMAGES if released else PREVIEWED)
    place = (file["key"], file["name"], file.get("upload", ""))
    return FileView(
        name=file["name"],
        size=file["size"],
        key=file["key"],
        url=ports.files.link(*place) if released else None,
        preview=ports.files.link(*place, inline=True) if image else None,
    )


def gate_page(
    ports: Ports,
    opened: OpenedGate,
    *,
    typed: Typed | None = None,
    just_now: bool = False,
) -> Shown:
    """One gate's page: the question while it is open, what was decided afterwards."""
    gate = opened.gate
    situation = read_situation(ports, gate.order, gate.id.milestone)
    if gate.status is not Status.OPEN or (gate.id.kind.side and over(ports, situation, gate)):
        return _answered(ports, situation, gate, just_now=just_now, stands_in=opened.stands_in)
    if opened.stands_in:
        return (_second_page if gate.id.kind is Kind.REVIEW else _stand_in_page)(ports, situation, gate, typed)
    if gate.id.kind is Kind.BRIEF:
        request = Request("GET", order_path(ports, situation.order))
        return order_page(ports, situation.order, request)
    if gate.id.kind is Kind.ONBOARDING:
        maker = read_freelancer(ports.store, gate.owner)
        return recipient_page(ports, maker, Request("GET", recipient_path(ports, maker)))
    view = _gate_view(ports, situation, gate, typed or Typed(status=200))
    return Shown(view, 200 if typed is None else typed.status)


def _stand_in_page(ports: Ports, situation: Situation, gate: Gate, typed: Typed | None) -> Shown:
    """The brief for the seller, who fills it in for the client: the form alone, in the seller's language.

    Nothing on it is the client's to press: neither their address, nor their ways out.
    """
    path = stand_in_path(ports, gate)
    brief = _brief_view(ports, situation.order, gate, shop=situation.shop, offer=situation.offer, typed=typed)
    nonce = stand_in_nonce(ports, gate)
    view = OrderView(
        frame=frame(ports, situation.shop, situation.shop.lang, path),
        order=situation.order,
        offer=situation.offer,
        milestones=(),
        nonce=nonce,
        brief=replace(brief, action=path, nonce=nonce, files_action=f"{path}/files"),
        stands_in=True,
        problems=() if typed is None else typed.problems,
    )
    return Shown(view, 200 if typed is None else typed.status)


def _second_page(ports: Ports, situation: Situation, gate: Gate, typed: Typed | None) -> Shown:
    """A review for the second reviewer, in their language: what the order earns and whom to ask are the seller's."""
    path, lang = stand_in_path(ports, gate), gate.shown["second_lang"]
    view = replace(
        _gate_view(ports, situation, replace(gate, lang=lang), typed or Typed(status=200)),
        frame=frame(ports, situation.shop, lang, path),
        action=path,
        nonce=stand_in_nonce(ports, gate),
        asking=(),
        margin=None,
        chosen=(),
        thread=(),
    )
    return Shown(view, 200 if typed is None else typed.status)


def _gate_view(ports: Ports, situation: Situation, gate: Gate, typed: Typed) -> GateView:
    order, milestone = situation.order, situation.milestone
    path = gate_path(ports, order, gate)
    reads_brief = gate.id.kind in {Kind.PROPOSAL, Kind.WORK, Kind.REVIEW, Kind.REFUND_REQUEST}
    asked_back = gate.id.kind is Kind.REFUND_REQUEST
    seller, maker = gate.role is Role.SELLER, gate.role is Role.FREELANCER
    maker_row = read_freelancer(ports.store, gate.owner) if maker else None
    released = seller or situation.offer.policy.release is Release.FILES or (milestone is not None and milestone.had)
    looks = gate.id.kind in {Kind.REVIEW, Kind.ACCEPTANCE, Kind.REFUND_REQUEST, Kind.SETTLEMENT}
    before = gate.id.kind is Kind.WORK and milestone is not None and milestone.version > 0
    files = _handed_in(ports, order.id, milestone) if looks or before else {}
    handed = files if looks else {}
    links = tuple(handed.get("links", ()))
    return GateView(
        frame=frame(ports, situation.shop, gate.lang, path),
        gate=gate,
        order=order,
        offer=situation.offer,
        action=path,
        nonce=gate_nonce(ports, order, gate),
        files_action=f"{path}/files" if gate.id.kind is Kind.WORK or gate.id.kind in PASSED_ON else None,
        milestone=milestone,
        freelancer=maker_row or shown.maker(ports, situation, gate),
        pay=gate.shown.get("pay") if maker else None,
        pay_by=shown.pay_by(situation) if maker else None,
        pay_from=safe_from(situation) if maker else None,
        deadline=shown.work_deadline(gate) if maker or gate.id.kind is Kind.WORK else situation.promised,
        brief=shown.read_brief(ports, situation, gate.lang) if reads_brief else (),
        brief_files=_brief_files(ports, order) if reads_brief else (),
        files=delivered(ports, files, released=released or before),
        uploaded=_attached(ports, gate, typed),
        passed=_passed(ports, gate, typed),
        delivery_note=ports.files.get_text(handed["note"]) if seller and "note" in handed else None,
        links=links if released else (),
        withheld=0 if released else len(links),
        ticked=tuple(handed.get("ticked", ())),
        found=tuple(Found.from_row(one) for one in handed.get("checks", ())) if seller else (),
        note=shown.last_note(ports, situation)
        if gate.id.kind in {Kind.WORK, *SETTLED}
        else _words(ports, gate, "text"),
        thread=_thread(
            ports, situation.offer, order, () if milestone is None else (milestone,), (gate.role, gate.owner)
        ),
        asking=asking_of(ports, situation, gate),
        rating=_words(ports, gate, "rating_text"),
        reasons=shown.reasons(gate),
        margin=gate.shown.get("margin", _margin(situation)) if seller else None,
        candidates=candidates(ports, situation.offer) if gate.id.kind is Kind.PICK else (),
        chosen=ranking_of(ports, situation) if gate.id.kind is Kind.REVIEW else (),
        own=own(ports) if gate.id.kind in {Kind.PICK, Kind.LATE} else None,
        asked=asked_before(ports, situation) if gate.id.kind is Kind.PICK else (),
        others=shown.other_proposals(maker_row, gate) if maker_row else 0,
        room=max(0, maker_row.capacity - maker_row.in_hand) if maker_row else 0,
        own_page=freelancer_link(ports, maker_row) if maker_row else None,
        refund=_refund_shown(situation, gate),
        bearings=bearings(situation, _held(situation)) if asked_back else (),
        part=_part_shown(situation, gate, typed),
        typed=typed.fields or _to_pass_on(ports, gate),
        problems=typed.problems,
        order_link=order_link(ports, order) if gate.role is Role.CLIENT else None,
        order_nonce=order_nonce(ports, order) if gate.id.kind is Kind.EXTRA else "",
    )


def _part_shown(situation: Situation, gate: Gate, typed: Typed) -> tuple[int, Bearing] | None:
    """What giving back comes to: of the part that was typed, or of all that is held where its end is asked for."""
    if gate.id.kind is Kind.AGREEMENT:
        held = _held(situation)
        return held, next(one for one in bearings(situation, held) if one.cause is RefundCause.CHANGE_OF_MIND)
    asked_back = gate.id.kind is Kind.REFUND_REQUEST
    return typed_part(situation, typed.fields) if asked_back and typed.problems else None


def _to_pass_on(ports: Ports, gate: Gate) -> Mapping[str, str]:
    """The client's answer to a question that was passed on, for the seller to send on in one press."""
    text = passed_back(ports, gate) if gate.id.kind in PASSED_ON else None
    return {} if text is None else {"note": text}


def _attached(ports: Ports, gate: Gate, typed: Typed) -> tuple[FileView, ...]:
    """The files of a gate's own form: those that were sent with it, else those that the seller may pass back."""
    if typed.fields and not typed.fields.get("ask"):
        return tuple(_uploaded(ports, key) for key in typed.files)
    passes = gate.id.kind in PASSED_ON and gate.role is Role.SELLER
    return tuple(fetched(ports, one) for one in files_passed_back(ports, gate)) if passes else ()


def _passed(ports: Ports, gate: Gate, typed: Typed) -> tuple[FileView, ...]:
    """The files of a form beside a gate's own: those that were sent with it, else those that came with a message."""
    if typed.fields.get("ask"):
        return tuple(_uploaded(ports, key) for key in typed.files)
    passes = gate.id.kind in PASSED_ON and gate.role is Role.SELLER
    return tuple(fetched(ports, one) for one in files_asked(ports, gate)) if passes else ()


def asking_of(ports: Ports, situation: Situation, gate: Gate) -> tuple[Asking, ...]:
    """The forms beside a gate's own: whom its owner may ask, and the maker's wish for another date."""
    to = may_ask(situation, gate)
    forms = [_counter_form(ports, situation, gate)] if gate.id.kind is Kind.PROPOSAL and to is not None else []
    if to is not None:
        waits = next(iter(waiting_of(ports, situation, gate)), None)
        until = None if waits is None else waits.deadline
        forms.append(Asking(Kind.QUESTION, to, stops=gate.id.kind is Kind.WORK, waiting=until))
    if gate.id.kind is Kind.WORK and gate.role is Role.FREELANCER and gate.status is Status.OPEN:
        wished = next(iter(waiting_for_time(ports, situation)), None)
        forms.append(Asking(Kind.MORE_TIME, Role.SELLER, waiting=None if wished is None else wished.deadline))
    if gate.id.kind is Kind.ACCEPTANCE and gate.status is Status.OPEN:
        later, had = later_acceptance(situation, gate), gate.shown.get("more_time")
        form = Asking(Kind.MORE_TIME, Role.ENGINE, waiting=gate.deadline if had else None, until=later)
        forms += [form] if had or later else []
    if gate.id.kind in WRITES and gate.role is Role.CLIENT and gate.status is Status.OPEN:
        waiting = messages_of(ports, situation)
        full = waiting[0].deadline if len(waiting) >= MOST_MESSAGES else None
        forms.append(Asking(Kind.MESSAGE, Role.SELLER, waiting=full))
    return tuple(forms)


def _counter_form(ports: Ports, situation: Situation, gate: Gate) -> Asking:
    """Where a freelancer says "yes, but": the form, what waits for the seller, or that they have answered."""
    known, policy = counters_of(ports, situation, gate), situation.offer.policy
    waits = next((one for one in known if one.status is Status.OPEN), None)
    if waits is not None:
        wished = datetime.fromisoformat(waits.shown["deadline"])
        return Asking(Kind.COUNTER, Role.SELLER, waiting=waits.deadline, until=wished, pay=waits.shown["pay"])
    band = bool(policy.counter_pay or policy.counter_later)
    return Asking(Kind.COUNTER, Role.SELLER, refused=refused(known), over=spent(known) and not band)


def _words(ports: Ports, gate: Gate, name: str) -> str | None:
    """The words that a gate came with: those of who asks (`text`), or of the client who rated (`rating_text`)."""
    text = gate.shown.get(name)
    return None if text is None else ports.files.get_text(text)


def _thread(
    ports: Ports, offer: Offer, order: Order, milestones: tuple[Milestone, ...], reader: tuple[Role, str]
) -> tuple[Said, ...]:
    """What was asked and answered on the reader's side; of both sides, where the offer tells them of each other."""
    if not (order.sides or any(one.sides for one in milestones)):
        return ()
    named = offer.policy.disclosure is Disclosure.BY_NAME
    makers = {one.number: one.engagement.freelancer for one in milestones if named and one.engagement is not None}
    return thread(ports, order, *reader, makers)


def freelancer_page(
    ports: Ports,
    freelancer: Freelancer,
    problems: tuple[Problem, ...] = (),
    typed: Mapping[str, str] | None = None,
    *,
    saved: bool = False,
) -> Shown:
    """What is open to a freelancer, first to be answered first, and the form that says until when they are away."""
    shop, _ = read_shop(ports.store)
    path = freelancer_path(ports, freelancer)
    today = ports.now().astimezone(ZoneInfo(freelancer.hours.zone)).date()
    view = FreelancerView(
        frame=frame(ports, shop, freelancer.lang, path),
        freelancer=freelancer,
        action=path,
        nonce=freelancer_nonce(ports, freelancer),
        proposals=_open_proposals(ports, freelancer),
        room=max(0, freelancer.capacity - freelancer.in_hand),
        away=any(away.covers(today) for away in freelancer.away),
        saved=saved,
        problems=problems,
        typed=typed or {},
    )
    return Shown(view, 422 if problems else 200)


def recipient_page(ports: Ports, freelancer: Freelancer, request: Request, problems: tuple[Problem, ...] = ()) -> Shown:
    """The account that a freelancer is paid to, as Stripe last told of it: a look at a page asks nobody (promise 4)."""
    from relais.steps.readiness import read_recipient  # no other page needs it

    shop, _ = read_shop(ports.store)
    path, asked = recipient_path(ports, freelancer), request.query.get("lang")
    view = RecipientView(
        frame=frame(ports, shop, asked if asked in {"fr", "en"} else freelancer.lang, path, switch=True),
        freelancer=freelancer,
        recipient=read_recipient(ports.store, freelancer),
        action=path,
        nonce=freelancer_nonce(ports, freelancer),
        came="back" in request.query,
        expired="again" in request.query,
        problems=problems,
    )
    return Shown(view, 422 if problems else 200)


def _open_proposals(ports: Ports, freelancer: Freelancer) -> tuple[OpenProposal, ...]:
    found = [gate for asked in freelancer.asked if (gate := _open_gate(ports, *asked)) is not None]
    return tuple(_proposal(ports, gate) for gate in sorted(found, key=lambda gate: gate.deadline or gate.opened))


def _open_gate(ports: Ports, order: str, gate: str) -> Gate | None:
    """The row of the roster says what was asked; the gate says whether it still is, and whether its mail has left."""
    try:
        found = read_gate(ports, order, gate)
    except GateNotFoundError:
        return None
    return found if found.status is Status.OPEN and found.mailed else None


def _proposal(ports: Ports, gate: Gate) -> OpenProposal:
    order = read_order(ports.store, gate.order)
    return OpenProposal(
        gate=gate,
        order=order,
        offer=read_offer(ports.store, order.offer, order.offer_version),
        link=gate_link(ports, order, gate),
        action=gate_path(ports, order, gate),
        nonce=gate_nonce(ports, order, gate),
        pay=int(gate.shown["pay"]),
        due=shown.work_deadline(gate),
    )


def _brief_files(ports: Ports, order: Order) -> tuple[FileView, ...]:
    row = ports.store.get(brief_key(order.id))
    return () if row is None else delivered(ports, with_lists(ports, row), released=True)


def _margin(situation: Situation) -> int | None:
    """Paid, less the card fee where it is known, less what was agreed; in minor units. For the seller only."""
    milestone = situation.milestone
    if milestone is None or milestone.engagement is None:
        return None
    order, fee = situation.order, situation.order.fee or 0
    cost = milestone.due + milestone.engagement.spent
    if not situation.milestones:
        return order.paid - fee - cost
    return milestone.price - fee * milestone.price // order.price - cost


def _refund_shown(situation: Situation, gate: Gate) -> int | None:
    """What a choice `refund` would give back, in minor units."""
    match gate.id.kind:
        case Kind.SETTLEMENT:
            return int(gate.shown["amount"])
        case Kind.REFUND_REQUEST | Kind.AGREEMENT:
            return _held(situation)
        case _ if {Choice.REFUND, Choice.CANCEL}.intersection(gate.choices):
            return _held(situation)
        case _:
            return None


def _held(situation: Situation) -> int:
    return situation.order.left if situation.milestone is None else situation.milestone.held


def _answered(ports: Ports, situation: Situation, gate: Gate, *, just_now: bool, stands_in: bool = False) -> Shown:
    """What was decided; a seller who opened the link of their own learns nobody else's."""
    decision = gate.decision
    owner = gate.owner if gate.role is Role.FREELANCER else gate.role.value
    second = stands_in and gate.id.kind is Kind.REVIEW
    lang = gate.shown["second_lang"] if second else situation.shop.lang if stands_in else gate.lang
    yours = decision is not None and decision.by == (SECOND if second else Role.SELLER.value if stands_in else owner)
    here = stand_in_path(ports, gate) if stands_in else gate_path(ports, situation.order, gate)
    onward = None if stands_in else _next_link(ports, situation, gate)
    coming = onward is None and yours and _begun(ports, situation, gate) is not None
    view = AnsweredView(
        frame=frame(ports, situation.shop, lang, here),
        gate=gate,
        offer=situation.offer,
        decision=decision,
        yours=yours,
        just_now=just_now,
        next_link=here if coming else onward,
        pay=_paid_all_the_same(situation, gate),
        coming=coming,
        stands_in=stands_in,
    )
    return Shown(view)


def _paid_all_the_same(situation: Situation, gate: Gate) -> int | None:
    """What the freelancer of cancelled work is paid, in minor units, once its refund is planned."""
    milestone, decision = situation.milestone, gate.decision
    if milestone is None or milestone.engagement is None or milestone.engagement.freelancer != gate.owner:
        return None
    planned = milestone.refunded or milestone.refund_in_transit
    cancelled = decision is not None and decision.choice is Choice.CANCELLED
    return shown.kept(milestone) if planned and cancelled else None


def _next_link(ports: Ports, situation: Situation, gate: Gate) -> str | None:
    """Where this reader goes on: a client on the order's page, the freelancer who accepted on the page of the work."""
    if gate.role is Role.CLIENT:
        return order_link(ports, situation.order)
    if gate.role is not Role.FREELANCER:
        return None
    begun = _begun(ports, situation, gate)
    if begun is None:
        return None
    row = ports.store.get(gate_key(gate.order, str(GateId(begun.number, Kind.WORK, begun.ordinal))))
    return None if row is None else gate_link(ports, situation.order, gate_from_row(row))


def _begun(ports: Ports, situation: Situation, gate: Gate) -> Milestone | None:
    """The milestone that a freelancer has to work on after an accepted proposal, whether its page is open or not."""
    if gate.role is not Role.FREELANCER:
        return None
    for milestone in _milestones(ports, situation.order):
        mine = milestone.engagement is not None and milestone.engagement.freelancer == gate.owner
        if mine and milestone.stage is MilestoneStage.WORK:
            return milestone
    return None
