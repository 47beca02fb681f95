"""What a client writes to the seller, at any stage; and the files that come with questions, messages and answers.

Nothing of it changes a clock. The seller answers, or passes it on to whoever does the work, and the answer back. Loaded
by those forms alone. Design: people 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from relais.checks import ending, names_in
from relais.contact import Contact, contacts_in
from relais.documents import AUTHORED, MOST_TEXT, read_authors
from relais.gate import Choice, Default, Gate, Kind, Role, Via
from relais.offer import Disclosure
from relais.order import ORDER_LEVEL, Milestone, Order, OrderStage
from relais.ports import Ports
from relais.problem import Problem, Typed
from relais.rows import Write
from relais.steps.again import order_page
from relais.steps.asking import open_side
from relais.steps.asks import ANSWER, MOST_FILES_SAID, MOST_MESSAGES, PASSED_ON, QUESTION, messages_of
from relais.steps.contracts import asked
from relais.steps.decisions import Answer
from relais.steps.deliver import measured, own_files, with_problems
from relais.steps.forms import note_problems
from relais.steps.links import gate_path, order_path
from relais.steps.reach import mark_posted
from relais.steps.side import Caused
from relais.steps.situation import ENDED, Situation, read_milestones, read_situation
from relais.steps.talking import Files, said, unknown_to
from relais.steps.texts import keep_text
from relais.steps.thread import files_asked, files_passed_back
from relais.web import Request, Response, redirect

if TYPE_CHECKING:
    from relais.steps.show import Shown

OF_ORDER = "order"
"""Where a message was written that no gate's page showed: the order's own."""


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """A message on its way: where it was written, where its words are kept, its files, and what tells it apart.

    Sent twice from the same page it is one; the same words may come again another day.
    """

    page: str
    text: str
    files: Files
    about: str


# Writing ------------------------------------------------------------------------------------------------------------


def post_on_order(ports: Ports, request: Request, order: Order, typed: Typed) -> Shown | Response:
    """The form of the order's page: words and files, to the seller."""
    again = replace(typed, files=own_files(request, order_files(order)), of_brief=False)
    number = stands_on(read_milestones(ports.store, order.id))
    problems = _written(ports, request, order, (number, OF_ORDER), again)
    if problems:
        return order_page(ports, order, request, with_problems(again, *problems))
    return redirect(f"{order_path(ports, order)}#thread")


def post_beside(ports: Ports, request: Request, order: Order, gate: Gate, typed: Typed) -> tuple[Problem, ...] | str:
    """The same form beside a choice of the client's: what is wrong with it, or where to go on."""
    problems = _written(ports, request, order, (gate.id.milestone, str(gate.id)), typed)
    if problems:
        return problems
    mark_posted(ports, gate)
    return f"{gate_path(ports, order, gate)}#thread"


def order_files(order: Order) -> str:
    """Where the files of messages from the order's page are kept."""
    return f"files/{order.id}/{Kind.MESSAGE.value}/"


def stands_on(milestones: tuple[Milestone, ...]) -> str:
    """Which of an order's milestones a message is about that no page of one showed: the one that is being made.

    Before there are any, and where several are being made or none is, the order itself.
    """
    made = [one for one in milestones if one.engagement is not None and one.stage not in ENDED]
    if len(milestones) == 1:
        return milestones[0].number
    return made[0].number if len(made) == 1 else ORDER_LEVEL


def _written(ports: Ports, request: Request, order: Order, place: tuple[str, str], typed: Typed) -> tuple[Problem, ...]:
    """Send it, or say what is wrong: a robot that presses the button of an empty form has sent nothing (promise 4)."""
    field, (number, page) = f"{Kind.MESSAGE.value}_note", place
    if order.stage is OrderStage.DRAFT:
        return (Problem("choice_missing", "action"),)
    note = request.first("note").strip()
    problems = note_problems(note, required=True)
    situation = read_situation(ports, order.id, number)
    found, wrong = attached(ports, typed.files, ())
    problems += wrong
    if request.first("anyway") != "yes":
        names = () if named(situation) else _makers(situation)
        problems += tuple(Problem(f"contact_{one.value}", "note") for one in _reaching(note, names))
        problems += in_files(ports, found, names)
    if problems:
        return tuple(replace(one, field=field) if one.field == "note" else one for one in problems)
    kept = keep_text(ports, order.id, f"{Kind.MESSAGE.value}-{number}", note)
    about = sha256(f"{request.first('nonce')} {kept} {[one['key'] for one in found]}".encode()).hexdigest()[:16]
    sent = write(ports, order.id, number, Message(page, kept, tuple(found), about))
    return () if sent is not None else (Problem("messages_wait", field, {"limit": MOST_MESSAGES}),)


