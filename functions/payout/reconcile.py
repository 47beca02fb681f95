"""Every quarter of an hour: reads Stripe's book, feeds what was missed to the doors, compares."""

from typing import Any

from relais.steps.reconcile import reconcile_within
from relais.wiring import invocation


def handler(event: dict[str, Any], context: Any) -> dict[str, int | bool]:
    """Reconcile, from where the last look ended or from a date."""
    with invocation() as ports:
        return reconcile_within(ports, context.get_remaining_time_in_millis, since=event.get("from"))
