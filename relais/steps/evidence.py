"""The evidence pack of a dispute: what is kept of an order, put together for a bank to read.

Consent, brief, versions with their hashes, decisions with who, when and how, mails, refund policy. Nothing is invented
and nothing is asked: it is there because the order keeps it. Fields and their length:
docs.stripe.com/api/disputes/update (`evidence`, 20,000 characters each, 150,000 together).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

from relais.charge import Charge
from relais.dispute import Dispute
from relais.gate import Gate, Role, Via, gate_from_row
from relais.money import format_amount
from relais.order import ORDER_LEVEL, stamp
from relais.ports import Ports
from relais.rows import brief_key
from relais.steps.charges import charges_of
from relais.steps.lists import with_lists
from relais.steps.situation import Situation, read_situation

MOST = 20_000
LANG = "en"
"""Banks of every country read it."""


def evidence(ports: Ports, dispute: Dispute) -> dict[str, str]:
    """The pack by Stripe's fields, with the seller's own words first where they gave some."""
    situation = read_situation(ports, dispute.order, ORDER_LEVEL)
    parts = pack(ports, situation)
    words = None if dispute.note is None else ports.files.get_text(dispute.note)
    order = situation.order
    found = {
        "customer_name": order.client_name or "",
        "customer_email_address": order.client_email or "",
        "product_description": parts["What was ordered"],
        "service_date": stamp(order.completed or situation.now)[:10],
        "access_activity_log": "\n".join((parts["What was handed in"], parts["Decisions"], parts["Mails"])),
        "refund_policy_disclosure": parts["Refund policy"],
        "uncategorized_text": "\n\n".join(one for one in (words, as_text(parts)) if one),
    }
    return {name: text[:MOST] for name, text in found.items() if text}


def sum_of(given: dict[str, str]) -> str:
    """A short name of exactly this pack."""
    return sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]


def as_text(parts: dict[str, str]) -> str:
    """The whole pack as one text."""
    return "\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in parts.items())


def pack(ports: Ports, situation: Situation) -> dict[str, str]:
    """Every part under its title. Times are UTC."""
    order = situation.order
    gates = [gate_from_row(row) for row in ports.store.query(f"O#{order.id}", "G#")]
    found = {
        "The order": _order(situation, charges_of(ports.store, order.id)),
        "Consent": _consent(situation),
        "What was ordered": _ordered(ports, situation),
        "What was handed in": "\n".join(_versions(ports, situation, gates)) or "Nothing yet.",
        "Messages": "\n".join(_messages(ports, order.id)),
        "Decisions": "\n".join(_decisions(gates)) or "None yet.",
        "Mails": "\n".join(_mails(gates)) or "None yet.",
        "Refund policy": _policy(situation),
        "Money given back": _given_back(situation),
    }
    return {title: text for title, text in found.items() if text}


def _order(situation: Situation, later: tuple[Charge, ...]) -> str:
    order = situation.order
    paid = format_amount(order.paid - sum(one.amount for one in later), order.currency, LANG)
    lines = [
        f"Order {order.id} of {situation.shop.brand}: {situation.offer.title.in_(LANG)}.",
        f"Ordered {stamp(order.created)} by {order.client_name or 'the client'} <{order.client_email or ''}>.",
        f"Paid {paid} by the client on Stripe's hosted page ({order.session or 'session'}).",
    ]
    for one in later:
        more = format_amount(one.amount, one.currency, LANG)
        lines.append(f"Paid {more} more {stamp(one.paid)} on a page of its own ({one.session}), of {one.about}.")
    for label, at in (
        ("Brief handed in", order.handed_in),
        ("Promised for", order.promised),
        ("Ended", order.completed),
    ):
        if at is not None:
            lines.append(f"{label} {stamp(at)}.")
    return "\n".join(lines)


def _consent(situation: Situation) -> str:
    """What a consumer ticked at the checkout, as the order keeps it."""
    order = situation.order
    if not order.consumer:
        return f"The client ordered as a business on {stamp(order.created)}."
    said = [f"The client ordered as a consumer on {stamp(order.created)}."]
    if order.express:
        said.append("Before paying they ticked that the work starts at once, at their express request.")
    if order.acknowledged:
        said.append("They ticked that the right of withdrawal ends when it is fully done.")
    return "\n".join(said)


def _ordered(ports: Ports, situation: Situation) -> str:
    title = f"{situation.offer.title.in_(LANG)}, made for this client from their own answers:"
    return "\n".join((title, *_brief(ports, situation)))


def _brief(ports: Ports, situation: Situation) -> Iterator[str]:
    row = ports.store.get(brief_key(situation.order.id))
    text = None if row is None else ports.files.get_text(row["text"])
    answers: dict[str, str] = {} if text is None else json.loads(text)
    for question in situation.offer.questions:
        if answers.get(question.key):
            yield f"- {question.text.in_(LANG)} {answers[question.key]}"


def _versions(ports: Ports, situation: Situation, gates: list[Gate]) -> Iterator[str]:
    """What the client was shown; what the seller had sent back before is nobody's evidence."""
    shown = {(gate.id.milestone, gate.shown["version"]) for gate in gates if _shows_work(gate)}
    for row in ports.store.query(f"O#{situation.order.id}", "V#"):
        _, milestone, version = row["sk"].split("#")
        if (milestone, int(version)) not in shown:
            continue
        yield f"{row['at']}: version {int(version)} of part {milestone}, shown to the client on their page"
        for one in with_lists(ports, row)["files"]:
            yield f"  {one['name']}, {one['size']} bytes, SHA-256 {one['sha256']}"


