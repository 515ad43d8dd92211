"""Measures this project's explanation of boosted trees beside the C code of Python's `shap`.

The same model (version 2, trained again: the training is deterministic), the same
background and the same rows, one core each, rounds in turn; prints the median time
of a row, and how far apart the two are. Called by `make bench-explain`.
"""

import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import shap
from futurisys_training import extracts
from futurisys_training.__main__ import SEED, TRAINING
from futurisys_training.boosted import BoostedModel
from futurisys_training.encoding import Encoding

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "deploy/models/attrition/2"
EXPLAIN = "./services/inference/internal/explain"
ROUNDS = 3
SECONDS = 2.0
AGREEMENT = 1e-5  # the graph's thresholds and leaves are float32
LINE = re.compile(r"BenchmarkExplain/(\w+)/(\w+)\S*\s.*?([\d.]+) ns/row")


def trained() -> BoostedModel:
    """The model of version 2, fitted as in the training."""
    training, _ = extracts.split(extracts.read(TRAINING / "data"), SEED)
    people = extracts.profiles(training)
    encoding = Encoding.of(people)
    return BoostedModel(encoding).fit(encoding.matrix(people), extracts.outcome(training))


def encoded(model: BoostedModel, profiles: list[dict]) -> np.ndarray:
    """The graph's rows of profiles."""
    return model.encoding.matrix(pd.DataFrame(profiles))


def time_of(explainer: shap.TreeExplainer, rows: np.ndarray) -> float:
    """Nanoseconds a row."""
    done, start = 0, time.perf_counter_ns()
    while time.perf_counter_ns() - start < SECONDS * 1e9:
        explainer.shap_values(rows, check_additivity=False)
        done += len(rows)
    return (time.perf_counter_ns() - start) / done


def build(folder: str) -> Path:
    """The Go package's benchmarks as a program."""
    program = Path(folder) / "explain.test"
    subprocess.run(["go", "test", "-c", "-o", program, EXPLAIN], cwd=REPOSITORY, check=True)
    return program


def go_times(program: Path) -> dict[str, float]:
    """Nanoseconds a row by benchmark, on one core."""
    done = subprocess.run(
        [program, "-test.run=^$", "-test.bench=Explain", "-test.cpu=1", f"-test.benchtime={SECONDS}s"],
        cwd=REPOSITORY / EXPLAIN,
        check=True,
        capture_output=True,
        text=True,
    )
    return {f"{name} {which}": float(figure) for name, which, figure in LINE.findall(done.stdout)}


def main() -> None:
    """Measure and print."""
    model = trained()
    golden = json.loads((PACKAGE / "golden.json").read_text())["rows"]
    background = encoded(model, json.loads((PACKAGE / "background.json").read_text())["profiles"])
    rows = encoded(model, [row["profile"] for row in golden])
    names = [feature.name for feature in model.encoding.features]
    explainer = shap.TreeExplainer(
        model._model,  # noqa: SLF001 - scikit-learn's own, which shap knows
        background,
        feature_perturbation="interventional",
        model_output="raw",
    )
    known = [number for number, row in enumerate(golden) if "contributions" in row]
    want = np.asarray([[golden[n]["contributions"][name] for name in names] for n in known])
    apart = float(np.abs(explainer.shap_values(rows[known], check_additivity=False) - want).max())
    if not apart < AGREEMENT:
        raise SystemExit(f"shap is {apart:.1e} from the package: not the same model")
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        for _ in range(ROUNDS):
            for name, figure in {**go_times(program), "shap golden": time_of(explainer, rows)}.items():
                figures.setdefault(name, []).append(figure)
    medians = {name: statistics.median(rounds) for name, rounds in figures.items()}
    print(f"{ROUNDS} rounds, median; {len(rows)} golden rows, {len(background)} background rows,", end=" ")
    print(f"800 trees of depth 2, one core of {os.cpu_count()}; shap {shap.__version__}")
    for name, figure in sorted(medians.items()):
        print(f"{name:16} {figure / 1000:9.1f} us a row")
    print(f"trees: {medians['shap golden'] / medians['tree golden']:.2f} times as fast as shap;", end=" ")
    print(f"shap and the package's golden contributions are {apart:.1e} apart")


if __name__ == "__main__":
    main()
