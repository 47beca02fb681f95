"""The pages: in both languages, in every state, safe to show and usable without a mouse."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relais.gate import Choice, Kind, Role
from relais.offer import Disclosure, OfferStatus, Question, Release, Review, Text
from relais.order import OrderStage
from relais.pages import words
from relais.pages.phrases import park_reason, why_you
from relais.pages.render import GIVEN, Page, page, questions_left, say_problem, security_headers
from relais.pages.views import FileView, NoticeView
from relais.problem import Problem
from relais.roster import Reason
from tests.unit.pages import samples
from tests.unit.pages.document import HOSTILE, Document

LANGS = words.LANGUAGES
PROBLEMS: dict[str, dict[str, str | int]] = {
    "answer_missing": {"question": "Le nom ?"},
    "too_long": {"limit": 2000},
    "choice_missing": {},
    "note_missing": {},
    "file_empty": {"name": "a.png"},
    "file_too_large": {"name": "a.png", "limit_mb": 500},
    "file_missing": {"name": "a.png"},
    "file_name": {"name": "a.png", "limit": 150},
    "file_count": {"limit": 20},
    "files_required": {},
    "address_invalid": {},
    "nonce_expired": {},
    "consent_missing": {},
    "kind_missing": {},
    "freelancer_missing": {},
    "freelancer_full": {},
    "brief_too_long": {"limit": 20000},
    "field_unknown": {"field": "amount"},
    "upload_pending": {},
    "upload_refused": {},
}


def show(view: Page) -> Document:
    return Document(page(view))


@dataclass(frozen=True)
class Shown:
    """A page as it was rendered, and as a browser reads it."""

    name: str
    view: Page
    html: str
    document: Document


@cache
def every(lang: str) -> tuple[Shown, ...]:
    """Every page in every state; rendered and read once for all that is asked of them."""
    return tuple(Shown(name, view, html := page(view), Document(html)) for name, view in samples.pages(lang))


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_in_every_state_is_a_whole_document_in_its_language(lang: str) -> None:
    """Every template, state, choice and notice renders, closes what it opens, and says its language and title."""
    shown = every(lang)
    assert len(shown) > 400
    for one in shown:
        name, html, document = one.name, one.html, one.document
        assert not document.open, name
        assert document.all("html")[0]["lang"] == lang, name
        assert len(document.all("h1")) == 1, name
        assert document.all("main", id="main"), name
        assert "{{" not in html, name
        assert "None" not in document.words, name


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_names_the_shop_its_hours_and_a_way_to_reach_the_seller(lang: str) -> None:
    """Nobody is left alone with a machine (design: people 2)."""
    for one in every(lang):
        name, document = one.name, one.document
        assert samples.SHOP.brand in document.words, name
        assert words.opening_hours(samples.SHOP.hours, lang) in " ".join(document.text), name
        assert any((link["href"] or "").startswith(f"mailto:{samples.SHOP.email}") for link in document.all("a")), name


@pytest.mark.parametrize("lang", LANGS)
def test_every_input_has_a_label_and_every_reference_leads_somewhere(lang: str) -> None:
    """WCAG 1.3.1 and 4.1.2: what can be filled in has a name; links to a problem and descriptions exist."""
    for one in every(lang):
        name, document = one.name, one.document
        ids = [attrs["id"] for _, attrs, _ in document.elements if "id" in attrs]
        assert len(ids) == len(set(ids)), name
        labelled = {attrs.get("for") for attrs in document.all("label")}
        for tag, attrs, around in document.elements:
            if tag in {"input", "textarea", "select"} and attrs.get("type") != "hidden":
                assert attrs.get("id") in labelled or "label" in around, (name, attrs)
            for reference in (attrs.get("aria-describedby") or "").split():
                assert reference in ids, (name, reference)
            if tag == "a" and (attrs.get("href") or "").startswith("#"):
                assert (attrs["href"] or "").removeprefix("#") in ids, (name, attrs)
            if tag == "img":
                assert "alt" in attrs, name


@pytest.mark.parametrize("lang", LANGS)
def test_pages_hold_nothing_that_the_policy_forbids(lang: str) -> None:
    """No event handlers, no style attributes, no address of a third party: the policy would block them silently.

    A link that somebody handed in leads elsewhere, and tells nobody where the reader came from.
    """
    for one in every(lang):
        name, document = one.name, one.document
        for tag, attrs, _ in document.elements:
            assert not [attr for attr in attrs if attr.startswith("on") or attr == "style"], name
            for attr in ("src", "href", "action"):
                address = attrs.get(attr) or ""
                own = address.startswith((samples.HOME, "data:", "mailto:", "tel:", "#")) or address == ""
                own = own or (address.startswith("/") and not address.startswith("//"))
                handed_in = tag == "a" and attrs.get("rel") == "noopener noreferrer"
                assert own or handed_in, (name, tag, address)


def test_style_and_script_are_allowed_by_their_own_hash() -> None:
    """A changed byte without its hash would leave the page unstyled and uploads dead."""
    html = page(samples.gate_view("fr", Kind.WORK))
    policy = security_headers("https://files.example", ("https://checkout.stripe.com",))["content-security-policy"]
    for tag in ("style", "script"):
        inline = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        assert len(inline) == 1
        digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_headers_let_nothing_of_third_parties_in_and_nothing_out() -> None:
    """Failures section 10, item 5; the redirect to the hosted checkout is held to form-action."""
    headers = security_headers("https://files.example", ("https://checkout.stripe.com", "http://127.0.0.1:8011"))
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["connect-src"] == "'self' https://files.example"
    assert policy["img-src"] == "'self' data: https://files.example"
    assert policy["form-action"] == "'self' https://checkout.stripe.com http://127.0.0.1:8011"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", samples.ASKED)
def test_a_form_that_is_sent_without_choosing_carries_no_choice(kind: Kind) -> None:
    """Robots press buttons; a decision takes a chosen value (design: workflow 1, failures 28)."""
    document = show(samples.gate_view("en", kind))
    radios = document.all("input", name="choice")
    offered = [choice for choice in GIVEN[kind] if choice in samples.ROUTED[kind]]
    assert [radio["value"] for radio in radios] == [choice.value for choice in offered]
    assert all(radio["type"] == "radio" and "checked" not in radio for radio in radios)
    buttons = document.all("button", type="submit")
    assert len(buttons) == 1
    assert "name" not in buttons[0]


@pytest.mark.parametrize("kind", samples.ASKED)
def test_no_address_chooses_for_its_reader(kind: Kind) -> None:
    """A link may name an answer; only a form that comes back shows one as chosen."""
    asked = samples.gate_view("en", kind, picked=samples.ROUTED[kind][0])
    assert not [radio for radio in show(asked).all("input", name="choice") if "checked" in radio]
    back = replace(
        asked, picked=None, problems=(Problem("nonce_expired"),), typed={"choice": samples.ROUTED[kind][0].value}
    )
    assert len([radio for radio in show(back).all("input", name="choice") if "checked" in radio]) == 1


def test_an_offer_chooses_and_consents_to_nothing_for_its_reader() -> None:
    """Consent that is ticked beforehand is no consent (Directive 2011/83/EU, article 22)."""
    document = show(samples.offer_view("fr"))
    chosen = [attrs for attrs in document.all("input") if attrs.get("type") in {"radio", "checkbox"}]
    assert {attrs["name"] for attrs in chosen} == {"client_kind", "start_now", "ends_when_done"}
    assert not [attrs for attrs in chosen if "checked" in attrs]


@pytest.mark.parametrize("status", [OfferStatus.PAUSED, OfferStatus.DRAFT])
def test_an_offer_that_is_not_open_has_no_button_to_buy(status: OfferStatus) -> None:
    """A pause is said, not discovered after paying."""
    document = show(samples.offer_view("fr", offer=replace(samples.OFFER, status=status)))
    assert not document.all("form")
    assert not document.all("button")


@pytest.mark.parametrize("lang", LANGS)
def test_an_offer_says_price_date_guarantee_and_who(lang: str) -> None:
    """The first screen of the design, in its order (people 6, A)."""
    said = show(samples.offer_view(lang)).words.replace("\u00a0", " ")
    promised = {
        "fr": "au plus tard le vendredi 4 décembre si vous répondez",
        "en": "Yours by Friday 4 December if you answer",
    }
    order = {"fr": "Commander, 290 €", "en": "Order, €290"}
    assert promised[lang] in said
    assert order[lang] in said
    assert samples.SHOP.vat.in_(lang) in said
    assert samples.OFFER.guarantee.in_(lang).replace("\u00a0", " ") in said


@pytest.mark.parametrize("lang", LANGS)
def test_the_offer_claims_only_what_its_disclosure_says(lang: str) -> None:
    """Brand only names nobody else; nothing claims a check that the policy does not make."""
    for disclosure in Disclosure:
        policy = replace(samples.OFFER.policy, disclosure=disclosure, review=Review.FIRST_VERSION)
        said = show(samples.offer_view(lang, offer=replace(samples.OFFER, policy=policy))).words
        outside = re.search("indépendant que|independent professional", said)
        assert bool(outside) is (disclosure is not Disclosure.BRAND_ONLY)
        assert not re.search("chaque version|every version", said)


def test_the_checks_are_claimed_only_for_a_version_that_was_reviewed() -> None:
    """A later version of an offer that reviews the first one alone went straight to the client."""
    policy = replace(samples.OFFER.policy, review=Review.FIRST_VERSION)
    later = replace(samples.MILESTONE, version=2)
    unseen = samples.gate_view("en", Kind.ACCEPTANCE, offer=replace(samples.OFFER, policy=policy), milestone=later)
    assert "What we checked" not in show(unseen).words
    assert "What we checked" in show(samples.gate_view("en", Kind.ACCEPTANCE, milestone=later)).words


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", [Kind.PROPOSAL, Kind.WORK])
def test_a_freelancers_page_tells_nothing_of_the_client_and_the_price(lang: str, kind: Kind) -> None:
    """Each side knows its own terms only (design: people 1 and 6 C); the offer's title would lead to price and date."""
    html = page(samples.gate_view(lang, kind)).replace("\u00a0", " ")
    for secret in (samples.CLIENT_EMAIL, "Quatremer", "Marie", "290", samples.OFFER.title.in_(lang), "4 déc", "4 Dec"):
        assert secret not in html, secret


