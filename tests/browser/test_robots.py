import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from devstack.browser import read_page
from devstack.cloud import TABLE
from devstack.player import Play
from devstack.simulation.world import PUBLIC_URL, World, world_in_memory
from devstack.stack import Started
from devstack.tally import sandbox_state
from relais.gate import Kind, Status, gate_from_row
from relais.offer import RefundCause
from relais.steps import interrupt
from tests.browser.people import Street
from tests.support.gates import at_every_gate
from tests.support.journey import Journey

ROBOT = "scanner@gateway.example"
# As a scanner that "detonates" what it finds: past the browser's own checks, by the first button and by the last, and
# without any.
SUBMITS = (
    "(form) => { form.noValidate = true; form.requestSubmit([...form.querySelectorAll('[type=submit]')].at(0)); }",
    "(form) => { form.noValidate = true; form.requestSubmit([...form.querySelectorAll('[type=submit]')].at(-1)); }",
    "(form) => HTMLFormElement.prototype.submit.call(form)",
)
OWED = ("owes", "owes_start", "owes_fee", "owes_mail")
# The clock ticks meanwhile, and writes its own row.
CLOCK = "CLOCK"
State = tuple[dict[tuple[str, str], dict[str, Any]], dict[str, int], int]


def test_a_robot_that_opens_every_link_and_sends_every_form_changes_nothing(
    street: Street, started: Started, play: Play
) -> None:
    """Promise 4: scanners open the links of mails in real browsers, let scripts run and press what they find."""
    robot = street.person(ROBOT).page
    order = play.buy()
    _let_loose(robot, started, play, order, Kind.BRIEF)
    play.hand_in_brief()
    _let_loose(robot, started, play, order, Kind.PROPOSAL)
    play.accept_proposal()
    _let_loose(robot, started, play, order, Kind.WORK)
    play.deliver(1)
    _let_loose(robot, started, play, order, Kind.REVIEW)
    play.judge("approve")
    _let_loose(robot, started, play, order, Kind.ACCEPTANCE)
    # What the robot was shown is still there for the person.
    play.answer_client("accept")


def test_a_robot_at_every_kind_of_gate_changes_nothing(chromium: Browser) -> None:
    """The same in the ways out: pick, park, stuck, the refund as a right, and pages of orders that are given back.

    The shop runs in this process, behind a port of its own, so that every gate there is stands open at once.
    """
    with world_in_memory() as world, _served(world) as address, chromium.new_context() as window:
        waiting = at_every_gate(world)
        cancelled = Journey(world).to_work()
        interrupt.cancel(world.ports, cancelled.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="une raison")
        world.settle()
        robot = window.new_page()
        mailed = {link for mail in world.mails for link in mail.links if link.startswith(f"{PUBLIC_URL}/")}
        # Orders that have not been paid yet are in nobody's mail; their button opens Stripe's page and decides nothing.
        asked = {one.link for one in waiting if one.kind != "checkout"}
        # The second steps of a way out are behind the order's own link, which is.
        # The seller's own link to a brief is mailed on its fifth day, which has not come.
        early = {one.link for one in waiting if one.kind == "stand_in"}
        assert {link.partition("?")[0] for link in asked - early} <= mailed
        unlike = _unlike(world, mailed | asked)
        before = _kept(world)
        sent = sum(_detonate(robot, link.replace(PUBLIC_URL, address)) for link in unlike)
        assert sent >= len(SUBMITS) * len({one.kind for one in waiting})
        assert _kept(world) == before
        # What the robot was shown is still there for the person.
        for one in waiting:
            assert world.get(one.link).forms, one.kind


def _unlike(world: World, links: set[str]) -> list[str]:
    """One link to each page that asks something else: the tenth open work is asked as the first one is."""
    found: dict[tuple[object, ...], str] = {}
    for link in sorted(links):
        path = urlsplit(link).path.split("/")
        kind = path[3].split("-")[1] if path[1] == "g" else ""
        forms = world.get(link).forms
        asked = tuple((sorted(form.names), sorted((name, *of) for name, of in form.choices.items())) for form in forms)
        found.setdefault((path[1], kind, repr(asked)), link)
    return list(found.values())


def _kept(world: World) -> tuple[object, ...]:
    """Every row, every object in the bucket, how many mails were sent and how often Stripe was called."""
    files = dict(world.clouds.files.objects)  # type: ignore[attr-defined]
    return world.rows(), files, len(world.mails), len(world.stripe_calls)


@contextmanager
def _served(world: World) -> Iterator[str]:
    """The handlers of a world behind a port, one request at a time. A HEAD and a prefetch are requests like others."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            page = world.http(
                self.command, self.path, body, {name.lower(): text for name, text in self.headers.items()}
            )
            content = page.body.encode()
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)

        do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing: paths hold secrets."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _let_loose(robot: Page, started: Started, play: Play, order: str, kind: Kind) -> None:
    """Open every link of every mail of an order while such a gate is open, and send every form of each page."""
    play.wait(f"the order to wait at the {kind}", lambda: _waits_at(started, order, kind))
    before = _state(started)
    links = _links(started, order)
    sent = sum(_detonate(robot, link) for link in links)
    assert sent > 0, f"none of {len(links)} links led to a form"
    after = _state(started)
    assert _changed(before[0], after[0]) == []
    assert after[1:] == before[1:]


def _waits_at(started: Started, order: str, kind: Kind) -> bool | None:
    """Whether the mail of an open gate has left, the card's fee is booked and nothing is owed; None while not."""
    rows = started.store.query(f"O#{order}", "")
    gates = [gate_from_row(row) for row in rows if row["sk"].startswith("G#")]
    waiting = [gate for gate in gates if gate.id.kind is kind and gate.status is Status.OPEN and gate.mailed]
    booked = any(row["sk"] == "ORDER" and "fee" in row for row in rows)
    return True if waiting and booked and not any(row.get(name) for row in rows for name in OWED) else None


def _state(started: Started) -> State:
    """Every row of the table, how often Stripe was called, and how many mails were sent."""
    pages = started.cloud.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
    rows = [row for page in pages for row in page["Items"] if row["pk"]["S"] != CLOCK]
    calls: dict[str, int] = sandbox_state(started.addresses.stripe)["calls"]["by_route"]
    return {(row["pk"]["S"], row["sk"]["S"]): row for row in rows}, calls, len(started.cloud.mails())


def _changed(before: dict[tuple[str, str], dict[str, Any]], after: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    """Each row that came, went or is another, with the names of what changed in it."""
    said = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, {}), after.get(key, {})
        names = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
        said += [f"{' '.join(key)}: {', '.join(names)}"] if names else []
    return said


def _links(started: Started, order: str) -> list[str]:
    every = [link for mail in started.cloud.mails() for link in read_page("", 200, mail.html).links]
    return list(dict.fromkeys(link for link in every if f"/{order}/" in link))


def _detonate(robot: Page, link: str) -> int:
    """Send every form behind a link in every way; gives how often."""
    robot.goto(link)
    forms = robot.locator("form").count()
    for at in range(forms):
        for submit in SUBMITS:
            robot.goto(link)
            assert robot.locator("form").count() == forms, (
                f"form {at} of {urlsplit(link).path.split('/')[1:4:2]} did something"
            )
            with robot.expect_navigation():
                robot.locator("form").nth(at).evaluate(submit)
    return forms * len(SUBMITS)
