"""Publish a package on a Hub and tag it: `python -m futurisys_training.push ORG/NAME PACKAGE`.

Refused: a dirty tree (the card would name a commit that did not make it), a tag
that exists (a version never changes), a package that the service itself would not
serve. HF_ENDPOINT and HF_TOKEN are those of huggingface_hub.
"""

import argparse
import json
import subprocess
from pathlib import Path

from huggingface_hub import HfApi

from .package import PACKAGE_FILES

REPOSITORY = Path(__file__).parents[3]


class RefusedError(Exception):
    """Why a package is not published."""


def main() -> None:
    """Read the arguments and publish; prints the tag and its commit."""
    parser = argparse.ArgumentParser(prog="futurisys_training.push", description=__doc__)
    parser.add_argument("repository", help="the Hub's repository, org/name; made if it is not there")
    parser.add_argument("package", type=Path, help="folder of the package")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument(
        "--inference", type=Path, default=REPOSITORY / "bin/inference", help="the program that judges it"
    )
    options = parser.parse_args()
    try:
        check_clean(REPOSITORY)
        check_admission(options.inference, options.package)
        tag, commit = publish(HfApi(), options.repository, options.package, private=options.private)
    except RefusedError as refused:
        raise SystemExit(f"not published: {refused}") from None
    print(f"published {options.repository}@{tag}, commit {commit}")


def check_clean(repository: Path) -> None:
    """Refuse a tree with changes that are not committed."""
    changes = subprocess.run(
        ["git", "-C", str(repository), "status", "--porcelain"], capture_output=True, text=True, check=True
    ).stdout
    if changes:
        raise RefusedError(f"the tree has changes that are not committed:\n{changes.rstrip()}")


def check_admission(inference: Path, package: Path) -> None:
    """Refuse what the service would refuse, by asking it."""
    if not inference.exists():
        raise RefusedError(f"{inference} is needed to judge the package: run `make build`")
    judged = subprocess.run(
        [str(inference), "check", str(package)], capture_output=True, text=True, check=False
    )
    if judged.returncode != 0:
        raise RefusedError(f"the service would refuse it: {judged.stderr.strip()}")


def publish(api: HfApi, repository: str, package: Path, *, private: bool) -> tuple[str, str]:
    """Commit the package's files and tag the commit; returns tag and commit."""
    manifest = json.loads((package / "manifest.json").read_text(encoding="utf-8"))
    tag = f"model-v{manifest['version']}"
    api.create_repo(repository, private=private, exist_ok=True)
    if tag in {ref.name for ref in api.list_repo_refs(repository).tags}:
        raise RefusedError(f"{repository} has the tag {tag}: a version never changes, raise it")
    commit = api.upload_folder(
        repo_id=repository,
        folder_path=package,
        allow_patterns=list(PACKAGE_FILES),
        commit_message=f"{manifest['name']} {manifest['version']}",
    ).oid
    api.create_tag(repository, tag=tag, revision=commit)
    return tag, commit


if __name__ == "__main__":
    main()
