"""Permits for uploads: forms that take exactly the files named, for an open gate that takes files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from relais.gate import AlreadyAnsweredError, Kind, Status
from relais.ports import Ports
from relais.problem import Problem
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
    too_many,
)
from relais.steps.links import (
    OpenedGate,
    check_gate_nonce,
    check_order_nonce,
    check_stand_in_nonce,
    open_gate_link,
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
    _, order_id, gate_id, secret, *_ = (*request.parts, "", "", "", "")
    opened = open_gate_link(ports, order_id, gate_id, secret)
    order, gate = opened.order, opened.gate
    if gate.status is not Status.OPEN:
        raise AlreadyAnsweredError(gate)
    _check_upload_nonce(ports, opened, request.first("nonce"))
    names, sizes = request.form.get("name", ()), request.form.get("size", ())
    kinds = [*request.form.get("type", ())] + [""] * len(names)
    offer = read_offer(ports.store, order.offer, order.offer_version)
    if len(names) > offer.max_files or len(sizes) != len(names):
        return Permits((), ((None, too_many(offer)),), gate.lang)
    files, problems = [], []
    for at, (name, size, kind) in enumerate(zip(names, sizes, kinds, strict=False)):
        kept, count = clean_name(name), file_size(size)
        problem = _upload_problem(kept, count)
        if problem is not None:
            problems.append((at, problem))
            continue
        digest = hashlib.sha256(f"{at}\x1f{name}\x1f{size}\x1f{ports.now()}".encode()).hexdigest()[:12]
        key = f"files/{order.id}/{gate.id}/{digest}-{kept}"
        files.append({"at": at, "name": kept, "key": key, **ports.files.permit(key, count or 0, media_type(kind))})
    return Permits(tuple(files), tuple(problems), gate.lang)


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
