"""Opening a gate, and the one door its answers come through.

Opening is idempotent and may be repeated with a fresh token at any time; the door is one conditional transaction.
What a commit owes (a mail, a resume) is done right after it, and by the clock if that failed. Design: workflow
sections 1, 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from relais.errors import RelaisError
from relais.gate import (
    OWED_AFTER,
    AlreadyAnsweredError,
    Choice,
    ChoiceNotOfferedError,
    Default,
    Gate,
    GateId,
    Kind,
    Owed,
    Role,
    Status,
    Via,
    due_shard,
    gate_from_row,
    gate_row,
    next_due,
)
from relais.metrics import Metric
from relais.offer import Review
from relais.order import MilestoneStage, OrderStage, order_from_row, stamp
from relais.ports import ConditionFailedError, MailRefusedError, Ports
from relais.rows import (
    Change,
    Key,
    Put,
    Write,
    address_hash,
    below,
    equals,
    gate_key,
    milestone_key,
    order_key,
    present,
    token_key,
)
from relais.steps import letters
from relais.steps.contracts import contract
from relais.steps.decisions import Answer, Effects, decision_writes, not_asked, stage_after, steps_back, withdraw
from relais.steps.reach import address_of, look_again
from relais.steps.side import withdraw_moot
from relais.steps.situation import GateNotFoundError, Situation, find_gate, interrupted, read_gate, read_situation

if TYPE_CHECKING:
    from relais.act import Act

CANCELLED = "Cancelled"
"""The error that an interrupted gate fails its state with; caught by every gate, never retried."""
REASSIGNED = "Reassigned"
"""The error that a gate fails its state with when the work goes to somebody else; never retried."""
PARKED = "Parked"
"""The error that a parked gate fails its state with; never retried by the definition."""


FAILING = frozenset({Choice.PARK, Choice.CANCELLED, Choice.REASSIGNED})
BY_ERROR = FAILING | {Choice.GIVE_UP}
"""The answers that reach the state machine as errors: no list of outcomes names them."""
"""What no gate offers: it fails the state, which catches it."""


class SupersededError(RelaisError):
    """An older run asks to act for an order: it ends quietly. The name is known to the definition."""

    def __init__(self, order: str, run: int, current: int) -> None:
        """Keep both runs."""
        super().__init__(f"order {order}: run {run} is over, run {current} acts for it")
        self.order = order
        self.run = run
        self.current = current


class StageMismatchError(RelaisError):
    """The definition is at a state that the table is not at: the next run enters where the table is."""

    def __init__(self, order: str, asked: str, found: str) -> None:
        """Keep what was asked and what was found."""
        super().__init__(f"order {order} is at {found}, not at {asked}: run `relais order show {order}`")
        self.asked = asked
        self.found = found


@dataclass(frozen=True, slots=True, repr=False)
class GateCall:
    """What a state of the definition passes to the function that opens its gate. The list only grows."""

    order: str
    run: int
    milestone: str
    stage: str
    attempt: str
    token: str
    choices: tuple[str, ...] = ()
    """The outcomes that this state can route; empty where it does not say."""

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> GateCall:
        """Read what a state passed, whatever it passed besides: old definitions meet new code."""
        return cls(
            order=payload["order"],
            run=int(payload["run"]),
            milestone=payload["milestone"],
            stage=payload["stage"],
            attempt=payload["attempt"],
            token=payload["token"],
            choices=tuple(payload.get("choices", ())),
        )


def routed(gate: Gate, choices: tuple[str, ...]) -> Gate:
    """The gate with the answers that its state can route: one that came later than the running definition is left out.

    Silence then decides nothing where it would have answered so (design: workflow section 3).
    """
    if not choices:
        return gate
    kept = tuple(one for one in gate.choices if one.value in choices or one in BY_ERROR)
    silent = default_choice(gate)
    return replace(gate, choices=kept, default=gate.default if silent in {None, *kept, *BY_ERROR} else Default.STAY)


def fence(situation: Situation, run: int) -> None:
    """Refuse an older run. Raises `SupersededError`."""
    if run < situation.order.run:
        raise SupersededError(situation.order.id, run, situation.order.run)


def open_gate(ports: Ports, call: GateCall) -> None:
    """Open the gate of a state, store its token, and answer at once where the answer is known already."""
    situation = read_situation(ports, call.order, call.milestone)
    fence(situation, call.run)
    if resume_decided(ports, situation, call):
        return
    kind = Kind(call.stage)
    gate = find_gate(ports, situation, kind)
    if gate is None:
        more = (*park_writes(ports, situation, kind), *_resumes_settled(ports, situation, kind))
        gate = create(ports, situation, routed(contract(situation, kind, ports.link_keys.current), call.choices), more)
    after_opening(ports, situation, gate, call)


def resume_decided(ports: Ports, situation: Situation, call: GateCall) -> bool:
    """Whether the state asks for a gate that is decided already; if so its new token is answered with that decision.

    A state may run again after its gate was answered (a retry, a token timed out): the order has moved on, the last
    decision was its own. A park is entered from anywhere.
    """
    if situation.stage == call.stage:
        return False
    last = _last_of_state(ports, situation, call)
    if last is not None:
        answer_token(ports, last, call.token)
        return True
    if call.stage == Kind.PARK.value:
        return False
    raise StageMismatchError(situation.order.id, call.stage, situation.stage)


def _last_of_state(ports: Ports, situation: Situation, call: GateCall) -> Gate | None:
    if situation.last is None or _stage_of_id(situation.last) != call.stage:
        return None
    if call.stage == Kind.PARK.value and not _same_entry(ports, situation, call):
        return None
    row = ports.store.get(gate_key(situation.order.id, situation.last))
    return None if row is None else gate_from_row(row)


def _same_entry(ports: Ports, situation: Situation, call: GateCall) -> bool:
    """Whether the last gate's token came from this very entry of the state.

    A park may be entered anew, a retry is not a new one.
    """
    row = ports.store.get(token_key(situation.order.id, situation.last or ""))
    return row is not None and _entry(row["attempt"]) == _entry(call.attempt)


def _entry(attempt: str) -> str:
    return attempt.rpartition("#")[0]


def stage_of(kind: Kind, *, of_order: bool) -> str:
    """The stage at which a gate of this kind stands: their names agree, but for the proposal and the way out."""
    if kind is Kind.PROPOSAL:
        return OrderStage.ASSIGN.value if of_order else MilestoneStage.REASSIGN.value
    return OrderStage.UNWIND.value if kind is Kind.REFUND and of_order else kind.value


def _stage_of_id(gate: str) -> str:
    parsed = GateId.parse(gate)
    return stage_of(parsed.kind, of_order=parsed.of_order)


def create(ports: Ports, situation: Situation, gate: Gate, more: tuple[Write, ...] = ()) -> Gate:
    """Create the gate's row, with the mail it owes, and clear what the decision before it still owed.

    Of two openings at once one creates the row; the other finds it.
    """
    opened = owing(gate, situation)
    key = gate_key(gate.order, str(gate.id))
    try:
        ports.store.write(Put(key, gate_row(opened)), *cleared(situation), *more)
    except ConditionFailedError as failed:
        if failed.key != key:
            raise
        row = ports.store.get(key)
        if row is None:
            raise
        return gate_from_row(row)
    if opened.digested:
        awaits_digest(ports, situation)
    if gate.id.kind is Kind.PARK:
        ports.counter.count(Metric.PARKED)
    return opened


def awaits_digest(ports: Ports, situation: Situation) -> None:
    """A decision waits for the seller's digest: the next one is due. Lost here, the gate mails its own letter."""
    from relais.steps.digest import wake  # few shops want it

    wake(ports, situation.shop)


