package features_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// A field of the API without a reader here could not be a feature, and one that
// reads another field would be a silent wrong score.
func TestEveryFieldOfTheAPIIsReadAsItself(t *testing.T) {
	fields := (&futurisysv1.EmployeeProfile{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		profile := &futurisysv1.EmployeeProfile{}
		feature := modelpkg.Feature{Name: string(field.Name())}
		want := float32(1)
		switch field.Kind() {
		case protoreflect.Int32Kind:
			feature.Type, want = modelpkg.TypeNumber, 3
			profile.ProtoReflect().Set(field, protoreflect.ValueOfInt32(3))
		case protoreflect.BoolKind:
			feature.Type = modelpkg.TypeBoolean
			profile.ProtoReflect().Set(field, protoreflect.ValueOfBool(true))
		default:
			feature.Type, feature.Categories = modelpkg.TypeCategory, []string{"other", "this"}
			profile.ProtoReflect().Set(field, protoreflect.ValueOfString("this"))
		}
		plan, err := features.NewPlan([]modelpkg.Feature{feature})
		if err != nil {
			t.Fatal(err)
		}
		row, problems := plan.Encode(nil, profile)
		if len(problems) != 0 || row[0] != want {
			t.Errorf("%s: got %v, %v, want %g", field.Name(), row, problems, want)
		}
		if row, _ = plan.Encode(nil, &futurisysv1.EmployeeProfile{}); !math.IsNaN(float64(row[0])) {
			t.Errorf("%s: absent is missing (NaN), got %g", field.Name(), row[0])
		}
	}
}

func TestFeatureThatTheAPICannotGiveIsRefused(t *testing.T) {
	for name, feature := range map[string]modelpkg.Feature{
		"unknown field": {Name: "shoe_size", Type: modelpkg.TypeNumber},
		"other type":    {Name: "department", Type: modelpkg.TypeNumber},
	} {
		if _, err := features.NewPlan([]modelpkg.Feature{feature}); !errors.Is(err, features.ErrFeature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func committedPlan(t *testing.T) (*features.Plan, *futurisysv1.EmployeeProfile) {
	t.Helper()
	found, err := modelpkg.Read(os.DirFS(filepath.Join(enginetest.Repository(), "attrition/1")))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := features.NewPlan(found.Manifest.Features)
	if err != nil {
		t.Fatal(err)
	}
	return plan, &futurisysv1.EmployeeProfile{
		MonthlyIncome: proto.Int32(5000), Department: new("Consulting"), JobTitle: new("Consultant"),
		PreviousEmployers: proto.Int32(1), TotalExperienceYears: proto.Int32(10), TenureYears: proto.Int32(5),
		YearsInPosition: proto.Int32(2), EnvironmentSatisfaction: proto.Int32(3), JobSatisfaction: proto.Int32(3),
		TeamSatisfaction: proto.Int32(3), WorkLifeBalance: proto.Int32(3), PreviousRating: proto.Int32(3), CurrentRating: proto.Int32(3),
		JobLevel: proto.Int32(2), Overtime: new(false), LastRaisePercent: proto.Int32(12),
		SavingsPlanParticipations: proto.Int32(0), TrainingsLastYear: proto.Int32(2), CommuteDistance: proto.Int32(5),
		EducationLevel: proto.Int32(3), FieldOfStudy: new("Marketing"), BusinessTravel: new("Aucun"),
		YearsSincePromotion: proto.Int32(1), YearsUnderManager: proto.Int32(2),
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	plan, profile := committedPlan(t)
	if row, problems := plan.Encode(nil, profile); len(problems) != 0 || len(row) != plan.Width() {
		t.Fatalf("a whole profile: %v", problems)
	}
	profile.Department = new("<script>" + strings.Repeat("é", 60))
	profile.JobTitle = new("consultant") // another case is another value
	profile.Overtime, profile.CommuteDistance = nil, nil
	_, problems := plan.Encode(nil, profile)
	got := map[string]string{}
	for _, problem := range problems {
		got[problem.GetField()] = problem.GetMessage()
	}
	for field, want := range map[string]string{
		"department":       "allowed: Commercial, Consulting, Ressources Humaines",
		"job_title":        `unknown value "consultant"`,
		"overtime":         "is required",
		"commute_distance": "is required",
	} {
		if !strings.Contains(got[field], want) {
			t.Errorf("%s: got %q, want %q", field, got[field], want)
		}
	}
	if len(problems) != 4 || len(got["department"]) > 300 {
		t.Errorf("got %v", problems)
	}
}

func TestWarningsDoNotStopAScore(t *testing.T) {
	plan, profile := committedPlan(t)
	if warnings := plan.Warnings(profile); len(warnings) != 0 {
		t.Fatalf("an ordinary profile: %v", warnings)
	}
	profile.MonthlyIncome, profile.TenureYears, profile.YearsInPosition = proto.Int32(900000), proto.Int32(11), proto.Int32(12)
	got := map[string]string{}
	for _, warning := range plan.Warnings(profile) {
		got[warning.GetField()] = warning.GetMessage()
	}
	if !strings.Contains(got["monthly_income"], "training range 1009 to") ||
		!strings.Contains(got["tenure_years"], "more than total_experience_years") ||
		!strings.Contains(got["years_in_position"], "more than tenure_years") || len(got) != 3 {
		t.Errorf("got %v", got)
	}
	if _, problems := plan.Encode(nil, profile); len(problems) != 0 {
		t.Errorf("got %v", problems)
	}
}

func TestMissingValueIsImputedAsTheManifestSays(t *testing.T) {
	impute := 7.5
	plan, err := features.NewPlan([]modelpkg.Feature{{Name: "age", Type: modelpkg.TypeNumber, Impute: &impute}})
	if err != nil {
		t.Fatal(err)
	}
	if row, problems := plan.Encode(nil, &futurisysv1.EmployeeProfile{}); len(problems) != 0 || row[0] != 7.5 {
		t.Errorf("got %v, %v", row, problems)
	}
}
