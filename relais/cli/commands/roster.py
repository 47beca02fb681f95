"""`relais roster`: who may be asked."""

from datetime import datetime
from typing import Annotated, Any

import typer

from relais.cli.output import AsJson, OfStage, Times, facts, money, sentences, table, tell_json
from relais.cli.stack import Stack, Stage
from relais.roster import Freelancer
from relais.score import HALF_LIFE_DAYS, Axis, Event, Score
from relais.steps.situation import read_freelancer, read_shop

app = typer.Typer(no_args_is_help=True, help="The approved freelancers.")


@app.command("list", epilog="Example: relais roster list --json")
@sentences
def list_(stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """List the roster: rates, what each has in hand, scores, and whether the pay could leave."""
    ports = Stack(stage).ports
    rows = ports.store.query("ROSTER", "R#")
    roster = sorted((Freelancer.from_row(row) for row in rows), key=lambda one: one.key)
    half_life, now = read_shop(ports.store)[0].half_life if roster else HALF_LIFE_DAYS, ports.now()
    if as_json:
        tell_json([_document(one, now, half_life) for one in roster])
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
                "yes" if one.can_be_paid else "no",
            )
            for one in roster
        ],
    )


@app.command(epilog="Example: relais roster show ines-moreau")
@sentences
def show(
    freelancer: Annotated[str, typer.Argument(help="Who, by key.")], stage: OfStage = Stage.DEV, as_json: AsJson = False
) -> None:
    """Show one freelancer: scores as they are now, and every change of them with its cause, newest first."""
    ports = Stack(stage).ports
    times = Times.of_shop(ports.store)
    one = read_freelancer(ports.store, freelancer)
    half_life, now = read_shop(ports.store)[0].half_life, ports.now()
    events = [Event.from_row(row) for row in ports.store.query(f"F#{one.key}", "S#")][::-1]
    if as_json:
        told = [event.to_row() | {"at": times.iso(event.at)} for event in events]
        tell_json(_document(one, now, half_life) | {"events": told})
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
        ],
    )
    table(
        "Changes of the scores",
        ("When", "What", "Seen", "Cause", "Order", "Gate"),
        [
            (times.shown(times.iso(one.at)), one.axis.value, _value(one), one.cause.value, one.order, one.gate)
            for one in events
        ],
    )


def _value(event: Event) -> str:
    return f"{event.value / 100:.1f}" if event.axis is Axis.QUALITY else f"{event.value} %"


def _share(score: Score) -> str | None:
    return f"{score.mean} % ({score.count})" if score.count else None


def _stars(score: Score) -> str | None:
    return f"{score.mean / 100:.1f} ({score.count})" if score.count else None


def _document(one: Freelancer, now: datetime, half_life: int) -> dict[str, Any]:
    return {
        "freelancer": one.key,
        "name": one.name,
        "kind": one.kind.value,
        "standing": one.standing.value,
        "trusted": one.trusted,
        "languages": list(one.languages),
        "currency": one.currency,
        "rates": {rate.skill: rate.amount for rate in one.rates},
        "in_hand": one.in_hand,
        "capacity": one.capacity,
        "hours": str(one.hours),
        "away": [away.to_row() for away in one.away],
        **{axis.value: _score(one.seen(axis, now, half_life)) for axis in Axis},
        "can_be_paid": one.can_be_paid,
    }


def _score(score: Score) -> dict[str, int]:
    return {"mean": score.mean, "count": score.count}
