"""Applying a catalogue: versions that never change, a roster whose engagements are nobody's to overwrite."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from relais.adapters.dynamodb import DynamoStore
from relais.cli.catalog import Catalog, load
from relais.offer import Offer, OfferStatus
from relais.ports import ConditionFailedError
from relais.roster import Freelancer, Standing
from relais.rows import SHOP_KEY, Change, Key, Put, Row, Write, freelancer_key, offer_key, present
from relais.steps.catalog import CatalogContestedError, Step, apply
from relais.steps.situation import read_offer, read_shop

SAMPLE = Path(__file__).parents[3] / "catalog"
NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
INES = freelancer_key("ines-moreau")


@pytest.fixture
def sample() -> Catalog:
    catalog = load(SAMPLE, today=date(2026, 11, 27))
    assert isinstance(catalog, Catalog), str(catalog)
    return replace(catalog, offers=tuple(one for one in catalog.offers if one.slug == "logo"))


def dearer(catalog: Catalog, price: int) -> Catalog:
    return replace(catalog, offers=tuple(replace(offer, price=price) for offer in catalog.offers))


def everything(store: DynamoStore) -> list[list[Row]]:
    return [store.query(pk) for pk in ("SHOP", "ROSTER", "H#logo")]


def test_an_applied_shop_is_what_the_steps_read(store: DynamoStore, sample: Catalog) -> None:
    """Pages and steps read the shop, its window and each offer by the same rows."""
    applied = apply(store, sample, NOW)
    shop, window = read_shop(store)
    assert shop == sample.shop
    assert [(one.slug, one.version, one.status) for one in window] == [
        (one.slug, 1, one.status.value) for one in sample.offers
    ]
    assert read_offer(store, "logo", 1).price == 29_000
    assert {one.step for one in applied.offers} | {one.step for one in applied.roster} == {Step.NEW}
    assert len(store.query("ROSTER", "R#")) == len(sample.roster)


def test_applying_again_writes_nothing(store: DynamoStore, sample: Catalog) -> None:
    """An unchanged offer keeps its version, whatever way its rows took through the table."""
    apply(store, sample, NOW)
    before = everything(store)
    again = apply(store, sample, datetime(2027, 1, 1, tzinfo=UTC))
    assert not again.wrote
    assert everything(store) == before


def test_a_changed_offer_is_a_new_version_and_the_old_one_stays(store: DynamoStore, sample: Catalog) -> None:
    """An order keeps the offer it was bought under (promise 5)."""
    apply(store, sample, NOW)
    old = store.get(offer_key("logo", 1))
    applied = apply(store, dearer(sample, 31_000), NOW)
    assert [(one.slug, one.version, one.step) for one in applied.offers] == [("logo", 2, Step.CHANGED)]
    assert store.get(offer_key("logo", 1)) == old
    assert read_offer(store, "logo", 2).price == 31_000
    assert [(one.slug, one.version) for one in read_shop(store)[1]] == [("logo", 2)]


def test_an_offer_that_goes_back_is_a_version_of_its_own(store: DynamoStore, sample: Catalog) -> None:
    """Versions are a history: the price of November is not the price of January, even if it is the same."""
    for catalog in (sample, dearer(sample, 31_000), sample):
        apply(store, catalog, NOW)
    assert [Offer.from_row(row).price for row in store.query("H#logo", "V#")] == [29_000, 31_000, 29_000]
    assert [one.version for one in read_shop(store)[1]] == [3]


def test_a_paused_offer_is_a_new_version(store: DynamoStore, sample: Catalog) -> None:
    """The checkout decides by the offer's own row, so pausing has to reach it."""
    apply(store, sample, NOW)
    paused = replace(sample, offers=tuple(replace(one, status=OfferStatus.PAUSED) for one in sample.offers))
    apply(store, paused, NOW)
    assert read_offer(store, "logo", read_shop(store)[1][0].version).status is OfferStatus.PAUSED


def test_an_offer_left_out_leaves_the_window_only(store: DynamoStore, sample: Catalog) -> None:
    """Nobody can buy it any more, its orders go on; put back, it keeps its version."""
    other = replace(sample.offers[0], slug="card")
    both = replace(sample, offers=(*sample.offers, other))
    apply(store, both, NOW)
    applied = apply(store, replace(sample, offers=(other,)), NOW)
    assert [(one.slug, one.step) for one in applied.offers] == [("card", Step.UNCHANGED), ("logo", Step.WITHDRAWN)]
    assert [one.slug for one in read_shop(store)[1]] == ["card"]
    assert read_offer(store, "logo", 1).slug == "logo"
    assert [(one.slug, one.version) for one in apply(store, both, NOW).offers] == [("card", 1), ("logo", 1)]


