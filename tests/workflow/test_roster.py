"""What the seller changes on the roster, while orders are under way: told to whom it concerns, never retroactive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from devstack.simulation.pages import Mail
from devstack.simulation.world import World, world_in_memory
from relais.announcement import Announcement
from relais.gate import Kind, Status, Via
from relais.offer import RefundCause
from relais.order import stamp
from relais.roster import Freelancer, Rate, Standing
from relais.rows import Change, freelancer_key, gate_key, offer_key
from relais.score import Score
from relais.steps import roster
from relais.steps.bonus import BonusImpossibleError, BonusTooHighError, give_bonus
from relais.steps.decisions import LostWhy
from relais.steps.interrupt import cancel
from relais.steps.payout import tell_completed
from relais.steps.reassign import reassign
from relais.steps.roster import By
from relais.steps.trials import another_trial
from tests.support.journey import Journey
from tests.support.people import hire
from tests.workflow.cascades import in_hand, proposals, to_pick, to_two_at_once
from tests.workflow.scenarios import finish

MAKER = "ines@moreau-graphisme.example"
SELLER = By("seller", Via.COMMAND, "vu ensemble au téléphone")


@pytest.fixture
def world() -> Iterator[World]:
    """Without any cloud: an order takes a tenth of a second."""
    with world_in_memory() as made:
        yield made


def ines(world: World) -> Freelancer:
    return Freelancer.from_row(world.row(freelancer_key("ines-moreau")))


def changes(world: World, key: str = "ines-moreau") -> list[Announcement]:
    return [Announcement.from_row(row) for row in world.rows(f"F#{key}") if row["sk"].startswith("N#")]


def mails_to(world: World, address: str, since: int) -> list[Mail]:
    return [mail for mail in world.mails[since:] if mail.to == address]


def test_a_change_is_told_once_by_mail_with_its_reason(world: World) -> None:
    """People 3: with a reason, audited, told to whom it concerns; the command only commits, the clock sends."""
    roster.set_rate(world.ports, "ines-moreau", "logo", 14_500, SELLER)
    assert [(one.topic.value, one.by, one.reason, one.tries) for one in changes(world)] == [
        ("rate", "seller", SELLER.reason, 0)
    ]
    since = len(world.mails)
    world.pass_time(minutes=2)
    world.pass_time(minutes=30)
    (mail,) = mails_to(world, MAKER, since)
    assert "145" in mail.subject
    assert "130" in mail.body
    assert SELLER.reason in mail.body
    assert changes(world)[0].tries is None


def test_a_rate_is_never_retroactive(world: World) -> None:
    """Neither what is accepted nor what is proposed changes its pay; the next proposal has the new one."""
    accepted, proposed = Journey(world).to_work(), Journey(world).to_assign()
    roster.set_rate(world.ports, "ines-moreau", "logo", 14_500, SELLER)
    proposed.answer("proposal", "accepted")
    for journey in (accepted, proposed):
        assert journey.milestone.engagement.agreed == 13_000
    for journey in (accepted, proposed):
        journey.deliver()
        journey.answer("review", "approve")
        journey.answer("acceptance", "accept")
    world.pass_time(days=5)
    assert [one["amount"] for one in world.transfers()] == [13_000, 13_000]
    assert Journey(world).to_assign().open_gate.shown["pay"] == 14_500


def test_who_is_suspended_loses_open_proposals_without_any_effect(world: World) -> None:
    """The next is asked at once; no score changes, the place is free, and an old form changes nothing."""
    journey = Journey(world).to_assign()
    form = journey.form("proposal")
    roster.set_standing(world.ports, "ines-moreau", Standing.SUSPENDED, SELLER)
    world.settle()
    assert journey.open_gate.owner == "studio-nord"
    assert in_hand(world) == {"studio-nord": 1}
    assert [row for row in world.rows("F#ines-moreau") if row["sk"].startswith("S#")] == []
    late = world.send(form, choice="accepted", note="")
    assert late.status == 200
    assert ines(world).asked == ()
    finish(journey)


def test_one_of_two_asked_at_once_is_suspended(world: World) -> None:
    """The other keeps the question."""
    journey = to_two_at_once(world)
    first, second = (gate.owner for gate in proposals(journey))
    roster.set_standing(world.ports, first, Standing.SUSPENDED, SELLER)
    world.settle()
    assert [gate.owner for gate in proposals(journey)] == [second]
    assert in_hand(world) == {second: 1}


def test_nobody_is_asked_who_is_suspended_while_the_ranking_is_made(world: World) -> None:
    """The place is reserved under the condition that they still stand: the next of the ranking is asked."""
    hire(world, "anna")
    read = world.ports.store.query

    def suspended_meanwhile(pk: str, prefix: str = "") -> list[object]:
        found = read(pk, prefix)
        if pk == "ROSTER":
            world.ports.store.write(Change(freelancer_key("ines-moreau"), put={"standing": "suspended"}))
        return list(found)

    journey = Journey(world).to_brief()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(world.ports.store), "__getattr__", _instead(world.ports.store, suspended_meanwhile))
        journey.hand_in_brief()
    assert journey.open_gate.owner == "anna"


def _instead(store: object, query: object) -> object:
    """The counted store hands its calls on by name: `query` to the test's own."""
    usual = type(store).__getattr__

    def found(self: object, name: str) -> object:
        return query if name == "query" else usual(self, name)

    return found


