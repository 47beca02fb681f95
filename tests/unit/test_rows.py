"""What is written comes back equal, and rows of older code are read: a table outlives every release."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais import ledger
from relais.act import Act, ActKind, ActState, act_from_row, act_row
from relais.gate import (
    Choice,
    Decision,
    Default,
    Gate,
    GateId,
    Kind,
    MalformedGateIdError,
    Owed,
    Role,
    Status,
    Via,
    gate_from_row,
    gate_row,
)
from relais.lift import RowVersionError
from relais.order import (
    Engagement,
    Interrupt,
    Lost,
    Milestone,
    MilestoneStage,
    Order,
    draft_row,
    engagement_row,
    instant,
    milestone_from_row,
    milestone_row,
    order_from_row,
    stamp,
)
from relais.performer import Performer
from relais.rows import act_key, gate_key, milestone_key, order_key
from relais.steps.decisions import entry_put

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TIMES = st.integers(1_767_225_600, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
IDS = st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=12, max_size=12)
AMOUNTS = st.integers(0, 10**9)
NUMBERS = st.integers(1, 25).map(lambda number: f"{number:02d}")
MILESTONES = st.just("00") | NUMBERS
GATE_IDS = st.builds(GateId, MILESTONES, st.sampled_from(Kind), st.integers(1, 9999))

st.register_type_strategy(datetime, TIMES)
st.register_type_strategy(str, TEXTS)

GATES = st.builds(
    Gate,
    order=IDS,
    id=GATE_IDS,
    role=st.sampled_from(Role),
    owner=TEXTS,
    lang=st.sampled_from(["fr", "en"]),
    choices=st.lists(st.sampled_from(Choice), unique=True).map(tuple),
    default=st.sampled_from(Default),
    opened=TIMES,
    deadline=st.none() | TIMES,
    reminders=st.lists(TIMES, max_size=4).map(tuple),
    send_after=st.none() | TIMES,
    shown=st.dictionaries(TEXTS, AMOUNTS | TEXTS, max_size=3),
    key_id=TEXTS,
    link_version=st.integers(1, 99),
    status=st.sampled_from(Status),
    decision=st.none()
    | st.builds(Decision, st.sampled_from(Choice), TEXTS, TIMES, st.sampled_from(Via), st.none() | TEXTS),
    mailed=st.booleans(),
    owes=st.dictionaries(st.sampled_from(Owed).map(str), st.integers(0, 10), max_size=1),
    due=st.none() | TIMES,
)
ACTS = st.builds(
    Act,
    order=IDS,
    id=st.builds(
        lambda kind, number, ordinal: f"{kind}-{number}-{ordinal:04d}",
        st.sampled_from(ActKind),
        MILESTONES,
        st.integers(1, 9999),
    ),
    kind=st.sampled_from(ActKind),
    milestone=MILESTONES,
    operation=TEXTS,
    state=st.sampled_from(ActState),
    generation=st.integers(0, 99),
    amount=AMOUNTS,
    currency=st.just("eur"),
    body=st.dictionaries(TEXTS, AMOUNTS | TEXTS, max_size=4),
    first_sent=st.none() | TIMES,
    last_sent=st.none() | TIMES,
    stripe_id=st.none() | TEXTS,
    why=st.none() | TEXTS,
    settled=st.booleans(),
    tried_at=st.integers(0, 9999),
)


def whole(thing: type[Any], **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values with every field drawn, those with a default as well."""
    hints = get_type_hints(thing)
    drawn = {field.name: st.from_type(hints[field.name]) for field in dataclasses.fields(thing)}
    return st.builds(thing, **(drawn | known))


def agreed(order: Order) -> Order:
    """An interrupt is numbered by its order's head: the number is stored once."""
    if order.interrupt is None:
        return order
    return dataclasses.replace(order, interrupt=dataclasses.replace(order.interrupt, seq=order.interrupt_seq))


def settled(milestone: Milestone) -> Milestone:
    """An interrupt on a milestone has no number; only what is bought outside costs there."""
    interrupt, engaged = milestone.interrupt, milestone.engagement
    if interrupt is not None:
        interrupt = dataclasses.replace(interrupt, seq=0)
    if engaged is not None and engaged.kind is not Performer.OUTSIDE:
        engaged = dataclasses.replace(engaged, spent=0, bought_at="", receipt="")
    return dataclasses.replace(milestone, interrupt=interrupt, engagement=engaged)


