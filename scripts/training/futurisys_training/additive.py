"""The additive model: a logistic regression on broken lines, staircases and one-hot columns.

Each feature contributes one term to the log-odds, so that its share of a score
is exact. Continuous features get a straight part and a hinge max(x - knot, 0) at
inner quantiles; ordinal ones a step at each level, flat beyond those seen in
training; categories one column a value.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from .features import INPUTS, Feature

KNOTS = 2
PENALTY_C = 0.4
OPSET = 21
IR_VERSION = 10


@dataclass(frozen=True)
class Term:
    """One column of the design: op(x[feature] - at), scaled.

    op: "line" (x - at) / scale, "hinge" max(x - at, 0) / scale, "step" x > at,
    "equal" x == at.
    """

    feature: int
    op: str
    at: float
    scale: float = 1.0


@dataclass(frozen=True)
class Encoding:
    """How a profile becomes a row of floats: categories as their index, booleans as 0 and 1."""

    features: tuple[Feature, ...]
    categories: dict[str, list[str]]

    @classmethod
    def of(cls, rows: pd.DataFrame, features: tuple[Feature, ...] = INPUTS) -> "Encoding":
        """The encoding of the categories that the rows hold, in alphabetical order."""
        lists = {f.name: sorted(set(rows[f.name])) for f in features if f.kind == "category"}
        return cls(features, lists)

    def matrix(self, rows: pd.DataFrame) -> np.ndarray:
        """Rows as float64 [N, F]; a category that is not in the list is an error."""
        columns = []
        for feature in self.features:
            values = rows[feature.name]
            if feature.kind == "category":
                codes = {value: code for code, value in enumerate(self.categories[feature.name])}
                unknown = set(values) - set(codes)
                if unknown:
                    raise ValueError(f"{feature.name}: unknown {sorted(unknown)}")
                values = values.map(codes)
            columns.append(values.to_numpy().astype(float))
        return np.column_stack(columns)


class AdditiveModel:
    """fit on encoded rows; probabilities, margins and exact contributions of each feature."""

    def __init__(self, encoding: Encoding) -> None:
        """A model of rows that are encoded so."""
        self.encoding = encoding
        self.terms: list[Term] = []
        self.weights = np.zeros(0)
        self.intercept = 0.0

    def fit(self, rows: np.ndarray, outcomes: np.ndarray) -> "AdditiveModel":
        """Place the terms by the rows' quantiles and levels, then fit their weights."""
        self.terms = [
            term
            for index, feature in enumerate(self.encoding.features)
            for term in self._terms(index, feature, rows[:, index])
        ]
        regression = LogisticRegression(C=PENALTY_C, max_iter=5000, tol=1e-8)
        regression.fit(self._design(rows), outcomes)
        self.weights = regression.coef_[0]
        self.intercept = float(regression.intercept_[0])
        return self

    def margin(self, rows: np.ndarray) -> np.ndarray:
        """Log-odds, float64 [N]."""
        return self._design(rows) @ self.weights + self.intercept

    def probability(self, rows: np.ndarray) -> np.ndarray:
        """Probability of leaving, float64 [N]."""
        return 1.0 / (1.0 + np.exp(-self.margin(rows)))

    def curves(self, rows: np.ndarray) -> np.ndarray:
        """Each feature's term in log-odds, float64 [N, F]; they and the intercept add up to the margin."""
        weighted = self._design(rows) * self.weights
        out = np.zeros((len(rows), len(self.encoding.features)))
        for column, term in enumerate(self.terms):
            out[:, term.feature] += weighted[:, column]
        return out

    def _terms(self, index: int, feature: Feature, values: np.ndarray) -> list[Term]:
        if feature.kind == "category":
            return [Term(index, "equal", float(v)) for v in sorted(set(values))]
        if feature.kind == "boolean":
            return [Term(index, "step", 0.5)]
        if feature.kind == "ordinal":
            levels = sorted(set(values))
            return [Term(index, "step", (a + b) / 2) for a, b in pairwise(levels)]
        knots = np.unique(np.quantile(values, np.linspace(0, 1, KNOTS + 2)[1:-1]))
        line = Term(index, "line", float(values.mean()), float(values.std()))
        hinges = [(float(k), float(np.maximum(values - k, 0).std())) for k in knots]
        return [line, *(Term(index, "hinge", k, sd) for k, sd in hinges if sd > 0)]

    def _design(self, rows: np.ndarray) -> np.ndarray:
        return np.column_stack([_column(term, rows[:, term.feature]) for term in self.terms])

    def to_onnx(self) -> onnx.ModelProto:
        """The graph: `features` float32 [N, F] to `probability` float32 [N]."""
        nodes: list[onnx.NodeProto] = []
        constants: list[onnx.TensorProto] = []
        blocks: list[str] = []

        def constant(name: str, values: np.ndarray) -> str:
            constants.append(numpy_helper.from_array(values, name))
            return name

        def block(op: str, build) -> None:
            chosen = [i for i, term in enumerate(self.terms) if term.op == op]
            if not chosen:
                return
            terms = [self.terms[i] for i in chosen]
            source = constant(f"{op}_features", np.array([t.feature for t in terms], np.int64))
            at = constant(f"{op}_at", np.array([t.at for t in terms], np.float32))
            scale = np.array([t.scale for t in terms])
            weights = constant(
                f"{op}_weights", (self.weights[chosen] / scale).astype(np.float32).reshape(-1, 1)
            )
            nodes.append(helper.make_node("Gather", ["features", source], [f"{op}_x"], axis=1))
            build(f"{op}_x", at, f"{op}_terms")
            nodes.append(helper.make_node("MatMul", [f"{op}_terms", weights], [f"{op}_sum"]))
            blocks.append(f"{op}_sum")

        def line(x: str, at: str, out: str) -> None:
            nodes.append(helper.make_node("Sub", [x, at], [out]))

        def hinge(x: str, at: str, out: str) -> None:
            nodes.append(helper.make_node("Sub", [x, at], ["hinge_over"]))
            nodes.append(helper.make_node("Relu", ["hinge_over"], [out]))

        def compare(op: str):
            def build(x: str, at: str, out: str) -> None:
                nodes.append(helper.make_node(op, [x, at], [out + "_is"]))
                nodes.append(helper.make_node("Cast", [out + "_is"], [out], to=TensorProto.FLOAT))

            return build

        block("line", line)
        block("hinge", hinge)
        block("step", compare("Greater"))
        block("equal", compare("Equal"))
        intercept = constant("intercept", np.array([self.intercept], np.float32))
        nodes.append(helper.make_node("Sum", [*blocks, intercept], ["margin"]))
        nodes.append(helper.make_node("Sigmoid", ["margin"], ["probability_column"]))
        shape = constant("flat", np.array([-1], np.int64))
        nodes.append(helper.make_node("Reshape", ["probability_column", shape], ["probability"]))

        width = len(self.encoding.features)
        graph = helper.make_graph(
            nodes,
            "attrition",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width])],
            [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
            constants,
        )
        model = helper.make_model(
            graph,
            producer_name="futurisys-training",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def _column(term: Term, x: np.ndarray) -> np.ndarray:
    if term.op == "line":
        return (x - term.at) / term.scale
    if term.op == "hinge":
        return np.maximum(x - term.at, 0) / term.scale
    if term.op == "step":
        return (x > term.at).astype(float)
    return (x == term.at).astype(float)
