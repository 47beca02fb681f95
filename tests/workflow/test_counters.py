"""Counter-proposals as their people live them: "yes, but" within the band, beyond it, and what becomes of both.

Design: people sections 5 and 6 C, workflow section 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from devstack.simulation.pages import Form, Page
from devstack.simulation.world import World, world_in_memory
from devstack.stripe_sandbox.payments import top_up
from relais import ledger
from relais.calendar import working_time
from relais.cli.waits import of_gate
from relais.gate import AlreadyAnsweredError, Choice, Gate, Kind, Role, Status, Via
from relais.offer import RefundCause
from relais.order import OrderStage
from relais.rows import Change, freelancer_key, offer_key
from relais.steps.counters import Counter, Terms, ask_seller, take
from relais.steps.decisions import Answer
from relais.steps.door import answer
from relais.steps.interrupt import cancel
from relais.steps.links import freelancer_link, gate_link
from relais.steps.situation import read_freelancer, read_gate, read_shop, read_situation
from tests.support.gates import ask
from tests.support.journey import Journey
from tests.workflow.cascades import in_hand, proposals, to_two_at_once
from tests.workflow.scenarios import SELLER, finish
from tests.workflow.test_lateness import MAKER, MARIE, sides, since
from tests.workflow.ways_out import assert_given_back

WHY = "Deux pistes de plus à dessiner."
PROPOSED, WITHIN, BEYOND = 13_000, 14_000, 16_000
"""The rate of whoever is asked first, and what ten percent more allows or not, in minor units."""


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def page_of(journey: Journey, gate: Gate) -> Page:
    """The page of a gate."""
    return journey.world.get(gate_link(journey.world.ports, journey.order, gate))


def bargain(journey: Journey, gate: Gate | None = None) -> Form:
    """The form of a counter-proposal on the page of an open proposal."""
    page = page_of(journey, gate or journey.open_gate)
    return next(form for form in page.forms if form.fields.get("ask") == "counter")


def but(journey: Journey, amount: str = "", until: str = "", note: str = WHY, gate: Gate | None = None) -> Page:
    """Say "yes, but"."""
    return journey.world.send(bargain(journey, gate), amount=amount, until=until, note=note)


def countered(world: World, amount: str = "160.00", until: str = "") -> Journey:
    """A counter-proposal beyond the band waits for the seller."""
    journey = Journey(world).to_assign()
    assert but(journey, amount, until).status == 303
    assert [one.status for one in sides(journey, Kind.COUNTER)] == [Status.OPEN]
    return journey


def counter(journey: Journey) -> Gate:
    """The last counter-proposal."""
    return sides(journey, Kind.COUNTER)[-1]


def offered(journey: Journey) -> datetime:
    """The working deadline that the first proposal names."""
    first = next(gate for gate in journey.gates if gate.id.kind is Kind.PROPOSAL)
    return datetime.fromisoformat(first.shown["deadline"])


def later(journey: Journey, before: datetime) -> int:
    """By how many working hours the proposal's deadline has moved; one at a closing may stand on either side of it."""
    now, calendar = journey.open_gate.deadline, read_shop(journey.world.ports.store)[0].calendar
    assert now is not None
    return round(working_time(before, now, calendar) / timedelta(hours=1))


def scored(world: World, journey: Journey, key: str = "ines-moreau") -> list[tuple[str, int]]:
    """What this order changed of somebody's scores: why, and what was seen."""
    rows = [row for row in world.rows(f"F#{key}") if row["sk"].startswith("S#") and journey.id in row["sk"]]
    return [(row["cause"], row["value"]) for row in rows]


def local(at: datetime, hour: int) -> str:
    """A moment of the day of `at` as a browser sends it."""
    return f"{at:%Y-%m-%d}T{hour:02d}:00"


# Within the band ----------------------------------------------------------------------------------------------------


