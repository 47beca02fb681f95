"""Two transactions that meet on a row: the same again, a bounded number of times. Design: workflow 5."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from relais.adapters.dynamodb import CONFLICT_SECONDS, CONFLICT_TRIES, DynamoStore, TableBusyError
from relais.gate import Choice, Kind, Via
from relais.ports import ConditionFailedError
from relais.rows import Change, Key, Put, at_least, present
from relais.steps.decisions import Answer
from relais.steps.gates import answer
from tests.support.doubles import FakePorts
from tests.support.meeting import Meeting, refusal
from tests.support.orders import Play, open_shop

HEAD, OTHER = Key("O#a", "ORDER"), Key("O#a", "M#01")


def meeting(dynamodb: Any, table: str, *numbers: int) -> tuple[DynamoStore, Meeting, list[float]]:
    """A store whose writes of these numbers meet another transaction, its client, and the pauses it made."""
    client, pauses = Meeting(dynamodb, lambda number: number in numbers), []
    return DynamoStore(client, table, pause=pauses.append), client, pauses  # type: ignore[arg-type]


@pytest.mark.parametrize("others", [(), (Put(OTHER, {"v": 1}),)], ids=["one write", "a transaction"])
def test_a_conflict_is_repeated_until_it_is_through(dynamodb: Any, table: str, others: tuple[Put, ...]) -> None:
    """The guards never failed: deciding again would be wrong, the same again is right, and it happens once."""
    store, client, pauses = meeting(dynamodb, table, 2, 3, 4)
    store.write(Put(HEAD, {"left": 10}))
    store.write(Change(HEAD, add={"left": -4}, guards=(at_least("left", 4),)), *others)
    found = store.get(HEAD) or {}
    assert found["left"] == 6
    assert client.writes == 5
    assert len(pauses) == 3


def test_pauses_grow_and_are_uneven(dynamodb: Any, table: str) -> None:
    """Two that met and wait equally long meet again."""
    seen: list[list[float]] = []
    for number in range(8):
        store, _, pauses = meeting(dynamodb, table, 1, 2, 3, 4, 5)
        store.write(Put(Key(f"O#{number}", "ORDER"), {"v": 1}))
        assert all(0 <= pause <= CONFLICT_SECONDS * 2**attempt for attempt, pause in enumerate(pauses, start=1))
        seen.append(pauses)
    assert len({tuple(pauses) for pauses in seen}) == len(seen)


def test_rows_that_stay_busy_are_told_and_nothing_is_written(dynamodb: Any, table: str) -> None:
    """A bounded number of tries: the caller's own retry, or the clock, comes back."""
    store, client, _ = meeting(dynamodb, table, *range(1, 100))
    with pytest.raises(TableBusyError):
        store.write(Put(HEAD, {"v": 1}), Put(OTHER, {"v": 1}))
    assert client.writes == CONFLICT_TRIES
    assert store.query("O#a") == []


def test_a_failed_guard_is_told_even_beside_a_conflict(dynamodb: Any, table: str) -> None:
    """Reading and deciding again is the stronger answer: repeating would meet the same guard."""
    store, _, pauses = meeting(dynamodb, table)

    def both(**_: Any) -> Any:
        raise refusal("transact_write_items", "TransactionConflict", "ConditionalCheckFailed")

    store._client = type("Client", (), {"transact_write_items": staticmethod(both)})()
    with pytest.raises(ConditionFailedError) as failed:
        store.write(Put(HEAD, {"v": 1}), Change(OTHER, put={"v": 2}, guards=(present("pk"),)))
    assert (failed.value.index, failed.value.key) == (1, OTHER)
    assert pauses == []


def test_another_error_is_not_taken_for_a_conflict(dynamodb: Any, table: str) -> None:
    """Throttling, a wrong table, a bug of ours: nobody may retry these silently."""
    store, _, pauses = meeting(dynamodb, "no-such-table")
    with pytest.raises(ClientError):
        store.write(Put(HEAD, {"v": 1}))
    assert pauses == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_decision_that_meets_another_transaction_is_made_once(dynamodb: Any, table: str, number: int) -> None:
    """A client's acceptance with its ledger entry, met at its first tries: through the door, once."""
    store, client, pauses = meeting(dynamodb, table)
    ports = FakePorts(store=store)
    open_shop(ports)
    play = Play(ports)
    gate = play.until(Kind.ACCEPTANCE)
    first = client.writes + 1
    client._meets = lambda write: first <= write < first + number
    decided = answer(ports, play.situation(Kind.ACCEPTANCE), gate, Answer(Choice.ACCEPT, "client", Via.LINK))
    assert decided.decision is not None
    assert len(pauses) == number
    assert [one.reference for one in play.entries()].count(f"accept:{play.id}:01") == 1
    assert ports.machine.outcomes(f"token-{play.id}-{play.attempts}") == ["accept"]
