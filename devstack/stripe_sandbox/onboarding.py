"""Account links and the hosted onboarding they lead to (design: money A 8, trap 24 of money E).

A link lives some minutes and works once: a second look, an expired one or a scanner's visit leads to its `refresh_url`,
where the platform makes a new one. Coming back to `return_url` says that somebody has left the form, not that it is
complete. What was filled in is verified first: the capabilities are pending, then active.
Source: docs.stripe.com/api/v2/core/account-links and docs.stripe.com/connect/hosted-onboarding.
"""

from enum import StrEnum

from devstack.stripe_sandbox.accounts import KIND as ACCOUNT
from devstack.stripe_sandbox.accounts import set_statuses, status_of
from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.platform import Link, Platform, Resource, timestamp
from devstack.stripe_sandbox.routes import Call, Route

KIND = "v2.core.account_link"


class Outcome(StrEnum):
    """How somebody leaves the onboarding: everything given, later, or what Stripe cannot verify."""

    COMPLETE = "complete"
    LATER = "later"
    UNVERIFIABLE = "unverifiable"


def create(platform: Platform, call: Call) -> Resource:
    """A link to the onboarding of an account. Raises RefusedError for an unknown account or another use."""
    given = call.params
    if not platform.has(ACCOUNT, given["account"]):
        raise RefusedError(404, f"Account {given['account']} not found.", code="not_found")
    case = given["use_case"]
    if case["type"] not in case:
        raise invalid(f"Missing required param: use_case[{case['type']}].", param="use_case", code="parameter_missing")
    now = platform.now()
    token = platform.new_id("", 12)
    until = now + platform.terms.link_minutes * 60
    platform.links[token] = Link(given["account"], until, case)
    return {
        "object": KIND,
        "account": given["account"],
        "created": timestamp(now),
        "expires_at": timestamp(until),
        "livemode": False,
        "url": f"{platform.public_url}/setup/e/{given['account']}/{token}",
        "use_case": case,
    }


def visit(platform: Platform, link: Link) -> str | None:
    """Open a link: it is used up by this, and gives the token of the form; None when it has expired or was used."""
    if link.form is not None or platform.now() >= link.until:
        return None
    link.form = platform.new_id("form_")
    return link.form


def after(link: Link) -> str:
    """Where the form leads back to."""
    case = link.use_case[link.use_case["type"]]
    return str(case.get("return_url", case["refresh_url"]))


def again(link: Link) -> str:
    """Where a link leads that no longer works."""
    return str(link.use_case[link.use_case["type"]]["refresh_url"])


def leave(platform: Platform, link: Link, outcome: Outcome) -> None:
    """End the onboarding: what was given is verified; who leaves for later has changed nothing."""
    account = platform.get(ACCOUNT, link.account)
    told = {"account_id": account["id"], "configurations": ["recipient"], "use_case": link.use_case["type"]}
    platform.notify("v2.core.account_link.returned", None, told)
    if outcome is Outcome.LATER or status_of(account, "stripe_transfers") not in {"restricted", "pending"}:
        return
    set_statuses(platform, account, stripe_transfers="pending", payouts="pending")
    verdict = "active" if outcome is Outcome.COMPLETE else "restricted"
    platform.schedule(platform.now() + platform.terms.verify_seconds, lambda: _verify(platform, account, verdict))


def _verify(platform: Platform, account: Resource, verdict: str) -> None:
    if status_of(account, "stripe_transfers") == "pending":
        set_statuses(platform, account, stripe_transfers=verdict, payouts=verdict)


USES = ("account_onboarding", "account_update")
OPTIONS = ("collection_options.fields", "collection_options.future_requirements", "refresh_url", "return_url")
ROUTES = (
    Route(
        "POST",
        "/v2/core/account_links",
        "account_link",
        Access.WRITE,
        "stripe.params.v2.core:AccountLinkCreateParams",
        create,
        frozenset({"account", *(f"use_case.{use}.{option}" for use in USES for option in OPTIONS)}),
        {"use_case.type": USES},
    ),
)
