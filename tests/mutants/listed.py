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
COUNTERS, DISPUTES, LEAVING = "relais/steps/counters.py", "relais/steps/disputes.py", "relais/steps/leaving.py"
WITHDRAWAL, RATING = "relais/withdrawal.py", "relais/steps/rating.py"
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
BARGAINS = (
    Mutant(
        "the answer to a “yes, but” goes to the client",
        LETTERS,
        'return replace(_to_maker(ports, situation, gate, "counter_refused"), note=words)',
        'return replace(to_client(ports, situation, "counter_refused", None), note=words)',
        (f"{WORKFLOW}test_counters.py::test_the_sellers_no_leaves_the_proposal_with_time_to_take_it",),
    ),
    Mutant(
        "a rule takes any pay",
        COUNTERS,
        "    return within and not above_trial and _borne(situation, pay)",
        "    return True",
        (f"{WORKFLOW}test_counters.py::test_beyond_the_band_the_seller_is_asked",),
    ),
    Mutant(
        "a rule takes pay that the price does not bear",
        COUNTERS,
        " and not above_trial and _borne(situation, pay)",
        " and not above_trial",
        (f"{WORKFLOW}test_counters.py::test_without_a_band_or_margin_nothing_is_taken_by_rule",),
    ),
    Mutant(
        "a rule takes a date that leaves no time for a review",
        COUNTERS,
        " and working_time(until, client, situation.shop.calendar) >= LEAST_RESERVE",
        "",
        (f"{WORKFLOW}test_counters.py::test_beyond_the_band_the_seller_is_asked",),
    ),
    Mutant(
        "the seller is asked again and again about one proposal",
        COUNTERS,
        "waits or (spent(known) and not again)",
        "waits",
        (f"{WORKFLOW}test_counters.py::test_the_seller_is_asked_once_about_a_proposal",),
    ),
)
DISPUTED = (
    Mutant(
        "a dispute freezes nothing",
        DISPUTES,
        'put={"disputed": seen.id, "dispute_stage": seen.state.value},',
        'put={"dispute_stage": seen.state.value},',
        (f"{WORKFLOW}test_disputes.py::test_a_dispute_freezes_the_pay_and_a_won_one_lets_it_go",),
    ),
    Mutant(
        "nobody is reminded of a dispute",
        DISPUTES,
        "return replace(gate, deadline=deadline, reminders=ahead)",
        "return replace(gate, deadline=deadline, reminders=())",
        (f"{WORKFLOW}test_disputes.py::test_the_seller_is_told_with_the_date_and_a_silence_sends_the_evidence",),
    ),
    Mutant(
        "the evidence leaves on the bank's last day",
        DISPUTES,
        "early = subtract_working_days(due_by, BEFORE_DUE, situation.shop.calendar)",
        "early = due_by",
        (f"{WORKFLOW}test_disputes.py::test_the_seller_is_told_with_the_date_and_a_silence_sends_the_evidence",),
    ),
    Mutant(
        "a bank is told of versions that the client never saw",
        "relais/steps/evidence.py",
        "        if (milestone, int(version)) not in shown:\n            continue\n",
        "",
        (f"{WORKFLOW}test_disputes.py::test_the_evidence_names_only_what_the_client_was_shown",),
    ),
)
LEFT = (
    Mutant(
        "a withdrawal's receipt goes to the order's address",
        LETTERS,
        'to = str(declared.get("email") or receipt.to)',
        "to = receipt.to",
        (f"{WORKFLOW}test_leaving.py::test_the_receipt_says_what_was_declared_and_when",),
    ),
    Mutant(
        "the refusal of a cancellation is told to nobody",
        LETTERS,
        "return (_agreement_told(ports, situation, gate),)",
        "return ()",
        (f"{WORKFLOW}test_leaving.py::test_a_refusal_or_silence_leaves_the_order_as_it_is_and_is_told",),
    ),
    Mutant(
        "a business withdraws",
        WITHDRAWAL,
        "if not order.consumer or order.stage in",
        "if order.stage in",
        ("tests/unit/test_withdrawal.py::test_who_has_the_right",),
    ),
    Mutant(
        "a term ends on a Sunday",
        WITHDRAWAL,
        "    while day.weekday() >= _SATURDAY or day in french_holidays(day.year):\n        day += timedelta(days=1)\n",
        "",
        ("tests/unit/test_withdrawal.py::test_fourteen_days_end_at_the_end_of_the_last_day_in_paris",),
    ),
    Mutant(
        "what was supplied without an express request is owed",
        WITHDRAWAL,
        " // WHOLE if order.express else 0",
        " // WHOLE",
        ("tests/unit/test_withdrawal.py::test_what_was_handed_over_at_the_express_request_is_owed",),
    ),
    Mutant(
        "a client cancels alone what somebody has taken",
        LEAVING,
        "    if not unstarted(order):\n        raise WorkBegunError(order.id)\n    return (_whole",
        "    return (_whole",
        (f"{WORKFLOW}test_leaving.py::test_a_freelancers_yes_a_moment_before_wins",),
    ),
)
AFTERWARDS = (
    Mutant(
        "words that name somebody are shown to the maker",
        RATING,
        "**({} if text is None or hidden else",
        "**({} if text is None else",
        (f"{WORKFLOW}test_rating.py::test_words_that_name_somebody_are_read_by_the_seller_alone",),
    ),
    Mutant(
        "a rating that is struck counts twice",
        RATING,
        "moved = -weight if cause is Cause.STRUCK else weight",
        "moved = weight",
        (f"{WORKFLOW}test_rating.py::test_a_rating_that_is_struck_does_not_count_whenever_that_is",),
    ),
    Mutant(
        "a bank is asked to pay what Stripe may have paid",
        "relais/steps/by_hand.py",
        "        if act.state is ActState.REFUSED\n        and act.amount",
        "        if act.amount",
        (f"{WORKFLOW}test_by_hand.py::test_only_what_stripe_refused_for_good_can_be_recorded",),
    ),
    Mutant(
        "the alarm of pay that waits never rings",
        "relais/steps/onboarding.py",
        'return now >= datetime.fromisoformat(gate.shown["alarm"])',
        "return False",
        (
            f"{WORKFLOW}test_onboarding.py::test_reminders_then_the_seller_then_the_alarm_and_never_more_than_one_a_week",
        ),
    ),
    Mutant(
        "a restored order's run has a name that was used",
        "relais/steps/restored.py",
        "    while ports.machine.status(order.id, newest + 1) != ABSENT:\n        newest += 1\n",
        "",
        (f"{WORKFLOW}test_restored.py::test_the_next_run_is_counted_after_those_that_the_table_has_forgotten",),
    ),
    Mutant(
        "a preview shows what another gate's link leads to",
        "relais/steps/preview.py",
        "    if gate.id.kind not in SHOWS or gate.status is not Status.OPEN:\n        raise NoPreviewError\n",
        "",
        (f"{WORKFLOW}test_previews.py",),
    ),
    Mutant(
        "links within are asked for",
        "relais/adapters/sites.py",
        "    if not addresses or not all(map(public, addresses)):\n        raise NotAskedError\n",
        "",
        ("tests/integration/test_sites.py::test_a_name_that_leads_within_is_not_asked",),
    ),
)
MUTANTS = (*ADDRESSEES, *REMINDERS, *CONDITIONS, *BARGAINS, *DISPUTED, *LEFT, *AFTERWARDS)
