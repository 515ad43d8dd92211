"""Judges the REST API from outside: an OpenAPI validator, and schemathesis on the running gateway.

Starts the three programs of bin/ on free loopback ports with SQLite and the
held-out employees, then has schemathesis make requests from the document, good
ones and bad ones. Fails on any 5xx, and on any answer that the document does not
describe: status, content type, schema.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from openapi_spec_validator import validate
from openapi_spec_validator.validation.validators import OpenAPIV31SpecValidator

REPOSITORY = Path(__file__).parents[2]
HELD_OUT = REPOSITORY / "scripts/training/data/X_test.csv"
START_SECONDS = 30
EXAMPLES = os.environ.get("CONTRACT_EXAMPLES", "60")


def free_ports(count: int) -> list[str]:
    """Loopback addresses that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Stack:
    """The three programs."""

    def __init__(self, folder: Path) -> None:
        """A stack that keeps its data in this folder."""
        ports = free_ports(6)
        self.web = f"http://{ports[0]}"
        self.folder = folder
        self.ready = {
            "persistence": f"http://{ports[5]}",
            "inference": f"http://{ports[3]}",
            "gateway": self.web,
        }
        self.environment = {
            **os.environ,
            "GATEWAY_HTTP_ADDR": ports[0],
            "GATEWAY_ADMIN_ADDR": ports[1],
            "INFERENCE_GRPC_ADDR": ports[2],
            "INFERENCE_TARGET": ports[2],
            "INFERENCE_ADMIN_ADDR": ports[3],
            "PERSISTENCE_GRPC_ADDR": ports[4],
            "PERSISTENCE_TARGET": ports[4],
            "PERSISTENCE_ADMIN_ADDR": ports[5],
            "DATABASE_URL": f"sqlite:{folder}/contract.db",
            "MODEL_REPOSITORY": str(REPOSITORY / "deploy/models"),
        }
        self.processes: list[subprocess.Popen] = []

    def __enter__(self) -> "Stack":
        """Start, and wait until all are ready; what was started is stopped if one is not."""
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        for name, url in self.ready.items():
            with (self.folder / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(
                    [REPOSITORY / "bin" / name],
                    env=self.environment,
                    cwd=self.folder,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            self.processes.append(process)
            self._await(name, url + "/readyz")

    def __exit__(self, *_: object) -> None:
        """Stop all."""
        for process in reversed(self.processes):
            process.terminate()
            process.wait(START_SECONDS)

    def _await(self, name: str, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{name} is not ready: {(self.folder / f'{name}.log').read_text()}")

    def import_held_out(self) -> None:
        """Put the held-out employees on record."""
        boundary = secrets.token_hex(8)
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="joined"; filename="X_test.csv"\r\n\r\n'
        ).encode()
        body += HELD_OUT.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        request = urllib.request.Request(
            f"{self.web}/v1/employees:import",
            data=body,
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            print("imported:", json.load(answer)["createdCount"])


def main() -> None:
    """Validate the document, then run schemathesis."""
    with tempfile.TemporaryDirectory() as scratch, Stack(Path(scratch)) as stack:
        stack.import_held_out()
        with urllib.request.urlopen(f"{stack.web}/openapi.json", timeout=START_SECONDS) as answer:
            document = json.load(answer)
        validate(document, cls=OpenAPIV31SpecValidator)
        print(f"openapi-spec-validator: OpenAPI {document['openapi']}, {len(document['paths'])} paths, valid")
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "--config-file",
                Path(__file__).with_name("schemathesis.toml"),
                "run",
                f"{stack.web}/openapi.json",
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
            check=False,
        )
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
