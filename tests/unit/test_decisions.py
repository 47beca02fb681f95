"""Where each answer leads and what it writes: for every kind of gate and each of its choices (workflow 1, 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.gate import SIDE, Choice, ChoiceNotOfferedError, Gate, GateId, Kind, Role, Status, Via
from relais.ledger import Entry
from relais.order import MilestoneStage, OrderStage
from relais.rows import Change, Check, Put, Test, Write, below, contains, equals, gate_key, order_key
from relais.steps.contracts import contract
from relais.steps.decisions import Answer, ChoiceNotRoutedError, decision_writes, stage_after
from relais.steps.gates import answer, default_choice, open_gate
from relais.steps.situation import Situation, read_situation
from tests.support.doubles import FakePorts
from tests.support.orders import Play, open_shop

STAGES = {stage.value for stage in OrderStage} | {stage.value for stage in MilestoneStage}
FACTS: dict[str, Any] = {
    "why": "late",
    "text": "texts/brief",
    "files": [],
    "freelancer": "somebody",
    "spent": 9_500,
    "bought_at": "a platform",
    "receipt": "R-17",
    "until": "2026-12-01T08:00:00+00:00",
    "cause": "brief_not_met",
    "amount": 6_000,
}
MOST_ACTIONS = 10
ROUTED = {
    Kind.BRIEF: {Choice.HAND_IN},
    Kind.PROPOSAL: {Choice.ACCEPTED, Choice.AGAIN, Choice.EXHAUSTED},
    Kind.PICK: {Choice.PICKED, Choice.SELF, Choice.OUTSIDE, Choice.WAIT, Choice.REFUND},
    Kind.START: {Choice.BEGIN},
    Kind.WORK: {Choice.DELIVER, Choice.GIVE_UP},
    Kind.REVIEW: {Choice.APPROVE, Choice.REWORK, Choice.REASSIGN},
    Kind.ACCEPTANCE: {Choice.ACCEPT, Choice.REVISE, Choice.REFUND, Choice.REQUEST},
    Kind.REFUND_REQUEST: {Choice.FULL, Choice.PART, Choice.CONTEST, Choice.LAPSED},
    Kind.SETTLEMENT: {Choice.TAKE, Choice.ACCEPT, Choice.REVISE},
    Kind.HOLD: {Choice.RELEASE, Choice.REOPEN},
    Kind.PAYOUT: {Choice.PAID, Choice.NOTHING_DUE},
    Kind.REFUND: {Choice.REFUNDED, Choice.REFUNDED_AND_PAY},
    Kind.PARK: {
        Choice.RETRY,
        Choice.START,
        Choice.WORK,
        Choice.REVIEW,
        Choice.ACCEPTANCE,
        Choice.REFUND_REQUEST,
        Choice.SETTLEMENT,
        Choice.HOLD,
        Choice.PAYOUT,
        Choice.REFUND,
        Choice.REASSIGN,
        Choice.PICK,
        Choice.CLOSED,
    },
    **{kind: set() for kind in SIDE},
}
"""What the table of workflow.md section 1 routes, as far as it exists; `PARK` and `CANCELLED` fail any state."""
FAILING = {Choice.PARK, Choice.CANCELLED, Choice.REASSIGNED}
"""What no gate offers: it fails the state, which catches it."""


@dataclass(frozen=True)
class Case:
    """An open gate, as the real steps opened it, and what it sees."""

    situation: Situation
    gate: Gate

    def writes(self, choice: Choice, via: Via = Via.LINK) -> tuple[Write, ...]:
        """The one transaction of an answer."""
        return decision_writes(self.situation, self.gate, Answer(choice, "somebody", via, facts=FACTS))

    @property
    def key(self) -> Any:
        return gate_key(self.gate.order, str(self.gate.id))


def bring(kind: Kind) -> Case:
    """An order to the open gate of a kind; gates that answer themselves are taken as they open."""
    ports = FakePorts()
    open_shop(ports, capacity=0 if kind is Kind.PICK else 9)
    play = Play(ports)
    match kind:
        case Kind.PAYOUT:
            play.until_payout()
        case Kind.REFUND:
            play.until(Kind.WORK)
            play.cancel()
        case Kind.START:
            play.until(Kind.WORK)
            situation = waiting(play.situation(Kind.WORK))
            return Case(situation, contract(situation, kind, "k1"))
        case Kind.PICK:
            play.until_exhausted()
            gate = play.open(kind)
            return Case(play.situation(kind), gate)
        case Kind.REFUND_REQUEST | Kind.SETTLEMENT:
            play.until(Kind.ACCEPTANCE)
            gate = play.ask_back(kind)
            return Case(play.situation(kind), gate)
        case Kind.PARK:
            play.until(Kind.BRIEF)
            gate = play.open_parked()
            return Case(read_situation(ports, play.id, "00"), gate)
        case _:
            gate = play.until(kind)
            return Case(play.situation(kind), gate)
    situation = play.situation(kind)
    return Case(situation, contract(situation, kind, "k1"))


def waiting(situation: Situation) -> Situation:
    """The same milestone while it waits for a date of its own."""
    milestone = situation.milestone
    assert milestone is not None
    starts = situation.now + timedelta(days=7)
    return replace(situation, milestone=replace(milestone, stage=MilestoneStage.START, starts=starts))


@cache
def cases() -> tuple[Case, ...]:
    """Every kind of gate of the workflow, open."""
    return tuple(bring(kind) for kind in Kind if kind not in SIDE)


def ways_out() -> Iterator[Case]:
    """The last version before a client whose changes are used up, and an order that gives back before its work."""
    ports = FakePorts()
    open_shop(ports)
    play = Play(ports)
    play.until(Kind.ACCEPTANCE)
    play.use_up_revisions()
    yield Case(play.situation(Kind.ACCEPTANCE), play.gate(Kind.ACCEPTANCE))
    ports = FakePorts()
    open_shop(ports)
    play = Play(ports)
    play.until(Kind.BRIEF)
    play.cancel()
    situation = read_situation(ports, play.id, "00")
    yield Case(situation, contract(situation, Kind.REFUND, "k1"))


def parked_milestones() -> Iterator[Case]:
    """A milestone parked from each of its stages: each offers other ways back."""
    refunding = bring(Kind.REFUND).situation
    milestone = refunding.milestone
    assert milestone is not None
    parked = replace(milestone, stage=MilestoneStage.PARK, parked_from="refund", parked_why="refund_refused")
    refunding = replace(refunding, milestone=parked)
    yield Case(refunding, contract(refunding, Kind.PARK, "k1"))
    started = bring(Kind.START).situation
    assert started.milestone is not None
    parked = replace(started.milestone, stage=MilestoneStage.PARK, parked_from="start", parked_why="engine")
    started = replace(started, milestone=parked)
    yield Case(started, contract(started, Kind.PARK, "k1"))
    for kind in (Kind.WORK, Kind.REVIEW, Kind.ACCEPTANCE, Kind.HOLD):
        ports = FakePorts()
        open_shop(ports)
        play = Play(ports)
        gate = play.until(kind)
        answer(ports, play.situation(kind), gate, Answer(Choice.PARK, "engine", Via.ENGINE, facts={"why": "test"}))
        yield Case(play.situation(Kind.PARK), play.open(Kind.PARK))


def all_cases() -> list[Case]:
    return [*cases(), *ways_out(), *parked_milestones()]


def name(case: Case) -> str:
    level = f"{case.gate.id.milestone}-{case.gate.id.kind}"
    return f"{level}-from-{case.situation.parked_from}" if case.situation.parked_from else level


CASES = all_cases()
OFFERED = [pytest.param(case, choice, id=f"{name(case)}-{choice}") for case in CASES for choice in case.gate.choices]
NOT_ROUTED = [
    (number, kind, choice)
    for number in ("00", "01")
    for kind in Kind
    for choice in Choice
    if choice not in ROUTED[kind] | FAILING
]


def guards_of(writes: tuple[Write, ...], key: Any) -> set[Any]:
    return {(guard.attribute, guard.test, guard.value) for one in writes if one.key == key for guard in one.guards}


def triple(guard: Any) -> tuple[Any, Any, Any]:
    return (guard.attribute, guard.test, guard.value)


def test_every_kind_is_looked_at() -> None:
    """A kind that comes with later work has to come with its cases."""
    assert {case.gate.id.kind for case in CASES} | SIDE == set(Kind) == set(ROUTED)
    assert all(case.gate.status is Status.OPEN for case in CASES)


@pytest.mark.parametrize(("case", "choice"), OFFERED)
def test_every_offered_choice_leads_to_a_stage(case: Case, choice: Choice) -> None:
    """A gate that offers what nothing routes would end the run of whoever presses it."""
    assert choice in ROUTED[case.gate.id.kind]
    assert stage_after(case.gate, choice, case.situation.parked_from) in STAGES


@pytest.mark.parametrize("case", CASES, ids=name)
def test_every_gate_can_be_parked(case: Case) -> None:
    """What no rule answers, a person does (promise 7)."""
    assert stage_after(case.gate, Choice.PARK, None) == "park"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_cancellation_leads_every_gate_to_the_way_out_of_its_level(case: Case) -> None:
    """A milestone gives its share back, an order before its work all that it holds (design: workflow 2)."""
    assert stage_after(case.gate, Choice.CANCELLED, None) == ("unwind" if case.gate.id.of_order else "refund")


def test_a_side_gate_is_answered_by_no_decision() -> None:
    """Nobody waits with a token for it: its answer goes another way, and never through this one."""
    case = cases()[0]
    for kind in SIDE:
        gate = replace(case.gate, id=GateId("00", kind, 1), choices=tuple(Choice))
        for choice in Choice:
            if choice not in FAILING:
                with pytest.raises(ChoiceNotRoutedError):
                    decision_writes(case.situation, gate, Answer(choice, "somebody", Via.LINK, facts=FACTS))


@pytest.mark.parametrize("refused_kind", Kind)
def test_a_combination_that_is_not_routed_is_refused(refused_kind: Kind) -> None:
    """Neither a forged form nor a mistake of ours can move an order somewhere by it."""
    for number, kind, choice in NOT_ROUTED:
        if kind is not refused_kind:
            continue
        gate = replace(CASES[0].gate, id=GateId(number, kind, 1), choices=tuple(Choice))
        with pytest.raises(ChoiceNotRoutedError) as refused:
            stage_after(gate, choice, "work")
        assert (refused.value.kind, refused.value.choice) == (kind, choice)


def test_a_retry_without_a_way_back_is_refused() -> None:
    """A park that forgot where it came from has to be answered with a stage."""
    gate = replace(CASES[0].gate, id=GateId("00", Kind.PARK, 1))
    with pytest.raises(ChoiceNotRoutedError):
        stage_after(gate, Choice.RETRY, None)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_choice_that_is_not_offered_writes_nothing(case: Case) -> None:
    """The page offers some, the form may hold any."""
    for choice in set(Choice) - {*case.gate.choices, *FAILING}:
        ports = FakePorts()
        with pytest.raises(ChoiceNotOfferedError):
            answer(ports, case.situation, case.gate, Answer(choice, "somebody", Via.LINK, facts=FACTS))
        assert ports.store.query(f"O#{case.gate.order}") == [], choice


@pytest.mark.parametrize(("case", "choice"), OFFERED)
def test_nothing_is_written_without_the_gate_being_open(case: Case, choice: Choice) -> None:
    """The one condition that makes a decision happen once (design: workflow 5)."""
    for via in Via:
        guards = guards_of(case.writes(choice, via), case.key)
        assert triple(equals("status", "open")) in guards, via
        if via is Via.CLOCK and case.gate.due is not None:
            assert "due" in {attribute for attribute, _, _ in guards}
        else:
            assert triple(contains("choices", choice.value)) in guards, via


@pytest.mark.parametrize(("case", "choice"), OFFERED)
def test_what_advances_is_bound_to_where_it_stood(case: Case, choice: Choice) -> None:
    """An answer to a gate of yesterday must not move an order that went another way since."""
    guards = guards_of(case.writes(choice), case.situation.key)
    assert triple(equals("stage", case.situation.stage)) in guards
    assert triple(equals("ordinal", case.gate.id.ordinal)) in guards


@pytest.mark.parametrize(("case", "choice"), OFFERED)
def test_a_decision_is_one_transaction_that_the_table_takes(case: Case, choice: Choice) -> None:
    """Ten actions at most, each on a row of its own, none of them touching one attribute twice."""
    writes = case.writes(choice)
    assert len(writes) <= MOST_ACTIONS
    assert max(Counter(one.key for one in writes).values()) == 1
    for one in writes:
        assert one.guards or isinstance(one, Put)
        if isinstance(one, Change):
            touched = [*one.put, *one.add, *(each for each in one.remove if each not in one.put)]
            assert max(Counter(touched).values(), default=1) == 1


@pytest.mark.parametrize(("case", "choice"), OFFERED)
def test_a_decision_is_its_own_audit_and_owes_the_resume(case: Case, choice: Choice) -> None:
    """Who, when and how stand on the gate; the clock finds what was not resumed."""
    close = next(one for one in case.writes(choice) if one.key == case.key)
    assert isinstance(close, Change)
    assert close.put["status"] == "answered"
    assert close.put["decision"]["by"] == "somebody"
    assert close.put["owes"] == {"resume": 0}
    assert {"due", "due_shard"} <= set(close.put)
    assert {"desk", "desk_due"} <= set(close.remove)


@pytest.mark.parametrize(("case", "choice"), OFFERED)
def test_what_moves_or_promises_money_looks_for_an_interrupt(case: Case, choice: Choice) -> None:
    """A cancellation decided a second ago has to win over the promise (design: workflow 2)."""
    writes = case.writes(choice)
    promises = any(isinstance(one, Put) and one.key.sk.startswith("L#") for one in writes) or any(
        isinstance(one, Change) and "left_to_send" in {*one.put, *one.add} for one in writes
    )
    looked = any(attribute == "interrupt_seq" for attribute, _, _ in guards_of(writes, order_key(case.gate.order)))
    assert looked or not promises
    if choice in {Choice.ACCEPTED, Choice.ACCEPT}:
        assert promises
    if (case.gate.id.kind, choice) == (Kind.ACCEPTANCE, Choice.REFUND):
        assert looked


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_cancellation_waits_for_money_that_is_under_way(case: Case) -> None:
    """A transfer that was planned a second ago arrives first: the way out must not find half of it (workflow 2)."""
    writes = case.writes(Choice.CANCELLED)
    assert max(Counter(one.key for one in writes).values()) == 1
    asked = guards_of(writes, case.situation.key)
    assert (triple(equals("in_transit", 0)) in asked) is not case.gate.id.of_order


def test_the_right_to_a_refund_exists_only_when_no_change_is_left() -> None:
    """A page from before the last change was used must not give the money back (promise 5)."""
    case = next(case for case in CASES if Choice.REFUND in case.gate.choices and case.gate.id.kind is Kind.ACCEPTANCE)
    assert Choice.REVISE not in case.gate.choices
    assert triple(below("revisions_left", 1)) in guards_of(case.writes(Choice.REFUND), case.situation.key)
    policy = replace(case.situation.offer.policy, refund_right=False)
    without = replace(case.situation, offer=replace(case.situation.offer, policy=policy))
    assert Choice.REFUND not in contract(without, Kind.ACCEPTANCE, "k1").choices


def acceptance() -> Case:
    return next(case for case in CASES if case.gate.id.kind is Kind.ACCEPTANCE)


@given(price=st.integers(1, 10**8), cost=st.integers(1, 10**8), via=st.sampled_from([Via.LINK, Via.CLOCK]))
def test_what_an_acceptance_books_balances(price: int, cost: int, via: Via) -> None:
    """The client's money is earned, the freelancer's is owed: to the cent, whatever they are."""
    case = acceptance()
    milestone = case.situation.milestone
    assert milestone is not None
    assert milestone.engagement is not None
    engaged = replace(milestone, price=price, engagement=replace(milestone.engagement, agreed=cost))
    moved = replace(case, situation=replace(case.situation, milestone=engaged))
    (put,) = [one for one in moved.writes(Choice.ACCEPT, via) if isinstance(one, Put)]
    entry = Entry.from_row(put.row)
    assert sum(posting.amount for posting in entry.postings) == 0
    amounts = {str(posting.account).split(".")[0]: posting.amount for posting in entry.postings}
    assert amounts == {"client_funds": price, "revenue": -price, "cost": cost, "payable": -cost}
    assert triple(put.guards[0]) == ("pk", Test.ABSENT, None)


@given(left=st.integers(0, 5))
def test_a_revision_is_taken_from_what_is_left(left: int) -> None:
    """The last one cannot be used twice, however often the page is open."""
    case = acceptance()
    milestone = case.situation.milestone
    assert milestone is not None
    moved = replace(case, situation=replace(case.situation, milestone=replace(milestone, revisions_left=left)))
    advance = next(one for one in moved.writes(Choice.REVISE) if one.key == case.situation.key)
    assert isinstance(advance, Change)
    assert advance.add == {"revisions_left": -1, "revisions_used": 1}
    assert ("revisions_left", Test.AT_LEAST, 1) in {triple(guard) for guard in advance.guards}
    offered = contract(moved.situation, Kind.ACCEPTANCE, "k1").choices
    assert (Choice.REVISE in offered) == (left > 0)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_contract_names_who_acts_until_when_and_what_silence_means(case: Case) -> None:
    """Promise 3: nobody waits without a date, and every reminder comes before it."""
    gate = case.gate
    assert gate.choices
    assert gate.owner
    assert gate.deadline is not None
    assert gate.opened < gate.deadline
    assert list(gate.reminders) == sorted(gate.reminders)
    assert all(gate.opened < at < gate.deadline for at in gate.reminders)
    assert gate.deadline - gate.opened < timedelta(days=30)
    assert gate.role in set(Role)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_checks_and_guards_never_ask_for_what_they_write_away(case: Case) -> None:
    """A check stands on a row that is not written, or DynamoDB refuses the whole transaction."""
    for choice in case.gate.choices:
        writes = case.writes(choice)
        written = {one.key for one in writes if not isinstance(one, Check)}
        assert not written & {one.key for one in writes if isinstance(one, Check)}


@pytest.mark.parametrize(("kind", "lacks"), [(Kind.REVIEW, Choice.REASSIGN), (Kind.ACCEPTANCE, Choice.ACCEPT)])
def test_an_order_on_an_older_definition_is_not_offered_what_that_cannot_route(kind: Kind, lacks: Choice) -> None:
    """An answer of today's code would park an order that started yesterday; silence must not give it either."""
    ports = FakePorts()
    open_shop(ports)
    play = Play(ports)
    play.until({Kind.REVIEW: Kind.WORK, Kind.ACCEPTANCE: Kind.REVIEW}[kind])
    if kind is Kind.REVIEW:
        play.answer(Kind.WORK, Choice.DELIVER, files=[])
    else:
        play.answer(Kind.REVIEW, Choice.APPROVE)
    older = tuple(one.value for one in ROUTED[kind] - {lacks})
    open_gate(play.ports, replace(play.call(kind), choices=older))
    gate = play.gate(kind)
    assert {lacks, default_choice(gate)} & set(gate.choices) == set()
    assert set(gate.choices) < ROUTED[kind]


def test_giving_back_the_work_is_an_error_to_the_definition_and_stays_offered() -> None:
    """No list of outcomes names it: every state catches it."""
    ports = FakePorts()
    open_shop(ports)
    play = Play(ports)
    play.until(Kind.PROPOSAL)
    play.answer(Kind.PROPOSAL, Choice.ACCEPTED)
    open_gate(play.ports, replace(play.call(Kind.WORK), choices=("deliver",)))
    assert set(play.gate(Kind.WORK).choices) == ROUTED[Kind.WORK]
