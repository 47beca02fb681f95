"""Which mails of the local stack come back, and that their events are SES' own shape."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from devstack.bounces import Bounces, event_of
from devstack.mailbox import Mail
from relais.rows import Put, bounce_key, gate_key
from relais.steps.reach import record
from tests.support.doubles import FakePorts


def mail(to: str, number: int = 1, text: str = "") -> Mail:
    at = datetime(2026, 11, 23, tzinfo=UTC).isoformat()
    return Mail(number, at, "bonjour@atelier-mistral.example", (to,), "Votre commande", text, "")


@pytest.mark.parametrize(
    ("to", "what"),
    [
        ("bounce@simulator.amazonses.com", "Email Bounced"),
        ("Bounce+marie@Simulator.AmazonSES.com", "Email Bounced"),
        ("suppressionlist@simulator.amazonses.com", "Email Bounced"),
        ("complaint+ines@simulator.amazonses.com", "Email Complaint Received"),
    ],
)
def test_mails_to_the_simulator_come_back_and_are_recorded(to: str, what: str) -> None:
    """What the stack tells is what the deployed function reads."""
    event = event_of(mail(to), {})
    assert event is not None
    assert (event["source"], event["detail-type"]) == ("aws.ses", what)
    assert event["detail"]["mail"]["tags"] == {"ses:configuration-set": ["relais-dev"]}
    ports = FakePorts()
    record(ports, event["detail"])
    assert ports.store.get(bounce_key(to)) is not None


@pytest.mark.parametrize(
    "to", ["success@simulator.amazonses.com", "bounce@example.com", "bounce@simulator.amazonses.com.example", "x"]
)
def test_all_other_mails_arrive(to: str) -> None:
    """Only the addresses that SES reserves for it bounce."""
    assert event_of(mail(to), {}) is None


def test_each_mail_is_told_once_with_the_gate_that_it_asks_about() -> None:
    """The local cloud drops tags: links and the table tell what they were."""
    ports, told = FakePorts(), []
    row = {"v": 1, "role": "client", "owner": "client", "lang": "fr", "default": "cancel", "status": "open"}
    opened = {"opened": "2026-11-23T09:00:00+00:00"}
    ports.store.write(Put(gate_key("000000000001", "00-brief-0001"), row | opened))
    mails = [
        mail("bounce@simulator.amazonses.com", 1, "https://x.example/o/000000000001/secret"),
        mail("marie@example.com", 2, "https://x.example/o/000000000001/secret"),
        mail("bounce@simulator.amazonses.com", 3, "https://x.example/g/000000000001/01-acceptance-0004/secret"),
    ]

    def invoke(**call: Any) -> None:
        told.append(call)

    cloud: Any = SimpleNamespace(mails=lambda: mails, client=lambda _name: SimpleNamespace(invoke=invoke))
    bounces = Bounces(cloud, ports.store)
    assert (bounces.look(), bounces.look()) == (2, 0)
    assert {one["FunctionName"] for one in told} == {"relais-dev-record-bounce:live"}
    assert '"gate": ["00-brief-0001"]' in told[0]["Payload"].decode()
    assert '"gate": ["01-acceptance-0004"]' in told[1]["Payload"].decode()
