"""`relais order cancel|refund|resume`: a decision of the seller's, with a reason that is kept, and one sentence."""

from datetime import timedelta
from typing import Any

import pytest

from relais.gate import Status, gate_from_row
from relais.order import order_from_row, stamp
from relais.rows import Change, order_key

WHY = "la freelance est tombée malade, dit au téléphone"


def head(world: Any) -> Any:
    return order_from_row(world.store.get(order_key(world.order)))


def open_gates(world: Any) -> list[str]:
    gates = map(gate_from_row, world.store.query(f"O#{world.order}", "G#"))
    return [str(gate.id) for gate in gates if gate.status is Status.OPEN]


def test_cancelling_closes_what_is_open_and_keeps_the_reason(world: Any, relais: Any) -> None:
    """The gates are answered, the words are kept with the order and printed nowhere."""
    world.deliver()
    said = relais("order", "cancel", world.order, "--reason", f"  {WHY} ", "--cause", "brief_not_met", "--yes")
    assert (said.code, world.reason, open_gates(world)) == (0, WHY, [])
    assert f"relais order show {world.order}" in said.out
    assert WHY not in said.out
    shown = relais("order", "show", world.order, "--json").json
    assert shown["interrupt"] == {
        "seq": 1,
        "kind": "Cancelled",
        "cause": "brief_not_met",
        "by": "seller",
        "at": "2026-11-27T10:00:00+01:00",
    }
    (milestone,) = shown["milestones"]
    assert (milestone["stage"], milestone["cause"]) == ("refund", "brief_not_met")
    assert "Cancelled by seller" in relais("order", "show", world.order).out
    world.open("01", "refund")
    assert relais("order", "show", world.order, "--json").json["money"]["refunded"] == 29_000


def test_cancelling_speaks_json(world: Any, relais: Any) -> None:
    """A script learns where the order is now, and is asked nothing."""
    world.pay()
    said = relais("order", "cancel", world.order, "--reason", WHY, "--json")
    assert said.json == {"order": world.order, "stage": "unwind", "interrupt": 1, "held": 29_000}
    world.open("00", "unwind")
    assert (head(world).stage.value, head(world).refunded, head(world).left) == ("close", 29_000, 0)


@pytest.mark.parametrize(("command", "cause"), [("cancel", "seller_fault"), ("refund", "change_of_mind")])
def test_who_caused_it_has_a_default_that_the_help_tells(world: Any, relais: Any, command: str, cause: str) -> None:
    """The freelancer's pay hangs on it: a cancellation is the seller's own, a refund is goodwill (people 5)."""
    world.engage()
    assert relais("order", command, world.order, "--reason", WHY, "--json").json["stage"] == "milestones"
    assert head(world).interrupt.cause == cause
    assert cause in relais("order", command, "--help").out


@pytest.mark.parametrize("command", ["cancel", "refund"])
def test_nothing_ends_by_a_slip_of_the_hand(world: Any, relais: Any, command: str) -> None:
    """It asks, with the amount; a no, an empty reason or none at all change nothing."""
    world.pay()
    asked = relais("order", command, world.order, "--reason", WHY, given="n\n")
    assert asked.code != 0
    assert "€290" in asked.out + asked.err
    empty = relais("order", command, world.order, "--reason", "  ", "--json")
    assert (empty.code, empty.json["error"]["name"]) == (1, "ReasonMissingError")
    assert relais("order", command, world.order, "--yes").code == 2
    assert (head(world).interrupt_seq, open_gates(world)) == (0, ["00-brief-0001"])
    assert relais("order", command, world.order, "--reason", WHY, given="y\n").code == 0
    assert head(world).interrupt_seq == 1


def test_what_has_been_paid_out_cannot_be_called_back(world: Any, relais: Any) -> None:
    """One sentence that says why, exit code 1, and nothing is written. What can still be done is a late refund."""
    world.complete()
    before = world.raw()
    said = relais("order", "cancel", world.order, "--reason", WHY, "--yes")
    assert said.code == 1
    assert said.err == (
        f"relais: order {world.order} is completed: nothing of it can be cancelled; "
        f"see `relais order show {world.order}`\n"
    )
    assert world.raw() == before


def test_nobody_is_asked_to_be_sure_of_what_cannot_be_done(world: Any, relais: Any) -> None:
    """Whoever says yes to a question believes that it happens."""
    world.complete()
    said = relais("order", "cancel", world.order, "--reason", WHY, given="y\n")
    assert said.code == 1
    assert "refund the client?" not in said.out + said.err
    assert "nothing of it can be cancelled" in said.err


