"""The clock: looks at what has become due and settles it; a missed tick is caught up, two at once are harmless.

The index only nominates. Each row is read consistently and claimed under the due it was read with. Design: workflow
section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from relais.act import LEASE_SECONDS, NOT_CONFIRMED, Act, ActState, act_from_row
from relais.calendar import Calendar, Duration, due_after, next_working_instant, within_working_hours
from relais.gate import (
    DUE_SHARDS,
    HEARTBEAT,
    OWED_AFTER,
    OWED_TRIES,
    AlreadyAnsweredError,
    Gate,
    Kind,
    Owed,
    Role,
    Status,
    Via,
    gate_from_row,
    jitter,
    next_due,
    reminder_due,
)
from relais.metrics import Metric
from relais.order import MilestoneStage, Order, OrderStage, order_from_row, stamp
from relais.ports import ConditionFailedError, MailRefusedError, Ports
from relais.rows import DIGEST_KEY, Change, Key, Row, address_hash, equals, gate_key, order_key, present
from relais.steps import letters
from relais.steps.acts import SETTLES_WITHIN
from relais.steps.contracts import counted_anew, terms_put
from relais.steps.decisions import Answer
from relais.steps.disputes import tell_dispute_over
from relais.steps.door import answer, tell_answer
from relais.steps.gates import default_choice, end, person_owned, resume, send_opening, tell_taken
from relais.steps.intake import tell_address
from relais.steps.interrupt import sweep
from relais.steps.late_refund import tell_client
from relais.steps.lateness import ask_client_to_wait, ask_seller_of_late, seller_asked_at, watch_promises
from relais.steps.leaving import tell_receipt
from relais.steps.onboarding import overdue, told_again
from relais.steps.payout import at_rest, tell_completed
from relais.steps.reach import Reach, address_of, reach
from relais.steps.roster import tell
from relais.steps.runs import forgotten, lived_long, next_run, roll_over, start_owed
from relais.steps.side import withdraw_moot, withdraw_side
from relais.steps.situation import Situation, over, read_freelancer, read_gate, read_situation, stands_paused
from relais.steps.talking import promise_stands_still, stands_still

PAGE = 50
RESERVE_MS = 20_000
"""Time that a tick keeps to finish the row it is at: longer than a call to anybody may take."""
RESUMES_BEFORE_NEXT_RUN = 3
ASK_AGAIN = Duration.parse("1 wd")
ACT_LATE = timedelta(hours=1)
FEE_AGAIN, FEE_AT_LEAST = timedelta(minutes=5), timedelta(hours=6)
"""How soon and how seldom a fee that is owed is asked for again."""
MAIL_LATE = timedelta(hours=1)
"""A mail that leaves so long after its question opened gives its reader the whole time again."""
LOOK_AGAIN = Duration.parse("1 wh")
"""How soon the clock sees that the address of somebody whom no mail reaches was corrected."""
TICK_LATE = timedelta(minutes=15)
"""Hours bind the stored instant, not the tick: one that comes this late is still in time (design: people section 1)."""


@dataclass(frozen=True, slots=True, repr=False)
class Tick:
    """What one tick did: rows settled, rows that failed and stay due, shards left for the next call."""

    settled: int
    failed: int
    remaining: tuple[str, ...]


def tick(ports: Ports, shards: tuple[str, ...] | None = None, *, enough: Callable[[], bool] = lambda: False) -> Tick:
    """Settle what is due in these shards (all of them), oldest first, until `enough` says that the time is up."""
    todo = list(shards if shards is not None else all_shards())
    settled = failed = late = 0
    while todo and not enough():
        keys = ports.store.due(todo[0], ports.now(), PAGE)
        late = max(late, _late(ports, keys))
        done = [settle(ports, key) for key in keys]
        settled += sum(done)
        failed += len(done) - sum(done)
        if len(keys) < PAGE or not any(done):
            todo.pop(0)
    ports.counter.count(Metric.CLOCK_TICK)
    ports.counter.count(Metric.CLOCK_FAILED, failed)
    ports.counter.count(Metric.OLDEST_DUE_SECONDS, late)
    return Tick(settled, failed, tuple(todo))


def _late(ports: Ports, keys: list[Key]) -> int:
    """By how many seconds the oldest of the nominated rows is late; the index may be stale, so the row is read."""
    row = ports.store.get(keys[0]) if keys else None
    if row is None or "due" not in row:
        return 0
    return max(0, int((ports.now() - datetime.fromisoformat(row["due"])).total_seconds()))


def tick_within(ports: Ports, shards: list[str] | None, remaining_ms: Callable[[], int]) -> dict[str, int]:
    """Tick while there is time, and have the clock called again with the shards that remain."""
    done = tick(ports, None if shards is None else tuple(shards), enough=lambda: remaining_ms() < RESERVE_MS)
    if done.remaining:
        ports.background.tick_again({"shards": list(done.remaining)})
    return {"settled": done.settled, "failed": done.failed, "remaining": len(done.remaining)}


def all_shards() -> tuple[str, ...]:
    """The shards of the `due` index."""
    return tuple(f"D#{number:02d}" for number in range(DUE_SHARDS))


def settle(ports: Ports, key: Key) -> bool:
    """Settle one nominated row. One that fails stays due and is told; it does not keep the others waiting."""
    row = ports.store.get(key)
    if row is None or "due" not in row or datetime.fromisoformat(row["due"]) > ports.now():
        return True
    try:
        _settle(ports, key, row)
    except (ConditionFailedError, AlreadyAnsweredError):
        return True
    except Exception as error:  # noqa: BLE001 - one row's trouble must not stop the clock; it stays due and is told of
        ports.note(error)
        _put_off(ports, key, row)
        return False
    return True


def _put_off(ports: Ports, key: Key, row: Row) -> None:
    tries = int(row.get("clock_tries", 0)) + 1
    later = ports.now() + timedelta(minutes=min(2**tries, 60))
    try:
        ports.store.write(
            Change(key, put={"due": stamp(later), "clock_tries": tries}, guards=(equals("due", row["due"]),))
        )
    except ConditionFailedError:
        return


def _settle(ports: Ports, key: Key, row: Row) -> None:
    if key == DIGEST_KEY:
        from relais.steps.digest import send  # few shops want it

        send(ports, row)
    elif key.sk == "ORDER":
        _order(ports, order_from_row(row))
    elif key.sk.startswith("G#"):
        _gate(ports, gate_from_row(row))
    elif key.sk.startswith("N#"):
        tell(ports, row)
    elif key.sk.startswith("E#"):
        from relais.steps.deeds import tell_deed  # what is done by hand is rare: no other tick loads it

        tell_deed(ports, row)
    elif key.sk.startswith("D#"):
        _dispute(ports, key, row)
    elif key.sk.startswith("P#"):
        _claim(ports, key, row["due"], ports.now() + timedelta(seconds=2 * LEASE_SECONDS))
        ports.background.run_act(key.pk.removeprefix("O#"), "acts")
    elif key.sk.startswith("A#") and "owes_mail" in row:
        tell_client(ports, act_from_row(row), row)
    elif key.sk.startswith("A#"):
        _watch_act(ports, act_from_row(row))
        waits = SETTLES_WITHIN if row["state"] == ActState.DONE.value else timedelta(seconds=2 * LEASE_SECONDS)
        if row.get("why") == NOT_CONFIRMED and row["state"] == ActState.REFUSED.value:
            ports.store.write(Change(key, remove=("due", "due_shard"), guards=(equals("due", row["due"]),)))
        else:
            _claim(ports, key, row["due"], ports.now() + waits)
        ports.background.run_act(key.pk.removeprefix("O#"), "acts")


def _dispute(ports: Ports, key: Key, row: Row) -> None:
    """A dispute owes the mail that says how it ended, or Stripe has to be told what was decided of it."""
    if "owes_mail" in row:
        tell_dispute_over(ports, row)
        return
    _claim(ports, key, row["due"], ports.now() + timedelta(seconds=2 * LEASE_SECONDS))
    ports.background.run_act(key.pk.removeprefix("O#"), "acts")


def _watch_act(ports: Ports, act: Act) -> None:
    """Tell of an act that was sent long ago and whose end is still not known; leases and sendings are wall time."""
    open_still = act.state in {ActState.PLANNED, ActState.SENDING}
    if open_still and act.first_sent is not None and ports.wall() - act.first_sent >= ACT_LATE:
        ports.counter.count(Metric.ACT_LATE)


def _claim(ports: Ports, key: Key, as_read: str, until: datetime) -> None:
    claimed = Change(key, put={"due": stamp(until)}, remove=("clock_tries",), guards=(equals("due", as_read),))
    ports.store.write(claimed)


def _order(ports: Ports, order: Order) -> None:
    """An order's head: a start that is owed, a fee, its last mails, a dead run, or only the heartbeat."""
    now = ports.now()
    as_read = stamp(order.due or now)
    key = order_key(order.id)
    if order.owes_receipt is not None:
        _claim_of_order(ports, order, "owes_receipt", order.owes_receipt, as_read)
        tell_receipt(ports, order)
        return
    if order.owes_mail is not None:
        _claim_of_order(ports, order, "owes_mail", order.owes_mail, as_read)
        _tell(ports, order)
        return
    if order.settling and order.session is not None:
        _claim(ports, key, as_read, now + HEARTBEAT)
        ports.background.run_act(order.session, Owed.DEBIT.value)
        return
    if order.owes_address is not None:
        _claim_of_order(ports, order, "owes_address", order.owes_address, as_read)
        tell_address(ports, order)
        return
    if order.owes_sweep is not None:
        _sweep_again(ports, order, as_read)
        return
    until = _paused_until(order)
    if until is not None and until <= now:
        from relais.steps.dates import go_on  # a pause is rare: no other tick loads it

        _claim(ports, key, as_read, now + OWED_AFTER)
        go_on(ports, order.id)
        return
    if order.dead_run and order.dead_run == order.run and order.is_open:
        if not next_run(ports, order, "the execution ended before its order"):
            _claim(ports, key, as_read, now + HEARTBEAT)
        return
    if order.owes_start is not None:
        _claim_of_order(ports, order, "owes_start", order.owes_start, as_read)
        start_owed(ports, order)
        return
    if order.stage is OrderStage.COMPLETED and at_rest(order) and not order.owes_fee:
        ports.store.write(Change(key, remove=("due", "due_shard"), guards=(equals("due", as_read),)))
        return
    look = now + (_until_fee(order, now) if order.owes_fee else HEARTBEAT)
    look = min(look, until or look)
    _claim(ports, key, as_read, min(look, watch_promises(ports, order, partial(promise_stands_still, ports)) or look))
    if order.fee is None and order.stage is not OrderStage.DRAFT:
        ports.background.run_act(order.id, Owed.FEE.value)
    if not order.is_open:
        return
    if ports.machine.status(order.id, order.run) not in {"RUNNING", "PENDING_REDRIVE"}:
        next_run(ports, order, "the execution does not run any more")
    elif lived_long(ports, order):
        roll_over(ports, order)
    elif forgotten(ports, order):
        next_run(ports, order, "nobody is asked for what it waits for")


