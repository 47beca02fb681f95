"""What was asked and answered beside an order's gates, as each of its readers may see it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from relais.gate import Gate, Role, gate_from_row
from relais.order import Order
from relais.pages.views import FileView, Said
from relais.ports import Ports
from relais.rows import Row, said_key
from relais.steps.asks import ANSWER, QUESTION
from relais.steps.lists import with_lists


def passed_back(ports: Ports, gate: Gate) -> str | None:
    """What the client answered to a freelancer's question, while it is the seller's to pass on."""
    if gate.role is not Role.SELLER:
        return None
    notes = [one.decision.note for one in _passed_on(ports, gate) if one.decision is not None]
    return next((ports.files.get_text(note) for note in reversed(notes) if note is not None), None)


def _passed_on(ports: Ports, gate: Gate) -> list[Gate]:
    """The questions to others that a gate was passed on with, first to last."""
    rows = ports.store.query(f"O#{gate.order}", f"G#{gate.id.milestone}#question#")
    return [one for one in map(gate_from_row, rows) if one.shown["from"] == str(gate.id)]


def files_asked(ports: Ports, gate: Gate) -> tuple[dict[str, Any], ...]:
    """The files that came with a question or message."""
    return _files(ports, gate, QUESTION)


def files_passed_back(ports: Ports, gate: Gate) -> tuple[dict[str, Any], ...]:
    """The files that came with the answers to what was passed on from a gate."""
    return tuple(one for passed in _passed_on(ports, gate) for one in _files(ports, passed, ANSWER))


def _files(ports: Ports, gate: Gate, part: str) -> tuple[dict[str, Any], ...]:
    row = ports.store.get(said_key(gate.order, gate.id.milestone, gate.id.ordinal, part))
    return () if row is None else tuple(dict(one) for one in with_lists(ports, row).get("files", ()))


def thread(ports: Ports, order: Order, role: Role, owner: str, together: Mapping[str, str]) -> tuple[Said, ...]:
    """What was asked and answered, oldest first, of the sides that a reader belongs to: the seller reads all.

    `together` names for each milestone who makes it, where the offer lets client and maker know of each other: they
    read what either says to the seller about it.
    """
    rows = [row for row in ports.store.query(f"O#{order.id}", "Q#") if _concerns(row, role, owner, together)]
    return tuple(_read(ports, row, role) for row in sorted(rows, key=lambda row: (row["at"], row["sk"])))


def _concerns(row: Row, role: Role, owner: str, together: Mapping[str, str]) -> bool:
    """Whether words of the thread are on a reader's side of it."""
    maker = together.get(row["sk"].split("#")[1])
    match role:
        case Role.CLIENT:
            return row["with"] in {Role.CLIENT.value, maker}
        case Role.FREELANCER:
            return row["with"] == owner or (maker == owner and row["with"] == Role.CLIENT.value)
        case _:
            return role is Role.SELLER


def fetched(ports: Ports, file: Mapping[str, Any]) -> FileView:
    """A file that may be fetched."""
    place = (file["key"], file["name"], file.get("upload", ""))
    return FileView(name=file["name"], size=file["size"], key=file["key"], url=ports.files.link(*place))


def _read(ports: Ports, row: Row, reader: Role) -> Said:
    by = Role(row["by"])
    return Said(
        by=by,
        own=by is reader,
        at=datetime.fromisoformat(row["at"]),
        text=ports.files.get_text(row["text"]) or "",
        answer=row["sk"].endswith(f"#{ANSWER}"),
        to_client=row["with"] == Role.CLIENT.value,
        files=tuple(fetched(ports, one) for one in with_lists(ports, row).get("files", ())),
    )
