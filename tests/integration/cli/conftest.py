"""A deployed stage on moto: the table with the templates' keys and indexes, the outputs, an order made by steps."""

import functools
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from typer.testing import CliRunner

from relais.adapters.dynamodb import DynamoStore
from relais.adapters.keys import INDEXES, PK, SK
from relais.adapters.stepfunctions import StepFunctionsMachine
from relais.cli import app
from relais.cli.catalog import Catalog, load
from relais.gate import Choice, Status, Via, gate_from_row
from relais.link import LinkKeys
from relais.pages.letter_views import AnyLetter
from relais.ports import ChargeSeen, PaidSession, Ports, Sent, SessionRequest, Settings, Settlement
from relais.rows import order_key
from relais.steps.assign import open_proposal
from relais.steps.catalog import apply
from relais.steps.decisions import Answer
from relais.steps.gates import GateCall, answer, open_gate
from relais.steps.intake import checkout, draft, enter
from relais.steps.payout import book_fee, close, open_money_gate
from relais.steps.situation import read_order, read_situation
from relais.steps.webhook import StripeEvent, receive
from tests.support.clients import clients_made_once
from tests.support.doubles import ReadyRecipients

REGION = "eu-west-3"
TABLE = "relais-dev"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cloud of this test's own."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "STRIPE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(), clients_made_once():
        yield


@pytest.fixture
def store(aws: None) -> DynamoStore:
    """The store on a fresh table."""
    client = boto3.client("dynamodb", region_name=REGION)
    text: Any = [
        {"AttributeName": name, "AttributeType": "S"}
        for name in dict.fromkeys([PK, SK, *(part for one in INDEXES for part in (one.partition, one.sort))])
    ]
    indexes: Any = [
        {
            "IndexName": one.name,
            "KeySchema": _schema(one.partition, one.sort),
            "Projection": {"ProjectionType": "ALL" if one.whole else "KEYS_ONLY"},
        }
        for one in INDEXES
    ]
    schema: Any = _schema(PK, SK)
    client.create_table(
        TableName=TABLE,
        KeySchema=schema,
        AttributeDefinitions=text,
        GlobalSecondaryIndexes=indexes,
        BillingMode="PAY_PER_REQUEST",
    )
    return DynamoStore(client, TABLE, pause=lambda _: None)


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


# --- a deployed stage, and an order in it ---------------------------------------------------------------------------

FIDGET = "stays-in-its-row-0123456789"
"""A task token: nothing that is printed may hold it."""
BRAND_NEW_KEY = "rk_test_never_printed_0123456789"
START = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
_NOTHING: Any = {
    "Comment": "waits",
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 9_000, "End": True}},
}


