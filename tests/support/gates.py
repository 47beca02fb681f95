"""A shop in which something waits at every kind of gate that a person answers, and at every page of an order."""

from __future__ import annotations

from dataclasses import dataclass

from devstack.simulation.world import World
from devstack.stripe_sandbox.disputes import open_dispute
from relais.act import Act, ActKind, ActState, act_row
from relais.gate import Kind
from relais.rows import SHOP_KEY, Change, Key, Put, act_key, offer_key
from relais.steps import runs
from relais.steps.links import stand_in_link
from relais.steps.outcomes import settle_unknown
from relais.steps.refund import refund_body
from tests.support.journey import ANSWERS, Journey
from tests.workflow.leaving import ask_to_end
from tests.workflow.scenarios import broken
from tests.workflow.ways_out import cancel, to_refund_right


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order, and the link behind which its form is shown."""

    kind: str
    journey: Journey
    link: str


def ask(journey: Journey, asked: str, page: str = "work", **fields: str) -> None:
    """Send the form beside a gate's own."""
    forms = journey.world.get(journey.world.link(page, journey.id)).forms
    form = next(form for form in forms if form.fields.get("ask") == asked)
    assert journey.world.send(form, note="Une raison", **fields).status == 303


def write(journey: Journey, text: str = "Une précision") -> None:
    """The client writes to the seller from the order's page."""
    forms = journey.world.get(journey.page).forms
    form = next(form for form in forms if form.fields.get("action") == "message")
    assert journey.world.send(form, note=text).status == 303


def asking_from(world: World, least: int) -> None:
    """The offer on sale asks for a second yes from this sum on."""
    window = world.row(SHOP_KEY)["offers"]
    key = offer_key("logo", next(one["version"] for one in window if one["slug"] == "logo"))
    row = world.row(key)
    world.ports.store.write(Change(key, put={"policy": {**row["policy"], "confirm": least}}))


def _of_an_unknown_end(world: World) -> Journey:
    """An order with a refund of a second payment that was sent, and nobody knows what became of it."""
    one = Journey(world).to_work()
    operation = f"{one.id}:stray:00:cs_second"
    body = refund_body(one.order.payment_intent or "", 29_000, operation, one.id) | {"session": "cs_second"}
    act = Act(
        order=one.id,
        id="refund-00-cs_second",
        kind=ActKind.REFUND,
        milestone="00",
        operation=operation,
        amount=29_000,
        currency="eur",
        body=body,
        state=ActState.UNKNOWN,
        why="answer_differs",
    )
    world.ports.store.write(Put(act_key(one.id, act.id), act_row(act)))
    settle_unknown(world.ports, one.id)
    world.pass_time(minutes=3)
    return one


def _adding(world: World) -> Journey:
    """An order whose client wants something more, and has not paid for it."""
    one = Journey(world).to_work()
    listed = next(form for form in world.get(one.page).forms if "extra" in form.choices)
    assert world.send(listed, extra="01 card", action="extra").status == 303
    return one


def _written(world: World) -> Journey:
    """An order whose client has written."""
    one = Journey(world).to_work()
    write(one)
    return one