@pytest.mark.parametrize("lang", LANGS)
def test_a_clients_pages_tell_nothing_of_the_freelancer(lang: str) -> None:
    """Neither name, pay nor working date, on any page that a client opens."""
    shown: list[Page] = [view for _, view in samples.order_pages(lang)]
    for view in (*shown, samples.gate_view(lang, Kind.ACCEPTANCE, pay=samples.PAY, margin=15_540)):
        html = page(view).replace("\u00a0", " ")
        for secret in ("Moreau", "Inès", "130 €", "€130", "155,40", "155.40", "3 déc", "3 Dec"):
            assert secret not in html, secret


def test_only_the_seller_sees_the_margin() -> None:
    """The margin stands on the review card (design: people 6 E)."""
    assert "155,40" in page(samples.gate_view("fr", Kind.REVIEW))


@pytest.mark.parametrize("lang", LANGS)
def test_acceptance_offers_what_the_gate_offers_and_counts_the_changes(lang: str) -> None:
    """Without changes left there is no such choice; the count says what is included."""
    used = replace(samples.MILESTONE, revisions_left=1, revisions_used=1)
    said = show(samples.gate_view(lang, Kind.ACCEPTANCE, milestone=used)).words.replace("\u00a0", " ")
    assert {"fr": "2 comprises, 1 utilisée", "en": "2 included, 1 used"}[lang] in said
    gate = replace(samples.gate(Kind.ACCEPTANCE, lang), choices=(Choice.ACCEPT,))
    document = show(samples.gate_view(lang, Kind.ACCEPTANCE, gate=gate))
    assert [radio["value"] for radio in document.all("input", name="choice")] == ["accept"]


