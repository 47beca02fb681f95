"""The hosted page and the sessions behind it, as a person and the shop see them."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

DAY = 86400
FRENCH = "4000 0025 0000 0003"


def form(**more: str) -> dict[str, str]:
    return {"email": "marie@example.org", "name": "Marie Durand", "card": FRENCH, **more}


def test_a_payment_leads_back_to_the_shop_with_the_session_s_id(world: Any) -> None:
    """The page the payment returns to finds its order by this id."""
    session = world.session()
    reply = world.pay(session)
    assert (reply.status, reply.location) == (303, f"http://127.0.0.1:9/o/1?session={session.id}")
    paid = world.client().v1.checkout.sessions.retrieve(session.id)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert (paid.customer_details.email, paid.customer_details.name) == ("marie@example.org", "Marie Durand")
    assert world.types() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_group_and_metadata_of_the_intent_stand_on_the_payment(world: Any) -> None:
    """Transfers are found by the charge's group, payments by the intent's metadata."""
    session = world.session()
    world.pay(session)
    expand = {"expand": ["payment_intent.latest_charge"]}
    intent = world.client().v1.checkout.sessions.retrieve(session.id, expand).payment_intent
    assert (intent.status, intent.amount_received, intent.transfer_group) == ("succeeded", 29000, "o1")
    assert intent.metadata["order"] == "o1"
    assert intent.latest_charge.transfer_group == "o1"
    assert intent.latest_charge.payment_method_details.card.country == "FR"


@pytest.mark.parametrize(
    ("locale", "said"), [("fr", "Provision insuffisante sur cette carte"), ("en", "Your card has insufficient funds")]
)
def test_a_declined_card_says_why_and_the_same_page_takes_another(world: Any, locale: str, said: str) -> None:
    """The client can go on from the same link, in their language."""
    session = world.session(locale=locale)
    reply = world.pay(session, "4000 0000 0000 9995")
    assert reply.status == 402
    assert said in reply.text
    assert 'value="Marie Durand"' in reply.text, "what was typed is still there"
    assert "9995" not in reply.text.split("<details>")[0], "except the card"
    now = world.client().v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (now.status, now.payment_status) == ("open", "unpaid")
    assert now.payment_intent.status == "requires_payment_method"
    assert now.payment_intent.last_payment_error.decline_code == "insufficient_funds"
    assert world.pay(session).status == 303
    charges = world.client().v1.charges.list({"payment_intent": now.payment_intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]
    assert world.types()[:3] == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (form(email="marie"), "Indiquez une adresse e-mail valide."),
        (form(name=" "), "Indiquez le nom du titulaire."),
        (form(card="4242 4242 4242 4241"), "Ce numéro de carte est incorrect ou incomplet."),
        (form(card="4111 1111 1111 1111"), "Seules les cartes d’essai ci-dessous fonctionnent ici."),
        ({}, "Indiquez une adresse e-mail valide."),
    ],
)
def test_what_is_typed_wrong_is_said_and_nothing_happens(
    world: Any, get: Callable[..., Any], typed: dict[str, str], said: str
) -> None:
    """A form with a mistake is no attempt to pay."""
    session = world.session(locale="fr")
    reply = get(session.url, typed)
    assert reply.status == 422
    assert said in reply.text
    assert world.events() == []
    assert world.client().v1.checkout.sessions.retrieve(session.id).payment_intent is None


def test_paying_twice_pays_once(world: Any, get: Callable[..., Any]) -> None:
    """A double click sends the form twice; both lead to the shop, one payment exists."""
    session = world.session()
    first, second = world.pay(session), get(session.url, form())
    assert (first.status, first.location) == (second.status, second.location)
    assert len(world.client().v1.charges.list().data) == 1
    assert "Already paid" in get(session.url).text


def test_opening_the_page_changes_nothing(world: Any, get: Callable[..., Any]) -> None:
    """Mail scanners open links."""
    session = world.session()
    before = world.sandbox.state()["counts"]
    for _ in range(3):
        assert get(session.url).status == 200
    assert world.sandbox.state()["counts"] == before
    assert world.events() == []


def test_the_page_shows_what_is_bought_and_lets_people_go_back(world: Any, get: Callable[..., Any]) -> None:
    """Price, item and a way out, in the session's language whatever the browser's."""
    session = world.session(locale="fr", customer_email="marie@example.org")
    page = get(session.url, headers={"Accept-Language": "en"}).text
    assert "290,00\N{NO-BREAK SPACE}€" in page
    assert "Un logo" in page
    assert 'href="http://127.0.0.1:9/o/1"' in page
    assert "Annuler et revenir" in page
    assert 'value="marie@example.org" readonly' in page


def test_text_of_the_shop_is_never_markup(world: Any, get: Callable[..., Any]) -> None:
    """An item's name comes from outside."""
    item = {
        "price_data": {"currency": "eur", "unit_amount": 100, "product_data": {"name": "<script>alert(1)</script>"}},
        "quantity": 1,
    }
    session = world.session(line_items=[item])
    assert "<script>" not in get(session.url).text


