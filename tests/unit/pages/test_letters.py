"""The mails: the right facts for their reader, and none of the others'."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relais.gate import Kind, Role
from relais.offer import Disclosure, RefundCause
from relais.pages import words
from relais.pages.letter_views import Mail
from relais.pages.letters import compose, write
from relais.performer import Performer
from tests.unit.pages import samples
from tests.unit.pages.document import HOSTILE, Document

READERS = (Role.CLIENT, Role.FREELANCER, Role.SELLER)
KEYS = tuple(key + suffix for key, suffix in product((*samples.LETTERS, "never_heard_of"), ("", ".reminder")))
OF_THE_CLIENT = ("Marie", "Quatremer", samples.CLIENT_EMAIL, "290", "155")
OF_THE_FREELANCER = ("Inès", "Moreau", samples.FREELANCER.email, samples.FREELANCER.phone, "130\u00a0€", "€130")


def whole(mail: Mail) -> str:
    return f"{mail.subject}\n{mail.text}\n{mail.html}"


@pytest.mark.parametrize(("lang", "role"), tuple(product(words.LANGUAGES, READERS)))
def test_every_mail_can_be_written_for_every_reader(lang: str, role: Role) -> None:
    """No mail fails for want of words; the text twin says what the HTML says, with the one link."""
    for key in KEYS:
        view = samples.letter_view(lang, key, role)
        mail = write(view)
        document = Document(mail.html)
        assert not document.open, key
        assert mail.to == view.to, key
        assert mail.subject, key
        assert mail.subject.isprintable() or "\u00a0" in mail.subject, key
        for said in (compose(view).hello, *compose(view).lead, compose(view).button):
            assert said in mail.text, key
            assert said in " ".join(document.text), key
        assert view.link, key
        assert view.link in mail.text, key
        assert view.link in [link["href"] for link in document.all("a")], key
        assert samples.SHOP.email in mail.text, key


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_a_freelancer_is_told_nothing_of_the_client(lang: str) -> None:
    """Neither price, name nor address; nor the title and date that the client was sold (design: people 1 and 6 C)."""
    promised = words.when(samples.ORDER.promised or samples.NOW, lang, samples.ZONE, "day")
    for key in KEYS:
        said = whole(write(samples.letter_view(lang, key, Role.FREELANCER)))
        for secret in (*OF_THE_CLIENT, promised, samples.OFFER.title.in_(lang)):
            assert secret not in said, (key, secret)


@pytest.mark.parametrize(("lang", "disclosure"), tuple(product(words.LANGUAGES, Disclosure)))
def test_a_client_is_told_nothing_of_the_freelancer(lang: str, disclosure: Disclosure) -> None:
    """Neither pay, address nor working date; the name only where the offer discloses it."""
    offer = replace(samples.OFFER, policy=replace(samples.OFFER.policy, disclosure=disclosure))
    for key in KEYS:
        said = whole(write(samples.letter_view(lang, key, Role.CLIENT, offer=offer)))
        named = samples.FREELANCER.name in said
        assert named is (disclosure is Disclosure.BY_NAME), key
        rest = said.replace(samples.FREELANCER.name, "")
        for secret in (*OF_THE_FREELANCER, words.when(samples.WORK_DEADLINE, lang, samples.ZONE, "day")):
            assert secret not in rest, (key, secret)


@pytest.mark.parametrize(
    ("lang", "subject"),
    [
        ("fr", "130 € · logo · à rendre jeudi 3 déc. 18 h · réponse avant mardi 17 h"),
        ("en", "€130 · logo · due Thu 3 Dec 18:00 · answer by Tue 17:00"),
    ],
)
def test_a_proposal_says_it_all_in_its_subject(lang: str, subject: str) -> None:
    """Pay, skill, date and time to answer, readable on a locked phone (design: people 6 C)."""
    mail = write(samples.letter_view(lang, "proposal", Role.FREELANCER))
    assert mail.subject.replace("\u00a0", " ") == subject


def test_a_proposal_holds_the_whole_brief_and_what_binds() -> None:
    """Nothing that matters stands behind a login (design: people 6 C)."""
    mail = write(samples.letter_view("fr", "proposal", Role.FREELANCER))
    for _, answer in samples.BRIEF:
        assert answer.splitlines()[0] in mail.text
    for said in (
        "2 retouches",
        "au plus tard le vendredi 18 décembre",
        "tout (130\u00a0€)",
        "la moitié",
        "rien",
        "portfolio",
    ):
        assert said.lower() in mail.text.lower(), said
    assert compose(samples.letter_view("fr", "proposal", Role.FREELANCER)).preheader == "Boulangerie Aubépine"


@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize("key", ["brief", "proposal", "work", "review", "acceptance", "pick", "stuck"])
def test_a_mail_that_asks_says_what_silence_means(lang: str, key: str) -> None:
    """Promise 3: the contract is printed in the mail, with the reminders that will come."""
    role = samples.gate(Kind(key)).role
    view = samples.letter_view(lang, key, role)
    assert view.gate
    mail = write(view)
    contract = words.contract(view.gate, lang, samples.ZONE)
    reminded = words.reminders(view.gate, lang, samples.ZONE, samples.NOW)
    assert contract in mail.text
    assert contract in " ".join(Document(mail.html).text)
    assert reminded is not None
    assert reminded in mail.text


@pytest.mark.parametrize("key", ["accepted", "paid", "completed", "to_pay", "refunded", "cancelled"])
def test_a_mail_that_tells_asks_for_nothing(key: str) -> None:
    """A deadline beside good news would puzzle its reader."""
    for role in READERS:
        letter = compose(samples.letter_view("fr", key, role))
        assert letter.contract is None
        assert letter.reminded is None


def test_what_has_to_change_stands_in_the_mail() -> None:
    """The freelancer reads the remarks before opening anything."""
    for key in ("rework", "revision"):
        mail = write(samples.letter_view("fr", key, Role.FREELANCER))
        assert "> Le vert est trop clair." in mail.text
        assert "Le vert est trop clair." in mail.html


def test_a_reminder_says_so_and_keeps_the_facts() -> None:
    """It is the same mail, marked."""
    first = write(samples.letter_view("fr", "acceptance", Role.CLIENT))
    again = write(samples.letter_view("fr", "acceptance.reminder", Role.CLIENT))
    assert again.subject == f"Rappel\u00a0: {first.subject}"
    assert words.say("fr", "mail.reminder.lead") in again.text


def test_late_tells_the_seller_whom_to_call() -> None:
    """Name and phone of whoever is late (design: people 6 E 7)."""
    mail = write(samples.letter_view("fr", "late", Role.SELLER))
    assert samples.FREELANCER.phone in mail.text
    assert "la remise du travail" in mail.subject


def test_a_mail_without_a_link_has_no_button() -> None:
    """What is only told leads nowhere."""
    view = samples.letter_view("fr", "to_pay", Role.FREELANCER, link=None, gate=None)
    mail = write(view)
    assert compose(view).button not in mail.text
    assert [link["href"] for link in Document(mail.html).all("a")] == [f"mailto:{samples.SHOP.email}"]


REFUNDS = {
    "change_of_mind": ("Comme convenu", "As agreed"),
    "seller_fault": ("désolés", "sorry"),
    "brief_not_met": ("répondait pas à votre brief", "not meet your brief"),
    "refund_right": ("comme promis", "as promised"),
    "late": ("à temps", "in time"),
    "withdrawal": ("rétractation", "withdrawal"),
    "amount": ("prix de la commande", "price of the order"),
}


@pytest.mark.parametrize("cause", [*RefundCause, "amount"])
def test_a_refund_says_how_much_why_and_when_it_arrives(cause: str) -> None:
    """The client has nothing to ask and nothing to do."""
    arrives = {"fr": "5 à 10 jours ouvrés", "en": "5 to 10 working days"}
    for lang, why in zip(words.LANGUAGES, REFUNDS[cause], strict=True):
        mail = write(samples.letter_view(lang, "refunded", Role.CLIENT, facts={"amount": 12_345, "cause": cause}))
        amount = words.money(12_345, "eur", lang)
        assert amount in mail.subject
        for said in (amount, why, arrives[lang], words.say(lang, "order.refund.nothing")):
            assert said in mail.text, said
        assert words.when(samples.ORDER.promised or samples.NOW, lang, samples.ZONE, "day") not in mail.text


def test_a_refund_without_cause_is_the_clients_silence_or_our_own_lack() -> None:
    """Nobody who handed in a brief is told that the answers never came."""
    silent = replace(samples.ORDER, handed_in=None)
    facts = {"amount": samples.PRICE, "cause": ""}
    unanswered = write(samples.letter_view("fr", "refunded", Role.CLIENT, order=silent, facts=facts)).text
    untaken = write(samples.letter_view("fr", "refunded", Role.CLIENT, facts=facts)).text
    assert "Vos réponses ne nous sont pas parvenues" in unanswered
    assert "Vos réponses" not in untaken
    assert "désolés" in untaken


def test_a_refund_is_said_in_the_currency_that_was_paid() -> None:
    """A payment in another currency than asked goes back as it came."""
    facts = {"amount": 9_900, "currency": "usd", "cause": "amount"}
    assert "$99" in write(samples.letter_view("en", "refunded", Role.CLIENT, facts=facts)).subject


def test_the_licence_ends_only_where_files_were_seen() -> None:
    """Who never saw a version has no licence to lose."""
    licence = words.say("fr", "order.refund.licence")
    unseen = replace(samples.MILESTONE, version=0)
    assert licence in write(samples.letter_view("fr", "refunded", Role.CLIENT)).text
    assert licence not in write(samples.letter_view("fr", "refunded", Role.CLIENT, milestone=unseen)).text
    assert licence not in write(samples.letter_view("fr", "refunded", Role.CLIENT, milestone=None)).text


@pytest.mark.parametrize(
    ("lang", "unharmed", "unpaid"),
    [("fr", "aucun effet sur votre note", "rien n’est dû"), ("en", "no effect on your score", "nothing is due")],
)
def test_cancelled_work_costs_no_score_and_says_what_is_paid_all_the_same(
    lang: str, unharmed: str, unpaid: str
) -> None:
    """Paid, nothing due, or nobody engaged: each is said as it is (design: people 6 C 10)."""
    pay, cause = words.money(samples.PAY, "eur", lang), words.say(lang, "cause.refund_right")
    told = [
        write(samples.letter_view(lang, "cancelled", Role.FREELANCER, pay=paid)).text for paid in (samples.PAY, 0, None)
    ]
    assert all(unharmed in text for text in told)
    assert [pay in text for text in told] == [True, False, False]
    assert [unpaid in text for text in told] == [False, True, False]
    assert [cause in text for text in told] == [True, True, False]


def test_a_pick_tells_the_seller_what_is_at_stake() -> None:
    """What can be done, until when, and the price that would go back, without opening anything."""
    mail = write(samples.letter_view("fr", "pick", Role.SELLER))
    assert "Personne n’a pris cette commande" in mail.subject
    assert "mardi 1er déc. 17\u00a0h" in mail.subject
    assert "290\u00a0€" in mail.text


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_stuck_says_what_to_press_and_where_to_look(lang: str) -> None:
    """Engine trouble: which order, what to press (design: people 6 E 10)."""
    mail = write(samples.letter_view(lang, "stuck", Role.SELLER))
    assert words.say(lang, "choice.stuck.resume") in mail.text
    assert f"relais order show {samples.ORDER.id}" in mail.text


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80))
def test_what_people_wrote_stays_text_in_a_mail(text: str) -> None:
    """Scripts add no element, and no line break reaches a header."""
    elements = [tag for tag, _, _ in Document(written("x").html).elements]
    for said in (HOSTILE, text):
        mail = written(said)
        assert [tag for tag, _, _ in Document(mail.html).elements] == elements
        assert not set("\r\n\0") & set(mail.subject)
    assert HOSTILE in " ".join(Document(written(HOSTILE).html).text)


def written(said: str) -> Mail:
    brief = (("?", "." + said + "."),)
    name = replace(samples.FREELANCER, name="Inès" + said)
    return write(samples.letter_view("fr", "proposal", Role.FREELANCER, brief=brief, freelancer=name))


def test_a_client_whose_name_is_not_known_is_greeted_all_the_same() -> None:
    """Some payments bring no name."""
    mail = write(samples.letter_view("en", "brief", Role.CLIENT, order=replace(samples.ORDER, client_name=None)))
    assert mail.text.startswith("Hello,\n")


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_each_version_to_review_has_a_subject_of_its_own(lang: str) -> None:
    """Mailboxes put mails of one subject into one thread: version 3 must not hide behind version 1."""
    versions = [replace(samples.MILESTONE, version=number) for number in (1, 2, 3)]
    subjects = [write(samples.letter_view(lang, "review", Role.SELLER, milestone=one)).subject for one in versions]
    assert len(set(subjects)) == len(subjects)
    assert all(str(number) in subject for number, subject in enumerate(subjects, start=1))


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_the_mail_after_a_change_says_that_the_version_is_new(lang: str) -> None:
    """Its reader asked for something and wants to know that this is it."""
    first = write(samples.letter_view(lang, "acceptance", Role.CLIENT))
    again = write(samples.letter_view(lang, "revised", Role.CLIENT))
    assert again.subject != first.subject
    assert {"fr": "nouvelle version", "en": "new version"}[lang] in again.text


@pytest.mark.parametrize("role", [Role.CLIENT, Role.FREELANCER])
def test_the_mail_of_an_address_nobody_reads_tells_the_seller_how_to_correct_it(role: Role) -> None:
    """A client's on the order, a freelancer's in the roster: one sentence, ready to be typed."""
    facts = {"kind": "acceptance", "role": role.value, "address": "marie@gmial.com"}
    mail = write(samples.letter_view("fr", "unreached", Role.SELLER, facts=facts, link=None))
    assert "marie@gmial.com" in mail.text
    command = f"relais order address {samples.ORDER.id}" if role is Role.CLIENT else "relais catalog apply"
    assert command in mail.text
    assert "marie@gmial.com" not in mail.subject


def test_where_something_was_bought_is_never_told_to_the_client() -> None:
    """The seller is promised so where they type it, whatever the offer discloses."""
    assert samples.OFFER.policy.disclosure is not Disclosure.BY_NAME
    offer = replace(samples.OFFER, policy=replace(samples.OFFER.policy, disclosure=Disclosure.BY_NAME))
    platform = replace(samples.FREELANCER, name="Une plateforme", kind=Performer.OUTSIDE)
    for key in samples.LETTERS:
        told = whole(write(samples.letter_view("fr", key, Role.CLIENT, offer=offer, freelancer=platform)))
        assert "Une plateforme" not in told
