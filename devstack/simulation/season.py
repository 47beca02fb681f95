"""A season of one shop: orders come in over some days, people act on their mails, things break; then it is judged.

One world holds a few orders that share roster and seller. Each is drawn from its own seed, so worlds can be played in
any number of processes, and the same seed always plays the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from http import HTTPStatus
from itertools import count
from random import Random
from typing import Any
from urllib.parse import urlsplit

import stripe

from devstack.simulation.judging import Verdict, judge, wrong_addressee
from devstack.simulation.pages import Form, FormNotFoundError, Mail, Page
from devstack.simulation.people import BARGAINING, CLIENTS, MAKERS, SELLERS, Person, Temper
from devstack.simulation.world import GOOD_CARD, MONDAY, PUBLIC_URL, InMemory, World, WorldError, world_in_memory
from devstack.stripe_sandbox.disputes import decide, open_dispute
from devstack.stripe_sandbox.errors import RefusedError
from devstack.stripe_sandbox.payments import top_up
from relais.errors import RelaisError
from relais.gate import Kind, Status
from relais.offer import RefundCause
from relais.order import Debit, order_from_row
from relais.roster import Freelancer
from relais.rows import gate_key, session_key
from relais.shop import Shop
from relais.steps import by_hand, interrupt, late_refund
from relais.steps.decisions import LostWhy
from relais.steps.intake import correct_address
from relais.steps.links import order_link
from relais.steps.reassign import reassign
from relais.steps.situation import read_shop

OPEN_OFFERS = ("logo", "articles")
DECLINED_CARD = "4000 0000 0000 0002"
MISTYPED = "gmial.example"
"""Mails to this domain come back."""
OVERTIME = timedelta(days=500)
"""How long after the last order everything must have ended."""
RESERVE = 5_000_000
"""The seller's own money at Stripe, in minor units: a refund draws on what is available."""
LONGEST_OUTAGE = timedelta(hours=3)
REFUSED_OFTEN = 3
"""How often the seller has Stripe asked again before their bank pays."""
BOOK_READ_EVERY = timedelta(days=10)
"""How often Stripe's book is read: often enough to read all of it, seldom enough to play a thousand orders."""
SEASON_FAULTS = {"calls lost": 0.002, "functions dying": 0.0015}
"""How often one call to Stripe is cut off, and one call of ours to anything dies."""
CANCELLED, REASSIGNED, DECLINED, ABANDONED = 0.04, 0.03, 0.05, 0.04
DISPUTED, LATE_REFUND, INQUIRED = 0.04, 0.04, 0.25
"""How often a bank takes a payment back, a seller refunds what was paid out, and a dispute begins as a question."""
DEBITED, PAYS_AFTER_ALL = 0.15, 0.7
"""How often a client wishes to pay by debit, and how often one whose bank refused it pays all the same."""
ACCOUNTS: Mapping[str, float] = {
    "FR1420041010050500013M02606": 16,
    "FR8420041010050500013M02607": 4,
    "FR5720041010050500013M02608": 1,
}
"""Of those who do: a bank pays, refuses, or pays and takes it back, each so often."""
DECIDED_AFTER = timedelta(days=30)
ADDS, PAYS_EXTRA = 0.3, 0.7
"""How often a client wants something more, and pays for it once its price is known."""
LEAVES = 0.08
"""How often a client changes their mind some day, and looks for a way out of the order."""
MORE_TIME, REOPENED, RATED, APPEALED = 0.15, 0.5, 0.5, 0.4
ASKS, WRITES, PASSES_ON = 0.06, 0.08, 0.3
"""How often somebody asks before they answer, a client writes, and the seller passes on what was written."""
TRIES_AFTER_TROUBLE = 9
WAY_OUT = re.compile(r'\?(withdraw=1|cancel=1|agree=\d\d)"')
GATE = re.compile(r"/g/[0-9a-z]{12}/")
ORDER = re.compile(r"/o/[0-9a-z]{12}/")
TYPED = {"spent": "95.00", "bought_at": "Une plateforme", "receipt": "R-17"}
NOTE = "Merci d'y regarder de plus près."


class OutageError(Exception):
    """A call of ours that did not happen: the process died, or the service did not answer."""