def test_the_work_of_who_is_suspended_is_found_and_may_go_to_somebody_else(world: World) -> None:
    """What they have is listed; given to somebody else, they are told why and paid by the frozen policy."""
    journey, accepted = Journey(world).to_work(), Journey(world).to_hold()
    roster.set_standing(world.ports, "ines-moreau", Standing.SUSPENDED, SELLER)
    (work,) = roster.work_of(world.ports, "ines-moreau")
    assert (work.order, work.number) == (journey.id, "01")
    reassign(world.ports, work.order, "01", by="seller", why=LostWhy.SUSPENDED, reason=SELLER.reason)
    world.settle()
    assert journey.open_gate.owner == "studio-nord"
    assert roster.work_of(world.ports, "ines-moreau") == ()
    world.pass_time(days=5)
    assert accepted.order.stage.value == "completed"


def test_a_pause_moves_the_next_proposal_and_ends_when_it_is_ended(world: World) -> None:
    """Away dates keep somebody from being asked; a later holiday outlives the end of today's pause."""
    roster.pause(world.ports, "ines-moreau", None, date(2026, 12, 4), SELLER)
    roster.pause(world.ports, "ines-moreau", date(2026, 12, 21), date(2026, 12, 31), SELLER)
    assert Journey(world).to_assign().open_gate.owner == "studio-nord"
    world.pass_time(days=1)
    roster.resume(world.ports, "ines-moreau", SELLER)
    assert [str(away) for away in ines(world).away] == ["2026-11-23..2026-11-23", "2026-12-21..2026-12-31"]
    assert Journey(world).to_assign().open_gate.owner == "ines-moreau"
    with pytest.raises(roster.NotPausedError):
        roster.resume(world.ports, "ines-moreau", SELLER)


def test_a_pause_that_no_calendar_could_hold_is_refused(world: World) -> None:
    """Neither the past, nor an end before its beginning, nor longer than a year."""
    for first, last in ((None, date(2026, 11, 22)), (date(2026, 12, 2), date(2026, 12, 1)), (None, date(2028, 1, 1))):
        with pytest.raises(roster.PauseImpossibleError):
            roster.pause(world.ports, "ines-moreau", first, last, SELLER)
    assert ines(world).away == ()


def test_a_change_needs_a_reason_and_something_to_change(world: World) -> None:
    """A press without a reason leaves nobody an explanation; the same again would tell a change that is none."""
    with pytest.raises(roster.ReasonUnusableError):
        roster.set_standing(world.ports, "ines-moreau", Standing.SUSPENDED, By("seller", Via.COMMAND, " "))
    with pytest.raises(roster.StandingUnchangedError):
        roster.set_standing(world.ports, "ines-moreau", Standing.APPROVED, SELLER)
    with pytest.raises(roster.RateUnchangedError):
        roster.set_rate(world.ports, "ines-moreau", "logo", 13_000, SELLER)
    assert changes(world) == []


def test_two_who_change_the_same_freelancer_do_not_undo_each_other(world: World) -> None:
    """What was read is the condition: the second is told to look again."""
    before = ines(world)
    roster.set_rate(world.ports, "ines-moreau", "logo", 14_500, SELLER)
    with pytest.raises(roster.RosterContestedError):
        roster.amend(world.ports, before, before.terms, changes(world)[0])
    assert ines(world).rate_for("logo") == 14_500


