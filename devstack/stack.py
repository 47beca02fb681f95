"""Starts and stops all of Relais on one machine: local cloud, Stripe sandbox, gateway, the deployed app, the shop.

Everything listens on loopback alone. Nothing of it outlives `Stack.stop`: processes run in groups of their own, files
stand under `.run/`.
"""

import base64
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from devstack.bounces import bouncing
from devstack.cloud import ACCOUNT, DATA_STACK, KEY, REGION, SERVICE_STACK, STAGE, Cloud
from devstack.gateway import LOOPBACK, Gateway
from devstack.processes import Process, Processes, group_lives
from relais.adapters.dynamodb import DynamoStore
from relais.cli.catalog import Catalog, CatalogErrors, load
from relais.errors import RelaisError
from relais.ports import Store
from relais.steps.catalog import apply
from relais.steps.webhook import EVENTS

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / ".run"
CATALOG = ROOT / "catalog"
CDK = ROOT / "node_modules" / ".bin" / "cdk"
MINISTACK = ROOT / ".venv-ministack" / "bin" / "ministack"
STRICT = (MINISTACK.with_name("python"), ROOT / "devstack" / "strict_cloud.py")
CHECKS = "checks.jsonl"
RELAIS = Path(sys.executable).with_name("relais")
USUAL = (4566, 8010, 8011)
NOTE = "running.json"
LAST_PORT = 65_535
OLDEST_NODE = 20
START_SECONDS = 60
COMMAND_SECONDS = 300
PAUSE_SECONDS = 0.05
STRIPE_KEYS = {
    "stripe-open-checkout": "rk_test_open_checkout",
    "stripe-enter-order": "rk_test_enter_order",
    "stripe-run-act": "rk_test_run_act",
    "stripe-reconcile": "rk_test_reconcile",
    "stripe-onboard": "rk_test_onboard",
}
# What of the surrounding shell must not reach the stack: it talks to itself alone.
FOREIGN = ("AWS_", "STRIPE_", "RELAIS_", "CDK_", "MINISTACK_", "LOCALSTACK_", "POWERTOOLS_")
QUIET = ("--no-notices", "--no-version-reporting")
# Without a change set, which only a person would read.
DEPLOY = ("--method=direct", "--require-approval=never")


class PortsTakenError(RelaisError):
    """Something else listens where the stack would."""

    def __init__(self, taken: tuple[int, ...]) -> None:
        """Keep which ports."""
        named = " and ".join([", ".join(map(str, taken[:-1])), str(taken[-1])] if len(taken) > 1 else [str(taken[0])])
        ports = "Port" if len(taken) == 1 else "Ports"
        super().__init__(
            f"{ports} {named} on {LOOPBACK} {'is' if len(taken) == 1 else 'are'} taken by another program: "
            "stop it, or choose other ports (make demo PORT=5000 takes 5000, 5001 and 5002)."
        )
        self.taken = taken


class StackRunningError(RelaisError):
    """The stack runs already on these ports."""

    def __init__(self, process: int, gateway: str) -> None:
        """Keep which process."""
        super().__init__(
            f"The stack is already running ({gateway}, process {process}): use that one, end it with Ctrl-C where it "
            "was started, or start another beside it (make demo PORT=5000)."
        )
        self.process = process


class LeftOverError(RelaisError):
    """A stack was killed so hard that it could not end what it had started."""

    def __init__(self, groups: tuple[int, ...]) -> None:
        """Keep the process groups that still live."""
        named = " ".join(f"-{group}" for group in groups)
        super().__init__(
            f"An earlier stack was killed and left its processes running: end them with `kill -- {named}`."
        )
        self.groups = groups


class PortUnusableError(RelaisError):
    """PORT= is no port to start from."""

    def __init__(self, text: str) -> None:
        """Keep what was given."""
        super().__init__(f"PORT={text} is no port: give a number from 1024 to {LAST_PORT - 2}, for example PORT=5000.")


class ToolMissingError(RelaisError):
    """Something that the stack is made of isn't installed, or doesn't run."""

    def __init__(self, what: str, remedy: str) -> None:
        """Keep what is missing."""
        super().__init__(f"{what}: {remedy}")


class NotStartedError(RelaisError):
    """A part of the stack did not answer in time."""

    def __init__(self, name: str, seconds: float, log: Path) -> None:
        """Keep which part."""
        super().__init__(f"{name} did not answer within {seconds:.0f} s: see {log}")


