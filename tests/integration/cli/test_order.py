"""`relais order` and `relais roster`: what stands in the table, told without anybody's secrets."""

from typing import Any

import pytest

from relais.gate import Choice
from relais.order import stamp
from relais.rows import Change, order_key
from relais.steps.counters import Counter, Terms, proposed
from relais.steps.counters import ask_seller as ask_seller_of_counter
from relais.steps.runs import ask_seller
from relais.steps.situation import read_gate, read_order


def test_an_open_order_is_listed_with_what_it_waits_for(world: Any, relais: Any) -> None:
    """No order can be stuck silently (promise 3): the list says who is waited for, until when."""
    world.deliver()
    (listed,) = relais("order", "list", "--json").json
    assert (listed["order"], listed["stage"], listed["milestones"]) == (world.order, "milestones", {"01": "acceptance"})
    (wait,) = listed["waits"]
    assert (wait["kind"], wait["owner"], wait["for"]) == ("acceptance", "client", ["freelancer"])
    assert wait["until"].endswith("T18:00:00+01:00")
    assert listed["client"] is None


def test_the_list_as_a_table_holds_the_same(world: Any, relais: Any) -> None:
    """Without --json a person reads it."""
    world.deliver()
    said = relais("order", "list")
    assert said.code == 0
    assert all(word in said.out for word in (world.order, "logo v1", "client: acceptance", "18:00", "Europe/Paris"))
    assert "Marie" not in said.out


def test_a_clients_name_is_shown_only_where_it_is_asked_for(world: Any, relais: Any) -> None:
    """Ids are enough for most of what an operator does (data protection: as little as needed)."""
    world.pay()
    for command in (("order", "list"), ("order", "show", world.order)):
        assert "Marie Durand" not in relais(*command).out
        assert "Marie Durand" not in relais(*command, "--json").out
        assert "Marie Durand" in relais(*command, "--names").out
        assert "Marie Durand" in relais(*command, "--names", "--json").out


def test_a_finished_order_is_found_through_the_book(world: Any, relais: Any) -> None:
    """It has no date that the clock looks at any more, and nothing is ever scanned."""
    world.complete()
    (listed,) = relais("order", "list", "--json").json
    assert (listed["stage"], listed["waits"]) == ("completed", [])
    assert listed["completed"] == "2026-11-27T10:00:00+01:00"
    assert relais("order", "list", "--open", "--json").json == []
    assert "none" in relais("order", "list", "--open").out


