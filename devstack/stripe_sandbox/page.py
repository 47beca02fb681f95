"""The hosted checkout page and the overview: what people see of the sandbox.

Opening a page changes nothing; paying is a POST, and paying twice pays once. A refused card leaves the session open and
the page says why, in French or English by the session's `locale` or, without one, by the browser's language.
"""

import re
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jinja2

from devstack.stripe_sandbox import checkout, onboarding
from devstack.stripe_sandbox.amounts import EXPONENTS, printed
from devstack.stripe_sandbox.cards import CARDS, Card, RefundCourse, digits, luhn
from devstack.stripe_sandbox.debits import ACCOUNTS, METHOD, is_iban, typed_iban
from devstack.stripe_sandbox.errors import RefusedError
from devstack.stripe_sandbox.onboarding import Outcome
from devstack.stripe_sandbox.payments import Buyer, balances, held, settled
from devstack.stripe_sandbox.platform import Link, Platform, Resource
from devstack.stripe_sandbox.transfers import sent
from devstack.stripe_sandbox.wire import Answer, Request, as_html

PATH = re.compile(r"/c/pay/(cs_[A-Za-z0-9_]+)")
SETUP = re.compile(r"/setup/e/(acct_[A-Za-z0-9_]+)/([A-Za-z0-9]+)")
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
        "requires_action": "un remboursement attend le client",
        "fraudulent": "puis contesté : fraude",
        "product_not_received": "puis contesté : rien reçu",
        "inquiry": "puis la banque demande des explications",
        "early_fraud_warning": "puis la banque soupçonne une fraude",
        "amount": "Montant",
        "wrong_amount": "Indiquez un montant entre {least} et {most}.",
        "by_card": "Par carte",
        "by_debit": "Par prélèvement SEPA",
        "iban": "IBAN",
        "mandate": "En payant, vous autorisez le prélèvement de votre compte (mandat SEPA).",
        "ibans": "Comptes d’essai",
        "wrong_iban": "Cet IBAN est incorrect ou incomplet.",
        "unknown_iban": "Seuls les comptes d’essai ci-dessous fonctionnent ici.",
        "succeeds": "est débité quelques jours plus tard",
        "fails": "refuse quelques jours plus tard",
        "disputed": "est débité, puis le titulaire reprend l’argent",
        "nothing": "Confirmer",
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
        "requires_action": "a refund waits for the client",
        "fraudulent": "then disputed: fraud",
        "product_not_received": "then disputed: nothing received",
        "inquiry": "then the bank asks for an explanation",
        "early_fraud_warning": "then the bank warns of fraud",
        "amount": "Amount",
        "wrong_amount": "Enter an amount between {least} and {most}.",
        "by_card": "By card",
        "by_debit": "By SEPA direct debit",
        "iban": "IBAN",
        "mandate": "By paying you authorise the debit of your account (SEPA mandate).",
        "ibans": "Test accounts",
        "wrong_iban": "This IBAN is incorrect or incomplete.",
        "unknown_iban": "Only the test accounts below work here.",
        "succeeds": "is debited some days later",
        "fails": "refuses some days later",
        "disputed": "is debited, then the holder takes the money back",
        "nothing": "Confirm",
        "complete": "Already paid",
        "complete_text": "This payment is done, there is nothing else to do here.",
        "expired": "This payment page has expired",
        "expired_text": "Nothing was charged. Go back to your order to open a new payment page.",
        "unknown": "Page not found",
        "unknown_text": "There is no such payment page.",
    },
}


