"""Transfers to connected accounts, and what a source allows (design: money A 4, traps 11 to 14 of money E).

A transfer with a source is accepted before the charge has settled and becomes available when the charge does; from
then on it draws on the available balance like any other. The sum of a charge's transfers never exceeds it; the
currency is that of the charge's balance transaction; the transfer group is the charge's. There is no event but
`transfer.created`: nothing ever says that a transfer was "paid".
"""

from devstack.stripe_sandbox.accounts import may_receive
from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import balances, book, every, retrieve
from devstack.stripe_sandbox.platform import Platform, Resource, Settlement
from devstack.stripe_sandbox.routes import Call, Route

KIND = "transfer"


def create(platform: Platform, call: Call) -> Resource:
    """Move money to a connected account, in minor units. Raises RefusedError for what Stripe refuses."""
    given = call.params
    if "amount" not in given:
        raise invalid("Missing required param: amount.", param="amount", code="parameter_missing")
    if given["amount"] < 1:
        raise invalid(
            "This value must be greater than or equal to 1.", param="amount", code="parameter_invalid_integer"
        )
    _check_destination(platform, given["destination"])
    source = _source(platform, given) if "source_transaction" in given else None
    now = platform.now()
    available_on = max(now, source[1].available_on) if source else now
    if available_on <= now:
        _check_available(platform, given, source)
    group = _group(given, source[0] if source else None)
    transfer = _transfer(platform, given, group, now)
    transaction = book(platform, kind=KIND, source=transfer, amount=-given["amount"], available_on=available_on)
    transfer["balance_transaction"] = transaction["id"]
    platform.add(transfer)
    platform.emit("transfer.created", transfer)
    return transfer


def _check_destination(platform: Platform, destination: str) -> None:
    if not platform.has("v2.core.account", destination):
        raise RefusedError(400, f"No such destination: '{destination}'", code="resource_missing", param="destination")
    if not may_receive(platform.get("v2.core.account", destination)):
        raise RefusedError(
            400,
            "Your destination account needs to have at least one of the following capabilities enabled: transfers, "
            "crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
        )


def _source(platform: Platform, given: Resource) -> tuple[Resource, Settlement]:
    charge = platform.get("charge", given["source_transaction"], param="source_transaction", status=400)
    settlement = platform.settlements.get(charge["id"])
    if settlement is None:
        raise RefusedError(400, "You cannot use a failed charge as a source_transaction.", param="source_transaction")
    if given["currency"] != settlement.currency:
        raise RefusedError(
            400,
            f"The currency of source_transaction's balance transaction ({settlement.currency}) must be the same as the "
            f"transfer currency ({given['currency']})",
            param="currency",
        )
    used = sum(
        transfer["amount"] - transfer["amount_reversed"]
        for transfer in platform.newest_first(KIND)
        if transfer["source_transaction"] == charge["id"]
    )
    if used + given["amount"] > settlement.amount:
        raise RefusedError(
            400,
            f"Transfers using this transaction as a source must not exceed the source amount of {settlement.amount}. "
            f"(There are already transfers using this source, totaling {used}.)",
            param="amount",
        )
    return charge, settlement


def _check_available(platform: Platform, given: Resource, source: tuple[Resource, Settlement] | None) -> None:
    if source is not None and source[0]["balance_transaction"] is None:
        return  # settled at once, and not booked yet: Stripe still counts it as pending
    available = balances(platform).get(given["currency"], {"available": 0})["available"]
    if given["amount"] > available:
        raise RefusedError(
            400,
            "You have insufficient available funds in your Stripe account. Try adding funds directly to your available "
            "balance by creating Charges using the 4000000000000077 test card.",
            code="balance_insufficient",
        )


def _group(given: Resource, charge: Resource | None) -> str | None:
    if charge is None:
        return given.get("transfer_group")
    if charge["transfer_group"] is None:
        charge["transfer_group"] = given.get("transfer_group") or f"group_{charge['payment_intent'] or charge['id']}"
    if given.get("transfer_group", charge["transfer_group"]) != charge["transfer_group"]:
        raise RefusedError(
            400,
            f"The transfer_group of a sourced transfer must be the charge's ({charge['transfer_group']}).",
            param="transfer_group",
        )
    return str(charge["transfer_group"])


def _transfer(platform: Platform, given: Resource, group: str | None, now: int) -> Resource:
    identifier = platform.new_id("tr_1")
    return {
        "id": identifier,
        "object": KIND,
        "amount": given["amount"],
        "amount_reversed": 0,
        "balance_transaction": None,
        "created": now,
        "currency": given["currency"],
        "description": given.get("description"),
        "destination": given["destination"],
        "destination_payment": platform.new_id("py_1"),
        "livemode": False,
        "metadata": given.get("metadata", {}),
        "reversals": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/transfers/{identifier}/reversals",
        },
        "reversed": False,
        "source_transaction": given.get("source_transaction"),
        "source_type": "card",
        "transfer_group": group,
    }


def sent(platform: Platform) -> dict[str, dict[str, int]]:
    """Net transfers in minor units, by destination and currency."""
    totals: dict[str, dict[str, int]] = {}
    for transfer in platform.newest_first(KIND):
        pot = totals.setdefault(transfer["destination"], {})
        net = transfer["amount"] - transfer["amount_reversed"]
        pot[transfer["currency"]] = pot.get(transfer["currency"], 0) + net
    return totals


P = "stripe.params:"
TAKES = frozenset(
    {"amount", "currency", "description", "destination", "metadata.*", "source_transaction", "transfer_group"}
)
ROUTES = (
    Route("POST", "/v1/transfers", KIND, Access.WRITE, P + "TransferCreateParams", create, TAKES),
    retrieve(KIND, KIND, "/v1/transfers", P + "TransferRetrieveParams"),
    every(KIND, KIND, "/v1/transfers", P + "TransferListParams", ("destination", "transfer_group")),
)
