"""What the seller corrects or gives by hand on an order: name, billing, one more revision, the end of what is settled.

Design: people 3. Addresses are corrected in `intake`, briefs in `in_name`, dates in `dates`.
"""

from __future__ import annotations

from dataclasses import replace

from relais.calendar import Duration, due_after
from relais.deed import CLIENT, What
from relais.gate import Choice, Gate, Kind, Role, Status, Via, due_shard, gate_from_row, next_due
from relais.order import ORDER_LEVEL, Milestone, MilestoneStage, OrderStage, stamp
from relais.ports import ConditionFailedError, Ports
from relais.rows import Change, Check, Write, absent, equals, gate_key, order_key
from relais.steps.decisions import Answer, not_interrupted
from relais.steps.deeds import ForbiddenByHandError, checked, deed
from relais.steps.door import answer
from relais.steps.situation import Situation, find_gate, interrupted, read_situation
from relais.steps.texts import keep_text

NAME_LIMIT = 200
BILLING_LIMIT = 500
MOST_GIFTS = 3
"""So many revisions are given for one milestone; more of them is another order, or a refund."""
TIME_TO_USE = Duration.parse("2 wd")
"""At least so long a client has to use a revision that was given to them."""
BEFORE_ACCEPTANCE = frozenset(
    {MilestoneStage.START, MilestoneStage.WORK, MilestoneStage.REVIEW, MilestoneStage.ACCEPTANCE}
)
MEANWHILE = "it moved on meanwhile: look, then do it again"


def correct_name(ports: Ports, order_id: str, name: str, *, reason: str) -> None:
    """Correct a client's name. Raises `OrderNotFoundError`, `ForbiddenByHandError`, `ReasonMissingError`."""
    said, corrected = checked(reason), " ".join(name.split())
    if not corrected or len(corrected) > NAME_LIMIT:
        raise ForbiddenByHandError(order_id, f"a name has between 1 and {NAME_LIMIT} characters")
    _on_head(ports, order_id, What.NAME, said, {"client_name": corrected})


def correct_billing(ports: Ports, order_id: str, to: str, *, reason: str) -> None:
    """Keep to whom a client wants it billed: company, address, VAT number, in their words.

    What they are in law stays: a consumer keeps a consumer's rights whoever is billed. Raises `OrderNotFoundError`,
    `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said, corrected = checked(reason), to.strip()
    if not corrected or len(corrected) > BILLING_LIMIT:
        raise ForbiddenByHandError(order_id, f"a billing identity has between 1 and {BILLING_LIMIT} characters")
    _on_head(ports, order_id, What.BILLING, said, {"billing": keep_text(ports, order_id, "billing", corrected)})


def _on_head(ports: Ports, order_id: str, what: What, reason: str, put: dict[str, str]) -> None:
    """Correct what stands on an order's head as it was read; its client is told."""
    situation = read_situation(ports, order_id, ORDER_LEVEL)
    if situation.order.stage is OrderStage.DRAFT:
        raise ForbiddenByHandError(order_id, "nobody has paid it: the checkout asks for the client's own details")
    (name,) = put
    before = getattr(situation.order, name)
    as_read = absent(name) if before is None else equals(name, before)
    told = deed(ports, situation, what, reason, tells=(CLIENT,))
    try:
        ports.store.write(Change(order_key(order_id), put=put, guards=(as_read,)), told.write)
    except ConditionFailedError:
        raise ForbiddenByHandError(order_id, MEANWHILE) from None


# One more revision --------------------------------------------------------------------------------------------------