def test_within_the_band_the_work_is_theirs_at_once_on_their_terms(world: World) -> None:
    """One transaction: engagement at the agreed pay, the counter kept as evidence; nobody else is asked anything."""
    journey = Journey(world).to_assign()
    before, promised = len(world.mails), journey.order.promised
    sent = but(journey, "140,00")
    assert sent.status == 303
    assert (journey.stage, journey.order.promised) == ("work", promised)
    engaged = journey.milestone.engagement
    assert (engaged.freelancer, engaged.agreed, engaged.deadline) == ("ines-moreau", WITHIN, offered(journey))
    assert journey.milestone.left_to_send == WITHIN
    kept = counter(journey)
    assert kept.decision is not None
    assert (kept.status, kept.decision.choice, kept.decision.by) == (Status.ANSWERED, Choice.ACCEPT, "engine")
    assert world.ports.files.get_text(kept.shown["text"]) == WHY
    assert (kept.owes, kept.due) == ({}, None)
    assert since(world, before, SELLER) == since(world, before, MARIE) == []
    told = since(world, before, MAKER)
    assert len([one for one in told if "C’est d’accord" in one and "140" in one]) == 1
    assert len(told) == 2  # and the page of the work
    shown = world.get(sent.location).text.replace("\u00a0", " ")
    assert "engagé pour 140 €" in shown
    assert [cause for cause, _ in scored(world, journey)] == ["accepted"]


def test_the_pay_that_leaves_is_the_pay_that_was_agreed(world: World) -> None:
    """To the cent, and the books balance."""
    journey = Journey(world).to_assign()
    but(journey, "142.99")
    finish(journey)
    assert [one["amount"] for one in world.transfers()] == [14_299]
    assert (journey.milestone.sent, journey.milestone.left_to_send, journey.order.borne) == (14_299, 0, 0)
    entries, unreadable = ledger.read(journey.entries())
    assert not unreadable
    assert not list(ledger.check(entries, now=world.now(), ended=frozenset({journey.id})))


def test_a_later_date_within_the_band_leaves_the_least_reserve(world: World) -> None:
    """Working deadline and gate say the new date; the client's stays, with four working hours to review."""
    journey = Journey(world).to_assign()
    promised = journey.order.promised
    assert promised is not None
    but(journey, until=local(promised, 12))
    engaged = journey.milestone.engagement
    assert (engaged.agreed, f"{engaged.deadline:%H:%M}") == (PROPOSED, "11:00")  # noon in Paris
    assert journey.open_gate.deadline == engaged.deadline > offered(journey)
    calendar = read_shop(world.ports.store)[0].calendar
    assert working_time(engaged.deadline, promised, calendar) >= timedelta(hours=4)
    assert journey.order.promised == promised


@pytest.mark.parametrize(
    ("amount", "hour"),
    [("143.01", 0), ("", 15), ("140.00", 15), ("160.00", 12)],
    ids=["more than ten percent", "less than the reserve", "the date alone is beyond", "the pay alone is beyond"],
)
def test_beyond_the_band_the_seller_is_asked(world: World, amount: str, hour: int) -> None:
    """Both, or either: what a rule may not give is no rule's to give."""
    journey = Journey(world).to_assign()
    promised = journey.order.promised
    assert promised is not None
    before = len(world.mails)
    but(journey, amount, local(promised, hour) if hour else "")
    assert (journey.stage, counter(journey).status) == ("assign", Status.OPEN)
    assert len(since(world, before, SELLER)) == 1
    assert since(world, before, MAKER) == []


