"""`relais order`: where each order is, what it waits for, and how it came there."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from relais import epc
from relais.act import Act
from relais.cli.output import (
    AsJson,
    OfOrder,
    OfStage,
    Times,
    UsageRefusedError,
    WithNames,
    facts,
    money,
    say,
    sentences,
    table,
    tell_json,
)
from relais.cli.reading import (
    Dossier,
    deliverables,
    heads,
    months_back,
    open_dossiers,
    read_dossier,
    tidy,
)
from relais.cli.stack import OperatorPorts, Stack, Stage
from relais.cli.waits import Wait, waits_of
from relais.deed import Deed
from relais.errors import RelaisError
from relais.gate import Gate, Kind, Role, Status, Via
from relais.money import parse_amount
from relais.offer import RefundCause
from relais.order import ORDER_LEVEL, Interrupt, Milestone, Order, OrderStage
from relais.rows import Row
from relais.steps import by_hand, evidence, interrupt, late_refund, leaving, runs
from relais.steps import reassign as steps_reassign
from relais.steps.bonus import give_bonus
from relais.steps.book import booked, latest
from relais.steps.decisions import LostWhy, kept_when_lost
from relais.steps.deeds import ReasonMissingError, deeds_of
from relais.steps.deliver import ADDRESS, ADDRESS_LIMIT
from relais.steps.intake import correct_address
from relais.steps.roster import By
from relais.steps.situation import read_offer, read_order, read_situation
from relais.withdrawal import PARIS, all_given_back, concluded, ends, right_until

app = typer.Typer(
    no_args_is_help=True, help="List orders, show one, print what it waits for; cancel, refund, resume, correct."
)

_FINISHED_MONTHS = 2
REFERENCE_LIMIT = 140
"""Characters that a SEPA transfer carries to its statement."""


@app.command("list", epilog="Examples: relais order list --open; relais order list --months 12 --json | jq '.[].order'")
@sentences
def list_(
    stage: OfStage = Stage.DEV,
    months: Annotated[
        int, typer.Option(min=1, max=120, help="How many months back to look for orders that have ended.")
    ] = _FINISHED_MONTHS,
    only_open: Annotated[bool, typer.Option("--open", help="Only orders that have not ended.")] = False,
    names: WithNames = False,
    as_json: AsJson = False,
) -> None:
    """List orders: the open ones with what waits for whom until when, and those that ended in the last months.

    Drafts that nobody paid are not listed; `relais order show` finds them by id.
    """
    ports = Stack(stage).ports
    times, now = Times.of_shop(ports.store), ports.now()
    found = list(open_dossiers(ports.store))
    if not only_open:
        seen = {one.order.id for one in found}
        rows = booked(ports.store, months_back(latest(ports.store, now), months))
        ended = {row["order"] for row in rows if row["order"]} - seen
        found += [Dossier(order, (), (), ()) for order in heads(ports.store, ended)]
    documents = [_listed(one, times, now, names=names) for one in found]
    if as_json:
        tell_json(documents)
        return
    columns = ("Order", "Offer", "Stage", "Waits for", "Until", *(("Client",) if names else ()))
    table(f"Orders (times: {times.zone})", columns, [_line(one, times, names=names) for one in documents])


def _listed(dossier: Dossier, times: Times, now: datetime, *, names: bool) -> dict[str, Any]:
    order = dossier.order
    waits = waits_of(order, dossier.gates, dossier.acts, now)
    return {
        "order": order.id,
        "offer": order.offer,
        "offer_version": order.offer_version,
        "stage": order.stage.value,
        "milestones": {one.number: one.stage.value for one in dossier.milestones},
        "currency": order.currency,
        "price": order.price,
        "paid": order.paid,
        "created": times.iso(order.created),
        "promised": times.iso(order.promised),
        "completed": times.iso(order.completed),
        "client": order.client_name if names else None,
        "waits": [_wait_document(wait, times) for wait in waits],
    }


def _line(one: dict[str, Any], times: Times, *, names: bool) -> list[str | None]:
    stages = ", ".join(f"{number} {stage}" for number, stage in one["milestones"].items())
    return [
        one["order"],
        f"{one['offer']} v{one['offer_version']}",
        stages if one["stage"] == "milestones" and stages else one["stage"],
        "\n".join(f"{wait['owner']}: {wait['kind']}" for wait in one["waits"]),
        "\n".join(times.shown(wait["until"]) or "-" for wait in one["waits"]) or times.shown(one["completed"]),
        *([one["client"]] if names else []),
    ]


@app.command(epilog="Example: relais order show 4f7k2m9q0abc")
@sentences
def show(order: OfOrder, stage: OfStage = Stage.DEV, names: WithNames = False, as_json: AsJson = False) -> None:
    """Show one order: stage, run, money, milestones, every gate with its decision, acts, deliverables, execution.

    Never shows a link, a token or what the client wrote.
    """
    ports = Stack(stage).ports
    times = Times.of_shop(ports.store)
    dossier = read_dossier(ports.store, order)
    document = _order_document(ports, dossier, times, names=names)
    if as_json:
        tell_json(document)
        return
    _print_order(document, times)


def _order_document(ports: OperatorPorts, dossier: Dossier, times: Times, *, names: bool) -> dict[str, Any]:
    order = dossier.order
    return {
        "order": order.id,
        "stage": order.stage.value,
        "run": order.run,
        "execution": ports.machine.status(order.id, order.run) if order.run else None,
        "dead_run": order.dead_run or None,
        "dead_why": order.dead_why,
        "began": times.iso(order.began),
        "stalled": order.stalled,
        "stuck": next((str(one.id) for one in dossier.gates if _asks_whether_to_go_on(one)), None),
        "owed": _owed(dossier),
        "parked": _parked(order),
        "interrupt": _interrupt(order.interrupt, times),
        "leaving": _leaving(ports, order, times),
        "withdrawal": _withdrawal(ports, dossier, times),
        "cause": order.cause or None,
        "paused": _paused(order, times),
        "billing": order.billing is not None,
        "disputed": None if order.disputed is None else {"dispute": order.disputed, "stage": order.dispute_stage},
        "debit": None if order.debit is None else {"state": order.debit.value, "at": times.iso(order.debit_at)},
        "offer": order.offer,
        "offer_version": order.offer_version,
        "lang": order.lang,
        "consumer": order.consumer,
        "client": order.client_name if names else None,
        "currency": order.currency,
        "price": order.price,
        "created": times.iso(order.created),
        "started": times.iso(order.started),
        "handed_in": times.iso(order.handed_in),
        "promised": times.iso(order.promised),
        "completed": times.iso(order.completed),
        "clock_looks": times.iso(order.due),
        "money": {
            "paid": order.paid,
            "fee": order.fee,
            "left": order.left,
            "in_transit": order.in_transit,
            "sent": order.sent,
            "refunded": order.refunded,
            "borne": order.borne,
        },
        "milestones": [_milestone_document(one, times) for one in dossier.milestones],
        "gates": [_gate_document(one, times) for one in dossier.gates],
        "acts": [_act_document(one, times) for one in dossier.acts],
        "deliverables": [_deliverable_document(one, times) for one in deliverables(ports, order.id)],
        "by_hand": [_deed_document(done, times) for done in deeds_of(ports, order.id)],
    }


def _paused(order: Order, times: Times) -> dict[str, Any] | None:
    if order.paused is None:
        return None
    since, until = (datetime.fromisoformat(order.paused[name]) for name in ("at", "until"))
    return {"since": times.iso(since), "until": times.iso(until), "for_client": "client" in order.paused}


def _deed_document(done: Deed, times: Times) -> dict[str, Any]:
    """What was done by hand; never why in words, nor to whom by address."""
    return {
        "what": done.what.value,
        "at": times.iso(done.at),
        "by": done.by,
        "via": done.via.value,
        "milestone": None if done.milestone == ORDER_LEVEL else done.milestone,
        "gate": done.gate or None,
        "tells": list(done.tells),
        "mailed": done.tries is None,
    }


def _asks_whether_to_go_on(gate: Gate) -> bool:
    return gate.id.kind is Kind.STUCK and gate.status is Status.OPEN


def _owed(dossier: Dossier) -> list[dict[str, Any]]:
    """What follows a commit and is not done yet, with how often the clock has tried."""
    order = dossier.order
    tries = {
        "start": order.owes_start,
        "mail": order.owes_mail,
        "sweep": order.owes_sweep,
        "receipt": order.owes_receipt,
    }
    owed = [{"on": "order", "what": what, "tries": often} for what, often in tries.items() if often is not None]
    if order.owes_fee is not None:
        owed.append({"on": "order", "what": "fee", "tries": None})
    return owed + [
        {"on": str(gate.id), "what": what, "tries": often}
        for gate in dossier.gates
        for what, often in gate.owes.items()
    ]


def _parked(where: Order | Milestone) -> dict[str, str | None] | None:
    if where.stage.value != "park":
        return None
    return {"from": where.parked_from, "why": where.parked_why}


def _interrupt(known: Interrupt | None, times: Times) -> dict[str, Any] | None:
    """The decision that ends an order or a milestone; never the words that came with it."""
    if known is None:
        return None
    return {"seq": known.seq, "kind": known.kind, "cause": known.cause, "by": known.by, "at": times.iso(known.at)}


def _leaving(ports: OperatorPorts, order: Order, times: Times) -> dict[str, Any] | None:
    """The client's own way out; never what was declared, nor by whom by name."""
    said = leaving.declared(ports, order)
    if order.leaving is None or not said:
        return None
    at = times.iso(datetime.fromisoformat(said["at"]))
    return {"what": said["what"], "at": at, "by": said["by"], "back": said["back"], "pay": said["pay"]}


