from playwright.sync_api import expect


def test_form_is_the_version_s(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/simulate")
    assert "Tech Lead" in page.locator("#job_title").inner_text()
    expect(page.locator("#age-hint")).to_have_text("non utilisé par le modèle")
    expect(page.locator("#monthly_income-hint")).to_contain_text("à l'apprentissage")


def test_example_is_scored(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/simulate")
    page.get_by_role("link", name="Remplir avec un exemple").click()
    page.get_by_role("button", name="Calculer le score").click()
    expect(page.locator("#result .score")).to_contain_text("22 %")
    expect(page.locator("#result")).to_contain_text(
        "Sur 100 personnes au profil semblable, environ 22 partent."
    )
    expect(page.locator("#job_level")).to_have_value("1")
    page.goto("/ui/history")
    expect(page.locator("tbody tr").first).to_contain_text("profil sans fiche")


def test_mistakes_are_shown_at_their_fields(open_page, programs):
    page = open_page(programs, locale="en-GB")
    page.goto("/ui/simulate?example=1")
    page.locator("#monthly_income").fill("lots")
    page.locator("#overtime").select_option("")
    page.locator("#job_level").fill("7")
    page.get_by_role("button", name="Compute the score").click()
    expect(page.get_by_role("alert")).to_contain_text("3 fields are to be mended.")
    expect(page.locator("#monthly_income-problem")).to_have_text("must be a whole number")
    expect(page.locator("#overtime-problem")).to_have_text("a value is required")
    expect(page.locator("#job_level-problem")).to_have_text("must be between 1 and 5")
    expect(page.locator("#monthly_income")).to_have_value("lots")
    expect(page.locator("#result")).to_have_count(0)


def test_unusual_values_are_warned_of(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/simulate?example=1")
    page.locator("#monthly_income").fill("90000")
    page.locator("#years_under_manager").fill("30")
    page.get_by_role("button", name="Calculer le score").click()
    expect(page.locator("#result")).to_contain_text("Revenu mensuel : hors de l'étendue connue")
    expect(page.locator("#result")).to_contain_text("Années sous le responsable : ces années se contredisent")


def test_form_works_by_keyboard_alone(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/simulate?example=1")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.locator("#years_under_manager").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#result .score")).to_be_visible()
