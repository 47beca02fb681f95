"""The work of a milestone goes to somebody else: given up, late, sent back in vain, or by the seller's wish.

The decision answers the milestone's open gate in one transaction; what was handed in stays, and the next sees it. Who
lost it is told why, and paid what the frozen policy says. Design: workflow sections 2 and 6, people section 5.
"""

from __future__ import annotations

from relais import ledger
from relais.act import Act, ActKind, ActState, is_much
from relais.errors import RelaisError
from relais.gate import Choice, Gate, GateId, Status, Via, gate_from_row
from relais.metrics import Metric
from relais.order import Lost, Milestone
from relais.ports import ConditionFailedError, MailRefusedError, Ports
from relais.rows import Change, Write, at_least, equals, merged, order_key
from relais.steps import letters
from relais.steps.acts import OPEN_STATES, Done, acts_of, again, done, plan, refuse, send
from relais.steps.decisions import REASSIGNABLE, Answer, LostWhy, bank_puts, entry_put
from relais.steps.gates import answer
from relais.steps.inviting import invitation, no_more_waiting, waiting
from relais.steps.onboarding import ACCOUNT_NOT_READY, UNPAYABLE
from relais.steps.readiness import read_recipient
from relais.steps.recipients import look
from relais.steps.situation import Situation, read_freelancer, read_order, read_situation
from relais.steps.texts import keep_text
from relais.steps.trials import trial_lost

FORMER = "former"
"""Stands for the milestone in the id of a transfer to somebody who lost the work."""


class NothingToReassignError(RelaisError):
    """A milestone whose work nobody has, or whose work is accepted already."""

    def __init__(self, order: str, milestone: str, stage: str) -> None:
        """Keep where it is."""
        super().__init__(
            f"milestone {milestone} of order {order} is at {stage}: its work cannot go to somebody else; "
            f"see `relais order show {order}`"
        )
        self.order = order
        self.milestone = milestone
        self.stage = stage


def reassign(ports: Ports, order_id: str, milestone: str, *, by: str, why: LostWhy, reason: str) -> Gate:
    """Take the work from whoever has it and ask the next; returns the gate that was answered with it.

    Raises `OrderNotFoundError`, `NothingToReassignError`, `AlreadyAnsweredError` where somebody was faster.
    """
    situation = read_situation(ports, read_order(ports.store, order_id).id, milestone)
    gate = _open_gate(ports, situation)
    if gate is None or situation.milestone is None or situation.milestone.engagement is None:
        raise NothingToReassignError(order_id, milestone, situation.stage)
    note = keep_text(ports, order_id, f"reassign-{gate.id}", reason) if reason else None
    return answer(ports, situation, gate, Answer(Choice.REASSIGNED, by, Via.COMMAND, note, {"why": why.value}))


def _open_gate(ports: Ports, situation: Situation) -> Gate | None:
    rows = ports.store.query(f"O#{situation.order.id}", f"G#{situation.number}#")
    gates = [gate for gate in map(gate_from_row, rows) if gate.status is Status.OPEN and gate.id.kind in REASSIGNABLE]
    return gates[-1] if gates and gates[-1].id.ordinal == situation.ordinal else None


def settle_lost(ports: Ports, situation: Situation) -> None:
    """Tell whoever lost the work why, and plan what they are paid all the same. Asked any number of times."""
    milestone = situation.milestone
    if milestone is None or milestone.lost is None or milestone.lost.told:
        return
    if milestone.lost.pay:
        _plan(ports, situation, milestone, milestone.lost)
    try:
        ports.mailer.send(letters.lost(ports, situation, milestone.lost))
    except MailRefusedError:
        ports.counter.count(Metric.MAIL_PUT_OFF)
        return
    lost = milestone.lost
    trial = {"trial": True} if lost.trial else {}
    row = {"freelancer": lost.freelancer, "why": lost.why, "pay": lost.pay, "told": True, **trial}
    try:
        ports.store.write(
            Change(situation.key, put={"lost": row}, guards=(equals("ordinal", milestone.ordinal),)),
            *trial_lost(situation, milestone, lost),
        )
    except ConditionFailedError:
        return


