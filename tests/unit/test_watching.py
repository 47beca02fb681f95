"""What the watchers are told: each number that an alarm reads is counted when that happens, and not otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from relais.act import Act, ActKind, ActState, act_row
from relais.gate import Choice, Kind, due_shard
from relais.metrics import ENDED_BADLY, Metric, Unit, act_metric, webhook_metric
from relais.order import stamp
from relais.ports import MailRefusedError
from relais.rows import Change, Put, act_key, order_key
from relais.steps.clock import tick
from tests.support.doubles import FakePorts
from tests.support.orders import Play, open_shop


def begun(*, capacity: int = 9) -> Play:
    """A shop with an order to come."""
    ports = FakePorts()
    open_shop(ports, capacity=capacity)
    return Play(ports)


def counted(play: Play, metric: Metric) -> int:
    """How much of a metric one tick counts."""
    before = play.ports.counter.counts[metric]
    tick(play.ports)
    return play.ports.counter.counts[metric] - before


def test_every_tick_beats_and_says_how_late_it_is() -> None:
    """The heartbeat alarms when missing, so that an idle clock has to beat too; nothing due is no lateness."""
    play = begun()
    assert counted(play, Metric.CLOCK_TICK) == 1
    assert counted(play, Metric.OLDEST_DUE_SECONDS) == 0
    assert Metric.OLDEST_DUE_SECONDS in play.ports.counter.counts
    assert Metric.CLOCK_FAILED in play.ports.counter.counts


def test_the_oldest_due_is_how_long_the_longest_has_waited() -> None:
    """Of two that are late the one that has waited longest, whatever shard it stands in."""
    play = begun()
    play.until(Kind.BRIEF)
    other = Play(play.ports)
    other.until(Kind.BRIEF)
    now = play.ports.now()
    for one, late in ((play, 700), (other, 30)):
        due = stamp(now - timedelta(seconds=late))
        play.ports.store.write(Change(order_key(one.id), put={"due": due}))
    assert counted(play, Metric.OLDEST_DUE_SECONDS) == 700
    assert counted(play, Metric.OLDEST_DUE_SECONDS) == 0


def test_a_row_that_the_index_still_nominates_is_not_late() -> None:
    """The index may be stale: what was settled a moment ago is no reason to wake anybody."""
    play = begun()
    play.until(Kind.BRIEF)
    due = {"due": stamp(play.ports.now() - timedelta(hours=1))}
    play.ports.store.write(Change(order_key(play.id), put=due))
    play.ports.store.frozen = {key: dict(row) for key, row in play.ports.store.rows.items()}  # type: ignore[attr-defined]
    play.ports.store.write(Change(order_key(play.id), put={"due": stamp(play.ports.now() + timedelta(hours=1))}))
    assert counted(play, Metric.OLDEST_DUE_SECONDS) == 0


def test_a_decision_that_is_sent_again_is_counted_and_from_the_second_time_it_is_overdue() -> None:
    """A lost answer mends itself after two minutes; one that is not taken up after five is told (workflow 7)."""
    play = begun()
    play.until(Kind.BRIEF)
    play.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])
    play.ports.at += timedelta(minutes=2)
    assert counted(play, Metric.RESUME_REPEATED) == 1
    assert play.ports.counter.counts[Metric.RESUME_OVERDUE] == 0
    play.ports.at += timedelta(minutes=4)
    assert counted(play, Metric.RESUME_OVERDUE) == 1
    assert play.ports.counter.counts[Metric.RESUME_REPEATED] == 2


def test_parking_is_counted_once_whatever_is_repeated() -> None:
    """An order that waits for the seller rings once; a state that runs again finds the gate that stands."""
    play = begun(capacity=0)
    play.until(Kind.BRIEF)
    play.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])
    assert play.ports.counter.counts[Metric.PARKED] == 0
    play.open_parked()
    assert play.ports.counter.counts[Metric.PARKED] == 1


@pytest.mark.parametrize(
    ("state", "minutes", "told"),
    [
        (ActState.SENDING, 59, 0),
        (ActState.SENDING, 60, 1),
        (ActState.PLANNED, 60, 1),
        (ActState.DONE, 600, 0),
        (ActState.PLANNED, None, 0),
    ],
)
def test_an_act_that_was_sent_and_has_no_end_is_told_after_an_hour(
    state: ActState, minutes: int | None, told: int
) -> None:
    """Stripe may be busy for a while; an hour is no while (workflow 7: acts sent for over an hour)."""
    play = begun()
    now = play.ports.now()
    sent = None if minutes is None else now - timedelta(minutes=minutes)
    act = Act(
        order="4f7k2m9q0abc",
        id="transfer-01-0001",
        kind=ActKind.TRANSFER,
        milestone="01",
        operation="4f7k2m9q0abc:transfer:01:1",
        state=state,
        amount=100,
        currency="eur",
        body={},
        first_sent=sent,
    )
    due = {"due": stamp(now), "due_shard": due_shard(act.order)}
    play.ports.store.write(Put(act_key(act.order, act.id), act_row(act) | due, guards=()))
    assert counted(play, Metric.ACT_LATE) == told


def test_a_mail_that_the_post_refuses_is_counted_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate stands, the mail stays owed; many of these ring."""
    play = begun()

    def refuse(_: object) -> None:
        raise MailRefusedError("MessageRejected")

    monkeypatch.setattr(play.ports.mailer, "send", refuse)
    play.until(Kind.BRIEF)
    assert play.ports.counter.counts[Metric.MAIL_PUT_OFF] == 1


def test_every_bad_end_of_every_kind_of_act_has_its_metric() -> None:
    """A new kind of movement whose refusal nobody can count would fail to be told of."""
    names = {act_metric(kind, state) for kind in ActKind for state in ENDED_BADLY}
    assert len(names) == len(ActKind) * 2
    assert act_metric(ActKind.TRANSFER, ActState.REFUSED) is Metric.TRANSFER_REFUSED


def test_whatever_becomes_of_an_event_it_is_counted() -> None:
    """An outcome that nobody foresaw must not turn Stripe's event into an error."""
    assert webhook_metric("paid") is Metric.WEBHOOK_PAID
    assert webhook_metric("wrong_mode") is Metric.WEBHOOK_WRONG_MODE
    assert webhook_metric("something new") is Metric.WEBHOOK_RECEIVED


def test_names_are_those_of_cloudwatch() -> None:
    """A metric's name is for ever: alarms of deployed stacks and last year's numbers stand under it."""
    assert all(metric.value == metric.value.strip() and metric.value.isalnum() for metric in Metric)
    assert {metric for metric in Metric if metric.unit is Unit.SECONDS} == {Metric.OLDEST_DUE_SECONDS}
