"""Makes the golden files of services/inference/internal/explain: small models and what `shap` says of them.

Each case is a graph (`NAME.onnx`, as a model package has it: `features` float32
[N, F] to `probability` float32 [N]) and `NAME.json`: background rows, rows, and the
base, margin and Shapley values that Python's shap gives, interventional, in the
space of the model's sum. Missing values are null.

    python golden.py FOLDER
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import shap
from lightgbm import LGBMClassifier
from onnx import TensorProto, helper
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ConverterTensorType
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

REPOSITORY = Path(__file__).parents[2]
WIDTH = 8
TRAINING_ROWS = 600
BACKGROUND_ROWS = 40
EXPLAINED_ROWS = 12
CATEGORIES = 4  # of the first two features, where they are one-hot encoded
OPSETS = {"": 21, "ai.onnx.ml": 3}
CONVERTER_OPSET = 15  # the newest of onnxmltools
IR_VERSION = 10
TOLERANCE = 1e-5  # the graphs are float32
PROBED = 6  # features of version 1 that are taken in and out by brute force


def data(seed: int, missing: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows, float32 [N, 8], small integers and half numbers, and outcomes with interactions."""
    random = np.random.default_rng(seed)
    rows = (random.integers(0, 12, size=(TRAINING_ROWS, WIDTH)) / 2).astype(np.float32)
    rows[:, :2] = random.integers(0, CATEGORIES, size=(TRAINING_ROWS, 2))
    pull = (
        0.8 * (rows[:, 0] == 1)
        + rows[:, 2] * (rows[:, 3] > rows[:, 5]) * 0.4
        - 0.5 * rows[:, 4]
        + 0.2 * rows[:, 1]
    )
    outcomes = (pull + random.normal(size=TRAINING_ROWS) > 0).astype(int)
    rows[random.random(rows.shape) < missing] = np.nan
    return rows, outcomes


@dataclass(frozen=True)
class Case:
    """A graph and what is known of it; contributions NaN where they are not known."""

    graph: onnx.ModelProto
    method: str
    space: str
    background: np.ndarray
    rows: np.ndarray
    base: float
    contributions: np.ndarray
    complete: bool = True

    def save(self, folder: Path, name: str) -> None:
        """Write it, and check that the graph answers what the contributions add up to."""
        if self.complete:
            session = onnxruntime.InferenceSession(self.graph.SerializeToString())
            answers = session.run(["probability"], {"features": self.rows.astype(np.float32)})[0]
            margins = self.base + self.contributions.sum(axis=1)
            meant = margins if self.space == "probability" else 1 / (1 + np.exp(-margins))
            worst = float(np.abs(meant - answers).max())
            print(f"{name}: up to {worst:.1e} from the graph")
            if not worst < TOLERANCE:
                raise SystemExit(f"{name}: what shap says does not add up to what the graph answers")
            (folder / f"{name}.onnx").write_bytes(self.graph.SerializeToString())
        known = {field: value for field, value in vars(self).items() if field != "graph"}
        text = json.dumps({"name": name, **known}, default=lambda array: array.tolist())
        (folder / f"{name}.json").write_text(text.replace("NaN", "null") + "\n")


