"""`relais doctor`: a healthy stage has nothing to do; each thing that is broken is told, with what to do."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
import stripe
from botocore.exceptions import ClientError

from devstack.simulation.stripe_line import Line
from devstack.stripe_sandbox.keys import LOCAL_KEYS
from devstack.stripe_sandbox.sandbox import Sandbox
from relais.act import Act, ActKind, ActState, act_row
from relais.cli import checks
from relais.cli.bank import Bank
from relais.cli.stack import FUNCTIONS, Cloud, Stack
from relais.gate import Choice, Kind
from relais.metrics import NAMESPACE, Metric
from relais.order import MilestoneStage, OrderStage, stamp
from relais.rows import RECONCILER_KEY, REPORT_KEY, Change, Put, act_key, gate_key, milestone_key, order_key
from relais.steps.webhook import receive_signed
from relais.web import Request

REGION = "eu-west-3"
WEBHOOK_SECRET = "whsec_0123456789"
KEYS = {
    "stripe-open-checkout": "rk_test_open_checkout",
    "stripe-enter-order": "rk_test_enter_order",
    "stripe-run-act": "rk_test_run_act",
    "stripe-reconcile": "rk_test_reconcile",
    "stripe-onboard": "rk_test_onboard",
}


class Post:
    """SES of an account, as far as it is asked; moto knows no account."""

    def __init__(self) -> None:
        self.account: dict[str, Any] = {
            "SendingEnabled": True,
            "ProductionAccessEnabled": True,
            "SendQuota": {"Max24HourSend": 200.0, "SentLast24Hours": 3.0},
        }
        self.identities: dict[str, bool] = {"shop.example": True}

    def get_account(self) -> dict[str, Any]:
        return self.account

    def get_email_identity(self, **named: str) -> dict[str, Any]:
        domain = named["EmailIdentity"]
        if domain not in self.identities:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "GetEmailIdentity")
        return {"VerifiedForSendingStatus": self.identities[domain]}


class Door:
    """The webhook's function behind an address."""

    def __init__(self, world: Any) -> None:
        self.answers: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receive_signed(world.ports, Request("POST", self.path, headers=headers, body=body))
                outer.answers.append(str(answer.body))
                self.send_response(answer.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Stage:
    """A stage of which everything is as it should be, and may be broken."""

    def __init__(self, world: Any, door: Door, post: Post) -> None:
        self.world = world
        self.door = door
        self.post = post
        self.sandbox = Sandbox(keys=LOCAL_KEYS)
        self.functions = {name: {"RELAIS_SENDER": "bonjour@shop.example"} for name in FUNCTIONS}
        self.endpoints: list[Any] | None = None

    def fill(self, name: str, value: object) -> None:
        vault = boto3.client("secretsmanager", region_name=REGION)
        vault.put_secret_value(SecretId=f"relais/dev/{name}", SecretString=json.dumps(value))

    def tick(self) -> None:
        """The clock's heartbeat, as CloudWatch keeps it."""
        boto3.client("cloudwatch", region_name=REGION).put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": Metric.CLOCK_TICK.value,
                    "Dimensions": [{"Name": "service", "Value": "relais-dev"}],
                    "Timestamp": self.world.at - timedelta(minutes=1),
                    "Value": 1,
                }
            ],
        )

    def look(self, **report: Any) -> None:
        """The reconciler's last look, and what it found."""
        at = stamp(self.world.at - timedelta(minutes=5))
        mark = {"v": 1, "began": at, "looked": at, "revision": 1}
        found = {"v": 1, "at": at, "booked": {}, "held": {}, "findings": [], "more": 0, "told": []}
        self.world.store.write(Put(RECONCILER_KEY, mark, guards=()), Put(REPORT_KEY, found | report, guards=()))

    def alarm(self, name: str, state: str) -> None:
        client = boto3.client("cloudwatch", region_name=REGION)
        client.put_metric_alarm(
            AlarmName=f"relais-dev-{name}",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            MetricName="X",
            Namespace="Relais",
            Period=60,
            Threshold=1,
            Statistic="Sum",
        )
        client.set_alarm_state(AlarmName=f"relais-dev-{name}", StateValue=state, StateReason="test")

    def letter(self) -> None:
        client = boto3.client("sqs", region_name=REGION)
        url = client.get_queue_url(QueueName="relais-dev-dead-letters")["QueueUrl"]
        client.send_message(QueueUrl=url, MessageBody="{}")

    def change(self, key: Any, **put: Any) -> None:
        self.world.store.write(Change(key, put=put))


