"""The catalogue: the sample shop, and every mistake at once with its line."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from relais.cli.catalog import Catalog, CatalogErrors, load
from relais.margin import expected, net_margin
from relais.offer import OfferStatus, Release, Review
from relais.performer import Performer
from relais.roster import Standing, rank
from relais.shop import Regime

SAMPLE = Path(__file__).parents[2] / "catalog"
DAY = date(2026, 11, 27)
MOST_ROW_BYTES = 4_096


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample shop to spoil."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "catalog"))


def sample() -> Catalog:
    catalog = load(SAMPLE, today=DAY)
    assert isinstance(catalog, Catalog), str(catalog)
    return catalog


def mistakes(folder: Path) -> list[str]:
    found = load(folder, today=DAY)
    assert isinstance(found, CatalogErrors)
    return [str(error) for error in found.errors]


def change(path: Path, old: str, new: str) -> int:
    """Replace a text that stands there once; return its line."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


# --- the sample shop ----------------------------------------------------------------------------------------------


def test_the_sample_shop_has_no_mistake() -> None:
    """The demo loads it, the guide quotes it."""
    catalog = sample()
    assert catalog.shop.brand == "Atelier Mistral"
    assert [offer.slug for offer in catalog.offers] == ["articles", "logo"]


def test_the_sample_logo_is_the_one_of_the_design() -> None:
    """People 7, and what the main journey needs: no wait before proposals, every version reviewed."""
    logo = next(offer for offer in sample().offers if offer.slug == "logo")
    assert (logo.price, logo.cost, logo.currency, logo.status) == (29_000, 13_000, "eur", OfferStatus.OPEN)
    assert (logo.policy.promise, str(logo.policy.reserve), logo.policy.revisions) == (5, "1 wd", 2)
    assert (logo.policy.release, logo.policy.review) == (Release.PREVIEW_FIRST, Review.EVERY_VERSION)
    assert (logo.policy.counter_pay, str(logo.policy.counter_later)) == (10, "1 wd")
    assert str(logo.clocks.proposal_after) == "0 wh"
    assert [question.key for question in logo.brief] == ["name", "activity", "brands", "colours", "seen", "files"]
    assert len(logo.what_you_get) == 5
    assert len(logo.milestones) == 1
    assert net_margin(expected(logo, DAY), Regime.BNC, DAY) == 8_058


def test_the_sample_articles_are_those_of_the_design() -> None:
    """People 7: ten of a tenth each, one a week, one change each; 290.25 is left."""
    articles = next(offer for offer in sample().offers if offer.slug == "articles")
    assert (articles.price, articles.cost, articles.units, articles.policy.revisions) == (150_000, 80_000, 10, 1)
    assert [str(one.start) for one in articles.milestones] == ["+7 d"] * 10
    assert articles.weights() == ([1] * 10, [1] * 10)
    assert [one.key for one in articles.questions_of(3)] == ["03.topic"]
    assert len(articles.questions) == 5 + 10
    assert net_margin(expected(articles, DAY), Regime.BNC, DAY) == 29_025


def test_a_price_that_cannot_bear_refunds_is_refused_with_the_sum(folder: Path) -> None:
    """People 7: with 100 for each article 90.25 would be left, and 21.05 lost at one refund in ten."""
    shutil.copy(folder / "refused" / "articles-too-dear.yaml", folder / "offers")
    assert mistakes(folder) == [
        (
            "offers/articles-too-dear.yaml:8: price: the price of 1500.00 leaves 90.25 after 1000.00 (cost), 22.75 "
            "(card fee) and 387.00 (charges on receipts); refunds of 10 % cost another 111.30: short by 21.05 eur"
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("times: 10", "times: 26", "milestones[1].times: 26 is too large: at most 25"),
        ("    start: +7 d", "    start: weekly", 'milestones[1].start: "weekly" is not a start'),
        ("    start: +7 d", "    start: +30 d", "milestones: milestone 10 may end 301 days after the order's start"),
        ("    times: 10\n", "    times: 25\n  - title: {fr: Bilan, en: Review}\n", "milestones: 26 milestones"),
    ],
)
def test_an_order_longer_than_an_execution_lives_is_refused(folder: Path, old: str, new: str, says: str) -> None:
    """Workflow 6: at most 25 milestones, the last ending within 300 days, each change and each silence counted in."""
    file = folder / "offers" / "articles.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    found = mistakes(folder)
    assert any(says in line for line in found), found


def test_the_sample_roster_asks_ines_and_then_the_agency() -> None:
    """Léo is on trial and the seller works by hand only."""
    catalog = sample()
    ranked = rank("logo", "fr", catalog.roster, _noon(), most=28_540)
    assert [(one.freelancer, one.rate) for one in ranked] == [("ines-moreau", 13_000), ("studio-nord", 16_500)]
    leo = next(freelancer for freelancer in catalog.roster if freelancer.key == "leo-garnier")
    assert (leo.standing, leo.rate_for("logo")) == (Standing.CANDIDATE, None)
    assert {freelancer.kind for freelancer in catalog.roster} == {
        Performer.FREELANCER,
        Performer.AGENCY,
        Performer.SELF,
    }


