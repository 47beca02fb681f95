"""A process may die between any two calls to the outside: what follows repeats, and ends as if nothing had happened.

Orders are played by each way that they may end; each time the process dies at another place. What came before a death
is not played again: at its place the test process forks, the copy dies there and plays on to the end, the original goes
on undisturbed. Reads leave no trace, so places between which only reads lie are one place: a death is tried before each
call that leaves a trace, and at the end of every function, when only its answer is lost. Then whoever called tries
again, as they would: Step Functions by its retriers, Stripe by delivering again, a person by pressing again where the
page still asks; the clock does the rest.

Each step of the demo's order dies at every place, once and twice in a row; the other orders die so in what is theirs
alone (`Fuse.armed`): what an order shares with the demo's is not tried a second time.
"""

from __future__ import annotations

import gc
import os
import pickle
import re
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from devstack.simulation.world import INES, World, catalogue, world_in_memory
from devstack.stripe_sandbox.accounts import Seed, seed
from devstack.stripe_sandbox.payments import top_up
from relais.gate import Gate, Kind, Status
from relais.offer import PlannedMilestone, RefundCause
from relais.rows import milestone_key
from relais.schedule import Start
from relais.steps import interrupt
from relais.steps.catalog import apply
from relais.steps.decisions import LostWhy
from relais.steps.lateness import seller_asked_at
from relais.steps.reassign import NothingToReassignError, reassign
from relais.steps.situation import read_situation
from tests.support.gates import ask
from tests.support.journey import Journey
from tests.support.people import hire
from tests.workflow.scenarios import refusing

READS = (
    ".get",
    ".get_many",
    ".query",
    ".due",
    ".open_orders",
    ".desk",
    ".book",
    ".get_text",
    ".measure",
    ".read",
    ".digest",
    ".status",
    ".events",
)
PARTS = 3
"""The demo's places are shared out to so many tests, that run side by side."""
LONGEST_HOLD = timedelta(days=8)
RESERVE = 200_000
"""The seller's own money at Stripe: a refund draws on what is available."""


class CrashError(BaseException):
    """The process is gone: no handler of ours sees this."""


CameTo = tuple[dict[str, Any], Counter[str]]


@dataclass
class Fuse:
    """Blows at the places of one part, each time in a copy of this process, which tells what the order came to."""

    part: int = 0
    parts: int = 1
    deaths: int = 1
    """How often in a row the copy dies: the second time when the call that it died before is made again."""
    places: list[str] = field(default_factory=list)
    armed: bool = False
    """Whether it blows now: where an order goes a way of its own."""
    inside: int = 0
    """How many of our processes run now: nobody else's call is a place."""
    tells: int = 0
    """In a copy: the pipe to tell by."""
    dies_again_at: str = ""
    """In a copy: the place at which it dies once more."""
    came_to: dict[int, CameTo | str] = field(default_factory=dict)
    """By place: what each copy came to, or where it failed."""

    def __call__(self, place: str) -> None:
        if place.endswith(READS) or ".GET " in place:
            return
        if self.tells and place == self.dies_again_at:
            self.dies_again_at = ""
            raise CrashError
        if self.tells or not self.armed:
            return
        self.places.append(place)
        if len(self.places) % self.parts != self.part:
            return
        read, write = os.pipe()
        with warnings.catch_warnings():
            # xdist's thread waits for messages and holds nothing that a copy needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            copy = os.fork()
        if copy == 0:
            gc.disable()
            self.tells = write
            self.dies_again_at = place if self.deaths > 1 else ""
            raise CrashError
        os.close(write)
        with os.fdopen(read, "rb") as told:
            said = told.read()
        self.came_to[len(self.places)] = pickle.loads(said) if said else "the copy ended without a word"  # noqa: S301 - our own copy wrote it
        os.waitpid(copy, 0)

    def tell(self, came_to: CameTo | str) -> None:
        """The end of a copy: it never comes back to the tests."""
        with os.fdopen(self.tells, "wb") as pipe:
            pickle.dump(came_to, pipe)
        os._exit(0)

    def before(self, place: str) -> None:
        """A call to the outside is about to be made."""
        if self.inside:
            self(place)

    @contextmanager
    def burning(self) -> Iterator[None]:
        """One of our processes runs."""
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


@dataclass
class Doomed(Journey):
    """An order in whose life one process dies."""

    fuse: Fuse = field(default_factory=Fuse)


