"""A browser on the real programs. Every page is watched: no error of a script, no request to elsewhere."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from programs import REPOSITORY, Programs

DATA = REPOSITORY / "scripts/training/data"
EXTRACTS = {name: DATA / f"{name}.csv" for name in ("extrait_sirh", "extrait_eval", "extrait_sondage")}
PATIENCE_MS = 10_000
QUIET = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: CHROMIUM, or the first on the path."""
    with sync_playwright() as playwright:
        names = ("chromium", "chromium-browser", "google-chrome")
        path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)))
        chromium = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """The programs with the held-out employees."""
    with Programs(tmp_path_factory.mktemp("programs")) as running:
        running.import_held_out()
        yield running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """The programs with nobody on record."""
    with Programs(tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest.fixture(scope="session")
def extracts() -> dict[str, Path]:
    """The three extracts of HR, by the names of the import's form."""
    return EXTRACTS


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages with a language, a theme and a window of their own; watches what they do."""
    contexts, faults = [], []

    def watch(page: Page, web: str) -> None:
        def on_request(request) -> None:
            if not request.url.startswith((web + "/", "data:", "blob:")):
                faults.append(f"a request left for {request.url}")

        def on_console(message) -> None:
            # A page that says what went wrong has its code: Chromium notes that too.
            if message.type == "error" and "Failed to load resource" not in message.text:
                faults.append(f"console: {message.text}")

        page.on("request", on_request)
        page.on("console", on_console)
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))

    def make(programs: Programs, *, locale: str = "fr-FR", **options: object) -> Page:
        context = browser.new_context(locale=locale, base_url=programs.web, **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        watch(page, programs.web)
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


def text_file(folder: Path, name: str, text: str) -> Path:
    """A file to upload."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
