"""Deeds: what is done by hand is kept with its reason, and told to whom it concerns. Design: people 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from relais.deed import CLIENT, Deed, What
from relais.errors import RelaisError
from relais.gate import OWED_AFTER, OWED_TRIES, Gate, Role, Via
from relais.metrics import Metric
from relais.order import ORDER_LEVEL, stamp
from relais.pages.letter_views import LetterView
from relais.ports import Ports
from relais.rows import Change, Row, equals
from relais.steps import letters
from relais.steps.situation import Situation, read_freelancer, read_situation
from relais.steps.texts import keep_text

LONGEST_REASON = 500


class ReasonMissingError(RelaisError):
    """What is done by hand is done with a reason, of no more words than an audit holds."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(f'say why, in at most {LONGEST_REASON} characters: --reason "by phone, Tue 14:10"')


class ForbiddenByHandError(RelaisError):
    """Something that law, money or a promise forbids, with the reason and what to do instead."""

    def __init__(self, order: str, why: str) -> None:
        """Keep the order."""
        super().__init__(f"order {order}: {why}")
        self.order = order
        self.why = why


def checked(reason: str) -> str:
    """The reason as it is kept. Raises `ReasonMissingError`."""
    said = reason.strip()
    if not said or len(said) > LONGEST_REASON:
        raise ReasonMissingError
    return said


def deed(
    ports: Ports,
    situation: Situation,
    what: What,
    reason: str,
    *,
    gate: Gate | None = None,
    tells: tuple[str, ...] = (),
    facts: Mapping[str, str | int] | None = None,
    via: Via = Via.COMMAND,
) -> Deed:
    """A deed of the seller's, now, with its reason kept; nobody is told twice."""
    return Deed(
        order=situation.order.id,
        what=what,
        at=situation.now,
        by=Role.SELLER.value,
        via=via,
        milestone=situation.number,
        gate="" if gate is None else str(gate.id),
        reason=keep_text(ports, situation.order.id, "deed", reason) if reason else "",
        tells=tuple(dict.fromkeys(who for who in tells if who)),
        facts=facts or {},
    )


def maker_of(situation: Situation) -> str:
    """Who does the work and is written to; empty where nobody is: the seller made it, or bought it."""
    engagement = None if situation.milestone is None else situation.milestone.engagement
    return "" if engagement is None or engagement.by_hand else engagement.freelancer


def owner_of(gate: Gate) -> str:
    """The owner of a gate as a deed names who is told; empty where it is the seller, the clock or the engine."""
    match gate.role:
        case Role.CLIENT:
            return CLIENT
        case Role.FREELANCER:
            return gate.owner
        case Role.SELLER | Role.CLOCK | Role.ENGINE:
            return ""


def deeds_of(ports: Ports, order: str) -> tuple[Deed, ...]:
    """What was done by hand on an order, oldest first."""
    return tuple(Deed.from_row(row) for row in ports.store.query(f"O#{order}", "E#"))


def tell_deed(ports: Ports, row: Row) -> None:
    """Send the mails that a deed owes, then mark them sent; called by the clock, which comes back if one fails."""
    done = Deed.from_row(row)
    tries = (done.tries or 0) + 1
    later = stamp(ports.now() + OWED_AFTER * 2 ** min(tries, 5))
    ports.store.write(Change(done.key, put={"owes_mail": tries, "due": later}, guards=(equals("due", row["due"]),)))
    if tries >= OWED_TRIES:
        ports.counter.count(Metric.OWED_PARKED)
    for letter in told_by_mail(ports, done):
        ports.mailer.send(letter)
    sent = Change(done.key, remove=("owes_mail", "due", "due_shard"), guards=(equals("owes_mail", tries),))
    ports.store.write(sent)


def told_by_mail(ports: Ports, done: Deed) -> tuple[LetterView, ...]:
    """The mails of a deed: to the client with the order's page, to a freelancer with the gate's own, if it has one."""
    situation = read_situation(ports, done.order, done.milestone or ORDER_LEVEL)
    gate = letters.read_one(ports, done.order, done.gate) if done.gate else None
    found = []
    for who in done.tells:
        facts = dict(done.facts)
        if who == CLIENT:
            facts.pop("gap", None)  # what the seller bears is no business of the client's
            letter = letters.to_client(ports, situation, f"deed_{done.what.value}", None)
        else:
            own = gate if gate is not None and (gate.role, gate.owner) == (Role.FREELANCER, who) else None
            maker = read_freelancer(ports.store, who)
            letter = replace(
                letters.to_freelancer(ports, situation, maker, f"deed_{done.what.value}", own), brief=(), note=None
            )
        found.append(replace(letter, facts=facts))
    return tuple(found)
