"""What holds for every screen: accessibility, policy, size, phone; and the pictures of the documentation."""

import gzip
import os
import re
import urllib.request
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

SCREENS = {
    "employees": "/ui/employees",
    "employee": "/ui/employees/4",
    "edit": "/ui/employees/4/edit",
    "simulate": "/ui/simulate?example=1",
    "batch": "/ui/batch",
    "import": "/ui/import",
    "history": "/ui/history",
    "model": "/ui/model",
    "alias": "/ui/model/alias?alias=champion&version=2",
    "curve": "/ui/model/curve?feature=monthly_income&at=4000",
    "health": "/ui/health",
    "not_found": "/ui/nothing",
}
PICTURES = os.environ.get("SCREENSHOTS", "")


@pytest.fixture(scope="module")
def scored(programs):
    """The programs, everybody scored, and the path of the results."""
    request = urllib.request.Request(
        f"{programs.web}/ui/employees/score",
        data=b"which=all",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return re.search(r"/ui/batches/[0-9a-f-]+", answer.read().decode()).group(0)


def dress(page, programs, language, theme):
    page.context.add_cookies(
        [
            {"name": name, "value": value, "url": f"{programs.web}/ui/"}
            for name, value in (("language", language), ("theme", theme))
        ]
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_nothing(open_page, programs, scored, language, theme):
    page = open_page(programs)
    dress(page, programs, language, theme)
    found = {}
    for name, path in {**SCREENS, "results": scored}.items():
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        if name == "employee":
            page.locator("#what-if-overtime").select_option("false")
            expect(page.locator("#what-if-result svg")).to_be_visible()
        for closed in page.locator("details").all():
            closed.locator("summary").click()
        results = Axe().run(page)
        if results.violations_count:
            found[name] = results.generate_report()
    page.goto("/ui/simulate")
    page.locator("button.main").click()
    expect(page.get_by_role("alert")).to_be_visible()
    results = Axe().run(page)
    if results.violations_count:
        found["mistakes"] = results.generate_report()
    assert found == {}


def test_settings_are_kept(open_page, programs):
    page = open_page(programs)
    page.goto("/ui/history?risk_band=HIGH")
    page.get_by_role("button", name="EN", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("History of scores")
    expect(page).to_have_url(re.compile(r"/ui/history\?risk_band=HIGH$"))
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/ui/employees")
    expect(page.get_by_role("heading", level=1)).to_have_text("Employees")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("path", list(SCREENS.values()))
def test_pages_keep_to_themselves(programs, path):
    request = urllib.request.Request(programs.web + path, headers={"Accept-Language": "en"})
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as refused:
        answer = refused
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    text = answer.read().decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:", text)
    assert not re.search(
        r"https?://(?!www\.w3\.org)",
        re.sub(r"<section class=\"card card-text\".*?</section>", "", text, flags=re.DOTALL),
    )


def test_first_page_is_small(programs):
    page = urllib.request.urlopen(f"{programs.web}/ui/employees", timeout=10).read()
    total = len(gzip.compress(page))
    for asset in re.findall(rb'(?:src|href)="(/ui/static/[^"]+)"', page):
        request = urllib.request.Request(programs.web + asset.decode(), headers={"Accept-Encoding": "gzip"})
        total += len(urllib.request.urlopen(request, timeout=10).read())
    print(f"first page: {total / 1000:.1f} kB compressed, with its style and scripts")
    assert total < 100_000


def test_phone(open_page, programs, scored):
    page = open_page(programs, viewport={"width": 360, "height": 740})
    for path in [*SCREENS.values(), scored]:
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path


@pytest.mark.parametrize(("name", "theme"), [("results", "light"), ("employee", "dark"), ("model", "light")])
def test_pictures(open_page, programs, scored, tmp_path, name, theme):
    folder = Path(PICTURES) if PICTURES else tmp_path
    page = open_page(programs, viewport={"width": 1280, "height": 860})
    dress(page, programs, "fr", theme)
    page.goto({**SCREENS, "results": scored}[name])
    picture = folder / f"{name}-{theme}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000