def _withdrawal(ports: OperatorPorts, dossier: Dossier, times: Times) -> dict[str, Any] | None:
    """A consumer's right of withdrawal: until when, what it would give back now, on which statements it rests."""
    order = dossier.order
    if not order.consumer or order.stage is OrderStage.DRAFT:
        return None
    until = right_until(order, dossier.milestones, ports.now())
    over = read_offer(ports.store, order.offer, order.offer_version).policy.handed_over
    return {
        "concluded": times.iso(concluded(order)),
        "ends": times.iso(ends(concluded(order))),
        "open": until is not None,
        "back": all_given_back(order, dossier.milestones, over) if until else 0,
        "express": order.express,
        "acknowledged": order.acknowledged,
    }


def _milestone_document(one: Milestone, times: Times) -> dict[str, Any]:
    engaged = one.engagement
    return {
        "milestone": one.number,
        "stage": one.stage.value,
        "parked": _parked(one),
        "cause": one.cause or None,
        "price": one.price,
        "cost": one.cost,
        "revisions_left": one.revisions_left,
        "revisions_used": one.revisions_used,
        "rounds": one.rounds,
        "version": one.version,
        "rated": one.rated or None,
        "starts": times.iso(one.starts),
        "began": times.iso(one.began),
        "promised": times.iso(one.promised),
        "interrupt": _interrupt(one.interrupt, times),
        "pay_by": times.iso(one.pay_by),
        "engagement": None
        if engaged is None
        else {
            "freelancer": engaged.freelancer,
            "agreed": engaged.agreed,
            "bonus": one.bonus,
            "accepted_at": times.iso(engaged.accepted_at),
            "deadline": times.iso(engaged.deadline),
        },
        "money": {
            "left_to_send": one.left_to_send,
            "in_transit": one.in_transit,
            "sent": one.sent,
            "refunded": one.refunded,
            "refund_in_transit": one.refund_in_transit,
            "claimed": one.claimed,
            "recovered": one.recovered,
            "netted": one.netted,
        },
    }


