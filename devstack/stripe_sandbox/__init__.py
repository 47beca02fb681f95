"""A Stripe sandbox: Checkout together with Connect on one machine, in memory, honest where naive fakes are not.

See README.md for what it does, what it can be told to do wrong, and what it believes of Stripe.
"""

from devstack.stripe_sandbox.accounts import Seed
from devstack.stripe_sandbox.keys import LOCAL_KEYS, Access, Key, parse_key
from devstack.stripe_sandbox.platform import API_VERSION, Terms
from devstack.stripe_sandbox.sandbox import LOCAL_SECRET, Sandbox
from devstack.stripe_sandbox.webhooks import Door, Endpoint

__all__ = [
    "API_VERSION",
    "LOCAL_KEYS",
    "LOCAL_SECRET",
    "Access",
    "Door",
    "Endpoint",
    "Key",
    "Sandbox",
    "Seed",
    "Terms",
    "parse_key",
]
