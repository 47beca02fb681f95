"""The app as a whole."""

import json
import re
from typing import Any

import pytest

from tests.infra.reading import Stack, Synthesized

# A version's logical id ends in a digest of everything that it freezes, the layer among it.
LAYERS = 2
VERSION = re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}")


def test_synthesis_needs_no_network_and_no_account(synthesized: Synthesized) -> None:
    """A template can be made and checked on a train: nothing is looked up, nothing is reached."""
    watched = synthesized.read("watched.txt").splitlines()
    assert watched, "nobody watched"
    assert set(watched) == {"watching"}
    for variant in ("arm64", "local", "prod"):
        manifest = synthesized.manifest(variant)
        assert not manifest.get("missing")
        stacks = [one for one in manifest["artifacts"].values() if one["type"] == "aws:cloudformation:stack"]
        assert {one["environment"] for one in stacks} == {"aws://unknown-account/eu-west-3"}


def test_a_finding_that_nobody_acknowledged_fails_the_synthesis(synthesized: Synthesized) -> None:
    """The security rules are always on; without the reasons beside the resources there is no template to deploy."""
    assert "ValidationFailed" in synthesized.read("unacknowledged.txt")
    report = json.loads(synthesized.read("unacknowledged/validation-report.json"))
    rules = {violation["ruleName"] for plugin in report["pluginReports"] for violation in plugin["violations"]}
    assert rules == {"AwsSolutions-S1", "AwsSolutions-SMG4"}


def test_only_the_layers_assets_differ_between_what_runs_here_and_what_ships(synthesized: Synthesized) -> None:
    """Promise 6: the local stack deploys the same templates; versions carry a digest of the layer in their name."""
    shipped, local = (neutral(synthesized.stack(variant, "relais-dev")) for variant in ("arm64", "local"))
    assert set(shipped.pop("layers")).isdisjoint(local.pop("layers"))
    assert shipped == local
    data, local_data = (synthesized.stack(variant, "relais-dev-data").template for variant in ("arm64", "local"))
    assert data == local_data


def neutral(stack: Stack) -> dict[str, Any]:
    """A template's text without the layers' assets, which are told apart."""
    layers = stack.of_type("Lambda::LayerVersion")
    keys = {name: layer["Properties"]["Content"]["S3Key"] for name, layer in layers.items()}
    text = json.dumps(stack.template)
    for name, key in keys.items():
        text = text.replace(key, name)
    assert len(keys) == LAYERS
    return {"layers": list(keys.values()), "template": VERSION.sub(r"\1", text)}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("stage", "use one of dev, prod"),
        ("layer", "use one of arm64, local"),
        ("public_url", "start it with https://"),
        ("stripe_url", "leave it out for stage prod"),
        ("sender", "sender is missing"),
        ("sender without domain", "is no e-mail address"),
        ("alarm_email", "alarm_email=ops is no e-mail address"),
        ("build", "run `make bundle` first"),
    ],
)
def test_a_context_that_cannot_be_used_is_told_what_to_do(synthesized: Synthesized, name: str, told: str) -> None:
    """A typing error on a command line must not become a deployment."""
    assert told in json.loads(synthesized.read("refusals.json"))[name]


def test_outputs_are_what_the_command_line_looks_for(both_stages: tuple[Stack, Stack]) -> None:
    """The command line finds a stage by these names."""
    data, service = both_stages
    assert {"TableName", "BucketName"} <= data.template["Outputs"].keys()
    assert {"ApiUrl", "PublicUrl", "MachineArn"} <= service.template["Outputs"].keys()


def test_every_name_that_carries_a_stage_carries_the_right_one(synthesized: Synthesized) -> None:
    """Two stages in one account must not share anything."""
    for stack in ("relais-prod", "relais-prod-data"):
        assert "relais-dev" not in json.dumps(synthesized.stack("prod", stack).template)
