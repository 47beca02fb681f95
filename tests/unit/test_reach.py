"""No default runs against somebody whom no mail has reached (promise 3), and what is owed to a mailbox arrives there.

Bounces, corrected addresses, and the clock that stands still meanwhile: workflow sections 1 and 4, people section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from relais.calendar import next_working_instant, within_working_hours
from relais.gate import Choice, Gate, Kind, Owed, Role, Status, Via, due_shard, jitter
from relais.metrics import Metric
from relais.order import stamp
from relais.pages.letter_views import LetterView
from relais.pages.letters import write
from relais.pages.views import OrderView
from relais.ports import MailRefusedError
from relais.roster import Freelancer
from relais.rows import Change, Put, address_hash, bounce_key, freelancer_key, gate_key, order_key
from relais.steps import door
from relais.steps.clock import tick
from relais.steps.decisions import Answer
from relais.steps.gates import default_choice, person_owned
from relais.steps.intake import correct_address
from relais.steps.links import LinkRefusedError, check_gate, gate_link
from relais.steps.payout import close
from relais.steps.reach import BounceUnreadableError, address_of, mark_posted, record
from relais.steps.show import order_page
from relais.steps.situation import read_situation
from relais.steps.talking import Question, ask
from relais.web import Request
from tests.support.doubles import FakePorts
from tests.support.orders import Play, open_shop
from tests.unit.test_decisions import cases

WITH_DEFAULT = (Kind.BRIEF, Kind.PROPOSAL, Kind.ACCEPTANCE, Kind.REFUND_REQUEST, Kind.SETTLEMENT, Kind.PICK)
"""Every kind of gate at which a person's silence decides."""


@pytest.fixture
def play() -> Play:
    ports = FakePorts()
    open_shop(ports)
    return Play(ports)


def begin(kind: Kind) -> tuple[Play, Gate]:
    """An order at an open gate whose mail was taken by the post."""
    ports = FakePorts()
    open_shop(ports, capacity=0 if kind is Kind.PICK else 9)
    play = Play(ports)
    if kind is Kind.PICK:
        play.until_exhausted()
        gate = play.open(kind)
    elif kind in {Kind.REFUND_REQUEST, Kind.SETTLEMENT}:
        play.until(Kind.ACCEPTANCE)
        gate = play.ask_back(kind)
    else:
        gate = play.until(kind)
    gate = play.read(gate.id)
    assert gate.mailed
    return play, gate


def event(play: Play, gate: Gate, **changed: Any) -> dict[str, Any]:
    """What SES tells when a mail of a gate comes back for good."""
    to = address(play, gate)
    return {
        "eventType": "Bounce",
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": to, "status": "5.1.1"}]},
        "mail": {"destination": [to], "tags": {"order": [play.id], "gate": [str(gate.id)]}},
    } | changed


def address(play: Play, gate: Gate) -> str:
    return address_of(play.ports, play.situation(gate.id.kind), gate)


def go_to(play: Play, at: datetime) -> None:
    """Let time pass: the clock looks whenever something of the order is due."""
    for _ in range(300):
        rows = play.ports.store.query(f"O#{play.id}", "")
        due = min((datetime.fromisoformat(row["due"]) for row in rows if "due" in row), default=at)
        if due > at:
            break
        play.ports.at = max(due, play.ports.at)
        tick(play.ports, (due_shard(play.id),))
    else:
        raise AssertionError("something is due for ever")
    play.ports.at = at


def over(gate: Gate) -> datetime:
    """When silence would have decided."""
    assert gate.deadline is not None
    return gate.deadline + jitter(gate.order, gate.id)


def told(play: Play, key: str) -> list[LetterView]:
    return [letter for letter in play.ports.mailer.letters if letter.key == key]


@pytest.mark.parametrize("kind", WITH_DEFAULT)
def test_silence_decides_for_somebody_whom_a_mail_has_reached(kind: Kind) -> None:
    """The counterpart: without a bounce the default runs, so the tests below hold because of the bounce."""
    play, gate = begin(kind)
    go_to(play, over(gate))
    assert play.read(gate.id).status is Status.ANSWERED


