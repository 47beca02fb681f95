"""What people send: answers to gates, uploads, the brief, the order's button.

Every form is checked, nothing typed is ever lost.

A form's answer goes through the one door (`gates.answer`); a second one is told what was decided.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from relais.gate import (
    AlreadyAnsweredError,
    Choice,
    ChoiceNotOfferedError,
    DeclineWhy,
    Gate,
    Kind,
    MalformedGateIdError,
    Role,
    Status,
    Via,
)
from relais.offer import Offer, RefundCause
from relais.offer import Question as Asked
from relais.order import Order, OrderNotFoundError, OrderStage
from relais.ports import Ports
from relais.problem import Problem, Typed
from relais.rows import Write
from relais.steps.acceptance import give_more_time
from relais.steps.again import gate_page, may_be_asked, notice, offer_page, order_page
from relais.steps.asks import PASSED_ON
from relais.steps.decisions import Answer
from relais.steps.door import answer
from relais.steps.forms import (
    BRIEF_LIMIT,
    FILE_LIMIT,
    FILE_LIMIT_MB,
    FieldRepeatedError,
    FieldUnknownError,
    ForeignFormError,
    check_fields,
    check_origin,
    file_name,
    file_name_problem,
    note_problems,
    too_many,
)
from relais.steps.handing_in import HANDING_IN_FIELDS, looked_at, read_links, required
from relais.steps.intake import OfferClosedError, checkout, correct_address, draft
from relais.steps.interrupt import (
    InterruptMetError,
    MilestoneBegunError,
    MilestoneNotFoundError,
    NothingToCancelError,
    cancel_milestone,
)
from relais.steps.lateness import ask_more_time, read_deadline, read_late
from relais.steps.leaving import RightOverError, WorkBegunError, ask_to_end, cancel_unstarted, withdraw
from relais.steps.links import (
    SECOND,
    LinkRefusedError,
    NonceRefusedError,
    OpenedGate,
    check_gate_nonce,
    check_order_nonce,
    check_stand_in_nonce,
    gate_path,
    open_freelancer,
    open_gate_link,
    open_order,
    order_path,
    stand_in_path,
)
from relais.steps.lists import keep_lists
from relais.steps.picks import PICK_FIELDS, read_pick
from relais.steps.rating import rate
from relais.steps.reach import mark_posted
from relais.steps.review import reasons, review_fields, ticked
from relais.steps.settlement import SETTLEMENT_FIELDS, read_settlement
from relais.steps.situation import (
    GateNotFoundError,
    OfferNotFoundError,
    brief_gate,
    ratable,
    read_milestones,
    read_offer,
    read_order,
    read_situation,
    reopenable,
)
from relais.steps.talking import Question, ask, flagged
from relais.steps.texts import keep_text, save_brief
from relais.web import Request, Response, language, redirect

if TYPE_CHECKING:
    from relais.steps.show import Shown


OFFER_FIELDS = frozenset({"client_kind", "start_now", "ends_when_done", "lang", "payment", "address"})
LEAVING_FIELDS = frozenset({"name", "declare", "sure", "note"})
ORDER_FIELDS = (
    frozenset({"nonce", "action", "address", "file", "ready", "milestone", "reopen", "stars", "anyway", "extra"})
    | LEAVING_FIELDS
)
ASK_FIELDS = frozenset({"ask", "stops", "anyway"})
GATE_FIELDS = frozenset({"nonce", "choice", "note", "file", "why", "stripe_id"}).union(
    PICK_FIELDS, ASK_FIELDS, SETTLEMENT_FIELDS, HANDING_IN_FIELDS
)
CARD, DEBIT = "card", "sepa_debit"
CHECKOUT_FIELDS = frozenset({"nonce", "extra"})
STARS = frozenset("12345")
FILES = frozenset({"file"})
ADDRESS = re.compile(r"[!-~]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]{2,}")
UNADDRESSED = frozenset("<>\"',;:()[]\\")
UPLOAD = re.compile(r"[0-9a-f]{12}-(.+)")
ADDRESS_LIMIT = 254
NAME_LIMIT = 200
UPLOAD_FOLDERS = 3
"""`files/<order>/<gate>/<digest>-<name>`."""
MOST_UPLOADS = 120
"""More than any offer takes: those beyond are not even looked for."""
MILESTONE = re.compile(r"[0-9]{2}")
NOTE_NEEDED = frozenset(
    {
        Choice.REWORK,
        Choice.REVISE,
        Choice.REASSIGN,
        Choice.REQUEST,
        Choice.PART,
        Choice.CONTEST,
        Choice.ANSWER,
        Choice.APPEAL,
    }
)
NOTELESS = frozenset({Kind.PARK, Kind.LATE})


def guarded(ports: Ports, request: Request) -> Shown | Response:
    """An answer to a gate or on an order's page, with a page for each way in which it can be refused as a whole."""
    return _guarded(ports, request, _answers)


