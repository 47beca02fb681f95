"""Secrets of links and nonces of forms: HMAC-SHA256, recomputed whenever they are needed and stored nowhere.

Design: workflow section 1 (links). A link's secret binds the key's id, what it opens, its audience and the link
version; raising the version revokes the links written before. A nonce binds what a form answers to, its link version
and the hour it was shown in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from relais.errors import RelaisError

NONCE_HOURS = 12


class UnknownLinkKeyError(RelaisError):
    """A row names a key that the secret `link-keys` does not hold."""

    def __init__(self, key_id: str) -> None:
        """Keep the id of the missing key."""
        super().__init__(f"link key {key_id} is not in the secret: put it back beside the current one")
        self.key_id = key_id


@dataclass(frozen=True, slots=True, repr=False)
class LinkKeys:
    """The keys that links are made with: the current one for new links, older ones to read links already mailed."""

    current: str
    keys: Mapping[str, bytes]

    def __repr__(self) -> str:
        """Name the keys, never show them."""
        return f"LinkKeys(current={self.current!r}, ids={sorted(self.keys)!r})"

    def key(self, key_id: str) -> bytes:
        """Find a key. Raises `UnknownLinkKeyError`."""
        try:
            return self.keys[key_id]
        except KeyError:
            raise UnknownLinkKeyError(key_id) from None


def _mac(key: bytes, *parts: str) -> str:
    digest = hmac.new(key, "\x1f".join(parts).encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def secret(keys: LinkKeys, key_id: str, subject: str, audience: str, version: int) -> str:
    """The secret part of the link to `subject` (an order, or an order and its gate) for one audience."""
    return _mac(keys.key(key_id), "link", key_id, subject, audience, str(version))


def opens(keys: LinkKeys, key_id: str, subject: str, audience: str, version: int, *, presented: str) -> bool:
    """Whether a presented secret is the link's, compared in constant time."""
    return hmac.compare_digest(secret(keys, key_id, subject, audience, version).encode(), presented.encode())


def nonce(keys: LinkKeys, key_id: str, subject: str, version: int, shown_at: datetime) -> str:
    """The nonce of a form shown at `shown_at`; good for that hour and the twelve after it."""
    return _mac(keys.key(key_id), "nonce", subject, str(version), _hour(shown_at, 0))


def fresh(keys: LinkKeys, key_id: str, subject: str, version: int, *, presented: str, now: datetime) -> bool:
    """Whether a presented nonce is of this hour or of the last twelve."""
    good = False
    for back in range(NONCE_HOURS + 1):
        expected = _mac(keys.key(key_id), "nonce", subject, str(version), _hour(now, back))
        good |= hmac.compare_digest(expected.encode(), presented.encode())
    return good


def _hour(at: datetime, back: int) -> str:
    return str(int(at.timestamp()) // 3600 - back)