@pytest.mark.parametrize(
    ("lang", "answer", "then"),
    [
        (
            "fr",
            "Ça ne va pas : remboursez-moi",
            "290 € par le moyen de paiement utilisé sous 5 à 10 jours ouvrés ; la licence",
        ),
        ("en", "It isn’t right: refund me", "€290 back the way you paid within 5 to 10 working days; the licence"),
    ],
)
def test_the_right_to_a_refund_is_one_choice_among_equals(lang: str, answer: str, then: str) -> None:
    """Its sum and consequence beside it, nothing chosen beforehand; never where the gate has no such choice."""
    document = show(dict(samples.pages(lang))["gate-acceptance-right"])
    said = document.words.replace("\u00a0", " ")
    assert answer in said
    assert then in said
    radios = document.all("input", name="choice")
    assert [radio["value"] for radio in radios] == ["accept", "refund"]
    assert not [radio for radio in radios if "checked" in radio]
    assert len({around for _, attrs, around in document.elements if attrs.get("name") == "choice"}) == 1
    gate = replace(samples.gate(Kind.ACCEPTANCE, lang), choices=(Choice.ACCEPT, Choice.REVISE))
    assert answer not in show(samples.gate_view(lang, Kind.ACCEPTANCE, gate=gate)).words.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("lang", "facts"),
    [
        (
            "fr",
            [
                "130 € · 1 place libre sur 2 · français, anglais · noté 4,8/5 (23 avis)",
                "165 € · complet · français · pas encore noté",
                "95 € · 1 place libre sur 1 · eo · noté 4,0/5 (1 avis)",
                "indisponible jusqu’au mardi 1er décembre · à l’essai · pas encore de compte Stripe",
                "0 € · 2 places libres sur 2",
            ],
        ),
        (
            "en",
            [
                "€130 · 1 of 2 places free · French, English · rated 4.8/5 (23 ratings)",
                "€165 · full · French · not rated yet",
                "€95 · 1 of 1 places free · eo · rated 4.0/5 (1 rating)",
                "away until Tuesday 1 December · on trial · no Stripe account yet",
                "€0 · 2 of 2 places free",
            ],
        ),
    ],
)
def test_a_pick_shows_who_can_be_asked_and_what_speaks_for_and_against(lang: str, facts: list[str]) -> None:
    """Rate, room, languages and score, as the seller decides by hand; nobody is chosen, a full one cannot be."""
    document = show(samples.gate_view(lang, Kind.PICK))
    said = document.words.replace("\u00a0", " ")
    for fact in facts:
        assert fact in said, fact
    radios = document.all("input", name="freelancer")
    assert [radio["value"] for radio in radios] == [one.key for one in samples.CANDIDATES]
    assert not [radio for radio in radios if "checked" in radio]
    assert [radio["value"] for radio in radios if "disabled" in radio] == ["studio-nord"]