def guarded_checkout(ports: Ports, request: Request) -> Shown | Response:
    """The buttons that lead to a checkout, guarded likewise. Only their function has the key that opens one."""
    return _guarded(ports, request, _checkouts)


def _guarded(ports: Ports, request: Request, route: Callable[[Ports, Request], Shown | Response]) -> Shown | Response:
    lang = language(request)
    try:
        check_origin(ports, request)
        return route(ports, request)
    except (LinkRefusedError, OrderNotFoundError, GateNotFoundError, MalformedGateIdError):
        return notice(ports, lang, "dead_link", 404)
    except OfferNotFoundError:
        return notice(ports, lang, "not_found", 404)
    except OfferClosedError:
        return notice(ports, lang, "offer_paused", 409)
    except ForeignFormError:
        return notice(ports, lang, "form_refused", 403)
    except (FieldUnknownError, FieldRepeatedError) as wrong:
        return notice(ports, lang, "form_refused", 400, field=wrong.field)


def _checkouts(ports: Ports, request: Request) -> Shown | Response:
    match request.parts:
        case ("offer", slug):
            return order_offer(ports, request, slug)
        case ("o", order, secret, "checkout"):
            return go_to_checkout(ports, request, open_order(ports, order, secret))
        case _:
            return notice(ports, language(request), "not_found", 404)


def _answers(ports: Ports, request: Request) -> Shown | Response:
    match request.parts:
        case ("o", order, secret):
            return post_order(ports, request, open_order(ports, order, secret))
        case ("g", order, gate, secret):
            return post_gate(ports, request, open_gate_link(ports, order, gate, secret))
        case ("f", freelancer, secret):
            # Rare, and no gate's answer needs any of it: it does not load with them.
            from relais.steps.freelancer import post_freelancer

            return post_freelancer(ports, request, open_freelancer(ports, freelancer, secret))
        case _:
            return notice(ports, language(request), "not_found", 404)


def order_offer(ports: Ports, request: Request, slug: str) -> Shown | Response:
    """The offer's button: an order of this visitor's own, then the hosted checkout."""
    check_fields(request, OFFER_FIELDS)
    lang = language(request)
    problems = _consent_problems(request) + _payment_problems(request)
    if problems:
        return offer_page(ports, slug, lang, problems, request.typed())
    consumer = request.first("client_kind") == "consumer"
    debit_of = request.first("address") if request.first("payment") == DEBIT else None
    # Both boxes of a consumer were asked for above.
    order = draft(ports, slug, lang, consumer=consumer, express=consumer, debit_of=debit_of)
    return redirect(checkout(ports, order))


def _consent_problems(request: Request) -> tuple[Problem, ...]:
    kind = request.first("client_kind")
    if kind not in {"consumer", "business"}:
        return (Problem("kind_missing", "client_kind"),)
    missing = kind == "consumer" and not (request.first("start_now") and request.first("ends_when_done"))
    return (Problem("consent_missing", "start_now"),) if missing else ()


def _payment_problems(request: Request) -> tuple[Problem, ...]:
    """How it is paid: by card where nothing is said. Debits are counted by their client's address (money A 10)."""
    means = request.first("payment") or CARD
    if means not in {CARD, DEBIT}:
        return (Problem("payment_missing", "payment"),)
    if means == DEBIT and not _is_address(request.first("address")):
        return (Problem("address_invalid", "address"),)
    return ()


def go_to_checkout(ports: Ports, request: Request, order: Order) -> Shown | Response:
    """The button of an order that is not paid yet: its one payable session."""
    check_fields(request, CHECKOUT_FIELDS)
    try:
        check_order_nonce(ports, order, request.first("nonce"))
    except NonceRefusedError:
        return order_page(ports, order, request, Typed((Problem("nonce_expired"),), of_brief=False))
    if request.first("extra"):
        from relais.steps.extras import checkout_extra  # rare: the order's own checkout loads nothing of it

        return redirect(checkout_extra(ports, order, request.first("extra")))
    return redirect(checkout(ports, order))