@pytest.mark.parametrize("kind", WITH_DEFAULT)
def test_no_silence_decides_for_somebody_whose_mail_came_back(kind: Kind) -> None:
    """The clock stands still, days after the deadline as well; the seller is told once, ops by an alarm."""
    play, gate = begin(kind)
    record(play.ports, event(play, gate))
    before = len(play.ports.mailer.letters)
    go_to(play, over(gate) + timedelta(days=4))
    assert play.read(gate.id).status is Status.OPEN
    letters = [letter for letter in play.ports.mailer.letters[before:] if letter.key != "missed_date"]
    keys = {Kind.PICK: [], Kind.REFUND_REQUEST: [], Kind.BRIEF: ["unreached", "fill_in"]}
    assert [letter.key for letter in letters] == keys.get(kind, ["unreached"])
    assert all(letter.role is Role.SELLER for letter in letters)
    assert play.ports.counter.counts[Metric.UNREACHED] == 1


@pytest.mark.parametrize("kind", [Kind.WORK, Kind.REVIEW])
def test_who_is_late_hears_nothing_at_an_address_that_mails_come_back_from(kind: Kind) -> None:
    """Where silence decides nothing the seller still hears of the delay; the dead mailbox is left alone."""
    play, gate = begin(kind)
    to = address(play, gate)
    record(play.ports, event(play, gate))
    before = len(play.ports.mailer.letters)
    go_to(play, over(gate) + timedelta(days=3))
    assert [
        letter.key for letter in play.ports.mailer.letters[before:] if letter.to == to and "reminder" in letter.key
    ] == []
    assert bool(told(play, "work_late")) is (kind is Kind.WORK)


def test_the_seller_is_told_at_once_not_when_the_time_is_up() -> None:
    """A mistyped address is mended by a phone call, while the client still remembers ordering."""
    play, gate = begin(Kind.BRIEF)
    play.ports.at += timedelta(seconds=20)
    record(play.ports, event(play, gate))
    tick(play.ports, (due_shard(play.id),))
    (letter,) = told(play, "unreached")
    mail = write(letter)
    assert letter.to == "claire@atelier-mistral.example"
    assert "marie@gmail.com" in mail.text
    assert f"relais order address {play.id}" in mail.text


def test_the_page_says_that_mails_do_not_arrive() -> None:
    """The client who fills in the brief on the page that the payment returned to can mend it there and then."""
    play, gate = begin(Kind.BRIEF)

    def shown() -> bool:
        view = order_page(play.ports, play.order, Request("GET", "/")).view
        assert isinstance(view, OrderView)
        return view.address_bounced

    assert not shown()
    record(play.ports, event(play, gate))
    assert shown()
    correct_address(play.ports, play.order, "marie@orange.fr")
    assert not shown()


@pytest.mark.parametrize("kind", [Kind.BRIEF, Kind.ACCEPTANCE])
def test_the_corrected_address_gets_the_question_with_a_new_link_and_its_whole_time(kind: Kind) -> None:
    """The old link is revoked, the deadline is computed anew, and from then on silence decides again."""
    play, gate = begin(kind)
    old = gate_link(play.ports, play.order, gate).rsplit("/", 1)[-1]
    record(play.ports, event(play, gate))
    go_to(play, next_working_instant(over(gate) + timedelta(days=2), play.situation(kind).client_calendar))
    correct_address(play.ports, play.order, "marie@orange.fr", by="seller", reason="une faute de frappe")
    asked = play.read(gate.id)
    letter = play.ports.mailer.letters[-1]
    assert (letter.key, letter.to) == (kind.value, "marie@orange.fr")
    assert letter.gate is not None
    assert letter.gate.deadline == asked.deadline
    assert asked.deadline is not None
    assert gate.deadline is not None
    assert asked.deadline - play.ports.at >= gate.deadline - gate.opened - timedelta(days=3)
    with pytest.raises(LinkRefusedError):
        check_gate(play.ports, play.order, asked, old)
    go_to(play, over(asked) - timedelta(seconds=1))
    assert play.read(gate.id).status is Status.OPEN
    go_to(play, over(asked))
    assert play.read(gate.id).status is Status.ANSWERED


