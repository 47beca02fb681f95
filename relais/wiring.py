"""Puts adapters behind the ports. Nothing is made before it is asked for: importing this touches nothing.

One process serves many invocations: clients, keys and templates stay; the virtual time is read anew each time.
"""

from __future__ import annotations

import gc
import secrets as randomness
import time as stopwatch
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache, cached_property
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from relais.adapters import time
from relais.adapters.settings import Environment, from_environment
from relais.errors import RelaisError
from relais.metrics import NAMESPACE, Metric
from relais.order import ID_LENGTH, ID_LETTERS
from relais.ports import Settings

if TYPE_CHECKING:
    from relais.link import LinkKeys
    from relais.ports import Background, Bank, Files, Machine, Mailer, Payments, Recipients, Sites, Store

SECRET_SECONDS = 300
TIMEOUT_SECONDS = 20


class WiredPorts:
    """The ports of one deployment. Each adapter is made when it is first used, with one try and a timeout per call."""

    def __init__(self, environment: Environment) -> None:
        """Keep what the environment says."""
        self.environment = environment
        self.write_units = 0.0
        self.counts: dict[Metric, int] = {}
        self._secrets: dict[str, tuple[float, Any]] = {}

    @cached_property
    def settings(self) -> Settings:
        """What the deployment says of itself."""
        return Settings(self.environment.stage, self.environment.public_url)

    @cached_property
    def _session(self) -> Any:
        from relais.adapters.sdk import session

        return session()

    def _client(self, service: str) -> Any:
        with _uncollected():
            return self._make_client(service)

    def _make_client(self, service: str) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path" if self.environment.endpoint_url else "virtual"},
            signature_version="s3v4" if service == "s3" else None,
        )
        return self._session.create_client(service, config=config)

    @cached_property
    def store(self) -> Store:
        """The table."""
        from relais.adapters.dynamodb import DynamoStore

        return DynamoStore(self._client("dynamodb"), self.environment.table, consumed=self._consumed)

    def _consumed(self, units: float) -> None:
        self.write_units += units

    @cached_property
    def machine(self) -> Machine:
        """Step Functions."""
        from relais.adapters.stepfunctions import StepFunctionsMachine

        return StepFunctionsMachine(self._client("stepfunctions"), self.environment.machine)

    @cached_property
    def files(self) -> Files:
        """The bucket."""
        from relais.adapters.s3 import S3Files

        return S3Files(self._client("s3"), self.environment.bucket)

    @cached_property
    def sites(self) -> Sites:
        """The sites of others; where the cloud itself is on this machine, nothing beyond it is asked."""
        from relais.adapters.sites import WebSites, find, find_here

        return WebSites(find_here if self.environment.endpoint_url else find)

    @cached_property
    def mailer(self) -> Mailer:
        """The post."""
        from relais.adapters.ses import SesMailer
        from relais.pages.letters import write

        return SesMailer(self._client("sesv2"), self.environment.sender, self.environment.configuration_set, write)

    @property
    def payments(self) -> Payments:
        """Stripe, with this function's own key."""
        from relais.adapters import secrets

        key = secrets.stripe_key(self._secret(self.environment.secret_stripe))
        return _payments(key, self.environment.stripe_url)

    @property
    def bank(self) -> Bank:
        """Stripe's book, with this function's own key."""
        from relais.adapters import secrets

        key = secrets.stripe_key(self._secret(self.environment.secret_stripe))
        return _bank(key, self.environment.stripe_url)

    @property
    def recipients(self) -> Recipients:
        """The freelancers' accounts, with this function's own key."""
        from relais.adapters import secrets

        key = secrets.stripe_key(self._secret(self.environment.secret_stripe))
        return _recipients(key, self.environment.stripe_url)

    @cached_property
    def background(self) -> Background:
        """Functions called without waiting."""
        from relais.adapters.lambdas import LambdaBackground

        told = self.environment
        return LambdaBackground(self._client("lambda"), told.act_function, told.clock_function, told.account_function)

    @property
    def counter(self) -> WiredPorts:
        """The metrics of this invocation."""
        return self

    def count(self, name: Metric, value: int = 1) -> None:
        """Add to a metric; sent at the end of the invocation."""
        self.counts[name] = self.counts.get(name, 0) + value

    @property
    def link_keys(self) -> LinkKeys:
        """The keys that links are made with."""
        from relais.adapters import secrets

        return secrets.link_keys(self._secret(self.environment.secret_link))

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The webhook's signing secrets."""
        from relais.adapters import secrets

        return secrets.webhook_secrets(self._secret(self.environment.secret_webhook))

    def _secret(self, name: str) -> Any:
        from relais.adapters import secrets

        read_at, value = self._secrets.get(name, (0.0, None))
        if value is None or stopwatch.monotonic() - read_at > SECRET_SECONDS:
            value = secrets.read(self._secrets_client, name)
            self._secrets[name] = (stopwatch.monotonic(), value)
        return value

    @cached_property
    def _secrets_client(self) -> Any:
        return self._client("secretsmanager")

    @cached_property
    def _clock(self) -> time.VirtualClock:
        return time.VirtualClock(self.store)

    def now(self) -> datetime:
        """The time of the business."""
        return self._clock.now() if self.environment.virtual_time else time.wall()

    def wall(self) -> datetime:
        """The time of the wall."""
        return time.wall()

    def order_id(self) -> str:
        """A fresh order id."""
        return "".join(randomness.choice(ID_LETTERS) for _ in range(ID_LENGTH))

    def trouble(self, error: Exception) -> None:
        """Tell the watchers of something nobody foresaw: what and where, but nothing that somebody typed."""
        self.count(Metric.PAGE_TROUBLE)
        ours = str(error) if isinstance(error, RelaisError) else None
        where = [f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in extract_tb(error.__traceback__)]
        _logger().error("trouble", extra={**self.about(error), "says": ours, "where": where})

    def note(self, error: Exception) -> None:
        """Write an error down that was dealt with: by its type, for its text may hold an address."""
        _logger().warning("put off", extra=self.about(error))

    def about(self, error: Exception) -> dict[str, str]:
        """What the log says of an error; a permission that is missing is counted, and named for `relais doctor`."""
        from relais.adapters.denied import denied

        missing = denied(error)
        if missing is None:
            return {"error": type(error).__name__}
        self.count(Metric.NOT_ALLOWED)
        return {"error": type(error).__name__, "denied": missing}

    def begin(self) -> None:
        """A new invocation: nothing of the last one counts, and the collector that rested since the start works."""
        gc.enable()
        self.write_units = 0.0
        self.counts = {}
        if self.environment.virtual_time:
            self._clock.forget()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave the collector off: a cold start makes what stays, and all of that would be walked time and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@cache
