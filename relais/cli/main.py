"""The root of the command line: one command per noun."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from relais.cli.commands import by_hand, catalog, ledger, ops, roster, secrets
from relais.cli.commands.clock import clock
from relais.cli.commands.doctor import doctor
from relais.cli.commands.simulate import simulate

app = typer.Typer(
    name="relais",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a traceback must not print what variables hold
    help="Run the orders of a shop whose services others perform. Works on the local stack and on AWS alike: it finds "
    "the stack by --stage, AWS_ENDPOINT_URL, AWS_REGION and AWS_PROFILE.",
    epilog="Example, on the local stack: AWS_ENDPOINT_URL=http://127.0.0.1:4566 relais order list",
)
app.add_typer(catalog.app, name="catalog")
app.add_typer(roster.app, name="roster")
app.add_typer(by_hand.app, name="order")
app.add_typer(ledger.app, name="ledger")
app.add_typer(secrets.app, name="secrets")
app.add_typer(ops.app, name="ops")
app.command("doctor", epilog="Examples: relais doctor; relais doctor --stage prod --json")(doctor)
app.command("simulate", epilog="Examples: relais simulate; relais simulate --orders 1000 --seed 7 --days 180")(simulate)
app.command(
    "clock",
    epilog="Examples: relais clock; relais clock --to 2026-12-04; relais clock --to 2026-12-04T18:15 --json; "
    "relais clock --reset",
)(clock)


def _version(asked: bool) -> None:
    if not asked:
        return
    try:
        typer.echo(version("relais"))
    except PackageNotFoundError:
        typer.echo("unknown")
    raise typer.Exit


@app.callback()
def main(
    _version_asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Everything that is common to all commands."""
