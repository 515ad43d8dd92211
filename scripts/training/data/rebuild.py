"""Rebuild the three French HR extracts from the public data they come from.

Run it only to prove where the extracts come from; they are committed, so nobody
needs R to run or test the project:

    apt-get install r-cran-modeldata
    python scripts/training/data/rebuild.py [FOLDER]

The source is the `attrition` data of Debian's r-cran-modeldata. The spelling of
columns and values is that of the company's extracts, misspellings included.
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

DEPARTMENT = {
    "Sales": "Commercial",
    "Research_Development": "Consulting",
    "Human_Resources": "Ressources Humaines",
}
JOB = {
    "Sales_Executive": "Cadre Commercial",
    "Research_Scientist": "Assistant de Direction",
    "Laboratory_Technician": "Consultant",
    "Manufacturing_Director": "Tech Lead",
    "Healthcare_Representative": "Manager",
    "Manager": "Senior Manager",
    "Sales_Representative": "Représentant Commercial",
    "Research_Director": "Directeur Technique",
    "Human_Resources": "Ressources Humaines",
}
FIELD = {
    "Life_Sciences": "Infra & Cloud",
    "Medical": "Transformation Digitale",
    "Marketing": "Marketing",
    "Technical_Degree": "Entrepreunariat",
    "Other": "Autre",
    "Human_Resources": "Ressources Humaines",
}
TRAVEL = {
    "Travel_Rarely": "Occasionnel",
    "Travel_Frequently": "Frequent",
    "Non-Travel": "Aucun",
}
MARITAL = {"Married": "Marié(e)", "Single": "Célibataire", "Divorced": "Divorcé(e)"}
YES_NO = {"Yes": "Oui", "No": "Non"}
GENDER = {"Female": "F", "Male": "M"}
LEVEL = {"Low": "1", "Medium": "2", "High": "3", "Very_High": "4"}
BALANCE = {"Bad": "1", "Good": "2", "Better": "3", "Best": "4"}
RATING = {"Low": "1", "Good": "2", "Excellent": "3", "Outstanding": "4"}
EDUCATION = {
    "Below_College": "1",
    "College": "2",
    "Bachelor": "3",
    "Master": "4",
    "Doctor": "5",
}


def sirh(row: dict[str, str]) -> dict[str, str]:
    """The extract of the HR system."""
    return {
        "id_employee": row[""],
        "age": row["Age"],
        "genre": GENDER[row["Gender"]],
        "revenu_mensuel": row["MonthlyIncome"],
        "statut_marital": MARITAL[row["MaritalStatus"]],
        "departement": DEPARTMENT[row["Department"]],
        "poste": JOB[row["JobRole"]],
        "nombre_experiences_precedentes": row["NumCompaniesWorked"],
        "nombre_heures_travailless": "80",
        "annee_experience_totale": row["TotalWorkingYears"],
        "annees_dans_l_entreprise": row["YearsAtCompany"],
        "annees_dans_le_poste_actuel": row["YearsInCurrentRole"],
    }


def evaluation(row: dict[str, str]) -> dict[str, str]:
    """The extract of the yearly reviews."""
    return {
        "satisfaction_employee_environnement": LEVEL[row["EnvironmentSatisfaction"]],
        "note_evaluation_precedente": LEVEL[row["JobInvolvement"]],
        "niveau_hierarchique_poste": row["JobLevel"],
        "satisfaction_employee_nature_travail": LEVEL[row["JobSatisfaction"]],
        "satisfaction_employee_equipe": LEVEL[row["RelationshipSatisfaction"]],
        "satisfaction_employee_equilibre_pro_perso": BALANCE[row["WorkLifeBalance"]],
        "eval_number": "E_" + row[""],
        "note_evaluation_actuelle": RATING[row["PerformanceRating"]],
        "heure_supplementaires": YES_NO[row["OverTime"]],
        "augementation_salaire_precedente": row["PercentSalaryHike"] + " %",
    }


def survey(row: dict[str, str]) -> dict[str, str]:
    """The extract of the survey, with the outcome."""
    return {
        "a_quitte_l_entreprise": YES_NO[row["Attrition"]],
        "nombre_participation_pee": row["StockOptionLevel"],
        "nb_formations_suivies": row["TrainingTimesLastYear"],
        "nombre_employee_sous_responsabilite": "1",
        "code_sondage": row[""].zfill(5),
        "distance_domicile_travail": row["DistanceFromHome"],
        "niveau_education": EDUCATION[row["Education"]],
        "domaine_etude": FIELD[row["EducationField"]],
        "ayant_enfants": "Y",
        "frequence_deplacement": TRAVEL[row["BusinessTravel"]],
        "annees_depuis_la_derniere_promotion": row["YearsSinceLastPromotion"],
        "annes_sous_responsable_actuel": row["YearsWithCurrManager"],
    }


EXTRACTS = {
    "extrait_sirh.csv": sirh,
    "extrait_eval.csv": evaluation,
    "extrait_sondage.csv": survey,
}


def main() -> None:
    """Write the extracts into the folder that is named, or beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "attrition.csv"
        subprocess.run(["Rscript", str(HERE / "export.R"), str(source)], check=True)
        with source.open(newline="", encoding="utf-8") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: int(row[""]))
    for name, columns in EXTRACTS.items():
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(columns(row) for row in rows)
        print(f"{name}: {len(rows)} employees")


if __name__ == "__main__":
    main()
