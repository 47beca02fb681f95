"""A link is safe to open (promise 4): mail scanners, previews and curious people change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from devstack.simulation.world import PUBLIC_URL, World, _client_once, world_in_memory
from tests.support.journey import Journey
from tests.support.world import world
from tests.workflow.test_crashes import READS, STEPS

READING = {"GetItem", "BatchGetItem", "Query", "GetObject", "HeadObject", "GetSecretValue"}


def links(made: World) -> list[str]:
    """Every address of ours in any mail, and the public ones."""
    ours = {link for mail in made.mails for link in mail.links if link.startswith(PUBLIC_URL)}
    return sorted(ours | {PUBLIC_URL, f"{PUBLIC_URL}/offer/logo", f"{PUBLIC_URL}/offer/logo?lang=en"})


def test_opening_any_link_at_any_stage_leaves_no_trace() -> None:
    """GET and HEAD of every link of every mail so far, after each step of the order: no call that leaves a trace."""
    traces: list[str] = []
    looking = False

    def before(place: str) -> None:
        if looking and not (place.endswith(READS) and "Stripe" not in place):
            traces.append(place)

    with world_in_memory(before=before) as made:
        journey = Journey(made).to_assign()
        for step in (*STEPS, lambda _: made.pass_time(days=5)):
            held = made.rows()
            looking = True
            for link in links(made) + [f"{link}?choice=accept" for link in links(made)]:
                for method in ("GET", "HEAD", "GET"):
                    page = made.http(method, link)
                    assert page.status == 200, (link, page.text)
                    assert bool(page.body) is (method == "GET")
            looking = False
            assert made.rows() == held
            step(journey)
        assert journey.order.stage.value == "completed"
    assert traces == []


def test_links_are_read_with_reading_calls_only() -> None:
    """The same at the real adapters: nothing but reads reaches AWS, and Stripe is not asked at all."""
    called: list[str] = []

    def note(model: Any, **_: Any) -> None:
        called.append(model.name)

    with world(fast_table=False) as made:
        Journey(made).to_acceptance()
        asked = len(made.stripe_calls)
        clients = [
            _client_once(service)
            for service in ("dynamodb", "s3", "sesv2", "stepfunctions", "secretsmanager", "lambda")
        ]
        for client in clients:
            client.meta.events.register("before-call", note)
        for link in links(made):
            for method in ("GET", "HEAD"):
                assert made.http(method, link).status == 200
        for client in clients:
            client.meta.events.unregister("before-call", note)
        assert len(made.stripe_calls) == asked
    assert called
    assert set(called) <= READING


@pytest.mark.parametrize(
    ("reader", "never"),
    [
        ("ines@moreau-graphisme.example", ["290", "Marie", "marie@gmail.com"]),
        ("marie@gmail.com", ["130\N{NO-BREAK SPACE}€", "130,00", "Inès", "Moreau"]),
    ],
)
def test_nobody_reads_what_they_may_not_know(reader: str, never: list[str]) -> None:
    """A freelancer never reads the client's price or name, a client never the freelancer's pay or name."""
    with world_in_memory() as made:
        journey = Journey(made).to_assign()
        seen: list[str] = []
        for step in (*STEPS, lambda _: made.pass_time(days=5)):
            step(journey)
            mine = [mail for mail in made.mails if mail.to == reader]
            seen += [mail.body + mail.subject for mail in mine]
            seen += [made.get(link).text for mail in mine for link in mail.links if link.startswith(f"{PUBLIC_URL}/")]
        assert seen
        assert [word for word in never if any(word in text for text in seen)] == []