def _tell(ports: Ports, order: Order) -> None:
    """The last mails of an order; of one that is not paid, what the bank said of its debit."""
    if order.stage is not OrderStage.DRAFT:
        tell_completed(ports, order)
        return
    from relais.steps.debits import tell_debit  # a debit is rare: no other tick loads it

    tell_debit(ports, order)


def _paused_until(order: Order) -> datetime | None:
    return None if order.paused is None else datetime.fromisoformat(order.paused["until"])


def _until_fee(order: Order, now: datetime) -> timedelta:
    """The pause before Stripe is asked for a fee again: it grows with the order's age, so no count has to be kept."""
    return min(max(FEE_AGAIN, (now - (order.started or now)) / 4), FEE_AT_LEAST)


def _sweep_again(ports: Ports, order: Order, as_read: str) -> None:
    """Answer what of the order is still open with its interrupt; done when nothing was left to answer."""
    tries = (order.owes_sweep or 0) + 1
    ports.store.write(
        Change(
            order_key(order.id),
            put={"owes_sweep": tries, "due": stamp(ports.now() + _back_off(tries))},
            guards=(equals("due", as_read),),
        )
    )
    if sweep(ports, order.id):
        return
    ports.store.write(
        Change(
            order_key(order.id),
            put={"due": stamp(ports.now() + HEARTBEAT)},
            remove=("owes_sweep",),
            guards=(equals("owes_sweep", tries),),
        )
    )


