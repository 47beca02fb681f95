"""What the seller, a rule or a freelancer changes on the roster: standing, away dates, rates.

Each change is one transaction with its announcement: the audit of it, and the mail that it owes, which the clock sends.
Design: people 3 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from relais.announcement import Announcement, Topic
from relais.calendar import Away
from relais.errors import RelaisError
from relais.gate import DUE_SHARDS, OWED_AFTER, OWED_TRIES, AlreadyAnsweredError, Choice, Role, Status, Via
from relais.margin import ceiling
from relais.metrics import Metric
from relais.offer import Offer
from relais.order import Milestone, MilestoneStage, Order, milestone_from_row, stamp
from relais.ports import ConditionFailedError, Ports
from relais.roster import Freelancer, Rate, RateRise, Standing, Terms, risen, works_name
from relais.rows import Change, Guard, Row, Write, at_least, equals, freelancer_key
from relais.steps import letters
from relais.steps.decisions import Answer
from relais.steps.gates import answer
from relais.steps.inviting import invitation
from relais.steps.readiness import needs_account
from relais.steps.situation import GateNotFoundError, read_freelancer, read_gate, read_offer, read_shop, read_situation

LONGEST_PAUSE_DAYS = 366
LONGEST_REASON = 500
REASSIGNED_FROM = frozenset(
    {MilestoneStage.WORK, MilestoneStage.REVIEW, MilestoneStage.ACCEPTANCE, MilestoneStage.PARK}
)
"""Where work can still go to somebody else."""


class RosterContestedError(RelaisError):
    """Somebody else changed the same freelancer at the same time."""

    def __init__(self, key: str) -> None:
        """Keep whom."""
        super().__init__(f"{key} was changed a moment ago: look with `relais roster show {key}`, then do it again")
        self.key = key


class StandingUnchangedError(RelaisError):
    """Somebody stands already as they were to stand."""

    def __init__(self, key: str, standing: Standing) -> None:
        """Keep whom, and how they stand."""
        super().__init__(f"{key} is {standing.value} already: nothing was changed")
        self.key = key
        self.standing = standing


class PauseImpossibleError(RelaisError):
    """Dates that nobody can be away on."""

    def __init__(self, days: int) -> None:
        """Keep the longest pause, in days."""
        super().__init__(f"a pause ends today at the earliest, within {days} days, and not before it begins")
        self.days = days


class NotPausedError(RelaisError):
    """Somebody who is not away today."""

    def __init__(self, key: str) -> None:
        """Keep whom."""
        super().__init__(f"{key} is not away today: see `relais roster show {key}`")
        self.key = key


class RateUnchangedError(RelaisError):
    """A rate that is what it was to become."""

    def __init__(self, key: str, skill: str) -> None:
        """Keep whose and for what."""
        super().__init__(f"the rate of {key} for {skill} is that already: nothing was changed")
        self.key = key
        self.skill = skill


class ReasonUnusableError(RelaisError):
    """A change without a reason, or with one that is too long for the mail that tells it."""

    def __init__(self) -> None:
        """Say what is wanted."""
        super().__init__(f"say why in at most {LONGEST_REASON} characters: the reason is kept and told")


@dataclass(frozen=True, slots=True, repr=False)
class By:
    """Who changes something, how, and why."""

    who: str
    via: Via
    reason: str = ""


def set_standing(ports: Ports, key: str, standing: Standing, by: By) -> Freelancer:
    """Approve or suspend somebody. Who is suspended loses the proposals that are open to them, without any effect.

    Raises `FreelancerNotFoundError`, `StandingUnchangedError`, `RosterContestedError`, `ReasonUnusableError`.
    """
    before = read_freelancer(ports.store, key)
    if before.standing is standing:
        raise StandingUnchangedError(key, standing)
    topic = Topic.SUSPENDED if standing is Standing.SUSPENDED else Topic.APPROVED
    approved = standing is Standing.APPROVED
    invited = invitation(key, ports.now()) if approved and needs_account(ports.store, before) else ()
    said = _said(ports, before, topic, by)
    after = amend(ports, before, replace(before.terms, standing=standing), said, more=invited)
    if standing is Standing.SUSPENDED:
        _call_back(ports, read_freelancer(ports.store, key), by)
    return after


def pause(ports: Ports, key: str, first: date | None, last: date, by: By) -> Freelancer:
    """Keep somebody from being asked from one day (today, where none is given) to another, both included.

    Raises `FreelancerNotFoundError`, `PauseImpossibleError`, `RosterContestedError`, `ReasonUnusableError`.
    """
    before = read_freelancer(ports.store, key)
    today = _today(ports, before)
    away = Away(first or today, last)
    if away.last < max(away.first, today) or away.last > today + timedelta(days=LONGEST_PAUSE_DAYS):
        raise PauseImpossibleError(LONGEST_PAUSE_DAYS)
    dates = {"first": away.first.isoformat(), "last": away.last.isoformat()}
    said = replace(_said(ports, before, Topic.PAUSED, by), facts=dates)
    merged = tuple(sorted({*before.away, away}, key=Away.to_row))
    return amend(ports, before, replace(before.terms, away=merged), said)


def resume(ports: Ports, key: str, by: By) -> Freelancer:
    """End the pause that somebody is in today; later away dates stay.

    Raises `FreelancerNotFoundError`, `NotPausedError`, `RosterContestedError`, `ReasonUnusableError`.
    """
    before = read_freelancer(ports.store, key)
    today = _today(ports, before)
    if not any(away.covers(today) for away in before.away):
        raise NotPausedError(key)
    yesterday = today - timedelta(days=1)
    kept = tuple(
        Away(away.first, yesterday) if away.covers(today) else away
        for away in before.away
        if not away.covers(today) or away.first < today
    )
    return amend(ports, before, replace(before.terms, away=kept), _said(ports, before, Topic.RESUMED, by))


def set_rate(ports: Ports, key: str, skill: str, amount: int, by: By) -> Freelancer:
    """Change what somebody is paid for a skill from the next proposal on, in minor units of their currency.

    What is proposed or accepted already keeps its pay. Raises `FreelancerNotFoundError`,
    `RateUnchangedError`, `RosterContestedError`, `ReasonUnusableError`.
    """
    before = read_freelancer(ports.store, key)
    was = before.rate_for(skill)
    if was == amount:
        raise RateUnchangedError(key, skill)
    rates = {rate.skill: rate for rate in before.rates} | {skill: Rate(skill, amount)}
    facts: dict[str, str | int] = {"skill": skill, "now": amount, "currency": before.currency}
    said = replace(_said(ports, before, Topic.RATE, by), facts=facts if was is None else facts | {"was": was})
    terms = replace(before.terms, rates=tuple(rates[one] for one in sorted(rates)))
    return amend(ports, before, terms, said)


def rise(ports: Ports, order: Order) -> None:
    """Raise the rates that the makers of an order have earned by the shop's rule; asked any number of times.

    Raises `RosterContestedError`.
    """
    shop, _ = read_shop(ports.store)
    if shop.rate_rise is None:
        return
    offer = read_offer(ports.store, order.offer, order.offer_version)
    rows = ports.store.query(f"O#{order.id}", "M#")
    engaged = [one.engagement for one in map(milestone_from_row, rows) if one.engagement is not None]
    for key in sorted({one.freelancer for one in engaged if not one.by_hand}):
        _rise(ports, key, offer, shop.rate_rise, shop.half_life)


def _rise(ports: Ports, key: str, offer: Offer, rule: RateRise, half_life: int) -> None:
    """Works that were counted are used up by the raise: whoever raises twice meets the condition."""
    maker, now = read_freelancer(ports.store, key), ports.now()
    payable = ceiling(offer, now.date()) // offer.units
    rate = risen(maker, offer.skill, rule, now, payable=payable, half_life=half_life)
    if rate is None:
        return
    rates = {one.skill: one for one in maker.rates} | {offer.skill: Rate(offer.skill, rate)}
    facts: dict[str, str | int] = {"skill": offer.skill, "was": maker.rate_for(offer.skill) or 0, "now": rate}
    said = _said(ports, maker, Topic.RISE, By("engine", Via.ENGINE))
    told = replace(said, facts=facts | {"count": rule.after, "currency": maker.currency})
    terms = replace(maker.terms, rates=tuple(rates[one] for one in sorted(rates)))
    works = works_name(offer.skill)
    amend(ports, maker, terms, told, used={works: -rule.after}, guards=(at_least(works, rule.after),))


def amend(
    ports: Ports,
    before: Freelancer,
    terms: Terms,
    said: Announcement,
    *,
    used: Mapping[str, int] | None = None,
    guards: tuple[Guard, ...] = (),
    more: tuple[Write, ...] = (),
) -> Freelancer:
    """Write what is agreed from now on with its announcement, if nobody changed it since it was read.

    `used` is added to what the row counts, under `guards` of its own; `more` is written with it. Raises
    `RosterContestedError`.
    """
    as_read = tuple(equals(name, value) for name, value in before.terms.to_row().items())
    change = Change(freelancer_key(before.key), put=terms.to_row(), add=used or {}, guards=(*as_read, *guards))
    try:
        ports.store.write(change, said.write, *more)
    except ConditionFailedError:
        raise RosterContestedError(before.key) from None
    return replace(before, standing=terms.standing, rates=terms.rates, away=terms.away)


def tell(ports: Ports, row: Row) -> None:
    """Do what an announcement owes: of a pause the dates that it moves, then the mail; called by the clock.

    It comes back if one of them fails.
    """
    said = Announcement.from_row(row)
    tries = (said.tries or 0) + 1
    later = stamp(ports.now() + OWED_AFTER * 2 ** min(tries, 5))
    claim = Change(said.key, put={"owes_mail": tries, "due": later}, guards=(equals("due", row["due"]),))
    ports.store.write(claim)
    if tries >= OWED_TRIES:
        ports.counter.count(Metric.OWED_PARKED)
    if said.topic is Topic.PAUSED:
        from relais.steps.away import freelancer_away  # a pause is rare: no other tick loads it

        away = Away(date.fromisoformat(str(said.facts["first"])), date.fromisoformat(str(said.facts["last"])))
        freelancer_away(ports, said.freelancer, away)
    ports.mailer.send(letters.announcement(ports, said))
    sent = Change(said.key, remove=("owes_mail", "due", "due_shard"), guards=(equals("owes_mail", tries),))
    ports.store.write(sent)


def work_of(ports: Ports, key: str) -> tuple[Milestone, ...]:
    """The milestones whose work somebody has and could lose, of all open orders.

    Open orders are found by an index: one of the last instants may be missing.
    """
    orders = sorted({order for shard in range(DUE_SHARDS) for order in ports.store.open_orders(f"D#{shard:02d}")})
    rows = [row for order in orders for row in ports.store.query(f"O#{order}", "M#")]
    return tuple(
        one
        for one in map(milestone_from_row, rows)
        if one.engagement is not None and one.engagement.freelancer == key and one.stage in REASSIGNED_FROM
    )


def out_of_reach(ports: Ports, skill: str, amount: int) -> tuple[str, ...]:
    """The offers on sale whose price cannot pay such a rate: whoever asks it is not asked for them."""
    _, window = read_shop(ports.store)
    offers = [read_offer(ports.store, one.slug, one.version) for one in window]
    day = ports.now().date()
    return tuple(one.slug for one in offers if one.skill == skill and amount * one.units > ceiling(one, day))


def _call_back(ports: Ports, freelancer: Freelancer, by: By) -> None:
    """Take back what is still open to somebody; the next of the roster is asked, and no score changes."""
    for order, gate_id in freelancer.asked:
        try:
            gate = read_gate(ports, order, gate_id)
            if gate.status is Status.OPEN:
                situation = read_situation(ports, order, gate.id.milestone)
                answer(ports, situation, gate, Answer(Choice.AGAIN, by.who, by.via))
        except (AlreadyAnsweredError, GateNotFoundError):
            continue


def usable(by: By) -> bool:
    """Whether a change by command says why, in no more words than its mail holds."""
    return len(by.reason) <= LONGEST_REASON and (by.via is not Via.COMMAND or bool(by.reason.strip()))


def _said(ports: Ports, freelancer: Freelancer, topic: Topic, by: By) -> Announcement:
    """Who did not change it themself is told; of what a freelancer changes the seller is."""
    if not usable(by):
        raise ReasonUnusableError
    own = by.who == freelancer.key
    return Announcement(
        freelancer=freelancer.key,
        topic=topic,
        at=ports.now(),
        by=by.who,
        via=by.via,
        role=Role.SELLER if own else Role.FREELANCER,
        reason=by.reason.strip(),
    )


def _today(ports: Ports, freelancer: Freelancer) -> date:
    return ports.now().astimezone(ZoneInfo(freelancer.hours.zone)).date()
