"""What strangers, haste and accidents send: each gets its answer, nothing typed is lost, nothing is changed by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from devstack.simulation.pages import Page
from devstack.simulation.world import PUBLIC_URL, WEBHOOK_SECRET, World, world_in_memory
from devstack.stripe_sandbox.webhooks import signature
from relais.pages.words import say
from tests.support.journey import ANSWERS, CONSENT, Journey
from tests.workflow.scenarios import post_closed

ODD = "<script>alert(1)</script> 🥐 «é» \u202eevil"
MEGABYTE = 1024 * 1024


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def stored(world: World) -> list[Any]:
    """Everything that is kept, for comparison."""
    return [*world.rows(), sorted(world.clouds.files.objects), len(world.mails)]  # type: ignore[attr-defined]


def texts(world: World) -> dict[str, bytes]:
    """What is in the bucket."""
    return dict(world.clouds.files.objects)  # type: ignore[attr-defined]


def form_of(answers: dict[str, str]) -> dict[str, str]:
    """The answers alone, without the word that they are complete."""
    return {name: value for name, value in answers.items() if name != "ready"}


def says(page: Page, lang: str, key: str, **facts: Any) -> bool:
    """Whether a page says these words, however it breaks its lines."""
    return " ".join(say(lang, key, **facts).split()) in page.text


# Webhooks -----------------------------------------------------------------------------------------------------------


def event(kind: str = "checkout.session.completed", *, live: bool = False, **subject: Any) -> bytes:
    return json.dumps({"id": "evt_1", "type": kind, "livemode": live, "data": {"object": subject}}).encode()


def signed(world: World, body: bytes, *, secret: str = WEBHOOK_SECRET, late: int = 0) -> dict[str, str]:
    return {"stripe-signature": signature(body, secret, int(world.wall().timestamp()) - late)}


def test_a_webhook_that_nobody_we_trust_signed_is_refused(world: World) -> None:
    """Forged, stale in either direction, unsigned, truncated, not JSON: 400, and nothing is stored."""
    body, held = event(id="cs_1", payment_status="paid"), stored(world)
    header = signed(world, body)
    assert world.webhook(body, {}) == 400
    assert world.webhook(body, {"stripe-signature": "t=soon,v1=00"}) == 400
    assert world.webhook(body, signed(world, body, secret="whsec_other")) == 400
    assert world.webhook(body, signed(world, body, late=301)) == 400
    assert world.webhook(body, signed(world, body, late=-301)) == 400
    assert world.webhook(body[:-20], header) == 400
    for broken in (b"", b"{", b"[]", b'{"id": 1}', b'{"id": "e", "type": "t", "livemode": false, "data": null}'):
        assert world.webhook(broken, signed(world, broken)) == 400
    assert stored(world) == held


def test_a_signed_webhook_that_is_not_for_us_is_taken_and_forgotten(world: World) -> None:
    """Unknown type, wrong mode, a session that we did not open, unpaid: 200 (a 400 would get the endpoint disabled)."""
    held = stored(world)
    for body in (
        event("customer.created", id="cus_1"),
        event(live=True, id="cs_1", payment_status="paid"),
        event(id="cs_of_somebody_else", payment_status="paid"),
        event(id="cs_1", payment_status="unpaid"),
        event("charge.updated", id="ch_1", balance_transaction="txn_1", transfer_group="no-such-order"),
        event("charge.updated", id="ch_1", balance_transaction="txn_1", transfer_group=None),
    ):
        assert world.webhook(body, signed(world, body)) == 200
    assert stored(world) == held


def test_a_webhook_that_was_seen_before_changes_nothing(world: World) -> None:
    """The same event again, weeks later, on an order that has moved on."""
    journey = Journey(world).to_work()
    session = journey.order.session
    held = stored(world)
    body = event(id=session, payment_status="paid")
    assert world.webhook(body, signed(world, body)) == 200
    world.settle()
    assert stored(world) == held


# Forms as a whole ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["amount", "price", "currency", "client_email", "run"])
def test_a_field_that_the_page_does_not_have_is_refused(world: World, field: str) -> None:
    """Amount, currency or address tampered with: a page that says so, and nothing is done."""
    offer = world.get(f"{PUBLIC_URL}/offer/logo").form("client_kind")
    held = stored(world)
    assert world.send(offer, **CONSENT, **{field: "1"}).status == 400
    assert stored(world) == held
    journey = Journey(world).to_brief()
    held = stored(world)
    brief = world.get(journey.page).form("q_name")
    refused = world.send(brief, **ANSWERS, action="hand_in", **{field: "1"})
    assert (refused.status, says(refused, "fr", "notice.form_refused")) == (400, True)
    assert stored(world) == held


def test_a_form_of_another_site_is_refused(world: World) -> None:
    """Only our own pages may post: another site's form, or one without an origin, is refused."""
    journey = Journey(world).to_acceptance()
    form = world.get(world.link("acceptance", journey.id)).form("choice")
    held = stored(world)
    for headers in (
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ):
        assert world.post(form.action, form.fields | {"choice": "accept"}, **headers).status == 403
    plain = {"content-type": "application/x-www-form-urlencoded"}
    body = f"nonce={form.fields['nonce']}&choice=accept"
    assert world.http("POST", form.action, body, plain).status == 403
    assert world.http("POST", form.action, body, plain | {"origin": "https://evil.example"}).status == 403
    assert stored(world) == held


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_forged_link_has_its_own_page(world: World, lang: str) -> None:
    """A mistyped, forged, shortened or foreign link: a friendly page in the reader's language, on GET and on POST."""
    journey = Journey(world).to_review()
    link = world.link("review", journey.id)
    gate = str(journey.open_gate.id)
    other = Journey(world).to_review()
    forged = [
        link[:-1],
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link.replace(gate, "01-review-0009"),
        link.replace(gate, "nonsense"),
        link.replace(journey.id, other.id),
        link.replace(journey.id, "0" * 12),
        journey.page[:-3] + "abc",
        world.link("review", other.id).rpartition("/")[0] + "/" + link.rpartition("/")[2],
    ]
    held = stored(world)
    for one in forged:
        for page in (world.get(f"{one}?lang={lang}"), world.post(f"{one}?lang={lang}", {"choice": "approve"})):
            assert (page.status, says(page, lang, "notice.dead_link")) == (404, True), one
    assert stored(world) == held