def test_a_freelancers_corrected_address_gets_the_proposal_within_a_working_hour() -> None:
    """The roster is corrected by the catalogue, which knows no orders: the clock sees it by itself."""
    play, gate = begin(Kind.PROPOSAL)
    record(play.ports, event(play, gate))
    go_to(play, over(gate) + timedelta(days=1))
    assert play.read(gate.id).status is Status.OPEN
    known = Freelancer.from_row(play.ports.store.get(freelancer_key(gate.owner)) or {})
    play.ports.store.write(Put(freelancer_key(gate.owner), replace(known, email="neue@adresse.example").to_row(), ()))
    calendar = play.situation(Kind.PROPOSAL).shop.calendar
    soon = next_working_instant(play.ports.at, calendar) + timedelta(hours=1)
    go_to(play, soon)
    letter = play.ports.mailer.letters[-1]
    assert (letter.key, letter.to) == ("proposal", "neue@adresse.example")
    asked = play.read(gate.id)
    assert asked.deadline is not None
    assert asked.deadline > soon
    go_to(play, over(asked))
    assert play.read(gate.id).status is Status.ANSWERED


def test_a_correction_by_somebody_who_was_reached_moves_no_deadline() -> None:
    """Else a change of address would be a way to more time."""
    play, gate = begin(Kind.ACCEPTANCE)
    play.ports.at += timedelta(days=2)
    correct_address(play.ports, play.order, "marie@orange.fr")
    assert play.read(gate.id).deadline == gate.deadline
    assert play.ports.mailer.letters[-1].to == "marie@orange.fr"


def test_who_wrote_on_the_open_question_was_reached_whatever_came_back() -> None:
    """A form that could not be taken proves that its reader has the page (workflow section 1)."""
    play, gate = begin(Kind.ACCEPTANCE)
    record(play.ports, event(play, gate))
    mark_posted(play.ports, gate)
    go_to(play, over(gate))
    assert play.read(gate.id).status is Status.ANSWERED


def test_what_was_written_before_the_question_opened_proves_nothing() -> None:
    """The brief was filled in on the page that the payment returned to; no mail has ever arrived."""
    play, brief = begin(Kind.BRIEF)
    record(play.ports, event(play, brief))
    mark_posted(play.ports, brief)
    play.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])
    for kind, choice in ((Kind.PROPOSAL, Choice.ACCEPTED), (Kind.WORK, Choice.DELIVER), (Kind.REVIEW, Choice.APPROVE)):
        play.open(kind)
        play.answer(kind, choice, files=[])
    gate = play.open(Kind.ACCEPTANCE)
    go_to(play, over(gate) + timedelta(days=1))
    assert play.read(gate.id).status is Status.OPEN


# Events of the post ---------------------------------------------------------------------------------------------------


def test_a_bounce_is_kept_by_address_however_it_is_written_and_names_nobody() -> None:
    """Found by a consistent read; the row itself can be shown to anybody."""
    play, gate = begin(Kind.BRIEF)
    record(play.ports, event(play, gate))
    row = play.ports.store.get(bounce_key("  Marie@GMAIL.com "))
    assert row is not None
    assert "marie" not in str(row).lower()
    assert address_hash("marie@gmail.com") != address_hash("marie@gmail.fr")


@pytest.mark.parametrize(
    "changed",
    [
        {"bounce": {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": "marie@gmail.com"}]}},
        {"bounce": {"bounceType": "Undetermined", "bouncedRecipients": [{"emailAddress": "marie@gmail.com"}]}},
        {"bounce": ["Permanent"]},
        {"eventType": "Delivery"},
        {"eventType": ["Bounce"]},
        {"eventType": None},
    ],
)
def test_what_is_no_lasting_bounce_changes_nothing(changed: Mapping[str, Any]) -> None:
    """A full mailbox is not a dead one; other events and other shapes are not ours."""
    play, gate = begin(Kind.BRIEF)
    before = dict(play.ports.store.rows)  # type: ignore[attr-defined]
    record(play.ports, event(play, gate) | changed)
    assert play.ports.store.rows == before  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "mail", [None, "marie@gmail.com", {}, {"destination": "marie@gmail.com"}, {"destination": [7, None, "nobody"]}]
)
def test_a_bounce_of_nobody_goes_to_the_dead_letters(mail: object) -> None:
    """A shape that changed is looked at, never swallowed (failures 10); nothing is written."""
    play, gate = begin(Kind.BRIEF)
    before = dict(play.ports.store.rows)  # type: ignore[attr-defined]
    with pytest.raises(BounceUnreadableError):
        record(play.ports, event(play, gate, bounce={"bounceType": "Permanent"}, mail=mail))
    assert play.ports.store.rows == before  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "tags", [None, [], {"order": "x", "gate": 3}, {"order": ["x"], "gate": ["../.."]}, {"order": ["no"], "gate": []}]
)
def test_a_bounce_that_names_no_gate_is_kept_all_the_same(tags: object) -> None:
    """Tags only make the clock look sooner."""
    play, gate = begin(Kind.BRIEF)
    record(play.ports, event(play, gate, mail={"destination": ["marie@gmail.com"], "tags": tags}))
    assert play.ports.store.get(bounce_key("marie@gmail.com")) is not None


