import re
from datetime import UTC, datetime
from math import ceil

from playwright.sync_api import Page, Route, expect

from devstack.drawings import PNG, logo_files, png
from devstack.player import Play, later_than
from devstack.stack import Started
from relais.gate import Kind, gate_from_row
from relais.pages.words import say
from tests.browser.people import PHONE, Person, Street, attach, decide, heading, previews, question

CLIENT = "marie.lambert@boulangerie-aubepine.example"
SELLER = "claire@atelier-mistral.example"
INES = "ines@moreau-graphisme.example"
DECLINED, CARD = "4000 0000 0000 0002", "4000 0025 0000 0003"
ORDER_PAGE = re.compile(r"/o/([0-9A-Za-z]+)/")
NAME, ACTIVITY = "Quel est le nom exact à écrire", "Que faites-vous, en une phrase ?"
BRANDS, COLOURS, SEEN = "Trois marques que vous aimez", "Des couleurs imposées", "Où le logo sera-t-il vu ?"
ANSWERS = {
    NAME: "« Boulangerie Aubépine »",
    ACTIVITY: "Nous cuisons du pain au levain.",
    BRANDS: "Opinel : rien n'est en trop.\nBic, pour la couleur.",
}


def test_an_order_goes_from_the_offer_page_to_the_downloads_by_clicks_alone(street: Street, started: Started) -> None:
    """The main job as its people live it: a phone, a mailbox and a browser each, French, and nobody has an account."""
    client = street.person(CLIENT, screen=PHONE)
    freelancer = street.person(INES)
    seller = street.person(SELLER)
    order = _buy(client)
    _answer_the_brief(client, street.storage)
    _accept_the_proposal(freelancer)
    _deliver(freelancer, 1, "À vous : ", "Remettre mon travail")
    _send_back(seller)
    _deliver(freelancer, 2, "À revoir avant envoi", "Remettre la nouvelle version")
    _approve(seller, 2)
    _ask_for_a_change(client)
    _deliver(freelancer, 3, "Une retouche demandée", "Remettre la nouvelle version")
    _approve(seller, 3)
    _accept(client)
    _let_the_hold_pass(started, freelancer, order)
    _download(client, 3)
    paid = freelancer.open_mail("en route")
    expect(paid.frame_locator("iframe").get_by_text("130 €").first).to_be_visible()


def test_an_english_client_reads_english_from_the_offer_to_the_answer(
    street: Street, started: Started, play: Play
) -> None:
    """The language of the browser that ordered is the order's: pages, payment and mails, whatever the shop speaks."""
    client = street.person(CLIENT, lang="en", screen=PHONE)
    page = client.page
    page.goto(f"{client.gateway}/offer/logo")
    heading(page, "A logo ready to use in 5 working days")
    expect(page.locator(".price")).to_have_text("€290")
    expect(page.get_by_role("link", name="Français")).to_be_visible()
    page.get_by_role("radio", name="A business").check()
    expect(page.get_by_text("Two agreements")).to_be_hidden()
    page.get_by_role("button", name="Order").click()
    expect(page.get_by_text("TEST", exact=False).first).to_be_visible()
    _pay(page, CARD)
    heading(page, "Thank you Marie, it is paid. 6 questions to go.")
    expect(page.get_by_role("button", name="Send the brief")).to_be_visible()
    play._returned = page.url
    play.hand_in_brief()
    play.accept_proposal()
    play.deliver(1)
    play.judge("approve")
    page = client.follow_mail("It is ready, over to you", "Look and answer")
    heading(page, "It is ready: over to you")
    assert 0 not in previews(page)
    expect(page.get_by_text("released when you accept").first).to_be_visible()
    expect(page.get_by_role("radio", name="I’d like a change (2 included, 0 used)")).to_be_visible()
    expect(page.get_by_role("radio", name="Yes, I accept")).not_to_be_checked()