def test_a_mail_that_the_post_refuses_is_sent_later(world: World) -> None:
    """What is owed follows the commit (workflow 4): the change stands, its mail comes when the post works again."""
    from relais.ports import MailRefusedError

    def refuse(_letter: object) -> None:
        raise MailRefusedError("Throttling")

    roster.set_standing(world.ports, "ines-moreau", Standing.SUSPENDED, SELLER)
    since = len(world.mails)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.ports.mailer._port, "send", refuse)
        world.pass_time(minutes=2)
    assert mails_to(world, MAKER, since) == []
    world.go_to(world.now() + timedelta(minutes=20))
    assert len(mails_to(world, MAKER, since)) == 1


# --- bonuses ----------------------------------------------------------------------------------------------------------


def offer_policy(world: World, **changed: object) -> None:
    """The shop's logo is sold with another policy."""
    row = world.row(offer_key("logo", 1))
    world.ports.store.write(Change(offer_key("logo", 1), put={"policy": {**row["policy"], **changed}}))


def with_speed_bonus(world: World) -> None:
    offer_policy(world, speed_bonus={"hours": 9, "amount": 1_500})


def postings(journey: Journey) -> dict[str, int]:
    """What each account of an order came to."""
    sums: dict[str, int] = {}
    for row in journey.entries():
        for account, amount, _ in row["postings"]:
            sums[account] = sums.get(account, 0) + amount
    return {account: amount for account, amount in sums.items() if amount}


def end(journey: Journey) -> None:
    """Accepted by the client and paid out."""
    journey.answer("acceptance", "accept")
    journey.world.pass_time(days=5)
    assert journey.order.stage.value == "completed"


def test_an_early_first_version_earns_the_speed_bonus(world: World) -> None:
    """Said in the proposal; told when the seller lets it through, booked with the acceptance, paid in one transfer."""
    with_speed_bonus(world)
    journey = Journey(world).to_assign()
    assert "Prime de rapidité" in world.get(world.link("proposal", journey.id)).text
    journey.answer("proposal", "accepted")
    journey.deliver()
    since = len(world.mails)
    journey.answer("review", "approve")
    assert (journey.milestone.bonus, journey.milestone.left_to_send) == (1_500, 14_500)
    world.pass_time(minutes=2)
    assert [mail.subject for mail in mails_to(world, MAKER, since)] == ["Prime de rapidité\u00a0: 15\u00a0€ pour vous"]
    end(journey)
    assert [one["amount"] for one in world.transfers()] == [14_500]
    sums = postings(journey)
    assert (sums["cost.work"], sums["cost.bonus"], sums["revenue"]) == (13_000, 1_500, -29_000)
    assert not {account for account in sums if account.startswith(("payable", "client_funds"))}


def test_what_is_late_or_sent_back_earns_no_speed_bonus(world: World) -> None:
    """Neither a version at the last hour nor one that the seller sent back, however early the next."""
    with_speed_bonus(world)
    late, back = Journey(world).to_work(), Journey(world).to_work()
    back.deliver()
    back.answer("review", "rework", "Plus grand.")
    back.deliver(b"\x89PNG 2")
    deadline = late.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline - timedelta(hours=1))
    late.deliver()
    for journey in (late, back):
        journey.answer("review", "approve")
        assert journey.milestone.bonus == 0


def test_a_bonus_leaves_with_the_transfer_whenever_it_is_given(world: World) -> None:
    """Before the acceptance and after it: told, booked once, and nothing is left over."""
    journey = Journey(world).to_review()
    give_bonus(world.ports, journey.id, "01", 1_000, SELLER)
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    since = len(world.mails)
    give_bonus(world.ports, journey.id, "01", 500, SELLER)
    world.pass_time(days=5)
    assert [one["amount"] for one in world.transfers()] == [14_500]
    assert any(SELLER.reason in mail.body for mail in mails_to(world, MAKER, since))
    sums = postings(journey)
    assert (sums["cost.bonus"], journey.order.stage.value) == (1_500, "completed")
    assert not {account for account in sums if account.startswith("payable")}
    with pytest.raises(BonusImpossibleError):
        give_bonus(world.ports, journey.id, "01", 500, SELLER)