def insist(journey: Journey, act: Callable[[], object], done: Callable[[], bool]) -> None:
    """Somebody tries until it is done, as long as the page still asks; in between time passes."""
    for _ in range(3):
        with suppress(CrashError):
            act()
        recover(journey.world)
        if done():
            return
    raise AssertionError(f"not done after three tries; last {journey.world.engine.calls[-6:]}")


def recover(world: World) -> None:
    """A few minutes, of every kind: leases end, deliveries are repeated, the clock looks."""
    world.wall_shift += 240
    world.settle()
    for _ in range(2):
        with suppress(CrashError):
            world.pass_time(minutes=5)
            return
    world.pass_time(minutes=5)


def play(fuse: Fuse, ends: Callable[[Doomed], None]) -> CameTo:
    """An order that nothing disturbs, and its copies, each of which dies once, or twice in a row.

    Returns what it came to; what they came to is in the fuse.
    """
    try:
        came_to = _played(fuse, ends)
    except BaseException:
        if fuse.tells:
            fuse.tell(traceback.format_exc())
        raise
    if fuse.tells:
        fuse.tell(came_to)
    return came_to


def _played(fuse: Fuse, ends: Callable[[Doomed], None]) -> CameTo:
    with world_in_memory(before=fuse.before) as world:
        call = world.engine.call

        def watched(name: str, event: Any) -> Any:
            with fuse.burning():
                return call(name, event)

        world.engine.call = watched  # type: ignore[method-assign]
        world.engine.after = lambda name: fuse(f"end of {name}")
        top_up(world.sandbox.platform, RESERVE)
        if ends is one_dropped_while_the_other_runs:
            in_two(world)
        journey = Doomed(world, fuse=fuse)
        fuse.armed = ends is demo
        insist(journey, journey.draft, lambda: bool(journey.id))
        insist(journey, journey.pay, lambda: journey.stage == "brief")
        ends(journey)
        wait(journey, world.now() + LONGEST_HOLD, lambda: journey.stage == "completed")
        insist(journey, lambda: world.pass_time(hours=30), lambda: world.next_due() is None)
        return result(journey)


def wait(journey: Doomed, until: datetime, done: Callable[[], bool]) -> None:
    """Time passes up to a date, and as many minutes more as a death costs: never a day more."""
    insist(journey, lambda: journey.world.go_to(until), done)


# The orders, each by how it ends once it is paid ----------------------------------------------------------------------


def demo(journey: Doomed) -> None:
    """Sent back once, revised once, accepted and paid out."""
    take(journey, brief, *STEPS)


def refund_as_a_right(journey: Doomed) -> None:
    """Every included change is made, the client has everything back, the freelancer is paid half."""
    take(journey, brief, *WORK, deliver, approve)
    while journey.milestone.revisions_left:
        take(journey, revise, deliver, approve)
    journey.fuse.armed = True
    take(journey, lambda one: one.answer("acceptance", "refund"))


def cancelled_in_work(journey: Doomed) -> None:
    """The seller cancels; the freelancer is paid in full."""
    take(journey, brief, *WORK)
    journey.fuse.armed = True
    cancelled(journey)


def cancelled_while_somebody_is_asked(journey: Doomed) -> None:
    """The freelancer who was asked hears that nobody waits any more."""
    take(journey, brief)
    journey.fuse.armed = True
    cancelled(journey)


def brief_unanswered(journey: Doomed) -> None:
    """After fourteen days of silence the order is cancelled and refunded whole."""
    journey.fuse.armed = True
    silent(journey, "brief")


def one_dropped_while_the_other_runs(journey: Doomed) -> None:
    """The client gives up the second of two milestones; the first goes on to its end, on its own."""
    take(journey, brief)
    journey.fuse.armed = True
    take(journey, *WORK)
    insist(journey, lambda: dropped(journey), lambda: second_stage(journey) == "closed")
    journey.fuse.armed = False
    take(journey, deliver, approve)
    journey.fuse.armed = True
    take(journey, accept)


def dropped(journey: Doomed) -> None:
    """The button behind the question on the order's page."""
    page = journey.world.get(f"{journey.page}?drop=02")
    for form in page.forms:
        if form.fields.get("milestone") == "02":
            journey.world.send(form, action="drop")


def second_stage(journey: Doomed) -> str:
    """Where the second milestone is."""
    return str(journey.world.row(milestone_key(journey.id, "02"))["stage"])


