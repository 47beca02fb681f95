"""Putting a catalogue on the table: which offers are new versions, who joins the roster, what the window shows.

An offer's version is immutable, for orders keep the one they were bought under (promise 5). The window (SHOP/SETTINGS)
is written last, so that it never names a version that is not there yet. Applying the same catalogue again writes
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from relais.errors import RelaisError
from relais.offer import Offer
from relais.order import stamp
from relais.ports import ConditionFailedError, Store
from relais.roster import Difference, Freelancer, Standing, merged
from relais.rows import SHOP_KEY, Change, Guard, Put, Row, absent, equals, freelancer_key, offer_key
from relais.shop import Shop

SETTINGS_ROW_VERSION = 1
TRIES = 3


class Catalog(Protocol):
    """What is applied: the shop, its offers and its roster, read without mistakes."""

    @property
    def shop(self) -> Shop:
        """Who sells."""

    @property
    def offers(self) -> Sequence[Offer]:
        """What is sold."""

    @property
    def roster(self) -> Sequence[Freelancer]:
        """Who may be asked to perform it."""


class CatalogContestedError(RelaisError):
    """Somebody else applied a catalogue at the same time, again and again."""

    def __init__(self, tries: int) -> None:
        """Keep how often it was tried."""
        super().__init__(f"another catalogue was applied meanwhile, {tries} times over: apply this one again")
        self.tries = tries


class Step(StrEnum):
    """What applying did to one thing."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    WITHDRAWN = "withdrawn"
    """An offer that the catalogue has no longer: not shown any more; orders keep their version."""
    SUSPENDED = "suspended"
    """A freelancer whom the catalogue has no longer: not asked any more; engagements go on."""


@dataclass(frozen=True, slots=True, repr=False)
class AppliedOffer:
    """An offer and the version that is now on sale (of a withdrawn one: the last that was)."""

    slug: str
    version: int
    status: str
    step: Step


@dataclass(frozen=True, slots=True, repr=False)
class AppliedFreelancer:
    """A freelancer, what became of their row, and where the file and what was changed by command did not agree."""

    key: str
    step: Step
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Applied:
    """What applying a catalogue did."""

    shop: Step
    offers: tuple[AppliedOffer, ...]
    roster: tuple[AppliedFreelancer, ...]

    @property
    def wrote(self) -> bool:
        """Whether anything changed."""
        steps = [self.shop, *(one.step for one in self.offers), *(one.step for one in self.roster)]
        return any(step is not Step.UNCHANGED for step in steps)


def apply(store: Store, catalog: Catalog, now: datetime) -> Applied:
    """Put a catalogue on the table; an unchanged offer keeps its version, a freelancer's `in_hand` is never touched.

    Standing, rates and away dates begin with the file; what was changed by command since stays unless the file changes
    it too, and every difference is told.

    Two at once are safe: each write is bound to what was read. Raises `CatalogContestedError`.
    """
    for _ in range(TRIES):
        try:
            return _apply(store, catalog, now)
        except ConditionFailedError:
            continue
    raise CatalogContestedError(TRIES)


def _apply(store: Store, catalog: Catalog, now: datetime) -> Applied:
    before = store.get(SHOP_KEY)
    offers = tuple(_apply_offer(store, offer) for offer in sorted(catalog.offers, key=lambda offer: offer.slug))
    roster = _apply_roster(store, catalog.roster)
    window = [{"slug": one.slug, "version": one.version, "status": one.status} for one in offers]
    shop = _step(None if before is None else Shop.from_row(before["shop"]), catalog.shop)
    if shop is not Step.UNCHANGED or before is None or before["offers"] != window:
        _write_window(store, before, {"shop": catalog.shop.to_row(), "offers": window}, now)
    return Applied(shop, (*offers, *_withdrawn(before, catalog.offers)), roster)


def _step(before: object | None, after: object) -> Step:
    if before is None:
        return Step.NEW
    return Step.UNCHANGED if before == after else Step.CHANGED


