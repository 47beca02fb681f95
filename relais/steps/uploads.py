"""Permits for uploads: forms that take exactly the files named, for an open gate that takes files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from relais.gate import AlreadyAnsweredError, Kind, Status
from relais.order import Order, OrderNotFoundError, OrderStage
from relais.ports import Ports
from relais.problem import Problem
from relais.steps.asks import MOST_FILES_SAID
from relais.steps.forms import (
    FILE_LIMIT,
    FILE_LIMIT_MB,
    check_fields,
    check_origin,
    clean_name,
    file_name_problem,
    file_size,
    media_type,
    shown_name,
)
from relais.steps.links import (
    OpenedGate,
    check_gate_nonce,
    check_order_nonce,
    check_stand_in_nonce,
    open_gate_link,
    open_order,
)
from relais.steps.situation import read_offer
from relais.web import Request

UPLOAD_FIELDS = frozenset({"nonce", "name", "size", "type"})


@dataclass(frozen=True, slots=True, repr=False)
class Permits:
    """Uploads allowed, and those refused with the reason; each says which it is of those asked for, from 0."""

    files: tuple[dict[str, Any], ...]
    problems: tuple[tuple[int | None, Problem], ...]
    lang: str


def permit_uploads(ports: Ports, request: Request) -> Permits:
    """Forms that upload exactly the files named, to an open gate that takes files.

    Raises what a dead link or a foreign form raises.
    """
    check_origin(ports, request)
    check_fields(request, UPLOAD_FIELDS, UPLOAD_FIELDS - {"nonce"})
    match request.parts:
        case ("o", order_id, secret, _):
            return _with_message(ports, request, open_order(ports, order_id, secret))
        case _:
            _, order_id, gate_id, secret, *_ = (*request.parts, "", "", "", "")
    opened = open_gate_link(ports, order_id, gate_id, secret)
    order, gate = opened.order, opened.gate
    if gate.status is not Status.OPEN:
        raise AlreadyAnsweredError(gate)
    _check_upload_nonce(ports, opened, request.first("nonce"))
    offer = read_offer(ports.store, order.offer, order.offer_version)
    return _permits(ports, request, f"files/{order.id}/{gate.id}", most=offer.max_files, lang=gate.lang)


def _with_message(ports: Ports, request: Request, order: Order) -> Permits:
    """The files of a client's message, from the order's page: at any stage of what was paid, and after its end."""
    if order.stage is OrderStage.DRAFT:
        raise OrderNotFoundError(order.id)
    check_order_nonce(ports, order, request.first("nonce"))
    place = f"files/{order.id}/{Kind.MESSAGE.value}"
    return _permits(ports, request, place, most=MOST_FILES_SAID, lang=order.lang)


def _permits(ports: Ports, request: Request, place: str, *, most: int, lang: str) -> Permits:
    names, sizes = request.form.get("name", ()), request.form.get("size", ())
    kinds = [*request.form.get("type", ())] + [""] * len(names)
    if len(names) > most or len(sizes) != len(names):
        return Permits((), ((None, Problem("file_count", "file", {"limit": most})),), lang)
    files, problems = [], []
    for at, (name, size, kind) in enumerate(zip(names, sizes, kinds, strict=False)):
        kept, count = clean_name(name), file_size(size)
        problem = _upload_problem(kept, count)
        if problem is not None:
            problems.append((at, problem))
            continue
        digest = hashlib.sha256(f"{at}\x1f{name}\x1f{size}\x1f{ports.now()}".encode()).hexdigest()[:12]
        key = f"{place}/{digest}-{kept}"
        files.append({"at": at, "name": kept, "key": key, **ports.files.permit(key, count or 0, media_type(kind))})
    return Permits(tuple(files), tuple(problems), lang)


def _check_upload_nonce(ports: Ports, opened: OpenedGate, presented: str) -> None:
    """The brief's uploads come from the order's page, which shows the order's nonce, or from the seller's own."""
    if opened.stands_in:
        check_stand_in_nonce(ports, opened.gate, presented)
    elif opened.gate.id.kind is Kind.BRIEF:
        check_order_nonce(ports, opened.order, presented)
    else:
        check_gate_nonce(ports, opened.order, opened.gate, presented)


def _upload_problem(name: str, size: int | None) -> Problem | None:
    shown = shown_name(name)
    if size == 0:
        return Problem("file_empty", "file", {"name": shown})
    if size is None or size > FILE_LIMIT:
        return Problem("file_too_large", "file", {"name": shown, "limit_mb": FILE_LIMIT_MB})
    return file_name_problem(name)
