"""The extracts are what the design says, and a broken one is refused."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from futurisys_training import extracts

DATA = Path(__file__).parents[1] / "data"


def test_extracts_hold_every_employee_once():
    joined = extracts.read(DATA)
    assert len(joined) == 1470
    assert joined.index.is_unique
    assert extracts.outcome(joined).sum() == 237
    people = extracts.profiles(joined)
    assert people["overtime"].sum() == 416
    assert people["last_raise_percent"].between(11, 25).all()
    assert people["department"].value_counts().to_dict() == {
        "Consulting": 961,
        "Commercial": 446,
        "Ressources Humaines": 63,
    }
    assert people["job_title"].value_counts()["Représentant Commercial"] == 83
    assert people["field_of_study"].value_counts()["Entrepreunariat"] == 132


def test_held_out_is_stratified_and_stable():
    joined = extracts.read(DATA)
    train, held_out = extracts.split(joined, 42)
    assert (len(train), len(held_out)) == (1176, 294)
    assert extracts.outcome(held_out).sum() == 47
    committed = pd.read_csv(DATA / "X_test.csv", index_col="id_employee")
    assert list(committed.index) == list(held_out.index)
    truth = pd.read_csv(DATA / "y_test.csv", index_col="id_employee")
    assert (truth["a_quitte_l_entreprise"] == held_out["a_quitte_l_entreprise"]).all()
    assert "a_quitte_l_entreprise" not in committed.columns


@pytest.mark.parametrize(
    ("name", "find", "put", "message"),
    [
        ("extrait_eval.csv", "E_2,", "E_1,", "twice"),
        ("extrait_sondage.csv", "00002", "99999", "same employees"),
        ("extrait_sondage.csv", "Oui,0,0,1,00001", "Peut-être,0,0,1,00001", "Oui or Non"),
        ("extrait_sirh.csv", "1,41,F", "1,,F", "missing"),
    ],
)
def test_broken_extract_is_refused(tmp_path, name, find, put, message):
    for file in extracts.FILES:
        shutil.copy(DATA / file, tmp_path / file)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert find in text
    (tmp_path / name).write_text(text.replace(find, put, 1), encoding="utf-8")
    with pytest.raises(extracts.DataError, match=message):
        extracts.read(tmp_path)
