import re

import pytest
from playwright.sync_api import expect


def test_persistence_away_is_said_and_the_page_recovers(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees")
    programs.stop("persistence")
    try:
        for path in ("/ui/employees", "/ui/employees/4", "/ui/history", "/ui/employees/4/edit"):
            assert page.goto(path).status == 503
            expect(page.get_by_role("alert")).to_contain_text("La base des salariés est indisponible")
        health = open_page(programs)
        health.goto("/ui/health")
        expect(health.get_by_text("indisponible")).to_be_visible()
        expect(health.locator("main")).to_contain_text("ne répond pas")
        # What does not need it goes on, and what is scored meanwhile is not lost.
        other = open_page(programs)
        other.goto("/ui/simulate?example=1")
        other.get_by_role("button", name="Calculer le score").click()
        expect(other.locator("#result")).to_contain_text(
            "Ce score sera dans l'historique dès le retour de la base"
        )
        expect(health.locator("main")).to_contain_text(re.compile(r"En attente d'enregistrement\s*1(?!\d)"))
        page.goto("/ui/employees")
        expect(page.get_by_role("alert")).to_be_visible()
    finally:
        programs.start("persistence")
    expect(page.locator("tbody tr")).to_have_count(50, timeout=15_000)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(health.get_by_text("indisponible")).to_have_count(0, timeout=15_000)
    # The outbox is forwarded at its next try, which may be a moment after the page is back.
    waiting = re.compile(r"En attente d'enregistrement\s*0(?!\d)")
    expect(health.locator("main")).to_contain_text(waiting, timeout=15_000)
    page.goto("/ui/history")
    expect(page.locator("tbody tr").first).to_contain_text("profil sans fiche")


def test_inference_away_is_said_and_the_page_recovers(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees/5")
    page.get_by_role("button", name="Calculer maintenant").click()
    programs.stop("inference")
    try:
        # The record, the history and the reasons on record are still there.
        page.goto("/ui/employees/5")
        expect(page.get_by_role("alert")).to_contain_text("Le calcul des scores est indisponible")
        expect(page.get_by_role("img", name="Pourquoi ce score")).to_be_visible()
        page.goto("/ui/employees?department=Commercial")
        expect(page.locator("tbody tr").first).to_contain_text("Commercial")
        page.locator("tbody input").first.check()
        page.get_by_role("button", name="Calculer le risque des cochés").click()
        expect(page.get_by_role("alert")).to_contain_text("Le calcul des scores est indisponible")
        other = open_page(programs)
        for path in ("/ui/model", "/ui/batch"):
            other.goto(path)
            expect(other.get_by_role("alert")).to_contain_text("Le calcul des scores est indisponible")
    finally:
        programs.start("inference")
    expect(other.get_by_role("heading", level=1)).to_have_text("Lot depuis un fichier", timeout=15_000)
    expect(page.get_by_text("Le service est de retour")).to_be_visible(timeout=15_000)


def test_what_cannot_be_done_meanwhile_is_said(open_page, programs, extracts):
    page = open_page(programs)
    page.goto("/ui/import")
    for name, file in extracts.items():
        page.locator(f"#{name}").set_input_files(file)
    edit = open_page(programs)
    edit.goto("/ui/employees/22/edit")
    edit.get_by_label("Revenu mensuel").fill("4444")
    programs.stop("persistence")
    try:
        page.get_by_role("button", name="Importer", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("La base des salariés est indisponible")
        edit.get_by_role("button", name="Enregistrer").click()
        expect(edit.get_by_role("alert")).to_contain_text("La base des salariés est indisponible")
    finally:
        programs.start("persistence")
    expect(edit.get_by_text("Le service est de retour")).to_be_visible(timeout=15_000)
    what_if = open_page(programs)
    what_if.goto("/ui/employees/22")
    # Nothing of what was refused was done.
    expect(what_if.locator("dt:has-text('Revenu mensuel') + dd")).not_to_have_text("4444")
    programs.stop("inference")
    try:
        what_if.locator("#what-if").get_by_label("Heures supplémentaires").select_option("false")
        result = what_if.locator("#what-if-result")
        expect(result.get_by_role("alert")).to_contain_text("Le calcul des scores est indisponible")
    finally:
        programs.start("inference")
    expect(result).to_contain_text("Le service est de retour", timeout=15_000)


def test_what_was_typed_survives_an_outage(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/simulate?example=1")
    page.locator("#monthly_income").fill("4321")
    programs.stop("inference")
    try:
        page.get_by_role("button", name="Calculer le score").click()
        expect(page.get_by_role("alert")).to_contain_text("Le calcul des scores est indisponible")
        expect(page.locator("#monthly_income")).to_have_value("4321")
    finally:
        programs.start("inference")
    expect(page.get_by_text("Le service est de retour")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Calculer le score").click()
    expect(page.locator("#result .score")).to_contain_text(re.compile(r"\d+\s%"))


@pytest.mark.parametrize("service", ["inference", "persistence"])
def test_scoring_that_is_interrupted_says_so(open_page, programs, service):
    page = open_page(programs)
    page.goto("/ui/employees")
    page.locator("tbody input").first.check()
    programs.stop(service)
    try:
        page.get_by_role("button", name="Calculer le risque des cochés").click()
        expect(page.get_by_role("alert")).to_be_visible()
    finally:
        programs.start(service)
