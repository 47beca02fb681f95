from typing import Any

from playwright.sync_api import Page

from devstack.browser import read_page
from devstack.cloud import TABLE
from devstack.player import Play
from devstack.stack import Started
from devstack.tally import sandbox_state
from relais.gate import Kind, Status, gate_from_row
from tests.browser.people import Street

ROBOT = "scanner@gateway.example"
# As a scanner that "detonates" what it finds: by the button, and past the browser's own checks.
SUBMITS = (
    "(form) => form.requestSubmit(form.querySelector('[type=submit]'))",
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


def _let_loose(robot: Page, started: Started, play: Play, order: str, kind: Kind) -> None:
    """Open every link of every mail of an order while such a gate is open, and send every form of each page."""
    play._wait(f"the order to wait at the {kind}", lambda: _waits_at(started, order, kind))
    before = _state(started)
    links = _links(started, order)
    sent = sum(_detonate(robot, link) for link in links)
    assert sent > 0, f"none of {len(links)} links led to a form"
    assert _state(started) == before


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
            with robot.expect_navigation():
                robot.locator("form").nth(at).evaluate(submit)
    return forms * len(SUBMITS)