SETUP_WORDS = {
    "fr": {
        "title": "Recevoir des paiements",
        "test": "Mode test",
        "text": "Ici Stripe demanderait votre identité et votre compte bancaire.",
        "complete": "Tout est renseigné",
        "unverifiable": "Renseigner ce que Stripe ne peut pas vérifier",
        "later": "Terminer plus tard",
    },
    "en": {
        "title": "Get paid",
        "test": "Test mode",
        "text": "Here Stripe would ask for your identity and your bank account.",
        "complete": "Everything is filled in",
        "unverifiable": "Fill in what Stripe cannot verify",
        "later": "Finish later",
    },
}
IBANS = tuple(ACCOUNTS.values())


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
        wrong = _wrong(typed, WORDS[lang])
        wrong |= self._choose(session, typed, lang)
        buyer = Buyer(typed.get("email", ""), typed.get("name", ""))
        free = not session["amount_total"] and session["mode"] == "payment"
        if free:
            return self._free(session, lang, typed, buyer, wrong)
        if typed.get("method") == METHOD and METHOD in session["payment_method_types"]:
            return self._debit(session, lang, typed, buyer, wrong)
        card = CARDS.get(digits(typed.get("card", "")))
        if card is None:
            wrong["card"] = WORDS[lang]["unknown_card" if luhn(digits(typed.get("card", ""))) else "wrong_card"]
        if card is None or wrong:
            return self._form(422, session, lang, typed, wrong=wrong)
        decline = checkout.pay(self._platform, session, buyer, card)
        if decline is not None:
            return self._form(402, session, lang, typed, declined=decline.message[lang])
        return Answer(303, headers={"Location": landing(session)})

    def _choose(self, session: Resource, typed: dict[str, str], lang: str) -> dict[str, str]:
        """Take the amount that the client typed, where it is theirs to say."""
        [item, *_] = self._platform.line_items[session["id"]]
        bounds = item["price"]["custom_unit_amount"]
        if bounds is None:
            return {}
        currency = session["currency"]
        least, most = (printed(bounds[edge], currency, lang) for edge in ("minimum", "maximum"))
        wrong = {"amount": WORDS[lang]["wrong_amount"].format(least=least, most=most)}
        try:
            amount = Decimal(typed.get("amount", "").replace(",", ".")) * 10 ** EXPONENTS.get(currency, 2)
            checkout.choose(self._platform, session, int(amount))
        except (ArithmeticError, ValueError, RefusedError):
            return wrong
        return {}

    def _free(self, session: Resource, lang: str, typed: dict[str, str], buyer: Buyer, wrong: dict[str, str]) -> Answer:
        if wrong:
            return self._form(422, session, lang, typed, wrong=wrong)
        checkout.finish_free(self._platform, session, buyer)
        return Answer(303, headers={"Location": landing(session)})

    def _debit(
        self, session: Resource, lang: str, typed: dict[str, str], buyer: Buyer, wrong: dict[str, str]
    ) -> Answer:
        iban = typed_iban(typed.get("iban", ""))
        account = ACCOUNTS.get(iban)
        if account is None:
            wrong["iban"] = WORDS[lang]["unknown_iban" if is_iban(iban) else "wrong_iban"]
        if account is None or wrong:
            return self._form(422, session, lang, typed, wrong=wrong)
        checkout.debit(self._platform, session, buyer, account)
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
        free = session["payment_status"] == "no_payment_required"
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
            wrong={"email": None, "name": None, "card": None, "iban": None, "amount": None} | (wrong or {}),
            chosen=self._platform.line_items[session["id"]][0]["price"]["custom_unit_amount"] is not None,
            methods=[] if free else session["payment_method_types"],
            ibans=[{"number": _grouped(account.iban), "does": WORDS[lang][account.course.value]} for account in IBANS],
            declined=declined,
            note=note["message"] if note else None,
            cards=[{"number": _grouped(card.number), "does": _does(card, lang)} for card in CARDS.values()],
        )

    def _ended(self, status: int, lang: str, what: str, link: str | None) -> Answer:
        words = WORDS[lang]
        return self._render(
            status, "ended.html", lang=lang, words=words, title=words[what], text=words[f"{what}_text"], link=link
        )

    # The hosted onboarding -------------------------------------------------------------------------------------------

    def setup(self, request: Request) -> Answer:
        """The onboarding behind an account link: opening it uses it up, its form is sent once."""
        match = SETUP.fullmatch(request.path)
        lang = language(None, request.headers.get("accept-language", ""))
        with self._lock:
            self._platform.advance()
            link = self._platform.links.get(match[2]) if match else None
            if match is None or link is None or link.account != match[1]:
                return self._ended(404, lang, "unknown", None)
            if request.method != "POST":
                return self._open_setup(link, lang)
            typed = {name: values[0] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
            if link.form is None or typed.get("form") != link.form or typed.get("outcome") not in list(Outcome):
                return Answer(303, headers={"Location": onboarding.again(link)})
            onboarding.leave(self._platform, link, Outcome(typed["outcome"]))
            link.form = ""
            return Answer(303, headers={"Location": onboarding.after(link)})

    def _open_setup(self, link: Link, lang: str) -> Answer:
        form = onboarding.visit(self._platform, link)
        if form is None:
            return Answer(303, headers={"Location": onboarding.again(link)})
        account = self._platform.get("v2.core.account", link.account)
        return self._render(200, "setup.html", lang=lang, words=SETUP_WORDS[lang], form=form, account=account)

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
                disputes=[_dispute(dispute) for dispute in self._platform.newest_first("dispute")],
                payouts=[_payout(payout) for payout in self._platform.newest_first("payout")],
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
        details = charge["payment_method_details"]
        means = details[details["type"]]
        row = {
            "when": _instant(charge["created"]),
            "id": charge["id"],
            "group": charge["transfer_group"] or "",
            "status": charge["status"] + (f": {charge['failure_code']}" if charge["failure_code"] else ""),
            "card": f"{means.get('brand', details['type'])} {means['last4']} ({means['country']})",
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
                    "holds": ", ".join(
                        printed(sum(pot.values()), currency, "en")
                        for currency, pot in held(self._platform, account["id"]).items()
                    ),
                }
            )
        return rows

    def _event(self, event: Resource) -> dict[str, str]:
        waiting = self._platform.outbox.undelivered(event["id"])
        return {
            "when": _instant(event["created"]),
            "type": event["type"],
            "object": event["data"]["object"].get("id", ""),
            "pending": f"{waiting} endpoint(s)" if waiting else "",
        }