def in_two(world: World) -> None:
    """The same offer, delivered in two parts, the second a week after the first."""
    offers = tuple(
        replace(one, milestones=(PlannedMilestone(one.title), PlannedMilestone(one.title, start=Start.parse("+7 d"))))
        for one in catalogue().offers
        if one.slug == "logo"
    )
    apply(world.ports.store, replace(catalogue(), offers=offers), world.now())


def silent(journey: Doomed, kind: str) -> None:
    """Nobody answers until the clock does."""
    (gate,) = (one for one in journey.gates if one.status is Status.OPEN and one.id.kind.value == kind)
    assert gate.deadline is not None
    over = (gate.deadline or journey.world.now()) + timedelta(minutes=11)
    wait(journey, over, lambda: journey.world.now() >= over and _settled(journey, gate))


def _settled(journey: Doomed, gate: Gate) -> bool:
    """Whether a silence was seen: it was answered, or the clock looks at the open gate another day."""
    now = next(one for one in journey.gates if one.id == gate.id)
    return now.status is not Status.OPEN or (now.due is not None and now.due > journey.world.now() + timedelta(hours=1))


def silences(journey: Doomed) -> None:
    """The first who is asked says nothing, maker and seller are late, the client never answers: accepted, paid out."""
    take(journey, brief)
    journey.fuse.armed = True
    silent(journey, "proposal")
    journey.fuse.armed = False
    take(journey, *WORK)
    journey.fuse.armed = True
    silent(journey, "work")
    the_seller_is_asked(journey)
    take(journey, deliver)
    silent(journey, "review")
    take(journey, approve)
    silent(journey, "acceptance")


def the_seller_is_asked(journey: Doomed) -> None:
    """Two working hours after the date: late work has a gate of its own, which the delivery closes."""
    asks = seller_asked_at(journey.open_gate, read_situation(journey.world.ports, journey.id, "01"))
    assert asks is not None
    late = lambda: [gate for gate in journey.gates if gate.id.kind is Kind.LATE and gate.mailed]  # noqa: E731
    wait(journey, asks + timedelta(minutes=11), lambda: len(late()) == 1)


def nobody_picks(journey: Doomed) -> None:
    """Everybody declines, the seller picks nobody: refunded after five working days."""
    take(journey, brief)
    journey.fuse.armed = True
    take(journey, decline, decline)
    silent(journey, "pick")


def picked(journey: Doomed) -> None:
    """Everybody declines, the seller picks somebody, who does it."""
    to_pick(journey)
    take(journey, lambda one: one.answer("pick", "picked", freelancer="studio-nord"), *WORK)
    journey.fuse.armed = False
    take(journey, deliver, approve, accept)


def done_by_the_seller(journey: Doomed) -> None:
    """The seller does it: no review of their own work, no hold, nobody to pay."""
    to_pick(journey)
    take(journey, lambda one: one.answer("pick", "self"), deliver, accept)


def bought_outside(journey: Doomed) -> None:
    """What was bought elsewhere is booked once."""
    to_pick(journey)
    bought = {"spent": "95", "bought_at": "Plateforme", "receipt": "R-17"}
    take(journey, lambda one: one.answer("pick", "outside", **bought), deliver, accept)


def to_pick(journey: Doomed) -> None:
    """Nobody of the roster takes it."""
    take(journey, brief, decline, decline)
    journey.fuse.armed = True


def two_asked_at_once(journey: Doomed) -> None:
    """Two have declined, two are asked at once: one says no, of the next two one says yes and the other is told."""
    for key in ("anna", "bruno", "chloe", "dora", "emma"):
        hire(journey.world, key)
    take(journey, brief, declined_by_first, declined_by_first)
    journey.fuse.armed = True
    first, second = (gate.owner for gate in asked(journey))
    says(journey, first, "again")
    says(journey, second, "again")
    says(journey, asked(journey)[1].owner, "accepted")
    journey.fuse.armed = False
    take(journey, deliver, approve, accept)


def declined_by_first(journey: Journey) -> object:
    """Whoever is asked says no."""
    return journey.answer_as(asked(journey)[0].owner, "again")


def asked(journey: Journey) -> list[Gate]:
    """The open proposals."""
    return [gate for gate in journey.gates if gate.id.kind is Kind.PROPOSAL and gate.status is Status.OPEN]