@pytest.mark.parametrize(
    "change",
    [
        {"counter_pay": 0},
        {"counter_pay": 50, "speed_bonus": {"hours": 4, "amount": 8_000}},
        {"counter_pay": 50, "price": 19_000},
    ],
    ids=["no band", "the bonus eats the margin", "refunds would not be borne"],
)
def test_without_a_band_or_margin_nothing_is_taken_by_rule(world: World, change: dict[str, object]) -> None:
    """The frozen policy decides, and never below what `relais catalog check` asks of a price."""
    journey = Journey(world).to_assign()
    key = offer_key("logo", journey.order.offer_version)
    row = world.row(key)
    price = change.pop("price", None)
    world.ports.store.write(Change(key, put={"policy": {**row["policy"], **change}}))
    if price is not None:
        world.ports.store.write(Change(journey.head, put={"price": price, "paid": price}))
    but(journey, "140.00")
    assert (journey.stage, counter(journey).status) == ("assign", Status.OPEN)


def test_less_pay_or_an_earlier_date_is_taken_without_any_band(world: World) -> None:
    """It is no worse than what was offered: nobody has to think about it."""
    journey = Journey(world).to_assign()
    key = offer_key("logo", journey.order.offer_version)
    world.ports.store.write(Change(key, put={"policy": {**world.row(key)["policy"], "counter_pay": 0}}))
    earlier = offered(journey) - timedelta(days=1)
    but(journey, "120.00", f"{earlier:%Y-%m-%d}")
    engaged = journey.milestone.engagement
    assert (journey.stage, engaged.agreed, f"{engaged.deadline:%Y-%m-%d}") == ("work", 12_000, f"{earlier:%Y-%m-%d}")


# The seller's answer ------------------------------------------------------------------------------------------------


def test_the_seller_reads_who_asks_what_and_what_is_left(world: World) -> None:
    """In the mail and on the page: the name, offered and asked, the reason, the margin after it, the client's date."""
    journey = Journey(world).to_assign()
    before = len(world.mails)
    but(journey, "160.00")
    (mail,) = [mail for mail in world.mails[before:] if mail.to == SELLER]
    shown = world.get(world.link("counter", journey.id)).text
    for said in (mail.body, shown):
        plain = said.replace("\u00a0", " ")
        for fact in ("Inès Moreau", "130 €", "160 €", "Deux pistes de plus", "125,40 €"):  # 290 less 4.60 and 160
            assert fact in plain, fact
    assert "160" in mail.subject
    asked = counter(journey)
    assert (asked.role.value, asked.default.value, asked.beside) == ("seller", "refuse", str(journey.open_gate.id))
    assert asked.deadline is not None
    assert asked.deadline - asked.opened == timedelta(hours=4)
    assert len(asked.reminders) == 1


def test_the_sellers_yes_binds_the_freelancer_on_what_they_asked(world: World) -> None:
    """The proposal, the engagement and the place in one transaction with the answer; the pay is what was agreed."""
    journey = countered(world)
    before, promised = len(world.mails), journey.order.promised
    journey.answer("counter", "accept")
    assert journey.stage == "work"
    assert (journey.milestone.engagement.agreed, in_hand(world)) == (BEYOND, {"ines-moreau": 1})
    assert journey.order.promised == promised
    assert [one for one in since(world, before, MAKER) if "C’est d’accord" in one and "160" in one]
    assert "engagé pour 160" in world.get(world.link("proposal", journey.id)).text
    assert "C’est d’accord" in world.get(world.link("counter", journey.id)).text
    assert [cause for cause, _ in scored(world, journey)] == ["accepted"]
    finish(journey)
    assert [one["amount"] for one in world.transfers()] == [BEYOND]


def test_the_sellers_no_leaves_the_proposal_with_time_to_take_it(world: World) -> None:
    """As it stands: the pay of the proposal, and the freelancer's clock later by what it stood still, at least."""
    journey = countered(world)
    before, deadline = len(world.mails), journey.open_gate.deadline
    assert deadline is not None
    world.pass_time(hours=1)
    journey.answer("counter", "refuse", "Le prix est déjà serré.")
    proposal = journey.open_gate
    assert (proposal.id.kind, later(journey, deadline)) == (Kind.PROPOSAL, 1)
    (mail,) = [mail for mail in world.mails[before:] if mail.to == MAKER]
    assert "tient toujours" in mail.subject
    assert "Le prix est déjà serré." in mail.body
    shown = page_of(journey, proposal).text
    assert "n’est pas retenue" in shown
    journey.answer("proposal", "accepted")
    assert (journey.stage, journey.milestone.engagement.agreed) == ("work", PROPOSED)


