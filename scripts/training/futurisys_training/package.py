"""Writes a model package: graph, manifest, golden rows, background, reference profile, card."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from . import card, evaluate
from .additive import AdditiveModel
from .boosted import BoostedModel
from .encoding import Encoding
from .evaluate import CrossValidation

Model = AdditiveModel | BoostedModel

PACKAGE_FILES = (
    "model.onnx",
    "golden.json",
    "background.json",
    "reference_profile.json",
    "README.md",
    "manifest.json",
)
SCHEMA_VERSION = 1
BACKGROUND_ROWS = 100
GOLDEN_REAL_ROWS = 32
GOLDEN_CONTRIBUTIONS = 16
TOLERANCE = 1e-5
LATENCY_BUDGET_US = 2000
HORIZON_DAYS = 365
POSITIVE_LABEL = "leaves"
NEGATIVE_LABEL = "stays"


@dataclass(frozen=True)
class Training:
    """All that a package tells of one training."""

    version: str
    seed: int
    commit: str
    created: str
    data_digest: str
    libraries: dict[str, str]
    people: pd.DataFrame
    outcomes: np.ndarray
    encoding: Encoding
    model: Model
    validation: CrossValidation
    subgroups: list[dict[str, object]]
    held_out: dict[str, dict[str, float]]
    held_out_count: int


def verify(graph: onnx.ModelProto, model: Model, rows: np.ndarray) -> float:
    """The greatest difference between ONNX Runtime and the model on these rows; refused above 1e-5."""
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (answered,) = session.run(["probability"], {"features": rows.astype(np.float32)})
    difference = float(np.abs(answered - model.probability(rows)).max())
    if difference > TOLERANCE:
        raise ValueError(f"the graph differs from the model by {difference}")
    return difference


def write(training: Training, folder: Path) -> None:
    """Write the package; the folder's files are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = training.model.to_onnx()
    files = {
        "model.onnx": graph.SerializeToString(deterministic=True),
        "golden.json": _json(_golden(training)),
        "background.json": _json({"profiles": _profiles(training, _background(training))}),
        "reference_profile.json": _json(_reference(training)),
    }
    manifest = _manifest(training)
    files["README.md"] = card.write(training, manifest).encode()
    manifest["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files["manifest.json"] = _json(manifest)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _manifest(training: Training) -> dict[str, object]:
    validation = training.validation
    pooled = np.tile(training.outcomes, evaluate.REPEATS)
    chosen = evaluate.at_threshold(validation.out_of_fold.ravel(), pooled, validation.threshold)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": "attrition",
        "version": training.version,
        "task": "binary",
        "positive_label": POSITIVE_LABEL,
        "negative_label": NEGATIVE_LABEL,
        "horizon_days": HORIZON_DAYS,
        "created": training.created,
        "training": {
            "git_commit": training.commit,
            "data_digest": "sha256:" + training.data_digest,
            "seed": training.seed,
            "rows": len(training.outcomes),
            "libraries": training.libraries,
        },
        "features": [_feature(training, index) for index in range(len(training.encoding.features))],
        "threshold": {
            "value": validation.threshold,
            "method": "best F1 over the out-of-fold predictions of the repeated cross-validation",
            "precision": chosen["precision"],
            "recall": chosen["recall"],
            "curve": evaluate.threshold_curve(validation.out_of_fold.ravel(), pooled),
        },
        "bands": [
            {"name": "LOW", "from": 0.0},
            {"name": "MODERATE", "from": round(float(training.outcomes.mean()), 2)},
            {"name": "HIGH", "from": validation.threshold},
        ],
        "metrics": validation.summary(),
        "explain": {"method": training.model.explain_method, "space": "log_odds"},
        "latency_budget_us": LATENCY_BUDGET_US,
    }


def _feature(training: Training, index: int) -> dict[str, object]:
    feature = training.encoding.features[index]
    out: dict[str, object] = {
        "name": feature.name,
        "type": {"category": "category", "boolean": "boolean"}.get(feature.kind, "number"),
        "label": {"fr": feature.label_fr, "en": feature.label_en},
        "required": True,
        "protected": feature.protected,
    }
    values = training.people[feature.name]
    if feature.kind == "category":
        out["categories"] = training.encoding.categories[feature.name]
    elif feature.kind != "boolean":
        out |= {"min": int(values.min()), "max": int(values.max())}
    if feature.unit:
        out["unit"] = feature.unit
    if feature.actionable:
        out["actionable"] = {"direction": feature.actionable}
        if feature.kind not in ("category", "boolean"):
            out["actionable"] |= {"min": int(values.min()), "max": int(values.max())}
    return out


def _profile(training: Training, row: pd.Series) -> dict[str, object]:
    """A row by the API's names, in plain Python values."""
    out: dict[str, object] = {}
    for feature in training.encoding.features:
        value = row[feature.name]
        if feature.kind == "category":
            out[feature.name] = str(value)
        elif feature.kind == "boolean":
            out[feature.name] = bool(value)
        else:
            out[feature.name] = int(value)
    return out