def post_order(ports: Ports, request: Request, order: Order) -> Shown | Response:
    """The forms of the order's page: the brief (saved or handed in) and the address."""
    offer = read_offer(ports.store, order.offer, order.offer_version)
    check_fields(request, ORDER_FIELDS | brief_fields(offer), FILES)
    files = own_files(request, f"files/{order.id}/00-{Kind.BRIEF.value}-")
    typed = Typed((), request.typed(), files)
    try:
        check_order_nonce(ports, order, request.first("nonce"))
    except NonceRefusedError:
        return order_page(ports, order, request, with_problems(typed, Problem("nonce_expired")))
    match request.first("action"):
        case "address":
            return _post_address(ports, request, order)
        case "save" | "hand_in" as action:
            return _post_brief(ports, request, order, offer, typed, hand_in=action == "hand_in")
        case "drop":
            return _post_drop(ports, request, order, typed)
        case "reopen":
            return _post_reopen(ports, request, order, typed)
        case "rate":
            return _post_rating(ports, request, order, typed)
        case "withdraw" | "confirm" as step:
            return _post_withdrawal(ports, request, order, typed, confirmed=step == "confirm")
        case "cancel":
            return _post_cancel(ports, request, order, typed)
        case "agree":
            return _post_agree(ports, request, order, typed)
        case "extra":
            return _post_extra(ports, request, order, typed)
        case "message":
            from relais.steps.writing import post_on_order  # no other form of the page loads it

            return post_on_order(ports, request, order, typed)
        case _:
            return order_page(ports, order, request, with_problems(typed, Problem("choice_missing", "action")))


def brief_fields(offer: Offer) -> frozenset[str]:
    """The fields of its questions: an answer, or the wish to be advised."""
    return frozenset(f"{what}_{question.key}" for question in offer.questions for what in ("q", "skip"))


def with_problems(typed: Typed, *problems: Problem) -> Typed:
    """What was typed, with more that is wrong with it."""
    return replace(typed, problems=(*typed.problems, *problems))


def _post_address(ports: Ports, request: Request, order: Order) -> Shown | Response:
    address = "".join(letter for letter in request.first("address") if letter.isprintable())
    if not _is_address(address):
        return order_page(
            ports, order, request, Typed((Problem("address_invalid", "address"),), request.typed(), of_brief=False)
        )
    if order.stage in {OrderStage.DRAFT, OrderStage.COMPLETED} or address == order.client_email:
        return redirect(order_path(ports, order))
    return redirect(order_path(ports, correct_address(ports, order, address)))


def _post_drop(ports: Ports, request: Request, order: Order, typed: Typed) -> Shown | Response:
    """The client gives up a milestone that has not begun; it was shown before what that means."""
    number = request.first("milestone")
    if MILESTONE.fullmatch(number) is None:
        return order_page(ports, order, request, with_problems(typed, Problem("choice_missing", "milestone")))
    try:
        cancel_milestone(ports, order.id, number, by=Role.CLIENT, cause=RefundCause.CHANGE_OF_MIND)
    except (MilestoneBegunError, MilestoneNotFoundError, NothingToCancelError, InterruptMetError):
        return order_page(ports, order, request, with_problems(typed, Problem("drop_too_late")))
    return redirect(order_path(ports, order))


def _post_reopen(ports: Ports, request: Request, order: Order, typed: Typed) -> Shown | Response:
    """The client reopens what their silence accepted: through the door of the hold, ticked first (promise 4)."""
    if request.first("reopen") != "yes":
        return order_page(ports, order, request, with_problems(typed, Problem("reopen_missing", "reopen")))
    number = request.first("milestone")
    found = next((one for one in read_milestones(ports.store, order.id) if one.number == number), None)
    gate = None if found is None else reopenable(ports, found)
    try:
        if gate is None:
            return order_page(ports, order, request, with_problems(typed, Problem("reopen_too_late")))
        answer(ports, read_situation(ports, order.id, number), gate, Answer(Choice.REOPEN, Role.CLIENT.value, Via.LINK))
    except (AlreadyAnsweredError, ChoiceNotOfferedError):
        return order_page(ports, order, request, with_problems(typed, Problem("reopen_too_late")))
    return redirect(order_path(ports, order))