def test_a_link_of_another_gate_opens_only_its_own(world: World) -> None:
    """The client's secret does not open the seller's gate, nor the order's page a gate."""
    journey = Journey(world).to_review()
    gate = world.link("review", journey.id)
    client = journey.page.rpartition("/")[2]
    assert world.get(gate.rpartition("/")[0] + "/" + client).status == 404


def test_a_corrected_address_revokes_the_links_mailed_before(world: World) -> None:
    """An old link opens nothing any more, the page goes on under the new one, and mails go to the new address."""
    journey = Journey(world)
    journey.draft()
    journey.pay(email="marie@gmial.com")
    old = journey.page
    assert "gmail.com" in world.get(old).text
    answered = world.send(world.get(old).form("address"), action="address", address="marie@gmail.com")
    assert answered.status == 303
    assert answered.location == journey.page.removeprefix(PUBLIC_URL)
    dead = world.get(old)
    assert (dead.status, says(dead, "fr", "notice.dead_link")) == (404, True)
    journey.hand_in_brief()
    journey.answer("proposal", "accepted")
    journey.deliver()
    journey.answer("review", "approve")
    assert [mail.to for mail in world.mails if "acceptance" in " ".join(mail.links)] == ["marie@gmail.com"]


def test_a_corrected_address_gets_the_open_question_with_its_new_link(world: World) -> None:
    """The page says so; until a mail has reached it no default runs (promise 3), so a refused one is sent later."""
    journey = Journey(world)
    journey.draft()
    journey.pay(email="marie@gmial.com")
    (first,) = [mail for mail in world.mails if mail.to == "marie@gmial.com"]
    correct(journey, "marie@gmail.com")
    (again,) = [mail for mail in world.mails if mail.to == "marie@gmail.com"]
    assert again.subject == first.subject
    assert journey.page in again.links
    assert not set(first.links) & set(again.links)
    assert journey.open_gate.mailed
    with post_closed(world):
        correct(journey, "marie@orange.fr")
        assert not journey.open_gate.mailed
    world.pass_time(minutes=30)
    assert journey.open_gate.mailed
    assert [journey.page in mail.links for mail in world.mails if mail.to == "marie@orange.fr"] == [True]


def test_a_corrected_address_gets_the_orders_page_where_nothing_is_asked(world: World) -> None:
    """While others are at work there is no question to be put again: the link alone is sent."""
    journey = Journey(world).to_work()
    correct(journey, "marie@orange.fr")
    (mail,) = [mail for mail in world.mails if mail.to == "marie@orange.fr"]
    assert journey.page in mail.links


