"""`relais roster`: who may be asked, and what is agreed with them."""

from datetime import datetime
from typing import Annotated, Any

import typer

from relais.announcement import Announcement
from relais.cli.output import AsJson, OfStage, Times, facts, money, say, sentences, table, tell_json
from relais.cli.stack import OperatorPorts, Stack, Stage
from relais.gate import Via
from relais.money import parse_amount
from relais.recipient import Readiness, Recipient
from relais.roster import Freelancer, Standing
from relais.score import HALF_LIFE_DAYS, Axis, Event, Score
from relais.steps import debts
from relais.steps import roster as step
from relais.steps.decisions import LostWhy
from relais.steps.readiness import read_recipient
from relais.steps.reassign import NothingToReassignError, reassign
from relais.steps.situation import read_freelancer, read_shop
from relais.steps.trials import another_trial

app = typer.Typer(no_args_is_help=True, help="The freelancers: list, show; approve, suspend, pause, resume, rate.")

Who = Annotated[str, typer.Argument(help="Who, by key.", metavar="FREELANCER")]
Reason = Annotated[str, typer.Option(help="Why: kept in the audit, and told in the mail that tells the change.")]
READINESS = {
    Readiness.NONE: "no account",
    Readiness.STARTED: "something is missing",
    Readiness.CHECKING: "Stripe is checking",
    Readiness.READY: "yes",
    Readiness.CLOSED: "closed by Stripe",
    Readiness.OUT_OF_REACH: "by bank only",
}
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day away, such as 2026-12-24.")]