def _post_rating(ports: Ports, request: Request, order: Order, typed: Typed) -> Shown | Response:
    """The client rates accepted work, once; words are welcome and never asked for."""
    note, number = request.first("note").strip(), request.first("milestone")
    problems = note_problems(note, required=False)
    if request.first("stars") not in STARS:
        problems = (Problem("stars_missing", "stars"), *problems)
    if problems:
        return order_page(ports, order, request, with_problems(typed, *problems))
    found = next((one for one in read_milestones(ports.store, order.id) if one.number == number), None)
    if found is None or not ratable(found):
        return order_page(ports, order, request, with_problems(typed, Problem("rating_given")))
    kept = keep_text(ports, order.id, f"rating-{number}", note) if note else None
    rate(ports, order.id, number, int(request.first("stars")), text=kept, words=note)
    return redirect(order_path(ports, order))


def _post_withdrawal(
    ports: Ports, request: Request, order: Order, typed: Typed, *, confirmed: bool
) -> Shown | Response:
    """A consumer's withdrawal in two steps: the statement, then the confirmation (Code de la consommation, D221-5).

    The first writes nothing: it shows what was declared and what it gives back.
    """
    name, address = request.first("name"), request.first("address")
    problems: tuple[Problem, ...] = () if 0 < len(name) <= NAME_LIMIT else (Problem("name_missing", "name"),)
    if not _is_address(address):
        problems += (Problem("address_invalid", "address"),)
    if request.first("declare") != "yes":
        problems += (Problem("declare_missing", "declare"),)
    if problems:
        return order_page(ports, order, request, replace(with_problems(typed, *problems), of_brief=False))
    if not confirmed:
        return order_page(ports, order, request, replace(typed, step="confirm", status=200, of_brief=False))
    try:
        withdraw(ports, order.id, name=name, email=address)
    except (RightOverError, InterruptMetError):
        if read_order(ports.store, order.id).leaving is not None:
            return redirect(order_path(ports, order))  # pressed twice: the page says what was declared
        return order_page(ports, order, request, replace(with_problems(typed, Problem("right_over")), of_brief=False))
    return redirect(order_path(ports, order))


def _post_cancel(ports: Ports, request: Request, order: Order, typed: Typed) -> Shown | Response:
    """The client cancels before anybody has taken the work; what they get back was shown before."""
    if request.first("sure") != "yes":
        problem = Problem("sure_missing", "sure")
        return order_page(ports, order, request, replace(with_problems(typed, problem), of_brief=False))
    try:
        cancel_unstarted(ports, order.id)
    except (WorkBegunError, InterruptMetError):
        if read_order(ports.store, order.id).leaving is not None:
            return redirect(order_path(ports, order))
        return order_page(
            ports, order, request, replace(with_problems(typed, Problem("cancel_too_late")), of_brief=False)
        )
    return redirect(order_path(ports, order))


def _post_extra(ports: Ports, request: Request, order: Order, typed: Typed) -> Shown | Response:
    """Something more for the work under way: its price and date are read on a page of its own, before it is paid."""
    from relais.steps.extras import ask_extra  # rare: no other form of the page loads what it takes

    number, _, key = request.first("extra").partition(" ")
    wrong = Problem("extra_missing", "extra") if not key else None
    known = {one.number for one in read_milestones(ports.store, order.id)}
    gate = ask_extra(ports, order.id, number, key) if wrong is None and number in known else None
    if gate is None:
        problem = wrong or Problem("extra_too_late", "extra")
        return order_page(ports, order, request, replace(with_problems(typed, problem), of_brief=False))
    return redirect(gate_path(ports, order, gate))


def _post_agree(ports: Ports, request: Request, order: Order, typed: Typed) -> Shown | Response:
    """The client asks the seller to end what has begun, with words."""
    number, note = request.first("milestone"), request.first("note")
    problems = note_problems(note, required=True)
    if number not in {one.number for one in read_milestones(ports.store, order.id)}:
        problems += (Problem("choice_missing", "milestone"),)
    if problems:
        return order_page(ports, order, request, replace(with_problems(typed, *problems), of_brief=False))
    asked = ask_to_end(ports, order.id, number, keep_text(ports, order.id, f"agreement-{number}", note))
    if asked is None or asked.status is not Status.OPEN:
        return order_page(
            ports, order, request, replace(with_problems(typed, Problem("agree_too_late")), of_brief=False)
        )
    return redirect(f"{order_path(ports, order)}#leaving")