def test_a_pick_that_comes_back_keeps_who_was_picked() -> None:
    """Nothing of what was chosen is lost; an address chooses nobody."""
    typed = {"choice": "picked", "freelancer": "claire"}
    view = samples.gate_view("fr", Kind.PICK, typed=typed)
    assert not [attrs for attrs in show(view).all("input", name="freelancer") if "checked" in attrs]
    back = show(replace(view, problems=(Problem("freelancer_full", "freelancer"),)))
    assert [attrs["value"] for attrs in back.all("input") if "checked" in attrs] == ["picked", "claire"]
    assert back.all("a", href="#freelancer")


@pytest.mark.parametrize("lang", LANGS)
def test_a_pick_without_anybody_offers_nobody_and_says_why(lang: str) -> None:
    """A choice that cannot be carried out is not offered."""
    document = show(samples.gate_view(lang, Kind.PICK, candidates=(), own=None))
    assert [radio["value"] for radio in document.all("input", name="choice")] == ["outside", "wait", "refund"]
    assert not document.all("input", name="freelancer")
    assert words.say(lang, "candidate.none") in " ".join(document.text)


@pytest.mark.parametrize(("lang", "told"), [("fr", "120 €"), ("en", "€120")])
@pytest.mark.parametrize("kind", [Kind.PICK, Kind.PARK, Kind.ACCEPTANCE])
def test_a_choice_that_refunds_says_the_sum(lang: str, told: str, kind: Kind) -> None:
    """Nobody gives back, or gives up, an unknown amount; without one it is the milestone's share."""
    milestone = replace(samples.MILESTONE, price=12_000)
    for view in (
        samples.gate_view(lang, kind, refund=12_000),
        samples.gate_view(lang, kind, refund=None, milestone=milestone),
    ):
        assert told in show(view).words.replace("\u00a0", " ")


@pytest.mark.parametrize("lang", LANGS)
def test_stuck_says_what_happened_and_what_to_press(lang: str) -> None:
    """Engine trouble: the order, one choice, and where the cause is found (design: people 6 E 10)."""
    document = show(samples.gate_view(lang, Kind.STUCK))
    assert [radio["value"] for radio in document.all("input", name="choice")] == ["resume"]
    assert words.say(lang, "stuck.press") in " ".join(document.text)
    assert words.say(lang, "choice.stuck.resume") in words.say(lang, "stuck.press")
    assert f"relais order show {samples.ORDER.id}" in document.words


def order_page_of(lang: str, name: str) -> Document:
    return show(dict(samples.order_pages(lang))[name])


