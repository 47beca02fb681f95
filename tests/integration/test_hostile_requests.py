"""Requests that no page of ours sends: broken paths, methods, encodings, sizes and events; an empty stack."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest

from devstack.simulation.pages import Page
from devstack.simulation.world import PUBLIC_URL, WEBHOOK_SECRET, World, world_in_memory
from devstack.stripe_sandbox.webhooks import signature
from relais import wiring, wiring_pages
from relais.adapters.secrets import SecretEmptyError
from relais.pages.words import say
from relais.rows import SHOP_KEY
from relais.steps.links import gate_path
from tests.support.journey import ANSWERS, CONSENT, Journey

OURS = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
LONG = 300_000
DIGITS = "9" * 5_000


@pytest.fixture
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


def stored(world: World) -> list[Any]:
    """Everything that is kept, for comparison."""
    return [*world.rows(), dict(world.clouds.files.objects), len(world.mails), len(world.stripe_calls)]  # type: ignore[attr-defined]


def says(page: Page, lang: str, key: str, **facts: Any) -> bool:
    """Whether a page says these words, however it breaks its lines."""
    return " ".join(say(lang, key, **facts).split()) in page.text


# A stack that is not ready ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_stack_without_a_shop_says_how_it_is_opened(world: World, lang: str) -> None:
    """Right after the first deployment: a page with what to do, on every path, and not an error of the API."""
    world.clouds.store.rows.pop(SHOP_KEY)  # type: ignore[attr-defined]
    for method, path in (("GET", "/"), ("GET", "/offer/logo"), ("POST", "/offer/logo"), ("GET", "/nothing")):
        page = world.http(method, f"{PUBLIC_URL}{path}?lang={lang}", b"", OURS)
        assert (page.status, says(page, lang, "notice.not_open.lead")) == (503, True), path
        assert page.headers["retry-after"]
        assert "Traceback" not in page.body


def test_a_stack_whose_secrets_are_empty_says_so_without_naming_any(world: World) -> None:
    """Pages, uploads and the webhook: a sentence each, nothing secret, and Stripe will come again."""
    journey = Journey(world).to_work()
    link, form = journey.page, journey.form("work")
    body = b"{}"
    signed = {"stripe-signature": signature(body, WEBHOOK_SECRET, int(world.wall().timestamp()))}
    with patch.object(type(world.ports), "_secret", side_effect=SecretEmptyError("relais/dev/link-keys")):
        page = world.get(link)
        upload = world.http("POST", f"{form.action}/files", b"", OURS)
        event = world.http("POST", f"{PUBLIC_URL}/hooks/stripe", body, signed)
    assert (page.status, says(page, "fr", "notice.not_ready.lead")) == (503, True)
    assert (upload.status, json.loads(upload.body)["problems"][0]["message"]) == (503, say("fr", "notice.trouble.lead"))
    assert event.status == 503
    assert "link-keys" not in page.body + upload.body + event.body


def test_a_table_out_of_reach_has_a_page(world: World) -> None:
    """The page of trouble wants the shop's name, which is in the table as well."""
    with patch.object(type(world.clouds.store), "get", side_effect=RuntimeError("no table")):  # type: ignore[attr-defined]
        page = world.get(f"{PUBLIC_URL}/")
    assert (page.status, says(page, "fr", "notice.trouble.lead"), "no table" in page.body) == (503, True, False)


# Methods and paths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POST"])
def test_a_method_that_nothing_answers_is_told_what_does(world: World, method: str) -> None:
    """405 with `Allow`; the API sends what has no route of its own to the function that only reads."""
    page = world.http(method, f"{PUBLIC_URL}/somewhere", b"x=1", OURS)
    assert (page.status, page.headers["allow"], says(page, "fr", "notice.method")) == (405, "GET, HEAD", True)


def test_reading_what_is_only_posted_to_is_told(world: World) -> None:
    """The address of a checkout, which a reload may open, shows the order; webhook and uploads name their method."""
    journey = Journey(world)
    journey.draft()
    page = world.get(f"{journey.page}/checkout")
    assert (page.status, page.form("nonce").action) == (200, world.get(journey.page).form("nonce").action)
    assert world.get(f"{PUBLIC_URL}/hooks/stripe").headers["allow"] == "POST"
    assert world.get(f"{PUBLIC_URL}/g/a/b/c/files").headers["allow"] == "POST"
    assert world.http("HEAD", journey.page).body == ""


