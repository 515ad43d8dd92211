"""The model card, with the front matter of the Hugging Face Hub."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .package import Training

NAMES = {
    "roc_auc": "ROC-AUC",
    "average_precision": "Average precision",
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "brier": "Brier score (lower is better)",
}


def write(training: "Training", manifest: dict) -> str:
    """The card as Markdown."""
    threshold = manifest["threshold"]
    metrics = manifest["metrics"]
    figures = "\n".join(
        f"| {NAMES[name]} | {metrics[name]['mean']:.3f} ± {metrics[name]['sd']:.3f} "
        f"| {held['value']:.3f} ({held['low']:.3f} to {held['high']:.3f}) |"
        for name, held in ((n, training.held_out[n]) for n in NAMES)
    )
    groups = "\n".join(_group(row) for row in training.subgroups)
    inputs = ", ".join(f"`{f['name']}`" for f in manifest["features"])
    left = int(training.outcomes.sum())
    return f"""---
license: apache-2.0
language:
- fr
library_name: onnx
pipeline_tag: tabular-classification
tags:
- attrition
- human-resources
- {training.model.tag}
---

# Attrition, version {manifest["version"]}

Estimates the probability that an employee leaves the company. {training.model.summary}

## What it is for, and what not
For an HR analyst who asks where a conversation is worth having. It is not a
decision: nobody's contract, pay or career may follow from a score alone. It knows
nothing of causes; what it says of a person is a share among similar people.

## Data
The public IBM HR attrition data (Debian package r-cran-modeldata, MIT) under the
labels of the company's three extracts. {len(training.outcomes) + training.held_out_count} employees;
trained on {len(training.outcomes)} ({left} left), {training.held_out_count} held out before
anything else. The data is made up by its publisher and does not say within which
time people left: a horizon of {manifest["horizon_days"]} days is assumed.

Inputs: {inputs}. Age, gender and marital status are not inputs; they are kept to
compare groups. Business rules such as job level or income may still carry them
in part.

## Figures
Five folds, three repeats, on the training employees; ± is the standard deviation
of one fold. The held-out employees were never used to choose; in brackets the
95 % interval of 2,000 bootstrap samples.

| figure | cross-validation | held out |
|---|---|---|
{figures}

F1, precision and recall use a threshold that was chosen without the fold they are
measured on. {training.model.chosen} chosen by the same
cross-validation, which flatters its column a little.

## Threshold
{threshold["value"]:.2f}: {threshold["method"]}. Out of fold it calls
{threshold["recall"]:.0%} of those who left, and {threshold["precision"]:.0%} of those it
calls did leave.

## Groups
Out of fold, at the threshold; groups with fewer than 30 leavers are only counted.

| attribute | group | employees | left | ROC-AUC | flagged | precision | recall | mean score |
|---|---|---|---|---|---|---|---|---|
{groups}

The groups differ in how often people leave, and the scores follow: compare the
flagged shares before acting on a list.

## Limits
One company's made-up snapshot. Outside of the training range {training.model.outside}:
such a prediction carries a warning. Intervals above are wide: differences of a few points between
versions mean nothing on this data.
"""


def _group(row: dict) -> str:
    head = f"| {row['attribute']} | {row['group']} | {row['count']} | {row['left']} |"
    if "roc_auc" not in row:
        return head + " | | | | |"
    return head + (
        f" {row['roc_auc']:.3f} | {row['flagged_share']:.1%} | {row['precision']:.2f}"
        f" | {row['recall']:.2f} | {row['mean_probability']:.3f} |"
    )
