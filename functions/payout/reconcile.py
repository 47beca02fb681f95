"""Every quarter of an hour: reads Stripe's book, feeds what was missed to the doors, compares."""

from typing import Any

from relais.steps.reconcile import reconcile_within
from relais.wiring import invocation


def handler(_event: dict[str, Any], context: Any) -> dict[str, int | bool]:
    """Reconcile."""
    with invocation() as ports:
        return reconcile_within(ports, context.get_remaining_time_in_millis)
