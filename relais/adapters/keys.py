"""Names of the table's keys and indexes, for the templates that make them and the store. Design: workflow section 5."""

from dataclasses import dataclass

PK = "pk"
SK = "sk"


@dataclass(frozen=True, slots=True)
class Index:
    """A sparse index; all its attributes are strings. `whole` copies the rows, else it holds their keys only."""

    name: str
    partition: str
    sort: str
    whole: bool = False


DUE = Index("due", "due_shard", "due")
DESK = Index("desk", "desk", "desk_due")
BOOK = Index("book", "book", "book_ref", whole=True)

INDEXES = (DUE, DESK, BOOK)
