"""From the three extracts to the model packages: `python -m futurisys_training`."""

import argparse
import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from . import evaluate, extracts, package
from .additive import AdditiveModel
from .boosted import BoostedModel
from .encoding import Encoding
from .evaluate import CrossValidation
from .features import INPUTS

TRAINING = Path(__file__).parents[1]
REPOSITORY = TRAINING.parents[1]
SEED = 42
LIBRARIES = ("numpy", "pandas", "scikit-learn", "onnx", "onnxruntime")


@dataclass(frozen=True)
class Release:
    """A version, and what it must reach by cross-validation before it is packaged."""

    version: str
    model: type[AdditiveModel] | type[BoostedModel]
    least: dict[str, float]
    most_brier: float


# By the number of the package's folder.
RELEASES = {
    1: Release("1.0.0", AdditiveModel, {"roc_auc": 0.85, "average_precision": 0.66, "f1": 0.61}, 0.089),
    2: Release("2.0.0", BoostedModel, {"roc_auc": 0.84, "average_precision": 0.64, "f1": 0.58}, 0.093),
}


def main() -> None:
    """Train and write; prints what it does and what it reached."""
    parser = argparse.ArgumentParser(prog="futurisys_training", description=__doc__)
    parser.add_argument("--data", type=Path, default=TRAINING / "data", help="folder of the extracts")
    parser.add_argument(
        "--out", type=Path, default=REPOSITORY / "deploy/models/attrition", help="folder of the versions"
    )
    parser.add_argument("--only", type=int, choices=RELEASES, help="train this one alone")
    options = parser.parse_args()
    write_held_out(options.data, options.data)
    for number in [options.only] if options.only else RELEASES:
        result = train(options.data, RELEASES[number])
        package.write(result, options.out / str(number))
        write_scores(result, options.data, options.data / f"scores_{number}.csv")
        print(f"package: {options.out / str(number)}")


def write_held_out(data: Path, folder: Path) -> None:
    """Write X_test.csv and y_test.csv."""
    _, held_out = extracts.split(extracts.read(data), SEED)
    extracts.write_held_out(held_out, folder)


def write_scores(result: package.Training, data: Path, path: Path) -> None:
    """Write the model's own probability of every employee."""
    joined = extracts.read(data)
    rows = result.encoding.matrix(extracts.profiles(joined))
    extracts.write_scores(joined, result.model.probability(rows), path)


def train(data: Path, release: Release) -> package.Training:
    """Read, check, split, cross-validate, fit, verify the graph on every row."""
    joined = extracts.read(data)
    training, held_out = extracts.split(joined, SEED)
    people, outcomes = extracts.profiles(training), extracts.outcome(training)
    held_people, held_outcomes = extracts.profiles(held_out), extracts.outcome(held_out)
    encoding = Encoding.of(people)
    rows = encoding.matrix(people)
    print(f"version {release.version}: {len(people)} employees to train on, {len(held_people)} held out")

    def fit(x: np.ndarray, y: np.ndarray):
        return release.model(encoding).fit(x, y).probability

    validation = evaluate.cross_validate(rows, outcomes, fit, SEED)
    for name, figure in validation.summary().items():
        print(f"{name}: {figure['mean']:.4f} ± {figure['sd']:.4f}")
    check(release, validation)

    model = release.model(encoding).fit(rows, outcomes)
    everyone = np.concatenate([rows, encoding.matrix(held_people)])
    difference = package.verify(model.to_onnx(), model, everyone)
    print(f"threshold: {validation.threshold:.2f}; graph within {difference:.1e} of the model")
    mean_score = validation.out_of_fold.mean(axis=0)
    held_probability = model.probability(encoding.matrix(held_people))
    return package.Training(
        version=release.version,
        seed=SEED,
        commit=_git("log", "-1", "--format=%H", "--", str(TRAINING)),
        created=_created(),
        data_digest=extracts.digest(data),
        libraries={name: version(name) for name in LIBRARIES},
        people=people[[f.name for f in INPUTS]],
        outcomes=outcomes,
        encoding=encoding,
        model=model,
        validation=validation,
        subgroups=evaluate.subgroups(people, mean_score, outcomes, validation.threshold),
        held_out=evaluate.held_out(held_probability, held_outcomes, validation.threshold, SEED),
        held_out_count=len(held_people),
    )


def check(release: Release, validation: CrossValidation) -> None:
    """Refuse a model that does not reach what it must."""
    summary = validation.summary()
    short = [name for name, least in release.least.items() if summary[name]["mean"] < least]
    if summary["brier"]["mean"] > release.most_brier:
        short.append("brier")
    if short:
        raise SystemExit(f"not packaged, too poor: {', '.join(short)}")


def _created() -> str:
    """The time of the training code's last commit, so that two runs give the same package."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct", "--", str(TRAINING))
    moment = datetime.fromtimestamp(int(seconds) if seconds.isdigit() else 0, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