def _plan(ports: Ports, situation: Situation, milestone: Milestone, lost: Lost) -> None:
    """The intent of the transfer to whom the kill fee is owed; the seller bears it, so the client's money stays whole.

    One for each loss: its ordinal is that of the gate that decided it.
    """
    ordinal = GateId.parse(milestone.last or "").ordinal
    order = situation.order
    freelancer = read_freelancer(ports.store, lost.freelancer)
    operation = f"{order.id}:{ActKind.TRANSFER.value}:{FORMER}-{milestone.number}:{ordinal}"
    act = Act(
        order=order.id,
        id=f"{ActKind.TRANSFER.value}-{FORMER}-{milestone.number}-{ordinal:04d}",
        kind=ActKind.TRANSFER,
        milestone=milestone.number,
        operation=operation,
        amount=lost.pay,
        currency=order.currency,
        body={
            "amount": lost.pay,
            "currency": order.currency,
            "destination": read_recipient(ports.store, freelancer).account,
            "source_transaction": "",
            "transfer_group": order.id,
            "description": f"Relais {order.id} {milestone.number}",
            "metadata": {"op": operation, "order": order.id, "freelancer": freelancer.key},
        },
        unconfirmed=is_much(lost.pay, order.currency, situation.offer.policy.confirm),
    )
    plan(ports, act, Change(order_key(order.id), add={"in_transit": lost.pay, "borne": lost.pay}))


def pay_former(ports: Ports, order_id: str) -> None:
    """Go on with the transfers to those who lost the work (called by the clock).

    An account that is not ready lets it wait: whoever learns that it is has it go on.
    """
    if read_order(ports.store, order_id).disputed is not None:
        return
    for act in acts_of(ports, order_id, ActKind.TRANSFER, FORMER):
        waits = act.state is ActState.REFUSED and act.why in UNPAYABLE
        if act.state not in OPEN_STATES and not waits:
            continue
        planned = _to_account(ports, act) if waits or not act.first_sent else act
        outcome = None if planned is None else send(ports, planned)
        if isinstance(outcome, Done):
            paid_former(ports, act, outcome)


def _to_account(ports: Ports, act: Act) -> Act | None:
    """The act as it can be sent now; nothing while its freelancer's account is not ready, of which they are asked."""
    key = str(act.body["metadata"]["freelancer"])
    recipient = look(ports, read_freelancer(ports.store, key))
    if recipient.ready and act.body["destination"] == recipient.account and act.state in OPEN_STATES:
        return act
    if act.state in OPEN_STATES:
        act = refuse(ports, act, ACCOUNT_NOT_READY).act
        asked = () if recipient.invited or recipient.account else invitation(key, ports.now(), act.order)
        ports.store.write(*merged(waiting(key, act.order, act.milestone), *asked))
    if not recipient.ready:
        return None
    return again(ports, act, dict(act.body) | {"destination": recipient.account})


def paid_former(ports: Ports, act: Act, outcome: Done) -> None:
    """Stripe took a transfer to somebody who lost the work: the act, both entries and the order's pots."""
    now = ports.now()
    freelancer = str(act.body["metadata"]["freelancer"])
    business = ledger.transferred(
        order=act.order, op=act.operation, amount=act.amount, currency=act.currency, freelancer=freelancer, at=now
    )
    writes: list[Write] = [
        done(ports, act, outcome),
        entry_put(business),
        Change(
            order_key(act.order),
            add={"in_transit": -act.amount, "sent": act.amount},
            guards=(at_least("in_transit", act.amount),),
        ),
    ]
    settled = outcome.settlement
    if settled is not None:
        bank = ledger.transfer_settled(
            order=act.order,
            txn=settled.id,
            op=act.operation,
            amount=-settled.net,
            currency=settled.currency,
            at=now,
        )
        writes += bank_puts(ports.store, bank)
    if act.generation or act.state is ActState.REFUSED:
        known = read_recipient(ports.store, read_freelancer(ports.store, freelancer))
        writes += no_more_waiting(known, act.order, act.milestone)
    try:
        ports.store.write(*writes)
    except ConditionFailedError:
        return
    ports.counter.count(Metric.TRANSFER_DONE)