def _is_address(address: str) -> bool:
    well_formed = len(address) <= ADDRESS_LIMIT and ADDRESS.fullmatch(address) is not None
    return well_formed and not UNADDRESSED.intersection(address)


def _post_brief(
    ports: Ports, request: Request, order: Order, offer: Offer, typed: Typed, *, hand_in: bool
) -> Shown | Response:
    gate = brief_gate(ports, order)
    if gate is None and order.settling:
        return _keep_answers(ports, request, order, typed)
    if gate is None:
        return redirect(order_path(ports, order))
    return take_brief(
        ports,
        request,
        gate,
        offer,
        typed,
        by=Role.CLIENT,
        path=order_path(ports, order),
        again=lambda wrong: order_page(ports, order, request, wrong),
        hand_in=hand_in,
    )


def _keep_answers(ports: Ports, request: Request, order: Order, typed: Typed) -> Shown | Response:
    """The client answers while their debit is under way: it is kept; the brief is handed in once the order is paid."""
    fields = _brief_answers(typed)
    problems = _brief_too_long(fields)
    if problems:
        return order_page(ports, order, request, with_problems(typed, *problems))
    save_brief(ports, order.id, fields, ())
    return redirect(f"{order_path(ports, order)}?saved=1")


def _brief_answers(typed: Typed) -> dict[str, str]:
    return {key: value for key, value in typed.fields.items() if key.startswith(("q_", "skip_"))}


def _brief_too_long(fields: Mapping[str, str]) -> tuple[Problem, ...]:
    if sum(len(value) for value in fields.values()) <= BRIEF_LIMIT:
        return ()
    return (Problem("brief_too_long", None, {"limit": BRIEF_LIMIT}),)


def take_brief(
    ports: Ports,
    request: Request,
    gate: Gate,
    offer: Offer,
    typed: Typed,
    *,
    by: Role,
    path: str,
    again: Callable[[Typed], Shown | Response],
    hand_in: bool,
    more: tuple[Write, ...] = (),
) -> Shown | Response:
    """A brief that was sent from a page at `path`, by its client or for them: saved, or handed in with `more`.

    `again` shows the page with what is wrong.
    """
    fields = _brief_answers(typed)
    if too_long := _brief_too_long(fields):
        return again(with_problems(typed, *too_long))
    if len(typed.files) > offer.max_files:
        return again(with_problems(typed, too_many(offer)))
    save_brief(ports, gate.order, fields, typed.files)
    if by is gate.role and any(value.strip() for value in fields.values()):
        mark_posted(ports, gate)
    if not hand_in:
        return redirect(f"{path}?saved=1")
    problems = brief_problems(offer, fields, typed.files)
    if request.first("ready") != "yes":
        # A scanner that presses every button of a page has chosen nothing (promise 4).
        problems += (Problem("ready_missing", "ready"),)
    uploads, missing = measured(ports, typed.files)
    if problems or missing:
        return again(with_problems(typed, *problems, *missing))
    order = read_order(ports.store, gate.order)
    answers = {question.key: answer_text(question, fields, order.lang) for question in offer.questions}
    key = keep_text(ports, order.id, "brief", json.dumps(answers, ensure_ascii=False))
    given = Answer(
        Choice.HAND_IN,
        by.value,
        Via.LINK,
        facts={"text": key, **keep_lists(ports, order.id, "brief", {"files": uploads})},
    )
    return _through_the_door(ports, gate, given, path, more)


def answer_text(question: Asked, fields: Mapping[str, str], lang: str) -> str:
    """An answer of the brief as it is kept, or the wish to be advised in the client's language."""
    if fields.get(f"skip_{question.key}"):
        return "je ne sais pas, conseillez-moi" if lang == "fr" else "I don't know, advise me"
    return fields.get(f"q_{question.key}", "").strip()


