"""Synthesizes every variant that the tests read, in one process without network or account: `conftest.py` runs it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App

import infra.data
from infra.app import make_app
from infra.stages import ContextError, deployment_of

DEV = {"stage": "dev", "public_url": "http://localhost:8010/", "stripe_url": "http://localhost:8011"}
VARIANTS = {
    "arm64": DEV | {"layer": "arm64"},
    "local": DEV | {"layer": "local"},
    "stopped": DEV | {"layer": "arm64", "stopped": "true", "table": "relais-dev-2"},
    "prod": {"stage": "prod", "sender": "bonjour@shop.example", "alarm_email": "ops@shop.example"},
}
REFUSED = {
    "stage": {"stage": "staging"},
    "layer": {"layer": "x86"},
    "public_url": {"public_url": "localhost:8010"},
    "stripe_url": {"stage": "prod", "sender": "a@shop.example", "stripe_url": "http://localhost:8011"},
    "sender": {"stage": "prod"},
    "sender without domain": {"sender": "bonjour"},
    "alarm_email": {"alarm_email": "ops"},
    "build": {"build": "nowhere"},
    "stopped": {"stopped": "perhaps"},
}


def main(place: Path) -> None:
    """Write one cloud assembly per variant, and what each bad context was told, under ``place``."""
    flags = json.loads(Path("cdk.json").read_text(encoding="utf-8"))["context"] | {"build": str(place / "build")}
    for name, context in VARIANTS.items():
        make_app(flags | context, outdir=str(place / name)).synth()
    told = {name: refusal(flags | context) for name, context in REFUSED.items()}
    (place / "refusals.json").write_text(json.dumps(told), encoding="utf-8")
    (place / "unacknowledged.txt").write_text(unacknowledged(flags, place), encoding="utf-8")


def refusal(context: Mapping[str, str]) -> str | None:
    """What a bad context is told."""
    try:
        deployment_of(App(context=context, analytics_reporting=False).node).asset("functions.zip")
    except ContextError as error:
        return str(error)
    return None


def unacknowledged(flags: Mapping[str, str], place: Path) -> str:
    """How the synthesis ends where a finding isn't acknowledged."""
    infra.data.acknowledge = lambda *_: None
    try:
        make_app(flags, outdir=str(place / "unacknowledged")).synth()
    except RuntimeError as error:
        return str(error)
    return "synthesized"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