def test_what_somebody_has_in_hand_survives_a_changed_row(store: DynamoStore, sample: Catalog) -> None:
    """A rate corrected while she works must not give her room for a third order."""
    apply(store, sample, NOW)
    store.write(Change(INES, add={"in_hand": 2}, guards=(present("pk"),)))
    roster = tuple(replace(one, capacity=3) if one.key == "ines-moreau" else one for one in sample.roster)
    applied = apply(store, replace(sample, roster=roster), NOW)
    ines = Freelancer.from_row(store.get(INES) or {})
    assert (ines.in_hand, ines.capacity) == (2, 3)
    assert {one.key: one.step for one in applied.roster}["ines-moreau"] is Step.CHANGED


def test_a_freelancer_left_out_is_not_asked_any_more_and_comes_back(store: DynamoStore, sample: Catalog) -> None:
    """Rows of people with engagements are never deleted; putting them back into the file undoes it."""
    apply(store, sample, NOW)
    without = replace(sample, roster=tuple(one for one in sample.roster if one.key != "ines-moreau"))
    applied = apply(store, without, NOW)
    assert {one.key: one.step for one in applied.roster}["ines-moreau"] is Step.SUSPENDED
    assert Freelancer.from_row(store.get(INES) or {}).standing is Standing.SUSPENDED
    assert not apply(store, without, NOW).wrote
    apply(store, sample, NOW)
    assert Freelancer.from_row(store.get(INES) or {}).standing is Standing.APPROVED


class Contested:
    """A store in which somebody else writes just before the window is written."""

    def __init__(self, store: DynamoStore, times: int) -> None:
        self.store, self.times = store, times

    def get(self, key: Key) -> Row | None:
        return self.store.get(key)

    def query(self, pk: str, prefix: str = "") -> list[Row]:
        return self.store.query(pk, prefix)

    def write(self, *writes: Write) -> None:
        if self.times and writes[0].key == SHOP_KEY:
            self.times -= 1
            self.store.write(Change(SHOP_KEY, put={"applied": "elsewhere"}, add={"revision": 1}))
        self.store.write(*writes)


def test_what_was_changed_by_command_outlives_the_same_files(store: DynamoStore, sample: Catalog) -> None:
    """The file is the beginning; applied again for a new offer it puts nobody's rate, standing or pause back."""
    apply(store, sample, NOW)
    changed = {"standing": "suspended", "rates": {"business-card": 2_800, "logo": 14_500}}
    store.write(Change(INES, put=changed, guards=(present("pk"),)))
    ines = next(one for one in apply(store, dearer(sample, 30_000), NOW).roster if one.key == "ines-moreau")
    assert (ines.step, {one.what for one in ines.differences}) == (Step.UNCHANGED, {"standing", "rates.logo"})
    after = Freelancer.from_row(store.get(INES) or {})
    assert (after.standing, after.rate_for("logo")) == (Standing.SUSPENDED, 14_500)


@pytest.mark.parametrize("times", [1, 2])
def test_two_applied_at_once_end_as_one_after_the_other(store: DynamoStore, sample: Catalog, times: int) -> None:
    """The window that was read is the window that is replaced, or everything is decided again."""
    apply(store, sample, NOW)
    apply(Contested(store, times), dearer(sample, 31_000), NOW)  # type: ignore[arg-type]
    row = store.get(SHOP_KEY) or {}
    assert row["revision"] == 2 + times
    assert [(one["slug"], one["version"]) for one in row["offers"]] == [("logo", 2)]


def test_a_catalogue_that_never_gets_through_says_so(store: DynamoStore, sample: Catalog) -> None:
    """Better a sentence than an endless loop."""
    apply(store, sample, NOW)
    with pytest.raises(CatalogContestedError):
        apply(Contested(store, 99), dearer(sample, 31_000), NOW)  # type: ignore[arg-type]


def test_a_version_is_never_written_over(store: DynamoStore, sample: Catalog) -> None:
    """Two who number the same version: one of them has to look again."""
    apply(store, sample, NOW)
    with pytest.raises(ConditionFailedError):
        store.write(Put(offer_key("logo", 1), sample.offers[0].to_row()))