def test_a_complaint_is_kept_like_a_bounce() -> None:
    """SES sends nothing more to whoever called a mail spam, so nothing more arrives."""
    play, gate = begin(Kind.BRIEF)
    complaint = {"complainedRecipients": [{"emailAddress": "Marie <marie@gmail.com>"}]}
    record(play.ports, event(play, gate, eventType="Complaint", complaint=complaint))
    row = play.ports.store.get(bounce_key("marie@gmail.com"))
    assert row is not None
    assert row["kind"] == "complaint"


def test_a_bounce_told_again_and_again_is_one() -> None:
    """EventBridge delivers at least once; the seller hears of it once."""
    play, gate = begin(Kind.BRIEF)
    for _ in range(3):
        record(play.ports, event(play, gate))
        play.ports.at += timedelta(minutes=1)
        tick(play.ports, (due_shard(play.id),))
    assert len(told(play, "unreached")) == 1
    assert play.ports.counter.counts[Metric.MAIL_BOUNCED] == 1
    assert told(play, "brief.reminder") == []


def test_a_late_bounce_of_the_old_address_hinders_nobody() -> None:
    """The corrected address was mailed; news of the old one makes the clock look, which sends and decides nothing."""
    play, gate = begin(Kind.BRIEF)
    late = event(play, gate)
    correct_address(play.ports, play.order, "marie@orange.fr")
    sent = len(play.ports.mailer.letters)
    record(play.ports, late)
    play.ports.at += timedelta(minutes=1)
    tick(play.ports, (due_shard(play.id),))
    assert len(play.ports.mailer.letters) == sent
    asked = play.read(gate.id)
    go_to(play, over(asked))
    assert play.read(gate.id).status is Status.ANSWERED


def test_a_bounce_after_the_answer_changes_nothing() -> None:
    """Whoever answered was reached."""
    play, gate = begin(Kind.BRIEF)
    late = event(play, gate)
    play.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])
    before = play.ports.store.get(gate_key(play.id, str(gate.id)))
    record(play.ports, late)
    assert play.ports.store.get(gate_key(play.id, str(gate.id))) == before


