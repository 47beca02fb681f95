"""The sandbox's small parts: fees, cards, clock, idempotency keys, faults, deliveries, shapes."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from stripe import WebhookSignature

from devstack.stripe_sandbox import Sandbox, shapes
from devstack.stripe_sandbox.amounts import printed
from devstack.stripe_sandbox.cards import CARDS, digits, luhn
from devstack.stripe_sandbox.clock import Clock, SetOffset, TableOffset
from devstack.stripe_sandbox.errors import RefusedError, UnsupportedError
from devstack.stripe_sandbox.faults import AT_THE_DOOR, AT_WORK, Fault, FaultKind, Faults
from devstack.stripe_sandbox.fees import card_fee
from devstack.stripe_sandbox.idempotency import Asked, IdempotencyKeys, Saved
from devstack.stripe_sandbox.page import language
from devstack.stripe_sandbox.webhooks import Endpoint, Outbox, signature
from devstack.stripe_sandbox.wire import Answer, Request

HOUR = 3600.0


@pytest.mark.parametrize(
    ("amount", "country", "fee"),
    [
        (29000, "FR", 460),  # 1.5 % + 0.25 €: the margin table of the sample shop
        (29000, "PT", 460),
        (29000, "GB", 750),
        (29000, "US", 968),  # 967.5, rounded once, half up
        (50, "FR", 26),  # 25.75
    ],
)
def test_the_fee_follows_the_region_of_the_card_and_is_rounded_once(amount: int, country: str, fee: int) -> None:
    """Rounding the percentage and the sum apart makes one-cent differences for ever."""
    assert card_fee(amount, "eur", country) == fee


def test_a_fee_in_another_currency_is_not_guessed() -> None:
    """Conversion is not built; a made-up fee would be worse than none."""
    with pytest.raises(UnsupportedError):
        card_fee(100, "usd", "US")


def test_every_test_card_passes_the_check_digit() -> None:
    """A typing error in the table would make a card of Stripe's unknown here."""
    assert all(luhn(number) for number in CARDS)
    assert not luhn("4242424242424241")
    assert not luhn("४२४२")
    assert digits(" 4242 4242-4242 4242 ") == "4242424242424242"


def test_amounts_are_printed_as_people_write_them() -> None:
    """Yen have no cents, and French puts the sign behind."""
    assert printed(29000, "eur", "fr") == "290,00\N{NO-BREAK SPACE}€"
    assert printed(123456789, "eur", "en") == "€1,234,567.89"
    assert printed(-500, "jpy", "en") == "-¥500"


@pytest.mark.parametrize(
    ("locale", "accepted", "lang"),
    [("fr", "en", "fr"), ("auto", "fr-CA,en", "fr"), (None, "de", "en"), ("en", "fr", "en")],
)
def test_the_session_s_locale_wins_over_the_browser_s(locale: str | None, accepted: str, lang: str) -> None:
    """The seller chose the language of the order."""
    assert language(locale, accepted) == lang


# Time ------------------------------------------------------------------------------------------------------------


def test_the_virtual_clock_moves_money_and_never_a_signature() -> None:
    """A receiver compares a signature with its own clock; a shifted one would be refused as stale."""
    offset = SetOffset(10 * 24 * HOUR)
    clock = Clock(offset, wall=lambda: 1000.0)
    assert (clock.now(), clock.wall(), clock.true()) == (865000, 1000.0, 1000)
    clock.move_wall(HOUR)
    assert (clock.now(), clock.wall(), clock.true()) == (868600, 4600.0, 1000)


