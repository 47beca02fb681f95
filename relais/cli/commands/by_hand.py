"""`relais order …`: what the seller does by hand, each with a reason that is kept, told to whom it concerns."""

import hashlib
import mimetypes
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from relais.calendar import previous_working_instant
from relais.cli.commands import order as orders
from relais.cli.commands.order import Reason
from relais.cli.output import AsJson, OfOrder, OfStage, Times, UsageRefusedError, say, sentences, tell_json
from relais.cli.reading import tidy
from relais.cli.stack import OperatorPorts, Stack, Stage
from relais.gate import Gate
from relais.order import ORDER_LEVEL, OrderStage, stamp
from relais.pages.render import say_problem
from relais.problem import Problem
from relais.steps import corrections, dates, in_name
from relais.steps.forms import FILE_LIMIT, FILE_LIMIT_MB, clean_name, file_name_problem
from relais.steps.situation import read_milestones, read_order, read_shop, read_situation

app = orders.app
"""Where these commands stand: beside those that show an order."""
OTHER_MEDIA = "application/octet-stream"
OfMilestone = Annotated[str, typer.Option(help="Which milestone.")]
OfGate = Annotated[str, typer.Argument(metavar="GATE", help="Which gate, as `relais order contract` names it.")]
Moment = Annotated[
    datetime,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
        help="A day (its last working hour) or a moment, by the shop's clock: 2026-12-10 or 2026-12-10T12:00.",
    ),
]
Agreed = Annotated[bool, typer.Option("--agreed", help="They said yes to it, by phone for example.")]


@app.command(
    epilog='Examples: relais order answer 4f7k2m9q0abc 01-acceptance-0004 accept --reason "by phone, Tue 14:10"; '
    'relais order answer 4f7k2m9q0abc 01-late-0001 wait --set until=2026-12-10 --reason "agreed with Inès"'
)
@sentences
def answer(  # noqa: PLR0917 - Typer reads options from parameters
    order: OfOrder,
    gate: OfGate,
    choice: Annotated[str, typer.Argument(help="One of the gate's choices.")],
    reason: Reason,
    note: Annotated[
        str, typer.Option(help="The words that the page would ask for: what has to change, an answer.")
    ] = "",
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="What else the page would ask, by its field's name."),
    ] = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Answer an open gate in its owner's name: kept as yours, and told to them by mail.

    The clock and Stripe are not answered for: pay and starts have commands of their own.
    """
    ports = Stack(stage).ports
    typed = _pairs(given) | ({"note": note} if note else {})
    decided = _taken(lambda: in_name.answer_for(ports, tidy(order), gate, choice, typed, reason=reason))
    _tell_gate(ports, decided, f"Answered: {choice}. Whoever it was asked of is told by mail.", as_json=as_json)


@app.command(epilog='Example: relais order brief 4f7k2m9q0abc --answer name="Boulangerie Aubépine" --reason "by phone"')
@sentences
def brief(
    order: OfOrder,
    reason: Reason,
    answers: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="QUESTION=TEXT", help="An answer, by its question's key; repeat it."),
    ] = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Fill in the brief for its client and hand it in, or correct the one that was handed in.

    What the client had saved stays; they are told by mail, and after the hand-in whoever works by it too.
    """
    ports, known = Stack(stage).ports, tidy(order)
    head, said = read_order(ports.store, known), _pairs(answers)
    if head.stage is OrderStage.BRIEF:
        decided = _taken(lambda: in_name.fill_in_brief(ports, known, said, reason=reason))
        _tell_gate(ports, decided, "The brief is handed in: the working days have started.", as_json=as_json)
        return
    if not said:
        raise UsageRefusedError('Name what is to be corrected: --answer name="Boulangerie Aubépine".')
    in_name.correct_brief(ports, known, said, reason=reason)
    _tell(
        known, {"corrected": sorted(said)}, "The brief is corrected; client and freelancer are told.", as_json=as_json
    )


