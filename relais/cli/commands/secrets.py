"""`relais secrets`: filled after a deployment, rotated by hand.

No value ever stands in an argument, a log or an answer.
"""

import base64
import getpass
import json
import secrets as randomness
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from relais.adapters import secrets
from relais.cli.output import AsJson, OfStage, UsageRefusedError, say, sentences, table, tell_json
from relais.cli.stack import Stack, StackMissingError, Stage
from relais.errors import RelaisError
from relais.link import LinkKeys

app = typer.Typer(no_args_is_help=True, help="Fill and list the secrets of a stage.")

KEY_BYTES = 32


class Name(StrEnum):
    """The secrets of a stage."""

    LINK_KEYS = "link-keys"
    STRIPE_WEBHOOK = "stripe-webhook"
    STRIPE_ACCOUNTS_WEBHOOK = "stripe-accounts-webhook"
    STRIPE_ONBOARD = "stripe-onboard"
    STRIPE_OPEN_CHECKOUT = "stripe-open-checkout"
    STRIPE_ENTER_ORDER = "stripe-enter-order"
    STRIPE_RUN_ACT = "stripe-run-act"
    STRIPE_RECONCILE = "stripe-reconcile"


_ABOUT = {
    Name.LINK_KEYS: "makes the links of all mails",
    Name.STRIPE_WEBHOOK: "tells Stripe's webhooks from forged ones",
    Name.STRIPE_ACCOUNTS_WEBHOOK: "tells Stripe's events about accounts from forged ones",
    Name.STRIPE_ONBOARD: "opens freelancers' accounts, asks how they stand",
    Name.STRIPE_OPEN_CHECKOUT: "opens checkout sessions",
    Name.STRIPE_ENTER_ORDER: "re-reads payments",
    Name.STRIPE_RUN_ACT: "pays freelancers, reads balance transactions",
    Name.STRIPE_RECONCILE: "reads Stripe's book, compares it with ours",
}
WEBHOOKS = frozenset({Name.STRIPE_WEBHOOK, Name.STRIPE_ACCOUNTS_WEBHOOK})
KEY_PREFIXES = {
    Stage.DEV: ("sk_test_", "rk_test_"),
    Stage.PROD: ("sk_live_", "rk_live_"),
}
_WEBHOOK_PREFIX = "whsec_"


class SecretRefusedError(RelaisError):
    """A value that this secret cannot hold. The message never shows it."""

    def __init__(self, name: Name, why: str) -> None:
        """Keep the secret's name."""
        super().__init__(f"This is not a value for {name}: {why}")
        self.name = name


