"""The fields of an employee's profile: names in the API, columns in the extracts, labels."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One field of the profile.

    kind is "continuous" (a measured number, its effect a broken line), "ordinal"
    (a scale of a few levels, its effect a staircase), "category" or "boolean".
    actionable says which way a manager can move it: "increase", "decrease", "any".
    """

    name: str
    column: str
    kind: str
    label_fr: str
    label_en: str
    unit: str = ""
    actionable: str = ""
    protected: bool = False


PROFILE = (
    Feature("age", "age", "continuous", "Âge", "Age", "years", protected=True),
    Feature("gender", "genre", "category", "Genre", "Gender", protected=True),
    Feature(
        "marital_status",
        "statut_marital",
        "category",
        "Statut marital",
        "Marital status",
        protected=True,
    ),
    Feature(
        "monthly_income",
        "revenu_mensuel",
        "continuous",
        "Revenu mensuel",
        "Monthly income",
        "currency units a month",
        "increase",
    ),
    Feature("department", "departement", "category", "Département", "Department"),
    Feature("job_title", "poste", "category", "Poste", "Job title"),
    Feature(
        "previous_employers",
        "nombre_experiences_precedentes",
        "continuous",
        "Employeurs précédents",
        "Previous employers",
        "count",
    ),
    Feature(
        "total_experience_years",
        "annee_experience_totale",
        "continuous",
        "Expérience totale",
        "Total experience",
        "years",
    ),
    Feature(
        "tenure_years",
        "annees_dans_l_entreprise",
        "continuous",
        "Ancienneté",
        "Tenure",
        "years",
    ),
    Feature(
        "years_in_position",
        "annees_dans_le_poste_actuel",
        "continuous",
        "Années dans le poste",
        "Years in position",
        "years",
    ),
    Feature(
        "environment_satisfaction",
        "satisfaction_employee_environnement",
        "ordinal",
        "Satisfaction : environnement",
        "Environment satisfaction",
        "1-4",
    ),
    Feature(
        "job_satisfaction",
        "satisfaction_employee_nature_travail",
        "ordinal",
        "Satisfaction : nature du travail",
        "Job satisfaction",
        "1-4",
    ),
    Feature(
        "team_satisfaction",
        "satisfaction_employee_equipe",
        "ordinal",
        "Satisfaction : équipe",
        "Team satisfaction",
        "1-4",
    ),
    Feature(
        "work_life_balance",
        "satisfaction_employee_equilibre_pro_perso",
        "ordinal",
        "Équilibre vie professionnelle / personnelle",
        "Work-life balance",
        "1-4",
    ),
    Feature(
        "previous_rating",
        "note_evaluation_precedente",
        "ordinal",
        "Évaluation précédente",
        "Previous rating",
        "1-4",
    ),
    Feature(
        "current_rating",
        "note_evaluation_actuelle",
        "ordinal",
        "Évaluation actuelle",
        "Current rating",
        "1-4",
    ),
    Feature(
        "job_level",
        "niveau_hierarchique_poste",
        "ordinal",
        "Niveau hiérarchique",
        "Job level",
        "1-5",
        "increase",
    ),
    Feature(
        "overtime",
        "heure_supplementaires",
        "boolean",
        "Heures supplémentaires",
        "Overtime",
        actionable="any",
    ),
    Feature(
        "last_raise_percent",
        "augementation_salaire_precedente",
        "continuous",
        "Dernière augmentation",
        "Last raise",
        "percent",
        "increase",
    ),
    Feature(
        "savings_plan_participations",
        "nombre_participation_pee",
        "ordinal",
        "Participations au PEE",
        "Savings plan participations",
        "count",
        "increase",
    ),
    Feature(
        "trainings_last_year",
        "nb_formations_suivies",
        "continuous",
        "Formations suivies",
        "Trainings last year",
        "count",
        "any",
    ),
    Feature(
        "commute_distance",
        "distance_domicile_travail",
        "continuous",
        "Distance domicile-travail",
        "Commute distance",
        "km",
    ),
    Feature(
        "education_level",
        "niveau_education",
        "ordinal",
        "Niveau d'éducation",
        "Education level",
        "1-5",
    ),
    Feature(
        "field_of_study",
        "domaine_etude",
        "category",
        "Domaine d'étude",
        "Field of study",
    ),
    Feature(
        "business_travel",
        "frequence_deplacement",
        "category",
        "Fréquence des déplacements",
        "Business travel",
        actionable="any",
    ),
    Feature(
        "years_since_promotion",
        "annees_depuis_la_derniere_promotion",
        "continuous",
        "Années depuis la promotion",
        "Years since promotion",
        "years",
    ),
    Feature(
        "years_under_manager",
        "annes_sous_responsable_actuel",
        "continuous",
        "Années sous le responsable",
        "Years under manager",
        "years",
    ),
)

INPUTS = tuple(feature for feature in PROFILE if not feature.protected)
PROTECTED = tuple(feature for feature in PROFILE if feature.protected)