def test_an_acceptance_is_asked_again_at_the_corrected_address(world: World) -> None:
    """The question that silence would answer stands behind the new link."""
    journey = Journey(world).to_acceptance()
    correct(journey, "marie@orange.fr")
    (mail,) = [mail for mail in world.mails if mail.to == "marie@orange.fr"]
    (link,) = {link for link in mail.links if "-acceptance-" in link}
    world.send(world.get(link).form("choice"), choice="accept")
    assert journey.stage == "hold"


def correct(journey: Journey, address: str) -> None:
    """The client corrects the address on the order's page."""
    world = journey.world
    answered = world.send(world.get(journey.page).form("address"), action="address", address=address)
    assert answered.status == 303


@pytest.mark.parametrize(
    "address", ["", "marie", "marie@", "a b@c.fr", "x@y.z", "a@b.fr,c@d.fr", "m@e\u0301", "a" * 260 + "@b.fr"]
)
def test_an_address_that_cannot_be_one_comes_back(world: World, address: str) -> None:
    """The page returns with the reason; the address stays."""
    journey = Journey(world).to_brief()
    page = world.send(world.get(journey.page).form("address"), action="address", address=address)
    assert (page.status, says(page, "fr", "problem.address_invalid")) == (422, True)
    assert journey.order.client_email == "marie@gmail.com"


def test_an_answered_link_tells_what_was_decided(world: World) -> None:
    """A link opened again after the answer, by GET or by POST: what was decided, and no form."""
    journey = Journey(world).to_assign()
    link = world.link("proposal", journey.id)
    form = world.get(link).form("choice")
    journey.answer("proposal", "accepted")
    held = stored(world)
    for page in (world.get(link), world.send(form, choice="again")):
        assert page.status == 200
        assert page.forms == []
    assert stored(world) == held


# What was typed -----------------------------------------------------------------------------------------------------


def test_a_page_that_was_open_too_long_comes_back_with_everything(world: World) -> None:
    """A nonce is good for twelve hours more: after that the same page, all that was typed, one more press."""
    journey = Journey(world).to_review()
    form = world.get(world.link("review", journey.id)).form("choice")
    world.pass_time(hours=11)
    assert world.send(form, choice="rework", note="").status == 422
    world.pass_time(hours=3)
    back = world.send(form, choice="rework", note=f"Plus de contraste {ODD}")
    assert (back.status, says(back, "fr", "problem.nonce_expired")) == (422, True)
    again = back.form("choice")
    assert again.fields["note"] == f"Plus de contraste {ODD}"
    assert world.send(again, choice="rework").status == 303
    assert journey.stage == "work"


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_missing_answers_come_back_in_the_persons_language(world: World, lang: str) -> None:
    """Each missing answer is named beside its question; what was typed is there, saved, and not handed in."""
    journey = Journey(world)
    journey.draft(lang)
    journey.pay()
    form = world.get(journey.page).form("q_name")
    back = world.send(form, q_name=ODD, skip_colours="yes", action="hand_in")
    assert back.status == 422
    assert says(back, lang, "problem.kept")
    again = back.form("q_name")
    assert again.fields["q_name"] == ODD
    assert again.fields["skip_colours"] == "yes"
    assert "<script>alert" not in back.body
    assert world.get(journey.page).form("q_name").fields["q_name"] == ODD
    assert journey.stage == "brief"


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_brief_that_is_too_long_comes_back_whole(world: World, lang: str) -> None:
    """20,000 characters at most, counted over all answers; not one of the others is lost."""
    journey = Journey(world)
    journey.draft(lang)
    journey.pay()
    long = "é" * 19_000
    form = world.get(journey.page).form("q_name")
    back = world.send(form, **ANSWERS | {"q_brands": long, "q_seen": "x" * 2_000}, action="hand_in")
    assert (back.status, says(back, lang, "problem.brief_too_long", limit=20_000)) == (422, True)
    assert back.form("q_name").fields["q_brands"] == long
    assert back.form("q_name").fields["q_name"] == ANSWERS["q_name"]
    assert journey.stage == "brief"


def test_a_brief_is_handed_in_by_somebody_who_says_that_it_is_complete(world: World) -> None:
    """A scanner that presses the button of a saved brief starts nothing, and does not even move the hour of saving."""
    journey = Journey(world).to_brief()
    form = world.get(journey.page).form("q_name")
    assert "ready" not in form.fields
    assert world.send(form, **form_of(ANSWERS), action="save").status == 303
    saved = texts(world)
    world.pass_time(minutes=3)
    held = stored(world)
    pressed = world.get(journey.page).form("q_name")
    for action in ("hand_in", "save"):
        back = world.send(pressed, action=action)
        assert back.status == {"hand_in": 422, "save": 303}[action]
    assert says(world.send(pressed, action="hand_in"), "fr", "problem.ready_missing")
    assert (stored(world), texts(world)) == (held, saved)
    assert world.send(pressed, action="hand_in", ready="yes").status == 303
    assert journey.stage == "assign"


