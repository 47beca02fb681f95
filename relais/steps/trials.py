"""Trial orders: what became of one decides whether a candidate is approved.

A trial is an order that a candidate accepted. Accepted by the client and paid, it approves them; ended by their own
fault, it tells the seller, who decides; ended by anybody else's, it is given back. Design: people 7 (roster).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from relais.announcement import Announcement, Topic
from relais.gate import Role, Via
from relais.offer import RefundCause
from relais.order import Lost, Milestone, Order, milestone_from_row
from relais.ports import ConditionFailedError, Ports
from relais.roster import Standing
from relais.rows import Change, Write, freelancer_key, present
from relais.steps.decisions import LostWhy
from relais.steps.inviting import invitation
from relais.steps.readiness import needs_account
from relais.steps.roster import By, ReasonUnusableError, amend, usable
from relais.steps.situation import Situation, read_freelancer

OWN_FAULT = frozenset({RefundCause.BRIEF_NOT_MET.value, RefundCause.REFUND_RIGHT.value, RefundCause.LATE.value})
"""Why a client was refunded, where the trial has failed by it."""
LOST_BY_FAULT = frozenset({LostWhy.GAVE_UP.value, LostWhy.LATE.value, LostWhy.REWORK_FAILED.value})


def trials_ended(ports: Ports, order: Order) -> None:
    """Decide what the trials of an order that has ended have shown; asked any number of times.

    Raises `RosterContestedError`.
    """
    if order.completed is None:
        return
    for milestone in map(milestone_from_row, ports.store.query(f"O#{order.id}", "M#")):
        if milestone.engagement is None or not milestone.engagement.trial:
            continue
        if milestone.accepted and not milestone.refunded:
            _passed(ports, order, milestone.engagement.freelancer)
            continue
        said = _said(order, milestone, milestone.engagement.freelancer, milestone.cause or "")
        with suppress(ConditionFailedError):
            ports.store.write(*_after(said, by_fault=milestone.cause in OWN_FAULT))


def _passed(ports: Ports, order: Order, key: str) -> None:
    maker = read_freelancer(ports.store, key)
    if maker.standing is not Standing.CANDIDATE:
        return
    said = Announcement(key, Topic.TRIAL_PASSED, order.completed or ports.now(), "engine", Via.ENGINE, order=order.id)
    invited = invitation(key, said.at) if needs_account(ports.store, maker) else ()
    amend(ports, maker, replace(maker.terms, standing=Standing.APPROVED), said, more=invited)


def trial_lost(situation: Situation, milestone: Milestone, lost: Lost) -> tuple[Write, ...]:
    """What is written when the work of a trial goes to somebody else."""
    if not lost.trial:
        return ()
    said = replace(_said(situation.order, milestone, lost.freelancer, lost.why), at=situation.now)
    return _after(said, by_fault=lost.why in LOST_BY_FAULT)


def _said(order: Order, milestone: Milestone, freelancer: str, why: str) -> Announcement:
    return Announcement(
        freelancer=freelancer,
        topic=Topic.TRIAL_FAILED,
        at=order.completed or order.created,
        by="engine",
        via=Via.ENGINE,
        role=Role.SELLER,
        order=order.id,
        facts={"milestone": milestone.number, "why": why},
    )


def _after(said: Announcement, *, by_fault: bool) -> tuple[Write, ...]:
    """The seller is told that it failed; or it never counted, and is given back."""
    if by_fault:
        return (said.write,)
    audit = replace(said, topic=Topic.TRIAL, tries=None)
    again = Change(freelancer_key(said.freelancer), add={"trials": 1}, guards=(present("pk"),))
    return (again, replace(audit.write, row=audit.to_row()))


def another_trial(ports: Ports, key: str, by: By) -> int:
    """Let a candidate be asked for one more trial order; returns how many are left. They are told by mail.

    Raises `FreelancerNotFoundError`, `ReasonUnusableError`, `RosterContestedError`.
    """
    if not usable(by):
        raise ReasonUnusableError
    maker = read_freelancer(ports.store, key)
    said = Announcement(key, Topic.TRIAL, ports.now(), by.who, by.via, reason=by.reason.strip())
    amend(ports, maker, maker.terms, said, used={"trials": 1})
    return maker.trials + 1