@pytest.mark.parametrize("when", ["between sending and marking", "before sending"])
def test_a_bounce_that_overtakes_our_mark_is_seen(play: Play, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """SES may answer faster than we write: the clock looks at once, not at the first reminder."""
    sending = play.ports.mailer.send
    back = {
        "eventType": "Bounce",
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": []},
        "mail": {"destination": ["marie@gmail.com"], "tags": {"order": ["000000000001"], "gate": ["00-brief-0001"]}},
    }

    def send(letter: LetterView) -> None:
        sending(letter)
        if letter.key == "brief" and when != "before sending":
            record(play.ports, back)

    if when == "before sending":
        record(play.ports, back)
    monkeypatch.setattr(play.ports.mailer, "send", send)
    gate = play.until(Kind.BRIEF)
    assert play.id == "000000000001"
    assert play.read(gate.id).due == play.ports.now()
    tick(play.ports, (due_shard(play.id),))
    assert len(told(play, "unreached")) == 1


def test_an_address_corrected_while_its_mail_was_on_the_way_is_mailed(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark of the mail to the old address must not stand for the one to the new."""
    sending = play.ports.mailer.send

    def send(letter: LetterView) -> None:
        sending(letter)
        if letter.to == "marie@gmail.com" and letter.key == "brief":
            head = Change(order_key(play.id), put={"client_email": "marie@orange.fr", "link_version": 2})
            play.ports.store.write(head)

    monkeypatch.setattr(play.ports.mailer, "send", send)
    play.until(Kind.BRIEF)
    tick(play.ports, (due_shard(play.id),))
    assert [letter.to for letter in told(play, "brief")] == ["marie@gmail.com", "marie@orange.fr"]


# What is owed (workflow section 4) ------------------------------------------------------------------------------------


class Post:
    """A post that takes no mail until it is told otherwise; what it was asked is counted."""

    def __init__(self, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tries: list[datetime] = []
        self.closed = True
        sending = play.ports.mailer.send

        def send(letter: LetterView) -> None:
            if self.closed and letter.role is not Role.SELLER:
                self.tries.append(play.ports.now())
                raise MailRefusedError("Throttling")
            sending(letter)

        monkeypatch.setattr(play.ports.mailer, "send", send)


def test_a_mail_that_is_owed_is_tried_ten_times_ever_more_rarely_then_parked(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ops are alarmed, the seller is told once; then the clock tries once a working day: nothing is given up."""
    post = Post(play, monkeypatch)
    gate = play.until(Kind.BRIEF)
    go_to(play, play.ports.at + timedelta(hours=9))
    waits = [(b - a) // timedelta(minutes=1) for a, b in zip(post.tries, post.tries[1:], strict=False)]
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert play.ports.counter.counts[Metric.OWED_PARKED] == 1
    assert len(told(play, "unreached")) == 1
    go_to(play, play.ports.at + timedelta(days=7))
    assert 4 <= len(post.tries) - 11 <= 7
    assert len(told(play, "unreached")) == 1
    post.closed = False
    go_to(play, play.ports.at + timedelta(days=4))
    asked = play.read(gate.id)
    assert asked.mailed
    assert asked.status is Status.OPEN
    assert len(told(play, "brief")) == 1


def test_news_that_the_post_refuses_is_parked_after_ten_tries_and_never_given_up(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to a question: an alarm once it was tried ten times, then one try a working day, until it is taken."""
    work = play.until(Kind.WORK)
    gate = ask(play.ports, Question(work, "texts/question", "0123456789abcdef", stops=False))
    assert gate is not None
    post = Post(play, monkeypatch)
    play.ports.files.put_text("texts/answer", "Oui.")
    seen = read_situation(play.ports, play.id, "01")
    door.answer(play.ports, seen, gate, Answer(Choice.ANSWER, "seller", Via.LINK, "texts/answer"))
    go_to(play, play.ports.at + timedelta(hours=9))
    assert play.read(gate.id).owes == {Owed.MAIL: 10}
    assert play.ports.counter.counts[Metric.OWED_PARKED] == 1
    go_to(play, play.ports.at + timedelta(days=3))
    assert 11 <= play.read(gate.id).owes[Owed.MAIL] <= 13
    post.closed = False
    go_to(play, play.ports.at + timedelta(days=4))
    assert play.read(gate.id).owes == {}
    assert len(told(play, "answer")) == 1


def test_a_mail_that_left_long_after_its_question_gives_the_whole_time(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight working hours to answer begin when the proposal leaves, not when it was refused by the post."""
    post = Post(play, monkeypatch)
    post.closed = False
    play.until(Kind.BRIEF)
    play.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])
    post.closed = True
    gate = play.open(Kind.PROPOSAL)
    assert gate.deadline is not None
    go_to(play, gate.deadline + timedelta(days=1))
    post.closed = False
    go_to(play, gate.deadline + timedelta(days=3))
    asked = play.read(gate.id)
    (letter,) = told(play, "proposal")
    assert letter.gate is not None
    assert letter.gate.deadline == asked.deadline
    assert asked.deadline is not None
    assert asked.deadline > gate.deadline + timedelta(days=1)


def test_an_opening_mail_is_sent_then_marked_and_a_crash_between_repeats_it_identical(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Better twice than never, and the second says word for word the same, with the same link (failures 31)."""
    writing = play.ports.store.write

    def crash(*writes: Any) -> None:
        if any(isinstance(one, Change) and one.put.get("mailed") for one in writes):
            raise SystemExit
        writing(*writes)

    monkeypatch.setattr(play.ports.store, "write", crash)
    with pytest.raises(SystemExit):
        play.until(Kind.BRIEF)
    monkeypatch.setattr(play.ports.store, "write", writing)
    go_to(play, play.ports.at + timedelta(minutes=2))
    first, again = (write(letter) for letter in told(play, "brief"))
    assert first == again
    assert play.gate(Kind.BRIEF).mailed


def test_a_reminder_is_claimed_then_sent_and_never_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between loses it, which is better than two; two ticks at once send one."""
    play, gate = begin(Kind.BRIEF)
    sending = play.ports.mailer.send

    def crash(letter: LetterView) -> None:
        if letter.key == "brief.reminder":
            assert play.read(gate.id).due != gate.due
            raise OSError
        sending(letter)

    monkeypatch.setattr(play.ports.mailer, "send", crash)
    play.ports.at = gate.reminders[0]
    tick(play.ports, (due_shard(play.id),))
    monkeypatch.setattr(play.ports.mailer, "send", sending)
    go_to(play, gate.reminders[1] - timedelta(minutes=1))
    assert told(play, "brief.reminder") == []
    play.ports.store.freeze_indexes()  # type: ignore[attr-defined]
    play.ports.at = gate.reminders[1]
    tick(play.ports, (due_shard(play.id),))
    tick(play.ports, (due_shard(play.id),))
    assert len(told(play, "brief.reminder")) == 1


@pytest.mark.parametrize("error", [OSError, MailRefusedError("the post is closed")])
def test_the_news_that_somebody_is_late_outlives_the_clock_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Minutes later, not on the next working day; at a gate whose silence an older definition cannot route."""
    play, gate = begin(Kind.ACCEPTANCE)
    play.ports.store.write(Change(gate_key(play.id, str(gate.id)), put={"default": "stay"}))
    sending = play.ports.mailer.send

    def crash(letter: LetterView) -> None:
        if letter.key == "late":
            raise error
        sending(letter)

    monkeypatch.setattr(play.ports.mailer, "send", crash)
    go_to(play, over(gate))
    monkeypatch.setattr(play.ports.mailer, "send", sending)
    go_to(play, over(gate) + timedelta(minutes=5))
    assert len(told(play, "late")) == 1


@pytest.mark.parametrize("kind", [Kind.BRIEF, Kind.WORK, Kind.REVIEW, Kind.ACCEPTANCE])
def test_no_reminder_leaves_outside_its_readers_hours(kind: Kind) -> None:
    """A clock that stood still from before a reminder until the night sends it in the morning (people section 1)."""
    play, gate = begin(kind)
    calendar = play.situation(kind).shop.calendar
    night = gate.reminders[0].replace(hour=23)
    before = len(play.ports.mailer.letters)
    play.ports.at = night
    tick(play.ports, (due_shard(play.id),))
    assert len(play.ports.mailer.letters) == before
    go_to(
        play, over(gate) - timedelta(seconds=1) if gate.deadline and over(gate) > night else night + timedelta(days=1)
    )
    for letter in play.ports.mailer.letters[before:]:
        assert within_working_hours(letter.frame.now, calendar) or within_working_hours(
            letter.frame.now - timedelta(minutes=15), calendar
        )


def test_who_is_late_is_reminded_within_their_hours() -> None:
    """Deadlines end with the working day and are looked at minutes later; a tick of the night waits for the morning."""
    play, gate = begin(Kind.WORK)
    assert gate.deadline is not None
    before = len(play.ports.mailer.letters)
    play.ports.at = gate.deadline + timedelta(hours=5)
    tick(play.ports, (due_shard(play.id),))
    late = [one.key for one in play.ports.mailer.letters[before:] if one.key == "work.reminder"]
    assert late == []
    go_to(play, gate.deadline + timedelta(days=1))
    assert "work_late" in [one.key for one in play.ports.mailer.letters[before:]]


def test_a_default_gets_up_to_ten_minutes_of_jitter_and_what_is_printed_none() -> None:
    """A thousand deadlines at 18:00 are not one instant, and nobody reads 18:07 (workflow section 4)."""
    play, gate = begin(Kind.ACCEPTANCE)
    assert gate.deadline is not None
    assert (gate.deadline.minute, gate.deadline.second) == (0, 0)
    assert timedelta() < over(gate) - gate.deadline < timedelta(minutes=10)
    go_to(play, over(gate) - timedelta(seconds=1))
    assert play.read(gate.id).status is Status.OPEN
    assert "18\u00a0h" in write(told(play, "acceptance")[0]).text
    go_to(play, over(gate))
    assert play.read(gate.id).status is Status.ANSWERED


def test_a_default_is_bound_to_the_due_it_was_read_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline moved a second ago is safe, though the index still nominates the row."""
    play, gate = begin(Kind.ACCEPTANCE)
    play.ports.at = over(gate)
    reading = play.ports.store.get_many

    def moved(keys: Any) -> Any:
        monkeypatch.setattr(play.ports.store, "get_many", reading)
        due = (over(gate) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        play.ports.store.write(Change(gate_key(play.id, str(gate.id)), put={"due": due}))
        return reading(keys)

    monkeypatch.setattr(play.ports.store, "get_many", moved)
    tick(play.ports, (due_shard(play.id),))
    assert play.read(gate.id).status is Status.OPEN


def test_the_mails_of_an_orders_end_are_claimed_with_a_growing_pause_and_parked(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are owed on the order's head like all else."""
    play.until_payout()
    play.walk(Kind.PAYOUT)
    post = Post(play, monkeypatch)
    with pytest.raises(MailRefusedError):
        close(play.ports, play.id, play.order.run)
    go_to(play, play.ports.at + timedelta(hours=9))
    waits = [(b - a) // timedelta(minutes=1) for a, b in zip(post.tries, post.tries[1:], strict=False)]
    assert waits[:6] == [2, 4, 8, 16, 32, 60]
    assert play.ports.counter.counts[Metric.OWED_PARKED] >= 1
    post.closed = False
    go_to(play, play.ports.at + timedelta(hours=2))
    assert len(told(play, "completed")) == 1


def test_a_corrected_address_is_owed_its_link_where_nothing_is_asked(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The post may be closed for a while: the only link that still works must arrive."""
    play.until(Kind.WORK)
    post = Post(play, monkeypatch)
    correct_address(play.ports, play.order, "marie@orange.fr")
    assert play.order.owes_address == 0
    post.closed = False
    go_to(play, play.ports.at + timedelta(minutes=2))
    (letter,) = told(play, "address")
    assert letter.to == "marie@orange.fr"
    assert letter.link is not None
    assert letter.link in write(letter).text
    assert play.order.owes_address is None
    go_to(play, play.ports.at + timedelta(hours=3))
    assert len(told(play, "address")) == 1


def test_a_fee_that_stripe_does_not_tell_is_asked_for_ever_more_seldom() -> None:
    """An outage of days would be three hundred calls a day for each order; the fee only has to be booked some time."""
    play, _ = begin(Kind.WORK)
    play.ports.store.write(
        Change(order_key(play.id), put={"owes_fee": "ch_unknown", "due": stamp(play.ports.at + timedelta(minutes=2))})
    )
    before = len(play.ports.background.acts)
    go_to(play, play.ports.at + timedelta(days=2))
    asked = [owed for _, owed in play.ports.background.acts[before:] if owed == Owed.FEE.value]
    assert 6 <= len(asked) <= 40


# Numbers of failures.md section 8 -------------------------------------------------------------------------------------


def test_failure_25_a_decision_whose_resume_was_lost_is_sent_again_until_the_next_gate_exists() -> None:
    """Neither SendTask's yes nor a token that timed out ends it: with the newest token, after 2, 4 and 8 minutes."""
    play, gate = begin(Kind.BRIEF)
    sent = len(play.ports.machine.sent)
    play.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])
    began = play.ports.at
    go_to(play, began + timedelta(minutes=7))
    assert len(play.ports.machine.sent) == sent + 3
    play.open(Kind.PROPOSAL)
    after = len(play.ports.machine.sent)
    go_to(play, began + timedelta(hours=1))
    assert len(play.ports.machine.sent) == after
    assert play.read(gate.id).owes == {}


def test_failure_26_the_token_is_stored_before_the_mail_leaves(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may answer within the second that the mail takes."""
    seen: list[bool] = []
    sending = play.ports.mailer.send

    def send(letter: LetterView) -> None:
        seen.append(bool(play.ports.store.query(f"O#{play.id}", "T#")))
        sending(letter)

    monkeypatch.setattr(play.ports.mailer, "send", send)
    play.until(Kind.BRIEF)
    assert seen == [True]


def test_failure_27_a_retried_state_keeps_the_mailed_link_and_answers_the_newest_token() -> None:
    """The link carries the gate, not the attempt: the mail is not sent again, the fresh token gets the answer."""
    play, gate = begin(Kind.BRIEF)
    play.walk(Kind.BRIEF)
    assert len(told(play, "brief")) == 1
    link = told(play, "brief")[0].link
    play.answer(Kind.BRIEF, Choice.HAND_IN, text="texts/brief", files=[])
    token, _ = play.ports.machine.sent[-1]
    assert token == f"token-{play.id}-2"
    assert link is not None
    assert play.read(gate.id).link_version == gate.link_version


def test_every_kind_with_a_default_for_a_person_is_held_to_the_promise() -> None:
    """A new kind of gate whose silence decides needs its case above."""
    found = {case.gate.id.kind for case in cases() if person_owned(case.gate) and default_choice(case.gate)}
    assert found == set(WITH_DEFAULT)