def give_revision(ports: Ports, order_id: str, number: str, *, reason: str) -> Milestone:
    """Give a client one more change, free; a right to a refund that they have reached already stays theirs.

    At an open acceptance it can be asked for at once. Returns the milestone as it was before. Raises
    `OrderNotFoundError`, `ForbiddenByHandError`, `ReasonMissingError`.
    """
    said = checked(reason)
    situation = read_situation(ports, order_id, number)
    milestone = situation.milestone
    if milestone is None or milestone.stage not in BEFORE_ACCEPTANCE or interrupted(situation):
        raise ForbiddenByHandError(
            order_id,
            f"milestone {number} is at {situation.stage}: a revision is given until the client accepts; what is "
            "accepted is reopened first (`relais order reopen`)",
        )
    if milestone.gifts >= MOST_GIFTS:
        raise ForbiddenByHandError(order_id, f"{MOST_GIFTS} revisions were given for milestone {number} already")
    told = deed(ports, situation, What.REVISION, said, tells=(CLIENT,))
    given = Change(
        situation.key,
        put={"gifts": milestone.gifts + 1},
        add={"revisions_left": 1},
        guards=(
            absent("gifts") if not milestone.gifts else equals("gifts", milestone.gifts),
            equals("stage", milestone.stage.value),
            equals("ordinal", milestone.ordinal),
            absent("interrupt"),
        ),
    )
    head = Check(order_key(order_id), (not_interrupted(situation),))
    try:
        ports.store.write(given, head, *_offered(ports, situation), told.write)
    except ConditionFailedError:
        raise ForbiddenByHandError(order_id, MEANWHILE) from None
    return milestone


def _offered(ports: Ports, situation: Situation) -> tuple[Write, ...]:
    """The open acceptance offers it as well, with time left to use it."""
    gate = find_gate(ports, situation, Kind.ACCEPTANCE)
    if gate is None or gate.status is not Status.OPEN or gate.deadline is None:
        return ()
    choices = [one.value for one in gate.choices]
    if Choice.REVISE not in gate.choices:
        choices.insert(1, Choice.REVISE.value)
    until = max(gate.deadline, due_after(TIME_TO_USE, situation.now, situation.client_calendar))
    left = int(gate.shown.get("revisions_left", 0)) + 1
    put = {"choices": choices, "shown": {**gate.shown, "revisions_left": left}, "deadline": stamp(until)}
    if gate.mailed:
        due = next_due(replace(gate, deadline=until, mailed=True), situation.now)
        put |= {"due": stamp(due or until), "due_shard": due_shard(gate.order)}
    guards = (equals("status", Status.OPEN.value), equals("deadline", stamp(gate.deadline)))
    return (Change(gate_key(gate.order, str(gate.id)), put=put, guards=guards),)


# The end ------------------------------------------------------------------------------------------------------------


def close(ports: Ports, order_id: str, number: str, *, reason: str) -> Gate:
    """Close a parked milestone of which nothing is owed any more; its people are told as of any end.

    What holds money is not closed: it is paid, or given back. Raises `OrderNotFoundError`, `ForbiddenByHandError`,
    `ReasonMissingError`.
    """
    said = checked(reason)
    situation = read_situation(ports, order_id, number)
    gates = map(gate_from_row, ports.store.query(f"O#{order_id}", f"G#{number}#{Kind.PARK.value}#"))
    parked = next((one for one in gates if one.status is Status.OPEN), None)
    if parked is None or Choice.CLOSED not in parked.choices:
        raise ForbiddenByHandError(order_id, _why_not(situation, parked=parked is not None))
    told = deed(ports, situation, What.CLOSED, said, gate=parked)
    given = Answer(Choice.CLOSED, Role.SELLER.value, Via.COMMAND)
    return answer(ports, situation, parked, given, (told.write,))


def _why_not(situation: Situation, *, parked: bool) -> str:
    """What stands in the way of an end, and what to do about it."""
    if situation.order.stage is OrderStage.COMPLETED:
        return "it has ended already"
    if parked:
        return (
            "money is held for it: let it go on where it parked (`relais order answer`), or give it back "
            "(`relais order cancel`, `refund`)"
        )
    return (
        f"it is at {situation.stage} and goes on by itself: answer what it waits for (`relais order answer`), or end "
        "it with the money given back (`relais order cancel`)"
    )
