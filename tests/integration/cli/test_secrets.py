"""`relais secrets`: filled from standard input, never shown."""

import base64
import json
from typing import Any

import boto3
import pytest

from relais.adapters import secrets as reading

KEY = "rk_test_never_printed_0123456789"


def held(name: str) -> Any:
    return json.loads(
        boto3.client("secretsmanager", region_name="eu-west-3").get_secret_value(SecretId=f"relais/dev/{name}")[
            "SecretString"
        ]
    )


def test_a_key_from_standard_input_is_kept_and_never_shown(world: Any, relais: Any) -> None:
    """The function that pays reads it as it stands there; no answer, no argument, no log holds it."""
    said = relais("secrets", "set", "stripe-run-act", given=f"{KEY}\n")
    assert said.code == 0
    assert reading.stripe_key(held("stripe-run-act")) == KEY
    assert KEY not in said.out + said.err
    told = relais("secrets", "set", "stripe-enter-order", "--json", given=KEY).json
    assert told == {"stage": "dev", "name": "stripe-enter-order", "filled": True, "holds": "a restricted test key"}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("stripe-run-act", "sk_live_0123456789"),
        ("stripe-run-act", "whsec_0123456789"),
        ("stripe-run-act", "  \n"),
        ("stripe-run-act", f"{KEY} {KEY}"),
        ("stripe-webhook", "rk_test_0123456789"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_unshown(world: Any, relais: Any, name: str, given: str) -> None:
    """Stage dev never holds a key to live money, and a key pasted into the wrong place is caught."""
    said = relais("secrets", "set", name, given=given)
    assert said.code == 1
    assert not given.strip() or given.strip() not in said.out + said.err
    assert {one["name"]: one["filled"] for one in relais("secrets", "list", "--json").json}[name] is False


def test_a_fresh_link_key_leaves_the_older_ones(world: Any, relais: Any) -> None:
    """Links already mailed are made with the key that their row names."""
    first = relais("secrets", "set", "link-keys", "--generate", "--json").json
    assert first["holds"] == "1 key, current k1"
    before = reading.link_keys(held("link-keys"))
    relais("secrets", "set", "link-keys", "--generate")
    after = reading.link_keys(held("link-keys"))
    assert (after.current, after.keys["k1"]) == ("k2", before.keys["k1"])
    assert len(after.keys["k2"]) == 32
    assert after.keys["k2"] != after.keys["k1"]
    said = relais("secrets", "list")
    assert "2 keys, current k2" in said.out
    assert all(base64.b64encode(key).decode() not in said.out for key in after.keys.values())


def test_link_keys_that_cannot_be_read_are_not_written_over(world: Any, relais: Any) -> None:
    """Whatever stands there, links in people's mailboxes may depend on it."""
    boto3.client("secretsmanager", region_name="eu-west-3").put_secret_value(
        SecretId="relais/dev/link-keys", SecretString="something else"
    )
    said = relais("secrets", "set", "link-keys", "--generate")
    assert said.code == 1
    assert "something unreadable" in relais("secrets", "list").out


def test_a_webhook_secret_is_rotated_with_both_in_force(world: Any, relais: Any) -> None:
    """Stripe signs with both for a day; nothing is refused meanwhile."""
    relais("secrets", "set", "stripe-webhook", given="whsec_first")
    relais("secrets", "set", "stripe-webhook", "--keep", given="whsec_second")
    assert reading.webhook_secrets(held("stripe-webhook")) == ("whsec_second", "whsec_first")
    relais("secrets", "set", "stripe-webhook", given="whsec_second")
    assert reading.webhook_secrets(held("stripe-webhook")) == ("whsec_second",)


def test_the_list_says_which_are_filled_and_no_more(world: Any, relais: Any) -> None:
    """A new deployment has eight empty secrets; the list is the checklist."""
    relais("secrets", "set", "stripe-run-act", given=KEY)
    listed = {one["name"]: one for one in relais("secrets", "list", "--json").json}
    assert len(listed) == 8
    assert [name for name, one in listed.items() if one["filled"]] == ["stripe-run-act"]
    assert listed["stripe-run-act"]["holds"] == "a restricted test key"
    assert listed["link-keys"]["holds"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("link-keys",),
        ("stripe-run-act", "--generate"),
        ("stripe-run-act", "--keep"),
        ("stripe-run-act", KEY),
        ("other",),
    ],
)
def test_a_value_has_no_place_among_the_arguments(world: Any, relais: Any, arguments: tuple[str, ...]) -> None:
    """Arguments are seen by every process of the machine and kept by the shell."""
    assert relais_code(relais, arguments) == 2


def relais_code(relais: Any, arguments: tuple[str, ...]) -> int:
    from typer.testing import CliRunner

    from relais.cli import app

    return CliRunner().invoke(app, ["secrets", "set", *arguments], input="rk_test_1").exit_code
