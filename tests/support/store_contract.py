"""What steps may expect of a store, whatever stands behind it: one suite, run on each of them.

A test class that inherits `StoreContract` and has a fixture `store` holds that store to it. Nothing here is asked of an
index but that it nominates the right rows once it has caught up, which all of these do at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relais.order import stamp
from relais.ports import ConditionFailedError, Store
from relais.rows import (
    Change,
    Check,
    Guard,
    Key,
    Put,
    absent,
    at_least,
    below,
    below_attribute,
    contains,
    differs,
    equals,
    present,
)

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = Key("O#a", "ORDER")
OTHER = Key("O#a", "M#01")
BASE: dict[str, Any] = {
    "n": 5,
    "word": "open",
    "most": 7,
    "offered": ["accept", "revise"],
    "yes": True,
    "nested": {"n": 1},
}

HOLDS = [
    absent("missing"),
    present("n"),
    present("pk"),
    equals("n", 5),
    equals("word", "open"),
    equals("yes", value=True),
    equals("nested", {"n": 1}),
    differs("n", 6),
    differs("missing", 6),
    at_least("n", 5),
    at_least("n", 4),
    below("n", 6),
    below("missing", 6),
    below("word", "p"),
    below_attribute("n", "most"),
    contains("offered", "accept"),
]
FAILS = [
    absent("n"),
    absent("pk"),
    present("missing"),
    equals("n", 6),
    equals("n", "5"),
    equals("missing", 5),
    differs("n", 5),
    at_least("n", 6),
    at_least("missing", 0),
    below("n", 5),
    below("word", "open"),
    below_attribute("most", "n"),
    below_attribute("missing", "n"),
    below_attribute("n", "missing"),
    contains("offered", "refund"),
    contains("missing", "accept"),
]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdefgh_éß", min_size=1, max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def _name(guard: Guard) -> str:
    return f"{guard.attribute}-{guard.test}-{guard.value}"


def _put(store: Store, key: Key = KEY, **row: Any) -> None:
    store.write(Put(key, row or BASE, guards=()))


def _row(store: Store, key: Key = KEY) -> dict[str, Any] | None:
    found = store.get(key)
    return None if found is None else {name: value for name, value in found.items() if name not in {"pk", "sk"}}


class StoreContract:
    """The suite."""

    # Guards -----------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("guard", HOLDS, ids=_name)
    def test_a_guard_that_holds_lets_the_write_through(self, store: Store, guard: Guard) -> None:
        """Alone and within a transaction: the adapter sends the two by different calls."""
        _put(store)
        store.write(Change(KEY, put={"done": 1}, guards=(guard,)))
        store.write(Change(KEY, put={"done": 2}, guards=(guard,)), Put(OTHER, {"v": 1}))
        store.write(Check(KEY, (guard,)), Change(OTHER, put={"v": 2}))
        assert _row(store) == BASE | {"done": 2}
        assert _row(store, OTHER) == {"v": 2}

    @pytest.mark.parametrize("guard", FAILS, ids=_name)
    def test_a_guard_that_fails_keeps_everything_unwritten(self, store: Store, guard: Guard) -> None:
        """Whichever kind of write it stands on, alone or with others: all or nothing."""
        _put(store)
        for one in (Change(KEY, put={"done": 1}, guards=(guard,)), Put(KEY, {"v": 1}, (guard,)), Check(KEY, (guard,))):
            with pytest.raises(ConditionFailedError) as alone:
                store.write(one)
            with pytest.raises(ConditionFailedError) as together:
                store.write(Put(OTHER, {"v": 1}), one)
            assert (alone.value.index, alone.value.key) == (0, KEY)
            assert (together.value.index, together.value.key) == (1, KEY)
        assert _row(store) == BASE
        assert store.get(OTHER) is None

    def test_true_is_not_one(self, store: Store) -> None:
        """Types are told apart, though Python finds them equal."""
        _put(store)
        with pytest.raises(ConditionFailedError):
            store.write(Change(KEY, put={"done": 1}, guards=(equals("yes", 1),)))

    @pytest.mark.parametrize("guard", [present("pk"), equals("n", 5), at_least("n", 0)], ids=_name)
    def test_a_guard_on_a_row_that_is_not_there_fails(self, store: Store, guard: Guard) -> None:
        """Nothing has no attributes, and a change must not create a row by the way."""
        with pytest.raises(ConditionFailedError):
            store.write(Change(KEY, put={"done": 1}, guards=(guard,)))
        assert store.get(KEY) is None

    def test_every_guard_of_a_write_must_hold(self, store: Store) -> None:
        """One of several that fails is enough."""
        _put(store)
        with pytest.raises(ConditionFailedError):
            store.write(Change(KEY, put={"done": 1}, guards=(equals("n", 5), equals("word", "closed"), present("pk"))))
        assert _row(store) == BASE

    def test_the_first_failing_write_is_named(self, store: Store) -> None:
        """Steps tell by it what happened: the gate was answered, the freelancer is full, the entry is booked."""
        _put(store)
        _put(store, OTHER)
        with pytest.raises(ConditionFailedError) as failed:
            store.write(
                Put(Key("O#a", "L#x"), {"v": 1}),
                Change(KEY, put={"done": 1}, guards=(equals("n", 5),)),
                Check(OTHER, (equals("n", 6),)),
                Change(Key("O#a", "M#02"), put={"done": 1}),
            )
        assert failed.value.index == 2
        assert failed.value.key == OTHER

    # Writes -----------------------------------------------------------------------------------------------------------

    def test_a_put_without_guards_of_its_own_happens_once(self, store: Store) -> None:
        """A ledger entry's reference is its once-marker."""
        store.write(Put(KEY, {"v": 1}))
        with pytest.raises(ConditionFailedError):
            store.write(Put(KEY, {"v": 2}))
        assert _row(store) == {"v": 1}

    def test_a_put_replaces_the_whole_row(self, store: Store) -> None:
        """What an older row had and the new one has not is gone."""
        _put(store)
        store.write(Put(KEY, {"v": 2}, guards=(present("pk"),)))
        assert _row(store) == {"v": 2}

    def test_a_change_sets_adds_and_removes_in_one(self, store: Store) -> None:
        """Pots are remainders: numbers are added to, never written over; a missing one counts from zero."""
        _put(store)
        store.write(
            Change(KEY, put={"word": "shut", "new": [1]}, add={"n": -2, "fresh": 3}, remove=("most", "never_there"))
        )
        expected = {name: value for name, value in BASE.items() if name != "most"}
        assert _row(store) == expected | {"word": "shut", "new": [1], "n": 3, "fresh": 3}

    def test_an_attribute_may_be_named_as_a_gate_is(self, store: Store) -> None:
        """Names come from orders, gates and skills: they hold what no expression could."""
        _put(store, **{"asked_a_00-proposal-0001": True, "works_a-b": 1, "works_a_b": 1})
        store.write(
            Change(
                KEY,
                add={"works_a-b": 1, "works_a_b": 2},
                remove=("asked_a_00-proposal-0001",),
                guards=(equals("works_a-b", 1), equals("works_a_b", 1)),
            )
        )
        row = _row(store)
        assert row is not None
        assert (row["works_a-b"], row["works_a_b"], "asked_a_00-proposal-0001" in row) == (2, 3, False)

    def test_a_change_that_only_removes_is_a_change(self, store: Store) -> None:
        """An opening clears what its decision owed and writes nothing else on it."""
        _put(store)
        store.write(Change(KEY, remove=("n", "word"), guards=(present("pk"),)))
        assert "n" not in (_row(store) or {})

    def test_what_is_set_is_not_removed(self, store: Store) -> None:
        """An order's end may set `due` that its head's effects remove."""
        _put(store)
        store.write(Change(KEY, put={"n": 9}, remove=("n", "word")))
        found = _row(store) or {}
        assert found["n"] == 9
        assert "word" not in found

    def test_a_change_without_guards_needs_the_row(self, store: Store) -> None:
        """Otherwise a forgotten guard would make half an order out of nothing."""
        with pytest.raises(ConditionFailedError):
            store.write(Change(KEY, put={"n": 1}))
        with pytest.raises(ConditionFailedError):
            store.write(Put(OTHER, {"v": 1}), Change(KEY, put={"n": 1}))
        assert store.get(OTHER) is None

    def test_guards_see_the_row_before_the_change(self, store: Store) -> None:
        """`left >= 5` and `left - 5` in one write is how a pot is never overdrawn."""
        _put(store)
        store.write(Change(KEY, add={"n": -5}, guards=(at_least("n", 5),)))
        with pytest.raises(ConditionFailedError):
            store.write(Change(KEY, add={"n": -1}, guards=(at_least("n", 1),)))
        assert (_row(store) or {})["n"] == 0

    def test_many_writes_are_one(self, store: Store) -> None:
        """A decision with money is up to ten writes: the last one's failure undoes the first."""
        keys = [Key("O#a", f"L#{number:02d}") for number in range(10)]
        puts = [Put(key, {"v": 1}) for key in keys]
        with pytest.raises(ConditionFailedError) as failed:
            store.write(*puts, Check(KEY, (present("pk"),)))
        assert failed.value.index == 10
        assert store.query("O#a") == []
        store.write(*puts)
        assert len(store.query("O#a")) == 10

    # Reads ------------------------------------------------------------------------------------------------------------

    def test_a_row_that_is_not_there_is_nothing(self, store: Store) -> None:
        """Steps tell "no such order" from an empty one."""
        assert store.get(KEY) is None
        assert store.get_many([KEY, OTHER]) == {}
        assert store.query("O#a", "G#") == []

    def test_a_row_knows_its_key(self, store: Store) -> None:
        """Rows are rebuilt from what is read alone."""
        _put(store)
        found = store.get(KEY) or {}
        assert (found["pk"], found["sk"]) == KEY

    def test_several_rows_are_read_at_once(self, store: Store) -> None:
        """The absent ones are left out, the order of asking means nothing."""
        _put(store, KEY, v=1)
        _put(store, OTHER, v=2)
        found = store.get_many([OTHER, KEY, Key("O#a", "M#02")])
        assert {key: row["v"] for key, row in found.items()} == {KEY: 1, OTHER: 2}

    def test_a_query_gives_one_partition_by_prefix_in_order(self, store: Store) -> None:
        """`G#01#` must not bring `G#010` of another kind, nor a neighbour's rows."""
        for sk in ("M#01", "G#01#work#0002", "G#00#brief#0001", "G#01#work#0001", "G#01", "GX"):
            _put(store, Key("O#a", sk), v=1)
        _put(store, Key("O#b", "G#01#work#0001"), v=1)
        assert [row["sk"] for row in store.query("O#a", "G#01#")] == ["G#01#work#0001", "G#01#work#0002"]
        assert next(row["sk"] for row in store.query("O#a", "G#")) == "G#00#brief#0001"
        assert len(store.query("O#a")) == 6

    def test_a_query_gives_every_page(self, store: Store) -> None:
        """A page is one megabyte: a long order must not lose its end."""
        for number in range(8):
            _put(store, Key("O#a", f"V#{number}"), text="x" * 300_000)
        rows = store.query("O#a", "V#")
        assert [row["sk"] for row in rows] == [f"V#{number}" for number in range(8)]

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(value=VALUES)
    def test_values_come_back_equal_and_of_the_same_type(self, store: Store, value: Any) -> None:
        """Minor units are integers for ever; a float or a decimal that slips in would round money."""
        store.write(Put(KEY, {"value": value, "list": [value], "map": {"inner": value}}, guards=()))
        found = _row(store) or {}
        assert found == {"value": value, "list": [value], "map": {"inner": value}}
        assert _types(found["value"]) == _types(value)
        store.write(Change(KEY, put={"value": 0}, guards=(equals("value", value),)))

    @pytest.mark.parametrize("value", [1.5, b"bytes", AT, {1, 2}], ids=str)
    def test_what_no_row_may_hold_is_refused(self, store: Store, value: object) -> None:
        """A float that the table took would come back as something else."""
        with pytest.raises(Exception, match="a row holds a"):
            store.write(Put(KEY, {"value": [value]}, guards=()))
        assert store.get(KEY) is None

    # Indexes ----------------------------------------------------------------------------------------------------------

    def test_only_rows_with_a_due_are_nominated_oldest_first(self, store: Store) -> None:
        """The clock reads what is due at an instant, in this shard, no more of it than it asked for."""
        for minutes, order in ((3, "c"), (1, "a"), (2, "b"), (9, "late")):
            at = stamp(AT + timedelta(minutes=minutes))
            _put(store, Key(f"O#{order}", "ORDER"), due=at, due_shard="D#01")
        _put(store, Key("O#other", "ORDER"), due=stamp(AT), due_shard="D#02")
        _put(store, Key("O#none", "ORDER"), v=1)
        until = AT + timedelta(minutes=3)
        assert [key.pk for key in store.due("D#01", until, 50)] == ["O#a", "O#b", "O#c"]
        assert [key.pk for key in store.due("D#01", until, 2)] == ["O#a", "O#b"]
        assert store.due("D#03", until, 50) == []

    def test_a_row_leaves_the_index_with_its_due(self, store: Store) -> None:
        """An index that kept what is done would keep the clock busy for ever."""
        _put(store, KEY, due=stamp(AT), due_shard="D#01")
        store.write(Change(KEY, remove=("due", "due_shard")))
        assert store.due("D#01", AT, 50) == []

    def test_open_orders_are_the_heads_that_are_due_some_time(self, store: Store) -> None:
        """Gates and acts are due as well, and are no orders."""
        later = stamp(AT + timedelta(days=300))
        _put(store, Key("O#a", "ORDER"), due=later, due_shard="D#01")
        _put(store, Key("O#a", "G#01#work#0001"), due=later, due_shard="D#01")
        _put(store, Key("O#b", "ORDER"), v=1)
        assert store.open_orders("D#01") == ["a"]

    def test_the_desk_lists_open_gates_of_an_owner_most_urgent_first(self, store: Store) -> None:
        """An answered gate loses its `desk` and is gone from it."""
        for order, hours in (("a", 5), ("b", 1)):
            gate = Key(f"O#{order}", "G#01#review#0002")
            _put(store, gate, desk="seller#open", desk_due=stamp(AT + timedelta(hours=hours)))
        _put(store, Key("O#c", "G#01#review#0002"), v=1)
        assert [key.pk for key in store.desk("seller#open")] == ["O#b", "O#a"]
        store.write(Change(Key("O#b", "G#01#review#0002"), remove=("desk", "desk_due")))
        assert [key.pk for key in store.desk("seller#open")] == ["O#a"]

    def test_the_book_gives_whole_entries_of_a_month_and_shard(self, store: Store) -> None:
        """The trial balance reads postings from it without opening each order."""
        postings = [["stripe", 100, "eur"], ["revenue", -100, "eur"]]
        for number in (2, 1):
            _put(store, Key("O#a", f"L#{number}"), book="2026-11#01", book_ref=f"{number}", postings=postings)
        _put(store, Key("O#a", "L#3"), book="2026-12#01", book_ref="3", postings=postings)
        rows = store.book("2026-11", "01")
        assert [(row["sk"], row["postings"]) for row in rows] == [("L#1", postings), ("L#2", postings)]


def _types(value: Any) -> Any:
    match value:
        case list():
            return [_types(one) for one in value]
        case dict():
            return {name: _types(one) for name, one in value.items()}
        case _:
            return type(value)