def test_an_empty_brief_that_is_sent_is_not_kept(world: World) -> None:
    """A scanner that presses the button of an untouched brief leaves nothing behind."""
    journey = Journey(world).to_brief()
    held = stored(world)
    form = world.get(journey.page).form("q_name")
    for action in ("hand_in", "save"):
        world.send(form, action=action)
    assert stored(world) == held


def test_the_form_that_corrects_an_address_holds_the_present_one(world: World) -> None:
    """The address that was probably meant is there to be read and chosen; sent untouched, the form changes nothing."""
    journey = Journey(world)
    journey.draft()
    journey.pay(email="marie@gmial.com")
    page = world.get(journey.page)
    form, held = page.form("address"), stored(world)
    assert form.fields["address"] == "marie@gmial.com"
    assert "marie@gmail.com" in page.text
    assert world.send(form).status == 303
    assert (stored(world), journey.order.client_email) == (held, "marie@gmial.com")


def test_scripts_and_emoji_are_kept_as_they_are_and_never_run(world: World) -> None:
    """Odd text goes in and comes out letter by letter, on the pages and in the mails of others, and stays text."""
    journey = Journey(world).to_brief()
    form = world.get(journey.page).form("q_name")
    assert world.send(form, **ANSWERS | {"q_name": ODD}, action="hand_in").status == 303
    page = world.get(world.link("proposal", journey.id))
    assert ODD in page.text
    assert "<script>alert" not in page.body
    mail = next(mail for mail in world.mails if mail.to.startswith("ines"))
    assert "<script>" not in mail.body + mail.subject
    assert "🥐" in mail.body
    assert "\u202e" not in mail.subject


@pytest.mark.parametrize(("kind", "choice"), [("review", "rework"), ("acceptance", "revise")])
def test_a_change_without_words_comes_back(world: World, kind: str, choice: str) -> None:
    """Being sent back or revised needs a few words; no choice, or one of another gate, comes back as well."""
    journey = Journey(world).to_review() if kind == "review" else Journey(world).to_acceptance()
    for given, note, problem in (
        (choice, "  ", "note_missing"),
        (choice, "x" * 2_001, "too_long"),
        ("", "Bonjour", "choice_missing"),
        ("release", "Bonjour", "choice_missing"),
    ):
        back = journey.answer(kind, given, note)
        assert (back.status, says(back, "fr", f"problem.{problem}", limit=2_000)) == (422, True)
        assert back.form("choice").fields["note"].strip() == note.strip()
    assert journey.stage == kind


@pytest.mark.parametrize(
    "given",
    [{}, {"client_kind": "consumer"}, {"client_kind": "robot"}, {"client_kind": "consumer", "start_now": "yes"}],
)
def test_an_order_without_its_consents_comes_back(world: World, given: dict[str, str]) -> None:
    """Private person or business, and for the first the two boxes: before that no order exists."""
    page = world.send(world.get(f"{PUBLIC_URL}/offer/logo").form("client_kind"), **given)
    assert page.status == 422
    assert [row for row in world.rows() if row["sk"] == "ORDER"] == []


# Files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize(
    ("name", "size", "problem"),
    [
        ("logo.png", "0", "file_empty"),
        ("logo.png", str(501 * MEGABYTE), "file_too_large"),
        ("logo.png", "-5", "file_too_large"),
        ("logo.png", "many", "file_too_large"),
        ("../../etc/passwd", "5", "file_name"),
        ("a\\b.png", "5", "file_name"),
        ("", "5", "file_name"),
        ("..", "5", "file_name"),
        ("x" * 151, "5", "file_name"),
        ("logo\u202egnp.exe", "5", "file_name"),
    ],
)
def test_a_file_that_cannot_be_taken_is_told_by_name(
    world: World, lang: str, name: str, size: str, problem: str
) -> None:
    """Empty, too large, a name with slashes or hidden letters: why, in the person's language, and no permission."""
    journey = Journey(world)
    journey.draft(lang)
    journey.pay()
    form = world.get(journey.page).form("q_name")
    gate = f"{PUBLIC_URL}{_files_path(world, journey)}"
    answer = json.loads(
        world.post(gate, {"nonce": form.fields["nonce"], "name": name, "size": size, "type": "image/png"}).body
    )
    shown = "".join(letter for letter in name if letter.isprintable())[:60]
    assert answer["files"] == []
    assert [one["message"] for one in answer["problems"]] == [
        say(lang, f"problem.{problem}", name=shown, limit_mb=500, limit=150)
    ]


