"""Reads the three HR extracts, joins them by employee and checks them."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from .features import PROFILE

FILES = ("extrait_sirh.csv", "extrait_eval.csv", "extrait_sondage.csv")
TARGET = "a_quitte_l_entreprise"
CONSTANT = ("nombre_heures_travailless", "nombre_employee_sous_responsabilite", "ayant_enfants")
HELD_OUT_SHARE = 0.2


class DataError(ValueError):
    """The extracts are not what the training relies on."""


def read(folder: Path) -> pd.DataFrame:
    """Join the extracts: one row an employee, indexed by id_employee, columns as the source has them."""
    hr, reviews, survey = (pd.read_csv(folder / name, dtype=str) for name in FILES)
    reviews["id_employee"] = reviews.pop("eval_number").str.removeprefix("E_")
    survey["id_employee"] = survey.pop("code_sondage")
    tables = []
    for name, table in zip(FILES, (hr, reviews, survey), strict=True):
        table["id_employee"] = table["id_employee"].astype(int)
        if table["id_employee"].duplicated().any():
            raise DataError(f"{name}: an employee stands twice")
        if table.isna().any().any():
            raise DataError(f"{name}: a value is missing")
        tables.append(table.set_index("id_employee"))
    if any(set(table.index) != set(tables[0].index) for table in tables[1:]):
        raise DataError("the extracts do not hold the same employees")
    joined = pd.concat(tables, axis=1).sort_index()
    if set(joined[TARGET]) != {"Oui", "Non"}:
        raise DataError(f"{TARGET} must be Oui or Non")
    return joined


def profiles(joined: pd.DataFrame) -> pd.DataFrame:
    """The joined extracts under the API's names: int columns, bool overtime, string categories."""
    table = {}
    for feature in PROFILE:
        values = joined[feature.column]
        if feature.kind == "category":
            table[feature.name] = values
        elif feature.kind == "boolean":
            if set(values) - {"Oui", "Non"}:
                raise DataError(f"{feature.column} must be Oui or Non")
            table[feature.name] = values == "Oui"
        else:
            table[feature.name] = values.str.removesuffix("%").str.strip().astype(int)
    return pd.DataFrame(table)


def outcome(joined: pd.DataFrame) -> np.ndarray:
    """1 where the employee left, else 0."""
    return (joined[TARGET] == "Oui").to_numpy().astype(int)


def split(joined: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A stratified 80 % to train on and the 20 % that nothing is chosen by."""
    train, held_out = train_test_split(
        joined, test_size=HELD_OUT_SHARE, stratify=joined[TARGET], random_state=seed
    )
    return train.sort_index(), held_out.sort_index()


def write_held_out(held_out: pd.DataFrame, folder: Path) -> None:
    """X_test.csv: one joined file as an import takes it. y_test.csv: what really happened."""
    rows = held_out.drop(columns=[TARGET, *CONSTANT])
    rows.to_csv(folder / "X_test.csv", lineterminator="\n")
    held_out[[TARGET]].to_csv(folder / "y_test.csv", lineterminator="\n")


def write_scores(joined: pd.DataFrame, probability: np.ndarray, path: Path) -> None:
    """Every employee's probability by the model itself, for tests of the services."""
    table = pd.DataFrame({"probability": probability}, index=joined.index)
    table.to_csv(path, lineterminator="\n", float_format="%.12f")


def digest(folder: Path) -> str:
    """SHA-256 over the three files, in their order."""
    total = hashlib.sha256()
    for name in FILES:
        total.update((folder / name).read_bytes())
    return total.hexdigest()
