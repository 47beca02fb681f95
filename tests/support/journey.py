"""One order as its people play it: client, seller, freelancer, each by the links they were given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from devstack.simulation.pages import Form, Page
from devstack.simulation.world import GOOD_CARD, PUBLIC_URL, World
from relais.gate import Gate, Status, gate_from_row
from relais.order import MilestoneStage, Order, instant, milestone_from_row, order_from_row
from relais.rows import Key, milestone_key, order_key, session_key, token_key
from relais.steps.links import gate_link, order_link

ANSWERS = {
    "q_name": "Boulangerie Aubépine",
    "q_activity": "Nous cuisons du pain au levain.",
    "q_brands": "Opinel, Duralex, Bic",
    "q_colours": "Le vert de la devanture",
    "q_seen": "Sur l'enseigne",
    "ready": "yes",
}
CONSENT = {"client_kind": "consumer", "start_now": "yes", "ends_when_done": "yes"}


@dataclass
class Journey:
    """An order under way."""

    world: World
    id: str = ""
    pay_url: str = ""
    offer: str = "logo"

    # The client before the order ------------------------------------------------------------------------------------

    def draft(self, lang: str = "fr") -> None:
        """Press the offer's button."""
        page = self.world.get(f"{PUBLIC_URL}/offer/{self.offer}?lang={lang}")
        sent = self.world.send(page.form("client_kind"), **CONSENT)
        assert sent.status == 303, sent.text
        self.pay_url = sent.location
        session = path(sent.location).rpartition("/")[2]
        self.id = self.world.row(session_key(session))["order"]

    def pay(self, card: str = GOOD_CARD, email: str = "marie@gmail.com") -> None:
        """Pay on the hosted page; Stripe tells us."""
        assert self.world.pay_page(self.pay_url, card, email).status == 303
        self.world.settle()

    @property
    def page(self) -> str:
        """The order's own page."""
        return order_link(self.world.ports, self.order)

    # Answers --------------------------------------------------------------------------------------------------------

    def hand_in_brief(self) -> Page:
        """Answer the questions on the page the payment returns to."""
        form = self.world.get(self.page).form("q_name")
        return self.world.send(form, **ANSWERS, action="hand_in")

    def answer(self, kind: str, choice: str, note: str = "", **fields: str | list[str]) -> Page:
        """Open the newest link to a gate and give an answer."""
        return self.world.send(self.form(kind), choice=choice, note=note, **fields)

    def form(self, kind: str) -> Form:
        """The form behind the newest link to a gate of this kind."""
        return self.world.get(self.world.link(kind, self.id)).form("choice")

    def form_as(self, owner: str) -> Form:
        """The form behind the newest link to the open gate of somebody, who is one of several asked."""
        gate = next(gate for gate in self.gates if gate.status is Status.OPEN and gate.owner == owner)
        return self.world.get(gate_link(self.world.ports, self.order, gate)).form("choice")

    def answer_as(self, owner: str, choice: str, note: str = "", **fields: str | list[str]) -> Page:
        """Give an answer as one of several who are asked."""
        return self.world.send(self.form_as(owner), choice=choice, note=note, **fields)

    def deliver(self, body: bytes = b"\x89PNG logo", name: str = "logo.png") -> Page:
        """Upload a file and hand it in."""
        form = self.form("work")
        keys = self.world.upload(f"{form.action}/files", form.fields["nonce"], {name: body})
        return self.world.send(form, choice="deliver", note="", file=keys)

    # To a stage -----------------------------------------------------------------------------------------------------

    def to_brief(self) -> Journey:
        """Paid: the brief waits."""
        self.draft()
        self.pay()
        return self

    def to_assign(self) -> Journey:
        """Handed in: the proposal waits."""
        self.to_brief().hand_in_brief()
        return self

    def to_work(self) -> Journey:
        """Accepted by the freelancer."""
        self.to_assign().answer("proposal", "accepted")
        return self

    def to_review(self) -> Journey:
        """A first version is handed in."""
        self.to_work().deliver()
        return self

    def to_acceptance(self) -> Journey:
        """Approved by the seller."""
        self.to_review().answer("review", "approve")
        return self

    def to_hold(self) -> Journey:
        """Accepted by the client."""
        self.to_acceptance().answer("acceptance", "accept")
        return self

    # Looking --------------------------------------------------------------------------------------------------------

    @property
    def order(self) -> Order:
        """The order's head."""
        return order_from_row(self.world.order_row(self.id))

    @property
    def milestone(self) -> Any:
        """Its one milestone."""
        return milestone_from_row(self.world.row(milestone_key(self.id, "01")))

    @property
    def stage(self) -> str:
        """Where it is: the milestone's stage once there is work."""
        order = self.order
        if order.stage.value == "milestones" and self.milestone.stage is not MilestoneStage.PENDING:
            return str(self.milestone.stage.value)
        return order.stage.value

    @property
    def gates(self) -> list[Gate]:
        """Every gate of the order."""
        return [gate_from_row(row) for row in self.world.rows(f"O#{self.id}") if row["sk"].startswith("G#")]

    @property
    def open_gate(self) -> Gate:
        """The one open gate that a state of the definition waits at."""
        found = [gate for gate in self.gates if gate.status is Status.OPEN and not gate.id.kind.side]
        assert len(found) == 1, [(str(gate.id), gate.status.value) for gate in self.gates]
        return found[0]

    @property
    def head(self) -> Key:
        """Where the order's head stands."""
        return order_key(self.id)

    def token(self) -> str:
        """The token of the open gate."""
        return self.token_of(self.open_gate)

    def token_of(self, gate: Gate) -> str:
        """The token of a gate."""
        row = self.world.ports.store.get(token_key(gate.order, str(gate.id)))
        assert row is not None
        return str(row["token"])

    def due(self) -> datetime:
        """When the clock looks at the open gate."""
        at = self.open_gate.due
        assert at is not None
        return at

    def entries(self) -> list[dict[str, Any]]:
        """The ledger entries of the order."""
        return [dict(row) for row in self.world.rows(f"O#{self.id}") if row["sk"].startswith("L#")]

    def completed_at(self) -> datetime | None:
        """When it ended."""
        return instant(self.world.order_row(self.id).get("completed"))


def path(link: str) -> str:
    """The path of an address."""
    return urlsplit(link).path
