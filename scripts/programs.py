"""The three programs of bin/, started for a test on free loopback ports and stopped by process id."""

import json
import os
import secrets
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
HELD_OUT = REPOSITORY / "scripts/training/data/X_test.csv"
START_SECONDS = 30


def free_ports(count: int) -> list[str]:
    """Loopback addresses that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Programs:
    """Gateway, inference and, unless it is a demo, persistence on SQLite."""

    def __init__(
        self, folder: Path, *, demo: bool = False, environment: dict[str, str] | None = None
    ) -> None:
        """Programs that keep their data in this folder; environment is more of it for all."""
        ports = free_ports(6)
        self.web = f"http://{ports[0]}"
        self.folder = folder
        self.ready = {
            "persistence": f"http://{ports[5]}",
            "inference": f"http://{ports[3]}",
            "gateway": self.web,
        }
        if demo:
            del self.ready["persistence"]
        self.environment = {
            **os.environ,
            "ENVIRONMENT": "demo" if demo else "dev",
            "GATEWAY_HTTP_ADDR": ports[0],
            "GATEWAY_ADMIN_ADDR": ports[1],
            "INFERENCE_GRPC_ADDR": ports[2],
            "INFERENCE_TARGET": ports[2],
            "INFERENCE_ADMIN_ADDR": ports[3],
            "PERSISTENCE_GRPC_ADDR": ports[4],
            "PERSISTENCE_TARGET": ports[4],
            "PERSISTENCE_ADMIN_ADDR": ports[5],
            "DATABASE_URL": f"sqlite:{folder}/test.db",
            "MODEL_REPOSITORY": str(REPOSITORY / "deploy/models"),
            "MODEL_STATE_DIR": f"{folder}/models",
            "OUTBOX_DIR": f"{folder}/outbox",
            **(environment or {}),
        }
        self.processes: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "Programs":
        """Start, and wait until all are ready; what was started is stopped if one is not."""
        try:
            for name in self.ready:
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all."""
        for name in reversed(list(self.processes)):
            self.stop(name)

    def start(self, name: str) -> None:
        """Start one program and wait until it is ready."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [REPOSITORY / "bin" / name],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.ready[name]}/readyz", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{name} is not ready: {(self.folder / f'{name}.log').read_text()}")

    def stop(self, name: str) -> None:
        """Stop one program."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(START_SECONDS)

    def import_held_out(self) -> None:
        """Put the held-out employees on record."""
        self.import_files({"joined": HELD_OUT})

    def import_files(self, files: dict[str, Path]) -> None:
        """Put employees on record from the files of an import's form."""
        boundary = secrets.token_hex(8)
        body = b""
        for name, path in files.items():
            head = f'Content-Disposition: form-data; name="{name}"; filename="{path.name}"'
            body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + path.read_bytes() + b"\r\n"
        request = urllib.request.Request(
            f"{self.web}/v1/employees:import",
            data=body + f"--{boundary}--\r\n".encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            print("imported:", json.load(answer)["createdCount"])