@app.command(
    "set",
    epilog="Examples: relais secrets set stripe-webhook < secret.txt; relais secrets set stripe-run-act (asks, shows "
    "nothing); relais secrets set link-keys --generate",
)
@sentences
def set_(
    name: Annotated[Name, typer.Argument(help="Which secret.", metavar="NAME")],
    generate: Annotated[bool, typer.Option("--generate", help="link-keys: make a fresh random key.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="webhooks: accept the present secret too, while it is rotated.")
    ] = False,
    stage: OfStage = Stage.DEV,
    as_json: AsJson = False,
) -> None:
    """Fill a secret with a value from standard input, or asked for without showing it.

    A fresh link key makes new links; older keys stay, so that links already mailed keep working.
    """
    if generate is not (name is Name.LINK_KEYS):
        raise UsageRefusedError("Link keys are made with --generate, and nothing else is: leave it out, or add it.")
    if keep and name not in WEBHOOKS:
        raise UsageRefusedError("--keep goes with the webhooks' secrets alone.")
    stack = Stack(stage)
    _ = stack.outputs
    present = read_secret(stack, name)
    match name:
        case Name.LINK_KEYS:
            value = _with_fresh_key(present)
        case Name.STRIPE_WEBHOOK | Name.STRIPE_ACCOUNTS_WEBHOOK:
            value = {"secrets": [_webhook_secret(name, _given(name)), *(_webhook_secrets(present)[:1] if keep else ())]}
        case (
            Name.STRIPE_OPEN_CHECKOUT
            | Name.STRIPE_ENTER_ORDER
            | Name.STRIPE_RUN_ACT
            | Name.STRIPE_RECONCILE
            | Name.STRIPE_ONBOARD
        ):
            value = {"key": _stripe_key(name, stage, _given(name))}
    _write(stack, name, value)
    told = {"name": name.value, "filled": True, "holds": holds(name, value)}
    if as_json:
        tell_json({"stage": stage.value} | told)
        return
    say(f"{name} of stage {stage} is filled: {told['holds']}. Functions take it up within five minutes.")


@app.command("list", epilog="Example: relais secrets list --stage prod")
@sentences
def list_(stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """List the secrets of a stage and which of them are filled; never a value."""
    stack = Stack(stage)
    _ = stack.outputs
    documents = [_document(name, read_secret(stack, name)) for name in Name]
    if as_json:
        tell_json(documents)
        return
    table(
        f"Secrets of stage {stage}",
        ("Name", "Filled", "Holds", "What for"),
        [(one["name"], "yes" if one["filled"] else "no", one["holds"], one["about"]) for one in documents],
    )


def _document(name: Name, present: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the secret holds
    held = None if present is None else holds(name, present)
    return {"name": name.value, "filled": present is not None, "holds": held, "about": _ABOUT[name]}


def read_secret(stack: Stack, name: Name) -> Any:  # noqa: ANN401 - whatever the secret holds
    """What a secret of a stage holds, or nothing where it was never filled."""
    try:
        return secrets.read(stack.cloud.client("secretsmanager"), stack.secret(name))
    except secrets.SecretEmptyError:
        return None


def holds(name: Name, present: Any) -> str:  # noqa: ANN401 - whatever the secret holds
    """What a secret holds, in words that give nothing away."""
    try:
        match name:
            case Name.LINK_KEYS:
                keys = secrets.link_keys(present)
                return f"{len(keys.keys)} key{'s' if len(keys.keys) > 1 else ''}, current {keys.current}"
            case Name.STRIPE_WEBHOOK | Name.STRIPE_ACCOUNTS_WEBHOOK:
                count = len(secrets.webhook_secrets(present))
                return f"{count} signing secret{'s' if count > 1 else ''}"
            case (
                Name.STRIPE_OPEN_CHECKOUT
                | Name.STRIPE_ENTER_ORDER
                | Name.STRIPE_RUN_ACT
                | Name.STRIPE_RECONCILE
                | Name.STRIPE_ONBOARD
            ):
                key = secrets.stripe_key(present)
                kind = "restricted" if key.startswith("rk_") else "full" if key.startswith("sk_") else "unknown"
                mode = "live" if "_live_" in key else "test" if "_test_" in key else ""
                return f"a {kind} {mode} key".replace("  ", " ")
    except (KeyError, TypeError, ValueError, AttributeError):
        return "something unreadable"


def _given(name: Name) -> str:
    """The value, from a pipe or asked for without an echo."""
    piped = not sys.stdin.isatty()
    value = sys.stdin.read() if piped else getpass.getpass(f"Value of {name} (not shown): ")
    if not value.strip():
        raise SecretRefusedError(name, "it is empty. Give it on standard input, or type it when asked.")
    return value.strip()


def _with_fresh_key(present: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the secret holds
    known = _link_keys(present)
    number = len(known.keys) + 1
    while f"k{number}" in known.keys:
        number += 1
    older = {key_id: base64.b64encode(key).decode() for key_id, key in known.keys.items()}
    fresh = base64.b64encode(randomness.token_bytes(KEY_BYTES)).decode()
    return {"current": f"k{number}", "keys": older | {f"k{number}": fresh}}


def _link_keys(present: Any) -> LinkKeys:  # noqa: ANN401 - whatever the secret holds
    if present is None:
        return LinkKeys("", {})
    try:
        return secrets.link_keys(present)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SecretRefusedError(
            Name.LINK_KEYS,
            "the secret holds something else already, and links may depend on it. Look at it in AWS first.",
        ) from None


def _webhook_secrets(present: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever the secret holds
    return () if present is None else secrets.webhook_secrets(present)


def _webhook_secret(name: Name, value: str) -> str:
    if not value.startswith(_WEBHOOK_PREFIX) or len(value.split()) != 1:
        raise SecretRefusedError(name, f"a signing secret begins with {_WEBHOOK_PREFIX}.")
    return value


def _stripe_key(name: Name, stage: Stage, value: str) -> str:
    """A key of the mode that the stage may use: dev never touches live money, prod never takes test money for real."""
    prefixes = KEY_PREFIXES[stage]
    if not value.startswith(prefixes) or len(value.split()) != 1:
        raise SecretRefusedError(name, f"stage {stage} takes keys that begin with {' or '.join(prefixes)}.")
    return value


def _write(stack: Stack, name: Name, value: dict[str, Any]) -> None:
    secret = stack.secret(name)
    try:
        stack.cloud.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(value))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        missing = f"relais-{stack.stage}-data"
        remedy = f"it makes the secret {secret}; deploy it again with `make deploy STAGE={stack.stage}`."
        raise StackMissingError(missing, "with that secret", remedy) from error
