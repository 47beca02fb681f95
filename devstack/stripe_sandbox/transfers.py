"""Transfers to connected accounts, what a source allows, and reversals (design: money A 4, traps 11 to 15 of money E).

A transfer with a source is accepted before the charge has settled and becomes available when the charge does; from
then on it draws on the available balance like any other. The sum of a charge's transfers never exceeds it; the
currency is that of the charge's balance transaction; the transfer group is the charge's. There is no event but
`transfer.created`: nothing ever says that a transfer was "paid".

A reversal takes back a part or all, of what the account has *available*, or is refused whole; it is told by
`transfer.reversed`, for a part too, with `reversed: false`. Source: docs.stripe.com/api/transfer_reversals.
"""

import copy

from devstack.stripe_sandbox.accounts import may_receive
from devstack.stripe_sandbox.amounts import printed
from devstack.stripe_sandbox.errors import RefusedError, invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import available, book, every, held, merged, retrieve
from devstack.stripe_sandbox.platform import Platform, Resource, Settlement, Share
from devstack.stripe_sandbox.recipients import put
from devstack.stripe_sandbox.routes import LIST_PARAMS, VIEWS, Call, Route, listing

KIND = "transfer"
REVERSAL = "transfer_reversal"
SHOWN = 10


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
    put(platform, transfer["destination"], Share(given["amount"], given["currency"], available_on, transfer["id"]))
    platform.emit("transfer.created", _with_reversals(platform, transfer))
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
    if given["amount"] > available(platform, given["currency"]):
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
        "reversed": False,
        "source_transaction": given.get("source_transaction"),
        "source_type": "card",
        "transfer_group": group,
    }


# Reversals -------------------------------------------------------------------------------------------------------


def _reversals_of(platform: Platform, transfer: str) -> list[Resource]:
    return [found for found in platform.newest_first(REVERSAL) if found["transfer"] == transfer]


def _with_reversals(platform: Platform, transfer: Resource) -> Resource:
    """A transfer with the newest of its reversals, as every answer shows it."""
    found = _reversals_of(platform, transfer["id"])
    shown = {
        "object": "list",
        "data": copy.deepcopy(found[:SHOWN]),
        "has_more": len(found) > SHOWN,
        "url": f"/v1/transfers/{transfer['id']}/reversals",
    }
    return transfer | {"reversals": shown}


def reverse(platform: Platform, call: Call) -> Resource:
    """Take a transfer back, or a part of it, in minor units of its currency.

    Raises RefusedError when it is reversed already, when more is asked than is left, and when the account has not so
    much available: then nothing is taken at all.
    """
    transfer = platform.get(KIND, call.ids[0])
    amount = _to_reverse(transfer, call.params)
    spendable = held(platform, transfer["destination"]).get(transfer["currency"], {"available": 0})["available"]
    if amount > spendable:
        raise RefusedError(
            400,
            f"Insufficient funds in the connected account: {transfer['destination']} has "
            f"{printed(spendable, transfer['currency'], 'en')} available.",
            code="balance_insufficient",
        )
    now = platform.now()
    made = platform.add(
        {
            "id": platform.new_id("trr_1"),
            "object": REVERSAL,
            "amount": amount,
            "balance_transaction": None,
            "created": now,
            "currency": transfer["currency"],
            "destination_payment_refund": platform.new_id("pyr_1"),
            "metadata": merged({}, call.params.get("metadata") or {}),
            "source_refund": None,
            "transfer": transfer["id"],
        }
    )
    transaction = book(platform, kind="transfer_refund", source=made, amount=amount, available_on=now)
    made["balance_transaction"] = transaction["id"]
    before = {"amount_reversed": transfer["amount_reversed"], "reversed": transfer["reversed"]}
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    put(platform, transfer["destination"], Share(-amount, transfer["currency"], now, made["id"]))
    previous = {name: value for name, value in before.items() if transfer[name] != value}
    platform.emit("transfer.reversed", _with_reversals(platform, transfer), previous)
    return made


def _to_reverse(transfer: Resource, given: Resource) -> int:
    left: int = transfer["amount"] - transfer["amount_reversed"]
    amount: int = given.get("amount", left)
    if left == 0:
        raise RefusedError(400, f"Transfer {transfer['id']} is already fully reversed.")
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        asked, rest = (printed(value, transfer["currency"], "en") for value in (amount, left))
        raise RefusedError(
            400, f"Reversal amount ({asked}) is greater than unreversed amount on transfer ({rest})", param="amount"
        )
    return amount


def reversals(platform: Platform, call: Call) -> Resource:
    """The reversals of a transfer, newest first."""
    transfer = platform.get(KIND, call.ids[0])
    return listing(call, f"/v1/transfers/{transfer['id']}/reversals", _reversals_of(platform, transfer["id"]))


def one_reversal(platform: Platform, call: Call) -> Resource:
    """One reversal of a transfer."""
    platform.get(KIND, call.ids[0])
    return platform.get(REVERSAL, call.ids[1])


def modify(platform: Platform, call: Call) -> Resource:
    """Change a transfer's metadata or description; its money never."""
    transfer = platform.get(KIND, call.ids[0])
    before = {name: transfer[name] for name in ("metadata", "description")}
    transfer["metadata"] = merged(transfer["metadata"], call.params.get("metadata", {}))
    transfer["description"] = call.params.get("description", transfer["description"])
    previous = {name: value for name, value in before.items() if transfer[name] != value}
    if previous:
        platform.emit("transfer.updated", _with_reversals(platform, transfer), previous)
    return transfer


VIEWS[KIND] = _with_reversals


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
    Route(
        "POST",
        "/v1/transfers/{id}",
        KIND,
        Access.WRITE,
        P + "TransferModifyParams",
        modify,
        frozenset({"metadata", "metadata.*", "description"}),
    ),
    Route(
        "POST",
        "/v1/transfers/{id}/reversals",
        KIND,
        Access.WRITE,
        P + "TransferReversalCreateParams",
        reverse,
        frozenset({"amount", "metadata", "metadata.*", "description"}),
        {"refund_application_fee": (False,)},
    ),
    Route(
        "GET",
        "/v1/transfers/{id}/reversals",
        KIND,
        Access.READ,
        P + "TransferReversalListParams",
        reversals,
        LIST_PARAMS,
    ),
    Route(
        "GET",
        "/v1/transfers/{id}/reversals/{id}",
        KIND,
        Access.READ,
        P + "TransferReversalRetrieveParams",
        one_reversal,
    ),
)
