"""Honest figures: repeated cross-validation, the threshold, subgroups, the held-out set."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold

FOLDS = 5
REPEATS = 3
FEWEST_IN_GROUP = 30
BOOTSTRAP_SAMPLES = 2000

Fit = Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class CrossValidation:
    """What repeated cross-validation gave.

    scores: name to the figure of each fold. out_of_fold: probability [REPEATS, N]
    of each row by models that did not see it.
    """

    scores: dict[str, list[float]]
    out_of_fold: np.ndarray
    threshold: float

    def summary(self) -> dict[str, dict[str, float]]:
        """Mean and standard deviation over the folds of each figure."""
        return {
            name: {"mean": float(np.mean(values)), "sd": float(np.std(values))}
            for name, values in self.scores.items()
        }


def cross_validate(rows: np.ndarray, outcomes: np.ndarray, fit: Fit, seed: int) -> CrossValidation:
    """FOLDS x REPEATS stratified folds; threshold figures use one chosen without the fold at hand."""
    splitter = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=seed)
    out_of_fold = np.zeros((REPEATS, len(outcomes)))
    folds = []
    for number, (train, test) in enumerate(splitter.split(rows, outcomes)):
        repeat = number // FOLDS
        out_of_fold[repeat, test] = fit(rows[train], outcomes[train])(rows[test])
        folds.append((repeat, train, test))

    scores: dict[str, list[float]] = {
        name: [] for name in ("roc_auc", "average_precision", "brier", "f1", "precision", "recall")
    }
    for repeat, train, test in folds:
        probability, truth = out_of_fold[repeat, test], outcomes[test]
        scores["roc_auc"].append(float(roc_auc_score(truth, probability)))
        scores["average_precision"].append(float(average_precision_score(truth, probability)))
        scores["brier"].append(float(brier_score_loss(truth, probability)))
        threshold = best_threshold(out_of_fold[repeat, train], outcomes[train])
        for name, value in at_threshold(probability, truth, threshold).items():
            scores.setdefault(name, []).append(value)
    pooled = np.tile(outcomes, REPEATS)
    return CrossValidation(scores, out_of_fold, best_threshold(out_of_fold.ravel(), pooled))


def at_threshold(probability: np.ndarray, truth: np.ndarray, threshold: float) -> dict[str, float]:
    """Precision, recall and F1 when everything from the threshold on is called positive."""
    called = probability >= threshold
    hits = int((called & (truth == 1)).sum())
    precision = hits / max(int(called.sum()), 1)
    recall = hits / max(int(truth.sum()), 1)
    f1 = 2 * hits / max(int(called.sum()) + int(truth.sum()), 1)
    return {"precision": precision, "recall": recall, "f1": f1}


def best_threshold(probability: np.ndarray, truth: np.ndarray) -> float:
    """The threshold on a grid of 0.01 with the best F1; the lowest of equals."""
    grid = np.round(np.arange(0.05, 0.951, 0.01), 2)
    return float(max(grid, key=lambda t: (at_threshold(probability, truth, t)["f1"], -t)))


def threshold_curve(probability: np.ndarray, truth: np.ndarray) -> list[dict[str, float]]:
    """Precision, recall and flagged share at thresholds 0.05 to 0.95."""
    curve = []
    for threshold in np.round(np.arange(0.05, 0.951, 0.05), 2):
        figures = at_threshold(probability, truth, threshold)
        curve.append(
            {
                "threshold": float(threshold),
                "precision": figures["precision"],
                "recall": figures["recall"],
                "flagged_share": float((probability >= threshold).mean()),
            }
        )
    return curve


def calibration_error(probability: np.ndarray, truth: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of equal count."""
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, bins)
    gaps = [abs(probability[p].mean() - truth[p].mean()) * len(p) for p in parts]
    return float(sum(gaps) / len(order))


def subgroups(
    people: pd.DataFrame, probability: np.ndarray, truth: np.ndarray, threshold: float
) -> list[dict[str, object]]:
    """Out-of-fold figures of each group of the protected attributes; small groups only counted."""
    ages = pd.cut(people["age"], [0, 29, 39, 49, 200], labels=["-29", "30-39", "40-49", "50-"])
    groups = {"gender": people["gender"], "marital_status": people["marital_status"], "age": ages}
    out = []
    for attribute, values in groups.items():
        for value in sorted(set(values.astype(str))):
            mask = (values.astype(str) == value).to_numpy()
            row: dict[str, object] = {
                "attribute": attribute,
                "group": value,
                "count": int(mask.sum()),
                "left": int(truth[mask].sum()),
            }
            if truth[mask].sum() >= FEWEST_IN_GROUP:
                figures = at_threshold(probability[mask], truth[mask], threshold)
                row |= {
                    "roc_auc": float(roc_auc_score(truth[mask], probability[mask])),
                    "flagged_share": float((probability[mask] >= threshold).mean()),
                    "precision": figures["precision"],
                    "recall": figures["recall"],
                    "mean_probability": float(probability[mask].mean()),
                }
            out.append(row)
    return out


def held_out(
    probability: np.ndarray, truth: np.ndarray, threshold: float, seed: int
) -> dict[str, dict[str, float]]:
    """Figures of the held-out employees with 95 % bootstrap intervals."""

    def figures(p: np.ndarray, t: np.ndarray) -> dict[str, float]:
        return {
            "roc_auc": float(roc_auc_score(t, p)),
            "average_precision": float(average_precision_score(t, p)),
            "brier": float(brier_score_loss(t, p)),
            **at_threshold(p, t, threshold),
        }

    random = np.random.default_rng(seed)
    samples = []
    while len(samples) < BOOTSTRAP_SAMPLES:
        chosen = random.integers(0, len(truth), len(truth))
        if 0 < truth[chosen].sum() < len(truth):
            samples.append(figures(probability[chosen], truth[chosen]))
    out = {}
    for name, value in figures(probability, truth).items():
        low, high = np.percentile([sample[name] for sample in samples], [2.5, 97.5])
        out[name] = {"value": value, "low": float(low), "high": float(high)}
    return out
