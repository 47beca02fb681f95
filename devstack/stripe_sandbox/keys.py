"""API keys and what each may do: a restricted key is testable only if the sandbox refuses (design: money E)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from devstack.stripe_sandbox.errors import RefusedError

EVERYTHING = "*"


class Access(Enum):
    """What a key may do with a kind of object; writing includes reading."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Key:
    """One API key: its name, and for each kind of object (`checkout_session`, `transfer` …) what it may do."""

    name: str
    permissions: Mapping[str, Access]

    def may(self, noun: str, access: Access) -> bool:
        """Tell whether this key may read or write objects of that kind."""
        held = self.permissions.get(noun, self.permissions.get(EVERYTHING))
        return held is Access.WRITE or held is access

    def demand(self, noun: str, access: Access, account: str) -> None:
        """Raise RefusedError (403) unless this key has the permission; nothing ran, nothing is saved."""
        if self.may(noun, access):
            return
        raise RefusedError(
            403,
            f"The provided key '{masked(self.name)}' does not have the required permissions for this endpoint on "
            f"account '{account}'. Having the 'rak_{noun}_{access.value}' permission would allow this request to "
            "continue.",
            saved=False,
        )


def masked(name: str) -> str:
    """A key as Stripe prints it: its kind and its last four characters."""
    kind = "_".join(name.split("_")[:2])
    return f"{kind}_{'*' * 8}{name[-4:]}"


def parse_key(text: str) -> Key:
    """Read `rk_test_name=checkout_session:write,charge:read`. Raises ValueError when a part is none of that."""
    name, _, rest = text.partition("=")
    if not name.startswith(("sk_test_", "rk_test_")):
        raise ValueError(f"{masked(name)}: the sandbox takes test keys only (sk_test_… or rk_test_…)")
    pairs = [part.partition(":") for part in rest.split(",") if part]
    return Key(name, {noun: Access(access or "write") for noun, _, access in pairs} or {EVERYTHING: Access.WRITE})


# One per function, and one for everything; the table of docs/runbook.md says the same (a test holds both together).
LOCAL_KEYS = (
    parse_key("sk_test_relais_local=*:write"),
    parse_key("rk_test_open_checkout=checkout_session:write"),
    parse_key(
        "rk_test_enter_order=checkout_session:read,payment_intent:read,charge:read,balance_transaction:read",
    ),
    parse_key(
        "rk_test_run_act=transfer:write,charge:write,account:read,checkout_session:read,payment_intent:read,"
        "balance_transaction:read,balance:read,dispute:write",
    ),
    parse_key("rk_test_onboard=account:write,account_link:write,event:read"),
    parse_key("rk_test_reconcile=*:read,balance_settings:write"),
)


class Keyring:
    """The keys that this sandbox accepts."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self._keys = {key.name: key for key in keys}

    def recognise(self, authorization: str) -> Key:
        """Find the key of an `Authorization` header. Raises RefusedError (401) when it is absent or unknown."""
        scheme, _, given = authorization.partition(" ")
        name = given.strip() if scheme.lower() == "bearer" else ""
        if not name:
            raise RefusedError(
                401,
                "You did not provide an API key. You need to provide your API key in the Authorization header, using "
                "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
                saved=False,
            )
        key = self._keys.get(name)
        if key is None:
            raise RefusedError(401, f"Invalid API Key provided: {masked(name)}", saved=False)
        return key