def brief_problems(offer: Offer, fields: Mapping[str, str], files: tuple[str, ...]) -> tuple[Problem, ...]:
    """What a brief lacks that the offer asks for."""
    problems = [
        Problem("answer_missing", f"q_{question.key}", {"question": question.key})
        for question in offer.questions
        if question.required
        and not question.files
        and not fields.get(f"q_{question.key}", "").strip()
        and not fields.get(f"skip_{question.key}")
    ]
    wants_files = any(question.files and question.required for question in offer.questions)
    if wants_files and not files:
        problems.append(Problem("files_required", "file"))
    return tuple(problems)


def own_files(request: Request, prefix: str) -> tuple[str, ...]:
    """The uploads named by a form that were permitted at such a gate; each is looked at, so there are not many."""
    named = dict.fromkeys(key for key in request.form.get("file", ()) if key.startswith(prefix))
    return tuple(key for key in named if _is_upload(key))[:MOST_UPLOADS]


def _is_upload(key: str) -> bool:
    *folders, last = key.split("/")
    upload = UPLOAD.fullmatch(last)
    return len(folders) == UPLOAD_FOLDERS and upload is not None and file_name_problem(upload[1]) is None


def measured(ports: Ports, keys: tuple[str, ...]) -> tuple[list[dict[str, Any]], tuple[Problem, ...]]:
    """What was really uploaded: size and digest of each file; a missing or empty one is told by name.

    Its permit may be used again for the rest of its hour: what counts from here on is the upload that is looked at.
    """
    found: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for key in keys:
        name, measured = file_name(key), ports.files.measure(key)
        if measured is None:
            problems.append(Problem("file_missing", "file", {"name": name}))
            continue
        size, upload = measured
        if size == 0:
            problems.append(Problem("file_empty", "file", {"name": name}))
        elif size > FILE_LIMIT:
            problems.append(Problem("file_too_large", "file", {"name": name, "limit_mb": FILE_LIMIT_MB}))
        else:
            digest = ports.files.digest(key, upload)
            found.append({"name": name, "key": key, "upload": upload, "size": size, "sha256": digest})
    return found, tuple(problems)


def post_gate(ports: Ports, request: Request, opened: OpenedGate) -> Shown | Response:
    """An answer to a gate, by its link."""
    order, gate = opened.order, opened.gate
    second = opened.stands_in and gate.id.kind is Kind.REVIEW
    if opened.stands_in and not second:
        from relais.steps.stand_in import post_stand_in  # rare: no other answer loads it

        return post_stand_in(ports, request, opened)
    check_fields(request, GATE_FIELDS | _points(ports, order, gate), FILES)
    files = own_files(request, f"files/{order.id}/{gate.id}/")
    typed = Typed((), request.typed(), files)
    if gate.status is not Status.OPEN or gate.id.kind is Kind.BRIEF:
        return gate_page(ports, opened)
    try:
        if second:
            check_stand_in_nonce(ports, gate, request.first("nonce"))
        else:
            check_gate_nonce(ports, order, gate, request.first("nonce"))
    except NonceRefusedError:
        return gate_page(ports, opened, typed=with_problems(typed, Problem("nonce_expired")))
    if gate.id.kind in PASSED_ON and request.form.get("file"):
        from relais.steps.writing import with_carried  # as files with words are

        typed = with_carried(ports, request, gate, typed)
    if request.first("ask") and not second:
        return _post_ask(ports, request, opened, typed)
    chosen = request.first("choice")
    if chosen not in {choice.value for choice in gate.choices if choice is not Choice.LAPSED}:
        return gate_page(ports, opened, typed=with_problems(typed, Problem("choice_missing", "choice")))
    choice = Choice(chosen)
    note, too_long = words_with(ports, gate, choice, typed.fields)
    handed: dict[str, Any] = {"files": []}
    problems = too_long + note_problems(note, required=choice in NOTE_NEEDED and gate.id.kind not in NOTELESS)
    if choice is Choice.DELIVER:
        handed, missing = handed_in(ports, gate, files, typed.fields)
        problems += missing
    facts, wrong = besides(ports, order, gate, choice, typed.fields)
    problems += wrong
    if gate.id.kind in PASSED_ON and choice is Choice.ANSWER:
        if request.first("anyway") != "yes":
            problems += _meeting(ports, gate, note)
        said, unfit = _files_said(ports, request, gate, typed)
        handed, problems = {"files": said}, problems + unfit
    if problems:
        mark_posted(ports, gate)
        return gate_page(ports, opened, typed=with_problems(typed, *problems))
    kept = keep_text(ports, order.id, f"note-{gate.id}", note) if note else None
    by = gate.owner if gate.role is Role.FREELANCER else SECOND if second else gate.role.value
    path = stand_in_path(ports, gate) if second else ""
    return _through_the_door(ports, gate, Answer(choice, by, Via.LINK, kept, handed | facts), path)


