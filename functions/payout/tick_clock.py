"""Every minute: settles what is due, and hands itself what remains."""

from typing import Any

from relais.steps.clock import tick_within
from relais.wiring import invocation


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Tick."""
    with invocation() as ports:
        return tick_within(ports, event.get("shards"), context.get_remaining_time_in_millis)
