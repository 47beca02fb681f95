"""What the synthesized roles allow, and a world in memory in which our functions may do that and no more.

Each call goes through the shipped adapter to the door of the SDK. There it is told what AWS would ask the role for it
(docs.aws.amazon.com, Service Authorization Reference), and refused as AWS refuses; then the double answers it.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from functools import cache, cached_property
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from devstack.simulation.world import MONDAY, SECRETS, World, world_in_memory
from relais.adapters.dynamodb import DynamoStore
from relais.adapters.lambdas import LambdaBackground
from relais.adapters.s3 import S3Files
from relais.adapters.ses import SesMailer
from relais.adapters.stepfunctions import StepFunctionsMachine
from relais.adapters.time import VirtualClock
from relais.metrics import Metric
from relais.pages.letters import write

ACCOUNT = "000000000000"
REGION = "eu-west-3"
Template = Mapping[str, Any]


class Use(NamedTuple):
    """One thing that a function did, as IAM names it."""

    function: str
    action: str
    resource: str


class Grant(NamedTuple):
    """One action on one resource that a function's role allows; the resource may hold wildcards."""

    function: str
    action: str
    resource: str

    def covers(self, use: Use) -> bool:
        """Whether it allows this use. Only resources hold wildcards here (`test_permissions.py`)."""
        return self[:2] == use[:2] and _matches(self.resource, use.resource)


CALLED = ("RELAIS_ACT_FUNCTION", "RELAIS_CLOCK_FUNCTION", "RELAIS_ACCOUNT_FUNCTION")
"""Where a role is told whom it may call without waiting."""


def _matches(pattern: str, value: str) -> bool:
    return pattern == value or _expression(pattern).fullmatch(value) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    parts = ("." if one == "?" else ".*" if one == "*" else re.escape(one) for one in pattern)
    return re.compile("".join(parts), re.DOTALL)