def test_the_freelancers_own_page_says_what_waits(world: World) -> None:
    """What they asked for and until when it is answered; no deadline of theirs runs meanwhile."""
    journey = Journey(world).to_assign()
    (proposal,) = [gate for gate in journey.gates if gate.id.kind is Kind.PROPOSAL]
    own = freelancer_link(world.ports, read_freelancer(world.ports.store, proposal.owner))
    assert "Contre-proposition envoyée" not in world.get(own).text
    ask(journey, "counter", page="proposal", amount="160.00")
    shown = world.get(own).text.replace("\u00a0", " ")
    assert "Contre-proposition envoyée (160 €" in shown


def test_silence_is_a_no_and_stays_within_its_own_clock(world: World) -> None:
    """Four working hours of the seller's, reminded once; the client does not wait for ever."""
    journey = countered(world)
    before, asked = len(world.mails), counter(journey)
    assert asked.deadline is not None
    world.go_to(asked.deadline + timedelta(minutes=11))
    (decided,) = sides(journey, Kind.COUNTER)
    assert decided.decision is not None
    assert (decided.decision.choice, decided.decision.via) == (Choice.REFUSE, Via.CLOCK)
    assert len(since(world, before, SELLER)) == 1
    assert [one for one in since(world, before, MAKER) if "tient toujours" in one]
    assert journey.open_gate.status is Status.OPEN


def test_the_wait_is_a_contract_that_can_be_listed(world: World) -> None:
    """Promise 3: who acts, for whom, until when, with which reminder, and what silence means."""
    asked = counter(countered(world))
    wait = of_gate(asked, world.now())
    assert (wait.who, wait.until, len(wait.reminders)) == (Role.SELLER, asked.deadline, 1)
    assert wait.waiting == (Role.CLIENT, Role.FREELANCER)
    assert "stays as it is" in wait.otherwise


def test_a_proposal_never_lapses_while_its_counter_waits_for_us(world: World) -> None:
    """Who answered in time is not late because the seller is; afterwards two working hours are left at the least."""
    journey = Journey(world).to_assign()
    proposal = journey.open_gate
    assert proposal.deadline is not None
    world.go_to(proposal.deadline - timedelta(minutes=5))
    but(journey, "160.00")
    world.go_to(proposal.deadline + timedelta(hours=1))
    assert (journey.open_gate.id, counter(journey).status) == (proposal.id, Status.OPEN)
    journey.answer("counter", "refuse")
    after = journey.open_gate.deadline
    assert after is not None
    calendar = read_shop(world.ports.store)[0].calendar
    assert working_time(world.now(), after, calendar) > timedelta(hours=2) - timedelta(seconds=1)


def test_whoever_said_yes_but_has_answered_even_if_silent_after_a_no(world: World) -> None:
    """Nobody's score suffers from a counter-proposal: the next is asked, and silence does not count."""
    journey = countered(world)
    journey.answer("counter", "refuse")
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline + timedelta(minutes=11))
    assert journey.open_gate.owner != "ines-moreau"
    (event,) = scored(world, journey)
    assert event == ("declined", 100)
    first = next(gate for gate in journey.gates if gate.owner == "ines-moreau")
    assert "aucun effet sur votre note" in page_of(journey, first).text
    journey.answer("proposal", "again")
    assert "Inès Moreau : a dit « oui, mais… »" in page_of(journey, journey.open_gate).text.replace("\u00a0", " ")