def owing(gate: Gate, situation: Situation) -> Gate:
    """A new gate with the mail that it owes, unless that is held back, and the instant at which the clock looks."""
    now = situation.now
    owes = {Owed.MAIL.value: 0} if letters.expected(gate) and gate.send_after is None else {}
    opened = replace(gate, owes=owes, due=now + OWED_AFTER if owes else next_due(gate, now))
    if not situation.shop.digest:
        return opened
    from relais.steps.digest import put_off  # few shops want it

    return put_off(situation, opened) if owes else opened


def cleared(situation: Situation) -> tuple[Write, ...]:
    """What the opening of the next gate settles: the resume owed by the last decision is done.

    A milestone's first gate follows a decision on the order itself.
    """
    before = situation.last or (None if situation.milestone is None else situation.order.last)
    if before is None:
        return ()
    last = gate_key(situation.order.id, before)
    return (Change(last, remove=("owes", "due", "due_shard"), guards=(present("pk"),)),)


def park_writes(ports: Ports, situation: Situation, kind: Kind) -> tuple[Write, ...]:
    """Entering a park from a state that failed.

    The stage moves to `park`, and the gate left open behind is withdrawn.
    """
    if kind is not Kind.PARK or situation.stage == Kind.PARK.value:
        return ()
    move = Change(
        situation.key,
        put={"stage": Kind.PARK.value, "parked_from": situation.stage, "parked_why": "engine"},
        guards=(equals("stage", situation.stage), equals("ordinal", situation.ordinal)),
    )
    writes: list[Write] = [move]
    for left in _gates_left_open(ports, situation):
        writes.append(withdraw(left))
        if left.id.kind is Kind.PROPOSAL and left.role is Role.FREELANCER:
            writes.append(not_asked(left))
    return tuple(writes)