@pytest.fixture
def stage(world: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Everything is there, and an order waits for its freelancer."""
    world.webhook_secrets = (WEBHOOK_SECRET,)
    door, post = Door(world), Post()
    made = Stage(world, door, post)
    made.fill("link-keys", {"current": "k1", "keys": {"k1": "MDAwMA=="}})
    made.fill("stripe-webhook", {"secrets": [WEBHOOK_SECRET]})
    made.fill("stripe-accounts-webhook", {"secrets": [WEBHOOK_SECRET]})
    for name, key in KEYS.items():
        made.fill(name, {"key": key})
    boto3.client("sqs", region_name=REGION).create_queue(QueueName="relais-dev-dead-letters")
    topic = boto3.client("sns", region_name=REGION).create_topic(Name="relais-dev-alarms")["TopicArn"]
    boto3.client("sns", region_name=REGION).subscribe(
        TopicArn=topic, Protocol="email", Endpoint="ops@shop.example", ReturnSubscriptionArn=True
    )
    world.engage()
    made.tick()
    made.look()
    made.sandbox.platform.minimum["eur"] = 100_000
    outputs = {
        "TableName": "relais-dev",
        "BucketName": "relais-dev-files",
        "ApiUrl": door.url,
        "PublicUrl": door.url,
        "MachineArn": world.machine._machine,
    }
    monkeypatch.setattr(Stack, "outputs", outputs)
    monkeypatch.setattr(Stack, "settings_of", lambda _, name: made.functions.get(name))
    client = Cloud.client

    def with_post(cloud: Cloud, service: str) -> Any:
        return post if service == "sesv2" else client(cloud, service)

    def bank(asked: Bank) -> Any:
        found = stripe.StripeClient(asked.key, http_client=Line(made.sandbox, lambda *_: None), max_network_retries=0)
        if made.endpoints is not None:
            monkeypatch.setattr(found.v1.webhook_endpoints, "list", lambda _: Listed(made.endpoints or []))
        return found

    monkeypatch.setattr(Cloud, "client", with_post)
    monkeypatch.setattr(Bank, "client", bank)
    yield made
    door.close()


class Listed:
    """A list of Stripe's."""

    def __init__(self, found: list[Any]) -> None:
        self.found = found

    def auto_paging_iter(self) -> Iterator[Any]:
        return iter(self.found)


class Endpoint:
    """A webhook as Stripe knows it."""

    def __init__(self, url: str, status: str, events: list[str]) -> None:
        self.url, self.status, self.enabled_events = url, status, events


def wrong(told: Any) -> dict[str, list[dict[str, Any]]]:
    """What has to be done, by check."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in told.json["findings"]:
        if one["verdict"] == "wrong":
            found.setdefault(one["check"], []).append(one)
    return found


def test_a_healthy_stage_has_nothing_to_do(stage: Stage, relais: Any) -> None:
    """Every check is made and tells; only what cannot be read from here is not known."""
    told = relais("doctor", "--json")
    assert wrong(told) == {}
    assert (told.code, told.json["ok"], told.json["stage"]) == (0, True, "dev")
    assert {one["check"] for one in told.json["findings"]} == set(checks.CHECKS)
    unknown = {one["check"] for one in told.json["findings"] if one["verdict"] == "unknown"}
    assert unknown == {"webhook at Stripe"}
    shown = relais("doctor")
    assert (shown.code, "Nothing has to be done." in shown.out) == (0, True)


def test_both_webhooks_are_tried_with_an_event_that_changes_nothing(stage: Stage, relais: Any) -> None:
    """Address, function and secret are proved at once; rows stay as they are."""
    before = stage.world.raw()
    relais("doctor")
    assert stage.door.answers == ['{"received": "unknown"}'] * 2
    assert sorted(map(str, stage.world.raw())) == sorted(map(str, before))


def test_nothing_secret_is_shown(stage: Stage, relais: Any) -> None:
    """Keys, signing secrets, what clients wrote: none of it helps whoever reads this."""
    stage.world.webhook_secrets = ("whsec_other",)
    for told in (relais("doctor"), relais("doctor", "--json")):
        for secret in (*KEYS.values(), WEBHOOK_SECRET, "MDAwMA=="):
            assert secret not in told.out + told.err


Break = Callable[[Stage], None]


def _unexplained(stage: Stage) -> None:
    found = {"kind": "unexplained", "reference": "re_1", "amount": 2_000, "currency": "eur"}
    stage.look(findings=[found])


def _unread(stage: Stage) -> None:
    stage.change(RECONCILER_KEY, looked=stamp(stage.world.at - timedelta(minutes=91)))


def _emptied(stage: Stage) -> None:
    stage.change(RECONCILER_KEY, looked=stamp(stage.world.at))
    stage.sandbox.platform.minimum.clear()


def _no_debits(stage: Stage) -> None:
    stage.sandbox.platform.capabilities["sepa_debit_payments"] = "inactive"


def _other_secret(stage: Stage) -> None:
    stage.world.webhook_secrets = ("whsec_other",)


def _no_function(stage: Stage) -> None:
    del stage.functions["close-order"]


def _unverified(stage: Stage) -> None:
    stage.post.identities["shop.example"] = False


def _no_identity(stage: Stage) -> None:
    stage.post.identities.clear()


def _paused(stage: Stage) -> None:
    stage.post.account["SendingEnabled"] = False


def _used_up(stage: Stage) -> None:
    stage.post.account["SendQuota"]["SentLast24Hours"] = 170.0


def _silent(stage: Stage) -> None:
    stage.world.at += timedelta(hours=1)


def _late(stage: Stage) -> None:
    stage.change(order_key(stage.world.order), due=stamp(stage.world.at - timedelta(minutes=11)))


def _unregistered(stage: Stage) -> None:
    stage.endpoints = [Endpoint("https://elsewhere.example/hooks/stripe", "enabled", ["*"])]


def _switched_off(stage: Stage) -> None:
    stage.endpoints = [Endpoint(f"{stage.door.url}/hooks/stripe", "disabled", ["*"])]


def _half_registered(stage: Stage) -> None:
    stage.endpoints = [Endpoint(f"{stage.door.url}/hooks/stripe", "enabled", ["checkout.session.completed"])]


BROKEN: list[tuple[str, Break, str]] = [
    ("functions", _no_function, "close-order"),
    ("secrets", lambda stage: stage.fill("link-keys", {"other": 1}), "something unreadable"),
    ("stripe keys", lambda stage: stage.fill("stripe-run-act", {"key": "rk_live_0123456789"}), "other mode"),
    ("stripe keys", lambda stage: stage.fill("stripe-run-act", {"key": "rk_test_nobodys"}), "does not know it"),
    ("stripe keys", lambda stage: stage.fill("stripe-run-act", {"key": "rk_test_open_checkout"}), "lacks a right"),
    ("webhook", _other_secret, "refuses what is signed"),
    ("reconciler", _unexplained, "unexplained: 20.00 eur"),
    ("reconciler", _unread, "for 91 minutes not been read"),
    ("payouts", _emptied, "leave 0.00 eur at Stripe"),
    ("debits", _no_debits, "which Stripe does not take on this account"),
    ("webhook", lambda stage: stage.door.close(), "does not answer"),
    ("webhook at Stripe", _unregistered, "is not known to Stripe"),
    ("webhook at Stripe", _switched_off, "is switched off"),
    ("webhook at Stripe", _half_registered, "charge.updated"),
    ("mail", _unverified, "is not verified"),
    ("mail", _no_identity, "is no identity"),
    ("mail", _paused, "paused"),
    ("mail", _used_up, "170 of 200"),
    ("clock", _silent, "has not ticked"),
    ("due", _late, "has been due for 11 minutes"),
    ("alarms", lambda stage: stage.alarm("clock-late", "ALARM"), "docs/runbook.md, clock-late"),
    ("dead letters", lambda stage: stage.letter(), "1 call kept failing"),
]


@pytest.mark.parametrize(("check", "breaks", "told"), BROKEN, ids=[f"{one[0]}: {one[2]}" for one in BROKEN])
def test_what_is_broken_is_told_with_what_to_do(
    stage: Stage, relais: Any, check: str, breaks: Break, told: str
) -> None:
    """One thing is broken, and it is the one that is told: a doctor who cries at everything is not heard."""
    breaks(stage)
    answer = relais("doctor", "--json")
    found = wrong(answer)
    assert (answer.code, answer.json["ok"]) == (1, False)
    assert told in json.dumps(found[check])
    assert all(one["do"] for ones in found.values() for one in ones)
    # The webhook's address leads to both doors.
    assert found.keys() - ({"webhook of accounts"} if check == "webhook" else set()) == {check}


def test_an_alarm_that_rang_and_is_over_is_no_finding(stage: Stage, relais: Any) -> None:
    """Yesterday's trouble is in the dashboard."""
    stage.alarm("clock-late", "OK")
    assert wrong(relais("doctor", "--json")) == {}


class Logs:
    """The functions' logs; moto takes no line of another day."""

    def __init__(self, group: str, *lines: str) -> None:
        self.group = group
        self.lines = lines

    def get_paginator(self, _name: str) -> "Logs":
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        if asked["logGroupName"] != self.group:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "FilterLogEvents")
        yield {"events": [{"message": line} for line in self.lines if asked["filterPattern"] in line]}