def _profiles(training: Training, rows: pd.DataFrame) -> list[dict[str, object]]:
    return [_profile(training, row) for _, row in rows.iterrows()]


def _background(training: Training) -> pd.DataFrame:
    """A sample of the training rows with the training's share of leavers."""
    random = np.random.default_rng(training.seed)
    leavers = round(BACKGROUND_ROWS * float(training.outcomes.mean()))
    chosen = np.concatenate(
        [
            random.choice(np.flatnonzero(training.outcomes == 1), leavers, replace=False),
            random.choice(np.flatnonzero(training.outcomes == 0), BACKGROUND_ROWS - leavers, replace=False),
        ]
    )
    return training.people.iloc[np.sort(chosen)]


def _golden(training: Training) -> dict[str, object]:
    """Rows by name with the model's own probability, real ones first, then odd ones."""
    people = training.people
    random = np.random.default_rng(training.seed)
    real = np.sort(random.choice(len(people), GOLDEN_REAL_ROWS, replace=False))
    rows = {f"training row {n}": people.iloc[position] for n, position in enumerate(real)}
    middle = _middle(training)
    ends: dict[str, pd.Series] = {"all least": middle.copy(), "all greatest": middle.copy()}
    for feature in training.encoding.features:
        if feature.kind == "category":
            for value in training.encoding.categories[feature.name]:
                rows[f"{feature.name} {value}"] = _with(middle, feature.name, value)
            continue
        if feature.kind == "boolean":
            extremes = [False, True]
        else:
            values = people[feature.name]
            extremes = [int(values.min()), int(values.max())]
        for (name, end), value in zip(ends.items(), extremes, strict=True):
            end[feature.name] = value
            rows[f"{feature.name} {name.split()[1]}"] = _with(middle, feature.name, value)
    rows |= ends

    table = pd.DataFrame(list(rows.values()))
    matrix = training.encoding.matrix(table)
    background = training.encoding.matrix(_background(training))
    base_value, contributions = training.model.explain(matrix[:GOLDEN_CONTRIBUTIONS], background)
    golden = []
    for index, name in enumerate(rows):
        entry: dict[str, object] = {
            "name": name,
            "profile": _profile(training, table.iloc[index]),
            "probability": float(training.model.probability(matrix[index : index + 1])[0]),
        }
        if index < GOLDEN_CONTRIBUTIONS:
            entry["contributions"] = {
                feature.name: float(contributions[index, column])
                for column, feature in enumerate(training.encoding.features)
            }
        golden.append(entry)
    # The labels stand here too: nothing else would notice if the manifest swapped them.
    return {
        "positive_label": POSITIVE_LABEL,
        "negative_label": NEGATIVE_LABEL,
        "base_value": base_value,
        "rows": golden,
    }


def _middle(training: Training) -> pd.Series:
    """The median of each number, the most frequent of each category."""
    out = {}
    for feature in training.encoding.features:
        values = training.people[feature.name]
        if feature.kind in ("category", "boolean"):
            out[feature.name] = values.mode().iloc[0]
        else:
            out[feature.name] = int(values.median())
    return pd.Series(out, dtype=object)


def _with(row: pd.Series, name: str, value: object) -> pd.Series:
    changed = row.copy()
    changed[name] = value
    return changed


def _reference(training: Training) -> dict[str, object]:
    """What monitoring compares with: distributions of the training rows and of their out-of-fold scores."""
    features = {}
    for feature in training.encoding.features:
        values = training.people[feature.name]
        if feature.kind in ("category", "boolean"):
            counts = values.astype(str).str.lower() if feature.kind == "boolean" else values
            features[feature.name] = {"counts": _counts(counts), "missing_rate": 0.0}
        else:
            features[feature.name] = {**_deciles(values.to_numpy()), "missing_rate": 0.0}
    score = training.validation.out_of_fold.mean(axis=0)
    knots = IsotonicRegression(out_of_bounds="clip").fit(score, training.outcomes)
    return {
        "rows": len(training.outcomes),
        "positive_rate": float(training.outcomes.mean()),
        "features": features,
        "score": _deciles(score),
        "calibration": {
            "score": [float(v) for v in knots.X_thresholds_],
            "probability": [float(v) for v in knots.y_thresholds_],
        },
        "out_of_fold": {
            "roc_auc": training.validation.summary()["roc_auc"]["mean"],
            "average_precision": training.validation.summary()["average_precision"]["mean"],
            "brier": training.validation.summary()["brier"]["mean"],
            "calibration_error": evaluate.calibration_error(score, training.outcomes),
        },
    }


def _counts(values: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in sorted(values.value_counts().items())}


def _deciles(values: np.ndarray) -> dict[str, list[float]]:
    """Inner decile edges, equal ones once, and how many rows lie in [edge, next edge)."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, 11)[1:-1]))
    places = np.searchsorted(edges, values, side="right")
    counts = np.bincount(places, minlength=len(edges) + 1)
    return {"edges": [float(e) for e in edges], "counts": [int(c) for c in counts]}