def _files_path(world: World, journey: Journey) -> str:
    from relais.steps.links import gate_path

    return f"{gate_path(world.ports, journey.order, journey.open_gate)}/files"


def test_a_good_file_beside_a_bad_one_is_taken(world: World) -> None:
    """One problem does not cost the others."""
    journey = Journey(world).to_work()
    form = journey.form("work")
    asked = {"nonce": form.fields["nonce"], "name": ["ok é 🥐.png", "a/b.png"], "size": ["5", "5"], "type": ["", ""]}
    answer = json.loads(world.post(f"{form.action}/files", asked).body)
    assert [one["name"] for one in answer["files"]] == ["ok é 🥐.png"]
    assert len(answer["problems"]) == 1


def test_uploads_need_a_fresh_form_of_an_open_gate(world: World) -> None:
    """No nonce, an answered gate, another site's form: refused in words, never with a permission."""
    journey = Journey(world).to_work()
    form = journey.form("work")
    asked = {"name": "a.png", "size": "5", "type": ""}
    assert world.post(f"{form.action}/files", asked).status == 409
    fine = asked | {"nonce": form.fields["nonce"]}
    assert world.post(f"{form.action}/files", fine, sec_fetch_site="cross-site").status == 404
    journey.deliver()
    assert world.post(f"{form.action}/files", fine).status == 404


def test_a_delivery_without_its_files_comes_back(world: World) -> None:
    """No file, a file that never arrived, an empty one, another order's: told by name; the words typed are kept."""
    journey = Journey(world).to_work()
    form = journey.form("work")
    path = f"{form.action}/files"
    missing = json.loads(
        world.post(path, {"nonce": form.fields["nonce"], "name": "lost.png", "size": "5", "type": ""}).body
    )["files"][0]["key"]
    empty = world.upload(path, form.fields["nonce"], {"empty.png": b"12345"})[0]
    world.clouds.put_object(empty, b"")
    foreign = f"files/{'0' * 12}/01-work-0001/abc-logo.png"
    for keys, problem, name in (
        ([], "files_required", ""),
        ([missing], "file_missing", "lost.png"),
        ([empty], "file_empty", "empty.png"),
        ([foreign], "files_required", ""),
        ([f"files/{journey.id}/01-work-0001/../x"], "files_required", ""),
    ):
        back = world.send(form, choice="deliver", note=ODD, file=keys)
        assert (back.status, says(back, "fr", f"problem.{problem}", name=name)) == (422, True), problem
        assert back.form("choice").fields["note"] == ODD
    assert journey.stage == "work"


# Odd requests -------------------------------------------------------------------------------------------------------


def test_what_is_not_there_has_a_page(world: World) -> None:
    """Unknown paths and offers: not found, in the reader's language."""
    for path in ("/nothing", "/offer/none", "/o", "/g/a/b", "/offer/logo/x"):
        page = world.http("GET", f"{PUBLIC_URL}{path}", headers={"accept-language": "en-GB,en;q=0.9"})
        assert (page.status, says(page, "en", "notice.not_found")) == (404, True), path


def test_bytes_that_are_no_text_do_no_harm(world: World) -> None:
    """Invalid UTF-8, null bytes, a thousand fields: answered with a page, never with an error."""
    journey = Journey(world).to_review()
    link = world.link("review", journey.id)
    ours = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    many = "&".join(f"q{number}=1" for number in range(1_000))
    for body in ("choice=%FF%FE&nonce=%00", many, "&&&===", "choice=approve%00"):
        page = world.http("POST", link, body, ours)
        assert page.status in {400, 422}
    assert journey.stage == "review"


def test_trouble_of_our_own_is_a_page_that_says_so(world: World) -> None:
    """What nobody foresaw: a person reads that nothing is lost, never a stack trace."""
    journey = Journey(world).to_review()
    link = world.link("review", journey.id)
    with patch.object(type(world.clouds.files), "link", side_effect=RuntimeError):  # type: ignore[attr-defined]
        page = world.get(link)
    assert (page.status, says(page, "fr", "notice.trouble.lead")) == (503, True)
    assert "Traceback" not in page.body