ORDERS = whole(Order, id=IDS).map(agreed)
MILES = whole(Milestone, order=IDS, number=NUMBERS).map(settled)


def stored(value: Any) -> Any:
    """A field as its row holds it."""
    match value:
        case datetime():
            return stamp(value)
        case Engagement():
            return engagement_row(value)
        case Lost():
            return dataclasses.asdict(value)
        case Interrupt():
            row = {field.name: stored(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return {name: one for name, one in row.items() if one is not None and name != "seq"}
        case _:
            return value


def row_of(thing: Any, key: tuple[str, str], *without: str) -> dict[str, Any]:
    """A row with every field under its own name."""
    fields = {field.name: stored(getattr(thing, field.name)) for field in dataclasses.fields(thing)}
    row = {name: value for name, value in fields.items() if value is not None and name not in without}
    return row | {"v": 1, "pk": key[0], "sk": key[1]}


def optional(thing: type[Any]) -> dict[str, Any]:
    """The fields that came with a default, with it: the ones a row may lack."""
    fields = dataclasses.fields(thing)
    return {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}


@given(gate=GATES)
def test_a_gate_comes_back_as_it_was_written(gate: Gate) -> None:
    """Its contract is what was promised to a person."""
    key = gate_key(gate.order, str(gate.id))
    row = gate_row(gate)
    assert None not in row.values()
    assert gate_from_row(row | {"pk": key.pk, "sk": key.sk}) == gate


@given(act=ACTS)
def test_an_act_comes_back_as_it_was_written(act: Act) -> None:
    """A body that came back changed would be another request under the same key."""
    key = act_key(act.order, act.id)
    row = act_row(act)
    assert None not in row.values()
    assert act_from_row(row | {"pk": key.pk, "sk": key.sk}) == act


@given(order=ORDERS)
def test_every_field_of_an_order_is_read_from_its_own_attribute(order: Order) -> None:
    """A field that is written and not read would silently keep its default."""
    assert order_from_row(row_of(order, order_key(order.id), "id")) == order


@given(milestone=MILES)
def test_every_field_of_a_milestone_is_read_from_its_own_attribute(milestone: Milestone) -> None:
    """Likewise."""
    key = milestone_key(milestone.order, milestone.number)
    assert milestone_from_row(row_of(milestone, key, "order", "number")) == milestone


@given(order=ORDERS)
def test_a_draft_comes_back_as_it_was_drafted(order: Order) -> None:
    """Everything that payment and workflow add later is at its beginning."""
    key = order_key(order.id)
    read = order_from_row(draft_row(order) | {"pk": key.pk, "sk": key.sk})
    begun = {name for name in draft_row(order) if name not in {"v", "interrupt_seq"}}
    assert {name: getattr(read, name) for name in begun} == {name: getattr(order, name) for name in begun}
    assert (read.interrupt_seq, read.paid, read.left, read.owes_start) == (0, 0, 0, None)


@given(price=AMOUNTS, cost=AMOUNTS, revisions=st.integers(0, 9))
def test_a_new_milestone_has_nobody_and_owes_nothing(price: int, cost: int, revisions: int) -> None:
    """Its pots fill with the engagement."""
    read = milestone_from_row(milestone_row(price, cost, revisions) | {"pk": "O#o", "sk": "M#01"})
    assert read == Milestone("o", "01", MilestoneStage.PENDING, 1, price, cost, revisions)


@given(order=ORDERS)
def test_an_older_order_without_a_newer_attribute_is_read(order: Order) -> None:
    """Orders live for months: an attribute added meanwhile is at its default."""
    for name, default in optional(Order).items():
        row = row_of(order, order_key(order.id), "id", name)
        assert order_from_row(row) == agreed(dataclasses.replace(order, **{name: default})), name


@given(milestone=MILES)
def test_an_older_milestone_without_a_newer_attribute_is_read(milestone: Milestone) -> None:
    """Likewise."""
    for name, default in optional(Milestone).items():
        row = row_of(milestone, milestone_key(milestone.order, milestone.number), "order", "number", name)
        assert milestone_from_row(row) == dataclasses.replace(milestone, **{name: default}), name


@given(gate=GATES)
def test_a_gate_with_the_least_that_was_ever_written_is_read(gate: Gate) -> None:
    """Empty attributes are left out of a row, so each of them may be missing."""
    needed = {"v", "role", "owner", "lang", "default", "opened", "status"}
    row = {name: value for name, value in gate_row(gate).items() if name in needed}
    key = gate_key(gate.order, str(gate.id))
    read = gate_from_row(row | {"pk": key.pk, "sk": key.sk})
    assert (read.id, read.role, read.status, read.choices, read.decision) == (gate.id, gate.role, gate.status, (), None)


@pytest.mark.parametrize("read", [order_from_row, milestone_from_row, gate_from_row, act_from_row])
def test_a_row_that_a_later_release_wrote_is_never_half_understood(read: Callable[[dict[str, Any]], object]) -> None:
    """Its version says so before any of it is read; what to do is said (design: workflow 3)."""
    row = {"v": 99, "pk": "O#0123456789ab", "sk": "ORDER"}
    with pytest.raises(RowVersionError, match="deploy the release that wrote it"):
        read(row)


@pytest.mark.parametrize(
    ("read", "table"),
    [
        (order_from_row, "relais.order._ORDER_LIFTS"),
        (milestone_from_row, "relais.order._MILESTONE_LIFTS"),
        (gate_from_row, "relais.gate._GATE_LIFTS"),
        (act_from_row, "relais.act._ACT_LIFTS"),
    ],
)
def test_a_row_of_an_older_version_is_lifted_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[dict[str, Any]], object], table: str
) -> None:
    """A pure function leads from each version to the next (design: workflow 3)."""

    class LiftedError(Exception):
        """Seen: the row came by."""

    def seen(_row: dict[str, Any]) -> dict[str, Any]:
        raise LiftedError

    monkeypatch.setattr(table, {0: seen})
    with pytest.raises(LiftedError):
        read({"v": 0, "pk": "O#0123456789ab", "sk": "ORDER"})


