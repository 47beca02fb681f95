"""Plays one order through HTTP, exactly as people would: links come from mails, forms from pages, files go to storage.

Nothing here calls a step, a queue or the state machine. What isn't a person's is the clock alone: it is given a later
date, as `relais clock --to` does.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from devstack.browser import Browser, Form, Page, PageError, read_page, shown
from devstack.cloud import Cloud
from devstack.drawings import PNG, logo_files, png
from devstack.mailbox import Mail
from relais.errors import RelaisError
from relais.gate import Gate, GateId, Kind, gate_from_row, jitter
from relais.order import Order, OrderStage, milestone_from_row, order_from_row
from relais.ports import Store
from relais.rows import order_key

OFFER = "logo"
CARD = "4000 0025 0000 0003"
"""A French card: Stripe's fee for the European Economic Area, as in the sample shop's figures."""
CLIENT_NAME = "Marie Lambert"
CLIENT_EMAIL = "marie.lambert@boulangerie-aubepine.example"
DEADLINE_SECONDS = 120
PAUSE_SECONDS = 0.1
TELL_AFTER_SECONDS = 10
ORDER_LINK = re.compile(r"/o/([^/]+)/[^/]+$")
GATE_LINK = re.compile(r"/g/([^/]+)/([0-9]+-[a-z]+-[0-9]+)/[^/?]+$")

Found = TypeVar("Found")
ANSWERS = {
    "q_name": "« Boulangerie Aubépine », slogan : « le pain qui prend son temps »",
    "q_activity": "Nous cuisons du pain au levain pour les habitants du quartier.",
    "q_brands": "Opinel : rien n'est en trop.\nDuralex : on le reconnaît de loin.\nBic, pour la couleur.",
    "q_colours": "Le vert de la devanture (#2F5D50) ; surtout pas de rouge.",
    "q_seen": "Sur l'enseigne, les sacs en papier et Instagram.",
}


class WaitedTooLongError(RelaisError):
    """Something that should have happened by itself did not."""

    def __init__(self, what: str, seconds: float) -> None:
        """Keep what was waited for."""
        super().__init__(f"waited {seconds:.0f} s for {what}: see the logs in .run/ and `relais order list`")
        self.what = what


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the play: who did what, and how long it took."""

    who: str
    what: str
    seconds: float