def test_the_seller_is_asked_once_about_a_proposal(world: World) -> None:
    """No haggling at the client's expense: after a no only what a rule takes is taken, and that still is."""
    journey = countered(world)
    journey.answer("counter", "refuse")
    again = but(journey, "150.00")
    assert again.status == 422
    assert "petite différence" in again.text
    assert len(sides(journey, Kind.COUNTER)) == 1
    but(journey, "143.00")
    assert (journey.stage, journey.milestone.engagement.agreed) == ("work", 14_300)


def test_a_loss_is_the_sellers_to_decide_and_named(world: World) -> None:
    """Promise 7: a person may; the page says so, and the books name who bears it."""
    top_up(world.sandbox.platform, 100_000)
    journey = countered(world, "350.00")
    assert "perd de l’argent" in world.get(world.link("counter", journey.id)).text
    journey.answer("counter", "accept")
    finish(journey)
    assert (journey.milestone.sent, journey.order.borne) == (35_000, 6_000)


# Meanwhile ----------------------------------------------------------------------------------------------------------


def test_the_page_says_what_was_sent_and_until_when(world: World) -> None:
    """And that the time to answer stands still; the form is there no more, the two answers are."""
    journey = countered(world)
    page = page_of(journey, journey.open_gate)
    assert "Contre-proposition envoyée (160" in page.text
    assert "suspendu" in page.text
    assert "amount" not in bargain(journey).names
    assert page.form("choice").choices["choice"] == ["accepted", "again"]


@pytest.mark.parametrize(("choice", "stage"), [("accepted", "work"), ("again", "assign")])
def test_taking_or_declining_what_stands_ends_the_counter(world: World, choice: str, stage: str) -> None:
    """The proposal was never closed: the seller's link says that nothing is asked any more."""
    journey = countered(world)
    form = journey.form("counter")
    journey.answer("proposal", choice)
    assert (journey.stage, counter(journey).status) == (stage, Status.WITHDRAWN)
    assert "n’est plus posée" in world.send(form, choice="accept", note="").text
    if stage == "work":
        assert journey.milestone.engagement.agreed == PROPOSED
    else:
        assert journey.open_gate.owner != "ines-moreau"


def test_a_counter_is_taken_back_and_may_be_made_anew(world: World) -> None:
    """By a tick and a press: the proposal goes on, later by what it stood still; three times at most."""
    journey = countered(world)
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.pass_time(hours=2)
    unticked = world.send(bargain(journey))
    assert (unticked.status, counter(journey).status) == (422, Status.OPEN)  # a scanner chose nothing
    for _ in range(3):
        assert world.send(bargain(journey), sure="yes").status == 303
        assert counter(journey).status is Status.WITHDRAWN
        again = but(journey, "160.00")
    assert again.status == 422
    assert len(sides(journey, Kind.COUNTER)) == 3
    assert later(journey, deadline) == 2
    journey.answer("proposal", "accepted")
    assert journey.milestone.engagement.agreed == PROPOSED


def test_a_cancelled_order_ends_its_counter(world: World) -> None:
    """The seller is asked nothing any more; the freelancer is told, and the place is free."""
    journey = countered(world)
    before = len(world.mails)
    cancel(world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="a reason")
    world.settle()
    assert counter(journey).status is Status.WITHDRAWN
    assert len(since(world, before, MAKER)) == 1
    assert in_hand(world) == {}
    assert_given_back(journey)


def test_the_place_in_their_hands_stays_reserved(world: World) -> None:
    """Who bargains about one order is not asked for another beyond what they can take."""
    world.ports.store.write(Change(freelancer_key("ines-moreau"), put={"capacity": 1}))
    journey = countered(world)
    assert in_hand(world) == {"ines-moreau": 1}
    assert Journey(world).to_assign().open_gate.owner != "ines-moreau"
    journey.answer("counter", "accept")
    assert in_hand(world)["ines-moreau"] == 1