def test_an_encoded_slash_leads_nowhere_else(world: World) -> None:
    """The function behind a gate holds no key of Stripe's: a checkout smuggled to it is not found, not a failure."""
    journey = Journey(world)
    journey.draft()
    nonce = world.get(journey.page).form("nonce").fields["nonce"]
    held = stored(world)
    for path in (f"{journey.page}%2Fcheckout", f"{journey.page}%252Fcheckout", f"{journey.page}/.."):
        assert world.http("POST", path, urlencode({"nonce": nonce}), OURS).status in {404, 405}, path
    assert stored(world) == held


def test_a_path_that_no_key_could_hold_is_not_looked_up(world: World) -> None:
    """A table takes keys of two kilobytes and of real letters; longer or broken ones are simply not found."""
    journey = Journey(world).to_review()
    link = world.link("review", journey.id)
    ordinal = link.split("/")[-2].rpartition("-")[2]
    paths = [
        f"{PUBLIC_URL}/o/{'a' * 4_000}/x",
        f"{PUBLIC_URL}/g/{'%C3%A9' * 700}/01-work-0001/x",
        f"{PUBLIC_URL}/offer/{'x' * 5_000}",
        f"{PUBLIC_URL}/{'y/' * 500}",
        link.replace(ordinal, DIGITS[:3_000]),
        f"{link}?lang=fr&{'z=' + 'z' * 8_000}",
    ]
    asked: list[str] = []
    real = world.clouds.store.get  # type: ignore[attr-defined]
    with patch.object(type(world.clouds.store), "get", lambda _, key: asked.append("".join(key)) or real(key)):  # type: ignore[attr-defined]
        statuses = [world.get(path).status for path in paths]
        statuses += [world.http("POST", path, b"choice=approve", OURS).status for path in paths]
    assert statuses == [404, 404, 404, 404, 404, 200, 404, 404, 400, 405, 404, 422]
    assert max(map(len, asked)) < 100


def test_links_come_from_the_configured_host(world: World) -> None:
    """Whatever a request calls itself, no page, redirect or mail repeats it."""
    journey = Journey(world).to_acceptance()
    evil = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    link = world.link("acceptance", journey.id)
    form = world.get(link).form("choice")
    pages = [world.http("GET", one, b"", evil) for one in (link, journey.page, f"{PUBLIC_URL}/", f"{PUBLIC_URL}/no")]
    pages.append(world.http("POST", link, urlencode(form.fields | {"choice": "accept"}), OURS | evil))
    world.settle()
    everything = " ".join([page.body + str(page.headers) for page in pages] + [mail.body for mail in world.mails])
    assert (pages[-1].status, "evil.example" in everything) == (303, False)


# What is logged -----------------------------------------------------------------------------------------------------


def test_the_log_holds_neither_secret_nor_anything_typed(world: World) -> None:
    """A mangled link may put its secret where the order's id stands, and an error may quote what it was given."""
    journey = Journey(world).to_review()
    link = world.link("review", journey.id)
    secret, typed = link.rpartition("/")[2], "mot-de-passe-9f3c"
    form = world.get(link).form("choice")
    lines = io.StringIO()
    before = wiring._logger().registered_handler.setStream(lines)  # type: ignore[attr-defined]
    for path in (f"/o//{secret}", f"/g/{secret}/x", f"/g/{typed}/01-review-0002/{secret}", f"/offer/{typed}"):
        world.get(f"{PUBLIC_URL}{path}")
        world.http("POST", f"{PUBLIC_URL}{path}", urlencode({"note": typed, typed: typed}), OURS)
    with patch.object(type(world.clouds.files), "put_text", side_effect=ValueError(typed)):  # type: ignore[attr-defined]
        assert world.send(form, choice="rework", note=typed).status == 503
    assert world.send(form, choice="rework", note=typed).status == 303
    wiring._logger().registered_handler.setStream(before)  # type: ignore[attr-defined]
    told = lines.getvalue()
    assert "keep_text" in told, "where it failed is told"
    assert not [word for word in (secret, typed) if word in told]