def _claim_of_order(ports: Ports, order: Order, owed: str, tried: int, as_read: str) -> None:
    """Claim what an order's head owes: one attempt more, and the next only after a pause that grows."""
    tries = tried + 1
    ports.store.write(
        Change(
            order_key(order.id),
            put={owed: tries, "due": stamp(ports.now() + _back_off(tries))},
            guards=(equals("due", as_read),),
        )
    )
    if tries >= OWED_TRIES:
        ports.counter.count(Metric.OWED_PARKED)


def _back_off(tries: int) -> timedelta:
    return timedelta(minutes=min(2 ** (tries + 1), 60))


def _gate(ports: Ports, gate: Gate) -> None:
    if gate.status is Status.ANSWERED:
        (_tell_answer_again if gate.id.kind.side else _resume_again)(ports, gate)
        return
    if gate.status is not Status.OPEN:
        _tell_again(ports, gate)
        return
    situation = read_situation(ports, gate.order, gate.id.milestone)
    if gate.id.kind.side and over(ports, situation, gate):
        withdraw_side(ports, gate)
        return
    if gate.id.kind is Kind.CONFIRM and default_choice(gate) is not None and _over(gate, situation.now):
        _silence(ports, situation, gate)  # what is owed to a client waits for nobody whom no mail reaches
        return
    owed = Owed.MAIL.value in gate.owes or (person_owned(gate) and not gate.mailed)
    if owed and not (gate.posted and _tries(gate, Owed.MAIL) >= OWED_TRIES):
        _mail_again(ports, situation, gate)
        return
    paused = stands_paused(situation, gate)
    if paused is not None:
        again = _after(paused, situation.now)
        _claim(ports, gate_key(gate.order, str(gate.id)), stamp(gate.due or situation.now), again)
        return
    if gate.tells_seller is not None and gate.tells_seller <= situation.now and not _over(gate, situation.now):
        _tell_seller(ports, situation, gate)
        return
    waits = stands_still(ports, situation, gate)
    if waits is not None:
        again = _after(waits.deadline or situation.now + HEARTBEAT, situation.now)
        _claim(ports, gate_key(gate.order, str(gate.id)), stamp(gate.due or situation.now), again)
        return
    known = reach(ports, situation, gate) if person_owned(gate) else Reach.REACHED
    if known is Reach.MOVED:
        _mail_again(ports, situation, gate)
    elif known is Reach.BOUNCED:
        _stand_still(ports, situation, gate)
    elif _over(gate, ports.now()):
        _silence(ports, situation, gate)
    else:
        _remind(ports, situation, gate)