@pytest.mark.parametrize(
    "name",
    ["refunding-late", "refunding-unanswered", "refunded-closing", "refunded-held", "refunded", "milestone-refund"],
)
@pytest.mark.parametrize(
    ("lang", "told", "arrives"), [("fr", "290 €", "5 à 10 jours ouvrés"), ("en", "€290", "5 to 10 working days")]
)
def test_a_refunded_client_reads_how_much_and_when_and_has_nothing_to_do(
    name: str, lang: str, told: str, arrives: str
) -> None:
    """No form, no file: the amount, when it arrives, nothing to do."""
    document = order_page_of(lang, name)
    said = document.words.replace("\u00a0", " ")
    assert told in said
    assert arrives in said
    assert words.say(lang, "order.refund.nothing") in " ".join(document.text)
    assert not document.all("form")
    assert words.say(lang, "order.files") not in said


def test_a_refund_is_dated_by_the_day_it_was_taken() -> None:
    """An order that still pays its freelancer ends days later: that day is not the refund's."""
    dated = "Remboursée : 290 € le vendredi 27 novembre"
    assert dated in order_page_of("fr", "refunded").words.replace("\u00a0", " ")
    assert dated in order_page_of("fr", "refunded-unwound").words.replace("\u00a0", " ")
    view = replace(dict(samples.order_pages("fr"))["refunded"], refunded_at=None)
    undated = show(view).words.replace("\u00a0", " ")
    assert "Remboursée : 290 €" in undated
    assert "27 novembre" not in undated


def test_files_of_a_refunded_order_are_not_offered_even_if_they_are_handed_over() -> None:
    """The licence ended with the refund."""
    for name in ("refunded", "refunded-held", "refunded-unwound", "refunding-late"):
        view = replace(dict(samples.order_pages("fr"))[name], files=(samples.LOGO, samples.SOURCE))
        assert samples.SOURCE.name not in page(view), name


def test_the_licence_is_said_to_end_only_for_work_that_was_seen() -> None:
    """An order cancelled before its work gave no licence."""
    licence = words.say("fr", "order.refund.licence")
    assert licence in order_page_of("fr", "refunded").words
    assert licence not in order_page_of("fr", "refunded-unwound").words
    view = dict(samples.order_pages("fr"))["milestone-refund"]
    unseen = tuple(replace(one, version=0) for one in view.milestones)
    assert licence in show(view).words
    assert licence not in show(replace(view, milestones=unseen)).words


@pytest.mark.parametrize(("lang", "told"), [("fr", "145 €"), ("en", "€145")])
@pytest.mark.parametrize("name", ["part-coming", "part-refunded"])
def test_a_part_that_is_refunded_is_told_beside_what_goes_on(lang: str, told: str, name: str) -> None:
    """The other milestones keep their files and their state."""
    document = order_page_of(lang, name)
    assert told in document.words.replace("\u00a0", " ")
    assert samples.SOURCE.name in document.words


def test_a_stray_payment_that_went_back_does_not_look_like_a_refund_of_the_order() -> None:
    """The order's pots also hold payments that nobody asked for; the order itself goes on, and ends, as ever."""
    for name in ("milestone-work", "completed"):
        view = dict(samples.order_pages("fr"))[name]
        twice = replace(view, order=replace(view.order, refunded=samples.PRICE, last="00-proposal-0003"))
        assert page(twice) == page(view), name


@pytest.mark.parametrize(
    ("kind", "lang", "told"),
    [
        (Kind.BRIEF, "fr", "Votre commande est annulée"),
        (Kind.ACCEPTANCE, "en", "Your order is cancelled"),
        (Kind.PROPOSAL, "fr", "aucun effet sur votre note"),
        (Kind.WORK, "en", "no effect on your score"),
        (Kind.REVIEW, "en", "The client is refunded"),
    ],
)
def test_an_old_link_of_a_cancelled_order_says_so_to_its_reader(kind: Kind, lang: str, told: str) -> None:
    """Each side reads its own consequence (design: people 6 C 10)."""
    assert told in show(dict(samples.answered_pages(lang))[f"{kind}-cancelled-command-other-then"]).words


def test_cancelled_work_tells_its_pay_to_the_freelancer_alone() -> None:
    """A sum where there is one, nothing where it is not known."""
    shown = dict(samples.answered_pages("fr"))
    work = shown["work-cancelled-command-other-then"]
    assert "Vous recevez tout de même 130 €" in show(work).words.replace("\u00a0", " ")
    assert "rien n’est dû" in show(replace(work, pay=0)).words
    assert not re.search("Vous recevez|rien n’est dû", show(replace(work, pay=None)).words)
    for kind in (Kind.BRIEF, Kind.ACCEPTANCE, Kind.REVIEW):
        assert "tout de même" not in show(shown[f"{kind}-cancelled-command-other-then"]).words


