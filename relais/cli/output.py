"""How commands answer: one JSON document, or tables for people. Errors are sentences, never tracebacks.

Exit codes: 0 done, 1 something is wrong with what was asked about, 2 it cannot be done from here.
"""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, ParamSpec
from zoneinfo import ZoneInfo

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from relais.calendar import DEFAULT_ZONE
from relais.cli.stack import Stage, UnreachableError, in_sentences
from relais.errors import RelaisError
from relais.money import format_amount
from relais.ports import Store
from relais.rows import SHOP_KEY
from relais.shop import Shop

WRONG = 1
CANNOT = 2
PIPED_WIDTH = 160

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
OfStage = Annotated[Stage, typer.Option("--stage", help="Which deployment.")]
WithNames = Annotated[bool, typer.Option("--names", help="Show the clients' names too.")]
OfOrder = Annotated[str, typer.Argument(help="The order's id: 12 characters.", metavar="ORDER")]

_P = ParamSpec("_P")


class UsageRefusedError(UnreachableError):
    """The options given do not go together, or not with this stage. Exit code 2."""


def sentences(command: Callable[_P, None]) -> Callable[_P, None]:
    """Let a command end with a sentence and an exit code where something is not as it must be.

    With `--json` the sentence also stands in the one document on standard output: `{"error": {"name", "message"}}`.
    """

    @functools.wraps(command)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            with in_sentences():
                command(*args, **kwargs)
        except RelaisError as error:
            if kwargs.get("as_json"):
                tell_json({"error": {"name": type(error).__name__, "message": str(error)}})
            complain(str(error))
            raise typer.Exit(CANNOT if isinstance(error, UnreachableError) else WRONG) from error

    return guarded


def complain(sentence: str) -> None:
    """Say on standard error what is wrong and what to do."""
    typer.echo(f"relais: {sentence}", err=True)


def tell_json(document: object) -> None:
    """Print the one document of a `--json` call."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def console() -> Console:
    """Where tables go; made anew, because tests and pipes change standard output."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, emoji=False, markup=False)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str | None]], *, right: Sequence[str] = ()
) -> None:
    """Print a table, or that there is nothing to print. Columns named in `right` are numbers."""
    made = Table(
        title=Text(title),
        title_justify="left",
        header_style="bold",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for number, column in enumerate(columns):
        side: JustifyMethod = "right" if column in right else "left"
        made.add_column(column, justify=side, overflow="fold", no_wrap=number == 0)
    for row in rows:
        made.add_row(*(Text(cell or "") for cell in row))
    if made.row_count:
        console().print(made)
        return
    say(f"{title}: none.")


def facts(title: str, pairs: Iterable[tuple[str, str | None]]) -> None:
    """Print names and values below each other; what has no value is left out."""
    made = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        show_header=False,
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name, value in pairs:
        if value is not None:
            made.add_row(Text(name, style="bold"), Text(value))
    console().print(made)


def say(line: str) -> None:
    """Print one line for people."""
    console().print(Text(line), soft_wrap=True)


def money(amount: int | None, currency: str) -> str | None:
    """An amount of minor units as people write it, with its currency."""
    return None if amount is None else format_amount(amount, currency, "en")


class Times:
    """Prints instants in the shop's zone."""

    def __init__(self, zone: str) -> None:
        """Use this zone."""
        self.zone = zone
        self._zone = ZoneInfo(zone)

    @classmethod
    def of_shop(cls, store: Store) -> "Times":
        """The zone of the shop on the table; the usual one while the shop is empty."""
        row = store.get(SHOP_KEY)
        return cls(DEFAULT_ZONE if row is None else Shop.from_row(row["shop"]).zone)

    def iso(self, at: datetime | None) -> str | None:
        """As JSON has it: ISO 8601 with the UTC offset."""
        return None if at is None else at.astimezone(self._zone).isoformat(timespec="seconds")

    def words(self, at: datetime | None) -> str | None:
        """As tables have it."""
        return None if at is None else at.astimezone(self._zone).strftime("%a %d %b %Y %H:%M")

    def shown(self, iso: str | None) -> str | None:
        """An instant of a JSON document as tables have it."""
        return None if iso is None else self.words(datetime.fromisoformat(iso))

    def read(self, text: str) -> datetime:
        """An ISO date (its midnight) or datetime, in the shop's zone unless it has an offset. Raises ValueError."""
        at = datetime.fromisoformat(text)
        return at if at.tzinfo is not None else at.replace(tzinfo=self._zone)
