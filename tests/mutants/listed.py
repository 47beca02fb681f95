"""The mutants: what is broken, and which tests have to notice. Design: people 4 and 5b, workflow 2 to 5, money C."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one line: `was` becomes `now`."""

    name: str
    file: str
    was: str
    now: str
    tests: tuple[str, ...]


LETTERS, CONTRACTS, DECISIONS = "relais/steps/letters.py", "relais/steps/contracts.py", "relais/steps/decisions.py"
CLOCK, PAYOUT, ACTS = "relais/steps/clock.py", "relais/steps/payout.py", "relais/steps/acts.py"
WORKFLOW, REACH = "tests/workflow/", "tests/unit/test_reach.py"
RACES = "tests/java/test_races.py::test_many_at_once_have_one_effect"

ADDRESSEES = (
    Mutant(
        "the answer to a wish for more time goes to the client",
        LETTERS,
        "return (_to_maker(ports, situation, gate, key),)",
        "return (to_client(ports, situation, key, gate),)",
        (f"{WORKFLOW}test_talking.py::test_beyond_the_reserve_the_seller_answers",),
    ),
    Mutant(
        "a client's cancellation for lateness is told to the client",
        LETTERS,
        'return (_to_seller(ports, situation, "cancelled_late", gate),)',
        'return (to_client(ports, situation, "cancelled_late", gate),)',
        (f"{WORKFLOW}test_lateness.py::test_the_sellers_silence_asks_the_client_who_cancels_alone",),
    ),
    Mutant(
        "a question to a freelancer is mailed to the seller",
        LETTERS,
        "            return to_freelancer(ports, situation, freelancer, key, gate)\n        case Role.SELLER",
        "            return _to_seller(ports, situation, key, gate)\n        case Role.SELLER",
        (f"{WORKFLOW}test_lateness.py",),
    ),
    Mutant(
        "the review is asked of the client",
        CONTRACTS,
        'Kind.REVIEW,\n        link_key,\n        role=Role.SELLER,\n        owner="seller",',
        'Kind.REVIEW,\n        link_key,\n        role=Role.CLIENT,\n        owner="client",',
        (f"{WORKFLOW}test_talking.py::test_the_clients_date_stands_still_while_they_are_asked",),
    ),
)


def _reminded(kind: str, default: str, tests: str) -> Mutant:
    return Mutant(
        f"nobody is reminded of the {kind.lower()}",
        CONTRACTS,
        f"default=Default.{default},\n        deadline=deadline,\n        reminders=reminders,\n        {tests}",
        f"default=Default.{default},\n        deadline=deadline,\n        reminders=(),\n        {tests}",
        (f"{REACH}::test_no_reminder_leaves_outside_its_readers_hours",),
    )


REMINDERS = (
    _reminded("BRIEF", "CANCEL", "tells_seller=next(iter(told), None),"),
    _reminded("ACCEPTANCE", "ACCEPT", 'shown=_version_shown(situation) | {"preview"'),
    Mutant(
        "nobody is reminded of the work",
        CONTRACTS,
        "reminders=remind_at(situation.offer.clocks.work, situation.now, deadline, freelancer.calendar),",
        "reminders=(),",
        (f"{WORKFLOW}test_lateness.py::test_two_working_hours_after_the_working_deadline_the_seller_is_asked",),
    ),
)
CONDITIONS = (
    Mutant(
        "a default may run against an answer, and twice",
        DECISIONS,
        '        remove=("desk", "desk_due", "send_after"),\n'
        '        guards=(equals("status", "open"), *_offered(gate, answer)),',
        '        remove=("desk", "desk_due", "send_after"),\n        guards=(),',
        ("tests/unit/test_decisions.py::test_nothing_is_written_without_the_gate_being_open",),
    ),
    Mutant(
        "a stage is left without looking whether it still stands",
        DECISIONS,
        '            equals("stage", situation.stage),\n'
        '            equals("ordinal", gate.id.ordinal),\n            *caused.guards,',
        "            *caused.guards,",
        ("tests/unit/test_decisions.py::test_what_advances_is_bound_to_where_it_stood",),
    ),
    Mutant(
        "a transfer is planned while its order is cancelled",
        PAYOUT,
        'guards=(at_least("left", held), not_interrupted(situation), absent("disputed")),',
        'guards=(at_least("left", held), absent("disputed")),',
        (f"{WORKFLOW}test_acts.py::test_a_transfer_is_not_planned_once_its_order_is_cancelled",),
    ),
    Mutant(
        "a transfer is planned while a bank has taken the payment back",
        PAYOUT,
        "    if situation.order.disputed is not None and not _under_way(ports, gate):\n        return",
        "    if False:\n        return",
        (f"{WORKFLOW}test_disputes.py::test_a_dispute_freezes_the_pay_and_a_won_one_lets_it_go",),
    ),
    Mutant(
        "somebody is asked above their capacity",
        "relais/steps/assign.py",
        'below_attribute("in_hand", "capacity"), ',
        "",
        (f"{RACES}[four_proposals_for_two_places]",),
    ),
    Mutant(
        "a default runs against somebody whom no mail has reached",
        CLOCK,
        "    elif known is Reach.BOUNCED:\n",
        "    elif False:\n",
        (f"{REACH}::test_no_silence_decides_for_somebody_whose_mail_came_back",),
    ),
    Mutant(
        "a key that Stripe may have forgotten is used again",
        ACTS,
        "    if _key_too_old(ports, act):\n        return _look_up(ports, act)\n",
        "",
        (f"{WORKFLOW}test_acts.py::test_the_same_key_finds_out_what_became_of_a_lost_answer",),
    ),
    Mutant(
        "two start the next run of the same order",
        "relais/steps/runs.py",
        'put=begun(ports, order, stalled, mark), guards=(equals("run", order.run),))',
        "put=begun(ports, order, stalled, mark), guards=())",
        (f"{RACES}[a_next_run_from_many]",),
    ),
    Mutant(
        "what was moved in the minutes that a restored table lost is moved again",
        ACTS,
        'return None if row is None else instant(row.get("restored"))',
        "return None",
        (f"{WORKFLOW}test_restored.py::test_a_freelancer_who_was_paid_in_the_lost_minutes_is_not_paid_again",),
    ),
)
MUTANTS = (*ADDRESSEES, *REMINDERS, *CONDITIONS)
