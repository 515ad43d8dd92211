"""From the three extracts to a model package: `python -m futurisys_training`."""

import argparse
import os
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from . import evaluate, extracts, package
from .additive import AdditiveModel, Encoding
from .evaluate import CrossValidation
from .features import INPUTS

TRAINING = Path(__file__).parents[1]
REPOSITORY = TRAINING.parents[1]
SEED = 42
VERSION = "1.0.0"
LIBRARIES = ("numpy", "pandas", "scikit-learn", "onnx", "onnxruntime")

# What version 1 must reach by cross-validation before it is packaged.
REQUIRED = {"roc_auc": 0.85, "average_precision": 0.66, "f1": 0.61}
REQUIRED_BRIER = 0.089


def main() -> None:
    """Train and write; prints what it does and what it reached."""
    parser = argparse.ArgumentParser(prog="futurisys_training", description=__doc__)
    parser.add_argument("--data", type=Path, default=TRAINING / "data", help="folder of the extracts")
    parser.add_argument(
        "--out", type=Path, default=REPOSITORY / "deploy/models/attrition/1", help="package's folder"
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        default=None,
        help="folder for X_test.csv, y_test.csv, scores.csv (default: --data)",
    )
    options = parser.parse_args()
    result = train(options.data, options.held_out or options.data)
    package.write(result, options.out)
    print(f"package: {options.out}")


def train(data: Path, held_out_folder: Path) -> package.Training:
    """Read, check, split, cross-validate, fit, verify the graph on every row."""
    joined = extracts.read(data)
    training, held_out = extracts.split(joined, SEED)
    extracts.write_held_out(held_out, held_out_folder)
    people, outcomes = extracts.profiles(training), extracts.outcome(training)
    held_people, held_outcomes = extracts.profiles(held_out), extracts.outcome(held_out)
    encoding = Encoding.of(people)
    rows = encoding.matrix(people)
    print(f"employees: {len(people)} to train on, {len(held_people)} held out")

    def fit(x: np.ndarray, y: np.ndarray):
        return AdditiveModel(encoding).fit(x, y).probability

    validation = evaluate.cross_validate(rows, outcomes, fit, SEED)
    for name, figure in validation.summary().items():
        print(f"{name}: {figure['mean']:.4f} ± {figure['sd']:.4f}")
    check(validation)

    model = AdditiveModel(encoding).fit(rows, outcomes)
    everyone = np.concatenate([rows, encoding.matrix(held_people)])
    difference = package.verify(model.to_onnx(), model, everyone)
    print(f"threshold: {validation.threshold:.2f}; graph within {difference:.1e} of the model")
    mean_score = validation.out_of_fold.mean(axis=0)
    held_probability = model.probability(encoding.matrix(held_people))
    extracts.write_scores(
        joined, model.probability(encoding.matrix(extracts.profiles(joined))), held_out_folder
    )
    return package.Training(
        version=VERSION,
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


def check(validation: CrossValidation) -> None:
    """Refuse a model that does not reach what it must."""
    summary = validation.summary()
    short = [name for name, least in REQUIRED.items() if summary[name]["mean"] < least]
    if summary["brier"]["mean"] > REQUIRED_BRIER:
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