def _files_said(
    ports: Ports, request: Request, gate: Gate, typed: Typed
) -> tuple[list[dict[str, Any]], tuple[Problem, ...]]:
    """The files that come with words, and what is wrong with them."""
    if not typed.files:
        return [], ()
    from relais.steps.writing import answer_files  # most words come without files

    return answer_files(ports, gate, typed, anyway=request.first("anyway") == "yes")


def _points(ports: Ports, order: Order, gate: Gate) -> frozenset[str]:
    """The fields of the checklist that a review is shown with."""
    if gate.id.kind is not Kind.REVIEW:
        return frozenset()
    return review_fields(read_offer(ports.store, order.offer, order.offer_version))


def words_with(ports: Ports, gate: Gate, choice: Choice, typed: Mapping[str, str]) -> tuple[str, tuple[Problem, ...]]:
    """The words that come with an answer; of a version sent back, each point with its reason before them."""
    if gate.id.kind is not Kind.REVIEW or choice is Choice.APPROVE:
        return typed.get("note", "").strip(), ()
    situation = read_situation(ports, gate.order, gate.id.milestone)
    reader = situation.freelancer.lang if situation.freelancer else situation.shop.lang
    return reasons(situation.offer, typed, reader)


def _post_ask(ports: Ports, request: Request, opened: OpenedGate, typed: Typed) -> Shown | Response:
    """A form beside the gate's own: a question, or the wish for another date."""
    gate, note = opened.gate, request.first("note")
    situation = read_situation(ports, gate.order, gate.id.milestone)
    asked = request.first("ask")
    if asked == Kind.COUNTER.value and request.first("sure") == "yes":
        from relais.steps.countering import post_back  # as below

        return post_back(ports, opened)
    if asked not in {one.value for one in may_be_asked(ports, situation, gate)}:
        return gate_page(ports, opened, typed=with_problems(typed, Problem("ask_waits")))
    if asked == Kind.COUNTER.value:
        # Rare, and it weighs margins: no other form loads what that takes.
        from relais.steps.countering import post_counter

        return post_counter(
            ports, request, opened, lambda *of: gate_page(ports, opened, typed=with_problems(typed, *of))
        )
    if asked == Kind.MESSAGE.value:
        from relais.steps.writing import post_beside  # likewise: no other form loads it

        sent = post_beside(ports, request, opened.order, gate, typed)
        return redirect(sent) if isinstance(sent, str) else gate_page(ports, opened, typed=with_problems(typed, *sent))
    if gate.id.kind is Kind.ACCEPTANCE:
        if request.first("sure") != "yes":
            # A scanner that presses every button of a page has chosen nothing (promise 4).
            return gate_page(ports, opened, typed=with_problems(typed, Problem("longer_missing", "longer")))
        mark_posted(ports, gate)
        _by_rule(ports, give_more_time(ports, gate))
        return redirect(f"{gate_path(ports, opened.order, gate)}#more-time")
    problems = note_problems(note, required=True)
    until: datetime | None = None
    said: list[dict[str, Any]] = []
    if asked == Kind.MORE_TIME.value:
        facts, wrong = read_deadline(situation, typed.fields.get("until", ""))
        problems += wrong
        until = None if wrong else datetime.fromisoformat(facts["until"])
        if until is not None and gate.deadline is not None and until <= gate.deadline:
            problems += (Problem("until_not_later", "until"),)
    else:
        if request.first("anyway") != "yes":
            problems += _meeting(ports, gate, note, asked)
        if gate.id.kind in PASSED_ON and request.first("sure") != "yes" and _untouched(ports, gate, note):
            # The words stand in the form already: a scanner that presses its button has passed nothing on (promise 4).
            problems += (Problem("pass_on_missing", "note"),)
        said, unfit = _files_said(ports, request, gate, typed)
        problems += unfit
    if problems:
        if note.strip():
            # A scanner that presses the button of an empty form is not the owner (decision 0005).
            mark_posted(ports, gate)
        own = (replace(one, field=f"{asked}_note") if one.field == "note" else one for one in problems)
        return gate_page(ports, opened, typed=with_problems(typed, *own))
    kept = keep_text(ports, gate.order, f"{asked}-{gate.id}", note)
    if until is not None:
        wished = ask_more_time(ports, gate, until, kept)
        _by_rule(ports, wished if wished is not None and wished.shown.get("by_rule") else None)
    else:
        digest = kept.rpartition("-")[2]
        ask(ports, Question(gate, kept, digest, stops=request.first("stops") == "yes", files=tuple(said)))
    return redirect(f"{gate_path(ports, opened.order, gate)}#thread")