# Encodings and sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Aub\u00e9pine".encode(), "Aubépine"),
        ("Aub\u00e9pine".encode("latin-1"), "Aubépine"),
        ("« é » ".encode() + "\u20ac".encode("cp1252") + b"5", "« é » €5"),
        (b"..\xc0\xaf..\xc0\xafetc", "..À¯..À¯etc"),
        (b"\xef\xbb\xbfAub\xc3\xa9pine", "\ufeffAubépine"),
        (b"\xed\xa0\x80x", "í\xa0€x"),
    ],
    ids=["utf-8", "latin-1", "mixed", "overlong", "bom", "surrogate"],
)
@pytest.mark.parametrize("escaped", [True, False], ids=["escaped", "raw"])
def test_letters_of_any_encoding_are_kept(world: World, sent: bytes, kept: str, escaped: bool) -> None:  # noqa: FBT001 - a parameter
    """What a browser on an old machine sends comes back as it was typed, and mixed bytes harm nobody."""
    journey = Journey(world).to_brief()
    nonce = world.get(journey.page).form("q_name").fields["nonce"]
    text = "".join(f"%{byte:02X}" for byte in sent).encode() if escaped else sent.replace(b" ", b"+")
    body = urlencode({"nonce": nonce, "action": "save"}).encode() + b"&q_name=" + text
    assert world.http("POST", journey.page, body, OURS).status == 303
    assert world.get(journey.page).form("q_name").fields["q_name"] == kept


def test_three_hundred_kilobytes_in_each_field_come_back_whole(world: World) -> None:
    """Of whatever letters: the page says what is too long, and nothing that was typed is lost."""
    journey = Journey(world).to_brief()
    form = world.get(journey.page).form("q_name")
    long = {name: "é" * (LONG - 5) + '<&"é>' for name in ANSWERS if name.startswith("q_")}
    back = world.send(form, **long, action="hand_in", ready="yes")
    returned = back.form("q_name").fields
    assert (back.status, {name: returned[name] for name in long}) == (422, long)
    address = world.send(world.get(journey.page).form("address"), address="a" * LONG + "@b.fr")
    assert (address.status, address.form("address").fields["address"]) == (422, "a" * LONG + "@b.fr")
    offer = world.send(world.get(f"{PUBLIC_URL}/offer/logo").form("client_kind"), client_kind="x" * LONG)
    assert offer.status == 422


