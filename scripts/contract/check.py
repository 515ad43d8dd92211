"""Judges the REST API from outside: an OpenAPI validator, and schemathesis on the running gateway.

Starts the three programs of bin/ on free loopback ports with SQLite and the
held-out employees, then has schemathesis make requests from the document, good
ones and bad ones. Fails on any 5xx, and on any answer that the document does not
describe: status, content type, schema.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from openapi_spec_validator import validate
from openapi_spec_validator.validation.validators import OpenAPIV31SpecValidator

from programs import START_SECONDS, Programs

EXAMPLES = os.environ.get("CONTRACT_EXAMPLES", "60")


def main() -> None:
    """Validate the document, then run schemathesis."""
    with tempfile.TemporaryDirectory() as scratch, Programs(Path(scratch)) as programs:
        programs.import_held_out()
        with urllib.request.urlopen(f"{programs.web}/openapi.json", timeout=START_SECONDS) as answer:
            document = json.load(answer)
        validate(document, cls=OpenAPIV31SpecValidator)
        print(f"openapi-spec-validator: OpenAPI {document['openapi']}, {len(document['paths'])} paths, valid")
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "--config-file",
                Path(__file__).with_name("schemathesis.toml"),
                "run",
                f"{programs.web}/openapi.json",
                "--max-examples",
                EXAMPLES,
                "--seed",
                os.environ.get("SEED", "1"),
                "--request-timeout",
                "30",
                "--workers",
                "1",
                "--suppress-health-check",
                "all",
            ],
            cwd=scratch,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},  # of the hooks
            check=False,
        )
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
