"""Which mails a gate sends, to whom, with what in them. What a reader may not know never enters their letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from relais.announcement import Announcement, Topic
from relais.errors import RelaisError
from relais.gate import Choice, Gate, GateId, Kind, Role, Status, Via, gate_from_row
from relais.offer import RefundCause
from relais.order import Lost, Milestone, stamp
from relais.pages.frame import Frame
from relais.pages.letter_views import AnnouncementView, LetterView
from relais.ports import Ports
from relais.roster import Freelancer
from relais.rows import gate_key
from relais.shop import Shop
from relais.steps import shown
from relais.steps.links import freelancer_link, gate_link, order_link, recipient_link, stand_in_link
from relais.steps.situation import Situation, client_reopens, read_freelancer, read_shop, safe_from

if TYPE_CHECKING:
    from relais.dispute import Dispute

OF_ACCOUNT = frozenset(
    {Topic.ONBOARD, Topic.ACCOUNT_READY, Topic.ACCOUNT_DUE, Topic.PAYOUTS_STOPPED, Topic.ACCOUNT_CLOSED}
)
"""The announcements whose button leads to the page of the account."""


def expected(gate: Gate) -> bool:
    """Whether the opening of this gate sends mails."""
    waits = gate.id.kind is Kind.PROPOSAL and gate.role is Role.CLOCK
    return gate.role is not Role.ENGINE and gate.id.kind is not Kind.START and not waits


def opening(ports: Ports, situation: Situation, gate: Gate) -> tuple[LetterView, ...]:
    """The mails that announce a gate."""
    match gate.id.kind:
        case Kind.HOLD:
            return _accepted(ports, situation, gate)
        case Kind.PAYOUT | Kind.START:
            return ()
        case Kind.ONBOARDING:
            return (to_owner(ports, situation, gate, gate.id.kind.value), late(ports, situation, gate))
        case Kind.ACCEPTANCE if _reopened(situation):
            return (
                to_owner(ports, situation, gate, _opening_key(ports, situation, gate)),
                *_pay_waits(ports, situation, gate),
            )
        case _:
            letter = to_owner(ports, situation, gate, _opening_key(ports, situation, gate))
            return (_with_words(ports, letter, gate),)


def _with_words(ports: Ports, letter: LetterView, gate: Gate) -> LetterView:
    """What a gate asks is read in its mail: a question, the reason of a wish for another date, a sum."""
    if gate.id.kind is Kind.SETTLEMENT:
        return replace(letter, facts=_proposed(gate))
    if gate.id.kind is Kind.RATING:
        letter = replace(letter, facts=said(gate))
    text = gate.shown.get("text")
    return letter if text is None else replace(letter, note=ports.files.get_text(text))


def told(ports: Ports, situation: Situation, gate: Gate) -> tuple[LetterView, ...]:
    """The mails about the answer to a side gate, to those whom it concerns besides who gave it."""
    match gate.id.kind:
        case Kind.CANCEL_LATE:
            return (_to_seller(ports, situation, "cancelled_late", gate),)
        case Kind.MORE_TIME if gate.role is Role.ENGINE:
            page = read_one(ports, gate.order, gate.beside or "")
            return (to_client(ports, situation, "more_time_given", page),)
        case Kind.MORE_TIME:
            key = "more_time_granted" if _granted(gate) else "more_time_refused"
            return (_to_maker(ports, situation, gate, key),)
        case Kind.APPEAL:
            kept = gate.decision is not None and gate.decision.choice is Choice.KEEP
            maker = read_freelancer(ports.store, gate.shown["maker"])
            letter = to_freelancer(ports, situation, maker, "rating_kept" if kept else "rating_struck", None)
            return (replace(letter, facts=said(gate)),)
        case Kind.QUESTION:
            return _answer_told(ports, situation, gate)
        case Kind.MESSAGE:
            return (_message_told(ports, situation, gate),)
        case Kind.COUNTER:
            return (_counter_told(ports, situation, gate),)
        case Kind.AGREEMENT:
            return (_agreement_told(ports, situation, gate),)
        case Kind.EXTRA:
            return (replace(to_client(ports, situation, "extra_paid", None), facts=said(gate)),)
        case _:
            return ()


def _agreement_told(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """To the client who asked to cancel; a silence is told as one."""
    decision = gate.decision
    silent = decision is None or decision.via is Via.CLOCK
    key = "agreement_unanswered" if silent else f"agreement_{Choice.GRANT if _granted(gate) else Choice.REFUSE}"
    words = None if decision is None or decision.note is None else ports.files.get_text(decision.note)
    held = 0 if situation.milestone is None else situation.milestone.held
    return replace(to_client(ports, situation, key, None), note=words, facts={"amount": held})


def _counter_told(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """To the freelancer who said "yes, but": the terms that are agreed, or what stands still, and until when."""
    decision = gate.decision
    if decision is not None and decision.choice is Choice.ACCEPT:
        taken = _to_maker(ports, situation, gate, "counter_taken")
        return replace(taken, pay=gate.shown["pay"], deadline=datetime.fromisoformat(gate.shown["deadline"]))
    words = None if decision is None or decision.note is None else ports.files.get_text(decision.note)
    return replace(_to_maker(ports, situation, gate, "counter_refused"), note=words)


def _granted(gate: Gate) -> bool:
    return gate.decision is not None and gate.decision.choice is Choice.GRANT


def left(ports: Ports, situation: Situation, declared: Mapping[str, str | int]) -> tuple[LetterView, ...]:
    """The dated receipt of a client's own way out, to the address that was declared; and the seller's mail of it."""
    key = "withdrawn" if declared["what"] == "withdrawal" else "left"
    facts = {**declared, "amount": declared["back"]}
    receipt = to_client(ports, situation, key, None)
    seller = _to_seller_of(ports, situation, key)
    to = str(declared.get("email") or receipt.to)
    return (replace(receipt, to=to, facts=facts), replace(seller, facts=facts, pay=int(declared["pay"])))


def _answer_told(ports: Ports, situation: Situation, gate: Gate) -> tuple[LetterView, ...]:
    """To whoever asked, with the words; to the client too, where a question of others moved their date."""
    decision = gate.decision
    words = None if decision is None or decision.note is None else ports.files.get_text(decision.note)
    key = "unanswered" if words is None else "answer"
    if gate.shown["by"] == Role.FREELANCER.value:
        told = _to_maker(ports, situation, gate, key)
        moved = "promised" in gate.shown
        date = (to_client(ports, situation, "date_moved", None),) if moved else ()
        return (replace(told, note=words), *date)
    source = read_one(ports, gate.order, gate.shown["from"])
    asked = source if source is not None and source.status is Status.OPEN else gate
    by_maker = gate.role is Role.FREELANCER
    letter = _to_seller(ports, situation, f"{key}_of_maker" if by_maker else key, asked)
    return (replace(letter, note=words, link=letter.link if asked.role is Role.SELLER else None),)


def _message_told(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """To the client who wrote: the answer, or that it is late and how else we are reached."""
    words = _note_of(ports, gate)
    return replace(to_client(ports, situation, "unanswered_message" if words is None else "answer", None), note=words)


def _note_of(ports: Ports, gate: Gate) -> str | None:
    """The words that came with the answer to a gate."""
    decision = gate.decision
    return None if decision is None or decision.note is None else ports.files.get_text(decision.note)


def _to_maker(ports: Ports, situation: Situation, gate: Gate, key: str) -> LetterView:
    """To the freelancer from whose page a side gate was opened, with the way back to it."""
    page = read_one(ports, gate.order, gate.beside or "")
    if page is None:
        raise PageGoneError(gate.order, str(gate.id))
    letter = to_freelancer(ports, situation, read_freelancer(ports.store, page.owner), key, page)
    return replace(letter, brief=(), note=None)


class PageGoneError(RelaisError):
    """A side gate names a page that does not exist: a mistake in the table."""

    def __init__(self, order: str, gate: str) -> None:
        """Keep which."""
        super().__init__(f"order {order}: gate {gate} names a page that is not there: see `relais order show {order}`")


def read_one(ports: Ports, order: str, gate: str) -> Gate | None:
    """A gate by its id, if there is one."""
    row = ports.store.get(gate_key(order, gate))
    return None if row is None else gate_from_row(row)


def reminder(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """The mail that reminds a gate's owner."""
    return _with_words(
        ports, to_owner(ports, situation, gate, f"{_opening_key(ports, situation, gate)}.reminder"), gate
    )