def _gate_document(gate: Gate, times: Times) -> dict[str, Any]:
    decision = gate.decision
    return {
        "gate": str(gate.id),
        "kind": gate.id.kind.value,
        "milestone": None if gate.id.of_order else gate.id.milestone,
        "role": gate.role.value,
        "owner": gate.owner,
        "status": gate.status.value,
        "opened": times.iso(gate.opened),
        "deadline": times.iso(gate.deadline),
        "mailed": gate.mailed,
        "owes": dict(gate.owes),
        "ranking": gate.shown.get("ranking"),
        "terms": _terms(gate, times),
        "decision": None
        if decision is None
        else {
            "choice": decision.choice.value,
            "by": decision.by,
            "at": times.iso(decision.at),
            "via": decision.via.value,
            "why": decision.why,
        },
    }


def _terms(gate: Gate, times: Times) -> dict[str, Any] | None:
    """What a proposal offers, or a counter-proposal asks for; with what was agreed instead, or offered before."""
    shown = gate.shown
    if gate.id.kind not in {Kind.PROPOSAL, Kind.COUNTER} or "pay" not in shown:
        return None
    terms = {"pay": shown["pay"], "deadline": times.iso(datetime.fromisoformat(shown["deadline"]))}
    if gate.id.kind is Kind.COUNTER:
        was = {"pay": shown["was_pay"], "deadline": times.iso(datetime.fromisoformat(shown["was"]))}
        return terms | {"freelancer": shown["maker"], "offered": was, "margin": shown["margin"]}
    agreed = shown.get("agreed")
    if agreed is None:
        return terms | {"agreed": None}
    at = times.iso(datetime.fromisoformat(agreed["deadline"]))
    return terms | {"agreed": {"pay": agreed["pay"], "deadline": at}}


def _act_document(act: Act, times: Times) -> dict[str, Any]:
    return {
        "act": act.id,
        "kind": act.kind.value,
        "milestone": act.milestone,
        "operation": act.operation,
        "state": act.state.value,
        "generation": act.generation,
        "amount": act.amount,
        "currency": act.currency,
        "stripe_id": act.stripe_id,
        "first_sent": times.iso(act.first_sent),
        "last_sent": times.iso(act.last_sent),
        "why": act.why,
        "waits_for_a_second_yes": act.unconfirmed,
    }


def _deliverable_document(row: Row, times: Times) -> dict[str, Any]:
    _, milestone, version = row["sk"].split("#")
    return {
        "milestone": milestone,
        "version": int(version),
        "at": times.iso(datetime.fromisoformat(row["at"])),
        "by": row["by"],
        "note": "note" in row,
        "files": [{"name": one["name"], "size": one["size"], "sha256": one["sha256"]} for one in row["files"]],
    }


