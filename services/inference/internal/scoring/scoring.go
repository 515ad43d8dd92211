// Package scoring turns rows into predictions that are on record.
package scoring

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/registry"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/rules"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Recorder puts predictions on record and says on each what became of it.
type Recorder interface {
	// Admit says before anything is scored whether it could be put on record.
	Admit() error
	// Record may put an earlier answer in a prediction's place; reused are those
	// whose request_id belongs to another row. An error means that none may be
	// answered.
	Record(ctx context.Context, predictions []*futurisysv1.Prediction) (reused []int, err error)
}

// Row is one thing to score.
type Row struct {
	Profile *futurisysv1.EmployeeProfile
	// Employee is whom the row is about; nil: nobody on record.
	Employee *futurisysv1.Employee
	// FromRecord says that the profile is the employee's record, and not what a caller sent.
	FromRecord bool
	Kind       futurisysv1.PredictionKind // unspecified: a score
	Number     int32                      // the caller's number of the row; 0: none
	ID         string                     // the caller's name of the row
	Name       RowName
	Explain    *futurisysv1.ExplainOptions // nil: no reasons are asked for
}

// Outcome is what came of one row: a prediction, or all that is wrong with it, or that
// its request_id belongs to another row, or that the version gave no probability.
type Outcome struct {
	Prediction *futurisysv1.Prediction
	Problems   []*futurisysv1.Violation
	Reused     bool
	NoAnswer   bool
}

// Scorer scores rows. It may be used by many goroutines at once.
type Scorer struct {
	recorder Recorder
	rules    rules.Checker
	metrics  *metrics
}

// New returns a scorer that records with recorder. The API's own rules for a
// profile are compiled now, not at the first call.
func New(recorder Recorder, registry prometheus.Registerer) (*Scorer, error) {
	checker, err := rules.New(&futurisysv1.EmployeeProfile{})
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	return &Scorer{recorder: recorder, rules: checker, metrics: newMetrics(registry)}, nil
}

// Score scores rows with a version that the caller acquired, in one run of the
// graph, and records what was predicted. Outcomes are in the order of the rows.
// batchID may be empty.
func (s *Scorer) Score(ctx context.Context, version *registry.Version, rows []Row, batchID string) ([]Outcome, error) {
	if err := s.recorder.Admit(); err != nil {
		return nil, err //nolint:wrapcheck // what the caller gets
	}
	outcomes := make([]Outcome, len(rows))
	encoded := make([]float32, 0, len(rows)*version.Plan.Width())
	good := make([]int, 0, len(rows))
	for i, row := range rows {
		kept := len(encoded)
		if encoded, outcomes[i].Problems = s.encode(version.Plan, encoded, row.Profile); len(outcomes[i].Problems) > 0 {
			encoded = encoded[:kept]
			continue
		}
		good = append(good, i)
	}
	if len(good) == 0 {
		return outcomes, nil
	}
	probabilities := make([]float32, len(good))
	start := time.Now()
	if err := version.Session.Score(encoded, probabilities); err != nil {
		return nil, fmt.Errorf("score with %s/%d: %w", version.Model, version.Number, err)
	}
	s.metrics.score.Observe(time.Since(start).Seconds())
	good, encoded, probabilities = answered(version.Plan.Width(), good, encoded, probabilities, outcomes)
	if len(good) == 0 {
		return outcomes, nil
	}
	predictions, subject := make([]*futurisysv1.Prediction, len(good)), access.Subject(ctx)
	for n, i := range good {
		prediction, err := predict(version, rows[i], float64(probabilities[n]))
		if err != nil {
			return nil, err
		}
		prediction.BatchId, prediction.Principal = batchID, subject
		predictions[n] = prediction
	}
	if err := s.addExplanations(ctx, version, rows, good, encoded, predictions); err != nil {
		return nil, err
	}
	reused, err := s.recorder.Record(ctx, predictions)
	if err != nil {
		return nil, fmt.Errorf("record the predictions: %w", err)
	}
	s.metrics.count(predictions)
	for n, i := range good {
		outcomes[i].Prediction = predictions[n]
	}
	for _, n := range reused {
		outcomes[good[n]] = Outcome{Reused: true}
	}
	return outcomes, nil
}

// answered are the rows that got a probability; of the others the outcome says that they
// did not. Admission tries a version on much, and not on everything.
func answered(width int, good []int, encoded, probabilities []float32, outcomes []Outcome) ([]int, []float32, []float32) {
	kept := 0
	for n, i := range good {
		if !registry.IsProbability(float64(probabilities[n])) {
			outcomes[i].NoAnswer = true
			continue
		}
		good[kept], probabilities[kept] = i, probabilities[n]
		copy(encoded[kept*width:(kept+1)*width], encoded[n*width:(n+1)*width])
		kept++
	}
	return good[:kept], encoded[:kept*width], probabilities[:kept]
}

// encode appends the profile's row, and says all that is wrong with it: by the
// API's rules and by the version.
func (s *Scorer) encode(plan *features.Plan, rows []float32, profile *futurisysv1.EmployeeProfile) ([]float32, []*futurisysv1.Violation) {
	if profile == nil {
		profile = &futurisysv1.EmployeeProfile{}
	}
	problems := s.rules.Check(profile)
	rows, unfit := plan.Encode(rows, profile)
	return rows, append(problems, unfit...)
}

// predict says what a probability means by the version's manifest. The time is
// cut to microseconds, which is what databases keep: the answer and the record
// are the same to the digit.
func predict(version *registry.Version, row Row, probability float64) (*futurisysv1.Prediction, error) {
	id := row.Name.predictionID
	if id == "" {
		var err error
		if id, err = newID(); err != nil {
			return nil, fmt.Errorf("make an id: %w", err)
		}
	}
	manifest := &version.Package.Manifest
	prediction := &futurisysv1.Prediction{
		Id:             id,
		RequestId:      row.Name.requestID,
		Kind:           max(row.Kind, futurisysv1.PredictionKind_PREDICTION_KIND_SCORE),
		ProfileSource:  futurisysv1.ProfileSource_PROFILE_SOURCE_CALLER,
		RowNumber:      row.Number,
		RowId:          row.ID,
		Model:          version.Model,
		ModelVersion:   version.Number,
		ModelRevision:  version.Revision,
		Probability:    probability,
		Threshold:      manifest.Threshold.Value,
		PredictedLabel: manifest.NegativeLabel,
		Positive:       probability >= manifest.Threshold.Value,
		Profile:        row.Profile,
		CreateTime:     timestamppb.New(time.Now().UTC().Truncate(time.Microsecond)),
	}
	if row.Employee != nil {
		prediction.EmployeeId, prediction.EmployeeGeneration = new(row.Employee.GetId()), row.Employee.GetGeneration()
	}
	if row.FromRecord {
		prediction.ProfileSource = futurisysv1.ProfileSource_PROFILE_SOURCE_RECORD
	}
	if row.Name.requestID != "" {
		prediction.RequestedVersion = new(row.Name.requested)
	}
	if prediction.GetPositive() {
		prediction.PredictedLabel = manifest.PositiveLabel
	}
	for _, band := range manifest.Bands {
		if probability >= band.From {
			prediction.RiskBand = band.Name
		}
	}
	prediction.Warnings = version.Plan.Warnings(row.Profile)
	return prediction, nil
}