def test_a_bonus_never_promises_what_the_order_does_not_hold(world: World) -> None:
    """The client's payment bounds it: beyond that the shop's cover would be short (money A 1)."""
    journey = Journey(world).to_work()
    for amount in (0, -500, 16_001):
        with pytest.raises(BonusTooHighError):
            give_bonus(world.ports, journey.id, "01", amount, SELLER)
    give_bonus(world.ports, journey.id, "01", 16_000, SELLER)
    with pytest.raises(BonusTooHighError):
        give_bonus(world.ports, journey.id, "01", 1, SELLER)


def test_no_bonus_is_given_to_an_order_that_is_being_cancelled(world: World) -> None:
    """Money is promised under the condition that no interrupt is unhandled (workflow 2)."""
    journey = Journey(world).to_work()
    world.ports.store.write(
        Change(
            journey.head,
            put={
                "interrupt_seq": 1,
                "interrupt": {
                    "kind": "Cancelled",
                    "cause": "seller_fault",
                    "by": "seller",
                    "at": "2026-11-23T09:00:00+00:00",
                },
            },
        )
    )
    with pytest.raises(BonusImpossibleError):
        give_bonus(world.ports, journey.id, "01", 500, SELLER)
    assert journey.milestone.bonus == 0


@pytest.mark.parametrize("accepted", [False, True])
def test_a_refund_shares_the_bonus_as_it_shares_the_pay(world: World, accepted: bool) -> None:  # noqa: FBT001 - a case
    """By the frozen policy half is half of all of it; no account is left with what nobody is owed."""
    offer_policy(world, bears={**world.row(offer_key("logo", 1))["policy"]["bears"], "seller_fault": "half"})
    journey = Journey(world).to_hold() if accepted else Journey(world).to_acceptance()
    give_bonus(world.ports, journey.id, "01", 1_000, SELLER)
    cancel(world.ports, journey.id, by="seller", cause=RefundCause.SELLER_FAULT, reason="geste")
    world.settle()
    world.pass_time(days=6)
    assert [one["amount"] for one in world.transfers()] == [7_000]
    sums = postings(journey)
    assert not {account for account in sums if account.startswith(("payable", "client_funds", "refund_payable"))}
    assert journey.order.stage.value == "completed"


# --- a freelancer's own page, and what they say -----------------------------------------------------------------------


def own_page(world: World) -> str:
    """The link at the foot of the newest mail to Inès."""
    mail = [mail for mail in world.mails if mail.to == MAKER][-1]
    return next(link for link in mail.links if "/f/ines-moreau/" in link)


def test_a_decline_may_say_why_and_the_seller_reads_it(world: World) -> None:
    """One click, no effect on the score; who must pick next sees what everybody said (people 5)."""
    journey = Journey(world).to_assign()
    refused = journey.answer("proposal", "again", why="because")
    assert (refused.status, journey.stage) == (422, "assign")
    journey.answer("proposal", "again", "Complet jusqu'à Noël.", why="too_busy")
    deadline = journey.open_gate.deadline
    assert deadline is not None
    world.go_to(deadline + timedelta(minutes=11))
    page = world.get(world.link("pick", journey.id)).text
    assert "Inès Moreau : a décliné, trop de travail en ce moment" in page
    assert "Complet jusqu'à Noël." in page
    assert "Studio Nord : n’a pas répondu à temps" in page
    (event,) = [row for row in world.rows("F#ines-moreau") if row["sk"].startswith("S#")]
    assert (event["value"], event["cause"], event["why"]) == (100, "declined", "too_busy")


def test_a_decline_needs_no_reason(world: World) -> None:
    """Nothing is preselected, nothing is demanded."""
    journey = Journey(world).to_assign()
    assert journey.form("proposal").fields.get("why") is None
    journey.answer("proposal", "again")
    assert journey.open_gate.owner == "studio-nord"


