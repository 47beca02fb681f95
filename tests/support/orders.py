"""An order brought to any of its gates by the real steps, on any store, with doubles around them."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from relais.cli.catalog import Catalog, load
from relais.gate import JITTER_SECONDS, Choice, Gate, GateId, Kind, Via, gate_from_row
from relais.ledger import Entry
from relais.offer import RefundCause
from relais.order import Milestone, MilestoneStage, Order, milestone_from_row
from relais.roster import Freelancer
from relais.rows import Put, freelancer_key, gate_key, milestone_key
from relais.steps.assign import open_proposal
from relais.steps.catalog import apply
from relais.steps.decisions import Answer
from relais.steps.gates import GateCall, answer, open_gate
from relais.steps.intake import checkout, draft, enter
from relais.steps.interrupt import cancel
from relais.steps.payout import open_money_gate
from relais.steps.situation import Situation, read_order, read_situation
from relais.steps.webhook import receive_signed
from relais.web import Request, Response
from tests.support.doubles import WEBHOOK_SECRET, FakePorts

ROOT = Path(__file__).parent.parent.parent
ANY_NUMBER = 1_000_000
STATES = {Kind.PROPOSAL: "assign"}
"""The state of each kind of gate, where their names differ."""


@cache
def catalogue() -> Catalog:
    """The sample shop."""
    found = load(ROOT / "catalog")
    assert isinstance(found, Catalog), str(found)
    return found


def open_shop(ports: FakePorts, *, capacity: int = ANY_NUMBER) -> None:
    """Put the sample shop on the table, with one freelancer who draws logos and has this many free places."""
    apply(ports.store, catalogue(), ports.now())
    known = next(one for one in catalogue().roster if one.rate_for("logo") is not None)
    ports.store.write(Put(freelancer_key(known.key), replace(known, capacity=capacity).to_row(), guards=()))
    for other in catalogue().roster:
        if other.key != known.key:
            ports.store.write(Put(freelancer_key(other.key), replace(other, capacity=0).to_row(), guards=()))


def in_hand(ports: FakePorts) -> int:
    """How many orders the freelancers have in hand, all together."""
    return sum(Freelancer.from_row(row).in_hand for row in ports.store.query("ROSTER", "R#"))


@dataclass
class Play:
    """One order under way, answered as people would, without pages."""

    ports: FakePorts
    id: str = ""
    attempts: int = 0

    @property
    def order(self) -> Order:
        """Its head."""
        return read_order(self.ports.store, self.id)

    @property
    def milestone(self) -> Milestone:
        """Its one milestone."""
        row = self.ports.store.get(milestone_key(self.id, "01"))
        assert row is not None
        return milestone_from_row(row)

    def situation(self, kind: Kind) -> Situation:
        """What a gate of this kind sees."""
        return read_situation(self.ports, self.id, level(kind))

    def gate(self, kind: Kind) -> Gate:
        """The gate of this kind that stands now."""
        situation = self.situation(kind)
        return self.read(GateId(situation.number, kind, situation.ordinal))

    def read(self, gate: GateId) -> Gate:
        """A gate by its id."""
        row = self.ports.store.get(gate_key(self.id, str(gate)))
        assert row is not None, f"no gate {gate}"
        return gate_from_row(row)

    def gates(self) -> list[Gate]:
        """Every gate that was opened."""
        return [gate_from_row(row) for row in self.ports.store.query(f"O#{self.id}", "G#")]

    def entries(self) -> list[Entry]:
        """Everything booked for it."""
        return [Entry.from_row(row) for row in self.ports.store.query(f"O#{self.id}", "L#")]

    def call(self, kind: Kind) -> GateCall:
        """What the definition passes when it enters the state of this gate, with an attempt of its own."""
        self.attempts += 1
        attempt = f"{self.order.run:06d}#2026-11-23T09:00:00.{self.attempts:03d}Z#00"
        state = STATES.get(kind, kind.value)
        return GateCall(self.id, self.order.run, level(kind), state, attempt, f"token-{self.id}-{self.attempts}")

    def draft(self) -> None:
        """The offer's button is pressed, its checkout opens."""
        order = draft(self.ports, "logo", "fr", consumer=True, express=True)
        self.id = order.id
        checkout(self.ports, order)

    def event(self, session: str | None = None) -> Request:
        """Stripe's word that a session (its own) is paid, signed."""
        if session is None:
            session = self.order.session or ""
            self.ports.payments.settle(session)
        return signed(
            self.ports, {"type": "checkout.session.completed", "object": {"id": session, "payment_status": "paid"}}
        )

    def pay(self) -> None:
        """The client pays, Stripe tells us, the first state books it."""
        response: Response = receive_signed(self.ports, self.event())
        assert response.status == 200
        enter(self.ports, self.id, 1)

    def open(self, kind: Kind) -> Gate:
        """The definition enters the state of a gate, which stays open."""
        self.walk(kind)
        return self.gate(kind)

    def walk(self, kind: Kind) -> None:
        """The definition enters the state of a gate, which may answer itself."""
        call = self.call(kind)
        match kind:
            case Kind.PROPOSAL:
                open_proposal(self.ports, call)
            case Kind.PAYOUT | Kind.REFUND:
                open_money_gate(self.ports, call)
            case _:
                open_gate(self.ports, call)

    def answer(self, kind: Kind, choice: Choice, **facts: Any) -> Gate:
        """Somebody answers."""
        gate = self.gate(kind)
        return answer(self.ports, self.situation(kind), gate, Answer(choice, gate.owner, Via.LINK, facts=facts))

    def until(self, kind: Kind) -> Gate:
        """Bring it from nothing to the open gate of this kind."""
        self.draft()
        self.pay()
        steps: tuple[tuple[Kind, Choice, dict[str, Any]], ...] = (
            (Kind.BRIEF, Choice.HAND_IN, {"text": "texts/brief", "files": []}),
            (Kind.PROPOSAL, Choice.ACCEPTED, {}),
            (Kind.WORK, Choice.DELIVER, {"files": []}),
            (Kind.REVIEW, Choice.APPROVE, {}),
            (Kind.ACCEPTANCE, Choice.ACCEPT, {}),
            (Kind.HOLD, Choice.RELEASE, {}),
        )
        for one, choice, facts in steps:
            if one is kind:
                break
            self.open(one)
            self.answer(one, choice, **facts)
        return self.open(kind)

    def until_exhausted(self) -> None:
        """Nobody of the roster has room: the engine says so, and the seller's pick follows, not entered yet."""
        self.until(Kind.BRIEF)
        self.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])
        open_proposal(self.ports, self.call(Kind.PROPOSAL))

    def open_parked(self) -> Gate:
        """The state of the order failed for good: the definition enters the order's park."""
        self.attempts += 1
        attempt = f"{self.order.run:06d}#2026-11-23T09:00:00.{self.attempts:03d}Z#00"
        call = GateCall(self.id, self.order.run, "00", "park", attempt, f"token-{self.id}-{self.attempts}")
        open_gate(self.ports, call)
        situation = read_situation(self.ports, self.id, "00")
        return self.read(GateId("00", Kind.PARK, situation.ordinal))

    def cancel(self, cause: RefundCause = RefundCause.BRIEF_NOT_MET) -> Order:
        """The seller cancels the order."""
        return cancel(self.ports, self.id, by="seller", cause=cause, reason="une bonne raison")

    def walk_on(self) -> None:
        """The definition goes on, from a decided way out or payout to the end of the milestone.

        The longest way meets an interrupt behind a refund: refund, hold, refund, hold, payout.
        """
        for _ in range(6):
            match self.milestone.stage:
                case MilestoneStage.REFUND:
                    self.walk(Kind.REFUND)
                case MilestoneStage.HOLD:
                    self.walk(Kind.HOLD)
                    if self.milestone.stage is MilestoneStage.HOLD:  # a cancellation that came before is met here
                        self.answer(Kind.HOLD, Choice.RELEASE)
                case MilestoneStage.PAYOUT:
                    self.walk(Kind.PAYOUT)
                case _:
                    return

    def ask_back(self, kind: Kind, amount: int = 6_000) -> Gate:
        """From the open acceptance on: the client asks for money back; to the settlement, a part is proposed."""
        self.answer(Kind.ACCEPTANCE, Choice.REQUEST)
        gate = self.open(Kind.REFUND_REQUEST)
        if kind is Kind.REFUND_REQUEST:
            return gate
        self.answer(Kind.REFUND_REQUEST, Choice.PART, amount=amount, cause=RefundCause.BRIEF_NOT_MET.value)
        return self.open(Kind.SETTLEMENT)

    def use_up_revisions(self) -> Gate:
        """From the open acceptance on: every included change is made; the last version is before the client."""
        while self.milestone.revisions_left:
            self.answer(Kind.ACCEPTANCE, Choice.REVISE)
            for kind, choice in ((Kind.WORK, Choice.DELIVER), (Kind.REVIEW, Choice.APPROVE)):
                self.open(kind)
                self.answer(kind, choice, files=[])
            self.open(Kind.ACCEPTANCE)
        return self.gate(Kind.ACCEPTANCE)

    def until_payout(self) -> None:
        """Bring it to the payout, whose state has not been entered yet."""
        self.until(Kind.HOLD)
        self.answer(Kind.HOLD, Choice.RELEASE)

    def late(self, gate: Gate) -> None:
        """Let time pass to the instant at which the clock looks at a gate's default."""
        assert gate.deadline is not None
        self.ports.at = gate.deadline + timedelta(seconds=JITTER_SECONDS)


def level(kind: Kind) -> str:
    """The milestone that a gate of this kind stands on in a simple order."""
    return "00" if kind in {Kind.BRIEF, Kind.PROPOSAL, Kind.PICK, Kind.STUCK} else "01"


def signed(ports: FakePorts, event: dict[str, Any], secret: str = WEBHOOK_SECRET) -> Request:
    """A webhook as Stripe signs it."""
    body = json.dumps(
        {"id": "evt_1", "type": event["type"], "livemode": False, "data": {"object": event["object"]}}
    ).encode()
    at = int(ports.wall().timestamp())
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return Request("POST", "/hooks/stripe", headers={"stripe-signature": f"t={at},v1={made}"}, body=body)
