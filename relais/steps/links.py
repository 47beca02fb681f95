"""The links that people are given.

Addresses with a recomputed secret, on the configured host, never from a request's header.
"""

from __future__ import annotations

from dataclasses import dataclass

from relais.errors import RelaisError
from relais.gate import Gate, GateId, Kind, Role
from relais.link import fresh, nonce, opens, secret
from relais.order import Order, OrderNotFoundError, is_order_id
from relais.ports import Ports
from relais.roster import Freelancer
from relais.rows import address_hash, freelancer_key
from relais.steps.situation import read_gate, read_order

CLIENT = "client:client"


class LinkRefusedError(RelaisError):
    """A link that does not open anything: forged, mistyped, or of an older version."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("this link opens nothing: use the one in the latest mail")


class NonceRefusedError(RelaisError):
    """A form that was shown too long ago, or not by us: it is shown again with everything typed."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("this form is too old: it is shown again, send it once more")


@dataclass(frozen=True, slots=True, repr=False)
class OpenedGate:
    """A gate whose link was presented, with its order; `stands_in`: it was the seller's, who answers for its owner."""

    order: Order
    gate: Gate
    stands_in: bool = False


def version(order: Order, gate: Gate) -> int:
    """The link version of a gate: the order's for its client, whose address may change; the gate's own for others."""
    return order.link_version if gate.role is Role.CLIENT else gate.link_version


def order_path(ports: Ports, order: Order) -> str:
    """The path of an order's own page."""
    return f"/o/{order.id}/{secret(ports.link_keys, order.key_id, order.id, CLIENT, order.link_version)}"


def order_link(ports: Ports, order: Order) -> str:
    """The whole address of an order's own page."""
    return ports.settings.public_url + order_path(ports, order)


def gate_path(ports: Ports, order: Order, gate: Gate) -> str:
    """The path of a gate's page."""
    made = secret(ports.link_keys, gate.key_id, gate.subject, gate.audience, version(order, gate))
    return f"/g/{order.id}/{gate.id}/{made}"


def gate_link(ports: Ports, order: Order, gate: Gate) -> str:
    """The whole address of a gate's page."""
    return ports.settings.public_url + gate_path(ports, order, gate)


def stand_in_path(ports: Ports, gate: Gate) -> str:
    """The path behind which the seller answers a gate for its owner.

    Another secret than the owner's, of another version: a corrected address does not revoke it, raising the gate's own
    does.
    """
    made = secret(ports.link_keys, gate.key_id, gate.subject, _stand_in(gate), gate.link_version)
    return f"/g/{gate.order}/{gate.id}/{made}"


def stand_in_link(ports: Ports, gate: Gate) -> str:
    """The whole address behind which the seller answers a gate for its owner."""
    return ports.settings.public_url + stand_in_path(ports, gate)


def stand_in_nonce(ports: Ports, gate: Gate) -> str:
    """The nonce of the seller's form of a gate that is its owner's: no other form's."""
    return nonce(ports.link_keys, gate.key_id, _stand_in_form(gate), gate.link_version, ports.now())


def check_stand_in_nonce(ports: Ports, gate: Gate, presented: str) -> None:
    """Raises `NonceRefusedError` unless the nonce is of the last twelve hours."""
    subject, now = _stand_in_form(gate), ports.now()
    if not fresh(ports.link_keys, gate.key_id, subject, gate.link_version, presented=presented, now=now):
        raise NonceRefusedError


SECOND = "second reviewer"
"""Who decided a review in the seller's place, as its decision names them."""


def _stand_in(gate: Gate) -> str:
    """Whom the link is for: the seller, in the place of the gate's owner; of a review the second reviewer."""
    if gate.id.kind is Kind.REVIEW:
        return f"{SECOND} {gate.shown.get('second', '')}"
    return f"{Role.SELLER.value} for {gate.audience}"


def _stand_in_form(gate: Gate) -> str:
    return f"{gate.subject} {_stand_in(gate)}"


def check_order(ports: Ports, order: Order, presented: str) -> None:
    """Raises `LinkRefusedError` unless the secret opens the order's page."""
    if not opens(ports.link_keys, order.key_id, order.id, CLIENT, order.link_version, presented=presented):
        raise LinkRefusedError


def check_gate(ports: Ports, order: Order, gate: Gate, presented: str) -> None:
    """Raises `LinkRefusedError` unless the secret opens the gate's page."""
    if not opens(ports.link_keys, gate.key_id, gate.subject, gate.audience, version(order, gate), presented=presented):
        raise LinkRefusedError


def freelancer_path(ports: Ports, freelancer: Freelancer) -> str:
    """The path of a freelancer's own page; the secret ends with the address that it was mailed to."""
    keys = ports.link_keys
    return f"/f/{freelancer.key}/{secret(keys, keys.current, *_page_of(freelancer), 1)}"