def test_what_accepting_does_follows_the_release() -> None:
    """Files that were there before are not "released"."""
    policy = replace(samples.OFFER.policy, release=Release.FILES)
    view = samples.gate_view("en", Kind.ACCEPTANCE)
    assert "final files are released" in show(view).words
    assert "final files are released" not in show(replace(view, offer=replace(samples.OFFER, policy=policy))).words


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("key", sorted(PROBLEMS))
def test_every_problem_has_a_sentence_of_its_own(lang: str, key: str) -> None:
    """Bad input gets a clear message in the person's language."""
    said = say_problem(Problem(key, None, PROBLEMS[key]), lang)
    assert said != words.say(lang, "problem.any")
    assert all(str(fact) in said for fact in PROBLEMS[key].values())


@pytest.mark.parametrize("lang", LANGS)
def test_problems_stand_on_top_and_beside_their_field_with_all_that_was_typed(lang: str) -> None:
    """Nothing of what was typed is lost, and the way to the field is one press."""
    wrong = (Problem("note_missing", "note"), Problem("file_empty", "file", {"name": "vide.png"}))
    typed = {"note": "Le bleu & <plus> foncé"}
    view = samples.gate_view(
        lang, Kind.ACCEPTANCE, problems=wrong, typed=typed, picked=Choice.REVISE, uploaded=(samples.LOGO,)
    )
    document = show(view)
    assert document.all("section", role="alert")
    assert document.all("a", href="#note")
    assert document.all("textarea", id="note")[0]["aria-invalid"] == "true"
    assert document.words.count(" ".join(words.say(lang, "problem.note_missing").split())) == 2
    assert typed["note"] in document.words
    assert "checked" in document.all("input", name="choice", value="revise")[0]
    assert document.all("input", type="hidden", name="file")[0]["value"] == samples.LOGO.key


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("key", samples.NOTICES)
def test_every_notice_is_a_friendly_page_of_its_own(lang: str, key: str) -> None:
    """A dead link, a refused form, trouble: each says what happened and what to do."""
    titles = {words.say(lang, f"notice.{other}") for other in samples.NOTICES if other not in {key, "already_answered"}}
    document = show(NoticeView(samples.frame(lang), key, 404, back=samples.HOME))
    assert words.say(lang, f"notice.{key}") in " ".join(document.text)
    assert not any(title in document.words for title in titles)


def test_a_question_counts_as_answered_by_words_by_advice_or_by_files() -> None:
    """The count that is shown has to be true."""
    brief = samples.brief_view("fr", typed={"q_name": "Aubépine", "skip_brands": "yes", "q_activity": "  "}, files=())
    assert questions_left(samples.OFFER, brief) == 2
    assert questions_left(samples.OFFER, replace(brief, files=(FileView("a.jpg", 1, "k"),))) == 1


def test_the_brief_keeps_every_answer_and_says_what_sending_starts() -> None:
    """Saving loses nothing; the consequence stands beside the button (design: people 6 B)."""
    typed = {"q_name": "Aubépine & fils", "q_brands": "ligne 1\nligne 2", "skip_activity": "yes"}
    document = show(samples.order_view("fr", OrderStage.BRIEF, brief=samples.brief_view("fr", typed=typed, files=())))
    assert document.all("input", name="q_name")[0]["value"] == "Aubépine & fils"
    assert any(text.strip("\n") == "ligne 1\nligne 2" for text in document.text)
    assert "checked" in document.all("input", name="skip_activity")[0]
    assert "checked" not in document.all("input", name="skip_name")[0]
    assert {button.get("value") for button in document.all("button", name="action")} == {"hand_in", "save"}
    assert "livraison au plus tard le vendredi 4 décembre" in document.words
    assert "Merci Marie, c’est payé. Plus qu’une question." in document.words


def test_a_problem_of_the_brief_is_told_once_and_names_its_question() -> None:
    """The steps name the key of a question; its client knows its words."""
    wrong = (Problem("answer_missing", "q_brands", {"question": "brands"}),)
    brief = samples.brief_view("en", problems=wrong)
    document = show(samples.order_view("en", OrderStage.BRIEF, brief=brief, problems=wrong))
    assert len(document.all("a", href="#q-brands")) == 1
    assert document.words.count("An answer is missing: “Three brands you like, and why?”") == 2
    assert "brands”" not in document.words