def write(ports: Ports, order: str, number: str, one: Message) -> Gate | None:
    """Put a message before the seller, once however often it is sent; nothing where many wait for their answers."""

    def words(gate: Gate) -> tuple[Write, ...]:
        return (said(ports, gate, QUESTION, one.text, (Role.CLIENT, Role.CLIENT.value), gate.opened, one.files),)

    return open_side(ports, order, number, lambda seen: message(ports, seen, one), words)


def message(ports: Ports, situation: Situation, one: Message) -> Gate | None:
    """The gate at which the seller answers a message; nothing where as many as may wait do."""
    waiting = messages_of(ports, situation)
    if len(waiting) >= MOST_MESSAGES and all(known.about != one.about for known in waiting):
        return None
    shown = {"from": one.page, "by": Role.CLIENT.value, "with": Role.CLIENT.value, "text": one.text}
    return asked(
        situation,
        Kind.MESSAGE,
        ports.link_keys.current,
        choices=(Choice.ANSWER, Choice.GO_ON),
        default=Default.GO_ON,
        about=one.about,
        shown=shown | ({"files": len(one.files)} if one.files else {}),
    )


def message_answered(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """The seller's answer, by mail and in the thread; a silence is told as one, what needed no answer is not."""
    if given.choice is Choice.ANSWER and given.note:
        by = (gate.role, gate.owner)
        words = said(ports, gate, ANSWER, given.note, by, situation.now, given.facts.get("files", ()))
        return Caused(writes=(words,), tells=True)
    return Caused(tells=given.via is Via.CLOCK)


# Files --------------------------------------------------------------------------------------------------------------


def carried(ports: Ports, gate: Gate) -> tuple[dict[str, Any], ...]:
    """The files that the seller may pass on with a message or question, or pass back with its answer."""
    if gate.id.kind not in PASSED_ON or gate.role is not Role.SELLER:
        return ()
    return (*files_asked(ports, gate), *files_passed_back(ports, gate))


def with_carried(ports: Ports, request: Request, gate: Gate, typed: Typed) -> Typed:
    """A form whose files may be those that came with what is passed on."""
    known = {one["key"] for one in carried(ports, gate)}
    passed = [key for key in dict.fromkeys(request.form.get("file", ())) if key in known]
    return replace(typed, files=(*typed.files, *passed))


def attached(
    ports: Ports, keys: tuple[str, ...], known: Iterable[dict[str, Any]]
) -> tuple[list[dict[str, Any]], tuple[Problem, ...]]:
    """The files that come with words, as they were uploaded; those that are `known` were looked at before."""
    if len(keys) > MOST_FILES_SAID:
        return [], (Problem("file_count", "file", {"limit": MOST_FILES_SAID}),)
    before = {one["key"]: one for one in known}
    new, problems = measured(ports, tuple(key for key in keys if key not in before))
    return [*(before[key] for key in keys if key in before), *new], problems


def in_files(ports: Ports, files: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> tuple[Problem, ...]:
    """Which files name somebody whom their reader may not know: in their name, or in what they say of their author."""
    found = []
    for one in files if names else ():
        read = ending(one["name"]) in AUTHORED and one["size"] <= MOST_TEXT
        authors = read_authors(one["name"], ports.files.read(one["key"], one["upload"])) if read else ()
        if names_in(" ".join((one["name"], *authors)), names) or Contact.ADDRESS in contacts_in(one["name"]):
            found.append(Problem("contact_file", "note", {"name": one["name"]}))
    return tuple(found)


def answer_files(
    ports: Ports, gate: Gate, typed: Typed, *, anyway: bool
) -> tuple[list[dict[str, Any]], tuple[Problem, ...]]:
    """The files of a question or of an answer to one, from a gate's page, and what is wrong with them."""
    found, problems = attached(ports, typed.files, carried(ports, gate))
    situation = read_situation(ports, gate.order, gate.id.milestone)
    if anyway or named(situation):
        return found, problems
    return found, (*problems, *in_files(ports, found, unknown_to(ports, situation, gate, typed.fields.get("ask", ""))))


# Who may not know whom ----------------------------------------------------------------------------------------------


def named(situation: Situation) -> bool:
    """Whether the offer tells client and freelancer of each other: then nothing is pointed out."""
    return situation.offer.policy.disclosure is Disclosure.BY_NAME


def _makers(situation: Situation) -> tuple[str, ...]:
    engaged = situation.freelancer
    return () if engaged is None else (engaged.name,)


def _reaching(text: str, names: tuple[str, ...]) -> tuple[Contact, ...]:
    """What of a client's words the maker may not know, as long as there is one from whom they are hidden."""
    return contacts_in(text, names) if names else ()
