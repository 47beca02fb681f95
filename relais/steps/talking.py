"""Questions: from whoever makes the work to the seller, from the seller to the client; a thread on the pages of both.

Words are kept in the bucket; rows, logs and mails' subjects hold none. While a question that stops the work waits, the
dates stand still: they move by the working time that it took. Design: people sections 1, 2 and 5b.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from relais.calendar import Duration, days_stood, due_after, later_by, promised_date
from relais.contact import Contact, contacts_in
from relais.gate import Choice, Default, Gate, GateId, Kind, Role, Status, due_shard, next_due
from relais.offer import Disclosure
from relais.order import engagement_row, stamp
from relais.ports import Ports
from relais.roster import Freelancer
from relais.rows import Change, Put, Write, absent, equals, gate_key, said_key
from relais.steps.asking import open_side
from relais.steps.asks import ANSWER, ASKS_SELLER, PASSED_ON, QUESTION, may_ask, waiting_of
from relais.steps.contracts import asked
from relais.steps.decisions import Answer
from relais.steps.lateness import promise_moved
from relais.steps.lists import keep_lists
from relais.steps.side import Caused
from relais.steps.situation import Situation, read_freelancer, read_gate, read_shop, sides_of, sides_opened

PASS_BACK = Duration.parse("1 wd")
Files = Sequence[Mapping[str, Any]]
"""Files that come with words, as they were uploaded: name, key, size, digest."""


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """A question on its way: the page it is asked from, where its words are kept, whether the work stops for it.

    `files` are those that come with it, as they were uploaded.
    """

    page: Gate
    text: str
    digest: str
    stops: bool
    files: Files = ()


def ask(ports: Ports, asking: Question) -> Gate | None:
    """Put a question, once however often it is sent; nothing where another one of this page still waits.

    The rows of the thread and of the gate are one transaction.
    """
    page = asking.page

    def words(gate: Gate) -> tuple[Write, ...]:
        row = said(ports, gate, QUESTION, asking.text, (page.role, page.owner), gate.opened, asking.files)
        return (row, *_waits_for(ports, page, gate))

    return open_side(ports, page.order, page.id.milestone, lambda seen: question(ports, seen, asking), words)


def question(ports: Ports, situation: Situation, asking: Question) -> Gate | None:
    """The gate of a question; nothing where the page's own gate is over, or another question of it waits."""
    page = asking.page
    to = may_ask(situation, page)
    about = f"{page.id} {asking.digest}"
    if to is None or any(one.about != about for one in waiting_of(ports, situation, page)):
        return None
    return asked(
        situation,
        Kind.QUESTION,
        ports.link_keys.current,
        role=to,
        choices=(Choice.ANSWER,),
        default=Default.GO_ON,
        about=about,
        beside=str(page.id) if page.role is Role.FREELANCER else None,
        shown={"from": str(page.id), "by": page.role.value, "with": with_whom(situation, page, to), "text": asking.text}
        | ({"stops": True} if asking.stops else {}),
    )


def with_whom(situation: Situation, page: Gate, to: Role) -> str:
    """On which side of the order's thread it stands: the client's, or that of one freelancer."""
    if to is Role.FREELANCER and situation.freelancer is not None:
        return situation.freelancer.key
    return Role.CLIENT.value if to is Role.CLIENT else page.owner


def said(  # noqa: PLR0917 - a line of the thread is what all of these make
    ports: Ports, gate: Gate, part: str, text: str, by: tuple[Role, str], at: datetime, files: Files = ()
) -> Put:
    """A line of the order's thread: who said it, where its words are kept, its files with their digests."""
    role, owner = by
    kept = keep_lists(ports, gate.order, f"said-{gate.id}", {"files": list(files)}) if files else {}
    row = {
        "v": 1,
        "at": stamp(at),
        "by": role.value,
        "owner": owner,
        "with": gate.shown["with"],
        "text": text,
        "gate": str(gate.id),
        **kept,
    }
    return Put(said_key(gate.order, gate.id.milestone, gate.id.ordinal, part), row)