def test_a_page_that_no_function_could_answer_is_told(world: World) -> None:
    """Lambda answers six megabytes at most: beyond that the API would say "Internal Server Error"."""
    journey = Journey(world).to_brief()
    form = world.get(journey.page).form("q_name")
    assert wiring_pages.MOST_BYTES < 6_000_000
    with patch.object(wiring_pages, "MOST_BYTES", 200_000), patch.object(wiring_pages, "MOST_LETTERS", 200_000 // 6):
        back = world.send(form, q_name='"' * 50_000, action="hand_in")
    assert (back.status, says(back, "fr", "notice.too_large.lead")) == (413, True)


@pytest.mark.parametrize("kind", ["review", "acceptance"])
def test_a_long_note_comes_back_whole(world: World, kind: str) -> None:
    """The seller's and the client's words alike."""
    journey = Journey(world).to_review() if kind == "review" else Journey(world).to_acceptance()
    note = "ü" * LONG
    back = journey.answer(kind, {"review": "rework", "acceptance": "revise"}[kind], note)
    assert (back.status, says(back, "fr", "problem.too_long", limit=2_000)) == (422, True)
    assert back.form("choice").fields["note"] == note


# Forms --------------------------------------------------------------------------------------------------------------


def test_a_field_that_stands_twice_is_refused(world: World) -> None:
    """Accepted or refused: nobody may have to guess which of the two was meant."""
    journey = Journey(world).to_acceptance()
    form = world.get(world.link("acceptance", journey.id)).form("choice")
    offer = world.get(f"{PUBLIC_URL}/offer/logo").form("client_kind")
    held = stored(world)
    assert world.send(form, choice=["accept", "revise"]).status == 400
    assert world.send(offer, **CONSENT | {"client_kind": ["business", "consumer"]}).status == 400  # type: ignore[arg-type]
    assert stored(world) == held


def test_an_answer_to_a_question_that_was_not_asked_is_refused(world: World) -> None:
    """The brief's fields are those of the offer's questions, not anything that begins like one."""
    journey = Journey(world).to_brief()
    form = world.get(journey.page).form("q_name")
    held = stored(world)
    for name in ("q_price", "skip_", f"q_{'x' * 1_000}"):
        assert world.send(form, action="save", **{name: "1"}).status == 400
    assert stored(world) == held


@pytest.mark.parametrize("address", ["marie@exa\u200bmple.fr", "\ufeffmarie@example.fr", "marie@example.fr\u202e"])
def test_unseen_letters_that_were_copied_with_an_address_are_left_out(world: World, address: str) -> None:
    """Mail programs put them there; nobody can see them, and no post takes them."""
    journey = Journey(world).to_work()
    assert world.send(world.get(journey.page).form("address"), address=address).status == 303
    assert journey.order.client_email == "marie@example.fr"


@pytest.mark.parametrize(
    "address", ["jos\u00e9@example.fr", "marie@ex\u00e4mple.fr", "a@b.fr\r\nbcc: x@y.fr", "m:@b.fr"]
)
def test_an_address_that_no_post_takes_is_told(world: World, address: str) -> None:
    """Otherwise every mail of the order would be refused later, without anybody to ask."""
    journey = Journey(world).to_work()
    page = world.send(world.get(journey.page).form("address"), address=address)
    assert (page.status, says(page, "fr", "problem.address_invalid")) == (422, True)


@pytest.mark.parametrize("key", ["x" * 300_000, "\u00e9", "a b", "../ines-moreau", "nobody"])
def test_nobody_is_picked_who_is_not_on_the_roster(world: World, key: str) -> None:
    """Whatever the form says, however long: the seller is asked again."""
    journey = Journey(world).to_assign()
    journey.answer("proposal", "again")
    journey.answer("proposal", "again")
    page = journey.answer("pick", "picked", freelancer=key)
    assert (page.status, says(page, "fr", "problem.freelancer_missing"), journey.stage) == (422, True, "pick")


# Files --------------------------------------------------------------------------------------------------------------


def permits(world: World, journey: Journey, *asked: tuple[str, str, str]) -> Any:
    """Ask for permission to upload files of these names, sizes and types."""
    form = journey.form("work")
    names, sizes, types = zip(*asked, strict=True)
    body = {"nonce": form.fields["nonce"], "name": list(names), "size": list(sizes), "type": list(types)}
    answer = world.post(f"{form.action}/files", body)
    assert answer.status == 200
    return json.loads(answer.body)


def test_six_gigabytes_are_refused_before_they_are_sent(world: World) -> None:
    """With the limit in the sentence; likewise a size that is no number at all."""
    journey = Journey(world).to_work()
    sizes = (str(6 * 1024**3), "²", "６", DIGITS, "1e3", "", "-1")
    answer = permits(world, journey, *((f"{at}.png", size, "image/png") for at, size in enumerate(sizes)))
    assert answer["files"] == []
    wanted = [say("fr", "problem.file_too_large", name=f"{at}.png", limit_mb=500) for at in range(len(sizes))]
    assert [one["message"] for one in answer["problems"]] == wanted


def test_each_answer_says_which_file_it_means(world: World) -> None:
    """A name that cannot be shown whole would otherwise be mistaken for another's, and the wrong file be sent."""
    asked = [("ok.png", "5", ""), ("ok\u202egnp.exe", "5", ""), ("ok.png", "5", ""), ("big.png", DIGITS[:12], "")]
    answer = permits(world, Journey(world).to_work(), *asked)
    assert [one["at"] for one in answer["files"]] == [0, 2]
    assert [one["at"] for one in answer["problems"]] == [1, 3]
    assert len({one["key"] for one in answer["files"]}) == 2


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Capture d\u2019écran à 15.04\u202fPM.png", "Capture d\u2019écran à 15.04 PM.png"),
        ("\U0001f469\u200d\U0001f4bb.png", "\U0001f469\U0001f4bb.png"),
        ("e\u0301te\u0301.png", "e\u0301te\u0301.png"),
        ("nul.png", None),
        ("COM7", None),
        ("aux .tar.gz", None),
        ("logo.png.", None),
        ("a\x00b.png", "ab.png"),
        ("x" * 500 + ".png", None),
        ("\u202egnp.exe", None),
        ("\ud7ff\ue000.png", None),
    ],
)
def test_names_that_people_give_are_taken_and_names_that_harm_are_not(
    world: World, name: str, kept: str | None
) -> None:
    """A Mac puts a narrow blank before "PM"; Windows has names that no file may have."""
    journey = Journey(world).to_work()
    answer = permits(world, journey, (name, "5", "image/png"))
    assert [one["name"] for one in answer["files"]] == ([] if kept is None else [kept])
    if kept is None:
        assert "{" not in answer["problems"][0]["message"]
        return
    key = answer["files"][0]["key"]
    world.clouds.put_object(key, b"12345")
    assert world.send(journey.form("work"), choice="deliver", note="", file=[key]).status == 303


