"""Money that takes another way than Stripe: paid by the seller's own bank, and refunds that come back weeks later.

Design: money section B rows 5' and 8'', money A 8. A debt is a debt whoever pays it: what Stripe refused is paid by a
bank transfer, recorded with its reference, and the order goes on as if Stripe had made it.
"""

from __future__ import annotations

from collections.abc import Iterable

from relais import ledger
from relais.act import ENDED, Act, ActKind, ActState, act_from_row
from relais.bank import Movement
from relais.errors import RelaisError
from relais.gate import AlreadyAnsweredError, Choice, Kind, Status, Via, gate_from_row
from relais.metrics import act_metric
from relais.order import ORDER_LEVEL, milestone_from_row
from relais.ports import ConditionFailedError, Ports
from relais.roster import Freelancer
from relais.rows import Change, Write, act_key, at_least, equals, freelancer_key, milestone_key, order_key
from relais.steps.acts import acts_of
from relais.steps.decisions import Answer, entry_put
from relais.steps.door import answer
from relais.steps.inviting import no_more_waiting
from relais.steps.readiness import read_recipient
from relais.steps.reassign import FORMER
from relais.steps.situation import find_gate, read_order, read_situation

CAME_BACK = "came_back"
"""Why a refund that Stripe had taken is refused after all."""


class NothingToPayError(RelaisError):
    """No movement of an order waits to be made in another way."""

    def __init__(self, order: str) -> None:
        """Keep the order."""
        super().__init__(
            f"order {order} has no transfer or refund that Stripe refused: see `relais order show {order}`"
        )
        self.order = order


class WhichActError(RelaisError):
    """Several movements of an order wait: one has to be named."""

    def __init__(self, order: str, acts: tuple[str, ...]) -> None:
        """Keep their ids."""
        super().__init__(
            f"order {order} has {len(acts)} movements that Stripe refused: name one with --act: {', '.join(acts)}"
        )
        self.order = order
        self.acts = acts


class DisputeOpenError(RelaisError):
    """A bank has an order's payment in dispute: whatever it decides settles what Stripe refused."""

    def __init__(self, order: str) -> None:
        """Keep the order."""
        super().__init__(
            f"the payment of order {order} is disputed: pay nothing before the bank has decided, for that settles it"
        )
        self.order = order


def to_pay_by_bank(ports: Ports, order_id: str, act_id: str | None = None) -> Act:
    """What a bank is to pay now. Raises `DisputeOpenError`, `UnconfirmedError`, and what `payable_by_bank` raises."""
    if read_order(ports.store, order_id).disputed is not None:
        raise DisputeOpenError(order_id)
    found = payable_by_bank(ports, order_id, act_id)
    if found.unconfirmed:
        from relais.steps.confirming import UnconfirmedError, ask_twice  # few acts move so much

        raise UnconfirmedError(order_id, ask_twice(ports, found))
    return found


def payable_by_bank(ports: Ports, order_id: str, act_id: str | None = None) -> Act:
    """The movement of an order that Stripe refused, and that a bank can make.

    One whose end is not known is not: it may have been made. Raises `OrderNotFoundError`, `NothingToPayError`,
    `WhichActError`.
    """
    order = read_order(ports.store, order_id)
    found = [act_from_row(row) for row in ports.store.query(f"O#{order.id}", "A#")]
    refused = [
        act
        for act in found
        if act.state is ActState.REFUSED
        and act.amount
        and act_id in {None, act.id}
        and act.kind is not ActKind.REVERSAL
    ]
    if not refused:
        raise NothingToPayError(order.id)
    if len(refused) > 1:
        raise WhichActError(order.id, tuple(act.id for act in refused))
    return refused[0]


def paid_by_bank(ports: Ports, order_id: str, *, reference: str, act_id: str | None = None) -> Act:
    """Record that the seller's bank has made what Stripe refused, with the bank's reference; the order goes on.

    Raises what `payable_by_bank` raises; `ConditionFailedError` where it was sent again in this instant.
    """
    act = payable_by_bank(ports, order_id, act_id)
    done = Change(
        act_key(act.order, act.id),
        put={"state": ActState.DONE.value, "settled": True, "by_hand": reference},
        remove=("due", "due_shard"),
        guards=(equals("state", ActState.REFUSED.value), equals("generation", act.generation)),
    )
    ports.store.write(done, *_paid(ports, act), *_waits_no_more(ports, act))
    _go_on(ports, act)
    return act


