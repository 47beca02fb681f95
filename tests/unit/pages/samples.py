"""One shop, one offer and one order in every state, as the steps would hand them to the pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

from relais.calendar import Away, Hours
from relais.checks import Check, Found
from relais.deed import What
from relais.gate import Choice, Decision, Default, Gate, GateId, Kind, Role, Status, Via
from relais.offer import (
    Disclosure,
    Offer,
    OfferStatus,
    Policy,
    Portfolio,
    Question,
    RefundCause,
    Release,
    Review,
    Text,
)
from relais.order import Engagement, Milestone, MilestoneStage, Order, OrderStage
from relais.pages.frame import Frame
from relais.pages.letter_views import LetterView
from relais.pages.render import Page
from relais.pages.views import (
    AnsweredView,
    Asking,
    Bearing,
    BriefView,
    Chosen,
    FileView,
    GateView,
    IndexView,
    LeavingView,
    NoticeView,
    OfferView,
    OrderView,
    RecipientView,
    Said,
)
from relais.performer import Performer
from relais.problem import Problem
from relais.recipient import Need, Readiness, Recipient
from relais.roster import Freelancer, Rate, Reason, Standing
from relais.score import Score
from relais.shop import Shop

HOME = "https://shop.example"
NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
ZONE = "Europe/Paris"
CLIENT_NAME = "Marie Quatremer"
CLIENT_EMAIL = "marie.quatremer@gmial.example"
FREELANCER_NAME = "Inès Moreau"
PRICE = 29_000
PAY = 13_000

SHOP = Shop(
    brand="Atelier Mistral",
    seller="Claire Fontaine",
    email="claire@atelier-mistral.example",
    phone="+33 6 39 98 10 20",
    sender="bonjour@atelier-mistral.example",
    lang="fr",
    currency="eur",
    hours=Hours(),
    legal=Text("Claire Fontaine, entrepreneure individuelle", "Claire Fontaine, sole trader"),
    vat=Text("TVA non applicable, art. 293 B du CGI", "No VAT (art. 293 B CGI)"),
    address="12 quai des Lices, 13002 Marseille",
    mediator=Text("Médiateur de la consommation : mediation.example", "Consumer mediator: mediation.example"),
)

OFFER = Offer(
    slug="logo",
    version=1,
    title=Text("Un logo prêt à l’emploi en 5 jours ouvrés", "A logo ready to use in 5 working days"),
    summary=Text("Un logo dessiné pour vous, lisible partout.", "A logo drawn for you, readable everywhere."),
    price=PRICE,
    currency="eur",
    cost=PAY,
    skill="logo",
    policy=Policy(promise=5, release=Release.PREVIEW_FIRST, portfolio=Portfolio.WITH_CREDIT),
    guarantee=Text(
        "2 retouches comprises. Toujours pas convaincu ? Remboursé.",
        "2 rounds of changes included. Still not right? Refunded.",
    ),
    what_you_get=(
        Text("Un logo original, dessiné à partir de vos réponses", "An original logo, drawn from your answers"),
        Text("Vos fichiers en SVG, PDF et PNG", "Your files as SVG, PDF and PNG"),
        Text("Une version noir et blanc", "A black and white version"),
        Text("Une petite version lisible à 16 pixels", "A small version, readable at 16 pixels"),
        Text("Les droits d’utilisation, sans limite de durée", "The rights to use it, for as long as you like"),
    ),
    brief=(
        Question(
            "name",
            Text("Quel est le nom exact à écrire ?", "What exact name should we write?"),
            Text("« Boulangerie Aubépine »", "“Hawthorn Bakery”"),
        ),
        Question(
            "activity",
            Text("Que faites-vous, en une phrase ?", "What do you do, in one sentence?"),
            Text("Nous cuisons du pain au levain.", "We bake sourdough bread."),
        ),
        Question(
            "brands",
            Text("Trois marques que vous aimez, et pourquoi ?", "Three brands you like, and why?"),
            Text("Opinel, parce que rien n’est en trop.", "Opinel, because nothing is superfluous."),
            multiline=True,
        ),
        Question(
            "files",
            Text("Des fichiers à nous montrer ?", "Any files to show us?"),
            Text("Une photo de la devanture, l’ancien logo.", "A photo of the shop front, the old logo."),
            required=False,
            files=True,
        ),
    ),
    checks=(
        Text("SVG, PDF et PNG sont là", "SVG, PDF and PNG are there"),
        Text("Il tient en noir et blanc", "It works in black and white"),
        Text("Il se lit à 16 pixels", "It is readable at 16 pixels"),
    ),
    rights=Text("Reproduction sur tous supports, dans le monde entier.", "Reproduction in all media, worldwide."),
    status=OfferStatus.OPEN,
)

FREELANCER = Freelancer(
    key="ines-moreau",
    name=FREELANCER_NAME,
    email="ines@moreau.example",
    lang="fr",
    languages=("fr", "en"),
    kind=Performer.FREELANCER,
    rates=(Rate("logo", PAY),),
    capacity=2,
    quality=Score(480, 23),
    phone="+33 6 39 98 11 01",
)

CANDIDATES = (
    replace(FREELANCER, stripe_account="acct_1", in_hand=1),
    Freelancer(
        key="studio-nord",
        name="Studio Nord",
        email="contact@studio-nord.example",
        lang="fr",
        languages=("fr", "eo"),
        kind=Performer.AGENCY,
        rates=(Rate("logo", 16_500),),
        capacity=3,
        in_hand=3,
        stripe_account="acct_2",
    ),
    Freelancer(
        key="leo-garnier",
        name="Léo Garnier",
        email="leo@garnier.example",
        lang="fr",
        languages=("eo",),
        kind=Performer.FREELANCER,
        rates=(Rate("logo", 9_500),),
        capacity=1,
        quality=Score(400, 1),
        standing=Standing.CANDIDATE,
        away=(Away(date(2026, 11, 20), date(2026, 12, 1)), Away(date(2027, 1, 1), date(2027, 1, 9))),
    ),
    Freelancer(
        key="claire",
        name="Claire Fontaine",
        email=SHOP.email,
        lang="fr",
        languages=("fr", "en"),
        kind=Performer.SELF,
        rates=(Rate("logo", 0),),
        capacity=2,
    ),
)

ORDER = Order(
    id="K7Q2M8RD4TZX",
    stage=OrderStage.MILESTONES,
    run=1,
    ordinal=3,
    offer="logo",
    offer_version=1,
    lang="fr",
    currency="eur",
    price=PRICE,
    consumer=True,
    key_id="k1",
    link_version=1,
    created=NOW - timedelta(minutes=4),
    client_email=CLIENT_EMAIL,
    client_name=CLIENT_NAME,
    paid=PRICE,
    handed_in=NOW,
    promised=datetime(2026, 12, 4, 17, 0, tzinfo=UTC),
)

WORK_DEADLINE = datetime(2026, 12, 3, 17, 0, tzinfo=UTC)
MILESTONE = Milestone(
    order=ORDER.id,
    number="01",
    stage=MilestoneStage.WORK,
    ordinal=2,
    price=PRICE,
    cost=PAY,
    revisions_left=2,
    version=1,
    engagement=Engagement(FREELANCER.key, PAY, NOW, WORK_DEADLINE),
)

BRIEF = (
    ("Quel est le nom exact à écrire ?", "Boulangerie Aubépine"),
    ("Que faites-vous, en une phrase ?", "Nous cuisons du pain au levain pour les habitants du quartier."),
    ("Trois marques que vous aimez, et pourquoi ?", "Opinel, parce que rien n’est en trop.\nDuralex."),
)
PICTURE = (
    "data:image/svg+xml;utf8,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 640 400'%3E"
    "%3Crect width='640' height='400' fill='%23f3efe3'/%3E%3Ccircle cx='320' cy='160' r='84' fill='%232f5d50'/%3E"
    "%3Cpath d='M270 180q50-90 100 0' stroke='%23f3efe3' stroke-width='14' fill='none'/%3E"
    "%3Ctext x='320' y='320' font-family='serif' font-size='44' text-anchor='middle' fill='%232f5d50'%3EAubépine"
    "%3C/text%3E%3C/svg%3E"
)
LOGO = FileView("aubepine-v1.png", 182_400, "O/up/1", None, PICTURE)
SOURCE = FileView("aubepine-v1.svg", 24_300, "O/up/2", f"{HOME}/f/2")
REASONS = (
    Reason("rate", PAY),
    Reason("free", 1),
    Reason("quality", 474),
    Reason("quality_count", 23),
    Reason("punctuality", 96),
)

CHOSEN = (
    Chosen(
        FREELANCER.name,
        846,
        tuple(
            Reason(*pair)
            for pair in {
                "rate": 13_000,
                "free": 2,
                "quality": 474,
                "quality_count": 23,
                "punctuality": 96,
                "responsiveness": 94,
                "language": 1,
                "points_quality": 379,
                "points_punctuality": 144,
                "points_responsiveness": 94,
                "points_rate": 29,
                "points_load": 50,
                "points_language": 150,
            }.items()
        ),
    ),
    Chosen("Studio Nord", 700, (Reason("points_quality", 350),)),
)
OWNERS = {
    Kind.BRIEF: (Role.CLIENT, "client", Default.CANCEL),
    Kind.PROPOSAL: (Role.FREELANCER, FREELANCER.key, Default.AGAIN),
    Kind.START: (Role.CLOCK, "clock", Default.BEGIN),
    Kind.WORK: (Role.FREELANCER, FREELANCER.key, Default.STAY),
    Kind.REVIEW: (Role.SELLER, "seller", Default.STAY),
    Kind.ACCEPTANCE: (Role.CLIENT, "client", Default.ACCEPT),
    Kind.REFUND_REQUEST: (Role.SELLER, "seller", Default.LAPSE),
    Kind.SETTLEMENT: (Role.CLIENT, "client", Default.TAKE),
    Kind.HOLD: (Role.CLOCK, "clock", Default.RELEASE),
    Kind.PAYOUT: (Role.ENGINE, "engine", Default.STAY),
    Kind.PICK: (Role.SELLER, "seller", Default.REFUND),
    Kind.REFUND: (Role.ENGINE, "engine", Default.STAY),
    Kind.PARK: (Role.SELLER, "seller", Default.STAY),
    Kind.STUCK: (Role.SELLER, "seller", Default.STAY),
    Kind.LATE: (Role.SELLER, "seller", Default.ASK_CLIENT),
    Kind.CANCEL_LATE: (Role.CLIENT, "client", Default.GO_ON),
    Kind.MORE_TIME: (Role.SELLER, "seller", Default.REFUSE),
    Kind.QUESTION: (Role.SELLER, "seller", Default.GO_ON),
    Kind.MESSAGE: (Role.SELLER, "seller", Default.GO_ON),
    Kind.COUNTER: (Role.SELLER, "seller", Default.REFUSE),
    Kind.DISPUTE: (Role.SELLER, "seller", Default.SEND),
    Kind.RATING: (Role.FREELANCER, FREELANCER.key, Default.GO_ON),
    Kind.APPEAL: (Role.SELLER, "seller", Default.STAY),
    Kind.ONBOARDING: (Role.FREELANCER, FREELANCER.key, Default.STAY),
    Kind.AGREEMENT: (Role.SELLER, "seller", Default.REFUSE),
    Kind.EXTRA: (Role.CLIENT, "client", Default.GO_ON),
    Kind.CONFIRM: (Role.SELLER, "seller", Default.STAY),
    Kind.OUTCOME: (Role.SELLER, "seller", Default.STAY),
}
ROUTED = {
    Kind.BRIEF: (Choice.HAND_IN,),
    Kind.PROPOSAL: (Choice.ACCEPTED, Choice.AGAIN, Choice.EXHAUSTED),
    Kind.START: (Choice.BEGIN,),
    Kind.WORK: (Choice.DELIVER, Choice.GIVE_UP),
    Kind.REVIEW: (Choice.APPROVE, Choice.REWORK, Choice.REASSIGN),
    Kind.ACCEPTANCE: (Choice.ACCEPT, Choice.REVISE, Choice.REFUND, Choice.REQUEST),
    Kind.REFUND_REQUEST: (Choice.FULL, Choice.PART, Choice.CONTEST, Choice.LAPSED),
    Kind.SETTLEMENT: (Choice.TAKE, Choice.ACCEPT, Choice.REVISE),
    Kind.HOLD: (Choice.RELEASE, Choice.REOPEN),
    Kind.PAYOUT: (Choice.PAID, Choice.NOTHING_DUE),
    Kind.PICK: (Choice.PICKED, Choice.SELF, Choice.OUTSIDE, Choice.WAIT, Choice.REFUND),
    Kind.REFUND: (Choice.REFUNDED, Choice.REFUNDED_AND_PAY),
    Kind.PARK: (
        Choice.START,
        Choice.WORK,
        Choice.REVIEW,
        Choice.ACCEPTANCE,
        Choice.REFUND_REQUEST,
        Choice.SETTLEMENT,
        Choice.HOLD,
        Choice.PAYOUT,
        Choice.REFUND,
        Choice.REASSIGN,
        Choice.PICK,
        Choice.CLOSED,
    ),
    Kind.STUCK: (Choice.RESUME,),
    Kind.LATE: (Choice.WAIT, Choice.REASSIGN, Choice.SELF, Choice.REFUND),
    Kind.CANCEL_LATE: (Choice.WAIT, Choice.CANCEL),
    Kind.MORE_TIME: (Choice.GRANT, Choice.REFUSE),
    Kind.QUESTION: (Choice.ANSWER,),
    Kind.MESSAGE: (Choice.ANSWER, Choice.GO_ON),
    Kind.COUNTER: (Choice.ACCEPT, Choice.REFUSE),
    Kind.DISPUTE: (Choice.SEND, Choice.ACCEPT),
    Kind.RATING: (Choice.APPEAL,),
    Kind.APPEAL: (Choice.KEEP, Choice.STRIKE),
    Kind.ONBOARDING: (),
    Kind.AGREEMENT: (Choice.GRANT, Choice.REFUSE),
    Kind.EXTRA: (Choice.GO_ON,),
    Kind.CONFIRM: (Choice.SEND, Choice.KEEP),
    Kind.OUTCOME: (Choice.MADE, Choice.NEVER_MADE),
}
ASKED = (
    Kind.PROPOSAL,
    Kind.WORK,
    Kind.REVIEW,
    Kind.ACCEPTANCE,
    Kind.REFUND_REQUEST,
    Kind.SETTLEMENT,
    Kind.PICK,
    Kind.PARK,
    Kind.STUCK,
    Kind.LATE,
    Kind.CANCEL_LATE,
    Kind.MORE_TIME,
    Kind.QUESTION,
    Kind.MESSAGE,
    Kind.COUNTER,
    Kind.DISPUTE,
    Kind.RATING,
    Kind.APPEAL,
    Kind.CONFIRM,
    Kind.OUTCOME,
)
FOUND = tuple(Found(check, ok, "3", "2") for check in Check for ok in (False, True))
BEARINGS = tuple(Bearing(cause, PAY, PRICE - PAY) for cause in (RefundCause.BRIEF_NOT_MET, RefundCause.SELLER_FAULT))
NOTELESS = {
    Kind.PICK,
    Kind.PARK,
    Kind.STUCK,
    Kind.LATE,
    Kind.CANCEL_LATE,
    Kind.MORE_TIME,
    Kind.APPEAL,
    Kind.CONFIRM,
    Kind.OUTCOME,
}
"""The kinds that have a page of their own."""
SHOWN: dict[Kind, dict[str, Any]] = {
    Kind.SETTLEMENT: {"amount": 6_000, "proposal": "part"},
    Kind.LATE: {"missed": "2026-11-30T16:00:00+00:00"},
    Kind.ONBOARDING: {"pay": 13_000, "alarm": "2026-12-20T17:00:00+00:00", "legal": "2026-12-30T17:00:00+00:00"},
    Kind.MORE_TIME: {"until": "2026-12-10T17:00:00+00:00", "text": "texts/x/more_time"},
    Kind.DISPUTE: {
        "amount": 29_000,
        "reason": "fraudulent",
        "stage": "open",
        "until": "2026-12-10T17:00:00+00:00",
    },
    Kind.RATING: {"stars": 4, "weight": 1000, "text": "texts/x/rating"},
    Kind.APPEAL: {"stars": 2, "weight": 1000, "maker": FREELANCER.key, "text": "texts/x/appeal"},
    Kind.AGREEMENT: {"text": "texts/x/agreement"},
    Kind.EXTRA: {"extra": "card", "amount": 6_000, "title": "Carte", "until": "2026-12-08T17:00:00+00:00"},
    Kind.OUTCOME: {
        "stage": "refund",
        "amount": 6_000,
        "operation": "K7Q2M8RD4TZX:refund:late-01:1",
        "seen": [{"id": "re_3NMGNVZDFEnT08hyFqMP9YBpW", "amount": 6_000}],
        "wrong": "re_3NMGNVZDFEnT08hyFqMP9YBpX",
    },
    Kind.CONFIRM: {
        "stage": "transfer",
        "amount": 130_000,
        "maker": FREELANCER.key,
        "why": "accepted",
        "sent": 0,
        "refunded": 0,
        "alarm": "2026-12-20T17:00:00+00:00",
        "legal": "2026-12-30T17:00:00+00:00",
    },
    Kind.COUNTER: {
        "maker": FREELANCER.key,
        "was_pay": 13_000,
        "pay": 16_000,
        "was": "2026-12-03T17:00:00+00:00",
        "deadline": "2026-12-04T14:00:00+00:00",
        "margin": -420,
        "tight": True,
        "text": "texts/x/counter",
    },
    Kind.QUESTION: {"by": "freelancer", "from": "01-work-0003", "with": "ines-moreau", "text": "texts/x/question"},
    Kind.MESSAGE: {"by": "client", "from": "order", "with": "client", "text": "texts/x/message"},
    Kind.CANCEL_LATE: {"promised": "2026-12-04T17:00:00+00:00", "until": "2026-12-10T17:00:00+00:00"},
}
"""What a kind shows besides."""
THREAD = (
    Said(Role.FREELANCER, own=False, at=NOW, text="Le mot doit-il rester ?", answer=False, to_client=False),
    Said(Role.SELLER, own=True, at=NOW, text="Oui.", answer=True, to_client=False),
)
ASKING = (Asking(Kind.QUESTION, Role.SELLER, stops=True), Asking(Kind.MORE_TIME, Role.SELLER))
NOTED = {
    Kind.WORK,
    Kind.QUESTION,
    Kind.MESSAGE,
    Kind.COUNTER,
    Kind.MORE_TIME,
    Kind.RATING,
    Kind.APPEAL,
    Kind.REFUND_REQUEST,
    Kind.SETTLEMENT,
    Kind.AGREEMENT,
}
ASKING_CLIENT = (Asking(Kind.QUESTION, Role.CLIENT),)
MORE_TIME = (Asking(Kind.MORE_TIME, Role.ENGINE, until=NOW),)
BARGAINING = (Asking(Kind.COUNTER, Role.SELLER, until=NOW, pay=16_000), Asking(Kind.QUESTION, Role.SELLER))
NOTICES = (
    "dead_link",
    "not_found",
    "already_answered",
    "form_refused",
    "form_expired",
    "offer_paused",
    "too_large",
    "too_many",
    "trouble",
    "parked",
    "method",
    "checkout_trouble",
    "already_paid",
    "address_changed",
)
LETTERS = (
    "brief",
    "proposal",
    "work",
    "rework",
    "revision",
    "review",
    "acceptance",
    "revised",
    "refund_request",
    "settlement",
    "contested",
    "unanswered",
    "settled",
    "reduced",
    "accepted_silently",
    "reopened",
    "pay_waits",
    "accepted",
    "to_pay",
    "paid",
    "completed",
    "parked",
    "pick",
    "stuck",
    "work_late",
    "missed_date",
    "new_date",
    "not_taken",
    "cancelled_late",
    "more_time",
    "more_time_granted",
    "more_time_refused",
    "more_time_given",
    "question",
    "message",
    "unanswered_message",
    "answer_of_maker",
    "unanswered_of_maker",
    "counter",
    "counter_taken",
    "counter_refused",
    "agreement",
    "agreement_grant",
    "agreement_refuse",
    "agreement_unanswered",
    "extra",
    "extra_paid",
    "confirm_transfer",
    "confirm_refund",
    "outcome_refund",
    "outcome_transfer",
    "outcome_reversal",
    "withdrawn",
    "left",
    "pro_rata",
    "answer",
    "rating",
    "appeal",
    "rating_kept",
    "rating_struck",
    "unanswered",
    "date_moved",
    "refunded",
    "taken_back",
    "dispute",
    "inquiry",
    "dispute_won",
    "dispute_lost",
    "dispute_closed",
    "cancelled",
    "taken",
    "lost",
    "late",
    "address",
    "unreached",
    "fill_in",
    "reopened_by_seller",
    "pay_waits_by_seller",
    *(f"deed_{what.value}" for what in What),
)


OF_DATES = ("missed_date", "new_date", "not_taken", "cancelled_late")


def frame(lang: str) -> Frame:
    other = "en" if lang == "fr" else "fr"
    return Frame(SHOP, lang, ZONE, HOME, "/o/x", NOW, other_lang=f"{HOME}/offer/logo?lang={other}")


def gate(kind: Kind, lang: str = "fr", *, order_level: bool = False) -> Gate:
    role, owner, default = OWNERS[kind]
    level = "00" if order_level or kind in {Kind.BRIEF, Kind.PROPOSAL, Kind.PICK, Kind.STUCK} else "01"
    return Gate(
        order=ORDER.id,
        id=GateId(level, kind, 3),
        role=role,
        owner=owner,
        lang=lang,
        choices=ROUTED[kind],
        default=default,
        opened=NOW,
        deadline=datetime(2026, 12, 1, 16, 0, tzinfo=UTC),
        reminders=(datetime(2026, 11, 30, 8, 0, tzinfo=UTC),),
        shown={"why": "exhausted"} | SHOWN.get(kind, {}),
        key_id="k1",
    )


def offer_view(lang: str, **changed: object) -> OfferView:
    view = OfferView(frame(lang), OFFER, ORDER.promised or NOW, f"{HOME}/offer/logo")
    return replace(view, **changed)  # type: ignore[arg-type]


def brief_view(lang: str, **changed: object) -> BriefView:
    view = BriefView(
        gate=gate(Kind.BRIEF, lang),
        action=f"{HOME}/o/x",
        nonce="n0nce",
        files_action=f"{HOME}/g/x/files",
        typed={"q_name": "Boulangerie Aubépine"},
        files=(FileView("devanture.jpg", 2_400_000, "O/up/9"),),
        saved_at=NOW,
        promised_if_today=ORDER.promised or NOW,
    )
    return replace(view, **changed)  # type: ignore[arg-type]


def order_view(lang: str, stage: OrderStage, **changed: object) -> OrderView:
    view = OrderView(frame(lang), replace(ORDER, stage=stage), OFFER, (MILESTONE,), "n0nce")
    return replace(view, **changed)  # type: ignore[arg-type]


def gate_view(lang: str, kind: Kind, **changed: object) -> GateView:
    """What a step hands over for this kind: everything it may hold, whoever reads it."""
    view = GateView(
        frame=frame(lang),
        gate=gate(kind, lang),
        order=ORDER,
        offer=OFFER,
        action=f"{HOME}/g/x",
        nonce="n0nce",
        files_action=f"{HOME}/g/x/files" if kind in {Kind.WORK, Kind.ACCEPTANCE} else None,
        milestone=MILESTONE,
        freelancer=FREELANCER,
        pay=PAY if kind in {Kind.PROPOSAL, Kind.WORK} else None,
        pay_by=datetime(2026, 12, 18, 17, 0, tzinfo=UTC),
        deadline=WORK_DEADLINE,
        brief=BRIEF,
        brief_files=(FileView("devanture.jpg", 2_400_000, "O/up/9", f"{HOME}/f/9"),),
        files=(LOGO, SOURCE) if kind in {Kind.REVIEW, Kind.ACCEPTANCE, Kind.REFUND_REQUEST, Kind.SETTLEMENT} else (),
        delivery_note="Voici la première piste." if kind is Kind.REVIEW else None,
        links=("https://exemple.fr/maquette",) if kind is Kind.REVIEW else (),
        withheld=2 if kind is Kind.ACCEPTANCE else 0,
        found=FOUND if kind is Kind.REVIEW else (),
        note="Le vert est trop clair." if kind in NOTED else None,
        reasons=REASONS,
        margin={Kind.REVIEW: 15_540, Kind.COUNTER: -420}.get(kind),
        candidates=CANDIDATES if kind is Kind.PICK else (),
        own=CANDIDATES[-1] if kind in {Kind.PICK, Kind.LATE} else None,
        chosen=CHOSEN if kind is Kind.REVIEW else (),
        refund=PRICE if {Choice.REFUND, Choice.CANCEL, Choice.FULL, Choice.TAKE} & set(ROUTED[kind]) else None,
        bearings=BEARINGS if kind is Kind.REFUND_REQUEST else (),
    )
    return replace(view, **changed)  # type: ignore[arg-type]


def letter_view(lang: str, key: str, role: Role, **changed: object) -> LetterView:
    """A letter with everything that could be put into it, also what its reader may not know."""
    kinds = {Role.CLIENT: Kind.ACCEPTANCE, Role.FREELANCER: Kind.WORK, Role.SELLER: Kind.REVIEW}
    named = key.removesuffix(".reminder")
    own = {"parked": Kind.PARK, "late": None, "work_late": Kind.LATE} | dict.fromkeys(OF_DATES, Kind.CANCEL_LATE)
    kind = own.get(named, Kind(named) if named in tuple(Kind) else None) or kinds.get(role, Kind.HOLD)
    view = LetterView(
        frame=frame(lang),
        key=key,
        role=role,
        to="reader@example.test",
        link=f"{HOME}/g/{ORDER.id}/01-work-0003/s3cret",
        order=ORDER,
        offer=OFFER,
        gate=gate(kind, lang),
        milestone=MILESTONE,
        freelancer=FREELANCER,
        pay=PAY,
        pay_by=datetime(2026, 12, 18, 17, 0, tzinfo=UTC),
        deadline=ORDER.promised if role is Role.CLIENT else WORK_DEADLINE,
        brief=BRIEF,
        note="Le vert est trop clair." if named in {"rework", "revision"} else None,
        reasons=REASONS,
        facts=SHOWN.get(kind, {}) | {"kind": "work", "why": "exhausted", "amount": PRICE, "cause": "refund_right"},
    )
    return replace(view, **changed)  # type: ignore[arg-type]


def order_pages(lang: str) -> Iterator[tuple[str, OrderView]]:
    draft = replace(ORDER, stage=OrderStage.DRAFT, client_email=None, client_name=None, promised=None, handed_in=None)
    to_pay = replace(order_view(lang, OrderStage.DRAFT, checkout_action=f"{HOME}/o/x/checkout"), order=draft)
    wrong = (
        Problem("answer_missing", "q_brands", {"question": OFFER.brief[2].text.in_(lang)}),
        Problem("files_required", "q_files"),
    )
    address = {"address_action": f"{HOME}/o/x", "address_hint": "gmail.com"}
    yield "to-pay", to_pay
    yield "cancelled", replace(to_pay, cancelled=True)
    yield "unpayable", replace(to_pay, checkout_action=None)
    yield "confirming", replace(to_pay, confirming=True)
    yield "preparing", order_view(lang, OrderStage.PAID)
    yield "brief", order_view(lang, OrderStage.BRIEF, brief=brief_view(lang), **address)
    yield "brief-empty", order_view(lang, OrderStage.BRIEF, brief=brief_view(lang, typed={}, files=(), saved_at=None))
    yield "brief-wrong", order_view(lang, OrderStage.BRIEF, brief=brief_view(lang, problems=wrong), **address)
    yield "assign", order_view(lang, OrderStage.ASSIGN, answers=BRIEF)
    for stage in MilestoneStage:
        changed = replace(MILESTONE, stage=stage)
        yield f"milestone-{stage}", order_view(lang, OrderStage.MILESTONES, milestones=(changed,), answers=BRIEF)
    yield "waiting", order_view(lang, OrderStage.MILESTONES, waiting=f"{HOME}/g/y", waiting_kind=Kind.ACCEPTANCE)
    yield "parked", order_view(lang, OrderStage.PARK)
    yield "completed", order_view(lang, OrderStage.COMPLETED, files=(LOGO, SOURCE), answers=BRIEF)
    yield from ratings(lang)
    yield from refunds(lang)
    yield from leaving_pages(lang)


def ratings(lang: str) -> Iterator[tuple[str, OrderView]]:
    """The form of a rating, what came back without stars, and the thanks."""
    typed = {"action": "rate", "milestone": "01", "note": "Trop simple pour nous."}
    missing = (Problem("stars_missing", "stars"), Problem("too_long", "note", {"limit": 2_000}))
    asked = order_view(lang, OrderStage.COMPLETED, ratable=("01",))
    yield "rating", asked
    yield "rating-of-parts", replace(asked, ratable=("01", "02"))
    yield "rating-wrong", replace(asked, ratable=("01", "02"), typed=typed, problems=missing)
    yield "rated", replace(asked, ratable=(), milestones=(replace(MILESTONE, rated=4),))


def leaving_pages(lang: str) -> Iterator[tuple[str, OrderView]]:
    """The client's own ways out, and each of their steps."""
    ways = LeavingView(f"{HOME}/o/x", until=NOW, back=PRICE // 5, kept=PRICE - PRICE // 5, asks=("01",))
    typed = {"name": "Marie Aubin", "address": "marie@gmail.com", "declare": "yes"}
    under_way = order_view(lang, OrderStage.MILESTONES, leaving=ways)
    early = order_view(lang, OrderStage.ASSIGN, leaving=replace(ways, back=PRICE, kept=0, cancels=True, asks=()))
    yield "leaving", under_way
    yield "leaving-early", early
    yield "leaving-asked", replace(under_way, leaving=replace(ways, asks=(), asked=(("01", NOW),)))
    wrong = (Problem("name_missing", "name"), Problem("declare_missing", "declare"))
    yield "withdraw", replace(under_way, leaving=replace(ways, step="withdraw"))
    yield "withdraw-wrong", replace(under_way, leaving=replace(ways, step="withdraw"), problems=wrong)
    yield "withdraw-confirm", replace(under_way, leaving=replace(ways, step="confirm"), typed=typed)
    yield "cancel-step", replace(early, leaving=replace(early.leaving or ways, step="cancel"))
    yield "agree-step", replace(under_way, leaving=replace(ways, step="agree", number="01"))
    left = {"what": "withdrawal", "at": "2026-11-25T09:30:00+00:00", "by": "client", "note": "texts/x"}
    yield "left", replace(under_way, order=replace(under_way.order, leaving=left), leaving=None)


def refunds(lang: str) -> Iterator[tuple[str, OrderView]]:
    """The order's page for a client who gets money back."""
    unwinding = order_view(lang, OrderStage.UNWIND, answers=BRIEF, milestones=())
    gone = replace(unwinding.order, refunded=PRICE, last="00-refund-0004")
    for cause in (*RefundCause, "amount", "", None):
        order = replace(unwinding.order, left=PRICE, cause=cause)
        yield f"refunding-{cause}", replace(unwinding, order=order)
    unanswered = replace(unwinding.order, left=PRICE, cause="", handed_in=None, promised=None)
    yield "refunding-unanswered", replace(unwinding, order=unanswered, answers=())
    yield "refunded-closing", replace(unwinding, order=replace(gone, stage=OrderStage.CLOSE))
    ended = replace(gone, stage=OrderStage.COMPLETED, completed=NOW)
    yield "refunded-unwound", replace(unwinding, order=ended)
    right = replace(
        MILESTONE,
        revisions_left=0,
        revisions_used=2,
        version=3,
        refunded=PRICE,
        cause=RefundCause.REFUND_RIGHT.value,
        stage=MilestoneStage.HOLD,
    )
    held = order_view(lang, OrderStage.MILESTONES, milestones=(right,), answers=BRIEF)
    yield "refunded-held", held
    closed = replace(right, stage=MilestoneStage.CLOSED)
    paid = order_view(lang, OrderStage.COMPLETED, milestones=(closed,), answers=BRIEF, refunded_at=NOW)
    yield "refunded", replace(paid, order=replace(paid.order, refunded=PRICE, completed=NOW, last="00-proposal-0003"))
    half = replace(MILESTONE, price=PRICE // 2, version=1, stage=MilestoneStage.CLOSED)
    back = replace(half, number="02", refunded=PRICE // 2)
    coming = replace(half, number="02", stage=MilestoneStage.REFUND)
    yield "part-coming", order_view(lang, OrderStage.MILESTONES, milestones=(half, coming), files=(SOURCE,))
    yield "part-refunded", order_view(lang, OrderStage.COMPLETED, milestones=(half, back), files=(SOURCE,))


def answered_pages(lang: str) -> Iterator[tuple[str, AnsweredView]]:
    decided = ((kind, choice) for kind in Kind for choice in (*ROUTED[kind], Choice.PARK, Choice.CANCELLED))
    for (kind, choice), via, yours, just_now in product(decided, Via, (True, False), (True, False)):
        decision = Decision(choice, "someone", NOW, via)
        shown = replace(gate(kind, lang), status=Status.ANSWERED, decision=decision)
        name = f"{kind}-{choice}-{via}-{'yours' if yours else 'other'}-{'now' if just_now else 'then'}"
        yield name, AnsweredView(frame(lang), shown, OFFER, decision, yours, just_now, f"{HOME}/o/x", pay=PAY)
    yield "withdrawn", AnsweredView(frame(lang), gate(Kind.PROPOSAL, lang), OFFER, None, yours=False, just_now=False)


MISTYPED = (
    ("same", "amount"),
    ("amount", "amount"),
    ("date", "until"),
    ("late", "until"),
    ("why", "counter_note"),
    ("spent", "counter"),
)


def bargaining() -> Iterator[tuple[str, tuple[Asking, ...]]]:
    """Where a counter-proposal stands: to be made, with the seller, refused, and refused for good."""
    counter, question = BARGAINING
    yield "counter", BARGAINING
    yield "counter-waiting", (replace(counter, waiting=NOW), question)
    yield "counter-refused", (replace(counter, refused=True), question)
    yield "counter-over", (replace(counter, refused=True, over=True), question)


def pages(lang: str) -> Iterator[tuple[str, Page]]:
    """Every page in every state, with a name."""
    wrong = (
        Problem("choice_missing", "choice"),
        Problem("note_missing", "note"),
        Problem("file_empty", "file", {"name": "a.png"}),
        Problem("freelancer_missing", "freelancer"),
    )
    for readiness, needs, waits in product(Readiness, ((), tuple(Need)), ((), (("x", "01"),))):
        known = Recipient(FREELANCER.key, "acct_1", readiness, bool(waits), needs, NOW if needs else None, waits=waits)
        name = f"recipient-{readiness}-{len(needs)}-{len(waits)}"
        yield name, RecipientView(frame(lang), FREELANCER, known, f"{HOME}/f/x/pay", "n0nce", came=bool(needs))
        problems = (Problem("choice_missing", "choice"), Problem("stripe_silent"))
        yield (
            f"{name}-wrong",
            RecipientView(frame(lang), FREELANCER, known, f"{HOME}/f/x/pay", "n0nce", expired=True, problems=problems),
        )
    yield "index", IndexView(frame(lang), (OFFER,))
    yield "index-empty", IndexView(frame(lang), ())
    yield "offer", offer_view(lang)
    yield (
        "offer-wrong",
        offer_view(
            lang,
            problems=(Problem("kind_missing", "client_kind"), Problem("consent_missing", "start_now")),
            typed={"client_kind": "consumer"},
        ),
    )
    for status, disclosure, review in product(OfferStatus, Disclosure, Review):
        policy = replace(OFFER.policy, disclosure=disclosure, review=review)
        name = f"offer-{status}-{disclosure.name}-{review.name}"
        yield name, offer_view(lang, offer=replace(OFFER, status=status, policy=policy))
    for name, order in order_pages(lang):
        yield f"order-{name}", order
    for kind in ASKED:
        yield f"gate-{kind}", gate_view(lang, kind)
        shown = {"choice"} if kind in NOTELESS else {"choice", "note"}
        shown |= {"freelancer"} if kind is Kind.PICK else set()
        shown |= {"file"} if kind in {Kind.WORK, Kind.ACCEPTANCE} else set()
        known = tuple(problem for problem in wrong if problem.field in shown)
        yield f"gate-{kind}-wrong", gate_view(lang, kind, problems=known, typed={"note": "presque"}, uploaded=(LOGO,))
        yield (
            f"gate-{kind}-bare",
            gate_view(
                lang,
                kind,
                milestone=None,
                freelancer=None,
                pay=None,
                pay_by=None,
                deadline=None,
                brief=(),
                brief_files=(),
                files=(),
                reasons=(),
                margin=None,
                candidates=(),
                refund=None,
                files_action=None,
                gate=replace(gate(kind, lang), deadline=None, reminders=(), shown={}),
            ),
        )
    for kind, asking in ((Kind.WORK, ASKING), (Kind.REVIEW, ASKING_CLIENT), (Kind.ACCEPTANCE, MORE_TIME)):
        said = () if kind is Kind.ACCEPTANCE else THREAD
        yield f"gate-{kind}-asking", gate_view(lang, kind, thread=said, asking=asking)
        waits = tuple(replace(one, waiting=NOW) for one in asking)
        yield f"gate-{kind}-waiting", gate_view(lang, kind, thread=said, asking=waits)
    for name, forms in bargaining():
        yield f"gate-proposal-{name}", gate_view(lang, Kind.PROPOSAL, asking=forms)
    mistyped = tuple(Problem(f"counter_{what}", field) for what, field in MISTYPED)
    typed = {"ask": "counter", "amount": "13 000", "until": "hier", "note": "Deux pistes de plus."}
    yield (
        "gate-proposal-counter-wrong",
        gate_view(lang, Kind.PROPOSAL, asking=BARGAINING, problems=mistyped, typed=typed),
    )
    yield (
        "gate-park-order",
        gate_view(lang, Kind.PARK, gate=replace(gate(Kind.PARK, lang, order_level=True), choices=(Choice.RETRY,))),
    )
    used = replace(MILESTONE, revisions_left=0, revisions_used=2, version=3)
    right = replace(gate(Kind.ACCEPTANCE, lang), choices=(Choice.ACCEPT, Choice.REFUND))
    yield "gate-acceptance-right", gate_view(lang, Kind.ACCEPTANCE, gate=right, milestone=used, files_action=None)
    for name, answered in answered_pages(lang):
        yield f"answered-{name}", answered
    for key in (*NOTICES, "never_heard_of"):
        yield f"notice-{key}", NoticeView(frame(lang), key, 404, back=f"{HOME}/o/x")
