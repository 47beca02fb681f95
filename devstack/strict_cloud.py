"""The local cloud with permissions enforced: every check is noted, and made as AWS makes it where the cloud differs.

Started by path with the local cloud's own Python (`devstack/stack.py`); `NOTED_CHECKS` names the file of the notes,
one JSON object a line. What differs, and why, stands in docs/architecture.md.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from email.utils import parseaddr
from pathlib import Path
from typing import Any

BETWEEN = "\n"
"""Between the resources of a check that is about several: no ARN holds it."""
UNKNOWN = "*"
"""What the cloud says where it knows no resource."""
RESUMING = frozenset({"states:SendTaskSuccess", "states:SendTaskFailure"})
Check = Callable[..., Any]
"""The cloud's own check of one permission; it gives what refuses, or None."""


def noted(check: Check, who: Callable[[str], str], note: Callable[[str], object]) -> Check:
    """A check with a note of who asked, for what, about what, and whether it was allowed."""

    def checked(key: str, action: str, service: str, region: str, resource_arn: str = UNKNOWN, **more: Any) -> Any:  # noqa: ANN401 - the cloud's own
        refusal = check(key, action, service, region, resource_arn=resource_arn, **more)
        told = {"who": who(key), "action": action, "resource": resource_arn, "allowed": refusal is None}
        note(json.dumps(told) + "\n")
        return refusal

    return checked


def about_each(check: Check, machines: Callable[[], Iterable[str]]) -> Check:
    """A check of everything that a call is about: a mail's two resources, and the machine of a task token."""

    def checked(key: str, action: str, service: str, region: str, resource_arn: str = UNKNOWN, **more: Any) -> Any:  # noqa: ANN401 - likewise
        resources = list(machines()) if action in RESUMING else resource_arn.split(BETWEEN)
        for resource in resources or [UNKNOWN]:
            refusal = check(key, action, service, region, resource_arn=resource, **more)
            if refusal is not None:
                return refusal
        return None

    return checked


def mail_resources(known: Callable[..., str]) -> Callable[..., str]:
    """What sending a mail is about: the domain that it comes from and the configuration set that it names."""

    def resources(method: str, path: str, body: bytes, region: str, account: str) -> str:
        if method != "POST" or not path.endswith("/outbound-emails"):
            return known(method, path, body, region, account)
        mail = json.loads(body)
        sender = parseaddr(mail["FromEmailAddress"])[1]
        named = [f"identity/{sender.rpartition('@')[2]}"]
        if mail.get("ConfigurationSetName"):
            named.append(f"configuration-set/{mail['ConfigurationSetName']}")
        return BETWEEN.join(f"arn:aws:ses:{region}:{account}:{name}" for name in named)

    return resources


def main() -> object:
    """Run the local cloud."""
    from ministack.core import iam_actions, iam_evaluator
    from ministack.services import stepfunctions

    identity, pin = iam_evaluator.resolve_caller_identity, iam_evaluator.pin_request_origin

    def who(key: str) -> str:
        return str((identity(key) or {}).get("userArn", ""))

    def machines() -> Iterable[str]:
        return list(stepfunctions._state_machines)  # noqa: SLF001 - which machine a token belongs to is kept nowhere

    def on_loopback(address: str, _encrypted: object) -> None:
        # Buckets and queues refuse what comes unencrypted; on loopback everything does.
        pin(address, secure_transport=True)

    with Path(os.environ["NOTED_CHECKS"]).open("a", buffering=1, encoding="utf-8") as notes:
        iam_evaluator.enforce = about_each(noted(iam_evaluator.enforce, who, notes.write), machines)
        iam_evaluator.pin_request_origin = on_loopback
        known = iam_actions._ses_v2_resource_arn  # noqa: SLF001 - the one place that knows what a mail is about
        iam_actions._ses_v2_resource_arn = mail_resources(known)  # noqa: SLF001 - likewise
        # Only now: it takes these over by name.
        from ministack import app

        return app.main()


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[arg-type]