@app.command("list", epilog="Example: relais roster list --json")
@sentences
def list_(stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """List the roster: rates, what each has in hand, scores, and whether the pay could leave."""
    ports = Stack(stage).ports
    rows = ports.store.query("ROSTER", "R#")
    roster = sorted((Freelancer.from_row(row) for row in rows), key=lambda one: one.key)
    paid = {one.key: read_recipient(ports.store, one) for one in roster}
    half_life, now = read_shop(ports.store)[0].half_life if roster else HALF_LIFE_DAYS, ports.now()
    if as_json:
        tell_json([_document(one, paid[one.key], now, half_life) for one in roster])
        return
    table(
        "Roster",
        ("Freelancer", "Kind", "Standing", "Rates", "In hand", "Quality", "Payable"),
        [
            (
                one.key,
                one.kind.value,
                one.standing.value,
                "\n".join(f"{rate.skill} {money(rate.amount, one.currency)}" for rate in one.rates),
                f"{one.in_hand} of {one.capacity}",
                _stars(one.seen(Axis.QUALITY, now, half_life)),
                _readiness(one, paid[one.key]),
            )
            for one in roster
        ],
    )


@app.command(epilog="Example: relais roster show ines-moreau")
@sentences
def show(freelancer: Who, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Show one freelancer: scores as they are now, every change of them with its cause, and what was changed by whom.

    Newest first.
    """
    ports = Stack(stage).ports
    times = Times.of_shop(ports.store)
    one = read_freelancer(ports.store, freelancer)
    recipient = read_recipient(ports.store, one)
    half_life, now = read_shop(ports.store)[0].half_life, ports.now()
    events = [Event.from_row(row) for row in ports.store.query(f"F#{one.key}", "S#")][::-1]
    announcements = [Announcement.from_row(row) for row in ports.store.query(f"F#{one.key}", "N#")][::-1]
    if as_json:
        told = [event.to_row() | {"at": times.iso(event.at)} for event in events]
        changes = [_change(said, times) for said in announcements]
        tell_json(_document(one, recipient, now, half_life) | {"events": told, "changes": changes})
        return
    scores = {axis: one.seen(axis, now, half_life) for axis in Axis}
    facts(
        one.name,
        [
            ("Standing", one.standing.value),
            ("In hand", f"{one.in_hand} of {one.capacity}"),
            ("Quality", _stars(scores[Axis.QUALITY])),
            ("On time", _share(scores[Axis.PUNCTUALITY])),
            ("Answers", _share(scores[Axis.RESPONSIVENESS])),
            ("Payable", _readiness(one, recipient)),
            ("Stripe asks for", ", ".join(recipient.needs) or None),
            ("Until", None if recipient.needed_by is None else times.shown(times.iso(recipient.needed_by))),
            ("Pay waits for", ", ".join(f"{order} {number}" for order, number in recipient.waits) or None),
            *(("Owes", f"{money(amount, name)}: deducted from the next pay") for name, amount in one.owes if amount),
        ],
    )
    table(
        "Changes of the scores",
        ("When", "What", "Seen", "Cause", "Order", "Gate"),
        [
            (times.shown(times.iso(one.at)), one.axis.value, _value(one), _cause(one), one.order, one.gate)
            for one in events
        ],
    )

    table(
        "Changes",
        ("When", "What", "By", "Why", "Told"),
        [
            (
                times.shown(times.iso(one.at)),
                " ".join([one.topic.value, *(str(value) for value in one.facts.values())]),
                one.by,
                one.reason,
                "yes" if one.tries is None else "not yet",
            )
            for one in announcements
        ],
    )


def _cause(event: Event) -> str:
    return f"{event.cause.value} ({event.why.replace('_', ' ')})" if event.why else event.cause.value


def _change(said: Announcement, times: Times) -> dict[str, Any]:
    return {
        "at": times.iso(said.at),
        "topic": said.topic.value,
        "by": said.by,
        "via": said.via.value,
        "told": said.role.value,
        "mailed": said.tries is None,
        "reason": said.reason,
        "order": said.order or None,
        "facts": dict(said.facts),
    }


@app.command(epilog='Example: relais roster approve leo-garnier --reason "the trial was good"')
@sentences
def approve(freelancer: Who, reason: Reason, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Approve a candidate, or somebody who was suspended: they may be asked from now on, and are told so by mail."""
    ports = Stack(stage).ports
    one = step.set_standing(ports, freelancer, Standing.APPROVED, _by(reason))
    _done(ports, one, f"{one.key} is approved and may be asked from now on.", as_json=as_json)


@app.command(epilog='Example: relais roster suspend leo-garnier --reason "three dates missed" --reassign')
@sentences
def suspend(
    freelancer: Who,
    reason: Reason,
    take_away: Annotated[
        bool | None,
        typer.Option("--reassign/--keep", help="Give the work they have to somebody else, or let them finish it."),
    ] = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Stop asking somebody: open proposals are taken back without any effect, and they are told so by mail.

    The work they have goes on, unless you give it to somebody else: without --reassign or --keep you are asked.
    """
    ports = Stack(stage).ports
    one = step.set_standing(ports, freelancer, Standing.SUSPENDED, _by(reason))
    works = step.work_of(ports, one.key)
    if works and take_away is None and not as_json:
        named = ", ".join(f"{work.order} ({work.number}, {work.stage.value})" for work in works)
        take_away = typer.confirm(f"{one.name} has work in hand: {named}. Give it to somebody else now?")
    moved = [work for work in works if take_away and _moved(ports, work.order, work.number, reason)]
    left = [work for work in works if work not in moved]
    document = {
        "reassigned": [{"order": work.order, "milestone": work.number} for work in moved],
        "kept": [{"order": work.order, "milestone": work.number} for work in left],
    }
    _done(ports, one, f"{one.key} is suspended and is not asked any more.", document, as_json=as_json)
    if as_json:
        return
    for work in moved:
        say(f"Order {work.order}, milestone {work.number}: goes to somebody else.")
    for work in left:
        say(f"Order {work.order}, milestone {work.number}: goes on (`relais order reassign {work.order}`).")


def _moved(ports: OperatorPorts, order: str, milestone: str, reason: str) -> bool:
    """Whether the work went to somebody else; what moved on meanwhile stays where it is."""
    try:
        reassign(ports, order, milestone, by="seller", why=LostWhy.SUSPENDED, reason=reason.strip())
    except NothingToReassignError:
        return False
    return True


@app.command(epilog='Example: relais roster trial leo-garnier --reason "the first brief was ours to blame"')
@sentences
def trial(freelancer: Who, reason: Reason, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Let a candidate be asked for one more trial order; they are told so by mail."""
    ports = Stack(stage).ports
    left = another_trial(ports, freelancer, _by(reason))
    one = read_freelancer(ports.store, freelancer)
    _done(ports, one, f"{one.key} may be asked for {left} more trial orders.", as_json=as_json)


@app.command(epilog='Example: relais roster pause ines-moreau --until 2026-12-24 --reason "holidays, by phone"')
@sentences
def pause(  # noqa: PLR0917 - likewise
    freelancer: Who,
    until: Day,
    reason: Reason,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="The first day away; without it, today."),
    ] = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Keep somebody from being asked on these days; their dates move, and they are told so by mail."""
    ports = Stack(stage).ports
    one = step.pause(ports, freelancer, since and since.date(), until.date(), _by(reason))
    _done(ports, one, f"{one.key} is away until {until.date()}.", as_json=as_json)


@app.command(epilog='Example: relais roster resume ines-moreau --reason "back early, by mail"')
@sentences
def resume(freelancer: Who, reason: Reason, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """End the pause that somebody is in today; later away dates stay."""
    ports = Stack(stage).ports
    one = step.resume(ports, freelancer, _by(reason))
    _done(ports, one, f"{one.key} may be asked again.", as_json=as_json)


@app.command(epilog='Example: relais roster rate ines-moreau logo 145.00 --reason "twenty logos, all on time"')
@sentences
def rate(  # noqa: PLR0917 - likewise
    freelancer: Who,
    skill: Annotated[str, typer.Argument(help="For which skill, as the offers name it.")],
    amount: Annotated[str, typer.Argument(help="For one piece of work, such as 145.00.")],
    reason: Reason,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Change what somebody is paid for a skill, from the next proposal on; they are told so by mail.

    What is proposed or accepted already keeps its pay.
    """
    ports = Stack(stage).ports
    asked = parse_amount(amount, read_freelancer(ports.store, freelancer).currency)
    one = step.set_rate(ports, freelancer, skill, asked, _by(reason))
    dear = step.out_of_reach(ports, skill, asked)
    _done(
        ports,
        one,
        f"{one.key} is paid {money(asked, one.currency)} for {skill} from the next proposal on.",
        {"out_of_reach": list(dear)},
        as_json=as_json,
    )
    if dear and not as_json:
        say(f"Too dear for {', '.join(dear)}: whoever asks more than an offer can pay is not asked for it.")


@app.command(epilog='Example: relais roster forgive ines-moreau --reason "she left, it is not worth a letter"')
@sentences
def forgive(
    freelancer: Who,
    reason: Reason,
    amount: Annotated[
        str | None, typer.Option(help="How much, such as 60.00; all of it where nothing is named.")
    ] = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Give up what somebody has to give back of a refund: it becomes your loss, and no pay is reduced for it any more.

    They are told by mail. There is no undo.
    """
    ports = Stack(stage).ports
    currency = read_freelancer(ports.store, freelancer).currency
    asked = None if amount is None else parse_amount(amount, currency)
    given = debts.forgive(ports, freelancer, asked, _by(reason))
    one = read_freelancer(ports.store, freelancer)
    left = f"still owes {money(one.owing(currency), currency)}" if one.owing(currency) else "owes nothing any more"
    sentence = f"{money(given, currency)} are given up: {one.key} {left}."
    _done(ports, one, sentence, {"given_up": given}, as_json=as_json)


def _by(reason: str) -> step.By:
    return step.By("seller", Via.COMMAND, reason)


def _done(
    ports: OperatorPorts, one: Freelancer, sentence: str, more: dict[str, Any] | None = None, *, as_json: bool
) -> None:
    if as_json:
        half_life = read_shop(ports.store)[0].half_life
        tell_json(_document(one, read_recipient(ports.store, one), ports.now(), half_life) | (more or {}))
        return
    say(f"{sentence} The mail leaves with the clock's next tick.")


def _value(event: Event) -> str:
    return f"{event.value / 100:.1f}" if event.axis is Axis.QUALITY else f"{event.value} %"


def _share(score: Score) -> str | None:
    return f"{score.mean} % ({score.count})" if score.count else None


def _stars(score: Score) -> str | None:
    return f"{score.mean / 100:.1f} ({score.count})" if score.count else None


def _readiness(one: Freelancer, recipient: Recipient) -> str:
    """How far somebody has come with their account, in words; whose pay waits for it."""
    if not one.kind.paid:
        return "no need"
    waits = f", {len(recipient.waits)} waiting" if recipient.waits else ""
    bank = "" if recipient.payouts or not recipient.ready else ", not to their bank"
    return f"{READINESS[recipient.readiness]}{bank}{waits}"


def _recipient_document(recipient: Recipient) -> dict[str, Any]:
    return {
        "readiness": recipient.readiness.value,
        "payouts": recipient.payouts,
        "needs": [need.value for need in recipient.needs],
        "needed_by": recipient.needed_by and recipient.needed_by.isoformat(),
        "invited": recipient.invited and recipient.invited.isoformat(),
        "waits": [{"order": order, "milestone": milestone} for order, milestone in recipient.waits],
    }


def _document(one: Freelancer, recipient: Recipient, now: datetime, half_life: int) -> dict[str, Any]:
    return {
        "freelancer": one.key,
        "name": one.name,
        "kind": one.kind.value,
        "standing": one.standing.value,
        "trusted": one.trusted,
        "trials": one.trials,
        "languages": list(one.languages),
        "currency": one.currency,
        "rates": {rate.skill: rate.amount for rate in one.rates},
        "in_hand": one.in_hand,
        "capacity": one.capacity,
        "hours": str(one.hours),
        "away": [away.to_row() for away in one.away],
        **{axis.value: _score(one.seen(axis, now, half_life)) for axis in Axis},
        "can_be_paid": recipient.ready,
        "recipient": _recipient_document(recipient),
        "owes": {currency: amount for currency, amount in one.owes if amount},
    }


def _score(score: Score) -> dict[str, int]:
    return {"mean": score.mean, "count": score.count}
