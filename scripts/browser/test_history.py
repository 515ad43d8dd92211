import re

from playwright.sync_api import expect


def test_history_is_filtered_and_leads_to_each_score(open_page, programs):
    page = open_page(programs)
    for number in (4, 5):
        page.goto(f"/ui/employees/{number}")
        page.get_by_role("button", name="Calculer maintenant").click()
        page.wait_for_url(f"**/ui/employees/{number}")
    page.goto("/ui/history")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Risque").select_option("HIGH")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name=re.compile("Détails")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Score enregistré")
    expect(page.locator(".score")).to_contain_text("62 %")
    expect(page.get_by_role("img", name="Pourquoi ce score").locator("rect")).to_have_count(24)
    page.get_by_role("link", name="Voir le salarié").click()
    expect(page).to_have_url(re.compile("/ui/employees/4$"))
    page.goto("/ui/history?from=2001-01-01&to=2001-12-31")
    expect(page.get_by_text("Aucun score ne correspond à ces filtres")).to_be_visible()


def test_bad_filter_is_said_in_the_list(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/history")
    for typed, said in {"abc": "nombre entier", "999999": "Aucun salarié ne porte ce numéro"}.items():
        page.get_by_label("Numéro de salarié").fill(typed)
        page.get_by_label("Numéro de salarié").press("Tab")
        expect(page.locator("#list").get_by_role("alert")).to_contain_text(said)
        expect(page.get_by_label("Numéro de salarié")).to_have_count(1)


def test_empty_history_leads_to_the_employees(open_page, empty):
    page = open_page(empty)
    page.goto("/ui/history")
    expect(page.get_by_text("Aucun score n'a encore été calculé")).to_be_visible()
    page.goto("/ui/batches/0197f3a0-0000-7000-8000-000000000000")
    expect(page.get_by_text("Aucun score n'est enregistré sous ce lot")).to_be_visible()
    assert page.goto("/ui/predictions/0197f3a0-0000-7000-8000-000000000000").status == 404
    assert page.goto("/ui/predictions/1").status == 404