def test_an_address_that_was_refused_is_shown_as_it_was_typed() -> None:
    """Nothing of what was typed is lost."""
    wrong = (Problem("address_invalid", "address"),)
    view = samples.order_view(
        "fr", OrderStage.ASSIGN, address_action="/o/x", problems=wrong, typed={"address": "marie@"}
    )
    field = show(view).all("input", id="address")[0]
    assert field["value"] == "marie@"
    assert field["aria-invalid"] == "true"


def test_whoever_answered_is_thanked_also_when_the_page_is_opened_again() -> None:
    """The browser is sent to a fresh page after the answer; that page says what was answered, and when."""
    view = next(view for name, view in samples.answered_pages("fr") if name == "acceptance-accept-link-yours-then")
    said = show(view).words
    assert "Merci, c’est accepté" in said
    assert "Votre réponse\u00a0: accepté (vendredi 27 novembre 2026 à 10\u00a0h\u00a030)".replace("\u00a0", " ") in said


def test_a_proposal_that_lapsed_is_not_called_taken() -> None:
    """Nobody was faster: the time was up."""
    shown = dict(samples.answered_pages("en"))
    assert "time to answer has passed" in show(shown["proposal-again-clock-other-then"]).words
    assert "no longer needed" in show(shown["proposal-exhausted-engine-other-then"]).words


def test_a_brief_without_a_question_for_files_still_takes_them() -> None:
    """A picture says more than an answer."""
    asked = tuple(question for question in samples.OFFER.brief if not question.files)
    offer = replace(samples.OFFER, brief=asked)
    view = samples.order_view("fr", OrderStage.BRIEF, brief=samples.brief_view("fr"), offer=offer)
    assert len(show(view).all("input", type="file")) == 1
    two = Question("more", Text("Plus ?", "More?"), Text("…", "…"), files=True)
    view = replace(view, offer=replace(samples.OFFER, brief=(*samples.OFFER.brief, two)))
    assert len(show(view).all("input", type="file")) == 1


def test_a_page_that_waits_looks_again_by_itself_but_never_sends() -> None:
    """While the payment is confirmed nothing can be pressed that pays twice."""
    view = samples.order_view("fr", OrderStage.DRAFT, confirming=True, checkout_action=samples.HOME)
    document = show(view)
    assert document.all("meta", **{"http-equiv": "refresh"})[0]["content"] == "5"
    assert not document.all("form")
    settled = show(samples.order_view("fr", OrderStage.MILESTONES))
    assert not settled.all("meta", **{"http-equiv": "refresh"})


def test_only_the_shop_window_may_be_found_by_search_engines() -> None:
    """Links of orders and gates are secrets."""
    for one in every("fr"):
        hidden = bool(one.document.all("meta", name="robots"))
        assert hidden is not one.name.startswith(("index", "offer")), one.name


def test_no_script_submits_a_form() -> None:
    """A decision is pressed by a person (promise 4, failures 5)."""
    script = (Path(words.__file__).parents[1] / "static" / "upload.js").read_text(encoding="utf-8")
    assert not re.search(r"\.(submit|requestSubmit|click)\(", script)
    assert "innerHTML" not in script


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_what_people_type_is_shown_and_never_run(text: str) -> None:
    """Scripts, emoji, right-to-left marks: they come back as the same text, and add no element."""
    plain = show(hostile("x", "x"))
    for found in (HOSTILE, text):
        document = show(hostile(found, found))
        assert [tag for tag, _, _ in document.elements] == [tag for tag, _, _ in plain.elements]
    assert HOSTILE in " ".join(show(hostile(HOSTILE, "x")).text)


def hostile(said: str, typed: str) -> Page:
    """A page with somebody's text in every place that can hold some."""
    file = FileView(said, 10, said, None, "data:,")
    shown = {
        "brief": ((said, said + "."),),
        "files": (file,),
        "uploaded": (file,),
        "note": said + ".",
        "typed": {"note": typed},
    }
    name = replace(samples.FREELANCER, name="Inès " + said)
    wrong = (Problem("file_empty", "file", {"name": said}),)
    return samples.gate_view("fr", Kind.WORK, freelancer=name, problems=wrong, **shown)


def test_why_you_tells_only_what_was_observed() -> None:
    """A first rating that stands for nothing is no praise."""
    assert why_you(samples.REASONS, "logo", "fr") == "logo, noté 4,7/5, à l’heure 96\u00a0% du temps, disponible"
    unseen = (Reason("quality", 400), Reason("quality_count", 0), Reason("free", 1), Reason("points_rate", 9))
    assert why_you(unseen, "logo", "en") == "logo, available"
    assert why_you((), "logo", "en") == ""


