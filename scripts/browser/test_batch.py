import http.client
import json
import re
import time
import urllib.request

from conftest import text_file
from playwright.sync_api import expect

from programs import HELD_OUT


def test_file_is_checked_scored_and_found_again(open_page, programs, tmp_path):
    page = open_page(programs)
    lines = HELD_OUT.read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    bad = lines[3].split(",")
    bad[header.index("poste")] = "Astronaute"
    short = ",".join(lines[4].split(",")[:-2])
    file = text_file(tmp_path, "lot.csv", "\n".join([*lines[:3], ",".join(bad), short, *lines[5:20]]))
    page.goto("/ui/batch")
    page.get_by_label("Fichier").set_input_files(file)
    page.get_by_role("button", name="Vérifier").click()
    checked = page.locator("#checked")
    expect(checked).to_contain_text("17 lignes peuvent être calculées.")
    expect(checked).to_contain_text("2 lignes n'ont pas de score")
    expect(checked).to_contain_text("Ligne 4")
    expect(checked).to_contain_text("valeur inconnue du modèle ; valeurs admises")
    expect(checked).to_contain_text("Ligne 5")
    # The file is still chosen: nothing is to be looked for again.
    page.get_by_role("button", name="Calculer les scores").click()
    expect(page.get_by_text("17 scores calculés.")).to_be_visible()
    expect(page.locator(".failure")).to_contain_text("Ligne 4")
    page.get_by_role("link", name="Voir les résultats").click()
    expect(page.locator("tbody tr")).to_have_count(17)
    expect(page.locator("tbody tr").first).to_contain_text("Ligne 2 (n° ")
    batch = re.search(r"/ui/batches/([0-9a-f-]+)", page.url).group(1)
    page.goto(f"/ui/history?batch={batch}")
    expect(page.get_by_text("17 scores")).to_be_visible()


def test_file_that_cannot_be_used(open_page, programs, tmp_path):
    text, said = 'poste,"departement\n', "ce n'est pas du CSV"
    page = open_page(programs)
    page.goto("/ui/batch")
    page.get_by_label("Fichier").set_input_files(text_file(tmp_path, "lot.csv", text))
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("alert")).to_contain_text(said)
    page.get_by_role("button", name="Calculer les scores").click()
    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(page.get_by_role("heading", level=1)).to_have_text("Lot depuis un fichier")


def ten_thousand_lines() -> list[str]:
    """A header and the held-out people again and again, with numbers of their own."""
    lines = HELD_OUT.read_text(encoding="utf-8").splitlines()
    people = (line.split(",", 1)[1] for line in lines[1:] * 35)
    return [
        lines[0],
        *(f"{number},{person}" for number, person in zip(range(1, 10_001), people, strict=False)),
    ]


def test_leaving_the_page_stops_the_work(programs):
    file = "\n".join(ten_thousand_lines())
    boundary = "a-boundary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="lot.csv"\r\n\r\n'
    body = f"{head}{file}\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection(programs.web.removeprefix("http://"), timeout=30)
    connection.request(
        "POST", "/ui/batch/score", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    answer = connection.getresponse()
    seen = b""
    while b'value="250"' not in seen:
        seen += answer.read1()
    connection.sock.close()
    answer.close()

    def recorded() -> int:
        with urllib.request.urlopen(f"{programs.web}/v1/predictions?pageSize=1", timeout=10) as page:
            return json.load(page)["totalSize"]

    before, now = -1, recorded()
    while before != now:
        time.sleep(0.5)
        before, now = now, recorded()
    assert 250 <= now < 10_000


def test_ten_thousand_lines(open_page, programs, tmp_path):
    page = open_page(programs)
    lines = ten_thousand_lines()
    page.goto("/ui/batch")
    page.get_by_label("Fichier").set_input_files(text_file(tmp_path, "lot.csv", "\n".join(lines)))
    page.get_by_role("button", name="Calculer les scores").click()
    page.wait_for_url("**/ui/batches/*", timeout=60_000)
    expect(page.locator("tbody tr")).to_have_count(50)
    page.goto("/ui/batch")
    page.get_by_label("Fichier").set_input_files(
        text_file(tmp_path, "lot.csv", "\n".join([*lines, lines[1]]))
    )
    page.get_by_role("button", name="Calculer les scores").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("Le fichier a plus de 10.000 lignes"))