def _print_order(one: dict[str, Any], times: Times) -> None:
    currency = one["currency"]
    parked = one["parked"] and f"from {one['parked']['from']}: {one['parked']['why']}"
    decided, left = one["interrupt"], one["leaving"]
    ended = decided and f"{decided['kind']} by {decided['by']}, {times.shown(decided['at'])}: {decided['cause']}"
    facts(
        f"Order {one['order']} (times: {times.zone})",
        [
            ("Offer", f"{one['offer']}, version {one['offer_version']}"),
            ("Client", one["client"]),
            ("Stage", one["stage"]),
            ("Parked", parked),
            ("Ended", ended),
            (
                "Disputed",
                one["disputed"] and f"{one['disputed']['dispute']} ({one['disputed']['stage']}): nothing is paid out",
            ),
            ("Debit", one["debit"] and _debit_line(one["debit"], times)),
            ("Stands still", one["paused"] and f"until {times.shown(one['paused']['until'])}"),
            ("Client leaves", left and f"{left['what']} by {left['by']}, {times.shown(left['at'])}"),
            ("May withdraw", _right_line(one, times)),
            ("Run", f"{one['run']}, execution {one['execution'] or 'not started'}"),
            ("Died", f"run {one['dead_run']}: {one['dead_why'] or 'not known why'}" if one["dead_run"] else None),
            ("Without progress", f"{one['stalled']} runs" if one["stalled"] else None),
            ("Stuck", f"{one['stuck']}: `relais order resume {one['order']}`" if one["stuck"] else None),
            ("Owed", ", ".join(f"{owed['what']} ({owed['on']})" for owed in one["owed"]) or None),
            ("Created", times.shown(one["created"])),
            ("Promised", times.shown(one["promised"])),
            ("Completed", times.shown(one["completed"])),
            ("Clock looks", times.shown(one["clock_looks"])),
            *((f"Money {name}", money(amount, currency)) for name, amount in one["money"].items()),
        ],
    )
    table(
        "Milestones",
        (
            "No",
            "Stage",
            "Starts",
            "Promised",
            "Freelancer",
            "Agreed",
            "Deadline",
            "Version",
            "Changes left",
            "Rated",
            "Sent",
        ),
        [_milestone_line(milestone, currency, times) for milestone in one["milestones"]],
        right=("Agreed", "Version", "Changes left", "Rated", "Sent"),
    )
    table(
        "Gates",
        ("Gate", "Owner", "Opened", "Status", "Decision", "By", "When", "How"),
        [_gate_line(gate, times) for gate in one["gates"]],
    )
    asked = [gate for gate in one["gates"] if gate["kind"] == Kind.COUNTER.value]
    if asked:
        table(
            "Counter-proposals",
            ("Gate", "Freelancer", "Offered", "Asked for", "Margin after it"),
            [_counter_line(gate["gate"], gate["terms"], currency, times) for gate in asked],
            right=("Margin after it",),
        )
    table(
        "Acts",
        ("Act", "State", "Amount", "Generation", "Stripe", "Why"),
        [
            (
                act["act"],
                act["state"],
                money(act["amount"], act["currency"]),
                str(act["generation"]),
                act["stripe_id"],
                act["why"],
            )
            for act in one["acts"]
        ],
        right=("Amount", "Generation"),
    )
    table(
        "Deliverables",
        ("Milestone", "Version", "Handed in", "By", "Files"),
        [
            (
                made["milestone"],
                str(made["version"]),
                times.shown(made["at"]),
                made["by"],
                "\n".join(f"{file['name']} ({file['size']} bytes)" for file in made["files"]),
            )
            for made in one["deliverables"]
        ],
    )
    table(
        "By hand",
        ("What", "When", "By", "Milestone", "Gate", "Told"),
        [
            (
                done["what"].replace("_", " "),
                times.shown(done["at"]),
                done["by"],
                done["milestone"],
                done["gate"],
                "yes" if done["mailed"] else "not yet",
            )
            for done in one["by_hand"]
        ],
    )


def _debit_line(debit: dict[str, Any], times: Times) -> str:
    """What the client's bank has said of a debit, if it was asked."""
    state = debit["state"].replace("_", " ")
    return state if debit["at"] is None else f"{state} since {times.shown(debit['at'])}"


def _right_line(one: dict[str, Any], times: Times) -> str | None:
    right = one["withdrawal"]
    if right is None or not right["open"]:
        return None
    return f"until {times.shown(right['ends'])}: {money(right['back'], one['currency'])} would go back"


def _milestone_line(one: dict[str, Any], currency: str, times: Times) -> tuple[str | None, ...]:
    engaged = one["engagement"] or {}
    return (
        one["milestone"],
        one["stage"],
        times.shown(one["starts"]),
        times.shown(one["promised"]),
        engaged.get("freelancer"),
        money(engaged.get("agreed"), currency),
        times.shown(engaged.get("deadline")),
        str(one["version"]),
        str(one["revisions_left"]),
        one["rated"] and f"{one['rated']}/5",
        money(one["money"]["sent"], currency),
    )