class CatalogBrokenError(RelaisError):
    """The sample shop has mistakes."""

    def __init__(self, errors: CatalogErrors) -> None:
        """Show them all."""
        super().__init__(f"the catalogue in {CATALOG.name}/ can't be applied:\n{errors}")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the stack listens: ports of the local cloud, the gateway, the Stripe sandbox."""

    cloud_port: int
    gateway_port: int
    stripe_port: int

    @classmethod
    def of(cls, port: str | None) -> "Addresses":
        """The usual ones, or three in a row from `PORT=`. Raises `PortUnusableError`."""
        if not port:
            return cls(*USUAL)
        first = int(port) if port.isdecimal() and port.isascii() else 0
        if not 1024 <= first <= LAST_PORT - 2:  # noqa: PLR2004 - below are the system's own
            raise PortUnusableError(port)
        return cls(first, first + 1, first + 2)

    @property
    def ports(self) -> tuple[int, ...]:
        """All of them."""
        return (self.cloud_port, self.gateway_port, self.stripe_port)

    @property
    def cloud(self) -> str:
        """The local cloud."""
        return f"http://{LOOPBACK}:{self.cloud_port}"

    @property
    def gateway(self) -> str:
        """Where people go."""
        return f"http://{LOOPBACK}:{self.gateway_port}"

    @property
    def stripe(self) -> str:
        """The Stripe sandbox."""
        return f"http://{LOOPBACK}:{self.stripe_port}"


def environment(addresses: Addresses, surrounding: Mapping[str, str]) -> dict[str, str]:
    """What every process of the stack is given: the shell's own, but no key, profile or endpoint of another cloud."""
    kept = {name: value for name, value in surrounding.items() if not name.startswith(FOREIGN)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {
        "AWS_ENDPOINT_URL": addresses.cloud,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": str(OLDEST_NODE),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "NODE_NO_WARNINGS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def check_tools(surrounding: Mapping[str, str]) -> None:
    """See that Node runs and that everything was installed. Raises `ToolMissingError`."""
    node = shutil.which("node", path=surrounding.get("PATH"))
    wanted = f"Node.js {OLDEST_NODE} or newer is needed for the CDK command line"
    if node is None:
        raise ToolMissingError(wanted, "no `node` was found on PATH. Install it (nodejs.org) and run make again.")
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = asked.stdout.strip().removeprefix("v").partition(".")[0]
    if asked.returncode != 0 or not version.isdecimal() or int(version) < OLDEST_NODE:
        found = asked.stdout.strip() or "one that does not run"
        raise ToolMissingError(wanted, f"found {found}. Install a newer one (nodejs.org) and run make again.")
    for tool, what in ((CDK, "The CDK command line"), (MINISTACK, "The local cloud")):
        if not tool.exists():
            raise ToolMissingError(f"{what} is not installed", "run `make setup`.")


def taken(ports: tuple[int, ...]) -> tuple[int, ...]:
    """Which of these ports nobody could listen on now."""
    return tuple(port for port in ports if not _free(port))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Started:
    """The stack as it runs."""

    addresses: Addresses
    cloud: Cloud
    store: Store
    catalog: Catalog
    processes: Processes
    lasting: tuple[Process, ...]
    folder: Path
    """Where its logs stand."""

    @property
    def checks(self) -> Path:
        """Where the cloud notes the permissions that it checks, if it does."""
        return self.folder / CHECKS

    def check(self) -> None:
        """Raise `ProcessDiedError` where a part of it has died."""
        for process in self.lasting:
            process.check()

    def command(self, *words: str) -> None:
        """Run the `relais` command line on this stack. Raises `ProcessDiedError` where it fails."""
        self.processes.run(f"relais-{words[0]}", [RELAIS, *words], COMMAND_SECONDS)

    def deploy_again(self, **context: str) -> None:
        """Deploy both stacks with more context than before. Raises `ProcessDiedError` where it fails."""
        self.processes.run("synth", _synth_command(self.addresses, self.folder, **context), COMMAND_SECONDS)
        self.processes.run("deploy", _deploy_command(self.folder), COMMAND_SECONDS)


@contextmanager
def stack(
    addresses: Addresses,
    tell: Callable[[str, float], None],
    surrounding: Mapping[str, str] | None = None,
    *,
    strict: bool = False,
) -> Iterator[Started]:
    """The whole stack, as long as the block lasts; `tell` is told each part that is ready and how long it took.

    A strict one enforces permissions: every role may do what its policies say and no more.

    Raises `PortsTakenError`, `StackRunningError`, `ToolMissingError`, `ProcessDiedError`, `NotStartedError`,
    `CatalogBrokenError`; whatever happens, nothing is left running.
    """
    shell = os.environ if surrounding is None else surrounding
    check_tools(shell)
    run = RUNS / str(addresses.gateway_port)
    _refuse_second(addresses, run)
    catalog = read_catalog()
    shutil.rmtree(run, ignore_errors=True)
    (run / "tmp").mkdir(parents=True)
    with ExitStack() as ended:
        ended.callback(_remove, run / "tmp")
        ended.callback((run / NOTE).unlink, missing_ok=True)
        _note(run, ())
        gateway = Gateway(addresses.gateway_port, addresses.cloud)
        ended.callback(gateway.stop)
        gateway.start()
        settings = environment(addresses, shell)
        processes = ended.enter_context(Processes(run, settings, ROOT, lambda groups: _note(run, groups)))
        started = _start(_Run(addresses, gateway, processes, run, catalog, strict), _Watch(tell, gateway))
        ended.enter_context(bouncing(started.cloud, started.store))
        yield started


def _remove(folder: Path) -> None:
    """Remove a folder, each of its parts beside the others: every worker leaves thousands of small files."""
    with ThreadPoolExecutor() as side_by_side:
        for part in folder.iterdir():
            side_by_side.submit(shutil.rmtree, part, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _note(run: Path, groups: Sequence[int]) -> None:
    """Write down who runs this stack and what it started, for whoever comes next; nobody ever reads half of it."""
    written = run / f"{NOTE}.new"
    written.write_text(json.dumps({"process": os.getpid(), "groups": list(groups)}), "utf-8")
    written.replace(run / NOTE)


def _refuse_second(addresses: Addresses, run: Path) -> None:
    blocked = taken(addresses.ports)
    if not blocked:
        return
    try:
        note = json.loads((run / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        raise PortsTakenError(blocked) from None
    if _lives(note["process"]):
        raise StackRunningError(note["process"], addresses.gateway)
    left = tuple(group for group in note["groups"] if group_lives(group))
    raise LeftOverError(left) if left else PortsTakenError(blocked)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def read_catalog() -> Catalog:
    """The sample shop. Raises `CatalogBrokenError`."""
    found = load(CATALOG)
    if isinstance(found, CatalogErrors):
        raise CatalogBrokenError(found)
    return found


@dataclass(frozen=True, slots=True)
class _Run:
    """What a start works with; `folder` is the place of its logs."""

    addresses: Addresses
    gateway: Gateway
    processes: Processes
    folder: Path
    catalog: Catalog
    strict: bool


def _start(run: _Run, watch: "_Watch") -> Started:
    """What can be done side by side is: the app is synthesized while cloud and sandbox start and are prepared."""
    addresses, processes = run.addresses, run.processes
    ministack = processes.start("cloud", STRICT if run.strict else [MINISTACK], _cloud_settings(run))
    sandbox = processes.start("stripe", _sandbox_command(addresses))
    processes.run("bundle", [sys.executable, ROOT / "tools" / "bundle.py", "local"], COMMAND_SECONDS)
    watch.done("the functions' code and layer are built")
    synthesis = processes.start("synth", _synth_command(addresses, run.folder))
    await_answer("The local cloud", ministack, f"{addresses.cloud}/_ministack/ready")
    watch.done("the local cloud listens")
    processes.run("bootstrap", [CDK, "bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", "", *QUIET], COMMAND_SECONDS)
    watch.done("it is prepared for deployments (cdk bootstrap)")
    await_answer("The Stripe sandbox", sandbox, f"{addresses.stripe}/_sandbox/clock")
    _open_accounts(addresses, run.catalog)
    watch.done("the Stripe sandbox listens; the freelancers' accounts are open")
    synthesis.finish(COMMAND_SECONDS)
    watch.done("the app is synthesized (cdk synth)")
    processes.run("deploy", _deploy_command(run.folder), COMMAND_SECONDS)
    watch.done("both stacks are deployed (cdk deploy)")
    cloud = Cloud(addresses.cloud)
    store = DynamoStore(cloud.client("dynamodb"), cloud.outputs(DATA_STACK)["TableName"])
    _fill_secrets(cloud)
    apply(store, run.catalog, datetime.now(UTC))
    watch.done("secrets are filled, the sample shop is open")
    run.gateway.lead_to(cloud.outputs(SERVICE_STACK)["ApiUrl"])
    return Started(addresses, cloud, store, run.catalog, processes, (ministack, sandbox), run.folder)


class _Watch:
    """Tells each part that is ready, on the screen and on the page that says that the stack is starting."""

    def __init__(self, tell: Callable[[str, float], None], gateway: Gateway) -> None:
        self._tell = tell
        self._gateway = gateway
        self._last = time.monotonic()

    def done(self, what: str) -> None:
        now = time.monotonic()
        self._tell(what, now - self._last)
        self._gateway.tell(f"So far: {what}.")
        self._last = now


def _cloud_settings(run: _Run) -> dict[str, str]:
    return {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(run.addresses.cloud_port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        # Without it a port would be opened on all interfaces.
        "IOT_MTLS_ENABLED": "0",
        "AUTH": "true" if run.strict else "false",
        "NOTED_CHECKS": str(run.folder / CHECKS),
        "LAMBDA_EXECUTOR": "local",
        "PERSIST_STATE": "0",
        # Its functions' workers unpack their code there: removed with the stack.
        "TMPDIR": str(run.folder / "tmp"),
    }


def _sandbox_command(addresses: Addresses) -> list[str]:
    return [
        sys.executable,
        "-m",
        "devstack.stripe_sandbox",
        "--port",
        str(addresses.stripe_port),
        "--webhook-url",
        f"{addresses.gateway}/hooks/stripe",
        "--thin-url",
        f"{addresses.gateway}/hooks/stripe/accounts",
        "--webhook-events",
        # An endpoint at Stripe subscribes to its own events only, never to all.
        ",".join(sorted(EVENTS)),
        "--clock-table",
        f"relais-{STAGE}",
        "--clock-endpoint",
        addresses.cloud,
    ]


def _synth_command(addresses: Addresses, folder: Path, **more: str) -> list[str | Path]:
    context = {"stage": STAGE, "layer": "local", "public_url": addresses.gateway, "stripe_url": addresses.stripe} | more
    told = [word for name, value in context.items() for word in ("-c", f"{name}={value}")]
    return [CDK, "synth", "--quiet", "--output", folder / "cdk.out", *QUIET, *told]


def _deploy_command(folder: Path) -> list[str | Path]:
    return [CDK, "deploy", "--all", "--app", folder / "cdk.out", *DEPLOY, *QUIET]


def await_answer(name: str, process: Process, url: str) -> None:
    """Wait until a process that was started answers. Raises `NotStartedError`, `ProcessDiedError`."""
    began = time.monotonic()
    while not _answers(url):
        process.check()
        if time.monotonic() - began > START_SECONDS:
            raise NotStartedError(name, START_SECONDS, process.log)
        time.sleep(PAUSE_SECONDS)


def _answers(url: str) -> bool:
    try:
        with _direct().open(url, timeout=5) as answer:
            return bool(answer.status == http.client.OK)
    except (OSError, http.client.HTTPException):
        return False


def _direct() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _open_accounts(addresses: Addresses, catalog: Catalog) -> None:
    """Every freelancer of the roster with an account has it at the sandbox, ready for transfers."""
    for freelancer in catalog.roster:
        if not freelancer.stripe_account:
            continue
        account = {"id": freelancer.stripe_account, "email": freelancer.email, "display_name": freelancer.name}
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{addresses.stripe}/_sandbox/accounts", json.dumps(account).encode(), method="POST"
        )
        with _direct().open(request, timeout=10):
            pass


def _fill_secrets(cloud: Cloud) -> None:
    """What the data stack created empty: link keys of this stack alone, the sandbox's secret and restricted keys."""
    # The sandbox pulls in pydantic and the whole of stripe: not before it is needed.
    from devstack.stripe_sandbox import LOCAL_SECRET
    from devstack.stripe_sandbox.__main__ import OTHER_DOORS
    from devstack.stripe_sandbox.webhooks import Door

    key = base64.b64encode(secrets.token_bytes(32)).decode()
    values: dict[str, object] = {
        "link-keys": {"current": "local-1", "keys": {"local-1": key}},
        "stripe-webhook": {"secrets": [LOCAL_SECRET]},
        "stripe-accounts-webhook": {"secrets": [OTHER_DOORS[Door.THIN]]},
    }
    values |= {name: {"key": restricted} for name, restricted in STRIPE_KEYS.items()}
    client = cloud.client("secretsmanager")
    for name, value in values.items():
        client.put_secret_value(SecretId=f"relais/{STAGE}/{name}", SecretString=json.dumps(value))