def _by_rule(ports: Ports, wished: Gate | None) -> None:
    """More time that a rule gives is given at once."""
    if wished is not None and wished.status is Status.OPEN:
        given = Answer(Choice.GRANT, Role.ENGINE.value, Via.ENGINE)
        answer(ports, read_situation(ports, wished.order, wished.id.milestone), wished, given)


def _untouched(ports: Ports, gate: Gate, note: str) -> bool:
    """Whether a form holds but the words that the seller is to pass on."""
    return "".join(note.split()) == "".join((ports.files.get_text(gate.shown["text"]) or "").split())


def _meeting(ports: Ports, gate: Gate, note: str, asked: str = "") -> tuple[Problem, ...]:
    """What would let people who are hidden from each other meet: told before it is sent."""
    situation = read_situation(ports, gate.order, gate.id.milestone)
    return tuple(Problem(f"contact_{one.value}", "note") for one in flagged(ports, situation, gate, note, asked))


def besides(
    ports: Ports, order: Order, gate: Gate, choice: Choice, typed: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """What a choice needs besides, and what is wrong with what was typed."""
    match gate.id.kind:
        case Kind.PICK:
            return read_pick(ports, order, choice, typed)
        case Kind.REVIEW:
            return {"ticked": ticked(read_offer(ports.store, order.offer, order.offer_version), typed)}, ()
        case Kind.PROPOSAL:
            return _why_not(typed.get("why", ""))
        case Kind.LATE:
            return read_late(ports, gate, choice, typed)
        case Kind.OUTCOME:
            from relais.steps.outcomes import read_outcome  # rare, and about money: no other answer loads it

            return read_outcome(choice, typed)
        case Kind.REFUND_REQUEST:
            return read_settlement(read_situation(ports, order.id, gate.id.milestone), choice, typed)
        case _:
            return {}, ()


def handed_in(
    ports: Ports, gate: Gate, files: tuple[str, ...], typed: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """What a freelancer hands in, with what was found when it was looked at, or what is wrong with it."""
    situation = read_situation(ports, gate.order, gate.id.milestone)
    links, wrong = read_links(typed)
    if not files and not links:
        return {}, (Problem("files_required", "file"), *wrong)
    if len(files) > situation.offer.max_files:
        return {}, (too_many(situation.offer), *wrong)
    uploads, missing = measured(ports, files)
    if missing or wrong:
        return {}, (*missing, *wrong)
    found = looked_at(ports, situation, uploads, links)
    lists: dict[str, list[Any]] = {"files": uploads, "links": list(links), "checks": [one.to_row() for one in found]}
    untold = required(found, typed)
    return ({}, untold) if untold else (keep_lists(ports, gate.order, str(gate.id), lists), ())


def _why_not(why: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Why a freelancer declines, where they say so; it is never asked for."""
    if not why:
        return {}, ()
    return ({"why": why}, ()) if why in set(DeclineWhy) else ({}, (Problem("why_unknown", "why"),))


def _through_the_door(
    ports: Ports, gate: Gate, given: Answer, path: str = "", more: tuple[Write, ...] = ()
) -> Shown | Response:
    """Give the answer, written with `more`; then back to the page at `path`, or to the gate's own."""
    situation = read_situation(ports, gate.order, gate.id.milestone)
    try:
        decided = answer(ports, situation, gate, given, more)
    except (AlreadyAnsweredError, ChoiceNotOfferedError) as late:
        stands_in = gate.id.kind in {Kind.BRIEF, Kind.REVIEW} and given.by != gate.role.value
        return gate_page(ports, OpenedGate(situation.order, late.gate, stands_in))
    return redirect(path or gate_path(ports, situation.order, decided))