@dataclass(frozen=True, eq=False)
class Deployed:
    """A service stack and its data stack, as they were synthesized: every role, and what each function is told."""

    service: Template
    data: Template

    @cached_property
    def grants(self) -> frozenset[Grant]:
        """Everything that the functions' roles allow. Fails for a statement that this does not understand."""
        return frozenset(
            Grant(name, action, self.spell(resource))
            for name, function in self._functions.items()
            for statement in self._statements(function["Role"])
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        )

    @cached_property
    def environments(self) -> dict[str, dict[str, str]]:
        """What each function is told."""
        return {
            name: {key: self.spell(value) for key, value in function["Environment"]["Variables"].items()}
            for name, function in self._functions.items()
        }

    def secret(self, name: str) -> str:
        """The ARN of a secret by its name: it ends in six characters that AWS invents."""
        return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"

    @cached_property
    def _functions(self) -> dict[str, Any]:
        found = [one["Properties"] for one in self.service["Resources"].values() if one["Type"].endswith("::Function")]
        return {one["FunctionName"].split("-", 2)[2]: one for one in found if "FunctionName" in one}

    def _statements(self, role: Any) -> Iterator[Mapping[str, Any]]:
        logical = role["Fn::GetAtt"][0]
        for policy in self.service["Resources"][logical]["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement.keys() == {"Effect", "Action", "Resource"}, statement
                assert statement["Effect"] == "Allow", statement
                yield statement

    def spell(self, value: Any) -> str:
        """A value of the service stack's template, with its references as they will be."""
        match value:
            case str():
                return value
            case {"Ref": "AWS::AccountId"}:
                return ACCOUNT
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(self.spell(part) for part in parts)
            case {"Fn::ImportValue": name}:
                outputs = self.data["Outputs"].values()
                exported = next(one["Value"] for one in outputs if one.get("Export", {}).get("Name") == name)
                return self._arn(self.data, exported["Fn::GetAtt"][0])
            case {"Fn::GetAtt": [logical, "Arn"]}:
                return self._arn(self.service, logical)
            case _:
                raise AssertionError(f"a reference of another kind: {value}")

    def _arn(self, template: Template, logical: str) -> str:
        resource = template["Resources"][logical]
        named = resource["Properties"]
        match resource["Type"]:
            case "AWS::SecretsManager::Secret":
                return self.secret(named["Name"]).removesuffix("AbCdEf") + "??????"
            case "AWS::SQS::Queue":
                return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{named['QueueName']}"
            case "AWS::Logs::LogGroup":
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{named['LogGroupName']}:*"
            case other:
                raise AssertionError(f"an ARN of another kind: {other}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass
class Guard:
    """Asked before each call that a function makes: notes it, and refuses what the function's role does not allow."""

    deployed: Deployed
    taken: Callable[[Grant], bool] = lambda _: False
    function: str | None = None
    """Who is running; nobody means a test, or a person with rights of their own."""
    used: set[Use] = field(default_factory=set)
    refused: set[Use] = field(default_factory=set)
    counts: Counter[Metric] = field(default_factory=Counter)
    """What the functions counted for the watchers, all invocations together."""
    named: set[str] = field(default_factory=set)
    """The missing permissions that the functions' logs name."""

    @cached_property
    def _grants(self) -> dict[tuple[str, str], list[Grant]]:
        """The grants by function and action."""
        found: dict[tuple[str, str], list[Grant]] = {}
        for grant in self.deployed.grants:
            found.setdefault(grant[:2], []).append(grant)
        return found

    def ask(self, action: str, *resources: str, by: str | None = None) -> None:
        """Ask for an action on each of these. Raises `ClientError` as the SDK does where AWS refuses."""
        function = by or self.function
        if function is None:
            return
        for resource in resources:
            use = Use(function, action, resource)
            granted = (one for one in self._grants.get(use[:2], ()) if not self.taken(one))
            if not any(grant.covers(use) for grant in granted):
                self.refused.add(use)
                raise refusal(use)
            self.used.add(use)

    @property
    def told(self) -> dict[str, str]:
        """What the running function is told; a test is told what the function with the most rights is."""
        return self.deployed.environments[self.function or "open-checkout"]


def refusal(use: Use) -> ClientError:
    """What the SDK raises when AWS refuses."""
    role = f"arn:aws:sts::{ACCOUNT}:assumed-role/relais-dev-{use.function}/relais-dev-{use.function}"
    message = f"User: {role} is not authorized to perform: {use.action} on resource: {use.resource}"
    operation = use.action.partition(":")[2]
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)


class TableDoor:
    """DynamoDB: a transaction is asked for as what it is made of, a query of an index as the index."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def _ask(self, action: str, request: Mapping[str, Any]) -> dict[str, Any]:
        place = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{request['TableName']}"
        index = request.get("IndexName")
        self._guard.ask(f"dynamodb:{action}", f"{place}/index/{index}" if index else place)
        return {}

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Read a row."""
        return self._ask("GetItem", request)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Read rows."""
        for table in request["RequestItems"]:
            self._ask("BatchGetItem", {"TableName": table})
        return {"Responses": {}}

    def query(self, **request: Any) -> dict[str, Any]:
        """Read a partition, of the table or of an index."""
        return {"Items": [], **self._ask("Query", request)}

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write a row."""
        return self._ask("PutItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Change a row."""
        return self._ask("UpdateItem", request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Write rows together."""
        actions = {"Put": "PutItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}
        for item in request["TransactItems"]:
            ((kind, part),) = item.items()
            self._ask(actions[kind], part)
        return {}


class FilesDoor:
    """S3: who may not list is told "forbidden" where an object is missing."""

    def __init__(self, guard: Guard, holds: Callable[[str], bool]) -> None:
        self._guard = guard
        self._holds = holds

    def put_object(self, **request: Any) -> None:
        """Write an object."""
        self._guard.ask("s3:PutObject", f"arn:aws:s3:::{request['Bucket']}/{request['Key']}")

    def get_object(self, **request: Any) -> dict[str, Any]:
        """Read an object."""
        action = "s3:GetObjectVersion" if "VersionId" in request else "s3:GetObject"
        self._guard.ask(action, f"arn:aws:s3:::{request['Bucket']}/{request['Key']}")
        if not self._holds(request["Key"]):
            self._guard.ask("s3:ListBucket", f"arn:aws:s3:::{request['Bucket']}")
        return {"Body": StreamingBody(io.BytesIO(), 0)}

    def head_object(self, **request: Any) -> dict[str, Any]:
        """Measure an object: the same permission."""
        self.get_object(**request)
        return {"ContentLength": 0, "VersionId": "1"}

    def generate_presigned_url(self, _operation: str, *, Params: dict[str, Any], **_: Any) -> str:  # noqa: N803 - the SDK's
        """Sign an address: whoever opens it may what its signer may, so the signer is asked."""
        self.get_object(**Params)
        return ""


class MailDoor:
    """SES: a mail is asked for on the identity that it comes from and on its configuration set."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def send_email(self, **request: Any) -> None:
        """Send a mail."""
        place = f"arn:aws:ses:{REGION}:{ACCOUNT}:"
        domain = parseaddr(request["FromEmailAddress"])[1].rpartition("@")[2]
        named = (f"identity/{domain}", f"configuration-set/{request['ConfigurationSetName']}")
        self._guard.ask("ses:SendEmail", *(place + name for name in named))


class MachineDoor:
    """Step Functions: a token is asked for on the machine that it belongs to."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def start_execution(self, **request: Any) -> None:
        """Start."""
        self._guard.ask("states:StartExecution", request["stateMachineArn"])

    def send_task_success(self, **_: Any) -> None:
        """Resume with an outcome."""
        self._guard.ask("states:SendTaskSuccess", self._guard.told["RELAIS_MACHINE"])

    def send_task_failure(self, **_: Any) -> None:
        """Resume with an error."""
        self._guard.ask("states:SendTaskFailure", self._guard.told["RELAIS_MACHINE"])

    def describe_execution(self, **request: Any) -> dict[str, str]:
        """Look at an execution."""
        self._guard.ask("states:DescribeExecution", request["executionArn"])
        return {"status": "RUNNING"}

    def get_execution_history(self, **request: Any) -> dict[str, list[dict[str, int]]]:
        """Count its events."""
        self._guard.ask("states:GetExecutionHistory", request["executionArn"])
        return {"events": []}

    def stop_execution(self, **request: Any) -> None:
        """Stop."""
        self._guard.ask("states:StopExecution", request["executionArn"])


class FunctionsDoor:
    """Lambda: a call by an alias is asked for on the alias."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def invoke(self, **request: Any) -> None:
        """Call a function."""
        place = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
        self._guard.ask("lambda:InvokeFunction", place + request["FunctionName"])


class SecretsDoor:
    """Secrets Manager, with the world's secrets behind it: each function's own key is the one of the sandbox."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def get_secret_value(self, **request: Any) -> dict[str, str]:
        """Read a secret."""
        name = request["SecretId"]
        told = {"relais/dev/stripe": "RELAIS_SECRET_STRIPE", "relais/dev/stripe-webhook": "RELAIS_SECRET_WEBHOOK"}
        own = self._guard.told[told[name]] if name in told else name
        self._guard.ask("secretsmanager:GetSecretValue", self._guard.deployed.secret(own))
        return {"SecretString": json.dumps(SECRETS[name])}


class Guarded:
    """A port behind the shipped adapter: what the adapter is refused never reaches the port."""

    def __init__(self, port: Any, adapter: Callable[[], Any], unasked: Iterable[str] = ()) -> None:
        self._port = port
        self._adapter = adapter
        self._unasked = frozenset(unasked)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name in self._unasked or not callable(found):
            return found

        def asked(*given: Any, **named: Any) -> Any:
            getattr(self._adapter(), name)(*given, **named)
            return found(*given, **named)

        return asked


@contextmanager
def guarded_world(
    deployed: Deployed, start: datetime = MONDAY, *, taken: Callable[[Grant], bool] = lambda _: False
) -> Iterator[tuple[World, Guard]]:
    """A fresh world in memory where functions may do what their roles allow, but for the grants that are taken."""
    guard = Guard(deployed, taken)
    with world_in_memory(start) as world:
        _put_behind(world, guard)
        call, begin, about = world.engine.call, world.ports.begin, world.ports.about

        def told(error: Exception) -> dict[str, str]:
            said = about(error)
            guard.named |= {said["denied"]} if "denied" in said else set()
            return said

        world.ports.about = told

        def watched(name: str, event: Any) -> Any:
            def begun() -> None:
                world.ports._secrets = {}
                guard.function = name
                begin()

            world.ports.begin = begun
            try:
                return call(name, event)
            finally:
                guard.function = None
                guard.counts.update(world.ports.counts)
                world.ports.counts = {}

        world.engine.call = watched
        yield world, guard


def _put_behind(world: World, guard: Guard) -> None:
    ports = world.ports.__dict__
    objects = ports["files"].objects
    table, files, mail = TableDoor(guard), FilesDoor(guard, lambda key: key in objects), MailDoor(guard)
    machine, functions = MachineDoor(guard), FunctionsDoor(guard)

    def told(name: str) -> str:
        return guard.told[name]

    adapters: dict[str, Callable[[], Any]] = {
        "store": lambda: DynamoStore(table, told("RELAIS_TABLE")),
        "files": lambda: S3Files(files, told("RELAIS_BUCKET")),
        "mailer": lambda: SesMailer(mail, told("RELAIS_SENDER"), told("RELAIS_CONFIGURATION_SET"), write),
        "machine": lambda: StepFunctionsMachine(machine, told("RELAIS_MACHINE")),
        "background": lambda: LambdaBackground(functions, *map(told, CALLED)),
    }
    # Permits are signed, and asked for when somebody uses them.
    signed = {"files": ("permit", "origin", "objects")}
    for name, adapter in adapters.items():
        ports[name] = Guarded(ports[name], adapter, signed.get(name, ()))
    ports["_clock"] = VirtualClock(ports["store"])
    ports["_secrets_client"] = SecretsDoor(guard)
    put = world.clouds.put_object

    def upload(key: str, body: bytes) -> None:
        guard.ask("s3:PutObject", f"arn:aws:s3:::{told('RELAIS_BUCKET')}/{key}", by="permit-upload")
        put(key, body)

    world.clouds.put_object = upload
