"""Whether a season kept the promises: every cent, every mail, every default, every end (design: section 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from devstack.simulation.pages import Mail
from devstack.simulation.world import World
from relais import ledger
from relais.gate import Gate, Role, Status, Via, gate_from_row
from relais.ledger import BankTransaction
from relais.order import Milestone, Order, OrderStage, milestone_from_row, order_from_row
from relais.roster import Freelancer
from relais.rows import Row, freelancer_key, gate_key
from relais.shop import Shop
from relais.steps.links import stand_in_path

WEEK = timedelta(days=7)
TOP_UP = "topup"
"""The seller's own money, put in before the season began: of no order."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a world came to; violations are sentences."""

    ended: Counter[str]
    money: Counter[str]
    mails: Counter[str]
    weeks: Counter[str]
    """Weeks that people of each role lived through with an order under way, in hundredths."""
    violations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that the table holds of an order."""

    order: Order
    milestones: tuple[Milestone, ...]
    gates: tuple[Gate, ...]


def wrong_addressee(world: World, shop: Shop, mail: Mail) -> Iterator[str]:
    """A mail may ask only what was committed, and only whom it concerns."""
    for link in mail.links:
        parts = urlsplit(link).path.strip("/").split("/")
        if parts[0] != "g":
            continue
        row = world.ports.store.get(gate_key(parts[1], parts[2]))
        if row is None:
            yield f"a mail to {mail.to} asks for {parts[2]} of {parts[1]}, which was never opened"
            continue
        gate = gate_from_row(row)
        # The seller's own link to somebody's question is another than theirs, and concerns the seller alone; so does
        # the second reviewer's to what is asked of the seller.
        stands_in = urlsplit(link).path == stand_in_path(world.ports, gate)
        second = (shop.second_reviewer or {}).get("email", "") if gate.role is Role.SELLER else shop.email
        concerned = (second,) if stands_in else _addresses(world, shop, gate)
        if mail.to not in concerned:
            yield f"a mail about {gate.id} of {gate.order} went to {mail.to}, who is not {' or '.join(concerned)}"


def _addresses(world: World, shop: Shop, gate: Gate) -> tuple[str, ...]:
    match gate.role:
        case Role.SELLER:
            return (shop.email,)
        case Role.CLIENT:
            return (world.order_row(gate.order).get("client_email", ""),)
        case Role.FREELANCER:
            row = world.ports.store.get(freelancer_key(gate.owner))
            return () if row is None else (Freelancer.from_row(row).email,)
        case Role.CLOCK | Role.ENGINE:
            return ()


def judge(
    world: World, orders: Sequence[str], mails: Counter[str], delivered: Mapping[str, datetime], seen: Iterable[str]
) -> Verdict:
    """Look at everything that is left when nothing happens any more."""
    dossiers = [_read(world, one) for one in orders]
    violations = [*seen, *_money(world, dossiers)]
    for one in dossiers:
        violations += [*_stuck(one), *_paid_too_much(world, one), *_unreached(one, delivered)]
    return Verdict(
        ended=Counter(_end(one) for one in dossiers),
        money=_sums(world, dossiers),
        mails=mails,
        weeks=_weeks(world, dossiers),
        violations=tuple(violations),
    )


def _read(world: World, order: str) -> Dossier:
    rows = world.ports.store.query(f"O#{order}", "")
    return Dossier(
        order_from_row(next(row for row in rows if row["sk"] == "ORDER")),
        tuple(milestone_from_row(row) for row in rows if row["sk"].startswith("M#")),
        tuple(gate_from_row(row) for row in rows if row["sk"].startswith("G#")),
    )


def _end(one: Dossier) -> str:
    order = one.order
    if order.stage is OrderStage.DRAFT:
        return "unpaid"
    if order.stage is not OrderStage.COMPLETED:
        return f"open at {order.stage.value}"
    if order.refunded >= order.paid:
        return "refunded"
    return "partly refunded" if order.refunded else "completed"


def _stuck(one: Dossier) -> Iterator[str]:
    if one.order.settling:
        yield f"order {one.order.id} waits for a debit that no bank answers"
    if one.order.is_open:
        yield f"order {one.order.id} never ended: {_where(one)}"
        return
    still = [str(gate.id) for gate in one.gates if gate.status is Status.OPEN]
    if still and one.order.stage is OrderStage.COMPLETED:
        yield f"order {one.order.id} ended with {', '.join(still)} open"


def _where(one: Dossier) -> str:
    stages = [f"{m.number} {m.stage.value}" for m in one.milestones]
    waits = [f"{gate.id} until {gate.deadline}" for gate in one.gates if gate.status is Status.OPEN]
    return f"{one.order.stage.value}, {stages}, waits for {waits or 'nobody'}"


def _money(world: World, dossiers: Sequence[Dossier]) -> Iterator[str]:
    """Promise 1: the ledger is balanced, its pots are empty, and it says what Stripe says."""
    entries, unreadable = ledger.read(row for one in dossiers for row in _entries(world, one.order.id))
    over = [one.order for one in dossiers if one.order.stage is OrderStage.COMPLETED and one.order.disputed is None]
    ended = frozenset(order.id for order in over)
    bank = [BankTransaction(one["id"], one["net"], one["currency"]) for one in _bank(world) if one["type"] != TOP_UP]
    for difference in (*unreadable, *ledger.check(entries, now=world.now(), ended=ended, transactions=bank)):
        yield difference.sentence


def _entries(world: World, order: str) -> list[Row]:
    return list(world.ports.store.query(f"O#{order}", "L#"))


def _bank(world: World) -> list[dict[str, Any]]:
    return list(world.sandbox.state()["objects"].get("balance_transaction", []))


def _objects(world: World, kind: str) -> list[dict[str, Any]]:
    return list(world.sandbox.state()["objects"].get(kind, []))


def _paid_too_much(world: World, one: Dossier) -> Iterator[str]:
    """Promises 1 and 2: nobody pays twice, nothing goes back or out twice."""
    later = {row["charge"] for row in world.ports.store.query(f"O#{one.order.id}", "C#")}
    charges = [each for each in _objects(world, "charge") if each["id"] in {one.order.charge, *later}]
    for charge in charges:
        if charge["amount_refunded"] > charge["amount"]:
            yield f"order {one.order.id}: {charge['amount_refunded']} of {charge['amount']} went back"
    operations = Counter(
        each["metadata"].get("op") for kind in ("transfer", "refund") for each in _objects(world, kind)
    )
    for operation, times in operations.items():
        if operation and times > 1 and operation.startswith(f"{one.order.id}:"):
            yield f"{operation} was carried out {times} times"


def _unreached(one: Dossier, delivered: Mapping[str, datetime]) -> Iterator[str]:
    """Promise 3: no default runs against somebody whom no mail has reached."""
    for gate in one.gates:
        decision = gate.decision
        if decision is None or decision.via is not Via.CLOCK or gate.role is not Role.CLIENT:
            continue
        address = one.order.client_email or ""
        if address not in delivered or delivered[address] > decision.at:
            yield f"{gate.id} of {gate.order} was decided by the clock, and no mail had reached {address or 'anybody'}"


def _sums(world: World, dossiers: Sequence[Dossier]) -> Counter[str]:
    """In minor units: what clients paid, what went back, to freelancers and to Stripe, and what is kept."""
    paid = sum(one.order.paid for one in dossiers)
    back = sum(each["amount"] for each in _objects(world, "refund") if each["status"] == "succeeded")
    back += sum(each["amount"] for each in _objects(world, "dispute") if each["status"] == "lost")
    sent = sum(each["amount"] - each["amount_reversed"] for each in _objects(world, "transfer"))
    fees = sum(each["fee"] for each in _bank(world))
    return Counter({"in": paid, "back": back, "out": sent, "fees": fees, "kept": paid - back - sent - fees})


def _weeks(world: World, dossiers: Sequence[Dossier]) -> Counter[str]:
    """Weeks of an order under way: the client's own; for seller and freelancers each week counts once for each."""
    weeks: Counter[str] = Counter()
    spans: dict[str, set[int]] = {}
    for one in dossiers:
        ends = one.order.completed or world.now()
        begins = one.order.started or one.order.created
        these = set(range(_week(begins), _week(ends) + 1))
        weeks["client"] += len(these)
        spans.setdefault("seller", set()).update(these)
        for gate in one.gates:
            if gate.role is Role.FREELANCER:
                over = gate.decision.at if gate.decision else ends
                those = range(_week(gate.opened), _week(over) + 1)
                spans.setdefault(f"freelancer {gate.owner}", set()).update(those)
    for who, found in spans.items():
        weeks[who.partition(" ")[0]] += len(found)
    return weeks


def _week(at: datetime) -> int:
    return int(at.timestamp() // WEEK.total_seconds())
