"""Recipients: v2 accounts with the `recipient` configuration (design: money A 8).

Answers hold `configuration`, `defaults`, `identity` and `requirements` only as far as `include` asks for them; without
it they are null (source: docs.stripe.com/api-includable-response-values). A new account may not receive transfers until
somebody has onboarded it; here `POST /_sandbox/accounts` says so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.routes import Call, Route

KIND = "v2.core.account"
STATUSES = ("active", "pending", "rejected", "restricted", "unsupported")
INCLUDED = ("defaults", "future_requirements", "identity", "requirements")
CONFIGURATIONS = ("customer", "merchant", "recipient")


@dataclass(frozen=True, slots=True)
class Seed:
    """An account that is there from the start, or that somebody sets up by hand."""

    id: str
    country: str = "FR"
    stripe_transfers: str = "active"
    payouts: str = "active"
    email: str | None = None
    display_name: str | None = None


READY = Seed("acct_1RelaisFreelancer0", display_name="Ready to be paid")


def seed(platform: Platform, wanted: Seed) -> Resource:
    """Set up an account with these capabilities, or set an existing one so; repeating it changes nothing.

    Raises RefusedError (400) for a status that Stripe has not.
    """
    for status in (wanted.stripe_transfers, wanted.payouts):
        if status not in STATUSES:
            raise invalid(f"Invalid status: must be one of {', '.join(STATUSES)}", param="status")
    if not wanted.id.startswith("acct_"):
        raise invalid("An account's id starts with acct_", param="id")
    account = (
        platform.get(KIND, wanted.id)
        if platform.has(KIND, wanted.id)
        else platform.add(_account(platform, wanted.id, wanted.country, "express"))
    )
    account |= {"contact_email": wanted.email, "display_name": wanted.display_name}
    _set_status(account, "stripe_transfers", wanted.stripe_transfers)
    _set_status(account, "payouts", wanted.payouts)
    return account


def may_receive(account: Resource) -> bool:
    """Tell whether the account may receive transfers now."""
    return bool(_balance_capabilities(account)["stripe_transfers"]["status"] == "active")


def _balance_capabilities(account: Resource) -> Resource:
    found: Resource = account["configuration"]["recipient"]["capabilities"]["stripe_balance"]
    return found


def _set_status(account: Resource, name: str, status: str) -> None:
    details = [] if status == "active" else [{"code": "requirements_past_due", "resolution": "provide_info"}]
    _balance_capabilities(account)[name] = {"status": status, "status_details": details}
    blocked = [
        capability
        for capability in ("payouts", "stripe_transfers")
        if _balance_capabilities(account)[capability]["status"] != "active"
    ]
    account["requirements"] = _requirements(blocked)


def _requirements(blocked: list[str]) -> Resource:
    if not blocked:
        return {"entries": [], "summary": {"minimum_deadline": None}}
    entry = {
        "awaiting_action_from": "user",
        "description": "external_account",
        "errors": [],
        "impact": {
            "restricts_capabilities": [
                {
                    "capability": f"stripe_balance.{name}",
                    "configuration": "recipient",
                    "deadline": {"status": "past_due"},
                }
                for name in blocked
            ]
        },
        "minimum_deadline": {"status": "past_due"},
        "requested_reasons": [{"code": "routine_onboarding"}],
    }
    return {"entries": [entry], "summary": {"minimum_deadline": {"status": "past_due", "time": None}}}


def _account(platform: Platform, identifier: str, country: str, dashboard: str) -> Resource:
    created = datetime.fromtimestamp(platform.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    account: Resource = {
        "id": identifier,
        "object": KIND,
        "applied_configurations": ["recipient"],
        "closed": False,
        "configuration": {"recipient": {"applied": True, "capabilities": {"stripe_balance": {}}}},
        "contact_email": None,
        "contact_phone": None,
        "created": created,
        "dashboard": dashboard,
        "defaults": {
            "currency": "eur",
            "locales": [],
            "responsibilities": {"fees_collector": "application", "losses_collector": "application"},
        },
        "display_name": None,
        "future_requirements": {"entries": [], "summary": {"minimum_deadline": None}},
        "identity": {"country": country.lower(), "entity_type": "individual"},
        "livemode": False,
        "metadata": {},
        "requirements": None,
    }
    _balance_capabilities(account).update(
        payouts={"status": "restricted", "status_details": []},
        stripe_transfers={"status": "restricted", "status_details": []},
    )
    return account


def create(platform: Platform, call: Call) -> Resource:
    """Open an account for a freelancer; it may not receive transfers before its onboarding."""
    given = call.params
    country = given.get("identity", {}).get("country")
    if country is None:
        raise invalid("Missing required param: identity[country].", param="identity[country]", code="parameter_missing")
    account = platform.add(
        _account(platform, platform.new_id("acct_1", 15), country, given.get("dashboard", "express"))
    )
    account |= {
        "contact_email": given.get("contact_email"),
        "display_name": given.get("display_name"),
        "metadata": given.get("metadata", {}),
    }
    _set_status(account, "stripe_transfers", "restricted")
    _set_status(account, "payouts", "restricted")
    return _included(account, given)


def retrieve(platform: Platform, call: Call) -> Resource:
    """One account, with what `include` names."""
    if not platform.has(KIND, call.ids[0]):
        raise RefusedError(404, f"Account {call.ids[0]} not found.", code="not_found")
    return _included(platform.get(KIND, call.ids[0]), call.params)


def _included(account: Resource, given: dict[str, Any]) -> Resource:
    asked = given.get("include", [])
    named = [name for name in CONFIGURATIONS if f"configuration.{name}" in asked]
    configuration = {name: account["configuration"].get(name) if name in named else None for name in CONFIGURATIONS}
    return account | {
        "configuration": configuration if named else None,
        **{name: account[name] if name in asked else None for name in INCLUDED},
    }


TAKES = frozenset({"contact_email", "display_name", "identity.country", "include[]", "metadata.*"})
BALANCE = "configuration.recipient.capabilities.stripe_balance"
ONLY: dict[str, tuple[Any, ...]] = {
    "dashboard": ("express",),
    f"{BALANCE}.stripe_transfers.requested": (True,),
    f"{BALANCE}.payouts.requested": (True,),
    "defaults.currency": ("eur",),
    "defaults.responsibilities.fees_collector": ("application",),
    "defaults.responsibilities.losses_collector": ("application",),
    "identity.entity_type": ("individual", "company"),
}
P = "stripe.params.v2.core:"
ROUTES = (
    Route("POST", "/v2/core/accounts", "account", Access.WRITE, P + "AccountCreateParams", create, TAKES, ONLY),
    Route(
        "GET",
        "/v2/core/accounts/{id}",
        "account",
        Access.READ,
        P + "AccountRetrieveParams",
        retrieve,
        frozenset({"include[]"}),
    ),
)
