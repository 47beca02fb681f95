"""`release: preview first`, as a client lives it: no original before the yes, every original after it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import pytest
from PIL import Image

from devstack.simulation.pages import Page
from devstack.simulation.world import World, world_in_memory
from tests.support.journey import Journey


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def png() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (1600, 1200), "teal").save(written, "PNG")
    return written.getvalue()


def to_acceptance(world: World, **files: bytes) -> tuple[Journey, str]:
    """Files that wait for the client's yes, and the page that asks for it."""
    journey = Journey(world).to_work()
    form = journey.form("work")
    named = {name.replace("_", "."): body for name, body in files.items()}
    keys = world.upload(f"{form.action}/files", form.fields["nonce"], named)
    world.send(form, choice="deliver", note="", file=keys)
    journey.answer("review", "approve")
    return journey, world.link("acceptance", journey.id)


def preview(world: World, page: str, number: int | str = 0) -> Page:
    return world.get(f"{page}/preview/{number}")


def test_before_the_yes_no_address_leads_to_an_original(world: World) -> None:
    """Until the yes the page knows of smaller pictures alone; the seller looks at the file itself."""
    journey, page = to_acceptance(world, logo_png=png(), logo_svg=b"<svg/>")
    shown = world.get(page).body
    assert "files/" not in shown
    assert (shown.count("/preview/0"), shown.count("/preview/1")) == (1, 0)
    assert "logo.svg" in shown
    answer = preview(world, page)
    small = Image.open(io.BytesIO(base64.b64decode(answer.body)))
    assert (answer.status, answer.headers["content-type"], small.size) == (200, "image/jpeg", (1000, 750))
    for key in [key for key in world.clouds.files.objects if key.endswith("logo.png")]:  # type: ignore[attr-defined]
        world.clouds.put_object(key, b"sent later with the same permit")
    assert preview(world, page).body == answer.body
    assert journey.stage == "acceptance"


def test_a_preview_is_for_who_holds_the_link_of_an_open_question_and_writes_nothing(world: World) -> None:
    """Another gate's link, a guessed number, a dead link, an answered gate: nothing is there."""
    journey, page = to_acceptance(world, logo_png=png(), logo_svg=b"<svg/>")
    before = world.rows()
    assert preview(world, page).status == 200
    assert preview(world, world.link("review", journey.id)).status == 404
    assert [preview(world, page, number).status for number in (1, 2, "-1", "x", "²")] == [404] * 5
    assert preview(world, page[:-1]).status == 404
    assert world.rows() == before
    journey.answer("acceptance", "revise", "Plus clair.")
    assert preview(world, page).status == 404


def test_a_picture_that_cannot_be_read_says_so(world: World) -> None:
    """A broken file is the client's to see before the yes, not a hole in the page."""
    _, page = to_acceptance(world, logo_png=b"\x89PNG logo")
    answer = preview(world, page)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert "Pas d’aperçu" in base64.b64decode(answer.body).decode()


def test_with_the_yes_the_files_are_the_clients(world: World) -> None:
    """The originals, whole and unmarked."""
    body = png()
    journey, _ = to_acceptance(world, logo_png=body)
    journey.answer("acceptance", "accept")
    shown = world.get(journey.page).body
    assert "/preview/" not in shown
    assert "logo.png?name" in shown
