"""The hosted checkout page and the overview: what people see of the sandbox.

Opening a page changes nothing; paying is a POST, and paying twice pays once. A refused card leaves the session open and
the page says why, in French or English by the session's `locale` or, without one, by the browser's language.
"""

import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jinja2

from devstack.stripe_sandbox import checkout
from devstack.stripe_sandbox.amounts import printed
from devstack.stripe_sandbox.cards import CARDS, Card, RefundCourse, digits, luhn
from devstack.stripe_sandbox.payments import Buyer, balances, settled
from devstack.stripe_sandbox.platform import Platform, Resource
from devstack.stripe_sandbox.transfers import sent
from devstack.stripe_sandbox.wire import Answer, Request, as_html

PATH = re.compile(r"/c/pay/(cs_[A-Za-z0-9_]+)")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LATEST = 30
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"

WORDS = {
    "fr": {
        "title": "Paiement",
        "test": "Mode test",
        "back": "Annuler et revenir",
        "to_pay": "À payer",
        "email": "E-mail",
        "card": "Numéro de carte",
        "name": "Nom du titulaire de la carte",
        "pay": "Payer",
        "cards": "Cartes d’essai",
        "nothing_real": "Bac à sable Stripe : aucun argent réel, aucune vraie carte.",
        "go_on": "Continuer",
        "wrong_email": "Indiquez une adresse e-mail valide.",
        "wrong_name": "Indiquez le nom du titulaire.",
        "wrong_card": "Ce numéro de carte est incorrect ou incomplet.",
        "unknown_card": "Seules les cartes d’essai ci-dessous fonctionnent ici.",
        "pays": "paie",
        "at_once": "paie, disponible tout de suite",
        "pending_first": "un remboursement reste d’abord en attente",
        "fails_later": "un remboursement échoue plus tard",
        "complete": "C’est déjà payé",
        "complete_text": "Ce paiement est terminé, il n’y a rien d’autre à faire ici.",
        "expired": "Cette page de paiement a expiré",
        "expired_text": "Rien n’a été débité. Revenez à la commande pour ouvrir une nouvelle page de paiement.",
        "unknown": "Page introuvable",
        "unknown_text": "Cette page de paiement n’existe pas.",
    },
    "en": {
        "title": "Payment",
        "test": "Test mode",
        "back": "Cancel and go back",
        "to_pay": "To pay",
        "email": "Email",
        "card": "Card number",
        "name": "Cardholder name",
        "pay": "Pay",
        "cards": "Test cards",
        "nothing_real": "Stripe sandbox: no real money, no real card.",
        "go_on": "Continue",
        "wrong_email": "Enter a valid email address.",
        "wrong_name": "Enter the cardholder's name.",
        "wrong_card": "This card number is incorrect or incomplete.",
        "unknown_card": "Only the test cards below work here.",
        "pays": "pays",
        "at_once": "pays, available at once",
        "pending_first": "a refund is pending first",
        "fails_later": "a refund fails later",
        "complete": "Already paid",
        "complete_text": "This payment is done, there is nothing else to do here.",
        "expired": "This payment page has expired",
        "expired_text": "Nothing was charged. Go back to your order to open a new payment page.",
        "unknown": "Page not found",
        "unknown_text": "There is no such payment page.",
    },
}


def language(locale: str | None, accepted: str) -> str:
    """French or English: by the session's locale, else by the browser's first language."""
    wanted = locale if locale and locale != "auto" else accepted.partition(",")[0]
    return "fr" if wanted.lower().startswith("fr") else "en"


