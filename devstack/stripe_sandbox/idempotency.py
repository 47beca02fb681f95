"""Idempotency keys as Stripe keeps them (design: money A 6, traps 7 and 8 of money E).

An answer is saved once execution began, whatever it is: refusals and 500s are replayed. Validation errors, 401, 403,
409 and 429 are not saved. Another body under the same key is an `idempotency_error`; a key in use is 409. v1 keys are
pruned 24 hours of wall time after their first use, v2 keys after 30 days, and v2 saves successes only.
"""

from dataclasses import dataclass

from devstack.stripe_sandbox.errors import RefusedError, invalid

HOUR = 3600.0
V1_LIFE = 24 * HOUR
V2_LIFE = 30 * 24 * HOUR
LONGEST = 255


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, as far as a replay must be the same. Stripe's version counts in: a deploy that changes
    it must not pass for a repetition (belief: documented for parameters only)."""  # noqa: D205, D209

    method: str
    path: str
    body: bytes
    version: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved answer and the request that first got it."""

    status: int
    body: bytes
    request_id: str


@dataclass(slots=True)
class _Record:
    asked: Asked
    since: float
    saved: Saved | None = None


class IdempotencyKeys:
    """The keys of one account. Not thread-safe: the sandbox's lock guards it."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def begin(self, key: str, asked: Asked, wall: float) -> Saved | None:
        """Reserve a key, or give the answer saved under it. Times in seconds of wall time.

        Raises RefusedError: 400 `idempotency_error` for another request under the key, 409 while it is in use.
        """
        if len(key) > LONGEST:
            raise invalid(f"Idempotency-Key must be at most {LONGEST} characters long", param="Idempotency-Key")
        self._prune(wall)
        record = self._records.get(key)
        if record is None:
            self._records[key] = _Record(asked, wall)
            return None
        if (record.asked.method, record.asked.path) != (asked.method, asked.path):
            raise _mismatch(
                key, f"for the same endpoint they were first used for ('{record.asked.path}' vs '{asked.path}')"
            )
        if record.asked != asked:
            raise _mismatch(key, "with the same parameters they were first used with")
        if record.saved is None:
            raise RefusedError(
                409,
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later.",
                kind="idempotency_error",
                code="idempotency_key_in_use",
                saved=False,
            )
        return record.saved

    def save(self, key: str, saved: Saved) -> None:
        """Keep the answer for every repetition."""
        self._records[key].saved = saved

    def forget(self, key: str) -> None:
        """Free a key whose request never began to execute."""
        self._records.pop(key, None)

    def _prune(self, wall: float) -> None:
        old = [
            key
            for key, record in self._records.items()
            if wall - record.since >= (V2_LIFE if record.asked.path.startswith("/v2/") else V1_LIFE)
        ]
        for key in old:
            del self._records[key]


def _mismatch(key: str, how: str) -> RefusedError:
    return RefusedError(
        400,
        f"Keys for idempotent requests can only be used {how}. Try using a key other than '{key}' if you meant to "
        "execute a different request.",
        kind="idempotency_error",
        saved=False,
    )
