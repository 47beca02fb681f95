"""Three times: the virtual one that moves money, the wall that ages keys, and the true one that signs.

A virtual instant is the wall's plus an offset in seconds. It drives when a fee becomes known, when money becomes
available and when a session expires. Ages of idempotency keys and retries of webhooks follow the wall (design: money
A 6), which a test may move by itself. Signatures carry the true time always, because the receiver compares it with
its own.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

CLOCK_KEY = {"pk": {"S": "CLOCK"}, "sk": {"S": "CLOCK"}}
CACHE_SECONDS = 1.0


class Clock:
    """The sandbox's three times, in seconds since 1970."""

    def __init__(self, offset: Callable[[], float], wall: Callable[[], float] = time.time) -> None:
        self._offset = offset
        self._wall = wall
        self._moved = 0.0

    def now(self) -> int:
        """The virtual instant, in whole seconds as Stripe's timestamps are."""
        return int(self.wall() + self._offset())

    def wall(self) -> float:
        """The wall, as far as a test has moved it: ages keys and retries."""
        return self._wall() + self._moved

    def true(self) -> int:
        """The receiver's time: what a signature carries."""
        return int(self._wall())

    def move_wall(self, seconds: float) -> None:
        """Age every idempotency key and every failed delivery by so many seconds."""
        self._moved += seconds


class SetOffset:
    """An offset that somebody sets, in seconds: the sandbox alone, or a test."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        """The offset in seconds."""
        return self.seconds


class Table(Protocol):
    """The one call of a DynamoDB client that the reader makes."""

    def get_item(self, *, TableName: str, Key: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        """Read one item."""


class TableOffset:
    """The offset that stage dev keeps in its CLOCK row, in seconds; absent means 0 (design: design section 5).

    Read at most once a second. While the table cannot be read (the stack is still starting), the last offset holds.
    """

    def __init__(self, client: Table, table: str, ticks: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._table = table
        self._ticks = ticks
        self._lock = threading.Lock()
        self._seconds = 0.0
        self._read_at: float | None = None

    def __call__(self) -> float:
        """The offset in seconds, at most a second old."""
        with self._lock:
            ticks = self._ticks()
            if self._read_at is None or ticks - self._read_at >= CACHE_SECONDS:
                self._read_at = ticks
                self._seconds = self._read()
            return self._seconds

    def _read(self) -> float:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_item(TableName=self._table, Key=CLOCK_KEY)
        except (BotoCoreError, ClientError):
            return self._seconds
        return float(answer.get("Item", {}).get("offset", {}).get("N", "0"))


def table_offset(table: str, endpoint: str, region: str) -> TableOffset:
    """A reader of the CLOCK row over plain boto3, with short timeouts: an answer of the sandbox waits for it."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(region_name=region)
    invented = None if session.get_credentials() else "test"  # a local table asks for some, and looks at none
    config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    client = session.client(
        "dynamodb",
        endpoint_url=endpoint,
        config=config,
        aws_access_key_id=invented,
        aws_secret_access_key=invented,
    )
    return TableOffset(cast("Table", client), table)
