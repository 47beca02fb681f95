import json
from typing import Any

from devstack.mailbox import Mail, as_json, list_page, mail_page, read_mails


def message(subject: str, html: str = "<p>Bonjour</p>") -> dict[str, Any]:
    return {
        "Source": "=?utf-8?q?Atelier_M=C3=AFstral?= <bonjour@atelier-mistral.example>",
        "To": ["marie@example.org"],
        "Subject": subject,
        "BodyText": "Voir http://127.0.0.1:8010/o/abc/s",
        "BodyHtml": html,
        "Timestamp": "1795302600.375625",
    }


def mails(*subjects: str) -> tuple[Mail, ...]:
    return read_mails({"messages": {"000000000000": [message(subject) for subject in subjects]}})


def test_mails_are_read_with_sender_and_time_in_words() -> None:
    """The local cloud keeps headers encoded and times as seconds."""
    (mail,) = mails("Merci")
    assert mail.sender == "Atelier Mïstral <bonjour@atelier-mistral.example>"
    assert (mail.number, mail.at) == (1, "2026-11-21T23:10:00+00:00")


def test_the_newest_mail_stands_first() -> None:
    """Whoever clicks through a journey waits for the next mail, not for the first."""
    three = mails("un", "deux", "trois")
    assert [one["subject"] for one in json.loads(as_json(three))] == ["trois", "deux", "un"]
    page = list_page(three)
    assert page.index("trois") < page.index("deux") < page.index("un</strong>")


def test_a_mail_can_do_nothing_to_the_mailbox() -> None:
    """A mail holds what clients typed: its subject is escaped, its HTML runs in a frame that may only open links."""
    (mail,) = read_mails({"messages": {"0": [message("<script>1</script>", '<script>alert("x")</script>')]}})
    page = mail_page(mail)
    assert "<script>" not in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "<script>" not in list_page([mail])


def test_links_of_a_mail_open_outside_its_frame() -> None:
    """Inside the frame no form could be sent: a person must get out of it by a click."""
    page = mail_page(mails("Merci")[0])
    assert "&lt;base target=&#34;_blank&#34;&gt;" in page
    assert '<a href="http://127.0.0.1:8010/o/abc/s" rel="noopener" target="_blank">' in page


def test_an_empty_mailbox_says_so() -> None:
    """A newcomer opens it before anything was sent."""
    assert "Nobody has been written to yet" in list_page([])
