"""The time. Business time is virtual in stage dev (the CLOCK row holds an offset in seconds); wall time never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from relais.ports import Store
from relais.rows import CLOCK_KEY


def wall() -> datetime:
    """The time of the wall: signatures, leases, ages of keys."""
    return datetime.now(UTC)


class VirtualClock:
    """Wall time plus the offset of the CLOCK row, read once per invocation."""

    def __init__(self, store: Store) -> None:
        """Read the offset from this store when it is first needed."""
        self._store = store
        self._offset: timedelta | None = None

    def now(self) -> datetime:
        """The virtual time."""
        if self._offset is None:
            row = self._store.get(CLOCK_KEY)
            self._offset = timedelta(seconds=0 if row is None else row["offset"])
        return wall() + self._offset

    def forget(self) -> None:
        """Read the offset again next time: a new invocation has begun."""
        self._offset = None
