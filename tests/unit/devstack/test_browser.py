import pytest

from devstack.browser import Browser, Page, PageError, multipart, read_page, shown

PAGE = """<!doctype html><html><body><h1>Votre <em>brief</em></h1>
<a href="/offer/logo">Offre</a>
<form id="brief" method="post" action="/o/abc/secret">
<input type="hidden" name="nonce" value="n1">
<input type="text" name="q_name" value="">
<textarea name="q_brands">
Bic &amp; Opinel</textarea>
<label><input type="radio" name="choice" value="approve"></label>
<label><input type="radio" name="choice" value="rework"></label>
<input type="checkbox" name="skip_name" value="yes">
<div data-upload="/g/abc/00-brief-0001/s/files" data-nonce="n2"><input type="file" id="file" multiple></div>
<button type="submit" name="action" value="save">Plus tard</button>
</form>
<button type="submit" form="brief" name="action" value="hand_in">Envoyer</button>
</body></html>"""


@pytest.fixture
def page() -> Page:
    return read_page("http://127.0.0.1:8010/o/abc/secret?paid=1", 200, PAGE)


def test_what_is_sent_is_what_the_page_shows_plus_what_was_filled_in(page: Page) -> None:
    """A hidden nonce and a text typed before go along; what nobody ticked does not."""
    sent = page.form("q_name").filled({"q_name": "Aubépine", "choice": "rework"}, press="save")
    assert sent == [
        ("nonce", "n1"),
        ("q_name", "Aubépine"),
        ("q_brands", "Bic & Opinel"),
        ("choice", "rework"),
        ("action", "save"),
    ]


def test_a_button_outside_its_form_belongs_to_it(page: Page) -> None:
    """The order button stands in a bar of its own and names its form."""
    assert ("action", "hand_in") in page.form("q_name").filled({}, press="hand_in")


@pytest.mark.parametrize(
    ("answers", "press"),
    [({"price": "1"}, None), ({"choice": "refund"}, None), ({"skip_name": "no"}, None), ({}, "delete")],
)
def test_nothing_can_be_filled_in_that_the_page_does_not_offer(
    page: Page, answers: dict[str, str], press: str | None
) -> None:
    """A player that could invent fields or choices would prove nothing about the pages."""
    with pytest.raises(PageError):
        page.form("q_name").filled(answers, press=press)


def test_the_place_for_files_is_found_with_its_own_nonce(page: Page) -> None:
    """Permits are asked for with the nonce that the upload shows, at the address that it names."""
    upload = page.form("q_name").upload
    assert upload is not None
    assert (upload.address, upload.nonce) == ("http://127.0.0.1:8010/g/abc/00-brief-0001/s/files", "n2")


def test_heading_and_links_are_read_as_people_see_them(page: Page) -> None:
    """The heading says on which page the player is when something is missing."""
    assert page.heading == "Votre brief"
    assert page.links == ("http://127.0.0.1:8010/offer/logo",)
    with pytest.raises(PageError, match="Votre brief"):
        page.form("card")


def test_an_address_is_told_without_its_secret() -> None:
    """What the player prints may end in a terminal that is shared."""
    assert shown("http://127.0.0.1:8010/g/abc/01-work-0002/verysecret") == "http://127.0.0.1:8010/g/…"


def test_the_file_stands_last_in_an_upload() -> None:
    """S3 ignores every field that follows the file."""
    body = multipart("b", {"key": "files/x", "policy": "p"}, "logo.png", "image/png", b"\x89PNG")
    assert body.index(b'name="policy"') < body.index(b'name="file"; filename="logo.png"')
    assert body.endswith(b"\x89PNG\r\n--b--\r\n")


def test_a_permit_that_is_not_given_is_an_error_of_the_page(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function may die: whoever sends files is told, and may try again."""
    browser = Browser()
    monkeypatch.setattr(browser, "_send", lambda *_: (500, {}, b'{"message": "Internal server error"}'))
    with pytest.raises(PageError, match="the answer was 500"):
        browser.upload(page.form("q_name"), {"logo.png": ("image/png", b"\x89PNG")})