@pytest.mark.parametrize("lie", ["text/html\r\nX-Evil: 1", "x" * LONG, "", "image", "<script>/svg"])
def test_a_type_that_is_none_is_noted_as_unknown(world: World, lie: str) -> None:
    """What a browser says of a file is not believed; it may not break the storage's form either."""
    (file,) = permits(world, Journey(world).to_work(), ("logo.png", "5", lie))["files"]
    assert file["fields"]["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "key",
    ["{own}/{hex}-" + "x" * 2_000, "{own}/{hex}-..", "{own}/{hex}-a/b", "{own}/nohex-a.png", "{own}/{hex}-a\x07.png"],
)
def test_a_key_that_was_never_given_is_not_asked_for(world: World, key: str) -> None:
    """The storage refuses keys over a kilobyte with an error: what no permit gave is left out."""
    journey = Journey(world).to_work()
    own = f"files/{journey.id}/{journey.open_gate.id}"
    page = world.send(journey.form("work"), choice="deliver", note="", file=[key.format(own=own, hex="0" * 12)])
    assert (page.status, says(page, "fr", "problem.files_required")) == (422, True)


def test_more_files_than_the_offer_takes_are_told_and_kept(world: World) -> None:
    """Each costs two requests to the storage; a form may name five hundred."""
    journey = Journey(world).to_work()
    own = f"files/{journey.id}/{journey.open_gate.id}"
    keys = [f"{own}/{at:012x}-a.png" for at in range(400)]
    sizes: list[str] = []
    with patch.object(type(world.clouds.files), "measure", lambda _, key: sizes.append(key) or (5, "1")):  # type: ignore[attr-defined]
        page = world.send(journey.form("work"), choice="deliver", note="Voici", file=keys)
    assert (page.status, says(page, "fr", "problem.file_count", limit=20)) == (422, True)
    assert page.form("choice").fields["note"] == "Voici"
    assert len(sizes) <= 120


# Webhooks -----------------------------------------------------------------------------------------------------------


def _event(**changed: Any) -> bytes:
    body = {"id": "evt_1", "type": "checkout.session.completed", "livemode": False, "data": {"object": {}}}
    return json.dumps(body | changed).encode()


def _with(subject: Any, kind: str = "checkout.session.completed") -> bytes:
    return _event(type=kind, data={"object": subject})


DEEP = b"[" * 100_000 + b"]" * 100_000
ODD_EVENTS = [
    (DEEP, 400),
    (b'{"id":"e","type":"t","livemode":false,"data":{"object":' + DEEP + b"}}", 400),
    (b"\xff\xfe\x00", 400),
    (_event().decode().encode("utf-16"), 200),
    (b"\xef\xbb\xbf" + _event(), 200),
    (base64.b64encode(_event()), 400),
    (b"NaN", 400),
    (_event(id=float("nan"), livemode=None, api_version="1999-01-01"), 200),
    (b'{"id":1,"id":"evt_2","type":"a","type":"b","livemode":false,"data":{},"data":{"object":{}}}', 200),
    (DIGITS.encode(), 400),
    (_event(data={"object": []}), 200),
    (_event(data={"object": "text"}), 400),
    (_event(type=["x"]), 200),
    (_with({"id": ["cs_1"], "payment_status": "paid"}), 200),
    (_with({"id": "cs_" + "x" * 4_000, "payment_status": "paid"}), 200),
    (_with({"id": "cs_\ud800", "payment_status": "paid"}), 200),
    (_with({"id": None, "payment_status": "paid"}), 200),
    (_with({"payment_status": ["paid"]}), 200),
    (_with({}, "charge.updated"), 200),
    (_with({"balance_transaction": "txn_1", "transfer_group": "0" * 12}, "charge.updated"), 200),
    (_with({"balance_transaction": {}, "transfer_group": "0" * 12, "id": {}}, "charge.updated"), 200),
    (_with({"balance_transaction": "txn_1", "transfer_group": "x" * 4_000, "id": "ch_1"}, "charge.updated"), 200),
    (b" " * LONG + _event(), 200),
]