def _buy(client: Person) -> str:
    page = client.page
    page.goto(f"{client.gateway}/offer/logo")
    heading(page, "Un logo prêt à l'emploi en 5 jours ouvrés")
    expect(page.locator(".price")).to_have_text("290 €")
    expect(page.get_by_text("Deux accords")).to_be_hidden()
    page.get_by_role("radio", name="Particulier").check()
    order_it = page.get_by_role("button", name="Commander")
    order_it.click()
    heading(page, "Un logo prêt à l'emploi en 5 jours ouvrés")
    expect(page.get_by_role("alert")).to_contain_text("Cochez les deux cases")
    expect(page.get_by_role("radio", name="Particulier")).to_be_checked()
    page.get_by_label("Je demande que le travail commence tout de suite").check()
    page.get_by_label("Je reconnais que je perdrai mon droit de rétractation").check()
    order_it.click()
    expect(page.get_by_text("290,00").first).to_be_visible()
    _pay(page, DECLINED)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value(CLIENT)
    _pay(page, CARD)
    heading(page, "Merci Marie, c’est payé. Plus que 6 questions.")
    found = ORDER_PAGE.search(page.url)
    assert found is not None
    return found[1]


def _pay(page: Page, card: str) -> None:
    page.locator("#email").fill(CLIENT)
    page.locator("#card").fill(card)
    page.locator("#name").fill("Marie Lambert")
    page.get_by_role("button").click()


def _answer_the_brief(client: Person, storage: str) -> None:
    page = client.page
    for text, answer in ANSWERS.items():
        page.get_by_label(text).fill(answer)
    page.get_by_role("button", name="Enregistrer et finir plus tard").click()
    expect(page.get_by_role("status")).to_contain_text("Enregistré à")
    page.goto("about:blank")

    page = client.follow_mail("Votre commande attend", "Répondre aux questions")
    heading(page, "Merci Marie, c’est payé. Plus que 3 questions.")
    _nothing_lost(page)
    page.get_by_label(SEEN).fill("Sur l'enseigne")
    page.get_by_role("checkbox", name="Mes réponses sont complètes").check()
    _attach_and_look(page, storage, "devanture.png")
    page.get_by_role("button", name="Envoyer le brief").click()
    problem = page.get_by_role("alert").filter(has_text="Un point à revoir")
    expect(problem).to_contain_text("Il manque une réponse : « Des couleurs imposées ou interdites ? »")
    _nothing_lost(page)
    expect(page.get_by_label(SEEN)).to_have_value("Sur l'enseigne")
    expect(page.get_by_role("listitem").filter(has_text="devanture.png")).to_be_visible()
    question(page, COLOURS).get_by_role("checkbox", name="Je ne sais pas, conseillez-moi").check()
    page.get_by_role("button", name="Envoyer le brief").click()
    heading(page, re.compile("Bien reçu|Merci, c’est envoyé"))


def _nothing_lost(page: Page) -> None:
    for text, answer in ANSWERS.items():
        expect(page.get_by_label(text)).to_have_value(answer)