def _gate_line(gate: dict[str, Any], times: Times) -> tuple[str | None, ...]:
    decision = gate["decision"] or {}
    return (
        gate["gate"],
        gate["owner"],
        times.shown(gate["opened"]),
        gate["status"],
        decision.get("choice"),
        decision.get("by"),
        times.shown(decision.get("at")),
        decision.get("via"),
    )


def _counter_line(gate: str, terms: dict[str, Any], currency: str, times: Times) -> tuple[str | None, ...]:
    offered, asked = (
        f"{money(one['pay'], currency)}, {times.shown(one['deadline'])}" for one in (terms["offered"], terms)
    )
    return (gate, terms["freelancer"], offered, asked, money(terms["margin"], currency))


@app.command(epilog="Example: relais order contract 4f7k2m9q0abc")
@sentences
def contract(order: OfOrder, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Print what an order waits for: who acts, for whom, until when, reminded when, and what happens otherwise."""
    ports = Stack(stage).ports
    times, now = Times.of_shop(ports.store), ports.now()
    dossier = read_dossier(ports.store, order)
    waits = waits_of(dossier.order, dossier.gates, dossier.acts, now)
    if as_json:
        documents = [_wait_document(wait, times) for wait in waits]
        tell_json(
            {
                "order": dossier.order.id,
                "stage": dossier.order.stage.value,
                "now": times.iso(now),
                "paused": _paused(dossier.order, times),
                "waits": documents,
            }
        )
        return
    paused = _paused(dossier.order, times)
    if paused is not None:
        say(f"It stands still until {times.shown(paused['until'])}: the deadlines below move by as much.")
    if not waits:
        say(f"Order {dossier.order.id} has ended: nothing waits.")
    for wait in waits:
        _print_wait(wait, times)


def _print_wait(wait: Wait, times: Times) -> None:
    reached = {None: None, True: "a mail was sent", False: "no mail arrived: no default runs against them"}
    facts(
        wait.gate or wait.kind,
        [
            ("Who acts", wait.who.value if wait.owner == wait.who.value else f"{wait.who.value} {wait.owner}"),
            ("For whom", " and ".join(role.value for role in wait.waiting)),
            ("Since", times.words(wait.since)),
            ("Until", times.words(wait.until) or "no date"),
            ("Reminders", ", ".join(str(times.words(at)) for at in wait.reminders) or "none"),
            ("Choices", ", ".join(choice.value for choice in wait.choices) or None),
            ("Told", {"now": "at once", "digest": "in the digest", None: None}[wait.told]),
            ("Reached", reached[wait.reached]),
            ("Otherwise", wait.otherwise),
        ],
    )


def _wait_document(wait: Wait, times: Times) -> dict[str, Any]:
    return {
        "gate": wait.gate,
        "kind": wait.kind,
        "milestone": wait.milestone,
        "who": wait.who.value,
        "owner": wait.owner,
        "for": [role.value for role in wait.waiting],
        "since": times.iso(wait.since),
        "until": times.iso(wait.until),
        "reminders": [times.iso(at) for at in wait.reminders],
        "choices": [choice.value for choice in wait.choices],
        "default": wait.default,
        "otherwise": wait.otherwise,
        "reached": wait.reached,
        "told": wait.told,
    }


Reason = Annotated[str, typer.Option("--reason", help="Why: kept with the order. At least a few words.")]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


class Cause(StrEnum):
    """Who caused it: it decides what the freelancer is paid all the same (design: people 5)."""

    CHANGE_OF_MIND = "change_of_mind"
    SELLER_FAULT = "seller_fault"
    BRIEF_NOT_MET = "brief_not_met"
    LATE = "late"


@app.command(
    epilog='Examples: relais order cancel 4f7k2m9q0abc --reason "the maker fell ill"; relais order cancel 4f7k2m9q0abc '
    '--milestone 03 --reason "no room on the blog"'
)
@sentences
def cancel(  # noqa: PLR0917 - Typer reads options from parameters
    order: OfOrder,
    reason: Reason,
    cause: Annotated[Cause, typer.Option(help="Who caused it.")] = Cause.SELLER_FAULT,
    milestone: Annotated[
        str | None, typer.Option(help="Only this one of several milestones, such as 03; the others go on.")
    ] = None,
    yes: Sure = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Cancel an order: every open question is closed, the client gets back what is held, the freelancer by policy.

    With --milestone one part only: its share goes back, and nobody is paid for what never began.
    """
    if milestone is None:
        _way_out(order, reason, cause, yes=yes, stage=stage, as_json=as_json)
        return
    _cancel_milestone(order, f"{milestone:>02}", reason, cause, yes=yes, stage=stage, as_json=as_json)


def _cancel_milestone(
    order: str, number: str, reason: str, cause: Cause, *, yes: bool, stage: Stage, as_json: bool
) -> None:
    if not reason.strip():
        raise ReasonMissingError
    ports = Stack(stage).ports
    head, _ = interrupt.cancellable_milestone(ports, tidy(order), number, by=Role.SELLER)
    if not yes and not as_json:
        typer.confirm(f"Cancel milestone {number} of order {head.id} and refund its share?", abort=True)
    ended = interrupt.cancel_milestone(
        ports, head.id, number, by=Role.SELLER, cause=RefundCause(cause.value), reason=reason.strip()
    )
    if as_json:
        tell_json({"order": head.id, "milestone": ended.number, "stage": ended.stage.value, "refund": ended.price})
        return
    say(f"Milestone {ended.number} of order {head.id} is being ended: see `relais order show {head.id}`.")


@app.command(epilog='Example: relais order withdraw 4f7k2m9q0abc --sent 2026-12-05 --reason "letter of 5 December"')
@sentences
def withdraw(  # noqa: PLR0917 - likewise
    order: OfOrder,
    reason: Reason,
    sent: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
            help="When the statement was sent, by Paris time: the right is judged by it. Now, where it is left out.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Who withdraws, where it is not the name on the order.")] = None,
    email: Annotated[str | None, typer.Option(help="Where the receipt goes, where it is another address.")] = None,
    yes: Sure = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Record a consumer's withdrawal that came by letter, mail or phone; they do it themselves on the order's page.

    They get back what was not handed over, everything where they never asked to start at once, and a dated receipt.
    """
    if not reason.strip():
        raise ReasonMissingError
    if email is not None and (len(email) > ADDRESS_LIMIT or ADDRESS.fullmatch(email) is None):
        raise AddressUnusableError
    ports = Stack(stage).ports
    dossier = read_dossier(ports.store, order)
    head, at = dossier.order, ports.now() if sent is None else min(sent.replace(tzinfo=PARIS), ports.now())
    if right_until(head, dossier.milestones, at) is None:
        raise leaving.RightOverError(head.id)
    over = read_offer(ports.store, head.offer, head.offer_version).policy.handed_over
    back = money(all_given_back(head, dossier.milestones, over), head.currency)
    if not yes and not as_json:
        typer.confirm(f"Record the withdrawal from order {head.id} and give {back} back?", abort=True)
    ended = leaving.withdraw(
        ports,
        head.id,
        name=name or head.client_name or "",
        email=email or head.client_email or "",
        by=Role.SELLER,
        sent=at,
        reason=reason.strip(),
    )
    if as_json:
        left = _leaving(ports, ended, Times.of_shop(ports.store))
        tell_json({"order": ended.id, "stage": ended.stage.value, "leaving": left})
        return
    say(f"The withdrawal from order {ended.id} is recorded: {back} goes back, the receipt leaves within minutes.")


@app.command(
    epilog='Examples: relais order refund 4f7k2m9q0abc --reason "goodwill" --cause change_of_mind; relais order refund '
    '4f7k2m9q0abc --milestone 01 --amount 60.00 --reason "half of it is unusable" --cause brief_not_met'
)
@sentences
def refund(  # noqa: PLR0917 - likewise
    order: OfOrder,
    reason: Reason,
    cause: Annotated[Cause, typer.Option(help="Who caused it.")] = Cause.CHANGE_OF_MIND,
    milestone: Annotated[
        str | None, typer.Option(help="Only this one, such as 01, that was accepted and paid already.")
    ] = None,
    amount: Annotated[
        str | None, typer.Option(help="Only this much of what was paid already, such as 60.00; else all of it.")
    ] = None,
    yes: Sure = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Refund an order: the work ends, the client gets it back, the freelancer is paid by policy.

    What was accepted and paid already is refunded too, after the end as well: the freelancer's part of it, by the terms
    they accepted, is taken back from their Stripe balance as far as it goes, the rest from what they are paid later.
    """
    if not reason.strip():
        raise ReasonMissingError
    ports, known = Stack(stage).ports, tidy(order)
    if milestone is None and amount is None and not late_refund.only_late(ports, known):
        _way_out(order, reason, cause, yes=yes, stage=stage, as_json=as_json)
        return
    numbers = late_refund.refundable(ports, known) if milestone is None else (f"{milestone:>02}",)
    if not numbers or (amount is not None and len(numbers) > 1):
        raise UsageRefusedError("Say which part with --milestone, such as --milestone 01.")
    currency, why = read_order(ports.store, known).currency, RefundCause(cause.value)
    given = None if amount is None else parse_amount(amount, currency)
    foreseen = [late_refund.foresee(ports, known, number, amount=given, cause=why) for number in numbers]
    if not yes and not as_json:
        back = money(sum(one.amount for one in foreseen), currency)
        claimed = money(sum(one.claimed for one in foreseen), currency)
        typer.confirm(f"Give {back} back to the client, and ask {claimed} back from who was paid for it?", abort=True)
    said = reason.strip()
    done = [late_refund.refund_late(ports, known, one, amount=given, cause=why, reason=said) for one in numbers]
    if as_json:
        parts = [{"milestone": one.milestone, "refund": one.amount, "claimed": one.claimed} for one in done]
        tell_json({"order": known, "refund": sum(one.amount for one in done), "milestones": parts})
        return
    back = money(sum(one.amount for one in done), currency)
    say(f"{back} goes back: `relais order show {known}` tells how far it is.")


