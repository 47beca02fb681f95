"""Stripe's webhook signature, checked with the standard library so that the door loads nothing heavy.

Header `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=…]`; HMAC-SHA256 over `<t>.<raw body>`
(docs.stripe.com/webhooks#verify-manually). Times are wall time, the tolerance counts in both directions. Design:
money A 12.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from relais.errors import RelaisError

TOLERANCE_SECONDS = 300
STAMP_DIGITS = 12
"""Enough for thirty thousand years; a longer number is nobody's time."""


class SignatureRefusedError(RelaisError):
    """A webhook that nobody we trust has signed, or too long ago."""

    def __init__(self, cause: str) -> None:
        """Keep the cause: `missing`, `malformed`, `stale` or `forged`."""
        super().__init__(f"the webhook's signature is {cause}: check the endpoint's secret with `relais secrets set`")
        self.cause = cause


def verify(body: bytes, header: str, secrets: Iterable[str], wall: datetime) -> None:
    """Accept a body signed with one of the secrets within five minutes. Raises `SignatureRefusedError`."""
    if not header:
        raise SignatureRefusedError("missing")
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(stamps) != 1 or not _is_time(stamps[0]) or not signatures:
        raise SignatureRefusedError("malformed")
    if abs(wall.timestamp() - int(stamps[0])) > TOLERANCE_SECONDS:
        raise SignatureRefusedError("stale")
    signed = stamps[0].encode() + b"." + body
    good = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for signature in signatures:
            good |= hmac.compare_digest(expected.encode(), signature.encode())
    if not good:
        raise SignatureRefusedError("forged")


def _is_time(stamp: str) -> bool:
    return stamp.isascii() and stamp.isdigit() and len(stamp) <= STAMP_DIGITS
