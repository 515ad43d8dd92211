package features

import (
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

type profile = futurisysv1.EmployeeProfile

// field reads one field of a profile; exactly one of the three is set, and each
// returns nil for a field that is absent.
type field struct {
	number   func(*profile) *int32
	category func(*profile) *string
	boolean  func(*profile) *bool
}

// kind is the type that a manifest must give to a feature of this field.
func (f field) kind() string {
	switch {
	case f.category != nil:
		return modelpkg.TypeCategory
	case f.boolean != nil:
		return modelpkg.TypeBoolean
	default:
		return modelpkg.TypeNumber
	}
}

// fields are the fields of the API's profile by name. Plain functions, because
// reading 24 fields by reflection costs more than the rest of a prediction.
func fields() map[string]field {
	return map[string]field{
		"age":                         {number: func(p *profile) *int32 { return p.Age }},
		"gender":                      {category: func(p *profile) *string { return p.Gender }},
		"marital_status":              {category: func(p *profile) *string { return p.MaritalStatus }},
		"monthly_income":              {number: func(p *profile) *int32 { return p.MonthlyIncome }},
		"department":                  {category: func(p *profile) *string { return p.Department }},
		"job_title":                   {category: func(p *profile) *string { return p.JobTitle }},
		"previous_employers":          {number: func(p *profile) *int32 { return p.PreviousEmployers }},
		"total_experience_years":      {number: func(p *profile) *int32 { return p.TotalExperienceYears }},
		"tenure_years":                {number: func(p *profile) *int32 { return p.TenureYears }},
		"years_in_position":           {number: func(p *profile) *int32 { return p.YearsInPosition }},
		"environment_satisfaction":    {number: func(p *profile) *int32 { return p.EnvironmentSatisfaction }},
		"job_satisfaction":            {number: func(p *profile) *int32 { return p.JobSatisfaction }},
		"team_satisfaction":           {number: func(p *profile) *int32 { return p.TeamSatisfaction }},
		"work_life_balance":           {number: func(p *profile) *int32 { return p.WorkLifeBalance }},
		"previous_rating":             {number: func(p *profile) *int32 { return p.PreviousRating }},
		"current_rating":              {number: func(p *profile) *int32 { return p.CurrentRating }},
		"job_level":                   {number: func(p *profile) *int32 { return p.JobLevel }},
		"overtime":                    {boolean: func(p *profile) *bool { return p.Overtime }},
		"last_raise_percent":          {number: func(p *profile) *int32 { return p.LastRaisePercent }},
		"savings_plan_participations": {number: func(p *profile) *int32 { return p.SavingsPlanParticipations }},
		"trainings_last_year":         {number: func(p *profile) *int32 { return p.TrainingsLastYear }},
		"commute_distance":            {number: func(p *profile) *int32 { return p.CommuteDistance }},
		"education_level":             {number: func(p *profile) *int32 { return p.EducationLevel }},
		"field_of_study":              {category: func(p *profile) *string { return p.FieldOfStudy }},
		"business_travel":             {category: func(p *profile) *string { return p.BusinessTravel }},
		"years_since_promotion":       {number: func(p *profile) *int32 { return p.YearsSincePromotion }},
		"years_under_manager":         {number: func(p *profile) *int32 { return p.YearsUnderManager }},
	}
}