# Two at once --------------------------------------------------------------------------------------------------------


def test_two_counters_at_once_and_the_first_yes_wins(world: World) -> None:
    """The other freelancer is told that somebody was faster, and the other question is gone."""
    journey = to_two_at_once(world)
    first, second = proposals(journey)
    for gate in (first, second):
        assert but(journey, "200.00", gate=gate).status == 303
    one, other = sides(journey, Kind.COUNTER)
    assert (one.status, other.status) == (Status.OPEN, Status.OPEN)
    forms = [world.get(gate_link(world.ports, journey.order, gate)).form("choice") for gate in (one, other)]
    before = len(world.mails)
    assert world.send(forms[1], choice="accept", note="").status == 303
    assert journey.stage == "work"
    assert (journey.milestone.engagement.freelancer, journey.milestone.engagement.agreed) == (second.owner, 20_000)
    assert [gate.status for gate in sides(journey, Kind.COUNTER)] == [Status.WITHDRAWN, Status.ANSWERED]
    assert in_hand(world) == {second.owner: 1}
    told = [mail.subject for mail in world.mails[before:] if mail.to == f"{first.owner}@roster.example"]
    assert len(told) == 1
    assert "quelqu’un a répondu avant vous" in told[0]
    assert "n’est plus posée" in world.send(forms[0], choice="accept", note="").text


def test_a_rule_takes_one_of_two_and_closes_the_other(world: World) -> None:
    """The first yes wins, whoever gives it: a freelancer, a rule, or the seller."""
    journey = to_two_at_once(world)
    first, second = proposals(journey)
    but(journey, "200.00", gate=first)
    but(journey, "90.00", gate=second)
    assert (journey.stage, journey.milestone.engagement.freelancer) == ("work", second.owner)
    assert [gate.status for gate in sides(journey, Kind.COUNTER)] == [Status.WITHDRAWN, Status.ANSWERED]
    assert in_hand(world) == {second.owner: 1}


def test_a_no_of_one_of_two_ends_their_own_counter_alone(world: World) -> None:
    """The order does not advance by it: the other's question stays open."""
    journey = to_two_at_once(world)
    first, second = proposals(journey)
    for gate in (first, second):
        but(journey, "200.00", gate=gate)
    journey.answer_as(first.owner, "again")
    assert [gate.status for gate in sides(journey, Kind.COUNTER)] == [Status.WITHDRAWN, Status.OPEN]
    journey.answer("counter", "accept")
    assert journey.milestone.engagement.freelancer == second.owner


# Twice, and at the same instant ------------------------------------------------------------------------------------


def test_pressed_twice_is_once(world: World) -> None:
    """By rule, of the seller, and the seller's own answer."""
    journey = Journey(world).to_assign()
    form = bargain(journey)
    for _ in range(2):
        assert world.send(form, amount="140.00", until="", note=WHY).status in {200, 303}
    assert (len(sides(journey, Kind.COUNTER)), in_hand(world)) == (1, {"ines-moreau": 1})
    other = Journey(world).to_assign()
    form, before = bargain(other), len(world.mails)
    for _ in range(2):
        world.send(form, amount="160.00", until="", note=WHY)
    assert len(sides(other, Kind.COUNTER)) == len(since(world, before, SELLER)) == 1
    answered = other.form("counter")
    for choice in ("accept", "refuse"):
        world.send(answered, choice=choice, note="")
    assert (other.stage, other.milestone.engagement.agreed) == ("work", BEYOND)
    assert in_hand(world) == {"ines-moreau": 2}


