"""A package whose graph is a well-known broken conversion, to test that it is refused.

skl2onnx converts HistGradientBoosting with categorical_features without a word, and
the graph then answers something else (a set of categories becomes a threshold).
`python tests/broken_conversion.py` writes the package that the tests of inference use.
"""

from pathlib import Path

import numpy as np
import onnx
from futurisys_training import __main__ as command
from futurisys_training import package
from futurisys_training.encoding import Encoding
from futurisys_training.graph import ML_OPSET, OPSET
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common._container import ModelComponentContainer
from sklearn.ensemble import HistGradientBoostingClassifier

DATA = Path(__file__).parents[1] / "data"
PACKAGE = Path(__file__).parents[3] / "services/inference/internal/registry/testdata/broken_conversion"


_add_node = ModelComponentContainer.add_node


def _add_plain_node(self, *arguments: object, **attributes: object) -> object:
    """onnx no longer takes booleans among integers, nor NumPy's, which this converter still makes."""
    for name, value in attributes.items():
        if isinstance(value, list):
            attributes[name] = [int(v) if isinstance(v, bool | np.bool | np.integer) else v for v in value]
    return _add_node(self, *arguments, **attributes)


ModelComponentContainer.add_node = _add_plain_node


class BrokenModel:
    """The interface of the real models, over a conversion that does not hold."""

    explain_method = "permutation"
    tag = "broken-conversion"
    summary = "A model whose conversion to ONNX is broken: for tests only."
    chosen = "Nothing was"
    outside = "nobody knows what it does"

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        categorical = [f.kind == "category" for f in encoding.features]
        self._model = HistGradientBoostingClassifier(
            max_iter=20, categorical_features=categorical, random_state=42
        )

    def fit(self, rows: np.ndarray, outcomes: np.ndarray) -> "BrokenModel":
        self._model.fit(rows, outcomes)
        return self

    def margin(self, rows: np.ndarray) -> np.ndarray:
        return self._model.decision_function(rows)

    def probability(self, rows: np.ndarray) -> np.ndarray:
        return self._model.predict_proba(rows)[:, 1]

    def explain(self, rows: np.ndarray, background: np.ndarray) -> tuple[float, np.ndarray]:
        return float(self.margin(background).mean()), np.zeros(rows.shape)

    def to_onnx(self) -> onnx.ModelProto:
        width = len(self.encoding.features)
        model = to_onnx(
            self._model,
            np.zeros((1, width), np.float32),
            options={"zipmap": False},
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )
        graph = model.graph
        for node in graph.node:
            node.input[:] = ["features" if name == graph.input[0].name else name for name in node.input]
        graph.input[0].name = "features"
        probabilities = graph.output[1].name
        graph.initializer.extend(
            [
                helper.make_tensor("leaver", TensorProto.INT64, [], [1]),
                helper.make_tensor("flat", TensorProto.INT64, [1], [-1]),
            ]
        )
        graph.node.append(helper.make_node("Gather", [probabilities, "leaver"], ["column"], axis=1))
        graph.node.append(helper.make_node("Reshape", ["column", "flat"], ["probability"]))
        del graph.output[:]
        graph.output.append(helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"]))
        graph.input[0].CopyFrom(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width]))
        return model


RELEASE = command.Release("9.0.0", BrokenModel, {}, 1.0)


if __name__ == "__main__":
    package.TOLERANCE = 1.0  # the check that it fails
    package.write(command.train(DATA, RELEASE), PACKAGE)
