"""The restore drill: a table is lost on the local stack, and the runbook's page is followed to the end.

An order is paid out and another one paid after the point that the table is restored to. What must hold: nobody is paid
twice, what Stripe knows is in the books again, and both orders go on (design: workflow section 7).
"""

import json
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from devstack.browser import Browser, Page
from devstack.cloud import TABLE
from devstack.player import CARD, OFFER, Play
from devstack.stack import Started
from devstack.tally import Money, money_of, sandbox_state
from relais.adapters.dynamodb import DynamoStore
from relais.errors import RelaisError
from relais.order import order_from_row
from relais.rows import CLOCK_KEY, Put, order_key, session_key

RESTORED = f"{TABLE}-restored"
SECOND_EMAIL = "jules.petit@velo-cargo.example"
CONSENT = {"client_kind": "consumer", "start_now": "yes", "ends_when_done": "yes"}


class DrillFailedError(RelaisError):
    """Something that the runbook promises did not hold."""

    def __init__(self, what: str) -> None:
        """Keep what it was."""
        super().__init__(f"the drill failed: {what}. See the logs in .run/ and docs/runbook.md, “The table is lost”.")


@dataclass(frozen=True, slots=True)
class Drilled:
    """The last line of `make restore-drill`; amounts in minor units, `runs` the runs of both orders."""

    table: str
    status: str
    runs: tuple[int, int]
    transfers: int
    freelancer_received: int
    ledger_balanced: bool
    ledger_equals_sandbox: bool
    seconds: float

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def drill(started: Started, play: Play) -> tuple[Drilled, Money]:
    """Lose the table, restore it, go on. Raises `DrillFailedError`, `PageError`, `WaitedTooLongError`."""
    began = time.monotonic()
    order = play.to_acceptance()
    asked = play.seen
    with play.step("Jules Petit (client)", "stands before the hosted checkout"):
        checkout = _draft(play)
    point = datetime.now(UTC)
    with play.step("Relais", "has its table backed up: what follows will be lost"):
        backup = _backup(started)
    _lost_minutes(play, order, checkout)
    _restore(started, play, backup, point)
    second = _order_of(play, checkout)
    runs = _run_of(play, order), _run_of(play, second)
    play.seen = asked
    play.answer_client("accept")
    play.seen = len(play.cloud.mails())
    play.save_files(1)
    done = play.be_paid(order)
    money = money_of(play.store, done, started.addresses.stripe)
    transfers = sandbox_state(started.addresses.stripe)["objects"].get("transfer", [])
    return Drilled(
        table=RESTORED,
        status=done.stage.value,
        runs=runs,
        transfers=sum(one["transfer_group"] == order for one in transfers),
        freelancer_received=money.freelancer_received,
        ledger_balanced=money.ledger_balanced,
        ledger_equals_sandbox=money.ledger_equals_sandbox,
        seconds=round(time.monotonic() - began, 1),
    ), money


def _draft(play: Play) -> Page:
    """Somebody else stands before the hosted checkout."""
    browser = play.browsers.setdefault(SECOND_EMAIL, Browser())
    page = browser.open(f"{play.gateway}/offer/{OFFER}")
    return browser.submit(page.form("client_kind"), CONSENT)


def _backup(started: Started) -> str:
    """What point-in-time recovery would give back of this instant: the local cloud has backups."""
    made = started.cloud.client("dynamodb").create_backup(TableName=TABLE, BackupName="drill")
    return str(made["BackupDetails"]["BackupArn"])


def _lost_minutes(play: Play, order: str, checkout: Page) -> None:
    """What the restored table will not know: an acceptance, a transfer, and a first payment."""
    with play.step("Jules Petit (client)", "pays by card"):
        card = {"email": SECOND_EMAIL, "card": CARD, "name": "Jules Petit"}
        play.browsers[SECOND_EMAIL].submit(checkout.form("card"), card)
        play.wait("the second order's brief", lambda: any(SECOND_EMAIL in one.to for one in play.cloud.mails()) or None)
    play.answer_client("accept")
    play.be_paid(order)


def _restore(started: Started, play: Play, backup: str, point: datetime) -> None:
    """The runbook's page, step by step."""
    client = started.cloud.client("dynamodb")
    with play.step("The operator", "stops the stage: no clock, no door, a page that says so"):
        started.deploy_again(stopped="true")
        _is_stopped(play)
    with play.step("The operator", f"restores the table beside the old one, as {RESTORED}"):
        client.restore_table_from_backup(TargetTableName=RESTORED, BackupArn=backup)
        client.get_waiter("table_exists").wait(TableName=RESTORED)
        old, play.store = play.store, DynamoStore(client, RESTORED)
        moved = old.get(CLOCK_KEY)
        if moved is not None:  # the virtual date stands in the table too, and time does not go back
            play.store.write(Put(CLOCK_KEY, {"v": moved["v"], "offset": moved["offset"]}, guards=()))
    with play.step("The operator", "points the stage at it, still stopped"):
        started.deploy_again(stopped="true", table=RESTORED)
    with play.step("The operator", "has Stripe's book read, from a day before"):
        started.command("ledger", "reconcile", "--from", (point - timedelta(days=1)).isoformat())
    with play.step("The operator", "starts the next run of every open order"):
        started.command("ops", "restart", "--since", point.isoformat(), "--yes")
    with play.step("The operator", "opens the stage again"):
        started.deploy_again(table=RESTORED)


def _is_stopped(play: Play) -> None:
    for path, body in ((f"offer/{OFFER}", None), ("hooks/stripe", b"{}")):
        status = _status(f"{play.gateway}/{path}", body)
        if status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise DrillFailedError(f"/{path} of the stopped stage answers {status}")


def _status(url: str, body: bytes | None) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, body, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _order_of(play: Play, checkout: Page) -> str:
    """The order that a checkout is about, once it asks for its brief."""
    session = checkout.url.partition("?")[0].rpartition("/")[2]
    row = play.store.get(session_key(session))
    if row is None:
        raise DrillFailedError("the second order's session is not in the restored table")
    return str(row["order"])


def _run_of(play: Play, order: str) -> int:
    row = play.store.get(order_key(order))
    if row is None:
        raise DrillFailedError(f"order {order} is not in the restored table")
    found = order_from_row(row)
    if not found.is_open:
        raise DrillFailedError(f"order {order} is {found.stage.value} after the restore")
    return found.run