def _resumes_settled(ports: Ports, situation: Situation, kind: Kind) -> tuple[Write, ...]:
    """Parking a whole order settles what its milestones' last decisions still owe: they go on by the way back."""
    if kind is not Kind.PARK or situation.milestone is not None:
        return ()
    rows = ports.store.query(f"O#{situation.order.id}", "M#")
    return tuple(
        Change(gate_key(situation.order.id, row["last"]), remove=("owes", "due", "due_shard"), guards=(present("pk"),))
        for row in rows
        if "last" in row
    )


def _gates_left_open(ports: Ports, situation: Situation) -> tuple[Gate, ...]:
    for kind in Kind:
        if stage_of(kind, of_order=situation.milestone is None) == situation.stage:
            gate = find_gate(ports, situation, kind)
            found = () if gate is None else (gate, *rivals_of(ports, gate))
            return tuple(one for one in found if one.status is Status.OPEN)
    return ()


def rivals_of(ports: Ports, gate: Gate) -> tuple[Gate, ...]:
    """The gates of the others who were asked the same at the same time, read consistently."""
    if gate.id.kind is not Kind.PROPOSAL or gate.role is not Role.FREELANCER:
        return ()
    prefix = gate_key(gate.order, str(replace(gate.id, seat=1))).sk
    found = [gate_from_row(row) for row in ports.store.query(f"O#{gate.order}", prefix)]
    return tuple(one for one in found if one.id != gate.id)


def after_opening(ports: Ports, situation: Situation, gate: Gate, call: GateCall) -> None:
    """Store the token, then look once more whether the gate was answered or the order interrupted meanwhile.

    A sweep that saw no gate yet has committed its interrupt before this reads the order. Then send what is owed.
    """
    keep_token(ports, gate, call)
    key, head = gate_key(gate.order, str(gate.id)), order_key(gate.order)
    rows = ports.store.get_many([key, head])
    if key not in rows:
        raise GateNotFoundError(gate.order, str(gate.id))
    now = gate_from_row(rows[key])
    situation = replace(situation, order=order_from_row(rows[head]))
    if now.status is not Status.OPEN:
        answer_token(ports, now, call.token)
        return
    if interrupted(situation) and interruptible(situation, now):
        answer(ports, situation, now, Answer(Choice.CANCELLED, "engine", Via.ENGINE))
        return
    if _answers_itself(situation, now):
        choice = Choice.BEGIN if now.id.kind is Kind.START else Choice.APPROVE
        answer(ports, situation, now, Answer(choice, "engine", Via.ENGINE))
        return
    if Owed.MAIL.value in now.owes:
        send_first(ports, situation, now)


def send_first(ports: Ports, situation: Situation, gate: Gate) -> None:
    """The first try. A mail that the post does not take fails no state: it stays owed, and the clock sends it."""
    if gate.digested:
        awaits_digest(ports, situation)
        return
    try:
        send_opening(ports, situation, gate)
    except MailRefusedError as refused:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        ports.note(refused)


def _answers_itself(situation: Situation, gate: Gate) -> bool:
    """Later versions of a trusted freelancer go straight to the client where the offer reviews the first one only.

    A milestone whose date has come while nobody had taken it yet begins at once.
    """
    milestone = situation.milestone
    if gate.id.kind is Kind.START:
        return gate.deadline is None or gate.deadline <= situation.now
    if gate.id.kind is not Kind.REVIEW or milestone is None:
        return False
    by_hand = milestone.engagement is not None and milestone.engagement.by_hand  # the seller has seen it
    trial = milestone.engagement is not None and milestone.engagement.trial  # every version of a trial is looked at
    trusted = situation.freelancer is not None and situation.freelancer.trusted and not trial
    first_only = situation.offer.policy.review is Review.FIRST_VERSION
    return by_hand or (first_only and trusted and milestone.revisions_used > 0)


