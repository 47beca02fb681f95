"""People in front of a real browser: each has a window and a mailbox, and everything their pages do is watched."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    ViewportSize,
    WebError,
    expect,
)
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

PATIENCE = 60_000
"""The longest that a page or a mail may take, in milliseconds: a function may start cold on a busy machine."""
CLICKS = 3
"""How often somebody presses a button that does nothing."""
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}
# The browser logs the status of a page that says what is missing (422), or that a card was declined, as an error.
STATUS = "Failed to load resource: the server responded with a status of"
TELL_VIOLATION = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP ${event.effectiveDirective} refused ${event.blockedURI || "something inline"}`);
});
"""


@dataclass  # without slots: the library keeps its wrapped handlers on the object itself
class Watch:
    """What no page may do: log an error, break its own security policy, ask anything of anybody else."""

    wrong: list[str] = field(default_factory=list)
    pages: set[str] = field(default_factory=set)

    def follow(self, context: BrowserContext) -> None:
        """Note everything that the pages of this window do."""
        context.on("console", self._logged)
        context.on("weberror", self._thrown)
        context.on("request", self._asked)
        context.add_init_script(TELL_VIOLATION)

    def _logged(self, message: ConsoleMessage) -> None:
        about = message.location["url"]
        if message.type in {"error", "warning"} and not (message.text.startswith(STATUS) and about in self.pages):
            self.wrong.append(f"{message.type}: {message.text} ({_shown(about)})")

    def _thrown(self, error: WebError) -> None:
        self.wrong.append(f"thrown: {error.error.message}")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if request.is_navigation_request():
            self.pages.add(request.url)
        if address.scheme in {"http", "https"} and address.hostname != "127.0.0.1":
            self.wrong.append(f"asked {address.hostname}")


def _shown(url: str) -> str:
    """An address without the secrets in it."""
    return "/".join(urlsplit(url).path.split("/")[:2])


@dataclass(slots=True)
class Person:
    """Somebody with a window and an address; `seen` are the mails that they opened."""

    address: str
    gateway: str
    page: Page
    seen: list[str] = field(default_factory=list)

    def open_mail(self, subject: str) -> Page:
        """Wait at the mailbox, which loads itself again, for a new mail with these words in its subject; open it."""
        self.page.goto(f"{self.gateway}/_mail")
        new = "".join(f':not([href="{one}"])' for one in self.seen)
        mail = self.page.locator(f"li a{new}").filter(has_text=f"to {self.address}").filter(has_text=subject).last
        expect(mail).to_be_visible()
        mail.click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(subject)
        self.seen.append(urlsplit(self.page.url).path)
        return self.page

    def follow_mail(self, subject: str, button: str) -> Page:
        """Open the next mail with these words in its subject, and press its button: gives the page that opens."""
        link = self.open_mail(subject).frame_locator("iframe").get_by_role("link", name=button, exact=True)
        for _ in range(CLICKS):
            with suppress(PlaywrightTimeoutError), self.page.context.expect_page(timeout=PATIENCE / CLICKS) as opened:
                link.click()
                return opened.value
        raise AssertionError(f"no page opens from the mail about {subject!r}")


@dataclass(frozen=True, slots=True)
class Street:
    """Where the people of a test live: one browser, one shop, one watch."""

    browser: Browser
    gateway: str
    storage: str
    watch: Watch

    def person(self, address: str, *, lang: str = "fr", screen: ViewportSize = DESK) -> Person:
        """Somebody new, in a window of their own."""
        locale = {"fr": "fr-FR", "en": "en-GB"}[lang]
        phone: dict[str, Any] = {"is_mobile": True, "has_touch": True} if screen is PHONE else {}
        context = self.browser.new_context(viewport=screen, locale=locale, timezone_id="Europe/Paris", **phone)
        context.set_default_timeout(PATIENCE)
        self.watch.follow(context)
        return Person(address, self.gateway, context.new_page())


def heading(page: Page, text: str | re.Pattern[str]) -> None:
    """The page says this at its top; pages that load themselves again are given the time."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def question(page: Page, text: str) -> Locator:
    """One question of the brief, with everything around it."""
    return page.locator(".question").filter(has_text=text)


def attach(page: Page, files: Mapping[str, tuple[str, bytes]], done: str) -> None:
    """Choose files and wait until the page says of each that it was sent."""
    chosen: Any = [{"name": name, "mimeType": media, "buffer": content} for name, (media, content) in files.items()]
    page.locator("input#file").set_input_files(chosen)
    for name in files:
        expect(page.get_by_role("listitem").filter(has_text=name)).to_contain_text(done)


def decide(page: Page, choice: str, button: str, note: tuple[str, str] | None = None) -> None:
    """Pick an answer by its words, write a note under its label, and send."""
    page.get_by_role("radio", name=choice).check()
    if note is not None:
        label, words = note
        page.get_by_label(label).fill(words)
    page.get_by_role("button", name=button, exact=True).click()


def previews(page: Page) -> list[int]:
    """The width of each picture that the page shows, in its own pixels; 0 for one that did not arrive."""
    pictures = page.locator("figure img")
    expect(pictures.first).to_be_visible()
    for each in pictures.all():
        expect(each).to_have_js_property("complete", value=True)
    widths: list[int] = pictures.evaluate_all("(all) => all.map((one) => one.naturalWidth)")
    return widths
