"""A reduced picture of what was handed in, for its client before the yes (`release: preview first`).

The original stays where it is until then: what leaves is smaller, and marked in its own points. Reading only
(promise 4): it is made each time that it is asked for, and kept by the browser. Design: people 6 D and 7.
"""

from __future__ import annotations

from relais.errors import RelaisError
from relais.gate import Gate, Kind, Status
from relais.ports import Ports
from relais.rows import deliverable_key, milestone_key
from relais.steps.links import open_gate_link
from relais.steps.lists import with_lists
from relais.web import Request

PREVIEWED = (".png", ".jpg", ".jpeg", ".gif", ".webp")
MOST_BYTES = 40 * 1024 * 1024
"""Of a file that a preview is made of: larger ones are shown by name alone."""
SHOWS = frozenset({Kind.ACCEPTANCE, Kind.SETTLEMENT})
"""The client's gates whose page shows the work before it is theirs."""


Original = tuple[bytes, str]
"""What a preview is made of, and the language of who looks at it. No class: every page loads this module."""


class NoPreviewError(RelaisError):
    """There is no preview at this address."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("no preview here: open the page of the decision")


def has_preview(name: str, size: int) -> bool:
    """Whether a smaller picture can be made of a file; a drawing would be its own original."""
    return name.lower().endswith(PREVIEWED) and size <= MOST_BYTES


def read_original(ports: Ports, request: Request) -> Original:
    """The file that an address of a preview is about, for who holds the link of an open gate that shows it.

    Raises what a dead link raises, and `NoPreviewError`.
    """
    match request.parts:
        case ("g", order, gate, secret, "preview", number) if number.isascii() and number.isdigit():
            opened = open_gate_link(ports, order, gate, secret)
            return _original(ports, opened.gate, int(number))
        case _:
            raise NoPreviewError


def _original(ports: Ports, gate: Gate, number: int) -> Original:
    if gate.id.kind not in SHOWS or gate.status is not Status.OPEN:
        raise NoPreviewError
    milestone = ports.store.get(milestone_key(gate.order, gate.id.milestone)) or {}
    row = ports.store.get(deliverable_key(gate.order, gate.id.milestone, int(milestone.get("version", 0))))
    files = [] if row is None else with_lists(ports, row)["files"]
    if number >= len(files) or not has_preview(files[number]["name"], files[number]["size"]):
        raise NoPreviewError
    file = files[number]
    return ports.files.read(file["key"], file.get("upload", "")), gate.lang
