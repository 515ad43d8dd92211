import re
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from programs import Programs


def test_start_leads_to_the_list(open_page, programs):
    page = open_page(programs)
    page.goto("/")
    expect(page).to_have_url(re.compile("/ui/employees$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Salariés")
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_text("294 salariés")).to_be_visible()


def test_filter_search_sort_and_page(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees")
    page.get_by_label("Département").select_option("Ressources Humaines")
    expect(page).to_have_url(re.compile("department=Ressources"))
    departments = page.locator("tbody tr td:nth-child(4)")
    expect(departments.first).to_have_text("Ressources Humaines")
    assert set(departments.all_inner_texts()) == {"Ressources Humaines"}
    page.get_by_label("Département").select_option("")
    page.get_by_label("Rechercher").fill("tech lead")
    expect(page.locator("tbody tr td:nth-child(3)").first).to_have_text("Tech Lead")
    page.get_by_label("Rechercher").fill("")
    expect(page.locator("tbody tr")).to_have_count(50)
    first = page.locator("tbody tr td:nth-child(2)").first.inner_text()
    page.get_by_role("link", name="Page suivante").click()
    expect(page.locator("tbody tr td:nth-child(2)").first).not_to_have_text(first)
    page.get_by_role("link", name="Première page").click()
    expect(page.locator("tbody tr td:nth-child(2)").first).to_have_text(first)


def test_nobody_matches(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees?search=personne+de+ce+nom")
    expect(page.get_by_text("Aucun salarié ne correspond")).to_be_visible()
    page.get_by_role("link", name="Effacer les filtres").click()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_ticked_are_scored_with_reasons_and_exported(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees")
    page.get_by_label("Cocher 4", exact=True).check()
    page.get_by_label("Cocher 14", exact=True).check()
    expect(page.locator("[data-ticked]")).to_have_text("2")
    page.get_by_role("button", name="Calculer le risque des cochés").click()
    page.wait_for_url("**/ui/batches/*")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("62 %")
    expect(rows.first).to_contain_text("Élevé")
    expect(rows.first).to_contain_text("Heures supplémentaires (Oui)")
    expect(rows.first).to_contain_text("premier score")
    assert rows.first.locator(".reasons li").count() == 3
    with page.expect_download() as download:
        page.get_by_role("link", name="Exporter").click()
    text = download.value.path().read_bytes().decode("utf-8")
    lines = text.removeprefix("\ufeff").splitlines()
    assert text.startswith("\ufeff")
    assert lines[0].split(";")[:3] == ["Salarié", "Calculé le", "Probabilité"]
    assert len(lines) == 3
    assert re.match(r"0,62\d+$", lines[-1].split(";")[2]) or re.match(r"0,62\d+$", lines[1].split(";")[2])


def test_nothing_ticked_is_said(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees")
    page.get_by_role("button", name="Calculer le risque des cochés").click()
    expect(page.get_by_role("alert")).to_contain_text("Cochez au moins un salarié")


def test_second_score_says_the_difference(open_page, programs):
    page = open_page(programs)
    for _ in range(2):
        page.goto("/ui/employees?search=21")
        page.get_by_label("Cocher 21", exact=True).check()
        page.get_by_role("button", name="Calculer le risque des cochés").click()
        page.wait_for_url("**/ui/batches/*")
    expect(page.locator("tbody tr").first).to_contain_text("0 pts")


def test_whole_filter_shows_progress_and_is_found_by_band(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/employees")
    with page.expect_response("**/ui/employees/score") as answer:
        page.get_by_role("button", name=re.compile("Calculer tout le filtre")).click()
    page.wait_for_url("**/ui/batches/*")
    assert answer.value.ok
    page.get_by_role("link", name=re.compile("Élevé : 4")).click()
    assert set(page.locator("tbody tr td:nth-child(3)").all_inner_texts()) == {"▲ Élevé"}
    page.goto("/ui/employees?order_by=latest_probability+desc")
    expect(page.locator("tbody tr").first).to_contain_text("Élevé")
    page.get_by_label("Risque").select_option("MODERATE")
    expect(page.locator("tbody tr td:nth-child(6)").first).to_have_text("◆ Modéré")


def test_progress_is_sent_while_the_work_goes_on(programs):
    body = b"which=all&request_id=watched"
    request = urllib.request.Request(
        f"{programs.web}/ui/employees/score",
        data=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()
    assert re.findall(r'<progress value="(\d+)" max="294"', text) == ["0", "250", "294"]
    batch = re.search(r"/ui/batches/([0-9a-f-]+)", text).group(1)
    with urllib.request.urlopen(request, timeout=30) as answer:
        again = answer.read().decode()
    # The same page sent twice is a retry: nobody is scored twice.
    assert batch in again


def test_list_without_a_script(open_page, programs):
    page = open_page(programs, java_script_enabled=False)
    page.goto("/ui/employees")
    page.get_by_label("Rechercher").fill("tech lead")
    page.get_by_role("button", name="Filtrer").click()
    expect(page.locator("tbody tr td:nth-child(3)").first).to_have_text("Tech Lead")
    page.locator("tbody input").first.check()
    page.get_by_role("button", name="Calculer le risque des cochés").click()
    page.get_by_role("link", name="Voir les résultats").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_empty_state_leads_to_the_import(open_page, empty):
    page = open_page(empty, locale="en-GB")
    page.goto("/")
    expect(page.get_by_text("No employee is on record")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Import").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import the extracts")


@pytest.mark.parametrize("question", ["page_token=nonsense", "order_by=name", "search=" + "x" * 101])
def test_bad_question_is_said(open_page, programs, question):
    page = open_page(programs)
    answer = page.goto(f"/ui/employees?{question}")
    assert answer.status == 400
    expect(page.get_by_role("alert")).to_be_visible()


def test_everybody(open_page, tmp_path_factory, extracts):
    """1,470 employees: the list answers, and scoring all ends, in a time that nobody minds."""
    with Programs(tmp_path_factory.mktemp("everybody")) as everybody:
        everybody.import_files(extracts)
        page = open_page(everybody)
        page.goto("/ui/employees")
        expect(page.get_by_text("1 470 salariés")).to_be_visible()
        start = time.monotonic()
        page.get_by_role("button", name=re.compile("Calculer tout le filtre")).click()
        page.wait_for_url("**/ui/batches/*")
        print(f"scored from the screen in {time.monotonic() - start:.1f} s, with a pause of 1 s at the end")
        bands = page.locator("main .actions").first.get_by_role("link").filter(has_text=":")
        counts = [int(re.sub(r"\D", "", text.rsplit(":", 1)[1])) for text in bands.all_inner_texts()]
        assert sum(counts) == 1470
        page.goto("/ui/employees?risk_band=HIGH&order_by=latest_probability+desc")
        expect(page.locator("tbody tr")).to_have_count(50)
