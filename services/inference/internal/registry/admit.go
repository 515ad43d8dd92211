package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// GoldenTolerance is how far an answer may be from the training framework's own.
const GoldenTolerance = 1e-5

// timedRuns is how many single rows are scored to find the median latency; the
// first ones also warm the session up.
const timedRuns = 200

// Reasons to refuse a version, besides those of modelpkg, features and engine.
var (
	ErrName    = errors.New("the manifest names another model than the folder")
	ErrGolden  = errors.New("the graph does not answer the golden rows as the training framework did")
	ErrLatency = errors.New("scoring one row takes longer than the manifest's budget")
)

// admit loads a version and checks all that can be checked before it answers
// anybody.
func admit(model string, number int32, folder string, runtime engine.Runtime) *Version {
	version := &Version{Model: model, Number: number, LoadTime: time.Now().UTC()}
	version.Refusal = version.load(folder, runtime)
	if version.Refusal != nil && version.Session != nil {
		version.Refusal = errors.Join(version.Refusal, version.Session.Close())
		version.Session = nil
	}
	return version
}

func (v *Version) load(folder string, runtime engine.Runtime) error {
	var err error
	if v.Package, err = modelpkg.Read(folder); err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	manifest := &v.Package.Manifest
	if manifest.Name != v.Model {
		return fmt.Errorf("%w: %s, not %s", ErrName, manifest.Name, v.Model)
	}
	if v.Plan, err = features.NewPlan(manifest.Features); err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	if v.Session, err = runtime.Load(v.Package.Graph, v.Plan.Width()); err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	row, err := v.checkGolden()
	if err != nil {
		return err
	}
	return v.checkLatency(row)
}

// checkGolden compares the graph's answers with the package's golden rows and
// returns one encoded row.
func (v *Version) checkGolden() ([]float32, error) {
	var rows []float32
	for _, golden := range v.Package.Golden.Rows {
		profile, err := goldenProfile(golden)
		if err != nil {
			return nil, fmt.Errorf("%w: row %q: %w", ErrGolden, golden.Name, err)
		}
		if v.Example == nil {
			v.Example = profile
		}
		var problems []features.Problem
		if rows, problems = v.Plan.Encode(rows, profile); len(problems) > 0 {
			return nil, fmt.Errorf("%w: row %q: %s %s", ErrGolden, golden.Name, problems[0].Field, problems[0].Description)
		}
	}
	out := make([]float32, len(v.Package.Golden.Rows))
	if err := v.Session.Score(rows, out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGolden, err)
	}
	for i, golden := range v.Package.Golden.Rows {
		got := float64(out[i])
		if math.IsNaN(got) || math.Abs(got-golden.Probability) > GoldenTolerance {
			return nil, fmt.Errorf("%w: row %q gives %g instead of %g", ErrGolden, golden.Name, got, golden.Probability)
		}
	}
	return rows[:v.Plan.Width()], nil
}

// checkLatency measures the median time of scoring one row, in microseconds.
func (v *Version) checkLatency(row []float32) error {
	times := make([]time.Duration, timedRuns)
	out := make([]float32, 1)
	for i := range times {
		start := time.Now()
		if err := v.Session.Score(row, out); err != nil {
			return fmt.Errorf("%w: %w", ErrLatency, err)
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	v.LatencyUs = float64(times[len(times)/2]) / float64(time.Microsecond)
	if budget := v.Package.Manifest.LatencyBudgetUs; v.LatencyUs > budget {
		return fmt.Errorf("%w: %.0f us, the budget is %.0f us", ErrLatency, v.LatencyUs, budget)
	}
	return nil
}

func goldenProfile(row modelpkg.GoldenRow) (*futurisysv1.EmployeeProfile, error) {
	raw, err := json.Marshal(row.Profile)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	var profile futurisysv1.EmployeeProfile
	if err := protojson.Unmarshal(raw, &profile); err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	return &profile, nil
}
