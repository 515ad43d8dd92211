package ingest

import "github.com/futurisys/futurisys/services/persistence/internal/store"

// column is one column of the extracts that is stored.
type column struct {
	source string // as the extracts spell it, misspellings included
	field  string // name in the API
	kind   Kind   // the extract that has it
	set    setter
}

// columns are the columns that an import stores.
func columns() []column {
	return []column{
		{"age", "age", SIRH, number(func(p *store.Profile) **int32 { return &p.Age })},
		{"genre", "gender", SIRH, text(func(p *store.Profile) **string { return &p.Gender })},
		{"revenu_mensuel", "monthly_income", SIRH, number(func(p *store.Profile) **int32 { return &p.MonthlyIncome })},
		{"statut_marital", "marital_status", SIRH, text(func(p *store.Profile) **string { return &p.MaritalStatus })},
		{"departement", "department", SIRH, text(func(p *store.Profile) **string { return &p.Department })},
		{"poste", "job_title", SIRH, text(func(p *store.Profile) **string { return &p.JobTitle })},
		{"nombre_experiences_precedentes", "previous_employers", SIRH, number(func(p *store.Profile) **int32 { return &p.PreviousEmployers })},
		{"annee_experience_totale", "total_experience_years", SIRH, number(func(p *store.Profile) **int32 { return &p.TotalExperienceYears })},
		{"annees_dans_l_entreprise", "tenure_years", SIRH, number(func(p *store.Profile) **int32 { return &p.TenureYears })},
		{"annees_dans_le_poste_actuel", "years_in_position", SIRH, number(func(p *store.Profile) **int32 { return &p.YearsInPosition })},
		{"satisfaction_employee_environnement", "environment_satisfaction", Evaluation, number(func(p *store.Profile) **int32 { return &p.EnvironmentSatisfaction })},
		{"note_evaluation_precedente", "previous_rating", Evaluation, number(func(p *store.Profile) **int32 { return &p.PreviousRating })},
		{"niveau_hierarchique_poste", "job_level", Evaluation, number(func(p *store.Profile) **int32 { return &p.JobLevel })},
		{"satisfaction_employee_nature_travail", "job_satisfaction", Evaluation, number(func(p *store.Profile) **int32 { return &p.JobSatisfaction })},
		{"satisfaction_employee_equipe", "team_satisfaction", Evaluation, number(func(p *store.Profile) **int32 { return &p.TeamSatisfaction })},
		{"satisfaction_employee_equilibre_pro_perso", "work_life_balance", Evaluation, number(func(p *store.Profile) **int32 { return &p.WorkLifeBalance })},
		{"note_evaluation_actuelle", "current_rating", Evaluation, number(func(p *store.Profile) **int32 { return &p.CurrentRating })},
		{"heure_supplementaires", "overtime", Evaluation, yesNo(func(p *store.Profile) **bool { return &p.Overtime })},
		{"augementation_salaire_precedente", "last_raise_percent", Evaluation, percentage(func(p *store.Profile) **int32 { return &p.LastRaisePercent })},
		{"nombre_participation_pee", "savings_plan_participations", Survey, number(func(p *store.Profile) **int32 { return &p.SavingsPlanParticipations })},
		{"nb_formations_suivies", "trainings_last_year", Survey, number(func(p *store.Profile) **int32 { return &p.TrainingsLastYear })},
		{"distance_domicile_travail", "commute_distance", Survey, number(func(p *store.Profile) **int32 { return &p.CommuteDistance })},
		{"niveau_education", "education_level", Survey, number(func(p *store.Profile) **int32 { return &p.EducationLevel })},
		{"domaine_etude", "field_of_study", Survey, text(func(p *store.Profile) **string { return &p.FieldOfStudy })},
		{"frequence_deplacement", "business_travel", Survey, text(func(p *store.Profile) **string { return &p.BusinessTravel })},
		{"annees_depuis_la_derniere_promotion", "years_since_promotion", Survey, number(func(p *store.Profile) **int32 { return &p.YearsSincePromotion })},
		{"annes_sous_responsable_actuel", "years_under_manager", Survey, number(func(p *store.Profile) **int32 { return &p.YearsUnderManager })},
	}
}