def test_no_sample_row_is_over_4_kb() -> None:
    """A row that grows costs more on each read and write (design: workflow 6)."""
    catalog = sample()
    for row in (
        *(offer.to_row() for offer in catalog.offers),
        *(freelancer.to_row() for freelancer in catalog.roster),
        catalog.shop.to_row(),
    ):
        assert _row_bytes(row) < MOST_ROW_BYTES


def test_nobody_of_the_sample_can_be_mailed() -> None:
    """Addresses under .example reach no inbox, whatever somebody plays with."""
    text = "".join(path.read_text(encoding="utf-8") for path in SAMPLE.rglob("*.yaml"))
    addresses = [word.strip('"') for word in text.split() if "@" in word]
    assert len(addresses) >= 5
    assert all(address.endswith(".example") for address in addresses)


# --- refusals -----------------------------------------------------------------------------------------------------


def test_an_offer_that_loses_money_is_refused_with_the_sum(folder: Path) -> None:
    """What it costs, what the card takes, and by how much the price is short."""
    shutil.copy(folder / "refused" / "logo-too-dear.yaml", folder / "offers")
    (found,) = mistakes(folder)
    assert found == (
        "offers/logo-too-dear.yaml:7: price: "
        "the price of 290.00 doesn't cover 286.00 (cost) + 4.60 (card fee) = 290.60: short by 0.60 eur"
    )


def test_every_mistake_is_named_at_once_with_its_line(folder: Path) -> None:
    """Correcting one and running again, fourteen times, is how people give up."""
    shutil.copy(folder / "refused" / "logo-with-mistakes.yaml", folder / "offers")
    found = [line.removeprefix("offers/logo-with-mistakes.yaml:").split(": ")[:2] for line in mistakes(folder)]
    assert found == [
        ["1", "price"], ["1", "slug"], ["1", "slug"], ["2", "status"], ["4", "title.en"], ["5", "summary.en"],
        ["6", "prix"], ["7", "cost"], ["9", "what_you_get"], ["12", "policy.promise"], ["13", "policy.revison"],
        ["14", "policy.revisions"], ["17", "brief[1].key"], ["20", "clocks.proposal_after"],
    ]  # fmt: skip