def recipient_path(ports: Ports, freelancer: Freelancer) -> str:
    """The path of the page of a freelancer's own account."""
    return f"{freelancer_path(ports, freelancer)}/pay"


def recipient_link(ports: Ports, freelancer: Freelancer) -> str:
    """The whole address of the page of a freelancer's own account: it never expires."""
    return ports.settings.public_url + recipient_path(ports, freelancer)


def freelancer_link(ports: Ports, freelancer: Freelancer) -> str:
    """The whole address of a freelancer's own page."""
    return ports.settings.public_url + freelancer_path(ports, freelancer)


def check_freelancer(ports: Ports, freelancer: Freelancer, presented: str) -> None:
    """Raises `LinkRefusedError` unless the secret opens the freelancer's page, under any key that links were made with.

    No row says which key it was.
    """
    keys = ports.link_keys
    found = [opens(keys, key_id, *_page_of(freelancer), 1, presented=presented) for key_id in keys.keys]
    if not any(found):
        raise LinkRefusedError


def freelancer_nonce(ports: Ports, freelancer: Freelancer) -> str:
    """The nonce of the form on a freelancer's page."""
    keys = ports.link_keys
    return nonce(keys, keys.current, _page_of(freelancer)[0], 1, ports.now())


def check_freelancer_nonce(ports: Ports, freelancer: Freelancer, presented: str) -> None:
    """Raises `NonceRefusedError` unless the nonce is of the last twelve hours."""
    keys, subject = ports.link_keys, _page_of(freelancer)[0]
    if not fresh(keys, keys.current, subject, 1, presented=presented, now=ports.now()):
        raise NonceRefusedError


def _page_of(freelancer: Freelancer) -> tuple[str, str]:
    """What the link of a freelancer's page is bound to: subject and audience."""
    return f"roster/{freelancer.key}/{address_hash(freelancer.email)}", f"{Role.FREELANCER.value}:{freelancer.key}"


def order_nonce(ports: Ports, order: Order) -> str:
    """The nonce of the forms on an order's page."""
    return nonce(ports.link_keys, order.key_id, order.id, order.link_version, ports.now())


def gate_nonce(ports: Ports, order: Order, gate: Gate) -> str:
    """The nonce of the form on a gate's page."""
    return nonce(ports.link_keys, gate.key_id, gate.subject, version(order, gate), ports.now())


def check_order_nonce(ports: Ports, order: Order, presented: str) -> None:
    """Raises `NonceRefusedError` unless the nonce is of the last twelve hours."""
    if not fresh(ports.link_keys, order.key_id, order.id, order.link_version, presented=presented, now=ports.now()):
        raise NonceRefusedError


def check_gate_nonce(ports: Ports, order: Order, gate: Gate, presented: str) -> None:
    """Raises `NonceRefusedError` unless the nonce is of the last twelve hours."""
    if not fresh(
        ports.link_keys, gate.key_id, gate.subject, version(order, gate), presented=presented, now=ports.now()
    ):
        raise NonceRefusedError


def open_order(ports: Ports, order_id: str, presented: str) -> Order:
    """The order that a link leads to. Raises `LinkRefusedError`, `OrderNotFoundError`."""
    order = _named(ports, order_id)
    check_order(ports, order, presented)
    return order


def open_gate_link(ports: Ports, order_id: str, gate_id: str, presented: str) -> OpenedGate:
    """The gate that a link leads to. Raises `LinkRefusedError`, `OrderNotFoundError`, `GateNotFoundError`."""
    GateId.parse(gate_id)
    order = _named(ports, order_id)
    gate = read_gate(ports, order_id, gate_id)
    if _opened_for_owner(ports, gate, presented):
        return OpenedGate(order, gate, stands_in=True)
    check_gate(ports, order, gate, presented)
    return OpenedGate(order, gate)


def _opened_for_owner(ports: Ports, gate: Gate, presented: str) -> bool:
    """Whether a secret is of somebody who may answer in the owner's place: the seller a brief, another a review."""
    if gate.id.kind is not Kind.BRIEF and "second" not in gate.shown:
        return False
    return opens(ports.link_keys, gate.key_id, gate.subject, _stand_in(gate), gate.link_version, presented=presented)


def open_freelancer(ports: Ports, key: str, presented: str) -> Freelancer:
    """The freelancer whose page a link leads to. Raises `LinkRefusedError`."""
    row = ports.store.get(freelancer_key(key))
    if row is None:
        raise LinkRefusedError
    found = Freelancer.from_row(row)
    check_freelancer(ports, found, presented)
    return found


def _named(ports: Ports, order_id: str) -> Order:
    """The order of a path: what cannot name one is not looked up. Raises `OrderNotFoundError`."""
    if not is_order_id(order_id):
        raise OrderNotFoundError(order_id)
    return read_order(ports.store, order_id)
