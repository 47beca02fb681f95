"""Waits: somebody acts, somebody waits, and silence has a meaning, for every kind of gate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relais.act import Act, ActKind, ActState
from relais.cli.waits import of_gate, otherwise, waiting_for, waits_of
from relais.gate import Choice, Decision, Default, Gate, GateId, Kind, Role, Status, Via
from relais.order import Order, OrderStage

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
ORDER = Order(
    id="0rder0000001",
    stage=OrderStage.MILESTONES,
    run=1,
    ordinal=3,
    offer="logo",
    offer_version=1,
    lang="fr",
    currency="eur",
    price=29_000,
    consumer=True,
    key_id="k1",
    link_version=1,
    created=NOW,
    due=NOW + timedelta(hours=25),
)
GATE = Gate(
    order=ORDER.id,
    id=GateId("01", Kind.ACCEPTANCE, 3),
    role=Role.CLIENT,
    owner="client",
    lang="fr",
    choices=(Choice.ACCEPT,),
    default=Default.ACCEPT,
    opened=NOW - timedelta(days=3),
    deadline=NOW + timedelta(days=4),
    reminders=(NOW - timedelta(days=1), NOW + timedelta(days=2)),
)


@pytest.mark.parametrize("kind", Kind)
def test_somebody_waits_for_every_kind_of_gate_and_never_for_themselves_alone(kind: Kind) -> None:
    """A gate that nobody waits for is not worth opening."""
    assert waiting_for(kind)
    assert waiting_for(kind) != (GATE.role,) or kind is not Kind.ACCEPTANCE


@pytest.mark.parametrize("default", Default)
@pytest.mark.parametrize("role", [Role.CLIENT, Role.ENGINE])
def test_every_default_is_said_in_plain_words(default: Default, role: Role) -> None:
    """People are told what silence means before it means it (promise 3)."""
    sentence = otherwise(replace(GATE, default=default, role=role))
    assert len(sentence.split()) > 3
    assert default.value not in {"stay", "park"} or "decide" in sentence


def test_only_reminders_to_come_are_listed() -> None:
    """What was sent is history."""
    assert of_gate(GATE, NOW).reminders == (NOW + timedelta(days=2),)


def test_a_person_whom_no_mail_has_reached_is_told_apart_from_the_clock() -> None:
    """No default runs against somebody unreached; the clock needs no mail."""
    assert of_gate(GATE, NOW).reached is False
    assert of_gate(replace(GATE, mailed=True), NOW).reached is True
    assert of_gate(replace(GATE, role=Role.CLOCK, owner="clock"), NOW).reached is None


def test_an_answered_gate_waits_for_nobody() -> None:
    """The order then waits for the engine, with the date at which the clock looks."""
    decision = Decision(Choice.ACCEPT, "client", NOW, Via.LINK)
    (wait,) = waits_of(ORDER, (replace(GATE, status=Status.ANSWERED, decision=decision),), (), NOW)
    assert (wait.gate, wait.who, wait.until) == (None, Role.ENGINE, ORDER.due)


def test_the_most_urgent_wait_comes_first() -> None:
    """Whoever looks has a minute."""
    sooner = replace(GATE, id=GateId("02", Kind.REVIEW, 2), deadline=NOW + timedelta(hours=1))
    never = replace(GATE, id=GateId("03", Kind.PAYOUT, 5), deadline=None)
    waits = waits_of(ORDER, (never, GATE, sooner), (), NOW)
    assert [wait.gate for wait in waits] == ["02-review-0002", "01-acceptance-0003", "03-payout-0005"]


@pytest.mark.parametrize(
    ("state", "listed"),
    [
        (ActState.PLANNED, True),
        (ActState.SENDING, True),
        (ActState.DONE, False),
        (ActState.REFUSED, False),
        (ActState.UNKNOWN, False),
    ],
)
def test_money_on_its_way_is_a_wait(state: ActState, *, listed: bool) -> None:
    """Refused and unknown acts are the seller's: their gate is the wait."""
    act = Act("o", "transfer-01-0005", ActKind.TRANSFER, "01", "o:transfer:01:5", 13_000, "eur", {}, state)
    kinds = [wait.kind for wait in waits_of(ORDER, (GATE,), (act,), NOW)]
    assert ("transfer" in kinds) is listed


@pytest.mark.parametrize("stage", [stage for stage in OrderStage if stage is not OrderStage.COMPLETED])
def test_no_order_that_is_not_over_waits_for_nothing(stage: OrderStage) -> None:
    """No order can be stuck silently (promise 3)."""
    assert waits_of(replace(ORDER, stage=stage), (), (), NOW)


def test_a_completed_order_waits_for_nothing() -> None:
    """It is over."""
    assert waits_of(replace(ORDER, stage=OrderStage.COMPLETED), (), (), NOW) == ()
