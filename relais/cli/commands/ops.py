"""`relais ops`: what is done by hand when something went wrong: dead letters, orders of a restored table."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from relais.cli.dead import DeadLetter, DeadLetters, matching
from relais.cli.output import WRONG, AsJson, OfStage, Times, UsageRefusedError, say, sentences, table, tell_json
from relais.cli.reading import open_dossiers
from relais.cli.stack import CloudRefusedError, Stack, Stage, in_sentences
from relais.errors import RelaisError
from relais.steps.restored import restart as restarted

app = typer.Typer(no_args_is_help=True, help="What is done by hand: dead letters, a restored table.")


class LetterNotFoundError(RelaisError):
    """No dead letter, or more than one, has an id that begins so."""

    def __init__(self, start: str, count: int) -> None:
        """Keep what was asked for."""
        found = "no dead letter has" if count == 0 else f"{count} dead letters have"
        super().__init__(f"{found} an id that begins with {start}: see `relais ops dead`.")
        self.start = start
        self.count = count


@app.command(epilog="Examples: relais ops dead; relais ops dead --stage prod --json")
@sentences
def dead(stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """List calls that kept failing and were put away: function, order, error, age. Never what they were given."""
    stack = Stack(stage)
    _ = stack.outputs
    queue = DeadLetters(stack)
    letters = queue.take()
    queue.put_back(letters)
    times, wall = Times.of_shop(stack.ports.store), stack.ports.wall()
    if as_json:
        tell_json([_document(letter, times, wall) for letter in letters])
        return
    _print("Dead letters", letters, times, wall)


@app.command(
    epilog="Examples: relais ops replay --all --dry-run; relais ops replay 5c1f0f3a; relais ops replay --all --yes"
)
@sentences
def replay(  # noqa: PLR0917 - Typer reads options from parameters
    ids: Annotated[
        list[str] | None, typer.Argument(help="Which: ids of `relais ops dead`, or how they begin.", metavar="[ID]...")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Send dead letters again: the function is called anew, and once that is accepted the letter is deleted.

    Mend the cause first. Nothing is done twice: what was settled meanwhile is found settled.
    """
    if every is bool(ids):
        raise UsageRefusedError("Name the dead letters to send again, or give --all.")
    if as_json and not yes and not dry_run:
        raise UsageRefusedError("With --json nothing is asked: add --yes, or --dry-run.")
    stack = Stack(stage)
    _ = stack.outputs
    queue = DeadLetters(stack)
    letters = queue.take()
    kept = list(letters)
    try:
        chosen = letters if every else _chosen(letters, ids or [])
        ready = [letter for letter in chosen if letter.replayable]
        times, wall = Times.of_shop(stack.ports.store), stack.ports.wall()
        if not as_json:
            _print("To be sent again", ready, times, wall)
        if not dry_run and ready and not yes:
            typer.confirm(f"Send {len(ready)} again?", abort=True)
        failed = [] if dry_run else _send(queue, ready, kept)
    finally:
        queue.put_back(kept)
    failed += [(letter, "it does not say what was called") for letter in chosen if not letter.replayable]
    _tell(ready, failed, times, wall, dry_run=dry_run, as_json=as_json)
    if failed:
        raise typer.Exit(WRONG)


@app.command(
    epilog="Examples: relais ops restart --since 2026-11-22T09:40; relais ops restart --since 2026-11-22T09:40 --yes"
)
@sentences
def restart(
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="The point that the table was restored to.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Start the next run of every open order: after the table was restored, and Stripe's book was read.

    Each order goes on from where the table says it stands, and its people are asked anew. What Stripe moved since the
    point is found before it would be moved again. Called twice it only starts one run more.
    """
    if as_json and not yes:
        raise UsageRefusedError("With --json nothing is asked: add --yes.")
    stack = Stack(stage)
    times = Times.of_shop(stack.ports.store)
    point = _instant(stack, times, since)
    orders = [one.order.id for one in open_dossiers(stack.ports.store)]
    if not as_json:
        say(f"{len(orders)} open orders go on as of {times.words(point)} ({times.zone}).")
    if orders and not yes:
        typer.confirm(f"Start the next run of {len(orders)}?", abort=True)
    begun: list[dict[str, Any]] = []
    for number, order in enumerate(orders, start=1):
        with in_sentences():
            found = restarted(stack.ports, order, point)
        if found is not None:
            begun.append({"order": order, "run": found.run})
        if not as_json:
            say(f"{number}/{len(orders)} {order}: " + ("left as it is" if found is None else f"run {found.run}"))
    if as_json:
        tell_json({"since": times.iso(point), "restarted": begun})
        return
    say(f"{len(begun)} started again. Now deploy without `stopped`; `relais doctor` tells the rest.")


def _instant(stack: Stack, times: Times, text: str) -> datetime:
    try:
        point = times.read(text)
    except ValueError:
        raise UsageRefusedError(f"{text} is no time: write it like 2026-11-22T09:40.") from None
    if point > stack.ports.now():
        raise UsageRefusedError(f"{text} lies ahead: give the point that the table was restored to.")
    return point


def _chosen(letters: Sequence[DeadLetter], starts: Sequence[str]) -> list[DeadLetter]:
    found: dict[str, DeadLetter] = {}
    for start in starts:
        matches = matching(letters, start)
        if len(matches) != 1:
            raise LetterNotFoundError(start, len(matches))
        found[matches[0].id] = matches[0]
    return list(found.values())


def _send(queue: DeadLetters, letters: Sequence[DeadLetter], kept: list[DeadLetter]) -> list[tuple[DeadLetter, str]]:
    """Send them, each for itself: one that is refused keeps none of the others."""
    failed = []
    for letter in letters:
        try:
            with in_sentences():
                queue.send_again(letter)
        except CloudRefusedError as error:
            failed.append((letter, str(error)))
        else:
            kept.remove(letter)
    return failed


def _tell(
    ready: Sequence[DeadLetter],
    failed: Sequence[tuple[DeadLetter, str]],
    times: Times,
    wall: datetime,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    lost = {letter.id for letter, _ in failed}
    sent = [letter for letter in ready if letter.id not in lost]
    if as_json:
        tell_json(
            {
                "dry_run": dry_run,
                "replayed": [_document(letter, times, wall) for letter in sent],
                "failed": [_document(letter, times, wall) | {"why": why} for letter, why in failed],
            }
        )
        return
    for letter, why in failed:
        say(f"{letter.id} stays: {why}.")
    say(f"{len(sent)} would be sent again." if dry_run else f"{len(sent)} sent again; `relais doctor` tells the rest.")


def _print(title: str, letters: Sequence[DeadLetter], times: Times, wall: datetime) -> None:
    documents = [_document(letter, times, wall) for letter in letters]
    table(
        title,
        ("Id", "Function", "Order", "Error", "Tries", "Since"),
        [
            (
                one["id"],
                one["function"] or "unknown",
                one["order"],
                one["error"],
                None if one["attempts"] is None else str(one["attempts"]),
                times.shown(one["at"]),
            )
            for one in documents
        ],
        right=("Tries",),
    )


def _document(letter: DeadLetter, times: Times, wall: datetime) -> dict[str, Any]:
    return {
        "id": letter.id,
        "function": letter.function,
        "order": letter.order,
        "error": letter.error,
        "attempts": letter.attempts,
        "at": times.iso(letter.at),
        "age_seconds": max(0, round((wall - letter.at).total_seconds())),
        "replayable": letter.replayable,
    }
