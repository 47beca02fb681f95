"""Orders of several milestones, side by side: each with its own dates, gates, money and end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial, wraps

from devstack.simulation.pages import Page
from devstack.simulation.world import World
from devstack.stripe_sandbox.payments import top_up
from relais import ledger
from relais.gate import Gate, Role, Status
from relais.offer import RefundCause
from relais.order import Milestone, OrderStage, milestone_from_row
from relais.rows import Change, milestone_key, order_key
from relais.steps import interrupt
from tests.support.journey import Journey
from tests.workflow.scenarios import broken, scenario

PRICE, SHARE, PAY = 150_000, 15_000, 8_000
CAMILLE = "camille-roux"
CLIENT = "marie@gmail.com"
SIDE_BY_SIDE: set[str] = set()
"""The scenarios whose iterations run at the same time: the order in which states are entered is the engine's."""


def several(play: Callable[[World], object]) -> Callable[[World], object]:
    """A scenario of the articles; the seller keeps a reserve at Stripe to refund from."""

    @wraps(play)
    def with_reserve(world: World) -> object:
        top_up(world.sandbox.platform, 2 * PRICE)
        return play(world)

    SIDE_BY_SIDE.add(play.__name__)
    return scenario(with_reserve)


@dataclass
class Articles(Journey):
    """Ten articles in ten weeks."""

    offer: str = "articles"
    answers: dict[str, str] = field(
        default_factory=lambda: {
            "q_readers": "Des amateurs de pain",
            "q_topics": "Le levain, la farine, le four",
            "q_tone": "Chaleureux",
            "q_03.topic": "Le levain en hiver",
            "ready": "yes",
        }
    )

    def hand_in_brief(self) -> Page:
        """The order's questions, and an idea for the third article."""
        form = self.world.get(self.page).form("q_readers")
        page = self.world.send(form, **self.answers, action="hand_in")
        self.world.pass_time(hours=2, minutes=1)  # the brief rests before a proposal leaves
        return page

    def part(self, number: int) -> Milestone:
        """One of the milestones."""
        return milestone_from_row(self.world.row(milestone_key(self.id, f"{number:02d}")))

    @property
    def stages(self) -> list[str]:
        """Where each milestone is."""
        return [self.part(number).stage.value for number in range(1, 11)]

    def open_of(self, number: int) -> Gate:
        """The one open gate of a milestone."""
        found = [one for one in self.gates if one.id.milestone == f"{number:02d}" and one.status is Status.OPEN]
        assert len(found) == 1, [(str(one.id), one.status.value) for one in self.gates]
        return found[0]

    def give(self, number: int, kind: str, choice: str, note: str = "") -> Page:
        """Answer the newest gate of this kind of one milestone, by the link in the mail."""
        form = self.world.get(self.link_to(number, kind)).form("choice")
        return self.world.send(form, choice=choice, note=note)

    def link_to(self, number: int, kind: str) -> str:
        """The newest link to a gate of one milestone."""
        wanted = f"/g/{self.id}/{number:02d}-{kind}-"
        return [link for mail in self.world.mails for link in mail.links if wanted in link][-1]

    def hand_in(self, number: int) -> Page:
        """An article is handed in."""
        form = self.world.get(self.link_to(number, "work")).form("choice")
        keys = self.world.upload(f"{form.action}/files", form.fields["nonce"], {"article.txt": b"Le levain."})
        return self.world.send(form, choice="deliver", note="", file=keys)

    def finish(self, number: int) -> None:
        """From its work to the client's yes."""
        self.hand_in(number)
        self.give(number, "review", "approve")
        self.give(number, "acceptance", "accept")

    def begin(self, number: int) -> None:
        """Time passes until a milestone begins."""
        starts = self.part(number).starts
        assert starts is not None
        if self.world.now() < starts:
            self.world.go_to(starts)
            self.world.pass_time(minutes=11)

    def drop(self, number: int) -> Page:
        """The client gives a milestone up on the order's page, by the button behind the question."""
        page = self.world.get(f"{self.page}?drop={number:02d}")
        form = next(form for form in page.forms if form.fields.get("milestone") == f"{number:02d}")
        return self.world.send(form, action="drop")

    def money(self) -> tuple[int, int, int, int]:
        """The order's pots: left, in transit, sent, refunded."""
        order = self.order
        return order.left, order.in_transit, order.sent, order.refunded

    def in_hand(self) -> dict[str, int]:
        """Who has how many orders in hand."""
        return {row["key"]: row["in_hand"] for row in self.world.rows("ROSTER") if row["in_hand"]}


