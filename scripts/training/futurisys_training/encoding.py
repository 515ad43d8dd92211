"""How a profile becomes the row of floats that every version's graph takes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .features import INPUTS, Feature


@dataclass(frozen=True)
class Encoding:
    """Categories as their index in alphabetical order, booleans as 0 and 1."""

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