def _proposed(gate: Gate) -> dict[str, str | int]:
    """What the seller proposes to give back, in minor units."""
    return {"amount": int(gate.shown["amount"])}


def late(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """The mail that tells the seller of a gate whose deadline passed and decided nothing; of waiting pay, at once."""
    if gate.id.kind is Kind.ONBOARDING:
        return replace(_to_seller(ports, situation, "unpaid", gate), pay=int(gate.shown["pay"]), gate=None)
    letter = _to_seller(ports, situation, "late", gate)
    return replace(letter, facts={"kind": gate.id.kind.value, "role": gate.role.value, "gate": str(gate.id)})


def fill_in(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """The mail that tells the seller of a brief that nobody fills in, with a link of their own to do it by phone."""
    letter = _to_seller(ports, situation, "fill_in", gate)
    return replace(letter, link=stand_in_link(ports, gate), deadline=None)


def second_review(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """The mail that asks the second reviewer, with a link of their own; what the order earns is the seller's alone."""
    second = situation.shop.second_reviewer or {}
    letter = _to_seller(ports, situation, "second_review", gate)
    frame_ = frame(ports, situation, second.get("lang", situation.shop.lang))
    facts = {**letter.facts, "second": second.get("name", "")}
    return replace(letter, frame=frame_, to=second.get("email", ""), link=stand_in_link(ports, gate), facts=facts)


def unreached(ports: Ports, situation: Situation, gate: Gate, address: str) -> LetterView:
    """The mail that tells the seller of a question whose mail reaches nobody, and how its address is corrected."""
    letter = _to_seller(ports, situation, "unreached", gate)
    facts = {"kind": gate.id.kind.value, "role": gate.role.value, "address": address}
    return replace(letter, link=None, facts=facts)


def withdrawn(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """The mail to a freelancer whose proposal or work was called back.

    No effect on the score, what is paid all the same.
    """
    freelancer = read_freelancer(ports.store, gate.owner)
    return replace(to_freelancer(ports, situation, freelancer, "cancelled", None), pay=None)


def taken(ports: Ports, situation: Situation, gate: Gate) -> LetterView:
    """The mail to a freelancer who was asked together with others, one of whom said yes first."""
    return to_freelancer(ports, situation, read_freelancer(ports.store, gate.owner), "taken", None)


def lost(ports: Ports, situation: Situation, lost: Lost) -> LetterView:
    """The mail to a freelancer whose work went to somebody else: why, and what is paid all the same."""
    letter = to_freelancer(ports, situation, read_freelancer(ports.store, lost.freelancer), "lost", None)
    return replace(letter, pay=lost.pay, facts={"why": lost.why})


def debit(ports: Ports, situation: Situation) -> tuple[LetterView, ...]:
    """The mails about a debit: that it takes days, with the link of the order's page; or that the bank refused it."""
    order = situation.order
    facts: dict[str, str | int] = {} if order.debit_at is None else {"at": stamp(order.debit_at)}
    if order.settling:
        mails: tuple[LetterView, ...] = (to_client(ports, situation, "debit_pending", None),)
    else:
        mails = (
            to_client(ports, situation, "debit_failed", None),
            _to_seller_of(ports, situation, "debit_failed"),
        )
    return tuple(replace(one, facts=facts) for one in mails if one.to)


def new_link(ports: Ports, situation: Situation) -> LetterView:
    """The mail to a client whose address was corrected while nothing is asked of them: the order's page."""
    return to_client(ports, situation, "address", None)


def announcement(ports: Ports, said: Announcement) -> AnnouncementView:
    """The mail that tells of a change between the shop and a freelancer."""
    freelancer = read_freelancer(ports.store, said.freelancer)
    shop, _ = read_shop(ports.store)
    seller = said.role is Role.SELLER
    return AnnouncementView(
        frame=_frame_of(ports, shop, shop.lang if seller else freelancer.lang),
        said=said,
        to=shop.email if seller else freelancer.email,
        freelancer=freelancer,
        own_page=None if seller else freelancer_link(ports, freelancer),
        link=recipient_link(ports, freelancer) if said.topic in OF_ACCOUNT and not seller else None,
    )


def refunded(ports: Ports, situation: Situation) -> tuple[LetterView, ...]:
    """The mails of money given back: to the client, and to the freelancer with what is paid all the same."""
    milestone, freelancer = situation.milestone, situation.freelancer
    amount = situation.order.refunded if milestone is None else milestone.refunded
    cause = situation.order.cause if milestone is None else milestone.cause
    part = "pro_rata" if cause == RefundCause.WITHDRAWAL else "settled"
    key = "refunded" if milestone is None or milestone.undone else part
    if situation.order.lost:
        key = "taken_back"  # by their bank: nothing is on its way from us
    back = replace(to_client(ports, situation, key, None), facts={"amount": amount, "cause": cause or ""})
    if milestone is None or freelancer is None or by_hand(situation):
        return (back,)
    told = to_freelancer(ports, situation, freelancer, "cancelled" if milestone.undone else "reduced", None)
    return (back, replace(told, pay=shown.kept(milestone), facts={"cause": cause or ""}))


def dispute_over(ports: Ports, situation: Situation, dispute: Dispute) -> LetterView:
    """The mail that tells the seller how a dispute ended, and what follows."""
    frame_ = frame(ports, situation, situation.shop.lang)
    return LetterView(
        frame=frame_,
        key=f"dispute_{dispute.state.value}",
        role=Role.SELLER,
        to=situation.shop.email,
        link=None,
        order=situation.order,
        offer=situation.offer,
        gate=None,
        milestone=None,
        facts={"amount": dispute.amount, "currency": dispute.currency, "why": ""},
    )


def by_hand(situation: Situation) -> bool:
    """Whether the seller hands the work in: then no freelancer is written to."""
    milestone = situation.milestone
    return milestone is not None and milestone.engagement is not None and milestone.engagement.by_hand


def milestone_ended(ports: Ports, situation: Situation) -> tuple[LetterView, ...]:
    """The mails of one milestone's end while the order goes on: who accepted it has been thanked already."""
    return tuple(letter for letter in completed(ports, situation) if letter.key != "completed")


def completed(ports: Ports, situation: Situation) -> tuple[LetterView, ...]:
    """The mails of an order's end: to its client, and to the freelancer who was paid."""
    freelancer, milestone = situation.freelancer, situation.milestone
    if milestone is not None and _gave_back(situation, milestone):
        return _paid_after_refund(ports, situation, milestone, freelancer)
    done = to_client(ports, situation, "completed", None)
    if freelancer is None or milestone is None or not milestone.sent:
        return (done,)
    paid = replace(to_freelancer(ports, situation, freelancer, "paid", None), pay=milestone.sent)
    return (done, paid)


def _gave_back(situation: Situation, milestone: Milestone) -> bool:
    """Whether its end is that money went back; of work that a bank took a part of back the rest ends as any other."""
    return milestone.undone or (milestone.refunded > 0 and not situation.order.lost)


def _paid_after_refund(
    ports: Ports, situation: Situation, milestone: Milestone, freelancer: Freelancer | None
) -> tuple[LetterView, ...]:
    """Who was told at the hold hears no more than that the pay has left."""
    if freelancer is None or not milestone.sent:
        return refunded(ports, situation)
    return (replace(to_freelancer(ports, situation, freelancer, "paid", None), pay=milestone.sent),)


def to_owner(ports: Ports, situation: Situation, gate: Gate, key: str) -> LetterView:
    """A mail to the owner of a gate."""
    match gate.role:
        case Role.CLIENT:
            return to_client(ports, situation, key, gate)
        case Role.FREELANCER:
            freelancer = read_freelancer(ports.store, gate.owner)
            return to_freelancer(ports, situation, freelancer, key, gate)
        case Role.SELLER | Role.CLOCK | Role.ENGINE:
            return _to_seller(ports, situation, key, gate)


def _opening_key(ports: Ports, situation: Situation, gate: Gate) -> str:
    if gate.id.kind is Kind.PARK:
        return "parked"
    if gate.id.kind is Kind.SETTLEMENT:
        return {"part": "settlement", "contest": "contested"}.get(gate.shown["proposal"], "unanswered")
    if gate.id.kind is Kind.DISPUTE:
        return "inquiry" if gate.shown["stage"] == "inquiry" else "dispute"
    if gate.id.kind in {Kind.CONFIRM, Kind.OUTCOME}:
        return f"{gate.id.kind.value}_{gate.shown['stage']}"
    if gate.id.kind is Kind.LATE:
        return "work_late"
    if gate.id.kind is Kind.CANCEL_LATE:
        if gate.shown.get("why") == Kind.PICK.value:
            return "not_taken"
        return "new_date" if "until" in gate.shown else "missed_date"
    if gate.id.kind is Kind.ACCEPTANCE and _reopened(situation):
        return "reopened_by_seller" if _by_seller(ports, situation) else "reopened"
    if gate.id.kind is Kind.ACCEPTANCE and situation.milestone is not None and situation.milestone.revisions_used:
        return "revised"
    if gate.id.kind is not Kind.WORK or situation.milestone is None or not situation.milestone.version:
        return gate.id.kind.value
    by_client = {Kind.ACCEPTANCE, Kind.SETTLEMENT}
    return "revision" if situation.last and GateId.parse(situation.last).kind in by_client else "rework"


def _accepted(ports: Ports, situation: Situation, gate: Gate) -> tuple[LetterView, ...]:
    if situation.milestone is not None and _gave_back(situation, situation.milestone):
        return refunded(ports, situation)
    silent = client_reopens(gate)
    client = replace(to_client(ports, situation, "accepted_silently" if silent else "accepted", None), gate=gate)
    freelancer, milestone = situation.freelancer, situation.milestone
    if freelancer is None or milestone is None or milestone.engagement is None or by_hand(situation):
        return (client,)
    paid_by = replace(
        to_freelancer(ports, situation, freelancer, "to_pay", None),
        pay=milestone.due,
        pay_by=gate.deadline,
    )
    return (client, paid_by)


def _reopened(situation: Situation) -> bool:
    """Whether the client reopened what their silence had accepted, just now."""
    return situation.last is not None and GateId.parse(situation.last).kind is Kind.HOLD


def _by_seller(ports: Ports, situation: Situation) -> bool:
    """Whether the last decision was the seller's."""
    last = read_one(ports, situation.order.id, situation.last or "")
    return last is not None and last.decision is not None and last.decision.by == Role.SELLER.value


def _pay_waits(ports: Ports, situation: Situation, gate: Gate) -> tuple[LetterView, ...]:
    """What a reopening means for the others: the pay waits for the client's answer. Who reopened it knows."""
    seller = _by_seller(ports, situation)
    told = () if seller else (_to_seller(ports, situation, "pay_waits", gate),)
    if situation.freelancer is None or by_hand(situation):
        return told
    key = "pay_waits_by_seller" if seller else "pay_waits"
    return (*told, to_freelancer(ports, situation, situation.freelancer, key, None))


def to_client(ports: Ports, situation: Situation, key: str, gate: Gate | None) -> LetterView:
    """A mail to the client: its button leads to the gate, else to the order's page."""
    on_order_page = gate is None or gate.id.kind is Kind.BRIEF
    return LetterView(
        frame=frame(ports, situation, situation.order.lang),
        key=key,
        role=Role.CLIENT,
        to=situation.order.client_email or "",
        link=order_link(ports, situation.order)
        if on_order_page or gate is None
        else gate_link(ports, situation.order, gate),
        order=situation.order,
        offer=situation.offer,
        gate=gate,
        milestone=situation.milestone,
        deadline=situation.promised,
        facts={} if gate is None else said(gate),
    )


def said(gate: Gate) -> dict[str, str | int]:
    """What a gate shows that a sentence may name: words, numbers and dates."""
    return {name: value for name, value in gate.shown.items() if isinstance(value, (str, int))}


def _to_seller(ports: Ports, situation: Situation, key: str, gate: Gate) -> LetterView:
    link = gate_link(ports, situation.order, gate) if gate.role is Role.SELLER else None
    facts = {"why": ""} | said(gate)
    who = shown.maker(ports, situation, gate)
    return replace(_to_seller_of(ports, situation, key), link=link, gate=gate, facts=facts, freelancer=who)


def _to_seller_of(ports: Ports, situation: Situation, key: str) -> LetterView:
    """A mail to the seller about an order, where nothing is asked of them."""
    return LetterView(
        frame=frame(ports, situation, situation.shop.lang),
        key=key,
        role=Role.SELLER,
        to=situation.shop.email,
        link=None,
        order=situation.order,
        offer=situation.offer,
        milestone=situation.milestone,
        freelancer=situation.freelancer,
        deadline=situation.promised,
    )


def to_freelancer(
    ports: Ports, situation: Situation, freelancer: Freelancer, key: str, gate: Gate | None
) -> LetterView:
    """A mail to a freelancer: its button leads to the gate, if there is one."""
    return LetterView(
        frame=frame(ports, situation, freelancer.lang),
        key=key,
        role=Role.FREELANCER,
        to=freelancer.email,
        link=_page_of(ports, situation, freelancer, gate),
        order=situation.order,
        offer=situation.offer,
        gate=gate,
        milestone=situation.milestone,
        freelancer=freelancer,
        pay=None if gate is None else gate.shown.get("pay"),
        pay_by=shown.pay_by(situation),
        pay_from=safe_from(situation),
        deadline=shown.work_deadline(gate),
        brief=shown.read_brief(ports, situation, freelancer.lang)
        if gate is not None and gate.id.kind in {Kind.PROPOSAL, Kind.WORK}
        else (),
        note=shown.last_note(ports, situation) if gate is not None and gate.id.kind is Kind.WORK else None,
        reasons=shown.reasons(gate),
        own_page=freelancer_link(ports, freelancer),
        others=shown.other_proposals(freelancer, gate),
        room=max(0, freelancer.capacity - freelancer.in_hand),
    )


def _page_of(ports: Ports, situation: Situation, freelancer: Freelancer, gate: Gate | None) -> str | None:
    """Where the button leads: to the gate's page; for their account to its own, which outlives every gate."""
    if gate is None:
        return None
    if gate.id.kind is Kind.ONBOARDING:
        return recipient_link(ports, freelancer)
    return gate_link(ports, situation.order, gate)


def frame(ports: Ports, situation: Situation, lang: str) -> Frame:
    """What surrounds a mail."""
    return _frame_of(ports, situation.shop, lang)


def _frame_of(ports: Ports, shop: Shop, lang: str) -> Frame:
    return Frame(shop=shop, lang=lang, zone=shop.zone, home=ports.settings.public_url, path="", now=ports.now())