@app.command(
    "hand-in", epilog='Example: relais order hand-in 4f7k2m9q0abc logo.svg logo.pdf --reason "came by mail from Inès"'
)
@sentences
def hand_in(  # noqa: PLR0917 - likewise
    order: OfOrder,
    reason: Reason,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="What was made.")
    ] = None,
    link: Annotated[list[str] | None, typer.Option(help="A link instead of a file, or beside it; repeat it.")] = None,
    note: Annotated[str, typer.Option(help="Words to the seller's review, or why a check is passed over.")] = "",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Hand in although a check of the offer asks for more.")
    ] = False,
    milestone: OfMilestone = "01",
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Hand in files for whoever does the work: the same checks look at them, and the freelancer is told by mail."""
    ports, known, number = Stack(stage).ports, tidy(order), f"{milestone:>02}"
    gate = in_name.work_gate(ports, read_situation(ports, known, number))
    keys = tuple(_upload(ports, gate, path) for path in files or ())
    typed = {"links": "\n".join(link or ()), "note": note} | ({"anyway": "yes"} if anyway else {})
    decided = _taken(lambda: in_name.hand_in_for(ports, known, number, keys, typed, reason=reason))
    _tell_gate(ports, decided, f"Handed in: {len(keys)} files.", as_json=as_json)


def _upload(ports: OperatorPorts, gate: Gate, path: Path) -> str:
    """Send one file to where those of the gate's page go; returns its key."""
    name, size = clean_name(path.name), path.stat().st_size
    problem = file_name_problem(name)
    if problem is None and size > FILE_LIMIT:
        problem = Problem("file_too_large", "file", {"name": name, "limit_mb": FILE_LIMIT_MB})
    if problem is not None:
        raise UsageRefusedError(say_problem(problem, "en"))
    digest = hashlib.sha256(f"{gate.id}\x1f{name}\x1f{size}\x1f{ports.now()}".encode()).hexdigest()[:12]
    key = f"files/{gate.order}/{gate.id}/{digest}-{name}"
    with path.open("rb") as body:
        ports.files.put_file(key, body, mimetypes.guess_type(name)[0] or OTHER_MEDIA)
    return key


