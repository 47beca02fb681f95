"""`relais simulate`: many random orders through the shipped definition and steps, on a virtual clock."""

import json
import os
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from relais.cli.output import WRONG, AsJson, UsageRefusedError, say, sentences

SHOWN = 20


class SimulationMissingError(UsageRefusedError):
    """The development stack is not beside the command line."""

    def __init__(self) -> None:
        """Say where it is."""
        super().__init__("The simulation is a part of the repository: run it there, after `make setup`.")


@sentences
def simulate(  # noqa: PLR0917 - Typer reads options from parameters
    orders: Annotated[int, typer.Option(min=1, max=100_000, help="How many orders.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed plays the same season.")] = 7,
    days: Annotated[int, typer.Option(min=1, max=700, help="Over how many days the orders come in.")] = 180,
    processes: Annotated[int | None, typer.Option(min=1, help="How many at once; as many as there are cores.")] = None,
    deaf: Annotated[bool, typer.Option("--deaf", help="No webhook of Stripe's ever arrives in any shop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play random orders with people of every temper, faults and outages, and check every promise.

    People are prompt, slow, silent, contradictory, double-clicking, away, vanishing, or mistype their address; calls
    die, Stripe is out of reach for hours. Nothing leaves this machine. The last line is a JSON object; amounts are in
    minor units. Exits with 1 if a promise was broken.
    """
    try:
        from devstack.simulation.simulate import Plan  # the stack is no part of the package
        from devstack.simulation.simulate import simulate as played
    except ImportError:
        raise SimulationMissingError from None
    plan = Plan(orders, seed, days, processes or os.cpu_count() or 1, deaf)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Orders", total=orders)
        for report in played(plan):
            progress.update(task, completed=report.played)
    if not as_json:
        _tell(report.violations)
    typer.echo(json.dumps(report.document()))
    if report.violations:
        raise typer.Exit(WRONG)


def _tell(violations: Sequence[str]) -> None:
    for number, violation in enumerate(violations[:SHOWN], start=1):
        say(f"{number}. {violation}")
    if len(violations) > SHOWN:
        say(f"… and {len(violations) - SHOWN} more.")
