"""`relais roster`: who may be asked."""

from typing import Any

import typer

from relais.cli.output import AsJson, OfStage, money, sentences, table, tell_json
from relais.cli.stack import Stack, Stage
from relais.roster import Freelancer, Score

app = typer.Typer(no_args_is_help=True, help="The approved freelancers.")


@app.command("list", epilog="Example: relais roster list --json")
@sentences
def list_(stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """List the roster: rates, what each has in hand, scores, and whether the pay could leave."""
    rows = Stack(stage).ports.store.query("ROSTER", "R#")
    roster = sorted((Freelancer.from_row(row) for row in rows), key=lambda one: one.key)
    if as_json:
        tell_json([_document(one) for one in roster])
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
                _stars(one.quality),
                "yes" if one.can_be_paid else "no",
            )
            for one in roster
        ],
    )


def _stars(score: Score) -> str | None:
    return f"{score.mean / 100:.1f} ({score.count})" if score.count else None


def _document(one: Freelancer) -> dict[str, Any]:
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
        "quality": _score(one.quality),
        "punctuality": _score(one.punctuality),
        "responsiveness": _score(one.responsiveness),
        "can_be_paid": one.can_be_paid,
    }


def _score(score: Score) -> dict[str, int]:
    return {"mean": score.mean, "count": score.count}