@app.command(epilog='Example: relais order name 4f7k2m9q0abc "Marie Quatremer" --reason "typo, told by phone"')
@sentences
def name(
    order: OfOrder,
    to: Annotated[str, typer.Argument(metavar="NAME", help="The client's name.")],
    reason: Reason,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Correct the client's name; they are told by mail."""
    known = tidy(order)
    corrections.correct_name(Stack(stage).ports, known, to, reason=reason)
    _tell(known, {"corrected": "name"}, "The name is corrected, and the client is told.", as_json=as_json)


@app.command(epilog='Example: relais order billing 4f7k2m9q0abc "Aubépine SARL, FR12345678901, Brest" --reason "asked"')
@sentences
def billing(
    order: OfOrder,
    to: Annotated[str, typer.Argument(metavar="TEXT", help="Company, address, VAT number: as it shall be printed.")],
    reason: Reason,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Keep to whom the client wants it billed; they are told by mail. Rights of a consumer stay what they are."""
    known = tidy(order)
    corrections.correct_billing(Stack(stage).ports, known, to, reason=reason)
    _tell(known, {"corrected": "billing"}, "The billing identity is kept, and the client is told.", as_json=as_json)


@app.command(
    epilog='Example: relais order move 4f7k2m9q0abc 01-work-0002 --to 2026-12-10 --reason "agreed with Inès, by phone"'
)
@sentences
def move(  # noqa: PLR0917 - likewise
    order: OfOrder,
    gate: OfGate,
    to: Moment,
    reason: Reason,
    agreed: Agreed = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Move the deadline of an open gate: its owner is told by mail. Earlier than it was only with their yes.

    The work's is the working deadline: one beyond the promised date asks the client, who may else cancel.
    """
    ports = Stack(stage).ports
    moved = dates.move_deadline(ports, tidy(order), gate, _instant(ports, to), reason=reason, agreed=agreed)
    _tell_gate(ports, moved, f"Gate {moved.id} waits until {_shown(ports, moved)}.", as_json=as_json)


@app.command(
    epilog='Example: relais order promise 4f7k2m9q0abc --to 2026-12-11 --agreed --reason "by phone, Tue 14:10"'
)
@sentences
def promise(  # noqa: PLR0917 - likewise
    order: OfOrder,
    to: Moment,
    reason: Reason,
    agreed: Agreed = False,
    milestone: Annotated[str | None, typer.Option(help="Which milestone, where there are several.")] = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Move the date promised to the client: later with their yes only.

    Without --agreed they are asked by mail, and may cancel instead; it moves when they say yes.
    """
    ports, known = Stack(stage).ports, tidy(order)
    until, number = _instant(ports, to), _number(ports, known, milestone)
    moved = dates.move_promise(ports, known, number, until, reason=reason, agreed=agreed)
    told = "The promised date has moved, and the client is told." if moved else "The client is asked by mail."
    _tell(known, {"milestone": number, "until": until.isoformat(), "moved": moved}, told, as_json=as_json)


@app.command(epilog='Example: relais order pause 4f7k2m9q0abc --until 2026-12-14 --for-client --reason "she is abroad"')
@sentences
def pause(  # noqa: PLR0917 - likewise
    order: OfOrder,
    until: Moment,
    reason: Reason,
    for_client: Annotated[
        bool, typer.Option("--for-client", help="The client wants it: the promised date waits too.")
    ] = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Let an order stand still until a date: nobody's time counts, no silence decides; all are told by mail.

    Pay that is held, a bank's dispute and repairs go on. The order goes on by itself on that day.
    """
    ports, known = Stack(stage).ports, tidy(order)
    at = _instant(ports, until)
    dates.pause(ports, known, at, reason=reason, by_client=for_client)
    _tell(known, {"paused_until": at.isoformat()}, "The order stands still; all are told.", as_json=as_json)


@app.command("go-on", epilog='Example: relais order go-on 4f7k2m9q0abc --reason "she is back"')
@sentences
def go_on(order: OfOrder, reason: Reason, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """End the pause of an order now: every date moves by the time that it stood still; all are told by mail."""
    known = tidy(order)
    ended = dates.go_on(Stack(stage).ports, known, reason=reason)
    told = "The order goes on; all are told." if ended else "The order does not stand still: nothing was changed."
    _tell(known, {"ended": ended}, told, as_json=as_json)


@app.command(epilog='Example: relais order revision 4f7k2m9q0abc --reason "goodwill: the font was our mistake"')
@sentences
def revision(
    order: OfOrder, reason: Reason, milestone: OfMilestone = "01", stage: OfStage = Stage.DEV, as_json: AsJson = False
) -> None:
    """Give the client one more change, free; they are told by mail. A right to a refund stays theirs."""
    known = tidy(order)
    before = corrections.give_revision(Stack(stage).ports, known, f"{milestone:>02}", reason=reason)
    left = before.revisions_left + 1
    _tell(
        known,
        {"milestone": before.number, "revisions_left": left},
        f"The client has {left} changes left.",
        as_json=as_json,
    )


@app.command(epilog='Example: relais order reopen 4f7k2m9q0abc --reason "she pressed yes by mistake, by phone"')
@sentences
def reopen(
    order: OfOrder, reason: Reason, milestone: OfMilestone = "01", stage: OfStage = Stage.DEV, as_json: AsJson = False
) -> None:
    """Put accepted work before the client again, until its pay leaves; once. They and the freelancer are told."""
    ports = Stack(stage).ports
    decided = dates.reopen(ports, tidy(order), f"{milestone:>02}", reason=reason)
    _tell_gate(ports, decided, "Reopened: the client is asked again, and nobody is paid before.", as_json=as_json)


@app.command("release-pay", epilog='Example: relais order release-pay 4f7k2m9q0abc --reason "the client was delighted"')
@sentences
def release_pay(
    order: OfOrder, reason: Reason, milestone: OfMilestone = "01", stage: OfStage = Stage.DEV, as_json: AsJson = False
) -> None:
    """Let the pay of accepted work leave now instead of at the end of its hold; the freelancer is told by mail."""
    ports = Stack(stage).ports
    decided = dates.release_pay(ports, tidy(order), f"{milestone:>02}", reason=reason)
    _tell_gate(ports, decided, "The pay leaves now.", as_json=as_json)


@app.command(
    "hold-pay", epilog='Example: relais order hold-pay 4f7k2m9q0abc --until 2026-12-14 --reason "files to check"'
)
@sentences
def hold_pay(  # noqa: PLR0917 - likewise
    order: OfOrder,
    until: Moment,
    reason: Reason,
    milestone: OfMilestone = "01",
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Keep the pay of accepted work back until a later date, within the law's 30 days; the freelancer is told."""
    ports = Stack(stage).ports
    held = dates.hold_pay(ports, tidy(order), f"{milestone:>02}", _instant(ports, until), reason=reason)
    _tell_gate(ports, held, f"The pay leaves on {_shown(ports, held)}.", as_json=as_json)


@app.command(epilog='Example: relais order close 4f7k2m9q0abc --reason "paid by bank, nothing is left"')
@sentences
def close(
    order: OfOrder, reason: Reason, milestone: OfMilestone = "01", stage: OfStage = Stage.DEV, as_json: AsJson = False
) -> None:
    """Close a parked milestone of which nothing is owed any more. What holds money is paid or given back first."""
    ports = Stack(stage).ports
    decided = corrections.close(ports, tidy(order), f"{milestone:>02}", reason=reason)
    _tell_gate(ports, decided, "Closed.", as_json=as_json)


def _pairs(given: list[str] | None) -> dict[str, str]:
    """What was set by name."""
    found = {}
    for one in given or ():
        field, parted, value = one.partition("=")
        if not parted or not field.strip():
            raise UsageRefusedError(f"Write NAME=VALUE, not {one.split('=', maxsplit=1)[0]!r}.")
        found[field.strip()] = value
    return found


def _taken(give: Any) -> Gate:  # noqa: ANN401 - any step that gives an answer
    """What a step decided; what it could not take is said as the page would."""
    try:
        decided: Gate = give()
    except in_name.TypedWrongError as wrong:
        raise UsageRefusedError(" ".join(_sentence(one) for one in wrong.problems)) from None
    return decided


def _sentence(problem: Problem) -> str:
    named = f"{problem.field}: " if problem.field else ""
    return f"{named}{say_problem(problem, 'en')}"


def _instant(ports: OperatorPorts, typed: datetime) -> datetime:
    """A day is meant to its last working hour in the shop; a moment as it is, by the shop's clock."""
    shop, _ = read_shop(ports.store)
    local = typed.replace(tzinfo=ZoneInfo(shop.zone))
    if local.time() != time(0):
        return local.astimezone(UTC)
    return previous_working_instant(local.replace(hour=18), shop.calendar)


def _number(ports: OperatorPorts, order: str, milestone: str | None) -> str:
    """Which milestone is meant: the only one, or the order itself while nobody works on it."""
    if milestone is not None:
        return f"{milestone:>02}"
    head = read_order(ports.store, order)
    if head.stage is not OrderStage.MILESTONES:
        return ORDER_LEVEL
    numbers = [one.number for one in read_milestones(ports.store, order)]
    if len(numbers) > 1:
        raise UsageRefusedError(f"Say which of the milestones with --milestone: {', '.join(numbers)}.")
    return numbers[0]


def _shown(ports: OperatorPorts, gate: Gate) -> str:
    return Times.of_shop(ports.store).words(gate.deadline) or "no date"


def _tell_gate(ports: OperatorPorts, gate: Gate, sentence: str, *, as_json: bool) -> None:
    decision = gate.decision
    document = {
        "gate": str(gate.id),
        "status": gate.status.value,
        "deadline": gate.deadline and Times.of_shop(ports.store).iso(gate.deadline),
        "decision": None
        if decision is None
        else {"choice": decision.choice.value, "by": decision.by, "at": stamp(decision.at)},
    }
    _tell(gate.order, document, sentence, as_json=as_json)


def _tell(order: str, document: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        tell_json({"order": order} | document)
        return
    say(f"Order {order}: {sentence}")