def test_a_second_cancellation_finds_nothing_left_to_cancel(world: Any, relais: Any) -> None:
    """Pressed twice, decided once."""
    world.engage()
    assert relais("order", "cancel", world.order, "--reason", WHY, "--yes").code == 0
    again = relais("order", "refund", world.order, "--reason", WHY, "--json")
    assert (again.code, again.json["error"]["name"]) == (1, "NothingToCancelError")
    assert head(world).interrupt_seq == 1


def test_an_unknown_order_is_a_sentence(world: Any, relais: Any) -> None:
    """A slip in the id is told as such by each of them."""
    world.open_shop()
    for command in (("cancel", "--reason", WHY), ("refund", "--reason", WHY), ("resume",)):
        said = relais("order", command[0], "nosuchorder0", *command[1:], "--json")
        assert (said.code, said.json["error"]["name"]) == (1, "OrderNotFoundError")


def test_resuming_starts_the_next_run_and_stops_the_one_before(world: Any, relais: Any) -> None:
    """What was answered stays answered; two executions never act for one order."""
    world.deliver()
    assert world.machine.status(world.order, 1) == "RUNNING"
    assert relais("order", "resume", world.order, "--json").json == {
        "order": world.order,
        "stage": "milestones",
        "run": 2,
    }
    assert world.machine.status(world.order, 1) == "ABORTED"
    assert world.machine.status(world.order, 2) == "RUNNING"
    assert open_gates(world) == ["01-acceptance-0003"]
    shown = relais("order", "show", world.order, "--json").json
    assert (shown["run"], shown["began"], shown["stalled"]) == (2, "2026-11-27T10:00:00+01:00", 0)
    assert "run 3 has begun" in relais("order", "resume", world.order).out


def test_resuming_forgets_the_runs_that_came_no_further(world: Any, relais: Any) -> None:
    """Somebody has put right what stopped it: it gets all its tries again (workflow 3)."""
    world.engage()
    world.store.write(Change(order_key(world.order), put={"stalled": 2, "run_mark": "milestones.3 01.1"}))
    assert relais("order", "resume", world.order).code == 0
    assert head(world).stalled == 0


def test_what_does_not_run_is_not_resumed(world: Any, relais: Any) -> None:
    """An order that has ended, or that nobody paid, has no execution to repair: a sentence, exit code 1."""
    world.complete()
    said = relais("order", "resume", world.order)
    assert (said.code, said.err) == (1, f"relais: order {world.order} is completed: there is nothing to resume\n")
    assert head(world).run == 1


def test_a_withdrawal_that_came_by_letter_is_recorded(world: Any, relais: Any) -> None:
    """It asks with the amount, the way out follows, and what was declared is printed nowhere."""
    world.engage()
    right = relais("order", "show", world.order, "--json").json["withdrawal"]
    assert (right["open"], right["back"], right["express"]) == (True, 29_000, False)
    asked = relais("order", "withdraw", world.order, "--reason", WHY, given="n\n")
    assert (asked.code != 0, "€290" in asked.out + asked.err, head(world).leaving) == (True, True, None)
    said = relais("order", "withdraw", world.order, "--reason", WHY, "--name", "Marie Aubin", "--json")
    assert (said.code, said.json["leaving"]["what"], said.json["leaving"]["back"]) == (0, "withdrawal", 29_000)
    assert open_gates(world) == []
    shown = relais("order", "show", world.order, "--json")
    assert (shown.json["leaving"], shown.json["withdrawal"]["open"]) == (said.json["leaving"], False)
    for page in (shown.out, relais("order", "show", world.order).out):
        assert WHY not in page
        assert "Aubin" not in page


def test_the_day_on_which_it_was_sent_counts(world: Any, relais: Any) -> None:
    """A letter of the last day that arrives a week later is in time (L221-22); one of the day after is not."""
    world.engage()
    ends = relais("order", "show", world.order, "--json").json["withdrawal"]["ends"]
    began = order_from_row(world.store.get(order_key(world.order))).started
    long_ago = stamp(began - timedelta(days=40))
    world.store.write(Change(order_key(world.order), put={"started": long_ago}))
    assert relais("order", "show", world.order, "--json").json["withdrawal"]["ends"] < ends
    last = relais("order", "show", world.order, "--json").json["withdrawal"]["ends"][:10]
    late = relais("order", "withdraw", world.order, "--reason", WHY, "--json")
    assert (late.code, late.json["error"]["name"], head(world).leaving) == (1, "RightOverError", None)
    assert relais("order", "withdraw", world.order, "--reason", WHY, "--sent", last, "--json").code == 0
