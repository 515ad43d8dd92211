"""The committed package is what the training makes, and it is what it says it is."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from futurisys_training import __main__ as command
from futurisys_training import evaluate, extracts, package

DATA = Path(__file__).parents[1] / "data"
COMMITTED = Path(__file__).parents[3] / "deploy/models/attrition/1"


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    result = command.train(DATA, folder)
    package.write(result, folder / "first")
    return result, folder


def digests(folder: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}


def test_training_twice_gives_the_same_package(trained, tmp_path):
    _, folder = trained
    package.write(command.train(DATA, tmp_path), tmp_path / "second")
    assert digests(folder / "first") == digests(tmp_path / "second")


def test_committed_package_is_this_training(trained):
    result, folder = trained
    fresh = json.loads((folder / "first/golden.json").read_text())
    golden = json.loads((COMMITTED / "golden.json").read_text())
    assert len(golden["rows"]) >= 64
    assert sum("contributions" in row for row in golden["rows"]) == 16
    assert [r["name"] for r in fresh["rows"]] == [r["name"] for r in golden["rows"]]
    for ours, theirs in zip(fresh["rows"], golden["rows"], strict=True):
        assert ours["profile"] == theirs["profile"]
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-6)
    manifest = json.loads((COMMITTED / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((COMMITTED / name).read_bytes()).hexdigest() == digest
    for name, figure in manifest["metrics"].items():
        assert figure["mean"] == pytest.approx(result.validation.summary()[name]["mean"], abs=1e-3)
    scores = pd.read_csv(DATA / "scores.csv", index_col="id_employee")["probability"]
    fresh_scores = pd.read_csv(folder / "scores.csv", index_col="id_employee")["probability"]
    assert len(scores) == 1470
    assert np.abs(scores - fresh_scores).max() < 1e-6


def test_committed_graph_answers_as_the_model(trained):
    result, _ = trained
    session = onnxruntime.InferenceSession(COMMITTED / "model.onnx")
    assert [(i.name, i.type) for i in session.get_inputs()] == [("features", "tensor(float)")]
    assert [(o.name, o.type) for o in session.get_outputs()] == [("probability", "tensor(float)")]
    rows = result.encoding.matrix(extracts.profiles(extracts.read(DATA)))
    (answered,) = session.run(None, {"features": rows.astype(np.float32)})
    assert answered.shape == (1470,)
    assert np.abs(answered - result.model.probability(rows)).max() < 1e-5


def test_figures_reach_what_they_must_without_protected_attributes(trained):
    result, _ = trained
    summary = result.validation.summary()
    assert summary["roc_auc"]["mean"] >= 0.85
    assert summary["average_precision"]["mean"] >= 0.66
    assert summary["f1"]["mean"] >= 0.61
    assert summary["brier"]["mean"] <= 0.089
    inputs = {f.name for f in result.encoding.features}
    assert not inputs & {"age", "gender", "marital_status"}


def test_poor_model_is_not_packaged(trained):
    result, _ = trained
    poor = evaluate.CrossValidation(
        {**result.validation.scores, "roc_auc": [0.7]}, result.validation.out_of_fold, 0.5
    )
    with pytest.raises(SystemExit, match="roc_auc"):
        command.check(poor)


def test_contributions_add_up_to_the_margin(trained):
    result, _ = trained
    golden = json.loads((COMMITTED / "golden.json").read_text())
    for row in golden["rows"]:
        if "contributions" not in row:
            continue
        margin = golden["base_value"] + sum(row["contributions"].values())
        assert 1 / (1 + np.exp(-margin)) == pytest.approx(row["probability"], abs=1e-9)
    rows = result.encoding.matrix(result.people)
    total = result.model.curves(rows).sum(axis=1) + result.model.intercept
    assert np.abs(total - result.model.margin(rows)).max() < 1e-12


def test_unknown_category_is_an_error_not_a_zero_row(trained):
    result, _ = trained
    one = result.people.iloc[:1].assign(department="Nowhere")
    with pytest.raises(ValueError, match="department"):
        result.encoding.matrix(one)


def test_threshold_is_the_best_on_its_grid():
    probability = np.array([0.1, 0.4, 0.35, 0.8])
    truth = np.array([0, 0, 1, 1])
    assert evaluate.best_threshold(probability, truth) == pytest.approx(0.11)
    figures = evaluate.at_threshold(probability, truth, 0.36)
    assert figures == {"precision": 0.5, "recall": 0.5, "f1": 0.5}


def test_calibration_error_of_a_perfect_and_of_a_blind_score():
    truth = np.array([0, 1] * 50)
    assert evaluate.calibration_error(truth.astype(float), truth) == 0
    assert evaluate.calibration_error(np.full(100, 0.9), truth) == pytest.approx(0.4)