def assert_settled(journey: Articles) -> None:
    """The order has ended: nothing is owed, every pot is empty, nobody has it in hand."""
    world = journey.world
    world.pass_time(days=8)
    order = journey.order
    assert order.stage is OrderStage.COMPLETED
    assert journey.stages == ["closed"] * 10
    assert order.in_transit == 0
    assert order.left == order.paid - order.refunded - order.sent + order.borne
    assert [row["sk"] for row in world.rows(f"O#{journey.id}") if "due" in row or "owes" in row] == []
    assert journey.in_hand() == {}
    entries, unread = ledger.read(journey.entries())
    differences = ledger.check(entries, now=world.now(), ended=frozenset({journey.id}))
    assert (unread, [one for one in differences if one.kind is not ledger.DifferenceKind.CLEARING]) == ((), [])


@several
def ten_articles_in_ten_weeks(world: World) -> Articles:
    """One a week, each asked, checked, accepted and paid on its own; the writer has one order in hand all along."""
    journey = Articles(world)
    journey.to_work()
    assert journey.stages == ["work"] + ["start"] * 9
    assert journey.in_hand() == {CAMILLE: 1}
    assert [journey.part(number).engagement.agreed for number in range(1, 11)] == [PAY] * 10  # type: ignore[union-attr]
    deadlines = [journey.part(number).engagement.deadline for number in range(1, 11)]  # type: ignore[union-attr]
    assert deadlines == sorted(set(deadlines))
    for number in range(1, 11):
        if number > 1:
            assert journey.stages[number - 1] == "start"
            journey.begin(number)
        assert journey.open_of(number).deadline == deadlines[number - 1]
        journey.finish(number)
        assert journey.part(number).accepted
        assert journey.in_hand() == {CAMILLE: 1}
    assert journey.order.stage is OrderStage.MILESTONES
    assert_settled(journey)
    assert journey.money() == (PRICE - 10 * PAY, 0, 10 * PAY, 0)
    paid = [mail for mail in world.mails if mail.to.startswith("camille") and "en route" in mail.subject]
    named = [mail.subject.rpartition("· ")[2] for mail in paid]
    assert named == [f"Article {number} sur 10" for number in range(1, 11)]
    assert len([mail for mail in world.mails if mail.to == CLIENT and "terminée" in mail.subject]) == 1
    return journey


