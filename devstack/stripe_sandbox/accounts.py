"""Recipients: v2 accounts with the `recipient` configuration (design: money A 8).

Answers hold `configuration`, `defaults`, `identity` and `requirements` only as far as `include` asks for them; without
it they are null (source: docs.stripe.com/api-includable-response-values). A new account may not receive transfers until
somebody has onboarded it (see `onboarding`); a capability that is active may be restricted again (trap 24 of money E).
Each change is told twice: by thin v2 events, and as `account.updated` through the door of connected accounts.
"""

from dataclasses import dataclass
from typing import Any

from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.fees import EEA
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import merged
from devstack.stripe_sandbox.platform import Platform, Resource, timestamp
from devstack.stripe_sandbox.routes import Call, Route

KIND = "v2.core.account"
INCLUDED = ("defaults", "future_requirements", "identity", "requirements")
CONFIGURATIONS = ("customer", "merchant", "recipient")
CAPABILITIES = ("payouts", "stripe_transfers")
# Where a platform in the EEA can pay people (source: docs.stripe.com/connect/cross-border-payouts).
REACHED = EEA | {"GB", "CH", "US", "CA"}
# Why a capability is not active, and what helps.
REASONS = {
    "pending": ("requirements_pending_verification", "no_resolution"),
    "rejected": ("rejected_other", "contact_stripe"),
    "restricted": ("requirements_past_due", "provide_info"),
    "unsupported": ("unsupported_country", "no_resolution"),
}
STATUSES = ("active", *REASONS)


@dataclass(frozen=True, slots=True)
class Seed:
    """An account that is there from the start, or that somebody sets up by hand."""

    id: str
    country: str = "FR"
    stripe_transfers: str = "active"
    payouts: str = "active"
    email: str | None = None
    display_name: str | None = None
    needs: tuple[str, ...] = ()
    """Requirements that come due, by Stripe's names for them, while the capabilities still are what they are."""
    deadline: float | None = None
    """Until when, in seconds since 1970 of the virtual clock."""


READY = Seed("acct_1RelaisFreelancer0", display_name="Ready to be paid")


def seed(platform: Platform, wanted: Seed) -> Resource:
    """Set up an account with these capabilities, or set an existing one so and tell of it; repeating changes nothing.

    Raises RefusedError (400) for a status that Stripe has not.
    """
    for status in (wanted.stripe_transfers, wanted.payouts):
        if status not in STATUSES:
            raise invalid(f"Invalid status: must be one of {', '.join(STATUSES)}", param="status")
    if not wanted.id.startswith("acct_"):
        raise invalid("An account's id starts with acct_", param="id")
    if platform.has(KIND, wanted.id):
        account = platform.get(KIND, wanted.id)
        account |= {"contact_email": wanted.email, "display_name": wanted.display_name}
        set_statuses(platform, account, stripe_transfers=wanted.stripe_transfers, payouts=wanted.payouts)
        if wanted.needs:
            account["requirements"] = _coming_due(wanted)
            _tell_of_requirements(platform, account)
        return account
    account = platform.add(_account(platform, wanted.id, wanted.country, "express"))
    account |= {"contact_email": wanted.email, "display_name": wanted.display_name}
    _put_statuses(account, {"stripe_transfers": wanted.stripe_transfers, "payouts": wanted.payouts})
    return account


def may_receive(account: Resource) -> bool:
    """Tell whether the account may receive transfers now."""
    return bool(_balance_capabilities(account)["stripe_transfers"]["status"] == "active")


def _balance_capabilities(account: Resource) -> Resource:
    found: Resource = account["configuration"]["recipient"]["capabilities"]["stripe_balance"]
    return found


def status_of(account: Resource, capability: str) -> str:
    """The status of a capability: `stripe_transfers` or `payouts`."""
    return str(_balance_capabilities(account)[capability]["status"])


def set_statuses(platform: Platform, account: Resource, **statuses: str) -> None:
    """Let capabilities have these statuses, and tell of each that has changed."""
    changed = [name for name, status in statuses.items() if status_of(account, name) != status]
    if not changed:
        return
    _put_statuses(account, statuses)
    for name in changed:
        platform.notify(
            "v2.core.account[configuration.recipient].capability_status_updated",
            related(account),
            {"updated_capability": f"stripe_balance.{name}"},
        )
    _tell_of_requirements(platform, account)


def _tell_of_requirements(platform: Platform, account: Resource) -> None:
    platform.notify("v2.core.account[requirements].updated", related(account))
    platform.emit("account.updated", in_v1(account), account=account["id"])


def _coming_due(wanted: Seed) -> Resource:
    """What a person has to give by a date, before which nothing is restricted."""
    entries = [
        {
            "awaiting_action_from": "user",
            "description": need,
            "errors": [],
            "impact": {
                "restricts_capabilities": [
                    {
                        "capability": "stripe_balance.stripe_transfers",
                        "configuration": "recipient",
                        "deadline": {"status": "currently_due"},
                    }
                ]
            },
            "minimum_deadline": {"status": "currently_due"},
            "requested_reasons": [{"code": "future_requirements"}],
        }
        for need in wanted.needs
    ]
    time = None if wanted.deadline is None else timestamp(int(wanted.deadline))
    return {"entries": entries, "summary": {"minimum_deadline": {"status": "currently_due", "time": time}}}


