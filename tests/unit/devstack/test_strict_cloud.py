import json
from pathlib import Path

from devstack.checks import Checked, read_checks
from devstack.strict_cloud import about_each, mail_resources, noted

ROLE = "arn:aws:sts::000000000000:assumed-role/relais-dev-OpenGateRole-1/relais-dev-open-gate"
MACHINE = "arn:aws:states:eu-west-3:000000000000:stateMachine:relais-dev"
PLACE = "arn:aws:ses:eu-west-3:000000000000:"


def refuse(*_: str, resource_arn: str) -> str | None:
    return None if resource_arn.startswith(("arn:aws:ses", MACHINE)) else "refused"


def test_every_check_is_noted_with_who_asked_and_what_came_of_it(tmp_path: Path) -> None:
    """Allowed or refused: the list of what is used rests on it."""
    notes = tmp_path / "checks.jsonl"
    assert read_checks(notes) == ()
    with notes.open("a") as file:
        check = noted(refuse, lambda key: ROLE if key == "role" else "root", file.write)
        assert check("role", "ses:SendEmail", "ses", "eu-west-3", resource_arn=f"{PLACE}identity/a") is None
        assert check("other", "s3:GetObject", "s3", "eu-west-3") == "refused"
    assert read_checks(notes) == (
        Checked("open-gate", "ses:SendEmail", f"{PLACE}identity/a", allowed=True),
        Checked(None, "s3:GetObject", "*", allowed=False),
    )


def test_a_mail_is_asked_for_on_its_identity_and_its_configuration_set() -> None:
    """AWS asks for both; the local cloud knows neither, and would want a grant on everything."""
    body = {"FromEmailAddress": "Atelier <a@b.example>", "ConfigurationSetName": "set"}
    asked: list[str] = []

    def check(*_: str, resource_arn: str) -> None:
        asked.append(resource_arn)

    resources = mail_resources(lambda *_: "known")
    found = resources("POST", "/v2/email/outbound-emails", json.dumps(body).encode(), "eu-west-3", "000000000000")
    about_each(check, list)("key", "ses:SendEmail", "ses", "eu-west-3", resource_arn=found)
    assert asked == [f"{PLACE}identity/b.example", f"{PLACE}configuration-set/set"]
    assert resources("GET", "/v2/email/identities", b"", "eu-west-3", "000000000000") == "known"


def test_a_task_token_is_asked_for_on_the_machine() -> None:
    """A token of a machine that nobody knows is refused like anything else without a grant."""
    assert about_each(refuse, lambda: [MACHINE])("key", "states:SendTaskSuccess", "states", "eu-west-3") is None
    assert about_each(refuse, list)("key", "states:SendTaskSuccess", "states", "eu-west-3") == "refused"
