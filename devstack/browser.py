"""What a person's browser does, without a screen: opens links, reads forms off pages, fills them in, sends them.

It sends what a browser sends (`Sec-Fetch-Site`, `Origin: null` from pages without a referrer, `Accept-Language`) and
knows of a page only what the page shows: a field or a choice that isn't there can't be filled in.
"""

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from relais.errors import RelaisError

TIMEOUT_SECONDS = 90
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303})
ERRORS = 400


class PageError(RelaisError):
    """A page is not what a person at this point needs: an error, or without the form, field, choice or button."""

    def __init__(self, url: str, what: str) -> None:
        """Keep what was missing; of the address only what is no secret."""
        super().__init__(f"{shown(url)}: {what}")
        self.what = what


def shown(url: str) -> str:
    """An address without the secrets in it: `http://127.0.0.1:8010/g/…`."""
    address = urlsplit(url)
    first = address.path.split("/")[1] if "/" in address.path else ""
    rest = "/…" if address.path.count("/") > 1 else ""
    return f"{address.scheme}://{address.netloc}/{first}{rest}"


@dataclass(frozen=True, slots=True)
class Control:
    """One field or button of a form as the page shows it."""

    kind: str
    name: str
    value: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class Upload:
    """A place on a form that takes files: where it asks for permits, and with which nonce."""

    address: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a page."""

    page: str
    identity: str
    method: str
    action: str
    controls: tuple[Control, ...]
    upload: Upload | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """What its radio buttons offer."""
        return tuple(control.value for control in self.controls if control.kind == "radio")

    @property
    def names(self) -> frozenset[str]:
        """The names of everything that can be filled in."""
        return frozenset(control.name for control in self.controls if control.kind != "submit")

    def filled(
        self, answers: Mapping[str, str], *, press: str | None = None, files: Sequence[str] = ()
    ) -> list[tuple[str, str]]:
        """What is sent when it is filled in like this and the button `press` (by its value) is pressed.

        Raises `PageError` for a field, a choice or a button that the page doesn't show.
        """
        for name in answers:
            if name not in self.names:
                raise PageError(self.page, f"there is no field {name} on this form")
        sent = [pair for control in self.controls for pair in self._sent(control, answers)]
        for name, value in answers.items():
            if (name, value) not in sent:
                raise PageError(self.page, f"the form does not offer {value} for {name}")
        sent += [("file", key) for key in files]
        if press is not None:
            sent.append(self._button(press))
        return sent

    def _sent(self, control: Control, answers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        answer = answers.get(control.name)
        match control.kind:
            case "submit" | "button" | "file":
                return
            case "radio" | "checkbox":
                if answer == control.value or (answer is None and control.on):
                    yield control.name, control.value
            case _:
                yield control.name, control.value if answer is None else answer

    def _button(self, value: str) -> tuple[str, str]:
        for control in self.controls:
            if control.kind == "submit" and control.value == value:
                return control.name, control.value
        raise PageError(self.page, f"there is no button {value} on this form")


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it arrived."""

    url: str
    status: int
    html: str
    heading: str
    forms: tuple[Form, ...]
    links: tuple[str, ...]

    def form(self, *names: str) -> Form:
        """The form with all of these fields. Raises `PageError`."""
        for form in self.forms:
            if form.names.issuperset(names):
                return form
        raise PageError(self.url, f"no form with {', '.join(names) or 'fields'} on the page “{self.heading}”")


@dataclass(slots=True)
class _Draft:
    identity: str
    method: str
    action: str
    controls: list[Control] = field(default_factory=list)
    upload: Upload | None = None


