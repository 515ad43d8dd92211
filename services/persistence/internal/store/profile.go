package store

// Profile is what is known of a person. Every field may be absent: nil differs
// from 0. Names, units and ranges are those of the API's EmployeeProfile.
type Profile struct {
	Age                       *int32
	Gender                    *string
	MaritalStatus             *string
	MonthlyIncome             *int32
	Department                *string
	JobTitle                  *string
	PreviousEmployers         *int32
	TotalExperienceYears      *int32
	TenureYears               *int32
	YearsInPosition           *int32
	EnvironmentSatisfaction   *int32
	JobSatisfaction           *int32
	TeamSatisfaction          *int32
	WorkLifeBalance           *int32
	PreviousRating            *int32
	CurrentRating             *int32
	JobLevel                  *int32
	Overtime                  *bool
	LastRaisePercent          *int32
	SavingsPlanParticipations *int32
	TrainingsLastYear         *int32
	CommuteDistance           *int32
	EducationLevel            *int32
	FieldOfStudy              *string
	BusinessTravel            *string
	YearsSincePromotion       *int32
	YearsUnderManager         *int32
}