def test_an_order_that_ended_before_the_months_asked_for_is_left_out(
    world: Any, relais: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that grows for ever is no list; --months goes further back."""
    world.complete()
    world.at = world.at.replace(year=2027, month=3)
    assert relais("order", "list", "--json").json == []
    assert len(relais("order", "list", "--json", "--months", "5").json) == 1


def test_no_command_scans_the_table(world: Any, relais: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan reads everything there ever was: a year later the list would take minutes."""
    from moto.dynamodb.responses import DynamoHandler

    def refuse(self: object) -> str:
        raise AssertionError("a scan")

    world.complete()
    monkeypatch.setattr(DynamoHandler, "scan", refuse)
    for command in (("order", "list"), ("order", "show", world.order), ("ledger", "check"), ("roster", "list")):
        assert relais(*command, "--json").code == 0


def test_an_order_is_shown_with_every_decision_and_every_cent(world: Any, relais: Any) -> None:
    """Who decided what, when and how is the audit; the pots add up to what was paid."""
    world.complete()
    one = relais("order", "show", world.order, "--json").json
    assert (one["stage"], one["run"], one["execution"]) == ("completed", 1, "RUNNING")
    assert one["money"] == {
        "paid": 29000,
        "fee": 460,
        "left": 16000,
        "in_transit": 0,
        "sent": 13000,
        "refunded": 0,
        "borne": 0,
    }
    decided = [(gate["gate"], gate["decision"]["choice"], gate["decision"]["by"]) for gate in one["gates"]]
    assert decided == [
        ("00-brief-0001", "hand_in", "client"),
        ("00-proposal-0002", "accepted", "ines-moreau"),
        ("01-work-0001", "deliver", "ines-moreau"),
        ("01-review-0002", "approve", "seller"),
        ("01-acceptance-0003", "accept", "client"),
        ("01-hold-0004", "release", "clock"),
        ("01-payout-0005", "paid", "engine"),
    ]
    assert {gate["decision"]["at"] for gate in one["gates"]} == {"2026-11-27T10:00:00+01:00"}
    assert one["gates"][1]["ranking"][0]["who"] == "ines-moreau"
    (act,) = one["acts"]
    assert (act["state"], act["amount"], act["currency"], act["stripe_id"]) == ("done", 13000, "eur", "tr_1")
    (made,) = one["deliverables"]
    assert (made["milestone"], made["version"], made["files"][0]["name"]) == ("01", 1, "logo.svg")
    assert one["milestones"][0]["engagement"]["agreed"] == 13000


def test_an_order_shown_to_a_person_names_the_same(world: Any, relais: Any) -> None:
    """Tables hold what the document holds, with amounts as people write them."""
    world.complete()
    said = relais("order", "show", world.order.upper())
    assert said.code == 0
    assert all(word in said.out for word in ("execution RUNNING", "€290", "€130", "01-payout-0005", "tr_1", "logo.svg"))


def test_a_parked_milestone_says_from_where_and_why(world: Any, relais: Any) -> None:
    """The one thing that an operator looks for first."""
    world.deliver()
    world.decide("01", Choice.PARK, "engine", why="transfer_refused")
    one = relais("order", "show", world.order, "--json").json
    assert one["milestones"][0]["parked"] == {"from": "acceptance", "why": "transfer_refused"}


def test_the_contract_names_who_acts_for_whom_until_when_and_what_otherwise(world: Any, relais: Any) -> None:
    """Every wait is a visible contract (promise 3)."""
    world.deliver()
    contract = relais("order", "contract", world.order, "--json").json
    (wait,) = contract["waits"]
    assert wait["gate"] == "01-acceptance-0003"
    assert (wait["who"], wait["for"], wait["until"]) == ("client", ["freelancer"], "2026-12-04T18:00:00+01:00")
    assert len(wait["reminders"]) == 3
    assert (wait["default"], wait["reached"], wait["choices"]) == ("accept", True, ["accept", "revise", "request"])
    assert "accept" in wait["otherwise"]
    said = relais("order", "contract", world.order).out
    assert all(word in said for word in ("Fri 04 Dec 2026 18:00", "silence accepts", "freelancer"))


def test_a_proposal_that_rests_says_that_nobody_was_reached_yet(world: Any, relais: Any) -> None:
    """No default runs against somebody whom no mail has reached."""
    world.pay()
    world.decide("00", Choice.HAND_IN, "client", text="texts/brief", files=[])
    world.open("00", "assign")
    world.store.write(Change(order_key(world.order), put={"due": stamp(world.at)}))
    (wait,) = relais("order", "contract", world.order, "--json").json["waits"]
    assert (wait["kind"], wait["owner"]) == ("proposal", "ines-moreau")
    assert wait["reached"] is True  # the logo's proposal leaves at once


def test_a_counter_proposal_is_shown_with_what_was_offered_and_what_is_left(world: Any, relais: Any) -> None:
    """Who asks, for what instead of what, and the margin after it; the words that came with it are nobody's here."""
    world.pay()
    world.decide("00", Choice.HAND_IN, "client", text="texts/brief", files=[])
    world.open("00", "assign")
    proposal = read_gate(world.ports, world.order, "00-proposal-0002")
    asked = Terms(16_000, proposed(proposal).deadline)
    ask_seller_of_counter(world.ports, proposal, Counter(asked, "texts/reason"))
    gates = {one["kind"]: one for one in relais("order", "show", world.order, "--json").json["gates"]}
    terms = gates["counter"]["terms"]
    assert (terms["freelancer"], terms["pay"], terms["offered"]["pay"]) == ("ines-moreau", 16_000, 13_000)
    assert terms["deadline"] == terms["offered"]["deadline"] == gates["proposal"]["terms"]["deadline"]
    assert terms["margin"] == 29_000 - 460 - 16_000
    assert gates["proposal"]["terms"]["agreed"] is None
    said = relais("order", "show", world.order).out
    assert all(word in said for word in ("Counter-proposals", "€160", "€130", "€125.40"))
    assert "texts/reason" not in said
    waits = relais("order", "contract", world.order, "--json").json["waits"]
    assert {one["kind"] for one in waits} == {"proposal", "counter"}


def test_an_order_between_two_gates_waits_for_the_engine(world: Any, relais: Any) -> None:
    """Even a moment in which nobody is asked has somebody who must act, and a date."""
    world.pay()
    world.decide("00", Choice.HAND_IN, "client", text="texts/brief", files=[])
    (wait,) = relais("order", "contract", world.order, "--json").json["waits"]
    assert (wait["who"], wait["kind"], wait["gate"]) == ("engine", "step", None)
    assert wait["until"] is not None


def test_a_draft_waits_for_its_checkout_and_an_ended_order_for_nothing(world: Any, relais: Any) -> None:
    """The first and the last moment of an order have their answer too."""
    from relais.steps.intake import draft

    world.open_shop()
    world.order = draft(world.ports, "logo", "fr", consumer=False).id
    (wait,) = relais("order", "contract", world.order, "--json").json["waits"]
    assert (wait["kind"], wait["who"]) == ("checkout", "client")
    assert relais("order", "show", world.order, "--json").json["execution"] is None


def test_an_ended_order_waits_for_nothing(world: Any, relais: Any) -> None:
    """Nothing is owed, nobody is written to."""
    world.complete()
    assert relais("order", "contract", world.order, "--json").json["waits"] == []
    assert "has ended" in relais("order", "contract", world.order).out


@pytest.mark.parametrize("command", ["show", "contract"])
def test_an_order_that_does_not_exist_is_a_sentence(world: Any, relais: Any, command: str) -> None:
    """Exit 1: the stack is there, the order is not."""
    said = relais("order", command, "nothing")
    assert (said.code, said.out) == (1, "")
    assert "no order nothing" in said.err
    assert relais("order", command, "nothing", "--json").json["error"]["name"] == "OrderNotFoundError"


def test_the_roster_says_who_is_busy_and_who_can_be_paid(world: Any, relais: Any) -> None:
    """What the ranking goes by, at a glance; no address, no account."""
    world.engage()
    said = relais("roster", "list", "--json")
    ines = {one["freelancer"]: one for one in said.json}["ines-moreau"]
    assert (ines["in_hand"], ines["capacity"], ines["can_be_paid"]) == (1, 2, True)
    assert (ines["rates"]["logo"], ines["currency"], ines["quality"]) == (13000, "eur", {"mean": 480, "count": 23})
    assert "acct_" not in said.out
    assert "@" not in said.out
    assert "1 of 2" in relais("roster", "list").out


def test_an_order_tells_its_runs_what_died_and_what_is_owed(world: Any, relais: Any) -> None:
    """Whoever repairs it sees what happened without opening the console: runs, why, what is stuck, what is owed."""
    world.engage()
    key = order_key(world.order)
    world.store.write(
        Change(key, put={"dead_run": 1, "dead_why": "FAILED: States.Runtime", "stalled": 3, "owes_start": 2})
    )
    ask_seller(world.ports, read_order(world.store, world.order))
    shown = relais("order", "show", world.order, "--json").json
    assert (shown["dead_run"], shown["dead_why"]) == (1, "FAILED: States.Runtime")
    assert (shown["stalled"], shown["stuck"]) == (3, "00-stuck-0001")
    assert {"on": "order", "what": "start", "tries": 2} in shown["owed"]
    told = relais("order", "show", world.order).out
    for words in ("run 1: FAILED: States.Runtime", "3 runs", f"relais order resume {world.order}", "start (order)"):
        assert words in told
    assert relais("order", "resume", world.order).code == 0
    after = relais("order", "show", world.order, "--json").json
    assert (after["run"], after["stuck"], after["stalled"]) == (2, None, 0)
