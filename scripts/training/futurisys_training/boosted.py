"""The boosted-tree model: many small trees, each correcting the ones before it.

It looks at pairs of features where the additive model looks at each alone. On this
data that buys nothing, which is why it is the challenger and not the champion.
"""

from itertools import product
from math import factorial

import numpy as np
import onnx
from onnx import helper
from sklearn.ensemble import GradientBoostingClassifier

from .encoding import Encoding
from .graph import finish

TREES = 800
DEPTH = 2
LEARNING_RATE = 0.02
ROWS_PER_TREE = 0.5
FEATURES_PER_SPLIT = 0.2
LEAST_IN_LEAF = 30
LEAF = -1  # scikit-learn's mark of a leaf


class BoostedModel:
    """fit on encoded rows; the same interface as AdditiveModel."""

    explain_method = "tree"
    tag = "gradient-boosting"
    summary = (
        f"{TREES} boosted trees of depth {DEPTH} on the log-odds, which may count two features "
        "together; the share of each in a score is exact (interventional Shapley values)."
    )
    chosen = "The number of trees, their depth and the learning rate were"
    outside = "the trees stay flat"

    def __init__(self, encoding: Encoding, seed: int = 42) -> None:
        """A model of rows that are encoded so."""
        self.encoding = encoding
        self._model = GradientBoostingClassifier(
            n_estimators=TREES,
            max_depth=DEPTH,
            learning_rate=LEARNING_RATE,
            subsample=ROWS_PER_TREE,
            max_features=FEATURES_PER_SPLIT,
            min_samples_leaf=LEAST_IN_LEAF,
            random_state=seed,
        )

    def fit(self, rows: np.ndarray, outcomes: np.ndarray) -> "BoostedModel":
        """Grow the trees."""
        self._model.fit(rows, outcomes)
        return self

    def margin(self, rows: np.ndarray) -> np.ndarray:
        """Log-odds, float64 [N]."""
        return self._model.decision_function(rows)

    def probability(self, rows: np.ndarray) -> np.ndarray:
        """Probability of leaving, float64 [N]."""
        return 1.0 / (1.0 + np.exp(-self.margin(rows)))

    def explain(self, rows: np.ndarray, background: np.ndarray) -> tuple[float, np.ndarray]:
        """Base value and exact Shapley values, float64 [N, F], in log-odds, against a background.

        By the definition, over all coalitions of the features that a tree tests: a
        tree of depth 2 tests three at most, and Shapley values of a sum are the sum
        of those of its terms.
        """
        out = np.zeros(rows.shape)
        for (estimator,) in self._model.estimators_:
            tree = estimator.tree_
            tested = sorted(set(tree.feature[tree.feature >= 0]))
            worth = {
                coalition: _mixed(tree, rows, background, tested, coalition)
                for coalition in product((False, True), repeat=len(tested))
            }
            for place, feature in enumerate(tested):
                for coalition, value in worth.items():
                    if coalition[place]:
                        continue
                    size = sum(coalition)
                    weight = factorial(size) * factorial(len(tested) - size - 1) / factorial(len(tested))
                    joined = tuple(c or at == place for at, c in enumerate(coalition))
                    out[:, feature] += LEARNING_RATE * weight * (worth[joined] - value)
        return float(self.margin(background).mean()), out

    def to_onnx(self) -> onnx.ModelProto:
        """The graph: one TreeEnsembleRegressor whose sum is the log-odds."""
        trees: dict[str, list] = {
            name: []
            for name in (
                "nodes_treeids",
                "nodes_nodeids",
                "nodes_featureids",
                "nodes_values",
                "nodes_modes",
                "nodes_truenodeids",
                "nodes_falsenodeids",
                "target_treeids",
                "target_nodeids",
                "target_ids",
                "target_weights",
            )
        }
        for number, (estimator,) in enumerate(self._model.estimators_):
            _add(trees, number, estimator.tree_)
        prior = self._model.init_.class_prior_
        node = helper.make_node(
            "TreeEnsembleRegressor",
            ["features"],
            ["margin"],
            domain="ai.onnx.ml",
            n_targets=1,
            base_values=[float(np.log(prior[1] / prior[0]))],
            **trees,
        )
        return finish([node], [], "margin", len(self.encoding.features))


def _add(trees: dict[str, list], number: int, tree: object) -> None:
    for node in range(tree.node_count):
        leaf = tree.children_left[node] == LEAF
        trees["nodes_treeids"].append(number)
        trees["nodes_nodeids"].append(node)
        trees["nodes_featureids"].append(0 if leaf else int(tree.feature[node]))
        trees["nodes_values"].append(0.0 if leaf else float(tree.threshold[node]))
        trees["nodes_modes"].append("LEAF" if leaf else "BRANCH_LEQ")
        trees["nodes_truenodeids"].append(0 if leaf else int(tree.children_left[node]))
        trees["nodes_falsenodeids"].append(0 if leaf else int(tree.children_right[node]))
        if leaf:
            trees["target_treeids"].append(number)
            trees["target_nodeids"].append(node)
            trees["target_ids"].append(0)
            trees["target_weights"].append(LEARNING_RATE * float(tree.value[node, 0, 0]))


def _mixed(
    tree: object, rows: np.ndarray, background: np.ndarray, tested: list[int], coalition: tuple[bool, ...]
) -> np.ndarray:
    """A tree's mean value, float64 [N], of rows with all but a coalition from the background."""
    mixed = np.tile(background, (len(rows), 1))
    for feature, kept in zip(tested, coalition, strict=True):
        if kept:
            mixed[:, feature] = np.repeat(rows[:, feature], len(background))
    leaves = tree.apply(mixed.astype(np.float32))
    return tree.value[leaves, 0, 0].reshape(len(rows), len(background)).mean(axis=1)
