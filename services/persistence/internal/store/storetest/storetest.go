// Package storetest is the suite that every store must pass, whatever keeps its
// rows.
package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// Run runs the suite; open gives each test an empty store.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, store.Store){
		"employee round trip":             employeeRoundTrip,
		"employee id is given":            employeeIDIsGiven,
		"employee id is taken":            employeeIDIsTaken,
		"an id is given once":             idIsGivenOnce,
		"many employees at once":          manyEmployeesAtOnce,
		"nobody inherits predictions":     nobodyInheritsPredictions,
		"employee is missing":             employeeIsMissing,
		"update refuses and changes":      updateRefusesAndChanges,
		"updates at once lose nothing":    updatesAtOnceLoseNothing,
		"delete keeps predictions":        deleteKeepsPredictions,
		"a new etag after a new record":   newEtagAfterNewRecord,
		"employees page by page":          employeesPageByPage,
		"employees filtered":              employeesFiltered,
		"search takes text literally":     searchTakesTextLiterally,
		"search knows no accents":         searchKnowsNoAccents,
		"newest prediction is shown":      newestPredictionIsShown,
		"only a score is the newest":      onlyAScoreIsTheNewest,
		"employees by newest prediction":  employeesByNewestPrediction,
		"the prediction before":           predictionBefore,
		"import counts and is repeated":   importCountsAndIsRepeated,
		"import without writing":          importWithoutWriting,
		"import of many":                  importOfMany,
		"prediction round trip":           predictionRoundTrip,
		"recording twice adds once":       recordingTwiceAddsOnce,
		"recording is all or none":        recordingIsAllOrNone,
		"the first answer is the record":  firstAnswerIsTheRecord,
		"a conflict is kept":              conflictIsKept,
		"conflicts page by page":          conflictsPageByPage,
		"one id many times at once":       oneIDManyTimesAtOnce,
		"predictions page by page":        predictionsPageByPage,
		"pages are stable while growing":  pagesAreStableWhileGrowing,
		"predictions filtered":            predictionsFiltered,
		"filters page by page":            filtersPageByPage,
		"rows of a file in its order":     rowsOfAFileInItsOrder,
		"a follower misses nothing":       followerMissesNothing,
		"the journal of aliases":          journalOfAliases,
		"followers of aliases":            followersOfAliases,
		"keys of callers":                 keysOfCallers,
		"audit events":                    auditEvents,
		"a change is kept with its event": changeIsKeptWithItsEvent,
		"an erased person is gone":        erasedPersonIsGone,
		"an erasure meets what comes":     erasureMeetsWhatComes,
		"a former person is erased":       formerPersonIsErased,
		"whoever had a number is erased":  whoeverHadANumberIsErased,
		"a long list is estimated":        longListIsEstimated,
		"a cancelled call does nothing":   cancelledCallDoesNothing,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// whole is a profile with every field set, differently for each seed.
func whole(seed int32) store.Profile {
	return store.Profile{
		Age: new(20 + seed%50), Gender: new("F"), MaritalStatus: new("Célibataire"), MonthlyIncome: new(1000 + seed),
		Department: new("Ressources Humaines"), JobTitle: new("Représentant Commercial"), PreviousEmployers: new(int32(0)),
		TotalExperienceYears: new(int32(8)), TenureYears: new(int32(6)), YearsInPosition: new(int32(4)),
		EnvironmentSatisfaction: new(int32(2)), JobSatisfaction: new(int32(4)), TeamSatisfaction: new(int32(1)), WorkLifeBalance: new(int32(3)),
		PreviousRating: new(int32(3)), CurrentRating: new(int32(4)), JobLevel: new(int32(5)), Overtime: new(false),
		LastRaisePercent: new(int32(11)), SavingsPlanParticipations: new(int32(0)), TrainingsLastYear: new(int32(2)),
		CommuteDistance: new(int32(29)), EducationLevel: new(int32(1)), FieldOfStudy: new("Infra & Cloud"),
		BusinessTravel: new("Frequent"), YearsSincePromotion: new(int32(0)), YearsUnderManager: new(int32(5)),
	}
}

func mustCreate(t *testing.T, s store.Store, employee store.Employee) *store.Employee {
	t.Helper()
	created, err := s.CreateEmployee(t.Context(), employee)
	if err != nil {
		t.Fatalf("create employee %d: %v", employee.ID, err)
	}
	return created
}

func prediction(employee int32, at time.Time) store.Prediction {
	p := store.Prediction{
		ID: uuid.Must(uuid.NewV7()).String(), Model: "attrition", ModelVersion: 1, ModelRevision: "sha256:abc",
		Probability: 0.1 + 0.2, Threshold: 0.32, PredictedLabel: "stays", RiskBand: "MODERATE",
		Profile: whole(employee), CreateTime: at.UTC().Truncate(time.Microsecond),
		Kind: store.Score, ProfileSource: store.FromCaller,
	}
	if employee != 0 {
		// Tests create persons 1, 2, 3 in turn, and generation 1 is that of the time before.
		p.EmployeeID, p.ProfileSource, p.EmployeeGeneration = &employee, store.FromRecord, employee+1
	}
	return p
}

// summary is what a list of employees shows of a prediction.
func summary(p store.Prediction) *store.Summary {
	return &store.Summary{
		ID: p.ID, Model: p.Model, ModelVersion: p.ModelVersion, Probability: p.Probability,
		Positive: p.Positive, RiskBand: p.RiskBand, CreateTime: p.CreateTime,
	}
}

func mustDelete(t *testing.T, s store.Store, id int32) {
	t.Helper()
	if err := s.DeleteEmployee(t.Context(), id, func(*store.Employee) error { return nil }); err != nil {
		t.Fatalf("delete employee %d: %v", id, err)
	}
}

func mustRecord(t *testing.T, s store.Store, predictions ...store.Prediction) {
	t.Helper()
	recorded, err := s.RecordPredictions(t.Context(), predictions, false)
	if err != nil || recorded.Added != len(predictions) || len(recorded.Earlier) != 0 {
		t.Fatalf("record %d predictions: %+v, %v", len(predictions), recorded, err)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(store.Prediction{}, "CommitSequence")); difference != "" {
		t.Errorf("not what was expected (-want +got):\n%s", difference)
	}
}

func fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}
