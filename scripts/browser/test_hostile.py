"""What a hostile caller sends gets an answer that says what is wrong, never a fault of ours."""

import http.client

import pytest

FORM = "application/x-www-form-urlencoded"
NO_TEXT = "%ff"
BOUNDARY = "a-boundary"


def part(name: str, content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.csv"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


REQUESTS = {
    "bytes in a field": ("POST", "/ui/simulate", FORM, f"gender={NO_TEXT}", 400),
    "a zero byte in a name": ("POST", "/ui/employees/4/edit", FORM, "display_name=%00", 400),
    "bytes in a filter": ("POST", "/ui/employees/score", FORM, f"which=all&filter_search={NO_TEXT}", 400),
    "a number too great": ("POST", "/ui/employees/score", FORM, "id=99999999999", 400),
    "an escape cut off": ("POST", "/ui/settings", FORM, "language=%", 400),
    "many ids": ("POST", "/ui/employees/score", FORM, "&".join(f"id={n}" for n in range(1, 10_002)), 400),
    "JSON for a form": ("POST", "/ui/simulate", "application/json", "{}", 400),
    "a form of another kind": ("POST", "/ui/batch/score", FORM, "file=x", 400),
    "a form cut off": (
        "POST",
        "/ui/batch/check",
        f"multipart/form-data; boundary={BOUNDARY}",
        "--a-boundary\r\n",
        400,
    ),
    "a program as a file": (
        "POST",
        "/ui/batch/score",
        f"multipart/form-data; boundary={BOUNDARY}",
        part("file", b"\x7fELF\x00\xff" * 100),
        400,
    ),
    "a file too large": (
        "POST",
        "/ui/batch/check",
        f"multipart/form-data; boundary={BOUNDARY}",
        17 << 20,
        413,
    ),
    "an alias that is none": ("POST", "/ui/model/alias", FORM, "alias=';--&version=1", 400),
    "a name too long": (
        "POST",
        "/ui/model/alias",
        FORM,
        f"alias=challenger&version=2&changed_by={'a' * 300}",
        400,
    ),
    "a path that climbs": ("GET", "/ui/static/..%2f..%2fdashboard.go", "", "", 404),
    "a list of files": ("GET", "/ui/static/", "", "", 404),
    "a threshold that is none": ("GET", "/ui/model?threshold=NaN", "", "", 200),
    "bytes in a query": ("GET", f"/ui/employees?search={NO_TEXT}", "", "", 400),
    "a version below none": ("GET", "/ui/model/curve?feature=job_title&version=-1", "", "", 404),
    "a token of another list": ("GET", "/ui/history?page_token=eyJ4IjoxfQ", "", "", 400),
    "a service that is none": ("GET", "/ui/alive?service=../etc", "", "", 404),
    "a language that is none": ("GET", "/ui/simulate?" + "x" * 5000, "", "", 200),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_hostile_request(programs, name):
    method, path, kind, body, code = REQUESTS[name]
    connection = http.client.HTTPConnection(programs.web.removeprefix("http://"), timeout=30)
    headers = {"Content-Type": kind} if kind else {}
    headers["Cookie"] = "language=%22<script>; theme=<svg>"
    if isinstance(body, int):  # what is said to come is enough
        headers["Content-Length"] = str(body)
        body = b""
    connection.request(method, path, body if isinstance(body, bytes) else body.encode(), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == code, text[:500]
    assert "<script>" not in text
    assert "<svg>" not in text
    assert "panic" not in (programs.folder / "gateway.log").read_text()
