"""Freelancers who open their account late, by the buttons of our page and Stripe's form."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from devstack.simulation.pages import Page
from devstack.simulation.world import World
from devstack.stripe_sandbox.wire import Request as StripeRequest
from relais.recipient import Recipient
from relais.roster import Freelancer
from relais.rows import Put, freelancer_key
from relais.steps.links import recipient_link
from relais.steps.readiness import read_recipient
from tests.support.journey import Journey
from tests.workflow.scenarios import assert_completed, scenario

KEY = "ines-moreau"


def maker(world: World) -> Freelancer:
    return Freelancer.from_row(world.row(freelancer_key(KEY)))


def recipient(world: World) -> Recipient:
    return read_recipient(world.ports.store, maker(world))


def without_account(world: World, **changed: Any) -> None:
    """Inès has not opened an account yet."""
    world.ports.store.write(
        Put(freelancer_key(KEY), replace(maker(world), stripe_account=None, **changed).to_row(), guards=())
    )


def page_of(world: World) -> str:
    return recipient_link(world.ports, maker(world))


def press(world: World, choice: str = "open") -> Page:
    return world.send(world.get(page_of(world)).form("choice"), choice=choice)


def fill_in(world: World, link: str, outcome: str = "complete") -> str:
    """Fill in Stripe's form; returns where it leads back to."""
    path = urlsplit(link).path
    world.sandbox.respond(StripeRequest("GET", path, "", {}, b""))
    form = world.sandbox.platform.links[path.rpartition("/")[2]].form
    answer = world.sandbox.respond(
        StripeRequest("POST", path, "", {}, urlencode({"form": form, "outcome": outcome}).encode())
    )
    world.settle()
    return str(dict(answer.headers)["Location"])  # type: ignore[union-attr]


def onboard(world: World) -> None:
    """The whole of it: our page, Stripe's form, Stripe's look at it."""
    fill_in(world, press(world).location)
    world.move_to(world.now() + timedelta(minutes=1))
    world.settle()


@scenario
def onboarded_late(world: World) -> None:
    """Who accepts without an account opens it when the pay waits already; an event of Stripe's lets it go on."""
    without_account(world)
    journey = Journey(world).to_hold()
    world.pass_time(days=4)
    assert journey.stage == "payout"
    onboard(world)
    assert_completed(journey)