@dataclass
class Season:
    """One world under way."""

    world: World
    clouds: InMemory
    dice: Random
    starts: datetime
    last: datetime
    shop: Shop
    people: dict[str, Person] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    mails: Counter[str] = field(default_factory=Counter)
    delivered: dict[str, datetime] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    inside: int = 0
    """How many of our functions run now: only they break, not what looks at them, nor a person's command."""
    _todo: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _number: count[int] = field(default_factory=count)
    _read: int = 0
    _outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    _call: Callable[[str, Mapping[str, Any]], Any] = field(init=False)

    # What comes -----------------------------------------------------------------------------------------------------

    def at(self, when: datetime, act: Callable[[], None]) -> None:
        """Something will happen."""
        heappush(self._todo, (when, next(self._number), act))

    def play(self) -> None:
        """Until nothing is left to happen, or far beyond the last day."""
        end = self.last + OVERTIME
        while True:
            self._open_mails()
            due, planned = self.world.next_due(), self._todo[0][0] if self._todo else None
            coming = [at for at in (due, planned) if at is not None]
            if not coming or min(coming) > end:
                return
            if planned is not None and (due is None or planned <= due):
                self.world.move_to(planned)
                self._try(heappop(self._todo)[2])
            else:
                self.world.move_to(max(min(coming), self.world.now()))
                self._try(self._tick)
            self._nobody_over_capacity()

    def _tick(self) -> None:
        self.world.tick()

    def _try(self, act: Callable[[], None], tried: int = 0) -> None:
        """Whoever meets an error tries again, a little later, then later still."""
        try:
            act()
        except (OutageError, WorldError, FormNotFoundError, stripe.StripeError):
            if tried == TRIES_AFTER_TROUBLE:
                self.violations.append(f"after {tried} tries something could still not be done")
                return
            self.at(self.world.now() + timedelta(minutes=2**tried), lambda: self._try(act, tried + 1))
        self.world.settle()

    def reconcile(self) -> None:
        """Read Stripe's book, as production does every quarter of an hour: fees of no event are booked too."""
        self.world.engine.call("reconcile", {})
        self.world.settle()

    def read_the_book(self, days: int) -> None:
        """From the first day on, so that nothing is older than what a first look reads."""
        self.reconcile()
        for number in range(1, days // BOOK_READ_EVERY.days + 1):
            self.at(self.starts + number * BOOK_READ_EVERY, self.reconcile)

    def last_look(self) -> None:
        """When nothing happens any more: nothing breaks either."""
        self._call("reconcile", {})
        self.world.settle()

    # What breaks ----------------------------------------------------------------------------------------------------

    def break_things(self) -> None:
        """From now on: draw Stripe's outages of the season, and watch our functions."""
        self._call = self.world.engine.call
        self.world.engine.call = self.watched  # type: ignore[method-assign]
        self.world.cut = self.stripe_fails
        for _ in range(3):
            begins = self.starts + (self.last - self.starts) * self.dice.random()
            self._outages.append((begins, begins + LONGEST_OUTAGE * self.dice.random()))

    def stripe_fails(self, _method: str, _path: str) -> None:
        """Told of every call to Stripe before it is made."""
        now = self.world.now()
        out = any(begins <= now <= ends for begins, ends in self._outages)
        if self.inside and (out or self.dice.random() < SEASON_FAULTS["calls lost"]):
            raise stripe.APIConnectionError("out of reach", should_retry=False)  # type: ignore[no-untyped-call]

    def call_fails(self, _place: str) -> None:
        """Told of every call to anything before it is made."""
        if self.inside and self.dice.random() < SEASON_FAULTS["functions dying"]:
            raise OutageError

    def watched(self, name: str, event: Mapping[str, Any]) -> Any:
        """One of our functions runs."""
        self.inside += 1
        try:
            return self._call(name, event)
        finally:
            self.inside -= 1

    # Mails ----------------------------------------------------------------------------------------------------------

    def _open_mails(self) -> None:
        sent = self.clouds.mailer.sent
        while self._read < len(sent):
            mail = sent[self._read]
            self._read += 1
            if mail.to.endswith(MISTYPED):
                self._bounce(mail)
                continue
            self.delivered.setdefault(mail.to, self.world.now())
            self.mails[self._role(mail.to)] += 1
            self.violations += wrong_addressee(self.world, self.shop, mail)
            self._lies_in(mail)

    def _role(self, address: str) -> str:
        if address == self.shop.email:
            return "seller"
        return "freelancer" if self.people[address].temper in MAKERS and "@client" not in address else "client"

    def _lies_in(self, mail: Mail) -> None:
        person = self.people[mail.to]
        after = person.opens_after()
        if after is None:
            return
        for link in dict.fromkeys(one for one in mail.links if GATE.search(one) or ORDER.search(one)):
            act = self._answering(person, link) if GATE.search(link) else self._briefing(person, link)
            self.at(self.world.now() + after, act)
        if mail.to == self.shop.email and MISTYPED in mail.body:
            self.at(self.world.now() + after, lambda: self._correct(mail))

    def _bounce(self, mail: Mail) -> None:
        gate = next((urlsplit(link).path.split("/")[2:4] for link in mail.links if GATE.search(link)), None)
        tags = {} if gate is None else {"order": [gate[0]], "gate": [gate[1]]}
        detail = {
            "eventType": "Bounce",
            "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": mail.to}]},
            "mail": {"destination": [mail.to], "tags": tags},
        }
        at = self.world.now() + timedelta(minutes=1)
        self.at(at, lambda: self.world.engine.queue("record-bounce", {"detail": detail}))

    def _correct(self, mail: Mail) -> None:
        order = next(found for found in re.findall(r"\b[0-9a-hjkmnp-tv-z]{12}\b", mail.body) if found in self.orders)
        head = order_from_row(self.world.order_row(order))
        if head.client_email and head.client_email.endswith(MISTYPED):
            right = head.client_email.replace(f"@{MISTYPED}", "@client.example")
            self.people[right] = self.people.pop(head.client_email)
            self._by_hand(lambda: correct_address(self.world.ports, head, right, by="seller", reason="by phone"))

    def _by_hand(self, act: Callable[[], object]) -> None:
        """A command: a person reads the error and leaves it, or sees it done."""
        with suppress(RelaisError):
            act()

    # Answers --------------------------------------------------------------------------------------------------------

    def _answering(self, person: Person, link: str) -> Callable[[], None]:
        return lambda: self._answer(person, link)

    def _briefing(self, person: Person, link: str) -> Callable[[], None]:
        return lambda: self._brief(person, link)

    def _answer(self, person: Person, link: str) -> None:
        if person.gone or self._paid_by_bank(link):
            return
        forms = _shown(self.world.get(link)).forms
        form = next((one for one in forms if "choice" in one.names), None)
        if form is None:
            return  # answered, by them or by somebody else
        paying = next((one for one in forms if one.action.endswith("/checkout")), None)
        if paying is not None and self.dice.random() < PAYS_EXTRA:
            self._pay_extra(person, paying)
            return
        if self._asked(person, forms):
            return  # the mail that answers it, or a reminder, brings them back
        longer = next((one for one in forms if one.fields.get("ask") == "more_time" and "note" not in one.names), None)
        if longer is not None and self.dice.random() < MORE_TIME:
            for _ in person.sends("more_time", ["more_time"]):
                _shown(self.world.send(longer, sure="yes"))
            return  # the mail that confirms it brings them back
        bargain = next((one for one in forms if one.fields.get("ask") == "counter"), None)
        wishes = bargain is not None and self.dice.random() < BARGAINING.get(person.temper, 0)
        if bargain is not None and wishes and self._bargained(person, bargain):
            return  # the mail about it brings them back
        choices = form.choices["choice"]
        if choices == ["appeal"] and self.dice.random() > APPEALED:
            return
        choice = person.chooses(choices)
        drawn = person.sends(choice, choices)
        filled = {sent: self._filled(form, sent) for sent in drawn}
        for sent in drawn:
            _shown(self.world.send(form, choice=sent, **filled[sent]))

    def _pay_extra(self, person: Person, form: Form) -> None:
        """Press the button of an extra, once or twice, and pay where it leads."""
        pressed = [_shown(self.world.send(form)) for _ in person.sends("pay", ["pay"])]
        for url in dict.fromkeys(one.location for one in pressed if "/pay/" in one.location):
            self.world.pay_page(url, GOOD_CARD, person.address)
            self.world.settle()

    def _add(self, person: Person, order: str) -> None:
        """The client wants something more, if the order's page offers it at this moment; its mail brings them back."""
        if person.gone:
            return
        head = order_from_row(self.world.order_row(order))
        forms = _shown(self.world.get(order_link(self.world.ports, head))).forms
        form = next((one for one in forms if "extra" in one.choices), None)
        if form is not None:
            extra = self.dice.choice(form.choices["extra"])
            for _ in person.sends("extra", ["extra"]):
                _shown(self.world.send(form, extra=extra, action="extra"))

    def _asked(self, person: Person, forms: list[Form]) -> bool:
        """Ask from a page instead of answering: a question, a message, or what was written passed on."""
        form = next((one for one in forms if one.fields.get("ask") in {"question", "message"}), None)
        if form is None:
            return False
        passes = "sure" in form.names
        if self.dice.random() > (PASSES_ON if passes else ASKS):
            return False
        words = {"sure": "yes"} if passes else {"note": f"{NOTE} {self.dice.randrange(1000)}"}
        sent = [_shown(self.world.send(form, **words)) for _ in person.sends("ask", ["ask"])]
        return any(one.status == HTTPStatus.SEE_OTHER for one in sent)

    def _wrote(self, person: Person, page: Page) -> None:
        """Write to the seller from the order's page."""
        form = next((one for one in page.forms if one.fields.get("action") == "message"), None)
        if form is None or person.gone or self.dice.random() > WRITES:
            return
        words = f"{NOTE} {self.dice.randrange(1000)}"
        for _ in person.sends("message", ["message"]):
            _shown(self.world.send(form, note=words))

    def _paid_by_bank(self, link: str) -> bool:
        """What Stripe refuses again and again, the seller's bank pays in the end: the park's page says how."""
        order, gate = urlsplit(link).path.split("/")[2:4]
        number, kind, _ = gate.split("-")
        if kind != Kind.PARK.value:
            return False
        parks = list(self.clouds.store.query(f"O#{order}", f"G#{number}#{kind}#"))
        refused = [row for row in parks if str(row["shown"].get("why")).endswith("_refused")]
        if len(refused) < REFUSED_OFTEN or parks[-1]["status"] != Status.OPEN.value:
            return False
        self._by_hand(lambda: by_hand.paid_by_bank(self.world.ports, order, reference="VIR-17"))
        return True

    def _bargained(self, person: Person, form: Form) -> bool:
        """Say "yes, but": for more, by another day, or both. What waits already is taken back, and answered anew."""
        if "amount" not in form.names:
            _shown(self.world.send(form, sure="yes"))
            return False
        order, gate = urlsplit(form.action).path.split("/")[2:4]
        offered = int(self.world.row(gate_key(order, gate))["shown"]["pay"])
        amount = offered * self.dice.choice((100, 104, 108, 115, 130)) // 100
        until = (self.world.now() + timedelta(days=self.dice.choice((3, 5, 7)))).strftime("%Y-%m-%dT12:00")
        typed = {"amount": f"{amount / 100:.2f}", "until": self.dice.choice(("", until))}
        answers = [_shown(self.world.send(form, note=NOTE, **typed)) for _ in person.sends("counter", ["counter"])]
        return any(one.status == HTTPStatus.SEE_OTHER for one in answers)

    def _filled(self, form: Form, choice: str) -> dict[str, str | list[str]]:
        filled: dict[str, str | list[str]] = {name: TYPED[name] for name in TYPED if name in form.names}
        if "note" in form.names:
            filled["note"] = NOTE
        if "until" in form.names:
            filled["until"] = (self.world.now() + timedelta(days=6)).date().isoformat()
        if form.choices.get("freelancer"):
            filled["freelancer"] = self.dice.choice(form.choices["freelancer"])
        if choice == "deliver":
            body = b"\x89PNG " + str(self.dice.random()).encode()
            filled["file"] = self.world.upload(f"{form.action}/files", form.fields["nonce"], {"travail.png": body})
        return filled

    def _brief(self, person: Person, link: str) -> None:
        """The order's page: the brief, while it waits."""
        page = _shown(self.world.get(link))
        self._wrote(person, page)
        reopening = next((one for one in page.forms if "reopen" in one.names), None)
        if reopening is not None and not person.gone and self.dice.random() < REOPENED:
            for _ in person.sends("reopen", ["reopen"]):
                _shown(self.world.send(reopening, reopen="yes", action="reopen"))
            return
        rating = next((one for one in page.forms if "stars" in one.names), None)
        if rating is not None and not person.gone and self.dice.random() < RATED:
            stars = self.dice.choice(rating.choices["stars"])
            for _ in person.sends("rate", ["rate"]):
                _shown(self.world.send(rating, stars=stars, note=NOTE, action="rate"))
            return
        paying = next((one for one in page.forms if one.action.endswith("/checkout")), None)
        if paying is not None and not person.gone:
            self._pay_again(person, paying)
            return
        form = next((one for one in page.forms if any(name.startswith("q_") for name in one.names)), None)
        if form is None or person.gone:
            return
        answers: dict[str, str | list[str]] = {name: NOTE for name in form.names if name.startswith("q_")}
        if "ready" not in form.names:  # a debit is under way: answers are kept, and handed in once it is paid
            _shown(self.world.send(form, **answers, action="save"))
            return
        for _ in person.sends("hand_in", ["hand_in"]):
            _shown(self.world.send(form, **answers, ready="yes", action="hand_in"))

    # Orders ---------------------------------------------------------------------------------------------------------

    def buy(self, number: int) -> None:
        """A client comes by a link, reads, presses, pays, or does not."""
        temper = self.dice.choice(CLIENTS)
        domain = MISTYPED if temper is Temper.MISTYPED else "client.example"
        person = Person(f"client{number}@{domain}", temper, Random(self.dice.random()))
        self.people[person.address] = person
        offer = self.dice.choices(OPEN_OFFERS, (9, 1))[0]
        lang = self.dice.choice(("fr", "fr", "en"))
        page = self.world.get(f"{PUBLIC_URL}/offer/{offer}?lang={lang}")
        form = _shown(page).form("client_kind")
        consent = {"start_now": "yes", "ends_when_done": "yes"}
        kind = self.dice.choice(("consumer", "business"))
        if self.dice.random() < DEBITED:
            consent |= {"payment": "sepa_debit", "address": person.address}
        answer = _shown(self.world.send(form, client_kind=kind, **consent))
        session = urlsplit(answer.location).path.rpartition("/")[2]
        order = str(self.world.row(session_key(session))["order"])
        self.orders.append(order)
        if self.dice.random() < ABANDONED:
            return
        if self.dice.random() < DECLINED:
            self.world.pay_page(answer.location, DECLINED_CARD, person.address)
        self.at(self.world.now() + timedelta(minutes=4), lambda: self._pay(person, answer.location, order))

    def _pay(self, person: Person, url: str, order: str) -> None:
        self._pay_page(person, url, order)
        if (after := person.opens_after()) is not None:
            self.at(self.world.now() + after, lambda: self._after_payment(person, order))
        if self.dice.random() < ADDS:
            self.at(self.world.now() + timedelta(days=self.dice.uniform(0.5, 6)), lambda: self._add(person, order))
        if self.dice.random() < CANCELLED:
            self.at(self._some_day(), lambda: self._cancel(order))
        if self.dice.random() < REASSIGNED:
            self.at(self._some_day(), lambda: self._reassign(order))
        if self.dice.random() < DISPUTED:
            self.at(self._some_day() + timedelta(days=self.dice.uniform(0, 40)), lambda: self._dispute(order))
        if self.dice.random() < LATE_REFUND:
            self.at(self._some_day() + timedelta(days=30), lambda: self._refund_late(order))
        if self.dice.random() < LEAVES:
            self.at(self._some_day(), lambda: self._leave(person, order))

    def _pay_page(self, person: Person, url: str, order: str) -> None:
        """By card, or by debit where the page takes one."""
        by_debit = order_from_row(self.world.order_row(order)).debit is Debit.OFFERED
        iban = self.dice.choices(list(ACCOUNTS), list(ACCOUNTS.values()))[0] if by_debit else None
        self.world.pay_page(url, GOOD_CARD, person.address, iban)
        self.world.settle()

    def _pay_again(self, person: Person, form: Form) -> None:
        """The bank refused a debit: some press the button that the order's page has again."""
        if self.dice.random() > PAYS_AFTER_ALL:
            return
        for _ in person.sends("checkout", ["checkout"]):
            answer = _shown(self.world.send(form))
        url = answer.location
        if "/c/pay/" in url:
            self._pay_page(person, url, form.action.split("/")[-3])

    def _after_payment(self, person: Person, order: str) -> None:
        """The page that the payment returns to."""
        head = order_from_row(self.world.order_row(order))
        self._brief(person, order_link(self.world.ports, head))

    def _some_day(self) -> datetime:
        return self.world.now() + timedelta(days=self.dice.uniform(0.2, 25))

    def _cancel(self, order: str) -> None:
        cause = self.dice.choice((RefundCause.SELLER_FAULT, RefundCause.LATE, RefundCause.CHANGE_OF_MIND))
        self._by_hand(lambda: interrupt.cancel(self.world.ports, order, by="seller", cause=cause, reason="a reason"))

    def _leave(self, person: Person, order: str) -> None:
        """The client's own way out, where the order's page offers one; of several, one by chance."""
        link = order_link(self.world.ports, order_from_row(self.world.order_row(order)))
        ways = list(dict.fromkeys(WAY_OUT.findall(_shown(self.world.get(link)).body)))
        if person.gone or not ways:
            return
        way = self.dice.choice(ways)
        action = way.partition("=")[0]
        shown = next(one for one in _shown(self.world.get(f"{link}?{way}")).forms if action in one.action)
        typed = {"withdraw": {"declare": "yes", "name": "Dominique"}, "cancel": {"sure": "yes"}}
        for _ in person.sends(action, [action]):
            answer = _shown(self.world.send(shown, **typed.get(action, {"note": NOTE}), action=action))
            if action == "withdraw" and answer.status == HTTPStatus.OK:
                _shown(self.world.send(answer.form("declare"), action="confirm"))

    def _reassign(self, order: str) -> None:
        ports = self.world.ports
        self._by_hand(lambda: reassign(ports, order, "01", by="seller", why=LostWhy.SELLER, reason="a reason"))

    def _dispute(self, order: str) -> None:
        """The client's bank takes the payment back, or asks; weeks later it decides, whatever was answered."""
        head, platform = order_from_row(self.world.order_row(order)), self.world.sandbox.platform
        asks, part = self.dice.random() < INQUIRED, self.dice.random() < INQUIRED
        if not head.charge:
            return
        charge = platform.get("charge", head.charge)
        with suppress(RefusedError):
            made = open_dispute(platform, charge, amount=charge["amount"] // 3 if part else None, inquiry=asks)
            verdict = self.dice.choice(("won", "lost"))
            self.at(self.world.now() + DECIDED_AFTER, lambda: self._decide(made["id"], "closed" if asks else verdict))
        self.world.settle()

    def _decide(self, dispute: str, verdict: str) -> None:
        platform = self.world.sandbox.platform
        with suppress(RefusedError):  # nobody answered, or somebody accepted: it is decided already
            decide(platform, platform.get("dispute", dispute), verdict)
        self.world.settle()

    def _refund_late(self, order: str) -> None:
        ports, cause = self.world.ports, self.dice.choice((RefundCause.BRIEF_NOT_MET, RefundCause.CHANGE_OF_MIND))
        self._by_hand(lambda: late_refund.refund_late(ports, order, "01", amount=None, cause=cause, reason="a reason"))

    # What must always hold ------------------------------------------------------------------------------------------

    def _nobody_over_capacity(self) -> None:
        for row in self.clouds.store.query("ROSTER", "R#"):
            if row["in_hand"] > row["capacity"] or row["in_hand"] < 0:
                self.violations.append(f"{row['sk']} has {row['in_hand']} in hand of {row['capacity']}")


def _shown(page: Page) -> Page:
    """What somebody reads: a page that says to come back later is come back to."""
    if page.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise OutageError
    return page


def play(seed: str, orders: int, days: int) -> Verdict:
    """Play one world to its end, and judge it."""
    dice = Random(seed)
    watched: list[Season] = []

    def before(place: str) -> None:
        if watched and not place.startswith("Stripe."):
            watched[0].call_fails(place)

    with world_in_memory(MONDAY, before, dice=Random(f"{seed} ids")) as world:
        clouds = world.clouds
        if not isinstance(clouds, InMemory):
            raise TypeError(clouds)
        top_up(world.sandbox.platform, RESERVE)
        shop, _ = read_shop(world.ports.store)
        season = Season(world, clouds, dice, world.now(), world.now() + timedelta(days=days), shop)
        season.people[shop.email] = Person(shop.email, dice.choice(SELLERS), Random(dice.random()))
        for row in clouds.store.query("ROSTER", "R#"):
            one = Freelancer.from_row(row)
            season.people.setdefault(one.email, Person(one.email, dice.choice(MAKERS), Random(dice.random())))
        season.read_the_book(days)
        season.break_things()
        season.reconcile()  # from here on Stripe's book is ours to keep: a first look reaches back for days only
        for number in range(orders):
            season.at(season.starts + timedelta(days=days) * dice.random(), lambda number=number: season.buy(number))  # type: ignore[misc]
        watched.append(season)
        season.play()
        season.last_look()
        return judge(world, season.orders, season.mails, season.delivered, season.violations)
