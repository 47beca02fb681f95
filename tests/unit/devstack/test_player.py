from datetime import UTC, datetime, timedelta

import pytest

from devstack.browser import PageError, read_page
from devstack.mailbox import Mail
from devstack.player import GATE_LINK, ORDER_LINK, _brief, _has, _link, _offered, later_than
from relais.gate import JITTER_SECONDS, Default, Gate, GateId, Kind, Role

DEADLINE = datetime(2026, 11, 25, 17, tzinfo=UTC)


def mail(*links: str) -> Mail:
    body = "".join(f'<a href="{link}">Ouvrir</a>' for link in links)
    return Mail(1, "", "", ("ines@example.org",), "À vous", "", body)


def test_a_gates_link_is_found_by_what_it_asks() -> None:
    """The seller's mails lead to reviews, the freelancer's to work: the player follows the one it was sent."""
    work = "http://h/g/o1/01-work-0003/secret"
    letter = mail("http://h/", "http://h/o/o1/secret", "http://h/g/o1/01-review-0002/s", work)
    assert _link(letter, GATE_LINK, Kind.WORK) == work
    assert _link(letter, ORDER_LINK, None) == "http://h/o/o1/secret"
    assert not _has(letter, GATE_LINK, Kind.ACCEPTANCE)
    with pytest.raises(PageError, match="À vous"):
        _link(letter, GATE_LINK, Kind.ACCEPTANCE)


def test_a_question_that_nobody_expected_is_left_to_the_shop() -> None:
    """A brief may get another question without the player being taught an answer."""
    html = "<form><input name='q_name'><input name='q_new'><input type='checkbox' name='skip_new' value='yes'></form>"
    answers = _brief(read_page("http://h/", 200, html).form("q_name"))
    assert answers.keys() == {"q_name", "skip_new", "ready"}


def test_only_a_choice_on_the_page_is_taken() -> None:
    """What the page offers is said when it isn't the one that was meant."""
    form = read_page("http://h/", 200, "<form><input type='radio' name='choice' value='accept'></form>").form("choice")
    assert _offered(form, "accept") == "accept"
    with pytest.raises(PageError, match="offers accept, not refund"):
        _offered(form, "refund")


def test_the_clock_is_moved_past_deadline_and_jitter() -> None:
    """A default runs up to ten minutes late: moved to the deadline alone, the hold might still hold."""
    gate = Gate(
        order="o1",
        id=GateId("01", Kind.HOLD, 9),
        role=Role.CLOCK,
        owner="clock",
        lang="fr",
        choices=(),
        default=Default.RELEASE,
        opened=DEADLINE - timedelta(days=3),
        deadline=DEADLINE,
    )
    late = later_than(gate) - DEADLINE.timestamp()
    assert 0 < late < JITTER_SECONDS
