"""Stripe's own book: the balance transactions that the ledger is compared with. Reads, never writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relais.adapters import secrets
from relais.cli.stack import Stack, UnreachableError
from relais.ledger import BankTransaction

TIMEOUT_SECONDS = 20
PAGE = 100
PAYS = "stripe-run-act"
"""The secret of the function that pays, by its short name."""


class StripeUnreachableError(UnreachableError):
    """Stripe could not be asked."""


@dataclass(frozen=True, slots=True)
class Line:
    """One balance transaction, with what it is about (a charge, a transfer) and when Stripe made it."""

    transaction: BankTransaction
    source: str | None
    created: datetime


@dataclass(frozen=True, slots=True)
class Bank:
    """A Stripe account that may be read: Stripe itself where there is no address."""

    key: str
    address: str | None

    def __repr__(self) -> str:
        """Name the address, never show the key."""
        return f"Bank(address={self.address!r})"

    def client(self) -> Any:  # noqa: ANN401 - its type is slow to load
        """Stripe's own library, ready to ask."""
        import stripe

        addresses: Any = {"api": self.address} if self.address else {}
        return stripe.StripeClient(
            self.key,
            max_network_retries=2,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
            base_addresses=addresses,
        )

    def lines(self, since: datetime) -> Iterator[Line]:
        """Every balance transaction from an instant on, all pages, newest first. Raises `StripeUnreachableError`."""
        import stripe  # slow to load, and needed by few commands

        try:
            found = self.client().v1.balance_transactions.list(
                {"limit": PAGE, "created": {"gte": int(since.timestamp())}}
            )
            for one in found.auto_paging_iter():
                yield Line(
                    BankTransaction(one.id, one.net, one.currency),
                    one.source if isinstance(one.source, str) or one.source is None else one.source.id,
                    datetime.fromtimestamp(one.created, UTC),
                )
        except stripe.APIConnectionError as error:
            raise StripeUnreachableError(
                f"Stripe does not answer at {self.address or 'api.stripe.com'}: check the address, or leave Stripe out "
                "with --no-stripe."
            ) from error
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise StripeUnreachableError(
                "Stripe does not let the key of stripe-run-act read balance transactions: give it that right, or leave "
                "Stripe out with --no-stripe."
            ) from error
        except stripe.StripeError as error:
            raise StripeUnreachableError(
                f"Stripe answered with an error ({error.code or error.http_status}): try again, or use --no-stripe."
            ) from error


def bank_of(stack: Stack, address: str | None, secret: str = PAYS) -> Bank | str:
    """The account that this stage pays from, with the key of a secret, or the reason why it cannot be asked."""
    found = stack.stripe_address() if address is None else address
    if found is None:
        return "the function that pays was not found, so it is not known which Stripe it uses: name it with --stripe"
    try:
        key = secrets.stripe_key(secrets.read(stack.cloud.client("secretsmanager"), stack.secret(secret)))
    except secrets.SecretEmptyError:
        return f"the secret {secret} is empty: fill it with `relais secrets set {secret}`"
    return Bank(key, found or None)
