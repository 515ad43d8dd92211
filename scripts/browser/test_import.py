from conftest import text_file
from playwright.sync_api import expect


def test_extracts_are_checked_then_imported(open_page, empty, extracts):
    page = open_page(empty)
    page.goto("/ui/import")
    names = {
        "extrait_sirh": "Extrait SIRH",
        "extrait_eval": "Extrait des évaluations",
        "extrait_sondage": "Extrait du sondage",
    }
    for button in ("Vérifier sans importer", "Importer"):
        page.goto("/ui/import")
        for name, label in names.items():
            page.get_by_label(label).set_input_files(extracts[name])
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_text("1 470 ajoutés")).to_be_visible()
        if button != "Importer":
            expect(page.get_by_text("Rien n'est encore changé")).to_be_visible()
    expect(page.get_by_text("L'import est terminé")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Salariés").click()
    expect(page.get_by_text("1 470 salariés")).to_be_visible()


def test_problems_are_reported_by_line(open_page, programs, tmp_path, extracts):
    page = open_page(programs)
    text = extracts["extrait_eval"].read_text(encoding="utf-8")
    lines = text.splitlines()
    lines[2] = lines[2].replace(",Oui,", ",Peut-être,").replace(",Non,", ",Peut-être,")
    page.goto("/ui/import")
    page.get_by_label("Extrait SIRH").set_input_files(extracts["extrait_sirh"])
    page.get_by_label("Extrait des évaluations").set_input_files(
        text_file(tmp_path, "eval.csv", "\n".join(lines))
    )
    page.get_by_label("Extrait du sondage").set_input_files(extracts["extrait_sondage"])
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Rien n'a été importé")
    expect(page.locator("progress:visible")).to_have_count(0)
    expect(page.get_by_role("link", name="Arrêter")).to_have_count(0)
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("Extrait des évaluations")
    expect(row).to_contain_text("3")
    expect(row).to_contain_text("heure_supplementaires")
    expect(row).to_contain_text("doit être Oui ou Non")
    page.goto("/ui/employees")
    expect(page.get_by_text("294 salariés")).to_be_visible()


def test_no_file_is_said(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/import")
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Choisissez un fichier")