class Table:
    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[tuple[str, Any]] = []

    def get_item(self, *, TableName: str, Key: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.asked.append((TableName, Key))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Item": {"offset": {"N": answer}}} if answer else {}


def test_the_offset_of_the_clock_row_is_read_at_most_once_a_second() -> None:
    """Every answer of the sandbox asks for the time; the table must not."""
    ticks = [0.0]
    table = Table()
    table.answers = [None, "86400"]
    offset = TableOffset(table, "relais-dev", ticks=lambda: ticks[0])
    assert (offset(), offset()) == (0.0, 0.0), "no row means no offset"
    ticks[0] = 0.99
    assert offset() == 0.0
    ticks[0] = 1.0
    assert offset() == 86400.0
    assert table.asked == [("relais-dev", {"pk": {"S": "CLOCK"}, "sk": {"S": "CLOCK"}})] * 2


def test_the_last_offset_holds_while_the_table_cannot_be_read() -> None:
    """Falling back to zero would throw the virtual clock days back, and money with it."""
    ticks = [0.0]
    table = Table()
    table.answers = ["60", EndpointConnectionError(endpoint_url="http://127.0.0.1:1")]
    offset = TableOffset(table, "relais-dev", ticks=lambda: ticks[0])
    assert offset() == 60.0
    ticks[0] = 5.0
    assert offset() == 60.0


def test_an_offset_from_outside_cannot_be_set_at_the_sandbox_s_door() -> None:
    """Two masters of one clock would make the shop and its Stripe disagree about today."""
    sandbox = Sandbox(offset=lambda: 60.0)
    answer = sandbox.respond(Request("POST", "/_sandbox/clock", body=b'{"offset": 0}'))
    assert isinstance(answer, Answer)
    assert answer.status == 409
    assert sandbox.clock.now() - int(sandbox.clock.wall()) in {60, 61}


# Idempotency keys ---------------------------------------------------------------------------------------------------

ASKED = Asked("POST", "/v1/transfers", b"{}", "2026-10-28.endive")
SAVED = Saved(400, b"refused", "req_1")


def test_a_saved_refusal_is_replayed_until_24_hours_of_wall_time_have_passed() -> None:
    """Trap 7 and 8: retried for ever under one key it stays refused; a day later the same key runs again."""
    keys = IdempotencyKeys()
    assert keys.begin("k", ASKED, 0.0) is None
    keys.save("k", SAVED)
    assert keys.begin("k", ASKED, 24 * HOUR - 1) == SAVED
    assert keys.begin("k", ASKED, 24 * HOUR) is None


def test_a_key_of_v2_lives_thirty_days() -> None:
    """v2 keeps keys longer than v1."""
    keys = IdempotencyKeys()
    asked = Asked("POST", "/v2/core/accounts", b"{}", "v")
    keys.begin("k", asked, 0.0)
    keys.save("k", SAVED)
    assert keys.begin("k", asked, 29 * 24 * HOUR) == SAVED
    assert keys.begin("k", asked, 30 * 24 * HOUR) is None


@pytest.mark.parametrize(
    "other",
    [
        Asked("POST", "/v1/transfers", b'{"a": 1}', ASKED.version),
        Asked("POST", "/v1/checkout/sessions", b"{}", ASKED.version),
        Asked("POST", "/v1/transfers", b"{}", "2025-01-01"),
    ],
)
def test_another_request_under_the_key_is_an_idempotency_error(other: Asked) -> None:
    """Trap 8: a deploy that changes a description must not look like a new payment, nor like the old one."""
    keys = IdempotencyKeys()
    keys.begin("k", ASKED, 0.0)
    keys.save("k", SAVED)
    with pytest.raises(RefusedError) as caught:
        keys.begin("k", other, 1.0)
    assert (caught.value.status, caught.value.kind, caught.value.saved) == (400, "idempotency_error", False)


def test_a_key_in_use_is_a_conflict_and_free_again_when_nothing_ran() -> None:
    """409 is not saved: the same key works afterwards."""
    keys = IdempotencyKeys()
    keys.begin("k", ASKED, 0.0)
    with pytest.raises(RefusedError) as caught:
        keys.begin("k", ASKED, 1.0)
    assert caught.value.status == 409
    keys.forget("k")
    assert keys.begin("k", ASKED, 2.0) is None


# Faults and deliveries ----------------------------------------------------------------------------------------------


def test_a_fault_strikes_its_requests_as_often_as_asked() -> None:
    """A failure that strikes once too often or elsewhere would make a test lie."""
    faults = Faults()
    faults.add(Fault(FaultKind.LOSE_ANSWER, "POST", "/v1/transfers*", times=2))
    assert faults.take("GET", "/v1/transfers", AT_THE_DOOR) is None
    assert faults.take("POST", "/v1/transfers", AT_WORK) is None
    assert faults.take("POST", "/v1/transfers", AT_THE_DOOR) is not None
    assert faults.take("POST", "/v1/transfers", AT_THE_DOOR) is not None
    assert faults.take("POST", "/v1/transfers", AT_THE_DOOR) is None
    assert set(FaultKind) == AT_THE_DOOR | AT_WORK


def test_the_official_library_accepts_the_signature() -> None:
    """The signature is computed apart from the library that verifies it."""
    body = '{"prix": "290 €"}'.encode()
    header = signature(body, "whsec_x", 1_700_000_000)
    assert WebhookSignature.verify_header(body, header, "whsec_x")
    assert header == WebhookSignature.generate_signature_header(body.decode(), "whsec_x", 1_700_000_000)


def event(number: int) -> dict[str, Any]:
    return {"id": f"evt_{number}", "type": "charge.updated"}


def test_a_failed_delivery_is_tried_again_with_the_same_body_and_then_given_up() -> None:
    """Trap 6: the retry is the event of then; and no endpoint is asked for ever."""
    outbox = Outbox((Endpoint("http://x", "whsec_x"),))
    outbox.put(event(1), 0.0)
    seen = []
    for wall in (0.0, 5.0, 35.0, 155.0):
        [delivery] = outbox.due(wall)
        assert outbox.due(wall) == []
        seen.append(delivery.body)
        outbox.settle(delivery, 500, wall)
    assert outbox.next_due() is None
    assert outbox.undelivered("evt_1") == 1
    assert set(seen) == {json.dumps(event(1), indent=2).encode()}


def test_a_delivery_comes_twice_or_shuffled_or_never_when_asked() -> None:
    """What Stripe does now and then must be had on demand, and alike each time."""
    outbox = Outbox((Endpoint("http://x", "whsec_x"),))
    outbox.switches.duplicate = True
    outbox.switches.shuffle = 3
    for number in range(4):
        outbox.put(event(number), 0.0)
    shuffled = [delivery.event for delivery in outbox.due(0.0)]
    assert sorted(shuffled) == sorted([f"evt_{number}" for number in range(4)] * 2)
    assert shuffled != sorted(shuffled)
    outbox.switches.drop = True
    outbox.put(event(9), 0.0)
    assert outbox.due(0.0) == []
    assert outbox.undelivered("evt_9") == 1


def test_an_endpoint_gets_the_types_it_subscribed_to() -> None:
    """Whoever subscribes to little must not see the rest."""
    outbox = Outbox((Endpoint("http://x", "whsec_x", frozenset({"transfer.created"})),))
    assert outbox.put(event(1), 0.0) == 0
    assert outbox.due(0.0) == []


# Shapes ------------------------------------------------------------------------------------------------------------


def test_the_committed_shapes_are_those_of_the_installed_library() -> None:
    """An upgrade of the library shows here first: `python -m devstack.stripe_sandbox.shapes --write`."""
    assert shapes.load() == shapes.generate()


def test_an_invented_a_missing_and_a_mistyped_field_are_found() -> None:
    """The check that every answer must pass can fail."""
    known = shapes.load()
    transfer = {
        **{name: None for name in known["transfer"] if known["transfer"][name].endswith("?")},
        "amount": "12",
        "paid": True,
    }
    found = set(shapes.problems(transfer, "transfer", known))
    assert "transfer.paid: Stripe has no such field" in found
    assert "transfer.amount: str is not integer" in found
    assert "transfer.created: missing" in found


def test_absent_examples_are_said_and_no_error(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """Nobody should think that a comparison took place."""
    assert shapes.main(["--fixtures", str(tmp_path / "none.json")]) == 0
    assert "Nothing compared" in capsys.readouterr().out


def test_examples_that_differ_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """The comparison can fail, and says where."""
    path = tmp_path / "fixtures3.json"
    path.write_text(json.dumps({"resources": {"balance": {"object": "balance", "livemode": 1, "pending": []}}}))
    assert shapes.main([str(path)]) == 1
    out = capsys.readouterr().out
    assert "balance.available: missing" in out
    assert "balance.livemode: int is not boolean" in out
