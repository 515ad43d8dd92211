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
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from .encoding import Encoding
from .features import Feature
from .graph import finish

KNOTS = 2
PENALTY_C = 0.4


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


class AdditiveModel:
    """fit on encoded rows; probabilities, margins and exact contributions of each feature."""

    explain_method = "additive"
    tag = "additive-model"
    summary = (
        "An additive logistic regression: each feature adds one term to the log-odds, "
        "so its share of every score is exact."
    )
    chosen = "The number of knots and the penalty were"
    outside = "the curves go on as straight lines (measured numbers) or stay flat (scales)"

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

    def explain(self, rows: np.ndarray, background: np.ndarray) -> tuple[float, np.ndarray]:
        """Base value and exact Shapley values, float64 [N, F], in log-odds, against a background."""
        baseline = self.curves(background).mean(axis=0)
        return float(self.margin(background).mean()), self.curves(rows) - baseline

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
        return finish(nodes, constants, "margin", len(self.encoding.features))


def _column(term: Term, x: np.ndarray) -> np.ndarray:
    if term.op == "line":
        return (x - term.at) / term.scale
    if term.op == "hinge":
        return np.maximum(x - term.at, 0) / term.scale
    if term.op == "step":
        return (x > term.at).astype(float)
    return (x == term.at).astype(float)
