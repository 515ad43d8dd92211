import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from programs import HELD_OUT, Programs


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with Programs(tmp_path_factory.mktemp("demo"), demo=True) as running:
        yield running


def test_only_what_needs_no_database_is_there(open_page, demo):
    page = open_page(demo)
    page.goto("/")
    expect(page).to_have_url(re.compile("/ui/simulate$"))
    links = page.get_by_role("navigation", name="Navigation principale").get_by_role("link")
    assert links.all_inner_texts() == ["Simuler", "Lot", "Modèle"]
    for path in ("/ui/employees", "/ui/employees/4", "/ui/history", "/ui/import", "/ui/health"):
        assert page.goto(path).status == 404
        expect(page.get_by_role("heading", level=1)).to_have_text("Page introuvable")


def test_form_is_scored_and_not_kept(open_page, demo):
    page = open_page(demo)
    page.goto("/ui/simulate?example=1")
    page.get_by_role("button", name="Calculer le score").click()
    expect(page.locator("#result")).to_contain_text("Ce score n'est pas conservé.")


def test_batch_stands_on_the_page_and_in_a_file(open_page, demo):
    page = open_page(demo)
    page.goto("/ui/batch")
    page.get_by_label("Fichier").set_input_files(HELD_OUT)
    page.get_by_role("button", name="Calculer les scores").click()
    expect(page.get_by_text("294 scores calculés.")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(294)
    with page.expect_download() as download:
        page.get_by_role("link", name="Exporter").click()
    lines = download.value.path().read_bytes().decode("utf-8").removeprefix("\ufeff").splitlines()
    assert len(lines) == 295
    assert lines[1].startswith("Ligne 2 (n° 4);")


def test_model_is_shown(open_page, demo):
    page = open_page(demo)
    page.goto("/ui/model")
    expect(page.locator("#threshold-figures")).to_contain_text("Précision")
    expect(page.locator("main")).not_to_contain_text("salariés)")


def test_other_sites_change_nothing(demo):
    for path in (
        "/ui/settings",
        "/ui/simulate",
        "/ui/batch/score",
        "/ui/model/alias",
        "/v1/models/attrition:predict",
    ):
        request = urllib.request.Request(
            demo.web + path,
            data=b"{}",
            headers={"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"},
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 403
