"""`relais catalog`: what is sold, by whom it is made, and what it earns."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from relais.cli.catalog import Catalog, CatalogErrors, load
from relais.cli.output import WRONG, AsJson, OfStage, complain, money, say, sentences, table, tell_json
from relais.cli.stack import Stack, Stage
from relais.margin import RateUnknownError, expected, net_margin
from relais.offer import Offer
from relais.roster import COMMAND, Difference
from relais.rows import SHOP_KEY
from relais.shop import Shop
from relais.steps import catalog as step
from relais.steps.away import seller_away

app = typer.Typer(no_args_is_help=True, help="Check and apply the catalogue: shop, offers, roster.")

Folder = Annotated[Path, typer.Argument(help="The folder with shop.yaml, roster.yaml and offers/.", metavar="PATH")]
_HERE = Path("catalog")


@app.command(epilog="Example: relais catalog check catalog")
@sentences
def check(path: Folder = _HERE, as_json: AsJson = False) -> None:
    """Read a catalogue and print each offer's price, cost, card fee and margin, or every mistake with file and line.

    Touches nothing and needs no stack. Exit code 1 where there is a mistake.
    """
    catalog = _load(path, as_json)
    offers = [_offer_document(offer, catalog.shop, datetime.now(UTC).date()) for offer in catalog.offers]
    if as_json:
        tell_json(
            {"path": str(path), "valid": True, "errors": [], "offers": offers, "freelancers": len(catalog.roster)}
        )
        return
    table(
        f"{catalog.shop.brand}: offers",
        ("Offer", "Status", "Price", "Cost", "Card fee", "Margin", "After charges"),
        [(one["slug"], one["status"], *(money(one[name], one["currency"]) for name in _AMOUNTS)) for one in offers],
        right=("Price", "Cost", "Card fee", "Margin", "After charges"),
    )
    say(f"{len(catalog.roster)} in the roster. No mistakes. Apply it with `relais catalog apply {path}`.")


_AMOUNTS = ("price", "cost", "card_fee", "margin", "net_margin")


@app.command(epilog="Example: relais catalog apply catalog --stage dev. To undo it, apply the earlier files again.")
@sentences
def apply(path: Folder = _HERE, stage: OfStage = Stage.DEV, as_json: AsJson = False) -> None:
    """Put a catalogue on the table. A changed offer becomes a new version, orders keep the one they were bought under.

    With a single mistake nothing is applied. Who is left out of the roster is not asked any more; engagements go on.
    What `relais roster` changed stays, unless the file changes it too; where they differ, both are printed.
    """
    catalog = _load(path, as_json)
    ports = Stack(stage).ports
    known = ports.store.get(SHOP_KEY)  # the seller's own days away move what waits for them, before they are kept
    moved = 0 if known is None else seller_away(ports, Shop.from_row(known["shop"]), catalog.shop)
    done = step.apply(ports.store, catalog, ports.now())
    offers = [
        {"slug": one.slug, "version": one.version, "status": one.status, "step": one.step.value} for one in done.offers
    ]
    roster = [
        {"freelancer": one.key, "step": one.step.value, "differences": [asdict(differs) for differs in one.differences]}
        for one in done.roster
    ]
    if as_json:
        outcome = {
            "stage": stage.value,
            "wrote": done.wrote,
            "shop": done.shop.value,
            "offers": offers,
            "roster": roster,
            "moved": moved,
        }
        tell_json({"path": str(path), "valid": True, "errors": []} | outcome)
        return
    table(
        "Offers",
        ("Offer", "Version", "Status", "What"),
        [(one.slug, str(one.version), one.status, one.step.value) for one in done.offers],
        right=("Version",),
    )
    table("Roster", ("Freelancer", "What"), [(one.key, one.step.value) for one in done.roster])
    for one in done.roster:
        for differs in one.differences:
            say(_told(one.key, differs))
    if moved:
        say(f"You are away: {moved} open dates of yours have moved.")
    say(f"Shop: {done.shop.value}." if done.wrote else "Nothing has changed, nothing was written.")


def _told(key: str, differs: Difference) -> str:
    """Where the file and a command do not agree: both, and which holds."""
    file, command = differs.file or "nothing", differs.command or "nothing"
    holds = (
        "the command's holds until the file changes" if differs.holds == COMMAND else "the file has changed: it holds"
    )
    return f"{key}, {differs.what}: the file says {file}, a command said {command}; {holds}."


def _load(path: Path, as_json: bool) -> Catalog:
    found = load(path)
    if isinstance(found, Catalog):
        return found
    errors = [_error_document(path, found, number) for number in range(len(found.errors))]
    if as_json:
        tell_json({"path": str(path), "valid": False, "errors": errors})
    for error in found.errors:
        typer.echo(f"{path / error.file}:{error.line}: {_at(error.place)}{error.message}", err=True)
    count = len(errors)
    complain(f"{count} mistake{'s' if count > 1 else ''} in {path}: correct every line above; nothing was applied.")
    raise typer.Exit(WRONG)


def _at(place: str) -> str:
    return f"{place}: " if place else ""


def _error_document(path: Path, found: CatalogErrors, number: int) -> dict[str, Any]:
    error = found.errors[number]
    return {"file": str(path / error.file), "line": error.line, "place": error.place, "message": error.message}


def _offer_document(offer: Offer, shop: Shop, day: date) -> dict[str, Any]:
    margin = expected(offer, day)
    try:
        net: int | None = net_margin(margin, shop.regime, day)
    except RateUnknownError:
        net = None
    return {
        "slug": offer.slug,
        "status": offer.status.value,
        "currency": offer.currency,
        "price": margin.paid,
        "cost": margin.freelancer,
        "card_fee": margin.card_fee,
        "margin": margin.margin,
        "net_margin": net,
    }