def parts(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Background rows and rows to explain."""
    return rows[:BACKGROUND_ROWS], rows[-EXPLAINED_ROWS:]


def converted(model: object, width: int = WIDTH) -> onnx.ModelProto:
    """The graph of a scikit-learn model."""
    types = [("features", FloatTensorType([None, width]))]
    return finish(to_onnx(model, initial_types=types, options={"zipmap": False}, target_opset=OPSETS))


def finish(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph of a converter with the package's names: the second column of its probabilities."""
    if not any(opset.domain == "" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", OPSETS[""]))
    graph = model.graph
    probabilities = graph.output[1].name
    before = graph.input[0].name
    for node in graph.node:
        node.input[:] = ["features" if name == before else name for name in node.input]
    graph.input[0].name = "features"
    graph.node.extend(
        [
            helper.make_node("Gather", [probabilities, "second"], ["second_column"], axis=1),
            helper.make_node("Reshape", ["second_column", "flat"], ["probability"]),
        ]
    )
    graph.initializer.extend(
        [
            helper.make_tensor("second", TensorProto.INT64, [1], [1]),
            helper.make_tensor("flat", TensorProto.INT64, [1], [-1]),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"]))
    kept, wanted = [], {"probability"}
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept.insert(0, node)
            wanted |= set(node.input)
    del graph.node[:]
    graph.node.extend(kept)
    onnx.checker.check_model(model)
    return model


def one_hot(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph of encoded rows behind the encoding: the first two features one-hot, the others as they are."""
    nodes, parts, constants = [], [], []
    for feature in range(2):
        constants += [
            helper.make_tensor(f"at_{feature}", TensorProto.INT64, [1], [feature]),
            helper.make_tensor(f"codes_{feature}", TensorProto.FLOAT, [1, CATEGORIES], range(CATEGORIES)),
        ]
        nodes += [
            helper.make_node("Gather", ["features", f"at_{feature}"], [f"code_{feature}"], axis=1),
            helper.make_node("Equal", [f"code_{feature}", f"codes_{feature}"], [f"is_{feature}"]),
            helper.make_node("Cast", [f"is_{feature}"], [f"hot_{feature}"], to=TensorProto.FLOAT),
        ]
        parts.append(f"hot_{feature}")
    constants.append(helper.make_tensor("at_rest", TensorProto.INT64, [WIDTH - 2], range(2, WIDTH)))
    nodes += [
        helper.make_node("Gather", ["features", "at_rest"], ["rest"], axis=1),
        helper.make_node("Concat", [*parts, "rest"], ["encoded"], axis=1),
    ]
    graph = model.graph
    for node in graph.node:
        node.input[:] = ["encoded" if name == "features" else name for name in node.input]
    body = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *body])
    graph.initializer.extend(constants)
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", WIDTH]))
    onnx.checker.check_model(model, full_check=True)
    return model


def encode(rows: np.ndarray) -> np.ndarray:
    """What one_hot does, float32 [N, 2 x CATEGORIES + 6]."""
    hot = [np.asarray(rows[:, [f]] == np.arange(CATEGORIES)[None], dtype=np.float32) for f in range(2)]
    return np.concatenate([*hot, rows[:, 2:]], axis=1).astype(np.float32)


def linear(weights: np.ndarray, intercept: float) -> onnx.ModelProto:
    """The graph of a logistic regression of encoded rows."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["features", "weights"], ["product"]),
            helper.make_node("Add", ["product", "intercept"], ["margin"]),
            helper.make_node("Sigmoid", ["margin"], ["column"]),
            helper.make_node("Reshape", ["column", "flat"], ["probability"]),
        ],
        "logistic",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", len(weights)])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, [len(weights), 1], weights),
            helper.make_tensor("intercept", TensorProto.FLOAT, [1], [intercept]),
            helper.make_tensor("flat", TensorProto.INT64, [1], [-1]),
        ],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def exact(function: Callable, background: np.ndarray, rows: np.ndarray) -> tuple[float, np.ndarray]:
    """Base and Shapley values, over all coalitions of the raw features."""
    masker = shap.maskers.Independent(background, max_samples=len(background))
    found = shap.explainers.Exact(function, masker)(rows)
    return float(np.mean(function(background))), found.values


def tree(model: object, background: np.ndarray, rows: np.ndarray) -> tuple[float, np.ndarray]:
    """Base and Shapley values by shap's TreeExplainer, of the second class."""
    explainer = shap.TreeExplainer(
        model, background, feature_perturbation="interventional", model_output="raw"
    )
    values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    bases = np.atleast_1d(explainer.expected_value)
    return float(bases[min(1, len(bases) - 1)]), values[:, :, 1] if values.ndim > rows.ndim else values


def gradient_boosting() -> Case:
    """scikit-learn's gradient boosting, log-odds."""
    rows, outcomes = data(1)
    model = GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=1).fit(rows, outcomes)
    return Case(converted(model), "tree", "log_odds", *parts(rows), *tree(model, *parts(rows)))


def random_forest() -> Case:
    """scikit-learn's random forest, probability."""
    rows, outcomes = data(2)
    model = RandomForestClassifier(n_estimators=20, max_depth=5, random_state=2).fit(rows, outcomes)
    return Case(converted(model), "tree", "probability", *parts(rows), *tree(model, *parts(rows)))


def forest_of_three() -> Case:
    """A random forest of three classes, the probability of the second."""
    rows, _ = data(3)
    outcomes = (rows[:, 2] > rows[:, 4]).astype(int) + (rows[:, 3] > rows[:, 5])
    model = RandomForestClassifier(n_estimators=20, max_depth=5, random_state=3).fit(rows, outcomes)
    return Case(converted(model), "tree", "probability", *parts(rows), *tree(model, *parts(rows)))


def xgboost() -> Case:
    """XGBoost with missing values, log-odds."""
    rows, outcomes = data(4, missing=0.1)
    model = XGBClassifier(n_estimators=40, max_depth=4, learning_rate=0.2, random_state=4, base_score=0.5)
    model.fit(rows, outcomes)
    types = [("features", ConverterTensorType([None, WIDTH]))]
    graph = finish(convert_xgboost(model, initial_types=types, target_opset=CONVERTER_OPSET))
    return Case(graph, "tree", "log_odds", *parts(rows), *tree(model, *parts(rows)))


def lightgbm() -> Case:
    """LightGBM, log-odds."""
    rows, outcomes = data(5)
    model = LGBMClassifier(n_estimators=40, num_leaves=12, random_state=5, verbose=-1).fit(rows, outcomes)
    types = [("features", ConverterTensorType([None, WIDTH]))]
    graph = finish(convert_lightgbm(model, initial_types=types, target_opset=CONVERTER_OPSET, zipmap=False))
    return Case(graph, "tree", "log_odds", *parts(rows), *tree(model, *parts(rows)))


def logistic_one_hot() -> Case:
    """Logistic regression behind a one-hot encoding: a raw feature has the sum of its columns."""
    rows, outcomes = data(6)
    model = LogisticRegression(C=0.5, max_iter=1000).fit(encode(rows), outcomes)
    graph = one_hot(linear(model.coef_[0], float(model.intercept_[0])))
    background, explained = parts(rows)
    masker = shap.maskers.Independent(encode(background), max_samples=BACKGROUND_ROWS)
    explainer = shap.LinearExplainer(model, masker)
    columns = explainer.shap_values(encode(explained))
    hot = [columns[:, f * CATEGORIES : (f + 1) * CATEGORIES].sum(axis=1) for f in range(2)]
    values = np.column_stack([*hot, columns[:, 2 * CATEGORIES :]])
    return Case(graph, "additive", "log_odds", background, explained, float(explainer.expected_value), values)


def trees_behind_one_hot() -> Case:
    """Boosted trees behind a one-hot encoding: the raw features are the players, over all coalitions."""
    rows, outcomes = data(7)
    model = GradientBoostingClassifier(n_estimators=30, max_depth=3, random_state=7)
    model.fit(encode(rows), outcomes)
    graph = one_hot(converted(model, WIDTH - 2 + 2 * CATEGORIES))
    return Case(
        graph,
        "tree",
        "log_odds",
        *parts(rows),
        *exact(lambda x: model.decision_function(encode(x)), *parts(rows)),
    )


def version_1() -> Case:
    """The committed additive model as a black box: some features by brute force, the others held."""
    package = REPOSITORY / "deploy/models/attrition/1"
    features = json.loads((package / "manifest.json").read_text())["features"]
    background = json.loads((package / "background.json").read_text())["profiles"]
    golden = json.loads((package / "golden.json").read_text())["rows"][:EXPLAINED_ROWS]
    background = np.asarray([codes(features, profile) for profile in background])
    rows = np.asarray([codes(features, row["profile"]) for row in golden])
    graph = onnx.load(package / "model.onnx")
    margin_name = next(node for node in graph.graph.node if node.op_type == "Sigmoid").input[0]
    graph.graph.output.append(helper.make_tensor_value_info(margin_name, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    values = np.full(rows.shape, np.nan)
    for number, row in enumerate(rows):

        def margin(part: np.ndarray, row: np.ndarray = row) -> np.ndarray:
            whole = np.tile(row, (len(part), 1))
            whole[:, :PROBED] = part
            return session.run([margin_name], {"features": whole.astype(np.float32)})[0].ravel().astype(float)

        values[number, :PROBED] = exact(margin, background[:, :PROBED], row[None, :PROBED])[1][0]
    return Case(graph, "additive", "log_odds", background, rows, 0.0, values, complete=False)


def codes(features: list[dict], profile: dict) -> list[float]:
    """The graph's row of a profile."""
    return [
        feature["categories"].index(profile[feature["name"]])
        if feature["type"] == "category"
        else float(profile[feature["name"]])
        for feature in features
    ]


def main() -> None:
    """Make all cases."""
    for make in (
        gradient_boosting,
        random_forest,
        forest_of_three,
        xgboost,
        lightgbm,
        logistic_one_hot,
        trees_behind_one_hot,
        version_1,
    ):
        make().save(Path(sys.argv[1]), make.__name__)


if __name__ == "__main__":
    main()
