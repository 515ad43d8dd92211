"""Leaves out of good requests what the document cannot say.

Values that only an earlier answer gives, and places of a request that must agree.
"""

import schemathesis
from schemathesis import GenerationMode

# Values that only an earlier answer gives.
ANSWERED = {"pageToken", "etag"}

# Kinds of predictions that nobody asks for: of a part of an enum generators make another one.
NOT_ASKED_FOR = {"PREDICTION_KIND_SHADOW", "PREDICTION_KIND_REPLAY"}


@schemathesis.hook
def before_call(_: object, case: schemathesis.Case, __: object) -> None:
    """Change what is sent as good: the bad is sent as it is."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    mend_address(case)
    if isinstance(case.body, dict):
        mend_body(case, case.body)


def mend_address(case: schemathesis.Case) -> None:
    """Change the path and the query."""
    query = case.query or {}
    (case.headers or {}).pop("If-Match", None)
    for name in ANSWERED:
        query.pop(name, None)
    if not query.get("model"):  # a version of which model
        query.pop("version", None)
    for name, value in (case.path_parameters or {}).items():
        if isinstance(value, float):  # 4.0 is an integer of JSON, and in a path none
            case.path_parameters[name] = int(value)


def mend_body(case: schemathesis.Case, body: dict) -> None:
    """Change the body."""
    if case.method == "PATCH":  # the path says who it is, and the etag what was read
        body.pop("id", None)
        body.pop("etag", None)
    if "profile" in body and "changes" in body:  # explain takes an employee or a row
        body.pop("employeeId", None)
    if body.get("alias"):  # one or the other
        body.pop("version", None)
    if body.get("kind") in NOT_ASKED_FOR:
        body.pop("kind")
    body.pop("references", None)  # as many as profiles
    if "Idempotency-Key" in (case.headers or {}):  # the two say the same
        body.pop("requestId", None)
