"""`relais doctor`: everything that may be wrong with a stage, what it is and what to do."""

import typer

from relais.cli.checks import Finding, Verdict, examine
from relais.cli.output import WRONG, AsJson, OfStage, say, sentences, table, tell_json
from relais.cli.stack import Stack, Stage

_SHOWN = {Verdict.GOOD: "ok", Verdict.WRONG: "TO DO", Verdict.UNKNOWN: "not known"}


@sentences
def doctor(stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Look at everything that a stage needs, and at every order that does not go on by itself.

    Configuration, secrets, Stripe's keys and webhook, mail, the clock, alarms, dead letters, parked and stuck orders:
    what it is and what to do. Changes nothing. Exit code 1 where something has to be done.
    """
    stack = Stack(stage)
    _ = stack.outputs
    findings = list(examine(stack))
    wrong = [one for one in findings if one.verdict is Verdict.WRONG]
    if as_json:
        tell_json({"stage": stage.value, "ok": not wrong, "findings": [_document(one) for one in findings]})
    else:
        _print(stage, findings, len(wrong))
    if wrong:
        raise typer.Exit(WRONG)


def _print(stage: Stage, findings: list[Finding], wrong: int) -> None:
    table(
        f"Stage {stage}",
        ("Check", "Verdict", "About", "What it is", "What to do"),
        [(one.check, _SHOWN[one.verdict], one.about, one.what, one.do) for one in findings],
    )
    say("Nothing has to be done." if not wrong else f"{wrong} to do.")


def _document(one: Finding) -> dict[str, str | None]:
    return {
        "check": one.check,
        "verdict": one.verdict.value,
        "about": one.about,
        "what": one.what,
        "do": one.do,
    }