def says(journey: Doomed, owner: str, choice: str) -> None:
    """One of several answers."""
    insist(
        journey,
        lambda: journey.answer_as(owner, choice),
        lambda: owner not in {gate.owner for gate in asked(journey)},
    )


def given_up(journey: Doomed) -> None:
    """The freelancer gives the work back; somebody else does it."""
    take(journey, brief, *WORK)
    journey.fuse.armed = True
    take(journey, lambda one: one.answer("work", "give_up", "Je suis malade."), *WORK)
    journey.fuse.armed = False
    take(journey, deliver, approve, accept)


def taken_away(journey: Doomed) -> None:
    """The seller gives the work to somebody else by their own wish: who loses it is told and paid once."""
    take(journey, brief, *WORK)
    journey.fuse.armed = True
    given_to_somebody_else(journey)
    take(journey, *WORK)
    journey.fuse.armed = False
    take(journey, deliver, approve, accept)


def asked_along_the_way(journey: Doomed) -> None:
    """A question stops the work; another date is granted beyond the promise, to which the client agrees."""
    take(journey, brief, *WORK)
    journey.fuse.armed = True
    beside(journey, "question", stops="yes")
    settled(journey, "question", "answer", "Oui, gardez-le.")
    beside(journey, "more_time", until="2026-12-10")
    settled(journey, "more_time", "grant")
    settled(journey, "cancel_late", "wait")
    journey.fuse.armed = False
    take(journey, deliver, approve, accept)


def bargained(journey: Doomed) -> None:
    """The first asks for more, is refused and declines; the next asks for more, and the seller agrees."""
    take(journey, brief)
    journey.fuse.armed = True
    countered(journey, "160.00", 1)
    settled(journey, "counter", "refuse")
    take(journey, decline)
    countered(journey, "190.00", 2)
    settled(journey, "counter", "accept")
    insist(journey, lambda: None, lambda: journey.stage == "work")
    journey.fuse.armed = False
    take(journey, deliver, approve, accept)


def bargained_by_rule(journey: Doomed) -> None:
    """A little more is taken at once."""
    take(journey, brief)
    journey.fuse.armed = True
    taken = lambda: [gate for gate in sides(journey, "counter") if gate.status is Status.ANSWERED and not gate.owes]  # noqa: E731
    act = lambda: None if journey.stage != "assign" else ask(journey, "counter", page="proposal", amount="140.00")  # noqa: E731
    insist(journey, act, lambda: journey.stage == "work" and len(taken()) == 1)
    journey.fuse.armed = False
    take(journey, deliver, approve, accept)


def countered(journey: Doomed, amount: str, number: int) -> None:
    """A counter-proposal, until its gate stands and the seller has a mail."""
    known = lambda: [gate.mailed for gate in sides(journey, "counter")]  # noqa: E731
    act = lambda: None if len(known()) == number else ask(journey, "counter", page="proposal", amount=amount)  # noqa: E731
    insist(journey, act, lambda: known() == [True] * number)


def late_and_cancelled(journey: Doomed) -> None:
    """The work is late, the seller says nothing, the client cancels: everything goes back."""
    take(journey, brief, *WORK)
    silent(journey, "work")
    journey.fuse.armed = True
    the_seller_is_asked(journey)
    silent(journey, "late")
    settled(journey, "cancel_late", "cancel")


def late_and_given_away(journey: Doomed) -> None:
    """The work is late, the seller has somebody else do it."""
    take(journey, brief, *WORK)
    silent(journey, "work")
    the_seller_is_asked(journey)
    journey.fuse.armed = True
    settled(journey, "late", "reassign")
    take(journey, *WORK)
    journey.fuse.armed = False
    take(journey, deliver, approve, accept)


def beside(journey: Doomed, kind: str, **fields: str) -> None:
    """The form beside the work's own, until its gate stands and its owner has a mail."""
    insist(
        journey,
        lambda: None if sides(journey, kind) else ask(journey, kind, **fields),
        lambda: [gate.mailed for gate in sides(journey, kind)] == [True],
    )


def settled(journey: Doomed, kind: str, choice: str, note: str = "") -> None:
    """A side gate is answered, and everybody whom that concerns has a mail."""
    insist(
        journey,
        lambda: journey.answer(kind, choice, note),
        lambda: all(gate.status is Status.ANSWERED and not gate.owes for gate in sides(journey, kind)),
    )


