"""Brings the compose file up from nothing, uses it as a newcomer does, restarts it, and takes it down.

Needs a Docker daemon. The images that it starts from are the public ones, or those that GO_IMAGE,
BASE_IMAGE and POSTGRES_IMAGE name.
"""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request

from programs import HELD_OUT, REPOSITORY, free_ports

UP_SECONDS = 1200
SCORED = [4, 5, 14, 21, 22]
REASONS = 3
PROJECT = f"futurisys-check-{secrets.token_hex(4)}"
PORT = free_ports(1)[0].rsplit(":", 1)[1]
WEB = f"http://127.0.0.1:{PORT}"


def compose(*arguments: str) -> str:
    """Run Compose on a project of its own and return what it prints."""
    environment = {
        **os.environ,
        "GATEWAY_PORT": PORT,
        "DOCKER_BUILDKIT": "1",
        "COMPOSE_DOCKER_CLI_BUILD": "1",
    }
    done = subprocess.run(
        ["docker", "compose", "--project-name", PROJECT, *arguments],
        cwd=REPOSITORY,
        env=environment,
        timeout=UP_SECONDS,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"docker compose {' '.join(arguments)} failed: {done.stdout}")
    return done.stdout


def call(path: str, body: dict | None = None) -> dict:
    """Answer of the gateway."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(WEB + path, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def check(what: str, *, so: bool) -> None:
    """Stop when something is not so."""
    if not so:
        raise SystemExit(f"not so: {what}")
    print("ok:", what)


def check_hardening() -> None:
    """No program runs as root, may write to its root, or has a shell to fall back on."""
    for name in ("persistence", "inference", "gateway"):
        container = compose("ps", "--quiet", name).strip()
        inspected = subprocess.run(
            ["docker", "inspect", container], capture_output=True, text=True, check=True
        ).stdout
        found = json.loads(inspected)[0]
        check(f"{name} runs as 65532", so=found["Config"]["User"] == "65532:65532")
        check(f"{name} has a read-only root", so=found["HostConfig"]["ReadonlyRootfs"])
        check(f"{name} is healthy", so=found["State"]["Health"]["Status"] == "healthy")


def use() -> None:
    """Do what the README says, and find it again after a restart."""
    people = len(HELD_OUT.read_text(encoding="utf-8").splitlines()) - 1
    check("the sample employees are on record", so=call("/v1/employees?pageSize=1")["totalSize"] == people)
    scored = call(
        "/v1/models/attrition:predictEmployees", {"employeeIds": SCORED, "explain": {"top": REASONS}}
    )
    first = scored["results"][0]["prediction"]
    check("all are scored", so=scored["predictedCount"] == len(SCORED))
    check("and on record", so=first["recording"] == "RECORDING_RECORDED")
    check("with reasons", so=len(first["explanation"]["contributions"]) == REASONS)
    compose("restart", "persistence", "inference", "gateway")
    compose("up", "--detach", "--wait")
    kept = call("/v1/predictions/" + first["id"])
    check("after a restart it is there", so=kept["probability"] == first["probability"])
    check("nobody was imported twice", so=call("/v1/employees?pageSize=1")["totalSize"] == people)


def main() -> None:
    """Up, use, down."""
    start = time.monotonic()
    try:
        compose("up", "--build", "--detach", "--wait")
        print(f"up in {time.monotonic() - start:.0f} s")
        check_hardening()
        use()
    except BaseException:
        print(compose("logs", "--tail", "50"), file=sys.stderr)
        raise
    finally:
        compose("down", "--volumes", "--timeout", "20")
    print(f"all is well, in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
