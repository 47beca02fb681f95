"""The one door: whoever answers whatever gate, the answer is committed here with everything that it causes.

A step gate's answer moves the workflow (`gates.py`); a side gate's is one transaction, and what it owes follows.
"""

from __future__ import annotations

from typing import assert_never

from relais.gate import AlreadyAnsweredError, ChoiceNotOfferedError, Gate, Kind, Owed, Status
from relais.metrics import Metric
from relais.ports import ConditionFailedError, MailRefusedError, Ports
from relais.rows import Change, Write, equals, gate_key, merged
from relais.steps import gates, letters
from relais.steps.asking import TRIES, numbered
from relais.steps.decisions import Answer, ChoiceNotRoutedError, Effects
from relais.steps.gates import default_choice, send_first
from relais.steps.lateness import late_answered, missed_date_answered, more_time_answered
from relais.steps.leaving import agreement_answered
from relais.steps.rating import appeal_answered, rating_answered
from relais.steps.runs import resumed
from relais.steps.side import Caused, closing_writes, opening_writes, withdraw_side
from relais.steps.situation import Situation, over, read_gate, read_situation, sides_of
from relais.steps.talking import question_answered


def answer(ports: Ports, situation: Situation, gate: Gate, given: Answer, more: tuple[Write, ...] = ()) -> Gate:
    """Commit an answer with all it causes, then go on with what that owes. Returns the gate as decided.

    `more` is written with it. Raises `AlreadyAnsweredError` and `ChoiceNotOfferedError`.
    """
    if not gate.id.kind.side:
        return gates.answer(ports, situation, gate, given, Effects(writes=more) if more else None)
    caused, opened = _commit(ports, situation, gate, given, more)
    ports.counter.count(Metric.GATE_ANSWERED)
    try:
        if caused.then is not None:
            caused.then()
        for one in opened:
            send_first(ports, read_situation(ports, gate.order, gate.id.milestone), one)
        if caused.tells:
            tell_answer(ports, read_gate(ports, gate.order, str(gate.id)))
    except Exception as error:  # noqa: BLE001 - the decision stands and whoever gave it is told so; the clock goes on
        ports.note(error)
    return read_gate(ports, gate.order, str(gate.id))


def _commit(
    ports: Ports, situation: Situation, gate: Gate, given: Answer, more: tuple[Write, ...]
) -> tuple[Caused, tuple[Gate, ...]]:
    """Write the answer; one that meets another write is decided again on what stands there then."""
    for last in reversed(range(TRIES)):
        _check(ports, situation, gate, given)
        caused = decided(ports, situation, gate, given)
        opened = numbered(situation, sides_of(ports, situation), caused.opens) if caused.opens else ()
        closing = closing_writes(situation, gate, given, caused)
        try:
            ports.store.write(*merged(*closing, *opening_writes(situation, opened), *more))
        except ConditionFailedError:
            situation = read_situation(ports, gate.order, gate.id.milestone)
            gate = read_gate(ports, gate.order, str(gate.id))
            if last or gate.status is not Status.OPEN:
                continue
            raise
        else:
            return caused, opened
    raise AlreadyAnsweredError(gate)


def _check(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> None:
    if gate.status is not Status.OPEN:
        raise AlreadyAnsweredError(gate)
    if given.choice not in {*gate.choices, default_choice(gate)}:
        raise ChoiceNotOfferedError(gate, given.choice.value)
    if over(ports, situation, gate):
        withdraw_side(ports, gate)
        raise AlreadyAnsweredError(read_gate(ports, gate.order, str(gate.id)))


def decided(ports: Ports, situation: Situation, gate: Gate, given: Answer) -> Caused:
    """What an answer to a side gate does."""
    match gate.id.kind:
        case Kind.STUCK:
            return resumed(ports, situation)
        case Kind.LATE:
            return late_answered(ports, situation, gate, given)
        case Kind.MORE_TIME:
            return more_time_answered(ports, situation, gate, given)
        case Kind.QUESTION:
            return question_answered(ports, situation, gate, given)
        case Kind.COUNTER:
            # Rare, and it weighs margins: nothing else at the door loads what that takes.
            from relais.steps.counters import counter_answered

            return counter_answered(ports, situation, gate, given)
        case Kind.MESSAGE:
            from relais.steps.writing import message_answered  # likewise

            return message_answered(ports, situation, gate, given)
        case Kind.DISPUTE:
            from relais.steps.dispute_gate import dispute_answered  # likewise

            return dispute_answered(situation, gate, given)
        case Kind.CONFIRM:
            from relais.steps.confirming import confirm_answered  # likewise

            return confirm_answered(ports, gate, given)
        case Kind.OUTCOME:
            from relais.steps.outcomes import outcome_answered  # likewise

            return outcome_answered(ports, gate, given)
        case Kind.RATING:
            return rating_answered(ports, situation, gate, given)
        case Kind.APPEAL:
            return appeal_answered(situation, gate, given)
        case Kind.EXTRA:
            return Caused()  # going without changes nothing
        case Kind.AGREEMENT:
            return agreement_answered(ports, situation, gate, given)
        case Kind.CANCEL_LATE:
            return missed_date_answered(ports, situation, gate, given)
        case (
            Kind.BRIEF
            | Kind.PROPOSAL
            | Kind.START
            | Kind.WORK
            | Kind.REVIEW
            | Kind.ACCEPTANCE
            | Kind.REFUND_REQUEST
            | Kind.SETTLEMENT
            | Kind.HOLD
            | Kind.PAYOUT
            | Kind.PICK
            | Kind.REFUND
            | Kind.PARK
            | Kind.ONBOARDING
        ):
            raise ChoiceNotRoutedError(gate.id.kind, given.choice)
        case _:
            assert_never(gate.id.kind)


def tell_answer(ports: Ports, gate: Gate) -> bool:
    """Send the mails about a side gate's answer, then mark them sent; False where the post took none."""
    if Owed.MAIL.value not in gate.owes:
        return True
    situation = read_situation(ports, gate.order, gate.id.milestone)
    try:
        for letter in letters.told(ports, situation, gate):
            ports.mailer.send(letter)
    except MailRefusedError as refused:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        ports.note(refused)
        return False
    sent = Change(
        gate_key(gate.order, str(gate.id)),
        remove=("owes", "due", "due_shard"),
        guards=(equals("status", Status.ANSWERED.value),),
    )
    ports.store.write(sent)
    return True
