"""The committed packages are what the training makes, and they are what they say they are."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from futurisys_training import __main__ as command
from futurisys_training import evaluate, extracts, package

DATA = Path(__file__).parents[1] / "data"
COMMITTED = Path(__file__).parents[3] / "deploy/models/attrition"


@dataclass(frozen=True)
class Trained:
    number: int
    release: command.Release
    result: package.Training
    fresh: Path

    @property
    def committed(self) -> Path:
        return COMMITTED / str(self.number)


@pytest.fixture(scope="session", params=command.RELEASES)
def trained(request, tmp_path_factory):
    release = command.RELEASES[request.param]
    folder = tmp_path_factory.mktemp("package")
    result = command.train(DATA, release)
    package.write(result, folder)
    return Trained(request.param, release, result, folder)


def digests(folder: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}


def test_training_twice_gives_the_same_package(trained, tmp_path):
    package.write(command.train(DATA, trained.release), tmp_path)
    assert digests(trained.fresh) == digests(tmp_path)


def test_committed_package_is_this_training(trained):
    fresh = json.loads((trained.fresh / "golden.json").read_text())
    golden = json.loads((trained.committed / "golden.json").read_text())
    assert len(golden["rows"]) >= 64
    assert sum("contributions" in row for row in golden["rows"]) == 16
    assert [r["name"] for r in fresh["rows"]] == [r["name"] for r in golden["rows"]]
    for ours, theirs in zip(fresh["rows"], golden["rows"], strict=True):
        assert ours["profile"] == theirs["profile"]
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-6)
    manifest = json.loads((trained.committed / "manifest.json").read_text())
    assert manifest["version"] == trained.release.version
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((trained.committed / name).read_bytes()).hexdigest() == digest
    for name, figure in manifest["metrics"].items():
        fresh_figure = trained.result.validation.summary()[name]["mean"]
        assert figure["mean"] == pytest.approx(fresh_figure, abs=1e-3)


def test_committed_scores_are_this_model(trained, tmp_path):
    command.write_scores(trained.result, DATA, tmp_path / "scores.csv")
    fresh = pd.read_csv(tmp_path / "scores.csv", index_col="id_employee")["probability"]
    scores = pd.read_csv(DATA / f"scores_{trained.number}.csv", index_col="id_employee")["probability"]
    assert len(scores) == 1470
    assert np.abs(scores - fresh).max() < 1e-6


def test_committed_held_out_is_this_split(tmp_path):
    command.write_held_out(DATA, tmp_path)
    for name in ("X_test.csv", "y_test.csv"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_committed_graph_answers_as_the_model(trained):
    session = onnxruntime.InferenceSession(trained.committed / "model.onnx")
    assert [(i.name, i.type) for i in session.get_inputs()] == [("features", "tensor(float)")]
    assert [(o.name, o.type) for o in session.get_outputs()] == [("probability", "tensor(float)")]
    rows = trained.result.encoding.matrix(extracts.profiles(extracts.read(DATA)))
    (answered,) = session.run(None, {"features": rows.astype(np.float32)})
    assert answered.shape == (1470,)
    assert np.abs(answered - trained.result.model.probability(rows)).max() < 1e-5


def test_figures_reach_what_they_must_without_protected_attributes(trained):
    command.check(trained.release, trained.result.validation)
    inputs = {f.name for f in trained.result.encoding.features}
    assert not inputs & {"age", "gender", "marital_status"}


def test_champion_reaches_what_the_design_demands():
    champion = command.RELEASES[1]
    assert champion.least == {"roc_auc": 0.85, "average_precision": 0.66, "f1": 0.61}
    assert champion.most_brier == 0.089


def test_poor_model_is_not_packaged(trained):
    validation = trained.result.validation
    poor = evaluate.CrossValidation({**validation.scores, "roc_auc": [0.7]}, validation.out_of_fold, 0.5)
    with pytest.raises(SystemExit, match="roc_auc"):
        command.check(trained.release, poor)


def test_contributions_add_up_to_the_margin(trained):
    golden = json.loads((trained.committed / "golden.json").read_text())
    for row in golden["rows"]:
        if "contributions" not in row:
            continue
        margin = golden["base_value"] + sum(row["contributions"].values())
        assert 1 / (1 + np.exp(-margin)) == pytest.approx(row["probability"], abs=1e-9)
    rows = trained.result.encoding.matrix(trained.result.people)[:50]
    base_value, contributions = trained.result.model.explain(rows[:5], rows)
    total = base_value + contributions.sum(axis=1)
    assert np.abs(total - trained.result.model.margin(rows[:5])).max() < 1e-9


def test_unknown_category_is_an_error_not_a_zero_row(trained):
    one = trained.result.people.iloc[:1].assign(department="Nowhere")
    with pytest.raises(ValueError, match="department"):
        trained.result.encoding.matrix(one)


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
