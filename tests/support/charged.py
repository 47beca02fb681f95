"""A second charge of an order, paid at the sandbox."""

from __future__ import annotations

from datetime import timedelta

from devstack.simulation.world import GOOD_CARD
from relais.charge import Charge
from relais.ports import SessionRequest
from relais.steps.charges import charged_writes, charges_of
from tests.support.journey import Journey


def charge_more(journey: Journey, price: int, cost: int, milestone: str = "01") -> Charge:
    """The client pays more for a milestone on a page of its own, and it is booked."""
    world = journey.world
    ports, order = world.ports, journey.order
    number = 2 + len(charges_of(ports.store, order.id))
    session = ports.payments.open_session(
        SessionRequest(
            order=order.id,
            number=number,
            amount=price,
            currency=order.currency,
            title="Carte de visite",
            lang="fr",
            email="marie@gmail.com",
            success_url=journey.page,
            cancel_url=journey.page,
            expires_at=world.now() + timedelta(hours=23),
        )
    )
    assert world.pay_page(session.url or "", GOOD_CARD).status == 303
    paid = ports.payments.session(session.id)
    charge = Charge(
        order=order.id,
        name=f"{milestone}-{number:04d}",
        about=f"{milestone}-extra-{number:04d}",
        amount=paid.amount,
        left=paid.amount,
        currency=paid.currency,
        payment_intent=paid.payment_intent or "",
        charge=paid.charge or "",
        session=paid.id,
        paid=world.now(),
    )
    ports.store.write(*charged_writes(charge, journey.milestone, price=price, cost=cost))
    world.settle()
    return charge