def test_an_answer_that_meets_another_decides_nothing(world: World) -> None:
    """Whatever was read before: the proposal was taken as it stands a moment ago."""
    journey = countered(world)
    ports, asked, proposal = world.ports, counter(journey), journey.open_gate
    seen = read_situation(ports, journey.id, "00")
    journey.answer("proposal", "accepted")
    with pytest.raises(AlreadyAnsweredError):
        answer(ports, seen, asked, Answer(Choice.ACCEPT, "seller", Via.LINK))
    with pytest.raises(AlreadyAnsweredError):
        take(ports, proposal, Counter(Terms(WITHIN, offered(journey)), asked.shown["text"]))
    assert ask_seller(ports, proposal, Counter(Terms(BEYOND, offered(journey)), asked.shown["text"])) is None
    assert journey.milestone.engagement.agreed == PROPOSED
    assert read_gate(ports, journey.id, str(asked.id)).status is Status.WITHDRAWN


# Somebody who takes over, and orders of several deliveries ----------------------------------------------------------


def test_who_takes_a_milestone_over_may_bargain_too(world: World) -> None:
    """On the milestone, at its share, less what was paid to whoever had it; also by the seller's yes."""
    journey = Journey(world).to_work()
    journey.answer("work", "give_up", "Malade.")
    assert journey.stage == "reassign"
    gate = journey.open_gate
    assert but(journey, "190.00", gate=gate).status == 303
    assert counter(journey).id.milestone == "01"
    journey.answer("counter", "accept")
    assert (journey.stage, journey.milestone.engagement.agreed, journey.milestone.left_to_send) == (
        "work",
        19_000,
        19_000,
    )
    finish(journey)
    assert journey.order.stage is OrderStage.COMPLETED


def test_of_several_deliveries_the_pay_is_of_all_and_the_date_of_the_first(world: World) -> None:
    """The dates after it stay what they were."""
    journey = Journey(world, offer="articles")
    journey.to_brief()
    form = world.get(journey.page).form("ready")
    answers = {name: "Une réponse." for name in form.names if name.startswith("q_")}
    assert world.send(form, **answers, ready="yes", action="hand_in").status == 303
    gate = journey.open_gate
    dates = [datetime.fromisoformat(at) for at in gate.shown["deadlines"]]
    earlier = dates[0] - timedelta(days=1)
    but(journey, "790.00", local(earlier, 12))
    rows = [row for row in world.rows(f"O#{journey.id}") if row["sk"].startswith("M#")]
    assert sum(row["engagement"]["agreed"] for row in rows) == 79_000
    engaged = sorted(datetime.fromisoformat(row["engagement"]["deadline"]) for row in rows)
    assert engaged[0] < dates[0]
    assert engaged[1:] == dates[1:]


# What is typed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "autre montant"),
        ({"amount": "130.00"}, "autre montant"),
        ({"amount": "beaucoup"}, "somme comme"),
        ({"amount": "-5"}, "somme comme"),
        ({"amount": "1300.00"}, "somme comme"),
        ({"until": "demain"}, "à venir"),
        ({"until": "2026-02-31"}, "à venir"),
        ({"until": "0001-01-01T00:00"}, "à venir"),
        ({"until": "2020-01-01"}, "à venir"),
        ({"until": "9999-12-31T23:59"}, "trop tardive"),
        ({"until": "2027-01-15"}, "trop tardive"),
        ({"amount": "160.00", "note": ""}, "pourquoi"),
        ({"amount": "160.00", "note": "x" * 2_001}, "2000"),
    ],
)
def test_what_cannot_be_taken_comes_back_as_it_was_typed(world: World, typed: dict[str, str], said: str) -> None:
    """With a sentence that says what to do; the client's date is never told, only that another is too late."""
    journey = Journey(world).to_assign()
    fields = {"amount": "", "until": "", "note": WHY, **typed}
    shown = world.send(bargain(journey), **fields)
    assert (shown.status, journey.stage, sides(journey, Kind.COUNTER)) == (422, "assign", [])
    assert said in shown.text.replace("\u00a0", "").replace("\u202f", "")
    form = next(form for form in shown.forms if form.fields.get("ask") == "counter")
    assert form.fields["amount"] == typed.get("amount", "")