def _tell_seller(ports: Ports, situation: Situation, gate: Gate) -> None:
    """Somebody may answer for whoever does not: told once, in the shop's hours; claimed, then sent.

    Of a brief the seller; of a review the second reviewer, also while the seller is away.
    """
    away = gate.id.kind is not Kind.REVIEW
    shop = situation.shop.calendar if away else Calendar(situation.shop.hours)
    key, as_read = gate_key(gate.order, str(gate.id)), stamp(gate.due or situation.now)
    now = situation.now
    due = now + OWED_AFTER if reminder_due(gate, now) else next_due(gate, now) or now + HEARTBEAT
    if not _in_hours(shop, now):
        _claim(ports, key, as_read, min(due, next_working_instant(now, shop)))
        return
    claim = Change(
        key,
        put={"due": stamp(due)},
        remove=("clock_tries", "tells_seller"),
        guards=(equals("due", as_read), equals("status", Status.OPEN.value), present("tells_seller")),
    )
    ports.store.write(claim)
    if gate.id.kind is not Kind.REVIEW:
        ports.mailer.send(letters.fill_in(ports, situation, gate))
    elif situation.shop.second_reviewer is not None:
        ports.mailer.send(letters.second_review(ports, situation, gate))


def _after(at: datetime, now: datetime) -> datetime:
    """An instant that lies ahead: what is over by now is looked at again soon."""
    return at if at > now else now + OWED_AFTER