@pytest.mark.parametrize("lang", LANGS)
def test_why_something_stopped_is_said_in_words(lang: str) -> None:
    """An unknown cause falls back to a general sentence."""
    transfers = ("transfer_refused", "transfer_unknown", "refund_refused", "refund_unknown")
    known = ("exhausted", "engine", "brief_unanswered", "stuck", *transfers)
    assert len({park_reason(why, lang) for why in (*known, None)}) == len(known) + 1
    assert park_reason("new_cause", lang) == park_reason(None, lang)


@pytest.mark.parametrize("lang", LANGS)
def test_what_stripe_refused_can_be_paid_by_the_bank(lang: str) -> None:
    """Who only finds "try again" presses it for ever: Stripe never refunds what a bank has taken back in part."""
    for why, told in (("refund_refused", True), ("transfer_refused", True), ("exhausted", False)):
        parked = samples.gate_view(lang, Kind.PARK, gate=replace(samples.gate(Kind.PARK, lang), shown={"why": why}))
        assert (f"relais order pay-by-bank {samples.ORDER.id}" in show(parked).words) is told


def test_who_decided_is_told_without_telling_names() -> None:
    """It says what and when; the key of whoever pressed is nobody's business."""
    for name, view in samples.answered_pages("fr"):
        assert "someone" not in page(view), name


def test_importing_the_pages_loads_no_template_engine() -> None:
    """Functions that render nothing start without it."""
    code = "import sys, relais.pages.render, relais.pages.letters; sys.exit('jinja2' in sys.modules)"
    root = Path(words.__file__).parents[3]
    assert run([sys.executable, "-c", code], check=False, cwd=root).returncode == 0


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    full = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    parts = [int(full[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_stands_out_enough_from_what_it_stands_on(scheme: int) -> None:
    """WCAG 1.4.3 (AA): 4.5 to 1 for text, 1.4.11: 3 to 1 for the edges of fields, in light and in dark."""
    style = (Path(words.__file__).parents[1] / "static" / "style.css").read_text(encoding="utf-8")
    palettes = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", palettes[scheme]))

    def contrast(one: str, other: str) -> float:
        light, dark = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for text in ("ink", "soft", "accent", "warn"):
        for ground in ("paper", "card", "tint", "warn-tint"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast("on-accent", "accent") >= 4.5
    assert contrast("edge", "card") >= 3
    assert contrast("edge", "paper") >= 3


def test_every_role_that_reads_a_page_has_a_way_on() -> None:
    """After an answer the next step is one button."""
    for role in (Role.CLIENT, Role.FREELANCER, Role.SELLER):
        assert words.has(f"next.{role.value}")


def test_a_freelancer_is_shown_the_score_they_know_not_the_smoothed_one() -> None:
    """The roster says 4.8: "4.7" would read as a mistake. What was stored before is shown as it stands."""
    plain = (Reason("quality", 474), Reason("quality_seen", 480), Reason("quality_count", 23))
    punctual = (Reason("punctuality", 94), Reason("punctuality_seen", 96), Reason("punctuality_count", 23))
    assert why_you((*plain, *punctual), "logo", "fr") == "logo, noté 4,8/5, à l’heure 96\u00a0% du temps"
    assert "4,7/5" in why_you((Reason("quality", 474), Reason("quality_count", 23)), "logo", "fr")
    unseen = (*plain, Reason("punctuality", 85), Reason("punctuality_seen", 0), Reason("punctuality_count", 0))
    assert "heure" not in why_you(unseen, "logo", "fr")


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_who_accepted_before_the_next_page_is_open_is_told_so_and_not_left_alone(lang: str) -> None:
    """The page looks again by itself, and has a button for those whose browser does not."""
    accepted = dict(samples.answered_pages(lang))["proposal-accepted-link-yours-now"]
    view = replace(accepted, next_link="/g/here", coming=True)
    html = page(view)
    assert 'http-equiv="refresh"' in html
    assert words.say(lang, "answered.coming") in html
    assert 'href="/g/here"' in html
    assert 'http-equiv="refresh"' not in page(replace(view, coming=False))


def test_an_address_that_mails_come_back_from_is_said_on_the_page() -> None:
    """Open, with the form to correct it at hand."""
    view = samples.order_view("fr", OrderStage.BRIEF, brief=samples.brief_view("fr"), address_action="/o/x")
    said = words.say("fr", "order.address.bounced")
    assert said not in page(view)
    html = page(replace(view, address_bounced=True))
    assert said in html
    assert "<details open>" in html