def _paid(ports: Ports, act: Act) -> Iterable[Write]:
    now, amount, currency = ports.now(), act.amount, act.currency
    sum_of = "sent" if act.kind is ActKind.TRANSFER else "refunded"
    yield Change(
        order_key(act.order),
        add={"in_transit": -amount, sum_of: amount},
        guards=(at_least("in_transit", amount),),
    )
    if act.kind is ActKind.TRANSFER:
        entry = ledger.paid_by_bank(
            order=act.order, op=act.operation, amount=amount, freelancer=_who(ports, act), currency=currency, at=now
        )
    else:
        entry = ledger.refunded_by_bank(order=act.order, op=act.operation, amount=amount, currency=currency, at=now)
    yield entry_put(entry)
    pots = _milestone_pots(ports, act, amount)
    if pots is not None:
        yield pots


def _who(ports: Ports, act: Act) -> str:
    """Whom a transfer was for: who had the work before is named on the act itself."""
    named = act.body.get("metadata", {}).get("freelancer")
    if named:
        return str(named)
    row = ports.store.get(milestone_key(act.order, act.milestone))
    engagement = None if row is None else milestone_from_row(row).engagement
    return "" if engagement is None else engagement.freelancer


def _milestone_pots(ports: Ports, act: Act, amount: int) -> Change | None:
    """The milestone's own pots, where the movement stands on one."""
    key = milestone_key(act.order, act.milestone)
    if act.milestone == ORDER_LEVEL or ports.store.get(key) is None:
        return None
    transit, ended = ("in_transit", "sent") if act.kind is ActKind.TRANSFER else ("refund_in_transit", "refunded")
    guards = (at_least(transit, amount),) if amount > 0 else ()
    return Change(key, add={transit: -amount, ended: amount}, guards=guards)


def _waits_no_more(ports: Ports, act: Act) -> tuple[Write, ...]:
    """Pay that waited for an account has left by another way."""
    who = _who(ports, act) if act.kind is ActKind.TRANSFER else ""
    row = ports.store.get(freelancer_key(who)) if who else None
    if row is None:
        return ()
    return no_more_waiting(read_recipient(ports.store, Freelancer.from_row(row)), act.order, act.milestone)


def _go_on(ports: Ports, act: Act) -> None:
    """Where the movement had parked its milestone or order, or waited, there is nothing left to send: all goes on."""
    if act.kind is ActKind.TRANSFER and act.milestone != ORDER_LEVEL and act.id.count(FORMER) == 0:
        situation = read_situation(ports, act.order, act.milestone)
        payout = find_gate(ports, situation, Kind.PAYOUT)
        others = acts_of(ports, act.order, ActKind.TRANSFER, act.milestone)
        if any(one.state not in ENDED for one in others):  # other charges bear a part
            ports.background.run_act(act.order, "acts")
            return
        if payout is not None and payout.status is Status.OPEN:
            answer(ports, situation, payout, Answer(Choice.PAID, "seller", Via.COMMAND))
            return
    wanted = Choice.PAYOUT if act.kind is ActKind.TRANSFER else Choice.REFUND
    for gate in map(gate_from_row, ports.store.query(f"O#{act.order}", "G#")):
        if gate.id.kind is not Kind.PARK or gate.status is not Status.OPEN or gate.id.milestone != act.milestone:
            continue
        choice = wanted if wanted in gate.choices else Choice.RETRY
        try:
            answer(ports, read_situation(ports, act.order, act.milestone), gate, Answer(choice, "seller", Via.COMMAND))
        except AlreadyAnsweredError:
            return


def refund_came_back(ports: Ports, line: Movement) -> bool:
    """A refund that Stripe had taken did not reach the client: its debt is open again (row 8'').

    The act is refused, the pots are as before it was made, and the seller is told; nothing is sent again by itself, for
    the card or account that it was meant for is closed.
    """
    if line.order is None or line.operation is None:
        return False
    acts = map(act_from_row, ports.store.query(f"O#{line.order}", f"A#{ActKind.REFUND.value}#"))
    found = [one for one in acts if one.operation == line.operation]
    if not found or found[0].state is not ActState.DONE or found[0].by_hand is not None:
        return False
    act = found[0]
    entry = ledger.refund_failed(
        order=act.order,
        refund=line.source or line.id,
        op=act.operation,
        amount=act.amount,
        currency=act.currency,
        at=ports.now(),
    )
    refused = Change(
        act_key(act.order, act.id),
        put={"state": ActState.REFUSED.value, "why": CAME_BACK},
        remove=("due", "due_shard"),
        guards=(equals("state", ActState.DONE.value),),
    )
    back = Change(order_key(act.order), add={"in_transit": act.amount, "refunded": -act.amount})
    pots = _milestone_pots(ports, act, -act.amount)
    try:
        ports.store.write(refused, entry_put(entry), back, *([] if pots is None else [pots]))
    except ConditionFailedError:
        return False
    ports.counter.count(act_metric(ActKind.REFUND, ActState.REFUSED))
    return True