def _shows_work(gate: Gate) -> bool:
    return gate.role is Role.CLIENT and "version" in gate.shown


def _messages(ports: Ports, order: str) -> Iterator[str]:
    """What client and seller wrote to each other, with the files; what the maker and the seller wrote is nobody's."""
    rows = [row for row in ports.store.query(f"O#{order}", "Q#") if row["with"] == Role.CLIENT.value]
    for row in sorted(rows, key=lambda row: (row["at"], row["sk"])):
        yield f"{row['at']}: the {row['by']} wrote: {ports.files.get_text(row['text']) or ''}"
        for one in with_lists(ports, row).get("files", ()):
            yield f"  {one['name']}, {one['size']} bytes, SHA-256 {one['sha256']}"


def _decisions(gates: list[Gate]) -> Iterator[str]:
    """Who decided what, when and how; the client's own first of all."""
    decided = [gate for gate in gates if gate.decision is not None and gate.role is not Role.FREELANCER]
    for gate in sorted(decided, key=lambda one: one.decision.at if one.decision else one.opened):
        if gate.decision is not None:
            one = gate.decision
            yield f"{stamp(one.at)}: {gate.id.kind.value}: {one.choice.value}, by the {one.by} ({one.via.value})"


def _mails(gates: list[Gate]) -> Iterator[str]:
    for gate in gates:
        if gate.role is Role.CLIENT and gate.mailed:
            said = gate.decision
            spoken = said is not None and said.via is Via.LINK and said.by == Role.CLIENT.value
            state = "and answered from its link" if spoken else "without an answer"
            yield f"{stamp(gate.counted_from)}: the question “{gate.id.kind.value}” was mailed to the client {state}."


def _policy(situation: Situation) -> str:
    policy = situation.offer.policy
    right = "afterwards the client may have everything back" if policy.refund_right else "no refund afterwards"
    return (
        f"Shown on the offer's page and frozen with the order on {stamp(situation.order.created)}: {policy.revisions} "
        f"changes included, {right}; before that a refund may be asked for on the order's own page."
    )


def _given_back(situation: Situation) -> str:
    order = situation.order
    if not order.refunded:
        return "Nothing was given back before the dispute."
    return f"{format_amount(order.refunded, order.currency, LANG)} was given back."
