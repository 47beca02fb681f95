"""Orders under the shipped roles: nothing that they need is refused, and nothing is granted that nobody needs.

The functions run with the grants read from the synthesized templates (`tests/support/permits.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest

from relais.gate import Kind
from relais.offer import RefundCause
from relais.steps import interrupt
from relais.steps.clock import RESERVE_MS
from tests.infra.reading import Stack
from tests.support.engine import Context
from tests.support.journey import Journey
from tests.support.permits import Deployed, Use, guarded_world
from tests.support.unplayed import BY_THE_RUNTIME, UNPLAYED
from tests.support.world import World
from tests.workflow import ways_out  # noqa: F401 - adds the ways out to the scenarios
from tests.workflow.scenarios import SCENARIOS

Play = Callable[[World], object]


@pytest.fixture(scope="session")
def deployed(service: Stack, data: Stack) -> Deployed:
    """The roles as they ship."""
    return Deployed(service.template, data.template)


# Ways that no scenario goes, each for one grant -----------------------------------------------------------------------


def unsaved_brief(world: World) -> None:
    """A brief of which nothing was saved is shown empty."""
    journey = Journey(world).to_brief()
    assert world.get(journey.page).status == 200


def checkout_of_an_old_page(world: World) -> None:
    """The order button of a page that stood open for a day, of orders wherever they are."""
    for reach in (Journey.to_brief, Journey.to_review):
        journey = reach(Journey(world))
        page = world.post(f"{journey.page}/checkout", {"nonce": "old"})
        assert page.status == 422


def called_back_at_openings(world: World) -> None:
    """An order is cancelled in the instant in which its gate opens."""
    for name, reach, act in (
        ("open-proposal", Journey.to_brief, Journey.hand_in_brief),
        ("open-gate", Journey.to_work, Journey.deliver),
    ):
        journey = reach(Journey(world))

        def cancel(called: str, _event: Any, name: str = name, journey: Journey = journey) -> None:
            if called == name and not journey.order.interrupt_seq:
                ports, why = world.ports, RefundCause.BRIEF_NOT_MET
                with patch.object(interrupt, "sweep"):
                    interrupt.cancel(ports, journey.id, by="seller", cause=why, reason="une bonne raison")

        world.engine.breakers.append(cancel)
        act(journey)
        world.engine.breakers.remove(cancel)
        assert any(gate.decision and gate.decision.choice.value == "cancelled" for gate in journey.gates)


def texts_removed(world: World) -> None:
    """What people wrote was removed by hand: mails and pages do without."""
    journey = Journey(world).to_brief()
    world.engine.breakers.append(lambda _name, _event: _forget(world))
    journey.hand_in_brief()
    gate = journey.open_gate
    assert gate.deadline is not None
    world.go_to(gate.deadline - timedelta(hours=1))
    journey.answer("proposal", "accepted")
    assert journey.open_gate.mailed
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline)
    assert journey.stage == "work"


def _forget(world: World) -> None:
    objects = world.ports.files.objects  # type: ignore[attr-defined]
    for key in [key for key in objects if key.startswith("texts/")]:
        del objects[key]


def later_versions_unreviewed(world: World) -> None:
    """An offer that reviews the first version only."""
    journey = Journey(world).to_acceptance()
    journey.answer("acceptance", "revise", "Un vert plus clair.")
    with patch("relais.steps.gates._answers_itself", lambda _, gate: gate.id.kind is Kind.REVIEW):
        journey.deliver(b"\x89PNG logo 2")
    assert journey.stage == "acceptance"


def address_corrected(world: World) -> None:
    """The client's mail went to a wrong address."""
    journey = Journey(world).to_brief()
    since = len(world.mails)
    form = world.get(journey.page).form("address")
    assert world.send(form, address="marie@new.example", action="address").status == 303
    assert [mail.to for mail in world.mails[since:]] == ["marie@new.example"]


def files_never_sent(world: World) -> None:
    """A form names a file whose upload never arrived: the page says so."""
    journey = Journey(world).to_work()
    form = journey.form("work")
    key = f"files/{journey.id}/{journey.open_gate.id}/000000000000-logo.png"
    assert world.send(form, choice="deliver", note="", file=[key]).status == 422
    assert journey.stage == "work"


def handed_over(world: World) -> None:
    """A tick that runs out of time has itself called again with what remains."""
    journey = Journey(world).to_acceptance()
    gate = journey.open_gate
    assert gate.deadline is not None
    world.go_to(gate.deadline)
    world.move_to(world.now() + timedelta(minutes=11))
    with patch.object(Context, "get_remaining_time_in_millis", side_effect=[RESERVE_MS + 1, 0] + 40 * [60_000]):
        world.tick()
    assert journey.stage == "hold"


PLAYS: dict[str, Play] = SCENARIOS | {
    play.__name__: play
    for play in (
        unsaved_brief,
        checkout_of_an_old_page,
        called_back_at_openings,
        texts_removed,
        later_versions_unreviewed,
        address_corrected,
        files_never_sent,
        handed_over,
    )
}


@cache
def played(deployed: Deployed, name: str) -> frozenset[Use]:
    """What the functions did in a play; fails where they were refused anything."""
    with guarded_world(deployed) as (world, guard):
        PLAYS[name](world)
    assert guard.refused == set()
    return frozenset(guard.used)


@pytest.mark.parametrize("name", PLAYS)
def test_no_way_that_an_order_goes_needs_more_than_is_granted(deployed: Deployed, name: str) -> None:
    """A step that begins to ask for more fails here, not in production."""
    assert played(deployed, name)


def test_every_grant_is_used_by_some_order_or_by_aws_itself(deployed: Deployed) -> None:
    """What nobody uses is not granted: a leaked role can do no more than orders need."""
    uses = frozenset[Use]().union(*(played(deployed, name) for name in PLAYS))
    left = {one for one in deployed.grants if not any(one.covers(use) for use in uses)}
    by_aws = {(one.function, action) for one in UNPLAYED if one.play is None for action in one.actions}
    unexplained = {one for one in left if not one.action.startswith(BY_THE_RUNTIME)}
    assert {one[:2] for one in unexplained} == by_aws


@pytest.mark.parametrize("one", [one for one in UNPLAYED if one.play], ids=lambda one: f"{one.function}-{one.play}")
def test_what_the_demo_does_not_use_is_used_as_the_list_says(deployed: Deployed, one: Any) -> None:
    """Each reason on the list names the way of an order that needs the grant: it is seen to."""
    found = {use.action for use in played(deployed, one.play) if use.function == one.function}
    assert one.actions <= found
    assert one.actions <= {grant.action for grant in deployed.grants if grant.function == one.function}
