package server

import (
	"github.com/futurisys/futurisys/services/persistence/internal/store"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func profileFromMessage(p *futurisysv1.EmployeeProfile) store.Profile {
	if p == nil {
		return store.Profile{}
	}
	return store.Profile{
		Age:                       p.Age,
		Gender:                    p.Gender,
		MaritalStatus:             p.MaritalStatus,
		MonthlyIncome:             p.MonthlyIncome,
		Department:                p.Department,
		JobTitle:                  p.JobTitle,
		PreviousEmployers:         p.PreviousEmployers,
		TotalExperienceYears:      p.TotalExperienceYears,
		TenureYears:               p.TenureYears,
		YearsInPosition:           p.YearsInPosition,
		EnvironmentSatisfaction:   p.EnvironmentSatisfaction,
		JobSatisfaction:           p.JobSatisfaction,
		TeamSatisfaction:          p.TeamSatisfaction,
		WorkLifeBalance:           p.WorkLifeBalance,
		PreviousRating:            p.PreviousRating,
		CurrentRating:             p.CurrentRating,
		JobLevel:                  p.JobLevel,
		Overtime:                  p.Overtime,
		LastRaisePercent:          p.LastRaisePercent,
		SavingsPlanParticipations: p.SavingsPlanParticipations,
		TrainingsLastYear:         p.TrainingsLastYear,
		CommuteDistance:           p.CommuteDistance,
		EducationLevel:            p.EducationLevel,
		FieldOfStudy:              p.FieldOfStudy,
		BusinessTravel:            p.BusinessTravel,
		YearsSincePromotion:       p.YearsSincePromotion,
		YearsUnderManager:         p.YearsUnderManager,
	}
}

func profileMessage(p store.Profile) *futurisysv1.EmployeeProfile {
	return &futurisysv1.EmployeeProfile{
		Age:                       p.Age,
		Gender:                    p.Gender,
		MaritalStatus:             p.MaritalStatus,
		MonthlyIncome:             p.MonthlyIncome,
		Department:                p.Department,
		JobTitle:                  p.JobTitle,
		PreviousEmployers:         p.PreviousEmployers,
		TotalExperienceYears:      p.TotalExperienceYears,
		TenureYears:               p.TenureYears,
		YearsInPosition:           p.YearsInPosition,
		EnvironmentSatisfaction:   p.EnvironmentSatisfaction,
		JobSatisfaction:           p.JobSatisfaction,
		TeamSatisfaction:          p.TeamSatisfaction,
		WorkLifeBalance:           p.WorkLifeBalance,
		PreviousRating:            p.PreviousRating,
		CurrentRating:             p.CurrentRating,
		JobLevel:                  p.JobLevel,
		Overtime:                  p.Overtime,
		LastRaisePercent:          p.LastRaisePercent,
		SavingsPlanParticipations: p.SavingsPlanParticipations,
		TrainingsLastYear:         p.TrainingsLastYear,
		CommuteDistance:           p.CommuteDistance,
		EducationLevel:            p.EducationLevel,
		FieldOfStudy:              p.FieldOfStudy,
		BusinessTravel:            p.BusinessTravel,
		YearsSincePromotion:       p.YearsSincePromotion,
		YearsUnderManager:         p.YearsUnderManager,
	}
}