def sides(journey: Doomed, kind: str) -> list[Gate]:
    """The side gates of this kind."""
    return [gate for gate in journey.gates if gate.id.kind.side and gate.id.kind.value == kind]


def paid_again_after_a_park(journey: Doomed) -> None:
    """Stripe refused the transfer for good: parked, put right, sent again as the next generation of one act."""
    take(journey, brief, *WORK, deliver, approve, accept)
    journey.fuse.armed = True
    deadline = journey.open_gate.deadline or journey.world.now()
    with refusing(journey.world):
        wait(journey, deadline + timedelta(minutes=11), lambda: journey.stage == "park")
    take(journey, lambda one: one.answer("park", "payout"))


def paid_once_the_account_is_ready(journey: Doomed) -> None:
    """The freelancer's account is not ready: the pay waits in its gate, they are asked, and it leaves by itself."""
    take(journey, brief, *WORK, deliver, approve, accept)
    journey.fuse.armed = True
    account_is(journey, "restricted")
    deadline = journey.open_gate.deadline or journey.world.now()
    asked = deadline + timedelta(hours=3)
    wait(journey, asked, lambda: [gate.mailed for gate in sides(journey, "onboarding")] == [True])
    account_is(journey, "active")
    wait(journey, journey.world.now() + timedelta(days=4), lambda: journey.order.completed is not None)


def account_is(journey: Doomed, transfers: str) -> None:
    """What the freelancer's account at Stripe may do."""
    seed(journey.world.sandbox.platform, Seed(INES, stripe_transfers=transfers))


def decline(journey: Journey) -> object:
    """Whoever is asked says no."""
    return journey.answer("proposal", "again")


ENDS = (
    demo,
    refund_as_a_right,
    cancelled_in_work,
    cancelled_while_somebody_is_asked,
    brief_unanswered,
    one_dropped_while_the_other_runs,
    silences,
    nobody_picks,
    picked,
    done_by_the_seller,
    bought_outside,
    two_asked_at_once,
    given_up,
    taken_away,
    asked_along_the_way,
    bargained,
    bargained_by_rule,
    late_and_cancelled,
    late_and_given_away,
    paid_again_after_a_park,
    paid_once_the_account_is_ready,
)


# What people do -------------------------------------------------------------------------------------------------------


def cancelled(journey: Doomed) -> None:
    """The seller cancels."""
    ports, why = journey.world.ports, "une bonne raison"
    commanded(
        journey,
        lambda: interrupt.cancel(ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason=why),
        lambda: journey.order.interrupt_seq == 1,
    )


def given_to_somebody_else(journey: Doomed) -> None:
    """The seller takes the work away, by their own wish."""
    ports, why = journey.world.ports, "une bonne raison"
    commanded(
        journey,
        lambda: reassign(ports, journey.id, "01", by="seller", why=LostWhy.SELLER, reason=why),
        lambda: journey.stage == "reassign" and len(asked(journey)) == 1,
    )


def commanded(journey: Doomed, command: Callable[[], object], done: Callable[[], bool]) -> None:
    """A command may die as well: whoever sees nothing done gives it again."""

    def act() -> None:
        met = (interrupt.NothingToCancelError, interrupt.InterruptMetError, NothingToReassignError)
        with journey.fuse.burning(), suppress(*met):
            command()
        journey.world.settle()

    insist(journey, act, done)


def take(journey: Doomed, *steps: Callable[[Journey], object]) -> None:
    """One step after the other, each until the order has moved."""
    for step in steps:
        before_it = (journey.stage, journey.order.ordinal, journey.milestone.ordinal)
        insist(
            journey,
            lambda step=step: step(journey),
            lambda was=before_it: (journey.stage, journey.order.ordinal, journey.milestone.ordinal) != was,
        )


def brief(journey: Journey) -> object:
    """The client answers the questions."""
    return journey.hand_in_brief()


def deliver(journey: Journey) -> object:
    """A version is handed in."""
    return journey.deliver()


WORK: tuple[Callable[[Journey], object], ...] = (lambda journey: journey.answer("proposal", "accepted"),)
REWORK: tuple[Callable[[Journey], object], ...] = (
    deliver,
    lambda journey: journey.answer("review", "rework", "Plus de contraste."),
    deliver,
)


def approve(journey: Journey) -> object:
    """The seller lets it through."""
    return journey.answer("review", "approve")


def revise(journey: Journey) -> object:
    """The client wants a change."""
    return journey.answer("acceptance", "revise", "Un vert plus clair.")


