"""HTML as a browser would read it, for looking at what was rendered."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> 🦊 \u202eغداً {{ 7*7 }} {% raw %}"
"""What nobody should type: markup, template syntax, an emoji, a mark that turns the direction."""


class Document(HTMLParser):
    """What a browser would find: elements with their attributes, and the text; all that opens has to be closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute stands twice on <{tag}>: {names}"
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text.append(data)

    def all(self, tag: str, **attrs: str) -> list[dict[str, str | None]]:
        return [found for name, found, _ in self.elements if name == tag and attrs.items() <= found.items()]

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))