def at_every_gate(world: World) -> list[Waiting]:
    """One order at each gate, at the client's last choice as well, and one that is not paid yet.

    The brief is saved whole, and its client's address is mistyped.
    """
    for row in world.rows("ROSTER"):
        world.ports.store.write(Change(Key(row["pk"], row["sk"]), put={"capacity": 99}))
    late, missed = Journey(world).to_work(), Journey(world).to_work()
    world.pass_time(days=4, hours=2)  # two working hours after the working deadline, and what a clock may be late
    missed.answer("late", "wait", until="2026-12-10")
    wished, doubtful, answering = (Journey(world).to_work() for _ in range(3))
    ask(wished, "more_time", until="2026-12-24")
    ask(doubtful, "question")
    ask(answering, "question")
    ask(answering, "question", page="question", sure="yes")
    bargaining = Journey(world).to_assign()
    ask(bargaining, "counter", page="proposal", amount="160.00")
    ending, withdrawing, early = Journey(world).to_work(), Journey(world).to_work(), Journey(world).to_assign()
    ask_to_end(ending)
    stuck = Journey(world).to_work()
    for _ in range(4):
        world.ports.machine.stop(stuck.id, stuck.order.run, "test")
        runs.mark_dead(world.ports, stuck.id, stuck.order.run, "ABORTED")
        world.pass_time(minutes=5)
    parked = Journey(world).to_work()
    with broken(world, "open-gate", "review"):
        parked.deliver()
    picking = Journey(world).to_assign()
    picking.answer("proposal", "again")
    picking.answer("proposal", "again")
    asked_back, proposed = Journey(world).to_acceptance(), Journey(world).to_acceptance()
    for one in (asked_back, proposed):
        one.answer("acceptance", "request", "Le nom est mal écrit.")
    proposed.answer("refund_request", "contest", "Le brief demandait cela.")
    disputed = Journey(world).to_acceptance()
    open_dispute(world.sandbox.platform, world.sandbox.platform.get("charge", disputed.order.charge or ""))
    world.settle()
    world.pass_time(minutes=3)
    rated, appealed = Journey(world).to_hold(), Journey(world).to_hold()
    for one in (rated, appealed):
        form = world.get(one.page).form("stars")
        assert world.send(form, stars="2", note="Trop simple.", action="rate").status == 303
    appealed.answer("rating", "appeal", "Le brief demandait cela.")
    unknown = _of_an_unknown_end(world)
    asking_from(world, 10_000)
    confirming = Journey(world).to_assign()
    cancel(confirming)
    world.pass_time(minutes=10)
    asking_from(world, 100_000)
    reached = {
        Kind.CONFIRM: confirming,
        Kind.OUTCOME: unknown,
        Kind.DISPUTE: disputed,
        Kind.RATING: rated,
        Kind.APPEAL: appealed,
        Kind.LATE: late,
        Kind.CANCEL_LATE: missed,
        Kind.MORE_TIME: wished,
        Kind.QUESTION: doubtful,
        Kind.MESSAGE: _written(world),
        Kind.COUNTER: bargaining,
        Kind.AGREEMENT: ending,
        Kind.EXTRA: _adding(world),
        Kind.STUCK: stuck,
        Kind.PARK: parked,
        Kind.PICK: picking,
        Kind.PROPOSAL: Journey(world).to_assign(),
        Kind.WORK: Journey(world).to_work(),
        Kind.REVIEW: Journey(world).to_review(),
        Kind.ACCEPTANCE: Journey(world).to_acceptance(),
        Kind.REFUND_REQUEST: asked_back,
        Kind.SETTLEMENT: proposed,
    }
    gates = [Waiting(kind.value, journey, world.link(kind.value, journey.id)) for kind, journey in reached.items()]
    last, brief, draft = to_refund_right(world), Journey(world), Journey(world)
    draft.draft()
    brief.draft()
    brief.pay(email="marie@gmial.com")
    answers = {name: text for name, text in ANSWERS.items() if name != "ready"}
    world.send(world.get(brief.page).form("q_name"), **answers, action="save")
    return [
        *gates,
        Waiting("question", answering, world.link("question", answering.id)),
        Waiting("proposal", bargaining, world.link("proposal", bargaining.id)),
        Waiting("acceptance", last, world.link("acceptance", last.id)),
        Waiting("brief", brief, brief.page),
        Waiting("stand_in", brief, stand_in_link(world.ports, brief.open_gate)),
        Waiting("withdraw", withdrawing, f"{withdrawing.page}?withdraw=1"),
        Waiting("cancel", early, f"{early.page}?cancel=1"),
        Waiting("agree", withdrawing, f"{withdrawing.page}?agree=01"),
        Waiting("address", reached[Kind.WORK], reached[Kind.WORK].page),
        Waiting("checkout", draft, draft.page),
    ]