def test_a_permission_that_a_function_lacks_is_named(
    stage: Stage, relais: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the functions' own logs: what a role lacks shows nowhere else, and AWS itself says what it is."""
    missing = "ses:SendEmail on arn:aws:ses:eu-west-3:123456789012:identity/shop.example"
    line = json.dumps({"message": "put off", "denied": missing})
    logs = Logs(
        "/aws/lambda/relais-dev-open-gate", f"{line}\n{line}", '{"broken "denied"', json.dumps({"message": "x"})
    )
    client = Cloud.client
    monkeypatch.setattr(Cloud, "client", lambda cloud, name: logs if name == "logs" else client(cloud, name))
    (found,) = wrong(relais("doctor", "--json"))["permissions"]
    assert found["about"] == "open-gate"
    assert f"is not allowed {missing} (2 times" in found["what"]
    assert "not-allowed" in found["do"]


def test_nobody_being_told_of_alarms_is_said(stage: Stage, relais: Any) -> None:
    """Stage dev may do without; it is said all the same."""
    client = boto3.client("sns", region_name=REGION)
    for one in client.list_subscriptions()["Subscriptions"]:
        client.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    told = relais("doctor", "--json").json
    assert [one["verdict"] for one in told["findings"] if one["check"] == "alarms told"] == ["unknown"]


def test_a_check_that_cannot_be_made_hides_none_of_the_others(
    stage: Stage, relais: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are made; what it met is told by its type, for its text may be anybody's."""

    def breaks(_: Stack) -> Iterator[Any]:
        raise ValueError("marie@client.example")

    monkeypatch.setitem(checks.CHECKS, "mail", breaks)
    boto3.client("sqs", region_name=REGION).delete_queue(
        QueueUrl=boto3.client("sqs", region_name=REGION).get_queue_url(QueueName="relais-dev-dead-letters")["QueueUrl"]
    )
    stage.alarm("parked", "ALARM")
    found = wrong(relais("doctor", "--json"))
    assert found.keys() == {"mail", "dead letters", "alarms"}
    assert "ValueError" in found["mail"][0]["what"]
    assert "GetQueueUrl" in found["dead letters"][0]["what"]


# --- orders ---------------------------------------------------------------------------------------------------------


def ailing(relais: Any) -> list[tuple[str, str, str]]:
    """What has to be done about orders."""
    told = wrong(relais("doctor", "--json"))
    assert told.keys() <= {"orders"}
    return [(one["about"], one["what"], one["do"]) for one in told.get("orders", [])]


def test_a_parked_order_says_from_where_and_why(stage: Stage, relais: Any) -> None:
    """The seller has the link; whoever looks knows what has to be mended first."""
    order = stage.world.order
    stage.change(order_key(order), stage=OrderStage.PARK.value, parked_from="assign", parked_why="exhausted")
    ((about, what, do),) = ailing(relais)
    assert about == order
    assert "was at assign: exhausted" in what
    assert f"relais order show {order}" in do


def test_a_parked_milestone_is_told_with_the_gate_that_waits(stage: Stage, relais: Any) -> None:
    """Parked by the steps themselves."""
    world = stage.world
    world.decide("01", Choice.PARK, "engine", why="transfer_refused")
    world.open("01", "park")
    ((about, what, do),) = ailing(relais)
    assert (about, "milestone 01 is parked" in what) == (world.order, True)
    assert "the seller answers from the link in the mail" in do


def test_an_order_whose_execution_died_is_told(stage: Stage, relais: Any) -> None:
    """The clock mends it; somebody who waits may do it at once."""
    stage.world.machine.stop(stage.world.order, 1, "test")
    ((about, what, do),) = ailing(relais)
    assert about == stage.world.order
    assert f"{stage.world.order}-1 is ABORTED" in what
    assert "relais order resume" in do


def test_an_order_that_waits_for_nobody_is_told(stage: Stage, relais: Any) -> None:
    """Its execution runs, and there is no open gate: nobody would ever hear of it."""
    world = stage.world
    (gate,) = world.store.query(f"O#{world.order}", "G#01#work")
    stage.change(gate_key(world.order, gate["sk"].removeprefix("G#").replace("#", "-")), status="withdrawn")
    ((about, what, do),) = ailing(relais)
    assert (about, what) == (world.order, "milestone 01 waits, and nobody is asked")
    assert "relais order resume" in do


def test_a_decision_that_was_not_taken_up_is_told_after_five_minutes(stage: Stage, relais: Any) -> None:
    """Before that the clock is about to."""
    world = stage.world
    file = {"name": "logo.svg", "key": "files/logo.svg", "size": 9, "sha256": "ab" * 32}
    world.decide("01", Choice.DELIVER, "ines-moreau", files=[file])
    world.at += timedelta(minutes=4)
    stage.tick()
    assert ailing(relais) == []
    world.at += timedelta(minutes=1)
    stage.tick()
    ((about, what, _),) = ailing(relais)
    assert (about, "01-work-" in what, "not taken up" in what) == (world.order, True, True)


def test_what_was_given_up_is_told(stage: Stage, relais: Any) -> None:
    """Ten tries: a mail, a start, the last mails of an order that has ended."""
    world = stage.world
    (gate,) = world.store.query(f"O#{world.order}", "G#01#work")
    name = gate["sk"].removeprefix("G#").replace("#", "-")
    stage.change(gate_key(world.order, name), owes={"mail": 10})
    stage.change(order_key(world.order), owes_start=10)
    assert sorted(what for _, what, _ in ailing(relais)) == sorted(
        [f"{name}: its mail was refused 10 times", "its run 1 could not be started in 10 tries"]
    )
    stage.change(gate_key(world.order, name), owes={"mail": 9})
    stage.change(order_key(world.order), owes_start=9)
    assert ailing(relais) == []


def test_an_order_that_has_ended_is_looked_at_while_it_owes(stage: Stage, relais: Any) -> None:
    """Its clients wait for a receipt that never comes."""
    stage.change(order_key(stage.world.order), stage=OrderStage.COMPLETED.value, owes_mail=10)
    stage.change(milestone_key(stage.world.order, "01"), stage=MilestoneStage.CLOSED.value)
    ((_, what, _),) = ailing(relais)
    assert what == "its last mails were refused 10 times"


@pytest.mark.parametrize(
    ("state", "sent", "told"),
    [
        (ActState.REFUSED, 5, "Stripe refused the transfer (balance_insufficient)"),
        (ActState.UNKNOWN, 5, "nobody knows whether the transfer was made"),
        (ActState.SENDING, 61, "sent an hour ago"),
        (ActState.SENDING, 59, None),
        (ActState.DONE, 600, None),
    ],
)
def test_money_that_did_not_move_is_told(
    stage: Stage, relais: Any, state: ActState, sent: int, told: str | None
) -> None:
    """By Stripe's own code, and with the name to look for at Stripe."""
    world = stage.world
    act = Act(
        order=world.order,
        id="transfer-01-0006",
        kind=ActKind.TRANSFER,
        milestone="01",
        operation=f"{world.order}:transfer:01:6",
        state=state,
        amount=13_000,
        currency="eur",
        body={},
        first_sent=world.at - timedelta(minutes=sent),
        why="balance_insufficient",
    )
    world.store.write(Put(act_key(act.order, act.id), act_row(act), guards=()))
    found = ailing(relais)
    assert [told in what for _, what, _ in found] == ([True] if told else [])
    if state is ActState.UNKNOWN:
        assert act.operation in found[0][2]


def test_kinds_that_wait_beside_the_way_are_known() -> None:
    """A park by any name is found by its gate."""
    assert {Kind.PARK, Kind.STUCK} == checks._SIDE_PARKS