def test_an_event_of_any_shape_has_its_answer_and_changes_nothing(world: World) -> None:
    """Signed, so that it passes the door: deep, doubled, re-encoded, without fields, with wrong ones."""
    held = stored(world)
    for number, (body, status) in enumerate(ODD_EVENTS):
        header = {"stripe-signature": signature(body, WEBHOOK_SECRET, int(world.wall().timestamp()))}
        for kind in ("application/json", "application/octet-stream"):
            if kind == "application/json" and body.startswith(b"\xff"):
                continue  # as text its bytes could not arrive: the signature would not hold
            page = world.http("POST", f"{PUBLIC_URL}/hooks/stripe", body, header | {"content-type": kind})
            assert page.status == status, number
            assert json.loads(page.body)
    assert stored(world) == held


def test_a_fee_of_an_order_that_has_none_owing_is_not_taken_from_a_charge_without_name(world: World) -> None:
    """Known events with a field missing: taken, counted, nothing kept on the order that they name."""
    journey = Journey(world).to_work()
    held = stored(world)
    for subject in ({"id": 5}, {"id": ["ch_1"]}, {"id": "ch_" + "x" * 5_000}, {}):
        body = _with({"balance_transaction": "txn_1", "transfer_group": journey.id, **subject}, "charge.updated")
        header = {"stripe-signature": signature(body, WEBHOOK_SECRET, int(world.wall().timestamp()))}
        assert world.http("POST", f"{PUBLIC_URL}/hooks/stripe", body, header).status == 200
    assert stored(world) == held


# A thousand requests ------------------------------------------------------------------------------------------------


def test_a_thousand_requests_for_one_link_read_and_nothing_else(world: World) -> None:
    """A link in a busy mailbox, or a bored person: the same page each time, no write, no call to Stripe.

    More at once are held back by the API itself (infra's throttle), before they cost anything.
    """
    journey = Journey(world).to_acceptance()
    link = world.link("acceptance", journey.id)
    world.pass_time(minutes=30)  # a page's nonce is of its hour: not while one ends
    held, first = stored(world), world.get(link)
    for at in range(1_000):
        page = world.http("HEAD" if at % 10 else "GET", link)
        assert (page.status, page.body) == (200, "" if at % 10 else first.body)
    assert stored(world) == held


def test_a_form_sent_again_and_again_is_answered_once(world: World) -> None:
    """A hundred presses: one decision, and each of them is told so."""
    journey = Journey(world).to_acceptance()
    form = world.get(world.link("acceptance", journey.id)).form("choice")
    assert world.send(form, choice="accept").status == 303
    held = stored(world)
    assert {world.send(form, choice=choice).status for choice in ("accept", "revise") for _ in range(50)} == {200}
    assert stored(world) == held


def test_a_permit_names_one_key_of_one_size_and_type(world: World) -> None:
    """What differs from what was announced is refused by the storage: the signed policy says so."""
    from relais.adapters.s3 import S3Files
    from tests.support.world import _clients

    journey = Journey(world).to_work()
    key = gate_path(world.ports, journey.order, journey.open_gate)
    given = S3Files(_clients()["s3"], "relais-dev-files").permit(key, 5, "image/png")
    policy = json.loads(base64.b64decode(given["fields"]["policy"]))["conditions"]
    assert ["content-length-range", 5, 5] in policy
    assert {"Content-Type": "image/png"} in policy
    assert {"key": key} in policy