def interruptible(situation: Situation, gate: Gate) -> bool:
    """Whether an interrupt answers this gate: a way out is not interrupted, and money under way arrives first."""
    if gate.id.kind is Kind.REFUND:
        return False
    return situation.milestone is None or situation.milestone.in_transit == 0


def keep_token(ports: Ports, gate: Gate, call: GateCall) -> None:
    """Keep a task token in its own row, if its attempt is newer than the one that is kept."""
    key = token_key(gate.order, str(gate.id))
    try:
        ports.store.write(
            Put(key, {"v": 1, "attempt": call.attempt, "token": call.token}, (below("attempt", call.attempt),))
        )
    except ConditionFailedError:
        return


def send_opening(ports: Ports, situation: Situation, gate: Gate) -> None:
    """Send the mails that announce a gate, then mark them sent: a crash between may repeat them, identical."""
    address = address_of(ports, situation, gate)
    for letter in letters.opening(ports, situation, gate):
        ports.mailer.send(letter)
    sent = replace(gate, mailed=True)
    due = next_due(sent, situation.now)
    to = {"mailed_to": address_hash(address)} if address else {}
    mark = Change(
        gate_key(gate.order, str(gate.id)),
        put={"mailed": True} | to | ({"due": stamp(due), "due_shard": due_shard(gate.order)} if due else {}),
        remove=("owes",) if due else ("owes", "due", "due_shard"),
        guards=(equals("status", Status.OPEN.value),),
    )
    try:
        ports.store.write(mark)
    except ConditionFailedError:
        return
    if address:
        look_again(ports, gate, address)


def answer(ports: Ports, situation: Situation, gate: Gate, given: Answer, extra: Effects | None = None) -> Gate:
    """The one door: commit the answer with all it causes, then resume the workflow. Returns the gate as decided.

    Raises `AlreadyAnsweredError` and `ChoiceNotOfferedError`.
    """
    if gate.status is not Status.OPEN:
        raise AlreadyAnsweredError(gate)
    if given.choice not in gate.choices and given.choice not in FAILING:
        raise ChoiceNotOfferedError(gate, given.choice.value)
    committed = _commit(ports, situation, gate, given, extra)
    if committed is None:
        again = read_situation(ports, gate.order, gate.id.milestone)
        return answer(ports, again, read_gate(ports, gate.order, str(gate.id)), given, extra)
    rivals = committed
    decided = read_gate(ports, gate.order, str(gate.id))
    ports.counter.count(Metric.GATE_ANSWERED)
    ended = situation.milestones and stage_after(gate, given.choice, situation.parked_from) == MilestoneStage.CLOSED
    try:
        if ended:
            end(ports, decided)
        elif not steps_back(gate, given.choice, rivals):
            resume(ports, decided)
        for rival in rivals:
            tell_taken(ports, situation, read_gate(ports, rival.order, str(rival.id)))
        if (situation.milestone or situation.order).sides:
            withdraw_moot(ports, gate.order, gate.id.milestone)
    except Exception as error:  # noqa: BLE001 - the decision stands and whoever gave it is told so; the clock resumes
        ports.note(error)
    return decided


def _commit(
    ports: Ports, situation: Situation, gate: Gate, given: Answer, extra: Effects | None
) -> tuple[Gate, ...] | None:
    """Write the answer; returns the rivals it met, or None where a sibling moved: then it is decided again.

    A rival who answers at the same instant makes it look once more.
    """
    rivals = _open_rivals(ports, gate)
    while True:
        try:
            ports.store.write(*decision_writes(situation, gate, given, extra, rivals))
        except ConditionFailedError as failed:
            now = read_gate(ports, gate.order, str(gate.id))
            if now.status is not Status.OPEN:
                raise AlreadyAnsweredError(now) from None
            if _of_a_sibling(situation, failed.key):
                return None
            still = _open_rivals(ports, gate)
            if len(still) == len(rivals):
                raise
            rivals = still
        else:
            return rivals


def _open_rivals(ports: Ports, gate: Gate) -> tuple[Gate, ...]:
    return tuple(one for one in rivals_of(ports, gate) if one.status is Status.OPEN)


def tell_taken(ports: Ports, situation: Situation, gate: Gate) -> None:
    """Tell somebody whose proposal another was faster to accept, then mark it told.

    A mail that the post refuses stays owed, and the clock sends it.
    """
    if gate.status is not Status.WITHDRAWN or Owed.MAIL.value not in gate.owes:
        return
    try:
        ports.mailer.send(letters.taken(ports, situation, gate))
    except MailRefusedError:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        return
    told = Change(gate_key(gate.order, str(gate.id)), remove=("owes", "due", "due_shard"), guards=(present("owes"),))
    try:
        ports.store.write(told)
    except ConditionFailedError:
        return