def _attach_and_look(page: Page, storage: str, name: str) -> None:
    """While a file is on its way its bar is seen, and the form waits for it; then it is there."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"{storage}/**", hold, times=1)
    chosen: object = {"name": name, "mimeType": PNG, "buffer": png(5)}
    with page.expect_request(lambda request: request.url.startswith(storage)):
        page.locator("input#file").set_input_files(chosen)  # type: ignore[arg-type]
    row = page.get_by_role("listitem").filter(has_text=name)
    expect(row.get_by_role("progressbar", name=name)).to_be_visible()
    page.get_by_role("button", name="Envoyer le brief").click()
    expect(page.get_by_text("Des fichiers sont encore en cours d’envoi")).to_be_visible()
    assert len(held) == 1
    held[0].continue_()
    expect(row).to_contain_text("Envoyé")
    expect(row.get_by_role("progressbar")).to_have_count(0)


def _accept_the_proposal(freelancer: Person) -> None:
    page = freelancer.follow_mail("130\N{NO-BREAK SPACE}€", "Voir et répondre")
    heading(page, "Une proposition pour vous")
    expect(page.get_by_text("130 €").first).to_be_visible()
    expect(page.get_by_text(ANSWERS[NAME])).to_be_visible()
    expect(page.get_by_text(CLIENT)).to_have_count(0)
    expect(page.get_by_text("290 €")).to_have_count(0)
    page.get_by_role("button", name="Envoyer ma réponse").click()
    expect(page.get_by_role("alert")).to_contain_text("Choisissez une réponse.")
    decide(page, "J’accepte", "Envoyer ma réponse")
    heading(page, "C’est pour vous, merci")


def _deliver(freelancer: Person, version: int, subject: str, button: str) -> None:
    page = freelancer.follow_mail(subject, button)
    heading(page, "À vous de jouer")
    if version > 1:
        expect(page.get_by_text(NOTES[version])).to_be_visible()
    attach(page, logo_files(version), "Envoyé")
    decide(page, "Je remets mon travail", "Remettre")
    heading(page, "Merci, c’est remis")


NOTES = {2: "Le trait est trop fin à 16 pixels.", 3: "Le vert est un peu sombre."}


def _send_back(seller: Person) -> None:
    page = seller.follow_mail("À relire avant", "Relire et décider")
    heading(page, "À relire")
    expect(page.get_by_text("Inès Moreau").first).to_be_visible()
    expect(page.get_by_text("0 sur 2")).to_be_visible()
    assert 0 not in previews(page)
    page.get_by_role("radio", name="Renvoyer à Inès").check()
    page.get_by_role("button", name="Valider ma décision").click()
    expect(page.get_by_role("alert").first).to_contain_text(say("fr", "problem.note_missing"))
    decide(page, "Renvoyer à Inès", "Valider ma décision", ("Ce qui doit changer", NOTES[2]))
    heading(page, "Renvoyé avec vos remarques")


def _approve(seller: Person, version: int) -> None:
    page = seller.follow_mail("À relire avant", "Relire et décider")
    heading(page, "À relire")
    expect(page.get_by_text(f"logo-v{version}.svg").first).to_be_visible()
    assert 0 not in previews(page)
    decide(page, "Envoyer au client", "Valider ma décision")
    heading(page, "Envoyé au client")


def _ask_for_a_change(client: Person) -> None:
    page = client.follow_mail("C’est prêt", "Voir et répondre")
    _sees_previews_alone(page, 2)
    change = page.get_by_role("radio", name="Je voudrais une retouche (2 comprises, 0 utilisée)")
    expect(page.get_by_label("Ce que vous aimeriez changer")).to_be_hidden()
    change.check()
    page.get_by_label("Ce que vous aimeriez changer").fill(NOTES[3])
    page.get_by_role("button", name="Envoyer ma réponse").click()
    heading(page, "Bien reçu, nous retouchons")


def _sees_previews_alone(page: Page, version: int) -> None:
    heading(page, "C’est prêt : à vous de dire")
    assert 0 not in previews(page)
    expect(page.get_by_text(f"logo-v{version}.pdf")).to_be_visible()
    expect(page.get_by_text("débloqué quand vous acceptez").first).to_be_visible()
    expect(page.get_by_role("link", name="Télécharger")).to_have_count(0)


def _accept(client: Person) -> None:
    page = client.follow_mail("La nouvelle version est prête", "Voir la nouvelle version")
    _sees_previews_alone(page, 3)
    decide(page, "Oui, j’accepte", "Envoyer ma réponse")
    heading(page, "Merci, c’est accepté")
    page.get_by_role("link", name="Voir ma commande").click()
    heading(page, "C’est accepté, merci")


def _let_the_hold_pass(started: Started, freelancer: Person, order: str) -> None:
    """The mail about the payment to come leaves when the hold has begun; nothing but the clock is moved then."""
    freelancer.open_mail("Accepté")
    rows = started.store.query(f"O#{order}", f"G#01#{Kind.HOLD}#")
    until = max(later_than(gate_from_row(row)) for row in rows)
    started.command("clock", "--to", datetime.fromtimestamp(ceil(until / 60) * 60, UTC).isoformat())


def _download(client: Person, version: int) -> None:
    page = client.follow_mail("Votre commande est terminée", "Voir mes fichiers")
    heading(page, "Merci Marie, votre commande est terminée")
    for name, (_, content) in logo_files(version).items():
        with page.expect_download() as kept:
            page.get_by_role("link", name=f"Télécharger {name}").click()
        assert kept.value.suggested_filename == name
        assert kept.value.path().read_bytes() == content