def _waits_for(ports: Ports, page: Gate, gate: Gate) -> tuple[Write, ...]:
    """What is passed on waits for the answer, and then for the seller's; a message for a working day more at once."""
    if page.id.kind not in PASSED_ON or gate.deadline is None:
        return ()
    until = gate.deadline
    if page.id.kind is Kind.MESSAGE:
        until = due_after(PASS_BACK, until, read_shop(ports.store)[0].calendar)
    later = {"deadline": stamp(until), "reminders": [], "desk_due": stamp(until)}
    return (Change(gate_key(page.order, str(page.id)), put=later, guards=(equals("status", Status.OPEN.value),)),)


# The answer ---------------------------------------------------------------------------------------------------------


def question_answered(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """The answer, or the silence: the thread grows, the dates that stood still move, whoever asked is told."""
    words = (
        (
            said(ports, gate, ANSWER, given.note, (gate.role, gate.owner), situation.now, given.facts.get("files", ())),
            *_back_to_seller(ports, situation, gate),
        )
        if given.choice is Choice.ANSWER and given.note
        else ()
    )
    moved = _moved(ports, situation, gate)
    return replace(moved, writes=(*moved.writes, *words), tells=True)


def _back_to_seller(ports: Ports, situation: Situation, gate: Gate) -> tuple[Write, ...]:
    """A question that was passed on is the seller's again: a working day to pass the answer on."""
    if not is_passed_on(gate):
        return ()
    source = read_gate(ports, gate.order, gate.shown["from"])
    if source.status is not Status.OPEN:
        return ()
    until = due_after(PASS_BACK, situation.now, situation.shop.calendar)
    put = {"deadline": stamp(until), "desk_due": stamp(until)}
    return (Change(gate_key(gate.order, str(source.id)), put=put, guards=(equals("status", Status.OPEN.value),)),)


def is_passed_on(gate: Gate) -> bool:
    """Whether somebody else waits for the answer: a question to the client is a freelancer's, or the reverse."""
    return gate.id.kind is Kind.QUESTION and GateId.parse(gate.shown["from"]).kind in PASSED_ON


def stops(gate: Gate) -> bool:
    """Whether the work cannot go on before the answer."""
    return bool(gate.shown.get("stops"))


def _holds_promise(gate: Gate) -> bool:
    """Whether the client's date stands still: it waits for the client, or the work is stopped."""
    return gate.role is Role.CLIENT or stops(gate)


def stands_still(ports: Ports, situation: Situation, gate: Gate) -> Gate | None:
    """The open side gate because of which the clock of an open gate stands still.

    A proposal's waits for every question and counter-proposal of it, the work's for a question that stops it.
    """
    if not sides_opened(situation) or gate.id.kind not in ASKS_SELLER:
        return None
    own = [one for one in sides_of(ports, situation) if one.beside == str(gate.id) and one.status is Status.OPEN]
    if gate.id.kind is Kind.PROPOSAL:
        return next((one for one in own if one.id.kind in {Kind.QUESTION, Kind.COUNTER}), None)
    return next((one for one in own if one.id.kind is Kind.QUESTION and stops(one)), None)


def promise_stands_still(ports: Ports, situation: Situation) -> bool:
    """Whether the client's date is not missed yet, whatever the calendar says."""
    if situation.order.paused is not None and "client" in situation.order.paused:
        return True  # its client wants it so
    return bool(sides_opened(situation)) and any(map(_holds_promise, _waiting(ports, situation)))


def _waiting(ports: Ports, situation: Situation) -> list[Gate]:
    sides = sides_of(ports, situation)
    return [gate for gate in sides if gate.id.kind is Kind.QUESTION and gate.status is Status.OPEN]


def _moved(ports: Ports, situation: Situation, gate: Gate) -> Caused:
    """The dates that stood still because of this question, each by the working time of whose date it is."""
    asker = _asker(ports, gate)
    owner = None if asker is None else read_freelancer(ports.store, asker.owner)
    waited = () if asker is None or owner is None else (shifted(situation, asker, gate.opened, owner),)
    put: dict[str, Any] = {}
    milestone, freelancer = situation.milestone, situation.freelancer
    if stops(gate) and milestone is not None and milestone.engagement is not None and freelancer is not None:
        later = later_by(milestone.engagement.deadline, gate.opened, situation.now, freelancer.calendar)
        put = {"engagement": engagement_row(replace(milestone.engagement, deadline=later))}
    promise = _promise_moved(ports, situation, gate) if milestone is not None and _holds_promise(gate) else Caused()
    return replace(promise, put={**put, **promise.put}, writes=(*promise.writes, *waited))


def _asker(ports: Ports, gate: Gate) -> Gate | None:
    """The open gate whose clock stood still while the question waited."""
    if gate.beside is None:
        return None
    asker = read_gate(ports, gate.order, gate.beside)
    still = asker.id.kind is Kind.PROPOSAL or stops(gate)
    return asker if still and asker.status is Status.OPEN else None


def shifted(
    situation: Situation, gate: Gate, since: datetime, owner: Freelancer, least: datetime | None = None
) -> Change:
    """A gate's deadline and the reminders that are left, later by what its owner's clock stood still.

    At `least` until an instant, where one is given.
    """
    if gate.deadline is None:
        return Change(gate_key(gate.order, str(gate.id)), guards=(equals("status", Status.OPEN.value),))
    ahead = [at if at <= since else later_by(at, since, situation.now, owner.calendar) for at in gate.reminders]
    until = later_by(gate.deadline, since, situation.now, owner.calendar)
    later = replace(
        gate,
        deadline=until if least is None else max(until, least),
        reminders=tuple(ahead),
        mailed=True,
    )
    put: dict[str, Any] = {"deadline": stamp(later.deadline or situation.now), "reminders": [stamp(at) for at in ahead]}
    due = next_due(later, situation.now)
    if gate.mailed and due is not None:
        put |= {"due": stamp(due), "due_shard": due_shard(gate.order)}
    return Change(gate_key(gate.order, str(gate.id)), put=put, guards=(equals("status", Status.OPEN.value),))


def _promise_moved(ports: Ports, situation: Situation, gate: Gate) -> Caused:
    """The client's date, by whole working days; time in which two questions waited counts once."""
    milestone, promised = situation.milestone, situation.promised
    if milestone is None or promised is None:
        return Caused()
    opened = [one.opened for one in _waiting(ports, situation) if _holds_promise(one)]
    since = min((gate.opened, *opened))
    if milestone.stood is not None:
        since = max(since, milestone.stood)
    guard = absent("stood") if milestone.stood is None else equals("stood", stamp(milestone.stood))
    days = days_stood(since, situation.now, situation.shop.calendar)
    later = promised_date(promised, days, situation.shop.calendar)
    moved = promise_moved(situation, later) if days else Caused()
    return replace(
        moved,
        put={**moved.put, "stood": stamp(situation.now)},
        guards=(guard,),
        shows={"promised": stamp(later)} if days else {},
    )


# The thread ---------------------------------------------------------------------------------------------------------


def flagged(ports: Ports, situation: Situation, page: Gate, text: str, asked: str = "") -> tuple[Contact, ...]:
    """What of words its reader may not know, sent by the form `asked` or as an answer; nothing if names are told."""
    if situation.offer.policy.disclosure is Disclosure.BY_NAME:
        return ()
    shop = situation.shop
    if page.role is Role.SELLER:  # who answers may be reached, and says how
        text = text.replace(shop.email, " ").replace(shop.phone, " ")
    return contacts_in(text, unknown_to(ports, situation, page, asked))


def unknown_to(ports: Ports, situation: Situation, page: Gate, asked: str = "") -> tuple[str, ...]:
    """The names that must not reach whoever reads what is sent from a page: by its form `asked`, or as its answer."""
    client = situation.order.client_name or ""
    if page.id.kind is Kind.MESSAGE and asked:
        return (client,)
    rows = ports.store.query("ROSTER", "R#")
    makers = tuple(row["name"] for row in rows if _concerned(situation, page, row["key"]))
    return makers if page.id.kind is Kind.MESSAGE else (client, *makers)


def _concerned(situation: Situation, page: Gate, key: str) -> bool:
    engaged = situation.freelancer
    return key in {page.owner, page.shown.get("with"), engaged.key if engaged is not None else ""}
