"""What was asked and answered beside an order's gates, as each of its readers may see it. Reads only."""

from __future__ import annotations

from datetime import datetime

from relais.gate import Gate, Role, gate_from_row
from relais.order import Order
from relais.pages.views import Said
from relais.ports import Ports
from relais.rows import Row
from relais.steps.asks import ANSWER


def passed_back(ports: Ports, gate: Gate) -> str | None:
    """What the client answered to a freelancer's question, while it is the seller's to pass on."""
    if gate.role is not Role.SELLER:
        return None
    rows = [gate_from_row(row) for row in ports.store.query(f"O#{gate.order}", f"G#{gate.id.milestone}#question#")]
    notes = [one.decision.note for one in rows if one.shown["from"] == str(gate.id) and one.decision is not None]
    return next((ports.files.get_text(note) for note in reversed(notes) if note is not None), None)


def thread(ports: Ports, order: Order, role: Role, owner: str) -> tuple[Said, ...]:
    """What was asked and answered, oldest first, of the sides that a reader belongs to: the seller reads all."""
    mine = Role.CLIENT.value if role is Role.CLIENT else owner
    rows = ports.store.query(f"O#{order.id}", "Q#")
    read = [row for row in rows if role is Role.SELLER or row["with"] == mine]
    return tuple(_read(ports, row, role) for row in sorted(read, key=lambda row: (row["at"], row["sk"])))


def _read(ports: Ports, row: Row, reader: Role) -> Said:
    by = Role(row["by"])
    return Said(
        by=by,
        own=by is reader,
        at=datetime.fromisoformat(row["at"]),
        text=ports.files.get_text(row["text"]) or "",
        answer=row["sk"].endswith(f"#{ANSWER}"),
        to_client=row["with"] == Role.CLIENT.value,
    )