@dataclass(slots=True)
class Play:
    """One order being played. `tell` is told each step as it happens, `move_clock` gives the clock a later date."""

    gateway: str
    cloud: Cloud
    store: Store
    tell: Callable[[Step], None]
    move_clock: Callable[[Gate], None]
    seller: str
    names: Mapping[str, str]
    browsers: dict[str, Browser] = field(default_factory=dict)
    seen: int = 0

    def run(self) -> Order:
        """Play the order to its end. Raises `PageError`, `WaitedTooLongError`."""
        self.seen = len(self.cloud.mails())
        order = self.buy()
        self.hand_in_brief()
        self.accept_proposal()
        self.deliver(1)
        self.judge("rework", "Le trait est trop fin à 16 pixels : épaissir, s'il vous plaît.")
        self.deliver(2)
        self.judge("approve")
        self.answer_client("revise", "Le vert est un peu sombre, pouvez-vous l'éclaircir ?")
        self.deliver(3)
        self.judge("approve")
        self.answer_client("accept")
        self.save_files(3)
        return self.be_paid(order)

    def to_acceptance(self) -> str:
        """Play an order until its client has a first version before them; gives its id."""
        self.seen = len(self.cloud.mails())
        order = self.buy()
        self.hand_in_brief()
        self.accept_proposal()
        self.deliver(1)
        self.judge("approve")
        asked = self.seen
        with self.step("Relais", "shows the version to the client"):
            self._mail(CLIENT_EMAIL, GATE_LINK, Kind.ACCEPTANCE)
        self.seen = asked
        return order

    # The client -----------------------------------------------------------------------------------------------------

    def buy(self) -> str:
        """From the offer's page to the page that the payment returns to; gives the order's id."""
        browser = self._browser(CLIENT_EMAIL)
        with self.step(CLIENT_EMAIL, "reads the offer and presses the order button") as step:
            page = browser.open(f"{self.gateway}/offer/{OFFER}")
            consents = {"client_kind": "consumer", "start_now": "yes", "ends_when_done": "yes"}
            checkout = browser.submit(page.form("client_kind"), consents)
            step.add(f"“{page.heading}”")
        with self.step(CLIENT_EMAIL, f"pays by card {CARD} on the hosted page") as step:
            card = {"email": CLIENT_EMAIL, "card": CARD, "name": CLIENT_NAME}
            back = browser.submit(checkout.form("card"), card)
            step.add(f"“{back.heading}”")
        with self.step("Relais", "receives the signed webhook, starts the order and asks for the brief"):
            mail = self._mail(CLIENT_EMAIL, ORDER_LINK)
        found = ORDER_LINK.search(mail)
        if found is None or not back.url.startswith(mail):
            raise PageError(back.url, "the payment did not return to the order that the mail leads to")
        self._returned = back.url
        return found[1]

    _returned: str = ""

    def hand_in_brief(self) -> None:
        """The brief, on the page that the payment returned to: it has loaded itself again by now."""
        browser = self._browser(CLIENT_EMAIL)
        with self.step(CLIENT_EMAIL, "answers the brief and adds a photo of the shop front") as step:
            page = browser.open(self._returned, origin=self.gateway)
            form = page.form("q_name")
            files = browser.upload(form, {"devanture.png": (PNG, png(5))})
            browser.submit(form, _brief(form), press="hand_in", files=files)
            step.add(f"“{page.heading}”")

    def answer_client(self, choice: str, note: str | None = None) -> None:
        """What the client says of a version."""
        verb = {"accept": "accepts the logo", "revise": "asks for a change"}[choice]
        with self.step("Relais", "shows the version to the client"):
            link = self._mail(CLIENT_EMAIL, GATE_LINK, Kind.ACCEPTANCE)
        with self.step(CLIENT_EMAIL, verb + _quoted(note)):
            self._choose(CLIENT_EMAIL, link, choice, note)

    def save_files(self, version: int) -> None:
        """The client fetches the final files from the order's page; they are what was handed in."""
        browser, page = self._browser(CLIENT_EMAIL), self._returned.partition("?")[0]
        with self.step(CLIENT_EMAIL, "saves the final files") as step:
            links = [one for one in browser.open(page).links if one.startswith("http") and self.gateway not in one]
            wanted = {body for _, body in logo_files(version).values()}
            saved = [body for body in map(browser.save, links) if body in wanted]
            if set(saved) != wanted:
                raise PageError(page, "the files on the page are not those that were handed in")
            step.add(f"{len(saved)} as they were handed in")

    # The freelancer and the seller ----------------------------------------------------------------------------------

    def accept_proposal(self) -> None:
        """Whoever is asked first says yes."""
        with self.step("Relais", "ranks the roster and proposes the order") as step:
            mail = self._mail_to_anybody(Kind.PROPOSAL)
            self._freelancer = mail.to[0]
            step.add(f"to {self._name(self._freelancer)}")
        with self.step(self._freelancer, "reads the brief and accepts"):
            self._choose(self._freelancer, _link(mail, GATE_LINK, Kind.PROPOSAL), "accepted")

    _freelancer: str = ""

    def deliver(self, version: int) -> None:
        """The freelancer hands in a version: three real files, sent to storage."""
        who = self._freelancer
        with self.step("Relais", "tells the freelancer what is to be done"):
            link = self._mail(who, GATE_LINK, Kind.WORK)
        with self.step(who, f"uploads version {version}: SVG, PDF and PNG"):
            browser = self._browser(who)
            form = browser.open(link).form("choice")
            files = browser.upload(form, logo_files(version))
            browser.submit(form, {"choice": _offered(form, "deliver")}, files=files)

    def judge(self, choice: str, note: str | None = None) -> None:
        """What the seller says of a version."""
        verb = {"approve": "approves it", "rework": "sends it back"}[choice]
        with self.step("Relais", "asks the seller to look at it"):
            link = self._mail(self.seller, GATE_LINK, Kind.REVIEW)
        with self.step(self.seller, verb + _quoted(note)):
            self._choose(self.seller, link, choice, note)

    def _choose(self, who: str, link: str, choice: str, note: str | None = None) -> Page:
        browser = self._browser(who)
        form = browser.open(link).form("choice")
        answers = {"choice": _offered(form, choice)}
        return browser.submit(form, answers if note is None else answers | {"note": note})

    # The clock and the money ----------------------------------------------------------------------------------------

    def be_paid(self, order: str) -> Order:
        """The hold passes on a later date; the transfer goes out and the order is completed."""
        with self.step("Relais", "holds the money for the agreed days") as step:
            gate = self.wait("the hold", lambda: self._hold(order))
            step.add(f"until {gate.deadline:%d %B %Y %H:%M} UTC")
        with self.step("The clock", "is given a later date: the hold has passed"):
            self.move_clock(gate)
        with self.step("Relais", "transfers the money and completes the order") as step:
            done = self.wait("the transfer", lambda: self._completed(order))
            self._mail_with(f"the mail about the payment to {self._freelancer}", self._told_paid)
            step.add(f"to {self._name(self._freelancer)}")
        return done

    def _told_paid(self, mail: Mail) -> bool:
        return self._freelancer in mail.to

    def _hold(self, order: str) -> Gate | None:
        for row in self.store.query(f"O#{order}", "M#"):
            milestone = milestone_from_row(row)
            rows = self.store.query(f"O#{order}", f"G#{milestone.number}#{Kind.HOLD.value}#")
            gates = [gate_from_row(one) for one in rows]
            wanted = GateId(milestone.number, Kind.HOLD, milestone.ordinal)
            found = [gate for gate in gates if gate.id == wanted and gate.deadline is not None]
            if found:
                return found[0]
        return None

    def _completed(self, order: str) -> Order | None:
        row = self.store.get(order_key(order))
        head = None if row is None else order_from_row(row)
        return head if head is not None and head.stage is OrderStage.COMPLETED and head.owes_mail is None else None

    # Mails and waiting ----------------------------------------------------------------------------------------------

    def _mail(self, to: str, link: re.Pattern[str], kind: Kind | None = None) -> str:
        """Wait for the next mail to somebody with such a link; gives the link."""
        what = f"the mail about {kind.value if kind else 'the order'} to {to}"
        mail = self._mail_with(what, lambda mail: to in mail.to and _has(mail, link, kind))
        return _link(mail, link, kind)

    def _mail_to_anybody(self, kind: Kind) -> Mail:
        return self._mail_with(f"the mail about the {kind.value}", lambda mail: _has(mail, GATE_LINK, kind))

    def _mail_with(self, what: str, wanted: Callable[[Mail], bool]) -> Mail:
        mail = self.wait(what, lambda: next((one for one in self.cloud.mails()[self.seen :] if wanted(one)), None))
        self.seen = mail.number
        return mail

    def wait(self, what: str, ask: Callable[[], Found | None]) -> Found:
        """Ask again and again, until there is an answer. Raises `WaitedTooLongError`."""
        began = told = time.monotonic()
        while (answer := ask()) is None:
            now = time.monotonic()
            if now - began > DEADLINE_SECONDS:
                raise WaitedTooLongError(what, now - began)
            if now - told > TELL_AFTER_SECONDS:
                self.tell(Step("…", f"still waiting for {what}", now - began))
                told = now
            time.sleep(PAUSE_SECONDS)
        return answer

    # Telling --------------------------------------------------------------------------------------------------------

    def _browser(self, who: str) -> Browser:
        return self.browsers.setdefault(who, Browser())

    def _name(self, address: str) -> str:
        return self.names.get(address, address)

    @contextmanager
    def step(self, who: str, what: str) -> Iterator["_Said"]:
        """Tell a step once it is done."""
        said, began = _Said(what), time.monotonic()
        yield said
        self.tell(Step(self._name(who), said.text, time.monotonic() - began))