def test_mistakes_of_all_files_come_together(folder: Path) -> None:
    """Shop, roster and offers are read whole before anything is refused."""
    change(folder / "shop.yaml", "lang: fr", "lang: de")
    change(folder / "roster.yaml", "capacity: 2", "capacity: 0")
    change(folder / "offers" / "logo.yaml", "revisions: 2", "revisions: many")
    assert [line.split(":")[0] for line in mistakes(folder)] == ["offers/logo.yaml", "roster.yaml", "shop.yaml"]


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("offers/logo.yaml", "status: open", "staus: open", 'staus: this key is not known: did you mean "status"?'),
        ("offers/logo.yaml", "  promise: 5 wd", "  promis: 5 wd", "policy.promis: this key is not known: did you mean"),
        ("offers/logo.yaml", "    late: nothing", "    late: none", 'policy.bears.late: "none" is not possible here'),
        ("offers/logo.yaml", "    pay: 10", "    pay: 51", "policy.counter.pay: 51 is too large: at most 50"),
        ("offers/logo.yaml", "    pay: 10", "    pay: 50", "policy.counter.pay: with 50 % more for a counter"),
        ("offers/logo.yaml", "skill: logo", "skill: logos", 'skill: nobody in the roster has a rate for "logos"'),
        ("offers/logo.yaml", "currency: eur", "currency: btc", 'currency: "btc" is not possible here: write one of'),
        ("offers/logo.yaml", "currency: eur", "currency: jpy", 'cost: "130.00" is not an amount in jpy'),
        ("offers/logo.yaml", "currency: eur", "currency: usd", "price: No rate is known for cards (eea) in usd"),
        ("roster.yaml", "key: ines-moreau", "key: ines-moreau\n  currency: usd", "currency: is usd, the shop's"),
        ("offers/logo.yaml", 'cap: "1000.00"', 'cap: "100.00"', "the cap of 100.00 is below the price of 290.00"),
        ("offers/logo.yaml", "payment: [card, sepa_debit]", "payment: [sepa_debit]", "payment: card is always among"),
        ("offers/logo.yaml", "slug: logo", "slug: logotype", 'slug: the file is named "logo.yaml"'),
        ("offers/logo.yaml", "  - key: seen", "  - key: name", 'brief[5].key: "name" is taken already (line'),
        ("offers/logo.yaml", "max_files: 20", "max_files: 0", "max_files: 0 is too small: at least 1"),
        ("offers/logo.yaml", "required: false", "required: maybe", '.required: "maybe" is neither true nor false'),
        ("offers/logo.yaml", "max_files: 20", "max_files: 20\nmax_files: 21", "max_files: this key stands here twice"),
        ("offers/logo.yaml", 'price: "290.00"', "price: 290.005", 'price: "290.005" is not an amount in eur'),
        ("roster.yaml", "hours: lun-jeu 9-18", "hours: lun-jeu 18-9", "[1].hours: "),
        ("roster.yaml", 'stars: "4.8"', 'stars: "5.1"', '[1].quality.stars: "5.1" is not a number of stars'),
        ("roster.yaml", "key: studio-nord", "key: ines-moreau", '[2].key: "ines-moreau" is taken already (line 2)'),
        ("roster.yaml", "acct_1InesMoreau0001", "1InesMoreau", "[1].stripe_account: "),
        ("roster.yaml", "2026-12-21..2027-01-03", "2027-01-03..2026-12-21", "[3].away[1]: "),
        ("shop.yaml", "zone: Europe/Paris", "zone: Europe/Lyon", 'hours: The time zone "Europe/Lyon" is unknown'),
        ("shop.yaml", "sender: bonjour@atelier-mistral.example", "sender: bonjour", 'sender: "bonjour" is not'),
        ("shop.yaml", "brand: Atelier Mistral", "brand: [Atelier", "this is not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_words_that_say_what_to_do(folder: Path, file: str, old: str, new: str, says: str) -> None:
    """One mistake each; the words name the place and the way out."""
    change(folder / file, old, new)
    found = mistakes(folder)
    assert any(line.startswith(f"{file}:") and says in line for line in found), found


def test_the_line_is_that_of_the_mistake(folder: Path) -> None:
    """Deep inside a list too."""
    line = change(folder / "offers" / "logo.yaml", "en: What do you do, in one sentence?", "en: ''")
    assert mistakes(folder) == [f"offers/logo.yaml:{line}: brief[2].text.en: the English text is empty"]


def test_a_missing_translation_is_refused(folder: Path) -> None:
    """A client would meet half a page in another language."""
    change(folder / "offers" / "logo.yaml", "\n  en: A logo ready to use in 5 working days", "")
    assert mistakes(folder) == ["offers/logo.yaml:4: title.en: the English text is missing"]


@pytest.mark.parametrize("name", ["shop.yaml", "roster.yaml"])
def test_a_missing_file_is_a_mistake_of_its_own(folder: Path, name: str) -> None:
    """Not an exception with a traceback."""
    (folder / name).unlink()
    assert any(line.startswith(f"{name}:1: the file cannot be read") for line in mistakes(folder))


def test_a_shop_without_offers_is_refused(folder: Path) -> None:
    """Most likely the wrong folder was named."""
    for offer in (folder / "offers").iterdir():
        offer.unlink()
    assert mistakes(folder) == ['offers:1: no offer found: put one file per offer into "offers/"']


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"- 1", b"just words", b"a: &a [*a]", b"? [1]\n: 2", b"&x"])
def test_any_content_gets_an_answer(folder: Path, content: bytes) -> None:
    """Whatever somebody saved there: a mistake with a line, never a crash."""
    (folder / "offers" / "logo.yaml").write_bytes(content)
    (folder / "roster.yaml").write_bytes(content)
    (folder / "offers" / "articles.yaml").unlink()
    assert {line.split(":")[0] for line in mistakes(folder)} == {"offers/logo.yaml", "roster.yaml"}


def test_amounts_are_never_floats(folder: Path) -> None:
    """Written without quotes, 290.10 is still 29010 cents: YAML's number is never made a float."""
    change(folder / "offers" / "logo.yaml", 'price: "290.00"', "price: 290.10")
    catalog = load(folder, today=DAY)
    assert isinstance(catalog, Catalog)
    assert [offer.price for offer in catalog.offers] == [150_000, 29_010]


def _noon() -> datetime:
    return datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def _row_bytes(value: object) -> int:
    """DynamoDB's size of a value: names and texts in UTF-8, numbers by digits, three bytes for each list or map."""
    match value:
        case bool() | None:
            return 1
        case int():
            return len(str(value)) // 2 + 2
        case str():
            return len(value.encode())
        case list():
            return 3 + sum(1 + _row_bytes(inner) for inner in value)
        case dict():
            return 3 + sum(1 + len(key.encode()) + _row_bytes(inner) for key, inner in value.items())
        case _:
            raise AssertionError(value)


def test_what_two_people_read_speaks_to_neither() -> None:
    """The rights stand on the client's page and in the freelancer's proposal: "your business" would be both theirs."""
    for offer in sample().offers:
        for lang in ("fr", "en"):
            said = offer.rights.in_(lang).lower().split() if offer.rights else []
            assert not {"votre", "vos", "your", "notre", "our"} & set(said), offer.slug