def test_every_mail_to_a_freelancer_leads_to_their_page(world: World) -> None:
    """Pause me, from any mail; opening it a hundred times changes nothing (promise 4)."""
    journey = Journey(world).to_acceptance()
    journey.answer("acceptance", "accept")
    world.pass_time(days=5)
    mails = [mail for mail in world.mails if mail.to == MAKER]
    assert len(mails) >= 3
    assert all(any("/f/ines-moreau/" in link for link in mail.links) for mail in mails)
    assert not any("/f/" in link for mail in world.mails if mail.to != MAKER for link in mail.links)
    before = world.rows()
    assert {world.get(own_page(world)).status for _ in range(3)} == {200}
    assert world.rows() == before


def test_a_pause_from_a_mail_moves_the_next_proposal_and_tells_the_seller(world: World) -> None:
    """A date and one press; an empty or past date brings the page back; it ends the same way."""
    Journey(world).to_assign()
    link = own_page(world)
    form = world.get(link).form("until")
    assert (form.fields.get("choice"), form.fields["until"]) == (None, "")
    for fields in ({"until": ""}, {"choice": "pause", "until": ""}, {"choice": "pause", "until": "2026-11-01"}):
        assert world.send(form, **fields).status == 422
    assert ines(world).away == ()
    since = len(world.mails)
    assert world.send(form, choice="pause", until="2026-12-04").status == 303
    world.pass_time(minutes=2)
    assert [str(away) for away in ines(world).away] == ["2026-11-23..2026-12-04"]
    assert any("Inès Moreau" in mail.subject for mail in mails_to(world, "claire@atelier-mistral.example", since))
    assert Journey(world).to_assign().open_gate.owner == "studio-nord"
    ended = world.send(world.get(link).form("until"), choice="resume")
    assert ended.status == 303
    assert Journey(world).to_assign().open_gate.owner == "ines-moreau"


def test_several_open_proposals_are_answered_on_one_page(world: World) -> None:
    """Each with its pay and dates and its own form; what is left of the capacity is said; the mail says it too."""
    first, second = Journey(world).to_assign(), Journey(world).to_assign()
    mail = [mail for mail in world.mails if mail.to == MAKER][-1]
    assert "Une autre proposition vous attend" in mail.body
    page = world.get(own_page(world))
    assert "2 propositions vous attendent" in page.text
    assert "Toutes vos places sont prises" in page.text
    forms = [form for form in page.forms if "/g/" in form.action]
    assert [form.fields.get("choice") for form in forms] == [None, None]
    world.send(next(form for form in forms if first.id in form.action), choice="accepted")
    world.send(next(form for form in forms if second.id in form.action), choice="again")
    assert (first.stage, second.open_gate.owner) == ("work", "studio-nord")
    assert "Aucune proposition ne vous attend" in world.get(own_page(world)).text


def test_the_page_opens_to_nobody_else(world: World) -> None:
    """Another's secret, a gate's, a guessed one; and a changed address ends the links that were mailed to the old."""
    journey = Journey(world).to_assign()
    link = own_page(world)
    secret = link.rpartition("/")[2]
    gate_secret = world.link("proposal", journey.id).rpartition("/")[2]
    for wrong in (link.replace("ines-moreau", "studio-nord"), link.replace(secret, gate_secret), link[:-1] + "!"):
        assert world.get(wrong).status == 404
    assert world.get(link.replace("ines-moreau", "nobody")).status == 404
    world.ports.store.write(Change(freelancer_key("ines-moreau"), put={"email": "ines@elsewhere.example"}))
    assert world.get(link).status == 404


# --- trial orders -----------------------------------------------------------------------------------------------------

CLAIRE = "claire@atelier-mistral.example"


def on_trial(world: World, key: str = "nora", **changed: object) -> Freelancer:
    """A candidate whom the ranking would put first, and nobody else who is free."""
    world.ports.store.write(Change(freelancer_key("ines-moreau"), put={"in_hand": 2}))
    asked = {"quality": Score(500, 40), "rates": (Rate("logo", 11_000),), "capacity": 3, "standing": Standing.CANDIDATE}
    return hire(world, key, **{**asked, **changed})


def nora(world: World) -> Freelancer:
    return Freelancer.from_row(world.row(freelancer_key("nora")))


