"""What an order may grow to: its execution's history, its rows (design: workflow section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from devstack.simulation.pages import Page
from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.payments import top_up
from relais.order import ORDER_LEVEL
from relais.rows import deliverable_key
from relais.steps import evidence
from relais.steps.handing_in import LINK_LIMIT, MOST_LINKS
from relais.steps.links import gate_link
from relais.steps.lists import ListLostError, with_lists
from relais.steps.situation import read_situation
from tests.support.journey import ANSWERS, Journey, path
from tests.workflow.several import PRICE, Articles
from tests.workflow.test_disputes import disputed

MOST_EVENTS_OF_A_MILESTONE, MOST_EVENTS = 300, 10_000
MOST_ROW, MOST_HEAD = 4_096, 1_024
EVENTS = {"Task": 6, "Choice": 2, "Pass": 2, "Succeed": 2, "Map": 3}
"""Events that Step Functions writes for a state: a task with a token is entered, scheduled, started, submitted,
succeeded and left."""
SENT_BACK = 2
LIST_OR_MAP = 3
QUESTIONS = 3
FILES = {f"{at:02d}-{'é' * 143}.png": b"\x89PNG %d" % at for at in range(20)}
LINKS = [f"https://exemple.fr/{at}-".ljust(LINK_LIMIT, "x") for at in range(MOST_LINKS)]
WORDS = "Plus grand, plus rond, plus vert. " * 55


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def worst(world: World) -> Articles:
    """Every article sent back twice by the seller before and after its one change, then refunded as a right."""
    top_up(world.sandbox.platform, 2 * PRICE)
    journey = Articles(world)
    journey.to_work()
    for number in range(1, 11):
        if number > 1:
            journey.begin(number)
        for answer in ("revise", "refund"):
            for _ in range(SENT_BACK):
                journey.hand_in(number)
                journey.give(number, "review", "rework", "Plus court, s'il vous plaît.")
            journey.hand_in(number)
            journey.give(number, "review", "approve")
            journey.give(number, "acceptance", answer, "Un autre angle." if answer == "revise" else "")
    world.pass_time(days=8)
    return journey


def test_the_worst_order_stays_far_below_what_an_execution_and_a_row_may_hold() -> None:
    """Ten articles with all that can be asked for: no milestone near 300 events, no row over 4 kB, a head below 1."""
    with world_in_memory() as world:
        journey = worst(world)
        assert journey.stages == ["closed"] * 10
        kinds = {
            name: state["Type"]
            for program in (world.engine.definition, world.engine.definition["States"]["Milestones"]["ItemProcessor"])  # type: ignore[union-attr]
            for name, state in program["States"].items()
        }
        entered = Counter(world.engine.entered())
        events = sum(EVENTS[kinds[name]] * count for name, count in entered.items())
        inside = world.engine.definition["States"]["Milestones"]["ItemProcessor"]["States"]  # type: ignore[union-attr]
        of_milestones = sum(EVENTS[kinds[name]] * count for name, count in entered.items() if name in inside)
        assert of_milestones / 10 < MOST_EVENTS_OF_A_MILESTONE / 2
        assert events < MOST_EVENTS / 5
        assert_rows_within_bounds(journey)


def assert_rows_within_bounds(journey: Journey) -> None:
    """No row of an order is over 4 kB, and its head, which everything reads, is below one."""
    rows = journey.world.rows(f"O#{journey.id}")
    sizes = {row["sk"]: size_of(row) - LIST_OR_MAP for row in rows}
    assert {sk: size for sk, size in sizes.items() if size >= MOST_ROW} == {}
    assert sizes["ORDER"] < MOST_HEAD


def size_of(value: object) -> int:
    """Bytes of a row as DynamoDB counts them (docs.aws.amazon.com, item sizes and formats)."""
    match value:
        case str():
            return len(value.encode())
        case None | bool():
            return 1
        case int():
            return len(str(value)) // 2 + 2
        case list():
            return LIST_OR_MAP + sum(1 + size_of(one) for one in value)
        case Mapping():
            return LIST_OR_MAP + sum(1 + len(name.encode()) + size_of(one) for name, one in value.items())
        case _:
            raise TypeError(type(value).__name__)


def hand_in_brief(journey: Journey) -> Page:
    """A brief with as many files as are taken."""
    world, form = journey.world, journey.world.get(journey.page).form("q_name")
    uploads = path(gate_link(world.ports, journey.order, journey.open_gate))
    keys = world.upload(f"{uploads}/files", form.fields["nonce"], FILES)
    return world.send(form, **(ANSWERS | {"q_brands": WORDS, "file": keys}), action="hand_in")


def hand_in_version(journey: Journey) -> Page:
    """As many files as an offer takes, each with the longest name, as many of the longest links, and a long note."""
    form = journey.form("work")
    keys = journey.world.upload(f"{form.action}/files", form.fields["nonce"], FILES)
    return journey.world.send(form, choice="deliver", note=WORDS, file=keys, links="\n".join(LINKS))


def ask(journey: Journey, number: int) -> None:
    """The maker asks as much as fits into one question, and is answered as much."""
    page = journey.world.get(gate_link(journey.world.ports, journey.order, journey.open_gate))
    form = next(form for form in page.forms if form.fields.get("ask") == "question")
    journey.world.send(form, note=f"{number} {WORDS}")
    journey.answer("question", "answer", WORDS)


def test_nothing_that_people_send_makes_a_row_grow(world: World) -> None:
    """Twenty files with names of 150 letters made 10 kB: such a list stands in the bucket, and everybody sees it."""
    journey = Journey(world).to_brief()
    hand_in_brief(journey)
    shown = world.get(world.link("proposal", journey.id)).text
    assert [name for name in FILES if name not in shown] == []
    journey.answer("proposal", "accepted")
    for number in range(QUESTIONS):
        ask(journey, number)
    for choice in ("rework", "approve"):
        assert hand_in_version(journey).status == 303
        shown = world.get(world.link("review", journey.id)).text
        assert [said for said in (*FILES, *LINKS) if said not in shown] == []
        journey.answer("review", choice, WORDS)
    given = evidence.pack(world.ports, read_situation(world.ports, journey.id, ORDER_LEVEL))
    assert [name for name in FILES if name not in given["What was handed in"]] == []
    disputed(journey)
    journey.answer("dispute", "send", WORDS)
    assert any(row["sk"].startswith("D#") for row in world.rows(f"O#{journey.id}"))
    assert_rows_within_bounds(journey)


@pytest.mark.parametrize("spoilt", [None, "{}"])
def test_a_list_that_is_not_the_one_that_was_written_is_never_shown(world: World, spoilt: str | None) -> None:
    """The row holds its digest: what a client accepts and what a bank is sent is what was handed in."""
    journey = Journey(world).to_work()
    hand_in_version(journey)
    row = world.row(deliverable_key(journey.id, "01", 1))
    assert (row["count"], "files" in row) == (len(FILES), False)
    objects = world.clouds.files.objects  # type: ignore[attr-defined]
    if spoilt is None:
        del objects[row["listed"]]
    else:
        world.ports.files.put_text(row["listed"], spoilt)
    with pytest.raises(ListLostError):
        with_lists(world.ports, row)


def test_a_row_of_before_holds_its_list_itself(world: World) -> None:
    """Versions of the first releases are read for as long as their orders are kept."""
    journey = Journey(world).to_review()
    row = world.row(deliverable_key(journey.id, "01", 1))
    assert with_lists(world.ports, {**row, "v": 1}) == row
