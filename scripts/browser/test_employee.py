import re

import pytest
from playwright.sync_api import expect


def score(page, number):
    page.goto(f"/ui/employees/{number}")
    page.get_by_role("button", name="Calculer maintenant").click()
    page.wait_for_url(f"**/ui/employees/{number}")


def test_score_now_explains_and_draws(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees/22")
    expect(page.get_by_text("Aucun score n'a encore été calculé pour cette personne")).to_be_visible()
    score(page, 22)
    expect(page.locator(".score").first).to_contain_text("22 %")
    chart = page.get_by_role("img", name="Pourquoi ce score")
    expect(chart).to_be_visible()
    assert chart.locator("rect").count() == 24
    score(page, 22)
    expect(page.get_by_role("img", name="Scores au fil du temps").locator("circle")).to_have_count(2)
    expect(page.get_by_text("le seuil est de 32 %")).to_be_visible()


def test_what_if_changes_the_score_and_stores_nothing(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees/4")
    page.locator("#what-if").get_by_label("Heures supplémentaires").select_option("false")
    result = page.locator("#what-if-result")
    expect(result).to_contain_text("62 % → 24 %")
    expect(result).to_contain_text("Rien n'est enregistré")
    expect(result.get_by_role("img")).to_contain_text("Heures supplémentaires : Oui → Non")
    expect(result).to_contain_text("Ces changements feraient passer le score sous le seuil")
    slider = page.locator("#what-if").get_by_label("Revenu mensuel")
    slider.focus()
    slider.press("End")
    expect(page.locator("output[for=what-if-monthly_income]")).to_have_text("19973")
    expect(result.get_by_role("img")).to_contain_text("Revenu mensuel")
    page.reload()
    expect(page.get_by_text("Aucun score n'a encore été calculé pour cette personne")).to_be_visible()
    expect(page.locator("dd").filter(has_text=re.compile(r"^2090$"))).to_be_visible()


@pytest.mark.parametrize("scripted", [True, False])
def test_what_if_is_kept_when_asked(open_page, programs, scripted):
    page = open_page(programs, java_script_enabled=scripted)
    page.goto("/ui/employees/70")
    page.locator("#what-if").get_by_label("Heures supplémentaires").select_option("true")
    page.get_by_role("button", name="Conserver cette simulation").click()
    page.wait_for_url("**/ui/predictions/*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Score enregistré")
    expect(page.locator("dt:has-text('Heures supplémentaires') + dd")).to_have_text("Oui")
    # It is about the employee, and not her score.
    expect(page.get_by_text("Une simulation avec d'autres valeurs que celles du dossier")).to_be_visible()
    expect(page.get_by_role("link", name="Voir le salarié")).to_be_visible()
    page.goto("/ui/employees/70")
    expect(page.get_by_text("Aucun score n'a encore été calculé pour cette personne")).to_be_visible()


def test_what_if_without_a_script(open_page, programs):
    page = open_page(programs, java_script_enabled=False)
    page.goto("/ui/employees/4")
    page.locator("#what-if").get_by_label("Heures supplémentaires").select_option("false")
    page.get_by_role("button", name="Voir l'effet").click()
    expect(page.locator("#what-if-result")).to_contain_text("62 % → 24 %")


def test_curve_of_a_field(open_page, programs):
    page = open_page(programs)
    score(page, 31)
    page.get_by_text("La courbe de chaque champ").click()
    page.get_by_role("link", name="Revenu mensuel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Revenu mensuel")
    expect(page.get_by_role("img")).to_be_visible()
    page.go_back()
    page.get_by_text("La courbe de chaque champ").click()
    page.get_by_role("link", name="Poste", exact=True).click()
    expect(page.get_by_role("img")).to_contain_text("Tech Lead")


def test_edit_keeps_what_was_typed_and_says_what_is_wrong(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees/5/edit")
    page.get_by_label("Niveau hiérarchique").fill("9")
    page.get_by_label("Revenu mensuel").fill("beaucoup")
    page.get_by_role("button", name="Enregistrer").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("2 champs sont à corriger")
    expect(page.locator("#job_level")).to_have_value("9")
    expect(page.locator("#job_level-problem")).to_contain_text("entre 1 et 5")
    summary.get_by_role("link", name="Revenu mensuel").click()
    expect(page.locator("#monthly_income")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Niveau hiérarchique").fill("2")
    page.get_by_label("Revenu mensuel").fill("3000")
    page.get_by_label("Nom affiché").fill("Ada <script>")
    page.get_by_role("button", name="Enregistrer").click()
    page.wait_for_url("**/ui/employees/5")
    expect(page.get_by_role("heading", level=1)).to_have_text("Salarié Ada <script>")


def test_two_people_edit_at_once(open_page, programs):
    first, second = open_page(programs), open_page(programs)
    for page in (first, second):
        page.goto("/ui/employees/14/edit")
    first.get_by_label("Revenu mensuel").fill("4001")
    first.get_by_role("button", name="Enregistrer").click()
    first.wait_for_url("**/ui/employees/14")
    second.get_by_label("Revenu mensuel").fill("5002")
    second.get_by_role("button", name="Enregistrer").click()
    expect(second.get_by_role("alert")).to_contain_text("La fiche a changé entre-temps")
    expect(second.get_by_role("alert")).to_contain_text("4001")
    expect(second.locator("#monthly_income")).to_have_value("5002")
    second.get_by_role("button", name="Enregistrer").click()
    second.wait_for_url("**/ui/employees/14")
    expect(second.locator("dd").filter(has_text=re.compile(r"^5002$"))).to_be_visible()


def test_nobody_has_the_number(open_page, programs):
    page = open_page(programs)
    assert page.goto("/ui/employees/999999").status == 404
    expect(page.get_by_role("alert")).to_contain_text("Aucun salarié ne porte ce numéro")
    assert page.goto("/ui/employees/abc").status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Page introuvable")


def test_record_that_cannot_be_scored_says_why(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees/32/edit")
    page.get_by_label("Heures supplémentaires").select_option("")
    page.get_by_role("button", name="Enregistrer").click()
    page.get_by_role("button", name="Calculer maintenant").click()
    expect(page.locator(".failure")).to_contain_text("Heures supplémentaires")
    expect(page.locator(".failure")).to_contain_text("valeur obligatoire")


def test_report_fits_a_page(open_page, programs):
    page = open_page(programs)
    score(page, 35)
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Navigation principale")).to_be_hidden()
    expect(page.locator("#what-if")).to_be_hidden()
    pdf = page.pdf(format="A4", print_background=True, prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) == 1
