"""What a request may say: forms, parameters, keys of the API."""

import re
from pathlib import Path
from typing import Any

import pytest

from devstack.stripe_sandbox.errors import RefusedError, UnsupportedError
from devstack.stripe_sandbox.forms import decode
from devstack.stripe_sandbox.keys import LOCAL_KEYS, Access, Keyring, masked, parse_key
from devstack.stripe_sandbox.params import Wire, check, supported

SESSION = "stripe.params.checkout:SessionCreateParams"
TRANSFER = "stripe.params:TransferCreateParams"
ACCOUNT = "stripe.params.v2.core:AccountCreateParams"


def refused(params: str, text: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        check(params, Wire.FORM, decode(text))
    assert caught.value.status == 400
    assert not caught.value.saved, "a validation error must never be saved under an idempotency key"
    return caught.value


def test_nested_brackets_become_hashes_and_lists() -> None:
    """The library sends everything as text in brackets; the sandbox must see the structure."""
    text = "line_items[0][price_data][currency]=eur&line_items[1][quantity]=2&expand[]=a&expand[]=b&mode=payment"
    assert decode(text) == {
        "line_items": [{"price_data": {"currency": "eur"}}, {"quantity": "2"}],
        "expand": ["a", "b"],
        "mode": "payment",
    }


def test_a_key_of_metadata_that_looks_like_a_number_stays_a_key() -> None:
    """Metadata is the caller's own: a list there would lose the name."""
    assert decode("metadata[0]=x") == {"metadata": {"0": "x"}}


@pytest.mark.parametrize("text", ["a[b=1", "a=1&a[b]=2", "a[b]=2&a=1"])
def test_a_malformed_name_is_refused(text: str) -> None:
    """Silently dropping a parameter would hide a bug of the client."""
    with pytest.raises(RefusedError):
        decode(text)


def test_numbers_and_booleans_are_parsed_from_text() -> None:
    """A form has no types; the library's types say what each leaf is."""
    given = decode("line_items[0][quantity]=3&allow_promotion_codes=false&metadata[order]=o1")
    assert check(SESSION, Wire.FORM, given) == {
        "line_items": [{"quantity": 3}],
        "allow_promotion_codes": False,
        "metadata": {"order": "o1"},
    }


@pytest.mark.parametrize(
    ("params", "text", "code", "param"),
    [
        (SESSION, "colour=red", "parameter_unknown", "colour"),
        (SESSION, "line_items[0][colour]=red", "parameter_unknown", "line_items[0][colour]"),
        (SESSION, "api_key=sk", "parameter_unknown", "api_key"),
        (SESSION, "expires_at=soon", "parameter_invalid_integer", "expires_at"),
        (SESSION, "line_items[0][quantity]=1.0", "parameter_invalid_integer", "line_items[0][quantity]"),
        (SESSION, "success_url=", "parameter_invalid_empty", "success_url"),
        (SESSION, "allow_promotion_codes=yes", None, "allow_promotion_codes"),
        (SESSION, "mode=gift", None, "mode"),
        (SESSION, "line_items=3", None, "line_items"),
        (TRANSFER, "amount=1&destination=acct_1", "parameter_missing", "currency"),
        (TRANSFER, "amount=1&destination=acct_1&currency[a]=b", None, "currency"),
    ],
)
def test_a_wrong_parameter_is_named(params: str, text: str, code: str | None, param: str) -> None:
    """A client that invents or mistypes a parameter fails here as it would at Stripe."""
    error = refused(params, text)
    assert (error.code, error.param) == (code, param)


def test_a_parameter_that_the_pinned_version_dropped_is_unknown() -> None:
    """`payment_method_types` of older tutorials no longer exists when a session is created."""
    assert refused(SESSION, "payment_method_types[0]=card").code == "parameter_unknown"


def test_the_bodies_of_v2_keep_their_types() -> None:
    """JSON has booleans: a text in their place is refused."""

    def body(stripe_transfers: dict[str, Any]) -> dict[str, Any]:
        balance = {"stripe_transfers": stripe_transfers}
        return {"configuration": {"recipient": {"capabilities": {"stripe_balance": balance}}}}

    wanted = body({"requested": True})
    assert check(ACCOUNT, Wire.JSON, wanted) == wanted
    with pytest.raises(RefusedError):
        check(ACCOUNT, Wire.JSON, body({"requested": "true"}))


def test_what_is_right_at_stripe_and_not_built_is_named_with_501() -> None:
    """Ignoring a parameter would make a test pass that fails in production."""
    takes, only = frozenset({"line_items[].quantity", "metadata.*"}), {"mode": ("payment",)}
    supported("POST /x", {"line_items": [{"quantity": 1}], "metadata": {"a": "b"}, "mode": "payment"}, takes, only)
    with pytest.raises(UnsupportedError, match=r"mode=setup of POST /x"):
        supported("POST /x", {"mode": "setup"}, takes, only)
    with pytest.raises(UnsupportedError, match=r"line_items\[0\]\[price\]") as caught:
        supported("POST /x", {"line_items": [{"price": "price_1"}]}, takes, only)
    assert (caught.value.status, caught.value.saved) == (501, False)


def test_a_restricted_key_may_do_what_it_says_and_no_more() -> None:
    """Writing includes reading; nothing else is included."""
    key = parse_key("rk_test_x=checkout_session:write,charge:read")
    assert key.may("checkout_session", Access.READ)
    assert key.may("checkout_session", Access.WRITE)
    assert key.may("charge", Access.READ)
    assert not key.may("charge", Access.WRITE)
    assert not key.may("transfer", Access.READ)


@pytest.mark.parametrize("noun", ["transfer", "charge"])
def test_only_the_key_of_the_act_may_transfer_and_refund(noun: str) -> None:
    """Movements are guarded by the keys, one per function: the local ones must show it. Refunds go with charges."""
    may = {key.name for key in LOCAL_KEYS if key.may(noun, Access.WRITE)}
    assert may == {"rk_test_run_act", "sk_test_relais_local"}


def test_the_runbook_and_the_local_keys_give_the_same_rights() -> None:
    """Who makes a key by the table must get what the code was tested with, and not a right more."""
    runbook = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text(encoding="utf-8")
    told = {}
    for line in runbook.splitlines():
        if "`rk_test_" not in line:
            continue
        key, write, read = (re.findall(r"`([a-z_]+)`|(everything)", cell) for cell in line.split("|")[2:5])
        rights = {name or "*": Access.READ for name, everything in read if name or everything}
        told[key[0][0]] = rights | {name: Access.WRITE for name, _ in write}
    assert told == {key.name: dict(key.permissions) for key in LOCAL_KEYS if key.name.startswith("rk_")}


@pytest.mark.parametrize("header", ["", "Basic c2s6", "Bearer ", "Bearer sk_test_nobody"])
def test_a_missing_or_unknown_key_is_401_and_never_printed(header: str) -> None:
    """A key in an error message ends in a log."""
    with pytest.raises(RefusedError) as caught:
        Keyring(LOCAL_KEYS).recognise(header)
    assert caught.value.status == 401
    assert "sk_test_nobody" not in caught.value.message


def test_a_live_key_is_refused_at_the_start() -> None:
    """Nobody should ever hand a real key to a pretended Stripe."""
    with pytest.raises(ValueError, match="test keys only"):
        parse_key("sk_live_51ABC=*:write")
    assert masked("sk_live_51ABCDEF") == "sk_live_********CDEF"