def test_a_candidate_is_asked_after_the_approved_and_before_agencies(world: World) -> None:
    """Up to the offer's cap, and told that it is a trial; one who asks more is kept out."""
    on_trial(world)
    on_trial(world, "olga", rates=(Rate("logo", 12_001),))
    journey = Journey(world).to_assign()
    assert journey.open_gate.owner == "nora"
    assert "C’est un essai" in world.get(world.link("proposal", journey.id)).text
    assert "C’est un essai" in world.mails[-1].body
    journey.answer("proposal", "again")
    assert journey.open_gate.owner == "studio-nord"
    world.ports.store.write(Change(freelancer_key("ines-moreau"), put={"in_hand": 0}))
    assert Journey(world).to_assign().open_gate.owner == "ines-moreau"


def test_no_order_is_a_trial_where_the_offer_does_not_say_so(world: World) -> None:
    """Candidates stay out of the ranking; the seller may still pick one by hand, and that is a trial too."""
    offer_policy(world, trial=None)
    on_trial(world)
    journey = Journey(world).to_assign()
    assert journey.open_gate.owner == "studio-nord"
    journey.answer("proposal", "again")
    journey.answer("pick", "picked", freelancer="nora")
    journey.answer("proposal", "accepted")
    assert journey.milestone.engagement.trial


def test_one_trial_at_a_time_and_no_more_than_are_left(world: World) -> None:
    """A second order goes to the next while the first is under way, and after it too: one was left, and it is used."""
    on_trial(world)
    first = Journey(world).to_assign()
    assert Journey(world).to_assign().open_gate.owner == "studio-nord"
    first.answer("proposal", "accepted")
    assert nora(world).trials == 0
    assert Journey(world).to_assign().open_gate.owner == "studio-nord"


def test_a_declined_trial_costs_none(world: World) -> None:
    """Saying no to a date is no failure: the next order asks again."""
    on_trial(world)
    Journey(world).to_assign().answer("proposal", "again")
    assert nora(world).trials == 1
    assert Journey(world).to_assign().open_gate.owner == "nora"


def test_every_version_of_a_trial_is_reviewed(world: World) -> None:
    """Also where the offer sends later versions straight to the client."""
    offer_policy(world, review="first version")
    on_trial(world)
    journey = Journey(world).to_acceptance()
    journey.answer("acceptance", "revise", "Plus grand.")
    journey.deliver(b"\x89PNG 2")
    assert (journey.stage, journey.open_gate.owner) == ("review", "seller")


def test_a_passed_trial_approves_and_tells_once(world: World) -> None:
    """Accepted and paid: from now on they are asked as everybody; applying the catalogue keeps it so."""
    on_trial(world)
    journey = Journey(world).to_hold()
    since = len(world.mails)
    world.pass_time(days=5)
    assert (journey.order.stage.value, nora(world).standing) == ("completed", Standing.APPROVED)
    told = mails_to(world, "nora@roster.example", since)
    assert sum("Essai réussi" in mail.subject for mail in told) == 1
    tell_completed(world.ports, journey.order)
    world.pass_time(days=2)
    assert sum("Essai réussi" in mail.subject for mail in mails_to(world, "nora@roster.example", since)) == 1
    assert Journey(world).to_assign().open_gate.owner == "nora"


@pytest.mark.parametrize(
    ("why", "left", "told"), [(LostWhy.LATE, 0, 1), (LostWhy.SELLER, 1, 0), (LostWhy.REWORK_FAILED, 0, 1)]
)
def test_a_trial_that_is_taken_away_tells_the_seller_or_does_not_count(
    world: World, why: LostWhy, left: int, told: int
) -> None:
    """By their fault it has failed, and nobody asks them again by rule; by the seller's wish it is given back."""
    on_trial(world)
    journey = Journey(world).to_work()
    since = len(world.mails)
    reassign(world.ports, journey.id, "01", by="seller", why=why, reason="une raison")
    world.settle()
    world.pass_time(minutes=5)
    mails = [mail for mail in mails_to(world, CLAIRE, since) if "Essai de Nora" in mail.subject]
    assert (nora(world).standing, nora(world).trials, len(mails)) == (Standing.CANDIDATE, left, told)


