"""What the table is asked to write, said without naming the database.

Steps describe a change as writes under guards; a store executes all of them or none. The language is small on
purpose, so that every store (DynamoDB, a double) can be held to one contract. Design: workflow section 5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Key(NamedTuple):
    """Where a row stands: partition and sort key."""

    pk: str
    sk: str


class Test(StrEnum):
    """What a guard asks of one attribute of the row that is about to be written."""

    __test__ = False  # not a test class

    ABSENT = "absent"
    PRESENT = "present"
    EQUALS = "equals"
    DIFFERS = "differs"
    AT_LEAST = "at_least"
    BELOW = "below"
    BELOW_ATTRIBUTE = "below_attribute"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True, repr=False)
class Guard:
    """A condition on one attribute; every guard of every write of a transaction must hold, or nothing is written."""

    attribute: str
    test: Test
    value: Any = None


@dataclass(frozen=True, slots=True, repr=False)
class Put:
    """A whole new row. Without other guards it must not exist yet."""

    key: Key
    row: Row
    guards: tuple[Guard, ...] = (Guard("pk", Test.ABSENT),)


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """Attributes of one row set, added to or removed, under guards."""

    key: Key
    put: Row = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Check:
    """Guards on a row that is not written itself."""

    key: Key
    guards: tuple[Guard, ...]


Write = Put | Change | Check


def merged(*writes: Write) -> tuple[Write, ...]:
    """The same with one write for each row, as a transaction asks: changes and checks of a row become one."""
    found: dict[Key, Write] = {}
    for one in writes:
        known = found.get(one.key)
        found[one.key] = one if known is None else _both(known, one)
    return tuple(found.values())


class WritesCollideError(TypeError):
    """Two writes of one transaction that no single write can stand for: a mistake in the code that calls."""


def _both(one: Write, other: Write) -> Write:
    match one, other:
        case Check(key, guards), Check(_, more):
            return Check(key, _once(guards, more))
        case (Check(guards=guards), Change() as change) | (Change() as change, Check(guards=guards)):
            return replace(change, guards=_once(change.guards, guards))
        case Change(), Change() if not (one.put.keys() & other.put.keys() or one.add.keys() & other.add.keys()):
            return Change(
                key=one.key,
                put={**one.put, **other.put},
                add={**one.add, **other.add},
                remove=tuple(dict.fromkeys((*one.remove, *other.remove))),
                guards=_once(one.guards, other.guards),
            )
        case _:
            raise WritesCollideError(f"two writes on {one.key.sk} in one transaction")


def _once(guards: tuple[Guard, ...], more: tuple[Guard, ...]) -> tuple[Guard, ...]:
    return (*guards, *(guard for guard in more if guard not in guards))


def absent(attribute: str) -> Guard:
    """The attribute does not exist (on `pk`: the row does not exist)."""
    return Guard(attribute, Test.ABSENT)


def present(attribute: str) -> Guard:
    """The attribute exists (on `pk`: the row exists)."""
    return Guard(attribute, Test.PRESENT)


def equals(attribute: str, value: object) -> Guard:
    """The attribute has exactly this value."""
    return Guard(attribute, Test.EQUALS, value)


def differs(attribute: str, value: object) -> Guard:
    """The attribute is missing or has another value."""
    return Guard(attribute, Test.DIFFERS, value)


def at_least(attribute: str, value: int) -> Guard:
    """The number is this or more."""
    return Guard(attribute, Test.AT_LEAST, value)


def below(attribute: str, value: object) -> Guard:
    """The value is missing or smaller than this."""
    return Guard(attribute, Test.BELOW, value)


def below_attribute(attribute: str, other: str) -> Guard:
    """The number is smaller than another attribute of the same row."""
    return Guard(attribute, Test.BELOW_ATTRIBUTE, other)


def contains(attribute: str, value: object) -> Guard:
    """The list holds this value."""
    return Guard(attribute, Test.CONTAINS, value)


# Keys. One table, `pk` and `sk`; an order is one partition. Design: workflow section 5.


def order_key(order: str) -> Key:
    """The head of an order."""
    return Key(f"O#{order}", "ORDER")


def milestone_key(order: str, milestone: str) -> Key:
    """One deliverable's life inside an order."""
    return Key(f"O#{order}", f"M#{milestone}")


