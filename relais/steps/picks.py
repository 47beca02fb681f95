"""What the seller types where nobody of the roster took the work. Design: people 3 (by hand) and 5b (pick)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from relais.calendar import next_working_instant
from relais.gate import Choice
from relais.money import AmountFormatError, parse_amount
from relais.offer import Offer
from relais.order import Order, stamp
from relais.performer import Performer
from relais.ports import Ports
from relais.problem import Problem
from relais.roster import Freelancer, Standing
from relais.rows import freelancer_key
from relais.shop import Shop
from relais.steps.situation import read_offer, read_shop

LONGEST_WAIT_DAYS = 60
WORD_LIMIT = 120
PICK_FIELDS = frozenset({"freelancer", "spent", "bought_at", "receipt", "until"})


def pickable(freelancer: Freelancer, offer: Offer) -> bool:
    """Whether somebody does the offer's kind of work, has room, and is not suspended; the seller is a choice apart."""
    does = freelancer.rate_for(offer.skill) is not None and freelancer.kind is not Performer.SELF
    return does and _has_room(freelancer)


def candidates(ports: Ports, offer: Offer) -> tuple[Freelancer, ...]:
    """Whom the seller may pick: everybody who does this kind of work and has room, best known first.

    Each with the account that they are paid to, wherever it was opened.
    """
    accounts = {row["sk"].removeprefix("P#"): row.get("account") for row in ports.store.query("ROSTER", "P#")}
    found = [
        replace(one, stripe_account=accounts.get(one.key) or one.stripe_account)
        for one in _roster(ports)
        if pickable(one, offer)
    ]
    return tuple(sorted(found, key=lambda one: (not one.trusted, -one.quality.count, -one.quality.mean, one.key)))


def own(ports: Ports) -> Freelancer | None:
    """The seller on their own roster, if there is room in their hands."""
    return next((one for one in _roster(ports) if one.kind is Performer.SELF and _has_room(one)), None)


def _roster(ports: Ports) -> list[Freelancer]:
    return [Freelancer.from_row(row) for row in ports.store.query("ROSTER", "R#")]


def _has_room(freelancer: Freelancer) -> bool:
    places = 1 if freelancer.standing is Standing.CANDIDATE else freelancer.capacity  # one trial at a time
    return freelancer.in_hand < places and freelancer.standing is not Standing.SUSPENDED


def read_pick(
    ports: Ports, order: Order, choice: Choice, typed: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """What a choice of the seller's needs besides, and what is wrong with what was typed."""
    match choice:
        case Choice.PICKED:
            return _somebody(ports, order, typed.get("freelancer", ""))
        case Choice.SELF:
            seller = own(ports)
            return ({}, (Problem("self_missing", "choice"),)) if seller is None else ({"freelancer": seller.key}, ())
        case Choice.OUTSIDE:
            return _outside(order, typed)
        case Choice.WAIT:
            shop, _ = read_shop(ports.store)
            return _until(shop, ports.now(), typed.get("until", ""))
        case _:
            return {}, ()


def _somebody(ports: Ports, order: Order, key: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Whom the seller picks must be on the roster, do this work and have room."""
    row = ports.store.get(freelancer_key(key)) if key else None
    if row is None:
        return {}, (Problem("freelancer_missing", "freelancer"),)
    offer = read_offer(ports.store, order.offer, order.offer_version)
    if not pickable(Freelancer.from_row(row), offer):
        return {}, (Problem("freelancer_full", "freelancer"),)
    return {"freelancer": key}, ()


def _outside(order: Order, typed: Mapping[str, str]) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    problems: list[Problem] = []
    spent = 0
    try:
        spent = parse_amount(typed.get("spent", "").strip().replace(",", "."), order.currency)
    except AmountFormatError:
        problems.append(Problem("spent_invalid", "spent"))
    words = {name: " ".join(typed.get(name, "").split()) for name in ("bought_at", "receipt")}
    for name, word in words.items():
        if not word:
            problems.append(Problem(f"{name}_missing", name))
        elif len(word) > WORD_LIMIT:
            problems.append(Problem("too_long", name, {"limit": WORD_LIMIT}))
    return {"spent": spent} | words, tuple(problems)


def _until(shop: Shop, now: datetime, typed: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    zone = ZoneInfo(shop.zone)
    today = now.astimezone(zone).date()
    problem = Problem("until_invalid", "until", {"limit": LONGEST_WAIT_DAYS})
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return {}, (problem,)
    if not today < day <= today + timedelta(days=LONGEST_WAIT_DAYS):
        return {}, (problem,)
    morning = datetime(day.year, day.month, day.day, tzinfo=zone)
    return {"until": stamp(next_working_instant(morning, shop.calendar))}, ()