def _of_a_sibling(situation: Situation, key: Key) -> bool:
    """Whether another milestone of the order moved meanwhile: this one's answer is then decided again."""
    return any(key == milestone_key(situation.order.id, one.number) for one in situation.siblings)


def end(ports: Ports, gate: Gate) -> bool:
    """One of several milestones has ended: its people are told, and its state goes on while the others run.

    No gate follows that would settle what its last decision owes: it is settled here, or by the order's end. False
    where the post took no mail: the clock comes back.
    """
    told = told_of_end(ports, gate.order, str(gate.id))
    resume(ports, gate)
    if told and read_situation(ports, gate.order, gate.id.milestone).siblings:
        key = gate_key(gate.order, str(gate.id))
        ports.store.write(Change(key, remove=("owes", "due", "due_shard"), guards=(present("pk"),)))
    return told


def told_of_end(ports: Ports, order: str, last: str) -> bool:
    """Tell those whom the end of one of several milestones concerns, then mark its last gate.

    False if the post refuses.
    """
    key = gate_key(order, last)
    row = ports.store.get(key)
    if row is None or "told" in row:
        return True
    situation = read_situation(ports, order, GateId.parse(last).milestone)
    try:
        for letter in letters.milestone_ended(ports, situation):
            ports.mailer.send(letter)
    except MailRefusedError:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        return False
    ports.store.write(Change(key, put={"told": True}, guards=(present("pk"),)))
    return True


def resume(ports: Ports, gate: Gate) -> None:
    """Send a decision to the state that waits for it, by the newest token. Done only when the next gate exists."""
    row = ports.store.get(token_key(gate.order, str(gate.id)))
    if row is not None:
        answer_token(ports, gate, row["token"])


def answer_token(ports: Ports, gate: Gate, token: str) -> None:
    """Answer one token with a gate's decision; a gate withdrawn by a park fails its state into the park."""
    decision = gate.decision
    if decision is None or decision.choice is Choice.PARK:
        ports.machine.fail(token, PARKED, f"gate {gate.id} was not answered")
        return
    if decision.choice is Choice.CANCELLED:
        ports.machine.fail(token, CANCELLED, f"gate {gate.id} was interrupted")
        return
    if decision.choice in {Choice.REASSIGNED, Choice.GIVE_UP}:
        ports.machine.fail(token, REASSIGNED, f"gate {gate.id}: the work goes to somebody else")
        return
    ports.machine.succeed(token, decision.choice.value)


def park_act(ports: Ports, situation: Situation, gate: Gate, act: Act) -> None:
    """Hand an act that ended badly to the seller: the milestone (or the order) parks."""
    from relais.act import NOT_CONFIRMED, ActState  # gates of people never move money

    state = "kept" if act.why == NOT_CONFIRMED else "refused" if act.state is ActState.REFUSED else "unknown"
    answer(
        ports, situation, gate, Answer(Choice.PARK, "engine", Via.ENGINE, facts={"why": f"{act.kind.value}_{state}"})
    )


def default_choice(gate: Gate) -> Choice | None:
    """What silence answers, or nothing where it does not decide."""
    match gate.default:
        case Default.STAY:
            return None
        case Default.AGAIN:
            return Choice.AGAIN
        case Default.BEGIN:
            return Choice.BEGIN
        case Default.ACCEPT:
            return Choice.ACCEPT
        case Default.RELEASE:
            return Choice.RELEASE
        case Default.REFUND:
            return Choice.REFUND
        case Default.CANCEL:
            return Choice.CANCELLED
        case Default.LAPSE:
            return Choice.LAPSED
        case Default.TAKE:
            return Choice.TAKE
        case Default.ASK_CLIENT:
            return Choice.ASK_CLIENT
        case Default.REFUSE:
            return Choice.REFUSE
        case Default.GRANT:
            return Choice.GRANT
        case Default.GO_ON:
            return Choice.GO_ON
        case Default.SEND:
            return Choice.SEND


def order_due(order: str, at: datetime) -> Change:
    """When the clock looks at an order's head again."""
    return Change(order_key(order), put={"due": stamp(at), "due_shard": due_shard(order)}, guards=(present("pk"),))


def person_owned(gate: Gate) -> bool:
    """Whether a person, not the clock or the engine, owns it."""
    return gate.role in {Role.CLIENT, Role.SELLER, Role.FREELANCER}