def _over(gate: Gate, now: datetime) -> bool:
    return gate.deadline is not None and now >= gate.deadline + jitter(gate.order, gate.id)


def _tries(gate: Gate, owed: Owed) -> int:
    return int(gate.owes.get(owed.value, 0))


def _resume_again(ports: Ports, gate: Gate) -> None:
    """The decision stands, the next gate does not yet: send again, then start the next run."""
    tries = int(gate.owes.get(Owed.RESUME.value, 0)) + 1
    _claim_owed(ports, gate, Owed.RESUME, tries)
    ports.counter.count(Metric.RESUME_REPEATED)
    if _ended_alone(ports, gate):
        end(ports, gate)
        return
    if tries > 1:  # the first repeat comes two minutes after the decision, the second four minutes later
        ports.counter.count(Metric.RESUME_OVERDUE)
    resume(ports, gate)
    withdraw_moot(ports, gate.order, gate.id.milestone)  # whoever answered may have died before it
    if tries > RESUMES_BEFORE_NEXT_RUN:
        row = ports.store.get(order_key(gate.order))
        if row is not None:
            next_run(ports, order_from_row(row), "a decision was not taken up")


def _tell_answer_again(ports: Ports, gate: Gate) -> None:
    """A side gate that was answered owes at most the mails that say so."""
    _claim_news(ports, gate, read_situation(ports, gate.order, gate.id.milestone))
    tell_answer(ports, read_gate(ports, gate.order, str(gate.id)))


def _ended_alone(ports: Ports, gate: Gate) -> bool:
    """Whether it is the last decision of a milestone that ended while others of its order run: no gate follows it."""
    if gate.id.of_order:
        return False
    situation = read_situation(ports, gate.order, gate.id.milestone)
    return situation.stage == MilestoneStage.CLOSED.value and bool(situation.siblings)


def _mail_again(ports: Ports, situation: Situation, gate: Gate) -> None:
    """Send an opening mail that is still owed, or that went to an address which was corrected since.

    After ten tries it is parked: somebody is told, and the clock tries once a working day.
    """
    tries = _tries(gate, Owed.MAIL) + 1
    late = situation.now - gate.counted_from >= MAIL_LATE
    asked = counted_anew(situation, gate, _calendar(ports, situation, gate)) if late and person_owned(gate) else gate
    until = None if tries < OWED_TRIES else due_after(ASK_AGAIN, situation.now, situation.shop.calendar)
    _claim_owed(ports, asked, Owed.MAIL, tries, until)
    try:
        send_opening(ports, situation, asked)
    except MailRefusedError:
        if tries >= OWED_TRIES:
            ports.counter.count(Metric.OWED_PARKED)
            _tell_unreached(ports, situation, asked, address_of(ports, situation, asked))
        raise