def test_an_address_given_by_the_shop_cannot_be_replaced_on_the_page(world: Any, get: Callable[..., Any]) -> None:
    """The hosted page shows it and sends it back; a tampered form changes nothing."""
    session = world.session(customer_email="marie@example.org")
    get(session.url, form(email="mallory@example.org"))
    paid = world.client().v1.checkout.sessions.retrieve(session.id)
    assert paid.customer_details.email == "marie@example.org"


def test_an_unknown_page_is_said_kindly(world: Any, get: Callable[..., Any]) -> None:
    """Somebody has cut the address in two."""
    reply = get(world.sandbox.url + "/c/pay/cs_test_none", headers={"Accept-Language": "fr"})
    assert reply.status == 404
    assert "Page introuvable" in reply.text


def test_an_expired_session_cannot_be_paid(world: Any, get: Callable[..., Any]) -> None:
    """The shop expires a session before it changes a price: the old page must be dead."""
    session = world.session()
    world.pay(session, "4000 0000 0000 0002")
    expired = world.client().v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    reply = get(session.url, form())
    assert (reply.status, reply.location) == (200, None)
    assert "expired" in reply.text
    assert [charge.status for charge in world.client().v1.charges.list().data] == ["failed"]
    assert world.types()[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


def test_a_session_expires_by_itself_after_a_day_of_virtual_time(world: Any) -> None:
    """A session's address mailed to a client is dead the next day."""
    session = world.session()
    world.later(DAY - 60)
    assert world.client().v1.checkout.sessions.retrieve(session.id).status == "open"
    world.later(120)
    assert world.client().v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert world.types() == ["checkout.session.expired"]
    assert world.events()[0]["created"] == session.expires_at


def test_a_paid_session_does_not_expire(world: Any) -> None:
    """The end of its day must not touch what is complete."""
    session = world.session()
    world.pay(session)
    world.later(2 * DAY)
    assert world.client().v1.checkout.sessions.retrieve(session.id).status == "complete"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"success_url": "/o/1"}, "success_url"),
        ({"line_items": []}, "line_items"),
        ({"expires_at": 1}, "expires_at"),
        ({"metadata": {"a": "x" * 501}}, "metadata[a]"),
        ({"client_reference_id": "x" * 201}, "client_reference_id"),
    ],
)
def test_a_session_that_stripe_would_refuse_is_refused(world: Any, more: dict[str, Any], param: str) -> None:
    """Each of these would fail in production only."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.session(**more)
    assert refused.value.param == param


def test_less_than_fifty_cents_is_refused(world: Any) -> None:
    """Stripe's least charge in euro."""
    item = {"price_data": {"currency": "eur", "unit_amount": 49, "product_data": {"name": "x"}}, "quantity": 1}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.session(line_items=[item])
    assert refused.value.code == "amount_too_small"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"mode": "setup"}, "mode=setup"),
        ({"allow_promotion_codes": True}, "allow_promotion_codes=True"),
        ({"customer": "cus_1"}, "customer"),
        (
            {
                "line_items": [
                    {
                        "price_data": {"currency": "sek", "unit_amount": 100, "product_data": {"name": "x"}},
                        "quantity": 1,
                    }
                ]
            },
            "sek",
        ),
    ],
)
def test_what_is_not_built_yet_answers_501_and_names_it(world: Any, more: dict[str, Any], named: str) -> None:
    """A fake that ignores a parameter makes tests lie."""
    with pytest.raises(stripe.APIError, match="does not implement") as unsupported:
        world.session(**more)
    assert unsupported.value.http_status == 501
    assert named in str(unsupported.value)


def test_what_the_design_keeps_off_may_be_said_to_be_off(world: Any) -> None:
    """Promotion codes, adaptive pricing, recovery and Dashboard methods are switched off aloud (design: money A 7)."""
    world.session(
        allow_promotion_codes=False,
        adaptive_pricing={"enabled": False},
        after_expiration={"recovery": {"enabled": False}},
        allowed_payment_method_types=["card"],
        automatic_tax={"enabled": False},
        invoice_creation={"enabled": False},
    )