def _apply_offer(store: Store, offer: Offer) -> AppliedOffer:
    rows = store.query(f"H#{offer.slug}", "V#")
    latest = Offer.from_row(rows[-1]) if rows else None
    version = 0 if latest is None else latest.version
    step = _step(latest, Offer.from_row(replace(offer, version=version).to_row()))
    if step is not Step.UNCHANGED:
        version += 1
        store.write(Put(offer_key(offer.slug, version), replace(offer, version=version).to_row()))
    return AppliedOffer(offer.slug, version, offer.status.value, step)


def _withdrawn(before: Row | None, offers: Sequence[Offer]) -> tuple[AppliedOffer, ...]:
    kept = {offer.slug for offer in offers}
    shown: list[dict[str, Any]] = [] if before is None else before["offers"]
    return tuple(
        AppliedOffer(one["slug"], one["version"], one["status"], Step.WITHDRAWN)
        for one in shown
        if one["slug"] not in kept
    )


def _apply_roster(store: Store, roster: Sequence[Freelancer]) -> tuple[AppliedFreelancer, ...]:
    known = {row["key"]: Freelancer.from_row(row) for row in store.query("ROSTER", "R#")}
    applied = [_apply_freelancer(store, known.get(one.key), one) for one in sorted(roster, key=lambda one: one.key)]
    kept = {one.key for one in roster}
    left_out = [known[key] for key in sorted(known) if key not in kept]
    return (*applied, *(_suspend(store, one) for one in left_out if one.standing is not Standing.SUSPENDED))


def _apply_freelancer(store: Store, before: Freelancer | None, file: Freelancer) -> AppliedFreelancer:
    if before is None:
        store.write(Put(freelancer_key(file.key), replace(file, in_hand=0, filed=file.terms).to_row()))
        return AppliedFreelancer(file.key, Step.NEW)
    terms, differences = merged(before.filed or before.terms, before.terms, file.terms)
    holds = replace(file, standing=terms.standing, rates=terms.rates, away=terms.away, filed=file.terms)
    counted = replace(
        holds,
        in_hand=before.in_hand,
        tallies=before.tallies,
        trials=before.trials,
        works=before.works,
        asked=before.asked,
        owes=before.owes,
    )
    step = _step(before, Freelancer.from_row(counted.to_row()))
    if step is not Step.UNCHANGED:
        # Only a decision moves what is counted, and it may move it at this very moment.
        row = {name: value for name, value in holds.to_row().items() if name not in {"in_hand", "trials"}}
        store.write(Change(freelancer_key(file.key), put=row, guards=_terms_as_read(before)))
    return AppliedFreelancer(file.key, step, differences)


def _suspend(store: Store, freelancer: Freelancer) -> AppliedFreelancer:
    """Who is left out is suspended as if the file said so: back in the file, they stand as it says."""
    filed = replace(freelancer.filed or freelancer.terms, standing=Standing.SUSPENDED)
    suspended = {"standing": Standing.SUSPENDED.value, "filed": filed.to_row()}
    store.write(Change(freelancer_key(freelancer.key), put=suspended, guards=_terms_as_read(freelancer)))
    return AppliedFreelancer(freelancer.key, Step.SUSPENDED)


def _terms_as_read(freelancer: Freelancer) -> tuple[Guard, ...]:
    """Nobody changed by command what was read."""
    return tuple(equals(name, value) for name, value in freelancer.terms.to_row().items())


def _write_window(store: Store, before: Row | None, window: dict[str, Any], now: datetime) -> None:
    revision = 0 if before is None else int(before.get("revision", 0))
    row = {"v": SETTINGS_ROW_VERSION, "revision": revision + 1, "applied": stamp(now)} | window
    store.write(Put(SHOP_KEY, row, (_as_read(before),)))


def _as_read(before: Row | None) -> Guard:
    """The window has not been written since it was read."""
    if before is None:
        return absent("pk")
    return equals("revision", before["revision"]) if "revision" in before else absent("revision")