class _Reader(HTMLParser):
    """Collects forms, links and the first heading of a page."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.url = url
        self.forms: list[_Draft] = []
        self.links: list[str] = []
        self.heading = ""
        self._form: _Draft | None = None
        self._outside: list[tuple[str, Control]] = []
        self._in_heading = False
        self._text: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                action = urljoin(self.url, given.get("action", ""))
                self._form = _Draft(given.get("id", ""), given.get("method", "get").upper(), action)
                self.forms.append(self._form)
            case "a" if "href" in given:
                self.links.append(urljoin(self.url, given["href"]))
            case "h1" if not self.heading:
                self._in_heading = True
            case "textarea":
                self._text = (given.get("name", ""), [])
            case "input" | "button":
                self._control(tag, given)
            case _ if "data-upload" in given and self._form is not None:
                self._form.upload = Upload(urljoin(self.url, given["data-upload"]), given.get("data-nonce", ""))

    def _control(self, tag: str, given: Mapping[str, str]) -> None:
        kind = given.get("type", "submit" if tag == "button" else "text")
        value = given.get("value", "on" if kind == "checkbox" else "")
        on = kind not in {"radio", "checkbox"} or "checked" in given
        control = Control(kind, given.get("name", ""), value, on)
        if not control.name or "disabled" in given:
            return
        if "form" in given:
            self._outside.append((given["form"], control))
        elif self._form is not None:
            self._form.controls.append(control)

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading += data
        if self._text is not None:
            self._text[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "form":
                self._form = None
            case "h1":
                self._in_heading = False
            case "textarea" if self._text is not None:
                name, parts = self._text
                if self._form is not None and name:
                    # The parser of every browser drops the first line break of a textarea.
                    self._form.controls.append(Control("textarea", name, "".join(parts).removeprefix("\n")))
                self._text = None

    def close(self) -> None:
        super().close()
        for identity, control in self._outside:
            for form in self.forms:
                if form.identity == identity:
                    form.controls.append(control)


def read_page(url: str, status: int, html: str) -> Page:
    """Read a page: its heading, forms and links, with whole addresses."""
    reader = _Reader(url)
    reader.feed(html)
    reader.close()
    forms = tuple(
        Form(url, draft.identity, draft.method, draft.action, tuple(draft.controls), draft.upload)
        for draft in reader.forms
    )
    return Page(url, status, html, " ".join(reader.heading.split()), forms, tuple(reader.links))


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are followed below, where each can be looked at."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - the library's own signature
        return None


class Browser:
    """One person's browser. It keeps no cookies: the shop sets none."""

    def __init__(self, lang: str = "fr") -> None:
        """Speak a language first."""
        self._lang = lang
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)

    def open(self, url: str, *, origin: str | None = None) -> Page:
        """Open a link (of a mail: no origin). Raises `PageError` where the page tells of an error."""
        for _ in range(MOST_REDIRECTS):
            status, headers, body = self._send("GET", url, None, self._navigation(url, origin))
            if status not in REDIRECTS:
                page = read_page(url, status, body.decode("utf-8", "replace"))
                if status >= ERRORS:
                    raise PageError(url, f"the page answered {status}: “{page.heading}”")
                return page
            origin, url = _origin(url), urljoin(url, headers["location"])
        raise PageError(url, "redirected in circles")

    def save(self, url: str) -> bytes:
        """Fetch a file that a page leads to. Raises `PageError`."""
        status, _, body = self._send("GET", url, None, self._navigation(url, None))
        if status >= ERRORS:
            raise PageError(url, f"the file was not given: {status}")
        return body

    def submit(
        self, form: Form, answers: Mapping[str, str], *, press: str | None = None, files: Sequence[str] = ()
    ) -> Page:
        """Fill in a form, send it and follow where it leads. Raises `PageError`."""
        sent = form.filled(answers, press=press, files=files)
        headers = self._navigation(form.action, _origin(form.page)) | {
            "Content-Type": "application/x-www-form-urlencoded",
            # A page with `no-referrer` posts without saying where from.
            "Origin": "null",
        }
        status, answer, body = self._send(form.method, form.action, urlencode(sent).encode(), headers)
        if status in REDIRECTS:
            return self.open(urljoin(form.action, answer["location"]), origin=_origin(form.action))
        page = read_page(form.action, status, body.decode("utf-8", "replace"))
        if status >= ERRORS:
            raise PageError(form.action, f"the form was answered {status}: “{page.heading}”")
        return page

    def upload(self, form: Form, files: Mapping[str, tuple[str, bytes]]) -> tuple[str, ...]:
        """Hand over files as the page's script does: ask for permits, send each, keep the keys for the form.

        `files` by name: media type and content. Raises `PageError`.
        """
        if form.upload is None:
            raise PageError(form.page, "this form takes no files")
        wanted = [("nonce", form.upload.nonce)]
        for name, (kind, content) in files.items():
            wanted += [("name", name), ("size", str(len(content))), ("type", kind)]
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            "Origin": _origin(form.page),
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Dest": "empty",
        }
        status, _, body = self._send("POST", form.upload.address, urlencode(wanted).encode(), headers)
        answer = json.loads(body)
        if "files" not in answer:
            raise PageError(form.upload.address, f"no file may be sent: the answer was {status}")
        if answer.get("problems"):
            raise PageError(form.page, "; ".join(problem["message"] for problem in answer["problems"]))
        for permit in answer["files"]:
            self._deliver(form.page, permit, *files[permit["name"]])
        return tuple(permit["key"] for permit in answer["files"])

    def _deliver(self, page: str, permit: Mapping[str, Any], kind: str, content: bytes) -> None:
        boundary = f"----relais{secrets.token_hex(12)}"
        body = multipart(boundary, permit["fields"], permit["name"], kind, content)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Origin": _origin(page),
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "cors",
        }
        status, _, _ = self._send("POST", permit["url"], body, headers)
        if status >= ERRORS:
            raise PageError(permit["url"], f"{permit['name']} was not taken: {status}")

    def _navigation(self, url: str, origin: str | None) -> dict[str, str]:
        site = "none" if origin is None else "same-origin" if origin == _origin(url) else "cross-site"
        return {
            "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
            "Sec-Fetch-Site": site,
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            "Sec-Fetch-User": "?1",
            "Upgrade-Insecure-Requests": "1",
        }

    def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        other = "en" if self._lang == "fr" else "fr"
        everywhere = {"User-Agent": AGENT, "Accept-Language": f"{self._lang},{other};q=0.5"}
        request = urllib.request.Request(url, body, everywhere | dict(headers), method=method)  # noqa: S310 - loopback
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.status, _lower(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _lower(error.headers), error.read()
        except OSError as error:
            raise PageError(url, f"does not answer ({error})") from error


def multipart(boundary: str, fields: Mapping[str, str], name: str, kind: str, content: bytes) -> bytes:
    """A form with one file as browsers send it; the file stands last, as S3 wants it."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    quoted = name.replace('"', "%22")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    return b"".join([*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])


def _lower(headers: Any) -> dict[str, str]:  # noqa: ANN401 - an HTTPMessage
    return {name.lower(): value for name, value in headers.items()}


def _origin(url: str) -> str:
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc}"
