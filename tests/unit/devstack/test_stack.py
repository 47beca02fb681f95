import os
import re
from pathlib import Path

import pytest

from devstack import stack
from devstack.stack import Addresses, PortsTakenError, PortUnusableError, ToolMissingError, check_tools, environment
from relais.steps.webhook import EVENTS


def test_ports_are_the_usual_ones_or_three_in_a_row() -> None:
    """`PORT=5000` puts the local cloud on 5000, the gateway on 5001, the sandbox on 5002."""
    assert Addresses.of(None).ports == (4566, 8010, 8011)
    assert Addresses.of("").ports == (4566, 8010, 8011)
    assert Addresses.of("5000").ports == (5000, 5001, 5002)
    assert Addresses.of("5000").gateway == "http://127.0.0.1:5001"


@pytest.mark.parametrize("text", ["abc", "0", "80", "65534", "-5000", "5000.0", "٥٠٠٠", "99999999999999999999"])
def test_a_port_that_is_none_is_refused_in_a_sentence(text: str) -> None:
    """The third port must exist too, and none may belong to the system."""
    with pytest.raises(PortUnusableError, match="for example PORT=5000"):
        Addresses.of(text)


def test_no_key_of_another_cloud_or_of_stripe_reaches_the_stack() -> None:
    """A shell full of real credentials must not matter: the stack talks to itself alone."""
    shell = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere",
        "STRIPE_API_KEY": "sk_live_x",
        "RELAIS_TABLE": "relais-prod",
        "CDK_DEFAULT_ACCOUNT": "123456789012",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    given = environment(Addresses.of("5000"), shell)
    assert given["PATH"] == "/bin"
    assert not shell.keys() - {"PATH"} & given.keys()
    assert given["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5000"
    assert given["AWS_SHARED_CREDENTIALS_FILE"] == given["AWS_CONFIG_FILE"] == os.devnull


def test_a_proxy_of_the_machine_is_not_asked_for_loopback() -> None:
    """Behind a company's proxy the stack would not find itself."""
    given = environment(Addresses.of(None), {"HTTP_PROXY": "http://proxy:3128"})
    assert "127.0.0.1" in given["NO_PROXY"]
    assert given["NO_PROXY"] == given["no_proxy"]


def node(folder: Path, answer: str) -> dict[str, str]:
    script = folder / "node"
    script.write_text(f"#!/bin/sh\n{answer}\n")
    script.chmod(0o755)
    return {"PATH": str(folder)}


def test_a_missing_node_is_told_with_what_to_do(tmp_path: Path) -> None:
    """The CDK command line is the one thing here that Python doesn't bring."""
    with pytest.raises(ToolMissingError, match=r"Node\.js 20 or newer is needed.*no `node` was found on PATH"):
        check_tools({"PATH": str(tmp_path)})


@pytest.mark.parametrize("answer", ["echo v18.20.4", "exit 1", "echo nonsense"])
def test_a_node_that_is_too_old_or_broken_is_told(tmp_path: Path, answer: str) -> None:
    """Version managers put scripts on PATH that answer for nothing."""
    with pytest.raises(ToolMissingError, match="found"):
        check_tools(node(tmp_path, answer))


def test_what_was_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m devstack.demo` may be run before `make setup`."""
    monkeypatch.setattr(stack, "CDK", tmp_path / "cdk")
    with pytest.raises(ToolMissingError, match="make setup"):
        check_tools(node(tmp_path, "echo v22.1.0"))


@pytest.mark.parametrize(
    ("taken", "said"),
    [((8010,), "Port 8010 on 127.0.0.1 is taken"), ((4566, 8010, 8011), "Ports 4566, 8010 and 8011 on")],
)
def test_taken_ports_are_named(taken: tuple[int, ...], said: str) -> None:
    """Which ones, and how to choose others."""
    told = str(PortsTakenError(taken))
    assert said in told
    assert "make demo PORT=5000" in told


def test_the_events_that_an_endpoint_is_told_to_send_are_those_that_are_acted_on() -> None:
    """One that the README leaves out would be a payment, or a dispute, that nobody is told of."""
    line = next(line for line in (stack.ROOT / "README.md").read_text("utf-8").splitlines() if "/hooks/stripe" in line)
    assert set(re.findall(r"`((?:checkout|charge|radar)\.[a-z_.]+)`", line)) == EVENTS