def related(account: Resource) -> Resource:
    """How a thin event names an account."""
    return {"id": account["id"], "type": KIND, "url": f"/v2/core/accounts/{account['id']}"}


def _put_statuses(account: Resource, statuses: dict[str, str]) -> None:
    for name, status in statuses.items():
        code, resolution = REASONS.get(status, ("", ""))
        details = [{"code": code, "resolution": resolution}] if code else []
        _balance_capabilities(account)[name] = {"status": status, "status_details": details}
    account["requirements"] = _requirements(account)


def _requirements(account: Resource) -> Resource:
    blocked = [name for name in CAPABILITIES if status_of(account, name) in {"pending", "restricted"}]
    if not blocked:
        return {"entries": [], "summary": {"minimum_deadline": None}}
    theirs = any(status_of(account, name) == "restricted" for name in blocked)
    entry = {
        "awaiting_action_from": "user" if theirs else "stripe",
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
        "requested_reasons": [{"code": "routine_onboarding" if theirs else "routine_verification"}],
    }
    return {"entries": [entry], "summary": {"minimum_deadline": {"status": "past_due", "time": None}}}


def _account(platform: Platform, identifier: str, country: str, dashboard: str) -> Resource:
    created = timestamp(platform.now())
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
    status = "restricted" if country.upper() in REACHED else "unsupported"
    _put_statuses(account, {"stripe_transfers": status, "payouts": status})
    platform.notify("v2.core.account.created", related(account))
    return _included(account, given)


def update(platform: Platform, call: Call) -> Resource:
    """Change the address, the name or the metadata of an account."""
    account = _found(platform, call.ids[0])
    given = call.params
    account |= {name: given[name] for name in ("contact_email", "display_name") if name in given}
    account["metadata"] = merged(account["metadata"], given.get("metadata", {}))
    platform.notify("v2.core.account.updated", related(account))
    return _included(account, given)


def _found(platform: Platform, identifier: str) -> Resource:
    if not platform.has(KIND, identifier):
        raise RefusedError(404, f"Account {identifier} not found.", code="not_found")
    return platform.get(KIND, identifier)


def retrieve(platform: Platform, call: Call) -> Resource:
    """One account, with what `include` names."""
    return _included(_found(platform, call.ids[0]), call.params)


def retrieve_v1(platform: Platform, call: Call) -> Resource:
    """The same account as v1 shows it."""
    return in_v1(platform.get(KIND, call.ids[0]))


def own(platform: Platform, _call: Call) -> Resource:
    """The platform's own account: what it may do (source: docs.stripe.com/api/accounts/object, capabilities)."""
    empty: dict[str, Any] = {"alternatives": [], "current_deadline": None, "currently_due": [], "disabled_reason": None}
    empty |= {"errors": [], "eventually_due": [], "past_due": [], "pending_verification": []}
    return {
        "id": platform.terms.account,
        "object": "account",
        "capabilities": dict(platform.capabilities),
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": platform.terms.country,
        "default_currency": platform.terms.currency,
        "details_submitted": True,
        "email": None,
        "future_requirements": empty,
        "metadata": {},
        "payouts_enabled": True,
        "requirements": empty,
        "type": "standard",
    }


def in_v1(account: Resource) -> Resource:
    """An account as v1 and `account.updated` show it; `details_submitted` says nothing about being payable."""
    due = [entry["description"] for entry in account["requirements"]["entries"]]
    theirs = [entry for entry in account["requirements"]["entries"] if entry["awaiting_action_from"] == "user"]
    active = status_of(account, "stripe_transfers") == "active"
    empty: dict[str, Any] = {"alternatives": [], "current_deadline": None, "currently_due": [], "disabled_reason": None}
    empty |= {"errors": [], "eventually_due": [], "past_due": [], "pending_verification": []}
    return {
        "id": account["id"],
        "object": "account",
        "capabilities": {"transfers": "active" if active else "inactive"},
        "charges_enabled": False,
        "controller": {"type": "application", "is_controller": True},
        "country": account["identity"]["country"].upper(),
        "default_currency": account["defaults"]["currency"],
        "details_submitted": not theirs,
        "email": account["contact_email"],
        "future_requirements": empty,
        "metadata": account["metadata"],
        "payouts_enabled": status_of(account, "payouts") == "active",
        "requirements": empty
        | {"currently_due": due if theirs else [], "pending_verification": [] if theirs else due}
        | ({"disabled_reason": "requirements.past_due", "past_due": due} if theirs else {}),
        "type": "none",
    }


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
        "POST",
        "/v2/core/accounts/{id}",
        "account",
        Access.WRITE,
        P + "AccountUpdateParams",
        update,
        frozenset({"contact_email", "display_name", "include[]", "metadata.*"}),
    ),
    Route("GET", "/v1/account", "account", Access.READ, "stripe.params:AccountRetrieveCurrentParams", own),
    Route("GET", "/v1/accounts/{id}", "account", Access.READ, "stripe.params:AccountRetrieveParams", retrieve_v1),
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
