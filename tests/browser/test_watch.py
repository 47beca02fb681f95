from dataclasses import replace

import pytest

from tests.browser.people import Street, Watch

FORBIDDEN = """
<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'"><link rel="icon" href="data:,">
<script>document.title = "never"</script>
"""
THROWS = '<!doctype html><link rel="icon" href="data:,"><script>nobody.knows()</script>'
ABROAD = '<!doctype html><link rel="icon" href="data:,"><img src="http://192.0.2.1/pixel.png">'


@pytest.mark.parametrize(
    ("html", "told"),
    [(FORBIDDEN, "Content Security Policy"), (THROWS, "nobody is not"), (ABROAD, "asked 192.0.2.1")],
    ids=["policy", "error", "elsewhere"],
)
def test_what_no_page_may_do_is_noticed(street: Street, html: str, told: str) -> None:
    """Otherwise the journeys' silence would say nothing: a refused script, a thrown error, a request to elsewhere."""
    watch = Watch()
    page = replace(street, watch=watch).person("nobody@nowhere.example").page
    page.set_content(html, wait_until="load")
    page.evaluate("() => 0")
    assert any(told in one for one in watch.wrong), watch.wrong
