"""What a person does with a page: reads it, fills in a form, follows a link."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

from relais.errors import RelaisError

TEXT_SHOWN = 400
LINK = re.compile(r"https://[^\s\"'<>]+")


@dataclass
class Form:
    """A form as it was rendered: where it goes, what it holds before anything is typed."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._known: dict[str, Form] = {}
        self._textarea: str | None = None
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "style"}:
            self._hidden += 1
        if tag == "form" and given.get("method", "").lower() == "post":
            self.forms.append(self._named(given.get("id", "")))
            self.forms[-1].action = given.get("action", "")
        name = given.get("name")
        if not self.forms or name is None or tag not in {"input", "textarea", "button", "select"}:
            return
        form = self._named(given["form"]) if "form" in given else self.forms[-1]
        form.names.add(name)
        kind = given.get("type", "text")
        if kind in {"radio", "checkbox"} or tag == "button":
            form.choices.setdefault(name, []).append(given.get("value", "on"))
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif tag == "textarea":
            form.fields[name], self._textarea = "", name
        elif kind not in {"file", "submit"}:
            form.fields[name] = given.get("value", "")

    def _named(self, identity: str) -> Form:
        """The form of a name, which may come later on the page than what belongs to it; a new one without."""
        return self._known.setdefault(identity, Form("")) if identity else Form("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = None
        if tag in {"script", "style"}:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self.forms[-1].fields[self._textarea] += data.removeprefix("\n")
        elif not self._hidden:
            self.words.append(data)


def _read(body: str) -> _Reader:
    reader = _Reader()
    reader.feed(body)
    return reader


class FormNotFoundError(RelaisError):
    """A page has no form with what somebody wants to fill in."""

    def __init__(self, having: str, page: Page) -> None:
        """Keep the page."""
        super().__init__(f"no form with {having} (status {page.status}): {page.text[:TEXT_SHOWN]}")
        self.page = page


@dataclass(frozen=True)
class Page:
    """An answer over HTTP."""

    status: int
    body: str
    headers: dict[str, str]

    @property
    def location(self) -> str:
        """Where a redirect leads."""
        return self.headers.get("location", "")

    @property
    def text(self) -> str:
        """What is to be read."""
        return " ".join(" ".join(_read(self.body).words).split())

    @property
    def forms(self) -> list[Form]:
        """The forms that post."""
        return _read(self.body[self.body.find("<form") : self.body.rfind("</form>")]).forms

    def form(self, having: str) -> Form:
        """The form with a field of this name."""
        found = next((form for form in self.forms if having in form.names), None)
        if found is None:
            raise FormNotFoundError(having, self)
        return found


@dataclass(frozen=True)
class Mail:
    """A mail that was sent."""

    to: str
    subject: str
    body: str

    @property
    def links(self) -> list[str]:
        """Every address in it."""
        return [unescape(link) for link in LINK.findall(self.body)]
