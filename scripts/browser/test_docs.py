import json
import urllib.request

from playwright.sync_api import Page, expect

# What another operation needs comes before it; what is deleted is deleted last.
FIRST = (
    "predict",
    "getPrediction",
    "setModelAlias",
    "rollbackModelAlias",
    "unloadModelVersion",
    "loadModelVersion",
)
LAST = ("importEmployees", "deleteEmployee")
# What cannot be undone has no example.
WITHOUT = ("eraseEmployee", "revokeKey")


def execute(page: Page, tag: str, operation: str, files: dict[str, str]) -> None:
    """Press Execute with what Swagger UI begins with."""
    block = page.locator(f"#operations-{tag}-{operation}")
    block.locator(".opblock-summary-control").click()
    for name, file in files.items():
        block.locator(f"tr[data-property-name={name}] input[type=file]").set_input_files(file)
    block.get_by_role("button", name="Execute").click()
    status = block.locator(".live-responses-table tbody .response-col_status").first
    expect(status, operation).to_contain_text("200")
    block.locator(".opblock-summary-control").click()


def set_alias(web: str, body: dict) -> None:
    request = urllib.request.Request(
        f"{web}/v1/models/attrition:setAlias", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


def test_every_operation_is_answered_as_swagger_ui_begins_with_it(open_page, programs, extracts):
    with urllib.request.urlopen(f"{programs.web}/openapi.json", timeout=10) as answer:
        paths = json.load(answer)["paths"]
    operations = {o["operationId"]: o["tags"][0] for methods in paths.values() for o in methods.values()}
    others = [name for name in operations if name not in FIRST + LAST + WITHOUT]
    set_alias(programs.web, {"alias": "candidate", "version": 1})  # there is something to roll back to
    page = open_page(programs)
    for number, name in enumerate([*FIRST, *others, *LAST]):
        if name == "unloadModelVersion":  # nothing may stand for the version any more
            set_alias(programs.web, {"alias": "challenger"})
        if number < 2:  # the document knows a prediction once there is one
            page.goto("/docs/")
        execute(page, operations[name], name, extracts if name == "importEmployees" else {})