@several
def side_by_side(world: World) -> None:
    """Three articles at three stages: each is answered by itself, and the page shows each with its dates."""
    journey = Articles(world)
    journey.to_work()
    journey.hand_in(1)
    journey.begin(2)
    journey.hand_in(2)
    journey.give(1, "review", "approve")
    journey.begin(3)
    assert journey.stages[:4] == ["acceptance", "review", "work", "start"]
    page = world.get(journey.page).text
    for words in ("Article 1 sur 10", "Article 10 sur 10", "En relecture", "En cours de réalisation", "commence le"):
        assert words in page, words
    work = [mail for mail in world.mails if mail.to.startswith("camille") and "Article 3 sur 10" in mail.subject][-1]
    assert "Le levain en hiver" in work.body
    assert "Le levain en hiver" not in world.get(journey.link_to(2, "review")).text
    journey.give(1, "acceptance", "revise", "Un titre plus court.")
    assert journey.stages[:4] == ["work", "review", "work", "start"]
    journey.hand_in(1)
    journey.give(1, "review", "approve")
    journey.give(1, "acceptance", "refund")
    world.pass_time(days=4)
    assert journey.part(1).stage.value == "closed"
    assert journey.order.stage is OrderStage.MILESTONES
    assert journey.money()[3] == SHARE
    assert (journey.part(1).sent, journey.order.borne) == (PAY // 2, PAY // 2)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="tout arrêter")
    world.settle()
    assert_settled(journey)
    assert journey.money() == (0, 0, PAY // 2, PRICE)


@several
def dropped_before_they_begin(world: World) -> None:
    """The client gives up what has not begun, after seeing what it means; its share goes back, nobody is paid."""
    journey = Articles(world)
    journey.to_work()
    asked = world.get(f"{journey.page}?drop=07")
    assert "Renoncer à « Article 7 sur 10 »" in asked.text.replace("\u00a0", " ")
    assert journey.stages[6] == "start"
    since = len(world.mails)
    assert journey.drop(7).status == 303
    assert journey.stages[6] == "closed"
    assert journey.money() == (PRICE - SHARE, 0, 0, SHARE)
    told = {mail.to.partition("@")[0] for mail in world.mails[since:]}
    assert told == {"marie", "camille"}
    assert journey.part(7).left_to_send == 0
    late = world.get(f"{journey.page}?drop=01")
    assert all(form.fields.get("milestone") != "01" for form in late.forms)
    form = next(form for form in world.get(f"{journey.page}?drop=02").forms if "milestone" in form.fields)
    refused = world.send(form, action="drop", milestone="01")
    assert refused.status == 422
    assert journey.stages[:2] == ["work", "start"]
    world.pass_time(minutes=30)
    assert journey.order.run == 1
    for number in (2, 3, 4, 5, 6, 8, 9, 10):
        journey.drop(number)
    assert journey.in_hand() == {CAMILLE: 1}
    journey.finish(1)
    assert_settled(journey)
    assert journey.money() == (SHARE - PAY, 0, PAY, 9 * SHARE)


@scenario
def paid_before_the_charge_is_available(world: World) -> None:
    """A share given back leaves the others behind their own: the transfer draws on the charge, on an empty balance."""
    world.sandbox.platform.terms = replace(world.sandbox.platform.terms, settle_days=7)
    journey = Articles(world)
    journey.to_work()
    journey.drop(7)
    journey.finish(1)
    world.pass_time(days=4)
    assert (journey.part(1).stage.value, journey.part(1).sent) == ("closed", PAY)
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="tout arrêter")
    world.settle()


SIDE_BY_SIDE.add("paid_before_the_charge_is_available")


@several
def cancelled_one_by_the_seller(world: World) -> None:
    """The seller may cancel one that has begun: its writer is paid by policy, the others go on."""
    journey = Articles(world)
    journey.to_work()
    cancel = partial(interrupt.cancel_milestone, world.ports, journey.id, cause=RefundCause.SELLER_FAULT)
    cancel("01", by=Role.SELLER, reason="plus de place au blog")
    world.settle()
    assert journey.stages[:2] == ["hold", "start"]
    assert journey.money()[3] == SHARE
    journey.begin(2)
    assert journey.stages[1] == "work"
    for number in range(3, 11):
        cancel(f"{number:02d}", by=Role.SELLER, reason="plus de place au blog")
    world.settle()
    journey.finish(2)
    assert_settled(journey)
    assert journey.money() == (PRICE - 9 * SHARE - PAY, 0, 2 * PAY, 9 * SHARE)


@several
def one_fails_and_the_others_run(world: World) -> None:
    """A milestone that parks, or whose start cannot be opened, holds up nobody; a new run enters each as it was."""
    journey = Articles(world)
    with broken(world, "open-gate", "start", milestone="04"):
        journey.to_work()
    assert journey.stages == ["work", "start", "start", "park"] + ["start"] * 6
    with broken(world, "open-gate", "review"):
        journey.hand_in(1)
    assert journey.stages[0] == "park"
    journey.begin(2)
    assert journey.stages[1] == "work"
    journey.give(4, "park", "start")
    assert journey.stages[3] == "start"
    with broken(world, "open-gate", "review"), broken(world, "open-gate", "park"):
        journey.hand_in(2)
    assert journey.order.stage is OrderStage.PARK
    before = journey.stages
    journey.answer("park", "retry")
    assert journey.order.stage is OrderStage.MILESTONES
    assert [one for one in journey.stages if one != "review"] == [one for one in before if one != "review"]
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="tout arrêter")
    world.settle()
    assert_settled(journey)
    assert journey.money()[3] == PRICE


@several
def start_superseded(world: World) -> None:
    """A newer run takes over while a milestone waits for its date: the older one ends quietly."""
    journey = Articles(world)
    journey.to_work()
    run = journey.order.run
    world.ports.store.write(Change(order_key(journey.id), put={"run": run + 1}))
    for token in list(world.engine.tokens):
        world.engine.time_out(token)
    world.settle()
    assert world.engine.status_of(f"{journey.id}-{run}") == "SUCCEEDED"
    world.ports.machine.start(journey.id, run + 1)
    world.settle()
    assert journey.stages == ["work"] + ["start"] * 9
    interrupt.cancel(world.ports, journey.id, by="seller", cause=RefundCause.BRIEF_NOT_MET, reason="tout arrêter")
    world.settle()
    assert_settled(journey)