def _way_out(order: str, reason: str, cause: Cause, *, yes: bool, stage: Stage, as_json: bool) -> None:
    if not reason.strip():
        raise ReasonMissingError
    ports = Stack(stage).ports
    head = interrupt.cancellable(ports, order)
    if not yes and not as_json:
        held = money(head.left, head.currency)
        typer.confirm(
            f"Order {head.id} is at {head.stage.value} and holds {held}. End it and refund the client?", abort=True
        )
    ended = interrupt.cancel(ports, head.id, by="seller", cause=RefundCause(cause.value), reason=reason.strip())
    if as_json:
        document = {"order": ended.id, "stage": ended.stage.value, "interrupt": ended.interrupt_seq, "held": ended.left}
        tell_json(document)
        return
    say(f"Order {ended.id} is being ended: `relais order show {ended.id}` tells how far the refund is.")


class Why(StrEnum):
    """Why the work goes to somebody else: it decides what the one who loses it is paid all the same (people 5)."""

    LATE = "late"
    REWORK_FAILED = "rework_failed"
    SUSPENDED = "suspended"
    SELLER = "seller"


@app.command(epilog='Example: relais order reassign 4f7k2m9q0abc --why late --reason "no answer since Tuesday"')
@sentences
def reassign(  # noqa: PLR0917 - likewise
    order: OfOrder,
    reason: Reason,
    why: Annotated[Why, typer.Option(help="Why.")] = Why.SELLER,
    milestone: Annotated[str, typer.Option(help="Which milestone.")] = "01",
    yes: Sure = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Give the work of a milestone to somebody else: what was handed in stays, the next of the roster is asked."""
    if not reason.strip():
        raise ReasonMissingError
    ports = Stack(stage).ports
    situation = read_situation(ports, order, milestone)
    keeps = money(kept_when_lost(situation, LostWhy(why.value)), situation.order.currency)
    if not yes and not as_json:
        typer.confirm(f"Take the work from whoever has it? They are paid {keeps} all the same.", abort=True)
    gate = steps_reassign.reassign(ports, order, milestone, by="seller", why=LostWhy(why.value), reason=reason.strip())
    if as_json:
        tell_json({"order": order, "milestone": milestone, "gate": str(gate.id), "why": why.value})
        return
    say(f"Milestone {milestone} of order {order} goes to somebody else: `relais order contract {order}` tells to whom.")


@app.command(epilog='Example: relais order bonus 4f7k2m9q0abc 20.00 --reason "two days early, thank you"')
@sentences
def bonus(  # noqa: PLR0917 - likewise
    order: OfOrder,
    amount: Annotated[str, typer.Argument(help="How much, such as 20.00, in the order's currency.")],
    reason: Annotated[str, typer.Option(help="Why: kept in the audit, and told to the freelancer with the bonus.")],
    milestone: Annotated[str, typer.Option(help="For which milestone.")] = "01",
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Add a bonus to the pay of whoever does the work: they are told by mail, and it leaves with the payment.

    Possible until the payment leaves, and up to what the client's payment leaves for it.
    """
    ports = Stack(stage).ports
    currency = read_order(ports.store, order).currency
    given = parse_amount(amount, currency)
    before = give_bonus(ports, order, milestone, given, By("seller", Via.COMMAND, reason.strip()))
    maker = before.engagement.freelancer if before.engagement is not None else ""
    if as_json:
        outcome = {"freelancer": maker, "bonus": given, "due": before.due + given, "currency": currency}
        tell_json({"order": order, "milestone": milestone} | outcome)
        return
    say(f"{maker} is owed {money(before.due + given, currency)} for milestone {milestone} of order {order}.")


@app.command(epilog="Example: relais order resume 4f7k2m9q0abc")
@sentences
def resume(order: OfOrder, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Start the next run of an order from what the table holds: the one repair for an execution that died or hangs."""
    ports = Stack(stage).ports
    resumed = runs.resume(ports, order, "the operator resumed it")
    if as_json:
        tell_json({"order": resumed.id, "stage": resumed.stage.value, "run": resumed.run})
        return
    say(f"Order {resumed.id}: run {resumed.run} has begun at {resumed.stage.value}.")


class AddressUnusableError(RelaisError):
    """A text that no mail could be sent to."""

    def __init__(self) -> None:
        """Say what is wanted; what was typed is not repeated."""
        super().__init__("That is no address: give one like marie@example.fr.")


@app.command(epilog='Example: relais order address 4f7k2m9q0abc marie@example.fr --reason "typo, told by phone"')
@sentences
def address(
    order: OfOrder,
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where the client's mails go from now on.")],
    reason: Reason,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Correct a client's address: the links mailed before stop working, what is asked is mailed again.

    Somebody whom no mail had reached has the whole time again. The mail leaves within minutes.
    """
    if not reason.strip():
        raise ReasonMissingError
    if len(to) > ADDRESS_LIMIT or ADDRESS.fullmatch(to) is None:
        raise AddressUnusableError
    ports = Stack(stage).ports
    head = read_order(ports.store, order)
    if not head.is_open:
        raise runs.OrderNotRunningError(order, head.stage.value)
    corrected = correct_address(ports, head, to, by="seller", reason=reason.strip())
    if as_json:
        tell_json({"order": corrected.id, "stage": corrected.stage.value, "link_version": corrected.link_version})
        return
    say(f"Order {corrected.id}: mails go to the new address, links mailed before stop working.")


@app.command(
    "evidence",
    epilog="Examples: relais order evidence 4f7k2m9q0abc; relais order evidence 4f7k2m9q0abc --to dossier.txt",
)
@sentences
def evidence_(
    order: OfOrder,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write it to a file, which must not exist.")
    ] = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Put together what is kept of an order for a bank: consent, brief, versions, decisions, mails, refund policy.

    It holds names and words of the client: it is for the bank that decides a dispute. Nothing is sent from here.
    """
    ports = Stack(stage).ports
    parts = evidence.pack(ports, read_situation(ports, tidy(order), ORDER_LEVEL))
    if as_json:
        tell_json({"order": tidy(order), "evidence": parts})
        return
    text = evidence.as_text(parts)
    if to is None:
        say(text)
        return
    try:
        with to.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise UsageRefusedError(
            f"{to} cannot be written ({error.strerror}): name a file that does not exist."
        ) from None
    say(f"Written to {to}: {len(text)} characters.")


OfAct = Annotated[
    str | None,
    typer.Option("--act", metavar="ID", help="Which movement, such as transfer-01-0007, where several wait."),
]


@app.command(
    "pay-by-bank",
    epilog='Example: relais order pay-by-bank 4f7k2m9q0abc --name "Inès Moreau" --iban FR1420041010050500013M02606',
)
@sentences
def pay_by_bank(  # noqa: PLR0917 - Typer reads options from parameters
    order: OfOrder,
    name: Annotated[str, typer.Option(help="Who is paid, as the account is called.")],
    iban: Annotated[str, typer.Option(help="Their IBAN; it is shown in the code and kept nowhere.")],
    act: OfAct = None,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Show a code that a banking app pays: what Stripe refused to move, as a SEPA transfer. Nothing is written.

    Afterwards record it with `relais order paid-by-bank`. A large sum asks you for a second yes by mail first.
    """
    found = by_hand.to_pay_by_bank(Stack(stage).ports, tidy(order), act)
    remittance = f"Relais {found.order}"
    code = epc.payment_code(name=name, iban=iban, amount=found.amount, currency=found.currency, remittance=remittance)
    if as_json:
        tell_json(_waiting(found) | {"remittance": remittance, "code": code})
        return
    import segno  # needed by this command alone

    say(f"{money(found.amount, found.currency)} to {name}, reference {remittance}. Scan it with your banking app:")
    segno.make(code, error="m", micro=False).terminal(compact=True)
    say(f'Once it is paid: relais order paid-by-bank {found.order} --reference "what your bank calls it"')


@app.command(
    "paid-by-bank", epilog='Example: relais order paid-by-bank 4f7k2m9q0abc --reference "SEPA 2026-12-01 0042"'
)
@sentences
def paid_by_bank(  # noqa: PLR0917 - likewise
    order: OfOrder,
    reference: Annotated[str, typer.Option(help="What your bank calls the transfer: it is kept with the order.")],
    act: OfAct = None,
    yes: Sure = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Record that your bank has paid what Stripe refused to move: a freelancer's pay, or a client's refund.

    The order goes on as if Stripe had paid. Stripe is never asked for it again.
    """
    if not reference.strip() or len(reference) > REFERENCE_LIMIT:
        raise UsageRefusedError(f"Give the bank's reference, at most {REFERENCE_LIMIT} characters.")
    ports = Stack(stage).ports
    found = by_hand.payable_by_bank(ports, tidy(order), act)
    if not yes and not as_json:
        typer.confirm(f"Has your bank paid {money(found.amount, found.currency)} for {found.id}?", abort=True)
    paid = by_hand.paid_by_bank(ports, found.order, reference=reference.strip(), act_id=found.id)
    if as_json:
        tell_json(_waiting(paid) | {"paid_by_bank": True})
        return
    say(f"Recorded: {money(paid.amount, paid.currency)} for {paid.id}. Order {paid.order} goes on.")


def _waiting(found: Act) -> dict[str, Any]:
    return {
        "order": found.order,
        "act": found.id,
        "kind": found.kind.value,
        "amount": found.amount,
        "currency": found.currency,
        "why": found.why,
    }
