"""The intent to give a stray payment back: light, for the webhook writes it. What follows stands in `refund`."""

from __future__ import annotations

from relais.act import Act, ActKind
from relais.order import ORDER_LEVEL
from relais.ports import Ports
from relais.rows import Write
from relais.steps.acts import intent


def stray_act(ports: Ports, order: str, session: str) -> tuple[Write, ...]:
    """The intent to give back whole what a session paid and no order asked for; its amount is read from Stripe."""
    operation = f"{order}:stray:{ORDER_LEVEL}:{session}"
    act = Act(
        order=order,
        id=f"{ActKind.REFUND.value}-{ORDER_LEVEL}-{session}",
        kind=ActKind.REFUND,
        milestone=ORDER_LEVEL,
        operation=operation,
        amount=0,
        currency="",
        body={"session": session},
    )
    return (intent(ports, act),)