def gate_key(order: str, gate: str) -> Key:
    """A gate, by its id (`01-acceptance-0003`)."""
    return Key(f"O#{order}", f"G#{gate.replace('-', '#')}")


def token_key(order: str, gate: str) -> Key:
    """The task token of a gate: in a row of its own, which no page reads."""
    return Key(f"O#{order}", f"T#{gate.replace('-', '#')}")


def act_key(order: str, act: str) -> Key:
    """A movement of money, by its id (`transfer-01-0007`)."""
    return Key(f"O#{order}", f"A#{act.replace('-', '#')}")


def entry_key(order: str, reference: str) -> Key:
    """A ledger entry, by its unique reference."""
    return Key(f"O#{order}", f"L#{reference}")


LISTS = 2
"""The version of rows that hold what was handed in: the first had every list in itself, however long."""


def deliverable_key(order: str, milestone: str, version: int) -> Key:
    """A handed-in version."""
    return Key(f"O#{order}", f"V#{milestone}#{version}")


def brief_key(order: str) -> Key:
    """The brief as handed in (its text is kept in the bucket)."""
    return Key(f"O#{order}", "B#brief")


def said_key(order: str, milestone: str, gate: int, part: str) -> Key:
    """What was asked at a side gate, or answered (`part`), by its number; the words are kept in the bucket."""
    return Key(f"O#{order}", f"Q#{milestone}#{gate:04d}#{part}")


def dispute_key(order: str, dispute: str) -> Key:
    """A dispute of one of the order's payments, by Stripe's id."""
    return Key(f"O#{order}", f"D#{dispute}")


def paid_key(order: str, session: str) -> Key:
    """A session of an extra that Stripe says is paid, until it is booked or goes back."""
    return Key(f"O#{order}", f"P#{session}")


def session_key(session: str) -> Key:
    """Stripe's checkout session, leading to its order."""
    return Key(f"S#{session}", f"S#{session}")


def freelancer_key(freelancer: str) -> Key:
    """A row of the roster."""
    return Key("ROSTER", f"R#{freelancer}")


def recipient_key(freelancer: str) -> Key:
    """A freelancer's account at Stripe: beside the roster, in a row that the catalogue never writes."""
    return Key("ROSTER", f"P#{freelancer}")


def score_key(freelancer: str, at: str, order: str, gate: str) -> Key:
    """One change of a freelancer's score, by when and at which gate it happened."""
    return Key(f"F#{freelancer}", f"S#{at}#{order}#{gate}")


ASKED = "asked_"


def asked_name(order: str, gate: str) -> str:
    """The attribute of a roster row that says that a proposal is open to its freelancer."""
    return f"{ASKED}{order}_{gate}"


def offer_key(slug: str, version: int) -> Key:
    """An immutable version of an offer."""
    return Key(f"H#{slug}", f"V#{version:04d}")


def address_hash(address: str) -> str:
    """What an address is known by where it must not be read: the same for every way of writing it.

    Mailboxes whose names differ in capitals alone are one mailbox everywhere in practice.
    """
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()[:32]


def bounce_key(address: str) -> Key:
    """That mails to an address come back, or that its reader called one spam."""
    named = f"BOUNCE#{address_hash(address)}"
    return Key(named, named)


def debit_key(address: str, order: str) -> Key:
    """What a client has out in a debit that is not safe yet: each client has a partition, known by their address."""
    return Key(f"DEBITS#{address_hash(address)}", f"O#{order}")


SHOP_KEY = Key("SHOP", "SETTINGS")
DIGEST_KEY = Key("SHOP", "DIGEST")
CLOCK_KEY = Key("CLOCK", "CLOCK")
RECONCILER_KEY = Key("RECONCILER", "MARK")
"""How far Stripe's book has been read."""
REPORT_KEY = Key("RECONCILER", "REPORT")
"""What the last comparison with Stripe found."""