def _tell_again(ports: Ports, gate: Gate) -> None:
    """A gate that was withdrawn owes at most the word that somebody else was faster."""
    situation = read_situation(ports, gate.order, gate.id.milestone)
    _claim_news(ports, gate, situation)
    tell_taken(ports, situation, read_gate(ports, gate.order, str(gate.id)))


def _claim_news(ports: Ports, gate: Gate, situation: Situation) -> None:
    """Claim the mails about a gate that is over; after ten tries an alarm tells, and one a working day follows."""
    tries = _tries(gate, Owed.MAIL) + 1
    parked = tries >= OWED_TRIES
    until = due_after(ASK_AGAIN, situation.now, situation.shop.calendar) if parked else None
    _claim_owed(ports, gate, Owed.MAIL, tries, until)
    if parked:
        ports.counter.count(Metric.OWED_PARKED)


def _claim_owed(ports: Ports, gate: Gate, owed: Owed, tries: int, until: datetime | None = None) -> None:
    opening = owed is Owed.MAIL and gate.status is Status.OPEN  # else it tells that somebody else was faster
    terms = terms_put(gate) | {"mailed": False} if opening else {}
    again = until or ports.now() + _back_off(tries)
    ports.store.write(
        Change(
            gate_key(gate.order, str(gate.id)),
            put={"owes": {owed.value: tries}, "due": stamp(again)} | terms,
            remove=("unreached",) if opening and tries == 1 else (),
            guards=(equals("status", gate.status.value), equals("due", stamp(gate.due or ports.now()))),
        )
    )


def _calendar(ports: Ports, situation: Situation, gate: Gate) -> Calendar:
    """The hours of a gate's owner."""
    match gate.role:
        case Role.FREELANCER:
            return read_freelancer(ports.store, gate.owner).calendar
        case Role.CLIENT:
            return situation.client_calendar
        case Role.SELLER | Role.CLOCK | Role.ENGINE:
            return situation.shop.calendar


def _in_hours(calendar: Calendar, now: datetime) -> bool:
    return within_working_hours(now, calendar) or within_working_hours(now - TICK_LATE, calendar)


def _stand_still(ports: Ports, situation: Situation, gate: Gate) -> None:
    """No mail reaches its owner: no default runs, no reminder leaves; the seller is told once and can correct that."""
    address = address_of(ports, situation, gate)
    if gate.unreached != address_hash(address):
        _claim(
            ports, gate_key(gate.order, str(gate.id)), stamp(gate.due or situation.now), situation.now + _back_off(1)
        )
        _tell_unreached(ports, situation, gate, address)
    elif default_choice(gate) is None and _over(gate, situation.now):
        _stay(ports, situation, gate, reached=False)
    else:
        again = due_after(LOOK_AGAIN, situation.now, situation.shop.calendar)
        if gate.deadline is not None and not _over(gate, situation.now):
            again = min(again, gate.deadline + jitter(gate.order, gate.id))
        _claim(ports, gate_key(gate.order, str(gate.id)), stamp(gate.due or situation.now), again)


def _tell_unreached(ports: Ports, situation: Situation, gate: Gate, address: str) -> None:
    """Tell the seller, then mark it told, once for each address; the seller's own silence is told by the alarm."""
    if gate.unreached == address_hash(address):
        return
    ports.counter.count(Metric.UNREACHED)
    if gate.role is not Role.SELLER:
        ports.mailer.send(letters.unreached(ports, situation, gate, address))
    told = Change(
        gate_key(gate.order, str(gate.id)),
        put={"unreached": address_hash(address)},
        guards=(equals("status", Status.OPEN.value),),
    )
    ports.store.write(told)


