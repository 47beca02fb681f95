"""What is written comes back equal, and rows of older code are read: a table outlives every release."""

from datetime import UTC, datetime

from relais import ledger
from relais.steps.decisions import entry_put

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_an_entry_as_it_is_stored_is_read_back() -> None:
    """Rows leave out what is nothing: an acceptance has no item, and `relais ledger check` reads it all the same."""
    entry = ledger.accepted(
        order="o", milestone="01", share=29_000, cost=13_000, freelancer="ines", currency="eur", at=AT
    )
    row = entry_put(entry).row
    assert None not in row.values()
    assert ledger.Entry.from_row(row) == entry