@given(gate=GATES)
def test_a_gate_stands_in_an_index_only_while_somebody_has_to_look_at_it(gate: Gate) -> None:
    """Both attributes of an index or neither: half of them would be refused by the table or lost to the clock."""
    row = gate_row(gate)
    assert ("due" in row) == ("due_shard" in row) == (gate.due is not None)
    waits = gate.role is Role.SELLER and gate.status is Status.OPEN
    assert ("desk" in row) == ("desk_due" in row) == waits


@given(gate_id=GATE_IDS)
def test_a_gates_name_reads_back(gate_id: GateId) -> None:
    """It stands in links, rows and commands."""
    assert GateId.parse(str(gate_id)) == gate_id
    assert gate_key("o", str(gate_id)).sk.split("#") == ["G", *str(gate_id).split("-")]


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_text_is_a_gates_name_or_refused_as_malformed(text: str) -> None:
    """It comes from an address that anybody may type, and becomes a key: one name, one gate."""
    try:
        parsed = GateId.parse(text)
    except MalformedGateIdError:
        return
    assert str(parsed) == text


@pytest.mark.parametrize(
    "text", ["01-work-3", "01-work- 003", "01-work-+003", "1-work-0003", "x-work-0003", "01-work-00٣3", "-work-0003"]
)
def test_a_gate_has_one_name_only(text: str) -> None:
    """Two addresses of one gate would be two subjects of links, and a `#` could lead to another row."""
    with pytest.raises(MalformedGateIdError):
        GateId.parse(text)


@given(at=TIMES, later=TIMES)
def test_stamps_sort_as_their_times(at: datetime, later: datetime) -> None:
    """The clock's index compares texts."""
    assert instant(stamp(at)) == at
    assert (stamp(at) < stamp(later)) == (at < later)


def test_an_entry_as_it_is_stored_is_read_back() -> None:
    """Rows leave out what is nothing: an acceptance has no item, and `relais ledger check` reads it all the same."""
    entry = ledger.accepted(
        order="o", milestone="01", share=29_000, cost=13_000, freelancer="ines", currency="eur", at=AT
    )
    row = entry_put(entry).row
    assert None not in row.values()
    assert ledger.Entry.from_row(row) == entry