@pytest.fixture
def cloud(store: DynamoStore) -> None:
    """The stacks' outputs, a machine that waits, and empty secrets, as a deployment leaves them."""
    machine = boto3.client("stepfunctions", region_name=REGION).create_state_machine(
        name=TABLE, definition=json.dumps(_NOTHING), roleArn="arn:aws:iam::123456789012:role/machine"
    )["stateMachineArn"]
    outputs = {
        TABLE: {"ApiUrl": "https://api.example", "PublicUrl": "https://shop.example", "MachineArn": machine},
        f"{TABLE}-data": {"TableName": TABLE, "BucketName": f"{TABLE}-files"},
    }
    formation = boto3.client("cloudformation", region_name=REGION)
    for name, values in outputs.items():
        body = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}},
            "Outputs": {key: {"Value": value} for key, value in values.items()},
        }
        formation.create_stack(StackName=name, TemplateBody=json.dumps(body))
    boto3.client("s3", region_name=REGION).create_bucket(
        Bucket=f"{TABLE}-files", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    vault = boto3.client("secretsmanager", region_name=REGION)
    for name in (
        "link-keys",
        "stripe-webhook",
        "stripe-open-checkout",
        "stripe-enter-order",
        "stripe-reconcile",
        "stripe-run-act",
        "stripe-onboard",
        "stripe-accounts-webhook",
    ):
        vault.create_secret(Name=f"relais/dev/{name}")


class Post:
    """Takes every mail."""

    def __init__(self) -> None:
        self.sent: list[AnyLetter] = []

    def send(self, letter: AnyLetter) -> None:
        self.sent.append(letter)


class Bank:
    """A Stripe that accepts: one payment of 290 €, its fee of 4.60, transfers."""

    def __init__(self, world: "World") -> None:
        self.world = world

    def open_session(self, request: SessionRequest) -> PaidSession:
        return self._session("open", request.order)

    def session(self, session: str) -> PaidSession:  # noqa: ARG002 - a port's signature
        return self._session("complete", self.world.order)

    def _session(self, status: str, order: str) -> PaidSession:
        return PaidSession(
            id="cs_1",
            status=status,
            payment_status="paid" if status == "complete" else "unpaid",
            url="https://pay.example",
            amount=29_000,
            currency="eur",
            order=order,
            email="marie@client.example",
            name="Marie Durand",
            payment_intent="pi_1",
            charge="ch_1",
        )

    def charge(self, charge: str) -> ChargeSeen:
        return ChargeSeen(charge, "pi_1", self._settlement("txn_charge", "charge", 29_000, 460, charge))

    def settlement(self, transaction: str) -> Settlement:
        return self._settlement(transaction, "transfer", -13_000, 0, "tr_1")

    def _settlement(self, txn: str, kind: str, amount: int, fee: int, source: str) -> Settlement:
        now = self.world.now()
        return Settlement(txn, kind, amount, fee, amount - fee, "eur", source, now, now)

    def ready(self, account: str) -> bool:  # noqa: ARG002 - a port's signature
        return True

    def transfer(self, body: dict[str, Any], key: str) -> Sent:  # noqa: ARG002 - a port's signature
        return Sent(
            "tr_1", body["amount"], body["currency"], body["destination"], body["metadata"]["op"], "txn_transfer"
        )

    def refund(self, body: dict[str, Any], key: str) -> Sent:  # noqa: ARG002 - a port's signature
        return Sent("re_1", body["amount"], "eur", "", body["metadata"]["op"], None)


class Aside:
    """Functions that would be called, and uploads that are there."""

    def run_act(self, order: str, owed: str) -> None:
        pass

    def tick_again(self, remaining: dict[str, Any]) -> None:
        pass

    def put_text(self, key: str, body: str) -> None:
        pass

    def get_text(self, key: str) -> str | None:  # noqa: ARG002 - a port's signature
        return None

    def count(self, name: str, value: int = 1) -> None:
        pass


_REMEMBERED: dict[str, tuple[str, list[dict[str, Any]]]] = {}


def remembered(bring: Callable[["World"], None]) -> Callable[["World"], None]:
    """The first test goes through the steps; later ones get the rows that these left: moto is slow with every call."""

    @functools.wraps(bring)
    def recalled(world: "World") -> None:
        fresh = world.at == START and not world.order
        if fresh and bring.__name__ in _REMEMBERED:
            world.recall(*_REMEMBERED[bring.__name__])
            return
        bring(world)
        if fresh:
            _REMEMBERED[bring.__name__] = (world.order, world.raw())

    return recalled


class World:
    """One shop and one order, brought where a test wants it by the steps themselves, at a time of its own."""

    def __init__(self, store: DynamoStore) -> None:
        self.store = store
        self.at = START
        self.order = ""
        self.settings = Settings("dev", "https://shop.example")
        self.link_keys = LinkKeys("k1", {"k1": b"0" * 32})
        self.webhook_secrets = ("whsec_1",)
        self.machine = StepFunctionsMachine(
            boto3.client("stepfunctions", region_name=REGION),
            boto3.client("stepfunctions", region_name=REGION).list_state_machines()["stateMachines"][0][
                "stateMachineArn"
            ],
        )
        self.mailer = Post()
        self.payments = Bank(self)
        self.recipients = ReadyRecipients()
        self.files = self.background = self.counter = Aside()

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return self.at

    def order_id(self) -> str:
        return f"0rder{len(self.store.query('SHOP')):07d}"

    @property
    def ports(self) -> Ports:
        return self  # type: ignore[return-value]  # doubles take what the journey needs, and no more

    def raw(self) -> list[dict[str, Any]]:
        """Every item, past the store's interface."""
        found = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table(TABLE).all_items()
        return [deepcopy(item) for item in found]

    def recall(self, order: str, items: list[Any]) -> None:
        """Put remembered items back, and their order's execution."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table(TABLE)
        for item in deepcopy(items):
            table.items[item.hash_key][item.range_key] = item
        self.order = order
        if order:
            self.machine.start(order, 1)

    @remembered
    def open_shop(self) -> None:
        """Apply the sample catalogue."""
        catalog = load(Path(__file__).parents[3] / "catalog", today=START.date())
        assert isinstance(catalog, Catalog), str(catalog)
        apply(self.store, catalog, self.at)

    @remembered
    def pay(self) -> None:
        """A draft, its checkout, the webhook, the first state: the brief's gate is open."""
        self.open_shop()
        self.order = draft(self.ports, "logo", "fr", consumer=True).id
        checkout(self.ports, read_order(self.store, self.order))
        paid = StripeEvent("evt_1", "checkout.session.completed", livemode=False, subject=_PAID)
        assert receive(self.ports, paid) == "paid"
        enter(self.ports, self.order, 1)
        self.open("00", "brief")

    def open(self, milestone: str, stage: str) -> None:
        """What the definition does at a state."""
        call = GateCall(self.order, 1, milestone, stage, "0001#x", FIDGET)
        if stage == "assign":
            open_proposal(self.ports, call)
        elif stage in {"payout", "refund", "unwind"}:
            open_money_gate(self.ports, call)
        else:
            open_gate(self.ports, call)

    def decide(self, milestone: str, choice: Choice, by: str, **facts: Any) -> None:
        """An answer to the gate that is open."""
        rows = self.store.query(f"O#{self.order}", f"G#{milestone}#")
        gate = next(one for one in map(gate_from_row, rows) if one.status is Status.OPEN)
        situation = read_situation(self.ports, self.order, milestone)
        answer(self.ports, situation, gate, Answer(choice, by, Via.LINK, facts=facts))

    @remembered
    def engage(self) -> None:
        """The brief is in, Inès has accepted, the work is open."""
        self.pay()
        self.decide("00", Choice.HAND_IN, "client", text="texts/brief", files=[])
        self.open("00", "assign")
        self.decide("00", Choice.ACCEPTED, "ines-moreau")
        self.open("01", "work")

    @remembered
    def deliver(self) -> None:
        """The first version is handed in and approved; the client is asked."""
        self.engage()
        file = {"name": "logo.svg", "key": "files/logo.svg", "size": 9, "sha256": "ab" * 32}
        self.decide("01", Choice.DELIVER, "ines-moreau", files=[file])
        self.open("01", "review")
        self.decide("01", Choice.APPROVE, "seller")
        self.open("01", "acceptance")

    @property
    def reason(self) -> str:
        """The words that an order was ended with, as they are kept."""
        note = self.store.get(order_key(self.order))["interrupt"]["note"]  # type: ignore[index]  # it is there
        kept = boto3.client("s3", region_name=REGION).get_object(Bucket=f"{TABLE}-files", Key=note)
        return kept["Body"].read().decode()

    @remembered
    def complete(self) -> None:
        """Accepted, held, paid, closed; the card fee is booked."""
        self.deliver()
        self.decide("01", Choice.ACCEPT, "client")
        self.open("01", "hold")
        self.decide("01", Choice.RELEASE, "clock")
        self.open("01", "payout")
        close(self.ports, self.order, 1)
        book_fee(self.ports, self.order)


_PAID = {"id": "cs_1", "payment_status": "paid"}


@pytest.fixture
def world(cloud: None, store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> World:
    """A deployed stage whose wall says START."""
    made = World(store)
    monkeypatch.setattr("relais.adapters.time.wall", made.wall)
    return made


@dataclass(frozen=True)
class Said:
    """How a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


Relais = Callable[..., Said]


@pytest.fixture
def relais() -> Relais:
    """The command line, its output piped."""

    def run(*arguments: str, given: str | None = None) -> Said:
        done = CliRunner().invoke(app, list(arguments), input=given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        for secret in (FIDGET, BRAND_NEW_KEY, "marie@client.example", "texts/"):
            assert secret not in done.output
        return Said(done.exit_code, done.stdout, done.stderr)

    return run