@dataclass(slots=True)
class _Said:
    text: str

    def add(self, more: str) -> None:
        self.text = f"{self.text} {more}"


def later_than(gate: Gate) -> float:
    """The instant (seconds since 1970) by which the clock must have settled a gate that nobody answers."""
    if gate.deadline is None:
        raise WaitedTooLongError(f"gate {gate.id}, which has no deadline", 0)
    return (gate.deadline + jitter(gate.order, gate.id)).timestamp()


def _brief(form: Form) -> dict[str, str]:
    """An answer to every question on the page, complete; one that nobody expected is left to the shop's advice."""
    asked = {name for name in form.names if name.startswith("q_")}
    unknown = {name.replace("q_", "skip_", 1): "yes" for name in asked - ANSWERS.keys()}
    return {name: ANSWERS[name] for name in asked & ANSWERS.keys()} | unknown | {"ready": "yes"}


def _offered(form: Form, choice: str) -> str:
    if choice not in form.choices:
        raise PageError(form.page, f"the page offers {', '.join(form.choices) or 'nothing'}, not {choice}")
    return choice


def _links(mail: Mail) -> tuple[str, ...]:
    return read_page("", 200, mail.html).links


def _has(mail: Mail, pattern: re.Pattern[str], kind: Kind | None) -> bool:
    return any(_leads(link, pattern, kind) for link in _links(mail))


def _link(mail: Mail, pattern: re.Pattern[str], kind: Kind | None) -> str:
    for link in _links(mail):
        if _leads(link, pattern, kind):
            return link
    raise PageError(shown("mail:/"), f"no link in “{mail.subject}”")


def _leads(link: str, pattern: re.Pattern[str], kind: Kind | None) -> bool:
    found = pattern.search(link)
    return found is not None and (kind is None or GateId.parse(found[2]).kind is kind)


def _quoted(note: str | None) -> str:
    return "" if note is None else f": “{note}”"
