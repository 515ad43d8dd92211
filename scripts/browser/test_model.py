import re

from playwright.sync_api import expect


def test_card_figures_and_threshold(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/model")
    expect(page.locator("main")).to_contain_text("Aire sous la courbe ROC")
    expect(page.locator("main")).to_contain_text(re.compile(r"0,8\d\d ± 0,0\d\d"))
    expect(page.get_by_role("heading", name="Limits")).to_be_visible()
    expect(page.get_by_role("img", name="Importance des champs").locator("rect")).to_have_count(24)
    figures = page.locator("#threshold-figures")
    slider = page.get_by_label(re.compile("^Seuil"))
    slider.focus()
    slider.press("Home")
    expect(figures).to_contain_text("5 %")
    expect(figures).to_contain_text(re.compile(r"environ 1\d\d sur 294 salariés"))
    slider.press("End")
    expect(figures).to_contain_text("95 %")
    expect(figures).to_contain_text("modèle : 32 %")


def test_swap_and_roll_back(open_page, programs):
    page = open_page(programs, locale="en-GB")
    page.goto("/ui/model")
    page.get_by_role("link", name="Put into use 2").click()
    expect(page.get_by_text("It will stand for version 2")).to_be_visible()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Reason").fill("to compare")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/ui/model#versions")
    expect(page.locator("main")).to_contain_text("2 (2.0.0)")
    page.goto("/ui/employees/4")
    page.get_by_role("button", name="Score now").click()
    expect(page.get_by_text("attrition/2").first).to_be_visible()
    page.goto("/ui/model")
    page.get_by_role("link", name="Go back to the version before").click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/ui/model#versions")
    page.get_by_text("Journal of changes").click()
    expect(page.locator("main")).to_contain_text("champion: 1 → 2 Ada to compare".replace(":", " :"))
    page.goto("/ui/employees/4")
    page.get_by_role("button", name="Score now").click()
    # Both versions on one line, each change marked.
    chart = page.get_by_role("img", name="Scores over time")
    expect(chart).to_contain_text("attrition/1")
    expect(chart).to_contain_text("attrition/2")


def test_version_that_is_not_there(open_page, programs):
    page = open_page(programs)
    assert page.goto("/ui/model/alias?alias=champion&version=99").status == 404
    expect(page.get_by_role("alert")).to_contain_text("Cette version du modèle n'existe pas")
    assert page.goto("/ui/model/alias?alias=champion&version=x").status == 404
    assert page.goto("/ui/model/curve?feature=nothing").status == 404