def _silence(ports: Ports, situation: Situation, gate: Gate) -> None:
    """The deadline has passed: what silence means is done, unless it means nothing."""
    choice = default_choice(gate)
    if choice is None:
        _stay(ports, situation, gate)
        return
    answer(
        ports, situation, gate, Answer(choice, "clock", Via.CLOCK, facts={"why": f"{gate.id.kind.value}_unanswered"})
    )


def _stay(ports: Ports, situation: Situation, gate: Gate, *, reached: bool = True) -> None:
    """Nothing is decided: the seller hears of it every working day, and so does whoever is late, within their hours."""
    key, as_read, shop = gate_key(gate.order, str(gate.id)), stamp(gate.due or situation.now), situation.shop.calendar
    if person_owned(gate) and not _in_hours(shop, situation.now):
        _claim(ports, key, as_read, next_working_instant(situation.now, shop))
        return
    asked_at = seller_asked_at(gate, situation)
    if asked_at is not None and asked_at > situation.now:
        _claim(ports, key, as_read, asked_at)
    else:
        if asked_at is not None:
            ask_seller_of_late(ports, gate)
        elif gate.role in {Role.CLIENT, Role.FREELANCER}:
            as_read = _tell_late(ports, situation, gate, as_read)
        _claim(ports, key, as_read, _asked_again(ports, situation, gate))
    if gate.role is Role.ENGINE:
        ports.background.run_act(gate.order, "acts")
        return
    reminded = reached and gate.role in {Role.SELLER, Role.FREELANCER} and not gate.digested
    if reminded and _in_hours(_calendar(ports, situation, gate), situation.now):
        ports.mailer.send(letters.reminder(ports, situation, gate))


def _asked_again(ports: Ports, situation: Situation, gate: Gate) -> datetime:
    """When whoever is late hears of it again; pay that waits too long for an account is an alarm (people 5b)."""
    if "alarm" in gate.shown and overdue(gate, situation.now):
        ports.counter.count(Metric.PAY_OVERDUE)
    if gate.id.kind is not Kind.ONBOARDING:
        return due_after(ASK_AGAIN, situation.now, situation.shop.calendar)
    return told_again(gate, situation.now)


def _tell_late(ports: Ports, situation: Situation, gate: Gate, as_read: str) -> str:
    """Tell the seller that somebody is late; returns the due that the gate stands under meanwhile.

    The claim is a short one: a death before the mail, or a post that refuses it, costs minutes, not the next day.
    """
    again = situation.now + _back_off(1)
    _claim(ports, gate_key(gate.order, str(gate.id)), as_read, again)
    ports.mailer.send(letters.late(ports, situation, gate))
    return stamp(again)


def _remind(ports: Ports, situation: Situation, gate: Gate) -> None:
    """A reminder is claimed, then sent: at most once. One that a late tick finds outside the hours waits for them."""
    key, as_read = gate_key(gate.order, str(gate.id)), stamp(gate.due or situation.now)
    due = next_due(gate, situation.now) or situation.now + HEARTBEAT
    if not (person_owned(gate) and reminder_due(gate, situation.now)):
        _claim(ports, key, as_read, due)
        return
    calendar = _calendar(ports, situation, gate)
    if not _in_hours(calendar, situation.now):
        _claim(ports, key, as_read, min(due, next_working_instant(situation.now, calendar)))
        return
    if gate.id.kind is Kind.PICK and gate.reminded is not None:
        ask_client_to_wait(ports, gate)  # with the seller's second reminder, two working days after the question
    claim = Change(
        key,
        put={"due": stamp(due), "reminded": stamp(situation.now)},
        remove=("clock_tries",),
        guards=(equals("due", as_read), equals("status", Status.OPEN.value)),
    )
    ports.store.write(claim)
    if not gate.digested or _reminds(situation, gate):
        ports.mailer.send(letters.reminder(ports, situation, gate))


def _reminds(situation: Situation, gate: Gate) -> bool:
    from relais.steps.digest import reminds  # few shops want it

    return reminds(situation, gate)
