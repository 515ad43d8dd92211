"""Where callers must be known: signing in by the keyboard, in French and English, and out again."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from programs import REPOSITORY, Programs


class Guarded(Programs):
    """The programs with AUTH=on, and a key of each role that is asked for."""

    def __init__(self, folder: Path) -> None:
        """Programs that keep their data, and keys, in this folder."""
        self.keys_file = folder / "keys.json"
        service = folder / "service.key"
        service.write_text(self.new_key("service", "futurisys"))
        # Before the programs start: they read the file again only after a moment.
        self.keys = {role: self.new_key(role) for role in ("analyst", "engineer", "auditor", "admin")}
        super().__init__(
            folder,
            environment={"AUTH": "on", "KEYS_FILE": str(self.keys_file), "SERVICE_KEY_FILE": str(service)},
        )

    def new_key(self, role: str, owner: str = "") -> str:
        """A key of a role."""
        return subprocess.run(
            [
                REPOSITORY / "bin/persistence",
                "keys",
                "create",
                "--name",
                f"Zoé ({role})",
                "--role",
                role,
                "--owner",
                owner or f"Zoé ({role})",
            ],
            env={**os.environ, "KEYS_FILE": str(self.keys_file)},
            cwd=self.keys_file.parent,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def create_employee(self, key: str) -> int:
        """Puts somebody on record, and returns the number."""
        request = urllib.request.Request(
            f"{self.web}/v1/employees",
            data=json.dumps({"displayName": "Ana", "profile": {"age": 40}}).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["id"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Programs whose callers must be known."""
    with Guarded(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.mark.parametrize(
    ("locale", "theme", "texts"),
    [
        ("fr-FR", "light", ("Clé d'accès", "Cette clé est inconnue", "Salariés", "Se déconnecter")),
        ("en-GB", "dark", ("Access key", "This key is not known", "Employees", "Sign out")),
    ],
)
def test_signing_in_by_the_keyboard(open_page, guarded, locale, theme, texts):
    """A wrong key, a good one, and out again; axe finds nothing on the way."""
    label, refused, section, sign_out = texts
    page = open_page(guarded, locale=locale, color_scheme=theme)
    page.goto("/ui/employees")
    assert page.url.endswith("/ui/sign-in?back=%2Fui%2Femployees")
    field = page.get_by_label(label)
    assert field.evaluate("field => field === document.activeElement")
    page.keyboard.type("fsk_nobody")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text(refused).wait_for()
    assert not Axe().run(page).response["violations"]
    page.keyboard.type(guarded.keys["analyst"])
    page.keyboard.press("Enter")
    page.get_by_role("link", name=section, exact=True).wait_for()
    assert page.url.endswith("/ui/employees")
    page.get_by_text("Zoé (analyst)").wait_for()
    assert not Axe().run(page).response["violations"]
    page.get_by_role("button", name=sign_out).focus()
    page.keyboard.press("Enter")
    page.get_by_label(label).wait_for()
    page.go_back()
    page.get_by_label(label).wait_for()


def test_a_reader_without_a_right_is_told(open_page, guarded):
    """An engineer sees no people, and is told so when he asks."""
    page = open_page(guarded)
    page.goto("/ui/sign-in")
    page.get_by_label("Clé d'accès").fill(guarded.keys["engineer"])
    page.get_by_role("button", name="Se connecter").click()
    page.get_by_role("link", name="Modèle", exact=True).wait_for()
    assert page.get_by_role("link", name="Salariés", exact=True).count() == 0
    page.goto("/ui/employees")
    page.get_by_text("Vous n'avez pas le droit de faire cela").wait_for()
    assert not Axe().run(page).response["violations"]


@pytest.mark.parametrize(
    ("locale", "theme", "texts"),
    [
        (
            "fr-FR",
            "dark",
            (
                "Numéro de salarié",
                "Le même numéro une seconde fois",
                "A effacé une personne",
                "est effacé",
                "Clé d'accès",
            ),
        ),
        (
            "en-GB",
            "light",
            ("Employee number", "The same number again", "Erased a person", "is erased", "Access key"),
        ),
    ],
)
def test_erasing_a_person_is_on_record(open_page, guarded, locale, theme, texts):
    """An administrator erases a person by the keyboard, and reads in the log that it was done."""
    number, again, action, erased, key = texts
    person = guarded.create_employee(guarded.keys["analyst"])
    page = open_page(guarded, locale=locale, color_scheme=theme)
    page.goto("/ui/sign-in?back=%2Fui%2Ferase")
    page.get_by_label(key).fill(guarded.keys["admin"])
    page.keyboard.press("Enter")
    page.get_by_label(number).fill(str(person))
    page.keyboard.press("Tab")
    page.keyboard.type("1" + str(person))
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert not Axe().run(page).response["violations"]
    page.get_by_label(again).fill(str(person))
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text(erased).wait_for()
    assert not Axe().run(page).response["violations"]
    page.goto(f"/ui/audit?employee={person}")
    page.get_by_role("cell", name=action).wait_for()
    page.get_by_label(number).fill("x")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert not Axe().run(page).response["violations"]


@pytest.mark.parametrize(
    ("locale", "theme", "texts"),
    [
        ("fr-FR", "light", ("Clé d'accès", "Usage", "Révoquer", "révoquée")),
        ("en-GB", "dark", ("Access key", "What it is for", "Revoke", "revoked")),
    ],
)
def test_keys_are_made_and_revoked(open_page, guarded, locale, theme, texts):
    """An administrator makes a key by the keyboard, sees its secret once, and revokes it."""
    key, name, revoke, revoked = texts
    page = open_page(guarded, locale=locale, color_scheme=theme)
    page.goto("/ui/sign-in?back=%2Fui%2Faccess")
    page.get_by_label(key).fill(guarded.keys["admin"])
    page.keyboard.press("Enter")
    page.get_by_label(name).fill(f"payroll {locale}")
    page.keyboard.press("Enter")
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("fsk_")
    assert not Axe().run(page).response["violations"]
    page.goto("/ui/access")
    assert page.locator("#secret").count() == 0
    row = page.get_by_role("row").filter(has_text=f"payroll {locale}")
    row.get_by_role("button", name=revoke).focus()
    page.keyboard.press("Enter")
    row.get_by_text(revoked).wait_for()
    assert not Axe().run(page).response["violations"]