def _payments(key: str, url: str | None) -> Payments:
    from relais.adapters.stripe import StripePayments

    return StripePayments(key, url)


@cache
def _bank(key: str, url: str | None) -> Bank:
    from relais.adapters.stripe_bank import StripeBank

    return StripeBank(key, url)


@cache
def _recipients(key: str, url: str | None) -> Recipients:
    from relais.adapters.stripe_recipients import StripeRecipients

    return StripeRecipients(key, url)


@cache
def ports() -> WiredPorts:
    """The ports of this process."""
    return WiredPorts(from_environment())


@cache
def _logger() -> Logger:
    return Logger()


@contextmanager
def invocation(order: str | None = None) -> Iterator[WiredPorts]:
    """One invocation: fresh time and counts, and at its end one line that says what it cost. Ids and outcomes only."""
    wired = ports()
    wired.begin()
    outcome = "failed"
    try:
        yield wired
        outcome = "done"
    except Exception as error:
        _logger().exception("failed", extra={"order": order, **wired.about(error)})
        raise
    finally:
        _logger().info("invocation", extra={"order": order, "outcome": outcome, "write_units": wired.write_units})
        _emit(wired.environment.stage, wired.counts)


def _emit(stage: str, counts: dict[Metric, int]) -> None:
    """Print the counts as metrics of the deployment. The library's one dimension is called `service`."""
    if not counts:
        return
    metrics = Metrics(namespace=NAMESPACE, service=f"relais-{stage}")
    for metric, value in counts.items():
        metrics.add_metric(name=metric.value, unit=metric.unit.value, value=value)
    metrics.flush_metrics()