def landing(session: Resource) -> str:
    """Where a paid session leads: the success URL with the session's id in its place."""
    return str(session["success_url"]).replace(PLACEHOLDER, session["id"])


def _wrong(typed: dict[str, str], words: dict[str, str]) -> dict[str, str]:
    wrong = {}
    if not EMAIL.fullmatch(typed.get("email", "")):
        wrong["email"] = words["wrong_email"]
    if not typed.get("name"):
        wrong["name"] = words["wrong_name"]
    return wrong


def _grouped(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _does(card: Card, lang: str) -> str:
    if card.decline is not None:
        return f"{card.decline.code}: {card.decline.reason}"
    words = WORDS[lang]
    more = [words[card.refunds.value]] if card.refunds is not RefundCourse.USUAL else []
    more += [words[card.aftermath.value]] if card.aftermath is not None else []
    return ", ".join([f"{words['at_once' if card.at_once else 'pays']} ({card.brand} {card.country})", *more])


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


def _dispute(dispute: Resource) -> dict[str, str]:
    due = dispute["evidence_details"]["due_by"]
    return {
        "when": _instant(dispute["created"]),
        "id": dispute["id"],
        "charge": dispute["charge"],
        "status": dispute["status"],
        "reason": dispute["reason"],
        "due": _instant(due) if due else "",
        "amount": printed(dispute["amount"], dispute["currency"], "en"),
    }


def _payout(payout: Resource) -> dict[str, str]:
    why = payout["failure_code"]
    return {
        "when": _instant(payout["created"]),
        "id": payout["id"],
        "status": f"{payout['status']}: {why}" if why else payout["status"],
        "arrives": _instant(payout["arrival_date"]),
        "amount": printed(payout["amount"], payout["currency"], "en"),
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
