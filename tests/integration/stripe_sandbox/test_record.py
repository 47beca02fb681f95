"""The recorder: what it writes down of an account, and that it finds what differs."""

import json
from pathlib import Path

import pytest

from devstack.stripe_sandbox import record


@pytest.fixture(scope="module")
def cassette() -> list[record.Body]:
    """The calls at a sandbox, as they would be recorded at Stripe."""
    return [entry.as_json() for entry in record.play_sandbox()]


def test_a_cassette_holds_nothing_of_anybody(cassette: list[record.Body]) -> None:
    """It is meant to be shown: no key, no id, no address, no name, no link of the account it was recorded on."""
    text = json.dumps(cassette)
    for secret in ("sk_test", "rk_test", "example.com", "freelancer@", "A test", "acct_1", "ch_3", "http"):
        assert secret not in text
    assert {entry["step"] for entry in cassette} == {step.__name__ for step in record.STEPS}
    statuses = {entry["status"] for entry in cassette}
    assert statuses == {200, 400, 403, 404}


def test_what_differs_is_named_call_by_call(
    cassette: list[record.Body], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A comparison that cannot fail is worth nothing."""
    other = json.loads(json.dumps(cassette))
    charge = next(entry for entry in other if entry["path"] == "/v1/charges/{id}")
    charge["body"] |= {"invoice": None, "status": "pending"}
    del charge["body"]["paid"]
    other[-1]["status"] = 402
    found = [line.split("/v1/")[1] for line in record.differences(other, cassette)]
    assert found == [
        "charges/{id}.invoice: missing here",
        "charges/{id}.paid: Stripe has no such field",
        "charges/{id}.status: pending at Stripe, succeeded here",
        "transfers: status 402 at Stripe, 400 here",
    ]
    path = tmp_path / "cassette.json"
    path.write_text(json.dumps(cassette), encoding="utf-8")
    assert record.main(["--compare", str(path)]) == 0
    assert "answers as Stripe did" in capsys.readouterr().out


def test_a_live_key_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody should learn on real money that they took the wrong key."""
    for key in ("", "sk_live_51ABC"):
        monkeypatch.setenv(record.KEY, key)
        assert record.main(["--unattended"]) == 2
    assert "sk_live_51ABC" not in capsys.readouterr().err