class Pages:
    """Renders the hosted page and the overview. Thread-safe: the sandbox's lock guards the platform."""

    def __init__(self, platform: Platform, lock: threading.RLock) -> None:
        self._platform = platform
        self._lock = lock
        loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
        self._templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)

    def _render(self, status: int, template: str, **values: Any) -> Answer:  # noqa: ANN401
        return as_html(status, self._templates.get_template(template).render(**values))

    # The hosted page -----------------------------------------------------------------------------------------------

    def checkout(self, request: Request) -> Answer:
        """The payment page of a session: shown by GET, paid by POST."""
        match = PATH.fullmatch(request.path)
        with self._lock:
            self._platform.advance()
            if match is None or not self._platform.has(checkout.KIND, match[1]):
                return self._ended(404, language(None, request.headers.get("accept-language", "")), "unknown", None)
            session = self._platform.get(checkout.KIND, match[1])
            lang = language(session["locale"], request.headers.get("accept-language", ""))
            return self._pay(session, lang, request) if request.method == "POST" else self._show(session, lang)

    def _show(self, session: Resource, lang: str) -> Answer:
        match session["status"]:
            case "complete":
                return self._ended(200, lang, "complete", landing(session))
            case "expired":
                return self._ended(200, lang, "expired", session["cancel_url"])
            case _:
                return self._form(200, session, lang, {"email": session["customer_email"] or "", "name": ""})

    def _pay(self, session: Resource, lang: str, request: Request) -> Answer:
        if session["status"] == "complete":
            return Answer(303, headers={"Location": landing(session)})
        if session["status"] != "open":
            return self._show(session, lang)
        typed = {name: values[0].strip() for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        if session["customer_email"]:
            typed["email"] = session["customer_email"]
        card = CARDS.get(digits(typed.get("card", "")))
        wrong = _wrong(typed, card, WORDS[lang])
        if card is None or wrong:
            return self._form(422, session, lang, typed, wrong=wrong)
        decline = checkout.pay(self._platform, session, Buyer(typed["email"], typed["name"]), card)
        if decline is not None:
            return self._form(402, session, lang, typed, declined=decline.message[lang])
        return Answer(303, headers={"Location": landing(session)})

    def _form(
        self,
        status: int,
        session: Resource,
        lang: str,
        typed: dict[str, str],
        *,
        wrong: dict[str, str] | None = None,
        declined: str | None = None,
    ) -> Answer:
        currency = session["currency"]
        items = [
            {
                "name": item["description"],
                "quantity": item["quantity"],
                "total": printed(item["amount_total"], currency, lang),
            }
            for item in self._platform.line_items[session["id"]]
        ]
        note = session["custom_text"]["submit"]
        return self._render(
            status,
            "checkout.html",
            lang=lang,
            words=WORDS[lang],
            cancel_url=session["cancel_url"],
            total=printed(session["amount_total"], currency, lang),
            items=items,
            typed={"email": typed.get("email", ""), "name": typed.get("name", "")},
            fixed_email=bool(session["customer_email"]),
            wrong={"email": None, "name": None, "card": None} | (wrong or {}),
            declined=declined,
            note=note["message"] if note else None,
            cards=[{"number": _grouped(card.number), "does": _does(card, lang)} for card in CARDS.values()],
        )

    def _ended(self, status: int, lang: str, what: str, link: str | None) -> Answer:
        words = WORDS[lang]
        return self._render(
            status, "ended.html", lang=lang, words=words, title=words[what], text=words[f"{what}_text"], link=link
        )

    # The overview ----------------------------------------------------------------------------------------------------

    def overview(self) -> Answer:
        """Payments, transfers, refunds, balance and accounts, for a person to look at."""
        with self._lock:
            self._platform.advance()
            return self._render(
                200,
                "overview.html",
                lang="en",
                now=_instant(self._platform.now()),
                balance=self._balance(),
                payments=[self._payment(charge) for charge in self._platform.newest_first("charge")],
                transfers=[_transfer(transfer) for transfer in self._platform.newest_first("transfer")],
                refunds=[_refund(refund) for refund in self._platform.newest_first("refund")],
                accounts=self._accounts(),
                sessions=[_session(session) for session in self._platform.newest_first(checkout.KIND)],
                events=[self._event(event) for event in self._platform.newest_first("event")[:LATEST]],
            )

    def _balance(self) -> list[dict[str, str]]:
        return [
            {
                "currency": currency.upper(),
                "available": printed(pots["available"], currency, "en"),
                "pending": printed(pots["pending"], currency, "en"),
                "net": printed(pots["available"] + pots["pending"], currency, "en"),
            }
            for currency, pots in balances(self._platform).items()
        ]

    def _payment(self, charge: Resource) -> dict[str, str]:
        card = charge["payment_method_details"]["card"]
        row = {
            "when": _instant(charge["created"]),
            "id": charge["id"],
            "group": charge["transfer_group"] or "",
            "status": charge["status"] if charge["paid"] else f"{charge['status']}: {charge['outcome']['reason']}",
            "card": f"{card['brand']} {card['last4']} ({card['country']})",
            "amount": printed(charge["amount"], charge["currency"], "en"),
            "fee": "not known yet" if charge["paid"] else "",
            "available": "",
        }
        if charge["balance_transaction"]:
            booked = self._platform.get("balance_transaction", charge["balance_transaction"])
            row["fee"] = printed(booked["fee"], booked["currency"], "en")
            row["available"] = "yes" if settled(self._platform, booked) else _instant(booked["available_on"])
        return row

    def _accounts(self) -> list[dict[str, str]]:
        received = sent(self._platform)
        rows = []
        for account in self._platform.newest_first("v2.core.account"):
            able = account["configuration"]["recipient"]["capabilities"]["stripe_balance"]
            amounts = received.get(account["id"], {})
            rows.append(
                {
                    "id": account["id"],
                    "name": account["display_name"] or "",
                    "country": account["identity"]["country"].upper(),
                    "transfers": able["stripe_transfers"]["status"],
                    "payouts": able["payouts"]["status"],
                    "received": ", ".join(printed(amount, currency, "en") for currency, amount in amounts.items()),
                }
            )
        return rows

    def _event(self, event: Resource) -> dict[str, str]:
        waiting = self._platform.outbox.undelivered(event["id"])
        return {
            "when": _instant(event["created"]),
            "type": event["type"],
            "object": event["data"]["object"]["id"],
            "pending": f"{waiting} endpoint(s)" if waiting else "",
        }


def landing(session: Resource) -> str:
    """Where a paid session leads: the success URL with the session's id in its place."""
    return str(session["success_url"]).replace(PLACEHOLDER, session["id"])


def _wrong(typed: dict[str, str], card: Card | None, words: dict[str, str]) -> dict[str, str]:
    wrong = {}
    if not EMAIL.fullmatch(typed.get("email", "")):
        wrong["email"] = words["wrong_email"]
    if not typed.get("name"):
        wrong["name"] = words["wrong_name"]
    if card is None:
        wrong["card"] = words["unknown_card" if luhn(digits(typed.get("card", ""))) else "wrong_card"]
    return wrong


def _grouped(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _does(card: Card, lang: str) -> str:
    if card.decline is not None:
        return f"{card.decline.code}: {card.decline.reason}"
    words = WORDS[lang]
    refunds = "" if card.refunds is RefundCourse.USUAL else ", " + words[card.refunds.value]
    return f"{words['at_once' if card.at_once else 'pays']} ({card.brand} {card.country}){refunds}"


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _transfer(transfer: Resource) -> dict[str, str]:
    return {
        "when": _instant(transfer["created"]),
        "id": transfer["id"],
        "group": transfer["transfer_group"] or "",
        "to": transfer["destination"],
        "source": transfer["source_transaction"] or "",
        "amount": printed(transfer["amount"], transfer["currency"], "en"),
    }


def _refund(refund: Resource) -> dict[str, str]:
    why = refund.get("pending_reason") or refund.get("failure_reason")
    return {
        "when": _instant(refund["created"]),
        "id": refund["id"],
        "charge": refund["charge"],
        "status": f"{refund['status']}: {why}" if why else refund["status"],
        "reason": refund["reason"] or "",
        "amount": printed(refund["amount"], refund["currency"], "en"),
    }


def _session(session: Resource) -> dict[str, str]:
    return {
        "when": _instant(session["created"]),
        "id": session["id"],
        "status": session["status"],
        "paid": session["payment_status"],
        "amount": printed(session["amount_total"], session["currency"], "en"),
        "url": session["url"] or "",
    }