@pytest.mark.parametrize(("cause", "left", "told"), [("brief_not_met", 0, 1), ("change_of_mind", 1, 0)])
def test_a_trial_that_ends_in_a_refund_is_judged_by_its_cause(world: World, cause: str, left: int, told: int) -> None:
    """Once, however often the order's end is settled."""
    on_trial(world)
    journey = Journey(world).to_work()
    since = len(world.mails)
    cancel(world.ports, journey.id, by="seller", cause=RefundCause(cause), reason="une raison")
    world.settle()
    world.pass_time(days=6)
    tell_completed(world.ports, journey.order)
    world.pass_time(days=2)
    mails = [mail for mail in mails_to(world, CLAIRE, since) if "Essai de Nora" in mail.subject]
    assert (nora(world).standing, nora(world).trials, len(mails)) == (Standing.CANDIDATE, left, told)
    another_trial(world.ports, "nora", SELLER)
    assert nora(world).trials == left + 1


def test_the_sellers_own_order_is_a_trial_first_of_all(world: World) -> None:
    """Bought by the seller to see what somebody can do: no client's risk, whatever the offer's cap."""
    offer_policy(world, trial=None)
    on_trial(world, rates=(Rate("logo", 20_000),))
    world.ports.store.write(Change(freelancer_key("ines-moreau"), put={"in_hand": 0}))
    journey = Journey(world)
    journey.draft()
    journey.pay(email="Claire@atelier-mistral.example")
    journey.hand_in_brief()
    assert journey.open_gate.owner == "nora"


# --- nobody takes it: the client need not wait in vain ----------------------------------------------------------------

MARIE = "marie@gmail.com"


def not_taken(world: World) -> Journey:
    """Two working days after the seller was asked to pick."""
    journey = to_pick(world)
    world.go_to(world.now() + timedelta(days=1, hours=1))
    assert not any("attend encore" in mail.subject for mail in world.mails)
    world.go_to(world.now() + timedelta(days=1))
    return journey


def test_the_client_is_told_after_two_working_days_and_waits_until_a_new_date(world: World) -> None:
    """A yes makes it the promised date; asked once, and the seller still decides (people 5b, pick)."""
    journey = not_taken(world)
    promised = journey.order.promised
    assert sum("attend encore" in mail.subject for mail in mails_to(world, MARIE, 0)) == 1
    page = world.get(world.link("cancel_late", journey.id)).text
    assert "Personne n’a encore pu prendre votre commande" in page
    journey.answer("cancel_late", "wait")
    assert journey.order.promised is not None
    assert promised is not None
    assert journey.order.promised > promised
    assert journey.stage == "pick"
    journey.answer("pick", "self")
    assert journey.stage == "work"


def test_the_client_who_does_not_want_to_wait_is_refunded(world: World) -> None:
    """Free, and at once: nothing of the work was done."""
    journey = not_taken(world)
    journey.answer("cancel_late", "cancel")
    world.pass_time(days=2)
    assert (journey.order.stage.value, journey.order.refunded) == ("completed", 29_000)
    assert in_hand(world) == {}


def test_the_question_ends_with_the_sellers_pick(world: World) -> None:
    """Whoever opens the link afterwards is told that it matters no more; no date has moved."""
    journey = not_taken(world)
    link, promised = world.link("cancel_late", journey.id), journey.order.promised
    journey.answer("pick", "self")
    world.pass_time(minutes=5)
    assert 'name="choice"' not in world.get(link).body
    assert journey.order.promised == promised
    assert [gate for gate in journey.gates if gate.id.kind is Kind.CANCEL_LATE and gate.status is Status.OPEN] == []


# --- time spent waiting for others ------------------------------------------------------------------------------------


def punctuality(world: World) -> list[int]:
    rows = [row for row in world.rows("F#ines-moreau") if row["sk"].startswith("S#")]
    return [row["value"] for row in rows if row["axis"] == "punctuality"]


@pytest.mark.parametrize(("late_by", "seen"), [(12, [100]), (15, [0])])
def test_a_mail_that_left_late_does_not_make_the_work_late(world: World, late_by: int, seen: list[int]) -> None:
    """Hours in which nobody had told them of the work are given back, and no more than those (people 5)."""
    journey = Journey(world).to_work()
    gate = journey.open_gate
    key = gate_key(gate.order, str(gate.id))
    world.ports.store.write(Change(key, put={"asked": stamp(gate.opened + timedelta(hours=5))}))
    assert gate.deadline is not None
    world.move_to(gate.deadline + timedelta(days=3, hours=6 + late_by))  # the next Monday
    journey.deliver()
    assert punctuality(world) == seen