def accept(journey: Journey) -> object:
    """The client is happy."""
    return journey.answer("acceptance", "accept")


STEPS: tuple[Callable[[Journey], object], ...] = (*WORK, *REWORK, approve, revise, deliver, approve, accept)
"""The demo's order, from the proposal to the client's yes."""
MOVING = re.compile(
    r"(cs_test|pi|ch|txn|tr|re)_\w+|[0-9a-f]{12,}(?=-)|\d{4}-\d\d-\d\dT[\d:.+]+|\d{1,2}\xa0h(\xa0\d\d)?"
)


REMINDED = ("Rappel", "Brief sans réponse")
"""How the subject of a reminder begins, the seller's own of a brief too: claimed, then sent, so a death loses it.

Design: workflow section 4.
"""


def result(journey: Journey) -> CameTo:
    """All that an order came to, without what may differ: ids that are drawn, the minutes of a day, tokens."""
    world = journey.world

    def plain(value: Any) -> Any:
        match value:
            case str():
                return MOVING.sub("…", value.replace(journey.id, "<order>"))
            case dict():
                return {plain(name): plain(one) for name, one in value.items() if name not in {"due", "book"}}
            case list():
                return [plain(one) for one in value]
            case _:
                return value

    rows = [plain(row) for row in world.rows(f"O#{journey.id}") if not row["sk"].startswith("T#")]
    reminders = Counter(plain(mail.subject) for mail in world.mails if mail.subject.startswith(REMINDED))
    letters: dict[tuple[str, ...], set[str]] = {}
    for mail in world.mails:
        if mail.subject.startswith(REMINDED):
            continue
        letters.setdefault((mail.to, *(link for link in mail.links if "/g/" in link), mail.subject), set()).add(
            mail.body
        )
    return {
        "rows": sorted(rows, key=str),
        "hands": {row["sk"]: row["in_hand"] for row in world.rows("ROSTER") if "in_hand" in row},
        "scores": sorted((row["pk"], row["axis"], row["value"], row["cause"]) for row in world.rows() if "axis" in row),
        "announced": sorted((row["pk"], row["topic"]) for row in world.rows() if row["sk"].startswith("N#")),
        "sessions": len([row for row in world.rows() if row["pk"].startswith("S#") and row["order"] == journey.id]),
        "transfers": [(one["amount"], plain(one["metadata"])) for one in world.transfers()],
        "refunds": [
            (one["amount"], plain(dict(one["metadata"]))) for one in world.sandbox.platform.newest_first("refund")
        ],
        "letters": sorted((plain(key[0]), len(key), len(bodies)) for key, bodies in letters.items()),
        "runs": journey.order.run,
    }, reminders


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What is read once in a process (modules, templates, the shop) is read before the first copy is made."""
    play(Fuse(), lambda journey: take(journey, brief, *STEPS))


DEATHS = {"once": 1, "twice": 2}
CASES = [
    pytest.param(
        ends,
        part,
        parts,
        deaths,
        id=f"{ends.__name__}-{part}-{name}",
        marks=() if (ends, part, deaths) == (demo, 0, 1) else pytest.mark.dear,
    )
    for ends in ENDS
    for parts in [PARTS if ends is demo else 1]
    for part in range(parts)
    for name, deaths in DEATHS.items()
]


@pytest.mark.parametrize(("ends", "part", "parts", "deaths"), CASES)
def test_a_death_between_any_two_calls_ends_as_if_nothing_had_happened(
    ends: Callable[[Doomed], None], part: int, parts: int, deaths: int
) -> None:
    """Promise 2, place by place: same rows, entries, scores, places in hand, money moved; mails at most repeated.

    Who tries again may die at the same place again. A mail that is repeated is identical. A reminder may be lost, but
    is never sent twice.
    """
    fuse = Fuse(part, parts, deaths)
    expected, most = play(fuse, ends)
    assert fuse.places != []
    assert list(fuse.came_to) == [n for n in range(1, len(fuse.places) + 1) if n % parts == part]
    wrong = []
    for number, copy in fuse.came_to.items():
        place = f"{number}: {fuse.places[number - 1]}"
        match copy:
            case str():
                wrong.append((place, copy))
            case came_to, reminders:
                differs = {name for name in expected if came_to[name] != expected[name]}
                if differs or not reminders <= most:
                    wrong.append((place, differs))
    assert wrong == []
