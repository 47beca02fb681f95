"""Prices: given in place by a session, or made before; fixed, chosen by the client, or recurring.

Source: docs.stripe.com/api/prices and, for what the client chooses, the guide
docs.stripe.com/payments/checkout/pay-what-you-want.
"""

from devstack.stripe_sandbox.errors import invalid
from devstack.stripe_sandbox.keys import Access
from devstack.stripe_sandbox.payments import retrieve
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.routes import Call, Route

KIND = "price"
LEAST_CHOSEN = 50
MOST_CHOSEN = 1_000_000


def create(platform: Platform, call: Call) -> Resource:
    """A price to use in sessions. Raises RefusedError unless it has one of an amount and a choice."""
    given = call.params
    if ("unit_amount" in given) == ("custom_unit_amount" in given):
        raise invalid("You must pass either `unit_amount` or `custom_unit_amount`.", param="unit_amount")
    if "product_data" not in given:
        raise invalid("Missing required param: product_data.", param="product_data", code="parameter_missing")
    return platform.add(_price(platform, given, active=True))


def in_place(platform: Platform, given: Resource, where: str) -> Resource:
    """The price of a line item. Raises RefusedError for what is missing; `where` names the parameter."""
    for name in ("product_data", "unit_amount"):
        if name not in given:
            param = f"{where}[{name}]"
            raise invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")
    if given["unit_amount"] < 0:
        raise invalid("Amounts and quantities must be positive.", param=where)
    return _price(platform, given, active=False)


def _price(platform: Platform, given: Resource, *, active: bool) -> Resource:
    product = platform.new_id("prod_", 14)
    platform.products[product] = given["product_data"]["name"]
    recurring = given.get("recurring")
    amount = given.get("unit_amount")
    return {
        "id": platform.new_id("price_"),
        "object": KIND,
        "active": active,
        "billing_scheme": "per_unit",
        "created": platform.now(),
        "currency": given["currency"],
        "custom_unit_amount": _choice(given["custom_unit_amount"]) if "custom_unit_amount" in given else None,
        "livemode": False,
        "lookup_key": None,
        "metadata": given.get("metadata", {}),
        "nickname": given.get("nickname"),
        "product": product,
        "recurring": recurring
        and {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": None if amount is None else str(amount),
    }


def _choice(given: Resource) -> Resource:
    least = given.get("minimum", LEAST_CHOSEN)
    if least < LEAST_CHOSEN:
        raise invalid(
            f"The minimum must be at least {LEAST_CHOSEN}: what is not paid has no session.",
            param="custom_unit_amount[minimum]",
        )
    return {"minimum": least, "maximum": given.get("maximum", MOST_CHOSEN), "preset": given.get("preset")}


P = "stripe.params:"
ROUTES = (
    Route(
        "POST",
        "/v1/prices",
        KIND,
        Access.WRITE,
        P + "PriceCreateParams",
        create,
        frozenset(
            """
            currency custom_unit_amount.maximum custom_unit_amount.minimum custom_unit_amount.preset metadata.* nickname
            product_data.name recurring.interval recurring.interval_count unit_amount
            """.split()  # noqa: SIM905
        ),
        {"custom_unit_amount.enabled": (True,)},
    ),
    retrieve(KIND, KIND, "/v1/prices", P + "PriceRetrieveParams"),
)
